"""From a table of conditions beside the recordings to experiments: what was done to which cell in which file."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, PotentiateError, UnknownNameError
from ..exposure.bath import NO_DRUG, PLACEMENTS, Bath
from ..measures.table import read_table
from ..protocols.protocol import Protocol, Segment
from ..recordings.read import read
from ..recordings.recording import Recording
from ..recordings.sweeps import find_sweeps, select_sweeps, subtract_baseline
from .condition_table import Row, table_rows
from .experiment import Experiment

#: Names of the table in a folder of recordings.
TABLES = ("conditions.csv", "conditions.tsv")
#: What a cell of the drug column may say in control.
CONTROL = ("control", "none", "no drug", "0")

#: A mean response of more than this many standard deviations of its noise is a response.
RESPONDS = 8.0
#: It begins where it passes this part of its peak (and five standard deviations).
BEGINS = 0.2


@dataclasses.dataclass(frozen=True)
class Conditions:
    """Experiments, and what was taken for granted to make them.

    Attributes
    ----------
    experiments : tuple of Experiment
        One per line of the table.
    assumed : tuple of str
    """

    experiments: tuple[Experiment, ...]
    assumed: tuple[str, ...]


def read_conditions(path: str | Path) -> list[Experiment]:
    """Read the experiments that a table of conditions describes.

    Parameters
    ----------
    path : path
        A CSV or TSV table, or a folder that holds ``conditions.csv``. One line per file, or per choice of its sweeps.
        Columns: ``file, cell, animal, drug, concentration_uM, placement, agonist, agonist_uM, pulse_ms, on_ms``;
        where needed ``channel``, ``part`` (of a file that holds several experiments), ``sweeps`` ("0:9,12", both ends
        included), ``interval_ms`` (a second pulse of the same width, counted from the end of the first),
        ``voltage_mV, reversal_mV, exchange_ms`` (10-90 %), ``filter_kHz, temperature_C, use_from_ms, use_to_ms``.
        Units may stand in the title, ``agonist (mM)``, or in the cells, "10 mM". Files are named relative to the
        table.

    Returns
    -------
    list of Experiment
        One per line; the current is the first channel in pA, its mean before the pulse subtracted.

    Raises
    ------
    DataError
        Names the line and the column: a file that cannot be read, an unknown placement, a unit that does not fit, a
        sweep described twice, a drug without its concentration, an agonist that arrives after the response has begun,
        a response without agonist ...
    """
    return list(load_conditions(path).experiments)


def load_conditions(
    path: str | Path, defaults: Mapping[str, float] | None = None, files: Collection[str] | None = None
) -> Conditions:
    """As :func:`read_conditions`, with what was assumed.

    Parameters
    ----------
    path : path
    defaults : mapping, optional
        What holds where the table is silent, by quantity, in the units inside: ``{"exchange": 0.2, "filter": 5.0}``.
    files : collection of str, optional
        Only the lines of these files.
    """
    path = Path(path)
    if path.is_dir():
        found = [path / name for name in TABLES if (path / name).is_file()]
        if not found:
            raise DataError(
                "The folder has no table of conditions", where=str(path), why=f"looked for {' and '.join(TABLES)}",
                do="write one: file,cell,drug,concentration_uM,agonist_uM,pulse_ms,on_ms",
            )  # fmt: skip
        path = found[0]
    table = read_table(path)
    rows = [row.filled(defaults or {}) for row in table_rows(table)]
    rows = rows if files is None else [row for row in rows if row.words.get("file") in files]
    read_once = functools.cache(functools.partial(_read, path.parent))
    taken: dict[tuple[str, int], int] = {}
    experiments = []
    for row in rows:
        where = f"{table.where} line {row.line}"
        name = row.words.get("file")
        if not name:
            raise DataError("No file", where=f"{where}, column 'file'", do="name the recording of this line")
        try:
            recording = read_once(name, row.words.get("channel"), row.words.get("part"))
        except PotentiateError as error:
            raise DataError(
                f"Cannot read {name}", where=f"{where}, column 'file'", why=error.what, do=error.do
            ) from None
        try:
            sweeps = row.words.get("sweeps")
            chosen = range(recording.data.shape[1]) if sweeps is None else find_sweeps(recording, sweeps)
            for sweep in chosen:
                before = taken.setdefault((str(Path(name)), sweep), row.line)
                if before != row.line:
                    raise DataError(
                        f"Sweep {sweep} of {name} is described twice", why=f"lines {before} and {row.line}",
                        do="give each sweep one line (column sweeps)",
                    )  # fmt: skip
            experiments.append(_experiment(recording if sweeps is None else select_sweeps(recording, sweeps), row))
        except PotentiateError as error:
            raise DataError(
                error.what, where=f"{where} ({name})" + (f": {error.where}" if error.where else ""), why=error.why,
                do=error.do,
            ) from None  # fmt: skip
    return Conditions(tuple(experiments), tuple(_assumed(rows, experiments)))


def experiments_of(
    file: str | Path, *, protocol: Protocol, bath: Bath | Sequence[Bath] = NO_DRUG, sweeps: str | None = None,
    cell: str | None = None, **options: Any,
) -> list[Experiment]:  # fmt: skip
    """Return the experiment of a single file.

    Parameters
    ----------
    file : path
    protocol : Protocol
        Time zero is that of the file.
    bath : Bath or sequence of Bath
        One for all sweeps, or one per sweep.
    sweeps : str, optional
        As in the table.
    cell : str, optional
        Default: the name of the file.
    **options
        Of :class:`Experiment`: voltage_mV, reversal_mV, exchange_10_90_ms, filter_kHz, temperature_C, use ...

    Returns
    -------
    list of Experiment
        Of length one; the mean before the mark ``on`` is subtracted.

    Raises
    ------
    DataError, UsageError
        The file cannot be read, or has no current.
    """
    recording = _current(read(file))
    if sweeps is not None:
        recording = select_sweeps(recording, sweeps)
    if "on" in protocol.marks:
        recording = _without_baseline(recording, protocol.marks["on"], options.get("exchange_10_90_ms", 0.0))
    return [Experiment(recording, protocol, bath, cell=cell or Path(file).stem, **options)]


def conditions_of(
    file: str | Path, words: Mapping[str, str | None], numbers: Mapping[str, float], *, sweeps: str | None = None
) -> Conditions:
    """Return the experiment of a single file, described as a line of the table would.

    Parameters
    ----------
    file : path
    words, numbers : mapping
        Cells by the names of the columns, quantities in the units inside (``pulse``: ms). A file that this program
        wrote brings its protocol, solutions and voltage along; where nothing is told, they are taken.
    sweeps : str, optional
        As in the table.

    Raises
    ------
    DataError
        As :func:`read_conditions`.
    """
    row = Row(0, {**words, "file": str(file)}, dict(numbers))
    try:
        recording = _read(Path(file).parent, Path(file).name, words.get("channel"), words.get("part"))
        if sweeps is not None:
            recording = select_sweeps(recording, sweeps)
        own = _as_written(recording, row)
        experiment = _experiment(recording, row) if own is None else own
    except PotentiateError as error:
        raise DataError(error.what, where=str(file), why=error.why, do=error.do) from None
    assumed = [] if own is None else ["protocol, solutions and voltage are those that the file holds"]
    return Conditions((experiment,), tuple([*assumed, *(_assumed([row], [experiment]) if own is None else [])]))


def _as_written(recording: Recording, row: Row) -> Experiment | None:
    """Return the experiment of a file that holds its own protocol, where nothing else is told."""
    told = ("on", "pulse", "agonist_concentration", "concentration")
    if recording.protocol is None or any(math.isfinite(row.numbers.get(name, math.nan)) for name in told):
        return None
    from .fit_document import protocol_from

    try:
        protocol = protocol_from(recording.protocol)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    drugs = {
        name.removesuffix("_uM"): np.asarray(levels, dtype=float)
        for name, levels in recording.sweep_metadata.items()
        if name.endswith("_uM") and name.removesuffix("_uM") not in {n for s in protocol.solutions.values() for n in s}
    }
    placement = str(recording.provenance.get("placement", "both"))
    baths = [
        Bath({n: float(v[k]) for n, v in drugs.items() if v[k] > 0}, placement if placement in PLACEMENTS else "both")  # type: ignore[arg-type]
        for k in range(recording.data.shape[1])
    ]
    exchange = row.numbers.get("exchange", 0.0)
    if "on" in protocol.marks:
        recording = _without_baseline(recording, protocol.marks["on"], exchange)
    voltage = row.numbers.get("voltage", recording.provenance.get("voltage_mV", -60.0))
    reversal = row.numbers.get("reversal", recording.provenance.get("reversal_mV", 0.0))
    return Experiment(
        recording.channel(0), protocol, baths, cell=row.words.get("cell") or Path(row.words["file"] or "").stem,
        voltage_mV=float(voltage), reversal_mV=float(reversal),
        temperature_C=row.numbers.get("temperature"), exchange_10_90_ms=exchange, filter_kHz=row.numbers.get("filter"),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------- experiments


def _read(folder: Path, name: str, channel: str | None, part: str | None) -> Recording:
    found = _current(read(folder / name, part=part), channel)
    return dataclasses.replace(found, provenance={**found.provenance, "file": Path(name).name})


def _current(recording: Recording, channel: str | None = None) -> Recording:
    """Return the chosen channel, or the first response in pA; commands in mV stay along as further channels."""
    units = [c.unit if c.role == "response" else "" for c in recording.channels]
    if channel is not None:
        one = recording.channel(int(channel) if channel.isdecimal() else channel).channels[0]
        units = ["pA" if c is one and c.unit == "pA" else "" for c in recording.channels]
    if "pA" not in units:
        named = ", ".join(f"{c.name!r} ({c.unit or 'no unit'})" for c in recording.channels)
        raise DataError("No channel is a current", why=f"channels: {named}", do="a current in pA is fitted")
    first = units.index("pA")
    order = [first, *(k for k, c in enumerate(recording.channels) if c.role == "stimulus" and c.unit == "mV")]
    return dataclasses.replace(
        recording, data=recording.data[order], channels=tuple(recording.channels[k] for k in order)
    )


def _experiment(recording: Recording, row: Row) -> Experiment:
    told = {name: value for name, value in row.numbers.items() if math.isfinite(value)}
    start = float(recording.time_ms[0])
    recording = dataclasses.replace(recording, time_ms=recording.time_ms - start)
    bath = _bath(row, told)
    exchange = told.get("exchange", 0.0)
    voltage, moves = _voltage(recording, told)
    level = told.get("agonist_concentration", 0.0)
    times = {name: told[name] for name in ("pulse", "on") if name in told}
    if level > 0 and len(times) < 2:
        missing = " and ".join(f"{n}_ms" for n in ("on", "pulse") if n not in times)
        raise DataError(f"No {missing}", why=f"agonist of {level:g} uM flows", do="tell when and for how long")
    if not level and not moves:
        _refuse_response(recording)
        raise DataError(
            "No agonist and no change of voltage", why="nothing is switched in this sweep",
            do="give agonist_uM, pulse_ms and on_ms",
        )  # fmt: skip
    if level > 0:
        times["on"] -= start
        protocol = _jump(recording, row.words.get("agonist") or "glutamate", level, told.get("interval"), times)
        _refuse_late_exchange(recording, times["on"], exchange)
        recording = _without_baseline(recording, times["on"], exchange)
    else:
        end = float(recording.time_ms[-1]) + recording.interval_ms
        protocol = Protocol("voltage protocol", (Segment(end),), {"control": {}}, {}, recording.interval_ms)
    t = recording.time_ms + start
    use = (t >= told.get("use_from", -math.inf)) & (t <= told.get("use_to", math.inf))
    one = recording.channel(0)
    for name in ("exchange", "filter", "interval"):
        if told.get(name, 1.0) < 0:
            raise DataError(f"{name} is negative", why=f"{told[name]:g}")
    return Experiment(
        one, protocol, bath, cell=row.words.get("cell") or Path(row.words["file"] or "").stem,
        animal=row.words.get("animal") or "", voltage_mV=voltage, reversal_mV=told.get("reversal", 0.0),
        temperature_C=told.get("temperature"), use=use, exchange_10_90_ms=exchange, filter_kHz=told.get("filter"),
    )  # fmt: skip


def _bath(row: Row, told: Mapping[str, float]) -> Bath:
    drug, level = row.words.get("drug"), told.get("concentration")
    if drug is not None and drug.lower() in CONTROL:
        drug = None
    placement = row.words.get("placement") or "both"
    if placement not in PLACEMENTS:
        raise UnknownNameError(
            "placement", placement, PLACEMENTS, do="; ".join(f"{name}: {text}" for name, text in PLACEMENTS.items())
        )
    if drug is None:
        if level:
            raise DataError(f"A concentration of {level:g} uM, and no drug", do="name it in the column drug")
        return NO_DRUG
    if level is None:
        raise DataError(f"No concentration of {drug}", do="give concentration_uM; 0 in control")
    return Bath({drug: level}, placement) if level else NO_DRUG  # type: ignore[arg-type]


def _voltage(recording: Recording, told: Mapping[str, float]) -> tuple[float | np.ndarray, bool]:
    """Return the voltage and whether it changes: as told, else the command that the file holds, else -60 mV."""
    if "voltage" in told:
        return told["voltage"], False
    for k, channel in enumerate(recording.channels[1:], 1):
        if channel.role == "stimulus":
            command = recording.data[k]
            if np.ptp(command) < 0.5:
                return float(command.mean()), False
            if np.max(np.ptp(command, axis=0)) > 0.5:
                raise DataError(
                    "The command differs from sweep to sweep", why=f"channel {channel.name!r}",
                    do="give sweeps of one command a line of their own (column sweeps), or voltage_mV",
                )  # fmt: skip
            return command[0], True
    return -60.0, False


def _jump(
    recording: Recording, agonist: str, level_uM: float, interval_ms: float | None, times: Mapping[str, float]
) -> Protocol:
    """Return one pulse, or two of the same width, up to the end of the sweep."""
    on, width = times["on"], times["pulse"]
    end, dt = float(recording.time_ms[-1]), recording.interval_ms
    if math.isnan(dt):
        raise DataError("Samples are not evenly spaced", do="fit the record before it is binned")
    if on <= 0:
        raise DataError(
            f"The agonist comes at {on:g} ms", why="there is nothing before it: the receptors cannot be at rest",
            do="count on_ms on the time axis of the file, and keep some baseline",
        )  # fmt: skip
    if on >= end:
        raise DataError(f"The agonist comes at {on:g} ms, after the sweep", why=f"it ends at {end:g} ms")
    if width <= 0:
        raise DataError(f"A pulse of {width:g} ms", do="give the width of the pulse")
    segments = [Segment(on), Segment(width, "agonist")]
    marks = {"on": on, "off": on + width}
    now = on + width
    if interval_ms:
        marks |= {"on2": now + interval_ms, "off2": now + interval_ms + width}
        segments += [Segment(interval_ms), Segment(width, "agonist")]
        if marks["on2"] >= end:
            raise DataError(f"The second pulse comes at {marks['on2']:g} ms, after the sweep", why=f"end: {end:g} ms")
        now = marks["off2"]
    segments.append(Segment(max(end - now, dt)))
    name = f"{agonist} jump, {width:g} ms" + (f", twice {interval_ms:g} ms apart" if interval_ms else "")
    return Protocol(name, tuple(segments), {"control": {}, "agonist": {agonist: level_uM}}, marks, dt)


def _without_baseline(recording: Recording, on_ms: float, exchange_ms: float) -> Recording:
    """Subtract the mean before the exchange begins; as it is where fewer than three samples lie before."""
    until = on_ms - 1.5 * exchange_ms - 0.5 * recording.interval_ms
    if np.count_nonzero(recording.time_ms <= until) < 3:
        return recording
    return subtract_baseline(recording, (float(recording.time_ms[0]), until))


def _response(recording: Recording) -> tuple[float, float, float]:
    """Return when the mean response begins (NaN: there is none), its size and the noise of the mean."""
    from scipy.ndimage import median_filter

    mean = np.nanmedian(recording.data[0], axis=0)
    mean = median_filter(np.where(np.isfinite(mean), mean, np.nanmedian(mean)), 5, mode="nearest")
    noise = float(np.median(np.abs(np.diff(recording.data[0], axis=1)))) / 0.6745 / math.sqrt(2.0)
    noise /= math.sqrt(recording.data.shape[1])
    far = np.abs(mean - np.median(mean[: max(4, mean.size // 50)]))
    size = float(far.max())
    if size <= RESPONDS * max(noise, 1e-12):
        return math.nan, size, noise
    return float(recording.time_ms[np.argmax(far > max(BEGINS * size, 5.0 * noise))]), size, noise


def _refuse_late_exchange(recording: Recording, on_ms: float, exchange_ms: float) -> None:
    begin, size, noise = _response(recording)
    if begin < on_ms - 1.5 * exchange_ms - 2 * recording.interval_ms:
        raise DataError(
            "The exchange is later than the response",
            why=f"the current passes a fifth of its peak ({size:.3g} pA, noise {noise:.2g} pA) at {begin:g} ms; "
            f"the agonist comes at {on_ms:g} ms",
            do="check on_ms, or subtract the drift before the pulse",
        )


def _refuse_response(recording: Recording) -> None:
    begin, size, noise = _response(recording)
    if math.isfinite(begin):
        raise DataError(
            "A response without an agonist",
            why=f"a current of {size:.3g} pA (noise {noise:.2g} pA) begins at {begin:g} ms; the line names no agonist",
            do="give agonist_uM, pulse_ms and on_ms",
        )


def _assumed(rows: Sequence[Row], experiments: Sequence[Experiment]) -> list[str]:
    """Return what the table did not tell."""
    found = []

    def silent(name: str, *, word: bool = False) -> bool:
        return any(not row.words.get(name) if word else math.isnan(row.numbers.get(name, math.nan)) for row in rows)

    if silent("cell", word=True):
        found.append("each file is a cell of its own (column cell)")
    if silent("agonist", word=True) and any(e.protocol.marks for e in experiments):
        found.append("agonist glutamate (column agonist)")
    if silent("placement", word=True) and any(b.drugs_uM for e in experiments for b in e.baths):
        found.append("drug in both solutions (column placement)")
    if silent("voltage"):
        levels = sorted({float(e.voltage_mV) for e in experiments if np.ndim(e.voltage_mV) == 0})
        text = ", ".join(f"{v:g}" for v in levels)
        found.append(f"voltage {text or 'command of the file'} mV: as in the file, else -60 (column voltage_mV)")
    if silent("reversal"):
        found.append("reversal at 0 mV (column reversal_mV)")
    if silent("exchange"):
        found.append("solutions exchange in no time (column exchange_ms)")
    if silent("filter"):
        found.append("no low-pass filter (column filter_kHz)")
    if silent("temperature"):
        found.append("temperature of the scheme as written (column temperature_C)")
    return found
