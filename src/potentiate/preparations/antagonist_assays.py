"""Onset and offset of a drug that is switched while the agonist stays."""

from __future__ import annotations

import math

import numpy as np

from ..measures.observable import Observable, missing
from ..numerics.matrix_exponential import transition_matrix
from .patch import Patch


def block_onset(
    patch: Patch, drug: str, concentration_uM: float, agonist_uM: float, agonist: str | None = None
) -> dict[str, Observable]:
    """Switch a drug on and off during continuous agonist: 63 % times of onset and offset, and the block.

    Returns
    -------
    dict
        ``tau`` (onset, ms), ``tau_off`` (ms), ``block`` (fraction of the current removed).
    """
    agonist = agonist or patch.scheme.agonist
    plain = {agonist: agonist_uM}
    drugged = {**plain, drug: concentration_uM}
    before, after = patch.rest(plain), patch.rest(drugged)
    g = patch.conductances_pS
    first, last = float(before @ g), float(after @ g)
    if first <= 0:
        return {"tau": missing("tau", "ms", "no response", "no current")}
    found = {"block": Observable("block", 1.0 - last / first, "")}
    for name, q, start, begin, end in (
        ("tau", patch.generator(drugged), before, first, last),
        ("tau_off", patch.generator(plain), after, last, first),
    ):
        found[name] = _time_to_63(q, start, g, begin, end, name)
    return found


def _time_to_63(q: np.ndarray, start: np.ndarray, g: np.ndarray, begin: float, end: float, name: str) -> Observable:
    if abs(end - begin) < 1e-3 * max(abs(begin), abs(end)):
        return missing(name, "ms", "not determined", "the current does not change")
    times = np.geomspace(1e-2, 1e6, 321)
    states = np.einsum("n,tnm->tm", start, transition_matrix(np.broadcast_to(q, (len(times), *q.shape)), times))
    share = (states @ g - begin) / (end - begin)
    goal = 1.0 - math.exp(-1.0)
    k = int(np.argmax(share >= goal))
    value = np.interp(goal, share[k - 1 : k + 1], times[k - 1 : k + 1])
    return Observable(name, float(value), "ms", convention="63 %")
