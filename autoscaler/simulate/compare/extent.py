"""What a comparison can ever be: measures are never below 0, so `rejected_sessions < 0` holds on no play at all."""

from __future__ import annotations

import ast
from itertools import pairwise, product
from math import inf, isnan
from typing import NamedTuple


class Extent(NamedTuple):
    """A number lies from `low` to `high`."""

    low: float
    high: float


_ANY = Extent(-inf, inf)
_MEASURE = Extent(0.0, inf)


def settled(comparison: ast.Compare) -> bool | None:
    """Return what a checked comparison is whatever is played, None where that can make a difference."""
    terms = pairwise((comparison.left, *comparison.comparators))
    found = [_settled(left, op, right) for (left, right), op in zip(terms, comparison.ops, strict=True)]
    if False in found:
        return False
    return True if all(found) else None


_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
}  # fmt: skip


def _settled(left: ast.expr, op: ast.cmpop, right: ast.expr) -> bool | None:
    if any(isinstance(each, ast.Div) for term in (left, right) for each in ast.walk(term)):
        return None  # what is divided by 0 may be no number, and then neither this nor its opposite holds
    if _never(left, type(op), right):
        return False
    return True if _never(left, _OPPOSITE[type(op)], right) else None


def _never(left: ast.expr, op: type[ast.cmpop], right: ast.expr) -> bool:
    """Whether no play lets it hold."""
    one, other = extent(left), extent(right)
    same = ast.dump(left) == ast.dump(right)
    if op is ast.Gt:
        return same or one.high <= other.low
    if op is ast.GtE:
        return one.high < other.low
    if op is ast.Lt:
        return same or one.low >= other.high
    if op is ast.LtE:
        return one.low > other.high
    if op is ast.Eq:
        return one.high < other.low or other.high < one.low
    return same or one.low == one.high == other.low == other.high


def extent(node: ast.expr) -> Extent:
    """Return between what a checked number lies."""
    match node:
        case ast.Constant(float() as value):
            return Extent(value, value)
        case ast.Name(name):
            return _ANY if name.startswith("delta.") else _MEASURE
        case ast.UnaryOp(ast.USub(), operand):
            found = extent(operand)
            return Extent(-found.high, -found.low)
        case ast.BinOp(left, op, right):
            return _combined(op, extent(left), extent(right))
        case ast.Call(ast.Name(called), args):
            return _called(called, [extent(arg) for arg in args])
    raise AssertionError(ast.dump(node))


def _combined(op: ast.operator, one: Extent, other: Extent) -> Extent:
    match op:
        case ast.Add():
            found = [one.low + other.low, one.high + other.high]
        case ast.Sub():
            found = [one.low - other.high, one.high - other.low]
        case ast.Mult():
            found = [left * right if left and right else 0.0 for left, right in product(one, other)]
        case _:
            return _ANY
    return _ANY if any(map(isnan, found)) else Extent(min(found), max(found))


def _called(name: str, found: list[Extent]) -> Extent:
    if name == "abs":
        ((low, high),) = found
        return Extent(max(0.0, low, -high), max(abs(low), abs(high)))
    choose = max if name == "max" else min
    return Extent(choose(each.low for each in found), choose(each.high for each in found))
