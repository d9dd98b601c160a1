"""Tables of measured values: one row per measurement, units in the headers, ``amplitude (pA)``, cell, animal, drug."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, UnknownNameError

Array = NDArray[np.float64]

#: Largest file that is read, and most rows; a table of cells is far smaller.
MOST_BYTES = 50_000_000
MOST_ROWS = 200_000
#: What counts as a missing cell, in lower case.
BLANK = ("", "na", "n/a", "nan", "null")
#: What a column of pure numbers may write as its unit.
PURE = ("1", "ratio", "none", "-")

_TITLE = re.compile(r"^\s*(?P<name>.*?)\s*[(\[]\s*(?P<unit>[^()\[\]]*?)\s*[)\]]\s*$")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
    unit : str or None
        None where the header has none; empty for a pure number, written ``PPR (1)``.
    cells : tuple of str or None
        As read; None where blank.
    lines : tuple of int
        Line of the file for each cell (row number where there is no file).
    """

    name: str
    unit: str | None
    cells: tuple[str | None, ...]
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """Measured values with their units and labels.

    Attributes
    ----------
    columns : tuple of Column
        Of equal length, names unique.
    where : str
        File name, for messages.
    notes : tuple of str
        What was met while reading, e.g. how many cells are blank.
    """

    columns: tuple[Column, ...]
    where: str = "table"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.columns[0].cells) if self.columns else 0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, without units."""
        return tuple(column.name for column in self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def column(self, name: str) -> Column:
        """Return a column by name; upper and lower case are told apart only where needed.

        Raises
        ------
        UnknownNameError
        """
        for column in self.columns:
            if column.name == name:
                return column
        same = [column for column in self.columns if column.name.lower() == name.lower()]
        if len(same) == 1:
            return same[0]
        raise UnknownNameError(f"column of {self.where}", name, self.names, do=f"columns: {', '.join(self.names)}")

    def numbers(self, name: str) -> Array:
        """Return a column as numbers, NaN where blank.

        Raises
        ------
        DataError
            A cell is text, or not finite; names its line.
        """
        column = self.column(name)
        values = np.full(len(column.cells), math.nan)
        for k, (cell, line) in enumerate(zip(column.cells, column.lines, strict=True)):
            if cell is None:
                continue
            number = _number(cell)
            if number is None or not math.isfinite(number):
                raise DataError(
                    f"Text in a column of numbers: {cell[:40]!r}",
                    where=f"{self.where} line {line}, column {column.name!r}",
                    why=f"{column.name!r} is read as a number",
                    do="use a decimal point, not a comma" if re.fullmatch(r"[-+]?\d+,\d+", cell)
                    else "leave the cell blank where nothing was measured",
                )  # fmt: skip
            values[k] = number
        return values

    def values(self, name: str) -> tuple[Array, str]:
        """Return a measured quantity with its unit.

        Raises
        ------
        DataError
            The header has no unit, or a cell is text.
        """
        column = self.column(name)
        numbers = self.numbers(name)
        if column.unit is None:
            known = numbers[np.isfinite(numbers)]
            span = f"values {known.min():.6g}..{known.max():.6g}" if known.size else "no values"
            raise DataError(
                f'{self.where} column "{column.name}" has no unit',
                why=f"{span}; a measured value needs its unit",
                do=f'rename it "{column.name} (pA)", or "{column.name} (1)" if it is a pure number',
            )
        return numbers, column.unit

    def labels(self, name: str) -> tuple[str | None, ...]:
        """Return a column as labels (animal, drug ...), None where blank; ``3`` and ``3.0`` are one label."""
        found: list[str | None] = []
        for cell in self.column(name).cells:
            number = None if cell is None else _number(cell)
            found.append(cell if number is None or not math.isfinite(number) else f"{number:.15g}")
        return tuple(found)

    def levels(self, name: str) -> tuple[str, ...]:
        """Return the labels of a column once each, in order of appearance."""
        return tuple(dict.fromkeys(label for label in self.labels(name) if label is not None))

    def keep(self, rows: ArrayLike) -> Table:
        """Return the table of some rows: a mask, or row numbers from 0."""
        mask = np.asarray(rows)
        index = np.flatnonzero(mask) if mask.dtype == bool else mask.astype(int)
        return Table(
            tuple(
                Column(c.name, c.unit, tuple(c.cells[i] for i in index), tuple(c.lines[i] for i in index))
                for c in self.columns
            ),
            self.where,
            self.notes,
        )

    def where_is(self, name: str, labels: Iterable[str]) -> Table:
        """Return the rows whose label is one of some.

        Raises
        ------
        UnknownNameError
            A label that does not occur.
        """
        wanted, levels = list(labels), self.levels(name)
        for label in wanted:
            if label not in levels:
                raise UnknownNameError(f"{name} in {self.where}", label, levels, do=f"there are: {', '.join(levels)}")
        return self.keep(np.array([label in wanted for label in self.labels(name)], dtype=bool))

    def without(self, *names: str) -> Table:
        """Return the table without some columns."""
        gone = {self.column(name).name for name in names}
        return Table(tuple(c for c in self.columns if c.name not in gone), self.where, self.notes)

    @classmethod
    def from_columns(cls, columns: Mapping[str, Sequence[object]], *, where: str = "table") -> Table:
        """Return a table of Python sequences.

        Parameters
        ----------
        columns : mapping
            ``{"amplitude (pA)": [12.0, None], "cell": ["a", "b"]}``; None and NaN are blank.

        Raises
        ------
        DataError
            Columns of different length, or a name twice.

        Examples
        --------
        >>> Table.from_columns({"amplitude (pA)": [12.0, None], "cell": ["a", "b"]}).values("amplitude")
        (array([12., nan]), 'pA')
        """
        rows = [[_text(cell) for cell in cells] for cells in columns.values()]
        sizes = {len(row) for row in rows}
        if len(sizes) > 1:
            raise DataError("Columns differ in length", where=where, why=", ".join(map(str, sorted(sizes))))
        lines = tuple(range(1, (sizes.pop() if sizes else 0) + 1))
        return cls(_columns(list(columns), rows, lines, {}, where), where)


def _text(cell: object) -> str:
    return "" if cell is None else repr(float(cell)) if isinstance(cell, float) else str(cell)


def read_table(path: str | Path, *, units: Mapping[str, str] | None = None) -> Table:
    """Read a CSV or TSV table.

    Parameters
    ----------
    path : path
        First line: titles, with the unit of a measured quantity in brackets, ``amplitude (pA)``. Lines that start
        with ``#`` and a word are comments.
    units : mapping, optional
        Units of columns whose header has none: ``{"peak": "pA"}``.

    Returns
    -------
    Table
        Blank cells (empty, NA, NaN) are missing, and counted in the notes.

    Raises
    ------
    DataError
        Not a text table, a title twice or missing, a row of the wrong length, text where the header has a unit.
    UnknownNameError
        `units` names no column.

    Notes
    -----
    The separator is a tab, a semicolon or a comma, whichever the header has, in that order. Decimal points only.
    """
    path = Path(path)
    where = path.name
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError("File too large for a table", where=where, why=f"more than {MOST_BYTES // 10**6} MB")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"Cannot read {where}", why=error.strerror or str(error), do="check the path") from None
    except UnicodeDecodeError:
        raise DataError("Not a text table", where=where, do="save it as CSV (UTF-8)") from None
    if "\0" in text:
        raise DataError("Not a text table", where=where, why="it contains zero bytes")
    lines = [(k, line) for k, line in enumerate(text.splitlines(), 1) if line.strip() and not _is_comment(line)]
    if not lines:
        raise DataError("Table is empty", where=where, do="first line: cell, drug, amplitude (pA)")
    delimiter = next((mark for mark in "\t;," if mark in lines[0][1]), ",")
    try:
        parsed = [next(csv.reader(io.StringIO(line), delimiter=delimiter, strict=True)) for _, line in lines]
    except (csv.Error, StopIteration) as error:
        raise DataError("Cannot read the table", where=where, why=str(error), do="close every quotation mark") from None
    titles, rows = parsed[0], parsed[1:]
    if len(rows) > MOST_ROWS:
        raise DataError("Too many rows for a table of measurements", where=where, why=f"{len(rows)} rows")
    if not rows:
        raise DataError("Table has no rows", where=where, why="there is a header and nothing below it")
    if all(_number(title) is not None for title in titles):
        raise DataError(
            "Table has no header", where=where, why=f"the first line reads {lines[0][1][:60]!r}",
            do="put titles first, with units: cell, drug, amplitude (pA)",
        )  # fmt: skip
    for (line, _), row in zip(lines[1:], rows, strict=True):
        if len(row) != len(titles):
            raise DataError(
                "Row has the wrong number of cells", where=f"{where} line {line}",
                why=f"{len(row)} cells where the header has {len(titles)}",
                do="use a decimal point, not a comma" if delimiter == "," and len(row) > len(titles)
                else "complete the row; leave a cell blank where nothing was measured",
            )  # fmt: skip
    cells = [[row[k] for row in rows] for k in range(len(titles))]
    table = Table(_columns(titles, cells, tuple(k for k, _ in lines[1:]), units or {}, where), where)
    blanks = [f"{c.cells.count(None)} in {c.name!r}" for c in table.columns if None in c.cells]
    return Table(table.columns, where, (f"blank cells: {', '.join(blanks)}",) if blanks else ())


def _is_comment(line: str) -> bool:
    """A line that starts with # is a comment, unless # is the title of a first column."""
    return line.startswith("#") and not re.match(r'#"?\s*[\t;,]', line)


def _columns(
    titles: Sequence[str], cells: Sequence[Sequence[str]], lines: tuple[int, ...], units: Mapping[str, str], where: str
) -> tuple[Column, ...]:
    """Return the columns, units split from titles, blank cells as None."""
    made: list[Column] = []
    for title, column in zip(titles, cells, strict=True):
        name, unit = _split(title)
        if not name:
            raise DataError("A column has no title", where=f"{where} column {len(made) + 1}", do="name every column")
        clean = tuple(None if cell.strip().lower() in BLANK else cell.strip() for cell in column)
        made.append(Column(name, unit, clean, lines))
    names = [column.name for column in made]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError("Two columns have the same title", where=where, why=", ".join(map(repr, twice)))
    for name, unit in units.items():
        if name not in names:
            raise UnknownNameError(f"column of {where}", name, names, do=f"columns: {', '.join(names)}")
        k = names.index(name)
        if made[k].unit is not None and made[k].unit != _plain(unit):
            raise DataError(f"{name!r} has the unit {made[k].unit!r}", where=where, why=f"it is said to be in {unit!r}")
        made[k] = Column(name, _plain(unit), made[k].cells, lines)
    table = Table(tuple(made), where)
    for column in made:
        if column.unit is not None:
            table.numbers(column.name)  # text where the header promises a quantity: an error with its line
    return tuple(made)


def _split(title: str) -> tuple[str, str | None]:
    """Return name and unit of a title.

    Examples
    --------
    >>> _split("amplitude (pA)"), _split("drug"), _split("PPR (1)")
    (('amplitude', 'pA'), ('drug', None), ('PPR', ''))
    """
    match = _TITLE.match(title)
    if match is None or not match.group("unit"):
        return title.strip(), None
    return match.group("name"), _plain(match.group("unit"))


def _plain(unit: str) -> str:
    unit = unit.strip().replace("µ", "u").replace("μ", "u")
    return "" if unit.lower() in PURE or unit == "" else unit


def _number(cell: str) -> float | None:
    """Return a cell as a number, or None where it is text."""
    if not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", cell):
        return None
    return float(cell)
