"""Non-stationary fluctuation analysis: unitary current, number of channels, open probability."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .conventions import chosen
from .observable import Observable, Status, missing

Array = NDArray[np.float64]

#: Largest drift of the peak over the sweeps.
MAX_DRIFT = 0.10


@dataclass(frozen=True)
class NoiseAnalysis:
    """Result of a fluctuation analysis.

    Attributes
    ----------
    unitary_current : Observable
        i, pA, signed as the response.
    channels : Observable
        N; with peak scaling the mean number of channels open at the peak, not the number present.
    open_probability : Observable
        Peak current / (i N); only without scaling.
    background : Observable
        Variance of the line at zero current, pA^2.
    drift : Observable
        Straight-line change of the peak over the sweeps, relative to the mean.
    mean_pA, variance_pA2 : (bin,) arrays
        The binned points.
    fitted_pA2 : (bin,) array
        The parabola there.
    """

    unitary_current: Observable
    channels: Observable
    open_probability: Observable
    background: Observable
    drift: Observable
    mean_pA: Array
    variance_pA2: Array
    fitted_pA2: Array

    @property
    def observables(self) -> tuple[Observable, ...]:
        """All of them."""
        return self.unitary_current, self.channels, self.open_probability, self.background, self.drift


def nonstationary_noise(
    t_ms: ArrayLike,
    sweeps_pA: ArrayLike,
    *,
    convention: str | None = None,
    window_ms: tuple[float, float] | None = None,
    baseline_ms: tuple[float, float] | None = None,
    bins: int = 20,
    floor: float = 0.0,
    peak_ms: float = 0.3,
    resamples: int = 200,
    seed: int = 1,
) -> NoiseAnalysis:
    """Relate the variance around the mean response to the mean.

    Parameters
    ----------
    t_ms : (time,) array
    sweeps_pA : (sweep, time) array
        Aligned responses, baseline near 0 or `baseline_ms` given.
    convention : {"peak-scaled", "unscaled"}, optional
        "peak-scaled" subtracts the mean scaled to each sweep at the time of the mean's peak (synaptic
        currents); "unscaled" subtracts the mean itself (repeated jumps on one patch).
    window_ms : (float, float), optional
        Default: from the peak of the mean to 15 ms after it or the end of the trace.
    baseline_ms : (float, float), optional
        Subtracted per sweep.
    bins : int
        Bins of equal amplitude of the mean; empty ones are left out, the others count equally.
    floor : float
        Leave out samples where the mean is below this part of its peak.
    peak_ms : float
        Width of the mean around the peak that scales a sweep.
    resamples : int
        Draws of sweeps, with replacement, for the intervals; at least 50.
    seed : int
        Of the draws.

    Returns
    -------
    NoiseAnalysis
        Status ``refused`` where the peaks drift by more than 10 % (and by more than two standard errors).

    Raises
    ------
    UsageError
        Shapes differ, fewer than 10 sweeps, or an empty window.

    Notes
    -----
    ``variance = i I - I^2 / N + background``, least squares over bins (linear in i, 1/N, background). Neighbouring
    samples of a sweep are correlated, so the scatter of the bins says nothing about the error: intervals are 95 % ones
    of a bootstrap over sweeps, and that of N is one-sided where 1/N may be zero. Sigworth 1980 (J Physiol 307:97);
    peak scaling: Traynelis, Silver & Cull-Candy 1993 (PMID 7688973).
    """
    form = chosen("nonstationary_noise", convention)
    t, y = np.asarray(t_ms, dtype=float), np.array(sweeps_pA, dtype=float)
    if y.ndim != 2 or t.shape != y.shape[1:]:
        raise UsageError("Not an ensemble", why=f"time {t.shape}, sweeps {y.shape}; wanted (time,) and (sweep, time)")
    if y.shape[0] < 10:
        raise UsageError(f"{y.shape[0]} sweeps are too few for a variance", do="give 10 or more")
    if not np.isfinite(y).all():
        raise UsageError("A sweep holds NaN or infinity")
    if baseline_ms is not None:
        quiet = (t >= baseline_ms[0]) & (t <= baseline_ms[1])
        if not quiet.any():
            raise UsageError("The baseline window holds no sample")
        y -= y[:, quiet].mean(axis=1, keepdims=True)
    mean = y.mean(axis=0)
    top = int(np.argmax(np.abs(mean)))
    sign = 1 if mean[top] >= 0 else -1
    around = np.abs(t - t[top]) <= peak_ms / 2
    heights, mean_height = y[:, around].mean(axis=1), float(mean[around].mean())
    drift = _drift(heights, form)
    if drift.status == "refused":
        return _refused(drift, form)
    start, stop = window_ms or (t[top], min(t[top] + 15.0, t[-1]))
    used = (t >= start) & (t <= stop) & (sign * mean >= floor * sign * mean_height)
    if used.sum() < 8:
        raise UsageError(f"The window {start:g} to {stop:g} ms holds {int(used.sum())} samples", do="give 8 or more")
    if resamples < 50:
        raise UsageError(f"{resamples} resamples are too few for an interval", do="give 50 or more")
    n = y.shape[0]
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    weights = np.vstack([np.ones(n), draws]).astype(np.float64)
    means, variances = _moments(y[:, used], heights, weights, scaled=form == "peak-scaled")
    x, v = _binned(sign * means[0], variances[0], bins)
    drawn = [_binned(sign * m, w, bins) for m, w in zip(means[1:], variances[1:], strict=True)]
    return _parabola(x, v, drawn, sign, abs(float(mean[top])), drift, form, n)


def _moments(y: Array, heights: Array, weights: Array, *, scaled: bool) -> tuple[Array, Array]:
    """Return mean and variance around the (scaled) mean at every sample, for every row of weights of the sweeps.

    Parameters
    ----------
    y : (sweep, sample) array
    heights : (sweep,) array
        Peaks, which scale the mean.
    weights : (draw, sweep) array
        How often each sweep counts; rows sum to the number of sweeps.
    """
    n = weights.sum(axis=1, keepdims=True)
    mean = weights @ y / n
    # sum of w (y - s m)^2 with s = height / mean height, multiplied out
    share = heights / (weights @ heights / n[:, 0])[:, None] if scaled else np.ones_like(weights)
    squares = (
        weights @ y**2 - 2 * mean * ((weights * share) @ y) + mean**2 * np.sum(weights * share**2, axis=1)[:, None]
    )
    return mean, squares / (n - 1)


def _drift(heights: Array, form: str) -> Observable:
    order = np.arange(heights.size) / max(heights.size - 1, 1) - 0.5
    slope = float(order @ heights / (order @ order))
    average = float(heights.mean())
    scatter = heights - average - slope * order
    error = math.sqrt(float(scatter @ scatter) / (heights.size - 2) / float(order @ order))
    relative = slope / average if average else math.inf
    if not math.isfinite(relative):
        return missing("peak_drift", "", "refused", "the mean peak is zero", form)
    if abs(relative) > MAX_DRIFT and abs(slope) > 2 * error:
        reason = f"the peak drifts by {relative:+.0%} over the sweeps (limit {MAX_DRIFT:.0%})"
        return Observable("peak_drift", relative, "", "refused", reason, None, form)
    return Observable("peak_drift", relative, "", convention=form)


def _refused(drift: Observable, form: str) -> NoiseAnalysis:
    empty = np.empty(0)
    return _without("refused", drift.reason or "", drift, form, empty, empty, empty)


def _without(
    status: Status, reason: str, drift: Observable, form: str, x: Array, v: Array, fitted: Array
) -> NoiseAnalysis:
    return NoiseAnalysis(
        missing("unitary_current", "pA", status, reason, form),
        missing("channels", "", status, reason, form),
        missing("open_probability", "", status, reason, form),
        missing("background", "pA^2", status, reason, form),
        drift, x, v, fitted,
    )  # fmt: skip


def _binned(x: Array, v: Array, bins: int) -> tuple[Array, Array]:
    edges = np.linspace(x.min(), x.max(), bins + 1)
    which = np.clip(np.digitize(x, edges) - 1, 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    full = count > 0
    means = np.bincount(which, x, bins)[full] / count[full]
    return means, np.bincount(which, v, bins)[full] / count[full]


def _coefficients(x: Array, v: Array) -> Array:
    """Return i, 1/N and background of the parabola, by least squares."""
    matrix = np.column_stack([x, -(x**2), np.ones_like(x)])
    return np.asarray(np.linalg.lstsq(matrix, v, rcond=None)[0], dtype=np.float64)


def _parabola(
    x: Array, v: Array, drawn: list[tuple[Array, Array]], sign: int, peak_pA: float, drift: Observable, form: str,
    sweeps: int,
) -> NoiseAnalysis:  # fmt: skip
    c = _coefficients(x, v)
    fitted = c[0] * x - c[1] * x**2 + c[2]
    if x.size < 4:
        return _without("not determined", f"{x.size} bins for 3 parameters", drift, form, sign * x, v, fitted)
    spread = np.array([_coefficients(*pair) for pair in drawn if pair[0].size >= 4])
    low, high = np.quantile(spread, [0.025, 0.975], axis=0)
    notes = (f"{sweeps} sweeps, {x.size} bins from {x[0]:.3g} to {x[-1]:.3g} pA; bootstrap of {len(spread)}",)
    i_ends = sorted((sign * float(low[0]), sign * float(high[0])))
    status: Status = "ok" if c[0] > 0 and low[0] > 0 else "not determined"
    reason = None if status == "ok" else "the slope at zero current is not different from zero"
    unitary = Observable("unitary_current", sign * c[0], "pA", status, reason, (i_ends[0], i_ends[1]), form, notes)
    background = Observable("background", c[2], "pA^2", interval=(low[2], high[2]), convention=form, notes=notes)
    if c[1] <= 0:
        reason = "the variance does not bend down: open probability too low, or drift"
        channels = missing("channels", "", "not determined", reason, form)
        return NoiseAnalysis(
            unitary, channels, missing("open_probability", "", "not determined", reason, form), background, drift,
            sign * x, v, fitted,
        )  # fmt: skip
    few, many = 1 / high[1], 1 / low[1] if low[1] > 0 else None
    note = ("N counts channels open at the mean peak",) if form == "peak-scaled" else ()
    channels = Observable(
        "channels", 1 / c[1], "", "ok" if many else "one-sided", None if many else "1/N may be zero: no upper limit",
        (few, many), form, note,
    )  # fmt: skip
    if form == "peak-scaled":
        probability = missing("open_probability", "", "not determined", "peak scaling removes it", form)
    else:
        probability = open_probability(sign * peak_pA, unitary, channels)
    return NoiseAnalysis(unitary, channels, probability, background, drift, sign * x, v, fitted)


def open_probability(current_pA: float, unitary_current: Observable, channels: Observable) -> Observable:
    """Return the open probability ``I / (i N)``.

    Parameters
    ----------
    current_pA : float
        Macroscopic current.
    unitary_current, channels : Observable
        pA (same sign as the current), and a number.

    Returns
    -------
    Observable
        ``not determined`` where a factor is unknown or the ratio leaves 0 to 1 by more than 5 %.
    """
    for factor in (unitary_current, channels):
        if not factor.known or factor.value == 0:
            return missing("open_probability", "", "not determined", f"{factor.id}: {factor.reason or 'zero'}")
    value = current_pA / (unitary_current.value * channels.value)
    if not -0.05 <= value <= 1.05:
        return missing("open_probability", "", "not determined", f"I/(iN) = {value:.3g} is no probability")
    worse = next((o for o in (unitary_current, channels) if not o.ok), None)
    if worse is not None:
        return Observable("open_probability", value, "", worse.status, f"{worse.id}: {worse.reason}")
    return Observable("open_probability", value, "", convention="I / (i N)")
