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
#: simpler alternative out.
LEANING = 2.0

#: A further step that may change by more than this, either way, was not tested.
TESTED = 2.0

#: A step whose interval spans more than this is not seen by the protocols that were recorded.
UNSEEN = 100.0


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
    untested : tuple of str
        Further steps that may change by more than :data:`TESTED`-fold for all that these data say.
    """

    status: str
    sentence: str
    names: tuple[str, ...]
    sizes: tuple[Size, ...] = ()
    untested: tuple[str, ...] = ()


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
            open_steps = untested(entries, found)
            rest = f", but these data do not test {_listed(open_steps)}" if open_steps else ""
            return Verdict(
                "decided",
                f"{who} {_sizes(found.sizes)}{extra}{trapped}; nothing else is needed{rest}",
                (found.name,),
                found.sizes,
                tuple(open_steps),
            )
        return _nothing(who, entries, found, smallest_fold)
    ratio = math.exp(0.5 * abs(left[1].delta - left[0].delta))
    names = tuple(e.name for e in left)
    listed = " or ".join(names[:4]) + (f" or {len(names) - 4} more" if len(names) > 4 else "")
    text = f"{listed[:1].upper()}{listed[1:]}: these data cannot tell (odds of the first two {ratio:.2g}:1)"
    return Verdict("undecided", text, names)


def untested(entries: Sequence[Entry], found: Entry) -> list[str]:
    """Return the steps that may change as well, by more than :data:`TESTED`-fold, next to those of an alternative."""
    own = set(found.alternative.effects)
    names = []
    for e in entries:
        more = [s for s in e.sizes if s.effect not in own]
        if len(more) != 1 or not found.alternative.within(e.alternative):
            continue
        size = more[0]
        if size.word == "not determined" or size.low < 1 / TESTED or size.high > TESTED:
            names.append(size.effect)
    return [name for name in EFFECTS if name in names]


def _nothing(who: str, entries: Sequence[Entry], found: Entry, smallest_fold: float) -> Verdict:
    """Say that there is no effect only where an effect of interest is excluded for every step."""
    open_steps, unseen, seen = [], [], []
    for e in entries:
        if len(e.alternative.effects) != 1:
            continue
        size = e.sizes[0]
        if size.word == "not determined" or not size.high / max(size.low, 1e-300) < UNSEEN:
            unseen.append(e.name)
            continue
        seen.append(e.name)
        if size.low < 1 / smallest_fold or size.high > smallest_fold:
            open_steps.append((e, max(size.high, _inverse(size.low))))
    if seen and not open_steps:
        text = f"{who} changes {_listed(seen)} by less than {smallest_fold:g}-fold, if at all"
        if unseen:
            text += f"; these protocols do not test {_listed(unseen)}"
        return Verdict("no effect", text, (NOTHING,), (), tuple(unseen))
    parts = ", ".join(
        [f"{e.name} up to {fold:.2g}-fold" for e, fold in open_steps[:4]] + [f"{n} by any amount" for n in unseen[:2]]
    )
    return Verdict(
        "undecided",
        f"No effect is needed, but an effect is not excluded either ({parts}): these data are too few",
        (found.name, *(e.name for e, _ in open_steps), *unseen),
    )


def _sizes(sizes: Sequence[Size]) -> str:
    return " and ".join(s.describe() for s in sizes)


def _odds(delta: float) -> str:
    return f"{math.exp(0.5 * delta):.2g}:1"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
