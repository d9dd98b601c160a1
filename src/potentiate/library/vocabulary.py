"""The words in which claims are understood: outcomes, groups of people, verbs; and which records speak of an outcome.

A claim and a record meet in an outcome of this vocabulary. Every word list is a reading of plain words and is assumed.
"""

from __future__ import annotations

import functools
import re
from typing import Literal

from pydantic import model_validator

from ..errors import UnknownNameError
from .compound_parts import Key, Text
from .compound_terms import Target
from .document import LIBRARY, Document, load

PATH = LIBRARY / "vocabulary.yaml"

#: What kind of evidence answers a claim on an outcome directly. ``behaviour`` and ``harm``: people; ``system`` (a
#: transmitter, a growth factor): people; ``receptor``: whatever was measured on it; ``exposure``: people;
#: ``combination``: both parts together, in people; ``reach``: the concentration ruler; ``standing``: a register.
Family = Literal["behaviour", "harm", "system", "receptor", "exposure", "combination", "reach", "standing"]
Direction = Literal["increase", "decrease", "none"]
#: What a claim says of an outcome. ``none``: it does not change; ``not better``: people gain nothing, or lose.
Claimed = Literal["increase", "decrease", "none", "not better"]


def starts(words: tuple[str, ...], text: str) -> list[str]:
    """Return the entries of `words` with which some words of a text start; an entry ``=x`` is the whole text.

    Examples
    --------
    >>> starts(("memor", "night shift"), "Memory on a night shift"), starts(("memor",), "immemorial")
    (['memor', 'night shift'], [])
    """
    low = text.casefold()
    found = []
    for word in words:
        if word.startswith("="):
            if low == word[1:]:
                found.append(word)
        # a plain search first: patterns cost more than most texts are worth
        elif word.casefold() in low and re.search(rf"(?<![\w-]){re.escape(word.casefold())}", low):
            found.append(word)
    return found


class OutcomeWord(Document):
    """One outcome.

    `said` are beginnings of words in claims; `records` of words in the observable or outcome of a record, where more
    of the observable is more of the outcome; `opposite` where it is less of it (a rate for a time constant). `better`
    is the direction that a benefit to a person means. `titles` are looked for in the question that a study of people
    asked. `targets` are those of a compound's actions.
    """

    id: Key
    name: Text
    family: Family
    part_of: Key | None = None
    said: tuple[Text, ...] = ()
    records: tuple[str, ...] = ()
    opposite: tuple[str, ...] = ()
    #: beginnings of words of observables that only look like it
    unless: tuple[str, ...] = ()
    titles: tuple[Text, ...] = ()
    targets: tuple[Target, ...] = ()
    better: Literal["more", "less"] = "more"
    #: the group of people that the outcome itself names
    implies: Key | None = None
    #: words that claim less of it: "faster" is less time
    less: tuple[Text, ...] = ()
    #: a record of a structure (a crystal, a site) says that the outcome is there
    structures: bool = False

    def reads(self, text: str) -> int:
        """Say how a record's observable speaks of the outcome: 1, -1 (opposite), 0 (not at all).

        The longest words decide: "desensitization tau" before "desensitization".
        """
        if starts(self.unless, text):
            return 0
        same = max((len(w) for w in starts(self.records, text)), default=0)
        other = max((len(w) for w in starts(self.opposite, text)), default=0)
        return 0 if same == other else 1 if same > other else -1


class PopulationWord(Document):
    """A group of people. `indications` are beginnings of the disease of a record, `people` words of its people."""

    id: Key
    name: Text
    said: tuple[Text, ...] = ()
    indications: tuple[Text, ...] = ()
    people: tuple[Text, ...] = ()
    titles: tuple[Text, ...] = ()
    animals: bool = False


class Vocabulary(Document):
    """All words."""

    outcomes: tuple[OutcomeWord, ...]
    populations: tuple[PopulationWord, ...]
    verbs: dict[Direction, tuple[Text, ...]]
    #: animals with a disease or a deficit, and open-label studies, by words of the preparation or the flaws
    impaired_animals: tuple[Text, ...]
    #: frequent words of English and of other languages: they tell in which one a claim is written
    languages: dict[str, tuple[str, ...]]

    @model_validator(mode="after")
    def _joined(self) -> Vocabulary:
        for words, kind in ((self.outcomes, "outcome"), (self.populations, "population")):
            ids = [w.id for w in words]
            if len(ids) != len(set(ids)):
                raise ValueError(f"an {kind} is given twice")
        known = {o.id for o in self.outcomes}
        for o in self.outcomes:
            if o.part_of is not None and o.part_of not in known:
                raise ValueError(f"{o.id} is part of {o.part_of!r}, which is no outcome")
            if o.implies is not None and o.implies not in {p.id for p in self.populations}:
                raise ValueError(f"{o.id} implies {o.implies!r}, which is no group of people")
        return self

    def parts_of(self, identifier: str) -> list[OutcomeWord]:
        """Return the outcomes that an outcome contains."""
        return [o for o in self.outcomes if o.part_of == identifier]


@functools.cache
def vocabulary() -> Vocabulary:
    """Return the vocabulary of claims."""
    return load(PATH, Vocabulary)[0]


@functools.cache
def find_outcome(name: str) -> OutcomeWord:
    """Return an outcome by id or name.

    Raises
    ------
    UnknownNameError

    Examples
    --------
    >>> find_outcome("LTP").family
    'receptor'
    """
    for o in vocabulary().outcomes:
        if name.casefold() in (o.id, o.name.casefold()):
            return o
    names = [o.id for o in vocabulary().outcomes]
    raise UnknownNameError("outcome", name, names, do=f"use one of {', '.join(names)}")


@functools.cache
def find_population(name: str) -> PopulationWord:
    """Return a group of people by id or name.

    Raises
    ------
    UnknownNameError
    """
    for p in vocabulary().populations:
        if name.casefold() in (p.id, p.name.casefold()):
            return p
    names = [p.id for p in vocabulary().populations]
    raise UnknownNameError("population", name, names, do=f"use one of {', '.join(names)}")
