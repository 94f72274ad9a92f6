"""The emulator as a server on this machine, in a thread of this process."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from moto_fixtures.shim import Shim
from moto_fixtures.world import Loader, client, read

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client


class QuietHandler(MotoRequestHandler):
    """The shim keeps the log."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""

    def log_error(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401  # the base class names it so
        """Say nothing of a client that hung up, which is what faults are for."""


class Server:
    """A running emulator. moto keeps one state a process, so run one Server at a time in a process."""

    def __init__(self, shim: Shim, host: str, port: int) -> None:
        """Listen; port 0 picks a free one."""
        self.shim = shim
        self.names: dict[str, str] = {}
        self.region = ""
        self._clients: dict[str, EC2Client] = {}  # making one costs more than building a world
        self._http = make_server(host, port, shim, threaded=True, request_handler=QuietHandler)
        self.host, self.port = host, self._http.port
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="ec2-emulator", daemon=True)
        self._thread.start()

    @property
    def endpoint_url(self) -> str:
        """What a client takes as `endpoint_url`."""
        return f"http://{self.host}:{self.port}"

    @property
    def client(self) -> EC2Client:
        """An operator's client for the world's region: it may do anything."""
        if self.region not in self._clients:
            self._clients[self.region] = client(self.endpoint_url, self.region)
        return self._clients[self.region]

    def load(self, world: str | Path) -> dict[str, str]:
        """Forget everything and build a world; return its names -> ids."""
        self.shim.reset()
        description = read(world)
        self.region = description["region"]
        self.names = Loader(self.client, description).load()
        self.shim.calls.clear()
        return self.names

    def steer(self, **dials: Any) -> None:  # noqa: ANN401  # as many kinds as dials
        """Turn dials; `Shim.steer` lists them."""
        self.shim.steer(dials)

    def log(self, *actions: str) -> list[dict[str, Any]]:
        """Return the calls so far as {action, service, parameters, at, status}, or those of some actions."""
        return [call for call in self.shim.calls if not actions or call["action"] in actions]

    def stop(self) -> None:
        """End at once, hanging requests included."""
        self.shim.end()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def __enter__(self) -> Self:
        """Run for the length of a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


def start(world: str | Path = "empty", *, host: str = "127.0.0.1", port: int = 0, **dials: Any) -> Server:  # noqa: ANN401  # as many kinds as dials
    """Start the emulator with a world, by name or from a file; then turn `dials` such as `pending_s=2.0`."""
    server = Server(Shim(DomainDispatcherApplication(create_backend_app)), host, port)
    try:
        server.load(world)
        server.steer(**dials)
    except BaseException:
        server.stop()
        raise
    return server
