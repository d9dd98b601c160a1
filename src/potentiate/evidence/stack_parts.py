"""Read what a stack is: the name of one on record, a product, or parts in plain text with or without doses."""

from __future__ import annotations

import dataclasses
import re

from ..errors import UnknownNameError, UsageError
from ..exposure.regimen import Dose, Regimen, parse_regimen
from ..library.compound import Compound, find_compound
from ..library.stack import Goal, Promise, Stack, all_stacks, find_stack

#: Clock time of a dose to which a document gives none. Assumed: a day that begins at eight.
START = "08:00"

#: A number that stands alone or has a unit, and so is no part of a name such as 5-HTP.
_NUMBER = re.compile(r"(?:^|\s)[-+]?\d[\d.]*\s*[a-zA-Zµ/]*(?=\s|$)")
#: Words of a regimen that say when.
_TIME = re.compile(r"\d:\d\d|\bday\s+\d|\bat\s+[\d.]+\s*(?:h|min|d)\b|\+\s*\d")
_DO = "write it like 'caffeine 80 mg po 08:00; l-theanine 60 mg po 08:00', or give the name of a stack (--list)"


@dataclasses.dataclass(frozen=True)
class StackPart:
    """One part of a stack.

    Attributes
    ----------
    compound : Compound
    doses : tuple of Dose
        Empty where no dose is known.
    unknown : str or None
        Why there is no dose.
    source : str or None
        Key of the document that names the part; None where the user did.
    """

    compound: Compound
    doses: tuple[Dose, ...] = ()
    unknown: str | None = None
    source: str | None = None

    def single_mg(self) -> float | None:
        """Return the largest single dose, mg; None where it is not known or depends on body weight."""
        return max((d.amount_mg for d in self.doses), default=None) if self._absolute() else None

    def day_mg(self) -> float | None:
        """Return the most within any 24 h, mg; None where it is not known or depends on body weight."""
        if not self._absolute():
            return None
        return max(
            sum(_repeats_in_a_day(d) * d.amount_mg for d in self.doses if 0 <= d.time_h - first.time_h < 24.0)
            for first in self.doses
        )

    def _absolute(self) -> bool:
        return bool(self.doses) and not any(d.per_kg for d in self.doses)

    def show_dose(self) -> str:
        """Return the doses in words."""
        if not self.doses:
            return f"unknown: {self.unknown}"
        first = self.doses[0]
        unit = "mg/kg" if first.per_kg else "mg"
        day, hour = divmod(first.time_h, 24.0)
        clock = f"{int(hour):02d}:{round(hour % 1 * 60):02d}" + (f" of day {int(day) + 1}" if day else "")
        many = f", {len(self.doses)} doses" if len(self.doses) > 1 else ""
        return f"{first.amount_mg:g} {unit} {first.route} {clock}{many}"


def _repeats_in_a_day(dose: Dose) -> float:
    interval = getattr(dose, "steady_interval_h", None)
    return 24.0 / interval if interval else 1.0


@dataclasses.dataclass(frozen=True)
class Asked:
    """What was asked for.

    Attributes
    ----------
    text, name : str
    parts : tuple of StackPart
    goal : Goal or None
    promises : tuple of Promise
    source : str or None
        Key of the document that names the stack.
    notes, assumed : tuple of str
    """

    text: str
    name: str
    parts: tuple[StackPart, ...]
    goal: Goal | None = None
    promises: tuple[Promise, ...] = ()
    source: str | None = None
    notes: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the compounds."""
        return tuple(part.compound.id for part in self.parts)

    @property
    def regimen(self) -> Regimen | None:
        """The doses that are known, of all parts; None where there are none."""
        doses = tuple(dose for part in self.parts for dose in part.doses)
        return Regimen(tuple(sorted(doses, key=lambda d: d.time_h)), self.text) if doses else None


def read_stack(text: str) -> Asked:
    """Read a stack.

    Parameters
    ----------
    text : str
        Id, name, synonym or product of a stack of the library; or parts divided by semicolons or by a plus sign
        between spaces. A part is a name, alone or followed by a dose as a regimen is written.

    Raises
    ------
    UnknownNameError
        A name that the library does not know; carries the nearest ones.
    NoPharmacologyError
        Nothing is on record of a part.
    UsageError
        Empty; a class, or a product with an amount; a dose that cannot be read.

    Examples
    --------
    >>> read_stack("lion's mane + CoQ10 + Noopept").ids
    ('lions-mane', 'coenzyme-q10', 'noopept')
    """
    if not text.strip():
        raise UsageError("The stack is empty", do=_DO)
    stack = _known(text)
    if stack is not None:
        return _from_document(stack, text)
    items = [item.strip() for item in re.split(r"[;\n]|\s\+\s", text) if item.strip()]
    if not items:
        raise UsageError("The stack is empty", why=f"it reads {text!r}", do=_DO)
    notes: list[str] = []
    parts: list[StackPart] = []
    dosed: list[str] = []
    for item in items:
        compound = _named(item, alone=len(items) == 1)
        if compound is None:
            dosed.append(item)
            parts.append(StackPart(find_compound(_name_before_dose(item))))
        elif compound.kind in ("product", "mixture"):
            parts += _constituents(compound, notes)
        else:
            _refuse_class(compound)
            parts.append(StackPart(compound, unknown="no dose was given"))
    doses = parse_regimen("; ".join(dosed)).doses if dosed else ()
    for part in parts:
        part.compound.require_pharmacology()
    return Asked(
        text,
        " + ".join(dict.fromkeys(p.compound.name for p in parts)),
        _merged(parts, doses, notes),
        notes=tuple(notes),
        assumed=tuple(
            f"{item}: no time was given, so it is taken with the part before, or at 00:00"
            for item in dosed
            if not _TIME.search(item)
        ),
    )


def _known(text: str) -> Stack | None:
    try:
        return find_stack(text)
    except UnknownNameError:
        return None


def _named(item: str, *, alone: bool) -> Compound | None:
    """Return the compound that an item names without a dose; None where it has one."""
    try:
        return find_compound(item)
    except UnknownNameError as error:
        if _NUMBER.search(item):
            return None
        if alone:  # a single word may have been meant as a stack
            names = [n for s in all_stacks() for n in (s.id, s.name)]
            nearest = UnknownNameError("stack", item, names).nearest
            if nearest:
                raise UnknownNameError("stack or compound", item, [*nearest, *error.nearest], do=_DO) from None
        raise


def _name_before_dose(item: str) -> str:
    """Return the name in an item that has a dose; the errors of the regimen go first."""
    regimen = parse_regimen(item)
    compound = find_compound(regimen.doses[0].compound)
    if compound.kind in ("product", "mixture"):
        raise UsageError(
            f"{compound.name} is a {compound.kind}, and {item!r} gives it a dose of its own",
            do="name it without an amount, or write its parts with their doses",
        )
    _refuse_class(compound)
    return compound.id


def _refuse_class(compound: Compound) -> None:
    if compound.kind == "class":
        members = ", ".join(c.compound for c in compound.constituents)
        raise UsageError(f"{compound.name} is a class, not something that is taken", do=f"name its member: {members}")


def _constituents(compound: Compound, notes: list[str]) -> list[StackPart]:
    compound.require_pharmacology()
    notes.append(f"{compound.name} is a {compound.kind}: it is reviewed by its parts")
    return [
        StackPart(find_compound(c.compound), unknown=_amount_only(c.amount_mg, c.unknown), source=c.source)
        for c in compound.constituents
    ]


def _amount_only(amount_mg: float | None, unknown: str | None) -> str:
    if amount_mg is None:
        return unknown or "its document gives no amount"
    return f"{amount_mg:g} mg in the product, but no route and time were given"


def _merged(parts: list[StackPart], doses: tuple[Dose, ...], notes: list[str]) -> tuple[StackPart, ...]:
    found: dict[str, StackPart] = {}
    counted: dict[str, int] = {}
    for part in parts:
        key = part.compound.id
        counted[key] = counted.get(key, 0) + 1
        mine = tuple(d for d in doses if d.compound == key)
        kept = found.get(key, part)
        found[key] = dataclasses.replace(kept, doses=mine, unknown=None if mine else kept.unknown or part.unknown)
    for key, number in counted.items():
        if number > 1:
            many = "its doses are taken together" if found[key].doses else "it counts once"
            notes.append(f"{found[key].compound.name} is named {number} times: {many}")
    return tuple(found.values())


def _from_document(stack: Stack, text: str) -> Asked:
    parts, assumed = [], []
    for part in stack.parts:
        compound = find_compound(part.compound)
        compound.require_pharmacology()
        doses: tuple[Dose, ...] = ()
        if part.dose_mg is not None:
            hours, minutes = (part.time or START).split(":")
            doses = (Dose(compound.id, part.dose_mg, part.route, int(hours) + int(minutes) / 60.0),)
        parts.append(StackPart(compound, doses, part.unknown, part.source))
    if any(p.dose_mg is not None and p.time is None for p in stack.parts):
        assumed.append(f"the source gives no time of day: all parts at {START}")
    named = f"{text.strip()} is the stack {stack.id} of {stack.source}"
    return Asked(
        text,
        stack.name,
        tuple(parts),
        stack.goal,
        stack.promises,
        stack.source,
        (named, *stack.remarks),
        tuple(assumed),
    )
