"""Every code that the product can show has its place in docs/reasons.md or docs/errors.md, and no other has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autoscaler.adapters.ec2_errors import KINDS
from autoscaler.cli.plan import WOULD_ACT
from autoscaler.decide.limits import keep_max, keep_min
from autoscaler.model import errors
from autoscaler.model.decision import Direction, Proposal
from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.document import check, parse
from autoscaler.policy.rules import ScaleRule
from autoscaler.policy.schema import Bounds, Policy
from autoscaler.review.scenario import PolicyTests
from autoscaler.runtime.settings import Settings
from tests.support.documents import ROOT, first_spans, headings, modules, prose, read, rows, tree

REASONS, ERRORS = ROOT / "docs/reasons.md", ROOT / "docs/errors.md"

CODE_OF = {
    # what is called: which argument is the code
    "Reason": 0, "to": 1, "Skipped": 0, "Failed": 0, "ActionError": 0, "Problem": 3,
    "problem": 1, "_problem": 1, "PydanticCustomError": 0, "writing": 1,
}  # fmt: skip

PASSED_ON = {
    # a code that is no literal where it is used: where it comes from instead
    "autoscaler/model/decision.py": {"Reason": {"code"}},  # Proposal.to, collected where it is called
    "autoscaler/decide/combine.py": {"to": {"winner.rule.partition(':')[0]"}},  # the kinds of rules
    "autoscaler/decide/pace.py": {"to": {"f'cooldown_{direction}'", "f'rate_limit_{direction}'"}},
    "autoscaler/cycle/execute.py": {"Failed": {"error.code"}, "Skipped": {"f'no_second_look:{error.source}'"}},
    "autoscaler/cycle/look_again.py": {"Skipped": {"f'no_second_look:{error.source}'"}},
    "autoscaler/adapters/haproxy_control.py": {"Failed": {"error.code"}},
    "autoscaler/adapters/mongo.py": {"ActionError": {"code"}},  # `writing`, collected where it is called
    "autoscaler/adapters/ec2_errors.py": {"ActionError": {"kind"}},  # KINDS
    "autoscaler/adapters/policy_files.py": {"Problem": {"code"}},  # _problem
    "autoscaler/adapters/git_policies.py": {"Problem": {"code"}},  # _problem
    "autoscaler/runtime/preflight.py": {"ActionError": {"code"}},  # that of the refusal it sums up
    "autoscaler/policy/document.py": {"problem": {"kind.replace('_', '-')"}},  # pydantic's
}


def calls(file: Path) -> Iterator[tuple[str, ast.expr]]:
    """Every code that the file gives to something in CODE_OF, as an expression."""
    for node in ast.walk(tree(file)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        position = CODE_OF.get(name) if (name, file.name) != ("_problem", "document.py") else None  # another one
        starred = any(isinstance(argument, ast.Starred) for argument in node.args)  # Document.problem, itself collected
        if position is not None and len(node.args) > position and not starred:
            yield name, node.args[position]


def literals(expression: ast.expr, file: Path) -> set[str] | None:
    """The codes that an expression can be; None when it is passed on from elsewhere."""
    match expression:
        case ast.Constant(value=str(code)):
            return {code}
        case ast.IfExp(body=body, orelse=orelse):
            either, other = literals(body, file), literals(orelse, file)
            return either | other if either and other else None
        case ast.Name(id=name):
            values = [
                node.value
                for node in ast.walk(tree(file))
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name
            ]
            codes = [literals(value, file) for value in values]
            return set().union(*(code for code in codes if code)) or None
    return None


def given(*names: str) -> set[str]:
    """The literal codes given to these, over the whole package."""
    found: set[str] = set()
    for file in modules("demo", "simulate"):
        for name, expression in calls(file):
            if name in names:
                found |= literals(expression, file) or set()
    return found


def test_every_code_is_a_literal_or_known_to_be_passed_on() -> None:
    """A new indirection would hide its codes from the tests below."""
    found: dict[str, dict[str, set[str]]] = {}
    for file in modules("demo", "simulate"):
        for name, expression in calls(file):
            if literals(expression, file) is None:
                found.setdefault(str(file.relative_to(ROOT)), {}).setdefault(name, set()).add(ast.unparse(expression))
    assert found == PASSED_ON


def whys() -> set[str]:
    """What steps carry as `why`."""
    found: set[str] = set()
    for file in modules("demo", "simulate"):
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.keyword) and node.arg == "why":
                found |= literals(node.value, file) or set()
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_ENDS":
                found |= {value.value for value in node.value.values}  # type: ignore[attr-defined]  # a dict of words
    return found


def guarded() -> set[str]:
    """What the guard says: every word with an underscore in its file that stands for itself."""
    words = {
        node.value
        for node in ast.walk(tree(ROOT / "autoscaler/plan/guard.py"))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {word for word in words if re.fullmatch(r"[a-z]+(_[a-z]+)+", word)} - {"launch_unanswered"}


def reasons() -> set[str]:
    directions = {str(direction) for direction in (Direction.OUT, Direction.IN)}
    paced = {f"{kind}_{direction}" for kind in ("cooldown", "rate_limit") for direction in directions}
    kinds = set(ScaleRule.model_fields) - {"group"}
    return given("Reason", "to") | kinds | paced | guarded()


def test_every_reason_has_a_section_and_every_section_a_reason() -> None:
    documented = [heading.strip("`") for heading in headings(REASONS) if heading.startswith("`")]
    assert sorted(documented) == sorted(reasons() | whys())


def test_every_problem_has_a_row() -> None:
    sections = (
        "in files", "at the start", "with a reservation", "in a comparison", "in a search", "with a recording",
        "at a reload",
    )  # fmt: skip
    documented = first_spans([row for section in sections for row in rows(ERRORS, f"Problems {section}")])
    custom = {code.replace("_", "-") for code in given("PydanticCustomError")}
    plain = given("Problem", "problem", "_problem")
    tune = (found for file in modules() if file.parent.name == "tune" for found in calls(file))
    searched = {code for _, code in tune if isinstance(code, ast.Constant)}
    assert sorted(documented) == sorted(custom | plain | {str(code.value) for code in searched})


def test_every_failure_has_a_row() -> None:
    documented = first_spans(rows(ERRORS, "Steps that fail"))
    fixed = {errors.StockOut("").code, errors.StateConflict("").code}
    assert sorted(documented) == sorted(
        given("Failed", "ActionError", "writing") | fixed | {kind for kind, *_ in KINDS}
    )


def test_every_skip_has_a_row() -> None:
    documented = set(first_spans(rows(ERRORS, "Steps that are skipped")))
    assert documented == given("Skipped") | {"no_second_look:SOURCE"}


def test_every_source_has_a_row() -> None:
    sources = set()
    for file in modules("demo", "simulate"):
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "ObservationError":
                sources.add(ast.unparse(node.args[0]))
    # The socket's own address is replaced by `haproxy:NAME` where it leaves the adapter.
    passed_on = {"self.source", "source", "gap.source", "first.source", "self.address"}
    assert sources - passed_on == {"'ec2'", "SOURCE", "_SOURCE", "f'haproxy:{self.balancer}'", "f'haproxy:{balancer}'"}
    assert set(first_spans(rows(ERRORS, "Sources that cannot be read"))) == {
        "ec2", "mongodb", "haproxy:NAME", "ams", "cluster",
    }  # fmt: skip


def test_every_exit_code_has_a_row() -> None:
    classes = [
        cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.AutoscalerError)
    ]
    codes = {0, WOULD_ACT} | {cls.exit_code for cls in classes}
    assert {int(code) for code in first_spans(rows(ERRORS, "Exit codes"))} == codes


def events() -> set[str]:
    """The first words of everything that is logged."""
    found = set()
    for file in modules("demo", "simulate"):
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Call) and re.fullmatch(
                r"(self\._)?log\.(info|warning|error|log)", ast.unparse(node.func)
            ):
                words = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
                found |= {word for word in words if isinstance(word, str)}
    return found


def test_every_log_event_has_a_row() -> None:
    assert sorted(first_spans(rows(ERRORS, "Log events"))) == sorted(events() | {"cycle"})


def test_what_a_failing_boot_script_says_is_quoted_as_it_says_it() -> None:
    script = read(ROOT / "autoscaler/adapters/user_data.sh")
    for words in first_spans(rows(ERRORS, "A node that does not join")):
        assert words in script, words


SCHEDULE = "  - schedule: {first_day: 2026-06-01, from: 18:00, timezone: UTC, min: 1}\n"
FORECAST = """\
  - forecast: {signal: sessions, target_per_node: 9, season: 7d, seasons: 4, at_least: 2, quantile: 90%, horizon: 15m}
"""
WHOLE_POLICY = f"""\
{read(ROOT / "policies/edge.yaml").replace("headroom:", f"{SCHEDULE}{FORECAST}headroom:")}
viewers_per_node: 100
reservations: [{{name: gig, at: 2026-06-01T18:00:00Z, until: 2026-06-01T20:00:00Z, viewers: 500, lead: 30m}}]
"""
WHOLE_SETTINGS = """\
cluster: live
cycle: 5s
give_up_after: 12
mongodb: {uri: "mongodb://h/", cluster_database: c, state_database: s, applications: [LiveApp]}
haproxy: [{name: lb1, socket: "unix:/s", master: "unix:/m", stats: "http://h/", username: u, password: p, timeout: 3s}]
ec2: {region: r, endpoint_url: u}
nodes: {mongodb_uri: "mongodb://h/"}
ams: {port: 5080, jwt_secret: "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", timeout: 1s}
web: {listen: "h:1", token: "tttttttttttttttt"}
policies: p
"""
WHOLE_TESTS = "cases: [{name: a, given: {nodes: [{phase: draining}]}, expect: {desired: 1}}]"
WRONG = [
    "", "x y!", -1, 0, 10**9, 1.5, float("inf"), True, None, [], {}, "[1]", [1], {"a": 1}, "5000%", "0%", "1000d",
]  # fmt: skip


def spoilt(value: object, wrong: object) -> Iterator[object]:
    """Every version of a document in which one part is replaced."""
    yield wrong
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        for other in spoilt(part, wrong):
            spoiled: Any = copy(value)  # marks are kept
            spoiled[key] = other
            yield spoiled


def type_codes(model: type[Policy | Settings | PolicyTests], text: str) -> set[str]:
    """The codes of everything that one wrong value can cause."""
    whole = parse(text, "f.yaml")
    found: set[str] = set()
    crowded = [copy(whole.root) for _ in whole.root]
    for root, (key, part) in zip(crowded, whole.root.items(), strict=True):
        root[key] = part * 501 if isinstance(part, list) else part
    wronged: list[Any] = [root for wrong in WRONG for root in list(spoilt(whole.root, wrong))[1:]]  # mappings again
    for root in (*crowded, *wronged):
        try:
            check(model, replace(whole, root=root))
        except ConfigurationError as error:
            found |= {problem.code for problem in error.problems}
    return found


def test_what_the_type_checker_says_is_listed() -> None:
    known = set(first_spans(rows(ERRORS, "Problems in files")))
    text = prose(ERRORS).partition("The type checker adds:")[2].partition("Their messages")[0]
    listed = set(re.findall(r"`([^`]+)`", text))
    found = (
        type_codes(Policy, WHOLE_POLICY) | type_codes(Settings, WHOLE_SETTINGS) | type_codes(PolicyTests, WHOLE_TESTS)
    )
    assert found - known == listed


@pytest.mark.parametrize(("current", "code"), [(0, "below_min"), (9, "above_max")])
def test_reasons_of_bounds_are_those_of_the_document(current: int, code: str) -> None:
    """The collector reads source; this one example holds it to what really comes out."""
    bounds = Bounds(min=1, max=5)
    (reason,) = keep_min(keep_max(Proposal(current, current), bounds), bounds).reasons
    assert reason.code == code
    assert code in reasons()
