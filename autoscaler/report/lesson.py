"""A lesson as JSON, as lines and tables for people, and as Markdown for a pull request: the same words in each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autoscaler.model.codec import Plain, to_plain
from autoscaler.report.counts import counted
from autoscaler.simulate.learn.learnt import Carried, Finding, Fitted, Learnt
from autoscaler.simulate.learn.lesson import Growth, Lesson
from autoscaler.simulate.learn.suggest import Advice, Suggestion
from autoscaler.simulate.learn.world import world_text

TITLES = ("type", "nodes", "minutes", "outliers among them", "CPU %", "memory %", "carries", "surely", "was seen with")


@dataclass(frozen=True, slots=True)
class Told:
    """A lesson, and what follows for a policy, if there is one: `diff` patches its file, `advice` is behind it."""

    lesson: Lesson
    advice: Advice | None = None
    diff: str = ""


def document(told: Told) -> dict[str, Plain]:
    """Lay a lesson out under the keys that scripts rely on; numbers have four digits."""
    lesson = told.lesson
    plain = to_plain(lesson)
    assert isinstance(plain, dict)  # noqa: S101 - it is a record
    plain["limits"] = {"cpu": lesson.limits.cpu, "memory": lesson.limits.memory}
    plain["count"] = lesson.count.key
    plain["vcpus"] = dict(lesson.vcpus)
    plain["world"] = world_text(lesson)
    plain["suggestions"] = None if told.advice is None else [_suggested(each) for each in told.advice.suggestions]
    plain["findings"] = [to_plain(each) for each in (*lesson.findings, *(told.advice.findings if told.advice else ()))]
    plain["diff"] = told.diff
    return {key: _short(value) for key, value in plain.items()}


def _suggested(suggestion: Suggestion) -> Plain:
    return {**_record(to_plain(suggestion)), "path": path(suggestion)}


def _record(plain: Plain) -> dict[str, Plain]:
    assert isinstance(plain, dict)  # noqa: S101 - records are objects
    return plain


def _short(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list) else value


def path(suggestion: Suggestion) -> str:
    """Name a key as `compare` does: entries of lists count from 1."""
    text = ""
    for part in suggestion.path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def table(lesson: Lesson) -> list[tuple[str, ...]]:
    """Lay the types out side by side: lines of what was learnt, the first with their names."""
    return list(zip(TITLES, *map(_column, lesson.types), strict=True))


def _column(learnt: Learnt) -> tuple[str, ...]:
    """Say what was learnt of a type, a text for each of TITLES."""
    each = [
        (who, carried) for who, carried in (("viewers", learnt.viewers), ("publishers", learnt.publishers)) if carried
    ]
    seen = [
        counted(round(count), who)
        for who, count in zip(("viewer", "publisher"), learnt.seen, strict=True)
        if count >= 1
    ]
    return (
        learnt.instance_type,
        str(learnt.nodes),
        str(learnt.minutes),
        str(learnt.outliers),
        _line(learnt.cpu),
        _line(learnt.memory),
        ", ".join(_carries(who, carried) for who, carried in each) or "not known",
        ", ".join(f"{carried.safe:.1f} {who}" for who, carried in each),
        ", ".join(seen),
    )


def _line(fitted: Fitted | None) -> str:
    if fitted is None:
        return "not known"
    slopes = [
        f" + {slope:.3g} {who}" for who, slope in (("v", fitted.per_viewer), ("p", fitted.per_publisher)) if slope
    ]
    return f"{fitted.base:.1f}{''.join(slopes)}"


def _carries(who: str, carried: Carried) -> str:
    upper = "more" if carried.alone.high is None else f"{carried.alone.high:.0f}"
    return f"{carried.alone.value:.1f} {who} ({carried.alone.low:.0f} to {upper}; {carried.by})"


def notes(told: Told) -> Iterator[str]:
    """Say what the numbers rest on, a line each, and then what was found."""
    lesson = told.lesson
    readings = f"{counted(lesson.readings, 'reading')} of nodes at work"
    yield f"{counted(lesson.cycles, 'cycle')}, {readings}; viewers are {_source(lesson)}"
    if lesson.repeated:
        more = counted(lesson.repeated, "cycle more is", "cycles more are")
        yield f"{more} in two recordings: {'it counts' if lesson.repeated == 1 else 'they count'} once"
    if lesson.left_out:
        yield "left out: " + ", ".join(f"{count} {reason}" for reason, count in lesson.left_out.items())
    yield _growth(lesson.growth)
    for name, finding in findings(told):
        yield f"{finding.code}: {name}{finding.message}"


def _growth(growth: Growth) -> str:
    """Say what came during a boot, and how much of that is guesswork."""
    came = {
        "viewers": (growth.viewers, growth.viewers_known),
        "publishers": (growth.publishers, growth.publishers_known),
    }
    told = " and ".join(
        f"{'an unknown number of' if most is None else f'{most:.1f}'} {who}" for who, (most, _) in came.items()
    )
    unsure = [
        f"{who} of all nodes are known in {int(100 * known)}% of the cycles"
        for who, (_, known) in came.items()
        if known < 1
    ]
    return "; ".join(
        [f"within the {growth.within_s:.0f} s that a node takes, up to {told} came for each node", *unsure]
    )


def _source(lesson: Lesson) -> str:
    return f"{lesson.count.key}, less publishers" if lesson.count.less_publishers else lesson.count.key or "none"


def findings(told: Told) -> Iterator[tuple[str, Finding]]:
    """Yield everything there is to know, those of a type with its name before them."""
    for learnt in told.lesson.types:
        yield from ((f"{learnt.instance_type}: ", finding) for finding in learnt.findings)
    yield from (("", finding) for finding in told.lesson.findings)
    yield from (("", finding) for finding in (told.advice.findings if told.advice else ()))


def suggestions(advice: Advice) -> Iterator[str]:
    """Say what would change, and why."""
    for each in advice.suggestions:
        yield f"{path(each)}: {_value(each.before)} -> {_value(each.after)}"
        yield f"  {each.why}"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"
    return "nothing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def text(told: Told) -> str:
    """Say all but the table in lines: what it rests on, the world, and what would change."""
    return "\n".join(_text(told)) + "\n"


def _text(told: Told) -> Iterator[str]:
    yield from notes(told)
    world = world_text(told.lesson)
    if world:
        yield from ("", world.rstrip("\n"))
    if told.diff:
        yield from ("", told.diff.rstrip("\n"))
    if told.advice:
        yield ""
        yield from list(suggestions(told.advice)) or ["nothing in the policy is to be changed for it"]


def markdown(told: Told) -> str:
    """Write it for a pull request."""
    return "\n".join(_markdown(told)) + "\n"


def _markdown(told: Told) -> Iterator[str]:
    yield f"## Capacity of `{told.lesson.group}`, learnt from recordings"
    yield ""
    if told.lesson.types:
        names, *lines = ([text.replace("|", "\\|") for text in line] for line in table(told.lesson))
        yield "| " + " | ".join(names) + " |"
        yield "|---" * len(names) + "|"
        yield from ("| " + " | ".join(line) + " |" for line in lines)
        yield ""
    yield from (f"- {note}" for note in notes(told))
    if told.advice is not None:
        yield ""
        yield from _change(told.advice, told.diff)


def _change(advice: Advice, diff: str) -> Iterator[str]:
    if not advice.suggestions:
        yield "Nothing in the policy is to be changed for it."
        return
    if diff:
        fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", diff))])
        yield from (f"{fence}diff", diff.rstrip("\n"), fence, "")
    lines = iter(suggestions(advice))
    yield from (f"- `{line}`: {why.strip()}" for line, why in zip(lines, lines, strict=True))
