"""The demo's parts that need nothing but themselves."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, replace
from importlib import resources
from io import StringIO
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, cast

import pytest
from rich.console import Console
from ruamel.yaml import YAML
from typer.testing import CliRunner

from autoscaler.cli.app import app
from autoscaler.demo.balancer import BACKENDS, SLOTS, Balancer, Seen, Sight
from autoscaler.demo.news import News
from autoscaler.demo.nodes import Node
from autoscaler.demo.processes import ComponentFailed, program, start
from autoscaler.demo.region import Host, Region
from autoscaler.demo.rows import Names
from autoscaler.demo.run import Result
from autoscaler.demo.summary import Summary
from autoscaler.demo.tally import Tally
from autoscaler.demo.timeline import CALM, PEAK, REST, Stage, Timeline
from autoscaler.demo.view import Lines, Picture, Row, Scene, View
from autoscaler.demo.watch import Shown, Watch
from autoscaler.policy.schema import Policy

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

GOOD = Summary(
    sessions_total=200,
    sessions_failed=0,
    publishers_total=6,
    publishers_cut=0,
    viewer_minutes_disrupted=0.0,
    launched=5,
    terminated=3,
    max_in_service=5,
    final_in_service=2,
    haproxy_reloads=0,
    invariant_violations=0,
    duration_s=100.0,
)
PACKAGE = resources.files("autoscaler.demo")


def test_a_promise_that_was_kept_needs_no_complaint() -> None:
    assert GOOD.complaints(smallest=2) == []


@pytest.mark.parametrize(
    ("spoilt", "complaint"),
    [
        (replace(GOOD, sessions_failed=1), "1 sessions broke"),
        (replace(GOOD, publishers_cut=2), "2 publishers were cut"),
        (replace(GOOD, haproxy_reloads=1), "HAProxy was reloaded 1 times"),
        (replace(GOOD, invariant_violations=1), "1 promises were broken"),
        (replace(GOOD, sessions_total=0), "there was no traffic"),
        (replace(GOOD, max_in_service=2), "the cluster did not grow"),
        (replace(GOOD, terminated=0), "the cluster did not shrink"),
        (replace(GOOD, final_in_service=5), "the cluster did not shrink"),
    ],
)
def test_each_broken_promise_is_named(spoilt: Summary, complaint: str) -> None:
    assert complaint in spoilt.complaints(smallest=2)


@pytest.mark.parametrize(("complaints", "code"), [((), 0), (("1 sessions broke",), 1)])
def test_the_command_prints_one_document_and_fails_on_any_complaint(
    monkeypatch: pytest.MonkeyPatch, complaints: tuple[str, ...], code: int
) -> None:
    def run(_: View, *, keep: bool, speed: float) -> Result:
        assert (keep, speed) == (True, 2.0)
        return Result(GOOD, complaints)

    monkeypatch.setattr("autoscaler.demo.run.run", run)
    ended = CliRunner().invoke(app, ["demo", "--json", "--keep", "--speed", "2"])
    assert ended.exit_code == code
    assert json.loads(ended.stdout) == asdict(GOOD)
    assert ended.stderr.splitlines() == list(complaints)


def test_the_crowd_grows_stays_and_goes() -> None:
    timeline = Timeline(speed=2.0)
    assert timeline.crowd(Stage.CALM, 0) == CALM
    assert timeline.crowd(Stage.SURGE, 0) == CALM
    assert timeline.crowd(Stage.SURGE, timeline.ramp_s) == timeline.crowd(Stage.SURGE, timeline.surge_s) == PEAK
    assert timeline.crowd(Stage.FALL, 0).publishers == PEAK.publishers
    assert timeline.crowd(Stage.FALL, timeline.lingering_s) == REST
    assert Timeline(1.0).surge_s == 2 * timeline.surge_s


def test_the_policy_is_a_policy() -> None:
    policy = Policy.model_validate(YAML(typ="safe").load((PACKAGE / "policies" / "edge.yaml").read_text()))
    assert {membership.backend for membership in policy.load_balancer} == set(BACKENDS)
    assert policy.bounds.max <= SLOTS


def test_haproxy_takes_the_configuration_without_a_word(tmp_path: Path) -> None:
    haproxy = program("haproxy", "apt-get install haproxy", "/usr/sbin")
    configuration = tmp_path / "haproxy.cfg"
    configuration.write_text(Balancer.plan(tmp_path).render())
    checked = subprocess.run([haproxy, "-c", "-q", "-f", configuration], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("address", "code"), [("10.0.1.5", 1), ("mongo.internal", 1), ("mongodb://u:p@10.0.1.5/?a=b&c=d", 0)]
)
def test_the_mode_script_asks_about_a_bare_address_and_nobody_answers(tmp_path: Path, address: str, code: int) -> None:
    with resources.as_file(PACKAGE / "image") as image:
        subprocess.run(["cp", "-r", f"{image}/.", tmp_path], check=True)
    script = tmp_path / "antmedia" / "change_server_mode.sh"
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path)}
    changed = subprocess.run(
        ["bash", script, "cluster", address],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    assert changed.returncode == code
    properties = (tmp_path / "antmedia" / "conf" / "red5.properties").read_text()
    assert (f"clusterdb.host={address}\n" in properties) is (code == 0)


def test_a_missing_program_is_named_with_what_to_do() -> None:
    with pytest.raises(ComponentFailed, match="nosuchthing was not found: install it"):
        program("nosuchthing", "install it")


def test_a_program_that_ends_by_itself_is_reported_with_its_last_words(tmp_path: Path) -> None:
    component = start("talker", ["bash", "-c", "echo first; echo last; exit 3"], tmp_path)
    component.process.wait()
    with pytest.raises(ComponentFailed, match="talker ended with 3: last"):
        component.check()
    component.end()


def host(state: str = "running", *, alive: bool = True) -> Host:
    node = Node("i-1", "127.20.1.4", None, alive=alive)
    return Host("i-1", "127.20.1.4", "zone", "c5.xlarge", state, node=node)


def sight(status: str, process: tuple[str, str] = ("1", "1")) -> Sight:
    return Sight(process, {"127.20.1.4": {backend: Seen(status, 0) for backend in BACKENDS}})


def watched(*statuses: str) -> tuple[Watch, Host]:
    """A watch over a group of at most one node that saw its server in each of these states."""
    watch, one = Watch(0, 1), host()
    for status in statuses:
        watch.look(sight(status), {"i-1": one})
    return watch, one


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        (("DOWN",), Shown.PROVING),
        (("DRAIN",), Shown.PROVING),
        (("UP 1/3",), Shown.IN_SERVICE),
        (("UP", "DRAIN"), Shown.DRAINING),
        (("UP", "MAINT"), Shown.PARKED),
    ],
)
def test_a_node_is_shown_where_it_is(statuses: tuple[str, ...], shown: Shown) -> None:
    watch, one = watched(*statuses)
    assert watch.shown(one) is shown


def test_a_drained_and_empty_node_may_go() -> None:
    watch, one = watched("UP", "DRAIN", "MAINT")
    one.state = "shutting-down"
    watch.departed(one, viewers=0, publishers=0)
    assert watch.violations == []
    assert watch.terminated == {"i-1"}


def test_a_node_taken_back_into_service_has_to_be_drained_again() -> None:
    watch, one = watched("UP", "DRAIN", "UP")
    watch.departed(one, viewers=0, publishers=0)
    assert watch.violations == ["i-1 was ended without having been drained"]


def test_connections_that_an_end_cuts_are_a_violation() -> None:
    watch, one = watched("UP", "DRAIN")
    watch.departed(one, viewers=3, publishers=1)
    assert watch.violations == ["i-1 was ended with 3 viewers and 1 publishers on it"]


def test_more_instances_than_max_are_a_violation_once() -> None:
    watch = Watch(0, 1)
    both = {"i-1": host(), "i-2": Host("i-2", "127.20.1.5", "zone", "c5.xlarge", "pending")}
    watch.look(sight("UP"), both)
    watch.look(sight("UP"), both)
    assert watch.violations == ["2 instances at once, the policy's max is 1"]


def test_fewer_than_min_behind_haproxy_is_a_violation_but_a_failing_check_is_none() -> None:
    watch, one = Watch(1, 2), host()
    watch.look(sight("UP"), {"i-1": one})
    watch.look(sight("DOWN"), {"i-1": one})
    assert watch.violations == []
    watch.look(sight("DRAIN"), {"i-1": one})
    assert watch.violations == ["only 0 nodes were left behind HAProxy, the policy's min is 1"]


def test_another_haproxy_process_is_a_reload() -> None:
    watch, one = watched("UP")
    watch.look(sight("UP", ("2", "9")), {"i-1": one})
    watch.look(sight("UP", ("2", "9")), {"i-1": one})
    assert watch.haproxy_reloads == 1


def scene(elapsed_s: float) -> Scene:
    rows = (
        Row("i-1", "127.20.1.4", "eu-west-1a", Shown.IN_SERVICE, 80, 20, 3, 2),
        Row("i-2", "127.20.1.5", "eu-west-1b", Shown.IN_SERVICE, 40, 10, 3, 2),
        Row("i-3", "127.20.1.6", "eu-west-1a", Shown.BOOTING, 0, 0, 0, 0),
    )
    return Scene(elapsed_s, Stage.SURGE, rows, 30, 6, 4, Tally(refusals=5, sessions_failed=1, publishers_cut=1))


def test_away_from_a_terminal_the_moment_is_one_line_every_few_seconds() -> None:
    written = StringIO()
    with Lines(Console(file=written)) as view:
        view.say("stage: surge")
        for elapsed_s in (0.0, 1.0, 4.9, 5.0, 6.0):
            view.update(scene(elapsed_s))
    first, *moments = written.getvalue().splitlines()
    assert first.endswith("] stage: surge")
    assert len(moments) == 2
    assert "surge: 2 nodes in service (+1 coming, 0 leaving), cpu 60 %; 30 viewers, 6 HLS, 4 publishers;" in moments[0]
    assert moments[0].endswith("refused 5, broken 2")


def test_on_a_terminal_the_nodes_and_the_last_events_are_drawn() -> None:
    written = StringIO()
    with Picture(Console(file=written, force_terminal=True, width=140)) as view:
        view.say("an event")
        view.update(scene(7.0))
    drawn = written.getvalue()
    assert all(words in drawn for words in ("i-2", "127.20.1.6", "booting", "in service", "an event", " 80 %"))


def test_the_daemons_log_becomes_news_line_by_line(tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    lines = [
        '{"event": "cycle", "direction": "hold", "current": 2, "desired": 2, "reasons": []}',
        "no JSON at all",
        '{"event": "cycle", "direction": "out", "current": 2, "desired": 4, "reasons": ["target_tracking"]}',
        '{"event": "outcome", "action": "Launch", "subject": "a", "result": "failed", "code": "odd", "detail": "-"}',
    ]
    log.write_text("\n".join(lines[:3]) + "\n" + lines[3][:20])
    watch = Watch(1, 2)
    dice = Random(1)  # noqa: S311 - nothing is rolled, and nothing secret
    region = Region(cast("EC2Client", None), tmp_path, Timeline(), Names("c", "s", "A"), dice, watch.departed)
    news = News(region, watch, log)
    assert news.fresh() == ["decision: 2 -> 4 nodes (target_tracking)"]
    log.write_text("\n".join(lines) + "\n")
    assert news.fresh() == ["Launch a failed: odd -"]
    region.troubles.append("EC2: away")
    watch.violations.append("a promise was broken")
    assert news.fresh() == ["EC2: away", "a promise was broken"]
    assert news.fresh() == []
