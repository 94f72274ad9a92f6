"""`autoscaler record` and `replay` as their users run them, on a journal that cycles wrote."""

from __future__ import annotations

import csv
import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from pymongo.database import Database

from autoscaler.adapters.mongo import Document
from autoscaler.adapters.mongo_journal import MongoJournal
from autoscaler.cli import app
from autoscaler.model.codec import to_plain
from autoscaler.model.report import CycleReport
from autoscaler.simulate.traffic.load import load_traffic
from tests.support.fleet import policy, seconds
from tests.support.looking import FOR_GOOD, settings
from tests.support.places import free_port
from tests.support.stage import Stage


class Ended(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Ended]


@pytest.fixture
def story(mongo_database: Database[Document]) -> list[CycleReport]:
    """Five cycles of `edge`, five seconds apart, which grow it; MongoDB is away in the fourth. Then one of `origin`."""
    stage, other = Stage(), Stage()
    nodes = [stage.serving(slot) for slot in (1, 2)]
    reports = []
    for number in range(5):
        for node in nodes:
            stage.world.beat(node, 30.0 * number)
        nodes[0].publishers = 1
        stage.world.viewers = {"webrtc": 10 * number, "hls": 5}
        stage.world.dead = {"mongodb"} if number == 3 else set()
        reports.append(stage.cycle(policy(warm_up="0s")))
        stage.world.now += seconds(5)
    other.world.now = stage.world.now
    other.serving(1)
    reports.append(other.cycle(policy(group="origin")))
    journal = MongoJournal(mongo_database, stage.senses.clock, FOR_GOOD)
    for report in reversed(reports):  # whoever writes first
        journal.cycle(report)
    return reports


@pytest.fixture
def run(
    mongo_uri: str, mongo_database: Database[Document], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> Run:  # fmt: skip
    """Run a command in this process; those that read the journal get its settings."""
    file = settings(tmp_path, mongo_uri, mongo_database.name)

    def run(*arguments: str | Path) -> Ended:
        more = ["--config", file] if "--since" in arguments else []
        monkeypatch.setattr(sys, "argv", ["autoscaler", *map(str, [*arguments, *more])])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return Ended(int(ended.value.code or 0), *capsys.readouterr())

    return run


def begin(report: CycleReport) -> str:
    return report.snapshot.taken_at.isoformat()


def test_what_was_recorded_is_replayed_to_the_byte(run: Run, story: list[CycleReport], tmp_path: Path) -> None:
    file = tmp_path / "monday.jsonl"
    done = run("record", "--since", begin(story[0]), "-o", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "6 cycles\n")
    header, *cycles = file.read_text("ascii").splitlines()
    assert json.loads(header) == {"format": "autoscaler-journal", "version": 2}
    assert [json.loads(cycle) for cycle in cycles] == [to_plain(report) for report in story]
    replayed = run("replay", file)
    assert (replayed.returncode, replayed.stdout, replayed.stderr) == (0, "6 of 6 cycles match\n", "")
    told = json.loads(run("replay", file, "--json", "--group", "edge").stdout)
    assert told == {"cycles": 5, "matched": 5, "mismatched": 0, "unreplayable": 0, "first_mismatch": None}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["autoscaler.yaml", "monday.jsonl"]


def test_the_same_span_gives_the_same_bytes(run: Run, story: list[CycleReport], tmp_path: Path) -> None:
    plain, small = tmp_path / "plain.jsonl", tmp_path / "small.jsonl.xz"
    for file in (plain, small):
        assert run("record", "--since", "2025-01-01", "--output", file).returncode == 0
    to_stdout = run("record", "--since", begin(story[0]))
    assert run("record", "--since", begin(story[0]), "-o", "-") == to_stdout
    assert to_stdout.stdout.encode() == plain.read_bytes() == lzma.decompress(small.read_bytes())
    assert len(small.read_bytes()) < len(plain.read_bytes()) / 5
    assert run("replay", small).stdout == "6 of 6 cycles match\n"


def test_a_span_and_a_group_are_kept_to(run: Run, story: list[CycleReport]) -> None:
    span = ("--since", begin(story[1]), "--until", begin(story[4]))
    lines = run("record", *span, "--group", "edge").stdout.splitlines()[1:]
    assert [json.loads(line)["decision"]["at"] for line in lines] == [begin(report) for report in story[1:4]]
    live = run("replay", *span)
    assert (live.returncode, live.stdout) == (0, "3 of 3 cycles match\n")
    assert run("replay", "--since", begin(story[0])).stdout == "6 of 6 cycles match\n"


def test_what_was_not_seen_is_no_row_of_a_trace(run: Run, story: list[CycleReport], tmp_path: Path) -> None:
    file = tmp_path / "levels.csv"
    done = run("record", "--since", begin(story[0]), "--group", "edge", "--levels", "-o", file)
    assert (done.returncode, done.stderr) == (0, "5 cycles\n")
    with file.open(newline="") as opened:
        rows = list(csv.reader(opened))
    seen = [number for number in range(5) if number != 3]
    assert rows == [
        ["time", "viewers", "publishers"],
        *([begin(story[number]), str(10 * number + 5), "1"] for number in seen),
    ]
    traffic = load_traffic(file, 1)
    assert (traffic.begin, traffic.length_s) == (story[0].snapshot.taken_at, 20)


def test_a_damaged_cycle_costs_itself_only(
    run: Run, story: list[CycleReport], mongo_database: Database[Document], tmp_path: Path
) -> None:
    rows = mongo_database.journal
    at = {"event": "cycle", "group": "edge"}
    first, second, third, *_ = rows.find(at).sort("at", 1)
    rows.update_one({"_id": first["_id"]}, {"$set": {"version": 1}})
    rows.update_one({"_id": second["_id"]}, {"$set": {"report": b"rust"}})
    rows.update_one({"_id": third["_id"]}, {"$set": {"report": lzma.compress(b"[" * 100_000)}})
    file = tmp_path / "rest.jsonl"
    done = run("record", "--since", begin(story[0]), "-o", file)
    assert done.returncode == 3
    old, rusty, deep, total = done.stderr.splitlines()
    assert old == (
        "mongodb: the cycle of edge at 2026-01-01T00:00:00Z: "
        "its journal has version 1, this release reads 2: use the one it is of"
    )
    assert rusty.startswith("mongodb: the cycle of edge at 2026-01-01T00:00:05Z: a cycle in the journal is damaged: ")
    assert deep.startswith("mongodb: the cycle of edge at 2026-01-01T00:00:10Z: a cycle in the journal is damaged: ")
    assert total == "3 cycles"
    assert run("replay", file).stdout == "3 of 3 cycles match\n"
    live = run("replay", "--since", begin(story[0]))
    assert (live.returncode, live.stdout) == (1, "3 of 3 cycles match\n3 could not be replayed\n")
    assert live.stderr.startswith("journal: broken-line the cycle of edge at 2026-01-01T00:00:00Z: ")


def test_a_policy_that_is_lost_cannot_be_replayed(
    run: Run, story: list[CycleReport], mongo_database: Database[Document]
) -> None:
    mongo_database.policies.delete_many({})
    live = run("replay", "--since", begin(story[0]), "--group", "origin")
    assert (live.returncode, live.stdout) == (1, "0 of 0 cycles match\n1 could not be replayed\n")
    assert live.stderr.startswith(f"journal: no-policy the cycle of origin at {begin(story[5])} has lost its policy")


def test_nothing_is_left_behind_of_what_could_not_be_recorded(
    run: Run, story: list[CycleReport], tmp_path: Path
) -> None:
    file = tmp_path / "none.jsonl"
    file.write_text("kept")
    none = run("record", "--since", "1s", "-o", file)
    assert (none.returncode, none.stdout) == (3, "")
    assert none.stderr.startswith("mongodb: no cycle of edge, origin is in the journal from ")
    for form in ((), ("--levels",)):
        shown = run("record", "--since", "1s", *form)
        assert (shown.returncode, shown.stdout) == (3, "")
    away = run("record", "--since", begin(story[0]), "-o", tmp_path / "no" / "folder.jsonl")
    assert (away.returncode, away.stderr) == (
        2, f"{tmp_path}/no/folder.jsonl: unwritable No such file or directory\n",
    )  # fmt: skip
    settings(tmp_path, f"mongodb://127.0.0.1:{free_port()}", "autoscaler")
    silent = run("record", "--since", begin(story[0]), "-o", file)
    assert (silent.returncode, silent.stderr.count("\n")) == (3, 1)
    assert file.read_text() == "kept"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["autoscaler.yaml", "none.jsonl"]


@pytest.mark.parametrize(
    "arguments",
    [("record",), ("record", "--since", "monday"), ("replay",), ("replay", "f", "--since", "1h"),
     ("replay", "f", "--until", "1h")],
)  # fmt: skip
def test_a_span_that_is_none_is_a_mistake_of_usage(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).returncode == 2
