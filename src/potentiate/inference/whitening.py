"""The noise of binned sweeps: the rig's, filtered, and that of the channels; and how to make it white.

The covariance of the channels' noise between any two bins follows from the scheme (second moments of independent
channels, as in the Kalman likelihood); how much of it there is, and how much of the rig's, is read off the scatter of
repeated sweeps. It is evaluated once, at one reference fit, and is the same for all alternatives: so the alternatives
are compared by what they say about the mean alone, and differences of their misfits are those of log likelihoods.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..kinetics.scheme import Scheme
from ..preparations.patch import UNITARY_PS, low_pass
from .setting import Setting
from .tally import Block

#: Sweeps over the number of blocks from which scatter between sweeps tells the noise; below, residuals do.
ENOUGH_REPEATS = 4

#: Channel noise over the rig's, tried for each cell; zero first.
_RATIOS = np.concatenate([[0.0], np.logspace(-8, 8, 161)])


@dataclasses.dataclass(frozen=True)
class CellNoise:
    """Noise of one cell.

    Attributes
    ----------
    rig_pA : float
        Standard deviation of one sample.
    channel_nS2 : float
        What multiplies the covariance of a channel of 1 nS: amplitude times conductance of one channel.
    source : str
        ``repeated sweeps`` or ``residuals``.
    """

    rig_pA: float
    channel_nS2: float
    source: str


def rig_covariance(setting: Setting) -> np.ndarray:
    """Return the covariance between bins of white noise of variance one per sample that went through the filter.

    Returns
    -------
    array, shape (bins, bins)
        Relative to the variance of one filtered sample.
    """
    edges = setting.edges
    width = np.diff(edges).astype(float)
    if setting.filter_kHz is None:
        return np.diag(1.0 / width)
    reach = min(setting.samples, math.ceil(6.0 / setting.filter_kHz / setting.dt_ms) + 8)
    impulse = np.zeros(2 * reach)
    impulse[reach] = 1.0
    h = low_pass(impulse, setting.dt_ms, setting.filter_kHz, "bessel")[reach:]
    auto = np.correlate(h, h, "full")[reach - 1 :]
    auto = auto / auto[0]
    # double sums over two bins are second differences of G, where G(k+1) - 2 G(k) + G(k-1) is the autocovariance
    r = np.zeros(setting.samples + 1)
    r[: min(r.size, auto.size)] = auto[: r.size]
    slope = np.concatenate([[0.5 * r[0]], 0.5 * r[0] + np.cumsum(r[1:])])
    g = np.concatenate([[0.0], np.cumsum(slope)])
    lag = np.abs(edges[:, None] - edges[None, :])
    table = g[lag]
    sums = table[1:, :-1] + table[:-1, 1:] - table[1:, 1:] - table[:-1, :-1]
    return sums / np.outer(width, width)


def cell_noise(
    blocks: Sequence[Block], residuals: Sequence[np.ndarray], rig: Mapping[int, np.ndarray],
    channel: Mapping[int, np.ndarray], assumed_nS2: float,
) -> CellNoise:  # fmt: skip
    """Return the noise of a cell by maximum likelihood.

    Parameters
    ----------
    blocks : sequence of Block
        Of this cell.
    residuals : sequence of arrays, shape (bins,)
        Mean sweep less a prediction, for each block; used where sweeps were not repeated.
    rig, channel : mapping of setting -> array, shape (bins, bins)
    assumed_nS2 : float
        Amplitude times conductance of one channel, where sweeps were not repeated: a flexible fit of single sweeps
        takes the slow noise of channels for signal, so its residuals do not show it.
    """
    repeats = sum(b.n - 1 for b in blocks)
    use_scatter = repeats >= ENOUGH_REPEATS
    squares, ratios = [], []
    for block, residual in zip(blocks, residuals, strict=True):
        good = np.isfinite(block.mean)
        values, vectors = _relative(rig[block.setting][np.ix_(good, good)], channel[block.setting][np.ix_(good, good)])
        if use_scatter:
            if block.n < 2:
                continue
            z = block.scatter[:, good] @ vectors * math.sqrt(block.n / (block.n - 1))
        else:
            z = (residual[good] @ vectors)[None] * math.sqrt(block.n)
        squares.append((z**2).mean(axis=0))
        ratios.append((values, len(z) if not use_scatter else block.n - 1))
    best = (math.inf, 0.0, 1.0)
    power = np.concatenate(squares)
    scale = np.concatenate([v for v, _ in ratios])
    weight = np.concatenate([np.full(v.size, float(n)) for v, n in ratios])
    if not use_scatter:
        typical = float(power.mean())
        for variance in typical * np.logspace(-3, 1, 161):
            spread = variance + assumed_nS2 * scale
            value = float(weight @ (np.log(spread) + power / spread))
            if value < best[0]:
                best = (value, 0.0, float(variance))
        return CellNoise(math.sqrt(best[2]), assumed_nS2, "residuals")
    for ratio in _RATIOS:
        spread = 1.0 + ratio * scale
        variance = float(weight @ (power / spread) / weight.sum())
        value = float(weight @ np.log(spread) + weight.sum() * math.log(max(variance, 1e-300)))
        if value < best[0] - 1e-9:
            best = (value, ratio, variance)
    _, ratio, variance = best
    return CellNoise(math.sqrt(variance), float(ratio * variance), "repeated sweeps")


def _relative(rig: np.ndarray, channel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues of the channels' covariance relative to the rig's, and vectors that whiten the rig's."""
    inverse = np.linalg.inv(np.linalg.cholesky(rig + 1e-9 * np.trace(rig) / len(rig) * np.eye(len(rig))))
    values, vectors = np.linalg.eigh(inverse @ channel @ inverse.T)
    return np.maximum(values, 0.0), inverse.T @ vectors


def channel_nS(scheme: Scheme) -> float:
    """Return the conductance of one open channel: that of the scheme, else the usual assumption, in nS."""
    return 1e-3 * (max(scheme.conductance) if scheme.conductance_unit == "pS" else UNITARY_PS)


@dataclasses.dataclass(frozen=True, eq=False)
class Whitening:
    """What turns a mean sweep into white residuals with its offset taken out.

    Attributes
    ----------
    matrix : array, shape (bins used, bins used)
    good : bool array, shape (bins,)
    """

    matrix: np.ndarray
    good: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return whitened values, shape (bins used, ...), of values of shape (bins, ...)."""
        return self.matrix @ values[self.good]

    @functools.cached_property
    def size(self) -> int:
        """Independent values that are left: one is spent on the offset."""
        return int(self.good.sum()) - 1


def whiten(noise: CellNoise, n: int, good: np.ndarray, rig: np.ndarray, channel: np.ndarray) -> Whitening:
    """Return the whitening of the mean of n sweeps of a cell."""
    some = np.ix_(good, good)
    covariance = noise.rig_pA**2 * rig[some] + noise.channel_nS2 * channel[some]
    covariance = covariance + 1e-9 * np.trace(covariance) / max(len(covariance), 1) * np.eye(len(covariance))
    inverse = np.linalg.inv(np.linalg.cholesky(covariance / n))
    offset = inverse.sum(axis=1)
    direction = offset / np.linalg.norm(offset)
    return Whitening(inverse - np.outer(direction, direction @ inverse), good)
