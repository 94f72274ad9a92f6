"""A search as text and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest

from autoscaler.policy.schema import Policy
from autoscaler.report.tuning import MOST_SHOWN, markdown, shown, text, told
from autoscaler.simulate.tune.optimiser import Everything
from autoscaler.simulate.tune.outcome import Outcome
from autoscaler.simulate.tune.search import Search
from autoscaler.simulate.tune.space import Space
from tests.support.tuning import Figures, a_search, a_space, playing, trade

SMALL = a_space(bounds__min="1..3")


def outcome(space: Space | None = None, figures: object = trade, seeds: int = 1, **options: Sequence[str]) -> Outcome:
    search: Search = a_search(space, seeds=seeds, **options)
    play = playing(figures)  # type: ignore[arg-type]  # a function of a policy
    search.run(play, Everything(search.space), 100)
    search.simplify(play)
    return Outcome(search, 1, "policies/edge.yaml")


@cache
def usual() -> Outcome:
    return outcome()


def test_the_table_shows_the_current_policy_beside_the_best() -> None:
    shown_text = text(usual())
    lines = [line.split() for line in shown_text.splitlines()]
    assert ["current", "#1", "#10", "#15", "#20"] in lines
    assert "node_hours 20 10 (-50.0 %) 30 (+50.0 %) 40 (+100.0 %) 50 (+150.0 %)" in map(" ".join, lines)
    assert ["bounds.min", "2", "1", "3", "4", "5"] in lines
    assert "headroom.percent" not in shown_text
    assert "39 policies were tried beside the current one, on evening with 1 seed." in shown_text
    assert "Minimised: node_hours, rejected_sessions. Limits: publishers_cut == 0; viewer" in shown_text
    assert "#15\n--- a/policies/edge.yaml\n+++ b/policies/edge.yaml\n" in shown_text
    assert "\n-bounds: {min: 2, max: 12}\n+bounds: {min: 4, max: 12}\n" in shown_text


def test_in_markdown_the_patches_are_folded() -> None:
    shown_text = markdown(usual())
    assert "| node_hours | 20 | 10 (-50.0 %) |" in shown_text
    assert "| --- | --: | --: | --: | --: | --: |" in shown_text
    assert "<details><summary>#15 as a patch</summary>\n\n````diff\n--- a/policies/edge.yaml\n" in shown_text
    assert shown_text.count("<details>") == shown_text.count("</details>") == 4


def sentences(found: Outcome) -> str:
    return "\n".join(told(found))


def free(policy: Policy) -> Figures:
    return {"node_hours": 9.0 if policy.bounds.min == 3 else 10.0, "rejected_sessions": 4}


def same(_: Policy) -> Figures:
    return {"node_hours": 10.0, "rejected_sessions": 4}


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (usual(), "Nothing that was tried beats the current policy: what is better in one thing is worse in another."),
        (outcome(SMALL, same), "Nothing that was tried beats the current policy."),
        (
            outcome(SMALL, free),
            "Better than the current policy in something, and worse in nothing that is minimised: #2.",
        ),
        (outcome(SMALL, limits=["node_hours < 1"]), "Nothing that was tried keeps the limits."),
        (outcome(SMALL, limits=["node_hours < 15"]), "The current policy does not keep node_hours < 15."),
        (
            outcome(a_space(bounds__min="11..14")),
            "2 of them were no policies: bounds: min 13 is above max 12, for example.",
        ),
    ],
)
def test_what_was_found_is_said(found: Outcome, sentence: str) -> None:
    assert sentence in sentences(found).splitlines()


def test_an_interruption_is_said_first() -> None:
    whole = usual()
    assert sentences(Outcome(whole.search, 1, whole.name, interrupted=True)).startswith(
        "Interrupted: this is what was found"
    )


def test_of_many_some_are_shown_from_end_to_end() -> None:
    def much(policy: Policy) -> Figures:
        return {"node_hours": float(policy.bounds.min), "rejected_sessions": 100 - policy.bounds.min}

    found = outcome(a_space(bounds__min="1..12"), much)
    assert len(found.best) == 11
    numbers = [trial.number for trial in shown(found)]
    assert len(numbers) == MOST_SHOWN
    assert (numbers[0], numbers[-1]) == (found.best[0].number, found.best[-1].number)
    assert "6 of the 11 best are shown; --json has them all." in sentences(found)


def test_a_search_cannot_know_what_it_did_not_see() -> None:
    assert "a single seed is luck" in text(usual())
    assert "2 seeds are few" in text(outcome(SMALL, seeds=2))


def test_names_and_texts_cannot_end_their_frames() -> None:
    space = a_space(bounds__min="1..3")
    found = markdown(outcome(Space("a`b|c.yaml", space.text, space.axes)))
    assert found.startswith("## Search: `a'b|c.yaml`\n")
