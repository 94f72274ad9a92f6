"""The rules of a policy: what each wants to know, and nothing of how it decides."""

from __future__ import annotations

from datetime import time, timedelta
from functools import cached_property
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, StrictBool, StrictInt
from pydantic_core import PydanticCustomError

from autoscaler.policy.record import MOST_NODES, MOST_VIEWERS, Faults, Name, Record, cross_check
from autoscaler.policy.times import DAYS, Clock, Date, Day, Instant, Zone
from autoscaler.policy.units import Duration, FromList, Number, Percent, Share, format_percent, parse_percent

SMALLEST_TARGET = 1e-6
"""No load is told in smaller numbers, and what is divided by less has no end."""

_MOST_PERCENT = 10_000.0


class TargetTracking(Record):
    """Hold a load at a target: the mean (or maximum) of the nodes at `target`, or a sum at `target_per_node`."""

    signal: Name = Field(description="which of `signals`")
    target: Number | None = Field(
        default=None,
        ge=SMALLEST_TARGET,
        description="what a node should carry, for any aggregate but `sum`. This, or the next",
    )
    target_per_node: Number | None = Field(default=None, ge=SMALLEST_TARGET, description="a node's share of a `sum`")
    tolerance: Percent = Field(
        default=10.0, ge=0, lt=100, description="how far the load may be off before anything changes; below 100%"
    )

    @cross_check
    def _one_target(self) -> Faults:
        if (self.target is None) == (self.target_per_node is None):
            doubts = ("target", "target_per_node")
            yield PydanticCustomError("target", "needs exactly one of target and target_per_node", {"doubts": doubts})

    @cached_property
    def per_node(self) -> float:
        """What one node should carry, in the signal's unit."""
        return self.target if self.target is not None else self.target_per_node or 0.0


class Amount(Record):
    """Nodes, or a share of the nodes in service."""

    nodes: int = 0
    percent: float = 0.0


def parse_amount(value: object) -> object:
    """Read `2` as nodes and `30%` as a share."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST_NODES:
        return Amount(nodes=value)
    if isinstance(value, str) and value.endswith("%"):
        share = parse_percent(value)
        if 0 < share <= _MOST_PERCENT:
            return Amount(percent=share)
    raise PydanticCustomError(
        "amount", "is no amount; write a number of nodes, 2, up to 10000, or a share, 30%, up to 10000%"
    )


def print_amount(value: Amount) -> int | str:
    """Write an amount so that `parse_amount` reads the same one back."""
    return value.nodes or format_percent(value.percent)


Nodes = Annotated[
    Amount,
    BeforeValidator(parse_amount, json_schema_input_type=Annotated[int, Field(ge=1, examples=[2])] | Share),
    PlainSerializer(print_amount),
]


class Step(Record):
    """`add` while the load is above, or `remove` while it is below, for so long."""

    above: Number | None = Field(default=None, description="the step applies while the load is above this; with `add`")
    below: Number | None = Field(
        default=None, description="the step applies while the load is below this; with `remove`"
    )
    held: Duration = Field(default=timedelta(0), alias="for", description="how long without a break before it counts")
    add: Nodes | None = Field(
        default=None, description="so many nodes more than are in service; a share is of those in service, at least one"
    )
    remove: Nodes | None = Field(
        default=None, description="so many nodes fewer than there are; a share is of those in service, at least one"
    )

    @cross_check
    def _one_direction(self) -> Faults:
        up = self.above is not None and self.add is not None
        down = self.below is not None and self.remove is not None
        given = sum(value is not None for value in (self.above, self.below, self.add, self.remove))
        if up == down or given != 2:  # noqa: PLR2004 - a threshold and an amount
            yield PydanticCustomError("step", "needs above with add, or below with remove")


class StepScaling(Record):
    """Change by amounts while a load, averaged over the nodes, is beyond thresholds."""

    signal: Name = Field(
        description="which of `signals`; a `sum` is compared as it is, anything else as the mean over the nodes"
    )
    steps: Annotated[tuple[Step, ...], FromList] = Field(
        min_length=1, max_length=100, description="of those that apply the largest counts, additions before removals"
    )


class Schedule(Record):
    """While it applies: at least `min` nodes, up to `max`, and no scale-in if so wished.

    `days` are those on which the span begins; one that ends before it begins ends on the next day. `from` and `to` are
    wall clock times in `timezone`, `starts` and `ends` its first and last day.
    """

    days: Annotated[tuple[Day, ...], FromList] = Field(default=DAYS, description="on which the span begins")
    begins: Clock = Field(
        default=time(0, 0), alias="from", description="when it begins, by the wall clock of `timezone`"
    )
    ends: Clock = Field(
        default=time(0, 0), alias="to", description="when it ends; at or before `from` it is on the next day"
    )
    timezone: Zone = Field(default="UTC", description="an IANA name; clock changes are minded")
    first_day: Date | None = Field(default=None, description="the first day on which it begins")
    last_day: Date | None = Field(default=None, description="the last day on which it begins")
    min: StrictInt | None = Field(default=None, ge=0, le=MOST_NODES, description="at least so many nodes")
    max: StrictInt | None = Field(
        default=None, ge=1, le=MOST_NODES, description="up to so many nodes, where that is more than `bounds.max`"
    )
    scale_in: StrictBool = Field(default=True, description="false: nothing shrinks")

    @cross_check
    def _says_something(self) -> Faults:
        if self.min is None and self.max is None and self.scale_in:
            yield PydanticCustomError("schedule", "changes nothing; give it min, max, or scale_in: false")

    @cross_check
    def _some_day(self) -> Faults:
        if not self.days:
            yield PydanticCustomError("schedule", "has no days, so it never applies", {"at": ("days",)})


_DAY = timedelta(days=1)
_LONGEST_LOOK_BACK = timedelta(days=366)


class Forecast(Record):
    """A floor from the past: what the signal's total was at this time in past seasons, turned into nodes.

    For each five minutes from now to `horizon` ahead, the `quantile` of what the last `seasons` had then; the highest
    of these counts. It only ever raises, and says nothing while any of those five minutes is known of fewer than
    `at_least` seasons.
    """

    signal: Name = Field(description="which of `signals`; a `sum`, for only a total is comparable over weeks")
    target_per_node: Number = Field(ge=SMALLEST_TARGET, description="a node's share of the total")
    season: Duration = Field(
        default=timedelta(days=7),
        description="after how long the load repeats itself, in whole days; a day is 24 hours, whatever clocks do",
    )
    seasons: StrictInt = Field(
        default=4, ge=1, le=366, description="how many past seasons are looked at; together 366 days at most"
    )
    at_least: StrictInt = Field(default=2, ge=1, description="of how many of them there must be records")
    quantile: Percent = Field(
        default=90.0,
        gt=0,
        le=100,
        description="how many of the seasons had at most the floor; between two records the higher one. Up to 100%",
    )
    horizon: Duration = Field(
        default=timedelta(minutes=15), description="how far to look ahead, at most 12h: what a launch takes, and more"
    )

    @cross_check
    def _whole_days(self) -> Faults:
        if not self.season or self.season % _DAY:
            yield PydanticCustomError("forecast", "season needs whole days: 1d, 7d", {"at": ("season",)})

    @cross_check
    def _within_a_year(self) -> Faults:
        if self.season * self.seasons > _LONGEST_LOOK_BACK:
            message = "looks back more than 366 days; fewer seasons, or shorter ones"
            yield PydanticCustomError("forecast", message, {"at": ("seasons",)})

    @cross_check
    def _enough_seasons(self) -> Faults:
        if self.at_least > self.seasons:
            message = "at_least {least} is more than the {all} seasons that are looked at"
            numbers = {"least": self.at_least, "all": self.seasons}
            yield PydanticCustomError("forecast", message, {**numbers, "at": ("at_least",)})

    @cross_check
    def _some_horizon(self) -> Faults:
        if not timedelta(0) < self.horizon <= _DAY / 2:
            yield PydanticCustomError("forecast", "horizon is above 0s and at most 12h", {"at": ("horizon",)})


class Reservation(Record):
    """Room for an event: so many nodes, or so many viewers, from `lead` before `at` until `until`."""

    name: Name = Field(description="what it is for")
    at: Instant = Field(description="when the room is needed")
    until: Instant = Field(description="when it is no longer")
    nodes: StrictInt | None = Field(default=None, ge=1, le=MOST_NODES, description="so many nodes. This, or the next")
    viewers: StrictInt | None = Field(
        default=None, ge=1, le=MOST_VIEWERS, description="so many viewers, by `viewers_per_node`"
    )
    lead: Duration = Field(
        default=timedelta(minutes=15),
        description="how long before `at` the nodes are wanted: launch, boot, and time to look",
    )

    @cross_check
    def _some_length(self) -> Faults:
        if self.until <= self.at:
            yield PydanticCustomError("reservation", "ends before it begins")

    @cross_check
    def _one_amount(self) -> Faults:
        if (self.nodes is None) == (self.viewers is None):
            doubts = ("nodes", "viewers")
            yield PydanticCustomError("reservation", "needs exactly one of nodes and viewers", {"doubts": doubts})


_KINDS = ("target_tracking", "step", "schedule", "forecast")


class ScaleRule(Record):
    """One entry of `scale`: the kind of rule is the key.

    `group`: rules of one group speak with one voice; there, holding is no veto against a scale-in that another wants.
    """

    target_tracking: TargetTracking | None = Field(default=None, description="hold a load at a target")
    step: StepScaling | None = Field(default=None, description="add and remove by amounts beyond thresholds")
    schedule: Schedule | None = Field(default=None, description="more room at certain times")
    forecast: Forecast | None = Field(default=None, description="room for what past weeks had at this time")
    group: Name | None = Field(
        default=None, description="rules of one group speak with one voice, in which being content is no veto"
    )

    @cross_check
    def _one_kind(self) -> Faults:
        kinds = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            words = {"kinds": ", ".join(_KINDS)}
            yield PydanticCustomError("rule", "needs exactly one of {kinds}", words)
        elif self.signal is None and self.group is not None:
            message = "a {kind} has no vote, so a group means nothing to it"
            yield PydanticCustomError("rule", message, {"kind": kinds[0]})

    @property
    def signal(self) -> str | None:
        """The signal by whose present load the rule votes; None for a schedule or a forecast, which are floors."""
        rule = self.target_tracking or self.step
        return rule.signal if rule else None
