"""The real program as its users run it: a process, what it logs, and how it ends."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEADLINE_S = 120.0


@cache
def _bytecode() -> str:
    """Return a folder for compiled modules, gone at the end: most of a command's time is spent on compiling without."""
    folder = tempfile.mkdtemp(prefix="autoscaler-pyc-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def environment(**variables: str) -> dict[str, str]:
    """Return this process' environment without its AWS account, and with `variables`."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AUTOSCALER_", "COV_"))}
    mine.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **mine,
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": _bytecode(),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **variables,
    }


def command(*arguments: str | Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `autoscaler ARGUMENTS` to its end."""
    words = [sys.executable, "-m", "autoscaler", *map(str, arguments)]
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


class Daemon:
    """A running `autoscaler run`."""

    def __init__(self, settings: Path, env: Mapping[str, str], *options: str) -> None:
        with tempfile.NamedTemporaryFile(dir=settings.parent, prefix="daemon-", suffix=".log", delete=False) as log:
            self._log = Path(log.name)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "autoscaler", "run", "--config", str(settings), *options],
                env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def log(self) -> str:
        """Everything that it said."""
        return self._log.read_text()

    def events(self, event: str, **keys: Any) -> list[dict[str, Any]]:
        """Return the log's events of a name, in order; those whose keys have these values."""
        lines = [line for line in self.log.splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]
        found = [entry for entry in map(json.loads, lines) if entry["event"] == event]
        return [entry for entry in found if all(entry.get(key) == value for key, value in keys.items())]

    def until(self, look: Callable[[], object], what: str) -> None:
        """Wait for a state while it runs."""
        deadline = time.monotonic() + DEADLINE_S
        while not look():
            assert self.process.poll() is None, f"it ended before {what}:\n{self.log[-3000:]}"
            assert time.monotonic() < deadline, f"never: {what}\n{self.log[-6000:]}"
            time.sleep(0.02)

    def until_event(self, event: str, **keys: Any) -> dict[str, Any]:
        """Wait for an event that was not there yet, and return it."""
        before = len(self.events(event, **keys))
        self.until(lambda: len(self.events(event, **keys)) > before, f"{event} {keys}")
        return self.events(event, **keys)[before]

    def cycles(self, count: int) -> None:
        """Let so many cycles go by; the first one may be under way already."""
        before = len(self.events("cycle"))
        self.until(lambda: len(self.events("cycle")) > before + count, f"{count} more cycles")

    def reload(self) -> None:
        """Ask it to read its policies again."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Wait until it ends by itself, and return its exit code."""
        return self.process.wait(timeout=DEADLINE_S)

    def kill(self) -> None:
        """End it as a crash of its machine would."""
        self.process.kill()
        self.process.wait()
