"""What just happened, in short lines: to the nodes, as an onlooker sees it, and in the daemon's own log."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autoscaler.demo.watch import Shown

if TYPE_CHECKING:
    from pathlib import Path

    from autoscaler.demo.region import Region
    from autoscaler.demo.watch import Watch


@dataclass(slots=True)
class News:
    """Compares each look with the one before, and reads on in the daemon's log where it stopped."""

    region: Region
    watch: Watch
    log: Path
    _shown: dict[str, Shown] = field(default_factory=dict)
    _troubles: int = 0
    _violations: int = 0
    _read: int = 0

    @property
    def trouble(self) -> str:
        """The last thing that went wrong in the region, or the daemon's last words."""
        if self.region.troubles:
            return self.region.troubles[-1]
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "the daemon says nothing"

    def fresh(self) -> list[str]:
        """Return what is new since the last call."""
        wrong = [*self.region.troubles[self._troubles :], *self.watch.violations[self._violations :]]
        self._troubles, self._violations = len(self.region.troubles), len(self.watch.violations)
        return [*self._decisions(), *self._changes(), *wrong]

    def _changes(self) -> list[str]:
        lines = []
        for host in self.region.hosts.values():
            now = self.watch.shown(host)
            if self._shown.get(host.instance_id) is not now:
                self._shown[host.instance_id] = now
                lines.append(f"{host.instance_id} {host.ip} is {now}")
        return lines

    def _decisions(self) -> list[str]:
        with self.log.open(errors="replace") as log:
            log.seek(self._read)
            text = log.read()
        complete = text[: text.rfind("\n") + 1]
        self._read += len(complete.encode())
        return [line for raw in complete.splitlines() if (line := _decision(raw))]


def _decision(raw: str) -> str:
    """Tell what a line of the daemon's log decides or does; nothing when it changes nothing."""
    try:
        event = json.loads(raw)
    except ValueError:
        return ""
    if event.get("event") == "cycle" and event.get("direction") != "hold":
        why = ", ".join(event.get("reasons", ()))
        return f"decision: {event.get('current')} -> {event.get('desired')} nodes ({why})"
    if event.get("event") == "outcome" and event.get("result") == "failed":
        return f"{event.get('action')} {event.get('subject')} failed: {event.get('code')} {event.get('detail')}"
    return ""
