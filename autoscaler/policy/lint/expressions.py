"""Expressions that run the wrong way."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from autoscaler.policy.lint.finding import Check, Finding, voices
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import CAPACITY


def falling_expression(policy: Policy) -> Iterator[Finding]:
    """Find loads that fall when what they are made of rises: a rule shrinks the group the more it has to do."""
    for name in dict.fromkeys(voice.name for voice in voices(policy)):
        expr = policy.signals[name].expr
        signs = set(_signs(expr.tree, 1)) if expr else set()
        falls = sorted(signal for signal, sign in signs if sign < 0 and (signal, 1) not in signs)
        if falls:
            message = f"{name} falls when {', '.join(falls)} rises, and a falling load shrinks the group"
            hint = "write what rises with the load; only capacity belongs under a line or behind a minus"
            yield Finding(("signals", name, "expr"), message, hint)


def _signs(node: ast.expr, sign: int) -> Iterator[tuple[str, int]]:
    """Yield each signal of an expression with 1 or -1: whether the whole rises or falls with it, all else equal."""
    match node:
        case ast.Name(id=name) if name != CAPACITY:
            yield name, sign
        case ast.UnaryOp(operand=operand):
            yield from _signs(operand, -sign)
        case ast.BinOp(left=left, op=op, right=right):
            product, turns = isinstance(op, ast.Mult), isinstance(op, ast.Sub | ast.Div)
            yield from _signs(left, sign * _side(right) if product else sign)
            yield from _signs(right, sign * _side(left) if product else -sign if turns else sign)
        case ast.Call(args=arguments):
            for argument in arguments:
                yield from _signs(argument, sign)


def _side(factor: ast.expr) -> int:
    """Return -1 for a negative number. What else may be below zero nobody knows; loads are not."""
    return -1 if isinstance(factor, ast.UnaryOp) and isinstance(factor.operand, ast.Constant) else 1


CHECKS: dict[str, Check] = {"lint-falling-expression": falling_expression}
