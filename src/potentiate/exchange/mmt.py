"""Schemes as Myokit models (``.mmt``): explicit ordinary differential equations for all states.

No state is taken from the others by conservation, so that Myokit's analytical and numerical simulations, and its
sensitivities, all accept the model. Format: Clerx et al. 2016, Prog Biophys Mol Biol 120:100.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import UsageError
from ..kinetics.scheme import Scheme
from ..protocols.protocol import Protocol
from .description import header
from .expressions import (
    UM_PER_MM,
    Style,
    depends_on_temperature,
    depends_on_voltage,
    initial_occupancy,
    rate_constants,
    rate_text,
)
from .naming import ligand_names, model_name, state_names


def to_mmt(
    scheme: Scheme,
    protocol: Protocol | Sequence[tuple[float, float, float]] | None = None,
    *,
    name: str | None = None,
    temperature_C: float | None = None,
    voltage_mV: float = -60.0,
    reversal_mV: float = 0.0,
    conductance_uS: float = 0.001,
    channels: float = 1.0,
) -> str:
    """Return a scheme as the text of a Myokit model, with a pacing protocol if one is given.

    Parameters
    ----------
    scheme : Scheme
        Any scheme, modulated ones included.
    protocol : Protocol or sequence of (start ms, duration ms, agonist mM), optional
        Steps of the agonist; between them it is absent. Solutions of a protocol may differ in the agonist only.
    name : str, optional
        Name of the model; default: made from the scheme's name.
    temperature_C : float, optional
        Temperature of rates with a temperature law (``bath.temp``); default: the rates as written.
    voltage_mV, reversal_mV : float
        Values of ``membrane.V`` and ``current.e``.
    conductance_uS : float
        Conductance at relative conductance 1 (schemes without absolute conductances).
    channels : float
        Number of receptors (schemes with conductances in pS).

    Returns
    -------
    str
        The agonist's concentration is the pacing signal, in mM; other ligands are constants in mM. The receptor
        starts in equilibrium with the bath.

    Raises
    ------
    UsageError
        The scheme has a rate that the format cannot be given, or the protocol or a name cannot be used.
    """
    if conductance_uS < 0 or channels < 0:
        raise UsageError("Conductance and number of channels cannot be negative")
    states, ligands = state_names(scheme.states), ligand_names(scheme.ligands)
    concentration = dict(zip(scheme.ligands, ligands, strict=True))
    constants = rate_constants(scheme)
    style = Style(
        quantity=lambda value, unit: repr(value) if "degC" in unit else f"{value!r} [{unit}]",
        voltage="membrane.V", temperature="bath.temp", use_temperature="bath.use_temp",
    )  # fmt: skip
    by_temperature = depends_on_temperature(scheme)
    start, unique = initial_occupancy(scheme, voltage_mV, temperature_C)

    left_out = [] if by_temperature else ["dependence on temperature (the source gives none)"]
    if not unique:
        left_out.append("the equilibrium with the bath (trapped blocker: there is more than one): begins at rest")
    elif depends_on_voltage(scheme):
        left_out.append(f"the initial state is the equilibrium at {voltage_mV!r} mV, whatever V is set to later")
    lines = ["[[model]]", f"name: {model_name(name, scheme.name)}"]
    lines += [f"# {text}".rstrip() for text in header(scheme, left_out, states, ligands)]
    lines += [f"receptor.{s} = {float(p)!r}" for s, p in zip(states, start, strict=True)]
    lines += ["", "[engine]", "time = 0 [ms] in [ms] bind time"]
    lines += [f"pace = 0 [mM] in [mM] bind pace # {concentration[scheme.agonist]}"]
    lines += ["", "[membrane]", f"V = {float(voltage_mV)!r} [mV] in [mV]", "", "[bath]"]
    bath = dict(scheme.bath_uM)
    for ligand, exported in concentration.items():
        value = "engine.pace" if ligand == scheme.agonist else f"{bath.get(ligand, 0.0) / 1000.0!r} [mM]"
        lines.append(f"{exported} = {value} in [mM]")
    if by_temperature:
        written = 20.0 if scheme.temperature_C is None else scheme.temperature_C
        lines.append(
            f"temp = {float(written if temperature_C is None else temperature_C)!r} # degC (no unit of Myokit)"
        )
        lines.append(f"use_temp = {0 if temperature_C is None else 1} # 0: rates as written; 1: rates at temp")

    lines += ["", "[receptor]"]
    lines += [f"{c.name} = {c.value!r} [{c.unit}] in [{c.unit}]" for c in constants]
    half = len(scheme.edges)
    for k, edge in enumerate(scheme.edges):
        for rate, at, flux in ((edge.forward, k, f"f_{k + 1}"), (edge.backward, half + k, f"b_{k + 1}")):
            ligand = f"bath.{concentration[rate.ligand]}" if rate.ligand is not None else None
            lines.append(f"{flux} = {rate_text(scheme, rate, constants[at].name, ligand, style)} in [1/ms]")
    for i, state in enumerate(states):
        lines += [f"dot({state}) = {_balance(scheme, states, i)} in [1]"]

    lines += ["", "[current]", f"e = {float(reversal_mV)!r} [mV] in [mV]"]
    open_states = [(f"receptor.{states[i]}", c) for i, c in enumerate(scheme.conductance) if c]
    weighted = " + ".join(s if c == 1.0 else f"{c!r} * {s}" for s, c in open_states) or "0"
    if scheme.conductance_unit == "pS":
        lines += [f"channels = {float(channels)!r}", f"g = channels * 1e-6 [uS] * ({weighted}) in [uS]"]
    else:
        lines += [f"gmax = {float(conductance_uS)!r} [uS] in [uS]", f"g = gmax * ({weighted}) in [uS]"]
    lines += ["i = g * (membrane.V - e) in [nA]", ""]
    if protocol is not None:
        lines += _protocol(steps_of(protocol, scheme.agonist) if isinstance(protocol, Protocol) else protocol)
    return "\n".join(lines) + "\n"


def _balance(scheme: Scheme, states: list[str], i: int) -> str:
    """Return the sum of the net fluxes into state `i`."""
    terms = []
    for k, e in enumerate(scheme.edges):
        if i in (e.source, e.target):
            net = f"(f_{k + 1} * {states[e.source]} - b_{k + 1} * {states[e.target]})"
            terms.append(("-" if i == e.source else "+") + f" {net}")
    text = " ".join(terms)
    return text.removeprefix("+ ") if text.startswith("+") else "-" + text.removeprefix("- ")


def steps_of(protocol: Protocol, agonist: str) -> list[tuple[float, float, float]]:
    """Return the agonist steps (start ms, duration ms, mM) of a protocol.

    Raises
    ------
    UsageError
        The protocol has transients, or switches something else than the agonist.
    """
    others = {tuple(sorted((n, c) for n, c in s.items() if n != agonist and c)) for s in protocol.solutions.values()}
    if len(others) > 1 or any(segment.transients for segment in protocol.segments):
        raise UsageError(
            f"Protocol {protocol.name} cannot be written as pacing of {agonist}",
            why="Myokit's pacing switches one signal between constant levels",
            do="use a protocol of steps whose solutions differ in the agonist only",
        )
    steps, start = [], 0.0
    for segment in protocol.segments:
        level = protocol.solutions[segment.solution].get(agonist, 0.0) / UM_PER_MM
        steps.append((start, segment.duration_ms, level))
        start += segment.duration_ms
    return steps


def _protocol(steps: Sequence[tuple[float, float, float]]) -> list[str]:
    out = ["[[protocol]]", "# Level (mM)  Start (ms)  Length (ms)  Period  Multiplier"]
    end = 0.0
    for start, duration, level in steps:
        if not (math.isfinite(start + duration + level) and start >= end and duration > 0 and level >= 0):
            raise UsageError(
                f"Protocol step (start {start} ms, duration {duration} ms, {level} mM) cannot be used",
                why="steps follow each other without overlap, last longer than zero, and hold zero or more",
                do="sort the steps by start, and let each begin when or after the one before it ends",
            )
        end = start + duration
        if level > 0:
            out.append(f"{float(level)!r}  {float(start)!r}  {float(duration)!r}  0  0")
    return out
