"""Calcium -> calmodulin (two lobes) -> CaMKII with its autophosphorylation, and calcineurin.

Each lobe of calmodulin takes two calcium ions in one step; CaMKII holds calmodulin in each of its four states; bound
subunits are phosphorylated at a rate proportional to the part of CaMKII that is active, lose calmodulin, and stay
active (P, then P2) until they are dephosphorylated. Calcineurin binds fully loaded calmodulin.

References: Rodrigues et al. 2023, eLife 12:e80152 (rveltz/SynapseElife.jl: src/CaM-KCaM-reactions.jl,
src/SynapseModel.jl, src/ParamsSynapse.jl), after Pepke et al. 2010 and Chang et al. 2019. The equations are theirs; the
half in front of each on-rate is the combinatorial factor of two ions binding at once and belongs to the rate constants.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .sigmoid import Sigmoid

#: Species, in the order of the last axis. K: CaMKII with calmodulin; KP: the same, phosphorylated; P, P2: without it.
SPECIES: tuple[str, ...] = (
    "CaM", "CaM2C", "CaM2N", "CaM4", "CaN", "CaN_CaM4", "CaMKII", "K", "K2C", "K2N", "K4",
    "KP", "KP2C", "KP2N", "KP4", "P", "P2",
)  # fmt: skip

_AT = {name: i for i, name in enumerate(SPECIES)}


def _members(**counts: tuple[str, ...]) -> dict[str, np.ndarray]:
    return {key: np.array([float(s in names) for s in SPECIES]) for key, names in counts.items()}


#: Rows that sum the species holding a molecule: each sum is conserved.
TOTALS = _members(
    CaM=("CaM", "CaM2C", "CaM2N", "CaM4", "CaN_CaM4", "K", "K2C", "K2N", "K4", "KP", "KP2C", "KP2N", "KP4"),
    CaMKII=("CaMKII", "K", "K2C", "K2N", "K4", "KP", "KP2C", "KP2N", "KP4", "P", "P2"),
    CaN=("CaN", "CaN_CaM4"),
)
#: Calcium ions held by each species.
IONS = np.array([4.0 if "4" in s else 2.0 if s.endswith(("2C", "2N")) else 0.0 for s in SPECIES])
#: What Rodrigues 2023 call CaMKII in the plane of the readout: every subunit but the free, unphosphorylated one.
ACTIVE_CAMKII = TOTALS["CaMKII"] * np.array([float(s != "CaMKII") for s in SPECIES])
#: Calcineurin with fully loaded calmodulin.
ACTIVE_CAN = np.array([float(s == "CaN_CaM4") for s in SPECIES])

_CAMKII_Q10 = Sigmoid(0.5118207068695309, 45.47503600542303, -161.42634157226917, 162.1718925882677)
_CAN_ON = Sigmoid(-0.29481489145354556, 29.999999999999968, 0.15940019940354327, 0.870299900298228)
_CAN_OFF = Sigmoid(-0.6833299932488973, 26.277500129849113, 0.7114524682690591, 0.29037766196937326)


@dataclasses.dataclass(frozen=True)
class EnzymeRates:
    """Rate constants in 1/ms and 1/(uM ms) (``src/ParamsSynapse.jl``).

    Attributes
    ----------
    lobe_C, lobe_N, held_C, held_N : (on1, off1, on2, off2)
        First and second ion of a lobe, of free calmodulin and of calmodulin on CaMKII.
    bind : (CaM, CaM2C, CaM2N, CaM4)
        Binding to CaMKII.
    leave : the same
    phosphorylate, lose_CaM, dephosphorylate, second, back : float
        k1 to k5 of the chain K -> KP -> P <-> P2, P -> CaMKII.
    can_on, can_off : float
    """

    lobe_C: tuple[float, float, float, float] = (5e-3, 50e-3, 10e-3, 10e-3)
    lobe_N: tuple[float, float, float, float] = (0.1, 2.0, 0.2, 0.5)
    held_C: tuple[float, float, float, float] = (44e-3, 33e-3, 44e-3, 0.8e-3)
    held_N: tuple[float, float, float, float] = (76e-3, 0.3, 76e-3, 20e-3)
    bind: tuple[float, float, float, float] = (3.8e-6, 0.92e-3, 0.12e-3, 30e-3)
    leave: tuple[float, float, float, float] = (5.5e-3, 6.8e-3, 1.7e-3, 1.5e-3)
    phosphorylate: float = 12.6e-3
    lose_CaM: float = 0.33e-3
    dephosphorylate: float = 0.68e-3
    second: float = 0.164e-3
    back: float = 0.136e-3
    can_on: float = 1.75e-2
    can_off: float = 2e-5

    @classmethod
    def at(cls, temperature_C: float) -> EnzymeRates:
        """Return the rates at a temperature; those of the chain but k1 and k4, and calcineurin's, depend on it."""
        q = _CAMKII_Q10.at(temperature_C)
        base = cls()
        return dataclasses.replace(
            base,
            lose_CaM=q * base.lose_CaM,
            dephosphorylate=q * base.dephosphorylate,
            back=q * base.back,
            can_on=_CAN_ON.at(temperature_C) * base.can_on,
            can_off=_CAN_OFF.at(temperature_C) * base.can_off,
        )


def unloaded(cam_uM: float = 30.0, camkii_uM: float = 70.0, can_uM: float = 20.0) -> np.ndarray:
    """Return the enzymes without calcium: all free, shape (17,)."""
    y = np.zeros(len(SPECIES))
    y[_AT["CaM"]], y[_AT["CaMKII"]], y[_AT["CaN"]] = cam_uM, camkii_uM, can_uM
    return y


def _lobe(constants: tuple[float, float, float, float], free_uM: Any) -> tuple[Any, Any]:
    """Return loading (per uM2 ms, without the half) and unloading (per ms) of both ions at once.

    The singly loaded lobe is taken to be in steady state, so both share the denominator ``off1 + on2 Ca``.
    """
    on1, off1, on2, off2 = constants
    shared = off1 + on2 * free_uM
    return on1 * on2 / shared, off1 * off2 / shared


def enzyme_rates(enzymes: Any, free_uM: Any, rates: EnzymeRates, *, xp: Any = np) -> tuple[Any, Any]:
    """Return d(enzymes)/dt and the calcium that the lobes take up.

    Parameters
    ----------
    enzymes : array, shape (..., 17)
        uM, see :data:`SPECIES`.
    free_uM : array, shape (...)
        Free calcium.
    rates : EnzymeRates
    xp : module
        ``numpy`` or ``jax.numpy``.

    Returns
    -------
    array, shape (..., 17)
        uM/ms.
    array, shape (...)
        Uptake of free calcium, uM/ms.
    """
    y = {name: enzymes[..., i] for name, i in _AT.items()}
    total = enzymes @ xp.asarray(TOTALS["CaMKII"])
    active = enzymes @ xp.asarray(ACTIVE_CAMKII)
    d = dict.fromkeys(SPECIES, 0.0 * free_uM)

    def move(flux: Any, away: tuple[str, ...], into: tuple[str, ...]) -> None:
        for name in away:
            d[name] = d[name] - flux
        for name in into:
            d[name] = d[name] + flux

    uptake = 0.0 * free_uM
    pairs = 0.5 * free_uM**2
    for prefix, law_C, law_N in (("CaM", rates.lobe_C, rates.lobe_N), ("K", rates.held_C, rates.held_N)):
        for lobe, law in (("2C", law_C), ("2N", law_N)):
            on, off = _lobe(law, free_uM)
            other = "2N" if lobe == "2C" else "2C"
            for empty, loaded in ((prefix, prefix + lobe), (prefix + other, prefix + "4")):
                flux = on * pairs * y[empty] - off * y[loaded]
                move(flux, (empty,), (loaded,))
                uptake = uptake + 2.0 * flux
    for suffix, on, off in zip(("", "2C", "2N", "4"), rates.bind, rates.leave, strict=True):
        move(on * y["CaM" + suffix] * y["CaMKII"] - off * y["K" + suffix], ("CaM" + suffix, "CaMKII"), ("K" + suffix,))
        move(rates.phosphorylate * active / total * y["K" + suffix], ("K" + suffix,), ("KP" + suffix,))
        move(rates.lose_CaM * y["KP" + suffix], ("KP" + suffix,), ("P", "CaM" + suffix))
    move(rates.second * y["P"] - rates.back * y["P2"], ("P",), ("P2",))
    move(rates.dephosphorylate * y["P"], ("P",), ("CaMKII",))
    move(rates.can_on * y["CaM4"] * y["CaN"] - rates.can_off * y["CaN_CaM4"], ("CaM4", "CaN"), ("CaN_CaM4",))
    return xp.stack([d[name] for name in SPECIES], axis=-1), uptake
