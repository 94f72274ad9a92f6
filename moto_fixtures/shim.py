"""The middleware before moto: log, faults, throttle, capacity, tokens, timers. Steered by `POST /_sim`."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from moto.moto_api._internal.models import moto_api_backend

from moto_fixtures.backend import Backend
from moto_fixtures.faults import Bucket, Fault, Script
from moto_fixtures.launches import Launches
from moto_fixtures.timers import Durations
from moto_fixtures.wire import Answer, Refusal, collect, read_call

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from moto_fixtures.wire import Call

BYPASSES = frozenset({"CreateFleet", "RequestSpotInstances", "RequestSpotFleet", "ModifyFleet"})
"""Other ways to launch, which would get past capacity and tokens: refused rather than done wrong."""


class Shim:
    """A WSGI application. One lock spans each call to moto: two launches never race, and moto is not thread-safe."""

    def __init__(self, app: WSGIApplication) -> None:
        """Wrap moto's application."""
        self.app = app
        self.durations = Durations()
        self.script = Script()
        self.buckets: dict[str, Bucket] = {}
        self.launches = Launches()
        self.latency_s = 0.0
        self.visible_after_s = 0.0
        self.calls: list[dict[str, Any]] = []
        self.ending = threading.Event()
        self._lock = threading.RLock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer a request."""
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_sim"):
            return self._control(environ, path).send(start_response)
        call = read_call(environ)
        if call is None:
            if path == "/moto-api/reset":
                self.reset()
            with self._lock:
                return collect(self.app, environ).send(start_response)
        entry = {"action": call.action, "service": call.service, "parameters": dict(call.parameters), "at": call.at}
        entry["status"] = 0  # no answer yet, or never
        self.calls.append(entry)
        answer = self._answer(call, environ)
        entry["status"] = answer.status
        return answer.send(start_response)

    def reset(self) -> None:
        """Forget everything: moto's state, and ours. The log stays."""
        with self._lock:
            moto_api_backend.reset()
            self.launches.forget()
            self._break_off()
            self.buckets.clear()
            self.durations.pending_s = self.durations.stopping_s = self.latency_s = self.visible_after_s = 0.0

    def steer(self, dials: Mapping[str, Any]) -> None:
        """Turn dials; those not named stay. ValueError or TypeError when one makes no sense.

        `pending_s`, `stopping_s`, `latency_s`, `visible_after_s`: seconds. `capacity`: a list of {type, zone, limit},
        where type and zone may be `*` and a limit of null lifts it; with `market: spot` it is one for spot instances,
        beside the other. `faults`: a list of `Fault`s to append.
        `clear_faults`: true; it ends what hangs, too. `buckets`: {action: {rate, burst}}, or null to remove it.
        `clear_log`: true.
        """
        turns: dict[str, Callable[[Any], None]] = {
            "capacity": self._capacity,
            "faults": self._faults,
            "buckets": self._buckets,
        }
        seconds: dict[str, object] = {"pending_s": self.durations, "stopping_s": self.durations}
        seconds |= {"latency_s": self, "visible_after_s": self}
        unknown = set(dials) - set(turns) - set(seconds) - {"clear_faults", "clear_log"}
        if unknown:
            raise ValueError(f"no such dial: {', '.join(sorted(unknown))}")
        if dials.get("clear_faults"):
            self.script.clear()
        if dials.get("clear_log"):
            self.calls.clear()
        for name, value in dials.items():
            if name in turns:
                turns[name](value)
            elif name in seconds:
                setattr(seconds[name], name, float(value))

    def state(self) -> dict[str, Any]:
        """Describe the dials as they are."""
        return {
            **asdict(self.durations),
            "latency_s": self.latency_s,
            "visible_after_s": self.visible_after_s,
            "capacity": [
                *({"type": t, "zone": z, "limit": n} for (t, z), n in self.launches.limits.items()),
                *(
                    {"type": t, "zone": z, "limit": n, "market": "spot"}
                    for (t, z), n in self.launches.spot_limits.items()
                ),
            ],
            "faults": [asdict(fault) for fault in self.script.faults],
            "buckets": {action: {"rate": b.rate, "burst": b.burst} for action, b in self.buckets.items()},
        }

    def _capacity(self, places: list[dict[str, Any]]) -> None:
        for place in places:
            key = (place["type"], place["zone"])
            limits = self.launches.spot_limits if place.get("market") == "spot" else self.launches.limits
            if place["limit"] is None:
                limits.pop(key, None)
            else:
                limits[key] = int(place["limit"])

    def _faults(self, faults: list[dict[str, Any]]) -> None:
        for fault in faults:
            self.script.add(Fault(**fault))

    def _buckets(self, buckets: dict[str, dict[str, float] | None]) -> None:
        for action, bucket in buckets.items():
            if bucket is None:
                self.buckets.pop(action, None)
            else:
                self.buckets[action] = Bucket(**bucket)

    def _control(self, environ: WSGIEnvironment, path: str) -> Answer:
        if path == "/_sim/log":
            return _json(200, {"calls": self.calls})
        if environ["REQUEST_METHOD"] == "POST":
            try:
                self.steer(json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                return _json(400, {"error": f"{type(error).__name__}: {error}"})
        return _json(200, self.state())

    def _answer(self, call: Call, environ: WSGIEnvironment) -> Answer:
        if self.ending.wait(self.latency_s):
            raise ConnectionAbortedError("the server ends")
        script, cleared = self.script, self.script.cleared
        fault = script.take(call)
        try:
            if fault and not fault.after:
                self._afflict(fault, environ, script, cleared)
            self._throttle(call)
            with self._lock:
                answer = self._serve(call, environ)
            if fault and fault.after:
                self._afflict(fault, environ, script, cleared)
        except Refusal as refusal:
            return refusal.answer
        return answer

    def _throttle(self, call: Call) -> None:
        bucket = self.buckets.get(call.action)
        if bucket and not bucket.take():
            raise Refusal(503, "RequestLimitExceeded", "Request limit exceeded.")

    def _serve(self, call: Call, environ: WSGIEnvironment) -> Answer:
        if call.service != "ec2":
            return collect(self.app, environ)
        if call.action in BYPASSES:
            raise Refusal(400, "UnsupportedOperation", f"{call.action} is not emulated; use RunInstances")
        backend = Backend(call.region)
        if call.action == "RunInstances":
            answer = self.launches.run(call, backend, lambda: collect(self.app, environ))
            backend.set_clocks(self.durations)
            return answer
        with backend.hiding(younger_than_s=self.visible_after_s):
            if call.action == "StartInstances":
                return self.launches.start(call, backend, lambda: collect(self.app, environ))
            if call.action == "StopInstances":
                return self.launches.stop(call, backend, lambda: collect(self.app, environ))
            return collect(self.app, environ)

    def _afflict(self, fault: Fault, environ: WSGIEnvironment, script: Script, cleared: threading.Event) -> None:
        if fault.code:
            raise Refusal(fault.status, fault.code, fault.message)
        if fault.hang:
            cleared.wait(fault.hang)
        if fault.drop or script is not self.script:  # to go on would be to go on in another world
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError("dropped on demand")

    def _break_off(self) -> None:
        """Drop what hangs, with the faults that it came from."""
        script, self.script = self.script, Script()
        script.clear()

    def end(self) -> None:
        """Drop every call that waits, now and from now on: to go on could outlive the interpreter."""
        self.ending.set()
        self._break_off()


def _json(status: int, document: object) -> Answer:
    return Answer(status, (("Content-Type", "application/json"),), json.dumps(document).encode())
