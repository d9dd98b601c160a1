"""Sparse elimination in levels: all pivots that do not know each other at once, as few large array operations.

Does what :class:`~.elimination.Pattern` does, for matrices with trailing axes (spines, lanes). Written out operation by
operation, a program of sixty states takes XLA minutes to compile; kinetic schemes are nearly trees and are eliminated
in about ten levels, each a handful of gathers and products.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import numpy as np

from .elimination import Pattern


class _Level(NamedTuple):
    """Places are positions in the array of filled entries; a position past its end means zero."""

    pivots: np.ndarray  # components
    diagonal: np.ndarray  # their places
    lower: np.ndarray  # places below the pivots
    lower_pivot: np.ndarray  # which pivot of the level each belongs to
    left: np.ndarray  # factors of the updates: positions in `lower`
    right: np.ndarray  # and places above
    collect: np.ndarray  # (entries, most) updates of each entry
    forward_from: np.ndarray  # components that the lower factors multiply
    forward: np.ndarray  # (components, most) positions in `lower`
    upper: np.ndarray  # places right of the pivots
    upper_from: np.ndarray  # components that they multiply
    backward: np.ndarray  # (components, most) positions in `upper`


class Factors(NamedTuple):
    """Entries after elimination; inverse pivots and multipliers by level."""

    entries: Any
    inverse: tuple[Any, ...]
    lower: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Levels:
    """A pattern prepared for elimination in levels."""

    pattern: Pattern

    @functools.cached_property
    def filled(self) -> tuple[tuple[int, int], ...]:
        """Places of the factors, those of the pattern first."""
        places = dict.fromkeys(self.pattern.places)
        order = self.pattern.order
        for at, k in enumerate(order):
            rest = order[at + 1 :]
            rows, columns = [i for i in rest if (i, k) in places], [j for j in rest if (k, j) in places]
            places |= dict.fromkeys((i, j) for i in rows for j in columns)
        return tuple(places)

    @functools.cached_property
    def levels(self) -> tuple[_Level, ...]:
        """Return what is done in each level."""
        places = {place: e for e, place in enumerate(self.filled)}
        rank = {k: at for at, k in enumerate(self.pattern.order)}
        level = dict.fromkeys(rank, 0)
        for k in self.pattern.order:
            for i in rank:
                if rank[i] > rank[k] and ((i, k) in places or (k, i) in places):
                    level[i] = max(level[i], level[k] + 1)
        return tuple(
            self._level([k for k in self.pattern.order if level[k] == n], places, rank)
            for n in range(max(level.values()) + 1)
        )

    def _level(self, pivots: list[int], places: dict[tuple[int, int], int], rank: dict[int, int]) -> _Level:
        later = {k: [i for i in rank if rank[i] > rank[k]] for k in pivots}
        lower = [(i, k) for k in pivots for i in later[k] if (i, k) in places]
        upper = [(k, j) for k in pivots for j in later[k] if (k, j) in places]
        updates = [(low, up) for low in lower for up in upper if low[1] == up[0]]
        low_at, up_at = {p: e for e, p in enumerate(lower)}, {p: e for e, p in enumerate(upper)}
        by_entry: dict[int, list[int]] = {}
        for u, ((i, _), (_, j)) in enumerate(updates):
            by_entry.setdefault(places[i, j], []).append(u)
        forward: dict[int, list[int]] = {}
        for p, e in low_at.items():
            forward.setdefault(p[0], []).append(e)
        backward: dict[int, list[int]] = {}
        for p, e in up_at.items():
            backward.setdefault(p[0], []).append(e)
        return _Level(
            np.array(pivots),
            np.array([places[k, k] for k in pivots]),
            np.array([places[p] for p in lower], int),
            np.array([pivots.index(k) for _, k in lower], int),
            np.array([low_at[low] for low, _ in updates], int),
            np.array([places[up] for _, up in updates], int),
            _padded(by_entry, len(places), len(updates)),
            np.array([k for _, k in lower], int),
            _padded(forward, self.pattern.size, len(lower)),
            np.array([places[p] for p in upper], int),
            np.array([j for _, j in upper], int),
            _padded(backward, self.pattern.size, len(upper)),
        )

    def factor(self, values: Any, shift: Any) -> Factors:
        """Return the factors of ``I shift - J`` of J at the places of the pattern, shape (places, ...)."""
        import jax.numpy as jnp

        shape = values.shape[1:]
        entries = jnp.concatenate([-values, jnp.zeros((len(self.filled) - len(values), *shape))])
        on_diagonal = np.array([float(i == j) for i, j in self.filled]).reshape(-1, *[1] * len(shape))
        entries = entries + on_diagonal * shift
        inverse, lower = [], []
        for level in self.levels:
            pivots = 1.0 / entries[level.diagonal]
            multipliers = entries[level.lower] * pivots[level.lower_pivot]
            inverse.append(pivots)
            lower.append(multipliers)
            if len(level.left):
                entries = entries - _collected(multipliers[level.left] * entries[level.right], level.collect)
        return Factors(entries, tuple(inverse), tuple(lower))

    def solve(self, factors: Factors, b: Any) -> Any:
        """Return the solution, shape (size, ...)."""
        import jax.numpy as jnp

        x = b
        for level, multipliers in zip(self.levels, factors.lower, strict=True):
            if len(level.forward_from):
                x = x - _collected(multipliers * x[level.forward_from], level.forward)
        for level, inverse in zip(reversed(self.levels), reversed(factors.inverse), strict=True):
            if len(level.upper):
                x = x - _collected(factors.entries[level.upper] * x[level.upper_from], level.backward)
            place = np.full(self.pattern.size, len(level.pivots))
            place[level.pivots] = np.arange(len(level.pivots))
            x = x * jnp.concatenate([inverse, jnp.ones_like(inverse[:1])])[place]
        return x


def _padded(lists: dict[int, list[int]], rows: int, missing: int) -> np.ndarray:
    """Return lists as an array (rows, longest); what is missing points past the end."""
    longest = max(map(len, lists.values()), default=0)
    found = np.full((rows, longest), missing)
    for row, items in lists.items():
        found[row, : len(items)] = items
    return found


def _collected(terms: Any, where: np.ndarray) -> Any:
    """Return the sums of the terms that each row points to."""
    import jax.numpy as jnp

    with_zero = jnp.concatenate([terms, jnp.zeros_like(terms[:1])])
    return sum((with_zero[column] for column in where.T[1:]), with_zero[where.T[0]])
