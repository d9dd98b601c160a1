"""Population fits: phenobarbital (59 neonates, FOCE with interaction) and theophylline (12 people, quadrature as well).

Nothing else in Python that fits such models was installed, so there is no rival here; NONMEM's own numbers stand beside
ours where the data came with them.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

UNITS = {"TIME": "h", "AMT": "mg", "DV": "mg/L"}
#: Objective of NONMEM 7.5 at its optimum (phenobarbital).
NONMEM = 586.27605628520962


def _data() -> Path | None:
    told = os.environ.get("POTENTIATE_DATA")
    root = Path(told) if told else Path(__file__).resolve().parents[1].parent / "shared" / "data"
    return root if (root / "pk_phenobarbital_nonmem").is_dir() and (root / "pk_theophylline").is_dir() else None


def rows() -> Any:
    """Return wall times: the first fit (imports and compilation within), and the best of three warm ones."""
    root = _data()
    if root is None:
        return {"failed": "no real recordings: set POTENTIATE_DATA"}
    from potentiate.inference.population import fit_population
    from potentiate.inference.population_bayes import sample_population
    from potentiate.inference.population_model import population_model
    from potentiate.recordings.pk_table import read_pk_table

    pheno = read_pk_table(root / "pk_phenobarbital_nonmem" / "pheno.dta", units={**UNITS, "WGT": "kg"})
    theo = read_pk_table(root / "pk_theophylline" / "theo_sd.csv", units={**UNITS, "WT": "kg"})
    neonates = population_model("one-compartment-iv", covariates=["CL~WGT", "V~WGT", "V~APGR<5"])
    oral = population_model("one-compartment-oral", error="additive")
    found = []
    load = round(os.getloadavg()[0], 2)
    for name, model, table, told in (
        ("phenobarbital, FOCE with interaction", neonates, pheno, {"method": "focei"}),
        ("theophylline, FOCE with interaction", oral, theo, {"method": "focei"}),
        ("theophylline, Laplace", oral, theo, {"method": "laplace"}),
        ("theophylline, quadrature with 5 nodes", oral, theo, {"method": "quadrature", "nodes": 5}),
    ):
        times = []
        for _ in range(4):
            start = time.perf_counter()
            fit = fit_population(model, table, starts=1, **told)  # type: ignore[arg-type]
            times.append(time.perf_counter() - start)
        found.append({
            "name": name, "subjects": len(table.subjects), "observations": table.observations,
            "numbers": len(model.names), "load": load, "first_s": times[0], "best_s": min(times[1:]),
            "objective": fit.objective,
            "minus_two_log_likelihood": fit.minus_two_log_likelihood,
        })  # fmt: skip
        if name.startswith("phenobarbital"):
            start = time.perf_counter()
            draws = sample_population(fit, draws=1000, warmup=500, chains=2)
            found.append({
                "name": "phenobarbital, posterior (NUTS, 2 x 1,000 draws)", "subjects": len(table.subjects),
                "observations": table.observations, "numbers": len(model.names) + fit.etas.size,
                "first_s": time.perf_counter() - start, "fewest_effective": min(m.ess_bulk for m in draws.marginals),
                "largest_r_hat": max(m.r_hat for m in draws.marginals), "divergent": int(draws.diverging.sum()),
            })  # fmt: skip
    return found


def aims(found: Any) -> list[dict[str, Any]]:
    """Return what is aimed at."""
    if not isinstance(found, list):
        return []
    first = found[0]
    return [
        {"what": "population fit of phenobarbital: s, first", "value": first["first_s"], "aim": "<= 60"},
        {"what": "phenobarbital: objective above NONMEM's", "value": first["objective"] - NONMEM, "aim": "<= 0.01"},
    ]


def lines(found: Any) -> list[str]:
    """Return the section as Markdown."""
    head = ["", "## Population fits", ""]
    if not isinstance(found, list):
        return [*head, f"Not run: {found.get('failed', '')}"]
    text = [
        *head,
        "One start, standard errors included. First: with imports and compilation. No other program for such fits was",
        f"installed in Python; NONMEM 7.5 ends at {NONMEM:.5f} on phenobarbital (its time is not on record). Load "
        f"average before: {found[0]['load']}.",
        "",
        "| what | people | samples | numbers | first s | warm s | objective | -2 log L |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in found:
        warm = f"{r['best_s']:.2f}" if "best_s" in r else ""
        ends = f"{r['objective']:.5f} | {r['minus_two_log_likelihood']:.3f}" if "objective" in r else " | "
        text.append(f"| {r['name']} | {r['subjects']} | {r['observations']} | {r['numbers']} | {r['first_s']:.1f} | "
                    f"{warm} | {ends} |")  # fmt: skip
    text += [
        f"\n{r['name']}: {r['fewest_effective']:.0f} effective draws of the worst number, R-hat at most "
        f"{r['largest_r_hat']:.3f}, {r['divergent']} divergent transitions."
        for r in found if "fewest_effective" in r
    ]  # fmt: skip
    return text
