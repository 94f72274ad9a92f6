"""Whether a backend's slots set a cookie, as a real HAProxy tells it before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from autoscaler.adapters.haproxy_control import HaproxyControl
from autoscaler.adapters.haproxy_rows import Cookies, parse_cookies
from tests.support.haproxy import Haproxy

SLOT = "server slot{} slot.invalid:1 disabled check init-addr last,127.0.0.1"
SECTIONS = f"""
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s

backend static
    cookie JSESSIONID prefix nocache
    {SLOT.format(1)} cookie slot1
    {SLOT.format(2)} cookie slot2
    server admin 127.0.0.1:1

backend dynamic
    cookie JSESSIONID prefix nocache dynamic
    dynamic-cookie-key secret
    {SLOT.format(1)}

backend forgotten
    cookie JSESSIONID prefix nocache
    {SLOT.format(1)} cookie slot1
    {SLOT.format(2)}

backend plain
    {SLOT.format(1)} cookie slot1
"""


@pytest.fixture(scope="module")
def haproxy() -> Iterator[Haproxy]:
    made = Haproxy(SECTIONS)
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("backend", "lines"),
    [
        ("static", []),
        ("dynamic", []),
        ("forgotten", ["lb1: backend forgotten: no cookie on slot2; add `cookie NAME` to the server line"]),
        (
            "plain",
            ["lb1: backend plain sets no cookie, and the policy says it does; add a `cookie` line to it"],
        ),
        ("nowhere", ["lb1: there is no backend nowhere with a server in it"]),
    ],
)
def test_slots_without_a_cookie_are_told_where_one_is_wanted(haproxy: Haproxy, backend: str, lines: list[str]) -> None:
    control = HaproxyControl({"lb1": haproxy.socket()}, timedelta(seconds=1))
    assert control.preflight({backend: "slot"}, [backend]) == lines


def test_who_wants_no_cookie_is_told_of_none(haproxy: Haproxy) -> None:
    control = HaproxyControl({"lb1": haproxy.socket()}, timedelta(seconds=1))
    assert control.preflight({"forgotten": "slot", "plain": "slot"}) == []


def test_a_backend_that_is_not_there_has_no_cookies() -> None:
    assert parse_cookies("No such proxy.\n") == Cookies("", {})
