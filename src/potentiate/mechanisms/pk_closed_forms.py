"""Concentrations of linear models of one to three compartments in closed form: bolus, infusion, first order.

The response of the central compartment to a bolus is a sum of exponentials; infusions, absorption and repeated doses
are sums and convolutions of it. Every function takes ``numpy`` or ``jax.numpy`` as `xp`, and can be differentiated
everywhere, also where absorption is as fast as elimination.

Source: Gibaldi & Perrier 1982, Pharmacokinetics, 2nd edition; steady state by the sum of the geometric series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UsageError

#: structure -> the sets of parameters that describe it; the first is the default. Clearances per hour, rates 1/h.
STRUCTURES: dict[str, tuple[tuple[str, ...], ...]] = {
    "one-compartment-iv": (("CL", "V"), ("KE", "V"), ("CL", "KE")),
    "one-compartment-oral": (("KA", "CL", "V"), ("KA", "KE", "V"), ("KA", "CL", "KE")),
    "two-compartment-iv": (("CL", "V1", "Q", "V2"), ("KE", "V1", "K12", "K21")),
    "two-compartment-oral": (("KA", "CL", "V1", "Q", "V2"), ("KA", "KE", "V1", "K12", "K21")),
    "three-compartment-iv": (("CL", "V1", "Q2", "V2", "Q3", "V3"),),
    "three-compartment-oral": (("KA", "CL", "V1", "Q2", "V2", "Q3", "V3"),),
}

#: Parameters that an oral structure may have besides: lag time (h), and the part of swallowed doses that arrives.
OPTIONAL = ("TLAG", "F")

#: parameter -> its unit; {volume} is that of amount over concentration.
PARAMETER_UNITS = {
    "KA": "1/h", "KE": "1/h", "K12": "1/h", "K21": "1/h", "CL": "{volume}/h", "Q": "{volume}/h",
    "Q2": "{volume}/h", "Q3": "{volume}/h", "V": "{volume}", "V1": "{volume}", "V2": "{volume}", "V3": "{volume}",
    "TLAG": "h", "F": "",
}  # fmt: skip


@dataclass(frozen=True)
class GivenDoses:
    """Doses as arrays, padded with zero amounts; ``...`` are people.

    Attributes
    ----------
    t_h : array, shape (..., d)
    amount : array, shape (..., d)
    duration_h : array, shape (..., d)
        Of an infusion; 0 is a bolus.
    depot : bool array, shape (..., d)
        Swallowed (absorbed at the rate KA) or into the central compartment.
    interval_h : array, shape (..., d)
        Above 0: one of an endless series of such doses at this interval (steady state).
    counts : bool array, shape (..., m, d)
        Whether a dose had been given when a sample was taken (order of records, resets).
    """

    t_h: Any
    amount: Any
    duration_h: Any
    depot: Any
    interval_h: Any
    counts: Any


@dataclass(frozen=True)
class Kinds:
    """Which kinds of doses occur; what does not is not computed."""

    depot: bool = True
    central: bool = True
    infusions: bool = True
    steady_state: bool = True


def kinds_of(doses: GivenDoses) -> Kinds:
    """Return the kinds of doses that occur among them."""
    real = np.asarray(doses.amount) > 0
    return Kinds(
        bool(np.any(doses.depot & real)), bool(np.any(~np.asarray(doses.depot) & real)),
        bool(np.any((np.asarray(doses.duration_h) > 0) & real)), bool(np.any(np.asarray(doses.interval_h) > 0)),
    )  # fmt: skip


def parameter_set(structure: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names in the order of their set.

    Raises
    ------
    UsageError
        They do not describe the structure.
    """
    oral = structure.endswith("oral")
    core = {name for name in names if name not in OPTIONAL or not oral}
    for known in STRUCTURES[structure]:
        if core == set(known) and len(set(names)) == len(names):
            return (*known, *(name for name in OPTIONAL if name in names and oral))
    sets = "; ".join(",".join(known) for known in STRUCTURES[structure])
    raise UsageError(
        f"{','.join(names)} do not describe {structure}", why=f"it takes one of: {sets}",
        do=f"and {' or '.join(OPTIONAL)} if wanted" if oral else "",
    )  # fmt: skip


def disposition(structure: str, p: Mapping[str, Any], *, xp: Any = np) -> tuple[list[Any], list[Any]]:
    """Return coefficients (1/volume) and rates (1/h) of the response of the central compartment to a unit bolus.

    Parameters
    ----------
    structure : str
        Key of :data:`STRUCTURES`.
    p : mapping of str -> array, shape (...)
        Parameters by name.
    xp : module

    Examples
    --------
    >>> disposition("one-compartment-iv", {"CL": 2.0, "V": 20.0})
    ([0.05], [0.1])
    """
    if structure.startswith("one"):
        volume = p["V"] if "V" in p else p["CL"] / p["KE"]
        return [1.0 / volume], [p["KE"] if "KE" in p else p["CL"] / volume]
    if structure.startswith("three"):
        return _three(p, xp)
    volume = p["V1"]
    ke = p["KE"] if "KE" in p else p["CL"] / volume
    k12 = p["K12"] if "K12" in p else p["Q"] / volume
    k21 = p["K21"] if "K21" in p else p["Q"] / p["V2"]
    total = ke + k12 + k21
    root = xp.sqrt((ke + k12 - k21) ** 2 + 4.0 * k12 * k21)  # of total**2 - 4 ke k21, without cancellation
    fast = 0.5 * (total + root)
    slow = ke * k21 / fast
    a = (fast - k21) / (fast - slow) / volume
    b = (k21 - slow) / (fast - slow) / volume
    return [a, b], [fast, slow]


def _three(p: Mapping[str, Any], xp: Any) -> tuple[list[Any], list[Any]]:
    """Return coefficients and rates of three compartments: the cubic has three real roots, found by a cosine."""
    volume = p["V1"]
    ke, k12, k13 = p["CL"] / volume, p["Q2"] / volume, p["Q3"] / volume
    k21, k31 = p["Q2"] / p["V2"], p["Q3"] / p["V3"]
    sum_ = ke + k12 + k13 + k21 + k31
    pairs = ke * (k21 + k31) + k21 * k31 + k12 * k31 + k13 * k21
    spread = xp.sqrt(sum_**2 / 9.0 - pairs / 3.0)
    turn = (sum_ / 3.0) ** 3 - sum_ * pairs / 6.0 + 0.5 * ke * k21 * k31
    angle = xp.arccos(xp.clip(turn / spread**3, -1.0 + 1e-15, 1.0 - 1e-15)) / 3.0
    fast = sum_ / 3.0 + 2.0 * spread * xp.cos(angle)
    middle = sum_ / 3.0 + 2.0 * spread * xp.cos(angle - 2.0 * np.pi / 3.0)
    slow = ke * k21 * k31 / (fast * middle)  # the product of the roots: no cancellation
    rates = [fast, middle, slow]
    coefficients = []
    for i, rate in enumerate(rates):
        others = [r for j, r in enumerate(rates) if j != i]
        coefficients.append((k21 - rate) * (k31 - rate) / ((others[0] - rate) * (others[1] - rate)) / volume)
    return coefficients, rates


def concentration(
    structure: str, p: Mapping[str, Any], t_h: Any, doses: GivenDoses, *, kinds: Kinds | None = None, xp: Any = np
) -> Any:
    """Return the concentration in the central compartment after any doses.

    Parameters
    ----------
    structure : str
        Key of :data:`STRUCTURES`.
    p : mapping of str -> array, shape (...)
        Positive parameters; ``...`` are people.
    t_h : array, shape (..., m)
    doses : GivenDoses
    kinds : Kinds, optional
        Found from the doses where absent (not possible inside a JAX transformation).
    xp : module
        ``numpy`` or ``jax.numpy``.

    Returns
    -------
    array, shape (..., m)
        Amount per volume.

    Notes
    -----
    An infusion must have ended before the next of its endless series begins.
    """
    kinds = kinds_of(doses) if kinds is None else kinds
    wide = {name: xp.asarray(value)[..., None, None] for name, value in p.items()}
    coefficients, rates = disposition(structure, wide, xp=xp)
    depot = doses.depot[..., None, :]
    since = t_h[..., :, None] - doses.t_h[..., None, :]
    if "TLAG" in wide:
        since = since - xp.where(depot, wide["TLAG"], 0.0)
    given = doses.counts & (since >= 0.0)
    since = xp.where(given, since, 0.0)
    repeated = doses.interval_h[..., None, :] > 0.0
    interval = xp.where(repeated, doses.interval_h[..., None, :], 1.0)
    tau = (repeated, interval) if kinds.steady_state else None
    total = 0.0
    for coefficient, rate in zip(coefficients, rates, strict=True):
        part = 0.0
        if kinds.central:
            part = _bolus(rate, since, tau, xp)
            if kinds.infusions:
                infused = doses.duration_h[..., None, :] > 0.0
                duration = xp.where(infused, doses.duration_h[..., None, :], 1.0)
                part = xp.where(infused, _infusion(rate, since, duration, tau, xp), part)
        if kinds.depot:
            absorbed = wide["KA"] * _absorbed(rate, wide["KA"], since, tau, xp)
            if "F" in wide:
                absorbed = wide["F"] * absorbed
            part = xp.where(depot, absorbed, part) if kinds.central else absorbed
        total = total + coefficient * part
    return xp.sum(xp.where(given, doses.amount[..., None, :] * total, 0.0), axis=-1)


def _geometric(rate: Any, tau: tuple[Any, Any] | None, xp: Any) -> Any:
    """Return 1 / (1 - exp(-rate interval)) for repeated doses, 1 for others."""
    if tau is None:
        return 1.0
    repeated, interval = tau
    return xp.where(repeated, -1.0 / xp.expm1(-rate * interval), 1.0)


def _bolus(rate: Any, since: Any, tau: tuple[Any, Any] | None, xp: Any) -> Any:
    return xp.exp(-rate * since) * _geometric(rate, tau, xp)


def _infusion(rate: Any, since: Any, duration: Any, tau: tuple[Any, Any] | None, xp: Any) -> Any:
    """Return the response to a unit amount over a duration."""
    during = -xp.expm1(-rate * xp.minimum(since, duration)) * xp.exp(-rate * xp.maximum(since - duration, 0.0))
    if tau is not None:
        repeated, interval = tau
        before = xp.expm1(rate * duration) * xp.exp(-rate * (since + interval)) * _geometric(rate, tau, xp)
        during = during + xp.where(repeated, before, 0.0)
    return during / (rate * duration)


def _absorbed(rate: Any, ka: Any, since: Any, tau: tuple[Any, Any] | None, xp: Any) -> Any:
    """Return the convolution of exp(-rate t) and exp(-ka t)."""
    once = _difference(rate, ka, since, xp)
    if tau is None:
        return once
    repeated, interval = tau
    rest = xp.exp(-ka * since) * _geometric(ka, tau, xp) * _difference(rate, ka, interval, xp)
    return _geometric(rate, tau, xp) * (once + xp.where(repeated, rest, 0.0))


def _difference(a: Any, b: Any, t: Any, xp: Any) -> Any:
    """Return (exp(-a t) - exp(-b t)) / (b - a), also where a equals b."""
    slow, fast = xp.minimum(a, b), xp.maximum(a, b)
    z = (fast - slow) * t
    small = z < 0.05
    kept = xp.where(small, 1.0, z)
    # (1 - exp(-z)) / z; the series to z^7 is exact to rounding below 0.05
    series = 1.0 - z / 2 * (1.0 - z / 3 * (1.0 - z / 4 * (1.0 - z / 5 * (1.0 - z / 6 * (1.0 - z / 7 * (1 - z / 8))))))
    return t * xp.exp(-slow * t) * xp.where(small, series, -xp.expm1(-kept) / kept)
