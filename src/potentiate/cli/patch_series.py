"""The result of `potentiate patch --protocol ...`: table and figure of a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bench import number, references
from .output import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..preparations.patch_series import Series


def _span(interval: tuple[float | None, float | None]) -> str:
    return " to ".join("open" if end is None else f"{end:.4g}" for end in interval)


def series_result(found: Series, protocol: str, entity: str | None, name: str, assumed: list[str], seed: int) -> Result:
    """Return what the command prints and writes for a series."""
    ids = list(dict.fromkeys(i for _, row in found.rows for i in row))
    units = {i: row[i].unit for _, row in reversed(found.rows) for i in row}
    rows = [[label, *[number(row.get(i)) for i in ids]] for label, row in found.rows]
    observables = [
        o.as_dict("prediction", {"compound": entity, "row": label, "scheme": name, "protocol": protocol})
        for label, row in found.rows
        for o in row.values()
    ]
    notes = [f"{label}  {o.id}: {o.status}, {o.reason}" for label, row in found.rows for o in row.values() if not o.ok]
    intervals = [
        f"{label}  {o.id} {o.value:.4g} {o.unit} ({_span(o.interval)})"
        for label, row in found.rows
        for o in row.values()
        if o.interval is not None
    ]
    return Result(
        "patch",
        f"{entity or name}_{protocol}",
        {"compound": entity, "scheme": name, "protocol": protocol},
        ["row", *[f"{i} ({units[i]})" if units[i] else i for i in ids]],
        rows,
        observables,
        [],
        assumed,
        [*intervals, *notes],
        title=f"patch   {protocol}   {entity or 'no drug'}   scheme {name}",
        seed=seed,
        figure=lambda: _figure(found, protocol, entity, name),
        recording=found.recording,
        extra={"references": references(name, entity)},
    )


def _figure(found: Series, protocol: str, entity: str | None, name: str) -> Figure:
    import numpy as np

    from ..show.traces import Curve, Panel, patch_figure

    labels = ["control" if label == "0" else label for label, _ in found.rows]
    panels, curves = [], []
    if found.recording is not None and found.protocol is not None:
        shown = range(len(labels)) if len(labels) <= 6 else [0, 5, 12, len(labels) - 1]
        sweeps = found.recording.sweeps[list(shown)]
        # a transient has no solution that is switched, so there is no bar to draw
        marks = {} if protocol == "synaptic" else found.protocol.marks
        panels = [Panel(protocol, found.recording.time_ms, sweeps, [labels[i] for i in shown], marks)]
    if found.curve is not None:
        x, ys = found.curve
        halves = [row["ec50"] for _, row in found.rows]
        title = f"{entity or 'no drug'}, peak"
        curves = [Curve(title, x, np.array(ys), "agonist (uM)", "peak (pA)", half=halves, points_label=labels)]
    elif len(labels) > 6:
        taus = np.array([row["tau_deact"].value for _, row in found.rows])
        curves = [Curve("tau_deact", np.arange(1.0, len(taus) + 1), taus, "sweep", "tau_deact (ms)", log=False)]
    return patch_figure(panels, curves, None, f"{protocol}: {entity or 'no drug'} on {name}")
