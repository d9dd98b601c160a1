"""What a slice experiment shows: observables of every sweep, per slice, and as means with SEM over slices."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..errors import NumericalError, UsageError
from ..measures.decay import decay_time
from ..measures.field_potential import fixed_window, measure_field
from ..measures.observable import Observable, missing
from ..measures.peak import peak
from ..measures.time_course import TimeCourse, time_course, two_pathways
from ..measures.width import half_width
from ..protocols.timetable import Timetable
from .slice import Bout, Slice, SliceExperiment, SliceRun
from .slice_average import Average, average
from .slice_windows import Span, Windows, find_windows

#: What is read off every sweep, with its unit.
PER_SWEEP = {
    "slope": "mV/ms", "amplitude": "mV", "half_width": "ms", "decay": "ms", "volley": "mV", "population_spike": "mV",
}  # fmt: skip

#: Read off the mean sweep of a window.
OF_MEAN_SWEEP = ("amplitude", "half_width", "decay")

#: After a bout, in which the largest response is searched, min.
POST_TETANIC_MIN = 5.0

#: Below this part of the drug-free slope there is no response whose change could be told.
LEFT = 0.1

#: A window with fewer finite values than this part of its sweeps has no mean.
ENOUGH = 0.5

#: Observables of one slice, in the order of tables.
UNITS = {
    "baseline_slope": "mV/ms", "baseline_amplitude": "mV", "baseline_half_width": "ms", "baseline_decay": "ms",
    "baseline_volley": "mV", "baseline_population_spike": "mV",
    "drug_slope": "%", "drug_amplitude": "%", "drug_half_width": "fold", "drug_decay": "fold",
    "drug_slope_after_ltp": "%", "drug_amplitude_after_ltp": "%",
    "drug_half_width_after_ltp": "fold", "drug_decay_after_ltp": "fold",
    "post_tetanic": "%", "ltp": "%", "ltp_of_drug_free": "%", "ltp_before_second": "%",
    "control_pathway": "%", "percent_of_control_pathway": "%",
    "synapses_up": "%", "synapses_down": "%", "spikes": "",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Sweeps:
    """What was read off the sweeps of one pathway of one slice.

    Attributes
    ----------
    time_min : array, shape (sweeps,)
    values : mapping of name -> array, shape (sweeps,)
        Of :data:`PER_SWEEP`; NaN where a sweep does not show it.
    reasons : mapping of name -> str
        The first reason for a NaN.
    window_ms : (float, float) or None
        Of the slope, after the stimulus: 20 to 80 % of the mean response of the baseline.
    t_ms, data : arrays, shape (samples,) and (sweeps, samples)
        The sweeps themselves, mV.
    stimulus_ms : float
    """

    time_min: np.ndarray
    values: Mapping[str, np.ndarray]
    reasons: Mapping[str, str]
    window_ms: Span | None
    t_ms: np.ndarray
    data: np.ndarray
    stimulus_ms: float

    def mean(self, name: str, span: Span) -> Observable:
        """Return one quantity of a span (closed at its begin).

        Slope, volley and population spike are means over sweeps. Amplitude, half-width and decay are read off the mean
        sweep: in single sweeps noise raises the peak and shortens the fall.
        """
        unit = PER_SWEEP[name]
        inside = (self.time_min >= span[0] - 1e-6) & (self.time_min < span[1] - 1e-6)
        if name in OF_MEAN_SWEEP and inside.any() and self.window_ms is not None:
            return read_sweep(self.t_ms, self.data[inside].mean(axis=0), self.stimulus_ms, self.window_ms)[name]
        found = self.values[name][inside]
        good = found[np.isfinite(found)]
        if len(found) == 0 or len(good) < max(1, ENOUGH * len(found)):
            why = self.reasons.get(name, "no sweep") if len(found) else "no sweep"
            text = f"{len(good)} of {len(found)} sweeps from {span[0]:.4g} to {span[1]:.4g} min: {why}"
            return missing(name, unit, "not determined", text)
        return Observable(name, float(good.mean()), unit, notes=(f"{len(good)} sweeps",))


@dataclasses.dataclass(frozen=True)
class SliceMeasures:
    """What one slice showed.

    Attributes
    ----------
    seed : int
    observables : mapping of name -> Observable
        Of :data:`UNITS`; NaN with its reason where it does not apply or failed.
    sweeps : tuple of Sweeps
        By pathway; empty where the slice could not be computed.
    courses : tuple of TimeCourse or None
        Slope by pathway in per cent of the drug-free baseline.
    reason : str
        Why the slice could not be computed.
    """

    seed: int
    observables: Mapping[str, Observable]
    sweeps: tuple[Sweeps, ...] = ()
    courses: tuple[TimeCourse | None, ...] = ()
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class SliceStudy:
    """A slice experiment, measured.

    Attributes
    ----------
    experiment : SliceExperiment
    drug : str or None
        The compound whose effect was measured.
    windows : Windows
    slices : tuple of SliceMeasures
    """

    experiment: SliceExperiment
    drug: str | None
    windows: Windows
    slices: tuple[SliceMeasures, ...]

    def average(self, name: str) -> Average:
        """Return the mean of an observable over slices."""
        return average(name, [s.observables[name] for s in self.slices])

    @property
    def averages(self) -> dict[str, Average]:
        """Every observable, averaged over slices."""
        return {name: self.average(name) for name in UNITS}

    def course(self, pathway: int = 0, sweep: str = "slope") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return minutes, mean and SEM over slices of one pathway in per cent of the drug-free baseline.

        Returns
        -------
        centre_min, mean, sem : arrays, shape (bins,)
            1-min bins; empty where no slice could be followed. For one slice the SEM is NaN.
        """
        tables = [c.percent_bins for s in self.slices if s.courses and (c := s.courses[pathway]) is not None]
        if not tables:
            return np.zeros(0), np.zeros(0), np.zeros(0)
        values = np.stack([bins.mean for bins in tables])
        n = len(values)
        sem = values.std(axis=0, ddof=1) / math.sqrt(n) if n > 1 else np.full(values.shape[1], np.nan)
        return tables[0].centre_min, values.mean(axis=0), sem

    def trace(self, span: Span, pathway: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return time and the mean sweep of a span over all slices, ms and mV."""
        found, t = [], np.zeros(0)
        for run in self.experiment.done:
            assert run.recording is not None
            t = np.asarray(run.recording.time_ms)
            at, which = (np.asarray(run.recording.sweep_metadata[k]) for k in ("time_min", "pathway"))
            inside = (which == pathway) & (at >= span[0] - 1e-6) & (at < span[1] - 1e-6)
            if inside.any():
                found.append(np.asarray(run.recording.data)[0][inside].mean(axis=0))
        return t, np.mean(found, axis=0) if found else np.full(len(t), np.nan)

    @property
    def notes(self) -> list[str]:
        """What a reader of the numbers must know: slices that failed, population spikes, unstable baselines."""
        found = []
        failed = [s for s in self.slices if s.reason]
        if failed:
            found.append(
                f"{len(failed)} of {len(self.slices)} slices could not be computed (seed {failed[0].seed}: "
                f"{failed[0].reason}); they are kept without a value and are not in the means"
            )
        spike = self._largest_spike()
        if spike > 0:
            found.append(
                f"warning: population spikes of up to {spike:.2g} mV distort the slope and amplitude of the field "
                "EPSP; a weaker test stimulus has none"
            )
        for name in ("ltp", "ltp_of_drug_free"):
            drifts = [s.observables[name] for s in self.slices if s.observables[name].status == "unstable baseline"]
            if drifts:
                found.append(f"{name}: unstable baseline in {len(drifts)} of {len(self.slices)} slices, "
                             f"{drifts[0].reason}")  # fmt: skip
        return found

    def _largest_spike(self) -> float:
        largest = 0.0
        for s in self.slices:
            for sweeps in s.sweeps:
                values = sweeps.values["population_spike"]
                # a few sweeps whose noise looks like a notch are no population spike
                if np.isfinite(values).mean() > ENOUGH / 5:
                    largest = max(largest, float(np.nanmax(values)))
        return largest


def difference(name: str, drug: SliceStudy, control: SliceStudy) -> Average:
    """Return drug minus control of the same slices (paired by seed)."""
    by_seed = {s.seed: s.observables[name] for s in control.slices}
    pairs = [(s.observables[name], by_seed[s.seed]) for s in drug.slices if s.seed in by_seed]
    found = []
    for a, b in pairs:
        if a.known and b.known:
            found.append(Observable(f"difference_{name}", a.value - b.value, a.unit))
        else:
            bad = b if a.known else a
            found.append(missing(f"difference_{name}", a.unit, bad.status, bad.reason or "no value"))
    return average(f"difference_{name}", found)


def measure_experiment(
    experiment: SliceExperiment, drug: str | None = None, windows: Windows | None = None
) -> SliceStudy:
    """Measure a slice experiment.

    Parameters
    ----------
    experiment : SliceExperiment
    drug : str, optional
        The compound whose effect is measured; default the only one of the timetable, if it has one.
    windows : Windows, optional
        Default: those of its own timetable; a control takes those of its drug experiment.

    Returns
    -------
    SliceStudy

    Raises
    ------
    NumericalError
        No slice could be computed.
    UsageError
        The timetable has no such drug.
    """
    table = experiment.timetable
    if drug is None and len(table.compounds) == 1:
        drug = table.compounds[0]
    if drug is not None and drug not in table.compounds:
        raise UsageError(f"{drug} is not in the timetable", do=f"it has {', '.join(table.compounds) or 'no drug'}")
    if not experiment.done:
        raise NumericalError("No slice could be computed", why=experiment.runs[0].reason)
    windows = find_windows(table, drug) if windows is None else windows
    return SliceStudy(experiment, drug, windows, tuple(_measure_slice(r, table, windows) for r in experiment.runs))


def _measure_slice(run: SliceRun, table: Timetable, windows: Windows) -> SliceMeasures:
    if run.recording is None:
        found = {name: missing(name, unit, "solver", run.reason) for name, unit in UNITS.items()}
        return SliceMeasures(run.seed, found, reason=run.reason)
    sweeps = tuple(_read(run, k, windows.baseline) for k in range(len(table.pathways)))
    courses = tuple(_course(s, windows) for s in sweeps)
    test = sweeps[0]
    found: dict[str, Observable] = {}
    for name in PER_SWEEP:
        found[f"baseline_{name}"] = _named(test.mean(name, windows.baseline), f"baseline_{name}")
    for tail, effect in (("", windows.effect), ("_after_ltp", windows.effect_after)):
        for name in ("slope", "amplitude", "half_width", "decay"):
            id = f"drug_{name}{tail}"
            if effect is None:
                where = "after" if tail else "before"
                found[id] = missing(id, UNITS[id], "not determined", f"no drug {where} the induction")
            else:
                found[id] = _ratio(id, test, name, effect[1], effect[0])
    none = "no induction" if windows.before_induction is None else "no 10 min after the last induction"
    for id, span in (("ltp", windows.before_induction), ("ltp_of_drug_free", windows.baseline)):
        found[id] = _ltp(id, test, span, windows.last, windows.baseline, none)
    found["ltp_before_second"] = _ltp(
        "ltp_before_second", test, windows.before_induction, windows.before_second, windows.baseline,
        "one induction only",
    )  # fmt: skip
    found["post_tetanic"] = _post_tetanic(test, table, windows)
    found |= _control(sweeps, windows)
    found |= _bouts(run.bouts)
    return SliceMeasures(run.seed, found, sweeps, courses)


def _named(o: Observable, id: str) -> Observable:
    return dataclasses.replace(o, id=id)


def _read(run: SliceRun, pathway: int, baseline: Span) -> Sweeps:
    """Measure every sweep of a pathway."""
    recording = run.recording
    assert recording is not None
    t = np.asarray(recording.time_ms)
    at, which = (np.asarray(recording.sweep_metadata[k]) for k in ("time_min", "pathway"))
    stimulus = float(recording.provenance["stimulus_ms"])  # type: ignore[arg-type]
    mine = which == pathway
    at, data = at[mine], np.asarray(recording.data)[0][mine]
    inside = (at >= baseline[0] - 1e-6) & (at < baseline[1] - 1e-6)
    try:
        span = fixed_window(t, data[inside].mean(axis=0), stimulus, baseline_ms=_QUIET_MS)
    except UsageError as error:
        nothing = {name: np.full(len(at), np.nan) for name in PER_SWEEP}
        return Sweeps(at, nothing, dict.fromkeys(PER_SWEEP, f"{error.what}: {error.why}"), None, t, data, stimulus)
    reasons: dict[str, str] = {}
    values = {name: np.full(len(at), np.nan) for name in PER_SWEEP}
    for i, v in enumerate(data):
        for name, o in read_sweep(t, v, stimulus, span).items():
            if o.ok:
                values[name][i] = o.value
            else:
                reasons.setdefault(name, o.reason or o.status)
    return Sweeps(at, values, reasons, span, t, data, stimulus)


#: Baseline of a sweep, and where its peak is looked for, ms from the stimulus.
_QUIET_MS, _SEARCH_MS = (-9.5, -0.5), (2.0, 40.0)


def read_sweep(t: np.ndarray, v: np.ndarray, stimulus_ms: float, window_ms: Span | None) -> dict[str, Observable]:
    """Return the observables of one sweep, by the names of :data:`PER_SWEEP`.

    Parameters
    ----------
    t, v : arrays, shape (samples,)
        ms and mV.
    stimulus_ms : float
    window_ms : (float, float) or None
        Of the slope, after the stimulus; None: 20 to 80 % of this sweep.
    """
    field = measure_field(t, v, stimulus_ms, convention="fixed window", window_ms=window_ms, baseline_ms=_QUIET_MS)
    quiet, search = ((stimulus_ms + a, stimulus_ms + b) for a, b in (_QUIET_MS, _SEARCH_MS))
    top = peak(t, v, convention="negative", baseline_ms=quiet, search_ms=search)
    found = {
        "slope": field.slope,
        "amplitude": field.amplitude,
        "half_width": half_width(t, v, top),
        "decay": decay_time(t, v, top),
        "volley": field.volley.amplitude,
        "population_spike": field.spike,
    }
    return {name: _named(o, name) for name, o in found.items()}


def _course(sweeps: Sweeps, windows: Windows) -> TimeCourse | None:
    if sweeps.window_ms is None:
        return None
    try:
        return time_course(
            sweeps.time_min, sweeps.values["slope"], induction_min=windows.baseline[1], baseline_min=windows.baseline,
            unit="mV/ms",
        )  # fmt: skip
    except UsageError:
        return None


def _ratio(id: str, sweeps: Sweeps, name: str, span: Span, base: Span) -> Observable:
    unit = UNITS[id]
    a, b = sweeps.mean(name, span), sweeps.mean(name, base)
    bad = next((o for o in (b, a) if not o.known), None)
    if bad is not None or b.value == 0:
        return missing(id, unit, "not determined", (bad.reason if bad else None) or "the baseline is zero")
    scale = 100.0 if unit == "%" else 1.0
    words = f"{span[0]:.4g} to {span[1]:.4g} min over {base[0]:.4g} to {base[1]:.4g} min"
    return Observable(id, scale * a.value / b.value, unit, convention=words)


def _ltp(id: str, sweeps: Sweeps, base: Span | None, last: Span | None, drug_free: Span, none: str) -> Observable:
    if base is None or last is None:
        return missing(id, "%", "not determined", none)
    if sweeps.window_ms is None:
        return missing(id, "%", "no response", sweeps.reasons["slope"])
    now, free = sweeps.mean("slope", base).value, sweeps.mean("slope", drug_free).value
    if abs(now) < LEFT * abs(free):
        why = f"the slope before the induction is {100 * now / free:.2g} % of that of the drug-free baseline"
        return missing(id, "%", "no response", why)
    # the last sweep stands for the time after it; nothing behind the window counts
    kept = sweeps.time_min < last[1] - 1e-6
    try:
        course = time_course(
            sweeps.time_min[kept], sweeps.values["slope"][kept], induction_min=base[1], baseline_min=base,
            convention="window", window_min=last, unit="mV/ms",
        )  # fmt: skip
    except UsageError as error:
        return missing(id, "%", "not determined", f"{error.what}: {error.why}")
    words = f"mean slope {last[0]:.4g} to {last[1]:.4g} min in % of {base[0]:.4g} to {base[1]:.4g} min"
    return dataclasses.replace(course.change, id=id, convention=words)


def _post_tetanic(sweeps: Sweeps, table: Timetable, windows: Windows) -> Observable:
    id = "post_tetanic"
    if windows.before_induction is None:
        return missing(id, "%", "not determined", "no induction")
    base = sweeps.mean("slope", windows.before_induction)
    end = table.inductions[0].until_min
    minutes = [sweeps.mean("slope", (end + k, end + k + 1.0)) for k in range(int(POST_TETANIC_MIN))]
    known = [o.value for o in minutes if o.known]
    if not base.known or base.value == 0 or not known:
        return missing(id, "%", "not determined", base.reason or minutes[0].reason or "no value")
    if abs(base.value) < LEFT * abs(sweeps.mean("slope", windows.baseline).value):
        return missing(id, "%", "no response", "hardly any response is left before the induction")
    words = f"largest minute of the first {POST_TETANIC_MIN:g} after the bout"
    return Observable(id, max(100.0 * v / base.value for v in known), "%", convention=words)


def _control(sweeps: Sequence[Sweeps], windows: Windows) -> dict[str, Observable]:
    names = ("control_pathway", "percent_of_control_pathway")
    if len(sweeps) < 2 or windows.before_induction is None or windows.last is None:
        return {name: missing(name, "%", "not determined", "no second pathway") for name in names}
    try:
        courses = [
            time_course(
                s.time_min, s.values["slope"], induction_min=windows.before_induction[1],
                baseline_min=windows.before_induction, convention="window", window_min=windows.last, unit="mV/ms",
            )
            for s in sweeps[:2]
        ]  # fmt: skip
    except UsageError as error:
        return {name: missing(name, "%", "not determined", f"{error.what}: {error.why}") for name in names}
    return {names[0]: _named(courses[1].change, names[0]), names[1]: two_pathways(*courses)[0]}


def _bouts(bouts: Sequence[Bout]) -> dict[str, Observable]:
    names = ("synapses_up", "synapses_down", "spikes")
    if not bouts:
        return {name: missing(name, UNITS[name], "not determined", "no induction") for name in names}
    up, down = bouts[0].moved(0)
    words = "of all synapses of the pathway; the first bout"
    return {
        "synapses_up": Observable("synapses_up", 100.0 * up, "%", convention=words),
        "synapses_down": Observable("synapses_down", 100.0 * down, "%", convention=words),
        "spikes": Observable("spikes", len(bouts[0].course.spikes_ms), "", convention="somatic, in the first bout"),
    }


def side_by_side(
    preparation: Slice,
    timetables: Mapping[str, Timetable],
    drug: str | None = None,
    *,
    seed: int = 1,
    slices: int = 6,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, SliceStudy]:
    """Run and measure timetables on the same slices, all in the windows of the one that has the drug.

    Parameters
    ----------
    preparation : Slice
    timetables : mapping of label -> Timetable
    drug : str, optional
        The compound whose effect is measured.
    seed, slices : int
        As for :meth:`Slice.run`.
    progress : callable

    Returns
    -------
    dict of label -> SliceStudy

    Raises
    ------
    NumericalError
        A timetable whose every slice failed.
    """
    found = {}
    own = next((find_windows(table, drug) for table in timetables.values() if drug in table.compounds), None)
    for label, table in timetables.items():

        def tell(text: str, label: str = label) -> None:
            progress(f"{label}: {text}")

        experiment = preparation.run(table, seed=seed, slices=slices, progress=tell)
        if drug in table.compounds:
            found[label] = measure_experiment(experiment, drug, own)
        else:
            without = None if own is None else dataclasses.replace(own, effect=None, effect_after=None)
            found[label] = measure_experiment(experiment, None, without)
    return found
