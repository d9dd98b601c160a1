"""Widening of least-squares intervals: nothing for white noise, the right factor for noise that sweeps share."""

import numpy as np
import pytest

from potentiate.inference.intervals import widening


def made(rng, sweeps, samples, shared):
    """A line through noise that is white, plus an offset that all samples of a sweep share."""
    jacobian = np.stack([np.ones(sweeps * samples), np.tile(np.linspace(-1, 1, samples), sweeps)], axis=1)
    sweep = np.repeat(np.arange(sweeps), samples)
    noise = rng.normal(size=sweep.size) + shared * rng.normal(size=sweeps)[sweep]
    estimate, *_ = np.linalg.lstsq(jacobian, noise, rcond=None)
    return jacobian, noise - jacobian @ estimate, sweep, estimate


def test_white_noise_is_hardly_widened():
    rng = np.random.default_rng(1)
    factors = [widening(*made(rng, 40, 50, 0.0)[:3], 1.0)[0] for _ in range(50)]
    assert np.min(factors) >= 1.0
    assert np.mean(factors) < 1.12


def test_an_offset_that_a_sweep_shares_widens_the_mean_and_not_the_slope():
    rng = np.random.default_rng(2)
    samples, shared = 50, 0.5
    factors, estimates = [], []
    for _ in range(300):
        jacobian, residual, sweep, estimate = made(rng, 30, samples, shared)
        scale = residual.std()
        factor, by_sweeps = widening(jacobian / scale, residual / scale, sweep, 1.0)
        assert by_sweeps
        factors.append(factor)
        estimates.append(estimate)
    # variance of the mean of a sweep over that of independent samples of the same standard deviation
    expected = np.sqrt((1 / samples + shared**2) / ((1 + shared**2) / samples))
    assert np.mean(factors, axis=0)[0] == pytest.approx(expected, rel=0.05)
    assert np.mean(factors, axis=0)[1] < 1.1
    naive = np.sqrt((1 + shared**2) / (30 * samples))
    assert np.std(estimates, axis=0)[0] / naive == pytest.approx(expected, rel=0.1)


def test_few_sweeps_leave_the_correlation_time():
    rng = np.random.default_rng(3)
    factor, by_sweeps = widening(*made(rng, 6, 50, 1.0)[:3], 4.0)
    assert not by_sweeps
    np.testing.assert_allclose(factor, 2.0)


def test_a_parameter_without_effect_does_not_break_it():
    rng = np.random.default_rng(4)
    jacobian, residual, sweep, _ = made(rng, 30, 20, 0.0)
    factor, by_sweeps = widening(np.column_stack([jacobian, np.zeros(len(jacobian))]), residual, sweep, 1.0)
    assert not by_sweeps
    np.testing.assert_allclose(factor, 1.0)
