"""A source held against the library, statement by statement. Words follow from claims, rules, stacks and records.

``reproduces``: the laboratory runs it; ``supports``, ``qualifies``, ``contradicts``: what the records behind its claim
say; ``not on record``: nothing bears on it; ``outside``: it is about something that the laboratory does not hold.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
from typing import Any, Literal

from ..library.finding import find_finding
from ..library.source import SourceDocument, Statement, find_source
from .claim_answer import answer_document
from .claim_line import Line
from .claim_verdict import Verdict, decided

Word = Literal["reproduces", "supports", "qualifies", "contradicts", "not on record", "outside"]

#: What a verdict on a claim means for the statement that makes it.
WORDS: dict[Verdict, Word] = {
    "supported": "supports", "mixed": "qualifies", "contradicted": "contradicts", "not supported": "qualifies",
    "animals or cells only": "qualifies", "hypothesis only": "qualifies", "not determined": "qualifies",
    "unverifiable": "not on record", "no evidence": "not on record",
}  # fmt: skip
#: The same for the word of a rule (`library.record.Word`).
_RULES: dict[str, Word] = {
    "supported": "supports", "mixed": "qualifies", "contradicted": "contradicts", "not supported": "qualifies",
    "not determined": "qualifies", "animals or cells only": "qualifies", "no evidence": "not on record",
}  # fmt: skip
COLUMNS = ("id", "kind", "says", "product", "because", "by", "cited", "cited work")


@dataclasses.dataclass(frozen=True)
class Answered:
    """One statement with what the product makes of it.

    Attributes
    ----------
    statement : Statement
    word : str
    because : str
    by : tuple of str
        Ids of findings, claims, rules, stacks, and commands.
    """

    statement: Statement
    word: Word
    because: str
    by: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Concordance:
    """A source, answered.

    Attributes
    ----------
    source : SourceDocument
    date : datetime.date
        Of the answer.
    statements : tuple of Answered
    """

    source: SourceDocument
    date: datetime.date
    statements: tuple[Answered, ...]

    def counts(self) -> dict[str, int]:
        """Return how many statements have each word."""
        found: dict[str, int] = {}
        for a in self.statements:
            found[a.word] = found.get(a.word, 0) + 1
        return dict(sorted(found.items()))

    def bearings(self) -> dict[str, int]:
        """Return how many citations bear on their statements in each way."""
        found: dict[str, int] = {}
        for a in self.statements:
            for c in a.statement.cites:
                found[c.bearing] = found.get(c.bearing, 0) + 1
        return dict(sorted(found.items()))

    def rows(self, *, short: bool = False) -> list[list[str]]:
        """Return one row a statement, of :data:`COLUMNS`."""
        works = {c.number: c for c in self.source.references}
        found = []
        for a in self.statements:
            s = a.statement
            by = list(a.by[:3] if short else a.by) + ([f"+{len(a.by) - 3}"] if short and len(a.by) > 3 else [])
            cited = "; ".join(
                f"[{c.number}] {works[c.number].work or works[c.number].resolves_to or 'unresolvable'}" for c in s.cites
            )
            if short:
                cited = ", ".join(f"[{c.number}]" for c in s.cites)
                told = ", ".join(dict.fromkeys(c.bearing for c in s.cites))
            else:
                told = "; ".join(f"[{c.number}] {c.bearing}: {c.because}" for c in s.cites)
            found.append([s.id, s.kind, s.says, a.word, a.because, ", ".join(by), cited or "-", told or "-"])
        return found

    def as_csv(self) -> str:
        """Return the rows as CSV, dated, with the references and the faults below."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["source", self.source.id, self.source.title, "answered", self.date.isoformat()])
        writer.writerow(COLUMNS)
        writer.writerows(self.rows())
        writer.writerow([])
        writer.writerow(["reference", "printed", "resolves to", "key", "why not"])
        for c in self.source.references:
            writer.writerow([c.number, c.printed, c.resolves_to or "", c.work or "", c.unresolvable or ""])
        writer.writerow([])
        writer.writerow(["fault"])
        writer.writerows([fault] for fault in self.faults())
        return out.getvalue()

    def faults(self) -> list[str]:
        """Return what the source gets wrong by itself."""
        return [*self.source.faults, *(f"{a.statement.id}: {a.statement.fault}" for a in self.statements
                                       if a.statement.fault)]  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "source": self.source.id, "title": self.source.title, "date": self.date.isoformat(),
            "counts": self.counts(), "bearings": self.bearings(), "faults": self.faults(),
            "statements": [
                {**a.statement.model_dump(mode="json", exclude_none=True), "product": a.word, "because": a.because,
                 "by": list(a.by)} for a in self.statements
            ],
            "references": [c.model_dump(mode="json", exclude_none=True) for c in self.source.references],
        }  # fmt: skip


def concordance(name: str, date: datetime.date | None = None) -> Concordance:
    """Hold a source against the library.

    Parameters
    ----------
    name : str
        ``"001"`` or ``"source-001"``.
    date : datetime.date, optional
        Default: today.

    Raises
    ------
    UnknownNameError
    """
    source = find_source(name)
    today = date or datetime.datetime.now(tz=datetime.UTC).date()
    return Concordance(source, today, tuple(_answer(s) for s in source.statements))


def _answer(s: Statement) -> Answered:
    if s.claim is not None:
        return _by_claim(s)
    if s.rule is not None:
        from ..library.rule import find_rule

        rule = find_rule(s.rule)
        ids = tuple(r.finding or r.source or "" for r in rule.records)
        return Answered(s, _RULES[rule.word], f"rule: {rule.word}", (f"rule {s.rule}", *filter(None, ids)))
    if s.commands:
        names = tuple(f"potentiate {c}" for c in s.commands)
        return Answered(s, "reproduces", "the laboratory runs it", (*names, *s.findings))
    if s.stack is not None:
        return Answered(s, "qualifies", "reviewed part by part", (f"potentiate stack {s.stack}",))
    if s.findings:
        for identifier in s.findings:
            find_finding(identifier)
        assert s.holds is not None
        return Answered(s, s.holds, f"{len(s.findings)} findings, as the curator reads them", s.findings)
    return Answered(s, "outside", s.outside or s.fault or "", ())


def _by_claim(s: Statement) -> Answered:
    assert s.claim is not None
    found = answer_document(s.claim)
    said = decided(found.lines)
    direct: list[Line] = [x for x in said if x.group == "direct"] or said
    run = [x.id for x in direct if x.simulated]
    because = f"{found.judged.verdict}, certainty {found.judged.certainty}"
    if run:
        because += f"; simulated: {', '.join(run[:3])}"
    ids = dict.fromkeys([*(x.id for x in direct), *s.findings])
    commands = tuple(f"potentiate {c}" for c in s.commands)
    return Answered(s, WORDS[found.judged.verdict], because, (f"claim {s.claim}", *ids, *commands))
