"""Alternatives weighed by how well they predict a block (mean sweep of a cell in a setting) from the others.

Draws of the posterior come from its Gaussian approximation at the fit and are corrected by their importance ratios
(Magnusson et al. 2019, arXiv 1904.10679). Amplitudes of cells are drawn along, given the rates, so that a block that is
left out does not help to tell its own amplitude.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from .bench import Bench
from .contest import Contender, Contest, Data
from .priors import default_prior
from .psis import Loo, loo

#: Draws of each alternative.
DRAWS = 2000

#: Alternatives compared at most.
MOST_ALTERNATIVES = 4

#: Predicted at once; bounds memory.
_CHUNK = 100


@dataclasses.dataclass(frozen=True)
class LeftBlocks:
    """Blocks predicted from the others by one alternative.

    Attributes
    ----------
    gain : float
        Log predictive density, less that of the best alternative by AICc, summed over blocks; NaN if not computed.
    se : float
        Standard error of gain, from its scatter between blocks; too small where they are few (Sivula et al. 2020,
        arXiv 2008.10296).
    k_hat : float
        Largest shape of the importance weights; NaN if not computed.
    blocks : int
    status : str
        ``ok``, ``unreliable`` or ``not computed``.
    reason : str
    """

    gain: float
    se: float
    k_hat: float
    blocks: int
    status: str
    reason: str

    def describe(self) -> str:
        """Return one line."""
        if self.status == "not computed":
            return f"not computed ({self.reason})"
        told = f"{self.gain:+.1f} +- {self.se:.1f} over {self.blocks} blocks, k {self.k_hat:.2f}"
        return told if self.status == "ok" else f"{told}, unreliable: {self.reason}"


def leave_out_blocks(
    contest: Contest, contenders: Sequence[Contender], inflation: float, *, seed: int, draws: int = DRAWS
) -> tuple[LeftBlocks, ...]:
    """Compare alternatives by PSIS-LOO over blocks.

    Parameters
    ----------
    contest : Contest
    contenders : sequence of Contender
        The first is what the others are compared with.
    inflation : float
        What chi-squared is divided by, as in AICc.
    seed : int
    draws : int
        Per alternative.

    Returns
    -------
    tuple of LeftBlocks
        One per contender.

    Notes
    -----
    Prior: :func:`.priors.default_prior` on what the fit moved, flat on amplitudes above zero. Constants that do not
    depend on the alternative are left out, so only differences mean anything.
    """
    data = contest.data
    needed = data.amplitudes_per_cell
    lonely = [c for c in data.cells if sum(b.cell == c for b in data.blocks) <= needed]
    if lonely:
        reason = f"{lonely[0]} has too few blocks: without one of them nothing tells its amplitude"
        return tuple(_none(data, reason) for _ in contenders)
    found = [_predict(data, c, inflation, draws, seed + k) for k, c in enumerate(contenders)]
    best = found[0]
    made = []
    for own in found:
        if isinstance(own, str) or isinstance(best, str):
            made.append(_none(data, own if isinstance(own, str) else f"{contenders[0].alternative.name}: {best}"))
            continue
        gains = own.units - best.units
        reason = own.reason
        if own is not best and best.status != "ok":
            reason = "; ".join(filter(None, (reason, f"{contenders[0].alternative.name} is unreliable")))
        made.append(
            LeftBlocks(
                float(gains.sum()), math.sqrt(gains.size) * float(np.std(gains, ddof=1)), float(own.k_hat.max()),
                gains.size, "unreliable" if reason else "ok", reason,
            )
        )  # fmt: skip
    return tuple(made)


def _none(data: Data, reason: str) -> LeftBlocks:
    return LeftBlocks(math.nan, math.nan, math.nan, len(data.blocks), "not computed", reason)


def _predict(data: Data, contender: Contender, inflation: float, draws: int, seed: int) -> Loo | str:
    """Return the leave-one-out densities of one alternative, or why there are none."""
    bench, columns = contender.bench, list(contender.columns)
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((draws, len(columns)))
    z_amplitude = rng.standard_normal((draws, len(data.cells), data.amplitudes_per_cell))
    priors = [default_prior(bench.parameters[bench.names[c]]) for c in columns]
    x0 = contender.theta[columns]
    centre, low, high, weight = (
        np.array([getattr(p, part) for p in priors]) for part in ("centre", "low", "high", "precision")
    )
    value, slopes = bench.slopes(contender.theta, columns)  # afresh: that of the search is an update
    residual, tangent, _ = data.residual(bench.parts, value, slopes)
    if tangent is None or not (np.isfinite(tangent).all() and np.isfinite(residual).all()):
        return "no curvature at the fit"
    information = tangent.T @ tangent / inflation + np.diag(weight)
    pull = tangent.T @ residual / inflation + weight * (x0 - centre)
    mode = np.clip(x0 - np.linalg.solve(information, pull), low, high)
    x = mode + np.linalg.solve(np.linalg.cholesky(information).T, z.T).T
    inside = np.flatnonzero(((x >= low) & (x <= high)).all(axis=1))
    thetas = np.tile(contender.theta, (inside.size, 1))
    thetas[:, columns] = x[inside]
    likelihood, ratio = np.zeros((draws, len(data.blocks))), np.full(draws, -np.inf)
    for at in range(0, inside.size, _CHUNK):
        some = inside[at : at + _CHUNK]
        found, log_q = _blocks(data, bench, thetas[at : at + _CHUNK], z_amplitude[some], inflation)
        log_p = found.sum(axis=1) - 0.5 * ((x[some] - centre) ** 2) @ weight
        log_r = log_p - log_q + 0.5 * (z[some] ** 2).sum(axis=1)
        good = np.isfinite(log_r)
        likelihood[some[good]], ratio[some[good]] = found[good], log_r[good]
    if not np.isfinite(ratio).any():
        return "no draw of the approximate posterior is possible"
    names = [f"{b.cell}, {bench.settings[b.setting].describe()}" for b in data.blocks]
    return loo(likelihood, ratio, names)


def _blocks(
    data: Data, bench: Bench, thetas: np.ndarray, z: np.ndarray, inflation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return log likelihoods of blocks with drawn amplitudes, shape (sets, blocks), and the log density of those.

    Amplitudes are Gaussian given the rest. A negative one is outside the prior: an infinite density makes it count
    nothing.
    """
    prediction = bench.predict_many(thetas)
    sets = len(thetas)
    likelihood, log_q = np.empty((sets, len(data.blocks))), np.zeros(sets)
    for c, cell in enumerate(data.cells):
        own = [i for i, b in enumerate(data.blocks) if b.cell == cell]
        powers = np.array([[1.0, data.blocks[i].order] if data.rundown else [1.0] for i in own])
        inner, across, square = np.empty((sets, len(own))), np.empty((sets, len(own))), np.empty(len(own))
        for j, i in enumerate(own):
            shape = data.whitenings[i](prediction[:, bench.parts[data.blocks[i].setting]].T)
            inner[:, j] = (shape**2).sum(axis=0)
            across[:, j] = data.readings[i] @ shape
            square[j] = data.readings[i] @ data.readings[i]
        gram = np.einsum("sj,ja,jb->sab", inner, powers, powers) / inflation
        usable = np.isfinite(gram).all(axis=(1, 2)) & (np.linalg.det(np.nan_to_num(gram)) > 0.0)
        gram[~usable] = np.eye(powers.shape[1])
        root = np.linalg.cholesky(gram)
        middle = np.linalg.solve(gram, (across @ powers / inflation)[..., None])[..., 0]
        drawn = middle + np.linalg.solve(np.swapaxes(root, 1, 2), z[:, c, :, None])[..., 0]
        scale = drawn @ powers.T
        likelihood[:, own] = -0.5 * (square - 2.0 * scale * across + scale**2 * inner) / inflation
        log_q += np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1) - 0.5 * (z[:, c] ** 2).sum(axis=1)
        log_q[~usable | (drawn[:, 0] < 0.0)] = np.inf
    return likelihood, log_q
