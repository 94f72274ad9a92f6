"""Who comes in which step of a simulation, from a trace's chunks of sessions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from autoscaler.simulate.crowd import Visit
from autoscaler.simulate.traffic.sessions import Sessions, Traffic


def by_step(traffic: Traffic, step_s: float, role: str) -> Iterator[tuple[int, list[Visit]]]:
    """Yield who arrives in each step that anybody arrives in; an edge has no publishers, an origin no viewers."""
    waiting: list[Visit] = []
    before = 0
    for chunk in traffic.chunks():
        for number, visits in _steps(chunk, step_s, role):
            if waiting and number != before:
                yield before, waiting
                waiting = []
            waiting += visits  # a step may lie in two chunks
            before = number
    if waiting:
        yield before, waiting


def _steps(chunk: Sessions, step_s: float, role: str) -> Iterator[tuple[int, list[Visit]]]:
    """Yield the visits of a chunk step by step. A session leaves in the step in which its time is over."""
    there = np.flatnonzero((role == "both") | (chunk.publisher == (role == "origin")))
    start_s = chunk.start_s[there]
    number = np.floor_divide(start_s, step_s).astype(np.int64)
    last = np.floor_divide(start_s + chunk.duration_s[there], step_s).astype(np.int64) + 1
    visits = list(map(Visit, chunk.publisher[there].tolist(), last.tolist(), chunk.stream[there].tolist()))
    for begin, end in pairwise([*np.flatnonzero(np.diff(number, prepend=-1)).tolist(), len(visits)]):
        yield int(number[begin]), visits[begin:end]
