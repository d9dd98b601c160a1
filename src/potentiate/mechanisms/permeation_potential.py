"""Potentials that solutions set: Nernst, Goldman-Hodgkin-Katz reversal, and the calcium share of a current."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..errors import UsageError
from .electrolyte import CHARGE, ZERO_DEGC_IN_K

#: R / F in mV per kelvin.
_MV_PER_KELVIN = 8.314462618 / 96485.33212 * 1e3

#: Valence of permeating ions.
_VALENCE = {ion: CHARGE[ion] for ion in ("Na", "K", "Cs", "Ca", "Mg", "Cl", "HCO3")}


def thermal_mV(temperature_degC: float) -> float:
    """Return RT/F, mV."""
    return _MV_PER_KELVIN * (ZERO_DEGC_IN_K + temperature_degC)


def nernst_mV(outside_mM: float, inside_mM: float, valence: int, temperature_degC: float) -> float:
    """Return the equilibrium potential of one ion.

    Parameters
    ----------
    outside_mM, inside_mM : float
    valence : int
        With its sign.
    temperature_degC : float

    Raises
    ------
    UsageError
        A concentration that is not above zero.

    Examples
    --------
    >>> round(nernst_mV(2.5, 140.0, 1, 31.0), 1)
    -105.5
    """
    if not (outside_mM > 0 and inside_mM > 0):
        raise UsageError(
            f"No equilibrium potential between {outside_mM!r} and {inside_mM!r} mM",
            why="an ion that is absent on one side has none",
            do="give both concentrations above zero",
        )
    return thermal_mV(temperature_degC) / valence * math.log(outside_mM / inside_mM)


def ghk_flux(valence: int, voltage_mV: float, outside_mM: float, inside_mM: float, temperature_degC: float) -> float:
    """Return the Goldman-Hodgkin-Katz current of one ion per permeability (outward positive), in mM.

    Multiply by permeability x F for a current; ratios of these are shares of a current.
    """
    u = valence * voltage_mV / thermal_mV(temperature_degC)
    # u / (1 - exp(-u)) -> 1 at u = 0, where the quotient is 0/0
    if abs(u) < 1e-6:
        inward = 1.0 - 0.5 * u
        outward = 1.0 + 0.5 * u
    elif u > 0:
        outward = u / -math.expm1(-u)
        inward = outward * math.exp(-u)
    else:
        inward = u / math.expm1(u)
        outward = inward * math.exp(u)
    return valence * (inside_mM * outward - outside_mM * inward)


def _total(
    permeability: Mapping[str, float],
    outside: Mapping[str, float],
    inside: Mapping[str, float],
    voltage_mV: float,
    temperature_degC: float,
) -> float:
    return sum(
        p * ghk_flux(_VALENCE[ion], voltage_mV, outside.get(ion, 0.0), inside.get(ion, 0.0), temperature_degC)
        for ion, p in permeability.items()
    )


def ghk_reversal_mV(
    permeability: Mapping[str, float],
    outside_mM: Mapping[str, float],
    inside_mM: Mapping[str, float],
    temperature_degC: float,
) -> float:
    """Return the reversal potential of a channel.

    Parameters
    ----------
    permeability : mapping of ion -> relative permeability
    outside_mM, inside_mM : mapping of ion -> mM
        Ions that are missing count as zero.
    temperature_degC : float

    Raises
    ------
    UsageError
        Unknown ions, negative permeabilities, or nothing that permeates on one side.
    """
    for ion, p in permeability.items():
        if ion not in _VALENCE or not p >= 0.0:
            raise UsageError(
                f"Permeability {p!r} of {ion!r}", why=f"ions are {', '.join(_VALENCE)}; no negative values"
            )
    low, high = -300.0, 300.0
    if not (
        _total(permeability, outside_mM, inside_mM, low, temperature_degC) < 0.0
        < _total(permeability, outside_mM, inside_mM, high, temperature_degC)
    ):  # fmt: skip
        raise UsageError(
            "The channel has no reversal potential between -300 and 300 mV",
            why="nothing that permeates it is present on one of the two sides",
            do="give both solutions",
        )
    # every ion's current grows with voltage, so the sum does
    for _ in range(60):
        middle = 0.5 * (low + high)
        negative = _total(permeability, outside_mM, inside_mM, middle, temperature_degC) < 0.0
        low, high = (middle, high) if negative else (low, middle)
    return 0.5 * (low + high)


def calcium_share(
    permeability: Mapping[str, float],
    outside_mM: Mapping[str, float],
    inside_mM: Mapping[str, float],
    voltage_mV: float,
    temperature_degC: float,
) -> float:
    """Return the share of the current that calcium carries at a voltage (Pf).

    Arguments as for :func:`ghk_reversal_mV`. Negative or above one near the reversal potential, where calcium flows in
    while the sum is outward or zero.
    """
    total = _total(permeability, outside_mM, inside_mM, voltage_mV, temperature_degC)
    calcium = permeability.get("Ca", 0.0) * ghk_flux(
        2, voltage_mV, outside_mM.get("Ca", 0.0), inside_mM.get("Ca", 0.0), temperature_degC
    )
    return calcium / total if total else math.nan


def permeability_for_share(
    share: float,
    outside_mM: Mapping[str, float],
    inside_mM: Mapping[str, float],
    voltage_mV: float,
    temperature_degC: float,
    monovalent: Mapping[str, float] | None = None,
) -> float:
    """Return the permeability of calcium that gives it a share of the current in given solutions.

    Parameters
    ----------
    share : float
        Between 0 and 1.
    outside_mM, inside_mM : mapping of ion -> mM
    voltage_mV, temperature_degC : float
        Where the share was measured.
    monovalent : mapping of ion -> relative permeability, optional
        Default: sodium, potassium and caesium 1.

    Notes
    -----
    With it, :func:`calcium_share` says how the share changes in another solution.

    Raises
    ------
    UsageError
        A share outside 0 to 1, or no inward current at that voltage.
    """
    if not 0.0 <= share < 1.0:
        raise UsageError(f"Calcium share {share!r}", why="not between 0 and 1")
    others = {"Na": 1.0, "K": 1.0, "Cs": 1.0} if monovalent is None else monovalent
    rest = _total(others, outside_mM, inside_mM, voltage_mV, temperature_degC)
    calcium = ghk_flux(2, voltage_mV, outside_mM.get("Ca", 0.0), inside_mM.get("Ca", 0.0), temperature_degC)
    if not (rest < 0.0 and calcium < 0.0):
        raise UsageError(
            f"No inward current of both kinds at {voltage_mV:g} mV",
            why="the share of calcium is measured on inward current",
            do="give a voltage near rest, and calcium outside",
        )
    return share * rest / ((1.0 - share) * calcium)
