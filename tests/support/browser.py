"""A real Chromium without a screen, driven through its own DevTools protocol: a WebSocket and JSON."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any, Literal

from websockets.sync.client import connect

from tests.support.haproxy import until

Scheme = Literal["light", "dark"]
DEADLINE_S = 60.0

FLAGS = [
    "--headless",
    "--no-sandbox",  # it will not start as root otherwise, and it opens nothing but our own page
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have little of it
    # It would call home.
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
    *("--no-first-run", "--disable-default-apps", "--disable-extensions", "--password-store=basic"),
    "--force-color-profile=srgb",
    "--remote-debugging-port=0",  # a free one, told in a file
]


class Browser:
    """One window. `errors` collects what its pages complained of, `requests` what they asked for beside themselves."""

    def __init__(self) -> None:
        named = os.environ.get("CHROMIUM")
        binary = next(filter(None, map(shutil.which, [named] if named else ["chromium", "google-chrome"])), None)
        assert binary, "these tests need Chromium: make browser, or name one with CHROMIUM=..."
        self._home = Path(tempfile.mkdtemp(prefix="chromium-"))
        # HOME and the rest too: nothing of whoever runs the tests is read, and nothing is left behind.
        self._process = subprocess.Popen(
            [binary, *FLAGS, f"--user-data-dir={self._home}/profile", "about:blank"],
            env={
                **os.environ,
                "HOME": str(self._home),
                "XDG_CONFIG_HOME": str(self._home),
                "XDG_CACHE_HOME": str(self._home),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._open = ExitStack()
        self._numbers = count(1)
        self.errors: list[str] = []
        self.requests: list[str] = []
        try:
            port, path = until(self._address, "Chromium tells no address").split()
            at = f"ws://127.0.0.1:{port}{path}"
            self._socket = self._open.enter_context(
                connect(at, proxy=None, max_size=None, open_timeout=DEADLINE_S, close_timeout=1)
            )
            self._session = ""
            (target,) = [t for t in self.send("Target.getTargets")["targetInfos"] if t["type"] == "page"]
            attached = self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            self._session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.send(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def _address(self) -> str:
        assert self._process.poll() is None, f"Chromium ended with {self._process.returncode}"
        with suppress(FileNotFoundError):
            text = (self._home / "profile/DevToolsActivePort").read_text()
            return text if "\n" in text.strip() else ""
        return ""

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask Chromium for something and return its answer; what it says unasked in between is noted."""
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        self._socket.send(json.dumps({"id": number, "method": method, "params": params, **session}))
        while True:
            message = self._next()
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message.get('error')}"
                result: dict[str, Any] = message["result"]
                return result

    def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=DEADLINE_S))
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.errors.append(f"{params['type']}: {params['args']}")
        elif method == "Log.entryAdded":
            self.errors.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "data:")):
            self.requests.append(params["request"]["url"])

    def window(
        self, width: int, height: int, *, scheme: Literal["light", "dark"] = "light", touch: bool = False
    ) -> None:
        """Be a screen of so many CSS pixels, with a mouse or with fingers."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.send("Emulation.setTouchEmulationEnabled", enabled=touch)
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, file: Path) -> None:
        """Load a file, to the end."""
        self.send("Page.navigate", url=file.as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def js(self, expression: str) -> Any:
        """Evaluate an expression in the page; it must give JSON."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Bring an element into sight; return where it is: left, top, width and height."""
        quoted = json.dumps(selector)
        self.js(f"document.querySelector({quoted}).scrollIntoView({{block: 'center', behavior: 'instant'}})")
        left, top, width, height = self.js(
            f"(b => [b.x, b.y, b.width, b.height])(document.querySelector({quoted}).getBoundingClientRect())"
        )
        return left, top, width, height

    def middle(self, selector: str) -> tuple[float, float]:
        """Bring an element into sight; return where its middle is."""
        left, top, width, height = self.box(selector)
        return left + width / 2, top + height / 2

    def mouse(self, kind: Literal["Moved", "Pressed", "Released"], x: float, y: float) -> None:
        """Move the mouse, or press or release its left button."""
        held = {"button": "none"} if kind == "Moved" else {"button": "left", "clickCount": 1}
        self.send("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **held)

    def click(self, selector: str) -> None:
        """Click the middle of an element."""
        x, y = self.middle(selector)
        self.mouse("Pressed", x, y)
        self.mouse("Released", x, y)

    def tap(self, x: float, y: float) -> None:
        """Touch the screen with a finger and take it away."""
        self.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def key(self, key: str) -> None:
        """Press a key."""
        for kind in ("rawKeyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def picture(self, *, whole: bool = False) -> bytes:
        """Return a PNG of what is to be seen, or of the `whole` page."""
        return base64.b64decode(self.send("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def pdf(self) -> bytes:
        """Return the page as it would be printed."""
        return base64.b64decode(self.send("Page.printToPDF", printBackground=True)["data"])

    def close(self) -> None:
        """End it, with all its processes."""
        with suppress(Exception):  # whatever the socket's end says: the process ends now
            self._open.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(DEADLINE_S)
        shutil.rmtree(self._home, ignore_errors=True)
