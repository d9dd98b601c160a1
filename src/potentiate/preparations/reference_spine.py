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

import numpy as np

from ..errors import NumericalError, UsageError
from ..exposure.bath import NO_DRUG, Bath
from ..kinetics.scheme import Scheme
from ..library.scheme import find_scheme
from ..mechanisms.calmodulin import EnzymeRates, enzyme_rates, unloaded
from ..mechanisms.docked_release import DockedRelease, draw_docked_releases
from ..mechanisms.geometrical_readout import Readout, weight_change_percent
from ..mechanisms.reference_spine import SpineConstants, nmda_conductance_nS, nmda_receptors, quiet_start, spine_rates
from ..mechanisms.somatic_spike import injected_pA
from ..protocols.stimulation import Stimulation
from .reference_drive import driven_conductance, gaba_generators, gaba_open, scheme_generators
from .reference_engine import run_loop
from .reference_grid import GridRule, time_grid

#: Time before the first event; the published runs leave as much.
LEAD_MS = 500.0
#: Time after the last event: the units have then followed what the enzymes did (the published figures use the same).
AFTER_MS = 150_000.0

ASSUMED = (
    "channels of the spine are deterministic (published: every opening is drawn): calcium fluctuates less than there",
    "magnesium block, receptors and channels act on expected open fractions",
    "numbers of GluN2A and GluN2B receptors without the published scatter of their ratio",
    "enzymes, voltages and gates start from the spine's own rest, not from the published tables of initial values",
)


@dataclasses.dataclass(frozen=True)
class Induction:
    """What an induction did.

    Attributes
    ----------
    time_ms : array, shape (bins,)
        Ends of the bins of the traces; zero is the first event.
    calcium_uM, can_uM, camkii_uM : arrays, shape (runs, bins)
        Largest free calcium of each bin; calcineurin with calmodulin, and active CaMKII, at its end.
    dwell_s : array, shape (runs, 2)
        Time in the regions of depression and of potentiation.
    units : array, shape (runs, 3)
        Fractions depressed, unchanged, potentiated.
    released : array, shape (runs,)
        Stimuli that released transmitter.
    error_uM : float
        Largest estimate of the local integration error in free calcium.
    seed : int or None
    assumed : tuple of str
    status : tuple of str, length runs
        ``ok``, or why a run has no outcome (its numbers are NaN).
    """

    time_ms: np.ndarray
    calcium_uM: np.ndarray
    can_uM: np.ndarray
    camkii_uM: np.ndarray
    dwell_s: np.ndarray
    units: np.ndarray
    released: np.ndarray
    error_uM: float
    seed: int | None
    assumed: tuple[str, ...]
    status: tuple[str, ...]

    @property
    def weight_change_percent(self) -> np.ndarray:
        """Potentiated minus depressed units of each run, per cent."""
        return weight_change_percent(self.units)

    def direction(self, none_below_percent: float = 10.0) -> str:
        """Return ``LTP``, ``LTD`` or ``none`` for the mean of the runs that ended."""
        mean = float(np.nanmean(self.weight_change_percent))
        return "none" if abs(mean) < none_below_percent else "LTP" if mean > 0 else "LTD"


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
    readout: Readout = dataclasses.field(default_factory=Readout)
    grid: GridRule = dataclasses.field(default_factory=GridRule)

    @functools.cached_property
    def constants(self) -> SpineConstants:
        """Constants of the right-hand side at the conditions of this spine."""
        return SpineConstants.at(
            self.temperature_C, 1000.0 * self.calcium_mM, self.magnesium_mM, self.age_days, self.distance_um
        )

    def rest(self) -> np.ndarray:
        """Return the state without stimulation, shape (35,): ten minutes after a start near it."""
        k, quiet = self.constants, np.zeros(4)
        return _settled(lambda t, y: spine_rates(y, quiet, k), quiet_start())

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
        width = 1.0
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
        return _induction(grid[1:] - LEAD_MS, found, bin_ms, released, seed, assumed)

    def read(self, time_ms: np.ndarray, calcium_uM: np.ndarray, *, bin_ms: float = 100.0) -> Induction:
        """Read out calcium that was computed elsewhere.

        The enzymes start at rest in the first value of each trace and do not draw on the calcium: a trace that was
        computed with a buffer in its place already holds what calmodulin would take.

        Parameters
        ----------
        time_ms : array, shape (n,)
            Increasing, not necessarily uniform; between its points calcium is taken as linear.
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
        rates = EnzymeRates.at(self.temperature_C)
        runs = len(ca)
        rested = np.array([enzymes_at_rest(c, rates) for c in ca[:, 0]])
        middle = 0.5 * (ca[:, 1:] + ca[:, :-1]).T[:, :, None]
        found = run_loop("enzymes", self.readout, rates, rested, np.diff(t), middle)
        found["calcium_uM"] = ca[:, 1:].T
        found["error"] = np.zeros(1)
        assumed = ("free calcium is given: the enzymes do not draw on it",)
        return _induction(t[1:] - t[0], found, bin_ms, np.zeros(runs, int), None, assumed)

    def _check(self, stimulation: Stimulation, exposure: Bath) -> None:
        if stimulation.holding_mV is not None:
            raise UsageError(
                "The reference spine is not voltage-clamped",
                where=f"stimulation {stimulation.name!r}",
                do="leave out the holding potential",
            )
        known = {*self.ampa.ligands, *self.glun2a.ligands, *self.glun2b.ligands}
        if strange := [name for name in exposure.drugs_uM if name not in known]:
            raise UsageError(
                f"{strange[0]} acts on no receptor of this spine",
                why="no effect is known there, which is not an effect of zero",
                do="apply its modulator to the AMPA scheme: find_action(name).apply(scheme)",
            )

    def _drive(
        self, grid: np.ndarray, pulses: np.ndarray, width: float, transmitter: np.ndarray, exposure: Bath
    ) -> np.ndarray:
        drive = np.zeros((len(grid) - 1, len(transmitter), 4))
        count_a, count_b = nmda_receptors(self.age_days, self.nmda_count)
        nmda = nmda_conductance_nS(1000.0 * self.calcium_mM)
        ampa_g = np.array(self.ampa.conductance)
        if self.ampa.conductance_unit != "pS":
            ampa_g = 36.5 * ampa_g / ampa_g.max()
        parts = [(0, self.ampa, 1e-3 * ampa_g * self.ampa_receptors)]
        for scheme, count in ((self.glun2a, count_a), (self.glun2b, count_b)):
            parts.append((1, scheme, nmda * count * (np.array(scheme.conductance) > 0)))
        for column, scheme, g in parts:
            generators = scheme_generators(scheme, exposure.drugs_uM, self.temperature_C)
            drive[:, :, column] += driven_conductance(generators, g, grid, pulses, width, transmitter)
        if self.inhibition:
            g = 35e-3 * self.gaba_receptors * gaba_open()
            generators = gaba_generators(self.temperature_C)
            drive[:, :, 2] = driven_conductance(generators, g, grid, pulses, width, transmitter)
        return drive

    def _inject(self, drive: np.ndarray, middle: np.ndarray, onset: float, who: np.ndarray) -> None:
        i, j = np.searchsorted(middle, (onset - self.injected_ms, onset + 2.0 * self.injected_ms))
        drive[i:j, :, 3] += injected_pA(middle[i:j] - onset, self.injected_ms, self.injected_pA)[:, None] * who


def _induction(
    ends_ms: np.ndarray,
    found: dict[str, np.ndarray],
    bin_ms: float,
    released: np.ndarray,
    seed: int | None,
    assumed: tuple[str, ...],
) -> Induction:
    failed = np.asarray(~np.isfinite(found["state"]).all(axis=1))
    if failed.all():
        raise NumericalError(
            "The reference spine left the range of numbers", do="use a finer grid: grid=GridRule().refined(2)"
        )
    found["units"] = np.where(failed[:, None], np.nan, found["units"])
    found["dwell_ms"] = np.where(failed[:, None], np.nan, found["dwell_ms"])
    bins = np.floor(ends_ms / bin_ms).astype(int)
    first = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
    last = np.append(first[1:], len(bins)) - 1
    return Induction(
        time_ms=ends_ms[last],
        calcium_uM=np.maximum.reduceat(found["calcium_uM"], first, axis=0).T,
        can_uM=found["can_uM"][last].T,
        camkii_uM=found["camkii_uM"][last].T,
        dwell_s=1e-3 * found["dwell_ms"],
        units=found["units"],
        released=released,
        error_uM=float(np.nan_to_num(found["error"][16 if len(found["error"]) > 17 else 0])),
        seed=seed,
        assumed=assumed,
        status=tuple("solver: not finite, grid too coarse" if f else "ok" for f in failed),
    )


def enzymes_at_rest(free_uM: float, rates: EnzymeRates) -> np.ndarray:
    """Return the enzymes after ten minutes at constant free calcium, shape (17,)."""
    return _settled(lambda t, y: enzyme_rates(y, np.float64(free_uM), rates)[0], unloaded())


def _settled(slope: Callable[[float, np.ndarray], np.ndarray], start: np.ndarray) -> np.ndarray:
    from scipy.integrate import solve_ivp

    solution = solve_ivp(slope, (0.0, 600_000.0), start, method="BDF", rtol=1e-7, atol=1e-9)
    if not solution.success:
        raise NumericalError("The spine does not come to rest", why=str(solution.message))
    return solution.y[:, -1]
