"""`autoscaler learn` as its users run it: what it prints, and what it says of files and options that are wrong."""

from __future__ import annotations

import json
import lzma
from dataclasses import replace
from pathlib import Path

import pytest

from autoscaler.adapters.journal_file import lines
from autoscaler.model.report import CycleReport
from autoscaler.policy.document import check, parse
from autoscaler.policy.load import load_policies
from autoscaler.simulate.spec import MemorySpec, TypeSpec, WorldSpec
from autoscaler.simulate.traffic.load import load_traffic
from tests.support.command_line import Run, runner
from tests.support.documents import ROOT, read
from tests.support.learning import recorded

EDGE = ROOT / "policies/edge.yaml"
SPEC = WorldSpec(types={"c7i.xlarge": TypeSpec(vcpus=4, viewers=160, memory=MemorySpec(viewers=160))})
LEVELS = "time,viewers,publishers\n0,100,0\n3600,700,0\n7200,600,0\n10800,150,0\n15000,150,0\n"


@pytest.fixture
def learn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys, "learn")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> list[CycleReport]:
    """The shipped edge policy over four hours, in a cluster whose nodes carry 115 viewers by their CPU."""
    trace = tmp_path_factory.mktemp("trace") / "levels.csv"
    trace.write_text(LEVELS)
    (edge,) = load_policies({"edge.yaml": read(EDGE)})
    return recorded(edge, load_traffic(trace, 1), SPEC, step_s=60)


@pytest.fixture
def file(tmp_path: Path, story: list[CycleReport]) -> Path:
    path = tmp_path / "evening.jsonl"
    path.write_text("".join(lines(story)))
    return path


def test_people_read_a_table_a_world_and_a_diff(learn: Run, file: Path) -> None:
    code, out, err = learn(file, "--limit-memory", "100", "--policy", EDGE)
    assert (code, err) == (0, "")
    assert "115.2 viewers (115 to 115; cpu)" in out
    assert "250 cycles, " in out
    assert "haproxy.server.sessions:edge_backend_http" in out
    assert "left out: " in out
    assert "\n-  - target_tracking: {signal: sessions, target_per_node: 145, tolerance: 5%}    # of about 158" in out
    assert "scale[2].target_tracking.target_per_node: 145 -> " in out
    assert "types-unknown: what c6i.xlarge, c5.xlarge carry is not known" in out


def test_scripts_read_one_document(learn: Run, file: Path) -> None:
    code, out, _ = learn(file, "--json", "--policy", EDGE)
    (group,) = json.loads(out)["groups"]
    assert (code, group["group"], group["limits"]) == (0, "edge", {"cpu": 75.0, "memory": 75.0})
    (kind,) = group["types"]
    assert kind["viewers"]["by"] == "memory"
    assert kind["viewers"]["alone"]["value"] == pytest.approx(45 / 70 * 160, rel=0.01)
    (suggestion,) = group["suggestions"]
    assert suggestion["path"] == "scale[2].target_tracking.target_per_node"
    assert suggestion["before"] == 145
    assert f"target_per_node: {suggestion['after']}" in group["diff"]
    assert json.loads(learn(file, "--json")[1])["groups"][0]["suggestions"] is None


def test_a_pull_request_gets_markdown(learn: Run, file: Path) -> None:
    code, out, _ = learn(file, "--policy", EDGE, "--format", "markdown")
    assert code == 0
    assert out.startswith("## Capacity of `edge`, learnt from recordings\n\n| type | c7i.xlarge |\n|---|---|\n")
    assert "```diff\n--- a/" in out
    assert "\n- `scale[2].target_tracking.target_per_node: 145 -> " in out
    right = json.loads(learn(file, "--json", "--policy", EDGE)[1])["groups"][0]["suggestions"][0]["after"]
    mended = file.with_name("edge.yaml")
    mended.write_text(read(EDGE).replace("target_per_node: 145", f"target_per_node: {right}"))
    assert (
        "Nothing in the policy is to be changed for it." in learn(file, "--policy", mended, "--format", "markdown")[1]
    )


def test_what_was_learnt_is_a_world_to_simulate_in(learn: Run, file: Path, tmp_path: Path) -> None:
    world = tmp_path / "world.yaml"
    assert learn(file, "--world-out", world)[0] == 0
    spec = check(WorldSpec, parse(read(world), "world.yaml"))
    assert spec.types["c7i.xlarge"].viewers == pytest.approx(160, rel=0.01)
    assert spec.idle_cpu == pytest.approx(3, abs=0.1)


def test_the_same_recording_teaches_the_same_and_its_parts_add_up(
    learn: Run, file: Path, tmp_path: Path, story: list[CycleReport]
) -> None:
    whole = learn(file)
    assert learn(file) == whole
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text("".join(lines(story[:100])))
    second.write_text("".join(lines(story[80:])))
    told = json.loads(learn(second, first, "--json")[1])["groups"][0]
    assert (told["cycles"], told["repeated"]) == (250, 20)
    assert "20 cycles more are in two recordings: they count once" in learn(second, first)[1]


def test_a_broken_line_costs_itself_only(learn: Run, file: Path, story: list[CycleReport]) -> None:
    header, one, two, *rest = file.read_text().splitlines(keepends=True)
    lost = "".join(lines([replace(story[5], policy="")])).splitlines(keepends=True)[1]
    strange = "".join(lines([replace(story[6], policy='{"moon": 1}')])).splitlines(keepends=True)[1]
    file.write_text("".join([header, one, two[:50] + "\n", *rest, lost, strange]))
    code, out, err = learn(file)
    assert (code, "249 cycles" in out) == (0, True)
    assert [line.split(" ")[0:2] for line in err.splitlines()] == [
        [f"{file}:3:1:", "broken-line"], [f"{file}:252:1:", "no-policy"], [f"{file}:253:1:", "other-policy"],
    ]  # fmt: skip
    file.write_text(header + "{}\n" * 500)
    code, out, err = learn(file)
    assert (code, out, err.count("\n")) == (2, "", 102)
    assert err.endswith(f"and more that cannot be read\n{file}: no-cycles hold no cycle that can be read\n")


def test_what_was_read_before_a_file_broke_off_counts(learn: Run, file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl.xz"
    cut.write_bytes(lzma.compress(file.read_bytes())[:-12])  # no more than its footer
    code, out, err = learn(cut)
    assert (code, "250 cycles" in out) == (0, True)
    assert err.startswith(f"{cut}:252:1: broken-line and all after it cannot be read: Compressed file ended ")


def test_files_that_are_none_are_one_line(learn: Run, file: Path, tmp_path: Path) -> None:
    missing, old, other = tmp_path / "none.jsonl", tmp_path / "old.jsonl", tmp_path / "other.csv"
    assert learn(missing) == (2, "", f"{missing}: unreadable No such file or directory\n")
    old.write_text('{"format":"autoscaler-journal","version":1}\n')
    code, _, err = learn(file, old)
    assert (code, err.startswith(f"{old}:1:1: journal-version is a journal of version 1, ")) == (2, True)
    other.write_text("time,viewers,publishers\n")
    assert learn(other)[2].startswith(f"{other}:1:1: no-journal ")
    assert learn(file, "--world-out", tmp_path / "no" / "w")[:2] == (2, "")


def test_nothing_that_is_read_is_written_over(learn: Run, file: Path) -> None:
    policy = file.with_name("edge.yaml")
    policy.write_text(read(EDGE))
    for each in (file, policy):
        before = each.read_text()
        said = f"--world-out: usage would overwrite what it reads: {each}\n"
        assert learn(file, "--policy", policy, "--world-out", each) == (2, "", said)
        assert each.read_text() == before


def test_too_little_is_said_and_nothing_is_learnt(learn: Run, file: Path, story: list[CycleReport]) -> None:
    file.write_text("".join(lines(story[:20])))
    world = file.with_name("world.yaml")
    code, out, err = learn(file, "--policy", EDGE, "--world-out", world)
    assert (code, err) == (1, "")
    assert not world.exists()
    assert "few-readings: c7i.xlarge: nodes were seen for " in out
    assert "first-type-unknown: " in out
    assert "nothing in the policy is to be changed for it" in out
    assert "types:" not in out


def test_each_group_is_learnt_by_itself(learn: Run, file: Path, story: list[CycleReport], tmp_path: Path) -> None:
    strangers = [
        replace(each, decision=replace(each.decision, group="night"), snapshot=replace(each.snapshot, group="night"))
        for each in story[:30]
    ]
    file.write_text("".join(lines([*story, *strangers])))
    told = json.loads(learn(file, "--json")[1])["groups"]
    assert [(each["group"], each["cycles"]) for each in told] == [("edge", 250), ("night", 30)]
    assert [each["group"] for each in json.loads(learn(file, "--json", "--group", "night")[1])["groups"]] == ["night"]
    usage = "--world-out: usage takes one group, and these are 2 (--group NAME)\n"
    assert learn(file, "--world-out", tmp_path / "w.yaml") == (2, "", usage)
    assert learn(file, "--group", "day")[2] == f"{file}: no-cycles hold no cycle of the group 'day' that can be read\n"


def test_viewers_may_be_counted_otherwise(learn: Run, file: Path) -> None:
    told = json.loads(learn(file, "--viewers", "haproxy.server.sessions", "--policy", EDGE, "--json")[1])["groups"][0]
    assert told["count"] == "haproxy.server.sessions"
    assert "other-count" in [finding["code"] for finding in told["findings"]]
    code, out, _ = learn(file, "--viewers", "ams.node.viewers")  # nobody measured it
    assert (code, " viewers-unknown" in out) == (1, True)
    assert "\nno-readings: nodes were at work, and none of them is a reading: viewers-unknown " in out
    assert " times; viewers were counted by ams.node.viewers, and --viewers takes what else counts them\n" in out


def test_what_nobody_could_watch_is_no_calm(learn: Run, file: Path, story: list[CycleReport]) -> None:
    """One node's sessions are always missing: what came is not known, so nobody is told a target."""
    blind = [
        replace(
            each,
            snapshot=replace(
                each.snapshot,
                samples={
                    key: {name: sample for name, sample in told.items() if name != each.snapshot.nodes[0].instance_id}
                    for key, told in each.snapshot.samples.items()
                },
            ),
        )
        for each in story
        if each.snapshot.nodes
    ]
    file.write_text("".join(lines(blind)))
    code, out, _ = learn(file, "--limit-memory", "100", "--policy", EDGE)
    assert code == 0
    assert "up to an unknown number of viewers and 0.0 publishers came" in out
    assert "; viewers of all nodes are known in " in out
    assert "\ngrowth-unknown: how many viewers come within " in out
    assert "target_per_node: 145 -> " not in out


def test_one_is_not_several(learn: Run, file: Path, story: list[CycleReport]) -> None:
    file.write_text("".join(lines(story[:1])))
    _, out, _ = learn(file, file)
    assert "\n1 cycle, " in out
    assert "\n1 cycle more is in two recordings: it counts once\n" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--viewers", "cpu"), "--viewers: usage cpu counts no node's viewers"),
        (("--format", "html"), "--format"),
        (("--policy", str(EDGE), "--group", "day"), f"--group: usage {EDGE} is of the group edge, and not of day"),
        (("--policy", "nowhere.yaml"), "nowhere.yaml: unreadable "),
        (("--limit-cpu", "9"), "--limit-cpu"),
        (("--limit-memory", "a lot"), "--limit-memory"),
        (("--world-out", "-"), "'--world-out': - is stdout"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(learn: Run, file: Path, options: tuple[str, ...], said: str) -> None:
    code, out, err = learn(file, *options)
    assert (code, out) == (2, "")
    assert said in " ".join(err.split())
