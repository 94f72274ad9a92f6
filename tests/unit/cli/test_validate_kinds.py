"""`autoscaler validate` over policies, their tests and settings: what each is taken for, and all that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from autoscaler.cli.app import app
from autoscaler.cli.check import Kind, kind_of
from tests.support.policy_text import QUIET
from tests.support.traffic import GENERATOR

SETTINGS = """\
cluster: live-eu
mongodb: {uri: "${NOT_HERE}"}
haproxy:
  - {name: lb1, socket: unix:/run/haproxy/admin.sock, master: unix:/run/haproxy-master.sock}
ec2: {region: eu-west-1}
nodes: {mongodb_uri: "ssm:/live-eu/mongodb"}
policies: policies/
"""
TESTS = """\
cases:
  - name: Three busy nodes become more
    given: {nodes: 3, signals: {cpu: 90}}
    expect: {direction: out}
"""
UNSET = ":2:11: unset-variable the environment has no NOT_HERE"


def validate(*paths: Path, options: tuple[str, ...] = ()) -> Result:
    return CliRunner().invoke(app, ["validate", *map(str, paths), *options])


def lines(folder: Path, *options: str, **texts: str) -> tuple[int, list[str]]:
    for name, text in texts.items():
        (folder / f"{name.replace('_', '.')}.yaml").write_text(text)
    result = validate(folder, options=options)
    return result.exit_code, [line.removeprefix(f"{folder}/") for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("autoscaler.yaml", SETTINGS, Kind.SETTINGS),
        ("production.yaml", SETTINGS, Kind.SETTINGS),
        ("production.yaml", "mongodb: {}\nnonsense: 1\n", Kind.SETTINGS),
        ("edge.yaml", QUIET, Kind.POLICY),
        ("autoscaler.yaml", QUIET, Kind.POLICY),
        ("autoscaler.yaml", "nonsense: 1\n", Kind.SETTINGS),
        ("autoscaler.yaml", "cluster: [", Kind.SETTINGS),
        ("edge.yaml", "group: [", Kind.POLICY),
        ("edge.yaml", "nonsense: 1\n", Kind.POLICY),
        ("edge.yaml", "group: a\ncluster: b\n", Kind.POLICY),
        ("edge.yaml", f"cluster: 1\n{QUIET}", Kind.POLICY),
        ("edge.test.yaml", SETTINGS, Kind.TEST),
        ("edge.yaml", GENERATOR, Kind.TRACE),
        ("autoscaler.yaml", "trace: t\n", Kind.TRACE),
        ("edge.yaml", f"trace: t\n{QUIET}", Kind.POLICY),
        ("edge.csv", QUIET, Kind.TRACE),
        ("world.yaml", "types: {}\nversion: 1\n", Kind.WORLD),
        ("autoscaler.yaml", "boot: [", Kind.WORLD),
        ("s.yaml", "version: 1\nvary: {a: 1..2}\n", Kind.SEARCH),
        ("edge.yaml", f"types: 1\n{QUIET}", Kind.POLICY),
        ("edge.yaml", TESTS, Kind.POLICY),  # the daemon would take it for one
    ],
)
def test_a_file_is_told_by_its_name_and_its_keys(name: str, text: str, kind: Kind) -> None:
    assert kind_of(Path(name), text) is kind


def test_all_three_are_looked_at_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOT_HERE", "mongodb://10.0.0.1/")
    told = lines(tmp_path, edge=QUIET, edge_test=TESTS, autoscaler=SETTINGS)
    assert told == (0, ["1 policies and 1 test files and 1 settings files are valid"])


def test_a_world_is_checked_like_any_other_file(tmp_path: Path) -> None:
    assert lines(tmp_path, rough="types: {a: {vcpus: 4}}\n") == (0, ["1 world files are valid"])
    code, told = lines(
        tmp_path,
        rough="types:\n  a: {vcpus: 4, viewer: 9, weight: 300}\nrefuse_cpu: 2%\nboot: {median: 9s, p95: 8s}\n",
    )
    assert code == 1
    assert told == [
        "rough.yaml:2:17: unknown-key unknown key 'viewer' (did you mean 'viewers'?)",
        "rough.yaml:2:28: less-than-equal types.a.weight: is above 256",
        "rough.yaml:3:1: world refuse_cpu: an idle node refuses everybody: refuse_cpu needs to be 0.1% above idle_cpu",
        "rough.yaml:4:1: boot boot: needs 0s < median <= p95",
    ]


def test_a_search_is_checked_like_any_other_file(tmp_path: Path) -> None:
    assert lines(tmp_path, search="version: 1\nvary: {bounds.min: 2..4}\n") == (0, ["1 search files are valid"])
    code, told = lines(tmp_path, search="version: 1\nvary:\n  bounds.min: 2\nlimit: []\n")
    assert code == 1
    assert told == [
        "search.yaml:3:3: vary vary.bounds.min: is neither a range, 90..150, nor a list of choices",
        "search.yaml:4:1: unknown-key unknown key 'limit' (did you mean 'limits'?)",
    ]


def test_every_problem_of_every_kind_is_told_in_one_run(tmp_path: Path) -> None:
    code, told = lines(
        tmp_path,
        autoscaler=SETTINGS.replace("eu-west-1", "europe"),
        edge=QUIET.replace("min: 2", "min: 99"),
        edge_test=TESTS.replace("nodes: 3", "nodes: many"),
        origin=QUIET.replace("group: edge", "group: origin\nrole_: x"),
    )
    assert code == 1
    assert [line.split(" ")[:2] for line in told] == [
        ["autoscaler.yaml:2:11:", "unset-variable"],
        ["autoscaler.yaml:5:7:", "shape"],
        ["edge.test.yaml:3:13:", "nodes"],
        ["edge.yaml:4:1:", "bounds"],
        ["origin.yaml:3:1:", "unknown-key"],
    ]


def test_traces_are_checked_and_counted(tmp_path: Path) -> None:
    recorded = tmp_path / "day.csv"
    recorded.write_text("time,viewers,publishers\n0,1,1\n60,x,1\n")
    (tmp_path / "small.yaml").write_text(GENERATOR)
    assert validate(tmp_path).stdout == "1 traces are valid\n"
    assert validate(tmp_path, recorded).stdout.startswith(f"{recorded}:3:4: value viewers is 'x'")
    (tmp_path / "small.yaml").write_text(GENERATOR + "surges: [{at: 3h, viewers: 0}]\n")
    assert [line.split(" ")[:2] for line in validate(tmp_path).stdout.splitlines()] == [
        [f"{tmp_path}/small.yaml:7:11:", "at"],
        [f"{tmp_path}/small.yaml:7:19:", "greater-than-equal"],
    ]
    assert validate(tmp_path / "gone.csv").stdout == f"{tmp_path}/gone.csv: unreadable No such file or directory\n"


@pytest.mark.parametrize("break_it", ["cluster: [", "- a list", ""])
def test_settings_that_cannot_be_read_at_all_are_told(tmp_path: Path, break_it: str) -> None:
    code, told = lines(tmp_path, autoscaler=break_it)
    assert (code, len(told)) == (1, 1)
    assert "autoscaler.yaml:" in told[0]


def test_what_only_the_daemons_host_has_is_a_warning_here(tmp_path: Path) -> None:
    text = SETTINGS.replace("ssm:/live-eu/mongodb", "file:/nowhere/uri").replace("\npolicies", "\ncycle: 30s\npolicies")
    code, told = lines(tmp_path, autoscaler=text)
    assert code == 0
    assert told == [
        f"autoscaler.yaml{UNSET}",
        "autoscaler.yaml:6:9: unreadable the file that it names cannot be read",
        "autoscaler.yaml:7:1: lint-cycle-long what happens is noticed up to 30s late, and then a node has to boot (5s)",
        "1 settings files are valid, with 3 warnings",
    ]
    assert lines(tmp_path, "--strict", autoscaler=text)[0] == 1


@pytest.mark.parametrize(("cycle", "told"), [("20s", None), ("1m", "up to 1m late"), ("61s", "no node is ever ended")])
def test_cycles_are_too_long_in_two_ways(tmp_path: Path, cycle: str, told: str | None) -> None:
    _, found = lines(tmp_path, autoscaler=SETTINGS + f"cycle: {cycle}\n")
    warned = [line for line in found if "lint-cycle-long" in line]
    assert len(warned) == (told is not None)
    assert all(told in line for line in warned if told)


def test_settings_of_somebody_who_only_watches_are_no_error(tmp_path: Path) -> None:
    text = SETTINGS.replace(
        "socket: unix:/run/haproxy/admin.sock, master: unix:/run/haproxy-master.sock", "stats: http://h/"
    )
    code, told = lines(tmp_path, autoscaler=text.replace('nodes: {mongodb_uri: "ssm:/live-eu/mongodb"}\n', ""))
    assert code == 0
    assert [line.split(" ")[1] for line in told[:-1]] == ["no-nodes", "unset-variable", "no-socket"]


def test_a_reference_that_leads_nowhere_hides_no_other_mistake(tmp_path: Path) -> None:
    twice = SETTINGS.replace("haproxy:\n", "haproxy:\n  - {name: lb1, socket: unix:/a, master: unix:/b}\n")
    _, told = lines(tmp_path, autoscaler=twice)
    assert [line.split(" ")[1] for line in told] == ["unset-variable", "balancer"]


def test_warnings_of_settings_are_silenced_like_those_of_policies(tmp_path: Path) -> None:
    text = SETTINGS.replace(", master: unix:/run/haproxy-master.sock}", "}")
    _, told = lines(tmp_path, autoscaler=text)
    assert "lint-no-master" in told[1]
    why = "  # lint: allow lint-no-master because it is never reloaded"
    _, told = lines(tmp_path, autoscaler=text.replace("admin.sock}", f"admin.sock}}{why}"))
    assert told == [f"autoscaler.yaml{UNSET}", "1 settings files are valid, with 1 warnings"]
    _, told = lines(
        tmp_path, autoscaler=SETTINGS.replace("mongodb: {", "# lint: allow lint-min-zero because of that\nmongodb: {")
    )
    assert "lint-silence-unknown" in told[0]


def test_secrets_are_never_repeated(tmp_path: Path) -> None:
    text = SETTINGS.replace("${NOT_HERE}", "mongodb://u:s3cr3t-pass@h/?nosuch=option")
    code, told = lines(tmp_path, autoscaler=text)
    assert code == 1
    assert "s3cr3t-pass" not in "".join(told)


def test_a_test_is_held_against_its_policy_without_being_run(tmp_path: Path) -> None:
    fails = TESTS.replace("direction: out", "direction: in")
    assert lines(tmp_path, edge=QUIET, edge_test=fails) == (0, ["1 policies and 1 test files are valid"])
    code, told = lines(tmp_path, edge=QUIET, edge_test=TESTS.replace("cpu: 90", "cpuu: 90"))
    assert (code, len(told)) == (1, 1)
    assert told[0].startswith("edge.test.yaml:3:")
    assert "cpuu" in told[0]


def test_a_test_without_its_policy_is_told(tmp_path: Path) -> None:
    code, [told] = lines(tmp_path, gone_test=TESTS)
    assert code == 1
    assert told.startswith("gone.test.yaml:1:1: no-policies there is no gone.yaml")


def test_what_is_wrong_with_a_policy_is_told_once_also_when_its_test_is_looked_at(tmp_path: Path) -> None:
    code, told = lines(tmp_path, edge=QUIET.replace("min: 2", "min: 99"), edge_test=TESTS)
    assert (code, len(told)) == (1, 1)
    alone = validate(tmp_path / "edge.test.yaml")
    assert alone.exit_code == 1
    assert "edge.yaml:4:1: bounds" in alone.stdout


def test_folders_given_together_must_fit_together(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "edge.yaml").write_text(QUIET)
    assert validate(tmp_path / "a").exit_code == validate(tmp_path / "b").exit_code == 0
    both = validate(tmp_path / "a", tmp_path / "b")
    assert both.exit_code == 1
    assert both.stdout.startswith(
        f"{tmp_path}/b/edge.yaml:2:1: duplicate-group the group 'edge' has a policy already, in"
    )


def test_a_file_that_is_named_twice_is_one(tmp_path: Path) -> None:
    (tmp_path / "edge.yaml").write_text(QUIET)
    result = validate(tmp_path, tmp_path / "edge.yaml", tmp_path / ".." / tmp_path.name)
    assert (result.exit_code, result.stdout) == (0, "1 policies are valid\n")


def test_folders_below_are_not_searched(tmp_path: Path) -> None:
    (tmp_path / "below.yaml").mkdir()
    (tmp_path / "below.yaml" / "edge.yaml").write_text("nonsense")
    (tmp_path / "edge.yaml").write_text(QUIET)
    assert validate(tmp_path).stdout == "1 policies are valid\n"


def test_json_and_github_show_settings_and_tests_as_they_show_policies(tmp_path: Path) -> None:
    (tmp_path / "autoscaler.yaml").write_text(SETTINGS)
    (tmp_path / "gone.test.yaml").write_text(TESTS)
    told = json.loads(validate(tmp_path, options=("--format", "json")).stdout)
    assert told["files"] == 2
    assert [(row["severity"], row["code"]) for row in told["problems"]] == [
        ("warning", "unset-variable"),
        ("error", "no-policies"),
    ]
    first, second = validate(tmp_path, options=("--format", "github")).stdout.splitlines()
    assert first.startswith(f"::warning file={tmp_path}/autoscaler.yaml,line=2,col=11::unset-variable")
    assert second.startswith(f"::error file={tmp_path}/gone.test.yaml,line=1,col=1::no-policies")
