"""The series of an NWB icephys file, and which stimulus goes with which response.

Pairs come from the table of intracellular recordings (NWB schema 2.x); in files without it, from electrode and sweep
number, else from equal names, else from equal numbers in the names.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..errors import RecordingError
from .channel import plain_unit
from .hdf5 import Node, samples
from .recording import Array

#: type of NWB -> letter of its SI unit
RESPONSES = {"VoltageClampSeries": "A", "CurrentClampSeries": "V", "IZeroClampSeries": "V"}
STIMULI = {"VoltageClampStimulusSeries": "V", "CurrentClampStimulusSeries": "A"}
#: More series than this are refused.
MAX_SERIES = 20_000
TABLE = "general/intracellular_ephys"


@dataclass(frozen=True)
class Series:
    """One stretch of a stored trace: where, what, and which samples."""

    node: Node
    name: str
    kind: str
    unit: str
    conversion: float
    offset: float
    rate_Hz: float
    start_s: float
    electrode: str
    sweep: int | None
    size: int
    first: int = 0

    @property
    def key(self) -> str:
        """The name without its first number: equal for the sweeps of one channel."""
        return re.sub(r"\d+", "#", self.name, count=1)

    def values(self) -> Array:
        """Return the numbers as stored."""
        return samples(self.node.child("data"), self.first, self.size)

    def times_s(self) -> Array:
        """Return the time stamps of an unevenly sampled series."""
        return samples(self.node.child("timestamps"), self.first, self.size).astype(float)


# response, stimulus, sweep
Pair = tuple[Series, Series | None, int]


def all_series(root: Node, groups: tuple[str, ...], kinds: dict[str, str]) -> Iterator[Series]:
    count = 0
    for group in groups:
        if not root.has(group):
            continue
        for node in root.child(group).children():
            kind = node.text("neurodata_type")
            if kind not in kinds or not node.has("data"):
                continue
            count += 1
            if count > MAX_SERIES:
                raise RecordingError("Too many series", where=root.where, why=f"more than {MAX_SERIES}")
            yield _one(node, kind, kinds[kind])


def _one(node: Node, kind: str, expected: str) -> Series:
    data = node.child("data")
    unit = plain_unit(data.text("unit"))
    if expected and unit and unit[-1:] != expected:
        raise RecordingError(
            "Units contradict each other", where=f"{node.where}, {node.name}",
            why=f"a {kind} is in {expected}, its data say {unit!r}", do="correct the file",
        )  # fmt: skip
    rate, start = math.nan, 0.0
    if node.has("starting_time"):
        begin = node.child("starting_time")
        rate, start = begin.number("rate", math.nan), begin.scalar()
    elif not node.has("timestamps"):
        raise RecordingError("Time is missing", where=f"{node.where}, {node.name}", why="no rate and no time stamps")
    size = data.length()
    if node.has("timestamps") and math.isnan(rate) and node.child("timestamps").length() != size:
        raise RecordingError("Shapes disagree", where=f"{node.where}, {node.name}", why="time stamps and data")
    number = node.number("sweep_number", math.nan)
    electrode = node.child("electrode").name if node.has("electrode") else ""
    return Series(
        node, node.name, kind, unit or expected, data.number("conversion", 1.0), data.number("offset", 0.0), rate,
        start, electrode, int(number) if math.isfinite(number) else None, size,
    )  # fmt: skip


def pairs_of_table(root: Node, acquired: dict[str, Series], played: dict[str, Series]) -> list[Pair]:
    """Return (response, stimulus, sweep) of the rows of the intracellular recordings table; empty without one."""
    if not root.has(f"{TABLE}/intracellular_recordings/responses/response"):
        return []
    table = root.child(f"{TABLE}/intracellular_recordings")
    answers = table.child("responses/response").references()
    stimuli = table.child("stimuli/stimulus").references() if table.has("stimuli/stimulus") else []
    sweep_of = _simultaneous(root, len(answers))
    pairs: list[Pair] = []
    counts: Counter[str] = Counter()
    for row, (path, first, size) in enumerate(answers):
        if path not in acquired or acquired[path].kind not in RESPONSES:
            continue
        response = _cut(acquired[path], first, size)
        stimulus = None
        if row < len(stimuli) and stimuli[row][0] in played and stimuli[row][1] >= 0 and stimuli[row][2] > 0:
            stimulus = _cut(played[stimuli[row][0]], *stimuli[row][1:])
        sweep = sweep_of.get(row, counts[response.electrode])
        counts[response.electrode] += 1
        pairs.append((response, stimulus, sweep))
    return pairs


def _cut(series: Series, first: int, size: int) -> Series:
    if first < 0 or size < 0:
        return series
    if first + size > series.size:
        raise RecordingError(
            "File is damaged", where=f"{series.node.where}, {series.name}",
            why=f"samples {first} to {first + size} of {series.size}",
        )  # fmt: skip
    return replace(series, first=series.first + first, size=size)


def _simultaneous(root: Node, rows: int) -> dict[int, int]:
    """Return {row of the table: sweep} of the table of simultaneous recordings."""
    where = f"{TABLE}/simultaneous_recordings"
    if not (root.has(f"{where}/recordings") and root.has(f"{where}/recordings_index")):
        return {}
    flat = root.child(f"{where}/recordings").integers()
    ends = root.child(f"{where}/recordings_index").integers()
    found, begin = {}, 0
    for sweep, end in enumerate(ends):
        for row in flat[begin:end]:
            if 0 <= row < rows:
                found[int(row)] = sweep
        begin = int(end)
    return found


def pairs_by_name(responses: list[Series], stimuli: list[Series]) -> list[Pair]:
    """Pair by electrode and sweep number, else by equal name, else by the numbers in the names."""

    def numbers(series: Series) -> tuple[str, ...]:
        return tuple(re.findall(r"\d+", series.name))

    by: list[dict[Any, Series]] = [
        {(s.electrode, s.sweep): s for s in stimuli if s.sweep is not None},
        {s.name: s for s in stimuli},
        {numbers(s): s for s in stimuli if numbers(s)},
    ]
    if len({numbers(s) for s in responses}) < len(responses):
        by = by[:2]  # the numbers do not tell the responses apart
    ordered = sorted(responses, key=lambda s: (s.sweep if s.sweep is not None else math.inf, s.start_s, s.name))
    counts: Counter[str] = Counter()
    pairs: list[Pair] = []
    for response in ordered:
        keys = ((response.electrode, response.sweep), response.name, numbers(response))
        stimulus = next((found[key] for found, key in zip(by, keys, strict=False) if key in found), None)
        pairs.append((response, stimulus, counts[response.electrode]))
        counts[response.electrode] += 1
    return pairs
