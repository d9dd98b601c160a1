"""Stationary fluctuations: variance against mean of a plateau, and the spectrum with its corner frequency."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .observable import Observable, Status, missing

Array = NDArray[np.float64]
Span = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Plateaus:
    """Mean and variance of many plateaus of one patch.

    Attributes
    ----------
    unitary_current, channels, background : Observable
        pA (signed), a number, pA^2.
    mean_pA, variance_pA2 : (plateau,) arrays
        Mean current above baseline, and variance within the plateau (drift removed) less that of the baseline.
    """

    unitary_current: Observable
    channels: Observable
    background: Observable
    mean_pA: Array
    variance_pA2: Array

    @property
    def observables(self) -> tuple[Observable, ...]:
        """All of them."""
        return self.unitary_current, self.channels, self.background


def _pieces(t: Array, y: Array, window_ms: Span, what: str) -> Array:
    mask = (t >= window_ms[0]) & (t <= window_ms[1])
    if mask.sum() < 16:
        raise UsageError(f"The {what} window {window_ms[0]:g} to {window_ms[1]:g} ms holds {int(mask.sum())} samples")
    return y[:, mask]


def _detrended(piece: Array) -> tuple[Array, Array]:
    """Return the fluctuation around a straight line per sweep, and its variance.

    The line takes two samples' worth of variance where samples are independent, and as many times more as a
    correlation lasts.
    """
    n = piece.shape[1]
    x = np.arange(n) - 0.5 * (n - 1)
    slope = piece @ x / (x @ x)
    rest = piece - piece.mean(axis=1, keepdims=True) - slope[:, None] * x
    lost = 2 * (1 + 2 * float(_correlation(rest).sum()))
    return rest, (rest**2).sum(axis=1) / max(n - lost, 0.5 * n)


def _correlation(rest: Array) -> Array:
    """Return the mean autocorrelation of sweeps from lag 1 to where it has fallen below 5 %."""
    n = rest.shape[1]
    power = (np.abs(np.fft.rfft(rest, 2 * n, axis=1)) ** 2).mean(axis=0)
    r = np.fft.irfft(power)[:n]
    if r[0] <= 0:
        return np.zeros(0)
    r = r / r[0]
    return r[1 : int(np.argmax(r < 0.05)) or n]


def _arrays(t_ms: ArrayLike, sweeps_pA: ArrayLike) -> tuple[Array, Array, float]:
    t, y = np.asarray(t_ms, dtype=float), np.atleast_2d(np.asarray(sweeps_pA, dtype=float))
    if t.ndim != 1 or t.shape != y.shape[1:] or t.size < 32:
        raise UsageError("Not sweeps", why=f"time {t.shape}, sweeps {y.shape}; wanted (time,) and (sweep, time)")
    if not np.isfinite(y).all():
        raise UsageError("A sweep holds NaN or infinity", do="choose sweeps and windows without them")
    steps = np.diff(t)
    if steps.min() <= 0 or np.ptp(steps) > 1e-3 * steps.mean():
        raise UsageError("Fluctuations need even sampling")
    return t, y, float((t[-1] - t[0]) / (t.size - 1))


def plateau_noise(
    t_ms: ArrayLike, sweeps_pA: ArrayLike, window_ms: Span, baseline_ms: Span, *, open_probability: float | None = None
) -> Plateaus:
    """Relate the variance of plateaus to their mean: ``variance = i I - I^2 / N``.

    Parameters
    ----------
    t_ms : (time,) array
        Evenly spaced.
    sweeps_pA : (sweep, time) array
        Plateaus of different size (concentrations, run-down) tell N; equal ones tell i only.
    window_ms, baseline_ms : (float, float)
        The steady part of the response, and as quiet a part before it.
    open_probability : float, optional
        Where all plateaus are alike: ``i = variance / (I (1 - p))``; without it p = 0, a lower limit of i.

    Returns
    -------
    Plateaus
        ``not determined`` where the variance does not exceed that of the baseline, and for N where the plateaus do not
        differ by a factor of 1.5 or do not bend.

    Notes
    -----
    Variance of a plateau of length T misses what is slower than about T: the window should be many relaxation times.
    Intervals: linear least squares weighted with the scatter ``variance * sqrt(2 / n)`` of n effective samples, from
    the autocorrelation of the fluctuation. Anderson & Stevens 1973 (J Physiol 235:655).
    """
    t, y, _ = _arrays(t_ms, sweeps_pA)
    plateau, quiet = _pieces(t, y, window_ms, "plateau"), _pieces(t, y, baseline_ms, "baseline")
    rest, variance = _detrended(plateau)
    quiet_rest, background = _detrended(quiet)
    mean = plateau.mean(axis=1) - quiet.mean(axis=1)
    sign = 1.0 if mean.sum() >= 0 else -1.0
    x, excess = sign * mean, variance - background
    error = np.sqrt(2 * variance**2 / _effective(rest) + 2 * background**2 / _effective(quiet_rest))
    level = Observable("background", float(background.mean()), "pA^2", notes=("variance of the baseline",))
    pooled, pooled_error = float(np.average(excess, weights=error**-2)), float(1 / math.sqrt(np.sum(error**-2)))

    def none(reason: str) -> Plateaus:
        return Plateaus(missing("unitary_current", "pA", "not determined", reason),
                        missing("channels", "", "not determined", reason), level, mean, excess)  # fmt: skip

    if (x <= 0).any():
        return none("plateaus of both signs, or without current")
    if pooled <= 2 * pooled_error:
        return none(f"excess variance {pooled:.3g} +- {pooled_error:.3g} pA^2 is not different from zero")
    if x.size < 4 or x.max() < 1.5 * x.min():
        ratio = x * (1 - (open_probability or 0.0))
        weights = (ratio / error) ** 2
        i = float(np.sum(weights * excess / ratio) / weights.sum())
        # a variance scatters like its own size: symmetric in the logarithm
        factor = math.exp(1.96 / math.sqrt(weights.sum()) / i)
        status: Status = "ok" if open_probability is not None else "one-sided"
        reason = None if open_probability is not None else "open probability not told: a lower limit"
        interval = (i / factor, i * factor) if sign > 0 else (-i * factor, -i / factor)
        if open_probability is None:
            interval = (interval[0], None) if sign > 0 else (None, interval[1])
        unitary = Observable("unitary_current", sign * i, "pA", status, reason, interval, "plateau")
        return Plateaus(
            unitary, missing("channels", "", "not determined", "the plateaus are alike"), level, mean, excess
        )
    matrix = np.column_stack([x, -(x**2)]) / error[:, None]
    covariance = np.linalg.inv(matrix.T @ matrix)
    c = covariance @ matrix.T @ (excess / error)
    spread = max(1.0, float(np.sum((matrix @ c - excess / error) ** 2)) / max(x.size - 2, 1))
    reach_i, reach_n = 1.96 * np.sqrt(np.diag(covariance) * spread)
    ends = sorted((sign * (c[0] - reach_i), sign * (c[0] + reach_i)))
    unitary = Observable("unitary_current", sign * c[0], "pA", interval=(ends[0], ends[1]), convention="plateau",
                         notes=(f"{x.size} plateaus of {x.min():.3g} to {x.max():.3g} pA",))  # fmt: skip
    if c[1] <= 0:
        straight = missing("channels", "", "not determined", "the variance does not bend down")
        return Plateaus(unitary, straight, level, mean, excess)
    many = 1 / (c[1] - reach_n) if c[1] > reach_n else None
    limits = (1 / (c[1] + reach_n), many)
    open_end = None if many else "1/N may be zero: no upper limit"
    channels = Observable("channels", 1 / c[1], "", "one-sided" if open_end else "ok", open_end, limits, "plateau")
    return Plateaus(unitary, channels, level, mean, excess)


def _effective(rest: Array) -> float:
    """Return independent samples per sweep for a variance: n over one plus twice the sum of squared correlations."""
    return max(2.0, rest.shape[1] / (1 + 2 * float(np.sum(_correlation(rest) ** 2))))


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Spectrum of stationary fluctuations and a Lorentzian.

    Attributes
    ----------
    corner, relaxation : Observable
        Half-power frequency, Hz; ``1 / (2 pi corner)``, ms.
    unitary_current : Observable
        pA, from the Lorentzian's area (the variance in the whole band) over the mean current.
    frequency_Hz, density : (bin,) arrays
        One-sided spectral density of the plateau less that of the baseline, pA^2/Hz.
    fitted : (bin,) array
    mean_pA : float
    """

    corner: Observable
    relaxation: Observable
    unitary_current: Observable
    frequency_Hz: Array
    density: Array
    fitted: Array
    mean_pA: float

    @property
    def observables(self) -> tuple[Observable, ...]:
        """All of them."""
        return self.corner, self.relaxation, self.unitary_current


def plateau_spectrum(
    t_ms: ArrayLike,
    sweeps_pA: ArrayLike,
    window_ms: Span,
    baseline_ms: Span,
    *,
    open_probability: float | None = None,
    band_Hz: tuple[float, float] | None = None,
    segment_ms: float | None = None,
) -> Spectrum:
    """Fit one Lorentzian ``S0 / (1 + (f / fc)^2)`` to the spectrum of a plateau.

    Parameters
    ----------
    t_ms, sweeps_pA, window_ms, baseline_ms, open_probability
        As for :func:`plateau_noise`.
    band_Hz : (float, float), optional
        Frequencies of the fit; default from the second bin to a tenth of the sampling rate. Keep below the corner of
        the recording filter.
    segment_ms : float, optional
        Length of a segment (Welch, half overlapping, Hann window); default a quarter of the shorter window.

    Returns
    -------
    Spectrum
        ``not determined`` where the spectrum does not exceed the background, or the corner is not inside the band.

    Notes
    -----
    The fit is by the likelihood of averaged periodograms (Whittle), in which background and Lorentzian add; for two
    states ``2 pi fc = alpha + beta``, and ``i = S0 pi fc / (2 I (1 - p))``. Intervals from the curvature of the
    likelihood. Anderson & Stevens 1973 (J Physiol 235:655).
    """
    t, y, dt = _arrays(t_ms, sweeps_pA)
    plateau, quiet = _pieces(t, y, window_ms, "plateau"), _pieces(t, y, baseline_ms, "baseline")
    shorter = min(plateau.shape[1], quiet.shape[1])
    n = max(16, round(segment_ms / dt)) if segment_ms is not None else max(16, shorter // 4)
    if n > shorter:
        raise UsageError(f"A segment of {n * dt:.3g} ms does not fit the windows", do="make segment_ms shorter")
    f, response, averages = _welch(_detrended(plateau)[0], n, dt)
    _, background, _ = _welch(_detrended(quiet)[0], n, dt)
    low, high = band_Hz or (float(f[2]), 0.1e3 / dt)
    used = (f >= low) & (f <= high)
    if used.sum() < 6:
        raise UsageError(f"The band {low:g} to {high:g} Hz holds {int(used.sum())} frequencies", do="widen it")
    mean = float((plateau.mean(axis=1) - quiet.mean(axis=1)).mean())
    f, s, b = f[used], response[used], background[used]

    def none(reason: str) -> Spectrum:
        corner, relaxation, unitary = (
            missing(id, unit, "not determined", reason)
            for id, unit in (("corner_frequency", "Hz"), ("relaxation", "ms"), ("unitary_current", "pA"))
        )
        return Spectrum(corner, relaxation, unitary, f, s - b, np.full(f.size, math.nan), mean)

    if float(np.sum(s - b)) <= 3 * float(np.sqrt(np.sum(s**2 + b**2) / averages)):
        return none("the spectrum is not above that of the baseline")
    fit = _whittle(f, s, b, averages)
    if fit is None:
        return none("the likelihood has no maximum in the band")
    log_s0, log_fc, covariance = fit
    s0, fc = math.exp(log_s0), math.exp(log_fc)
    error = math.sqrt(covariance[1, 1])
    fitted = s0 / (1 + (f / fc) ** 2)
    ends = (fc * math.exp(-1.96 * error), fc * math.exp(1.96 * error))
    inside = f[0] < fc < f[-1]
    status: Status = "ok" if inside else "not determined"
    reason = None if inside else f"the corner lies outside the band {f[0]:.3g} to {f[-1]:.3g} Hz"
    corner = Observable(
        "corner_frequency", fc, "Hz", status, reason, ends, "one Lorentzian", (f"{averages:.0f} averages",)
    )
    ms = [1e3 / (2 * math.pi * value) for value in (fc, *ends)]
    relaxation = Observable("relaxation", ms[0], "ms", status, reason, (ms[2], ms[1]), "1 / (2 pi fc)")
    variance, relative = s0 * math.pi * fc / 2, math.sqrt(covariance[0, 0] + covariance[1, 1] + 2 * covariance[0, 1])
    i = variance / (abs(mean) * (1 - (open_probability or 0.0))) if mean else math.nan
    if not math.isfinite(i):
        unitary = missing("unitary_current", "pA", "not determined", "no mean current")
    else:
        sign = math.copysign(1.0, mean)
        span = sorted((sign * i * math.exp(-1.96 * relative), sign * i * math.exp(1.96 * relative)))
        limits: Sequence[float | None] = span
        if open_probability is None:
            limits = (span[0], None) if sign > 0 else (None, span[1])
            status, reason = ("one-sided", "open probability not told: a lower limit") if inside else (status, reason)
        notes = (f"variance {variance:.3g} pA^2, mean {mean:.3g} pA",)
        ends = (limits[0], limits[1])
        unitary = Observable("unitary_current", sign * i, "pA", status, reason, ends, "Lorentzian area", notes)
    return Spectrum(corner, relaxation, unitary, f, s - b, fitted, mean)


def _welch(rest: Array, n: int, dt: float) -> tuple[Array, Array, float]:
    """Return frequency in Hz, one-sided density in pA^2/Hz, and the effective number of averages."""
    taper = np.hanning(n + 1)[:n]
    starts = np.arange(0, rest.shape[1] - n + 1, max(1, n // 2))
    blocks = np.concatenate([rest[:, a : a + n] for a in starts])
    power = np.abs(np.fft.rfft((blocks - blocks.mean(axis=1, keepdims=True)) * taper, axis=1)) ** 2
    density = np.asarray(2 * power.mean(axis=0) * (dt / 1e3) / float(taper @ taper), dtype=np.float64)
    # half-overlapping Hann segments: neighbours share 1/6 of their amplitude, so each counts for 1 / (1 + 2/36)
    return np.fft.rfftfreq(n, dt / 1e3).astype(np.float64), density, len(blocks) / (1 + 2 / 36)


def _whittle(f: Array, s: Array, b: Array, averages: float) -> tuple[float, float, Array] | None:
    """Return log S0, log fc and their covariance by Fisher scoring on the likelihood of averaged periodograms.

    The background is its estimate: where it is larger than the response by chance, the model stays positive.
    """
    best: tuple[float, Array] | None = None
    floor = np.maximum(b, 1e-6 * s.max())
    for start in np.exp(np.linspace(math.log(f[0]), math.log(f[-1]), 8)[1:-1]):
        shape = 1 / (1 + (f / start) ** 2)
        p = np.array(
            [math.log(max(float(np.sum((s - b) * shape) / np.sum(shape**2)), 1e-3 * s.max())), math.log(start)]
        )
        value = _loss(p, f, s, floor)
        for _ in range(60):
            gradient, fisher = _scores(p, f, s, floor)
            step = np.linalg.solve(fisher + 1e-9 * np.trace(fisher) * np.eye(2), gradient)
            size = 1.0
            while size > 1e-4:
                trial = p - size * np.clip(step, -1.5, 1.5)
                new = _loss(trial, f, s, floor)
                if new < value:
                    break
                size /= 2
            else:
                break
            done = value - new < 1e-10 * abs(value)
            p, value = trial, new
            if done:
                break
        if best is None or value < best[0]:
            best = value, p
    if best is None or not np.isfinite(best[1]).all():
        return None
    # under the Hann window neighbouring frequencies share 4/9 of their variance, next ones 1/36
    fisher = averages / (1 + 2 * (4 / 9 + 1 / 36)) * _scores(best[1], f, s, floor)[1]
    if np.linalg.cond(fisher) > 1e10:
        return None
    covariance: Array = np.asarray(np.linalg.inv(fisher), dtype=np.float64)
    return float(best[1][0]), float(best[1][1]), covariance


def _loss(p: Array, f: Array, s: Array, b: Array) -> float:
    m = np.exp(p[0]) / (1 + (f / np.exp(p[1])) ** 2) + b
    return float(np.sum(np.log(m) + s / m))


def _scores(p: Array, f: Array, s: Array, b: Array) -> tuple[Array, Array]:
    q = (f / np.exp(p[1])) ** 2
    lorentz = np.exp(p[0]) / (1 + q)
    m = lorentz + b
    slopes = np.stack([lorentz, lorentz * 2 * q / (1 + q)])
    gradient = slopes @ ((m - s) / m**2)
    return gradient, (slopes / m) @ (slopes / m).T
