"""A comparison as Markdown, to be read in a pull request: what holds against it first, then group by group."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from autoscaler.report.comparison import MARKS, method, number, partings, proved, rows, suspected
from autoscaler.review.effective import difference
from autoscaler.simulate.compare.comparison import Failure, Match, Pair
from autoscaler.simulate.compare.review import Review

_MOST_LINES = 200
"""A longer diff is not read in a comment, and a comment has its limits."""


def markdown(review: Review) -> str:
    """Write the whole review."""
    return "\n".join(_lines(review)) + "\n"


def _lines(review: Review) -> Iterator[str]:
    yield f"## Policy review: {_code(review.base)} → {_code(review.head)}"
    yield ""
    for failure in review.failed:
        yield f"- **Fails**: {_failure(failure)}"
    for group in review.gone:
        allowed = _code(f"--removed {group}")
        yield f"- **Fails**: {_code(group)} is only in base, so no gate could look at it; {allowed} lets it go"
    for problem in review.base_problems:
        yield f"- Base cannot be read, so head was played alone: {_code(problem)}"
    yield from _verdict(review)
    for what, names in (("base, not played", review.only_base), ("head, played alone", review.only_head)):
        if names:
            yield f"- Only in {what}: {', '.join(map(_code, names))}"
    for group, pair in review.changed.items():
        yield from _group(review, group, pair)
    yield ""
    yield method(review, "`--seeds 5`")


def _failure(failure: Failure) -> str:
    values = ", ".join(f"{name} is {number(value)}" for name, value in failure.values.items())
    return f"{_code(failure.gate.text)} holds for {_name(failure.match)}: {values}"


def _verdict(review: Review) -> Iterator[str]:
    """Sum up in two lines what is proved, or say that nothing is."""
    for word, sign in (("Worse", 1), ("Better", -1)):
        found = [f"{_code(measure)} of {_name(match)}" for match, measure in proved(review, sign)]
        if found:
            yield f"- {word}: {', '.join(found)}"
    doubtful = [f"{_code(measure)} of {_name(match)}" for match, measure in suspected(review)]
    if doubtful:
        yield f"- Much more, but not proved by {len(review.seeds)} seeds: {', '.join(doubtful)}"
    same = [group for group in review.pairs if group not in review.changed]
    if same:
        yield f"- Means the same on both sides: {', '.join(map(_code, same))}"


def _group(review: Review, group: str, pair: Pair) -> Iterator[str]:
    matches = [match for match in review.matches if match.group == group]
    diff = difference(pair.base, pair.head)
    yield ""
    yield f"### {_code(group)}"
    yield ""
    yield from _folded("What changes in effect, defaults resolved", "diff", _cut(diff))
    for match in matches:
        yield ""
        yield from _match(match)


def _match(match: Match) -> Iterator[str]:
    if not match.changed:
        yield f"**{_name(match)}**: nothing came out otherwise."
        return
    yield f"**{_name(match)}**"
    yield ""
    yield "| | base | head | change | |"
    yield "|---|--:|--:|--:|---|"
    for row in rows(match):
        mark = f"**{row.mark}**" if row.mark in MARKS.values() else row.mark
        yield f"| {row.measure} | {row.base} | {row.head} | {row.change} | {mark} |"
    if match.partings:
        yield ""
        yield from _folded("The first cycles in which they differ", "", list(partings(match)))


def _folded(title: str, kind: str, lines: Sequence[str]) -> Iterator[str]:
    """Write lines that open on a click, in a fence that nothing within them closes."""
    fence = "`" * max([3, *(len(run) + 1 for line in lines for run in re.findall("`{3,}", line))])
    yield from (f"<details><summary>{title}</summary>", "", fence + kind, *lines, fence, "", "</details>")


def _cut(lines: Sequence[str]) -> Sequence[str]:
    return [*lines[:_MOST_LINES], f"... and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else lines


def _name(match: Match) -> str:
    return f"{_code(match.group)} on {_code(match.trace)}"


def _code(text: str) -> str:
    """Write a name so that nothing in it is Markdown, not even in a table."""
    plain = " ".join(text.replace("`", "'").split())
    return f"`{plain}`".replace("|", "\\|")
