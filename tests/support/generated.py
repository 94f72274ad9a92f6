"""Policies of every shape that the language has, for properties: as data, and as text that somebody typed badly."""

from __future__ import annotations

from datetime import date, datetime
from io import StringIO
from typing import Any

from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from autoscaler.decide.past import looked_at
from autoscaler.model.snapshot import Sample
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import GROUP_SOURCES, PER_NODE_SOURCES
from autoscaler.policy.times import DAYS
from tests.support.fleet import CPU, SESSIONS, policy_data

Data = dict[str, Any]

ON_MISSING = ["hold", "scale_out_only", "ignore", "assume(0)", "assume(55.5)"]
AGGREGATES = ["mean", "max", "p50", "p95"]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]
RISING = ["sessions / capacity", "max(cpu, 20)", "coalesce(cpu, sessions)",
          "cpu + 0.5 * sessions", "min(cpu, 90)"]  # fmt: skip
"""Expressions that never fall when what they name rises."""

NARROWED: dict[str, tuple[str, ...]] = {
    "backend": ("haproxy.",),
    "application": ("mongodb.streams", "mongodb.viewers", "mongodb.node.publishers"),
}

# Hypothesis draws what comes first most often, so that the usual comes first here.
dates = st.dates(date(2000, 1, 1), date(9000, 12, 31)).map(str)
targets = st.one_of(st.sampled_from([60, 50, 80, 120]), st.floats(1, 100), st.sampled_from([1e-6, 1e300]))
amounts = st.one_of(st.integers(1, 4), st.integers(1, 300).map(lambda percent: f"{percent / 4}%"))
durations = st.sampled_from(["0s", "250ms", "10s", "1m", "5m", "1.5h", "1d"])
periods = st.sampled_from(["10s", "250ms", "1m", "5m", "1.5h", "1d"])
clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,9}", fullmatch=True)


def as_yaml(data: Any) -> str:
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(data, stream)
    return stream.getvalue()


def _comes_back(text: str) -> bool:
    """Whether ruamel.yaml reads what it printed itself: some texts, such as `?>`, it forgets to quote."""
    try:
        return bool(YAML(typ="safe", pure=True).load(as_yaml([text])) == [text])
    except YAMLError:
        return False


words = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12).filter(_comes_back)


@st.composite
def signals(draw: st.DrawFn) -> Data:
    missing = st.sampled_from(ON_MISSING)
    cpu = {"from": CPU, "aggregate": draw(st.sampled_from(AGGREGATES)), "on_missing": draw(missing)}
    sessions = {"from": SESSIONS, "aggregate": "sum", "max_age": "10s", "on_missing": draw(missing)}
    busy = {"expr": draw(st.sampled_from(RISING)), "on_missing": draw(missing)}
    return {"cpu": cpu, "sessions": sessions, "busy": busy}


@st.composite
def steps(draw: st.DrawFn, signal: str) -> Data:
    up = st.fixed_dictionaries({"above": st.integers(1, 99), "add": amounts}, optional={"for": durations})
    down = st.fixed_dictionaries({"below": st.integers(1, 99), "remove": amounts}, optional={"for": durations})
    return {"step": {"signal": signal, "steps": draw(st.lists(up | down, min_size=1, max_size=3))}}


@st.composite
def schedules(draw: st.DrawFn) -> Data:
    keys = {
        "days": st.lists(st.sampled_from(DAYS), min_size=1, unique=True), "from": clocks, "to": clocks,
        "timezone": st.sampled_from(ZONES), "first_day": dates, "last_day": dates,
        "max": st.integers(1, 12), "scale_in": st.booleans(),
    }  # fmt: skip
    return {"schedule": draw(st.fixed_dictionaries({"min": st.integers(0, 12)}, optional=keys))}


@st.composite
def tracking(draw: st.DrawFn, signal: str) -> Data:
    target = "target_per_node" if signal == "sessions" else "target"
    tolerance = draw(st.sampled_from(["0%", "10%", "33.3%"]))
    return {"target_tracking": {"signal": signal, target: draw(targets), "tolerance": tolerance}}


@st.composite
def forecasts(draw: st.DrawFn) -> Data:
    seasons = draw(st.integers(1, 5))
    keys = {
        "season": st.sampled_from(["7d", "1d"]), "seasons": st.just(seasons), "at_least": st.integers(1, seasons),
        "quantile": st.sampled_from(["90%", "50%", "100%", "0.5%"]), "horizon": st.sampled_from(["15m", "1m", "2h"]),
    }  # fmt: skip
    told = {"signal": st.just("sessions"), "target_per_node": targets}
    return {"forecast": draw(st.fixed_dictionaries({**told, **keys}))}


@st.composite
def rules(draw: st.DrawFn, *, grouped: bool) -> Data:
    signal = draw(st.sampled_from(["cpu", "sessions", "busy"]))
    rule: Data = draw(st.one_of(tracking(signal), steps(signal), schedules(), forecasts()))
    if grouped and not {"schedule", "forecast"} & {*rule}:
        rule |= draw(st.fixed_dictionaries({}, optional={"group": st.sampled_from(["a", "b"])}))
    return rule


@st.composite
def reservations(draw: st.DrawFn) -> Data:
    at = draw(st.sampled_from(["2026-03-01T12:05:00Z", "2026-03-01T13:59:00.5+02:00", "2000-01-01T00:00:00+01:00"]))
    until = draw(st.sampled_from(["2026-03-01T12:06:00Z", "2026-03-02T00:00:00-05:00", "8999-12-31T23:59:59Z"]))
    room = draw(st.sampled_from([{"nodes": 2}, {"viewers": 250}]))
    return {"name": draw(names), "at": at, "until": until, "lead": draw(durations), **room}


def seldom(strategy: st.SearchStrategy[Any], otherwise: Any) -> st.SearchStrategy[Any]:
    """Most policies leave most keys alone; if all were used at once, each would hide what the others do."""
    return st.one_of(st.just(otherwise), st.just(otherwise), st.just(otherwise), strategy)


@st.composite
def limits(draw: st.DrawFn) -> list[Data]:
    nodes = st.fixed_dictionaries({"nodes": st.integers(1, 4), "per": periods})
    percent = st.fixed_dictionaries({"percent": st.sampled_from(["1%", "12.5%", "100%", "250%"]), "per": periods})
    return draw(st.lists(nodes | percent, max_size=2))


@st.composite
def policies(draw: st.DrawFn, *, grouped: bool = True) -> Data:
    """All that decides, in every combination; the rest as in `fleet.policy_data`."""
    low = draw(st.sampled_from([0, 0, 1, 3]))
    pauses = seldom(durations, "0s")
    return policy_data(
        bounds={"min": low, "max": low + draw(st.sampled_from([30, 12, 6, 1]))},
        signals=draw(signals()),
        scale=draw(st.lists(rules(grouped=grouped), min_size=1, max_size=4)),
        headroom={"nodes": draw(st.sampled_from([0, 0, 2])), "percent": draw(seldom(st.just("15%"), "0%"))},
        reservations=draw(seldom(st.lists(reservations(), max_size=2), [])),
        viewers_per_node=draw(st.integers(1, 200)),
        flap_budget=draw(st.none() | st.fixed_dictionaries({"turns": st.integers(1, 3), "per": periods})),
        scale_out={"stabilization": draw(pauses), "cooldown": draw(pauses), "max": draw(seldom(limits(), []))},
        scale_in={
            "stabilization": draw(pauses), "cooldown": draw(pauses),
            "max": draw(seldom(limits(), [])), "control": draw(seldom(limits(), [])),
        },
        launch=policy_data()["launch"] | draw(seldom(sizes(), {})) | draw(seldom(pools, {})),
    )  # fmt: skip


pools = st.fixed_dictionaries({"stopped": st.integers(0, 4), "max_age": periods}).map(lambda pool: {"warm_pool": pool})


@st.composite
def sizes(draw: st.DrawFn) -> Data:
    """Two types that are weighed, or left to their vCPUs."""
    types = draw(st.permutations(["c5.xlarge", "c5.2xlarge"]))
    weights = {name: draw(st.sampled_from([1, 2, 0.5, 3.7])) for name in types}
    return {"types": types, "weights": draw(st.sampled_from([weights, {}]))}


@st.composite
def rule_sets(draw: st.DrawFn) -> Data:
    """Rules and nothing around them: what they say is what happens."""
    several = st.lists(rules(grouped=False), min_size=1, max_size=3)
    return policy_data(bounds={"min": 0, "max": 50}, signals=draw(signals()), scale=draw(several))


@st.composite
def pasts(draw: st.DrawFn, policy: Policy, now: datetime) -> dict[str, tuple[Sample, ...]]:
    """What was recorded of the seasons that the policy's forecasts look at now, with holes."""
    loads = draw(st.lists(st.sampled_from([100, 0, 250, 900]) | st.floats(-10, 4000), min_size=1, max_size=4))
    every = draw(st.sampled_from([0, 0, 2, 5]))
    return {
        key: tuple(
            Sample(loads[number % len(loads)], at)
            for number, at in enumerate(starts) if not every or (number + 1) % every
        )
        for key, starts in looked_at(policy, now).items() if draw(st.integers(0, 4))
    }  # fmt: skip


@st.composite
def passed_thresholds(draw: st.DrawFn, policy: Policy, ages: st.SearchStrategy[datetime]) -> dict[str, datetime]:
    """Since when some thresholds of its steps have been passed."""
    keys = [
        f"{rule.signal} {side} {threshold:g}"
        for rule in policy.scale if rule.step
        for step in rule.step.steps
        for side, threshold in (("above", step.above), ("below", step.below)) if threshold is not None
    ]  # fmt: skip
    return draw(st.dictionaries(st.sampled_from(keys), ages)) if keys else {}


@st.composite
def whole_policies(draw: st.DrawFn) -> Data:
    """Every other key, too."""
    data = draw(policies())
    for number, source in enumerate([*PER_NODE_SOURCES, *GROUP_SOURCES]):
        keys: Data = {"max_age": draw(durations), "window": draw(st.sampled_from(["0s", "1s", "90s", "1h"]))}
        if draw(st.booleans()):
            keys |= {key: draw(names) for key, where in NARROWED.items() if source.startswith(where)}
        data["signals"][f"signal-{number}"] = {"from": source, **keys}
    launch = {"subnets": draw(st.lists(words, min_size=1, max_size=3, unique=True)), "key_name": draw(words)}
    launch |= draw(seldom(pools, {}))
    types = draw(st.lists(words, min_size=1, max_size=2, unique=True))
    image = {"image": draw(words), "types": types, "security_groups": ["sg-1"]}
    backends = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    return data | {
        "group": draw(names), "role": draw(st.sampled_from(["edge", "origin", "both"])), "slots": draw(names),
        "drain": {"sticky_for": draw(durations), "empty_for": draw(durations)}, "warm_up": draw(durations),
        "join": {"timeout": draw(durations), "port": draw(st.integers(1, 65_535)), "lost_after": draw(durations)},
        "launch": launch | draw(st.sampled_from([image, {"launch_template": "t", "instance_profile": "arn:aws:x"}])),
        "load_balancer": [{"backend": name, "port": 5080, "cookie": draw(st.booleans())} for name in backends],
    }  # fmt: skip


def printed(policy: Policy) -> str:
    """The policy as YAML, with every default written out."""
    return as_yaml(policy.model_dump(mode="json", by_alias=True))


SCRAPS = [*"{}[]:,-&*!|>'\"%@`#?=~ \n\t", "- ", ": ", "&a ", "*a", "<<: ", "---\n", "!!int ", "null", "true", "9" * 400,
          "-1", "1e999", ".nan", "0x_", "5000%", "1000d", "assume(", "\x00", "\ufeff", "\x85", "edge"]  # fmt: skip


@st.composite
def typed_badly(draw: st.DrawFn, text: str) -> str:
    """Replace some parts of the text, anywhere, by scraps that mean something to YAML, or by anything at all."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        scrap = draw(st.one_of(st.sampled_from(SCRAPS), st.text(max_size=3), st.just("")))
        text = text[:at] + scrap + text[at + draw(st.integers(0, 9)) :]
    return text
