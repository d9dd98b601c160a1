"""Rates as infix text, for languages that know ``+ - * / ^`` and ``exp``: NMODL and Myokit.

Concentrations become mM (both tools' habit), times stay ms, voltages mV, temperatures degC.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ..errors import UsageError
from ..kinetics.rate import Q10, AntonovBlock, LogisticTemperature, Rate, Voltage
from ..kinetics.scheme import Scheme

#: uM in one mM.
UM_PER_MM = 1000.0


@dataclasses.dataclass(frozen=True)
class Style:
    """How a language writes what the expressions refer to.

    Attributes
    ----------
    quantity : callable (value, unit) -> str
        A number with its unit.
    voltage, temperature, use_temperature : str
        Names of the membrane voltage (mV), the temperature (degC) and the switch of the temperature laws (0 or 1).
    """

    quantity: Callable[[float, str], str]
    voltage: str
    temperature: str
    use_temperature: str


@dataclasses.dataclass(frozen=True)
class Constant:
    """A base rate constant as a named parameter: value, unit (``1/ms`` or ``1/ms/mM``)."""

    name: str
    value: float
    unit: str


def rate_constants(scheme: Scheme) -> list[Constant]:
    """Return the named base rate constants of :attr:`Scheme.directed`: forward ones, then backward ones.

    Raises
    ------
    UsageError
        A rate has a dependence that no exporter knows.
    """
    half = len(scheme.edges)
    out = []
    for i, rate in enumerate(scheme.directed[2]):
        name = f"kf_{i + 1}" if i < half else f"kb_{i - half + 1}"
        if rate.ligand is not None and rate.occupancy is None:
            out.append(Constant(name, rate.k * UM_PER_MM, "1/ms/mM"))
        else:
            out.append(Constant(name, rate.k, "1/ms"))
    return out


def rate_text(scheme: Scheme, rate: Rate, constant: str, ligand: str | None, style: Style) -> str:
    """Return the text of a rate.

    Parameters
    ----------
    scheme : Scheme
        Named in errors.
    rate : Rate
    constant : str
        Name of its base rate constant.
    ligand : str or None
        Name of the concentration (mM) that it depends on.
    style : Style

    Returns
    -------
    str
        A product, in 1/ms.

    Raises
    ------
    UsageError
        The dependence on voltage or temperature is of a form that has no text.
    """
    number = style.quantity
    parts = [constant]
    if rate.ligand is not None:
        if rate.occupancy is None:
            parts.append(str(ligand))
        else:
            half, power = rate.occupancy
            share = f"({ligand} / ({ligand} + {number(half / UM_PER_MM, 'mM')}))"
            parts.append(share if power == 1 else f"{share}^{power}")
    if rate.voltage is not None:
        parts.append(_voltage(scheme, rate.voltage, style))
    if rate.temperature is not None:
        law = _temperature(scheme, rate.temperature, style)
        parts.append(f"(1 + {style.use_temperature} * ({law} - 1))")
    return " * ".join(parts)


def _voltage(scheme: Scheme, law: object, style: Style) -> str:
    v, number = style.voltage, style.quantity
    if isinstance(law, Voltage):
        return f"exp(({v} - ({number(law.zero_mV, 'mV')})) / ({number(law.slope_mV, 'mV')}))"
    if isinstance(law, AntonovBlock):
        sodium = f"{number(law.Na_mM, 'mM')} / {number(law.Kna_mM, 'mM')}"

        def rise(slope_mV: float) -> str:
            return f"exp({v} / ({number(slope_mV, 'mV')}))"

        if law.direction == "forward":
            caesium = f"{number(law.Cs_mM, 'mM')} / ({number(law.Kcs_mM, 'mM')} * {rise(law.Kcs_slope_mV)})"
            return f"({law.kP!r} * {rise(law.kP_slope_mV)} / ((1 + {sodium}) * (1 + {sodium} + {caesium})))"
        return f"({law.kNo!r} * {rise(law.kNo_slope_mV)} / (1 + {sodium})^2 + {law.kNi!r} * {rise(law.kNi_slope_mV)})"
    raise _cannot(scheme, "voltage", law)


def _temperature(scheme: Scheme, law: object, style: Style) -> str:
    t, number = style.temperature, style.quantity
    if isinstance(law, Q10):
        return f"{law.q10!r}^(({t} - ({number(law.reference_C, 'degC')})) / {number(10.0, 'degC')})"
    if isinstance(law, LogisticTemperature):
        slope, middle = number(law.slope_per_C, "1/degC"), number(law.midpoint_C, "degC")
        sigmoid = f"{law.top!r} / (1 + exp(-({slope}) * ({t} - ({middle}))))"
        return sigmoid if law.base == 0 else f"({law.base!r} + {sigmoid})"
    raise _cannot(scheme, "temperature", law)


def _cannot(scheme: Scheme, kind: str, law: object) -> UsageError:
    return UsageError(
        f"Scheme {scheme.name} cannot be exported",
        why=f"a rate depends on {kind} by {type(law).__name__}, which has no text in this format",
        do="evaluate the rates at one condition (Scheme.generator), or export another scheme",
    )


def initial_occupancy(scheme: Scheme, voltage_mV: float, temperature_C: float | None = None) -> tuple[np.ndarray, bool]:
    """Return the occupancy without agonist, shape (n,), and whether it is the only stationary one.

    A channel that can trap a blocker keeps it for ever when the agonist is absent: then there is no single
    equilibrium, and the start is a receptor that has never been activated (the resting state).
    """
    try:
        return scheme.equilibrium({scheme.agonist: 0.0}, voltage_mV, temperature_C), True
    except ZeroDivisionError:
        start = np.zeros(scheme.n)
        start[scheme.rest] = 1.0
        return start, False


def depends_on_voltage(scheme: Scheme) -> bool:
    """Return whether any rate depends on voltage."""
    return any(r.voltage is not None for r in scheme.directed[2])


def depends_on_temperature(scheme: Scheme) -> bool:
    """Return whether any rate depends on temperature."""
    return any(r.temperature is not None for r in scheme.directed[2])
