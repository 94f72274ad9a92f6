"""A made-up world with everything that a cycle needs."""

from __future__ import annotations

from autoscaler.cycle.cycle import run_cycle
from autoscaler.cycle.execute import LiveExecutor
from autoscaler.model.decision import Decision
from autoscaler.model.memory import Memory
from autoscaler.model.plan import Action, Endpoint, Outcome, Plan
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import ServerStatus
from autoscaler.policy.schema import Policy
from autoscaler.ports import Hands, Senses
from autoscaler.simulate.media import SimulatedRefusals, SimulatedResources
from autoscaler.simulate.ports import (
    SimulatedClock,
    SimulatedFleet,
    SimulatedNodeLoads,
    SimulatedProbe,
    SimulatedProxyControl,
    SimulatedProxyStats,
)
from autoscaler.simulate.stores import RecordingJournal, SimulatedBookings, SimulatedHistory, SimulatedMemoryStore
from autoscaler.simulate.world import SimulatedNode, World
from tests.support.fleet import BACKEND, PORT

PLACES = (Endpoint(BACKEND, PORT),)


class Stage:
    """One group, `edge`, of one backend."""

    def __init__(self, slots: int = 6) -> None:
        self.world = World()
        self.world.add_slots(BACKEND, slots)
        self.store = SimulatedMemoryStore()
        self.journal = RecordingJournal()
        self.history = SimulatedHistory()
        self.bookings = SimulatedBookings(self.world)
        fleet = SimulatedFleet(self.world)
        self.senses = Senses(
            SimulatedClock(self.world), fleet, SimulatedNodeLoads(self.world),
            (SimulatedProxyStats(self.world),), SimulatedProbe(self.world),
            history=self.history, bookings=self.bookings,
            resources=SimulatedResources(self.world), refusals=SimulatedRefusals(self.world),
        )  # fmt: skip
        self.hands = Hands(fleet, SimulatedProxyControl(self.world), self.store, self.journal, self.history)

    def serving(self, slot: int, sessions: int = 0) -> SimulatedNode:
        """Add a node in service."""
        node = self.world.add_node()
        self.world.join(node, 50.0)
        self.world.serve(node, BACKEND, f"slot{slot}", sessions=sessions)
        return node

    def cycle(self, rules: Policy) -> CycleReport:
        """Run one cycle as the daemon would."""
        return run_cycle(self.senses, LiveExecutor(self.senses, self.hands), rules, self.store.load("edge"))

    def do(self, *actions: Action, memory: Memory | None = None) -> list[Outcome]:
        """Carry out these steps."""
        now = self.world.now
        steps = Plan(Decision("edge", now, 1, 1), actions)
        memory = memory or self.store.load("edge")
        return list(LiveExecutor(self.senses, self.hands).execute(steps, memory, now)[0])

    def status(self, slot: int) -> ServerStatus:
        """Look at a slot."""
        return self.world.servers["lb1", BACKEND, f"slot{slot}"].status
