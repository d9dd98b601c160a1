"""Units of PK tables: hours, mg or umol, mg/L or uM inside; no unit library is needed to read a table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import DataError

TIME_H = {
    "s": 1 / 3600, "sec": 1 / 3600, "min": 1 / 60, "h": 1.0, "hr": 1.0, "hours": 1.0, "hour": 1.0, "d": 24.0,
    "day": 24.0, "days": 24.0, "week": 168.0, "weeks": 168.0,
}  # fmt: skip
MASS_MG = {"pg": 1e-9, "ng": 1e-6, "ug": 1e-3, "mcg": 1e-3, "mg": 1.0, "g": 1e3}
MOLES_UMOL = {"pmol": 1e-6, "nmol": 1e-3, "umol": 1.0, "mmol": 1e3, "mol": 1e6}
VOLUME_L = {"uL": 1e-6, "mL": 1e-3, "dL": 0.1, "L": 1.0, "l": 1.0, "ml": 1e-3, "dl": 0.1, "ul": 1e-6}
MOLAR_UM = {"pM": 1e-6, "nM": 1e-3, "uM": 1.0, "mM": 1e3, "M": 1e6}


@dataclass(frozen=True)
class Scale:
    """A unit of a table.

    Attributes
    ----------
    factor : float
        Times a number of the table is the number inside.
    unit : str
        The unit inside: h, mg, umol, mg/kg, umol/kg, mg/L, uM, mg/h ...
    """

    factor: float
    unit: str


def plain(unit: str) -> str:
    """Return a unit without spaces and Greek mu.

    Examples
    --------
    >>> plain(" µg / mL ")
    'ug/mL'
    """
    return re.sub(r"\s+", "", unit).replace("µ", "u").replace("μ", "u")


def time_unit(unit: str, where: str) -> Scale:
    """Return the scale of a time; raises DataError."""
    text = plain(unit)
    if text not in TIME_H:
        raise DataError(f"Unknown unit of time {unit!r}", where=where, do=f"one of {', '.join(TIME_H)}")
    return Scale(TIME_H[text], "h")


def amount_unit(unit: str, where: str) -> Scale:
    """Return the scale of an amount, also per kg of body weight; raises DataError.

    Examples
    --------
    >>> amount_unit("ug/kg", "").unit
    'mg/kg'
    """
    text, per, rest = plain(unit).partition("/")
    if per and rest.lower() != "kg":
        raise DataError(f"Unknown unit of amount {unit!r}", where=where, do="write it like mg, umol or mg/kg")
    for table, inside in ((MASS_MG, "mg"), (MOLES_UMOL, "umol")):
        if text in table:
            return Scale(table[text], inside + ("/kg" if per else ""))
    raise DataError(
        f"Unknown unit of amount {unit!r}", where=where, do=f"one of {', '.join([*MASS_MG, *MOLES_UMOL])}, or per kg"
    )


def concentration_unit(unit: str, where: str) -> Scale:
    """Return the scale of a concentration; raises DataError.

    Examples
    --------
    >>> concentration_unit("ng/mL", "")
    Scale(factor=0.001, unit='mg/L')
    """
    text = plain(unit)
    if text in MOLAR_UM:
        return Scale(MOLAR_UM[text], "uM")
    top, per, bottom = text.partition("/")
    if per and bottom in VOLUME_L:
        for table, inside in ((MASS_MG, "mg/L"), (MOLES_UMOL, "uM")):
            if top in table:
                return Scale(float(f"{table[top] / VOLUME_L[bottom]:.15g}"), inside)
    raise DataError(
        f"Unknown unit of concentration {unit!r}", where=where, do="write it like mg/L, ng/mL, umol/L or uM"
    )


def volume_of(amount: str, concentration: str) -> str:
    """Return the unit of volumes: amount over concentration.

    Examples
    --------
    >>> volume_of("mg/kg", "mg/L"), volume_of("umol", "uM")
    ('L/kg', 'L')
    """
    top, _, weight = amount.partition("/")
    if {"mg": "mg/L", "umol": "uM"}[top] != concentration:
        raise DataError(
            f"Doses in {top} and concentrations in {concentration}", why="a molar mass joins them",
            do='give the molar mass, e.g. "194.19 g/mol"',
        )  # fmt: skip
    return "L" + (f"/{weight}" if weight else "")
