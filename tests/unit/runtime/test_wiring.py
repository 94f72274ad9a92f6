"""What is built for whom: who only looks holds nothing that could change anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoscaler.adapters.ec2 import Ec2Fleet
from autoscaler.adapters.haproxy_stats import FallbackStats, HttpStats, SocketStats
from autoscaler.adapters.mongo_memory import MongoMemoryReader, MongoMemoryStore
from autoscaler.cycle.execute import LiveExecutor
from autoscaler.model.errors import ActionError
from autoscaler.runtime.settings import Settings, load_settings
from autoscaler.runtime.wiring import acting, watching
from tests.support.ec2 import sign_in

SETTINGS = """\
cluster: live-eu
mongodb: {uri: "mongodb://127.0.0.1:1", applications: [LiveApp]}
haproxy:
  - {name: socket, socket: "unix:/run/a.sock", master: "unix:/run/m.sock"}
  - {name: both, socket: "tcp:127.0.0.1:1", stats: "http://127.0.0.1:1/stats"}
  - {name: page, stats: "http://127.0.0.1:1/stats"}
ec2: {region: eu-west-1, endpoint_url: "http://127.0.0.1:1"}
nodes: {mongodb_uri: "mongodb://10.0.1.5"}
policies: policies
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    sign_in(monkeypatch, "testing", "testing")
    (tmp_path / "autoscaler.yaml").write_text(SETTINGS)
    return load_settings(tmp_path / "autoscaler.yaml", {})


def test_who_looks_holds_no_hand(settings: Settings) -> None:
    with watching(settings) as base:
        assert type(base.memories) is MongoMemoryReader
        assert not hasattr(base.memories, "save")
        assert isinstance(base.senses.fleet, Ec2Fleet)
        with pytest.raises(ActionError, match="read_only"):
            base.senses.fleet._client.terminate_instances(InstanceIds=["i-1"])


def test_each_balancer_is_read_as_its_settings_allow(settings: Settings) -> None:
    with watching(settings) as base:
        assert [type(stats) for stats in base.senses.proxies] == [SocketStats, FallbackStats, HttpStats]
        assert [stats.balancer for stats in base.senses.proxies] == ["socket", "both", "page"]


def test_who_acts_steers_every_balancer_that_has_a_socket(settings: Settings) -> None:
    with watching(settings) as base:
        hands = acting(settings, base)
        assert isinstance(hands.executor, LiveExecutor)
        assert isinstance(hands.hands.store, MongoMemoryStore)
        assert list(hands.proxies._sockets) == ["socket", "both"]
        assert "mongodb://10.0.1.5" in hands.fleet._user_data


def test_what_was_opened_is_closed(settings: Settings) -> None:
    with watching(settings) as base:
        client = base.client
    assert client._closed
