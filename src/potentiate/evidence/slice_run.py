"""One slice under one arm of an experiment: it learns once, and responds where it is asked."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

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
from ..measures.field_potential import fixed_window, measure_field
from ..mechanisms.threshold_plasticity import settle
from ..mechanisms.trafficking import Induction, Trafficking, simulate_trafficking
from ..mechanisms.vesicles import PostTetanic
from ..preparations.expression_study import gating_switch
from ..preparations.field_sweep import DT_MS, STIMULUS_MS, field_sweep
from ..preparations.patch import Patch
from ..preparations.shared_dendrite import Course
from ..preparations.slice import SETTLED_MIN, Slice
from ..preparations.slice_drugs import drugs_in
from ..preparations.slice_specimen import Drugs, Specimen
from ..protocols import stimulation as bouts
from ..protocols.fast_application import jump
from ..protocols.stimulation import Stimulation
from ..units import parse, parse_concentration

#: Holding potential of whole-cell readings, mV: that of the calibration.
HOLDING_MV = -65.0
#: Part of the fibres that a test pulse recruits, where the arm names none.
RECRUITED = 0.4
#: Glutamate of one release, uM and ms: the brief pulse of the slice.
QUANTUM = (1000.0, 0.3)
#: Where the field EPSP is looked for, behind the volley.
SEARCH_MS = (2.8, 40.0)
#: Points of the window over which a change is averaged.
WINDOW_POINTS = 3

_MIN = 60_000.0


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


@dataclasses.dataclass(frozen=True)
class Learned:
    """Inductions as trafficking sees them, bouts with the time they start (min), and the courses of theta bursts."""

    inductions: tuple[Induction, ...]
    given: tuple[tuple[Stimulation, float], ...]
    courses: tuple[Course | None, ...]


@functools.lru_cache(maxsize=256)
def _learned(arm_json: str, scheme: str, seed: int) -> Learned:
    return Run(SliceArmDoc.model_validate_json(arm_json), scheme, seed).learn()


class Run:
    """One slice under one arm: bouts are simulated once, responses when they are asked for."""

    def __init__(self, arm: SliceArmDoc, scheme: str, seed: int) -> None:
        self.arm, self.scheme = arm, scheme
        key = (arm.slice, arm.solution, arm.temperature, scheme, arm.expression)
        self.preparation, self.specimen, self.seed = _preparation(*key), _specimen(key, seed), seed
        self.recruited = RECRUITED if arm.strength is None else arm.strength
        self.early = self.drugs(with_drug=arm.when in ("before", "throughout"))
        self.late = self.drugs(with_drug=arm.drug is not None)
        self._window: tuple[float, float] | None = None

    def drugs(self, *, with_drug: bool) -> Drugs:
        bath = {compound: parse_concentration(text) for compound, text in self.arm.blockers.items()}
        if with_drug and self.arm.drug is not None and self.arm.concentration is not None:
            action = find_action(self.arm.drug)
            assert action is not None
            bath[self.arm.drug] = action.concentration_uM(self.arm.concentration)
        return drugs_in(bath, on_interneurons=self.arm.on_interneurons)

    @property
    def learned(self) -> Learned:
        """What the inductions of this arm did; arms that differ only in what is read share it."""
        keep = {"measure": "fepsp_slope", "of": None, "at": None, "window": "10 min", "burst": None, "slices": 1}
        asked = self.arm.model_copy(update=keep)
        if self.arm.when == "after_induction":
            asked = asked.without_drug()
        return _learned(asked.model_dump_json(), self.scheme, self.seed)

    def learn(self) -> Learned:
        """Give the inductions one after the other."""
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
            courses.append(course if isinstance(document.bout, ThetaDoc) else None)
            clock += bout.duration_ms / _MIN
            if np.any(np.abs(after - efficacy) > 1e-6):
                inductions.append(Induction(clock, np.clip(after - efficacy, -1.0, 1.0)))
            efficacy = after
        return Learned(tuple(inductions), tuple(given), tuple(courses))

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
        inductions, given = self.learned.inductions, self.learned.given
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
