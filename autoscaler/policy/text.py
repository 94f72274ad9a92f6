"""A policy as text that means exactly the same policy: what the journal keeps, so that a decision can be made again."""

from __future__ import annotations

from autoscaler.policy.schema import Policy


def print_policy(policy: Policy) -> str:
    """Return the policy as one line of JSON with every default in it; equal policies give equal texts."""
    return policy.model_dump_json(by_alias=True)


def read_policy(text: str) -> Policy:
    """Return the policy that `print_policy` wrote.

    Raises:
        ValueError: the text is no policy of this version.
    """
    return Policy.model_validate_json(text)
