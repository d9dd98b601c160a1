"""Ask for findings: by compound, level, design, people, outcome, direction, tension and words."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any, get_args

from ..errors import UnknownNameError, UsageError
from ..library.compound import find_compound, known_names, normalise
from ..library.finding import Finding
from ..library.finding_index import all_findings
from ..library.vocabulary import find_outcome, find_population, starts, vocabulary
from .claim_line import directions_of
from .claim_text import cleaned

#: What can be asked for, as ``field:value``.
FIELDS = {
    "compound": "id, name or synonym; also partners and members of a class",
    "level": "receptor, binding, synapse, slice, network, rodent, human, pk",
    "design": "in-vitro, animal, human-obs, RCT, meta-analysis, review, vendor, hypothesis",
    "population": "a group of the vocabulary, or words of the people or the preparation",
    "outcome": "an outcome of the vocabulary",
    "direction": "increase, decrease, none",
    "tension": "yes, no, or the id of a finding",
    "result": "benefit, no benefit, mixed, worse, harm, not posted ...",
    "funding": "yes, no, or words",
    "lab": "words of the laboratory",
    "work": "key of the bibliography",
    "role": "test, calibration",
    "simulated": "yes, no",
    "id": "beginning of an id",
}
_LEVELS = get_args(Finding.model_fields["level"].annotation)
_DESIGNS = get_args(Finding.model_fields["design"].annotation)
#: Words of a query that ask for nothing.
_LITTLE = frozenset({"and", "or", "in", "on", "of", "the", "a", "an", "with", "for", "to"})
#: A value of a cell is cut here; the exports hold everything.
WIDE = 90


@dataclasses.dataclass(frozen=True)
class Query:
    """What was asked.

    Attributes
    ----------
    text : str
    terms : tuple of (str, str)
        Field and value; the field is ``word`` for a plain word.
    """

    text: str
    terms: tuple[tuple[str, str], ...]

    def show(self) -> str:
        """Return the terms as they were understood."""
        return ", ".join(f"{f} {v}" for f, v in self.terms) or "everything"


def query(text: str = "", **fields: str) -> list[Finding]:
    """Return the findings that a query asks for.

    Parameters
    ----------
    text : str
        ``field:value`` terms and plain words, all of which must hold: ``"compound:aniracetam level:slice LTP"``. A
        plain word that names a compound asks for it; another one must stand in the statement.
    **fields : str
        The same fields by name.

    Returns
    -------
    list of Finding
        Sorted by level and id.

    Raises
    ------
    UsageError
        A field or a value that is not known; the nearest ones are named.

    Examples
    --------
    >>> [f.id for f in query("compound:imuracetam")]
    ['imuracetam-none']
    """
    return select(parse_query(text, **fields))


def parse_query(text: str = "", **fields: str) -> Query:
    """Read a query; see :func:`query`."""
    text = cleaned(text)
    if len(text) > 500:
        raise UsageError(f"The query has {len(text)} letters", do="ask with at most 500")
    try:
        words = shlex.split(text.replace("'", "\\'"))
    except ValueError as error:
        raise UsageError("The query cannot be read", why=str(error), do="close the quotation marks") from None
    terms: list[tuple[str, str]] = [(_field(k), v) for k, v in fields.items() if v]
    plain: list[str] = []
    for word in words:
        if re.match(r"^[A-Za-z_]+:\S", word):
            field, value = word.split(":", 1)
            terms.append((_field(field), value))
        elif word.casefold() not in _LITTLE:
            plain.append(word)
    terms += _plain(plain)
    return Query(text, tuple((f, _value(f, v)) for f, v in terms))


def _field(name: str) -> str:
    if name not in FIELDS and name != "word":
        raise UnknownNameError("query field", name, FIELDS, do=f"use one of {', '.join(FIELDS)}")
    return name


def _plain(words: list[str]) -> list[tuple[str, str]]:
    """Return plain words as terms: the longest run that names a compound or an outcome first."""
    names = {normalise(n) for n in known_names()}
    outcomes = {o.id for o in vocabulary().outcomes} | {o.name.casefold() for o in vocabulary().outcomes}
    found: list[tuple[str, str]] = []
    i = 0
    while i < len(words):
        for j in range(min(len(words), i + 4), i, -1):
            run = " ".join(words[i:j])
            if normalise(run) in names and normalise(run):
                found.append(("compound", run))
                break
            if run.casefold() in outcomes:
                found.append(("outcome", run))
                break
            if j == i + 1 and run in (*_LEVELS, *_DESIGNS):
                found.append(("level" if run in _LEVELS else "design", run))
                break
        else:
            j = i + 1
            found.append(("word", words[i]))
        i = j
    return found


def _value(field: str, value: str) -> str:
    """Return a value in the spelling of the library, or refuse it."""
    closed: dict[str, Sequence[str]] = {
        "level": _LEVELS, "design": _DESIGNS, "direction": ("increase", "decrease", "none"),
        "role": ("test", "calibration"), "simulated": ("yes", "no"),
    }  # fmt: skip
    if field in closed:
        match = next((v for v in closed[field] if v.casefold() == value.casefold()), None)
        if match is None:
            raise UnknownNameError(field, value, closed[field], do=f"use one of {', '.join(closed[field])}")
        return match
    if field == "compound":
        return find_compound(value).id
    if field == "outcome":
        return find_outcome(value).id
    return value


def select(asked: Query) -> list[Finding]:
    """Return the findings for which every term of a query holds."""
    outcome = next((v for f, v in asked.terms if f == "outcome"), None)
    tests = [_test(field, value, outcome) for field, value in asked.terms]
    found = [f for f in all_findings() if all(test(f) for test in tests)]
    return sorted(found, key=lambda f: (_LEVELS.index(f.level), f.id))


def _test(field: str, value: str, outcome: str | None) -> Callable[[Finding], bool]:
    low = value.casefold()
    if field == "compound":
        wanted = {value, *(c.compound for c in find_compound(value).constituents)}
        return lambda f: f.subject in wanted or bool(wanted & set(f.partners))
    if field == "population":
        return _people(value)
    if field == "outcome":
        words = [o for o in vocabulary().outcomes if _part(o.id, value)]
        return lambda f: any(o.reads(f.human.outcome if f.human else f.observable) for o in words)
    if field == "direction":
        if outcome is not None:
            word = find_outcome(outcome)
            return lambda f: value in directions_of(f, word)
        return lambda f: f.effect.direction == value or (value == "none" and f.effect.kind == "null")
    if field in ("tension", "funding"):
        told: dict[str, Callable[[Finding], Sequence[str] | str | None]] = {
            "tension": lambda f: f.tension, "funding": lambda f: f.funding or ""
        }  # fmt: skip
        of = told[field]
        if low in ("yes", "no"):
            return lambda f: bool(of(f)) == (low == "yes")
        if field == "tension":
            return lambda f: value in f.tension
        return lambda f: low in (f.funding or "").casefold()
    texts: dict[str, Callable[[Finding], str]] = {
        "level": lambda f: f.level, "design": lambda f: f.design, "role": lambda f: f.role,
        "result": lambda f: f.human.result if f.human else "", "work": lambda f: f.source.key or "",
        "simulated": lambda f: "no" if hasattr(f.experiment, "none") else "yes",
    }  # fmt: skip
    if field in texts:
        text = texts[field]
        return lambda f: text(f).casefold() == low
    if field == "lab":
        return lambda f: low in (f.same_lab_as or "").casefold()
    if field == "id":
        return lambda f: f.id.startswith(value)
    return lambda f: low in f"{f.id} {f.statement} {f.observable}".casefold()


def _part(identifier: str, whole: str) -> bool:
    while True:
        if identifier == whole:
            return True
        above = find_outcome(identifier).part_of
        if above is None:
            return False
        identifier = above


def _people(value: str) -> Callable[[Finding], bool]:
    try:
        word = find_population(value)
    except UnknownNameError:
        low = value.casefold()
        return lambda f: low in f"{f.preparation} {f.human.population if f.human else ''}".casefold()
    if word.animals:
        return lambda f: f.level in ("rodent", "network")
    return lambda f: f.human is not None and any(
        f.human.indication.casefold().startswith(i) for i in word.indications
    ) and (not word.people or bool(starts(word.people, f.human.population)))  # fmt: skip


COLUMNS = ("id", "statement", "value", "n", "design", "paid by", "work", "tension")


def row(f: Finding) -> list[Any]:
    """Return a finding as a row of :data:`COLUMNS`."""
    said = f.statement if len(f.statement) <= WIDE else f.statement[: WIDE - 4].rsplit(" ", 1)[0] + " ..."
    work = f.source.key or "-"
    return [f.id, said, show_effect(f), f.n, f.design, f.funding or "-", work, ", ".join(f.tension) or "-"]


def show_effect(f: Finding) -> str:
    """Return the value of a finding with its unit and uncertainty, or the word that it is."""
    e, u = f.effect, f.uncertainty
    if e.value is not None:
        spread = f" ± {u.value:g} {u.type}" if u.value is not None and u.type not in ("range", "p_only", "CI95") else ""
        if u.type in ("CI95", "range") and u.text:
            spread = f" ({u.type} {u.text})"
        elif u.type == "p_only" and u.text:
            spread = f" ({u.text})"
        return f"{e.value:g}{spread} {e.unit or ''}".strip()
    if e.low is not None and e.high is not None:
        return f"{e.low:g} to {e.high:g} {e.unit or ''}".strip()
    if f.human is not None:
        return f.human.result
    if e.kind == "direction":
        return e.direction
    return {"null": "no effect", "registration": "not posted"}.get(e.kind, e.kind)
