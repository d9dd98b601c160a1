"""Fit the three free numbers of the slice's plasticity to the three findings that the plan names; no drug anywhere.

Run from the repository root: ``python calibration/slice.py`` (some minutes). It writes the three numbers into
``library/preparations/ca1-slice.yaml``. Calcium does not depend on the rule, so every bout is simulated once per slice
and the rule is evaluated on its course.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np
from scipy.optimize import minimize_scalar

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
#: Mean strengths at which the slope is tabulated, so that the fit need not simulate.
TABLE = np.array([0.3, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 1.9, 2.4])
FACTORS = np.arange(1.0, 3.01, 0.25)
SEM_WHERE_NONE_IS_PRINTED = 10.0
PRIOR = {"potentiation_factor": (1.0, 4.0), "persistence": (0.0, 1.0), "ltd_gain": (0.05, 20.0)}


@dataclasses.dataclass
class Trained:
    """One slice, the calcium of its bouts, how much of the persistence it has, and its baseline."""

    specimen: Specimen
    calcium: dict[str, tuple[np.ndarray, int]]
    relative_persistence: float
    base: float
    window: tuple[float, float]
    table: np.ndarray


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
    kept = specimen.persistence / preparation.document.rule("persistence")
    base, window = slope(specimen)
    table = np.array([slope(specimen, x, window)[0] / base for x in TABLE])
    return Trained(specimen, found, kept, base, window, table)


def slope(specimen: Specimen, strength: np.ndarray | float = 1.0, window=None) -> tuple[float, tuple[float, float]]:
    """Return the slope of the field EPSP in the window of the baseline."""
    sweep = field_sweep(specimen.respond(RECRUITED, strength=strength), specimen, RECRUITED)
    t = np.arange(len(sweep)) * DT_MS
    window = fixed_window(t, sweep, STIMULUS_MS) if window is None else window
    return float(measure_field(t, sweep, STIMULUS_MS, window_ms=window).slope.value), window


def directions(trained: Trained, finding: str, factor: float) -> np.ndarray:
    """Return what every synapse does: 1 up, -1 down, 0 nothing (the rule is bistable, there is nothing between)."""
    specimen = dataclasses.replace(trained.specimen, rule=rule(factor))
    calcium, repeats = trained.calcium[finding]
    after = settle(specimen.rule, specimen.move(calcium, specimen.efficacy, repeats), 60.0)
    return np.round(after - specimen.efficacy)


def expressed(drive: float, persistence: float = 0.0, gain: float = 1.0) -> float:
    """Return the strength of a synapse that went all the way, relative to before, when it is read."""
    traffic = Trafficking(persistence=persistence, ltd_gain=gain)
    return float(simulate_trafficking(traffic, Induction(0.0, np.array([drive])), np.array([READ_MIN]))[0, 0])


GRID_PERSISTENCE = np.linspace(0.0, 1.0, 11)
UP = np.array([expressed(1.0, p) for p in GRID_PERSISTENCE])
GRID_GAIN = np.geomspace(*PRIOR["ltd_gain"], 13)
DOWN = np.array([expressed(-1.0, gain=g) for g in GRID_GAIN])


def strengths(trained: Trained, moved: np.ndarray, persistence: float, gain: float) -> np.ndarray:
    """Return the strength of every synapse when it is read, relative to before."""
    kept = min(1.0, persistence * trained.relative_persistence)
    up = np.interp(kept, GRID_PERSISTENCE, UP)
    down = np.interp(np.log(gain), np.log(GRID_GAIN), DOWN)
    return np.where(moved > 0, up, np.where(moved < 0, down, 1.0))


def change(trained: Trained, moved: np.ndarray, persistence: float, gain: float) -> float:
    """Return the change of the slope in one slice, per cent; by its table over the mean strength."""
    sites = trained.specimen.synapses
    x = np.average(strengths(trained, moved, persistence, gain), weights=sites.ampa_scale * sites.probability)
    return 100.0 * (float(np.interp(x, TABLE, trained.table)) - 1.0)


def exact_change(trained: Trained, moved: np.ndarray, persistence: float, gain: float) -> float:
    """Return the same with every synapse at its own strength."""
    strength = strengths(trained, moved, persistence, gain)
    return 100.0 * (slope(trained.specimen, strength, trained.window)[0] / trained.base - 1.0)


def rule(factor: float) -> ThresholdPlasticity:
    """Return the rule with another factor on the potentiation thresholds."""
    document = find_slice("ca1-slice")
    old = plasticity_rule(document)
    ratio = factor / document.rule("potentiation_factor")
    return dataclasses.replace(
        old, potentiation_pre=ratio * old.potentiation_pre, potentiation_post=ratio * old.potentiation_post
    )


def target(finding: str) -> tuple[float, float]:
    """Return the published mean and its SEM."""
    found = find_finding(finding)
    assert found.effect.value is not None
    return found.effect.value, found.uncertainty.value or SEM_WHERE_NONE_IS_PRINTED


def fit_at(trained: list[Trained], factor: float) -> tuple[float, dict[str, float], dict[str, float]]:
    """Return the misfit at a threshold with the best persistence and gain, these, and the means."""
    moved = {f: [directions(t, f, factor) for t in trained] for f in BOUTS}

    def means(findings: list[str], persistence: float, gain: float) -> dict[str, float]:
        return {
            f: float(np.mean([change(t, m, persistence, gain) for t, m in zip(trained, moved[f], strict=True)]))
            for f in findings
        }

    def misfit(found: dict[str, float]) -> float:
        return sum(((value - target(f)[0]) / target(f)[1]) ** 2 for f, value in found.items())

    *ltp, ltd = BOUTS
    kept, gain = 0.5, 0.3

    def potentiation(p: float, g: float) -> float:
        return misfit(means(ltp, p, g))

    def depression(log_g: float, p: float) -> float:
        return misfit(means([ltd], p, float(np.exp(log_g))))

    def least(function, argument: float, bounds: tuple[float, float], xatol: float) -> float:
        options = {"xatol": xatol}
        return float(minimize_scalar(function, args=(argument,), bounds=bounds, method="bounded", options=options).x)

    for _ in range(2):
        kept = least(potentiation, gain, PRIOR["persistence"], 0.01)
        low, high = np.log(PRIOR["ltd_gain"])
        gain = float(np.exp(least(depression, kept, (low, high), 0.03)))
    found = {
        f: float(np.mean([exact_change(t, m, kept, gain) for t, m in zip(trained, moved[f], strict=True)]))
        for f in BOUTS
    }
    return misfit(found), {"potentiation_factor": factor, "persistence": kept, "ltd_gain": gain}, found


def main() -> None:
    """Fit and write."""
    preparation = Slice.of("ca1-slice")
    trained = []
    for seed in range(1, SLICES + 1):
        trained.append(train(preparation, seed))
        print(f"slice {seed} of {SLICES}", flush=True)
    fits = []
    for factor in FACTORS:
        fits.append(fit_at(trained, float(factor)))
        rounded = {k: round(v, 3) for k, v in (fits[-1][1] | fits[-1][2]).items()}
        print(f"misfit {fits[-1][0]:.2f} {rounded}", flush=True)
    best, numbers, found = min(fits, key=lambda fit: fit[0])
    within = [fit[1] for fit in fits if fit[0] <= best + 1.0]
    for finding, value in found.items():
        print(f"{finding}: {value:.1f} %, published {target(finding)[0]} +- {target(finding)[1]}")
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, value in numbers.items():
        ends = [fit[name] for fit in within]
        low, high = PRIOR[name]
        line = (
            f"  {name}: {{value: {value:.4g}, interval: [{min(ends):.4g}, {max(ends):.4g}], status: calibrated, "
            f'source: "{", ".join(BOUTS)}", prior: [{low}, {high}]}}'
        )
        text, count = re.subn(rf"^  {name}: \{{value: .*\}}$", line, text, flags=re.MULTILINE)
        assert count == 1, name
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
