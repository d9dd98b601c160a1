"""`potentiate dose`: what concentration when, and whether it is one at which the compound acts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import UsageError
from .output import Result, finish

if TYPE_CHECKING:
    from ..evidence.dose_study import DoseStudy
    from ..evidence.ruler import Ruler
    from ..measures.observable import Observable


def dose(
    compound: str,
    regimen: str | None = None,
    /,
    *,
    ruler: Annotated[bool, Parameter(negative="")] = False,
    hours: float = 24.0,
    people: int = 1,
    who: str = "",
    seed: int = 1,
    weight: str | None = None,
    species: str = "human",
    variant: str | None = None,
    no_interactions: Annotated[bool, Parameter(negative="")] = False,
    target: str | None = None,
    all_effects: Annotated[bool, Parameter(negative="")] = False,
    matrix: str | None = None,
    mouth_fraction: float | None = None,
    onset: float = 0.2,
    window: float = 0.5,
    sleep: str | None = None,
    fix: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    json: Annotated[bool, Parameter(negative="")] = False,
    out: str | None = None,
) -> int:
    """Follow a regimen from the dose to the concentration at which it would act.

    Parameters
    ----------
    compound : str
        Id, name, synonym or CAS number.
    regimen : str
        E.g. ``"200 mg po"``, ``"80 mg buccal 08:00; 200 mg po daily x7"``, ``"5 mg/kg iv over 30 min"``.
    ruler : bool
        Only the concentration ruler, without a regimen.
    hours : float
        Followed after the last dose.
    people : int
        So many are drawn, with the spread between them that sources report.
    who : str
        What is said of all or some of them: ``"smoker, age=70"``, ``"weight=60 kg, 20% oral-contraceptive"``,
        ``"takes=warfarin"``.
    seed : int
        Of the draws.
    weight : str
        Body weight, e.g. ``"60 kg"``.
    species : str
        human | rat | mouse ...; without parameters in it the course is unknown.
    variant : str
        Whose numbers: a variant of the compound's disposition, e.g. abstinent.
    no_interactions : bool
        Leave out pharmacokinetic interactions between what is taken, and with medicines.
    target : str
        Of the gap and of the effects, e.g. ``"AMPA receptor"`` or A2A.
    all_effects : bool
        Compare with every constant on record, also second-hand ones.
    matrix : str
        plasma | free | brain | csf: compare all effects with this concentration.
    mouth_fraction : float
        Part of a buccal, sublingual, gum or pouch dose that is absorbed in the mouth, 0 to 1.
    onset, window : float
        Onset: first time above this share of the largest effect; window: time above that one.
    sleep : str
        Also lapses of attention under caffeine, by the Unified Model of Performance: ``"awake from 07:00"``,
        ``"23:00-07:00 x3"`` (so many nights).
    fix : list of str
        Numbers given by hand, in L, L/h, 1/h, h: ``--fix po.gut.ka=1.5``.
    json : bool
        Print one JSON object.
    out : str
        Folder for the files.
    """
    from ..library.compound import find_compound

    found = find_compound(compound)
    if found.kind in ("class", "product", "mixture"):
        parts = ", ".join(part.compound for part in found.constituents)
        do = f"name one of {parts}" if parts else "name a substance"
        more = "" if found.kind == "class" else f"; potentiate stack {found.id} reviews them together"
        raise UsageError(
            f"{found.name} is a {found.kind}, not a substance", why="it has no concentration", do=do + more
        )
    if ruler or regimen is None:
        if not ruler:
            raise UsageError(
                f"No regimen of {found.name}", do=f'write potentiate dose {found.id} "200 mg po", or ask for --ruler'
            )
        if regimen is not None:
            raise UsageError("--ruler and a regimen", do="leave one out: a run with a regimen shows the ruler too")
        return finish(_ruler_result(found.id, species, target), as_json=json, out=out)
    from ..evidence.dose_study import study_dose
    from ..exposure.people_text import parse_people
    from ..exposure.regimen import parse_regimen

    taken_by = parse_people(", ".join(filter(None, [who, f"weight={weight}" if weight else ""])), people, seed,
                            where="--who")  # fmt: skip
    doses = parse_regimen(regimen, found.id)
    numbers = _numbers(found.id, fix, mouth_fraction, sorted({d.route for d in doses.doses}))
    study = study_dose(
        doses, people=taken_by, species=species, hours=hours, target=target, every_effect=all_effects, matrix=matrix,
        variants={found.id: variant} if variant else None, fix=numbers, onset_share=onset, window_share=window,
        interactions=None if no_interactions else "typical",
    )  # fmt: skip
    inputs = {"compound": found.id, "regimen": regimen, "people": taken_by.show(), "n": people, "species": species,
              "interactions": not no_interactions, "hours": hours, "variant": variant,
              "target": study.rulers[0].target, "fix": numbers, "onset": onset, "window": window,
              "sleep": sleep}  # fmt: skip
    result = _result(study, found.id, found.name, inputs)
    if sleep is not None:
        from .dose_sleep import add_vigilance

        add_vigilance(result, study, sleep)
    return finish(result, as_json=json, out=out)


#: routes with a part that is absorbed in the mouth
_MOUTH = ("buccal", "sublingual", "gum", "pouch")


def _numbers(compound: str, fix: tuple[str, ...], mouth: float | None, routes: list[str]) -> dict[str, float]:
    found = {}
    for text in fix:
        name, equals, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not equals or not name.strip() or not number >= 0.0 or number == float("inf"):
            raise UsageError(f"Cannot read --fix {text!r}", do="write it like po.gut.ka=1.5: a number of zero or more")
        name = name.strip()
        found[name if ":" in name.split(".")[0] else f"{compound}:{name}"] = number
    if mouth is not None:
        if not 0.0 <= mouth <= 1.0:
            raise UsageError(f"A fraction of {mouth:g} absorbed in the mouth", do="give 0 to 1")
        chosen = [r for r in routes if r in _MOUTH]
        if not chosen:
            raise UsageError("--mouth-fraction", why=f"no dose is given in the mouth ({', '.join(routes)})",
                             do=f"use it with {', '.join(_MOUTH)}")  # fmt: skip
        found |= {f"{compound}:{route}.mouth.fraction": mouth for route in chosen}
    return found


# ------------------------------------------------------------------------------------------------ results
_COLUMNS = ("of", "what", "unit", "typical", "low", "high", "remark")


def _result(study: DoseStudy, compound: str, name: str, inputs: dict[str, Any]) -> Result:
    rows = [_row(of, o) for of, o in study.observables if o.known or o.id not in ("gap_widest", "gap_free")]
    notes = [n for r in study.rulers for n in _gap_notes(r)] + study.notes
    observables = [
        o.as_dict("prediction", {"of": of, "regimen": study.regimen.text, "species": study.species})
        for of, o in study.observables
    ]
    works = {s for c in study.typical.courses.values() for s in c.sources}
    works |= {s for o in study.occupancies for s in o.sources}
    works |= {s for r in study.rulers for m in r.marks for s in m.sources}
    people = f"{study.drawn} people" if study.drawn > 1 else "typical person"
    saves: dict[str, Any] = {"ruler": ("ruler.csv", lambda path: _write_ruler(study.rulers, path))}
    if any(a.typical_uM is not None for a in study.analytes):
        saves["courses"] = ("pk.csv", lambda path: _write_courses(study, path))
    return Result(
        "dose", compound, inputs, _COLUMNS, rows, observables, [], study.assumed, notes,
        title=f"dose   {name}   {study.regimen.text}   {study.species}, {people}", seed=study.seed,
        figure=lambda: _figure(study, f"{name}, {study.regimen.text}"), saves=saves, short=6,
        extra={"rulers": [r.as_dict() for r in study.rulers], "references": sorted(works)},
    )  # fmt: skip


def _row(of: str, o: Observable) -> list[Any]:
    low, high = o.interval or (None, None)
    remark = f"unknown: {o.reason}" if not o.known else o.reason or ""
    if o.interval is not None and not remark:
        remark = "5-95 % of people" if "percentile" in o.convention else o.convention.removeprefix("interval: ")
    return [of, o.id, o.unit, o.value if o.known else None, low, high, remark]


def _figure(study: DoseStudy, title: str) -> Any:
    from ..show.exposure_figure import exposure_figure

    return exposure_figure(study, title)


def _gap_notes(ruler: Ruler) -> list[str]:
    """Return the answer to the question of the ruler, and what stands against it."""
    name = ruler.compound.name
    found = []
    if ruler.gap.known:
        low, high = sorted((ruler.gap.value, ruler.widest.value))
        if low > 0:
            word = (
                f"{low:.1f} to {high:.1f} orders of magnitude below" if high - low > 0.05 else f"{low:.1f} orders below"
            )
        elif high < 0:
            word = f"{-high:.1f} to {-low:.1f} orders of magnitude above"
        else:
            word = f"{-low:.1f} orders above to {high:.1f} below"
        found.append(f"Ruler  {name} in plasma and brain is {word} its effect at the {ruler.target}")
        found += [f"  {text}" for text in dict.fromkeys((ruler.gap.notes[0], ruler.widest.notes[0]))]
        if ruler.free_gap.known:
            way = "below" if ruler.free_gap.value > 0 else "above"
            found.append(
                f"  unbound in plasma: {abs(ruler.free_gap.value):.1f} orders {way} the lowest effect in vitro"
            )
    else:
        found.append(f"Ruler  {name}: no gap can be given: {ruler.gap.reason}")
    return found + [f"Tension  {text}" for text in ruler.tensions]


def _write_courses(study: DoseStudy, path: Path) -> None:
    """Write the courses: typical person and percentiles of people, uM and mg/L."""
    from ..exposure.courses import band

    shown = [a for a in study.analytes if a.typical_uM is not None]
    header: list[str] = ["time (h)"]
    columns: list[Any] = [study.t_h]
    for a in shown:
        unit = "fraction of reference peak" if a.relative else "uM"
        assert a.typical_uM is not None
        header.append(f"{a.analyte} ({unit})")
        columns.append(a.typical_uM)
        if not a.relative and a.molar_mass is not None:
            header.append(f"{a.analyte} (mg/L)")
            columns.append(a.typical_uM * a.molar_mass * 1e-3)
        if a.people_uM is not None and len(a.people_uM) > 1:
            header += [f"{a.analyte} {q} % ({unit})" for q in (5, 25, 50, 75, 95)]
            columns += list(band(a.people_uM))
    for occupancy in study.occupancies:
        for row in occupancy.rows:
            header.append(f"{occupancy.target} occupancy, {row.label}")
            columns.append(row.typical)
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        for values in zip(*columns, strict=True):
            writer.writerow([f"{v:.6g}" for v in values])


def _write_ruler(rulers: list[Ruler], path: Path) -> None:
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["compound", "kind", "matrix", "species", "target", "what", "low (uM)", "high (uM)",
                         "log10 above exposure", "standing", "sources", "detail", "unknown"])  # fmt: skip
        for ruler in rulers:
            for m in ruler.marks:
                away = ruler.away(m)
                place = (
                    [f"{m.low_uM:.6g}", f"{m.high_uM:.6g}", "" if away != away else f"{away:.3f}"]
                    if m.known
                    else [""] * 3
                )
                writer.writerow([m.compound, m.kind, m.matrix, m.species or "", m.target or "", m.what, *place,
                                 m.standing, " ".join(m.sources), m.detail, m.unknown or ""])  # fmt: skip


# ------------------------------------------------------------------------------------------------ ruler alone
def _ruler_result(compound: str, species: str, target: str | None) -> Result:
    from ..evidence.dose_study import known_species
    from ..evidence.ruler import ruler as build
    from ..evidence.ruler import span

    known_species(species)
    found = build(compound, species=species, target=target)
    rows = []
    for m in found.marks:
        away = found.away(m)
        what = m.what if m.target is None or m.kind == "exposure" else f"{m.target}: {m.what}"
        where = m.matrix if m.species in (None, "human") or m.kind != "exposure" else f"{m.matrix}, {m.species}"
        told = away == away and m.compound == found.compound.id and m.kind not in ("exposure", "caution")
        said = ", ".join(filter(None, [m.standing, *m.sources])) if m.known else m.unknown
        rows.append([m.compound, m.kind if m.kind != "exposure" else where, what, span(m) if m.known else "unknown",
                     round(away, 2) if told else None, said])  # fmt: skip
    observables = [
        o.as_dict("prediction", {"compound": compound, "species": species})
        for o in (found.gap, found.widest, found.free_gap)
    ]
    works = sorted({s for m in found.marks for s in m.sources})

    def draw() -> Any:
        from ..show.ruler_figure import ruler_figure

        return ruler_figure(found)

    return Result(
        "dose", f"{compound}_ruler", {"compound": compound, "species": species, "target": found.target},
        ["compound", "where", "what", "concentration", "log10 above plasma", "standing, sources"], rows, observables,
        notes=_gap_notes(found), title=f"dose   {found.compound.name}   concentration ruler, {species}", figure=draw,
        saves={"ruler": ("ruler.csv", lambda path: _write_ruler([found], path))},
        extra={"rulers": [found.as_dict()], "references": works},
    )  # fmt: skip
