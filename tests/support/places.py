"""Free ports, and folders for sockets, of which many test processes may ask at once."""

from __future__ import annotations

import random
import socket
import tempfile
from collections import deque
from pathlib import Path

BELOW_EPHEMERAL = range(10_000, 32_000)
"""Linux gives port 0 and every connection a port from 32768 on (ip_local_port_range), so none takes one of these."""
LONGEST_FOLDER = 50
"""A Unix socket's path has 107 bytes, and HAProxy needs some for the name under which it makes the socket first."""

_signs: deque[socket.socket] = deque()


def free_port() -> int:
    """Pick a TCP port of 127.0.0.1 where nobody listens, and that no other test process here picks soon.

    UDP's port of that number, which nobody needs, is held as its sign; only the last few, for files are few too.
    """
    while True:
        port = random.choice(BELOW_EPHEMERAL)  # noqa: S311  # no secret
        sign = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sign.bind(("127.0.0.1", port))
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", port))
        except OSError:
            sign.close()
            continue
        _signs.append(sign)
        if len(_signs) > 100:
            _signs.popleft().close()
        return port


def short_folder(prefix: str) -> Path:
    """Make a folder whose path is short enough for sockets in it, and in folders of it, wherever TMPDIR points."""
    usual = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix=prefix, dir=usual if len(usual) <= LONGEST_FOLDER else "/tmp"))  # noqa: S108  # mkdtemp's own rights
