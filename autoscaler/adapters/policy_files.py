"""Policies from a folder of YAML files, or from one file."""

from __future__ import annotations

from pathlib import Path

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy

_SUFFIXES = frozenset({".yaml", ".yml"})


class PolicyFiles:
    """Implements `ports.PolicySource` over a path. Files are read again at each `load`."""

    def __init__(self, path: Path) -> None:
        """Keep the path; nothing is read yet."""
        self._path = path

    def load(self) -> tuple[Policy, ...]:
        """Read and check every policy file below the path, tests beside them left out."""
        files = policy_files(self._path)
        if not files:
            raise ConfigurationError([_problem(self._path, "no-policies", "holds no policy file (*.yaml)")])
        return load_policies({str(file): read_text(file) for file in files})


def policy_files(path: Path) -> list[Path]:
    """List the policy files of a folder in name order; a file is its own list."""
    return [file for file in yaml_files(path) if file == path or not file.stem.endswith(".test")]


def yaml_files(path: Path) -> list[Path]:
    """List the YAML files of a folder, tests too and subfolders not, in name order; a file is its own list."""
    if not path.is_dir():
        return [path]
    return [file for file in sorted(path.iterdir()) if file.suffix in _SUFFIXES and file.is_file()]


def read_text(file: Path) -> str:
    """Read a UTF-8 file; raises ConfigurationError that names it."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([_problem(file, "unreadable", error.strerror or str(error))]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError([_problem(file, "unreadable", "is not UTF-8 text")]) from error


def _problem(path: Path, code: str, message: str) -> Problem:
    return Problem(str(path), 0, 0, code, message)
