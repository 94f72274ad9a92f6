"""Where everybody is, and until when: the people on a cluster's nodes, and those who would like to be there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from autoscaler.simulate.crowd import Coming, Share
from autoscaler.simulate.life import Life, Size

Stay = tuple[Life, int, int]
"""A node on which somebody is, the stream, and the person's number in the order in which they came in."""


class Stays:
    """Who is on a node, by the step in which they leave by themselves; viewers and publishers apart."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._ends: tuple[defaultdict[int, list[Stay]], ...] = (defaultdict(list), defaultdict(list))
        self._came = 0

    def add(self, life: Life, last_step: int, stream: int, *, publisher: bool) -> None:
        """Note one who was let in."""
        self._ends[publisher][last_step].append((life, stream, self._came))
        self._came += 1

    def add_viewers(self, lives: Sequence[Life], last_steps: Iterable[int], streams: Iterable[int]) -> None:
        """Note viewers who were let in, each by where, until when, and the stream."""
        ends = self._ends[False]
        numbers = range(self._came, self._came + len(lives))
        for last_step, stay in zip(last_steps, zip(lives, streams, numbers, strict=False), strict=False):
            ends[last_step].append(stay)
        self._came = numbers.stop

    def leave(self, step: int) -> None:
        """Let go who wants to go in this step."""
        viewers, publishers = self._ends
        for life, stream, _ in viewers.pop(step, ()):
            if life.carried is None:
                life.viewers -= 1
            else:
                life.change((stream,), publisher=False, more=-1)
        for life, stream, _ in publishers.pop(step, ()):
            life.change((stream,), publisher=True, more=-1)

    def scatter(
        self, lives: Sequence[Life], *, publisher: bool, share: Share | None = None
    ) -> list[tuple[Life, int, int]]:  # fmt: skip
        """Cut off a share of these nodes' viewers, or of their publishers, or all; return each's node, end and stream.

        Of a node those come first who leave together with the one who is there for longest. Of those who leave together
        whoever came last goes.
        """
        gone = [
            (last_step, stay)
            for groups in self.on(lives, publisher=publisher)
            for last_step, stays in sorted(groups.items(), key=lambda group: group[1][0][2])
            for stay in stays[len(stays) - share.of(len(stays)) if share else 0 :]
        ]
        self._without({number for _, (_, _, number) in gone}, {last_step for last_step, _ in gone}, publisher=publisher)
        for _, (life, stream, _) in gone:
            life.change((stream,), publisher=publisher, more=-1)
        return [(life, last_step, stream) for last_step, (life, stream, _) in gone]

    def on(self, lives: Sequence[Life], *, publisher: bool) -> list[dict[int, list[Stay]]]:
        """Return of each of these nodes the viewers, or the publishers, by the step in which they leave."""
        found: dict[int, dict[int, list[Stay]]] = {id(life): {} for life in lives}
        for last_step, stays in self._ends[publisher].items():
            for stay in stays:
                if (groups := found.get(id(stay[0]))) is not None:
                    groups.setdefault(last_step, []).append(stay)
        return list(found.values())

    def _without(self, numbers: set[int], steps: Iterable[int], *, publisher: bool) -> None:
        ends = self._ends[publisher]
        for step in steps:
            ends[step] = [stay for stay in ends[step] if stay[2] not in numbers]


class Audience:
    """Who would be here if nobody were ever refused."""

    def __init__(self, size: Size) -> None:
        """Begin with nobody; they cost what they would on nodes of a size."""
        self._everybody = Life(size)
        self._ends: tuple[defaultdict[int, list[int]], ...] = (defaultdict(list), defaultdict(list))

    def step(self, number: int, coming: Coming) -> None:
        """Let go whose time is over, and take in who is new."""
        for publisher in (False, True):
            ends, new = self._ends[publisher], coming.only(publisher=publisher)
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
