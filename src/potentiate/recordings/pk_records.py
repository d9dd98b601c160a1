"""The records of a PK table: text to rows, with the line of each."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, UnknownNameError
from .pk_units import TIME_H, plain

MOST_BYTES = 100_000_000
MOST_ROWS = 1_000_000
NEEDED = ("ID", "TIME", "AMT", "DV")
KNOWN = (*NEEDED, "EVID", "MDV", "CMT", "DVID", "RATE", "ADDL", "II", "SS", "BLQ")
#: Other names of needed columns.
SYNONYMS = {"#ID": "ID", "CENS": "BLQ", "BQL": "BLQ"}
#: A column in which NONMEM users mark lines that do not count.
COMMENT = "C"
BLANK = ("", ".", "NA", "NAN", "N/A")
#: What a cell of DV may say instead of a number below the limit of quantification.
BELOW = ("BLQ", "BQL", "BLOQ", "LLOQ", "BLD", "<LLOQ", "<LOQ")

_TITLE = re.compile(r"^\s*(?P<name>.*?)\s*[(\[]\s*(?P<unit>[^()\[\]]*?)\s*[)\]]\s*$")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?")


@dataclass(frozen=True)
class Record:
    """One line of a table; numbers in the units of the table."""

    line: int
    id: str
    time: float
    amt: float
    dv: str
    evid: int
    mdv: bool
    cmt: int
    dvid: int
    rate: float
    addl: float
    ii: float
    ss: int
    below: bool
    covariates: Mapping[str, float]


@dataclass(frozen=True)
class Records:
    """All records, with names and units of the columns."""

    rows: tuple[Record, ...]
    covariates: tuple[str, ...]
    units: Mapping[str, str]
    header_line: int
    notes: tuple[str, ...]


def number(cell: str, where: str) -> float:
    """Return a cell as a number, 0 where it is blank as NONMEM takes it.

    Raises
    ------
    DataError
        Text, or not finite.
    """
    text = cell.strip()
    if text.upper() in BLANK:
        return 0.0
    match = _NUMBER.fullmatch(text)
    value = float(re.sub("[dD]", "e", text)) if match else math.nan
    if not math.isfinite(value):
        clock = re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text)
        comma = re.fullmatch(r"[-+]?\d+,\d+", text)
        raise DataError(
            f"Not a number: {text[:40]!r}", where=where,
            why="clock times are not understood" if clock else "",
            do="give times since the first dose" if clock else "use a decimal point, not a comma" if comma
            else "write a number, or . where there is none",
        )  # fmt: skip
    return value


def read_records(path: Path, told: Mapping[str, str]) -> Records:
    """Return the records of a file.

    Raises
    ------
    DataError
    UnknownNameError
        A unit for a column that is not there.
    """
    where = path.name
    lines = _lines(path, where)
    header_line, header = lines[0]
    split = _splitter(header)
    titles = split(header, header_line, where)
    if all(_NUMBER.fullmatch(title) or title.upper() in BLANK for title in titles):
        raise DataError("No header", where=f"{where} line {header_line}", why=f"it reads {header[:60]!r}",
                        do="put the names first: ID TIME AMT DV")  # fmt: skip
    names, units = _names(titles, where, header_line)
    body = lines[1:]
    if body and (found := _unit_row(split(body[0][1], body[0][0], where), names)):
        for name, unit in found.items():
            if units.setdefault(name, unit) != unit:
                raise DataError(f"Two units of {name}: {units[name]} and {unit}", where=f"{where} line {body[0][0]}")
        body = body[1:]
    for name, unit in told.items():
        upper = name.upper()
        if upper not in names:
            raise UnknownNameError(f"column of {where}", name, names, do=f"columns: {', '.join(names)}")
        if units.get(upper) and plain(units[upper]) != plain(unit):
            raise DataError(f"{upper} is in {units[upper]} by the table", where=where, why=f"it is said to be {unit}",
                            do="leave the unit out, or correct the table")  # fmt: skip
        units[upper] = unit
    if not body:
        raise DataError("No records", where=where, why="there is a header and nothing below it")
    if len(body) > MOST_ROWS:
        raise DataError("Too many records", where=where, why=f"more than {MOST_ROWS}")
    rows = [split(line, k, where) for k, line in body]
    for (k, _), row in zip(body, rows, strict=True):
        if len(row) != len(names):
            raise DataError(
                "Row has the wrong number of cells", where=f"{where} line {k}",
                why=f"{len(row)} cells where the header has {len(names)}", do="write . where there is no value",
            )  # fmt: skip
    numbered = [(k, row) for (k, _), row in zip(body, rows, strict=True)]
    if COMMENT in names:
        at = names.index(COMMENT)
        numbered = [(k, [*row[:at], *row[at + 1 :]]) for k, row in numbered if row[at].upper() != COMMENT]
        names.pop(at)
        if not numbered:
            raise DataError("No records", where=where, why="all lines are marked as comments in column C")
    return _records(names, units, numbered, header_line, where)


def _lines(path: Path, where: str) -> list[tuple[int, str]]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError("File too large for a PK table", where=where, why=f"more than {MOST_BYTES // 10**6} MB")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"Cannot read {where}", why=error.strerror or str(error), do="check the path") from None
    except UnicodeDecodeError:
        raise DataError("Not a text table", where=where, do="save it as CSV (UTF-8)") from None
    if "\0" in text:
        raise DataError("Not a text table", where=where, why="it contains zero bytes")
    lines = [
        (k, line) for k, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.startswith("TABLE NO") and not (line.startswith("#") and line[1:3] != "ID")
    ]  # fmt: skip
    if not lines:
        raise DataError("Table is empty", where=where, do="first line: ID TIME AMT DV, with units")
    return lines


class _splitter:
    """Splits lines as the header is split."""

    def __init__(self, header: str) -> None:
        self.mark = next((mark for mark in "\t;," if mark in header), None)

    def __call__(self, line: str, number: int, where: str) -> list[str]:
        if self.mark is None:
            joined = re.sub(r"\s*([(\[][^)\]]*[)\]])", r"\1", line)  # TIME (h) is one title
            return joined.split()
        try:
            cells = next(csv.reader(io.StringIO(line), delimiter=self.mark, strict=True))
        except (csv.Error, StopIteration) as error:
            raise DataError("Cannot read the line", where=f"{where} line {number}", why=str(error)) from None
        return [cell.strip() for cell in cells]


def _names(titles: Sequence[str], where: str, line: int) -> tuple[list[str], dict[str, str]]:
    names: list[str] = []
    units: dict[str, str] = {}
    for k, title in enumerate(titles, 1):
        match = _TITLE.match(title)
        name = (match.group("name") if match else title).strip().strip('"').upper()
        name = SYNONYMS.get(name, name)
        if not name:
            raise DataError("A column has no name", where=f"{where} line {line} column {k}", do="name every column")
        if name in names:
            raise DataError(f"Two columns are called {name}", where=f"{where} line {line}")
        names.append(name)
        if match and match.group("unit"):
            units[name] = match.group("unit")
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise DataError(
            f"No column {', '.join(missing)}", where=f"{where} line {line}", why=f"columns: {', '.join(names)[:200]}",
            do=f"a PK table needs {', '.join(NEEDED)}",
        )  # fmt: skip
    if "DATE" in names:
        raise DataError("Dates are not understood", where=where, why="there is a column DATE",
                        do="give TIME in hours since the first dose of each subject")  # fmt: skip
    return names, units


def _unit_row(cells: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Return the units of a row of units, nothing where it is a row of numbers."""
    if len(cells) != len(names):
        return {}
    at = cells[names.index("TIME")].strip("()[] ")
    if plain(at) not in TIME_H:
        return {}
    return {n: c.strip("()[] ") for n, c in zip(names, cells, strict=True) if c.strip("()[] ").upper() not in BLANK}


def _records(
    names: list[str], units: dict[str, str], rows: list[tuple[int, list[str]]], header_line: int, where: str
) -> Records:
    place = {name: k for k, name in enumerate(names)}
    covariates = [name for name in names if name not in KNOWN]
    # a column of text is no covariate that a model could use
    usable = [
        name for name in covariates
        if all(_NUMBER.fullmatch(row[place[name]].strip()) or row[place[name]].strip().upper() in BLANK
               for _, row in rows)
    ]  # fmt: skip
    notes: list[str] = []
    if len(usable) < len(covariates):
        notes.append(f"columns of text are not used: {', '.join(n for n in covariates if n not in usable)}")
    coded = missing = 0
    made: list[Record] = []
    for line, row in rows:

        def value(name: str, line: int = line, row: list[str] = row) -> float:
            return number(row[place[name]], f"{where} line {line} column {name}") if name in place else 0.0

        id = row[place["ID"]]
        if id.upper() in BLANK:
            raise DataError("No subject", where=f"{where} line {line} column ID", do="write who it is")
        if _NUMBER.fullmatch(id):
            id = f"{float(id):.15g}"
        if row[place["TIME"]].upper() in BLANK:
            raise DataError("No time", where=f"{where} line {line} column TIME", do="write when it was")
        amt = value("AMT")
        if amt < 0:
            raise DataError(f"A dose of {amt:g}", where=f"{where} line {line} column AMT", do="give it above 0")
        evid, cmt = (int(value("EVID")) if "EVID" in place else int(amt > 0)), int(value("CMT"))
        if evid > 100:  # 101, 201 ...: a bolus into compartment 1, 2 (the older code of RxODE)
            if evid % 100 != 1 or evid >= 10_000:
                raise DataError(f"EVID {evid}", where=f"{where} line {line}", do="0 observation, 1 dose, 2 other, "
                                "3 reset, 4 reset and dose")  # fmt: skip
            evid, cmt, coded = 1, evid // 100, coded + 1
        if evid not in range(5):
            raise DataError(f"EVID {evid}", where=f"{where} line {line}", do="0 observation, 1 dose, 2 other, 3 reset, "
                            "4 reset and dose")  # fmt: skip
        dv = row[place["DV"]]
        mdv = bool(value("MDV"))
        if evid == 0 and not mdv and amt > 0:
            raise DataError("A record that is dose and observation", where=f"{where} line {line}",
                            why=f"AMT {amt:g} with EVID 0", do="make two records of it")  # fmt: skip
        if evid == 0 and not mdv and dv.strip().upper() in BLANK:
            mdv, missing = True, missing + 1
        text = dv.replace(" ", "").upper()
        below = text in BELOW or (text.startswith("<") and bool(_NUMBER.fullmatch(text[1:]))) or bool(value("BLQ"))
        made.append(Record(
            line, id, value("TIME"), amt, dv, evid, mdv, cmt, int(value("DVID")), value("RATE"), value("ADDL"),
            value("II"), int(value("SS")), below,
            {n: math.nan if row[place[n]].strip().upper() in BLANK else value(n) for n in usable},
        ))  # fmt: skip
    if coded:
        notes.append(f"{coded} record{'s' * (coded > 1)} with EVID 101, 201 ...: a dose into compartment 1, 2 ...")
    if missing:
        notes.append(f"{missing} observation{'s' * (missing > 1)} without a DV left out")
    return Records(tuple(made), tuple(usable), units, header_line, tuple(notes))
