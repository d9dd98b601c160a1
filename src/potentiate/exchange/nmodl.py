"""Schemes as NEURON mechanisms (NMODL): a POINT_PROCESS with a KINETIC block.

Valid with fixed steps (``METHOD sparse``) and under CVode. Language: Hines & Carnevale 2000, Neural Comput 12:995.
"""

from __future__ import annotations

from ..errors import UsageError
from ..kinetics.scheme import Scheme
from .description import header
from .expressions import (
    Style,
    depends_on_temperature,
    depends_on_voltage,
    initial_occupancy,
    rate_constants,
    rate_text,
)
from .naming import ligand_names, model_name, state_names

_NMODL_UNITS = {"1/ms": "/ms", "1/ms/mM": "/ms-mM", "1/degC": "/degC"}


def to_nmodl(
    scheme: Scheme,
    *,
    name: str | None = None,
    temperature_C: float | None = None,
    reversal_mV: float = 0.0,
    conductance_uS: float = 0.001,
    channels: float = 1.0,
) -> str:
    """Return a scheme as the text of a NEURON mechanism.

    Parameters
    ----------
    scheme : Scheme
        Any scheme, modulated ones included.
    name : str, optional
        Name of the POINT_PROCESS; default: made from the scheme's name.
    temperature_C : float, optional
        Temperature of rates with a temperature law (parameter ``temp``); default: the rates as written.
    reversal_mV : float
        Default of the parameter ``e``.
    conductance_uS : float
        Default of ``gmax``, the conductance at relative conductance 1 (schemes without absolute conductances).
    channels : float
        Default of ``channels``, the number of receptors (schemes with conductances in pS).

    Returns
    -------
    str
        Concentrations are RANGE variables in mM that start at the bath's values; the receptor starts in equilibrium
        with them (at rest, if a trapped blocker leaves more than one equilibrium). ``i`` is in nA, ``g`` in uS.

    Raises
    ------
    UsageError
        The scheme has a rate that NMODL cannot be given, or an unusable name or number was asked for.
    """
    if conductance_uS < 0 or channels < 0:
        raise UsageError("Conductance and number of channels cannot be negative")
    mechanism = model_name(name, scheme.name)
    states, ligands = state_names(scheme.states), ligand_names(scheme.ligands)
    concentration = dict(zip(scheme.ligands, ligands, strict=True))
    constants = rate_constants(scheme)
    style = Style(
        quantity=lambda value, unit: f"{value!r} ({_NMODL_UNITS.get(unit, unit)})",
        voltage="v", temperature="temp", use_temperature="use_temp",
    )  # fmt: skip
    absolute = scheme.conductance_unit == "pS"
    scale = "channels" if absolute else "gmax"
    by_temperature = depends_on_temperature(scheme)

    _, unique = initial_occupancy(scheme, _ANY_VOLTAGE_mV)
    left_out = ["rates do not follow celsius: set temp and use_temp = 1" if by_temperature else
                "dependence on temperature (the source gives none)"]  # fmt: skip
    if not unique:
        left_out.append(_TRAPPED)
    if depends_on_voltage(scheme) and unique:
        left_out.append("history before the start: the receptor begins in equilibrium at the initial voltage")
    lines = [f": {text}".rstrip() for text in header(scheme, left_out, states, ligands)]
    lines += _interface(mechanism, [*ligands, scale, "e", "i", "g"], by_temperature)

    lines.append("PARAMETER {")
    bath = dict(scheme.bath_uM)
    for ligand, exported in concentration.items():
        lines.append(f"    {exported} = {bath.get(ligand, 0.0) / 1000.0!r} (mM)")
    lines.append(f"    e = {float(reversal_mV)!r} (mV)")
    lines.append(
        f"    channels = {float(channels)!r} (1)" if absolute else f"    gmax = {float(conductance_uS)!r} (uS)"
    )
    if by_temperature:
        written = 20.0 if scheme.temperature_C is None else scheme.temperature_C
        lines.append(f"    temp = {float(written if temperature_C is None else temperature_C)!r} (degC)")
        lines.append(f"    use_temp = {0 if temperature_C is None else 1} : 0: rates as written; 1: rates at temp")
    for constant in constants:
        lines.append(f"    {constant.name} = {constant.value!r} ({_NMODL_UNITS[constant.unit]})")
    lines += ["}", "", "ASSIGNED {", "    v (mV)", "    i (nA)", "    g (uS)", "}", ""]
    lines += ["STATE {", *[f"    {s} (1)" for s in states], "}", ""]
    lines += ["INITIAL {", *_initial(states, scheme.rest, unique), "}", ""]

    open_states = [(states[i], c) for i, c in enumerate(scheme.conductance) if c]
    pS = " (pS)" if absolute else ""
    weighted = " + ".join(s if c == 1.0 and not pS else f"{c!r}{pS} * {s}" for s, c in open_states) or f"0{pS}"
    lines += ["BREAKPOINT {", f"    SOLVE {_BLOCK} METHOD sparse"]
    total = f"(1e-6) * channels * ({weighted})" if absolute else f"gmax * ({weighted})"
    lines += [f"    g = {total}", "    i = g * (v - e)", "}", ""]

    half = len(scheme.edges)
    lines.append(f"KINETIC {_BLOCK} {{")
    for k, edge in enumerate(scheme.edges):
        forward, backward = (
            rate_text(scheme, rate, constants[at].name, concentration.get(rate.ligand or ""), style)
            for rate, at in ((edge.forward, k), (edge.backward, half + k))
        )
        lines.append(f"    ~ {states[edge.source]} <-> {states[edge.target]} ({forward}, {backward}) : {edge.role}")
    lines += [f"    CONSERVE {' + '.join(states)} = 1", "}"]
    return "\n".join(lines) + "\n"


_BLOCK = "kinetics"
_ANY_VOLTAGE_mV = -60.0  # which states can be reached does not depend on it
_TRAPPED = "the equilibrium with the bath (trapped blocker: there is more than one); the receptor begins at rest"


def _initial(states: list[str], rest: int, unique: bool) -> list[str]:
    resting = [f"    {s} = {1 if i == rest else 0}" for i, s in enumerate(states)]
    # STEADYSTATE is one implicit step of 1e9 ms: from rest, and twice, the step's error is of second order and only
    # NEURON's rounding is left (5e-7 at worst in 21 states with a drug, 0 without)
    return resting + [f"    SOLVE {_BLOCK} STEADYSTATE sparse"] * 2 if unique else resting


def _interface(mechanism: str, ranges: list[str], by_temperature: bool) -> list[str]:
    """Return the NEURON and UNITS blocks."""
    names = [*ranges, *(["temp", "use_temp"] if by_temperature else [])]
    return [
        "",
        "NEURON {",
        f"    POINT_PROCESS {mechanism}",
        "    NONSPECIFIC_CURRENT i",
        f"    RANGE {', '.join(n for n in names if n != 'i')}",
        "    RANGE i",
        "}",
        "",
        "UNITS {",
        "    (nA) = (nanoamp)",
        "    (mV) = (millivolt)",
        "    (uS) = (microsiemens)",
        "    (pS) = (picosiemens)",
        "    (mM) = (milli/liter)",
        "}",
        "",
    ]
