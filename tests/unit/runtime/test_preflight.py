"""What is asked before the first cycle, held to a made-up world."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from autoscaler.adapters.mongo import Client, connect
from autoscaler.model.errors import ActionError, AutoscalerError, ConfigurationError, ObservationError
from autoscaler.model.plan import LaunchSpec
from autoscaler.policy.schema import Policy
from autoscaler.runtime.preflight import preflight
from autoscaler.runtime.wiring import Acting, Watching
from tests.support.fleet import BACKEND, CPU, policy
from tests.support.places import free_port
from tests.support.stage import Stage


@dataclass
class Hands:
    """As much of `Acting` as preflight asks: it only ever asks."""

    refuses: dict[str, ActionError] = field(default_factory=dict)
    lines: list[str | ObservationError] = field(default_factory=list)
    asked: list[tuple[Mapping[str, str], Collection[str]]] = field(default_factory=list)

    @property
    def fleet(self) -> Hands:
        return self

    @property
    def proxies(self) -> Hands:
        return self

    def rehearse(self, _group: str, _spec: LaunchSpec, subnet: str) -> None:
        if subnet in self.refuses:
            raise self.refuses[subnet]

    def preflight(self, backends: Mapping[str, str], sticky: Collection[str]) -> list[str | ObservationError]:
        self.asked.append((backends, sticky))
        return self.lines


class Rig:
    """A world in which all is well, and a MongoDB that answers."""

    def __init__(self, client: Client) -> None:
        self.stage = Stage()
        self.client = client
        self.hands = Hands()

    def errors(self, *policies: Policy, watching: bool = False) -> list[AutoscalerError]:
        base = Watching(self.stage.senses, self.stage.store, self.client)
        return preflight(policies, base, None if watching else cast("Acting", self.hands))

    def lines(self, *policies: Policy, watching: bool = False) -> list[str]:
        return [f"{error.exit_code} {error}" for error in self.errors(*policies, watching=watching)]


@pytest.fixture
def rig(mongo_client: Client) -> Rig:
    return Rig(mongo_client)


@pytest.mark.parametrize("watching", [True, False])
def test_all_is_well(rig: Rig, *, watching: bool) -> None:
    assert rig.errors(policy(), watching=watching) == []
    assert rig.stage.world.writes == []


def test_everything_wrong_is_told_the_worst_first(rig: Rig) -> None:
    with connect(f"mongodb://127.0.0.1:{free_port()}") as gone:
        rig.client = gone
        rig.hands.refuses = {"subnet-a": ActionError("ec2_unauthorized", "no", retryable=False)}
        rig.hands.lines = ["lb1: the socket is of level user"]
        codes = [error.exit_code for error in rig.errors(policy())]
    assert codes == [2, 3, 4]


def test_a_refusal_in_all_subnets_is_one_line_and_names_them(rig: Rig) -> None:
    refusal = ActionError("ec2_unauthorized", "RunInstances: no", retryable=False)
    rig.hands.refuses = {"subnet-a": refusal, "subnet-b": refusal}
    assert rig.lines(policy()) == [
        "4 ec2_unauthorized: ams-edge in subnet-a, subnet-b for the group 'edge': RunInstances: no"
    ]


@pytest.mark.parametrize(("percent", "markets"), [("0%", {False}), ("40%", {False, True})])
def test_every_market_that_the_policy_buys_on_is_rehearsed_and_told_once(
    rig: Rig, percent: str, markets: set[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[bool] = set()

    def rehearse(_group: str, spec: LaunchSpec, _subnet: str) -> None:
        seen.add(spec.spot)
        raise ActionError("ec2_unauthorized", "RunInstances: no", retryable=False)

    monkeypatch.setattr(rig.hands, "rehearse", rehearse)
    launch = {"launch_template": "t", "subnets": ["subnet-a", "subnet-b"], "spot": {"percent": percent}}
    assert rig.lines(policy(launch=launch)) == [
        "4 ec2_unauthorized: t in subnet-a, subnet-b for the group 'edge': RunInstances: no"
    ]
    assert seen == markets


def test_different_refusals_are_told_apart(rig: Rig) -> None:
    rig.hands.refuses = {"subnet-a": ActionError("ec2_not_found", "a"), "subnet-b": ActionError("ec2_not_found", "b")}
    assert len(rig.errors(policy())) == 2


def test_a_fleet_that_does_not_answer_is_asked_once(rig: Rig) -> None:
    rig.stage.world.dead.add("ec2")
    assert rig.lines(policy(), policy(group="origin", slots="o")) == ["3 ec2: does not answer"]


@pytest.mark.parametrize(
    ("code", "exit_code"), [("ec2_unauthorized", 4), ("ec2_unreachable", 3)], ids=["refused", "unreachable"]
)
def test_a_missing_right_to_list_is_a_refusal_and_not_an_outage(rig: Rig, code: str, exit_code: int) -> None:
    class Refusing:
        def instances(self, _group: str) -> Any:
            raise ObservationError("ec2", "DescribeInstances: x") from ActionError(code, "DescribeInstances: x")

        def vcpus(self, _types: object) -> Any:
            raise AssertionError

    rig.stage.senses = replace(rig.stage.senses, fleet=Refusing())
    assert [error.exit_code for error in rig.errors(policy())] == [exit_code]


def test_types_of_unknown_size_are_told(rig: Rig) -> None:
    launch = {"launch_template": "t", "subnets": ["subnet-a"], "types": ["c5.large", "c5.huge"]}
    assert rig.lines(policy(launch=launch)) == ["3 ec2: there is no instance type c5.huge"]
    assert rig.lines(policy(launch={**launch, "weights": {"c5.large": 1, "c5.huge": 9}})) == []
    assert rig.lines(policy(launch={**launch, "types": ["c5.huge"]})) == []


def test_a_memory_that_cannot_be_read_is_told(rig: Rig) -> None:
    rig.stage.store.available = False
    assert rig.lines(policy()) == ["3 mongodb: does not answer"]


def test_a_balancer_that_does_not_answer_is_not_asked_for_more(rig: Rig) -> None:
    rig.stage.world.dead.add("haproxy:lb1")
    assert rig.lines(policy()) == ["3 haproxy:lb1: does not answer"]
    assert rig.hands.asked == []


def test_who_only_watches_is_told_of_backends_that_are_not_there(rig: Rig) -> None:
    absent = policy(load_balancer=[{"backend": "gone", "port": 1}])
    assert rig.lines(absent, watching=True) == [
        "2 haproxy:lb1: no-backend has no servers in a backend 'gone', which the policy of 'edge' names"
    ]


def test_who_only_watches_is_told_of_servers_without_addresses(rig: Rig) -> None:
    for key, server in rig.stage.world.servers.items():
        rig.stage.world.servers[key] = replace(server, ip="")
    [error] = rig.errors(policy(), watching=True)
    assert isinstance(error, ConfigurationError)
    assert "no-addresses" in str(error)


def test_who_steers_asks_for_slots_and_cookies_and_hears_each_complaint_once(rig: Rig) -> None:
    rig.hands.lines = ["lb1: the socket is of level user"]
    sticky = policy(load_balancer=[{"backend": BACKEND, "port": 5080, "cookie": True}])
    other = policy(group="origin", slots="o")
    assert rig.lines(sticky, other) == ["2 haproxy: cannot-steer lb1: the socket is of level user"]
    assert [(dict(slots), list(names)) for slots, names in rig.hands.asked] == [
        ({BACKEND: "slot"}, [BACKEND]),
        ({BACKEND: "o"}, []),
    ]


def test_a_socket_that_does_not_answer_while_the_statistics_do_is_an_outage_and_told_once(rig: Rig) -> None:
    """With exit code 2 systemd would leave the daemon dead, though the balancer may only be late."""
    rig.hands.lines = [ObservationError("haproxy:lb1", "Connection refused (unix:/a)")]
    assert rig.lines(policy(), policy(group="origin", slots="o")) == ["3 haproxy:lb1: Connection refused (unix:/a)"]


SIGNALS = {"busy": {"from": "ams.node.viewers"}, "refused": {"from": "ams.node.refusals"}, "cpu": {"from": CPU}}


@pytest.mark.parametrize("watching", [True, False])
def test_a_policy_that_looks_at_what_the_settings_do_not_let_us_hear_is_refused(rig: Rig, *, watching: bool) -> None:
    rig.stage.senses = replace(rig.stage.senses, resources=None, refusals=None)
    first, second = rig.lines(policy(signals=SIGNALS), watching=watching)
    assert first.startswith("2 settings: no-ams the policy of 'edge' measures ams.node.viewers, ")
    assert second.startswith("2 settings: no-web the policy of 'edge' measures ams.node.refusals, ")
    assert ("(ams: {jwt_secret: ...})" in first, "(web: {listen: HOST:PORT})" in second) == (True, True)
    assert rig.lines(policy(), watching=watching) == []


def test_a_policy_that_looks_at_what_the_settings_let_us_hear_is_taken(rig: Rig) -> None:
    assert rig.lines(policy(signals=SIGNALS)) == []


def test_without_policies_the_sources_are_asked_all_the_same(rig: Rig) -> None:
    rig.stage.world.dead |= {"ec2", "haproxy:lb1"}
    assert rig.lines() == ["3 haproxy:lb1: does not answer", "3 ec2: does not answer"]
