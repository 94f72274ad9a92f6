"""A policy as text that means exactly the same policy: what the journal keeps, so that a decision can be made again."""

from __future__ import annotations

from autoscaler.policy.schema import Policy


def read_policy(text: str) -> Policy:
    """Return the policy that `Policy.text` is.

    Raises:
        ValueError: the text is no policy of this version.
    """
    return Policy.model_validate_json(text)
