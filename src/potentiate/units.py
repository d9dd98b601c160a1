"""The one unit table.

Inside the package every quantity is a plain float in the units below (pA = nS * mV, mV = pA * GOhm,
ms everywhere), and its name carries the unit when it leaves a function (``t_ms``, ``glutamate_uM``).
Text such as ``"5 mM"`` is parsed once, at the boundary, by :func:`parse`; pint does that work and is
imported only then.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from .errors import UsageError

#: dimension name -> the unit used inside the package
INTERNAL = {
    "time": "ms",
    "voltage": "mV",
    "concentration": "uM",
    "current": "pA",
    "conductance": "nS",
    "capacitance": "pF",
    "resistance": "GOhm",
    "temperature": "degC",
    "molar_mass": "g/mol",
    "frequency": "kHz",
    "charge": "fC",
}

#: Spellings that need no unit library: dimension -> unit -> factor to the internal unit. Importing pint costs more than
#: a short run; anything else goes to it.
_PLAIN = {
    "time": {"us": 1e-3, "ms": 1.0, "s": 1e3, "min": 6e4},
    "voltage": {"uV": 1e-3, "mV": 1.0, "V": 1e3},
    "concentration": {"pM": 1e-6, "nM": 1e-3, "uM": 1.0, "mM": 1e3, "M": 1e6},
    "current": {"fA": 1e-3, "pA": 1.0, "nA": 1e3},
    "conductance": {"pS": 1e-3, "nS": 1.0, "uS": 1e3},
    "resistance": {"MOhm": 1e-3, "GOhm": 1.0},
    "frequency": {"Hz": 1e-3, "kHz": 1.0},
}
_PLAIN_TEXT = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z]+)")

_PINT_NAME = {"GOhm": "gigaohm", "uM": "micromolar"}

#: rate units accepted in scheme documents -> (factor to 1/ms or 1/(uM ms), number of ligands in it)
RATE_UNITS = {
    "1/s": (1e-3, 0),
    "1/ms": (1.0, 0),
    "1/M/s": (1e-9, 1),
    "1/uM/s": (1e-3, 1),
    "1/uM/ms": (1.0, 1),
    "1/mM/s": (1e-6, 1),
    "1/mM/ms": (1e-3, 1),
}

_TEMPERATURE = re.compile(r"^\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(?:°\s*C|degC|deg C|celsius|C)\s*$")


@functools.cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


@functools.lru_cache(maxsize=1024)
def parse(text: str, dimension: str, *, where: str = "") -> float:
    """Convert text with a unit to the internal unit of a dimension.

    Parameters
    ----------
    text : str
        A number with a unit, e.g. ``"5 mM"``, ``"100ms"``, ``"22 degC"``.
    dimension : str
        Key of :data:`INTERNAL`.
    where : str, optional
        Where the text came from, for the error message.

    Returns
    -------
    float
        The value in ``INTERNAL[dimension]``.

    Raises
    ------
    UsageError
        Missing or unknown unit, wrong dimension, NaN or infinity.

    Examples
    --------
    >>> parse("5 mM", "concentration")
    5000.0
    """
    unit = INTERNAL[dimension]
    if dimension == "temperature" and (match := _TEMPERATURE.match(str(text))):
        return float(match.group(1))
    example = {"concentration": "5 mM", "time": "1 ms", "temperature": "22 degC"}.get(dimension, f"1 {unit}")
    text = str(text).replace("µ", "u").replace("μ", "u").strip()
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        raise UsageError(
            f"No unit in {text!r}",
            where=where,
            why=f"a {dimension} needs a unit" if math.isfinite(number) else "not a finite number",
            do=f"write it like {example!r}",
        )
    if (match := _PLAIN_TEXT.fullmatch(text)) and match.group(2) in _PLAIN.get(dimension, {}):
        value = float(match.group(1)) * _PLAIN[dimension][match.group(2)]
        if math.isfinite(value):
            return float(f"{value:.15g}")
    if not re.fullmatch(r"[-+\d.eE]+\s*[A-Za-z/*^ 0-9()-]+", text):
        raise UsageError(f"Cannot read {text!r} as a {dimension}", where=where, do=f"write it like {example!r}")
    registry = _registry()
    try:
        value = float(registry.Quantity(text).to(_PINT_NAME.get(unit, unit)).magnitude)
    except Exception as error:  # pint raises many unrelated types (tokenize, Undefined..., Dimensionality...)
        raise UsageError(
            f"Cannot read {text!r} as a {dimension}",
            where=where,
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            do=f"write it like {example!r}",
        ) from None
    if not math.isfinite(value):
        raise UsageError(f"{text!r} is not finite", where=where, do=f"write it like {example!r}")
    # 1/3 of the values of pint carry conversion dust (5 mM -> 4999.999999999999): keep 15 digits
    return float(f"{value:.15g}")


#: Above this a concentration is a typing error: neat water is 55.5 M, and no drug solution comes near 1 M.
ABSURD_CONCENTRATION_UM = 1e6


def parse_concentration(text: str, *, where: str = "") -> float:
    """Parse a concentration to uM; refuse negative and absurd values.

    Raises
    ------
    UsageError
        As :func:`parse`; also below zero, or above 1 M.
    """
    value = parse(text, "concentration", where=where)
    if value < 0:
        raise UsageError(f"Negative concentration {text!r}", where=where, do="give zero or more")
    if value > ABSURD_CONCENTRATION_UM:
        raise UsageError(
            f"Concentration {text!r} is above 1 M",
            where=where,
            why="no such solution exists",
            do="check the unit (uM, mM?)",
        )
    return value


def parse_rate(text: str, *, where: str = "") -> tuple[float, int]:
    """Parse a rate constant to (value in 1/ms or 1/(uM ms), number of ligands in its unit).

    Examples
    --------
    >>> parse_rate("2e7 1/M/s")
    (0.02, 1)
    """
    match = re.fullmatch(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(\S+)?\s*", str(text))
    if match is None or match.group(2) is None:
        raise UsageError(f"Rate {text!r} has no unit", where=where, do=f"add one of {', '.join(RATE_UNITS)}")
    if match.group(2) not in RATE_UNITS:
        raise UsageError(f"Unknown rate unit {match.group(2)!r}", where=where, do=f"use one of {', '.join(RATE_UNITS)}")
    try:
        value = float(match.group(1))
    except ValueError:
        raise UsageError(f"Rate {text!r} is not a number", where=where) from None
    if not math.isfinite(value) or value < 0:
        raise UsageError(f"Rate {text!r} is negative or not finite", where=where)
    factor, order = RATE_UNITS[match.group(2)]
    return float(f"{value * factor:.15g}"), order


def show_concentration(uM: float) -> str:
    """Return a concentration as short text with the natural prefix.

    Examples
    --------
    >>> show_concentration(1500.0)
    '1.5 mM'
    """
    if uM == 0:
        return "0"
    for limit, unit in ((1e3, "mM"), (1.0, "uM"), (1e-3, "nM")):
        if abs(uM) >= limit:
            return f"{uM / limit:g} {unit}"
    return f"{uM * 1e6:g} pM"
