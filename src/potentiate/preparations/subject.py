"""A person who takes doses: under an exposure and a sleep schedule, what happens at targets and to attention."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..errors import UsageError
from ..library.effect import OccupancyDoc, ToleranceDoc, effect_ids, find_effect, unsupported
from ..library.modulator import modulator_ids
from ..protocols.sleep import SleepSchedule
from .effect_course import EffectCourse
from .subject_alertness import AlertnessCourse, alertness_of
from .subject_effects import Exposed, modulation_of, occupancy_of, tolerance_of


@dataclasses.dataclass(frozen=True)
class SubjectCourses:
    """What an exposure does in a person.

    Attributes
    ----------
    occupancy : mapping of document id -> EffectCourse
        Of every target that something in the exposure binds.
    modulation : mapping of compound -> EffectCourse
        Sites on AMPA receptors, by the compounds whose action on them is on record.
    tolerance : mapping of document id -> EffectCourse
    alertness : AlertnessCourse or None
        None without caffeine and without a schedule.
    """

    occupancy: Mapping[str, EffectCourse]
    modulation: Mapping[str, EffectCourse]
    tolerance: Mapping[str, EffectCourse]
    alertness: AlertnessCourse | None

    def courses(self) -> dict[str, EffectCourse]:
        """Return all courses by a name each."""
        found = {**self.occupancy, **{f"ampa-{c}": x for c, x in self.modulation.items()}, **self.tolerance}
        if self.alertness is not None:
            found |= {"lapses": self.alertness.lapses, "lapses-avoided": self.alertness.benefit}
        return found

    def assumed(self) -> list[str]:
        """Return what the courses take for granted, once each."""
        return list(dict.fromkeys(text for course in self.courses().values() for text in course.assumed))


@dataclasses.dataclass(frozen=True)
class Subject:
    """A person.

    Attributes
    ----------
    sleep_hours : float or None
        Hours of sleep a day until the schedule begins; None: no sleep pressure and no debt on waking.
    tolerance : mapping of endpoint -> float
        State of tolerance at the start, as for :func:`tolerance_of`; an endpoint that is not named starts without any.
    reading : str or None
        Of the caffeine factor of alertness.
    metabolites : bool
        Whether all ligands of a target count, active metabolites too.
    """

    sleep_hours: float | None = None
    tolerance: Mapping[str, float] = dataclasses.field(default_factory=dict)
    reading: str | None = None
    metabolites: bool = False

    def run(
        self,
        protocol: SleepSchedule | None,
        exposure: Exposed | None = None,
        *,
        seed: int | None = None,
        matrix: Any = None,
    ) -> SubjectCourses:
        """Return everything that is known of an exposure's effects.

        Parameters
        ----------
        protocol : SleepSchedule or None
            None: alertness is computed only under caffeine, awake since 07:00.
        exposure : Exposure
        seed : None
            Nothing is drawn here; people are drawn by the exposure.
        matrix : str, optional
            Takes the place of brain where brain is unknown, which is listed under Assumed.

        Raises
        ------
        UsageError
            Without an exposure.
        """
        if exposure is None or not hasattr(exposure, "courses"):
            raise UsageError("A subject needs an exposure", do="give expose(regimen)")
        present = {*exposure.courses, *exposure.unknown}
        documents = [find_effect(i) for i in effect_ids()]
        count = "all" if self.metabolites else "document"
        occupancy = {
            d.id: occupancy_of(exposure, d.id, count=count, matrix=matrix if d.matrix == "brain" else None)
            for d in documents
            if isinstance(d, OccupancyDoc) and present & set(d.compounds)
        }
        modulation = {c: modulation_of(exposure, c, matrix=matrix or "brain") for c in modulator_ids() if c in present}
        tolerance = {
            d.id: tolerance_of(exposure, d.id, start=self.tolerance.get(d.endpoint, 0.0))
            for d in documents
            if isinstance(d, ToleranceDoc) and d.compound in present
        }
        alert = None
        if protocol is not None or ("caffeine" in present and exposure.species == "human"):
            alert = alertness_of(exposure, protocol, reading=self.reading, sleep_hours=self.sleep_hours)
        return SubjectCourses(occupancy, modulation, tolerance, alert)


def claimed_effect(compound: str, effect: str) -> str:
    """Answer whether anything supports a claimed effect of a compound.

    Parameters
    ----------
    compound : str
        Id.
    effect : str
        In words: ``raises BDNF in people``.

    Returns
    -------
    str
        ``no supported effect: ...`` with the reason where the library says so, ``unknown: ...`` where it holds no
        model; otherwise the documents that model something of the compound. Trials are evidence, not this function's.

    Examples
    --------
    >>> claimed_effect("noopept", "raises BDNF in people").split(":")[0]
    'no supported effect'
    """
    if (entry := unsupported(compound, effect)) is not None:
        return f"no supported effect: {entry.reason}"
    documents = [find_effect(i) for i in effect_ids()]
    modelled = [d.id for d in documents if isinstance(d, OccupancyDoc) and compound in d.compounds]
    if compound == "caffeine":
        modelled += ["alertness"]
    if compound in modulator_ids():
        modelled += ["AMPA receptor kinetics"]
    if not modelled:
        return f"unknown: no model of an effect of {compound} is on record; see its findings"
    return f"modelled: {', '.join(modelled)}; whether that amounts to {effect!r} is for its findings to say"
