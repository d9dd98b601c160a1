"""`potentiate slice`: field potentials and LTP of a CA1 slice, with and without a drug."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import UsageError
from .output import Result, finish

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..preparations.slice_study import SliceStudy
    from .slice_asked import Asked

#: Columns of the table: observable, heading.
COLUMNS = {
    "baseline_slope": "slope (mV/ms)", "drug_slope": "drug: slope (%)", "drug_amplitude": "amplitude (%)",
    "drug_half_width": "half-width (x)", "drug_decay": "decay (x)", "post_tetanic": "post-tetanic (%)",
    "ltp": "LTP (%)", "sem": "SEM", "n": "n", "synapses_up": "up (%)", "synapses_down": "down (%)", "spikes": "spikes",
}  # fmt: skip


def slice(
    compound: str | None = None,
    /,
    *,
    conc: Annotated[list[str] | None, Parameter(name="--conc", consume_multiple=True)] = None,
    protocol: str = "1x100Hz",
    bursts: int | None = None,
    strength: str = "0.4",
    when: str = "throughout",
    two_pathway: Annotated[bool, Parameter(name="--two-pathway", negative="")] = False,
    blockers: Annotated[list[str] | None, Parameter(name="--blockers", consume_multiple=True)] = None,
    curve: str | None = None,
    preparation: str = "ca1-slice",
    solution: str | None = None,
    temperature: str | None = None,
    scheme: str | None = None,
    mg_block: str | None = None,
    cleft: str | None = None,
    inhibition: str = "on",
    no_interneuron_drug: Annotated[bool, Parameter(name="--no-interneuron-drug", negative="")] = False,
    express: str = "number",
    inserted: str | None = None,
    slices: int = 6,
    synapses: int = 120,
    seed: int = 1,
    json: bool = False,
    out: str | None = None,
) -> int:
    """Run a slice experiment with and without a drug: field EPSP, its change by the drug, LTP.

    Parameters
    ----------
    compound : str
        Drug; without one only the control is run.
    conc : list of str
        Drug concentration with its unit, e.g. ``--conc "1.5 mM"``; several for ``--curve concentration`` and ``map``.
    protocol : str
        Induction: 1x100Hz | 2x100Hz | 3x100Hz | 4x100Hz | tbs | 3xtbs | tbs-2s | lfs | depotentiation | pairing |
        stdp | stdp-reversed.
    bursts : int
        Theta bursts per train.
    strength : str
        Part of the fibres that stimuli recruit, 0 to 1, or in per cent.
    when : str
        Drug: throughout (from 25 min before the induction on) | before (until its end) | after (before and, after a
        wash, again after LTP).
    two_pathway : bool
        Test a second pathway that is not induced.
    blockers : list of str
        In both rows, from 20 min before the drug on, e.g. ``--blockers "D-AP5 50 uM"``.
    curve : str
        Instead of a timetable: io | ppr | concentration | threshold | map | sensitivity.
    preparation : str
        A slice of the library.
    solution : str
        Of the library, e.g. source-003.
    temperature : str
        E.g. ``"31 degC"``; only schemes with a temperature law change.
    scheme : str
        AMPA receptors of the pyramidal cell.
    mg_block : str
        Jahr-Stevens | GluSynapse | Grunditz | Milstein.
    cleft : str
        Waveform of glutamate, e.g. brief pulse | Clements | diffusion.
    inhibition : str
        on | off | the part that is intact.
    no_interneuron_drug : bool
        Keep modulators off the AMPA receptors of interneurons.
    express : str
        How LTP is expressed: number | conductance | gating | composition.
    inserted : str
        Scheme that composition inserts.
    slices : int
        Drawn with seed, seed + 1, ...; the same ones with and without drug.
    synapses : int
        Simulated per pathway.
    seed : int
        Of the first slice.
    json : bool
        Print one JSON object.
    out : str
        Folder for the files.
    """
    from .slice_asked import resolve

    asked = resolve(
        compound, conc, protocol=protocol, bursts=bursts, strength=strength, when=when, two_pathway=two_pathway,
        blockers=blockers, curve=curve, preparation=preparation, solution=solution, temperature=temperature,
        scheme=scheme, mg_block=mg_block, cleft=cleft, inhibition=inhibition, on_interneurons=not no_interneuron_drug,
        express=express, inserted=inserted, slices=slices, synapses=synapses, seed=seed, quiet=json,
    )  # fmt: skip
    if curve is not None:
        from .slice_curve import curve_result

        return finish(curve_result(asked), as_json=json, out=out)
    return finish(_experiment(asked), as_json=json, out=out)


def _experiment(asked: Asked) -> Result:
    """Run the timetable, and its control beside it."""
    from ..preparations.slice_study import UNITS, difference, side_by_side
    from ..protocols.slice_plan import plan_experiment, without_drug

    if len(asked.doses_uM) > 1:
        raise UsageError(
            "A timetable takes one concentration", do="give one, or ask for --curve concentration or --curve map"
        )
    dose = asked.doses_uM[0] if asked.doses_uM else 0.0
    table = plan_experiment(
        asked.compound, dose, asked.stimulation, when=asked.when, then=asked.then, blockers_uM=asked.blockers_uM,
        two_pathway=asked.two_pathway, test_strength=asked.strength,
    )  # fmt: skip
    tables = {"control": table if asked.compound is None else without_drug(table, asked.compound)}
    label = ""
    if asked.compound is not None:
        label = f"{asked.compound} {asked.dose_labels[0]}"
        tables[label] = table
    asked.progress.expect(len(tables) * asked.slices)
    studies = side_by_side(
        asked.preparation, tables, asked.compound, seed=asked.seed, slices=asked.slices, progress=asked.progress
    )
    asked.progress.done()
    rows, observables = [], []
    for name, study in studies.items():
        conditions = {"row": name, **asked.conditions, "compound": asked.compound if name == label else None,
                      "concentration_uM": dose if name == label else 0.0}  # fmt: skip
        found = study.averages
        cells: dict[str, Any] = {k: found[k].observable.value for k in COLUMNS if k in found}
        rows.append([name, *[{**cells, "sem": found["ltp"].sem, "n": found["ltp"].n}[k] for k in COLUMNS]])
        for key in UNITS:
            each = found[key]
            observables.append(each.observable.as_dict("prediction", {**conditions, "sem": each.sem, "n": each.n}))
    last = list(studies.values())[-1]
    notes = _notes(studies, table.name)
    if label:
        # a drug that is on in one window only changes the ratio without any plasticity
        key, of = ("ltp", "LTP") if _drug_in_windows(last) != "one" else (
            "ltp_of_drug_free", "End in % of the drug-free baseline"
        )  # fmt: skip
        gap = difference(key, studies[label], studies["control"])
        o = gap.observable
        observables.append(o.as_dict("prediction", {"row": label, **asked.conditions, "sem": gap.sem, "n": gap.n}))
        if o.known:
            sem = f" +- {gap.sem:.3g}" if gap.n > 1 else ""
            same = f"less that of the control, same slices: {o.value:+.3g}{sem} points (n {gap.n})"
            notes.append(f"{of} with {label} {same}")
    assumed = list(dict.fromkeys([*asked.assumed, *last.experiment.assumed]))
    return Result(
        "slice", asked.compound or asked.preparation.document.id, asked.inputs, ["", *COLUMNS.values()], rows,
        observables, [], assumed, notes,
        title=f"slice   {asked.compound or 'no drug'}   {asked.preparation.document.id}, {asked.preparation.bath.id}, "
        f"{asked.preparation.temperature_C:g} degC, {asked.stimulation.name}, {asked.slices} slices",
        seed=asked.seed,
        figure=lambda: _figure(studies, asked),
        recording=last.experiment.done[0].recording,
        saves=_recordings(studies) | _pathway(studies, notes) | _timetable(last),
        short=5,
    )  # fmt: skip


def _drug_in_windows(study: SliceStudy) -> str:
    """Say whether the drug is in the tissue before the induction and at the end: both, one or none of them."""
    spans = (study.windows.before_induction, study.windows.last)
    if study.drug is None or None in spans:
        return "none"
    table, at = study.experiment.timetable, study.experiment.exposure
    top = max(c for _, c in table.inflow_steps(study.drug))
    on = [float(at.concentration_uM(study.drug, 0.5 * (s[0] + s[1]))) > 0.1 * top for s in spans if s is not None]
    return "both" if all(on) else "one" if any(on) else "none"


def _notes(studies: dict[str, SliceStudy], timetable: str) -> list[str]:
    last = list(studies.values())[-1]
    windows = last.windows
    a, b = windows.baseline
    found = [f"timetable: {timetable}; drug-free baseline {a:g} to {b:g} min"]
    if windows.before_induction and windows.last:
        (c, d), (e, f) = windows.before_induction, windows.last
        same = {
            "none": "", "both": "; the drug is on in both",
            "one": "; the drug is on in one of them only: compare the ends in % of the drug-free baseline",
        }[_drug_in_windows(last)]  # fmt: skip
        found.append(f"LTP: slope {e:.4g} to {f:.4g} min in % of {c:.4g} to {d:.4g} min{same}")
    for name, study in studies.items():
        for key in ("ltp_of_drug_free", "ltp_before_second", "control_pathway", "percent_of_control_pathway"):
            each = study.average(key)
            if each.n and not (key == "ltp_of_drug_free" and study.drug is None):
                sem = f" +- {each.sem:.3g}" if each.n > 1 else ""
                found.append(f"{name}: {_WORDS[key]} {each.observable.value:.4g}{sem} %")
        if windows.effect_after is not None and study.drug is not None:
            pairs = []
            for key in ("slope", "amplitude", "half_width", "decay"):
                before, after = (study.average(f"drug_{key}{tail}").observable for tail in ("", "_after_ltp"))
                pairs.append(f"{key} {before.value:.4g} -> {after.value:.4g} {'%' if before.unit == '%' else 'x'}")
            found.append(f"{name}: effect of the drug before -> after LTP: {', '.join(pairs)}")
        found += [f"{name}: {text}" for text in study.notes]
        if study.average("ltp").n == 0:
            reason = study.average("ltp").observable.reason
            found.append(f"{name}: no LTP value: {reason}")
    found += [n for n in last.experiment.exposure.notes() if not n.startswith("assumed")]
    return list(dict.fromkeys(found))


_WORDS = {
    "ltp_of_drug_free": "end in % of the drug-free baseline", "ltp_before_second": "before the second bout",
    "control_pathway": "other pathway at the end", "percent_of_control_pathway": "in % of the other pathway",
}  # fmt: skip


def _recordings(studies: dict[str, SliceStudy]) -> dict[str, Any]:
    """Return a file for every slice of every row, and the minutes of all rows as a table."""
    found: dict[str, Any] = {"time_course": ("time_course.csv", lambda path: _write_minutes(studies, path))}
    for k, (row, study) in enumerate(studies.items()):
        word = "control" if row == "control" else "drug"
        for run in study.experiment.done:
            if run.recording is not None and not (k == len(studies) - 1 and run is study.experiment.done[0]):
                found[f"{word}_{run.seed}"] = (f"{word}_seed{run.seed}.nc", run.recording.save)
    return found


def _pathway(studies: dict[str, SliceStudy], notes: list[str]) -> dict[str, Any]:
    """Return the files of the pathway, or say why there are none."""
    from .slice_pathway import pathway_files

    try:
        return pathway_files(studies)
    except UsageError as error:
        notes.append(f"no pathway is drawn: {error.what}")
        return {}


def _timetable(study: SliceStudy) -> dict[str, Any]:
    """Return the file of the timetable of a row, with the drug in the tissue."""

    def draw(path: Path) -> None:
        from ..show.timetable_diagram import timetable_figure

        timetable_figure(study.experiment.exposure).savefig(path)

    return {"timetable": ("timetable.svg", draw)}


def _write_minutes(studies: dict[str, SliceStudy], path: Path) -> None:
    """Write the figure's points: slope per minute and pathway in % of the drug-free baseline."""
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["row", "pathway", "time (min)", "slope (% of drug-free baseline)", "SEM", "n slices"])
        for row, study in studies.items():
            for k, pathway in enumerate(study.experiment.timetable.pathways):
                for t, mean, sem in zip(*study.course(k), strict=True):
                    shown = "" if math.isnan(sem) else f"{sem:.5g}"
                    writer.writerow([row, pathway, f"{t:.6g}", f"{mean:.6g}", shown, len(study.experiment.done)])


def _figure(studies: dict[str, SliceStudy], asked: Asked) -> Figure:
    from ..show.ltp_figure import ltp_figure

    return ltp_figure(studies, f"{asked.stimulation.name}: {asked.compound or 'no drug'}")
