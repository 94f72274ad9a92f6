"""The documents as data: fenced blocks, tables, headings, code spans, links."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=indent)(?P=ticks)$", re.MULTILINE | re.DOTALL
)
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """One fenced block. `info` is what stands after the backticks, in words."""

    file: Path
    line: int
    info: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}"


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def blocks(*infos: str) -> list[Block]:
    """All blocks of all documents whose first word is one of `infos`; all of them without."""
    found = [block for file in DOCUMENTS for block in _blocks(file)]
    return [block for block in found if not infos or (block.info and block.info[0] in infos)]


def _blocks(file: Path) -> Iterator[Block]:
    text = read(file)
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(file, line, tuple(match["info"].split()), dedent(match["body"]))


def prose(file: Path) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub("", read(file))


def spans(file: Path) -> list[str]:
    """Every `code span` of the prose."""
    return _SPAN.findall(prose(file))


def headings(file: Path) -> list[str]:
    """Every heading without its marks."""
    return re.findall(r"^#+ +(.+)$", prose(file), re.MULTILINE)


def rows(file: Path, section: str) -> list[list[str]]:
    """The cells of every table row below the heading `section`, up to the next heading; heads are left out."""
    parts = re.split(r"^#+ +(.+)$", prose(file), flags=re.MULTILINE)
    text = dict(zip(parts[1::2], parts[2::2], strict=True))[section]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    rules = [index for index, row in enumerate(cells) if all(set(cell) <= {"-", ":"} for cell in row)]
    heads = {index - 1 for index in rules} | set(rules)
    return [row for index, row in enumerate(cells) if index not in heads]


def first_spans(table: list[list[str]]) -> list[str]:
    """Every code span of the rows' first cells: what the table is about."""
    return [span for row in table for span in _SPAN.findall(row[0])]


def modules(*exclude: str) -> list[Path]:
    """Every source file of the package but those of the packages named."""
    files = sorted((ROOT / "autoscaler").rglob("*.py"))
    return [file for file in files if file.relative_to(ROOT / "autoscaler").parts[0] not in exclude]


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(read(file))


@cache
def defined(file: Path) -> frozenset[str]:
    """Every name that the file defines: functions, classes and their members as `Class.member`, assigned names."""
    return frozenset(_names(tree(file).body, ""))


def _names(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.ClassDef():
                yield prefix + node.name
                yield from _names(node.body, f"{prefix}{node.name}.")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield prefix + node.name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name
