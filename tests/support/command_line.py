"""A command as it is typed, run in this process: how it ended, and what it printed where."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autoscaler.cli import app

Run = Callable[..., tuple[int, str, str]]
"""Takes arguments, and returns the exit code, stdout and stderr."""


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *command: str) -> Run:
    """Return what runs `autoscaler`, or one command of it. No error of it is a traceback."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["autoscaler", *command, *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return int(ended.value.code or 0), out, err

    return run
