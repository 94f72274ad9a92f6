"""Backends that a policy names no more, on a real HAProxy: the reload is refused, and nobody is cut without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from autoscaler.adapters.haproxy_control import HaproxyControl
from autoscaler.adapters.haproxy_stats import SocketStats
from autoscaler.cycle.look_again import look_again
from autoscaler.model.plan import Deregister, Done, Drain, Endpoint, Register, Result, Skipped, Terminate
from autoscaler.policy.schema import Policy
from autoscaler.ports import Senses
from autoscaler.runtime.handover import left_behind
from tests.support.fleet import policy
from tests.support.haproxy import Setup, until
from tests.support.stage import Stage

IP = "127.20.5.1"
RTMP, HTTP = "backend_rtmp", "backend_http"


@pytest.fixture
def setup() -> Iterator[Setup]:
    """One node, in service in both backends."""
    made = Setup("tcp")
    made.node(IP)
    register = Register(token="t", why="joined", instance_id="i", ip=IP, slot="slot1", endpoints=made.endpoints)
    assert control(made).admit([register]) == [Done()]
    yield made
    made.close()


@pytest.fixture
def senses(setup: Setup) -> Senses:
    """The real balancer, and a made-up fleet of that node."""
    stage = Stage()
    node = stage.world.add_node()
    node.instance = replace(node.instance, ip=IP)
    stats = SocketStats("lb1", setup.haproxy.socket(), setup.haproxy.master)
    return replace(stage.senses, proxies=(stats,))


def control(setup: Setup) -> HaproxyControl:
    return HaproxyControl({"lb1": setup.haproxy.socket()}, timedelta(seconds=5))


def naming(*places: Endpoint) -> Policy:
    return policy(load_balancer=[{"backend": place.backend, "port": place.port} for place in places])


def only_http(setup: Setup) -> tuple[Endpoint, ...]:
    return tuple(place for place in setup.endpoints if place.backend == HTTP)


def second_look(senses: Senses, setup: Setup) -> Result | None:
    """What keeps the node, drained in the one backend that the policy still names, from being ended."""
    action = Terminate(token="t", why="drained", instance_id="i", ip=IP, endpoints=only_http(setup))
    return look_again(senses, [action]).get(IP)


def leave_http(setup: Setup) -> None:
    about = {"token": "t", "why": "w", "instance_id": "i", "ip": IP}
    assert control(setup).drain([Drain(**about, endpoints=only_http(setup))]) == [Done()]
    assert control(setup).park([Deregister(**about, endpoints=only_http(setup))]) == [Done()]


def without_rtmp(setup: Setup) -> str:
    """The configuration without the backend that the policy gave up."""
    text = setup.sections().replace(f"default_backend {RTMP}", f"default_backend {HTTP}")
    head, _, rest = text.partition(f"backend {RTMP}\n")
    return head + "backend " + rest.partition("\nbackend ")[2]


def test_a_backend_is_given_up_only_when_it_is_gone(setup: Setup, senses: Senses) -> None:
    before, after = [naming(*setup.endpoints)], [naming(*only_http(setup))]
    [error] = left_behind(before, after, senses)
    assert f"backend-in-use lb1: servers of {RTMP} still point at nodes of 'edge': slot1 (" in str(error)
    assert left_behind(before, before, senses) == []
    setup.haproxy.configure(without_rtmp(setup))
    setup.haproxy.reload()
    assert left_behind(before, after, senses) == []


def test_nobody_is_cut_in_a_backend_that_the_policy_does_not_name(setup: Setup, senses: Senses) -> None:
    stream = setup.session()
    leave_http(setup)
    assert second_look(senses, setup) == Skipped("sessions_live")
    assert stream.say("on air") == f"{IP} on air"
    stream.close()
    until(lambda: second_look(senses, setup) == Skipped("served_elsewhere"), "its session is still counted")
    setup.haproxy.socket().tell([f"set server {RTMP}/slot1 state maint"])
    until(lambda: second_look(senses, setup) is None, "it is still sent to")


def test_nobody_is_cut_in_a_backend_that_only_an_old_worker_has(setup: Setup, senses: Senses) -> None:
    stream = setup.session()
    leave_http(setup)
    setup.haproxy.configure(without_rtmp(setup))
    setup.haproxy.reload()
    assert second_look(senses, setup) == Skipped("sessions_live")
    assert stream.say("on air") == f"{IP} on air"
    stream.close()
    until(lambda: second_look(senses, setup) is None, "an old worker's ended session counts")
