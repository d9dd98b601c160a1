"""`potentiate patch`: receptor kinetics with and without a drug."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import UsageError
from ..library.compound import find_compound
from ..library.modulator import find_action
from ..library.scheme import scheme_document, scheme_ids
from ..units import parse, parse_concentration
from .bench import number, positive, references, resolve_drug, resolve_rig, resolve_scheme, scheme_title
from .output import Result, finish

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..preparations.patch_study import PatchStudy


def patch(
    compound: str | None = None,
    /,
    *,
    conc: Annotated[list[str] | None, Parameter(name="--conc", consume_multiple=True)] = None,
    scheme: str | None = None,
    receptor: str | None = None,
    agonist: str = "glutamate",
    agonist_conc: str | None = None,
    width: str = "1 ms",
    long: str = "500 ms",
    placement: str = "both",
    variant: str | None = None,
    temperature: str | None = None,
    voltage: Annotated[str, Parameter(allow_leading_hyphen=True)] = "-60 mV",
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
        Agonist concentration; default 10 mM, for a slow application 1 mM.
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
        rows = [[i, scheme_document(i)[0].family, scheme_title(i)] for i in scheme_ids()]
        return finish(Result("patch", "schemes", {}, ["scheme", "family", "title"], rows), as_json=json, files=False)
    from ..evidence.patch_experiment import with_agonist
    from ..preparations.patch import UNITARY_PS, Patch
    from ..preparations.patch_series import ASSUMED, run_series
    from ..preparations.patch_study import MEASURES, study_patch

    assumed: list[str] = []
    entity, action, doses = resolve_drug(compound, conc, assumed)
    base, name, pore = resolve_scheme(scheme, receptor, assumed)
    if agonist != "glutamate":
        agonist = find_compound(agonist).id
        agonist_action = find_action(agonist)
        if agonist_action is not None:
            assumed += agonist_action.document.assumed
    degrees = parse(temperature, "temperature", where="--temperature") if temperature else None
    if degrees is not None and not 0 <= degrees <= 50:
        raise UsageError(f"{temperature} is no temperature of a patch", where="--temperature", do="give 0 to 50 degC")
    if degrees is not None and not any(r.temperature for r in base.directed[2]):
        assumed.append(
            f"{name} has no temperature law: its rates are used as written, {degrees:g} degC changes nothing"
        )
    from ..exposure.bath import PLACEMENTS, Placement

    known: dict[str, Placement] = {side: side for side in PLACEMENTS}
    placed = known.get(placement)
    if placed is None:
        raise UsageError(f"Unknown placement {placement!r}", do=f"use one of {', '.join(PLACEMENTS)}")
    if placed != "both":
        assumed.append(PLACEMENTS[placed])
    bench = resolve_rig(rig, exchange, filter, noise, series, leak, rundown, assumed)
    strength = agonist_conc or ("1 mM" if protocol == "slow" else "10 mM")
    taken = {"agonist": strength, "brief pulse": width, "long pulse": long, "holding": voltage, "channels": channels}
    assumed.append("bench: " + ", ".join(f"{k} {v}" for k, v in taken.items()) + ", reversal 0 mV")
    if base.conductance_unit == "relative":
        assumed.append(f"largest conductance {UNITARY_PS:g} pS (the scheme gives relative ones; Spruston et al. 1995)")
    if protocol != "standard":
        found = run_series(
            protocol,
            Patch(
                with_agonist(base, agonist),
                channels,
                parse(voltage, "voltage", where="--voltage"),
                temperature_C=degrees,
                pore=pore,
                stochastic=stochastic,
                rig=bench,
            ),
            action,
            doses,
            variant=variant,
            placement=placed,
            agonist_uM=parse_concentration(strength, where="--agonist-conc"),
            frequency_Hz=1000.0 * positive(frequency, "frequency", "--frequency"),
            pulses=pulses,
            rise_ms=positive(rise, "time", "--rise"),
            seed=seed,
        )
        assumed += [ASSUMED[protocol]] if protocol in ASSUMED else []
        assumed += action.document.assumed if action is not None else []
        from .patch_series import series_result

        return finish(series_result(found, protocol, entity, name, assumed, seed), as_json=json, out=out)
    study = study_patch(
        with_agonist(base, agonist),
        action,
        doses,
        variant=variant,
        placement=placed,
        agonist_uM=parse_concentration(strength, where="--agonist-conc"),
        width_ms=positive(width, "time", "--width"),
        long_ms=positive(long, "time", "--long"),
        voltage_mV=parse(voltage, "voltage", where="--voltage"),
        temperature_C=degrees,
        channels=channels,
        pore=pore,
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
            shown = row.label + (" rig" if label == "rig" else "")
            rows.append([shown, *[number(row.observables.get(m)) for m in MEASURES]])
            conditions = {
                "compound": entity,
                **row.conditions,
                "scheme": name,
                "seen": label,
            }
            observables += [
                row.observables[m].as_dict("prediction", conditions) for m in MEASURES if m in row.observables
            ]
    fits = _hill_notes(study, observables, {"compound": entity, "scheme": name})
    notes = fits + [
        f"{r.label}  {o.id}: {o.status}, {o.reason}"
        for r in (*study.rows, *study.through_rig)
        for o in r.observables.values()
        if o.id in MEASURES and not o.ok
    ]
    inputs: dict[str, Any] = {
        "compound": entity,
        "scheme": name,
        "agonist": agonist,
        "agonist_conc": strength,
        "width": width,
        "long": long,
        "placement": placement,
        "voltage": voltage,
        "channels": channels,
        "variant": variant,
    }
    result = Result(
        "patch",
        entity or name,
        inputs,
        columns,
        rows,
        observables,
        [],
        assumed,
        notes,
        title=f"patch   {entity or 'no drug'}   scheme {name} ({scheme_title(name)})",
        seed=seed if (stochastic or bench.noise_pA > 0) else None,
        figure=lambda: _figure(study, f"{entity or 'no drug'} on {name}"),
        recording=study.brief,
        extra={"references": references(name, entity)},
    )
    return finish(result, as_json=json, out=out)


def _hill_notes(study: PatchStudy, observables: list[dict[str, Any]], conditions: dict[str, Any]) -> list[str]:
    from ..preparations.patch_study import hill_fits

    notes = []
    for name, fit in hill_fits(study).items():
        low, high = ("open" if e is None else f"{e:.3g}" for e in (fit.ec50.interval or (None, None)))
        notes.append(
            f"Hill {name}: EC50 {fit.ec50.value:.3g} uM ({low} to {high}), nH {fit.slope.value:.2g}, "
            f"top {fit.top.value:.3g} {fit.top.unit}: {fit.word}"
        )
        observables.append(fit.ec50.as_dict("prediction", conditions))
    return notes


def _figure(study: PatchStudy, title: str) -> Figure:
    from ..show.study import study_curves, study_panels
    from ..show.traces import patch_figure

    drug = next((n for n in study.patch.scheme.ligands if n != study.patch.scheme.agonist), "drug")
    return patch_figure(study_panels(study), study_curves(study, drug), study.patch.scheme, title)
