"""Several concentration-response curves at once: shared parameters, and one curve through normalised sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from ..numerics.least_squares import LeastSquares, aicc, levenberg_marquardt, profile_interval
from .concentration import EXTRAPOLATION_DECADES, SLOPE_RANGE, ConcentrationResponse, concentration_response, hill
from .conventions import chosen
from .observable import Observable, Status

Array = NDArray[np.float64]

#: Order of parameters of a curve, and which of them are fitted as logarithms.
PARAMETERS = ("bottom", "top", "EC50", "nH")
_LOGARITHMIC = (False, False, True, True)


@dataclass(frozen=True)
class ConcentrationSets:
    """Curves fitted together.

    Attributes
    ----------
    separate : mapping of str to ConcentrationResponse
        Each set fitted alone.
    parameters : mapping of (str, str) to Observable
        ``(set, "EC50")`` and so on, from the common fit; a shared parameter is the same Observable in every set.
    shared : tuple of str
    ssr : float
        Of the common fit.
    n_points, n_parameters : int
    p_sharing : float
        Extra-sum-of-squares F test: small where sharing makes the fit worse than chance would.
    delta_aicc : float
        AICc of the common fit minus that of separate fits: negative where sharing is preferred.
    status, reason
        ``solver`` where the common fit failed, ``not determined`` where a set cannot be fitted alone.
    """

    separate: Mapping[str, ConcentrationResponse]
    parameters: Mapping[tuple[str, str], Observable]
    shared: tuple[str, ...]
    ssr: float
    n_points: int
    n_parameters: int
    p_sharing: float
    delta_aicc: float
    status: Status
    reason: str | None

    def __call__(self, name: str, concentration: ArrayLike) -> Array:
        """Return the common fit of one set at concentrations."""
        bottom, top, ec50, slope = (self.parameters[name, p].value for p in PARAMETERS)
        return hill(concentration, bottom, top, ec50, slope)


def fit_sets(
    sets: Mapping[str, tuple[ArrayLike, ArrayLike]],
    shared: Sequence[str] = (),
    *,
    convention: str | None = None,
    concentration_unit: str = "uM",
    response_unit: str = "",
    intervals: bool = True,
) -> ConcentrationSets:
    """Fit several concentration-response curves, some parameters in common.

    Parameters
    ----------
    sets : mapping of str to (concentration, response)
    shared : sequence of {"bottom", "top", "EC50", "nH"}
        Parameters with one value for all sets.
    convention : str, optional
        As in :func:`~potentiate.measures.concentration_response`.
    concentration_unit, response_unit : str
    intervals : bool
        Profile intervals of the common fit.

    Returns
    -------
    ConcentrationSets

    Raises
    ------
    UsageError
        Fewer than two sets, an unknown or a held parameter among the shared.

    Notes
    -----
    All points weigh the same, so that a set of larger responses counts more. The F test (extra sum of squares) and
    AICc assume the same noise in every set.
    """
    from scipy.special import fdtrc

    form = chosen("concentration_response", convention)
    if len(sets) < 2:
        raise UsageError(f"{len(sets)} set: nothing to share", do="give two or more")
    for name in shared:
        if name not in PARAMETERS:
            raise UsageError(f"Unknown parameter {name!r}", do=f"share some of {', '.join(PARAMETERS)}")
    data = {name: _clean(*pair) for name, pair in sets.items()}
    separate = {
        name: concentration_response(c, y, convention=form, concentration_unit=concentration_unit,
                                     response_unit=response_unit, intervals=intervals and not shared)
        for name, (c, y) in data.items()
    }  # fmt: skip
    n = sum(c.size for c, _ in data.values())
    bad = [name for name, fit in separate.items() if not fit.ec50.known]
    if bad:
        reason = f"set {bad[0]!r} alone: {separate[bad[0]].ec50.reason}"
        return ConcentrationSets(
            separate, {}, tuple(shared), math.nan, n, 0, math.nan, math.nan, "not determined", reason
        )
    start = {name: _values(fit) for name, fit in separate.items()}
    held = [k for k in range(4) if "held" in _four(next(iter(separate.values())))[k].notes]
    if any(PARAMETERS[k] in shared for k in held):
        raise UsageError("A held parameter cannot be shared", why=f"{form} holds it")
    slots, x0, bounds, typical = _slots(data, start, held, shared)

    def curve(x: Array, name: str) -> Array:
        p = start[name].copy()
        for k in range(4):
            if k not in held:
                p[k] = x[slots[name, k]]
        return p

    def residual(x: Array) -> Array:
        parts = []
        for name, (c, y) in data.items():
            p = curve(x, name)
            parts.append(hill(c, p[0], p[1], math.exp(p[2]), math.exp(p[3])) - y)
        return np.concatenate(parts)

    best = levenberg_marquardt(residual, x0, bounds=bounds, typical=typical)
    count = x0.size
    if best.status != "ok":
        return ConcentrationSets(
            separate, {}, tuple(shared), math.nan, n, count, math.nan, math.nan, "solver", best.reason
        )
    made: dict[int, Observable] = {}
    parameters: dict[tuple[str, str], Observable] = {}
    for name in data:
        for k, id in enumerate(PARAMETERS):
            unit = {0: response_unit, 1: response_unit, 2: concentration_unit}.get(k, "")
            if k in held:
                parameters[name, id] = Observable(id, _back(k)(start[name][k]), unit, convention=form, notes=("held",))
                continue
            slot = slots[name, k]
            if slot not in made:
                notes = ("shared by all sets",) if id in shared else ()
                made[slot] = _read(residual, best, slot, k, id, unit, form, notes, bounds, typical, intervals)
            parameters[name, id] = made[slot]
    alone, alone_count = sum(fit.ssr for fit in separate.values()), len(data) * (4 - len(held))
    p, delta = math.nan, 0.0
    if alone_count > count and n > alone_count and alone > 0:
        f = (best.ssr - alone) / (alone_count - count) / (alone / (n - alone_count))
        p = float(fdtrc(alone_count - count, n - alone_count, max(f, 0.0)))
        delta = aicc(best.ssr, n, count) - aicc(alone, n, alone_count)
    return ConcentrationSets(separate, parameters, tuple(shared), best.ssr, n, count, p, delta, "ok", None)


def _clean(concentration: ArrayLike, response: ArrayLike) -> tuple[Array, Array]:
    c, y = np.asarray(concentration, dtype=float).ravel(), np.asarray(response, dtype=float).ravel()
    if c.shape != y.shape:
        raise UsageError("Concentrations and responses differ in number", why=f"{c.size} and {y.size}")
    used = ~np.isnan(c) & np.isfinite(y)
    return c[used], y[used]


def _four(fit: ConcentrationResponse) -> tuple[Observable, Observable, Observable, Observable]:
    return fit.bottom, fit.top, fit.ec50, fit.slope


def _values(fit: ConcentrationResponse) -> Array:
    """Return the parameters on the scale of the search."""
    return np.array([math.log(o.value) if log else o.value for o, log in zip(_four(fit), _LOGARITHMIC, strict=True)])


def _back(k: int) -> Callable[[float], float]:
    return math.exp if _LOGARITHMIC[k] else float


def _slots(
    data: Mapping[str, tuple[Array, Array]], start: Mapping[str, Array], held: Sequence[int], shared: Sequence[str]
) -> tuple[dict[tuple[str, int], int], Array, tuple[Array, Array], Array]:
    """Return which entry of the search belongs to which parameter, the start, bounds and typical sizes."""
    slots: dict[tuple[str, int], int] = {}
    x0: list[float] = []
    low: list[float] = []
    high: list[float] = []
    typical: list[float] = []
    every_c = np.concatenate([c[c > 0] for c, _ in data.values()])
    reach = EXTRAPOLATION_DECADES * math.log(10)
    for k, id in enumerate(PARAMETERS):
        if k in held:
            continue
        for position, name in enumerate(data):
            if id in shared and position:
                slots[name, k] = slots[next(iter(data)), k]
                continue
            slots[name, k] = len(x0)
            owners = list(data) if id in shared else [name]
            span = max(float(np.ptp(data[o][1])) for o in owners)
            x0.append(float(np.mean([start[o][k] for o in owners])))
            if k < 2:
                ys = np.concatenate([data[o][1] for o in owners])
                low.append(float(ys.min()) - 100 * span)
                high.append(float(ys.max()) + 100 * span)
                typical.append(span)
            else:
                ends = (
                    (math.log(every_c.min()) - reach, math.log(every_c.max()) + reach)
                    if k == 2
                    else tuple(map(math.log, SLOPE_RANGE))
                )
                low.append(ends[0])
                high.append(ends[1])
                typical.append(1.0)
    return slots, np.array(x0), (np.array(low), np.array(high)), np.array(typical)


def _read(
    residual: Callable[[Array], Array], best: LeastSquares, slot: int, k: int, id: str, unit: str, form: str,
    notes: tuple[str, ...], bounds: tuple[Array, Array], typical: Array, intervals: bool,
) -> Observable:  # fmt: skip
    value = _back(k)(float(best.x[slot]))
    if not intervals:
        at_bound = bool(best.at_bound[slot])
        status: Status = "not determined" if at_bound else "ok"
        return Observable(
            id, value, unit, status, "at the bound of the search" if at_bound else None, None, form, notes
        )
    profile = profile_interval(residual, best, slot, bounds=bounds, typical=typical)
    ends = tuple(None if math.isinf(end) else _back(k)(end) for end in (profile.low, profile.high))
    status = "ok" if profile.word == "determined" else profile.word
    return Observable(id, value, unit, status, profile.reason or None, (ends[0], ends[1]), form, notes)


@dataclass(frozen=True)
class PooledResponse:
    """One curve through sets that were scaled to their own fitted ends.

    Attributes
    ----------
    fit : ConcentrationResponse
        Bottom 0 and top 1 are held.
    concentration, response : (n,) arrays
        All points, scaled.
    separate : mapping of str to ConcentrationResponse
    """

    fit: ConcentrationResponse
    concentration: Array
    response: Array
    separate: Mapping[str, ConcentrationResponse]


def pool_normalised(
    sets: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    convention: str | None = None,
    concentration_unit: str = "uM",
    intervals: bool = True,
) -> PooledResponse:
    """Scale each set to its own fitted bottom and top, and fit one curve from 0 to 1 through all points.

    Parameters
    ----------
    sets, convention, concentration_unit, intervals
        As in :func:`fit_sets`.

    Returns
    -------
    PooledResponse
        Intervals take the scaling as known, so they are somewhat too narrow; cells count as if they were one.

    Raises
    ------
    UsageError
        A set has no fitted top.
    """
    form = chosen("concentration_response", convention)
    points: list[tuple[Array, Array]] = []
    separate: dict[str, ConcentrationResponse] = {}
    for name, pair in sets.items():
        c, y = _clean(*pair)
        fit = concentration_response(c, y, convention=form, concentration_unit=concentration_unit, intervals=False)
        if not fit.top.known or fit.top.value == fit.bottom.value:
            raise UsageError(f"Set {name!r} cannot be scaled", why=fit.top.reason or "its top equals its bottom")
        separate[name] = fit
        points.append((c, (y - fit.bottom.value) / (fit.top.value - fit.bottom.value)))
    c, y = (np.concatenate(parts) for parts in zip(*points, strict=True))
    pooled = concentration_response(
        c, y, convention=form, bottom=0.0, top=1.0, concentration_unit=concentration_unit, intervals=intervals
    )
    return PooledResponse(pooled, c, y, separate)
