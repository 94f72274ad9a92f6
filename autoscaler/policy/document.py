"""YAML 1.2 with line marks: every value knows where it stands, so that every complaint can say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.examination import EXTRA, MISSING, Entry, Examination, told
from autoscaler.policy.kinds import in_words
from autoscaler.policy.marked import MarkedList, MarkedMap, read
from autoscaler.policy.record import Record

Model = TypeVar("Model", bound=Record)
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


_OF_KEY = "[key]"
"""What pydantic adds to the place of a key that is wrong itself."""


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


def check_part(model: type[Model], data: object, document: Document, place: Callable[[Path], Path]) -> Model:
    """Check values that were put together from a document; `place` tells where in it a path of theirs comes from."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigurationError(survey(model, data, document, place)[1]) from error


def survey(
    model: type[Model],
    data: object,
    document: Document,
    place: Callable[[Path], Path] = lambda path: path,
) -> tuple[Model | None, list[Problem]]:
    """Return every problem in file order, and the values without what is wrong in them; None when there are none.

    Of such values a key that is wrong cannot be read: it is an AttributeError.
    """
    examination = Examination()
    try:
        found = model.model_validate(data, context=examination)
    except ValidationError as error:
        found, entries = None, told(error)
    else:
        entries = list(examination.entries(found))
    problems = [_problem(document, entry, place) for entry in entries]
    return found, sorted(dict.fromkeys(problems), key=lambda p: (p.line, p.column, p.code))


def _problem(document: Document, entry: Entry, place: Callable[[Path], Path]) -> Problem:
    path: Path = tuple(step for step in entry["loc"] if step != _OF_KEY)
    key, name, at = ".".join(map(str, path)), str(path[-1]) if path else "", place(path)
    if entry["type"] == EXTRA:
        close, known = entry["ctx"]["close"], entry["ctx"]["known"]
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return document.problem(at, "unknown-key", f"unknown key {name!r}", hint)
    if entry["type"] == MISSING:
        return document.problem(at, "missing-key", f"{key} is required")
    kind, said = entry["type"], in_words(entry)
    return document.problem(at, kind.replace("_", "-"), f"{key}: {said}" if key else said)
