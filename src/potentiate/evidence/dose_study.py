"""What a regimen does: courses in people, their numbers, how long they lie above effects, occupancy, the ruler."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from ..errors import UnknownNameError, UsageError
from ..exposure.courses import Course, Exposure, Unknown
from ..exposure.expose import default_times, expose
from ..exposure.people import TYPICAL, People
from ..exposure.regimen import Regimen, parse_regimen
from ..library.compound import find_compound
from ..library.compound_terms import Species
from ..library.covariate import all_covariates
from ..library.disposition import find_disposition
from ..measures.observable import Observable, missing
from .dose_occupancy import OccupancyStudy, study_occupancy
from .effect_line import ASSUMED_FREE, ASSUMED_HILL, ASSUMED_TOTAL, EffectLine, effect_lines
from .ruler import Ruler, ruler

Array = np.ndarray

#: people times samples; each analyte then takes 400 MB
MOST_VALUES = 50_000_000

BETWEEN = "interval: 5th to 95th percentile between people"


@dataclasses.dataclass(frozen=True, eq=False)
class AnalyteStudy:
    """One compound or metabolite.

    Attributes
    ----------
    analyte, parent
        Ids; the parent of a compound that is taken is None.
    name : str
    molar_mass : float or None
    typical_uM : array (m,) or None
        Of the typical person; a fraction of the peak where `relative`.
    people_uM : array (people, m) or None
    unknown : str or None
        Why there is no course.
    observables : list of Observable
    """

    analyte: str
    parent: str | None
    name: str
    molar_mass: float | None
    typical_uM: Array | None
    people_uM: Array | None
    relative: bool
    unknown: str | None
    observables: list[Observable]


@dataclasses.dataclass(frozen=True, eq=False)
class DoseStudy:
    """What :func:`study_dose` found.

    Attributes
    ----------
    regimen : Regimen
    species : str
    t_h : array (m,)
    analytes : list of AnalyteStudy
        Compounds, each before its metabolites.
    effects : list of EffectLine
    occupancies : list of OccupancyStudy
    rulers : list of Ruler
    typical, people : Exposure
        The same exposure where nobody was drawn.
    assumed, notes : list of str
    seed : int or None
    drawn : int
        People.
    """

    regimen: Regimen
    species: str
    t_h: Array
    analytes: list[AnalyteStudy]
    effects: list[EffectLine]
    occupancies: list[OccupancyStudy]
    rulers: list[Ruler]
    typical: Exposure
    people: Exposure
    assumed: list[str]
    notes: list[str]
    seed: int | None = None
    drawn: int = 1

    @property
    def observables(self) -> list[tuple[str, Observable]]:
        """Return every number with the analyte or target that it is about."""
        found = [(a.analyte, o) for a in self.analytes for o in a.observables]
        found += [(occupancy.target, o) for occupancy in self.occupancies for o in occupancy.observables]
        return found + [(r.compound.id, o) for r in self.rulers for o in (r.gap, r.widest, r.free_gap)]


def study_dose(
    regimen: Regimen | str,
    compound: str | None = None,
    people: People = TYPICAL,
    *,
    species: str = "human",
    hours: float = 24.0,
    target: str | None = None,
    every_effect: bool = False,
    matrix: str | None = None,
    variants: Mapping[str, str] | None = None,
    fix: Mapping[str, float] | None = None,
    interactions: Literal["typical", "low", "high"] | None = "typical",
    onset_share: float = 0.2,
    window_share: float = 0.5,
) -> DoseStudy:
    """Follow a regimen from the dose to the concentration at which it would act.

    Parameters
    ----------
    regimen : Regimen or str
        Text is read by :func:`~potentiate.exposure.regimen.parse_regimen`.
    compound : str, optional
        What is taken, where the text does not name it.
    people : People
        Who takes it; several are drawn, and the typical one of them is run beside them.
    species : str
    hours : float
        Followed after the last dose.
    target : str, optional
        Of the gap and of the effects; default each compound's own.
    every_effect : bool
        Compare with all constants, also second-hand ones; by default with the best of each target.
    matrix : str, optional
        ``plasma``, ``free``, ``brain`` or ``csf``: compare all effects with this concentration.
    variants, fix, interactions
        As for :func:`~potentiate.exposure.expose.expose`. Without a variant, occupancy is that of every typical person
        that was studied.
    onset_share, window_share : float
        Onset is the first time above this share of the maximum, the window the time above that one.

    Returns
    -------
    DoseStudy

    Raises
    ------
    UsageError
        The regimen cannot be read, or a route or number that no source gives.
    """
    if isinstance(regimen, str):
        regimen = parse_regimen(regimen, compound)
    known_species(species)
    if not 0 < hours <= 24 * 365:
        raise UsageError(f"{hours:g} h after the last dose", do="give more than zero and at most a year")
    if matrix not in (None, "plasma", "free", "brain", "csf"):
        raise UsageError(f"Unknown matrix {matrix!r}", do="use plasma, free, brain or csf")
    times = default_times(regimen, hours)
    if people.n * len(times) > MOST_VALUES:
        raise UsageError(f"{people.n} people at {len(times)} times", why="their courses do not fit in memory",
                         do=f"draw at most {MOST_VALUES // len(times)}, or follow them for less time")  # fmt: skip
    one = _typical(people)

    def follow(who: People, chosen: Mapping[str, str] | None = variants) -> Exposure:
        return expose(regimen, who, species=species, t_h=times, variants=chosen, fix=fix, interactions=interactions)

    typical = follow(one)
    drawn = follow(people) if people.n > 1 else typical
    rulers = [ruler(c, drawn, species=species, target=target) for c in regimen.compounds]
    free_known = [a for a, c in typical.courses.items() if not isinstance(c.free_uM(), Unknown)]
    marks = [m for r in rulers for m in r.marks if m.compound in typical.courses]
    lines = effect_lines(marks, target=rulers[0].target if target else None, every=every_effect, matrix=matrix,
                         free_known=free_known)  # fmt: skip
    analytes = [
        _analyte(regimen, a, typical, drawn, [e for e in lines if e.compound == a])
        for c in regimen.compounds
        for a in _with_metabolites(c, typical)
    ]
    persons = {"": typical}
    if not variants:
        persons = {name: follow(one, chosen) if chosen else typical for name, chosen in _persons(regimen, typical, one)}
    occupancies = study_occupancy(
        persons, None if drawn is typical else drawn, target=rulers[0].target if target else None,
        onset_share=onset_share, window_share=window_share,
    )  # fmt: skip
    assumed = [*drawn.assumed, *_assumed(lines, free_known, matrix), *(t for o in occupancies for t in o.assumed)]
    notes = [*drawn.notes, *(t for o in occupancies for t in o.notes)]
    return DoseStudy(
        regimen, species, times, analytes, lines, occupancies, rulers, typical, drawn, list(dict.fromkeys(assumed)),
        list(dict.fromkeys(notes)), drawn.seed, drawn.people,
    )  # fmt: skip


def _typical(people: People) -> People:
    """Return the typical one of these people; what holds for a share of them is left out."""
    whole = tuple(s for s in people.covariates if s.share == 1)
    return dataclasses.replace(people, n=1, covariates=whole, variability=False, uncertainty=False)


def _persons(regimen: Regimen, typical: Exposure, people: People) -> list[tuple[str, dict[str, str] | None]]:
    """Return the typical persons that the first compound was studied in, the reference first (with no variant named).

    They are the variants that something said of people chooses, as habitual intake does; where it is said already there
    is one person.
    """
    compound = regimen.compounds[0]
    disposition = find_disposition(compound, typical.species)
    chosen: dict[str, None] = {}
    for document in all_covariates() if typical.species == "human" else ():
        own = [v.variant for v in document.variants if v.compound == compound]
        if own and people.stated(document.id):
            return [("", None)]
        chosen |= dict.fromkeys(own)
    if disposition is None or len(chosen) < 2:
        return [("", None)]
    first, routes = disposition.variants[0].name, {d.route for d in regimen.of(compound)}
    others = [v for v in chosen if v != first and routes <= set(disposition.routes_of(v))]
    return [(first, None), *[(name, {compound: name}) for name in others]]


def known_species(species: str) -> None:
    """Refuse a species that no document can speak of.

    Raises
    ------
    UnknownNameError
    """
    if species not in get_args(Species):
        raise UnknownNameError("species", species, get_args(Species), do=f"use one of {', '.join(get_args(Species))}")


def _with_metabolites(compound: str, exposure: Exposure) -> list[str]:
    return [compound, *[a for a, c in exposure.courses.items() if c.parent == compound and a != compound]]


def _assumed(lines: Sequence[EffectLine], free_known: Sequence[str], matrix: str | None) -> list[str]:
    found = [ASSUMED_HILL] if lines else []
    if matrix is None:
        found += [ASSUMED_FREE] if any(e.matrix == "free" for e in lines) else []
        found += [
            f"{e.compound}: {ASSUMED_TOTAL}"
            for e in lines
            if e.mark.matrix != "plasma" and e.compound not in free_known
        ]
    return found


# ------------------------------------------------------------------------------------------------ one analyte
def _analyte(
    regimen: Regimen, analyte: str, typical: Exposure, people: Exposure, lines: Sequence[EffectLine]
) -> AnalyteStudy:
    document = find_compound(analyte)
    course = typical.courses.get(analyte)
    if course is None or isinstance(course.uM, Unknown):
        why = typical.unknown[analyte] if course is None else course.uM.reason  # type: ignore[union-attr]
        why = "; ".join(dict.fromkeys(why.split("; ")))  # volume and clearance may lack for one reason
        parent = None if course is None or course.parent == analyte else course.parent
        return AnalyteStudy(analyte, parent, document.name, document.molar_mass, None, None, False, why,
                            [missing("Cmax", "uM", "not determined", why)])  # fmt: skip
    drawn = people.courses[analyte]
    assert not isinstance(drawn.uM, Unknown)
    parent = None if course.parent == analyte else course.parent
    found = [*_course_observables(regimen, typical, course, drawn, people), *_above(typical, course, drawn, lines)]
    return AnalyteStudy(
        analyte, parent, document.name, document.molar_mass, course.uM[0],
        drawn.uM if people is not typical else None, course.relative, None, found,
    )  # fmt: skip


def _spread(
    id: str, unit: str, typical: float, people: Array | None, why: str = "", convention: str = ""
) -> Observable:
    """Return a number of the typical person with the interval between people."""
    if not math.isfinite(typical):
        return missing(id, unit, "not determined", why or "not a number", convention)
    interval = None
    if people is not None and len(people) > 1:
        low, high = np.nanpercentile(people, (5, 95))
        interval = (float(low), float(high))
    text = "; ".join(filter(None, [convention, BETWEEN if interval else ""]))
    return Observable(id, float(typical), unit, interval=interval, convention=text)


def _course_observables(
    regimen: Regimen, exposure: Exposure, course: Course, drawn: Course, people: Exposure
) -> list[Observable]:
    t = exposure.t_h
    uM, many = course.uM, drawn.uM
    assert not isinstance(uM, Unknown)
    assert not isinstance(many, Unknown)
    several = many if people is not exposure else None
    start = regimen.of(course.parent)[0].time_h
    found = []
    if course.relative:
        why = "only the shape of the course is known: no source gives volume and clearance"
        found.append(missing("Cmax", "uM", "not determined", why))
        peaks = None if several is None else several.max(axis=1)
        said = f"1 is the peak after one dose of {course.reference_dose_mg:g} mg"
        found.append(_spread("peak", "of the reference peak", uM[0].max(), peaks, convention=said))
    else:
        grams = course.molar_mass * 1e-3
        peaks = None if several is None else several.max(axis=1)
        found.append(_spread("Cmax", "uM", uM[0].max(), peaks))
        found.append(_spread("Cmax", "mg/L", uM[0].max() * grams, None if peaks is None else peaks * grams))
    at = None if several is None else t[several.argmax(axis=1)] - start
    found.append(_spread("Tmax", "h", float(t[uM[0].argmax()]) - start, at, convention="after the first dose"))
    found += _to_infinity(course, drawn, people is not exposure)
    found.append(_trough(regimen, t, course, several))
    for name, id in (("free", "free Cmax"), ("brain", "brain Cmax, unbound"), ("csf", "CSF Cmax")):
        values, others = course.in_matrix(name), drawn.in_matrix(name)
        if isinstance(values, Unknown) or isinstance(others, Unknown):
            why = values.reason if isinstance(values, Unknown) else "not known of all people"
            if course.analyte == course.parent:  # of metabolites it is never known; the ruler says so once
                found.append(missing(id, "uM", "not determined", why))
        else:
            found.append(_spread(id, "uM", values[0].max(), None if several is None else others.max(axis=1)))
    return found


def _to_infinity(course: Course, drawn: Course, many: bool) -> list[Observable]:
    found = []
    if isinstance(course.auc_uM_h, Unknown):
        found.append(missing("AUC", "uM h", "not determined", course.auc_uM_h.reason))
    else:
        others = drawn.auc_uM_h if many and not isinstance(drawn.auc_uM_h, Unknown) else None
        grams = course.molar_mass * 1e-3
        for unit, factor in (("uM h", 1.0), ("mg h/L", grams)):
            found.append(_spread("AUC", unit, course.auc_uM_h[0] * factor, None if others is None else others * factor,
                                 convention="of all doses, to infinity, exact"))  # fmt: skip
    if isinstance(course.half_life_h, Unknown):
        found.append(missing("half-life", "h", "not determined", course.half_life_h.reason))
    else:
        others = drawn.half_life_h if many and not isinstance(drawn.half_life_h, Unknown) else None
        found.append(_spread("half-life", "h", course.half_life_h[0], others, convention="terminal"))
    return found


def _trough(regimen: Regimen, t: Array, course: Course, several: Array | None) -> Observable:
    """Return the concentration just before the last dose of the parent."""
    doses = regimen.of(course.parent)
    unit = "of the reference peak" if course.relative else "uM"
    times = sorted({d.time_h for d in doses})
    steady = doses[-1].steady_interval_h
    if len(times) < 2 and steady is None:
        return missing("trough", unit, "not determined", "one dose has no trough")
    assert not isinstance(course.uM, Unknown)
    if steady is not None:
        when = times[-1] + steady
        k = int(np.searchsorted(t, when - 1e-9))
        if k >= len(t):
            return missing("trough", unit, "not determined", "the run ends before the next dose would come")
    else:
        k = int(np.searchsorted(t, times[-1] - 1e-9)) - 1
    said = "just before the last dose" if steady is None else "one interval after the dose"
    return _spread("trough", unit, course.uM[0, k], None if several is None else several[:, k], convention=said)


def _above(exposure: Exposure, course: Course, drawn: Course, lines: Sequence[EffectLine]) -> list[Observable]:
    """Return how long the course lies above EC20 and EC50 of each effect."""
    found = []
    for line in lines:
        values, others = course.in_matrix(line.matrix), drawn.in_matrix(line.matrix)
        for share in (0.2, 0.5):
            id = f"time above EC{share * 100:.0f}, {line.short}"
            said = f"EC50 {line.ec50_uM:.4g} uM of {line.mark.what} in {line.mark.matrix}; {line.matrix} is compared"
            if isinstance(values, Unknown) or isinstance(others, Unknown):
                why = values.reason if isinstance(values, Unknown) else "not known of all people"
                found.append(missing(id, "h", "not determined", why, said))
                continue
            level = line.level(share)
            many = time_above(exposure.t_h, others, level) if drawn is not course else None
            found.append(_spread(id, "h", time_above(exposure.t_h, values, level)[0], many, convention=said))
    return found


def time_above(t_h: Any, values: Any, level: float) -> Array:
    """Return how long courses lie above a level, h; between samples they are straight.

    Parameters
    ----------
    t_h : array, shape (m,)
    values : array, shape (people, m)
    level : float

    Returns
    -------
    array, shape (people,)

    Examples
    --------
    >>> float(time_above([0.0, 1.0, 2.0], np.array([[0.0, 2.0, 0.0]]), 1.0)[0])
    1.0
    """
    t, v = np.asarray(t_h, float), np.asarray(values, float) - level
    a, b = v[:, :-1], v[:, 1:]
    step = np.diff(t)
    rise = np.abs(b - a)
    part = np.where((a > 0) & (b > 0), 1.0, np.divide(np.maximum(a, 0) + np.maximum(b, 0), rise, out=np.zeros_like(a),
                    where=(rise > 0) & ((a > 0) != (b > 0))))  # fmt: skip
    return (part * step).sum(axis=1)
