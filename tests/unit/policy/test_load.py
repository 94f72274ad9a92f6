"""What a reviewer reads about a bad policy: every problem, where it is, and what to do."""

from __future__ import annotations

import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.load import load_policies

GOOD = """\
version: 1
group: edge
role: edge
bounds: {min: 2, max: 40}
signals:
  cpu: {from: mongodb.node.cpu_percent, max_age: 20s, on_missing: hold}
  sessions: {from: haproxy.server.sessions, backend: backend_http, aggregate: sum, on_missing: scale_out_only}
  viewers: {from: mongodb.viewers, aggregate: sum}
scale:
  - target_tracking: {signal: cpu, target: 60, tolerance: 10%}
  - target_tracking: {signal: sessions, target_per_node: 110}
  - target_tracking: {signal: viewers, target_per_node: 120}
scale_out: {cooldown: 0s, max: [{nodes: 10, per: 1m}]}
scale_in: {stabilization: 10m, max: [{nodes: 1, per: 2m}, {percent: 10%, per: 10m}]}
launch:
  launch_template: ams-edge
  types: [c7i.xlarge, c6i.xlarge]
  subnets: [subnet-a, subnet-b]
load_balancer:
  - {backend: backend_http, port: 5080, cookie: true}
"""


def problems(*texts: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_policies({f"{number}.yaml": text for number, text in enumerate(texts, 1)})
    return [str(problem) for problem in caught.value.problems]


def test_a_good_policy_loads() -> None:
    (policy,) = load_policies({"edge.yaml": GOOD})
    assert policy.group == "edge"
    assert [endpoint.backend for endpoint in policy.endpoints] == ["backend_http"]
    assert policy.signals["sessions"].key == "haproxy.server.sessions:backend_http"
    assert policy.signals["cpu"].key == "mongodb.node.cpu_percent"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("bounds: {min: 2", "bounds: {min: 41", "1.yaml:4:1: bounds bounds: min 41 is above max 40"),
        ("bounds: {min: 2", 'bounds: {min: "2"', "1.yaml:4:10: int-type"),
        ("max_age: 20s", "max_age: 20", "1.yaml:6:41: duration signals.cpu.max_age: is not a duration"),
        ("max_age: 20s", "max_agee: 20s", "1.yaml:6:41: unknown-key unknown key 'max_agee' (did you mean 'max_age'?)"),
        ("mongodb.node.cpu_percent", "mongodb.node.cpu", "1.yaml:6:9: source signals.cpu.from: there is no source 'm"),
        ("cpu, target: 60", "cpuu, target: 60", "1.yaml:10:23: signal scale.0.target_tracking.signal: scale names"),
        ("target: 60", "target: 0", "1.yaml:10:36: greater-than-equal"),
        ("target: 60", 'target: "60"', "1.yaml:10:36: number"),
        ("target: 60", "target: true", "1.yaml:10:36: number"),
        ("target: 60", "target: .inf", "1.yaml:10:36: finite-number"),
        ("target: 60", "target_per_node: 60", "1.yaml:10:23: signal scale.0.target_tracking.signal: cpu: a sum"),
        (", target: 60", "", "1.yaml:10:5: target"),
        ("tolerance: 10%", "tolerance: 10", "1.yaml:10:48: percent"),
        ("{nodes: 10, per: 1m}", "{per: 1m}", "1.yaml:13:33: rate"),
        ("launch_template: ams-edge", "image: ami-1\n  launch_template: ams-edge", "1.yaml:15:1: launch"),
        ("launch_template: ams-edge\n  types: [c7i.xlarge, c6i.xlarge]", "image: ami-1", "1.yaml:15:1: launch"),
        ("[subnet-a, subnet-b]", "[subnet-a, subnet-a]", "1.yaml:18:23: launch launch.subnets.1: names a subnet twice"),
        ("[subnet-a, subnet-b]", "[]", "1.yaml:18:3: too-short"),
        ("port: 5080", "port: 99999", "1.yaml:20:29: less-than-equal"),
        ("version: 1", "version: 2", "1.yaml:1:1: literal-error"),
        ("role: edge", "role: boss", "1.yaml:3:1: literal-error"),
        ("group: edge", "", "1.yaml:1:1: missing-key group is required"),
        ("aggregate: sum}\nscale", "aggregate: mean}\nscale", "1.yaml:12:23: signal"),
        ("from: mongodb.viewers", "from: mongodb.viewers, backend: b", "1.yaml:8:36: source"),
        ("  - {backend", "  - {backend: backend_http, port: 1}\n  - {backend", "1.yaml:21:6: backend"),
        ("version: 1", "version: 1\nversion: 1", "1.yaml:2:1: yaml found duplicate key"),
        ("version: 1", "version: [1", "yaml expected"),
        ("version: 1", "version: \t1", "1.yaml:1:10: yaml"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_place(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    told = problems(GOOD.replace(old, new, 1))
    assert any(expected in line for line in told), told


def test_a_group_signal_needs_a_sum() -> None:
    text = GOOD.replace("viewers: {from: mongodb.viewers, aggregate: sum}", "viewers: {from: mongodb.viewers}")
    text = text.replace("signal: viewers, target_per_node", "signal: viewers, target")
    assert "has one value for the group" in problems(text)[0]


def test_every_problem_of_every_file_comes_at_once_and_in_order() -> None:
    broken = GOOD.replace("min: 2", "min: -1").replace("5080, cookie: true", "0")
    told = problems(broken, "- 1\n", broken)
    assert [line.split(":")[0] for line in told] == ["1.yaml", "1.yaml", "2.yaml", "3.yaml", "3.yaml"], told


def test_a_list_is_not_called_empty_because_its_items_are_wrong() -> None:
    told = problems(GOOD.replace("target_tracking:", "target_trackin:"))
    assert not any("too-short" in line for line in told), told


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "- target_tracking: {signal: cpu",
            "- target_trackin: {signal: cpu",
            ["1.yaml:10:5: unknown-key unknown key 'target_trackin' (did you mean 'target_tracking'?)"],
        ),
        ("group: edge", "groop: edge", ["1.yaml:2:1: unknown-key unknown key 'groop' (did you mean 'group'?)"]),
        (
            "group: edge",
            "party: edge",
            ["1.yaml:1:1: missing-key group is required", "1.yaml:2:1: unknown-key unknown key 'party' (known keys: "],
        ),
        (
            "role: edge\nbounds: {min: 2",
            "roles: edge\nbounds: {role: edge",
            [
                "1.yaml:3:1: unknown-key unknown key 'roles' (did you mean 'role'?)",
                "1.yaml:4:1: missing-key bounds.min is required",
                "1.yaml:4:10: unknown-key unknown key 'role' (known keys: ",
            ],
        ),
    ],
)
def test_a_misspelt_key_is_told_once(old: str, new: str, expected: list[str]) -> None:
    assert old in GOOD
    told = problems(GOOD.replace(old, new, 1))
    assert len(told) == len(expected), told
    assert all(line.startswith(words) for line, words in zip(told, expected, strict=True)), told


@pytest.mark.parametrize(
    "text", ["", "- 1\n", "just words\n", "a: !!python/object:os.system {}\n", "x: " + "y" * 300_000]
)
def test_what_is_no_policy_at_all_is_refused(text: str) -> None:
    assert problems(text)


def test_deep_nesting_is_refused_and_does_not_crash() -> None:
    assert problems("a: " + "[" * 5000)


def test_two_files_may_not_share_a_group_or_slots() -> None:
    other = GOOD.replace("group: edge", "group: origin")
    told = problems(GOOD, GOOD, other)
    assert told == [
        "2.yaml:2:1: duplicate-group the group 'edge' has a policy already, in 1.yaml",
        (
            "3.yaml:20:5: shared-slots the group 'edge' uses the slot servers of backend_http already "
            "(give each group a `slots` prefix of its own)"
        ),
    ]


def test_groups_with_slots_of_their_own_may_share_a_backend() -> None:
    other = GOOD.replace("group: edge", "group: origin\nslots: origin")
    assert len(load_policies({"1.yaml": GOOD, "2.yaml": other})) == 2
