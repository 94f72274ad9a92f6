"""Faults on demand: scripted ones, and the throttle of a token bucket per action."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moto_fixtures.wire import Call


@dataclass
class Fault:
    """What goes wrong, and how often (`times`; -1 for ever).

    `action` and the values of `match`, which are compared with the call's parameters, are shell patterns. Exactly one
    is given of `code` (an error with `status` and `message`), `hang` (seconds until an answer, fewer when the faults
    are cleared) and `drop` (the connection closes). `after`: EC2 carries the call out first, and only its answer is
    lost.
    """

    action: str = "*"
    match: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    status: int = 500
    code: str = ""
    message: str = "scripted by the test"
    hang: float = 0.0
    drop: bool = False
    after: bool = False

    def __post_init__(self) -> None:
        """Refuse a fault that says nothing or two things."""
        if bool(self.code) + bool(self.hang) + self.drop != 1:
            raise ValueError("a fault needs exactly one of code, hang and drop")

    def fits(self, call: Call) -> bool:
        """Whether the call is one of those that go wrong."""
        return fnmatchcase(call.action, self.action) and all(
            fnmatchcase(call.get(name), pattern) for name, pattern in self.match.items()
        )


class Script:
    """The faults still to come, in order. `cleared` is set when those of now are; then there is a new one."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self.cleared = threading.Event()
        self.faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Append a fault."""
        with self._lock:
            self.faults.append(fault)

    def clear(self) -> None:
        """Forget every fault; what hangs goes on."""
        with self._lock:
            self.faults.clear()
            self.cleared.set()
            self.cleared = threading.Event()

    def take(self, call: Call) -> Fault | None:
        """Return the first fault that fits and count it."""
        with self._lock:
            fault = next((fault for fault in self.faults if fault.fits(call)), None)
            if fault is not None:
                fault.times -= 1
                if fault.times == 0:
                    self.faults.remove(fault)
            return fault


class Bucket:
    """A token bucket: `burst` calls at once, `rate` calls a second after that."""

    def __init__(self, rate: float, burst: float) -> None:
        """Begin full."""
        self.rate, self.burst = rate, burst
        self._lock = threading.Lock()
        self._tokens, self._at = burst, time.monotonic()

    def take(self) -> bool:
        """Take a token if there is one."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True
