"""`potentiate membrane`: [3H]AMPA binding, and whether slower dissociation can mimic a rise of its density."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..units import parse
from .output import Result, finish

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def membrane(
    *,
    drug_factor: float = 0.5,
    kd_kept: bool = False,
    wash: str = "10 s",
    incubation: str = "45 min",
    sites: int = 1,
    question: bool = True,
    json: bool = False,
    out: str | None = None,
) -> int:
    """Simulate a [3H]AMPA saturation experiment without and with a drug that slows dissociation.

    Parameters
    ----------
    drug_factor : float
        Hypothetical factor on the dissociation rate; no source gives it for any drug.
    kd_kept : bool
        The drug slows association by the same factor, so that affinity stays.
    wash, incubation : str
        Filtration wash and incubation time.
    sites : int
        Sites of the fit (1 or 2).
    question : bool
        Also scan whether slower dissociation can mimic a higher Bmax at unchanged Kd.
    json : bool
        Print one JSON object.
    out : str
        Folder for the files.
    """
    from ..preparations.membrane import run_assay
    from ..preparations.membrane_question import can_slow_dissociation_raise_bmax

    if not 0 < drug_factor <= 100:
        raise UsageError(f"A factor of {drug_factor:g} on a rate makes no sense", do="give 0 to 100, e.g. 0.5")
    if sites not in (1, 2):
        raise UsageError(f"{sites} sites", do="fit 1 or 2")
    seconds = parse(wash, "time", where="--wash") / 1000.0
    minutes = parse(incubation, "time", where="--incubation") / 60_000.0
    assay = run_assay(drug_factor, kd_kept=kd_kept, wash_s=seconds, incubation_min=minutes, sites=sites)
    verdict = can_slow_dissociation_raise_bmax() if question else None
    rows: list[list[Any]] = [[o.id, o.value, o.unit, _interval(o.interval), o.status] for o in assay.observables]
    observables = list(assay.observables)
    notes = []
    extra: dict[str, Any] = {"references": ["giberti1991", "copani1992"]}
    if verdict is not None:
        observables += verdict.observables
        rows += [[o.id, o.value, o.unit, _interval(o.interval), o.status] for o in verdict.observables]
        notes = [f"Can slower dissociation mimic more sites at unchanged Kd? {verdict.verdict}: {verdict.reason}"]
        notes += [text for text in (verdict.requirement, *verdict.tension, *verdict.evidence) if text]
        extra["question"] = {"verdict": verdict.verdict, "reason": verdict.reason, "requirement": verdict.requirement}
    inputs = {"drug_factor": drug_factor, "kd_kept": kd_kept, "wash_s": seconds, "incubation_min": minutes}
    conditions = {"ligand": "[3H]AMPA", "drug_factor_on_koff": drug_factor}
    result = Result(
        "membrane",
        "AMPA_binding",
        inputs,
        ["observable", "value", "unit", "95 % interval", "status"],
        rows,
        [o.as_dict("model", conditions) for o in observables],
        [],
        list(assay.assumed),
        notes,
        title=f"membrane   [3H]AMPA   dissociation x{drug_factor:g} with drug",
        figure=lambda: _figure(assay, verdict),
        extra=extra,
    )
    return finish(result, as_json=json, out=out)


def _interval(interval: tuple[float | None, float | None] | None) -> str:
    if interval is None:
        return "-"
    low, high = ("open" if end is None else f"{end:.3g}" for end in interval)
    return f"{low} to {high}"


def _figure(assay: Any, verdict: Any) -> Figure:
    from ..show.membrane_figure import membrane_figure

    return membrane_figure(assay, verdict)
