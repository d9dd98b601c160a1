"""A setting: everything that is the same for repeated sweeps, and the bins in which they are compared."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from typing import Any

import numpy as np

from ..errors import UsageError
from ..exposure.bath import Bath
from ..numerics.propagation import GAUSS_NODES, magnus_averages
from ..preparations.solution_exchange import pieces
from ..protocols.protocol import Protocol
from .experiment import STEP_MV, Condition, Experiment

#: First bin after a switch; after so many bins their width doubles: a kinetic trace loses nothing that matters, and
#: bins of few different widths share their exponentials.
FIRST_BIN_MS = 0.1
BINS_PER_WIDTH = 4

#: Steps that follow an exchange (each of two halves).
EXCHANGE_STEPS = 16

#: The solution starts to change this many 10-90 % times before the switch.
_EARLY = 1.5


@dataclasses.dataclass(frozen=True, eq=False)
class Setting:
    """A protocol with its solutions, as one patch after another goes through it.

    Attributes
    ----------
    protocol : Protocol
    bath : Bath
    samples : int
        Length of the sweep.
    voltage_mV : float or array, shape (samples,)
    reversal_mV : float
    temperature_C : float or None
    exchange_10_90_ms : float
    filter_kHz : float or None
    """

    protocol: Protocol
    bath: Bath
    samples: int
    dt_ms: float
    voltage_mV: float | np.ndarray = -60.0
    reversal_mV: float = 0.0
    temperature_C: float | None = None
    exchange_10_90_ms: float = 0.0
    filter_kHz: float | None = None

    @staticmethod
    def of(experiment: Experiment, sweep: int) -> Setting:
        """Return the setting of a sweep."""
        return Setting(
            experiment.protocol,
            experiment.baths[sweep],
            experiment.recording.time_ms.size,
            experiment.recording.interval_ms,
            experiment.voltage_mV,
            experiment.reversal_mV,
            experiment.temperature_C,
            experiment.exchange_10_90_ms,
            experiment.filter_kHz,
        )

    @staticmethod
    def planned(protocol: Protocol, bath: Bath, like: Setting) -> Setting:
        """Return the setting of a protocol that was not recorded yet, on the rig of another setting."""
        voltage = like.voltage_mV if np.ndim(like.voltage_mV) == 0 else float(np.asarray(like.voltage_mV)[0])
        samples = math.floor(protocol.duration_ms / protocol.dt_ms + 1e-6) + 1
        return dataclasses.replace(
            like, protocol=protocol, bath=bath, samples=samples, dt_ms=protocol.dt_ms, voltage_mV=voltage
        )

    @functools.cached_property
    def key(self) -> tuple[Any, ...]:
        """Equal for settings that are the same."""
        document = {k: v for k, v in self.protocol.as_document().items() if k not in ("name", "dt_ms")}
        voltage = np.asarray(self.voltage_mV, dtype=float)
        return (
            json.dumps(document, sort_keys=True),
            tuple(sorted((n, c) for n, c in self.bath.drugs_uM.items() if c > 0)),
            self.bath.placement if self.drug else "",
            self.samples,
            round(self.dt_ms, 9),
            voltage.tobytes(),
            self.reversal_mV,
            self.temperature_C,
            self.exchange_10_90_ms,
            self.filter_kHz,
        )

    @property
    def drug(self) -> str | None:
        """The drug, or None in control."""
        return next((n for n, c in self.bath.drugs_uM.items() if c > 0), None)

    @property
    def concentration_uM(self) -> float:
        """Of the drug."""
        return max(self.bath.drugs_uM.values(), default=0.0)

    def describe(self, *, drug: bool = True) -> str:
        """Return it in words of the bench."""
        text = self.protocol.name
        if not drug or self.drug is None:
            return text + (", control" if drug else "")
        where = {"both": "in both solutions", "agonist": "in the agonist only", "control": "in the control only"}
        return f"{text}, {self.drug} {self.concentration_uM:g} uM {where[self.bath.placement]}"

    def brief(self) -> str:
        """Return it in few words: ``jump, 100 ms, drug 500 uM``."""
        agonists = {name for solution in self.protocol.solutions.values() for name in solution}
        text = self.protocol.name
        for name in agonists:
            text = text.removeprefix(f"{name} ")
        if self.drug is None:
            return f"{text}, control"
        where = "" if self.bath.placement == "both" else f" in {self.bath.placement}"
        return f"{text}, {self.drug} {self.concentration_uM:g} uM{where}"

    @functools.cached_property
    def switches_ms(self) -> tuple[float, ...]:
        """Times at which the solutions change."""
        ends = np.cumsum([s.duration_ms for s in self.protocol.segments])[:-1]
        last = self.dt_ms * (self.samples - 1)
        return tuple(float(t) for t in ends if t < last)

    @functools.cached_property
    def edges(self) -> np.ndarray:
        """Borders of the bins, in samples, shape (bins + 1,): narrow after each switch, then wider."""
        early = _EARLY * self.exchange_10_90_ms
        last = self.dt_ms * (self.samples - 1)
        starts = [0.0, *(t - early for t in self.switches_ms if t > early)]
        found: set[int] = {0, self.samples}
        for k, start in enumerate(starts):
            stop = starts[k + 1] if k + 1 < len(starts) else last
            at, width = math.ceil(start / self.dt_ms - 1e-9), max(1, round(FIRST_BIN_MS / self.dt_ms))
            made = 0
            while at * self.dt_ms < stop:
                found.add(at)
                at += width
                made += 1
                # before the first switch nothing happens: a few bins are enough
                if made % (1 if k == 0 else BINS_PER_WIDTH) == 0 and (k == 0 or at * self.dt_ms > start + 2 * early):
                    width *= 2
        return np.array(sorted(i for i in found if i <= self.samples))

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1

    @functools.cached_property
    def times_ms(self) -> np.ndarray:
        """Centres of the bins, shape (bins,)."""
        return 0.5 * (self.edges[1:] + self.edges[:-1] - 1) * self.dt_ms

    @functools.cached_property
    def borders_ms(self) -> np.ndarray:
        """Borders of the bins, shape (bins + 1,): a sample stands for the time around it."""
        return (self.edges - 0.5) * self.dt_ms

    @functools.cached_property
    def course(self) -> list[tuple[Condition, float]]:
        """Constant conditions and how long each lasts; an exchange is followed by steps."""
        made: list[tuple[tuple[tuple[str, float], ...], float]] = []
        for piece in pieces(self.protocol, self.bath, self.exchange_10_90_ms):
            if piece.ligands is not None:
                steps = [(piece.ligands, piece.end_ms - piece.start_ms)]
            else:
                assert piece.course is not None
                length = piece.end_ms - piece.start_ms
                count = max(EXCHANGE_STEPS, math.ceil(length / 2.0))
                width = length / count
                steps = []
                for k in range(count):
                    at = [piece.course(piece.start_ms + (k + node) * width) for node in GAUSS_NODES]
                    averages = {name: magnus_averages(at[0][name], at[1][name]) for name in at[0]}
                    steps += [({n: max(0.0, pair[half]) for n, pair in averages.items()}, width / 2) for half in (0, 1)]
            for ligands, duration in steps:
                made.append((tuple((n, float(f"{c:.9g}")) for n, c in sorted(ligands.items())), duration))
        voltage = np.asarray(self.voltage_mV, dtype=float)
        if voltage.ndim and np.ptp(voltage) > STEP_MV:
            raise UsageError("Mechanisms are compared at a constant voltage", do="give sweeps at a holding potential")
        held = float(voltage.mean())
        return [(Condition(ligands, held), duration) for ligands, duration in made]

    def binned(self, sweep: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Return the means of a sweep over the bins, shape (bins,); NaN where a sample of the bin is not used."""
        if sweep.shape != (self.samples,):
            raise UsageError(f"A sweep of {sweep.size} samples", why=f"the setting has {self.samples}")
        clean = np.where(used, sweep, 0.0)
        sums = np.concatenate([[0.0], np.cumsum(clean)])
        counts = np.concatenate([[0], np.cumsum(used)])
        width = np.diff(self.edges)
        full = np.diff(counts[self.edges]) == width
        return np.where(full, np.diff(sums[self.edges]) / width, np.nan)
