"""What `potentiate slice` is told, resolved: drug, induction, slice, blockers, progress."""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import Any

from ..errors import UnknownNameError, UsageError
from ..library.compound import cautions, find_compound
from ..library.modulator import find_action
from ..preparations.slice import Slice
from ..preparations.slice_drugs import drugs_in
from ..preparations.slice_options import configured_slice
from ..protocols.slice_plan import WHEN, When, induction
from ..protocols.stimulation import Stimulation, low_frequency
from ..units import parse, parse_concentration, show_concentration

CURVES = ("io", "ppr", "concentration", "threshold", "map", "sensitivity")


class Progress:
    """Shows on stderr what is computed and how long the rest takes; silent when nobody looks."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.terminal = quiet, sys.stderr.isatty()
        self.total, self.started, self.told = 0, -1, time.monotonic()
        self.began = time.monotonic()

    def expect(self, total: int) -> None:
        """Say how many steps there will be."""
        self.total = total

    def __call__(self, text: str) -> None:
        """Say that a step begins."""
        self.started += 1
        steps = text.rpartition(" of ")[2]
        if not self.total and steps.isdigit():
            self.total = int(steps)
        if self.quiet:
            return
        spent = time.monotonic() - self.began
        left = ""
        if self.started and self.total:
            left = f", about {_clock(spent / self.started * (self.total - self.started))} left"
        if self.terminal:
            print(f"\r\x1b[K{text}{left}", end="", file=sys.stderr, flush=True)
        elif spent > 5.0 and time.monotonic() - self.told > 5.0:
            self.told = time.monotonic()
            print(f"{text}{left}", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Clear the line."""
        if not self.quiet and self.terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


@dataclasses.dataclass(frozen=True)
class Asked:
    """What was asked for."""

    compound: str | None
    doses_uM: list[float]
    dose_labels: list[str]
    stimulation: Stimulation
    then: Stimulation | None
    protocol: str
    bursts: int | None
    strength: float
    when: When
    two_pathway: bool
    blockers_uM: dict[str, float]
    curve: str | None
    preparation: Slice
    slices: int
    seed: int
    inputs: dict[str, Any]
    conditions: dict[str, Any]
    assumed: list[str]
    progress: Progress


def resolve(
    compound: str | None, conc: list[str] | None, *, protocol: str, bursts: int | None, strength: str, when: str,
    two_pathway: bool, blockers: list[str] | None, curve: str | None, preparation: str, solution: str | None,
    temperature: str | None, scheme: str | None, mg_block: str | None, cleft: str | None, inhibition: str,
    on_interneurons: bool, express: str, inserted: str | None, slices: int, synapses: int, seed: int, quiet: bool,
) -> Asked:  # fmt: skip
    """Resolve the options; whatever is assumed is said."""
    assumed: list[str] = []
    if curve is not None and curve not in CURVES:
        raise UnknownNameError("curve", curve, CURVES, do=f"use one of {', '.join(CURVES)}")
    if slices < 1:
        raise UsageError(f"{slices} slices", where="--slices", do="run at least one")
    name, doses, labels = _drug(compound, conc, curve, assumed)
    part = _part(strength, "--strength")
    stimulation = induction(protocol, strength=part, bursts=bursts)
    timed: When | None = next((word for word in WHEN if word == when), None)
    if timed is None:
        raise UnknownNameError("time of the drug", when, WHEN, do=f"use one of {', '.join(WHEN)}")
    if curve is not None and (two_pathway or when != "throughout"):
        raise UsageError("--when and --two-pathway belong to a timetable", do="leave them out, or leave out --curve")
    present = _blockers(blockers)
    if name in present:
        raise UsageError(f"{name} is the drug and a blocker as well", do="name it once")
    drugs_in(present)
    made, told = configured_slice(
        preparation, solution=solution, synapses=synapses, scheme=scheme, magnesium_block=mg_block, cleft=cleft,
        temperature_C=parse(temperature, "temperature", where="--temperature") if temperature else None,
        inhibition={"on": 1.0, "off": 0.0}[inhibition] if inhibition in ("on", "off") else _part(
            inhibition, "--inhibition"
        ),
        drug_on_interneurons=on_interneurons, express=express, inserted=inserted,
    )  # fmt: skip
    if name is not None:
        action = find_action(name)
        assumed += action.document.assumed if action is not None else []
    then = low_frequency(strength=part) if protocol.lower() == "depotentiation" else None
    inputs: dict[str, Any] = {
        "compound": name, "concentrations_uM": doses, "protocol": protocol, "bursts": bursts, "strength": part,
        "when": when, "two_pathway": two_pathway, "blockers_uM": present, "curve": curve,
        "preparation": made.document.id, "solution": made.bath.id, "temperature_degC": made.temperature_C,
        "scheme": scheme or made.document.schemes.ampa, "mg_block": mg_block or made.document.choices.magnesium_block,
        "cleft": cleft or made.document.choices.cleft, "inhibition": made.gaba, "drug_on_interneurons": on_interneurons,
        "express": express, "inserted": inserted, "slices": slices, "synapses": synapses,
    }  # fmt: skip
    keys = ("protocol", "strength", "preparation", "solution", "temperature_degC", "scheme", "express", "blockers_uM")
    return Asked(
        name, doses, labels, stimulation, then, protocol, bursts, part, timed, two_pathway, present, curve, made,
        slices, seed, inputs, {key: inputs[key] for key in keys}, [*told, *assumed], Progress(quiet),
    )  # fmt: skip


def _drug(
    compound: str | None, conc: list[str] | None, curve: str | None, assumed: list[str]
) -> tuple[str | None, list[float], list[str]]:
    if compound is None:
        if conc:
            raise UsageError("A concentration needs a drug", do='potentiate slice aniracetam --conc "1.5 mM"')
        if curve in ("concentration", "map", "sensitivity"):
            raise UsageError(f"--curve {curve} needs a drug", do=f"potentiate slice aniracetam --curve {curve}")
        return None, [], []
    entity = find_compound(compound)
    entity.require_pharmacology()
    action = find_action(entity.id)
    drugs_in({entity.id: 1.0})  # refused here where nothing of the slice is its target
    texts = [part.strip() for text in conc or [] for part in text.split(",") if part.strip()]
    if not texts:
        if action is None:
            raise UsageError(f"Which concentration of {entity.name}?", do='give one: --conc "10 uM"')
        factors = (0.1, 0.3, 1.0, 3.0, 10.0) if curve == "concentration" else (1.0, 3.0) if curve == "map" else (3.0,)
        texts = ["saturating"] if action.saturating_only else [
            "1.5 mM" if entity.id == "aniracetam" and len(factors) == 1
            else show_concentration(float(f"{f * action.kd_uM:.2g}")) for f in factors
        ]  # fmt: skip
        assumed.append(f"no concentration given: {', '.join(texts)}")
    doses = []
    for text in texts:
        if text != "saturating":
            parse_concentration(text, where="--conc")
        elif action is None:
            raise UsageError(f"The affinity of {entity.name} is unknown", do="give a concentration")
        doses.append(action.concentration_uM(text) if action is not None else parse_concentration(text))
        if doses[-1] <= 0:
            raise UsageError(f"{text} of {entity.name} is no drug", where="--conc", do="leave the drug out")
    if action is not None and not action.saturating_only:
        valid = action.document.valid_uM
        assumed += [
            f"{show_concentration(c)} is outside the range of the parameters ({show_concentration(valid[0])} to "
            f"{show_concentration(valid[1])}): extrapolated"
            for c in doses if valid and not valid[0] <= c <= valid[1]
        ]  # fmt: skip
    if action is None or not action.saturating_only:
        assumed += cautions(entity, max(doses))
    labels = [show_concentration(c) if action is None else action.dose_label(c) for c in doses]
    if action is not None and action.saturating_only:
        assumed.append(
            f"the affinity of {entity.name} is unknown: {show_concentration(doses[0])} stands for saturating"
        )
    return entity.id, doses, labels


def _part(text: str, where: str) -> float:
    """Parse a part: 0.4, or 40 %."""
    plain = text.strip()
    try:
        value = float(plain.removesuffix("%").strip()) / (100.0 if plain.endswith("%") else 1.0)
    except ValueError:
        raise UsageError(f"{text!r} is no part", where=where, do='give 0 to 1, or e.g. "40 %"') from None
    if not 0.0 <= value <= 1.0:
        raise UsageError(
            f"{text!r} is not between 0 and 1", where=where, why="it is the part of all: 1 is everything",
            do='give 0 to 1, or e.g. "40 %"',
        )  # fmt: skip
    return value


def _blockers(texts: list[str] | None) -> dict[str, float]:
    """Parse blockers: name and concentration, joined by a blank or =."""
    found: dict[str, float] = {}
    for text in texts or []:
        name, mark, amount = text.partition("=")
        if not mark:
            words = text.split()
            cut = next((i for i, word in enumerate(words) if i and word[0].isdigit()), None)
            if cut is None:
                raise UsageError(f"No concentration in {text!r}", where="--blockers", do='write it like "D-AP5 50 uM"')
            name, amount = " ".join(words[:cut]), " ".join(words[cut:])
        found[find_compound(name.strip()).id] = parse_concentration(amount.strip(), where="--blockers")
    return found
