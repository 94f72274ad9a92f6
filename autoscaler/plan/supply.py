"""Where more capacity comes from: draining nodes first, then stopped ones, then new ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from autoscaler.decide.capacity import next_type, offering, open_subnets
from autoscaler.decide.view import View
from autoscaler.model.decision import LEAVING, WARMING, Decision, Reason
from autoscaler.model.plan import Action, CancelDrain, Launch, LaunchSpec
from autoscaler.model.snapshot import Node, ServerStatus
from autoscaler.plan.market import split, spot_room
from autoscaler.plan.slots import SlotMap, slot_name
from autoscaler.plan.tokens import token
from autoscaler.plan.waking import wakes
from autoscaler.policy.launch import LaunchRules
from autoscaler.policy.schema import Policy

STOCK_OUT_MEMORY = timedelta(minutes=3)
"""How long an offering that had no capacity is left alone (Karpenter's offering cache keeps it as long)."""


def supply(decision: Decision, view: View, slots: SlotMap) -> tuple[list[Action], list[Reason]]:
    """Plan `desired - current` more nodes, the fastest and cheapest first.

    No node is launched that would find no slot: it would cost money and serve nobody.
    """
    wanted = decision.desired - decision.current
    if wanted <= 0:
        return [], []
    actions: list[Action] = [_cancel(node, view) for node in _healthy_leaving(decision, view)[:wanted]]
    woken = wakes(decision, view, wanted - len(actions))
    actions += woken
    missing = wanted - len(actions)
    affordable = min(missing, max(0, _room(decision, view, slots) - len(woken)))
    refusals = []
    if affordable < missing:
        detail = f"no free {view.policy.slots} server in every backend"
        refusals.append(Reason("no_free_slot", detail, before=missing, after=affordable))
    resumed = {action.subject for action in actions}
    launched = launches(affordable, view, spot_room(affordable, decision, view, resumed))
    if affordable and not launched:
        detail = "every type is out of stock in every subnet, as far as is known"
        refusals.append(Reason("stock_out", detail, before=affordable, after=0))
    return [*actions, *launched], refusals


def _room(decision: Decision, view: View, slots: SlotMap) -> int:
    """How many more nodes would find a slot. Unknown while no balancer can be read, and then nothing is held back."""
    if not view.snapshot.proxies:
        return view.policy.bounds.max
    coming = sum(
        node.instance.ip not in slots.of and decision.phases[node.instance_id] in WARMING
        for node in view.nodes.of(decision.apart)
    )
    return max(0, len(slots.free) + len(slots.gone) - coming - decision.unseen)


def launches(count: int, view: View, room: int, *, pool: bool = False) -> list[Launch]:
    """Spread `count` launches over the subnets of the first type that is in stock, the emptiest subnet first.

    At most `room` of them are spot. Where spot is out of stock the same type comes on demand: growth does not wait.
    `pool`: they are for the warm pool.
    """
    if count <= 0:
        return []
    population = Counter(instance.subnet for instance in view.nodes.instances)
    instance_type = next_type(view)
    share = dict.fromkeys(open_subnets(instance_type, view), 0)
    for _ in range(count if share else 0):
        share[min(share, key=lambda subnet: population[subnet] + share[subnet])] += 1
    parts = split(share, instance_type, room, view)
    spec = partial(_spec, view.policy.launch, instance_type)
    why = "pool_short" if pool else "below_desired"
    return [
        Launch(
            token=token(view, "fill" if pool else "launch", offering(instance_type, subnet, spot=spot)),
            why=why,
            group=view.snapshot.group,
            spec=spec(spot=spot),
            subnet=subnet,
            count=nodes,
            pool=pool,
        )
        for subnet, nodes, spot in parts
    ]


def first_choices(policy: Policy) -> tuple[LaunchSpec, ...]:
    """Return what would be launched while everything is in stock: on demand, and as spot if the policy wants any."""
    preferred = next(iter(policy.launch.types), "")
    markets = (False, True) if policy.launch.spot.percent else (False,)
    return tuple(_spec(policy.launch, preferred, spot=spot) for spot in markets)


def _spec(rules: LaunchRules, instance_type: str, *, spot: bool) -> LaunchSpec:
    return LaunchSpec(
        launch_template=rules.launch_template,
        image=rules.image,
        instance_type=instance_type,
        security_groups=rules.security_groups,
        key_name=rules.key_name,
        instance_profile=rules.instance_profile,
        spot=spot,
    )


def unanswered(view: View) -> Iterator[Launch]:
    """Repeat launches whose answer never came: the same token brings the same instances, not more of them."""
    for record in view.memory.launches:
        if not record.instance_ids and all(instance.token != record.token for instance in view.nodes.instances):
            spec = _spec(view.policy.launch, record.instance_type, spot=record.spot)
            yield Launch(
                token=record.token,
                why="launch_unanswered",
                group=view.snapshot.group,
                spec=spec,
                subnet=record.subnet,
                count=record.count,
                pool=record.pool,
            )


def _healthy_leaving(decision: Decision, view: View) -> list[Node]:
    """List draining nodes that could serve again, the one with most sessions first."""
    nodes = view.nodes.of(decision.those(LEAVING))
    able = [
        node
        for node in nodes
        if slot_name(node)
        and isinstance(node.servers, tuple)
        and all(server.status is not ServerStatus.DOWN for server in node.servers)
    ]
    return sorted(able, key=lambda node: (-_count(node), node.instance_id))


def _count(node: Node) -> int:
    return node.sessions if isinstance(node.sessions, int) else 0


def _cancel(node: Node, view: View) -> CancelDrain:
    return CancelDrain(
        token=token(view, "undrain", node.instance_id),
        why="below_desired",
        instance_id=node.instance_id,
        ip=node.instance.ip,
        slot=slot_name(node),
        endpoints=view.policy.endpoints,
    )
