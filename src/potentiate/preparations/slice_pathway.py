"""From glutamate to the field EPSP: what flowed along each step of an induction, read off the run of a slice."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..errors import UsageError
from ..measures.field_potential import fixed_window, measure_field
from ..measures.observable import Observable, missing
from ..mechanisms.threshold_plasticity import bin_calcium, integrate_calcium
from ..recordings.recording import Recording
from ..units import show_concentration
from .field_sweep import STIMULUS_MS
from .shared_dendrite import ROUTES
from .slice import Bout, SliceRun
from .slice_drugs import drugs_in
from .slice_specimen import BIN_MS, Specimen, shortened

#: Means "while stimulated" are over so many ms after each pulse: all of a 100 Hz train, little of a 1 Hz train.
STIMULATED_MS = 10.0

#: The field EPSP is read over so many minutes before the bout and before the end.
WINDOW_MIN = 10.0

#: Quantity of a step -> unit and what it is, in the order of the steps.
QUANTITIES = {
    "released": ("%", "synapses that release, per pulse (expected)"),
    "ampa_peak": ("nS", "AMPA conductance of the cell, largest"),
    "ampa_mean": ("nS", "the same, mean while stimulated"),
    "nmda_mean": ("nS", "NMDA conductance after the block, mean while stimulated"),
    "inhibition_mean": ("nS", "GABA-A conductance of the cell, mean while stimulated"),
    "depolarization": ("mV", "depolarization of the dendrite at the synapses, mean while stimulated"),
    "spikes": ("", "somatic spikes"),
    "unblocked": ("%", "NMDA receptors free of magnesium, mean while stimulated"),
    "calcium_NMDA": ("uM", "free calcium that entered through NMDA receptors, per spine"),
    "calcium_AMPA": ("uM", "free calcium that entered through AMPA receptors, per spine"),
    "calcium_VGCC": ("uM", "free calcium that entered through voltage-gated channels, per spine"),
    "calcium_peak": ("uM", "peak of spine calcium, mean over spines"),
    "above_depression": ("%", "spines whose calcium passes the threshold of depression"),
    "above_potentiation": ("%", "spines whose calcium passes the threshold of potentiation"),
    "up": ("%", "synapses that go up"),
    "down": ("%", "synapses that go down"),
    "receptors": ("%", "change of the number of AMPA receptors at the end"),
    "field": ("%", "change of the slope of the field EPSP, last 10 min in the bath of the bout over 10 min before"),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Pathway:
    """What flowed from glutamate to the field EPSP.

    Attributes
    ----------
    label : str
        What was in the bath at the bout: ``control``, or compounds with concentrations.
    compounds : tuple of str
    bout : str
        Name of the induction.
    slice : str
        Id of the preparation document.
    fluxes : mapping of name -> Observable
        Of :data:`QUANTITIES`: means over slices.
    slices : int
    notes : tuple of str
    """

    label: str
    compounds: tuple[str, ...]
    bout: str
    slice: str
    fluxes: dict[str, Observable]
    slices: int
    notes: tuple[str, ...] = ()


def read_pathway(runs: SliceRun | Sequence[SliceRun], bout: int = -1) -> Pathway:
    """Read an induction off one run or several (mean over slices).

    Parameters
    ----------
    runs : SliceRun or sequence of SliceRun
        Of one timetable.
    bout : int
        Which induction; default the last.

    Returns
    -------
    Pathway
        A quantity that a slice does not show is NaN with the reason, and so is its mean.

    Raises
    ------
    UsageError
        No slice was computed, or the timetable has no such induction.
    """
    given = [runs] if isinstance(runs, SliceRun) else list(runs)
    done = [run for run in given if run.recording is not None]
    if not done:
        why = given[0].reason if given else "no run was given"
        raise UsageError("No slice to draw the pathway of", why=why, do="run a timetable first")
    if not -len(done[0].bouts) <= bout < len(done[0].bouts):
        raise UsageError(
            f"No induction {bout}", why=f"the run has {len(done[0].bouts)}", do="give a timetable with one"
        )
    each = [_read(run, bout) for run in done]
    notes = [f"mean of {len(done)} slice{'s' if len(done) > 1 else ''}"]
    if len(done) < len(given):
        notes.append(f"{len(given) - len(done)} slices could not be computed and are left out")
    event = done[0].bouts[bout].event
    if (repeats := shortened(event.stimulation)[1]) > 1:
        notes.append(f"sums and peaks are of the first of {repeats} equal parts of the train")
    present = _present(done[0], event.at_min)
    label = ", ".join(f"{name} {show_concentration(float(f'{c:.3g}'))}" for name, c in present.items()) or "control"
    fluxes = {name: _mean(name, [values[name] for values in each]) for name in QUANTITIES}
    notes += [f"{label}, {name}: {o.reason}" for name, o in fluxes.items() if not o.ok]
    assert done[0].recording is not None
    where = str(done[0].recording.provenance["preparation"])
    return Pathway(label, tuple(present), event.stimulation.name, where, fluxes, len(done), tuple(notes))


def _mean(name: str, found: Sequence[Observable]) -> Observable:
    bad = next((o for o in found if not o.known), None)
    return bad or Observable(name, float(np.mean([o.value for o in found])), QUANTITIES[name][0])


def _read(run: SliceRun, index: int) -> dict[str, Observable]:
    assert run.specimen is not None
    bout, specimen = run.bouts[index], run.specimen
    course = bout.course
    mine = bout.pathway == _pathway(run, bout)
    stimulation, _ = shortened(bout.event.stimulation)
    widths = np.diff(course.t_ms, prepend=0.0)
    middle = course.t_ms - 0.5 * widths
    pulses = np.array(stimulation.pulses_ms)
    weights = np.where(((middle[:, None] > pulses) & (middle[:, None] < pulses + STIMULATED_MS)).any(axis=1), widths, 0)

    def average(values: np.ndarray) -> float:
        return float(weights @ values / weights.sum()) if weights.any() else math.nan

    dendrite = specimen.dendrite
    above_rest = course.voltage_mV[:, specimen.synapses.layer[mine]].mean(axis=1) - dendrite.cell.rest_mV
    free = dendrite.block.unblocked(course.head_mV[:, mine], dendrite.magnesium_mM)
    routes = course.routes_uM[mine].mean(axis=0)
    integral = integrate_calcium(
        bin_calcium(course.t_ms, course.calcium_uM, BIN_MS),
        dendrite.calcium.rest_uM,
        specimen.rule.integration_ms,
        BIN_MS,
    ).max(axis=0)
    below, above = specimen.rule.thresholds(specimen.pre, specimen.post)
    up, down = bout.moved(_pathway(run, bout))
    values = {
        "released": 100.0 * _released(run, bout, specimen, mine),
        "ampa_peak": float(course.ampa_nS.max()),
        "ampa_mean": average(course.ampa_nS),
        "nmda_mean": average(course.nmda_nS),
        "inhibition_mean": average(course.inhibition_nS),
        "depolarization": average(above_rest),
        "spikes": float(len(course.spikes_ms)),
        "unblocked": 100.0 * average(free.mean(axis=1)),
        **{f"calcium_{name}": float(x) for name, x in zip(ROUTES, routes, strict=True)},
        "calcium_peak": float(course.calcium_uM[:, mine].max(axis=0).mean()),
        "above_depression": 100.0 * float((integral > below)[mine].mean()),
        "above_potentiation": 100.0 * float((integral > above)[mine].mean()),
        "up": 100.0 * up,
        "down": 100.0 * down,
        "receptors": _receptors(run, bout, index, mine),
    }
    found = {
        name: Observable(name, x, QUANTITIES[name][0])
        if math.isfinite(x)
        else missing(name, QUANTITIES[name][0], "not determined", "the bout has no pulse")
        for name, x in values.items()
    }
    return found | {"field": _field(run, bout, index)}


def _pathway(run: SliceRun, bout: Bout) -> int:
    """Return the index of the pathway that a bout stimulates."""
    assert run.recording is not None
    assert run.recording.protocol is not None
    return list(run.recording.protocol["pathways"]).index(bout.event.stimulation.pathway)


def _present(run: SliceRun, at_min: float) -> dict[str, float]:
    """Return what was in the tissue at the last test pulse before a time, uM; traces of under 1 nM are left out."""
    assert run.recording is not None
    metadata = run.recording.sweep_metadata
    before = np.flatnonzero(np.asarray(metadata["time_min"]) <= at_min)
    if not before.size:
        return {}
    at = {name.removesuffix("_uM"): float(metadata[name][before[-1]]) for name in metadata if name.endswith("_uM")}
    return {name: c for name, c in at.items() if c > 1e-3}


def _released(run: SliceRun, bout: Bout, specimen: Specimen, mine: np.ndarray) -> float:
    pulses = shortened(bout.event.stimulation)[0].pulses_ms
    if not pulses:
        return 0.0
    left = drugs_in(_present(run, bout.event.at_min)).blocked.release
    chance = np.minimum(1.0, specimen.synapses.probability[mine] * left)
    return float(specimen.release.probabilities(pulses, chance).mean())


def _receptors(run: SliceRun, bout: Bout, index: int, mine: np.ndarray) -> float:
    assert run.specimen is not None
    number = run.specimen.synapses.ampa_scale[mine]
    start = int(np.searchsorted(run.knots_min, bout.event.at_min, side="right")) - 1
    stop = int(np.searchsorted(run.knots_min, _end(run, index), side="right")) - 1
    before, after = (float(number @ run.strength[max(k, 0)][mine]) for k in (start, stop))
    return 100.0 * (after / before - 1.0)


def _end(run: SliceRun, index: int) -> float:
    """Return when the outcome of a bout is read: before the next one, or at the end."""
    following = run.bouts[index % len(run.bouts) + 1 :]
    return following[0].event.at_min if following else float(run.knots_min[-1])


def _field(run: SliceRun, bout: Bout, index: int) -> Observable:
    assert run.recording is not None
    recording = run.recording
    at = np.asarray(recording.sweep_metadata["time_min"])
    mine = np.asarray(recording.sweep_metadata["pathway"]) == _pathway(run, bout)
    t, sweeps = np.asarray(recording.time_ms), np.asarray(recording.sweeps)
    start, end = bout.event.at_min, _end(run, index)
    before = mine & (at >= start - WINDOW_MIN) & (at < start)
    if not before.any():
        return missing("field", "%", "not determined", f"no test pulse in the {WINDOW_MIN:g} min before the bout")
    # a drug that comes or goes afterwards is no part of what the bout did
    later = mine & (at > bout.event.until_min) & (at <= end) & _same_bath(recording, int(np.flatnonzero(before)[-1]))
    if not later.any() or at[later].max() < bout.event.until_min + WINDOW_MIN:
        return missing("field", "%", "not determined", "no ten minutes after the bout have the bath of the bout")
    means = [sweeps[inside].mean(axis=0) for inside in (before, later & (at >= at[later].max() - WINDOW_MIN))]
    assert recording.protocol is not None
    # the window of the drug-free baseline, as for LTP: a drug that slows the rise must not move it
    quiet = mine & (at < float(recording.protocol["baseline_min"]))
    try:
        window = fixed_window(t, sweeps[quiet].mean(axis=0) if quiet.any() else means[0], STIMULUS_MS)
    except UsageError as error:
        return missing("field", "%", "no response", f"{error.what}: {error.why}")
    slopes = [measure_field(t, mean, STIMULUS_MS, window_ms=window).slope for mean in means]
    bad = next((o for o in slopes if not o.known), None)
    if bad is not None:
        return missing("field", "%", bad.status, bad.reason or "no slope")
    return Observable("field", 100.0 * (slopes[1].value / slopes[0].value - 1.0), "%")


def _same_bath(recording: Recording, index: int) -> np.ndarray:
    """Return which sweeps have every compound within a tenth of its largest concentration as one sweep has it."""
    same = np.ones(len(recording.sweeps), dtype=bool)
    for name, values in recording.sweep_metadata.items():
        if name.endswith("_uM"):
            c = np.asarray(values)
            same &= np.abs(c - c[index]) <= 0.1 * c.max()
    return same


@dataclasses.dataclass(frozen=True)
class Step:
    """One arrow of the pathway.

    Attributes
    ----------
    id : str
    source, target : str
        Boxes that it joins.
    quantities : tuple of str
        Keys of :data:`QUANTITIES` that flow along it.
    """

    id: str
    source: str
    target: str
    quantities: tuple[str, ...]


#: The steps in the order in which they are listed.
STEPS = (
    Step("release", "fibres", "glutamate", ("released",)),
    Step("ampa", "glutamate", "AMPA receptors", ("ampa_peak", "ampa_mean")),
    Step("inhibition", "interneurons", "depolarization", ("inhibition_mean",)),
    Step("depolarization", "AMPA receptors", "depolarization", ("depolarization", "spikes")),
    Step("unblock", "depolarization", "NMDA receptors", ("unblocked", "nmda_mean")),
    Step("calcium NMDA", "NMDA receptors", "spine calcium", ("calcium_NMDA",)),
    Step("calcium AMPA", "AMPA receptors", "spine calcium", ("calcium_AMPA",)),
    Step("calcium VGCC", "calcium channels", "spine calcium", ("calcium_VGCC",)),
    Step("thresholds", "spine calcium", "thresholds", ("calcium_peak", "above_depression", "above_potentiation")),
    Step("kinases", "thresholds", "receptor traffic", ("up", "down")),
    Step("insertion", "receptor traffic", "field EPSP", ("receptors", "field")),
)
