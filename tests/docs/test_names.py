"""What the documents point at is there: files, functions, tests, links, commands, targets."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
import typer.core
import typer.main

from autoscaler.cli.app import app
from autoscaler.cli.calling import NAMES, load
from tests.support.documents import DOCUMENTS, ROOT, blocks, defined, headings, prose, spans

SOURCE = re.compile(r"(?P<path>[\w./-]+\.py)(?:(?P<sep>::|:)(?P<name>[A-Za-z_][\w.]*))?")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ids = [str(file.relative_to(ROOT)) for file in DOCUMENTS]


def source(path: str) -> Path | None:
    """Find a source file as the documents name it: from the checkout, or from the package."""
    found = [folder / path for folder in (ROOT, ROOT / "autoscaler") if (folder / path).is_file()]
    return found[0] if found else None


def wrong_reference(span: str) -> str:
    match = SOURCE.fullmatch(span)
    if match is None or "/" not in span:
        return ""
    file = source(match["path"])
    if file is None:
        return f"{span}: there is no such file"
    name = match["name"]
    return f"{span}: the file does not define {name}" if name and name not in defined(file) else ""


@pytest.mark.parametrize("file", DOCUMENTS, ids=ids)
def test_every_source_that_is_named_exists(file: Path) -> None:
    assert [problem for span in spans(file) if (problem := wrong_reference(span))] == []


def test_a_wrong_reference_is_noticed() -> None:
    assert wrong_reference("decide/load.py:measure") == ""
    assert wrong_reference("autoscaler/decide/load.py:Load.growing") == ""
    assert wrong_reference("decide/load.py:measured")
    assert wrong_reference("decide/loads.py")


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("file", DOCUMENTS, ids=ids)
def test_every_link_leads_somewhere(file: Path) -> None:
    for link in LINK.findall(prose(file)):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, fragment = link.partition("#")
        target = (file.parent / path) if path else file
        assert target.exists(), link
        if fragment:
            assert fragment in [anchor(heading) for heading in headings(target)], link


def shell_lines() -> list[tuple[str, str]]:
    """Every command of ours in a shell block or a code span, with its place."""
    lines = [(block.place, line) for block in blocks("sh") for line in block.text.splitlines()]
    lines += [(str(file.relative_to(ROOT)), span) for file in DOCUMENTS for span in spans(file)]
    ours = re.compile(r"^(?:\w+=\S+ )*(?:sudo )?(?:/opt/autoscaler/bin/)?(autoscaler|make) .+")
    return [(place, line.strip()) for place, line in lines if ours.match(line.strip())]


def test_there_are_commands_to_check() -> None:
    assert len(shell_lines()) > 20


@pytest.mark.parametrize(("place", "line"), shell_lines())
def test_every_command_of_ours_exists(place: str, line: str) -> None:
    words = [word for word in shlex.split(line, comments=True) if word not in {"sudo", "&&"}]
    words = words[next(i for i, word in enumerate(words) if re.search(r"(^|/)(autoscaler|make)$", word)) :]
    complaint = wrong_target(words[1:]) if words[0] == "make" else wrong_command(words[1:])
    assert not complaint, f"{place}: {line}: {complaint}"


def wrong_target(words: list[str]) -> str:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    unknown = [word for word in words if re.fullmatch(r"[a-z]+", word) and word not in targets]
    return f"no target {unknown}" if unknown else ""


def wrong_command(words: list[str]) -> str:
    """Say what is wrong with a command line; placeholders in capitals stand for values."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    if words[0].startswith("--"):
        return "" if any(words[0] in parameter.opts for parameter in group.params) else f"no option {words[0]}"
    if words[0] not in NAMES:
        return f"no command {words[0]}"
    command = load(words[0])
    known = {option for parameter in command.params for option in parameter.opts}
    unknown = [word for word in words[1:] if word.startswith("--") and word.partition("=")[0] not in known]
    return f"no option {unknown}" if unknown else ""


def test_a_wrong_command_is_noticed() -> None:
    assert wrong_command(["run", "--dry-run"]) == ""
    assert wrong_command(["run", "--dry"])
    assert wrong_command(["walk"])
    assert wrong_target(["demo", "ARGS=--json"]) == ""
    assert wrong_target(["coffee"])


def test_every_command_is_documented() -> None:
    shown = " ".join(line for _, line in shell_lines())
    for name in NAMES:
        assert f"autoscaler {name}" in shown, name
        for option in (
            option for parameter in load(name).params for option in parameter.opts if option.startswith("--")
        ):
            texts = [
                prose(file) + "".join(block.text for block in blocks() if block.file == file) for file in DOCUMENTS
            ]
            assert any(option in text for text in texts), f"{name} {option}"
