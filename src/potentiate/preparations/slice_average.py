"""Means over slices: one number a slice, with SEM and the interval of the mean."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..measures.observable import Observable, missing


@dataclasses.dataclass(frozen=True)
class Average:
    """A mean over slices.

    Attributes
    ----------
    observable : Observable
        With the 95 % interval of the mean (t distribution).
    sem : float
        NaN for one slice.
    n : int
        Slices with a value.
    values : array, shape (slices,)
    """

    observable: Observable
    sem: float
    n: int
    values: np.ndarray


def average(name: str, observables: Sequence[Observable]) -> Average:
    """Return the mean over slices with its SEM and 95 % interval (t distribution).

    Parameters
    ----------
    name : str
    observables : sequence of Observable
        One per slice; those without a value are counted in the notes and left out.
    """
    values = np.array([o.value for o in observables])
    good = values[np.isfinite(values)]
    unit = observables[0].unit if observables else ""
    n = len(good)
    if n == 0:
        bad = next((o for o in observables if not o.known), None)
        status = bad.status if bad is not None else "not determined"
        reason = (bad.reason if bad is not None else None) or "no slice"
        return Average(missing(name, unit, status, reason), math.nan, 0, values)
    sem, interval = math.nan, None
    if n > 1:
        from scipy.special import stdtrit

        sem = float(good.std(ddof=1) / math.sqrt(n))
        reach = sem * float(stdtrit(n - 1, 0.975))
        interval = (float(good.mean() - reach), float(good.mean() + reach))
    notes = (f"n = {n} of {len(values)} slices", *([f"SEM {sem:.4g}"] if n > 1 else []))
    shaky = next((o for o in observables if o.known and not o.ok), None)
    if shaky is not None:
        observable = Observable(name, float(good.mean()), unit, shaky.status, shaky.reason, interval, "", notes)
    else:
        observable = Observable(name, float(good.mean()), unit, interval=interval, notes=notes)
    return Average(observable, sem, n, values)
