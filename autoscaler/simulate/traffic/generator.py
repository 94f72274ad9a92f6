"""A generator file made ready: lambda(t) = base * diurnal(t) * weekday(t) * drift(t) * exp(AR1(t)), and crowds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.document import Document
from autoscaler.simulate.traffic.draws import LogNormal, Popularity
from autoscaler.simulate.traffic.exact import exp
from autoscaler.simulate.traffic.publishers import OnAir
from autoscaler.simulate.traffic.rate import MINUTE, arrivals, crowded, crowds, present, stay_of
from autoscaler.simulate.traffic.schema import EventTold, Generator
from autoscaler.simulate.traffic.sessions import MOST_SESSIONS, SECOND, Event, Floats, Ints, Sessions, merge
from autoscaler.simulate.traffic.viewers import come, surge

_MOST_PRESENT = 2_000_000
_LONGEST_LEAD = 24 * 60
_LEAD_SIGMAS = 3.09
"""In standard deviations: one in a thousand stays longer, and is missing at the begin if it came before the lead."""


@dataclass(frozen=True)
class GeneratedTraffic:
    """Implements `sessions.Traffic` by a description and a seed."""

    told: Generator
    seed: int

    @property
    def name(self) -> str:
        """What the file calls it."""
        return self.told.trace

    @property
    def begin(self) -> datetime:
        """What the clock says at 0 s, in UTC: sums of wall clocks would lose an hour when clocks change."""
        told = self.told.begin
        return (told if told.tzinfo else told.replace(tzinfo=ZoneInfo(self.told.timezone))).astimezone(UTC)

    @property
    def length_s(self) -> float:
        """Its length in seconds."""
        return self.told.length.total_seconds()

    @property
    def events(self) -> tuple[Event, ...]:
        """What happens to the cluster, in order of time."""
        return tuple(sorted(map(_event, self.told.events), key=lambda event: event.at_s))

    def chunks(self) -> Iterator[Sessions]:
        """Yield all sessions, by all who bring some."""
        told, length = self.told, int(self.length_s * SECOND)
        stay, lead = self._stay, self._lead * MINUTE * SECOND
        streams = Popularity(told.streams.count, float(told.streams.zipf))
        on_air = OnAir(told.streams.count, stay_of(told.publishers.on_air), stay_of(told.publishers.pause), self.seed)
        surges = [surge(one, number, length, stay, self.seed) for number, one in enumerate(told.surges)]
        viewers = come(self._arrivals, lead, length, stay, streams, self.seed)
        return merge([on_air.sessions(length), viewers, *surges])

    def most_present(self) -> float:
        """Return about how many viewers are there at once where most are."""
        surged = sum(one.viewers for one in self.told.surges)
        return float(self._wanted.max()) + surged

    def expected(self) -> dict[str, float]:
        """Return about how many sessions there will be, by the key that brings them."""
        told, turn = self.told, self.told.publishers
        turn_s = stay_of(turn.on_air).mean_s + stay_of(turn.pause).mean_s
        return {
            "viewers": float(self._wanted.sum()) * MINUTE / self._stay.mean_s,
            "publishers": told.streams.count * (1 + self.length_s / turn_s),
            "flash_crowds": crowded(told.flash_crowds, self.length_s) if told.flash_crowds else 0.0,
            "surges": float(sum(one.viewers for one in told.surges)),
        }

    @property
    def _stay(self) -> LogNormal:
        return stay_of(self.told.viewers.stay)

    @property
    def _lead(self) -> int:
        """How many minutes before the begin people come, so that at the begin those are there who would be."""
        stay = self._stay
        longest = stay.median_s / MINUTE * float(exp(np.array([stay.sigma * _LEAD_SIGMAS]))[0])
        return min(int(longest) + 1, _LONGEST_LEAD)

    @cached_property
    def _wanted(self) -> Floats:
        """How many should be there in each minute, from the lead on: 8 bytes a minute, whatever the traffic."""
        minutes = self._lead + -(-int(self.length_s) // MINUTE)
        begin = self.begin - timedelta(minutes=self._lead)
        return present(self.told.viewers, ZoneInfo(self.told.timezone), begin, minutes, self.seed)

    @cached_property
    def _arrivals(self) -> Ints:
        found = arrivals(self._wanted, self._stay)
        if self.told.flash_crowds:
            minutes = len(found) - self._lead
            found[self._lead :] += crowds(self.told.flash_crowds, minutes, self.seed)
        return found


def ready(told: Generator, document: Document, seed: int) -> GeneratedTraffic:
    """Make a description ready; raises ConfigurationError for more at once than any cluster has, or for too long."""
    traffic = GeneratedTraffic(told, seed)
    most = traffic.most_present()
    if not most <= _MOST_PRESENT:
        message = f"its factors multiply to {most:.3g} viewers at once; at most {_MOST_PRESENT} can be drawn"
        raise ConfigurationError([document.problem(("viewers",), "too-many", message)])
    expected = traffic.expected()
    if sum(expected.values()) > MOST_SESSIONS:
        message = f"some {sum(expected.values()):,.0f} sessions would come in all; at most {MOST_SESSIONS:,} are played"
        hint = "a shorter length, fewer of them, or longer stays"
        key = max(expected, key=expected.__getitem__)
        place = key if key in told.model_fields_set else "length"
        raise ConfigurationError([document.problem((place,), "too-many", message, hint)])
    return traffic


def _event(told: EventTold) -> Event:
    hits_nodes = told.kind in ("node_crash", "stop_heartbeats", "spot_interruption")
    return Event(
        at_s=told.at.total_seconds(),
        kind=told.kind,
        nodes=(told.nodes or 1) if hits_nodes else 0,
        role=told.role or "",
        share=(told.share or 0.0) / 100,
        lasts_s=told.lasts.total_seconds() if told.lasts else 0.0,
        source=told.source or "",
    )
