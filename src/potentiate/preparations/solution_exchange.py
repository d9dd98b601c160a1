"""From a protocol and an exposure to pieces of time with constant or continuously varying ligands."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping

from ..exposure.bath import Bath
from ..protocols.protocol import Protocol

#: erf(x) runs from 10 % to 90 % over this many units of its width.
_ERF_10_90 = 1.8124
#: Half-width of the exchange window in units of the erf's width; the rest of the step is below 2e-8.
_REACH = 4.0


@dataclasses.dataclass(frozen=True)
class Piece:
    """A stretch of time; `ligands` is constant, or `course` gives it as a function of the time in ms."""

    start_ms: float
    end_ms: float
    ligands: Mapping[str, float] | None
    course: Callable[[float], Mapping[str, float]] | None = None


def pieces(protocol: Protocol, bath: Bath, exchange_10_90_ms: float = 0.0) -> list[Piece]:
    """Return the ligand course of a sweep.

    Parameters
    ----------
    protocol : Protocol
    bath : Bath
    exchange_10_90_ms : float
        10-90 % time of the solution exchange at the patch (open-tip response); 0 = ideal steps. The course of an
        exchange is an error function centred on the switch.
    """
    levels = []
    for segment in protocol.segments:
        level = {**protocol.solutions[segment.solution], **bath.in_solution(segment.solution)}
        levels.append(level)
    names = sorted({name for level in levels for name in level} | {
        t.ligand for s in protocol.segments for t in s.transients
    })
    starts, now = [], 0.0
    for segment in protocol.segments:
        starts.append(now)
        now += segment.duration_ms
    total = now
    width = exchange_10_90_ms / _ERF_10_90
    switches = [
        (t, {n: levels[i + 1].get(n, 0.0) - levels[i].get(n, 0.0) for n in names})
        for i, t in enumerate(starts[1:])
        if any(levels[i + 1].get(n, 0.0) != levels[i].get(n, 0.0) for n in names)
    ]
    released = [(starts[i], t) for i, s in enumerate(protocol.segments) for t in s.transients]
    first = {n: levels[0].get(n, 0.0) for n in names}

    def course(t_ms: float) -> dict[str, float]:
        value = dict(first)
        for at, change in switches:
            if width > 0:
                share = 0.5 * (1.0 + math.erf((t_ms - at) / width))
            else:
                share = 1.0 if t_ms >= at else 0.0
            for n in names:
                value[n] += share * change[n]
        for at, transient in released:
            if t_ms >= at:
                value[transient.ligand] += transient.peak_uM * math.exp(-(t_ms - at) / transient.tau_ms)
        return value

    windows = [(at - _REACH * width, at + _REACH * width) for at, _ in switches] if width > 0 else []
    # a transient is followed until it has decayed by nine orders of magnitude
    windows += [(at, min(total, at + 20.0 * transient.tau_ms)) for at, transient in released]
    merged: list[list[float]] = []
    for low, high in sorted((max(0.0, a), min(total, b)) for a, b in windows):
        if merged and low <= merged[-1][1]:
            merged[-1][1] = max(high, merged[-1][1])
        else:
            merged.append([low, high])
    borders: set[float] = {0.0, total, *(x for w in merged for x in w), *(starts if width == 0 else [])}
    cuts = sorted(borders)
    result = []
    for low, high in itertools.pairwise(cuts):
        if high - low < 1e-9:
            continue
        middle = 0.5 * (low + high)
        if any(a <= middle <= b for a, b in merged):
            result.append(Piece(low, high, None, course))
        else:
            result.append(Piece(low, high, course(middle)))
    return result
