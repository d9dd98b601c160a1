"""Courses: the concentration of each analyte over time, in each person, and what is not known of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from ..errors import UsageError
from ..mechanisms.compartments import Array
from .regimen import Regimen


@dataclasses.dataclass(frozen=True)
class Unknown:
    """No number: the reason."""

    reason: str

    def __bool__(self) -> bool:
        return False


@dataclasses.dataclass(frozen=True, eq=False)
class Course:
    """One analyte of an exposure.

    Attributes
    ----------
    analyte, parent : str
        Ids; the parent is the compound that is taken.
    molar_mass : float
        g/mol.
    uM : array, shape (people, m), or Unknown
        Total concentration in plasma. Where `relative`, the fraction of the peak of a typical person after one
        dose of `reference_dose_mg`.
    relative : bool
    half_life_h : array (people,) or Unknown
        Terminal.
    auc_uM_h : array (people,) or Unknown
        To infinity, exactly; of all doses together. Unknown at steady state.
    fu, kpuu, csf_ratio : array (people,) or Unknown
    effect_uM : array, shape (people, m), or Unknown
        At the effect site, as the plasma concentration with which it would be in equilibrium; on the scale of `uM`.
    sources : tuple of str
        Keys of the works behind the numbers.
    """

    analyte: str
    parent: str
    molar_mass: float
    uM: Array | Unknown
    relative: bool = False
    reference_dose_mg: float | None = None
    half_life_h: Array | Unknown = Unknown("no course")
    auc_uM_h: Array | Unknown = Unknown("no course")
    fu: Array | Unknown = Unknown("not on record")
    kpuu: Array | Unknown = Unknown("not on record")
    csf_ratio: Array | Unknown = Unknown("not on record")
    effect_uM: Array | Unknown = Unknown("not on record")
    sources: tuple[str, ...] = ()

    def plasma_uM(self) -> Array | Unknown:
        """Return the total concentration (people, m), or why it is not known."""
        if self.relative:
            return Unknown("only the shape of the course is known: no source gives volume and clearance")
        return self.uM

    def mg_per_L(self) -> Array | Unknown:
        """Return the total concentration in mg/L."""
        plasma = self.plasma_uM()
        return plasma if isinstance(plasma, Unknown) else plasma * self.molar_mass * 1e-3

    def free_uM(self) -> Array | Unknown:
        """Return the unbound concentration in plasma."""
        plasma = self.plasma_uM()
        if isinstance(plasma, Unknown):
            return plasma
        return self.fu if isinstance(self.fu, Unknown) else plasma * self.fu[:, None]

    def brain_uM(self) -> Array | Unknown:
        """Return the unbound concentration in brain."""
        free = self.free_uM()
        if isinstance(free, Unknown):
            return free
        return self.kpuu if isinstance(self.kpuu, Unknown) else free * self.kpuu[:, None]

    def csf_uM(self) -> Array | Unknown:
        """Return the concentration in CSF."""
        plasma = self.plasma_uM()
        if isinstance(plasma, Unknown):
            return plasma
        return self.csf_ratio if isinstance(self.csf_ratio, Unknown) else plasma * self.csf_ratio[:, None]

    def in_matrix(self, matrix: str) -> Array | Unknown:
        """Return the concentration in ``plasma``, ``free`` (plasma water), ``brain`` or ``csf``.

        Raises
        ------
        UsageError
            Another matrix.
        """
        found = {"plasma": self.plasma_uM, "free": self.free_uM, "brain": self.brain_uM, "csf": self.csf_uM}
        if matrix not in found:
            raise UsageError(f"Unknown matrix {matrix!r}", do=f"use one of {', '.join(found)}")
        return found[matrix]()


@dataclasses.dataclass(frozen=True, eq=False)
class Exposure:
    """What a regimen does in people: all courses on one clock.

    Attributes
    ----------
    regimen : Regimen
    species : str
    t_h : array, shape (m,)
        From 00:00 of day 1.
    courses : mapping of analyte -> Course
        Compounds first, then metabolites. An analyte from two sources (a metabolite that is also taken) is their sum.
    unknown : mapping of compound -> reason
        What is taken but cannot be followed at all.
    assumed : tuple of str
    notes : tuple of str
    people : int
    seed : int or None
    """

    regimen: Regimen
    species: str
    t_h: Array
    courses: Mapping[str, Course]
    unknown: Mapping[str, str]
    assumed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    people: int = 1
    seed: int | None = None

    def course(self, analyte: str) -> Course:
        """Return the course of an analyte.

        Raises
        ------
        UsageError
            It is not part of the exposure, or nothing is known of it.
        """
        if analyte in self.courses:
            return self.courses[analyte]
        if analyte in self.unknown:
            raise UsageError(f"The course of {analyte} is unknown", why=self.unknown[analyte])
        raise UsageError(
            f"{analyte!r} is not part of this exposure", do=f"use {', '.join(self.courses) or 'no analyte'}"
        )


def band(values: Array, quantiles: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)) -> Array:
    """Return quantiles over people, interpolated linearly between them.

    Parameters
    ----------
    values : array, shape (people, ...)

    Returns
    -------
    array, shape (quantiles, ...)

    Examples
    --------
    >>> band(np.array([1.0, 2.0, 4.0]), (0.0, 0.5, 0.75)).tolist()
    [1.0, 2.0, 3.0]
    """
    # sorting rows that lie together is several times faster than np.quantile over the first axis
    ordered = np.sort(np.ascontiguousarray(np.moveaxis(values, 0, -1)), axis=-1)
    place = np.asarray(quantiles) * (ordered.shape[-1] - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, ordered.shape[-1] - 1)
    found = ordered[..., below] + (place - below) * (ordered[..., above] - ordered[..., below])
    return np.moveaxis(found, -1, 0)
