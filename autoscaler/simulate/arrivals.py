"""Who comes in which step of a simulation, from a trace's chunks of sessions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from autoscaler.simulate.crowd import Coming
from autoscaler.simulate.traffic.sessions import Sessions, Traffic


def by_step(traffic: Traffic, step_s: float, role: str) -> Iterator[tuple[int, Coming]]:
    """Yield who arrives in each step that anybody arrives in; an edge has no publishers, an origin no viewers."""
    waiting = Coming()
    before = 0
    for chunk in traffic.chunks():
        for number, coming in _steps(chunk, step_s, role):
            if waiting and number != before:
                yield before, waiting
                waiting = Coming()
            waiting += coming  # a step may lie in two chunks
            before = number
    if waiting:
        yield before, waiting


def _steps(chunk: Sessions, step_s: float, role: str) -> Iterator[tuple[int, Coming]]:
    """Yield a chunk's people step by step: all who come within a step are there from its begin.

    A session that ends within a step is not there any more in that one, so at the begins of the steps as many are there
    as the trace says, on average. Whoever comes and goes within a step is there for it.
    """
    there = np.flatnonzero((role == "both") | (chunk.publisher == (role == "origin")))
    start_s = chunk.start_s[there]
    number = np.floor_divide(start_s, step_s).astype(np.int64)
    ends = np.floor_divide(start_s + chunk.duration_s[there], step_s).astype(np.int64)
    last_step = np.maximum(ends, number + 1).tolist()
    publisher, stream = chunk.publisher[there].tolist(), chunk.stream[there].tolist()
    begins = np.flatnonzero(np.diff(number, prepend=-1))
    for step, (begin, end) in zip(number[begins].tolist(), pairwise([*begins.tolist(), len(there)]), strict=True):
        yield step, Coming(publisher[begin:end], last_step[begin:end], stream[begin:end])
