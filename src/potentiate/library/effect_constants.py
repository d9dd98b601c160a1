"""The constants of effect documents as the mechanisms take them: uM, and the small dataclasses of a model."""

from __future__ import annotations

import dataclasses

from ..errors import UsageError
from ..mechanisms.tolerance import Attenuation, UpRegulation
from .compound import find_compound
from .effect import EffectNumber, OccupancyDoc, ToleranceDoc

#: unit -> factor to uM; mg/L needs the molar mass
_UM = {"nM": 1e-3, "uM": 1.0, "mM": 1e3}


@dataclasses.dataclass(frozen=True)
class Ligand:
    """A ligand with its constant in uM, in the matrix of the document.

    Attributes
    ----------
    compound : str
    constant_uM, low_uM, high_uM : float
        The constant and what its sources leave open.
    counted : bool
    """

    compound: str
    constant_uM: float
    low_uM: float
    high_uM: float
    counted: bool


def to_uM(number: EffectNumber, compound: str) -> tuple[float, float, float]:
    """Return a concentration and its interval in uM.

    Raises
    ------
    UsageError
        The unit is not a concentration, or the compound has no molar mass.
    """
    value = number.known()
    if number.unit in _UM:
        factor = _UM[number.unit]
    elif number.unit == "mg/L":
        mass = find_compound(compound).molar_mass
        if mass is None:
            raise UsageError(f"{compound} has no molar mass", why=f"its constant is in {number.unit}")
        factor = 1e3 / mass
    else:
        raise UsageError(f"{number.unit!r} is no concentration", do="write uM, nM, mM or mg/L")
    low, high = number.interval or (value, value)
    return value * factor, low * factor, high * factor


def ligands(document: OccupancyDoc) -> tuple[Ligand, ...]:
    """Return the ligands of an occupancy document, constants in uM."""
    own = {x.compound: to_uM(x.constant, x.compound) for x in document.ligands if x.constant is not None}
    found = []
    for x in document.ligands:
        if x.ratio is None:
            value, low, high = own[x.compound]
        else:
            assert x.relative_to is not None
            ratio = x.ratio.known()
            a, b = x.ratio.interval or (ratio, ratio)
            base = own[x.relative_to]
            value, low, high = base[0] * ratio, base[1] * a, base[2] * b
        found.append(Ligand(x.compound, value, low, high, x.counted))
    return tuple(found)


def tolerance_model(document: ToleranceDoc) -> Attenuation | UpRegulation | None:
    """Return the model of a tolerance document; None where there is no tolerance.

    Raises
    ------
    UsageError
        Its size is unknown; the reason is the document's.
    """
    if document.form == "unknown":
        raise UsageError(f"Tolerance of {document.endpoint} is unknown", why=document.unknown or "")
    if document.form == "none":
        return None
    assert document.rate is not None
    if document.form == "attenuation":
        assert document.half is not None
        assert document.maximum is not None
        half = to_uM(document.half, document.compound)[0]
        return Attenuation(document.rate.known(), half, document.maximum.known())
    assert document.gain is not None
    assert document.threshold is not None
    return UpRegulation(document.rate.known(), document.gain.known(), document.threshold.known())
