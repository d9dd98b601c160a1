"""The command waveform of an ABF file, rebuilt from its epochs.

Steps, ramps and pulse trains of DAC outputs that are switched on. Anything else (a waveform from another file, user
lists, alternating outputs, other epoch types) is named in a note and left out: a wrong command is worse than none.
Layout: Axon Binary File format (Molecular Devices, ABF file support pack); the first 1/64 of a sweep is at the holding
level, then the epochs follow, then the holding level or the last epoch's.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .channel import Channel, inside, plain_unit
from .recording import Array

STEP, RAMP, PULSE = 1, 2, 3


@dataclass(frozen=True)
class Epoch:
    """Kind; level and its change per sweep; samples and their change per sweep; of pulses, period and width."""

    kind: int
    level: float
    level_step: float
    samples: int
    samples_step: int
    period: int = 0
    width: int = 0


@dataclass(frozen=True)
class Command:
    """An output: its channel, and what it plays; `keeps` says that the last level stays between sweeps."""

    channel: Channel
    epochs: tuple[Epoch, ...]
    holding: float
    keeps: bool

    def fill(self, values: Array) -> None:
        """Write the command in the unit of the channel, (sweep, time)."""
        factor = inside(self.channel.file_unit)[1]
        waveform(self.epochs, self.holding, self.keeps, values, factor)


def commands(file: Any) -> tuple[tuple[Command, ...], tuple[str, ...]]:
    """Return the commands, and notes on those that are not rebuilt.

    Parameters
    ----------
    file : pyabf.ABF
        With its header read.
    """
    found, notes = [], []
    sweeps, points = int(file.sweepCount), int(file.sweepPointCount)
    for name, unit, holding, keeps, epochs, problem in _outputs(file):
        problem = problem or _problem(epochs, sweeps, points, holding)
        if problem:
            notes.append(f"command {name!r} is not rebuilt: {problem}")
            continue
        stated = plain_unit(unit)
        channel = Channel(name, inside(stated)[0], stated, "stimulus")
        found.append(Command(channel, tuple(epochs), holding, keeps))
    return tuple(found), tuple(notes)


def waveform(epochs: Sequence[Epoch], holding: float, keeps: bool, values: Array, factor: float = 1.0) -> None:
    """Write the command into `values`, (sweep, time); `keeps` says that the last level stays between sweeps."""
    points = values.shape[1]
    before = holding * factor
    for sweep, row in enumerate(values):
        at = points // 64
        row[:at] = level = before
        for epoch in epochs:
            end = min(points, at + epoch.samples + epoch.samples_step * sweep)
            last, level = level, (epoch.level + epoch.level_step * sweep) * factor
            if epoch.kind == RAMP:
                row[at:end] = np.linspace(last, level, end - at)
            elif epoch.kind == PULSE:
                row[at:end] = np.where(np.arange(end - at) % epoch.period < epoch.width, level, last)
                level = last
            else:
                row[at:end] = level
            at = end
        before = level if keeps else holding * factor
        row[at:] = before


def _problem(epochs: list[Epoch], sweeps: int, points: int, holding: float) -> str:
    """Return why the epochs cannot be played, or nothing."""
    if not math.isfinite(holding) or abs(holding) > 1e6:
        return f"holding level {holding:g}"
    for epoch in epochs:
        ends = (epoch.samples, epoch.samples + epoch.samples_step * (sweeps - 1))
        levels = (epoch.level, epoch.level + epoch.level_step * (sweeps - 1))
        if epoch.kind not in (STEP, RAMP, PULSE):
            return f"epochs of type {epoch.kind}"
        if min(ends) < 0 or max(ends) > points or not all(math.isfinite(x) and abs(x) <= 1e6 for x in levels):
            return "an epoch is longer than the sweep, or has no finite level"
        if epoch.kind == PULSE and not 0 < epoch.width <= epoch.period:
            return f"pulses of {epoch.width} samples every {epoch.period}"
    for sweep in (0, sweeps - 1):
        if points // 64 + sum(e.samples + e.samples_step * sweep for e in epochs) > points:
            return "the epochs are longer than the sweep"
    return ""


def _outputs(file: Any) -> list[tuple[str, str, float, bool, list[Epoch], str]]:
    """Return name, unit, holding level, whether the last level stays, epochs, and what stops us, of each output."""
    if int(file.nOperationMode) == 3:  # gap-free: nothing is played
        return []
    return _outputs_1(file) if hasattr(file, "_headerV1") else _outputs_2(file)


def _outputs_1(file: Any) -> list[tuple[str, str, float, bool, list[Epoch], str]]:
    header, found = file._headerV1, []
    if header.fFileVersionNumber < 1.6:  # the extended header with the epochs came then
        return found
    with open(file.abfFilePath, "rb") as stream:
        stream.seek(1394)
        levels = struct.unpack("<4f", stream.read(16))
    for dac in range(2):
        if not header.nWaveformEnable[dac] or header.nWaveformSource[dac] == 0:
            continue
        epochs = [
            Epoch(int(header.nEpochType[i]), float(header.fEpochInitLevel[i]), float(header.fEpochLevelInc[i]),
                  int(header.lEpochInitDuration[i]), int(header.lEpochDurationInc[i]))
            for i in range(10 * dac, 10 * dac + 10) if header.nEpochType[i]
        ]  # fmt: skip
        problem = "it comes from another file" if header.nWaveformSource[dac] != 1 else ""
        if header.nULEnable and header.nULEnable[dac]:
            problem = "a user list changes it"
        name, unit = str(header.sDACChannelName[dac]).strip(), str(header.sDACChannelUnit[dac]).strip()
        keeps = bool(header.nInterEpisodeLevel[dac])
        found.append((name or f"DAC {dac}", unit, levels[dac], keeps, epochs, problem))
    return found


def _outputs_2(file: Any) -> list[tuple[str, str, float, bool, list[Epoch], str]]:
    section, per, found = file._dacSection, file._epochPerDacSection, []
    strings = file._stringsSection._indexedStrings
    alternating = bool(getattr(file._protocolSection, "nAlternateDACOutputState", 0))
    for dac in range(min(len(section.nWaveformEnable), 8)):
        if not section.nWaveformEnable[dac] or section.nWaveformSource[dac] == 0:
            continue
        epochs = [
            Epoch(int(per.nEpochType[i]), float(per.fEpochInitLevel[i]), float(per.fEpochLevelInc[i]),
                  int(per.lEpochInitDuration[i]), int(per.lEpochDurationInc[i]), int(per.lEpochPulsePeriod[i]),
                  int(per.lEpochPulseWidth[i]))
            for i in range(len(per.nDACNum)) if per.nDACNum[i] == dac and per.nEpochType[i]
        ]  # fmt: skip
        problem = "it comes from another file" if section.nWaveformSource[dac] != 1 else ""
        if any(np.atleast_1d(file.userListEnable if file.userListEnable is not None else 0)):
            problem = "a user list changes it"
        if alternating:
            problem = "outputs alternate between sweeps"
        name, unit = (str(strings[index[dac]]).strip() for index in
                      (section.lDACChannelNameIndex, section.lDACChannelUnitsIndex))  # fmt: skip
        keeps = bool(section.nInterEpisodeLevel[dac])
        found.append((name or f"DAC {dac}", unit, float(section.fDACHoldingLevel[dac]), keeps, epochs, problem))
    return found
