"""What one recording of `potentiate measure` yields, and what all its kinds share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError
from ..measures.observable import Observable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..measures.event_sensitivity import Sensitivity
    from ..measures.events import Events
    from ..measures.time_course import TimeCourse
    from ..recordings.recording import Recording


@dataclass(frozen=True)
class Listed:
    """Events of one recording, a row for each, and what tells how many were missed."""

    events: Events
    rows: list[dict[str, Any]]
    sensitivity: Callable[[], Sensitivity | None]


@dataclass
class Found:
    """The measurement of one recording.

    Attributes
    ----------
    columns, rows
        The table where it is the only one.
    observables : list of dict
        Entries of the JSON object.
    headline : dict of str to Observable
        What stands in the row of this recording where there are several.
    notes : list of str
    figure : callable or None
    course : TimeCourse or None
        For the common plot of several.
    quality : list of dict
        Flagged sweeps.
    events : Listed or None
    """

    columns: Sequence[str]
    rows: list[list[Any]]
    observables: list[dict[str, Any]]
    headline: dict[str, Observable]
    notes: list[str] = field(default_factory=list)
    figure: Callable[[], Figure] | None = None
    course: TimeCourse | None = None
    quality: list[dict[str, Any]] = field(default_factory=list)
    events: Listed | None = None


def response_units(whole: Recording) -> list[str]:
    """Return the unit of every channel that holds a response; empty for commands and auxiliary inputs."""
    return [c.unit if c.role == "response" else "" for c in whole.channels]


def choose_channel(whole: Recording, channel: int | str | None, unit: str, assumed: list[str]) -> Recording:
    """Return the recording of one channel in a unit.

    Raises
    ------
    UsageError
        No channel is in that unit, or the chosen one is not.
    """
    units = response_units(whole)
    names = ", ".join(f"{k} {c.name!r} ({c.unit})" for k, c in enumerate(whole.channels))
    kind = "current" if unit == "pA" else "voltage"
    if channel is None:
        if unit not in units:
            where = str(whole.provenance.get("file", ""))
            do = f"if one is, give --unit {unit}"
            raise UsageError(f"No channel is a {kind}", where=where, why=f"channels: {names}", do=do)
        channel = units.index(unit)
        if len(units) > 1:
            assumed.append(f"channel {channel} {whole.channels[channel].name!r} is meant; channels: {names}")
    one = whole.channel(channel)
    if one.unit != unit:
        what = f"Channel {one.channels[0].name!r} is in {one.unit or 'no unit'}"
        do = f"choose a --channel in {unit} ({names}), or give --unit {unit}"
        raise UsageError(what, why=f"{kind}s are measured", do=do)
    return one


def command_step(whole: Recording) -> tuple[str, float, float, float] | None:
    """Return name, begin, end and height (mV) of the one rectangular step of a recorded voltage command."""
    for number, channel in enumerate(whole.channels):
        if channel.role != "stimulus" or channel.unit != "mV":
            continue
        rows = whole.data[number]
        away = np.flatnonzero(rows[0] != rows[0, 0])
        same = np.array_equal(rows, np.broadcast_to(rows[0], rows.shape))
        if not same or away.size < 2 or away[-1] == rows.shape[1] - 1 or np.ptp(rows[0, away]) != 0:
            continue  # a family of steps, a ramp, several steps: no test pulse
        if away[-1] - away[0] + 1 == away.size:
            t = whole.time_ms
            return channel.name, float(t[away[0]]), float(t[away[-1] + 1]), float(rows[0, away[0]] - rows[0, 0])
    return None


def sweep_range(text: str) -> list[int]:
    """Return the numbers of ``1,3-5``.

    Raises
    ------
    UsageError
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", part)
        if match is None or (match.group(2) and int(match.group(2)) < int(match.group(1))):
            raise UsageError(f"Cannot read the sweeps {text!r}", do="write numbers from 0 and ranges, e.g. 1,3-5")
        found += range(int(match.group(1)), int(match.group(2) or match.group(1)) + 1)
    return sorted(set(found))


def worst(observables: Sequence[Observable]) -> tuple[str, str | None]:
    """Return the first status that is not ok with the measures that share its reason, and the reason."""
    bad = [o for o in observables if not o.ok]
    if not bad:
        return "ok", None
    same = [o.id for o in bad if o.reason == bad[0].reason]
    return bad[0].status, f"{', '.join(same) if len(same) < 4 else 'all'}: {bad[0].reason}"


def known(observables: Sequence[Observable]) -> list[float | None]:
    """Return the values as cells of a table."""
    return [o.value if o.known else None for o in observables]


def label_of(one: Recording) -> str:
    """Return the label of the observables of a recording."""
    return "data" if one.label == "data" else "model"


def holes(sweep: np.ndarray) -> str | None:
    """Return why a sweep cannot be measured at all, or None."""
    bad = int(np.count_nonzero(~np.isfinite(sweep)))
    return f"{bad} of {sweep.size} samples are no numbers" if bad else None


def sentence(o: Observable, digits: int = 4) -> str:
    """Return an observable as text: value, unit, interval, and status with its reason."""
    text = f"{o.id} {o.value:.{digits}g} {o.unit}".rstrip() if o.known else f"{o.id}: {o.status}"
    if o.known and o.interval is not None:
        low, high = ("open" if end is None else f"{end:.{digits}g}" for end in o.interval)
        text += f" (95 % {low} to {high})"
    return text if o.ok else f"{text}{f', {o.status}' if o.known else ''}: {o.reason}"


def flagged(one: Recording, baseline_ms: tuple[float, float] | None, notes: list[str]) -> list[dict[str, Any]]:
    """Judge the sweeps of a current and return those that fail, with a note."""
    from ..measures.quality import check_quality

    report = check_quality(one, baseline_ms=baseline_ms)
    bad = [sweep for sweep in report.sweeps if sweep.failed]
    if bad:
        shown = "; ".join(f"sweep {sweep.number}: {sweep.reason}" for sweep in bad[:3])
        more = f"; and {len(bad) - 3} more (results file)" if len(bad) > 3 else ""
        notes.append(
            f"Quality: {len(bad)} of {len(report.sweeps)} sweeps are flagged, and used all the same. {shown}{more}"
        )
    return [{"sweep": sweep.number, "status": sweep.status, "reason": sweep.reason} for sweep in bad]


def keyed(figure: Figure, names: Sequence[str]) -> Figure:
    """Name the sweeps of a figure that writes no values."""
    (ax,) = figure.axes
    if len(names) > 1:
        ax.legend(ax.lines[: len(names)], names, loc="lower center", frameon=False, fontsize=8, handlelength=2.6)
    return figure
