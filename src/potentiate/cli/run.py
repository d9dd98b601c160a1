"""`potentiate run COMPOUND`: its battery, model beside published value."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..evidence.battery import Battery, model_text, preparation_of, published_text, run_battery
from ..evidence.scoring import as_json as verdict_json
from ..evidence.scoring import cite
from ..evidence.source_003 import as_json as guide_json
from ..evidence.source_003 import lines as guide_lines
from ..library.compound import cautions, find_compound
from ..library.finding import NoExperiment
from ..library.modulator import find_action
from .output import Result, finish

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..library.finding import Finding

_WHY_READINGS = (
    "The two readings of the protocol (a text on the methods says: drug 'included in the glutamate-containing "
    "solution'): during a 1 ms pulse a drug that is only in the agonist solution has little time to bind, and "
    "receptors that open without it close at their own rate."
)


#: Short names of preparations in the table.
_SHORT = {
    "ca1-spine": "CA1 spine",
    "nucleus-magnocellularis": "calyx",
    "nucleus-magnocellularis-hatched": "calyx P2",
    "ca1-slice": "CA1 slice",
}


def run(compound: str, /, *, slices: bool = False, json: bool = False, out: str | None = None) -> int:
    """Run the battery of a compound: every receptor, binding, synapse and exposure finding beside the model.

    Parameters
    ----------
    compound : str
        Name, synonym or CAS number.
    slices : bool
        Also run the findings on whole slices; each takes about a minute.
    json : bool
        Print one JSON object.
    out : str
        Folder for the files.
    """
    entity = find_compound(compound)
    entity.require_pharmacology()
    battery = run_battery(entity, _progress(json), slices=slices)
    columns = ["finding", "what", "model (span)", "published", "verdict", "source"]
    rows: list[list[Any]] = []
    for finding, verdict in battery.scored:
        what = f"{finding.observable}, {finding.concentration or 'concentration not stated'}"
        if where := _SHORT.get(preparation_of(finding)):
            what = f"{where}: {what}"
        rows.append([finding.id, what, model_text(verdict), published_text(verdict), verdict.verdict, verdict.source])
    findings = [{**verdict_json(v), "preparation": preparation_of(f)} for f, v in battery.scored]
    for finding in battery.density:
        found = battery.membrane
        assert found is not None
        rows.append(
            [
                finding.id,
                finding.observable,
                f"{found.largest_reference_rise:.3g} at most",
                finding.effect.direction,
                found.verdict,
                cite(finding),
            ]
        )
        findings.append(
            {
                "id": finding.id,
                "verdict": found.verdict,
                "model": found.largest_reference_rise,
                "published": finding.effect.direction,
                "unit": "fold",
                "source": cite(finding),
                "reason": found.reason,
            }
        )
    for finding, reason in battery.silent:
        rows.append([finding.id, finding.observable, "-", finding.effect.direction, "not simulable", _short(reason)])
        findings.append(
            {
                "id": finding.id,
                "verdict": "not simulable",
                "model": None,
                "published": None,
                "unit": finding.effect.unit,
                "source": finding.source.title,
                "reason": reason,
            }
        )
    for finding in battery.not_run:
        findings.append(
            {
                "id": finding.id,
                "verdict": "not run",
                "model": None,
                "published": None,
                "unit": finding.effect.unit,
                "source": cite(finding),
                "reason": f"on a whole slice: {_slice_command(entity.id)}",
                "preparation": preparation_of(finding),
            }
        )
    for finding in battery.evidence:
        assert isinstance(finding.experiment, NoExperiment)
        findings.append(
            {
                "id": finding.id,
                "verdict": "not simulable",
                "model": None,
                "published": finding.statement,
                "unit": finding.effect.unit,
                "source": cite(finding),
                "reason": finding.experiment.none,
            }
        )
    result = Result(
        "run",
        entity.id,
        {"compound": entity.id, "slices": slices},
        columns,
        rows,
        _observables(battery),
        findings,
        [],
        _notes(battery, entity),
        title=f"run   {entity.name}   ensemble of schemes, worst first",
        figure=(lambda: _figure(battery, entity.name)) if battery.study is not None else None,
        recording=battery.study.brief if battery.study is not None else None,
        extra={
            "references": _references(battery),
            "not_explained": _membrane_json(battery),
            "source_003": guide_json(battery.guide) if battery.guide is not None else None,
        },
    )
    result.assumed = list(battery.assumed)
    return finish(result, as_json=json, out=out)


def _slice_command(compound: str) -> str:
    return f"potentiate run {compound} --slices"


def _short(text: str) -> str:
    return text if len(text) <= 90 else text[:87] + "..."


def _progress(quiet: bool) -> Any:
    if quiet or not sys.stderr.isatty():
        return lambda text: None
    return lambda text: print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _observables(battery: Battery) -> list[dict[str, Any]]:
    found = []
    if battery.study is not None:
        for row in battery.study.rows:
            conditions = {
                "compound": battery.compound,
                **row.conditions,
                "scheme": battery.study.patch.scheme.name,
            }
            found += [o.as_dict("prediction", conditions) for o in row.observables.values()]
    for placement, *pair in battery.readings:
        found += [o.as_dict("prediction", {"compound": battery.compound, "placement": placement}) for o in pair]
    membrane = battery.membrane
    if membrane is not None:
        found += [o.as_dict("model", {"preparation": "membrane"}) for o in membrane.observables]
    return found


def _notes(battery: Battery, entity: Any) -> list[str]:
    counts: dict[str, int] = {}
    for _, verdict in battery.scored:
        counts[verdict.verdict] = counts.get(verdict.verdict, 0) + 1
    counts["not simulable"] = len(battery.silent)
    if battery.not_run:
        counts["not run"] = len(battery.not_run)
    if battery.evidence:
        counts["evidence"] = len(battery.evidence)
    notes = ["  ".join(f"{word} {n}" for word, n in counts.items())]
    if battery.not_run:
        minutes = f"about {len(battery.not_run)} min"
        notes.append(f"Findings on whole slices, not run here ({minutes}): {_slice_command(battery.compound)}")
    if battery.evidence:
        notes.append("Evidence from people and whole animals is not simulated; what it says is in the results file")
    notes += _parameters(battery.compound)
    if battery.readings:
        notes.append(_WHY_READINGS)
        top = battery.study.rows[-1].label if battery.study else ""
        for placement, deact, des in battery.readings:
            notes.append(f"  {top} in {placement:8s} tau_deact {deact.value:.3g} ms   tau_des {des.value:.3g} ms")
    membrane = battery.membrane
    if membrane is not None:
        notes.append(f"Binding: {membrane.verdict}. {membrane.reason}. What it would take: potentiate membrane")
        notes += [f"  {line}" for line in membrane.tension]
    if battery.guide is not None:
        notes += guide_lines(battery.guide)
    notes += _tensions(battery)
    if battery.study is not None and (top := battery.study.rows[-1].conditions["concentration_uM"]):
        notes += cautions(entity, top)
    return notes


def _parameters(compound: str) -> list[str]:
    """Say what was calibrated: prior and posterior side by side."""
    action = find_action(compound)
    if action is None:
        return []
    numbers = {"kd": action.document.kd, **action.document.provenance}
    return [
        f"calibrated {name}: {n.value}, interval {n.interval[0]:g} to {n.interval[1]:g}, prior {n.prior[0]:g} to "
        f"{n.prior[1]:g}, {n.word} by {n.source}" + (f" ({n.reason})" if n.reason else "")
        for name, n in numbers.items()
        if n is not None and n.status == "calibrated" and n.interval and n.prior
    ]


def _tensions(battery: Battery) -> list[str]:
    """Name the findings that pull against each other; no site is added to satisfy both."""
    known = {f.id: f for f, _ in (*battery.scored, *battery.silent)} | {f.id: f for f in battery.density}
    pairs = {tuple(sorted((f.id, other))) for f in known.values() for other in f.tension}
    lines = []
    for pair in sorted(pairs):
        told = [f"{i} ({known[i].observable}: {_value(known[i])})" if i in known else i for i in pair]
        lines.append("tension  " + "  against  ".join(told))
    return lines


def _value(finding: Finding) -> str:
    effect = finding.effect
    if effect.value is not None:
        return f"{effect.value:g} {effect.unit or ''}".strip()
    return f"{effect.low:g} to {effect.high:g}" if effect.low is not None else effect.direction


def _membrane_json(battery: Battery) -> dict[str, Any] | None:
    membrane = battery.membrane
    if membrane is None:
        return None
    return {
        "finding": "ani-ampa-bmax",
        "verdict": membrane.verdict,
        "reason": membrane.reason,
        "tension": list(membrane.tension),
    }


def _references(battery: Battery) -> list[str]:
    keys = [f.source.key for f, _ in (*battery.scored, *battery.silent) if f.source.key]
    return list(dict.fromkeys(keys))


def _figure(battery: Battery, name: str) -> Figure:
    from ..show.run_figure import run_figure
    from ..show.study import study_curves, study_panels
    from ..show.traces import Panel

    study = battery.study
    assert study is not None
    panels = study_panels(study)
    if battery.slow is not None:
        labels = [panels[0].labels[0], panels[0].labels[-1]]
        marks = {"on": battery.slow_on_ms, "rise_ms": 20.0}
        panels.append(
            Panel("slow application", battery.slow.time_ms, battery.slow.sweeps, labels, marks, bar="1 mM glutamate")
        )
    verdicts = [v for _, v in battery.scored]
    return run_figure(name, panels, study_curves(study, battery.compound), study.patch.scheme, verdicts)
