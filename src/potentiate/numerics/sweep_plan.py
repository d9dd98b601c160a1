"""The plan of sampled sweeps: which row, which generator, which sample (see :mod:`.propagation`).

It is plain NumPy and does not depend on rates, so the same plan serves NumPy, JAX, gradients, batches and GPUs.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np

from .matrix_exponential import squarings_for

_EPS = 1e-9  # ms; times closer than this are the same time

#: Samples per row over the square root of the samples per sweep: reading long rows is cheaper than many hops.
_ROW = 2.0


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Rows that are read with tables of the same size.

    Attributes
    ----------
    width : int
        Samples per row, a power of two.
    generators : int array
        One table each.
    rows : tuple of int
        How many rows each generator has.
    squares : int
        How often P is squared: often enough for the table and for the longest hop.
    """

    width: int
    generators: np.ndarray
    rows: tuple[int, ...]
    squares: int


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """Everything about a set of sweeps that does not depend on rates.

    A sweep goes from the head of one row to the next by *hops*: powers ``P^(2^j)`` of the table's generator for whole
    sample intervals, an exponential of its own for a part of one.

    Attributes
    ----------
    dt_ms : float
        Sampling interval.
    n_samples : int
        Samples per sweep, at 0, dt, 2 dt, ...
    n_generators : int
    exponential_generator, exponential_ms : arrays, shape (exponentials,)
        Matrix exponentials to take: one sample interval for each generator that has a table (in the order of
        `tables`), then the parts of an interval. None is longer than `dt_ms`.
    hops : int array, shape (sweeps, hops)
        Indices into the stack: parts, an identity, then all powers of the first table, of the second, ...
    heads : int array, shape (rows,)
        For each row the flat index (sweep-major, one more state than hops) of the state at its head; rows of the first
        generator of the first table, of the second, ..., then rows of one sample under generators that have no longer
        row (a varying ligand).
    single_generator : int array
        Generators of the latter.
    tables : tuple of Table
    pieces : tuple of tuples of (output, start, stop)
        For each sweep, the stretches of the row outputs that make up its samples. There is one output for each
        generator of each table, then one of all single samples.
    samples : tuple of int arrays, shape (rows, width)
        For each output the sample that each place holds, counted through all sweeps; -1 where a row is cut short.
    """

    dt_ms: float
    n_samples: int
    n_generators: int
    exponential_generator: np.ndarray
    exponential_ms: np.ndarray
    hops: np.ndarray
    heads: np.ndarray
    single_generator: np.ndarray
    tables: tuple[Table, ...]
    pieces: tuple[tuple[tuple[int, int, int], ...], ...]
    samples: tuple[np.ndarray, ...]

    def squarings(self, exit_rates_per_ms: np.ndarray) -> int:
        """Return the squarings that the exponentials need, given each generator's largest exit rate."""
        weights = np.asarray(exit_rates_per_ms)[self.exponential_generator] * self.exponential_ms
        return squarings_for(float(np.max(weights, initial=0.0)), 1.0)


def plan_sweeps(sweeps: Sequence[Sequence[tuple[int, float]]], dt_ms: float) -> Plan:
    """Plan sweeps given as lists of (generator index, duration in ms).

    Parameters
    ----------
    sweeps : sequence of sequences of (int, float)
        All sweeps must have the same total duration.
    dt_ms : float
        Sampling interval; segment borders need not lie on samples.

    Returns
    -------
    Plan
    """
    totals = [sum(d for _, d in sweep) for sweep in sweeps]
    if max(totals) - min(totals) > 1e-6:
        raise ValueError("sweeps of one plan must last equally long")
    if any(d < 0 for sweep in sweeps for _, d in sweep):
        raise ValueError("a segment has a negative duration")
    n_samples = math.floor(totals[0] / dt_ms + 1e-6) + 1
    block = 2 ** max(0, round(math.log2(_ROW * math.sqrt(n_samples))))
    sheets: list[list[_Row]] = []
    for sweep in sweeps:
        rows: list[_Row] = []
        start, stop = 0.0, 0
        for generator, duration in sweep:
            end = start + duration
            first = math.ceil((start - _EPS) / dt_ms)
            stop = min(math.ceil((end - _EPS) / dt_ms), n_samples)
            if stop <= first:
                rows.append(_row(generator, 0, 0, duration, dt_ms))
            else:
                if first * dt_ms - start > _EPS:
                    rows.append(_row(generator, 0, 0, first * dt_ms - start, dt_ms))
                for head in range(first, stop, block):
                    count = min(block, stop - head)
                    leave = end if head + count == stop else (head + count) * dt_ms
                    rows.append(_row(generator, head, count, leave - head * dt_ms, dt_ms))
            start = end
        if stop < n_samples:
            rows.append(_Row(sweep[-1][0], n_samples - 1, 1, 0, 0.0))  # the sample at the very end
        sheets.append(rows)
    return _lay_out(sheets, dt_ms, n_samples)


@dataclasses.dataclass(frozen=True)
class _Row:
    """Samples under one generator, and how far it is to the next row: whole sample intervals, then a part of one."""

    generator: int
    first: int
    count: int
    whole: int
    part_ms: float


def _row(generator: int, first: int, count: int, duration_ms: float, dt_ms: float) -> _Row:
    whole = math.floor((duration_ms + _EPS) / dt_ms)
    part_ms = round(duration_ms - whole * dt_ms, 12)
    if whole == 1 and count <= 1:  # as good as a part
        whole, part_ms = 0, duration_ms if part_ms > _EPS else dt_ms
    return _Row(generator, first, count, whole, part_ms if part_ms > _EPS else 0.0)


def _lay_out(sheets: list[list[_Row]], dt_ms: float, n_samples: int) -> Plan:
    """Group rows by the size of their tables; number exponentials, hops and outputs."""
    longest: dict[int, int] = {}
    farthest: dict[int, int] = {}
    for row in (row for rows in sheets for row in rows):
        longest[row.generator] = max(longest.get(row.generator, 1), row.count)
        farthest[row.generator] = max(farthest.get(row.generator, 0), row.whole)
    by_width: dict[int, list[int]] = {}
    for g, length in longest.items():
        if length > 1 or farthest[g] > 0:
            by_width.setdefault(2 ** math.ceil(math.log2(length)), []).append(g)
    layout = sorted(by_width.items(), reverse=True)
    tabled = [g for _, generators in layout for g in generators]
    parts = list(dict.fromkeys((r.generator, r.part_ms) for rows in sheets for r in rows if r.part_ms))
    part_index = {part: i for i, part in enumerate(parts)}

    squares, power_index, n_stack = [], {}, len(parts) + 1
    for width, generators in layout:
        most = max(1, *(farthest[g] for g in generators))
        squares.append(max(most.bit_length() - 1, round(math.log2(width)) - 1))
        for j in range(squares[-1] + 1):
            power_index.update({(g, j): n_stack + i for i, g in enumerate(generators)})
            n_stack += len(generators)

    hops: list[list[int]] = []
    # rows by the generator that reads them (None: single samples): sweep, hops before it, row
    outputs: dict[int | None, list[tuple[int, int, _Row]]] = {g: [] for g in [*tabled, None]}
    for s, rows in enumerate(sheets):
        own: list[int] = []
        for row in rows:
            if row.count:
                outputs[row.generator if longest[row.generator] > 1 else None].append((s, len(own), row))
            own += [power_index[row.generator, j] for j in range(row.whole.bit_length()) if row.whole >> j & 1]
            own += [part_index[row.generator, row.part_ms]] if row.part_ms else []
        hops.append(own)
    n_hops = max(map(len, hops))

    where = np.empty((len(sheets), n_samples, 2), dtype=int)  # output, place in it
    widths: dict[int | None, int] = {g: width for width, generators in layout for g in generators}
    for number, (g, members) in enumerate(outputs.items()):
        for i, (s, _, row) in enumerate(members):
            where[s, row.first : row.first + row.count, 0] = number
            where[s, row.first : row.first + row.count, 1] = i * widths.get(g, 1) + np.arange(row.count)
    samples = [np.full((len(members), widths.get(g, 1)), -1) for g, members in outputs.items()]
    for number, found in enumerate(samples):
        at = np.flatnonzero(where[..., 0].reshape(-1) == number)
        found.reshape(-1)[where[..., 1].reshape(-1)[at]] = at
    return Plan(
        dt_ms=dt_ms,
        n_samples=n_samples,
        n_generators=1 + max(longest),
        exponential_generator=np.array(tabled + [g for g, _ in parts], dtype=int),
        exponential_ms=np.array([dt_ms] * len(tabled) + [ms for _, ms in parts]),
        hops=np.array([own + [len(parts)] * (n_hops - len(own)) for own in hops]),
        heads=np.array([s * (n_hops + 1) + h for m in outputs.values() for s, h, _ in m], dtype=int),
        single_generator=np.array([row.generator for *_, row in outputs[None]], dtype=int),
        tables=tuple(
            Table(width, np.array(generators), tuple(len(outputs[g]) for g in generators), count)
            for (width, generators), count in zip(layout, squares, strict=True)
        ),
        pieces=tuple(_stretches(w) for w in where),
        samples=tuple(samples if outputs[None] else samples[:-1]),
    )


def _stretches(where: np.ndarray) -> tuple[tuple[int, int, int], ...]:
    """Return maximal stretches (output, start, stop) of consecutive places, from (samples, 2)."""
    cuts = np.flatnonzero((np.diff(where[:, 0]) != 0) | (np.diff(where[:, 1]) != 1)) + 1
    edges = [0, *cuts.tolist(), len(where)]
    return tuple(
        (int(where[a, 0]), int(where[a, 1]), int(where[b - 1, 1]) + 1) for a, b in itertools.pairwise(edges)
    )
