"""The intervals of fluctuation analysis cover: neighbouring samples of a sweep are correlated, sweeps are not."""

import numpy as np
import pytest

from potentiate.errors import UsageError
from potentiate.kinetics.channels import simulate_channels
from potentiate.measures import nonstationary_noise
from potentiate.measures.noise import _moments

DT, I_PA, N, SWEEPS, PATCHES = 0.2, -2.0, 30, 100, 60


@pytest.fixture(scope="module")
def patches():
    """60 patches of 30 channels, each with 100 sweeps of a 0.5 ms pulse that opens most of them."""
    generators = np.array([[[0.0, 0.0], [0.3, -0.3]], [[-3.0, 3.0], [0.3, -0.3]]])
    rng = np.random.default_rng(1)
    shut, open_ = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    segments = [(0, 2.0), (1, 0.5), (0, 15.5)]
    counts = simulate_channels(segments, generators, shut, open_, N, DT, rng, trials=SWEEPS * PATCHES)
    y = I_PA * counts + rng.normal(0, 1.0, counts.shape)
    return np.arange(y.shape[1]) * DT, y.reshape(PATCHES, SWEEPS, -1)


def test_intervals_cover_the_truth(patches):
    t, all_of_them = patches
    hits = np.zeros(2)
    for y in all_of_them:
        found = nonstationary_noise(t, y, convention="unscaled", resamples=100)
        for k, (o, truth) in enumerate(((found.unitary_current, I_PA), (found.channels, N))):
            low, high = o.interval or (None, None)
            hits[k] += (low is None or low < truth) and (high is None or truth < high)
    # nominal: 57 of 60
    assert (hits >= 51).all(), hits


def test_moments_are_those_of_the_resampled_sweeps(patches):
    y = patches[1][0][:, 12:60]
    heights = y[:, 0] + 5.0
    picks = np.random.default_rng(2).integers(0, SWEEPS, SWEEPS)
    weights = np.bincount(picks, minlength=SWEEPS)[None].astype(float)
    for scaled in (False, True):
        mean, variance = _moments(y, heights, weights, scaled=scaled)
        again, share = y[picks], heights[picks] / heights[picks].mean()
        model = again.mean(axis=0) * (share[:, None] if scaled else 1.0)
        assert mean[0] == pytest.approx(again.mean(axis=0))
        assert variance[0] == pytest.approx(((again - model) ** 2).sum(axis=0) / (SWEEPS - 1))


def test_same_seed_same_interval(patches):
    t, all_of_them = patches
    first, second, other = (
        nonstationary_noise(t, all_of_them[0], convention="unscaled", seed=seed).unitary_current for seed in (1, 1, 2)
    )
    assert first == second
    assert first.value == other.value
    assert first.interval != other.interval
    with pytest.raises(UsageError, match="too few for an interval"):
        nonstationary_noise(t, all_of_them[0], resamples=10)
