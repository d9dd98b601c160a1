"""The Kalman likelihood of a patch: 10,000 samples, 10 and 17 states, averages and samples behind a Bessel filter."""

import jax
import jax.numpy as jnp
import numpy as np

from potentiate.kinetics.bins import cut_bins, plan_bins
from potentiate.kinetics.ensemble import rates_to_generators
from potentiate.kinetics.macroscopic_likelihood import log_likelihood, predict_current
from potentiate.library.scheme import find_scheme
from potentiate.numerics.low_pass import bessel
from potentiate.numerics.matrix_exponential import settle

from .timing import once, timed

SAMPLES, DT_MS = 10_000, 0.05
CHANNELS, CURRENT_PA, NOISE_PA2, DENSITY = 300.0, -0.5, 1.0, 0.05
#: scheme, its voltage, concentration and length of the pulse
CASES = (
    ("10 states, averages", "NMDA_Kampa2004", -60.0, 1000.0, 5.0, None),
    ("10 states, samples behind a 4-pole Bessel filter", "NMDA_Kampa2004", -60.0, 1000.0, 5.0, bessel(4, 5.0)),
    ("17 states, averages", "Coombs2017", None, 10_000.0, 100.0, None),
)


def one(name: str, scheme_id: str, voltage_mV: float | None, dose_uM: float, pulse_ms: float, low_pass) -> dict:
    """Return times of value and gradient in all log rates, channels, current, noise and baseline, and their errors."""
    scheme = find_scheme(scheme_id)
    factors = np.stack([scheme.factors({"glutamate": c}, voltage_mV) for c in (0.0, dose_uM)])
    segments = [(0, 50.0), (1, pulse_ms), (0, SAMPLES * DT_MS - 50.0 - pulse_ms)]
    plan = plan_bins([cut_bins(segments, np.arange(SAMPLES + 1) * DT_MS)])
    unit = np.array(scheme.conductance) / max(scheme.conductance)
    rest = {"low_pass": low_pass, "reading": "average" if low_pass is None else "sample"}
    point = np.concatenate([np.log(scheme.constants), np.log([CHANNELS, -CURRENT_PA, NOISE_PA2]), [0.3]])

    def parts(p, xp):
        k, n, i, noise, baseline = p[:-4], xp.exp(p[-4]), -xp.exp(p[-3]), xp.exp(p[-2]), p[-1]
        q = rates_to_generators(scheme, k, factors, xp=xp)
        more = {"baseline_pA": baseline, "input_noise_pA2_ms": 0.0 if low_pass is None else DENSITY * noise}
        return (q, i * unit, settle(q[0], xp=xp), n, noise), more | rest | {"xp": xp}

    arguments, more = parts(point, np)
    mean, variance = predict_current(plan, np.full((1, SAMPLES), np.nan), *arguments, **more)
    data = mean + np.sqrt(variance) * np.random.default_rng(1).normal(size=mean.shape)
    squarings = plan.squarings(-2.0 * np.min(np.diagonal(arguments[0], axis1=-2, axis2=-1), axis=-1), low_pass)

    def value(p, xp=jnp):
        arguments, more = parts(p, xp)
        return log_likelihood(plan, data, *arguments, **more, squarings=squarings)

    away = point + 0.02
    only, both = jax.jit(value), jax.jit(jax.value_and_grad(value))
    compiled = once(lambda: jax.block_until_ready(both(away)))
    _, _, cpu = once(lambda: [jax.block_until_ready(both(away)) for _ in range(5)])
    found, gradient = both(away)
    worst, step = 0.0, 1e-5
    for i in range(0, len(away), 5):
        e = step * np.eye(len(away))[i]
        central = (float(only(away + e)) - float(only(away - e))) / (2 * step)
        worst = max(worst, abs(float(gradient[i]) - central) / float(jnp.abs(gradient).max()))
    by_numpy = once(lambda: value(away, np))
    return {
        "name": name,
        "scheme": scheme_id,
        "parameters": len(point),
        "value_ms": timed(lambda: only(away).block_until_ready(), repeats=30),
        "value_and_gradient_ms": timed(lambda: jax.block_until_ready(both(away)), repeats=30),
        "processor_ms": 1e3 * cpu / 5,
        "compile_s": {"wall": compiled[1], "cpu": compiled[2]},
        "numpy_value_ms": 1e3 * by_numpy[1],
        "difference_from_numpy": abs(float(found) - float(by_numpy[0])),
        "largest_difference_from_central_differences": worst,
    }


def rows() -> list[dict]:
    """Return the timings of all cases."""
    return [one(*case) for case in CASES]
