"""People: what is said of them, what that does to a disposition, and how they differ.

A person's parameter is the typical value of the disposition (of the variant measured in such people), times the ratios
of the covariates that are on record, times ``exp(eta)`` with the spread between people that the source reports. A
covariate without evidence for a compound changes nothing, and the run says so.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UsageError
from ..library.covariate import CovariateDoc, CovariateEffect, VariantChoice, find_covariate
from .parameters import Drawn, typical_numbers

if TYPE_CHECKING:
    from ..library.disposition import Disposition

MOST_PEOPLE = 1_000_000

#: a 95 % interval of a normal variable reaches so many standard deviations to each side
_TWO_SIDED = 1.959963984540054

#: what cannot exceed one
_FRACTIONS = ("F", "fraction", "fu")

#: numbers beside the course, of which no spread is expected
_BESIDE = ("body_weight", "fu", "kpuu", "csf_ratio")


@dataclasses.dataclass(frozen=True)
class Stated:
    """One covariate as it was stated.

    Attributes
    ----------
    covariate : str
        Id of the document.
    level : str or None
        Of a state.
    value, upper : float or None
        Of a number, in the unit of the document; with `upper` people are spread evenly between the two.
    text : str or None
        Of a genotype.
    share : float
        Of the people to whom it applies.
    """

    covariate: str
    level: str | None = None
    value: float | None = None
    upper: float | None = None
    text: str | None = None
    share: float = 1.0

    def __post_init__(self) -> None:
        doc = find_covariate(self.covariate)
        where = f"covariate {doc.keys[0]}"
        if not (math.isfinite(self.share) and 0 < self.share <= 1):
            raise UsageError(f"A share of {self.share * 100:g} % of the people", where=where, do="give 0 to 100 %")
        if doc.kind == "state":
            if self.level is None or self.value is not None:
                raise UsageError(f"{doc.name} is a state, not a number", where=where, do="name one of its levels")
            doc.level(self.level)
        elif doc.kind == "number":
            if self.value is None or doc.valid is None:
                raise UsageError(f"{doc.name} needs a number", where=where, do=f"write {doc.keys[0]}=... {doc.unit}")
            for value in (self.value, self.upper):
                if value is not None and not (math.isfinite(value) and doc.valid[0] <= value <= doc.valid[1]):
                    raise UsageError(
                        f"{doc.name} of {value:g} {doc.unit} is out of range",
                        where=where,
                        why=f"valid are {doc.valid[0]:g} to {doc.valid[1]:g} {doc.unit}: {doc.valid_because}",
                        do="check the number and its unit",
                    )
            if self.upper is not None and self.upper < self.value:
                raise UsageError(f"{doc.name} from {self.value:g} to {self.upper:g}", where=where, do="low..high")

    def show(self) -> str:
        """Return the statement in words."""
        doc = find_covariate(self.covariate)
        said = self.level or self.text or ""
        if self.value is not None:
            said = f"{self.value:g}" + (f" to {self.upper:g}" if self.upper is not None else "") + f" {doc.unit}"
        share = "" if self.share == 1 else f" ({self.share * 100:g} % of the people)"
        return f"{doc.name.lower()}: {said}{share}"


@dataclasses.dataclass(frozen=True)
class People:
    """A population: one typical person, or many that are drawn.

    Attributes
    ----------
    n : int
    seed : int
        All draws follow from it; a person's deviations do not depend on covariates, route or other compounds.
    covariates : tuple of Stated
    variability : bool
        Whether people differ as the sources report; without it all are typical for what is stated of them.
    uncertainty : bool
        Whether the ratios of covariates and interactions are drawn from their intervals too; bands then hold both
        the spread between people and what is not known.
    takes, has : tuple of str
        Medicines and conditions (ids), for interactions.

    Raises
    ------
    UsageError
        Contradictory covariates, no people, more than :data:`MOST_PEOPLE`.
    """

    n: int = 1
    seed: int = 1
    covariates: tuple[Stated, ...] = ()
    variability: bool = False
    uncertainty: bool = False
    takes: tuple[str, ...] = ()
    has: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.n <= MOST_PEOPLE:
            raise UsageError(f"{self.n} people", why=f"1 to {MOST_PEOPLE} can be drawn", do="change their number")
        if self.seed < 0:
            raise UsageError(f"Seed {self.seed} is negative", do="give zero or more")
        shares: dict[str, float] = {}
        for stated in self.covariates:
            if stated.covariate in shares and (stated.share == 1 or shares[stated.covariate] == 1):
                doc = find_covariate(stated.covariate)
                raise UsageError(f"{doc.name} is stated twice", where=f"covariate {doc.keys[0]}", do="state it once")
            shares[stated.covariate] = shares.get(stated.covariate, 0.0) + stated.share
            if shares[stated.covariate] > 1 + 1e-9:
                raise UsageError(f"Shares of {stated.covariate} add up to {shares[stated.covariate] * 100:g} %")
            if stated.share < 1 and self.n == 1:
                raise UsageError(
                    f"{stated.share * 100:g} % of one person", where=stated.show(), do="give the number of people"
                )
        for stated in self.covariates:
            for rule in find_covariate(stated.covariate).excludes:
                for other in self.covariates:
                    if (
                        rule.level == stated.level
                        and rule.covariate == other.covariate
                        and (rule.other in ("any", other.level))
                        and not is_reference(other)
                    ):
                        raise UsageError(
                            f"Contradictory: {stated.show()} and {other.show()}",
                            why=rule.why,
                            do="leave one out; groups of different people are separate runs",
                        )

    def stated(self, covariate: str) -> tuple[Stated, ...]:
        """Return what is stated of one covariate."""
        return tuple(s for s in self.covariates if s.covariate == covariate)

    def members(self, stated: Stated) -> np.ndarray:
        """Return to whom a statement applies, bool (n,): exactly its share of the people, drawn by the seed."""
        if stated.share == 1:
            return np.ones(self.n, dtype=bool)
        order = _generator(self.seed, f"share:{stated.covariate}").permutation(self.n)
        start = 0.0
        for other in self.stated(stated.covariate):
            if other is stated or other == stated:
                break
            start += other.share
        found = np.zeros(self.n, dtype=bool)
        found[order[round(start * self.n) : round((start + stated.share) * self.n)]] = True
        return found

    def values(self, covariate: str) -> np.ndarray:
        """Return the numbers of a covariate, (n,), NaN for people of whom it is not stated."""
        found = np.full(self.n, np.nan)
        for stated in self.stated(covariate):
            if stated.value is None:
                continue
            drawn = np.full(self.n, stated.value)
            if stated.upper is not None:
                drawn += (stated.upper - stated.value) * _generator(self.seed, f"value:{covariate}").random(self.n)
            found = np.where(self.members(stated), drawn, found)
        return found

    def weight_kg(self, reference_kg: float) -> np.ndarray:
        """Return body weights, (n,): as stated, else the reference."""
        stated = self.values("weight")
        return np.where(np.isnan(stated), reference_kg, stated)

    def show(self) -> str:
        """Return one line: who they are."""
        many = "one person" if self.n == 1 else f"{self.n} people"
        kind = "drawn with the reported spread" if self.variability else "typical"
        if self.uncertainty:
            kind += ", ratios drawn from their intervals"
        said = [s.show() for s in self.covariates]
        said += [f"takes {name}" for name in self.takes] + [f"has {name}" for name in self.has]
        return f"{many}, {kind} (seed {self.seed})" + (": " + "; ".join(said) if said else "")


#: One person as the sources describe them on average.
TYPICAL = People()


def is_reference(stated: Stated) -> bool:
    """Whether a state is the first level of its document, which says that nothing is the matter."""
    doc = find_covariate(stated.covariate)
    return doc.kind == "state" and stated.covariate != "sex" and stated.level == doc.levels[0].name


def _generator(seed: int, what: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(what.encode())])


# ------------------------------------------------------------------------------------------- covariate effects
def _in_band(entry: CovariateEffect | VariantChoice, values: np.ndarray) -> np.ndarray:
    low = -math.inf if entry.at_least is None else entry.at_least
    high = math.inf if entry.below is None else entry.below
    with np.errstate(invalid="ignore"):
        return (values >= low) & (values < high)


def _applies(doc: CovariateDoc, entry: CovariateEffect | VariantChoice, people: People) -> np.ndarray:
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
def _applied(
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
            if _applies(doc, effect, people).any():
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
    for doc, effect in _applied(compound, people, variant):
        if effect.unknown is not None or effect.parameter == "per-kg":
            continue
        if effect.decay is not None:
            hours = np.nan_to_num(people.values(doc.id))
            ratio = np.array([effect.decay.at(h) for h in hours])
        else:
            ratio = np.full(people.n, effect.ratio)
            if people.uncertainty and effect.interval is not None and effect.ratio is not None:
                z = _generator(people.seed, f"ratio:{doc.id}:{compound}:{effect.parameter}").standard_normal(people.n)
                ratio = spread_ratio(effect.ratio, effect.interval, z)
        there = _applies(doc, effect, people)
        found[effect.parameter] = found.get(effect.parameter, np.ones(people.n)) * np.where(there, ratio, 1.0)
    return found


def blocked(compound: str, people: People = TYPICAL) -> str | None:
    """Return why the exposure of a compound cannot be given in these people, or nothing."""
    for doc, effect in _applied(compound, people):
        if effect.blocks:
            return f"{doc.name.lower()} {_band_text(doc, effect)}: {effect.unknown} [{effect.source}]"
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
        chosen = {v.variant: v for v in doc.variants if v.compound == compound and _applies(doc, v, people).any()}
        whole = all(_applies(doc, v, people).all() for v in chosen.values())
        if len(chosen) > 1 or not whole:
            raise UsageError(
                f"A mixture of people over {doc.name.lower()}",
                why=f"{compound} has a model of its own for each of them",
                do="run the groups separately",
            )
        for name, choice in chosen.items():
            return name, choice.reason
    return None


def _band_text(doc: CovariateDoc, effect: CovariateEffect) -> str:
    if effect.level is not None:
        return effect.level
    if effect.only is not None:
        return effect.only
    if effect.at_least is not None and effect.below is not None:
        return f"{effect.at_least:g} to {effect.below:g} {doc.unit}"
    if effect.at_least is not None:
        return f"from {effect.at_least:g} {doc.unit}"
    return f"below {effect.below:g} {doc.unit}" if effect.below is not None else ""


# ------------------------------------------------------------------------------------------------ individuals
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
        _generator(people.seed, f"eta:{disposition.id}:{name}").standard_normal(people.n) for name in names
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
            stream = _generator(people.seed, f"typical:{disposition.id}:{name}")
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
    for doc, effect in _applied(compound, people, variant):
        if effect.unknown is None and effect.ratio != 1.0:
            several.setdefault(effect.parameter, []).append(doc.name.lower())
        if effect.status == "assumed":
            lines.append(f"{compound}: {doc.name.lower()} {_band_text(doc, effect)}: {effect.reason}")
    for parameter, names in several.items():
        if len(names) > 1:
            lines.append(
                f"{compound}: the ratios of {' and '.join(names)} on {parameter} are multiplied; no study of both"
            )
    return lines
