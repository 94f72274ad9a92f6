"""The page as text: what it says, that nobody speaks through it, and that it is the same every time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from autoscaler.report import moments
from autoscaler.report.moments import Moments
from autoscaler.report.page import render
from autoscaler.report.panels import Panel, panels
from autoscaler.report.words import HEAD, MEANINGS, OMITTED, table, tiles
from autoscaler.simulate.run import Played
from autoscaler.simulate.timeline import Turn
from tests.support.played import evening, measured, played, tick

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>'\"&"
POLICY = f"group: edge\n# {EVIL}\n"


class Outline(HTMLParser):
    """Which tags a page has, with what, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._script = False

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts.append(data)
        self.text += f"{data} "


def page(run: Played, policy: str = POLICY) -> str:
    return render(run, measured(run), policy)


def drawn(run: Played) -> dict[str, Panel]:
    return {panel.key: panel for panel in panels(Moments.of(run.timeline))}


def test_the_same_run_gives_the_same_bytes_however_long_it_took() -> None:
    first, again = evening(3), evening(3)
    assert page(first) == render(again, replace(measured(again), wall_s=99.0), POLICY)
    assert page(first) != page(evening(4))


def test_nobody_speaks_through_the_page() -> None:
    run = evening(3, reasons=(("target_tracking", EVIL),))
    found = Outline(render(run, measured(run, policy=EVIL, trace=EVIL), POLICY))
    assert [tag for tag, _ in found.tags].count("script") == 2
    assert not [tag for tag, _ in found.tags if tag in {"img", "link", "iframe", "object", "base"}]
    assert not [
        names for _, names in found.tags if any(name.startswith("on") or name in {"src", "href"} for name in names)
    ]
    assert found.text.count(EVIL) >= 5  # title, heading, facts, decisions and the policy: shown as it was written
    assert ["target_tracking", EVIL] in json.loads(found.scripts[0])["reasons"]


def test_only_its_own_script_may_run_and_nothing_may_be_loaded() -> None:
    (policy,) = [names["content"] for tag, names in Outline(page(evening(1))).tags if names.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")
    assert "url(" not in page(evening(1))


def test_the_head_says_what_was_played() -> None:
    run = evening(24)
    text = re.sub(r"\s+", " ", Outline(page(run)).text)
    assert "edge on evening" in text
    for fact in ("Seed 7", "Length 1 d", "Cycles 8,640", f"Digest {run.timeline.digest}"):
        assert fact in text


def test_every_measure_is_explained_or_stands_in_the_head() -> None:
    run = evening(1)
    assert sorted([*MEANINGS, *HEAD, *OMITTED]) == sorted(measured(run).plain())
    text = Outline(page(run)).text
    assert all(word in text for row in table(measured(run)) for word in (row.label, row.key, row.meaning, row.value))


def test_what_hurt_people_is_told_apart_from_what_did_not() -> None:
    measures = replace(
        measured(evening(1)), rejected_sessions=12, sessions=1200, node_hours=1234.56, oracle_node_hours=999.9
    )
    first, second, third, fourth = tiles(measures)
    assert (first.value, first.meaning, first.state) == ("12", "of 1,200 (1.00 %)", "bad")
    assert (second.state, third.state) == ("good", "good")
    assert (fourth.value, fourth.state) == ("1,234.6", "")
    assert "oracle's 999.9" in fourth.meaning


def test_capacity_stands_beside_the_load_of_whoever_came() -> None:
    assert list(drawn(played([tick(0, viewers=3), tick(10)])))[:2] == ["viewers", "nodes"]
    assert list(drawn(played([tick(0, publishers=3), tick(10)])))[:2] == ["publishers", "nodes"]
    both = drawn(played([tick(0, publishers=3, viewers=9), tick(10)]))
    assert list(both) == ["viewers", "publishers", "nodes", "drains", "rejected"]
    assert [series.key for series in both["viewers"].series] == ["viewers", "serving"]
    assert both["viewers"].told == "Viewers: at most 9. Nodes in service: 2."


def test_phases_lie_on_one_another() -> None:
    nodes = drawn(played([tick(0, serving=2, draining=1, coming=1, desired=3), tick(10, serving=4, desired=4)]))[
        "nodes"
    ]
    paths = {series.key: series.path for series in nodes.series}
    assert paths["serving"].startswith("M0 500H50000V0")  # 2 of 4, then all
    assert paths["draining"].startswith("M0 250H50000V0")
    assert paths["coming"].startswith("M0 0H100000")
    assert paths["desired"] == "M0 250H50000V0H100000"


def test_drains_are_told_by_how_many_there_were_and_how_long() -> None:
    drains = drawn(played([tick(at * 10.0, draining=count) for at, count in enumerate((0, 1, 2, 0, 1, 0))]))["drains"]
    assert drains.told == "In 2 stretches of time a node drained, at most 2 at once; the longest took 20 s."
    assert (drains.rows, drains.series[0].path.count("Z")) == (2, 3)
    once = drawn(played([tick(0), tick(10, draining=1), tick(20)]))["drains"]
    assert once.told == "In one stretch of time a node drained, at most 1 at once; the longest took 10 s."


def test_what_did_not_happen_is_said_and_not_drawn() -> None:
    quiet = drawn(played([tick(0), tick(10)]))
    assert (quiet["drains"].told, quiet["drains"].series) == ("No node was drained.", ())
    assert (quiet["rejected"].told, quiet["rejected"].series) == ("No session was rejected, and none was cut.", ())
    assert "wanted the same number of nodes all the time" in page(played([tick(0), tick(10)]))


def test_rejections_and_cuts_are_told_apart() -> None:
    rejected = drawn(played([tick(0, rejected=4), tick(10, cut=1)]))["rejected"]
    assert [series.key for series in rejected.series] == ["rejected", "cut"]
    assert rejected.told == "4 sessions were rejected and 1 was cut."
    one = drawn(played([tick(0, rejected=1), tick(10, cut=2000)]))["rejected"]
    assert one.told == "1 session was rejected and 2,000 were cut."


def test_a_point_of_several_cycles_begins_with_its_first() -> None:
    merged = Moments.of(played(tick(number * 10.0) for number in range(5001)).timeline)
    assert (merged.merged, merged.step_s) == (2, 10)
    assert (merged.edges_s[0], merged.edges_s[1], merged.edges_s[-1]) == (0, 20, 50_010)
    single = Moments.of(played([tick(0), tick(10), tick(20)]).timeline)
    assert (single.merged, list(single.edges_s)) == (1, [0, 10, 20, 30])


def test_what_lasts_for_a_cycle_of_a_month_is_drawn_and_told_as_it_was() -> None:
    """One cycle of drain and one of rejections, each beside a fuller moment that is merged with it."""
    ticks = [tick(number * 10.0) for number in range(30 * 8640)]
    for number, changes in {
        100_000: {"draining": 1}, 100_001: {"serving": 9}, 200_000: {"rejected": 40}, 200_001: {"rejected": 1},
        259_199: {"cut": 2},
    }.items():  # fmt: skip
        ticks[number] = tick(number * 10.0, **changes)
    panels_ = drawn(played(ticks))
    assert panels_["drains"].told == "In one stretch of time a node drained, at most 1 at once; the longest took 10 s."
    assert "No bar is shorter than 10 min 40 s." in panels_["drains"].note
    assert panels_["drains"].series[0].path.count("Z") == 1
    assert panels_["rejected"].told == "41 sessions were rejected and 2 were cut."
    assert panels_["rejected"].note.startswith(
        "Sessions in a cycle of 10 s. A bar is the worst of the cycles within 10 min 40 s."
    )
    assert panels_["rejected"].left[-1].label == "40"
    assert [series.path.count("Z") for series in panels_["rejected"].series] == [1, 1]
    assert "Draining: 0 to 1." in panels_["nodes"].told


def test_of_very_many_decisions_the_first_are_shown_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "MOST_TURNS", 3)
    turns = [Turn(number * 10.0, number % 2, (number + 1) % 2, ()) for number in range(5)]
    run = played([tick(number * 10.0) for number in range(5)], turns)
    assert (len(Moments.of(run.timeline).turns), Moments.of(run.timeline).left_out) == (3, 2)
    assert "5 changes of the desired size, the first" in page(run)
    assert ">1 change of the desired size<" in page(played([tick(0), tick(10)], turns[:1]))


def test_a_run_of_one_cycle_is_drawn() -> None:
    assert "Length" in page(played([tick(0, viewers=1)]))


def test_the_longest_run_takes_no_more_than_a_picture() -> None:
    run = evening(11)
    assert len(run.timeline.points) > 3900  # a timeline keeps at most 4096
    assert len(page(run)) < 400_000
