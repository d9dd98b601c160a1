"""`potentiate measure`: what recordings show, sweep by sweep, pulse by pulse, minute by minute."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ..errors import UsageError
from ..measures.train import find_stimuli, regular_run
from ..measures.voltage_step import find_voltage_step
from ..recordings.read import read
from .measure_asked import Asked, parse_asked
from .measure_found import Found, choose_channel, command_step, response_units, sweep_range
from .output import Result, finish

if TYPE_CHECKING:
    from ..recordings.recording import Recording

#: So many evenly spaced artefacts are taken for a train where nobody says what the file is.
FEWEST_STIMULI = 3

Kind = Literal["auto", "application", "train", "pairs", "field", "timecourse", "nsfa", "events"]


def measure(
    file: Path,
    /,
    *more: Path,
    as_: Annotated[Kind, Parameter(name="--as")] = "auto",
    channel: str | None = None,
    sweeps: str | None = None,
    on: str | None = None,
    off: str | None = None,
    stimuli: str | None = None,
    minimum: str | None = None,
    step: str | None = None,
    slope: str | None = None,
    window: str | None = None,
    search: str | None = None,
    volley: str | None = None,
    polarity: Literal["negative", "positive", "auto"] | None = None,
    intensities: str | None = None,
    baseline: str | None = None,
    induction: str | None = None,
    drug: str | None = None,
    last: Literal[5, 10, 20] | None = None,
    result: str | None = None,
    bins: str | None = None,
    control: str | None = None,
    follow: Literal["slope", "amplitude"] | None = None,
    interval: str | None = None,
    column: str | None = None,
    by: str | None = None,
    convention: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    unit: str | None = None,
    reader: Literal["both", "neo", "pyabf"] = "both",
    yes: Annotated[bool, Parameter(negative="")] = False,
    out: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Measure recordings: applications, trains, pairs, events, field potentials, time courses, fluctuations.

    Parameters
    ----------
    file
        ABF, AxoGraph, WinWCP, CSV or TSV with units in the header, NetCDF of this program; for time courses also a
        table: time (min), value (unit).
    more
        Further files, measured alike: one row each.
    as_
        What the sweeps hold. auto: three or more evenly spaced stimulus artefacts are a train, two are paired pulses,
        an artefact on a voltage channel is a field potential, a table over minutes is a time course. hill and groups
        are for tables of cells, nca is for concentrations of people; they have options of their own: potentiate
        measure --as groups --help.
    channel
        Number (from 0) or name; default: the first channel in pA (in mV for field potentials).
    sweeps
        Sweeps to use, numbered from 0, e.g. 1,3-5.
    on
        Begin of the agonist, e.g. "500 ms"; detected from each response otherwise.
    off
        End of the agonist, e.g. "2500 ms".
    stimuli
        Times of the stimuli, e.g. "164 ms, 184 ms"; detected otherwise.
    minimum
        Smallest current that counts as a response to an application (default 20 pA), or as an event (default five SD
        of the noise).
    step
        Height of a test pulse, e.g. --step="-5 mV": series resistance, membrane resistance, capacitance.
    slope
        Definition of the fEPSP slope: fixed, max, 20-80, 20-90 or 10-90.
    window
        Of the fixed slope, after the stimulus, e.g. "5 ms, 8 ms"; of the decay for nsfa.
    search
        Where the fEPSP peaks, after the stimulus, e.g. "3 ms, 15 ms".
    volley
        Where the fibre volley is, after the stimulus, e.g. "1 ms, 2.5 ms".
    polarity
        Of fEPSPs or events; default negative.
    intensities
        Stimulus of every sweep, for an input-output curve: "20x6, 40x6, 60x6 uA".
    baseline
        Of an application ("0 ms, 100 ms"), before the stimulus (--baseline="-20 ms, -1 ms"), of a time course
        ("0 min, 20 min").
    induction
        When plasticity was induced, e.g. "20 min": the 20 min before are the baseline.
    drug
        When the drug was there, e.g. "5 min, 25 min".
    last
        The result is the mean of so many last minutes; default 10.
    result
        The result is the mean of these minutes, e.g. "50 min, 60 min".
    bins
        Whose border sweep a minute holds: left, [k, k+1), or right, (k, k+1].
    control
        Control pathway: even or odd sweeps, or the column of a table.
    follow
        What is followed over time on a voltage channel: slope or amplitude.
    interval
        Time between sweeps, where the file does not say, e.g. "20 s".
    column
        Column of a table that is followed.
    by
        Column of a table that tells cells apart.
    convention
        Any other definition, as quantity=name, e.g. "PPR=mean of ratios"; see potentiate conventions.
    unit
        True unit of the channel, or of the column of a table, where the file's is wrong or missing, e.g. pA.
    reader
        For ABF: both compares two readers and stops where their scales disagree.
    yes
        Accept a scale that no amplifier can have recorded.
    out
        Folder to write; default runs/TIME_measure_FILE.
    json
        Print one JSON object.
    """
    asked = parse_asked({
        "on": on, "off": off, "stimuli": stimuli, "minimum": minimum, "step": step, "slope": slope, "window": window,
        "search": search, "volley": volley, "polarity": polarity, "intensities": intensities, "baseline": baseline,
        "induction": induction, "drug": drug, "last": last, "result": result, "bins": bins, "control": control,
        "follow": follow, "interval": interval, "column": column, "by": by, "unit": unit, "convention": convention,
    })  # fmt: skip
    opening = {"channel": _number_or_name(channel), "sweeps": sweeps, "unit": unit, "reader": reader, "yes": yes}
    files = [file, *more]
    repeated = next((path for k, path in enumerate(files) if path in files[:k]), None)
    if repeated is not None:
        raise UsageError(f"{repeated} is given twice", do="give every file once")
    said: dict[str, list[str]] = {}
    found: list[tuple[str, Found]] = []
    inputs: list[dict[str, Any]] = []
    title, kind = "", as_
    for path in files:
        mine: list[str] = []
        parts, about, title, kind = _measure_one(path, kind, asked, opening, mine)
        found += parts
        inputs.append(about)
        if parts[0][1].events is not None and asked.event_settings is None:
            # the same settings for all files: else a quieter recording would have more events
            asked = replace(asked, event_settings=parts[0][1].events.events.settings)
        for line in mine:
            said.setdefault(line, []).append(path.name)
    # what holds for all files is said once
    assumed = [line if len(names) == len(files) else f"{line} [{', '.join(names)}]" for line, names in said.items()]
    head = inputs[0] if not more else {
        "files": [about["file"] for about in inputs], "sha256": [about["sha256"] for about in inputs],
        **{key: value for key, value in inputs[0].items() if key not in ("file", "sha256")},
        "sweeps": [about.get("sweeps") for about in inputs],
    }  # fmt: skip
    done = Result(
        "measure", file.stem, head, [], [], assumed=assumed, title=title if not more else f"{len(files)} files"
    )
    _one(done, found[0][1]) if len(found) == 1 else _several(done, found, str(kind), asked)
    return finish(done, as_json=json, out=out)


def _measure_one(
    path: Path, kind: Kind, asked: Asked, opening: dict[str, Any], assumed: list[str]
) -> tuple[list[tuple[str, Found]], dict[str, Any], str, Kind]:
    """Measure one file: its parts by name, its inputs, its header echo, what it was taken for."""
    from .measure_timecourse import is_table, timecourses_of_table

    if is_table(path) and kind in ("auto", "timecourse"):
        asked.fit("timecourse")
        parts, about = timecourses_of_table(path, asked, assumed)
        return parts, {"file": str(path), "as": "timecourse", **about, **asked.inputs()}, path.name, "timecourse"
    channel, unit = opening["channel"], opening["unit"]
    whole = read(path, channel if unit else None, unit=unit, reader=opening["reader"], yes=opening["yes"])
    kind = _kind(whole, kind, asked, 0 if unit else channel, assumed)
    asked.fit(kind)
    wanted = _unit_for(kind, whole, 0 if unit else channel)
    one = choose_channel(whole, 0 if unit else channel, wanted, assumed)
    step = command_step(whole) if kind in ("train", "pairs") and asked.step_mV is None else None
    if step is not None:
        name, begin, end, height = step
        asked = replace(asked, step_mV=height, step_ms=(begin, end))
        assumed.append(f"the command {name!r} steps by {height:g} mV from {begin:.5g} to {end:.5g} ms: the test pulse")
    index = list(range(one.data.shape[1])) if opening["sweeps"] is None else sweep_range(opening["sweeps"])
    one = one.select(index)
    about = {
        "file": str(path), "sha256": whole.provenance.get("sha256"), "as": kind, "channel": one.channels[0].name,
        "sweeps": index, **asked.inputs(), "unit": unit, "reader": opening["reader"],
    }  # fmt: skip
    return [(path.name, _function(kind)(str(path), one, index, asked, assumed))], about, whole.describe(), kind


def _function(kind: Kind) -> Any:
    """Return what measures one recording of a kind; its module is imported only now."""
    from . import measure_currents, measure_events, measure_field, measure_noise, measure_timecourse

    return {
        "application": measure_currents.application, "train": measure_currents.train, "pairs": measure_currents.pairs,
        "field": measure_field.field, "timecourse": measure_timecourse.timecourse_of_recording,
        "nsfa": measure_noise.nsfa, "events": measure_events.events,
    }[kind]  # fmt: skip


def _unit_for(kind: Kind, whole: Recording, channel: int | str | None) -> str:
    """Return the unit of the channel that a kind measures."""
    if kind == "field":
        return "mV"
    if kind != "timecourse":
        return "pA"
    if channel is not None:
        return "mV" if whole.channel(channel).unit == "mV" else "pA"
    return "pA" if "pA" in response_units(whole) else "mV"


def _kind(whole: Recording, asked_for: Kind, asked: Asked, channel: int | str | None, assumed: list[str]) -> Kind:
    """Return what the sweeps are, as told, or by their artefacts."""
    if asked_for != "auto":
        return asked_for
    if any(option in asked.given for option in ("induction", "drug", "result", "last", "bins")):
        return "timecourse"
    if any(option in asked.given for option in ("slope", "intensities", "volley")):
        return "field"
    if "on" in asked.given or "off" in asked.given:
        return "application"
    if asked.stimuli_ms is not None:
        return "pairs" if len(asked.stimuli_ms) == 2 else "train"
    units = response_units(whole) if channel is None else [whole.channel(channel).unit]
    if "pA" not in units and "mV" in units:
        voltage = whole.channel(units.index("mV") if channel is None else channel)
        if find_stimuli(voltage.time_ms, voltage.sweeps).size:
            assumed.append("field potentials: a stimulus artefact lies on a voltage channel (--as to say otherwise)")
            return "field"
        return "application"
    one = choose_channel(whole, channel, "pA", [])
    jumps = find_stimuli(one.time_ms, one.sweeps)
    count = regular_run(jumps).size
    if count >= FEWEST_STIMULI:
        assumed.append(f"a train: {count} evenly spaced stimulus artefacts were found (--as application if not)")
        return "train"
    if jumps.size == 2 and find_voltage_step(one.time_ms, one.sweeps) is None:
        assumed.append("paired pulses: two stimulus artefacts were found (--as application if not)")
        return "pairs"
    assumed.append("applications of agonist: no train of stimulus artefacts was found (--as train if it is one)")
    return "application"


def _number_or_name(channel: str | None) -> int | str | None:
    return int(channel) if channel is not None and channel.isdecimal() else channel


def _one(done: Result, found: Found) -> None:
    """Make the table of one recording."""
    done.columns, done.rows, done.observables = found.columns, found.rows, found.observables
    done.notes, done.figure = found.notes, found.figure
    if found.quality:
        done.extra["quality"] = found.quality
    if found.events is not None:
        done.extra["events"] = found.events.rows


def _several(done: Result, found: list[tuple[str, Found]], kind: str, asked: Asked) -> None:
    """Make the table of several recordings, a row each."""
    from .measure_timecourse import SUMMARY_COLUMNS, group_figure, summary_row

    done.observables = [entry for _, each in found for entry in each.observables]
    done.notes = [f"{len(found)} recordings; what each sweep shows is in the results file. A recording is no animal: "
                  "compare groups by animals."]  # fmt: skip
    flagged = {name: each.quality for name, each in found if each.quality}
    if flagged:
        done.extra["quality"] = flagged
        done.notes.append(f"Quality: sweeps are flagged in {', '.join(flagged)} (results file).")
    both = [each.events for _, each in found if each.events is not None]
    if both:
        done.extra["events"] = {name: each.events.rows for name, each in found if each.events is not None}
    if len(both) == 2:
        from .measure_events import comparison

        entries, text = comparison(both[0], both[1], (found[0][0], found[1][0]))
        done.observables += entries
        done.notes.append(text)
    if kind == "timecourse":
        done.columns, done.rows = SUMMARY_COLUMNS, [summary_row(name, each) for name, each in found]
        what = str(found[0][1].observables[0]["conditions"].get("followed", "response"))
        done.figure = lambda: group_figure(found, what, asked, f"{len(found)} recordings")
        return
    from .measure_found import worst

    ids = list(dict.fromkeys(id for _, each in found for id in each.headline))
    units = {id: next(each.headline[id].unit for _, each in found if id in each.headline) for id in ids}
    done.columns = ["recording", *(f"{id} ({units[id]})" if units[id] else id for id in ids), "status", "reason"]
    for name, each in found:
        values = [each.headline[id].value if id in each.headline and each.headline[id].known else None for id in ids]
        done.rows = [*done.rows, [name, *values, *worst(list(each.headline.values()))]]

    def figure() -> Any:
        from ..show.values_figure import values_figure

        values = {id: [each.headline.get(id) for _, each in found] for id in ids}
        return values_figure([name for name, _ in found], values, f"{len(found)} recordings, as {kind}")

    done.figure = figure
