"""The reference induction engine: a CA1 spine with calmodulin, CaMKII and calcineurin, read out geometrically.

Rodrigues et al. 2023 (eLife 12:e80152) simulate this spine with stochastic channels and stochastic release. Here
release is stochastic, with a seed, and channels are deterministic; results are averages over runs. The same enzymes
also read calcium that was computed elsewhere, so that other induction engines can be held against them on the same
protocol.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import NumericalError, UsageError
from ..exposure.bath import NO_DRUG, Bath
from ..kinetics.scheme import Scheme
from ..library.modulator import find_action, modulator_ids
from ..library.scheme import find_scheme
from ..mechanisms.calmodulin import EnzymeRates, enzyme_rates, unloaded
from ..mechanisms.docked_release import DockedRelease, draw_docked_releases
from ..mechanisms.geometrical_readout import Readout
from ..mechanisms.reference_spine import SpineConstants, nmda_conductance_nS, nmda_receptors, quiet_start, spine_rates
from ..mechanisms.somatic_spike import injected_pA
from ..protocols.stimulation import Stimulation
from .flicker_engine import FlickerLoop, FlickerRule, segment_steps
from .reference_drive import DrivenReceptors, driven_conductance, gaba_generators, gaba_open, scheme_generators
from .reference_engine import run_loop
from .reference_grid import GridRule, time_grid
from .reference_outcome import Induction, collect

#: Time before the first event; the published runs leave as much.
LEAD_MS = 500.0
#: Time after the last event: the units have then followed what the enzymes did (the published figures use the same).
AFTER_MS = 150_000.0

#: Transmitter in the cleft, a square pulse.
PULSE_MS = 1.0

ASSUMED = (
    "channels of the spine are deterministic (published: every opening is drawn): calcium fluctuates less than there",
    "magnesium block, receptors and channels act on expected open fractions",
    "numbers of GluN2A and GluN2B receptors without the published scatter of their ratio",
    "enzymes, voltages and gates start from the spine's own rest, not from the published tables of initial values",
)

DRAWN_ASSUMED = (
    "AMPA and GABA-A receptors conduct as expected of them; NMDA receptors and calcium channels are drawn",
    "two seconds after the last event channels return to their expected behaviour",
)


@dataclasses.dataclass(frozen=True)
class ReferenceSpine:
    """A CA1 spine after Rodrigues et al. 2023.

    Attributes
    ----------
    temperature_C, calcium_mM, magnesium_mM, age_days, distance_um : float
        Conditions; distance of the spine from the soma.
    injected_pA, injected_ms : float
        Somatic current that evokes a postsynaptic spike.
    spikes_by_input : bool
        The stimulated fibres as a whole may evoke a spike 15 ms after a stimulus.
    inhibition : bool
        GABA-A receptors on the dendrite act; False: blocked.
    ampa, glun2a, glun2b : Scheme
        Any scheme without voltage dependence, so any AMPA scheme with a modulator applied. Relative conductances are
        taken as fractions of 36.5 pS.
    ampa_receptors, nmda_count, gaba_receptors : int
    channels : {"expected", "drawn"}
        NMDA receptors and calcium channels at their expected open fractions, or each opening drawn (about ten times
        slower). Calcium acts through its second and fourth power, so the two do not agree on average.
    readout : Readout
    grid : GridRule
    """

    temperature_C: float = 35.0
    calcium_mM: float = 2.5
    magnesium_mM: float = 1.3
    age_days: float = 60.0
    distance_um: float = 200.0
    injected_pA: float = 1000.0
    injected_ms: float = 2.0
    spikes_by_input: bool = False
    inhibition: bool = True
    ampa: Scheme = dataclasses.field(default_factory=lambda: find_scheme("Rodrigues2023"))
    glun2a: Scheme = dataclasses.field(default_factory=lambda: find_scheme("NMDA_Rodrigues_GluN2A"))
    glun2b: Scheme = dataclasses.field(default_factory=lambda: find_scheme("NMDA_Rodrigues_GluN2B"))
    ampa_receptors: int = 120
    nmda_count: int = 15
    gaba_receptors: int = 34
    channels: str = "expected"
    readout: Readout = dataclasses.field(default_factory=Readout)
    grid: GridRule = dataclasses.field(default_factory=GridRule)

    @functools.cached_property
    def constants(self) -> SpineConstants:
        """Constants of the right-hand side at the conditions of this spine."""
        return SpineConstants.at(
            self.temperature_C, 1000.0 * self.calcium_mM, self.magnesium_mM, self.age_days, self.distance_um
        )

    def with_compound(self, compound: str, variant: str | None = None) -> ReferenceSpine:
        """Return the spine with a compound's modulator applied to its AMPA scheme; the bath sets its concentration.

        Raises
        ------
        UsageError
            No action of the compound on AMPA receptors is on record.
        """
        action = find_action(compound)
        if action is None:
            raise UsageError(
                f"No action of {compound} on AMPA receptors is on record",
                why="no effect is known, which is not an effect of zero",
                do=f"one of {', '.join(modulator_ids())}",
            )
        return dataclasses.replace(self, ampa=action.apply(self.ampa, variant))

    def rest(self) -> np.ndarray:
        """Return the state without stimulation, shape (35,): ten minutes after a start near it."""
        return _at_rest(self.constants).copy()

    def run(
        self,
        stimulation: Stimulation,
        exposure: Bath = NO_DRUG,
        *,
        runs: int = 10,
        seed: int = 1,
        after_ms: float = AFTER_MS,
        bin_ms: float = 100.0,
    ) -> Induction:
        """Stimulate and read out.

        Parameters
        ----------
        stimulation : Stimulation
            `pulses_ms` release transmitter, `spikes_ms` inject current; its strength is not used.
        exposure : Bath
            Drugs at their concentrations, for schemes that know them.
        runs : int
            Independent draws of release.
        seed : int
        after_ms : float
        bin_ms : float

        Raises
        ------
        UsageError
            Voltage clamp is asked for, or a drug that no scheme of the spine knows.
        NumericalError
            No run could be integrated.
        """
        self._check(stimulation, exposure)
        k = self.constants
        rng = np.random.default_rng(seed)
        terminal = DockedRelease.at(1000.0 * self.calcium_mM)
        pulses = np.array(stimulation.pulses_ms) + LEAD_MS
        spikes = np.array(stimulation.spikes_ms) + LEAD_MS
        releases = draw_docked_releases(stimulation.pulses_ms, terminal, runs, rng)
        evoked = releases.spikes if self.spikes_by_input else np.zeros_like(releases.spikes)
        some = evoked.any(axis=0)
        late = pulses[some] + terminal.spike_delay_ms
        end = max([*pulses, *spikes]) + after_ms
        width = PULSE_MS
        if self.channels == "drawn":
            who = [(t, np.ones(runs)) for t in spikes]
            who += [(t, w.astype(float)) for t, w in zip(late, evoked[:, some].T, strict=True)]
            found, ends = self._run_drawn(pulses, releases.transmitter_uM, who, end, exposure, seed)
            assumed = (*DRAWN_ASSUMED, *ASSUMED[2:], *stimulation.assumed)
            released = (releases.transmitter_uM > 0).sum(axis=1)
            return collect(ends - LEAD_MS, found, bin_ms, released, seed, assumed)
        grid = time_grid(pulses.tolist(), width, [*spikes, *late], self.injected_ms, end, self.grid)
        drive = self._drive(grid, pulses, width, releases.transmitter_uM, exposure)
        middle = 0.5 * (grid[1:] + grid[:-1])
        for t in spikes:
            self._inject(drive, middle, t, np.ones(runs))
        for t, who in zip(late, evoked[:, some].T, strict=True):
            self._inject(drive, middle, t, who.astype(float))
        start = np.tile(self.rest(), (runs, 1))
        found = run_loop("spine", self.readout, k, start, np.diff(grid), drive)
        released = (releases.transmitter_uM > 0).sum(axis=1)
        assumed = ASSUMED + stimulation.assumed
        return collect(grid[1:] - LEAD_MS, found, bin_ms, released, seed, assumed)

    def read(self, time_ms: np.ndarray, calcium_uM: np.ndarray, *, bin_ms: float = 100.0) -> Induction:
        """Read out calcium that was computed elsewhere.

        The enzymes start at rest in the first value of each trace and do not draw on the calcium: a trace that was
        computed with a buffer in its place already holds what calmodulin would take.

        Parameters
        ----------
        time_ms : array, shape (n,)
            Increasing, not necessarily uniform; between its points calcium is taken as linear. Gaps longer than the
            steps of the engine's own rest are filled.
        calcium_uM : array, shape (n,) or (runs, n)
            Free calcium.
        bin_ms : float

        Raises
        ------
        UsageError
            Times that do not increase, negative or missing calcium, shapes that do not fit.
        """
        t, ca = np.asarray(time_ms, dtype=float), np.atleast_2d(np.asarray(calcium_uM, dtype=float))
        if t.ndim != 1 or len(t) < 2 or ca.ndim != 2 or ca.shape[1] != len(t):
            raise UsageError(
                f"Calcium of shape {ca.shape} for {t.shape} times",
                do="give times of shape (n,) and calcium of shape (n,) or (runs, n)",
            )
        if not (np.diff(t) > 0).all() or not np.isfinite(ca).all() or (ca < 0).any():
            raise UsageError(
                "The calcium trace cannot be read", why="times must increase and calcium be finite and not negative"
            )
        fine = _without_gaps(t, GridRule().rest_ms)
        ca, t = np.stack([np.interp(fine, t, row) for row in ca]), fine
        rates = EnzymeRates.at(self.temperature_C)
        runs = len(ca)
        rested = np.array([enzymes_at_rest(c, rates) for c in ca[:, 0]])
        middle = 0.5 * (ca[:, 1:] + ca[:, :-1]).T[:, :, None]
        found = run_loop("enzymes", self.readout, rates, rested, np.diff(t), middle)
        found["calcium_uM"] = ca[:, 1:].T
        found["error"] = np.zeros(1)
        assumed = ("free calcium is given: the enzymes do not draw on it",)
        return collect(t[1:] - t[0], found, bin_ms, np.zeros(runs, int), None, assumed)

    def _run_drawn(
        self,
        pulses: np.ndarray,
        transmitter: np.ndarray,
        currents: list[tuple[float, np.ndarray]],
        end: float,
        exposure: Bath,
        seed: int,
        stochastic: bool = True,
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return what :func:`run_loop` returns, with one row per segment, and the ends of the segments."""
        rule, runs = FlickerRule(), len(transmitter)
        kinds = self._receptors(exposure)
        nmda_nS = nmda_conductance_nS(1000.0 * self.calcium_mM)
        nmda = [(g, count, np.array(s.conductance) > 0) for g, s, count in kinds["nmda"]]
        loop = FlickerLoop(self.readout, self.constants, self.rest(), nmda, nmda_nS, runs, seed, rule, stochastic)
        ampa, gaba = (DrivenReceptors(g, c, runs) for g, c in (kinds["ampa"], kinds["gaba"]))
        events = np.sort(np.concatenate([pulses, [t for t, _ in currents]]))
        stop = min(end, float(events[-1]) + rule.stop_after_ms)
        ends, rows = [], []

        def pass_time(a: float, b: float, released: np.ndarray | None) -> None:
            count = round(PULSE_MS / rule.near_ms)
            steps = segment_steps(a, b, events, rule) if released is None else np.full(count, (b - a) / count)
            middle = np.cumsum(steps) - 0.5 * steps
            if released is None:
                g = ampa.silence(middle, b - a), gaba.silence(middle, b - a)
            else:
                g = ampa.pulse(released, b - a, count), gaba.pulse(released, b - a, count)
            current = np.zeros((len(steps), runs, 4))
            for t, who in currents:
                if a - 3.0 * self.injected_ms < t < b + 3.0 * self.injected_ms:
                    self._inject(current, a + middle, t, who)
            peaks = loop.advance(steps, *g, current[:, :, 3], released)
            rows.append((*(p.max(axis=0) for p in peaks), *loop.plane()))
            ends.append(b)

        last = 0.0
        for onset, released in zip(pulses, transmitter.T, strict=True):
            pass_time(last, float(onset), None)
            pass_time(float(onset), float(onset) + PULSE_MS, released)
            last = float(onset) + PULSE_MS
        pass_time(last, stop, None)
        tail = time_grid([], PULSE_MS, [], self.injected_ms, max(end - stop, 1.0), self.grid)
        steps = np.diff(tail)
        quiet = np.zeros((len(steps), runs, 4))
        found = run_loop(
            "spine", self.readout, self.constants, loop.expected_state(), steps, quiet, loop.readout_state()
        )
        names = ("calcium_uM", "spine_mV", "can_uM", "camkii_uM")
        for i, name in enumerate(names):
            found[name] = np.concatenate([np.array([row[i] for row in rows]), found[name]])
        return found, np.concatenate([ends, stop + tail[1:]])

    def _check(self, stimulation: Stimulation, exposure: Bath) -> None:
        if stimulation.holding_mV is not None:
            raise UsageError(
                "The reference spine is not voltage-clamped",
                where=f"stimulation {stimulation.name!r}",
                do="leave out the holding potential",
            )
        if self.channels not in ("expected", "drawn"):
            raise UsageError(f"Channels {self.channels!r}", do="one of expected, drawn")
        known = {*self.ampa.ligands, *self.glun2a.ligands, *self.glun2b.ligands}
        if strange := [name for name in exposure.drugs_uM if name not in known]:
            raise UsageError(
                f"{strange[0]} acts on no receptor of this spine",
                why="no effect is known there, which is not an effect of zero",
                do="apply its modulator to the AMPA scheme: spine.with_compound(name)",
            )

    def _drive(
        self, grid: np.ndarray, pulses: np.ndarray, width: float, transmitter: np.ndarray, exposure: Bath
    ) -> np.ndarray:
        drive = np.zeros((len(grid) - 1, len(transmitter), 4))
        kinds = self._receptors(exposure)
        nmda_nS = nmda_conductance_nS(1000.0 * self.calcium_mM)
        nmda = [(g, nmda_nS * count * (np.array(s.conductance) > 0)) for g, s, count in kinds["nmda"]]
        for column, parts in enumerate(([kinds["ampa"]], nmda, [kinds["gaba"]])):
            for generators, g in parts:
                drive[:, :, column] += driven_conductance(generators, g, grid, pulses, width, transmitter)
        return drive

    def _receptors(self, exposure: Bath) -> dict[str, Any]:
        """Return generators and conductances (nS, all receptors) of AMPA and GABA, and the NMDA receptors."""
        t = self.temperature_C
        ampa_g = np.array(self.ampa.conductance)
        if self.ampa.conductance_unit != "pS":
            ampa_g = 36.5 * ampa_g / ampa_g.max()
        counts = nmda_receptors(self.age_days, self.nmda_count)
        return {
            "ampa": (scheme_generators(self.ampa, exposure.drugs_uM, t), 1e-3 * ampa_g * self.ampa_receptors),
            "gaba": (gaba_generators(t), 35e-3 * self.gaba_receptors * self.inhibition * gaba_open()),
            "nmda": [
                (scheme_generators(scheme, exposure.drugs_uM, t), scheme, count)
                for scheme, count in zip((self.glun2a, self.glun2b), counts, strict=True)
            ],
        }

    def _inject(self, drive: np.ndarray, middle: np.ndarray, onset: float, who: np.ndarray) -> None:
        i, j = np.searchsorted(middle, (onset - self.injected_ms, onset + 2.0 * self.injected_ms))
        drive[i:j, :, 3] += injected_pA(middle[i:j] - onset, self.injected_ms, self.injected_pA)[:, None] * who


@functools.lru_cache(maxsize=64)
def _at_rest(constants: SpineConstants) -> np.ndarray:
    quiet = np.zeros(4)
    return _settled(lambda t, y: spine_rates(y, quiet, constants), quiet_start())


def _without_gaps(t_ms: np.ndarray, longest_ms: float) -> np.ndarray:
    """Return times with points added so that no step is longer than the enzymes can take."""
    parts = np.maximum(1, np.ceil(np.diff(t_ms) / longest_ms)).astype(int)
    steps = [a + (b - a) * np.arange(1, n + 1) / n for a, b, n in zip(t_ms[:-1], t_ms[1:], parts, strict=True)]
    return np.concatenate([t_ms[:1], *steps])


@functools.lru_cache(maxsize=256)
def enzymes_at_rest(free_uM: float, rates: EnzymeRates) -> np.ndarray:
    """Return the enzymes after ten minutes at constant free calcium, shape (17,)."""
    return _settled(lambda t, y: enzyme_rates(y, np.float64(free_uM), rates)[0], unloaded())


def _settled(slope: Callable[[float, np.ndarray], np.ndarray], start: np.ndarray) -> np.ndarray:
    from scipy.integrate import solve_ivp

    solution = solve_ivp(slope, (0.0, 600_000.0), start, method="LSODA", rtol=1e-7, atol=1e-9)
    if not solution.success:
        raise NumericalError("The spine does not come to rest", why=str(solution.message))
    return solution.y[:, -1]
