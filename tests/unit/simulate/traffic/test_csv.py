"""Recorded sessions, and everything that a broken CSV file is told at once."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.simulate.traffic.load import load_traffic
from tests.support.traffic import GENERATOR, refused, whole

SESSIONS = """\
start_s,duration_s,kind,stream
0,3600,publisher,cup
0.5,60,viewer,news
2,120.25,viewer,cup
2,30,viewer,cup
90,10,publisher,quiet
"""
HEAD, LEVELS = "start_s,duration_s,kind,stream\n", "time,viewers,publishers\n"


def test_sessions_are_as_the_file_has_them(tmp_path: Path) -> None:
    file = tmp_path / "cup.csv"
    file.write_text(SESSIONS)
    traffic = load_traffic(file, 1)
    assert (traffic.name, traffic.begin, traffic.length_s) == ("cup", datetime(2026, 1, 5, tzinfo=UTC), 3600)
    assert traffic.events == ()
    sessions = whole(traffic)
    assert sessions.start_s.tolist() == [0, 0.5, 2, 2, 90]
    assert sessions.duration_s.tolist() == [3600, 60, 120.25, 30, 10]
    assert sessions.publisher.tolist() == [True, False, False, False, True]
    assert sessions.stream.tolist() == [0, 1, 0, 0, 2]  # by their viewers


def test_blocks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cup.csv"
    file.write_text(SESSIONS)
    expected = whole(load_traffic(file, 1))
    monkeypatch.setattr("autoscaler.simulate.traffic.rows._BLOCK", 2)
    traffic = load_traffic(file, 1)
    assert len(list(traffic.chunks())) == 3
    assert whole(traffic).stream.tolist() == expected.stream.tolist()


def test_all_problems_of_sessions_are_told_in_order_with_their_places(tmp_path: Path) -> None:
    text = HEAD + "0,60,viewer,a\n5,0,viewer,a\n\n4,nan,watcher,a\n7,1_0,viewer,\n8,10,viewer\n3,1e99,viewer,b\n"
    told = refused(tmp_path / "t.csv", text)
    assert told == [
        "t.csv:3:3: value duration_s is '0'; a number above 0, at most 3.16224e+07, is needed",
        "t.csv:5:1: order starts at 4, before the one above it at 5 (sort the rows by start_s)",
        "t.csv:5:3: value duration_s is 'nan'; a number above 0, at most 3.16224e+07, is needed",
        "t.csv:5:7: value kind is 'watcher'; viewer or publisher is needed",
        "t.csv:6:3: value duration_s is '1_0'; a number above 0, at most 3.16224e+07, is needed",
        "t.csv:6:14: value stream needs a name of 1 to 255 characters",
        "t.csv:7:1: row has 3 cells where start_s,duration_s,kind,stream are needed",
        "t.csv:8:1: order starts at 3, before the one above it at 7 (sort the rows by start_s)",
        "t.csv:8:3: value duration_s is '1e99'; a number above 0, at most 3.16224e+07, is needed",
    ]


def test_all_problems_of_levels_are_told_in_order_with_their_places(tmp_path: Path) -> None:
    text = LEVELS + "0,10,1\n60,-1,many\nsoon,5,1\n60,2000000,1\n,1,1\n120,1,1,1\n"
    assert refused(tmp_path / "t.csv", text) == [
        "t.csv:3:4: value viewers is '-1'; a number from 0 on, at most 1e+06, is needed",
        "t.csv:3:7: value publishers is 'many'; a number from 0 on, at most 1e+06, is needed",
        "t.csv:4:1: value time is 'soon'; a number from 0 on, at most 3.16224e+07, is needed",
        "t.csv:5:1: order time is 60, not after the row above it (sort the rows by time)",
        "t.csv:5:4: value viewers is '2000000'; a number from 0 on, at most 1e+06, is needed",
        "t.csv:6:1: value time is ''; a number from 0 on, at most 3.16224e+07, is needed",
        "t.csv:7:1: row has 4 cells where time,viewers,publishers are needed",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", ":1:1: header its first line has nothing; time,viewers,publishers or start_s,"),
        (b"time;viewers;publishers\n0;1;1\n", "is needed (columns are separated by commas)"),
        (b"time,viewers\n0,1\n", "1:1: header its first line has time,viewers;"),
        (b"time,viewers,publishers,cpu\n0,1,1,5\n", "1:1: header its first line has time,viewers,publishers,cpu;"),
        (LEVELS.encode(), "1:1: empty holds fewer than two rows"),
        (LEVELS.encode() + b"0,1,1\n", "1:1: empty holds fewer than two rows"),
        (HEAD.encode(), "1:1: empty holds no session"),
        (LEVELS.encode() + b"0,1,1\n1d,1,1\n", "3:1: value time is '1d'"),
        (LEVELS.encode() + b"0s,1,1\n60,1,1\n", "3:1: value time is '60', the first row has durations: it is not a"),
        (LEVELS.encode() + b"2026-06-01T18:00:00,1,1\n", "2:1: value time is '2026-06-01T18:00:00', the first row has"),
        (LEVELS.encode() + b"0001-01-01T00:00:00Z,1,1\n", "it is of a year that nobody means"),
        (LEVELS.encode() + b"2200-01-01T00:00:00Z,1,1\n", "it is hardly the year that was meant"),
        (LEVELS.encode() + b"2026-06-01T18:00:00Z,1,1\n2028-06-01T18:00:00Z,1,1\n", "1:1: too-long its last row is"),
        (LEVELS.encode() + b"1767225600,1,1\n1767225660,1,1\n", "2:1: value time is '1767225600'"),
        (LEVELS.encode() + b'0,1,1\n"60,1,1\n', "3:1: csv cannot be read as CSV"),
        (b'"time,viewers', "1:1: csv cannot be read as CSV"),
        (LEVELS.encode() + b"0,1,1\n60,\xff,1\n", "t.csv:3:4: unreadable is not UTF-8 text: the byte 0xff"),
        ("time,viewers,publishers\r".encode("utf-16"), "t.csv:1:1: unreadable is not UTF-8 text: the byte 0xff"),
        (
            b"\xef\xbb\xbf" + LEVELS.encode() + b"0,1,1\n" * 9000 + "é,1,é".encode() + b"\xe9\n",
            "t.csv:9002:6: unreadable is not UTF-8 text: the byte 0xe9",
        ),
        (LEVELS.encode() + b"0,1,1\n" + b"9" * 200_000 + b",1,1\n", "3:1: csv cannot be read as CSV: field larger"),
        (LEVELS.encode() + b"0,1,1\n60,\x00,1\n", "3:4: value viewers is"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: bytes, told: str) -> None:
    found = refused(tmp_path / "t.csv", text)
    assert [line for line in found if told in line], found
    assert all("\n" not in line and len(line) < 300 for line in found)


def test_levels_that_nobody_lives_to_see_are_refused_by_the_row_that_makes_them_so(tmp_path: Path) -> None:
    rows = "".join(f"{day}d,{500_000 * min(day, 1)},10\n" for day in range(5))
    told = "by this row some 66,005,786 sessions would have come; at most 30,000,000 are played"
    hint = "(a shorter trace, or lower levels)"
    assert refused(tmp_path / "t.csv", LEVELS + rows) == [f"t.csv:4:1: too-many {told} {hint}"]
    sawtooth = "".join(f"{10 * step},{1_000_000 * (step % 2)},0\n" for step in range(80))
    assert [line.partition(" some")[0] for line in refused(tmp_path / "t.csv", LEVELS + sawtooth)] == [
        "t.csv:61:1: too-many by this row"
    ]


def test_of_very_many_problems_the_rest_is_counted(tmp_path: Path) -> None:
    told = refused(tmp_path / "t.csv", HEAD + "x,1,viewer,a\n" * 1500)
    assert len(told) == 1001
    assert told[-1] == "t.csv: more and 500 more problems like these"


@pytest.mark.parametrize("name", ["t.csv", "t.yaml"])
def test_files_that_cannot_be_opened_are_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="unreadable No such file"):
        load_traffic(tmp_path / name, 1)
    os.mkdir(tmp_path / name)  # noqa: PTH102 - a folder by that name
    with pytest.raises(ConfigurationError, match="unreadable is no regular file"):
        load_traffic(tmp_path / name, 1)


def test_a_file_of_no_known_kind_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path / "t.txt", SESSIONS) == [
        "t.txt: trace is no trace: .csv holds levels or sessions, .yaml a generator"
    ]


def test_yaml_is_a_generator(tmp_path: Path) -> None:
    assert refused(tmp_path / "t.yml", GENERATOR) == []
    assert refused(tmp_path / "t.yaml", "a: [") == [
        "t.yaml:1:5: yaml expected the node content, but found '<stream end>'"
    ]


def test_a_file_that_changed_since_it_was_checked_is_told(tmp_path: Path) -> None:
    file = tmp_path / "cup.csv"
    file.write_text(SESSIONS)
    traffic = load_traffic(file, 1)
    file.write_text(SESSIONS + "91,5,viewer,other\n")
    with pytest.raises(ConfigurationError, match=r"cup.csv:7:13: value this stream is new"):
        whole(traffic)
    file.write_text(SESSIONS + "91,5\n")
    with pytest.raises(ConfigurationError, match=r"cup.csv:7:1: row has 2 cells"):
        whole(traffic)
    file.write_text(LEVELS + "0,1,1\n60,1,1\n")
    levels = load_traffic(file, 1)
    file.write_text(LEVELS + "0,1,1\n60,x,1\n")
    with pytest.raises(ConfigurationError, match=r"cup.csv:3:4: value viewers is 'x'"):
        whole(levels)
