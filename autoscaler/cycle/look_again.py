"""The second look before a node is stopped or terminated, as fresh as it gets.

Karpenter re-validates a removal the same way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from autoscaler.model.errors import ObservationError
from autoscaler.model.plan import Ending, Result, Skipped
from autoscaler.model.snapshot import Server, ServerStatus
from autoscaler.ports import Senses


def look_again(senses: Senses, batch: Sequence[Ending]) -> Mapping[str, Result]:
    """Return, by ip, why a node must not be ended after all. What cannot be seen is not ended.

    Looked at is every backend, also those that the policy does not name, or names no more.
    """
    try:
        publishers = senses.loads.streams(senses.clock.now()).publishers
        servers = _servers(senses)
    except ObservationError as error:
        return {action.ip: Skipped(f"no_second_look:{error.source}") for action in batch}
    found: dict[str, Result] = {}
    for action in batch:
        if publishers.get(action.ip):
            found[action.ip] = Skipped("publisher_live")
        elif any(server.sessions or server.queued for server in servers[action.ip]):
            found[action.ip] = Skipped("sessions_live")
        elif _sent_to_elsewhere(action, servers[action.ip]):
            found[action.ip] = Skipped("served_elsewhere")
    return found


def _servers(senses: Senses) -> defaultdict[str, list[Server]]:
    found: defaultdict[str, list[Server]] = defaultdict(list)
    for stats in senses.proxies:
        for server in stats.read(None).servers:
            found[server.ip].append(server)
    return found


def _sent_to_elsewhere(action: Ending, servers: Sequence[Server]) -> bool:
    """Whether a backend of which we have drained nothing goes on sending to the node."""
    ours = {place.backend for place in action.endpoints}
    return any(server.status is ServerStatus.UP and server.backend not in ours for server in servers)
