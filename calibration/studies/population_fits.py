"""Population fits against NONMEM's output and published likelihoods, and the coverage of their intervals.

``python calibration/studies/population_fits.py`` reads the phenobarbital and theophylline sets (POTENTIATE_DATA),
simulates 100 data sets of its own, and writes ``docs/studies/population-fits.md``. A few minutes.
"""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import numpy as np

from potentiate import fit_population, population_model, read_pk_table
from potentiate.inference.population import PopulationFit, evaluate_population
from potentiate.inference.population_bayes import sample_population
from potentiate.inference.population_diagnostics import diagnostics, predictive_check
from potentiate.inference.population_model import PopulationModel
from potentiate.kinetics.ensemble import use_float64
from potentiate.recordings.pk_table import PkTable

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "studies" / "population-fits.md"
UNITS = {"TIME": "h", "AMT": "mg", "DV": "mg/L"}
INITIAL = {"CL": 4.69307e-3, "V": 1.00916, "V~APGR<5": 0.1, "omega CL": 0.0309626, "omega V": 0.031128,
           "sigma proportional": 0.0130865}  # fmt: skip
#: Of the theophylline sets: our arithmetic of an earlier time by adaptive quadrature in NumPy (9 and 5 nodes).
PER_KG = {"CL": math.exp(-3.2269), "KA": math.exp(0.4810), "KE": math.exp(-2.4592), "omega CL": 0.02802,
          "omega KA": 0.4343, "omega KA,CL": -0.00135, "sigma additive": 0.5015}  # fmt: skip
PER_L = {"KA": 1.570, "CL": 2.748, "V": 31.60, "omega KA": 0.398, "omega CL": 0.0691, "omega V": 0.0181,
         "sigma additive": 0.695**2}  # fmt: skip
REPEATS, PEOPLE = 100, 30
TRUTH = {"CL": 2.0, "V": 30.0, "omega CL": 0.09, "omega V": 0.04, "sigma proportional": 0.01}


def nonmem(path: Path) -> dict[int, list[float]]:
    """Return iteration (or code) -> numbers in the order of our names, the objective last."""
    rows = [line.split() for line in path.read_text().splitlines()[2:]]
    return {int(row[0]): [float(row[k]) for k in (1, 2, 3, 5, 7, 4, 8)] for row in rows}


def phenobarbital(folder: Path) -> list[str]:
    """Return the section on the neonates."""
    table = read_pk_table(folder / "pheno.dta", units={**UNITS, "WGT": "kg"})
    model = population_model("one-compartment-iv", covariates=["CL~WGT", "V~WGT", "V~APGR<5"])
    fit = fit_population(model, table, intervals="profile")
    reference = nonmem(folder / "pheno.ext")
    phi = np.loadtxt(folder / "pheno.phi", skiprows=2)
    start = evaluate_population(model, table, INITIAL).objective
    draws = sample_population(fit, draws=2000, warmup=500)
    left, check = diagnostics(fit), predictive_check(fit, simulations=1000)
    lines = [
        "## Phenobarbital",
        "",
        f"59 neonates, 155 samples; CL = theta1 WGT exp(eta1), V = theta2 WGT (1 + theta3 [APGR < 5]) exp(eta2), "
        f"proportional error. NONMEM 7.5, FOCE with interaction. Objective at its initial estimates {start:.5f} "
        f"(NONMEM {reference[0][-1]:.5f}), at the optimum {fit.objective:.6f} ({reference[-1000000000][-1]:.6f}). "
        f"Individual etas differ by at most {np.abs(fit.etas - phi[:, 2:4]).max():.1g}, individual objectives by "
        f"{np.abs(fit.by_subject - phi[:, -1]).max():.1g}. Condition number {fit.uncertainty.condition_number:.4g} "
        "(NONMEM 4.392).",
        "",
        "| number | ours | NONMEM | SE, ours | SE, NONMEM | profile interval | posterior median and interval |",
        "|---|---|---|---|---|---|---|",
    ]
    for e, value, se in zip(fit.estimates, reference[-1000000000], reference[-1000000001], strict=False):
        m = draws[e.name]
        lines.append(f"| {e.name} | {e.value:.6g} | {value:.6g} | {e.se:.4g} | {se:.4g} | {e.low:.4g} to "
                     f"{e.high:.4g} | {m.median:.4g}, {m.low:.4g} to {m.high:.4g} |")  # fmt: skip
    lines += [
        "",
        f"Shrinkage: {', '.join(f'{k} {v:.0f} %' for k, v in left.eta_shrinkage.items())}, residuals "
        f"{left.eps_shrinkage:.0f} %. Prediction-corrected check: {100 * check.outside:.0f} % of the observed "
        f"percentiles lie outside of their 95 % bands. Posterior: {draws.status}, R-hat at most "
        f"{max(m.r_hat for m in draws.marginals):.3f}, {int(draws.diverging.sum())} divergent transitions, priors "
        "assumed (log-normal around the start, a factor of ten).",
        "",
    ]
    return lines


def theophylline(folder: Path) -> list[str]:
    """Return the section on theophylline."""
    table = read_pk_table(folder / "theo_sd.csv", units={**UNITS, "WT": "kg"})
    per_kg = population_model("one-compartment-oral", parameters=["KA", "CL", "KE"], etas=["CL", "KA"],
                              blocks=[["CL", "KA"]], covariates=["CL~WT"], error="additive")  # fmt: skip
    per_l = population_model("one-compartment-oral", error="additive")
    lines = ["## Theophylline", "", "12 people, 132 samples, one dose by mouth, additive error."]
    for title, model, known, nodes, published in (
        ("Clearance per kg and ka vary (correlated), ke does not", per_kg, PER_KG, 9, 355.48),
        ("ka, CL and V vary independently", per_l, PER_L, 5, 360.71),
    ):
        lines += ["", f"### {title}", ""]
        lines += _methods(model, table, known, nodes, published)
    return [*lines, "", *_posterior(per_l, table), ""]


def _posterior(model: PopulationModel, table: PkTable) -> list[str]:
    fit = fit_population(model, table)
    draws, check = sample_population(fit, draws=2000, warmup=500), predictive_check(fit, simulations=1000)
    lines = ["| number | FOCE | 95 % interval | posterior median | 95 % interval |", "|---|---|---|---|---|"]
    for e in fit.estimates:
        m = draws[e.name]
        lines.append(f"| {e.name} | {e.value:.4g} | {e.low:.4g} to {e.high:.4g} | {m.median:.4g} | "
                     f"{m.low:.4g} to {m.high:.4g} |")  # fmt: skip
    return [
        "The last model sampled by NUTS beside FOCE:", "", *lines, "",
        f"Posterior: {draws.status}, R-hat at most {max(m.r_hat for m in draws.marginals):.3f}, "
        f"{int(draws.diverging.sum())} divergent transitions. Prediction-corrected check of the FOCE fit: "
        f"{100 * check.outside:.0f} % of the observed percentiles lie outside of their 95 % bands.",
    ]  # fmt: skip


def _methods(
    model: PopulationModel, table: PkTable, known: dict[str, float], nodes: int, published: float
) -> list[str]:
    fits: list[tuple[str, PopulationFit]] = []
    for name, told in (("FOCE", {}), ("Laplace", {"method": "laplace"}),
                       (f"quadrature, {nodes} nodes", {"method": "quadrature", "nodes": nodes})):  # fmt: skip
        fits.append((name, fit_population(model, table, starts=2, **told)))  # type: ignore[arg-type]
    constant = table.observations * math.log(2 * math.pi)
    there = evaluate_population(model, table, known, method="quadrature", nodes=nodes).objective + constant
    lines = [
        f"| number | reference ({nodes} nodes) | {' | '.join(n for n, _ in fits)} | quadrature over reference |",
        "|---|---|" + "---|" * (len(fits) + 1),
    ]
    for name in model.names:
        values = " | ".join(f"{fit[name].value:.5g}" for _, fit in fits)
        ratio = fits[-1][1][name].value / known[name]
        lines.append(f"| {name} | {known[name]:.5g} | {values} | {ratio:.4f} |")
    ours = " | ".join(f"{fit.minus_two_log_likelihood:.3f}" for _, fit in fits)
    lines.append(f"| -2 log likelihood | {published} | {ours} | |")
    lines += ["", f"At the reference's (rounded) numbers our quadrature gives {there:.3f}: "
              f"{there - fits[-1][1].minus_two_log_likelihood:+.3f} from our optimum. Numbers that differ by more than "
              "0.5 % at such a distance are those of a search that ended early on a flat slope."]  # fmt: skip
    return lines


def coverage() -> list[str]:
    """Return the section on simulated people."""
    model = population_model("one-compartment-iv")
    inside = dict.fromkeys(TRUTH, 0)
    mean = dict.fromkeys(TRUTH, 0.0)
    failed = 0
    for seed in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            table = _people(Path(folder) / "people.csv", seed)
        fit = fit_population(model, table, starts=1, seed=seed)
        if any(e.word != "determined" for e in fit.estimates):
            failed += 1
        for name, truth in TRUTH.items():
            inside[name] += fit[name].low <= truth <= fit[name].high
            mean[name] += fit[name].value / REPEATS
    lines = [
        "## Simulated people",
        "",
        f"{REPEATS} data sets of {PEOPLE} people, two doses, six samples each, 10 % proportional error: FOCE with "
        f"interaction, 95 % intervals by standard errors on the scale of the search. {failed} fits had a number that "
        "was not determined. With 100 repeats a share of 95 has a standard error of 2.",
        "",
        "| number | truth | mean estimate | intervals that hold the truth, % |",
        "|---|---|---|---|",
    ]
    lines += [f"| {n} | {t:g} | {mean[n]:.4g} | {100 * inside[n] / REPEATS:.0f} |" for n, t in TRUTH.items()]
    return [*lines, ""]


def _people(path: Path, seed: int) -> PkTable:
    rng = np.random.default_rng(seed)
    lines = ["ID,TIME (h),AMT (mg),DV (mg/L)"]
    for k in range(PEOPLE):
        cl, v = 2.0 * math.exp(rng.normal(0, 0.3)), 30.0 * math.exp(rng.normal(0, 0.2))
        records = [(t, 0, f"{k},{t},100,.") for t in (0.0, 12.0)]
        for t in (0.5, 3.0, 11.0, 13.0, 18.0, 30.0):
            c = sum(100 / v * math.exp(-cl / v * (t - d)) for d in (0.0, 12.0) if d <= t)
            records.append((t, 1, f"{k},{t},.,{c * (1 + 0.1 * rng.normal()):.6g}"))
        lines += [text for *_, text in sorted(records)]
    path.write_text("\n".join(lines) + "\n")
    return read_pk_table(path)


def main() -> None:
    """Write the page."""
    use_float64()
    told = os.environ.get("POTENTIATE_DATA")
    root = Path(told) if told else ROOT.parent / "shared" / "data"
    lines = [
        "# Population fits against references",
        "",
        "Written by `calibration/studies/population_fits.py`. The data are not part of the project. Phenobarbital: "
        "Grasela & Donn 1985, Dev Pharmacol Ther 8:374, with the output of NONMEM 7.5. Theophylline: Boeckmann, "
        "Sheiner & Beal 1994, NONMEM Users Guide; the references are an earlier quadrature of ours in NumPy, whose "
        "first case also agrees with the starting values of the SAS example of NLMIXED.",
        "",
        *phenobarbital(root / "pk_phenobarbital_nonmem"),
        *theophylline(root / "pk_theophylline"),
        *coverage(),
    ]
    text = "\n".join(lines).rstrip() + "\n"
    OUT.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
