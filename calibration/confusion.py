"""Are planted mechanisms found? Confusion matrix with and without enough data, and sweeps to a decision.

``python calibration/confusion.py [--seeds 5] [--only confusion|watch]`` simulates stochastic outside-out patches of
Partin1996 with a planted drug, asks :func:`potentiate.inference.discriminate.discriminate`, and writes
``docs/studies/confusion.{csv,md,png}`` and ``docs/studies/watch.csv``. About ten minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np

from potentiate import Bath, Patch, Rig, find_scheme, protocols, run
from potentiate.inference.alternatives import EffectModel
from potentiate.inference.discriminate import Binding, discriminate
from potentiate.inference.experiment import Experiment
from potentiate.kinetics.scheme import Scheme

STUDIES = Path(__file__).parents[1] / "docs" / "studies"
SCHEME = find_scheme("Partin1996")
KD_UM, KOFF = 500.0, 2.0
RIG = dict(exchange_10_90_ms=0.2, filter_kHz=5.0)

#: Planted mechanisms: factors on rates with the site occupied.
PLANTED = {
    "no effect": {},
    "closing": {"closing": 1 / 5},
    "desensitization entry": {"desensitization entry": 1 / 4},
    "unbinding": {"unbinding": 1 / 4},
    "closing + desensitization entry": {"closing": 1 / 4, "desensitization entry": 1 / 4},
}

#: Data: cells, sweeps of each kind, widths of the pulses, channels, noise of a sample before the filter.
AMOUNTS = {
    "enough": dict(cells=4, repeats=8, widths=(1.0, 100.0), channels=100, noise=2.0),
    "few": dict(cells=1, repeats=1, widths=(1.0,), channels=30, noise=4.0),
}


def planted_scheme(factors: dict[str, float]) -> Scheme:
    """Return the scheme with the drug's site and its effects."""
    rate_map = EffectModel(SCHEME, ligand="drug", kd_uM=KD_UM, koff_per_ms=KOFF).rate_map("drug")
    theta = rate_map.start
    for effect, factor in factors.items():
        theta[rate_map.names.index(f"drug {effect}")] = np.log(factor)
    return rate_map.scheme_at(theta)


def record(name: str, seed: int, *, cells: int, repeats: int, widths: tuple[float, ...], channels: int, noise: float):
    """Return experiments of stochastic patches: control and 3 mM drug in both solutions."""
    scheme = planted_scheme(PLANTED[name])
    baths = [Bath()] * repeats + [Bath({"drug": 3000.0})] * repeats
    made = []
    for c in range(cells):
        # patches differ in their number of channels
        n = int(channels * np.exp(0.4 * np.random.default_rng([seed, c]).standard_normal()))
        for i, width in enumerate(widths):
            protocol = protocols.jump(width_ms=width, after_ms=40.0, dt_ms=0.02)
            patch = Patch(scheme, channels=n, stochastic=True, rig=Rig(noise_pA=noise, **RIG))
            recording = run(patch, protocol, baths, seed=100_000 * seed + 100 * c + i)
            made.append(Experiment(recording, protocol, baths, cell=f"cell {c + 1}", **RIG))
    return made


def confusion(seeds: int) -> list[dict[str, object]]:
    """Return one row per planted mechanism, amount of data and seed."""
    rows: list[dict[str, object]] = []
    for amount, options in AMOUNTS.items():
        for planted, factors in PLANTED.items():
            for seed in range(1, seeds + 1):
                began = time.perf_counter()
                experiments = record(planted, seed, **options)
                found = discriminate(
                    experiments, SCHEME, binding=Binding(KD_UM, KOFF), leave_out=False, propose=False, seed=seed
                )
                answer = found.verdict.names[0] if found.status == "decided" else found.status
                covered = ""
                if found.status == "decided" and answer == planted:
                    covered = sum(s.low <= factors[s.effect] <= s.high for s in found.verdict.sizes)
                rows.append(
                    {"data": amount, "planted": planted, "seed": seed, "answer": answer,
                     "listed": int(planted in found.verdict.names), "best": found.entries[0].name,
                     "covered": covered, "of": len(factors) if covered != "" else "",
                     "factors": "; ".join(f"{s.effect} {s.factor:.3g} ({s.low:.3g} to {s.high:.3g})"
                                          for s in found.verdict.sizes),
                     "seconds": round(time.perf_counter() - began, 1)}
                )  # fmt: skip
                print(*rows[-1].values(), sep=" | ", flush=True)
    return rows


def write(name: str, rows: list[dict[str, object]]) -> None:
    """Write rows as a table."""
    STUDIES.mkdir(parents=True, exist_ok=True)
    with (STUDIES / name).open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=("confusion", "watch", "report"))
    asked = parser.parse_args()
    if asked.only in (None, "confusion"):
        write("confusion.csv", confusion(asked.seeds))


if __name__ == "__main__":
    main()
