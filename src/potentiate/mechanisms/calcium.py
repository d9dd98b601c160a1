"""Calcium of the spine head: what each route carries, buffering and extrusion."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

#: Charge of one mole of calcium ions (2 F) in pA ms per (uM um3): 1 pA ms = 1e-15 C; 1 uM um3 = 1e-21 mol.
PA_MS_PER_UM_UM3 = 2.0 * 96485.33212 * 1e-6


@dataclasses.dataclass(frozen=True)
class CalciumDynamics:
    """Free calcium with an endogenous buffer that is always in equilibrium.

    Attributes
    ----------
    volume_um3 : float
    free_fraction : float
        Part of entering calcium that stays free, ``1 / (1 + kappa)``.
    decay_ms : float
        Time constant of free calcium.
    rest_uM : float
    """

    volume_um3: float
    free_fraction: float
    decay_ms: float
    rest_uM: float

    def per_pA_ms(self) -> float:
        """Return the rise of free calcium by a calcium charge of 1 pA ms, uM."""
        return self.free_fraction / (PA_MS_PER_UM_UM3 * self.volume_um3)

    def rate(self, free_uM: Any, calcium_pA: Any) -> Any:
        """Return d[Ca]/dt in uM/ms for an inward (negative) calcium current."""
        return -calcium_pA * self.per_pA_ms() - (free_uM - self.rest_uM) / self.decay_ms


@dataclasses.dataclass(frozen=True)
class FixedShare:
    """A constant share of a receptor's current is calcium, whatever the voltage, scaled with external calcium.

    Attributes
    ----------
    share : float
        Of the inward current near rest at the reference calcium.
    reversal_mV : float
        Where the calcium current vanishes (it stays inward above the reversal of the whole current).
    at_mV : float
        Voltage at which the share holds.
    reference_mM : float
        External calcium of the measurement.
    """

    share: float
    reversal_mV: float = 40.0
    at_mV: float = -65.0
    reference_mM: float = 2.0

    def current_pA(self, conductance_nS: Any, voltage_mV: Any, external_mM: float, current_reversal_mV: float) -> Any:
        """Return the calcium current of an open conductance, pA (inward negative)."""
        slope = self.share * (self.at_mV - current_reversal_mV) / (self.at_mV - self.reversal_mV)
        return slope * external_mM / self.reference_mM * conductance_nS * (voltage_mV - self.reversal_mV)


@dataclasses.dataclass(frozen=True)
class CalciumChannel:
    """R-type voltage-gated calcium channels of the head, m2 h (GluSynapse.mod of Chindemi et al. 2022).

    Attributes
    ----------
    conductance_nS : float
    """

    conductance_nS: float
    activation_mV: tuple[float, float] = (-5.9, 9.5)
    inactivation_mV: tuple[float, float] = (-39.0, -9.2)
    activation_ms: float = 1.0
    inactivation_ms: float = 27.0

    def steady(self, voltage_mV: Any, *, xp: Any = np) -> tuple[Any, Any]:
        """Return the steady activation and inactivation at a voltage."""
        (vm, sm), (vh, sh) = self.activation_mV, self.inactivation_mV
        return 1.0 / (1.0 + xp.exp((vm - voltage_mV) / sm)), 1.0 / (1.0 + xp.exp((vh - voltage_mV) / sh))

    def current_pA(self, m: Any, h: Any, voltage_mV: Any, reversal_mV: Any) -> Any:
        """Return the current, pA (inward negative)."""
        return self.conductance_nS * m * m * h * (voltage_mV - reversal_mV)
