"""`potentiate slice --curve`: questions to a slice that need no timetable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..measures.input_output import InputOutput
from ..preparations import slice_curves as curves
from ..preparations.slice_curves import SliceCurve
from ..protocols.slice_plan import induction
from .output import Result
from .slice_asked import Asked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Theta bursts, or strengths of another train, of a threshold curve.
BURSTS, STRENGTHS = (1, 2, 3, 5, 7, 10, 15), (0.1, 0.2, 0.3, 0.4, 0.6, 0.8)

#: What of a curve goes to the table.
SHOWN = {
    "io": ("slope", "amplitude", "volley"), "ppr": ("ppr",),
    "concentration": ("slope", "amplitude", "half_width", "decay"), "threshold": ("ltp", "up", "down", "spikes"),
    "map": ("up", "down", "spikes"), "sensitivity": ("ltp", "up", "epsc_duration", "half_width", "amplitude"),
}  # fmt: skip


def curve_result(asked: Asked) -> Result:
    """Compute the curve that was asked for, and make its table."""
    assert asked.curve is not None
    curve = _compute(asked)
    asked.progress.done()
    names = SHOWN[asked.curve]
    x = f"{curve.x_name} ({curve.x_unit})" if curve.x_unit else curve.x_name
    columns = ["", x]
    for name in names:
        unit = curve.units[name]
        columns += [f"{name} ({unit})" if unit else name, "SEM"]
    rows: list[list[Any]] = []
    observables: list[dict[str, Any]] = []
    for i, row in enumerate(curve.rows):
        for k, at in enumerate(curve.x):
            if curve.kind == "sensitivity" and i == 0 and k:
                continue  # the unchanged drug, once
            found = [curve.average(name, i, k) for name in names]
            point = 1.0 if curve.kind == "sensitivity" and i == 0 else float(at)
            rows.append([row, point, *[v for a in found for v in (a.observable.value, a.sem)]])
            conditions = {"row": row, curve.x_name: point, **asked.conditions}
            observables += [a.observable.as_dict("prediction", {**conditions, "sem": a.sem, "n": a.n}) for a in found]
    notes = list(curve.notes)
    for label, fit in curve.fits.items():
        found = list(fit.observables) if isinstance(fit, InputOutput) else [fit.ec50, fit.slope, fit.top]
        observables += [o.as_dict("prediction", {"row": label, **asked.conditions}) for o in found]
        first = found[2] if isinstance(fit, InputOutput) else fit.ec50
        if first.known:
            notes.append(f"{label}: {first.id} {first.value:.4g} {first.unit}: {first.status}")
    title = f"slice   {asked.compound or 'no drug'}   {asked.curve}, {asked.preparation.document.id}, "
    if asked.curve in ("threshold", "map", "sensitivity"):
        title += f"{asked.stimulation.name}, "
    return Result(
        "slice", f"{asked.compound or asked.preparation.document.id}_{asked.curve}", asked.inputs, columns, rows,
        observables, [], list(dict.fromkeys([*asked.assumed, *curve.assumed])), notes,
        title=title + f"{asked.slices} slices", seed=asked.seed, figure=lambda: _figure(curve, asked), short=5,
    )  # fmt: skip


def _compute(asked: Asked) -> SliceCurve:
    made, drug, tell, n = asked.preparation, asked.compound, asked.progress, asked.slices
    if asked.curve not in ("concentration", "map") and len(asked.doses_uM) > 1:
        raise UsageError(f"--curve {asked.curve} takes one concentration", do="give one")
    dose = asked.doses_uM[0] if asked.doses_uM else 0.0
    rows = 1 if drug is None else 2
    common: dict[str, Any] = {"blockers_uM": asked.blockers_uM, "seed": asked.seed, "slices": n, "progress": tell}
    if asked.curve == "io":
        tell.expect(8 * rows * n)
        return curves.input_output_curve(made, drug, dose, **common)
    if asked.curve == "ppr":
        tell.expect(4 * rows * n)
        return curves.paired_pulse_curve(made, drug, dose, strength=asked.strength, **common)
    if asked.curve == "threshold":
        return _threshold(asked, dose, rows, common)
    assert drug is not None
    if asked.curve == "concentration":
        tell.expect(len(asked.doses_uM) * n)
        return curves.concentration_curve(made, drug, asked.doses_uM, strength=asked.strength, **common)
    if asked.curve == "map":
        tell.expect(6 * (len(set(asked.doses_uM)) + 1) * n)
        return curves.potentiation_map(made, drug, asked.doses_uM, asked.stimulation, **common)
    from ..preparations.slice_sensitivity import sensitivity

    return sensitivity(made, drug, dose, asked.stimulation, test_strength=asked.strength, **common)


def _threshold(asked: Asked, dose: float, rows: int, common: dict[str, Any]) -> SliceCurve:
    """Vary the bursts of theta-burst stimulation, or the strength of any other train."""
    if "tbs" in asked.protocol.lower():
        if asked.bursts is not None and asked.bursts < 2:
            raise UsageError("--curve threshold varies the number of bursts", do="give the largest, 2 or more")
        most = asked.bursts or BURSTS[-1]
        counts = sorted({b for b in BURSTS if b < most} | {most})
        bouts = {float(b): induction(asked.protocol, strength=asked.strength, bursts=b) for b in counts}
        name, unit = "theta bursts", ""
    else:
        bouts = {s: asked.stimulation.with_strength(s) for s in STRENGTHS}
        name, unit = "of the fibres in the train", ""
    asked.progress.expect(len(bouts) * rows * asked.slices)
    return curves.threshold_curve(
        asked.preparation, asked.compound, dose, bouts, x_name=name, x_unit=unit, test_strength=asked.strength, **common
    )


def _figure(curve: SliceCurve, asked: Asked) -> Figure:
    from ..show.slice_curves import slice_curve_figure

    words = {
        "io": "Input and output", "ppr": "Paired pulses", "concentration": "Field EPSP against concentration",
        "threshold": "Threshold of LTP", "map": f"Potentiated by {asked.stimulation.name}",
        "sensitivity": f"Numbers of {asked.compound}: what they move ({asked.stimulation.name})",
    }[curve.kind]  # fmt: skip
    drug = "" if curve.kind == "sensitivity" else f": {asked.compound or 'no drug'}"
    return slice_curve_figure(curve, words + drug)
