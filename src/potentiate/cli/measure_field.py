"""`measure --as field`: slope, amplitude, volley and spike of every sweep; input-output curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError
from ..measures.field_potential import FieldPotential, fixed_window, measure_field
from ..measures.input_output import InputOutput, input_output
from ..measures.observable import Observable, missing
from ..measures.train import find_stimuli
from ..measures.volley import artefact_end
from .measure_asked import Asked, Span
from .measure_found import Found, holes, known, label_of, sentence, worst

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..recordings.recording import Recording

#: The peak is looked for from the end of the artefact, at the earliest this long after the stimulus, up to this (ms).
SEARCH_MS = (2.0, 30.0)
#: A jump this soon after the stimulus is no second one, ms.
SECOND_MS = 15.0


@dataclass(frozen=True)
class Settings:
    """How every sweep is measured."""

    stimulus_ms: float
    baseline_ms: Span
    search_ms: Span
    polarity: str
    window_ms: Span | None
    slope: str
    asked: Asked

    def measure(self, t: np.ndarray, v: np.ndarray, slope: str | None = None) -> FieldPotential:
        """Measure one trace."""
        name = slope or self.slope
        return measure_field(
            t, v, self.stimulus_ms, convention=name, window_ms=self.window_ms if name == "fixed window" else None,
            crossing_convention=self.asked.convention("level_samples"), polarity=self.polarity,
            baseline_ms=self.baseline_ms, search_ms=self.search_ms, volley_ms=self.asked.volley_ms,
            volley_convention=self.asked.convention("find_volley"),
        )  # fmt: skip


def settings(one: Recording, asked: Asked, assumed: list[str]) -> Settings:
    """Return how the sweeps are measured; what was not told is taken from their mean, and said.

    Raises
    ------
    UsageError
        No stimulus is given or found, or the mean holds no response to take a window from.
    """
    t = one.time_ms
    whole = [sweep for sweep in one.sweeps if not holes(sweep)]
    if not whole:
        raise UsageError("Every sweep holds samples that are no numbers", do="export the recording again")
    mean = np.mean(whole, axis=0)
    if asked.stimuli_ms is not None:
        stimuli = np.array(asked.stimuli_ms)
    else:
        stimuli = find_stimuli(t, np.stack(whole))
        if stimuli.size == 0:
            stimuli = find_stimuli(t, mean)
        if stimuli.size == 0:
            why, do = "no artefact stands out of the noise", 'give its time: --stimuli "20 ms"'
            raise UsageError("No stimulus found", where=one.provenance.get("file", ""), why=why, do=do)
        # the flank of a large population spike jumps, too: no second shock comes that early
        stimuli = stimuli[(stimuli == stimuli[0]) | (stimuli > stimuli[0] + SECOND_MS)]
        assumed.append(f"the stimulus is the first artefact, at {stimuli[0]:.5g} ms (--stimuli)")
    stimulus = float(stimuli[0])
    if stimulus - 1.0 <= t[0]:
        raise UsageError(f"No baseline before the stimulus at {stimulus:g} ms", why=f"the trace starts at {t[0]:g} ms")
    baseline = asked.baseline_ms or (max(-20.0, float(t[0]) - stimulus), -0.5)
    if asked.search_ms is not None:
        search = asked.search_ms
    else:
        behind = artefact_end(t, mean, stimulus) - stimulus
        search = (max(SEARCH_MS[0], behind + 0.5), min(SEARCH_MS[1], float(t[-1]) - stimulus))
        if stimuli.size > 1:
            search = (search[0], min(search[1], float(stimuli[1]) - stimulus - 0.5))
        assumed.append(f"the response peaks {search[0]:.3g} to {search[1]:.3g} ms after the stimulus (--search)")
    polarity = asked.polarity or "negative"
    if asked.polarity is None:
        assumed.append("fEPSPs go down, as in the dendritic layer (--polarity)")
    slope = asked.convention("measure_field") or "fixed window"
    window = asked.window_ms
    if slope == "fixed window" and window is None:
        window = fixed_window(t, mean, stimulus, polarity=polarity, baseline_ms=baseline, search_ms=search)
        assumed.append(f"slope window {window[0]:.3g} to {window[1]:.3g} ms after the stimulus: 20 to 80 % of the mean "
                       "of all sweeps (--window)")  # fmt: skip
    if polarity == "auto":
        found = measure_field(
            t, mean, stimulus, convention="maximum", polarity="auto", baseline_ms=baseline, search_ms=search
        )
        polarity = "negative" if found.sign < 0 else "positive"
        assumed.append(f"the response of the mean is {polarity}")
    return Settings(stimulus, baseline, search, polarity, window, slope, asked)


def field(file: str, one: Recording, index: list[int], asked: Asked, assumed: list[str]) -> Found:
    """Measure field potentials, one row per sweep."""
    how = settings(one, asked, assumed)
    t = one.time_ms
    intensities, unit = _stimuli(one, index, asked, assumed)
    rows: list[list[Any]] = []
    observables: list[dict[str, Any]] = []
    found: list[FieldPotential | None] = []
    for k, (number, sweep) in enumerate(zip(index, one.sweeps, strict=True)):
        conditions: dict[str, Any] = {"file": file, "channel": one.channels[0].name, "sweep": number}
        if intensities is not None:
            conditions[f"stimulus_{unit}"] = intensities[k]
        lead = [number] if intensities is None else [number, intensities[k]]
        broken = holes(sweep)
        if broken:
            found.append(None)
            rows.append([*lead, *[None] * 6, "refused", broken])
            observables.append(missing("fEPSP_slope", "mV/ms", "refused", broken).as_dict(label_of(one), conditions))
            continue
        each = how.measure(t, sweep)
        found.append(each)
        status, reason = worst((each.slope, each.amplitude, each.onset))
        rows.append([*lead, *known((each.slope, each.amplitude, each.onset, each.peak_time, each.volley.amplitude,
                                    each.spike)), status, reason])  # fmt: skip
        observables += [o.as_dict(label_of(one), conditions) for o in each.observables]
    good = [each for each in found if each is not None]
    columns = ["sweep", *([] if intensities is None else [f"stimulus ({unit})"]), "slope (mV/ms)", "amplitude (mV)",
               "onset (ms)", "peak (ms)", "volley (mV)", "spike (mV)", "status", "reason"]  # fmt: skip
    mean = np.mean([sweep for sweep in one.sweeps if not holes(sweep)], axis=0)
    of_mean = _definitions(how, t, mean)
    notes = [_said(good, how)]
    curve: InputOutput | None = None
    headline = _headline(good)
    if intensities is not None:
        curve = _curve(found, intensities, unit, asked)
        observables += [
            o.as_dict(label_of(one), {"file": file, "channel": one.channels[0].name}) for o in curve.observables
        ]
        notes.append("Input-output: " + "; ".join(sentence(o, 3) for o in curve.observables[:4]) + ".")
        headline["io_slope"], headline["half_maximal_stimulus"] = curve.slope, curve.half_maximal
    slopes = [each.slope.value if each is not None else float("nan") for each in found]

    def figure() -> Figure:
        from ..show.field_figure import field_figure

        title = f"{Path(file).name}: {len(good)} sweep{'s' if len(good) != 1 else ''}, slope by {how.slope}"
        shown = np.stack([sweep for sweep in one.sweeps if not holes(sweep)])
        return field_figure(t, shown, of_mean, title, slopes=slopes, names=index, curve=curve, stimulus_unit=unit)

    return Found(columns, rows, observables, headline, notes, figure)


def _definitions(how: Settings, t: np.ndarray, mean: np.ndarray) -> dict[str, FieldPotential]:
    """Measure the mean under three definitions, the chosen one first."""
    names = [how.slope, *(name for name in ("maximum", "20-80") if name != how.slope)]
    if how.slope != "fixed window" and how.asked.window_ms is not None:
        names.append("fixed window")
    return {name: how.measure(t, mean, name) for name in names}


def _said(good: Sequence[FieldPotential], how: Settings) -> str:
    counted = sum(each.amplitude.ok for each in good)
    volleys = sum(each.volley.amplitude.known for each in good)
    text = f"{counted} of {len(good)} sweeps respond; slopes by {how.slope}."
    if volleys < len(good):
        why = next(each.volley.amplitude for each in good if not each.volley.amplitude.known)
        text += f" Fibre volley in {volleys}; else {why.status}, e.g. {why.reason}."
    return text


def _headline(good: Sequence[FieldPotential]) -> dict[str, Observable]:
    """Return means over the sweeps of one recording."""
    made: dict[str, Observable] = {}
    for id, unit, values in (
        ("slope", "mV/ms", [each.slope for each in good]), ("amplitude", "mV", [each.amplitude for each in good]),
        ("onset", "ms", [each.onset for each in good]), ("volley", "mV", [each.volley.amplitude for each in good]),
    ):  # fmt: skip
        numbers = [o.value for o in values if o.ok]
        name = f"mean of {len(numbers)} sweeps"
        why = next((o.reason for o in values if not o.ok), None) or "no sweep gives it"
        made[id] = Observable(id, float(np.mean(numbers)), unit, convention=name) if numbers else (
            missing(id, unit, "no response", why, name))  # fmt: skip
    return made


def _stimuli(
    one: Recording, index: Sequence[int], asked: Asked, assumed: list[str]
) -> tuple[tuple[float, ...] | None, str]:
    """Return the stimulus of every sweep, told or from the file, and its unit."""
    if asked.intensities is not None:
        if len(asked.intensities) != len(index):
            raise UsageError(f"{len(asked.intensities)} intensities for {len(index)} sweeps", where="--intensities",
                             do='one number per sweep, "20x6" for six sweeps: "20x6, 40x6 uA"')  # fmt: skip
        return asked.intensities, asked.intensity_unit
    for name, values in one.sweep_metadata.items():
        if name.startswith("stimulus_") and np.asarray(values).dtype.kind in "fiu":
            assumed.append(f"stimulus intensities are those of the file ({name})")
            return tuple(float(v) for v in values), name.removeprefix("stimulus_")
    return None, ""


def _curve(
    found: Sequence[FieldPotential | None], intensities: Sequence[float], unit: str, asked: Asked
) -> InputOutput:
    nan = float("nan")
    slopes = [nan if each is None or not each.slope.known else each.slope.value for each in found]
    volleys = [
        nan if each is None or not each.volley.amplitude.known else each.volley.amplitude.value for each in found
    ]
    some = any(np.isfinite(volleys))
    return input_output(intensities, slopes, volleys if some else None, stimulus_unit=unit,
                        convention=asked.convention("input_output"))  # fmt: skip
