"""Instantaneous block of NMDA receptors by external magnesium."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class MagnesiumBlock:
    """The part of open NMDA receptors that magnesium leaves conducting, ``1 / (1 + Mg exp(-s V) / K)``.

    Attributes
    ----------
    name : str
    half_mM : float
        K: magnesium that blocks half of the receptors at 0 mV.
    slope_per_mV : float
        s. The published slopes (0.062 to 0.101 per mV) differ most between -60 and -30 mV, where a modulator of AMPA
        receptors acts: the choice is a condition of every result, not a detail.
    """

    name: str
    half_mM: float
    slope_per_mV: float

    def unblocked(self, voltage_mV: Any, magnesium_mM: float, *, xp: Any = np) -> Any:
        """Return the unblocked fraction at a voltage (float or array)."""
        return 1.0 / (1.0 + magnesium_mM / self.half_mM * xp.exp(-self.slope_per_mV * voltage_mV))


#: Jahr & Stevens 1990, as used by Rodrigues 2023 and EONS.
JAHR_STEVENS = MagnesiumBlock("Jahr-Stevens", 3.57, 0.062)
#: GluSynapse.mod of Chindemi et al. 2022.
GLUSYNAPSE = MagnesiumBlock("GluSynapse", 2.552, 0.072)
#: Grunditz et al. 2008 (ModelDB 116769).
GRUNDITZ = MagnesiumBlock("Grunditz", 0.69, 0.08)
#: CA1Sim (nmda_kin5.mod), without its effect on gating.
MILSTEIN = MagnesiumBlock("Milstein", 9.98, 0.101)

BLOCKS = {block.name: block for block in (JAHR_STEVENS, GLUSYNAPSE, GRUNDITZ, MILSTEIN)}
