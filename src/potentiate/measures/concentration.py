"""Concentration and response: the Hill function with profile intervals, and half-maximal concentrations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from ..numerics.least_squares import LeastSquares, ProfileInterval, levenberg_marquardt, profile_interval
from .conventions import chosen
from .observable import Observable, Status, missing

Array = NDArray[np.float64]

#: How far beyond the tested range EC50 is looked for, decades.
EXTRAPOLATION_DECADES = 3.0
#: Range of the Hill slope.
SLOPE_RANGE = (0.1, 10.0)
#: Parameters that each convention holds: bottom, slope.
_HELD: dict[str, tuple[float | None, float | None]] = {
    "4-parameter": (None, None),
    "3-parameter": (0.0, None),
    "3-parameter nH=1": (None, 1.0),
}


def hill(concentration: ArrayLike, bottom: float, top: float, ec50: float, slope: float) -> Array:
    """Return ``bottom + (top - bottom) / (1 + (ec50 / C)^slope)``; at C = 0 it is `bottom`.

    Examples
    --------
    >>> float(hill(3.0, 0.0, 1.0, 3.0, 1.7))
    0.5
    """
    c = np.asarray(concentration, dtype=float)
    with np.errstate(divide="ignore"):
        exponent = slope * (math.log(ec50) - np.log(c))
    return bottom + (top - bottom) / (1 + np.exp(np.clip(exponent, -700, 700)))


@dataclass(frozen=True)
class ConcentrationResponse:
    """A fitted concentration-response curve.

    Attributes
    ----------
    ec50, slope, bottom, top : Observable
        ``ec50`` in the unit of the concentrations (an IC50 where top < bottom); intervals from the profile. The
        status is ``ok`` where the parameter is determined; a held parameter says so in its notes.
    ssr : float
        Sum of squared residuals; of residuals divided by their standard deviation where these were given.
    n_points : int
    word : str
        "determined", "one-sided" or "not determined", for `ec50`.
    """

    ec50: Observable
    slope: Observable
    bottom: Observable
    top: Observable
    ssr: float
    n_points: int
    word: str

    def __call__(self, concentration: ArrayLike) -> Array:
        """Return the fitted curve at concentrations."""
        return hill(concentration, self.bottom.value, self.top.value, self.ec50.value, self.slope.value)


def concentration_response(
    concentration: ArrayLike,
    response: ArrayLike,
    *,
    convention: str | None = None,
    bottom: float | None = None,
    top: float | None = None,
    sd: ArrayLike | None = None,
    concentration_unit: str = "uM",
    response_unit: str = "",
    intervals: bool = True,
    name: str = "EC50",
) -> ConcentrationResponse:
    """Fit a Hill function of log10 C to individual points.

    Parameters
    ----------
    concentration, response : (n,) arrays
        Repeated concentrations are repeated points; pairs with NaN are left out. A concentration of 0 is the
        control and informs `bottom` only.
    convention : {"4-parameter", "3-parameter", "3-parameter nH=1"}, optional
        3-parameter holds bottom = 0; nH=1 holds the slope.
    bottom, top : float, optional
        Hold these.
    sd : (n,) array, optional
        Standard deviation of each response: residuals count divided by it. Only the ratios matter, since the scale of
        the noise is still estimated from the residuals; a note says how the two compare.
    concentration_unit, response_unit : str
    intervals : bool
        Profile intervals and words (the most of the work).
    name : str
        ``EC50`` or ``IC50``.

    Returns
    -------
    ConcentrationResponse

    Raises
    ------
    UsageError
        Lengths differ, a concentration is negative or infinite, or a standard deviation is not positive.
    """
    form = chosen("concentration_response", convention)
    c, y = np.asarray(concentration, dtype=float).ravel(), np.asarray(response, dtype=float).ravel()
    if c.shape != y.shape:
        raise UsageError("Concentrations and responses differ in number", why=f"{c.size} and {y.size}")
    used = ~np.isnan(c) & np.isfinite(y)
    w = _weights(sd, used)
    c, y = c[used], y[used]
    if (c < 0).any() or np.isinf(c).any():
        raise UsageError("A concentration is negative or infinite")
    held = {0: _HELD[form][0] if bottom is None else bottom, 1: top, 3: _HELD[form][1]}
    free = [k for k in range(4) if held.get(k) is None]

    def nothing(status: Status, reason: str) -> ConcentrationResponse:
        return ConcentrationResponse(
            missing(name, concentration_unit, status, reason, form), missing("nH", "", status, reason, form),
            missing("bottom", response_unit, status, reason, form), missing("top", response_unit, status, reason, form),
            math.nan, c.size, "not determined",
        )  # fmt: skip

    levels = np.unique(c[c > 0])
    if levels.size < 2 or c.size < len(free):
        return nothing("not determined", f"{c.size} points at {levels.size} concentrations for {len(free)} parameters")
    span = float(np.ptp(y))
    if span == 0:
        return nothing("not determined", "the response does not change")
    ln10 = math.log(10)
    low = np.array([y.min() - 100 * span, y.min() - 100 * span, math.log(levels[0]) - EXTRAPOLATION_DECADES * ln10,
                    math.log(SLOPE_RANGE[0])])  # fmt: skip
    high = np.array([y.max() + 100 * span, y.max() + 100 * span, math.log(levels[-1]) + EXTRAPOLATION_DECADES * ln10,
                     math.log(SLOPE_RANGE[1])])  # fmt: skip
    typical = np.array([span, span, 1.0, 1.0])
    template = np.array([held[0] or 0.0, held[1] or 0.0, 0.0, math.log(held[3] or 1.0)])

    def full(p: Array) -> Array:
        values = template.copy()
        values[free] = p
        return values

    def residual(p: Array) -> Array:
        v = full(p)
        return (hill(c, v[0], v[1], math.exp(v[2]), math.exp(v[3])) - y) * w

    bounds = (low[free], high[free])
    best = _search(residual, c, y, w, levels, held, free, bounds, typical[free])
    if best.status != "ok":
        return nothing("solver", best.reason)
    values = full(best.x)
    profiles: dict[int, ProfileInterval] = {}
    if intervals:
        for position, k in enumerate(free):
            profiles[k] = profile_interval(residual, best, position, bounds=bounds, typical=typical[free])
    at_bound = {k: bool(best.at_bound[position]) for position, k in enumerate(free)}
    back: dict[int, Callable[[float], float]] = {2: math.exp, 3: math.exp}
    names = ((0, "bottom", response_unit), (1, "top", response_unit), (2, name, concentration_unit), (3, "nH", ""))
    made = {}
    for k, id, unit in names:
        value = back.get(k, float)(values[k])
        notes = [f"tested {levels[0]:g} to {levels[-1]:g} {concentration_unit}"] if k == 2 else []
        if k == 2 and not levels[0] <= value <= levels[-1]:
            notes.append("outside the tested range: extrapolated")
        if k == 2 and sd is not None and c.size > len(free):
            spread = math.sqrt(best.ssr / (c.size - len(free)))
            notes.append(f"weighted by 1/SD^2; the residuals are {spread:.3g} times the SD given")
        made[k] = _parameter(
            id, value, unit, profiles.get(k), back.get(k, float), form, k not in free, at_bound.get(k, False), notes
        )
    word = profiles[2].word if intervals else "not determined"
    return ConcentrationResponse(made[2], made[3], made[0], made[1], best.ssr, c.size, word)


def _weights(sd: ArrayLike | None, used: NDArray[np.bool_]) -> Array:
    """Return the factor of each residual that is used."""
    if sd is None:
        return np.ones(int(used.sum()))
    spread = np.asarray(sd, dtype=float).ravel()
    if spread.shape != used.shape:
        raise UsageError("Responses and standard deviations differ in number", why=f"{used.size} and {spread.size}")
    if not (np.isfinite(spread[used]) & (spread[used] > 0)).all():
        raise UsageError("A standard deviation is missing or not positive", do="leave out sd, or complete it")
    return 1.0 / spread[used]


def _parameter(
    id: str, value: float, unit: str, profile: ProfileInterval | None, back: Callable[[float], float], form: str,
    is_held: bool, at_bound: bool, notes: list[str],
) -> Observable:  # fmt: skip
    if is_held:
        return Observable(id, value, unit, convention=form, notes=(*notes, "held"))
    if profile is None:
        status: Status = "not determined" if at_bound else "ok"
        reason = "at the bound of the search" if at_bound else None
        return Observable(id, value, unit, status, reason, None, form, (*notes, "no interval asked for"))
    interval = tuple(None if math.isinf(end) else back(end) for end in (profile.low, profile.high))
    status = "ok" if profile.word == "determined" else profile.word
    return Observable(id, value, unit, status, profile.reason or None, interval, form, tuple(notes))  # type: ignore[arg-type]


def _search(
    residual: Callable[[Array], Array], c: Array, y: Array, w: Array, levels: Array, held: dict[int, float | None],
    free: list[int], bounds: tuple[Array, Array], typical: Array,
) -> LeastSquares:  # fmt: skip
    """Levenberg-Marquardt from the best three of a grid of (EC50, slope), bottom and top solved linearly."""
    grid = np.linspace(math.log(levels[0]) - 1, math.log(levels[-1]) + 1, 12)
    starts = []
    for log_ec50 in grid:
        for slope in (0.5, 1.0, 1.7, 3.0) if held[3] is None else (held[3],):
            share = hill(c, 0.0, 1.0, math.exp(log_ec50), slope)
            columns, target = [], w * y
            for k, column in ((0, 1 - share), (1, share)):
                value = held[k]
                if value is None:
                    columns.append(w * column)
                else:
                    target = target - value * w * column
            ends: list[float] = []
            if columns:
                matrix = np.column_stack(columns)
                solved = np.linalg.lstsq(matrix, target, rcond=None)[0]
                target = target - matrix @ solved
                ends = list(solved)
            values = [held[k] if held[k] is not None else ends.pop(0) for k in (0, 1)]
            start = np.array([*values, log_ec50, math.log(slope)], dtype=float)[free]
            starts.append((float(target @ target), start))
    starts.sort(key=lambda pair: pair[0])
    fits = [levenberg_marquardt(residual, start, bounds=bounds, typical=typical) for _, start in starts[:3]]
    good = [fit for fit in fits if fit.status == "ok"]
    return min(good, key=lambda fit: fit.ssr) if good else fits[0]


def half_concentration(
    concentration: ArrayLike,
    response: ArrayLike,
    *,
    convention: str | None = None,
    given: float | None = None,
    saturating: float | None = None,
    control: float = 0.0,
    concentration_unit: str = "uM",
    name: str = "EC50",
) -> Observable:
    """Interpolate where the response is half-way between control and a reference.

    Parameters
    ----------
    concentration, response : (n,) arrays
        One response per concentration.
    convention : {"half_of_given", "half_of_saturating"}, optional
        Reference: the response at the concentration `given` (default the highest), or the number `saturating`.
    given : float, optional
        A tested concentration.
    saturating : float, optional
        Response at saturation, e.g. of a run at 1 M or the fitted top.
    control : float
        Response without drug. For an IC50 this is the start and the reference is the floor.
    concentration_unit, name : str

    Returns
    -------
    Observable
        ``not determined`` where half is not crossed inside the tested range, or is crossed more than once.

    Raises
    ------
    UsageError
        `given` was not tested, or no number was given for "half_of_saturating".
    """
    form = chosen("half_concentration", convention)
    c, y = np.asarray(concentration, dtype=float), np.asarray(response, dtype=float)
    used = (c > 0) & np.isfinite(c) & np.isfinite(y)
    order = np.argsort(c[used], kind="stable")
    c, y = c[used][order], y[used][order]
    if c.size < 2:
        return missing(name, concentration_unit, "not determined", f"{c.size} concentrations", form)
    if form == "half_of_given":
        at = c[-1] if given is None else given
        hit = np.flatnonzero(np.isclose(c, at, rtol=1e-9))
        if hit.size == 0:
            raise UsageError(
                f"{at:g} {concentration_unit} was not tested", why=f"tested: {', '.join(f'{v:g}' for v in c)}"
            )
        reference, notes = float(y[hit[0]]), (f"half of the response at {at:g} {concentration_unit}",)
    else:
        if saturating is None:
            raise UsageError("half_of_saturating needs the saturating response", do="give saturating=...")
        reference, notes = saturating, (f"half of {saturating:g}",)
    if reference == control:
        return missing(name, concentration_unit, "not determined", "the reference equals the control", form)
    part = (y - control) / (reference - control) - 0.5
    crossings = np.flatnonzero((part[:-1] < 0) != (part[1:] < 0))
    if crossings.size != 1:
        reason = (
            "half is not crossed inside the tested range" if crossings.size == 0 else "half is crossed more than once"
        )
        return missing(name, concentration_unit, "not determined", reason, form)
    k = int(crossings[0])
    share = part[k] / (part[k] - part[k + 1])
    value = math.exp(math.log(c[k]) + share * (math.log(c[k + 1]) - math.log(c[k])))
    return Observable(name, value, concentration_unit, convention=form, notes=notes)
