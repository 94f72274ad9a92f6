"""What is remembered of launches: a promise, until EC2 lists what came of it."""

from __future__ import annotations

import pytest

from autoscaler.decide.roster import call_roll
from autoscaler.decide.track import track
from autoscaler.model.memory import LaunchRecord, Memory
from tests.support.fleet import NOW, node, seconds, snapshot, view


def remembered(*launches: LaunchRecord) -> Memory:
    return Memory(launches=launches)


@pytest.mark.parametrize(
    "promise",
    [LaunchRecord("t", "subnet-a", "", 1, NOW, ("i-1",)), LaunchRecord("t", "subnet-a", "", 1, NOW)],
    ids=["answered", "never answered"],
)
def test_a_node_that_ends_soon_after_its_launch_is_not_awaited_again(promise: LaunchRecord) -> None:
    seen = track(view(snapshot(node(1, token="t")), memory=remembered(promise)))
    gone = snapshot(at=NOW + seconds(30))
    assert call_roll(view(gone, memory=track(view(gone, memory=seen)))).current == 0


def test_what_is_not_listed_yet_stays_promised() -> None:
    promise = LaunchRecord("t", "subnet-a", "", 2, NOW, ("i-1", "i-2"))
    unanswered = LaunchRecord("u", "subnet-a", "", 3, NOW)
    shot = snapshot(node(1, token="t"))
    after = track(view(shot, memory=remembered(promise, unanswered)))
    assert [(launch.token, launch.instance_ids) for launch in after.launches] == [("t", ("i-2",)), ("u", ())]
    assert call_roll(view(shot, memory=after)).unseen == 1 + 3
