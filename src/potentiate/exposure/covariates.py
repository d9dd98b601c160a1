"""What is said of people as ratios on the parameters of a compound, and where it forbids or replaces its numbers."""

from __future__ import annotations

import functools
import math

import numpy as np

from ..errors import UsageError
from ..library.covariate import CovariateDoc, CovariateEffect, VariantChoice, find_covariate
from .people import TYPICAL, People, generator

#: a 95 % interval of a normal variable reaches so many standard deviations to each side
_TWO_SIDED = 1.959963984540054


def _in_band(entry: CovariateEffect | VariantChoice, values: np.ndarray) -> np.ndarray:
    low = -math.inf if entry.at_least is None else entry.at_least
    high = math.inf if entry.below is None else entry.below
    with np.errstate(invalid="ignore"):
        return (values >= low) & (values < high)


def applies(doc: CovariateDoc, entry: CovariateEffect | VariantChoice, people: People) -> np.ndarray:
    """Return to whom an entry of a document applies, bool (n,)."""
    found = np.zeros(people.n, dtype=bool)
    only = entry.only if isinstance(entry, CovariateEffect) else None
    for stated in people.stated(doc.id):
        if doc.kind == "state":
            here = stated.level == entry.level
        elif doc.kind == "text":
            here = only is None or (stated.text or "").upper().startswith(only.upper())
        else:
            here = True
        if here:
            found |= people.members(stated)
    if doc.kind == "number":
        found &= _in_band(entry, people.values(doc.id))
    return found


@functools.lru_cache(maxsize=64)
def applied_effects(
    compound: str, people: People, variant: str | None = None
) -> tuple[tuple[CovariateDoc, CovariateEffect], ...]:
    """Return every effect on record that applies to somebody."""
    stated = {s.covariate for s in people.covariates}
    found = []
    for identifier in sorted(stated):
        doc = find_covariate(identifier)
        for effect in doc.effects:
            held = variant is not None and variant in effect.not_in
            if effect.compound != compound or effect.yields_to in stated or held:
                continue
            if applies(doc, effect, people).any():
                found.append((doc, effect))
    return tuple(found)


def spread_ratio(ratio: float, interval: tuple[float, float], z: np.ndarray) -> np.ndarray:
    """Return a ratio at normal scores, log-normal with its 95 % interval on each side of it.

    Parameters
    ----------
    ratio : float
    interval : (float, float)
    z : array
        Scores: 0 gives the ratio itself, -1.96 and 1.96 the ends of the interval.
    """
    down, up = math.log(ratio / interval[0]) / _TWO_SIDED, math.log(interval[1] / ratio) / _TWO_SIDED
    return ratio * np.exp(np.where(z < 0, down, up) * z)


def multipliers(compound: str, people: People = TYPICAL, variant: str | None = None) -> dict[str, np.ndarray]:
    """Return by what the covariates multiply the parameters of a compound.

    Parameters
    ----------
    compound : str
        Id.
    people : People
    variant : str, optional
        Of the disposition: what it was measured in is not applied again.

    Returns
    -------
    dict of str to array (n,)
        By ``CL`` (all elimination of the compound), ``V``, ``F``, ``ka``, ``tlag``; parameters without an effect on
        record are left out. Ratios of several covariates are multiplied.

    Examples
    --------
    >>> from potentiate.exposure.people_text import parse_people
    >>> multipliers("caffeine", parse_people("smoker"))
    {'CL': array([1.65])}
    """
    found: dict[str, np.ndarray] = {}
    for doc, effect in applied_effects(compound, people, variant):
        if effect.unknown is not None or effect.parameter == "per-kg":
            continue
        if effect.decay is not None:
            hours = np.nan_to_num(people.values(doc.id))
            ratio = np.array([effect.decay.at(h) for h in hours])
        else:
            ratio = np.full(people.n, effect.ratio)
            if people.uncertainty and effect.interval is not None and effect.ratio is not None:
                z = generator(people.seed, f"ratio:{doc.id}:{compound}:{effect.parameter}").standard_normal(people.n)
                ratio = spread_ratio(effect.ratio, effect.interval, z)
        there = applies(doc, effect, people)
        found[effect.parameter] = found.get(effect.parameter, np.ones(people.n)) * np.where(there, ratio, 1.0)
    return found


def blocked(compound: str, people: People = TYPICAL) -> str | None:
    """Return why the exposure of a compound cannot be given in these people, or nothing."""
    for doc, effect in applied_effects(compound, people):
        if effect.blocks:
            return f"{doc.name.lower()} {band_text(doc, effect)}: {effect.unknown} [{effect.source}]"
    return None


def variant_for(compound: str, people: People = TYPICAL) -> tuple[str, str] | None:
    """Return which variant of a disposition was measured in such people, and why; nothing where none is named.

    Abstinence goes before habitual intake.

    Raises
    ------
    UsageError
        The people are a mixture that would need two variants.
    """
    for identifier in ("abstinence", "habitual-caffeine"):
        doc = find_covariate(identifier)
        if not people.stated(identifier):
            continue
        chosen = {v.variant: v for v in doc.variants if v.compound == compound and applies(doc, v, people).any()}
        whole = all(applies(doc, v, people).all() for v in chosen.values())
        if len(chosen) > 1 or not whole:
            raise UsageError(
                f"A mixture of people over {doc.name.lower()}",
                why=f"{compound} has a model of its own for each of them",
                do="run the groups separately",
            )
        for name, choice in chosen.items():
            return name, choice.reason
    return None


def band_text(doc: CovariateDoc, effect: CovariateEffect) -> str:
    """Return whom an effect concerns, in words."""
    if effect.level is not None:
        return effect.level
    if effect.only is not None:
        return effect.only
    if effect.at_least is not None and effect.below is not None:
        return f"{effect.at_least:g} to {effect.below:g} {doc.unit}"
    if effect.at_least is not None:
        return f"from {effect.at_least:g} {doc.unit}"
    return f"below {effect.below:g} {doc.unit}" if effect.below is not None else ""
