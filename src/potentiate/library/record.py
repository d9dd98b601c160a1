"""Records for or against a statement, and the word that follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import model_validator

from .compound_parts import Key, Text
from .document import Document

#: What records say of a statement, strongest first. A word follows from the records; nobody writes it.
Word = Literal[
    "supported", "mixed", "contradicted", "not supported", "not determined", "animals or cells only", "no evidence"
]


class Record(Document):
    """One piece of evidence on a statement.

    `direct` is true where the statement itself was tested: these substances together, in people like those that are
    meant. A part of the combination, another dose or another group of people is indirect.
    """

    says: Literal["for", "against", "neither"]
    species: Literal["human", "animal", "in vitro"]
    design: Text
    text: Text
    direct: bool = True
    source: Key | None = None
    finding: Key | None = None

    @model_validator(mode="after")
    def _based(self) -> Record:
        if self.source is None and self.finding is None:
            raise ValueError("a record names its source, or a finding of the library")
        return self


def word_of(records: Iterable[Record]) -> Word:
    """Return what the records say together.

    People decide before animals and cells, direct records before indirect ones; indirect ones alone support nothing.

    Examples
    --------
    >>> rat = Record(says="for", species="animal", design="rats", text="better", source="bartus1981")
    >>> man = Record(says="against", species="human", design="trial", text="no better", source="growdon1986")
    >>> word_of([rat]), word_of([rat, man]), word_of([])
    ('animals or cells only', 'contradicted', 'no evidence')
    """
    found = [r for r in records if r.says != "neither"]
    people = [r for r in found if r.species == "human"]
    direct = {r.says for r in people if r.direct}
    if direct == {"for", "against"}:
        return "mixed"
    if direct == {"for"}:
        return "supported"
    if direct == {"against"}:
        return "contradicted"
    if people:
        return "not supported"
    if any(r.says == "for" for r in found):
        return "animals or cells only"
    return "not supported" if found else "no evidence"
