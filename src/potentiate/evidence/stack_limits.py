"""Upper limits: the amount of a limited substance in a stack, and what interactions make of it, against the limit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from ..library.compound_use import Limit
from .stack_parts import StackPart

Answer = Literal["within the limit", "above the limit", "may be above", "not determined"]


@dataclasses.dataclass(frozen=True)
class Factor:
    """By how much a part of the stack raises the exposure to another, as a range.

    Attributes
    ----------
    of, by : str
        Ids.
    low, high : float
        Ratio of the area under the curve, lowest first.
    text : str
    """

    of: str
    by: str
    low: float
    high: float
    text: str


@dataclasses.dataclass(frozen=True)
class LimitCheck:
    """One limit held against a stack.

    Attributes
    ----------
    limit : Limit
    parts : tuple of str
        Ids of the compounds that are counted.
    taken_mg : float or None
        Of the limited substance, as written on the label.
    counted_mg : tuple of float or None
        The same, times what interactions do to its exposure: lowest and highest.
    answer : str
    text : str
        How it was counted, or why it was not.
    """

    limit: Limit
    parts: tuple[str, ...]
    taken_mg: float | None
    counted_mg: tuple[float, float] | None
    answer: Answer
    text: str


def check_limits(
    parts: Sequence[StackPart], factors: Iterable[Factor] = (), who: Iterable[str] = ("adults",)
) -> list[LimitCheck]:
    """Hold every limit on record against the doses of a stack.

    Parameters
    ----------
    parts : sequence of StackPart
    factors : iterable of Factor
        Interactions between the parts; of one compound they are multiplied.
    who : iterable of str
        Whose limits count.
    """
    wanted, by = set(who), list(factors)
    groups: dict[tuple[str, str, str, str, float], list[tuple[StackPart, Limit]]] = {}
    for part in parts:
        for limit in part.compound.limits:
            if limit.who in wanted:
                key = (limit.of, limit.per, limit.who, limit.authority, limit.amount_mg)
                groups.setdefault(key, []).append((part, limit))
    return [_check(members, by) for members in groups.values()]


def _check(members: Sequence[tuple[StackPart, Limit]], factors: Sequence[Factor]) -> LimitCheck:
    limit = members[0][1]
    ids = tuple(part.compound.id for part, _ in members)
    amounts = [part.single_mg() if limit.per == "single" else part.day_mg() for part, _ in members]
    missing = [part for (part, _), amount in zip(members, amounts, strict=True) if amount is None]
    if missing:
        why = missing[0].unknown or "the dose depends on body weight"
        return LimitCheck(limit, ids, None, None, "not determined", f"{missing[0].compound.name}: {why}")
    taken = [a * lim.fraction for (_, lim), a in zip(members, amounts, strict=True) if a is not None]
    low = high = 0.0
    said = [f"{lim.reason}" for _, lim in members if lim.reason]
    for (part, _), amount in zip(members, taken, strict=True):
        mine = [f for f in factors if f.of == part.compound.id]
        down, up = 1.0, 1.0
        for factor in mine:
            down, up = down * factor.low, up * factor.high
            said.append(f"exposure x{_range(factor.low, factor.high)} by {factor.by}: {factor.text}")
        low, high = low + amount * down, high + amount * up
    answer: Answer = "may be above"
    if high <= limit.amount_mg or low > limit.amount_mg:
        answer = "within the limit" if high <= limit.amount_mg else "above the limit"
    return LimitCheck(limit, ids, sum(taken), (low, high), answer, "; ".join(said) or "as written")


def _range(low: float, high: float) -> str:
    return f"{low:.3g}" if abs(low - high) < 1e-9 else f"{low:.3g} to {high:.3g}"


def label_folds(parts: Sequence[StackPart]) -> Mapping[str, tuple[float, float]]:
    """Return how much of the stated amount products of a part were found to hold, by compound."""
    return {
        part.compound.id: hazard.fold for part in parts for hazard in part.compound.hazards if hazard.fold is not None
    }
