"""Saturation isotherms: apparent Kd and Bmax of one or two populations, with intervals."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from ..measures.observable import Observable, missing
from ..numerics.least_squares import levenberg_marquardt, profile_interval

Array = NDArray[np.float64]

#: Relative standard deviation of one point of a saturation isotherm, used for intervals (assumed:
#: triplicates of a filtration assay); no noise is added to the simulated points.
POINT_SD = 0.05


@dataclasses.dataclass(frozen=True)
class SaturationFit:
    """A Scatchard-type fit: apparent Kd (nM) and Bmax (pmol/mg) of each fitted site, high affinity first."""

    kd: tuple[Observable, ...]
    bmax: tuple[Observable, ...]
    status: str
    reason: str

    @property
    def observables(self) -> tuple[Observable, ...]:
        """Kd and Bmax in turn."""
        return tuple(o for pair in zip(self.kd, self.bmax, strict=True) for o in pair)


def fit_saturation(
    ligand_nM: ArrayLike, specific: ArrayLike, sites: int = 1, *, intervals: bool = True
) -> SaturationFit:
    """Fit one or two populations to specific binding.

    Parameters
    ----------
    ligand_nM, specific : (n,) arrays
    sites : {1, 2}
    intervals : bool
        Profile 95 % intervals with the point error :data:`POINT_SD` (slower).

    Returns
    -------
    SaturationFit
        Kd and Bmax as observables; ``not determined`` or ``one-sided`` where the profile says so.

    Notes
    -----
    Least squares of log binding against log parameters (constant relative error): the statistically sound
    form of what a Scatchard plot (bound/free against bound) does by eye.
    """
    free, bound = np.atleast_1d(np.asarray(ligand_nM, float)), np.asarray(specific, float)
    names = ("",) if sites == 1 else ("_high", "_low")
    if sites not in (1, 2):
        raise UsageError("One or two sites can be fitted", why=f"got {sites}")

    def lost(reason: str) -> SaturationFit:
        kd = tuple(missing(f"Kd{n}", "nM", "not determined", reason) for n in names)
        return SaturationFit(
            kd,
            tuple(missing(f"Bmax{n}", "pmol/mg", "not determined", reason) for n in names),
            "failed",
            reason,
        )

    usable = (bound > 0) & (free > 0)
    if usable.sum() < 2 * sites + 1:
        return lost(f"{int(usable.sum())} points with binding above zero for {2 * sites} parameters")
    x, y = free[usable], np.log(bound[usable])

    def residual(p: Array) -> Array:
        kd, bmax = np.exp(p[:sites]), np.exp(p[sites:])
        return (np.log(np.sum(bmax * x[:, None] / (x[:, None] + kd), axis=1)) - y) / POINT_SD

    def jacobian(p: Array) -> Array:
        kd, bmax = np.exp(p[:sites]), np.exp(p[sites:])
        part = bmax * x[:, None] / (x[:, None] + kd)
        share = part / part.sum(axis=1, keepdims=True) / POINT_SD
        return np.concatenate([-share * kd / (x[:, None] + kd), share], axis=1)

    top = float(bound[usable].max())
    middle = float(np.interp(top / 2, bound[usable], x))
    start = np.log([middle, 1.3 * top] if sites == 1 else [middle / 4, middle * 3, 0.2 * top, 1.2 * top])
    low = np.log([*[x[0] / 100] * sites, *[top / 1e4] * sites])
    high = np.log([*[x[-1] * 100] * sites, *[top * 1e3] * sites])
    best = levenberg_marquardt(residual, start, jacobian=jacobian, bounds=(low, high), tolerance=1e-8)
    if best.status != "ok":
        return lost(best.reason)
    order = np.argsort(best.x[:sites])
    kd, bmax = [], []
    for name, k in zip(names, order, strict=True):
        for out, id, unit, index in ((kd, "Kd", "nM", k), (bmax, "Bmax", "pmol/mg", sites + k)):
            value = math.exp(best.x[index])
            if not intervals:
                out.append(Observable(f"{id}{name}", value, unit, convention=f"{sites}-site"))
                continue
            p = profile_interval(residual, best, int(index), bounds=(low, high), sigma_known=True)
            ends = (
                math.exp(p.low) if math.isfinite(p.low) else None,
                math.exp(p.high) if math.isfinite(p.high) else None,
            )
            status = "ok" if p.word == "determined" else p.word
            out.append(
                Observable(f"{id}{name}", value, unit, status, p.reason or None, ends, f"{sites}-site")
            )
    return SaturationFit(tuple(kd), tuple(bmax), "ok", "")
