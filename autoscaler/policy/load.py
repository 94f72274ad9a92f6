"""Policies from the texts of a folder: all of them, or every problem of every file."""

from __future__ import annotations

from collections.abc import Mapping

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.document import Document, check, parse
from autoscaler.policy.schema import Policy


def load_policies(texts: Mapping[str, str]) -> tuple[Policy, ...]:
    """Read `{file name: text}`; raises ConfigurationError with all problems, those between files included."""
    policies, problems = read_policies(texts)
    if problems:
        raise ConfigurationError(problems)
    return tuple(policy for _, policy in policies)


def read_policies(texts: Mapping[str, str]) -> tuple[list[tuple[Document, Policy]], list[Problem]]:
    """Return the policies of files that are right by themselves, and all problems of the others and between them."""
    problems: list[Problem] = []
    policies: list[tuple[Document, Policy]] = []
    for file, text in texts.items():
        try:
            document = parse(text, file)
            policies.append((document, check(Policy, document)))
        except ConfigurationError as error:
            problems += error.problems
    return policies, problems + _clashes(policies)


def _clashes(policies: list[tuple[Document, Policy]]) -> list[Problem]:
    """Find what is right in each file and wrong together: one group twice, or two groups in the same slots."""
    problems: list[Problem] = []
    groups: dict[str, str] = {}
    slots: dict[tuple[str, str], str] = {}
    for document, policy in policies:
        other = groups.setdefault(policy.group, document.file)
        if other != document.file:
            message = f"the group {policy.group!r} has a policy already, in {other}"
            problems.append(document.problem(("group",), "duplicate-group", message))
            continue
        for number, membership in enumerate(policy.load_balancer):
            owner = slots.setdefault((membership.backend, policy.slots), policy.group)
            if owner != policy.group:
                message = f"the group {owner!r} uses the {policy.slots} servers of {membership.backend} already"
                hint = "give each group a `slots` prefix of its own"
                problems.append(document.problem(("load_balancer", number), "shared-slots", message, hint))
    return problems
