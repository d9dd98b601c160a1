"""Occupancy of the targets of a regimen: each typical person, with and without active metabolites."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..exposure.courses import Exposure, Unknown
from ..library.effect import OccupancyDoc, occupancies_of
from ..measures.observable import Observable, missing
from ..preparations.effect_course import EffectCourse
from ..preparations.onset import onset_and_window
from ..preparations.subject_effects import occupancy_of


@dataclasses.dataclass(frozen=True, eq=False)
class OccupancyRow:
    """Occupancy of one target in one person, by some ligands.

    Attributes
    ----------
    label : str
    typical : array (m,)
        Share, 0 to 1.
    people : array (people, m) or None
    """

    label: str
    typical: np.ndarray
    people: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class OccupancyStudy:
    """Occupancy of one target over time.

    Attributes
    ----------
    target, title, trust : str
    rows : list of OccupancyRow
        What is known; it may be empty.
    observables : list of Observable
    assumed, notes, sources : tuple of str
    """

    target: str
    title: str
    trust: str
    rows: list[OccupancyRow]
    observables: list[Observable]
    assumed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def study_occupancy(
    exposures: Mapping[str, Exposure],
    people: Exposure | None,
    *,
    target: str | None = None,
    onset_share: float = 0.2,
    window_share: float = 0.5,
) -> list[OccupancyStudy]:
    """Return the occupancy of every target that a document gives constants for.

    Parameters
    ----------
    exposures : mapping of person -> Exposure
        Typical persons of the same regimen; the first is the reference, and an empty name is not shown.
    people : Exposure, optional
        Drawn people of the reference, for bands.
    target : str, optional
        Only this target.
    onset_share, window_share : float
        Of the maximum, see :func:`~potentiate.preparations.onset.onset_and_window`.
    """
    first = next(iter(exposures.values()))
    documents = {d.id: d for a in [*first.courses, *first.unknown] for d in occupancies_of(a)}
    return [
        _one(d, exposures, people, onset_share, window_share)
        for d in documents.values()
        if d.species == first.species and target in (None, str(d.target))
    ]


def _one(
    document: OccupancyDoc, exposures: Mapping[str, Exposure], people: Exposure | None, onset: float, window: float
) -> OccupancyStudy:
    rows: list[OccupancyRow] = []
    found: list[Observable] = []
    texts: dict[str, list[str]] = {"assumed": [], "notes": [], "sources": []}
    for k, (person, exposure) in enumerate(exposures.items()):
        for who, count in _counts(document, exposure):
            course = occupancy_of(exposure, document.id, count=count)
            label = ", ".join(filter(None, [person, who]))
            many = occupancy_of(people, document.id, count=count) if people is not None and k == 0 else None
            for name, lines in (("assumed", course.assumed), ("notes", course.notes), ("sources", course.sources)):
                texts[name] += lines
            found += _observables(label, course, many, exposure, onset, window)
            if not isinstance(course.value, Unknown):
                values = None if many is None or isinstance(many.value, Unknown) else many.value
                rows.append(OccupancyRow(label or "typical person", course.value[0], values))
    unique = {k: tuple(dict.fromkeys(v)) for k, v in texts.items()}
    return OccupancyStudy(str(document.target), document.title, document.trust, rows, found, **unique)


def _counts(document: OccupancyDoc, exposure: Exposure) -> list[tuple[str, Any]]:
    """Return what is counted: what the document counts, and the active metabolites that can be followed as well."""
    counted: Literal["document"] = "document"
    extra = [x.compound for x in document.ligands if not x.counted and _followed(exposure, x.compound)]
    taken = [x.compound for x in document.ligands if x.counted and _followed(exposure, x.compound)]
    if not extra or not taken:
        return [("", counted)]
    return [("", counted), (f"with {' and '.join(extra)}", taken + extra)]


def _followed(exposure: Exposure, compound: str) -> bool:
    course = exposure.courses.get(compound)
    return course is not None and not isinstance(course.plasma_uM(), Unknown)


def _observables(
    label: str, course: EffectCourse, many: EffectCourse | None, exposure: Exposure, onset: float, window: float
) -> Sequence[Observable]:
    tail = f", {label}" if label else ""
    if isinstance(course.value, Unknown):
        return [missing(f"peak occupancy{tail}", "%", "not determined", course.value.reason)]
    convention, interval = "", None
    if many is not None and not isinstance(many.value, Unknown) and len(many.value) > 1:
        low, high = np.percentile(many.value.max(axis=1), (5, 95))
        interval, convention = (100.0 * float(low), 100.0 * float(high)), "interval: 5th to 95th percentile of people"
    elif course.low is not None and course.high is not None:
        interval = (100.0 * float(course.low[0].max()), 100.0 * float(course.high[0].max()))
        convention = "interval: what the constants leave open"
    status = "one-sided" if course.one_sided else "ok"
    peak = Observable(f"peak occupancy{tail}", 100.0 * float(course.value[0].max()), "%", status, course.one_sided,
                      interval, convention)  # fmt: skip
    values = course.value if many is None or isinstance(many.value, Unknown) else many.value
    timed = onset_and_window(
        exposure.t_h, values, from_h=exposure.regimen.doses[0].time_h, onset_share=onset, window_share=window
    )
    return [peak, *(dataclasses.replace(o, id=f"{o.id}{tail}") for o in (timed.onset, timed.window))]
