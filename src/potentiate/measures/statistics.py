"""Groups of cells, slices or animals: effects and tests that respect what n is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, UsageError
from .conventions import chosen
from .estimation import Effect, Statistic, mean_difference, welch
from .observable import Status
from .sampling import Key, Sampling, level_columns, many, unit_of_n
from .table import Table

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """One group of a comparison.

    Attributes
    ----------
    name : str
    keys : tuple
        Units, in the order of `values`.
    values : (n,) array
        One per unit (mean of its rows; geometric where logarithms are compared).
    mean, sem : Statistic
        Geometric mean, and no SEM, where logarithms are compared. SD and median are properties of `values`.
    """

    name: str
    keys: tuple[Key, ...]
    values: Array
    mean: Statistic
    sem: Statistic


@dataclass(frozen=True)
class Difference:
    """One group against the reference.

    Attributes
    ----------
    reference, group : str
    effect : Effect
        Group minus reference, or their ratio.
    test : Statistic
        Value is p.
    adjusted : Statistic
        Value is p adjusted after Holm over the comparisons of the call.
    keys : tuple
        Pairs used, where paired.
    """

    reference: str
    group: str
    effect: Effect
    test: Statistic
    adjusted: Statistic
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Groups side by side.

    Attributes
    ----------
    quantity, unit, by : str
    sampling : Sampling
    paired, log : bool
    groups : tuple of Group
        Reference first.
    differences : tuple of Difference
    notes : tuple of str
    """

    quantity: str
    unit: str
    by: str
    sampling: Sampling
    paired: bool
    log: bool
    groups: tuple[Group, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def compare(
    table: Table,
    value: str,
    by: str,
    *,
    unit: str | None = None,
    paired: bool = False,
    log: bool = False,
    reference: str | None = None,
    convention: str | None = None,
    interval: str | None = None,
    nested_in: str | None = None,
    repeats: Literal["error", "mean"] = "error",
    seed: int = 1,
) -> Comparison:
    """Compare groups of a table with a reference group.

    Parameters
    ----------
    table : Table
    value : str
        Column of the measured quantity.
    by : str
        Column of the groups.
    unit : str, optional
        Column whose labels are n; default the coarsest of animal, slice, cell in the table. Rows of one unit and
        group are averaged: rows to cells, cells to the unit.
    paired : bool
        The same units occur in both groups.
    log : bool
        Compare logarithms: ratios of geometric means.
    reference : str, optional
        Default the first group in the table.
    convention : {"t", "rank"}, optional
        Test: paired t or Welch's t; or Wilcoxon's signed ranks or Mann and Whitney's U.
    interval : {"BCa", "percentile", "t"}, optional
        Of the effect.
    nested_in : str, optional
        As in :func:`unit_of_n`.
    repeats : {"error", "mean"}
        What to do with several rows of one cell in one group.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Comparison
        Where counting the units is refused, effects and tests are ``refused`` with the numbers; the means stand.

    Raises
    ------
    DataError
        Fewer than two groups, a cell twice in one group, text in the column of values.
    UnknownNameError
    """
    test_name = chosen("compare", convention)
    y, y_unit = table.values(value)
    where = table.labels(by)
    used = np.isfinite(y) & np.array([label is not None for label in where], dtype=bool)
    notes = [f"{many(int((~used).sum()), 'row')} without a value or group left out"] if not used.all() else []
    rows = table.keep(used)
    y, where = y[used], rows.labels(by)
    names = rows.levels(by)
    if len(names) < 2:
        raise DataError(f"{by!r} has {many(len(names), 'group')}", where=table.where, do="compare two or more groups")
    first = names[0] if reference is None else reference
    if first not in names:
        rows.where_is(by, [first])
    ordered = [first, *(name for name in names if name != first)]
    sampling = unit_of_n(rows, unit, nested_in=nested_in)
    refusal = sampling.reason
    if refusal is None and not paired and sampling.unit != "row":
        refusal = _shared(sampling, where)
    if repeats == "error":
        _no_repeats(rows, by, sampling, nested_in)
    values = _Values(y, where, sampling.keys, _finest(rows, sampling))
    bad = {name: _not_positive(y, where, name) for name in ordered} if log else {}
    groups = tuple(
        _group(name, values.means(name, log and not bad[name]), sampling, y_unit, log, bad.get(name), refusal)
        for name in ordered
    )
    made = []
    for group in groups[1:]:
        why = refusal or bad.get(first) or bad.get(group.name)
        some = values.common(first, group.name) if paired else values
        if some.left_out and why is None:
            of = sampling.unit if values.cells is None else "cell"
            notes.append(f"{many(some.left_out, of)} without both {first!r} and {group.name!r} left out")
        pair = [some.means(name, log and why is None) for name in (first, group.name)]
        made.append(
            _difference((first, group.name), pair, paired, log, test_name, interval, sampling.unit, y_unit, why, seed)
        )
    adjusted = holm([d.test.value for d in made])
    differences = tuple(
        Difference(d.reference, d.group, d.effect, d.test, _adjusted(d.test, p, len(made)), d.keys)
        for d, p in zip(made, adjusted, strict=True)
    )
    return Comparison(
        table.column(value).name, y_unit, table.column(by).name, sampling, paired, log, groups, differences,
        (*notes, *sampling.notes),
    )  # fmt: skip


def _shared(sampling: Sampling, where: Sequence[str | None]) -> str | None:
    """Return why an unpaired test may not be made: the same unit stands in several groups."""
    seen: dict[Key, set[str | None]] = {}
    for key, label in zip(sampling.keys, where, strict=True):
        if key is not None:
            seen.setdefault(key, set()).add(label)
    both = sum(len(labels) > 1 for labels in seen.values())
    if not both:
        return None
    numbered = all(key is None or key[-1].isdecimal() for key in sampling.keys)
    restart = f"; or say within what the numbering of {sampling.unit}s restarts (nested_in)" if numbered else ""
    return (
        f"{both} of {many(sampling.n, sampling.unit)} occur in more than one group: compare them paired, or fit a "
        "mixed model" + restart
    )


def _finest(rows: Table, sampling: Sampling) -> tuple[str | None, ...] | None:
    """Return the labels of cells inside the unit, where the table names them."""
    cell = level_columns(rows).get("cell")
    return rows.labels(cell) if cell is not None and cell != sampling.unit else None


def _not_positive(y: Array, where: Sequence[str | None], name: str) -> str | None:
    """Return why a group has no logarithms, if it has none."""
    count = sum(value <= 0 for value, label in zip(y, where, strict=True) if label == name)
    if not count:
        return None
    words = "values are" if count > 1 else "value is"
    return f"{count} {words} not positive in {name!r}: no logarithm"


def _no_repeats(rows: Table, by: str, sampling: Sampling, nested_in: str | None) -> None:
    """Stop where one cell has two rows in one group, which may be two measurements or a copying error."""
    columns = level_columns(rows)
    cell = columns.get("cell", sampling.unit if sampling.unit not in (*columns.values(), "row") else None)
    if cell is None:
        return
    keys = unit_of_n(rows, cell, nested_in=nested_in).keys
    lines = rows.column(by).lines
    seen: dict[tuple[Key | None, str | None], int] = {}
    for key, label, line in zip(keys, rows.labels(by), lines, strict=True):
        if key is not None and (key, label) in seen:
            raise DataError(
                f"{cell} {' / '.join(key)} occurs twice in {by} {label!r}",
                where=f"{rows.where} lines {seen[key, label]} and {line}",
                why="each cell has one value per group",
                do="correct the table, choose rows, or ask for the mean of repeats",
            )
        seen[key, label] = line


@dataclass(frozen=True)
class _Values:
    """Rows with their group, unit, and cell inside the unit (None where cells are not named)."""

    y: Array
    where: Sequence[str | None]
    keys: Sequence[Key | None]
    cells: Sequence[str | None] | None
    left_out: int = 0

    def means(self, name: str, geometric: bool) -> dict[Key, float]:
        """Return the mean of each unit in a group: rows are averaged to cells, cells to units."""
        units: dict[Key, dict[str, list[float]]] = {}
        for i, label in enumerate(self.where):
            key, cell = self.keys[i], None if self.cells is None else self.cells[i]
            if label == name and key is not None:
                units.setdefault(key, {}).setdefault(f"row {i}" if cell is None else cell, []).append(float(self.y[i]))

        def mean(values: Sequence[float]) -> float:
            return math.exp(float(np.mean(np.log(values)))) if geometric else float(np.mean(values))

        return {key: mean([mean(rows) for rows in cells.values()]) for key, cells in units.items()}

    def common(self, first: str, second: str) -> _Values:
        """Return the rows of units that occur in both groups: of the same cells, where any cell is in both."""
        by_unit = [(key, None) for key in self.keys]
        by_cell = by_unit if self.cells is None else list(zip(self.keys, self.cells, strict=True))
        for places in (by_cell, by_unit):
            seen = [{p for p, label in zip(places, self.where, strict=True) if label == n} for n in (first, second)]
            both = seen[0] & seen[1]
            keep = [i for i, place in enumerate(places) if place in both]
            if both:
                break
        return _Values(
            self.y[keep], [self.where[i] for i in keep], [self.keys[i] for i in keep],
            None if self.cells is None else [self.cells[i] for i in keep], len((seen[0] | seen[1]) - both),
        )  # fmt: skip


def _group(
    name: str, values: dict[Key, float], sampling: Sampling, unit: str, log: bool, bad: str | None, refusal: str | None
) -> Group:
    v = np.array(list(values.values()))
    n, of = (v.size,), sampling.unit

    def made(id: str, value: float, status: Status = "ok", reason: str | None = None) -> Statistic:
        return Statistic(id, value, unit, status, reason, None, "", (), n, of)

    if v.size == 0:
        mean = made("mean", math.nan, "not determined", "no values")
    elif bad is not None:
        mean = made("geometric_mean", math.nan, "refused", bad)
    else:
        mean = made("geometric_mean", math.exp(float(np.log(v).mean()))) if log else made("mean", float(v.mean()))
    if refusal is not None:
        sem = made("sem", math.nan, "refused", refusal)
    elif log:
        sem = made("sem", math.nan, "refused", "a geometric mean has no symmetric error")
    elif v.size < 2:
        sem = made("sem", math.nan, "not determined", f"n = {v.size}")
    else:
        sem = made("sem", float(v.std(ddof=1)) / math.sqrt(v.size))
    return Group(name, tuple(values), v, mean, sem)


def _difference(
    names: tuple[str, str], pair: Sequence[dict[Key, float]], paired: bool, log: bool, test: str, interval: str | None,
    unit_n: str, unit: str, refusal: str | None, seed: int,
) -> Difference:  # fmt: skip
    keys = tuple(key for key in pair[0] if key in pair[1]) if paired else ()
    a, b = (np.array([v[key] for key in keys] if paired else list(v.values()), dtype=float) for v in pair)
    if refusal is not None:
        id, n = ("ratio" if log else "mean_difference"), ((len(keys),) if paired else (a.size, b.size))
        kind = chosen("mean_difference", interval)
        no = Statistic(id, math.nan, "" if log else unit, "refused", refusal, None, kind, (), n, unit_n)
        none = _no_p("refused", refusal, test, n, unit_n)
        return Difference(*names, Effect(no, np.empty(0)), none, none, keys)
    effect = mean_difference(a, b, paired=paired, log=log, convention=interval, unit=unit, unit_of_n=unit_n, seed=seed)
    p = difference_test(a, b, paired=paired, log=log, convention=test, unit_of_n=unit_n)
    return Difference(*names, effect, p, p, keys)


def _no_p(status: Status, reason: str, name: str, n: tuple[int, ...], unit_n: str) -> Statistic:
    return Statistic("p", math.nan, "", status, reason, None, name, (), n, unit_n)


def _adjusted(test: Statistic, p: float, count: int) -> Statistic:
    if not test.known:
        return _no_p(test.status, test.reason or "no p", "Holm", test.n, test.unit_of_n)
    return Statistic("p_adjusted", p, "", "ok", None, None, "Holm", (f"over {many(count, 'comparison')}",), test.n,
                     test.unit_of_n)  # fmt: skip


def difference_test(
    first: ArrayLike,
    second: ArrayLike,
    *,
    paired: bool = False,
    log: bool = False,
    convention: str | None = None,
    unit_of_n: str = "value",
) -> Statistic:
    """Test whether two groups differ.

    Parameters
    ----------
    first, second : (n,) and (m,) arrays
        Of equal length and order where paired.
    paired, log : bool
        As in :func:`~potentiate.measures.mean_difference`.
    convention : {"t", "rank"}, optional
        t: paired t, or Welch's t. rank: Wilcoxon's signed ranks, or Mann and Whitney's U; exact where there are no
        ties and at most 50 values.
    unit_of_n : str

    Returns
    -------
    Statistic
        Its value is the two-sided p; ``statistic`` is t (second minus first), W or U of `second`.

    Raises
    ------
    UsageError
        NaN among the values, or pairs of unequal length.
    """
    kind = chosen("compare", convention)
    a, b = (np.asarray(v, dtype=float).ravel() for v in (first, second))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UsageError("A value is missing or not finite", do="leave out missing values first")
    if paired and a.size != b.size:
        raise UsageError("Pairs need equal numbers", why=f"{a.size} and {b.size}")
    n = (a.size,) if paired else (a.size, b.size)
    name = {("t", True): "paired t", ("t", False): "Welch t", ("rank", True): "Wilcoxon signed rank",
            ("rank", False): "Mann-Whitney U"}[kind, paired]  # fmt: skip
    if log and not ((a > 0).all() and (b > 0).all()):
        return _no_p("refused", "values are not positive: no logarithm", name, n, unit_of_n)
    if min(n) < 2:
        return _no_p("not determined", f"n = {min(n)}: a test needs at least 2", name, n, unit_of_n)
    if log:
        a, b = np.log(a), np.log(b)
    samples = [b - a] if paired else [b, -a]
    if all(np.ptp(s) == 0 for s in samples) and (kind == "t" or paired):
        return _no_p("not determined", "the values do not vary", name, n, unit_of_n)
    if kind == "t":
        from scipy.special import stdtr

        mean, error, df = welch(samples)
        t = mean / error
        return Statistic("p", float(2 * stdtr(df, -abs(t))), "", "ok", None, None, name, (), n, unit_of_n, t, df)
    from scipy import stats

    found: Any = stats.wilcoxon(b, a) if paired else stats.mannwhitneyu(b, a, alternative="two-sided")
    return Statistic("p", float(found.pvalue), "", "ok", None, None, name, (), n, unit_of_n, float(found.statistic))


def holm(p: Sequence[float]) -> list[float]:
    """Adjust p values of a family after Holm (1979), Scand J Statist 6:65; NaN is left out and stays.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    known = sorted((value, k) for k, value in enumerate(p) if not math.isnan(value))
    out, top = [math.nan] * len(p), 0.0
    for rank, (value, k) in enumerate(known):
        top = max(top, min(1.0, value * (len(known) - rank)))
        out[k] = top
    return out
