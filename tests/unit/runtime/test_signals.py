from __future__ import annotations

import os
import signal

import pytest

from autoscaler.runtime.signals import Signals, caught


@pytest.mark.parametrize(
    ("number", "asked"),
    [(signal.SIGTERM, (True, False)), (signal.SIGINT, (True, False)), (signal.SIGHUP, (False, True))],
)
def test_a_signal_asks_for_one_thing(number: signal.Signals, asked: tuple[bool, bool]) -> None:
    with caught() as signals:
        os.kill(os.getpid(), number)
        assert (signals.stop.is_set(), signals.reload.is_set()) == asked


def test_nothing_is_asked_at_first_and_everything_is_as_before_afterwards() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    with caught() as signals:
        assert not signals.stop.is_set()
        assert not signals.reload.is_set()
        assert signal.getsignal(signal.SIGHUP) is not before[signal.SIGHUP]
    assert {number: signal.getsignal(number) for number in before} == before


def test_two_are_not_one() -> None:
    first, second = Signals(), Signals()
    first.stop.set()
    assert not second.stop.is_set()
