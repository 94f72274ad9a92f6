"""Which servers point where: the same object for as long as the lines differ in their sessions alone."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from autoscaler.model.layout import Layout, layout_of, places_up
from autoscaler.model.recent import KEPT
from autoscaler.model.snapshot import Server, ServerStatus
from tests.support.facts import BACKENDS, BALANCERS, line

HTTP, RTMP = BACKENDS
LB1, LB2 = BALANCERS


def lines(*servers: Server) -> tuple[Server, ...]:
    """These and one more, so that no other test has the like of them."""
    return (*servers, line(99, name="the-layouts-own"))


def test_it_finds_the_lines_of_an_ip_in_their_order() -> None:
    layout = Layout(lines(line(1), line(2), line(1, backend=RTMP)))
    assert (layout.of["10.0.0.1"], layout.of["10.0.0.2"]) == ((0, 2), (1,))
    assert "10.0.0.3" not in layout.of


@pytest.mark.parametrize(
    ("servers", "up"),
    [
        ([line(1)], 1),
        ([line(1), line(1, backend=RTMP)], 2),
        ([line(1), line(1, balancer=LB2)], 2),
        ([line(1), line(1, name="4242/slot1")], 1),  # an older worker's row of the same place
        ([line(1, ServerStatus.MAINT), line(1, name="4242/slot1")], 1),
        *(([line(1, status)], 0) for status in ServerStatus if status is not ServerStatus.UP),
    ],
)
def test_it_counts_the_places_that_send_new_sessions(servers: list[Server], up: int) -> None:
    assert Layout(lines(*servers)).up == {"10.0.0.1": up, "10.0.0.99": 1}
    assert places_up(servers) == up


def test_who_is_up_in_each_line_is_told_from_who_is_in_some() -> None:
    servers = [line(1), line(1, backend=RTMP), line(2), line(2, ServerStatus.DRAIN, backend=RTMP)]
    assert Layout(lines(*servers)).all_up == {"10.0.0.1", "10.0.0.99"}


@pytest.mark.parametrize("changes", [{}, {"sessions": 7}, {"queued": 7}])
def test_the_same_layout_is_the_same_object_whatever_the_sessions(changes: dict[str, Any]) -> None:
    servers = lines(line(1), line(2))
    layout = layout_of(servers)
    assert layout_of(servers) is layout
    others = tuple(replace(server, **changes) for server in deepcopy(servers))
    assert layout_of(others) is layout
    assert layout.lines is others  # so that next time only what is new has to be compared


@pytest.mark.parametrize(
    "changes",
    [
        {"status": ServerStatus.DRAIN},
        {"ip": "10.0.0.7"},
        {"name": "4242/slot2"},
        {"port": 1},
        {"backend": RTMP},
        {"balancer": LB2},
    ],
)
def test_any_other_change_is_another_layout_and_the_way_back_the_first_one(changes: dict[str, Any]) -> None:
    before = lines(line(1), line(2))
    changed = lines(line(1), line(2, **changes))
    layout, other = layout_of(before), layout_of(changed)
    assert other is not layout
    assert (other.of, other.up, other.all_up) == (Layout(changed).of, Layout(changed).up, Layout(changed).all_up)
    assert layout_of(before) is layout
    assert (layout.of, layout.up, layout.all_up) == (Layout(before).of, Layout(before).up, Layout(before).all_up)


def test_one_line_more_or_less_or_elsewhere_is_another_layout() -> None:
    servers = lines(line(1), line(2))
    found = [layout_of(each) for each in (servers, servers[:-1], (*servers, line(3)), servers[::-1])]
    assert len({id(layout) for layout in found}) == 4


def test_what_was_worked_out_before_the_sessions_changed_holds_after_it() -> None:
    servers = lines(line(1), line(2, ServerStatus.DOWN), line(1, backend=RTMP))
    layout = layout_of(servers)
    before = dict(layout.of)
    busier = tuple(replace(server, sessions=5) for server in servers)
    assert layout_of(busier) is layout
    fresh = Layout(busier)
    assert (before, layout.up, layout.all_up) == (fresh.of, fresh.up, fresh.all_up)


def test_the_oldest_layout_is_forgotten() -> None:
    groups = [lines(*[line(number) for number in range(size)]) for size in range(KEPT + 1)]
    first = layout_of(groups[0])
    assert all(layout_of(group) is not first for group in groups[1:])
    assert layout_of(groups[0]) is not first
