"""Suggestions as a patch of the operator's own file: comments and layout stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from autoscaler.policy.units import format_number
from autoscaler.simulate.learn.suggest import Path, Suggestion
from autoscaler.simulate.tune.outline import patch, rewritten, shared


def changed(file: str, text: str, suggestions: Sequence[Suggestion]) -> str:
    """Return the patch of a policy's file that makes the suggestions true; `file` is its name there.

    Nothing where there are none, or where a value is an alias or has an anchor: it stands for other values, too.
    """
    edits = [edit for suggestion in suggestions for edit in _edits(suggestion)]
    if any(shared(text, path) for path, _ in edits):
        return ""
    after = text
    for path, value in edits:
        after = rewritten(after, path, value, tuple(Policy.model_fields))
    load_policies({file: after})
    return patch(file, text, after)


def _edits(suggestion: Suggestion) -> Iterator[tuple[Path, str]]:
    """Yield each value that changes. Of what the file does not have yet, the whole."""
    match suggestion.after:
        case dict() as after if suggestion.before is None:
            yield (
                suggestion.path,
                "{" + ", ".join(f"{key}: {format_number(value)}" for key, value in after.items()) + "}",
            )
        case dict() as after:
            yield from (((*suggestion.path, key), format_number(value)) for key, value in after.items())
        case int() | float() as after:
            yield suggestion.path, format_number(after)
