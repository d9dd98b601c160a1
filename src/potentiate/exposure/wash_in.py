"""Wash-in and wash-out of drugs in a slice: exchange of the bath, then diffusion from its free faces.

The concentration inside is the exact series solution of diffusion in one dimension, driven by the exponential of
the bath. Drugs that bind or enter cells are slower: `retardation` divides their diffusion coefficient.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import UsageError
from ..protocols.timetable import Induce, Timetable, WashIn, WashOut
from .chamber import SUBMERGED, Chamber, superpose

#: Apparent diffusion coefficient of a small molecule in neuropil, um2/ms: glutamate has about 0.32 in CA1
#: (zheng2008); small ions are slowed 2.6-fold against water (nicholson2011).
DIFFUSION_UM2_PER_MS = 0.3

#: Odd modes of the series; what is left out is below 1e-6 of the bath level.
_MODES = 2 * np.arange(200) + 1


@dataclasses.dataclass(frozen=True)
class Tissue:
    """The slice as a slab in which a drug diffuses.

    Attributes
    ----------
    thickness_um : float
    depth_um : float or None
        Distance of the recorded synapses from the upper (always free) face; None: the mean over the slice, as a
        field potential sees it.
    diffusion_um2_per_ms : float
        Apparent coefficient of a drug that neither binds nor enters cells.
    retardation : mapping of compound -> factor
        One plus the ratio of bound to free drug; 1 where it is not given.
    """

    thickness_um: float = 400.0
    depth_um: float | None = None
    diffusion_um2_per_ms: float = DIFFUSION_UM2_PER_MS
    retardation: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for what in ("thickness_um", "diffusion_um2_per_ms"):
            if not (math.isfinite(getattr(self, what)) and getattr(self, what) > 0):
                raise UsageError(f"{what} is {getattr(self, what)!r}", where="tissue", why="not above zero")
        if self.depth_um is not None and not 0.0 <= self.depth_um <= self.thickness_um:
            raise UsageError(
                f"Depth {self.depth_um!r} um", where="tissue", why=f"the slice is {self.thickness_um:g} um thick"
            )
        for compound, factor in self.retardation.items():
            if not (math.isfinite(factor) and factor >= 1.0):
                raise UsageError(f"Retardation {factor!r} of {compound}", where="tissue", why="not one or more")
        object.__setattr__(self, "retardation", types.MappingProxyType(dict(self.retardation)))

    def slowest_s(self, faces: int, compound: str = "") -> float:
        """Return the time constant of the slowest mode of diffusion, s.

        Examples
        --------
        >>> round(Tissue().slowest_s(faces=2)), round(Tissue().slowest_s(faces=1))
        (54, 216)
        """
        # one free face is half of a slab of twice the thickness with two
        length = self.thickness_um * (2.0 if faces == 1 else 1.0)
        d = self.diffusion_um2_per_ms / self.retardation.get(compound, 1.0)
        return length**2 / (math.pi**2 * d) / 1e3

    def _weights(self, faces: int) -> np.ndarray:
        if self.depth_um is None:
            return 8.0 / (_MODES * math.pi) ** 2
        length = self.thickness_um * (2.0 if faces == 1 else 1.0)
        return 4.0 / (_MODES * math.pi) * np.sin(_MODES * math.pi * self.depth_um / length)


def unit_step(chamber: Chamber, tissue: Tissue, t_s: Any, compound: str = "") -> Any:
    """Return the concentration in the tissue after a unit step of what enters the chamber at 0 s.

    Parameters
    ----------
    t_s : (n,) array or float

    Returns
    -------
    (n,) array or float
        0 before the step, rising to 1.
    """
    t = np.maximum(np.asarray(t_s, float), 0.0)[..., None]
    bath = 1.0 / chamber.exchange_s
    modes = _MODES**2 / tissue.slowest_s(chamber.faces, compound)
    slow, fast = np.minimum(bath, modes), np.maximum(bath, modes)
    # (exp(-slow t) - exp(-fast t)) / (fast - slow), also where the two are equal
    gap = (fast - slow) * t
    quotient = t * np.exp(-slow * t) * np.where(gap > 1e-12, -np.expm1(-gap) / np.where(gap > 1e-12, gap, 1.0), 1.0)
    lag = (tissue._weights(chamber.faces) * bath * quotient).sum(axis=-1)
    value = np.maximum(-np.expm1(-bath * t[..., 0]) - lag, 0.0)  # the cut series may dip below zero by 1e-7
    return value if value.ndim else float(value)


def time_to_fraction_s(
    fraction: float, chamber: Chamber = SUBMERGED, tissue: Tissue | None = None, compound: str = ""
) -> float:
    """Return how long after a tap is turned the tissue has a fraction of the new level, s.

    Raises
    ------
    UsageError
        A fraction that is not between 0 and 1 (1 is never reached).
    """
    if not 0.0 < fraction < 1.0:
        raise UsageError(f"Fraction {fraction!r}", why="not between 0 and 1; 1 is never reached")
    slice_ = Tissue() if tissue is None else tissue
    low, high = 0.0, chamber.exchange_s + slice_.slowest_s(chamber.faces, compound)
    while unit_step(chamber, slice_, high, compound) < fraction:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if unit_step(chamber, slice_, middle, compound) < fraction else (low, middle)
    return chamber.dead_time_s + 0.5 * (low + high)


@dataclasses.dataclass(frozen=True)
class SliceExposure:
    """Everything around a slice that its timetable changes: drugs in the tissue, temperature.

    Attributes
    ----------
    timetable : Timetable
    chamber : Chamber
    tissue : Tissue
    """

    timetable: Timetable
    chamber: Chamber = SUBMERGED
    tissue: Tissue = dataclasses.field(default_factory=Tissue)

    def concentration_uM(self, compound: str, t_min: Any) -> Any:
        """Return the concentration of a compound in the tissue, uM (float or array); zero if it never flows in."""
        return superpose(
            self.timetable.inflow_steps(compound),
            t_min,
            lambda t_s: unit_step(self.chamber, self.tissue, t_s, compound),
            self.chamber.dead_time_s,
        )

    def bath_uM(self, compound: str, t_min: Any) -> Any:
        """Return the concentration of a compound in the bath, uM (float or array)."""
        return self.chamber.bath_uM(self.timetable.inflow_steps(compound), t_min)

    def drugs_uM(self, t_min: float) -> dict[str, float]:
        """Return every compound of the timetable with its concentration in the tissue at a time."""
        return {c: float(self.concentration_uM(c, t_min)) for c in self.timetable.compounds}

    def temperature_degC(self, t_min: Any) -> Any:
        """Return the temperature of the slice, degC (float or array)."""
        return self.chamber.temperature_degC(self.timetable.temperature_steps(), t_min)

    def notes(self, fraction: float = 0.9) -> list[str]:
        """Return what a reader should know: assumptions, and inductions that come before the drug has arrived.

        Parameters
        ----------
        fraction : float
            Of the level that flows in; below it at an induction there is a warning.
        """
        found = [*self.timetable.notes(), *(f"assumed: {text}" for text in self.chamber.assumed)]
        if self.timetable.compounds:
            found.append(
                f"assumed: {', '.join(self.timetable.compounds)} diffuse with {self.tissue.diffusion_um2_per_ms:g} "
                "um2/ms and do not collect in cells (lipophilic drugs are slower: etomidate took 83 min to half in "
                "such slices, Voss et al. 2013)"  # voss2013
            )
        for bout in self.timetable.inductions:
            found += self._early(bout, fraction)
        return found

    def _early(self, bout: Induce, fraction: float) -> list[str]:
        found = []
        for compound in self.timetable.compounds:
            level = _inflow(self.timetable, compound, bout.at_min)
            reached = float(self.concentration_uM(compound, bout.at_min))
            if level > 0 and reached < fraction * level:
                needed = time_to_fraction_s(fraction, self.chamber, self.tissue, compound) / 60.0
                found.append(
                    f"warning: {bout.stimulation.name} at {bout.at_min:g} min comes when the tissue has "
                    f"{100 * reached / level:.0f} % of the {compound} of the bath; {100 * fraction:.0f} % take "
                    f"{needed:.1f} min"
                )
            elif level == 0 and reached > 0.1 * max(c for _, c in self.timetable.inflow_steps(compound)):
                found.append(
                    f"warning: {bout.stimulation.name} at {bout.at_min:g} min comes while {compound} is still being "
                    "washed out of the tissue"
                )
        return found


def _inflow(timetable: Timetable, compound: str, at_min: float) -> float:
    level = 0.0
    for event in timetable.events:
        if isinstance(event, WashIn | WashOut) and event.compound == compound and event.at_min <= at_min:
            level = event.concentration_uM if isinstance(event, WashIn) else 0.0
    return level
