"""Many blocks that are coupled only through a few shared variables: the matrix of an arrow, solved block by block.

``W = I s - J`` has one small matrix per block on its diagonal, columns and rows that couple each block to the shared
variables, and a small shared matrix. Blocks are eliminated first, all at once along their common pattern; what is left
is the Schur complement of the shared variables. Cost and memory are linear in the number of blocks.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from .elimination import Jacobian, Pattern
from .level_elimination import Factors, Levels


@dataclasses.dataclass(frozen=True, eq=False)
class BlockArrow:
    """Solver for a state (blocks, shared) of arrays (k, blocks, ...) and (m, ...).

    Attributes
    ----------
    pattern : Pattern
        Of one block, k by k.
    outward : tuple of (row of the block, shared)
        Where df(block)/d(shared) is not zero.
    inward : tuple of (shared, column of the block)
        Where df(shared)/d(block) is not zero.
    shared : int
        Number m of shared variables.
    jacobian : callable
        Returns values at the places of `pattern`, shape (places, blocks, ...) or (places, 1, ...), two sequences of
        values at the places `outward` and `inward`, shape (blocks, ...) or broadcasting to it, and the m x m shared
        matrix as rows of entries.
    """

    pattern: Pattern
    outward: tuple[tuple[int, int], ...]
    inward: tuple[tuple[int, int], ...]
    shared: int
    jacobian: Jacobian

    @functools.cached_property
    def _levels(self) -> Levels:
        return Levels(self.pattern)

    @functools.cached_property
    def _small(self) -> Pattern:
        return Pattern.of(np.ones((self.shared, self.shared)))

    def factor(self, shift: Any, t: Any, y: Any, drive: Any, parameters: Any) -> Any:
        """Return the factors of the blocks, their answers to each shared variable, the rows, and the complement."""
        import jax.numpy as jnp

        own, outward, inward, shared = self.jacobian(t, y, drive, parameters)
        blocks = self._levels.factor(jnp.broadcast_to(jnp.asarray(own), (len(own), *y[0].shape[1:])), shift)
        answers = self._answers(blocks, outward, y[0])
        complement: list[list[Any]] = [list(row) for row in shared]  # of J: the shift comes with the factors
        for (i, column), value in zip(self.inward, inward, strict=True):
            for k, j in enumerate(self._outgoing):
                complement[i][j] = complement[i][j] - jnp.sum(value * answers[column, ..., k], axis=0)
        values = [complement[i][j] for i, j in self._small.places]
        return blocks, answers, inward, self._small.factor(values, shift)

    @functools.cached_property
    def _outgoing(self) -> tuple[int, ...]:
        """Shared variables on which any block depends."""
        return tuple(sorted({j for _, j in self.outward}))

    def _answers(self, blocks: Factors, outward: Any, like: Any) -> Any:
        """Return what blocks do per unit of each shared variable that reaches them, (k, blocks, ..., variables)."""
        import jax
        import jax.numpy as jnp

        nothing = jnp.zeros(like.shape[1:])
        columns = {(row, j): nothing for row in range(self.pattern.size) for j in self._outgoing}
        for place, value in zip(self.outward, outward, strict=True):
            columns[place] = columns[place] - value
        rows = [jnp.stack([columns[row, j] for j in self._outgoing], -1) for row in range(self.pattern.size)]
        return self._levels.solve(jax.tree.map(lambda x: x[..., None], blocks), jnp.stack(rows))

    def solve(self, factors: Any, b: Any) -> Any:
        """Return the solution (blocks, shared)."""
        import jax.numpy as jnp

        blocks, answers, inward, small = factors
        x = self._levels.solve(blocks, b[0])
        rest = [b[1][i] for i in range(self.shared)]
        for (i, column), value in zip(self.inward, inward, strict=True):
            rest[i] = rest[i] + jnp.sum(value * x[column], axis=0)
        shared = self._small.solve(small, rest)
        for k, j in enumerate(self._outgoing):
            x = x - answers[..., k] * shared[j]
        return x, jnp.stack(shared)
