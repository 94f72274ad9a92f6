"""The page of a simulation in a real Chromium: what readers see, on a desk, on a phone, by night, with keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from autoscaler.cli.app import app
from autoscaler.policy.load import load_policies
from autoscaler.report import review_page
from autoscaler.report.page import render
from autoscaler.simulate.compare.comparison import Match, Pair
from autoscaler.simulate.compare.review import Review
from autoscaler.simulate.run import Played
from tests.support.browser import Browser, Scheme
from tests.support.played import WANTED, evening, measured, played, tick
from tests.support.policy_text import QUIET, lay_over

PHONE, DESK = (375, 812), (1280, 900)
EVIL = "</script><script>document.title = 1</script><img src=http://127.0.0.1:9/x onerror='document.title = 1'>"
POLICY = f"{QUIET}# {EVIL}\n# {'a-very-long-word' * 40}\n"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
TIP = "document.getElementById('tip').hidden ? '' : document.getElementById('tip').innerText"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """Whatever a test does: nothing may be complained of, and nobody asked for anything."""
    chromium.errors.clear()
    chromium.requests.clear()
    yield chromium
    assert (chromium.errors, chromium.requests) == ([], [])


@pytest.fixture(scope="module")
def run() -> Played:
    return evening(24, reasons=(*WANTED, ("step", EVIL)))


@pytest.fixture(scope="module")
def page(run: Played, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(
        render(run, measured(run, policy=EVIL, trace="a-trace-with-a-name-that-is-rather-long-for-a-phone"), POLICY)
    )
    return file


@pytest.mark.parametrize("size", [PHONE, DESK, (320, 640)], ids=["phone", "desk", "small"])
def test_nothing_hangs_over_the_edge(browser: Browser, page: Path, size: tuple[int, int]) -> None:
    browser.window(*size, touch=size != DESK)
    browser.open(page)
    for _ in range(3):
        browser.click("[data-zoom=in]")
    wide = "[...document.querySelectorAll('body *')].filter(e => !e.closest('pre, .plot, .times, thead') && "
    wide += "e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.outerHTML)"
    assert browser.js("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert browser.js(wide) == []


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_review_shows_all_its_columns(browser: Browser, tmp_path: Path, size: tuple[int, int]) -> None:
    """What got worse stands in the last one: nobody looks for it beyond the edge."""
    grown = lay_over(QUIET, "headroom: {percent: 60%}\n")
    pair = Pair(*(load_policies({"edge.yaml": text})[0] for text in (QUIET, grown)))
    base = tuple(replace(measured(evening(1)), seed=seed, node_hours=1234.5 + seed) for seed in (1, 2))
    head = tuple(replace(each, node_hours=2 * each.node_hours, rejected_sessions=each.seed * 939) for each in base)
    match = Match("edge", "zero-to-2000", base, head)
    file = tmp_path / "review.html"
    file.write_text(review_page.page(Review("a", "b", {"edge": pair}, (1, 2), [match], [])))
    browser.window(*size, touch=size != DESK)
    browser.open(file)
    assert browser.js("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    wide = "[...document.querySelectorAll('td, th')].filter("
    wide += "e => e.getBoundingClientRect().right > e.closest('.wide').getBoundingClientRect().right + 1).length"
    assert browser.js("document.querySelectorAll('td').length") == 20
    assert browser.js(wide) == 0


def test_texts_are_texts(browser: Browser, page: Path) -> None:
    browser.window(*DESK)
    browser.open(page)
    assert browser.js("document.title").startswith("</script><script>")
    assert EVIL in browser.js("document.querySelector('#policy').innerText")
    assert browser.js("document.images.length") == 0


def test_its_own_policy_forbids_what_is_not_its_own(browser: Browser, page: Path) -> None:
    browser.open(page)
    insert = (
        "document.body.append(Object.assign(document.createElement('script'), {text: \"document.title = 'owned'\"}))"
    )
    browser.js(f"{insert}; void fetch('http://127.0.0.1:9/').catch(() => {{}})")
    assert browser.js("document.title") != "owned"
    assert any("Content Security Policy" in error for error in browser.errors)
    browser.errors.clear()


def test_pointing_at_a_decision_tells_why(browser: Browser, page: Path, run: Played) -> None:
    browser.window(*DESK)
    browser.open(page)
    turn = run.timeline.turns[2]
    x, y = browser.middle(".turns i:nth-child(3)")
    assert browser.js(TIP) == ""
    browser.mouse("Moved", x, y)
    told = browser.js(TIP)
    assert f"{turn.before} → {turn.after} nodes" in told
    assert all(f"{code} {detail}" in told for code, detail in turn.reasons)
    browser.mouse("Moved", 5, 5)
    assert browser.js(TIP) == ""


def test_pointing_anywhere_tells_what_was_there(browser: Browser, page: Path, run: Played) -> None:
    browser.window(*DESK)
    browser.open(page)
    left, top, width, _ = browser.box("#viewers .plot")
    browser.mouse("Moved", left + width / 2, top + 40)
    told = browser.js(TIP)
    assert told.startswith("12 h\n")
    point = run.timeline.points[len(run.timeline.points) // 2]
    assert f"viewers\n{point.viewers:,}\n" in told
    assert f"in service\n{point.serving}\n" in told


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_what_lasted_for_a_cycle_of_a_month_is_to_be_seen_and_told(
    browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    """A drain beside a fuller moment, and one session that was cut in a month in which 5,000 were rejected at once."""
    month = 30 * 8640
    ticks = [tick(number * 10.0, viewers=100) for number in range(month)]
    at = {"draining": month // 4, "cut": month // 2}
    ticks[at["draining"]] = tick(at["draining"] * 10.0, viewers=100, draining=1)
    ticks[at["draining"] + 1] = tick(at["draining"] * 10.0 + 10, viewers=100, serving=9)
    ticks[at["cut"]] = tick(at["cut"] * 10.0, viewers=100, cut=1)
    ticks[9] = tick(90.0, viewers=100, rejected=5000)
    run = played(ticks)
    file = tmp_path / "month.html"
    file.write_text(render(run, measured(run), QUIET))
    browser.window(*size)
    browser.open(file)
    for panel, key, text in (("drains", "draining", "draining\n1\n"), ("rejected", "cut", "cut\n1\n")):
        left, top, width, height = browser.box(f"#{panel} .canvas")
        x = left + width * at[key] / month
        painted = (
            f"[-1, -.5, 0, .5, 1].flatMap(dx => [...Array({int(height)}).keys()].filter(y => "
            f"document.elementFromPoint({x} + dx, {top} + y)?.matches('path.bars.{key}'))).length"
        )
        assert browser.js(painted) >= 3
        browser.mouse("Moved", x, top + height / 2)
        assert text in f"{browser.js(TIP)}\n"


def test_a_finger_is_told_at_the_foot_of_the_screen_until_it_has_read(browser: Browser, page: Path) -> None:
    browser.window(*PHONE, touch=True)
    browser.open(page)
    x, y = browser.middle(".turns i:nth-child(3)")
    browser.tap(x, y)
    assert WANTED[0][1] in browser.js(TIP)
    left, top, width, height = browser.box("#tip")
    assert (left, width, round(top + height)) == (0, PHONE[0], PHONE[1])
    browser.tap(*browser.middle("#tip .close"))
    assert browser.js(TIP) == ""


def test_keys_go_from_decision_to_decision(browser: Browser, page: Path, run: Played) -> None:
    browser.window(*DESK)
    browser.open(page)
    browser.js("document.querySelector('#nodes .plot').focus()")
    for _ in range(3):
        browser.key("ArrowRight")
    assert f"{run.timeline.turns[2].before} → {run.timeline.turns[2].after} nodes" in browser.js(TIP)
    browser.key("ArrowLeft")
    assert f"{run.timeline.turns[1].before} → {run.timeline.turns[1].after} nodes" in browser.js(TIP)
    browser.key("Escape")
    assert browser.js(TIP) == ""


def test_dragging_zooms_in_and_all_goes_back(browser: Browser, page: Path) -> None:
    browser.window(*DESK)
    browser.open(page)
    labels = "[...document.querySelectorAll('#viewers .times span')].map(e => e.innerText)"
    before = browser.js(labels)
    left, top, width, _ = browser.box("#viewers .plot")
    browser.mouse("Moved", left + width / 4, top + 30)
    browser.mouse("Pressed", left + width / 4, top + 30)
    browser.mouse("Moved", left + width / 2, top + 30)
    browser.mouse("Released", left + width / 2, top + 30)
    assert browser.js("document.querySelector('.shown').value").startswith("6 h to 12 h")
    assert browser.js(labels)[0] == "6 h"
    browser.mouse("Moved", left + width / 2, top + 30)
    assert browser.js(TIP).startswith("9 h\n")
    browser.click("[data-zoom=all]")
    assert browser.js(labels) == before


def test_night_is_dark_and_every_word_can_be_read(browser: Browser, page: Path) -> None:
    grounds, pictures = set(), set()
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        browser.window(*DESK, scheme=scheme)
        browser.open(page)
        grounds.add(browser.js(BACKGROUND))
        pictures.add(browser.picture())
        assert browser.js(TOO_PALE) == []
    assert len(grounds) == len(pictures) == 2


def test_print_is_light_and_whole(browser: Browser, page: Path) -> None:
    browser.window(*DESK)
    browser.open(page)
    light = browser.js(BACKGROUND.replace("body", "querySelector('.tile')"))
    browser.window(*DESK, scheme="dark")
    browser.send(
        "Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    assert browser.js(BACKGROUND.replace("body", "querySelector('.tile')")) == light
    assert browser.js("getComputedStyle(document.querySelector('.zoom')).display") == "none"
    assert browser.pdf().startswith(b"%PDF")
    browser.send("Emulation.setEmulatedMedia", media="")


def test_it_is_whole_without_its_script(browser: Browser, page: Path) -> None:
    browser.window(*PHONE)
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page)
    picture = browser.picture(whole=True)
    browser.send("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.js("[...document.querySelectorAll('#viewers .times span')].length") > 3
    assert browser.js("document.querySelector('.zoom').hidden")
    assert len(picture) > 50_000


def test_the_command_writes_it(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "edge.yaml").write_text(QUIET)
    (tmp_path / "levels.csv").write_text("time,viewers,publishers\n0s,40,1\n3m,300,1\n6m,20,0\n")
    file = tmp_path / "report.html"
    arguments = ["simulate", str(tmp_path / "edge.yaml"), "--trace", str(tmp_path / "levels.csv"), "--html", str(file)]
    pages = []
    for _ in range(2):
        assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
        pages.append(file.read_bytes())
    assert pages[0] == pages[1]
    browser.window(*DESK)
    browser.open(file)
    assert browser.js("document.querySelector('h1').innerText") == "edge on levels"


# Every element with a text of its own whose colour stands out from what lies behind it by less than 4.5 to 1, the
# contrast that WCAG 2.2 (1.4.3) asks for; what is disabled is exempt.
TOO_PALE = """(() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")].filter((e) =>
    !e.matches(":disabled, script") && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())
    && e.getClientRects().length).filter((e) => {
      const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
      return (a + .05) / (b + .05) < 4.5;
    }).map((e) => e.outerHTML.slice(0, 100));
})()"""
