"""Posteriors by NUTS: against an analytic one and against profile intervals; diagnostics, words, files, interrupts."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import norm

from potentiate import Patch, Rig, find_scheme, protocols, run
from potentiate.errors import DataError, NumericalError, UnknownNameError, UsageError
from potentiate.inference.calibration_check import coverage, rank_of_truth, uniformity
from potentiate.inference.channel_noise import channel_noise
from potentiate.inference.convergence import ess, ess_bulk, ess_tail, r_hat
from potentiate.inference.experiment import Experiment
from potentiate.inference.fit import fit
from potentiate.inference.model import Model
from potentiate.inference.nuts import Nuts
from potentiate.inference.posterior import as_target, run_chains, sample
from potentiate.inference.posterior_predictive import predict
from potentiate.inference.posterior_store import load_posterior
from potentiate.inference.priors import Prior, around, default_prior
from potentiate.inference.target import Target, with_data
from potentiate.kinetics.rate_map import RateParameter

SCHEME = find_scheme("Partin1996")
PULSE = protocols.jump(width_ms=8.0, after_ms=10.0, dt_ms=0.1)


# ------------------------------------------------------------------------------------ against an analytic posterior


def linear(data):
    """Straight lines through data with unit noise; the fourth number is not in the model."""
    x = np.linspace(-1.0, 1.0, 40)
    design = np.stack([np.ones(40), x, x**2, np.zeros(40)], axis=1)
    information = design.T @ design

    def log_likelihood(theta, data):
        return -0.5 * jnp.sum((data - design @ theta) ** 2)

    optimum = np.append(np.linalg.lstsq(design[:, :3], data, rcond=None)[0], 0.0)
    parameters = tuple(RateParameter(n, "", 0.0, "linear", -50.0, 50.0) for n in ("level", "slope", "bend", "absent"))
    priors = (Prior(0.0, 2.0), Prior(0.0, 2.0), Prior(0.0, 2.0, -50.0, 50.0), Prior(1.0, 3.0, -2.0, 8.0))
    return Target(
        parameters, ("",) * 4, log_likelihood, data, optimum, information, priors, "test", "", None
    ), design[:, :3]  # fmt: skip


DATA = np.random.default_rng(5).standard_normal(40) + np.linspace(0.0, 3.0, 40)


@pytest.fixture(scope="module")
def sampler():
    target, _ = linear(DATA)
    return Nuts(target.log_likelihood, target.priors, warmup=300, chunk=50)


@pytest.fixture(scope="module")
def drawn(sampler):
    return run_chains(sampler, linear(DATA)[0], draws=1500, warmup=300, chains=2, seed=4)


def test_a_linear_problem_has_the_posterior_of_the_textbook(drawn):
    _, design = linear(DATA)
    covariance = np.linalg.inv(design.T @ design + np.eye(3) / 4)
    mean = covariance @ design.T @ DATA
    theta = drawn.theta.reshape(-1, 4)
    error = np.sqrt(np.diag(covariance)) / np.sqrt([m.ess_bulk for m in drawn.marginals[:3]])
    assert np.all(np.abs(theta[:, :3].mean(axis=0) - mean) < 4 * error)
    np.testing.assert_allclose(np.cov(theta[:, :3].T), covariance, atol=0.12 * np.diag(covariance).max())
    for k in range(3):
        expected = norm.ppf([0.025, 0.975], mean[k], np.sqrt(covariance[k, k]))
        np.testing.assert_allclose([drawn.marginals[k].low, drawn.marginals[k].high], expected, atol=6 * error[k])
    assert drawn.status == "ok"
    assert [m.word for m in drawn.marginals] == ["determined"] * 3 + ["not determined"]


def test_what_the_data_do_not_touch_keeps_its_prior(drawn):
    absent = drawn["absent"]
    assert "the posterior is the prior" in absent.reason
    assert absent.share_of_prior_sd == pytest.approx(1.0, abs=0.1)
    quantiles = np.quantile(drawn.theta[..., 3], [0.1, 0.5, 0.9])
    np.testing.assert_allclose(quantiles, drawn.priors[3].quantile(np.array([0.1, 0.5, 0.9])), atol=0.35)
    assert absent.observable().status == "not determined"


def test_one_compilation_serves_all_chains_and_other_data(sampler, drawn):
    moved = run_chains(sampler, linear(DATA + 1.0)[0], draws=200, warmup=300, chains=1, seed=1)
    assert moved["level"].mean - drawn["level"].mean == pytest.approx(1.0, abs=0.15)
    assert sampler.init._cache_size() == sampler.advance._cache_size() == 1


def test_the_same_seed_draws_the_same(sampler):
    short = functools.partial(run_chains, sampler, linear(DATA)[0], draws=50, warmup=300, chains=1)
    first, again, other = short(seed=7), short(seed=7), short(seed=8)
    np.testing.assert_array_equal(first.theta, again.theta)
    assert not np.array_equal(first.theta, other.theta)


def test_interruption_keeps_finished_draws(sampler):
    def stop(after):
        def progress(what, done, total):
            if done >= after:
                raise KeyboardInterrupt

        return progress

    target = linear(DATA)[0]
    short = functools.partial(run_chains, sampler, target, draws=200, warmup=300, chains=2, seed=1)
    assert short(progress=stop(400)).theta.shape == (1, 100, 4)
    kept = short(progress=stop(950))
    assert kept.status == "interrupted"
    assert kept.theta.shape == (2, 150, 4)
    assert short(progress=stop(850)).theta.shape == (1, 200, 4)
    with pytest.raises(KeyboardInterrupt):
        short(progress=stop(250))


def test_few_draws_are_not_called_converged(sampler):
    few = run_chains(sampler, linear(DATA)[0], draws=50, warmup=300, chains=1, seed=1)
    assert few.status == "not converged"
    assert few["slope"].word == "not converged"
    assert "independent draws" in few["slope"].reason or "R-hat" in few["slope"].reason
    assert few["slope"].observable().status == "solver"


def test_a_likelihood_that_is_never_a_number_is_reported(sampler):
    target = dataclasses.replace(linear(DATA)[0], data=np.full(40, np.nan))
    with pytest.raises(NumericalError, match="cannot leave its start"):
        run_chains(sampler, target, draws=50, warmup=300, chains=1, seed=1)


# ------------------------------------------------------------------------------------------- against a fitted patch


@pytest.fixture(scope="module")
def fitted():
    scheme = SCHEME
    recording = run(Patch(scheme, channels=300, rig=Rig(noise_pA=0.5)), PULSE, seed=3)
    model = Model(scheme, {"closing": ["O->RA2"], "desensitization": ["RA2->RdA2"], "exit": ["RdA2->RdA"]})
    return fit(model, Experiment(recording, PULSE), starts=1)


@pytest.fixture(scope="module")
def posterior(fitted):
    return sample(fitted, draws=600, warmup=200, chains=2, seed=2)


def test_posterior_intervals_agree_with_profile_intervals(fitted, posterior):
    for name in ("closing", "desensitization"):
        estimate, marginal = fitted[name], posterior[name]
        assert marginal.word == estimate.word == "determined"
        width = np.log(estimate.high / estimate.low)
        assert abs(np.log(marginal.low / estimate.low)) < 0.12 * width
        assert abs(np.log(marginal.high / estimate.high)) < 0.12 * width
        assert marginal.r_hat < 1.01


def test_a_rate_that_the_profile_does_not_bound_is_not_determined(fitted, posterior):
    assert fitted["exit"].word == "one-sided"
    assert posterior["exit"].word == "one-sided"
    assert posterior["exit"].reason == "not bounded below: that end is the prior's"


def test_a_saved_posterior_holds_draws_diagnostics_and_provenance(posterior, tmp_path):
    found = load_posterior(posterior.save(tmp_path / "posterior.nc"))
    assert not list(tmp_path.glob("*.part"))
    assert found["draws"].dims == ("chain", "draw", "parameter")
    np.testing.assert_allclose(found["draws"].sel(parameter="closing").median(), posterior["closing"].median)
    np.testing.assert_allclose(found["r_hat"], [m.r_hat for m in posterior.marginals])
    assert found.attrs["seed"] == 2
    assert found.attrs["scheme"] == "Partin1996"
    assert "integrated out" in found.attrs["treatment"]
    (tmp_path / "no.nc").write_bytes(b"CDF\x01 nothing")
    with pytest.raises(DataError):
        load_posterior(tmp_path / "no.nc")


def test_predictions_cover_the_data_and_reach_other_protocols(fitted, posterior):
    e = fitted.problem.experiments[0]
    found = predict(posterior, 0, draws=60, seed=3)
    low, high = np.quantile(found["current_pA"].values[:, 0], [0.05, 0.95], axis=0)
    inside = np.mean((low <= e.recording.sweeps[0]) & (e.recording.sweeps[0] <= high))
    assert 0.82 < inside < 0.94
    longer = protocols.jump(width_ms=1.0, after_ms=10.0, dt_ms=0.1)
    other = run(Patch(SCHEME, channels=300), longer)
    ahead = predict(posterior, Experiment(other, longer), draws=60)["mean_pA"]
    assert float(ahead.std("draw").max()) < 3.0
    assert np.all(np.abs(ahead.mean("draw")[0] - other.sweeps[0]) < 4 * ahead.std("draw")[0] + 1e-9)
    with pytest.raises(UsageError, match="Nothing is known of the amplitude"):
        predict(posterior, Experiment(other, longer, cell="another"))


def test_counting_channels_is_sampled_with_channels_conductance_and_noise(fitted):
    own = {"channels": np.array([300.0]), "conductance_pS": np.array([10.0]), "noise_pA": np.array([0.5])}
    target = as_target(dataclasses.replace(fitted, objective="kalman", nuisance=own))
    assert target.names[3:] == ("channels [cell 1]", "conductance [cell 1]", "noise [cell 1]", "offset 0.0")
    assert [p.unit for p in target.parameters[3:]] == ["", "pS", "pA", "pA"]
    np.testing.assert_allclose(np.exp(target.optimum[3:6]), [300.0, 10.0, 0.5])
    assert [p.precision for p in target.priors[3:]] == [0.0] * 4
    assert np.all(np.diag(target.information)[[0, 1, 3, 4, 5, 6]] > 0)
    moved = with_data(fitted.problem, (1.1 * fitted.problem.groups[0].data_pA,))
    objective = channel_noise(moved, fitted.theta, own["noise_pA"], growth=0.05)
    readings = tuple(b.reading_pA for b in objective._bins)
    expected = objective.log_likelihood(target.optimum, xp=np)
    assert float(jax.jit(target.log_likelihood)(target.optimum, readings)) == pytest.approx(expected, rel=1e-9)


# ------------------------------------------------------------------------------------------ parts without a sampler


def test_effective_sizes_are_those_of_an_autoregression():
    rng = np.random.default_rng(1)
    for rho in (-0.3, 0.0, 0.6, 0.9):
        noise = rng.standard_normal((4, 6000))
        chains = lfilter([np.sqrt(1 - rho**2)], [1.0, -rho], noise, axis=1)[:, 1000:]
        expected = chains.size * (1 - rho) / (1 + rho)
        for estimate in (ess(chains), ess_bulk(chains)):
            assert estimate == pytest.approx(min(expected, chains.size * np.log10(chains.size)), rel=0.25)
        assert r_hat(chains) < 1.01
        assert 0 < ess_tail(chains) <= chains.size * 1.5


def test_effective_size_agrees_with_numpyro():
    from numpyro.diagnostics import effective_sample_size

    chains = np.cumsum(np.random.default_rng(2).standard_normal((3, 400)), axis=1) * 0.05
    chains += np.random.default_rng(3).standard_normal((3, 400))
    halves = np.concatenate([chains[:, :200], chains[:, 200:]])
    assert ess(chains) == pytest.approx(float(effective_sample_size(halves)), rel=0.05)


def test_r_hat_sees_places_spreads_and_drift():
    rng = np.random.default_rng(3)
    base = rng.standard_normal((2, 1000))
    assert r_hat(base + np.array([[0.0], [0.5]])) > 1.02
    assert r_hat(base * np.array([[1.0], [2.0]])) > 1.02
    assert r_hat(base + np.linspace(0, 1, 1000)) > 1.02
    assert np.isnan(r_hat(np.ones((2, 100))))
    assert np.isnan(ess_bulk(np.full((2, 100), np.nan)))


def test_a_prior_is_a_distribution():
    for prior in (Prior(0.3, 2.0, -1.0, 5.0), Prior(0.0, np.inf, -1.0, 3.0), Prior(0.0, 1.0)):
        p = np.linspace(0.01, 0.99, 9)
        np.testing.assert_allclose(prior.cdf(prior.quantile(p)), p, atol=1e-12)
    rate = RateParameter("closing", "1/ms", 2.0)
    assert default_prior(rate).describe(rate) == "log-normal, 2 1/ms times or over 10, cut off at 0.002 and 2000 1/ms"
    assert float(np.exp(around(rate, 5.0, 1.5).centre)) == pytest.approx(5.0)
    for bad in (lambda: Prior(0, np.inf), lambda: Prior(0, 1, 2, 1), lambda: around(rate, 1.0, 0.5)):
        with pytest.raises(UsageError):
            bad()


def test_bad_requests_say_what_to_do():
    target = linear(DATA)[0]
    with pytest.raises(UnknownNameError):
        sample(target, priors={"slop": Prior(0.0, 1.0)})
    with pytest.raises(UsageError, match="at least 10"):
        sample(target, draws=3)
    with pytest.raises(UsageError, match="one side only"):
        sample(target, priors={"slope": Prior(0.0, 1.0, 0.0)})


# ------------------------------------------------------------------------------------------------ calibration checks


def test_ranks_of_a_true_posterior_are_uniform_and_those_of_a_narrow_one_are_not():
    rng = np.random.default_rng(11)
    truths = rng.standard_normal(400)
    data = truths + rng.standard_normal(400)  # posterior: normal, data / 2, variance 1/2
    found = {}
    for name, factor, shift in (("right", 1.0, 0.0), ("narrow", 0.5, 0.0), ("wide", 2.0, 0.0), ("high", 1.0, 0.4)):
        draws = data[:, None] / 2 + shift + factor * np.sqrt(0.5) * rng.standard_normal((400, 99))
        ranks = np.array([rank_of_truth(d[:, None], t[None], 99)[0] for d, t in zip(draws, truths, strict=True)])
        found[name] = uniformity(ranks, 99)
    assert [found[k].shape for k in ("right", "narrow", "wide", "high")] == [
        "uniform", "too narrow", "too wide", "too high",
    ]  # fmt: skip
    assert found["right"].counts.sum() == 400
    assert found["right"].p_value > 0.05 > found["narrow"].p_value
    with pytest.raises(UsageError, match="worth"):
        rank_of_truth(np.zeros((100, 1)), np.zeros(1), effective=20)


def test_coverage_tells_narrow_intervals_from_honest_ones():
    rng = np.random.default_rng(2)
    error = rng.standard_normal(500)
    for factor, word in ((1.0, "as claimed"), (0.6, "too narrow"), (1.6, "too wide")):
        half = factor * norm.ppf(0.9)
        found = coverage(error - half, error + half, np.zeros(500), 0.8)
        assert found.word == word
        assert found.low < found.share < found.high
    with pytest.raises(UsageError):
        coverage(np.array([np.nan]), np.array([1.0]), np.array([0.5]), 0.8)
