"""What a command ends with when nobody takes its output."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.daemon import DEADLINE_S, ROOT, environment
from tests.unit.cli.test_simulate import LEVELS

POLICY = ROOT / "policies/edge.yaml"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    file = tmp_path / "levels.csv"
    file.write_text(LEVELS)
    return file


def ended(stdout: int, *arguments: str | Path, line: str = 'exec "$@"') -> tuple[int, str]:
    words = ["sh", "-c", line, "sh", sys.executable, "-m", "autoscaler", *map(str, arguments)]
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


CLOSED = [
    ("simulate", POLICY, "--trace", "{trace}", "--json"),
    ("simulate", POLICY, "--trace", "{trace}", "--html", "page.html"),
    ("compare", POLICY, POLICY, "--trace", "{trace}"),
    ("--version",),
    ("tune", "--help"),
]


@pytest.mark.parametrize("words", CLOSED, ids=lambda words: words[0])
@pytest.mark.parametrize("line", ['exec "$@" >&-', 'exec "$@" <&- >&-'])
def test_a_closed_stdout_is_one_line(trace: Path, words: tuple[str | Path, ...], line: str) -> None:
    arguments = [str(word).format(trace=trace).replace("page.html", f"{trace}.html") for word in words]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    assert ended(nowhere, *arguments, line=line) == (2, "output: unwritable is closed\n")
    pages = [page for page in trace.parent.iterdir() if page != trace]
    assert [page.read_text()[:15] for page in pages] == ["<!DOCTYPE html>"] * ("--html" in words)


@pytest.mark.parametrize(("streams", "code", "begin"), [("2>&-", 0, "{"), (">&- 2>&-", 2, "")])
def test_a_closed_stderr_changes_nothing(trace: Path, tmp_path: Path, streams: str, code: int, begin: str) -> None:
    file = tmp_path / "out"
    stdout = os.open(file, os.O_WRONLY | os.O_CREAT)
    assert ended(stdout, "simulate", POLICY, "--trace", trace, "--json", line=f'exec "$@" {streams}') == (code, "")
    assert file.read_text()[:1] == begin


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_page_that_is_not_wanted_any_more_leaves_nothing_behind(
    trace: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    trace.write_text("time,viewers,publishers\n0d,40,1\n99d,300,1\n")
    page = tmp_path / "page.html"
    words = ["-m", "autoscaler", "simulate", POLICY, "--trace", trace, "--html", page]
    process = subprocess.Popen([sys.executable, *map(str, words)], env=environment(), stdout=subprocess.DEVNULL)
    until = time.monotonic() + DEADLINE_S
    while not (parts := list(tmp_path.glob(".*.part"))) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    assert len(parts) == 1
    process.send_signal(sent)
    assert process.wait(DEADLINE_S) == 128 + sent
    assert list(tmp_path.iterdir()) == [trace]


BROKEN_OFF = """\
import os, signal, time
from contextlib import nullcontext
from autoscaler.cli import record
from autoscaler.cli.app import main
class Journal:
    def span(self, *_):
        assert [each.name[:12] for each in os.scandir()] == [".autoscaler-"]
        os.kill(os.getpid(), signal.%s)
        yield time.sleep(60)
record.load_settings = lambda _: None
record.reading_back = lambda _: nullcontext(Journal())
main()
"""


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_recording_that_is_broken_off_leaves_nothing_behind(tmp_path: Path, sent: signal.Signals) -> None:
    words = [sys.executable, "-c", BROKEN_OFF % sent.name, "record", "--since", "1h", "--group", "edge"]
    asked = subprocess.run([*words, "-o", "monday.jsonl"], cwd=tmp_path, env=environment(), check=False)
    assert (asked.returncode, list(tmp_path.iterdir())) == (128 + sent, [])


TOLD_TWICE = """\
import os, signal
from autoscaler.cli.playing import ended_well
with ended_well():
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        print("goes on")
    finally:
        os.kill(os.getpid(), signal.SIGHUP)
        print("is cleaned up")
"""


@pytest.mark.parametrize(
    ("before", "code", "told"),
    [([], 128 + signal.SIGHUP, "is cleaned up\n"), (["nohup"], 0, "goes on\nis cleaned up\n")],
)
def test_a_hangup_is_heard_once_and_not_where_it_is_ignored(before: list[str], code: int, told: str) -> None:
    words = [*before, sys.executable, "-c", TOLD_TWICE]
    asked = subprocess.run(words, env=environment(), check=False, stdin=subprocess.DEVNULL, stdout=-1, text=True)
    assert (asked.returncode, asked.stdout) == (code, told)
