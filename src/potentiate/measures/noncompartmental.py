"""Non-compartmental analysis of concentrations after a dose: exposure, half-life, clearance, and why one is missing.

Time in h; amounts and concentrations in the units given (mg and mg/L, umol and uM).

Sources: Gabrielsson & Weiner 2012, Methods Mol Biol 929:377 (the quantities); Purves 1992, J Pharmacokinet Biopharm
20:211 (linear-up log-down).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, UsageError
from .conventions import chosen
from .observable import Observable, missing

Array = NDArray[np.float64]
Route = Literal["oral", "iv bolus", "infusion"]

#: More of the AUC than this (in %) beyond the last sample, and what rests on it is not determined.
MOST_EXTRAPOLATED = 20.0
#: Points of the terminal line, at least.
FEWEST_POINTS = 3
#: More points are preferred where they lose less adjusted R2 than this.
TIE = 1e-4
#: A line over fewer half-lives than this, or with a lower adjusted R2, is noted.
SHORT_SPAN, POOR_FIT = 2.0, 0.9


@dataclasses.dataclass(frozen=True, eq=False)
class TerminalLine:
    """The straight line of log concentration at the end.

    Attributes
    ----------
    rate : float
        1/h.
    log_intercept : float
        Logarithm of the concentration at time 0.
    points : tuple of int
        Of the samples.
    adjusted_r2 : float
    """

    rate: float
    log_intercept: float
    points: tuple[int, ...]
    adjusted_r2: float


@dataclasses.dataclass(frozen=True, eq=False)
class Noncompartmental:
    """What one profile says.

    Attributes
    ----------
    observables : tuple of Observable
    t_h, concentration : array, shape (n,)
        As analysed: from the dose, the value at the dose included.
    line : TerminalLine or None
    notes : tuple of str
    """

    observables: tuple[Observable, ...]
    t_h: Array
    concentration: Array
    line: TerminalLine | None
    notes: tuple[str, ...] = ()

    def __getitem__(self, id: str) -> Observable:
        """Return an observable by its id."""
        return {o.id: o for o in self.observables}[id]


def noncompartmental(
    t_h: ArrayLike, concentration: ArrayLike, dose: float, *, route: Route = "oral", dose_at_h: float = 0.0,
    duration_h: float = 0.0, tau_h: float | None = None, steady_state: bool = False, earlier_doses: bool = False,
    auc: str | None = None, amount_unit: str = "mg", concentration_unit: str = "mg/L", volume_unit: str = "L",
) -> Noncompartmental:  # fmt: skip
    """Analyse one profile without a compartment model.

    Parameters
    ----------
    t_h, concentration : array, shape (n,)
        Samples in order of time; those before the dose are not used, but for the trough.
    dose : float
    route : {"oral", "iv bolus", "infusion"}
    dose_at_h, duration_h : float
    tau_h : float, optional
        Interval to the next dose: trough and AUC over it are measured.
    steady_state : bool
        Doses were repeated at `tau_h` until nothing changed: clearance is the dose over the AUC of an interval.
    earlier_doses : bool
        There were earlier doses, not at steady state: what extrapolates to infinity is refused.
    auc : {"linear-up log-down", "linear"}, optional
    amount_unit, concentration_unit, volume_unit : str

    Returns
    -------
    Noncompartmental

    Raises
    ------
    DataError
        Times not in order, concentrations below zero or not finite.
    UsageError
        A dose that is not above zero, an unknown convention.
    """
    rule = chosen("area_under_curve", auc)
    t, c = np.asarray(t_h, dtype=float), np.asarray(concentration, dtype=float)
    if t.shape != c.shape or t.ndim != 1:
        raise DataError(f"{t.size} times and {c.size} concentrations")
    if not (np.isfinite(t).all() and np.isfinite(c).all() and (c >= 0).all()):
        raise DataError("Concentrations must be numbers of zero or more", do="leave out what was not measured")
    if (np.diff(t) <= 0).any():
        raise DataError("Times do not increase", do="sort the samples; average replicates")
    if not (math.isfinite(dose) and dose > 0):
        raise UsageError(f"A dose of {dose:g}", do="give it above 0")
    if route == "infusion" and not duration_h > 0:
        raise UsageError("An infusion without a duration", do="give it in h")
    notes: list[str] = []
    since = t - dose_at_h
    predose = float(c[since <= 0][-1]) if (since <= 0).any() else math.nan
    times, values = _profile(since, c, route, predose if earlier_doses or steady_state else math.nan, notes)
    units = _Units(amount_unit, concentration_unit, volume_unit)
    taken = int((since >= 0).sum())
    if taken < 2 or not (values > 0).any():
        reason = "fewer than two samples after the dose" if taken < 2 else "no sample above zero"
        return Noncompartmental(_nothing(units, reason, rule, route), times, values, None, tuple(notes))
    line = terminal_line(times, values)
    made = _measure(times, values, dose, route, duration_h, tau_h, steady_state, earlier_doses, rule, units, line)
    return Noncompartmental(tuple(made), times, values, line, tuple(notes))


def area_under_curve(
    t_h: ArrayLike, concentration: ArrayLike, *, convention: str | None = None, moment: bool = False
) -> float:
    """Return the area under a curve, or under its first moment, between the first and the last sample.

    Parameters
    ----------
    t_h, concentration : array, shape (n,)
    convention : {"linear-up log-down", "linear"}, optional
        Falling parts are integrated as exponentials, rising ones by trapezoids; or all by trapezoids.
    moment : bool
        Integrate time times concentration.

    Examples
    --------
    >>> round(area_under_curve([0, 1, 2], [0, 1, 0.5], convention="linear"), 3)
    1.25
    """
    rule = chosen("area_under_curve", convention)
    t, c = np.asarray(t_h, dtype=float), np.asarray(concentration, dtype=float)
    t1, t2, c1, c2 = t[:-1], t[1:], c[:-1], c[1:]
    width = t2 - t1
    # what falls by less is straight to 1e-9, and the logarithmic formulas would cancel
    falling = (c2 < c1 * (1 - 1e-4)) & (c2 > 0) & (rule != "linear")
    rate = (np.log(np.where(falling, c1, 2.0)) - np.log(np.where(falling, c2, 1.0))) / width
    if moment:
        # a straight line times t is a parabola; trapezoids of t c, as the linear rule is usually written
        linear = 0.5 * (t1 * c1 + t2 * c2) * width
        logarithmic = (t1 * c1 - t2 * c2) / rate + (c1 - c2) / rate**2
    else:
        linear = 0.5 * (c1 + c2) * width
        logarithmic = (c1 - c2) / rate
    return float(np.sum(np.where(falling, logarithmic, linear)))


def terminal_line(t_h: ArrayLike, concentration: ArrayLike) -> TerminalLine | None:
    """Return the terminal line with the best adjusted R2 among those of three or more last points after the peak.

    Returns
    -------
    TerminalLine or None
        None with fewer than three positive points after the peak, or where no line falls.
    """
    t, c = np.asarray(t_h, dtype=float), np.asarray(concentration, dtype=float)
    usable = np.flatnonzero((c > 0) & (np.arange(c.size) > int(np.argmax(c))))
    if usable.size < FEWEST_POINTS:
        return None
    # sums over the last 1, 2, 3 ... points, counted from the last of them
    x, y = t[usable][::-1] - t[usable[-1]], np.log(c[usable][::-1] / c[usable[-1]])
    n = np.arange(1, x.size + 1)
    mean_x, mean_y = np.cumsum(x) / n, np.cumsum(y) / n
    sxx, sxy = np.cumsum(x * x) - n * mean_x**2, np.cumsum(x * y) - n * mean_x * mean_y
    syy = np.cumsum(y * y) - n * mean_y**2
    best, most = -1, -math.inf
    for k in range(FEWEST_POINTS - 1, x.size):
        if not sxy[k] < 0 or not syy[k] > 0:
            continue
        left = max(syy[k] - sxy[k] ** 2 / sxx[k], 0.0)
        adjusted = float(1 - (left / syy[k]) * k / (k - 1))
        if adjusted > most - TIE:
            best, most = k, max(adjusted, most)
    if best < 0:
        return None
    slope = float(sxy[best] / sxx[best])
    at_zero = float(mean_y[best] - slope * (mean_x[best] + t[usable[-1]])) + math.log(c[usable[-1]])
    return TerminalLine(-slope, at_zero, tuple(map(int, usable[-best - 1 :])), most)


# ----------------------------------------------------------------------------------------------- the numbers


@dataclasses.dataclass(frozen=True)
class _Units:
    amount: str
    concentration: str
    volume: str

    @property
    def auc(self) -> str:
        return f"{self.concentration}*h"


def _profile(since: Array, c: Array, route: str, predose: float, notes: list[str]) -> tuple[Array, Array]:
    """Return times and concentrations from the dose on, with a value at the dose."""
    after = since >= 0
    t, y = since[after], c[after]
    if t.size and t[0] == 0:
        return t, y
    if route == "iv bolus":
        if t.size >= 2 and y[0] > y[1] > 0:
            start = float(np.exp(np.log(y[0]) + (np.log(y[0]) - np.log(y[1])) * t[0] / (t[1] - t[0])))
            notes.append(f"value at the dose extrapolated from the first two samples: {start:.4g}")
        else:
            start = float(y[0]) if y.size else 0.0
            notes.append("value at the dose taken from the first sample: the first two do not fall")
    elif math.isfinite(predose):
        start = predose
        notes.append("value at the dose taken from the sample before it")
    else:
        start = 0.0
        notes.append("value at the dose taken for 0")
    return np.concatenate([[0.0], t]), np.concatenate([[start], y])


def _nothing(units: _Units, reason: str, rule: str, route: str) -> tuple[Observable, ...]:
    bare = "" if route != "oral" else "/F"
    ids = {
        "Cmax": units.concentration, "Tmax": "h", "AUClast": units.auc, "AUCinf": units.auc,
        "AUC extrapolated": "%", "lambda_z": "1/h", "half-life": "h", f"CL{bare}": f"{units.volume}/h",
        f"Vz{bare}": units.volume, "AUMCinf": f"{units.concentration}*h^2", "MRT": "h", "trough": units.concentration,
    }  # fmt: skip
    return tuple(missing(id, unit, "not resolved", reason, rule if "AUC" in id else "") for id, unit in ids.items())


def _measure(
    t: Array, c: Array, dose: float, route: str, duration: float, tau: float | None, steady: bool, earlier: bool,
    rule: str, units: _Units, line: TerminalLine | None,
) -> list[Observable]:  # fmt: skip
    top = int(np.argmax(c))
    last = int(np.flatnonzero(c > 0)[-1])
    edge = "the largest sample is the last: the peak may come later" if top == c.size - 1 and route == "oral" else ""
    made = [
        _seen("Cmax", c[top], units.concentration, edge), _seen("Tmax", t[top], "h", edge),
    ]  # fmt: skip
    area = area_under_curve(t[: last + 1], c[: last + 1], convention=rule)
    made.append(Observable("AUClast", area, units.auc, convention=rule))
    made += _to_infinity(t, c, last, area, dose, route, duration, steady, earlier, rule, units, line)
    made += _over_interval(t, c, dose, route, tau, steady, rule, units)
    return made


def _seen(id: str, value: float, unit: str, doubt: str) -> Observable:
    return Observable(id, value, unit, "one-sided" if doubt else "ok", doubt or None)


def _to_infinity(
    t: Array, c: Array, last: int, area: float, dose: float, route: str, duration: float, steady: bool, earlier: bool,
    rule: str, units: _Units, line: TerminalLine | None,
) -> list[Observable]:  # fmt: skip
    """Return what rests on the terminal line."""
    bare = "" if route != "oral" else "/F"
    after = f"{units.concentration}*h^2"
    ids = [("AUCinf", units.auc), ("AUC extrapolated", "%"), ("AUMCinf", after), ("MRT", "h"),
           (f"CL{bare}", f"{units.volume}/h"), (f"Vz{bare}", units.volume)]  # fmt: skip
    if route != "oral":
        ids.append(("Vss", units.volume))
    if line is None:
        reason = "fewer than three falling samples after the peak"
        return [missing("lambda_z", "1/h", "not determined", reason),
                missing("half-life", "h", "not determined", reason),
                *(missing(id, unit, "not determined", "no terminal slope") for id, unit in ids)]  # fmt: skip
    rate = line.rate
    first = t[line.points[0]]
    span = (t[line.points[-1]] - first) * rate / math.log(2)
    notes = [f"{len(line.points)} points from {first:g} h, adjusted R2 {line.adjusted_r2:.4f}"]
    if span < SHORT_SPAN:
        notes.append(f"the line spans {span:.2g} half-lives, fewer than {SHORT_SPAN:g}")
    if line.adjusted_r2 < POOR_FIT:
        notes.append(f"adjusted R2 below {POOR_FIT:g}")
    slope = [
        Observable("lambda_z", rate, "1/h", convention="best adjusted R2", notes=tuple(notes)),
        Observable("half-life", math.log(2) / rate, "h", convention="best adjusted R2", notes=tuple(notes)),
    ]
    if earlier or steady:
        why = "earlier doses are in the curve" if earlier else "at steady state the AUC to infinity is not of one dose"
        return [*slope, *(missing(id, unit, "refused", why, rule if id.startswith("AU") else "") for id, unit in ids)]
    tail = c[last] / rate
    total = area + tail
    share = 100 * tail / total
    moment = area_under_curve(t[: last + 1], c[: last + 1], convention=rule, moment=True)
    moment += tail * t[last] + tail / rate
    mrt = moment / total - (0.5 * duration if route == "infusion" else 0.0)
    clearance = dose / total
    values = [total, share, moment, mrt, clearance, clearance / rate, clearance * mrt]
    far = f"{share:.3g} % of the AUC is extrapolated, more than {MOST_EXTRAPOLATED:g} %"
    found = []
    for (id, unit), value in zip(ids, values, strict=False):
        doubtful = share > MOST_EXTRAPOLATED and id != "AUC extrapolated"
        convention = rule if id.startswith("AU") else ""
        more = ("includes the time of absorption",) if id == "MRT" and route == "oral" else ()
        status, reason = ("not determined", far) if doubtful else ("ok", None)
        found.append(Observable(id, value, unit, status, reason, None, convention, more))  # type: ignore[arg-type]
    return [*slope, *found]


def _over_interval(
    t: Array, c: Array, dose: float, route: str, tau: float | None, steady: bool, rule: str, units: _Units
) -> list[Observable]:
    """Return what belongs to a dosing interval: trough, and at steady state AUC, average, clearance."""
    if tau is None:
        return [missing("trough", units.concentration, "refused", "no next dose: there is no interval")]
    if t[-1] < tau * (1 - 1e-9):
        reason = f"the last sample is at {t[-1]:g} h, the interval ends at {tau:g} h"
        found = [missing("trough", units.concentration, "not resolved", reason)]
        if steady:
            found += [missing("AUCtau", units.auc, "not resolved", reason, rule)]
        return found
    inside = t < tau
    end = float(_interpolated(t, c, tau, rule))
    times, values = np.append(t[inside], tau), np.append(c[inside], end)
    area = area_under_curve(times, values, convention=rule)
    found = [Observable("trough", end, units.concentration, notes=(f"at {tau:g} h",)),
             Observable("AUCtau", area, units.auc, convention=rule)]  # fmt: skip
    if steady:
        name = "CLss" + ("/F" if route == "oral" else "")
        found += [Observable("Cavg", area / tau, units.concentration),
                  Observable(name, dose / area, f"{units.volume}/h")]  # fmt: skip
        if area > 0:
            found.append(Observable("fluctuation", 100 * (values.max() - values.min()) / (area / tau), "%"))
    return found


def _interpolated(t: Array, c: Array, at: float, rule: str) -> float:
    k = int(np.searchsorted(t, at))
    if k < t.size and t[k] == at:
        return c[k]
    low, high = c[k - 1], c[k]
    part = (at - t[k - 1]) / (t[k] - t[k - 1])
    if rule != "linear" and 0 < high < low:
        return float(low * (high / low) ** part)
    return float(low + part * (high - low))


def summarise(profiles: Sequence[Noncompartmental]) -> list[dict[str, float | int | str]]:
    """Return geometric mean and its CV over profiles for each quantity that is ok (Tmax: median and range).

    Returns
    -------
    list of dict
        ``id``, ``unit``, ``n`` (profiles with the status ok), ``of``, ``centre``, ``spread_percent`` (NaN for Tmax),
        ``lowest``, ``highest``.
    """
    ids = list(dict.fromkeys(o.id for p in profiles for o in p.observables))
    rows: list[dict[str, float | int | str]] = []
    for id in ids:
        all_ = [o for p in profiles for o in p.observables if o.id == id]
        good = np.array([o.value for o in all_ if o.ok])
        row: dict[str, float | int | str] = {"id": id, "unit": all_[0].unit, "n": good.size, "of": len(all_)}
        logs = np.log(good) if good.size and (good > 0).all() else np.array([])
        median = id == "Tmax" or not logs.size
        centre = (float(np.median(good)) if good.size else math.nan) if median else float(np.exp(logs.mean()))
        spread = math.nan if median or logs.size < 2 else 100 * math.sqrt(math.expm1(float(logs.var(ddof=1))))
        row |= {"centre": centre, "spread_percent": spread, "word": "median" if median else "geometric mean",
                "lowest": float(good.min()) if good.size else math.nan,
                "highest": float(good.max()) if good.size else math.nan}  # fmt: skip
        rows.append(row)
    return rows
