"""Arithmetic over signals: `sessions / capacity`, `max(a, b)`, `coalesce(a, b)` where `a` may be missing.

Of Python's syntax only numbers, names, + - * / and the calls of four functions are let through, so that a text of
bounded length is also done in bounded time: no powers, no strings, no attributes, no loops. What is let through is made
into functions of ours, once, and Python is never asked to run it.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite, nan
from operator import itemgetter

from pydantic_core import PydanticCustomError

Value = float | None
_Function = Callable[[Mapping[str, Value]], Value]

_LONGEST = 400
_DEEPEST = 100
_LARGEST = 1e308
_SYNTAX = (ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Constant, ast.operator, ast.unaryop, ast.expr_context)


def _known(combine: Callable[..., float]) -> Callable[..., Value]:
    """Let what is missing make the result missing: it is never a zero. What no float can hold is missing, too."""

    def combined(*values: Value) -> Value:
        if None in values:
            return None
        result = combine(*(float(value or 0.0) for value in values))
        return result if isfinite(result) else None

    return combined


def _quotient(dividend: float, divisor: float) -> float:
    """Divide; by zero there is no answer."""
    return dividend / divisor if divisor else nan


def _coalesce(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)


_OPERATORS = {
    ast.Add: _known(operator.add),
    ast.Sub: _known(operator.sub),
    ast.Mult: _known(operator.mul),
    ast.Div: _known(_quotient),
    ast.USub: _known(operator.neg),
}
_FUNCTIONS = {
    "max": _known(lambda *values: max(values)),
    "min": _known(lambda *values: min(values)),
    "abs": _known(abs),
    "coalesce": _coalesce,
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression, and the signals that it names."""

    text: str
    names: frozenset[str]
    tree: ast.expr = field(compare=False, repr=False)

    def value(self, values: Mapping[str, Value]) -> Value:
        """Evaluate with the value of each name; None when what it needs is missing, or when it divides by zero."""
        result = _function(self.text)(values)
        return None if result is None else float(result)


@lru_cache(maxsize=256)
def _function(text: str) -> _Function:
    """Return what a checked text stands for. It is found by the text, since functions go to no other process."""
    return _composed(ast.parse(text, mode="eval").body)


def _composed(tree: ast.AST) -> _Function:
    """Turn a checked tree into a function of the values of its names."""
    match tree:
        case ast.Name(id=name):
            return itemgetter(name)
        case ast.Constant(value=int() | float() as number):
            return lambda _: number
        case ast.Call(func=ast.Name(id=name), args=operands):
            combine = _FUNCTIONS[name]
        case ast.BinOp(left=left, op=sign, right=right):
            combine, operands = _OPERATORS[type(sign)], [left, right]
        case ast.UnaryOp(op=sign, operand=operand):
            combine, operands = _OPERATORS[type(sign)], [operand]
        case _:
            raise AssertionError(tree)  # whatever else there is was refused
    parts = [_composed(operand) for operand in operands]
    return lambda values: combine(*[part(values) for part in parts])


def parse_expression(value: object) -> Expression:
    """Check a text; raises PydanticCustomError that says what it may not hold."""
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
        raise PydanticCustomError(
            "expression", "is no expression of at most {longest} characters", {"longest": _LONGEST}
        )
    try:
        tree = ast.parse(value.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise PydanticCustomError("expression", "cannot be read as arithmetic") from None
    if _levels(tree) > _DEEPEST:
        raise PydanticCustomError("expression", "is nested more than {deepest} levels deep", {"deepest": _DEEPEST})
    functions = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {_name(node) for node in ast.walk(tree) if node not in functions}
    return Expression(value.strip(), frozenset(name for name in names if name), tree)


def _levels(tree: ast.AST) -> int:
    level, levels = [tree], 0
    while level:
        level, levels = [child for node in level for child in ast.iter_child_nodes(node)], levels + 1
    return levels


def _name(node: ast.AST) -> str:
    """Return the signal that a node names, or nothing; raise for what is not arithmetic."""
    if isinstance(node, ast.Call):
        _check_call(node)
    elif isinstance(node, ast.Constant):
        _check_constant(node.value)
    elif isinstance(node, ast.operator | ast.unaryop):
        if type(node) not in _OPERATORS:
            raise PydanticCustomError("expression", "knows + - * / only")
    elif not isinstance(node, _SYNTAX):
        raise PydanticCustomError("expression", "takes numbers, signals, + - * / and functions only")
    return node.id if isinstance(node, ast.Name) else ""


def _check_call(node: ast.Call) -> None:
    if not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS or node.keywords or not node.args:
        raise PydanticCustomError("expression", "knows the functions {known} only", {"known": ", ".join(_FUNCTIONS)})
    if node.func.id == "abs" and len(node.args) > 1:
        raise PydanticCustomError("expression", "gives abs more than one value")


def _check_constant(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value > _LARGEST:
        raise PydanticCustomError("expression", "takes numbers up to 1e308 only")
