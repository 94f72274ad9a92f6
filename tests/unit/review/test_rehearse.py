"""What a policy test plays: situations as they are told, over time, through the real decision and the real plan."""

from __future__ import annotations

import pytest

from autoscaler.model.decision import Phase
from tests.support.policy_tests import mistakes, results


def one(given: str, expect: str, *changes: tuple[str, str], more: str = "") -> list[str]:
    return mistakes(f"cases:\n  - name: one\n    given: {given}\n    expect: {expect}\n{more}", *changes)


@pytest.mark.parametrize(
    ("given", "expect"),
    [
        (
            "{nodes: 3, signals: {cpu: 90}}",
            "{current: 3, desired: 5, direction: out, launches: 2, drains: 0, ends: []}",
        ),
        ("{nodes: 3, signals: {cpu: [90, 90, 90]}}", "{desired: 5, reasons: [target_tracking]}"),
        ("{nodes: [{cpu: 90}, {cpu: 90}, {cpu: 90}]}", "{desired: 5}"),
        ("{nodes: [{cpu: 90}, {cpu: 90}, {cpu: missing}]}", "{direction: hold, reasons: [], refusals: []}"),
        ("{nodes: 3, signals: {cpu: missing}}", "{direction: hold}"),
        ("{nodes: 3}", "{direction: hold, reasons: []}"),  # what is not told is missing
        ("{nodes: {in_service: 3, booting: 2}, signals: {cpu: 90}}", "{current: 5, desired: 5, launches: 0}"),
        ("{nodes: {in_service: 3, pending: 2}, signals: {cpu: 90}}", "{current: 5, desired: 5}"),
        ("{nodes: 30, signals: {cpu: 90}}", "{desired: 10, reasons: [target_tracking, above_max]}"),
        ("{nodes: 0}", "{desired: 1, reasons: [below_min], launches: 1}"),
        ("{nodes: 3, signals: {cpu: 90}, gaps: [ec2]}", "{current: 0, reasons: [fleet_unknown]}"),
        ("{nodes: 3, signals: {cpu: 90}, gaps: [mongodb]}", "{direction: hold}"),
        ("{nodes: 3, signals: {cpu: 90}, gaps: [haproxy]}", "{desired: 5}"),
        ("{nodes: 3, signals: {cpu: 5}, history: stabilized, gaps: [ams]}", "{direction: in}"),  # no signal needs it
        ("{nodes: {in_service: 3, draining: 1}, signals: {cpu: 90}}", "{desired: 5, takes_back: [n4], launches: 1}"),
        (
            "{nodes: {in_service: 3, draining: 1}, signals: {cpu: 40}, history: stabilized}",
            "{desired: 3}",
        ),  # it has 40, too
        ("{nodes: {in_service: 3, drained: 1}, signals: {cpu: 60}}", "{ends: [n4]}"),
        ("{nodes: {in_service: 3, failed_to_join: 1, lost: 1}, signals: {cpu: 60}}", "{ends: {at_least: 2}}"),
        (
            "{nodes: {in_service: 3, stopped: 1, terminating: 1, joined: 1}, signals: {cpu: 60}}",
            "{current: 4, launches: 0}",
        ),
        ("{nodes: [{name: a, age: 30s}, {}], signals: {cpu: 90}}", "{desired: 3}"),  # a's 90 is its own boot, so 60
    ],
)
def test_a_situation_is_played_as_it_is_told(given: str, expect: str) -> None:
    assert one(given, expect) == []


@pytest.mark.parametrize(
    ("signal", "target"),
    [
        ("from: mongodb.node.cpu_percent, window: 5m", "target: 60"),  # the mean is what is told, watched to its end
        ("from: haproxy.server.bytes_out, backend: backend_http, window: 1m", "target: 60"),
        ("from: haproxy.server.response_ms", "target: 60"),
        ("from: haproxy.backend.bytes_in, aggregate: sum", "target_per_node: 20"),
        ("from: mongodb.viewers.hls, application: LiveApp, aggregate: sum", "target_per_node: 20"),
    ],
)
def test_what_a_rule_looks_at_is_what_is_told(signal: str, target: str) -> None:
    changes = (("cpu: {from: mongodb.node.cpu_percent}", f"cpu: {{{signal}}}"), ("target: 60", target))
    assert one("{nodes: 3, signals: {cpu: 90}}", "{desired: 5}", *changes) == []
    assert one("{nodes: 3, signals: {cpu: 38}, history: stabilized}", "{desired: 2}", *changes) == []
    assert one("{nodes: 3, signals: {cpu: missing}, history: stabilized}", "{direction: hold}", *changes) == []


def test_spot_nodes_are_told_and_spot_launches_expected() -> None:
    spot = ("subnets: [subnet-a, subnet-b]", "subnets: [subnet-a, subnet-b], spot: {percent: 50%}")
    given = "{nodes: [{cpu: 90}, {cpu: 90}, {cpu: 90, spot: true}, {cpu: 90}]}"
    assert one(given, "{desired: 6, launches: 2, spot_launches: 2}", spot) == []
    assert one(given, "{launches: 2, spot_launches: 0}") == []
    (mistake,) = one(given, "{spot_launches: {at_most: 1}}", spot)
    assert mistake.endswith("spot_launches: at most 1 / 2")


def test_what_was_launched_as_spot_stays_so() -> None:
    spot = ("subnets: [subnet-a, subnet-b]", "subnets: [subnet-a, subnet-b], spot: {percent: 50%}")
    cases = """\
        cases:
          - name: one
            given: {nodes: 2, signals: {cpu: 90}}
            steps:
              - {after: 0s, expect: {desired: 3, launches: 1, spot_launches: 1}}
              - {after: 1m, nodes: [{}, {}, {name: n3, spot: true}], signals: {cpu: 80},
                 expect: {launches: 1, spot_launches: 1}}
              - {after: 1m, nodes: [{}, {}, {name: n3, spot: true}, {name: n4, spot: true}], signals: {cpu: 75},
                 expect: {launches: 1, spot_launches: 0}}
    """
    assert mistakes(cases, spot) == []


QUIET = "nodes: 4, signals: {cpu: 20}"


@pytest.mark.parametrize(
    ("given", "desired"),
    [
        (f"{{{QUIET}}}", 4),
        (f"{{{QUIET}, history: steady}}", 4),
        (f"{{{QUIET}, history: none}}", 4),
        (f"{{{QUIET}, history: stabilized}}", 2),
        (f"{{{QUIET}, history: [{{ago: 5s, desired: 2}}, {{ago: 11m, desired: 9}}]}}", 4),  # the peak of 20m was nine
        (f"{{{QUIET}, history: [{{ago: 20m, desired: 2}}, {{ago: 9m, desired: 3}}, {{ago: 5s, desired: 1}}]}}", 3),
        (f"{{{QUIET}, gaps: [ec2], history: stabilized}}", 0),
        ("{nodes: 4, signals: {cpu: 90}, held: 29s}", 6),
        ("{nodes: 4, signals: {cpu: 90}, held: 30s}", 7),
        ("{nodes: 4, signals: {cpu: 90}, history: stabilized}", 7),
    ],
)
def test_the_past_is_as_it_is_told(given: str, desired: int) -> None:
    assert one(given, f"{{desired: {desired}}}") == []


@pytest.mark.parametrize(
    ("past", "reason"),
    [
        ("last_scale_in: 59s", "cooldown_in"),
        ("last_scale_in: 61s", "target_tracking"),
        ("changes: [{ago: 59s, nodes: -2}]", "cooldown_in"),
        ("last_scale_out: 59s", "target_tracking"),
    ],
)
def test_changes_are_remembered(past: str, reason: str) -> None:
    given = f"{{{QUIET}, history: stabilized, {past}}}"
    cooldown = ("stabilization: 10m", "stabilization: 10m, cooldown: 1m")
    assert one(given, f"{{reasons: [{reason}]}}", cooldown) == []


@pytest.mark.parametrize("phase", Phase)
def test_a_node_is_in_the_phase_that_it_is_told_to_be_in(phase: Phase) -> None:
    assert one(f"{{nodes: [{{phase: {phase}}}, {{}}], signals: {{cpu: 60}}}}", "{desired: {at_least: 0}}") == []


def test_a_phase_that_cannot_be_is_a_mistake() -> None:
    given = "{nodes: [{}, {name: old, phase: booting, age: 1h}], signals: {cpu: 60}}"
    assert one(given, "{desired: 1}")[0] == "3:25 old: booting / failed_to_join, by its age and the policy"


@pytest.mark.parametrize(
    ("nodes", "signals", "expect"),
    [
        ("[{sessions: 9}, {sessions: 3}, {}]", "cpu: 20", "drains: [n3, n2]"),
        ("3", "cpu: 20, sessions: [9, 3, 0]", "drains: [n3, n2]"),
        ("3", "cpu: 20, sessions: 300", "drains: 2"),
        (
            "[{publishers: 1}, {publishers: missing}, {sessions: missing}]",
            "cpu: 20",
            "drains: [], refusals: [protected]",
        ),
        ("3", "cpu: 20, streams: [1, 0, 2]", "drains: [n2], not_drains: [n1, n3]"),
        ("3", "cpu: 20, streams: [1, missing, 0]", "drains: [n3]"),
        ("3", "cpu: 20, sessions: missing", "drains: 0"),
        ("[{zone: a}, {zone: b}, {zone: b}]", "cpu: 35", "drains: [n2]"),  # the fullest zone
        ("[{age: 2h}, {age: 3h}, {age: 4h}]", "cpu: 35", "drains: [n3]"),  # the oldest
    ],
)
def test_nodes_are_chosen_by_what_is_on_them(nodes: str, signals: str, expect: str) -> None:
    given = f"{{nodes: {nodes}, signals: {{{signals}}}, history: stabilized}}"
    assert one(given, f"{{{expect}}}", ("bounds: {min: 1", "bounds: {min: 0")) == []


def test_a_sum_is_shared_out_among_the_nodes_in_service() -> None:
    rule = (
        "  - target_tracking: {signal: cpu, target: 60}",
        "  - target_tracking: {signal: sessions, target_per_node: 100}",
    )
    assert one("{nodes: {in_service: 3, draining: 1}, signals: {sessions: 450}}", "{desired: 5}", rule) == []
    draining = "{nodes: [{}, {}, {}, {phase: draining, sessions: 160}], signals: {cpu: 0}, history: stabilized}"
    assert one(draining, "{desired: 2, direction: in}", rule) == []


def test_group_signals_and_expressions() -> None:
    rule = ("  - target_tracking: {signal: cpu, target: 60}", "  - target_tracking: {signal: each, target: 100}")
    assert one("{nodes: 2, signals: {viewers: 390}}", "{desired: 4}", rule) == []
    assert one("{nodes: 2, signals: {viewers: missing}}", "{direction: hold}", rule) == []
    assert one("{nodes: 2}", "{direction: hold}", rule) == []


def test_schedules_find_free_slots_for_what_they_allow() -> None:
    rule = ("scale:\n", 'scale:\n  - schedule: {from: "10:00", to: "14:00", max: 20}\n')
    assert one("{nodes: 10, signals: {cpu: 120}, now: 2026-01-01T11:00:00Z}", "{desired: 20, launches: 10}", rule) == []
    assert one("{nodes: 10, signals: {cpu: 120}, now: 2026-01-01T16:00:00+01:00}", "{desired: 10}", rule) == []


OVER_TIME = """\
cases:
  - name: a day
    given: {nodes: 3, signals: {cpu: 70}}
    steps:
      - {after: 0s, expect: {desired: 4, launches: 1}}
      - {after: 30s, expect: {current: 4, launches: 0}}
      - {after: 1m, nodes: {in_service: 3, joined: 1}, expect: {current: 4}}
      - {after: 10s, nodes: 4, signals: {cpu: 20}, expect: {reasons: [stabilization]}}
      - {after: 9m, expect: {reasons: [stabilization]}}
      - {after: 1m, signals: {cpu: 20, sessions: [3, 2, 5, 1]}, expect: {desired: 2, drains: [n4, n2]}}
      - {after: 30s, signals: {cpu: [110, 10, 110, 10]}, expect: {desired: 4, takes_back: [n2, n4]}}
      - {after: 1m, gaps: [mongodb], expect: {direction: hold}}
      - {after: 1m, expect: {direction: hold}}
      - {after: 1m, gaps: [], signals: {cpu: 90}, expect: {direction: out}}
"""


def test_memory_goes_from_step_to_step() -> None:
    assert mistakes(OVER_TIME) == []


def test_what_goes_wrong_at_a_step_is_told_at_the_step() -> None:
    (result,) = results(OVER_TIME.replace("drains: [n4, n2]", "drains: [n4]"))
    (failure,) = result.failures
    assert (failure.after.total_seconds(), failure.report.decision.desired) == (700, 2)
    (mistake,) = failure.mistakes
    assert (mistake.line, mistake.what, mistake.expected, mistake.got) == (10, "drains", "n4", "n4, n2")


DRAIN = """\
cases:
  - name: a node leaves
    given: {nodes: [{}, {phase: draining, sessions: 2}], signals: {cpu: 40}}
    steps:
      - {after: 2m, expect: {ends: 0}}
      - {after: 5m, expect: {ends: 0}}
      - {after: 1s, nodes: [{}, {phase: draining}], expect: {ends: 0}}
      - {after: 30s, expect: {ends: [n2]}}
      - {after: 5s, nodes: [{cpu: 90}, {cpu: 90, name: new}], expect: {current: 2}}
      - {after: 90s, signals: {cpu: 90}, never: [launch], expect: {current: 3}}
"""


def test_a_drain_is_played_to_its_end() -> None:
    assert mistakes(DRAIN) == ["10:50 never: launch / subnet-a, subnet-b"]


def test_a_node_that_was_told_keeps_its_age_and_its_subnet() -> None:
    text = """\
    cases:
      - name: coming
        given: {nodes: [{phase: booting, age: 9m30s, subnet: subnet-b}, {}], signals: {cpu: 60}}
        steps:
          - {after: 31s, nodes: [{phase: booting}, {}]}
    """
    assert mistakes(text.replace("9m30s", "570s")) == ["5:30 n1: booting / failed_to_join, by its age and the policy"]
    assert (
        mistakes(text.replace("9m30s", "570s").replace("phase: booting}, {}]}\n", "phase: booting, age: 1m}, {}]}\n"))
        == []
    )


def test_the_daemon_watches_between_the_steps() -> None:
    text = "cases:\n  - name: later\n    given: {nodes: 4, signals: {cpu: 20}, history: none}\n"
    text += "    never: [scale_in]\n    steps: [{after: 12m, expect: {direction: in}}]\n"
    assert mistakes(text) == ["4:13 never: scale_in / 4 -> 2 nodes"] * 6


def test_launches_go_on_names_that_are_free_and_stopped_nodes_are_woken() -> None:
    text = """\
    cases:
      - name: names
        given: {nodes: [{name: n4}, {name: x, phase: stopped}, {name: y, phase: joined}], signals: {cpu: 110}}
        steps:
          - {after: 0s, expect: {current: 2, desired: 2}}
          - {after: 5s, signals: {cpu: 170}, expect: {current: 2, desired: 4, launches: 1}}
          - {after: 20s, expect: {current: 4, drains: [], not_drains: [n4, x, y, n6]}}
    """
    assert mistakes(text) == ["7:55 not_drains: a node n6 / only n4, x, y, n5"]


@pytest.mark.parametrize(
    ("expect", "mistake"),
    [
        ("{current: 2}", "current: 2 / 4"),
        ("{desired: {at_most: 1}}", "desired: at most 1 / 2"),
        ("{direction: out}", "direction: out / in"),
        ("{reasons: [step]}", "reasons: step / target_tracking"),
        ("{reasons: []}", "reasons: none / target_tracking"),
        ("{not_reasons: [target_tracking]}", "not_reasons: none of target_tracking / target_tracking"),
        ("{refusals: [protected]}", "refusals: protected / none"),
        ("{launches: 1}", "launches: 1 / 0"),
        ("{drains: []}", "drains: none / n1, n2"),
        ("{drains: 1}", "drains: 1 nodes / n1, n2"),
        ("{drains: [n1, n9]}", "drains: a node n9 / only n1, n2, n3, n4"),
        ("{not_drains: [n1]}", "not_drains: none of n1 / n1, n2"),
        ("{not_drains: [n9]}", "not_drains: a node n9 / only n1, n2, n3, n4"),
        ("{takes_back: [n1]}", "takes_back: n1 / none"),
        ("{ends: 1}", "ends: 1 nodes / none"),
    ],
)
def test_what_is_not_as_expected_is_shown_beside_what_came(expect: str, mistake: str) -> None:
    (found,) = one(f"{{{QUIET}, history: stabilized}}", expect)
    assert found == f"4:14 {mistake}"
    assert one(f"{{{QUIET}, history: stabilized}}", "{not_drains: [n3], not_reasons: [step], desired: 2}") == []


BUSY = "{nodes: [{sessions: 4}, {sessions: missing}, {phase: drained}, {phase: lost, publishers: 1}]"


@pytest.mark.parametrize(
    ("never", "given", "mistake"),
    [
        ("scale_out", "{nodes: 3, signals: {cpu: 90}}", "3 -> 5 nodes"),
        ("scale_in", f"{{{QUIET}, history: stabilized}}", "4 -> 2 nodes"),
        ("launch", "{nodes: 3, signals: {cpu: 90}}", "subnet-a, subnet-b"),
        ("drain", f"{{{QUIET}, history: stabilized}}", "n1, n2"),
        ("drain_of_viewer", f"{{{QUIET}, history: stabilized}}", ""),
        ("drain_of_viewer", "{nodes: 4, signals: {cpu: 20, sessions: 40}, history: stabilized}", "n1, n2"),
        ("drain_of_publisher", "{nodes: [{publishers: 1}, {}], signals: {cpu: 20}, history: stabilized}", ""),
        ("terminate", "{nodes: {in_service: 1, drained: 1}, signals: {cpu: 50}}", "n2"),
        ("terminate_in_use", "{nodes: {in_service: 1, drained: 1}, signals: {cpu: 50}}", ""),
        ("out_of_bounds", "{nodes: 3, signals: {cpu: 900}}", ""),
        ("out_of_bounds", "{nodes: 3, gaps: [ec2]}", ""),
    ],
)
def test_what_must_never_happen_is_noticed(never: str, given: str, mistake: str) -> None:
    text = f"cases:\n  - name: one\n    never: [{never}]\n    given: {given}\n"
    assert mistakes(text) == ([f"3:13 never: {never} / {mistake}"] if mistake else [])


def test_what_a_file_rules_out_holds_in_every_case() -> None:
    text = "never: [scale_out]\ncases:\n  - {name: a, given: {nodes: 3, signals: {cpu: 90}}, expect: {desired: 5}}\n"
    assert mistakes(text) == ["1:9 never: scale_out / 3 -> 5 nodes"]
    rule = ("scale:\n", 'scale:\n  - schedule: {from: "10:00", to: "14:00", max: 20}\n')
    bounds = text.replace("scale_out", "out_of_bounds").replace("cpu: 90", "cpu: 900")
    assert mistakes(bounds.replace("desired: 5", "desired: 20"), rule) == [
        "1:9 never: out_of_bounds / 20 nodes, and the bounds are 1 to 10"
    ]


def test_a_source_that_cannot_be_read_shows_nothing() -> None:
    given = "{nodes: 2, signals: {cpu: 9, sessions: 9}, gaps: [SOURCE]}"
    text = f"cases:\n  - {{name: a, given: {given}, expect: {{current: 9}}}}\n"
    ec2, haproxy, mongodb = (
        results(text.replace("SOURCE", source))[0].failures[0].report.snapshot
        for source in ("ec2", "haproxy", "mongodb")
    )
    assert (ec2.nodes, len(ec2.proxies), ec2.gaps[0].source) == ((), 1, "ec2")
    assert (haproxy.proxies, haproxy.gaps[0].source) == ((), "haproxy:lb1")
    assert {type(node.sessions).__name__ for node in haproxy.nodes} == {"Gap"}
    assert {type(node.heartbeat).__name__ for node in mongodb.nodes} == {"Gap"}
    assert all(key.startswith("haproxy") == bool(mongodb.samples.get(key)) for key in ec2.samples if ec2.samples[key])


def test_bookings_are_added_to_the_policy_s_reservations() -> None:
    cup = "{name: cup, at: 2026-01-14T12:10:00Z, until: 2026-01-14T14:00:00Z, nodes: 3}"
    crowd = "{name: crowd, at: 2026-01-14T12:20:00Z, until: 2026-01-14T12:40:00Z, viewers: 250, lead: 10m}"
    in_file = ("bounds:", f"viewers_per_node: 100\nreservations: [{cup}]\nbounds:")
    cases = f"""\
        cases:
          - name: one
            given: {{nodes: 1, signals: {{cpu: 50}}, bookings: [{crowd}]}}
            steps:
              - {{after: 0s, expect: {{desired: 3}}}}
              - {{after: 10m, nodes: 3, expect: {{desired: 6, reasons: [reservation]}}}}
              - {{after: 1m, nodes: 6, gaps: [mongodb], signals: {{cpu: 1}}, expect: {{direction: hold}}}}
              - {{after: 1m, gaps: [], bookings: [], expect: {{desired: 6, not_reasons: [reservation]}}}}
              - {{after: 40m, expect: {{desired: 3, reasons: [reservation]}}}}
          - name: over
            given: {{nodes: 1, now: 2026-01-14T12:40:00Z, signals: {{cpu: 50}}, bookings: [{crowd}]}}
            expect: {{desired: 3}}
    """
    assert mistakes(cases, in_file) == []


@pytest.mark.parametrize(("vcpus", "desired"), [("{c7i.large: 2, c7i.xlarge: 4}", 4), ("{}", 3)])
def test_nodes_count_by_the_size_of_their_type(vcpus: str, desired: int) -> None:
    """At 90 a small and a large one carry 270 of three nodes' worth, and two alike 180."""
    given = f"{{nodes: [{{}}, {{type: c7i.xlarge}}], signals: {{cpu: 90}}, vcpus: {vcpus}}}"
    assert one(given, f"{{current: 2, desired: {desired}}}") == []


POOL = ("subnets: [subnet-a, subnet-b]", "subnets: [subnet-a, subnet-b], warm_pool: {stopped: 1}")


def test_a_warm_pool_is_played_from_one_step_to_the_next() -> None:
    text = """\
    cases:
      - name: it fills, wakes, and takes a drained node
        given: {nodes: 2, signals: {cpu: 50}}
        never: [terminate_in_use, terminate]
        steps:
          - {after: 0s, expect: {pool_launches: 1, launches: 0}}
          - {after: 1m, expect: {pool_launches: 0, stops: []}}
          - {after: 30s, nodes: [{}, {}, {phase: filling}], expect: {current: 2, stops: [n3]}}
          - {after: 1m, expect: {stops: [], pool_launches: 0}}
          - {after: 5s, signals: {cpu: 80}, expect: {desired: 3, wakes: [n3], launches: 0, ends: []}}
          - {after: 30s, nodes: [{}, {}, {phase: joined}], expect: {current: 3, wakes: []}}
          - {after: 5s, nodes: [{}, {}, {phase: drained}], signals: {cpu: 50}, expect: {stops: [n3]}}
    """
    assert mistakes(text, POOL) == []


def test_who_boots_for_the_pool_serves_when_nodes_are_wanted() -> None:
    text = """\
    cases:
      - name: before it joined
        given: {nodes: 2, signals: {cpu: 50}}
        steps:
          - {after: 0s, expect: {pool_launches: 1}}
          - {after: 20s, signals: {cpu: 80}, expect: {wakes: [n3], launches: 0}}
          - {after: 20s, expect: {current: 3, wakes: [], stops: [], launches: 0}}
      - name: after it joined
        given: {nodes: {in_service: 2, filling: 1}, signals: {cpu: 80}}
        steps:
          - {after: 0s, expect: {wakes: [n3], stops: []}}
          - {after: 5s, nodes: [{}, {}, {phase: joined}], expect: {current: 3}}
    """
    assert mistakes(text, POOL) == []


def test_a_node_that_does_not_start_is_replaced() -> None:
    text = """\
    cases:
      - name: it sleeps again
        given: {nodes: {in_service: 2, stopped: 1}, signals: {cpu: 80}}
        steps:
          - {after: 0s, expect: {wakes: [n3]}}
          - {after: 61s, nodes: [{}, {}, {phase: stopped}], expect: {ends: [n3], wakes: [], launches: 1}}
    """
    assert mistakes(text, POOL) == []


@pytest.mark.parametrize(
    ("expect", "mistake"),
    [
        ("{wakes: 1}", "wakes: 1 nodes / none"),
        ("{wakes: [n9]}", "wakes: a node n9 / only n1, n2, n3"),
        ("{stops: []}", "stops: none / n3"),
        ("{stops: [n1]}", "stops: n1 / n3"),
        ("{pool_launches: 1}", "pool_launches: 1 / 0"),
    ],
)
def test_what_the_pool_does_is_shown_beside_what_was_expected(expect: str, mistake: str) -> None:
    assert one("{nodes: {in_service: 2, filling: 1}, signals: {cpu: 50}}", expect, POOL) == [f"4:14 {mistake}"]
