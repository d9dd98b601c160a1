"""`measure --as application`, `train` and `pairs`: currents sweep by sweep, pulse by pulse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError
from ..measures.jump import Jump, measure_jump
from ..measures.observable import Observable, missing
from ..measures.pool import releasable_pool
from ..measures.train import Train, blank, find_stimuli, measure_train
from .measure_asked import Asked
from .measure_found import Found, flagged, holes, keyed, known, label_of, sentence, worst

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..recordings.recording import Recording


def application(file: str, one: Recording, index: list[int], asked: Asked, assumed: list[str]) -> Found:
    """Measure applications of agonist, one row per sweep."""
    floor, told = asked.minimum_pA, {"on": asked.on_ms, "off": asked.off_ms}
    if None in told.values():
        absent = " and ".join(f"--{name}" for name, value in told.items() if value is None)
        assumed.append(f"begin or end of the agonist is detected from each response (give {absent})")
    if asked.on_ms is None and asked.baseline_ms is None:
        assumed.append("nothing happens in the first tenth of the sweep: it is the baseline (--on or --baseline)")
    assumed.append(f"a response exceeds {floor:g} pA and 5 SD of its baseline (--minimum)")
    jumps: list[Jump] = []
    rows: list[list[Any]] = []
    observables: list[dict[str, Any]] = []
    measured: list[int] = []
    for position, (number, sweep) in enumerate(zip(index, one.sweeps, strict=True)):
        conditions = {"file": file, "channel": one.channels[0].name, "sweep": number}
        broken = holes(sweep)
        if broken:
            rows.append([number, "no", *[None] * 7, "refused", broken])
            observables.append(missing("peak", "pA", "refused", broken).as_dict(label_of(one), conditions))
            continue
        jump = measure_jump(one.time_ms, sweep, asked.on_ms, asked.off_ms, minimum_pA=floor,
                            baseline_ms=asked.baseline_ms)  # fmt: skip
        jumps.append(jump)
        measured.append(position)
        read_off = (jump.peak.amplitude, jump.rise, jump.steady_state, jump.tau_des, jump.tau_off)
        status, reason = worst(read_off) if jump.responds else ("no response", jump.reason)
        rows.append([number, "yes" if jump.responds else "no", *known((*read_off, jump.on, jump.off)), status, reason])
        observables += [o.as_dict(label_of(one), conditions) for o in jump.observables]
    columns = ["sweep", "response", "peak (pA)", "rise 10-90 (ms)", "SS/peak", "tau_des (ms)", "tau_off (ms)",
               "on (ms)", "off (ms)", "status", "reason"]  # fmt: skip
    count = sum(jump.responds for jump in jumps)
    notes = [f"{count} of {len(index)} sweeps respond. Sweeps are numbered from 0."]
    begins = [asked.on_ms] if asked.on_ms is not None else [j.on.value for j in jumps if j.responds and j.on.known]
    quality = flagged(one, asked.baseline_ms or _quiet(one, begins), notes)
    numbers = [index[k] for k in measured]
    return Found(
        columns, rows, observables, _means(jumps, len(index)), notes,
        (lambda: _application_figure(one.select(measured), jumps, numbers, file)) if jumps else None, None, quality,
    )  # fmt: skip


def _means(jumps: Sequence[Jump], sweeps: int) -> dict[str, Observable]:
    """Return means over the sweeps that respond."""
    found: dict[str, Observable] = {"responding": Observable("responding", sum(j.responds for j in jumps) / sweeps)}
    for id, unit in (("peak", "pA"), ("SS/peak", ""), ("tau_des", "ms"), ("tau_off", "ms")):
        of = [{"peak": j.peak.amplitude, "SS/peak": j.steady_state, "tau_des": j.tau_des, "tau_off": j.tau_off}[id]
              for j in jumps if j.responds]  # fmt: skip
        values = [o.value for o in of if o.known]
        name = f"mean of {len(values)} sweeps"
        found[id] = Observable(id, float(np.mean(values)), unit, convention=name) if values else (
            missing(id, unit, "no response", "no sweep gives it", name))  # fmt: skip
    return found


def train(file: str, one: Recording, index: list[int], asked: Asked, assumed: list[str]) -> Found:
    """Measure a train, one row per pulse."""
    found = _both_sides(one, asked, assumed)
    if asked.stimuli_ms is None:
        assumed.append("stimuli are the evenly spaced artefacts (--stimuli to give them)")
    conditions = {"file": file, "channel": one.channels[0].name, "sweeps": index}
    rows: list[list[Any]] = []
    observables: list[dict[str, Any]] = []
    for k, stimulus in enumerate(found.stimuli_ms):
        read_off = (found.amplitudes[k], found.ratios[k], found.latencies[k], found.taus[k])
        extra = (found.jitter[k], found.failure_rates[k])
        status, reason = worst(read_off)
        failures = int(np.count_nonzero(found.failures[:, k]))
        rows.append(
            [k + 1, float(stimulus), *known((*read_off[:3], found.jitter[k], read_off[3])), failures, status, reason]
        )
        where = {**conditions, "pulse": k + 1, "stimulus_ms": float(stimulus)}
        observables += [o.as_dict(label_of(one), where) for o in (*read_off, *extra)]
    pool = releasable_pool([o.value if o.known else math.nan for o in found.amplitudes])
    observables += [o.as_dict(label_of(one), conditions) for o in (found.ppr, pool)]
    columns = ["pulse", "stimulus (ms)", "amplitude (pA)", "ratio", "latency (ms)", "jitter (ms)", "tau (ms)",
               f"failures of {len(index)}", "status", "reason"]  # fmt: skip
    ppr = f"PPR {found.ppr.value:.3g} ({found.ppr.convention})" if found.ppr.known else f"PPR: {found.ppr.reason}"
    notes = [f"{ppr}. Amplitudes are of the mean of {len(index)} sweeps."]
    if pool.known:
        notes.append(f"Releasable pool: {sentence(pool, 3)}.")
    headline = {"amplitude": found.amplitudes[0], "PPR": found.ppr, "ratio of the last": found.ratios[-1],
                "failure_rate": found.failure_rates[0]}  # fmt: skip
    _test_pulse(one, asked, conditions, observables, notes, headline)
    quality = flagged(one, _quiet(one, found.stimuli_ms[:1]), notes)
    return Found(
        columns, rows, observables, headline, notes, lambda: _train_figure(one, found, index, file), None, quality
    )


def pairs(file: str, one: Recording, index: list[int], asked: Asked, assumed: list[str]) -> Found:
    """Measure paired pulses, one row per sweep."""
    from ..measures.pairs import paired_pulse_ratio
    from ..measures.variability import variability

    found = _both_sides(one, asked, assumed)
    if found.stimuli_ms.size != 2:
        raise UsageError(f"{found.stimuli_ms.size} stimuli are no pair", where=file,
                         why=f"at {', '.join(f'{s:.5g}' for s in found.stimuli_ms)} ms",
                         do='give both: --stimuli "164 ms, 214 ms", or --as train')  # fmt: skip
    conditions = {"file": file, "channel": one.channels[0].name, "sweeps": index,
                  "interval_ms": float(np.diff(found.stimuli_ms)[0])}  # fmt: skip
    first, second = found.sweep_amplitudes_pA.T
    rows: list[list[Any]] = []
    for number, p1, p2, failed in zip(index, first, second, found.failures, strict=True):
        ok = not failed[0]
        reason = None if ok else "first response below 5 SD of the baseline: no ratio of this sweep"
        rows.append([number, float(p1), float(p2), float(p2 / p1) if ok else None, int(failed.sum()),
                     "ok" if ok else "no response", reason])  # fmt: skip
    ratio = found.ppr if asked.convention("paired_pulse_ratio") is None else paired_pulse_ratio(
        first, second, convention=asked.convention("paired_pulse_ratio"))  # fmt: skip
    scatter = variability(first)
    observables = [o.as_dict(label_of(one), {**conditions, "pulse": k + 1})
                   for k in range(2) for o in (found.amplitudes[k], found.latencies[k], found.jitter[k],
                                               found.failure_rates[k], found.taus[k])]  # fmt: skip
    observables += [o.as_dict(label_of(one), conditions) for o in (ratio, *scatter.observables)]
    notes = [f"{sentence(ratio, 3)}, {ratio.convention}, interval {conditions['interval_ms']:.4g} ms.",
             f"First pulse: {sentence(found.amplitudes[0])}; {sentence(scatter.cv_inverse_square, 3)}."]  # fmt: skip
    columns = ["sweep", "first (pA)", "second (pA)", "ratio", "failures", "status", "reason"]
    headline = {"amplitude": found.amplitudes[0], "PPR": ratio, "CV^-2": scatter.cv_inverse_square,
                "failure_rate": found.failure_rates[0]}  # fmt: skip
    _test_pulse(one, asked, conditions, observables, notes, headline)
    quality = flagged(one, _quiet(one, found.stimuli_ms[:1]), notes)
    return Found(
        columns, rows, observables, headline, notes, lambda: _train_figure(one, found, index, file), None, quality
    )


def _quiet(one: Recording, begins_ms: Sequence[float] | np.ndarray) -> tuple[float, float] | None:
    """Return the window before the first agonist or stimulus; None (the first tenth) where nobody knows when it is."""
    first = float(one.time_ms[0])
    before = one.time_ms[one.time_ms < min(begins_ms) - 0.5] if len(begins_ms) else one.time_ms[:0]
    return (first, float(before[-1])) if before.size >= 4 else None


def _both_sides(one: Recording, asked: Asked, assumed: list[str]) -> Train:
    """Measure inward and outward, and keep the larger side."""
    t, sweeps = one.time_ms, one.sweeps
    broken = [k for k, sweep in enumerate(sweeps) if holes(sweep)]
    if broken:
        raise UsageError(f"Sweep {broken[0]} holds samples that are no numbers", do="choose the others with --sweeps")
    given = asked.stimuli_ms
    if given is None and find_stimuli(t, sweeps).size == 0:
        why, do = "no artefact stands out of the noise", 'give their times: --stimuli "164 ms, 184 ms"'
        raise UsageError("No stimulus found", where=one.provenance.get("file", ""), why=why, do=do)
    convention = asked.convention("paired_pulse_ratio")
    both = [
        measure_train(t, sweeps, given, polarity=side, ppr_convention=convention) for side in ("negative", "positive")
    ]
    sizes = [abs(side.amplitudes[0].value) if side.amplitudes[0].known else 0.0 for side in both]
    assumed.append(f"responses are {('inward', 'outward')[int(sizes[1] > sizes[0])]} (the larger side)")
    return both[int(sizes[1] > sizes[0])]


def _test_pulse(
    one: Recording, asked: Asked, conditions: dict[str, Any], observables: list[dict[str, Any]], notes: list[str],
    headline: dict[str, Observable],
) -> None:  # fmt: skip
    """Add series resistance, membrane resistance and capacitance where a test pulse is found and its height told."""
    from ..measures.voltage_step import find_voltage_step, measure_voltage_step

    span = asked.step_ms or find_voltage_step(one.time_ms, one.sweeps)
    if span is None:
        if asked.step_mV is not None:
            why = "no pair of jumps encloses a shift of the current"
            raise UsageError("No test pulse found", where="--step", why=why, do="leave out --step")
        return
    if asked.step_mV is None:
        notes.append(f"A test pulse lies at {span[0]:.5g} to {span[1]:.5g} ms; with its height (--step=\"-5 mV\") it "
                     "gives series resistance, membrane resistance and capacitance.")  # fmt: skip
        return
    found = measure_voltage_step(one.time_ms, one.sweeps, *span, asked.step_mV)
    observables += [o.as_dict(label_of(one), {**conditions, "step_mV": asked.step_mV}) for o in found.observables]
    notes.append("Test pulse: " + "; ".join(sentence(o, 3) for o in found.observables[:3]) + ".")
    headline["R_series"] = found.series


def _application_figure(one: Recording, jumps: Sequence[Jump], index: Sequence[int], file: str) -> Figure:
    """Draw the sweeps that respond (all, where none does) with their peaks and the fits of the wash."""
    from ..show.recording_figure import MOST_SWEEPS, recording_figure

    drawn = [k for k, jump in enumerate(jumps) if jump.responds] or list(range(len(jumps)))
    room = len(drawn) <= 3 or len(drawn) > MOST_SWEEPS
    measured: list[dict[str, Any]] = []
    for k in drawn:
        jump = jumps[k]
        # four to six columns of values would run into the scale bar; the table holds them
        values = (jump.peak.amplitude, jump.steady_state, jump.tau_des, jump.tau_off) if room else ()
        measured.append({"at": jump.peak, "fit": jump.wash, **{o.id: o for o in values}})
    title = f"{Path(file).name}: {sum(j.responds for j in jumps)} of {len(jumps)} sweeps respond"
    names = [f"sweep {index[k]}" for k in drawn]
    figure = recording_figure(one.select(drawn), measured, title, sweep_names=names)
    return figure if room else keyed(figure, names)


def _train_figure(one: Recording, found: Train, index: Sequence[int], file: str) -> Figure:
    """Draw the train without its artefacts, and the amplitudes sweep by sweep."""
    from ..recordings.recording import Recording
    from ..show.recording_figure import MOST_SWEEPS, recording_figure

    t, stimuli = one.time_ms, found.stimuli_ms
    seen = (t >= stimuli[0] - 20.0) & (t <= stimuli[-1] + 80.0)
    clean = blank(t, one.sweeps, stimuli)[:, seen]
    shown = Recording.from_arrays(t[seen], clean, provenance=one.provenance, label=one.label, name=one.channels[0].name)
    measured = [
        {f"pulse {k + 1}": Observable(f"pulse {k + 1}", value, "pA") for k, value in enumerate(sweep)}
        for sweep in found.sweep_amplitudes_pA
        if np.isfinite(sweep).all()
    ]
    title = f"{Path(file).name}: {stimuli.size} stimuli, artefacts blanked"
    names = [f"sweep {k}" for k in index]
    if len(names) > MOST_SWEEPS:
        return recording_figure(shown, measured, title, sweep_names=names)
    return keyed(recording_figure(shown, (), title), names)
