"""The daemon at rest: what `autoscaler run` itself takes of a machine while it watches a cluster that needs nothing.

The floor is a process that reads the same things with the bare drivers, as they come, and does nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import cluster
from benchmarks.bare import Where
from benchmarks.figures import Effort, Figure, Goal
from benchmarks.instances import canned_ec2
from benchmarks.proc import processor_s, resident_mb
from tests.support.daemon import Daemon, environment

CLUSTER, GROUP = "bench", "edge"
_NO_CYCLE = frozenset({"started", "stopped", "cycle_late"})
_WARM_UP_CYCLES = 3  # until everything is connected and every node is remembered
_AGE = timedelta(hours=3)
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}


def run(effort: Effort) -> list[Figure]:
    """Watch the daemon for `effort.cycles` whole cycles."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        now = datetime.now(UTC)
        haproxy = stack.enter_context(cluster.balancer(effort.nodes))
        uri = stack.enter_context(cluster.mongodb())
        database = stack.enter_context(cluster.database(uri))
        cluster.seed(database, effort.nodes, effort.streams, now)
        ec2 = stack.enter_context(canned_ec2(cluster.addresses(effort.nodes), now - _AGE, CLUSTER, GROUP))
        stack.enter_context(cluster.beating(database))
        where = Where(
            haproxy=f"{haproxy.folder}/admin.sock", master=f"{haproxy.folder}/master.sock",
            backends=tuple(cluster.BACKENDS), mongodb=uri, database=database.name, ec2=ec2,
            cluster=CLUSTER, group=GROUP,
        )  # fmt: skip
        core, memory = _watched(_settings(folder, where, effort), effort)
        floor = _floor(where, effort.cycles)
    size = f"{effort.nodes} nodes, every {effort.cycle_s} s"
    return [
        Figure("daemon_core", size, core, "cores", floor["cpu_s"] / effort.cycle_s, Goal("value", 0.2)),
        Figure("daemon_memory", size, memory, "MB", floor["resident_mb"], Goal("value", 150)),
    ]


def _settings(folder: Path, where: Where, effort: Effort) -> Path:
    """Write settings and policy, as JSON, which is YAML; return the settings' path."""
    settings = {
        "cluster": where.cluster, "cycle": f"{effort.cycle_s}s", "policies": "edge.yaml",
        "mongodb": {
            "uri": where.mongodb, "cluster_database": where.database, "state_database": where.database,
            "applications": [where.database],
        },
        "haproxy": [{"name": "lb1", "socket": f"unix:{where.haproxy}", "master": f"unix:{where.master}"}],
        "ec2": {"region": "eu-west-1", "endpoint_url": where.ec2},
        "nodes": {"mongodb_uri": where.mongodb},
    }  # fmt: skip
    (folder / "edge.yaml").write_text(json.dumps(cluster.policy(GROUP, effort.nodes)))
    path = folder / "autoscaler.yaml"
    path.write_text(json.dumps(settings))
    return path


def _watched(settings: Path, effort: Effort) -> tuple[float, float]:
    """Return the cores that the daemon used over whole cycles, and the most memory it ever had, in MB.

    A cycle counts as long as it should take: on a machine that is too slow for it, waiting must not look like rest.
    """
    daemon = Daemon(settings, environment(**_CREDENTIALS))
    try:
        for _ in range(_WARM_UP_CYCLES):
            daemon.until_event("cycle")
        pid = daemon.process.pid
        before = processor_s(pid)
        for _ in range(effort.cycles):
            daemon.until_event("cycle")
        core = (processor_s(pid) - before) / (effort.cycles * effort.cycle_s)
        memory = resident_mb(pid)
        daemon.stop()
    finally:
        daemon.kill()
    check_rest([json.loads(line) for line in daemon.log.splitlines()], effort.nodes)
    return core, memory


def check_rest(events: list[dict[str, Any]], nodes: int) -> None:
    """Raise unless the daemon saw the whole cluster in each cycle, and left it alone."""
    rest = {"in_service": nodes, "current": nodes, "desired": nodes, "gaps": {}, "actions": {}}
    for event in events:
        if event["event"] not in _NO_CYCLE and {key: event.get(key) for key in rest} != rest:
            raise RuntimeError(f"the daemon did not rest: {event}")


def _floor(where: Where, rounds: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bare", where.to_json(), str(rounds)]
    done = subprocess.run(command, env=environment(**_CREDENTIALS), check=True, stdout=subprocess.PIPE)
    floor: dict[str, float] = json.loads(done.stdout)
    return floor
