"""Several rules, one answer: the safest wins. Out over hold over in, and the highest count within a direction."""

from __future__ import annotations

from collections.abc import Sequence

from autoscaler.model.decision import Direction, Proposal, Verdict


def combine(proposal: Proposal, verdicts: Sequence[Verdict]) -> Proposal:
    """Take the highest wish to grow; shrink only when every rule wants to, and then the least."""
    out = [verdict for verdict in verdicts if verdict.direction is Direction.OUT]
    shrink = [verdict for verdict in verdicts if verdict.direction is Direction.IN]
    if out:
        winner = max(out, key=lambda verdict: verdict.desired)
    elif shrink and len(shrink) == len(verdicts):
        winner = max(shrink, key=lambda verdict: verdict.desired)
    else:
        return proposal
    return proposal.to(winner.desired, winner.rule.partition(":")[0], winner.detail)
