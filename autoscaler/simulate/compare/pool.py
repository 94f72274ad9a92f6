"""Simulations in parallel processes: as many as there are processors, and none that outlives the command."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from types import ModuleType
from typing import Protocol, TypeVar

from autoscaler.model.errors import ConfigurationError, ObservationError, Problem

_OF_TERMINALS = (signal.SIGINT, signal.SIGHUP)
_HELD = (*_OF_TERMINALS, signal.SIGTERM)
_SAFE_PATH = "PYTHONSAFEPATH"

Task = TypeVar("Task")
Result = TypeVar("Result")


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(
    work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, done: Callable[[], object] = bool
) -> list[Result]:
    """Do all tasks, `jobs` at a time, and return their results in the order of the tasks.

    One at a time is done in this process. `done` hears of each task that ended. However this ends, by an exception or
    by Ctrl-C too, no process stays behind. Only the main thread may call it, for it minds Ctrl-C.

    Raises:
        ConfigurationError: the first that a task raised.
        ObservationError: a process was killed from outside.
    """
    with crew(min(jobs, len(tasks))) as work_off:
        return list(work_off(work, tasks, done))


class Crew(Protocol):
    """Does all tasks and yields their results in the order of the tasks, each as soon as those before it are there."""

    def __call__(
        self, work: Callable[[Task], Result], tasks: Sequence[Task], done: Callable[[], object] = ..., /
    ) -> Iterator[Result]:
        """`done` hears of each task that ended. Raises what `run_all` raises."""


@contextmanager
def crew(jobs: int) -> Iterator[Crew]:
    """Yield what does tasks, `jobs` at a time, as `run_all` does, in processes that stay from call to call."""
    if jobs <= 1:
        yield _here
        return
    with _workers(jobs) as pool:
        yield partial(_there, pool)


def _here(
    work: Callable[[Task], Result], tasks: Sequence[Task], done: Callable[[], object] = bool, /
) -> Iterator[Result]:
    for task in tasks:
        yield _told(work(task), done)


def _there(
    pool: ProcessPoolExecutor,
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    done: Callable[[], object] = bool,
    /,
) -> Iterator[Result]:
    with _uninterrupted(), _without_main(), _only_installed():
        futures = [pool.submit(_guarded, work, task) for task in tasks]
    for future in futures:
        future.add_done_callback(lambda _: done())
    return map(_result, futures)


def _told(result: Result, done: Callable[[], object]) -> Result:
    done()
    return result


@contextmanager
def _workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool. New interpreters, not forks: a fork of a process with threads can hang."""
    others = set(active_children())
    with _uninterrupted(), _only_installed():  # a process of multiprocessing's own begins here
        pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_start)
    try:
        yield pool
    except BaseException:
        for worker in set(active_children()) - others:
            worker.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Start processes that hear no Ctrl-C and no hangup, which are the parent's matter: what is blocked is inherited.

    A terminal sends them to all of them, and one that is still importing would answer with a traceback, as would one
    that is left half started. So the parent hears them, and SIGTERM, when this is over.
    """
    held: list[int] = []
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_TERMINALS)
    before = {each: signal.signal(each, lambda number, _: held.append(number)) for each in _HELD}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for told in held:  # by other threads, such as numpy's, in which nothing is blocked
            signal.raise_signal(told)


@contextmanager
def _without_main() -> Iterator[None]:
    """Start processes that do not run the parent's script anew: it would load the whole command line in each of them.

    Nothing that is sent to them is defined there.
    """
    script, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


@contextmanager
def _only_installed() -> Iterator[None]:
    """Start processes that import nothing from this folder: it may be somebody's change that is to be reviewed.

    A new interpreter looks for `multiprocessing` before it is told where its parent looks, and this folder is first.
    """
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def _start() -> None:
    """Begin a worker, which ends when its parent has died without a word."""
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _guarded(work: Callable[[Task], Result], task: Task) -> Result | tuple[Problem, ...]:
    """Return problems instead of raising them: an exception loses what it carries between processes."""
    try:
        return work(task)
    except ConfigurationError as error:
        return error.problems


def _result(future: Future[Result | tuple[Problem, ...]]) -> Result:
    try:
        result = future.result()
    except BrokenProcessPool:
        why = "a process that played a policy was killed from outside; when memory is short, use fewer --jobs"
        raise ObservationError("simulation", why) from None
    if isinstance(result, tuple):
        raise ConfigurationError(result)
    return result
