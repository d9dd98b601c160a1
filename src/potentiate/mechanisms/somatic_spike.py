"""Soma that fires by injected current, and how its spike fails to reach the dendrite with use, distance and age.

References: Rodrigues et al. 2023, eLife 12:e80152 (rveltz/SynapseElife.jl: src/UtilsDynamics.jl, src/SynapseModel.jl,
src/ParamsSynapse.jl). Their code notes that its names alpha_h and beta_h are swapped; here the two rates are called by
what they do. The spike adaptation lowers the coupling of soma and dendrite; its rates are per pA of injected current,
which is the model's measure of firing.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .sigmoid import Sigmoid

_AGE = Sigmoid(0.13525468256031167, 16.482800452454164, 5.564691354645679)
_DISTANCE = Sigmoid(0.019719018173341547, 230.3206470553394, 1.4313810030893268, 0.10406540965358434)


@dataclasses.dataclass(frozen=True)
class SpikeConstants:
    """Sodium, potassium and adaptation of the spike.

    Attributes
    ----------
    sodium_nS, potassium_nS, leak_nS, capacitance_pF : float
        Of the soma.
    sodium_mV, potassium_mV, leak_mV : float
        Reversal potentials.
    coupling_nS : float
        Soma to dendrite, before adaptation.
    recover_ms, age_recover_ms : float
    use, use_of_use, age_use : float
        Loss of coupling, of its restraint, and of sodium drive, 1/(pA ms).
    """

    sodium_nS: float = 800.0
    potassium_nS: float = 40.0
    leak_nS: float = 15.0
    capacitance_pF: float = 0.6e-2 * np.pi * 30.0**2
    sodium_mV: float = 50.0
    potassium_mV: float = -90.0
    leak_mV: float = -70.0
    coupling_nS: float = 50.0
    recover_ms: float = 2000.0
    age_recover_ms: float = 500.0
    use: float = 1.7279e-5
    use_of_use: float = 2.304e-5
    age_use: float = 0.0

    @classmethod
    def of(cls, age_days: float, distance_um: float) -> SpikeConstants:
        """Return the constants for an animal's age and a distance of the spine from the soma."""
        return cls(coupling_nS=50.0 * _DISTANCE.at(distance_um), age_use=2.5e-5 * _AGE.at(age_days))


def linoid(x: Any, scale: float, *, xp: Any = np) -> Any:
    """Return ``x / (1 - exp(-x / scale))``, finite at zero."""
    small = xp.abs(x) < 1e-6 * scale
    safe = xp.where(small, scale, x)
    return xp.where(small, scale + 0.5 * x, safe / (1.0 - xp.exp(-safe / scale)))


def gate_rates(voltage_mV: Any, m: Any, h: Any, n: Any, *, xp: Any = np) -> tuple[Any, Any, Any]:
    """Return dm/dt, dh/dt (sodium) and dn/dt (potassium), 1/ms."""
    x = voltage_mV + 30.0
    opening, closing = 0.4 * linoid(x, 7.2, xp=xp), 0.124 * linoid(-x, 7.2, xp=xp)
    y = voltage_mV + 45.0
    recovery, inactivation = 0.01 * linoid(-y, 1.5, xp=xp), 0.03 * linoid(y, 1.5, xp=xp)
    bias = xp.exp(-0.11 * (voltage_mV - 13.0))
    tau = xp.maximum(50.0 * xp.exp(-0.08 * (voltage_mV - 13.0)) / (1.0 + bias), 2.0)
    return (
        opening * (1.0 - m) - closing * m,
        recovery * (1.0 - h) - inactivation * h,
        (1.0 / (1.0 + bias) - n) / tau,
    )


def injected_pA(since_ms: Any, duration_ms: float, amplitude_pA: float) -> Any:
    """Return a rounded current step, ``A / (1 + x^20)`` with x from -1 at its onset to 1 at its end.

    Parameters
    ----------
    since_ms : array
        Time since the onset of the step.
    """
    half = 0.5 * duration_ms
    x = np.clip((np.asarray(since_ms) - half) / half, -5.0, 5.0)
    return amplitude_pA / (1.0 + x**20) * (np.abs(x) < 5.0)


def soma_rates(
    soma_mV: Any, dendrite_mV: Any, gates: tuple[Any, Any, Any], adaptation: tuple[Any, Any, Any], current_pA: Any,
    k: SpikeConstants, *, xp: Any = np,
) -> tuple[Any, tuple[Any, Any, Any], tuple[Any, Any, Any], Any]:  # fmt: skip
    """Return d(soma voltage)/dt, the rates of the gates and of the adaptation, and the current into the dendrite in pA.

    Parameters
    ----------
    gates : (m, h, n)
    adaptation : (coupling, restraint, drive)
        All 1 at rest.
    """
    m, h, n = gates
    coupling, restraint, drive = adaptation
    sodium = k.sodium_nS * m**3 * h * (k.sodium_mV - soma_mV)
    potassium = k.potassium_nS * n * (k.potassium_mV - soma_mV)
    outward = coupling * k.coupling_nS * (soma_mV - dendrite_mV)
    leak = k.leak_nS * (k.leak_mV - soma_mV)
    slope = ((current_pA + sodium) * drive + potassium + leak - outward) / k.capacitance_pF
    changes = (
        (1.0 - coupling) / k.recover_ms - k.use * coupling / restraint * current_pA,
        (1.0 - restraint) / k.recover_ms - k.use_of_use * restraint * current_pA,
        (1.0 - drive) / k.age_recover_ms - k.age_use * drive * current_pA,
    )
    return slope, gate_rates(soma_mV, m, h, n, xp=xp), changes, outward
