"""`potentiate synapse`: synaptic responses with and without a drug."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import UsageError
from ..library.compound import cautions, find_compound
from ..library.modulator import find_action
from ..units import parse, parse_concentration, show_concentration
from .bench import number, positive
from .output import Result, finish

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..library.modulator import Action
    from ..preparations.synapse import Synapse
    from ..preparations.synapse_study import SynapseStudy

#: Short headings of the table.
HEADINGS = {
    "tau_weighted": "tau_w",
    "half_width": "width",
    "train_ratio": "train",
    "nmda_charge": "NMDA",
    "calcium_peak": "Ca peak",
    "calcium_share_AMPA": "AMPA Ca",
}


def synapse(
    compound: str | None = None,
    /,
    *,
    conc: Annotated[list[str] | None, Parameter(name="--conc", consume_multiple=True)] = None,
    preparation: str = "ca1-spine",
    scheme: str | None = None,
    variant: str | None = None,
    cleft: str | None = None,
    release: str | None = None,
    probability: float | None = None,
    sites: int | None = None,
    magnesium_block: str | None = None,
    mg: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    ca: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    calcium_law: str | None = None,
    without_glua2: Annotated[bool, Parameter(name="--without-glua2", negative="")] = False,
    temperature: str | None = None,
    voltage: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    current_clamp: Annotated[bool, Parameter(name="--current-clamp", negative="")] = False,
    at_soma: Annotated[bool, Parameter(name="--at-soma", negative="")] = False,
    series: str | None = None,
    channel_noise: Annotated[bool, Parameter(name="--channel-noise", negative="")] = False,
    train: Annotated[list[str] | None, Parameter(name="--train", consume_multiple=True)] = None,
    pulses: int = 10,
    interval: str = "50 ms",
    blockers: Annotated[list[str] | None, Parameter(name="--blockers", consume_multiple=True)] = None,
    trials: int = 40,
    seed: int = 1,
    json: bool = False,
    out: str | None = None,
) -> int:
    """Measure a synapse: single responses, paired pulses, a train, NMDA charge and calcium, with and without a drug.

    Parameters
    ----------
    compound : str
        Drug; without one the synapse alone is measured.
    conc : list of str
        Drug concentrations with units, e.g. ``--conc "1.5 mM" "5 mM"``, or ``saturating``.
    preparation : str
        ca1-spine | nucleus-magnocellularis | nucleus-magnocellularis-hatched, or a document file.
    scheme : str
        AMPA-receptor scheme in place of the preparation's, at the same quantal peak.
    variant : str
        Variant of the drug's operator.
    cleft : str
        Waveform of glutamate: brief pulse | 1 ms pulse | Clements | triple exponential | diffusion | endless diffusion.
    release : str
        Law of release: Kronberg | Milstein | Milstein with pool | Rodrigues | Rodrigues multivesicular.
    probability : float
        Release probability at rest.
    sites : int
        Release sites that the stimulus reaches.
    magnesium_block : str
        Jahr-Stevens | GluSynapse | Grunditz | Milstein | Kampa (kinetic, voltage clamp only).
    mg, ca : str
        External magnesium and calcium, e.g. ``--mg "2 mM"``.
    calcium_law : str
        Of NMDA receptors: fixed | Goldman | GluSynapse.
    without_glua2 : bool
        AMPA receptors with the calcium share of those that lack GluA2.
    temperature : str
        Recording temperature; only schemes with a temperature law change.
    voltage : str
        Holding potential.
    current_clamp : bool
        Leave the cell free: responses are those of the soma, in mV.
    at_soma : bool
        Electrode on the soma: the dendrite escapes the clamp, and currents are filtered by it.
    series : str
        Series resistance of the clamp, e.g. ``--series 10MOhm``.
    channel_noise : bool
        Draw receptors one by one instead of their expectation.
    train : list of str
        Rates of trains, default 100 Hz; table and figure show the first, e.g. ``--train "100 Hz" "50 Hz" "200 Hz"``.
    pulses : int
        Of the train.
    interval : str
        Of paired pulses.
    blockers : list of str
        Present throughout, e.g. ``--blockers "D-AP5=50 uM"``.
    trials : int
        Trials of single and paired responses; trains take half as many.
    seed : int
        Of release.
    json : bool
        Print one JSON object.
    out : str
        Folder for the files.
    """
    from ..preparations.synapse import Synapse
    from ..preparations.synapse_study import MEASURES, folds, study_synapse

    assumed: list[str] = []
    notes: list[str] = []
    entity, action, doses, labels = _drug(compound, conc, assumed)
    made = _changed(
        Synapse.from_document(preparation), scheme, cleft, release, probability, sites, magnesium_block, mg, ca,
        calcium_law, without_glua2, temperature, voltage, current_clamp, at_soma, series,
    )  # fmt: skip
    made = dataclasses.replace(made, channel_noise=channel_noise)
    present = _blockers(blockers, made, notes)
    rates = [1000.0 * positive(text, "frequency", "--train") for text in train or ["100 Hz"]]
    study = study_synapse(
        made,
        entity,
        doses,
        blockers_uM=present,
        variant=variant,
        rate_Hz=rates[0],
        further_rates_Hz=rates[1:],
        pulses=_at_least(pulses, 2, "--pulses"),
        interval_ms=positive(interval, "time", "--interval"),
        seed=seed,
        trials=_at_least(trials, 3, "--trials"),
        dose_labels=labels,
    )
    drugs = {entity, *present}
    assumed += [
        f"{made.name}: {text}"
        for text in made.assumed
        if ("drugs[" not in text or any(f"[{d}]" in text for d in drugs))
        and not (channel_noise and "--channel-noise" in text)
    ]
    assumed += action.document.assumed if action is not None else []
    words = {**{m: m for m in MEASURES}, **HEADINGS}
    units = {**MEASURES, **({"amplitude": "mV", "charge": "mV ms"} if made.holding_mV is None else {})}
    columns = ["C", *[f"{words[m]} ({u})" if u else words[m] for m, u in units.items()]]
    rows: list[list[Any]] = []
    observables: list[dict[str, Any]] = []
    common = {"preparation": made.name, "receptors": {r.name: r.scheme.name for r in made.receptors}}
    for row in study.rows:
        rows.append([row.label, *[number(row.observables.get(m)) for m in MEASURES]])
        observables += [o.as_dict("prediction", {**row.conditions, **common}) for o in row.observables.values()]
    for row, fold in zip(study.rows[1:], folds(study), strict=True):
        rows.append([f"x {row.label}", *[number(fold[m]) for m in MEASURES]])
        observables += [o.as_dict("prediction", {**row.conditions, **common}) for o in fold.values()]
    notes += [f"rows marked x: drug over control, same releases (seed {seed})"] if doses else []
    notes += [
        "tau_w: charge after the peak over peak; train: last fifth over the first; AMPA Ca: share of calcium charge",
        *study.notes,
    ]
    for rate in rates[1:]:
        shown = ", ".join(
            f"{row.label} {number(row.observables[f'train_ratio_{rate:g}_Hz']):.3g}" for row in study.rows
        )
        notes.append(f"train at {rate:g} Hz: {shown}")
    scatter = ", ".join(
        f"{row.label} {number(row.observables.get('failure_rate')):.2g} and {number(row.observables.get('CV^-2')):.3g}"
        for row in study.rows
    )
    notes.append(f"failures and CV^-2: {scatter}")
    notes += [
        f"{row.label}  {o.id}: {o.status}, {o.reason}"
        for row in study.rows
        for o in row.observables.values()
        if o.id in MEASURES and not o.ok and o.reason not in ("no spine", "no NMDA current")
    ]
    inputs = {
        "compound": entity, "conc": labels, "preparation": preparation, "scheme": scheme, "variant": variant,
        "cleft": made.cleft.name, "release": made.law.name, "probability": made.probability, "sites": made.sites,
        "magnesium_block": made.block.name if made.block else "Kampa", "mg_mM": made.magnesium_mM,
        "ca_mM": made.calcium_mM, "voltage_mV": made.holding_mV, "at_soma": made.at_soma,
        "series_GOhm": made.series_GOhm, "train_Hz": rates, "pulses": pulses, "interval": interval,
        "channel_noise": channel_noise, "blockers_uM": present, "trials": trials,
    }  # fmt: skip
    held = [(row.label, row.observables["nmda_charge_held"]) for row in study.rows]
    if made.holding_mV is not None and any(o.known for _, o in held):
        shown = ", ".join(f"{label} {o.value:.4g} fC" for label, o in held)
        notes.append(f"NMDA charge of single responses at {made.holding_mV:g} mV, {made.magnesium_mM:g} mM Mg: {shown}")
    where = " at the soma" if made.at_soma else ""
    clamp = "current clamp" if made.holding_mV is None else f"{made.holding_mV:g} mV{where}"
    result = Result(
        "synapse",
        entity or made.name,
        inputs,
        columns,
        rows,
        observables,
        [],
        assumed,
        notes,
        title=f"synapse   {entity or 'no drug'}   {made.name}, {clamp}, {made.sites} sites, {made.cleft.name}",
        seed=seed,
        figure=lambda: _figure(study, f"{find_compound(entity).name if entity else 'No drug'} at {made.name}"),
        recording=study.rows[0].single,
        extra={"references": _references(preparation, made, entity)},
    )
    return finish(result, as_json=json, out=out)


def _drug(
    compound: str | None, conc: list[str] | None, assumed: list[str]
) -> tuple[str | None, Action | None, list[float], list[str]]:
    """Resolve the drug and its concentrations; whether it acts on what is present is for the synapse to say."""
    if compound is None:
        if conc:
            raise UsageError("A concentration needs a drug", do='potentiate synapse aniracetam --conc "5 mM"')
        return None, None, [], []
    entity = find_compound(compound)
    entity.require_pharmacology()
    action = find_action(entity.id)
    texts = [part.strip() for text in conc or [] for part in text.split(",") if part.strip()]
    if not texts:
        if action is None:
            raise UsageError(f"Which concentration of {entity.name}?", do='give one: --conc "10 uM"')
        texts = (
            ["saturating"]
            if action.saturating_only
            else [show_concentration(float(f"{f * action.kd_uM:.2g}")) for f in (1.0, 10.0)]
        )
        assumed.append(f"no concentration given: {', '.join(texts)}")
    doses = []
    for text in texts:
        if text == "saturating" or action is not None:
            if action is None:
                raise UsageError(f"The affinity of {entity.name} is unknown", do="give a concentration")
            if text != "saturating":
                parse_concentration(text, where="--conc")
            doses.append(action.concentration_uM(text))
            valid = action.document.valid_uM
            if valid and text != "saturating" and not valid[0] <= doses[-1] <= valid[1]:
                assumed.append(
                    f"{text} is outside the range of the parameters ({show_concentration(valid[0])} to "
                    f"{show_concentration(valid[1])}): extrapolated"
                )
        else:
            doses.append(parse_concentration(text, where="--conc"))
    if action is None or not action.saturating_only:
        assumed += cautions(entity, max(doses))
    return entity.id, action, doses, texts


def _changed(
    made: Synapse, scheme: str | None, cleft: str | None, release: str | None, probability: float | None,
    sites: int | None, magnesium_block: str | None, mg: str | None, ca: str | None, calcium_law: str | None,
    without_glua2: bool, temperature: str | None, voltage: str | None, current_clamp: bool, at_soma: bool,
    series: str | None,
) -> Synapse:  # fmt: skip
    """Return the preparation with what the options change."""
    if voltage is not None and current_clamp:
        raise UsageError("Give --voltage or --current-clamp, not both")
    changes: dict[str, Any] = {}
    if mg is not None:
        changes["magnesium_mM"] = parse_concentration(mg, where="--mg") / 1000.0
    if ca is not None:
        changes["calcium_mM"] = parse_concentration(ca, where="--ca") / 1000.0
    if voltage is not None:
        changes["holding_mV"] = parse(voltage, "voltage", where="--voltage")
        if not -150.0 <= changes["holding_mV"] <= 100.0:
            raise UsageError(f"{voltage} is no holding potential", where="--voltage", do="give -150 to 100 mV")
    if temperature is not None:
        changes["temperature_C"] = parse(temperature, "temperature", where="--temperature")
        if not 0 <= changes["temperature_C"] <= 50:
            raise UsageError(f"{temperature} is no temperature of a slice", where="--temperature", do="0 to 50 degC")
    if series is not None:
        changes["series_GOhm"] = parse(series, "resistance", where="--series")
        if not 0 <= changes["series_GOhm"] < 0.2:
            raise UsageError(f"Series resistance {series}", where="--series", do="give 0 to 200 MOhm")
    if sites is not None:
        changes["sites"] = sites
    if at_soma:
        changes["at_soma"] = True
    # the waveform first: another scheme keeps the quantal peak under it
    made = made.with_cleft(cleft) if cleft is not None else made
    made = dataclasses.replace(made, **changes)
    made = made.with_law(release) if release is not None else made
    made = dataclasses.replace(made, probability=probability) if probability is not None else made
    made = made.with_scheme(scheme) if scheme is not None else made
    made = made.with_block(magnesium_block) if magnesium_block is not None else made
    made = made.with_calcium_law(calcium_law) if calcium_law is not None else made
    made = made.without_glua2() if without_glua2 else made
    return dataclasses.replace(made, holding_mV=None) if current_clamp else made


def _blockers(texts: list[str] | None, made: Synapse, notes: list[str]) -> dict[str, float]:
    """Return blockers and their concentrations; those that meet no target here are named and left out."""
    from ..exposure.bath import Bath

    found: dict[str, float] = {}
    for text in texts or []:
        name, mark, amount = text.partition("=")
        if not mark:
            raise UsageError(f"No concentration in {text!r}", where="--blockers", do='write it like "D-AP5=50 uM"')
        entity = find_compound(name.strip())
        uM = parse_concentration(amount.strip(), where="--blockers")
        try:
            made.under(Bath({entity.id: uM}))
        except UsageError as error:
            if not error.what.startswith("No effect known"):
                raise
            notes.append(f"{entity.name}: no effect known at {made.name}; it changes nothing here")
            continue
        found[entity.id] = uM
    return found


def _at_least(value: int, least: int, where: str) -> int:
    if value < least:
        raise UsageError(f"{value} is too few", where=where, do=f"give {least} or more")
    return value


def _references(preparation: str, made: Synapse, entity: str | None) -> list[str]:
    from ..library.preparation import find_preparation
    from ..library.references import references_of_modulator, references_of_scheme, references_of_sources
    from ..library.scheme import scheme_ids

    keys = references_of_sources(find_preparation(preparation).document.sources())
    for r in made.receptors:
        keys += references_of_scheme(r.scheme.name) if r.scheme.name in scheme_ids() else []
    if entity is not None:
        keys += references_of_modulator(entity) + sorted(find_compound(entity).sources())
    return list(dict.fromkeys(keys))


def _figure(study: SynapseStudy, title: str) -> Figure:
    from ..show.synapse_figure import synapse_figure

    return synapse_figure(study, title)
