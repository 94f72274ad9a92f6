"""What every NodeResources does: AMS's REST over HTTP, and the simulated one."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any, Protocol

import jwt
import pytest

from autoscaler.adapters.ams_resources import AmsResources, parse_resources, server_token
from autoscaler.model.errors import ObservationError
from autoscaler.model.media import Resources
from autoscaler.ports import NodeResources
from autoscaler.simulate.media import SimulatedResources
from autoscaler.simulate.world import World
from tests.support.ams_rest import PATH, SECRET, AmsRest, gpu, system_resources
from tests.support.places import free_port

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WHOLE = Resources(
    NOW, webrtc_viewers=112, hls_viewers=40, dash_viewers=8, streams=5, cpu_percent=37, memory_percent=37.5,
    gpu_percent=None, gpu_memory_percent=None,
)  # fmt: skip


class Now:
    """The real time, for tokens must be good by the node's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class Rig(Protocol):
    port: NodeResources

    def node(self, *, up: bool) -> str: ...


class SimulatedRig:
    def __init__(self) -> None:
        self._world = World()
        self.port: NodeResources = SimulatedResources(self._world)

    def node(self, *, up: bool) -> str:
        node = self._world.add_node()
        node.answers, node.resources = up, replace(WHOLE)
        return node.instance.ip


class RestRig:
    """Nodes on 127.0.3.x, all on one port, as a cluster's are."""

    def __init__(self, stack: ExitStack, timeout_s: float = 2.0, secret: str = SECRET) -> None:
        self.stack = stack
        self.number = free_port()
        self.port: NodeResources = AmsResources(secret, self.number, timeout_s, Now())
        self._made = 0

    def address(self) -> str:
        self._made += 1
        return f"127.0.3.{self._made}"

    def node(self, *, up: bool) -> str:
        ip = self.address()
        if up:
            self.stack.enter_context(AmsRest(ip, self.number))
        return ip

    def answering(self, **how: Any) -> tuple[str, AmsRest]:
        ip = self.address()
        return ip, self.stack.enter_context(AmsRest(ip, self.number, **how))

    def error(self, ip: str) -> str:
        error = self.port.read([ip])[ip]
        assert isinstance(error, ObservationError)
        assert error.source == "ams"
        assert SECRET not in str(error)
        return error.detail


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def rest(stack: ExitStack) -> RestRig:
    return RestRig(stack)


@pytest.fixture(params=["rest", "simulated"])
def rig(request: pytest.FixtureRequest, stack: ExitStack) -> Rig:
    return RestRig(stack) if request.param == "rest" else SimulatedRig()


def test_nobody_asked_nobody_answers(rig: Rig) -> None:
    assert rig.port.read([]) == {}


def test_each_node_answers_for_itself_and_one_that_is_down_says_why(rig: Rig) -> None:
    up, down = rig.node(up=True), rig.node(up=False)
    answers = rig.port.read([up, down])
    error = answers[down]
    assert isinstance(answers[up], Resources)
    assert isinstance(error, ObservationError)
    assert error.source == "ams"


def test_the_answer_is_what_the_node_tells(rig: Rig) -> None:
    ip = rig.node(up=True)
    answer = rig.port.read([ip])[ip]
    assert isinstance(answer, Resources)
    assert replace(answer, at=NOW) == WHOLE
    assert answer.viewers == 160


def test_only_who_was_asked_is_in_the_answer(rig: Rig) -> None:
    first, _ = rig.node(up=True), rig.node(up=True)
    assert list(rig.port.read([first])) == [first]


def test_an_address_that_nobody_has_is_an_error_of_its_own(rig: Rig) -> None:
    assert isinstance(rig.port.read(["127.0.9.9"])["127.0.9.9"], ObservationError)


# What follows is HTTP's own; the simulated node only answers or does not.


def test_an_answer_is_as_old_as_its_arrival(rest: RestRig) -> None:
    before = datetime.now(UTC)
    ip = rest.node(up=True)
    answer = rest.port.read([ip])[ip]
    assert isinstance(answer, Resources)
    assert before <= answer.at <= datetime.now(UTC)


def test_the_token_holds_for_a_minute_and_claims_no_more(stack: ExitStack) -> None:
    claims = jwt.decode(server_token(SECRET, NOW), SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert claims == {"exp": int((NOW + timedelta(minutes=1)).timestamp())}
    old = AmsResources(SECRET, (node := stack.enter_context(AmsRest("127.0.3.1"))).port, 2.0, Fixed())
    assert isinstance(old.read(["127.0.3.1"])["127.0.3.1"], ObservationError)
    assert node.asked == [(PATH, 403)]


class Fixed:
    """A clock two minutes behind the node's: its tokens are over when they arrive."""

    def now(self) -> datetime:
        return datetime.now(UTC) - timedelta(minutes=2)


def test_a_wrong_secret_is_told_with_what_to_look_at(stack: ExitStack) -> None:
    rig = RestRig(stack, secret="another-secret-of-at-least-32-characters")
    ip = rig.node(up=True)
    assert (
        rig.error(ip)
        == "refuses our token (403): see server.jwtServerControlEnabled, jwtServerSecretKey, and the clocks"
    )


@pytest.mark.parametrize("status", [204, 302, 401, 404, 500, 503])
def test_only_200_is_an_answer(rest: RestRig, status: int) -> None:
    ip, node = rest.answering(status=status)
    assert f"{status}" in rest.error(ip)
    assert node.asked == [(PATH, status)]


def test_a_redirect_is_not_followed(rest: RestRig) -> None:
    target, elsewhere = rest.answering()
    ip, node = rest.answering(status=302)
    node.headers["Location"] = f"http://{target}:{rest.number}{PATH}"
    assert rest.error(ip) == "answers 302"
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "body",
    [b"", b"<html></html>", b"[" * 100_000, b"\xff\xfe", b"9" * 10_000, b'{"a": ' * 50_000],
    ids=["empty", "html", "deep", "bytes", "long number", "cut"],
)
def test_what_is_no_json_is_no_answer(rest: RestRig, body: bytes) -> None:
    assert rest.error(rest.answering(body=body)[0]) == "its answer is no JSON"


@pytest.mark.parametrize("body", [b"null", b"3", b"[]", b"{}", b'{"success": false, "message": "no"}'])
def test_json_that_tells_nothing_is_no_answer(rest: RestRig, body: bytes) -> None:
    assert rest.error(rest.answering(body=body)[0]) == "its answer tells no resources"


def test_an_endless_answer_is_cut_and_is_none(rest: RestRig) -> None:
    body = json.dumps(system_resources(ffmpegBuildInfo="x" * 300_000)).encode()
    assert rest.error(rest.answering(body=body)[0]) == "its answer is no JSON"


def test_who_takes_the_connection_and_says_nothing_is_given_up(stack: ExitStack) -> None:
    rig = RestRig(stack, timeout_s=0.2)
    up, ip = rig.node(up=True), rig.address()
    stack.enter_context(socket.create_server((ip, rig.number)))
    answers = rig.port.read([ip, up])
    assert isinstance(answers[up], Resources)
    assert str(answers[ip]) == "ams: did not answer in 0.2 s"


def test_who_answers_bit_by_bit_costs_one_round_and_is_not_asked_again_before_it_ended(stack: ExitStack) -> None:
    """Each bit comes within the timeout; a whole answer would take minutes."""
    rig = RestRig(stack, timeout_s=0.3)
    up, ip = rig.node(up=True), rig.address()
    slow, over, asked = stack.enter_context(socket.create_server((ip, rig.number))), Event(), []

    def drip() -> None:
        connection, _ = slow.accept()
        with connection:
            asked.append(connection.recv(65_536))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not over.wait(0.1):
                connection.sendall(b" ")

    dripper = Thread(target=drip)
    dripper.start()
    try:
        for _ in range(2):
            answers = rig.port.read([ip, up])
            assert isinstance(answers[up], Resources)
            assert str(answers[ip]) == "ams: did not answer within 0.9 s"
    finally:
        over.set()
        dripper.join()
    assert len(asked) == 1
    deadline = time.monotonic() + 10
    while rig.error(ip) == "did not answer within 0.9 s":  # the thread that was left behind has to notice
        assert time.monotonic() < deadline


def test_more_nodes_than_threads(rest: RestRig) -> None:
    up = rest.node(up=True)
    answers = rest.port.read([*(f"127.0.4.{number}" for number in range(1, 151)), up])
    assert [ip for ip, answer in answers.items() if isinstance(answer, Resources)] == [up]
    assert len(answers) == 151


def test_a_proxy_of_the_environment_cannot_answer_for_a_node(rest: RestRig, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, node = rest.answering()
    monkeypatch.setenv("http_proxy", f"http://{proxy}:{rest.number}")
    assert isinstance(rest.port.read(["127.0.9.9"])["127.0.9.9"], ObservationError)
    assert node.asked == []


def test_what_is_no_address_is_an_error(rest: RestRig) -> None:
    assert "cannot be reached" in rest.error("no host")


# What is read of an answer.


def read(**changes: Any) -> Resources:
    answer = parse_resources(json.dumps(system_resources(**changes)).encode(), NOW)
    assert isinstance(answer, Resources)
    return answer


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("localWebRTCViewers", "webrtc_viewers"),
        ("localHLSViewers", "hls_viewers"),
        ("localDASHViewers", "dash_viewers"),
    ],
)
@pytest.mark.parametrize("value", [None, -1, "40", 1.5, True, 10**30, [], {}])
def test_viewers_that_are_not_told_are_missing_and_so_is_their_sum(key: str, name: str, value: object) -> None:
    answer = read(**{key: value})
    assert getattr(answer, name) is None
    assert answer.viewers is None
    assert answer.streams == 5


@pytest.mark.parametrize("load", [-1, 101, "37", None, float("nan"), float("inf"), True])
def test_a_cpu_load_that_cannot_be_is_missing(load: object) -> None:
    assert read(cpuUsage={"systemCPULoad": load}).cpu_percent is None
    assert read(cpuUsage=load).cpu_percent is None


@pytest.mark.parametrize(
    ("memory", "percent"),
    [
        ({"totalMemory": 1000, "availableMemory": 250}, 75.0),
        ({"totalMemory": 1000, "availableMemory": 1000}, 0.0),
        ({"totalMemory": 1000, "availableMemory": 0}, None),
        ({"totalMemory": 1000, "availableMemory": 1001}, None),
        ({"totalMemory": 0, "availableMemory": 0}, None),
        ({"totalMemory": 1000, "inUseMemory": 750}, None),
        ({"availableMemory": 250}, None),
        ({}, None),
    ],
    ids=str,
)
def test_memory_is_what_is_not_available_of_all_bytes(memory: dict[str, int], percent: float | None) -> None:
    assert read(systemMemoryInfo=memory).memory_percent == percent


@pytest.mark.parametrize(
    ("gpus", "percent", "memory_percent"),
    [
        ([], None, None),
        (None, None, None),
        ({}, None, None),
        ([gpu()], 40, 25.0),
        ([gpu(), gpu(index=1, gpuUtilization=90, memoryUsed=2_000_000_000)], 90, 25.0),
        ([gpu(), gpu(index=1, gpuUtilization=-1)], None, 25.0),
        ([gpu(memoryTotal=0)], 40, None),
        ([gpu(), 3], None, None),
    ],
    ids=["none", "not told", "no list", "one", "two", "one unknown", "no memory", "nonsense"],
)
def test_gpus_count_by_the_busiest_if_all_are_told(
    gpus: object, percent: float | None, memory_percent: float | None
) -> None:
    answer = read(gpuUsageInfo=gpus)
    assert (answer.gpu_percent, answer.gpu_memory_percent) == (percent, memory_percent)
