"""HAProxy's words, read as its source writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from autoscaler.adapters.haproxy_rows import (
    FIGURES,
    parse_info,
    parse_stat,
    parse_states,
    parse_traffic,
    parse_workers,
    server_status,
    split_address,
)
from autoscaler.model.snapshot import Line, ServerStatus

UP, DRAIN, CHECKING, DOWN, MAINT = ServerStatus
HEADER = (
    "# pxname,svname,qcur,scur,status,weight,type,"
    "check_status,check_rise,check_fall,check_health,addr,tracked,uweight,\n"
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "check_status", "passed", "weight", "expected"),
    [
        ("UP", "L4OK", True, 1, UP),
        ("UP 1/3", "L4CON", False, 1, UP),  # failing, and still given sessions
        ("UP -1/2", "INI", False, 1, UP),
        ("no check", "", False, 1, UP),
        ("UP", "L4OK", True, 0, DRAIN),  # given none: an operator's weight of 0
        ("no check", "", False, 0, CHECKING),
        ("DRAIN", "L4OK", True, 1, DRAIN),
        ("DRAIN", "* L7OK", True, 1, DRAIN),
        ("DRAIN (agent)", "L4OK", True, 1, DRAIN),
        ("DRAIN (agent)", "L4OK", False, 1, CHECKING),
        ("DRAIN 1/3", "L4OK", False, 1, CHECKING),  # the former node's L4OK
        ("DRAIN 1/3", "", True, 1, CHECKING),  # a tracking server wears its leader's fraction
        ("DRAIN", "", False, 1, CHECKING),  # no check runs
        ("NOLB", "L7OK", True, 1, DRAIN),
        ("NOLB 1/2", "L7STS", False, 1, CHECKING),
        ("DOWN", "L4CON", False, 1, DOWN),
        ("DOWN", "* L4TOUT", False, 1, DOWN),
        ("DOWN", "", False, 1, DOWN),
        ("DOWN (agent)", "L4OK", True, 1, DOWN),
        ("DOWN", "INI", False, 1, CHECKING),
        ("DOWN", "* INI", False, 1, CHECKING),
        ("DOWN", "L4OK", False, 1, CHECKING),  # forced down until its own check
        ("DOWN 1/2", "L4OK", False, 1, CHECKING),
        ("MAINT", "", False, 1, MAINT),
        ("MAINT (via b/s)", "", False, 1, MAINT),
        ("MAINT (resolution)", "", False, 1, MAINT),
    ],
)
def test_status(status: str, check_status: str, *, passed: bool, weight: int, expected: ServerStatus) -> None:
    assert server_status(status, check_status, weight, passed=passed) is expected


@pytest.mark.parametrize(
    ("addr", "expected"),
    [
        ("10.0.0.7:5080", ("10.0.0.7", 5080)),
        ("[2001:DB8::0:7]:5080", ("2001:db8::7", 5080)),
        ("", ("", 0)),
        ("unix", ("", 0)),
        ("/run/app.sock", ("", 0)),
        ("10.0.0.7:", ("", 0)),
    ],
)
def test_address(addr: str, expected: tuple[str, int]) -> None:
    assert split_address(addr) == expected


def test_columns_are_found_by_name_and_quotes_are_read() -> None:
    text = HEADER + (
        "b,FRONTEND,,9,OPEN,,0,,,,,,,,\n"
        '"b",s1,1,2,DRAIN,1,2,L4OK,2,3,4,10.0.0.7:80,,100,\n'
        "b,s2,0,0,DRAIN,1,2,L4OK,1,1,0,10.0.0.8:80,,1,\n"
        "b,s3,0,0,DRAIN,1,2,,,,,10.0.0.9:80,b/s1,1,\n"
        "b,BACKEND,0,9,UP,2,1,,,,,,,,\n"
    )
    first, second, third = parse_stat(text)
    assert (first.backend, first.name, first.ip, first.port) == ("b", "s1", "10.0.0.7", 80)
    assert (first.queued, first.sessions, first.weight, first.status) == (1, 2, 100, DRAIN)
    assert (first.checked, first.tracks) == (True, False)
    assert second.status is CHECKING
    assert (third.status, third.checked, third.tracks) == (DRAIN, True, True)


@pytest.mark.parametrize("text", ["", "Unknown command\n", "# pxname,svname\n", "<html>"])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no "):
        parse_stat(text)


TRAFFIC = "# pxname,svname,type,scur,qcur,stot,rate,bin,bout,dreq,dresp,econ,eresp,qtime,rtime,addr,mode,\n"
EVERYTHING = {
    "sessions": 1, "queued": 2, "requests": 3, "rate": 4, "bytes_in": 5, "bytes_out": 6, "denied": 8,
    "connection_errors": 9, "response_errors": 10, "queue_ms": 11, "response_ms": 12,
}  # fmt: skip


def figures(row: str, header: str = TRAFFIC) -> Mapping[str, int]:
    (line,) = parse_traffic(header + row, FIGURES)
    return line.figures


def test_each_figure_is_of_its_column() -> None:
    assert EVERYTHING.keys() == FIGURES.keys()
    assert figures("b,s1,2,1,2,3,4,5,6,,8,9,10,11,12,10.0.0.7:80,http,\n") == EVERYTHING
    assert figures("b,BACKEND,1,1,2,3,4,5,6,7,8,9,10,11,12,,http,\n") == EVERYTHING | {"denied": 15}


def test_traffic_is_of_servers_and_backends_by_name_and_address() -> None:
    text = TRAFFIC + (
        "f,FRONTEND,0,1,,3,4,5,6,7,8,,,,,,http,\nb,s1,2,1,2,3,4,5,6,,8,9,10,11,12,[::7]:80,tcp,\n"
        "b,BACKEND,1,1,2,3,4,5,6,7,8,9,10,11,12,,http,\n"
    )
    assert parse_traffic(text, ["rate"]) == [Line("b", "s1", "::7", 80, {"rate": 4}), Line("b", "", "", 0, {"rate": 4})]


def test_what_was_not_measured_is_no_zero() -> None:
    in_tcp_mode = figures("b,s1,2,1,2,3,4,5,6,,8,9,10,11,0,10.0.0.7:80,tcp,\n")
    assert in_tcp_mode == {key: value for key, value in EVERYTHING.items() if key != "response_ms"}
    of_nothing = figures("b,s1,2,0,0,0,0,0,0,,0,0,0,0,0,10.0.0.7:80,http,\n")
    assert of_nothing == dict.fromkeys(EVERYTHING.keys() - {"queue_ms", "response_ms"}, 0)


def test_a_column_that_a_version_lacks_is_missing() -> None:
    header = TRAFFIC.replace("bout", "new").replace("dresp", "newer")
    told = figures("b,s1,2,1,2,3,4,5,6,,8,9,10,11,12,10.0.0.7:80,http,\n", header)
    assert told == {key: value for key, value in EVERYTHING.items() if key not in {"bytes_out", "denied"}}


def test_states_tell_drained_from_written_in_maintenance_once() -> None:
    text = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_check_state
3 b 1 fresh 127.0.0.1 0 5 14
3 b 2 drained 10.0.0.7 2 12 6
3 b 3 bare 10.0.0.8 2 0 0

"""
    states = parse_states(text)
    assert {name: (s.drained, s.checkable, s.paused) for name, s in states.items()} == {
        "fresh": (False, True, True),
        "drained": (True, True, False),
        "bare": (False, False, False),
    }
    assert parse_states("Can't find backend.\n\n") == {}


def test_info_of_versions_with_and_without_a_start_time() -> None:
    info = parse_info("Name: HAProxy\nVersion: 2.6.12-1\nPid: 77\nStopping: 1\nStart_time_sec: 1767225600\n", NOW)
    assert (info.version, info.pid, info.started_at, info.stopping) == ("2.6.12-1", 77, NOW, True)
    assert info.identity == "77 1767225600"
    old = parse_info("Version: 2.4\nPid: 7\nUptime_sec: 60\n", NOW)
    assert (old.started_at, old.identity) == (NOW - timedelta(minutes=1), "7")
    with pytest.raises(ValueError, match="Version"):
        parse_info("Uptime_sec: 60\n", NOW)


def test_workers_old_and_new_but_no_master_and_no_program() -> None:
    text = """#<PID>          <type>          <reloads>       <uptime>        <version>
10              master          2 [failed: 1]   0d00h00m05s     2.6.12
# workers
12              worker          0               0d00h00m01s     2.6.12
# old workers
11              worker          1               0d00h00m05s     2.6.12
# programs
13              program         0               0d00h00m01s     -
"""
    assert parse_workers(text) == [12, 11]
    with pytest.raises(ValueError, match="process table"):
        parse_workers("Permission denied\n")
