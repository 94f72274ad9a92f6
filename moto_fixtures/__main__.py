"""`python -m moto_fixtures`: the emulator in a process of its own, until SIGTERM or SIGINT."""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from moto_fixtures.server import start


def main() -> None:
    """Start, print one ready line of JSON {endpoint_url, region, names} to stdout, wait for the signal, end."""
    parser = argparse.ArgumentParser(prog="python -m moto_fixtures", description="An emulated EC2 on this machine.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--world", default="demo", help="a name under moto_fixtures/worlds, or a path to a .json file")
    parser.add_argument("--pending-s", type=float, default=0.0, help="seconds from launch to running")
    parser.add_argument("--stopping-s", type=float, default=0.0, help="seconds to stopped or terminated")
    options = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    world = Path(options.world) if options.world.endswith(".json") else options.world
    dials = {"pending_s": options.pending_s, "stopping_s": options.stopping_s}
    with start(world, host=options.host, port=options.port, **dials) as server:
        ready = {"endpoint_url": server.endpoint_url, "region": server.region, "names": server.names}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()
