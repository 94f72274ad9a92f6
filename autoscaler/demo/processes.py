"""Programs that the demo starts, and how it ends them: only its own, by process group, whatever else goes wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from autoscaler.model.errors import AutoscalerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

READY_S = 45.0
"""How long a program may take to answer on a slow machine."""

POLL_S = 0.1


class ComponentFailed(AutoscalerError):
    """A program that the demo needs is missing, did not start, or ended too early."""

    exit_code: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Component:
    """A running program in a process group of its own, so that Ctrl-C reaches the demo alone."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise ComponentFailed when the program ended by itself."""
        status = self.process.poll()
        if status is not None:
            raise ComponentFailed(f"{self.name} ended with {status}: {self._last_words()}")

    async def ready(self, answers: Callable[[], Awaitable[bool]]) -> None:
        """Wait until `answers()` is true; raises ComponentFailed when the program ends or stays silent."""
        until = time.monotonic() + READY_S
        while not await answers():
            self.check()
            if time.monotonic() > until:
                raise ComponentFailed(f"{self.name} did not answer within {READY_S:.0f} s: {self._last_words()}")
            await asyncio.sleep(POLL_S)

    def end(self, grace_s: float = 0.0) -> None:
        """End the program and everything in its group; with `grace_s` it is asked first and given that long."""
        if grace_s > 0:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(grace_s)
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][-300:] if lines else "it said nothing"


def start(name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> Component:
    """Start a program with its output in `folder`/`name`.log; raises ComponentFailed when it cannot be executed."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - programs and arguments are our own
                command,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise ComponentFailed(f"{name} cannot be started: {error.strerror}") from error
    return Component(name, process, log)


def program(name: str, hint: str, *folders: str) -> str:
    """Find a program on PATH or in `folders`; raises ComponentFailed with a hint when it is not there."""
    path = os.pathsep.join((*folders, os.environ.get("PATH", os.defpath)))
    found = shutil.which(name, path=path)
    if found is None:
        raise ComponentFailed(f"{name} was not found: {hint}")
    return found
