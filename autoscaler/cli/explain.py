"""`autoscaler explain`: why a cycle of the journal decided as it did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated

import typer

from autoscaler.cli.options import AsJson, Config, Group
from autoscaler.cli.plan import document as plan_document
from autoscaler.model.codec import Plain, to_plain
from autoscaler.model.decision import Decision, Direction, Reason, Verdict
from autoscaler.model.record import outcome_record
from autoscaler.model.report import CycleReport
from autoscaler.review.explain import Explanation
from autoscaler.review.explain import explain as explain_report
from autoscaler.review.flip import Flip, Way
from autoscaler.runtime.settings import load_settings
from autoscaler.runtime.wiring import reading_back

_TIMES = [f"%Y-%m-%d{middle}%H:%M{rest}" for rest in ("", ":%S", ":%S.%f") for middle in ("T", " ")]
_ZONED = [f"{form}%z" for form in _TIMES]
_COMPARED = {Way.UP: "higher", Way.DOWN: "lower"}


def explain(
    cycle: Annotated[
        datetime | None,
        typer.Argument(formats=[*_ZONED, *_TIMES], help="The last cycle that began by then (UTC); else the last."),
    ] = None,
    config: Config = None,
    group: Group = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say why a cycle decided as it did: rules, clamps, nodes, and what would have decided otherwise."""
    until = cycle and (cycle if cycle.tzinfo else cycle.replace(tzinfo=UTC))
    with reading_back(load_settings(config)) as journal:
        groups = (group,) if group else journal.groups()
        told = [explain_report(journal.latest(name, until)) for name in groups]
    if as_json:
        documents = [document(explanation) for explanation in told]
        typer.echo(json.dumps(documents[0] if len(documents) == 1 else documents, indent=2))
    else:
        typer.echo("\n\n".join("\n".join(lines(explanation)) for explanation in told))


def document(told: Explanation) -> dict[str, Plain]:
    """Lay an explanation out under the keys that scripts rely on: those of `plan --json`, and more."""
    report, seeing = told.report, told.seeing_all
    return {
        **plan_document(report),
        "verdicts": to_plain(report.decision.verdicts),
        "outcomes": [outcome_record(report.decision.group, outcome) for outcome in report.outcomes],
        "nodes": to_plain(told.nodes),
        "flips": [_flip(flip) for flip in told.flips],
        "without_gaps": {"desired": seeing.desired, "direction": seeing.direction.value} if seeing else None,
        "note": told.note,
    }


def _flip(flip: Flip) -> Plain:
    return {
        "signal": flip.signal,
        "way": flip.way.value,
        "from": flip.start,
        "to": flip.end,
        "desired": flip.desired,
        "direction": flip.direction.value if flip.direction else None,
        "obstacle": flip.obstacle,
    }


def lines(told: Explanation) -> Iterator[str]:
    """Say the same in lines, each with a word in front that says what it is about."""
    report = told.report
    decision = report.decision
    at = decision.at.isoformat(timespec="milliseconds")
    yield f"{decision.group} at {at}: {decision.current} -> {decision.desired} nodes ({decision.direction})"
    yield from (f"  rule    {v.rule}: {_wish(v)}, {v.detail}{_measured(v)}" for v in decision.verdicts)
    yield from (f"  because {_clamp(reason)}" for reason in decision.reasons)
    yield from (f"  step    {line}" for line in _steps(report))
    yield from (f"  refused {_clamp(reason)}" for reason in report.plan.refusals)
    yield from (f"  lacks   {gap.source} {gap.subject}: {gap.detail}" for gap in report.snapshot.all_gaps)
    yield from (f"  node    {n.instance_id} {n.phase}{' goes' if n.chosen else ''}: {n.why}" for n in told.nodes)
    for signal, both in groupby(told.flips, key=lambda flip: flip.signal):
        yield from (f"  flip    {line}" for line in _flips(signal, list(both), decision))
    if told.seeing_all:
        yield f"  flip    with nothing missing it would have {_would(told.seeing_all.desired, decision)}"
    if told.note:
        yield f"  note    {told.note}"


def _clamp(reason: Reason) -> str:
    return f"{reason.code}: {reason.before} -> {reason.after}, {reason.detail}"


def _steps(report: CycleReport) -> Iterator[str]:
    for outcome in report.outcomes:
        action = outcome.action
        record = outcome_record(report.decision.group, outcome)
        ended = ", ".join(str(record[key]) for key in ("result", "code", "detail") if record.get(key))
        yield f"{type(action).__name__} {action.subject} ({action.why}): {ended}"


def _wish(verdict: Verdict) -> str:
    moves = verdict.direction in (Direction.OUT, Direction.IN)
    return f"{verdict.direction} to {verdict.desired}" if moves else str(verdict.direction)


def _measured(verdict: Verdict) -> str:
    parts = [
        f"{name} {value:.6g}" for name, value in (("measured", verdict.value), ("target", verdict.target))
        if value is not None
    ]  # fmt: skip
    parts += [f"missing {', '.join(verdict.missing)}"] if verdict.missing else []
    return f" [{'; '.join(parts)}]" if parts else ""


def _flips(signal: str, both: Sequence[Flip], decision: Decision) -> Iterator[str]:
    """Tell what each way would have done; a signal that can do nothing at all gets one line."""
    if all(flip.end is None for flip in both):
        same = len({flip.obstacle for flip in both}) == 1
        obstacles = both[0].obstacle if same else "; ".join(f"{flip.way}, {flip.obstacle}" for flip in both)
        yield f"no change of {signal} alone would have changed it from {both[0].start:.4g}: {obstacles}"
        return
    for flip in both:
        if flip.end is None or flip.desired is None:
            yield f"no {_COMPARED[flip.way]} {signal} would have changed it: {flip.obstacle}"
            continue
        share = f" ({100 * (flip.end / flip.start - 1):+.3g} %)" if flip.start else ""
        yield f"{signal} {flip.start:.4g} -> {flip.end:.4g}{share} would have {_would(flip.desired, decision)}"


def _would(desired: int, decision: Decision) -> str:
    if desired == decision.current:
        return f"kept {desired} nodes"
    return f"scaled {'out' if desired > decision.current else 'in'} to {desired}"
