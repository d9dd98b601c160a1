"""Score every finding on exposure and people that a subject can be asked, and write docs/studies/exposure.md and .csv.

Run from the repository root: ``python calibration/studies/exposure_findings.py`` (some seconds). `potentiate run
COMPOUND` computes the same rows live.
"""

from __future__ import annotations

import collections
import csv
import math
from pathlib import Path

from potentiate.evidence.battery import model_text, published_text
from potentiate.evidence.experiment import score_finding
from potentiate.evidence.scoring import Verdict
from potentiate.library.finding import Finding, NoExperiment, SubjectExperiment, find_finding, finding_ids

DOCS = Path("docs") / "studies"
COLUMNS = ["finding", "subject", "what", "people", "model", "published", "verdict", "miss", "score", "remark"]
ORDER = ("fail", "near", "pass", "calibration", "not simulable")
TEXT = """# Findings on exposure and people

Written by `calibration/studies/exposure_findings.py`; every number is that of a run, none is tuned to a row. A finding
is asked of a person (or several hundred) who takes the doses that the page names. *calibration* means that the model
holds the number, so that agreement is no test of it: the last column says how. Where a disposition has several
readings (with and without abstinence, two studies), each is run, and the span is over them.

What happened in trials is evidence and is not simulated; it stands at the end, by claim.

What the misses say:

- The absolute concentrations of one laboratory (`mlib-caf-*-absolute`) are about eightfold below all others. The model
  stands with the others and is meant to miss them; of that laboratory only ratios are used.
- What is swallowed is a tablet here. It is absorbed as fast as gum, so that the slower capsule of the gum study and the
  advantage of gum over it are missed. The areas after three gums are larger than the dose, what gum gives up and the
  clearance of the model allow; at 50 mg they are larger than even a complete dose would give.
- Caffeine alone does not occupy half of the A1 receptors after five cups; with its metabolites counted it does.
- Platelet receptors fall back sooner than was seen.
- The three readings of modafinil differ: two peak after an hour, where a page has two to four.
- The apparent clearance of 5-HTP with carbidopa is that of patients on carbidopa for a week, below that of volunteers
  who took it once.
- The label of piracetam does not agree with itself: its volume and half-life give another clearance, and a lower peak,
  than it prints.
"""
#: The list that exposure is held to: item -> what it asks, and the findings that answer it.
ITEMS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("caffeine 5 mg/kg: F, peak, time of the peak, spread of half-lives",
        ("caf-F", "caf-cmax", "caf-tmax", "caf-t12-low", "caf-t12-high")),
    2: ("caffeine 162 mg, oral contraceptives",
        ("caf-162-cmax", "caf-162-tmax", "caf-162-t12", "caf-162-cl", "caf-oc-cl", "caf-oc-t12", "caf-oc-cmax-null",
         "caf-oc-tmax", "caf-oc-cl-1980", "caf-oc-t12-1980")),
    3: ("smoking", ("caf-smoking-cl", "caf-nonsmoker-t12", "caf-smoker-t12", "caf-smoking-v-null")),
    4: ("pregnancy", ("caf-pregnant-t12", "caf-pregnant-last-t12", "caf-pregnant-v-null", "caf-postpartum-null")),
    5: ("dose-independent clearance", ("caf-cl-dose-null", "caf-cl")),
    6: ("gum, capsule, coffee",
        ("caf-gum-ka", "caf-capsule-ka", "caf-gum-over-capsule-ka", "caf-gum-f-50", "caf-gum-f-100", "caf-gum-f-200",
         "caf-gum3-auc-50", "caf-gum3-auc-100", "caf-gum3-auc-200", "caf-gum-coffee-auc-null",
         "caf-gum-coffee-cmax-null")),
    7: ("the model of Perera 2013",
        ("caf-perera-abstinent-cmax", "caf-perera-abstinent-auc", "caf-perera-abstinent-t12",
         "caf-perera-abstinent-px-tmax")),
    8: ("methylliberine, theacrine",
        ("mlib-caf-cl", "mlib-caf-t12", "mlib-caf-cmax", "caf-on-mlib-null", "theacrine-on-caf-null",
         "caf-on-theacrine", "caf-on-theacrine-t12-null")),
    9: ("theanine", ("thea-cmax", "thea-tmax", "thea-t12", "thea-lag-range", "thea-proportional", "thea-left-8h",
                     "thea-cmax-25", "thea-cmax-100-2010")),
    10: ("aniracetam",
         ("ani-F", "ani-cl", "ani-t12", "ani-metabolite-parent", "ani-plasma-range", "ani-cl-above-liver")),
    11: ("piracetam", ("pir-fu", "pir-v", "pir-cmax-2g", "pir-t12", "pir-t12-old", "pir-cl-renal", "pir-renal-half")),
    12: ("A1 occupancy by caffeine",
         ("caf-a1-ec50", "caf-a1-200", "caf-a1-never-60", "caf-a1-cups-50", "caf-a1-cups-50-metabolites")),
    13: ("modafinil and dopamine transporters",
         ("modafinil-dat-200", "modafinil-dat-300", "modafinil-dat-tracks-plasma")),
    14: ("adaptation to caffeine",
         ("caf-a2a-750-12h", "caf-a2a-750-60h", "caf-a2a-400-7d-null", "caf-a2a-400-14d", "caf-a2a-600-7d",
          "caf-a1-rat-no-upregulation", "caf-bp-tolerance")),
    15: ("vigilance ([scored apart](alertness.md))",
         ("caf-pvt-200-night", "caf-pvt-200-vs-300-null", "caf-pvt-600-vs-modafinil-400",
                       "caf-sleep-6h-harm")),
    16: ("theanine with caffeine", ("thea-caf-ma-switch", "thea-caf-no-interaction", "thea-caf-dose-moderator")),
    17: ("rested people, anxiety, panic",
         ("caf-nonconsumers-alertness-null", "caf-nonconsumers-jitter", "caf-habitual-restoration",
          "caf-anxiety-below-400", "caf-anxiety-from-400", "caf-panic-healthy")),
    18: ("AMPA modulators in people",
         ("osavampator-nonmonotonic", "far-stm-up", "far-episodic-down", "cx717-nightshift-1000",
          "cx516-scz-null-cloz", "cx717-t12", "cx717-tmax", "cx1739-t12", "cx1739-tmax-human")),
    19: ("5-HTP", ("htp-carbidopa-auc", "htp-carbidopa-t12", "htp-cl-carbidopa", "htp-neuroendocrine-null",
                   "htp-dropout")),
    20: ("lipoic acid, oxiracetam, vinpocetine",
         ("ala-F", "ala-t12", "oxi-F", "oxi-F-14C", "oxi-t12", "ava-cmax", "ava-auc")),
}  # fmt: skip


def asked() -> list[tuple[Finding, Verdict]]:
    """Score what a subject can be asked; misses first, then by how far they miss."""
    found = [f for i in finding_ids() if isinstance((f := find_finding(i)).experiment, SubjectExperiment)]
    scored = [(f, score_finding(f)) for f in found]
    return sorted(scored, key=lambda pair: (ORDER.index(pair[1].verdict), -(pair[1].miss if pair[1].miss > 0 else 0)))


def row(finding: Finding, verdict: Verdict) -> dict[str, str]:
    """Return a finding as a row."""
    experiment = finding.experiment
    assert isinstance(experiment, SubjectExperiment)
    arm = experiment.arm
    remark = "; ".join(filter(None, [verdict.reason, finding.caveat]))
    return {
        "finding": finding.id,
        "subject": finding.subject,
        "what": f"{finding.observable} ({arm.regimen})",
        "people": arm.people or ("typical" if arm.count == 1 else f"{arm.count} drawn, {arm.read}"),
        "model": model_text(verdict),
        "published": published_text(verdict),
        "verdict": verdict.verdict,
        "miss": f"{verdict.miss:.2f}" if math.isfinite(verdict.miss) else "",
        "score": verdict.score,
        "remark": remark,
    }


def items(verdicts: dict[str, str]) -> list[str]:
    """Return the list of twenty with what became of each."""
    lines = ["| item | asks | tests | held by the model | evidence, or not simulable |", "|---|---|---|---|---|"]
    for number, (text, ids) in ITEMS.items():
        cells: dict[str, list[str]] = {"test": [], "held": [], "evidence": []}
        for i in ids:
            word = verdicts.get(i)
            if word is None:
                cells["held" if find_finding(i).role == "calibration" else "evidence"].append(f"`{i}`")
            elif word == "calibration":
                cells["held"].append(f"`{i}`")
            elif word == "not simulable":
                cells["evidence"].append(f"`{i}`")
            else:
                cells["test"].append(f"`{i}` {word}")
        lines.append(f"| {number} | {text} | " + " | ".join(", ".join(cells[c]) or "-" for c in cells) + " |")
    return lines


def claims() -> list[str]:
    """Return what people showed, by claim."""
    grouped: dict[str, list[Finding]] = collections.defaultdict(list)
    for i in finding_ids():
        finding = find_finding(i)
        if finding.human is not None:
            grouped[finding.human.claim].append(finding)
    lines = ["| claim | records | results | largest n | certainty | what lowers it |", "|---|---|---|---|---|---|"]
    for claim, findings in sorted(grouped.items()):
        rows = [f.human for f in findings if f.human is not None]
        results = collections.Counter(h.result for h in rows)
        counted = ", ".join(f"{n} {word}" for word, n in results.most_common())
        graded = list(dict.fromkeys(h.certainty for h in rows if h.certainty))
        flaws = list(dict.fromkeys(flaw.split(":")[0] for h in rows for flaw in h.flaws))
        most = max((f.n or 0 for f in findings), default=0)
        lines.append(
            f"| {claim} | {len(rows)} | {counted} | {most or '-'} | {', '.join(graded) or 'not graded'} "
            f"| {', '.join(flaws) or '-'} |"
        )
    return lines


def main() -> None:
    """Run, and write both files."""
    scored = asked()
    rows = [row(f, v) for f, v in scored]
    with (DOCS / "exposure.csv").open("w", newline="", encoding="utf-8") as out:
        table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    verdicts = {f.id: v.verdict for f, v in scored}
    tally = collections.Counter(verdicts.values())
    evidence = [
        f
        for i in finding_ids()
        if (f := find_finding(i)).level in ("pk", "human") and isinstance(f.experiment, NoExperiment)
    ]
    parts = [
        TEXT,
        "  ".join(f"{word} {tally[word]}" for word in ORDER) + f"  evidence {len(evidence)}\n",
        "## The twenty items\n",
        *items(verdicts),
        "\n## Every finding, misses first\n",
    ]
    shown = ["finding", "what", "people", "model", "published", "verdict", "miss", "remark"]
    parts += ["| " + " | ".join(shown) + " |", "|" + "---|" * len(shown)]
    parts += ["| " + " | ".join(r[c].replace("|", "/") for c in shown) + " |" for r in rows]
    parts += ["\n## Evidence in people, by claim\n", *claims(), ""]
    (DOCS / "exposure.md").write_text("\n".join(parts), encoding="utf-8")
    print("  ".join(f"{word} {tally[word]}" for word in ORDER))


if __name__ == "__main__":
    main()
