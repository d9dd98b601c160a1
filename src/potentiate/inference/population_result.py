"""The result of a population fit: estimates with words, etas, and how the search ended."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from ..errors import UnknownNameError
from ..measures.observable import Observable
from .population_data import PopulationData
from .population_likelihood import Likelihood
from .population_model import PopulationModel
from .population_uncertainty import Uncertainty


@dataclasses.dataclass(frozen=True)
class PopulationEstimate:
    """One estimated number.

    Attributes
    ----------
    name, unit : str
    value : float
    se : float
        Standard error by the sandwich R^-1 S R^-1; NaN where there is none.
    se_hessian : float
        By R^-1 alone.
    low, high : float
        95 % interval; infinite where a side is open.
    word : {"determined", "one-sided", "not determined", "fixed", "no interval"}
    reason : str
    start : float
    """

    name: str
    unit: str
    value: float
    se: float
    se_hessian: float
    low: float
    high: float
    word: str
    reason: str
    start: float

    @property
    def rse(self) -> float:
        """Relative standard error in %."""
        return 100.0 * self.se / abs(self.value) if self.value else math.nan

    def observable(self) -> Observable:
        """Return it in the form of every other result."""
        status = {"determined": "ok", "no interval": "ok", "fixed": "ok"}.get(self.word, self.word)
        low, high = (x if math.isfinite(x) else None for x in (self.low, self.high))
        notes = (f"RSE {self.rse:.3g} %",) if math.isfinite(self.rse) else ()
        return Observable(
            self.name, self.value, self.unit, status, self.reason or None,  # type: ignore[arg-type]
            None if self.word in ("fixed", "no interval") else (low, high), "", notes,
        )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class PopulationStart:
    """One of several starts: where it ended."""

    objective: float
    status: str
    evaluations: int


@dataclasses.dataclass(frozen=True, eq=False)
class PopulationFit:
    """A fitted population model.

    Attributes
    ----------
    model : PopulationModel
    data : PopulationData
    method : str
    nodes : int
        Per eta, of quadrature; else 1.
    x : array, shape (p,)
        On the scale of the search.
    objective : float
        Minus twice the log likelihood without n log(2 pi), as NONMEM prints it.
    estimates : tuple of PopulationEstimate
    uncertainty : Uncertainty
    etas : array, shape (N, q)
        At the modes.
    by_subject : array, shape (N,)
        Parts of the objective.
    starts : tuple of PopulationStart
        Best first.
    seconds : mapping of str -> float
    seed : int
    notes : tuple of str
    likelihood : Likelihood
    """

    model: PopulationModel
    data: PopulationData
    method: str
    nodes: int
    x: np.ndarray
    objective: float
    estimates: tuple[PopulationEstimate, ...]
    uncertainty: Uncertainty
    etas: np.ndarray
    by_subject: np.ndarray
    starts: tuple[PopulationStart, ...]
    seconds: Mapping[str, float]
    seed: int
    notes: tuple[str, ...]
    likelihood: Likelihood

    def __getitem__(self, name: str) -> PopulationEstimate:
        """Return an estimate by name."""
        for estimate in self.estimates:
            if estimate.name == name:
                return estimate
        raise UnknownNameError("estimate", name, [e.name for e in self.estimates])

    @property
    def values(self) -> dict[str, float]:
        """Name -> estimate."""
        return {e.name: e.value for e in self.estimates}

    @property
    def minus_two_log_likelihood(self) -> float:
        """With the constant n log(2 pi)."""
        return self.objective + self.data.table.observations * math.log(2 * math.pi)

    @property
    def free(self) -> int:
        """Number of estimated numbers."""
        return sum(e.word != "fixed" for e in self.estimates)

    @property
    def aic(self) -> float:
        """Akaike's criterion of the likelihood with its constant."""
        return self.minus_two_log_likelihood + 2 * self.free


@dataclasses.dataclass(frozen=True, eq=False)
class PopulationValue:
    """The objective at given numbers: by subject, its gradient on the scale of the search, the etas."""

    objective: float
    by_subject: np.ndarray
    gradient: np.ndarray
    etas: np.ndarray
