"""What is written out by hand is what the library computes, to the last bits."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from autoscaler.simulate.traffic.draws import Draws, LogNormal, Popularity, Purpose, gaps
from autoscaler.simulate.traffic.exact import exp, ln, normal

UNIFORM = Draws(7, Purpose.ARRIVALS).first(20_000)
EDGES = np.array([2.0**-54, 1e-300, 1e-12, 0.5, 0.7071067811865475, 0.7071067811865476, 1 - 2.0**-53, 1.0, 3e9])


def test_logarithms() -> None:
    x = np.concatenate([UNIFORM, EDGES, 1 / UNIFORM])
    assert np.allclose(ln(x), np.log(x), rtol=1e-15, atol=1e-18)


def test_exponentials() -> None:
    x = np.concatenate([(UNIFORM - 0.5) * 1400, [0.0, 1.0, -1.0, 1e-9]])
    assert np.allclose(exp(x), np.exp(x), rtol=1e-15, atol=0)
    assert exp(np.array([1e9, -1e9])).tolist() == exp(np.array([700.0, -700.0])).tolist()


def test_normal_quantiles() -> None:
    p = np.concatenate([UNIFORM[:5000], EDGES[[0, 2, 3, 6]], [0.0749, 0.0751, 0.9249, 0.9251, 1e-11, 2e-11]])
    known = [NormalDist().inv_cdf(value) for value in p.tolist()]
    assert np.allclose(normal(p), known, rtol=1e-14, atol=1e-15)


def test_the_uniform_numbers_are_splitmix64s() -> None:
    """The reference implementation's first outputs for the seed 1234567 are printed in many places."""
    state, outputs = 1234567, [6457827717110365317, 3203168211198807973, 9817491932198370423]
    golden = 0x9E3779B97F4A7C15
    draws = Draws(0, Purpose.ARRIVALS)
    assert draws.first(3).tolist() == pytest.approx(draws.at(np.array([0, 1, 2])).tolist(), abs=0)
    from_state = [_splitmix(state + (number + 1) * golden) for number in range(3)]
    assert from_state == outputs
    key = _splitmix(_splitmix(0 + (Purpose.ARRIVALS + 1) * golden) + 1 * golden)
    expected = [((_splitmix(key + number * golden) >> 11) + 0.5) * 2.0**-53 for number in range(3)]
    assert draws.first(3).tolist() == expected


def _splitmix(x: int) -> int:
    mask = (1 << 64) - 1
    x &= mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def test_rows_of_draws_are_uniform_and_differ() -> None:
    rows = [Draws(seed, purpose, of).first(4000) for seed in (1, 2, -1) for purpose in Purpose for of in (0, 1)]
    for row in rows:
        counts = np.histogram(row, bins=20, range=(0, 1))[0]
        assert ((counts - 200) ** 2 / 200).sum() < 60  # chi squared with 19 degrees: one in three million
    assert len({float(row[0]) for row in rows}) == len(rows)
    pairs = np.atleast_2d(np.corrcoef(np.array(rows)))
    assert np.abs(np.triu(pairs, 1)).max() < 0.1


def test_a_draw_does_not_depend_on_how_many_are_taken() -> None:
    draws = Draws(3, Purpose.STAYS)
    assert draws.first(10)[4:7].tolist() == draws.first(3, start=4).tolist()


def test_stays_have_the_median_and_the_mean_that_are_told() -> None:
    stay = LogNormal(600.0, 1.0)
    drawn = stay.tenths(UNIFORM) / 10
    assert np.median(drawn) == pytest.approx(600, rel=0.03)
    assert drawn.mean() == pytest.approx(stay.mean_s, rel=0.03)
    assert stay.mean_s == pytest.approx(600 * np.exp(0.5), rel=1e-12)
    limited = LogNormal(600.0, 1.0, most_s=900.0, least_s=300.0).tenths(UNIFORM)
    assert (limited.min(), limited.max()) == (3000, 9000)


def test_what_is_left_of_stays_is_longer_than_half_of_them() -> None:
    """Met at random, the long ones are met more often: the mean of what is left is (mean² + variance) / 2 mean."""
    stay = LogNormal(600.0, 0.8)
    left = stay.rest_tenths(UNIFORM, Draws(8, Purpose.RESIDUALS).first(len(UNIFORM))) / 10
    second = 600.0**2 * np.exp(2 * 0.8**2)
    assert left.mean() == pytest.approx(second / (2 * stay.mean_s), rel=0.05)


def test_gaps_have_a_mean_of_one() -> None:
    assert gaps(UNIFORM).mean() / (1 << 24) == pytest.approx(1, rel=0.03)


def test_popularity_follows_zipf() -> None:
    chosen = np.bincount(Popularity(50, 1.0).choose(UNIFORM), minlength=50)
    harmonic = (1 / np.arange(1, 51)).sum()
    assert chosen[:3] / len(UNIFORM) == pytest.approx([1 / harmonic, 1 / 2 / harmonic, 1 / 3 / harmonic], rel=0.06)
    assert np.bincount(Popularity(4, 0.0).choose(UNIFORM)) / len(UNIFORM) == pytest.approx([0.25] * 4, rel=0.05)
    assert Popularity(50, 1.0).choose(UNIFORM, among=3).max() == 2
    assert Popularity(2, 5.0).choose(UNIFORM, among=9).max() == 1
