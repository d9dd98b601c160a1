"""Two pulses: recovery from desensitization, paired-pulse ratio, fold change."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from ..numerics.least_squares import levenberg_marquardt, profile_interval
from .conventions import chosen
from .observable import Observable, Status, missing


def recovery(
    interval_ms: ArrayLike,
    second_pA: ArrayLike,
    first_pA: ArrayLike,
    steady_pA: ArrayLike = 0.0,
    *,
    convention: str | None = None,
) -> tuple[Observable, Observable]:
    """Measure recovery from desensitization by paired pulses.

    Parameters
    ----------
    interval_ms : (n,) array
        From the end of the first pulse to the start of the second.
    second_pA, first_pA : (n,) array (`first_pA` may be one number)
        Peaks from baseline.
    steady_pA : (n,) array or float
        Current left at the end of the first pulse; 0 to normalise by the first peak alone.
    convention : {"mono", "hodgkin-huxley 4"}, optional

    Returns
    -------
    tau, t63 : Observable
        ms. `tau` carries the profile interval and its word; `t63` is where the recovered part is 1 - 1/e,
        interpolated between intervals.

    Raises
    ------
    UsageError
        Arrays of different length, or first peaks equal to the steady current.
    """
    name = chosen("recovery", convention)
    x = np.asarray(interval_ms, dtype=float)
    try:
        second, first, steady = (np.broadcast_to(np.asarray(v, dtype=float), x.shape)
                                 for v in (second_pA, first_pA, steady_pA))  # fmt: skip
    except ValueError:
        raise UsageError("Intervals and peaks differ in length") from None
    if x.ndim != 1 or (first == steady).any():
        raise UsageError("Recovery is undefined", why="the first peak equals the steady current")
    r = (second - steady) / (first - steady)
    used = np.isfinite(x) & np.isfinite(r)
    order = np.argsort(x[used], kind="stable")
    x, r = x[used][order], r[used][order]
    note = "(peak2 - SS) / (peak1 - SS)" if np.any(steady != 0) else "peak2 / peak1"
    t63 = _t63(x, r, name)
    if x.size < 4:
        reason = f"{x.size} intervals; at least 4 are needed"
        return missing("tau_recovery", "ms", "not determined", reason, name), t63
    power = 1.0 if name == "mono" else 4.0

    def residual(p: np.ndarray) -> np.ndarray:
        return p[1] + (1 - p[1]) * (1 - np.exp(-x / np.exp(p[0]))) ** power - r

    positive = x[x > 0]
    bounds = (np.array([math.log(positive.min()) - 4, -1.0]), np.array([math.log(x.max()) + 5, 0.999]))
    starts = [np.array([guess, 0.0]) for guess in np.linspace(bounds[0][0] + 2, bounds[1][0] - 2, 6)]
    fits = [levenberg_marquardt(residual, start, bounds=bounds) for start in starts]
    best = min((fit for fit in fits if fit.status == "ok"), key=lambda fit: fit.ssr, default=None)
    if best is None:
        return missing("tau_recovery", "ms", "solver", fits[0].reason, name), t63
    tau = math.exp(best.x[0])
    profile = profile_interval(residual, best, 0, bounds=bounds)
    interval = (math.exp(profile.low), math.exp(profile.high)) if profile.word != "not determined" else None
    interval = None if interval is None else (
        None if math.isinf(profile.low) else interval[0], None if math.isinf(profile.high) else interval[1]
    )  # fmt: skip
    notes = (note, f"starts at {best.x[1]:.3g} of full", f"intervals {x[0]:g} to {x[-1]:g} ms")
    if best.at_bound[0]:
        return missing("tau_recovery", "ms", "not determined", "no recovery within the intervals", name), t63
    status: Status = "ok" if profile.word == "determined" else profile.word
    return Observable("tau_recovery", tau, "ms", status, profile.reason or None, interval, name, notes), t63


def _t63(x: np.ndarray, r: np.ndarray, name: str) -> Observable:
    goal = 1 - math.exp(-1)
    above = np.flatnonzero(r >= goal)
    if above.size == 0:
        return missing("t63_recovery", "ms", "not determined", "63 % is not reached", name)
    k = int(above[0])
    if k == 0:
        reason = f"already {r[0]:.0%} at the shortest interval"
        return missing("t63_recovery", "ms", "not determined", reason, name)
    value = x[k - 1] + (goal - r[k - 1]) / (r[k] - r[k - 1]) * (x[k] - x[k - 1])
    return Observable("t63_recovery", value, "ms", convention="interpolated")


def paired_pulse_ratio(first_pA: ArrayLike, second_pA: ArrayLike, *, convention: str | None = None) -> Observable:
    """Measure the paired-pulse ratio over sweeps.

    Parameters
    ----------
    first_pA, second_pA : (sweep,) arrays
        Amplitudes from baseline, same sign.
    convention : {"ratio of means", "mean of ratios"}, optional

    Returns
    -------
    Observable
        ``PPR``; with "mean of ratios" the note says by how much it exceeds the ratio of means.

    Raises
    ------
    UsageError
        Arrays of different length.
    """
    name = chosen("paired_pulse_ratio", convention)
    first, second = np.atleast_1d(np.asarray(first_pA, float)), np.atleast_1d(np.asarray(second_pA, float))
    if first.shape != second.shape:
        raise UsageError("First and second responses differ in number", why=f"{first.size} and {second.size}")
    used = np.isfinite(first) & np.isfinite(second)
    first, second = first[used], second[used]
    if first.size == 0 or first.mean() == 0:
        return missing("PPR", "", "not determined", "no first response", name)
    ratio = float(second.mean() / first.mean())
    if name == "ratio of means":
        return Observable("PPR", ratio, "", convention=name, notes=(f"n = {first.size} sweeps",))
    if (first == 0).any():
        return missing("PPR", "", "not determined", "a first response is zero", name)
    value = float((second / first).mean())
    note = f"biased: {value - ratio:+.3g} against the ratio of means ({ratio:.4g})"
    return Observable("PPR", value, "", convention=name, notes=(f"n = {first.size} sweeps", note))


def fold_change(drug: Observable, control: Observable, native_range: tuple[float, float] | None = None) -> Observable:
    """Return an observable with drug divided by the same without.

    Parameters
    ----------
    drug, control : Observable
        Same id and unit.
    native_range : (float, float), optional
        Range of the control in real receptors. Outside it the ratio says more about the scheme than about
        the drug, and is refused.

    Returns
    -------
    Observable
        Status ``refused`` with NaN where the control is outside the native range, is zero, or is no number; the
        worse status of the two otherwise.

    Raises
    ------
    UsageError
        The two are different quantities.
    """
    if (drug.id, drug.unit) != (control.id, control.unit):
        raise UsageError(f"{drug.id} ({drug.unit}) and {control.id} ({control.unit}) have no ratio")
    id, name = f"{drug.id}_fold", "drug over control"
    if not control.known:
        return missing(id, "", "refused", f"no control value: {control.reason}", name)
    if native_range is not None and not native_range[0] <= control.value <= native_range[1]:
        reason = (
            f"control {control.id} {control.value:.3g} {control.unit} is outside the native range "
            f"{native_range[0]:g} to {native_range[1]:g}"
        )
        return missing(id, "", "refused", reason.replace("  ", " "), name)
    if control.value == 0:
        return missing(id, "", "refused", "the control is zero", name)
    if not drug.known:
        return missing(id, "", drug.status, drug.reason or "no drug value", name)
    worse = next((o for o in (control, drug) if not o.ok), None)
    status: Status = "ok" if worse is None else worse.status
    reason = None if worse is None else f"{'control' if worse is control else 'drug'}: {worse.reason}"
    return Observable(id, drug.value / control.value, "", status, reason, None, name)
