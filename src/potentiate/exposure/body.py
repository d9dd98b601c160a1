"""The body as compartments: a disposition with everybody's numbers becomes a chain, doses become its events."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import UsageError
from ..library.disposition import Branch, Disposition
from ..mechanisms.compartments import Array, Compartments, compartments
from .events import Event
from .regimen import Dose

#: Share of the central amount that an effect site takes: so little that plasma does not notice (Sheiner 1979).
NEGLIGIBLE = 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class Body:
    """A compound in people.

    Attributes
    ----------
    model : Compartments
        Amounts in umol, times in h.
    analytes : tuple of str
        The compound and those metabolites whose concentration can be computed.
    readings : array, shape (people, n, analytes)
        1/volume, 1/L.
    unknown : mapping of metabolite -> reason
        Metabolites that are formed, but whose concentration no source lets us compute.
    entries : mapping of route -> (compartment, share of the dose, lag time) of each way in
    site : array, shape (people, n, 1), or None
        Reads the effect site of the compound, in its concentration at equilibrium with plasma.
    saturable : tuple or None
        Largest rate, umol/h, and central amount at half of it, umol, of each person.
    """

    model: Compartments
    analytes: tuple[str, ...]
    readings: Array
    unknown: Mapping[str, str]
    entries: Mapping[str, Sequence[tuple[str, Array, Array]]]
    site: Array | None = None
    saturable: tuple[Array, Array] | None = None

    def events(self, doses: Sequence[Dose], weight_kg: Array, molar_mass: float) -> list[Event]:
        """Return the doses as events, one for each compartment that a dose enters."""
        found = []
        for dose in doses:
            amount = dose.amount_mg * (weight_kg if dose.per_kg else 1.0) * 1e3 / molar_mass
            for compartment, share, _ in self.entries[dose.route]:
                # the share of each person scales the amount: bioavailability as NONMEM means it acts on compartments
                found.append(
                    Event(
                        dose.time_h, amount * share, compartment, duration_h=dose.duration_h,
                        steady=1 if dose.steady_interval_h else 0, interval_h=dose.steady_interval_h or 0.0,
                    )
                )  # fmt: skip
        return found

    def lags_h(self) -> dict[str, Array]:
        """Return the lag time of each compartment that doses enter."""
        return {c: lag for entry in self.entries.values() for c, _, lag in entry}


def build_body(
    disposition: Disposition,
    variant: str | None,
    numbers: Mapping[str, Array],
    routes: Sequence[str],
    molar_mass: float,
) -> Body:
    """Build the chain of a disposition.

    Parameters
    ----------
    disposition : Disposition
    variant : str or None
    numbers : mapping of flat name -> array (people,)
        In L, L/h, 1/h, h; per-kg numbers already multiplied. A name that is missing is unknown.
    routes : sequence of str
        That doses use.
    molar_mass : float
        g/mol.

    Raises
    ------
    UsageError
        A route that the disposition does not have, or a number that the course cannot do without.
    """
    people = len(next(iter(numbers.values())))
    doc = disposition.variant(variant)
    one = np.ones(people)
    if disposition.scale == "relative":
        volume, out = one, math.log(2.0) / _need(numbers, "half_life", disposition)
    else:
        volume = _need(numbers, "V", disposition)
        out = _need(numbers, "CL", disposition) / volume
    names, flows = ["central"], {("central", "out"): out}
    for there, back, name in (("k12", "k21", "peripheral"), ("k13", "k31", "deep")):
        if getattr(doc, there) is not None:
            names.append(name)
            flows["central", name] = _need(numbers, there, disposition)
            flows[name, "central"] = _need(numbers, back, disposition)
    analytes, unknown, columns = [disposition.compound], {}, [("central", volume)]
    for metabolite, parts in doc.metabolites.items():
        name = f"m:{metabolite}"
        names.append(name)
        if metabolite in doc.formation:
            flows["central", name] = _need(numbers, f"CL:{metabolite}", disposition) / volume
        missing = [p for p in ("V", "CL") if f"{metabolite}.{p}" not in numbers]
        if missing:
            unknown[metabolite] = "; ".join(dict.fromkeys(filter(None, (getattr(parts, p).unknown for p in missing))))
            continue
        analytes.append(metabolite)
        columns.append((name, numbers[f"{metabolite}.V"]))
        flows[name, "out"] = numbers[f"{metabolite}.CL"] / numbers[f"{metabolite}.V"]
    entries = {}
    known = disposition.routes_of(variant)
    for route in dict.fromkeys(routes):
        if route not in known:
            raise UsageError(
                f"No route {route!r} for {disposition.compound}", where=f"disposition {disposition.id}",
                why="no source describes it", do=f"use {', '.join(known)}",
            )  # fmt: skip
        entries[route] = _enter(route, known[route].branches, numbers, names, flows, disposition, one)
    if "ke0" in numbers:
        names.append("effect")
        flows["central", "effect"], flows["effect", "out"] = NEGLIGIBLE * numbers["ke0"], numbers["ke0"]
    model = compartments(names, flows, people)
    readings = np.zeros((people, len(names) + 1, len(columns)))
    for k, (name, size) in enumerate(columns):
        readings[:, model.index(name), k] = 1.0 / size
    site = None
    if "ke0" in numbers:
        site = np.zeros((people, len(names) + 1, 1))
        site[:, model.index("effect"), 0] = 1.0 / (NEGLIGIBLE * volume)
    saturable = None
    if doc.saturation is not None:
        half = _need(numbers, "Km", disposition) * (1e3 / molar_mass if doc.saturation.Km.unit == "mg/L" else 1.0)
        saturable = (_need(numbers, "Vmax", disposition) * 1e3 / molar_mass, half * volume)
    return Body(model, tuple(analytes), readings, unknown, entries, site, saturable)


def _enter(
    route: str, branches: Sequence[Branch], numbers: Mapping[str, Array], names: list[str],
    flows: dict[tuple[str, str], Array], disposition: Disposition, one: Array,
) -> list[tuple[str, Array, Array]]:  # fmt: skip
    """Add the compartments of a route; return what enters where: compartment, share of the dose, lag time."""
    shares = {b.site: numbers.get(f"{route}.{b.site}.fraction") for b in branches}
    for branch in branches:
        if branch.fraction is not None and shares[branch.site] is None:
            raise _lack(f"{route}.{branch.site}.fraction", disposition)
    rest = one - sum(s for s in shares.values() if s is not None)
    found = []
    for branch in branches:
        at = f"{route}.{branch.site}"
        share = shares[branch.site]
        share = rest if share is None else share
        arrives = one if branch.F is None else numbers.get(f"{at}.F")
        if arrives is None:
            if disposition.scale == "absolute" and not disposition.apparent:
                raise _lack(f"{at}.F", disposition)
            arrives = one  # a common factor: it is in the scale
        lag = numbers.get(f"{at}.tlag", 0.0 * one)
        passed = {m: numbers.get(f"{at}.first_pass:{m}", 0.0 * one) for m in branch.first_pass}
        if branch.ka is None:
            found.append(("central", share * arrives, lag))
            found += [(f"m:{m}", share * (1.0 - arrives) * part, lag) for m, part in passed.items()]
            continue
        rate = _need(numbers, f"{at}.ka", disposition)
        names.append(at)
        flows[at, "central"] = rate * arrives
        lost = rate * (1.0 - arrives)
        for m, part in passed.items():
            flows[at, f"m:{m}"] = lost * part
        flows[at, "out"] = lost * np.maximum(one - sum(passed.values(), start=0.0 * one), 0.0)
        found.append((at, share, lag))
    return found


def _need(numbers: Mapping[str, Array], name: str, disposition: Disposition) -> Array:
    if name not in numbers:
        raise _lack(name, disposition)
    return numbers[name]


def _lack(name: str, disposition: Disposition) -> UsageError:
    reason = next((n.unknown for key, n in disposition.numbers() if key == name and n.unknown), "no source gives it")
    return UsageError(
        f"{name} of {disposition.compound} is unknown", where=f"disposition {disposition.id}", why=reason,
        do=f"give it: --fix {name}=VALUE",
    )  # fmt: skip
