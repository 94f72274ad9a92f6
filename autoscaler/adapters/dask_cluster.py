"""Work done by the workers of a Dask cluster. It needs the extra `dask`, so this file is imported by name."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Protocol, TypeVar

from distributed import Client, Future, KilledWorker
from distributed.comm.core import CommClosedError

from autoscaler.model.errors import ConfigurationError, ObservationError, Problem

_CONNECT_S, _LOOK_S = 10.0, 2.0
ALONE_S = 30.0
"""So long a cluster may be without any worker before we give up."""

_SOURCE = "cluster"

Task = TypeVar("Task")
Result = TypeVar("Result")


class Crew(Protocol):
    """Does all tasks and yields their results in the order of the tasks, each as soon as those before it are there."""

    def __call__(
        self, work: Callable[[Task], Result], tasks: Sequence[Task], done: Callable[[], object], /
    ) -> Iterator[Result]:
        """`done` hears of each task that ended."""


@contextmanager
def cluster(address: str) -> Iterator[Crew]:
    """Yield what does tasks on the workers of the scheduler at `address`; what is not done at the end is called off.

    A task whose worker died is done again by another one.

    Raises:
        ConfigurationError: the first that a task raised, or a worker cannot run our tasks at all.
        ObservationError: nothing answers at `address` or any more, or there are no workers.
    """
    _silence()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that versions of other packages differ: ours is compared by each task
        client = _connected(address)
        try:
            yield _Cluster(client, address).work_off
        finally:
            with suppress(OSError, TimeoutError, CancelledError):
                client.close(timeout=_LOOK_S)


def _silence() -> None:
    """Keep quiet what tells its faults by tracebacks: what matters of them is told in our words."""
    for name in [*logging.root.manager.loggerDict]:
        if name.partition(".")[0] in {"asyncio", "distributed", "tornado"}:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _connected(address: str) -> Client:
    try:
        return Client(address, timeout=_CONNECT_S, set_as_default=False, name="autoscaler-tune")
    except (OSError, TimeoutError, ValueError) as error:
        raise ObservationError(_SOURCE, f"no Dask scheduler answers at {address} in {_CONNECT_S:g} s") from error


class _Cluster:
    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        self._address = address

    def work_off(
        self, work: Callable[[Task], Result], tasks: Sequence[Task], done: Callable[[], object], /
    ) -> Iterator[Result]:
        """Hand out all tasks, and yield their results in order."""
        futures = [self._client.submit(_guarded, work, task, pure=False) for task in tasks]
        for future in futures:
            future.add_done_callback(lambda _: done())
        for future in futures:
            yield self._result(future)

    def _result(self, future: Future[Result | _Problems]) -> Result:
        """Wait for a task, and look now and then whether anybody is there to do it."""
        alone_since: float | None = None
        while True:
            with _translated(self._address):
                try:
                    result = future.result(timeout=_LOOK_S)
                except TimeoutError:
                    alone_since = self._looked(alone_since)
                    continue
            if isinstance(result, _Problems):
                raise ConfigurationError(result.problems)
            return result

    def _looked(self, alone_since: float | None) -> float | None:
        """Return since when there are no workers, or None; raises ObservationError after too long."""
        if self._client.scheduler_info().get("workers"):  # of a scheduler that has just gone nothing is known
            return None
        now = time.monotonic()
        if alone_since is not None and now - alone_since > ALONE_S:
            why = f"the Dask scheduler at {self._address} has had no workers for {ALONE_S:g} s"
            raise ObservationError(_SOURCE, why)
        return alone_since or now


@contextmanager
def _translated(address: str) -> Iterator[None]:
    try:
        yield
    except (CancelledError, CommClosedError) as error:  # whichever notices first; no task uses connections of Dask's
        raise ObservationError(_SOURCE, f"the Dask scheduler at {address} went away") from error
    except KilledWorker as error:
        why = "several workers died of the same simulation; they may lack memory"
        raise ObservationError(_SOURCE, why) from error
    except OSError as error:
        raise ObservationError(_SOURCE, f"a simulation failed, by way of {address}: {error}") from error
    except (ImportError, AttributeError) as error:
        what = f"a worker lacks this program: {error}"
        hint = "install the same on all workers"
        raise ConfigurationError([Problem("--cluster", 0, 0, "other-version", what, hint)]) from error


class _Problems:
    """What a task raised: an exception would lose what it carries on its way."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)


def _guarded(work: Callable[[Task], Result], task: Task) -> Result | _Problems:
    try:
        return work(task)
    except ConfigurationError as error:
        return _Problems(error.problems)
