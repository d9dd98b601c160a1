"""The exposure that every engine computes: 1,000 people, seven days of a four-part stack, five-minute resolution."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from potentiate.exposure.body import Body, build_body
from potentiate.exposure.courses import band
from potentiate.exposure.expose import expose
from potentiate.exposure.individuals import choose_variant, draw
from potentiate.exposure.interaction import apply_interactions
from potentiate.exposure.people import People
from potentiate.exposure.regimen import parse_regimen
from potentiate.library.compound import find_compound
from potentiate.library.disposition import find_disposition

from .timing import timed

DAYS, STEP_H, PEOPLE, SEED = 7, 1.0 / 12.0, 1000, 1
STACK = {"caffeine": 80, "l-theanine": 60, "methylliberine": 25, "theacrine": 5}
TEXT = "; ".join(f"{name} {mg} mg pouch 08:00 daily x{DAYS}" for name, mg in STACK.items())
REGIMEN = parse_regimen(TEXT)
TIMES_H = 8.0 + STEP_H * np.arange(round(24 * DAYS / STEP_H) + 1)
#: Peers are followed in so many people, and their time is scaled.
FOLLOWED = 10


def population(n: int = PEOPLE) -> People:
    """Return the people; a person's deviations do not depend on how many there are."""
    return People(n=n, seed=SEED, variability=True)


def ours(n: int = PEOPLE) -> dict[str, np.ndarray]:
    """Return the bands (5, 25, 50, 75, 95 %) of every analyte, from the text of the regimen on."""
    exposure = expose(REGIMEN, population(n), t_h=TIMES_H)
    return {a: band(c.uM) for a, c in exposure.courses.items() if isinstance(c.uM, np.ndarray)}


@dataclasses.dataclass(frozen=True, eq=False)
class Linear:
    """One compound in many people as the linear equations that any engine can solve: dx/dt = K x, doses into x.

    Attributes
    ----------
    compound : str
    names : tuple of str
        Compartments, without what has left the body.
    k_per_h : array (people, n, n)
        Entry (i, j) is the rate from j to i, the diagonal what leaves i.
    volumes_L : mapping of analyte -> (compartment, array (people,))
    doses : list of (compartment, time_h array (people,), amount_umol array (people,))
    """

    compound: str
    names: tuple[str, ...]
    k_per_h: np.ndarray
    volumes_L: dict[str, tuple[int, np.ndarray]]
    doses: list[tuple[int, np.ndarray, np.ndarray]]


@functools.cache
def equations(n: int = FOLLOWED) -> tuple[Linear, ...]:
    """Return what `expose` solves for the first n people, compound by compound."""
    people = population(PEOPLE)
    applied = apply_interactions(REGIMEN.doses, people, "human")
    found = []
    for compound in REGIMEN.compounds:
        disposition = find_disposition(compound)
        assert disposition is not None
        variant = choose_variant(disposition, people, applied.variants.get(compound))
        drawn = draw(disposition, people, variant, factors=applied.of(compound, people, "typical"))
        doses = REGIMEN.of(compound)
        mass = find_compound(compound).molar_mass or 1e3
        body: Body = build_body(disposition, variant, drawn.numbers, [d.route for d in doses], mass)
        model, lags = body.model, body.lags_h()
        inside = np.swapaxes(model.generator_per_h[:n, :-1, :-1], 1, 2).copy()
        volumes = {}
        for k, analyte in enumerate(body.analytes):
            at = int(np.flatnonzero(body.readings[0, :, k])[0])
            volumes[analyte] = (at, 1.0 / body.readings[:n, at, k])
        events = body.events(doses, drawn.numbers["body_weight"], mass)
        given = [
            (model.index(e.compartment), e.time_h + np.broadcast_to(lags[e.compartment], (PEOPLE,))[:n],
             np.broadcast_to(e.amount, (PEOPLE,))[:n])
            for e in events
        ]  # fmt: skip
        found.append(Linear(compound, model.names[:-1], inside, volumes, given))
    return tuple(found)


def difference(courses: dict[str, np.ndarray], n: int = FOLLOWED) -> float:
    """Return the largest difference from ours, relative to each analyte's peak.

    Parameters
    ----------
    courses : mapping of analyte -> array (n, m), up to a constant factor where only the shape is known
    """
    exposure = expose(REGIMEN, population(PEOPLE), t_h=TIMES_H)
    worst = 0.0
    for analyte, other in courses.items():
        course = exposure.courses[analyte]
        assert isinstance(course.uM, np.ndarray)
        own = course.uM[:n]
        if course.relative:  # the same shape, whatever the unit
            own, other = own / own.max(), other / other.max()
        worst = max(worst, float(np.max(np.abs(own - other)) / own.max()))
    return worst


def rows() -> list[dict[str, Any]]:
    """Return the timing of ours, with and without bands."""
    exposure = expose(REGIMEN, population(), t_h=TIMES_H)
    known = [a for a, c in exposure.courses.items() if isinstance(c.uM, np.ndarray)]
    whole = timed(ours, repeats=15, seconds=15.0)
    courses = timed(lambda: expose(REGIMEN, population(), t_h=TIMES_H), repeats=15, seconds=15.0)
    shape = {"people": PEOPLE, "samples": len(TIMES_H), "analytes": known}
    both = (("potentiate, with bands", whole), ("potentiate, courses alone", courses))
    return [{"name": name, **times, **shape} for name, times in both]
