"""Policy tests from texts, run against a small policy."""

from __future__ import annotations

from textwrap import dedent

import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from autoscaler.review.cases import read_suite
from autoscaler.review.rehearse import Result, rehearse

POLICY = """\
version: 1
group: edge
role: edge
bounds: {min: 1, max: 10}
signals:
  cpu: {from: mongodb.node.cpu_percent}
  peak: {from: mongodb.node.cpu_percent, aggregate: max}
  sessions: {from: haproxy.server.sessions, backend: backend_http, aggregate: sum}
  streams: {from: mongodb.node.publishers, aggregate: sum}
  viewers: {from: mongodb.viewers, aggregate: sum}
  each: {expr: viewers / capacity}
scale:
  - target_tracking: {signal: cpu, target: 60}
  - step: {signal: cpu, steps: [{above: 80, for: 30s, add: 3}]}
scale_in: {stabilization: 10m, control: [{nodes: 5, per: 20m}]}
launch: {launch_template: ams-edge, types: [c7i.large], subnets: [subnet-a, subnet-b]}
load_balancer: [{backend: backend_http, port: 5080}]
"""


def the_policy(*changes: tuple[str, str]) -> Policy:
    text = POLICY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (policy,) = load_policies({"edge.yaml": text})
    return policy


def results(cases: str, *changes: tuple[str, str]) -> tuple[Result, ...]:
    return rehearse(read_suite(dedent(cases), "edge.test.yaml"), the_policy(*changes))


def mistakes(cases: str, *changes: tuple[str, str]) -> list[str]:
    """Everything that went otherwise, as `LINE:COLUMN WHAT: EXPECTED / GOT`."""
    return [
        f"{each.line}:{each.column} {each.what}: {each.expected} / {each.got}"
        for result in results(cases, *changes)
        for failure in result.failures
        for each in failure.mistakes
    ]


def problems(cases: str) -> list[str]:
    """What is wrong with a test file itself."""
    with pytest.raises(ConfigurationError) as caught:
        results(cases)
    return [str(problem) for problem in caught.value.problems]
