"""Protocols of fast and slow agonist application to a patch or a cell."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import UsageError
from .protocol import Protocol, Segment, Transient

_BASELINE_MS = 2.0


def _solutions(agonist: str, concentration_uM: float) -> dict[str, dict[str, float]]:
    if not (math.isfinite(concentration_uM) and concentration_uM >= 0):
        raise UsageError(f"Concentration {concentration_uM!r} uM is not a concentration")
    return {"control": {}, "agonist": {agonist: concentration_uM}}


def jump(
    agonist: str = "glutamate",
    concentration_uM: float = 10_000.0,
    width_ms: float = 1.0,
    after_ms: float = 100.0,
    dt_ms: float = 0.02,
    before_ms: float = _BASELINE_MS,
) -> Protocol:
    """Return a concentration jump: 1 ms measures deactivation, 100-500 ms desensitization."""
    on, off = before_ms, before_ms + width_ms
    segments = (Segment(on), Segment(width_ms, "agonist"), Segment(after_ms))
    name = f"{agonist} jump, {width_ms:g} ms"
    return Protocol(name, segments, _solutions(agonist, concentration_uM), {"on": on, "off": off}, dt_ms)


def paired_pulses(
    interval_ms: float,
    agonist: str = "glutamate",
    concentration_uM: float = 10_000.0,
    first_ms: float = 1.0,
    second_ms: float = 1.0,
    after_ms: float = 20.0,
    dt_ms: float = 0.02,
) -> Protocol:
    """Return two pulses; the interval runs from the end of the first to the start of the second."""
    on = _BASELINE_MS
    off = on + first_ms
    on2 = off + interval_ms
    segments = (
        Segment(on),
        Segment(first_ms, "agonist"),
        Segment(interval_ms),
        Segment(second_ms, "agonist"),
        Segment(after_ms),
    )
    marks = {"on": on, "off": off, "on2": on2, "off2": on2 + second_ms}
    return Protocol(
        f"paired pulses, {interval_ms:g} ms", segments, _solutions(agonist, concentration_uM), marks, dt_ms
    )


def train(
    frequency_Hz: float,
    pulses: int,
    agonist: str = "glutamate",
    concentration_uM: float = 10_000.0,
    width_ms: float = 1.0,
    after_ms: float = 50.0,
    dt_ms: float = 0.02,
) -> Protocol:
    """Return a train of equal pulses."""
    period = 1000.0 / frequency_Hz
    if period <= width_ms:
        raise UsageError(f"{width_ms:g} ms pulses do not fit into {frequency_Hz:g} Hz")
    segments: list[Segment] = [Segment(_BASELINE_MS)]
    marks = {}
    for i in range(pulses):
        start = _BASELINE_MS + i * period
        marks["on" if i == 0 else f"on{i + 1}"] = start
        marks["off" if i == 0 else f"off{i + 1}"] = start + width_ms
        segments += [Segment(width_ms, "agonist"), Segment(period - width_ms)]
    segments.append(Segment(after_ms))
    return Protocol(
        f"train, {frequency_Hz:g} Hz", tuple(segments), _solutions(agonist, concentration_uM), marks, dt_ms
    )


def slow_application(
    agonist: str = "glutamate",
    concentration_uM: float = 1_000.0,
    before_ms: float = 60.0,
    width_ms: float = 500.0,
    dt_ms: float = 1.0,
) -> Protocol:
    """Return a slow application (bath, puffer, U-tube); its rise time belongs to the preparation's exchange.

    Parameters
    ----------
    before_ms : float
        Must hold the foot of the rise: at least twice the 10-90 % time.
    """
    segments = (Segment(before_ms), Segment(width_ms, "agonist"))
    return Protocol(
        f"slow application of {agonist}", segments, _solutions(agonist, concentration_uM), {"on": before_ms}, dt_ms
    )


def synaptic_transient(
    components: Sequence[tuple[float, float]] = ((1_100.0, 1.2),),
    ligand: str = "glutamate",
    after_ms: float = 60.0,
    dt_ms: float = 0.02,
) -> Protocol:
    """Return a synaptic glutamate transient on a patch: a sum of decaying exponentials.

    Parameters
    ----------
    components : sequence of (peak_uM, tau_ms)
        Default: the cleft transient of Clements et al. 1992 (1.1 mM, 1.2 ms).
    """
    transients = tuple(Transient(ligand, peak, tau) for peak, tau in components)
    segments = (Segment(_BASELINE_MS), Segment(after_ms, "control", transients))
    return Protocol("synaptic transient", segments, {"control": {}}, {"on": _BASELINE_MS}, dt_ms)


def agonist_free(width_ms: float = 100.0, dt_ms: float = 0.1) -> Protocol:
    """Return a switch between two solutions without agonist: does the drug act alone?"""
    segments = (Segment(_BASELINE_MS), Segment(width_ms, "agonist"), Segment(20.0))
    marks = {"on": _BASELINE_MS, "off": _BASELINE_MS + width_ms}
    return Protocol("agonist-free control", segments, {"control": {}, "agonist": {}}, marks, dt_ms)
