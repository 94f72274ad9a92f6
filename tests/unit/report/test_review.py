"""A comparison as Markdown and as a page: what is said, and that no text in it becomes more than text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from autoscaler.policy.load import load_policies
from autoscaler.report.comparison import change, number
from autoscaler.report.markdown import markdown
from autoscaler.report.review_page import page
from autoscaler.simulate.compare.comparison import Failure, Match, Pair
from autoscaler.simulate.compare.diary import Parting, Told
from autoscaler.simulate.compare.gate import parse_gate
from autoscaler.simulate.compare.review import Review
from autoscaler.simulate.compare.spread import Spread
from autoscaler.simulate.measures import Measures
from tests.support.played import evening, measured
from tests.support.policy_text import QUIET, lay_over

EVIL = "a|b`<script>alert(1)</script>"
FENCE = "```\n</pre><b>out</b>"
GROWN = lay_over(QUIET, "bounds: {min: 3, max: 12}\n")


def runs(**changes: Any) -> tuple[Measures, ...]:
    one = replace(measured(evening(1)), trace=EVIL, **changes)
    return tuple(replace(one, seed=seed, digest=f"{changes}{seed}") for seed in (1, 2))


def review(head: str = GROWN, seeds: int = 2) -> Review:
    pair = Pair(*(load_policies({"edge.yaml": text})[0] for text in (QUIET, head)))
    told = Told(2, 3, (("step:cpu", "out 3", FENCE),), (("step", "2 -> 3", FENCE),))
    parting = Parting(4, datetime(2026, 3, 4, 18, tzinfo=UTC), told, told)
    match = Match("edge", EVIL, runs()[:seeds], runs(node_hours=900.0, flaps=0)[:seeds], (parting,))
    failed = [Failure(parse_gate("head.node_hours > 1"), match)]
    return Review(EVIL, "head.yaml", {"edge": pair}, range(seeds), [match], failed, ["gone"], ["new"])


SAID = (
    "bounds.min: 3", "head.node_hours > 1 holds for edge on", "head.node_hours is 900", "cycle 4, for 1 cycle",
    "Only in base, not played: gone", "Only in head, played alone: new", "Worse: node_hours of edge", "Student's t",
)  # fmt: skip


def words(page_or_markdown: str) -> str:
    """Return the text alone, whatever it is marked with."""
    found: list[str] = []

    class Text(HTMLParser):
        def handle_data(self, data: str) -> None:
            found.append(data)

    Text().feed(page_or_markdown.replace("`", "").replace("**", ""))
    return " ".join("".join(found).replace("&gt;", ">").split())


@pytest.mark.parametrize("form", [markdown, page])
def test_the_same_is_said_in_both_forms(form: Any) -> None:
    text = words(form(review()))
    assert [said for said in SAID if said not in text] == []


@pytest.mark.parametrize("form", [markdown, page])
def test_what_is_much_more_but_not_proved_is_said(form: Any) -> None:
    """Two seeds prove little: 0 and 939 rejected are 469.5 in the mean, in an interval from below 0."""
    found = review()
    (match,) = found.matches

    def shown(*rejected: int) -> str:
        head = tuple(replace(run, rejected_sessions=count) for run, count in zip(match.base, rejected, strict=True))
        return words(form(replace(found, matches=[replace(match, head=head)])))

    few = match.base[0].rejected_sessions
    said = "Much more, but not proved by 2 seeds: rejected_sessions of edge"
    assert said in shown(few, few + 939)
    assert "not proved" in shown(few, few + 939).replace(said, "")
    assert said not in shown(few, few)
    assert said not in shown(few + 900, few + 901)


@pytest.mark.parametrize("form", [markdown, page])
def test_what_fails_or_lacks_beside_the_gates_is_said(form: Any) -> None:
    text = words(form(replace(review(), gone=["gone"], base_problems=["HEAD:policies: no-path <b>"])))
    assert "Fails: gone is only in base, so no gate could look at it; --removed gone lets it go" in text
    assert "Base cannot be read, so head was played alone: HEAD:policies: no-path" in text


@pytest.mark.parametrize("form", [markdown, page])
def test_a_group_that_head_alone_has_shows_all_of_itself(form: Any) -> None:
    found = review()
    (match,), pair = found.matches, found.pairs["edge"]
    alone = replace(found, pairs={"edge": pair._replace(base=None)}, matches=[replace(match, base=(), partings=())])
    text = words(form(replace(alone, failed=[])))
    assert "+group: edge" in text
    assert "node_hours" in text
    assert "Worse" not in text


@pytest.mark.parametrize("form", [markdown, page])
def test_a_single_seed_proves_nothing_in_either(form: Any) -> None:
    text = form(review(seeds=1))
    assert "--seeds 5" in text
    assert "Worse" not in text
    assert "| **worse** |" not in text
    assert ">worse<" not in text


@pytest.mark.parametrize("form", [markdown, page])
def test_runs_that_differ_in_money_only_have_come_out_otherwise(form: Any) -> None:
    same, dearer = (
        tuple(replace(run, cost=run.cost + more, digest="same", wall_s=more) for run in runs()) for more in (0, 9)
    )
    slower = tuple(replace(run, wall_s=9.0) for run in same)
    for head, said in ((dearer, False), (slower, True)):
        text = form(replace(review(), matches=[Match("edge", EVIL, same, head)]))
        assert ("othing came out otherwise." in text) == said


@pytest.mark.parametrize("form", [markdown, page])
def test_what_means_the_same_is_a_line_in_both(form: Any) -> None:
    text = words(form(review(QUIET)))
    assert "Means the same on both sides: edge" in text
    assert "bounds.min" not in text


@pytest.mark.parametrize("form", [markdown, page])
def test_what_came_out_the_same_has_no_table(form: Any) -> None:
    found = review()
    (match,) = found.matches
    text = words(form(replace(found, matches=[replace(match, head=match.base)])))
    assert "othing came out otherwise." in text
    assert "slo_minutes_breached" not in text


def test_no_name_is_markdown_and_no_line_ends_a_fence() -> None:
    text = markdown(review())
    assert "`a\\|b'<script>alert(1)</script>`" in text
    fences = [len(line.rstrip("dif")) for line in text.splitlines() if line.startswith("```")]
    assert fences[:3] == [3, 3, 4]
    assert fences[-1] == 4


def test_no_name_is_html() -> None:
    tags: list[str] = []

    class Outline(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            assert not {"src", "href", "onclick"} & {name for name, _ in attrs}

    Outline().feed(page(review()))
    assert {"script", "b", "link", "img"}.isdisjoint(tags)
    assert tags.count("table") == 1


def test_a_long_diff_is_cut() -> None:
    rules = "".join(f"  - target_tracking: {{signal: cpu, target: {number}}}\n" for number in range(10, 99))
    text = markdown(review(lay_over(QUIET, f"scale:\n{rules}")))
    assert "\n... and " in text
    assert len(text.splitlines()) < 280


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.001, "0"), (2.0, "2"), (1234.5, "1,234.50"), (-3.25, "-3.25"), (1e6, "1,000,000")],
)
def test_numbers_are_short(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_change_is_shown_with_its_share_and_its_interval() -> None:
    assert change(Spread(2.5, 1.0, 4.0), 10) == "+2.50 (+25.0 %) [+1, +4]"
    assert change(Spread(2.5), 0) == "+2.50"
    assert change(Spread(0.0, 0.0, 0.0), 10) == "0"
    assert change(Spread(-1.0, -3.0, 1.0), 4) == "-1 (-25.0 %) [-3, +1]"
