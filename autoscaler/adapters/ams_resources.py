"""What a node's AMS says of itself: `GET /rest/v2/system-resources`, with the server's JWT.

Source of keys and units: Ant-Media-Server, StatsCollector.getSystemResourcesInfo; of the header and of what refuses
it, AuthenticationFilter.java. The same endpoint is what the vendor's own panel shows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus
from queue import Empty, SimpleQueue
from threading import Thread

import jwt
import requests

from autoscaler.model.errors import ObservationError
from autoscaler.model.media import Resources
from autoscaler.ports import Clock

_SOURCE = "ams"
_PATH = "/rest/v2/system-resources"
_MOST_AT_ONCE = 50
_MOST_BYTES = 262_144
_ROUND = 3
"""A whole round takes so many timeouts at most: one to connect, one to read, one for those who had to wait."""

_LIFE = timedelta(minutes=1)
"""How long a token holds; by as much may a node's clock be ahead of ours. Without `iat`, for AMS's verifier takes no
leeway there and would refuse us whenever its clock is a second behind."""

_MOST = 10**12  # above any count, and far below what a float cannot hold

_Answer = Resources | ObservationError


def server_token(secret: str, now: datetime) -> str:
    """Sign a token for `ProxyAuthorization`. Raises jwt.PyJWTError for a secret that is no HMAC secret."""
    return jwt.encode({"exp": int((now + _LIFE).timestamp())}, secret, algorithm="HS256")


class AmsResources:
    """Implements `ports.NodeResources` over HTTP.

    Nobody can hold the cycle up: what has not answered when the round is over is left to end by itself, on a thread
    that the process does not wait for, and that node is not asked again before it has.
    """

    def __init__(self, secret: str, port: int, timeout_s: float, clock: Clock) -> None:
        """`timeout_s` bounds connecting and each read, three times as much the whole round."""
        self._secret = secret
        self._port = port
        self._timeout_s = timeout_s
        self._clock = clock
        self._under_way: set[str] = set()

    def read(self, ips: Sequence[str]) -> Mapping[str, _Answer]:
        """See `ports.NodeResources.read`. 50 are asked at once."""
        found: dict[str, _Answer] = dict.fromkeys(
            ips, ObservationError(_SOURCE, f"did not answer within {_ROUND * self._timeout_s:g} s")
        )
        asked = [ip for ip in found if ip not in self._under_way]
        if not asked:
            return found
        questions: SimpleQueue[str] = SimpleQueue()
        answers: SimpleQueue[tuple[str, _Answer]] = SimpleQueue()
        for ip in asked:
            questions.put(ip)
        token = server_token(self._secret, self._clock.now())
        deadline = time.monotonic() + _ROUND * self._timeout_s
        for _ in range(min(len(asked), _MOST_AT_ONCE)):
            Thread(target=self._work, args=(questions, answers, token, deadline), daemon=True, name="ams").start()
        with suppress(Empty):
            for _ in asked:
                ip, answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
                found[ip] = answer
        return found

    def _work(
        self, questions: SimpleQueue[str], answers: SimpleQueue[tuple[str, _Answer]], token: str, deadline: float
    ) -> None:
        with suppress(Empty):
            while time.monotonic() < deadline:
                ip = questions.get_nowait()
                self._under_way.add(ip)
                try:
                    answer = self._ask(ip, token)
                finally:
                    self._under_way.discard(ip)
                answers.put((ip, answer))

    def _ask(self, ip: str, token: str) -> _Answer:
        headers = {"ProxyAuthorization": token, "Accept": "application/json", "Accept-Encoding": "identity"}
        try:
            with requests.Session() as session:
                session.trust_env = False  # neither a proxy nor a .netrc has any business between us and the node
                with session.get(
                    f"http://{ip}:{self._port}{_PATH}",
                    headers=headers, timeout=self._timeout_s, allow_redirects=False, stream=True,
                ) as reply:  # fmt: skip
                    body = _capped(reply.iter_content(16_384)) if reply.status_code == HTTPStatus.OK else b""
        except requests.Timeout:
            return ObservationError(_SOURCE, f"did not answer in {self._timeout_s:g} s")
        except requests.RequestException as error:
            return ObservationError(_SOURCE, f"cannot be reached: {type(error).__name__}")
        if reply.status_code != HTTPStatus.OK:
            return ObservationError(_SOURCE, _refused(reply.status_code))
        return parse_resources(body, self._clock.now())


def parse_resources(body: bytes, at: datetime) -> _Answer:
    """Read an answer. A key that is absent, or whose value cannot be, is not told; one that tells nothing is none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ObservationError(_SOURCE, "its answer is no JSON")
    gpus = _parts(data, "gpuUsageInfo")
    resources = Resources(
        at=at,
        webrtc_viewers=_count(data, "localWebRTCViewers"),
        hls_viewers=_count(data, "localHLSViewers"),
        dash_viewers=_count(data, "localDASHViewers"),
        streams=_count(data, "localLiveStreams"),
        cpu_percent=_number(_part(data, "cpuUsage"), "systemCPULoad", 100),
        memory_percent=_memory_percent(_part(data, "systemMemoryInfo")),
        gpu_percent=_highest([_number(gpu, "gpuUtilization", 100) for gpu in gpus]),
        gpu_memory_percent=_highest([_share(gpu, "memoryUsed", "memoryTotal") for gpu in gpus]),
    )
    if resources == Resources(at):
        return ObservationError(_SOURCE, "its answer tells no resources")
    return resources


def _capped(chunks: Iterable[bytes]) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > _MOST_BYTES:
            return b""  # an endless answer is no answer
    return bytes(body)


def _refused(status: int) -> str:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return f"refuses our token ({status}): see server.jwtServerControlEnabled, jwtServerSecretKey, and the clocks"
    return f"answers {status}"


def _part(data: object, key: str) -> object:
    return data.get(key) if isinstance(data, dict) else None


def _parts(data: object, key: str) -> list[object]:
    part = _part(data, key)
    return part if isinstance(part, list) else []


def _number(data: object, key: str, most: float = _MOST) -> float | None:
    """Return a number that can be; AMS tells -1 for what its GPU library does not know (GPUUtils.java)."""
    value = _part(data, key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        return None
    return value


def _count(data: object, key: str) -> int | None:
    value = _part(data, key)
    return value if type(value) is int and 0 <= value <= _MOST else None


def _share(data: object, part: str, whole: str) -> float | None:
    used, total = _number(data, part), _number(data, whole)
    return None if used is None or not total or used > total else 100 * used / total


def _memory_percent(data: object) -> float | None:
    """Compute what AMS itself compares with its limit: bytes that are not available. 0 available is AMS's "unknown"."""
    free = _share(data, "availableMemory", "totalMemory")
    return 100 - free if free else None


def _highest(values: Sequence[float | None]) -> float | None:
    """Return the highest; None when there is none, or when one is not told: it may be the highest."""
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None
