"""Several rules, one answer: the safest wins. Out over hold over in, and the highest count within a direction.

A rule that abstains is not asked. Rules of one group speak with one voice, in which holding is no veto (Nomad
Autoscaler's check groups): the group wants in when any of its rules does and none wants out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from autoscaler.model.decision import Direction, Proposal, Verdict


def combine(proposal: Proposal, verdicts: Sequence[Verdict]) -> Proposal:
    """Take the highest wish to grow; shrink only when every voice wants to, and then the least."""
    voices = _voices([verdict for verdict in verdicts if verdict.direction is not Direction.ABSTAIN])
    out = [verdict for verdict in voices if verdict.direction is Direction.OUT]
    shrink = [verdict for verdict in voices if verdict.direction is Direction.IN]
    if out:
        winner = max(out, key=lambda verdict: verdict.desired)
    elif shrink and len(shrink) == len(voices):
        winner = max(shrink, key=lambda verdict: verdict.desired)
    else:
        return proposal
    return proposal.to(winner.desired, winner.rule.partition(":")[0], winner.detail)


def _voices(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Let each group speak with one voice: its highest wish to grow, else its least wish to shrink, else a hold."""
    groups: defaultdict[str, list[Verdict]] = defaultdict(list)
    for number, verdict in enumerate(verdicts):
        groups[verdict.group or f"#{number}"].append(verdict)
    return [_voice(members) for members in groups.values()]


def _voice(members: Sequence[Verdict]) -> Verdict:
    for direction in (Direction.OUT, Direction.IN):
        wishes = [verdict for verdict in members if verdict.direction is direction]
        if wishes:
            return max(wishes, key=lambda verdict: verdict.desired)
    return members[0]
