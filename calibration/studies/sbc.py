"""Simulation-based calibration of the posteriors: are the ranks of the truth among the draws uniform?

Least squares (with and without the correlation time) and the likelihood that counts channels, on patches with white
noise and on patches with stochastic channels. Writes docs/studies/sbc.json, sbc.png and sbc.md.

Run with: python calibration/studies/sbc.py [PATCHES OF EACH KIND]
(twenty minutes of one core for 100); `report` draws again.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import method_cases as cases
import numpy as np

from potentiate.inference.calibration_check import rank_of_truth, uniformity
from potentiate.inference.convergence import ess_bulk
from potentiate.inference.nuts import Nuts, frame_at
from potentiate.show.style import BLUE, FAINT, GREY, styled

FOLDER = Path(__file__).parents[2] / "docs" / "studies"
RANKS, DRAWS, WARMUP, CHUNK = 49, 200, 75, 25
METHODS = {
    "squares": "least squares",
    "widened": "least squares, correlated samples counted as fewer",
    "channels": "counting channels (Kalman)",
}
NOISES = {"white": "white noise only", "channels": "stochastic channels and white noise"}


def draws(sampler: Nuts, frame: Any, data: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return draws (draw, p) of one chain, and which transitions diverged."""
    told = (data, frame.origin, frame.axes)
    size = frame.origin.size
    state = sampler.init(np.random.default_rng(seed).standard_normal(size), jax.random.key(seed), *told)
    kept = []
    for k in range((WARMUP + DRAWS) // CHUNK):
        state, answer = sampler.advance(state, *told)
        if k >= WARMUP // CHUNK:
            kept.append([np.asarray(a) for a in answer])
    return sampler.points(np.concatenate([a[0] for a in kept]), frame), np.concatenate([a[2] for a in kept])


def study(count: int) -> dict[str, Any]:
    """Return ranks of the truths, by noise and method."""
    rates, own = cases.rate_priors(), cases.own_priors()
    priors = (*rates, *own)
    squares = Nuts(cases.squares_likelihood(), rates, warmup=WARMUP, chunk=CHUNK)
    counting = Nuts(cases.channels_likelihood(), priors, warmup=WARMUP, chunk=CHUNK, adapt_mass=False)
    results: dict[str, Any] = {
        noise: {m: {"ranks": [], "seeds": [], "failed": [], "divergent": 0} for m in METHODS} for noise in NOISES
    }
    began = time.perf_counter()
    for seed in range(count):
        for noise, found in results.items():
            case = cases.draw_case(noise, seed)  # type: ignore[arg-type]
            fitted = cases.fit_squares(case)
            slow = fitted.correlation_time
            truth = np.concatenate([case.theta, case.own])
            for method, box in found.items():
                if method == "channels":
                    peak = cases.fit_channels(case, fitted, priors=priors)
                    information = peak.information - np.diag([p.precision for p in priors])
                    if not np.isfinite(peak.information).all() or np.linalg.eigvalsh(peak.information)[0] <= 0:
                        box["failed"].append([seed, peak.status])
                        continue
                    sampler, at, data = counting, peak.x, cases.readings(case)
                else:
                    one = slow if method == "widened" else 1.0
                    sampler, at, data = squares, fitted.theta, ((case.data_pA,), one)
                    information = fitted.information.matrix * slow / one
                points, diverged = draws(sampler, frame_at(sampler.bounded, at, information), data, seed)
                known = points[:, : truth.size]
                worth = min(ess_bulk(known[None, :, k]) for k in range(known.shape[1]))
                box["divergent"] += int(diverged.sum())
                if worth < RANKS / 2:
                    box["failed"].append([seed, f"worth {worth:.0f} draws"])
                    continue
                box["ranks"].append(rank_of_truth(known, truth[: known.shape[1]], worth, RANKS).tolist())
                box["seeds"].append(seed)
        if seed % 10 == 9:
            print(f"{seed + 1} of {count}, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
            write(results, seed + 1)
    return results


def write(results: dict[str, Any], count: int) -> None:
    """Write what there is."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    told = {"patches_of_each_kind": count, "ranks": RANKS, "draws": DRAWS, "warmup": WARMUP, "results": results}
    part = FOLDER / ".sbc.json.part"
    part.write_text(json.dumps(told) + "\n")
    part.replace(FOLDER / "sbc.json")


NAMES = ("closing rate", "desensitization rate", "number of channels", "conductance", "noise")


@styled
def figure(told: dict[str, Any]) -> Any:
    """Draw rank histograms of the rates."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(8.6, 6.4), layout="constrained")
    axes = made.subplots(4, 3, sharex=True, sharey=True)
    for row, (noise, k) in enumerate((n, k) for n in NOISES for k in range(2)):
        for column, method in enumerate(METHODS):
            axis = axes[row, column]
            ranks = np.array([r[k] for r in told["results"][noise][method]["ranks"]])
            found = uniformity(ranks, told["ranks"])
            scale = 10 / len(ranks)
            axis.axhspan(found.band[0] * scale, found.band[1] * scale, color=FAINT, lw=0)
            axis.axhline(1.0, color=GREY, lw=0.8)
            axis.bar(np.arange(10) * 5 + 2.5, found.counts * scale, width=4.4, color=BLUE)
            axis.set_title(f"{NAMES[k]}: {found.shape}")
            if row == 0:
                axis.annotate(
                    METHODS[method].replace(", ", ",\n"), (0.5, 1.32), xycoords="axes fraction", ha="center",
                    fontweight="bold",
                )  # fmt: skip
        axes[row, 0].set_ylabel(f"{NOISES[noise].replace(' and ', chr(10) + 'and ')}\n\nrelative frequency")
    for axis in axes[-1]:
        axis.set_xlabel("rank of the truth among 49 draws")
    return made


def report(told: dict[str, Any]) -> str:
    """Return the table."""
    lines = [
        "| patches | posterior | number | ranks | p (chi-squared) | largest deviation (5 % limit) | reads as |",
        "|---|---|---|---|---|---|---|",
    ]
    for noise, found in told["results"].items():
        for method, box in found.items():
            ranks = np.array(box["ranks"])
            for k in range(ranks.shape[1]):
                u = uniformity(ranks[:, k], told["ranks"])
                lines.append(
                    f"| {NOISES[noise]} | {METHODS[method]} | {NAMES[k]} | {len(ranks)} | {u.p_value:.2g} | "
                    f"{u.largest_deviation:.3f} ({u.critical_deviation:.3f}) | {u.shape} |"
                )
    lines.append("")
    for noise, found in told["results"].items():
        for method, box in found.items():
            if box["failed"] or box["divergent"]:
                reasons = sorted({reason for _, reason in box["failed"]})
                lines.append(
                    f"- {NOISES[noise]}, {METHODS[method]}: {len(box['failed'])} patches without ranks"
                    f"{' (' + '; '.join(reasons) + ')' if reasons else ''}, {box['divergent']} divergent transitions "
                    f"of {len(box['ranks']) * told['draws']}."
                )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run or draw again."""
    if sys.argv[1:] != ["report"]:
        count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
        write(study(count), count)
    told = json.loads((FOLDER / "sbc.json").read_text())
    figure(told).savefig(FOLDER / "sbc.png", dpi=150)
    (FOLDER / "sbc.md").write_text(report(told))
    print(report(told))


if __name__ == "__main__":
    main()
