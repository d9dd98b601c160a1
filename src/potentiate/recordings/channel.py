"""What one channel holds, and the units that a recording may arrive in.

The table is small on purpose: reading a file must not import pint.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import RecordingError

#: What a channel is to the experiment.
Role = Literal["response", "stimulus", "exchange", "auxiliary"]

#: unit found in files -> (unit inside, factor)
UNITS: dict[str, tuple[str, float]] = {
    "A": ("pA", 1e12),
    "mA": ("pA", 1e9),
    "uA": ("pA", 1e6),
    "nA": ("pA", 1e3),
    "pA": ("pA", 1.0),
    "fA": ("pA", 1e-3),
    "V": ("mV", 1e3),
    "mV": ("mV", 1.0),
    "uV": ("mV", 1e-3),
    "s": ("ms", 1e3),
    "ms": ("ms", 1.0),
    "us": ("ms", 1e-3),
}

#: Largest size that a patch-clamp amplifier can have recorded, in the unit inside.
PLAUSIBLE = {"pA": 2e6, "mV": 1e5}


@dataclass(frozen=True)
class Channel:
    """Name and unit of one channel.

    Attributes
    ----------
    name : str
        As written in the file.
    unit : str
        Unit of the data inside: pA or mV, or the file's own where the table does not know it.
    file_unit : str
        Unit as written in the file; empty where the file has none.
    role : {"response", "stimulus", "exchange", "auxiliary"}
        Response: what the cell did. Stimulus: the command to amplifier or electrode. Exchange: the piezo, valve or
        open-tip trace of a solution exchange. Auxiliary: anything else that was recorded along.
    """

    name: str
    unit: str
    file_unit: str = ""
    role: Role = "response"


_EXCHANGE = re.compile(r"piezo|open.?tip|exchange|perfusion|valve|theta", re.IGNORECASE)
_COMMAND = re.compile(r"(^|[^a-z])(v|i)?_?(cmd|command|stim(ulus)?|dac)([^a-z]|$)", re.IGNORECASE)


def likely_role(name: str, unit: str) -> Role:
    """Return the role that a name suggests; a channel that is neither current nor voltage is auxiliary.

    Examples
    --------
    >>> likely_role("Piezo Com 10Vm", "mV"), likely_role("Cmd 0", "mV"), likely_role("Im", "pA")
    ('exchange', 'stimulus', 'response')
    """
    if _EXCHANGE.search(name):
        return "exchange"
    if _COMMAND.search(name):
        return "stimulus"
    return "response" if unit in PLAUSIBLE else "auxiliary"


def known_role(text: str) -> Role:
    """Return the role of that name.

    Raises
    ------
    ValueError
        No such role.
    """
    if text not in get_args(Role):
        raise ValueError(f"role {text!r}")
    return text  # type: ignore[return-value]


#: No membrane holds a volt: a channel in mV that never comes below is an input for something else.
MEMBRANE_MV = 1000.0


def is_auxiliary(unit: str, low: float, high: float) -> bool:
    """Return whether a recorded range belongs to no cell, of a channel beside others.

    Parameters
    ----------
    unit : str
        Unit inside.
    low, high : float
        Range of the whole channel; NaN where nothing is finite.

    Notes
    -----
    A channel that never changes by more than 1e-3 of its level, or that stays above a volt, is an open or occupied
    input (``f1.abf`` of pyABF: two inputs at 3.1 to 3.4 V).
    """
    if low != low:  # NaN
        return True
    level = max(abs(low), abs(high))
    constant = high - low <= 1e-3 * level
    return constant or (unit == "mV" and min(abs(low), abs(high)) > MEMBRANE_MV and low * high > 0)


def plain_unit(text: str) -> str:
    """Return a unit in the spelling of :data:`UNITS` where possible (micro signs, long names, blanks).

    Examples
    --------
    >>> plain_unit("µA")
    'uA'
    """
    text = text.strip().replace("µ", "u").replace("μ", "u")
    long = {"sec": "s", "seconds": "s", "second": "s", "msec": "ms", "usec": "us", "dimensionless": "",
            "amperes": "A", "ampere": "A", "amps": "A", "volts": "V", "volt": "V"}  # fmt: skip
    return long.get(text.lower(), text)


def inside(unit: str) -> tuple[str, float]:
    """Return (unit inside, factor) of a unit found in a file; unknown units stay as they are, factor 1."""
    return UNITS.get(unit, (unit, 1.0))


def check_plausible(channel: Channel, low: float, high: float, where: str) -> None:
    """Refuse a current or voltage that no amplifier can have recorded.

    Parameters
    ----------
    channel : Channel
    low, high : float
        Range of the data in ``channel.unit``.
    where : str
        File, for the message.

    Raises
    ------
    RecordingError
        The range is beyond :data:`PLAUSIBLE`: most often a header that says A for pA.
    """
    limit = PLAUSIBLE.get(channel.unit)
    largest = max(abs(low), abs(high))
    if limit is None or largest <= limit:
        return
    factor = UNITS[channel.file_unit][1] if channel.file_unit in UNITS else 1.0
    raise RecordingError(
        "Scale implausible",
        where=f"{where}, channel {channel.name!r}",
        why=f"the header says {low / factor:.3g} to {high / factor:.3g} {channel.file_unit}",
        do=f"check the units in the acquisition program, then give the true unit "
        f"(unit={channel.unit!r}), or accept the header (yes=True, --yes)",
    )
