"""One rate constant and what it depends on: ligands, voltage, temperature."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Voltage:
    """Exponential voltage dependence, ``exp((V - V0) / slope)``."""

    zero_mV: float
    slope_mV: float

    def factor(self, voltage_mV: Any, exp: Callable[[Any], Any] = math.exp) -> Any:
        """Return the factor at a voltage; of an array with the exponential of its library."""
        return exp((voltage_mV - self.zero_mV) / self.slope_mV)


@dataclasses.dataclass(frozen=True)
class Q10:
    """Temperature dependence ``q10 ** ((T - T_ref) / 10)``; valid between low_C and high_C."""

    q10: float
    reference_C: float

    def factor(self, temperature_C: float) -> float:
        """Return the factor at a temperature; 1 at the reference."""
        return self.q10 ** ((temperature_C - self.reference_C) / 10.0)


@dataclasses.dataclass(frozen=True)
class LogisticTemperature:
    """Sigmoid temperature dependence, ``base + top / (1 + exp(-slope (T - midpoint)))`` (Rodrigues 2023)."""

    top: float
    slope_per_C: float
    midpoint_C: float
    base: float = 0.0

    @property
    def reference_C(self) -> float:
        """The temperature at which the factor is one; NaN where it never is."""
        ratio = self.top / (1.0 - self.base) - 1.0 if self.base != 1.0 else -1.0
        return self.midpoint_C - math.log(ratio) / self.slope_per_C if ratio > 0 else math.nan

    def factor(self, temperature_C: float) -> float:
        """Return the factor at a temperature."""
        return self.base + self.top / (1.0 + math.exp(-self.slope_per_C * (temperature_C - self.midpoint_C)))


@dataclasses.dataclass(frozen=True)
class AntonovBlock:
    """Mg block and unblock with permeant ions competing for the pore.

    ``forward``: kP(V) / ((1 + Na/Kna)(1 + Na/Kna + Cs/Kcs(V))) per mM of blocker (1/ms/mM);
    ``backward``: kNo(V) / (1 + Na/Kna)^2 + kNi(V) (1/ms). Form as coded in the NMODL port of
    Clarke & Johnson (ModelDB 145836), which follows Antonov; ions in mM.
    """

    direction: str
    Na_mM: float
    Cs_mM: float
    Kna_mM: float
    Kcs_mM: float
    Kcs_slope_mV: float
    kP: float
    kP_slope_mV: float
    kNo: float
    kNo_slope_mV: float
    kNi: float
    kNi_slope_mV: float

    def factor(self, voltage_mV: Any, exp: Callable[[Any], Any] = math.exp) -> Any:
        """Return the rate at a voltage, relative to a base rate of one; of an array with its library's exponential."""
        sodium = self.Na_mM / self.Kna_mM
        if self.direction == "forward":
            caesium = self.Cs_mM / (self.Kcs_mM * exp(voltage_mV / self.Kcs_slope_mV))
            return self.kP * exp(voltage_mV / self.kP_slope_mV) / ((1 + sodium) * (1 + sodium + caesium))
        return self.kNo * exp(voltage_mV / self.kNo_slope_mV) / (1 + sodium) ** 2 + self.kNi * exp(
            voltage_mV / self.kNi_slope_mV
        )


@dataclasses.dataclass(frozen=True)
class Rate:
    """A rate constant with its dependences.

    Attributes
    ----------
    k : float
        1/ms; 1/(uM ms) if it multiplies a ligand concentration.
    ligand : str or None
        Name of the ligand whose concentration multiplies the rate.
    occupancy : (half_uM, power) or None
        Saturating binding in equilibrium instead of mass action: the rate is multiplied by
        ``(L / (L + half)) ** power`` (binding that the model treats as instantaneous).
    voltage, temperature : law or None
    """

    k: float
    ligand: str | None = None
    occupancy: tuple[float, int] | None = None
    voltage: Voltage | AntonovBlock | None = None
    temperature: Q10 | LogisticTemperature | None = None

    def factor(self, ligands_uM: Mapping[str, float], voltage_mV: float | None, temperature_C: float | None) -> float:
        """Return what multiplies `k` under given conditions.

        Raises
        ------
        KeyError
            A ligand concentration is missing.
        ValueError
            The rate depends on voltage and none is given.
        """
        value = 1.0
        if self.ligand is not None:
            concentration = ligands_uM[self.ligand]
            if self.occupancy is None:
                value *= concentration
            else:
                half, power = self.occupancy
                value *= (concentration / (concentration + half)) ** power if concentration > 0 else 0.0
        if self.voltage is not None:
            if voltage_mV is None:
                raise ValueError("this rate depends on voltage: give voltage_mV")
            value *= self.voltage.factor(voltage_mV)
        if self.temperature is not None and temperature_C is not None:
            value *= self.temperature.factor(temperature_C)
        return value

    def scaled(self, factor: float) -> Rate:
        """Return the same rate with `k` multiplied."""
        return dataclasses.replace(self, k=self.k * factor)
