"""What media servers say of themselves moves the real daemon: a refusal that is posted, a load that is asked for."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.support.ams_rest import SECRET, AmsRest, system_resources
from tests.support.cluster import Cluster
from tests.support.places import free_port

TOKEN = "a-token-of-16-or-more"
STEP = {"step": {"signal": "refused", "steps": [{"above": 0, "add": 1}]}}
REFUSED = {"refused": {"from": "ams.node.refusals", "aggregate": "sum"}}
VIEWERS = {"viewers": {"from": "ams.node.viewers", "aggregate": "sum"}}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def refuse(address: str, ip: str, token: str = TOKEN) -> int:
    body = {"action": "highResourceUsage", "host": ip, "resourceInfo": json.dumps(system_resources())}
    url = f"http://{address}/hooks/ams?token={token}"
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, json=body, timeout=10).status_code


def test_a_refusal_that_is_posted_makes_the_next_decision_grow(rig: Cluster) -> None:
    address = f"127.0.0.1:{free_port()}"
    rig.write_settings(web={"listen": address, "token": "${WEB_TOKEN}"})
    rig.write_policy(signals=REFUSED, scale=[STEP])
    daemon = rig.daemon(WEB_TOKEN=TOKEN)
    [node] = rig.settles(1)
    daemon.cycles(2)
    assert daemon.events("cycle")[-1]["desired"] == 1
    assert refuse(address, node, "not-the-token-of-the-settings") == 403
    daemon.cycles(2)
    assert daemon.events("cycle")[-1]["desired"] == 1
    assert refuse(address, node) == 204
    grown = daemon.until_event("cycle", desired=2, direction="out")
    assert grown["reasons"] == ["step"]
    daemon.until(lambda: len(rig.in_service()) > 1, "a second node serves")
    assert TOKEN not in daemon.log
    assert daemon.stop() == 0
    with pytest.raises(requests.ConnectionError):
        refuse(address, node)


def test_a_port_in_use_ends_the_start_with_2_and_a_dry_run_goes_on_without(rig: Cluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = rig.write_settings(web={"listen": address})
        code, _, stderr = rig.run("run", "--config", settings)
        assert code == 2
        assert f"settings: listen cannot listen on {address}: Address already in use" in stderr
        assert "Traceback" not in stderr
        daemon = rig.daemon("--dry-run")
        daemon.until_event("cycle")
        assert len(daemon.events("web_unavailable")) == 1
        assert daemon.stop() == 0


@pytest.mark.parametrize(("signals", "code"), [(REFUSED, "no-web"), (VIEWERS, "no-ams")], ids=["web", "ams"])
def test_a_policy_that_nobody_could_hear_for_is_refused_at_the_start_and_at_a_reload(
    rig: Cluster, signals: dict[str, Any], code: str
) -> None:
    daemon = rig.daemon()
    daemon.until_event("cycle")
    rule = {"step": {"signal": next(iter(signals)), "steps": [{"above": 0, "add": 1}]}}
    rig.write_policy(signals=signals, scale=[rule])
    daemon.reload()
    assert code in daemon.until_event("policy_reload_failed")["problem"]
    assert daemon.stop() == 0
    ended, _, stderr = rig.run("run", "--config", rig.folder / "autoscaler.yaml")
    assert ended == 2
    assert stderr.startswith(f"settings: {code} the policy of 'edge' measures ams.node.")


def test_loads_that_nodes_tell_make_the_group_grow_and_one_that_is_silent_is_told(
    rig: Cluster, stack: ExitStack
) -> None:
    port = free_port()
    rig.write_settings(ams={"port": port, "jwt_secret": "${AMS_JWT_SECRET}"})
    rig.write_policy(signals=VIEWERS, scale=[{"target_tracking": {"signal": "viewers", "target_per_node": 100}}])
    daemon = rig.daemon(AMS_JWT_SECRET=SECRET)
    [node] = rig.settles(1)
    silent = daemon.until_event("cycle", in_service=1)
    assert (list(silent["signal_gaps"]), silent["gaps"]) == (["ams: cannot be reached: ConnectionError"], {})
    media = stack.enter_context(AmsRest(node, port))  # 160 viewers
    daemon.until_event("cycle", desired=2, direction="out")
    assert ("/rest/v2/system-resources", 200) in media.asked
    rig.settles(2)
    assert SECRET not in daemon.log
    assert daemon.stop() == 0
    code, stdout, _ = rig.run("status", "--config", rig.folder / "autoscaler.yaml", AMS_JWT_SECRET=SECRET)
    assert code == 0
    assert "lacks ams i-" in stdout
