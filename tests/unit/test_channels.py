"""Stochastic channels: exact mean and variance, whole channels, reproducible by seed."""

import numpy as np
import pytest

from potentiate.kinetics.channels import expected_conductance, simulate_channels, simulate_counts
from potentiate.kinetics.rate import Rate
from potentiate.kinetics.scheme import Edge, Scheme
from potentiate.numerics.propagation import sample_sweeps
from potentiate.numerics.sweep_plan import plan_sweeps

SCHEME = Scheme(
    name="four",
    states=("C", "CA", "O", "D"),
    classes=("rest", "bound", "open", "desensitized"),
    bound=(0, 1, 1, 1),
    conductance=(0.0, 0.0, 10.0, 0.0),
    edges=(
        Edge(0, 1, "bind", Rate(0.01, "glutamate"), Rate(2.0)),
        Edge(1, 2, "gate", Rate(5.0), Rate(1.0)),
        Edge(1, 3, "desensitize", Rate(0.5), Rate(0.05)),
    ),
)
Q = np.stack([SCHEME.generator({"glutamate": c}) for c in (0.0, 1000.0)])
REST = np.array([0.7, 0.1, 0.1, 0.1])
G = np.array(SCHEME.conductance)
# borders off the samples, a segment between two samples
SEGMENTS = [(0, 0.53), (1, 5.004), (0, 0.013), (1, 0.01), (0, 4.443)]


def test_mean_and_variance_are_the_expected_ones():
    mean, variance = expected_conductance(SEGMENTS, Q, REST, G, 80, 0.1)
    x = simulate_channels(SEGMENTS, Q, REST, G, 80, 0.1, np.random.default_rng(1), trials=8000)
    assert x.shape == (8000, 101)
    z = (x.mean(axis=0) - mean) / np.sqrt(variance / 8000)
    # about one; the samples of a sweep are correlated, so it scatters like the mean of a few squares
    assert 0.4 < np.sqrt(np.mean(z**2)) < 1.8
    assert np.mean(x.var(axis=0) / variance) == pytest.approx(1.0, abs=0.05)


def test_successive_samples_are_correlated_as_the_chain_says():
    """Cov of open counts at two times is N (P(O, O') - P(O) P(O')); wrong for draws that forget their state."""
    x = simulate_counts([(1, 10.0)], Q, REST, 50, 0.5, np.random.default_rng(2), trials=4000)[:, :, 2]
    plan = plan_sweeps([[(1, 10.0)]], 0.5)
    p = sample_sweeps(plan, Q, REST[None], np.eye(4))[0][0]
    at, lag = 4, 2
    open_then = sample_sweeps(plan, Q, np.eye(4)[2][None], np.eye(4))[0][0][lag, 2]
    expected = 50 * p[at, 2] * (open_then - p[at + lag, 2])
    found = np.cov(x[:, at], x[:, at + lag])[0, 1]
    assert found == pytest.approx(expected, rel=0.12)


def test_one_channel_has_two_levels():
    x = simulate_channels(SEGMENTS, Q, REST, G, 1, 0.1, np.random.default_rng(3), trials=50)
    assert set(np.unique(x)) == {0.0, 10.0}


def test_channels_are_neither_lost_nor_made():
    counts = simulate_counts(SEGMENTS, Q, REST, 37, 0.1, np.random.default_rng(4), trials=20)
    assert counts.dtype == np.int64
    assert (counts >= 0).all()
    assert (counts.sum(axis=-1) == 37).all()


def test_same_seed_same_channels():
    def run(seed):
        return simulate_channels(SEGMENTS, Q, REST, G, 20, 0.1, np.random.default_rng(seed))

    assert run(5).shape == (101,)
    np.testing.assert_array_equal(run(5), run(5))
    assert (run(5) != run(6)).any()


@pytest.mark.parametrize(("segments", "dt_ms"), [(SEGMENTS, 0.1), ([(0, 1.0), (1, 2.0)], 0.3), ([(1, 0.05)], 0.1)])
def test_as_many_samples_as_the_expected_trace(segments, dt_ms):
    mean, _ = expected_conductance(segments, Q, REST, G, 5, dt_ms)
    x = simulate_channels(segments, Q, REST, G, 5, dt_ms, np.random.default_rng(7))
    assert x.shape == mean.shape
