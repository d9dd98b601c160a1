"""Mixed models of nested measurements: cells in slices in animals, with marginal means, ratios and F tests.

The fit is our own REML (:mod:`potentiate.numerics.variance_components`): variances may be zero, and degrees of freedom
are those of Kenward and Roger. :mod:`~potentiate.measures.second_opinion` refits with statsmodels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, UnknownNameError, UsageError
from ..numerics.variance_components import VarianceFit, f_test, fit_variances
from .estimation import Statistic
from .observable import Status
from .table import Table

Array = NDArray[np.float64]
Cell = tuple[str, ...]

#: Matrices are dense: more rows are to be averaged first.
MOST_ROWS = 3000
METHOD = "REML, Kenward-Roger"


@dataclass(frozen=True)
class Contrast:
    """A comparison of marginal means.

    Attributes
    ----------
    effect : Statistic
        Difference, or ratio where logarithms were fitted, with its 95 % interval.
    test : Statistic
        Value is the two-sided p; ``statistic`` is t.
    """

    effect: Statistic
    test: Statistic

    @property
    def r(self) -> float:
        """Standardised effect size ``t / sqrt(t^2 + df)``; NaN where there is no test."""
        t, df = self.test.statistic, self.test.df
        return math.nan if t is None or df is None else t / math.sqrt(t * t + df)


@dataclass(frozen=True)
class MixedModel:
    """A fitted model.

    Attributes
    ----------
    quantity, unit : str
    log : bool
        Whether logarithms were fitted: means are then geometric and differences are ratios.
    factors : mapping of str to tuple of str
        Fixed factors and their levels.
    random : tuple of str
        Nested levels, coarse to fine.
    fit : VarianceFit
    counts : mapping
        Level (and ``row``) to the number of its groups.
    status, reason
        ``solver`` where the search failed; every number that leaves the model then is NaN with this reason.
    notes : tuple of str
    interaction : bool
        Whether the fixed factors interact.
    """

    quantity: str
    unit: str
    log: bool
    factors: Mapping[str, tuple[str, ...]]
    random: tuple[str, ...]
    fit: VarianceFit
    counts: Mapping[str, int]
    status: Status
    reason: str | None
    notes: tuple[str, ...]
    interaction: bool
    _y: Array = field(repr=False)
    _design: Array = field(repr=False)
    _grid: Array = field(repr=False)
    _cells: tuple[Cell, ...] = field(repr=False)
    _of_row: tuple[int, ...] = field(repr=False)
    _groups: tuple[tuple[str, ...], ...] = field(repr=False)

    @property
    def unit_of_n(self) -> str:
        """Coarsest level of sampling."""
        return self.random[0] if self.random else "row"

    def weights(self, **at: str) -> Array:
        """Return the weights over cells of the mean at some levels, averaged equally over the other factors.

        Examples: ``model.weights(genotype="KO") - model.weights(genotype="WT")`` is a contrast.

        Raises
        ------
        UnknownNameError
            No such factor or level.
        """
        names = list(self.factors)
        for name, level in at.items():
            if name not in names:
                raise UnknownNameError("factor", name, names, do=f"factors: {', '.join(names)}")
            if level not in self.factors[name]:
                raise UnknownNameError(
                    name, level, self.factors[name], do=f"there are: {', '.join(self.factors[name])}"
                )
        hit = np.array([all(cell[names.index(k)] == v for k, v in at.items()) for cell in self._cells], dtype=float)
        return hit / hit.sum()

    def observed(self, **at: str) -> Array:
        """Return the measured values at some levels, in the unit of the quantity."""
        hit = self.weights(**at) > 0
        y = self._y[[i for i, cell in enumerate(self._of_row) if hit[cell]]]
        return np.exp(y) if self.log else y

    def mean(self, **at: str) -> Statistic:
        """Return the marginal mean at some levels (geometric where logarithms were fitted), with interval."""
        return self._effect(self.weights(**at), "marginal_mean").effect

    def means(self, *by: str) -> list[tuple[dict[str, str], Statistic]]:
        """Return the marginal means of every combination of some factors, default all."""
        names = by or tuple(self.factors)
        for name in names:
            if name not in self.factors:
                raise UnknownNameError("factor", name, self.factors, do=f"factors: {', '.join(self.factors)}")
        grid = itertools.product(*(self.factors[name] for name in names))
        places = [dict(zip(names, levels, strict=True)) for levels in grid]
        return [(place, self.mean(**place)) for place in places]

    def against(self, factor: str, level: str, reference: str, **at: str) -> Contrast:
        """Compare two levels of a factor, at given levels of others and averaged over the rest.

        Raises
        ------
        UnknownNameError
        """
        return self.contrast(self.weights(**{**at, factor: level}) - self.weights(**{**at, factor: reference}))

    def contrast(self, weights: ArrayLike) -> Contrast:
        """Compare marginal means by weights over the cells (see :meth:`weights`); they must sum to zero.

        Raises
        ------
        UsageError
            Wrong number of weights, or a sum that is not zero.
        """
        w = np.asarray(weights, dtype=float)
        if w.shape != (len(self._cells),) or abs(w.sum()) > 1e-9 or not np.abs(w).max() > 0:
            raise UsageError("Weights of a contrast must sum to zero over the cells", why=f"{len(self._cells)} cells")
        return self._effect(w, "ratio" if self.log else "difference")

    def _effect(self, w: Array, id: str) -> Contrast:
        from scipy.special import stdtrit

        unit = "" if id == "ratio" else self.unit
        n = (self._n(w),)

        def withheld(status: Status, reason: str) -> Contrast:
            return Contrast(
                Statistic(id, math.nan, unit, status, reason, None, METHOD, (), n, self.unit_of_n),
                Statistic("p", math.nan, "", status, reason, None, METHOD, (), n, self.unit_of_n),
            )

        if self.status != "ok":
            return withheld(self.status, self.reason or "")
        if reason := self._unseen(w):
            return withheld("not determined", reason)
        row = w @ self._grid
        test = f_test(self.fit, row)
        value, error = float(row @ self.fit.beta), math.sqrt(float(row @ self.fit.covariance @ row))
        if not math.isfinite(test.p):
            return withheld("not determined", "too few groups: the degrees of freedom are not defined")
        reach = float(stdtrit(test.df_error, 0.975)) * error
        back: Callable[[float], float] = math.exp if self.log else float
        effect = Statistic(
            id, back(value), unit, "ok", None, (back(value - reach), back(value + reach)), METHOD, (), n,
            self.unit_of_n, None, test.df_error,
        )  # fmt: skip
        p = Statistic("p", test.p, "", "ok", None, None, METHOD, (), n, self.unit_of_n, value / error, test.df_error)
        return Contrast(effect, p)

    def _n(self, w: Array) -> int:
        """Return how many of the coarsest groups stand behind a contrast."""
        rows = [i for i, cell in enumerate(self._of_row) if w[cell] != 0]
        return len({self._groups[0][i] for i in rows}) if self._groups else len(rows)

    def _unseen(self, w: Array) -> str:
        seen = set(self._of_row)
        empty = [" ".join(cell) for k, cell in enumerate(self._cells) if w[k] != 0 and k not in seen]
        return f"nothing was measured at {', '.join(empty)}" if empty and self.interaction else ""

    def f_tests(self) -> list[tuple[str, Statistic]]:
        """Return the tests of every factor and interaction, each averaged equally over the others (type III).

        Returns
        -------
        list of (name, Statistic)
            The value is p; ``statistic`` is F, ``df_effect`` and ``df`` its degrees of freedom.
        """
        names = list(self.factors)
        found = []
        for size in range(1, len(names) + 1):
            for chosen in itertools.combinations(names, size):
                if size > 1 and not self.interaction:
                    continue  # no interactions in the model
                rows: Array = np.ones((1, 1))
                for name in names:
                    count = len(self.factors[name])
                    part = np.full((1, count), 1 / count)
                    if name in chosen:
                        part = np.eye(count)[1:] - np.eye(count)[0]
                    rows = np.asarray(np.kron(rows, part), dtype=float)
                found.append((":".join(chosen), self._f(rows)))
        return found

    def _f(self, rows: Array) -> Statistic:
        n = (self._n(np.abs(rows).sum(axis=0)),)

        def withheld(status: Status, reason: str) -> Statistic:
            return Statistic("p", math.nan, "", status, reason, None, METHOD, (), n, self.unit_of_n)

        if self.status != "ok":
            return withheld(self.status, self.reason or "")
        if reason := self._unseen(np.abs(rows).sum(axis=0)):
            return withheld("not determined", reason)
        test = f_test(self.fit, rows @ self._grid)
        if not math.isfinite(test.p):
            return withheld("not determined", "too few groups: the degrees of freedom are not defined")
        return Statistic(
            "p", test.p, "", "ok", None, None, METHOD, (), n, self.unit_of_n, test.f, test.df_error, test.df
        )

    def shares(self) -> list[tuple[str, Statistic]]:
        """Return the share of the random variance at each level (intraclass correlation), residual last."""
        parts = [*self.fit.variances, self.fit.residual]
        total = float(np.sum(parts))
        found = []
        for name, part in zip([*self.random, "residual"], parts, strict=True):
            n = (self.counts[name if name != "residual" else "row"],)
            of = name if name != "residual" else "row"
            if self.status != "ok":
                one = Statistic("icc", math.nan, "", self.status, self.reason, None, METHOD, (), n, of)
            else:
                one = Statistic("icc", part / total, "", "ok", None, None, METHOD,
                                ("the estimate is zero: at its bound",) if part == 0 else (), n, of)  # fmt: skip
            found.append((name, one))
        return found


def mixed_model(
    table: Table,
    value: str,
    fixed: Sequence[str],
    random: Sequence[str] = (),
    *,
    log: bool = False,
    interaction: bool = True,
    nested_in: str | None = None,
) -> MixedModel:
    """Fit fixed factors and nested random intercepts.

    Parameters
    ----------
    table : Table
    value : str
        Column of the measured quantity.
    fixed : sequence of str
        Columns of the fixed factors.
    random : sequence of str
        Columns of nested levels, coarse to fine: ``("animal", "slice", "pair")``. Labels of a level are read inside
        the level above, so that slice 1 of each animal is another slice. None: ordinary least squares.
    log : bool
        Fit logarithms.
    interaction : bool
        All interactions between fixed factors, or none.
    nested_in : str, optional
        Column within which the numbering of the coarsest level restarts.

    Returns
    -------
    MixedModel

    Raises
    ------
    DataError
        Values that have no logarithm, too few rows, a factor with one level.
    UsageError
        A random level that the data cannot hold: one group, one row per group, or the same groups twice.
    UnknownNameError

    Notes
    -----
    In R's words ``value ~ fixed1 * fixed2 + (1 | animal / slice / pair)``.
    """
    y, unit = table.values(value)
    if not fixed:
        raise UsageError("No fixed factor", do="name at least one column")
    fixed = [table.column(name).name for name in fixed]
    random = [table.column(name).name for name in random]
    if len({*fixed, *random}) < len(fixed) + len(random):
        raise UsageError("A column is named twice among the factors", why=", ".join([*fixed, *random]))
    needed = [*fixed, *random, *([nested_in] if nested_in else [])]
    known = np.isfinite(y)
    for name in needed:
        known &= np.array([label is not None for label in table.labels(name)], dtype=bool)
    notes = [f"{int((~known).sum())} rows with a blank left out"] if not known.all() else []
    rows, y = table.keep(known), y[known]
    if len(rows) > MOST_ROWS:
        raise DataError(f"{len(rows)} rows are too many for a mixed model", do=f"average them to {MOST_ROWS} or fewer")
    if log:
        if (y <= 0).any():
            raise DataError(
                f"{int((y <= 0).sum())} values of {value!r} are not positive", where=table.where,
                why="they have no logarithm", do="fit the values themselves (log=False), or correct the table",
            )  # fmt: skip
        y = np.log(y)
    factors = {name: rows.levels(name) for name in fixed}
    for name, levels in factors.items():
        if len(levels) < 2:
            raise DataError(f"{name!r} has {len(levels)} level", where=table.where, do="leave it out")
    cells = tuple(itertools.product(*factors.values()))
    labels = [rows.labels(name) for name in fixed]
    of_row = tuple(cells.index(tuple(str(column[i]) for column in labels)) for i in range(len(rows)))
    grid = _grid(list(factors.values()), interaction)
    if interaction:  # a cell without rows has no column
        seen = sorted(set(of_row))
        grid = grid[:, seen]
    design = grid[list(of_row)]
    paths = _paths(rows, random, nested_in)
    _check_levels(random, paths, len(rows))
    notes += _restarting(rows, random, fixed, nested_in)
    if design.shape[1] >= len(rows) or np.linalg.matrix_rank(design) < design.shape[1]:
        raise DataError("Too few rows for these factors", where=table.where, why=f"{len(rows)} rows")
    fit = fit_variances(y, design, paths)
    counts = {name: len(set(path)) for name, path in zip(random, paths, strict=True)} | {"row": len(rows)}
    ok = fit.status == "ok"
    return MixedModel(
        table.column(value).name, unit, log, factors, tuple(random), fit, counts, "ok" if ok else "solver",
        None if ok else fit.reason, tuple(notes), interaction, y, design, grid, cells, of_row, tuple(paths),
    )  # fmt: skip


def _grid(levels: Sequence[Sequence[str]], interaction: bool) -> Array:
    """Return one design row per cell: cell means, or treatment coding of main effects."""
    sizes = [len(level) for level in levels]
    if interaction:
        return np.eye(math.prod(sizes))
    columns = [np.ones(math.prod(sizes))]
    index = np.indices(sizes).reshape(len(sizes), -1)
    for axis, size in enumerate(sizes):
        columns += [(index[axis] == k).astype(float) for k in range(1, size)]
    return np.column_stack(columns)


def _paths(rows: Table, random: Sequence[str], nested_in: str | None) -> list[tuple[str, ...]]:
    """Return labels of each random level, written inside the levels above."""
    above = [""] * len(rows) if nested_in is None else [str(label) for label in rows.labels(nested_in)]
    found = []
    for name in random:
        above = [f"{outer}/{label}" for outer, label in zip(above, rows.labels(name), strict=True)]
        found.append(tuple(above))
    return found


def _check_levels(random: Sequence[str], paths: Sequence[tuple[str, ...]], n: int) -> None:
    for k, (name, path) in enumerate(zip(random, paths, strict=True)):
        groups = len(set(path))
        if groups < 2:
            raise UsageError(f"One {name} only", why="no variance between groups can be estimated", do="leave it out")
        if groups == n:
            raise UsageError(
                f"Every {name} has one row", why="its variance cannot be told from the residual", do="leave it out"
            )
        if k and groups == len(set(paths[k - 1])):
            raise UsageError(
                f"Every {random[k - 1]} has one {name}", why="their variances cannot be told apart", do="leave one out"
            )


def _restarting(rows: Table, random: Sequence[str], fixed: Sequence[str], nested_in: str | None) -> list[str]:
    """Say where numbers of the coarsest level occur in several groups, which may be a numbering that restarts."""
    if not random or nested_in is not None:
        return []
    labels = rows.labels(random[0])
    if not all(str(label).isdecimal() for label in labels):
        return []
    notes = []
    for name in fixed:
        where: dict[str | None, set[str | None]] = {}
        for label, group in zip(labels, rows.labels(name), strict=True):
            where.setdefault(label, set()).add(group)
        shared = [label for label, groups in where.items() if len(groups) > 1]
        if shared and any(len(groups) < len(rows.levels(name)) for groups in where.values()):
            notes.append(
                f"{random[0]} {shared[0]} occurs in several groups of {name} and is taken to be one {random[0]}; "
                f"if the numbering restarts, say that {random[0]} is nested in {name}"
            )
    return notes
