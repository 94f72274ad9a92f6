"""Who refused how much within the last minute, counted as it is told."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address
from threading import Lock

from autoscaler.model.media import Refusals

_WINDOW_S = 60.0
_MOST_HOSTS = 4096


class RefusalWindow:
    """Implements `ports.RefusalCount`: told by one thread, read by another.

    Bounded whatever is told: a host must be an address, there are 4096 of them at most, and each has one number a
    second. What does not fit is not counted, and then the count is not whole for a minute.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Count nothing yet, and listen to nobody. `clock` is in seconds, of any beginning."""
        self._clock = clock
        self._lock = Lock()
        self._by_ip: dict[str, deque[tuple[int, int]]] = {}
        self._whole_since: float | None = None

    def open(self) -> None:
        """Somebody listens from now on."""
        with self._lock:
            self._whole_since = self._clock()

    def close(self) -> None:
        """Nobody listens any more, so no count is whole."""
        with self._lock:
            self._whole_since = None

    def add(self, host: str) -> bool:
        """Count one refusal of this address; False when there is no room for it.

        Raises:
            ValueError: the host is no address. AMS tells the one in its heartbeat (`ServerSettings.java`).
        """
        ip = str(ip_address(host))
        with self._lock:
            now = self._clock()
            if ip not in self._by_ip and len(self._by_ip) >= _MOST_HOSTS:
                self._forget(now)
            if ip not in self._by_ip and len(self._by_ip) >= _MOST_HOSTS:
                self._whole_since = None if self._whole_since is None else now
                return False
            seconds = self._by_ip.setdefault(ip, deque())
            count = seconds.pop()[1] if seconds and seconds[-1][0] == int(now) else 0
            seconds.append((int(now), count + 1))
            _shorten(seconds, now)
            return True

    def last_minute(self) -> Refusals:
        """See `ports.RefusalCount.last_minute`. Whole after a minute of listening without a loss."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            whole = self._whole_since is not None and now - self._whole_since >= _WINDOW_S
            return Refusals({ip: sum(n for _, n in seconds) for ip, seconds in self._by_ip.items()}, whole)

    def _forget(self, now: float) -> None:
        for seconds in self._by_ip.values():
            _shorten(seconds, now)
        self._by_ip = {ip: seconds for ip, seconds in self._by_ip.items() if seconds}


def _shorten(seconds: deque[tuple[int, int]], now: float) -> None:
    """Drop what is over: a second counts until all of it is a minute old."""
    while seconds and now - seconds[0][0] > _WINDOW_S + 1:
        seconds.popleft()
