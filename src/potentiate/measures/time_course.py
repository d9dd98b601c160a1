"""Time courses of a response: minute bins, per cent of baseline, drift of the baseline, two pathways."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .conventions import chosen
from .line import straight_line
from .observable import Observable, missing
from .peak import Array

#: Length of the baseline, and the time to which its drift is scaled, min.
BASELINE_MIN = 20.0
#: Largest drift of the baseline, per cent of its mean in 20 min.
MAX_DRIFT_PERCENT = 5.0
#: Times closer than this are the same (sweeps every 5 s are no exact twelfths of a minute), min.
CLOSE_MIN = 1e-6
#: Larger values are no measurement, and their squares no numbers.
LARGEST = 1e100

Span = tuple[float, float]


@dataclass(frozen=True)
class Bins:
    """Values averaged per bin of time.

    Attributes
    ----------
    start_min, stop_min : (bin,) arrays
    mean, sd, sem : (bin,) arrays
        NaN where a bin holds no sweep; sd and sem also where it holds one.
    n : (bin,) array of int
    convention : str
    """

    start_min: Array
    stop_min: Array
    mean: Array
    sd: Array
    sem: Array
    n: NDArray[np.int_]
    convention: str

    @property
    def centre_min(self) -> Array:
        """Middle of each bin."""
        return (self.start_min + self.stop_min) / 2

    @property
    def empty(self) -> int:
        """How many bins hold no sweep."""
        return int(np.count_nonzero(self.n == 0))


@dataclass(frozen=True)
class TimeCourse:
    """A response followed over time.

    Attributes
    ----------
    time_min, value, percent : (sweep,) arrays
        Sweeps with a value; `percent` of the mean of the baseline.
    bins, percent_bins : Bins
        Of `value` and of `percent`.
    baseline : Observable
        ``baseline``: mean of its sweeps, with a 95 % interval.
    drift : Observable
        ``baseline_drift``, % of the mean in 20 min, with a 95 % interval.
    change : Observable
        ``percent_of_baseline``: mean of the last minutes over that of the baseline, %.
    baseline_min, window_min : (float, float)
    induction_min : float or None
    drug_min : (float, float) or None
    unit : str
        Of `value`.
    """

    time_min: Array
    value: Array
    percent: Array
    bins: Bins
    percent_bins: Bins
    baseline: Observable
    drift: Observable
    change: Observable
    baseline_min: Span
    window_min: Span
    induction_min: float | None
    drug_min: Span | None
    unit: str

    @property
    def observables(self) -> tuple[Observable, ...]:
        """All of them."""
        return self.change, self.baseline, self.drift


def bin_time(
    time_min: ArrayLike, value: ArrayLike, *, convention: str | None = None, width_min: float = 1.0,
    start_min: float | None = None,
) -> Bins:  # fmt: skip
    """Average consecutive sweeps per bin of time.

    Parameters
    ----------
    time_min, value : (sweep,) arrays
        NaN values are left out.
    convention : {"[k, k+1)", "(k, k+1]"}, optional
        To which bin a sweep on the border belongs. With the second, t = start goes to the first bin.
    width_min : float
    start_min : float, optional
        Begin of the first bin; default the first time.

    Raises
    ------
    UsageError
        No sweep, times that go back, a width that is not positive, or a sweep before the start.

    Examples
    --------
    >>> bin_time([0.0, 0.5, 1.0, 1.5], [1.0, 2.0, 3.0, 4.0]).mean.tolist()
    [1.5, 3.5]
    >>> bin_time([0.0, 0.5, 1.0, 1.5], [1.0, 2.0, 3.0, 4.0], convention="(k, k+1]").mean.tolist()
    [2.0, 4.0]
    """
    name = chosen("bin_time", convention)
    t, y = _pairs(time_min, value)
    if not (math.isfinite(width_min) and width_min > 0):
        raise UsageError(f"A bin of {width_min} min", do="give a width above zero")
    start = float(t[0]) if start_min is None else float(start_min)
    if t[0] < start - CLOSE_MIN:
        raise UsageError(f"A sweep at {t[0]:g} min lies before the first bin", why=f"it starts at {start:g} min")
    place = (t - start) / width_min
    close = CLOSE_MIN / width_min
    index = np.floor(place + close) if name == "[k, k+1)" else np.maximum(np.ceil(place - close) - 1, 0)
    which = index.astype(int)
    count = int(which.max()) + 1
    if count > 1_000_000:
        raise UsageError(f"{count} bins of {width_min:g} min", do="check the unit of the times, or give wider bins")
    used = np.isfinite(y)
    n = np.bincount(which[used], minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(which[used], y[used], count) / n
        squares = np.bincount(which[used], (y[used] - mean[which[used]]) ** 2, count)
        sd = np.where(n > 1, np.sqrt(squares / np.maximum(n - 1, 1)), np.nan)
        sem = sd / np.sqrt(n)
    starts = np.asarray(start + width_min * np.arange(count), dtype=np.float64)
    return Bins(starts, starts + width_min, mean, sd, sem, n, name)


def time_course(
    time_min: ArrayLike,
    value: ArrayLike,
    *,
    induction_min: float | None = None,
    baseline_min: Span | None = None,
    convention: str | None = None,
    window_min: Span | None = None,
    drug_min: Span | None = None,
    bin_convention: str | None = None,
    width_min: float = 1.0,
    unit: str = "",
) -> TimeCourse:
    """Follow a response over time, in per cent of its baseline.

    Parameters
    ----------
    time_min, value : (sweep,) arrays
        NaN values (failed or excluded sweeps) are left out.
    induction_min : float, optional
        When plasticity was induced or the drug came: the baseline ends here. Default: the begin of `drug_min`.
    baseline_min : (float, float), optional
        Default: the last 20 min before `induction_min`, or what there is of them.
    convention : {"last 10 min", "last 5 min", "last 20 min", "window"}, optional
        The sweeps whose mean is the result; "window" takes `window_min`.
    window_min : (float, float), optional
    drug_min : (float, float), optional
        Presence of a drug.
    bin_convention : {"[k, k+1)", "(k, k+1]"}, optional
        Of the bins; baseline and window are closed on the same side.
    width_min : float
    unit : str

    Returns
    -------
    TimeCourse
        The change is ``unstable baseline`` (with its value) where the baseline drifts by more than 5 % in 20 min and
        zero drift lies outside the 95 % interval. Its own interval takes neighbouring sweeps for correlated as much as
        they are (first autocorrelation); it speaks of this recording alone.

    Raises
    ------
    UsageError
        Neither induction nor baseline is given, or a window holds fewer than two sweeps.
    """
    name = chosen("time_course", convention)
    rule = chosen("bin_time", bin_convention)
    t, y = _pairs(time_min, value)
    if induction_min is None and drug_min is not None:
        induction_min = drug_min[0]
    if baseline_min is None:
        if induction_min is None:
            raise UsageError("When does the baseline end?", do="give the time of the induction, or the baseline")
        baseline_min = (max(induction_min - BASELINE_MIN, float(t[0])), induction_min)
    if (window_min is None) == (name == "window"):
        raise UsageError("A window goes with the convention 'window'", do="give both or neither")
    last = float(t[-1])
    if window_min is None:
        length = float(name.split()[1])
        # a sweep stands for the time until the next one where bins are closed at their begin
        end = last + (float(np.median(np.diff(t))) if rule == "[k, k+1)" and t.size > 1 else 0.0)
        window_min = (end - length, end)
    in_window = inside_span(t, window_min, rule)
    in_baseline = inside_span(t, baseline_min, rule)
    good = np.isfinite(y)
    for what, chosen_sweeps, span in (("baseline", in_baseline, baseline_min), ("window", in_window, window_min)):
        if np.count_nonzero(chosen_sweeps & good) < 2:
            why = f"{np.count_nonzero(chosen_sweeps & good)} sweeps from {span[0]:g} to {span[1]:g} min"
            raise UsageError(
                f"The {what} holds fewer than two sweeps", why=why, do=f"sweeps run from {t[0]:g} to {last:g} min"
            )
    if induction_min is not None and window_min[0] < induction_min - CLOSE_MIN:
        why = f"the window begins at {window_min[0]:g} min, the induction is at {induction_min:g} min"
        raise UsageError("The last minutes reach back into the baseline", why=why, do="choose a shorter window")
    base, late = y[in_baseline & good], y[in_window & good]
    mean = float(base.mean())
    about = f"{baseline_min[0]:g} to {baseline_min[1]:g} min"
    notes = (f"n = {base.size} sweeps",)
    baseline = Observable("baseline", mean, unit, interval=_interval(base), convention=about, notes=notes)
    drift = _drift(t[in_baseline & good], base, mean)
    bins = bin_time(t, y, convention=rule, width_min=width_min)
    if mean == 0:
        percent = np.full(t.size, np.nan)
        change = missing("percent_of_baseline", "%", "not determined", "the mean of the baseline is zero", name)
    else:
        percent = 100 * y / mean
        change = _change(base, late, drift, name)
    return TimeCourse(
        t[good], y[good], percent[good], bins, bin_time(t, percent, convention=rule, width_min=width_min), baseline,
        drift, change, baseline_min, window_min, induction_min, drug_min, unit,
    )  # fmt: skip


def two_pathways(test: TimeCourse, control: TimeCourse) -> tuple[Observable, Array]:
    """Divide the test pathway by the control pathway of the same slice.

    Parameters
    ----------
    test, control : TimeCourse
        Same windows.

    Returns
    -------
    Observable, (bin,) array
        ``percent_of_control_pathway``: 100 times the ratio of the two changes, and the same per bin of both.

    Raises
    ------
    UsageError
        Windows differ.
    """
    if (test.baseline_min, test.window_min) != (control.baseline_min, control.window_min):
        why = f"{test.baseline_min}, {test.window_min} and {control.baseline_min}, {control.window_min} min"
        raise UsageError("The two pathways have different windows", why=why, do="give both the same")
    count = min(test.percent_bins.mean.size, control.percent_bins.mean.size)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = 100 * test.percent_bins.mean[:count] / control.percent_bins.mean[:count]
    id, name = "percent_of_control_pathway", "ratio of per cents"
    a, b = test.change, control.change
    bad = next((o for o in (b, a) if not o.known), None)
    if bad is not None or b.value == 0:
        return missing(id, "%", "not determined", (bad.reason if bad else None) or "the control is zero", name), ratio
    value = 100 * a.value / b.value
    interval = None
    if a.interval and b.interval:
        parts = [(o.interval[1] - o.interval[0]) / 2 / o.value for o in (a, b)]  # type: ignore[index,operator]
        reach = abs(value) * math.hypot(*parts)
        interval = (value - reach, value + reach)
    worse = next((o for o in (b, a) if not o.ok), None)
    if worse is not None:
        which = "control" if worse is b else "test"
        return Observable(id, value, "%", worse.status, f"{which} pathway: {worse.reason}", interval, name), ratio
    return Observable(id, value, "%", interval=interval, convention=name), ratio


def _pairs(time_min: ArrayLike, value: ArrayLike) -> tuple[Array, Array]:
    t, y = np.asarray(time_min, dtype=float), np.asarray(value, dtype=float)
    if t.ndim != 1 or t.shape != y.shape or t.size == 0:
        raise UsageError("Not a time course", why=f"times {t.shape}, values {y.shape}; wanted two (sweep,)")
    if not np.isfinite(t).all() or not (np.diff(t) >= 0).all():
        raise UsageError("Times of the sweeps go back or are no numbers", do="sort the sweeps by their start")
    if (np.abs(y[np.isfinite(y)]) > LARGEST).any():
        raise UsageError(f"A value is beyond {LARGEST:g}", do="check the units of the values")
    return t, y


def inside_span(t: Array, span: Span, rule: str) -> NDArray[np.bool_]:
    """Return the mask of the sweeps in a span that is closed on the side on which the bins are.

    Parameters
    ----------
    t : (sweep,) array
        min, increasing.
    span : (float, float)
    rule : {"[k, k+1)", "(k, k+1]"}
        With the second, a first sweep at the begin of the span belongs to it.

    Raises
    ------
    UsageError
        The span is empty.
    """
    if span[1] <= span[0]:
        raise UsageError(f"A span from {span[0]:g} to {span[1]:g} min is empty")
    if rule == "[k, k+1)":
        return (t >= span[0] - CLOSE_MIN) & (t < span[1] - CLOSE_MIN)
    first = (t > span[0] + CLOSE_MIN) | ((np.abs(t - span[0]) <= CLOSE_MIN) & (span[0] <= t[0] + CLOSE_MIN))
    return first & (t <= span[1] + CLOSE_MIN)


def _standard_error(values: Array) -> tuple[float, float]:
    """Return the standard error of the mean and the effective number of values (first-order autocorrelation)."""
    n = values.size
    centred = values - values.mean()
    total = float(centred @ centred)
    if total == 0:
        return 0.0, float(n)
    correlation = min(max(float(centred[1:] @ centred[:-1]) / total, 0.0), 0.95)
    effective = max(n * (1 - correlation) / (1 + correlation), 2.0)
    return math.sqrt(total / (n - 1) / effective), effective


def _interval(values: Array) -> tuple[float, float]:
    from scipy.special import stdtrit

    error, effective = _standard_error(values)
    reach = error * float(stdtrit(effective - 1, 0.975))
    return float(values.mean() - reach), float(values.mean() + reach)


def _drift(t: Array, base: Array, mean: float) -> Observable:
    name = f"slope of the baseline x {BASELINE_MIN:g} min / mean"
    line = straight_line(t, base)
    if mean == 0 or math.isnan(line.slope):
        why = "the mean of the baseline is zero" if mean == 0 else "the baseline holds one time"
        return missing("baseline_drift", "%", "not determined", why, name)
    scale = 100 * BASELINE_MIN / mean
    value = scale * line.slope
    ends = None if line.interval is None else sorted(scale * end for end in line.interval)
    interval = None if ends is None else (ends[0], ends[1])
    notes = (f"over {t[-1] - t[0]:.3g} min, n = {t.size} sweeps",)
    if abs(value) <= MAX_DRIFT_PERCENT:
        return Observable("baseline_drift", value, "%", interval=interval, convention=name, notes=notes)
    if interval is not None and interval[0] <= 0 <= interval[1]:
        why = f"{value:+.3g} % in 20 min, but no drift ({interval[0]:+.3g} to {interval[1]:+.3g} %) is as likely"
        return Observable("baseline_drift", value, "%", "not determined", why, interval, name, notes)
    why = f"{value:+.3g} % in 20 min; the limit is {MAX_DRIFT_PERCENT:g} %"
    return Observable("baseline_drift", value, "%", "unstable baseline", why, interval, name, notes)


def _change(base: Array, late: Array, drift: Observable, name: str) -> Observable:
    from scipy.special import stdtrit

    value = 100 * float(late.mean()) / float(base.mean())
    (error_base, n_base), (error_late, n_late) = _standard_error(base), _standard_error(late)
    relative = math.hypot(error_base / base.mean(), error_late / late.mean() if late.mean() else 0.0)
    # a late mean of zero has an error of its own
    absolute = abs(value) * relative if late.mean() else 100 * error_late / abs(float(base.mean()))
    reach = absolute * float(stdtrit(min(n_base, n_late) - 1, 0.975))
    interval = (value - reach, value + reach)
    notes = (f"n = {late.size} sweeps against {base.size} of baseline; interval within this recording",)
    if drift.status == "unstable baseline":
        why = f"the baseline drifts: {drift.reason}"
        return Observable("percent_of_baseline", value, "%", "unstable baseline", why, interval, name, notes)
    if drift.status == "not determined":
        notes = (*notes, f"drift of the baseline not determined: {drift.reason}")
    return Observable("percent_of_baseline", value, "%", interval=interval, convention=name, notes=notes)
