"""The media servers of a World, asked for their own loads, and heard when they refuse somebody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from autoscaler.model.errors import ObservationError
from autoscaler.model.media import Refusals, Resources
from autoscaler.simulate.world import World

_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True)
class SimulatedResources:
    """Each node's own answer."""

    world: World

    def read(self, ips: Sequence[str]) -> Mapping[str, Resources | ObservationError]:
        """Return what each node tells; one that does not answer at all, or tells nothing, has no answer."""
        told = {node.instance.ip: node.resources for node in self.world.nodes.values() if node.answers}
        silent = ObservationError("ams", "did not answer in 1 s")
        answers = {ip: told.get(ip) for ip in ips}
        return {ip: replace(answer, at=self.world.now) if answer else silent for ip, answer in answers.items()}


@dataclass(frozen=True)
class SimulatedRefusals:
    """What nodes refused while the world's daemon listened."""

    world: World

    def last_minute(self) -> Refusals:
        """Count what was told within the last minute."""
        since = self.world.listening_since
        heard = Counter(ip for at, ip in self.world.refusals if self.world.now - at <= _WINDOW)
        return Refusals(heard, whole=since is not None and self.world.now - since >= _WINDOW)
