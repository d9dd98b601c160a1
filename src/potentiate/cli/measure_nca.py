"""`potentiate measure TABLE --as nca`: exposure, half-life and clearance of each person without a compartment model."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ..errors import UsageError
from .output import Result, finish
from .pk_asked import read_table, table_inputs

if TYPE_CHECKING:
    from ..measures.noncompartmental import Noncompartmental
    from ..recordings.pk_table import PkTable

_ROUTES = {"oral": "oral", "iv": "iv bolus", "infusion": "infusion"}


@Parameter(name="*")
@dataclasses.dataclass(frozen=True)
class NcaOptions:
    """Options of non-compartmental analysis, on the command line of `potentiate measure`."""

    route: Literal["oral", "iv"] | None = None
    "How the doses were given; infusions (RATE) are recognised."
    auc: Literal["linear-up log-down", "linear"] = "linear-up log-down"
    "How areas are integrated."
    tau: str | None = None
    'Interval between doses, e.g. "24 h"; default: to the next dose, or II.'
    units: str | None = None
    'Units that the table does not state: "TIME=h,AMT=mg,DV=mg/L".'
    molar_mass: str | None = None
    'Joins doses in mg to concentrations in uM: "194.19 g/mol".'
    repeats: Literal["error", "keep"] = "error"
    "Two observations of a subject at one time."
    observed: int | None = None
    "Which observations are used where there are several kinds (DVID, else CMT)."


def measure_nca(
    file: Path,
    /,
    *,
    as_: Annotated[Literal["nca"], Parameter(name="--as")],
    options: Annotated[NcaOptions | None, Parameter(name="*")] = None,
    out: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Measure concentrations after doses: Cmax, AUC, half-life, clearance, volume, person by person.

    Parameters
    ----------
    file
        Table as NONMEM reads it, with units: ID TIME (h) AMT (mg) DV (mg/L).
    as_
        nca.
    out
        Folder to write; default runs/TIME_measure_FILE.
    json
        Print one JSON object.
    """
    from ..measures.noncompartmental import summarise
    from ..measures.table_profiles import profiles_of

    given = options or NcaOptions()
    if given.route is None:
        raise UsageError("How were the doses given?", why="clearance and volume depend on it", do="add --route oral, "
                         "or --route iv")  # fmt: skip
    if given.repeats == "keep":
        raise UsageError("Two samples at one time", where="--repeats", why="a profile has one value at a time",
                         do="average them in the table")  # fmt: skip
    table = read_table(file, given.units, given.molar_mass, given.repeats, given.observed)
    tau = _tau(given.tau)
    found = profiles_of(table, route=given.route, auc=given.auc, tau_h=tau)
    rows = [_row(row) for row in summarise([p for _, p in found])]
    observables = [
        o.as_dict("data", {"subject": id, "route": given.route}) for id, p in found for o in p.observables
    ]  # fmt: skip
    inputs = {**table_inputs(file, table), "as": "nca", "route": given.route, "auc": given.auc, "tau_h": tau}
    result = Result(
        "measure", file.stem, inputs,
        ["quantity", "centre", "unit", "CV %", "lowest", "highest", "n", "centre is", "why not all"], rows, observables,
        title=f"{file.name}   {len(table.subjects)} subjects   {table.observations} observations   NCA",
        notes=[*table.notes, *_notes(found)],
    )  # fmt: skip
    for row in result.rows:
        row[-1] = _reasons(found, str(row[0]))  # type: ignore[index]
    result.figure = lambda: _figure(found, table, file.stem)
    result.saves = {"subjects": ("subjects.csv", lambda path: _write(found, path))}
    result.assumed.append(f"areas {given.auc}; terminal line by the best adjusted R2")
    return finish(result, as_json=json, out=out)


def _tau(text: str | None) -> float | None:
    if text is None:
        return None
    from ..units import parse

    hours = parse(text, "time", where="--tau") / 3.6e6
    if not hours > 0:
        raise UsageError(f"An interval of {text!r}", where="--tau", do="give a time above zero")
    return hours


def _row(row: dict[str, Any]) -> list[Any]:
    def known(name: str) -> float | None:
        return row[name] if math.isfinite(row[name]) else None

    return [row["id"], known("centre"), row["unit"], known("spread_percent"), known("lowest"), known("highest"),
            f"{row['n']} of {row['of']}", row["word"], ""]  # fmt: skip


def _reasons(found: list[tuple[str, Noncompartmental]], id: str) -> str | None:
    """Return why a quantity is missing or doubtful, with the number of subjects."""
    counts: dict[str, int] = {}
    for _, p in found:
        for o in p.observables:
            if o.id == id and not o.ok:
                text = f"{o.status}: {_general(str(o.reason))}"
                counts[text] = counts.get(text, 0) + 1
    return "; ".join(f"{n} {text}" for text, n in counts.items()) or None


def _general(reason: str) -> str:
    """Return a reason without the number that is a subject's own."""
    if "is extrapolated" in reason:
        return "more than 20 % of the AUC is extrapolated"
    return "the last sample is before the end of the interval" if reason.startswith("the last sample") else reason


def _notes(found: list[tuple[str, Noncompartmental]]) -> list[str]:
    counts: dict[str, int] = {}
    for _, p in found:
        for note in p.notes:
            text = note.split(":")[0]
            counts[text] = counts.get(text, 0) + 1
    return [f"{text} ({n} subjects)" for text, n in counts.items()]


def _figure(found: list[tuple[str, Noncompartmental]], table: PkTable, title: str) -> Any:
    from ..show.nca_figure import nca_figure

    return nca_figure(found, table.concentration_unit, f"{title}: non-compartmental analysis")


def _write(found: list[tuple[str, Noncompartmental]], path: Path) -> None:
    import csv

    with path.open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["ID", "quantity", "value", "unit", "status", "reason", "notes"])
        for id, p in found:
            for o in p.observables:
                value = f"{o.value:.8g}" if o.known else ""
                rows.writerow([id, o.id, value, o.unit, o.status, o.reason or "", "; ".join(o.notes)])
