"""YAML 1.2 with line marks: every value knows where it stands, so that every complaint can say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.marked import MarkedList, MarkedMap, read

Model = TypeVar("Model", bound=BaseModel)
Path = tuple[str | int, ...]

_MOST_CHARACTERS = 262_144
"""Nobody reviews a larger policy; reading stops being quick far above it."""


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed file. `root` is its plain values, marks included; `text` is what people wrote, comments included."""

    file: str
    root: MarkedMap
    text: str = ""

    def locate(self, path: Path) -> tuple[int, int]:
        """Return line and column, from 1, of the deepest part of `path` that the file has."""
        line, column = self.root.mark
        here: Any = self.root
        for step in path:
            if isinstance(here, MarkedMap) and step in here:
                line, column = here.marks[str(step)]
            elif isinstance(here, MarkedList) and isinstance(step, int) and step < len(here):
                line, column = here.marks[step]
            else:
                continue  # a step of pydantic's own, such as the name of a union's arm
            here = here[step]
        return line + 1, column + 1

    def problem(self, path: Path, code: str, message: str, hint: str = "") -> Problem:
        """Say what is wrong at `path`."""
        return Problem(self.file, *self.locate(path), code, message, hint)


def parse(text: str, file: str) -> Document:
    """Parse one file; raises ConfigurationError for broken YAML, a duplicate key, or anything but a mapping."""
    if len(text) > _MOST_CHARACTERS:
        raise ConfigurationError([Problem(file, 0, 0, "too-large", f"is longer than {_MOST_CHARACTERS} characters")])
    try:
        root = read(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        what = " ".join(str(error.problem or error.context or "cannot be read").split())
        raise ConfigurationError([Problem(file, line, column, "yaml", what)]) from error
    except YAMLError as error:
        raise ConfigurationError([Problem(file, 0, 0, "yaml", " ".join(str(error).split())[:200])]) from error
    if not isinstance(root, MarkedMap):
        found = "nothing" if root is None else "a list or a single value"
        raise ConfigurationError([Problem(file, 1, 1, "yaml", f"holds {found}; a mapping of keys is needed")])
    return Document(file, root, text)


def check(model: type[Model], document: Document) -> Model:
    """Check a document against its model; raises ConfigurationError with every problem at once, in file order."""
    return check_part(model, document.root, document, lambda path: path)


def check_part(model: type[Model], data: Any, document: Document, place: Callable[[Path], Path]) -> Model:  # noqa: ANN401 - whatever YAML held
    """Check values that were put together from a document; `place` tells where in it a path of theirs comes from."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        entries = error.errors(include_url=False, include_input=False)
        problems = [_problem(model, document, entry, place) for entry in entries if not _follows(model, entry, entries)]
        raise ConfigurationError(sorted(problems, key=lambda p: (p.line, p.column, p.code))) from error


def _follows(model: type[BaseModel], entry: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> bool:
    """Whether another entry tells the same mistake.

    A list is called too short because its items were wrong, and a key is called missing because it was misspelt.
    """
    loc = entry["loc"]
    match entry["type"]:
        case "too_short":
            return any(o["loc"][: len(loc)] == loc and o["loc"] != loc for o in entries)
        case "missing":
            return any(
                o["type"] == "extra_forbidden" and (*o["loc"][:-1], _meant(model, o["loc"])) == loc for o in entries
            )
    return False


def _meant(model: type[BaseModel], path: Path) -> str:
    """Return the known key that an unknown one comes closest to, "" when none is close."""
    return next(iter(get_close_matches(str(path[-1]), _keys(model, path[:-1]), n=1)), "")


def _problem(
    model: type[BaseModel], document: Document, entry: Mapping[str, Any], place: Callable[[Path], Path]
) -> Problem:
    path: Path = (*entry["loc"], *entry.get("ctx", {}).get("at", ()))
    key, name, at = ".".join(map(str, path)), str(path[-1]) if path else "", place(path)
    match entry["type"]:
        case "extra_forbidden":
            known = _keys(model, path[:-1])
            close = _meant(model, path)
            hint = f"did you mean {close!r}?" if close else f"known keys: {', '.join(sorted(known))}"
            return document.problem(at, "unknown-key", f"unknown key {name!r}", hint if known else "")
        case "missing":
            return document.problem(at, "missing-key", f"{key} is required")
        case kind:
            return document.problem(at, kind.replace("_", "-"), f"{key}: {entry['msg']}" if key else entry["msg"])


def _keys(annotation: Any, path: Sequence[str | int]) -> set[str]:  # noqa: ANN401 - an annotation can be anything
    """Return the keys that are allowed at `path`, by walking the model's annotations."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        names = {info.alias or name: info.annotation for name, info in annotation.model_fields.items()}
        if not path:
            return set(names)
        return _keys(names.get(str(path[0])), path[1:])
    rest = path[1:] if path and _is_container(annotation) else path
    return {key for argument in _arguments(annotation) for key in _keys(argument, rest)}


def _is_container(annotation: Any) -> bool:  # noqa: ANN401 - an annotation can be anything
    return getattr(annotation, "__origin__", None) in (tuple, dict, list)


def _arguments(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - an annotation can be anything
    return (argument for argument in get_args(annotation) if argument is not Ellipsis)
