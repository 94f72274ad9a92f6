"""`autoscaler simulate`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from autoscaler.cli.app import app
from autoscaler.model.errors import ConfigurationError
from tests.support.documents import ROOT, first_spans, rows
from tests.support.policy_text import QUIET

LEVELS = "time,viewers,publishers\n0s,40,1\n10m,300,1\n20m,300,1\n30m,20,0\n"
SIMULATION = ROOT / "docs/simulation.md"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "edge.yaml").write_text(QUIET)
    (tmp_path / "levels.csv").write_text(LEVELS)
    return tmp_path


def simulate(files: Path, *options: str, policy: str = "edge.yaml", trace: str = "levels.csv") -> str:
    arguments = ["simulate", str(files / policy), "--trace", str(files / trace), *options]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def told(files: Path, *options: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(simulate(files, "--json", *options))
    return document


def test_it_tells_what_came_of_it(files: Path) -> None:
    found = told(files)
    assert list(found) == first_spans(rows(SIMULATION, "What it tells"))
    assert (found["policy"], found["trace"], found["cycles"], found["seed"]) == ("edge", "levels", 180, 1)
    assert (found["viewer_minutes_disrupted"], found["publishers_cut"], found["max_nodes"]) == (0.0, 0, 3)


def test_twice_the_same_is_the_same(files: Path) -> None:
    first, again, other = told(files), told(files), told(files, "--seed", "2")
    assert {**first, "wall_s": 0} == {**again, "wall_s": 0}
    assert first["digest"] != other["digest"]


def test_a_part_of_the_trace_is_as_long_as_told(files: Path) -> None:
    assert told(files, "--from", "10m", "--to", "15m")["cycles"] == 30
    assert told(files, "--to", "10d", "--cycle", "30s")["cycles"] == 60


def test_a_table_has_a_column_a_policy(files: Path) -> None:
    (files / "edge.yaml").rename(files / "a.yaml")
    (files / "b.yaml").write_text(QUIET.replace("group: edge", "group: other\nslots: other"))
    shown = simulate(files, policy="")
    assert "edge" in shown.splitlines()[0]
    assert "other" in shown.splitlines()[0]
    assert len(json.loads(simulate(files, "--json", policy=""))) == 2


@pytest.mark.parametrize(("width", "tables"), [(200, 1), (80, 3), (40, 5)])
def test_however_narrow_a_terminal_is_no_name_is_cut(
    files: Path, monkeypatch: pytest.MonkeyPatch, width: int, tables: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    (files / "edge.yaml").unlink()
    groups = ["a", "b", "c", "d", "eu-west-1-webrtc-low-latency"]
    for group in groups:
        (files / f"{group}.yaml").write_text(QUIET.replace("group: edge", f"group: {group}\nslots: {group}"))
    names = first_spans(rows(SIMULATION, "What it tells"))
    lines = simulate(files, "--to", "1m", policy="").splitlines()
    assert max(map(len, lines)) <= width
    firsts = [line.split()[0] for line in lines if line.split()]
    assert [firsts.count(name) for name in names] == [tables] * len(names)
    if width > 28 + 27:
        assert all(any(group in line.split() for line in lines) for group in groups)


def test_nodes_are_as_a_world_file_says(files: Path) -> None:
    (files / "world.yaml").write_text(
        "types: {c7i.xlarge: {vcpus: 4, viewers: 2000, price: 1}}\nboot: {median: 10s, p95: 20s}\n"
    )
    found = told(files, "--world", str(files / "world.yaml"))
    assert (found["rejected_sessions"], found["cost"]) == (0, pytest.approx(found["node_hours"], abs=0.01))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from", "40m"], "--from: usage leaves nothing of levels, a trace of 1800 s"),
        (["--from", "20m", "--to", "10m"], "--to: usage leaves nothing of levels: it has to be later than --from"),
        (["--to", "0s"], "--to: usage leaves nothing of levels: it has to be later than --from, which is 0 s"),
        (["--from", "40m", "--to", "99d"], "--from: usage leaves nothing of levels, a trace of 1800 s"),
        (["--from", "23h50m", "--to", "99d"], "--from: usage '23h50m' is not a duration; write a number and a unit"),
        (["--to", ""], "--to: usage '' is not a duration; write a number and a unit"),
        (["--to", "400d"], "--to: usage '400d' is longer than 366 days"),
        (["--cycle", "soon"], "--cycle: usage 'soon' is not a duration"),
        (["--cycle", "10ms"], "--cycle: usage is shorter than 1s"),
        (["--world", "none.yaml"], "none.yaml: unreadable"),
        (["--trace", "b.csv"], "--trace: usage takes one here, and these are 2 (autoscaler compare takes several)"),
    ],
)
def test_what_cannot_be_is_told(files: Path, options: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        simulate(files, *options)
    assert message in str(caught.value)


def test_a_wrong_world_is_told_by_its_line(files: Path) -> None:
    (files / "world.yaml").write_text("types: {c7i.xlarge: {vcpus: 4}}\nbot: {median: 10s}\n")
    with pytest.raises(ConfigurationError) as caught:
        simulate(files, "--world", str(files / "world.yaml"))
    assert "world.yaml:2:1: unknown-key" in str(caught.value)


def test_a_folder_without_policies_is_told(files: Path) -> None:
    (files / "none").mkdir()
    with pytest.raises(ConfigurationError) as caught:
        simulate(files, policy="none")
    assert "no-policies holds no policy file" in str(caught.value)


def test_a_page_is_not_mixed_with_the_table(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    before = sorted(files.iterdir())
    refused = CliRunner().invoke(app, ["simulate", "edge.yaml", "--trace", "levels.csv", "--html", "-"])
    assert (refused.exit_code, refused.stdout, sorted(files.iterdir())) == (2, "", before)
    assert refused.stderr.startswith("root simulate: usage invalid value for '--html': - is stdout")
    assert len(refused.stderr.splitlines()) == 1
    simulate(files, "--html", "./-")
    assert (files / "-").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("read", ["edge.yaml", "levels.csv", "world.yaml", "here/edge.yaml", "link.html"])
def test_nothing_that_is_read_is_written_over(files: Path, read: str) -> None:
    (files / "world.yaml").write_text("idle_cpu: 3%\n")
    (files / "here").symlink_to(".")
    (files / "link.html").symlink_to("edge.yaml")
    before = {each: each.read_text() for each in files.iterdir() if each.is_file()}
    with pytest.raises(ConfigurationError) as caught:
        simulate(files, "--world", str(files / "world.yaml"), "--html", str(files / read))
    assert str(caught.value) == f"--html: usage would overwrite what it reads: {files / read}"
    assert {each: each.read_text() for each in files.iterdir() if each.is_file()} == before


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_a_page_that_is_a_folder_is_told(files: Path, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        simulate(files, "--html", name)
    assert str(caught.value) == f"{name or '.'}: unwritable is a folder"
