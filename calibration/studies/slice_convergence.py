"""How many synapses a slice needs: spread of the drug's effect on LTP over ten seeds.

Writes docs/studies/slice-convergence.md.

Run from `calibration/studies`: ``python slice_convergence.py``. Slices do not differ here but in the draw of
synapses and releases, so what is left is what a finite number of synapses leaves open.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from potentiate.mechanisms.threshold_plasticity import settle
from potentiate.mechanisms.trafficking import Induction, Trafficking, simulate_trafficking
from potentiate.preparations.slice import SYNAPSES, Slice
from potentiate.preparations.slice_drugs import drugs_in
from potentiate.preparations.slice_specimen import NO_DRUGS, Specimen
from potentiate.protocols import stimulation as stim

OUT = Path(__file__).parents[2] / "docs" / "studies"
SEEDS = range(1, 11)
NUMBERS = (30, 60, 120, 240)
DRUG = {"aniracetam": 1500.0}
BOUTS = {
    "1 x 100 Hz": stim.tetanus(1),
    "theta bursts (10)": stim.theta_burst(10),
    "theta bursts (5)": stim.theta_burst(5),
    "theta bursts (3)": stim.theta_burst(3),
}


def ltp(specimen: Specimen, bout: stim.Stimulation, drugs, seed: int) -> float:
    """Return LTP of the expected synaptic conductance at 55 min, per cent."""
    after, _ = specimen.learn(bout, specimen.efficacy, drugs, np.random.default_rng([seed, 0]))
    drive = np.clip(settle(specimen.rule, after, 60.0) - specimen.efficacy, -1.0, 1.0)
    traffic = Trafficking(persistence=specimen.persistence, ltd_gain=specimen.document.rule("ltd_gain"))
    strength = simulate_trafficking(traffic, Induction(0.0, drive), np.array([55.0]), tolerance=1e-4)[0]
    weight = specimen.synapses.probability * specimen.synapses.ampa_scale
    return float(100.0 * (np.average(strength, weights=weight) - 1.0))


def main() -> None:
    """Run and write."""
    drugs = drugs_in(DRUG)
    rows = []
    for n in NUMBERS:
        preparation = Slice.of("ca1-slice", synapses=n, between=False, noise=False)
        specimens = [preparation.draw(seed) for seed in SEEDS]
        for name, bout in BOUTS.items():
            pairs = np.array(
                [
                    (ltp(s, bout, NO_DRUGS, seed), ltp(s, bout, drugs, seed))
                    for s, seed in zip(specimens, SEEDS, strict=True)
                ]
            )
            effect = pairs[:, 1] - pairs[:, 0]
            share = effect.std(ddof=1) / abs(effect.mean())
            numbers = (*pairs.mean(axis=0), effect.mean(), effect.std(ddof=1))
            rows.append([n, name, *(f"{x:.1f}" for x in numbers), f"{share:.2f}"])
            print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    lines = [
        "# How many synapses", "",
        "Written by `calibration/studies/slice_convergence.py`: LTP at 55 min (per cent, expected synaptic",
        "conductance) without and with aniracetam 1.5 mM, ten seeds. "
        f"The slice uses {SYNAPSES} synapses. SD over effect below 0.1 is converged; where the effect is small",
        "against the all-or-none change of single synapses (the threshold zone) it cannot be reached.", "",
        "| synapses | bout | LTP control | LTP drug | effect | SD over seeds | SD / effect |", "|" + "---|" * 7,
        *("| " + " | ".join(map(str, row)) + " |" for row in rows), "",
    ]  # fmt: skip
    (OUT / "slice-convergence.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
