"""One table of a synapse: control and drug rows over single responses, pairs, a train and calcium."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from ..exposure.bath import Bath
from ..measures.observable import Observable, missing
from ..recordings.recording import Recording
from ..units import show_concentration
from . import synapse_assays as assays
from .synapse import Synapse

#: Sample intervals of single responses, whose rise must be resolved, and of pairs and trains.
SINGLE_DT_MS, TRAIN_DT_MS = 0.02, 0.1

#: Columns of the table and their units; the first four are in mV where the cell is free.
MEASURES = {
    "amplitude": "pA",
    "rise": "ms",
    "tau_weighted": "ms",
    "half_width": "ms",
    "charge": "fC",
    "ppr": "",
    "train_ratio": "",
    "nmda_charge": "fC",
    "calcium_peak": "uM",
    "calcium_share_AMPA": "",
}


@dataclasses.dataclass(frozen=True)
class StudyRow:
    """One condition.

    Attributes
    ----------
    label : str
    conditions : mapping
    observables : mapping
    single, train : Recording
    relative : (pulses,) array
        Responses of the train relative to the first.
    free : Recording or None
        The same train with the cell free; None where it cannot be.
    """

    label: str
    conditions: Mapping[str, object]
    observables: Mapping[str, Observable]
    single: Recording
    train: Recording
    relative: np.ndarray
    free: Recording | None


@dataclasses.dataclass(frozen=True)
class SynapseStudy:
    """Rows of the table, control first, with what the figure needs.

    Attributes
    ----------
    synapse : Synapse
    rows : tuple of StudyRow
    rate_Hz : float
        Of the train.
    pulses : int
    notes : tuple of str
    """

    synapse: Synapse
    rows: tuple[StudyRow, ...]
    rate_Hz: float
    pulses: int
    notes: tuple[str, ...]

    def unblocked(self, row: StudyRow) -> np.ndarray | None:
        """Return the part of the NMDA conductance that magnesium leaves during the free train, (samples,)."""
        if row.free is None or self.synapse.block is None:
            return None
        head = np.nanmean(row.free.channel("spine head").sweeps, axis=0)
        return np.asarray(self.synapse.block.unblocked(head, self.synapse.magnesium_mM))


def study_synapse(
    synapse: Synapse,
    drug: str | None = None,
    doses_uM: Sequence[float] = (),
    *,
    blockers_uM: Mapping[str, float] | None = None,
    variant: str | None = None,
    rate_Hz: float = 100.0,
    pulses: int = 10,
    interval_ms: float = 50.0,
    seed: int = 1,
    trials: int = 40,
    dose_labels: Sequence[str] = (),
    further_rates_Hz: Sequence[float] = (),
) -> SynapseStudy:
    """Measure a synapse without and with a drug.

    Parameters
    ----------
    synapse : Synapse
    drug : str, optional
    doses_uM : sequence of float
    blockers_uM : mapping, optional
        Present in every row.
    variant : str, optional
        Of the drug's operator.
    rate_Hz, pulses : float, int
        Of the train.
    interval_ms : float
        Of the pair.
    seed, trials : int
    dose_labels : sequence of str
        What to call the doses; default their concentrations.
    further_rates_Hz : sequence of float
        More trains in the clamp; ``train_ratio_<rate>_Hz`` of each.

    Returns
    -------
    SynapseStudy
        The control row first. Calcium and NMDA charge are those of the train with the cell free, where the
        preparation has a cell and an instantaneous magnesium block; otherwise those of the clamp.
    """
    blockers = dict(blockers_uM or {})
    labels = list(dose_labels) or [show_concentration(c) for c in doses_uM]
    baths = [("control", Bath(blockers))]
    if drug is not None:
        baths += [
            (label, Bath({**blockers, drug: c})) for label, c in zip(labels, doses_uM, strict=True)
        ]  # fmt: skip
    for _, bath in baths:
        synapse.under(bath, variant)  # an unknown effect is said before anything is computed
    can_be_free = synapse.cell is not None and not any(r.blocks_by_itself for r in synapse.receptors)
    rows = []
    for label, bath in baths:
        single = assays.single(synapse, bath, seed=seed, trials=trials, variant=variant, dt_ms=SINGLE_DT_MS)
        found = dict(assays.measure_response(single))
        found["ppr"] = assays.paired_pulse(
            synapse, bath, interval_ms, seed=seed, trials=trials, variant=variant, dt_ms=TRAIN_DT_MS
        )
        few = max(3, trials // 2)
        train = assays.stimulate_train(
            synapse, bath, rate_Hz, pulses, seed=seed, trials=few, variant=variant, dt_ms=TRAIN_DT_MS
        )
        found["train_ratio"] = train.last
        for rate in further_rates_Hz:
            more = assays.stimulate_train(
                synapse, bath, rate, pulses, seed=seed, trials=few, variant=variant, dt_ms=TRAIN_DT_MS
            )
            name = f"train_ratio_{rate:g}_Hz"
            found[name] = dataclasses.replace(more.last, id=name)
        free = None
        if can_be_free:
            free = train.recording
            if synapse.holding_mV is not None:
                free = assays.stimulate_train(
                    assays.free(synapse),
                    bath,
                    rate_Hz,
                    pulses,
                    seed=seed,
                    trials=few,
                    variant=variant,
                    dt_ms=TRAIN_DT_MS,
                    after_ms=100.0,
                ).recording
        found["nmda_charge_held"] = dataclasses.replace(assays.nmda_charge(single), id="nmda_charge_held")
        seen = free or train.recording
        found["nmda_charge"] = assays.nmda_charge(seen)
        found.update(assays.calcium(seen))
        conditions: dict[str, object] = {"compound": drug if bath is not baths[0][1] else None, "dose": label}
        conditions["concentration_uM"] = bath.drugs_uM.get(drug, 0.0) if drug else 0.0
        rows.append(StudyRow(label, conditions, found, single, train.recording, train.relative, free))
    where = "with the cell free (current clamp)" if can_be_free else "in the same clamp"
    notes = [f"NMDA charge and calcium: {pulses} pulses at {rate_Hz:g} Hz {where}; calcium is a mean over spines"]
    if synapse.calcium is None:
        notes = [f"{synapse.name} has no spines, so no calcium"]
    return SynapseStudy(synapse, tuple(rows), rate_Hz, pulses, tuple(notes))


def folds(study: SynapseStudy) -> list[dict[str, Observable]]:
    """Return every measure of every drug row over the control, in the order of the rows."""
    control = study.rows[0].observables
    return [
        {
            m: assays.fold(row.observables, control, m)
            if m in row.observables and m in control
            else missing(f"fold_{m}", "", "not determined", "not measured")
            for m in MEASURES
        }
        for row in study.rows[1:]
    ]
