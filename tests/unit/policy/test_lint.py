"""What is called unwise in a policy, where it stands, and what is left alone. docs/lint.md has more examples."""

from __future__ import annotations

from datetime import timedelta

import pytest

from autoscaler.model.errors import Severity
from autoscaler.policy.lint.reservations import _steps
from autoscaler.policy.lint.run import CODES, lint
from autoscaler.policy.load import read_policies
from autoscaler.policy.schema import RateLimit
from tests.support.policy_text import QUIET, lay_over

HOLDS = "scale:\n  - target_tracking: {signal: cpu, target: 60}\n"
BOTH = HOLDS + "  - target_tracking: {signal: sessions, target_per_node: 110}\n"
CPU = "signals:\n  cpu: {from: mongodb.node.cpu_percent, max_age: 20s, on_missing: scale_out_only}\n"
SIGNALS = (
    CPU + "  sessions: {from: haproxy.server.sessions, aggregate: sum, max_age: 10s, on_missing: scale_out_only}\n"
)


SUM, FILLED, CPU_PERCENT = "aggregate: sum", "on_missing: scale_out_only", "mongodb.node.cpu_percent"


def signal(name: str, source: str, *more: str) -> str:
    return f"  {name}: {{from: {source}, {', '.join(('max_age: 20s', *more))}}}\n"


def hold(name: str, target: str) -> str:
    return f"  - target_tracking: {{signal: {name}, {target}}}\n"


def warnings(*texts: str) -> list[str]:
    policies, wrong = read_policies({f"{number}.yaml": text for number, text in enumerate(texts, 1)})
    assert wrong == []
    found = lint(policies)
    assert {problem.severity for problem in found} <= {Severity.WARNING}
    return [str(problem) for problem in found]


def codes(fragment: str) -> list[str]:
    return [line.split()[1] for line in warnings(lay_over(QUIET, fragment)) if line.split()[1] in CODES]


def steps(*texts: str, beside: str = "") -> str:
    return f"{CPU}scale:\n{beside}  - step: {{signal: cpu, steps: [{', '.join(texts)}]}}\n"


UP, DOWN = "{above: 60, for: 1m, add: 1}", "{below: 30, for: 5m, remove: 1}"


def from_zero(
    expr: str, *, aggregate: str = "sum", sessions: str = "scale_out_only", busy: str = "hold", rule: str = ""
) -> str:
    """A group that may be empty, with a rule on an expression of viewers, whom the cluster counts, and sessions."""
    signals = SIGNALS.replace("10s, on_missing: scale_out_only", f"10s, on_missing: {sessions}")
    computed = f'  busy: {{expr: "{expr}", aggregate: {aggregate}, on_missing: {busy}}}\n'
    target = "target_per_node: 90" if aggregate == "sum" else "target: 90"
    viewers = signal("viewers", "mongodb.viewers", SUM, FILLED)
    return f"bounds: {{min: 0, max: 12}}\n{signals}{viewers}{computed}{BOTH}{rule or hold('busy', target)}"


def add_above(threshold: int) -> str:
    return f"  - step: {{signal: busy, steps: [{{above: {threshold}, for: 1m, add: 1}}]}}\n"


def schedule(*texts: str) -> str:
    return BOTH + "".join(f"  - schedule: {{timezone: UTC, {text}}}\n" for text in texts)


def reservation(*texts: str) -> str:
    at = 'at: "2026-06-01T18:00:00Z", until: "2026-06-01T22:00:00Z"'
    return "reservations:\n" + "".join(f"  - {{name: r{n}, {at}, {text}}}\n" for n, text in enumerate(texts))


def test_nothing_is_said_of_a_wise_policy() -> None:
    assert warnings(QUIET) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("max_age: 20s, ", "", "1.yaml:6:3: lint-no-max-age cpu does not say"),
        ("max_age: 20s", "max_age: 21s", "1.yaml:6:41: lint-max-age-long cpu may be 21s old"),
        ("max_age: 20s", "max_age: 9s", "1.yaml:6:41: lint-max-age-short"),
        ("max: 12", "max: 2", "1.yaml:4:18: lint-fixed-size the group always has 2 nodes"),
        ("target: 60", "target: 70", "1.yaml:9:36: lint-target-above-refusal cpu grows the group at 77 %"),
        ("scale_in: {max: [{nodes: 1, per: 2m}]}\n", "", "1.yaml:4:1: lint-no-scale-in-limit a group of up to 12"),
        ("{max: [{nodes: 1, per: 2m}]}", "{}", "1.yaml:12:1: lint-no-scale-in-limit"),
        ("types: [c7i.xlarge, c6i.xlarge], ", "", "1.yaml:13:1: lint-one-type"),
        ("cookie: true}\n", "cookie: true}\nwarm_up: 11m\n", "1.yaml:16:1: lint-stabilization-short"),
    ],
)
def test_a_warning_stands_where_its_cause_is(old: str, new: str, expected: str) -> None:
    assert old in QUIET
    told = warnings(QUIET.replace(old, new, 1))
    assert len(told) == 1
    assert told[0].startswith(expected), told


UNWISE = [
    (SIGNALS.replace("age: 20s, on_missing: scale_out_only", "age: 20s, on_missing: ignore"), "lint-absence-shrinks"),
    (
        SIGNALS + '  busy: {expr: "coalesce(sessions, 2 * 3) / capacity"}\n' + BOTH + hold("busy", "target: 9"),
        "lint-stand-in-shrinks",
    ),
    (steps(UP, DOWN).replace("scale_out_only", "assume(61)"), "lint-assume-above-target"),
    (
        CPU.replace("scale_out_only", "hold") + '  twice: {expr: "cpu * 2"}\nscale:\n' + hold("twice", "target: 99"),
        "lint-heartbeats-only",
    ),
    (CPU.replace("cpu_percent", "query_ms").replace("20s", "5s") + HOLDS, "lint-max-age-short"),
    ("bounds: {min: 2, max: 9}\nscale_in: {}\n", "lint-shrinks-faster"),
    (
        "scale_out: {stabilization: 3m}\nscale_in: {stabilization: 2m, max: [{nodes: 1, per: 2m}]}\n",
        "lint-shrinks-faster",
    ),
    ("scale_in: {control: [{percent: 50%, per: 1m}]}\n", "lint-shrinks-faster"),
    ("scale_in: {cooldown: 2d, max: [{nodes: 1, per: 2m}]}\n", "lint-period-forgotten"),
    ("flap_budget: {turns: 4, per: 2d}\n", "lint-period-forgotten"),
    ("scale_in: {max: [{percent: 10%, per: 10m}, {percent: 10%, per: 5m}]}\n", "lint-limit-without-effect"),
    ("scale_in: {max: [{percent: 10%, per: 10m}, {percent: 20%, per: 10m}]}\n", "lint-limit-without-effect"),
    ("scale_in: {max: [{nodes: 1, per: 10m}, {nodes: 1, per: 10m}]}\n", "lint-limit-without-effect"),
    ("scale_in: {cooldown: 30s, max: [{nodes: 1, per: 2m}]}\n", "lint-cooldown-short"),
    ("scale_out: {cooldown: 4m, max: [{nodes: 4, per: 1m}]}\n", "lint-slow-scale-out"),
    (steps("{above: 75, add: 1}", "{above: 90, add: 9}", DOWN), "lint-target-above-refusal"),
    (steps("{above: 71, add: 1}", DOWN), "lint-target-near-refusal"),
    (
        CPU.replace("max_age", "aggregate: sum, max_age")
        + HOLDS.replace("target:", "target_per_node:").replace("60", "66"),
        "lint-target-near-refusal",
    ),
    (
        CPU.replace("max_age", "aggregate: p90, max_age") + HOLDS.replace("60", "70"),
        "lint-target-above-refusal lint-only-peaks",
    ),
    ("headroom: {nodes: 1}\n" + BOTH.replace("60", "79"), "lint-target-near-refusal"),
    (
        "viewers_per_node: 300\n"
        + CPU
        + signal("viewers", "mongodb.viewers", SUM)
        + HOLDS
        + hold("viewers", "target_per_node: 100"),
        "lint-target-contradicts",
    ),
    (
        "role: origin\ndrain: {empty_for: 2m}\n"
        + CPU
        + signal("viewers", "mongodb.viewers.hls", SUM)
        + HOLDS
        + hold("viewers", "target_per_node: 100"),
        "lint-wrong-audience",
    ),
    (SIGNALS.replace("sum,", "sum, backend: other,"), "lint-backend-elsewhere"),
    (SIGNALS.replace("sessions, ", "bytes_in, "), "lint-bytes-in-steps"),
    (SIGNALS.replace("server.sessions, ", "backend.bytes_out, window: 14s, "), "lint-bytes-in-steps"),
    (BOTH + hold("cpu", "target: 60"), "lint-rule-without-effect"),
    (
        SIGNALS
        + signal("here", "haproxy.server.sessions", "backend: edge_backend_http", SUM, FILLED)
        + BOTH
        + hold("here", "target_per_node: 110"),
        "lint-rule-without-effect",
    ),
    (
        SIGNALS
        + signal("top", CPU_PERCENT, "aggregate: max", FILLED)
        + BOTH.replace("signal: cpu", "signal: top")
        + hold("cpu", "target: 60"),
        "lint-rule-without-effect",
    ),
    (
        CPU
        + signal("p50", CPU_PERCENT, "aggregate: p50", FILLED)
        + signal("p90", CPU_PERCENT, "aggregate: p90", FILLED)
        + HOLDS
        + hold("p50", "target: 60")
        + hold("p90", "target: 60"),
        "lint-rule-without-effect",
    ),
    (
        schedule("days: [mon], min: 4").replace(BOTH, "scale:\n"),
        "lint-unused-signal lint-unused-signal lint-never-shrinks",
    ),
    (steps("{above: 60, for: 1m, add: 11}", DOWN), "lint-step-large"),
    (steps("{above: 60, add: 100%}", DOWN), "lint-step-large"),
    (steps(UP, "{below: 30, remove: 50%}"), "lint-step-large"),
    (steps(UP, "{below: 30, remove: 6}"), "lint-step-large"),
    (steps(UP, UP, DOWN), "lint-step-without-effect"),
    (steps(UP, "{below: 30, for: 1m, remove: 10%}", "{below: 20, for: 1m, remove: 5%}"), "lint-step-without-effect"),
    (steps(UP, "{below: 60, for: 1m, remove: 1}"), "lint-steps-overlap"),
    (steps(UP, "{below: 61, for: 1m, remove: 1}"), "lint-steps-overlap"),
    (schedule('first_day: "2026-06-02", last_day: "2026-06-01", min: 4'), "lint-schedule-never"),
    (schedule("scale_in: false"), "lint-schedule-always"),
    (
        schedule('days: [sun], from: "22:00", to: "06:00", min: 4', 'days: [mon], from: "05:00", to: "09:00", min: 6'),
        "lint-schedules-overlap",
    ),
    (schedule("days: [mon], min: 6", 'days: [mon], from: "05:00", to: "09:00", min: 4'), "lint-schedules-overlap"),
    (
        schedule('days: [mon], from: "05:00", to: "09:00", min: 4', 'days: [mon], from: "08:00", to: "10:00", min: 6'),
        "lint-schedules-overlap",
    ),
    (schedule("days: [mon], min: 13"), "lint-schedule-above-max"),
    (schedule("days: [mon], min: 2"), "lint-schedule-without-effect"),
    (schedule("days: [mon], max: 12"), "lint-schedule-without-effect"),
    (BOTH + "  - schedule: {days: [mon], min: 4}\n", "lint-no-timezone"),
    (reservation("nodes: 7", "nodes: 7"), "lint-reservation-above-max lint-reservation-above-max"),
    ("viewers_per_node: 120\n" + reservation("viewers: 1500"), "lint-reservation-above-max"),
    ("scale_out: {max: [{nodes: 1, per: 2m}]}\n" + reservation("nodes: 12, lead: 20m"), "lint-reservation-late"),
    (
        "scale_out: {max: [{nodes: 1, per: 2m}, {nodes: 9, per: 3m}]}\n" + reservation("nodes: 12, lead: 20m"),
        "lint-reservation-late",
    ),
    ("scale_out: {max: [{percent: 10%, per: 2m}]}\n" + reservation("nodes: 12, lead: 20m"), "lint-reservation-late"),
    ("bounds: {min: 0, max: 12}\nrole: both\ndrain: {empty_for: 2m}\n", "lint-min-zero"),
    ("bounds: {min: 2, max: 10}\nscale_in: {}\n", "lint-no-scale-in-limit"),
    (
        SIGNALS
        + signal("one", CPU_PERCENT, "aggregate: p90", FILLED)
        + signal("other", CPU_PERCENT, "aggregate: p90", FILLED)
        + BOTH
        + hold("one", "target: 60")
        + hold("other", "target: 60"),
        "lint-rule-without-effect",
    ),
    (steps(UP, "{above: 70, add: 4}", "{below: 65, for: 1m, remove: 1}"), "lint-steps-overlap"),
    ("bounds: {min: 1, max: 1}\n", "lint-fixed-size"),
    ("bounds: {min: 0, max: 12}\n", "lint-stuck-at-zero"),
    (from_zero("viewers + sessions"), "lint-stuck-at-zero"),
    (from_zero("viewers", aggregate="mean"), "lint-stuck-at-zero"),
    (from_zero("2 * sessions", sessions="assume(50)"), "lint-stuck-at-zero lint-unused-signal"),
    (from_zero("coalesce(sessions, viewers)", sessions="assume(50)"), "lint-stuck-at-zero"),
    (from_zero("viewers + sessions", busy="assume(0)"), "lint-stuck-at-zero"),
    (from_zero("viewers + sessions", aggregate="mean", busy="assume(50)"), "lint-stuck-at-zero"),
    (from_zero("viewers + sessions", busy="assume(50)", rule=add_above(50)), "lint-stuck-at-zero"),
    (from_zero("min(viewers, 50)", rule=add_above(50)), "lint-stuck-at-zero"),
    (from_zero("viewers / capacity"), "lint-stuck-at-zero"),
    (
        from_zero("viewers", rule=add_above(50)).replace("above: 50, for: 1m, add", "below: 5, for: 1m, remove"),
        "lint-stuck-at-zero",
    ),
    (
        CPU.replace("scale_out_only", "hold")
        + '  twice: {expr: "cpu * 2", on_missing: scale_out_only}\nscale:\n'
        + hold("twice", "target: 99"),
        "lint-heartbeats-only",
    ),
    ("headroom: {nodes: 13}\n", "lint-headroom-fills-group"),
    ("scale_in: {max: [{nodes: 1, per: 2m}]}\nbounds: {min: 2, max: 20}\nscale_out: {}\n", "lint-no-scale-out-limit"),
    ("flap_budget: {turns: 1, per: 1h}\n", "lint-flap-budget-of-one"),
    (BOTH.replace("60}", "60, tolerance: 0%}"), "lint-tolerance-zero"),
    (BOTH.replace("110}", "110, tolerance: 51%}"), "lint-tolerance-wide"),
    (
        SIGNALS + signal("streams", "mongodb.node.publishers", SUM) + BOTH + hold("streams", "target_per_node: 9"),
        "lint-wrong-audience",
    ),
    (
        BOTH.replace("110}", "110}}").replace(
            "- target_tracking: {signal: s", "- {group: g, target_tracking: {signal: s"
        ),
        "lint-label-of-one",
    ),
    (reservation("nodes: 8, lead: 5h"), "lint-reservation-short"),
    (
        reservation("nodes: 4").replace("r0", "r1") + reservation("", "nodes: 4").splitlines()[2] + "\n",
        "lint-reservation-twice",
    ),
    (reservation("nodes: 2"), "lint-reservation-without-effect"),
    (QUIET.splitlines()[12].replace(", subnet-b", "") + "\n", "lint-one-zone"),
    ("warm_up: 0s\n", "lint-no-warm-up"),
    ("join: {timeout: 179s}\n", "lint-join-short"),
    ("join: {timeout: 31m}\n", "lint-join-long"),
    ("join: {lost_after: 39s}\n", "lint-lost-short"),
    ("drain: {sticky_for: 0s}\n", "lint-sticky-zero"),
    ("role: both\n", "lint-recording-cut"),
    ("drain: {empty_for: 14s}\nrole: both\n", "lint-empty-short"),
]


@pytest.mark.parametrize(("fragment", "expected"), UNWISE)
def test_what_is_unwise_is_told(fragment: str, expected: str) -> None:
    assert sorted(codes(fragment)) == sorted(expected.split())


WISE = [
    SIGNALS.replace("sum,", "sum, backend: edge_backend_http,"),
    SIGNALS.replace("server.sessions, ", "server.bytes_in, window: 15s, "),
    SIGNALS.replace("server.sessions, ", "server.connection_errors, "),
    CPU.replace("scale_out_only", "assume(30)") + HOLDS,
    steps(DOWN, "{above: 60, add: 1}").replace("scale_out_only", "assume(60)"),
    steps(DOWN).replace("scale_out_only", "assume(60)"),
    SIGNALS + '  busy: {expr: "coalesce(sessions / capacity, cpu)"}\n' + BOTH + hold("busy", "target: 9"),
    SIGNALS + '  busy: {expr: "max(sessions / capacity, 5)"}\n' + HOLDS + hold("busy", "target: 9"),
    steps("{above: 80, add: 1}", beside=hold("cpu", "target: 60")),
    CPU.replace("max_age", "aggregate: sum, max_age") + steps("{above: 900, add: 1}", DOWN).removeprefix(CPU),
    SIGNALS + BOTH.replace("signal: cpu, target: 60", "signal: cpu, target: 75") + "headroom: {percent: 20%}\n",
    "viewers_per_node: 120\n",
    BOTH + hold("cpu", "target: 62, tolerance: 1%"),
    SIGNALS + signal("p50", CPU_PERCENT, "aggregate: p50", FILLED) + BOTH + hold("p50", "target: 60"),
    steps(UP, "{above: 70, for: 10s, add: 1}", DOWN, beside=""),
    steps(UP, "{above: 70, for: 1m, add: 10%}", "{below: 20, for: 1m, remove: 1}", DOWN),
    schedule("days: [mon], min: 6", "days: [tue], min: 4"),
    schedule("days: [mon], min: 4", 'days: [mon], from: "05:00", to: "09:00", min: 6'),
    schedule("days: [mon], min: 4", "days: [mon], min: 4"),
    schedule(
        'days: [mon], from: "01:00", last_day: "2026-06-01", min: 4',
        'days: [mon], to: "05:00", first_day: "2026-06-02", min: 6',
    ),
    schedule('days: [mon], from: "01:00", min: 4', 'days: [mon], to: "05:00", min: 6').replace(
        "timezone: UTC", "timezone: Europe/Istanbul", 1
    ),
    schedule("days: [mon], min: 20, max: 20"),
    schedule('min: 4, first_day: "2026-06-01"'),
    BOTH + '  - schedule: {first_day: "2026-06-01", min: 4}\n',
    schedule("days: [mon], max: 20") + reservation("nodes: 20"),
    reservation("nodes: 12"),
    "bounds: {min: 0, max: 12}\n"
    + CPU
    + signal("viewers", "mongodb.viewers", SUM)
    + HOLDS
    + hold("viewers", "target_per_node: 100"),
    from_zero("viewers + 10"),
    from_zero("viewers + sessions", sessions="assume(50)"),
    from_zero("coalesce(sessions, viewers)"),
    from_zero("viewers + sessions", busy="assume(50)"),
    from_zero("viewers + sessions", busy="assume(50)", rule=add_above(49)),
    from_zero("min(viewers, 50)", rule=add_above(49)),
    CPU + '  twice: {expr: "cpu * 2"}\nscale:\n' + hold("twice", "target: 99"),
    CPU.replace("scale_out_only", "hold")
    + '  twice: {expr: "cpu * 2", on_missing: assume(99)}\nscale:\n'
    + hold("twice", "target: 99"),
    "bounds: {min: 1, max: 12}\nheadroom: {nodes: 1}\n",
    BOTH.replace("110}", "110, tolerance: 50%}"),
    "scale_in: {max: [{nodes: 8, per: 10m}]}\n",
    "scale_in: {max: [{nodes: 1, per: 2m}, {percent: 100%, per: 1m}]}\n",
    "scale_in: {max: [{nodes: 4, per: 1m}]}\n",
    "scale_out: {stabilization: 2m}\nscale_in: {stabilization: 2m, max: [{nodes: 1, per: 2m}]}\n",
    "scale_in: {cooldown: 1m, max: [{nodes: 1, per: 1d}]}\n",
    "join: {timeout: 3m, lost_after: 40s}\n",
    "join: {timeout: 30m}\n",
    "drain: {empty_for: 15s}\n",
    "role: both\ndrain: {empty_for: 1m}\n",
    reservation("nodes: 3, lead: 4h"),
    "scale_out: {max: [{nodes: 1, per: 2m}]}\n" + reservation("nodes: 12, lead: 21m"),
    steps("{above: 60, for: 1m, add: 10}", "{below: 30, for: 5m, remove: 5}"),
    steps(UP, "{below: 59, for: 5m, remove: 1}"),
    schedule("days: [mon], min: 3, max: 13"),
    schedule("days: [mon], min: 12"),
    schedule("days: [mon], min: 4", 'days: [mon, tue], from: "05:00", to: "09:00", min: 6'),
    schedule("days: [mon, tue], min: 4", 'days: [mon], from: "22:00", to: "06:00", min: 6'),
    schedule('days: [mon], from: "05:00", to: "09:00", min: 4', 'days: [mon], from: "05:00", to: "09:00", min: 6'),
    schedule('days: [mon], from: "05:00", to: "09:00", min: 4', 'days: [mon], from: "09:00", to: "12:00", min: 6'),
    schedule('days: [mon], from: "09:00", to: "12:00", min: 4', 'days: [mon], from: "05:00", to: "09:00", min: 6'),
    "scale_in: {stabilization: 1m, max: [{nodes: 1, per: 2m}]}\n",
    "scale_in: {max: [{percent: 10%, per: 5m}, {percent: 20%, per: 10m}]}\n",
    steps(UP, "{below: 30, for: 1m, remove: 1}", "{below: 20, for: 1m, remove: 2}"),
    SIGNALS.replace("scale_out_only", "hold")
    + '  busy: {expr: "cpu + sessions"}\nscale:\n'
    + hold("busy", "target: 9"),
    CPU
    + signal("viewers", "mongodb.viewers", SUM)
    + HOLDS
    + hold("viewers", "target_per_node: 100")
    + "viewers_per_node: 200\n",
    "viewers_per_node: 110\n",
    "drain: {sticky_for: 0s}\nload_balancer: [{backend: b, port: 1}]\n",
    "scale_in: {max: [{nodes: 1, per: 2m}, {percent: 10%, per: 2m}]}\n",
]


@pytest.mark.parametrize("fragment", WISE)
def test_what_is_wise_is_left_alone(fragment: str) -> None:
    assert codes(fragment) == []


def test_no_rule_group_outvotes_the_rule_that_hears_nothing() -> None:
    rules = ("cpu, target: 60", "sessions, target_per_node: 110")
    labelled = "".join(f"  - {{target_tracking: {{signal: {rule}}}, group: load}}\n" for rule in rules)
    told = warnings(lay_over(QUIET, f"scale:\n{labelled}"))
    assert told == []


OTHER = lay_over(QUIET, "group: events\nslots: events\nload_balancer: [{backend: other, port: 1}]\n")
VIEWERS = """\
signals: {viewers: {from: mongodb.viewers.webrtc, aggregate: sum, max_age: 9s}}
scale: [{target_tracking: {signal: viewers, target_per_node: 100}}]
"""


SHARED = "load_balancer: [{backend: edge_backend_http, port: 1}]\n"


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("", []),
        (VIEWERS, ["2.yaml:10:11: lint-viewers-of-all viewers counts the viewers of edge, too"]),
        (VIEWERS.replace("mongodb.viewers.webrtc", "mongodb.streams") + "slots: slot12\n", []),
        (SHARED + "slots: slots\n", ["1.yaml:15:5: lint-shared-backend", "2.yaml:14:17: lint-shared-backend"]),
        (SHARED + "slots: slot12\n", ["lint-shared-backend", "lint-shared-backend", "lint-slots-ambiguous"]),
    ],
)
def test_groups_are_looked_at_together(second: str, expected: list[str]) -> None:
    told = warnings(QUIET, lay_over(OTHER, second))
    assert len(told) == len(expected), told
    assert all(part in line for part, line in zip(expected, told, strict=True)), told


def test_viewers_of_the_cluster_are_right_for_the_only_group_that_serves_them() -> None:
    origin = lay_over(OTHER, "role: origin\ndrain: {empty_for: 2m}\n")
    assert warnings(lay_over(QUIET, VIEWERS), origin) == []


BUSY = SIGNALS + "  busy: {expr: 'EXPR'}\n" + BOTH + hold("busy", "target: 9")


@pytest.mark.parametrize(
    ("expr", "falls"),
    [
        ("100 - cpu", "cpu"),
        ("-cpu", "cpu"),
        ("-1 * cpu", "cpu"),
        ("cpu * -2.5", "cpu"),
        ("sessions / cpu", "cpu"),
        ("1 / (cpu + sessions)", "cpu, sessions"),
        ("max(cpu, 100 - (cpu - sessions))", ""),
        ("max(sessions, 50) - min(cpu, 100)", "cpu"),
        ("100 - (100 - cpu)", ""),
        ("sessions / capacity", ""),
        ("sessions / (2 * capacity)", ""),
        ("sessions - capacity", ""),
        ("sessions / (capacity / cpu)", ""),
        ("-1 * (5 - cpu)", ""),
        ("sessions / (sessions + 1)", ""),
        ("cpu - 50", ""),
    ],
)
def test_a_load_that_falls_as_a_signal_rises_is_told(expr: str, falls: str) -> None:
    told = [line for line in warnings(lay_over(QUIET, BUSY.replace("EXPR", expr))) if "lint-falling-expression" in line]
    assert [f"busy falls when {falls} rises" in line for line in told] == ([True] if falls else [])


def test_an_expression_that_no_rule_looks_at_may_run_either_way() -> None:
    assert "lint-falling-expression" not in codes(SIGNALS + "  idle: {expr: 100 - cpu}\n")


@pytest.mark.parametrize("limit", ["nodes: 1", "percent: 0.001%", "percent: 3%"])
def test_a_late_reservation_is_told_at_once_however_many_steps_it_takes(limit: str) -> None:
    text = f"bounds: {{min: 2, max: 10000}}\nscale_out: {{max: [{{{limit}, per: 1m}}]}}\n"
    text += reservation(*["nodes: 10000"] * 400)
    assert codes(text).count("lint-reservation-late") == 400


@pytest.mark.parametrize("percent", [0.001, 0.3, 1.0, 3.3, 12.5, 100.0, 10_000.0])
@pytest.mark.parametrize(("size", "goal"), [(0, 1), (0, 7), (2, 200), (5, 2001), (99, 101), (9, 9)])
def test_steps_that_are_taken_together_are_as_many_as_one_by_one(percent: float, size: int, goal: int) -> None:
    limit = RateLimit(percent=percent, per=timedelta(minutes=1))
    counted, there = 0, size
    while there < goal:
        there, counted = there + limit.amount(there), counted + 1
    assert _steps(limit, size, goal) == max(0, counted - 1)


ALONE = "bounds: {min: 1, max: 9}"
REASON = "because it is a test cluster"


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        (f"{ALONE}  # lint: allow lint-no-redundancy {REASON}\n", []),
        (f"{ALONE}  # small;  #lint:allow  lint-no-redundancy  {REASON}\n", []),
        (f"# lint: allow lint-no-redundancy {REASON}\n{ALONE}\n", []),
        (f"# lint: allow lint-no-redundancy {REASON}\n# and more\n  # still\n{ALONE}\n", []),
        (f"# lint: allow lint-no-redundancy {REASON}\n\n{ALONE}\n", ["unneeded", "no-redundancy"]),
        (f"{ALONE}\n# lint: allow lint-no-redundancy {REASON}\n", ["no-redundancy", "unneeded"]),
        (f"{ALONE}  # lint: allow lint-no-redundancy\n", ["unreasoned"]),
        (f"{ALONE}  # lint: allow lint-no-redundancy because\n", ["no-redundancy", "unreasoned"]),
        (f"{ALONE}  # lint: please\n", ["no-redundancy", "unreasoned"]),
        (f"{ALONE}  # lint: allow redundancy {REASON}\n", ["no-redundancy", "unknown"]),
        (f"{ALONE}  # lint: allow lint-min-zero {REASON}\n", ["no-redundancy", "unneeded"]),
        (f"{ALONE}# lint: allow lint-no-redundancy {REASON}\n".replace("}#", "} #"), []),
        (f"{ALONE}  # LINT: Allow LINT-no-redundancy BECAUSE it is small\n", []),
        (f"warm_up: 1m  # lint: allow lint-shared-backend {REASON}\n", []),
    ],
)
def test_a_silence_needs_a_code_a_reason_and_a_cause(fragment: str, expected: list[str]) -> None:
    told = codes(fragment)
    assert [code.removeprefix("lint-").removeprefix("silence-") for code in told] == expected


def test_a_near_code_is_proposed() -> None:
    near, far = (
        warnings(lay_over(QUIET, f"warm_up: 1m  # lint: allow {code} {REASON}\n"))[0] for code in ("no-redundancy", "x")
    )
    assert near.endswith("(did you mean lint-no-redundancy?)")
    assert far.endswith("(docs/lint.md lists them all)")


def test_findings_come_in_the_order_of_their_lines() -> None:
    text = QUIET.replace("max_age: 20s, ", "").replace("min: 2", "min: 1").replace(", subnet-b", "")
    lines = [int(line.split(":")[1]) for line in warnings(text)]
    assert lines == [4, 6, 13]


def spot(percent: str, *more: str) -> str:
    launch = "launch_template: ams-edge, types: [c7i.xlarge, c6i.xlarge], subnets: [subnet-a, subnet-b]"
    return f"launch: {{{launch}, spot: {{percent: {percent}}}}}\n" + "".join(more)


@pytest.mark.parametrize(
    ("fragment", "code"),
    [
        (spot("9%"), "lint-spot-interrupts"),  # one of 12
        (spot("8%"), "lint-spot-without-effect"),
        (spot("8%", schedule("days: [fri], min: 5, max: 20")), "lint-spot-interrupts"),
        (spot("100%", "role: both\ndrain: {empty_for: 5m}\n"), "lint-spot-on-origin"),
        (spot("4%", "role: both\ndrain: {empty_for: 5m}\n"), "lint-spot-without-effect"),
    ],
)
def test_spot_is_warned_of_where_there_will_be_any(fragment: str, code: str) -> None:
    assert codes(fragment) == [code]


def test_spot_above_what_is_on_demand_in_any_case_has_no_effect() -> None:
    full = spot("50%", "bounds: {min: 12, max: 12}\n")
    assert codes(full) == ["lint-spot-without-effect", "lint-fixed-size"]


def pool(keys: str, *more: str) -> str:
    launch = "launch_template: ams-edge, types: [c7i.xlarge, c6i.xlarge], subnets: [subnet-a, subnet-b]"
    return f"launch: {{{launch}, warm_pool: {{{keys}}}}}\n" + "".join(more)


@pytest.mark.parametrize(
    ("fragment", "found"),
    [
        (pool("stopped: 10"), []),
        (pool("stopped: 11"), ["lint-warm-pool-too-large"]),
        (pool("stopped: 11", schedule("days: [fri], min: 5, max: 13")), []),
        (pool("stopped: 1, max_age: 6h"), []),
        (pool("stopped: 1, max_age: 359m"), ["lint-warm-pool-restless"]),
        (pool("stopped: 0, max_age: 1m"), []),
        (pool("stopped: 0"), []),
    ],
)
def test_a_pool_is_warned_of_when_it_is_too_large_or_never_rests(fragment: str, found: list[str]) -> None:
    assert codes(fragment) == found


@pytest.mark.parametrize(
    ("percent", "stopped", "found"), [("9%", 1, True), ("8%", 1, False), ("9%", 0, False)]
)  # of at most 12 nodes
def test_a_pool_beside_spot_nodes_is_warned_of(percent: str, stopped: int, found: bool) -> None:  # noqa: FBT001  # a parameter of the test
    fragment = spot(percent).replace("}}\n", f"}}, warm_pool: {{stopped: {stopped}}}}}\n")
    assert ("lint-warm-pool-of-spot" in codes(fragment)) is found
