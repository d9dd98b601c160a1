"""Drug effects at synapses: the model beside what was published, in the preparation in which it was found.

Nothing is fitted here: receptors and drugs are those of the patch, and every choice of the synapse was made without
drug. Each number is shown for the reference preparation and as the range over waveforms of glutamate and over
AMPA-receptor schemes. Writes docs/studies/synapse.md.

Run with: python calibration/studies/synapse.py
(about three minutes of one core).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from potentiate.exposure.bath import Bath
from potentiate.library.ensemble import ensemble
from potentiate.library.modulator import find_action
from potentiate.measures import decay_time, half_width, peak
from potentiate.preparations import synapse_assays as assays
from potentiate.preparations.synapse import BEFORE_MS, Synapse
from potentiate.preparations.synaptic_glutamate import Residual
from potentiate.protocols.stimulation import test_pulse

OUT = Path(__file__).resolve().parents[2] / "docs" / "studies" / "synapse.md"

CLEFTS = ("brief pulse", "triple exponential", "diffusion", "1 ms pulse", "Clements")

HIPPOCAMPUS = Synapse.from_document("ca1-spine")
#: Cultured hippocampal neurons: waveform measured in them, room temperature.
CULTURE = dataclasses.replace(HIPPOCAMPUS.with_cleft("Clements"), temperature_C=23.0)
#: The same through an electrode on the soma: the dendrite escapes the clamp and filters the currents.
HIPPOCAMPUS_SOMA, CULTURE_SOMA = (dataclasses.replace(s, at_soma=True) for s in (HIPPOCAMPUS, CULTURE))
CALYX = Synapse.from_document("nucleus-magnocellularis")
AP5 = {"d-ap5": 50.0}
SEED = 1

Effect = Callable[[Synapse], float]


@dataclasses.dataclass(frozen=True)
class Row:
    """One published statement and how the model answers it."""

    finding: str
    where: str
    published: str
    low: float
    high: float
    effect: Effect
    synapse: Synapse
    unit: str = "x"
    varied: bool = True


def bath(drug: str | None, dose: str = "", **more: float) -> Bath:
    given = {} if drug is None else {drug: find_action(drug).concentration_uM(dose)}  # type: ignore[union-attr]
    return Bath({**{k.replace("_", "-"): v for k, v in more.items()}, **given})


def with_ap5(synapse: Synapse, drug: str | None, dose: str = "") -> Bath:
    nmda = any(r.family == "NMDA" for r in synapse.receptors)
    found = bath(drug, dose)
    return Bath({**AP5, **found.drugs_uM}) if nmda else found


def quantal(id: str, drug: str, dose: str) -> Effect:
    """Fold change of a measure of the miniature current, NMDA receptors blocked."""

    def effect(synapse: Synapse) -> float:
        sampled = {"dt_ms": 0.05, "after_ms": 80.0} if synapse.at_soma else {}
        a, b = (assays.quantum(synapse, with_ap5(synapse, d, dose), **sampled) for d in (drug, None))
        return assays.fold(a, b, id).value

    return effect


def quantal_decay(drug: str, dose: str) -> Effect:
    """Fold change of the time from peak to 1/e of the miniature current."""

    def one(synapse: Synapse, given: Bath) -> float:
        alone = dataclasses.replace(
            synapse, sites=1, quantum=dataclasses.replace(synapse.quantum, content_cv=0.0), residual=None
        )
        ones = np.ones((1, 1, 1), int)
        dt = 0.05 if synapse.at_soma else 0.02
        made = alone.run(test_pulse(after_ms=80.0), given, seed=0, trials=1, dt_ms=dt, vesicles=ones)
        t, y = made.time_ms, assays.response(made)[0][0]
        return decay_time(t, y, peak(t, y, baseline_ms=(0.0, BEFORE_MS - 0.1))).value

    return lambda s: one(s, with_ap5(s, drug, dose)) / one(s, with_ap5(s, None))


def potential_width(drug: str, dose: str) -> Effect:
    """Per cent change of the half-width of the synaptic potential, of the dendrite with the cell free."""

    def one(synapse: Synapse, given: Bath) -> float:
        made = assays.single(assays.free(synapse), given, seed=SEED, trials=6, after_ms=120.0, dt_ms=0.1)
        t, y = made.time_ms, made.channel("dendrite").sweeps.mean(axis=0)

        return half_width(t, y, peak(t, y, baseline_ms=(0.0, BEFORE_MS - 0.2))).value

    return lambda s: 100.0 * (one(s, with_ap5(s, drug, dose)) / one(s, with_ap5(s, None)) - 1.0)


def per_cent(effect: Effect) -> Effect:
    return lambda s: 100.0 * (effect(s) - 1.0)


def evoked(id: str, drug: str, dose: str, **more: float) -> Effect:
    def effect(synapse: Synapse) -> float:
        a, b = (
            assays.measure_response(
                assays.single(synapse, bath(d, dose, **more), seed=SEED, trials=6, after_ms=15.0, dt_ms=0.05)
            )
            for d in (drug, None)
        )
        return assays.fold(a, b, id).value

    return effect


def relief(cadmium_uM: float) -> Effect:
    """Per cent change by aniracetam of responses 2 to 10 of 200 Hz trains, relative to the first."""

    def effect(synapse: Synapse) -> float:
        more = {"cadmium_ion": cadmium_uM} if cadmium_uM else {}
        trials = 24 if cadmium_uM else 6
        a, b = (
            assays.stimulate_train(
                synapse, bath(d, "5 mM", **more), 200.0, 10, seed=SEED, trials=trials, after_ms=10.0
            ).relative[1:].mean()
            for d in ("aniracetam", None)
        )  # fmt: skip
        return 100.0 * (a / b - 1.0)

    return effect


def change_of_effect(how: str) -> Effect:
    """Per cent change of aniracetam's fold effect on the charge when release is changed."""

    def charge(synapse: Synapse, drug: str | None, changed: bool) -> float:
        given = bath(drug, "1.5 mM", d_ap5=50.0)
        if how == "pair" and changed:
            made = assays.stimulate_train(synapse, given, 20.0, 2, seed=SEED, trials=12, after_ms=45.0)
            t, y = made.recording.time_ms, made.recording.sweeps.mean(axis=0)
            inside = t >= BEFORE_MS + 50.0
            return float(np.trapezoid(y[inside], t[inside]))
        if changed and how == "calcium":
            synapse = dataclasses.replace(synapse, calcium_mM=4.0)
        if changed and how == "4-AP":
            given = Bath({**given.drugs_uM, "4-aminopyridine": 100.0})
        made = assays.single(synapse, given, seed=SEED, trials=12, after_ms=45.0, dt_ms=0.1)
        return float(np.trapezoid(made.sweeps.mean(axis=0), made.time_ms))

    def effect(synapse: Synapse) -> float:
        before, after = (
            charge(synapse, "aniracetam", changed) / charge(synapse, None, changed) for changed in (False, True)
        )
        return 100.0 * (after / before - 1.0)

    return effect


def nmda_alone(synapse: Synapse) -> float:
    a, b = (
        assays.nmda_charge_at(synapse, bath(d, "1.5 mM", nbqx=10.0), -30.0, seed=SEED, trials=4, dt_ms=0.1).value
        for d in ("aniracetam", None)
    )
    return a / b


def half_effect(id: str) -> Effect:
    """Concentration of CX614 for half of its largest effect on a measure of the miniature current, uM."""

    def effect(synapse: Synapse) -> float:
        doses = np.geomspace(1.0, 3000.0, 15)
        found = [
            assays.quantum(synapse, Bath({**AP5, "cx614": float(c)}), after_ms=100.0, dt_ms=0.05)[id].value
            for c in (0.0, *doses)
        ]
        gain = np.array(found[1:]) / found[0] - 1.0
        # the first half of the way up: some effects fall again
        top = int(gain.argmax()) + 1
        return float(np.exp(np.interp(0.5 * gain.max(), gain[:top], np.log(doses[:top]))))

    return effect


ROWS = (
    Row("1 decay of EPSC/mEPSC, aniracetam", "rat hippocampal neurons, 5 mM", "2 to 3", 2, 3,
        quantal_decay("aniracetam", "5 mM"), CULTURE),
    Row("2 amplitude of EPSC, aniracetam", "rat hippocampal neurons, 5 mM", "1.9", 1.7, 2.1,
        quantal("amplitude", "aniracetam", "5 mM"), CULTURE),
    Row("1 decay, electrode on the soma", "the same", "2 to 3", 2, 3, quantal_decay("aniracetam", "5 mM"),
        CULTURE_SOMA),
    Row("2 amplitude, electrode on the soma", "the same", "1.9", 1.7, 2.1, quantal("amplitude", "aniracetam", "5 mM"),
        CULTURE_SOMA),
    Row("3 single EPSC, aniracetam", "nucleus magnocellularis, 5 mM", "+56 to +65 %", 46, 75,
        per_cent(evoked("amplitude", "aniracetam", "5 mM")), CALYX, "%"),
    Row("3 the same in cadmium", "nucleus magnocellularis, 20 uM Cd", "+55.8 %", 46, 66,
        per_cent(evoked("amplitude", "aniracetam", "5 mM", cadmium_ion=20.0)), CALYX, "%"),
    Row("4 relief of depression at 200 Hz", "the same, release high", "above 0 (n 13)", 2, math.inf,
        relief(0.0), CALYX, "%"),
    Row("4 the same in cadmium", "the same, release low", "0 (n 12)", -10, 10, relief(20.0), CALYX, "%"),
    Row("5 half-width, CX516", "CA1, EPSC (published: field)", "+50 to +100 %", 50, 100,
        per_cent(quantal("half_width", "cx516", "saturating")), HIPPOCAMPUS, "%"),
    Row("5 the same, electrode on the soma", "CA1, EPSC (published: field)", "+50 to +100 %", 50, 100,
        per_cent(quantal("half_width", "cx516", "saturating")), HIPPOCAMPUS_SOMA, "%"),
    Row("5 the same of the potential", "CA1, dendrite free (published: field)", "+50 to +100 %", 50, 100,
        potential_width("cx516", "saturating"), HIPPOCAMPUS, "%"),
    Row("6 half-width, cyclothiazide", "CA1, EPSC (published: field)", "below +15 %", -5, 15,
        per_cent(quantal("half_width", "cyclothiazide", "saturating")), HIPPOCAMPUS, "%"),
    Row("6 the same, electrode on the soma", "CA1, EPSC (published: field)", "below +15 %", -5, 15,
        per_cent(quantal("half_width", "cyclothiazide", "saturating")), HIPPOCAMPUS_SOMA, "%"),
    Row("6 the same of the potential", "CA1, dendrite free (published: field)", "below +15 %", -5, 15,
        potential_width("cyclothiazide", "saturating"), HIPPOCAMPUS, "%"),
    Row("7 half-effect of CX614, amplitude", "CA1, EPSC (published: autapse, field)", "20 to 40 uM", 20, 40,
        half_effect("amplitude"), HIPPOCAMPUS, "uM", False),
    Row("7 half-effect of CX614, charge", "CA1, EPSC (published: autapse, field)", "20 to 40 uM", 20, 40,
        half_effect("charge"), HIPPOCAMPUS, "uM", False),
    Row("8 effect under paired-pulse facilitation", "CA1, 1.5 mM aniracetam", "unchanged", -10, 10,
        change_of_effect("pair"), HIPPOCAMPUS, "%", False),
    Row("8 effect in raised calcium", "CA1, 4 mM Ca, 1.5 mM aniracetam", "unchanged", -10, 10,
        change_of_effect("calcium"), HIPPOCAMPUS, "%", False),
    Row("8 effect in 4-aminopyridine", "CA1, 100 uM, 1.5 mM aniracetam", "unchanged", -10, 10,
        change_of_effect("4-AP"), HIPPOCAMPUS, "%", False),
    Row("8 NMDA part alone", "CA1, 10 uM NBQX, -30 mV", "1", 0.95, 1.05, nmda_alone, HIPPOCAMPUS, "x", False),
)  # fmt: skip


def alternatives(row: Row) -> Iterator[Synapse]:
    """Yield the row's synapse with other waveforms and schemes (a calyx: other residues and its other scheme)."""
    if row.synapse is CALYX:
        for residue in (0.0, 30.0):
            yield dataclasses.replace(CALYX, residual=Residual(residue, 4.0) if residue else None)
        yield CALYX.with_scheme("RT1992")
        return
    for cleft in CLEFTS:
        if cleft != row.synapse.cleft.name:
            yield row.synapse.with_cleft(cleft)
    for scheme in ensemble().schemes:
        if scheme != "Rodrigues2023":
            yield row.synapse.with_scheme(scheme)


def main() -> None:
    lines = [
        "| finding | preparation | published | model | waveforms and schemes | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        value = row.effect(row.synapse)
        others = [row.effect(s) for s in alternatives(row)] if row.varied else []
        verdict = "pass" if row.low <= value <= row.high else "fail"
        if verdict == "fail" and others and min(others) <= row.high and max(others) >= row.low:
            verdict = "fail, inside the range"
        sign = "+" if row.unit == "%" else ""
        shown = f"{value:{sign}.3g} {row.unit}"
        span = f"{min(others):{sign}.3g} to {max(others):{sign}.3g}" if others else "-"
        lines.append(f"| {row.finding} | {row.where} | {row.published} | {shown} | {span} | {verdict} |")
        print(lines[-1], flush=True)
    part = OUT.with_suffix(".part")
    part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    part.replace(OUT)


if __name__ == "__main__":
    main()
