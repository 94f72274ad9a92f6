"""What the name of a file in a folder tells of it, on the disk and in a revision alike."""

from __future__ import annotations

from pathlib import PurePath

_SUFFIXES = frozenset({".yaml", ".yml"})


def is_hidden(name: str) -> bool:
    """Whether it is what a program keeps there for itself: `.pre-commit-hooks.yaml`, an editor's `.#edge.yaml`."""
    return name.startswith(".")


def is_yaml(name: str) -> bool:
    """Whether it is called YAML."""
    return PurePath(name).suffix in _SUFFIXES


def is_policy(name: str) -> bool:
    """Whether it is taken for a policy: YAML, neither a test nor hidden."""
    return is_yaml(name) and not PurePath(name).stem.endswith(".test") and not is_hidden(name)
