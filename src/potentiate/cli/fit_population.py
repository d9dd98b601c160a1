"""`potentiate fit TABLE --as population`: nonlinear mixed effects of PK data."""

from __future__ import annotations

import csv
import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ..errors import UsageError
from .output import Result, finish
from .pk_asked import pairs, read_table, table_inputs, words

if TYPE_CHECKING:
    from ..inference.population import PopulationFit
    from ..inference.population_diagnostics import Diagnostics
    from ..inference.population_model import PopulationModel
    from ..recordings.pk_table import PkTable


@Parameter(name="*")
@dataclasses.dataclass(frozen=True)
class PopulationOptions:
    """Options of population fits, on the command line of `potentiate fit`."""

    model: str | None = None
    "one-compartment-iv, one-compartment-oral, or the same with two-compartment and three-compartment."
    parameters: str | None = None
    "Another parameterisation, or TLAG and F besides: KA,CL,KE."
    etas: str | None = None
    "Parameters that vary between people; default all."
    block: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    "Etas that are correlated: CL,V."
    covariate: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    "Relation, e.g. CL~WT, CL~WT/70, CL~(WT/70)^0.75, CL~(WT/70)^?, CL~exp(AGE-40), V~APGR<5."
    error: Literal["proportional", "additive", "combined"] = "proportional"
    "Residual error."
    method: Literal["focei", "laplace", "quadrature"] = "focei"
    "FOCE with interaction, Laplace, or adaptive Gauss-Hermite quadrature."
    nodes: int = 9
    "Of the quadrature, per eta."
    start: str | None = None
    'Starting values: "CL=0.005,V=1,V~APGR<5=0.1,omega CL=0.03"; omegas and sigmas are variances.'
    fix: str | None = None
    "Numbers that stay at their start, separated by commas."
    starts: int = 3
    "Starts of the search; all but the first are scattered."
    intervals: Literal["profile", "curvature", "none"] = "curvature"
    "95 % by the profile of the likelihood, or by standard errors."
    evaluate: Annotated[bool, Parameter(negative="")] = False
    "Only print the objective at the starting values (all must be given)."
    vpc: int = 500
    "Simulations of the visual predictive check; 0 for none."
    posterior: Annotated[bool, Parameter(negative="")] = False
    "Also sample the posterior (NUTS)."
    units: str | None = None
    'Units that the table does not state: "TIME=h,AMT=mg,DV=mg/L,WT=kg".'
    molar_mass: str | None = None
    'Joins doses in mg to concentrations in uM: "194.19 g/mol".'
    repeats: Literal["error", "keep"] = "error"
    "Two observations of a subject at one time."
    observed: int | None = None
    "Which observations are used where there are several kinds (DVID, else CMT)."
    seed: int = 1
    "Of starts, simulations and the posterior."


def fit_population_table(
    file: Path,
    /,
    *,
    as_: Annotated[Literal["population"], Parameter(name="--as")],
    options: Annotated[PopulationOptions | None, Parameter(name="*")] = None,
    out: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Fit a population PK model: thetas, variances between people, residual error.

    Parameters
    ----------
    file
        Table as NONMEM reads it, with units: ID TIME (h) AMT (mg) DV (mg/L), and EVID MDV CMT RATE ADDL II SS BLQ,
        covariates.
    as_
        population.
    out
        Folder to write; default runs/TIME_fit_FILE.
    json
        Print one JSON object.
    """
    from ..kinetics.ensemble import enable_compilation_cache, use_float64

    given = options or PopulationOptions()
    if given.vpc and given.vpc < 20:
        raise UsageError(f"{given.vpc} simulations", where="--vpc", do="20 or more, or 0 for no check")
    table = read_table(file, given.units, given.molar_mass, given.repeats, given.observed)
    model = _model(given)
    told = {}
    for name, text in (pairs(given.start, "--start", "CL=2,omega CL=0.1") if given.start else {}).items():
        try:
            told[_named(name, model)] = float(text)
        except ValueError:
            raise UsageError(f"{name} of {text!r}", where="--start", do="give a number") from None
    use_float64()
    enable_compilation_cache()
    inputs: dict[str, Any] = {**table_inputs(file, table), "as": "population"}
    inputs |= {
        name: value for name, value in dataclasses.asdict(given).items()
        if value not in (None, False, ()) and name not in ("units", "nodes", "seed")
    }  # fmt: skip
    if given.method == "quadrature":
        inputs["nodes"] = given.nodes
    if given.evaluate:
        return finish(_evaluated(file, table, model, given, told, inputs), as_json=json, out=out)
    from ..inference.population import fit_population
    from .fit import _progress

    with _progress(json) as progress:
        found = fit_population(
            model, table, method=given.method, nodes=given.nodes, start=told, fix=_names_of(given.fix, model),
            starts=given.starts, intervals=given.intervals, seed=given.seed, progress=progress,
        )  # fmt: skip
        draws = _posterior(found, given.seed, progress) if given.posterior else None
    result = population_result(found, given, inputs, file.stem, told)
    if draws is not None:
        _add_posterior(result, draws)
    return finish(result, as_json=json, out=out)


# ------------------------------------------------------------------------------------------------ asked


def _model(given: PopulationOptions) -> PopulationModel:
    from ..inference.population_model import population_model
    from ..mechanisms.pk_closed_forms import STRUCTURES

    if given.model is None:
        raise UsageError("No model", why="what the data say depends on it", do=f"add --model {' | '.join(STRUCTURES)}")
    return population_model(
        given.model, parameters=words(given.parameters), etas=words(given.etas) or None,
        blocks=[words(block) for block in given.block], covariates=given.covariate, error=given.error,
    )  # fmt: skip


def _named(text: str, model: PopulationModel) -> str:
    """Return the name as the model writes it; blanks within relations and case do not matter."""
    plain = "".join(text.split()).lower()
    return next((name for name in model.names if "".join(name.split()).lower() == plain), text)


def _names_of(text: str | None, model: PopulationModel) -> list[str]:
    return [_named(word, model) for word in words(text)]


def _assumed(model: PopulationModel, given: PopulationOptions, table: PkTable, told: dict[str, float]) -> list[str]:
    lines = []
    if given.etas is None:
        lines.append(f"all parameters vary between people, log-normally ({', '.join(model.etas)})")
    if not model.blocks and len(model.etas) > 1:
        lines.append("no correlations between people's parameters (--block)")
    if len(told) < len(model.names):
        lines.append("starting values from one curve through all data")
    lines.append("covariates of a subject do not change")
    bare = sorted({r.covariate for r in model.relations if not table.units.get(r.covariate)})
    if bare:
        lines.append(f"no unit is stated for {', '.join(bare)}")
    return lines


# ------------------------------------------------------------------------------------------------ found


def _evaluated(
    file: Path, table: PkTable, model: PopulationModel, given: PopulationOptions, told: dict[str, float],
    inputs: dict[str, Any],
) -> Result:  # fmt: skip
    from ..inference.population import evaluate_population

    found = evaluate_population(model, table, told, method=given.method, nodes=given.nodes)
    rows = [[name, told[name], float(slope)] for name, slope in zip(model.names, found.gradient, strict=True)]
    result = Result(
        "fit", file.stem, inputs, ["parameter", "value", "slope of the objective (search scale)"], rows, title=_title(
            file, table, model, given.method
        ), notes=[*table.notes, f"Objective (NONMEM's, without constant): {found.objective:.5f}"],
    )  # fmt: skip
    result.extra = {"objective": found.objective, "by_subject": found.by_subject.tolist()}
    return result


def _title(file: Path, table: PkTable, model: PopulationModel, method: str) -> str:
    from ..inference.population import METHODS

    return f"{file.name}   {len(table.subjects)} subjects   {table.observations} observations   {model.structure}   " \
           f"{METHODS[method]}"  # fmt: skip


def population_result(
    found: PopulationFit, given: PopulationOptions, inputs: dict[str, Any], about: str, told: dict[str, float]
) -> Result:
    """Return a population fit as the result of a command: table, notes, figures, files."""
    from ..inference.population import METHODS
    from ..inference.population_diagnostics import diagnostics, predictive_check

    model, table = found.model, found.data.table
    left = diagnostics(found)
    rows = []
    for e in found.estimates:
        varies = e.name.removeprefix("omega ") if e.name.startswith("omega ") and "," not in e.name else ""
        cv = 100 * math.sqrt(math.expm1(e.value)) if varies and e.value < 50 else None
        low, high = (x if math.isfinite(x) else None for x in (e.low, e.high))
        rse = e.rse if math.isfinite(e.rse) else None
        shrinkage = left.eta_shrinkage.get(varies)
        if e.name == "sigma proportional":
            cv, shrinkage = 100 * math.sqrt(e.value), left.eps_shrinkage
        elif e.name.startswith("sigma"):
            shrinkage = left.eps_shrinkage
        rows.append([e.name, e.value, e.unit, rse, low, high, cv, shrinkage, e.word, e.reason or None])
    conditions = {"model": model.structure, "method": METHODS[found.method], "relations": [
        r.text for r in model.relations]}  # fmt: skip
    observables = [
        {**e.observable().as_dict("calibration", conditions), "se": e.se, "se_hessian": e.se_hessian,
         "rse_percent": e.rse} for e in found.estimates
    ]  # fmt: skip
    notes = [f"Objective {found.objective:.4f} (NONMEM's, without constant); -2 log likelihood "
             f"{found.minus_two_log_likelihood:.3f}; AIC {found.aic:.3f}",
             f"Condition number of the correlations of the estimates {found.uncertainty.condition_number:.3g}; "
             f"standard errors R^-1 S R^-1; {', '.join(f'{k} {v:.1f} s' for k, v in found.seconds.items())}",
             *found.notes]  # fmt: skip
    result = Result(
        "fit", about, inputs,
        ["parameter", "estimate", "unit", "RSE %", "low", "high", "CV %", "shrinkage %", "word", "reason"],
        rows, observables, assumed=_assumed(model, given, table, told), notes=notes, seed=given.seed,
        title=f"{table.where}   {len(table.subjects)} subjects   {table.observations} observations   "
        f"{model.structure}   {METHODS[found.method]}",
    )  # fmt: skip
    result.extra = {
        "objective": found.objective, "minus_two_log_likelihood": found.minus_two_log_likelihood, "aic": found.aic,
        "condition_number": found.uncertainty.condition_number, "covariance": found.uncertainty.covariance.tolist(),
        "names": list(model.names), "eta_shrinkage_percent": left.eta_shrinkage, "seconds": dict(found.seconds),
        "eps_shrinkage_percent": left.eps_shrinkage, "starts": [dataclasses.asdict(s) for s in found.starts],
    }  # fmt: skip
    title = f"{about}: {model.structure}, {METHODS[found.method]}"
    result.figure = lambda: _goodness(found, left, title)
    result.saves = {
        "individuals": ("individuals.csv", lambda path: _write_individuals(found, path)),
        "predictions": ("predictions.csv", lambda path: _write_predictions(found, left, path)),
        "individual_fits": ("individual_fits.svg", lambda path: _individual_fits(found, title).savefig(path)),
    }
    if given.vpc:
        check = predictive_check(found, simulations=given.vpc, seed=given.seed)
        result.notes.append(f"Predictive check: {100 * check.outside:.0f} % of the observed percentiles lie outside "
                            f"their bands (prediction-corrected, {check.simulations} simulations)")  # fmt: skip
        result.notes += list(check.notes)
        result.saves["vpc"] = ("vpc.svg", lambda path: _check(check, table, title).savefig(path))
    return result


def _goodness(found: PopulationFit, left: Diagnostics, title: str) -> Any:
    from ..show.population_figure import goodness_figure

    return goodness_figure(found, left, title)


def _individual_fits(found: PopulationFit, title: str) -> Any:
    from ..show.population_figure import individuals_figure

    return individuals_figure(found, title)


def _check(check: Any, table: PkTable, title: str) -> Any:
    from ..show.predictive_check_figure import predictive_check_figure

    return predictive_check_figure(check, table.concentration_unit, title)


def _write_individuals(found: PopulationFit, path: Path) -> None:
    from ..inference.population_diagnostics import individual_parameters

    own = individual_parameters(found)
    units = dict(zip(found.model.names, found.model.units(
        found.data.table.volume_unit, found.data.table.concentration_unit, {}), strict=True))  # fmt: skip
    titles = [f"{n} ({units[n].split(' per ')[0] or '1'})" for n in own]
    with path.open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["ID", *(f"eta {n}" for n in found.model.etas), *titles, "objective"])
        for k, s in enumerate(found.data.table.subjects):
            values = [*found.etas[k], *(own[n][k] for n in own), found.by_subject[k]]
            rows.writerow([s.id, *(f"{v:.8g}" for v in values)])


def _write_predictions(found: PopulationFit, left: Diagnostics, path: Path) -> None:
    unit = found.data.table.concentration_unit
    with path.open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["ID", "TIME (h)", *(f"{n} ({unit})" for n in ("DV", "PRED", "IPRED")), "CWRES", "IWRES"])
        ids = [s.id for s in found.data.table.subjects]
        for k, *values in zip(left.subject, left.t_h, left.observed, left.pred, left.ipred, left.cwres, left.iwres,
                              strict=True):  # fmt: skip
            rows.writerow([ids[k], *(f"{v:.8g}" for v in values)])


# -------------------------------------------------------------------------------------------- posterior


def _posterior(found: PopulationFit, seed: int, progress: Any) -> Any:
    from ..inference.population_bayes import sample_population

    return sample_population(found, seed=seed, progress=progress)


def _add_posterior(result: Result, draws: Any) -> None:
    result.notes.append("Posterior (NUTS): median, 95 % interval, R-hat, effective draws")
    result.notes += ["  " + line for line in draws.summary().splitlines()]
    result.notes += [f"  {note}" for note in draws.notes]
    result.observables += [m.observable().as_dict("calibration", {"method": "posterior"}) for m in draws.marginals]
    result.saves["posterior"] = ("posterior.nc", draws.save)
