"""A whole cluster on this machine: HAProxy, MongoDB and EC2's emulator, and a stand-in node on each running instance.

Nodes live and die with their instances and with nothing else: an instance that is ended drops every session on it, and
`cut` tells. What the emulator holds is read from its inside, past the faults that a test scripts, and out of its log.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pymongo
from pymongo.errors import PyMongoError
from ruamel.yaml import YAML

import moto_fixtures
from autoscaler.adapters.haproxy_stats import SocketStats
from autoscaler.adapters.mongo_memory import MongoMemoryReader
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import Server, ServerStatus
from moto_fixtures.backend import Backend
from moto_fixtures.world import ACCESS_KEY, SECRET_KEY
from tests.support.ams import broadcast, cluster_node, epoch_ms
from tests.support.daemon import Daemon, command, environment
from tests.support.haproxy import Setup
from tests.support.media_server import HTTP, RTMP, MediaServer, Player

SLOTS = 6
BACKENDS = ("backend_rtmp", "backend_http", "backend_http_sticky")
READS = ("Describe", "Get", "List")
APPLICATION = "LiveApp"


class Cluster:
    """Everything, and its dials. `serves` and `busy_percent` are what nodes do from the next look on."""

    def __init__(self, emulator: moto_fixtures.Server, mongodb_uri: str, folder: Path) -> None:
        self.folder, self.mongodb_uri, self.emulator = folder, mongodb_uri, emulator
        self._held = _hold_net()
        self.net = self._held.getsockname()[0].removesuffix(".0.1")
        emulator.load(_world(self.net, folder))
        self.setup = Setup("http", node_ports=(RTMP, HTTP), slots=SLOTS, stats_extra="stats show-legends")
        mark = f"e2e_{uuid4().hex[:8]}"
        self.databases = {"cluster": f"{mark}_clusterdb", "state": f"{mark}_state", "streams": f"{mark}_{APPLICATION}"}
        self.client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            mongodb_uri, timeoutMS=5000, serverSelectionTimeoutMS=2000
        )
        self._rows = self.client[self.databases["cluster"]]
        self._rows["AppSettings"].insert_one({"appName": self.databases["streams"]})
        self._streams = self.client[self.databases["streams"].lower()]["broadcast"]
        self.serves: tuple[int, ...] = (HTTP, RTMP)
        self.busy_percent = 5
        self.nodes: dict[str, MediaServer] = {}
        self.cut: list[str] = []
        self._daemons: list[Daemon] = []
        self._players: list[Player] = []
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    # What a test does ----------------------------------------------------------------------------------------------

    def daemon(self, *options: str, **variables: str) -> Daemon:
        """Start the daemon on the settings and policies as they were written last."""
        self._daemons.append(Daemon(self.folder / "autoscaler.yaml", self.env(**variables), *options))
        return self._daemons[-1]

    def run(self, *arguments: str | Path, **variables: str) -> tuple[int, str, str]:
        """Run a command to its end; return exit code, stdout and stderr."""
        done = command(*arguments, env=self.env(**variables))
        return done.returncode, done.stdout, done.stderr

    def env(self, **variables: str) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "MONGODB_URI": self.mongodb_uri}
        return environment(**{**keys, **variables})

    def write_settings(self, name: str = "autoscaler.yaml", **changes: Any) -> Path:
        """Write settings: the usual ones, with `changes` in place of whole keys; None leaves a key out."""
        master, admin = (f"unix:{self.setup.haproxy.folder}/{level}.sock" for level in ("master", "admin"))
        usual: dict[str, Any] = {
            "cluster": "e2e",
            "cycle": "250ms",
            "mongodb": {
                "uri": "${MONGODB_URI}",
                "cluster_database": self.databases["cluster"],
                "state_database": self.databases["state"],
            },
            "haproxy": [{"name": "lb1", "socket": admin, "master": master}],
            "ec2": {"region": self.emulator.region, "endpoint_url": self.emulator.endpoint_url},
            "nodes": {"mongodb_uri": "mongodb://127.0.0.1:27017"},
            "policies": "policies",
        }
        return self._write(self.folder / name, {**usual, **changes})

    def write_policy(self, name: str = "edge.yaml", **changes: Any) -> Path:
        """Write a policy: the usual one, with `changes` in place of whole keys; None leaves a key out."""
        sources = {
            "cpu": {"from": "mongodb.node.cpu_percent"},
            "sessions": {"from": "haproxy.server.sessions", "aggregate": "sum", "on_missing": "scale_out_only"},
        }
        usual: dict[str, Any] = {
            "version": 1,
            "group": "edge",
            "role": "both",
            "bounds": {"min": 1, "max": 3},
            "signals": sources,
            "scale": [
                {"target_tracking": {"signal": "cpu", "target": 60}},
                {"target_tracking": {"signal": "sessions", "target_per_node": 3}},
            ],
            "scale_in": {"stabilization": "500ms"},
            "drain": {"sticky_for": "300ms", "empty_for": "300ms"},
            "warm_up": "0s",
            "launch": {
                "launch_template": "ams-edge",
                "subnets": [self.emulator.names["subnet-a"], self.emulator.names["subnet-b"]],
            },
            "load_balancer": [
                {"backend": backend, "port": RTMP if backend == "backend_rtmp" else HTTP} for backend in BACKENDS
            ],
        }
        return self._write(self.folder / "policies" / name, {**usual, **changes})

    def _write(self, path: Path, keys: Mapping[str, Any]) -> Path:
        yaml = YAML(typ="safe", pure=True)
        yaml.default_flow_style = False
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # annotated as None only
        path.parent.mkdir(exist_ok=True, parents=True)
        with path.open("w") as file:
            yaml.dump({key: value for key, value in keys.items() if value is not None}, file)
        return path

    def viewer(self, *, websocket: bool = False) -> Player:
        return self._player(Player(self.setup.http if websocket else self.setup.rtmp, websocket=websocket))

    def publisher(self, stream: str) -> Player:
        return self._player(Player(self.setup.rtmp, stream=stream))

    def _player(self, player: Player) -> Player:
        self._players.append(player)
        return player

    # What a test sees ----------------------------------------------------------------------------------------------

    def instances(self, *states: str) -> list[str]:
        """List the instances in these states, in any when none is named."""
        with self.emulator.shim._lock:
            found = list(Backend(self.emulator.region).instances())
            return sorted(instance.id for instance in found if not states or instance.state in states)

    @property
    def alive(self) -> list[str]:
        """List what costs money."""
        return self.instances("pending", "running")

    def writes(self) -> list[str]:
        """Name every call to EC2 that is not a reading one."""
        log = self.emulator.log()
        dry = [call["parameters"].get("DryRun") == "true" for call in log]
        return [c["action"] for c, d in zip(log, dry, strict=True) if not d and not c["action"].startswith(READS)]

    def servers(self) -> tuple[Server, ...]:
        """Read every slot of every backend."""
        return SocketStats("lb1", self.setup.haproxy.socket()).read(BACKENDS).servers

    def in_service(self) -> set[str]:
        """Return the addresses that take new sessions in every backend."""
        up = [server.ip for server in self.servers() if server.status is ServerStatus.UP]
        return {ip for ip in up if up.count(ip) == len(BACKENDS)}

    def free_slots(self) -> int:
        """Count the slots that point nowhere in every backend."""
        parked = [server.name for server in self.servers() if (server.ip, server.port) == ("127.0.0.1", 1)]
        return sum(parked.count(name) == len(BACKENDS) for name in set(parked))

    def addresses(self) -> set[str]:
        """Return the addresses of all live nodes."""
        return {node.ip for node in list(self.nodes.values())}

    def memory(self, group: str = "edge") -> Memory:
        return MongoMemoryReader(self.client[self.databases["state"]]).load(group)

    def journal(self, event: str, **keys: Any) -> list[dict[str, Any]]:
        rows = self.client[self.databases["state"]]["journal"]
        return list(rows.find({"event": event, **keys}).sort("_id", 1))

    def stored(self) -> str:
        """Return all documents of all databases of this cluster but heartbeats, as one text to compare."""
        text: dict[str, Any] = {}
        for kind, name in self.databases.items():
            database = self.client[name.lower() if kind == "streams" else name]
            for collection in sorted(set(database.list_collection_names()) - {"clusternode"}):
                text[f"{kind}.{collection}"] = [str(row) for row in database[collection].find()]
        return json.dumps(text, sort_keys=True)

    def steered(self) -> str:
        """Return what HAProxy's servers are told to be, as one text to compare."""
        return "\n".join(sorted(f"{s.backend} {s.name} {s.ip}:{s.port} {s.status}" for s in self.servers()))

    def worker(self) -> int:
        """Return the pid of HAProxy's one worker; a reload would change it."""
        [pid] = self.setup.haproxy.master.workers()
        return pid

    def settles(self, count: int) -> set[str]:
        """Wait until so many nodes are in service and no other instance is alive, as the newest daemon will have it."""
        self._daemons[-1].until(
            lambda: len(self.in_service()) == count == len(self.alive), f"{count} nodes in service and no others"
        )
        return self.in_service()

    # What lives by itself ------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        while not self._ended.wait(0.05):
            with suppress(PyMongoError):  # a node goes on serving when MongoDB is away
                self._look()

    def _look(self) -> None:
        running = self._running()
        for instance_id in set(self.nodes) - set(running):
            node = self.nodes.pop(instance_id)
            self.cut += [f"{node.ip} had {sessions} sessions" for sessions in [node.kill()] if sessions]
        for instance_id, ip in running.items():
            node = self.nodes.setdefault(instance_id, MediaServer(ip))
            for port in self.serves:
                node.listen(port)
            self._beat(node)

    def _running(self) -> dict[str, str]:
        with self.emulator.shim._lock:
            found = list(Backend(self.emulator.region).instances())
            return {each.id: each.private_ip_address for each in found if each.state == "running"}

    def _beat(self, node: MediaServer) -> None:
        """Write what Ant Media Server writes: its row, and one for each stream."""
        now = datetime.now(UTC)
        row = cluster_node(node.ip, at=now, cpu=str(self.busy_percent))
        self._rows["clusternode"].replace_one({"_id": node.ip}, {**row, "_id": node.ip}, upsert=True)
        for stream in node.streams:
            live = broadcast(node.ip, streamId=stream, updateTime=epoch_ms(now))
            self._streams.replace_one({"streamId": stream}, live, upsert=True)
        over = {"originAdress": node.ip, "streamId": {"$nin": node.streams}, "status": "broadcasting"}
        self._streams.update_many(over, {"$set": {"status": "finished"}})

    def close(self) -> None:
        for daemon in self._daemons:
            daemon.kill()
        for player in self._players:
            player.leave()
        self._ended.set()
        self._keeper.join()
        for node in self.nodes.values():
            node.kill()
        self.setup.close()
        with suppress(PyMongoError):
            for name in self.databases.values():
                self.client.drop_database(name)
        self.client.close()
        self._held.close()


@contextmanager
def cluster(emulator: moto_fixtures.Server, mongodb_uri: str, folder: Path) -> Iterator[Cluster]:
    """Build a cluster with the usual settings and policy, and no instance."""
    made = Cluster(emulator, mongodb_uri, folder)
    try:
        made.write_settings()
        made.write_policy()
        yield made
    finally:
        made.close()


def _hold_net() -> socket.socket:
    """Choose a /16 of the loopback network that no other run on this machine uses; the socket held is the sign."""
    for byte in range(60, 120):
        holder = socket.socket()
        try:
            holder.bind((f"127.{byte}.0.1", HTTP))
        except OSError:
            holder.close()
        else:
            return holder
    raise AssertionError("no address 127.x.0.1:5080 is free")


def _world(net: str, folder: Path) -> Path:
    """Write the demo's world, in another net."""
    path = folder / "world.json"
    path.write_text((moto_fixtures.WORLDS / "demo.json").read_text().replace("127.20.", f"{net}."))
    return path
