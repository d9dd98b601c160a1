"""The result of a fit: estimates with words, what the data know, and what was left over."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..measures.observable import Observable

if TYPE_CHECKING:
    import xarray as xr

    from .information import Information
    from .problem import Problem
    from .residuals import ResidualCheck


@dataclasses.dataclass(frozen=True)
class Estimate:
    """One fitted number.

    Attributes
    ----------
    name, unit : str
    value : float
    low, high : float
        Interval; infinite where a side is open.
    word : {"determined", "one-sided", "not determined", "no interval"}
    reason : str
    shared_by : str
    start, lowest, highest : float
        Of the search.
    """

    name: str
    unit: str
    value: float
    low: float
    high: float
    word: str
    reason: str
    shared_by: str
    start: float
    lowest: float
    highest: float

    def observable(self) -> Observable:
        """Return it in the form of every other result."""
        low, high = (x if math.isfinite(x) else None for x in (self.low, self.high))
        status = {"determined": "ok", "no interval": "ok"}.get(self.word, self.word)
        note = ("no interval was asked for",) if self.word == "no interval" else ()
        reason = self.reason or None
        return Observable(
            self.name, self.value, self.unit, status, reason,  # type: ignore[arg-type]
            None if self.word == "no interval" else (low, high), f"shared by: {self.shared_by}", note,
        )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Start:
    """One of several starts: where it ended."""

    theta: tuple[float, ...]
    misfit: float
    status: str
    iterations: int


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """A fitted problem.

    Attributes
    ----------
    problem : Problem
    objective : str
    theta : array, shape (p,)
        On the scale of the search.
    estimates : tuple of Estimate
    nuisance : mapping of name -> array
        Amplitude (nS), run-down, noise (pA) ... by cell or sweep, as solved.
    log_likelihood : float
    n_samples, n_parameters : int
        Parameters count everything that was estimated: rates, amplitudes, leaks, noise.
    aicc : float
    information : Information
    starts : tuple of Start
        Best first (a waterfall).
    checks : tuple of ResidualCheck
    correlation_time : float
        Samples that counted as one in the intervals.
    seconds : mapping of str -> float
        ``compile`` and ``search``.
    seed : int
    status : {"ok", "interrupted", "failed"}
    notes : tuple of str
    level : float
        Of the intervals.
    """

    problem: Problem
    objective: str
    theta: np.ndarray
    estimates: tuple[Estimate, ...]
    nuisance: Mapping[str, np.ndarray]
    log_likelihood: float
    n_samples: int
    n_parameters: int
    aicc: float
    information: Information
    starts: tuple[Start, ...]
    checks: tuple[ResidualCheck, ...]
    correlation_time: float
    seconds: Mapping[str, float]
    seed: int
    status: str = "ok"
    notes: tuple[str, ...] = ()
    level: float = 0.95

    def __getitem__(self, name: str) -> Estimate:
        """Return the estimate of a parameter by name."""
        from ..errors import UnknownNameError

        for estimate in self.estimates:
            if estimate.name == name:
                return estimate
        raise UnknownNameError("fitted parameter", name, [e.name for e in self.estimates])

    @property
    def values(self) -> dict[str, float]:
        """Name -> estimate."""
        return {e.name: e.value for e in self.estimates}

    def predictions(self) -> list[np.ndarray]:
        """Return the fitted currents, one array (sweep, time) in pA per experiment."""
        predicted, _ = self.problem.details(self.theta)
        result = [np.full(e.recording.sweeps.shape, np.nan) for e in self.problem.experiments]
        for group, rows in zip(self.problem.groups, predicted, strict=True):
            for (i, s), row in zip(group.sweeps, rows, strict=True):
                result[i][s] = row[: self.problem.experiments[i].recording.time_ms.size]
        return result

    def summary(self) -> str:
        """Return the table of estimates as text."""
        lines = [f"{'parameter':28} {'estimate':>11} {f'{100 * self.level:g} % interval':>25}  word"]
        for e in self.estimates:
            span = "-" if e.word == "no interval" else f"{e.low:.4g} to {e.high:.4g}"
            lines.append(f"{e.name:28} {e.value:11.4g} {span:>25}  {e.word}{': ' + e.reason if e.reason else ''}")
        return "\n".join(lines)

    def dataset(self) -> xr.Dataset:
        """Return the fit as a labelled data set: estimates, information, starts, noise, data and predictions."""
        from .store import to_dataset

        return to_dataset(self)

    def save(self, path: str | Path) -> Path:
        """Write the fit as NetCDF, to a temporary name first.

        Raises
        ------
        DataError
            The file cannot be written.
        """
        from .store import save

        return save(self.dataset(), path)
