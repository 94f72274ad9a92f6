"""The REST side of Ant Media Server, as far as we ask it: `/rest/v2/system-resources` behind the server's JWT."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt

SECRET = "a-secret-of-the-server-with-32-or-more-characters"
PATH = "/rest/v2/system-resources"


def gpu(**changes: Any) -> dict[str, Any]:
    """Make one GPU's part of the answer, as StatsCollector.getGPUInfoJSObject does; memory is in bytes."""
    usual = {
        "index": 0, "gpuUtilization": 40, "memoryUtilization": 3, "gpuEncoderUtilization": 60,
        "gpuDecoderUtilization": 20, "memoryTotal": 16_000_000_000, "memoryFree": 12_000_000_000,
        "memoryUsed": 4_000_000_000, "deviceName": "Tesla T4",
    }  # fmt: skip
    return {**usual, **changes}


def system_resources(**changes: Any) -> dict[str, Any]:
    """Make an answer as StatsCollector.getSystemResourcesInfo does; what is changed to None is left out."""
    usual: dict[str, Any] = {
        "instanceId": "3f2a9c0e7b1d4856a0c1e2d3f4b5a697",
        "cpuUsage": {"processCPUTime": 1, "systemCPULoad": 37, "processCPULoad": 30, "systemLoadAverageLastMinute": 1},
        "jvmMemoryUsage": {"maxMemory": 4, "totalMemory": 3, "freeMemory": 1, "inUseMemory": 2},
        "systemInfo": {"osName": "Linux", "osArch": "amd64", "javaVersion": "17", "processorCount": 4},
        "systemMemoryInfo": {
            "virtualMemory": 20_000_000_000, "totalMemory": 16_000_000_000, "freeMemory": 1_000_000_000,
            "inUseMemory": 15_000_000_000, "availableMemory": 10_000_000_000,
        },
        "fileSystemInfo": {"usableSpace": 1, "totalSpace": 2, "freeSpace": 1, "inUseSpace": 1},
        "jvmNativeMemoryUsage": {"inUseMemory": 1, "maxMemory": 2},
        "softwareVersion": {"versionName": "3.0.3", "versionType": "Enterprise Edition", "buildNumber": "1"},
        "gpuUsageInfo": [],
        "ffmpegBuildInfo": "--enable-libx264",
        "dbAverageQueryTimeMs": 2,
        "localWebRTCLiveStreams": 3, "localLiveStreams": 5, "localWebRTCViewers": 112, "localHLSViewers": 40,
        "localDASHViewers": 8,
        "server-timing": {"up-time": 1000, "start-time": 1},
    }  # fmt: skip
    return {key: value for key, value in {**usual, **changes}.items() if value is not None}


class AmsRest(ThreadingHTTPServer):
    """One node. It answers `status` and `body` to whoever carries a good token, and 403 to everybody else.

    Java's verifier, which AMS uses, takes no leeway: a token of the future (`iat`, `nbf`) is refused by it.
    """

    daemon_threads = True
    request_queue_size = 200

    def __init__(self, ip: str, port: int = 0, *, body: bytes | None = None, status: int = 200) -> None:
        self.body = json.dumps(system_resources()).encode() if body is None else body
        self.status = status
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, int]] = []
        super().__init__((ip, port), _Handler)
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def server_close(self) -> None:
        self.shutdown()
        self._thread.join()
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    server: AmsRest

    def do_GET(self) -> None:
        status = self.server.status if self.path == PATH else 404
        if not _authentic(self.headers.get("ProxyAuthorization", "")):
            status = 403
        self.server.asked.append((self.path, status))
        body = self.server.body if status == self.server.status else b"<html>Not authenticated user</html>"
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **self.server.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        del format, args


def _authentic(token: str) -> bool:
    try:
        claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"require": ["exp"]})
    except jwt.PyJWTError:
        return False
    return not claims.keys() & {"iat", "nbf"}
