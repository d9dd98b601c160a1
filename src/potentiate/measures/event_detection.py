"""Detection of spontaneous and miniature events: where they start.

A template of one decay misses events of another, so that a drug that slows decay changes the count. What a drug on
the decay leaves alone is the rise: detection looks for edges (the mean just after a time minus the mean just before),
and what counts as an event is decided later by its amplitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .train import find_stimuli

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Span = tuple[float, float]

#: Corners of the zero-phase Gaussian filter that are tried, kHz.
CORNERS_KHZ = (3.0, 2.0, 1.5, 1.0, 0.7, 0.5)
#: The corner where no floor is told.
USUAL_KHZ = 1.0
#: Width of the mean at the peak, ms.
PEAK_MS = 0.5


@dataclass(frozen=True)
class EventSettings:
    """How events are found; use the settings of the control for the drug.

    Attributes
    ----------
    polarity : {"negative", "positive"}
        Inward or outward.
    edge_pA : float
        Smallest edge that is looked at: `edge_sd` robust standard deviations of the edge statistic.
    floor_pA : float
        Smallest amplitude that counts: told, or `floor_sd` standard deviations of the noise of an amplitude.
    corner_kHz : float
        Zero-phase Gaussian filter under which peak and rise are read: the highest corner at which the floor is still
        `floor_sd` standard deviations of the noise.
    noise_pA : float
        Standard deviation of the noise of an amplitude (mean at the peak minus mean before the rise).
    before_ms, gap_ms, after_ms : float
        The edge: mean over `after_ms`, starting `gap_ms` after a time, minus mean over `before_ms` before it.
    apart_ms : float
        Events closer than this are one.
    search_ms : float
        The peak comes at most this long after the start.
    edge_sd, floor_sd : float
    """

    polarity: Literal["negative", "positive"]
    edge_pA: float
    floor_pA: float
    corner_kHz: float
    noise_pA: float
    before_ms: float = 2.0
    gap_ms: float = 0.5
    after_ms: float = 2.0
    apart_ms: float = 1.5
    search_ms: float = 6.0
    edge_sd: float = 4.0
    floor_sd: float = 5.0

    @property
    def sign(self) -> int:
        """-1 for inward events."""
        return -1 if self.polarity == "negative" else 1

    def describe(self) -> str:
        """Return one line."""
        return (
            f"{self.polarity} events, edges above {self.edge_pA:.3g} pA, amplitudes above {self.floor_pA:.3g} pA "
            f"(noise SD {self.noise_pA:.3g} pA), {self.corner_kHz:g} kHz zero-phase Gaussian filter"
        )


def ensemble(t_ms: ArrayLike, sweeps_pA: ArrayLike) -> tuple[Array, Array, float]:
    """Return time, sweeps as (sweep, time), and the sample interval.

    Raises
    ------
    UsageError
        Shapes differ, sampling is uneven, or slower than 2 kHz.
    """
    t, y = np.asarray(t_ms, dtype=float), np.atleast_2d(np.asarray(sweeps_pA, dtype=float))
    if t.ndim != 1 or y.ndim != 2 or t.shape != y.shape[1:] or t.size < 100:
        raise UsageError("Not sweeps", why=f"time {t.shape}, sweeps {y.shape}; wanted (time,) and (sweep, time)")
    steps = np.diff(t)
    if steps.min() <= 0 or np.ptp(steps) > 1e-3 * steps.mean():
        raise UsageError("Events need even sampling")
    dt = float((t[-1] - t[0]) / (t.size - 1))
    if dt > 0.5:
        raise UsageError(
            f"Sampled every {dt:.3g} ms", why="the rise of an event is not resolved", do="sample at 2 kHz or more"
        )
    return t, y, dt


def quiet_mask(
    t: Array, sweeps: Array, exclude_ms: list[Span] | None, settle_ms: float, margin_ms: float
) -> tuple[Mask, list[Span]]:
    """Return which samples are analysed, shape (sweep, time), and the windows that are not.

    Parameters
    ----------
    exclude_ms : list of (float, float), optional
        Left out; None: what is found. Steps far beyond the noise at the same time in all sweeps (a membrane test,
        stimulus artefacts) are left out from 2 ms before to `settle_ms` after.
    margin_ms : float
        At the ends of every analysed stretch.
    """
    if exclude_ms is None:
        # a single sweep cannot agree with others: only a huge step is no event
        found = find_stimuli(t, _dithered(np.nan_to_num(sweeps)), threshold=25.0 if len(sweeps) >= 3 else 60.0)
        exclude_ms = _merged([(float(at) - 2.0, float(at) + settle_ms) for at in found])
    use = np.isfinite(sweeps)
    for first, last in exclude_ms:
        use[:, (t >= first) & (t <= last)] = False
    reach = round(margin_ms / float(t[1] - t[0]))
    blocked = ~use
    blocked[:, [0, -1]] = True
    for row in blocked:
        for at in np.flatnonzero(np.diff(row.astype(np.int8))):
            row[max(0, at - reach + 1) : at + 1 + reach] = True
        row[:reach] = row[row.size - reach :] = True
    return ~blocked, list(exclude_ms)


def _dithered(sweeps: Array) -> Array:
    """Return sweeps with half a digital step of noise, where the step is so coarse that most samples do not change."""
    made = np.array(sweeps)
    rng = np.random.default_rng(0)
    for row in made:
        steps = np.abs(np.diff(row))
        if np.median(steps) == 0 and steps.any():
            row += rng.uniform(-0.5, 0.5, row.size) * steps[steps > 0].min()
    return made


def _merged(spans: list[Span]) -> list[Span]:
    made: list[Span] = []
    for first, last in sorted(spans):
        if made and first <= made[-1][1]:
            made[-1] = (made[-1][0], max(last, made[-1][1]))
        else:
            made.append((first, last))
    return made


def filled(sweeps: Array) -> Array:
    """Return a copy in which NaN samples are a straight line (they are left out of the analysis anyway)."""
    made = np.array(sweeps)
    for row in made:
        bad = ~np.isfinite(row)
        if bad.any():
            at = np.arange(row.size)
            row[bad] = np.interp(at[bad], at[~bad], row[~bad]) if (~bad).any() else 0.0
    return made


def box_difference(y: Array, before: int, gap: int, after: int) -> Array:
    """Return ``mean(y[i + gap : i + gap + after]) - mean(y[i - before : i])`` for every sample i; 0 at the ends."""
    total = np.concatenate([np.zeros((len(y), 1)), np.cumsum(y, axis=1)], axis=1)
    n = y.shape[1]
    at = np.arange(before, n - gap - after)
    made = np.zeros_like(y)
    made[:, at] = (total[:, at + gap + after] - total[:, at + gap]) / after - (
        total[:, at] - total[:, at - before]
    ) / before
    return made


def robust_sd(values: Array) -> float:
    """Return the median absolute deviation from the median, scaled to a standard deviation; NaN of nothing."""
    return float(np.median(np.abs(values - np.median(values)))) / 0.6745 if values.size else math.nan


def smooth(y: Array, dt_ms: float, corner_kHz: float) -> Array:
    """Return sweeps through a zero-phase Gaussian filter (-3 dB at the corner)."""
    from scipy.ndimage import gaussian_filter1d

    # Colquhoun & Sigworth 1995: sigma = 0.1325 / fc
    return gaussian_filter1d(y, 0.1325 / corner_kHz / dt_ms, axis=-1, mode="nearest")


def slow_level(y: Array, dt_ms: float, window_ms: float = 200.0) -> Array:
    """Return the running median of one sweep, over means of 1 ms."""
    from scipy.ndimage import median_filter

    each = max(1, round(1.0 / dt_ms))
    n = y.size // each
    means = y[: n * each].reshape(n, each).mean(axis=1)
    level = median_filter(means, size=max(3, round(window_ms / (each * dt_ms))), mode="nearest")
    return np.interp(np.arange(y.size), (np.arange(n) + 0.5) * each, level)


def choose_settings(
    part: Array,
    use: Mask,
    dt_ms: float,
    polarity: Literal["negative", "positive"],
    floor_pA: float | None,
    **told: float,
) -> EventSettings:
    """Return settings from the noise between events.

    Parameters
    ----------
    part : (sweep, time) array
        Current, events upward.
    use : (sweep, time) array
        Samples that are analysed.
    """
    blank = EventSettings(polarity, math.inf, math.inf, USUAL_KHZ, math.nan, **told)
    edge = box_difference(part, *edge_samples(blank, dt_ms))
    rest = use.copy()
    level = math.nan
    for _ in range(4):  # events are taken out of the noise that decides what an event is
        before, level = level, blank.edge_sd * robust_sd(edge[rest])
        if not level > 0 or abs(level - before) < 0.01 * level:
            break
        rest = use & ~_around(edge > level, round(3.0 / dt_ms), round(25.0 / dt_ms))
    if not level > 0:
        raise UsageError("There is no noise to judge events by", why=f"{int(use.sum())} samples are analysed")

    def noise(corner: float) -> float:
        amplitude = box_difference(smooth(part, dt_ms, corner), max(1, round(blank.before_ms / dt_ms)),
                                   round(blank.gap_ms / dt_ms), max(1, round(PEAK_MS / dt_ms)))  # fmt: skip
        return robust_sd(amplitude[rest])

    corner, sd = USUAL_KHZ, noise(USUAL_KHZ)
    if floor_pA is None:
        floor = blank.floor_sd * sd
    else:
        floor = float(floor_pA)
        for corner in (c for c in CORNERS_KHZ if c < 0.4 / dt_ms):
            sd = noise(corner)
            if blank.floor_sd * sd <= floor:
                break
    return EventSettings(polarity, level, floor, corner, sd, **told)


def _around(hits: Mask, before: int, after: int) -> Mask:
    """Return the hits with everything from `before` samples before to `after` samples after each."""
    made = np.zeros_like(hits)
    for row, out in zip(hits, made, strict=True):
        edges = np.zeros(row.size + 1, dtype=np.int64)
        at = np.flatnonzero(row)
        np.add.at(edges, np.maximum(at - before, 0), 1)
        np.add.at(edges, np.minimum(at + after + 1, row.size), -1)
        out[:] = np.cumsum(edges[:-1]) > 0
    return made


def edge_samples(settings: EventSettings, dt_ms: float) -> tuple[int, int, int]:
    """Return before, gap and after in samples."""
    return tuple(max(1, round(ms / dt_ms)) for ms in (settings.before_ms, settings.gap_ms, settings.after_ms))  # type: ignore[return-value]


def find_edges(edge: Array, use: Mask, settings: EventSettings, dt_ms: float) -> NDArray[np.int64]:
    """Return samples at which events start, in one sweep.

    Parameters
    ----------
    edge : (time,) array
        From :func:`box_difference`.
    use : (time,) array
    """
    from scipy.signal import find_peaks

    # half of the height must lie between an edge and its neighbours: ripples on a slow rise are one event
    found, what = find_peaks(
        edge,
        height=settings.edge_pA,
        distance=max(1, round(settings.apart_ms / dt_ms)),
        prominence=0.5 * settings.edge_pA,
    )
    keep = use[found] & (what["prominences"] >= 0.5 * what["peak_heights"])
    return found[keep]
