"""Fit the three free numbers of the slice's plasticity to the three findings that the plan names; no drug anywhere.

Run from the repository root: ``python calibration/slice.py`` (some minutes). It writes the three numbers into
``library/preparations/ca1-slice.yaml``. Calcium does not depend on the rule, so every bout is simulated once per slice
and the rule is evaluated on its course.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np
from scipy.optimize import brentq

from potentiate.library.document import LIBRARY
from potentiate.library.finding import find_finding
from potentiate.library.slice_document import find_slice
from potentiate.measures.field_potential import fixed_window, measure_field
from potentiate.mechanisms.release import draw_releases
from potentiate.mechanisms.threshold_plasticity import ThresholdPlasticity, bin_calcium, settle
from potentiate.mechanisms.trafficking import Induction, Trafficking, simulate_trafficking
from potentiate.preparations.field_sweep import DT_MS, STIMULUS_MS, field_sweep
from potentiate.preparations.slice import Slice
from potentiate.preparations.slice_specimen import BIN_MS, Specimen, plasticity_rule, shortened
from potentiate.protocols.stimulation import low_frequency, tetanus, theta_burst

DOCUMENT = LIBRARY / "preparations" / "ca1-slice.yaml"
SLICES, RECRUITED = 12, 0.4
#: When the change is read: the middle of the last ten minutes of the hour.
READ_MIN = 55.0

BOUTS = {
    "ltp-2x100hz-mouse": tetanus(2, strength=RECRUITED),
    "ltp-tbs-mouse": theta_burst(10, strength=RECRUITED),
    "ltd-900x1hz-mouse": low_frequency(strength=RECRUITED),
}
PRIOR = {"potentiation_factor": (1.0, 4.0), "persistence": (0.0, 1.0), "ltd_gain": (0.05, 20.0)}


@dataclasses.dataclass
class Trained:
    """One slice, the calcium of its bouts, and what the numbers of the document had made of it."""

    specimen: Specimen
    calcium: dict[str, tuple[np.ndarray, int]]
    relative_persistence: float


def train(preparation: Slice, seed: int) -> Trained:
    """Draw a slice and give it every bout."""
    specimen = preparation.draw(seed)
    found = {}
    for name, bout in BOUTS.items():
        short, repeats = shortened(bout)
        chance = specimen.release.probabilities(short.pulses_ms, specimen.synapses.probability)
        releases = draw_releases(chance, len(specimen.synapses), np.random.default_rng([seed, 0])).astype(float)
        course = specimen.simulate(short, releases)
        found[name] = bin_calcium(course.t_ms, course.calcium_uM, BIN_MS), repeats
    return Trained(specimen, found, specimen.persistence / preparation.document.rule("persistence"))


def slope(specimen: Specimen, strength: np.ndarray | float = 1.0, window=None) -> tuple[float, tuple[float, float]]:
    """Return the slope of the field EPSP in the window of the baseline."""
    sweep = field_sweep(specimen.respond(RECRUITED, strength=strength), specimen, RECRUITED)
    t = np.arange(len(sweep)) * DT_MS
    window = fixed_window(t, sweep, STIMULUS_MS) if window is None else window
    return float(measure_field(t, sweep, STIMULUS_MS, window_ms=window).slope.value), window


def change(trained: Trained, finding: str, numbers: dict[str, float]) -> float:
    """Return the change in one slice, per cent."""
    specimen = dataclasses.replace(trained.specimen, rule=rule(numbers["potentiation_factor"]))
    calcium, repeats = trained.calcium[finding]
    after = settle(specimen.rule, specimen.move(calcium, specimen.efficacy, repeats), 60.0)
    drive = np.clip(after - specimen.efficacy, -1.0, 1.0)
    kept = float(np.clip(numbers["persistence"] * trained.relative_persistence, 0.0, 1.0))
    traffic = Trafficking(persistence=kept, ltd_gain=numbers["ltd_gain"])
    strength = simulate_trafficking(traffic, Induction(0.0, drive), np.array([READ_MIN]), tolerance=1e-4)[0]
    base, window = slope(specimen)
    return 100.0 * (slope(specimen, strength, window)[0] / base - 1.0)


def rule(factor: float) -> ThresholdPlasticity:
    """Return the rule with another factor on the potentiation thresholds."""
    document = find_slice("ca1-slice")
    old = plasticity_rule(document)
    ratio = factor / document.rule("potentiation_factor")
    return dataclasses.replace(
        old, potentiation_pre=ratio * old.potentiation_pre, potentiation_post=ratio * old.potentiation_post
    )


def mean(trained: list[Trained], finding: str, numbers: dict[str, float]) -> tuple[float, float]:
    """Return the mean change over slices and its standard deviation."""
    found = np.array([change(t, finding, numbers) for t in trained])
    return float(found.mean()), float(found.std(ddof=1))


def solve(trained: list[Trained], name: str, finding: str, numbers: dict[str, float]) -> float:
    """Return the value of one number at which the mean meets the finding; the nearer end where none does."""
    target = find_finding(finding).effect.value
    assert target is not None

    def miss(value: float) -> float:
        return mean(trained, finding, numbers | {name: value})[0] - target

    low, high = PRIOR[name]
    at_low, at_high = miss(low), miss(high)
    if at_low * at_high > 0:
        return low if abs(at_low) < abs(at_high) else high
    return float(brentq(miss, low, high, xtol=0.005 * (high - low) if name != "ltd_gain" else 0.01))


def main() -> None:
    """Fit and write."""
    preparation = Slice.of("ca1-slice")
    trained = []
    for seed in range(1, SLICES + 1):
        trained.append(train(preparation, seed))
        print(f"slice {seed} of {SLICES}", flush=True)
    document = preparation.document
    numbers = {name: document.rule(name) for name in PRIOR}
    for _ in range(3):
        numbers["persistence"] = solve(trained, "persistence", "ltp-2x100hz-mouse", numbers)
        numbers["potentiation_factor"] = solve(trained, "potentiation_factor", "ltp-tbs-mouse", numbers)
        print({k: round(v, 4) for k, v in numbers.items()}, flush=True)
    numbers["ltd_gain"] = solve(trained, "ltd_gain", "ltd-900x1hz-mouse", numbers)
    for finding in BOUTS:
        at, sd = mean(trained, finding, numbers)
        print(f"{finding}: {at:.1f} % (SD between slices {sd:.1f}), published {find_finding(finding).effect.value}")
    text = DOCUMENT.read_text(encoding="utf-8")
    sources = dict(zip(("persistence", "potentiation_factor", "ltd_gain"), BOUTS, strict=True))
    for name, value in numbers.items():
        low, high = PRIOR[name]
        line = f"  {name}: {{value: {value:.4g}, status: calibrated, source: {sources[name]}, prior: [{low}, {high}]}}"
        text, count = re.subn(rf"^  {name}: \{{value: [^}}]*\}}$", line, text, flags=re.MULTILINE)
        assert count == 1, name
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
