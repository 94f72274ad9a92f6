"""Admitting 1,000 nodes on a real HAProxy, held against the same commands without any of our thinking.

Both runs wait for the same health checks. The floor sends what cannot be left out (address, drain, forced health,
ready), reads the smallest table that proves it, and checks nothing in between.
"""

from __future__ import annotations

import shutil
import socketserver
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from autoscaler.adapters.haproxy_control import HaproxyControl
from autoscaler.adapters.haproxy_socket import HaproxySocket
from autoscaler.model.errors import ObservationError
from autoscaler.model.plan import Done, Endpoint, Register

SIZE = 1000
ROUNDS = 7
GOAL = 1.5
BACKEND = "edge_rtmp"
READ = f"show stat {BACKEND} 4 -1"


class _Node(socketserver.TCPServer):
    """One listener stands in for all nodes: a health check only connects."""

    request_queue_size = 4096
    allow_reuse_address = True


@contextmanager
def _haproxy() -> Iterator[HaproxySocket]:
    with tempfile.TemporaryDirectory(prefix="haproxy-") as folder:
        slots = "\n".join(
            f"    server slot{n} slot.invalid:1 disabled check inter 100ms fall 3 rise 1 init-addr last,127.0.0.1"
            for n in range(SIZE)
        )
        config = Path(folder, "haproxy.cfg")
        config.write_text(f"""
global
    stats socket {folder}/admin.sock mode 600 level admin
defaults
    mode tcp
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    timeout check 5s
backend {BACKEND}
{slots}
""")
        binary = shutil.which("haproxy") or "/usr/sbin/haproxy"
        process = subprocess.Popen([binary, "-q", "-db", "-f", str(config)], stderr=subprocess.DEVNULL)
        try:
            wire = HaproxySocket(f"unix:{folder}/admin.sock", timeout_s=30)
            while True:
                with suppress(ObservationError):
                    wire.info()
                    break
                time.sleep(0.02)
            yield wire
        finally:
            process.kill()
            process.wait()


def _floor(wire: HaproxySocket, port: int) -> None:
    names = [f"{BACKEND}/slot{n}" for n in range(SIZE)]
    wire.tell([f"set server {name} addr 127.0.0.1 port {port}" for name in names])
    begin = "enable health {0};set server {0} state drain;set server {0} health down"
    wire.tell([begin.format(name) for name in names])
    while wire.ask(READ).count(",DRAIN,") < SIZE:
        time.sleep(0.05)
    wire.tell([f"set server {name} state ready" for name in names])
    if wire.ask(READ).count(",UP,") != SIZE:
        raise AssertionError("not all servers are up")


def _ours(wire: HaproxySocket, port: int) -> None:
    admissions = [
        Register(token=f"t-{n}", why="joined", instance_id=f"i-{n}", ip="127.0.0.1", slot=f"slot{n}",
                 endpoints=(Endpoint(BACKEND, port),))
        for n in range(SIZE)
    ]  # fmt: skip
    if HaproxyControl({"lb1": wire}, timedelta(seconds=60)).admit(admissions) != [Done()] * SIZE:
        raise AssertionError("not all servers were admitted")


def _reset(wire: HaproxySocket) -> None:
    for command in ("set server {0} state maint", "set server {0} addr 127.0.0.1 port 1"):
        wire.tell([command.format(f"{BACKEND}/slot{n}") for n in range(SIZE)])


def _timed(work: Callable[[HaproxySocket, int], None], wire: HaproxySocket, port: int) -> float:
    _reset(wire)
    start = time.perf_counter()
    work(wire, port)
    return time.perf_counter() - start


def run() -> list[dict[str, object]]:
    """Measure both in turn, and compare medians."""
    node = _Node(("127.0.0.1", 0), socketserver.BaseRequestHandler)
    threading.Thread(target=node.serve_forever, daemon=True).start()
    port = int(node.server_address[1])
    try:
        with _haproxy() as wire:
            pairs = [(_timed(_floor, wire, port), _timed(_ours, wire, port)) for _ in range(ROUNDS)]
    finally:
        node.shutdown()
        node.server_close()
    floor, value = (statistics.median(column) for column in zip(*pairs, strict=True))
    return [
        {
            "name": "haproxy_admit",
            "size": SIZE,
            "value": round(value, 4),
            "unit": "s",
            "floor": round(floor, 4),
            "ratio": round(value / floor, 3),
            "goal": GOAL,
        }
    ]


if __name__ == "__main__":
    print(run())
