"""Regimens in plain text: who takes what, how, when, how often.

``"80 mg buccal 08:00; 200 mg po daily x7"``; with names, ``"caffeine 80 mg buccal 08:00; l-theanine 60 mg po"``.
Nothing is guessed: a dose without a unit, a repetition without an end or a word that is not understood stops the run.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import get_args

from ..errors import UnknownNameError, UsageError
from ..library.compound import find_compound
from ..library.disposition import ROUTES, Route

#: unit -> mg
MASS = {"ng": 1e-6, "ug": 1e-3, "mcg": 1e-3, "mg": 1.0, "g": 1e3}

#: words of a route that are not its name
SPELLED = {
    "oral": "po", "orally": "po", "swallowed": "po", "by mouth": "po", "p.o.": "po", "i.v.": "iv",
    "intravenous": "iv", "i.p.": "ip", "s.c.": "sc", "chewed": "gum", "inhalation": "inhaled", "smoked": "inhaled",
}  # fmt: skip

#: times a day -> hours between doses
TIMES_A_DAY = {"daily": 24.0, "qd": 24.0, "once daily": 24.0, "bid": 12.0, "twice daily": 12.0, "tid": 8.0, "qid": 6.0}

LARGEST_DOSE_MG = 1e5  # above 100 g a dose is a typing error
MOST_DOSES = 5000
LONGEST_H = 2 * 365 * 24.0

_HOURS = {"min": 1 / 60, "h": 1.0, "hours": 1.0, "hour": 1.0, "d": 24.0, "day": 24.0, "days": 24.0, "wk": 168.0,
          "week": 168.0, "weeks": 168.0}  # fmt: skip
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_UNITS = "|".join(sorted(MASS, key=len, reverse=True))
_AMOUNT = re.compile(rf"(?:^|\s)(?P<value>{_NUMBER})\s*(?P<unit>{_UNITS})(?P<kg>/kg)?(?=\s|$)")
_BARE = re.compile(rf"(?:^|\s)(?P<value>{_NUMBER})(?=\s|$)")
_SPAN = rf"({_NUMBER})\s*({'|'.join(sorted(_HOURS, key=len, reverse=True))})\b"
_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("clock", re.compile(r"(?:at\s+)?(\d{1,2}):(\d{2})\b")),
    ("day", re.compile(r"day\s+(\d+)\b")),
    ("at", re.compile(rf"(?:at|\+)\s*{_SPAN}")),
    ("over", re.compile(rf"over\s+{_SPAN}")),
    ("for", re.compile(rf"for\s+{_SPAN}")),
    ("every", re.compile(rf"(?:every|q)\s*{_SPAN}")),
    ("steady", re.compile(r"(?:at\s+|to\s+)?steady[ -]state\b")),
    ("times", re.compile(r"[x×]\s*(\d+)(?:\s*doses)?\b(?!\s*(?:d|days|wk|weeks?)\b)")),
    ("spell", re.compile(r"[x×]\s*(\d+)\s*(d|days|wk|weeks?)\b")),
    ("often", re.compile("|".join(re.escape(w) for w in sorted(TIMES_A_DAY, key=len, reverse=True)))),
    (
        "route",
        re.compile(
            r"(?:" + "|".join(re.escape(w) for w in sorted((*ROUTES, *SPELLED), key=len, reverse=True)) + r")(?=\s|$)"
        ),
    ),
)


@dataclasses.dataclass(frozen=True)
class Dose:
    """One dose.

    Attributes
    ----------
    compound : str
        Id.
    amount_mg : float
        Per kg of body weight where `per_kg`.
    route : str
    time_h : float
        From 00:00 of day 1.
    duration_h : float
        Of an infusion; zero for all else.
    per_kg : bool
    steady_interval_h : float or None
        The dose has been repeated at this interval for ever.
    """

    compound: str
    amount_mg: float
    route: Route
    time_h: float
    duration_h: float = 0.0
    per_kg: bool = False
    steady_interval_h: float | None = None

    def __post_init__(self) -> None:
        where = f"dose of {self.compound}"
        if not (math.isfinite(self.amount_mg) and self.amount_mg > 0):
            raise UsageError(f"A dose of {self.amount_mg:g} mg", where=where, why="a dose is more than nothing")
        if self.amount_mg > LARGEST_DOSE_MG:
            raise UsageError(f"A dose of {self.amount_mg:g} mg", where=where, why="above 100 g", do="check the unit")
        if self.route not in get_args(Route):
            raise UnknownNameError("route", self.route, ROUTES)
        if not (0 <= self.time_h <= LONGEST_H):
            raise UsageError(
                f"A dose at {self.time_h:g} h", where=where, why="not within two years from 00:00 of day 1"
            )
        if self.duration_h < 0 or (self.duration_h > 0 and self.route != "iv"):
            raise UsageError(f"A dose over {self.duration_h:g} h by the route {self.route}", where=where,
                             why="only an infusion (iv) lasts")  # fmt: skip
        if self.steady_interval_h is not None and self.steady_interval_h <= self.duration_h:
            raise UsageError("Infusions at steady state overlap", where=where, do="give an interval that is longer")

    def in_mg(self, weight_kg: float) -> float:
        """Return the dose in mg for a body weight."""
        return self.amount_mg * (weight_kg if self.per_kg else 1.0)


@dataclasses.dataclass(frozen=True)
class Regimen:
    """Doses in order of time.

    Attributes
    ----------
    doses : tuple of Dose
    text : str
        As it was written.
    """

    doses: tuple[Dose, ...]
    text: str = ""

    def __post_init__(self) -> None:
        if not self.doses:
            raise UsageError("A regimen without doses")
        object.__setattr__(self, "doses", tuple(sorted(self.doses, key=lambda d: d.time_h)))

    @property
    def compounds(self) -> tuple[str, ...]:
        """Ids of the compounds, in the order in which they are first taken."""
        return tuple(dict.fromkeys(d.compound for d in self.doses))

    def of(self, compound: str) -> tuple[Dose, ...]:
        """Return the doses of one compound."""
        return tuple(d for d in self.doses if d.compound == compound)


def parse_regimen(text: str, compound: str | None = None) -> Regimen:
    """Read a regimen.

    Parameters
    ----------
    text : str
        Items divided by semicolons or line ends: ``[name] amount unit[/kg] route [time] [repetition]``. Times are
        ``08:00``, ``day 2 08:00``, ``at 3 h``; without one a dose is taken at 00:00 of day 1, or when the item before
        was.
        Repetitions are ``daily``, ``bid``, ``tid``, ``qid``, ``every 8 h`` with ``x7`` (doses), ``x7 d`` or ``for 7 d``
        (a stretch of time), or ``at steady state``; infusions last ``over 30 min``.
    compound : str, optional
        Name of what is taken, where the text does not name it.

    Returns
    -------
    Regimen

    Raises
    ------
    UsageError
        With the item and the words that are not understood.
    UnknownNameError
        A name that the library does not know.

    Examples
    --------
    >>> regimen = parse_regimen("80 mg buccal 08:00; 200 mg po daily x2", "caffeine")
    >>> [(d.amount_mg, d.route, d.time_h) for d in regimen.doses]
    [(80.0, 'buccal', 8.0), (200.0, 'po', 8.0), (200.0, 'po', 32.0)]
    """
    items = [part.strip() for part in re.split(r"[;\n]", text) if part.strip()]
    if not items:
        raise UsageError("The regimen is empty", do='write it like "200 mg po 08:00"')
    doses: list[Dose] = []
    before_h = 0.0
    for item in items:
        read = _read_item(item, compound, before_h)
        before_h = read[0].time_h
        doses += read
        if len(doses) > MOST_DOSES:
            raise UsageError(f"More than {MOST_DOSES} doses", where=f"regimen item {item!r}")
    return Regimen(tuple(doses), text)


def _read_item(item: str, compound: str | None, before_h: float) -> list[Dose]:
    where = f"regimen item {item!r}"
    amount = _AMOUNT.search(item)
    if amount is None:
        bare = _BARE.search(item)
        if bare is not None:
            raise UsageError(
                f"No unit of mass after {bare['value']!r}",
                where=where,
                why="a dose needs one",
                do="write it like '200 mg po'",
            )
        raise UsageError("No dose in the item", where=where, do="write it like '200 mg po 08:00'")
    name = item[: amount.start()].strip()
    if name and compound is not None and find_compound(name).id != find_compound(compound).id:
        raise UsageError(f"The item names {name!r}", where=where, why=f"the regimen is one of {compound}")
    if not name and compound is None:
        raise UsageError("The item does not say what is taken", where=where, do="write it like 'caffeine 200 mg po'")
    taken = find_compound(name or str(compound))
    taken.require_pharmacology()
    words = _read_words(item[amount.end() :], where)
    if "route" not in words:
        raise UsageError("No route", where=where, do=f"add one of {', '.join(ROUTES)}")
    route = SPELLED.get(words["route"][0], words["route"][0])
    start = _time_h(words, before_h, where)
    duration = _hours(words["over"]) if "over" in words else 0.0
    interval, count, steady = _repetition(words, where)
    value = float(amount["value"]) * MASS[amount["unit"]]
    return [
        Dose(taken.id, value, route, start + k * interval, duration, bool(amount["kg"]), interval if steady else None)  # type: ignore[arg-type]
        for k in range(count)
    ]


def _read_words(text: str, where: str) -> dict[str, Sequence[str]]:
    """Return what follows the amount, word by word; each may come once and in any order."""
    found: dict[str, Sequence[str]] = {}
    rest = text.strip().casefold()
    while rest:
        kind, match = next(((k, m) for k, pattern in _WORDS if (m := pattern.match(rest))), ("", None))
        if match is None:
            raise UsageError(
                f"Not understood: {rest!r}", where=where,
                do="write it like '200 mg po 08:00 daily x7', 'bid for 10 d', 'every 8 h x21', 'iv over 30 min'",
            )  # fmt: skip
        if kind in found:
            raise UsageError(f"{match.group(0).strip()!r} is said twice, or contradicts what is before", where=where)
        found[kind] = match.groups() or (match.group(0),)
        rest = rest[match.end() :].lstrip(" ,")
    return found


def _hours(words: Sequence[str]) -> float:
    return float(words[0]) * _HOURS[words[1]]


def _time_h(words: dict[str, Sequence[str]], before_h: float, where: str) -> float:
    if "at" in words:
        if "clock" in words or "day" in words:
            raise UsageError("Two times for one dose", where=where)
        return _hours(words["at"])
    day = int(words["day"][0]) if "day" in words else None
    if day is not None and day < 1:
        raise UsageError(f"Day {day}", where=where, why="the first day is day 1")
    if "clock" not in words:
        return before_h if day is None else 24.0 * (day - 1)
    hour, minute = int(words["clock"][0]), int(words["clock"][1])
    if hour > 23 or minute > 59:
        raise UsageError(f"{hour:02d}:{minute:02d} is no time of day", where=where)
    return 24.0 * ((day or 1) - 1) + hour + minute / 60.0


def _repetition(words: dict[str, Sequence[str]], where: str) -> tuple[float, int, bool]:
    """Return hours between doses, number of doses, and whether they have been taken for ever."""
    if "often" in words and "every" in words:
        raise UsageError("Two repetitions in one item", where=where)
    interval = (
        TIMES_A_DAY[words["often"][0]] if "often" in words else _hours(words["every"]) if "every" in words else 0.0
    )
    if "every" in words and interval <= 0:
        raise UsageError("A repetition needs an interval above zero", where=where)
    ends = [k for k in ("times", "spell", "for", "steady") if k in words]
    if interval == 0:
        if ends:
            raise UsageError("A number of doses without an interval", where=where, do="add 'daily' or 'every 8 h'")
        return 0.0, 1, False
    if len(ends) != 1:
        why = "the repetition has no end" if not ends else f"{' and '.join(ends)} contradict each other"
        raise UsageError("How often?", where=where, why=why, do="add one of 'x7', 'for 7 d', 'at steady state'")
    if "steady" in words:
        return interval, 1, True
    if "times" in words:
        count = int(words["times"][0])
    else:
        count = math.ceil(round(_hours(words["for"] if "for" in words else words["spell"]) / interval, 9))
    if not 1 <= count <= MOST_DOSES:
        raise UsageError(f"{count} doses", where=where, do=f"give 1 to {MOST_DOSES}")
    return interval, count, False
