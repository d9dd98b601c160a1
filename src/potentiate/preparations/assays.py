"""Standard assays of a patch: protocol, run and measures in one call, for an ideal rig.

Definitions follow the convention table (`potentiate conventions`). All assays start from equilibrium with the
control solution, and return observables by id.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..exposure.bath import NO_DRUG, Bath
from ..measures.concentration import half_concentration
from ..measures.decay import deactivation as measure_deactivation
from ..measures.decay import decay_time, weighted_tau
from ..measures.decay import desensitization as measure_desensitization
from ..measures.observable import Observable, missing
from ..measures.peak import Peak, rise
from ..measures.peak import peak as measure_peak
from ..measures.plateau import charge, steady_state_ratio
from ..numerics.matrix_exponential import transition_matrix
from ..numerics.propagation import sample_sweeps
from ..numerics.sweep_plan import plan_sweeps
from ..protocols.fast_application import agonist_free as agonist_free_protocol
from ..protocols.fast_application import jump, paired_pulses, slow_application, synaptic_transient
from ..protocols.protocol import Protocol
from .patch import IDEAL, Patch, Rig

SATURATING_UM = 10_000.0
_TINY_PA = 1e-9

Observables = dict[str, Observable]


def _peak(t: np.ndarray, current: np.ndarray) -> Peak:
    return measure_peak(t, current)


def _no_current(current: np.ndarray) -> bool:
    return bool(np.max(np.abs(current)) < _TINY_PA)


def deactivation(
    patch: Patch,
    bath: Bath = NO_DRUG,
    agonist: str | None = None,
    concentration_uM: float = SATURATING_UM,
    width_ms: float = 1.0,
    after_ms: float = 150.0,
) -> Observables:
    """Apply a brief pulse: peak, rise, decay from the end of the pulse.

    Returns
    -------
    dict
        ``peak`` (pA), ``rise``, ``tau_deact`` (1/e from the end of the pulse), ``tau_weighted`` (ms), ``charge``
        (fC), ``open_probability`` at the peak.
    """
    agonist = agonist or patch.scheme.agonist
    protocol = jump(agonist, concentration_uM, width_ms, after_ms, dt_ms=0.01)
    return measure_brief(patch, protocol, bath)


def _baseline(rig: Rig, protocol: Protocol) -> tuple[float, float] | None:
    """Return the window of the baseline: none on a rig without noise and leak, where it is zero."""
    if rig.noise_pA == 0 and rig.leak_nS == 0:
        return None
    # the foot of the exchange starts about twice its 10-90 % time before the switch
    return 0.0, protocol.marks["on"] - max(protocol.dt_ms, 2.5 * rig.exchange_10_90_ms)


def measure_brief(patch: Patch, protocol: Protocol, bath: Bath = NO_DRUG, seed: int | None = None) -> Observables:
    """Run a brief-pulse protocol on a patch (rig included) and measure its response."""
    recording = patch.run(protocol, bath, seed=seed)
    return measure_sweep(recording.time_ms, recording.sweeps[0], protocol, patch.rig)


def measure_sweep(t: np.ndarray, current: np.ndarray, protocol: Protocol, rig: Rig = IDEAL) -> Observables:
    """Measure one sweep of a brief-pulse protocol; on a real rig against the baseline before the exchange begins."""
    if _no_current(current):
        return {i: missing(i, "ms", "no response", "no current") for i in ("tau_deact", "tau_weighted", "rise")} | {
            "peak": Observable("peak", 0.0, "pA")
        }
    on = protocol.marks["on"]
    quiet = _baseline(rig, protocol)
    at = measure_peak(t, current, baseline_ms=quiet, search_ms=(on, t[-1]))
    found = {
        "peak": at.amplitude,
        "rise": rise(t, current, at),
        "tau_weighted": weighted_tau(t, current, at, convention="charge over peak"),
        "charge": charge(t, current, at, window_ms=(on, t[-1])),
    }
    if "off" in protocol.marks:
        found["tau_deact"] = measure_deactivation(t, current, at, protocol.marks["off"])
    else:
        found["decay"] = decay_time(t, current, at)
    return found


def desensitization(
    patch: Patch,
    bath: Bath = NO_DRUG,
    agonist: str | None = None,
    concentration_uM: float = SATURATING_UM,
    width_ms: float = 500.0,
) -> Observables:
    """Apply a long pulse: desensitization time, steady state.

    Returns
    -------
    dict
        ``peak`` (pA), ``tau_des`` (ms, 1/e of peak - steady), ``steady_state_ratio``, ``percent_desensitization``,
        ``steady_state`` (pA), ``open_probability``.
    """
    agonist = agonist or patch.scheme.agonist
    protocol = jump(agonist, concentration_uM, width_ms, 20.0, dt_ms=0.02 if width_ms <= 1000 else 0.1)
    return measure_long(patch, protocol, bath)


def measure_long(patch: Patch, protocol: Protocol, bath: Bath = NO_DRUG, seed: int | None = None) -> Observables:
    """Run a long-pulse protocol on a patch (rig included) and measure its response."""
    recording = patch.run(protocol, bath, seed=seed)
    t, current = recording.time_ms, recording.sweeps[0]
    on, off = protocol.marks["on"], protocol.marks["off"]
    ids = {"tau_des": "ms", "steady_state_ratio": "", "percent_desensitization": "%"}
    if _no_current(current):
        return {i: missing(i, u, "no response", "no current") for i, u in ids.items()} | {
            "peak": Observable("peak", 0.0, "pA"),
            "steady_state": Observable("steady_state", 0.0, "pA"),
        }
    quiet = _baseline(patch.rig, protocol)
    at = measure_peak(t, current, baseline_ms=quiet, search_ms=(on, off))
    ratio = steady_state_ratio(t, current, at, (on, off))
    steady = (
        Observable("steady_state", ratio.value * at.amplitude.value, "pA", ratio.status, ratio.reason)
        if ratio.known
        else missing("steady_state", "pA", ratio.status, ratio.reason or "")
    )
    percent = (
        Observable("percent_desensitization", 100.0 * (1.0 - ratio.value), "%", ratio.status, ratio.reason)
        if ratio.known
        else missing("percent_desensitization", "%", ratio.status, ratio.reason or "")
    )
    return {
        "peak": at.amplitude,
        "tau_des": measure_desensitization(t, current, at, off, ratio),
        "steady_state_ratio": ratio,
        "percent_desensitization": percent,
        "steady_state": steady,
    }


def open_probability(
    patch: Patch, bath: Bath = NO_DRUG, agonist: str | None = None, concentration_uM: float = SATURATING_UM
) -> Observable:
    """Return the probability of any conducting state at the peak of the current during a 20 ms pulse."""
    protocol = jump(agonist or patch.scheme.agonist, concentration_uM, 20.0, 1.0, dt_ms=0.005)
    occupancy = patch.occupancy(protocol, bath)
    at = int(np.argmax(occupancy @ patch.conductances_pS))
    return Observable("open_probability", float(occupancy[at] @ (patch.conductances_pS > 0)), "")


def recovery(
    patch: Patch,
    bath: Bath = NO_DRUG,
    agonist: str | None = None,
    concentration_uM: float = SATURATING_UM,
    conditioning_ms: float = 100.0,
    intervals_ms: Sequence[float] | None = None,
) -> Observables:
    """Condition, wait, test: time to 63 % recovery of the peak from its value at the end of the conditioning pulse.

    Returns
    -------
    dict
        ``tau_rec`` (ms): the interval at which the test peak has come back by 63 % of what was lost.
    """
    agonist = agonist or patch.scheme.agonist
    low, high = 0.5, 20_000.0
    intervals = np.array(intervals_ms) if intervals_ms is not None else np.geomspace(low, high, 32)
    first, second, steady = paired_peaks(patch, intervals, bath, agonist, concentration_uM, conditioning_ms)
    if first <= _TINY_PA:
        return {"tau_rec": missing("tau_rec", "ms", "no response", "no current")}
    recovered = (second - steady) / (first - steady)
    goal = 1.0 - math.exp(-1.0)
    if recovered[0] >= goal:
        return {"tau_rec": missing("tau_rec", "ms", "not determined", "recovered before the shortest interval")}
    if recovered[-1] < goal:
        return {"tau_rec": missing("tau_rec", "ms", "not determined", "not recovered at the longest interval")}
    k = int(np.argmax(recovered >= goal))
    # refine between the two neighbours: recovery is smooth in the interval
    fine = np.linspace(intervals[k - 1], intervals[k], 16)
    _, again, _ = paired_peaks(patch, fine, bath, agonist, concentration_uM, conditioning_ms)
    value = float(np.interp(goal, (again - steady) / (first - steady), fine))
    return {"tau_rec": Observable("tau_rec", value, "ms", convention="63 %")}


def paired_peaks(
    patch: Patch,
    intervals_ms: np.ndarray,
    bath: Bath,
    agonist: str,
    concentration_uM: float,
    first_ms: float,
    test_ms: float = 10.0,
) -> tuple[float, np.ndarray, float]:
    """Return absolute currents in pA: peak of an unconditioned test pulse, of tests after intervals, end of the first.

    Parameters
    ----------
    intervals_ms : array, shape (n,)
        From the end of the first pulse to the start of the second.
    """
    control = {**bath.in_solution("control")}
    pulse = {agonist: concentration_uM, **bath.in_solution("agonist")}
    rest_q, pulse_q = patch.generator(control), patch.generator(pulse)
    start = patch.rest(control)
    loaded = start @ transition_matrix(pulse_q, first_ms)
    waiting = transition_matrix(np.broadcast_to(rest_q, (len(intervals_ms), *rest_q.shape)), intervals_ms)
    starts = np.vstack([start, np.einsum("n,inm->im", loaded, waiting)])
    plan = plan_sweeps([[(0, test_ms)]] * len(starts), 0.02)
    g = patch.conductances_pS[:, None]
    trace, _ = sample_sweeps(plan, pulse_q[None], starts, g)
    drive = patch.channels * abs(patch.voltage_mV - patch.reversal_mV) / 1000.0
    peaks = trace[:, :, 0].max(axis=1) * drive
    return float(peaks[0]), peaks[1:], float((loaded @ g)[0] * drive)


def paired_pulse_ratio(
    patch: Patch,
    bath: Bath = NO_DRUG,
    interval_ms: float = 10.0,
    agonist: str | None = None,
    concentration_uM: float = SATURATING_UM,
    first_ms: float = 1.0,
) -> Observable:
    """Return the peak after an interval relative to the first peak, for two equal brief pulses.

    The interval runs from the end of the first pulse to the start of the second.
    """
    agonist = agonist or patch.scheme.agonist
    at = paired_pulses(interval_ms, agonist, concentration_uM, first_ms, first_ms, 10.0, dt_ms=0.01)
    current = np.abs(patch.run(at, bath).sweeps[0])
    second = round(at.marks["on2"] / at.dt_ms)
    first_peak = current[:second].max()
    if first_peak <= _TINY_PA:
        return missing("ppr", "", "no response", "no current")
    return Observable("ppr", float(current[second:].max() / first_peak), "")


def agonist_curve(
    patch: Patch,
    bath: Bath = NO_DRUG,
    agonist: str | None = None,
    concentrations_uM: Sequence[float] | np.ndarray | None = None,
    of: str = "peak",
    given_uM: float = SATURATING_UM,
) -> Observables:
    """Measure the agonist's concentration-response.

    Parameters
    ----------
    of : {"peak", "steady_state"}
        Peak of a 50 ms pulse, or the equilibrium current.
    given_uM : float
        Half of the response at this concentration defines the EC50.

    Returns
    -------
    dict
        ``ec50`` (uM), ``emax`` (pA, the response at `given_uM`).
    """
    agonist = agonist or patch.scheme.agonist
    grid = np.array(concentrations_uM) if concentrations_uM is not None else np.geomspace(0.01, given_uM, 73)
    if of == "peak":
        response = agonist_peaks(patch, grid, bath, agonist)
    else:
        response = agonist_steady(patch, grid, bath, agonist)
    if response[-1] <= _TINY_PA:
        return {i: missing(i, u, "no response", "no current") for i, u in (("ec50", "uM"), ("emax", "pA"))}
    ec50 = half_concentration(grid, response, convention="half_of_given", name="ec50")
    return {"ec50": ec50, "emax": Observable("emax", float(response[-1]), "pA")}


def agonist_peaks(
    patch: Patch, concentrations_uM: np.ndarray, bath: Bath, agonist: str, width_ms: float = 50.0
) -> np.ndarray:
    """Return the absolute peak in pA for each agonist concentration."""
    start = patch.rest(bath.in_solution("control"))
    drugs = bath.in_solution("agonist")
    generators = np.stack([patch.generator({agonist: float(c), **drugs}) for c in concentrations_uM])
    plan = plan_sweeps([[(i, width_ms)] for i in range(len(generators))], 0.01)
    trace, _ = sample_sweeps(
        plan, generators, np.broadcast_to(start, (len(generators), len(start))), patch.conductances_pS[:, None]
    )
    drive = patch.channels * abs(patch.voltage_mV - patch.reversal_mV) / 1000.0
    return trace[:, :, 0].max(axis=1) * drive


def agonist_steady(patch: Patch, concentrations_uM: np.ndarray, bath: Bath, agonist: str) -> np.ndarray:
    """Return the equilibrium current in pA for each agonist concentration."""
    drugs = bath.in_solution("agonist")
    drive = patch.channels * abs(patch.voltage_mV - patch.reversal_mV) / 1000.0
    return np.array(
        [patch.rest({agonist: float(c), **drugs}) @ patch.conductances_pS * drive for c in concentrations_uM]
    )


def predesensitization_ic50(
    patch: Patch, incubation_ms: float = 5000.0, test_uM: float = SATURATING_UM, lowest_uM: float = 1e-3
) -> Observable:
    """Return the agonist concentration whose incubation from rest halves the test peak.

    Parameters
    ----------
    lowest_uM : float
        The start of the curve: half-way lies between the peak after this concentration and the floor. It matters
        for schemes that desensitize at nanomolar agonist.
    """
    agonist = patch.scheme.agonist
    grid = np.geomspace(lowest_uM, 1e4, 141)
    start = patch.rest({})
    incubated = np.stack([start @ transition_matrix(patch.generator({agonist: c}), incubation_ms) for c in grid])
    plan = plan_sweeps([[(0, 20.0)]] * len(grid), 0.01)
    trace, _ = sample_sweeps(plan, patch.generator({agonist: test_uM})[None], incubated, patch.conductances_pS[:, None])
    peaks = trace[:, :, 0].max(axis=1)
    floor = peaks.min()
    if floor > 0.98 * peaks[0]:
        return missing("ic50", "uM", "not determined", "pre-incubation does not reduce the peak")
    half = 0.5 * (peaks[0] + floor)
    k = int(np.argmax(peaks < half))
    value = np.interp(-half, -peaks[k - 1 : k + 1], np.log(grid[k - 1 : k + 1]))
    return Observable("ic50", float(np.exp(value)), "uM")


def slow_current(
    patch: Patch,
    bath: Bath = NO_DRUG,
    agonist: str | None = None,
    concentration_uM: float = 1_000.0,
    rise_ms: float = 20.0,
) -> Observables:
    """Apply the agonist slowly (bath, puffer): peak and late current.

    Parameters
    ----------
    rise_ms : float
        10-90 % rise of the concentration.
    """
    slow = dataclasses.replace(patch, rig=Rig(exchange_10_90_ms=rise_ms), course_tolerance=1e-3)
    protocol = slow_application(
        agonist or patch.scheme.agonist,
        concentration_uM,
        before_ms=3.0 * rise_ms,
        width_ms=max(300.0, 10.0 * rise_ms),
        dt_ms=rise_ms / 15.0,
    )
    current = slow.run(protocol, bath).sweeps[0]
    at = int(np.argmax(np.abs(current)))
    return {
        "peak": Observable("peak", float(current[at]), "pA", notes=(f"10-90 % rise {rise_ms:g} ms",)),
        "steady_state": Observable("steady_state", float(current[-1]), "pA"),
        "charge": Observable("charge", float(np.trapezoid(current, dx=protocol.dt_ms)), "fC"),
    }


def agonist_free(patch: Patch, bath: Bath = NO_DRUG) -> Observable:
    """Return the largest current in pA when only the drug is applied: an operator cannot open the channel alone."""
    current = patch.run(agonist_free_protocol(), bath).sweeps[0]
    return Observable("peak", float(np.abs(current).max()), "pA")


def synaptic_current(
    patch: Patch, bath: Bath = NO_DRUG, components: Sequence[tuple[float, float]] = ((1_100.0, 1.2),)
) -> Observables:
    """Apply a synaptic glutamate transient to a patch."""
    return measure_brief(patch, synaptic_transient(components, patch.scheme.agonist), bath)
