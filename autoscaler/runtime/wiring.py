"""The composition root: the only place that puts adapters behind ports.

A dry run gets senses and nothing else: its EC2 client refuses every call that is not a Describe, and no store, journal
or balancer control is ever constructed for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from autoscaler.adapters import ec2, mongo
from autoscaler.adapters.ams_resources import AmsResources
from autoscaler.adapters.clock import SystemClock
from autoscaler.adapters.haproxy_control import HaproxyControl
from autoscaler.adapters.haproxy_socket import HaproxySocket
from autoscaler.adapters.haproxy_stats import FallbackStats, HttpStats, SocketStats
from autoscaler.adapters.http_probe import HttpProbe
from autoscaler.adapters.journal import JournalChain, StructlogJournal
from autoscaler.adapters.mongo_bookings import MongoBookingReader, MongoBookingStore
from autoscaler.adapters.mongo_history import MongoHistory, MongoHistoryReader
from autoscaler.adapters.mongo_journal import MongoJournal, MongoJournalReader
from autoscaler.adapters.mongo_loads import MongoLoads
from autoscaler.adapters.mongo_memory import MongoMemoryReader, MongoMemoryStore
from autoscaler.adapters.refusals import RefusalWindow
from autoscaler.adapters.user_data import render
from autoscaler.cycle.execute import LiveExecutor
from autoscaler.ports import BookingJournal, BookingStore, Clock, Hands, MemoryReader, ProxyStats, Senses
from autoscaler.runtime.settings import AmsSettings, BalancerSettings, Settings

ADMISSION_WAIT = timedelta(seconds=3)
"""How long one cycle waits for health checks before it leaves the rest of an admission to the next."""

PROBE_TIMEOUT_S = 1.0
"""AMS's own nodes give each other as long (Ant-Media-Server, AntMediaApplicationAdapter.java)."""


@dataclass(frozen=True)
class Watching:
    """All that is needed to observe and decide: a dry run, `plan` and `status`.

    `window` is where refusals are counted; only a daemon that listens ever fills it.
    """

    senses: Senses
    memories: MemoryReader
    client: mongo.Client
    window: RefusalWindow = field(default_factory=RefusalWindow)


@dataclass(frozen=True)
class Acting:
    """What the live daemon has besides."""

    executor: LiveExecutor
    hands: Hands
    fleet: ec2.Ec2FleetControl
    proxies: HaproxyControl


@contextmanager
def watching(settings: Settings) -> Iterator[Watching]:
    """Build everything that reads, and close it in the end."""
    client = mongo.connect(settings.mongodb.uri.get_secret_value())
    try:
        apps = settings.mongodb.applications
        reader = ec2.connect(settings.ec2.region, settings.ec2.endpoint_url, read_only=True)
        window, clock = RefusalWindow(), SystemClock()
        senses = Senses(
            clock=clock,
            fleet=ec2.Ec2Fleet(reader, settings.cluster),
            loads=MongoLoads(client, settings.mongodb.cluster_database, None if apps == "auto" else apps),
            proxies=tuple(_stats(balancer) for balancer in settings.haproxy),
            probe=HttpProbe(PROBE_TIMEOUT_S),
            history=MongoHistoryReader(client[settings.mongodb.state_database]),
            bookings=MongoBookingReader(client[settings.mongodb.state_database]),
            resources=_resources(settings.ams, clock) if settings.ams else None,
            refusals=window if settings.web else None,
        )
        yield Watching(senses, MongoMemoryReader(client[settings.mongodb.state_database]), client, window)
    finally:
        client.close()


@dataclass(frozen=True)
class Desk:
    """What the command `reserve` has: no hand on a node, a balancer or a memory."""

    clock: Clock
    store: BookingStore
    journal: BookingJournal


@contextmanager
def booking_desk(settings: Settings) -> Iterator[Desk]:
    """Build what reserves, and close it in the end."""
    with mongo.connect(settings.mongodb.uri.get_secret_value()) as client:
        database, clock = client[settings.mongodb.state_database], SystemClock()
        yield Desk(clock, MongoBookingStore(database), MongoJournal(database, clock))


@contextmanager
def reading_back(settings: Settings) -> Iterator[MongoJournalReader]:
    """Build what reads the journal, and close it in the end."""
    with mongo.connect(settings.mongodb.uri.get_secret_value()) as client:
        yield MongoJournalReader(client[settings.mongodb.state_database])


def acting(settings: Settings, base: Watching) -> Acting:
    """Build everything that writes, of settings that were loaded as `steering`."""
    if settings.nodes is None:
        raise AssertionError(settings.cluster)  # the settings' own check let it pass
    database = base.client[settings.mongodb.state_database]
    fleet = ec2.Ec2FleetControl(
        ec2.connect(settings.ec2.region, settings.ec2.endpoint_url, read_only=False),
        settings.cluster,
        render(settings.nodes.mongodb_uri.get_secret_value()),
    )
    proxies = HaproxyControl(
        {balancer.name: _socket(balancer.socket, balancer) for balancer in settings.haproxy if balancer.socket},
        ADMISSION_WAIT,
    )
    journal = JournalChain(StructlogJournal(), MongoJournal(database, base.senses.clock))
    hands = Hands(fleet, proxies, MongoMemoryStore(database), journal, MongoHistory(database))
    return Acting(LiveExecutor(base.senses, hands), hands, fleet, proxies)


def _resources(ams: AmsSettings, clock: Clock) -> AmsResources:
    return AmsResources(ams.jwt_secret.get_secret_value(), ams.port, ams.timeout.total_seconds(), clock)


def _stats(balancer: BalancerSettings) -> ProxyStats:
    page = HttpStats(
        balancer.name, balancer.stats, balancer.username, balancer.password.get_secret_value(),
        balancer.timeout.total_seconds(),
    ) if balancer.stats else None  # fmt: skip
    if balancer.socket is None:
        if page is None:
            raise AssertionError(balancer)  # the settings' own check let it pass
        return page
    master = _socket(balancer.master, balancer) if balancer.master else None
    socket = SocketStats(balancer.name, _socket(balancer.socket, balancer), master)
    return FallbackStats(socket, page) if page else socket


def _socket(address: str, balancer: BalancerSettings) -> HaproxySocket:
    return HaproxySocket(address, balancer.timeout.total_seconds())
