"""The recording chamber: how a change of what flows in reaches the slice, and how warm it is there."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..errors import UsageError


@dataclasses.dataclass(frozen=True)
class Chamber:
    """A chamber that is mixed well and perfused without pause.

    Attributes
    ----------
    name : str
    volume_mL, flow_mL_per_min : float
        Their ratio is the time constant of exchange.
    dead_time_s : float
        From the tap to the chamber.
    faces : {1, 2}
        Faces of the slice that the bath reaches: 1 for a slice that lies on the bottom, 2 on a net or mesh.
    warming_min : float
        Time constant with which bath and slice follow a set temperature.
    assumed : tuple of str
    """

    name: str
    volume_mL: float
    flow_mL_per_min: float
    dead_time_s: float
    faces: Literal[1, 2] = 2
    warming_min: float = 2.0
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what in ("volume_mL", "flow_mL_per_min", "warming_min"):
            if not (math.isfinite(getattr(self, what)) and getattr(self, what) > 0):
                raise UsageError(
                    f"{what} is {getattr(self, what)!r}", where=f"chamber {self.name!r}", why="not above zero"
                )
        if not (math.isfinite(self.dead_time_s) and self.dead_time_s >= 0):
            raise UsageError(f"dead_time_s is {self.dead_time_s!r}", where=f"chamber {self.name!r}", why="below zero")
        if self.faces not in (1, 2):
            raise UsageError(
                f"A slice with {self.faces!r} free faces",
                where=f"chamber {self.name!r}",
                do="give 1 (on the bottom) or 2",
            )

    @property
    def exchange_s(self) -> float:
        """Time constant of the exchange of the bath, s."""
        return 60.0 * self.volume_mL / self.flow_mL_per_min

    def bath_uM(self, steps: Sequence[tuple[float, float]], t_min: Any) -> Any:
        """Return the concentration in the bath.

        Parameters
        ----------
        steps : sequence of (min, uM)
            Changes of what flows in (at the tap), in order of time; zero before.
        t_min : (n,) array or float

        Returns
        -------
        (n,) array or float
            uM.
        """
        return superpose(steps, t_min, self.unit_step, self.dead_time_s)

    def unit_step(self, t_s: Any) -> Any:
        """Return the bath's answer to a unit step of what enters it at 0 s."""
        return -np.expm1(-np.maximum(np.asarray(t_s, float), 0.0) / self.exchange_s)

    def temperature_degC(self, steps: Sequence[tuple[float, float]], t_min: Any) -> Any:
        """Return the temperature of the slice.

        Parameters
        ----------
        steps : sequence of (min, degC)
            Temperatures that are set, in order of time; the first holds since ever.

        Raises
        ------
        UsageError
            No temperature is set.
        """
        if not steps:
            raise UsageError("The timetable sets no temperature", do="add a TemperatureStep at the start of recovery")
        t = np.asarray(t_min, float)
        value, before = np.full(t.shape, steps[0][1]), steps[0][1]
        for at, set_to in steps[1:]:
            value = value + (set_to - before) * -np.expm1(-np.maximum(t - at, 0.0) / self.warming_min)
            before = set_to
        return value if value.ndim else float(value)


def superpose(steps: Sequence[tuple[float, float]], t_min: Any, unit_step: Any, delay_s: float) -> Any:
    """Return the answer of a linear system to steps: the sum of its answers to each change."""
    t = np.asarray(t_min, float)
    value, before = np.zeros(t.shape), 0.0
    for at, level in steps:
        value = value + (level - before) * unit_step((t - at) * 60.0 - delay_s)
        before = level
    return value if value.ndim else float(value)


_DEAD = "30 s from the tap to the chamber and 2 min to follow a set temperature (delay the drug; shift all rates)"

#: 0.4 mL perfused at 2.2-2.5 mL/min: a submerged chamber for hippocampal slices (preprint, methods read).
SUBMERGED = Chamber(
    "submerged, on a net", 0.4, 2.35, 30.0, 2, 2.0,
    (_DEAD, "the slice lies on a net and is reached from both faces; on the bottom diffusion takes four times as long"),
)  # fmt: skip
SUBMERGED_ON_GLASS = dataclasses.replace(SUBMERGED, name="submerged, on the bottom", faces=1, assumed=(_DEAD,))
#: Interface chamber with 2 mL/min (preprint, methods read); its volume is assumed.
INTERFACE = Chamber(
    "interface", 1.0, 2.0, 30.0, 2, 2.0,
    (_DEAD, "1 mL under and around the slice, and a film of saline above it"),
)  # fmt: skip

CHAMBERS = {c.name: c for c in (SUBMERGED, SUBMERGED_ON_GLASS, INTERFACE)}
