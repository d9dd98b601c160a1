"""Further protocols of a patch study: each gives one row of observables per drug concentration (or per sweep)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..errors import UnknownNameError, UsageError
from ..exposure.bath import NO_DRUG, Bath, Placement
from ..library.modulator import Action
from ..measures.concentration import concentration_response
from ..measures.observable import Observable
from ..protocols.fast_application import agonist_free, jump, synaptic_transient, train
from ..protocols.protocol import Protocol
from ..recordings.recording import Recording
from ..units import show_concentration
from . import assays
from .patch import IDEAL, Patch

#: What a protocol assumes without being told.
ASSUMED = {
    "synaptic": "cleft transient 1.1 mM, 1.2 ms (Clements et al. 1992)",
    "bracket": "5 control, 8 drug, 8 wash sweeps; the bath reaches 90 % in two sweeps (assumed); 1 ms pulses",
    "agonist-series": "16-point series from 1 uM to 100 mM, 50 ms pulses",
    "agonist-free": "the drug is switched on for 100 ms",
}

#: Names of the protocols, and what they show.
PROTOCOLS = {
    "standard": "brief and long jumps, recovery, paired pulses",
    "train": "equal pulses at --frequency",
    "slow": "slow application with --rise",
    "synaptic": "the glutamate transient of a synapse (1.1 mM, 1.2 ms)",
    "agonist-series": "concentration-response of the agonist, with and without the drug",
    "agonist-free": "the drug alone",
    "bracket": "control, drug, wash: sweep after sweep while the bath exchanges",
}


@dataclasses.dataclass(frozen=True)
class Series:
    """Rows of a series.

    Attributes
    ----------
    rows : tuple of (label, observables)
    recording : Recording or None
        One sweep per row, where the protocol gives traces.
    protocol : Protocol or None
    curve : (x, list of y) or None
        Concentrations and responses, where the protocol gives a curve per row.
    """

    rows: tuple[tuple[str, dict[str, Observable]], ...]
    recording: Recording | None = None
    protocol: Protocol | None = None
    curve: tuple[np.ndarray, list[np.ndarray]] | None = None


def run_series(
    name: str,
    base: Patch,
    action: Action | None,
    doses_uM: Sequence[float],
    *,
    variant: str | None = None,
    placement: Placement = "both",
    agonist_uM: float = assays.SATURATING_UM,
    frequency_Hz: float = 100.0,
    pulses: int = 10,
    rise_ms: float = 20.0,
    seed: int | None = None,
) -> Series:
    """Run one of :data:`PROTOCOLS` (other than ``standard``) at every drug concentration.

    Parameters
    ----------
    base : Patch
        Without the drug; its voltage, channels, pore and rig hold for every row. Slow applications, agonist series and
        the agonist-free control use expected currents on an ideal rig.

    Raises
    ------
    UnknownNameError
        No such protocol.
    """
    real = base if action is None else dataclasses.replace(base, scheme=action.apply(base.scheme, variant))
    patch = dataclasses.replace(real, rig=IDEAL, stochastic=False)
    baths = [("0", NO_DRUG)]
    if action is not None:
        baths += [(action.dose_label(c), Bath({action.compound: c}, placement)) for c in doses_uM if c > 0]
    if name == "train":
        return _train(real, baths, agonist_uM, frequency_Hz, pulses, seed)
    if name == "slow":
        rows = [(label, assays.slow_current(patch, bath, None, agonist_uM, rise_ms)) for label, bath in baths]
        return Series(tuple(rows))
    if name == "synaptic":
        protocol = synaptic_transient(ligand=patch.scheme.agonist)
        rows = [(label, assays.measure_brief(real, protocol, bath, seed)) for label, bath in baths]
        return Series(tuple(rows), real.run(protocol, [b for _, b in baths], seed=seed), protocol)
    if name == "agonist-series":
        return _agonist_series(patch, baths)
    if name == "agonist-free":
        protocol = agonist_free()
        rows = [(label, {"peak": assays.agonist_free(patch, bath)}) for label, bath in baths]
        return Series(tuple(rows), patch.run(protocol, [b for _, b in baths]), protocol)
    if name == "bracket":
        return _bracket(real, baths, agonist_uM, seed)
    raise UnknownNameError("protocol", name, PROTOCOLS, do=f"use one of {', '.join(PROTOCOLS)}")


def _train(
    patch: Patch, baths: list[tuple[str, Bath]], agonist_uM: float, frequency_Hz: float, pulses: int, seed: int | None
) -> Series:
    protocol = train(frequency_Hz, pulses, patch.scheme.agonist, agonist_uM)
    recording = patch.run(protocol, [b for _, b in baths], seed=seed)
    starts = [v for k, v in protocol.marks.items() if k.startswith("on")]
    rows = []
    for (label, _), sweep in zip(baths, recording.sweeps, strict=True):
        peaks = []
        for i, start in enumerate(starts):
            stop = starts[i + 1] if i + 1 < len(starts) else start + 1000.0 / frequency_Hz
            inside = (recording.time_ms >= start) & (recording.time_ms < stop)
            response = sweep[inside]
            peaks.append(float(response[np.argmax(np.abs(response))]))
        found = {"peak": Observable("peak", peaks[0], "pA")}
        for i in (1, 4, pulses - 1):
            if i < pulses:
                found[f"ratio_{i + 1}"] = Observable(f"ratio_{i + 1}", peaks[i] / peaks[0], "")
        rows.append((label, found))
    return Series(tuple(rows), recording, protocol)


def _agonist_series(patch: Patch, baths: list[tuple[str, Bath]]) -> Series:
    grid = np.geomspace(1.0, 1e5, 16)
    rows, curves = [], []
    for label, bath in baths:
        response = assays.agonist_peaks(patch, grid, bath, patch.scheme.agonist)
        fit = concentration_response(grid, response, bottom=0.0, concentration_unit="uM", response_unit="pA")
        rows.append((label, {"ec50": fit.ec50, "nH": fit.slope, "emax": fit.top}))
        curves.append(response)
    return Series(tuple(rows), curve=(grid, curves))


def _bracket(patch: Patch, baths: list[tuple[str, Bath]], agonist_uM: float, seed: int | None) -> Series:
    """Five control sweeps, eight in drug, eight in wash; the bath follows with 90 % in two sweeps (assumed)."""
    if len(baths) < 2:
        raise UsageError("A bracket needs a drug", do="potentiate patch aniracetam --conc 5mM --protocol bracket")
    drug, top = next(iter(baths[-1][1].drugs_uM.items()))
    decay = math.log(10.0) / 2.0
    doses = [0.0] * 5 + [top * (1 - math.exp(-decay * (i + 1))) for i in range(8)]
    doses += [doses[-1] * math.exp(-decay * (i + 1)) for i in range(8)]
    steps = [Bath({drug: c}, baths[-1][1].placement) for c in doses]
    protocol = jump(patch.scheme.agonist, agonist_uM, 1.0, 60.0)
    recording = patch.run(protocol, steps, seed=seed)
    rows = []
    for i, (bath, sweep) in enumerate(zip(steps, recording.sweeps, strict=True)):
        phase = "control" if i < 5 else "drug" if i < 13 else "wash"
        found = assays.measure_sweep(recording.time_ms, sweep, protocol, patch.rig)
        found = {k: v for k, v in found.items() if k in ("peak", "tau_deact", "tau_weighted", "charge")}
        rows.append((f"{i + 1} {phase} {show_concentration(float(f'{bath.drugs_uM[drug]:.3g}'))}", found))
    return Series(tuple(rows), recording, protocol)
