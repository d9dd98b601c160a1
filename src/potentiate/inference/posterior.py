"""The posterior of a fit: draws by NUTS, with what says whether to believe them."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import NumericalError, UsageError
from ..measures.observable import Observable
from .convergence import ess_bulk, ess_tail, r_hat
from .fit import fit
from .nuts import CHUNK, UNKNOWN, Nuts, frame_at
from .priors import Prior, choose_priors
from .problem import Problem
from .result import Fit
from .target import Target, channel_noise_target, least_squares_target

if TYPE_CHECKING:
    import xarray as xr

#: Chains whose R-hat is above, or whose effective draws per chain are below, have not converged (Vehtari et al. 2021).
LARGEST_R_HAT = 1.01
FEWEST_DRAWS = 100.0
#: More divergent transitions than this part of all: part of the posterior may not have been reached.
MOST_DIVERGENT = 0.02

#: A posterior equals its prior where their distribution functions differ by less than this everywhere.
SAME_AS_PRIOR = 0.1
#: Or where it is at least this wide (as a part of the prior's standard deviation) and holds at least as much as the
#: prior in the prior's lowest or highest tenth: on that side only the prior ends it.
WIDE = 0.25

#: A shorter warm-up keeps the mass matrix of the curvature and learns the step only: a matrix learned from a few dozen
#: draws is worse (measured with 9 rates: 16 gradients per draw instead of 7).
LEARNS_FROM = 300

Progress = Callable[[str, int, int], None]


@dataclasses.dataclass(frozen=True)
class Marginal:
    """What the draws say of one number.

    Attributes
    ----------
    name, unit : str
    mean, sd : float
        In the unit of the number.
    median, low, high : float
        50 %, and the ends of the central interval.
    r_hat, ess_bulk, ess_tail : float
    share_of_prior_sd : float
        Standard deviation of the posterior over that of the prior, on the scale of the search.
    word : {"determined", "one-sided", "not determined", "not converged"}
    reason : str
    prior : str
    shared_by : str
    """

    name: str
    unit: str
    mean: float
    sd: float
    median: float
    low: float
    high: float
    r_hat: float
    ess_bulk: float
    ess_tail: float
    share_of_prior_sd: float
    word: str
    reason: str
    prior: str
    shared_by: str

    def observable(self) -> Observable:
        """Return it in the form of every other result."""
        status = {"determined": "ok", "not converged": "solver"}.get(self.word, self.word)
        return Observable(
            self.name, self.median, self.unit, status, self.reason or None,  # type: ignore[arg-type]
            (self.low, self.high), "posterior median, central interval", (f"prior: {self.prior}",),
        )  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Posterior:
    """Draws from a posterior.

    Attributes
    ----------
    target : Target
    priors : tuple of Prior
    theta : array, shape (chain, draw, p)
        On the scale of the search.
    diverging : bool array, shape (chain, draw)
    steps : int array, shape (chain, draw)
        Gradients that each draw took.
    acceptance : array, shape (chain, draw)
    energy : array, shape (chain, draw)
        Potential energy (minus the log posterior, but for a constant).
    marginals : tuple of Marginal
    level : float
        Of the intervals.
    seconds : mapping of str -> float
        ``compile``, ``warmup``, ``draws``.
    gradients : int
        In all, warm-up included.
    warmup, seed : int
    status : {"ok", "not converged", "interrupted"}
    notes : tuple of str
    """

    target: Target
    priors: tuple[Prior, ...]
    theta: np.ndarray
    diverging: np.ndarray
    steps: np.ndarray
    acceptance: np.ndarray
    energy: np.ndarray
    marginals: tuple[Marginal, ...]
    level: float
    seconds: Mapping[str, float]
    gradients: int
    warmup: int
    seed: int
    status: str
    notes: tuple[str, ...] = ()

    @property
    def draws(self) -> np.ndarray:
        """Draws in the units of the parameters, shape (chain, draw, p)."""
        columns = [p.outward(self.theta[..., k]) for k, p in enumerate(self.target.parameters)]
        return np.stack(columns, axis=-1)

    def __getitem__(self, name: str) -> Marginal:
        """Return the marginal of a parameter by name."""
        from ..errors import UnknownNameError

        for marginal in self.marginals:
            if marginal.name == name:
                return marginal
        raise UnknownNameError("sampled parameter", name, list(self.target.names))

    def summary(self) -> str:
        """Return the table of marginals as text."""
        lines = [
            f"{'parameter':28} {'median':>11} {f'{100 * self.level:g} % interval':>25} {'R-hat':>6} {'ESS':>6}  word"
        ]
        for m in self.marginals:
            span = f"{m.low:.4g} to {m.high:.4g}"
            word = f"{m.word}: {m.reason}" if m.reason else m.word
            lines.append(f"{m.name:28} {m.median:11.4g} {span:>25} {m.r_hat:6.3f} {m.ess_bulk:6.0f}  {word}")
        return "\n".join(lines)

    def dataset(self) -> xr.Dataset:
        """Return the posterior as a labelled data set with dims chain, draw, parameter."""
        from .posterior_store import to_dataset

        return to_dataset(self)

    def save(self, path: str | Path) -> Path:
        """Write the posterior as NetCDF, to a temporary name first.

        Raises
        ------
        DataError
            The file cannot be written.
        """
        from .store import save

        return save(self.dataset(), path)


def sample(
    of: Fit | Problem | Target,
    *,
    draws: int = 500,
    warmup: int = 500,
    chains: int = 2,
    seed: int = 1,
    priors: Mapping[str, Prior] | None = None,
    widen: bool = True,
    growth: float | None = None,
    level: float = 0.95,
    progress: Progress | None = None,
) -> Posterior:
    """Sample the posterior of a fit by NUTS.

    Parameters
    ----------
    of : Fit, Problem or Target
        A problem is fitted first (one start). Chains start around the optimum, scattered by its curvature.
    draws, warmup, chains : int
        Per chain; chains run one after the other. A warm-up of 300 or more also learns the mass matrix.
    seed : int
    priors : mapping of name -> Prior, optional
        Instead of the default: normal on the scale of the search, centred on the value of the documents, one standard
        deviation a factor of ten, cut off at the limits of the search (:mod:`potentiate.inference.priors`).
    widen : bool
        For least squares: count correlated samples as fewer (as in the intervals of the fit). Without, the posterior
        takes the noise for white, and is too narrow where it is not.
    growth : float, optional
        For the likelihood that counts channels: as given to the fit.
    level : float
        Of the intervals.
    progress : callable, optional
        Called with (what, done, total).

    Returns
    -------
    Posterior
        After Ctrl-C with status ``interrupted``: the draws so far (of chains of different length the shorter counts;
        a chain that was not warm is left out).

    Raises
    ------
    UsageError
        numpyro is not installed; a prior for an unknown number; fewer than 10 draws.
    NumericalError
        The likelihood is not a number around the optimum.
    KeyboardInterrupt
        Interrupted before there was any draw.
    """
    if draws < 10 or chains < 1 or warmup < 10:
        raise UsageError(f"{draws} draws after {warmup} in {chains} chains", do="at least 10, 10 and 1")
    target = as_target(of, widen=widen, growth=growth)
    chosen = choose_priors(target.names, target.priors, priors)
    chunk = math.gcd(math.gcd(draws, warmup), CHUNK)
    sampler = Nuts(target.log_likelihood, chosen, warmup=warmup, chunk=chunk, adapt_mass=warmup >= LEARNS_FROM)
    return run_chains(sampler, target, draws=draws, warmup=warmup, chains=chains, seed=seed, level=level,
                      progress=progress)  # fmt: skip


def as_target(of: Fit | Problem | Target, *, widen: bool = True, growth: float | None = None) -> Target:
    """Return what is to be sampled; a problem is fitted first."""
    if isinstance(of, Target):
        return of
    if isinstance(of, Problem):
        of = fit(of, starts=1, intervals="none")
    if of.objective == "kalman":
        return channel_noise_target(of, growth=growth)
    return least_squares_target(of, widen=widen)


def run_chains(
    sampler: Nuts, target: Target, *, draws: int, warmup: int, chains: int, seed: int, level: float = 0.95,
    progress: Progress | None = None,
) -> Posterior:  # fmt: skip
    """Run a compiled sampler on a target; other arguments as for :func:`sample`."""
    import jax

    frame = frame_at(sampler.bounded, target.optimum, target.information)
    told = (target.data, frame.origin, frame.axes)
    rng = np.random.default_rng(seed)
    keys = jax.random.split(jax.random.key(seed), chains)
    size = len(target.names)
    seconds = {"compile": 0.0, "warmup": 0.0, "draws": 0.0}
    began = time.perf_counter()
    warm: list[list[tuple[np.ndarray, ...]]] = []
    gradients, status = 0, "ok"
    try:
        for chain in range(chains):
            state = sampler.init(rng.standard_normal(size), keys[chain], *told)
            kept: list[tuple[np.ndarray, ...]] = []
            done = 0
            while done < warmup + draws:
                state, answer = sampler.advance(state, *told)
                found = tuple(np.asarray(a) for a in answer)
                gradients += int(found[3].sum())
                done += len(found[1])
                if found[1][-1] >= UNKNOWN:
                    raise NumericalError(
                        "A chain cannot leave its start",
                        why="the likelihood is not a number anywhere near the optimum",
                        do="look at the fit first: rates at the bounds of the search, noise near zero",
                    )
                if done > warmup:
                    if not kept:
                        warm.append(kept)
                    kept.append(found)
                now = time.perf_counter()
                part = "compile" if chain == 0 and done == len(found[1]) else "warmup" if done <= warmup else "draws"
                seconds[part] += now - began
                began = now
                if progress:
                    progress("draws", chain * (warmup + draws) + done, chains * (warmup + draws))
    except KeyboardInterrupt:
        if not warm:
            raise
        status = "interrupted"
    shortest = min(len(kept) for kept in warm)
    if len(warm) > 1 and 2 * shortest < max(len(kept) for kept in warm):
        warm = warm[:-1]  # interrupted early in its last chain: that one would cost the others half of their draws
        shortest = min(len(kept) for kept in warm)
    stacked = [np.stack([np.concatenate([c[k] for c in kept[:shortest]]) for kept in warm]) for k in range(5)]
    theta = sampler.points(stacked[0], frame)
    diverging = stacked[2].astype(bool)
    share = float(diverging.mean())
    notes = [f"prior of {n}: {p.describe(q)}" for n, p, q in zip(target.names, sampler.bounded.priors,
             target.parameters, strict=True)]  # fmt: skip
    if share:
        notes.append(f"{int(diverging.sum())} of {diverging.size} transitions diverged")
    marginals = tuple(_marginal(target, k, sampler.bounded.priors[k], theta[..., k], level, share) for k in range(size))
    if status == "ok" and any(m.word == "not converged" for m in marginals):
        status = "not converged"
    return Posterior(
        target, sampler.bounded.priors, theta, diverging, stacked[3].astype(int), stacked[4], stacked[1], marginals,
        level, seconds, gradients, warmup, seed, status, tuple(notes),
    )  # fmt: skip


def _marginal(target: Target, k: int, prior: Prior, theta: np.ndarray, level: float, diverging: float) -> Marginal:
    p = target.parameters[k]
    values = p.outward(theta)
    tail = (1 - level) / 2
    low, median, high = (float(p.outward(q)) for q in np.quantile(theta, [tail, 0.5, 1 - tail]))
    rhat, bulk, tails = r_hat(theta), ess_bulk(theta), ess_tail(theta)
    word, reason = _against_prior(prior, theta.ravel())
    trouble = _not_converged(rhat, min(bulk, tails), theta.shape[0], diverging)
    if trouble:
        word, reason = "not converged", trouble
    return Marginal(
        p.name, p.unit, float(values.mean()), float(values.std(ddof=1)), median, low, high, rhat, bulk, tails,
        float(theta.std(ddof=1)) / _sd(prior), word, reason, prior.describe(p), target.shared_by[k],
    )  # fmt: skip


def _not_converged(rhat: float, fewest: float, chains: int, diverging: float) -> str:
    if not rhat <= LARGEST_R_HAT:
        return f"chains (or their halves) differ: R-hat {rhat:.3f}, more than {LARGEST_R_HAT:g}"
    if not fewest >= FEWEST_DRAWS * chains:
        return f"worth {fewest:.0f} independent draws, fewer than {FEWEST_DRAWS * chains:.0f}"
    if diverging > MOST_DIVERGENT:
        return f"{100 * diverging:.1f} % of transitions diverged: part of the posterior may be missing"
    return ""


def _sd(prior: Prior) -> float:
    """Return the standard deviation of a prior after it was cut off."""
    x = prior.quantile((np.arange(400) + 0.5) / 400)
    return float(x.std())


def _against_prior(prior: Prior, theta: np.ndarray) -> tuple[str, str]:
    """Say whether the posterior is more than its prior."""
    ordered = np.sort(theta)
    steps = np.arange(ordered.size + 1) / ordered.size
    expected = prior.cdf(ordered)
    distance = float(max(np.max(steps[1:] - expected), np.max(expected - steps[:-1])))
    if distance < SAME_AS_PRIOR:
        return "not determined", f"the posterior is the prior (their distributions differ by {distance:.2f} at most)"
    if theta.std() > WIDE * _sd(prior):
        lowest, highest = prior.quantile(np.array([0.1, 0.9]))
        open_low, open_high = np.mean(theta < lowest) >= 0.1, np.mean(theta > highest) >= 0.1
        if open_low and open_high:
            return "not determined", "both ends are those of the prior"
        if open_low or open_high:
            return "one-sided", f"not bounded {'below' if open_low else 'above'}: that end is the prior's"
    return "determined", ""
