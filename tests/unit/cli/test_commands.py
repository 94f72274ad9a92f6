"""The command line without a cluster: what is printed, on which stream, with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest

from autoscaler.cli import app
from autoscaler.cli.plan import document, text
from autoscaler.cli.status import _table, summary
from autoscaler.model.codec import to_plain
from autoscaler.model.snapshot import Gap
from tests.support.command_line import Run, runner
from tests.support.daemon import ROOT, command, environment
from tests.support.fleet import policy
from tests.support.records import NOW, REPORT

POLICY = """\
version: 1
group: edge
role: edge
bounds: {min: 2, max: 8}
signals: {cpu: {from: mongodb.node.cpu_percent, max_age: 20s, on_missing: scale_out_only}}
scale:
  - target_tracking: {signal: cpu, target: 60}
launch: {launch_template: ams-edge, types: [c7i.xlarge, c6i.xlarge], subnets: [subnet-a, subnet-b]}
load_balancer:
  - {backend: backend_http, port: 5080}
"""


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


@pytest.fixture
def edge(tmp_path: Path) -> Path:
    file = tmp_path / "policies" / "edge.yaml"
    file.parent.mkdir()
    file.write_text(POLICY)
    return file


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["simulate"], "autoscaler simulate: usage missing argument 'policies' (see autoscaler simulate --help)"),
        (["plan", "--nope"], "autoscaler plan: usage no such option: --nope "),
        (["plan", "more"], "autoscaler plan: usage got unexpected extra argument(s) (more) (see autoscaler plan"),
        (["learn", "x", "--format", "html"], "autoscaler learn: usage invalid value for '--format': 'html' is not one"),
        (
            ["record", "--since", "1"],
            "autoscaler record: usage invalid value for '--since': '1' is no time; write 2026-",
        ),
        (["frob"], "autoscaler: usage no such command 'frob' (see autoscaler --help)"),
        (["replay"], "replay: usage takes a FILE, or --since and perhaps --until for the live journal"),
    ],
)
def test_how_a_command_was_called_wrongly_is_one_plain_line(cli: Run, arguments: list[str], said: str) -> None:
    code, out, err = cli(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(said)


def test_without_a_command_there_is_help(cli: Run) -> None:
    code, out, err = cli()
    assert (code, err) == (2, "")
    assert "compare" in out


def test_a_valid_folder_is_told_to_be_so(cli: Run, edge: Path) -> None:
    assert cli("validate", edge.parent) == (0, "1 policies are valid\n", "")


def test_every_problem_of_every_file_is_told(cli: Run, edge: Path) -> None:
    other = edge.with_name("other.yaml")
    other.write_text(POLICY.replace("min: 2", "min: 9").replace("target: 60", "target: sixty"))
    missing = edge.with_name("missing.yaml")
    code, out, _ = cli("validate", edge, other, missing)
    assert code == 1
    assert out.splitlines() == [
        f"{missing}: unreadable No such file or directory",
        f"{other}:4:1: bounds bounds: min 9 is above max 8",
        f"{other}:7:36: number scale.0.target_tracking.target: is not a number",
    ]


def test_problems_as_json(cli: Run, edge: Path) -> None:
    edge.write_text(POLICY.replace("max: 8", "max: 1"))
    code, out, _ = cli("validate", edge, "--format", "json")
    assert code == 1
    [row] = json.loads(out)["problems"]
    assert row.keys() == {"file", "line", "column", "severity", "code", "message", "hint"}
    assert (row["file"], row["line"], row["column"], row["code"]) == (str(edge), 4, 1, "bounds")


def test_no_problem_as_json(cli: Run, edge: Path) -> None:
    code, out, _ = cli("validate", edge, "--format", "json")
    assert (code, json.loads(out)) == (0, {"files": 1, "problems": []})


def test_problems_as_annotations_are_escaped(cli: Run, tmp_path: Path) -> None:
    code, out, _ = cli("validate", tmp_path / "100%.yaml", "--format", "github")
    assert code == 1
    assert out == f"::error file={tmp_path}/100%.yaml,line=0,col=0::unreadable No such file or directory\n"


def test_an_empty_folder_holds_no_policy(cli: Run, tmp_path: Path) -> None:
    assert cli("validate", tmp_path) == (1, f"{tmp_path}: no-policies holds no policy file (*.yaml)\n", "")


@pytest.mark.parametrize("command", ["run", "plan", "status"])
def test_settings_that_are_not_there_are_one_line_on_stderr(cli: Run, tmp_path: Path, command: str) -> None:
    file = tmp_path / "none.yaml"
    assert cli(command, "--config", file) == (2, "", f"{file}: unreadable No such file or directory\n")


def test_a_group_that_no_policy_names_is_a_mistake(cli: Run, edge: Path) -> None:
    settings = edge.parent.with_name("autoscaler.yaml")
    settings.write_text(
        "cluster: c\nmongodb: {uri: 'mongodb://127.0.0.1:1'}\nhaproxy: [{name: lb1, socket: unix:/a}]\n"
        f"ec2: {{region: eu-west-1}}\npolicies: {edge.parent}\n"
    )
    line = f"{edge.parent}: no-group has no policy of 'nobody'\n"
    assert cli("plan", "--config", settings, "--group", "nobody") == (2, "", line)


def test_an_interrupt_while_libraries_load_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    done = command("validate", env=environment(PYTHONPATH=f"{tmp_path}:{ROOT}"))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_version_is_told_even_of_a_checkout(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "version", lambda _: "1.2.3")
    assert cli("--version") == (0, "1.2.3\n", "")

    def unknown(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(app, "version", unknown)
    assert cli("--version") == (0, "unknown: this checkout is not installed\n", "")


def test_a_plan_as_json_says_everything() -> None:
    plan = json.loads(json.dumps(document(REPORT)))
    assert plan["group"] == "edge"
    assert plan["decision"]["direction"] == "out"
    assert plan["decision"]["reasons"] == [{"code": "target_tracking", "detail": "cpu 72 %", "before": 4, "after": 5}]
    assert plan["plan"][2] == {"action": "Launch", "node": "a", "why": "scale_out"}
    assert len(plan["plan"]) == len(REPORT.plan.actions)
    assert plan["snapshot"] == to_plain(REPORT.snapshot)
    assert [gap["source"] for gap in plan["gaps"]] == ["probe", "mongodb", "mongodb"]


def test_a_plan_as_text_says_why() -> None:
    lines = text(REPORT).splitlines()
    assert lines[0] == "edge: 4 -> 5 nodes (out)"
    assert "  because target_tracking: 4 -> 5, cpu 72 %" in lines
    assert "  would   Launch a (scale_out)" in lines
    assert "  refused publisher_live: 5 -> 5, i-1" in lines
    assert "  lacks   probe *: nobody asked" in lines
    assert "  nothing to do" not in lines


def test_a_status_shows_what_is_unknown_as_unknown() -> None:
    group = summary(policy(), REPORT)
    assert group["reservations"] == [{"name": "gig", "nodes": 5, "until": "2026-01-01T14:00:00.123456+00:00"}]
    nodes = group["nodes"]
    assert isinstance(nodes, list)
    blind, silent, known = nodes
    assert isinstance(blind, dict)
    assert isinstance(silent, dict)
    assert isinstance(known, dict)
    assert (blind["sessions"], blind["publishers"], blind["cpu_percent"]) == (None, None, None)
    assert (silent["cpu_percent"], silent["memory_percent"]) == (None, None)
    assert (known["sessions"], known["publishers"], known["cpu_percent"]) == (14, 0, 62.0)
    assert (group["bounds"], group["paused"]) == ({"min": 1, "max": 10}, False)
    table = _table(nodes)
    assert [next(iter(column.cells)) for column in table.columns][4:8] == ["?"] * 4


@pytest.mark.parametrize("columns", ["20", "80", "500"])
def test_a_status_cuts_nothing_off_and_takes_no_word_for_markup(
    cli: Run, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    gap = Gap("mongodb", "i-1", NOW, "no answer from [/red] within :two: s, " + "which is long " * 20)
    report = replace(REPORT, snapshot=replace(REPORT.snapshot, gaps=(gap,)))
    settings = SimpleNamespace(cluster="live")
    monkeypatch.setattr(sys.modules["autoscaler.cli.status"], "look", lambda *_: (settings, [(policy(), report)]))
    monkeypatch.setenv("COLUMNS", columns)
    code, out, err = cli("status")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "live/edge: 4 nodes, 5 desired, bounds 1-10"
    for node in REPORT.snapshot.nodes:
        phase = REPORT.decision.phases[node.instance_id].value
        [row] = [line for line in lines if node.instance_id in line]
        assert row.split()[:3] == [node.instance_id, node.instance.ip, phase]
        assert row.split()[-1] == "eu-west-1a"
    assert lines[-1].rstrip() == f"lacks mongodb i-1: {gap.detail}".rstrip()


def test_a_recording_does_not_take_the_place_of_the_settings(
    cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("kept")
    said = (2, "", f"--output: usage would overwrite what it reads: {file}\n")
    assert cli("record", "--since", "1h", "-o", file, "--config", file) == said
    monkeypatch.setenv("AUTOSCALER_CONFIG", str(file))
    assert cli("record", "--since", "1h", "-o", file) == said
    assert file.read_text() == "kept"


def test_who_calls_a_command_loads_no_other() -> None:
    """numpy and what draws pages would be tens of megabytes of a daemon that needs neither."""
    loads = "import sys; from autoscaler.cli.calling import load; load('run'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True)
    assert "autoscaler.cli.run" in done.stdout.split()
    assert not {"numpy", "plotly", "jinja2", "uvicorn", "autoscaler.cli.simulate"} & {*done.stdout.split()}
