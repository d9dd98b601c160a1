"""NWB icephys files, read by h5py alone: nothing in them is executed, followed to another file, or trusted for size.

Rules (NWB schema 2.x, ``nwb.icephys``): value in SI = data x ``conversion`` + ``offset``; ``gain`` only documents the
amplifier and is never applied again. A stimulus that is missing in some sweeps is NaN there, and a note says how often.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RecordingError, UsageError
from .assembly import MAX_SAMPLES, Raw, Units, assemble, guarded
from .channel import Role, known_role, likely_role
from .hdf5 import Node
from .isolated import read_isolated
from .nwb_series import RESPONSES, STIMULI, Pair, Series, all_series, pairs_by_name, pairs_of_table
from .recording import Label, Recording


@dataclass
class Track:
    """The sweeps of one channel; None where a sweep has none."""

    name: str
    key: str
    role: Role
    series: list[Series | None]

    @property
    def one(self) -> Series:
        return next(s for s in self.series if s is not None)


def read_nwb(path: Path, *, part: str | None = None, unit: Units = None, yes: bool = False) -> Recording:
    """Read an NWB icephys file.

    Parameters
    ----------
    path : Path
    part : str, optional
        Pattern of names of response series (``*``, ``?``), where the file holds sweeps of several kinds.
    unit : str or mapping, optional
        True unit instead of the file's.
    yes : bool
        Accept an implausible scale.

    Raises
    ------
    UsageError
        h5py is not installed (extra ``nwb``); no series matches `part`.
    RecordingError
        Not NWB, damaged, without responses, or with sweeps that do not fit one time axis.
    """
    if importlib.util.find_spec("h5py") is None:
        raise UsageError("NWB files need pynwb and h5py", where=path.name, do="pip install 'potentiate[nwb]'")
    return assemble(path, guarded("nwb", path, lambda: read_isolated(path, part)), unit, yes)


def nwb_raw(path: Path, part: str | None) -> Raw:
    """Return what the file holds; in this process, where a damaged file may crash: see :mod:`.isolated`."""
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        return _raw(Node(file, path.name), path.name, part, f"potentiate nwb (h5py {h5py.__version__})")


def _raw(root: Node, where: str, part: str | None, reader: str) -> Raw:
    if "nwb_version" not in root.attributes and not root.has("acquisition"):
        raise RecordingError(
            "Format is not read", where=where, why="the content is HDF5, but not NWB",
            do="export it as NWB, ABF, or CSV with the header: time (ms), I (pA)",
        )  # fmt: skip
    acquired = {s.node.path: s for s in all_series(root, ("acquisition",), {**RESPONSES, "TimeSeries": ""})}
    played = {s.node.path: s for s in all_series(root, ("stimulus/presentation",), {**STIMULI, "TimeSeries": ""})}
    responses = [s for s in acquired.values() if s.kind in RESPONSES]
    if not responses:
        kinds = Counter(s.kind for s in acquired.values())
        raise RecordingError(
            "No patch-clamp series", where=where, why=f"acquisition holds {dict(kinds) or 'nothing that is read'}"
        )
    pairs = pairs_of_table(root, acquired, played)
    how = "the table of intracellular recordings" if pairs else "electrode and sweep number or name"
    if not pairs:
        pairs = pairs_by_name(responses, [s for s in played.values() if s.kind in STIMULI])
    if part is not None:
        pairs = [p for p in pairs if fnmatch.fnmatchcase(p[0].name, part)]
        if not pairs:
            raise UsageError(f"No series is called {part!r}", where=where, why=_kinds(responses))
    tracks, notes = _tracks(pairs, where, responses)
    unpaired = sum(stimulus is None for _, stimulus, _ in pairs)
    notes.append(f"stimulus and response paired by {how}; {unpaired} of {len(pairs)} responses have no stimulus")
    used = {s.node.path for t in tracks for s in t.series if s is not None}
    rest = [s for s in (*acquired.values(), *played.values()) if s.node.path not in used]
    more, left = _companions(rest, tracks[0])
    tracks += more
    if left:
        notes.append(f"{left} other time series are not read")
    document = _document(root)
    if document is not None:
        tracks = _in_order(tracks, document, where)
    raw = _read(tracks, notes, where, reader)
    return raw if document is None else _restored(raw, document, where)


def _kinds(responses: list[Series]) -> str:
    """Say what kinds of sweeps there are, with a name to choose each."""
    groups: dict[tuple[Any, ...], list[Series]] = defaultdict(list)
    for s in responses:
        groups[s.electrode, s.kind, s.size, s.rate_Hz].append(s)
    words = [
        f"{len(group)} x {size} samples at {rate / 1e3:g} kHz ({kind}, {group[0].name} ...)"
        for (_, kind, size, rate), group in groups.items()
    ]
    return "; ".join(words[:6]) + ("; ..." if len(words) > 6 else "")


def _tracks(pairs: list[Pair], where: str, responses: list[Series]) -> tuple[list[Track], list[str]]:
    """Return response and stimulus channels of sweeps that fit one time axis."""

    def cannot(why: str) -> RecordingError:
        do = "choose sweeps of one kind by the names of their series: part='PATTERN' (--part)"
        return RecordingError("Sweeps do not fit one time axis", where=where, why=f"{why}: {_kinds(responses)}", do=do)

    if len({(r.size, r.rate_Hz) for r, _, _ in pairs if not math.isnan(r.rate_Hz)}) > 1:
        raise cannot("they differ in length or rate")
    if len({r.size for r, _, _ in pairs}) > 1 or len({math.isnan(r.rate_Hz) for r, _, _ in pairs}) > 1:
        raise cannot("they differ in length or in how time is stored")
    groups: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair[0].electrode, pair[0].kind].append(pair)
    numbers = {tuple(sorted(sweep for _, _, sweep in group)) for group in groups.values()}
    if len(numbers) > 1 or len(set(next(iter(numbers)))) < len(next(iter(numbers))):
        raise cannot("electrodes or modes differ in their sweeps")
    tracks, commands, notes = [], [], []
    for (electrode, _), group in groups.items():
        group.sort(key=lambda pair: pair[2])
        answers = [r for r, _, _ in group]
        name = electrode or answers[0].key
        tracks.append(Track(name, answers[0].key, "response", list(answers)))
        played = [s if s is not None and s.size == r.size and _same_rate(s, r) else None for r, s, _ in group]
        odd = sum(a is None and s is not None for a, (_, s, _) in zip(played, group, strict=True))
        if odd:
            notes.append(f"{odd} stimuli of {name!r} differ from their responses in length or rate and are left out")
        if len({s.kind for s in played if s is not None}) > 1:
            notes.append(f"stimuli of {name!r} are of several kinds and are left out")
        elif any(s is not None for s in played):
            one = next(s for s in played if s is not None)
            commands.append(Track(f"stimulus of {name}", one.key, "stimulus", list(played)))
    return tracks + commands, notes


def _same_rate(a: Series, b: Series) -> bool:
    return (math.isnan(a.rate_Hz) and math.isnan(b.rate_Hz)) or abs(a.rate_Hz - b.rate_Hz) <= 1e-6 * b.rate_Hz


def _companions(rest: list[Series], response: Track) -> tuple[list[Track], int]:
    """Return channels that were recorded along, one series per sweep, and how many series belong to none."""
    groups: dict[str, list[Series]] = defaultdict(list)
    for s in rest:
        if s.kind not in RESPONSES:
            groups[s.key].append(s)
    tracks, left = [], sum(s.kind in RESPONSES for s in rest)
    for key, group in groups.items():
        fits = len(group) == len(response.series) and all(
            s.size == response.one.size and _same_rate(s, response.one) for s in group
        )
        if not fits:
            left += len(group)
            continue
        group.sort(key=lambda s: (s.start_s, s.name))
        role: Role = "stimulus" if group[0].kind in STIMULI else likely_role(key, "")
        tracks.append(Track(key.replace("#", "").strip("_ "), key, role, list(group)))
    return tracks, left


def _read(tracks: list[Track], notes: list[str], where: str, reader: str) -> Raw:
    """Read the samples, after their number was checked."""
    first = tracks[0].one
    sweeps = len(tracks[0].series)
    if len(tracks) * sweeps * first.size > MAX_SAMPLES:
        raise RecordingError(
            "Recording is too large",
            where=where,
            why=f"{len(tracks)} channels x {sweeps} sweeps x {first.size} samples",
        )
    traces, gains, offsets = [], [], []
    for track in tracks:
        scales = {(s.conversion, s.offset) for s in track.series if s is not None}
        if not all(math.isfinite(x) for scale in scales for x in scale):
            raise RecordingError("File is damaged", where=where, why=f"{track.name!r} has no finite conversion")
        one = len(scales) == 1
        blank = np.full(first.size, math.nan)
        rows = [blank if s is None else s.values() for s in track.series]
        if not one:
            rows = [
                row if s is None else row * s.conversion + s.offset for row, s in zip(rows, track.series, strict=True)
            ]
        traces.append(rows)
        gains.append(track.one.conversion if one else 1.0)
        offsets.append(track.one.offset if one else 0.0)
    starts = [s.start_s for s in tracks[0].series if s is not None]
    time_ms, rate = None, first.rate_Hz
    if math.isnan(rate):
        axes = [s.times_s() for s in tracks[0].series if s is not None]
        if not all((np.diff(axis) > 0).all() for axis in axes):
            raise RecordingError("Time does not increase", where=where, why="time stamps are repeated or go back")
        starts = [float(axis[0]) for axis in axes]
        relative = np.stack([axis - axis[0] for axis in axes])
        if np.ptp(relative, axis=0).max() > 1e-9 + 1e-6 * relative[0, -1]:
            raise RecordingError(
                "Sweeps do not fit one time axis",
                where=where,
                why="their time stamps differ",
                do="read one: part='NAME'",
            )
        time_ms = 1e3 * relative[0]
    return Raw(
        traces, tuple(t.name for t in tracks), tuple(t.one.unit for t in tracks), rate, tuple(starts), tuple(gains),
        tuple(offsets), "", reader, notes=tuple(notes), roles=tuple(t.role for t in tracks), time_ms=time_ms,
        label=_label(tracks[0].one.node.root()),
    )  # fmt: skip


def _label(root: Node) -> Label:
    """Return "simulated" where keywords or the session's description say so."""
    words = root.child("general/keywords").strings() if root.has("general/keywords") else []
    said = root.child("session_description").string() if root.has("session_description") else ""
    return "simulated" if "simulated" in [w.lower() for w in words] or said.startswith("SIMULATED") else "data"


def _document(root: Node) -> dict[str, Any] | None:
    """Return what our own writer noted; None in any other file."""
    from .nwb_writer import MARK

    text = root.child("general/notes").string() if root.has("general/notes") else ""
    if MARK not in text:
        return None
    try:
        found = json.loads(text)[MARK]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _in_order(tracks: list[Track], document: dict[str, Any], where: str) -> list[Track]:
    """Return the channels in the order of the recording that was written."""
    by_number = {int(m.group(1)): t for t in tracks if (m := re.search(r"_(\d+)$", t.key))}
    channels = document.get("channels")
    if not isinstance(channels, list) or sorted(by_number) != list(range(len(channels))):
        raise RecordingError("Channels disagree with the notes", where=where, why=f"{len(tracks)} channels are stored")
    return [by_number[k] for k in range(len(channels))]


def _restored(raw: Raw, document: dict[str, Any], where: str) -> Raw:
    """Return the recording as it was written: names, roles, begin of time, sweep metadata, protocol, provenance."""
    try:
        names = tuple(str(channel[0]) for channel in document["channels"])
        roles = tuple(known_role(channel[3]) for channel in document["channels"])
        begin = float(document["time_begin_ms"])
        columns = {str(name): np.array(values) for name, values in dict(document["sweep_metadata"]).items()}
        if any(c.shape != (raw.shape[1],) or c.dtype.kind not in "fiuU" for c in columns.values()):
            raise ValueError("sweep metadata do not fit")
        protocol, origin = document["protocol"], dict(document["provenance"])
        if not math.isfinite(begin) or not (protocol is None or isinstance(protocol, dict)):
            raise ValueError("begin or protocol")
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise RecordingError("The notes are damaged", where=where, why=f"{type(error).__name__}: {error}") from None
    time_ms = raw.time_ms
    if time_ms is None:
        time_ms = np.arange(raw.shape[2]) * (1e3 / raw.rate_Hz)
    return replace(
        raw, names=names, roles=roles, time_ms=begin + time_ms, metadata=columns, document=protocol,
        provenance={"origin": origin} if origin else {}, starts_s=(),  # what was not recorded stays out
        label="simulated" if document.get("label") == "simulated" else raw.label,
    )  # fmt: skip
