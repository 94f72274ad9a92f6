"""Steers a simulated group by the rule of another product, through the same EC2 and the same balancer as ours."""

from __future__ import annotations

from itertools import count

from autoscaler.model.errors import StockOut
from autoscaler.model.plan import Admission, Done, Drain, Forget, Launch, LaunchSpec
from autoscaler.model.snapshot import PARKING
from autoscaler.simulate.run import Stage, Steered
from autoscaler.simulate.world import LIVING, SimulatedNode
from benchmarks.baselines.rule import Rule, Seen


class Theirs:
    """A `Steering`: takes new nodes behind the balancer, asks the rule for a size, and launches and ends towards it.

    Nodes that died are replaced at once. Who goes first and how long people may stay there is the rule's to say;
    a node on which nobody is goes at once, as a target without connections is deregistered at once. While EC2 cannot
    be reached nothing happens.
    """

    def __init__(self, stage: Stage, rule: Rule) -> None:
        """Steer the group of `stage` from now on; its nodes of now are in service, and as many as are wanted."""
        self._stage = stage
        self._rule = rule
        self._begin = stage.world.now
        self._size = len(stage.world.nodes)
        self._tokens = count(1)
        self._slots = {
            server.ip: name for (_, _, name), server in stage.world.servers.items() if server.ip != PARKING[0]
        }
        self._ends: dict[str, float] = {}

    def __call__(self) -> Steered:
        """Act once."""
        before = self._size
        if "ec2" not in self._stage.world.dead:
            now_s = (self._stage.world.now - self._begin).total_seconds()
            self._free_slots()
            self._admit()
            seen = self._look()
            bounds = self._stage.policy.bounds
            wanted = self._rule.desired(now_s, self._size, seen)
            self._size = min(max(wanted, bounds.min), bounds.max)
            self._move([node for node in seen if not node.leaving], now_s)
            self._end(now_s)
        way = "out" if self._size > before else "in" if self._size < before else "hold"
        return Steered(self._size, way, ((self._rule.name, ""),))

    def _living(self) -> list[SimulatedNode]:
        return [node for node in self._stage.world.nodes.values() if node.instance.state in LIVING]

    def _free_slots(self) -> None:
        living = {node.instance.ip for node in self._living()}
        for ip in [ip for ip in self._slots if ip not in living]:
            step = Forget(token="", why="", slot=self._slots[ip], ip=ip, endpoints=self._stage.policy.endpoints)
            if self._stage.hands.proxies.free([step]) == [Done()]:
                del self._slots[ip]

    def _admit(self) -> None:
        new = [node.instance for node in self._living() if node.answers and node.instance.ip not in self._slots]
        new = [instance for instance in new if instance.instance_id not in self._ends]
        if not new:
            return
        taken = set(self._slots.values())
        free = [name for _, _, name in self._stage.world.servers if name not in taken]
        for instance, slot in zip(new, dict.fromkeys(free), strict=False):  # who finds no slot waits for one
            step = Admission(
                token="", why="", instance_id=instance.instance_id, ip=instance.ip, slot=slot,
                endpoints=self._stage.policy.endpoints,
            )  # fmt: skip
            if self._stage.hands.proxies.admit([step]) == [Done()]:
                self._slots[instance.ip] = slot

    def _look(self) -> list[Seen]:
        now, lives, spec = self._stage.world.now, self._stage.cluster.lives, self._stage.spec
        seen = []
        for node in self._living():
            instance = node.instance
            life = lives.get(instance.instance_id)
            leaving = instance.instance_id in self._ends
            seen.append(
                Seen(
                    name=instance.instance_id,
                    zone=instance.zone,
                    cpu=min(100.0, spec.idle_cpu + 100 * life.load()) if life else 0.0,
                    people=life.people if life else 0,
                    age_s=(now - instance.launched_at).total_seconds(),
                    ready=instance.ip in self._slots and not leaving,
                    leaving=leaving,
                )
            )
        return seen

    def _move(self, staying: list[Seen], now_s: float) -> None:
        for _ in range(self._size - len(staying)):
            self._launch()
        while len(staying) > self._size:
            victim = self._rule.victim(staying)
            staying.remove(victim)
            self._ends[victim.name] = now_s + self._rule.delay_s
            ip = self._stage.world.nodes[victim.name].instance.ip
            step = Drain(token="", why="", instance_id=victim.name, ip=ip, endpoints=self._stage.policy.endpoints)
            self._stage.hands.proxies.drain([step])

    def _launch(self) -> None:
        """Launch one node where the group has fewest; where EC2 has none left, in the next subnet."""
        policy = self._stage.policy
        there = [node.instance.subnet for node in self._living()]
        spec = LaunchSpec(instance_type=next(iter(policy.launch.types), ""))
        for subnet in sorted(policy.launch.subnets, key=there.count):
            token = f"{policy.group}-{next(self._tokens)}"
            step = Launch(token=token, why="", group=policy.group, spec=spec, subnet=subnet, count=1)
            try:
                self._stage.hands.fleet.launch(step)
            except StockOut:
                continue
            return

    def _end(self, now_s: float) -> None:
        nodes, lives = self._stage.world.nodes, self._stage.cluster.lives
        for name, due_s in list(self._ends.items()):
            life = lives.get(name)
            empty = life is None or not life.people
            if name in nodes and (empty or now_s >= due_s):
                self._stage.hands.fleet.terminate(name)
            if name not in nodes or empty or now_s >= due_s:
                del self._ends[name]
