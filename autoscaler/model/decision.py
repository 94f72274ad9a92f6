"""How many nodes, and every reason why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from autoscaler.model.quick import quick


class Phase(StrEnum):
    """Where a node is in its life; `decide.classify` says how each is told from the facts.

    FILLING: it runs, or starts, for the warm pool alone: once it joined the cluster it is stopped. It is no capacity.
    """

    STOPPED = "stopped"
    PENDING = "pending"
    BOOTING = "booting"
    FILLING = "filling"
    JOINED = "joined"
    IN_SERVICE = "in_service"
    DRAINING = "draining"
    DRAINED = "drained"
    TERMINATING = "terminating"
    LOST = "lost"
    FAILED_TO_JOIN = "failed_to_join"


WARMING = frozenset({Phase.PENDING, Phase.BOOTING, Phase.JOINED})
"""Capacity on its way: counted as present when adding."""

LEAVING = frozenset({Phase.DRAINING, Phase.DRAINED})
"""Capacity on its way out: its load still counts when removing."""


class Direction(StrEnum):
    """Which way a verdict or decision points. ABSTAIN is a rule's: it has no opinion, and vetoes nothing."""

    OUT = "out"
    HOLD = "hold"
    IN = "in"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a number changed, or why something was refused. `code` is stable and documented; `detail` is for people."""

    code: str
    detail: str
    before: int
    after: int


@quick
@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule wants. `value` is the load it measured, `target` what that is held against, in the rule's unit.

    `needed` is how many nodes of the policy's first type the load needs by itself, and None where a rule does not say.
    """

    rule: str
    direction: Direction
    desired: int
    detail: str
    value: float | None = None
    target: float | None = None
    missing: tuple[str, ...] = ()
    needed: int | None = None
    group: str = ""


@quick
@dataclass(frozen=True, slots=True)
class Proposal:
    """A decision in the making: each step of the pipeline returns it unchanged, or changed with exactly one reason."""

    current: int
    desired: int
    reasons: tuple[Reason, ...] = ()

    def to(self, desired: int, code: str, detail: str) -> Proposal:
        """Change `desired` and say why; no change, no reason."""
        if desired == self.desired:
            return self
        reason = Reason(code, detail, before=self.desired, after=desired)
        return Proposal(self.current, desired, (*self.reasons, reason))


@quick
@dataclass(frozen=True)
class Decision:
    """The outcome of one cycle for one group.

    `current` counts nodes in service and on their way, `unseen` of them launched but not listed by EC2 yet; nodes that
    are leaving are in neither number.
    """

    group: str
    at: datetime
    current: int
    desired: int
    reasons: tuple[Reason, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    phases: Mapping[str, Phase] = field(default_factory=dict)
    unseen: int = 0

    @cached_property
    def apart(self) -> tuple[str, ...]:
        """The nodes that are not in service, in their order."""
        return tuple(key for key, phase in self.phases.items() if phase is not Phase.IN_SERVICE)

    @property
    def by_heads(self) -> bool:
        """Whether nodes leave for their number alone, and nothing was said of what those that stay can carry."""
        lowered = {reason.code for reason in self.reasons if reason.after < reason.before}
        return self.direction is Direction.IN and bool(lowered & {"step", "above_max"})

    def those(self, phases: Collection[Phase]) -> list[str]:
        """Return the nodes that are in one of these phases, none of them in service, in their order."""
        return [key for key in self.apart if self.phases[key] in phases]

    @property
    def direction(self) -> Direction:
        """OUT, HOLD or IN, from the two numbers."""
        if self.desired == self.current:
            return Direction.HOLD
        return Direction.OUT if self.desired > self.current else Direction.IN
