"""The documented HAProxy configurations load without a warning, fit the shipped policies, and carry traffic."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from autoscaler.adapters.haproxy_control import HaproxyControl
from autoscaler.adapters.haproxy_stats import HttpStats, SocketStats
from autoscaler.model.plan import Done, Endpoint, Register
from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from tests.support.documents import ROOT, read
from tests.support.haproxy import Haproxy, Node, Session, get
from tests.support.places import free_port, short_folder

FITS = {"haproxy.cfg": ("edge", "origin"), "haproxy-tcp.cfg": ("small",)}
FIRST, SECOND = "127.20.9.1", "127.20.9.2"
SLOW_CHECKS, QUICK_CHECKS = "inter 2s downinter 1s", "inter 200ms downinter 100ms"


def policies(name: str) -> tuple[Policy, ...]:
    return load_policies({group: read(ROOT / f"policies/{group}.yaml") for group in FITS[name]})


def certificate(folder: Path) -> Path:
    """Write a certificate and its key, as the configuration wants them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "live.example")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certs = folder / "certs"
    certs.mkdir()
    (certs / "live.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM) + secret)
    return certs


def fitted(name: str, folder: Path) -> tuple[str, dict[int, int]]:
    """The configuration with this test's certificate and free ports; which documented port became which."""
    ports: dict[int, int] = {}

    def bind(match: re.Match[str]) -> str:
        ports[int(match[1])] = free_port()
        return f"bind 127.0.0.1:{ports[int(match[1])]}"

    text = re.sub(r"bind :(\d+)", bind, read(ROOT / "docs" / name))
    return text.replace("/etc/haproxy/certs/", f"{certificate(folder)}/"), ports


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder whose path is short enough for HAProxy's sockets."""
    folder = short_folder("haproxy-")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", FITS)
def test_it_loads_without_a_warning(name: str, tmp_path: Path, sockets: Path) -> None:
    text, _ = fitted(name, tmp_path)
    (tmp_path / "state").write_text("1\n")
    for documented, ours in {
        "/run/haproxy/admin.sock mode 660 group haproxy": f"{sockets}/admin.sock mode 660",
        "/var/lib/haproxy/server-state": f"{tmp_path}/state",
        "    user haproxy\n    group haproxy\n": "",  # who need not exist where the tests run
    }.items():
        assert documented in text
        text = text.replace(documented, ours)
    config = tmp_path / name
    config.write_text(text)
    binary = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    assert binary
    said = subprocess.run([binary, "-c", "-f", str(config)], capture_output=True, text=True, check=False)
    assert (said.returncode, "[WARNING]" in said.stderr, "[ALERT]" in said.stderr) == (0, False, False), said.stderr


class Balancer:
    """The documented configuration, running, with quicker checks; its `global` section is the tests' own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        text, self.ports = fitted(name, folder)
        sections = text[text.index("\ndefaults") :]
        assert SLOW_CHECKS in sections
        self.haproxy = Haproxy(sections.replace(SLOW_CHECKS, QUICK_CHECKS))
        self.control = HaproxyControl({"lb1": self.haproxy.socket()}, timedelta(seconds=10))
        self.node_ports = {5080: free_port(), 1935: free_port()}
        self.nodes: list[Node] = []

    def admit(self, policy: Policy, ip: str, number: int) -> None:
        """Start a node and put it into service as the daemon would."""
        self.nodes.append(Node(ip, *self.node_ports.values()))
        places = tuple(Endpoint(place.backend, self.node_ports[place.port]) for place in policy.endpoints)
        slot = f"{policy.slots}{number}"
        step = Register(token="t", why="joined", instance_id="i-1", ip=ip, slot=slot, endpoints=places)
        assert self.control.admit([step]) == [Done()]

    def close(self) -> None:
        for node in self.nodes:
            node.close()
        self.haproxy.stop()


@pytest.fixture(params=FITS)
def balancer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Balancer]:
    running = Balancer(request.param, tmp_path)
    yield running
    running.close()


def secure(port: int) -> str:
    """Ask `GET /` over TLS, and return the whole reply."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the certificate is this test's own
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="live.example") as wire,
    ):
        wire.sendall(b"GET / HTTP/1.0\r\nHost: lb\r\n\r\n")
        return b"".join(iter(lambda: wire.recv(65_536), b"")).decode()


def test_it_fits_its_policies_and_keeps_nodes_through_a_reload(balancer: Balancer) -> None:
    rules = policies(balancer.name)
    stats = SocketStats("lb1", balancer.haproxy.socket())
    for policy in rules:
        sticky = [place.backend for place in policy.load_balancer if place.cookie]
        assert balancer.control.preflight({place.backend: policy.slots for place in policy.endpoints}, sticky) == []
        for place in policy.endpoints:
            names = [server.name for server in stats.read([place.backend]).servers]
            slots = [name for name in names if re.fullmatch(rf"{policy.slots}\d+", name)]
            assert len(slots) == policy.bounds.max + max(1, policy.bounds.max // 10)

    for number, policy in enumerate(rules, 1):
        balancer.admit(policy, f"127.20.9.{number}", number)
    ours = {place.backend for policy in rules for place in policy.endpoints}
    page = HttpStats("lb1", f"http://127.0.0.1:{balancer.ports[6080]}/haproxy_stats", "Username", "Password")
    assert {server.ip for server in page.read(sorted(ours)).servers} >= {balancer.nodes[0].ip}
    publishing, viewing = balancer.nodes[-1].ip, balancer.nodes[0].ip
    for _ in range(2):
        stream = Session(balancer.ports[1935])
        assert stream.node == publishing
        stream.close()
        assert get(balancer.ports[5080])[::2] == (200, viewing)
        balancer.haproxy.reload()


def test_hls_viewers_stay_on_their_node_through_a_reload(tmp_path: Path) -> None:
    balancer = Balancer("haproxy.cfg", tmp_path)
    try:
        (edge,) = [policy for policy in policies("haproxy.cfg") if policy.group == "edge"]
        balancer.admit(edge, FIRST, 1)
        balancer.admit(edge, SECOND, 2)
        port = balancer.ports[5080]
        _, cookie, home = get(port, path="/LiveApp/streams/a.m3u8")
        assert cookie.startswith(("edge1~", "edge2~"))
        for _ in range(2):
            assert {get(port, cookie, path="/LiveApp/streams/a0.ts")[2] for _ in range(6)} == {home}
            balancer.haproxy.reload()
        assert {get(port)[2] for _ in range(6)} == {FIRST, SECOND}  # what is no HLS is not sticky
        assert secure(balancer.ports[5443]).endswith((FIRST, SECOND))
    finally:
        balancer.close()
