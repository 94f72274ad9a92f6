"""What the process was asked by signal. Caught from the first moment on: an early SIGHUP must not kill the daemon."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Signals:
    """`stop`: SIGTERM or SIGINT came. `reload`: SIGHUP came, and nobody has acted on it yet."""

    stop: threading.Event = field(default_factory=threading.Event)
    reload: threading.Event = field(default_factory=threading.Event)


@contextmanager
def caught() -> Iterator[Signals]:
    """Catch SIGTERM, SIGINT and SIGHUP while inside. Only the main thread may."""
    signals = Signals()
    events = {signal.SIGTERM: signals.stop, signal.SIGINT: signals.stop, signal.SIGHUP: signals.reload}
    before = {number: signal.signal(number, lambda got, _: events[signal.Signals(got)].set()) for number in events}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
