"""Questions to a slice that need no timetable: input-output, paired pulses, concentrations, thresholds, a map."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..errors import NumericalError, UsageError
from ..measures.concentration import ConcentrationResponse, concentration_response
from ..measures.input_output import InputOutput, input_output
from ..measures.observable import Observable
from ..mechanisms.release import draw_releases
from ..mechanisms.threshold_plasticity import settle
from ..mechanisms.trafficking import Induction, Trafficking, simulate_trafficking
from ..protocols.stimulation import Stimulation, paired_pulses
from ..units import show_concentration
from .field_sweep import DT_MS, STIMULUS_MS, field_sweep
from .slice import SETTLED_MIN, Slice
from .slice_average import Average, average
from .slice_drugs import assumed_of, drugs_in
from .slice_specimen import NO_DRUGS, Drugs, Specimen
from .slice_study import PER_SWEEP, read_sweep
from .slice_test_pulse import responses, slope_window

#: When LTP is read after a bout, min.
LTP_AT_MIN = 55.0

#: Draws of releases per paired-pulse ratio.
TRIALS = 12

Progress = Callable[[str], None]
Span = tuple[float, float]


def _silent(text: str) -> None:
    """Show nothing."""


@dataclasses.dataclass(frozen=True)
class SliceCurve:
    """Values against one variable, by row (control, drug ...), of several slices.

    Attributes
    ----------
    kind : str
    x : array, shape (points,)
    x_name, x_unit : str
    rows : tuple of str
    values : mapping of name -> array, shape (rows, points, slices)
        NaN where a slice does not show it.
    units : mapping of name -> str
    fits : mapping of name -> InputOutput or ConcentrationResponse
    notes, assumed : tuple of str
    seed : int
    """

    kind: str
    x: np.ndarray
    x_name: str
    x_unit: str
    rows: tuple[str, ...]
    values: Mapping[str, np.ndarray]
    units: Mapping[str, str]
    fits: Mapping[str, InputOutput | ConcentrationResponse] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    seed: int = 1

    def average(self, name: str, row: int, point: int) -> Average:
        """Return the mean of a value over slices."""
        found = [
            Observable(name, v, self.units[name]) if math.isfinite(v)
            else Observable(name, math.nan, self.units[name], "not determined", f"the slice shows no {name}")
            for v in self.values[name][row, point]
        ]  # fmt: skip
        return average(name, found)

    def mean_sem(self, name: str, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and SEM over slices along a row, shape (points,) each; NaN where there is none."""
        found = [self.average(name, row, k) for k in range(len(self.x))]
        return np.array([a.observable.value for a in found]), np.array([a.sem for a in found])


@dataclasses.dataclass(frozen=True)
class Learned:
    """What one bout did to one slice.

    Attributes
    ----------
    ltp_percent : float
        Slope after 55 min in % of that before, both with the same drugs.
    up_percent, down_percent : float
        Synapses that changed for good, weighted by what they contribute to the response.
    spikes : int
        Somatic, in the bout.
    """

    ltp_percent: float
    up_percent: float
    down_percent: float
    spikes: int


def learned(
    preparation: Slice,
    specimen: Specimen,
    stimulation: Stimulation,
    drugs: Drugs,
    seed: int,
    *,
    test_strength: float = 0.4,
) -> Learned:
    """Return what a bout does to a slice, without following its time course.

    Parameters
    ----------
    preparation : Slice
    specimen : Specimen
    stimulation : Stimulation
    drugs : Drugs
    seed : int
        Of the slice; the releases are those of its timetable.
    test_strength : float
    """
    rng = np.random.default_rng([seed, 0])
    reached, course = specimen.learn(stimulation, specimen.efficacy, drugs, rng)
    change = settle(specimen.rule, reached, SETTLED_MIN) - specimen.efficacy
    trafficking = Trafficking(persistence=specimen.persistence, ltd_gain=preparation.document.rule("ltd_gain"))
    bout = Induction(0.0, np.clip(change, -1.0, 1.0))
    strength = simulate_trafficking(trafficking, [bout], np.array([LTP_AT_MIN]))[0]
    span = slope_window(specimen, test_strength)
    before = responses(specimen, test_strength, drugs, window_ms=span)["slope"]
    after = responses(specimen, test_strength, drugs, window_ms=span, synapses=strength)["slope"]
    s = specimen.synapses
    weight = s.multiplicity * s.ampa_scale * s.probability * (specimen.pathway == 0)
    weight = weight / weight.sum()
    up, down = (100.0 * float(weight @ (sign * change > 0.5)) for sign in (1.0, -1.0))
    return Learned(100.0 * after / before if before else math.nan, up, down, len(course.spikes_ms))


def draw_slices(preparation: Slice, seed: int, slices: int) -> list[tuple[int, Specimen]]:
    """Return slices with their seeds: the same ones as in a timetable.

    Raises
    ------
    UsageError
        Fewer than one.
    """
    if slices < 1:
        raise UsageError(f"{slices} slices", do="take at least one")
    return [(seed + i, preparation.draw(seed + i)) for i in range(slices)]


def _each(
    specimens: Sequence[tuple[int, Specimen]],
    points: Sequence[tuple[int, int]],
    shape: tuple[int, int],
    names: Sequence[str],
    compute: Callable[[int, Specimen, int, int], Mapping[str, float]],
    progress: Progress,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Fill tables (rows, points, slices); a slice that fails at a point is NaN there, and is said."""
    tables = {name: np.full((*shape, len(specimens)), np.nan) for name in names}
    failed: list[str] = []
    total, done = len(points) * len(specimens), 0
    for k, (seed, specimen) in enumerate(specimens):
        for row, point in points:
            progress(f"{done + 1} of {total}")
            try:
                found = compute(seed, specimen, row, point)
            except NumericalError as error:
                failed.append(f"slice of seed {seed} could not be computed at point {point + 1}: {error.what}")
                found = {}
            for name in names:
                tables[name][row, point, k] = found.get(name, np.nan)
            done += 1
    return tables, failed


def _drug_rows(drug: str | None, concentration_uM: float) -> tuple[tuple[str, ...], list[dict[str, float]]]:
    if drug is None:
        return ("control",), [{}]
    return ("control", f"{drug} {show_concentration(concentration_uM)}"), [{}, {drug: concentration_uM}]


def _present(preparation: Slice, drugs_uM: Mapping[str, float], blockers_uM: Mapping[str, float] | None) -> Drugs:
    found = {**(blockers_uM or {}), **{k: v for k, v in drugs_uM.items() if v > 0}}
    return drugs_in(found, on_interneurons=preparation.drug_on_interneurons) if found else NO_DRUGS


def _assumed(preparation: Slice, compounds: Sequence[str | None]) -> tuple[str, ...]:
    return (
        *preparation.assumed,
        "the drug is equilibrated in the tissue: no wash-in is simulated",
        *assumed_of([c for c in compounds if c is not None]),
    )


def input_output_curve(
    preparation: Slice,
    drug: str | None = None,
    concentration_uM: float = 0.0,
    *,
    strengths: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0),
    blockers_uM: Mapping[str, float] | None = None,
    seed: int = 1,
    slices: int = 3,
    progress: Progress = _silent,
) -> SliceCurve:
    """Return slope, amplitude and volley against stimulus strength, without and with a drug.

    Parameters
    ----------
    preparation : Slice
    drug : str or None
    concentration_uM : float
    strengths : sequence of float
        Parts of the fibres.
    blockers_uM : mapping, optional
        Present in both rows.
    seed, slices : int
    progress : callable

    Returns
    -------
    SliceCurve
        ``fits`` holds the input-output fit of each row's means (slope against strength, and against volley).
    """
    rows, doses = _drug_rows(drug, concentration_uM)
    present = [_present(preparation, dose, blockers_uM) for dose in doses]
    specimens = draw_slices(preparation, seed, slices)
    spans = {s: slope_window(specimen, 0.4) for s, specimen in specimens}
    x = np.array(strengths, float)

    def compute(s: int, specimen: Specimen, row: int, k: int) -> Mapping[str, float]:
        return responses(specimen, float(x[k]), present[row], window_ms=spans[s])

    names = ("slope", "amplitude", "volley", "population_spike")
    points = [(row, k) for row in range(len(rows)) for k in range(len(x))]
    tables, failed = _each(specimens, points, (len(rows), len(x)), names, compute, progress)
    curve = SliceCurve("io", x, "fibres recruited", "part", rows, tables, {n: PER_SWEEP[n] for n in names}, {}, (),
                       _assumed(preparation, [drug, *(blockers_uM or {})]), seed)  # fmt: skip
    fits = {
        label: input_output(x, curve.mean_sem("slope", i)[0], curve.mean_sem("volley", i)[0], stimulus_unit="of fibres")
        for i, label in enumerate(rows)
    }
    notes = [*failed]
    for i, label in enumerate(rows):
        spiking = x[np.isfinite(tables["population_spike"][i]).any(axis=1)]
        if spiking.size:
            notes.append(f"warning: {label}: population spikes from a strength of {spiking[0]:g} on distort the slope")
    return dataclasses.replace(curve, fits=fits, notes=tuple(notes))


def paired_pulse_curve(
    preparation: Slice,
    drug: str | None = None,
    concentration_uM: float = 0.0,
    *,
    intervals_ms: Sequence[float] = (20.0, 50.0, 100.0, 200.0),
    strength: float = 0.4,
    trials: int = TRIALS,
    blockers_uM: Mapping[str, float] | None = None,
    seed: int = 1,
    slices: int = 3,
    progress: Progress = _silent,
) -> SliceCurve:
    """Return the paired-pulse ratio of slopes (P2/P1 of mean responses) against the interval.

    Releases are drawn `trials` times; the second response is the pair's less that of the first pulse alone with the
    same releases.

    Parameters
    ----------
    intervals_ms : sequence of float
        From onset to onset.
    strength : float
        Part of the fibres.
    trials : int
    preparation, drug, concentration_uM, blockers_uM, seed, slices, progress
        As for :func:`input_output_curve`.

    Raises
    ------
    UsageError
        No trial.
    """
    if trials < 1:
        raise UsageError(f"{trials} trials", do="take at least one")
    rows, doses = _drug_rows(drug, concentration_uM)
    present = [_present(preparation, dose, blockers_uM) for dose in doses]
    specimens = draw_slices(preparation, seed, slices)
    spans = {s: slope_window(specimen, strength) for s, specimen in specimens}
    x = np.array(intervals_ms, float)

    def compute(s: int, specimen: Specimen, row: int, k: int) -> Mapping[str, float]:
        first, second = _paired_sweeps(specimen, float(x[k]), strength, present[row], trials, s)
        t = np.arange(len(first)) * DT_MS
        slopes = [read_sweep(t, v, STIMULUS_MS, spans[s])["slope"] for v in (first, second)]
        known = slopes[0].known and slopes[0].value != 0
        return {"ppr": slopes[1].value / slopes[0].value if known else math.nan}

    points = [(row, k) for row in range(len(rows)) for k in range(len(x))]
    tables, failed = _each(specimens, points, (len(rows), len(x)), ("ppr",), compute, progress)
    notes = (*failed, f"ratio of mean responses over {trials} draws of releases per slice; the same draws in both rows")
    return SliceCurve("ppr", x, "interval", "ms", rows, tables, {"ppr": ""}, {}, notes,
                      _assumed(preparation, [drug, *(blockers_uM or {})]), seed)  # fmt: skip


def _paired_sweeps(
    specimen: Specimen, interval_ms: float, strength: float, drugs: Drugs, trials: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean field potentials of the first and of the second pulse."""
    pair = paired_pulses(interval_ms, strength=strength, after_ms=80.0)
    alone = dataclasses.replace(pair, name="first pulse alone", pulses_ms=(0.0,))
    left = specimen.synapses.probability * drugs.blocked.release
    chance = np.where(specimen.pathway == 0, np.minimum(1.0, left), 0.0)
    p = specimen.release.probabilities(pair.pulses_ms, chance)
    rng = np.random.default_rng([seed, 2])
    firsts, seconds = [], []
    for _ in range(trials):
        releases = draw_releases(p, len(specimen.synapses), rng).astype(float)
        both = specimen.simulate(pair, releases, drugs, fires=False)
        one = specimen.simulate(alone, releases[:, :1], drugs, fires=False)
        firsts.append(field_sweep(one, specimen, strength))
        rest = np.array(specimen.dendrite.cell.rest_mV)
        late = both.t_ms > interval_ms
        layers = range(both.voltage_mV.shape[1])
        before = np.stack([np.interp(both.t_ms[late], one.t_ms, one.voltage_mV[:, j]) for j in layers], axis=1)
        second = dataclasses.replace(
            both, t_ms=both.t_ms[late] - interval_ms, voltage_mV=both.voltage_mV[late] - before + rest
        )
        seconds.append(field_sweep(second, specimen, strength))
    return np.mean(firsts, axis=0), np.mean(seconds, axis=0)


def concentration_curve(
    preparation: Slice,
    drug: str,
    concentrations_uM: Sequence[float],
    *,
    strength: float = 0.4,
    blockers_uM: Mapping[str, float] | None = None,
    seed: int = 1,
    slices: int = 3,
    progress: Progress = _silent,
) -> SliceCurve:
    """Return slope, amplitude (% of control), half-width and decay (fold) of the field EPSP against concentration.

    Parameters
    ----------
    concentrations_uM : sequence of float
        Those of zero are left out: the control is the reference.
    strength : float
        Part of the fibres.
    preparation, drug, blockers_uM, seed, slices, progress
        As for :func:`input_output_curve`.

    Raises
    ------
    UsageError
        No concentration above zero.

    Returns
    -------
    SliceCurve
        With at least five concentrations ``fits`` holds the Hill fits of amplitude and half-width.
    """
    x = np.array(sorted(c for c in concentrations_uM if c > 0), float)
    if x.size == 0:
        raise UsageError("No concentration above zero", do="give at least one")
    present = [_present(preparation, {drug: float(c)}, blockers_uM) for c in x]
    control = _present(preparation, {}, blockers_uM)
    specimens = draw_slices(preparation, seed, slices)
    spans = {s: slope_window(specimen, strength) for s, specimen in specimens}
    bases = {s: responses(specimen, strength, control, window_ms=spans[s]) for s, specimen in specimens}
    scale = {"slope": 100.0, "amplitude": 100.0, "half_width": 1.0, "decay": 1.0}

    def compute(s: int, specimen: Specimen, row: int, k: int) -> Mapping[str, float]:
        found = responses(specimen, strength, present[k], window_ms=spans[s])
        return {name: scale[name] * found[name] / bases[s][name] for name in scale}

    points = [(0, k) for k in range(len(x))]
    tables, failed = _each(specimens, points, (1, len(x)), tuple(scale), compute, progress)
    units = {"slope": "%", "amplitude": "%", "half_width": "fold", "decay": "fold"}
    curve = SliceCurve("concentration", x, drug, "uM", (drug,), tables, units, {}, tuple(failed),
                       _assumed(preparation, [drug, *(blockers_uM or {})]), seed)  # fmt: skip
    if len(x) < 5:
        return curve
    fits = {
        name: concentration_response(
            x, curve.mean_sem(name, 0)[0], bottom=scale[name], concentration_unit="uM", response_unit=units[name],
            name=f"{name}/EC50",
        )
        for name in ("amplitude", "half_width")
    }  # fmt: skip
    return dataclasses.replace(curve, fits=fits)


def threshold_curve(
    preparation: Slice,
    drug: str | None,
    concentration_uM: float,
    bouts: Mapping[float, Stimulation],
    *,
    x_name: str = "theta bursts",
    x_unit: str = "",
    test_strength: float = 0.4,
    blockers_uM: Mapping[str, float] | None = None,
    seed: int = 1,
    slices: int = 3,
    progress: Progress = _silent,
) -> SliceCurve:
    """Return LTP against the size of a bout, without and with a drug.

    Parameters
    ----------
    bouts : mapping of number -> Stimulation
        E.g. the number of theta bursts, or the strength of the train.

    Returns
    -------
    SliceCurve
        Of ``ltp`` (% at 55 min, same drugs before and after), ``up``, ``down`` (% of synapses, weighted) and
        ``spikes``.
    """
    rows, doses = _drug_rows(drug, concentration_uM)
    present = [_present(preparation, dose, blockers_uM) for dose in doses]
    x = np.array(sorted(bouts), float)
    specimens = draw_slices(preparation, seed, slices)

    def compute(s: int, specimen: Specimen, row: int, k: int) -> Mapping[str, float]:
        found = learned(preparation, specimen, bouts[float(x[k])], present[row], s, test_strength=test_strength)
        return {"ltp": found.ltp_percent, "up": found.up_percent, "down": found.down_percent, "spikes": found.spikes}

    points = [(row, k) for row in range(len(rows)) for k in range(len(x))]
    units = {"ltp": "%", "up": "%", "down": "%", "spikes": ""}
    tables, failed = _each(specimens, points, (len(rows), len(x)), tuple(units), compute, progress)
    notes = [*failed]
    level = 0.5 * float(np.nanmax(np.nanmean(tables["up"], axis=2)))
    for i, label in enumerate(rows):
        at = _crossing(x, np.nanmean(tables["up"][i], axis=1), level)
        word = "at most " if at == x[0] else ""
        shown = "not reached" if math.isnan(at) else f"{word}{at:.3g} {x_name}"
        notes.append(f"threshold of {label}: {shown} ({level:.3g} % of the synapses, half of the most in any row)")
    return SliceCurve("threshold", x, x_name, x_unit, rows, tables, units, {}, tuple(notes),
                      _assumed(preparation, [drug, *(blockers_uM or {})]), seed)  # fmt: skip


def _crossing(x: np.ndarray, up: np.ndarray, level: float) -> float:
    """Return where a rising curve first reaches a level, by straight lines; NaN where it does not."""
    above = np.flatnonzero(up >= level)
    if above.size == 0 or level <= 0:
        return math.nan
    k = int(above[0])
    if k == 0:
        return float(x[0])
    return float(x[k - 1] + (level - up[k - 1]) / (up[k] - up[k - 1]) * (x[k] - x[k - 1]))


def potentiation_map(
    preparation: Slice,
    drug: str,
    concentrations_uM: Sequence[float],
    stimulation: Stimulation,
    *,
    strengths: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.6, 0.8),
    blockers_uM: Mapping[str, float] | None = None,
    seed: int = 1,
    slices: int = 2,
    progress: Progress = _silent,
) -> SliceCurve:
    """Return the part of the synapses that a bout potentiates, against stimulus strength (x) and drug (rows).

    Returns
    -------
    SliceCurve
        Of ``up``, ``down`` (%, weighted by what a synapse contributes to the response) and ``spikes``.
    """
    doses = sorted({0.0, *concentrations_uM})
    present = [_present(preparation, {drug: dose}, blockers_uM) for dose in doses]
    x = np.array(strengths, float)
    specimens = draw_slices(preparation, seed, slices)

    def compute(s: int, specimen: Specimen, row: int, k: int) -> Mapping[str, float]:
        found = learned(preparation, specimen, stimulation.with_strength(float(x[k])), present[row], s)
        return {"up": found.up_percent, "down": found.down_percent, "spikes": found.spikes}

    points = [(row, k) for row in range(len(doses)) for k in range(len(x))]
    units = {"up": "%", "down": "%", "spikes": ""}
    tables, failed = _each(specimens, points, (len(doses), len(x)), tuple(units), compute, progress)
    rows = tuple(show_concentration(dose) if dose else "0" for dose in doses)
    return SliceCurve("map", x, "fibres recruited", "part", rows, tables, units, {}, tuple(failed),
                      _assumed(preparation, [drug, *(blockers_uM or {})]), seed)  # fmt: skip
