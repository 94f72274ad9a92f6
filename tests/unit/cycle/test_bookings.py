"""What is reserved by command, cycle by cycle: nodes come, stay while it is unknown, and go after its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from autoscaler.model.booking import Act, Booking, Deed, Ledger
from autoscaler.model.errors import ObservationError
from autoscaler.model.plan import Drain, Launch
from autoscaler.model.report import CycleReport
from autoscaler.policy.schema import Policy
from autoscaler.simulate.stores import SimulatedBookings
from tests.support.fleet import policy, seconds
from tests.support.stage import Stage

RULES = policy(bounds={"min": 1, "max": 5}, warm_up="0s", drain={"sticky_for": "0s", "empty_for": "0s"})
HOUR = timedelta(hours=1)


class Rehearsal(Stage):
    """One idle node in service, and somebody who reserves."""

    def __init__(self) -> None:
        super().__init__()
        self.serving(1)
        now = self.world.now
        self.booking = Booking("gig", now + HOUR, now + 2 * HOUR, seconds(900), 3, by="ann@lb1")
        self.bookings.save(Ledger("edge", "gig", (Act(Deed.RESERVE, now, "ann@lb1", "", self.booking),)))

    def at(self, moment: timedelta, rules: Policy = RULES) -> CycleReport:
        """Look at a time after the start, at nodes that all live and idle."""
        self.world.now = self.booking.at - HOUR + moment
        for number, node in enumerate(list(self.world.nodes.values()), 1):
            if not node.answers:
                self.world.join(node)
                self.world.serve(node, "backend_http", f"slot{number}")
            self.world.beat(node, 1.0)
        return self.cycle(rules)


def kinds(report: CycleReport) -> list[type]:
    return [type(action) for action in report.plan.actions]


def test_nodes_come_with_the_lead_and_go_after_the_end() -> None:
    stage = Rehearsal()
    assert stage.at(timedelta(minutes=44)).decision.desired == 1
    grown = stage.at(timedelta(minutes=45))
    assert (grown.decision.desired, [reason.code for reason in grown.decision.reasons]) == (3, ["reservation"])
    assert kinds(grown) == [Launch, Launch]
    assert grown.snapshot.bookings == (stage.booking,)
    held = stage.at(timedelta(minutes=119))
    assert (held.decision.current, held.decision.desired) == (3, 3)
    over = stage.at(timedelta(minutes=120))
    assert (over.decision.desired, over.snapshot.bookings) == (1, ())
    assert kinds(over) == [Drain, Drain]


def test_cancelled_it_ends_with_the_next_cycle() -> None:
    stage = Rehearsal()
    stage.at(timedelta(minutes=50))
    assert stage.at(timedelta(minutes=51)).decision.desired == 3
    [ledger] = stage.bookings.ledgers("edge")
    act = replace(ledger.acts[0], deed=Deed.CANCEL)
    stage.bookings.save(replace(ledger, acts=(*ledger.acts, act)))
    assert stage.at(timedelta(minutes=52)).decision.desired == 1


class Unreadable(SimulatedBookings):
    """Bookings alone cannot be read; everything else of MongoDB can."""

    def read(self, group: str, now: datetime) -> tuple[Booking, ...]:
        raise ObservationError("mongodb", f"cannot read the reservation {group}/gig at {now}")


def test_nothing_shrinks_while_it_is_unknown_what_is_reserved() -> None:
    stage = Rehearsal()
    stage.at(timedelta(minutes=50))
    assert stage.at(timedelta(minutes=51)).decision.current == 3
    stage.senses = replace(stage.senses, bookings=Unreadable(stage.world))
    blind = stage.at(timedelta(minutes=52))
    assert (blind.decision.desired, kinds(blind), blind.snapshot.bookings) == (3, [], ())
    [gap] = blind.snapshot.gaps
    assert (gap.source, gap.subject) == ("mongodb", "reservations")
    assert blind.decision.reasons[-1].code == "gap"
