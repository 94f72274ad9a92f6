"""A search in words and numbers: on a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoscaler.report.comparison import number
from autoscaler.report.counts import counted
from autoscaler.simulate.compare.scales import ALWAYS_SHOWN
from autoscaler.simulate.tune.outcome import Outcome
from autoscaler.simulate.tune.trial import Trial

MOST_SHOWN = 6
"""Of a larger set some are shown, from end to end of it: a wider table is not read."""


def text(outcome: Outcome) -> str:
    """Write it for a terminal, or a file of plain text."""
    return "\n".join(_text(outcome)) + "\n"


def markdown(outcome: Outcome) -> str:
    """Write it for a pull request."""
    return "\n".join(_markdown(outcome)) + "\n"


def _text(outcome: Outcome) -> Iterator[str]:
    yield from _head(outcome)
    yield ""
    table = list(_rows(outcome))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for title, *cells in table:
        aligned = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join((title.ljust(widths[0]), *aligned)).rstrip()
    yield ""
    yield from told(outcome)
    for trial in shown(outcome):
        yield ""
        yield f"#{trial.number}"
        yield outcome.diff(trial).rstrip("\n")
    yield ""
    yield advice(outcome)


def _markdown(outcome: Outcome) -> Iterator[str]:
    yield f"## Search: {_code(outcome.search.space.file)}"
    yield ""
    yield from (f"- {line}" for line in told(outcome))
    yield ""
    head, *rows = _rows(outcome)
    yield _row(head)
    yield _row(["---", *("--:" for _ in head[1:])])
    yield from map(_row, rows)
    for trial in shown(outcome):
        yield ""
        yield f"<details><summary>#{trial.number} as a patch</summary>"
        yield from ("", "````diff", outcome.diff(trial).rstrip("\n"), "````", "", "</details>")
    yield ""
    yield " ".join(_head(outcome))
    yield advice(outcome)


def shown(outcome: Outcome) -> list[Trial]:
    """Return the best without the current policy; of many some from end to end."""
    best = outcome.best
    if len(best) <= MOST_SHOWN:
        return best
    return [best[round(place * (len(best) - 1) / (MOST_SHOWN - 1))] for place in range(MOST_SHOWN)]


def told(outcome: Outcome) -> Iterator[str]:
    """Say what was found, beginning with whether anything is better than the current policy."""
    search = outcome.search
    if outcome.interrupted:
        yield "Interrupted: this is what was found by then."
    if outcome.current.broken:
        yield f"The current policy does not keep {', '.join(outcome.current.broken)}."
    if not search.front:
        yield "Nothing that was tried keeps the limits."
    elif search.better:
        names = ", ".join(f"#{trial.number}" for trial in search.better)
        yield f"Better than the current policy in something, and worse in nothing that is minimised: {names}."
    elif outcome.best:
        yield "Nothing that was tried beats the current policy: what is better in one thing is worse in another."
    else:
        yield "Nothing that was tried beats the current policy."
    if search.refused:
        (reason, _), *_ = search.refused.most_common(1)
        count = counted(search.refused.total(), "of them was no policy", "of them were no policies")
        yield f"{count}: {reason}, for example."
    if len(outcome.best) > MOST_SHOWN:
        yield f"{MOST_SHOWN} of the {len(outcome.best)} best are shown; --json has them all."


def advice(outcome: Outcome) -> str:
    """Say what a search cannot know."""
    seeds = len(outcome.search.contest.seeds)
    lucky = "a single seed is luck" if seeds == 1 else f"{seeds} seeds are few"
    return f"Found on this traffic, and {lucky}: before it is merged, `autoscaler compare` says how it fares on others."


def _head(outcome: Outcome) -> Iterator[str]:
    """Say what was searched, on what, and for what."""
    search = outcome.search
    traces = dict.fromkeys(run.trace for run in outcome.current.runs)
    tried = len(search.trials) - 1 - search.spare
    spare = f", {search.spare} more to leave out changes that gain nothing" if search.spare else ""
    yield (
        f"{counted(tried, 'policy was', 'policies were')} tried beside the current one{spare}, "
        f"on {', '.join(traces)} with {counted(len(search.contest.seeds), 'seed')}."
    )
    limits = "; ".join(limit.text for limit in search.goal.limits)
    yield f"Minimised: {', '.join(search.goal.objectives)}. Limits: {limits or 'none'}."


def _rows(outcome: Outcome) -> Iterator[list[str]]:
    """Yield the lines of the table: what is minimised, the promise, and what each changes."""
    trials = shown(outcome)
    objectives = outcome.search.goal.objectives
    yield ["", "current", *(f"#{trial.number}" for trial in trials)]
    for measure in (*objectives, *(name for name in ALWAYS_SHOWN if name not in objectives)):
        now = outcome.current.of([measure])[0]
        cells = (_figure(trial.of([measure])[0], now, share=measure in objectives) for trial in trials)
        yield [measure, number(now), *cells]
    changes = [outcome.changes(trial) for trial in trials]
    for axis in outcome.search.space.axes:
        if any(axis.path in change for change in changes):
            yield [axis.path, axis.current, *(change.get(axis.path, ("", "="))[1] for change in changes)]


def _figure(value: float, now: float, *, share: bool) -> str:
    change = f" ({100 * (value - now) / now:+.1f} %)" if share and now and value != now else ""
    return number(value) + change


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _code(name: str) -> str:
    return "`" + name.replace("`", "'") + "`"
