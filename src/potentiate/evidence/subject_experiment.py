"""Run the subject experiment of a finding: who takes what, what concentration or effect that brings, what is read.

A disposition may hold several sets of numbers (with and without abstinence, two studies). Where the finding does not
say which, each is a sample, so that the interval shows what that leaves open.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from ..errors import UsageError
from ..exposure.courses import Course, Exposure, Unknown
from ..exposure.covariates import variant_for
from ..exposure.expose import expose
from ..exposure.interaction import apply_interactions
from ..exposure.parameters import typical_numbers
from ..exposure.people import People
from ..exposure.people_text import parse_people
from ..exposure.regimen import Regimen, parse_regimen
from ..library.compound import find_compound
from ..library.disposition import Disposition, find_disposition
from ..library.finding import SubjectExperiment
from ..library.subject_arm import ONE_DOSE, SubjectArmDoc
from ..measures.observable import Observable, missing
from ..preparations.subject_effects import occupancy_of, pressor_of, tolerance_of
from ..units import parse
from .comparison import one_sample
from .scoring import Sample

#: The same people meet every arm.
SEED = 1
#: Followed after the last dose, unless an arm asks for more.
AFTER_H = 24.0
#: Steps of the clock: fine where a single dose is followed, coarse over weeks.
STEP_H, COARSE_H, FINE_SPAN_H = 1.0 / 60.0, 0.25, 60.0
#: Target of an arm -> the document of its adaptation.
ADAPTATION = {"adenosine A2A receptor": "platelet-a2a", "adenosine A1 receptor": "brain-a1"}
_MS_PER_H = 3_600_000.0

Read = Callable[[np.ndarray], float]
#: How the distribution over people is read.
READ: dict[str, Read] = {
    "typical": lambda x: float(x[0]),
    "mean": lambda x: float(np.mean(x)),
    "median": lambda x: float(np.median(x)),
    "q05": lambda x: float(np.quantile(x, 0.05)),
    "q95": lambda x: float(np.quantile(x, 0.95)),
}

#: unit inside -> unit of a finding -> factor; ``M`` is multiplied by the molar mass, ``kg`` divided by the body weight
UNITS: dict[str, dict[str, tuple[float, str]]] = {
    "h": {"h": (1.0, ""), "min": (60.0, "")},
    "uM": {"uM": (1.0, ""), "mg/L": (1e-3, "M"), "ug/L": (1.0, "M")},
    "uM*h": {"uM*h": (1.0, ""), "mg*h/L": (1e-3, "M")},
    "L/h": {
        "L/h": (1.0, ""), "L/min": (1 / 60, ""), "mL/min": (1e3 / 60, ""), "L/h/kg": (1.0, "kg"),
        "mL/h/kg": (1e3, "kg"), "mL/min/kg": (1e3 / 60, "kg"),
    },
    "L": {"L": (1.0, ""), "L/kg": (1.0, "kg")},
    "1/h": {"1/h": (1.0, "")},
    "share": {"fold": (1.0, ""), "ratio": (1.0, ""), "%": (100.0, "")},
    "%": {"%": (1.0, "")},
}  # fmt: skip


def samples(experiment: SubjectExperiment, unit: str | None) -> list[Sample]:
    """Return the model's values for an experiment: one per reading of the disposition that the finding leaves open.

    Parameters
    ----------
    experiment : SubjectExperiment
    unit : str or None
        Of the finding's effect.
    """

    def read(arm: SubjectArmDoc, who: str, variant: str | None) -> Observable:
        del who
        asked = unit if experiment.compare == "value" else None
        return observe(arm if variant is None else arm.model_copy(update={"variant": variant}), asked)

    who = experiment.arm.people or f"typical {experiment.arm.species}"
    return [one_sample(experiment, unit, read, lambda arm, who: None, who, v) for v in readings(experiment)]


def readings(experiment: SubjectExperiment) -> list[str | None]:
    """Return the variants of the disposition to ask: one (None) where a finding, its people or its partners choose."""
    if experiment.variants:
        return list(experiment.variants)
    arm = experiment.arm
    people, compound = parse_people(arm.people), taken(arm)
    disposition = find_disposition(compound, arm.species)
    if disposition is None or any(a.variant is not None for a in experiment.arms):
        return [None]
    if variant_for(compound, people) is not None or any(_partners_choose(a, compound) for a in experiment.arms):
        return [None]
    return [v.name for v in disposition.variants] if len(disposition.variants) > 1 else [None]


def taken(arm: SubjectArmDoc) -> str:
    """Return the compound whose disposition is asked: what is read where it is taken itself, else the first dose."""
    compounds = parse_regimen(arm.regimen).compounds
    return arm.analyte if arm.analyte in compounds else compounds[0]


def _partners_choose(arm: SubjectArmDoc, compound: str) -> bool:
    regimen = parse_regimen(arm.regimen)
    return compound in apply_interactions(regimen.doses, parse_people(arm.people), arm.species).variants


def observe(arm: SubjectArmDoc, unit: str | None) -> Observable:
    """Expose the people of one arm and read its measure, in a unit of :data:`UNITS` or in that of the inside."""
    subject = _Subject(arm)
    found = _READERS[arm.measure](subject)
    if isinstance(found, Unknown):
        return missing(arm.measure, unit or "", "not determined", found.reason)
    values, inside = found
    values, shown = subject.converted(np.asarray(values, float), inside, unit)
    value = READ[arm.read](values)
    if not np.isfinite(value):
        return missing(arm.measure, shown, "not determined", "no value")
    return Observable(arm.measure, value, shown)


@functools.lru_cache(maxsize=256)
def _exposed(arm_json: str) -> Exposure:
    arm = SubjectArmDoc.model_validate_json(arm_json)
    regimen, people = parse_regimen(arm.regimen), _people(arm)
    first, last = regimen.doses[0].time_h, max(d.time_h + d.duration_h for d in regimen.doses)
    wanted = [last - first + AFTER_H, *(_hours(t) for t in (arm.at, *(arm.window or ())) if t is not None)]
    span = max(wanted)
    step = STEP_H if span <= FINE_SPAN_H else COARSE_H
    times = first + np.arange(0.0, span + 0.5 * step, step)
    chosen = {} if arm.variant is None else {taken(arm): arm.variant}
    return expose(
        regimen, people=people, species=arm.species, t_h=times, variants=chosen,
        interactions="typical" if arm.interactions else None,
    )  # fmt: skip


def _people(arm: SubjectArmDoc) -> People:
    return parse_people(arm.people, n=arm.count, seed=SEED)


def _hours(text: str) -> float:
    return parse(text, "time") / _MS_PER_H


class _Subject:
    """The exposure of one arm, and how it is read."""

    def __init__(self, arm: SubjectArmDoc) -> None:
        self.arm = arm
        # what is only read off the courses does not change them
        plain = {"measure": "cmax", "target": None, "threshold": None, "matrix": "plasma", "with_metabolites": False}
        self.exposure = _exposed(arm.model_copy(update=plain).model_dump_json())
        self.regimen: Regimen = self.exposure.regimen
        self.first_h = self.regimen.doses[0].time_h
        self.analyte = arm.analyte or self.regimen.doses[0].compound

    @property
    def course(self) -> Course:
        """Course of the analyte."""
        return self.exposure.course(self.analyte)

    @property
    def since_h(self) -> np.ndarray:
        """Time since the first dose."""
        return self.exposure.t_h - self.first_h

    def disposition(self) -> Disposition:
        """Return the disposition of what is taken.

        Raises
        ------
        UsageError
        """
        found = find_disposition(taken(self.arm), self.arm.species)
        if found is None:
            raise UsageError(f"No disposition of {taken(self.arm)} in the {self.arm.species}")
        return found

    def weight_kg(self) -> np.ndarray:
        """Return body weights, (people,)."""
        return _people(self.arm).weight_kg(self.disposition().body_weight.internal())

    def concentration(self) -> np.ndarray | Unknown:
        """Return the concentration in the arm's matrix, uM (people, m)."""
        return self.course.in_matrix(self.arm.matrix)

    def shape(self) -> np.ndarray | Unknown:
        """Return the course on any scale, (people, m)."""
        return self.course.uM if self.arm.matrix == "plasma" else self.concentration()

    def dose_umol(self) -> np.ndarray | Unknown:
        """Return what is taken of the analyte's parent in all, umol (people,)."""
        parent = self.course.parent
        mass = find_compound(parent).molar_mass
        if mass is None:
            return Unknown(f"the molar mass of {parent} is not on record")
        total = sum(d.in_mg(1.0) if not d.per_kg else d.amount_mg * self.weight_kg() for d in self.regimen.of(parent))
        return np.broadcast_to(np.asarray(total, float) * 1e3 / mass, (self.exposure.people,))

    def converted(self, values: np.ndarray, inside: str, unit: str | None) -> tuple[np.ndarray, str]:
        """Return values in the unit of a finding."""
        if unit is None:
            return values, inside
        if unit not in UNITS[inside]:
            raise UsageError(f"{self.arm.measure} cannot be given in {unit!r}", do=f"use {', '.join(UNITS[inside])}")
        factor, by = UNITS[inside][unit]
        scale = {"M": self.course.molar_mass if by == "M" else 1.0, "kg": 1.0 / self.weight_kg() if by == "kg" else 1.0}
        return values * factor * scale.get(by, 1.0), unit


Found = tuple[np.ndarray, str] | Unknown


def _cmax(s: _Subject) -> Found:
    c = s.concentration()
    return c if isinstance(c, Unknown) else (c.max(axis=-1), "uM")


def _tmax(s: _Subject) -> Found:
    c = s.shape()
    return c if isinstance(c, Unknown) else (s.since_h[np.argmax(c, axis=-1)], "h")


def _auc(s: _Subject) -> Found:
    if s.course.relative:
        return Unknown("only the shape of the course is known: no source gives volume and clearance")
    if s.arm.window is None:
        total = s.course.auc_uM_h
        return total if isinstance(total, Unknown) else (total, "uM*h")
    c = s.concentration()
    if isinstance(c, Unknown):
        return c
    inside = _within(s)
    return np.trapezoid(c[:, inside], s.exposure.t_h[inside], axis=-1), "uM*h"


def _within(s: _Subject) -> np.ndarray:
    assert s.arm.window is not None
    low, high = (_hours(t) for t in s.arm.window)
    return (s.since_h >= low - 1e-9) & (s.since_h <= high + 1e-9)


def _half_life(s: _Subject) -> Found:
    found = s.course.half_life_h
    return found if isinstance(found, Unknown) else (found, "h")


def _trough(s: _Subject) -> Found:
    c = s.shape()
    if isinstance(c, Unknown):
        return c
    last = max(d.time_h for d in s.regimen.doses) - s.first_h
    inside = s.since_h >= last if s.arm.window is None else _within(s)
    return c[:, inside].min(axis=-1), "share" if s.course.relative else "uM"


def _at(s: _Subject, c: np.ndarray) -> np.ndarray:
    assert s.arm.at is not None
    return np.array([np.interp(_hours(s.arm.at), s.since_h, row) for row in c])


def _concentration(s: _Subject) -> Found:
    c = s.concentration()
    return c if isinstance(c, Unknown) else (_at(s, c), "uM")


def _fraction_left(s: _Subject) -> Found:
    c = s.shape()
    return c if isinstance(c, Unknown) else (_at(s, c) / c.max(axis=-1), "share")


def _time_above(s: _Subject) -> Found:
    c, threshold = s.concentration(), str(s.arm.threshold)
    if isinstance(c, Unknown):
        return c
    value, unit = float(threshold.split()[0]), threshold.split()[1]
    factor, by = UNITS["uM"][unit]
    limit = value / (factor * (s.course.molar_mass if by == "M" else 1.0))
    return (c > limit).mean(axis=-1) * (s.since_h[-1] - s.since_h[0]), "h"


def _auc_per_dose(s: _Subject) -> Found:
    area, dose = _auc(s), s.dose_umol()
    if isinstance(area, Unknown):
        return area
    return dose if isinstance(dose, Unknown) else (area[0] / dose, "1/L*h")


def _cl(s: _Subject) -> Found:
    found = _auc_per_dose(s)
    return found if isinstance(found, Unknown) else (1.0 / found[0], "L/h")


def _v(s: _Subject) -> Found:
    clearance, half = _cl(s), _half_life(s)
    if isinstance(clearance, Unknown):
        return clearance
    return half if isinstance(half, Unknown) else (clearance[0] * half[0] / np.log(2.0), "L")


def _number(s: _Subject, name: str, unit: str) -> Found:
    """Return a number of the way in that the first dose takes: by mouth tissue where there is one, else the first."""
    disposition, route = s.disposition(), s.regimen.of(taken(s.arm))[0].route
    known = disposition.routes_of(s.arm.variant)
    if route not in known:
        raise UsageError(f"No route {route!r} for {disposition.compound}", why="no source describes it")
    sites = [b.site for b in known[route].branches]
    site = "mouth" if "mouth" in sites else sites[0]
    drawn = typical_numbers(disposition, s.arm.variant)
    found = drawn.of(f"{route}.{site}.{name}")
    return found if isinstance(found, Unknown) else (np.atleast_1d(found), unit)


def _occupancy(s: _Subject) -> Found:
    found = occupancy_of(s.exposure, str(s.arm.target), count="all" if s.arm.with_metabolites else "document")
    if isinstance(found.value, Unknown):
        return found.value
    c = found.value
    return (c.max(axis=-1) if s.arm.at is None else _at(s, c)), "share"


def _metabolite_parent_ratio(s: _Subject) -> Found:
    metabolite, parent = s.course, s.exposure.course(s.course.parent)
    one, other = metabolite.mg_per_L(), parent.mg_per_L()
    if isinstance(one, Unknown) or isinstance(other, Unknown):
        return one if isinstance(one, Unknown) else other  # type: ignore[return-value]
    if s.arm.at is None:
        return one.max(axis=-1) / other.max(axis=-1), "share"
    return _at(s, one) / _at(s, other), "share"


def _receptor_density(s: _Subject) -> Found:
    target = str(s.arm.target)
    if target not in ADAPTATION:
        raise UsageError(f"No adaptation of {target} is on record", do=f"use {', '.join(ADAPTATION)}")
    found = tolerance_of(s.exposure, ADAPTATION[target])
    if isinstance(found.value, Unknown):
        return found.value
    c = found.value
    return 100.0 * ((c[:, -1] if s.arm.at is None else _at(s, c)) - 1.0), "%"


def _pressor_response(s: _Subject) -> Found:
    found = pressor_of(s.exposure)
    if isinstance(found.value, Unknown):
        return found.value
    c = found.value
    return (c.max(axis=-1) if s.arm.at is None else _at(s, c)), "share"


def _one_dose(reader: Callable[[_Subject], Found]) -> Callable[[_Subject], Found]:
    def read(s: _Subject) -> Found:
        if len(s.regimen.of(s.course.parent)) != 1:
            raise UsageError(f"{s.arm.measure} is read after one dose", where=s.arm.regimen)
        return reader(s)

    return read


_READERS: dict[str, Callable[[_Subject], Found]] = {
    "cmax": _cmax, "tmax": _tmax, "auc": _auc, "half_life": _half_life, "trough": _trough,
    "concentration": _concentration, "cl": _cl, "v": _v, "auc_per_dose": _auc_per_dose,
    "ka": lambda s: _number(s, "ka", "1/h"), "lag": lambda s: _number(s, "tlag", "h"),
    "fraction_left": _fraction_left, "time_above": _time_above, "occupancy": _occupancy,
    "metabolite_parent_ratio": _metabolite_parent_ratio, "receptor_density": _receptor_density,
    "pressor_response": _pressor_response,
}  # fmt: skip
_READERS |= {name: _one_dose(_READERS[name]) for name in ONE_DOSE}
