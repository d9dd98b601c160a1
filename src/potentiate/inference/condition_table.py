"""The table of conditions as rows: which columns there are, and every quantity in its unit inside."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from pathlib import Path

from ..errors import DataError, UnknownNameError, UsageError
from ..measures.table import Table
from ..units import INTERNAL, parse

#: Columns of words.
WORDS = ("file", "cell", "animal", "drug", "placement", "agonist", "sweeps", "channel", "part")

#: Columns of quantities -> dimension. Written ``pulse_ms``, ``pulse (ms)``, or ``pulse`` with cells like "1 ms".
QUANTITIES = {
    "concentration": "concentration",
    "agonist_concentration": "concentration",
    "pulse": "time",
    "on": "time",
    "interval": "time",
    "voltage": "voltage",
    "reversal": "voltage",
    "exchange": "time",
    "filter": "frequency",
    "temperature": "temperature",
    "use_from": "time",
    "use_to": "time",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table, in the units inside; NaN and None where nothing is told."""

    line: int
    words: Mapping[str, str | None]
    numbers: Mapping[str, float]

    def filled(self, defaults: Mapping[str, float]) -> Row:
        """Return the row with defaults where it is silent."""
        own = {name: value for name, value in self.numbers.items() if math.isfinite(value)}
        return dataclasses.replace(self, numbers={**defaults, **own})


def is_table(path: str | Path) -> bool:
    """Return whether a file is a table of conditions: text with a column ``file`` (a recording has none)."""
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    try:
        with path.open("rb") as handle:
            first = handle.readline(10_000).decode("utf-8-sig", errors="replace")
    except OSError:
        return False
    return any(word.strip(' \t\r\n"').lower() == "file" for word in re.split(r"[,;\t]", first))


def table_rows(table: Table) -> list[Row]:
    """Return the lines of the table with every quantity in its unit inside."""
    columns: dict[str, tuple[str, str | None]] = {}  # word or quantity -> (title, unit or None: in the cells)
    for name in table.names:
        key, unit = _meaning(name, table.column(name).unit)
        if key is None:
            known = [*WORDS, *(f"{q}_{INTERNAL[d]}".replace("degC", "C") for q, d in QUANTITIES.items())]
            raise UnknownNameError(f"column of {table.where}", name, known, do=f"columns are: {', '.join(known)}")
        if key in columns:
            raise DataError("Two columns say the same", where=table.where, why=f"{columns[key][0]!r} and {name!r}")
        columns[key] = (name, unit)
    if "file" not in columns:
        raise DataError("No column 'file'", where=table.where, why=f"columns: {', '.join(table.names)}")
    result = []
    for k, line in enumerate(table.column(columns["file"][0]).lines):
        words: dict[str, str | None] = {}
        numbers: dict[str, float] = {}
        for key, (title, unit) in columns.items():
            cell = table.column(title).cells[k]
            if key in WORDS:
                words[key] = table.labels(title)[k] if key in ("cell", "animal", "drug") else cell
            elif cell is None:
                numbers[key] = math.nan
            else:
                where = f"{table.where} line {line}, column {title!r}"
                try:
                    numbers[key] = _quantity(cell, unit, QUANTITIES[key])
                except UsageError as error:
                    raise DataError(error.what, where=where, why=error.why, do=error.do) from None
        result.append(Row(line, words, numbers))
    return result


def _meaning(name: str, unit: str | None) -> tuple[str | None, str | None]:
    """Return the word or quantity that a title stands for, and its unit.

    Examples
    --------
    >>> _meaning("agonist_mM", None), _meaning("pulse", "ms"), _meaning("agonist", None), _meaning("colour", None)
    (('agonist_concentration', 'mM'), ('pulse', 'ms'), ('agonist', None), (None, None))
    """
    lower = name.lower().replace(" ", "_")
    if lower in WORDS and unit is None:
        return lower, None
    if lower == "agonist":
        return "agonist_concentration", unit
    if lower in QUANTITIES:
        return lower, unit
    base, _, ending = name.replace(" ", "_").rpartition("_")
    quantity = "agonist_concentration" if base.lower() == "agonist" else base.lower()
    if unit is None and quantity in QUANTITIES:
        return quantity, "degC" if ending == "C" and quantity == "temperature" else ending
    return None, None


def _quantity(cell: str, unit: str | None, dimension: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        return parse(cell, dimension)
    if not math.isfinite(number):
        raise UsageError(f"{cell!r} is not a finite number")
    return parse(cell if unit is None else f"{number!r} {unit}", dimension)
