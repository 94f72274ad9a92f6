"""The shipped scenarios: each tells its story, and its sessions never change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autoscaler.adapters.policy_files import policy_files
from autoscaler.simulate.traffic.load import load_traffic, read_generator
from autoscaler.simulate.traffic.sessions import Floats, Ints, Sessions
from tests.support.documents import ROOT, read
from tests.support.traffic import digest, there, whole

TRACES = ROOT / "policies/traces"
PINNED = {
    "evening-peak": "24e7b259c62d6864",
    "flash-crowd": "7aa65ccaf0e52b8f",
    "origin-loss": "6269f2a02215ab40",
    "reconnect-storm": "0a5302e7883bcfc6",
    "slow-drain-tail": "f822b7c6ca9c1653",
    "webinar-cliff": "20be766fd74fcbe0",
    "weekend": "decda13ed3cb99a3",
    "zero-to-2000": "f2d0790a45b28aee",
}
SHORT = "90m"


def sessions(name: str) -> Sessions:
    return whole(load_traffic(TRACES / f"{name}.yaml", 1))


def viewers(name: str, *minutes: float) -> Ints:
    at: Floats = np.array(minutes) * 60.0
    return there(sessions(name), at)


def shortened(file: Path) -> str:
    """The digest of a scenario's first 90 minutes, or of all of it when it is short."""
    traffic = load_traffic(file, 1)
    if traffic.length_s <= 12 * 3600:
        return digest(traffic)
    lines = [f"length: {SHORT}" if line.startswith("length:") else line for line in read(file).splitlines()]
    return digest(read_generator("\n".join(lines), file.name, 1))


@pytest.mark.parametrize("file", sorted(TRACES.glob("*.yaml")), ids=lambda file: file.stem)
def test_sessions_of_a_scenario_are_the_same_for_ever(file: Path) -> None:
    assert shortened(file) == PINNED[file.stem]
    assert load_traffic(file, 1).name == file.stem


def test_each_scenario_is_there() -> None:
    assert {file.stem for file in TRACES.iterdir()} == set(PINNED)


def test_traces_are_no_policies() -> None:
    assert not [file for file in policy_files(ROOT / "policies") if "traces" in file.parts]


def test_evening_peak() -> None:
    noon, evening, night = viewers("evening-peak", 13 * 60, 20.5 * 60, 4 * 60)
    assert evening > 1.3 * noon > 2.5 * night > 0


def test_flash_crowd() -> None:
    before, after, later = viewers("flash-crowd", 388, 402, 480)
    assert after > before + 900
    assert later < after / 2


def test_webinar_cliff() -> None:
    before, full, last, over = viewers("webinar-cliff", 105, 150, 214, 219)
    assert before < 250
    assert min(full, last) > 2300
    assert over < 250


def test_origin_loss() -> None:
    traffic = load_traffic(TRACES / "origin-loss.yaml", 1)
    assert [event.kind for event in traffic.events] == ["node_crash", "stock_out", "node_crash"]
    assert there(whole(traffic), np.array([7200.0]), publisher=True)[0] > 90


def test_slow_drain_tail() -> None:
    late, night = viewers("slow-drain-tail", 60, 7 * 60)
    assert night < late / 2
    drawn = sessions("slow-drain-tail")
    assert (drawn.duration_s[~drawn.publisher] > 4 * 3600).mean() == pytest.approx(1 / 6, abs=0.04)


def test_weekend() -> None:
    thursday, saturday = viewers("weekend", 20.5 * 60, (48 + 20.5) * 60)
    assert saturday > 1.2 * thursday


def test_reconnect_storm() -> None:
    traffic = load_traffic(TRACES / "reconnect-storm.yaml", 1)
    assert [event.kind for event in traffic.events] == ["cut_viewers", "cut_viewers", "haproxy_reload", "node_crash"]
    drawn = whole(traffic)
    assert np.median(drawn.duration_s[~drawn.publisher]) < 240


def test_zero_to_2000() -> None:
    before, rising, there_at_last, later = viewers("zero-to-2000", 9.9, 11.5, 13, 15)
    assert (before, there_at_last, later) == (0, 2000, 2000)
    assert 500 < rising < 1000
    assert there(sessions("zero-to-2000"), np.array([0.0, 600.0]), publisher=True).tolist() == [1, 1]
