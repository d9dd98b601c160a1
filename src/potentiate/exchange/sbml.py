"""Schemes as SBML Level 3: states are species, occupancies their amounts, transitions reversible reactions.

Hucka et al. 2019, J Integr Bioinform 16:20190021. Concentrations are in mM, times in ms, voltages in mV. Solutions
switch by events; a switch that takes time follows the error function of the exchange, by formula 7.1.26 of Abramowitz
and Stegun (error below 1.5e-7), since SBML has none.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import UsageError
from ..exposure.bath import NO_DRUG, Bath
from ..kinetics.scheme import Scheme
from ..numerics.low_pass import bessel
from ..protocols.protocol import Protocol
from .description import header
from .expressions import UM_PER_MM, Style, depends_on_temperature, depends_on_voltage, rate_constants, rate_text
from .naming import ligand_names, model_name, state_names
from .sbml_writer import Writer

#: Ids that names of a scheme cannot take.
VOLTAGE, REVERSAL, TEMPERATURE, USE_TEMPERATURE, EXCHANGE = "V", "E", "temperature", "use_temperature", "exchange_10_90"
#: A pulse that does not happen comes then.
NEVER_MS = 1e9
#: erf(x) runs from 10 % to 90 % over this many units of its width.
_ERF_10_90 = 1.8124

_UNIT = {"1/ms": "per_ms", "1/ms/mM": "per_ms_per_mM", "mM": "mM", "mV": "mV", "degC": "dimensionless",
         "1/degC": "dimensionless"}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Solutions:
    """Two solutions, and when the second flows.

    Attributes
    ----------
    control_mM, other_mM : mapping of ligand -> mM
    pulses_ms : sequence of (begin, end)
        When the second solution flows; :data:`NEVER_MS` for what does not happen.
    """

    control_mM: Mapping[str, float]
    other_mM: Mapping[str, float]
    pulses_ms: Sequence[tuple[float, float]]


def solutions_of(protocol: Protocol, bath: Bath = NO_DRUG) -> Solutions:
    """Return the two solutions of a protocol.

    Raises
    ------
    UsageError
        It has more than two, or transients.
    """
    used = list(dict.fromkeys(s.solution for s in protocol.segments))
    if len(used) > 2 or any(s.transients for s in protocol.segments):
        raise UsageError(
            f"Protocol {protocol.name} cannot be written", why="it switches between more than two solutions, or "
            "releases a transient", do="use pulses of one solution",
        )  # fmt: skip
    levels = [
        {n: c / UM_PER_MM for n, c in {**protocol.solutions[name], **bath.in_solution(name)}.items()} for name in used
    ]
    pulses: list[tuple[float, float]] = []
    now = 0.0
    for segment in protocol.segments:
        end = now + segment.duration_ms
        if segment.solution != used[0]:
            if pulses and math.isclose(pulses[-1][1], now):
                pulses[-1] = (pulses[-1][0], end)
            else:
                pulses.append((now, end))
        now = end
    if pulses and math.isclose(pulses[-1][1], now):
        pulses[-1] = (pulses[-1][0], NEVER_MS)  # the last solution flows on
    return Solutions(levels[0], levels[-1], pulses)


def to_sbml(
    scheme: Scheme,
    protocol: Protocol | None = None,
    bath: Bath = NO_DRUG,
    *,
    name: str | None = None,
    temperature_C: float | None = None,
    voltage_mV: float = -60.0,
    reversal_mV: float = 0.0,
    conductance_nS: float = 1.0,
    channels: float = 1.0,
    exchange_10_90_ms: float = 0.0,
) -> str:
    """Return a scheme as the text of an SBML model, with the pulses of a protocol as events if one is given.

    Parameters
    ----------
    scheme : Scheme
        Any scheme, modulated ones included.
    protocol : Protocol, optional
        Pulses of one solution; without it the concentrations are parameters that stay.
    bath : Bath
        Drugs, and which solution holds them.
    name : str, optional
        Id of the model; default: made from the scheme's name.
    temperature_C : float, optional
        Temperature of rates with a temperature law; default: the rates as written.
    voltage_mV, reversal_mV : float
    conductance_nS : float
        At relative conductance 1 (schemes without absolute conductances).
    channels : float
        Number of receptors (schemes with conductances in pS).
    exchange_10_90_ms : float

    Returns
    -------
    str
        XML. Species are occupancies, ``current`` is in pA. The receptor starts in equilibrium with the first solution.

    Raises
    ------
    UsageError
        libsbml is not installed; a rate or a protocol cannot be expressed.
    """
    solutions = solutions_of(protocol, bath) if protocol is not None else None
    control = dict(scheme.bath_uM)
    told = Solutions({n: control.get(n, 0.0) / UM_PER_MM for n in scheme.ligands}, {}, ()) if solutions is None else (
        Solutions(
            {n: solutions.control_mM.get(n, control.get(n, 0.0) / UM_PER_MM) for n in scheme.ligands},
            {n: solutions.other_mM.get(n, control.get(n, 0.0) / UM_PER_MM) for n in scheme.ligands},
            solutions.pulses_ms,
        )
    )  # fmt: skip
    writer = Writer(model_name(name, scheme.name))
    rates = rate_constants(scheme)
    for constant in rates:
        writer.parameter(constant.name, constant.value, _UNIT[constant.unit])
    left_out = _left_out(scheme, protocol)
    control_uM = {n: c * UM_PER_MM for n, c in told.control_mM.items()}
    start, unique = start_of(scheme, control_uM, voltage_mV, temperature_C)
    write_scheme(
        writer, scheme, [c.name for c in rates], told, voltage_mV=voltage_mV, reversal_mV=reversal_mV,
        temperature_C=temperature_C, exchange_10_90_ms=exchange_10_90_ms, start=start,
    )  # fmt: skip
    if not unique:
        left_out.append("the equilibrium with the bath (trapped blocker: there is more than one): begins at rest")
    else:
        left_out.append(
            "the start as a formula: it is the equilibrium with the first solution, for the rates as written"
        )
    writer.parameter("current", None, "pA", constant=False)
    if scheme.conductance_unit == "pS":
        writer.parameter("channels", channels)
        writer.parameter("conductance", None, "nS", constant=False)
        writer.rule("conductance", "channels * open / 1000")
    else:
        writer.parameter("conductance_max", conductance_nS, "nS")
        writer.parameter("conductance", None, "nS", constant=False)
        writer.rule("conductance", "conductance_max * open")
    writer.rule("current", f"conductance * ({VOLTAGE} - {REVERSAL})")
    writer.notes(header(scheme, left_out, state_names(scheme.states), ligand_names(scheme.ligands)))
    return writer.text()


def _left_out(scheme: Scheme, protocol: Protocol | None) -> list[str]:
    found = [] if depends_on_temperature(scheme) else ["dependence on temperature (the source gives none)"]
    if depends_on_voltage(scheme) or depends_on_temperature(scheme):
        found.append("units of voltages and temperatures inside the laws of rates (plain numbers in mV and degC)")
    if protocol is None:
        found.append("a protocol: concentrations are parameters")
    return found


def write_scheme(
    writer: Writer,
    scheme: Scheme,
    constants: Sequence[str],
    solutions: Solutions,
    *,
    voltage_mV: float,
    reversal_mV: float,
    temperature_C: float | None,
    exchange_10_90_ms: float,
    start: Sequence[float] | np.ndarray,
) -> None:
    """Write ligands, states, transitions and the sum ``open`` of relative conductances.

    Parameters
    ----------
    writer : Writer
        Already holds the rate constants (1/ms, 1/(mM ms)).
    scheme : Scheme
    constants : sequence of str
        Ids of the rate constants, in the order of :attr:`Scheme.directed`.
    solutions : Solutions
        Levels of all ligands; the pulses become parameters ``on_1, off_1 ...``.
    voltage_mV, reversal_mV, temperature_C, exchange_10_90_ms : float
    start : array, shape (n,)
        Occupancies.
    """
    states = state_names(scheme.states)
    ligands = dict(zip(scheme.ligands, ligand_names(scheme.ligands), strict=True))
    writer.parameter(VOLTAGE, voltage_mV, "mV")
    writer.parameter(REVERSAL, reversal_mV, "mV")
    if depends_on_temperature(scheme):
        written = 20.0 if scheme.temperature_C is None else scheme.temperature_C
        writer.parameter(TEMPERATURE, written if temperature_C is None else temperature_C)
        writer.parameter(USE_TEMPERATURE, 0.0 if temperature_C is None else 1.0)
    share = _write_switch(writer, len(solutions.pulses_ms), solutions.pulses_ms, exchange_10_90_ms)
    for ligand, id in ligands.items():
        writer.parameter(f"{id}_control", solutions.control_mM[ligand], "mM")
        if share:
            writer.parameter(f"{id}_pulse", solutions.other_mM[ligand], "mM")
            writer.parameter(id, None, "mM", constant=False, name=ligand)
            writer.rule(id, f"{id}_control + ({id}_pulse - {id}_control) * {share}")
        else:
            writer.parameter(id, None, "mM", constant=False, name=ligand)
            writer.rule(id, f"{id}_control")
    style = Style(
        quantity=lambda value, unit: f"{value!r} {unit}" if unit in ("mM", "mV") else f"{value!r}",
        voltage=VOLTAGE, temperature=TEMPERATURE, use_temperature=USE_TEMPERATURE,
    )  # fmt: skip
    for state, id, p in zip(scheme.states, states, start, strict=True):
        writer.species(id, state, float(p))
    half = len(scheme.edges)
    for k, edge in enumerate(scheme.edges):
        for rate, i, id in ((edge.forward, k, f"f_{k + 1}"), (edge.backward, half + k, f"b_{k + 1}")):
            ligand = ligands[rate.ligand] if rate.ligand is not None else None
            writer.parameter(id, None, "per_ms", constant=False)
            writer.rule(id, rate_text(scheme, rate, constants[i], ligand, style))
    for k, edge in enumerate(scheme.edges):
        source, target = states[edge.source], states[edge.target]
        writer.reaction(f"r_{k + 1}", source, target, f"f_{k + 1} * {source} - b_{k + 1} * {target}")
    g = np.array(scheme.conductance)
    top = 1.0 if scheme.conductance_unit == "pS" else float(g.max())
    weighted = " + ".join(f"{float(c / top)!r} * {s}" for s, c in zip(states, g, strict=True) if c) or "0"
    writer.parameter("open", None, constant=False)
    writer.rule("open", weighted)


def _write_switch(
    writer: Writer, count: int, pulses_ms: Sequence[tuple[float, float]], exchange_10_90_ms: float
) -> str:
    """Write the pulses; return the id of the share of the second solution, or "" without pulses."""
    if not count:
        return ""
    writer.parameter(EXCHANGE, exchange_10_90_ms, "ms")
    writer.parameter("flowing", 0.0, constant=False)
    # an event that changes nothing makes a solver look again where an exchange begins, however short
    writer.parameter("noticed", 0.0, constant=False)
    writer.parameter("exchange_width", None, "ms", constant=False)
    writer.rule("exchange_width", f"piecewise({EXCHANGE} / {_ERF_10_90!r} dimensionless, {EXCHANGE} > 0 ms, 1 ms)")
    terms = []
    writer.function(
        "erf_upper",  # 1 - erf(x) for x >= 0
        "lambda(x, (((((1.061405429 * (1 / (1 + 0.3275911 * x)) - 1.453152027) * (1 / (1 + 0.3275911 * x)) + "
        "1.421413741) * (1 / (1 + 0.3275911 * x)) - 0.284496736) * (1 / (1 + 0.3275911 * x)) + 0.254829592) * "
        "(1 / (1 + 0.3275911 * x))) * exp(-x * x))",
    )
    writer.function(
        "erf_step",  # from 0 to 1 around x = 0
        "lambda(x, piecewise(0, x < -5, 1, x > 5, 1 - 0.5 * erf_upper(x), x >= 0, 0.5 * erf_upper(-x)))",
    )
    for k, (on, off) in enumerate(pulses_ms, 1):
        writer.parameter(f"on_{k}", on, "ms")
        writer.parameter(f"off_{k}", off, "ms")
        writer.event(f"begin_{k}", f"time >= on_{k}", {"flowing": "1"})
        writer.event(f"end_{k}", f"time >= off_{k}", {"flowing": "0"})
        for edge in ("on", "off"):
            writer.event(f"near_{edge}_{k}", f"time >= {edge}_{k} - 2.5 * {EXCHANGE}", {"noticed": f"{k}"})
            sign = "+" if edge == "on" else "-"
            terms.append(f"{sign} erf_step((time - {edge}_{k}) / exchange_width)")
    writer.parameter("share", None, constant=False)
    smooth = " ".join(terms).removeprefix("+ ")
    writer.rule("share", f"piecewise({smooth}, {EXCHANGE} > 0 ms, flowing)")
    return "share"


def start_of(
    scheme: Scheme, control_uM: Mapping[str, float], voltage_mV: float, temperature_C: float | None
) -> tuple[np.ndarray, bool]:
    """Return the equilibrium with a solution, shape (n,), and whether there is only one; at rest where not."""
    try:
        return scheme.equilibrium(control_uM, voltage_mV, temperature_C), True
    except ZeroDivisionError:
        return np.eye(scheme.n)[scheme.rest], False


def write_filter(writer: Writer, input: str, corner_kHz: float, unit: str) -> str:
    """Write a four-pole Bessel filter of a quantity, settled at the start; return the id of its output."""
    low_pass = bessel(4, corner_kHz)
    settled = -np.linalg.solve(low_pass.a, low_pass.b)
    names = [f"filter_{i + 1}" for i in range(len(settled))]
    for name, part in zip(names, settled, strict=True):
        writer.parameter(name, 0.0, unit, constant=False)
        writer.start(name, f"{float(part)!r} * {input}")
    for name, row, gain in zip(names, low_pass.a, low_pass.b, strict=True):
        terms = [f"{float(a)!r} per_ms * {other}" for a, other in zip(row, names, strict=True) if a]
        terms += [f"{float(gain)!r} per_ms * {input}"] if gain else []
        writer.rate(name, " + ".join(terms))
    output = [n for n, c in zip(names, low_pass.c, strict=True) if c]
    return output[0]
