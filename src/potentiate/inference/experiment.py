"""An experiment: a recording together with everything that was done to the patch while it was made."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ..errors import UsageError
from ..exposure.bath import NO_DRUG, Bath
from ..numerics.propagation import GAUSS_NODES, magnus_averages
from ..preparations.solution_exchange import pieces
from ..protocols.protocol import Protocol
from ..recordings.recording import Recording

#: Length of a step that follows a varying ligand, and the most steps of one course. With 10 mM glutamate and an
#: exchange of 0.1 to 0.4 ms the current is then right to 1e-4 of its peak (Partin1996, against the patch's own).
COURSE_STEP_MS = 0.01
MOST_STEPS = 400

#: Voltages of neighbouring samples that differ by more than this belong to a step; smaller changes are a ramp.
STEP_MV = 2.0


@dataclasses.dataclass(frozen=True)
class Condition:
    """What the receptors are exposed to while nothing is switched."""

    ligands_uM: tuple[tuple[str, float], ...]
    voltage_mV: float


@dataclasses.dataclass(frozen=True, eq=False)
class Experiment:
    """Sweeps of one cell (or patch) and how they were made.

    Attributes
    ----------
    recording : Recording
        Its first channel is the current in pA, evenly sampled; NaN samples are left out.
    protocol : Protocol
        Time zero of the protocol is time zero of the recording.
    exposure : Bath or sequence of Bath
        One for all sweeps, or one per sweep.
    cell, animal : str
        What is one cell and what is one animal: amplitudes and noise belong to a cell.
    voltage_mV : float or array, shape (time,)
        Holding potential, or the command at every sample.
    reversal_mV : float
    temperature_C : float, optional
        Default: that of the scheme as written.
    use : bool array, shape (time,) or (sweep, time), optional
        Samples to fit; default all.
    exchange_10_90_ms : float
        Open-tip exchange time; 0 is an ideal step.
    filter_kHz : float, optional
        Corner of the low-pass filter that the recording went through.
    filter_kind : {"bessel", "gaussian"}
    """

    recording: Recording
    protocol: Protocol
    exposure: Bath | Sequence[Bath] = NO_DRUG
    cell: str = "cell 1"
    animal: str = ""
    voltage_mV: float | np.ndarray = -60.0
    reversal_mV: float = 0.0
    temperature_C: float | None = None
    use: np.ndarray | None = None
    exchange_10_90_ms: float = 0.0
    filter_kHz: float | None = None
    filter_kind: str = "bessel"

    def __post_init__(self) -> None:
        sweeps, samples = self.recording.sweeps.shape
        where = str(self.recording.provenance.get("file", self.cell))
        if self.recording.unit != "pA":
            raise UsageError(
                f"The first channel is in {self.recording.unit or 'no unit'}",
                where=where,
                why="a current in pA is fitted",
                do="choose the channel: recording.channel(...)",
            )
        if math.isnan(self.recording.interval_ms):
            raise UsageError("Samples are not evenly spaced", where=where, do="fit the binned record by its likelihood")
        start = float(self.recording.time_ms[0])
        if abs(start) > 1e-6 * max(1.0, self.recording.interval_ms):
            raise UsageError(
                f"The recording starts at {start:g} ms", where=where, do="count time from the start of the protocol"
            )
        baths = (self.exposure,) if isinstance(self.exposure, Bath) else tuple(self.exposure)
        if len(baths) not in (1, sweeps):
            raise UsageError(
                f"{len(baths)} exposures for {sweeps} sweeps", where=where, do="give one, or one per sweep"
            )
        object.__setattr__(self, "exposure", baths * sweeps if len(baths) == 1 else baths)
        voltage = np.asarray(self.voltage_mV, dtype=float)
        if voltage.ndim and voltage.shape != (samples,):
            raise UsageError(f"{voltage.size} voltages for {samples} samples", where=where)
        used = np.isfinite(self.recording.sweeps)
        if self.use is not None:
            used &= np.broadcast_to(np.asarray(self.use, dtype=bool), used.shape)
        if not used.any():
            raise UsageError("No sample is left to fit", where=where)
        object.__setattr__(self, "use", used)

    @property
    def used(self) -> np.ndarray:
        """Which samples are fitted, shape (sweep, time)."""
        assert self.use is not None
        return self.use

    @property
    def baths(self) -> tuple[Bath, ...]:
        """One exposure per sweep."""
        assert isinstance(self.exposure, tuple)
        return self.exposure

    @property
    def drive_mV(self) -> np.ndarray:
        """Driving force at every sample, shape (time,)."""
        voltage = np.broadcast_to(np.asarray(self.voltage_mV, dtype=float), self.recording.time_ms.shape)
        return voltage - self.reversal_mV

    def drug(self, sweep: int) -> str | None:
        """Return the drug of a sweep, or None in control.

        Raises
        ------
        UsageError
            Several drugs at once.
        """
        present = [name for name, level in self.baths[sweep].drugs_uM.items() if level > 0]
        if len(present) > 1:
            raise UsageError(
                f"Sweep {sweep} holds {len(present)} drugs", why=", ".join(present), do="fit one at a time"
            )
        return present[0] if present else None

    def courses(self) -> list[list[tuple[Condition, float]]]:
        """Return for each sweep its constant conditions and how long each lasts in ms, to the last sample."""
        dt = self.recording.interval_ms
        end = dt * (self.recording.time_ms.size - 1)
        found: list[tuple[Bath, list[tuple[Condition, float]]]] = []
        result = []
        for bath in self.baths:
            course = next((course for known, course in found if known == bath), None)
            if course is None:
                ligands = _ligand_course(self.protocol, bath, self.exchange_10_90_ms, end)
                course = _with_voltage(ligands, self.voltage_mV, dt)
                found.append((bath, course))
            result.append(course)
        return result


def _ligand_course(
    protocol: Protocol, bath: Bath, exchange_10_90_ms: float, end_ms: float
) -> list[tuple[tuple[tuple[str, float], ...], float]]:
    """Return constant ligand concentrations and their durations, up to `end_ms`."""
    course: list[tuple[tuple[tuple[str, float], ...], float]] = []
    now = 0.0
    for piece in pieces(protocol, bath, exchange_10_90_ms):
        if piece.ligands is not None:
            steps = [(piece.ligands, piece.end_ms - piece.start_ms)]
        else:
            assert piece.course is not None
            count = min(MOST_STEPS, max(24, math.ceil((piece.end_ms - piece.start_ms) / COURSE_STEP_MS)))
            width = (piece.end_ms - piece.start_ms) / count
            steps = []
            for k in range(count):
                at = [piece.course(piece.start_ms + (k + node) * width) for node in GAUSS_NODES]
                averages = {name: magnus_averages(at[0][name], at[1][name]) for name in at[0]}
                steps += [({n: max(0.0, pair[half]) for n, pair in averages.items()}, width / 2) for half in (0, 1)]
        for ligands, duration in steps:
            duration = min(duration, end_ms - now)
            if duration > 0:
                # equal to twelve digits is equal: the same exchange then shares its generators between sweeps
                course.append((tuple((n, float(f"{c:.12g}")) for n, c in sorted(ligands.items())), duration))
                now += duration
    if now < end_ms - 1e-6:
        if not course:
            raise UsageError(f"Protocol {protocol.name} is empty")
        last, duration = course[-1]  # the last solution flows on
        course[-1] = (last, duration + end_ms - now)
    return course


def _with_voltage(
    ligands: list[tuple[tuple[tuple[str, float], ...], float]], voltage_mV: float | np.ndarray, dt_ms: float
) -> list[tuple[Condition, float]]:
    """Cut a ligand course where the voltage changes."""
    voltage = np.asarray(voltage_mV, dtype=float)
    if voltage.ndim == 0:
        return [(Condition(level, float(voltage)), duration) for level, duration in ligands]
    ramp = np.abs(np.diff(voltage)) < STEP_MV
    held = np.where(ramp, 0.5 * (voltage[:-1] + voltage[1:]), voltage[:-1])
    edges = np.concatenate([[0], np.flatnonzero(np.diff(held) != 0) + 1, [held.size]])
    result: list[tuple[Condition, float]] = []
    now, k = 0.0, 0
    borders = edges[1:] * dt_ms
    for level, duration in ligands:
        end = now + duration
        while end - now > 1e-9:
            stop = min(end, borders[k])
            if stop - now > 1e-9:
                result.append((Condition(level, float(held[edges[k]])), stop - now))
            now = stop
            if k + 1 < len(borders) and now >= borders[k] - 1e-9:
                k += 1
            elif now >= borders[-1] - 1e-9:
                break
        now = end
    return result
