"""Samples are laid out when they are looked at, and nobody can tell."""

from __future__ import annotations

from datetime import timedelta

import pytest

from autoscaler.cycle.samples import sample
from autoscaler.model.nodes import Given
from autoscaler.model.snapshot import GROUP, Audience, Gap, Heartbeat, Sample, Streams, total_of
from tests.support.fleet import BACKEND, NOW, node

NODES = Given(
    (
        node(1, sessions=3, publishers=2, heartbeat=Heartbeat(NOW - timedelta(seconds=2), 40.0, None, 1.5)),
        node(2, status=None, publishers=Gap("mongodb", "i-2", NOW, ""), heartbeat=None),
        node(3, servers=Gap("haproxy:lb1", GROUP, NOW, ""), publishers=0, heartbeat=Heartbeat(NOW, 60.0, 70.0)),
    )
)
STREAMS = total_of({"live": Audience({"10.0.0.1": 2}, {"webrtc": 5, "hls": 1}), "meet": Audience({}, {"webrtc": 4})})


def test_the_sources_that_have_samples_are_named_and_no_others() -> None:
    found = sample(NODES, STREAMS, NOW, {"meet", "gone"})
    assert set(found) == {
        "mongodb.node.cpu_percent", "mongodb.node.memory_percent", "mongodb.node.query_ms", "mongodb.node.publishers",
        "mongodb.node.publishers:meet", "haproxy.server.sessions", f"haproxy.server.sessions:{BACKEND}",
        "haproxy.server.queued", f"haproxy.server.queued:{BACKEND}",
        *(f"{source}{of}" for of in ("", ":meet") for source in (
            "mongodb.viewers", "mongodb.viewers.webrtc", "mongodb.viewers.hls", "mongodb.viewers.dash",
            "mongodb.viewers.rtmp", "mongodb.streams",
        )),
    }  # fmt: skip
    assert len(found) == len(dict(found))


def test_each_sample_is_of_its_node_and_its_time() -> None:
    found = sample(NODES, STREAMS, NOW, {"meet"})
    assert found["mongodb.node.cpu_percent"] == {
        "i-1": Sample(40.0, NOW - timedelta(seconds=2)), "i-3": Sample(60.0, NOW),
    }  # fmt: skip
    assert found["mongodb.node.memory_percent"] == {"i-3": Sample(70.0, NOW)}
    assert found["mongodb.node.publishers"] == {"i-1": Sample(2, NOW), "i-3": Sample(0, NOW)}
    assert found[f"haproxy.server.sessions:{BACKEND}"] == {"i-1": Sample(3, NOW)}
    assert found["mongodb.viewers"] == {GROUP: Sample(10, NOW)}
    assert found["mongodb.viewers.webrtc:meet"] == {GROUP: Sample(4, NOW)}


@pytest.mark.parametrize("source", ["mongodb.nothing", "haproxy.server.sessions:elsewhere", "mongodb.viewers:gone"])
def test_a_source_without_samples_is_not_there(source: str) -> None:
    found = sample(NODES, STREAMS, NOW)
    assert source not in found
    assert found.get(source, {}) == {}
    with pytest.raises(KeyError):
        found[source]


def test_a_column_is_laid_out_once() -> None:
    found = sample(NODES, STREAMS, NOW)
    assert found["mongodb.node.cpu_percent"] is found["mongodb.node.cpu_percent"]


def test_they_are_as_good_as_a_dict_of_them() -> None:
    found = sample(NODES, STREAMS, NOW)
    assert found == dict(found)
    assert repr(found) == repr(dict(found))
    assert found != sample(Given(NODES[:1]), STREAMS, NOW)
    assert "mongodb.node.cpu_percent:/1m" not in found  # means of a while are laid over them


def test_without_streams_only_nodes_and_servers_have_samples() -> None:
    found = sample(Given(NODES[:1]), Gap("mongodb", GROUP, NOW, ""), NOW)
    assert not [source for source in found if source.startswith("mongodb.viewers")]
    assert "mongodb.streams" not in found
    assert sample(Given(()), Streams({}, {}), NOW)["mongodb.streams"] == {GROUP: Sample(0, NOW)}
