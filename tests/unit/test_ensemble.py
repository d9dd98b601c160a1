"""Ensembles: JAX agrees with NumPy, compiles once, differentiates; memory is bounded by the chunk."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from potentiate.errors import NumericalError, UsageError
from potentiate.kinetics import ensemble as module
from potentiate.kinetics.ensemble import (
    Ensemble,
    enable_compilation_cache,
    rates_to_generators,
    require_float64,
    simulate,
)
from potentiate.library.scheme import find_scheme
from potentiate.numerics.matrix_exponential import settle, stationary, transition_matrix
from potentiate.numerics.propagation import sample_sweeps
from potentiate.numerics.sweep_plan import plan_sweeps

SCHEME = find_scheme("Coombs2017")
LOG_K = np.log(SCHEME.constants)
FACTORS = np.stack([SCHEME.factors({"glutamate": c}) for c in (0.0, 300.0, 10_000.0)])
REST = SCHEME.equilibrium({"glutamate": 0.0})
OPEN = np.array(SCHEME.conductance)[:, None] / 38.6
# pulses on and off the samples, a pair of pulses, three concentrations
SWEEPS = [
    [(0, 0.5), (2, 1.0), (0, 18.5)],
    [(1, 5.013), (0, 14.987)],
    [(0, 0.21), (2, 1.0), (0, 4.0), (2, 1.0), (0, 13.79)],
]


def several(n, seed=0, spread=0.2):
    return LOG_K + spread * np.random.default_rng(seed).normal(size=(n, len(LOG_K)))


@pytest.fixture(scope="module")
def plan():
    return plan_sweeps(SWEEPS, 0.05)


@pytest.fixture(scope="module")
def ensemble(plan):
    return Ensemble(SCHEME, plan, FACTORS, OPEN, REST)


def test_generators_are_those_of_the_scheme():
    q = rates_to_generators(SCHEME, LOG_K, FACTORS)
    for got, c in zip(q, (0.0, 300.0, 10_000.0), strict=True):
        np.testing.assert_allclose(got, SCHEME.generator({"glutamate": c}), rtol=1e-14, atol=1e-12)
    assert rates_to_generators(SCHEME, several(4), FACTORS).shape == (4, 3, 17, 17)


def test_numpy_and_jax_agree(plan, ensemble):
    sets = several(3)
    by_jax = ensemble.simulate(sets)
    by_numpy = simulate(plan, SCHEME, sets, FACTORS, REST, OPEN)
    assert by_jax.shape == (3, 3, plan.n_samples, 1)
    np.testing.assert_allclose(by_jax, by_numpy, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        simulate(plan, SCHEME, sets, FACTORS, REST, OPEN, xp=jnp), by_numpy, rtol=0, atol=1e-12
    )


def test_settled_start_is_the_equilibrium(plan):
    settled = Ensemble(SCHEME, plan, FACTORS, OPEN)
    np.testing.assert_allclose(
        settled.simulate(LOG_K[None]), Ensemble(SCHEME, plan, FACTORS, OPEN, REST).simulate(LOG_K[None]), atol=1e-11
    )
    q = SCHEME.generator({"glutamate": 300.0})
    np.testing.assert_allclose(settle(jnp.asarray(q), xp=jnp), stationary(q), atol=1e-12)


def test_peak_and_charge_are_those_of_the_traces(plan, ensemble):
    sets = several(7)
    trace = np.asarray(ensemble.simulate(sets))
    peak, charge = ensemble.peak_and_charge(sets)
    np.testing.assert_allclose(peak, trace.max(axis=2), rtol=1e-12)
    np.testing.assert_allclose(charge, np.trapezoid(trace, dx=plan.dt_ms, axis=2), rtol=1e-12)


def test_new_parameters_do_not_compile_again(plan):
    ensemble = Ensemble(SCHEME, plan, FACTORS, OPEN, REST)
    data = np.zeros((3, plan.n_samples, 1))
    for seed in (1, 2, 3):
        sets = several(5, seed)
        ensemble.simulate(sets)
        ensemble.peak_and_charge(sets)
        ensemble.value_and_gradient(sets[0], data)
    assert ensemble._traces._cache_size() == 1
    assert ensemble._peak_and_charge._cache_size() == 1
    assert ensemble._value_and_gradient._cache_size() == 1


def test_shares_of_threads_are_joined_in_order(plan):
    ensemble = Ensemble(SCHEME, plan_sweeps([[(2, 1.0), (0, 4.0)]], 0.1), FACTORS, OPEN, REST)
    sets = several(2 * ensemble.chunk() + 5)
    peak, charge = ensemble.peak_and_charge(sets)
    assert peak.shape == charge.shape == (len(sets), 1, 1)
    assert ensemble._peak_and_charge._cache_size() == 1
    for i in (0, len(sets) // 2, len(sets) - 1):
        trace = ensemble.trace(sets[i], xp=np)
        np.testing.assert_allclose(peak[i], trace.max(axis=1), rtol=1e-12)
        np.testing.assert_allclose(charge[i], np.trapezoid(trace, dx=0.1, axis=1), rtol=1e-12)


def test_gradient_is_that_of_central_differences(plan, ensemble):
    data = np.asarray(ensemble.simulate(several(1, 5)))[0]
    weight = np.ones(plan.n_samples)[:, None]
    weight[:10] = 0.0
    value, gradient = ensemble.value_and_gradient(LOG_K, data, weight)
    own = ensemble.trace(LOG_K, xp=np)
    assert float(value) == pytest.approx(np.sum(weight * (own - data) ** 2), rel=1e-10)

    def at(x):
        return float(ensemble.value_and_gradient(x, data, weight)[0])

    h = 1e-4
    differences = [(at(LOG_K + h * e) - at(LOG_K - h * e)) / (2 * h) for e in np.eye(len(LOG_K))]
    np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-6 * np.abs(gradient).max())


def test_forward_and_reverse_mode_agree(ensemble):
    def last(log_k):
        return jnp.sum(ensemble.trace(log_k, xp=jnp)[:, ::50] ** 2)

    forward = jax.jit(jax.jacfwd(last))(LOG_K)
    np.testing.assert_allclose(jax.jit(jax.grad(last))(LOG_K), forward, rtol=1e-9, atol=1e-12)


def test_gradient_through_a_settled_start(plan):
    settled = Ensemble(SCHEME, plan, FACTORS, OPEN)
    data = np.zeros((3, plan.n_samples, 1))
    _, gradient = settled.value_and_gradient(LOG_K, data)
    assert np.isfinite(gradient).all()
    i, h = 8, 1e-4
    e = h * np.eye(len(LOG_K))[i]
    values = [float(settled.value_and_gradient(LOG_K + s * e, data)[0]) for s in (1, -1)]
    assert float(gradient[i]) == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-5)


def test_rates_beyond_the_declared_ratio_are_nan_not_wrong(ensemble):
    with np.errstate(all="ignore"):
        assert np.isfinite(ensemble.simulate((LOG_K + np.log(3.9))[None])).all()
        # sweeps with the solution of the fastest rates
        assert np.isnan(ensemble.simulate((LOG_K + np.log(8.5))[None])[:, [0, 2], -1]).all()


def test_memory_is_bounded_by_the_chunk(plan, monkeypatch):
    ensemble = Ensemble(SCHEME, plan, FACTORS, OPEN, REST)
    assert ensemble.chunk() == 25
    assert ensemble.chunk(7) == 7
    long = Ensemble(SCHEME, plan_sweeps([[(2, 1.0), (0, 1999.0)]], 0.02), FACTORS, np.eye(17), REST)
    one = 8 * 100_001 * 17
    assert 1 <= long.chunk(10_000) * one <= module.CHUNK_BYTES
    # what is compiled for many sets needs no more room for intermediate results than for one chunk
    monkeypatch.setattr(module, "CHUNK_BYTES", 2_000_000)
    assert ensemble.chunk() < 20

    def room(sets):
        run = ensemble._peak_and_charge.lower(several(sets), chunk=8).compile()
        return run.memory_analysis().temp_size_in_bytes

    assert room(800) < 2 * room(80) < 40e6


def test_single_precision_is_refused(ensemble, plan):
    data = np.zeros((3, plan.n_samples, 1))
    with pytest.raises(NumericalError, match="float32"):
        ensemble.value_and_gradient(LOG_K.astype(np.float32), data)
    with jax.enable_x64(False), pytest.raises(NumericalError, match="single precision"):
        require_float64(LOG_K)


def test_wrong_shapes_are_told(plan):
    with pytest.raises(UsageError, match="generators"):
        Ensemble(SCHEME, plan, FACTORS[:2], OPEN, REST)
    with pytest.raises(UsageError, match="shape"):
        Ensemble(SCHEME, plan, FACTORS, OPEN, REST).simulate(LOG_K)


def test_varying_ligand_and_drive(plan):
    """One generator per sample and an observable that differs between generators."""
    sweep = [(i % 3, 0.05) for i in range(40)] + [(0, 1.0)]
    many = plan_sweeps([sweep], 0.05)
    drive = OPEN * np.array([1.0, -2.0, 0.5])[:, None, None]
    ensemble = Ensemble(SCHEME, many, FACTORS, drive, REST)
    trace = np.asarray(ensemble.simulate(LOG_K[None]))[0, 0, :, 0]
    p, q = REST, rates_to_generators(SCHEME, LOG_K, FACTORS)
    steps = transition_matrix(q, 0.05)
    for t in range(60):
        g = t % 3 if t < 40 else 0
        assert trace[t] == pytest.approx(float(p @ drive[g, :, 0]), abs=1e-12)
        p = p @ steps[g]


def test_a_thousand_sample_pieces_are_gathered():
    """The layout by gathering and the layout by slices give the same trace."""
    sweep = [(i % 3, 0.15) for i in range(60)]
    plan = plan_sweeps([sweep], 0.05)
    q = rates_to_generators(SCHEME, LOG_K, FACTORS)
    gathered = sample_sweeps(plan, q, REST[None], OPEN)[0]
    fine = sample_sweeps(plan_sweeps([sweep[:20]], 0.05), q, REST[None], OPEN)[0]
    np.testing.assert_allclose(gathered[:, :60], fine[:, :60], atol=1e-13)
    traced = sample_sweeps(
        plan, jnp.asarray(q), jnp.asarray(REST[None]), jnp.asarray(OPEN), xp=jnp, squarings=8
    )[0]
    np.testing.assert_allclose(traced, gathered, atol=1e-12)


def test_compilation_cache_goes_to_the_users_cache_folder(tmp_path, monkeypatch):
    before = {
        name: getattr(jax.config, name)
        for name in (
            "jax_compilation_cache_dir",
            "jax_persistent_cache_min_compile_time_secs",
            "jax_persistent_cache_min_entry_size_bytes",
        )
    }
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    try:
        folder = enable_compilation_cache()
        assert folder == tmp_path / "potentiate" / "jax"
        assert jax.config.jax_compilation_cache_dir == str(folder)
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


def test_importing_does_not_import_jax():
    code = "import sys, potentiate.kinetics.ensemble, potentiate.kinetics.channels; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
