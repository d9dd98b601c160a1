"""From a regimen to concentrations: the exposure of people, rats or mice."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from ..errors import UsageError
from ..library.compound import find_compound
from ..library.disposition import Disposition, find_disposition
from ..mechanisms.compartments import Array, Compartments
from .body import Body, build_body
from .courses import Course, Exposure, Unknown
from .covariates import blocked
from .events import Event
from .events import course as follow
from .individuals import choose_variant, draw
from .interaction import Applied, apply_interactions
from .parameters import Drawn, typical_numbers
from .people import TYPICAL, People
from .people_text import answers, show_answers
from .regimen import Dose, Regimen
from .saturable import follow_saturable

FINE_STEP_H = 1.0 / 60.0
STEP_H = 5.0 / 60.0
#: A run that is longer gets the coarser grid by default.
FINE_SPAN_H = 26.0
MOST_SAMPLES = 50_000
SATURABLE = Unknown("elimination is saturable: it depends on the dose")


def default_times(regimen: Regimen, follow_h: float = 24.0) -> Array:
    """Return a grid from the first dose to `follow_h` after the last one, h from 00:00 of day 1."""
    first, last = regimen.doses[0].time_h, max(d.time_h + d.duration_h for d in regimen.doses)
    span = last - first + follow_h
    step = FINE_STEP_H if span <= FINE_SPAN_H else STEP_H
    count = math.ceil(round(span / step, 6)) + 1
    if count > MOST_SAMPLES:
        step, count = span / (MOST_SAMPLES - 1), MOST_SAMPLES
    return first + step * np.arange(count)


def expose(
    regimen: Regimen,
    people: People = TYPICAL,
    *,
    species: str = "human",
    t_h: Any = None,
    variants: Mapping[str, str] | None = None,
    fix: Mapping[str, float] | None = None,
    interactions: Literal["typical", "low", "high"] | None = "typical",
) -> Exposure:
    """Return the concentrations that a regimen brings about.

    Parameters
    ----------
    regimen : Regimen
    people : People, optional
        Who takes it; default one typical person.
    species : str
        A compound without a disposition in this species has an unknown course: numbers of another are never used.
    t_h : array, shape (m,), optional
        Ascending; default :func:`default_times`.
    variants : mapping of compound -> variant name, optional
        Who was studied; default the variant that the people need, else the first of each disposition.
    fix : mapping of name -> value, optional
        Numbers given by hand, in L, L/h, 1/h, h: ``{"caffeine:buccal.mouth.fraction": 0.5}``.
    interactions : {"typical", "low", "high"} or None
        The size of pharmacokinetic interactions between what is taken, and with the people's medicines, within what
        their studies leave open; None leaves them out.

    Returns
    -------
    Exposure

    Raises
    ------
    UsageError
        A route that no source describes, a name in `fix` that is not a number of a disposition.
    """
    times = default_times(regimen) if t_h is None else np.asarray(t_h, float)
    applied = Applied() if interactions is None else apply_interactions(regimen.doses, people, species)
    courses: dict[str, Course] = {}
    unknown: dict[str, str] = {}
    assumed: list[str] = list(applied.assumed)
    given = dict(fix or {})
    for compound in regimen.compounds:
        disposition = find_disposition(compound, species)
        if disposition is None:
            unknown[compound] = _why_unknown(compound, species)
            continue
        if species == "human" and (why := blocked(compound, people)) is not None:
            unknown[compound] = why
            continue
        mine = {k.split(":", 1)[1]: given.pop(k) for k in list(given) if k.split(":", 1)[0] == compound}
        variant = choose_variant(disposition, people, (variants or {}).get(compound) or applied.variants.get(compound))
        drawn = draw(
            disposition, people, variant, {d.route for d in regimen.of(compound)}, fix=mine,
            by_weight=any(d.per_kg for d in regimen.of(compound)),
            factors=applied.of(compound, people, interactions or "typical"),
        )  # fmt: skip
        assumed += drawn.assumed
        for one in _courses_of(disposition, variant, drawn, regimen.of(compound), times):
            courses[one.analyte] = _joined(courses.get(one.analyte), one)
    if given:
        raise UsageError(f"Unknown number {', '.join(given)}", do="write compound:name, as in caffeine:po.gut.ka")
    said = show_answers(answers(people, regimen.compounds)) if species == "human" else []
    return Exposure(
        regimen, species, times, courses, unknown, tuple(dict.fromkeys(assumed)), (*applied.notes, *said), people.n,
        people.seed if people.n > 1 else None,
    )  # fmt: skip


def _why_unknown(compound: str, species: str) -> str:
    document = find_compound(compound).pharmacokinetics.get(species)  # type: ignore[call-overload]
    reason = None if document is None else document.unknown
    return reason or f"no pharmacokinetic model of {compound} in the {species} is on record"


def _courses_of(
    disposition: Disposition, variant: str | None, drawn: Drawn, doses: tuple[Dose, ...], times: Array
) -> list[Course]:
    compound = find_compound(disposition.compound)
    relative = disposition.scale == "relative"
    mass = compound.molar_mass or (1e3 if relative else math.nan)
    body = build_body(disposition, variant, drawn.numbers, [d.route for d in doses], mass)
    events = body.events(doses, drawn.numbers["body_weight"], mass)
    values = _follow(body, events, times, body.readings)
    total = _area(body, events, relative)
    sources = tuple(sorted({n.source for _, n in disposition.numbers(variant, {d.route for d in doses}) if n.source}))
    site: Array | Unknown = drawn.of("ke0") if body.site is None else _follow(body, events, times, body.site)[..., 0]
    scale, reference = (1.0, None)
    if relative:
        scale, reference = _reference_peak(disposition, variant, doses)
    found = []
    for k, analyte in enumerate(body.analytes):
        found.append(
            Course(
                analyte, disposition.compound, mass if k == 0 else float(find_compound(analyte).molar_mass or math.nan),
                values[..., k] / scale, relative, reference,
                half_life_h=SATURABLE if body.saturable else _half_life(body, k),
                effect_uM=site if k == 0 else Unknown("not on record for the metabolite"),
                auc_uM_h=total if isinstance(total, Unknown) else total[:, k],
                fu=drawn.of("fu") if k == 0 else Unknown("not on record for the metabolite"),
                kpuu=drawn.of("kpuu") if k == 0 else Unknown("not on record for the metabolite"),
                csf_ratio=drawn.of("csf_ratio") if k == 0 else Unknown("not on record for the metabolite"),
                sources=sources,
            )
        )  # fmt: skip
    for analyte, reason in body.unknown.items():
        metabolite = find_compound(analyte)
        found.append(
            Course(
                analyte,
                disposition.compound,
                float(metabolite.molar_mass or math.nan),
                Unknown(reason),
                sources=sources,
            )
        )
    return found


def _joined(before: Course | None, one: Course) -> Course:
    """Return the sum of two courses of one analyte; unknown where either is."""
    if before is None:
        return one
    if isinstance(before.uM, Unknown) or isinstance(one.uM, Unknown) or before.relative or one.relative:
        why = "it comes from two sources, and one of them cannot be followed"
        return dataclasses.replace(one, uM=Unknown(why), auc_uM_h=Unknown(why), half_life_h=Unknown(why))
    total: Array | Unknown = Unknown("the regimen has no end")
    if not isinstance(before.auc_uM_h, Unknown) and not isinstance(one.auc_uM_h, Unknown):
        total = before.auc_uM_h + one.auc_uM_h
    return dataclasses.replace(
        one, uM=before.uM + one.uM, auc_uM_h=total, half_life_h=Unknown("it comes from two sources"),
        sources=tuple(sorted({*before.sources, *one.sources})),
    )  # fmt: skip


def _follow(body: Body, events: list[Event], times: Array, readings: Array) -> Array:
    if body.saturable is None:
        return follow(body.model, events, times, readings, lag_h=body.lags_h())
    return follow_saturable(body.model, events, times, readings, *body.saturable, lag_h=body.lags_h())


def _area(body: Body, events: list[Event], relative: bool) -> Array | Unknown:
    """Return the areas under the courses to infinity: everything that enters passes once, or again, and leaves."""
    if relative:
        return Unknown("only the shape is known")
    if body.saturable is not None:
        return SATURABLE
    if any(e.steady for e in events):
        return Unknown("the regimen has no end")
    model = body.model
    inside = model.generator_per_h[:, :-1, :-1]
    # a metabolite that is not followed has no way out; its own course is not read
    stuck = np.diagonal(inside, axis1=1, axis2=2) == 0
    inside = inside - stuck[..., None] * np.eye(inside.shape[-1])
    stay = -np.linalg.inv(inside)
    total = np.zeros((model.people, body.readings.shape[-1]))
    for event in events:
        k = model.index(event.compartment)
        total += (
            np.broadcast_to(event.amount, (model.people,))[:, None]
            * np.matmul(stay[:, k, None, :], body.readings[:, :-1])[:, 0]
        )
    return total


def _half_life(body: Body, k: int) -> Array:
    """Return the terminal half-life of an analyte: of the slowest compartment that leads to it, absorption included."""
    model: Compartments = body.model
    target = int(np.flatnonzero(body.readings[0, :, k])[0])
    linked = model.generator_per_h[0] != 0
    reach = {target}
    while True:
        more = {i for i in range(len(model.names) - 1) for j in reach if linked[i, j]} - reach
        if not more:
            break
        reach |= more
    order = sorted(reach)
    inside = model.generator_per_h[np.ix_(range(model.people), order, order)]
    slowest = np.linalg.eigvals(inside).real.max(axis=1)
    return math.log(2.0) / -slowest


def _reference_peak(disposition: Disposition, variant: str | None, doses: tuple[Dose, ...]) -> tuple[float, float]:
    """Return the peak of a typical person after the largest single dose, and that dose, mg."""
    largest = max(doses, key=lambda d: d.amount_mg)
    drawn = typical_numbers(disposition, variant)
    mass = find_compound(disposition.compound).molar_mass or 1e3
    body = build_body(disposition, variant, drawn.numbers, [largest.route], mass)
    single = dataclasses.replace(largest, time_h=0.0, steady_interval_h=None)
    events = body.events([single], drawn.numbers["body_weight"], mass)
    hours = 6.0 * float(_half_life(body, 0)[0]) + float(single.duration_h)
    values = follow(body.model, events, np.linspace(0.0, hours, 4001), body.readings, lag_h=body.lags_h())
    return float(values[0, :, 0].max()), largest.in_mg(float(drawn.numbers["body_weight"][0]))
