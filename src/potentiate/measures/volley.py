"""The presynaptic fibre volley: the fast wave between the stimulus artefact and the fEPSP."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import UsageError
from .conventions import chosen
from .observable import Observable, Status, missing
from .peak import RESPONSE_SD, Array

#: The artefact ends where the trace stops jumping, at the latest this long after the stimulus (ms).
LATEST_ARTEFACT_MS = 3.0
#: Where no window is given, a volley comes at the latest this long after the stimulus (ms): later waves are spikes
#: of the cells. Assumed: half a millimetre to a millimetre of unmyelinated fibre.
LATEST_VOLLEY_MS = 4.0
#: A sample-to-sample step beyond so many robust SD belongs to the artefact.
ARTEFACT_SD = 25.0
#: Width of the running mean under which the volley is looked for, ms.
SMOOTH_MS = 0.15


@dataclass(frozen=True)
class Volley:
    """A fibre volley.

    Attributes
    ----------
    amplitude : Observable
        ``fibre_volley``, mV, positive.
    latency : Observable
        ``fibre_volley_latency``: stimulus to trough, ms.
    index : int
        Sample of the trough; -1 without one.
    shoulders : (int, int)
        Samples of the shoulders before and after it.
    artefact_end_ms : float
        Where the artefact was taken to end; NaN where nobody looked.
    """

    amplitude: Observable
    latency: Observable
    index: int = -1
    shoulders: tuple[int, int] = (-1, -1)
    artefact_end_ms: float = math.nan


def missing_volley(status: Status, reason: str, artefact_end_ms: float = math.nan, convention: str = "") -> Volley:
    """Return the volley that could not be measured."""
    return Volley(
        missing("fibre_volley", "mV", status, reason, convention),
        missing("fibre_volley_latency", "ms", status, reason, "stimulus to trough"),
        artefact_end_ms=artefact_end_ms,
    )


def artefact_end(t: Array, v: Array, stimulus_ms: float) -> float:
    """Return the time after which the trace no longer jumps: the end of the stimulus artefact, ms.

    The last step beyond 25 robust standard deviations of the steps before the stimulus, within 3 ms of it.
    """
    step = np.abs(np.diff(v))
    quiet = step[t[1:] < stimulus_ms - 0.1]
    scale = float(np.median(quiet)) / 0.6745 if quiet.size else 0.0
    # a digitised quiet trace can stand still: then one step of the converter is the scale
    if scale == 0.0:
        scale = float(quiet[quiet > 0].min()) if (quiet > 0).any() else float(np.finfo(float).tiny)
    near = (t[1:] >= stimulus_ms - 0.1) & (t[1:] <= stimulus_ms + LATEST_ARTEFACT_MS)
    hits = np.flatnonzero(near & (step > ARTEFACT_SD * scale))
    return float(t[hits[-1] + 1]) if hits.size else stimulus_ms


def find_volley(
    t: Array,
    v: Array,
    stimulus_ms: float,
    rise_ms: float,
    baseline_mV: float,
    noise_sd_mV: float,
    sign: int,
    window_ms: tuple[float, float] | None = None,
    *,
    convention: str | None = None,
) -> Volley:
    """Measure the fibre volley.

    Parameters
    ----------
    t, v : (time,) arrays
        ms, mV.
    stimulus_ms : float
    rise_ms : float
        Where the fEPSP has clearly begun (half of its peak): the volley comes before.
    baseline_mV, noise_sd_mV : float
    sign : {-1, 1}
        Direction of the fEPSP, which the volley shares in the dendritic layer.
    window_ms : (float, float), optional
        Relative to the stimulus. Default: from the end of the artefact to `rise_ms`, at the latest 4 ms.
    convention : {"shoulders", "baseline", "preceding peak"}, optional
        What the trough is measured against: the line between its two shoulders, the baseline before the stimulus, or
        the positive shoulder before it.

    Returns
    -------
    Volley
        ``not separable`` where the trace has no shoulder between artefact and volley, or the wave runs into the fEPSP;
        ``no response`` where no wave exceeds 5 SD of the baseline.

    Raises
    ------
    UsageError
        A window that ends before it begins, or holds fewer than five samples.
    """
    name = chosen("find_volley", convention)
    end = artefact_end(t, v, stimulus_ms)
    last = min(rise_ms, stimulus_ms + LATEST_VOLLEY_MS)
    span = (end, last) if window_ms is None else (stimulus_ms + window_ms[0], stimulus_ms + window_ms[1])
    where = np.flatnonzero((t > span[0]) & (t <= span[1])) if window_ms is None else (
        np.flatnonzero((t >= span[0]) & (t <= span[1])))  # fmt: skip
    if where.size < 5:
        if window_ms is not None:
            why = f"{where.size} samples from {span[0]:g} to {span[1]:g} ms"
            raise UsageError("The volley window is too short", why=why, do="give a later end")
        why = f"only {max(span[1] - span[0], 0):.2g} ms lie between the artefact and the fEPSP"
        return missing_volley("not separable", why, end, name)
    width = max(1, round(SMOOTH_MS / float(np.median(np.diff(t[where])))))
    up = _smooth(sign * (v[where] - baseline_mV), width)
    noise = noise_sd_mV if math.isfinite(noise_sd_mV) else 0.0
    limit = RESPONSE_SD * noise
    left, right = np.minimum.accumulate(up), np.minimum.accumulate(up[::-1])[::-1]
    height = up - np.maximum(left, right)
    k = int(np.argmax(height))
    if height[k] <= max(limit, 1e-12):
        if abs(up[0]) > limit and abs(up[0]) > abs(up[: max(2, up.size // 3)]).min() * 2:
            why = (
                f"the artefact is still {up[0]:.3g} mV high at {t[where[0]] - stimulus_ms:.2g} ms, and no wave follows"
            )
            return missing_volley("not separable", why, end, name)
        why = f"no wave before the fEPSP exceeds {limit:.3g} mV (5 SD of the baseline): the largest has {height[k]:.2g}"
        return missing_volley("no response", why, end, name)
    a, b = int(np.argmin(up[: k + 1])), k + int(np.argmin(up[k:]))
    if a == 0 and abs(up[0]) > max(limit, 0.5 * height[k]):
        why = f"the trace still comes back from the artefact ({up[0]:.3g} mV) where the wave begins"
        return missing_volley("not separable", why, end, name)
    if name == "baseline":
        size = float(up[k])
    elif name == "preceding peak":
        size = float(up[k] - up[a])
    else:
        size = float(up[k] - (up[a] + (up[b] - up[a]) * (k - a) / max(b - a, 1)))
    notes = (f"artefact until {end - stimulus_ms:.3g} ms, running mean of {width} samples",)
    return Volley(
        Observable("fibre_volley", size, "mV", convention=name, notes=notes),
        Observable("fibre_volley_latency", float(t[where[k]]) - stimulus_ms, "ms", convention="stimulus to trough"),
        int(where[k]), (int(where[a]), int(where[b])), end,
    )  # fmt: skip


def _smooth(part: Array, width: int) -> Array:
    if width < 2:
        return part
    padded = np.pad(part, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.ones(width) / width, mode="valid")
