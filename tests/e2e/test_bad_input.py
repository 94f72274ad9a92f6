"""A start that cannot go well ends before anything is touched: one clear line for each thing wrong, no secret in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import moto_fixtures
from autoscaler.adapters.mongo import connect
from tests.support.cluster import Cluster, cluster
from tests.support.ec2 import count_unchecked, user
from tests.support.mongo import mongo_server, require_executable

SECRET = "s3cr3t-pass"
NOWHERE = "127.0.0.1:1"


class Case(NamedTuple):
    """What is wrong, and the exit code and the lines that tell it, in which <...> stand for paths."""

    settings: dict[str, Any]
    policy: dict[str, Any]
    code: int
    lines: list[str]
    spoil: Callable[[Path, Path], object] = lambda settings, policy: None  # noqa: ARG005 - what the others look like


def lb(**changes: Any) -> dict[str, Any]:
    """Settings with one balancer."""
    return {"haproxy": [{"name": "lb1", **changes}]}


def backend(name: str, *, cookie: bool = False) -> dict[str, Any]:
    return {"load_balancer": [{"backend": name, "port": 5080, "cookie": cookie}]}


LAUNCH = {"launch_template": "ams-edge", "subnets": ["subnet-0123456789abcdef0"]}
CASES = {
    "mongodb unreachable": Case({"mongodb": {"uri": f"mongodb://autoscaler:{SECRET}@{NOWHERE}"}}, {}, 3, [
        f"mongodb: ServerSelectionTimeoutError: {NOWHERE}: [Errno 111] Connection refused"]),
    "no such socket": Case(lb(socket="unix:/nowhere.sock"), {}, 3, [
        "haproxy:lb1: No such file or directory (unix:/nowhere.sock)"]),
    "closed socket": Case(lb(socket=f"tcp:{NOWHERE}"), {}, 3, [
        f"haproxy:lb1: Connection refused (tcp:{NOWHERE})"]),
    "socket of level user": Case(lb(socket="unix:<haproxy>/user.sock"), {}, 2, [
        ("haproxy: cannot-steer lb1: the socket is of level user; changes need `level admin` "
         "(unix:<haproxy>/user.sock)")]),
    "socket of level operator": Case(lb(socket="unix:<haproxy>/operator.sock"), {}, 2, [
        ("haproxy: cannot-steer lb1: the socket is of level operator; changes need `level admin` "
         "(unix:<haproxy>/operator.sock)")]),
    "no such backend": Case({}, backend("backend_gone"), 2, [
        "haproxy: cannot-steer lb1: there is no backend backend_gone with a server in it"]),
    "no slots": Case({}, {**backend("backend_http"), "slots": "ams"}, 2, [
        "haproxy: cannot-steer lb1: backend backend_http has no slot: no server whose name begins with 'ams'"]),
    "no cookie": Case({}, backend("backend_http", cookie=True), 2, [
        ("haproxy: cannot-steer lb1: backend backend_http sets no cookie, and the policy says it does; "
         "add a `cookie` line to it")]),
    "ec2 unreachable": Case({"ec2": {"region": "eu-west-1", "endpoint_url": f"http://{NOWHERE}"}}, {}, 3, [
        f'ec2: DescribeInstances: Could not connect to the endpoint URL: "http://{NOWHERE}/"']),
    "no such launch template": Case({}, {"launch": {**LAUNCH, "launch_template": "ams-gone"}}, 4, [
        ("ec2_not_found: ams-gone in subnet-0123456789abcdef0 for the group 'edge': RunInstances: "
         "InvalidLaunchTemplateName.NotFoundException: At least one of the launch templates specified in the request "
         "does not exist.")]),
    "no such subnet": Case({}, {"launch": LAUNCH}, 4, [
        ("ec2_not_found: ams-edge in subnet-0123456789abcdef0 for the group 'edge': RunInstances: "
         "InvalidSubnetID.NotFound: The subnet ID 'subnet-0123456789abcdef0' does not exist")]),
    "settings": Case({"cicle": "5s", "give_up_after": "often", "mongodb": {"uri": "${NOT_SET}"}}, {}, 2, [
        "<settings>:4:3: unset-variable the environment has no NOT_SET",

        "<settings>:15:1: unknown-key unknown key 'cicle' (did you mean 'cycle'?)",
        "<settings>:16:1: int-type give_up_after: is no whole number"]),
    "policy": Case({}, {"bounds": {"min": 5, "max": 2}, "warm_up": 60}, 2, [
        "<policy>:4:1: bounds bounds: min 5 is above max 2",
        "<policy>:26:1: duration warm_up: is not a duration; write a number and a unit: 500ms, 5s, 10m, 4h, 1d"]),
    "everything at once": Case(
        {"mongodb": {"uri": f"mongodb://u:{SECRET}@{NOWHERE}"}, **lb(socket="unix:/nowhere.sock")},
        {"bounds": {"min": 1}}, 2, [
            "<policy>:4:1: missing-key bounds.max is required",
            f"mongodb: ServerSelectionTimeoutError: {NOWHERE}: [Errno 111] Connection refused",
            "haproxy:lb1: No such file or directory (unix:/nowhere.sock)"]),
    "no settings": Case({}, {}, 2, [
        "<settings>: unreadable No such file or directory"], lambda settings, _: settings.unlink()),
    "no policy": Case({}, {}, 2, [
        "<policies>: no-policies holds no policy file (*.yaml)"], lambda _, policy: policy.unlink()),
    "binary policy": Case({}, {}, 2, [
        "<policy>: unreadable is not UTF-8 text"], lambda _, policy: policy.write_bytes(b"\xff\xfe\x00policy")),
    "policies in no folder": Case({"policies": "policies/edge.yaml/none.yaml"}, {}, 2, [
        "<policy>/none.yaml: unreadable Not a directory"]),
}  # fmt: skip


End = tuple[int, list[str]]


def start(rig: Cluster, settings: Path | None = None, **variables: str) -> End:
    """Start the daemon, which must not; return exit code and lines."""
    code, stdout, stderr = rig.run("run", "--config", settings or rig.folder / "autoscaler.yaml", **variables)
    assert stdout == ""
    assert "Traceback" not in stderr
    assert SECRET not in stderr
    return code, stderr.splitlines()


@contextmanager
def untouched(rig: Cluster) -> Iterator[None]:
    """Make sure that nothing changes within the block."""
    before = rig.steered(), rig.stored(), rig.instances()
    rig.emulator.steer(clear_log=True)
    yield
    assert rig.writes() == []
    assert (rig.steered(), rig.stored(), rig.instances()) == before


@pytest.fixture(scope="module")
def ends(
    emulator: moto_fixtures.Server, mongo_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[End, End]]]:
    """Start every case against one cluster, some at a time; give each case's end, and the end that it should have."""
    with cluster(emulator, mongo_uri, tmp_path_factory.mktemp("still")) as rig, untouched(rig):
        asked = {name: _lay_out(rig, name, case) for name, case in CASES.items()}
        with ThreadPoolExecutor(3) as pool:
            given = list(pool.map(lambda name: start(rig, asked[name][0]), CASES))
        yield {name: (end, asked[name][1]) for name, end in zip(CASES, given, strict=True)}


def _lay_out(rig: Cluster, name: str, case: Case) -> tuple[Path, End]:
    """Write a case's files, then spoil them; return the settings and how a start should end."""
    folder = rig.folder / name.replace(" ", "-")
    places = {
        "<haproxy>": str(rig.setup.haproxy.folder),
        "<settings>": f"{folder}/autoscaler.yaml",
        "<policies>": f"{folder}/policies",
        "<policy>": f"{folder}/policies/edge.yaml",
    }

    def place(text: str) -> str:
        for mark, path in places.items():
            text = text.replace(mark, path)
        return text

    folder.mkdir()
    settings = rig.write_settings(f"{folder.name}/autoscaler.yaml", **json.loads(place(json.dumps(case.settings))))
    policy = rig.write_policy(f"../{folder.name}/policies/edge.yaml", **case.policy)
    case.spoil(settings, policy)
    return settings, (case.code, [place(line) for line in case.lines])


@pytest.mark.parametrize("name", CASES)
def test_a_bad_start(ends: dict[str, tuple[End, End]], name: str) -> None:
    end, wanted = ends[name]
    assert end == wanted


def test_a_missing_permission_is_named(rig: Cluster) -> None:
    key, secret = user(rig.emulator, "ec2:Describe*")
    count_unchecked(rig.emulator, "0")
    with untouched(rig):
        code, [line] = start(rig, AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret)
    assert code == 4
    assert line.startswith("ec2_unauthorized: ams-edge in subnet-")
    assert "ec2:RunInstances" in line
    code, [line] = start(rig, AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=SECRET)
    assert code == 4
    assert line.startswith("ec2_unauthorized: DescribeInstances: ")


def test_a_wrong_mongodb_password_is_told_and_not_quoted(emulator: moto_fixtures.Server, tmp_path: Path) -> None:
    require_executable()
    storage = tmp_path / "mongodb"
    storage.mkdir()
    with mongo_server(storage, ["--sync-on-commit"]) as unguarded, connect(unguarded.uri) as client:
        client.admin.command("createUser", "autoscaler", pwd="right", roles=["readWriteAnyDatabase"])
    with mongo_server(storage, ["--auth"]) as server:
        host = f"127.0.0.1:{server.port}"
        with cluster(emulator, f"mongodb://autoscaler:right@{host}", tmp_path) as rig, untouched(rig):
            code, lines = start(rig, MONGODB_URI=f"mongodb://autoscaler:{SECRET}@{host}")
    assert (code, lines) == (3, ["mongodb: authentication failed (code 18)"])
