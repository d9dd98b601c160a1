"""`measure --as timecourse`: a response followed over minutes, from sweeps with start times or from a table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, UsageError
from ..measures.observable import Observable
from ..measures.time_course import TimeCourse, inside_span, time_course, two_pathways
from ..measures.variability import locus
from .measure_asked import Asked, Span
from .measure_found import Found, flagged, holes, label_of, sentence, worst

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..measures.table import Table
    from ..recordings.recording import Recording

#: Units of time of a table -> minutes.
MINUTES = {"min": 1.0, "h": 60.0, "s": 1 / 60, "ms": 1 / 60_000}
#: Text files whose time is in one of these are tables of values, not sweeps.
TABLE_UNITS = ("min", "h")

BIN_COLUMNS = ["from (min)", "to (min)", "n", "mean", "SEM", "% of baseline", "SEM (%)"]


def is_table(path: Path) -> bool:
    """Whether a text file holds values over minutes or hours (``time (min), slope (mV/ms)``) and no sweeps."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    try:
        with open(path, encoding="utf-8-sig", errors="strict") as file:
            lines = [
                line for line in (file.readline(2000) for _ in range(20)) if line.strip() and not line.startswith("#")
            ]
    except (OSError, UnicodeDecodeError, ValueError):
        return False
    first = lines[0].lower() if lines else ""
    return any(f"time {left}{unit}{right}" in first for unit in TABLE_UNITS for left, right in ("()", "[]"))


@dataclass(frozen=True)
class Series:
    """A response over time, ready to be followed."""

    name: str
    time_min: np.ndarray
    value: np.ndarray
    unit: str
    what: str
    control: np.ndarray | None = None
    left_out: tuple[str, ...] = ()


def from_table(path: Path, asked: Asked, assumed: list[str]) -> tuple[list[Series], dict[str, Any]]:
    """Read the series of a table: one, or one per label of ``--by``.

    Raises
    ------
    DataError, UsageError
        No time column, a unit missing, or several columns of values and none chosen.
    """
    from ..measures.table import read_table

    for option in ("stimuli", "slope", "window", "search", "volley", "polarity", "follow", "interval"):
        if option in asked.given:
            raise UsageError(f"--{option} is for sweeps", why=f"{path.name} is a table of values", do="leave it out")
    named = [name for name in (asked.column, asked.control) if name is not None]
    table = read_table(path, units={name: asked.unit for name in named} if asked.unit else None)
    clock = next((name for name in table.names if name.lower() == "time"), None)
    if clock is None:
        raise DataError("No column is the time", where=path.name, why=f"columns: {', '.join(table.names)}",
                        do="name one: time (min)")  # fmt: skip
    unit = table.column(clock).unit
    if unit not in MINUTES:
        raise DataError("The time has no unit" if not unit else f"The time is in {unit!r}",
                        where=f"{path.name} column {clock!r}", do="name it: time (min)")  # fmt: skip
    name = asked.column or _only_column(table, clock, asked)
    parts = [(path.name, table)]
    if asked.by is not None:
        parts = [(label, table.where_is(asked.by, [label])) for label in table.levels(asked.by)]
    made = []
    for label, part in parts:
        t = part.numbers(clock) * MINUTES[unit]
        values, value_unit = part.values(name)
        control = part.values(asked.control)[0] if asked.control is not None else None
        if not np.isfinite(t).all():
            raise DataError("A time is blank", where=f"{path.name}, {label}", do="give every row its time")
        order = np.argsort(t, kind="stable")
        if asked.by is None and (np.diff(t) < 0).any():
            raise DataError(
                "Times go back", where=path.name, do="sort the rows, or name the column of the cells with --by"
            )
        made.append(
            Series(label, t[order], values[order], value_unit, name, None if control is None else control[order])
        )
    inputs = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "column": name, "by": asked.by}
    if asked.column is None:
        assumed.append(f"the column {name!r} is followed (--column)")
    return made, inputs


def _only_column(table: Table, clock: str, asked: Asked) -> str:
    measured = [c.name for c in table.columns if c.unit is not None and c.name not in (clock, asked.control)]
    if len(measured) == 1:
        return measured[0]
    if not measured:
        raise DataError("No column has a unit", where=table.where, why=f"columns: {', '.join(table.names)}",
                        do="name the values with their unit: amplitude (pA), or PPR (1)")  # fmt: skip
    raise UsageError("Which column is followed?", where=table.where, why=f"with a unit: {', '.join(measured)}",
                     do=f"add --column {measured[0]!r}")  # fmt: skip


def from_sweeps(
    file: str, one: Recording, index: Sequence[int], asked: Asked, assumed: list[str]
) -> tuple[Series, Any]:
    """Measure every sweep and return the series, with what the figure needs: the stimulus time.

    Raises
    ------
    UsageError
        No start times and no interval, or no stimulus.
    """
    t_min = _starts(one, index, asked, assumed)
    left_out: list[str] = []
    values = np.full(len(index), np.nan)
    if one.unit == "mV":
        from .measure_field import settings

        how = settings(one, asked, assumed)
        what = asked.follow or "slope"
        for k, sweep in enumerate(one.sweeps):
            broken = holes(sweep)
            if broken:
                left_out.append(f"sweep {index[k]}: {broken}")
                continue
            each = how.measure(one.time_ms, sweep)
            o = each.slope if what == "slope" else each.amplitude
            values[k] = o.value
            if not o.known:
                left_out.append(f"sweep {index[k]}: {o.reason}")
        unit, name, stimulus = ("mV/ms" if what == "slope" else "mV"), f"fEPSP {what}", how.stimulus_ms
    else:
        if asked.follow == "slope":
            raise UsageError("Slopes are of field potentials", where="--follow", why="the channel is a current",
                             do="--follow amplitude")  # fmt: skip
        values, stimulus = _amplitudes(one, index, asked, assumed, left_out)
        unit, name = "pA", "EPSC amplitude"
    control = None
    if asked.control is not None:
        values, control, t_min = _alternating(values, t_min, asked.control)
    return Series(Path(file).name, t_min, values, unit, name, control, tuple(left_out)), stimulus


def _amplitudes(
    one: Recording, index: Sequence[int], asked: Asked, assumed: list[str], left_out: list[str]
) -> tuple[np.ndarray, float]:
    """Return the amplitude of the first response of every sweep."""
    from ..measures.train import measure_train
    from .measure_currents import _both_sides

    whole = [k for k, sweep in enumerate(one.sweeps) if not holes(sweep)]
    left_out += [f"sweep {index[k]}: {holes(one.sweeps[k])}" for k in range(len(index)) if k not in whole]
    values = np.full(len(index), np.nan)
    good = one.select(whole)
    found = _both_sides(good, asked, assumed)
    if asked.stimuli_ms is None:
        assumed.append(f"the stimulus is the first artefact, at {found.stimuli_ms[0]:.5g} ms (--stimuli)")
    first = found.stimuli_ms[:1] if asked.stimuli_ms is None else np.array(asked.stimuli_ms[:1])
    side = "positive" if found.amplitudes[0].value > 0 else "negative"
    values[whole] = measure_train(good.time_ms, good.sweeps, first, polarity=side).sweep_amplitudes_pA[:, 0]
    return values, float(first[0])


def _starts(one: Recording, index: Sequence[int], asked: Asked, assumed: list[str]) -> np.ndarray:
    starts = one.sweep_metadata.get("start_s")
    if asked.interval_ms is not None:
        return np.asarray(index, dtype=float) * asked.interval_ms / 60_000
    if starts is None or len(index) < 2:
        raise UsageError("When did the sweeps start?", why="the file does not say", do='give --interval "20 s"')
    t = np.asarray(starts, dtype=float) / 60
    if not (np.diff(t) > 0).all():
        raise UsageError("The start times of the sweeps do not increase", do='give --interval "20 s"')
    assumed.append(f"sweeps start as the file says, every {60 * float(np.median(np.diff(t))):.4g} s (--interval)")
    return t


def _alternating(values: np.ndarray, t_min: np.ndarray, control: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split alternating sweeps into test and control pathway, at the times of the test sweeps."""
    if control not in ("even", "odd"):
        raise UsageError(f"The control pathway {control!r} is unknown", where="--control",
                         do="even or odd: the sweeps of the control pathway, counted from 0")  # fmt: skip
    pairs = values.size // 2
    if pairs < 2:
        raise UsageError(f"{values.size} sweeps hold no two pathways", where="--control")
    both, times = values[: 2 * pairs].reshape(-1, 2), t_min[: 2 * pairs].reshape(-1, 2)
    test = 0 if control == "odd" else 1
    return both[:, test], both[:, 1 - test], times[:, test]


def follow(series: Series, asked: Asked) -> tuple[TimeCourse, TimeCourse | None]:
    """Return the time course of a series, and that of its control pathway."""

    def minutes(span: Span | None) -> Span | None:
        return None if span is None else (span[0] / 60_000, span[1] / 60_000)

    words: dict[str, Any] = {
        "induction_min": None if asked.induction_ms is None else asked.induction_ms / 60_000,
        "baseline_min": minutes(asked.baseline_ms), "drug_min": minutes(asked.drug_ms),
        "convention": asked.convention("time_course"), "window_min": minutes(asked.result_ms),
        "bin_convention": asked.convention("bin_time"), "unit": series.unit,
    }  # fmt: skip
    if words["induction_min"] is None and words["baseline_min"] is None and words["drug_min"] is None:
        do = 'give --induction "20 min", --drug "5 min, 25 min" or --baseline "0 min, 5 min"'
        raise UsageError("When does the baseline end?", where=series.name, do=do)
    if asked.induction_ms is None and asked.drug_ms is None and asked.baseline_ms is not None:
        words["induction_min"] = asked.baseline_ms[1] / 60_000
    course = time_course(series.time_min, series.value, **words)
    return course, None if series.control is None else time_course(series.time_min, series.control, **words)


def found_of(series: Series, asked: Asked, conditions: dict[str, Any], label: str) -> Found:
    """Measure one series: rows are its bins."""
    course, control = follow(series, asked)
    bins, percent = course.bins, course.percent_bins
    rows: list[list[Any]] = []
    cells = zip(bins.start_min, bins.stop_min, bins.n, bins.mean, bins.sem, percent.mean, percent.sem, strict=True)
    ratio: Observable | None = None
    columns = list(BIN_COLUMNS)
    extra = np.full((bins.n.size, 0), np.nan)
    if control is not None:
        ratio, _ = two_pathways(course, control)
        columns += ["control %"]
        extra = control.percent_bins.mean[:, None]
    for k, row in enumerate(cells):
        more = [float(v) for v in extra[k]] if k < len(extra) else [None] * (len(columns) - 7)
        rows.append([*[int(v) if i == 2 else float(v) for i, v in enumerate(row)], *more])
    columns[3], columns[4] = f"mean ({series.unit})", f"SEM ({series.unit})"
    headline = {"percent_of_baseline": course.change, "baseline": course.baseline, "baseline_drift": course.drift}
    if ratio is not None:
        headline["percent_of_control_pathway"] = ratio
    about = f"; {course.change.notes[0]}" if course.change.notes else ""
    notes = [f"{sentence(course.change)}{about}."]
    notes.append(f"Baseline {sentence(course.baseline).removeprefix('baseline ')}; {sentence(course.drift, 3)}.")
    if ratio is not None:
        notes.append(f"Two pathways: {sentence(ratio)}.")
    observables = [*course.observables, *([ratio] if ratio is not None else [])]
    if series.unit == "pA":
        observables += _locus(series, course, notes)
    if series.left_out:
        more = f"; and {len(series.left_out) - 3} more" if len(series.left_out) > 3 else ""
        notes.append(f"Left out: {'; '.join(series.left_out[:3])}{more}.")
    if bins.empty:
        notes.append(f"{bins.empty} bins hold no sweep.")
    where = {**conditions, "followed": series.what}
    return Found(columns, rows, [o.as_dict(label, where) for o in observables], headline, notes, None, course)


def _locus(series: Series, course: TimeCourse, notes: list[str]) -> list[Observable]:
    """Compare CV^-2 and mean of baseline and result."""
    t, y, rule = course.time_min, course.value, course.bins.convention
    base, late = (inside_span(t, span, rule) for span in (course.baseline_min, course.window_min))
    found = locus(y[base], y[late])
    index = found.verdict
    text = f"{index.notes[0]} ({index.value:.2g})" if index.ok else f"{index.status}: {index.reason}"
    both = f"result over baseline {found.cv_ratio.value:.3g} and {found.mean_ratio.value:.3g}: "
    notes.append(f"CV^-2 against mean, {both if found.cv_ratio.known else ''}{text}.")
    return list(found.observables)


def timecourse_of_recording(file: str, one: Recording, index: list[int], asked: Asked, assumed: list[str]) -> Found:
    """Follow the sweeps of a recording."""
    for option in ("column", "by"):
        if option in asked.given:
            raise UsageError(
                f"--{option} is for tables of values", why=f"{Path(file).name} holds sweeps", do="leave it out"
            )
    within = replace(asked, baseline_ms=None)  # --baseline is in minutes here, not around the stimulus
    series, stimulus = from_sweeps(file, one, index, within, assumed)
    found = found_of(series, asked, {"file": file, "channel": one.channels[0].name, "sweeps": index}, label_of(one))
    if one.unit == "pA":
        before = one.time_ms[one.time_ms < stimulus - 0.5]
        quiet = (float(before[0]), float(before[-1])) if before.size >= 4 else None
        found.quality = flagged(one, quiet, found.notes)
    course = found.course
    assert course is not None
    test = np.ones(len(index), dtype=bool)
    if asked.control is not None:
        test[(1 if asked.control == "odd" else 0) :: 2] = False
    starts = _starts(one, index, asked, [])[test]
    shown = one.select(np.flatnonzero(test).tolist())

    def figure() -> Figure:
        return _figure([series], [course], asked, file, _inset(shown, starts, course, stimulus))

    found.figure = figure
    return found


def timecourses_of_table(
    path: Path, asked: Asked, assumed: list[str]
) -> tuple[list[tuple[str, Found]], dict[str, Any]]:
    """Follow the series of a table."""
    many, inputs = from_table(path, asked, assumed)
    made = []
    for series in many:
        conditions = {"file": str(path), **({asked.by: series.name} if asked.by else {})}
        found = found_of(series, asked, conditions, "data")
        course = found.course
        assert course is not None
        found.figure = lambda series=series, course=course: _figure([series], [course], asked, str(path), None)
        made.append((series.name, found))
    return made, inputs


def summary_row(name: str, found: Found) -> list[Any]:
    """Return the row of one recording where several are followed."""
    o = found.headline["percent_of_baseline"]
    low, high = o.interval or (None, None)
    status, reason = worst([o, found.headline["baseline_drift"]])
    base, drift = found.headline["baseline"], found.headline["baseline_drift"]
    return [
        name,
        base.value,
        o.value if o.known else None,
        low,
        high,
        drift.value if drift.known else None,
        status,
        reason,
    ]


SUMMARY_COLUMNS = ["recording", "baseline", "% of baseline", "low", "high", "drift (%/20 min)", "status", "reason"]


def group_figure(named: Sequence[tuple[str, Found]], what: str, asked: Asked, title: str) -> Figure:
    """Draw several time courses on one axis."""
    from ..show.time_course_figure import time_course_figure

    courses = [found.course for _, found in named if found.course is not None]
    return time_course_figure(courses, [name for name, _ in named], title, what=what)


def _figure(series: Sequence[Series], courses: Sequence[TimeCourse], asked: Asked, file: str, inset: Any) -> Figure:
    from ..show.time_course_figure import time_course_figure

    drawn, names = list(courses), [each.name for each in series]
    if series[0].control is not None:
        control = follow(series[0], asked)[1]
        if control is not None:
            drawn, names = [courses[0], control], ["test pathway", "control pathway"]
    title = Path(file).name if series[0].name == Path(file).name else f"{Path(file).name}: {series[0].name}"
    return time_course_figure(drawn, names, title, what=series[0].what, inset=inset)


def _inset(one: Recording, starts_min: np.ndarray, course: TimeCourse, stimulus: float) -> Any:
    """Return the mean traces of baseline and result around the stimulus, artefact blanked."""
    from ..measures.train import blank

    t = one.time_ms
    seen = (t >= stimulus - 5.0) & (t <= stimulus + 40.0)
    rows = blank(t, one.sweeps, [stimulus], (-0.2, 1.0))
    whole = np.isfinite(rows).all(axis=1)
    rule = course.bins.convention
    parts = [inside_span(starts_min, span, rule) & whole for span in (course.baseline_min, course.window_min)]
    if not all(part.any() for part in parts):
        return None
    before, after = (rows[part][:, seen].mean(axis=0) for part in parts)
    quiet = t[seen] < stimulus - 0.5
    before, after = (y - y[quiet].mean() if quiet.any() else y for y in (before, after))
    return t[seen] - stimulus, before, after, one.unit
