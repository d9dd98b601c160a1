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


def outcome(specimen: Specimen, bout: stim.Stimulation, drugs, seed: int) -> tuple[float, float]:
    """Return the calcium that entered (uM, mean over synapses) and LTP at 55 min (per cent of the conductance)."""
    after, course = specimen.learn(bout, specimen.efficacy, drugs, np.random.default_rng([seed, 0]))
    drive = np.clip(settle(specimen.rule, after, 60.0) - specimen.efficacy, -1.0, 1.0)
    traffic = Trafficking(persistence=specimen.persistence, ltd_gain=specimen.document.rule("ltd_gain"))
    strength = simulate_trafficking(traffic, Induction(0.0, drive), np.array([55.0]), tolerance=1e-4)[0]
    weight = specimen.synapses.probability * specimen.synapses.ampa_scale
    return float(course.routes_uM.sum(axis=1).mean()), float(100.0 * (np.average(strength, weights=weight) - 1.0))


def main() -> None:
    """Run and write."""
    drugs = drugs_in(DRUG)
    rows = []
    for n in NUMBERS:
        preparation = Slice.of("ca1-slice", synapses=n, between=False, noise=False)
        specimens = [preparation.draw(seed) for seed in SEEDS]
        for name, bout in BOUTS.items():
            control, drug = (
                np.array([outcome(s, bout, d, seed) for s, seed in zip(specimens, SEEDS, strict=True)])
                for d in (NO_DRUGS, drugs)
            )
            calcium = 100.0 * (drug[:, 0] / control[:, 0] - 1.0)
            ltp = drug[:, 1] - control[:, 1]
            rows.append([
                n, name, f"{calcium.mean():+.1f} %", f"{calcium.std(ddof=1):.1f}",
                f"{calcium.std(ddof=1) / abs(calcium.mean()):.2f}", f"{control[:, 1].mean():.1f}",
                f"{drug[:, 1].mean():.1f}", f"{ltp.mean():+.1f}", f"{ltp.std(ddof=1):.1f}",
            ])  # fmt: skip
            print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    header = [
        "synapses", "bout", "drug on calcium", "SD over seeds", "SD / effect", "LTP control", "LTP drug",
        "drug on LTP (points)", "SD over seeds",
    ]  # fmt: skip
    lines = [
        "# How many synapses", "",
        "Written by `calibration/studies/slice_convergence.py`: aniracetam 1.5 mM, ten seeds that differ in the draw",
        "of synapses and releases only. Calcium: entered during the bout, mean over synapses. LTP: at 55 min, per cent",
        f"of the expected synaptic conductance. The slice uses {SYNAPSES} synapses.", "",
        "| " + " | ".join(header) + " |", "|" + "---|" * len(header),
        *("| " + " | ".join(map(str, row)) + " |" for row in rows), "",
        "Converged is an SD below a tenth of the effect on calcium. The effect on LTP is all-or-none per synapse: it",
        "is zero where all synapses cross without the drug, and in the threshold zone its SD does not fall below a",
        "tenth.", "",
    ]  # fmt: skip
    (OUT / "slice-convergence.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
