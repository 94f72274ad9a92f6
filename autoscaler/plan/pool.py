"""The warm pool: what is stopped instead of ended, what fills it, and what is too much, too old or broken in it.

A pool costs little while it sleeps, and is no capacity. So nothing here ever waits for it, or gives way to it: whoever
is on the way into the pool serves at once when nodes are wanted, and what is launched counts against `max`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from autoscaler.decide.classify import joined, late, unseen
from autoscaler.decide.floors import bounds_now, surge
from autoscaler.decide.view import View
from autoscaler.model.decision import LEAVING, Decision, Phase
from autoscaler.model.plan import Action, Ending, Launch, Stop, Terminate, Wake
from autoscaler.model.snapshot import Gap, Instance, InstanceState, Node, ServerStatus
from autoscaler.plan.guard import instances
from autoscaler.plan.repair import forget
from autoscaler.plan.slots import SlotMap
from autoscaler.plan.supply import launches
from autoscaler.plan.tokens import token


def keepers(decision: Decision, view: View, staying: Collection[str]) -> frozenset[str]:
    """Choose the drained nodes to stop instead of ending them: as many as the pool has room for."""
    if not _may_stop(view) or Phase.DRAINED not in decision.phases.values():
        return frozenset()
    pool = _Pool(decision, view, staying)
    room = max(0, view.policy.launch.warm_pool.stopped - pool.fresh - pool.coming)
    drained = _fitting([node.instance for node in pool.of(Phase.DRAINED)], view)
    return frozenset(instance.instance_id for instance in drained[:room])


def tend(decision: Decision, view: View, slots: SlotMap, additions: Sequence[Action]) -> Iterator[Action]:
    """Stop what joined for the pool, end what is too much in it, and launch what it lacks.

    `additions` is what the group itself gets in this cycle.
    """
    if not (view.policy.launch.warm_pool.stopped or view.memory.pool):
        return
    pool = _Pool(decision, view, {action.instance_id for action in additions if isinstance(action, Wake)})
    for node in pool.of(Phase.FILLING):
        if slot := _left_over(node, slots):
            yield forget(slot, node.instance.ip, view, why="slot_left_over")
        elif not _may_stop(view):
            yield _end(Terminate, node.instance, view, why="pool_surplus")
        elif joined(node, view.now):
            yield _end(Stop, node.instance, view, why="pool_joined")
        elif late(node, view):
            yield _end(Terminate, node.instance, view, why="pool_hung")
    bounds = bounds_now(view)
    room = bounds.max + surge(bounds) - instances(decision, view)
    wanted = sum(action.count for action in additions if isinstance(action, Launch))
    yield from _weed(pool, view, wanted - room)
    if _may_stop(view) and decision.desired <= decision.current:
        yield from _fill(pool, decision, view, room)


def _left_over(node: Node, slots: SlotMap) -> str:
    """Name the slot that the node's address still has of who had it before: in maintenance, and nobody on it.

    While it has one, nothing proves that the node never served, and it would neither be stopped nor ended.
    """
    if isinstance(node.servers, Gap) or not node.empty:
        return ""
    closed = all(server.status is ServerStatus.MAINT for server in node.servers)
    return slots.of.get(node.instance.ip, "") if closed else ""


def _weed(pool: _Pool, view: View, crowded: int) -> Iterator[Action]:
    """End stopped nodes that do not start, and those beyond the pool's size, the least fit first.

    `crowded`: so many of them leave no room below `max` for nodes that are to serve.
    """
    ours = [instance for instance in pool.asleep if instance.instance_id in view.memory.pool]
    broken = _broken(ours, view)
    yield from (_end(Terminate, instance, view, why="wake_failed") for instance in broken)
    excess = len(pool.asleep) - len(broken) - view.policy.launch.warm_pool.stopped
    surplus = max(excess, crowded - len(broken))
    if surplus > 0:
        rest = [instance for instance in ours if instance not in broken]
        fitting = _fitting(rest, view)
        for instance in sorted(rest, key=lambda one: (one in fitting, one.launched_at, one.instance_id))[:surplus]:
            yield _end(Terminate, instance, view, why="pool_surplus")


def _fill(pool: _Pool, decision: Decision, view: View, room: int) -> Iterator[Action]:
    """Launch what the pool lacks, no more at a time than the surge, and none that `max` has no `room` for.

    Whoever leaves, or is about to, is not lacking: it is taken back before anybody wakes, and stopped once it is empty.
    """
    bounds = bounds_now(view)
    size = min(view.policy.launch.warm_pool.stopped, bounds.max - decision.desired)
    leaving = len(_fitting([node.instance for node in pool.of(*LEAVING)], view))
    missing = size - pool.fresh - pool.coming - leaving - (decision.current - decision.desired)
    count = min(missing, surge(bounds) - pool.coming, room)
    if count > 0:
        yield from launches(count, view, room=0, pool=True)


class _Pool:
    """The nodes beside the group's capacity, without those that serve from now on.

    `fresh` counts those that are stopped and would start, and are what the policy launches now, and `coming` those that
    join for the pool, but for whoever should have long ago: it may stay for a reason of its own, and holds up nobody.
    """

    def __init__(self, decision: Decision, view: View, staying: Collection[str]) -> None:
        self._decision, self._nodes, self._staying = decision, view.nodes, staying
        stopped = [view.nodes.instances[view.nodes.where[key]] for key in self._those(Phase.STOPPED)]
        self.asleep = [instance for instance in stopped if instance.state is InstanceState.STOPPED]
        fitting = _fitting(stopped, view)
        self.fresh = len(fitting) - len(_broken(fitting, view))
        in_time = sum(not late(node, view) for node in self.of(Phase.FILLING))
        self.coming = in_time + len(unseen(view, pool=True))

    def of(self, *phases: Phase) -> list[Node]:
        return self._nodes.of(self._those(*phases))

    def _those(self, *phases: Phase) -> list[str]:
        return [key for key in self._decision.those(phases) if key not in self._staying]


def _may_stop(view: View) -> bool:
    until = view.memory.no_stops_until
    return view.policy.launch.warm_pool.stopped > 0 and (until is None or view.now >= until)


def _fitting(instances: Sequence[Instance], view: View) -> list[Instance]:
    """Choose those that can be stopped, and are what would be launched now: of a type and a subnet, and not too old."""
    rules, oldest = view.policy.launch, view.now - view.policy.launch.warm_pool.max_age
    return [
        one
        for one in instances
        if one.launched_at > oldest
        and one.subnet in rules.subnets
        and (not rules.types or one.instance_type in rules.types)
        and not one.spot
    ]


def _broken(instances: Sequence[Instance], view: View) -> list[Instance]:
    """Choose the stopped that were started and stopped again by themselves; while EC2 may only lag they are pending."""
    wakes = view.memory.wakes
    told = [(one, wakes[one.instance_id]) for one in instances if one.instance_id in wakes]
    return [one for one, wake in told if wake.answered and not wake.failed]


def _end(step: type[Ending], instance: Instance, view: View, *, why: str) -> Ending:
    return step(
        token=token(view, "stop" if step is Stop else "end", instance.instance_id),
        why=why,
        instance_id=instance.instance_id,
        ip=instance.ip,
        endpoints=view.policy.endpoints,
    )
