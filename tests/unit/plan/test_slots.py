from __future__ import annotations

from dataclasses import replace

import pytest

from autoscaler.model.snapshot import InstanceState, Node, Proxy, Server, ServerStatus
from autoscaler.plan.slots import SlotMap, map_slots, slot_name
from autoscaler.policy.schema import Policy
from tests.support.fleet import BACKEND, LONG_AGO, PORT, free_slot, node, policy, server, snapshot, view


def proxy(name: str, *servers: Server) -> Proxy:
    return Proxy(name, "2.6.12", 1, LONG_AGO, tuple(replace(s, balancer=name) for s in servers))


def test_slots_are_sorted_into_taken_free_and_gone() -> None:
    lines = (
        server(1),
        free_slot(10),
        free_slot(9),
        server(77, ServerStatus.DOWN),  # its instance is gone
        server(78, ServerStatus.UP),  # gone by our list, yet it serves: somebody is wrong, and it stays
        replace(server(79, ServerStatus.MAINT), name="ams1"),  # not ours
        replace(server(80, ServerStatus.MAINT), name="slotted"),  # nor this
    )
    found = map_slots(view(snapshot(node(1), proxies=(proxy("lb1", *lines),))))
    assert found.of == {"10.0.0.1": "slot1"}
    assert found.free == ("slot9", "slot10")
    assert found.gone == {"slot77": "10.0.0.77"}


def test_a_slot_is_free_only_where_it_is_free_in_every_place() -> None:
    rules = policy(load_balancer=[{"backend": BACKEND, "port": PORT}, {"backend": "backend_rtmp", "port": 1935}])
    rtmp = replace(free_slot(1), backend="backend_rtmp")
    balancers = (proxy("lb1", free_slot(1), rtmp, free_slot(2)), proxy("lb2", free_slot(1), rtmp, free_slot(2)))
    assert map_slots(view(snapshot(proxies=balancers), rules)).free == ("slot1",)


def test_a_node_half_in_a_slot_keeps_it() -> None:
    half = map_slots(view(snapshot(node(1), proxies=(proxy("lb1", server(1)), proxy("lb2", free_slot(1))))))
    assert (half.of, half.free, half.gone) == ({"10.0.0.1": "slot1"}, (), {})


def test_a_slot_that_serves_two_is_of_both_until_they_are_gone() -> None:
    apart = proxy("lb1", server(1)), proxy("lb2", replace(server(2), name="slot1"))
    both = map_slots(view(snapshot(node(1), node(2), proxies=apart)))
    assert (both.of, both.free, both.gone) == ({"10.0.0.1": "slot1", "10.0.0.2": "slot1"}, (), {})
    one = map_slots(view(snapshot(node(2), proxies=(proxy("lb1", server(1, ServerStatus.DOWN)), apart[1]))))
    assert (one.of, one.free, one.gone) == ({"10.0.0.2": "slot1"}, (), {"slot1": "10.0.0.1"})


def test_a_prefix_with_special_characters_is_taken_literally() -> None:
    odd = replace(free_slot(1), name="s.t1"), replace(free_slot(1), name="sxt1")
    assert map_slots(view(snapshot(proxies=(proxy("lb1", *odd),)), policy(slots="s.t"))).free == ("s.t1",)


def test_a_parked_address_that_is_not_in_maintenance_is_not_free() -> None:
    opened = replace(free_slot(1), status=ServerStatus.DOWN)
    found = map_slots(view(snapshot(proxies=(proxy("lb1", opened),))))
    assert (found.free, found.gone) == ((), {"slot1": "127.0.0.1"})


def test_they_are_sorted_once_for_as_long_as_only_sessions_change() -> None:
    looked = view(snapshot(node(1), proxies=(proxy("lb1", server(1), free_slot(2)),)))
    first = map_slots(looked)
    busier = proxy("lb1", server(1, sessions=9), free_slot(2))
    assert map_slots(replace(looked, snapshot=replace(looked.snapshot, proxies=(busier,)))) is first
    assert first == SlotMap({"10.0.0.1": "slot1"}, ("slot2",), {}, {})


DOWN, FREE = (proxy("lb1", server(1, ServerStatus.DOWN), free_slot(2)), proxy("lb1", server(1), free_slot(2)))
ASLEEP = node(1, state=InstanceState.STOPPED)


@pytest.mark.parametrize(
    ("nodes", "balancer", "rules", "expected"),
    [
        ((node(1),), FREE, policy(slots="other"), SlotMap({}, (), {}, {})),
        ((), FREE, policy(), SlotMap({}, ("slot2",), {}, {"slot1": "10.0.0.1"})),
        ((), DOWN, policy(), SlotMap({}, ("slot2",), {"slot1": "10.0.0.1"}, {})),
        ((ASLEEP,), DOWN, policy(), SlotMap({}, ("slot2",), {"slot1": "10.0.0.1"}, {})),
        ((ASLEEP,), FREE, policy(), SlotMap({}, ("slot2",), {}, {})),
        (
            (node(1),), FREE,
            policy(load_balancer=[{"backend": name, "port": PORT} for name in (BACKEND, "backend_rtmp")]),
            SlotMap({"10.0.0.1": "slot1"}, (), {}, {}),
        ),
    ],
)  # fmt: skip
def test_they_are_sorted_anew_when_what_they_follow_from_changes(
    nodes: tuple[Node, ...], balancer: Proxy, rules: Policy, expected: SlotMap
) -> None:
    shot = snapshot(node(1), proxies=(FREE,))
    before = map_slots(view(shot))
    assert map_slots(view(replace(shot, nodes=nodes, proxies=(balancer,)), rules)) == expected
    assert map_slots(view(shot)) == before == SlotMap({"10.0.0.1": "slot1"}, ("slot2",), {}, {})


def test_a_node_names_its_slot() -> None:
    assert slot_name(node(3)) == "slot3"
    assert slot_name(node(3, status=None)) == ""
    older = replace(server(3), name="worker-77/slot9", status=ServerStatus.MAINT)
    assert slot_name(node(3, servers=(older, server(3)))) == "slot3"
    assert slot_name(node(3, servers=(older,))) == ""
