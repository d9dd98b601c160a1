"""How often do least-squares intervals hold the truth when they are widened by how much sweeps differ?

Companion of coverage.py: the same patches, but with more sweeps of the same channels. Writes
docs/studies/coverage_by_sweeps.md.

Run with: python calibration/studies/coverage_by_sweeps.py [PATCHES] (a minute of one core for 200).
"""

from __future__ import annotations

import functools
import math
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import method_cases as cases
import numpy as np

from potentiate import Bath, Patch, Rig, run
from potentiate.inference.calibration_check import coverage
from potentiate.inference.experiment import Experiment
from potentiate.inference.fit import fit
from potentiate.inference.model import Model
from potentiate.inference.problem import Problem
from potentiate.inference.target import with_data

OUT = Path(__file__).parents[2] / "docs" / "studies" / "coverage_by_sweeps.md"
LEVELS = (0.5, 0.8, 0.95)
#: Sweeps of each of the two protocols.
SWEEPS = (1, 5, 10, 30)
FIRST_SEED = 50_000
RATES = ("closing rate", "desensitization rate")


@functools.cache
def template(sweeps: int) -> tuple[Problem, Any, Any]:
    """Return the layout of a patch with so many sweeps of each protocol, and its compiled programs."""
    patch = Patch(cases.SCHEME, channels=400, rig=Rig(noise_pA=1.0))
    made = tuple(Experiment(run(patch, p, [Bath()] * sweeps, seed=1), p) for p in cases.PROTOCOLS)
    problem = Problem(Model(cases.SCHEME, cases.FREE), made)

    def residual(theta: Any, weight: Any, data: Any) -> Any:
        return with_data(problem, (data,))._residual(theta, weight)

    return problem, jax.jit(residual), jax.jit(jax.jacfwd(residual))


def patch_of(sweeps: int, seed: int) -> tuple[np.ndarray, Problem]:
    """Return the true logarithms of the rates and the problem of a patch drawn as in coverage.py."""
    problem, residual, jacobian = template(sweeps)
    rng = np.random.default_rng([seed, 2])
    theta = np.array([p.centre + p.sd * rng.standard_normal() for p in cases.rate_priors()])
    own = np.exp([p.centre + p.sd * rng.standard_normal() for p in cases.own_priors()[:3]])
    patch = Patch(
        problem.groups[0].rate_map.scheme_at(theta),
        channels=max(1, round(own[0])), unitary_pS=own[1], stochastic=True, rig=Rig(noise_pA=own[2]),
    )  # fmt: skip
    data = np.zeros_like(problem.groups[0].data_pA)
    for k, protocol in enumerate(cases.PROTOCOLS):
        found = run(patch, protocol, [Bath()] * sweeps, seed=int(rng.integers(2**31))).sweeps
        data[k * sweeps : (k + 1) * sweeps, : found.shape[1]] = found
    other = with_data(problem, (data,))
    other.__dict__["_compiled"] = (
        lambda theta, weight: residual(theta, weight, data),
        lambda theta, weight: jacobian(theta, weight, data),
    )
    return theta, other


def main() -> None:
    """Run and write the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    head = " | ".join(f"{100 * v:.0f} %" for v in LEVELS)
    lines = [f"| sweeps | rate | patches | {head} | reads as |", "|---|---|---|---|---|---|---|"]
    for sweeps in SWEEPS:
        truths, ends = [], []
        for seed in range(FIRST_SEED, FIRST_SEED + count):
            truth, problem = patch_of(sweeps, seed)
            made = [fit(problem, starts=1, intervals="curvature", level=v).estimates for v in LEVELS]
            truths.append(truth)
            ends.append([[(math.log(e.low), math.log(e.high)) for e in level] for level in made])
        truth, at = np.array(truths), np.array(ends)  # (patch, level, rate, end)
        for k, rate in enumerate(RATES):
            row = [coverage(at[:, j, k, 0], at[:, j, k, 1], truth[:, k], v) for j, v in enumerate(LEVELS)]
            shares = " | ".join(f"{100 * c.share:.0f} ({100 * c.low:.0f} to {100 * c.high:.0f})" for c in row)
            words = "; ".join(dict.fromkeys(c.word for c in row))
            lines.append(f"| {2 * sweeps} | {rate} | {count} | {shares} | {words} |")
        print("\n".join(lines[-2:]), flush=True)
    part = OUT.with_name(f".{OUT.name}.part")
    part.write_text("\n".join(lines) + "\n")
    part.replace(OUT)


if __name__ == "__main__":
    main()
