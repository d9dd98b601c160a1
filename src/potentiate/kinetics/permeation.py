"""What passes an open AMPA receptor: block by internal polyamines, and the calcium share of the current."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ..errors import DataError


@dataclasses.dataclass(frozen=True)
class PolyamineBlock:
    """Voltage-dependent block of the open pore by internal polyamines.

    The conductance relative to the unblocked pore at very negative voltage is
    ``g0(V) / (1 + PA / Kd(V))`` with ``Kd(V) = Kd0 exp(-zd V / kT)`` and
    ``g0(V) = 1 + outward exp((V - outward_mid) / outward_slope)``.

    Attributes
    ----------
    blocker_uM : float
        Free internal polyamine.
    kd0_uM : float
        Dissociation constant at 0 mV, in the SAME unit as the blocker.
    zd : float
        Valence times electrical distance.
    thermal_mV : float
        kT/e as in the source (25.3 mV).
    outward, outward_mid_mV, outward_slope_mV : float
        Instantaneous outward rectification of the unblocked pore.

    Notes
    -----
    Form: the rectification block of cnmodel's AMPA mechanism (equation after Washburn et al. 1997; Manis,
    unpublished constants). Unit trap: the code holds the blocker in uM and Kd0 in M (45 against 31e-6), which
    taken together would block the pore a million-fold. Both are uM here.
    """

    blocker_uM: float
    kd0_uM: float
    zd: float
    thermal_mV: float = 25.3
    outward: float = 0.0
    outward_mid_mV: float = 50.0
    outward_slope_mV: float = 40.0

    def __post_init__(self) -> None:
        if self.blocker_uM < 0 or self.kd0_uM <= 0 or self.thermal_mV <= 0:
            raise DataError("A polyamine block needs blocker >= 0 and Kd0 > 0", do="both in uM")

    def kd_uM(self, voltage_mV: Any) -> Any:
        """Return the dissociation constant at a voltage (float or array), uM."""
        return self.kd0_uM * np.exp(-self.zd * np.asarray(voltage_mV, float) / self.thermal_mV)

    def unblocked(self, voltage_mV: Any) -> Any:
        """Return the unblocked fraction at a voltage (float or array)."""
        return 1.0 / (1.0 + self.blocker_uM / self.kd_uM(voltage_mV))

    def factor(self, voltage_mV: Any) -> Any:
        """Return what multiplies the conductance at a voltage (float or array): block times outward part."""
        voltage = np.asarray(voltage_mV, float)
        g0 = 1.0 + self.outward * np.exp((voltage - self.outward_mid_mV) / self.outward_slope_mV)
        return g0 * self.unblocked(voltage)

    def rectification_index(self, positive_mV: float = 40.0, negative_mV: float = -60.0) -> float:
        """Return the ratio of chord conductances at two voltages; 1: linear, 0: inward only."""
        return float(self.factor(positive_mV) / self.factor(negative_mV))


@dataclasses.dataclass(frozen=True)
class FractionalCalcium:
    """The part of the current that calcium carries.

    Attributes
    ----------
    fraction : float
        Between 0 and 1, near rest in physiological calcium.
    contested : str
        What argues against the number; empty if nothing.
    source : str
    """

    fraction: float
    contested: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not (0.0 <= self.fraction <= 1.0 and math.isfinite(self.fraction)):
            raise DataError(f"Fractional calcium current {self.fraction} is not between 0 and 1")

    def current_pA(self, total_pA: Any) -> Any:
        """Return the calcium current of a total current, pA (float or array)."""
        return self.fraction * np.asarray(total_pA, float)
