"""`POST /hooks/ams`: Ant Media Server tells that it refused somebody.

AMS posts to `server.statusWebHookURL` whenever it has not enough CPU or memory for a new stream or viewer:
`{"action": "highResourceUsage", "host": "10.0.1.5", "resourceInfo": "{...}"}` (Ant-Media-Server, StatsCollector.java,
enoughResource). An unexpected shutdown is told under the same action, with `appNames` in place of `resourceInfo`
(sendUnexpectedShutdownHook): nobody was refused, so it is taken and not counted.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from autoscaler.adapters.refusals import RefusalWindow

PATH = "/hooks/ams"
_MOST_BYTES = 65_536
_PATIENCE_S = 5.0
"""For the whole body. AMS itself waits 2 s for our answer."""

_REFUSAL = "highResourceUsage"


class AmsHook:
    """Counts refusals in `window`. Whatever is wrong with a post is answered with 4xx and changes nothing."""

    def __init__(self, window: RefusalWindow, token: str) -> None:
        """Take only posts with this `?token=`; "" takes all."""
        self._window = window
        self._token = token.encode()
        self._log = structlog.stdlib.get_logger("autoscaler")
        self._told: set[int] = set()

    @property
    def route(self) -> Route:
        """Where the hook is found."""
        return Route(PATH, self.receive, methods=["POST"])

    async def receive(self, request: Request) -> Response:
        """Count one refusal. The first post of each status that is not taken is logged: such refusals are lost."""
        try:
            self._count(await self._message(request))
        except HTTPException as error:
            if error.status_code not in self._told:
                self._told.add(error.status_code)
                self._log.warning("hook_refused", path=PATH, status=error.status_code, why=error.detail)
            raise
        return Response(status_code=204)

    async def _message(self, request: Request) -> dict[str, Any]:
        given = request.query_params.get("token", "").encode()
        if self._token and not hmac.compare_digest(given, self._token):
            raise HTTPException(403, "the token is not that of web.token")
        try:
            # AMS sends Latin-1 under a type that promises UTF-8; what we read of it is ASCII.
            message = json.loads((await _body(request)).decode(errors="replace"))
        except (ValueError, RecursionError):
            raise HTTPException(400, "the body is no JSON") from None
        if not isinstance(message, dict) or not isinstance(message.get("action"), str):
            raise HTTPException(400, "the body has no action")
        return message

    def _count(self, message: dict[str, Any]) -> None:
        if message["action"] != _REFUSAL or "resourceInfo" not in message:
            return
        try:
            room = self._window.add(str(message.get("host")))
        except ValueError:
            raise HTTPException(422, "the host is no address; see AMS_HOST_ADDRESS of the node") from None
        if not room:
            raise HTTPException(429, "too many hosts")


async def _body(request: Request) -> bytes:
    """Read a body that is neither too long nor too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise HTTPException(413, f"the body is longer than {_MOST_BYTES} bytes")
    except TimeoutError:
        raise HTTPException(408, "the body did not come in time") from None
    except ClientDisconnect:
        raise HTTPException(400, "the body ended early") from None
    return bytes(body)
