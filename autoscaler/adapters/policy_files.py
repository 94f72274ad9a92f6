"""Policies from a folder of YAML files, or from one file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.load import read_policies
from autoscaler.policy.naming import is_hidden, is_policy, is_yaml
from autoscaler.policy.schema import Policy


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
        texts, unreadable = read_texts(files)
        policies, wrong = read_policies(texts)
        if unreadable or wrong:
            raise ConfigurationError([*unreadable, *wrong])
        return tuple(policy for _, policy in policies)


def policy_files(path: Path) -> list[Path]:
    """List the policy files of a folder in name order; a file is its own list."""
    return [file for file in yaml_files(path) if file == path or is_policy(file.name)]


def yaml_files(path: Path) -> list[Path]:
    """List what is called YAML in a folder, tests too and subfolders not, in name order; a file is its own list.

    A link that leads nowhere is listed: reading it tells so. Raises ConfigurationError for an unreadable folder.
    """
    return [file for file in entries(path) if is_yaml(file.name)] if is_folder(path) else [path]


def entries(folder: Path) -> list[Path]:
    """List everything in a folder but folders and what is hidden, in name order.

    Raises ConfigurationError that names the folder.
    """
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise _unreadable(folder, error) from error
    return [file for file in found if not is_hidden(file.name) and not is_folder(file)]


def is_folder(path: Path) -> bool:
    """Whether a path is a folder. What cannot be asked is none: reading it tells why."""
    try:
        return S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def same_file(path: Path) -> Path:
    """Return what two names of one file have in common. A loop of links is like nothing else."""
    return Path(os.path.realpath(path))


def read_texts(files: Iterable[Path]) -> tuple[dict[str, str], list[Problem]]:
    """Return the texts of the files that can be read, by name, and what is wrong with the others."""
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for file in files:
        try:
            texts[str(file)] = read_text(file)
        except ConfigurationError as error:
            problems += error.problems
    return texts, problems


def read_text(file: Path) -> str:
    """Read a UTF-8 file with its line ends as they are: a patch of it has to have the same.

    Raises ConfigurationError that names it, for what is no regular file too: it may never end.
    """
    try:
        if not S_ISREG(file.stat().st_mode):
            raise ConfigurationError([_problem(file, "unreadable", "is no regular file")])
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        raise _unreadable(file, error) from error
    except ValueError as error:
        what = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "cannot be the name of a file"
        raise ConfigurationError([_problem(file, "unreadable", what)]) from error


def _unreadable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError([_problem(path, "unreadable", error.strerror or str(error))])


def _problem(path: Path, code: str, message: str) -> Problem:
    return Problem(str(path), 0, 0, code, message)
