"""`potentiate patch`: receptor kinetics with and without a drug."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import UsageError
from ..library.compound import cautions, find_compound
from ..library.modulator import Action, find_action
from ..library.scheme import find_scheme, scheme_document, scheme_ids
from ..measures.observable import Observable
from ..units import parse, parse_concentration, show_concentration
from .output import Result, finish

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..preparations.patch_series import Series
    from ..preparations.patch_study import PatchStudy

#: The scheme that hippocampal drug effects are shown on unless another is named: nearest to GluA1 data of those with a
#: source that was read; verdicts never rest on it alone.
DEFAULT_SCHEME = "Rodrigues2023"


def patch(
    compound: str | None = None,
    /,
    *,
    conc: Annotated[list[str] | None, Parameter(name="--conc", consume_multiple=True)] = None,
    scheme: str | None = None,
    receptor: str | None = None,
    agonist: str = "glutamate",
    agonist_conc: str = "10 mM",
    width: str = "1 ms",
    long: str = "500 ms",
    placement: str = "both",
    variant: str | None = None,
    temperature: str | None = None,
    voltage: str = "-60 mV",
    protocol: str = "standard",
    frequency: str = "100 Hz",
    pulses: int = 10,
    rise: str = "20 ms",
    rig: bool = False,
    leak: str | None = None,
    rundown: float = 0.0,
    exchange: str | None = None,
    filter: str | None = None,
    noise: str | None = None,
    series: str | None = None,
    channels: int = 100,
    stochastic: bool = False,
    seed: int = 1,
    schemes: bool = False,
    json: bool = False,
    out: str | None = None,
) -> int:
    """Measure deactivation, desensitization, recovery and paired pulses of a receptor, with and without a drug.

    Parameters
    ----------
    compound : str
        Drug; without one the scheme alone is measured.
    conc : list of str
        Drug concentrations with units, e.g. ``--conc 1mM 5mM``, or ``saturating``.
    scheme : str
        Scheme of the library (``--schemes`` lists them) or a document file.
    receptor : str
        Composition instead of a scheme, e.g. ``GluA1i`` or ``GluA1/GluA2 flop + gamma-2``.
    agonist : str
        glutamate, or a compound with agonist parameters (ampa, kainate).
    agonist_conc : str
        Agonist concentration.
    width, long : str
        Widths of the brief and of the long pulse.
    placement : str
        both | agonist | control: which solutions hold the drug.
    variant : str
        Variant of the drug's operator.
    temperature : str
        Recording temperature; only schemes with a temperature law change.
    voltage : str
        Holding potential.
    protocol : str
        standard | train | slow | synaptic | agonist-series | agonist-free | bracket.
    frequency : str
        Of the train.
    pulses : int
        Of the train.
    rise : str
        10-90 % rise of a slow application.
    rig : bool
        Also show what a typical rig records: exchange 0.2 ms, 10 kHz Bessel, 10 MOhm, 2 pA noise.
    exchange, filter, noise, series : str
        Rig values that differ from the typical ones, e.g. ``--exchange 0.4ms --filter 5kHz``.
    leak : str
        Leak conductance of the patch, e.g. ``--leak 0.1nS``.
    rundown : float
        Fraction of channels lost from sweep to sweep.
    channels : int
        Number of channels in the patch.
    stochastic : bool
        Draw every channel.
    seed : int
        Seed of noise and channels.
    schemes : bool
        List the schemes and stop.
    json : bool
        Print one JSON object.
    out : str
        Folder for the files.
    """
    if schemes:
        rows = [[i, scheme_document(i)[0].family, _title(i)] for i in scheme_ids()]
        return finish(Result("patch", "schemes", {}, ["scheme", "family", "title"], rows), as_json=json, files=False)
    from ..evidence.experiment import with_agonist
    from ..preparations.patch_series import run_series
    from ..preparations.patch_study import MEASURES, study_patch

    assumed: list[str] = []
    entity, action, doses = _drug(compound, conc, assumed)
    base, name = _scheme(scheme, receptor, assumed)
    if agonist != "glutamate":
        agonist = find_compound(agonist).id
        agonist_action = find_action(agonist)
        if agonist_action is not None:
            assumed += agonist_action.document.assumed
    degrees = parse(temperature, "temperature") if temperature else None
    if degrees is not None and not any(r.temperature for r in base.directed[2]):
        assumed.append(f"{name} has no temperature law: its rates are used as written, {degrees:g} degC changes nothing")
    if placement != "both":
        from ..exposure.bath import PLACEMENTS

        if placement not in PLACEMENTS:
            raise UsageError(f"Unknown placement {placement!r}", do=f"use one of {', '.join(PLACEMENTS)}")
        assumed.append(PLACEMENTS[placement])
    bench = _rig(rig, exchange, filter, noise, series, leak, rundown, assumed)
    if protocol != "standard":
        found = run_series(
            protocol, with_agonist(base, agonist), action, doses, variant=variant, placement=placement,
            agonist_uM=parse_concentration(agonist_conc, where="--agonist-conc"),
            frequency_Hz=1000.0 * _positive(frequency, "frequency", "--frequency"), pulses=pulses,
            rise_ms=_positive(rise, "time", "--rise"), rig=bench, seed=seed,
        )
        assumed += action.document.assumed if action is not None else []
        return finish(_series_result(found, protocol, entity, name, assumed, seed), as_json=json, out=out)
    study = study_patch(
        with_agonist(base, agonist),
        action,
        doses,
        variant=variant,
        placement=placement,  # type: ignore[arg-type]
        agonist_uM=parse_concentration(agonist_conc, where="--agonist-conc"),
        width_ms=_positive(width, "time", "--width"),
        long_ms=_positive(long, "time", "--long"),
        voltage_mV=parse(voltage, "voltage", where="--voltage"),
        temperature_C=degrees,
        channels=channels,
        stochastic=stochastic,
        rig=bench,
        seed=seed,
    )
    if action is not None:
        assumed += action.document.assumed
    columns = ["C", *[f"{m} ({u})" if u else m for m, u in MEASURES.items()]]
    rows, observables = [], []
    for label, found in (("true", study.rows), ("rig", study.through_rig)):
        for row in found:
            shown = show_concentration(row.concentration_uM) + (" rig" if label == "rig" else "")
            rows.append([shown, *[_number(row.observables.get(m)) for m in MEASURES]])
            conditions = {
                "compound": entity, "concentration_uM": row.concentration_uM, "scheme": name, "seen": label,
            }
            observables += [
                row.observables[m].as_dict("prediction", conditions) for m in MEASURES if m in row.observables
            ]
    fits = _hill_notes(study, observables, {"compound": entity, "scheme": name})
    notes = fits + [
        f"{show_concentration(r.concentration_uM)}  {o.id}: {o.status}, {o.reason}"
        for r in (*study.rows, *study.through_rig)
        for o in r.observables.values()
        if o.id in MEASURES and not o.ok
    ]
    inputs: dict[str, Any] = {
        "compound": entity, "scheme": name, "agonist": agonist, "agonist_conc": agonist_conc, "width": width,
        "long": long, "placement": placement, "voltage": voltage, "channels": channels, "variant": variant,
    }
    result = Result(
        "patch", entity or name, inputs, columns, rows, observables, [], assumed, notes,
        title=f"patch   {entity or 'no drug'}   scheme {name} ({_title(name)})",
        seed=seed if (stochastic or bench.noise_pA > 0) else None,
        figure=lambda: _figure(study, entity),
        recording=study.brief,
        extra={"references": _references(name, entity)},
    )
    return finish(result, as_json=json, out=out)


def _hill_notes(study: PatchStudy, observables: list[dict[str, Any]], conditions: dict[str, Any]) -> list[str]:
    """Fit the drug's concentration-response of the two time constants where there are enough points."""
    from ..preparations.patch_study import response

    notes = []
    for name in ("tau_deact", "tau_des"):
        x, y = response(study.rows, name)
        if len(x) < 5:
            continue
        from ..measures.concentration import concentration_response

        control = study.rows[0].observables[name].value
        fit = concentration_response(x, y, bottom=control, concentration_unit="uM", response_unit="ms", name=f"{name}/EC50")
        low, high = ("open" if e is None else f"{e:.3g}" for e in (fit.ec50.interval or (None, None)))
        notes.append(
            f"Hill {name}: EC50 {fit.ec50.value:.3g} uM ({low} to {high}), nH {fit.slope.value:.2g}, "
            f"top {fit.top.value:.3g} ms: {fit.word}"
        )
        observables.append(fit.ec50.as_dict("prediction", conditions))
    return notes


def _series_result(
    found: Series, protocol: str, entity: str | None, name: str, assumed: list[str], seed: int
) -> Result:
    ids = list(dict.fromkeys(i for _, row in found.rows for i in row))
    units = {i: row[i].unit for _, row in reversed(found.rows) for i in row}
    rows = [[label, *[_number(row.get(i)) for i in ids]] for label, row in found.rows]
    observables = [
        o.as_dict("prediction", {"compound": entity, "row": label, "scheme": name, "protocol": protocol})
        for label, row in found.rows
        for o in row.values()
    ]
    notes = [f"{label}  {o.id}: {o.status}, {o.reason}" for label, row in found.rows for o in row.values() if not o.ok]
    intervals = [
        f"{label}  {o.id} {o.value:.4g} {o.unit} ({' to '.join('open' if e is None else f'{e:.4g}' for e in o.interval)})"
        for label, row in found.rows
        for o in row.values()
        if o.interval is not None
    ]
    return Result(
        "patch", f"{entity or name}_{protocol}", {"compound": entity, "scheme": name, "protocol": protocol},
        ["row", *[f"{i} ({units[i]})" if units[i] else i for i in ids]], rows, observables, [], assumed,
        [*intervals, *notes], title=f"patch   {protocol}   {entity or 'no drug'}   scheme {name}", seed=seed,
        figure=lambda: _series_figure(found, protocol, entity, name), recording=found.recording,
        extra={"references": _references(name, entity)},
    )


def _series_figure(found: Series, protocol: str, entity: str | None, name: str) -> Figure:
    import numpy as np

    from ..show.traces import Curve, Panel, patch_figure

    labels = [label for label, _ in found.rows]
    panels, curves = [], []
    if found.recording is not None and found.protocol is not None:
        shown = range(len(labels)) if len(labels) <= 6 else [0, 5, 12, len(labels) - 1]
        sweeps = found.recording.sweeps[list(shown)]
        panels = [Panel(protocol, found.recording.time_ms, sweeps, [labels[i] for i in shown], found.protocol.marks)]
    if found.curve is not None:
        x, ys = found.curve
        curves = [
            Curve(f"{entity or 'no drug'} {label}", x, y, "agonist (uM)", "peak (pA)")
            for label, y in zip(labels, ys, strict=True)
        ]
    elif len(labels) > 6:
        taus = [row["tau_deact"].value for _, row in found.rows]
        curves = [Curve("tau_deact", np.arange(1.0, len(taus) + 1), np.array(taus), "sweep", "tau_deact (ms)")]
    return patch_figure(panels, curves, None, f"{protocol}: {entity or 'no drug'} on {name}")


def _title(scheme_id: str) -> str:
    if scheme_id not in scheme_ids():
        return "from a file"
    document, correction = scheme_document(scheme_id)
    return correction.title if correction else document.title


def _references(scheme_id: str, entity: str | None) -> list[str]:
    keys: list[str] = []
    if scheme_id in scheme_ids():
        keys += scheme_document(scheme_id)[0].source.keys
    if entity is not None:
        keys += sorted(find_compound(entity).sources())
    return list(dict.fromkeys(keys))


def _drug(
    compound: str | None, conc: list[str] | None, assumed: list[str]
) -> tuple[str | None, Action | None, list[float]]:
    """Resolve a drug and its concentrations; everything that a bench would warn about goes to `assumed`."""
    if compound is None:
        if conc:
            raise UsageError("A concentration needs a drug", do="potentiate patch aniracetam --conc 5mM")
        return None, None, []
    entity = find_compound(compound)
    entity.require_pharmacology()
    action = find_action(entity.id)
    if action is None or action.kind == "agonist":
        raise UsageError(
            f"{entity.name} has no parameters for AMPA-receptor schemes",
            why="no source gives its effect on receptor kinetics" if action is None else "it is an agonist here",
            do=f"potentiate compound {entity.id}" if action is None else f"--agonist {entity.id}",
        )
    if conc is None:
        conc = ["saturating"] if action.saturating_only else [
            show_concentration(f * action.kd_uM) for f in (0.2, 1.0, 10.0)
        ]
        assumed.append(f"no concentration given: {', '.join(conc)}")
    texts = [part.strip() for text in conc for part in text.split(",") if part.strip()]
    doses = []
    for text in texts:
        if text != "saturating":
            parse_concentration(text, where="--conc")
        dose = action.concentration_uM(text)
        doses.append(dose)
        valid = action.document.valid_uM
        if valid and text != "saturating" and not valid[0] <= dose <= valid[1]:
            assumed.append(
                f"{text} is outside the range of the parameters ({show_concentration(valid[0])} to "
                f"{show_concentration(valid[1])}): extrapolated"
            )
    assumed += [] if action.saturating_only else cautions(entity, max(doses, default=0.0))
    return entity.id, action, doses


def _scheme(scheme: str | None, receptor: str | None, assumed: list[str]) -> tuple[Any, str]:
    if scheme and receptor:
        raise UsageError("Give a scheme or a receptor, not both")
    if receptor:
        from ..library.receptor import resolve

        found = resolve(receptor)
        assumed.append(f"{receptor}: {found.reason}")
        assumed += [f"misses {miss}" for miss in found.missed]
        assumed += found.assumed
        return found.scheme(), found.scheme_id
    if scheme is None:
        assumed.append(f"scheme {DEFAULT_SCHEME} (no scheme or receptor given); effects depend on the scheme")
    base = find_scheme(scheme or DEFAULT_SCHEME)
    return base, base.name


def _rig(
    typical: bool,
    exchange: str | None,
    filter: str | None,
    noise: str | None,
    series: str | None,
    leak: str | None,
    rundown: float,
    assumed: list[str],
) -> Any:
    import dataclasses

    from ..preparations.patch import IDEAL, TYPICAL_RIG

    given = [exchange, filter, noise, series]
    if not 0 <= rundown < 1:
        raise UsageError(f"Run-down of {rundown:g} per sweep", do="give a fraction from 0 to below 1")
    if not typical and not any((*given, leak, rundown)):
        return IDEAL
    bench = TYPICAL_RIG if typical or any(given) else IDEAL
    changes: dict[str, Any] = {"rundown_per_sweep": rundown}
    if leak:
        changes["leak_nS"] = parse(leak, "conductance", where="--leak")
    if exchange:
        changes["exchange_10_90_ms"] = _positive(exchange, "time", "--exchange")
    if filter:
        changes["filter_kHz"] = _positive(filter, "frequency", "--filter")
    if noise:
        changes["noise_pA"] = parse(noise, "current", where="--noise")
    if series:
        changes["series_GOhm"] = parse(series, "resistance", where="--series")
    bench = dataclasses.replace(bench, **changes)
    filtered = f"{bench.filter_kHz:g} kHz {bench.filter_kind}" if bench.filter_kHz else "none"
    assumed.append(
        f"rig: exchange 10-90 % {bench.exchange_10_90_ms:g} ms, filter {filtered}, "
        f"series {bench.series_GOhm * 1000:g} MOhm, leak {bench.leak_nS:g} nS, run-down {bench.rundown_per_sweep:g} "
        f"per sweep, noise {bench.noise_pA:g} pA before the filter"
    )
    return bench


def _positive(text: str, dimension: str, where: str) -> float:
    value = parse(text, dimension, where=where)
    if value <= 0:
        raise UsageError(f"{text!r} is not positive", where=where)
    return value


def _number(observable: Observable | None) -> float:
    return observable.value if observable is not None else math.nan


def _figure(study: PatchStudy, entity: str | None) -> Figure:
    from ..preparations.patch_study import response
    from ..show.traces import Curve, Panel, patch_figure

    labels = ["control", *[show_concentration(r.concentration_uM) for r in study.rows[1:]]]
    panels = [
        Panel("deactivation", study.brief.time_ms, study.brief.sweeps, labels, study.brief_protocol.marks, window_ms=(0, 30)),
        Panel("desensitization", study.long.time_ms, study.long.sweeps, labels, study.long_protocol.marks, window_ms=(0, 150)),
    ]
    curves = []
    for name, unit in (("tau_deact", "ms"), ("tau_des", "ms")):
        x, y = response(study.rows, name)
        if len(x) >= 2:
            curves.append(Curve(name, x, y, f"{entity} (uM)", f"{name} ({unit})"))
    return patch_figure(panels, curves, study.patch.scheme, f"{entity or 'no drug'} on {study.patch.scheme.name}")
