"""Situations in which a group once shrank on what it did not know, or could not grow by what it knew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autoscaler.decide.pipeline import decide
from autoscaler.decide.roster import call_roll
from autoscaler.decide.view import View
from autoscaler.decide.windows import smooth
from autoscaler.model.decision import Decision, Direction, Phase
from autoscaler.model.memory import DrainRecord, Memory, Recommendation
from autoscaler.model.snapshot import GROUP, Heartbeat, Node, Sample, ServerStatus
from tests.support.fleet import CPU, LONG_AGO, NOW, SESSIONS, node, policy, seasoned, seconds, server, snapshot

SIX = range(1, 7)
GPU = "ams.node.gpu_percent"
SUM = {"from": SESSIONS, "aggregate": "sum", "on_missing": "scale_out_only"}
COUNT = {"target_tracking": {"signal": "sessions", "target_per_node": 100}}
HOLD = {"target_tracking": {"signal": "cpu", "target": 60}}
MEAN = {"target_tracking": {"signal": "mean", "target": 100}}


def decided(samples: dict[str, dict[int, float]], memory: Memory | None = None, **rules: Any) -> Decision:
    """Six nodes in service since long ago, and what is decided of what they say."""
    told = {key: {f"i-{n}": Sample(value, NOW) for n, value in values.items()} for key, values in samples.items()}
    shot = snapshot(*(node(number) for number in SIX), samples=told)
    return decide(shot, policy(**{"bounds": {"min": 1, "max": 50}, **rules}), memory or seasoned(*SIX))[0]


def all_of(value: float, *silent: int) -> dict[int, float]:
    return {number: value for number in SIX if number not in silent}


@pytest.mark.parametrize("control", [[], [{"nodes": 6, "per": "6h"}]])
def test_a_pause_of_the_daemon_starts_every_window_anew(control: list[dict[str, Any]]) -> None:
    """Busy until five hours ago, then nobody looked: an hour of a window that is longer proves nothing."""
    busy = tuple(Recommendation(NOW - seconds(5 * 3600 + age), 6) for age in range(1200, 0, -10))
    memory = seasoned(*SIX, recommendations=busy, looked_at=busy[-1].at)
    scale_in = {"stabilization": "10m", "control": control}
    found = decided({CPU: all_of(5.0)}, memory, scale_in=scale_in)
    assert (found.desired, found.reasons[-1].code) == (6, "stabilization")


def test_a_threshold_that_was_passed_before_a_pause_has_to_be_held_anew() -> None:
    memory = seasoned(*SIX, breaches={"cpu below 20": NOW - seconds(3600)}, looked_at=NOW - seconds(3590))
    step = {"step": {"signal": "cpu", "steps": [{"below": 20, "for": "30m", "remove": 3}]}}
    found = decided({CPU: all_of(5.0)}, memory, scale=[step])
    assert (found.desired, found.verdicts[0].direction) == (6, Direction.HOLD)
    watched = replace(memory, looked_at=NOW - seconds(5))
    assert decided({CPU: all_of(5.0)}, watched, scale=[step]).desired == 3


@pytest.mark.parametrize("expr", ["max(cpu, 100 * q / s)", "max(100 * q / s, cpu)"])
def test_what_cannot_be_divided_is_missing_wherever_it_stands(expr: str) -> None:
    signals = {"cpu": {"from": CPU}, "q": {**SUM, "from": "haproxy.server.queued"}, "s": SUM, "mean": {"expr": expr}}
    samples = {CPU: all_of(5.0), "haproxy.server.queued": all_of(50.0), SESSIONS: all_of(0.0)}
    found = decided(samples, signals=signals, scale=[MEAN])
    assert (found.desired, found.verdicts[0].direction) == (6, Direction.HOLD)


def test_a_step_that_only_adds_does_not_leave_the_word_to_others_while_it_is_blind() -> None:
    signals = {"cpu": {"from": CPU, "on_missing": "hold"}, "sessions": SUM}
    rules = [{"step": {"signal": "cpu", "steps": [{"above": 70, "add": 1}]}}, COUNT]
    for silent in ((6,), (2, 3, 4, 5, 6), tuple(SIX)):
        found = decided({CPU: all_of(5.0, *silent), SESSIONS: all_of(10.0)}, signals=signals, scale=rules)
        assert (found.desired, found.verdicts[0].direction) == (6, Direction.HOLD)
    assert decided({CPU: all_of(5.0), SESSIONS: all_of(10.0)}, signals=signals, scale=rules).desired == 1


def test_a_signal_that_one_node_lacks_is_not_thrown_away_for_its_stand_in() -> None:
    signals = {"cpu": {"from": CPU}, "gpu": {"from": GPU}, "mean": {"expr": "coalesce(gpu, cpu)"}}
    busy = decided({GPU: all_of(140.0, 6), CPU: all_of(5.0)}, signals=signals, scale=[MEAN])
    assert busy.desired == 7  # 700 of the five that speak
    quiet = decided({GPU: all_of(5.0, 6), CPU: all_of(5.0)}, signals=signals, scale=[MEAN])
    assert (quiet.desired, quiet.verdicts[0].missing) == (6, ("gpu",))
    gone = decided({GPU: {}, CPU: all_of(5.0)}, signals=signals, scale=[MEAN])
    assert gone.desired == 1  # nobody speaks, and then the other is what was asked for


def test_an_expression_grows_by_the_nodes_that_speak() -> None:
    signals = {"sessions": SUM, "mean": {"expr": "sessions / capacity"}}
    found = decided({SESSIONS: all_of(300.0, 6)}, signals=signals, scale=[MEAN])
    assert found.desired == decided({SESSIONS: all_of(300.0, 6)}, signals=signals, scale=[COUNT]).desired == 18


def test_an_expression_that_is_assumed_may_grow_by_the_assumption_too() -> None:
    signals = {"sessions": SUM, "mean": {"expr": "sessions / capacity", "on_missing": "assume(150)"}}
    assert decided({SESSIONS: all_of(10.0, 6)}, signals=signals, scale=[MEAN]).desired == 9


def test_an_expression_counts_what_is_leaving_when_it_shrinks() -> None:
    leaving = [node(number, status=ServerStatus.DRAIN) for number in (5, 6)]
    told = {f"i-{number}": Sample(150.0 if number > 4 else 70.0, NOW) for number in SIX}
    shot = snapshot(*(node(number) for number in (1, 2, 3, 4)), *leaving, samples={SESSIONS: told})
    memory = seasoned(*SIX, drains={f"i-{number}": DrainRecord(since=NOW) for number in (5, 6)})
    signals = {"sessions": SUM, "all": {"expr": "sessions", "aggregate": "sum"}}
    for name in signals:
        rule = {"target_tracking": {"signal": name, "target_per_node": 100}}
        assert decide(shot, policy(signals=signals, scale=[rule]), memory)[0].desired == 4


def test_a_boot_counts_at_most_as_its_target_in_an_expression_too() -> None:
    signals = {"cpu": {"from": CPU}, "busy": {"expr": "cpu"}}
    for name in signals:
        rule = {"target_tracking": {"signal": name, "target": 60}}
        assert decided({CPU: all_of(100.0)}, Memory(), signals=signals, scale=[rule]).desired == 6
        half = seasoned(1, 2, 3)
        assert decided({CPU: all_of(100.0)}, half, signals=signals, scale=[rule]).verdicts[0].value == 480


def test_what_is_assumed_of_a_boot_counts_at_most_as_its_target_too() -> None:
    signals = {"cpu": {"from": CPU}, "busy": {"expr": "cpu", "on_missing": "assume(100)"}}
    rule = {"target_tracking": {"signal": "busy", "target": 60}}
    for samples in ({}, {CPU: all_of(10.0, 1)}):
        assert decided(samples, Memory(), signals=signals, scale=[rule]).desired == 6


@pytest.mark.parametrize("cpu", [all_of(58.0), {}])
def test_a_group_above_its_max_shrinks_at_its_own_pace(cpu: dict[int, float]) -> None:
    rules: dict[str, Any] = {
        "bounds": {"min": 1, "max": 2},
        "scale_in": {"stabilization": "0s", "max": [{"nodes": 1, "per": "2m"}]},
    }
    found = decided({CPU: cpu}, **rules)
    assert (found.desired, [reason.code for reason in found.reasons]) == (5, ["above_max", "rate_limit_in"])


def test_a_pause_lets_no_group_forget_its_peak() -> None:
    peak = tuple(Recommendation(NOW - seconds(3600 - age), 6) for age in range(0, 3000, 10))
    memory = seasoned(*SIX, recommendations=peak, looked_at=peak[-1].at)
    scale_in = {"stabilization": "1m", "control": [{"nodes": 1, "per": "6h"}]}
    rules = policy(bounds={"min": 1, "max": 50}, scale_in=scale_in)
    nodes = [node(number) for number in SIX]
    decision = None
    for age in range(0, 130, 10):
        told = {CPU: {f"i-{number}": Sample(5.0, NOW + seconds(age)) for number in SIX}}
        decision, memory = decide(snapshot(*nodes, samples=told, at=NOW + seconds(age)), rules, memory)
    assert decision is not None
    assert (decision.desired, decision.reasons[-1].code) == (5, "scale_in_control")


def test_room_is_counted_in_nodes_of_the_first_type() -> None:
    """Four large and eight small ones carry 2400 and have 800: no room above that is a reason to launch."""
    launch = {"launch_template": "t", "types": ["big", "small"], "weights": {"big": 4, "small": 1}, "subnets": ["a"]}
    sizes = ["big"] * 4 + ["small"] * 8
    nodes = [node(number, instance_type=size) for number, size in enumerate(sizes, start=1)]
    told = {SESSIONS: {f"i-{number}": Sample(800 / 12, NOW) for number in range(1, 13)}}
    rule = {"target_tracking": {"signal": "sessions", "target_per_node": 400}}
    for headroom in ({"percent": "100%"}, {"nodes": 1}):
        rules = policy(
            bounds={"min": 1, "max": 50}, signals={"sessions": SUM}, scale=[rule], launch=launch, headroom=headroom
        )
        decision = decide(snapshot(*nodes, samples=told), rules, seasoned(*range(1, 13)))[0]
        assert decision.desired <= 12


def test_a_boot_hides_no_load_from_shrinking() -> None:
    cold = seasoned(1, 2, 3)
    samples = {SESSIONS: {1: 0.0, 2: 0.0, 3: 0.0, 4: 300.0, 5: 300.0, 6: 300.0}}
    found = decided(samples, cold, signals={"sessions": SUM}, scale=[COUNT])
    assert (found.desired, found.verdicts[0].direction) == (6, Direction.HOLD)


def test_the_viewers_of_a_whole_cluster_are_no_boot_s() -> None:
    shot = snapshot(*(node(number) for number in SIX), samples={"mongodb.viewers": {"*": Sample(2000.0, NOW)}})
    signals = {"v": {"from": "mongodb.viewers", "aggregate": "sum"}, "all": {"expr": "v", "aggregate": "sum"}}
    rule = {"target_tracking": {"signal": "all", "target_per_node": 100}}
    rules = policy(bounds={"min": 1, "max": 50}, signals=signals, scale=[rule])
    assert decide(shot, rules, seasoned(1, 2, 3))[0].desired == 20


@pytest.mark.parametrize("aggregate", ["max", "p90"])
def test_a_silent_node_is_idle_to_a_maximum_too(aggregate: str) -> None:
    signals = {"cpu": {"from": CPU, "aggregate": aggregate}}
    silent = decided({CPU: {**all_of(10.0, 6), 1: 90.0}}, signals=signals)
    idle = decided({CPU: {**all_of(10.0), 1: 90.0, 6: 0.0}}, signals=signals)
    assert silent.desired == idle.desired


def test_a_step_acts_on_what_it_is_told_to_assume() -> None:
    signals = {"cpu": {"from": CPU, "on_missing": "assume(100)"}}
    step = {"step": {"signal": "cpu", "steps": [{"above": 70, "add": 1}]}}
    assert decided({CPU: {}}, signals=signals, scale=[step]).desired == 7


def test_a_step_removes_nothing_that_what_is_leaving_may_need() -> None:
    leaving = [node(number, status=ServerStatus.DRAIN) for number in (4, 5, 6)]
    told = {f"i-{number}": Sample(200.0 if number > 3 else 50.0, NOW) for number in SIX}
    shot = snapshot(*(node(number) for number in (1, 2, 3)), *leaving, samples={SESSIONS: told})
    memory = seasoned(*SIX, drains={f"i-{number}": DrainRecord(since=NOW) for number in (4, 5, 6)})
    step = {"step": {"signal": "sessions", "steps": [{"below": 300, "remove": 1}]}}
    assert decide(shot, policy(signals={"sessions": SUM}, scale=[step]), memory)[0].desired == 3


def test_an_expression_that_cannot_be_told_with_what_is_leaving_is_no_ground_to_shrink() -> None:
    """200 - 100 in service leaves something to divide by; with the 100 that are leaving it does not."""
    told = {"haproxy.server.queued": {"i-1": Sample(50.0, NOW), "i-2": Sample(50.0, NOW), "i-3": Sample(100.0, NOW)}}
    shot = snapshot(node(1), node(2), node(3, status=ServerStatus.DRAIN), samples=told)
    memory = seasoned(1, 2, 3, drains={"i-3": DrainRecord(since=NOW)})
    signals = {"q": {**SUM, "from": "haproxy.server.queued"}, "mean": {"expr": "100 / (200 - q)"}}
    found = decide(shot, policy(signals=signals, scale=[MEAN]), memory)[0]
    assert (found.desired, found.verdicts[0].direction, found.verdicts[0].missing) == (2, Direction.HOLD, ("*",))


@pytest.mark.parametrize(("silent", "grown"), [((), 9), ((6,), 8), (tuple(SIX), 9)])  # five of six ask for 8
def test_silence_now_and_then_does_not_start_the_window_of_growth_anew(silent: tuple[int, ...], grown: int) -> None:
    """Busy for 70 s against a window of 1m; in one look in the middle some, or all, say nothing."""
    rules = policy(bounds={"min": 1, "max": 50}, scale_out={"stabilization": "1m"}, scale_in={"stabilization": "0s"})
    nodes, memory = [node(number) for number in SIX], seasoned(*SIX)
    sizes: list[int] = []
    for age in range(-20, 80, 10):
        hidden = silent if age == 30 else ()
        cpu = dict.fromkeys(SIX, 60.0 if age < 0 else 90.0)
        seen = {number: value for number, value in cpu.items() if number not in hidden}
        decision, memory = decide(snapshot(*nodes, cpu=seen, at=NOW + seconds(age)), rules, memory)
        sizes.append(decision.desired)
    assert sizes == [6] * 8 + [grown] * 2  # the last content look, ten seconds before the load came, is in the window


def test_who_is_content_still_delays_growth() -> None:
    rules = policy(bounds={"min": 1, "max": 50}, scale_out={"stabilization": "1m"}, scale_in={"stabilization": "0s"})
    nodes, memory = [node(number) for number in SIX], seasoned(*SIX)
    sizes: list[int] = []
    for age in range(0, 70, 10):
        cpu = dict.fromkeys(SIX, 60.0 if age == 30 else 90.0)
        decision, memory = decide(snapshot(*nodes, cpu=cpu, at=NOW + seconds(age)), rules, memory)
        sizes.append(decision.desired)
    assert sizes[-1] == 6


IGNORED = {"cpu": {"from": CPU, "on_missing": "ignore"}, "sessions": SUM}
STEPS = [{"above": 70, "add": 1}, {"below": 20, "remove": 1}]
TWO_STEPS = {"step": {"signal": "cpu", "steps": STEPS}}
ADDING = {"step": {"signal": "cpu", "steps": STEPS[:1]}}


def with_a_silent_one_leaving(rule: dict[str, Any], cpu: float, sessions: float = 10.0) -> Decision:
    """Five in service of which everything is known, and a sixth that drains and whose CPU nobody tells."""
    told = {
        CPU: {f"i-{number}": Sample(cpu, NOW) for number in SIX if number < 6},
        SESSIONS: {f"i-{number}": Sample(sessions, NOW) for number in SIX},
    }
    shot = snapshot(*(node(number) for number in SIX if number < 6), node(6, status=ServerStatus.DRAIN), samples=told)
    beside = COUNT | ({"group": rule["group"]} if "group" in rule else {})
    rules = policy(bounds={"min": 1, "max": 50}, signals=IGNORED, scale=[rule, beside])
    return decide(shot, rules, seasoned(*SIX, drains={"i-6": DrainRecord(NOW)}))[0]


@pytest.mark.parametrize(
    ("rule", "cpu", "direction", "desired"),
    [
        (HOLD, 90.0, Direction.OUT, 8),
        (HOLD, 58.0, Direction.HOLD, 5),  # whatever the sixth carries, this is no less
        (HOLD, 5.0, Direction.ABSTAIN, 1),  # here it matters, and that is ignored: the others decide
        (TWO_STEPS, 90.0, Direction.OUT, 6),
        (TWO_STEPS, 58.0, Direction.HOLD, 5),
        (TWO_STEPS, 5.0, Direction.ABSTAIN, 1),
        (ADDING, 5.0, Direction.ABSTAIN, 1),
    ],
)
def test_the_silence_of_who_leaves_silences_nobody_who_ignores_it(
    rule: dict[str, Any], cpu: float, direction: Direction, desired: int
) -> None:
    found = with_a_silent_one_leaving(rule, cpu)
    assert (found.verdicts[0].direction, found.desired) == (direction, desired)


def test_who_ignores_the_silence_of_who_leaves_never_shrinks_by_it() -> None:
    for cpu in (0.0, 5.0, 30.0, 55.0):
        assert with_a_silent_one_leaving(HOLD, cpu, sessions=100.0).desired >= 5


WAITING_STEPS = {"step": {"signal": "cpu", "steps": [{"above": 50, "for": "1m", "add": 1}]}}


@pytest.mark.parametrize("rule", [HOLD, TWO_STEPS, WAITING_STEPS])
def test_who_is_content_while_one_that_leaves_is_silent_vetoes_nothing_within_a_group(rule: dict[str, Any]) -> None:
    found = with_a_silent_one_leaving(rule | {"group": "a"}, 58.0)
    assert (found.verdicts[0].direction, found.desired) == (Direction.HOLD, 1)


def used_by_one_balancer(number: int, sessions: int, status: ServerStatus = ServerStatus.UP, **facts: Any) -> Node:
    """A node that the second balancer takes for dead."""
    other = replace(server(number, ServerStatus.DOWN), balancer="lb2")
    return node(number, servers=(server(number, status, sessions), other), sessions=sessions, **facts)


def beside_a_disputed_one(each: float, disputed: Node, memory: Memory, told: dict[str, float], **rules: Any) -> View:
    """Five in service on two balancers, and a sixth about which these differ."""
    nodes = [
        node(number, servers=(server(number), replace(server(number), balancer="lb2"))) for number in SIX if number < 6
    ]
    samples = {SESSIONS: {f"i-{number}": Sample(each, NOW) for number in SIX if number < 6}}
    samples[SESSIONS] |= {key: Sample(value, NOW) for key, value in told.items()}
    shot = snapshot(*nodes, disputed, samples=samples)
    (first,) = shot.proxies
    shot = replace(shot, proxies=(first, replace(first, balancer="lb2", servers=())))
    return View(shot, policy(**{"bounds": {"min": 1, "max": 50}, "signals": {"sessions": SUM}, **rules}), memory)


OVERDUE = seasoned(*SIX, outside={"i-6": NOW - seconds(120)})
WAITING = seasoned(*SIX, outside={"i-6": NOW - seconds(119)})


@pytest.mark.parametrize(
    ("each", "memory", "current", "desired"),
    [
        (90.0, OVERDUE, 5, 8),  # 450 and the 300 that are there, too
        (10.0, OVERDUE, 5, 4),  # and not 1
        (100.0, WAITING, 6, 8),
        (10.0, WAITING, 6, 6),  # nothing shrinks while it may come back
    ],
)
def test_sessions_on_a_node_that_only_one_balancer_uses_are_load(
    each: float, memory: Memory, current: int, desired: int
) -> None:
    seen = beside_a_disputed_one(each, used_by_one_balancer(6, 300), memory, {"i-6": 300.0}, scale=[COUNT])
    found = decide(seen.snapshot, seen.policy, seen.memory)[0]
    assert (found.current, found.desired) == (current, desired)


@pytest.mark.parametrize(
    ("disputed", "at_work"),
    [
        (used_by_one_balancer(6, 0), True),  # HLS is hardly ever a session
        (used_by_one_balancer(6, 1, ServerStatus.DOWN), True),
        (used_by_one_balancer(6, 0, ServerStatus.DOWN), False),
        (node(6, status=None), False),
    ],
)
def test_who_is_used_by_nobody_is_not_at_work(disputed: Node, at_work: bool) -> None:  # noqa: FBT001 - a case
    seen = beside_a_disputed_one(10.0, disputed, OVERDUE, {}, scale=[COUNT])
    roster = call_roll(seen)
    assert [member.instance_id for member in roster.at_work] == [f"i-{n}" for n in SIX if n < 6 or at_work]
    assert (len(roster.in_service), roster.serving, roster.current) == (5, 5.0, 5)
    silent = decide(seen.snapshot, seen.policy, seen.memory)[0]
    assert silent.desired == (5 if at_work else 1)  # whose load nobody tells


def test_sessions_that_are_left_on_a_lost_node_are_counted_where_their_viewers_come_back() -> None:
    lost = used_by_one_balancer(
        6, 300, ServerStatus.DOWN, heartbeat=Heartbeat(NOW - seconds(60), 50.0), answers=False
    )  # fmt: skip
    memory = replace(OVERDUE, suspects={"i-6": LONG_AGO})
    seen = beside_a_disputed_one(90.0, lost, memory, {"i-6": 300.0}, scale=[COUNT])
    roster = call_roll(seen)
    assert (roster.phases["i-6"], roster.at_work) == (Phase.LOST, roster.in_service)


def test_a_boot_that_one_balancer_uses_already_counts_at_most_as_its_target() -> None:
    signals = {"cpu": {"from": CPU}, "busy": {"expr": "cpu"}}
    for name, load in (("cpu", 360.0), ("busy", 5 * 400 / 6 + 60)):  # an expression is told of all nodes as one
        rule = {"target_tracking": {"signal": name, "target": 60}}
        booting = used_by_one_balancer(6, 1, launched_at=NOW - seconds(90))
        memory = seasoned(1, 2, 3, 4, 5, outside={"i-6": NOW})
        seen = beside_a_disputed_one(0.0, booting, memory, {}, signals=signals, scale=[rule])
        told = {CPU: {f"i-{number}": Sample(100.0 if number == 6 else 60.0, NOW) for number in SIX}}
        found = decide(replace(seen.snapshot, samples=told), seen.policy, seen.memory)[0]
        assert (found.current, found.desired) == (6, 6)
        assert found.verdicts[0].value == pytest.approx(load)


def told_of_cpu(each: float, disputed: float | None, memory: Memory, aggregate: str, rule: dict[str, Any]) -> Decision:
    """Five in service at some CPU, and one that only one balancer uses at another, or silent."""
    signals = {"cpu": {"from": CPU, "aggregate": aggregate}}
    seen = beside_a_disputed_one(0.0, used_by_one_balancer(6, 1), memory, {}, signals=signals, scale=[rule])
    known = {f"i-{number}": Sample(each, NOW) for number in SIX if number < 6}
    known |= {} if disputed is None else {"i-6": Sample(disputed, NOW)}
    return decide(replace(seen.snapshot, samples={CPU: known}), seen.policy, seen.memory)[0]


@pytest.mark.parametrize("aggregate", ["p1", "p90", "max"])
@pytest.mark.parametrize("disputed", [5.0, 99.0, None])
def test_a_maximum_grows_the_group_by_the_nodes_in_service_alone(aggregate: str, disputed: float | None) -> None:
    """Else each node that one balancer takes for dead would want one more, and that one, too."""
    found = told_of_cpu(70.0, disputed, OVERDUE, aggregate, HOLD)
    assert (found.current, found.desired, found.verdicts[0].value) == (5, 6, 350.0)
    step = {"step": {"signal": "cpu", "steps": [{"above": 75, "add": 1}]}}
    assert told_of_cpu(70.0, disputed, OVERDUE, aggregate, step).verdicts[0].value == 70.0


@pytest.mark.parametrize(("disputed", "desired"), [(5.0, 1), (99.0, 5), (None, 5)])
def test_a_maximum_shrinks_no_group_beside_a_node_that_is_busy_or_silent(disputed: float | None, desired: int) -> None:
    assert told_of_cpu(10.0, disputed, OVERDUE, "max", HOLD).desired == desired


def test_a_mean_is_spread_over_a_boot_that_one_balancer_uses_already() -> None:
    step = {"step": {"signal": "cpu", "steps": [{"above": 65, "add": "50%"}]}}
    found = told_of_cpu(62.0, 80.0, seasoned(1, 2, 3, 4, 5, outside={"i-6": NOW}), "mean", step)
    assert (found.current, found.desired) == (6, 6)
    assert found.verdicts[0].value == pytest.approx((5 * 62 + 65) / 6)


AHEAD = NOW + seconds(21)
SAID = ": 1 value is stamped too far in the future"


@pytest.mark.parametrize(
    ("signal", "detail"),
    [
        ({}, "cpu is missing of 1 node" + SAID),
        ({"window": "1m"}, "cpu is missing of 6 nodes" + SAID),  # the others have just begun
        ({"on_missing": "ignore"}, "1 values are missing, and it was told to ignore that" + SAID),
    ],
)
def test_a_value_of_a_clock_that_is_far_ahead_is_missing_and_that_is_said(signal: dict[str, Any], detail: str) -> None:
    """Its node may have been silent for an hour: nobody can tell."""
    signals = {"cpu": {"from": CPU, "max_age": "20s", **signal}}
    told = {f"i-{number}": Sample(5.0, AHEAD if number == 6 else NOW) for number in SIX}
    rules = policy(bounds={"min": 1, "max": 50}, signals=signals)
    shot = smooth(rules, seasoned(*SIX), snapshot(*map(node, SIX), samples={CPU: told}))
    found = decide(shot, rules, seasoned(*SIX))[0]
    assert (found.desired, found.verdicts[0].detail, found.verdicts[0].missing[-1]) == (6, detail, "i-6")


def test_clocks_may_differ_as_much_as_a_value_may_be_old() -> None:
    for ahead, desired in ((20, 1), (21, 6), (-20, 1), (-21, 6)):
        told = {CPU: {f"i-{number}": Sample(5.0, NOW + seconds(ahead)) for number in SIX}}
        assert decide(snapshot(*map(node, SIX), samples=told), policy(), seasoned(*SIX))[0].desired == desired


def test_clocks_that_are_far_ahead_are_told_of_by_every_kind_of_signal_and_rule() -> None:
    signals = {"viewers": {"from": "mongodb.viewers", "aggregate": "sum"}, "cpu": {"from": CPU}}
    signals |= {"busy": {"expr": "cpu + viewers / capacity"}, "halved": {"expr": "cpu / 2"}}
    told = {"mongodb.viewers": {GROUP: Sample(9.0, AHEAD)}, CPU: {"i-1": Sample(9.0, NOW), "i-2": Sample(9.0, AHEAD)}}
    targets = [{"signal": name, "target": 60} for name in ("busy", "halved")]
    rules = [{"target_tracking": target} for target in [{"signal": "viewers", "target_per_node": 60}, *targets]]
    shot = snapshot(node(1), node(2), samples=told)
    found = decide(shot, policy(signals=signals, scale=[*rules, TWO_STEPS]), seasoned(1, 2))[0]
    assert [verdict.detail for verdict in found.verdicts] == [
        "no fresh value" + SAID,
        "no fresh value: 2 values are stamped too far in the future",
        "halved lacks all or part of cpu" + SAID,
        "cpu is within every threshold" + SAID,
    ]
    assert found.desired == 2
