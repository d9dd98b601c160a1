"""What one channel holds, and the units that a recording may arrive in.

The table is small on purpose: reading a file must not import pint.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RecordingError

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
    """

    name: str
    unit: str
    file_unit: str = ""


def plain_unit(text: str) -> str:
    """Return a unit in the spelling of :data:`UNITS` where possible (micro signs, long names, blanks).

    Examples
    --------
    >>> plain_unit("µA")
    'uA'
    """
    text = text.strip().replace("µ", "u").replace("μ", "u")
    long = {"sec": "s", "seconds": "s", "second": "s", "msec": "ms", "usec": "us", "dimensionless": ""}
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
