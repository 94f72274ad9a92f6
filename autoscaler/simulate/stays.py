"""Where everybody is, and until when: the people on a cluster's nodes, and those who would like to be there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress

from autoscaler.simulate.crowd import Coming, Share
from autoscaler.simulate.life import Life, Size

Stay = tuple[int, int]
"""A person's place in the order in which they came in, and the stream."""

_FORGOTTEN = 10_000
"""So many who have left are remembered at least, before anybody looks for those who are still there."""


@dataclass(slots=True)
class Came:
    """Who came in, in this order, as columns of one length: where, until when, and the stream.

    Nobody looks at them but where somebody is cut off, so those who left by themselves are forgotten now and then.
    """

    lives: list[Life] = field(default_factory=list)
    last_steps: list[int] = field(default_factory=list)
    streams: list[int] = field(default_factory=list)
    _most: int = _FORGOTTEN

    def add(self, lives: Sequence[Life], last_steps: Sequence[int], streams: Sequence[int], step: int) -> None:
        """Add some; whoever left until `step` may be forgotten."""
        self.lives += lives
        self.last_steps += last_steps
        self.streams += streams
        if len(self.lives) > self._most:
            self.keep([last_step > step for last_step in self.last_steps])
            self._most = 2 * len(self.lives) + _FORGOTTEN

    def keep(self, kept: Sequence[bool]) -> None:
        """Forget the others."""
        self.lives = list(compress(self.lives, kept))
        self.last_steps = list(compress(self.last_steps, kept))
        self.streams = list(compress(self.streams, kept))


class Stays:
    """Who is on a node, by the step in which they leave by themselves; viewers and publishers apart.

    Of most it is enough to know that one leaves a node. Streams are minded of publishers and where fetching costs.
    """

    def __init__(self) -> None:
        """Begin with nobody."""
        self._ends: tuple[defaultdict[int, list[Life]], ...] = (defaultdict(list), defaultdict(list))
        self._came = (Came(), Came())
        self._streams: dict[tuple[Life, int, bool], list[int]] = {}
        self._step = -1

    def add(self, life: Life, last_step: int, stream: int, *, publisher: bool) -> None:
        """Note one who was let in."""
        self._ends[publisher][last_step].append(life)
        self._came[publisher].add((life,), (last_step,), (stream,), self._step)
        if publisher or life.carried is not None:
            self._streams.setdefault((life, last_step, publisher), []).append(stream)

    def add_viewers(self, lives: Sequence[Life], last_steps: Sequence[int], streams: Sequence[int]) -> None:
        """Note viewers who were let in where streams are not minded: each by where, until when, and the stream."""
        ends = self._ends[False]
        for life, last_step in zip(lives, last_steps, strict=True):
            ends[last_step].append(life)
        self._came[False].add(lives, last_steps, streams, self._step)

    def leave(self, step: int) -> None:
        """Let go who wants to go in this step."""
        self._step = step
        viewers, publishers = self._ends
        for life in viewers.pop(step, ()):
            if life.carried is None:
                life.viewers -= 1
            else:
                life.change(self._streams.pop((life, step, False), ()), publisher=False, more=-1)
        for life in publishers.pop(step, ()):
            life.change(self._streams.pop((life, step, True), ()), publisher=True, more=-1)

    def scatter(
        self, lives: Sequence[Life], *, publisher: bool, share: Share | None = None
    ) -> list[tuple[Life, int, int]]:  # fmt: skip
        """Cut off a share of these nodes' viewers, or of their publishers, or all; return each's node, end and stream.

        Of a node those come first who leave together with the one who is there for longest. Of those who leave together
        whoever came last goes.
        """
        came = self._came[publisher]
        gone: list[tuple[Life, int, int]] = []
        kept = [True] * len(came.lives)
        for life, groups in self.on(lives, publisher=publisher).items():
            for last_step, stays in groups.items():
                for number, stream in stays[len(stays) - share.of(len(stays)) if share else 0 :]:
                    kept[number] = False
                    gone.append((life, last_step, stream))
        came.keep(kept)
        for life, last_step, stream in gone:
            self._ends[publisher][last_step].remove(life)
            if minded := self._streams.get((life, last_step, publisher)):
                minded.remove(stream)
            life.change((stream,), publisher=publisher, more=-1)
        return gone

    def on(self, lives: Sequence[Life], *, publisher: bool) -> dict[Life, dict[int, list[Stay]]]:
        """Return of each of these nodes the viewers, or the publishers, by the step in which they leave."""
        came, found = self._came[publisher], {life: dict[int, list[Stay]]() for life in lives}
        for number, (life, last_step, stream) in enumerate(zip(came.lives, came.last_steps, came.streams, strict=True)):
            if last_step > self._step and (groups := found.get(life)) is not None:
                groups.setdefault(last_step, []).append((number, stream))
        return found


class Audience:
    """Who would be here if nobody were ever refused."""

    def __init__(self, size: Size) -> None:
        """Begin with nobody; they cost what they would on nodes of a size."""
        self._everybody = Life(size)
        self._alone = size.whole(size.viewer), size.whole(size.publisher)
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
        """How many nodes would just carry all of them: as many as each kind alone needs, too, for nobody is divided."""
        everybody, most = self._everybody, self._everybody.size.most
        cpu, memory = everybody.size.filled(everybody.viewers, everybody.publishers, everybody.fetched)
        viewers, publishers = self._alone
        return max(
            -(-cpu // most.cpu),
            -(-memory // most.memory),
            -(-everybody.viewers // viewers),
            -(-everybody.publishers // publishers),
        )
