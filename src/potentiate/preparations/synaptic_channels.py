"""Receptors of a site drawn one by one: the noise of channels that open and close.

A receptor in state i is after a step in state j with the probability that the transition matrix gives, whatever the
others do; so the receptors of a site that share a state part by a multinomial draw. Exact at the samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .synaptic_glutamate import Glutamate
from .synaptic_receptors import Propagators, SiteReceptors, longest_step, resting


def drawn_conductance_nS(
    receptors: SiteReceptors,
    glutamate: Glutamate,
    samples: int,
    dt_ms: float,
    rng: np.random.Generator,
    *,
    ligands: Mapping[str, float] | None = None,
    voltage_mV: float = -70.0,
    temperature_C: float | None = None,
    per_site: bool = True,
) -> np.ndarray:
    """Return one realisation of the conductance, before instantaneous block, at every sample.

    Parameters
    ----------
    receptors : SiteReceptors
        Their number is rounded to a whole one.
    glutamate, samples, dt_ms, ligands, voltage_mV, temperature_C, per_site
        As for :func:`.synaptic_receptors.conductance_nS`.
    rng : Generator

    Returns
    -------
    array, shape (trials, sites, samples), or (trials, 1, samples)
    """
    scheme = receptors.scheme
    known = {name: c for name, c in (ligands or {}).items() if name in scheme.ligands}
    chain = Propagators(scheme, known, voltage_mV, temperature_C)
    trials, sites = glutamate.amounts.shape[:2]
    number = round(receptors.number)
    counts = rng.multinomial(number, _sums_to_one(resting(scheme, known, voltage_mV, temperature_C)), glutamate.rows)
    each = receptors.conductances_nS / receptors.number if receptors.number else receptors.conductances_nS
    found = np.empty((trials, sites if per_site else 1, samples))
    pulses = np.round(glutamate.pulses_ms / dt_ms).astype(int)
    (silent,) = chain.exact([0.0], dt_ms)
    everyone = np.arange(glutamate.rows)
    for k in range(samples):
        g = (counts @ each).reshape(trials, sites)
        found[:, :, k] = g if per_site else g.sum(axis=1, keepdims=True)
        if k == samples - 1:
            break
        if glutamate.active(k * dt_ms).size == 0:
            counts = _moved(counts, everyone, silent, np.zeros_like(counts), rng)
            continue
        before = pulses[pulses <= k]
        parts = max(1, math.ceil(dt_ms / longest_step(glutamate, (k - int(before[-1])) * dt_ms) - 1e-9))
        step = dt_ms / parts
        for j in range(parts):
            start = k * dt_ms + j * step
            after = np.zeros_like(counts)
            for rows, matrix in chain.groups(glutamate.mean_uM(start, start + step), step):
                after = _moved(counts, rows, matrix, after, rng)
            counts = after
    return found


def _moved(
    counts: np.ndarray, rows: np.ndarray, matrix: np.ndarray, after: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Add to `after` where the receptors of some rows go in a step."""
    for state in range(counts.shape[1]):
        here = rows[counts[rows, state] > 0]
        if here.size:
            after[here] += rng.multinomial(counts[here, state], _sums_to_one(matrix[state]))
    return after


def _sums_to_one(p: np.ndarray) -> np.ndarray:
    """Return probabilities without the rounding that a draw would refuse."""
    p = np.maximum(p, 0.0)
    return p / p.sum()
