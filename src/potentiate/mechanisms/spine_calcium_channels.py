"""T-, R- and L-type calcium channels of a CA1 spine, and the driving force of calcium.

T and R have independent activation and inactivation (four states of a channel), L two open states. With the expected
open fraction instead of single channels nothing but the noise is lost.

References: Rodrigues et al. 2023, eLife 12:e80152 (rveltz/SynapseElife.jl: src/UtilsDynamics.jl,
src/ParamsSynapse.jl, src/JumpMatrices.jl), after Magee & Johnston 1995.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .sigmoid import Sigmoid

_FORWARD = Sigmoid(1.0485098341579628, 30.66869198447378, -0.3040010721391852, 2.5032059559264357)
_BACKWARD = Sigmoid(-0.3302682317933842, 36.279019647221226, 3.2259761593440155, 0.7298285671937866)

FARADAY = 96485e-9
GAS = 8.314e-6
#: Lumps permeability and the units of the two constants above, as coded: with it, open conductance (nS) times
#: :func:`calcium_drive` over ``2 FARADAY x area`` is uM/ms.
PERMEABILITY = -0.04583333333333333


def _at_reference(closing: float, half_mV: float, slope_mV: float, voltage_mV: float) -> float:
    """Return the (voltage-independent) time constant of a gate from its closing rate at one voltage."""
    steady = 1.0 / (1.0 + np.exp((half_mV - voltage_mV) / slope_mV))
    return float((1.0 - steady) / closing)


@dataclasses.dataclass(frozen=True)
class Gate:
    """A gate with a steady state that is a Boltzmann function of voltage, and one time constant.

    Opening and closing rates follow from both and are scaled by temperature separately, so the steady state moves with
    temperature too.

    Attributes
    ----------
    half_mV, slope_mV : float
        Half-maximum and slope (negative: it closes with depolarization).
    tau_ms : float
    """

    half_mV: float
    slope_mV: float
    tau_ms: float

    def rate(self, voltage_mV: Any, open_: Any, factors: tuple[float, float], *, xp: Any = np) -> Any:
        """Return d(open)/dt in 1/ms; `factors` multiply opening and closing."""
        steady = 1.0 / (1.0 + xp.exp((self.half_mV - voltage_mV) / self.slope_mV))
        return (factors[0] * steady * (1.0 - open_) - factors[1] * (1.0 - steady) * open_) / self.tau_ms


T_ACTIVATION = Gate(-32.0, 7.0, _at_reference(1.0, -32.0, 7.0, -20.0))
T_INACTIVATION = Gate(-70.0, -6.5, 50.0)
R_ACTIVATION = Gate(3.0, 8.0, _at_reference(2.5, 3.0, 8.0, 10.0))
R_INACTIVATION = Gate(-39.0, -9.2, 100.0)
GATES = (T_ACTIVATION, T_INACTIVATION, R_ACTIVATION, R_INACTIVATION)


def temperature_factors(temperature_C: float) -> tuple[float, float]:
    """Return what multiplies opening and closing rates of all calcium channels at a temperature."""
    return _FORWARD.at(temperature_C), _BACKWARD.at(temperature_C)


def l_type_rates(voltage_mV: Any, first: Any, second: Any, factors: tuple[float, float], *, xp: Any = np) -> Any:
    """Return the rates of the two open fractions of L-type channels, 1/ms, as a pair."""
    opening = factors[0] * 0.83 / (1.0 + xp.exp((13.7 - voltage_mV) / 6.1))
    close_first = factors[1] * 0.53 / (1.0 + xp.exp((voltage_mV - 11.5) / 6.4))
    close_second = factors[1] * 1.86 / (1.0 + xp.exp((voltage_mV - 18.8) / 6.17))
    closed = 1.0 - first - second
    return opening * closed - close_first * first, opening * closed - close_second * second


def calcium_drive(voltage_mV: Any, inside_uM: Any, outside_uM: float, temperature_C: float, *, xp: Any = np) -> Any:
    """Return the driving force of calcium (Goldman-Hodgkin-Katz), positive inward, in the units of the model as coded.

    See :data:`PERMEABILITY`.
    """
    x = 2.0 * FARADAY / (GAS * (temperature_C + 273.15)) * voltage_mV
    small = xp.abs(x) < 1e-6
    safe = xp.where(small, 1.0, x)
    decay = xp.exp(-safe)
    exact = safe * (inside_uM - outside_uM * decay) / (1.0 - decay)
    limit = (inside_uM - outside_uM) + 0.5 * x * (inside_uM + outside_uM)
    return PERMEABILITY * 2.0 * FARADAY * xp.where(small, limit, exact)
