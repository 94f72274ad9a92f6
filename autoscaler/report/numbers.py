"""Numbers of a comparison as people read them."""

from __future__ import annotations

from autoscaler.simulate.compare.spread import Spread


def number(value: float, sign: str = "") -> str:
    """Write a whole number as one, any other with two digits; `sign` "+" also marks what is more."""
    rounded = round(value, 2)
    if rounded == 0:
        return "0"
    return f"{rounded:{sign},.0f}" if rounded == int(rounded) else f"{rounded:{sign},.2f}"


def change(found: Spread, base: float) -> str:
    """Write a difference, its share of the base, and its interval if there is one."""
    share = f" ({100 * found.mean / base:+.1f} %)" if base and found.mean else ""
    return f"{number(found.mean, '+')}{share}{interval(found)}"


def interval(found: Spread) -> str:
    """Write the interval in brackets; nothing when there is none, or when all seeds agree that nothing changes."""
    if found.low is None or found.high is None or found.low == found.high == 0:
        return ""
    return f" [{number(found.low, '+')}, {number(found.high, '+')}]"
