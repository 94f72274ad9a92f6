"""What is legal YAML and of the right type, and yet nothing that anybody means."""

from __future__ import annotations

import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.load import load_policies
from tests.support.policy_text import QUIET, lay_over

LAUNCH = "launch: {{launch_template: ams, subnets: [s], {}}}\n"
SIGNALS = (
    "signals: {{cpu: {{from: mongodb.node.cpu_percent, {}}}, sessions: {{from: mongodb.viewers, aggregate: sum}}}}\n"
)
RULE = "scale: [{{target_tracking: {{signal: cpu, {}}}}}]\n"
GIG = "reservations: [{{name: a, at: 2026-06-01T18:00:00Z, until: 2026-06-01T19:00:00Z, {}}}]\nviewers_per_node: 1\n"
DIGITS = "\u0662\u0660"


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("scale_out: {max: [{nodes: 1, per: 0s}]}\n", "duration scale_out.max.0.per: is no time at all"),
        ("scale_in: {control: [{nodes: 1, per: 0s}]}\n", "duration scale_in.control.0.per: is no time at all"),
        ("flap_budget: {turns: 1, per: 0ms}\n", "duration flap_budget.per: is no time at all"),
        (LAUNCH.format("types: ['']"), "blank launch.types.0: is empty"),
        (LAUNCH.format("types: [' ']"), "blank launch.types.0: is empty, or has blanks"),
        (LAUNCH.format("types: ['c7i. large']"), "blank launch.types.0"),
        (LAUNCH.format("types: [a, b, a]"), "launch launch.types.2: names a type twice"),
        (LAUNCH.format("security_groups: [a, a]"), "launch launch.security_groups.1: names a security group twice"),
        (LAUNCH.format("key_name: ''"), "blank launch.key_name: is empty"),
        (LAUNCH.format("key_name: 'a '"), "blank launch.key_name: is empty, or begins or ends with a blank"),
        (LAUNCH.format("image: ''"), "blank launch.image"),
        (LAUNCH.format("instance_profile: ' '"), "blank launch.instance_profile"),
        ("launch: {launch_template: '', subnets: [s]}\n", "blank launch.launch_template"),
        ("launch: {launch_template: a, subnets: ['']}\n", "blank launch.subnets.0"),
        (LAUNCH.format("types: [a], weights: {a: 0.0001}"), "greater-than-equal launch.weights.a: is below 0.001"),
        (SIGNALS.format(f"max_age: {DIGITS}s"), "duration signals.cpu.max_age"),
        (SIGNALS.format(f"on_missing: assume({DIGITS})"), "on-missing signals.cpu.on_missing"),
        (SIGNALS.format(f"aggregate: p{DIGITS}"), "aggregate signals.cpu.aggregate"),
        (RULE.format(f"target: 6, tolerance: {DIGITS}%"), "percent scale.0.target_tracking.tolerance"),
        (RULE.format("target: 0.0000001"), "greater-than-equal scale.0.target_tracking.target: is below 1e-06"),
        (RULE.format("target: 5e-324"), "greater-than-equal scale.0.target_tracking.target"),
        ("scale: [{forecast: {signal: sessions, target_per_node: 1e-9}}]\n", "greater-than-equal scale.0.forecast"),
        (f"scale: [{{schedule: {{min: 1, from: '{DIGITS}:00'}}}}]\n", "clock scale.0.schedule.from"),
        ("scale: [{schedule: {max: 1000000000000}}]\n", "less-than-equal scale.0.schedule.max: is above 10000"),
        ("scale: [{schedule: {min: 10001}}]\n", "less-than-equal scale.0.schedule.min: is above 10000"),
        ("scale: [{step: {signal: cpu, steps: [{above: 1, add: 10001}]}}]\n", "amount scale.0.step.steps.0.add"),
        ("scale: [{step: {signal: cpu, steps: [{above: 1, add: 10001%}]}}]\n", "amount scale.0.step.steps.0.add"),
        (GIG.format("nodes: 1000000000000"), "less-than-equal reservations.0.nodes: is above 10000"),
        (GIG.format("viewers: 100000001"), "less-than-equal reservations.0.viewers: is above 100000000"),
        ("headroom: {nodes: 10001}\n", "less-than-equal headroom.nodes: is above 10000"),
        ("scale_out: {max: [{nodes: 10001, per: 1m}]}\n", "less-than-equal scale_out.max.0.nodes: is above 10000"),
        ("scale_out: {max: [{percent: 10001%, per: 1m}]}\n", "less-than-equal scale_out.max.0.percent"),
        ("bounds: {min: 10001, max: 10000}\n", "less-than-equal bounds.min: is above 10000"),
    ],
)
def test_what_nobody_means_is_refused(fragment: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_policies({"f.yaml": lay_over(QUIET, fragment)})
    told = [str(problem).split(": ", 1)[1] for problem in caught.value.problems]
    assert any(line.startswith(expected) for line in told), told


def test_a_key_name_may_have_blanks_within() -> None:
    (policy,) = load_policies({"f.yaml": lay_over(QUIET, LAUNCH.format("key_name: the old key"))})
    assert policy.launch.key_name == "the old key"
