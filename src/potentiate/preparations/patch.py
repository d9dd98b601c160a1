"""The outside-out (or nucleated) patch: a receptor scheme, its channels and the rig around them."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import NumericalError, UsageError
from ..exposure.bath import NO_DRUG, Bath
from ..kinetics.permeation import PolyamineBlock
from ..kinetics.scheme import Scheme
from ..numerics.low_pass import bessel, response
from ..numerics.propagation import GAUSS_NODES, magnus_averages, sample_sweeps
from ..numerics.sweep_plan import Plan, plan_sweeps
from ..protocols.protocol import Protocol
from ..recordings.recording import Recording
from .solution_exchange import Piece, pieces

#: Conductance of one channel for schemes that give relative conductances: about 10 pS by variance analysis in CA1/CA3
#: dendritic patches (Spruston et al. 1995).
UNITARY_PS = 10.0


@dataclasses.dataclass(frozen=True)
class Rig:
    """What stands between the receptor and the trace.

    Attributes
    ----------
    exchange_10_90_ms : float
        Open-tip exchange time.
    filter_kHz : float or None
        Corner (-3 dB) of the low-pass filter.
    filter_kind : {"bessel", "gaussian"}
        Four-pole Bessel, or Gaussian.
    series_GOhm, leak_nS, leak_reversal_mV : float
    noise_pA : float
        Standard deviation of white noise at the sampling rate, before the filter.
    rundown_per_sweep : float
        Fraction of channels lost from sweep to sweep.
    """

    exchange_10_90_ms: float = 0.0
    filter_kHz: float | None = None
    filter_kind: str = "bessel"
    series_GOhm: float = 0.0
    leak_nS: float = 0.0
    leak_reversal_mV: float = 0.0
    noise_pA: float = 0.0
    rundown_per_sweep: float = 0.0


IDEAL = Rig()

#: A good piezo rig; assumed values in the range that fast-application studies report.
TYPICAL_RIG = Rig(exchange_10_90_ms=0.2, filter_kHz=10.0, series_GOhm=0.01, noise_pA=2.0)


@dataclasses.dataclass(frozen=True)
class Patch:
    """A patch with N receptors of one scheme.

    Attributes
    ----------
    scheme : Scheme
    channels : int
    voltage_mV, reversal_mV : float
    temperature_C : float or None
        None: the temperature of the scheme as written.
    unitary_pS : float
        Used where the scheme gives relative conductances; the largest open state then has this conductance.
    stochastic : bool
        Draw the N channels one by one (exact) instead of their expected current.
    pore : PolyamineBlock or None
        Rectification by internal polyamines (receptors without edited GluA2); multiplies the conductance.
    course_tolerance : float
        Error allowed, where a ligand varies continuously, in occupancies and in the conductance relative to that of
        all channels open.
    """

    scheme: Scheme
    channels: int = 100
    voltage_mV: float = -60.0
    reversal_mV: float = 0.0
    temperature_C: float | None = None
    unitary_pS: float = UNITARY_PS
    stochastic: bool = False
    rig: Rig = IDEAL
    pore: PolyamineBlock | None = None
    course_tolerance: float = 1e-6

    @property
    def conductances_pS(self) -> np.ndarray:
        """Conductance of each state at the holding potential, shape (n,)."""
        g = np.array(self.scheme.conductance)
        g = g if self.scheme.conductance_unit == "pS" else g / g.max() * self.unitary_pS
        return g if self.pore is None else g * float(self.pore.factor(self.voltage_mV))

    def run(
        self, protocol: Protocol, exposures: Bath | Sequence[Bath] = NO_DRUG, *, seed: int | None = None
    ) -> Recording:
        """Run a protocol; one sweep per exposure.

        Parameters
        ----------
        protocol : Protocol
        exposures : Bath or sequence of Bath
        seed : int, optional
            Required for stochastic channels or noise.

        Returns
        -------
        Recording
            Current in pA, inward negative at negative driving force.

        Raises
        ------
        UsageError
            A drug of the exposure does not act on the scheme; randomness without a seed.
        """
        baths = [exposures] if isinstance(exposures, Bath) else list(exposures)
        if (self.stochastic or self.rig.noise_pA > 0) and seed is None:
            raise UsageError("Randomness needs a seed", do="give seed=1 (or --seed 1)")
        rng = np.random.default_rng(seed)
        traces = []
        for i, bath in enumerate(baths):
            segments, generators = self._generators(protocol, bath)
            plan = _plan(tuple(segments), protocol.dt_ms)
            start = self._start(protocol, bath)
            left = self.channels * (1.0 - self.rig.rundown_per_sweep) ** i
            if self.stochastic:
                from ..kinetics.channels import simulate_channels

                conductance_nS = (
                    simulate_channels(
                        segments, generators, start, self.conductances_pS, round(left), protocol.dt_ms, rng
                    )
                    / 1000.0
                )
            else:
                trace, _ = sample_sweeps(plan, generators, start[None], self.conductances_pS[:, None])
                conductance_nS = trace[0, :, 0] * left / 1000.0
            traces.append(self._record(conductance_nS, protocol.dt_ms, rng))
        t = np.arange(len(traces[0])) * protocol.dt_ms
        metadata: dict[str, Any] = {}
        for drug in sorted({d for b in baths for d in b.drugs_uM}):
            metadata[f"{drug}_uM"] = np.array([b.drugs_uM.get(drug, 0.0) for b in baths])
        return Recording.from_arrays(
            t,
            np.array(traces),
            metadata,
            protocol=protocol.as_document(),
            provenance={
                "scheme": self.scheme.name,
                "channels": self.channels,
                "voltage_mV": self.voltage_mV,
                "reversal_mV": self.reversal_mV,
                "seed": seed if seed is not None else "none (deterministic)",
                "placement": ", ".join(dict.fromkeys(b.placement for b in baths)),
            },
        )

    def occupancy(self, protocol: Protocol, bath: Bath = NO_DRUG) -> np.ndarray:
        """Return the occupancy of every state at every sample, shape (samples, n)."""
        segments, generators = self._generators(protocol, bath)
        plan = _plan(tuple(segments), protocol.dt_ms)
        trace, _ = sample_sweeps(plan, generators, self._start(protocol, bath)[None], np.eye(self.scheme.n))
        return trace[0]

    def open_probability(self, protocol: Protocol, bath: Bath = NO_DRUG) -> np.ndarray:
        """Return the probability of any conducting state at every sample, shape (samples,)."""
        return self.occupancy(protocol, bath) @ (np.array(self.scheme.conductance) > 0)

    def generator(self, ligands: Mapping[str, float]) -> np.ndarray:
        """Return the generator in a solution, shape (n, n), 1/ms.

        Raises
        ------
        UsageError
            A ligand that does not act on the scheme is present.
        """
        unknown = [n for n, c in ligands.items() if n not in self.scheme.ligands and c > 0]
        if unknown:
            raise UsageError(
                f"{unknown[0]} does not act on scheme {self.scheme.name}",
                why=f"its ligands are {', '.join(self.scheme.ligands)}",
                do="apply a modulator, competitor or agonist of that name to the scheme first",
            )
        return self.scheme.generator(ligands, self.voltage_mV, self.temperature_C)

    def _start(self, protocol: Protocol, bath: Bath) -> np.ndarray:
        solution = protocol.segments[0].solution
        return self.rest({**protocol.solutions[solution], **bath.in_solution(solution)})

    def rest(self, ligands: Mapping[str, float]) -> np.ndarray:
        """Return the equilibrium occupancy in a solution, shape (n,).

        Where a blocker can be trapped there is no unique equilibrium without agonist: the receptor is then taken in
        the resting state of its scheme.
        """
        known = {n: c for n, c in ligands.items() if n in self.scheme.ligands}
        try:
            return self.scheme.equilibrium(known, self.voltage_mV, self.temperature_C)
        except ZeroDivisionError:
            return np.eye(self.scheme.n)[self.scheme.rest]

    def _generators(self, protocol: Protocol, bath: Bath) -> tuple[list[tuple[int, float]], np.ndarray]:
        """Return (generator index, duration) pairs and the generators of a sweep."""
        found: dict[tuple[tuple[str, float], ...], int] = {}
        generators: list[np.ndarray] = []
        segments: list[tuple[int, float]] = []
        for piece in pieces(protocol, bath, self.rig.exchange_10_90_ms):
            if piece.ligands is not None:
                key = tuple(sorted(piece.ligands.items()))
                if key not in found:
                    found[key] = len(generators)
                    generators.append(self.generator(piece.ligands))
                segments.append((found[key], piece.end_ms - piece.start_ms))
            else:
                steps = self._follow(piece, protocol.dt_ms)
                segments += [(len(generators) + j, duration) for j, (_, duration) in enumerate(steps)]
                generators += [q for q, _ in steps]
        return segments, np.stack(generators)

    def _follow(self, piece: Piece, dt_ms: float) -> list[tuple[np.ndarray, float]]:
        """Return constant generators that follow a varying ligand to the patch's `course_tolerance`.

        Steps end on samples; they are halved until the trace and the last occupancies stop changing.
        """
        first, last = math.floor(piece.start_ms / dt_ms + 1e-9) + 1, math.ceil(piece.end_ms / dt_ms - 1e-9)
        grid = [piece.start_ms, *(k * dt_ms for k in range(first, last)), piece.end_ms]
        # all drug as at the start of the piece: any start will do to measure the error of the steps
        start = np.full(self.scheme.n, 1.0 / self.scheme.n)
        g_max = self.conductances_pS.max()
        previous = None
        for halvings in range(9):
            edges = _subdivide(np.array(grid), 2**halvings)
            steps = self._magnus(piece, edges)
            plan = _plan(tuple((i, d) for i, (_, d) in enumerate(steps)), dt_ms)
            generators = np.stack([q for q, _ in steps])
            trace, end = sample_sweeps(plan, generators, start[None], self.conductances_pS[:, None] / g_max)
            found = np.concatenate([trace.ravel(), end.ravel()])
            if previous is not None and np.max(np.abs(found - previous)) < self.course_tolerance:
                return steps
            previous = found
        raise NumericalError("A varying ligand could not be followed", why="the steps do not converge")

    def _magnus(self, piece: Piece, edges: np.ndarray) -> list[tuple[np.ndarray, float]]:
        assert piece.course is not None
        width = np.diff(edges)
        courses = [[piece.course(t) for t in edges[:-1] + node * width] for node in GAUSS_NODES]
        names = [n for n in courses[0][0] if n in self.scheme.ligands]
        if any(rate.occupancy is not None for rate in self.scheme.directed[2]):
            first, second = (np.stack([self.generator(ligands) for ligands in course]) for course in courses)
        else:  # the generator is affine in the ligands
            self.generator(courses[0][0])
            resting = self.generator(dict.fromkeys(names, 0.0))
            slopes = np.stack([self.generator({n: float(n == m) for n in names}) - resting for m in names])
            first, second = (
                resting + np.tensordot([[c[n] for n in names] for c in course], slopes, axes=1) for course in courses
            )
        halves = magnus_averages(first, second)
        return [(q[i], 0.5 * w) for i, w in enumerate(width) for q in halves]

    def _record(self, conductance_nS: np.ndarray, dt_ms: float, rng: np.random.Generator) -> np.ndarray:
        """Turn conductance into the recorded current: series resistance, leak, noise, filter."""
        rig = self.rig
        total = conductance_nS + rig.leak_nS
        drive = conductance_nS * (self.voltage_mV - self.reversal_mV) + rig.leak_nS * (
            self.voltage_mV - rig.leak_reversal_mV
        )
        # steady drop over the series resistance (patch capacitance charges faster than the channels gate)
        current = drive / (1.0 + total * rig.series_GOhm)
        if rig.noise_pA > 0:
            current = current + rng.normal(0.0, rig.noise_pA, len(current))
        if rig.filter_kHz is not None:
            current = low_pass(current, dt_ms, rig.filter_kHz, rig.filter_kind)
        return current


@functools.lru_cache(maxsize=64)
def _plan(segments: tuple[tuple[int, float], ...], dt_ms: float) -> Plan:
    """Return the plan of one sweep; plans do not depend on rates, so every scheme and dose shares them."""
    return plan_sweeps([segments], dt_ms)


def low_pass(trace: np.ndarray, dt_ms: float, corner_kHz: float, kind: str = "bessel") -> np.ndarray:
    """Filter a trace with a four-pole Bessel or a Gaussian low-pass (-3 dB at `corner_kHz`).

    Raises
    ------
    UsageError
        The corner is not below the Nyquist frequency, or the kind is unknown.
    """
    nyquist = 0.5 / dt_ms
    if not 0 < corner_kHz < nyquist:
        raise UsageError(
            f"Filter corner {corner_kHz:g} kHz is not below half the sampling rate ({nyquist:g} kHz)",
            do="sample faster or filter lower",
        )
    if kind == "bessel":
        from scipy.signal import oaconvolve

        reach = min(len(trace), math.ceil(40.0 / (bessel(4, corner_kHz).slowest_per_ms * dt_ms)))
        kernel = response(bessel(4, corner_kHz), dt_ms, reach)
        return trace[0] + oaconvolve(trace - trace[0], kernel)[: len(trace)]
    if kind == "gaussian":
        from scipy import ndimage

        # Colquhoun & Sigworth 1995: sigma = 0.1325 / fc
        return ndimage.gaussian_filter1d(trace, 0.1325 / corner_kHz / dt_ms, mode="nearest")
    raise UsageError(f"Unknown filter {kind!r}", do="use bessel or gaussian")


def _subdivide(grid: np.ndarray, parts: int) -> np.ndarray:
    if parts == 1:
        return grid
    share = np.arange(parts) / parts
    return np.append((grid[:-1, None] + share * np.diff(grid)[:, None]).ravel(), grid[-1])
