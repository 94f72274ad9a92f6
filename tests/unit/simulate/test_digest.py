"""The same world everywhere: one run in which everything happens, with a script instead of a policy's wishes.

Its digest may change only with the world itself; a processor, a system and a version of Python must not change it.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from itertools import count

from autoscaler.model.errors import ActionError
from autoscaler.model.plan import Admission, Deregister, Drain, Endpoint, Launch, LaunchSpec
from autoscaler.simulate.run import Stage, Steered, play, set_stage
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.sessions import Event
from tests.support.crowd import Told
from tests.support.fleet import BACKEND, PORT, SESSIONS, policy

STEP = timedelta(seconds=10)
ENDPOINTS = (Endpoint(BACKEND, PORT),)
WORLD = WorldSpec.model_validate(
    {
        "types": {
            "a": {
                "vcpus": 4, "viewers": 90, "publishers": 33, "renditions": 17, "streams": 70, "price": 0.17,
                "memory": {"viewers": 170, "streams": 90, "publishers": 70, "renditions": 150},
                "interruptions": "90%", "stock": 7, "stock_outs": {"every": "25m", "lasts": "4m"},
            },
            "b": {"vcpus": 8, "viewers": 170, "weight": 2, "price": 0.3, "failed_joins": "40%"},
        },
        "failed_joins": "10%",
        "heartbeat_stops": {"every": "15m", "lasts": "70s"},
        "renditions": 2,
        "returning": "35%",
        "patience": "90s",
    }
)  # fmt: skip
PEOPLE = Told(
    [(7 + 13 * number % 60, 53.0 * number, 300.0 + 97 * number % 1500, number % 4 == 0) for number in range(60)],
    length_s=3600,
    events=(
        Event(700.0, "node_crash", nodes=1),
        Event(1000.0, "cut_viewers", share=0.37),
        Event(1500.0, "spot_interruption", nodes=2),
        Event(1900.0, "stop_heartbeats", nodes=1, lasts_s=200.0),
        Event(2500.0, "haproxy_reload"),
    ),
)  # fmt: skip
RULES = policy(
    role="both",
    bounds={"min": 2, "max": 30},
    signals={
        "sessions": {"from": SESSIONS, "aggregate": "sum"}, "rate": {"from": "haproxy.server.rate", "aggregate": "sum"},
    },
    scale=[{"target_tracking": {"signal": "sessions", "target_per_node": 50}}],
    launch={"launch_template": "t", "types": ["a", "b"], "weights": {"a": 1, "b": 2}, "subnets": ["s"]},
    load_balancer=[{"backend": BACKEND, "port": PORT, "cookie": True}],
)  # fmt: skip

EXPECTED = "58ea8118cd1ab0a5 f7669478e25524ee"


class Script:
    """Launches a node every other minute, admits whoever answers, and drains the oldest every ten minutes."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._steps = count()
        self.seen = hashlib.sha256()

    def __call__(self) -> Steered:
        step = next(self._steps)
        if step % 12 == 0:
            self._launch(step)
        self._admit()
        if step % 60 == 59:
            self._drain()
        self._look()
        return Steered(len(self._stage.world.nodes), "hold", ())

    def _launch(self, step: int) -> None:
        kind = "ab"[step // 12 % 3 == 2]
        spec = LaunchSpec(instance_type=kind, spot=step % 24 == 0)
        action = Launch(token=str(step), why="", group="edge", spec=spec, subnet="s", count=2)
        try:
            self._stage.hands.fleet.launch(action)
        except ActionError as error:
            self.seen.update(str(error).encode())

    def _admit(self) -> None:
        world = self._stage.world
        placed = {server.ip for server in world.servers.values()}
        for node in world.nodes.values():
            if node.answers and node.instance.ip not in placed:
                slot = next(name for (_, _, name), server in world.servers.items() if server.ip == "127.0.0.1")
                step = Admission(
                    token="", why="", instance_id=node.instance.instance_id, ip=node.instance.ip, slot=slot,
                    endpoints=ENDPOINTS,
                )  # fmt: skip
                self._stage.hands.proxies.admit([step])

    def _drain(self) -> None:
        key, node = next(iter(self._stage.world.nodes.items()))
        about = {"token": "", "why": "", "instance_id": key, "ip": node.instance.ip}
        self._stage.hands.proxies.drain([Drain(**about, endpoints=ENDPOINTS)])
        for key, node in list(self._stage.world.nodes.items())[1:2]:
            about = {"token": "", "why": "", "instance_id": key, "ip": node.instance.ip}
            self._stage.hands.proxies.park([Deregister(**about, endpoints=ENDPOINTS)])
            self._stage.hands.fleet.terminate(key)

    def _look(self) -> None:
        """Take in all that the ports tell."""
        senses = self._stage.senses
        instances = senses.fleet.instances("edge")
        told = [f"{one.instance_id} {one.ip} {one.instance_type} {one.state.value} {one.spot:d}" for one in instances]
        for ip, beat in senses.loads.heartbeats().items():
            told.append(f"{ip} {beat.at.isoformat()} {beat.cpu_percent} {beat.memory_percent}")
        (traffic,) = (proxy := senses.proxies[0].read([BACKEND], ["rate", "requests"])).traffic
        told += [f"{server.name} {server.ip} {server.status.value} {server.sessions}" for server in proxy.servers]
        told += [f"{line.server} {line.figures['rate']} {line.figures['requests']}" for line in traffic.lines]
        told.append(f"{senses.loads.streams(self._stage.world.now).publishers}")
        self.seen.update("\n".join(told).encode())


def test_one_world_is_the_same_everywhere() -> None:
    stage = set_stage(RULES, PEOPLE, WORLD, 42, STEP)
    script = Script(stage)
    played = play(stage, PEOPLE, STEP, script)
    totals = played.totals
    assert min(totals.lost_sessions, totals.rejected_sessions, totals.viewers_cut) > 0
    assert f"{played.timeline.digest[:16]} {script.seen.hexdigest()[:16]}" == EXPECTED
