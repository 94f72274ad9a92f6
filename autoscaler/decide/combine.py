"""Several rules, one answer: the safest wins. Out over hold over in, and the highest count within a direction.

A rule that abstains is not asked. Rules of one group speak with one voice, in which being content is no veto (Nomad
Autoscaler's check groups): the group wants in when any of its rules does and none wants out. A rule that holds because
it lacks data is not content: while it does, its group does not shrink.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from autoscaler.model.decision import Direction, Proposal, Verdict


def combine(proposal: Proposal, verdicts: Sequence[Verdict]) -> Proposal:
    """Take the highest wish to grow; shrink only when every voice wants to, and then the least."""
    voices = [verdict for verdict in verdicts if verdict.direction is not Direction.ABSTAIN]
    if any(verdict.group for verdict in voices):
        voices = _voices(voices)
    out = [verdict for verdict in voices if verdict.direction is Direction.OUT]
    shrink = [verdict for verdict in voices if verdict.direction is Direction.IN]
    if out:
        winner = max(out, key=_desired)
    elif shrink and len(shrink) == len(voices):
        winner = max(shrink, key=_desired)
    else:
        return proposal
    return proposal.to(winner.desired, winner.rule.partition(":")[0], winner.detail)


def _voices(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Let each group speak with one voice: its highest wish to grow, else doubt, else its least wish to shrink."""
    groups: defaultdict[str, list[Verdict]] = defaultdict(list)
    for number, verdict in enumerate(verdicts):
        groups[verdict.group or f"#{number}"].append(verdict)
    return [_voice(members) for members in groups.values()]


def _voice(members: Sequence[Verdict]) -> Verdict:
    out, shrink = ([v for v in members if v.direction is direction] for direction in (Direction.OUT, Direction.IN))
    if out:
        return max(out, key=_desired)
    unsure = [verdict for verdict in members if verdict.missing]
    return unsure[0] if unsure else max(shrink, key=_desired, default=members[0])


def _desired(verdict: Verdict) -> int:
    return verdict.desired
