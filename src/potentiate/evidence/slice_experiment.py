"""Run the slice experiment of a finding: several slices, their mean response or change, on one AMPA scheme.

Responses are computed where they are read and not in between: just before an induction, and in the window that the
arm names. Drugs are at their bath level in the tissue. The whole timetable with wash-in is that of `potentiate slice`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import UsageError
from ..library.ensemble import ensemble
from ..library.finding import SliceExperiment
from ..library.modulator import find_action
from ..library.scheme import find_scheme
from ..library.slice_arm import (
    BoutDoc,
    LowFrequencyDoc,
    PairingDoc,
    SliceArmDoc,
    SpikeTimingDoc,
    TetanusDoc,
    ThetaDoc,
)
from ..library.slice_document import find_slice
from ..measures.concentration import half_concentration
from ..measures.decay import decay_time
from ..measures.field_potential import fixed_window, measure_field
from ..measures.observable import Observable, missing
from ..measures.peak import peak
from ..measures.width import half_width
from ..mechanisms.threshold_plasticity import settle
from ..mechanisms.trafficking import Induction, Trafficking, simulate_trafficking
from ..mechanisms.vesicles import PostTetanic
from ..preparations.expression_study import gating_switch
from ..preparations.field_sweep import DT_MS, STIMULUS_MS, field_sweep
from ..preparations.patch import Patch
from ..preparations.slice import SETTLED_MIN, Slice
from ..preparations.slice_drugs import drugs_in
from ..preparations.slice_specimen import Drugs, Specimen
from ..protocols import stimulation as bouts
from ..protocols.fast_application import jump
from ..protocols.stimulation import Stimulation
from ..units import parse, parse_concentration
from .comparison import one_sample
from .scoring import Sample

#: Slice i is drawn with this seed plus i: the same slices meet every arm.
SEED = 1
#: Holding potential of whole-cell readings, mV: that of the calibration.
HOLDING_MV = -65.0
#: Part of the fibres that a test pulse recruits, where the arm names none.
RECRUITED = 0.4
#: Strengths of an input-output curve.
STRENGTHS = (0.15, 0.25, 0.35, 0.45)
#: Glutamate of one release, uM and ms: the brief pulse of the slice.
QUANTUM = (1000.0, 0.3)
#: Where the fibre volley is looked for, ms after the stimulus.
VOLLEY_MS = (1.0, 2.7)
#: Where the field EPSP is looked for, behind the volley.
SEARCH_MS = (2.8, 40.0)
#: Slices of a concentration curve.
CURVE_SLICES = 2
#: Points of the window over which a change is averaged.
WINDOW_POINTS = 3

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
    return tuple(reader(_Run(arm, scheme, SEED + i)) for i in range(arm.slices))


def stimulation_of(given: BoutDoc, strength: float) -> Stimulation:
    """Return the bout that a document describes."""
    b = given.bout

    def hz(text: str) -> float:
        return 1000.0 * parse(text, "frequency")

    def s(text: str) -> float:
        return parse(text, "time") / 1000.0

    if isinstance(b, TetanusDoc):
        return bouts.tetanus(b.trains, hz(b.rate), s(b.duration), s(b.interval), strength=strength)
    if isinstance(b, ThetaDoc):
        spacing = parse(b.spacing, "time")
        return bouts.theta_burst(b.bursts, b.pulses, hz(b.rate), spacing, b.trains, s(b.interval), strength=strength)
    if isinstance(b, LowFrequencyDoc):
        return bouts.low_frequency(b.pulses, hz(b.rate), strength=strength)
    if isinstance(b, PairingDoc):
        depolarization, holding = s(b.depolarization), parse(b.holding, "voltage")
        return bouts.pairing(
            b.trains, b.pulses, hz(b.rate), s(b.interval), depolarization, holding, strength=strength
        )
    assert isinstance(b, SpikeTimingDoc)
    return bouts.stdp(b.pairs, parse(b.delta, "time"), hz(b.rate), b.spikes, strength=strength)


@functools.lru_cache(maxsize=32)
def _preparation(
    name: str, solution: str | None, temperature: str | None, scheme: str, expression: str | None
) -> Slice:
    own = find_slice(name).schemes.ampa
    receptors = find_scheme(scheme)
    options: dict[str, Any] = {"noise": False, "ampa": None if scheme == own else receptors}
    if expression is not None:
        options["route"] = expression
    if expression == "gating":
        options["changed"], options["enlargement"] = gating_switch(receptors)
    degrees = None if temperature is None else parse(temperature, "temperature")
    return Slice.of(name, solution=solution, temperature_C=degrees, **options)


@functools.lru_cache(maxsize=128)
def _specimen(preparation_key: tuple[Any, ...], seed: int) -> Specimen:
    preparation = _preparation(*preparation_key)
    specimen = preparation.draw(seed)
    if preparation.ampa is None:
        return specimen
    # another scheme opens another part of its channels: the same quantal peak, so that only kinetics differ
    sites = specimen.synapses
    scale = _quantum(preparation.document.schemes.ampa) / _quantum(preparation.ampa.name)
    return dataclasses.replace(specimen, synapses=dataclasses.replace(sites, ampa_scale=sites.ampa_scale * scale))


@functools.cache
def _quantum(scheme: str) -> float:
    """Return the part of the largest conductance that one release opens at its peak."""
    receptors = find_scheme(scheme)
    protocol = jump(receptors.agonist, *QUANTUM, 5.0, 0.01)
    patch = Patch(receptors, 1, -1.0)
    peak_nS = float(np.max(np.abs(patch.run(protocol).sweeps)))  # at -1 mV current and conductance are one number
    return 1000.0 * peak_nS / float(patch.conductances_pS.max())


class _Run:
    """One slice under one arm: bouts are simulated once, responses when they are asked for."""

    def __init__(self, arm: SliceArmDoc, scheme: str, seed: int) -> None:
        self.arm = arm
        key = (arm.slice, arm.solution, arm.temperature, scheme, arm.expression)
        self.preparation, self.specimen, self.seed = _preparation(*key), _specimen(key, seed), seed
        self.recruited = RECRUITED if arm.strength is None else arm.strength
        self.early = self._drugs(with_drug=arm.when in ("before", "throughout"))
        self.late = self._drugs(with_drug=arm.drug is not None)
        self._window: tuple[float, float] | None = None

    def _drugs(self, *, with_drug: bool) -> Drugs:
        bath = {compound: parse_concentration(text) for compound, text in self.arm.blockers.items()}
        if with_drug and self.arm.drug is not None and self.arm.concentration is not None:
            action = find_action(self.arm.drug)
            assert action is not None
            bath[self.arm.drug] = action.concentration_uM(self.arm.concentration)
        return drugs_in(bath)

    @functools.cached_property
    def learned(self) -> tuple[list[Induction], list[tuple[Stimulation, float]], list[Any]]:
        """Inductions as trafficking sees them, bouts with the time they start (min), and their courses."""
        rng = np.random.default_rng([self.seed, 0])
        efficacy, clock = self.specimen.efficacy, 0.0
        inductions: list[Induction] = []
        given, courses = [], []
        for document in self.arm.induction:
            bout = stimulation_of(document, self.recruited)
            clock += parse(document.wait, "time") / _MIN
            strength = self.strength(inductions, [clock])[0]
            reached, course = self.specimen.learn(
                bout, efficacy, self.early, rng, strength=strength, potentiated=self.tetanic(given, clock)
            )
            after = settle(self.specimen.rule, reached, SETTLED_MIN)
            given.append((bout, clock))
            courses.append(course)
            clock += bout.duration_ms / _MIN
            if np.any(np.abs(after - efficacy) > 1e-6):
                inductions.append(Induction(clock, np.clip(after - efficacy, -1.0, 1.0)))
            efficacy = after
        return inductions, given, courses

    def strength(self, inductions: Sequence[Induction], at_min: Sequence[float]) -> np.ndarray:
        """Return the strength of every synapse relative to the start, shape (times, synapses)."""
        if not inductions:
            return np.ones((len(at_min), len(self.specimen.synapses)))
        traffic = Trafficking(
            persistence=self.specimen.persistence,
            ltd_gain=self.preparation.document.rule("ltd_gain"),
            exocytosis_blocked_from_min=0.0 if "exocytosis" in self.arm.blocked_processes else None,
        )
        return simulate_trafficking(traffic, list(inductions), np.array(at_min), tolerance=1e-4)

    @staticmethod
    def tetanic(given: Sequence[tuple[Stimulation, float]], at_min: float) -> float:
        """Return what earlier bouts have left on release."""
        pulses = [start * _MIN + t for bout, start in given for t in bout.pulses_ms]
        before = [t for t in pulses if t < at_min * _MIN]
        return float(PostTetanic().factors([*before, at_min * _MIN])[-1]) if before else 1.0

    def sweep(self, drugs: Drugs, strength: np.ndarray | float = 1.0, potentiated: float = 1.0) -> np.ndarray:
        """Return the field potential after a test pulse, mV."""
        course = self.specimen.respond(self.recruited, drugs, strength=strength, potentiated=potentiated)
        return field_sweep(course, self.specimen, self.recruited)

    def at(self, minutes: float, window: float = 0.0) -> tuple[np.ndarray, float]:
        """Return strength and release at a time after the last induction, averaged over the window that ends there."""
        inductions, given, _ = self.learned
        end = given[-1][1] + given[-1][0].duration_ms / _MIN
        points = WINDOW_POINTS if window else 1
        times = end + np.linspace(max(minutes - window, 0.0), minutes, points)
        release = float(np.mean([self.tetanic(given, t) for t in times]))
        return self.strength(inductions, list(times)).mean(axis=0), release

    def response(self, drugs: Drugs, state: tuple[np.ndarray | float, float] = (1.0, 1.0)) -> float:
        """Return what a change is read on: the slope of the field EPSP, or the EPSC where the induction is pairing."""
        if isinstance(self.arm.induction[-1].bout, PairingDoc):
            return self.current(drugs, *state)
        wave = self.sweep(drugs, *state)
        t = np.arange(len(wave)) * DT_MS
        if self._window is None:  # that of the baseline, for all that follows
            self._window = fixed_window(t, wave, STIMULUS_MS, search_ms=SEARCH_MS)
        return float(measure_field(t, wave, STIMULUS_MS, window_ms=self._window, search_ms=SEARCH_MS).slope.value)

    def current(self, drugs: Drugs, strength: np.ndarray | float = 1.0, potentiated: float = 1.0) -> float:
        """Return the peak of the EPSC at an ideal clamp, pA."""
        pulse = Stimulation("test pulse", (0.0,), 30.0, holding_mV=HOLDING_MV, strength=self.recruited)
        chance = np.minimum(1.0, self.specimen.synapses.probability * drugs.blocked.release * potentiated)
        course = self.specimen.simulate(pulse, chance[:, None], drugs, strength=strength)
        through = (course.head_mV - HOLDING_MV) * self.specimen.dendrite.neck_nS
        return float(np.max(through @ (self.specimen.synapses.multiplicity * chance)))

    def read_sweep(self, drugs: Drugs) -> np.ndarray:
        """Return the test response that is measured: after the induction where there is one, in the arm's bath."""
        if not self.arm.induction:
            return self.sweep(drugs)
        minutes = parse(self.arm.at, "time") / _MIN if self.arm.at is not None else 60.0
        return self.sweep(drugs, *self.at(minutes, parse(self.arm.window, "time") / _MIN))


# ---- readers: one slice -> the measure


def _field(name: str) -> Callable[[_Run], float]:
    def read(run: _Run) -> float:
        wave = run.read_sweep(run.late)
        t = np.arange(len(wave)) * DT_MS
        if name == "slope":
            # the window is that of the response without drug, so that the drug cannot choose its own
            window = fixed_window(t, run.read_sweep(run._drugs(with_drug=False)), STIMULUS_MS, search_ms=SEARCH_MS)
            return abs(float(measure_field(t, wave, STIMULUS_MS, window_ms=window, search_ms=SEARCH_MS).slope.value))
        found = measure_field(t, wave, STIMULUS_MS, volley_ms=VOLLEY_MS, search_ms=SEARCH_MS)
        observable = {"amplitude": found.amplitude, "volley": found.volley.amplitude, "spike": found.spike}[name]
        return abs(float(observable.value))

    return read


def _shape(measure: Callable[..., Observable], **options: Any) -> Callable[[_Run], float]:
    def read(run: _Run) -> float:
        wave = run.read_sweep(run.late)
        t = np.arange(len(wave)) * DT_MS
        behind = (STIMULUS_MS + SEARCH_MS[0], STIMULUS_MS + SEARCH_MS[1])
        at = peak(t, wave, baseline_ms=(0.0, STIMULUS_MS - 0.5), search_ms=behind)
        return float(measure(t, wave, at, **options).value)

    return read


def _change(run: _Run) -> float:
    assert run.arm.at is not None
    before = run.response(run.early)
    state = run.at(parse(run.arm.at, "time") / _MIN, parse(run.arm.window, "time") / _MIN)
    return 100.0 * (run.response(run.late, state) / before - 1.0)


def _reversed(run: _Run) -> float:
    first = run.arm.model_copy(
        update={"measure": "ltp_percent", "induction": run.arm.induction[:-1], "at": run.arm.induction[-1].wait}
    )
    return _change_of(first, run) - _change_of(run.arm.model_copy(update={"measure": "ltp_percent"}), run)


def _change_of(arm: SliceArmDoc, run: _Run) -> float:
    other = _Run.__new__(_Run)
    other.__dict__.update({k: v for k, v in run.__dict__.items() if k != "learned"})
    other.arm, other._window = arm, None
    return _change(other)


def _effect_time(run: _Run) -> float:
    added = np.abs(run.read_sweep(run.late) - run.read_sweep(run._drugs(with_drug=False)))
    return float(np.argmax(added) * DT_MS - STIMULUS_MS)


def _burst_area(run: _Run) -> float:
    bout, _ = run.learned[1][0]
    course, given = run.learned[2][0], run.arm.induction[0].bout
    if not isinstance(given, ThetaDoc) or run.arm.burst is None:
        raise UsageError("burst_area is read on theta bursts")
    start = bout.pulses_ms[(run.arm.burst - 1) * given.pulses]
    layer = run.specimen.dendrite.cell.layers.index("radiatum middle")
    inside = (course.t_ms > start) & (course.t_ms <= start + parse(given.spacing, "time"))
    above = course.voltage_mV[inside, layer] - run.specimen.dendrite.cell.rest_mV
    return float(np.trapezoid(np.maximum(above, 0.0), course.t_ms[inside]))


def _feedforward(run: _Run) -> float:
    return float(run.specimen.respond(run.recruited, run.late).inhibition_nS.max())


def _input_output(run: _Run) -> float:
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


_READERS: Mapping[str, Callable[[_Run], float]] = {
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
