"""`autoscaler tune` in processes, and on a real Dask cluster: the same bytes, and what it says when something dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import distributed
import pytest
from typer.testing import CliRunner

from autoscaler.adapters import dask_cluster
from autoscaler.cli.app import app
from autoscaler.model.errors import ConfigurationError, ObservationError
from autoscaler.simulate.compare.job import Job
from autoscaler.simulate.tune import parcel
from tests.support.policy_text import QUIET

PATIENCE_S = 60
LEVELS = "time,viewers,publishers\n0s,40,1\n2m,500,1\n6m,500,1\n8m,20,0\n"
WIDE = ("--vary", "bounds.min=1..6", "--vary", "headroom.percent=0%..60%", "--to", "2m", "--trials", "10")
NARROW = ("--vary", "bounds.min=1..3")


def wait_for(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@contextmanager
def running(*command: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in a session of its own, which is ended at the end, if need be by force."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


class Dask:
    """A scheduler, and workers that come when they are asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        place = folder / "scheduler.json"
        self.scheduler = self._start(
            "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", str(place),
        )  # fmt: skip
        wait_for(lambda: place.exists() and place.read_text().endswith("}"), "the scheduler is there")
        self.address = str(json.loads(place.read_text())["address"])

    def worker(self) -> subprocess.Popen[str]:
        return self._start(
            "distributed.cli.dask_worker", self.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny",
            "--no-dashboard", "--local-directory", str(self._folder),
        )  # fmt: skip

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[str]:
        command = ("-m", module, *arguments)
        return self._stack.enter_context(running(*command, cwd=self._folder))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("edge.yaml").write_text(QUIET)
    Path("rush.csv").write_text(LEVELS)
    parcel.program.cache_clear()  # workers begin now, and somebody may have edited the program since the last test
    parcel._compressed.cache_clear()
    return tmp_path


@pytest.fixture
def dask(files: Path) -> Iterator[Dask]:
    with ExitStack() as stack:
        yield Dask(files, stack)


def tuned(*arguments: str) -> str:
    command = ["tune", "edge.yaml", "--trace", "rush.csv", "--json", *arguments]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_two_workers_find_the_same_byte_for_byte_though_one_dies(dask: Dask, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tuned(*WIDE, "--jobs", "1")
    mortal, _ = dask.worker(), dask.worker()
    left = [12]

    def count() -> None:
        left[0] -= 1
        if not left[0]:  # in the middle of the second batch
            mortal.kill()

    before_packing(monkeypatch, count)
    assert tuned(*WIDE, "--cluster", dask.address) == here
    assert mortal.wait(PATIENCE_S) == -signal.SIGKILL


def before_packing(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen just before a simulation is sent out."""
    pack = parcel.pack

    def packed(job: Job) -> parcel.Parcel:
        act()
        return pack(job)

    monkeypatch.setattr("autoscaler.cli.tune.pack", packed)


def test_a_cluster_of_no_use_is_said_in_a_line(dask: Dask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without workers, with workers of another release, with a broken trace, and when its scheduler goes away."""
    with monkeypatch.context() as hasty:
        hasty.setattr(dask_cluster, "_LOOK_S", 0.2)
        hasty.setattr(dask_cluster, "ALONE_S", 0.5)
        with pytest.raises(
            ObservationError, match=r"^cluster: the Dask scheduler at tcp://.* had no workers for 0\.5 s$"
        ):
            tuned(*NARROW, "--cluster", dask.address)
    dask.worker()
    with monkeypatch.context() as other:
        other.setattr(parcel, "program", lambda: "another release")
        with pytest.raises(ConfigurationError, match=r"^--cluster: other-version a worker has another version"):
            tuned(*NARROW, "--cluster", dask.address)
    with monkeypatch.context() as spoilt:
        parcel._compressed.cache_clear()
        broken = "time,viewers,publishers\nsoon,1,1\n1m,1,1\n"
        before_packing(spoilt, lambda: Path("rush.csv").write_text(broken))
        with pytest.raises(ConfigurationError, match=r"rush\.csv:2:1: value"):
            tuned(*NARROW, "--cluster", dask.address)
    Path("rush.csv").write_text(LEVELS)
    before_packing(monkeypatch, dask.scheduler.kill)
    with pytest.raises(ObservationError, match=r"^cluster: the Dask scheduler at tcp://.* went away$"):
        tuned(*NARROW, "--cluster", dask.address)
    monkeypatch.setattr(dask_cluster, "_CONNECT_S", 1.0)
    with pytest.raises(ObservationError, match=r"^cluster: no Dask scheduler answers at tcp://.* in 1 s$"):
        tuned(*NARROW, "--cluster", dask.address)


def test_a_scheduler_that_has_just_gone_has_no_workers(dask: Dask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its end and the moment in which the client hears of it nothing at all is known of it."""

    def known(*_: object, **__: object) -> dict[str, object]:
        return {"workers": {"w": {}}} if dask.scheduler.poll() is None else {}

    dask.worker()
    before_packing(monkeypatch, dask.scheduler.kill)
    monkeypatch.setattr("distributed.Client.scheduler_info", known)
    monkeypatch.setattr(dask_cluster, "_LOOK_S", 0.01)
    with pytest.raises(
        ObservationError, match=r"^cluster: the Dask scheduler at tcp://.* (went away|has had no workers)"
    ):
        tuned(*NARROW, "--cluster", dask.address)


def test_a_scheduler_that_is_killed_while_a_result_is_fetched_went_away(
    dask: Dask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client then hears of it by that connection: "Stream is closed"."""
    fetch = distributed.Future.result

    def cut(future: distributed.Future[object], timeout: float) -> object:
        wait_for(future.done, "the simulation is over")
        dask.scheduler.send_signal(signal.SIGSTOP)  # it hears of the wish no more
        threading.Timer(0.3, dask.scheduler.kill).start()
        return fetch(future, timeout)

    dask.worker()
    monkeypatch.setattr(distributed.Future, "result", cut)
    with pytest.raises(ObservationError, match=r"^cluster: the Dask scheduler at tcp://.* went away$"):
        tuned(*NARROW, "--cluster", dask.address)


def below(pid: int) -> list[int]:
    """Every living process below one."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for task in tasks for child in task.read_text().split()]
    return [*found, *(each for child in found for each in below(child))]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_ctrl_c_leaves_no_process(files: Path) -> None:
    """As a terminal sends it, to all of them. The search would take days; the current policy alone takes hours."""
    (files / "rush.csv").write_text("time,viewers,publishers\n0s,300,1\n300d,300,1\n")
    arguments = ["-m", "autoscaler", "tune", "edge.yaml", "--trace", "rush.csv", "--seeds", "2", "--jobs", "2", *NARROW]
    with running(*arguments, cwd=files) as process:

        def players() -> list[int]:
            names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in below(process.pid)}
            return [pid for pid, name in names.items() if b"spawn_main" in name]

        wait_for(lambda: len(players()) == 2, "both workers are there")
        workers = below(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, out, err) == (130, "", "")
        wait_for(lambda: not any(map(alive, workers)), "no process stays")
