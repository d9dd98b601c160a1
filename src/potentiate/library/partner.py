"""What a compound can meet that is not one itself: medicines by class, foods, activities, conditions of a person."""

from __future__ import annotations

import functools
from typing import Literal

from pydantic import Field, model_validator

from ..errors import UnknownNameError
from .compound_parts import Key, Text
from .document import LIBRARY, Document, load

PARTNERS = LIBRARY / "partners.yaml"

Kind = Literal["medicine", "food", "activity", "condition"]


class StatedBy(Document):
    """A covariate that says the same thing."""

    covariate: Key
    level: Text | None = None
    at_least: float | None = None
    below: float | None = None


class Partner(Document):
    """One medicine, class, food, activity or condition.

    `names` are further names; for a class, those of its members. `within` names wider classes; `compounds` are the
    compounds of the library that belong to a class. Membership is textbook knowledge unless an interaction says more.
    """

    id: Key
    name: Text
    kind: Kind
    names: tuple[Text, ...] = ()
    within: tuple[Key, ...] = ()
    compounds: tuple[Key, ...] = ()
    stated_by: tuple[StatedBy, ...] = ()


class Partners(Document):
    """All partners."""

    partners: tuple[Partner, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Partners:
        ids = [p.id for p in self.partners]
        if len(set(ids)) != len(ids):
            raise ValueError("two partners of one id")
        for partner in self.partners:
            if missing := set(partner.within) - set(ids):
                raise ValueError(f"{partner.id} is within {', '.join(sorted(missing))}, which is no partner")
        return self


@functools.cache
def all_partners() -> dict[str, Partner]:
    """Return every partner by id."""
    return {p.id: p for p in load(PARTNERS, Partners)[0].partners}


def partner_names(kinds: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the id by every name (folded), of some kinds only."""
    from .compound import normalise

    found: dict[str, str] = {}
    for partner in all_partners().values():
        if not kinds or partner.kind in kinds:
            for name in (partner.id, partner.name, *partner.names):
                found.setdefault(normalise(name), partner.id)
    return found


def find_partner(name: str, kinds: tuple[str, ...] = ()) -> Partner:
    """Return a partner by id, name or the name of a member.

    Raises
    ------
    UnknownNameError
        No such name; carries the nearest ones.

    Examples
    --------
    >>> find_partner("Sertraline").name
    'SSRIs'
    """
    from .compound import normalise

    known = partner_names(kinds)
    if normalise(name) not in known:
        shown = [n for p in all_partners().values() if not kinds or p.kind in kinds for n in (p.id, p.name, *p.names)]
        what = " or ".join(kinds) if kinds else "medicine, food, activity or condition"
        raise UnknownNameError(what, name, shown, do="give a name it knows; nothing is on record for others")
    return all_partners()[known[normalise(name)]]


def classes_of(identifier: str) -> set[str]:
    """Return a partner's id and all classes that it is within."""
    found, todo = set(), [identifier]
    while todo:
        here = todo.pop()
        if here not in found:
            found.add(here)
            todo += all_partners()[here].within
    return found
