"""What an exposure does in a person: occupancy of targets and tolerance.

Every function takes an exposure and returns a course, or a course that is unknown and says why. Nothing is
computed with a concentration or a constant that no source gives.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np

from ..errors import UsageError
from ..exposure.courses import Course, Unknown
from ..library.compound import find_compound
from ..library.effect import (
    MATRICES,
    AgainstAgonist,
    Matrix,
    OccupancyDoc,
    ToleranceDoc,
    find_occupancy,
    find_tolerance,
)
from ..library.effect_constants import Ligand, ligands, to_uM, tolerance_model
from ..library.modulator import find_action
from ..mechanisms.occupancy import occupied
from ..mechanisms.tolerance import Attenuation
from .effect_course import EffectCourse


class Exposed(Protocol):
    """What is needed of an exposure."""

    @property
    def t_h(self) -> np.ndarray: ...
    @property
    def courses(self) -> Any: ...
    @property
    def unknown(self) -> Any: ...
    @property
    def species(self) -> str: ...


def plain_exposure(t_h: Any, *, species: str = "human", **uM: Any) -> Exposed:
    """Return an exposure from arrays of total plasma concentration, for what was measured or made up.

    Parameters
    ----------
    t_h : array, shape (m,)
    species : str
    **uM : array, shape (m,) or (people, m)
        By compound; an underscore in the name stands for a hyphen.
    """
    t = np.asarray(t_h, float)
    courses = {
        (name := key.replace("_", "-")): Course(name, name, float("nan"), np.atleast_2d(np.asarray(value, float)))
        for key, value in uM.items()
    }
    return _Plain(t, courses, {}, species)


@dataclasses.dataclass(frozen=True, eq=False)
class _Plain:
    t_h: np.ndarray
    courses: dict[str, Course]
    unknown: dict[str, str]
    species: str


def concentration(exposure: Exposed, compound: str, matrix: Matrix) -> np.ndarray | Unknown:
    """Return the concentration of a compound in a matrix, (people, m), or why it is not known."""
    if compound in exposure.unknown:
        return Unknown(f"{compound}: {exposure.unknown[compound]}")
    if compound not in exposure.courses:
        return Unknown(f"{compound} is not part of this exposure")
    found = exposure.courses[compound].in_matrix(matrix)
    if isinstance(found, Unknown):
        return Unknown(f"{compound}, {MATRICES[matrix]}: {found.reason}")
    return found


def _foreign(exposure: Exposed, document: OccupancyDoc | ToleranceDoc) -> Unknown | None:
    """Return why a document says nothing of the species of an exposure: numbers of another are never used."""
    if document.species == exposure.species:
        return None
    return Unknown(f"{document.id} was measured in the {document.species}, and this is a {exposure.species}")


def occupancy_of(
    exposure: Exposed,
    target: str,
    *,
    count: Literal["document", "all"] | Sequence[str] = "document",
    matrix: Matrix | None = None,
) -> EffectCourse:
    """Return the occupancy of a target over time.

    Parameters
    ----------
    exposure : Exposure
    target : str
        Id of an occupancy document (``a1-caffeine``), or its target.
    count : {"document", "all"} or sequence of compound ids
        Whose binding is added up: what the document counts, all of its ligands (active metabolites too), or these.
    matrix : {"plasma", "free", "brain", "csf"}, optional
        Instead of the document's: the constant is then taken for another matrix than it was measured in, which is
        listed under Assumed.

    Returns
    -------
    EffectCourse
        Share of the target. Unknown where the concentration or the constant of a counted ligand is; a lower bound
        where an added metabolite cannot be followed; an upper bound where only a bound of the constant is known.
    """
    document = find_occupancy(target)
    where: Matrix = matrix or document.matrix
    assumed = list(document.assumed)
    if where != document.matrix:
        assumed.append(
            f"{document.id}: the {MATRICES[where]} stands for the {MATRICES[document.matrix]} (asked for by the user)"
        )
    name = f"occupancy of {document.target}"
    if (foreign := _foreign(exposure, document)) is not None:
        return EffectCourse(name, "", exposure.t_h, foreign, assumed=tuple(assumed))
    if document.bound is not None:
        return _bounded(exposure, document, document.bound, where, name, tuple(assumed))
    try:
        every = ligands(document)
    except ValueError as error:
        return EffectCourse(name, "", exposure.t_h, Unknown(str(error)), assumed=tuple(assumed))
    taken, notes, lower = _counted(exposure, every, count, where)
    if isinstance(taken, Unknown):
        return EffectCourse(name, "", exposure.t_h, taken, assumed=tuple(assumed), notes=notes)
    used = [x for x, _ in taken]
    c = np.stack([values for _, values in taken])
    value = occupied(c, [x.constant_uM for x in used])
    open_ended = any(x.low_uM < x.high_uM for x in used)
    return EffectCourse(
        name,
        "",
        exposure.t_h,
        value,
        low=occupied(c, [x.high_uM for x in used]) if open_ended else None,
        high=occupied(c, [x.low_uM for x in used]) if open_ended else None,
        one_sided=lower,
        assumed=tuple(assumed),
        notes=(*notes, *(f"low trust: {r}" for r in document.remarks if document.trust == "low")),
        sources=_sources(document),
    )


def _counted(
    exposure: Exposed, every: tuple[Ligand, ...], count: Any, where: Matrix
) -> tuple[list[tuple[Ligand, np.ndarray]] | Unknown, tuple[str, ...], str | None]:
    names = {x.compound for x in every}
    if isinstance(count, str):
        wanted = {x.compound for x in every if x.counted or count == "all"}
    else:
        wanted = set(count)
        if strange := wanted - names:
            raise UsageError(
                f"No constant of {', '.join(sorted(strange))}", do=f"count among {', '.join(sorted(names))}"
            )
    found, notes, lower = [], [], None
    for x in every:
        if x.compound not in wanted:
            continue
        if x.compound not in exposure.courses and x.compound not in exposure.unknown:
            if parents := _parents(exposure, x.compound):
                lower = f"a lower bound: {x.compound}, which {parents} turns into, is not followed"
                notes.append(f"{x.compound} is left out: no disposition of {parents} follows it")
            continue
        values = concentration(exposure, x.compound, where)
        if not isinstance(values, Unknown):
            found.append((x, values))
        elif x.counted:
            return values, tuple(notes), None
        else:
            lower = f"a lower bound: {values.reason}"
            notes.append(f"{x.compound} is left out: {values.reason}")
    if not found:
        return Unknown(f"nothing of {', '.join(sorted(wanted))} is part of this exposure"), tuple(notes), None
    return found, tuple(notes), lower


def _parents(exposure: Exposed, compound: str) -> str:
    return ", ".join(name for name in exposure.courses if compound in find_compound(name).metabolites)


def _bounded(
    exposure: Exposed, document: OccupancyDoc, bound: AgainstAgonist, where: Matrix, name: str, assumed: tuple[str, ...]
) -> EffectCourse:
    """Return the largest share that a weak ligand can hold against an agonist in excess."""
    c = concentration(exposure, bound.compound, where)
    more = (*assumed, bound.concentration.describe(f"{document.id}: {bound.agonist}"), bound.remark)
    if isinstance(c, Unknown):
        return EffectCourse(name, "", exposure.t_h, c, assumed=more, notes=document.remarks)
    assert bound.weaker.interval is not None
    agonist = to_uM(bound.concentration, bound.agonist)[0]
    most, least = (occupied(np.stack([c]), [factor * agonist]) for factor in bound.weaker.interval)
    why = f"an upper bound: {bound.compound} is at least {bound.weaker.interval[0]:g} times weaker than {bound.agonist}"
    return EffectCourse(
        name, "", exposure.t_h, most, low=least, high=most, one_sided=why, assumed=more, notes=document.remarks,
        sources=_sources(document),
    )  # fmt: skip


def _sources(document: OccupancyDoc) -> tuple[str, ...]:
    numbers = [x.constant or x.ratio for x in document.ligands]
    if document.bound is not None:
        numbers += [document.bound.weaker, document.bound.concentration]
    return tuple(sorted({n.source for n in numbers if n is not None and n.source}))


def modulation_of(
    exposure: Exposed, compound: str, *, matrix: Matrix = "brain", variant: str | None = None
) -> EffectCourse:
    """Return the share of a modulator's sites on resting AMPA receptors that is occupied over time.

    Parameters
    ----------
    exposure : Exposure
    compound : str
    matrix : str
        Where the receptors are; ``plasma`` or ``free`` must be asked for.
    variant : str, optional
        Of the drug's operator.

    Returns
    -------
    EffectCourse
        Unknown where nothing is on record of the compound's action, its affinity or its concentration.
    """
    name = f"occupancy of the sites of {compound} on AMPA receptors"
    action = find_action(compound)
    if action is None:
        return EffectCourse(
            name, "", exposure.t_h, Unknown(f"no action of {compound} on AMPA receptors is parameterised")
        )
    if action.saturating_only:
        reason = action.document.kd.reason if action.document.kd is not None else None
        return EffectCourse(name, "", exposure.t_h, Unknown(f"the affinity of {compound} is unknown: {reason}"))
    c = concentration(exposure, compound, matrix)
    if isinstance(c, Unknown):
        return EffectCourse(name, "", exposure.t_h, c)
    kd = action.modulator(variant).kd_uM if action.kind == "operator" else action.kd_uM
    assumed = () if matrix == "brain" else (f"the {MATRICES[matrix]} stands for that in brain (asked for by the user)",)
    return EffectCourse(name, "", exposure.t_h, occupied(np.stack([c]), [kd]), assumed=assumed)


def tolerance_of(exposure: Exposed, endpoint: str, *, start: Any = 0.0) -> EffectCourse:
    """Return how an endpoint adapts over time.

    Parameters
    ----------
    exposure : Exposure
    endpoint : str
        Id of a tolerance document or its endpoint: ``blood pressure``, ``platelet A2A receptors``,
        ``brain A1 receptors``, ``alertness``.
    start : float or array, shape (people,)
        Tolerance at the start: share lost, or slow state of the receptors in uM. Zero: a person who takes none.

    Returns
    -------
    EffectCourse
        Share of the effect that is left, or receptors relative to before.
    """
    document = find_tolerance(endpoint)
    receptors = document.endpoint.endswith("receptors")
    name = (
        f"{document.endpoint}, relative to before"
        if receptors
        else f"what is left of the effect on {document.endpoint}"
    )
    numbers = {"rate": document.rate, "half": document.half, "gain": document.gain, "threshold": document.threshold}
    assumed = (
        *document.assumed,
        *(n.describe(f"{document.id}: {k}") for k, n in numbers.items() if n is not None and n.status == "assumed"),
    )
    made: dict[str, Any] = {"assumed": assumed, "notes": document.remarks}
    if (foreign := _foreign(exposure, document)) is not None:
        return EffectCourse(name, "", exposure.t_h, foreign, **made)
    try:
        model = tolerance_model(document)
    except UsageError as error:
        return EffectCourse(name, "", exposure.t_h, Unknown(error.why), **made)
    c = concentration(exposure, document.compound, document.matrix)
    if isinstance(c, Unknown):
        return EffectCourse(name, "", exposure.t_h, c, **made)
    if model is None:
        return EffectCourse(name, "", exposure.t_h, np.ones_like(c), **made)
    fitted = any(n is not None and n.status == "calibrated" for n in numbers.values())
    made["label"] = "calibration" if fitted else "prediction"
    if isinstance(model, Attenuation):
        return EffectCourse(name, "", exposure.t_h, 1.0 - model.lost(exposure.t_h, c, start), **made)
    return EffectCourse(name, "", exposure.t_h, model.receptors(exposure.t_h, c, start), **made)


def carry_over(exposure: Exposed, endpoint: str, *, start: Any = 0.0) -> np.ndarray:
    """Return the state of tolerance that an exposure leaves behind, for the start of the next.

    Parameters
    ----------
    exposure : Exposure
        The past, e.g. the habit of weeks.
    endpoint : str
        As for :func:`tolerance_of`.
    start : float or array, shape (people,)

    Returns
    -------
    array, shape (people,)
        For `start` of :func:`tolerance_of` and :func:`pressor_of`.

    Raises
    ------
    UsageError
        The tolerance or the concentration is unknown.
    """
    document = find_tolerance(endpoint)
    model = tolerance_model(document)
    c = _foreign(exposure, document) or concentration(exposure, document.compound, document.matrix)
    if isinstance(c, Unknown):
        raise UsageError(f"What {endpoint} carries over is unknown", why=c.reason)
    if model is None:
        return np.zeros(len(c))
    course = model.lost if isinstance(model, Attenuation) else model.state
    return course(exposure.t_h, c, start)[:, -1]


def pressor_of(exposure: Exposed, *, start: Any = 0.0) -> EffectCourse:
    """Return the pressor response to caffeine with its tolerance, as a share of the largest possible one.

    Parameters
    ----------
    exposure : Exposure
    start : float or array, shape (people,)
        Share lost at the start.
    """
    document = find_tolerance("blood pressure")
    left = tolerance_of(exposure, "blood pressure", start=start)
    c = concentration(exposure, document.compound, document.matrix)
    name = "pressor response"
    if isinstance(c, Unknown) or isinstance(left.value, Unknown):
        return dataclasses.replace(left, id=name, value=c if isinstance(c, Unknown) else left.value)
    assert document.response is not None
    half = to_uM(document.response, document.compound)[0]
    assumed = (*left.assumed, document.response.describe(f"{document.id}: half of the acute response at"))
    return dataclasses.replace(left, id=name, value=c / (half + c) * left.value, assumed=assumed)
