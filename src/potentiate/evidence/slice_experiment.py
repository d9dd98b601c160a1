"""Run the slice experiment of a finding: several slices, their mean response or change, on one AMPA scheme.

Responses are computed where they are read and not in between: just before an induction, and in the window that the
arm names. Drugs are at their bath level in the tissue. The whole timetable with wash-in is that of `potentiate slice`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import UsageError
from ..library.ensemble import ensemble
from ..library.finding import SliceExperiment
from ..library.modulator import find_action
from ..library.slice_arm import SliceArmDoc, ThetaDoc
from ..measures.concentration import half_concentration
from ..measures.decay import decay_time
from ..measures.field_potential import fixed_window, measure_field
from ..measures.observable import Observable, missing
from ..measures.peak import peak
from ..measures.width import half_width
from ..preparations.field_sweep import DT_MS, STIMULUS_MS, field_sweep
from ..units import parse
from .comparison import one_sample
from .scoring import Sample
from .slice_run import SEARCH_MS, Run

#: Slice i is drawn with this seed plus i: the same slices meet every arm.
SEED = 1
#: Strengths of an input-output curve.
STRENGTHS = (0.15, 0.25, 0.35, 0.45)
#: Where the fibre volley is looked for, ms after the stimulus.
VOLLEY_MS = (1.0, 2.7)
#: Slices of a concentration curve.
CURVE_SLICES = 2

_MIN = 60_000.0


def samples(experiment: SliceExperiment, unit: str | None) -> list[Sample]:
    """Return the model's value for an experiment, the mean of its slices: one per scheme.

    Test pulses are asked of the whole ensemble. Plasticity is calibrated on the base scheme alone, so what needs an
    induction is asked of that one, and a verdict on a drug is then at most near.

    Parameters
    ----------
    experiment : SliceExperiment
    unit : str or None
        Of the finding's effect.
    """
    learns = experiment.specific or any(arm.induction for arm in experiment.arms)
    schemes = [experiment.base_scheme]
    if not learns:
        schemes = list(dict.fromkeys([*ensemble().schemes, experiment.base_scheme]))
    return [one_sample(experiment, unit, observe, lambda arm, scheme: None, scheme, None) for scheme in schemes]


def observe(arm: SliceArmDoc, scheme: str, variant: str | None) -> Observable:
    """Run one arm with AMPA receptors of a scheme; the mean over its slices."""
    del variant  # the slice takes the reference variant of a drug
    if arm.drug is not None and find_action(arm.drug) is None:
        raise UsageError(f"No operator parameters for {arm.drug}")
    if arm.measure == "drug_ec50":
        return _drug_half(arm, scheme)
    read = per_slice(arm, scheme)
    good = np.array([v for v in read if np.isfinite(v)])
    if not good.size:
        return missing(arm.measure, "", "not determined", "no slice gave a value")
    notes = (f"n = {good.size} of {len(read)} slices, SD {good.std(ddof=1) if good.size > 1 else np.nan:.3g}",)
    return Observable(arm.measure, float(good.mean()), _UNITS.get(arm.measure, ""), notes=notes)


_UNITS = {
    "fepsp_slope": "mV/ms", "fepsp_amplitude": "mV", "fepsp_half_width": "ms", "fepsp_decay": "ms", "effect_time": "ms",
    "ltp_percent": "%", "ltp_reversed": "%", "volley": "mV", "population_spike": "mV", "input_output_slope": "1/ms",
    "burst_area": "mV ms", "feedforward_ipsp": "nS",
}  # fmt: skip


def per_slice(arm: SliceArmDoc, scheme: str) -> tuple[float, ...]:
    """Return the measure of an arm in each of its slices; NaN where it could not be read."""
    # what does not change the runs is left out of the key, so that arms of several findings share them
    plain = arm.model_copy(update={"stands_for": None, "baseline": "20 min", "test_interval": "30 s"})
    return _per_slice(plain.model_dump_json(), scheme)


@functools.lru_cache(maxsize=512)
def _per_slice(arm_json: str, scheme: str) -> tuple[float, ...]:
    arm = SliceArmDoc.model_validate_json(arm_json)
    reader = _READERS[arm.measure]
    return tuple(reader(Run(arm, scheme, SEED + i)) for i in range(arm.slices))


# ---- readers: one slice -> the measure


def _field(name: str) -> Callable[[Run], float]:
    def read(run: Run) -> float:
        wave = run.read_sweep(run.late)
        t = np.arange(len(wave)) * DT_MS
        if name == "slope":
            # the window is that of the response without drug, so that the drug cannot choose its own
            window = fixed_window(t, run.read_sweep(run.drugs(with_drug=False)), STIMULUS_MS, search_ms=SEARCH_MS)
            return abs(float(measure_field(t, wave, STIMULUS_MS, window_ms=window, search_ms=SEARCH_MS).slope.value))
        found = measure_field(t, wave, STIMULUS_MS, volley_ms=VOLLEY_MS, search_ms=SEARCH_MS)
        observable = {"amplitude": found.amplitude, "volley": found.volley.amplitude, "spike": found.spike}[name]
        return abs(float(observable.value))

    return read


def _shape(measure: Callable[..., Observable], **options: Any) -> Callable[[Run], float]:
    def read(run: Run) -> float:
        wave = run.read_sweep(run.late)
        t = np.arange(len(wave)) * DT_MS
        behind = (STIMULUS_MS + SEARCH_MS[0], STIMULUS_MS + SEARCH_MS[1])
        at = peak(t, wave, baseline_ms=(0.0, STIMULUS_MS - 0.5), search_ms=behind)
        return float(measure(t, wave, at, **options).value)

    return read


def _change(run: Run) -> float:
    assert run.arm.at is not None
    before = run.response(run.early)
    state = run.at(parse(run.arm.at, "time") / _MIN, parse(run.arm.window, "time") / _MIN)
    return 100.0 * (run.response(run.late, state) / before - 1.0)


def _reversed(run: Run) -> float:
    first = run.arm.model_copy(
        update={"measure": "ltp_percent", "induction": run.arm.induction[:-1], "at": run.arm.induction[-1].wait}
    )
    return _change_of(first, run) - _change_of(run.arm.model_copy(update={"measure": "ltp_percent"}), run)


def _change_of(arm: SliceArmDoc, run: Run) -> float:
    return _change(Run(arm, run.scheme, run.seed))


def _effect_time(run: Run) -> float:
    added = np.abs(run.read_sweep(run.late) - run.read_sweep(run.drugs(with_drug=False)))
    return float(np.argmax(added) * DT_MS - STIMULUS_MS)


def _burst_area(run: Run) -> float:
    (bout, _), course = run.learned.given[0], run.learned.courses[0]
    given = run.arm.induction[0].bout
    if not isinstance(given, ThetaDoc) or run.arm.burst is None or course is None:
        raise UsageError("burst_area is read on theta bursts")
    start = bout.pulses_ms[(run.arm.burst - 1) * given.pulses]
    layer = run.specimen.dendrite.cell.layers.index("radiatum middle")
    inside = (course.t_ms > start) & (course.t_ms <= start + parse(given.spacing, "time"))
    above = course.voltage_mV[inside, layer] - run.specimen.dendrite.cell.rest_mV
    return float(np.trapezoid(np.maximum(above, 0.0), course.t_ms[inside]))


def _feedforward(run: Run) -> float:
    return float(run.specimen.respond(run.recruited, run.late).inhibition_nS.max())


def _input_output(run: Run) -> float:
    points = []
    for part in STRENGTHS:
        wave = field_sweep(run.specimen.respond(part, run.late), run.specimen, part)
        t = np.arange(len(wave)) * DT_MS
        found = measure_field(t, wave, STIMULUS_MS, convention="20-80", volley_ms=VOLLEY_MS, search_ms=SEARCH_MS)
        points.append((found.volley.amplitude.value, found.slope.value))
    volley, slope = np.abs(np.array(points)).T
    if not np.all(np.isfinite(volley)):
        return float("nan")
    return float(np.polyfit(volley, slope, 1)[0])


_READERS: Mapping[str, Callable[[Run], float]] = {
    "fepsp_slope": _field("slope"),
    "fepsp_amplitude": _field("amplitude"),
    "volley": _field("volley"),
    "population_spike": _field("spike"),
    "fepsp_half_width": _shape(half_width),
    "fepsp_decay": _shape(decay_time, convention="1/e"),
    "ltp_percent": _change,
    "ltp_reversed": _reversed,
    "effect_time": _effect_time,
    "burst_area": _burst_area,
    "feedforward_ipsp": _feedforward,
    "input_output_slope": _input_output,
}


def _drug_half(arm: SliceArmDoc, scheme: str) -> Observable:
    action = find_action(arm.drug or "")
    assert action is not None
    if action.saturating_only:
        return missing(arm.measure, "uM", "not determined", f"the affinity of {action.compound} is unknown")
    grid = np.geomspace(0.02 * action.kd_uM, 500.0 * action.kd_uM, 8)
    inner = arm.model_copy(update={"measure": arm.of, "of": None, "slices": CURVE_SLICES})
    asked = [inner.without_drug(), *(inner.model_copy(update={"concentration": f"{c:.6g} uM"}) for c in grid)]
    response = np.array([np.mean(per_slice(a, scheme)) for a in asked])
    if not np.all(np.isfinite(response)) or abs(response[-1] - response[0]) < 0.02 * abs(response).max():
        return missing(arm.measure, "uM", "not determined", "the drug does not change the measure")
    return half_concentration(
        grid, response[1:], convention="half_of_saturating", saturating=float(response[-1]),
        control=float(response[0]), name=arm.measure,
    )  # fmt: skip
