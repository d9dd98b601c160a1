"""The curves of `potentiate measure TABLE --as hill`: one Hill function per cell, or some parameters in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .measure_table import TableOptions, value_column
from .output import Result

if TYPE_CHECKING:
    from ..measures.concentration import ConcentrationResponse
    from ..measures.concentration_sets import ConcentrationSets
    from ..measures.table import Table


def hill_curves(result: Result, table: Table, given: TableOptions) -> None:
    """Fit the curves of a table and write them into a result.

    Raises
    ------
    UsageError
        The columns are not clear, or options that do not fit together.
    DataError
    """
    import numpy as np

    from ..measures.concentration import concentration_response
    from ..measures.concentration_sets import fit_sets
    from ..measures.sampling import level_columns

    shared = [part.strip() for part in given.share.split(",") if part.strip()] if given.share else []
    if shared and given.sd is not None:
        raise UsageError("Shared curves take no --sd", do="leave out one of --share and --sd")
    dose = _dose_column(table, given.concentration, result.assumed)
    besides = [name for name in (dose, given.by, given.sd) if name]
    value = value_column(table, given.value, besides, result.assumed)
    c, c_unit = table.values(dose)
    y, y_unit = table.values(value)
    sd = None if given.sd is None else table.numbers(given.sd)
    by = given.by or level_columns(table).get("cell")
    if by is not None and given.by is None:
        result.assumed.append(f"one curve per {by}")
    labels = table.labels(by) if by is not None else tuple("all" for _ in y)
    names = list(dict.fromkeys(label for label in labels if label is not None))
    index = {name: np.array([label == name for label in labels], dtype=bool) for name in names}
    asked: dict[str, Any] = {"convention": given.form, "concentration_unit": c_unit, "response_unit": y_unit}
    common: ConcentrationSets | None = None
    if shared:
        common = fit_sets({name: (c[k], y[k]) for name, k in index.items()}, shared, **asked)
        fits = dict(common.separate)
        if common.status != "ok":
            result.notes.append(f"No common fit ({common.status}): {common.reason}. The curves are fitted alone.")
            common = None
        else:
            result.notes.append(
                f"{', '.join(shared)} shared: extra-sum-of-squares p = {common.p_sharing:.2g}, AICc "
                f"{common.delta_aicc:+.3g} against separate curves."
            )
    else:
        fits = {name: concentration_response(c[k], y[k], sd=None if sd is None else sd[k], **asked)
                for name, k in index.items()}  # fmt: skip
    in_unit = f" ({y_unit})" if y_unit else ""
    result.columns = [by or "curve", "points", f"EC50 ({c_unit})", "low", "high", "nH", f"top{in_unit}",
                      f"bottom{in_unit}", "word", "status", "reason"]  # fmt: skip
    for name in names:
        if common is not None:
            bottom, top, ec50, slope = (common.parameters[name, p] for p in ("bottom", "top", "EC50", "nH"))
        else:
            fit = fits[name]
            bottom, top, ec50, slope = fit.bottom, fit.top, fit.ec50, fit.slope
        low, high = ec50.interval or (None, None)
        word = "determined" if ec50.ok else ec50.status
        result.rows = [*result.rows, [
            name, fits[name].n_points, ec50.value if ec50.known else None, low, high,
            *(o.value if o.known else None for o in (slope, top, bottom)), word, *_worst(ec50, slope, top, bottom),
        ]]  # fmt: skip
        where = {"curve": name, "quantity": value, "n_points": fits[name].n_points}
        result.observables += [o.as_dict("data", where) for o in (ec50, slope, top, bottom)]
    if len(names) == 1 and by is None:
        result.notes.append("All rows make one curve: differences between cells count as noise.")
    curves = {name: (c[k], y[k]) for name, k in index.items()}
    result.figure = lambda: _hill_figure(value, dose, c_unit, y_unit, curves, fits, common)


def _worst(*observables: Any) -> tuple[str, str | None]:
    """Return status and reason of the first parameter that is not determined."""
    bad = next((o for o in observables if not o.ok), None)
    return ("ok", None) if bad is None else (bad.status, f"{bad.id}: {bad.reason}")


def _dose_column(table: Table, asked: str | None, assumed: list[str]) -> str:
    if asked is not None:
        return table.column(asked).name
    found = [c.name for c in table.columns if c.unit in ("M", "mM", "uM", "nM", "pM")]
    if len(found) != 1:
        raise UsageError(
            "Which column is the concentration?",
            why=f"columns in M to pM: {', '.join(found) or 'none'}",
            do="write the unit in its title, concentration (uM), or give --concentration",
        )
    assumed.append(f"{found[0]} is the concentration")
    return found[0]


def _hill_figure(
    value: str, dose: str, c_unit: str, y_unit: str, curves: dict[str, Any], fits: dict[str, ConcentrationResponse],
    common: ConcentrationSets | None,
) -> Any:  # fmt: skip
    from ..show.hill_figure import hill_figure

    return hill_figure(value, dose, c_unit, y_unit, curves, fits, common)
