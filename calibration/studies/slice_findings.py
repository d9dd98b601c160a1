"""Score every finding on synapses and whole slices, and write docs/studies/slice_findings.md and .csv.

Run from the repository root: ``python calibration/studies/slice_findings.py`` (half an hour on two cores). Ids as
arguments run only those, and replace their rows. `potentiate run COMPOUND --slices` computes the same rows live.
"""

from __future__ import annotations

import csv
import math
import sys
import time
from pathlib import Path

from potentiate.evidence.battery import model_text, published_text
from potentiate.evidence.experiment import score_finding
from potentiate.evidence.slice_experiment import per_slice
from potentiate.library.finding import Finding, SliceExperiment, SynapseExperiment, find_finding, finding_ids
from potentiate.library.slice_arm import SliceArmDoc
from potentiate.library.slice_document import find_slice

DOCS = Path("docs") / "studies"
COLUMNS = [
    "section", "finding", "role", "subject", "what", "slices", "model", "SD", "published", "verdict", "score", "reason",
    "seconds",
]  # fmt: skip
SECTIONS = {"plasticity": "Slices without drug", "drug": "Slices with a drug", "synapse": "Synapses"}
RULE = ("potentiation_factor", "persistence", "ltd_gain")
TEXT = """# Findings on synapses and slices

Written by `calibration/studies/slice_findings.py`. Every number is that of a run; none is tuned to a row but the three
whose role is *calibration*. A mean of at least twelve slices is compared with a published mean in standard errors of
the latter: up to two pass. Synapses and responses to test pulses are asked of every scheme of the ensemble.
Plasticity is asked of the one scheme that it was calibrated with, so what a drug does to it is *near* at most.
"""


def asked() -> list[Finding]:
    """Return the findings that are asked of synapses and slices, sections in order."""
    found = [find_finding(i) for i in finding_ids()]
    kept = [f for f in found if isinstance(f.experiment, SliceExperiment | SynapseExperiment)]
    return sorted(kept, key=lambda f: (list(SECTIONS).index(section(f)), f.subject, f.id))


def section(finding: Finding) -> str:
    """Return where a finding stands in the text."""
    if isinstance(finding.experiment, SynapseExperiment):
        return "synapse"
    return "plasticity" if finding.subject == "synaptic plasticity" else "drug"


def row(finding: Finding) -> dict[str, str]:
    """Score one finding."""
    experiment = finding.experiment
    assert isinstance(experiment, SliceExperiment | SynapseExperiment)
    started = time.perf_counter()
    verdict = score_finding(finding)
    spread = slices = ""
    arm = experiment.arm
    if isinstance(arm, SliceArmDoc):
        slices = str(arm.slices)
    if slices and experiment.compare == "value" and arm.measure != "drug_ec50" and math.isfinite(verdict.model):
        assert isinstance(arm, SliceArmDoc)
        values = [v for v in per_slice(arm, experiment.base_scheme) if math.isfinite(v)]
        mean = sum(values) / len(values)
        spread = f"{math.sqrt(sum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1)):.3g}"
    return {
        "section": section(finding),
        "finding": finding.id,
        "role": finding.role,
        "subject": finding.subject,
        "what": finding.observable,
        "slices": slices,
        "model": model_text(verdict),
        "SD": spread,
        "published": published_text(verdict),
        "verdict": verdict.verdict,
        "score": verdict.score,
        "reason": verdict.reason or "",
        "seconds": f"{time.perf_counter() - started:.0f}",
    }


def write(rows: list[dict[str, str]]) -> None:
    """Write the table, and the text around it."""
    with (DOCS / "slice_findings.csv").open("w", newline="", encoding="utf-8") as out:
        table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    rule = find_slice("ca1-slice").rule
    numbers = ", ".join(f"{name} {rule(name):.4g}" for name in RULE)
    counts: dict[str, int] = {}
    for r in rows:
        counts[r["verdict"]] = counts.get(r["verdict"], 0) + 1
    tally = "  ".join(f"{word} {n}" for word, n in sorted(counts.items()))
    parts = [TEXT, f"Numbers of the rule: {numbers}.\n", f"{tally}\n"]
    shown = ["finding", "role", "what", "slices", "model", "SD", "published", "verdict", "score"]
    for name, title in SECTIONS.items():
        parts += [f"## {title}\n", "| " + " | ".join(shown) + " |", "|" + "---|" * len(shown)]
        for r in rows:
            if r["section"] == name:
                parts.append("| " + " | ".join(r[c].replace("|", "/") for c in shown) + " |")
        parts.append("")
    missing = [f.id for f in asked() if f.id not in {r["finding"] for r in rows}]
    if missing:
        names = ", ".join(f"`{i}`" for i in missing)
        parts.append(f"Not run for this table (the script runs them when they are named): {names}.\n")
    reasons = [f"- `{r['finding']}`: {r['reason']}" for r in rows if r["reason"]]
    parts += ["## Why less than its score\n", *reasons, ""]
    (DOCS / "slice_findings.md").write_text("\n".join(parts), encoding="utf-8")


def main() -> None:
    """Run what is named, or all."""
    path = DOCS / "slice_findings.csv"
    old = {r["finding"]: r for r in csv.DictReader(path.open(encoding="utf-8"))} if path.exists() else {}
    names = set(sys.argv[1:])
    done: dict[str, dict[str, str]] = {}
    for finding in asked():
        if names and finding.id not in names:
            if finding.id in old:
                done[finding.id] = old[finding.id]
            continue
        done[finding.id] = row(finding)
        told = ("finding", "verdict", "model", "published", "seconds")
        print(" ".join(done[finding.id][c] for c in told), flush=True)
        write(list(done.values()) + [r for i, r in old.items() if i not in done])


if __name__ == "__main__":
    main()
