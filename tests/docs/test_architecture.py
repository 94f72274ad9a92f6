"""The story that docs/architecture.md tells really happens, number by number."""

from __future__ import annotations

from autoscaler.adapters.haproxy_rows import AdminState, ServerRow
from autoscaler.adapters.haproxy_steps import Slot, draining
from autoscaler.adapters.mongo_loads import _heartbeat
from autoscaler.decide.load import measure
from autoscaler.decide.roster import call_roll
from autoscaler.decide.view import View
from autoscaler.model.decision import Phase
from autoscaler.model.memory import Memory
from autoscaler.model.plan import Drain
from autoscaler.model.record import intent_record, outcome_record
from autoscaler.model.snapshot import ServerStatus
from tests.support.ams import cluster_node
from tests.support.documents import ROOT, first_spans, rows
from tests.support.fleet import BACKEND, CPU, PORT, policy
from tests.support.stage import Stage

FILE = ROOT / "docs/architecture.md"


def test_one_number_goes_through_all_files_as_told() -> None:
    stage, rules = Stage(), policy(bounds={"min": 2, "max": 10})
    row = cluster_node("10.0.0.2", cpu="37")
    beat = _heartbeat(row)
    assert beat.cpu_percent is not None
    nodes = [stage.serving(slot, sessions) for slot, sessions in enumerate((3, 12, 15, 9), 1)]
    for node, load in zip(nodes, (beat.cpu_percent, 31.0, 35.0, 33.0), strict=True):
        stage.world.beat(node, load)
    first = nodes[0].instance.instance_id

    report = stage.cycle(rules)

    view = View(report.snapshot, rules, Memory())
    (verdict,), (reason,) = report.decision.verdicts, report.decision.reasons
    (drain,), (outcome,) = report.plan.actions, report.outcomes
    assert isinstance(drain, Drain)
    server = ServerRow(BACKEND, "slot1", drain.ip, PORT, ServerStatus.UP, 3, 0, 1, checked=True, tracks=False)
    state = AdminState(drained=False, checkable=True, paused=False)
    intent, done = intent_record("edge", drain), outcome_record("edge", outcome)
    told = [
        f'cpu: "{row["cpu"]}"',
        f"Heartbeat.cpu_percent = {beat.cpu_percent}",
        f"Sample.value = {report.snapshot.samples[CPU][first].value}",
        str(report.decision.phases[first]),
        f"Load.shrinking = {measure(rules.signals['cpu'], 60, call_roll(view), view).shrinking}",
        f"Verdict.desired = {verdict.desired}",
        f"{reason.code}: {reason.before} -> {reason.after}",
        f"Decision.desired = {report.decision.desired}",
        f"Drain {drain.subject} ({drain.why})",
        "no refusal" if not report.plan.refusals else "",
        f"Memory.drains = {', '.join(stage.store.load('edge').drains)}",
        f"intent {intent['action']} {intent['subject']}",
        draining(Slot(server, state))[0],
        f"outcome {done['action']} {done['result']}",
    ]
    table = rows(FILE, "One number, through all files")
    assert [cells[-1].strip("`") for cells in table] == [line.replace(first, "i-1") for line in told]


def test_every_phase_is_explained_in_the_order_of_a_life() -> None:
    assert first_spans(rows(FILE, "The life of a node")) == [str(phase) for phase in Phase]
