"""What nodes of different sizes carry, in nodes of the type that the policy names first.

Loads and targets are held against capacity; bounds, rates and plans count nodes. `Roster.nodes_for` goes from one to
the other.
"""

from __future__ import annotations

from autoscaler.decide.view import View


def weight(instance_type: str, view: View) -> float:
    """Return how many nodes of the first type one of this type is worth: by declared weights, else by vCPUs.

    What is not known to be different counts as equal: 1.
    """
    rules = view.policy.launch
    reference = next(iter(rules.types), "")
    for sizes in (rules.weights, view.snapshot.vcpus):
        if instance_type in sizes and reference in sizes:
            return sizes[instance_type] / sizes[reference]
    return 1.0


def next_type(view: View) -> str:
    """Return the instance type that would be launched now; empty when the launch template has it."""
    types = view.policy.launch.types
    return next((name for name in types if open_subnets(name, view)), next(iter(types), ""))


def open_subnets(instance_type: str, view: View) -> list[str]:
    """Return the subnets in which the type is not known to be out of stock, on demand."""
    gone = view.memory.stock_outs
    return [name for name in view.policy.launch.subnets if offering(instance_type, name, spot=False) not in gone]


def offering(instance_type: str, subnet: str, *, spot: bool) -> str:
    """Name what can be out of stock by itself, as `Memory.stock_outs` does."""
    return f"{instance_type}/{subnet}/spot" if spot else f"{instance_type}/{subnet}"
