"""Levels become sessions of which as many are there as the file tells."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from math import e
from pathlib import Path

import numpy as np
import pytest

from autoscaler.simulate.traffic import levels_csv
from autoscaler.simulate.traffic.load import load_traffic
from autoscaler.simulate.traffic.sessions import Traffic
from tests.support.traffic import digest, there, whole

HEAD = "time,viewers,publishers\n"


def levels(folder: Path, *rows: str, seed: int = 1) -> Traffic:
    file = folder / "day.csv"
    file.write_text(HEAD + "\n".join(rows) + "\n")
    return load_traffic(file, seed)


def test_between_rows_it_goes_straight_and_every_ten_seconds_it_is_exact(tmp_path: Path) -> None:
    rows = [(0, 200, 4), (600, 800, 10), (660, 100, 10), (7200, 100, 2), (7205, 0, 2), (9000, 50, 2)]
    sessions = whole(levels(tmp_path, *(",".join(map(str, row)) for row in rows)))
    at = np.arange(0.0, 9000.0, 10.0)
    times, viewers, publishers = np.array(rows, dtype=float).T
    assert there(sessions, at).tolist() == np.rint(np.interp(at, times, viewers)).tolist()
    assert there(sessions, at, publisher=True).tolist() == np.rint(np.interp(at, times, publishers)).tolist()
    assert (np.diff(sessions.start_s) >= 0).all()
    assert sessions.duration_s.min() > 0


def test_a_level_that_stays_has_people_who_come_and_go(tmp_path: Path) -> None:
    sessions = whole(levels(tmp_path, "0,1000,20", "86400,1000,20"))
    viewers = ~sessions.publisher
    later = viewers & (sessions.start_s > 4 * 3600) & (sessions.start_s < 18 * 3600)
    assert np.median(sessions.duration_s[later]) == pytest.approx(600, rel=0.03)
    assert sessions.duration_s.max() <= 12 * 3600
    first = viewers & (sessions.start_s == 0)
    assert first.sum() == 1000
    assert sessions.duration_s[first].mean() == pytest.approx(989 / 2 * e, rel=0.2)  # residuals are long, to 4 h


def test_streams_are_the_publishers_and_viewers_choose_among_them(tmp_path: Path) -> None:
    sessions = whole(levels(tmp_path, "0,300,3", "7200,300,3", "7210,300,1", "9000,300,1"))
    publishing = np.flatnonzero(sessions.publisher)
    assert set(sessions.stream[publishing]) == {0, 1, 2}
    for stream in range(3):
        mine = publishing[sessions.stream[publishing] == stream]
        assert (sessions.start_s[mine][1:] >= (sessions.start_s + sessions.duration_s)[mine][:-1]).all()
    watched = sessions.stream[~sessions.publisher & (sessions.start_s < 7200)]
    counts = np.bincount(watched)
    assert counts[0] / counts[2] == pytest.approx(3, rel=0.25)
    assert set(sessions.stream[~sessions.publisher & (sessions.start_s > 7220)]) == {0}


@pytest.mark.parametrize(
    ("rows", "begin", "length"),
    [
        (("5,1,0", "65.5,1,0"), datetime(2026, 1, 5, tzinfo=UTC), 60.5),
        (("0s,1,0", "1.5h,2,1"), datetime(2026, 1, 5, tzinfo=UTC), 5400),
        (("2026-06-01T18:00:00+03:00,1,0", "2026-06-01T16:00:00Z,2,1"), datetime(2026, 6, 1, 15, tzinfo=UTC), 3600),
    ],
)
def test_times_are_seconds_durations_or_moments(
    tmp_path: Path, rows: tuple[str, str], begin: datetime, length: float
) -> None:
    traffic = levels(tmp_path, *rows)
    assert (traffic.name, traffic.begin, traffic.length_s, traffic.events) == ("day", begin, length, ())
    assert whole(traffic).start_s[0] == 0


def test_columns_stand_in_any_order_with_spaces_and_a_mark(tmp_path: Path) -> None:
    plain = levels(tmp_path, "0,50,2", "600,70,3")
    other = tmp_path / "other.csv"
    other.write_bytes('\ufeffpublishers, time ,viewers\r\n2,0,50\r\n\r\n3, 600 ,"70"\r\n'.encode())
    assert digest(load_traffic(other, 1)) == digest(plain)


def test_the_last_step_holds_the_last_level(tmp_path: Path) -> None:
    sessions = whole(levels(tmp_path, "0,0,0", "10,0,0", "14,40,0"))
    assert there(sessions, np.array([10.0, 20.0])).tolist() == [0, 40]


def test_blocks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{minute * 60},{100 + minute % 7 * 10},{minute % 3 + 1}" for minute in range(180)]
    expected = digest(levels(tmp_path, *rows))
    monkeypatch.setattr("autoscaler.simulate.traffic.rows._BLOCK", 1)
    monkeypatch.setattr(levels_csv, "_DAY", 7)
    monkeypatch.setattr("autoscaler.simulate.traffic.levels._TELL_EVERY", 1)
    assert digest(levels(tmp_path, *rows)) == expected
    assert digest(levels(tmp_path, *rows, seed=2)) != expected


def test_nobody_at_all_is_a_trace_too(tmp_path: Path) -> None:
    assert sum(len(chunk) for chunk in levels(tmp_path, "0,0,0", "60,0,0").chunks()) == 0


def test_three_days_need_hardly_more_memory_than_one(tmp_path: Path) -> None:
    def most(hours: int) -> tuple[int, int]:
        traffic = levels(tmp_path, "0s,300,5", f"{hours}h,300,5")
        tracemalloc.start()
        kept = sum(chunk.start_s.nbytes + chunk.duration_s.nbytes for chunk in traffic.chunks())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return kept, peak

    (_, one), (kept, three) = most(24), most(72)
    assert kept > 1_000_000
    assert three < one + 300_000
