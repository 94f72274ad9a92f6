"""Where everybody is, and until when: the people on a cluster's nodes, and those who would like to be there."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress, count
from operator import add

from autoscaler.simulate.crowd import Coming, Share
from autoscaler.simulate.life import Life, Size

Stay = tuple[int, int]
"""A person's number in the order in which they came in, and the stream."""

_STREAMS = 2**31
"""More than there are (a trace has them as int32)."""


@dataclass(slots=True)
class Leaving:
    """Who leaves in one step, in the order in which they came in: on which node each is, and number and stream in one.

    There are as many of these as steps in which anybody leaves, so they are kept small.
    """

    lives: list[Life] = field(default_factory=list)
    stays: array[int] = field(default_factory=lambda: array("q"))


class Stays:
    """Who is on a node, by the step in which they leave by themselves; viewers and publishers apart."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._ends: tuple[defaultdict[int, Leaving], ...] = (defaultdict(Leaving), defaultdict(Leaving))
        self._came = 0

    def add(
        self, lives: Sequence[Life], last_steps: Iterable[int], streams: Iterable[int], *, publisher: bool = False
    ) -> None:
        """Note who was let in, each by where, until when, and the stream."""
        ends = self._ends[publisher]
        stays = map(add, streams, count(self._came * _STREAMS, _STREAMS))
        for life, last_step, stay in zip(lives, last_steps, stays, strict=False):
            leaving = ends[last_step]
            leaving.lives.append(life)
            leaving.stays.append(stay)
        self._came += len(lives)

    def leave(self, step: int) -> None:
        """Let go who wants to go in this step."""
        for publisher, ends in enumerate(self._ends):
            if step not in ends:
                continue
            leaving = ends.pop(step)
            for life, stay in zip(leaving.lives, leaving.stays, strict=True):
                if publisher or life.carried is not None:
                    life.change((stay % _STREAMS,), publisher=bool(publisher), more=-1)
                else:
                    life.viewers -= 1

    def scatter(
        self, lives: Sequence[Life], *, publisher: bool, share: Share | None = None
    ) -> list[tuple[Life, int, int]]:  # fmt: skip
        """Cut off a share of these nodes' viewers, or of their publishers, or all; return each's node, end and stream.

        Of a node those come first who leave together with the one who is there for longest. Of those who leave together
        whoever came last goes.
        """
        gone: list[tuple[Life, int, int]] = []
        numbers: dict[int, set[int]] = {}
        for life, groups in self.on(lives, publisher=publisher).items():
            for last_step, stays in sorted(groups.items(), key=lambda group: group[1][0]):
                for number, stream in stays[len(stays) - share.of(len(stays)) if share else 0 :]:
                    gone.append((life, last_step, stream))
                    numbers.setdefault(last_step, set()).add(number)
        for last_step, leaving in numbers.items():
            self._without(self._ends[publisher][last_step], leaving)
        for life, _, stream in gone:
            life.change((stream,), publisher=publisher, more=-1)
        return gone

    def on(self, lives: Sequence[Life], *, publisher: bool) -> dict[Life, dict[int, list[Stay]]]:
        """Return of each of these nodes the viewers, or the publishers, by the step in which they leave."""
        found: dict[Life, dict[int, list[Stay]]] = {life: {} for life in lives}
        for last_step, leaving in self._ends[publisher].items():
            for life, stay in zip(leaving.lives, leaving.stays, strict=True):
                if (groups := found.get(life)) is not None:
                    groups.setdefault(last_step, []).append(divmod(stay, _STREAMS))
        return found

    @staticmethod
    def _without(leaving: Leaving, numbers: set[int]) -> None:
        stay = [number // _STREAMS not in numbers for number in leaving.stays]
        leaving.lives = list(compress(leaving.lives, stay))
        leaving.stays = array("q", compress(leaving.stays, stay))


class Audience:
    """Who would be here if nobody were ever refused."""

    def __init__(self, size: Size) -> None:
        """Begin with nobody; they cost what they would on nodes of a size."""
        self._everybody = Life(size)
        self._ends: tuple[Counter[int], ...] = (Counter(), Counter())
        self._streams: tuple[defaultdict[int, list[int]], ...] = (defaultdict(list), defaultdict(list))

    def step(self, number: int, coming: Coming) -> None:
        """Let go whose time is over, and take in who is new."""
        everybody = self._everybody
        if everybody.carried is None:
            viewers, publishers = self._ends
            new, publishing = coming.only(publisher=False), coming.only(publisher=True)
            everybody.viewers += len(new) - viewers.pop(number, 0)
            everybody.publishers += len(publishing) - publishers.pop(number, 0)
            viewers.update(new.last_step)
            publishers.update(publishing.last_step)
            return
        for publisher in (False, True):
            self._mind_streams(number, coming.only(publisher=publisher), publisher=publisher)

    def _mind_streams(self, number: int, new: Coming, *, publisher: bool) -> None:
        """Do the same where it costs something to fetch what they watch."""
        ends = self._streams[publisher]
        self._everybody.change(ends.pop(number, ()), publisher=publisher, more=-1)
        self._everybody.change(new.stream, publisher=publisher, more=1)
        for last_step, stream in zip(new.last_step, new.stream, strict=True):
            ends[last_step].append(stream)

    @property
    def needed(self) -> int:
        """How many nodes would just carry all of them."""
        everybody, most = self._everybody, self._everybody.size.most
        cpu, memory = everybody.size.filled(everybody.viewers, everybody.publishers, everybody.fetched)
        return max(-(-cpu // most.cpu), -(-memory // most.memory))
