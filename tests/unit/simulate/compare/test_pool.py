"""Processes: their results keep the order, and however it ends, none of them stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

from autoscaler.model.errors import ConfigurationError, ObservationError, Problem
from autoscaler.simulate.compare.pool import _uninterrupted, crew, processors, run_all

PROBLEM = Problem("trace.csv", 3, 1, "row", "is wrong")


def slow_first(number: int) -> tuple[int, int] | int:
    time.sleep(0.2 if number == 0 else 0)
    return 10 * number


def own_process(_: int) -> int:
    return os.getpid()


def deaf(_: int) -> set[signal.Signals]:
    return {signal.Signals(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())}


def broken(number: int) -> int:
    if number:
        raise ConfigurationError([PROBLEM])
    return 0


def bug(_: int) -> int:
    return int("a bug")


def killed(number: int) -> int:
    if number:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
    return 0


def interrupting(place: Path) -> int:
    """Ctrl-C comes to the parent alone, when this is busy."""
    place.touch()
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(60)
    return 0


def test_no_process_imports_from_the_folder_that_it_is_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is reviewed is a change of somebody, and may hold a folder called as a module of Python's."""
    (tmp_path / "multiprocessing").mkdir()
    (tmp_path / "multiprocessing/__init__.py").write_text("open('ran', 'w')\nraise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    assert run_all(own_process, [1, 2], 2) != [os.getpid()] * 2
    assert "PYTHONSAFEPATH" not in os.environ
    assert not (tmp_path / "ran").exists()
    monkeypatch.setenv("PYTHONSAFEPATH", "kept")
    run_all(own_process, [1, 2], 2)
    assert os.environ["PYTHONSAFEPATH"] == "kept"


def test_results_are_in_the_order_of_the_tasks_and_each_is_told() -> None:
    told: list[int] = []
    assert run_all(slow_first, [0, 1, 2], 2, lambda: told.append(1)) == [0, 10, 20]
    assert len(told) == 3
    assert active_children() == []


def test_a_crew_stays_from_call_to_call_and_goes_at_the_end() -> None:
    with crew(2) as work_off:
        first = set(work_off(own_process, [1] * 8))
        again = set(work_off(own_process, [1] * 8))
        assert os.getpid() not in first | again
        assert len(first | again) <= len(active_children()) == 2
    assert active_children() == []


def test_one_at_a_time_needs_no_process() -> None:
    told: list[int] = []
    assert run_all(own_process, [1, 2], 1, lambda: told.append(1)) == [os.getpid()] * 2
    assert run_all(own_process, [1], 8) == [os.getpid()]
    assert os.getpid() not in run_all(own_process, [1, 2], 2)
    assert len(told) == 2
    assert run_all(own_process, [], 2) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_wrong_comes_back_as_it_was(jobs: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        run_all(broken, [0, 1], jobs)
    assert caught.value.problems == (PROBLEM,)
    assert active_children() == []


def test_a_bug_is_no_problem_of_the_users() -> None:
    with pytest.raises(ValueError, match="a bug"):
        run_all(bug, [0, 1], 2)
    assert active_children() == []


def test_a_killed_process_ends_all_of_it_with_a_word() -> None:
    with pytest.raises(ObservationError, match="killed from outside"):
        run_all(killed, [0, 1], 2)
    assert active_children() == []


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run_all(interrupting, [tmp_path / "a", tmp_path / "b"], 2)
    assert active_children() == []
    assert signal.getsignal(signal.SIGINT) is before


def test_workers_leave_ctrl_c_and_a_hangup_to_their_parent_from_the_first_moment_on() -> None:
    assert all(heard >= {signal.SIGINT, signal.SIGHUP} for heard in run_all(deaf, [1, 2], 2))
    assert deaf(0) == set()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_what_ends_the_parent_waits_while_workers_are_started_and_is_not_lost(sent: signal.Signals) -> None:
    told, over = [], threading.Event()
    other = threading.Thread(target=over.wait)  # in which nothing is blocked, as in numpy's
    other.start()
    before = signal.signal(sent, lambda number, _: told.append(number))
    try:
        with _uninterrupted():
            assert other.ident
            signal.pthread_kill(other.ident, sent)
            os.kill(os.getpid(), sent)
            time.sleep(0.1)
            assert told == []
        assert set(told) == {sent}
    finally:
        signal.signal(sent, before)
        over.set()
        other.join()


def test_there_is_a_processor() -> None:
    assert processors() >= 1


def test_workers_do_not_load_the_command_that_started_them(tmp_path: Path) -> None:
    command = tmp_path / "command.py"
    command.write_text(
        "from autoscaler.simulate.compare.pool import run_all\n"
        "print('loaded')\n"
        "if __name__ == '__main__':\n"
        "    print(run_all(abs, [-1, -2], 2))\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, command], capture_output=True, text=True, check=True)
    assert done.stdout == "loaded\n[1, 2]\n"
