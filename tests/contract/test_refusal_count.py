"""What every RefusalCount does: the window that the web hook fills, and the simulated one."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread
from typing import Protocol

import pytest

from autoscaler.adapters.refusals import RefusalWindow
from autoscaler.model.media import Refusals
from autoscaler.ports import RefusalCount
from autoscaler.simulate.media import SimulatedRefusals
from autoscaler.simulate.world import World
from tests.support.fleet import BACKEND
from tests.support.living import FULL, Living


class Rig(Protocol):
    count: RefusalCount

    def listen(self) -> None: ...

    def refuse(self, ip: str) -> None: ...

    def advance(self, seconds: float) -> None: ...


class SimulatedRig:
    def __init__(self) -> None:
        self._world = World()
        self.count: RefusalCount = SimulatedRefusals(self._world)

    def listen(self) -> None:
        self._world.listening_since = self._world.now

    def refuse(self, ip: str) -> None:
        self._world.refusals.append((self._world.now, ip))

    def advance(self, seconds: float) -> None:
        self._world.advance(timedelta(seconds=seconds))


class LivingRig:
    """Full nodes that refuse whoever comes."""

    def __init__(self) -> None:
        self._living = Living(World())
        self._world = self._living.world
        self.count: RefusalCount = SimulatedRefusals(self._world)

    def listen(self) -> None:
        self._world.listening_since = self._world.now

    def refuse(self, ip: str) -> None:
        if ip not in {node.instance.ip for node in self._world.nodes.values()}:
            now = self._world.now
            node = self._living.node(FULL, ip)
            self._world.now = now
            self._world.serve(node, BACKEND, ip)
        assert self._living.come(lasts=60, cookie=ip) == ""
        self._world.advance(timedelta(seconds=-1))

    def advance(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self._living.live()


class WindowRig:
    def __init__(self) -> None:
        self.now = 1000.0
        self.window = RefusalWindow(lambda: self.now)
        self.count: RefusalCount = self.window

    def listen(self) -> None:
        self.window.open()

    def refuse(self, ip: str) -> None:
        assert self.window.add(ip)

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(params=[WindowRig, SimulatedRig, LivingRig], ids=["window", "simulated", "living"])
def rig(request: pytest.FixtureRequest) -> Rig:
    made: Rig = request.param()
    return made


@pytest.fixture
def window() -> WindowRig:
    made = WindowRig()
    made.listen()
    return made


def test_before_anybody_listens_nothing_is_known(rig: Rig) -> None:
    rig.advance(120)
    assert rig.count.last_minute() == Refusals({}, whole=False)


def test_a_minute_has_to_be_listened_to_before_nothing_means_none(rig: Rig) -> None:
    rig.listen()
    rig.advance(59)
    assert not rig.count.last_minute().whole
    rig.advance(1)
    assert rig.count.last_minute() == Refusals({}, whole=True)


def test_refusals_count_by_node(rig: Rig) -> None:
    rig.listen()
    for ip in ("10.0.0.1", "10.0.0.2", "10.0.0.1"):
        rig.refuse(ip)
        rig.advance(1)
    assert rig.count.last_minute() == Refusals({"10.0.0.1": 2, "10.0.0.2": 1}, whole=False)


def test_a_refusal_counts_for_a_minute(rig: Rig) -> None:
    rig.listen()
    rig.refuse("10.0.0.1")
    rig.advance(30)
    rig.refuse("10.0.0.1")
    rig.advance(29)
    assert rig.count.last_minute().by_ip == {"10.0.0.1": 2}
    rig.advance(5)
    assert rig.count.last_minute().by_ip == {"10.0.0.1": 1}
    rig.advance(60)
    assert rig.count.last_minute().by_ip == {}


# What follows is the window's own: nobody tells the simulated world what cannot be.


def test_many_in_one_second_are_one_number(window: WindowRig) -> None:
    for _ in range(1000):
        window.refuse("10.0.0.1")
    assert window.count.last_minute().by_ip == {"10.0.0.1": 1000}
    assert [len(seconds) for seconds in window.window._by_ip.values()] == [1]


def test_a_node_that_refuses_for_hours_has_no_more_than_a_minute_of_numbers(window: WindowRig) -> None:
    for _ in range(600):
        window.refuse("10.0.0.1")
        window.advance(1)
    assert [len(seconds) for seconds in window.window._by_ip.values()] == [62]
    assert window.count.last_minute().by_ip["10.0.0.1"] in {60, 61}


@pytest.mark.parametrize("host", ["", "node-7.internal", "10.0.0", "10.0.0.1:5080", "None", "x" * 10_000])
def test_what_is_no_address_is_refused(window: WindowRig, host: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        window.window.add(host)
    assert window.count.last_minute().by_ip == {}


def test_an_address_has_one_spelling(window: WindowRig) -> None:
    window.refuse("FD00::1")
    window.refuse("fd00:0:0::1")
    assert window.count.last_minute().by_ip == {"fd00::1": 2}


def fill(window: WindowRig, most: int = 4096) -> None:
    for number in range(most):
        window.refuse(f"10.9.{number // 256}.{number % 256}")


def test_hosts_beyond_the_most_are_not_counted_and_the_count_says_so(window: WindowRig) -> None:
    window.advance(60)
    fill(window)
    assert window.count.last_minute().whole
    assert not window.window.add("10.0.0.1")
    window.refuse("10.9.0.0")
    told = window.count.last_minute()
    assert (len(told.by_ip), told.whole, told.by_ip["10.9.0.0"]) == (4096, False, 2)
    window.advance(62)
    assert window.count.last_minute() == Refusals({}, whole=True)


def test_hosts_that_are_over_make_room(window: WindowRig) -> None:
    fill(window)
    window.advance(62)
    window.refuse("10.0.0.1")
    assert window.count.last_minute() == Refusals({"10.0.0.1": 1}, whole=True)


def test_a_loss_before_anybody_listens_makes_nothing_whole(window: WindowRig) -> None:
    window.window.close()
    fill(window)
    assert not window.window.add("10.0.0.1")
    window.advance(120)
    assert not window.count.last_minute().whole


def test_when_nobody_listens_any_more_nothing_is_whole(window: WindowRig) -> None:
    window.advance(100)
    assert window.count.last_minute().whole
    window.window.close()
    assert not window.count.last_minute().whole


def test_it_is_told_and_read_by_different_threads(window: WindowRig) -> None:
    def tell() -> None:
        for _ in range(2000):
            window.refuse("10.0.0.1")

    tellers = [Thread(target=tell) for _ in range(4)]
    for teller in tellers:
        teller.start()
    while any(teller.is_alive() for teller in tellers):
        window.count.last_minute()
    assert window.count.last_minute().by_ip == {"10.0.0.1": 8000}
