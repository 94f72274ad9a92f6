"""What a command ends with when nobody takes its output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.daemon import ROOT, environment
from tests.unit.cli.test_simulate import LEVELS

POLICY = ROOT / "policies/edge.yaml"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    file = tmp_path / "levels.csv"
    file.write_text(LEVELS)
    return file


def ended(stdout: int, *arguments: str | Path) -> tuple[int, str]:
    words = [sys.executable, "-m", "autoscaler", *map(str, arguments)]
    ended = subprocess.run(words, env=environment(), stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    os.close(stdout)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("form", ["--json", "--cycle=20s"])
def test_a_full_disk_is_one_line(trace: Path, form: str) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    said = "output: unwritable No space left on device\n"
    assert ended(full, "simulate", POLICY, "--trace", trace, form) == (2, said)


@pytest.mark.parametrize("form", ["--json", "--cycle=20s"])
def test_a_closed_pipe_is_no_problem_found(trace: Path, form: str) -> None:
    read, write = os.pipe()
    os.close(read)
    assert ended(write, "simulate", POLICY, "--trace", trace, form) == (141, "")
