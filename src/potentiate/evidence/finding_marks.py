"""Marks of the concentration ruler that published findings give."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..library.compound import Compound, find_compound, normalise
from ..library.finding import Finding, NoExperiment, findings_of
from .marks import Kind, Mark, Standing, leading_concentration, to_uM

#: Levels at which a finding says something of the target itself.
_AT_TARGET = ("receptor", "binding", "synapse")
_IN_VITRO = (*_AT_TARGET, "slice", "network")
_CONSTANT = re.compile(r"\b(EC50|IC50|K_?[dDi]|threshold)\b", re.IGNORECASE)
_MATRIX = (("CSF", re.compile(r"\bCSF\b|cerebrospinal", re.I)), ("brain", re.compile(r"\bbrain\b", re.I)),
           ("plasma", re.compile(r"\bplasma\b|\bserum\b|\bCmax\b", re.I)))  # fmt: skip
_SPECIES = {"human": r"\b(healthy|men|women|volunteers|patients|people|humans?|persons?|adults)\b", "rat": r"\brats?\b",
            "mouse": r"\b(mouse|mice)\b"}  # fmt: skip


def finding_marks(compound: Compound, target: str | None) -> Iterator[Mark]:
    """Yield the marks of a compound's findings.

    Parameters
    ----------
    compound : Compound
    target : str or None
        What findings at receptors and synapses are about.

    Notes
    -----
    A finding that no experiment of this laboratory can show (it says why) is of kind ``other``: the action at the
    target that is modelled does not explain it.
    """
    for finding in findings_of(compound.id):
        if finding.level in _IN_VITRO:
            yield from _in_vitro(compound, finding, target)
        elif finding.level == "pk":
            yield from _exposure(compound, finding)


def _in_vitro(compound: Compound, finding: Finding, target: str | None) -> Iterator[Mark]:
    effect = finding.effect
    ends = _value(finding, None)
    constant = ends is not None and _CONSTANT.search(finding.observable)
    if not constant:
        if effect.kind in ("null", "constant", "structure") or effect.direction == "none" or not finding.concentration:
            return
        ends = leading_concentration(finding.concentration)
    if ends is None or ends[0] <= 0:
        return
    none = isinstance(finding.experiment, NoExperiment)
    kind: Kind = "effect"
    if finding.level == "binding":
        kind = "binding"
    elif none or finding.level not in _AT_TARGET:
        kind = "other" if none else "effect"
    reason = finding.experiment.none if isinstance(finding.experiment, NoExperiment) else ""
    detail = "; ".join(filter(None, [finding.preparation, reason or finding.caveat]))
    half = bool(constant) and "threshold" not in finding.observable.lower()
    yield Mark(compound.id, kind, "in vitro", finding.observable, *ends, target, None,
               (finding.source.key or finding.id,), _standing(finding), detail, half=half)  # fmt: skip


def _standing(finding: Finding) -> Standing:
    return "secondary" if finding.read.secondary or finding.design == "vendor" else "reported"


def _value(finding: Finding, molar_mass: float | None) -> tuple[float, float] | None:
    effect = finding.effect
    pair = (effect.low, effect.high) if effect.kind == "range" else (effect.value, effect.value)
    if pair[0] is None or pair[1] is None or effect.unit is None:
        return None
    ends = to_uM(pair[0], effect.unit, molar_mass), to_uM(pair[1], effect.unit, molar_mass)
    return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])


def _of_another(compound: Compound, observable: str) -> bool:
    """Say whether an observable is of a metabolite: that has a document, and marks, of its own."""
    said = normalise(observable)
    named = any(normalise(find_compound(m).name) in said for m in compound.metabolites)
    return named or ("metabolite" in said and compound.parent is None)


def _exposure(compound: Compound, finding: Finding) -> Iterator[Mark]:
    if _of_another(compound, finding.observable):
        return
    ends = _value(finding, compound.molar_mass)
    said = f"{finding.observable} {finding.preparation}"
    matrix = next((m for m, words in _MATRIX if words.search(finding.observable)), None)
    species = next((s for s, words in _SPECIES.items() if re.search(words, said, re.I)), None)
    if ends is None or ends[0] <= 0 or matrix is None or "AUC" in finding.observable:
        return
    said = [finding.observable.removeprefix("plasma ").removeprefix(f"{compound.id} "), finding.concentration]
    what = ", ".join(filter(None, [*said, finding.protocol if len(finding.protocol) < 40 else ""]))
    yield Mark(compound.id, "exposure", matrix, what, *ends, None, species, (finding.source.key or finding.id,),
               _standing(finding), finding.caveat or "")  # fmt: skip
