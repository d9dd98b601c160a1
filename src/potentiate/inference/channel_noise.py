"""The likelihood of a problem with the noise of its channels: what to maximise, and what to sample.

Least squares knows the mean current only. Here the channels are counted: next to the rates each cell has a number of
channels, the conductance of one, a noise, and each sweep an offset; the likelihood is that of
:mod:`potentiate.kinetics.macroscopic_likelihood`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from ..errors import UsageError
from ..kinetics.bins import BinPlan, cut_bins, plan_bins
from ..kinetics.ensemble import require_float64
from ..kinetics.macroscopic_likelihood import log_likelihood
from ..numerics.low_pass import LowPass, bessel
from ..numerics.matrix_exponential import settle
from .problem import LARGEST_RATIO, Group, Problem

#: A number of channels, a conductance or a noise may leave its start by this factor.
_RANGE = 1e4


@dataclasses.dataclass(frozen=True, eq=False)
class _Bins:
    """Readings of one group."""

    plan: BinPlan
    reading_pA: np.ndarray  # (s, bins)
    samples: np.ndarray  # (s, bins) averaged in each
    low_pass: LowPass | None
    squarings: int


@dataclasses.dataclass(frozen=True, eq=False)
class ChannelNoise:
    """The log likelihood of a problem as a function of one vector.

    Attributes
    ----------
    problem : Problem
        With amplitude "cell".
    growth : float
        0 takes every sample. Otherwise samples are averaged over this part of the time since the last switch: 0.05
        keeps nearly all information of exponentials in a tenth of the readings. Not behind a filter.
    start : array, shape (k,)
        The numbers of the sharing table first, then for each cell log N, log conductance (pS), log noise (pA), then the
        run-down per sweep where the problem has it, then an offset (pA) for each sweep.
    """

    problem: Problem
    growth: float
    start: np.ndarray

    def __post_init__(self) -> None:
        if self.problem.amplitude != "cell":
            raise UsageError("Channels are counted by cell", do='use amplitude="cell"')

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """What each number is."""
        cells = self.problem.cells
        own = [f"{what} [{cell}]" for what in ("channels", "conductance", "noise") for cell in cells]
        own += [f"run-down [{cell}]" for cell in cells] if self.problem.rundown else []
        return (*self.problem.table.names, *own, *(f"offset {i}.{s}" for i, s in self._sweeps))

    @functools.cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Limits of the search."""
        low, high = self.problem.table.bounds
        n = len(self.problem.cells)
        centre = self.start[len(low) : len(low) + 3 * n]
        wide = math.log(_RANGE)
        span = max(float(np.abs(g.data_pA).max()) for g in self.problem.groups)
        rundown = np.full(n if self.problem.rundown else 0, 0.5)
        offset = np.full(len(self._sweeps), span)
        return (
            np.concatenate([low, centre - wide, -rundown, -offset]),
            np.concatenate([high, centre + wide, rundown, offset]),
        )

    @functools.cached_property
    def _sweeps(self) -> tuple[tuple[int, int], ...]:
        if self.problem.leak == "none":
            return ()
        return tuple(row for group in self.problem.groups for row in group.sweeps)

    @functools.cached_property
    def _bins(self) -> tuple[_Bins, ...]:
        return tuple(self._binned(group) for group in self.problem.groups)

    def _binned(self, group: Group) -> _Bins:
        dt = group.plan.dt_ms
        corner = self.problem.experiments[group.sweeps[0][0]].filter_kHz
        if corner is not None and self.growth > 0:
            raise UsageError("Readings behind a filter cannot be averaged over growing bins", do="use growth=0")
        sweeps, repeats, readings, counts = [], [], [], []
        for row, (i, _) in enumerate(group.sweeps):
            length = self.problem.experiments[i].recording.time_ms.size
            edges = _edges(group.segments[row], length, dt, self.growth)
            used = group.used[row, :length]
            _check_holes(used, edges)
            data = np.where(used, group.data_pA[row, :length], 0.0)
            count = np.add.reduceat(used.astype(float), edges[:-1])
            with np.errstate(invalid="ignore"):
                readings.append(np.add.reduceat(data, edges[:-1]) / np.where(count > 0, count, np.nan))
            counts.append(np.maximum(count, 1.0))
            # a bin of one sample runs from the sample before; a longer one repeats the sampling interval
            width = np.diff(edges)
            times = np.concatenate([[0.0], np.arange(length) * dt])
            single = cut_bins(_long_enough(group.segments[row], times[-1]), times)
            sweeps.append([single[k] for k in edges[:-1]])
            repeats.append(width)
        plan = plan_bins(sweeps, repeats)
        width = plan.kind.shape[1]
        padded = np.full((len(sweeps), width), np.nan)
        samples = np.ones((len(sweeps), width))
        for row, (reading, count) in enumerate(zip(readings, counts, strict=True)):
            padded[row, : reading.size] = reading
            samples[row, : count.size] = count
        low_pass = None if corner is None else bessel(4, corner)
        q = self.problem.generators(group, self.problem.table.start, xp=np)
        exits = -np.min(np.diagonal(q, axis1=-2, axis2=-1), axis=-1)
        return _Bins(plan, padded, samples, low_pass, plan.squarings(exits * LARGEST_RATIO / 2.0, low_pass))

    def log_likelihood(self, x: Any, *, xp: Any) -> Any:
        """Return the log likelihood at a point; to be composed or compiled where `xp` is ``jax.numpy``."""
        p, n = len(self.problem.table.numbers), len(self.problem.cells)
        theta, own = x[:p], x[p : p + 3 * n]
        channels, conductance_nS, noise = xp.exp(own[:n]), xp.exp(own[n : 2 * n]) / 1e3, xp.exp(own[2 * n :])
        at = p + 3 * n
        rundown = x[at : at + n] if self.problem.rundown else np.zeros(n)
        at += n if self.problem.rundown else 0
        total, first = 0.0, at
        for group, bins in zip(self.problem.groups, self._bins, strict=True):
            rows = len(group.sweeps)
            q = self.problem.generators(group, theta, xp=xp)
            settled, where = np.unique(group.rest, return_inverse=True)
            start = settle(q[settled], xp=xp)[where]
            g = np.array(group.rate_map.scheme.conductance)
            cell_of_generator = group.unit_cell[group.unit]
            scale = conductance_nS[cell_of_generator] * group.generator_drive_mV
            left = channels[group.cell] * (1.0 + rundown[group.cell] * group.order)
            baseline = x[first : first + rows][:, None] if self._sweeps else 0.0
            first += rows if self._sweeps else 0
            variance = (noise[group.cell] ** 2)[:, None]
            inside = 0.0
            if bins.low_pass is not None:  # the noise went through the filter too, but for the last bit
                inside = variance[0, 0] * (1 - 1e-3) / bins.low_pass.noise_per_ms
                variance = 1e-3 * variance
            total = total + log_likelihood(
                bins.plan,
                bins.reading_pA,
                q,
                scale[:, None] * (g / g.max()),
                start,
                left,
                variance / bins.samples,
                baseline_pA=baseline,
                reading="mean of samples" if self.growth > 0 else "sample",
                low_pass=bins.low_pass,
                input_noise_pA2_ms=inside,
                xp=xp,
                squarings=bins.squarings,
            )
        return total

    @functools.cached_property
    def _compiled(self) -> Any:
        import jax
        import jax.numpy as jnp

        require_float64()
        return jax.jit(jax.value_and_grad(lambda x: self.log_likelihood(x, xp=jnp)))

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log likelihood and its derivative, shape (k,)."""
        value, gradient = self._compiled(np.asarray(x, dtype=float))
        return float(value), np.asarray(gradient)

    def readings(self) -> int:
        """Return how many numbers the likelihood reads."""
        return int(sum(np.isfinite(b.reading_pA).sum() for b in self._bins))


def _edges(segments: Any, length: int, dt_ms: float, growth: float) -> np.ndarray:
    """Return where bins begin, as sample numbers, and the end. Widths are 1, 2, 3, 4, 6, 8, 12 ...: few kinds of bins.

    A bin holds samples whose intervals lie in one stretch of constant conditions.
    """
    if growth <= 0:
        return np.arange(length + 1)
    ends = np.cumsum([ms for _, ms in segments])
    switches = np.concatenate([[0.0], ends[:-1]])
    edges, k = [0], 0
    while edges[-1] < length:
        before = (edges[-1] - 1) * dt_ms  # where the interval of the next sample begins
        while k + 1 < len(switches) and switches[k + 1] <= before + 1e-9:
            k += 1
        until = math.floor(switches[k + 1] / dt_ms + 1e-9) if k + 1 < len(switches) else length - 1
        width = _round_width(growth * (before - switches[k]) / dt_ms)
        room = until - edges[-1] + 1
        while width > max(room, 1):
            width = _round_width(width - 1)
        edges.append(min(edges[-1] + width, length))
    return np.array(edges)


def _round_width(width: float) -> int:
    """Return the largest of 1, 2, 3, 4, 6, 8, 12, 16 ... that is not above."""
    if width < 2:
        return 1
    power = 2 ** math.floor(math.log2(width))
    return power + power // 2 if width >= 1.5 * power else power


def _check_holes(used: np.ndarray, edges: np.ndarray) -> None:
    """Refuse bins in which some samples count and some do not: a mean of some is not a mean of all."""
    share = np.add.reduceat(used.astype(float), edges[:-1]) / np.diff(edges)
    if np.any((share > 0) & (share < 1)):
        raise UsageError(
            "Samples that are left out lie within a bin", do="use growth=0, or leave out whole stretches after a switch"
        )


def _long_enough(segments: Any, end_ms: float) -> list[tuple[int, float]]:
    own = list(segments)
    missing = end_ms - sum(ms for _, ms in own)
    if missing > 0:
        own[-1] = (own[-1][0], own[-1][1] + missing)
    return own


def _quiet_noise(problem: Problem, predicted: list[np.ndarray], noise_pA: np.ndarray) -> np.ndarray:
    """Return the noise of each cell where hardly any channel is open, robustly; that given where it never is so."""
    noise = np.array(noise_pA, dtype=float)
    for cell in range(noise.size):
        left = []
        for group, rows in zip(problem.groups, predicted, strict=True):
            for row in np.flatnonzero(group.cell == cell):
                change = np.abs(rows[row] - rows[row, 0])
                quiet = group.used[row] & (change < 0.005 * change.max())
                left.append((group.data_pA[row] - rows[row])[quiet])
        joined = np.concatenate(left)
        if joined.size >= 50:
            noise[cell] = max(float(np.median(np.abs(joined - np.median(joined)))) / 0.6745, 1e-12)
    return noise


def channel_noise(problem: Problem, theta: np.ndarray, noise_pA: np.ndarray, *, growth: float = 0.0) -> ChannelNoise:
    """Return the likelihood of a problem, with a start from a least-squares fit of it.

    Parameters
    ----------
    problem : Problem
    theta : array, shape (p,)
        Of the fit.
    noise_pA : array, shape (cells,)
        Noise from neighbouring samples; where a cell has quiet stretches, what the fit leaves there replaces it (behind
        a filter neighbours are too alike). What the fit leaves beyond the noise is channel noise, and its size
        relative to the current is the first guess of the current of one channel.
    growth : float
    """
    predicted, linear = problem.details(theta)
    n = len(problem.cells)
    noise_pA = _quiet_noise(problem, predicted, noise_pA)
    excess, current, drive = np.zeros(n), np.zeros(n), np.zeros(n)
    offsets = []
    for group, rows in zip(problem.groups, predicted, strict=True):
        for row, cell in enumerate(group.cell):
            used = group.used[row]
            residual = (group.data_pA[row] - rows[row])[used]
            rest = rows[row][used][0]
            offsets.append(rest)
            excess[cell] += float(residual @ residual) - used.sum() * noise_pA[cell] ** 2
            current[cell] += float(np.abs(rows[row][used] - rest).sum())
            drive[cell] = np.abs(group.drive_mV[row]).max()
    amplitude = np.maximum(linear["amplitude"], 1e-6)  # nS
    single = np.clip(excess / np.maximum(current, 1e-9), 1e-3, None)  # pA
    conductance = np.minimum(single / np.maximum(drive, 1e-9) * 1e3, amplitude * 1e3 / 2)  # pS
    parts = [theta, np.log(amplitude * 1e3 / conductance), np.log(conductance), np.log(noise_pA)]
    if problem.rundown:
        parts.append(linear["slope"] / amplitude)
    if problem.leak == "sweep":
        parts.append(np.array(offsets))
    return ChannelNoise(problem, growth, np.concatenate(parts))
