"""From the trajectory of calcineurin and CaMKII to potentiation or depression: two regions of a plane.

While (CaN, CaMKII) lies in the region of potentiation (depression), that region's activation grows at a constant rate;
outside it decays slowly. A Hill function of each activation drives 100 independent three-state units,
depressed <-> unchanged <-> potentiated. The outcome is the difference of potentiated and depressed units in per cent.

The border is not smoothed and not located: over a time step the time inside is taken as the mean of the indicator at
the two ends. A crossing is then misplaced by at most half a step, and the activation by at most ``enter x step / 2``
per crossing (0.1 for a step of 1 ms, against a half-activation of 13,000).

References: Rodrigues et al. 2023, eLife 12:e80152 (rveltz/SynapseElife.jl: src/ParamsSynapse.jl, src/SynapseModel.jl).
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from typing import Any

import numpy as np

#: Corners of the region of depression, counter-clockwise (CaN, CaMKII in uM): the convex hull of the published points.
DEPRESSION_CORNERS = (
    (1.85, 11.327205882352938), (3.7650354609929075, 1.4), (6.35, 1.4), (6.35, 29.5), (5.650675675675676, 29.5),
    (1.85, 23.25),
)  # fmt: skip
POTENTIATION_CORNERS = ((6.35, 1.4), (10.0, 1.4), (10.0, 29.5), (6.35, 29.5))


def inside(corners: tuple[tuple[float, float], ...], can_uM: Any, camkii_uM: Any) -> Any:
    """Return whether points lie in a convex polygon (border included), same shape as the points.

    Parameters
    ----------
    corners : tuple of (CaN, CaMKII)
        Counter-clockwise.
    can_uM, camkii_uM : array or float
        Active calcineurin and CaMKII.
    """
    sides = zip(corners, (*corners[1:], corners[0]), strict=True)
    left_of = ((x1 - x0) * (camkii_uM - y0) - (y1 - y0) * (can_uM - x0) >= -1e-9 for (x0, y0), (x1, y1) in sides)
    return functools.reduce(operator.and_, left_of)


@dataclasses.dataclass(frozen=True)
class Readout:
    """Kinetics of the two activations and of the units.

    Attributes
    ----------
    depression, potentiation : tuple of corners
    enter : (depression, potentiation)
        Growth of an activation inside its region, 1/ms.
    fade : the same
        Decay outside, 1/ms.
    half : the same
        Activation at half of the largest rate of the units (Hill coefficient 2).
    slowest_ms : the same
        Time constant of the units at full activation.
    """

    depression: tuple[tuple[float, float], ...] = DEPRESSION_CORNERS
    potentiation: tuple[tuple[float, float], ...] = POTENTIATION_CORNERS
    enter: tuple[float, float] = (0.1, 0.2)
    fade: tuple[float, float] = (2e-5, 1e-4)
    half: tuple[float, float] = (80_000.0, 13_000.0)
    slowest_ms: tuple[float, float] = (18_000.0, 13_000.0)

    def indicators(self, can_uM: Any, camkii_uM: Any, *, xp: Any = np) -> Any:
        """Return 1 inside and 0 outside, for (depression, potentiation), shape (..., 2)."""
        found = (inside(self.depression, can_uM, camkii_uM), inside(self.potentiation, can_uM, camkii_uM))
        return xp.stack(found, axis=-1).astype(float)

    def advance(self, activation: Any, units: Any, part_inside: Any, step_ms: Any, *, xp: Any = np) -> tuple[Any, Any]:
        """Advance activations and units over a step.

        Parameters
        ----------
        activation : array, shape (..., 2)
        units : array, shape (..., 3)
            Fractions depressed, unchanged, potentiated.
        part_inside : array, shape (..., 2)
            Part of the step spent in each region.
        step_ms : float

        Returns
        -------
        activation, units : arrays of the same shapes
            Second order in the step.
        """
        enter, fade = xp.asarray(self.enter), xp.asarray(self.fade)
        half, slowest = xp.asarray(self.half), xp.asarray(self.slowest_ms)
        outside = (1.0 - part_inside) * step_ms
        after = activation * xp.exp(-fade * outside) + enter * part_inside * step_ms
        middle = 0.5 * (activation + after)
        rates = middle**2 / (middle**2 + half**2) / slowest
        down, up = rates[..., 0], rates[..., 1]

        def slope(p: Any) -> Any:
            low, rest, high = p[..., 0], p[..., 1], p[..., 2]
            fall, climb = down * rest - up * low, up * rest - down * high
            return xp.stack([fall, -fall - climb, climb], axis=-1)

        first = slope(units)
        return after, units + step_ms * first + 0.5 * step_ms**2 * slope(first)


def weight_change_percent(units: Any) -> Any:
    """Return potentiated minus depressed units in per cent, shape (...)."""
    return 100.0 * (units[..., 2] - units[..., 0])
