"""The EC2 query protocol, as much of it as a middleware needs: read a call, collect an answer, write an error."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

CREDENTIAL_SCOPE_PARTS = 5  # access key / date / region / service / aws4_request
ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message>'
    "</Error></Errors><RequestID>{request_id}</RequestID></Response>"
)


@dataclass(frozen=True)
class Call:
    """One call of the query protocol. `at` is Unix time in seconds; `parameters` leaves out Action and Version."""

    service: str
    region: str
    action: str
    parameters: Mapping[str, str]
    at: float = field(default_factory=time.time)

    def get(self, name: str) -> str:
        """Return a parameter, or an empty string."""
        return self.parameters.get(name, "")

    def listed(self, name: str) -> list[str]:
        """Return the parameters `name.1`, `name.2` and so on."""
        return [value for key, value in self.parameters.items() if key.startswith(f"{name}.")]


@dataclass(frozen=True)
class Answer:
    """A whole response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def send(self, start_response: StartResponse) -> list[bytes]:
        """Hand the response to the WSGI server."""
        start_response(f"{self.status} {HTTPStatus(self.status).phrase}", list(self.headers))
        return [self.body]


class Refusal(Exception):
    """EC2 says no, before moto was asked."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Use EC2's own status, code and sentence."""
        super().__init__(f"{code}: {message}")
        body = ERROR.format(code=escape(code), message=escape(message), request_id=uuid4())
        self.answer = Answer(status, (("Content-Type", "text/xml;charset=UTF-8"),), body.encode())


def read_call(environ: WSGIEnvironment) -> Call | None:
    """Read the call of a request and leave the body in place; None when it is no query-protocol call."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return None
    parameters = dict(parse_qsl(body.decode(), keep_blank_values=True))
    action = parameters.pop("Action", "")
    parameters.pop("Version", None)
    if not action:
        return None
    region, service = _scope(environ.get("HTTP_AUTHORIZATION", ""))
    return Call(service, region, action, parameters)


def collect(app: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    """Run an application to the end of its response."""
    head: list[tuple[int, tuple[tuple[str, str], ...]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], Any]:
        head.append((int(status.split(maxsplit=1)[0]), tuple(headers)))
        return written.append

    chunks = app(environ, start_response)
    try:
        written.extend(chunks)
    finally:
        close: Callable[[], None] | None = getattr(chunks, "close", None)
        if close:
            close()
    return Answer(*head[-1], b"".join(written))


def _scope(authorization: str) -> tuple[str, str]:
    """Take region and service from a SigV4 header; both empty when unsigned."""
    _, _, credential = authorization.partition("Credential=")
    parts = credential.split(",")[0].split("/")
    return (parts[2], parts[3]) if len(parts) == CREDENTIAL_SCOPE_PARTS else ("", "")
