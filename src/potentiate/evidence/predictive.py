"""A predictive distribution from an ensemble: normals around the samples, on a linear or a log scale, and its score.

The log score is the logarithm of the density that a forecast gave to what came about (Good 1952; Gneiting & Raftery
2007): it rewards a forecast that is right and sharp, and cannot be improved by saying other than what one believes. The
measured mean is no exact number, so its standard error widens every normal. On a log scale the density is that per unit
of the natural logarithm.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..errors import DataError, NumericalError
from ..library.prediction import Scale

#: Silverman's rule of thumb.
_SILVERMAN = 0.9


@dataclasses.dataclass(frozen=True)
class Score:
    """How a forecast did.

    Attributes
    ----------
    log_score, reference : float
        Natural logarithm of the density of the forecast, and of the one to beat.
    quantile : float
        Share of the forecast that lies below what came about: uniform where forecasts are honest.
    """

    log_score: float
    reference: float
    quantile: float

    @property
    def gain(self) -> float:
        """Return how much better than the one to beat, in natural units: 0.7 is twice the density."""
        return self.log_score - self.reference

    def inside(self, share: float) -> bool:
        """Return whether what came about lies in the central interval of this share."""
        return abs(self.quantile - 0.5) <= 0.5 * share


@dataclasses.dataclass(frozen=True)
class Predictive:
    """A mixture of normals of one width, on its scale.

    Attributes
    ----------
    values : tuple of float
        The samples, in the unit of the outcome.
    scale : {"log", "linear"}
    bandwidth : float
        Standard deviation of each normal on the scale.
    """

    values: tuple[float, ...]
    scale: Scale
    bandwidth: float

    @classmethod
    def around(cls, values: Sequence[float], scale: Scale, discrepancy: float) -> Predictive:
        """Return the distribution of samples, no sharper than the discrepancy that is assumed.

        Raises
        ------
        NumericalError
            No finite sample, or one that is not positive on a log scale.

        Examples
        --------
        >>> Predictive.around([2.0, 2.0], "log", 0.1).bandwidth
        0.1
        """
        points = _scaled(values, scale)
        if points.size == 0 or not np.all(np.isfinite(points)):
            why = "on a log scale every sample must be positive" if scale == "log" else "a sample is not finite"
            raise NumericalError("The samples make no distribution", why=why if points.size else "there is none")
        spread = float(np.std(points, ddof=1)) if points.size > 1 else 0.0
        middle = float(np.subtract(*np.quantile(points, [0.75, 0.25]))) / 1.349
        width = _SILVERMAN * (min(spread, middle) or spread) * points.size**-0.2
        return cls(tuple(float(v) for v in values), scale, max(width, discrepancy))

    def quantile(self, share: float) -> float:
        """Return the value below which a share of the distribution lies.

        Examples
        --------
        >>> round(Predictive((1.0,), "linear", 1.0).quantile(0.975), 2)
        2.96
        """
        from scipy.optimize import brentq

        points = _scaled(self.values, self.scale)
        low, high = points.min() - 12 * self.bandwidth, points.max() + 12 * self.bandwidth
        at: float = brentq(lambda x: _below(x, points, self.bandwidth) - share, low, high, xtol=1e-10)  # pyright: ignore
        return math.exp(at) if self.scale == "log" else at

    def interval(self, share: float) -> tuple[float, float]:
        """Return the central interval that holds a share of the distribution."""
        return self.quantile(0.5 - 0.5 * share), self.quantile(0.5 + 0.5 * share)

    def score(self, value: float, standard_error: float, centre: float, spread: float) -> Score:
        """Score the distribution against a measured mean.

        Parameters
        ----------
        value, standard_error : float
            In the unit of the outcome.
        centre, spread : float
            The forecast to beat: centre in that unit, standard deviation on the scale.

        Raises
        ------
        DataError
            On a log scale, a mean that is not positive.
        """
        if self.scale == "log" and value <= 0:
            raise DataError(
                f"The measured value is {value:g}", why="the outcome was predicted as a ratio, which is positive",
                do="give the ratio of means, not a difference",
            )  # fmt: skip
        at, error = float(_scaled([value], self.scale)[0]), standard_error
        if self.scale == "log":
            error = standard_error / value
        points, middle = _scaled(self.values, self.scale), _scaled([centre], self.scale)
        width, broad = math.hypot(self.bandwidth, error), math.hypot(spread, error)
        return Score(
            _log_density(at, points, width), _log_density(at, middle, broad), float(_below(at, points, width))
        )


def _scaled(values: Sequence[float], scale: Scale) -> np.ndarray:
    points = np.asarray(values, float)
    if scale == "linear":
        return points
    return np.log(np.where(points > 0, points, np.nan))


def _below(x: float, points: np.ndarray, width: float) -> float:
    from scipy.special import ndtr

    return float(np.mean(ndtr((x - points) / width)))


def _log_density(x: float, points: np.ndarray, width: float) -> float:
    z = -0.5 * ((x - points) / width) ** 2
    top = float(z.max())
    return top + math.log(float(np.mean(np.exp(z - top)))) - math.log(width * math.sqrt(2.0 * math.pi))
