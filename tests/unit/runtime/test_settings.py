"""Settings: what is taken, where each mistake is told to be, and that no secret is in any of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.runtime.settings import Settings, load_settings

SECRET = "s3cr3t-pass"
GOOD = """\
cluster: live-eu
mongodb:
  uri: ${MONGODB_URI}
haproxy:
  - {name: lb1, socket: unix:/run/haproxy/admin.sock, password: "${PASSWORD}"}
ec2: {region: eu-west-1}
nodes: {mongodb_uri: mongodb://10.0.1.5}
policies: policies/
"""
ENVIRONMENT = {"MONGODB_URI": f"mongodb://u:{SECRET}@10.0.1.5", "PASSWORD": SECRET}


def load(folder: Path, text: str = GOOD, *, steering: bool = True, **variables: str) -> Settings:
    file = folder / "autoscaler.yaml"
    file.write_text(text)
    return load_settings(file, {**ENVIRONMENT, **variables}, steering=steering)


def problems(folder: Path, text: str, *, steering: bool = True, **variables: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        load(folder, text, steering=steering, **variables)
    assert SECRET not in str(refused.value)
    return [str(problem).removeprefix(f"{folder}/autoscaler.yaml:") for problem in refused.value.problems]


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.cycle, settings.give_up_after) == (timedelta(seconds=5), 12)
    assert (settings.mongodb.cluster_database, settings.mongodb.applications) == ("clusterdb", "auto")
    assert settings.policies == tmp_path / "policies"
    assert settings.mongodb.uri.get_secret_value() == ENVIRONMENT["MONGODB_URI"]


def test_secrets_do_not_show(tmp_path: Path) -> None:
    assert SECRET not in repr(load(tmp_path))


def test_a_value_may_stand_in_a_file_whose_name_comes_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "uri").write_text("mongodb://of-the-file\n")
    settings = load(tmp_path, MONGODB_URI=f"file:{tmp_path}/uri")
    assert settings.mongodb.uri.get_secret_value() == "mongodb://of-the-file"


def test_settings_are_found_by_option_environment_and_default(tmp_path: Path) -> None:
    load(tmp_path)
    variables = {**ENVIRONMENT, "AUTOSCALER_CONFIG": f"{tmp_path}/autoscaler.yaml"}
    assert load_settings(None, variables).cluster == "live-eu"
    with pytest.raises(ConfigurationError, match=r"/etc/autoscaler/autoscaler.yaml: unreadable"):
        load_settings(None, ENVIRONMENT)


@pytest.mark.parametrize("content", [b"\x00", b"\xff\xfe", b"", b"- a list", b"a: [", b"a: 1\na: 2"])
def test_a_file_that_holds_no_settings_is_one_problem(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "autoscaler.yaml").write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        load_settings(tmp_path / "autoscaler.yaml", ENVIRONMENT)
    [problem] = refused.value.problems
    assert str(problem).startswith(f"{tmp_path}/autoscaler.yaml")


def test_every_problem_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("${MONGODB_URI}", "${NOT_SET}").replace("eu-west-1", "europe")
    text = text.replace("policies:", "cycle: 5\npolicy:")
    assert problems(tmp_path, text) == [
        "3:3: unset-variable the environment has no NOT_SET",
        "6:7: shape ec2.region: is not an EC2 region such as eu-west-1",
        "8:1: duration cycle: is not a duration; write a number and a unit: 500ms, 5s, 10m, 4h, 1d",
        "9:1: unknown-key unknown key 'policy' (did you mean 'policies'?)",
    ]


def test_a_reference_that_leads_nowhere_is_told_once(tmp_path: Path) -> None:
    text = GOOD.replace("cluster: live-eu", "cluster: live-eu\ncycle: ${CYCLE}")
    assert problems(tmp_path, text) == ["2:1: unset-variable the environment has no CYCLE"]


@pytest.mark.parametrize("value", ["file:/nowhere", "file:/etc", "file:/a\0b"])
def test_a_file_that_cannot_be_read_is_told_without_its_name(tmp_path: Path, value: str) -> None:
    [line] = problems(tmp_path, GOOD, MONGODB_URI=value)
    assert line == "3:3: unreadable the file that it names cannot be read"


@pytest.mark.parametrize("uri", ["", "http://h", f"mongodb://u:{SECRET}@", "mongodb://h/?nosuch=option"])
def test_a_mongodb_address_is_looked_at_where_it_stands(tmp_path: Path, uri: str) -> None:
    [line] = problems(tmp_path, GOOD, MONGODB_URI=uri)
    assert line.startswith("3:3: uri mongodb.uri: is no usable URI")


@pytest.mark.parametrize(
    "socket", ["/run/haproxy.sock", "unix:relative", "tcp:host", "tcp:host:0", "tcp:host:65536", "tcp:a b:1", "tcp::1"]
)
def test_an_address_that_is_none(tmp_path: Path, socket: str) -> None:
    [line] = problems(tmp_path, GOOD.replace("unix:/run/haproxy/admin.sock", f'"{socket}"'))
    assert line.endswith("haproxy.0.socket: is not unix:/PATH or tcp:HOST:PORT")


@pytest.mark.parametrize("socket", ["unix:/a b", "tcp:127.0.0.1:9999", "tcp:lb-1.internal:1", "tcp:[::1]:65535"])
def test_an_address(tmp_path: Path, socket: str) -> None:
    settings = load(tmp_path, GOOD.replace("unix:/run/haproxy/admin.sock", f'"{socket}"'))
    assert settings.haproxy[0].socket == socket


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://a_b", "http://h:99999", "ftp://h", "http://-h"])
def test_an_endpoint_that_is_none(tmp_path: Path, url: str) -> None:
    text = GOOD.replace("region: eu-west-1", f'region: eu-west-1, endpoint_url: "{url}"')
    [line] = problems(tmp_path, text)
    assert line.endswith("ec2.endpoint_url: is not a URL such as http://HOST:PORT/PATH")


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a/b", "a$b", "x" * 64])
def test_a_database_that_cannot_be_called_so(tmp_path: Path, name: str) -> None:
    [line] = problems(tmp_path, GOOD.replace("haproxy:", f'  state_database: "{name}"\nhaproxy:'))
    assert line.endswith("mongodb.state_database: is not the name of a MongoDB database")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("cluster: live-eu", "cluster: live-eu\ncycle: 100ms"), "cycle: is shorter than 200ms"),
        (("haproxy:\n", "haproxy:\n  - {name: lb1, socket: unix:/b}\n"), "haproxy.1.name: is named twice"),
        (("socket: unix:/run/haproxy/admin.sock, ", ""), "needs a socket (to steer it) or stats (only to watch it)"),
        (("mongodb://10.0.1.5", "10.0.1.5"), "a node's MongoDB address must be a full mongodb:// URI"),
        (("live-eu", '"live eu"'), "cluster: is no name: at most 63 letters"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    [line] = problems(tmp_path, GOOD.replace(*change))
    assert told in line


KEY = "k" * 32


def test_how_nodes_are_asked_and_where_we_listen_have_defaults(tmp_path: Path) -> None:
    assert (load(tmp_path).ams, load(tmp_path).web) == (None, None)
    text = GOOD + "ams: {jwt_secret: '${KEY}'}\nweb: {token: '${TOKEN}'}\n"
    settings = load(tmp_path, text, KEY=KEY, TOKEN="t" * 16)
    assert settings.ams is not None
    assert settings.web is not None
    assert (settings.ams.port, settings.ams.timeout, settings.web.listen) == (
        5080,
        timedelta(seconds=1),
        "127.0.0.1:9640",
    )
    assert KEY not in repr(settings)
    assert "t" * 16 not in repr(settings)
    assert settings.ams.jwt_secret.get_secret_value() == KEY


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ams: {}", "missing-key ams.jwt_secret is required"),
        (
            f"ams: {{jwt_secret: {SECRET}}}",
            "secret ams.jwt_secret: is shorter than 32 characters: AMS asks for as many",
        ),
        (f"ams: {{jwt_secret: ssh-rsa {SECRET * 4}}}", "secret ams.jwt_secret: signs no token"),
        (f"ams: {{jwt_secret: {KEY}, timeout: 0s}}", "timeout ams.timeout: is shorter than 50ms"),
        (f"ams: {{jwt_secret: {KEY}, port: 0}}", "greater-than-equal ams.port"),
        ("web: {token: short}", "secret web.token: is shorter than 16 characters"),
        ("web: {token: ''}", "secret web.token: is shorter than 16 characters"),
        ("web: {listen: 9640}", "string-type web.listen"),
        ("web: {listen: 127.0.0.1}", "shape web.listen: is not HOST:PORT, such as 127.0.0.1:9640"),
        ("web: {listen: ':9640'}", "shape web.listen: is not HOST:PORT, such as 127.0.0.1:9640"),
        ("web: {listen: 127.0.0.1:0}", "shape web.listen: is not HOST:PORT, such as 127.0.0.1:9640"),
    ],
)
def test_what_is_no_key_and_no_address_to_listen_on(tmp_path: Path, line: str, told: str) -> None:
    [problem] = problems(tmp_path, f"{GOOD}{line}\n")
    assert told in problem


@pytest.mark.parametrize("address", ["0.0.0.0:9640", "[::]:1", "autoscaler.internal:65535"])
def test_an_address_to_listen_on(tmp_path: Path, address: str) -> None:
    web = load(tmp_path, f'{GOOD}web: {{listen: "{address}"}}\n').web
    assert web is not None
    assert web.listen == address


def test_who_only_watches_needs_less(tmp_path: Path) -> None:
    text = GOOD.replace("socket: unix:/run/haproxy/admin.sock", "stats: http://127.0.0.1:6080/stats")
    text = text.replace("nodes: {mongodb_uri: mongodb://10.0.1.5}\n", "")
    assert load(tmp_path, text, steering=False).nodes is None
    assert problems(tmp_path, text) == [
        (
            "1:1: no-nodes nothing says what launched nodes are told "
            "(nodes: {mongodb_uri: ...}, as the nodes reach it; or --dry-run)"
        ),
        "5:5: no-socket lb1 has no socket, so nothing can steer it (or --dry-run)",
    ]
