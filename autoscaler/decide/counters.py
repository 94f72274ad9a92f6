"""What HAProxy counted, as rates: from the totals of this reading and of the last, each process and line by itself.

Where the two cannot be compared there is no rate, never a zero and never a negative one: another process answers, a
total fell, the slot points elsewhere, there is no last reading, or it is too old.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from autoscaler.decide.view import View
from autoscaler.model.memory import Counted
from autoscaler.model.snapshot import COUNTERS, MEANS, Line, Traffic

LONGEST_SPAN = timedelta(minutes=5)
"""A rate over more than this says nothing of now."""

SETTLED = 1024
"""After so many requests a mean is of them alone: HAProxy's are over the last 1,024 at most (management guide)."""

_BASE = "requests before"
"""What a line remembers while it is new to its node: the requests that it had been given by then."""


class Reading:
    """One process's figures, held against what is remembered of it."""

    def __init__(self, balancer: str, traffic: Traffic, counters: Mapping[str, Counted]) -> None:
        """`counters` are those of the memory."""
        self._traffic = traffic
        self._before = counters.get(_process(balancer, traffic))
        self._span_s = (traffic.at - self._before.at).total_seconds() if self._before else 0.0
        if not 0 < self._span_s <= LONGEST_SPAN.total_seconds() or any(map(self._fell, traffic.lines)):
            self._span_s = 0.0

    def value(self, line: Line, figure: str) -> float | None:
        """Return a figure as the signals name it, counters by the second; None when it is not known."""
        if figure in COUNTERS:
            return self._rate(line, figure)
        if figure in MEANS and _base(line, self._before) is not None:
            return None  # a mean of what the slot's former node answered
        return line.figures.get(figure)

    def _rate(self, line: Line, figure: str) -> float | None:
        known = self._known(line).get(figure)
        if not self._span_s or known is None or figure not in line.figures:
            return None
        return (line.figures[figure] - known) / self._span_s

    def _fell(self, line: Line) -> bool:
        """Whether a total is smaller than it was, so that all of them began anew."""
        known = self._known(line)
        return any(line.figures[figure] < known[figure] for figure in COUNTERS if figure in line.figures.keys() & known)

    def _known(self, line: Line) -> Mapping[str, int]:
        return self._before.lines.get(_name(line), {}) if self._before else {}


def counted(view: View) -> Mapping[str, Counted]:
    """Return what is to be remembered of this reading. What a silent balancer told last is kept for a while."""
    memory = view.memory.counters
    found = {
        _process(proxy.balancer, traffic): traffic
        for proxy in view.snapshot.proxies
        for traffic in proxy.traffic
        if traffic.lines
    }
    heard = {_balancer(key) for key in found}
    kept = {
        key: before
        for key, before in memory.items()
        if _balancer(key) not in heard and view.now - before.at <= LONGEST_SPAN
    }
    told = {
        key: Counted(traffic.at, {_name(line): dict(_totals(line, memory.get(key))) for line in traffic.lines})
        for key, traffic in found.items()
    }
    return {**kept, **told}


def _totals(line: Line, before: Counted | None) -> Iterator[tuple[str, int]]:
    yield from ((figure, line.figures[figure]) for figure in COUNTERS if figure in line.figures)
    base = _base(line, before)
    if base is not None:
        yield _BASE, base


def _base(line: Line, before: Counted | None) -> int | None:
    """Return the requests that a line had when it was first seen at its address; None once that is long past.

    A process that was not known before says nothing of what its lines had been.
    """
    requests = line.figures.get("requests")
    if requests is None or before is None or not line.server:
        return None
    known = before.lines.get(_name(line))
    base = requests if known is None else known.get(_BASE)
    return base if base is not None and 0 <= requests - base < SETTLED else None


def _process(balancer: str, traffic: Traffic) -> str:
    return f"{balancer} {traffic.process}"


def _balancer(process: str) -> str:
    return process.partition(" ")[0]


def _name(line: Line) -> str:
    return f"{line.backend}/{line.server} {line.ip}:{line.port}"
