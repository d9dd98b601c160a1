"""How often do intervals hold the truth? Least squares and the likelihood that counts channels, two kinds of noise.

Writes docs/studies/coverage.json, coverage.png and coverage.md.

Run with: python calibration/studies/coverage.py [PATCHES OF EACH KIND]
(ten minutes of one core for 200); `report` draws again.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import method_cases as cases
import numpy as np
from scipy.special import ndtri

from potentiate.inference.calibration_check import Coverage, coverage
from potentiate.show.style import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILLION, styled

FOLDER = Path(__file__).parents[2] / "docs" / "studies"
LEVELS = (0.5, 0.8, 0.95)
#: Seeds of these patches start here: none is one of those of sbc.py.
FIRST_SEED = 10_000
METHODS = {
    "curvature": "least squares, curvature",
    "widened": "least squares, curvature, widened by the correlation time",
    "profile": "least squares, profile, widened (what `fit` reports)",
    "channels": "counting channels (Kalman), curvature",
}
NOISES = {"white": "white noise only", "channels": "stochastic channels and white noise"}
RATES = ("closing rate", "desensitization rate")


def study(count: int) -> dict[str, Any]:
    """Return truths and intervals (logarithms of the rates), by noise and method."""
    results: dict[str, Any] = {
        noise: {"truth": [], **{m: [] for m in METHODS}, "correlation_time": [], "failed": []} for noise in NOISES
    }
    began = time.perf_counter()
    z = [float(ndtri(0.5 + level / 2)) for level in LEVELS]
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        for noise, box in results.items():
            case = cases.draw_case(noise, seed)  # type: ignore[arg-type]
            profiles = []
            for level in LEVELS:
                fitted = cases.fit_squares(case, "profile", level)
                profiles.append([[_log(e.low), _log(e.high)] for e in fitted.estimates])
            sd = np.sqrt(np.diag(fitted.information.covariance))
            slow = fitted.correlation_time
            box["truth"].append(case.theta.tolist())
            box["correlation_time"].append(slow)
            box["profile"].append(profiles)
            box["widened"].append(_normal(fitted.theta, sd, z))
            box["curvature"].append(_normal(fitted.theta, sd / math.sqrt(slow), z))
            peak = cases.fit_channels(case, fitted)
            usable = np.isfinite(peak.information).all() and np.linalg.eigvalsh(peak.information)[0] > 0
            if usable:
                spread = np.sqrt(np.diag(np.linalg.inv(peak.information)))
                box["channels"].append(_normal(peak.x[: sd.size], spread[: sd.size], z))
            else:
                box["channels"].append(None)
                box["failed"].append([seed, peak.status if peak.status != "ok" else "the curvature is not positive"])
        if seed % 10 == 9:
            done = seed + 1 - FIRST_SEED
            print(f"{done} of {count}, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
            write(results, done)
    return results


def _log(x: float) -> float:
    return -math.inf if x <= 0 else round(math.log(x), 6)


def _normal(centre: np.ndarray, sd: np.ndarray, z: list[float]) -> list[Any]:
    return [
        [[round(float(c - q * s), 6), round(float(c + q * s), 6)] for c, s in zip(centre, sd, strict=True)] for q in z
    ]


def write(results: dict[str, Any], count: int) -> None:
    """Write what there is."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    part = FOLDER / ".coverage.json.part"
    part.write_text(json.dumps({"patches_of_each_kind": count, "levels": LEVELS, "results": results}) + "\n")
    part.replace(FOLDER / "coverage.json")


def table(told: dict[str, Any]) -> dict[tuple[str, str, int, float], Coverage]:
    """Return the coverage by noise, method, rate and level."""
    found = {}
    for noise, box in told["results"].items():
        truth = np.array(box["truth"])
        for method in METHODS:
            keep = [i for i, made in enumerate(box[method]) if made is not None]
            ends = np.array([box[method][i] for i in keep])  # (patch, level, rate, end)
            for j, level in enumerate(told["levels"]):
                for k in range(len(RATES)):
                    found[noise, method, k, level] = coverage(ends[:, j, k, 0], ends[:, j, k, 1], truth[keep, k], level)
    return found


@styled
def figure(told: dict[str, Any]) -> Any:
    """Draw claimed against observed coverage."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(7.6, 7.0), layout="constrained")
    axes = made.subplots(2, 2, sharex=True, sharey=True)
    found = table(told)
    colours = dict(zip(METHODS, (ORANGE, VERMILLION, BLUE, GREEN), strict=True))
    for row, noise in enumerate(NOISES):
        for k, rate in enumerate(RATES):
            axis = axes[row, k]
            axis.plot([0.4, 1.0], [0.4, 1.0], color=GREY, lw=0.8)
            for i, method in enumerate(METHODS):
                for level in told["levels"]:
                    c = found[noise, method, k, level]
                    x = level + 0.012 * (i - 1.5)
                    axis.plot([x, x], [c.low, c.high], color=colours[method], lw=1.2)
                    axis.plot(x, c.share, "os^D"[i], color=colours[method], ms=4.5,
                              label=METHODS[method].replace("`", "") if level == 0.5 else None)  # fmt: skip
            axis.set_title(f"{rate}; {NOISES[noise]}")
            axis.set_xticks(told["levels"], [f"{100 * v:.0f} %" for v in told["levels"]])
            axis.set_yticks([0.2, 0.4, 0.6, 0.8, 1.0], ["20 %", "40 %", "60 %", "80 %", "100 %"])
            axis.spines["left"].set_color(BLACK)
    for axis in axes[:, 0]:
        axis.set_ylabel("intervals that held the truth")
    for axis in axes[1]:
        axis.set_xlabel("level that was claimed")
    made.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return made


def report(told: dict[str, Any]) -> str:
    """Return the table."""
    head = " | ".join(f"{100 * v:.0f} %" for v in told["levels"])
    lines = [f"| patches | intervals | rate | patches | {head} | reads as |", "|---|---|---|---|---|---|---|---|"]
    found = table(told)
    for noise in NOISES:
        for method in METHODS:
            for k, rate in enumerate(RATES):
                row = [found[noise, method, k, level] for level in told["levels"]]
                shares = " | ".join(f"{100 * c.share:.0f} ({100 * c.low:.0f} to {100 * c.high:.0f})" for c in row)
                words = "; ".join(dict.fromkeys(c.word for c in row))
                lines.append(f"| {NOISES[noise]} | {METHODS[method]} | {rate} | {row[0].cases} | {shares} | {words} |")
    lines.append("")
    for noise, box in told["results"].items():
        slow = np.median(box["correlation_time"])
        why = "; ".join(sorted({reason for _, reason in box["failed"]}))
        lines.append(
            f"- {NOISES[noise]}: median correlation time {slow:.1f} samples; no Kalman interval for "
            f"{len(box['failed'])} patches{f' ({why})' if why else ''}."
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run or draw again."""
    if sys.argv[1:] != ["report"]:
        count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
        write(study(count), count)
    told = json.loads((FOLDER / "coverage.json").read_text())
    figure(told).savefig(FOLDER / "coverage.png", dpi=150)
    (FOLDER / "coverage.md").write_text(report(told))
    print(report(told))


if __name__ == "__main__":
    main()
