"""A sigmoid of one condition (temperature, age, distance, calcium), as fitted by Rodrigues et al. 2023."""

from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Sigmoid:
    """``base + top / (1 + exp(slope (x - midpoint)))``; rising where the slope is negative.

    Attributes
    ----------
    slope, midpoint : float
    top, base : float
        Often large and of opposite sign: a sigmoid was fitted to a stretch that is nearly straight, so it says nothing
        outside that stretch.
    """

    slope: float
    midpoint: float
    top: float
    base: float = 0.0

    def at(self, x: float) -> float:
        """Return the value at a condition."""
        return self.base + self.top / (1.0 + math.exp(self.slope * (x - self.midpoint)))
