"""`autoscaler replay` on files that are broken, old, strange or wrong: which line, and what is the matter."""

from __future__ import annotations

import json
import lzma
from dataclasses import replace
from pathlib import Path

import pytest

from autoscaler.adapters import journal_file
from autoscaler.adapters.journal_file import lines
from autoscaler.cli import replay as replay_module
from autoscaler.decide.roster import Roster
from autoscaler.model.report import CycleReport
from tests.support.command_line import Run, runner
from tests.support.fleet import policy, seconds
from tests.support.stage import Stage

ENDED = "Compressed file ended before the end-of-stream marker was reached"
HEADER = '{"format":"autoscaler-journal","version":2}\n'


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys, "replay")


@pytest.fixture(scope="module")
def story() -> list[CycleReport]:
    stage = Stage()
    nodes = [stage.serving(slot) for slot in (1, 2, 3)]
    reports = []
    for percent in (50, 90, 90):
        for node in nodes:
            stage.world.beat(node, percent)
        reports.append(stage.cycle(policy(warm_up="0s")))
        stage.world.now += seconds(5)
    return reports


@pytest.fixture
def file(tmp_path: Path, story: list[CycleReport]) -> Path:
    path = tmp_path / "j.jsonl"
    path.write_text("".join(lines(story)))
    return path


def test_the_first_mismatch_is_shown_and_all_are_counted(
    replay: Run, file: Path, story: list[CycleReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert replay(file) == (0, "3 of 3 cycles match\n", "")
    want = Roster.nodes_for  # no rule may want more than one node more
    monkeypatch.setattr(Roster, "nodes_for", lambda roster, much: min(want(roster, much), roster.current + 1))
    code, out, err = replay(file)
    assert (code, err) == (1, "")
    head, *_ = out.splitlines()
    assert head == f"{file}:3: edge at {story[1].snapshot.taken_at.isoformat()} comes out otherwise"
    assert "  decision.desired\n    recorded  5\n    replayed  4\n" in out
    assert out.endswith("2 of 3 cycles match\n")
    told = json.loads(replay(file, "--json")[1])
    assert (told["cycles"], told["matched"], told["mismatched"], told["unreplayable"]) == (3, 2, 1, 0)
    first = told["first_mismatch"]
    assert (first["line"], first["group"], first["at"]) == (3, "edge", story[1].snapshot.taken_at.isoformat())
    assert first["departures"][0] == {"path": "decision.desired", "recorded": "5", "replayed": "4"}


def test_very_many_places_are_not_all_shown(
    replay: Run, file: Path, story: list[CycleReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = story[0].snapshot.nodes[0]
    crowd = tuple(
        replace(node, instance=replace(node.instance, instance_id=f"i-{number}")) for number in range(30)
    )  # fmt: skip
    snapshot = replace(story[0].snapshot, nodes=crowd)
    file.write_text("".join(lines([replace(story[0], snapshot=snapshot)])))
    monkeypatch.setattr(replay_module, "_LONGEST_SHOWN", 5)
    shown = replay(file)[1]
    assert shown.count("    recorded  ") == 20
    assert " more places\n0 of 1 cycles match\n" in shown
    assert '    replayed  "i-12...\n' in shown


def test_a_broken_line_costs_itself_only(replay: Run, file: Path) -> None:
    header, one, two, three = file.read_text().splitlines(keepends=True)
    unknown = two.replace('"taken_at"', '"taken_on"', 1)
    rest = ["\n", one[: len(one) // 2] + "\n", "[" * 100_000 + "\n", unknown, two, "9" * 5_000 + "\n", three.rstrip()]
    file.write_text("".join([header, one, *rest]))
    file.write_bytes(file.read_bytes() + b"\n\xff\xfe\n")
    code, out, err = replay(file)
    assert (code, out) == (1, "3 of 3 cycles match\n6 could not be replayed\n")
    told = err.splitlines()
    assert [line.split(" ")[0] for line in told] == [f"{file}:{number}:1:" for number in (3, 4, 5, 6, 8, 10)]
    assert all(" broken-line holds no cycle: " in line for line in told)
    assert told[3].endswith("snapshot: FleetSnapshot lacks, or does not have: taken_at, taken_on")
    assert all(len(line) < 300 for line in told)


def test_recordings_that_are_joined_are_one(replay: Run, file: Path, tmp_path: Path) -> None:
    joined, small = tmp_path / "joined.jsonl", tmp_path / "joined.jsonl.xz"
    joined.write_bytes(file.read_bytes() * 2)
    small.write_bytes(lzma.compress(file.read_bytes()) * 2)
    for each in (joined, small):
        assert replay(each) == (0, "6 of 6 cycles match\n", "")


def test_what_follows_the_header_of_another_version_is_not_judged_by_this_one(replay: Run, file: Path) -> None:
    header, one, two, three = file.read_text().splitlines(keepends=True)
    older, later = (header.replace('"version":2', f'"version":{version}') for version in ("1", '"x"'))
    file.write_text(f"{header}{one}{older}{two}junk\n{header}{three}{later}{one}{two}")
    code, out, err = replay(file)
    assert (code, out) == (1, "2 of 2 cycles match\n2 could not be replayed\n")
    said = "and this release reads version 2: what follows is not read (replay it with the release that recorded it)"
    assert err.splitlines() == [
        f"{file}:3:1: journal-version is a journal of version 1, {said}",
        f'{file}:8:1: journal-version is a journal of version "x", {said}',
    ]


def test_a_header_may_be_written_in_another_way(replay: Run, file: Path) -> None:
    header, *cycles = file.read_text().splitlines(keepends=True)
    spaced = '{ "version": 2, "format": "autoscaler-journal" }\r\n'
    file.write_text("".join([header, *cycles, spaced, *cycles]), newline="")
    assert replay(file) == (0, "6 of 6 cycles match\n", "")


def test_a_line_without_an_end_is_not_read_into_memory(
    replay: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_file, "_LONGEST", 100)
    file.write_text(HEADER + "x" * 1000 + "\n" + "y" * 20 + "\n")
    code, _, err = replay(file)
    too_long, short = err.splitlines()
    assert (code, too_long) == (1, f"{file}:2:1: broken-line is longer than 100 bytes")
    assert short.startswith(f"{file}:3:1: broken-line holds no cycle: ")


def test_of_very_many_broken_lines_a_hundred_are_told(replay: Run, file: Path) -> None:
    file.write_text(HEADER + "{}\n" * 500)
    code, out, err = replay(file)
    assert (code, out) == (1, "0 of 0 cycles match\n500 could not be replayed\n")
    assert err.count("\n") == 101
    assert err.endswith(f"{file}: and more that cannot be replayed\n")


@pytest.mark.parametrize("first", ["", "{}", "[]", "x", "[" * 100_000, "time,viewers,publishers", "\x00\x01"])
def test_what_is_no_journal_is_refused_at_once(replay: Run, file: Path, first: str) -> None:
    file.write_text(f"{first}\n{file.read_text()}")
    code, out, err = replay(file)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"{file}:1:1: no-journal does not begin as a recorded journal does (the first line is {{")


@pytest.mark.parametrize("version", [1, 3, "2", None])
def test_another_version_says_why_not_and_what_to_do(replay: Run, file: Path, version: object) -> None:
    header = {"format": "autoscaler-journal", "version": version}
    file.write_text(json.dumps(header) + "\n" + file.read_text().partition("\n")[2])
    message = f"is a journal of version {json.dumps(version)}, and this release reads version 2"
    told = f"{file}:1:1: journal-version {message} (replay it with the release that recorded it)\n"
    assert replay(file) == (2, "", told)


def test_a_policy_that_is_lost_or_of_another_release_says_so(replay: Run, file: Path, story: list[CycleReport]) -> None:
    strange = json.dumps({**json.loads(story[1].policy), "moon": "full"})
    policies = [replace(story[0], policy=""), replace(story[1], policy=strange), story[2]]
    file.write_text("".join(lines(policies)))
    code, out, err = replay(file)
    assert (code, out) == (1, "1 of 1 cycles match\n2 could not be replayed\n")
    lost, other = err.splitlines()
    assert lost.startswith(f"{file}:2:1: no-policy the cycle of edge at ")
    assert other.startswith(f"{file}:3:1: other-policy the cycle of edge at ")
    assert other.endswith("(replay it with the release that recorded it)")


def test_a_journal_without_cycles_proves_nothing(replay: Run, file: Path) -> None:
    told = f"{file}: no-cycles holds no cycle of the group 'origin': nothing was proved\n"
    assert replay(file, "--group", "origin") == (1, "0 of 0 cycles match\n1 could not be replayed\n", told)
    file.write_text(HEADER)
    assert replay(file)[2] == f"{file}: no-cycles holds no cycle: nothing was proved\n"


def test_a_file_that_cannot_be_read_is_one_line(replay: Run, file: Path, tmp_path: Path) -> None:
    missing, cut = tmp_path / "none.jsonl", tmp_path / "cut.jsonl.xz"
    assert replay(missing) == (2, "", f"{missing}: unreadable No such file or directory\n")
    assert replay(tmp_path) == (2, "", f"{tmp_path}: unreadable Is a directory\n")
    cut.write_bytes(file.read_bytes())
    assert replay(cut) == (2, "", f"{cut}: unreadable Input format not supported by decoder\n")
    cut.write_bytes(lzma.compress(file.read_bytes())[:20])
    assert replay(cut) == (2, "", f"{cut}: unreadable {ENDED}\n")


def test_what_was_read_before_a_file_broke_off_counts(replay: Run, file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl.xz"
    cut.write_bytes(lzma.compress(file.read_bytes())[:-12])  # no more than its footer
    told = f"{cut}:5:1: broken-line and all after it cannot be read: {ENDED}\n"
    assert replay(cut) == (1, "3 of 3 cycles match\n1 could not be replayed\n", told)
    code, out, err = replay(cut, "--json")
    assert (code, json.loads(out)["matched"], json.loads(out)["unreplayable"], err) == (1, 3, 1, told)
