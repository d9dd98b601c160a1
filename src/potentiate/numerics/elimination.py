"""Solving ``(I s - J) x = b`` inside an integrator: dense, or by an elimination whose order is fixed beforehand.

Matrices may carry trailing axes (lanes: parameter sets, or synapses), over which everything is elementwise. A solver is
made once for a system; inside a compiled loop it is asked to ``factor`` the matrix of a step and to ``solve`` with it
for every stage. Libraries that pivot and batch (LAPACK through XLA) are right for one dense matrix; for many small ones
plain elimination over lanes is faster, and a matrix that is sparse in the same places at every step needs only the
operations on numbers that are not zero.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

#: Jacobian of a system: (t, y, drive, parameters) -> what the solver takes.
Jacobian = Callable[[Any, Any, Any, Any], Any]


class LinearSolver(Protocol):
    """What an integrator needs: the factors of ``I shift - J(t, y)``, and solutions with them."""

    def factor(self, shift: Any, t: Any, y: Any, drive: Any, parameters: Any) -> Any:
        """Return the factors at a point of a solution; `shift` has the shape of `t`."""
        ...

    def solve(self, factors: Any, b: Any) -> Any:
        """Return the solution, in the shape of `b`."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Dense:
    """One matrix without lanes: LAPACK's LU with partial pivoting.

    Attributes
    ----------
    jacobian : callable
        Returns df/dy, shape (n, n).
    """

    jacobian: Jacobian

    def factor(self, shift: Any, t: Any, y: Any, drive: Any, parameters: Any) -> Any:
        """Return LU and row exchanges."""
        import jax.numpy as jnp
        from jax.scipy.linalg import lu_factor

        return lu_factor(shift * jnp.eye(len(y)) - self.jacobian(t, y, drive, parameters))

    def solve(self, factors: Any, b: Any) -> Any:
        """Return the solution, shape (n,)."""
        from jax.scipy.linalg import lu_solve

        return lu_solve(factors, b)


@dataclasses.dataclass(frozen=True, eq=False)
class DenseLanes:
    """Matrices over lanes: Gaussian elimination with row exchange, the columns unrolled.

    Attributes
    ----------
    jacobian : callable
        Returns df/dy, shape (n, n, ...).
    """

    jacobian: Jacobian

    def factor(self, shift: Any, t: Any, y: Any, drive: Any, parameters: Any) -> Any:
        """Return for each column: pivot row, its inverse pivot, the rest of the row, and the multipliers."""
        import jax.numpy as jnp

        left = -self.jacobian(t, y, drive, parameters)
        n = left.shape[0]
        eye = jnp.eye(n).reshape(n, n, *[1] * (left.ndim - 2))
        left = left + shift * eye
        columns = []
        for j in range(n):
            pivot = jnp.argmax(jnp.abs(left[:, 0]), axis=0)
            left, chosen = _exchanged(left, pivot)
            inverse = 1.0 / chosen[0]
            multipliers = left[1:, 0] * inverse
            columns.append((pivot, inverse, chosen[1:], multipliers))
            if j < n - 1:
                left = left[1:, 1:] - multipliers[:, None] * chosen[1:]
        return columns

    def solve(self, factors: Any, b: Any) -> Any:
        """Return the solution, shape (n, ...)."""
        import jax.numpy as jnp

        left, heads = b, []
        for pivot, _, _, multipliers in factors:
            left, head = _exchanged(left, pivot)
            heads.append(head)
            left = left[1:] - multipliers * head
        x: list[Any] = []
        for (_, inverse, row, _), head in zip(reversed(factors), reversed(heads), strict=True):
            known = jnp.sum(row * jnp.stack(x), axis=0) if x else 0.0
            x.insert(0, (head - known) * inverse)
        return jnp.stack(x)


def _exchanged(rows: Any, pivot: Any) -> tuple[Any, Any]:
    """Put the pivot row first; return all rows and the pivot row. The pivot may differ between lanes."""
    import jax.numpy as jnp

    spread = pivot.reshape(1, *[1] * (rows.ndim - 1 - pivot.ndim), *pivot.shape)
    chosen = jnp.take_along_axis(rows, jnp.broadcast_to(spread, (1, *rows.shape[1:])), axis=0)[0]
    place = jnp.arange(rows.shape[0]).reshape(-1, *[1] * (rows.ndim - 1))
    return jnp.where(place == spread, rows[:1], rows), chosen


@dataclasses.dataclass(frozen=True)
class Pattern:
    """Where a square matrix is not zero, and the order in which it is eliminated (least fill-in first).

    Attributes
    ----------
    size : int
    places : tuple of (row, column)
        Entries that may be not zero, the whole diagonal among them.

    Notes
    -----
    There is no pivoting: meant for ``I s - J`` of compartments and kinetic schemes, whose columns are dominated by
    the diagonal (what leaves a state arrives elsewhere), where elimination on the diagonal is stable in any order.
    Order: minimum degree, Markowitz 1957, Management Science 3:255.
    """

    size: int
    places: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, occupied: np.ndarray) -> Pattern:
        """Return the pattern of a matrix of booleans, shape (n, n); the diagonal is added."""
        full = np.asarray(occupied, bool) | np.eye(len(occupied), dtype=bool)
        return cls(len(full), tuple((int(i), int(j)) for i, j in zip(*np.nonzero(full), strict=True)))

    @functools.cached_property
    def order(self) -> tuple[int, ...]:
        """Order of elimination."""
        filled = np.zeros((self.size, self.size), bool)
        filled[tuple(np.array(self.places).T)] = True
        left, order = list(range(self.size)), []
        while left:
            inside = filled[np.ix_(left, left)]
            cost = (inside.sum(axis=0) - 1) * (inside.sum(axis=1) - 1)
            k = left.pop(int(np.argmin(cost)))
            order.append(k)
            rows = [i for i in left if filled[i, k]]
            columns = [j for j in left if filled[k, j]]
            filled[np.ix_(rows, columns)] = True
        return tuple(order)

    def factor(self, values: Any, shift: Any) -> dict[tuple[int, int], Any]:
        """Return the factors of ``I shift - J``.

        Parameters
        ----------
        values : sequence of arrays
            J at the places of the pattern, all of the same shape or broadcast to one.
        shift : array

        Returns
        -------
        dict
            Upper factor at its places, multipliers below, inverse pivots on the diagonal.
        """
        a = {place: -values[e] for e, place in enumerate(self.places)}
        for k in range(self.size):
            a[k, k] = a[k, k] + shift
        for at, k in enumerate(self.order):
            rest = self.order[at + 1 :]
            a[k, k] = 1.0 / a[k, k]
            columns = [j for j in rest if (k, j) in a]
            for i in rest:
                if (i, k) in a:
                    a[i, k] = a[i, k] * a[k, k]
                    for j in columns:
                        change = a[i, k] * a[k, j]
                        a[i, j] = a[i, j] - change if (i, j) in a else -change
        return a

    def solve(self, factors: dict[tuple[int, int], Any], b: Any) -> list[Any]:
        """Return the solution as a list of rows; `b` is a sequence of rows, None for a row of zeros."""
        x: list[Any] = list(b)

        def subtract(i: int, k: int) -> None:
            if (i, k) in factors and x[k] is not None:
                change = factors[i, k] * x[k]
                x[i] = -change if x[i] is None else x[i] - change

        for at, k in enumerate(self.order):
            for i in self.order[at + 1 :]:
                subtract(i, k)
        for at in range(self.size - 1, -1, -1):
            k = self.order[at]
            for j in self.order[at + 1 :]:
                subtract(k, j)
            if x[k] is not None:
                x[k] = x[k] * factors[k, k]
        return x


@dataclasses.dataclass(frozen=True, eq=False)
class Sparse:
    """Elimination along a pattern, for any trailing axes.

    Attributes
    ----------
    pattern : Pattern
    jacobian : callable
        Returns df/dy at the places of the pattern, shape (places, ...).
    """

    pattern: Pattern
    jacobian: Jacobian

    def factor(self, shift: Any, t: Any, y: Any, drive: Any, parameters: Any) -> Any:
        """Return the factors."""
        return self.pattern.factor(self.jacobian(t, y, drive, parameters), shift)

    def solve(self, factors: Any, b: Any) -> Any:
        """Return the solution, in the shape of `b`."""
        import jax.numpy as jnp

        return jnp.stack(self.pattern.solve(factors, b))
