"""What the parts of a stack do, target by target and system by system; where they double or oppose each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from ..library.compound import Compound
from ..library.compound_parts import Action, Parameter
from ..library.compound_terms import ActionKind, Target
from ..library.record import Record, Word, word_of
from ..library.stack import SystemPromise
from ..library.system import System, systems_of

#: Evidence of an action, strongest first.
RANK = ("human", "animal", "slice", "recombinant", "cells", "binding", "structure", "secondary", "textbook", "claim")
#: Evidence that is no measurement that was read.
NO_RECORD = ("secondary", "textbook", "claim")
#: Targets whose loss raises what their system does: they take transmitter away.
REMOVERS = (Target.DAT,)

_FLIP = {"increase": "decrease", "decrease": "increase"}


@dataclasses.dataclass(frozen=True)
class SystemAction:
    """What one compound does to one system.

    Attributes
    ----------
    compound : str
        Id.
    system : System
    direction : str
        Of the system, not of the target: a blocked transporter raises its transmitter.
    action : Action
    """

    compound: str
    system: System
    direction: str
    action: Action

    @property
    def on_record(self) -> bool:
        """Whether a measurement was read."""
        return self.action.evidence not in NO_RECORD

    def strength(self) -> str:
        """Return the size of the action, or why there is none."""
        return strength(self.action)


@dataclasses.dataclass(frozen=True)
class Meeting:
    """Parts that push the same system, or the same target, the same way or against each other.

    Attributes
    ----------
    what : str
        The system or the target.
    opposing : bool
    actions : tuple of (compound, direction, evidence)
    """

    what: str
    opposing: bool
    actions: tuple[tuple[str, str, str], ...]

    @property
    def on_record(self) -> bool:
        """Whether at least two compounds do so by a measurement that was read."""
        return len({c for c, _, evidence in self.actions if evidence not in NO_RECORD}) >= 2

    def show(self) -> str:
        """Return one line."""
        said = ", ".join(f"{c} {d} ({e})" for c, d, e in self.actions)
        word = "opposing" if self.opposing else "duplication"
        return f"{word}: {said}" + ("" if self.on_record else "; not both on record")


def strength(action: Action) -> str:
    """Return the first number of an action, or why there is none."""
    for parameter in action.parameters:
        if parameter.value is not None:
            return _number(parameter)
    reasons = [p.unknown for p in action.parameters if p.unknown]
    return f"unknown: {action.unknown or (reasons[0] if reasons else 'no number on record')}"


def _number(p: Parameter) -> str:
    ends = p.value if isinstance(p.value, tuple) else (p.value,)
    unit = "" if p.unit in (None, "1") else f" {p.unit}"
    what = f"{p.quantity} of {p.of}" if p.of else p.quantity
    where = f" ({p.conditions})" if p.conditions else ""
    return f"{what} {' to '.join(f'{v:g}' for v in ends if v is not None)}{unit}{where}"


def direction_on(system_target: Target, direction: str) -> str:
    """Return what a change of a target does to its system.

    Examples
    --------
    >>> direction_on(Target.DAT, "decrease"), direction_on(Target.A1, "decrease")
    ('increase', 'decrease')
    """
    return _FLIP.get(direction, direction) if system_target in REMOVERS else direction


def actions_by_system(compound: Compound) -> list[SystemAction]:
    """Return what a compound does to each system, strongest evidence first."""
    found = [
        SystemAction(compound.id, system, direction_on(action.target, action.direction), action)
        for action in compound.actions
        for system in systems_of(action.target)
    ]
    return sorted(found, key=lambda a: (list(System).index(a.system), RANK.index(a.action.evidence)))


def meetings(compounds: Sequence[Compound]) -> list[Meeting]:
    """Return where parts double or oppose each other, by target and by system; each pair of parts once per level."""
    by_target = [
        (str(a.target), c.id, a.direction, a.evidence) for c in compounds for a in c.actions if systems_of(a.target)
    ]
    by_system = [
        (str(s.system), s.compound, s.direction, s.action.evidence) for c in compounds for s in actions_by_system(c)
    ]
    found = _meet(by_target)
    known = {(m.opposing, frozenset(c for c, _, _ in m.actions)) for m in found}
    # a system says nothing new where the very same parts meet at one of its targets
    return found + [m for m in _meet(by_system) if (m.opposing, frozenset(c for c, _, _ in m.actions)) not in known]


def _meet(rows: Iterable[tuple[str, str, str, str]]) -> list[Meeting]:
    places: dict[str, dict[tuple[str, str], str]] = {}
    for what, compound, direction, evidence in rows:
        if direction not in ("increase", "decrease"):
            continue
        at = places.setdefault(what, {})
        kept = at.get((compound, direction))
        if kept is None or RANK.index(evidence) < RANK.index(kept):
            at[compound, direction] = evidence
    found = []
    for what, at in places.items():
        for direction in ("increase", "decrease"):
            same = tuple((c, d, e) for (c, d), e in at.items() if d == direction)
            if len(same) >= 2:
                found.append(Meeting(what, False, same))
        up, down = ({c for c, d in at if d == way} for way in ("increase", "decrease"))
        if any(a != b for a in up for b in down):
            found.append(Meeting(what, True, tuple((c, d, e) for (c, d), e in at.items())))
    return found


_SPECIES = {"human": "human", "animal": "animal", "slice": "animal"}


def answer_system(
    promise: SystemPromise, compounds: Sequence[Compound]
) -> tuple[Word, list[SystemAction], list[Record]]:
    """Return what records say to the promise that a system is pushed.

    A measurement in people that shows the promised direction supports it; for a precursor only indirectly, because more
    precursor is not yet more transmitter; so does a null of one part. Reviews, encyclopaedia
    pages and claims count for nothing.

    Returns
    -------
    word : str
    actions : list of SystemAction
        Every part that acts on the system, records and claims alike.
    records : list of Record
    """
    acting = [a for c in compounds for a in actions_by_system(c) if a.system == promise.system]
    records = []
    for a in acting:
        says = "neither"
        if a.on_record and a.direction in ("increase", "decrease", "none"):
            meant = a.direction != "none" if promise.direction == "balance" else a.direction == promise.direction
            says = "for" if meant else "against"
        # one part that does nothing does not speak against another that might
        direct = a.action.kind is not ActionKind.PRECURSOR and a.direction != "none"
        records.append(
            Record.model_validate({
                "says": says, "species": _SPECIES.get(a.action.evidence, "in vitro"), "design": a.action.evidence,
                "text": a.action.effect, "direct": direct, "source": a.action.sources[0],
            })
        )  # fmt: skip
    return word_of(records), acting, records
