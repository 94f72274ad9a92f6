"""What is drawn, panel by panel, ready for the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autoscaler.report.counts import counted
from autoscaler.report.moments import Moments
from autoscaler.report.scales import Mark, in_words, value_marks
from autoscaler.report.shapes import area, bars, stems, steps


@dataclass(frozen=True, slots=True)
class Series:
    """One shape. `key` is its colour, `kind` (area, line, dashed, bars) how it is drawn."""

    key: str
    kind: str
    label: str
    path: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot with its words. `right` are the labels of a second scale; `turns` whether decisions are marked above."""

    key: str
    title: str
    note: str
    told: str
    unit: str
    series: Sequence[Series] = ()
    left: Sequence[Mark] = ()
    right: Sequence[Mark] = ()
    turns: bool = False
    rows: int = 0


def panels(moments: Moments) -> list[Panel]:
    """Draw all panels; who never came has none."""
    return [*_crowds(moments), _nodes(moments), _drains(moments), _rejected(moments)]


def _crowds(moments: Moments) -> Iterator[Panel]:
    serving = moments.values("serving")
    top_nodes, right = value_marks(max(serving, default=0))
    line = Series("serving", "line", "nodes in service (right)", steps(moments.edges, serving, top_nodes))
    names = [name for name in ("viewers", "publishers") if any(moments.values(name))] or ["viewers"]
    for name in names:
        people = moments.values(name)
        top, left = value_marks(max(people, default=0))
        yield Panel(
            key=name,
            title=f"Load against capacity: {name}",
            note=f"{name.capitalize()} on the left scale, the nodes that take them on the right one. Both begin at 0.",
            told=f"{name.capitalize()}: at most {max(people, default=0):,}. Nodes in service: {_range(serving)}.",
            unit=name,
            series=[Series(name, "area", f"{name} (left)", area(moments.edges, people, top)), line],
            left=left,
            right=right,
        )


def _nodes(moments: Moments) -> Panel:
    serving, draining, coming = (moments.values(name) for name in ("serving", "draining", "coming"))
    desired = moments.values("desired")
    leaving = [sum(pair) for pair in zip(serving, draining, strict=True)]
    everything = [sum(pair) for pair in zip(leaving, coming, strict=True)]
    top, left = value_marks(max([*everything, *desired], default=0))
    edges = moments.edges
    stacked = [
        Series("coming", "area", "coming: launched, booting or joining", area(edges, everything, top)),
        Series("draining", "area", "draining: takes nobody new", area(edges, leaving, top)),
        Series("serving", "area", "in service", area(edges, serving, top)),
        Series("desired", "dashed", "desired by the policy", steps(edges, desired, top)),
    ]
    turns = len(moments.turns) + moments.left_out
    return Panel(
        key="nodes",
        title="Nodes by phase, and decisions",
        note=f"Stacked. Triangles above are decisions ({turns:,}): \u25b2 more nodes, \u25bc fewer. Point at one "
        "or tap it for its reasons; the table below has them all.",
        told=f"Nodes in service: {_range(serving)}. Draining: {_range(moments.most('draining'))}. "
        f"Coming: {_range(coming)}. Desired: {_range(desired)}.",
        unit="nodes",
        series=stacked,
        left=left,
        turns=True,
    )


def _drains(moments: Moments) -> Panel:
    draining = moments.most("draining")
    rows = max(draining, default=0)
    if not rows:
        return Panel("drains", "Drains", "", "No node was drained.", "nodes")
    often = "In one stretch" if moments.drains == 1 else f"In {moments.drains:,} stretches"
    longest = in_words(moments.longest_drain_s)
    told = f"{often} of time a node drained, at most {rows:,} at once; the longest took {longest}."
    least = f" No bar is shorter than {in_words(moments.each_s)}." if moments.merged > 1 else ""
    return Panel(
        key="drains",
        title="Drains",
        note=f"A bar for as long as a node drains, one more row for each that drains at the same time.{least} {told}",
        told=told,
        unit="nodes draining",
        series=[Series("draining", "bars", "draining", bars(moments.edges, draining, rows))],
        left=[Mark("0", 0), Mark(f"{rows:,}", 100)],
        rows=rows,
    )


def _rejected(moments: Moments) -> Panel:
    rejected, cut = moments.most("rejected"), moments.most("cut")
    if not any(rejected) and not any(cut):
        return Panel("rejected", "Rejected sessions", "", "No session was rejected, and none was cut.", "sessions")
    top, left = value_marks(max([*rejected, *cut]))
    drawn = [
        ("rejected", "rejected: for the first time", rejected),
        ("cut", "cut: its node was ended", cut),
    ]
    worst = f" A bar is the worst of the cycles within {in_words(moments.each_s)}." if moments.merged > 1 else ""
    refused = counted(sum(moments.values("rejected")), "session was", "sessions were")
    told = f"{refused} rejected and {counted(sum(moments.values('cut')), 'was', 'were')} cut."
    return Panel(
        key="rejected",
        title="Rejected sessions",
        note=f"Sessions in a cycle of {in_words(moments.step_s)}.{worst} {told}",
        told=told,
        unit="sessions",
        series=[
            Series(name, "bars", label, stems(moments.edges, counts, top))
            for name, label, counts in drawn
            if any(counts)
        ],
        left=left,
    )


def _range(values: Sequence[int]) -> str:
    low, high = min(values, default=0), max(values, default=0)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
