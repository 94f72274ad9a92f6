"""A policy as text that means exactly the same policy: what the journal keeps, so that a decision can be made again."""

from __future__ import annotations

from autoscaler.policy.schema import Policy


def print_policy(policy: Policy) -> str:
    """Return the policy as one line of JSON; equal policies give equal texts.

    Defaults are in it, lest a later version has others. Only what is left out, and is nothing, stays left out.
    """
    return policy.model_dump_json(by_alias=True, exclude_none=True)


def read_policy(text: str) -> Policy:
    """Return the policy that `print_policy` wrote.

    Raises:
        ValueError: the text is no policy of this version.
    """
    return Policy.model_validate_json(text)
