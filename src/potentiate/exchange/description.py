"""What an exported file says about itself: source, conditions, names, and what was left out."""

from __future__ import annotations

import re

from .. import __version__
from ..kinetics.scheme import Scheme
from ..library.scheme import scheme_document, scheme_ids
from .expressions import depends_on_temperature


def header(scheme: Scheme, left_out: list[str], states: list[str], ligands: list[str]) -> list[str]:
    """Return the lines of the header comment (one-line ASCII texts, without comment signs).

    Parameters
    ----------
    scheme : Scheme
    left_out : list of str
        What the format cannot say.
    states, ligands : list of str
        Exported names, in the order of the scheme.
    """
    lines = [f"{scheme.name}: Markov scheme with {scheme.n} states, {len(scheme.edges)} reversible transitions"]
    lines.append(f"Written by potentiate {__version__}")
    lines += [f"  {text}" for text in _source(scheme)]
    temperature = "not stated" if scheme.temperature_C is None else f"{scheme.temperature_C!r} degC"
    lines.append(f"Temperature of the rates as written: {temperature}")
    lines.append("Ligand concentrations (mM) unless set otherwise:")
    bath = dict(scheme.bath_uM)
    for name, exported in zip(scheme.ligands, ligands, strict=True):
        role = " (agonist)" if name == scheme.agonist else ""
        lines.append(f"  {exported} = {bath.get(name, 0.0) / 1000.0!r}  {name}{role}")
    lines.append("States (exported name = name; class; agonists bound; conductance):")
    for i, exported in enumerate(states):
        unit = scheme.conductance_unit
        lines.append(
            f"  {exported} = {scheme.states[i]}; {scheme.classes[i]}; {scheme.bound[i]}; "
            f"{scheme.conductance[i]!r} {unit}"
        )
    voltage = -60.0
    for fault in scheme.imbalances(voltage_mV=voltage):
        lines.append(
            f"Breaks detailed balance as in the source: cycle closed by {fault.edge}, product {fault.factor:.6g}"
        )
    lines.append("Not expressed here:")
    lines += [f"  {text}" for text in [*left_out, *_always_left_out(scheme)]]
    return [one_line(line) for line in lines]


def one_line(text: str) -> str:
    """Return text as one line of printable ASCII, so that nothing in it can leave a comment."""
    ascii_only = text.encode("ascii", "replace").decode()
    indent = len(text) - len(text.lstrip(" "))
    return " " * indent + re.sub(r"[^\x20-\x7e]+", " ", re.sub(r"\s+", " ", ascii_only)).strip()


def _source(scheme: Scheme) -> list[str]:
    base = re.split(r" \+ | \(", scheme.name)[0]
    if base not in scheme_ids():
        return ["source: not a scheme of the library"]
    document, correction = scheme_document(base)
    origin = document if correction is None else correction
    out = [
        f"scheme {base}: {origin.title}",
        f"topology: {origin.source.topology}",
        f"numbers: {origin.source.numbers}",
        f"keys: {', '.join(origin.source.keys)}",
    ]
    if correction is not None:
        out.append(f"corrects {correction.corrects}: {correction.reason}")
    return out


def _always_left_out(scheme: Scheme) -> list[str]:
    out = [
        "state classes, agonist counts and roles of transitions (comments only)",
        "channel noise (occupancies are means)",
        "solution exchange and release: concentrations follow whatever sets them",
    ]
    if depends_on_temperature(scheme):
        out.append("validity range of the temperature laws")
    return out
