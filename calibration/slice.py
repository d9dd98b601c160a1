"""Fit the three free numbers of the slice's plasticity to the three findings that the plan names; no drug anywhere.

Calcium does not depend on the rule, so every bout is simulated once per slice and the rule is evaluated on its course.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
from scipy.optimize import brentq

from potentiate.library.finding import find_finding
from potentiate.library.slice_document import find_slice
from potentiate.measures.field_potential import fixed_window, measure_field
from potentiate.mechanisms.threshold_plasticity import bin_calcium, settle
from potentiate.mechanisms.trafficking import Induction, Trafficking, simulate_trafficking
from potentiate.preparations.slice import BEFORE_MS, DT_MS, Slice, field_sweep
from potentiate.preparations.slice_specimen import BIN_MS, Specimen, _shortened, plasticity_rule
from potentiate.protocols.stimulation import low_frequency, pairing, tetanus
from potentiate.mechanisms.release import draw_releases

SLICES = 12
STRENGTH = 0.4
AFTER_MIN = 57.5  # middle of the window from 55 to 60 min


@dataclasses.dataclass
class Trained:
    """One slice and the calcium of its bouts."""

    specimen: Specimen
    calcium: dict[str, tuple[np.ndarray, int]]


BOUTS = {"pairing": pairing(strength=STRENGTH), "two trains": tetanus(2, strength=STRENGTH),
         "low frequency": low_frequency(strength=STRENGTH)}  # fmt: skip
FINDINGS = {"pairing": "ltp-pairing-ca1", "two trains": "ltp-2x100hz-mouse", "low frequency": "ltd-900x1hz-mouse"}


def train(preparation: Slice, seed: int, bouts: dict) -> Trained:
    specimen = preparation.draw(seed)
    found = {}
    for name, bout in bouts.items():
        short, repeats = _shortened(bout)
        rng = np.random.default_rng([seed, 0])
        chance = specimen.release.probabilities(short.pulses_ms, specimen.synapses.probability)
        course = specimen.simulate(short, draw_releases(chance, len(specimen.synapses), rng).astype(float))
        found[name] = bin_calcium(course.t_ms, course.calcium_uM, BIN_MS), repeats
    return Trained(specimen, found)


def slope(specimen: Specimen, strength: np.ndarray | float, window=None):
    sweep = field_sweep(specimen.respond(STRENGTH, strength=strength), specimen, STRENGTH)
    t = np.arange(len(sweep)) * DT_MS
    rng = np.random.default_rng(0)
    sweep = sweep + 1e-4 * rng.standard_normal(len(sweep))
    if window is None:
        window = fixed_window(t, sweep, BEFORE_MS)
    return measure_field(t, sweep, BEFORE_MS, window_ms=window).slope.value, window


def change(trained: Trained, bout: str, rule, persistence: float, gain: float) -> tuple[float, float, float]:
    """Return the change of the slope in per cent, and the parts of synapses that went up and down."""
    specimen = dataclasses.replace(trained.specimen, rule=rule)
    calcium, repeats = trained.calcium[bout]
    before = specimen.efficacy
    after = settle(rule, specimen.move(calcium, before, repeats), 60.0)
    drive = np.clip(after - before, -1.0, 1.0)
    kept = float(np.clip(persistence * trained.specimen.persistence / find_slice("ca1-slice").rule("persistence"), 0, 1))
    traffic = Trafficking(persistence=kept, ltd_gain=gain)
    strength = simulate_trafficking(traffic, Induction(0.0, drive), np.array([AFTER_MIN]))[0]
    base, window = slope(specimen, 1.0)
    return 100.0 * (slope(specimen, strength, window)[0] / base - 1.0), np.mean(drive > 0.5), np.mean(drive < -0.5)


def mean_change(slices, bout, rule, persistence, gain):
    found = np.array([change(s, bout, rule, persistence, gain) for s in slices])
    return found.mean(axis=0), found[:, 0].std(ddof=1)
