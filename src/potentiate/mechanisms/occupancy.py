"""How much of a receptor, transporter or enzyme its ligands occupy at equilibrium.

Several ligands compete for one site. Each counts by its ratio ``C / K`` of concentration to half-saturating
concentration (law of mass action, Gaddum); an endogenous agonist may compete as one more ratio.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import UsageError


def bound_shares(concentrations_uM: Any, constants_uM: Any, *, endogenous: Any = 0.0) -> Any:
    """Return the share of the sites that each of several competing ligands holds.

    Parameters
    ----------
    concentrations_uM : array, shape (ligands, ...)
        NaN where a concentration is unknown; the result is then NaN for all ligands.
    constants_uM : array, shape (ligands,)
        Concentration at which the ligand alone occupies half, in the same matrix as the concentrations.
    endogenous : float or array, shape (...)
        Concentration of an endogenous agonist over its constant. Zero where the constants were measured in its
        presence (an EC50 of occupancy in the living brain holds it already).

    Returns
    -------
    array, shape (ligands, ...)
        ``(C_i / K_i) / (1 + endogenous + sum_j C_j / K_j)``.

    Raises
    ------
    UsageError
        A constant that is not positive, or a negative concentration.

    Examples
    --------
    >>> float(bound_shares([13.0], [13.0])[0])
    0.5
    """
    c, k = np.asarray(concentrations_uM, float), np.asarray(constants_uM, float)
    if k.ndim != 1 or c.ndim < 1 or len(k) != len(c):
        raise UsageError(f"{c.shape} concentrations of {k.shape} constants", do="give one constant per ligand")
    if not np.all(np.isfinite(k) & (k > 0.0)):
        raise UsageError("A constant of binding is not a positive number", why=f"got {k.tolist()}")
    if np.any(c < 0.0) or np.any(np.asarray(endogenous) < 0.0):
        raise UsageError("A concentration is negative", do="give zero or more")
    ratios = c / k.reshape((-1,) + (1,) * (c.ndim - 1))
    return ratios / (1.0 + endogenous + ratios.sum(axis=0))


def occupied(concentrations_uM: Any, constants_uM: Any, *, endogenous: Any = 0.0) -> Any:
    """Return the share of the sites that all ligands together hold, shape (...).

    Parameters and errors as for :func:`bound_shares`.

    Examples
    --------
    Two ligands at their constants hold two thirds.

    >>> round(float(occupied([13.0, 5.0], [13.0, 5.0])), 4)
    0.6667
    """
    return bound_shares(concentrations_uM, constants_uM, endogenous=endogenous).sum(axis=0)


def concentration_at(share: float, constant_uM: float, *, endogenous: float = 0.0) -> float:
    """Return the concentration at which one ligand holds a share of the sites, uM.

    Parameters
    ----------
    share : float
        Between 0 and 1.
    constant_uM, endogenous : float

    Raises
    ------
    UsageError
        A share outside [0, 1).

    Examples
    --------
    >>> concentration_at(0.5, 13.0)
    13.0
    """
    if not (math.isfinite(share) and 0.0 <= share < 1.0):
        raise UsageError(f"An occupancy of {share} is not between 0 and 1", do="give a share such as 0.5")
    return constant_uM * (1.0 + endogenous) * share / (1.0 - share)


def log_gap(constant_uM: float, concentration_uM: float) -> float:
    """Return how many powers of ten a concentration lies below a constant; negative above it.

    Examples
    --------
    >>> round(log_gap(500.0, 0.05), 3)
    4.0
    """
    if not (constant_uM > 0.0 and concentration_uM > 0.0):
        raise UsageError("A gap needs two positive concentrations")
    return math.log10(constant_uM / concentration_uM)
