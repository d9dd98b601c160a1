"""Predictions of a macroscopic current that a low-pass filter has smoothed before it was sampled or averaged.

The states of the filter join those of the channels (Kalman & Bucy 1961, J Basic Eng 83:95), so the correlation that it
leaves between readings, of signal and of noise, is exact. Called by :mod:`.macroscopic_likelihood`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ..numerics.filtered_counts import filter_with_memory, pack_memory
from ..numerics.interval_average import interval_moments
from ..numerics.low_pass import LowPass
from .bins import RUN_IN, BinPlan


def predict_filtered(
    plan: BinPlan,
    y: Any,
    generators: Any,
    currents_pA: Any,
    mean: Any,
    start: Any,
    noise_pA2: Any,
    low_pass: LowPass,
    input_noise_pA2_ms: Any,
    *,
    average: bool,
    open_noise: Any,
    xp: Any,
    squarings: int | None,
) -> tuple[Any, Any]:
    """Return mean and variance of each reading (without baseline), given all before it.

    Parameters
    ----------
    plan, generators, currents_pA, noise_pA2, low_pass, input_noise_pA2_ms, open_noise, xp, squarings
        As for :func:`.macroscopic_likelihood.predict_current`.
    y : array, shape (sweeps, bins)
        Readings less their baseline.
    mean, start : arrays, shape (sweeps, n)
        Mean counts, and the chance of each state, before the first bin.
    average : bool

    Returns
    -------
    mean, variance : arrays, shape (sweeps, bins)
    """
    from scipy.linalg import expm, solve_continuous_lyapunov

    size, n = len(low_pass.b), generators.shape[-1]
    a, b, read = low_pass.a, low_pass.b, low_pass.c
    plan = _with_run_in(plan, RUN_IN / low_pass.slowest_per_ms)
    sweeps, bins = plan.kind.shape
    forget = np.eye(size)
    if average:  # one more state sums the output up, from zero in each bin
        a = np.block([[a, np.zeros((size, 1))], [read[None], np.zeros((1, 1))]])
        b = np.append(b, 0.0)
        forget = np.diag(np.append(np.ones(size), 0.0))
        per_ms = 1.0 / np.where(plan.kind_ms > 0, plan.kind_ms, 1.0)
        reads = np.zeros((len(plan.kinds), n + size + 1))
        reads[:, -1] = per_ms
    else:
        reads = np.broadcast_to(np.concatenate([np.zeros(n), read]), (len(plan.kinds), n + size))
    parts = (plan.part_generator, plan.part_ms, plan.kinds)
    moments = interval_moments(
        generators, currents_pA, *parts, density=open_noise, filtered=(a, b), xp=xp, squarings=squarings
    )
    idle = np.zeros((len(generators), 1, 1))  # noise goes through the filter as that of a chain with one state
    passed = interval_moments(idle, np.zeros(1), *parts, density=np.ones(1), filtered=(a, b)).second[:, 0]
    phi = np.stack([expm(a * ms) @ forget for ms in plan.kind_ms])
    extra = xp.asarray(passed) * input_noise_pA2_ms
    tables = pack_memory(moments.transition, moments.joint, moments.second, phi, extra, xp=xp)

    first = plan.part_generator[plan.kinds[plan.kind[:, 0], 0]]
    current = xp.broadcast_to(xp.asarray(currents_pA), (len(generators), n))[first]
    rest = np.append(-np.linalg.solve(low_pass.a, low_pass.b), np.zeros(len(b) - size))
    noisy = np.zeros((len(b), len(b)))
    noisy[:size, :size] = solve_continuous_lyapunov(low_pass.a, -np.outer(low_pass.b, low_pass.b))
    x = xp.concatenate([mean, xp.sum(mean * current, axis=-1, keepdims=True) * rest], axis=-1)
    y = xp.concatenate([np.full((sweeps, 1), np.nan), y], axis=1)
    noise = xp.concatenate([np.zeros((sweeps, 1)), noise_pA2], axis=1)
    beyond = -mean[:, :, None] * start[:, None, :]

    def one(kind: Any, y: Any, noise: Any, x: Any, beyond: Any) -> tuple[Any, Any]:
        side = np.zeros((n, len(b)))
        rows = [xp.concatenate([beyond, side], axis=1), xp.concatenate([side.T, noisy * input_noise_pA2_ms], axis=1)]
        cov = xp.concatenate(rows, axis=0)
        return filter_with_memory(tables, reads, kind, y, noise, x, cov, n=n, xp=xp)

    if xp is np:
        done = [one(*sweep) for sweep in zip(plan.kind, y, noise, x, beyond, strict=True)]
        prediction, variance = (np.stack(part) for part in zip(*done, strict=True))
    elif sweeps == 1:
        prediction, variance = (v[None] for v in one(plan.kind[0], y[0], noise[0], x[0], beyond[0]))
    else:
        import jax

        prediction, variance = jax.vmap(one)(plan.kind, y, noise, x, beyond)
    return prediction[:, 1:bins], variance[:, 1:bins]


def _with_run_in(plan: BinPlan, ms: float) -> BinPlan:
    """Return the plan with one more bin before each sweep, under the sweep's first generator."""
    first = plan.part_generator[plan.kinds[plan.kind[:, 0], 0]]
    own, which = np.unique(first, return_inverse=True)
    fill = np.full((len(own), plan.kinds.shape[1] - 1), -1)
    kinds = np.hstack([len(plan.part_ms) + np.arange(len(own))[:, None], fill])
    return dataclasses.replace(
        plan,
        part_generator=np.concatenate([plan.part_generator, own]),
        part_ms=np.concatenate([plan.part_ms, np.full(len(own), ms)]),
        kinds=np.concatenate([plan.kinds, kinds]),
        kind_ms=np.concatenate([plan.kind_ms, np.full(len(own), ms)]),
        repeats=np.concatenate([plan.repeats, np.ones(len(own), dtype=int)]),
        kind=np.hstack([len(plan.kinds) + which[:, None], plan.kind]),
        bins=plan.bins + 1,
    )
