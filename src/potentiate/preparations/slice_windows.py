"""The windows of a slice experiment: which minutes of its timetable the numbers are read from."""

from __future__ import annotations

import dataclasses
import math

from ..protocols.timetable import Timetable, WashIn, WashOut

#: Baseline before a change; settling after a change of the bath; window of the drug effect, min.
BASELINE_MIN, SETTLE_MIN, EFFECT_MIN = 20.0, 5.0, 5.0

Span = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Windows:
    """The spans of an experiment that its numbers come from, min.

    Attributes
    ----------
    baseline : (float, float)
        Before the drug (or the induction, without one).
    effect, effect_after : (before, with) or None
        Spans before and under the drug: where it came before, and where it came after the first induction.
    before_induction, last : (float, float) or None
    before_second : (float, float) or None
        Last 10 min before the second bout.
    """

    baseline: Span
    effect: tuple[Span, Span] | None
    effect_after: tuple[Span, Span] | None
    before_induction: Span | None
    last: Span | None
    before_second: Span | None


def find_windows(table: Timetable, drug: str | None) -> Windows:
    """Return the spans of a timetable that numbers are read from."""
    inductions = table.inductions
    first = inductions[0].at_min if inductions else math.inf
    ons = [e.at_min for e in table.events if isinstance(e, WashIn) and e.compound == drug and e.concentration_uM > 0]
    until = [
        *[e.at_min for e in table.events if isinstance(e, WashOut) and e.compound == drug],
        *[e.at_min for e in inductions],
        table.end_min,
    ]

    def effect(on: float) -> tuple[Span, Span]:
        off = min(t for t in until if t > on)
        # 5 min each: the effect should be of the drug, not of a drift since the first baseline
        return (max(0.0, on - EFFECT_MIN), on), (max(on, off - EFFECT_MIN), off)

    before, after = [t for t in ons if t < first], [t for t in ons if t >= first]
    start = min([*before, first, table.end_min])
    ends = [*[e.at_min for e in inductions[1:]], table.end_min]
    last = (table.end_min - 10.0, table.end_min)
    if after and inductions:
        # the drug that comes after LTP is no part of LTP
        last = (max(inductions[-1].until_min, after[0] - 10.0), after[0])
    return Windows(
        _quiet_before(table, start),
        effect(before[0]) if before else None,
        effect(after[0]) if after else None,
        _quiet_before(table, first) if inductions else None,
        last if inductions and last[0] >= inductions[-1].until_min - 1e-9 else None,
        (max(inductions[0].until_min, ends[0] - 10.0), ends[0]) if len(inductions) > 1 else None,
    )


def _quiet_before(table: Timetable, at_min: float) -> Span:
    """Return the 20 min before a time, without the first 5 min after a change of the bath."""
    changes = [e.at_min for e in table.events if isinstance(e, WashIn | WashOut) and e.at_min < at_min]
    settled = max([0.0, *[t + SETTLE_MIN for t in changes]])
    return (min(max(at_min - BASELINE_MIN, settled), at_min - min(SETTLE_MIN, at_min)), at_min)
