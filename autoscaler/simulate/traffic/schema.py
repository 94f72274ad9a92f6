"""A generator file as data: traffic that is described, and drawn anew from each seed."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StrictInt
from pydantic_core import PydanticCustomError

from autoscaler.policy.record import Faults, Name, Record, cross_check, cross_check_each
from autoscaler.policy.times import Clock, Moment, Zone
from autoscaler.policy.units import Duration, FromList, Number, Percent
from autoscaler.simulate.traffic.sessions import EventKind

_SECOND, _MINUTE, _DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
LAST_YEAR = 2199


class Lasting(Record):
    """How long something lasts: log-normal. e to the `sigma` is how far apart two thirds lie from the median."""

    median: Duration = Field(description="half of them last shorter; from 1s to 1d")
    sigma: Number = Field(default=1.0, ge=0, le=3, description="how far the others spread: 0 is not at all, 1 is usual")

    @cross_check
    def _usual(self) -> Faults:
        if not _SECOND <= self.median <= _DAY:
            yield PydanticCustomError("lasting", "a median is from 1s to 1d", {"at": ("median",)})


class Peak(Record):
    """A time of day at which more people watch: a bell around `at`."""

    at: Clock = Field(description="when it is highest, by the wall clock of `timezone`")
    width: Duration = Field(
        default=timedelta(hours=2), description="its standard deviation: after so long it is at 61 %; from 1m to 12h"
    )
    height: Number = Field(ge=0, le=10, description="how high it is, as a share of `base`")

    @cross_check
    def _usual(self) -> Faults:
        if not _MINUTE <= self.width <= _DAY / 2:
            yield PydanticCustomError("lasting", "a width is from 1m to 12h", {"at": ("width",)})


class Daily(Record):
    """The day's course, as a share of `base`."""

    floor: Number = Field(default=0.15, ge=0, le=10, description="what is there at any time, as a share of `base`")
    peaks: Annotated[tuple[Peak, ...], FromList] = Field(
        default=(
            Peak(at=time(13), width=timedelta(hours=2.5), height=0.4),
            Peak(at=time(20, 30), width=timedelta(hours=2), height=0.8),
        ),
        max_length=24,
        description="what is added to it; left out, a lower one at 13:00 and a higher one at 20:30",
    )


class Week(Record):
    """What a day of the week is, as a share of an ordinary one."""

    mon: Number = Field(default=1.0, ge=0, le=10, description="Monday's share")
    tue: Number = Field(default=1.0, ge=0, le=10, description="Tuesday's share")
    wed: Number = Field(default=1.0, ge=0, le=10, description="Wednesday's share")
    thu: Number = Field(default=1.0, ge=0, le=10, description="Thursday's share")
    fri: Number = Field(default=1.0, ge=0, le=10, description="Friday's share")
    sat: Number = Field(default=1.0, ge=0, le=10, description="Saturday's share")
    sun: Number = Field(default=1.0, ge=0, le=10, description="Sunday's share")


class Noise(Record):
    """Slow random ups and downs: the logarithm is an AR(1) process in steps of five minutes."""

    rho: Number = Field(default=0.97, ge=0, lt=1, description="how much of a deviation is left after five minutes")
    sigma: Number = Field(default=0.03, ge=0, le=1, description="what each five minutes add, as a standard deviation")


class Viewers(Record):
    """Those who watch: a Poisson process of arrivals. Present are, on average, `base` times all that is below it."""

    base: Number = Field(ge=0, le=1_000_000, description="so many watch at once where every factor is 1")
    daily: Daily = Daily()
    weekday: Week = Week()
    drift: Number = Field(default=0.0, ge=-1, le=1, description="growth a week, compounded; 0.02 is about 2 %")
    noise: Noise = Noise()
    stay: Lasting = Lasting(median=timedelta(minutes=10))


class Streams(Record):
    """What is watched. Viewers choose by Zipf's law, whether or not somebody publishes on it at the moment."""

    count: StrictInt = Field(default=20, ge=1, le=10_000, description="how many streams there are")
    zipf: Number = Field(
        default=1.0, ge=0, le=5, description="the n-th stream has n to this power fewer viewers than the first"
    )


class Publishers(Record):
    """Those who publish, one a stream: on air and off, for ever in turns."""

    on_air: Lasting = Lasting(median=timedelta(minutes=45), sigma=0.8)
    pause: Lasting = Lasting(median=timedelta(minutes=10), sigma=0.8)


class FlashCrowds(Record):
    """Crowds that nobody announced: a Poisson process of them."""

    every: Duration = Field(default=timedelta(days=3), description="how long it takes from one to the next, on average")
    viewers: Number = Field(gt=0, le=1_000_000, description="how many come with one, as a median")
    sigma: Number = Field(default=0.6, ge=0, le=3, description="how far their sizes spread, log-normal")
    rise: Duration = Field(
        default=timedelta(minutes=3), description="how long they come faster and faster, in three equal steps; up to 1d"
    )
    half_life: Duration = Field(
        default=timedelta(minutes=10), description="after the rise: how long until half as many come; up to 1d"
    )

    @cross_check
    def _now_and_then(self) -> Faults:
        if self.every < _MINUTE:
            yield PydanticCustomError("lasting", "flash crowds are at least 1m apart", {"at": ("every",)})

    @cross_check
    def _usual_rise(self) -> Faults:
        yield from _too_long("rise", self.rise)

    @cross_check
    def _usual_half_life(self) -> Faults:
        yield from _too_long("half_life", self.half_life)


class Surge(Record):
    """A crowd that is told: exactly so many viewers of one stream, with neither `rise` nor `half_life` all at once."""

    at: Duration = Field(description="when the first come, from the trace's begin")
    viewers: StrictInt = Field(ge=1, le=1_000_000, description="so many come in all")
    rise: Duration = Field(
        default=timedelta(0), description="how long they come faster and faster, in three equal steps; up to 1d"
    )
    half_life: Duration = Field(
        default=timedelta(0), description="after the rise: how long until half as many come; up to 1d"
    )
    stream: StrictInt = Field(default=0, ge=0, description="which stream they watch; 0 is the most popular")
    stay: Lasting | None = Field(default=None, description="how long they stay, where it is not as `viewers.stay`")
    ends: Duration | None = Field(default=None, description="so long after `at` it is over, and whoever is left leaves")
    ends_within: Duration = Field(default=timedelta(0), description="how long that takes, evenly")

    @cross_check
    def _usual_rise(self) -> Faults:
        yield from _too_long("rise", self.rise)

    @cross_check
    def _usual_half_life(self) -> Faults:
        yield from _too_long("half_life", self.half_life)

    @cross_check
    def _all_come(self) -> Faults:
        if self.ends is not None and self.ends <= self.rise:
            yield PydanticCustomError("surge", "it is over before all have come: ends is above rise", {"at": ("ends",)})

    @cross_check
    def _ends_at_all(self) -> Faults:
        if self.ends is None and self.ends_within:
            yield PydanticCustomError("surge", "ends_within needs ends", {"at": ("ends_within",)})


def _too_long(key: str, value: timedelta) -> Faults:
    if value > _DAY:
        yield PydanticCustomError("lasting", "{key} is at most 1d", {"key": key, "at": (key,)})


_NEEDS: dict[str, tuple[str, ...]] = {
    "node_crash": (), "stop_heartbeats": ("lasts",), "spot_interruption": (), "cut_viewers": ("share",),
    "stock_out": ("lasts",), "source_down": ("source", "lasts"), "haproxy_reload": (),
}  # fmt: skip
_MAY: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("node_crash", "stop_heartbeats", "spot_interruption"), ("nodes", "role")
)


class EventTold(Record):
    """What the world does to the cluster at a moment."""

    at: Duration = Field(description="when, from the trace's begin")
    kind: EventKind = Field(description="what happens; each is explained below")
    nodes: StrictInt | None = Field(default=None, ge=1, le=10_000, description="how many nodes it hits; 1 if not told")
    role: Literal["edge", "origin", "both"] | None = Field(
        default=None, description="of groups of which role; of any if not told"
    )
    share: Percent | None = Field(default=None, gt=0, le=100, description="how many of all viewers it hits")
    lasts: Duration | None = Field(default=None, alias="for", description="how long it lasts")
    source: Literal["ec2", "mongodb", "haproxy"] | None = Field(default=None, description="which source cannot be read")

    @cross_check
    def _fits_its_kind(self) -> Faults:
        needs = _NEEDS[self.kind]
        for name, key in _EVENT_KEYS.items():
            given = getattr(self, name, _WRONG) is not None
            if given and name not in (*needs, *_MAY.get(self.kind, ())):
                words = {"key": key, "kind": self.kind, "at": (key,)}
                yield PydanticCustomError("event", "{key} means nothing to {kind}", words)
            if name in needs and not given:
                yield PydanticCustomError("event", "{kind} needs {key}", {"key": key, "kind": self.kind})


_WRONG = "wrong"
"""What a key holds that is given, and wrong in itself."""

_EVENT_KEYS = {"nodes": "nodes", "role": "role", "share": "share", "lasts": "for", "source": "source"}


class Generator(Record):
    """Traffic that is described: its viewers and publishers, and what happens to the cluster meanwhile."""

    trace: Name = Field(description="what it is called")
    begin: Moment = Field(description="what the clock says at its begin; without an offset, that of `timezone`")
    timezone: Zone = Field(default="UTC", description="an IANA name; whose wall clock `daily` and `weekday` follow")
    length: Duration = Field(description="how long it is; from 1m to 366d")
    viewers: Viewers
    streams: Streams = Streams()
    publishers: Publishers = Publishers()
    flash_crowds: FlashCrowds | None = None
    surges: Annotated[tuple[Surge, ...], FromList] = Field(
        default=(), max_length=1000, description="crowds that are told"
    )
    events: Annotated[tuple[EventTold, ...], FromList] = Field(
        default=(), max_length=1000, description="what happens to the cluster"
    )

    @cross_check
    def _sane_year(self) -> Faults:
        if self.begin.year > LAST_YEAR:
            yield PydanticCustomError("moment", "is hardly the year that was meant", {"at": ("begin",)})

    @cross_check
    def _one_moment(self) -> Faults:
        if self.begin.tzinfo:
            return
        zone = ZoneInfo(self.timezone)
        first, second = (self.begin.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0) for fold in (0, 1))
        if first != second:
            words = {"what": "skip" if first < second else "show twice", "zone": self.timezone, "at": ("begin",)}
            message = "is a time that the clocks of {zone} {what}; write it with its offset, or Z for UTC"
            yield PydanticCustomError("moment", message, words)

    @cross_check
    def _some_length(self) -> Faults:
        if self.length < _MINUTE:
            yield PydanticCustomError("lasting", "a trace is from 1m to 366d long", {"at": ("length",)})

    @cross_check_each("surges")
    def _surge_within(self, number: int, surge: Surge) -> Faults:
        if surge.at >= self.length:
            yield PydanticCustomError("at", "is after the trace's end", {"at": ("surges", number, "at")})

    @cross_check_each("events")
    def _event_within(self, number: int, event: EventTold) -> Faults:
        if event.at >= self.length:
            yield PydanticCustomError("at", "is after the trace's end", {"at": ("events", number, "at")})

    @cross_check_each("surges")
    def _stream_there(self, number: int, surge: Surge) -> Faults:
        if surge.stream >= self.streams.count:
            words = {"count": self.streams.count, "at": ("surges", number, "stream")}
            yield PydanticCustomError("surge", "there are {count} streams, and the first is 0", words)
