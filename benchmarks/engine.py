"""The engine itself: one trace, 10,000 parameter sets, value and gradient of a data set."""

import jax
import jax.numpy as jnp
import numpy as np

from potentiate.kinetics.ensemble import Ensemble
from potentiate.numerics.propagation import sample_sweeps
from potentiate.numerics.sweep_plan import plan_sweeps

from . import case
from .timing import once, timed

LOG_K = np.log(case.SCHEME.constants)
SETS = 10_000


def rows() -> list[dict]:
    """Return the timings of one trace."""
    plan, start, observe = case.plan(), case.REST[None], case.OBSERVE[:, None]

    def run() -> np.ndarray:
        return sample_sweeps(plan, case.Q, start, observe)[0][0, :, 0]

    found = [{"name": "potentiate, NumPy", "error": case.error(run()), **timed(run, repeats=500)}]
    squarings = plan.squarings(-np.min(np.diagonal(case.Q, axis1=-2, axis2=-1), axis=-1))
    compiled = jax.jit(
        lambda q: sample_sweeps(plan, q, jnp.asarray(start), jnp.asarray(observe), xp=jnp, squarings=squarings)[0]
    )
    trace, wall, _ = once(lambda: compiled(case.Q).block_until_ready())
    found.append(
        {"name": "potentiate, JAX", "error": case.error(np.asarray(trace)[0, :, 0]), "compile_s": wall}
        | timed(lambda: compiled(case.Q).block_until_ready(), repeats=500)
    )
    return found


def many() -> dict:
    """Return time and error of peak and charge of many parameter sets."""
    factors = np.stack([case.SCHEME.factors({"glutamate": c}) for c in (0.0, case.GLUTAMATE_UM)])
    ensemble = Ensemble(case.SCHEME, case.plan(), factors, case.OBSERVE[:, None], case.REST)
    sets = LOG_K + 0.1 * np.random.default_rng(1).normal(size=(SETS, len(LOG_K)))
    (peak, charge), wall, _ = once(lambda: jax.block_until_ready(ensemble.peak_and_charge(sets)))
    time = timed(lambda: jax.block_until_ready(ensemble.peak_and_charge(sets)), repeats=5, seconds=10.0)
    worst = 0.0
    for i in range(0, SETS, SETS // 5):
        trace = ensemble.trace(sets[i], xp=np)[0]
        worst = max(
            worst,
            float(np.abs(peak[i, 0] - trace.max(axis=0)).max()),
            float(np.abs(charge[i, 0] / np.trapezoid(trace, dx=case.DT_MS, axis=0) - 1).max()),
        )
    return {
        "sets": SETS,
        "chunk": ensemble.chunk(SETS),
        "first_call_s": wall,
        "best_us_per_set": 1e3 * time["best_ms"] / SETS,
        "median_us_per_set": 1e3 * time["median_ms"] / SETS,
        "largest_difference_from_numpy": worst,
    }


def gradient() -> dict:
    """Return the times of value and gradient: 12 sweeps of 4,000 samples at 20 kHz, all log rates free."""
    concentrations = (0.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0)
    sweeps = [[(g, width), (0, 199.95 - width)] for g in range(1, 6) for width in (1.0, 100.0)]
    sweeps += [[(5, 1.0), (0, gap), (5, 1.0), (0, 197.95 - gap)] for gap in (20.0, 50.0)]
    plan = plan_sweeps(sweeps, 0.05)
    factors = np.stack([case.SCHEME.factors({"glutamate": c}) for c in concentrations])
    ensemble = Ensemble(case.SCHEME, plan, factors, case.OBSERVE[:, None], case.REST)
    noise = np.random.default_rng(2).normal(scale=0.01, size=(len(sweeps), plan.n_samples, 1))
    data = jnp.asarray(ensemble.trace(LOG_K, xp=np) + noise)
    misfit = jax.jit(lambda k: jnp.sum((ensemble.trace(k, xp=jnp) - data) ** 2))
    away = LOG_K + 0.05
    value_compile = once(lambda: misfit(away).block_until_ready())
    both_compile = once(lambda: jax.block_until_ready(ensemble.value_and_gradient(away, data)))
    value = timed(lambda: misfit(away).block_until_ready(), repeats=300)
    both = timed(lambda: jax.block_until_ready(ensemble.value_and_gradient(away, data)), repeats=300)
    _, got = ensemble.value_and_gradient(away, data)
    step = 1e-4
    worst = 0.0
    for i in range(0, len(away), 7):
        e = step * np.eye(len(away))[i]
        central = (float(misfit(away + e)) - float(misfit(away - e))) / (2 * step)
        worst = max(worst, abs(float(got[i]) - central) / float(jnp.abs(got).max()))
    return {
        "sweeps": len(sweeps),
        "samples": plan.n_samples,
        "parameters": len(away),
        "value_ms": value,
        "value_and_gradient_ms": both,
        "ratio": both["best_ms"] / value["best_ms"],
        "compile_value_s": {"wall": value_compile[1], "cpu": value_compile[2]},
        "compile_gradient_s": {"wall": both_compile[1], "cpu": both_compile[2]},
        "largest_difference_from_central_differences": worst,
    }
