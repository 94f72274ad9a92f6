"""Admitting nodes on a real HAProxy, held against the same commands without any of our thinking.

Both wait for the same health checks. The floor sends what cannot be left out (address, drain, forced health, ready),
reads the smallest table that proves it, and checks nothing in between.
"""

from __future__ import annotations

import time
from datetime import timedelta

from autoscaler.adapters.haproxy_control import HaproxyControl
from autoscaler.adapters.haproxy_socket import HaproxySocket
from autoscaler.model.plan import Done, Endpoint, Register
from benchmarks.figures import Effort, Figure, Goal, medians
from tests.support.haproxy import Haproxy
from tests.support.places import free_port

BACKEND = "edge_rtmp"
READ = f"show stat {BACKEND} 4 -1"
_SECTIONS = """
defaults
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend alive
    bind 127.0.0.1:{port}
    mode http
    http-request return status 200
backend {backend}
    mode tcp
{slots}
"""
_SLOT = "    server slot{} slot.invalid:1 disabled check inter 100ms fall 3 rise 1 init-addr last,127.0.0.1"
_TIMEOUT_S = 30.0


def run(effort: Effort) -> list[Figure]:
    """Measure both in turn; HAProxy's own frontend stands in for all nodes."""
    port, nodes = free_port(), effort.nodes
    slots = "\n".join(_SLOT.format(n) for n in range(nodes))
    haproxy = Haproxy(_SECTIONS.format(port=port, backend=BACKEND, slots=slots))
    try:
        wire = haproxy.socket(timeout_s=_TIMEOUT_S)
        value, floor = medians(
            lambda: _ours(wire, port, nodes), lambda: _floor(wire, port, nodes), effort.rounds,
            before=lambda: _reset(wire, nodes),
        )  # fmt: skip
    finally:
        haproxy.stop()
    return [Figure("haproxy_admit", f"{nodes} servers", value, "ms", floor, Goal("ratio", 1.5))]


def _floor(wire: HaproxySocket, port: int, nodes: int) -> None:
    names = [f"{BACKEND}/slot{n}" for n in range(nodes)]
    wire.tell([f"set server {name} addr 127.0.0.1 port {port}" for name in names])
    begin = "enable health {0};set server {0} state drain;set server {0} health down"
    wire.tell([begin.format(name) for name in names])
    while wire.ask(READ).count(",DRAIN,") < nodes:
        time.sleep(0.05)
    wire.tell([f"set server {name} state ready" for name in names])
    if wire.ask(READ).count(",UP,") != nodes:
        raise AssertionError("not all servers are up")


def _ours(wire: HaproxySocket, port: int, nodes: int) -> None:
    admissions = [
        Register(token=f"t-{n}", why="joined", instance_id=f"i-{n}", ip="127.0.0.1", slot=f"slot{n}",
                 endpoints=(Endpoint(BACKEND, port),))
        for n in range(nodes)
    ]  # fmt: skip
    if HaproxyControl({"lb1": wire}, timedelta(seconds=60)).admit(admissions) != [Done()] * nodes:
        raise AssertionError("not all servers were admitted")


def _reset(wire: HaproxySocket, nodes: int) -> None:
    for command in ("set server {0} state maint", "set server {0} addr 127.0.0.1 port 1"):
        wire.tell([command.format(f"{BACKEND}/slot{n}") for n in range(nodes)])
