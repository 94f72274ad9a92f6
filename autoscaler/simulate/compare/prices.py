"""Whether an expression that speaks of costs can tell anything: what has no price costs nothing, whatever changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.schema import Policy
from autoscaler.simulate.compare.gate import Gate
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.world import World


def check_prices(gates: Sequence[Gate], played: Iterable[tuple[Policy | None, ...]], spec: WorldSpec) -> None:
    """Raise ConfigurationError for gates that name `cost` where a type that may be launched has no price.

    It would seem cheaper than all that have one. A price of 0 that somebody wrote is one.
    """
    asking = [gate for gate in gates if any(name.endswith(".cost") for name in gate.names)]
    types = dict.fromkeys(name for sides in played for policy in sides if policy for name in _types(policy, spec))
    free = [name for name in types if name not in spec.types or "price" not in spec.types[name].model_fields_set]
    if asking and free:
        message = f"asks for the cost, and the world has no price of {', '.join(free)}"
        hint = "a --world file with types.NAME.price"
        raise ConfigurationError(
            [Problem(f"--fail-on {gate.text!r}", 0, 0, "expression", message, hint) for gate in asking]
        )


def _types(policy: Policy, spec: WorldSpec) -> Iterator[str]:
    """Yield what the policy may launch; without types that is what its template has, the world's first."""
    yield from policy.launch.types or (next(iter(spec.types), World.template_type),)
