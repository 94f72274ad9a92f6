"""An emulated EC2 for tests, demo and benchmarks: moto behind a shim that adds what moto hides.

`start(world="demo")` builds a world and returns a running Server; `python -m moto_fixtures` does the same in a process
of its own. Nothing here is for production, and everything listens on 127.0.0.0/8 only.
"""

from moto_fixtures.environment import IMAGES, WORLDS
from moto_fixtures.server import Server, start

__all__ = ["IMAGES", "WORLDS", "Server", "start"]
