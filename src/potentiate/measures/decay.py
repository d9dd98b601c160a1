"""How a response ends: exponentials, crossing times, deactivation, desensitization, weighted tau."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..numerics.exponentials import ExponentialFit, fit_exponentials
from .conventions import chosen
from .observable import Observable, Status, missing
from .peak import Array, Peak, crossing, trace

#: A component below this relative amplitude is no component.
MIN_FRACTION = 0.01


@dataclass(frozen=True)
class Decay:
    """A fitted decay.

    Attributes
    ----------
    form : {"mono", "bi", "none"}
    tau : Observable
        ms; the single time constant, or the amplitude-weighted one of two.
    tau_fast, tau_slow : Observable
        ms; NaN with a reason where the form is mono.
    fraction_fast : Observable
        Relative amplitude of the fast component, at the start of the fit.
    pedestal : Observable
        pA above baseline, where fitted.
    fit : ExponentialFit or None
        The winner.
    start_ms, stop_ms : float
        Window of the fit.
    """

    form: str
    tau: Observable
    tau_fast: Observable
    tau_slow: Observable
    fraction_fast: Observable
    pedestal: Observable
    fit: ExponentialFit | None
    start_ms: float
    stop_ms: float

    @property
    def observables(self) -> tuple[Observable, ...]:
        """All of them."""
        return self.tau, self.tau_fast, self.tau_slow, self.fraction_fast, self.pedestal


def _none(status: Status, reason: str, name: str, span: tuple[float, float]) -> Decay:
    def no(id: str, unit: str = "ms") -> Observable:
        return missing(id, unit, status, reason, name)

    return Decay(
        "none", no("tau"), no("tau_fast"), no("tau_slow"), no("fraction_fast", ""), no("pedestal", "pA"), None, *span
    )


def decay(
    t_ms: ArrayLike,
    current_pA: ArrayLike,
    at: Peak,
    *,
    convention: str | None = None,
    pedestal: bool = False,
    from_fraction: float = 0.95,
    start_ms: float | None = None,
    stop_ms: float | None = None,
) -> Decay:
    """Fit the decay of a response.

    Parameters
    ----------
    t_ms, current_pA : (time,) arrays
    at : Peak
    convention : {"auto", "mono", "bi"}, optional
        "auto" lets AICc choose and notes the loser.
    pedestal : bool
        Fit the final level (desensitization) instead of holding it at the baseline (deactivation, EPSC).
    from_fraction : float
        The fit starts where the current has first fallen to this part of the peak.
    start_ms, stop_ms : float, optional
        Explicit window; `start_ms` overrides `from_fraction`.

    Returns
    -------
    Decay

    Notes
    -----
    AICc counts samples as independent: filtered and oversampled traces prefer two components too easily.
    """
    t, y = trace(t_ms, current_pA)
    name = chosen("decay", convention)
    stop = float(t[-1]) if stop_ms is None else stop_ms
    if not at.amplitude.ok:
        return _none("no response", at.amplitude.reason or "no response", name, (math.nan, stop))
    part = at.sign * (y - at.baseline_pA)
    if start_ms is None:
        fallen = np.flatnonzero(part[at.index :] <= from_fraction * at.size_pA)
        if fallen.size == 0:
            reason = f"the current does not fall to {from_fraction:.0%} of its peak"
            return _none("not determined", reason, name, (math.nan, stop))
        start_ms = float(t[at.index + fallen[0]])
    inside = (t >= start_ms) & (t <= stop)
    x, z = t[inside], part[inside]
    offset = None if pedestal else 0.0
    fits = {}
    for form, n in (("mono", 1), ("bi", 2)):
        if name in ("auto", form):
            fits[form] = fit_exponentials(x, z, n, offset=offset)  # type: ignore[arg-type]
    why = {form: fit.reason or _not_a_decay(fit) for form, fit in fits.items()}
    good = {form: fit for form, fit in fits.items() if not why[form]}
    if not good:
        return _none("not determined", "; ".join(f"{form}: {text}" for form, text in why.items()), name,
                     (start_ms, stop))  # fmt: skip
    form = min(good, key=lambda candidate: (good[candidate].aicc, candidate == "bi"))
    notes = [f"fit from {start_ms:.4g} to {x[-1]:.4g} ms, {x.size} samples"]
    for other, loser in fits.items():
        if other != form:
            taus = " and ".join(f"{tau:.4g}" for tau in loser.taus)
            notes.append(
                f"{other} lost: {why[other]}" if why[other]
                else f"{other} lost: AICc +{loser.aicc - good[form].aicc:.3g}, tau {taus} ms"
            )  # fmt: skip
    return _decay(good[form], form, name, at.sign, pedestal, tuple(notes), (start_ms, float(x[-1])))


def _not_a_decay(fit: ExponentialFit) -> str:
    """Say why a fit is not a falling response; empty when it is one."""
    total = float(fit.amplitudes.sum())
    if total <= 0:
        return "the current does not fall"
    if (fit.amplitudes < MIN_FRACTION * total).any():
        return "a component has no or the wrong amplitude"
    return ""


def _decay(
    fit: ExponentialFit, form: str, name: str, sign: int, pedestal: bool, notes: tuple[str, ...],
    span: tuple[float, float],
) -> Decay:  # fmt: skip
    fraction = fit.amplitudes / fit.amplitudes.sum()
    tau = Observable("tau", float(fraction @ fit.taus), "ms", convention=f"{name}: {form}", notes=notes)
    if form == "bi":
        fast = Observable("tau_fast", fit.taus[0], "ms", convention=name)
        slow = Observable("tau_slow", fit.taus[1], "ms", convention=name)
        share = Observable("fraction_fast", fraction[0], "", convention=name)
    else:
        reason = "one exponential was enough" if name == "auto" else "one exponential was asked for"
        fast, slow, share = (
            missing(id, unit, "not determined", reason, name)
            for id, unit in (("tau_fast", "ms"), ("tau_slow", "ms"), ("fraction_fast", ""))
        )
    level = (
        Observable("pedestal", sign * fit.offset, "pA", convention=name) if pedestal
        else missing("pedestal", "pA", "not determined", "held at the baseline", name)
    )  # fmt: skip
    return Decay(form, tau, fast, slow, share, level, fit, *span)


def weighted_tau(
    t_ms: ArrayLike,
    current_pA: ArrayLike,
    at: Peak,
    *,
    convention: str | None = None,
    fitted: Decay | None = None,
    stop_ms: float | None = None,
) -> Observable:
    """Measure the weighted decay time constant.

    Parameters
    ----------
    t_ms, current_pA : (time,) arrays
    at : Peak
    convention : {"amplitude", "charge over peak"}, optional
    fitted : Decay, optional
        For "amplitude"; fitted with the defaults of :func:`decay` otherwise.
    stop_ms : float, optional
        End of the window.

    Returns
    -------
    Observable
        ms.
    """
    t, y = trace(t_ms, current_pA)
    name = chosen("weighted_tau", convention)
    if name == "amplitude":
        result = fitted or decay(t, y, at, stop_ms=stop_ms)
        tau = result.tau
        return Observable("tau_weighted", tau.value, "ms", tau.status, tau.reason, None, name, tau.notes)
    if not at.amplitude.ok:
        return missing("tau_weighted", "ms", "no response", at.amplitude.reason or "no response", name)
    after = (t >= t[at.index]) & (t <= (t[-1] if stop_ms is None else stop_ms))
    if after.sum() < 2:
        return missing("tau_weighted", "ms", "not resolved", "fewer than two samples after the peak", name)
    area = float(np.trapezoid(at.sign * (y[after] - at.baseline_pA), t[after]))
    return Observable("tau_weighted", area / at.size_pA, "ms", convention=name)


def fall_time(t: Array, part: Array, start: int, level: float) -> float:
    """Return the time at which `part`, at or after sample `start`, first reaches `level` from above; NaN if never."""
    below = np.flatnonzero(part[start:] <= level)
    if below.size == 0:
        return math.nan
    k = start + int(below[0])
    return float(t[k]) if k == start else crossing(t, part, level, k - 1)


def decay_time(t_ms: ArrayLike, current_pA: ArrayLike, at: Peak, *, convention: str | None = None) -> Observable:
    """Measure the time from the peak until the current has fallen to 1/e ("1/e") or half ("half") of it.

    Returns
    -------
    Observable
        ms. In noise the first crossing comes too early: average sweeps first.
    """
    t, y = trace(t_ms, current_pA)
    name = chosen("decay_time", convention)
    fraction = {"1/e": math.exp(-1), "half": 0.5}[name]
    id = {"1/e": "one_over_e", "half": "half_decay"}[name]
    if not at.amplitude.ok:
        return missing(id, "ms", "no response", at.amplitude.reason or "no response", name)
    part = at.sign * (y - at.baseline_pA)
    end = fall_time(t, part, at.index, fraction * at.size_pA)
    if math.isnan(end):
        return missing(id, "ms", "not determined", f"the current does not fall to {fraction:.0%} of its peak", name)
    return Observable(id, end - t[at.index], "ms", convention=name)


def deactivation(
    t_ms: ArrayLike,
    current_pA: ArrayLike,
    at: Peak,
    pulse_end_ms: float,
    *,
    convention: str | None = None,
) -> Observable:
    """Measure the deactivation time, counted from the END of the agonist pulse.

    Parameters
    ----------
    t_ms, current_pA : (time,) arrays
    at : Peak
    pulse_end_ms : float
        When the agonist left.
    convention : {"of value at pulse end", "of peak"}, optional
        The current must fall to 1/e of its value at the end of the pulse, or of its peak (which after a
        1 ms pulse may come later than the end).

    Returns
    -------
    Observable
        ms.
    """
    t, y = trace(t_ms, current_pA)
    name = chosen("deactivation", convention)
    if not at.amplitude.ok:
        return missing("tau_deact", "ms", "no response", at.amplitude.reason or "no response", name)
    if not t[0] <= pulse_end_ms < t[-1]:
        return missing("tau_deact", "ms", "not determined", "the pulse does not end inside the trace", name)
    part = at.sign * (y - at.baseline_pA)
    start = int(np.searchsorted(t, pulse_end_ms))
    reference = float(np.interp(pulse_end_ms, t, part)) if name == "of value at pulse end" else at.size_pA
    if reference <= 0:
        return missing("tau_deact", "ms", "not determined", "no current at the end of the pulse", name)
    if name == "of peak":
        start = max(start, at.index)
    elif t[at.index] > pulse_end_ms:
        # still rising: the level lies on the way up as well, so look after the peak
        start = at.index
    end = fall_time(t, part, start, reference * math.exp(-1))
    if math.isnan(end):
        return missing("tau_deact", "ms", "not determined", "the current does not fall to 1/e", name)
    return Observable("tau_deact", end - pulse_end_ms, "ms", convention=name)


def desensitization(
    t_ms: ArrayLike,
    current_pA: ArrayLike,
    at: Peak,
    pulse_end_ms: float,
    steady: Observable,
    *,
    convention: str | None = None,
) -> Observable:
    """Measure the desensitization time during a long pulse.

    Parameters
    ----------
    t_ms, current_pA : (time,) arrays
    at : Peak
    pulse_end_ms : float
    steady : Observable
        SS/peak, from :func:`potentiate.measures.steady_state_ratio`.
    convention : {"1/e", "fit"}, optional
        Time from the peak to 1/e of (peak - steady), or one exponential on a free pedestal from the peak to the
        end of the pulse. Both count from the peak.

    Returns
    -------
    Observable
        ms; ``not steady`` (with its value) where the plateau was still moving.
    """
    t, y = trace(t_ms, current_pA)
    name = chosen("desensitization", convention)
    if not at.amplitude.ok:
        return missing("tau_des", "ms", "no response", at.amplitude.reason or "no response", name)
    if name == "fit":
        fitted = decay(t, y, at, convention="mono", pedestal=True, from_fraction=1.0, stop_ms=pulse_end_ms)
        tau = fitted.tau
        return Observable("tau_des", tau.value, "ms", tau.status, tau.reason, None, name, tau.notes)
    if not steady.known:
        return missing("tau_des", "ms", "not determined", f"no steady level: {steady.reason}", name)
    if steady.value > 0.98:
        return missing("tau_des", "ms", "not determined", "the current does not desensitize (SS/peak > 0.98)", name)
    inside = t <= pulse_end_ms
    part = (at.sign * (y - at.baseline_pA))[inside] / at.size_pA
    end = fall_time(t[inside], part, at.index, steady.value + (1 - steady.value) * math.exp(-1))
    if math.isnan(end):
        return missing("tau_des", "ms", "not determined", "the pulse ends before 1/e", name)
    return Observable("tau_des", end - t[at.index], "ms", steady.status, steady.reason, None, name)
