"""From a ranking to one sentence."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .alternatives import EFFECTS, NOTHING

if TYPE_CHECKING:
    from .discriminate import Entry

#: A further step is neither needed nor excluded where it improves the criterion by more than this without ruling the
#: simpler alternative out. Several steps are tried, so one of them gains 2 by chance often, 4 seldom.
LEANING = 4.0


@dataclasses.dataclass(frozen=True)
class Size:
    """How much a step changes.

    Attributes
    ----------
    effect : str
    factor, low, high : float
        On the rate, with one site occupied.
    word : str
    """

    effect: str
    factor: float
    low: float
    high: float
    word: str = "determined"

    @property
    def slower(self) -> bool:
        """Whether the rate falls."""
        return self.factor < 1.0

    def fold(self) -> tuple[float, float, float]:
        """Return the change as a number above one, with its interval."""
        if self.slower:
            return 1 / self.factor, _inverse(self.high), _inverse(self.low)
        return self.factor, self.low, self.high

    def describe(self) -> str:
        """Return it in words: ``slows closing 6.1-fold (5.2 to 7.3)``."""
        value, low, high = self.fold()
        verb = EFFECTS[self.effect].verb[0 if self.slower else 1]
        if self.word == "not determined":
            return f"{verb} {self.effect} by an amount that these data do not bound"
        top = f"{high:.3g}" if math.isfinite(high) and high < 250 else "any"
        return f"{verb} {self.effect} {value:.2g}-fold ({low:.2g} to {top})"


def _inverse(x: float) -> float:
    return math.inf if x <= 0 else 1.0 / x


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The answer.

    Attributes
    ----------
    status : {"decided", "no effect", "undecided"}
    sentence : str
    names : tuple of str
        The alternative, or the simplest ones that are left.
    sizes : tuple of Size
        Of the alternative that was decided on.
    """

    status: str
    sentence: str
    names: tuple[str, ...]
    sizes: tuple[Size, ...] = ()


def simplest(entries: Sequence[Entry]) -> list[Entry]:
    """Return the live alternatives that hold no other live one within them."""
    live = [e for e in entries if e.live]
    return [e for e in live if not any(o is not e and o.alternative.within(e.alternative) for o in live)]


def judge(drug: str, entries: Sequence[Entry], *, odds: float, smallest_fold: float) -> Verdict:
    """Return the verdict of a ranking.

    The simplest live alternatives count: one that holds another live one within it says no more than that one.
    """
    left = simplest(entries)
    who = drug[:1].upper() + drug[1:] if drug != "drug" else "The drug"
    if len(left) == 1:
        found = left[0]
        if found.delta > LEANING:
            better = next(e for e in entries if found.alternative.within(e.alternative) and e is not found)
            names = (found.name, better.name)
            if not found.alternative.effects:
                text = f"No effect, or {better.name} (better by {_odds(found.delta)}): these data cannot tell"
            else:
                text = (
                    f"{who} {_sizes(found.sizes)}; whether more is needed ({better.name}, better by "
                    f"{_odds(found.delta)}) these data cannot tell"
                )
            return Verdict("undecided", text, names)
        if found.alternative.effects:
            extra = f" ({found.alternative.sites} sites)" if found.alternative.sites > 1 else ""
            trapped = "" if found.alternative.exchange_while_open else "; it does not exchange with open channels"
            return Verdict(
                "decided",
                f"{who} {_sizes(found.sizes)}{extra}{trapped}; nothing else is needed",
                (found.name,),
                found.sizes,
            )
        return _nothing(who, entries, found, smallest_fold)
    ratio = math.exp(0.5 * abs(left[1].delta - left[0].delta))
    names = tuple(e.name for e in left)
    listed = " or ".join(names[:4]) + (f" or {len(names) - 4} more" if len(names) > 4 else "")
    text = f"{listed[:1].upper()}{listed[1:]}: these data cannot tell (odds of the first two {ratio:.2g}:1)"
    return Verdict("undecided", text, names)


def _nothing(who: str, entries: Sequence[Entry], found: Entry, smallest_fold: float) -> Verdict:
    """Say that there is no effect only where an effect of interest is excluded for every step."""
    open_steps = []
    for e in entries:
        if len(e.alternative.effects) != 1:
            continue
        size = e.sizes[0]
        if size.low < 1 / smallest_fold or size.high > smallest_fold or size.word != "determined":
            open_steps.append((e, max(size.high, _inverse(size.low))))
    if not open_steps:
        return Verdict("no effect", f"{who} changes no step by more than {smallest_fold:g}-fold", (NOTHING,))
    parts = ", ".join(
        f"{e.name} up to {fold:.2g}-fold" if fold < 250 else f"{e.name} by any amount" for e, fold in open_steps[:4]
    )
    return Verdict(
        "undecided",
        f"No effect is needed, but an effect is not excluded either ({parts}): these data are too few",
        (found.name, *(e.name for e, _ in open_steps)),
    )


def _sizes(sizes: Sequence[Size]) -> str:
    return " and ".join(s.describe() for s in sizes)


def _odds(delta: float) -> str:
    return f"{math.exp(0.5 * delta):.2g}:1"
