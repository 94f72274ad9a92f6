"""What a `NAME.test.yaml` file may say: situations, and what the policy must make of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, model_serializer
from pydantic_core import PydanticCustomError

from autoscaler.model.decision import Direction, Phase
from autoscaler.policy.record import MOST_NODES, Faults, Name, Record, cross_check
from autoscaler.policy.rules import Reservation
from autoscaler.policy.times import Instant
from autoscaler.policy.units import Duration, FromList
from autoscaler.review.words import Count, Missing, Never, Reading, ReasonCode, RefusalCode, WholeReading

LONGEST_TEST = timedelta(days=7)
"""How long a test may play. It looks as the daemon does, over and over, and nobody waits for weeks of it."""

NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)
"""A Wednesday. A test that says no `now` runs at this one, today and in ten years."""


class NodeTold(Record):
    """One node. What is not said about it: it is in service since an hour, and nobody is on it."""

    name: Name | None = None
    phase: Phase = Phase.IN_SERVICE
    age: Duration | None = None
    subnet: str = ""
    zone: str = ""
    type: str = ""
    spot: StrictBool = False
    cpu: Reading | None = None
    memory: Reading | None = None
    sessions: WholeReading | None = None
    publishers: WholeReading | None = None


def parse_nodes(value: object) -> object:
    """Read `3`, `{in_service: 3, booting: 2}` or a list of nodes, each as a list of nodes."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = {Phase.IN_SERVICE.value: value}
    if isinstance(value, dict):
        for phase, count in value.items():
            _check_group(phase, count)
        return tuple({"phase": phase} for phase, count in value.items() for _ in range(count))
    if isinstance(value, list | tuple):
        return tuple(value)
    raise PydanticCustomError("nodes", "is a number of nodes, a number a phase, or a list of nodes")


def _check_group(phase: object, count: object) -> None:
    if phase not in set(Phase):
        phases = ", ".join(Phase)
        raise PydanticCustomError("nodes", "there is no phase {phase}; {all}", {"phase": repr(phase), "all": phases})
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST_NODES:
        raise PydanticCustomError("nodes", "needs a whole number of nodes, from 0 to 10000")


NodesTold = Annotated[
    tuple[NodeTold, ...],
    BeforeValidator(parse_nodes, json_schema_input_type=int | dict[Phase, int] | list[NodeTold]),
]


class SignalTold(Record):
    """What a signal says: one value for the group, or one a node."""

    value: Reading | None = None
    each: tuple[Reading, ...] | None = None


def parse_signal(value: object) -> object:
    """Read a number or `missing`, or a list of them."""
    return {"each": tuple(value)} if isinstance(value, list) else {"value": value}


SignalsTold = dict[
    Name,
    Annotated[
        SignalTold, BeforeValidator(parse_signal, json_schema_input_type=float | Missing | list[float | Missing])
    ],
]


class Wish(Record):
    """What the rules wanted some time ago."""

    ago: Duration
    desired: StrictInt = Field(ge=0, le=MOST_NODES)


class History(Record):
    """What was wanted before `now`.

    `steady`: the present size, over every window of the policy; the load is news. `stabilized`: what is wanted now,
    over every window; the load is an old one. `none`: the daemon has just started.
    """

    kind: Literal["steady", "stabilized", "none", "told"] = "steady"
    wishes: tuple[Wish, ...] = ()

    @model_serializer
    def as_written(self) -> str | tuple[Wish, ...]:
        """Return what a file would say: the word, or the list."""
        return self.wishes if self.kind == "told" else self.kind


def parse_history(value: object) -> object:
    """Read one of the words, or a list of wishes."""
    if isinstance(value, list):
        return {"kind": "told", "wishes": tuple(value)}
    if value in ("steady", "stabilized", "none"):
        return {"kind": value}
    raise PydanticCustomError("history", "is steady, stabilized, none, or a list of {ago: 5m, desired: 4}")


class ChangeTold(Record):
    """A change of size some time ago: nodes that came (above 0) or that were set to drain (below 0)."""

    ago: Duration
    nodes: StrictInt = Field(ge=-MOST_NODES, le=MOST_NODES)


class Past(Record):
    """What was recorded of a signal from some time ago on, until the next record, and for a day at most."""

    ago: Duration
    value: Reading


class Given(Record):
    """A situation. `held`: for how long the signals have been as they are, for steps that wait.

    `past`: what forecasts look back to, by signal. `bookings`: what is reserved by command. `vcpus`: by instance type.
    """

    nodes: NodesTold | None = None
    signals: SignalsTold = Field(default_factory=dict)
    gaps: Annotated[tuple[Name, ...], FromList] = ()
    now: Instant = NOON
    history: Annotated[
        History,
        BeforeValidator(parse_history, json_schema_input_type=Literal["steady", "stabilized", "none"] | list[Wish]),
    ] = History()
    held: Duration = timedelta(0)
    last_scale_out: Duration | None = None
    last_scale_in: Duration | None = None
    changes: Annotated[tuple[ChangeTold, ...], FromList] = ()
    past: dict[Name, Annotated[tuple[Past, ...], FromList]] = Field(default_factory=dict)
    bookings: Annotated[tuple[Reservation, ...], FromList] = ()
    vcpus: dict[str, Annotated[StrictInt, Field(ge=1, le=10_000)]] = Field(default_factory=dict)


class Names(Record):
    """So many nodes, or exactly these."""

    count: Count | None = None
    names: tuple[Name, ...] | None = None


def parse_names(value: object) -> object:
    """Read a list of names, or a count."""
    return {"names": tuple(value)} if isinstance(value, list) else {"count": value}


NamesTold = Annotated[Names, BeforeValidator(parse_names, json_schema_input_type=int | dict[str, int] | list[str])]


class Expectation(Record):
    """What the decision and the plan must be.

    Of `reasons` and `refusals` each must be there; an empty list means that none may. Node lists are exact.
    """

    current: Count | None = None
    desired: Count | None = None
    direction: Literal[Direction.OUT, Direction.HOLD, Direction.IN] | None = None
    reasons: Annotated[tuple[ReasonCode, ...], FromList] | None = None
    not_reasons: Annotated[tuple[ReasonCode, ...], FromList] = ()
    refusals: Annotated[tuple[RefusalCode, ...], FromList] | None = None
    launches: Count | None = None
    spot_launches: Count | None = None
    pool_launches: Count | None = None
    drains: NamesTold | None = None
    not_drains: Annotated[tuple[Name, ...], FromList] = ()
    takes_back: NamesTold | None = None
    wakes: NamesTold | None = None
    stops: NamesTold | None = None
    ends: NamesTold | None = None

    @cross_check
    def _says_something(self) -> Faults:
        if not self.model_fields_set:
            yield PydanticCustomError("expectation", "expects nothing; give it desired, direction, reasons, ...")


class Step(Record):
    """Some time later: what is different then, and what is expected then. What is not said is as it was."""

    after: Duration
    nodes: NodesTold | None = None
    signals: SignalsTold = Field(default_factory=dict)
    gaps: Annotated[tuple[Name, ...], FromList] | None = None
    bookings: Annotated[tuple[Reservation, ...], FromList] | None = None
    expect: Expectation | None = None
    never: Annotated[tuple[Never, ...], FromList] = ()


class Table(Record):
    """One case a row. A column is a key of `given` or `expect`, or the name of a signal."""

    columns: Annotated[tuple[str, ...], FromList] = Field(min_length=1)
    rows: Annotated[tuple[Annotated[tuple[Any, ...], FromList], ...], FromList] = Field(min_length=1)


class Case(Record):
    """One case, or one a row of its table. `never` holds at every moment of it."""

    name: str = Field(min_length=1)
    given: Given = Given()
    expect: Expectation | None = None
    never: Annotated[tuple[Never, ...], FromList] = ()
    steps: Annotated[tuple[Step, ...], FromList] | None = Field(default=None, min_length=1)
    table: Table | None = None

    @cross_check
    def _one_form(self) -> Faults:
        forms = [name for name in ("expect", "steps", "table") if getattr(self, name) is not None]
        if len(forms) > 1 or not (forms or self.never):
            yield PydanticCustomError("case", "needs exactly one of expect, steps and table, or never alone")

    @cross_check
    def _steps_take_time(self) -> Faults:
        for number, step in enumerate(self.steps or ()):
            if number and not getattr(step, "after", True):  # one that is wrong in itself has none
                at = ("steps", number, "after")
                yield PydanticCustomError("case", "only the first step may be at once", {"at": at})

    @cross_check
    def _not_too_long(self) -> Faults:
        if sum((step.after for step in self.steps or ()), timedelta()) > LONGEST_TEST:
            message = "its steps take more than 7d in all; it looks every 30s"
            yield PydanticCustomError("case", message, {"at": ("steps",)})


class PolicyTests(Record):
    """A whole file. `policy` is a path from the file's own folder, else the policy of the same name beside it."""

    policy: str = ""
    never: Annotated[tuple[Never, ...], FromList] = ()
    cases: Annotated[tuple[Case, ...], FromList] = Field(min_length=1)
