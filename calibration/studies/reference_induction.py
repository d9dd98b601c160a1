"""Does the reference induction engine give what was published? Every coded protocol, two treatments of channel noise.

``python calibration/studies/reference_induction.py [--runs 8] [--only TEXT ...] [--drug aniracetam:1500]`` runs the
published inductions in their own conditions with expected and with drawn channels, appends each result to
``docs/studies/reference_induction.csv`` (rows that are there are not run again) and writes the table of
``docs/studies/reference_induction.md``. Drawn channels take minutes per protocol.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

from potentiate import Bath, find_scheme
from potentiate.kinetics.ensemble import use_float64
from potentiate.library.modulator import find_action
from potentiate.preparations.reference_protocols import PublishedInduction, published_inductions

STUDIES = Path(__file__).parents[2] / "docs" / "studies"
FIELDS = (
    "protocol", "published", "channels", "drug", "runs", "seed", "direction", "weight_change_percent", "sd",
    "CaN_peak_uM", "CaMKII_peak_uM", "s_in_depression", "s_in_potentiation", "released", "wall_s",
)  # fmt: skip
#: Published times per protocol are the same for all runs; the seed makes the draws of release repeatable.
SEED = 1
NOTES = (
    "Calcium acts on calmodulin through its square and on calcineurin through its fourth power. Fifteen NMDA receptors",
    "and nine calcium channels flicker, and with their flicker calcineurin is higher than under their mean: at rest",
    "the published model has twice the calcineurin that expected channels give. Where a protocol must stay minutes in",
    "a region that begins at 1.85 or 6.35 uM of calcineurin, that decides. **Expected channels are biased:",
    "potentiation becomes depression or no change, depression no change. Compare other engines with drawn channels.**",
    "",
    "What differs from the published model besides: AMPA and GABA receptors are not drawn, the ratio of NMDA subunits",
    "has no scatter, C3 to O3 opens with three times the microscopic rate (coded: two), and runs start from the",
    "spine's own rest. The theta bursts are the ten that the code holds; whether the experiment repeated them was not",
    "read.",
)


def run(p: PublishedInduction, channels: str, drug: str, runs: int) -> dict[str, object]:
    """Run one protocol; `drug` is empty or ``name:uM``."""
    started = time.perf_counter()
    changes, exposure = {"channels": channels}, Bath({})
    if drug:
        name, dose = drug.split(":")
        action = find_action(name)
        if action is None:
            raise SystemExit(f"no action of {name} is known")
        changes["ampa"] = action.apply(find_scheme("Rodrigues2023"))
        exposure = Bath({name: float(dose)})
    found = p.spine(**changes).run(p.stimulation, exposure, runs=runs, seed=SEED)
    failed = sum(s != "ok" for s in found.status)
    weights = found.weight_change_percent
    return dict(
        zip(
            FIELDS,
            (p.name, p.published, channels, drug, runs - failed, SEED, found.direction(), f"{weights.mean():.1f}",
             f"{weights.std(ddof=1):.1f}", f"{found.can_uM.max(axis=1).mean():.2f}",
             f"{found.camkii_uM.max(axis=1).mean():.1f}", f"{found.dwell_s[:, 0].mean():.1f}",
             f"{found.dwell_s[:, 1].mean():.1f}", f"{found.released.mean():.0f}",
             f"{time.perf_counter() - started:.0f}"),
            strict=True,
        )
    )  # fmt: skip


def rows() -> list[dict[str, str]]:
    """Return what has been run."""
    path = STUDIES / "reference_induction.csv"
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []


def append(row: dict[str, object]) -> None:
    """Add a row to the file."""
    path = STUDIES / "reference_induction.csv"
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def cell(found: dict[str, str] | None, published: str) -> str:
    """Return a cell of the table: outcome, mean and SD; a miss in bold."""
    if found is None:
        return "not run"
    text = f"{found['direction']} ({float(found['weight_change_percent']):+.0f} ± {float(found['sd']):.0f})"
    return text if found["drug"] or published in (found["direction"], "not read") else f"**{text}**"


def report() -> None:
    """Write the table."""
    found = {(r["protocol"], r["channels"], r["drug"]): r for r in rows()}
    drugs = list(dict.fromkeys(r["drug"] for r in rows() if r["drug"]))
    columns = [("expected", ""), ("drawn", ""), *((c, d) for d in drugs for c in ("expected", "drawn"))]
    columns = [c for c in columns if any(k[1:] == c for k in found)]
    heads = [f"channels {c}" + (f", {d} uM".replace(":", " ") if d else "") for c, d in columns]
    out = [
        "# Does the reference induction engine give what was published?",
        "",
        "`calibration/studies/reference_induction.py` runs the inductions that Rodrigues et al. 2023 (eLife 12:e80152)",
        "coded for their spine, in the conditions of their code, on our port of it: release is drawn, with a seed;",
        "channels are taken at their expected open fractions, or NMDA receptors and calcium channels are drawn too",
        "(AMPA and GABA receptors never are). Nothing was tuned. Cells: direction (potentiated minus depressed units",
        "in per cent, mean ± SD of the runs; `none` is below 10 in magnitude). **Bold: not the published direction.**",
        "Under a drug nothing was published: those columns are predictions.",
        "",
        "![Paths of the enzymes, and outcomes](reference_induction.png)",
        "",
        "| protocol | published | " + " | ".join(heads) + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    for p in published_inductions():
        cells = [cell(found.get((p.name, *c)), p.published) for c in columns]
        out.append(f"| {p.name} | {p.published} | " + " | ".join(cells) + " |")
    out.append("")
    for (channels, drug), head in zip(columns, heads, strict=True):
        if not drug:
            done = [r for r in rows() if (r["channels"], r["drug"]) == (channels, "") and r["published"] != "not read"]
            right = sum(r["direction"] == r["published"] for r in done)
            out.append(f"- {head[0].upper()}{head[1:]}: {right} of {len(done)} directions as published.")
    out += ["", *NOTES]
    (STUDIES / "reference_induction.md").write_text("\n".join(out).rstrip() + "\n", encoding="utf-8")


def main() -> None:
    """Run what is asked and not there yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--channels", nargs="*", default=["expected", "drawn"])
    parser.add_argument("--drug", default="")
    parser.add_argument("--report", action="store_true", help="only write the table")
    asked = parser.parse_args()
    use_float64()
    for channels in () if asked.report else asked.channels:
        for p in published_inductions():
            wanted = not asked.only or any(text in p.name for text in asked.only)
            done = any(
                r["protocol"] == p.name and r["channels"] == channels and r["drug"] == asked.drug for r in rows()
            )
            if wanted and not done:
                row = run(p, channels, asked.drug, asked.runs)
                append(row)
                print(row, flush=True)
    report()


if __name__ == "__main__":
    main()
