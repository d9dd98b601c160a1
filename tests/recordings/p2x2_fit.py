"""The P2X2 record of Moffatt & Hume 2007: its scheme, its bins, its likelihood, and the long fit.

    python tests/recordings/p2x2_fit.py FOLDER_OF_THE_SET [--starts 12]

fits from several starts (an hour on two cores), prints a table and writes p2x2_fit.json and p2x2_fit.png beside the
current directory. The test uses the same functions from near the optimum.

The scheme ("scheme 10": three subunits of a trimer in a ring, each with a binding site that its own subunit and the
neighbour share; a site binds, a subunit rocks, and the two couple through interfaces RB and BR) and every convention
below are facts read in lmoffatt/macro_dr: `legacy/models_MoffattHume_allosteric.h` (commit 4e3cb1a, scheme_10),
`legacy/allosteric_models.h` (0f0fd4d, calc_Qij, calc_gi), `legacy/qmodel.h` (add_Patch_inactivation, the noise). No
code is copied. The parameters are those of `scheme_10_inact_PI_posterior_par.csv`:

- a site binds with Binding_on (1/uM/s), lets go with Binding_off (1/s); a subunit rocks with Rocking_on and back with
  Rocking_off, which hold where both its sites are bound. Where the partner across an interface X is active, a forward
  rate is multiplied by X_i (i: the place of the one that moves) and a backward rate by X_i / X;
- of the 64 states 24 differ by more than a turn of the ring. With m subunits rocked the current is that of a pore in
  equilibrium, r / (1 + r) with r = Leakeage_current_ratio * Rocking_Current_factor^m, scaled so that m = 3 has
  -Gating_Current;
- run-down: every state goes to a 25th, silent one at inactivation_rate, for good. At the start channels are in
  equilibrium without ATP, none run down;
- the variance of a bin of ns samples is Current_Noise * 50 kHz / ns + Pink_Noise; baseline as given.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from potentiate.kinetics.bins import BinPlan, plan_bins
from potentiate.kinetics.macroscopic_likelihood import bin_noise, log_likelihood, predict_current
from potentiate.numerics.matrix_exponential import settle

SAMPLES_PER_MS = 50.0
NAMES = (
    "Binding_on", "Binding_off", "Rocking_on", "Rocking_off", "RB", "RB_0", "RB_1", "BR", "BR_0", "BR_1",
    "Rocking_Current_factor", "Leakeage_current_ratio", "Gating_Current", "Current_Noise", "Pink_Noise",
    "Current_Baseline", "Num_ch", "inactivation_rate",
)  # fmt: skip
RATES = NAMES[:10]


def read(folder: Path) -> tuple[BinPlan, np.ndarray, np.ndarray, np.ndarray]:
    """Return plan, current (1, bins), samples per bin (1, bins) and the concentrations of the plan's generators."""
    with (folder / "Moffatt_Hume_2007_ATP_time_idealized_2.txt").open() as file:
        steps = list(csv.DictReader(file))
    with (folder / "Moffatt_Hume_2007_ATP_time_recording.txt").open() as file:
        current = np.array([[float(row["patch_current"]) for row in csv.DictReader(file)]])
    levels = sorted({float(step["Agonist_concentration"]) for step in steps})
    bins, samples = [[] for _ in current[0]], np.zeros(current.shape)
    for step in steps:
        i, ns = int(step["i_step"]), float(step["number_of_samples"])
        samples[0, i] += ns
        if ns > 0:
            bins[i].append((levels.index(float(step["Agonist_concentration"])), ns / SAMPLES_PER_MS))
    return plan_bins([bins]), current, samples, np.array(levels)


def published(folder: Path) -> np.ndarray:
    """Return the natural logarithms of the posterior means (of the logarithms, as the file has them), in `NAMES`."""
    with (folder / "scheme_10_inact_PI_posterior_par.csv").open() as file:
        table = {row["parameter_name"]: row for row in csv.DictReader(file)}
    return np.array([float(table[name]["transformed_mean"]) for name in NAMES]) * math.log(10.0)


def _moves() -> tuple[list[tuple[int, int, bool, np.ndarray]], np.ndarray]:
    """Return the transitions (from, to, takes ATP, powers of the rates in `RATES`) and the subunits rocked by state."""
    ring = list(itertools.product((0, 1), repeat=6))  # site, subunit, site, subunit, site, subunit

    def turned(state: tuple[int, ...]) -> tuple[int, ...]:
        return min(state[k:] + state[:k] for k in (0, 2, 4))

    kinds = sorted({turned(s) for s in ring})
    moves = []
    for i, state in enumerate(kinds):
        for at in range(6):
            left, right = state[at - 1], state[(at + 1) % 6]
            after = turned(tuple(s ^ (k == at) for k, s in enumerate(state)))
            forward, site = not state[at], at % 2 == 0
            power = np.zeros(len(RATES))
            power[RATES.index(("Binding" if site else "Rocking") + ("_on" if forward else "_off"))] = 1.0
            # a site has BR to the subunit on its right (place 0) and RB to the one on its left (place 1); a subunit
            # has RB to the site on its right (place 0) and BR to the one on its left (place 1)
            beyond = ("BR", "BR_0", right), ("RB", "RB_1", left)
            if not site:
                beyond = ("RB", "RB_0", right - 1), ("BR", "BR_1", left - 1)  # its rates are those with both bound
            for interface, place, active in beyond:
                power[RATES.index(place)] += active
                if not forward:
                    power[RATES.index(interface)] -= active
            moves.append((i, kinds.index(after), site and forward, power))
    return moves, np.array([sum(s[1::2]) for s in kinds])


MOVES, ROCKED = _moves()
N_STATES = len(ROCKED) + 1  # and the one that has run down


def model(log_p, levels_uM: np.ndarray, xp=np) -> tuple:
    """Return generators (1/ms), currents (pA), start, channels, (white, floor) noise (pA^2) and baseline (pA)."""
    p = dict(zip(NAMES, xp.exp(log_p), strict=True))
    source, target, atp, power = (np.array(a) for a in zip(*MOVES, strict=True))
    rates = xp.exp(power @ log_p[: len(RATES)]) * 1e-3
    flow = np.zeros((len(MOVES), N_STATES, N_STATES))
    flow[np.arange(len(MOVES)), source, target] += 1.0
    flow[np.arange(len(MOVES)), source, source] -= 1.0
    gone = np.zeros((N_STATES, N_STATES))
    gone[:-1, -1], gone[np.arange(N_STATES - 1), np.arange(N_STATES - 1)] = 1.0, -1.0
    factors = np.where(atp, levels_uM[:, None], 1.0)
    generators = xp.einsum("gm,mij->gij", rates * factors, flow)
    rest = settle(generators[0, :-1, :-1], xp=xp)
    ratio = p["Leakeage_current_ratio"] * p["Rocking_Current_factor"] ** ROCKED
    relative = ratio / (1.0 + ratio)
    currents = -p["Gating_Current"] * relative / xp.max(relative)
    return (
        generators + p["inactivation_rate"] * 1e-3 * gone,
        xp.concatenate([currents, np.zeros(1)]),
        xp.concatenate([rest, np.zeros(1)]),
        p["Num_ch"],
        (p["Current_Noise"] * SAMPLES_PER_MS * 1e3, p["Pink_Noise"]),
        p["Current_Baseline"],
    )


def squarings(plan: BinPlan, log_p: np.ndarray, levels_uM: np.ndarray, margin: float = 4.0) -> int:
    """Return the squarings for rates up to `margin` times those of a point."""
    generators = model(log_p, levels_uM)[0]
    return plan.squarings(margin / 2.0 * -np.min(np.diagonal(generators, axis1=-2, axis2=-1), axis=-1))


def logl(log_p, plan: BinPlan, current: np.ndarray, samples: np.ndarray, levels_uM: np.ndarray, xp=np, **rest):
    """Return the log likelihood of the record."""
    generators, currents, start, n, noise, baseline = model(log_p, levels_uM, xp)
    variance = bin_noise(np.maximum(samples, 1.0), *noise)
    return log_likelihood(plan, current, generators, currents, start, n, variance, baseline_pA=baseline, xp=xp, **rest)


def predict(log_p, plan: BinPlan, current: np.ndarray, samples: np.ndarray, levels_uM: np.ndarray) -> tuple:
    """Return mean and variance of every bin given those before it; for an all-NaN record, of the current as such."""
    generators, currents, start, n, noise, baseline = model(log_p, levels_uM)
    variance = bin_noise(np.maximum(samples, 1.0), *noise)
    return predict_current(plan, current, generators, currents, start, n, variance, baseline_pA=baseline)


def climb(
    value_and_gradient: Callable, start: np.ndarray, *, reach: float = math.log(1e4), iterations: int = 600
) -> tuple[np.ndarray, float, int]:
    """Return where L-BFGS ends (log parameters, within `reach` of the start), the value there and the calls it took."""
    from scipy.optimize import minimize

    calls = 0

    def cost(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal calls
        calls += 1
        value, gradient = value_and_gradient(x)
        if not (np.isfinite(value) and np.all(np.isfinite(gradient))):  # too fast for the exponential: turn back
            return 1e6, np.zeros_like(x)
        return -float(value), -np.asarray(gradient, dtype=float)

    bounds = np.stack([start - reach, start + reach], axis=1)
    options = {"maxiter": iterations, "maxcor": 40, "ftol": 1e-12, "gtol": 1e-4, "maxls": 40}
    found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return found.x, -float(found.fun), calls
