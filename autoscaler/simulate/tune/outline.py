"""Where a policy's values stand in its text, and the text with other values: all else stays as people wrote it.

The text is one that was loaded, so it is right: nothing here has to tell what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import unified_diff

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Keys = tuple[str | int, ...]
"""From the top of a policy to one of its values; items of lists count from 0."""

_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_NO_NEWLINE = "\n\\ No newline at end of file\n"
_LINE_END = re.compile(r"\r?\n")
_BESIDE = re.compile(r"(?P<rest>[^#\n\"']*?)(?P<gap> +)(?=#)")


def written(text: str, keys: Keys) -> str | None:
    """Return the value as it is written, quotes and all; None where it is left out."""
    node = _walk(_root(text), keys)[-1] if keys else None
    return text[node.start_mark.index : node.end_mark.index] if isinstance(node, ScalarNode) else None


def shared(text: str, keys: Keys) -> str:
    """Name the anchor of what stands on the way to a value: whoever changed it would change other places, too."""
    anchors = [node.anchor for node in _walk(_root(text), keys) if node is not None and node.anchor]
    return str(anchors[0]) if anchors else ""


def rewritten(text: str, keys: Keys, value: str, order: Sequence[str] = ()) -> str:
    """Return the text with another value. `order`: a new key at the top comes behind those that are before it there."""
    way = _walk(_root(text), keys)
    node = way[-1]
    if isinstance(node, ScalarNode):
        return _replaced(text, node, value)
    depth = next(number for number, each in enumerate(way) if each is None)
    holder = way[depth - 1]
    assert isinstance(holder, MappingNode), keys  # noqa: S101 - a policy's lists are never longer than they are written
    rest = value
    for key in reversed(keys[depth:]):
        rest = f"{{{key}: {rest}}}"
    return _added(text, holder, f"{keys[depth - 1]}: {rest}", order if depth == 1 else ())


def patch(name: str, before: str, after: str) -> str:
    """Return what turns one text of a file into the other, as a patch for `git apply`; nothing where they are alike.

    `name` is the file's from where it is applied on.
    """
    lines = unified_diff(_LINES.findall(before), _LINES.findall(after), f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else line + _NO_NEWLINE for line in lines)


def _root(text: str) -> Node:
    root: Node = YAML(typ="safe", pure=True).compose(text)
    return root


def _walk(root: Node, keys: Keys) -> list[Node | None]:
    """Return the root and what each key leads to; None from where the text has nothing more."""
    way: list[Node | None] = [root]
    for key in keys:
        way.append(_step(way[-1], key))
    return way


def _step(node: Node | None, key: str | int) -> Node | None:
    if isinstance(node, MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    if isinstance(node, SequenceNode) and isinstance(key, int) and key < len(node.value):
        found: Node = node.value[key]
        return found
    return None


def _replaced(text: str, node: ScalarNode, value: str) -> str:
    """Write another value in the same quotes, and leave a comment behind it in its column where there is room."""
    if node.style in {'"', "'"} and value[:1] not in {'"', "'"}:
        value = f"{node.style}{value}{node.style}"
    begin, end = node.start_mark.index, node.end_mark.index
    after = text[end:]
    beside = _BESIDE.match(after)
    if beside:
        gap = max(1, len(beside["gap"]) - (len(value) - (end - begin)))
        after = beside["rest"] + " " * gap + after[beside.end() :]
    return text[:begin] + value + after


def _added(text: str, holder: MappingNode, entry: str, order: Sequence[str]) -> str:
    """Write a new key behind the last, or behind the last that `order` has before it."""
    if not holder.value:
        return text[: holder.start_mark.index] + f"{{{entry}}}" + text[holder.end_mark.index :]
    before = order[: order.index(entry.partition(":")[0])] if order else ()
    known = [pair for pair in holder.value if pair[0].value in before]
    _, last = (known or holder.value)[-1]
    end = _end(last)
    if holder.flow_style:
        return f"{text[:end]}, {entry}{text[end:]}"
    line_end = _LINE_END.search(text, end)
    end = line_end.start() if line_end else len(text)
    usual = line_end or _LINE_END.search(text)
    indent = (usual[0] if usual else "\n") + " " * holder.value[0][0].start_mark.column
    return f"{text[:end]}{indent}{entry}{text[end:]}"


def _end(node: Node) -> int:
    """Return where a value really ends: a block's own end is only where the next thing begins."""
    if isinstance(node, MappingNode | SequenceNode) and not node.flow_style:
        inner = node.value[-1]
        return _end(inner[1] if isinstance(node, MappingNode) else inner)
    end: int = node.end_mark.index
    return end
