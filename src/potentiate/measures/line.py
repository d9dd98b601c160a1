"""A straight line through points, with Student's t intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError


@dataclass(frozen=True)
class StraightLine:
    """Ordinary least squares of y on x.

    Attributes
    ----------
    slope, intercept : float
        NaN where fewer than two different x are given. `intercept` is 0 for a line through zero.
    slope_se : float
        NaN where no degree of freedom is left.
    dof : int
        Points minus free parameters.
    reach : float
        Half of the 95 % interval of the slope.
    """

    slope: float
    intercept: float
    slope_se: float
    dof: int
    reach: float

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the slope; None where the points leave nothing to judge the noise by."""
        return None if math.isnan(self.reach) else (self.slope - self.reach, self.slope + self.reach)


def straight_line(x: ArrayLike, y: ArrayLike, *, through_zero: bool = False) -> StraightLine:
    """Fit a straight line.

    Parameters
    ----------
    x, y : (n,) arrays
        Pairs with NaN are left out.
    through_zero : bool

    Raises
    ------
    UsageError
        Lengths differ.

    Examples
    --------
    >>> straight_line([0, 1, 2], [1, 3, 5]).slope
    2.0
    """
    a, b = np.asarray(x, dtype=float).ravel(), np.asarray(y, dtype=float).ravel()
    if a.shape != b.shape:
        raise UsageError("x and y differ in number", why=f"{a.size} and {b.size}")
    used = np.isfinite(a) & np.isfinite(b)
    a, b = a[used], b[used]
    free = 1 if through_zero else 2
    centre = 0.0 if through_zero or a.size == 0 else float(a.mean())
    spread = float(((a - centre) ** 2).sum())
    if a.size < free or spread <= 0:
        return StraightLine(math.nan, math.nan, math.nan, 0, math.nan)
    slope = float((a - centre) @ b / spread)
    intercept = 0.0 if through_zero else float(b.mean() - slope * centre)
    dof = a.size - free
    if dof < 1:
        return StraightLine(slope, intercept, math.nan, 0, math.nan)
    from scipy.special import stdtrit

    left = b - intercept - slope * a
    error = math.sqrt(float(left @ left) / dof / spread)
    return StraightLine(slope, intercept, error, dof, error * float(stdtrit(dof, 0.975)))
