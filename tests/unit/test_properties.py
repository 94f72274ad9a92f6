"""What must hold for every cluster, not only for those we thought of."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide.past import ahead, looked_at
from autoscaler.decide.pipeline import decide
from autoscaler.decide.schedule import applies
from autoscaler.model.decision import Decision, Direction, Phase
from autoscaler.model.errors import ConfigurationError
from autoscaler.model.memory import DrainRecord, Memory, Recommendation, ScaleEvent, WakeRecord
from autoscaler.model.plan import Drain, Launch, NodeAction, Stop, Terminate
from autoscaler.model.snapshot import FleetSnapshot, Gap, Heartbeat, InstanceState, Node, Sample, ServerStatus
from autoscaler.plan import planner
from autoscaler.plan.planner import plan
from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from tests.support.documents import ROOT, read
from tests.support.fleet import (
    CPU,
    LONG_AGO,
    MONGO_GAP,
    NOW,
    PROXY_GAP,
    SESSIONS,
    node,
    seasoned,
    snapshot,
    view,
)
from tests.support.generated import (
    SCRAPS,
    as_yaml,
    forecasts,
    passed_thresholds,
    pasts,
    policies,
    printed,
    rule_sets,
    typed_badly,
    whole_policies,
)
from tests.support.generated import rules as generated_rules

pytestmark = pytest.mark.usefixtures("untraced")

ages = st.integers(0, 20_000).map(lambda s: NOW - timedelta(seconds=s))
recent = st.sampled_from([*[NOW] * 6, NOW - timedelta(seconds=15), LONG_AGO])
statuses = st.sampled_from([*[ServerStatus.UP] * 30, None, *ServerStatus])
publishers = st.one_of(st.integers(0, 3), st.just(MONGO_GAP))
heartbeats = st.one_of(st.none(), st.just(MONGO_GAP), ages.map(lambda at: Heartbeat(at, 50.0)))


@st.composite
def nodes(draw: st.DrawFn, number: int) -> Node:
    gap = draw(st.sampled_from([*[None] * 12, PROXY_GAP]))
    facts = {"servers": gap} if gap else {"status": draw(statuses)}
    return node(
        number,
        state=draw(st.sampled_from([*[InstanceState.RUNNING] * 30, *InstanceState])),
        launched_at=draw(ages),
        instance_type=draw(st.sampled_from(["c5.xlarge", "c5.xlarge", "c5.2xlarge", "unheard-of"])),
        heartbeat=draw(heartbeats),
        sessions=draw(st.one_of(st.integers(0, 5), st.just(PROXY_GAP))),
        publishers=draw(publishers),
        answers=draw(st.sampled_from([True, False, None])),
        **facts,
    )


@st.composite
def scenes(draw: st.DrawFn, *, grouped: bool = True) -> tuple[FleetSnapshot, Policy, Memory]:
    fleet = [draw(nodes(number)) for number in range(1, draw(st.sampled_from([5, 4, 3, 6, 7, 9, 2, 1])))]
    keys = [n.instance_id for n in fleet]
    some = st.lists(st.sampled_from(keys), unique=True) if keys else st.just([])
    most = st.one_of(st.just(keys), st.just(keys), some)
    few = st.sampled_from([*[[]] * 6, keys[:1], keys])
    load = st.one_of(st.sampled_from([20, 5, 40, 60, 80]), st.integers(0, 100), st.floats(0, 400))
    samples = {source: {key: Sample(draw(load), draw(recent)) for key in draw(most)} for source in (CPU, SESSIONS)}
    gaps = draw(st.sampled_from([*[()] * 9, (MONGO_GAP,), (PROXY_GAP,), (Gap("ec2", "*", NOW, ""),)]))
    rules = Policy.model_validate(draw(policies(grouped=grouped)))
    memory = Memory(
        admitted=dict.fromkeys(draw(most), LONG_AGO),
        drains={key: DrainRecord(draw(ages), draw(st.none() | ages)) for key in draw(few)},
        suspects={key: draw(ages) for key in draw(few)},
        recommendations=tuple(
            Recommendation(at, draw(st.integers(0, 9))) for at in sorted(draw(st.lists(ages, max_size=3)))
        ),
        events=tuple(ScaleEvent(at, draw(st.sampled_from([-1, 1, 2]))) for at in draw(st.lists(ages, max_size=3))),
        breaches=draw(passed_thresholds(rules, ages)),
        pool=dict.fromkeys(draw(few), LONG_AGO),
        wakes={key: WakeRecord(draw(ages), draw(st.booleans()), draw(st.booleans())) for key in draw(few)},
    )
    past, free = draw(pasts(rules, NOW)), draw(st.integers(0, 8))
    return snapshot(*fleet, samples=samples, gaps=gaps, free=free, history=past), rules, memory


@st.composite
def quiet_scenes(draw: st.DrawFn) -> tuple[FleetSnapshot, Policy, Memory]:
    """Nodes of which nothing is missing, and rules that nothing slows down."""
    numbers = range(1, draw(st.sampled_from([4, 3, 8, 2])))
    rules = Policy.model_validate(draw(rule_sets()))
    load = st.one_of(st.sampled_from([20, 5, 40, 60]), st.integers(0, 100))
    samples = {source: {f"i-{n}": Sample(draw(load), NOW) for n in numbers} for source in (CPU, SESSIONS)}
    memory = seasoned(*numbers, breaches=draw(passed_thresholds(rules, ages)))
    return snapshot(*map(node, numbers), samples=samples, history=draw(pasts(rules, NOW))), rules, memory


def highest(rules: Policy) -> int:
    """The `max` of the bounds, or of a schedule that applies."""
    raised = [rule.schedule.max or 0 for rule in rules.scale if rule.schedule and applies(rule.schedule, NOW)]
    return max([rules.bounds.max, *raised])


@given(scenes())
def test_desired_is_within_bounds_as_schedules_move_them_unless_shrinking_to_max_would_be_blind(
    scene: tuple[FleetSnapshot, Policy, Memory],
) -> None:
    shot, rules, memory = scene
    decision, _ = decide(shot, rules, memory)
    if shot.lacks("ec2"):
        assert decision.desired == decision.current
        return
    assert decision.desired >= rules.bounds.min
    assert decision.desired <= max(highest(rules), decision.current)


@given(scenes())
def test_every_change_has_a_reason_and_the_reasons_chain(scene: tuple[FleetSnapshot, Policy, Memory]) -> None:
    decision, _ = decide(*scene)
    at = decision.current
    for reason in decision.reasons:
        assert reason.before == at
        assert reason.before != reason.after or reason.code == "fleet_unknown"
        assert reason.detail
        at = reason.after
    assert at == decision.desired


@given(scenes())
def test_the_same_input_gives_the_same_decision_and_plan(scene: tuple[FleetSnapshot, Policy, Memory]) -> None:
    shot, rules, memory = scene
    first, second = (decide(shot, rules, memory) for _ in range(2))
    assert first == second
    assert plan(first[0], view(shot, rules, first[1])) == plan(second[0], view(shot, rules, second[1]))


@given(scenes() | quiet_scenes())
def test_where_nothing_is_to_be_done_the_whole_plan_says_so_too(scene: tuple[FleetSnapshot, Policy, Memory]) -> None:
    shot, rules, memory = scene
    decision, remembered = decide(shot, rules, memory)
    found = plan(decision, view(shot, rules, remembered))
    with patch.object(planner, "_settled", return_value=False):
        assert plan(decision, view(shot, rules, remembered)) == found


@given(scenes(), st.lists(st.integers(0, 6), unique=True, min_size=1))
def test_a_gap_never_shrinks_and_stays_between_idle_and_fully_busy(
    scene: tuple[FleetSnapshot, Policy, Memory], silent: list[int]
) -> None:
    shot, rules, memory = scene
    fresh = {source: {n.instance_id: Sample(40.0, NOW) for n in shot.nodes} for source in (CPU, SESSIONS)}
    names = {shot.nodes[number].instance_id for number in silent if number < len(shot.nodes)}
    busiest = 400.0

    def wish(value: float | None) -> tuple[int, int]:
        told = {} if value is None else dict.fromkeys(names, Sample(value, NOW))
        samples = {
            source: {key: sample for key, sample in values.items() if key not in names} | told
            for source, values in fresh.items()
        }
        decision, _ = decide(replace(shot, samples=samples), rules, memory)
        return decision.current, decision.desired

    (current, gapped), (_, idle), (_, busy) = wish(None), wish(0.0), wish(busiest)
    listed = [p for key, p in decide(shot, rules, memory)[0].phases.items() if key in names]
    if any(phase in {Phase.IN_SERVICE, Phase.DRAINING, Phase.DRAINED} for phase in listed):
        assert gapped >= min(current, rules.bounds.max)
    assert min(idle, current) <= gapped <= max(busy, current)


@given(scenes())
def test_a_plan_never_ends_a_node_that_anybody_may_be_on(scene: tuple[FleetSnapshot, Policy, Memory]) -> None:
    shot, rules, memory = scene
    decision, after = decide(shot, rules, memory)
    steps = plan(decision, view(shot, rules, after))
    facts = {n.instance_id: n for n in shot.nodes}
    for action in steps.actions:
        if isinstance(action, Stop):
            assert decision.phases[action.instance_id] in {Phase.DRAINED, Phase.FILLING}
            assert facts[action.instance_id].empty
        if isinstance(action, Terminate) and decision.phases[action.instance_id] is Phase.STOPPED:
            assert action.instance_id in memory.pool
        elif isinstance(action, Terminate):
            doomed = facts[action.instance_id]
            assert doomed.publishers == 0
            assert decision.phases[action.instance_id] in {
                Phase.DRAINED,
                Phase.LOST,
                Phase.FAILED_TO_JOIN,
                Phase.FILLING,
            }
            assert action.why != "drained" or (doomed.sessions == 0 and action.instance_id in memory.drains)
        if isinstance(action, Drain) and action.instance_id not in memory.drains:
            assert facts[action.instance_id].publishers == 0


@given(scenes())
def test_a_plan_takes_at_most_one_step_with_a_node(scene: tuple[FleetSnapshot, Policy, Memory]) -> None:
    shot, rules, memory = scene
    decision, after = decide(shot, rules, memory)
    steps = [a.instance_id for a in plan(decision, view(shot, rules, after)).actions if isinstance(a, NodeAction)]
    assert len(steps) == len(set(steps))


@given(scenes())
def test_a_plan_keeps_min_in_service_and_max_in_total(scene: tuple[FleetSnapshot, Policy, Memory]) -> None:
    shot, rules, memory = scene
    decision, after = decide(shot, rules, memory)
    steps = plan(decision, view(shot, rules, after))
    serving = [key for key, phase in decision.phases.items() if phase is Phase.IN_SERVICE]
    drained = [a for a in steps.actions if isinstance(a, Drain) and a.instance_id in serving]
    assert not drained or len(serving) - len(drained) >= rules.bounds.min
    launched = sum(a.count for a in steps.actions if isinstance(a, Launch))
    existing = sum(phase is not Phase.TERMINATING for phase in decision.phases.values())
    most = highest(rules)
    assert not launched or existing + launched <= most + max(1, most // 10)


LOADS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 3.0, 10.0)


def under(shot: FleetSnapshot, load: float) -> FleetSnapshot:
    """The same moment with so many times the load."""
    samples = {
        source: {key: replace(sample, value=sample.value * load) for key, sample in values.items()}
        for source, values in shot.samples.items()
    }
    return replace(shot, samples=samples)


@given(scenes(grouped=False) | quiet_scenes())
def test_more_load_never_gives_fewer_nodes(scene: tuple[FleetSnapshot, Policy, Memory]) -> None:
    """Without groups: who groups rules says that one that is content shall not keep another from shrinking."""
    shot, rules, memory = scene
    wishes = [decide(under(shot, load), rules, memory)[0].desired for load in LOADS]
    assert wishes == sorted(wishes)


@given(scenes() | quiet_scenes(), generated_rules(grouped=False))
def test_one_rule_more_never_gives_fewer_nodes(
    scene: tuple[FleetSnapshot, Policy, Memory], rule: dict[str, Any]
) -> None:
    """As long as both somebody before it and the rule itself have an opinion; who has none is not asked."""
    shot, rules, memory = scene
    more = Policy.model_validate({**print_data(rules), "scale": [*print_data(rules)["scale"], rule]})
    for load in LOADS:
        before, after = (decide(under(shot, load), each, memory)[0] for each in (rules, more))
        floor = bool({"schedule", "forecast"} & {*rule})
        if (floor or opinions(after)[-1]) and any(opinions(before)):
            assert after.desired >= before.desired


def opinions(decision: Decision) -> list[bool]:
    """Whether each rule that has a vote has an opinion; none at all counts as none."""
    votes = [verdict for verdict in decision.verdicts if not verdict.rule.startswith("forecast:")]
    return [verdict.direction is not Direction.ABSTAIN for verdict in votes] or [False]


def foreseeing(rules: Policy, forecast: dict[str, Any]) -> Policy:
    return Policy.model_validate({**print_data(rules), "scale": [*print_data(rules)["scale"], forecast]})


def recalled(shot: FleetSnapshot, rules: Policy, data: st.DataObject) -> FleetSnapshot:
    """The same moment with a past of its own."""
    return replace(shot, history=data.draw(pasts(rules, NOW)))


@given(scenes() | quiet_scenes(), forecasts(), st.data())
def test_a_forecast_never_lowers_the_result(
    scene: tuple[FleetSnapshot, Policy, Memory], forecast: dict[str, Any], data: st.DataObject
) -> None:
    """Whatever the other rules say, abstain or lack: unlike another rule it has no vote."""
    shot, rules, memory = scene
    more = foreseeing(rules, forecast)
    shot = recalled(shot, more, data)
    assert decide(shot, more, memory)[0].desired >= decide(shot, rules, memory)[0].desired


@given(scenes() | quiet_scenes(), forecasts(), st.data())
def test_a_busier_past_never_gives_fewer_nodes(
    scene: tuple[FleetSnapshot, Policy, Memory], forecast: dict[str, Any], data: st.DataObject
) -> None:
    shot, rules, memory = scene
    more = foreseeing(rules, forecast)
    shot = recalled(shot, more, data)
    wishes = []
    for load in (0.0, 5.0, 100.0, 1000.0, 10_000.0):
        busier = {
            key: tuple(replace(sample, value=sample.value + load) for sample in samples)
            for key, samples in shot.history.items()
        }
        wishes.append(decide(replace(shot, history=busier), more, memory)[0].desired)
    assert wishes == sorted(wishes)


@given(scenes() | quiet_scenes(), forecasts(), st.data())
def test_too_little_past_is_as_if_the_forecast_were_not_there(
    scene: tuple[FleetSnapshot, Policy, Memory], forecast: dict[str, Any], data: st.DataObject
) -> None:
    shot, rules, memory = scene
    more = foreseeing(rules, forecast)
    rule = more.scale[-1].forecast
    assert rule is not None
    short = data.draw(st.integers(0, rule.at_least - 1))
    known = {hole - number * rule.season for hole in ahead(rule, NOW) for number in range(1, short + 1)}
    past = {
        key: tuple(Sample(900.0, at) for at in starts if at in known) for key, starts in looked_at(more, NOW).items()
    }
    shot = replace(shot, history=past)
    (decision, after), (plain, before) = (decide(shot, each, memory) for each in (more, rules))
    assert (decision.desired, decision.reasons, after) == (plain.desired, plain.reasons, before)


@given(scenes() | quiet_scenes(), forecasts(), st.data())
def test_a_hole_in_the_past_is_as_if_its_time_were_not_looked_at(
    scene: tuple[FleetSnapshot, Policy, Memory], forecast: dict[str, Any], data: st.DataObject
) -> None:
    """What is left of it decides nothing, and every other time keeps the floor that it has by itself."""
    shot, rules, memory = scene
    others = [rule for rule in print_data(rules)["scale"] if not rule["forecast"]]  # to those it may be another time
    more = Policy.model_validate({**print_data(rules), "scale": [*others, forecast]})
    shot = recalled(shot, more, data)
    rule = more.scale[-1].forecast
    assert rule is not None
    hole = data.draw(st.sampled_from(ahead(rule, NOW)))
    recorded = [hole - number * rule.season for number in range(1, rule.seasons + 1)]

    def without(lost: list[datetime]) -> tuple[int, int | None]:
        past = {key: tuple(one for one in samples if one.at not in lost) for key, samples in shot.history.items()}
        decision = decide(replace(shot, history=past), more, memory)[0]
        return decision.desired, decision.verdicts[-1].needed if decision.verdicts else None

    assert without(recorded[rule.at_least - 1 :]) == without(recorded)


def print_data(rules: Policy) -> dict[str, Any]:
    return rules.model_dump(mode="json", by_alias=True)


@given(whole_policies())
def test_a_policy_that_is_printed_is_read_as_it_was(data: dict[str, Any]) -> None:
    rules = Policy.model_validate(data)
    text = printed(rules)
    (again,) = load_policies({"f.yaml": text})
    assert again == rules
    assert printed(again) == text


SHIPPED = [read(file) for file in sorted((ROOT / "policies").glob("*.yaml")) if ".test." not in file.name]


def told_or_decided(text: str) -> None:
    """A text is refused in our own words, or it is a policy, and then any decision by it goes well."""
    try:
        (rules,) = load_policies({"f.yaml": text})
    except ConfigurationError:
        return
    decide(snapshot(node(1), cpu={1: 90.0}), rules, seasoned(1))


@given(st.one_of(st.sampled_from(SHIPPED), policies().map(as_yaml)).flatmap(typed_badly))
def test_a_policy_that_was_typed_badly_is_told_or_decides(text: str) -> None:
    told_or_decided(text)


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@given(whole_policies(), st.data())
def test_a_policy_with_anything_anywhere_is_told_or_decides(data: dict[str, Any], choice: st.DataObject) -> None:
    holder: Any = data
    key = choice.draw(st.sampled_from(sorted(data)))
    while isinstance(holder[key], dict | list) and holder[key] and choice.draw(st.booleans()):
        holder = holder[key]
        key = choice.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
    holder[key] = choice.draw(anything)
    told_or_decided(as_yaml(data))


@given(st.one_of(st.text(max_size=40), anything.map(as_yaml), st.lists(st.sampled_from(SCRAPS)).map("".join)))
def test_what_is_no_policy_at_all_is_told(text: str) -> None:
    with pytest.raises(ConfigurationError):
        load_policies({"f.yaml": text})
