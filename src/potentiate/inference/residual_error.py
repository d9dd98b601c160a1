"""The residual error of a population model, with the derivatives that a likelihood needs."""

from __future__ import annotations

import dataclasses

import numpy as np

from .population_data import PopulationData
from .population_model import ERRORS, PopulationModel


@dataclasses.dataclass(frozen=True, eq=False)
class ResidualError:
    """Misfit of observations around predictions f; arrays of the shape of f.

    Attributes
    ----------
    v : array
        Variance.
    m, m1, m2 : array
        Minus twice the log density of each observation without its constant, and its derivatives along f.
    w, w1 : array
        Expected second derivative of half of that along f, ``1/v + (v'/v)^2 / 2``, and its derivative.
    dm, dm1, dw : tuple of array
        Derivatives of m, m1 and w along the log standard deviation of each part of the error.
    """

    v: np.ndarray
    m: np.ndarray
    m1: np.ndarray
    m2: np.ndarray
    w: np.ndarray
    w1: np.ndarray
    dm: tuple[np.ndarray, ...]
    dm1: tuple[np.ndarray, ...]
    dw: tuple[np.ndarray, ...]


def residual_error(
    model: PopulationModel, x: np.ndarray, f: np.ndarray, data: PopulationData, *, wide: bool = False
) -> ResidualError:
    """Return the misfit at a point of the search.

    Parameters
    ----------
    model : PopulationModel
    x : array, shape (p,)
    f : array, shape (N, J), or (N, K, J) if `wide`
    data : PopulationData
    """
    there = data.there[:, None] if wide else data.there
    y = data.observed[:, None] if wide else data.observed
    names = ERRORS[model.error]
    variances = dict(zip(names, np.exp(2 * np.asarray(x)[-len(names) :]), strict=True))
    sp, sa = variances.get("proportional", 0.0), variances.get("additive", 0.0)
    f = np.where(there, f, 1.0)
    r = np.where(there, y - f, 0.0)
    v = sp * f**2 + sa
    v1, v2 = 2 * sp * f, 2 * sp
    change = v1 / v
    m = np.log(v) + r**2 / v
    m1 = change - 2 * r / v - r**2 * v1 / v**2
    m2 = v2 / v - change**2 + 2 / v + 4 * r * v1 / v**2 - r**2 * (v2 / v**2 - 2 * v1**2 / v**3)
    w = 1 / v + 0.5 * change**2
    w1 = -v1 / v**2 + change * (v2 / v - change**2)
    parts = {"proportional": (2 * sp * f**2, 4 * sp * f), "additive": (2 * sa + 0.0 * f, 0.0 * f)}
    dm, dm1, dw = [], [], []
    for name in names:
        dv, dv1 = parts[name]
        dm.append((1 / v - r**2 / v**2) * dv)
        dm1.append(dv1 / v - v1 * dv / v**2 + 2 * r * dv / v**2 - r**2 * dv1 / v**2 + 2 * r**2 * v1 * dv / v**3)
        dw.append(-dv / v**2 + change * (dv1 / v - v1 * dv / v**2))
    return ResidualError(v, m, m1, m2, w, w1, tuple(dm), tuple(dm1), tuple(dw))
