"""Every mistake of a file in one run, and none that only follows from another."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.document import check, parse, survey
from autoscaler.policy.load import load_policies
from autoscaler.policy.record import Record
from autoscaler.policy.schema import Policy
from autoscaler.review.scenario import PolicyTests
from autoscaler.runtime.settings import Settings
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.schema import Generator
from tests.support.policy_text import QUIET, lay_over
from tests.support.traffic import GENERATOR


def told(fragment: str, base: str = QUIET) -> list[str]:
    """`line:column code` of everything that is wrong, or the whole sentences."""
    with pytest.raises(ConfigurationError) as caught:
        load_policies({"f.yaml": lay_over(base, fragment)})
    return [str(problem).removeprefix("f.yaml:") for problem in caught.value.problems]


def places(model: type[Record], text: str) -> list[str]:
    _, problems = survey(model, parse(text, "f.yaml").root, parse(text, "f.yaml"))
    return [f"{problem.line}:{problem.column} {problem.code}" for problem in problems]


NINE = """\
version: 1
group: edge
role: edge
bounds: {min: 9, max: 4}
signals:
  cpu: {from: mongodb.node.cpu_percnt, max_age: 20}
  sessions: {from: haproxy.server.sessions, aggregate: sum, application: live, window: 2h}
scale:
  - target_tracking: {signal: cpu, target: 60}
  - target_tracking: {signal: nope, target: 60, tolerance: 10}
  - step: {signal: neither, steps: [{above: 1}]}
  - forecast: {signal: sessions, target_per_node: 9, season: 36h, horizon: 0s}
reservations: [{name: gig, at: 2026-06-01T18:00:00Z, until: 2026-06-01T17:00:00Z, viewers: 5}]
scale_out: {max: [{per: 0s}]}
launch: {image: ami-1, launch_template: ams, types: [a, a], weights: {a: 1, b: 1}, subnets: [s, s]}
load_balancer:
  - {backend: b, port: 1}
  - {backend: b, port: 0}
"""


def test_no_mistake_hides_another() -> None:
    assert places(Policy, NINE) == [
        "4:1 bounds",
        "6:9 source",
        "6:40 duration",
        "7:61 source",
        "7:80 window",
        "10:23 signal",
        "10:49 percent",
        "11:12 signal",
        "11:37 step",
        "12:54 forecast",
        "12:67 forecast",
        "13:16 reservation",
        "13:16 reservation",
        "14:19 rate",
        "14:20 duration",
        "15:1 launch",
        "15:57 launch",
        "15:61 launch",
        "15:97 launch",
        "18:6 backend",
        "18:18 greater-than-equal",
    ]


def test_each_line_of_a_broken_file_is_told_alone_too() -> None:
    """Mended one by one, the others stay as they are: nothing that was told hangs on anything else."""
    whole = places(Policy, NINE)
    mended = NINE.replace("{min: 9,", "{min: 1,").replace("max_age: 20}", "max_age: 20s}").replace("port: 0", "port: 2")
    gone = {"4:1 bounds", "6:40 duration", "18:18 greater-than-equal"}
    assert places(Policy, mended) == [place for place in whole if place not in gone]


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        # what a rule asks of a signal that is wrong itself, nobody knows
        ("signals: {cpu: 5, sessions: {from: haproxy.server.sessions, aggregate: sum}}\n", ["model-type"]),
        ("signals: {cpu: {max_age: 1s}, sessions: {from: haproxy.server.sessions, aggregate: sum}}\n", ["source"]),
        ("signals: {cpu: {from: nope}, sessions: {from: haproxy.server.sessions, aggregate: sum}}\n", ["source"]),
        ("signals: {cpu: {from: nope, backend: b}, sessions: {from: nope, aggregate: sum}}\n", ["source", "source"]),
        ("signals: {cpu: {from: mongodb.viewers, aggregate: summ}, sessions: {expr: cpu}}\n", ["aggregate", "signal"]),
        ("signals: {cpu: {expr: 1 +}, sessions: {expr: cpu + x}}\n", ["expression", "expression", "signal"]),
        ("signals: 5\n", ["dict-type"]),
        ("scale: [{target_tracking: {signal: cpu, targt: 5}}]\n", ["unknown-key"]),
        ("scale: [{target_tracking: 5}, 5]\n", ["model-type", "model-type"]),
        ("scale: [5]\n", ["model-type"]),
        ("reservations: [{name: r, at: x, until: 2026-06-01T17:00:00Z, nodes: x}]\n", ["moment", "int-type"]),
        ("load_balancer: [{backend: a b, port: 1}, {backend: a b, port: 1}]\n", ["string-pattern-mismatch"] * 2),
        ("launch: {image: 5, subnets: [s]}\n", ["string-type"]),
        ("launch: {image: a, types: [b, 5], weights: {c: 1}, subnets: [s]}\n", ["string-type"]),
        ("launch: {image: a, types: [b], weights: {c: 1, b: 0}, subnets: [s]}\n", ["launch", "greater-than-equal"]),
        ("launch: {image: a, types: [b], subnets: [5, 5]}\n", ["string-type"] * 2),
    ],
)
def test_nothing_is_told_that_only_follows(fragment: str, expected: list[str]) -> None:
    found = told(fragment)
    assert sorted(line.split(" ")[1] for line in found) == sorted(expected), found


def test_a_name_that_is_none_is_told_by_its_place() -> None:
    text = "signals: {cpu: {from: mongodb.node.cpu_percent}, sessions: {from: mongodb.viewers, aggregate: sum}, "
    (line,) = told(text + "a b: {from: mongodb.streams}}\n")
    assert "signals.a b: is no name: at most 63 letters" in line


def test_settings_tests_and_traces_are_told_whole_too() -> None:
    settings = """\
cluster: live eu
cycle: 1ms
mongodb: {uri: 'http://x'}
haproxy: [{name: a, timeout: 5}, {name: a, socket: x}]
ec2: {region: here}
ams: {port: 0, jwt_secret: short, timeout: 1ms}
web: {token: short}
policies: 5
"""
    assert places(Settings, settings) == [
        "1:1 string-pattern-mismatch", "2:1 cycle", "3:11 uri", "4:11 balancer", "4:21 duration", "4:35 balancer",
        "4:44 shape", "5:7 shape", "6:7 greater-than-equal", "6:16 secret", "6:35 timeout", "7:7 secret",
        "8:1 path-type",
    ]  # fmt: skip
    tests = """\
never: [crash]
cases:
  - {name: a, given: {nodes: 1, now: x}, steps: [{after: 0s}, {after: 0s, expect: {desired: {}}}], expect: {x: 1}}
  - {name: "", never: [drain], steps: [{after: 6d}, {after: 25h}]}
  - {name: b, steps: [{after: 0s}, {after: 5}, {after: 0s}]}
"""
    assert places(PolicyTests, tests) == [
        "1:9 word", "3:5 case", "3:33 moment", "3:64 case", "3:84 count", "3:109 unknown-key",
        "4:6 string-too-short", "4:32 case", "5:37 duration", "5:49 case",
    ]  # fmt: skip
    trace = (
        GENERATOR + "surges: [{at: 3h, viewers: 0, stream: 99, rise: 2d, half_life: 2d, ends: 1h, ends_within: x}]\n"
    )
    trace += (
        "events: [{at: 9h, kind: cut_viewers, share: 5, nodes: 1}]\nflash_crowds: {every: 1s, viewers: 0, rise: 2d}\n"
    )
    codes = [place.split(" ")[1] for place in places(Generator, trace)]
    assert codes == [
        "at", "greater-than-equal", "surge", "lasting", "lasting", "duration", "at", "percent", "event",
        "lasting", "greater-than", "lasting",
    ]  # fmt: skip
    assert places(WorldSpec, "boot: {median: 2m, p95: 1m}\nidle_cpu: 5\n") == ["1:1 boot", "2:1 percent"]


def test_values_that_are_no_mapping_at_all_are_told() -> None:
    found, problems = survey(Policy, 5, parse("a: 1", "f.yaml"))
    assert (found, [problem.code for problem in problems]) == (None, ["model-type"])


def test_a_file_without_mistakes_is_what_it_says_with_and_without_an_examination() -> None:
    document = parse(QUIET, "f.yaml")
    found, problems = survey(Policy, document.root, document)
    assert (found, problems) == (check(Policy, document), [])


def records(model: type[BaseModel] = Record) -> list[type[BaseModel]]:
    return [found for each in model.__subclasses__() for found in (each, *records(each))]


def test_every_check_is_one_that_an_examination_asks() -> None:
    """Checks of pydantic's own, beside the fields' annotations, are not heard when another key is wrong."""
    for model in records():
        decorators = model.__pydantic_decorators__
        assert not decorators.field_validators, model
        assert set(decorators.model_validators) == {"_checked"}, model


def test_words_are_our_own() -> None:
    """What pydantic says speaks of its own types, which nobody who writes YAML knows."""
    text = "".join(
        f"{line}\n"
        for line in told("signals: 5\nscale: {a: 1}\nlaunch: 5\nload_balancer: []\nbounds: [1]\nslots: a b\n")
    )
    text += "\n".join(
        told("bounds: {min: 1.5, max: 0}\nscale: [{schedule: {scale_in: 5, min: -1}}]\nrole: x\nslots: 5\n")
    )
    sentences = "\n".join(line.split(": ", 2)[2] for line in text.splitlines())
    for words in ("Input", "valid", "instance of", "Tuple", "tuple", "dict", "String", "Records", "Rules"):
        assert words not in sentences, sentences
    assert "is no mapping" in text
    assert "is no list; write [a, b], or lines that begin with a dash" in text
    assert "is empty; at least one entry is needed" in text
