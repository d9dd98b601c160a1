"""The fit that counts channels: its likelihood, its derivative, and what it knows beyond least squares."""

import dataclasses

import numpy as np
import pytest

from potentiate import Bath, Patch, Rig, find_scheme, protocols, run
from potentiate.errors import UsageError
from potentiate.inference.channel_noise import _edges, channel_noise
from potentiate.inference.experiment import Experiment
from potentiate.inference.fit import fit
from potentiate.inference.model import Model
from potentiate.inference.problem import Problem
from potentiate.kinetics.bins import plan_bins
from potentiate.kinetics.channels import simulate_counts
from potentiate.kinetics.macroscopic_likelihood import predict_current

SCHEME = find_scheme("Partin1996")
PULSE = protocols.jump(width_ms=15.0, after_ms=18.0, dt_ms=0.1)


@pytest.fixture(scope="module")
def problem():
    patch = Patch(SCHEME, channels=150, stochastic=True, unitary_pS=12.0, rig=Rig(noise_pA=0.8))
    recording = run(patch, PULSE, [Bath()] * 4, seed=11)
    free = {"closing": ["O->RA2"], "desensitization": ["RA2->RdA2"]}
    return Problem(Model(SCHEME, free), (Experiment(recording, PULSE),))


@pytest.fixture(scope="module")
def counted(problem):
    return fit(problem, objective="kalman", starts=1, intervals="curvature")


def test_channels_and_rates_are_found(counted):
    assert counted.objective == "kalman"
    assert counted.nuisance["channels"][0] == pytest.approx(150, rel=0.35)
    assert counted.nuisance["conductance_pS"][0] == pytest.approx(12.0, rel=0.35)
    assert counted.nuisance["noise_pA"][0] == pytest.approx(0.8, rel=0.05)
    for name, planted in (("closing", 1.5), ("desensitization", 8.0)):
        assert counted[name].low < planted < counted[name].high
        assert counted[name].word == "determined"
    assert counted.n_samples < 0.5 * counted.problem.samples[0]  # means of growing bins
    assert counted.correlation_time == 1.0


def test_least_squares_is_surer_than_it_may_be(problem, counted):
    """Without the widening, least squares claims far more than the likelihood that counts channels."""
    squares = fit(problem, starts=1, intervals="curvature")
    assert squares.correlation_time > 3
    naive = squares.information.directions[0].sd / np.sqrt(squares.correlation_time)
    assert naive < 0.6 * counted.information.directions[0].sd


def test_the_gradient_is_that_of_the_value(problem, counted):
    objective = channel_noise(problem, counted.theta, np.array([0.8]), growth=0.05)
    value, gradient = objective.value_and_gradient(objective.start)
    assert value == pytest.approx(float(objective.log_likelihood(objective.start, xp=np)), rel=1e-10)
    for k in range(len(gradient)):
        step = np.zeros_like(gradient)
        step[k] = 1e-5
        ends = [objective.value_and_gradient(objective.start + side * step)[0] for side in (1, -1)]
        assert gradient[k] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=2e-5, abs=1e-3)
    assert objective._compiled._cache_size() == 1
    assert len(objective.names) == len(objective.start)


def test_bins_grow_from_each_switch_and_never_span_one():
    edges = _edges([(0, 5.03), (1, 10.0), (0, 40.0)], 551, 0.1, 0.05)
    assert edges[0] == 0
    assert edges[-1] == 551
    width = np.diff(edges)
    for border in (51, 151):  # samples whose interval holds a switch stand alone
        k = int(np.searchsorted(edges, border))
        assert edges[k] == border
        assert width[k] == 1
    assert set(width) <= {1, 2, 3, 4, 6, 8, 12, 16}
    assert width.max() >= 12
    np.testing.assert_array_equal(_edges([(0, 5.0)], 51, 0.1, 0.0), np.arange(52))


def test_a_mean_of_samples_has_the_variance_of_simulated_means():
    """Flicker that is fast against the sampling interval is not averaged as an integral would."""
    q = np.array([[[-40.0, 40.0], [25.0, -25.0]]])
    current, start = np.array([0.0, -1.0]), np.array([25.0, 40.0]) / 65
    plan = plan_bins([[[(0, 0.1)]] * 3], [[1, 8, 6]])
    unknown = np.full((1, 3), np.nan)
    mean, variance = predict_current(plan, unknown, q, current, start, 50.0, 0.0, reading="mean of samples")
    singles = plan_bins([[[(0, 0.1)]] * 15])
    rng = np.random.default_rng(5)
    counts = simulate_counts([(0, 1.5)], q, start, 50, 0.1, rng, trials=20_000)[:, 1:] @ current
    means = np.stack([counts[:, 0], counts[:, 1:9].mean(axis=1), counts[:, 9:].mean(axis=1)])
    np.testing.assert_allclose(means.mean(axis=1), mean[0], rtol=5e-3)
    np.testing.assert_allclose(means.var(axis=1), variance[0], rtol=0.05)
    _, integral = predict_current(
        plan_bins([[[(0, 0.8)]]]), unknown[:, :1], q, current, start, 50.0, 0.0, reading="average"
    )
    assert integral[0, 0] < 0.5 * variance[0, 1]
    single = predict_current(singles, np.full((1, 15), np.nan), q, current, start, 50.0, 0.0, reading="sample")[1]
    np.testing.assert_allclose(single[0, 0], variance[0, 0])


def test_what_cannot_be_binned_is_refused(problem):
    e = problem.experiments[0]
    use = np.ones(e.recording.time_ms.size, dtype=bool)
    use[300] = False
    holed = Problem(problem.model, (dataclasses.replace(e, use=use),))
    with pytest.raises(UsageError, match="left out"):
        channel_noise(holed, holed.table.start, np.array([0.8]), growth=0.05)._bins  # noqa: B018
    filtered = Problem(problem.model, (dataclasses.replace(e, filter_kHz=2.0),))
    with pytest.raises(UsageError, match="behind a filter"):
        channel_noise(filtered, filtered.table.start, np.array([0.8]), growth=0.05)._bins  # noqa: B018
    with pytest.raises(UsageError, match="counted by cell"):
        channel_noise(dataclasses.replace(problem, amplitude="sweep"), problem.table.start, np.array([0.8]))
    with pytest.raises(UsageError, match="Unknown objective"):
        fit(problem, objective="magic")
