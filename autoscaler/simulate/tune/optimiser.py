"""Who proposes the next policies to try: what a search asks of an optimiser, and one that simply tries everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from autoscaler.simulate.tune.space import Point, Space


class Optimiser(Protocol):
    """Proposes points, and hears what came of them."""

    def know(self, values: Sequence[float], shortfall: float) -> None:
        """Hear of the policy as it is, before all else."""

    def ask(self) -> tuple[int, Point] | None:
        """Return a ticket and a point, perhaps one that was tried before; or None: there are no more."""

    def tell(self, ticket: int, values: Sequence[float] | None, shortfall: float) -> None:
        """Hear of a ticket's point: its objectives, None if it is no policy, and how far it is from the limits."""


class Everything:
    """Proposes every point of a space that is small enough, in its order."""

    def __init__(self, space: Space) -> None:
        """Begin at the first."""
        self._points: Iterator[tuple[int, Point]] = enumerate(space.points())

    def know(self, values: Sequence[float], shortfall: float) -> None:
        """Need to know nothing."""

    def ask(self) -> tuple[int, Point] | None:
        """Return the next."""
        return next(self._points, None)

    def tell(self, ticket: int, values: Sequence[float] | None, shortfall: float) -> None:
        """Need to know nothing."""
