"""A world file from a lesson: what `simulate --world` takes, with what nodes carry beside it as comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

from autoscaler.policy.units import format_duration
from autoscaler.simulate.learn.learnt import WHO, Fitted, Learnt
from autoscaler.simulate.learn.lesson import Boots, Lesson

_SIZE = re.compile(r"\.(?:(?P<times>\d*)xlarge|(?P<large>large))$")
_NAME = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
"""EC2's names of types. Anything else may be something else in YAML: a number, a null, a comment."""

_CAN_BE = re.compile(r"[!-~]{1,100}")
"""A name that a world can have; without blanks or lines."""

_PER_XLARGE = 4
"""vCPUs. EC2's types are named by size, and from `large` on a size means the same in nearly all families."""

_LEAST_SLOPE = 1e-3
"""Percent a viewer or publisher: what takes less fills no node."""


def world_text(lesson: Lesson) -> str:
    """Return the world file; empty where nothing was learnt.

    A world has one idle CPU and memory for all types, the mean. Each type's viewers and publishers are those with which
    a node is at its limit by as many as in the recording. A type whose name no world can have is left out.
    """
    known = [each for each in lesson.types if not each.blocked and _CAN_BE.fullmatch(each.instance_type)]
    return "\n".join(_lines(lesson, known)) + "\n" if known else ""


def _lines(lesson: Lesson, known: list[Learnt]) -> Iterator[str]:
    cpu = [(each.minutes, each.cpu) for each in known if each.cpu]
    memory = [(each.minutes, each.memory) for each in known if each.memory]
    idle_cpu, idle_memory = _idle(cpu), _idle(memory) if len(memory) == len(known) else None
    group, key = (text if text.isprintable() else ascii(text) for text in (lesson.group, lesson.count.key or "none"))
    yield f"# Learnt from {lesson.cycles} recorded cycles of {group}; viewers are {key}"
    yield "types:"
    for each in known:
        yield from _type(each, lesson, idle_cpu, idle_memory)
    if lesson.boots:
        yield f"boot: {_boot(lesson.boots)}"
    yield f"idle_cpu: {idle_cpu}%"
    yield f"refuse_cpu: {lesson.limits.cpu:g}%"
    if idle_memory is not None and idle_memory < lesson.limits.memory:
        yield f"idle_memory: {idle_memory}%"
        yield f"refuse_memory: {lesson.limits.memory:g}%"


def _idle(lines: list[tuple[int, Fitted]]) -> float:
    """Return what an idle node has, each type counting by its minutes."""
    return round(sum(minutes * line.base for minutes, line in lines) / max(1, sum(minutes for minutes, _ in lines)), 1)


def _type(learnt: Learnt, lesson: Lesson, idle_cpu: float, idle_memory: float | None) -> Iterator[str]:
    name = learnt.instance_type
    yield f"  {name if _NAME.fullmatch(name) else json.dumps(name)}:"
    vcpus = lesson.vcpus.get(learnt.instance_type) or _vcpus(learnt.instance_type)
    yield f"    vcpus: {vcpus or _PER_XLARGE}" + ("" if vcpus else "    # not known; taken for 4")
    fulls = _fulls(learnt, learnt.cpu, lesson.limits.cpu, idle_cpu, 100.0)
    for who, each in zip(WHO, (learnt.viewers, learnt.publishers), strict=True):
        if each and who in fulls:
            upper = "or more" if each.alone.high is None else f"to {each.alone.high:.1f}"
            yield f"    {who}: {fulls[who]:.1f}    # a node carries {each.alone.low:.1f} {upper}"
    if idle_memory is not None:
        fulls = _fulls(learnt, learnt.memory, lesson.limits.memory, idle_memory, 100.0 - idle_memory)
        if fulls:
            yield f"    memory: {{{', '.join(f'{who}: {full:.1f}' for who, full in fulls.items())}}}"


def _fulls(learnt: Learnt, line: Fitted | None, limit: float, idle: float, whole: float) -> dict[str, float]:
    """Return how many alone take `whole`, if `limit` is to be reached by as many as on the line."""
    if line is None or min(limit - line.base, limit - idle) <= 0:
        return {}
    known = (learnt.viewers, line.per_viewer), (learnt.publishers, line.per_publisher)
    return {
        who: (limit - line.base) / slope * whole / (limit - idle)
        for who, (carried, slope) in zip(WHO, known, strict=True)
        if carried and slope > _LEAST_SLOPE
    }


def _boot(boots: Boots) -> str:
    median = max(1, round(boots.joined_median_s))
    slow = max(median, round(boots.joined_p95_s))
    texts = [format_duration(timedelta(seconds=each)) for each in (median, slow)]
    return f"{{median: {texts[0]}, p95: {texts[1]}}}    # of {boots.count}"


def _vcpus(instance_type: str) -> int | None:
    """Return the vCPUs that a type's name says; None where it says none."""
    match = _SIZE.search(instance_type)
    if match is None:
        return None
    return 2 if match["large"] else _PER_XLARGE * int(match["times"] or 1)
