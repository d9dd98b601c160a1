"""The test pulse of a voltage-clamp recording: series resistance, membrane resistance, capacitance."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from ..numerics.exponentials import ExponentialFit, fit_exponentials
from .observable import Observable, missing
from .peak import RESPONSE_SD, Array
from .train import find_stimuli, regular_run

#: The fit starts where the transient has fallen to this part of its extreme: before, filter and amplifier speak.
START_PART = 0.9
#: The transient has its extreme at the latest this long after the step, ms.
LATEST_MS = 5.0
#: Width of the running median under which the extreme of the transient is looked for, samples.
MEDIAN = 7
#: The exponential is extrapolated to the begin of the step over so many of its time constants at most.
FARTHEST_TAU = 2.0
#: Steps shorter than this are no test pulse, ms.
SHORTEST_MS = 2.0
#: Jumps of the mean of the sweeps, in robust SD of its steps; stimulus artefacts are larger.
JUMP_SD = 10.0


@dataclass(frozen=True)
class VoltageStep:
    """What a small voltage step tells about cell and pipette.

    Attributes
    ----------
    series, membrane : Observable
        ``R_series``, ``R_membrane``, MOhm.
    capacitance : Observable
        ``C_membrane``, pF.
    tau : Observable
        ``tau_transient``, ms.
    holding : Observable
        ``I_holding``: mean current before the step, pA.
    on_ms, off_ms, step_mV : float
    fit : ExponentialFit or None
        Of the transient, pA, upward, from `fit_start_ms` on.
    fit_start_ms : float
    """

    series: Observable
    membrane: Observable
    capacitance: Observable
    tau: Observable
    holding: Observable
    on_ms: float
    off_ms: float
    step_mV: float
    fit: ExponentialFit | None
    fit_start_ms: float

    @property
    def observables(self) -> tuple[Observable, ...]:
        """All of them."""
        return self.series, self.membrane, self.capacitance, self.tau, self.holding


def find_voltage_step(t_ms: ArrayLike, sweeps: ArrayLike) -> tuple[float, float] | None:
    """Find a test pulse: two jumps outside the train between which the current stays shifted.

    Parameters
    ----------
    t_ms : (time,) array
    sweeps : (sweep, time) array

    Returns
    -------
    (float, float) or None
        Begin and end, ms; None where no pair of jumps with opposite transients encloses a shift beyond 5 standard
        errors.
    """
    t, y = np.asarray(t_ms, dtype=float), np.atleast_2d(np.asarray(sweeps, dtype=float))
    # in the mean of the sweeps the small jumps of a test pulse stand out further
    jumps = find_stimuli(t, y.mean(axis=0), threshold=JUMP_SD)
    train = regular_run(jumps)
    single = np.setdiff1d(jumps, train) if train.size > 2 else jumps
    mean = y.mean(axis=0)
    for on, off in itertools.pairwise(single):
        if off - on < SHORTEST_MS:
            continue
        width = 0.4 * (off - on)
        before = mean[(t >= on - min(width, 20.0)) & (t < on - 0.2)]
        late = mean[(t >= off - width) & (t < off - 0.2)]
        if min(before.size, late.size) < 5:
            continue
        error = math.hypot(before.std() / math.sqrt(before.size), late.std() / math.sqrt(late.size))
        # the two transients of a step point to opposite sides; those of two shocks to the same
        first, second = (mean[(t > edge + 0.2) & (t < edge + SHORTEST_MS)] for edge in (on, off))
        if min(first.size, second.size) == 0 or (first.mean() - late.mean()) * (second.mean() - before.mean()) >= 0:
            continue
        if abs(late.mean() - before.mean()) > RESPONSE_SD * error:
            return float(on), float(off)
    return None


def measure_voltage_step(
    t_ms: ArrayLike, current_pA: ArrayLike, on_ms: float, off_ms: float, step_mV: float
) -> VoltageStep:
    """Measure series resistance, membrane resistance and capacitance from a small voltage step.

    Parameters
    ----------
    t_ms : (time,) array
    current_pA : (time,) or (sweep, time) array
        Sweeps are averaged.
    on_ms, off_ms : float
        Begin and end of the step.
    step_mV : float
        Its height, signed.

    Returns
    -------
    VoltageStep
        ``not determined`` where the transient is no decay or the steady current does not move with the step.

    Raises
    ------
    UsageError
        Bad arrays, a step of zero, or windows outside the trace.

    Notes
    -----
    One exponential through the transient, extrapolated to the begin of the step: the current there is step / R_series
    (the capacitance is a short circuit), the steady one step / (R_series + R_membrane), and
    C = tau (1 / R_series + 1 / R_membrane). A cell with dendrites has more than one time constant: then R_series is an
    upper bound, and C that of the part that is clamped within the time constant found. With series resistance
    compensation the result is what is left of it.
    """
    t = np.asarray(t_ms, dtype=float)
    y = np.atleast_2d(np.asarray(current_pA, dtype=float))
    if y.ndim != 2 or t.shape != y.shape[1:] or t.size < 10:
        raise UsageError("Not sweeps", why=f"time {t.shape}, current {y.shape}; wanted (time,) and (sweep, time)")
    if step_mV == 0 or not math.isfinite(step_mV):
        raise UsageError(f"A step of {step_mV:g} mV", do="give its height, e.g. -5 mV")
    if off_ms - on_ms < SHORTEST_MS:
        raise UsageError(f"The step lasts {off_ms - on_ms:g} ms", why=f"the shortest is {SHORTEST_MS:g} ms")
    mean = y.mean(axis=0)
    width = off_ms - on_ms
    before = mean[(t >= on_ms - min(0.5 * width, 20.0)) & (t < on_ms - 0.2)]
    late = mean[(t >= off_ms - 0.3 * width) & (t < off_ms - 0.2)]
    if min(before.size, late.size) < 3:
        why = f"the trace runs from {t[0]:g} to {t[-1]:g} ms"
        raise UsageError("The step has no baseline or no end in the trace", why=why, do="give its begin and end")
    base, steady = float(before.mean()), float(late.mean())
    holding = Observable("I_holding", base, "pA", convention="mean of up to 20 ms before the step")
    sign = 1 if step_mV > 0 else -1
    up = sign * (mean - steady)
    fit, start, why = _transient(t, up, on_ms, off_ms, float(before.std(ddof=1)))
    name = "one exponential, extrapolated to the step"
    units = (("R_series", "MOhm"), ("R_membrane", "MOhm"), ("C_membrane", "pF"), ("tau_transient", "ms"))

    def nothing(reason: str) -> VoltageStep:
        gone = [missing(id, unit, "not determined", reason, name) for id, unit in units]
        return VoltageStep(gone[0], gone[1], gone[2], gone[3], holding, on_ms, off_ms, step_mV, fit, start)

    if fit is None:
        return nothing(why)
    tau = float(fit.taus[0])
    shift = sign * (steady - base)
    begin = float(fit.amplitudes[0]) * math.exp((start - on_ms) / tau) + shift
    size = abs(step_mV)
    if begin <= 0:
        return nothing("the current at the begin of the step is against the step")
    rs = 1e3 * size / begin
    series = Observable(
        "R_series", rs, "MOhm", convention=name, notes=(f"{begin:.4g} pA at the begin of {step_mV:g} mV",)
    )
    took = Observable("tau_transient", tau, "ms", convention=name,
                      notes=(f"fit from {start - on_ms:.3g} ms after the step, {fit.n_points} samples",))  # fmt: skip
    error = math.hypot(before.std() / math.sqrt(before.size), late.std() / math.sqrt(late.size))
    if shift <= 2 * error:
        reason = f"the steady current moves by {shift:.3g} pA, twice its error is {2 * error:.3g} pA"
        membrane = missing("R_membrane", "MOhm", "one-sided", reason, name)
        capacitance = Observable("C_membrane", 1e3 * tau / rs, "pF", "one-sided", reason, None, name)
        return VoltageStep(series, membrane, capacitance, took, holding, on_ms, off_ms, step_mV, fit, start)
    rm = 1e3 * size / shift - rs
    if rm <= 0:
        return nothing(f"the steady current ({shift:.3g} pA) is not below that at the begin ({begin:.3g} pA)")
    low, high = (1e3 * size / (shift + side * 2 * error) - rs for side in (1, -1))
    membrane = Observable("R_membrane", rm, "MOhm", interval=(low, high), convention=name)
    capacitance = Observable("C_membrane", 1e3 * tau * (1 / rs + 1 / rm), "pF", convention=name)
    return VoltageStep(series, membrane, capacitance, took, holding, on_ms, off_ms, step_mV, fit, start)


def _transient(
    t: Array, up: Array, on_ms: float, off_ms: float, noise: float
) -> tuple[ExponentialFit | None, float, str]:
    """Fit the falling part of the capacitive transient; return the fit, its start, and why there is none."""
    inside = np.flatnonzero((t >= on_ms) & (t < on_ms + 0.7 * (off_ms - on_ms)))
    part = up[inside]
    # the amplifier's own spike, a sample or two wide, is no transient of the cell: a running median steps over it
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(part, MEDIAN // 2, mode="edge"), MEDIAN), axis=1)
    # a spontaneous event later in the step may be larger than the transient
    top = int(np.argmax(smooth[: max(3, int(np.count_nonzero(t[inside] <= on_ms + LATEST_MS)))]))
    if smooth[top] <= RESPONSE_SD * noise:
        return None, math.nan, f"no transient: {smooth[top]:.3g} pA against 5 SD of {RESPONSE_SD * noise:.3g} pA"
    fallen = np.flatnonzero(smooth[top:] <= START_PART * smooth[top])
    if fallen.size == 0:
        return None, math.nan, "the transient does not fall"
    first = top + int(fallen[0])
    # five time constants, judged by the fall to 1/e, hold all that can be fitted
    third = np.flatnonzero(smooth[first:] <= smooth[first] / math.e)
    if third.size == 0:
        return None, math.nan, "the transient does not fall to 1/e within the step"
    last = min(first + max(5 * int(third[0]), 8), part.size)
    start = float(t[inside[first]])
    fit = fit_exponentials(t[inside[first:last]], part[first:last], 1, offset=0.0)
    if fit.status != "ok":
        return None, start, f"the transient is no exponential: {fit.reason}"
    if fit.amplitudes[0] <= 0:
        return None, start, "the transient grows"
    if start - on_ms > FARTHEST_TAU * fit.taus[0]:
        why = (
            f"it would be extrapolated over {(start - on_ms) / fit.taus[0]:.2g} time constants of {fit.taus[0]:.2g} ms"
        )
        return None, start, f"the transient does not say what flowed at the begin of the step: {why}"
    return fit, start, ""
