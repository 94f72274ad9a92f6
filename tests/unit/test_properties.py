"""What must hold for every cluster, not only for those we thought of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide.pipeline import decide
from autoscaler.model.decision import Phase
from autoscaler.model.memory import DrainRecord, Memory, Recommendation, ScaleEvent
from autoscaler.model.plan import Drain, Launch, NodeAction, Terminate
from autoscaler.model.snapshot import FleetSnapshot, Gap, Heartbeat, InstanceState, Node, Sample, ServerStatus
from autoscaler.plan.planner import plan
from autoscaler.policy.schema import Policy
from tests.support.fleet import LONG_AGO, MONGO_GAP, NOW, PROXY_GAP, SESSIONS, node, policy, snapshot, view

CPU = "mongodb.node.cpu_percent"

ages = st.integers(0, 20_000).map(lambda s: NOW - timedelta(seconds=s))
statuses = st.sampled_from([*ServerStatus, None])
publishers = st.one_of(st.integers(0, 3), st.just(MONGO_GAP))
heartbeats = st.one_of(st.none(), st.just(MONGO_GAP), ages.map(lambda at: Heartbeat(at, 50.0)))


@st.composite
def nodes(draw: st.DrawFn, number: int) -> Node:
    gap = draw(st.sampled_from([None, None, None, PROXY_GAP]))
    facts = {"servers": gap} if gap else {"status": draw(statuses)}
    return node(
        number,
        state=draw(st.sampled_from([*InstanceState, *[InstanceState.RUNNING] * 6])),
        launched_at=draw(ages),
        heartbeat=draw(heartbeats),
        sessions=draw(st.one_of(st.integers(0, 5), st.just(PROXY_GAP))),
        publishers=draw(publishers),
        answers=draw(st.sampled_from([True, False, None])),
        **facts,
    )


@st.composite
def scenes(draw: st.DrawFn) -> tuple[FleetSnapshot, Policy, Memory]:
    fleet = [draw(nodes(number)) for number in range(1, draw(st.integers(1, 7)))]
    keys = [n.instance_id for n in fleet]
    some = st.lists(st.sampled_from(keys), unique=True) if keys else st.just([])
    samples = {
        source: {key: Sample(draw(st.floats(0, 400)), draw(ages)) for key in draw(some)} for source in (CPU, SESSIONS)
    }
    gaps = draw(st.lists(st.sampled_from([MONGO_GAP, PROXY_GAP, Gap("ec2", "*", NOW, "")]), max_size=1))
    low = draw(st.integers(0, 4))
    rules = policy(
        bounds={"min": low, "max": low + draw(st.integers(1, 6))},
        scale=[
            {"target_tracking": {"signal": "cpu", "target": draw(st.floats(1, 100))}},
            {"target_tracking": {"signal": "sessions", "target_per_node": draw(st.floats(1, 100))}},
        ],
        signals={
            "cpu": {"from": CPU, "on_missing": draw(st.sampled_from(["hold", "scale_out_only"]))},
            "sessions": {"from": SESSIONS, "aggregate": "sum", "max_age": "10s"},
        },
        scale_in={
            "stabilization": draw(st.sampled_from(["0s", "5m"])),
            "cooldown": draw(st.sampled_from(["0s", "1m"])),
        },
        scale_out={"cooldown": draw(st.sampled_from(["0s", "1m"])), "max": [{"nodes": 2, "per": "1m"}]},
    )
    memory = Memory(
        admitted=dict.fromkeys(draw(some), LONG_AGO),
        drains={key: DrainRecord(draw(ages), draw(st.one_of(st.none(), ages))) for key in draw(some)},
        suspects={key: draw(ages) for key in draw(some)},
        recommendations=tuple(
            Recommendation(at, draw(st.integers(0, 9))) for at in sorted(draw(st.lists(ages, max_size=3)))
        ),
        events=tuple(ScaleEvent(at, draw(st.sampled_from([-1, 1, 2]))) for at in draw(st.lists(ages, max_size=3))),
    )
    return snapshot(*fleet, samples=samples, gaps=tuple(gaps), free=draw(st.integers(0, 8))), rules, memory


@given(scenes())
def test_desired_is_within_bounds_unless_shrinking_to_max_would_be_blind(
    scene: tuple[FleetSnapshot, Policy, Memory],
) -> None:
    shot, rules, memory = scene
    decision, _ = decide(shot, rules, memory)
    if shot.lacks("ec2"):
        assert decision.desired == decision.current
        return
    assert decision.desired >= rules.bounds.min
    assert decision.desired <= max(rules.bounds.max, decision.current)


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
        if isinstance(action, Terminate):
            doomed = facts[action.instance_id]
            assert doomed.publishers == 0
            assert decision.phases[action.instance_id] in {Phase.DRAINED, Phase.LOST, Phase.FAILED_TO_JOIN}
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
    existing = sum(phase not in {Phase.TERMINATING, Phase.STOPPED} for phase in decision.phases.values())
    assert not launched or existing + launched <= rules.bounds.max + max(1, rules.bounds.max // 10)


@given(scenes(), st.floats(0, 300))
def test_more_load_never_gives_fewer_nodes(scene: tuple[FleetSnapshot, Policy, Memory], more: float) -> None:
    shot, rules, memory = scene
    raised = {
        source: {key: replace(sample, value=sample.value + more) for key, sample in values.items()}
        for source, values in shot.samples.items()
    }
    assert decide(replace(shot, samples=raised), rules, memory)[0].desired >= decide(shot, rules, memory)[0].desired
