"""Traffic that is described: what comes, when, and what is refused."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.simulate.traffic.generator import GeneratedTraffic
from autoscaler.simulate.traffic.rate import present
from autoscaler.simulate.traffic.schema import Viewers
from autoscaler.simulate.traffic.sessions import Event, Ints, Traffic
from tests.support.traffic import GENERATOR, digest, generated, there, whole

FLAT = "  daily: {floor: 1, peaks: []}\n  noise: {sigma: 0}\n"
BEGIN = "2026-03-03T18:00:00\ntimezone: Europe/Istanbul"
BERLIN = "2026-{}\ntimezone: Europe/Berlin"
STILL = GENERATOR.replace("base: 100", "base: 0")


def hourly(traffic: Traffic, hours: int) -> Ints:
    """Viewers at each half past."""
    return there(whole(traffic), np.arange(hours, dtype=np.float64) * 3600 + 1800)


def test_sessions_are_in_order_and_last() -> None:
    sessions = whole(generated())
    assert (np.diff(sessions.start_s) >= 0).all()
    assert sessions.start_s[0] == 0
    assert sessions.start_s[-1] < 7200
    assert sessions.duration_s.min() > 0
    assert (sessions.stream >= 0).all()
    assert (sessions.stream < 20).all()


def test_the_same_seed_gives_the_same_and_another_one_others() -> None:
    assert digest(generated()) == digest(generated())
    assert len({digest(generated(seed=seed)) for seed in (1, 2, -5, 1 << 70)}) == 4


def test_as_many_are_there_as_told_from_the_first_moment_on() -> None:
    counts = np.array([hourly(generated(GENERATOR.replace("2h", "6h") + FLAT, seed), 6) for seed in range(12)])
    assert counts.mean() == pytest.approx(100, rel=0.05)
    first = [there(whole(generated(GENERATOR + FLAT, seed)), np.array([0.0]))[0] for seed in range(40)]
    assert np.mean(first) == pytest.approx(100, rel=0.06)
    assert np.var(first) == pytest.approx(100, rel=0.7)  # as a Poisson process has it


def test_the_day_has_its_peaks_by_the_wall_clock() -> None:
    text = GENERATOR.replace("2h", "1d").replace("base: 100", "base: 2000\n  noise: {sigma: 0}")
    counts = hourly(generated(text), 24)  # from 18:30 on
    by_hour = dict(zip([(18 + hour) % 24 for hour in range(24)], counts.tolist(), strict=True))
    assert by_hour[20] > by_hour[13] > by_hour[16] > by_hour[5]
    assert by_hour[20] == pytest.approx(2000 * 0.95, rel=0.1)
    assert by_hour[4] == pytest.approx(2000 * 0.15, rel=0.15)


@pytest.mark.parametrize("day", [28, 29])
def test_clock_changes_are_minded(day: int) -> None:
    """On 29 March 2026 the clocks in Berlin skip an hour, so noon comes an hour sooner after midnight."""
    text = f"""\
trace: t
begin: 2026-03-{day}T00:00:00
timezone: Europe/Berlin
length: 1d
viewers:
  base: 4000
  noise: {{sigma: 0}}
  stay: {{median: 2m, sigma: 0}}
  daily: {{floor: 0, peaks: [{{at: "12:00", width: 30m, height: 1}}]}}
"""
    sessions = whole(generated(text))
    middle = float(np.median(sessions.start_s[~sessions.publisher]))
    assert middle == pytest.approx((12 if day == 28 else 11) * 3600, abs=240)


def test_days_of_the_week_and_drift_have_their_share() -> None:
    """2 March 2026 is a Monday."""
    text = f"""\
trace: t
begin: 2026-03-02T00:00:00
length: 14d
viewers:
  base: 300
  weekday: {{wed: 2, sun: 0.5}}
  drift: 0.1
{FLAT}"""
    days = hourly(generated(text), 14 * 24).reshape(14, 24).mean(axis=1)
    shares = np.array([1, 1, 2, 1, 1, 1, 0.5] * 2) * np.exp(0.1 * (np.arange(14) + 0.5) / 7)
    assert days == pytest.approx(300 * shares, rel=0.06)


def test_noise_is_slow_and_as_large_as_told() -> None:
    viewers = Viewers.model_validate({"base": 3000, "daily": {"floor": 1, "peaks": []}})
    found = present(viewers, ZoneInfo("UTC"), datetime(2026, 3, 3, tzinfo=UTC), 60 * 1440, 1)
    logs = np.log(found / 3000).reshape(-1, 5)
    assert (logs == logs[:, :1]).all()
    logs = logs[:, 0]
    assert logs.std() == pytest.approx(0.03 / np.sqrt(1 - 0.97**2), rel=0.1)
    assert (logs[1:] - 0.97 * logs[:-1]).std() == pytest.approx(0.03, rel=0.02)
    assert np.corrcoef(logs[1:], logs[:-1])[0, 1] == pytest.approx(0.97, abs=0.01)


def test_flash_crowds_come_unannounced_rise_and_decay() -> None:
    text = (
        STILL.replace("2h", "300d")
        + "streams: {count: 1}\nflash_crowds: {every: 3d, viewers: 500, sigma: 0, rise: 3m, half_life: 10m}\n"
    )
    traffic = generated(text)
    sessions = whole(traffic)
    starts = sessions.start_s[~sessions.publisher]
    breaks = np.flatnonzero(np.diff(starts) > 4 * 3600)
    crowds = np.split(starts, breaks + 1)
    assert 70 < len(crowds) < 130
    assert len(starts) / 500 == pytest.approx(100, rel=0.3)
    alone = [crowd - crowd[0] for crowd in crowds if crowd[-1] - crowd[0] < 7500]
    come = np.concatenate(alone)
    by_minute = np.bincount((come // 60).astype(int), minlength=40)[:40] / len(alone)
    assert by_minute[1] > by_minute[0]
    assert by_minute[2] > by_minute[1]
    assert by_minute[13:16].mean() == pytest.approx(by_minute[3:6].mean() / 2, rel=0.15)


def test_a_surge_has_exactly_its_viewers_at_its_time_on_its_stream() -> None:
    surge = "surges: [{at: 30m, viewers: 1234, stream: 3, rise: 3m, half_life: 5m}]\n"
    sessions = whole(generated(STILL + surge))
    mine = ~sessions.publisher
    assert mine.sum() == 1234
    assert set(sessions.stream[mine]) == {3}
    starts = sessions.start_s[mine] - 1800
    assert 0 <= starts[0] < 2
    steps = np.histogram(starts, bins=[0, 60, 120, 180, 480, 780])[0]
    assert steps[:3] / steps[0] == pytest.approx([1, 2, 3], rel=0.05)
    assert steps[3] == pytest.approx(2 * steps[4], rel=0.05)


def test_a_surge_without_a_shape_is_at_once() -> None:
    sessions = whole(generated(STILL + "surges: [{at: 30m, viewers: 70000}]\n"))
    assert (sessions.start_s[~sessions.publisher] == 1800).all()
    assert len(sessions) - sessions.publisher.sum() == 70_000


def test_a_surge_that_ends_is_over_for_all_who_are_left() -> None:
    surge = "{at: 30m, viewers: 800, rise: 5m, half_life: 1h, stay: {median: 5h}, ends: 20m, ends_within: 2m}"
    sessions = whole(generated(STILL + f"surges: [{surge}]\n"))
    counts = there(sessions, np.array([1799.0, 2999.0, 3060.0, 3120.0]))
    assert counts[0] == 0
    assert counts[1] > 700
    assert counts[2] == pytest.approx(counts[1] / 2, rel=0.15)
    assert counts[3] == 0
    assert (~sessions.publisher).sum() == 800


def test_a_surges_tail_ends_with_the_trace() -> None:
    sessions = whole(generated(STILL + "surges: [{at: 119m, viewers: 100, half_life: 5m}]\n"))
    assert 0 < (~sessions.publisher).sum() < 100


def test_each_stream_has_one_publisher_at_most_on_and_off_in_turns() -> None:
    told = "streams: {count: 300}\npublishers: {on_air: {median: 30m, sigma: 0.5}, pause: {median: 10m, sigma: 0.5}}\n"
    sessions = whole(generated(STILL.replace("2h", "1d") + told))
    assert sessions.publisher.all()
    counts = there(sessions, np.arange(96, dtype=np.float64) * 900, publisher=True)
    assert counts.mean() == pytest.approx(300 * 0.75, rel=0.03)
    assert counts[0] == pytest.approx(225, abs=30)
    for stream in range(300):
        mine = sessions.stream == stream
        ends = sessions.start_s[mine] + sessions.duration_s[mine]
        assert (sessions.start_s[mine][1:] > ends[:-1]).all()
    first = sessions.duration_s[sessions.start_s == 0]
    assert first.mean() == pytest.approx(1800 * np.exp(0.125) / 2 * (1 + (np.exp(0.25) - 1)), rel=0.15)


def test_events_are_typed_and_in_order() -> None:
    traffic = generated(
        GENERATOR
        + """\
events:
  - {at: 1h, kind: stop_heartbeats, nodes: 2, role: origin, for: 90s}
  - {at: 10m, kind: node_crash}
  - {at: 70m, kind: cut_viewers, share: 40%}
  - {at: 20m, kind: source_down, source: mongodb, for: 2m}
  - {at: 119m, kind: haproxy_reload}
"""
    )
    assert traffic.events == (
        Event(600.0, "node_crash", nodes=1),
        Event(1200.0, "source_down", source="mongodb", lasts_s=120.0),
        Event(3600.0, "stop_heartbeats", nodes=2, role="origin", lasts_s=90.0),
        Event(4200.0, "cut_viewers", share=0.4),
        Event(7140.0, "haproxy_reload"),
    )


def test_what_a_trace_says_of_itself() -> None:
    traffic = generated()
    assert (traffic.name, traffic.length_s, traffic.events) == ("small", 7200.0, ())
    assert traffic.begin == datetime(2026, 3, 3, 15, tzinfo=UTC)
    assert traffic.begin.utcoffset() == timedelta(0)
    other = generated(GENERATOR.replace("T18:00:00", "T18:00:00-05:00"))
    assert other.begin == datetime(2026, 3, 3, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "utc"),
    [
        ("03-29T01:59:59", "03-29T00:59:59"),
        ("03-29T03:00:00", "03-29T01:00:00"),
        ("10-25T01:59:59", "10-24T23:59:59"),
        ("10-25T03:00:00", "10-25T02:00:00"),
        ("10-25T02:30:00+02:00", "10-25T00:30:00"),
        ("10-25T02:30:00+01:00", "10-25T01:30:00"),
    ],
)
def test_a_begin_beside_a_change_of_clocks_is_a_moment(told: str, utc: str) -> None:
    begin = generated(GENERATOR.replace(BEGIN, BERLIN.format(told))).begin
    assert begin == datetime.fromisoformat(f"2026-{utc}Z")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("trace: small", "trace: [", ":3:9: yaml"),
        ("trace: small", "tracy: small", "1:1: unknown-key unknown key 'tracy' (did you mean 'trace'?)"),
        ("length: 2h", "length: 2 hours", "4:1: duration length: is not a duration"),
        ("length: 2h", "length: 59s", "4:1: lasting length: a trace is from 1m to 366d long"),
        ("length: 2h", "length: 400d", "4:1: duration"),
        ("2026-03-03T18:00:00", "yesterday", "2:1: moment begin: is no moment"),
        ("2026-03-03T18", "0001-01-01T00", "2:1: moment begin: is of a year that nobody means; from 2000 to 9000"),
        ("2026-03-03T18", "2200-01-01T00", "2:1: moment begin: is hardly the year that was meant"),
        (BEGIN, BERLIN.format("03-29T02:30:00"), "2:1: moment begin: is a time that the clocks of Europe/Berlin skip;"),
        (BEGIN, BERLIN.format("10-25T02:30:00"), "2:1: moment begin: is a time that the clocks of Europe/Berlin show"),
        ("Europe/Istanbul", "Mars/Base", "3:1: timezone"),
        ("base: 100", "base: many", "6:3: number"),
        ("base: 100", "base: -1", "6:3: greater-than-equal"),
        ("base: 100", "base: .nan", "6:3: finite-number viewers.base: is no finite number; write it in digits"),
        ("base: 100", "base: 1\n  bass: 1", "7:3: unknown-key unknown key 'bass' (did you mean 'base'?)"),
        ("base: 100", "base: 1000000\n  drift: 1\n  daily: {floor: 10}", "5:1: too-many"),
        ("base: 100", "base: 1\n  stay: {median: 0s}", "7:10: lasting"),
        ("base: 100", "base: 1\n  noise: {rho: 1}", "7:11: less-than"),
        ("base: 100", "base: 1\n  weekday: {wen: 1}", "7:13: unknown-key unknown key 'wen' (did you mean 'wed'?)"),
        ("base: 100", "base: 1\n  daily: {peaks: [{at: 13, height: 1}]}", "7:20: clock"),
        ("base: 100", "base: 1\n  daily: {peaks: [{at: '13:00', width: 2d, height: 1}]}", "7:33: lasting"),
        ("base: 100", "base: 1\nflash_crowds: {viewers: 10, every: 0s}", "7:29: lasting"),
        ("base: 100", "base: 1\nflash_crowds: {viewers: 10, rise: 2d}", "7:29: lasting"),
        ("base: 100", "base: 1\nsurges: [{at: 2h, viewers: 1}]", "7:11: at surges.0.at: is after the trace's end"),
        (
            "base: 100",
            "base: 1\nsurges: [{at: 1h, viewers: 1, stream: 20}]",
            "7:31: surge surges.0.stream: there are 20 streams",
        ),
        (
            "base: 100",
            "base: 1\nsurges: [{at: 1h, viewers: 1, rise: 5m, ends: 5m}]",
            "7:41: surge surges.0.ends: it is over before",
        ),
        (
            "base: 100",
            "base: 1\nsurges: [{at: 1h, viewers: 1, ends_within: 5m}]",
            "7:31: surge surges.0.ends_within: ends_within needs",
        ),
        (
            "base: 100",
            "base: 1\nevents: [{at: 3h, kind: node_crash}]",
            "7:11: at events.0.at: is after the trace's end",
        ),
        ("base: 100", "base: 1\nevents: [{at: 1h, kind: meteor}]", "7:19: literal-error"),
        ("base: 100", "base: 1\nevents: [{at: 1h, kind: stock_out}]", "7:10: event events.0: stock_out needs for"),
        ("base: 100", "base: 1\nevents: [{at: 1h, kind: cut_viewers, share: 5%, nodes: 2}]", "nodes means nothing to"),
        (
            "base: 100",
            "base: 1\nevents: [{at: 1h, kind: source_down, for: 5m}]",
            "7:10: event events.0: source_down needs source",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, told: str) -> None:
    assert old in GENERATOR
    with pytest.raises(ConfigurationError) as refused:
        generated(GENERATOR.replace(old, new))
    assert [problem for problem in refused.value.problems if told in str(problem)], str(refused.value)


@pytest.mark.parametrize(
    ("length", "added", "told"),
    [
        ("1d", "  base: 1000000", "5:1: too-many some 44,"),
        ("366d", "  base: 0\npublishers: {on_air: {median: 1s}, pause: {median: 1s}}", "7:1: too-many some 191,"),
        ("366d", "  base: 0\nstreams: {count: 10000}", "4:1: too-many some 69,"),
        ("366d", "  base: 0\nflash_crowds: {viewers: 1000000, every: 1m}", "7:1: too-many some 527,04"),
        ("1d", "  base: 700000\nsurges: [{at: 1h, viewers: 1000000}]", "5:1: too-many some"),
    ],
)
def test_a_trace_that_nobody_lives_to_see_is_refused_before_anything_is_drawn(
    length: str, added: str, told: str
) -> None:
    text = GENERATOR.replace("2h", length).replace("  base: 100", added)
    with pytest.raises(ConfigurationError) as refused:
        generated(text)
    (problem,) = refused.value.problems
    assert f"small.yaml:{told}" in str(problem)
    assert "sessions would come in all; at most 30,000,000 are played (a shorter length, fewer of them," in str(problem)


def test_as_many_sessions_come_as_are_expected_before_they_are_drawn() -> None:
    told = "surges: [{at: 1h, viewers: 5000}]\nflash_crowds: {every: 2h, viewers: 300, sigma: 0.6}\nlength: 3d"
    traffic = generated(GENERATOR.replace("length: 2h", told).replace("base: 100", "base: 1000"))
    assert isinstance(traffic, GeneratedTraffic)
    assert len(whole(traffic)) == pytest.approx(sum(traffic.expected().values()), rel=0.1)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        generated("trace: a b\nbegin: 1\nlength: x\nviewers: {base: -1, stay: {median: 1w}}\nevents: [{}]\n")
    lines = [problem.line for problem in refused.value.problems]
    assert lines == [1, 2, 3, 4, 4, 5, 5]


def test_a_month_needs_hardly_more_memory_than_two_days() -> None:
    def most(length: str) -> tuple[int, int]:
        traffic = generated(GENERATOR.replace("2h", length).replace("base: 100", "base: 700") + FLAT)
        tracemalloc.start()
        kept = sum(chunk.start_s.nbytes + chunk.duration_s.nbytes for chunk in traffic.chunks())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return kept, peak

    (_, days), (kept, month) = most("2d"), most("30d")
    assert kept > 25_000_000  # so much it would be if all were kept
    assert month < days + 10_000_000  # the rate of each minute
