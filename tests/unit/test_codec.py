"""Records survive JSON unchanged, and nothing else passes for one."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.model import codec, plan
from autoscaler.model.booking import Booking
from autoscaler.model.codec import Malformed, Plain, from_json, from_plain, to_plain
from autoscaler.model.memory import DrainRecord, Memory
from autoscaler.model.plan import Action, Done, Failed, Outcome
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import Gap, Heartbeat, Sample
from tests.support.records import ACTIONS, GAP, MEMORY, NOW, REPORT, RESULTS

NODE = REPORT.snapshot.nodes[1]
INSTANCE = NODE.instance


def through_json(value: object) -> Plain:
    plain: Plain = json.loads(json.dumps(to_plain(value), allow_nan=False))
    return plain


def test_a_cycle_survives_and_is_written_the_same_again() -> None:
    first = json.dumps(to_plain(REPORT))
    read = from_plain(CycleReport, json.loads(first))
    assert read == REPORT
    assert json.dumps(to_plain(read)) == first


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: type(action).__name__)
def test_every_action_survives_as_what_it_is(action: Action) -> None:
    read = from_plain(Action, through_json(action))
    assert read == action
    assert type(read) is type(action)


@pytest.mark.parametrize("result", RESULTS, ids=str)
def test_every_result_survives_as_what_it_is(result: Done) -> None:
    outcome = Outcome(ACTIONS[0], result)
    assert from_plain(Outcome, through_json(outcome)) == outcome


def test_the_sample_actions_are_all_that_there_are() -> None:
    """An action that the codec does not know would be written, and not read back."""
    defined = {cls for _, cls in inspect.getmembers(plan, inspect.isclass) if issubclass(cls, Action)}
    leaves = {cls for cls in defined if not any(issubclass(other, cls) and other is not cls for other in defined)}
    concrete = leaves | {type(action) for action in ACTIONS}
    assert concrete == {type(action) for action in ACTIONS}
    assert concrete <= set(codec._KINDS)


moments = st.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001 - hypothesis wants bounds without a zone
)  # fmt: skip


@given(
    st.builds(
        Memory,
        drains=st.dictionaries(st.text(), st.builds(DrainRecord, since=moments, empty_since=moments | st.none())),
    )
)
def test_any_memory_survives(memory: Memory) -> None:
    assert from_plain(Memory, through_json(memory)) == memory


@given(value=st.floats(allow_nan=False) | st.integers(-(2**53), 2**53))
def test_a_number_is_written_the_same_again(value: float) -> None:
    first = json.dumps(to_plain(Sample(value, NOW)), allow_nan=False)
    assert json.dumps(to_plain(from_plain(Sample, json.loads(first)))) == first


def test_no_number_survives_too() -> None:
    assert str(from_plain(Sample, through_json(Sample(float("nan"), NOW))).value) == "nan"


def test_times_are_written_in_utc_to_the_microsecond() -> None:
    istanbul = NOW.astimezone(timezone(timedelta(hours=3)))
    assert to_plain(Sample(1, istanbul)) == {
        "value": 1,
        "at": "2026-01-01T12:00:00.123456+00:00",
        "partial": False,
    }


def test_a_gap_is_told_from_the_value_it_stands_for() -> None:
    plain = to_plain(REPORT.snapshot.nodes[0])
    assert isinstance(plain, dict)
    assert plain["publishers"] == {"kind": "Gap", "source": "haproxy:lb1", "subject": "i-0",
                                   "since": NOW.isoformat(), "detail": GAP.detail}  # fmt: skip


def test_a_record_from_before_a_field_existed_can_be_read() -> None:
    assert from_plain(Memory, {"revision": 7}) == Memory(revision=7)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"revision": "7"}, "revision: expected a whole number, got '7'"),
        ({"revision": True}, "revision: expected a whole number, got True"),
        ({"recommendations": [{"at": "soon", "desired": 1}]}, "recommendations.0.at: expected a time, got 'soon'"),
        (
            {"recommendations": [{"at": "2026-01-01T00:00:00", "desired": 1}]},
            "recommendations.0.at: expected a time with",
        ),
        ({"recommendations": [{"desired": 1}]}, "recommendations.0: Recommendation lacks, or does not have: at"),
        ({"drains": {"i-1": {"since": 5}}}, "drains.i-1.since: expected a time, got 5"),
        ({"lost_at": "0001-01-01T00:00:00+05:00"}, "lost_at: expected a time, got '0001-"),
        ({"drains": []}, "drains: expected an object, got []"),
        ({"launches": {}}, "launches: expected a list, got {}"),
        ({"protected": ["i-1"]}, "Memory lacks, or does not have: protected"),
    ],
)
def test_what_is_no_memory_is_refused_by_place(change: dict[str, Plain], problem: str) -> None:
    plain = to_plain(MEMORY)
    assert isinstance(plain, dict)
    with pytest.raises(Malformed) as refused:
        from_plain(Memory, {**plain, **change})
    assert str(refused.value).startswith(problem)


@pytest.mark.parametrize(
    ("record", "change", "problem"),
    [
        (MEMORY, {"launches": ["t"]}, "launches.0: expected LaunchRecord, got 't'"),
        (INSTANCE, {"ip": 5}, "ip: expected a string, got 5"),
        (INSTANCE, {"state": "asleep"}, "state: expected one of pending, running, "),
        (INSTANCE, {"state": ["running"]}, "state: expected one of pending, running, "),
        (Failed("x", "", retryable=True), {"retryable": 1}, "retryable: expected true or false, got 1"),
        (Sample(1.0, NOW), {"value": "1.0"}, "value: expected a number, got '1.0'"),
        (Sample(1.0, NOW), {"value": True}, "value: expected a number, got True"),
        (NODE, {"sessions": "7"}, "sessions: expected a whole number, got '7'; or expected Gap, got '7'"),
        (NODE, {"sessions": None}, "sessions: expected a whole number, got None; or expected Gap, got None"),
    ],
)
def test_what_is_no_such_record_is_refused_by_place(record: object, change: dict[str, Plain], problem: str) -> None:
    plain = to_plain(record)
    assert isinstance(plain, dict)
    with pytest.raises(Malformed) as refused:
        from_plain(type(record), {**plain, **change})
    assert str(refused.value).startswith(problem)


def test_a_record_is_read_from_its_text() -> None:
    text = json.dumps(to_plain(MEMORY))
    assert from_json(Memory, text) == from_json(Memory, text.encode()) == MEMORY
    with pytest.raises(Malformed, match="protected"):
        from_json(Memory, '{"protected": []}')


@pytest.mark.parametrize("text", ["", "{", b"\xff", "[" * 100_000, "9" * 5_000, f'{{"revision": {"9" * 5_000}}}'])
def test_what_cannot_be_read_at_all_is_no_record(text: str | bytes) -> None:
    with pytest.raises(Malformed) as refused:
        from_json(Memory, text)
    assert str(refused.value)


@pytest.mark.parametrize("data", [None, [], {}, {"kind": "Explode"}, {"kind": "Done"}, {"kind": 5}])
def test_what_is_no_action_is_refused(data: Plain) -> None:
    with pytest.raises(Malformed):
        from_plain(Action, data)


@pytest.mark.parametrize("data", [{"kind": "Heartbeat", "at": NOW.isoformat()}, {"at": NOW.isoformat(), "cpu": 3}])
def test_a_heartbeat_with_more_than_it_has_is_refused(data: Plain) -> None:
    with pytest.raises(Malformed):
        from_plain(Heartbeat, data)


@pytest.mark.parametrize("value", [NOW.replace(tzinfo=None), {1, 2}, b"x", object(), Gap])
def test_what_records_are_not_made_of_is_a_bug(value: object) -> None:
    with pytest.raises(TypeError):
        to_plain(replace(GAP, detail=value))  # type: ignore[arg-type]  # the wrong type is the point


@pytest.mark.parametrize("lead", ["15m", True, None, float("nan"), float("inf"), 1e300])
def test_what_is_no_duration_is_refused(lead: Plain) -> None:
    written = to_plain(REPORT.snapshot.bookings[0])
    assert isinstance(written, dict)
    assert written["lead"] == 900
    with pytest.raises(Malformed, match="lead: expected a"):
        from_plain(Booking, {**written, "lead": lead})
