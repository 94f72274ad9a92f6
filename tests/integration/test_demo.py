"""`autoscaler demo` as its users run it: a process, its exit code, what it prints, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from ruamel.yaml import YAML

from autoscaler.adapters.mongo import Client
from tests.support.places import short_folder

DEADLINE_S = 120.0
KEYS = [
    "sessions_total",
    "sessions_failed",
    "publishers_total",
    "publishers_cut",
    "viewer_minutes_disrupted",
    "launched",
    "terminated",
    "max_in_service",
    "final_in_service",
    "haproxy_reloads",
    "invariant_violations",
    "duration_s",
]


class Demo:
    """A running demo whose temporary files all lie in `home`."""

    def __init__(self, home: Path, *options: str, **environment: str) -> None:
        self.home = home
        self.ended = ""
        self.progress = home.parent / "progress"
        with self.progress.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "autoscaler", "demo", "--json", *options],
                env={**os.environ, "TMPDIR": str(home), **environment},
                stdout=subprocess.PIPE,
                stderr=stderr,
            )

    def said(self) -> str:
        return self.progress.read_text()

    def until(self, words: str) -> None:
        self.until_matches(re.escape(words))

    def until_matches(self, pattern: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not re.search(pattern, self.said()):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def end(self) -> tuple[int, str]:
        """Wait for the end and return exit code and stdout."""
        if self.process.stdout and not self.process.stdout.closed:
            self.ended = self.process.communicate(timeout=200)[0].decode()
        return self.process.wait(), self.ended

    def left_behind(self) -> list[str]:
        """Files in `home`, and processes that were started with a path in it."""
        commands = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                commands.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:  # it ended meanwhile
                continue
        return [*map(str, self.home.iterdir()), *(line for line in commands if str(self.home) in line)]


@pytest.fixture
def launch() -> Iterator[Callable[..., Demo]]:
    """Start a demo; one that a failing test leaves running is ended.

    Its home has a short name of its own: a Unix socket's path, HAProxy's here, has 97 characters at most.
    """
    folder = short_folder("demo-")
    home = folder / "home"
    home.mkdir()
    try:
        yield from _launched(home)
    finally:
        shutil.rmtree(folder)


def _launched(home: Path) -> Iterator[Callable[..., Demo]]:
    demos: list[Demo] = []

    def launch(*options: str, **environment: str) -> Demo:
        demos.append(Demo(home, *options, **environment))
        return demos[-1]

    yield launch
    for demo in demos:
        if demo.process.poll() is None:
            demo.process.terminate()
        demo.end()


def test_a_crowd_comes_and_goes_and_nobody_is_cut(launch: Callable[..., Demo]) -> None:
    demo = launch("--speed", "3")
    code, stdout = demo.end()
    assert code == 0, demo.said()
    summary = json.loads(stdout)
    assert list(summary) == KEYS
    assert summary["sessions_total"] > 50
    assert summary["publishers_total"] >= 4
    broken = (
        "sessions_failed",
        "publishers_cut",
        "viewer_minutes_disrupted",
        "haproxy_reloads",
        "invariant_violations",
    )
    assert {summary[key] for key in broken} == {0}
    assert summary["launched"] >= summary["max_in_service"] > summary["final_in_service"] >= 2
    assert summary["terminated"] >= 1
    assert demo.left_behind() == []


def test_on_a_borrowed_mongodb_a_node_that_is_ended_under_its_viewers_is_noticed_and_the_rest_is_given_back(
    launch: Callable[..., Demo], mongo_uri: str, mongo_client: Client
) -> None:
    before = set(mongo_client.list_database_names())
    demo = launch("--speed", "2", MONGODB_URI=mongo_uri)
    demo.until("stage: surge")
    during = set(mongo_client.list_database_names()) - before
    assert {name.rpartition("_")[2] for name in during} >= {"clusterdb", "autoscaler", "liveapp"}
    [settings] = demo.home.glob("*/autoscaler.yaml")
    ec2_settings = YAML(typ="safe").load(settings.read_text())["ec2"]
    ec2 = boto3.client(
        "ec2",
        region_name=ec2_settings["region"],
        endpoint_url=ec2_settings["endpoint_url"],
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    first = ec2.describe_instances()["Reservations"][0]["Instances"][0]["InstanceId"]
    ec2.terminate_instances(InstanceIds=[first])
    demo.until(f"{first} was ended without having been drained")
    demo.until_matches(r"broken [1-9]")
    demo.process.send_signal(signal.SIGTERM)
    assert demo.end()[0] == 128 + signal.SIGTERM
    assert re.search(rf"{first} was ended with [1-9]\d* viewers and [1-9]\d* publishers on it", demo.said())
    assert set(mongo_client.list_database_names()) <= before
    assert demo.left_behind() == []


def test_an_interrupt_leaves_nothing_behind(launch: Callable[..., Demo]) -> None:
    demo = launch()
    demo.until("stage: starting")
    demo.process.send_signal(signal.SIGINT)
    assert demo.end() == (128 + signal.SIGINT, "")
    assert demo.said().splitlines()[-1] == "ended by SIGINT; nothing was left behind"
    assert demo.left_behind() == []


def test_a_component_that_does_not_start_is_one_clear_line(launch: Callable[..., Demo]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        demo = launch(MONGODB_URI=f"mongodb://127.0.0.1:{nobody.getsockname()[1]}/")
        assert demo.end() == (1, "")
    assert demo.said().splitlines()[-1] == "the server in MONGODB_URI does not answer"
    assert demo.left_behind() == []
