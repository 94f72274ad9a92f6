"""`autoscaler compare` as a process with processes of its own: however it is ended, none of them and no file stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.policy_text import QUIET, lay_over

PATIENCE_S = 60
FOREVER = "time,viewers,publishers\n0s,300,1\n300d,300,1\n"


def children(pid: int) -> list[int]:
    """Every living process below one: those that play, and multiprocessing's own."""
    found = [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
    return [*found, *(below for child in found for below in children(child))]


def alive(pid: int) -> bool:
    """Whether it runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(condition: object, what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():  # type: ignore[operator]  # a lambda
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A comparison that would take days, in a session of its own, with both of its workers at play."""
    (tmp_path / "base.yaml").write_text(QUIET)
    (tmp_path / "head.yaml").write_text(lay_over(QUIET, "headroom: {nodes: 1}\n"))
    (tmp_path / "long.csv").write_text(FOREVER)
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-m", "autoscaler", "compare", "base.yaml", "head.yaml", "--trace", "long.csv"]
    process = subprocess.Popen(
        [*command, "--jobs", "2"], cwd=tmp_path, env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    workers: list[int] = []
    try:
        wait_for(lambda: len(list((tmp_path / "tmp").glob("*/*.gz"))) == 2, "both sides are played")
        workers = children(process.pid)
        yield process, workers
    finally:
        for pid in (process.pid, *workers):
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


def players(pids: list[int]) -> list[int]:
    return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGTERM, 143)])
def test_a_signal_to_all_of_it_ends_all_of_it_without_a_word(
    started: tuple[subprocess.Popen[str], list[int]], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process, workers = started
    assert len(players(workers)) == 2
    if number == signal.SIGTERM:
        process.send_signal(number)
    else:
        os.killpg(process.pid, number)  # as a terminal does
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (code, "", "")
    wait_for(lambda: not any(map(alive, workers)), "no process stays")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_worker_that_is_killed_ends_it_with_a_word(
    started: tuple[subprocess.Popen[str], list[int]], tmp_path: Path
) -> None:
    process, workers = started
    os.kill(players(workers)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (3, "")
    assert err.startswith("simulation: a process that played a policy was killed from outside")
    assert len(err.splitlines()) == 1
    wait_for(lambda: not any(map(alive, workers)), "no process stays")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_workers_do_not_outlive_a_parent_that_is_killed(started: tuple[subprocess.Popen[str], list[int]]) -> None:
    process, workers = started
    process.kill()
    process.wait()
    wait_for(lambda: not any(map(alive, workers)), "no process stays")
