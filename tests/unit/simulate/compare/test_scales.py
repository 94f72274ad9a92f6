"""Every measure is compared, or it is known why not."""

from __future__ import annotations

from autoscaler.simulate.compare.scales import ALWAYS_SHOWN, MEASURES, WORSE_WHEN_MORE
from tests.support.played import measured, played, tick

NO_MEASURES = {"policy", "trace", "seed", "wall_s", "digest"}


def test_no_measure_of_simulate_is_forgotten() -> None:
    assert {*MEASURES} | NO_MEASURES == measured(played([tick(0)])).plain().keys()
    assert len(set(MEASURES)) == len(MEASURES)
    assert set(ALWAYS_SHOWN) <= set(WORSE_WHEN_MORE)
