"""Individuals: the numbers of a disposition in each of the people.

A person's number is the typical value of the disposition (of the variant measured in such people), times the ratios of
the covariates and interactions on record, times ``exp(eta)`` with the spread between people that the source reports. A
covariate without evidence for a compound changes nothing, and the run says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ..errors import UsageError
from ..library.disposition import Disposition
from .covariates import applied_effects, band_text, blocked, multipliers, spread_ratio, variant_for
from .parameters import Drawn, typical_numbers
from .people import TYPICAL, People, generator

#: what cannot exceed one
_FRACTIONS = ("F", "fraction", "fu")

#: numbers beside the course, of which no spread is expected
_BESIDE = ("body_weight", "fu", "kpuu", "csf_ratio")


def scaled_by(name: str, factors: Mapping[str, np.ndarray]) -> np.ndarray | float:
    """Return the factor of one number of a disposition from factors by parameter.

    Parameters
    ----------
    name : str
        Flat name (:meth:`~potentiate.library.disposition.Disposition.numbers`).
    factors : mapping
        By ``CL``, ``V``, ``F``, ``ka``, ``tlag``.
    """
    last = name.rsplit(".", 1)[-1]
    if name in ("CL", "Vmax") or name.startswith("CL:"):
        return factors.get("CL", 1.0)
    if name == "V":
        return factors.get("V", 1.0)
    if name == "half_life":
        return factors.get("V", 1.0) / factors.get("CL", 1.0)
    if "." in name and last in ("F", "ka", "tlag"):
        return factors.get(last, 1.0)
    return 1.0


def deviations(disposition: Disposition, names: Sequence[str], omega2: np.ndarray, people: People) -> np.ndarray:
    """Return the logarithms by which people deviate from the typical values.

    Parameters
    ----------
    disposition : Disposition
    names : sequence of str
        Flat names, k of them.
    omega2 : array, shape (k,) or (k, k)
        Variances, or their full matrix where the source reports covariances.
    people : People

    Returns
    -------
    array, shape (k, n)
        Zero where people do not vary. Each name has its own stream, so a person stays the same when other numbers,
        routes or covariates change.

    Raises
    ------
    UsageError
        The matrix is not a covariance.
    """
    if not people.variability:
        return np.zeros((len(names), people.n))
    z = np.array([
        generator(people.seed, f"eta:{disposition.id}:{name}").standard_normal(people.n) for name in names
    ]).reshape(len(names), people.n)  # fmt: skip
    if omega2.ndim == 1:
        return np.sqrt(omega2)[:, None] * z
    if not np.allclose(omega2, omega2.T):
        raise UsageError(f"The covariance matrix of {disposition.id} is not symmetric")
    values, vectors = np.linalg.eigh(omega2)
    if values.min() < -1e-9 * max(values.max(), 1e-12):
        raise UsageError(
            f"The covariances of {disposition.id} belong to no distribution",
            why=f"smallest eigenvalue {values.min():.3g}",
        )
    # symmetric square root: with zero covariances each name keeps its own stream
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T @ z


def _omega(disposition: Disposition, variant: str | None, spread: Sequence[tuple[str, float]]) -> np.ndarray:
    """Return the variances (k,), or the matrix (k, k) where the source gives covariances."""
    variances = np.array([omega2 for _, omega2 in spread], dtype=float)
    at = {name: i for i, (name, _) in enumerate(spread)}
    known = [c for c in disposition.variant(variant).covariances if set(c.between) <= set(at)]
    if not known:
        return variances
    matrix = np.diag(variances)
    for entry in known:
        i, j = (at[name] for name in entry.between)
        matrix[i, j] = matrix[j, i] = entry.value
    return matrix


def choose_variant(disposition: Disposition, people: People = TYPICAL, given: str | None = None) -> str | None:
    """Return which variant of a disposition these people need: the given one, else the one measured in such people.

    Returns
    -------
    str or None
        None stands for the first variant.
    """
    if given is not None:
        return given
    named = variant_for(disposition.compound, people) if disposition.species == "human" else None
    return named[0] if named is not None and named[0] in {v.name for v in disposition.variants} else None


def draw(
    disposition: Disposition,
    people: People = TYPICAL,
    variant: str | None = None,
    routes: Collection[str] | None = None,
    *,
    fix: Mapping[str, float] | None = None,
    by_weight: bool = False,
    factors: Mapping[str, np.ndarray] | None = None,
) -> Drawn:
    """Return the individual numbers of a disposition.

    Parameters
    ----------
    disposition : Disposition
        Of another species than man: covariates and interactions of people do not apply to it.
    people : People
    variant : str, optional
        Default :func:`choose_variant`.
    routes : collection of str, optional
        That are used; default all.
    fix : mapping of flat name -> value, optional
        Given by hand: these do not vary, and no covariate changes them.
    by_weight : bool
        Doses are per kg.
    factors : mapping of str to array (n,), optional
        Further factors by parameter (interactions), multiplied onto those of the covariates.

    Returns
    -------
    Drawn
        Numbers (n,), what is unknown, what is assumed. A number that the source leaves open within an interval is
        spread over it where the people are drawn with `uncertainty`.

    Raises
    ------
    UsageError
        The exposure cannot be given in these people (:func:`blocked`), or as
        :func:`~potentiate.exposure.parameters.typical_numbers`.
    """
    human = disposition.species == "human"
    if human and (why := blocked(disposition.compound, people)) is not None:
        raise UsageError(f"The exposure to {disposition.compound} is unknown in these people", why=why)
    variant = choose_variant(disposition, people, variant)
    typical = typical_numbers(disposition, variant, routes, people=people.n, fix=fix, by_weight=by_weight)
    fixed = set(fix or {})
    combined = dict(multipliers(disposition.compound, people, variant)) if human else {}
    for name, factor in (factors or {}).items() if human else ():
        combined[name] = combined.get(name, np.ones(people.n)) * factor
    reference = typical.numbers["body_weight"]
    weight = people.weight_kg(float(reference[0])) if human and "body_weight" not in fixed else reference
    documents = dict(disposition.numbers(variant, routes))
    spread = [(n, d.omega2) for n, d in documents.items() if d.omega2 and n in typical.numbers and n not in fixed]
    eta = deviations(disposition, [n for n, _ in spread], _omega(disposition, variant, spread), people)
    by_name = dict(zip((n for n, _ in spread), eta, strict=True))
    found = dict(typical.numbers)
    for name, number in documents.items():
        if name not in found or name in fixed:
            continue
        value = found[name]
        if people.uncertainty and (interval := number.internal_interval()) is not None:
            stream = generator(people.seed, f"typical:{disposition.id}:{name}")
            ends = np.array(interval) * (reference[0] if number.per_kg else 1.0)
            if number.value is None or ends[0] <= 0:
                value = ends[0] + (ends[1] - ends[0]) * stream.random(people.n)
            else:
                value = spread_ratio(1.0, tuple(ends / value[0]), stream.standard_normal(people.n)) * value
        value = value * scaled_by(name, combined)
        if number.per_kg:
            value = value * (weight / reference)
        if name in by_name:
            value = value * np.exp(by_name[name])
        if name.rsplit(".", 1)[-1] in _FRACTIONS and not (disposition.apparent and name.endswith(".F")):
            value = np.minimum(value, 1.0)
        found[name] = value
    found["body_weight"] = weight
    lines = [*typical.assumed, *assumed_of(disposition, people, variant, routes, fixed=fixed)]
    return Drawn(found, typical.unknown, tuple(dict.fromkeys(lines)))


def assumed_of(
    disposition: Disposition,
    people: People = TYPICAL,
    variant: str | None = None,
    routes: Collection[str] | None = None,
    *,
    fixed: Collection[str] = (),
) -> list[str]:
    """Return what a draw assumes: who stands for the person, what does not vary, which ratios are multiplied."""
    lines = []
    compound, human = disposition.compound, disposition.species == "human"
    if len(disposition.variants) > 1:
        named = variant_for(compound, people) if human else None
        doc = disposition.variant(variant)
        why = f": {named[1]}" if named is not None and named[0] == doc.name else ""
        lines.append(f"{compound}: numbers of {doc.text}{why}")
    numbers = dict(disposition.numbers(variant, routes))
    if people.variability:
        alike = [n for n, d in numbers.items() if d.value is not None and not d.omega2 and n not in (*fixed, *_BESIDE)]
        if alike:
            lines.append(
                f"{compound}: no spread between people is on record for {', '.join(alike)}; all are alike in it"
            )
    if not human:
        if people.covariates or people.takes or people.has:
            lines.append(f"{compound}: what is said of people does not apply to {disposition.species}")
        return lines
    several: dict[str, list[str]] = {}
    for doc, effect in applied_effects(compound, people, variant):
        if effect.unknown is None and effect.ratio != 1.0:
            several.setdefault(effect.parameter, []).append(doc.name.lower())
        if effect.status == "assumed":
            lines.append(f"{compound}: {doc.name.lower()} {band_text(doc, effect)}: {effect.reason}")
    for parameter, names in several.items():
        if len(names) > 1:
            lines.append(
                f"{compound}: the ratios of {' and '.join(names)} on {parameter} are multiplied; no study of both"
            )
    return lines
