"""Listening, serving and ending, with the daemon and not a moment longer."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from autoscaler.model.errors import ConfigurationError, Problem

_END_S = 5.0
"""How long requests under way may keep a stopping daemon."""


def listen(address: str) -> socket.socket:
    """Take `HOST:PORT`; raises ConfigurationError when it cannot be had."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except OSError as error:
        why = error.strerror or type(error).__name__
        hint = "another `web.listen`, or stop who listens there"
        raise ConfigurationError(
            [Problem("settings", 0, 0, "listen", f"cannot listen on {address}: {why}", hint)]
        ) from error


@contextmanager
def serving(listener: socket.socket, routes: Sequence[BaseRoute], ended: Callable[[], None]) -> Iterator[None]:
    """Serve on a thread until the context ends. `ended` is called when nobody serves any more, however that came.

    Plain HTTP/1.1, 100 clients at once. Nothing of a request is logged: its address holds the token.
    """
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    server = uvicorn.Server(
        uvicorn.Config(
            app, http="h11", ws="none", lifespan="off", loop="asyncio", interface="asgi3",
            log_config=None, log_level="error", access_log=False, server_header=False, proxy_headers=False,
            limit_concurrency=100, timeout_keep_alive=5, timeout_graceful_shutdown=2,
        )
    )  # fmt: skip
    thread = Thread(target=_serve, args=(server, listener, ended), name="web", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_END_S)


def _serve(server: uvicorn.Server, listener: socket.socket, ended: Callable[[], None]) -> None:
    log = structlog.stdlib.get_logger("autoscaler")
    try:
        with listener:
            server.run(sockets=[listener])
    except Exception as error:  # the daemon goes on without the room, and says so
        log.error("web_crashed", exc_info=error)  # noqa: TRY400 - one event with keys, as all that we log
    finally:
        ended()
