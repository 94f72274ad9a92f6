"""`--fail-on`: comparisons of measures that a change must not bring about; `--limit`: those that it must keep.

`rejected_sessions > 0`, `delta.node_hours > 5%`, `head.cost > 1.2 * base.cost and delta.flaps > 0`. As for the
expressions of a policy, simpleeval walks a checked syntax tree and nothing is ever compiled: numbers, measures,
+ - * /, max, min, abs, comparisons, and, or, not.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise
from math import copysign, inf, isfinite, nan

from simpleeval import SimpleEval

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.simulate.compare.extent import settled
from autoscaler.simulate.compare.scales import MEASURES

SIDES = ("base", "head", "delta")
_LONGEST = 300
_LARGEST = 1e300
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_SHARE = "percent"
_EXAMPLE = "write one such as 'delta.node_hours > 5%'"
_FUNCTIONS = {"max": max, "min": min, "abs": abs}
_ORDERS = (ast.Gt, ast.GtE, ast.Lt, ast.LtE, ast.Eq, ast.NotEq)


def _quotient(dividend: float, divisor: float) -> float:
    """Divide; more than nothing is infinitely more, lest a base of 0 lets everything pass."""
    if divisor:
        return dividend / divisor
    return copysign(inf, dividend) if dividend else nan


_ARITHMETIC: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _quotient,
}
_OPERATORS: dict[type[ast.AST], Callable[..., object]] = {
    **_ARITHMETIC,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


@dataclass(frozen=True, slots=True)
class Gate:
    """A checked expression. `names` are the measures that it asks for, as `side.measure`."""

    text: str
    names: tuple[str, ...]
    tree: ast.expr = field(compare=False, repr=False)

    def holds(self, values: Mapping[str, float]) -> bool:
        """Whether it holds for these values of `side.measure`."""
        return bool(_value(self.tree, values))

    def shortfall(self, values: Mapping[str, float]) -> float:
        """How far these values are from letting it hold: 0 where it holds, else above 0, in shares of what is asked.

        `node_hours <= 100` is 0.2 short at 120. With `and` what is lacking adds up, with `or` the least counts.
        """
        return _shortfall(self.tree, values)


def _value(node: ast.expr, values: Mapping[str, float]) -> float:
    evaluator = SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names=dict(values))
    found: float = evaluator.eval("", previously_parsed=node)
    return found


_LEAST, _MOST = 1e-6, 1e6
"""What is short by nothing that numbers show, as x > 1 at 1, is still short; and nothing is infinitely so."""


def _shortfall(node: ast.expr, values: Mapping[str, float]) -> float:
    if _value(node, values):
        return 0.0
    match node:
        case ast.BoolOp(op, terms):
            distances = [_shortfall(term, values) for term in terms]
            return sum(distances) if isinstance(op, ast.And) else min(distances)
        case ast.Compare(left, ops, rights):
            pairs = zip(pairwise((left, *rights)), ops, strict=True)
            parts = [ast.Compare(one, [op], [other]) for (one, other), op in pairs]
            return sum(_distance(part, values) for part in parts if not _value(part, values))
    return 1.0


def _distance(node: ast.Compare, values: Mapping[str, float]) -> float:
    left, right = (_value(term, values) for term in (node.left, *node.comparators))
    found = abs(left - right) / max(1.0, abs(right))
    return max(found, _LEAST) if isfinite(found) else _MOST


def parse_gate(text: str, option: str = "--fail-on") -> Gate:
    """Check an expression, given by `option`; raises ConfigurationError that says what is wrong with it."""
    text = text.strip()
    if len(text) > _LONGEST:
        raise _problem(f"{option} {text[:40]!r}", f"is longer than {_LONGEST} characters")
    where = f"{option} {text!r}"
    try:
        tree = ast.parse(_PERCENT.sub(rf"(\1).{_SHARE}", text), mode="eval").body
    except (SyntaxError, ValueError):
        raise _problem(where, "cannot be read", _EXAMPLE) from None
    checker = _Checker(where)
    checked = checker.truth(tree)
    if not checker.names:
        raise _problem(where, "names no measure, so no change can make a difference to it", _EXAMPLE)
    return Gate(text, tuple(dict.fromkeys(checker.names)), checked)


class _Checker:
    """Lets known syntax through, and writes measures as plain names and percentages as shares of the base's."""

    def __init__(self, where: str) -> None:
        self.names: list[str] = []
        self._where = where
        self._beside: frozenset[str] = frozenset()

    def truth(self, node: ast.expr) -> ast.expr:
        """Check what is true or false."""
        match node:
            case ast.BoolOp(op, values):
                return ast.BoolOp(op, [self.truth(value) for value in values])
            case ast.UnaryOp(ast.Not() as op, operand):
                return ast.UnaryOp(op, self.truth(operand))
            case ast.Compare(left, ops, comparators) if all(isinstance(op, _ORDERS) for op in ops):
                self._beside = frozenset(_measures(node))
                return self._open(ast.Compare(self._number(left), ops, [self._number(term) for term in comparators]))
        raise self._wrong("is no comparison", _EXAMPLE)

    def _open(self, comparison: ast.Compare) -> ast.Compare:
        """Let through what a play can make true and false: a gate that never holds lets everything pass."""
        known = settled(comparison)
        if known is None:
            return comparison
        message = f"has a comparison that {'always' if known else 'never'} holds, whatever is played"
        raise self._wrong(message, "no measure is below 0, but its delta can be")

    def _number(self, node: ast.expr) -> ast.expr:
        """Check what is a number, or is made of numbers."""
        match node:
            case ast.BinOp(left, op, right) if type(op) in _ARITHMETIC:
                return ast.BinOp(self._number(left), op, self._number(right))
            case ast.UnaryOp(ast.USub() as op, operand) if not isinstance(operand, ast.UnaryOp):
                return ast.UnaryOp(op, self._number(operand))
            case ast.Call(ast.Name("abs") as called, [value], []):
                return ast.Call(called, [self._number(value)], [])
            case ast.Call(ast.Name("max" | "min") as called, [_, _, *_] as values, []):
                return ast.Call(called, [self._number(value) for value in values], [])
        return self._term(node)

    def _term(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.Constant(int() | float() as value) if not isinstance(value, bool) and value <= _LARGEST:
                return ast.Constant(float(value))
            case ast.Attribute(ast.Constant(int() | float() as value), "percent") if value <= _LARGEST:
                return self._share(float(value))
            case ast.Name(measure):
                return self._measure("head", measure)
            case ast.Attribute(ast.Name(side), measure):
                return self._measure(side, measure)
        raise self._wrong("takes numbers, measures, + - * /, max, min, abs, comparisons, and, or, not only")

    def _measure(self, side: str, measure: str) -> ast.Name:
        for word, known, what in ((side, SIDES, "side"), (measure, MEASURES, "measure")):
            if word not in known:
                close = get_close_matches(word, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
                raise self._wrong(f"there is no {what} {word!r}", hint)
        self.names.append(f"{side}.{measure}")
        return ast.Name(self.names[-1])

    def _share(self, percent: float) -> ast.expr:
        """Write `5%` as 0.05 times what the base has of the one measure that it is compared with."""
        if len(self._beside) != 1:
            raise self._wrong("a percentage is of the base's measure, so exactly one must stand in its comparison")
        (measure,) = self._beside
        return ast.BinOp(ast.Constant(percent / 100), ast.Mult(), self._measure("base", measure))

    def _wrong(self, message: str, hint: str = "") -> ConfigurationError:
        return _problem(self._where, message, hint)


def _measures(node: ast.expr) -> Iterator[str]:
    """Yield the measures that a comparison names, as they are written."""
    sides = {each.value for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    called = {each.func for each in ast.walk(node) if isinstance(each, ast.Call)}
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
            yield each.attr
        elif isinstance(each, ast.Name) and each not in sides | called:
            yield each.id


def _problem(where: str, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Problem(where, 0, 0, "expression", message, hint)])
