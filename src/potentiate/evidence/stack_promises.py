"""What a source promises of a stack, answered one by one: by records, by what parts do to systems, by simulation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from ..library.compound import Compound
from ..library.effect import unsupported
from ..library.record import Record, Word, word_of
from ..library.stack import OnsetPromise, Promise, RecordPromise, SystemPromise, WindowPromise
from .stack_systems import answer_system
from .stack_windows import Window


@dataclasses.dataclass(frozen=True)
class Answered:
    """A promise and what is known of it.

    Attributes
    ----------
    promise : Promise
    word : str
        Follows from records or from the simulation, never from a document.
    because : tuple of str
        Lines that the word follows from.
    keys : tuple of str
        Sources and findings behind them.
    """

    promise: Promise
    word: Word
    because: tuple[str, ...]
    keys: tuple[str, ...]


def answer(
    promises: Iterable[Promise],
    compounds: Sequence[Compound],
    windows: Sequence[Window],
    simulated: Mapping[str, Sequence[str]] | None = None,
) -> list[Answered]:
    """Answer every promise.

    Parameters
    ----------
    promises : iterable of Promise
    compounds : sequence of Compound
        The parts.
    windows : sequence of Window
        When the effects that can be computed start and how long they last, over what is not known of absorption.
    simulated : mapping of str to lines
        By what promises ask to be simulated.
    """
    return [_answer(promise, compounds, windows, simulated or {}) for promise in promises]


def _answer(
    promise: Promise, compounds: Sequence[Compound], windows: Sequence[Window], simulated: Mapping[str, Sequence[str]]
) -> Answered:
    if isinstance(promise, OnsetPromise):
        low, high = (m / 60.0 for m in promise.minutes)
        return _timed(promise, windows, "onset", low, high)
    if isinstance(promise, WindowPromise):
        return _timed(promise, windows, "window", *promise.hours)
    if isinstance(promise, SystemPromise):
        word, actions, records = answer_system(promise, compounds)
        lines = tuple(
            f"{a.compound}: {a.action.kind} at {a.action.target}, {a.direction} ({a.action.evidence}); "
            f"{a.action.effect} [{', '.join(a.action.sources)}]"
            for a in actions
        )
        return Answered(promise, word, lines or ("no part acts on it by any record or claim",), _keys(records))
    return _recorded(promise, compounds, simulated.get(promise.simulate or "", ()))


def _recorded(promise: RecordPromise, compounds: Sequence[Compound], simulated: Sequence[str]) -> Answered:
    lines = [
        f"{r.says}{'' if r.direct else ', indirect'}: {r.design}: {r.text} [{r.source or r.finding}]"
        for r in promise.records
    ]
    lines += simulated
    if promise.searched is not None:
        lines.append(f"searched: {promise.searched}")
    word = word_of(promise.records)
    for compound in compounds:
        # an effect that the library lists as without support never comes out as supported
        entry = unsupported(compound.id, promise.text)
        if entry is not None:
            lines.append(f"no supported effect: {compound.name}, {entry.effect}: {entry.reason}")
            word = "not supported" if word in ("supported", "mixed") else word
    return Answered(promise, word, tuple(lines), _keys(promise.records))


def _timed(promise: Promise, windows: Sequence[Window], what: str, low_h: float, high_h: float) -> Answered:
    """Hold a promised time against the simulated one, over everything that is left open.

    Times change continuously with what is not known, so that all times between the ends of the scenarios are possible:
    a promise that all of them keep is supported, one that none keeps contradicted, and any other not determined. An
    onset that is earlier than promised keeps the promise.
    """
    if not windows:
        return Answered(promise, "not determined", ("no effect of any part can be computed over time",), ())
    lines, holds = [], []
    for window in windows:
        spans = window.onset_h if what == "onset" else window.window_h
        known = [v for v in spans if v is not None]
        if len(known) < len(spans) or not known:
            lines.append(f"{window.effect}: {window.why or 'not reached'}")
            holds.append(None)
            continue
        first, last = min(known), max(known)
        inside = last <= high_h + 1e-9 and (what == "onset" or first >= low_h - 1e-9)
        outside = first > high_h + 1e-9 or (what == "window" and last < low_h - 1e-9)
        holds.append(True if inside else False if outside else None)
        unit, scale = ("min", 60.0) if what == "onset" else ("h", 1.0)
        ends = f"{first * scale:.3g} to {last * scale:.3g} {unit}"
        lines.append(f"{window.effect}: {what} {ends}{window.over}")
    if None in holds or len(set(holds)) != 1:
        return Answered(promise, "not determined", tuple(lines), ())
    return Answered(promise, "supported" if holds[0] else "contradicted", tuple(lines), ())


def _keys(records: Iterable[Record]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(k for r in records for k in (r.source, r.finding) if k))
