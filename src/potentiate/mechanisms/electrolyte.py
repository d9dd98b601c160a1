"""What is in a saline: ions from salts, osmolality, charge, and the pH that carbon dioxide sets.

Ion pairs (MgSO4, CaSO4, phosphate and bicarbonate complexes) are neglected: free calcium and magnesium are the
total ones. The osmotic coefficient of MgSO4 (0.58) says that this matters most for magnesium given as sulphate.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from ..errors import UnknownNameError, UsageError

ZERO_DEGC_IN_K = 273.15
BAROMETRIC_mmHg = 760.0

#: Charge of each ion. Weak acids are listed in the form in which a salt brings them.
CHARGE = {
    "Na": 1, "K": 1, "Cs": 1, "Ca": 2, "Mg": 2, "Cl": -1, "SO4": -2, "HCO3": -1, "H2PO4": -1, "HPO4": -2,
    "gluconate": -1, "methanesulfonate": -1, "ascorbate": -1, "pyruvate": -1, "TEA": 1, "Tris": 1, "GTP": -3,
    "ATP": -2, "phosphocreatine": -2,
}  # fmt: skip

#: Buffers: their ions carry no fixed charge.
_BUFFERS = ("HCO3", "H2PO4", "HPO4")


@dataclasses.dataclass(frozen=True)
class Solute:
    """A substance as it is weighed in.

    Attributes
    ----------
    ions : mapping of ion -> number per formula; empty for what does not dissociate
    osmotic_coefficient : float
        At the concentrations of extracellular fluid, 37 degC: the table of the zoology department of the
        University of British Columbia (ubc-osmotic); 0.93 where that has no value (assumed).
    """

    ions: Mapping[str, int]
    osmotic_coefficient: float = 0.93

    @property
    def particles(self) -> int:
        """Particles per formula when fully dissociated."""
        return sum(self.ions.values()) or 1


SOLUTES = {
    "NaCl": Solute({"Na": 1, "Cl": 1}, 0.93),
    "KCl": Solute({"K": 1, "Cl": 1}, 0.92),
    "CsCl": Solute({"Cs": 1, "Cl": 1}),
    "TEACl": Solute({"TEA": 1, "Cl": 1}),
    "CaCl2": Solute({"Ca": 1, "Cl": 2}, 0.86),
    "MgCl2": Solute({"Mg": 1, "Cl": 2}, 0.89),
    "MgSO4": Solute({"Mg": 1, "SO4": 1}, 0.58),
    "NaHCO3": Solute({"Na": 1, "HCO3": 1}, 0.96),
    "NaH2PO4": Solute({"Na": 1, "H2PO4": 1}, 0.87),
    "KH2PO4": Solute({"K": 1, "H2PO4": 1}, 0.87),
    "Na2HPO4": Solute({"Na": 2, "HPO4": 1}),
    "Na-ascorbate": Solute({"Na": 1, "ascorbate": 1}),
    "Na-pyruvate": Solute({"Na": 1, "pyruvate": 1}),
    "K-gluconate": Solute({"K": 1, "gluconate": 1}),
    "CsMeSO3": Solute({"Cs": 1, "methanesulfonate": 1}),
    "KOH": Solute({"K": 1}),
    "CsOH": Solute({"Cs": 1}),
    "NaOH": Solute({"Na": 1}),
    "MgATP": Solute({"Mg": 1, "ATP": 1}),
    "Na3GTP": Solute({"Na": 3, "GTP": 1}),
    "Tris-GTP": Solute({"Tris": 3, "GTP": 1}),
    "Na2-phosphocreatine": Solute({"Na": 2, "phosphocreatine": 1}),
    "glucose": Solute({}, 1.01),
    "sucrose": Solute({}, 1.02),
    "HEPES": Solute({}, 1.0),
    "EGTA": Solute({}, 1.0),
    "QX-314": Solute({}, 1.0),
}


def check_amounts(contents_mM: Mapping[str, float]) -> None:
    """Refuse unknown solutes and amounts that are no concentrations.

    Raises
    ------
    UsageError
    """
    for name, amount in contents_mM.items():
        if name not in SOLUTES:
            raise UnknownNameError("solute", name, SOLUTES, do="write salts as formulas, e.g. NaCl, CaCl2, MgSO4")
        if not math.isfinite(amount) or amount < 0:
            raise UsageError(
                f"{name} is {amount!r} mM", where="solution", why="an amount cannot be negative", do="give zero or more"
            )


def ions_mM(contents_mM: Mapping[str, float]) -> dict[str, float]:
    """Return the ions of fully dissociated contents, mM; weak acids in the form that their salt brings.

    Examples
    --------
    >>> ions_mM({"NaCl": 124.0, "CaCl2": 2.0})
    {'Na': 124.0, 'Cl': 128.0, 'Ca': 2.0}
    """
    check_amounts(contents_mM)
    found: dict[str, float] = {}
    for name, amount in contents_mM.items():
        for ion, number in SOLUTES[name].ions.items():
            found[ion] = found.get(ion, 0.0) + number * amount
    return found


def ideal_osmolality_mOsm(contents_mM: Mapping[str, float]) -> float:
    """Return the number of particles, mOsm, if every salt were dissociated and ideal."""
    check_amounts(contents_mM)
    return sum(SOLUTES[name].particles * amount for name, amount in contents_mM.items())


def osmolality_mOsm(contents_mM: Mapping[str, float]) -> float:
    """Return the osmolality that an osmometer would show: particles times osmotic coefficients, mOsm/kg.

    The molar amounts stand for molal ones (1 % for a saline).
    """
    check_amounts(contents_mM)
    return sum(SOLUTES[n].particles * SOLUTES[n].osmotic_coefficient * c for n, c in contents_mM.items())


def charge_mEq(ions: Mapping[str, float]) -> float:
    """Return the net charge of ions as their salts bring them, mEq/L: zero for every recipe of whole salts."""
    return sum(CHARGE[ion] * amount for ion, amount in ions.items())


def strong_ion_difference_mEq(ions: Mapping[str, float]) -> float:
    """Return the charge of all ions that are not buffers, mEq/L: what bicarbonate and phosphate must balance."""
    return sum(CHARGE[ion] * amount for ion, amount in ions.items() if ion not in _BUFFERS)


def water_vapour_mmHg(temperature_degC: float) -> float:
    """Return the saturation pressure of water vapour (Antoine equation, 1 to 100 degC)."""
    return 10.0 ** (8.07131 - 1730.63 / (233.426 + temperature_degC))


def co2_pressure_mmHg(co2_fraction: float, temperature_degC: float) -> float:
    """Return the CO2 pressure of water-saturated gas at 760 mmHg."""
    return co2_fraction * (BAROMETRIC_mmHg - water_vapour_mmHg(temperature_degC))


def co2_solubility_mM_per_mmHg(temperature_degC: float) -> float:
    """Return the solubility of CO2 in plasma (Kelman, as coded in VQBOHR: kelman-vqbohr; 0.0307 at 37 degC).

    A saline without protein dissolves a few per cent more.
    """
    below = 37.0 - temperature_degC
    return 0.0307 + 0.00057 * below + 0.00002 * below**2


def apparent_pk(temperature_degC: float, pH: float) -> float:
    """Return the apparent pK of carbonic acid (as coded in VQBOHR: kelman-vqbohr; 6.09 at 37 degC, pH 7.4)."""
    p = 7.4 - pH
    return 6.086 + 0.042 * p + (38.0 - temperature_degC) * (0.00472 + 0.00139 * p)


#: Second pK of phosphoric acid at physiological ionic strength (assumed; 1.25 mM of it moves the pH by 0.02).
PHOSPHATE_PK = 6.8


def bicarbonate_mM(pH: float, co2_fraction: float, temperature_degC: float) -> float:
    """Return bicarbonate in equilibrium with a gas at a pH (Henderson and Hasselbalch)."""
    dissolved = co2_solubility_mM_per_mmHg(temperature_degC) * co2_pressure_mmHg(co2_fraction, temperature_degC)
    return dissolved * 10.0 ** (pH - apparent_pk(temperature_degC, pH))


def equilibrium_pH(ions: Mapping[str, float], co2_fraction: float, temperature_degC: float) -> float:
    """Return the pH at which bicarbonate and phosphate balance the strong ions under a gas.

    This is the equation of Henderson and Hasselbalch with the bicarbonate that is left after phosphate has taken
    its share of protons.

    Raises
    ------
    UsageError
        No bicarbonate buffer: the strong ions leave nothing for it, or there is no CO2.
    """
    if not 0.0 < co2_fraction < 1.0:
        raise UsageError(
            f"CO2 fraction {co2_fraction!r}",
            where="solution",
            why="without CO2 in the gas bicarbonate sets no pH",
            do="bubble with 95 % O2 / 5 % CO2, or state the pH of a solution with another buffer",
        )
    needed = strong_ion_difference_mEq(ions)
    phosphate = ions.get("H2PO4", 0.0) + ions.get("HPO4", 0.0)

    def excess(pH: float) -> float:
        share = 1.0 / (1.0 + 10.0 ** (PHOSPHATE_PK - pH))
        return bicarbonate_mM(pH, co2_fraction, temperature_degC) + phosphate * (1.0 + share) - needed

    low, high = 4.0, 10.0
    if excess(low) > 0.0:
        raise UsageError(
            "The solution has no bicarbonate left to set a pH",
            where="solution",
            why=f"its strong ions leave {needed:g} mEq/L for bicarbonate and phosphate",
            do="add NaHCO3 (usually 24 to 26 mM)",
        )
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) < 0.0 else (low, middle)
    return 0.5 * (low + high)


def complaints(contents_mM: Mapping[str, float], pH: float | None) -> list[str]:
    """Return what is unusual about a solution for nervous tissue; refuse what cannot be one.

    Parameters
    ----------
    pH : float or None
        None if it is not known.

    Returns
    -------
    list of str
        Ideal osmolality outside 270-340 mOsm, pH outside 7.0-7.7, net charge, calcium that phosphate or sulphate
        may precipitate, no calcium or magnesium.

    Raises
    ------
    UsageError
        Negative amounts; ideal osmolality outside 200-450 mOsm.
    """
    ideal = ideal_osmolality_mOsm(contents_mM)
    if not 200.0 <= ideal <= 450.0:
        word = "burst" if ideal < 200.0 else "shrink"
        raise UsageError(
            f"The solution has {ideal:.0f} mOsm",
            where="solution",
            why=f"cells {word} outside 200 to 450 mOsm",
            do="check the amounts (mM) and whether a salt is missing or given twice",
        )
    ions = ions_mM(contents_mM)
    found = []
    if not 270.0 <= ideal <= 340.0:
        found.append(f"ideal osmolality {ideal:.0f} mOsm is outside 270 to 340")
    # a hydroxide that titrates HEPES or EGTA is balanced by their anions
    takes = contents_mM.get("HEPES", 0.0) + 4.0 * contents_mM.get("EGTA", 0.0)
    if not -1e-6 < (charge := charge_mEq(ions)) < takes + 1e-6:
        found.append(f"net charge {charge:+.2f} mEq/L: an acid or base that sets the pH is not in the list")
    if pH is not None and not 7.0 <= pH <= 7.7:
        found.append(f"pH {pH:.2f} is outside 7.0 to 7.7")
    phosphate = ions.get("H2PO4", 0.0) + ions.get("HPO4", 0.0)
    # Assumed limits: salines of 2.5 mM Ca with 1.25 mM phosphate are in daily use and stay clear.
    if ions.get("Ca", 0.0) * phosphate > 6.0:
        found.append(f"{ions['Ca']:g} mM calcium with {phosphate:g} mM phosphate may precipitate (limit assumed)")
    if ions.get("Ca", 0.0) * ions.get("SO4", 0.0) > 20.0:
        found.append(f"{ions['Ca']:g} mM calcium with {ions['SO4']:g} mM sulphate may precipitate (limit assumed)")
    return found
