"""Onset and window of an effect, and answers that what is unknown may overturn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from ..errors import UsageError
from ..measures.observable import Observable, missing
from .effect_course import BAND

#: Onset: the first time above this share of the maximum. Window: the time above that one.
ONSET_SHARE, WINDOW_SHARE = 0.2, 0.5
#: Shares of a dose that may be absorbed in the mouth: nobody measured it, so all of them are tried.
FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclasses.dataclass(frozen=True)
class OnsetWindow:
    """When an effect begins and how long it lasts.

    Attributes
    ----------
    onset : Observable
        h after `from_h`.
    window : Observable
        h; ``one-sided`` where the effect still lasts at the end of the course.
    peak, time_of_peak : Observable
        In the unit of the effect; h after `from_h`.
    from_h : float
    """

    onset: Observable
    window: Observable
    peak: Observable
    time_of_peak: Observable
    from_h: float


def onset_and_window(
    t_h: Any,
    effect: Any,
    *,
    from_h: float | None = None,
    onset_share: float = ONSET_SHARE,
    window_share: float = WINDOW_SHARE,
    unit: str = "",
) -> OnsetWindow:
    """Return onset and window of an effect.

    Parameters
    ----------
    t_h : array, shape (m,)
    effect : array, shape (m,) or (people, m)
        Larger is more effect, none is zero. NaN counts as none.
    from_h : float, optional
        Time of the dose; default ``t_h[0]``. What is earlier is left out.
    onset_share, window_share : float
        Of the maximum of each person.
    unit : str
        Of the effect.

    Returns
    -------
    OnsetWindow
        Medians over people with the 5-95 % band; between samples the effect is taken as straight.

    Raises
    ------
    UsageError
        Shares outside 0 to 1, or a course without two times after the dose.

    Examples
    --------
    >>> found = onset_and_window([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    >>> round(found.onset.value, 3), round(found.window.value, 3)
    (0.2, 1.0)
    """
    if not (0.0 < onset_share < 1.0 and 0.0 < window_share < 1.0):
        raise UsageError(f"Shares of {onset_share:g} and {window_share:g}", do="give numbers between 0 and 1")
    t, e = np.asarray(t_h, float), np.atleast_2d(np.asarray(effect, float))
    start = float(t[0]) if from_h is None else float(from_h)
    kept = t >= start
    if kept.sum() < 2 or e.shape[-1] != t.size:
        raise UsageError("An effect needs at least two times after the dose, and a value at each")
    t, e = t[kept], np.nan_to_num(e[:, kept])
    rule = f"above {100 * onset_share:g} % / {100 * window_share:g} % of the maximum"
    tops = e.max(axis=1)
    if not np.any(tops > 0.0):
        none = ("no response", "the effect never rises above zero", rule)
        return OnsetWindow(
            missing("onset", "h", *none), missing("window", "h", *none), Observable("peak", 0.0, unit),
            missing("time of peak", "h", *none), start,
        )  # fmt: skip
    rows = e[tops > 0.0]
    tops = tops[tops > 0.0]
    onsets = np.array([_first_above(t, row, onset_share * top) - start for row, top in zip(rows, tops, strict=True)])
    spans = np.array([_time_above(t, row, window_share * top) for row, top in zip(rows, tops, strict=True)])
    peaks = t[rows.argmax(axis=1)] - start
    lasting = int(np.sum(rows[:, -1] > window_share * tops))
    why = f"{lasting} of {len(rows)} still above half at the end of the course" if lasting else None
    return OnsetWindow(
        _over_people("onset", onsets, "h", rule),
        _over_people("window", spans, "h", rule, why),
        _over_people("peak", tops, unit, rule),
        _over_people("time of peak", peaks, "h", rule),
        start,
    )


def _over_people(name: str, each: np.ndarray, unit: str, rule: str, why: str | None = None) -> Observable:
    interval = None
    if len(each) > 1:
        low, high = np.quantile(each, BAND)
        interval = (float(low), None if why else float(high))
    elif why:
        interval = (float(each[0]), None)
    return Observable(name, float(np.median(each)), unit, "one-sided" if why else "ok", why, interval, rule)


def _first_above(t: np.ndarray, row: np.ndarray, level: float) -> float:
    i = int(np.argmax(row > level))
    if i == 0:
        return float(t[0])
    return float(t[i - 1] + (t[i] - t[i - 1]) * (level - row[i - 1]) / (row[i] - row[i - 1]))


def _time_above(t: np.ndarray, row: np.ndarray, level: float) -> float:
    a, b, dt = row[:-1] - level, row[1:] - level, np.diff(t)
    rise = np.abs(b - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(rise > 0.0, np.maximum(a, b) / rise, 0.0)
    share = np.where((a > 0.0) & (b > 0.0), 1.0, np.where((a > 0.0) | (b > 0.0), np.clip(part, 0.0, 1.0), 0.0))
    return float((share * dt).sum())


@dataclasses.dataclass(frozen=True)
class Answer:
    """A yes or no that was asked for every value of something unknown.

    Attributes
    ----------
    answer : {"yes", "no", "not determined"}
    by : tuple of (value, bool or None)
    reason : str
    """

    answer: Literal["yes", "no", "not determined"]
    by: tuple[tuple[float, bool | None], ...]
    reason: str


def answer_over(claim: Callable[[float], bool | None], values: Sequence[float] = FRACTIONS, name: str = "") -> Answer:
    """Ask a claim for every value of an unknown number; one that flips is not determined.

    Parameters
    ----------
    claim : callable
        Value -> whether the claim holds; None where even that is unknown.
    values : sequence of float
        Default: the share of a dose absorbed in the mouth.
    name : str
        What the number is, for the reason.

    Examples
    --------
    >>> answer_over(lambda fraction: fraction > 0.3, name="buccal fraction").answer
    'not determined'
    """
    by = tuple((float(v), claim(v)) for v in values)
    found = {held for _, held in by}
    span = f"{name or 'value'} {values[0]:g} to {values[-1]:g}"
    if found == {True}:
        return Answer("yes", by, f"holds for every {span}")
    if found == {False}:
        return Answer("no", by, f"fails for every {span}")
    if None in found:
        return Answer("not determined", by, f"unknown at some {span}")
    holds = ", ".join(f"{v:g}" for v, held in by if held)
    return Answer("not determined", by, f"flips within {span}: holds at {holds}")
