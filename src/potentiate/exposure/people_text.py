"""People in plain text (``"smoker, age=70, weight=60 kg"``), and what is known of each statement."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import Literal

from ..errors import UnknownNameError, UsageError
from ..library.compound import find_compound
from ..library.covariate import CovariateDoc, all_covariates, find_covariate
from ..library.partner import StatedBy, find_partner
from .covariates import applies, band_text, variant_for
from .people import People, Stated, is_reference

_NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
_SHARE = re.compile(rf"^\s*({_NUMBER})\s*%\s*(?:of\s+(?:the\s+)?people\s+)?(.*)$", re.DOTALL)
_VALUE = re.compile(rf"^({_NUMBER})\s*(?:(?:\.\.|to|–)\s*({_NUMBER}))?\s*(\D.*)?$")
_MEDICINE, _CONDITION = ("takes", "taking", "medicine"), ("has", "condition")
#: what a bare number is by its unit: "70 kg"
_BY_UNIT = {"kg": "weight", "y": "age", "years": "age", "years old": "age", "ml/min": "renal-function"}
_YES, _NO = ("yes", "true", "y"), ("no", "false", "n", "none")


def _fold(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text.strip().casefold())


def parse_people(
    text: str = "",
    n: int = 1,
    seed: int = 1,
    *,
    variability: bool | None = None,
    uncertainty: bool = False,
    where: str = "people",
) -> People:
    """Read covariates, medicines and conditions from text.

    Parameters
    ----------
    text : str
        Statements between commas or semicolons: a state by one of its words (``smoker``, ``pregnant``) or as
        ``key=level`` (``pregnant=3rd``), a number with its unit (``weight=60 kg``, ``age=20..70`` for people spread
        evenly between two ages), a genotype (``genotype=CYP1A2*1F/*1F``), ``takes=warfarin``, ``has=thyroid disease``.
        ``20% smoker`` holds for that share of the people.
    n, seed : int
    variability : bool, optional
        Default: only where `n` is more than one.
    uncertainty : bool
    where : str
        For error messages.

    Raises
    ------
    UsageError
        Out of range, contradictory, unreadable.
    UnknownNameError
        Unknown covariate or level; carries the nearest names.

    Examples
    --------
    >>> parse_people("smoker, age=70").show()
    'one person, typical (seed 1): smoking: smoker; age: 70 y'
    """
    covariates: list[Stated] = []
    takes: list[str] = []
    has: list[str] = []
    for part in re.split(r"[,;\n]", text):
        if not part.strip():
            continue
        share = 1.0
        if match := _SHARE.match(part):
            share, part = float(match.group(1)) / 100, match.group(2)
        key, equals, value = (p.strip() for p in part.partition("="))
        if equals and _fold(key) in (*_MEDICINE, *_CONDITION):
            if share != 1:
                raise UsageError(
                    f"A share of people who take or have {value!r}", where=where, do="run groups separately"
                )
            if _fold(key) in _MEDICINE:
                identifier, says = _medicine(value)
                takes.append(identifier)
                covariates += [Stated(c.covariate, level=c.level) for c in says if c.level is not None]
            else:
                has.append(find_partner(value, kinds=("condition",)).id)
        else:
            covariates.append(_statement(key, value if equals else None, share, where))
    return People(
        n, seed, tuple(covariates), n > 1 if variability is None else variability, uncertainty, tuple(takes), tuple(has)
    )


def _medicine(name: str) -> tuple[str, tuple[StatedBy, ...]]:
    """Return the id of a medicine, food or compound, and the covariate that says the same."""
    try:
        partner = find_partner(name, kinds=("medicine", "food"))
    except UnknownNameError as error:
        try:
            return find_compound(name).id, ()
        except UnknownNameError as other:
            raise (error if error.nearest else other) from None
    return partner.id, partner.stated_by[:1]


def _statement(key: str, value: str | None, share: float, where: str) -> Stated:
    """Read one statement."""
    documents = all_covariates()
    named = next((d for d in documents if _fold(key) in {_fold(k) for k in (d.id, *d.keys)}), None)
    if value is None:
        for doc in documents:
            if level := _level(doc, key):
                return Stated(doc.id, level=level, share=share)
        if (match := _VALUE.match(key)) and (meant := _BY_UNIT.get(_fold(match.group(3) or ""))):
            return _number(find_covariate(meant), key, share, where)
        if named is None:
            raise UnknownNameError("covariate", key, _names(documents), do=_examples(documents))
        if named.kind == "state":
            raise UsageError(f"{named.name}: which?", where=where, do=f"name one of {', '.join(_levels(named))}")
        raise UsageError(f"{named.name} without a value", where=where, do=f"write {named.keys[0]}=...")
    if named is None:
        raise UnknownNameError("covariate", key, _names(documents), do=_examples(documents))
    if named.kind == "state":
        level = _level(named, value)
        if level is None and _fold(value) in _YES:
            level = _level(named, key)
        if level is None and _fold(value) in _NO:
            level = named.levels[0].name
        if level is None:
            raise UnknownNameError(
                named.name.lower(), value, _levels(named), do=f"name one of {', '.join(_levels(named))}"
            )
        return Stated(named.id, level=level, share=share)
    if named.kind == "text":
        if named.pattern is not None and not re.fullmatch(named.pattern, value):
            raise UsageError(
                f"Cannot read the {named.name.lower()} {value!r}", where=where, do="write it like CYP1A2*1F/*1F"
            )
        return Stated(named.id, text=value, share=share)
    return _number(named, value, share, where)


def _number(doc: CovariateDoc, text: str, share: float, where: str) -> Stated:
    match = _VALUE.match(text)
    example = f"{doc.keys[0]}=50 {doc.unit}"
    if match is None:
        raise UsageError(f"Cannot read {text!r} as {doc.name.lower()}", where=where, do=f"write it like {example}")
    units = {_fold(u): f for u, f in (*doc.other_units.items(), (doc.unit or "", 1.0))}
    unit = _fold(match.group(3) or "")
    if not unit:
        if len(set(units.values())) > 1:
            raise UsageError(
                f"{doc.name} without a unit", where=where, why=f"got {text!r}", do=f"one of {', '.join(sorted(units))}"
            )
        factor = 1.0
    elif unit in units:
        factor = units[unit]
    else:
        raise UsageError(f"{doc.name} in {match.group(3)!r}", where=where, do=f"use one of {', '.join(sorted(units))}")
    upper = float(match.group(2)) * factor if match.group(2) else None
    return Stated(doc.id, value=float(match.group(1)) * factor, upper=upper, share=share)


def _level(doc: CovariateDoc, word: str) -> str | None:
    for level in doc.levels:
        if _fold(word) in {_fold(level.name), *map(_fold, level.words)}:
            return level.name
    return None


def _levels(doc: CovariateDoc) -> list[str]:
    return [level.name for level in doc.levels]


def _names(documents: Iterable[CovariateDoc]) -> list[str]:
    found = {*_MEDICINE[:1], *_CONDITION[:1]}
    for doc in documents:
        found |= {doc.id, *doc.keys, *(w for level in doc.levels for w in (level.name, *level.words) if len(w) > 2)}
    return sorted(found)


def _examples(documents: Iterable[CovariateDoc]) -> str:
    return f"known are {', '.join(d.keys[0] for d in documents)}, takes and has"


# ---------------------------------------------------------------------------------------------------- evidence
@dataclasses.dataclass(frozen=True)
class Answer:
    """What is known of one covariate for one compound.

    Attributes
    ----------
    covariate, compound : str
    kind : str
        ``ratio``: applied; ``assumed``: applied, without a measurement; ``variant``: a model of such people is used;
        ``scales``: numbers per kg follow it; ``no difference``: compared and not found to differ; ``unknown size``: an
        effect is known and not its size; ``effect only``: it changes an effect, not the exposure; ``not
        applied``: another statement explains it; ``reference``: nothing to change; ``no evidence``: nothing was read.
    text : str
    sources : tuple of str
    """

    covariate: str
    compound: str
    kind: Literal[
        "ratio", "assumed", "variant", "scales", "no difference", "unknown size", "effect only", "not applied",
        "reference", "no evidence",
    ]  # fmt: skip
    text: str
    sources: tuple[str, ...] = ()

    def show(self) -> str:
        """Return one line."""
        cited = f" [{', '.join(self.sources)}]" if self.sources else ""
        return f"{self.covariate}, {self.compound}: {self.kind}: {self.text}{cited}"


def answers(people: People, compounds: Iterable[str]) -> list[Answer]:
    """Return what is known of every stated covariate for every compound; ``no evidence`` where it is nothing.

    Parameters
    ----------
    people : People
    compounds : iterable of str
        Ids.
    """
    return [
        answer
        for compound in compounds
        for doc in all_covariates()
        if people.stated(doc.id)
        for answer in _answers(doc, compound, people)
    ]


def show_answers(found: Iterable[Answer]) -> list[str]:
    """Return answers as lines, those without evidence gathered by covariate."""
    lines, without = [], {}
    for answer in found:
        if answer.kind in ("no evidence", "scales", "reference"):
            without.setdefault((answer.covariate, answer.kind, answer.text), []).append(answer.compound)
        else:
            lines.append(answer.show())
    return lines + [f"{name}: {kind} for {', '.join(who)}: {text}" for (name, kind, text), who in without.items()]


def _begins(people: People, covariate: str, only: str | None) -> bool:
    """Whether a text that was stated begins as an entry asks."""
    return only is None or any((s.text or "").upper().startswith(only.upper()) for s in people.stated(covariate))


def _answers(doc: CovariateDoc, compound: str, people: People) -> Iterator[Answer]:
    name, empty = doc.name.lower(), True
    stated = {s.covariate for s in people.covariates}
    for effect in doc.effects:
        if effect.compound != compound or not applies(doc, effect, people).any():
            continue
        empty = False
        cited = tuple(k for k in (effect.source, *effect.also) if k)
        at = f"{band_text(doc, effect)}: ".removeprefix(": ")
        if effect.unknown is not None:
            yield Answer(
                name, compound, "unknown size", f"{at}{effect.parameter} {effect.direction}: {effect.unknown}", cited
            )
            continue
        if effect.yields_to in stated:
            text = f"{at}not applied, because {effect.yields_to} is stated and explains it"
            yield Answer(name, compound, "not applied", text, cited)
            continue
        interval = f"{effect.interval[0]:g} to {effect.interval[1]:g}" if effect.interval else ""
        if effect.decay is not None:
            low, high = effect.decay.half_life_interval_h
            text = (f"{at}{effect.parameter} x{effect.decay.start:g} at the start, back to 1 with a half-life of "
                    f"{effect.decay.half_life_h:g} h ({low:g} to {high:g})")  # fmt: skip
            yield Answer(name, compound, "ratio", text, cited)
        elif effect.status == "assumed":
            text = f"{at}{effect.parameter} x{effect.ratio:g} ({interval}: {effect.interval_is}): {effect.reason}"
            yield Answer(name, compound, "assumed", text, cited)
        elif effect.ratio == 1.0:
            text = f"{at}{effect.parameter} unchanged ({interval}: {effect.interval_is}); {effect.population}"
            yield Answer(name, compound, "no difference", text, cited)
        else:
            text = f"{at}{effect.parameter} x{effect.ratio:g} ({interval}: {effect.interval_is}); {effect.population}"
            yield Answer(name, compound, "ratio", text, cited)
    for choice in doc.variants:
        if choice.compound == compound and applies(doc, choice, people).any():
            empty = False
            named = variant_for(compound, people)
            used = (
                "used"
                if named is not None and named[0] == choice.variant
                else "not used: another statement goes before"
            )
            yield Answer(name, compound, "variant", f"numbers of {choice.variant!r} {used}: {choice.reason}")
    for entry in doc.modifies:
        if entry.compound == compound and _begins(people, doc.id, entry.only):
            empty = False
            yield Answer(name, compound, "effect only", f"{entry.text}; {entry.population}", (entry.source,))
    if empty and all(is_reference(s) for s in people.stated(doc.id)):
        yield Answer(name, compound, "reference", "as the people of the disposition are taken to be")
    elif empty:
        kind = "scales" if doc.id == "weight" else "no evidence"
        yield Answer(name, compound, kind, doc.no_evidence)
