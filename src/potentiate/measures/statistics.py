"""Groups of cells, slices or animals: what counts as n, and tests that respect it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, UsageError
from .conventions import chosen
from .estimation import Effect, Statistic, mean_difference, plural, welch
from .observable import Status
from .table import Table

Array = NDArray[np.float64]
Key = tuple[str, ...]

#: Columns that name a level of sampling, coarse to fine, with the other words that are in use for it.
LEVELS = {
    "animal": ("animal", "mouse", "rat", "subject", "donor", "animal_id"),
    "slice": ("slice", "culture", "coverslip", "slice_id"),
    "cell": ("cell", "neuron", "patch", "cell_id"),
}


def level_columns(table: Table) -> dict[str, str]:
    """Return which column of a table names which level: ``{"animal": "mouse", "cell": "cell"}``."""
    by_lower = {name.lower(): name for name in table.names}
    found = {level: next((by_lower[w] for w in words if w in by_lower), None) for level, words in LEVELS.items()}
    return {level: name for level, name in found.items() if name is not None}


@dataclass(frozen=True)
class Sampling:
    """What one n is in a table.

    Attributes
    ----------
    unit : str
        Column (or ``row``).
    keys : tuple of (tuple of str) or None, one per row
        Which unit a row belongs to; None where the table does not say.
    n : int
    status : {"ok", "refused"}
    reason : str or None
        Why units of this kind may not be counted, with the numbers.
    notes : tuple of str
    """

    unit: str
    keys: tuple[Key | None, ...]
    n: int
    status: Literal["ok", "refused"]
    reason: str | None
    notes: tuple[str, ...]


def _many(count: int, unit: str) -> str:
    return f"{count} {plural(unit, count)}"


def unit_of_n(table: Table, unit: str | None = None, *, nested_in: str | None = None) -> Sampling:
    """Decide what is counted, and refuse to count cells as animals.

    Parameters
    ----------
    table : Table
        The rows of the comparison. Columns ``animal``, ``slice`` and ``cell`` (or words in :data:`LEVELS`) name levels.
    unit : str, optional
        Column whose labels are counted; default the coarsest level that the table has.
    nested_in : str, optional
        Column within which the numbering of animals restarts: animal 3 of WT is not animal 3 of KO.

    Returns
    -------
    Sampling
        ``refused`` where several units come from one group of a coarser level.

    Raises
    ------
    UnknownNameError
        `unit` is no column.
    """
    columns = level_columns(table)
    if unit is None:
        unit = next((columns[level] for level in LEVELS if level in columns), "row")
    if unit != "row":
        unit = table.column(unit).name
    labels = {name: table.labels(name) for name in {*columns.values(), *([unit] if unit != "row" else [])}}
    outer = table.labels(nested_in) if nested_in else None
    order = [columns[level] for level in LEVELS if level in columns]
    coarser = order[: order.index(unit)] if unit in order else [c for c in order if not _holds(labels, unit, c)]
    notes: list[str] = []

    def path(names: Sequence[str], row: int) -> Key | None:
        parts = [labels[name][row] for name in names]
        if outer is not None:
            parts.insert(0, outer[row])
        return None if any(part is None for part in parts) else tuple(str(part) for part in parts)

    if unit == "row":
        keys: list[Key | None] = [(str(i),) for i in range(len(table))]
    else:
        keys = [path([*coarser, unit], i) for i in range(len(table))]
    n = len({key for key in keys if key is not None})
    status: Literal["ok", "refused"] = "ok"
    reason = None
    for k, level in enumerate(coarser):
        groups = [path(coarser[: k + 1], i) for i in range(len(table))]
        unknown = sum(group is None for group in groups)
        pairs = {(g, key) for g, key in zip(groups, keys, strict=True) if g is not None and key is not None}
        held = {g for g, _ in pairs}
        if unknown:
            status, reason = "refused", f"{level} is blank in {_many(unknown, 'row')}: what is independent is not known"
        elif len(pairs) > len(held):
            status = "refused"
            reason = (
                f"{_many(n, unit)} from {_many(len(held), level)}: {plural(unit, 2)} of one {level} are not "
                f"independent; count {plural(level, 2)}, or fit a mixed model"
            )
        if status == "refused":
            break
    if not coarser and unit not in (columns.get("animal"), None):
        notes.append(f"the unit of n is the {unit}; no column says from which animal, so this cannot be checked")
    missing = sum(key is None for key in keys)
    if missing and status == "ok":
        notes.append(f"{_many(missing, 'row')} without {unit} left out")
    if unit in columns.values() and outer is None:
        notes += _restarts(table, unit)
    return Sampling(unit, tuple(keys), n, status, reason, tuple(notes))


def _holds(labels: dict[str, tuple[str | None, ...]], unit: str, level: str) -> bool:
    """Whether `unit` is coarser than `level`: several groups of `level` in one `unit`, and never the reverse."""
    if unit == "row":
        return False
    pairs = {(a, b) for a, b in zip(labels[level], labels[unit], strict=True) if a is not None and b is not None}
    return len(pairs) == len({a for a, _ in pairs}) > len({b for _, b in pairs})


def _restarts(table: Table, unit: str) -> list[str]:
    """Say where labels of the unit are bare numbers that may restart."""
    names = table.levels(unit)
    if names and all(name.isdecimal() for name in names):
        return [f"{unit} numbers are taken to be the same {unit} wherever they occur"]
    return []


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
    notes = [f"{_many(int((~used).sum()), 'row')} without a value or group left out"] if not used.all() else []
    rows = table.keep(used)
    y, where = y[used], rows.labels(by)
    names = rows.levels(by)
    if len(names) < 2:
        raise DataError(f"{by!r} has {_many(len(names), 'group')}", where=table.where, do="compare two or more groups")
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
    finest = _finest(rows, sampling)
    means = _unit_means(y, where, sampling.keys, finest, log)
    groups = tuple(_group(name, means.get(name, {}), sampling, y_unit, log, refusal) for name in ordered)
    made = [
        _difference(groups[0], group, paired, log, test_name, interval, sampling.unit, y_unit, refusal, seed)
        for group in groups[1:]
    ]
    adjusted = holm([d.test.value for d in made])
    differences = tuple(
        Difference(d.reference, d.group, d.effect, d.test, _adjusted(d.test, p, len(made)), d.keys)
        for d, p in zip(made, adjusted, strict=True)
    )
    if paired and refusal is None:
        for d in differences:
            for g in groups:
                alone = len(g.keys) - len(d.keys)
                if g.name in (d.reference, d.group) and alone > 0:
                    notes.append(f"{_many(alone, sampling.unit)} of {g.name!r} without a partner left out")
    if log and any(not (g.values > 0).all() for g in groups):
        notes.append("some values are not positive: their group has no geometric mean")
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
    return (
        f"{both} of {_many(sampling.n, sampling.unit)} occur in more than one group: compare them paired, or fit a "
        "mixed model"
    )


def _finest(rows: Table, sampling: Sampling) -> tuple[str | None, ...] | None:
    """Return the labels of cells inside the unit, where the table names them."""
    cell = level_columns(rows).get("cell")
    return rows.labels(cell) if cell is not None and cell != sampling.unit else None


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


def _unit_means(
    y: Array, where: Sequence[str | None], keys: Sequence[Key | None], cells: Sequence[str | None] | None, log: bool
) -> dict[str, dict[Key, float]]:
    """Average rows to cells and cells to units, in each group."""
    nested: dict[str, dict[Key, dict[str, list[float]]]] = {}
    for i, (value, label, key) in enumerate(zip(y, where, keys, strict=True)):
        if label is None or key is None:
            continue
        cell = f"row {i}" if cells is None or cells[i] is None else str(cells[i])
        nested.setdefault(label, {}).setdefault(key, {}).setdefault(cell, []).append(float(value))

    def mean(values: Sequence[float]) -> float:
        if not log:
            return float(np.mean(values))
        return math.exp(float(np.mean(np.log(values)))) if min(values) > 0 else math.nan

    found = {
        label: {key: mean([mean(rows) for rows in cells.values()]) for key, cells in units.items()}
        for label, units in nested.items()
    }
    # a geometric mean of a value that is not positive does not exist: the plain mean keeps the sign for the refusal
    for label, units in found.items():
        for key, value in units.items():
            if math.isnan(value):
                units[key] = float(np.mean([v for rows in nested[label][key].values() for v in rows]))
                units[key] = min(units[key], 0.0)
    return found


def _group(name: str, values: dict[Key, float], sampling: Sampling, unit: str, log: bool, refusal: str | None) -> Group:
    v = np.array(list(values.values()))
    n, of = (v.size,), sampling.unit

    def made(id: str, value: float, status: Status = "ok", reason: str | None = None) -> Statistic:
        return Statistic(id, value, unit, status, reason, None, "", (), n, of)

    positive = v.size > 0 and (v > 0).all()
    if v.size == 0:
        mean = made("mean", math.nan, "not determined", "no values")
    elif log and not positive:
        mean = made("geometric_mean", math.nan, "refused", "values are not positive")
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
    first: Group, second: Group, paired: bool, log: bool, test: str, interval: str | None, unit_n: str, unit: str,
    refusal: str | None, seed: int,
) -> Difference:  # fmt: skip
    keys = tuple(key for key in first.keys if key in second.keys) if paired else ()
    if paired:
        a = np.array([first.values[first.keys.index(key)] for key in keys])
        b = np.array([second.values[second.keys.index(key)] for key in keys])
    else:
        a, b = first.values, second.values
    effect = mean_difference(a, b, paired=paired, log=log, convention=interval, unit=unit, unit_of_n=unit_n, seed=seed)
    if refusal is not None:
        e = effect.estimate
        no = Statistic(e.id, math.nan, e.unit, "refused", refusal, None, e.convention, (), e.n, unit_n)
        none = _no_p("refused", refusal, test, e.n, unit_n)
        return Difference(first.name, second.name, Effect(no, np.empty(0)), none, none, keys)
    p = difference_test(a, b, paired=paired, log=log, convention=test, unit_of_n=unit_n)
    return Difference(first.name, second.name, effect, p, p, keys)


def _no_p(status: Status, reason: str, name: str, n: tuple[int, ...], unit_n: str) -> Statistic:
    return Statistic("p", math.nan, "", status, reason, None, name, (), n, unit_n)


def _adjusted(test: Statistic, p: float, count: int) -> Statistic:
    if not test.known:
        return _no_p(test.status, test.reason or "no p", "Holm", test.n, test.unit_of_n)
    return Statistic("p_adjusted", p, "", "ok", None, None, "Holm", (f"over {_many(count, 'comparison')}",), test.n,
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
