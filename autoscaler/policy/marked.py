"""YAML 1.2 as plain values that know where they stand.

Values are told apart by the core schema of the specification (section 10.3.2) alone: what looks like a date is text,
`yes` is text, and nothing makes an object. Keys are always text. An alias stands for what its anchor named. Tags and
merge keys are refused: a reviewer would have to know what they do.
"""

from __future__ import annotations

import re
from math import inf, nan
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.scanner import Scanner
from ruamel.yaml.tokens import Token

Mark = tuple[int, int]
"""Line and column, from 0."""

_MOST_LEVELS = 40
_MOST_VALUES = 50_000
"""With every alias written out: a few lines of aliases of aliases would be more than any memory holds."""

_LONGEST_NUMBER = 100
"""Characters. Nobody means a longer one, and what is longer is text; Python itself refuses some thousands of digits."""

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), nan),
    **{f"{sign}.{word}": inf for sign in ("", "+") for word in ("inf", "Inf", "INF")},
    **{f"-.{word}": -inf for word in ("inf", "Inf", "INF")},
}
_NUMBER = re.compile(
    r"(?P<integer>[-+]?[0-9]+)|0o(?P<octal>[0-7]+)|0x(?P<hexadecimal>[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
)
_BASES = {"integer": 10, "octal": 8, "hexadecimal": 16}


class MarkedMap(dict[str, Any]):
    """A mapping. `mark` is where it begins, `marks` where each key stands."""

    def __init__(self, mark: Mark) -> None:
        """Begin an empty one."""
        super().__init__()
        self.mark = mark
        self.marks: dict[str, Mark] = {}


class MarkedList(list[Any]):
    """A sequence. `marks` are where its items stand."""

    def __init__(self) -> None:
        """Begin an empty one."""
        super().__init__()
        self.marks: list[Mark] = []


def read(text: str) -> object:
    """Read the only document of a text; None for an empty one.

    Raises MarkedYAMLError, or another YAMLError for characters that YAML does not allow.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = _EagerScanner
    builder = _Builder()
    for event in yaml.parse(text):
        builder.take(event)
    return builder.root


class _EagerScanner(Scanner):
    """Scans the whole text before the parser asks for its first token; the parser asks for each some four times.

    A fault of the scanner is told when the parser has come to it: what is wrong before it comes first.
    """

    def __init__(self, loader: YAML) -> None:
        super().__init__(loader)
        self._fault: MarkedYAMLError | None = None
        self._scanned = False

    def check_token(self, *choices: type) -> bool:
        return isinstance(self.peek_token(), choices)

    def peek_token(self) -> Token:
        if not self._scanned:
            self._scan()
        if self._fault and not self.tokens:
            raise self._fault
        token: Token = self.tokens[-1]
        return token

    def get_token(self) -> Token:
        token = self.peek_token()
        self.tokens.pop()
        return token

    def _scan(self) -> None:
        self._scanned = True
        try:
            while not self.done:
                self.fetch_more_tokens()
        except MarkedYAMLError as fault:
            self._fault = fault
            pending = self.next_possible_simple_key()  # whether it is a key was not known yet, so nobody may have it
            del self.tokens[len(self.tokens) if pending is None else pending :]
        self.tokens.reverse()


class _Builder:
    """Puts values together from the parser's events, without recursion: depth costs nothing and crashes nothing."""

    def __init__(self) -> None:
        self.root: object = None
        self._documents = 0
        self._open: list[MarkedMap | MarkedList] = []
        self._keys: list[str | None] = []  # of each open mapping, the key whose value comes next
        self._begun: list[tuple[str | None, int]] = []  # its anchor, and how many values came before
        self._anchored: dict[str, tuple[object, int]] = {}  # with how many values it is
        self._values = 0

    def take(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, ScalarEvent):
            self._scalar(event)
        elif isinstance(event, AliasEvent):
            self._alias(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._begin(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._end()
        elif isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _error(event, "but found another document")

    def _scalar(self, event: ScalarEvent) -> None:
        _refuse_tag(event)
        holder = self._awaits_key()
        if holder is not None:
            value: object = self._key(holder, event)
        else:
            value = _plain(event.value) if event.implicit[0] else event.value
            self._put(value, event)
        if event.anchor is not None:
            self._anchored[event.anchor] = value, 1

    def _alias(self, event: AliasEvent) -> None:
        if self._awaits_key() is not None:
            raise _error(event, "a key cannot be an alias")
        if event.anchor not in self._anchored:
            raise _error(event, f"found undefined alias {event.anchor!r}")
        value, size = self._anchored[event.anchor]
        self._put(value, event, size)

    def _begin(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        _refuse_tag(event)
        if self._awaits_key() is not None:
            raise _error(event, "a key cannot be a mapping or a list")
        if len(self._open) == _MOST_LEVELS:
            raise _error(event, f"is nested more than {_MOST_LEVELS} levels deep")
        value = MarkedMap(_mark(event)) if isinstance(event, MappingStartEvent) else MarkedList()
        self._begun.append((event.anchor, self._values))
        self._put(value, event)
        self._open.append(value)
        self._keys.append(None)

    def _end(self) -> None:
        """Close the innermost. Only now its anchor counts, so that nothing contains itself."""
        value, (anchor, before) = self._open.pop(), self._begun.pop()
        self._keys.pop()
        if anchor is not None:
            self._anchored[anchor] = value, self._values - before

    def _awaits_key(self) -> MarkedMap | None:
        """Return the innermost mapping when what comes next is a key of it."""
        holder = self._open[-1] if self._open else None
        return holder if isinstance(holder, MarkedMap) and self._keys[-1] is None else None

    def _key(self, holder: MarkedMap, event: ScalarEvent) -> str:
        key = str(event.value)
        if key == "<<" and event.implicit[0]:
            raise _error(event, "merge keys (<<) are not known here; write the keys out")
        if key in holder:
            raise _error(event, f'found duplicate key "{key}"')
        self._keys[-1] = key
        holder.marks[key] = _mark(event)
        return key

    def _put(self, value: object, event: NodeEvent, size: int = 1) -> None:
        self._values += size
        if self._values > _MOST_VALUES:
            raise _error(event, f"more than {_MOST_VALUES} values, every alias written out")
        if not self._open:
            self.root = value
            return
        holder = self._open[-1]
        if isinstance(holder, MarkedList):
            holder.append(value)
            holder.marks.append(_mark(event))
        else:
            holder[self._keys[-1] or ""] = value
            self._keys[-1] = None


def _plain(value: str) -> object:
    """Tell what an unquoted scalar is, by the core schema."""
    if value in _WORDS:
        return _WORDS[value]
    match = _NUMBER.fullmatch(value) if len(value) <= _LONGEST_NUMBER else None
    if match is None:
        return value
    kind = match.lastgroup or ""
    return float(value) if kind == "float" else int(match[kind], _BASES[kind])


def _refuse_tag(event: ScalarEvent | MappingStartEvent | SequenceStartEvent) -> None:
    if event.tag is not None:
        raise _error(event, f"the tag {event.tag} is not known here; leave it out")


def _mark(event: NodeEvent) -> Mark:
    return event.start_mark.line, event.start_mark.column


def _error(event: Event, problem: str) -> MarkedYAMLError:
    return MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
