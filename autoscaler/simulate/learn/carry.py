"""How many a node of one type carries before AMS refuses, with an interval; or why the recording does not tell.

AMS refuses whoever comes once a node's CPU, or its memory, is at its limit (Ant-Media-Server, StatsCollector.java;
both are 75 % unless set otherwise). So a node carries as many as take the first of the two to its limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from autoscaler.simulate.learn.fit import Clusters
from autoscaler.simulate.learn.learnt import WHO, Carried, Finding, Learnt, Limits, Range
from autoscaler.simulate.learn.recorded import (
    CPU,
    CPU_MOST,
    MEMORY,
    MEMORY_MOST,
    MINUTE,
    NODE,
    PUBLISHERS,
    VIEWERS,
    Floats,
)
from autoscaler.simulate.learn.study import FULL, USUAL, Study

FEWEST_NODES = 3
FEWEST_BLOCKS = 12
LEAST_REACH = 0.6
"""Of the way from an idle node to its limit: drawn out by more than two thirds, a line is a guess."""

LEAST_PART = 0.1
"""Of that way, by viewers or publishers alone. Of fewer nobody can tell how many would fill it."""

MOST_ALIKE = 0.95
"""Correlation of viewers and publishers. Above it nobody can tell which of them takes the CPU."""

MOST_BEND = 3.0
"""Percentage points, at the limit, between the line and a curve through the same minutes."""

FAR_OUT = 8.0
"""Times the usual distance from the curve. What is farther away is no work for viewers and publishers."""

_AS_DEVIATION = 1.4826
"""Times the median of distances is their standard deviation, where they are normal."""

_NEAR, _SELDOM = 1.0, 0.01
"""Percentage points below the limit, and the share of minutes, from which on nodes are said to refuse."""

MOST_SATURATED = 0.02
"""Of the minutes. What is left out for being high bends the line down: with 3 % the interval missed the truth."""

_NO_MINUTES: Floats = np.empty((0, 8))
_SHARE_WITH_MEMORY = 0.9
_ANYBODY = 0.5


def learn(instance_type: str, minutes: Floats, limits: Limits, saturated: Floats = _NO_MINUTES) -> Learnt:
    """Learn what a node of a type carries, from tables as `Recorded.minutes` has them, of one row at least."""
    full = _full(minutes, limits)
    at_limit = np.vstack([minutes[full], saturated])
    many = _minutes(minutes, saturated)
    share = _minutes(at_limit) / many
    seen = _people(minutes if len(minutes) else saturated, USUAL)
    least = _people(at_limit, 100 - USUAL) if share > _SELDOM else None
    found = Learnt(instance_type, 0, 0, len(minutes), 0, seen, least)
    about = (*_saturated(len(saturated) / many), *_at_limit(share))
    if not len(minutes):
        return replace(found, findings=about)
    clusters = Clusters(minutes)
    found = replace(found, nodes=clusters.nodes, blocks=clusters.blocks)
    few = tuple(_few(clusters))
    if few:
        return replace(found, findings=(*few, *about))
    kept = minutes[~_outliers(minutes)]
    studies = _studies(kept, limits)
    carried = {who: _carried(who, studies) for who in (0, 1) if studies[0].people[:, who].max() >= _ANYBODY}
    memory = float((~np.isnan(kept[:, MEMORY])).mean())
    findings = (*_memory(memory), *_doubts(studies, carried), *_unsure(studies, carried), *about)
    doubted = any(finding.blocks for finding in findings)
    viewers, publishers = (
        None if doubted or WHO[who] in {finding.who for finding in findings} else carried.get(who) for who in (0, 1)
    )
    lines = {study.name: study.line for study in studies}
    return replace(
        found, outliers=len(minutes) - len(kept), cpu=lines["cpu"], memory=lines.get("memory"),
        viewers=viewers, publishers=publishers, findings=findings,
    )  # fmt: skip


def _few(clusters: Clusters) -> Iterator[Finding]:
    if clusters.worth < FEWEST_NODES:
        alike = f", as good as {clusters.worth}: some for too short" if clusters.nodes > clusters.worth else ""
        seen = "1 node was" if clusters.nodes == 1 else f"{clusters.nodes} nodes were"
        message = f"{seen} seen at work{alike}, and nodes differ: {FEWEST_NODES} are needed"
        yield Finding("few-nodes", message, blocks=True)
    if clusters.blocks < FEWEST_BLOCKS:
        message = f"nodes were seen for {10 * clusters.blocks} minutes, added up: {10 * FEWEST_BLOCKS} are needed"
        yield Finding("few-readings", message, blocks=True)


def _minutes(*tables: Floats) -> int:
    """Count the minutes of nodes: one may be in two tables."""
    return len(np.unique(np.vstack(tables)[:, [NODE, MINUTE]], axis=0))


def _people(minutes: Floats, percentile: float) -> tuple[float, float]:
    """Return of viewers and publishers what so many percent of the minutes do not exceed."""
    viewers, publishers = np.percentile(minutes[:, [VIEWERS, PUBLISHERS]], percentile, axis=0).tolist()
    return viewers, publishers


def _full(minutes: Floats, limits: Limits) -> npt.NDArray[np.bool_]:
    """Find the minutes in which AMS must have refused."""
    found: npt.NDArray[np.bool_] = minutes[:, CPU_MOST] > limits.cpu - _NEAR
    return found | (minutes[:, MEMORY_MOST] > limits.memory - _NEAR)


def _at_limit(share: float) -> Iterator[Finding]:
    """Yield a warning where AMS refused in such a share of the minutes: who was refused is in no recording."""
    if share > _SELDOM:
        message = f"its limit was reached in {share:.0%} of its minutes: more wanted to come than came"
        yield Finding("at-limit", message)


def _saturated(share: float) -> Iterator[Finding]:
    """Yield where in such a share of the minutes high readings were left out: a line through the others is too flat."""
    if share > MOST_SATURATED:
        message = (
            f"in {share:.0%} of its minutes CPU or memory was at 99 % or more, and such readings are left out, so a "
            f"line through the others is too flat: {MOST_SATURATED:.0%} can be spared"
        )
        yield Finding("saturated", message, blocks=True)


def _outliers(minutes: Floats) -> npt.NDArray[np.bool_]:
    """Find minutes whose CPU is far from a curve through all: something else than people was at work."""
    people = minutes[:, [VIEWERS, PUBLISHERS]]
    people = people / np.maximum(people.max(axis=0), 1.0)
    columns = np.column_stack([np.ones(len(people)), people, people**2])
    out = np.zeros(len(minutes), dtype=np.bool_)
    for _ in range(3):  # those found no longer bend the curve that finds the others
        curve = np.linalg.lstsq(columns[~out], minutes[~out, CPU])[0]
        away = np.abs(minutes[:, CPU] - columns @ curve)
        out = away > max(FAR_OUT * _AS_DEVIATION * float(np.median(away)), MOST_BEND)
    return out


def _studies(minutes: Floats, limits: Limits) -> list[Study]:
    """Study the CPU, and the memory if heartbeats tell it."""
    known = minutes[~np.isnan(minutes[:, MEMORY])]
    studies = []
    for name, table, mean, highest in (("cpu", minutes, CPU, CPU_MOST), ("memory", known, MEMORY, MEMORY_MOST)):
        if len(table) >= _SHARE_WITH_MEMORY * len(minutes):
            people, limit = table[:, [VIEWERS, PUBLISHERS]], limits.cpu if name == "cpu" else limits.memory
            studies.append(Study(name, people, table[:, mean], table[:, highest], limit, Clusters(table)))
    return studies


def _carried(who: int, studies: Sequence[Study]) -> Carried:
    one, mean = np.eye(2)[who], studies[0].people.mean(axis=0)
    mix = mean / mean[who]
    mixed = _range(mix, studies)
    return Carried(
        alone=_range(one, studies),
        mixed=mixed,
        others=mixed.value * float(mix[1 - who]),
        safe=_range(mix, studies, spared=True).low,
        by=studies[int(np.argmax([study.shares(mix)[0] for study in studies]))].name,
    )


def _range(people: Floats, studies: Sequence[Study], *, spared: bool = False) -> Range:
    """Return how often a node has room for these. The interval is one of shares: they are finite, and numbers not."""
    shares = [study.shares(people, spared=spared) for study in studies]
    value = max(share for share, _ in shares)
    low, high = studies[0].lines.range(value, np.max([drawn for _, drawn in shares], axis=0))
    return Range(_inverse(value), _inverse(high), 1 / low if low > 1 / FULL else None)


def _inverse(share: float) -> float:
    return 0.0 if share >= FULL else 1 / max(share, 1 / FULL)


def _memory(told: float) -> Iterator[Finding]:
    """Yield what follows from the share of minutes in which memory was `told`. AMS off Linux tells and minds none."""
    if not told:
        yield Finding("memory-unknown", "heartbeats tell no memory: only the limit of the CPU is minded")
    elif told < _SHARE_WITH_MEMORY:
        message = (
            f"memory is known in {told:.0%} of the minutes, and may be full first: {_SHARE_WITH_MEMORY:.0%} are needed"
        )
        yield Finding("memory-gaps", message, blocks=True)


def _doubts(studies: Sequence[Study], carried: Mapping[int, Carried]) -> Iterator[Finding]:
    """Yield what keeps every capacity from being known, or is to be known about all of them."""
    if not carried:
        yield Finding("nobody", "nobody was ever on these nodes", blocks=True)
        return
    people = studies[0].people
    alike = _alike(people) if len(carried) > 1 else 0.0
    if alike > MOST_ALIKE:
        message = (
            f"viewers and publishers rise and fall together (correlation {alike:.2f}), so what each takes is hidden"
        )
        yield Finding("collinear", message, blocks=True)
    binding = {each.by for each in carried.values()}
    for study in studies:
        if study.name in binding:
            yield from _doubt(study)


def _alike(people: Floats) -> float:
    """Return how alike two columns are: the correlation's size, 0 where one never changes."""
    away = people - people.mean(axis=0)
    sizes = np.sqrt((away**2).sum(axis=0))
    return abs(float(away[:, 0] @ away[:, 1])) / float(sizes.prod()) if sizes.all() else 0.0


def _doubt(study: Study) -> Iterator[Finding]:
    if study.line.base >= study.limit:
        message = f"{study.name} of an idle node, {study.line.base:.0f} %, is at the limit already"
        yield Finding("no-room", message, blocks=True)
        return
    if study.reach < LEAST_REACH:
        seen = study.line.base + study.reach * (study.limit - study.line.base)
        message = (
            f"by its line {study.name} was never above {seen:.0f} %, which is {study.reach:.0%} of the way from an "
            f"idle node ({study.line.base:.0f} %) to the limit ({study.limit:g} %): {LEAST_REACH:.0%} are needed"
        )
        yield Finding("narrow-range", message, blocks=True)
    if abs(study.bend) > MOST_BEND:
        way = "above" if study.bend > 0 else "below"
        message = (
            f"{study.name} is no line: where a line through the minutes is at the limit, "
            f"a curve is {abs(study.bend):.0f} points {way} it"
        )
        yield Finding("not-linear", message, blocks=True)


def _unsure(studies: Sequence[Study], carried: Mapping[int, Carried]) -> Iterator[Finding]:
    """Yield why the number of viewers, or of publishers, is not known where the other may be."""
    for who, each in carried.items():
        study = next(study for study in studies if study.name == each.by)
        if not study.rises(who):
            message = f"{study.name} does not surely rise with {WHO[who]}"
            yield Finding("no-relation", message, who=WHO[who])
        elif len(carried) > 1 and study.part(who) < LEAST_PART:
            message = (
                f"{WHO[who]} never took more than {study.part(who):.0%} of a node: at least {LEAST_PART:.0%} are needed"
            )
            yield Finding("narrow-range", message, who=WHO[who])
        elif each.safe <= 0:
            message = f"what {study.name} jumps above its line leaves nobody surely any room"
            yield Finding("no-room", message, who=WHO[who])
