"""`potentiate measure`: what one recording shows, sweep by sweep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter

from ..errors import UsageError
from ..measures.jump import MINIMUM_PA, Jump, measure_jump
from ..measures.observable import Observable
from ..measures.train import Train, blank, find_stimuli, measure_train, regular_run
from ..recordings.read import read
from ..units import parse
from .output import Result, finish

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..recordings.recording import Recording

#: So many evenly spaced artefacts are taken for a train where nobody says what the file is.
FEWEST_STIMULI = 3


def measure(
    file: Path,
    /,
    *,
    as_: Annotated[Literal["auto", "application", "train"], Parameter(name="--as")] = "auto",
    channel: str | None = None,
    sweeps: str | None = None,
    on: str | None = None,
    off: str | None = None,
    stimuli: str | None = None,
    minimum: str = f"{MINIMUM_PA:g} pA",
    unit: str | None = None,
    reader: Literal["both", "neo", "pyabf"] = "both",
    yes: Annotated[bool, Parameter(negative="")] = False,
    out: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Measure a recording: agonist applications sweep by sweep, or a train of evoked currents.

    Parameters
    ----------
    file
        ABF, AxoGraph, WinWCP, CSV or TSV with units in the header, or NetCDF of this program.
    as_
        What the sweeps hold; auto takes three or more evenly spaced stimulus artefacts for a train.
    channel
        Number (from 0) or name; default: the first channel in pA.
    sweeps
        Sweeps to use, numbered from 0, e.g. 1,3-5.
    on
        Begin of the agonist, e.g. "500 ms"; detected from each response otherwise.
    off
        End of the agonist, e.g. "2500 ms".
    stimuli
        Times of the stimuli of a train, e.g. "164 ms, 184 ms"; detected otherwise.
    minimum
        Smallest current that counts as a response to an application.
    unit
        True unit of the channel where the file's is wrong or missing, e.g. pA.
    reader
        For ABF: both compares two readers and stops where their scales disagree.
    yes
        Accept a scale that no amplifier can have recorded.
    out
        Folder to write; default runs/TIME_measure_FILE.
    json
        Print one JSON object.
    """
    asked = _number_or_name(channel)
    whole = read(file, asked if unit else None, unit=unit, reader=reader, yes=yes)
    told = {name: parse(text, "time", where=f"--{name}") for name, text in (("on", on), ("off", off)) if text}
    given = [parse(part, "time", where="--stimuli") for part in stimuli.split(",")] if stimuli else None
    if "on" in told and "off" in told and told["off"] <= told["on"]:
        raise UsageError(f"The agonist ends at {off!r} before it begins at {on!r}", do="give --on before --off")
    if told and (given or as_ == "train"):
        raise UsageError("--on and --off belong to an application, not to a train", do="leave out --as train")
    assumed: list[str] = []
    one, index = _chosen(whole, asked if not unit else 0, sweeps, assumed)
    kind = _kind(one, as_, bool(told), given, assumed)
    inputs = {
        "file": str(file), "sha256": whole.provenance.get("sha256"), "as": kind, "channel": one.channels[0].name,
        "sweeps": index, "on_ms": told.get("on"), "off_ms": told.get("off"), "stimuli_ms": given,
        "minimum_pA": _current(minimum), "unit": unit, "reader": reader,
    }  # fmt: skip
    result = Result("measure", file.stem, inputs, [], [], assumed=assumed, title=whole.describe())
    if kind == "train":
        _train(result, one, index, given)
    else:
        _application(result, one, index, told)
    return finish(result, as_json=json, out=out)


def _chosen(
    whole: Recording, channel: int | str | None, sweeps: str | None, assumed: list[str]
) -> tuple[Recording, list[int]]:
    """Return the recording of one current channel and of the chosen sweeps, and their numbers."""
    units = [c.unit if c.role == "response" else "" for c in whole.channels]
    names = ", ".join(f"{k} {c.name!r} ({c.unit})" for k, c in enumerate(whole.channels))
    if channel is None:
        if "pA" not in units:
            raise UsageError("No channel is a current", why=f"channels: {names}", do="if one is, give --unit pA")
        channel = units.index("pA")
        if len(units) > 1:
            assumed.append(f"channel {channel} {whole.channels[channel].name!r} is meant; channels: {names}")
    one = whole.channel(channel)
    if one.unit != "pA":
        what = f"Channel {one.channels[0].name!r} is in {one.unit or 'no unit'}"
        raise UsageError(what, why="currents are measured", do=f"choose a --channel in pA ({names}), or give --unit pA")
    index = list(range(whole.data.shape[1])) if sweeps is None else _range(sweeps)
    return one.select(index), index


def _range(text: str) -> list[int]:
    """Return the numbers of ``1,3-5``."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", part)
        if match is None or (match.group(2) and int(match.group(2)) < int(match.group(1))):
            raise UsageError(f"Cannot read the sweeps {text!r}", do="write numbers from 0 and ranges, e.g. 1,3-5")
        found += range(int(match.group(1)), int(match.group(2) or match.group(1)) + 1)
    return sorted(set(found))


def _number_or_name(channel: str | None) -> int | str | None:
    return int(channel) if channel is not None and channel.isdecimal() else channel


def _current(text: str) -> float:
    value = parse(text, "current", where="--minimum")
    if value < 0:
        raise UsageError(f"Negative floor {text!r}", where="--minimum", do="give zero or more")
    return value


def _kind(one: Recording, asked: str, told: bool, given: list[float] | None, assumed: list[str]) -> str:
    if asked != "auto":
        return asked
    if told or given:
        return "application" if told else "train"
    count = regular_run(find_stimuli(one.time_ms, one.sweeps)).size
    if count >= FEWEST_STIMULI:
        assumed.append(f"a train: {count} evenly spaced stimulus artefacts were found (--as application if not)")
        return "train"
    assumed.append("applications of agonist: no train of stimulus artefacts was found (--as train if it is one)")
    return "application"


def _worst(observables: Sequence[Observable]) -> tuple[str, str | None]:
    """Return the first status that is not ok with the measures that share its reason, and the reason."""
    bad = [o for o in observables if not o.ok]
    if not bad:
        return "ok", None
    same = [o.id for o in bad if o.reason == bad[0].reason]
    return bad[0].status, f"{', '.join(same) if len(same) < 4 else 'all'}: {bad[0].reason}"


def _label(one: Recording) -> str:
    return "data" if one.label == "data" else "model"


def _application(result: Result, one: Recording, index: list[int], told: dict[str, float]) -> None:
    floor = result.inputs["minimum_pA"]
    if len(told) < 2:
        missing = " and ".join(f"--{name}" for name in ("on", "off") if name not in told)
        result.assumed.append(f"begin or end of the agonist is detected from each response (give {missing})")
    result.assumed.append(f"a response exceeds {floor:g} pA and 5 SD of its baseline (--minimum)")
    span = (told.get("on"), told.get("off"))
    jumps = [measure_jump(one.time_ms, sweep, *span, minimum_pA=floor) for sweep in one.sweeps]
    for number, jump in zip(index, jumps, strict=True):
        read_off = (jump.peak.amplitude, jump.rise, jump.steady_state, jump.tau_des, jump.tau_off)
        status, reason = _worst(read_off) if jump.responds else ("no response", jump.reason)
        values = [o.value if o.known else None for o in (*read_off, jump.on, jump.off)]
        result.rows = [*result.rows, [number, "yes" if jump.responds else "no", *values, status, reason]]
        conditions = {"file": result.inputs["file"], "channel": one.channels[0].name, "sweep": number}
        result.observables += [o.as_dict(_label(one), conditions) for o in jump.observables]
    result.columns = ["sweep", "response", "peak (pA)", "rise 10-90 (ms)", "SS/peak", "tau_des (ms)", "tau_off (ms)",
                      "on (ms)", "off (ms)", "status", "reason"]  # fmt: skip
    count = sum(jump.responds for jump in jumps)
    result.notes.append(f"{count} of {len(jumps)} sweeps respond. Sweeps are numbered from 0.")
    result.figure = lambda: _application_figure(one, jumps, result)


def _train(result: Result, one: Recording, index: list[int], given: list[float] | None) -> None:
    t, sweeps = one.time_ms, one.sweeps
    if given is None and find_stimuli(t, sweeps).size == 0:
        why, do = "no artefact stands out of the noise", 'give their times: --stimuli "164 ms, 184 ms"'
        raise UsageError("No stimulus found", where=one.provenance.get("file", ""), why=why, do=do)
    found = [measure_train(t, sweeps, given, polarity=side) for side in ("negative", "positive")]
    sizes = [abs(side.amplitudes[0].value) if side.amplitudes[0].known else 0.0 for side in found]
    train = found[int(sizes[1] > sizes[0])]
    result.assumed.append(f"responses are {('inward', 'outward')[int(sizes[1] > sizes[0])]} (the larger side)")
    if given is None:
        result.assumed.append("stimuli are the evenly spaced artefacts (--stimuli to give them)")
    conditions = {"file": result.inputs["file"], "channel": one.channels[0].name, "sweeps": index}
    for k, stimulus in enumerate(train.stimuli_ms):
        read_off = (train.amplitudes[k], train.ratios[k], train.latencies[k], train.taus[k])
        status, reason = _worst(read_off)
        values = [o.value if o.known else None for o in read_off]
        failures = int(np.count_nonzero(train.failures[:, k]))
        result.rows = [*result.rows, [k + 1, float(stimulus), *values, failures, status, reason]]
        where = {**conditions, "pulse": k + 1, "stimulus_ms": float(stimulus)}
        result.observables += [o.as_dict(_label(one), where) for o in read_off]
    result.observables.append(train.ppr.as_dict(_label(one), conditions))
    result.columns = ["pulse", "stimulus (ms)", "amplitude (pA)", "ratio", "latency (ms)", "tau (ms)",
                      f"failures of {len(index)}", "status", "reason"]  # fmt: skip
    ppr = f"PPR {train.ppr.value:.3g} ({train.ppr.convention})" if train.ppr.known else f"PPR: {train.ppr.reason}"
    result.notes.append(f"{ppr}. Amplitudes are of the mean of {len(index)} sweeps.")
    result.figure = lambda: _train_figure(one, train, result)


def _application_figure(one: Recording, jumps: Sequence[Jump], result: Result) -> Figure:
    """Draw the sweeps that respond (all, where none does) with their peaks and the fits of the wash."""
    from ..show.recording_figure import MOST_SWEEPS, recording_figure

    drawn = [k for k, jump in enumerate(jumps) if jump.responds] or list(range(len(jumps)))
    index = result.inputs["sweeps"]
    room = len(drawn) <= 3 or len(drawn) > MOST_SWEEPS
    measured: list[dict[str, Any]] = []
    for k in drawn:
        jump = jumps[k]
        # four to six columns of values would run into the scale bar; the table holds them
        values = (jump.peak.amplitude, jump.steady_state, jump.tau_des, jump.tau_off) if room else ()
        measured.append({"at": jump.peak, "fit": jump.wash, **{o.id: o for o in values}})
    title = f"{Path(result.inputs['file']).name}: {sum(j.responds for j in jumps)} of {len(jumps)} sweeps respond"
    names = [f"sweep {index[k]}" for k in drawn]
    figure = recording_figure(one.select(drawn), measured, title, sweep_names=names)
    return figure if room else _keyed(figure, names)


def _train_figure(one: Recording, train: Train, result: Result) -> Figure:
    """Draw the train without its artefacts, and the amplitudes sweep by sweep."""
    from ..recordings.recording import Recording
    from ..show.recording_figure import MOST_SWEEPS, recording_figure

    t, stimuli = one.time_ms, train.stimuli_ms
    seen = (t >= stimuli[0] - 20.0) & (t <= stimuli[-1] + 80.0)
    clean = blank(t, one.sweeps, stimuli)[:, seen]
    shown = Recording.from_arrays(t[seen], clean, provenance=one.provenance, label=one.label, name=one.channels[0].name)
    measured = [
        {f"pulse {k + 1}": Observable(f"pulse {k + 1}", value, "pA") for k, value in enumerate(sweep)}
        for sweep in train.sweep_amplitudes_pA
        if np.isfinite(sweep).all()
    ]
    title = f"{Path(result.inputs['file']).name}: {stimuli.size} stimuli, artefacts blanked"
    names = [f"sweep {k}" for k in result.inputs["sweeps"]]
    if len(names) > MOST_SWEEPS:
        return recording_figure(shown, measured, title, sweep_names=names)
    return _keyed(recording_figure(shown, (), title), names)


def _keyed(figure: Figure, names: Sequence[str]) -> Figure:
    """Name the sweeps of a figure that writes no values."""
    (ax,) = figure.axes
    if len(names) > 1:
        ax.legend(ax.lines[: len(names)], names, loc="lower center", frameon=False, fontsize=8, handlelength=2.6)
    return figure
