"""The boot script: what it is given, what it looks like, and what it does when it is really run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from autoscaler.adapters import user_data
from autoscaler.adapters.user_data import UnusableUri, UserDataTooLarge, render
from tests.support.ams_image import APPS, Machine, machine, secret

GOLDEN = Path(__file__).parents[1] / "golden"
URI = "mongodb://ams:s3cr%24t&more@mongo-1.internal:27017,mongo-2.internal:27017/?replicaSet=rs0&authSource=admin"


@pytest.fixture
def node(tmp_path: Path) -> Machine:
    return machine(tmp_path)


@pytest.mark.parametrize(
    ("name", "uri"),
    [("plain", URI), ("ssm", "ssm:/ams/mongodb-uri"), ("secretsmanager", "secretsmanager:ams/mongodb")],
)
def test_the_script_is_the_reviewed_one(name: str, uri: str) -> None:
    golden = GOLDEN / f"user_data_{name}.sh"
    if "UPDATE_GOLDEN" in os.environ:
        golden.write_text(render(uri))
    assert render(uri) == golden.read_text()


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://10.0.1.5",
        "mongodb://10.0.1.5:27017/clusterdb",
        "mongodb+srv://user:p%40ss@cluster0.abc.mongodb.net/?retryWrites=true&w=majority",
        "mongodb://h/?tls=true&tlsCAFile=/etc/ssl/ca.pem",
        "ssm:/ams/live-eu/mongodb",
        "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:ams-AbCdEf",
        URI,
    ],
)
def test_uris_that_ams_takes_are_taken(uri: str) -> None:
    assert f"mongodb='{uri}'\n" in render(uri)


@pytest.mark.parametrize(
    ("uri", "advice"),
    [
        ("10.0.1.5", "full mongodb:// URI"),
        ("10.0.1.5:27017", "full mongodb:// URI"),
        ("mongo.internal", "full mongodb:// URI"),
        ("localhost", "full mongodb:// URI"),
        ("redis://10.0.1.5", "full mongodb:// URI"),
        ("", "full mongodb:// URI"),
        ("mongodb://", "host"),
        ("mongodb://user@", "host"),
        ("mongodb://u:a b@h", "percent-encode"),
        ("mongodb://u:a*b@h", "percent-encode"),
        ("mongodb://u:a[b]@h", "percent-encode"),
        ("mongodb://u:a\\b@h", "percent-encode"),
        ("mongodb://u:a'b@h", "percent-encode"),
        ("mongodb://u:$(id)@h", "percent-encode"),
        ("mongodb://u:a@b@h", "percent-encode"),
        ("mongodb://u:a/b@h", "percent-encode"),
        ("mongodb://h\n", "percent-encode"),
        ("ssm:'; id", "full mongodb:// URI"),
    ],
)
def test_what_ams_would_mangle_is_refused_without_repeating_it(uri: str, advice: str) -> None:
    with pytest.raises(UnusableUri) as caught:
        render(uri)
    assert advice in str(caught.value)
    assert caught.value.hint
    assert not uri[len("mongodb://") :] or uri.removeprefix("mongodb://") not in str(caught.value)


def test_a_script_beyond_ec2s_limit_is_refused() -> None:
    with pytest.raises(UserDataTooLarge, match="16384"):
        render("mongodb://h/?" + "x" * user_data.LIMIT)


def test_a_node_joins(node: Machine) -> None:
    ran = node.boot(render(URI))
    assert ran.returncode == 0, ran.stderr
    assert node.serves
    assert node.comes_up_at_boot
    assert node.properties("conf/red5.properties")["clusterdb.host"] == URI
    for app in APPS:
        assert node.properties(f"webapps/{app}/WEB-INF/red5-web.properties") == {"db.type": "mongodb", "db.host": URI}


def test_the_node_is_told_its_own_address_before_the_service_starts(node: Machine) -> None:
    assert node.boot(render(URI)).returncode == 0
    assert node.drop_in.read_text() == "[Service]\nEnvironment=AMS_HOST_ADDRESS=127.20.1.4\n"
    assert node.calls.index("systemctl daemon-reload") < node.calls.index("systemctl start antmedia")


def test_a_node_that_is_started_again_comes_up_by_itself_and_resets_nobody(node: Machine) -> None:
    """Stopping may take the service longer than systemd waits: then it leaves .initialized without .closed."""
    assert node.boot(render(URI)).returncode == 0
    assert node.boot_rules.read_text().splitlines() == [
        f"r! {node.ams}/webapps/*/.initialized",
        f"r! {node.ams}/webapps/*/.closed",
    ]
    assert node.comes_up_at_boot


@pytest.mark.skipif(not shutil.which("systemd-tmpfiles"), reason="there is no systemd on this machine")
def test_systemd_takes_these_rules_at_boot_and_only_then(node: Machine) -> None:
    assert node.boot(render(URI)).returncode == 0
    flags = [node.ams / "webapps" / app / ".initialized" for app in APPS]
    for flag in flags:
        flag.touch()
    node.remove_files(at_boot=False)
    assert all(flag.exists() for flag in flags)  # the service's own crash is its own affair
    node.remove_files(at_boot=True)
    assert not any(flag.exists() for flag in flags)


def test_a_node_that_could_reset_others_does_not_serve(node: Machine) -> None:
    node.boot_rules.parent.parent.mkdir(parents=True)
    node.boot_rules.parent.write_text("a file where a folder should be")
    ran = node.boot(render(URI))
    assert ran.returncode != 0
    assert "later start" in ran.stderr
    assert not node.serves
    assert not node.comes_up_at_boot


def test_nothing_of_the_image_is_brought_along(node: Machine) -> None:
    assert node.boot(render(URI)).returncode == 0
    assert sorted(path.name for path in node.ams.iterdir()) == ["change_server_mode.sh", "conf", "webapps"]
    assert not (node.ams / "conf" / "instanceId").exists()
    assert (node.ams / "conf" / "initialized").exists()
    left = {path.name for app in APPS for path in (node.ams / "webapps" / app).iterdir()}
    assert left == {"WEB-INF"}


def test_a_second_run_disturbs_nothing(node: Machine) -> None:
    script = render(URI)
    assert node.boot(script).returncode == 0
    (node.ams / "webapps" / "LiveApp" / ".initialized").touch()  # as AMS does when it starts
    before = len(node.calls)
    again = node.boot(script)
    assert again.returncode == 0, again.stderr
    assert "already" in again.stderr
    assert node.calls[before:] == ["systemctl is-active --quiet antmedia"]
    assert (node.ams / "webapps" / "LiveApp" / ".initialized").exists()


def test_an_image_made_of_a_node_that_joined_still_joins_by_itself(node: Machine) -> None:
    assert node.boot(render(URI)).returncode == 0
    node.metadata.update({"instance-id": "i-0fedcba9876543210", "local-ipv4": "127.20.2.9"})
    ran = node.boot(render(URI))
    assert "joined the cluster as 127.20.2.9" in ran.stderr
    assert "127.20.2.9" in node.drop_in.read_text()


def test_a_failed_node_joins_when_its_cause_is_mended(node: Machine) -> None:
    (node.ams / "broken").write_text("3")
    assert node.boot(render(URI)).returncode != 0
    (node.ams / "broken").unlink()
    assert node.boot(render(URI)).returncode == 0
    assert node.serves
    assert node.comes_up_at_boot


Harm = Callable[[Machine], None]


def without_ams(node: Machine) -> None:
    (node.ams / "change_server_mode.sh").unlink()


def without_any_http_client(node: Machine) -> None:
    node.remove("python3")


def without_metadata(node: Machine) -> None:
    node.metadata.clear()


def without_an_address(node: Machine) -> None:
    node.metadata["local-ipv4"] = "no address"


def with_failing_script(node: Machine) -> None:
    (node.ams / "broken").write_text("1")


def with_script_that_lies(node: Machine) -> None:
    (node.ams / "broken").write_text("0")


def with_script_that_stops_half_way(node: Machine) -> None:
    (node.ams / "half").touch()


def with_service_that_dies(node: Machine) -> None:
    (node.root / "crashes").touch()


def without_reload(node: Machine) -> None:
    script = (node.root / "bin" / "systemctl").read_text()
    node.install("systemctl", script.replace("case $1 in", "case $1 in\n  daemon-reload) exit 1 ;;"))


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (without_ams, "there is no Ant Media Server"),
        (without_any_http_client, "neither curl nor python3"),
        (without_metadata, "gives no instance id"),
        (without_an_address, "gives no local-ipv4"),
        (with_failing_script, "change_server_mode.sh failed"),
        (with_script_that_lies, "reported success, but conf/red5.properties has another clusterdb.host"),
        (with_script_that_stops_half_way, "reported success, but the cluster block"),
        (with_service_that_dies, "antmedia does not run"),
        (without_reload, "cannot set AMS_HOST_ADDRESS"),
    ],
)
def test_a_node_that_cannot_join_never_serves(node: Machine, harm: Harm, reason: str) -> None:
    harm(node)
    ran = node.boot(render(URI))
    assert ran.returncode != 0
    [fatal, *_] = [line for line in ran.stderr.splitlines() if "FATAL" in line]
    assert reason in fatal
    assert "stopped and disabled" in ran.stderr
    assert not node.serves
    assert not node.comes_up_at_boot


def test_the_vendors_bare_address_would_have_been_caught_at_boot(node: Machine) -> None:
    ran = node.boot(render(URI).replace(f"'{URI}'", "10.0.1.5"))
    assert ran.returncode != 0
    assert not node.serves


@pytest.mark.parametrize(
    ("reference", "asked"),
    [
        ("ssm:/ams/uri", "ssm get-parameter --with-decryption --name /ams/uri --query Parameter.Value"),
        ("secretsmanager:ams/uri", "secretsmanager get-secret-value --secret-id ams/uri --query SecretString"),
    ],
)
def test_a_secret_is_read_at_boot_once_the_role_is_there(node: Machine, reference: str, asked: str) -> None:
    secret(node, URI + "\n", failures=3)
    ran = node.boot(render(reference))
    assert ran.returncode == 0, ran.stderr
    assert node.properties("conf/red5.properties")["clusterdb.host"] == URI
    calls = [call for call in node.calls if call.startswith("aws ")]
    assert len(calls) == 4
    assert asked in calls[-1]
    assert "--region eu-west-1" in calls[-1]


def test_a_secret_that_cannot_be_read_stops_the_node(node: Machine) -> None:
    secret(node, URI, failures=99)
    ran = node.boot(render("ssm:/ams/uri", secret_attempts=2))
    assert "FATAL: the parameter /ams/uri cannot be read" in ran.stderr
    assert len([call for call in node.calls if call.startswith("aws ")]) == 2
    assert not node.serves


def test_an_image_without_the_aws_cli_says_so(node: Machine) -> None:
    ran = node.boot(render("ssm:/ams/uri"))
    assert "this image has no aws CLI" in ran.stderr
    assert not node.serves


@pytest.mark.parametrize("value", ['{"uri": "mongodb://h"}', "10.0.1.5", "None", "mongodb://u:p w@h", ""])
def test_a_secret_that_is_no_uri_stops_the_node_unseen(node: Machine, value: str) -> None:
    secret(node, value)
    ran = node.boot(render("ssm:/ams/uri"))
    assert "FATAL: the secret is no mongodb:// URI" in ran.stderr
    assert not node.serves
    assert not value or value == "None" or value not in ran.stderr


@pytest.mark.parametrize("harm", [None, with_failing_script, with_script_that_stops_half_way])
def test_the_password_is_in_no_log(node: Machine, harm: Harm | None) -> None:
    secret(node, URI)
    if harm:
        harm(node)
    ran = node.boot(render("ssm:/ams/uri"))
    assert "changing to cluster with (the MongoDB URI)" in ran.stderr
    assert "s3cr" not in ran.stdout + ran.stderr + "".join(node.calls)


def test_curl_is_used_where_there_is_no_python(node: Machine) -> None:
    node.remove("python3")
    client = f"""#!{os.path.realpath("/usr/bin/python3")}
import sys, urllib.request
assert "--fail" in sys.argv and "--max-time" in sys.argv
method, header, url = sys.argv[-4], sys.argv[-2], sys.argv[-1]
request = urllib.request.Request(url, method=method, headers=dict([header.split(": ", 1)]))
sys.stdout.write(urllib.request.urlopen(request).read().decode())
"""
    node.install("curl", client)
    ran = node.boot(render(URI))
    assert ran.returncode == 0, ran.stderr
