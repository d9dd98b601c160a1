"""What `potentiate patch` does: one scheme, one drug, several concentrations, the standard assays."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exposure.bath import NO_DRUG, Bath, Placement
from ..kinetics.permeation import PolyamineBlock
from ..kinetics.scheme import Scheme
from ..library.modulator import Action
from ..measures.observable import Observable
from ..protocols.fast_application import jump
from ..protocols.protocol import Protocol
from ..recordings.recording import Recording
from . import assays
from .patch import IDEAL, Patch, Rig

if TYPE_CHECKING:
    from ..measures.concentration import ConcentrationResponse

#: Columns of the study, in order, with their unit.
MEASURES = {
    "peak_ratio": "",
    "rise": "ms",
    "tau_deact": "ms",
    "tau_weighted": "ms",
    "tau_des": "ms",
    "steady_state_ratio": "",
    "tau_rec": "ms",
    "ppr": "",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """All measures at one drug concentration; `label` is the concentration as text, or "saturating"."""

    concentration_uM: float
    label: str
    observables: dict[str, Observable]

    @property
    def conditions(self) -> dict[str, Any]:
        """Concentration as text and, where it is known, as a number."""
        known = None if self.label == "saturating" else self.concentration_uM
        return {"concentration": self.label, "concentration_uM": known}


@dataclasses.dataclass(frozen=True)
class PatchStudy:
    """The result of a study.

    Attributes
    ----------
    patch : Patch
        With the drug's sites.
    rows : tuple of Row
        True values (ideal rig), control first.
    through_rig : tuple of Row
        The same measures through the rig; empty for an ideal one.
    brief, long : Recording
        Sweeps of the brief and the long pulse, one per concentration, as the rig records them.
    brief_protocol, long_protocol : Protocol
    """

    patch: Patch
    rows: tuple[Row, ...]
    through_rig: tuple[Row, ...]
    brief: Recording
    long: Recording
    brief_protocol: Protocol
    long_protocol: Protocol


def study_patch(
    scheme: Scheme,
    action: Action | None,
    concentrations_uM: Sequence[float],
    *,
    variant: str | None = None,
    placement: Placement = "both",
    agonist_uM: float = assays.SATURATING_UM,
    width_ms: float = 1.0,
    long_ms: float = 500.0,
    voltage_mV: float = -60.0,
    temperature_C: float | None = None,
    channels: int = 100,
    pore: PolyamineBlock | None = None,
    stochastic: bool = False,
    rig: Rig = IDEAL,
    seed: int | None = None,
) -> PatchStudy:
    """Measure deactivation, desensitization, recovery and paired pulses at several drug concentrations.

    Parameters
    ----------
    scheme : Scheme
        Without the drug (and already driven by the wanted agonist).
    action : Action or None
        None studies the scheme alone.
    concentrations_uM : sequence of float
        Control is added in front.
    variant : str, optional
        Of the drug's operator.
    placement : {"both", "agonist", "control"}

    Returns
    -------
    PatchStudy
    """
    drugged = action.apply(scheme, variant) if action is not None else scheme
    patch = Patch(drugged, channels, voltage_mV, temperature_C=temperature_C, pore=pore)
    real = dataclasses.replace(patch, rig=rig, stochastic=stochastic)
    agonist = drugged.agonist
    # a real baseline must be long enough to average the noise, and end before the exchange begins
    before = 2.0 if rig == IDEAL else max(10.0, 10.0 * rig.exchange_10_90_ms)
    brief_protocol = jump(agonist, agonist_uM, width_ms, max(60.0, 10.0 * width_ms), 0.02, before)
    long_protocol = jump(agonist, agonist_uM, long_ms, 40.0, 0.05 if rig == IDEAL else 0.02, before)
    doses = [0.0, *[c for c in concentrations_uM if c > 0]] if action is not None else [0.0]
    baths = [Bath({action.compound: c}, placement) if action is not None and c > 0 else NO_DRUG for c in doses]
    labels = ["0" if action is None else action.dose_label(dose) for dose in doses]
    rows = tuple(
        Row(dose, label, _measure(patch, bath, agonist_uM, width_ms, long_ms))
        for dose, label, bath in zip(doses, labels, baths, strict=True)
    )
    rows = _with_peak_ratio(rows)
    through: tuple[Row, ...] = ()
    if rig != IDEAL or stochastic:
        found = []
        for i, (dose, bath) in enumerate(zip(doses, baths, strict=True)):
            sweep_seed = None if seed is None else seed + i
            found.append(
                Row(
                    dose,
                    labels[i],
                    assays.measure_brief(real, brief_protocol, bath, sweep_seed)
                    | {
                        k: v
                        for k, v in assays.measure_long(real, long_protocol, bath, sweep_seed).items()
                        if k != "peak"
                    },
                )
            )
        through = _with_peak_ratio(tuple(found))
    return PatchStudy(
        patch,
        rows,
        through,
        real.run(brief_protocol, baths, seed=seed),
        real.run(long_protocol, baths, seed=seed),
        brief_protocol,
        long_protocol,
    )


def _measure(patch: Patch, bath: Bath, agonist_uM: float, width_ms: float, long_ms: float) -> dict[str, Observable]:
    brief = assays.deactivation(patch, bath, None, agonist_uM, width_ms)
    long = assays.desensitization(patch, bath, None, agonist_uM, long_ms)
    found = {**long, **brief, "tau_rec": assays.recovery(patch, bath, None, agonist_uM)["tau_rec"]}
    found["ppr"] = assays.paired_pulse_ratio(patch, bath, 10.0, None, agonist_uM, width_ms)
    return found


def _with_peak_ratio(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    control = rows[0].observables["peak"].value
    return tuple(
        Row(
            r.concentration_uM,
            r.label,
            r.observables
            | {
                "peak_ratio": Observable("peak_ratio", r.observables["peak"].value / control, "")
                if control
                else r.observables["peak"]
            },
        )
        for r in rows
    )


def response(rows: Sequence[Row], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return concentrations (uM) and values of one measure for the drug rows that have it."""
    found = [
        (r.concentration_uM, r.observables[name].value)
        for r in rows
        if r.concentration_uM > 0 and name in r.observables and math.isfinite(r.observables[name].value)
    ]
    return np.array([c for c, _ in found]), np.array([v for _, v in found])


def changed(study: PatchStudy) -> list[str]:
    """Return the two measures to plot against concentration: the first that the drug changes by more than 5 %."""
    names = []
    for name in ("tau_deact", "tau_des", "peak_ratio"):
        control = study.rows[0].observables[name].value
        x, y = response(study.rows, name)
        if len(x) and control and np.max(np.abs(y / control - 1.0)) > 0.05:
            names.append(name)
    return names[:2]


def hill_fits(study: PatchStudy) -> dict[str, ConcentrationResponse]:
    """Fit the drug's concentration-response of what it changes, where there are at least five points."""
    from ..measures.concentration import concentration_response

    fits = {}
    for name in changed(study):
        x, y = response(study.rows, name)
        if len(x) >= 5:
            control = study.rows[0].observables[name].value
            fits[name] = concentration_response(
                x, y, bottom=control, concentration_unit="uM", response_unit=MEASURES[name], name=f"{name}/EC50"
            )
    return fits
