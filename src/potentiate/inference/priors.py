"""Priors of a posterior: what is believed of each number before the recordings are seen, always stated."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import UnknownNameError, UsageError
from ..kinetics.rate_map import RateParameter

#: Default standard deviation of the logarithm of a rate, affinity or weight: a factor of ten either way. Assumed: about
#: how far rates of one kind differ between published schemes of one receptor.
LOG_SD = math.log(10.0)

#: Default standard deviation of an inverse voltage slope in 1/mV: half an elementary charge moved through the whole
#: field (e/kT is 0.039/mV at 25 degC). Assumed.
SLOPE_SD_PER_MV = 0.02


@dataclasses.dataclass(frozen=True)
class Prior:
    """A normal distribution on the scale of the search (log for rates), cut off at two ends.

    Attributes
    ----------
    centre : float
    sd : float
        Infinite: flat between the ends, which must then be finite.
    low, high : float
        May be infinite.

    Examples
    --------
    >>> prior = Prior(0.0, 1.0, -2.0, 2.0)
    >>> [round(float(p), 3) for p in prior.cdf(np.array([-2.0, 0.0, 2.0]))]
    [0.0, 0.5, 1.0]
    """

    centre: float
    sd: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not (self.sd > 0 and self.low < self.high):
            raise UsageError(f"A prior from {self.low:g} to {self.high:g} with standard deviation {self.sd:g}")
        if math.isinf(self.sd) and not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise UsageError("A flat prior without ends", do="give low and high, or a standard deviation")
        if not math.isinf(self.sd) and not math.isfinite(self.centre):
            raise UsageError(f"A prior centred on {self.centre}")

    @property
    def precision(self) -> float:
        """One over the variance of the normal distribution before it is cut off; 0 where flat."""
        return 0.0 if math.isinf(self.sd) else self.sd**-2

    def cdf(self, x: Any) -> np.ndarray:
        """Return the chance of lying below `x` (on the scale of the search)."""
        x = np.clip(np.asarray(x, dtype=float), self.low, self.high)
        if math.isinf(self.sd):
            return (x - self.low) / (self.high - self.low)
        below, above, at = self._tails(x)
        return (at - below) / (above - below)

    def quantile(self, p: Any) -> np.ndarray:
        """Return where the chance of lying below is `p`."""
        p = np.asarray(p, dtype=float)
        if math.isinf(self.sd):
            return self.low + p * (self.high - self.low)
        from scipy.special import ndtri

        below, above, _ = self._tails(0.0)
        return np.clip(self.centre + self.sd * ndtri(below + p * (above - below)), self.low, self.high)

    def _tails(self, x: Any) -> tuple[Any, Any, Any]:
        from scipy.special import ndtr

        return tuple(ndtr((np.asarray(v) - self.centre) / self.sd) for v in (self.low, self.high, x))  # type: ignore[return-value]

    def describe(self, parameter: RateParameter) -> str:
        """Return the prior in words, in the unit of the parameter."""
        unit = f" {parameter.unit}" if parameter.unit else ""
        out = parameter.outward
        cut = f"cut off at {out(self.low):.4g} and {out(self.high):.4g}{unit}"
        if math.isinf(self.sd):
            return f"flat {'in the logarithm' if parameter.scale == 'log' else ''}, {cut}"
        if parameter.scale == "log":
            return f"log-normal, {out(self.centre):.4g}{unit} times or over {math.exp(self.sd):.4g}, {cut}"
        return f"normal, {self.centre:.4g} +- {self.sd:.4g}{unit}, {cut}"


def default_prior(parameter: RateParameter) -> Prior:
    """Return the prior of a parameter about which nothing was said.

    Normal on the scale of the search, centred on the value of the documents (where the search starts), with
    :data:`LOG_SD` or :data:`SLOPE_SD_PER_MV`, cut off at the limits of the search.
    """
    sd = LOG_SD if parameter.scale == "log" else SLOPE_SD_PER_MV
    low, high = (parameter.inward(end) for end in (parameter.low, parameter.high))
    return Prior(parameter.inward(parameter.start), sd, low, high)


def around(parameter: RateParameter, value: float, factor: float) -> Prior:
    """Return a log-normal prior around a value of one's own, cut off at the limits of the search.

    Parameters
    ----------
    parameter : RateParameter
        On a log scale.
    value : float
        Median, in the unit of the parameter.
    factor : float
        One standard deviation, as a factor larger than one.
    """
    if parameter.scale != "log":
        raise UsageError(f"{parameter.name} is not searched on a log scale", do="give a Prior")
    if not (factor > 1 and value > 0):
        raise UsageError(f"A prior around {value:g} by a factor of {factor:g}", do="value above 0, factor above 1")
    low, high = (parameter.inward(end) for end in (parameter.low, parameter.high))
    return Prior(math.log(value), math.log(factor), low, high)


def choose_priors(
    names: tuple[str, ...], default: tuple[Prior, ...], given: Mapping[str, Prior] | None
) -> tuple[Prior, ...]:
    """Return one prior per name: the one given, or the default.

    Raises
    ------
    UnknownNameError
    """
    for name in given or {}:
        if name not in names:
            raise UnknownNameError("parameter of the priors", name, names, do=f"free are: {', '.join(names)}")
    return tuple((given or {}).get(name, prior) for name, prior in zip(names, default, strict=True))
