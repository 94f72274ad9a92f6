"""What was learnt of nodes, and what there is to know about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

WHO = ("viewers", "publishers")


class Limits(NamedTuple):
    """From where on AMS refuses, in percent."""

    cpu: float = 75.0
    memory: float = 75.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know about what was learnt. `blocks`: no capacity follows. `who`: it concerns these alone."""

    code: str
    message: str
    blocks: bool = False
    who: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """A value and the interval that holds the true one with 95 %. `high` is None where there is no upper end."""

    value: float
    low: float
    high: float | None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A measure as a line: percent of an idle node, and what each takes. `peak`: how far above it readings jump."""

    base: float
    per_viewer: float
    per_publisher: float
    peak: float


@dataclass(frozen=True, slots=True)
class Carried:
    """How many viewers, or publishers, a node carries.

    `alone`: with nobody else on it. `mixed`: together with the others, in the recording's mix, of whom there are
    `others` then. `safe`: the lower end of that, lower still by what CPU and memory jump above their lines. `by`: what
    is full first, `cpu` or `memory`.
    """

    alone: Range
    mixed: Range
    others: float
    safe: float
    by: str


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a recording says of one instance type. `seen` are the viewers and publishers of its busier minutes.

    `minutes` counts those of nodes at work, `outliers` how many of them were left out. `full`: the least viewers and
    publishers with which its nodes were at their limit, but for one in twenty minutes; None where they seldom were.
    """

    instance_type: str
    nodes: int
    blocks: int
    minutes: int
    outliers: int
    seen: tuple[float, float]
    full: tuple[float, float] | None = None
    cpu: Fitted | None = None
    memory: Fitted | None = None
    viewers: Carried | None = None
    publishers: Carried | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def blocked(self) -> bool:
        """Whether no capacity follows."""
        return self.viewers is None and self.publishers is None
