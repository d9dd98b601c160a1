"""The P2X2 record of Moffatt & Hume 2007: its scheme, its bins, its likelihood, and the long fit.

    python tests/recordings/p2x2_fit.py FOLDER_OF_THE_SET [--starts 8] [--out FOLDER]

fits from several starts (half a minute each), by the Kalman likelihood and with residuals taken for independent, prints
tables and writes p2x2_fit.json and p2x2_fit.png. The test uses the same functions from near the optimum.

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

The set is described as "10-state": 10 is the number of the scheme, which has 24 states and that of the run-down.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from potentiate.kinetics.bins import BinPlan, plan_bins
from potentiate.kinetics.macroscopic_likelihood import bin_noise, log_likelihood, predict_current
from potentiate.numerics.count_filter import log_density
from potentiate.numerics.low_pass import bessel
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


def logl(
    log_p,
    plan: BinPlan,
    current: np.ndarray,
    samples: np.ndarray,
    levels_uM: np.ndarray,
    *,
    independent: bool = False,
    xp=np,
    **rest,
):
    """Return the log likelihood of the record; `independent`: as if bins had no noise from channels (least squares)."""
    generators, currents, start, n, noise, baseline = model(log_p, levels_uM, xp)
    if independent:  # countless tiny channels
        currents, n = currents * 1e-8, n * 1e8
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

    calls, first = 0, 0.0

    def cost(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal calls, first
        calls += 1
        value, gradient = value_and_gradient(x)
        if not (np.isfinite(value) and np.all(np.isfinite(gradient))):  # no likelihood there: turn back
            return abs(first) + 1e6, np.zeros_like(x)
        first = first or float(value)
        return -float(value), -np.asarray(gradient, dtype=float)

    bounds = np.stack([start - reach, start + reach], axis=1)
    options = {"maxiter": iterations, "maxcor": 40, "ftol": 1e-12, "gtol": 1e-4, "maxls": 40}
    found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return found.x, -float(found.fun), calls


def innovations(log_p, record: tuple) -> np.ndarray:
    """Return standardized innovations, (bins,), NaN where nothing was recorded."""
    mean, variance = predict(log_p, *record)
    return ((record[1] - mean) / np.sqrt(variance))[0]


def behind_the_filter(log_p: np.ndarray, record: tuple, factor: float) -> tuple[float, dict[str, float]]:
    """Return log likelihood and innovations where the rig's filter (Bessel, 4 poles, 10 kHz) passes current and noise.

    `factor` multiplies the density of the noise: behind a filter less of it is left in a sample.
    """
    plan, current, _, levels = record
    generators, currents, start, n, (white, floor), baseline = model(log_p, levels)
    more = {"low_pass": bessel(4, 10.0), "input_noise_pA2_ms": factor * white / SAMPLES_PER_MS}
    mean, variance = predict_current(plan, current, generators, currents, start, n, floor, baseline_pA=baseline, **more)
    value = float(log_density(current, mean, variance).sum())
    return value, diagnose(((current - mean) / np.sqrt(variance))[0])


def diagnose(z: np.ndarray) -> dict[str, float]:
    """Return mean, variance and lag-one autocorrelation of standardized innovations, and their number."""
    pairs = z[1:] * z[:-1]
    centred = z - np.nanmean(z)
    return {
        "n": int((~np.isnan(z)).sum()),
        "mean": float(np.nanmean(z)),
        "variance": float(np.nanvar(z)),
        "lag_one": float(np.nansum(centred[1:] * centred[:-1]) / np.nansum(centred**2)),
        "pairs": int((~np.isnan(pairs)).sum()),
    }


def main() -> None:
    """Fit from several starts, with both objectives, and draw."""
    parser = argparse.ArgumentParser(description="Fit the P2X2 record.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--starts", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()

    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    record = read(told.folder)
    origin = published(told.folder)
    count = squarings(record[0], origin, record[3], margin=4096.0)
    rng = np.random.default_rng(told.seed)
    starts = [origin] + [origin + rng.normal(scale=0.7, size=origin.size) for _ in range(told.starts - 1)]
    results: dict = {"names": NAMES, "published": origin.tolist()}
    for name, independent in (("kalman", False), ("independent", True)):

        def value(p, independent=independent):
            return logl(p, *record, independent=independent, xp=jnp, squarings=count)

        both = jax.jit(jax.value_and_grad(value))
        apart = jax.jit(jax.value_and_grad(lambda p: value(p, True)))
        fits = []
        for start in starts if not independent else starts[:3]:
            begun = start
            if not np.isfinite(both(start)[0]):  # so far off that the closure fails: first with independent residuals
                begun = climb(apart, start)[0]
            x, reached, calls = climb(both, begun)
            fits.append((reached, x.tolist()))
            print(f"{name}: {float(both(start)[0]):.2f} -> {reached:.4f} in {calls} calls", flush=True)
        reached, x = max(fits)
        results[name] = {"log_likelihood": reached, "log_p": x, "all": [f for f, _ in fits]}
        results[name]["innovations"] = diagnose(innovations(np.array(x), record))
    results["published_log_likelihood"] = float(logl(origin, *record))
    results["published_innovations"] = diagnose(innovations(origin, record))
    best = np.array(results["kalman"]["log_p"])
    results["behind_the_filter"] = {f"{f:g}": behind_the_filter(best, record, f) for f in (1.0, 2.0, 3.0, 4.0, 5.0)}
    (told.out / "p2x2_fit.json").write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps({k: v for k, v in results.items() if k.startswith("published_")}, indent=1))
    for factor, (value, found) in results["behind_the_filter"].items():
        print(f"behind the filter, noise density times {factor}: {value:.2f}", found)
    for name in ("kalman", "independent"):
        print(name, results[name]["log_likelihood"], results[name]["innovations"])
    print(f"{'':26s}{'published':>12s}{'Kalman':>12s}{'independent':>12s}")
    for i, name in enumerate(NAMES):
        three = (math.exp(results[k][i] if k == "published" else results[k]["log_p"][i])
                 for k in ("published", "kalman", "independent"))  # fmt: skip
        print(f"{name:26s}" + "".join(f"{v:12.5g}" for v in three))
    draw(record, np.array(results["kalman"]["log_p"]), np.array(results["independent"]["log_p"]), told.out)


def draw(record: tuple, fitted: np.ndarray, independent: np.ndarray, out: Path) -> None:
    """Draw data and expected current of each pulse, the reference pulses and the innovations."""
    import matplotlib.pyplot as plt

    plan, current, samples, levels = record
    nothing = np.full(current.shape, np.nan)
    mean, variance = (a[0] for a in predict(fitted, plan, nothing, samples, levels))
    other = predict(independent, plan, nothing, samples, levels)[0][0]
    z = innovations(fitted, record)
    ends = np.cumsum(plan.bin_ms[0])
    middle, level = ends - plan.bin_ms[0] / 2, levels[plan.part_generator[plan.kinds[plan.kind[0]]]]
    level = np.where(plan.kinds[plan.kind[0]] >= 0, level, 0.0).max(axis=1)
    pulses = [k for k in range(1, len(level)) if level[k] > 0 and level[k - 1] == 0]
    figure, axes = plt.subplots(3, 3, figsize=(12, 9), layout="constrained")
    short, reference = pulses[::2], pulses[1::2]
    for ax, first, stop in zip(axes.flat, short, reference, strict=False):
        own = np.arange(first, stop)
        t = middle[own] - middle[first] + 0.01
        ax.fill_between(t, (mean - 2 * np.sqrt(variance))[own], (mean + 2 * np.sqrt(variance))[own],
                        color="tab:blue", alpha=0.2, lw=0, label="2 SD, channels and noise")  # fmt: skip
        ax.plot(t, current[0, own], ".", ms=3, color="black", label="record")
        ax.plot(t, mean[own], color="tab:blue", lw=1.5, label="expected, Kalman likelihood")
        ax.plot(t, other[own], "--", color="tab:orange", lw=1.2, label="expected, independent residuals")
        ax.set_xscale("log")
        ax.set_title(f"{level[first + 1] / 1000:.3g} mM ATP, 0.2 ms", fontsize=10)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    for ax in axes[:, 0]:
        ax.set_ylabel("current (pA)")
    ax = axes[2, 1]
    at = [k + 1 for k in reference if k + 1 < len(level) and not np.isnan(current[0, k + 1])]
    at = at or [k for k in reference if not np.isnan(current[0, k])]
    ax.errorbar(range(1, len(at) + 1), mean[at], 2 * np.sqrt(variance[at]), fmt="o", color="tab:blue", ms=4, capsize=3)
    ax.plot(range(1, len(at) + 1), other[at], "_", color="tab:orange", ms=14)
    ax.plot(range(1, len(at) + 1), current[0, at], ".", color="black")
    ax.set_title("end of the reference pulses, 1 mM ATP, 5 ms", fontsize=10)
    ax.set_xlabel("number of the pulse")
    ax = axes[2, 2]
    ax.plot(z, ".", ms=2, color="tab:blue")
    for k in short:
        ax.axvline(k, color="0.7", lw=0.7, zorder=0)
    found = diagnose(z)
    ax.set_title("standardized innovations", fontsize=10)
    text = f"mean {found['mean']:.2f}, variance {found['variance']:.2f}, lag one {found['lag_one']:.2f}"
    ax.text(0.5, 0.98, text, transform=ax.transAxes, ha="center", va="top", fontsize=8)
    ax.set_ylim(-5, 5)
    ax.set_xlabel("bin (grey: pulses)")
    ax.set_ylabel("SD of the prediction")
    for ax in axes[2, :1]:
        ax.set_xlabel("time after the pulse began (ms)")
    for ax in axes[1]:
        ax.set_xlabel("time after the pulse began (ms)")
    figure.savefig(out / "p2x2_fit.png", dpi=110)


if __name__ == "__main__":
    main()
