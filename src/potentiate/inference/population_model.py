"""A population PK model: structure, who varies, covariates, residual error; and its numbers on the scale of a search.

Individual parameters are log-normal: ``log P_i = log theta_P + covariates + eta_iP`` with eta ~ N(0, Omega). On the
scale of the search everything is linear in that logarithm: log theta, coefficients of covariates (log(1 + c) for a
condition), log omega, partial correlations as atanh, log sigma. The natural numbers are those of NONMEM: theta, the
elements of Omega (variances), sigma as variances.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..errors import UnknownNameError, UsageError
from ..mechanisms.pk_closed_forms import PARAMETER_UNITS, STRUCTURES, parameter_set
from .covariate_relation import Relation, parse_relation

#: error -> its variances, in the order of the search
ERRORS = {"proportional": ("proportional",), "additive": ("additive",), "combined": ("proportional", "additive")}

ErrorModel = Literal["proportional", "additive", "combined"]


@dataclasses.dataclass(frozen=True)
class PopulationModel:
    """What a population fit estimates.

    Attributes
    ----------
    structure : str
        Key of :data:`potentiate.mechanisms.pk_closed_forms.STRUCTURES`.
    parameters : tuple of str
    etas : tuple of str
        Parameters that vary between people.
    blocks : tuple of tuple of str
        Groups of etas that are correlated.
    relations : tuple of Relation
    error : {"proportional", "additive", "combined"}
        Variance of an observation: sigma_p f^2 + sigma_a.
    """

    structure: str
    parameters: tuple[str, ...]
    etas: tuple[str, ...]
    blocks: tuple[tuple[str, ...], ...] = ()
    relations: tuple[Relation, ...] = ()
    error: ErrorModel = "proportional"

    @property
    def coefficients(self) -> tuple[Relation, ...]:
        """Relations with a coefficient of their own."""
        return tuple(r for r in self.relations if r.estimated)

    @property
    def correlated(self) -> tuple[tuple[int, int], ...]:
        """Pairs (row, column) of etas, row > column, that are correlated."""
        place = {name: k for k, name in enumerate(self.etas)}
        pairs = [
            (max(place[a], place[b]), min(place[a], place[b]))
            for block in self.blocks for a, b in itertools.combinations(block, 2)
        ]  # fmt: skip
        return tuple(sorted(pairs))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the natural numbers, in the order of the search."""
        return (
            *self.parameters, *(r.text for r in self.coefficients), *(f"omega {n}" for n in self.etas),
            *(f"omega {self.etas[j]},{self.etas[i]}" for i, j in self.correlated),
            *(f"sigma {n}" for n in ERRORS[self.error]),
        )  # fmt: skip

    @property
    def fixed_effects(self) -> int:
        """Number of thetas: parameters and coefficients of covariates."""
        return len(self.parameters) + len(self.coefficients)

    def units(self, volume: str, concentration: str, covariates: Mapping[str, str]) -> tuple[str, ...]:
        """Return the unit of each natural number."""
        found = []
        for name in self.parameters:
            unit = PARAMETER_UNITS[name].format(volume=volume)
            for r in self.relations:
                if r.parameter == name and r.form == "factor" and r.reference == 1.0:
                    unit = f"{unit} per {covariates.get(r.covariate) or r.covariate}"
            found.append(unit)
        for r in self.coefficients:
            found.append(f"1/{covariates.get(r.covariate) or r.covariate}" if r.form == "exponential" else "")
        found += [""] * (len(self.etas) + len(self.correlated))
        return (*found, *({"proportional": "", "additive": f"({concentration})^2"}[n] for n in ERRORS[self.error]))

    # --------------------------------------------------------------------------------- search and natural numbers

    def outward(self, x: np.ndarray) -> np.ndarray:
        """Return the natural numbers of a point of the search, shape (p,)."""
        n, k, q = len(self.parameters), self.fixed_effects, len(self.etas)
        omega = np.asarray(omega_of(self, x))
        middle = [r.outward(x[n + i]) for i, r in enumerate(self.coefficients)]
        off = [omega[i, j] for i, j in self.correlated]
        sigma = np.exp(2 * x[k + q + len(off) :])
        return np.array([*np.exp(x[:n]), *middle, *np.diag(omega), *off, *sigma])

    def inward(self, natural: np.ndarray) -> np.ndarray:
        """Return the point of the search of natural numbers.

        Raises
        ------
        UsageError
            A parameter or variance that is not above 0, correlations that no covariance matrix has.
        """
        n, k, q = len(self.parameters), self.fixed_effects, len(self.etas)
        m = len(self.correlated)
        for name, value in zip(self.names, natural, strict=True):
            if not math.isfinite(value):
                raise UsageError(f"{name} of {value:g}", do="give a number")
        positive = [*range(n), *range(k, k + q), *range(k + q + m, len(natural))]
        for i in positive:
            if not natural[i] > 0:
                raise UsageError(f"{self.names[i]} of {natural[i]:g}", do="give it above 0")
        omega = np.diag(natural[k : k + q])
        for (i, j), value in zip(self.correlated, natural[k + q : k + q + m], strict=True):
            omega[i, j] = omega[j, i] = value
        sd = np.sqrt(np.diag(omega))
        try:
            lower = np.linalg.cholesky(omega / np.outer(sd, sd))
        except np.linalg.LinAlgError:
            raise UsageError("Omega is not positive definite", do="give smaller covariances") from None
        partial = [
            lower[i, j] / math.sqrt(1.0 - float(np.sum(lower[i, :j] ** 2))) for i, j in self.correlated
        ]  # fmt: skip
        middle = [r.inward(natural[n + i]) for i, r in enumerate(self.coefficients)]
        return np.array([
            *np.log(natural[:n]), *middle, *np.log(sd), *np.arctanh(partial), *(0.5 * np.log(natural[k + q + m :]))
        ])  # fmt: skip

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """Return d natural / d x, shape (p, p), by central differences of an exact map (error below 1e-9)."""
        step = 1e-5
        columns = []
        for i in range(x.size):
            up, down = x.copy(), x.copy()
            up[i] += step
            down[i] -= step
            columns.append((self.outward(up) - self.outward(down)) / (2 * step))
        return np.stack(columns, axis=1)

    def describe(self) -> str:
        """Return the model in one line."""
        parts = [self.structure, f"parameters {', '.join(self.parameters)}", f"vary between people: {self._varying()}"]
        if self.relations:
            parts.append("covariates " + "; ".join(r.text for r in self.relations))
        return f"{'; '.join(parts)}; {self.error} error"

    def _varying(self) -> str:
        inside = {name for block in self.blocks for name in block}
        return ", ".join(
            [f"({', '.join(block)})" for block in self.blocks] + [name for name in self.etas if name not in inside]
        )


def population_model(
    structure: str, *, parameters: Sequence[str] = (), etas: Sequence[str] | None = None,
    blocks: Sequence[Sequence[str]] = (), covariates: Sequence[str] = (), error: ErrorModel = "proportional",
) -> PopulationModel:  # fmt: skip
    """Return a population model, its names checked.

    Parameters
    ----------
    structure : str
        ``one-compartment-iv``, ``one-compartment-oral``, and the same of two and three compartments.
    parameters : sequence of str, optional
        Another parameterisation, or TLAG and F besides: ``("KA", "CL", "KE")``. Default: clearances and volumes.
    etas : sequence of str, optional
        Parameters that vary between people; default all.
    blocks : sequence of sequence of str
        Etas that are correlated: ``[("CL", "V")]``.
    covariates : sequence of str
        Relations: ``["CL~WT", "V~APGR<5"]``.
    error : {"proportional", "additive", "combined"}

    Raises
    ------
    UsageError, UnknownNameError

    Examples
    --------
    >>> population_model("one-compartment-iv", covariates=["CL~WT", "V~APGR<5"]).names
    ('CL', 'V', 'V~APGR<5', 'omega CL', 'omega V', 'sigma proportional')
    """
    if structure not in STRUCTURES:
        raise UnknownNameError("model", structure, STRUCTURES, do=f"one of {', '.join(STRUCTURES)}")
    if error not in ERRORS:
        raise UnknownNameError("error model", error, ERRORS, do=f"one of {', '.join(ERRORS)}")
    names = parameter_set(structure, tuple(p.upper() for p in parameters) or STRUCTURES[structure][0])
    varying = names if etas is None else tuple(n for n in names if n in {e.upper() for e in etas})
    for name in etas or ():
        if name.upper() not in names:
            raise UnknownNameError("parameter", name, names, do=f"the model has {', '.join(names)}")
    if not varying:
        raise UsageError("Nobody varies", why="a population model needs a parameter that varies between people",
                         do="name at least one in etas")  # fmt: skip
    used: set[str] = set()
    for name in (n.upper() for block in blocks for n in block):
        if name not in varying:
            raise UnknownNameError("parameter that varies", name, varying, do=f"those that vary: {', '.join(varying)}")
        if name in used:
            raise UsageError(f"{name} is in two blocks", do="join the blocks")
        used.add(name)
    if any(len(block) < 2 for block in blocks):
        raise UsageError("A block of one", why="a correlation needs two", do="name two or more")
    relations = tuple(parse_relation(text) for text in covariates)
    for r in relations:
        if r.parameter not in names:
            raise UnknownNameError(f"parameter in {r.text!r}", r.parameter, names,
                                   do=f"the model has {', '.join(names)}")  # fmt: skip
    texts = [r.text for r in relations]
    if len(set(texts)) < len(texts):
        raise UsageError("A covariate relation is given twice", do="give each once")
    made = tuple(tuple(n for n in names if n in {b.upper() for b in block}) for block in blocks)
    return PopulationModel(structure, names, varying, made, relations, error)


def omega_of(model: PopulationModel, x: Any, *, xp: Any = np) -> Any:
    """Return the covariance of the etas, shape (q, q)."""
    lower = omega_root(model, x, xp=xp)
    return lower @ lower.T


def omega_root(model: PopulationModel, x: Any, *, xp: Any = np) -> Any:
    """Return the lower Cholesky factor of Omega, shape (q, q).

    Correlations come from canonical partial correlations tanh(x), so that every point of the search has a covariance
    matrix (Lewandowski, Kurowicka & Joe 2009, J Multivar Anal 100:1989).
    """
    k, q = model.fixed_effects, len(model.etas)
    sd = xp.exp(x[k : k + q])
    partial = {pair: xp.tanh(x[k + q + n]) for n, pair in enumerate(model.correlated)}
    rows = []
    for i in range(q):
        left = 1.0
        row = []
        for j in range(i):
            entry = partial.get((i, j), 0.0) * left**0.5
            left = left - entry**2
            row.append(entry)
        rows.append([sd[i] * e for e in row] + [sd[i] * left**0.5] + [0.0] * (q - i - 1))
    return xp.stack([xp.stack([xp.asarray(e) for e in row]) for row in rows])
