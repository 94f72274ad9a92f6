"""The second look before a termination, as fresh as it gets (Karpenter re-validates a removal the same way)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from autoscaler.model.errors import ObservationError
from autoscaler.model.plan import Result, Skipped, Terminate
from autoscaler.ports import Senses


def look_again(senses: Senses, batch: Sequence[Terminate]) -> Mapping[str, Result]:
    """Return, by ip, why a node must not be ended after all. What cannot be seen is not ended."""
    try:
        publishers = senses.loads.streams(senses.clock.now()).publishers
        sessions = _sessions(senses, sorted({place.backend for action in batch for place in action.endpoints}))
    except ObservationError as error:
        return {action.ip: Skipped(f"no_second_look:{error.source}") for action in batch}
    found: dict[str, Result] = {}
    for action in batch:
        if publishers.get(action.ip):
            found[action.ip] = Skipped("publisher_live")
        elif sessions[action.ip]:
            found[action.ip] = Skipped("sessions_live")
    return found


def _sessions(senses: Senses, backends: Sequence[str]) -> Counter[str]:
    sessions: Counter[str] = Counter()
    for stats in senses.proxies:
        for server in stats.read(backends).servers:
            sessions[server.ip] += server.sessions + server.queued
    return sessions
