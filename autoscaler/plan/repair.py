"""The next step in each node's life, whatever the decision: everything half done is picked up where it stands."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from autoscaler.decide.classify import parked
from autoscaler.decide.view import View
from autoscaler.model.decision import Decision, Phase, Reason
from autoscaler.model.plan import Action, Deregister, Drain, Forget, Register, Stop, Terminate
from autoscaler.model.snapshot import Gap, Node, ServerStatus
from autoscaler.plan.slots import SlotMap, slot_name
from autoscaler.plan.tokens import token

_ENDS = {Phase.DRAINED: "drained", Phase.FAILED_TO_JOIN: "failed_to_join", Phase.LOST: "lost"}


def registrations(decision: Decision, view: View, slots: SlotMap) -> tuple[list[Action], list[Reason]]:
    """Put every node that joined into a slot: the one it has, or the next free one."""
    free = iter(slots.free)
    actions: list[Action] = []
    waiting = 0
    for node in view.nodes.of(decision.those((Phase.JOINED,))):
        if isinstance(node.servers, Gap):
            continue
        slot = slot_name(node) or next(free, None)
        if slot is None:
            waiting += 1
        else:
            actions.append(_register(node, slot, view))
    if not waiting:
        return actions, []
    detail = f"{waiting} nodes joined and found no free {view.policy.slots} server in every backend"
    return actions, [Reason("no_free_slot", detail, before=waiting, after=0)]


def departures(
    decision: Decision, view: View, staying: Collection[str], kept: Collection[str] = ()
) -> Iterator[Action]:
    """Take draining nodes one step further, and end those that are done, lost, or never came; none of the `staying`.

    Of those that are done the `kept` are stopped instead, for the warm pool.
    """
    places = view.policy.endpoints
    for node in view.nodes.of(decision.those((*_ENDS, Phase.DRAINING))):
        if node.instance_id in staying:
            continue
        phase = decision.phases[node.instance_id]
        about = {"instance_id": node.instance_id, "ip": node.instance.ip}
        if phase in _ENDS:
            step = Stop if node.instance_id in kept else Terminate
            key = token(view, "stop" if step is Stop else "end", node.instance_id)
            yield step(token=key, why=_ENDS[phase], endpoints=places, **about)
        elif not isinstance(node.servers, Gap) and not parked(node):
            if view.now - view.memory.drains[node.instance_id].since >= view.policy.drain.sticky_for:
                key = token(view, "park", node.instance_id)
                yield Deregister(token=key, why="move_cookie_holders", endpoints=places, **about)
            elif any(server.status is ServerStatus.UP for server in node.servers):
                key = token(view, "drain", node.instance_id)
                yield Drain(token=key, why="drain_unfinished", endpoints=places, **about)


def clearances(view: View, slots: SlotMap) -> Iterator[Action]:
    """Free the slots of instances that are gone, or asleep."""
    if not slots.gone:
        return
    asleep = {instance.ip for instance in view.nodes.instances}
    for slot, ip in slots.gone.items():
        yield forget(slot, ip, view, why="instance_stopped" if ip in asleep else "instance_gone")


def forget(slot: str, ip: str, view: View, *, why: str) -> Forget:
    """Return the step that frees a slot of an address."""
    key = token(view, "forget", slot)
    return Forget(token=key, why=why, slot=slot, ip=ip, endpoints=view.policy.endpoints)


def strangers(slots: SlotMap) -> Iterator[Reason]:
    """Name the slots that serve somebody who is no instance of ours, and leave them: our list may be wrong."""
    for slot, ip in slots.foreign.items():
        yield Reason("foreign_server", f"{slot} serves {ip}, which is no instance of this group", before=1, after=0)


def _register(node: Node, slot: str, view: View) -> Register:
    return Register(
        token=token(view, "register", node.instance_id),
        why="joined",
        instance_id=node.instance_id,
        ip=node.instance.ip,
        slot=slot,
        endpoints=view.policy.endpoints,
    )
