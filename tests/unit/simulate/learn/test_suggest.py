"""What a lesson means for a policy, its file and a simulation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autoscaler.policy.document import check, parse
from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from autoscaler.simulate.learn.change import changed
from autoscaler.simulate.learn.learnt import Carried, Finding, Fitted, Learnt, Limits, Range
from autoscaler.simulate.learn.lesson import Boots, Growth, Lesson
from autoscaler.simulate.learn.readings import Count
from autoscaler.simulate.learn.suggest import Suggestion, advise, target_for
from autoscaler.simulate.learn.world import world_text
from autoscaler.simulate.spec import WorldSpec
from tests.support.documents import ROOT, read
from tests.support.fleet import SESSIONS, policy

EDGE = read(ROOT / "policies/edge.yaml")
BACKEND = f"{SESSIONS}:edge_backend_http"


def carried(value: float, safe: float | None = None, others: float = 0.0) -> Carried:
    found = Range(value, value - 5, value + 5)
    return Carried(found, found, others, value - 10 if safe is None else safe, "cpu")


def learnt(name: str, viewers: float | None = 160.0, publishers: float | None = None, **more: Any) -> Learnt:
    cpu = Fitted(3.0, 72 / (viewers or 1e9), 72 / (publishers or 1e9), 2.0)
    return Learnt(
        name, 5, 100, 1000, 0, (90.0 if viewers else 0.0, 5.0 if publishers else 0.0), cpu=cpu,
        viewers=carried(viewers) if viewers else None,
        publishers=carried(publishers, publishers - 1) if publishers else None, **more,
    )  # fmt: skip


def grown(viewers: float | None, publishers: float | None, *known: float, hours: float = 24.0) -> Growth:
    """What came within 130 s, in recordings of so many hours."""
    return Growth(130.0, 3600 * hours, viewers, publishers, *known)


def lesson(*types: Learnt, **more: Any) -> Lesson:
    about: dict[str, Any] = {
        "group": "edge", "limits": Limits(), "count": Count(BACKEND), "cycles": 100, "repeated": 0, "readings": 500,
        "left_out": {}, "vcpus": {}, "boots": None, "growth": grown(20.0, 1.0), "findings": (),
    }  # fmt: skip
    return Lesson(types=types, **about | more)


def edge(**changes: Any) -> Policy:
    """Like policies/edge.yaml, of one type."""
    return policy(
        **{
            "signals": {"sessions": {"from": SESSIONS, "backend": "edge_backend_http", "aggregate": "sum"}},
            "scale": [{"target_tracking": {"signal": "sessions", "target_per_node": 110}}],
            "launch": {"launch_template": "t", "types": ["a"], "subnets": ["subnet-a"]},
            **changes,
        }
    )


def mixed(*types: str, **weights: float) -> dict[str, Any]:
    return {"launch": {"launch_template": "t", "types": list(types), "subnets": ["subnet-a"], "weights": weights}}


def told(rules: Policy, taught: Lesson) -> tuple[dict[tuple[str | int, ...], object], list[str]]:
    advice = advise(rules, taught)
    return {each.path: each.after for each in advice.suggestions}, [finding.code for finding in advice.findings]


TARGET = "scale", 0, "target_tracking", "target_per_node"


def test_the_sum_behind_a_target() -> None:
    """150 are sure, 20 may come during a boot, and the rule does nothing up to 10 % above: 130 / 1.1."""
    assert target_for(150, 20, 10) == 118
    assert target_for(150, 100, 0) == 75
    assert target_for(9.87, 0, 0) == 9.8
    (found,) = advise(edge(), lesson(learnt("a"))).suggestions
    assert (found.path, found.before, found.after) == (TARGET, 110, 118)
    assert found.why == (
        "a node surely carries 150.0 viewers; 20.0 may come within the 130 s that a node takes; "
        "nothing is launched before the load is 10 % above the target"
    )


def test_a_target_that_is_right_stays() -> None:
    for near in (116, 118, 120):
        rules = edge(scale=[{"target_tracking": {"signal": "sessions", "target_per_node": near}}])
        assert told(rules, lesson(learnt("a"))) == ({}, [])


def test_every_key_that_says_what_a_node_carries_follows() -> None:
    forecast = {"forecast": {"signal": "sessions", "target_per_node": 100}}
    cpu = {"target_tracking": {"signal": "cpu", "target": 60}}
    rules = edge(
        signals={
            "cpu": {"from": "mongodb.node.cpu_percent"},
            "sessions": {"from": "haproxy.backend.sessions", "backend": "edge_backend_http", "aggregate": "sum"},
        },
        scale=[cpu, {"target_tracking": {"signal": "sessions", "target_per_node": 90, "tolerance": "0%"}}, forecast],
        viewers_per_node=100,
    )
    assert told(rules, lesson(learnt("a"))) == (
        {
            ("scale", 1, "target_tracking", "target_per_node"): 130,
            ("scale", 2, "forecast", "target_per_node"): 130,
            ("viewers_per_node",): 150,
        },
        [],
    )


def test_sessions_of_a_group_with_publishers_are_both() -> None:
    both = {
        "role": "both",
        "signals": {
            "sessions": {"from": SESSIONS, "aggregate": "sum"},
            "publishers": {"from": "mongodb.streams", "aggregate": "sum"},
        },
        "scale": [
            {"target_tracking": {"signal": "sessions", "target_per_node": 50, "tolerance": "0%"}},
            {"target_tracking": {"signal": "publishers", "target_per_node": 5, "tolerance": "0%"}},
        ],
    }
    count, growth = Count(SESSIONS, less_publishers=True), grown(10, 1)
    found, codes = told(edge(**both), lesson(learnt("a", 100, 10), count=count, growth=growth))
    assert (list(found.values()), codes) == ([90 + 9 - 11, 8], [])
    unsure = replace(learnt("a", 100, 10), publishers=None)  # there are some, and what they take is not known
    assert told(edge(**both), lesson(unsure, count=count, growth=growth)) == ({}, [])


def test_where_more_comes_than_half_a_node_carries_a_target_is_the_wrong_tool() -> None:
    found, codes = told(edge(), lesson(learnt("a"), growth=grown(400.0, 0.0)))
    assert (found, codes) == ({TARGET: 68}, ["bursts"])


def test_where_nobody_knows_what_comes_no_target_is_suggested() -> None:
    dark = grown(None, 0.0, 0.899, 1.0)
    found, codes = told(edge(viewers_per_node=100), lesson(learnt("a"), growth=dark))
    assert (found, codes) == ({("viewers_per_node",): 150}, ["growth-unknown"])  # no boot is waited for there
    (finding,) = advise(edge(), lesson(learnt("a"), growth=dark)).findings
    assert finding.blocks
    assert (
        "viewers come within 130 s is not known: all nodes' were in 89% of the cycles, and 90% are" in finding.message
    )
    assert told(edge(), lesson(learnt("a"), growth=grown(20.0, None, 1.0, 0.0))) == ({TARGET: 118}, [])


@pytest.mark.parametrize(
    ("hours", "within_s", "missing"),
    [
        (3.9, 130.0, "234 minutes, and 240"), (4.0, 130.0, ""), (4.0, 241.0, "240 minutes, and 241"),
        (10.4, 630.0, "624 minutes, and 630"), (10.5, 630.0, ""),
    ],
)  # fmt: skip
def test_a_calm_hour_proves_no_target(hours: float, within_s: float, missing: str) -> None:
    """Four hours, and sixty boots: neither a higher one nor a lower, for what comes may be far more than was seen."""
    taught = lesson(learnt("a"), growth=replace(grown(20.0, 1.0, hours=hours), within_s=within_s))
    for target in (60, 200):
        rules = edge(scale=[{"target_tracking": {"signal": "sessions", "target_per_node": target}}])
        assert told(rules, taught) == (({}, ["growth-unknown"]) if missing else ({TARGET: 118}, []))
        for finding in advise(rules, taught).findings:
            assert f"nodes were seen to serve for {missing} are needed for a target" in finding.message


def test_where_nodes_refused_no_target_is_raised() -> None:
    """Whoever was refused may have been a steeper rise. Nothing has to come for `viewers_per_node`, which may rise."""
    taught = lesson(learnt("a", full=(149.0, 0.0)))
    found, codes = told(edge(viewers_per_node=100), taught)
    assert (found, codes) == ({("viewers_per_node",): 150}, ["not-raised"])
    (finding,) = advise(edge(), taught).findings
    assert finding.message.startswith("scale[1] stays at 110 a node, and is not raised to 118: a refused at times")
    lower = edge(scale=[{"target_tracking": {"signal": "sessions", "target_per_node": 140}}])
    assert told(lower, taught) == ({TARGET: 118}, [])
    other = lesson(learnt("a"), learnt("gone", full=(80.0, 0.0)))  # it is not in the policy any more
    assert told(edge(), other) == ({}, ["not-raised"])


def test_no_target_is_above_what_a_type_was_full_with() -> None:
    """Nobody knows what it carries, but that it refused with 99, and 105 was to be 136 for what its weight says."""
    few = replace(learnt("b", full=(99.0, 0.0)), viewers=None, findings=(Finding("few-nodes", "x", blocks=True),))
    taught = lesson(learnt("a"), few)
    rules = edge(**mixed("a", "b"), viewers_per_node=105)
    found, codes = told(rules, taught)
    assert (found, codes) == ({TARGET: 71, ("viewers_per_node",): 99}, ["types-unknown", "seen-full"])
    target, _ = advise(rules, taught).suggestions
    assert target.why.startswith("a node was full with 99.0 viewers; 20.0 may come ")
    weighed = edge(**mixed("a", "b", a=2, b=1))  # 198 of the first type's
    assert told(weighed, taught) == ({}, ["types-unknown", "seen-full", "not-raised"])
    assert told(edge(), taught) == ({}, ["not-raised"])  # the policy does not have it
    empty = replace(few, full=(0.0, 0.0))
    assert told(rules, lesson(learnt("a"), empty)) == ({}, ["types-unknown", "seen-full"])
    unseen = replace(few, full=None)
    assert told(edge(**mixed("a", "b")), lesson(learnt("a"), unseen)) == ({TARGET: 118}, ["types-unknown"])


@pytest.mark.parametrize("growth", [grown(None, 1, 0.5, 1), grown(10, None, 1, 0.5)])
def test_sessions_are_known_when_both_are(growth: Growth) -> None:
    both = {
        "role": "both",
        "signals": {"sessions": {"from": SESSIONS, "aggregate": "sum"}},
        "scale": [{"target_tracking": {"signal": "sessions", "target_per_node": 50}}],
    }
    taught = lesson(learnt("a", 100, 10), count=Count(SESSIONS, less_publishers=True), growth=growth)
    assert told(edge(**both), taught) == ({}, ["growth-unknown"])


def test_a_rule_that_counts_otherwise_is_left_alone() -> None:
    rules = edge(signals={"sessions": {"from": SESSIONS, "aggregate": "sum"}})
    assert told(rules, lesson(learnt("a"))) == ({}, ["other-count"])


def test_a_target_that_nothing_was_learnt_of_is_named() -> None:
    rules = edge(
        signals={
            "sessions": {"from": SESSIONS, "backend": "edge_backend_http", "aggregate": "sum"},
            "soon": {"expr": "sessions + 100", "aggregate": "sum"},
            "cpu": {"from": "ams.node.cpu_percent"},
            "memory": {"from": "mongodb.node.memory_percent"},
        },
        scale=[
            {"target_tracking": {"signal": "sessions", "target_per_node": 110}},
            {"target_tracking": {"signal": "soon", "target_per_node": 110}},
            {"forecast": {"signal": "soon", "target_per_node": 110}},
            {"target_tracking": {"signal": "cpu", "target": 69, "tolerance": "5%"}},
            {"target_tracking": {"signal": "memory", "target": 69, "tolerance": "5%"}},
            {"step": {"signal": "memory", "steps": [{"above": 60, "add": 1}]}},
        ],
    )
    assert told(rules, lesson(learnt("a"))) == ({TARGET: 118}, ["not-judged", "not-judged"])
    findings = advise(rules, lesson(learnt("a"), limits=Limits(cpu=72.4, memory=72.5))).findings
    assert [(finding.code, finding.message.split()[0]) for finding in findings] == [
        ("not-judged", "scale[2]"), ("not-judged", "scale[3]"), ("target-at-limit", "scale[4]"),
    ]  # fmt: skip
    assert findings[-1].message == "scale[4] grows the group at 72.5 % of cpu, and nodes refuse at 72.4 %"


def test_a_target_is_the_first_types() -> None:
    lost = replace(learnt("a"), viewers=None, findings=(Finding("narrow-range", "x", blocks=True),))
    assert told(edge(), lesson(lost, learnt("b"))) == ({}, ["first-type-unknown"])
    assert told(edge(), lesson(learnt("b"))) == ({}, ["first-type-unknown"])
    assert told(edge(), lesson()) == ({}, ["first-type-unknown"])


def test_a_templates_type_is_the_one_that_was_seen() -> None:
    by_template = edge(launch={"launch_template": "t", "subnets": ["subnet-a"]})
    assert told(by_template, lesson(learnt("b"))) == ({TARGET: 118}, [])
    assert told(by_template, lesson(learnt("a"), learnt("b"))) == ({}, ["unequal-types"])


def test_unequal_types_get_weights_and_are_never_thrown_together() -> None:
    taught = lesson(learnt("a", 160), learnt("b", 85))
    found, codes = told(edge(**mixed("a", "b")), taught)
    assert (found, codes) == ({TARGET: 118, ("launch", "weights"): {"a": 1, "b": 0.5}}, [])
    assert told(edge(**mixed("a", "b", a=2, b=1)), taught) == ({TARGET: 118}, [])
    assert told(edge(**mixed("a", "b")), replace(taught, vcpus={"a": 8, "b": 4})) == ({TARGET: 118}, [])


def test_equal_types_stay_unweighed_and_the_weaker_one_counts() -> None:
    assert told(edge(**mixed("a", "b")), lesson(learnt("a", 160), learnt("b", 154))) == ({}, [])
    found, _ = told(edge(**mixed("a", "b")), lesson(learnt("a", 160), learnt("b", 151)))
    assert found == {}  # 121 / 1.1 = 110: the target that it has


def test_unequal_types_of_which_one_is_unknown_cannot_be_weighed() -> None:
    found, codes = told(edge(**mixed("a", "b", "c")), lesson(learnt("a", 160), learnt("b", 85)))
    assert (found, codes) == ({TARGET: 50}, ["types-unknown", "unequal-types"])


def applied(text: str, taught: Lesson) -> tuple[Policy, list[str]]:
    """A shipped policy with what is suggested, and the lines that differ."""
    (rules,) = load_policies({"p.yaml": text})
    diff = changed("p.yaml", text, advise(rules, taught).suggestions)
    return rules, [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_the_diff_is_of_the_operators_own_file() -> None:
    _, diff = applied(EDGE, lesson(learnt("c7i.xlarge")))
    assert diff == [
        f"{sign}  - target_tracking: {{signal: sessions, target_per_node: {target}, tolerance: 5%}}"
        "    # of about 158 on four cores: measure yours"
        for sign, target in (("-", 145), ("+", 123))
    ]


def test_weights_are_added_or_changed_in_their_place() -> None:
    taught = lesson(learnt("c7i.xlarge", 141), learnt("c6i.xlarge", 100), learnt("c5.xlarge", 90))
    _, (removed, target, added) = applied(EDGE, taught)
    assert added == "+  weights: {c7i.xlarge: 1, c6i.xlarge: 0.68, c5.xlarge: 0.61}"
    assert ("145" in removed, "105" in target) == (True, True)
    block = (
        "  weights:\n    c7i.xlarge: 2\n    c6i.xlarge: 2    # as new\n    c5.xlarge: 1\n  subnets: [subnet-0a1b2c3d"
    )
    _, diff = applied(EDGE.replace("  subnets: [subnet-0a1b2c3d", block), taught)
    assert "+    c6i.xlarge: 0.68 # as new" in diff


def test_a_value_that_stands_for_others_is_not_touched() -> None:
    text = EDGE.replace("target_per_node: 145", "target_per_node: &most 145")
    assert applied(text, lesson(learnt("c7i.xlarge")))[1] == []
    assert changed("p.yaml", EDGE, ()) == ""
    assert changed("p.yaml", EDGE, [Suggestion(("bounds", "min"), 2, 2, "")]) == ""


def world(taught: Lesson) -> WorldSpec:
    return check(WorldSpec, parse(world_text(taught), "world.yaml"))


def test_the_world_refuses_where_the_nodes_did() -> None:
    memory = Fitted(30.0, 0.25, 0.0, 0.0)
    boots = Boots(7, 81.4, 118.7, 140.0)
    spec = world(lesson(learnt("c7i.xlarge", 160, 10, memory=memory), boots=boots, limits=Limits(70, 80)))
    kind = spec.types["c7i.xlarge"]
    assert (spec.idle_cpu, spec.refuse_cpu, spec.idle_memory, spec.refuse_memory) == (3, 70, 30, 80)
    assert (spec.boot.median.total_seconds(), spec.boot.p95.total_seconds()) == (81, 119)
    assert kind.vcpus == 4
    assert kind.viewers == pytest.approx(160 / 72 * 100, abs=0.1)
    assert kind.memory.viewers
    assert kind.memory.viewers == pytest.approx(70 / 0.25, abs=0.1)
    assert kind.memory.publishers is None


def test_types_that_idle_differently_still_refuse_at_their_own_number() -> None:
    hot = replace(learnt("c5.large", 100), cpu=Fitted(13.0, 62 / 100, 0.0, 2.0))
    spec = world(lesson(learnt("c5.xlarge", 160), hot))
    assert spec.idle_cpu == 8
    for name, truth in (("c5.xlarge", 160), ("c5.large", 100)):
        viewers = spec.types[name].viewers
        assert viewers
        assert viewers * (75 - 8) / 100 == pytest.approx(truth, abs=0.1)


METAL = "c7i.metal-24xl"


@pytest.mark.parametrize(
    ("name", "told", "vcpus"),
    [("m5.large", {}, 2), (METAL, {}, 4), (METAL, {METAL: 96}, 96), ("r6g.12xlarge", {}, 48)],
)
def test_vcpus_are_those_that_were_recorded_or_that_the_name_says(name: str, told: dict[str, int], vcpus: int) -> None:
    taught = lesson(learnt(name), vcpus=told)
    assert world(taught).types[name].vcpus == vcpus
    assert ("not known" in world_text(taught)) == (name not in told and "metal" in name)


@pytest.mark.parametrize("name", ["a:", "#", "null", "12", "'", '"', "\\", "-", "{", "&a", "a.b#"])
def test_names_that_yaml_reads_otherwise_are_quoted(name: str) -> None:
    assert list(world(lesson(learnt(name))).types) == [name]
    assert "\n  c7i.xlarge:\n" in world_text(lesson(learnt("c7i.xlarge")))


@pytest.mark.parametrize("name", ["m5.large: x\n- y", "a b", "\x7f", "\u2028", "ü", "", "a" * 101])
def test_names_that_no_world_can_have_are_left_out(name: str) -> None:
    assert list(world(lesson(learnt(name), learnt("c7i.xlarge"))).types) == ["c7i.xlarge"]
    assert not world_text(lesson(learnt(name)))


@pytest.mark.parametrize("text", ["a\nboot: 9m", "a\rboot: 9m", "a\u2028boot: 9m", "\x7f"])
def test_a_group_is_no_more_than_a_comment(text: str) -> None:
    spec = world(lesson(learnt("c7i.xlarge"), group=text, count=Count(text)))
    assert spec.boot == WorldSpec().boot


def test_of_nothing_there_is_no_world() -> None:
    assert world_text(lesson(replace(learnt("a"), viewers=None))) == ""
