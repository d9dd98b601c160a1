"""What one n is: cells, slices or animals, and why cells of one animal may not be counted as animals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .estimation import plural
from .table import Table

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


def many(count: int, unit: str) -> str:
    """Return a count with its unit: ``4 animals``."""
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
            status, reason = "refused", f"{level} is blank in {many(unknown, 'row')}: what is independent is not known"
        elif len(pairs) > len(held):
            status = "refused"
            reason = (
                f"{many(n, unit)} from {many(len(held), level)}: {plural(unit, 2)} of one {level} are not "
                f"independent; count {plural(level, 2)}, or fit a mixed model"
            )
        if status == "refused":
            break
    if not coarser and unit not in (columns.get("animal"), None):
        notes.append(f"the unit of n is the {unit}; no column says from which animal, so this cannot be checked")
    missing = sum(key is None for key in keys)
    if missing and status == "ok":
        notes.append(f"{many(missing, 'row')} without {unit} left out")
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
