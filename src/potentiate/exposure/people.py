"""People: one typical person or many that are drawn, and what is said of them."""

from __future__ import annotations

import dataclasses
import math
import zlib

import numpy as np

from ..errors import UsageError
from ..library.covariate import find_covariate

MOST_PEOPLE = 1_000_000


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
        order = generator(self.seed, f"share:{stated.covariate}").permutation(self.n)
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
                drawn += (stated.upper - stated.value) * generator(self.seed, f"value:{covariate}").random(self.n)
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


def generator(seed: int, what: str) -> np.random.Generator:
    """Return the random generator of one purpose: purposes do not disturb each other."""
    return np.random.default_rng([seed, zlib.crc32(what.encode())])
