"""Input-output curves: response on stimulus, response on fibre volley, the half-maximal stimulus."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from ..numerics.least_squares import levenberg_marquardt, profile_interval
from .conventions import chosen
from .line import straight_line
from .observable import Observable, Status, missing
from .peak import Array

#: How far beyond the tested stimuli the half-maximal one is looked for, in ranges of them.
EXTRAPOLATION = 3.0


@dataclass(frozen=True)
class InputOutput:
    """An input-output curve.

    Attributes
    ----------
    slope : Observable
        ``io_slope``: response per stimulus, with its 95 % interval.
    per_volley : Observable
        ``io_slope_per_volley``: response per mV of fibre volley.
    half_maximal, maximum, steepness : Observable
        ``half_maximal_stimulus``, ``io_maximum``, ``io_steepness`` of the Boltzmann function, with profile intervals.
    stimulus, response : (n,) arrays
        The points used.
    """

    slope: Observable
    per_volley: Observable
    half_maximal: Observable
    maximum: Observable
    steepness: Observable
    stimulus: Array
    response: Array

    @property
    def observables(self) -> tuple[Observable, ...]:
        """All of them."""
        return self.slope, self.per_volley, self.half_maximal, self.maximum, self.steepness

    def __call__(self, stimulus: ArrayLike) -> Array:
        """Return the Boltzmann curve at stimuli; NaN where it could not be fitted."""
        return boltzmann(stimulus, self.maximum.value, self.half_maximal.value, self.steepness.value)


def boltzmann(stimulus: ArrayLike, maximum: float, half: float, steepness: float) -> Array:
    """Return ``maximum / (1 + exp((half - S) / steepness))``.

    Examples
    --------
    >>> float(boltzmann(50.0, 2.0, 50.0, 10.0))
    1.0
    """
    exponent = (half - np.asarray(stimulus, dtype=float)) / steepness
    return maximum / (1 + np.exp(np.clip(exponent, -700, 700)))


def input_output(
    stimulus: ArrayLike,
    response: ArrayLike,
    volley: ArrayLike | None = None,
    *,
    convention: str | None = None,
    stimulus_unit: str = "uA",
    response_unit: str = "mV/ms",
) -> InputOutput:
    """Relate responses to stimuli.

    Parameters
    ----------
    stimulus, response : (n,) arrays
        One pair per sweep (repeated stimuli are repeated points) or per mean. Pairs with NaN are left out.
    volley : (n,) array, optional
        Fibre volley of the same sweeps, mV.
    convention : {"with intercept", "through zero"}, optional
        Of the two straight lines.
    stimulus_unit, response_unit : str

    Returns
    -------
    InputOutput
        A parameter that the points do not bound is ``one-sided`` or ``not determined``, whatever its estimate.

    Raises
    ------
    UsageError
        Lengths differ.
    """
    name = chosen("input_output", convention)
    x, y = np.asarray(stimulus, dtype=float).ravel(), np.asarray(response, dtype=float).ravel()
    if x.shape != y.shape:
        raise UsageError("Stimuli and responses differ in number", why=f"{x.size} and {y.size}")
    used = np.isfinite(x) & np.isfinite(y)
    slope = _slope("io_slope", x[used], y[used], f"{response_unit}/{stimulus_unit}", name)
    if volley is None:
        per_volley = missing(
            "io_slope_per_volley", f"{response_unit}/mV", "not determined", "no fibre volley was measured", name
        )
    else:
        v = np.asarray(volley, dtype=float).ravel()
        if v.shape != x.shape:
            raise UsageError("Volleys and responses differ in number", why=f"{v.size} and {y.size}")
        both = used & np.isfinite(v)
        per_volley = _slope("io_slope_per_volley", v[both], y[both], f"{response_unit}/mV", name)
        if per_volley.known:
            note = f"n = {int(both.sum())} of {x.size} with a volley; errors of the volley flatten the line"
            per_volley = Observable(per_volley.id, per_volley.value, per_volley.unit, per_volley.status,
                                    per_volley.reason, per_volley.interval, name, (note,))  # fmt: skip
    half, top, steep = _half(x[used], y[used], stimulus_unit, response_unit)
    return InputOutput(slope, per_volley, half, top, steep, x[used], y[used])


def _slope(id: str, x: Array, y: Array, unit: str, name: str) -> Observable:
    line = straight_line(x, y, through_zero=name == "through zero")
    notes = (f"n = {x.size}, intercept {line.intercept:.3g}",)
    if math.isnan(line.slope):
        return missing(id, unit, "not determined", f"{x.size} points at {np.unique(x).size} values", name)
    if line.interval is None:
        why = f"{x.size} points leave nothing to judge the scatter by"
        return Observable(id, line.slope, unit, "not determined", why, None, name, notes)
    return Observable(id, line.slope, unit, interval=line.interval, convention=name, notes=notes)


def _half(x: Array, y: Array, stimulus_unit: str, response_unit: str) -> tuple[Observable, Observable, Observable]:
    """Fit the Boltzmann function from 0; the maximum is solved for, half and log steepness are searched."""
    names = (("half_maximal_stimulus", stimulus_unit), ("io_maximum", response_unit), ("io_steepness", stimulus_unit))

    def nothing(status: Status, why: str) -> tuple[Observable, Observable, Observable]:
        half, top, steep = (missing(id, unit, status, why, "Boltzmann") for id, unit in names)
        return half, top, steep

    levels = np.unique(x)
    if levels.size < 4:
        return nothing("not determined", f"{levels.size} different stimuli; at least 4 are needed for 3 parameters")
    if not np.ptp(y) > 0:
        return nothing("not determined", "the response does not change")
    width, size = float(np.ptp(levels)), float(np.abs(y).max())

    def residual(p: Array) -> Array:
        return boltzmann(x, p[1] * size, p[0], math.exp(p[2])) - y

    low = np.array([levels[0] - EXTRAPOLATION * width, -100.0, math.log(width / 200)])
    high = np.array([levels[-1] + EXTRAPOLATION * width, 100.0, math.log(3 * width)])
    sign = math.copysign(1.0, float(y[np.argmax(np.abs(y))]))
    starts = [
        np.array([half, sign, math.log(width * share)]) for half in np.linspace(levels[0], levels[-1], 4)
        for share in (0.05, 0.2)
    ]  # fmt: skip
    typical = np.array([width, 1.0, 1.0])
    fits = [levenberg_marquardt(residual, start, bounds=(low, high), typical=typical) for start in starts]
    best = min((fit for fit in fits if fit.status == "ok"), key=lambda fit: fit.ssr, default=None)
    if best is None:
        return nothing("solver", fits[0].reason)
    made = []
    backs: tuple[Callable[[float], float], ...] = (float, lambda p: p * size, math.exp)
    for k, ((id, unit), back) in enumerate(zip(names, backs, strict=True)):
        profile = profile_interval(residual, best, k, bounds=(low, high), typical=typical)
        ends = tuple(None if math.isinf(end) else back(end) for end in (profile.low, profile.high))
        status: Status = "ok" if profile.word == "determined" else profile.word
        notes = [f"tested {levels[0]:g} to {levels[-1]:g} {stimulus_unit}"] if k == 0 else []
        value = back(float(best.x[k]))
        if k == 0 and not levels[0] <= value <= levels[-1]:
            notes.append("outside the tested range: extrapolated")
        made.append(Observable(id, value, unit, status, profile.reason or None, ends, "Boltzmann", tuple(notes)))  # type: ignore[arg-type]
    return made[0], made[1], made[2]
