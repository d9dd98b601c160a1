"""Calcium of the spine head: what each route carries, buffering and extrusion."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

#: Charge of one mole of calcium ions (2 F) in pA ms per (uM um3): 1 pA ms = 1e-15 C; 1 uM um3 = 1e-21 mol.
PA_MS_PER_UM_UM3 = 2.0 * 96485.33212 * 1e-6

_GAS, _FARADAY = 8.314462618, 96485.33212


def thermal_mV(temperature_C: float) -> float:
    """Return RT/F."""
    return 1e3 * _GAS * (273.15 + temperature_C) / _FARADAY


def nernst_mV(external_mM: float, internal_uM: Any, temperature_C: float = 35.0, *, xp: Any = np) -> Any:
    """Return the reversal potential of calcium."""
    return 0.5 * thermal_mV(temperature_C) * xp.log(1e3 * external_mM / internal_uM)


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

    @classmethod
    def from_kappa(cls, volume_um3: float, kappa: float, decay_ms: float, rest_uM: float) -> CalciumDynamics:
        """Return the dynamics with an endogenous buffer.

        Parameters
        ----------
        volume_um3 : float
            Of the head.
        kappa : float
            Binding ratio of the buffer: bound over free increments.
        decay_ms : float
            Time constant with which free calcium returns to rest, buffer included.
        rest_uM : float
        """
        return cls(volume_um3, 1.0 / (1.0 + kappa), decay_ms, rest_uM)

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
class SaturatingShare:
    """The calcium conductance of NMDA receptors as a part of the whole that saturates with external calcium.

    ``Pf = 4 Ca / (4 Ca + monovalent / ratio) share`` and a current of ``Pf g (V - reversal)`` (GluSynapse.mod of
    Chindemi et al. 2022: monovalent 120 mM, ratio 1.38, share 0.6, reversal 40 mV).

    Attributes
    ----------
    monovalent_mM : float
        Monovalent ions outside.
    ratio : float
        How much better calcium permeates than they do.
    share : float
        What part of the conductance calcium takes at most.
    reversal_mV : float
        Of the calcium current.
    """

    monovalent_mM: float = 120.0
    ratio: float = 1.38
    share: float = 0.6
    reversal_mV: float = 40.0

    def fraction(self, external_mM: float) -> float:
        """Return the calcium part of the conductance."""
        return self.share * 4.0 * external_mM / (4.0 * external_mM + self.monovalent_mM / self.ratio)

    def current_pA(self, conductance_nS: Any, voltage_mV: Any, external_mM: float, current_reversal_mV: float) -> Any:
        """Return the calcium current, pA (inward negative); the reversal of the whole current does not enter."""
        return self.fraction(external_mM) * conductance_nS * (voltage_mV - self.reversal_mV)


@dataclasses.dataclass(frozen=True)
class GoldmanShare:
    """A share of the current near rest that follows the Goldman-Hodgkin-Katz equation at other voltages.

    Attributes
    ----------
    share : float
        Of the inward current at `at_mV` and `reference_mM`.
    at_mV, reference_mM : float
        Voltage and external calcium at which the share holds.
    temperature_C, internal_uM : float
    """

    share: float
    at_mV: float = -65.0
    reference_mM: float = 2.0
    temperature_C: float = 35.0
    internal_uM: float = 0.07

    def _flux(self, voltage_mV: Any, external_mM: float) -> Any:
        """Goldman flux in mM, negative inward: u (Ca_i - Ca_o exp(-u)) / (1 - exp(-u)), u = 2 V F / RT."""
        u = 2.0 * np.asarray(voltage_mV, float) / thermal_mV(self.temperature_C)
        # u / (1 - exp(-u)) is 1 at u = 0
        small = np.abs(u) < 1e-6
        factor = np.where(small, 1.0 + 0.5 * u, u / np.where(small, 1.0, -np.expm1(-u)))
        return factor * (1e-3 * self.internal_uM - external_mM * np.exp(-u))

    def current_pA(self, conductance_nS: Any, voltage_mV: Any, external_mM: float, current_reversal_mV: float) -> Any:
        """Return the calcium current, pA (inward negative); NumPy only."""
        scale = self.share * (self.at_mV - current_reversal_mV) / self._flux(self.at_mV, self.reference_mM)
        return scale * conductance_nS * self._flux(voltage_mV, external_mM)


Share = FixedShare | SaturatingShare | GoldmanShare


@dataclasses.dataclass(frozen=True)
class CalciumChannel:
    """R-type voltage-gated calcium channels of the head, m2 h (GluSynapse.mod of Chindemi et al. 2022).

    Attributes
    ----------
    conductance_nS : float
        With all channels open.
    activation_mV, inactivation_mV : (float, float)
        Half-maximum and slope of the Boltzmann function.
    activation_ms, inactivation_ms : float
        Time constants.
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

    def advance(self, m: Any, h: Any, voltage_mV: Any, dt_ms: float, *, xp: Any = np) -> tuple[Any, Any]:
        """Return m and h after a step at constant voltage, exactly."""
        m_inf, h_inf = self.steady(voltage_mV, xp=xp)
        fade_m, fade_h = math.exp(-dt_ms / self.activation_ms), math.exp(-dt_ms / self.inactivation_ms)
        return m_inf + (m - m_inf) * fade_m, h_inf + (h - h_inf) * fade_h

    def current_pA(self, m: Any, h: Any, voltage_mV: Any, reversal_mV: Any) -> Any:
        """Return the current, pA (inward negative)."""
        return self.conductance_nS * m * m * h * (voltage_mV - reversal_mV)
