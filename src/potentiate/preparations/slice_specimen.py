"""One slice: a pyramidal cell with its synapses and inhibition, as drawn by a seed; it responds and it learns."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

from ..kinetics.scheme import Scheme
from ..library.modulator import find_action
from ..library.scheme import find_scheme
from ..library.slice_document import SliceDocument
from ..library.solution import Potentials
from ..mechanisms.calcium import CalciumChannel, CalciumDynamics, FixedShare
from ..mechanisms.cleft import CLEFTS, Cleft, DiffusionCleft
from ..mechanisms.expression import Route, express
from ..mechanisms.feedforward_inhibition import FeedforwardInhibition
from ..mechanisms.magnesium_block import BLOCKS
from ..mechanisms.pyramidal_cell import PyramidalCell
from ..mechanisms.release import PLASTICITIES, ReleaseLaw, draw_releases
from ..mechanisms.threshold_plasticity import (
    ThresholdPlasticity,
    bin_calcium,
    integrate_calcium,
    move_efficacy,
)
from ..protocols.stimulation import Stimulation
from .pulse_grid import pulse_grid
from .shared_dendrite import Course, Receptors, SharedDendrite, Synapses, simulate_bout

BIN_MS = 5.0

#: Pulses of a regular low-frequency train that are simulated one after another; the rest repeat them.
REPEATED_PULSES = 60

#: A train is low-frequency if calcium has settled between its pulses.
SETTLED_MS = 500.0


@dataclasses.dataclass(frozen=True)
class Blocked:
    """What is left of targets that drugs block, as fractions, and what they do to release.

    Attributes
    ----------
    ampa, nmda, gaba, autoreceptor : float
        AMPA, NMDA, GABA-A and presynaptic GABA-B receptors; 1 where nothing blocks them.
    release : float
        Factor on the release probability.
    """

    ampa: float = 1.0
    nmda: float = 1.0
    gaba: float = 1.0
    autoreceptor: float = 1.0
    release: float = 1.0


@dataclasses.dataclass(frozen=True)
class Drugs:
    """What is in the tissue.

    Attributes
    ----------
    modulators_uM : mapping of compound -> uM
        Drugs that act on AMPA receptors through their scheme.
    blocked : Blocked
    on_interneurons : bool
        Whether the modulators reach the AMPA receptors of interneurons (they do; the switch shows what that changes).
    """

    modulators_uM: Mapping[str, float] = dataclasses.field(default_factory=dict)
    blocked: Blocked = Blocked()
    on_interneurons: bool = True


NO_DRUGS = Drugs()


@dataclasses.dataclass(frozen=True)
class Specimen:
    """One slice.

    Attributes
    ----------
    document : SliceDocument
    dendrite : SharedDendrite
    receptors : Receptors
        Without drugs.
    release : ReleaseLaw
    cleft : Cleft or DiffusionCleft
    synapses : Synapses
        Of all pathways; multiplicity for full recruitment.
    pathway : array of int, shape (synapses,)
        Which pathway reaches each.
    efficacy : array, shape (synapses,)
        At the start: 0 (down) or 1 (up).
    rule : ThresholdPlasticity
    pre, post : array, shape (synapses,)
        Peaks of the calcium integral by one release and by one spike, without drug: the thresholds rest on them.
    persistence : float
        Share of the enlargement by LTP that this slice keeps.
    route : str
        What a change of strength changes: number, conductance, gating or composition of receptors.
    enlargement : float
        Response of a changed receptor over that of a resident one (gating).
    """

    document: SliceDocument
    dendrite: SharedDendrite
    receptors: Receptors
    release: ReleaseLaw
    cleft: Cleft | DiffusionCleft
    synapses: Synapses
    pathway: np.ndarray
    efficacy: np.ndarray
    rule: ThresholdPlasticity
    pre: np.ndarray
    post: np.ndarray
    persistence: float
    route: Route = "number"
    enlargement: float = 1.0

    def simulate(
        self,
        stimulation: Stimulation,
        releases: np.ndarray,
        drugs: Drugs = NO_DRUGS,
        *,
        strength: np.ndarray | float = 1.0,
        recruited: float | None = None,
        fires: bool = True,
    ) -> Course:
        """Simulate a bout with given releases.

        Parameters
        ----------
        stimulation : Stimulation
        releases : array, shape (synapses, pulses)
        drugs : Drugs
        strength : array or float
            Of each synapse relative to the start.
        recruited : float, optional
            Part of the fibres; default that of the stimulation.
        fires : bool
            Whether the cell spikes; an average over many cells does not.
        """
        part = stimulation.strength if recruited is None else recruited
        left = drugs.blocked
        s = self.synapses
        made = express(self.route, np.broadcast_to(strength, len(s)), s.ampa_scale, self.enlargement)
        synapses = dataclasses.replace(
            s,
            multiplicity=s.multiplicity * part,
            ampa_scale=made.resident * made.unitary * left.ampa,
            changed_scale=made.changed * made.unitary * left.ampa,
            nmda_scale=s.nmda_scale * left.nmda,
        )
        q = self.dendrite.inhibition
        dendrite = dataclasses.replace(
            self.dendrite,
            inhibition=dataclasses.replace(
                q,
                synapse_nS=q.synapse_nS * left.ampa,
                gaba_nS=tuple(g * left.gaba for g in q.gaba_nS),
                autoreceptor=q.autoreceptor * left.autoreceptor,
            ),
            interneuron=with_modulators(self.dendrite.interneuron, drugs.modulators_uM, drugs.on_interneurons),
            cell=self.dendrite.cell if fires else dataclasses.replace(self.dendrite.cell, threshold_mV=np.inf),
        )
        own = self.receptors
        own = dataclasses.replace(
            own,
            ampa=with_modulators(own.ampa, drugs.modulators_uM),
            changed=own.changed and with_modulators(own.changed, drugs.modulators_uM),
        )
        grid = pulse_grid(stimulation.pulses_ms, stimulation.duration_ms, self.cleft, stimulation.spikes_ms)
        law = self._law(left)
        return simulate_bout(
            dendrite,
            own,
            synapses,
            grid,
            releases,
            law.probabilities(stimulation.pulses_ms),
            drugs_uM=drugs.modulators_uM,
            interneuron_ligands=drugs.modulators_uM if drugs.on_interneurons else {},
            spikes_ms=stimulation.spikes_ms,
            holding_mV=stimulation.holding_mV,
            recruited=part,
        )

    def _law(self, left: Blocked, potentiated: float = 1.0) -> ReleaseLaw:
        return dataclasses.replace(self.release, p0=min(1.0, self.release.p0 * left.release * potentiated))

    def respond(
        self,
        recruited: float,
        drugs: Drugs = NO_DRUGS,
        *,
        pathway: int = 0,
        strength: np.ndarray | float = 1.0,
        potentiated: float = 1.0,
        after_ms: float = 80.0,
    ) -> Course:
        """Return the response to one test pulse, averaged over releases: every synapse in proportion to its chance.

        The average over many cells does not spike.

        Parameters
        ----------
        recruited : float
            Part of the fibres.
        drugs, strength
            As for :meth:`simulate`.
        pathway : int
        potentiated : float
            What a tetanus has left on the release probability.
        """
        pulse = Stimulation("test pulse", (0.0,), after_ms, strength=recruited)
        chance = self._chance(pathway, drugs.blocked.release * potentiated)
        return self.simulate(pulse, chance[:, None], drugs, strength=strength, fires=False)

    def learn(
        self,
        stimulation: Stimulation,
        efficacy: np.ndarray,
        drugs: Drugs = NO_DRUGS,
        rng: np.random.Generator | None = None,
        *,
        pathway: int = 0,
        strength: np.ndarray | float = 1.0,
        potentiated: float = 1.0,
        reduce: bool = True,
    ) -> tuple[np.ndarray, Course]:
        """Return the efficacy right after a bout, and the bout (its simulated part).

        Parameters
        ----------
        stimulation : Stimulation
        efficacy : array, shape (synapses,)
            Before the bout.
        drugs : Drugs
        rng : Generator
            Draws the releases.
        pathway, strength, potentiated
            As for :meth:`respond`.
        reduce : bool
            Simulate :data:`REPEATED_PULSES` of a long regular low-frequency train and repeat them.
        """
        rng = np.random.default_rng(0) if rng is None else rng
        bout, repeats = shortened(stimulation) if reduce else (stimulation, 1)
        chance = self._chance(pathway, drugs.blocked.release * potentiated)
        p = self.release.probabilities(bout.pulses_ms, chance)
        releases = draw_releases(p, len(self.synapses), rng).astype(float)
        course = self.simulate(bout, releases, drugs, strength=strength)
        return self.move(bin_calcium(course.t_ms, course.calcium_uM, BIN_MS), efficacy, repeats), course

    def _chance(self, pathway: int, factor: float) -> np.ndarray:
        return np.where(self.pathway == pathway, np.minimum(1.0, self.synapses.probability * factor), 0.0)

    def move(self, calcium_uM: np.ndarray, efficacy: np.ndarray, repeats: int = 1) -> np.ndarray:
        """Return the efficacy after a course of binned calcium, given `repeats` times; shape (synapses,)."""
        rest = self.dendrite.calcium.rest_uM
        below, above = self.rule.thresholds(self.pre, self.post)
        start = None
        for _ in range(repeats):
            integral = integrate_calcium(calcium_uM, rest, self.rule.integration_ms, BIN_MS, start)
            efficacy = move_efficacy(self.rule, integral, below, above, efficacy, BIN_MS)
            start = integral[-1]
        return efficacy


def shortened(stimulation: Stimulation) -> tuple[Stimulation, int]:
    """Return the beginning of a long regular slow train, and how often it is repeated."""
    pulses = np.array(stimulation.pulses_ms)
    gaps = np.diff(pulses)
    n = len(pulses)
    if n < 2 * REPEATED_PULSES or np.ptp(gaps) > 1e-6 or gaps[0] < SETTLED_MS or n % REPEATED_PULSES:
        return stimulation, 1
    period = REPEATED_PULSES * gaps[0]
    spikes = tuple(t for t in stimulation.spikes_ms if t < period)
    kept = dataclasses.replace(
        stimulation, pulses_ms=stimulation.pulses_ms[:REPEATED_PULSES], duration_ms=float(period), spikes_ms=spikes
    )
    return kept, n // REPEATED_PULSES


def with_modulators(scheme: Scheme, drugs_uM: Mapping[str, float], applies: bool = True) -> Scheme:
    """Return a scheme with the sites of the modulators that are present."""
    return _with_modulators(scheme, tuple(sorted(d for d, c in drugs_uM.items() if c > 0))) if applies else scheme


@functools.lru_cache(maxsize=64)
def _with_modulators(scheme: Scheme, drugs: tuple[str, ...]) -> Scheme:
    for drug in drugs:
        if drug in scheme.ligands:  # put there with other numbers, to see which of them matter
            continue
        action = find_action(drug)
        assert action is not None, drug
        scheme = action.apply(scheme)
    return scheme


def draw_specimen(
    document: SliceDocument,
    potentials: Potentials,
    seed: int,
    *,
    synapses: int,
    temperature_C: float,
    between: bool = True,
    ampa: Scheme | None = None,
    magnesium_block: str | None = None,
    cleft: str | None = None,
    gaba: float = 1.0,
    pathways: int = 1,
    route: Route = "number",
    changed: Scheme | None = None,
    enlargement: float = 1.0,
) -> Specimen:
    """Draw one slice.

    Parameters
    ----------
    document : SliceDocument
    potentials : Potentials
        What the solutions set.
    seed : int
    synapses : int
        How many are simulated; each stands for several.
    temperature_C : float
    between : bool
        Whether slices differ in the numbers of `between_slices`; synapses always differ.
    ampa : Scheme, optional
        Default: that of the document.
    magnesium_block, cleft : str, optional
    gaba : float
        Part of the inhibition that is intact.
    pathways : int
        Separate bundles of fibres onto the same cell.
    route, changed, enlargement
        See :class:`Specimen`; the scheme of the changed receptors.
    """
    rng = np.random.default_rng(seed)
    d, n = document, synapses * pathways

    def factor(name: str) -> float:
        cv = d.between(name)
        draw = rng.standard_normal()
        return float(np.exp(cv * draw - 0.5 * cv**2)) if between else 1.0

    more_fibres, more_nmda, more_gaba, more_kept = map(factor, ("fibres", "nmda_conductance", "gaba", "kept"))
    pathway = np.repeat(np.arange(pathways), synapses)
    # as many up synapses, and as many in each layer, in every pathway
    up = np.concatenate(
        [rng.permutation(np.arange(synapses) < round(d.number("initially_up") * synapses)) for _ in range(pathways)]
    )
    layers = np.concatenate([rng.permutation(_layers(document, synapses)) for _ in range(pathways)])
    ratio = d.number("up_over_down")
    relative = np.where(up, ratio, 1.0) / (1.0 + d.number("initially_up") * (ratio - 1.0))
    sites = Synapses(
        layers,
        np.full(n, d.number("fibres") * more_fibres / synapses),
        relative * _log_normal(rng, d.number("receptor_cv"), n),
        np.zeros(n),
        np.ones(n),
        np.clip(d.number("release_probability") * _log_normal(rng, d.number("release_cv"), n), 0.01, 1.0),
    )
    subtypes = d.schemes.nmda
    shares = (1.0 - d.number("glun2b"), d.number("glun2b"))
    receptors = Receptors(
        find_scheme(d.schemes.ampa) if ampa is None else ampa,
        tuple((find_scheme(name), share) for name, share in zip(subtypes, shares, strict=True)),
        d.number("ampa_conductance"),
        d.number("nmda_conductance") * more_nmda,
        temperature_C,
        changed,
    )
    dendrite = _dendrite(document, potentials, magnesium_block, more_gaba * gaba)
    rule = plasticity_rule(document)
    specimen = Specimen(
        document,
        dendrite,
        receptors,
        dataclasses.replace(PLASTICITIES[d.choices.release], p0=d.number("release_probability")),
        CLEFTS[d.choices.cleft if cleft is None else cleft],
        sites,
        pathway,
        up.astype(float),
        rule,
        np.zeros(n),
        np.zeros(n),
        float(np.clip(d.rule("persistence") * more_kept, 0.0, 1.0)),
        route,
        enlargement,
    )
    return dataclasses.replace(specimen, pre=_peak(specimen, (0.0,), ()), post=_peak(specimen, (), (0.0,)))


def _peak(specimen: Specimen, pulses: tuple[float, ...], spikes: tuple[float, ...]) -> np.ndarray:
    """Return the peak of the calcium integral of each synapse by itself: nothing else on the cell is active."""
    bout = Stimulation("one event", pulses, 1000.0, spikes_ms=spikes)
    course = specimen.simulate(bout, np.ones((len(specimen.synapses), len(pulses))), recruited=1e-9)
    calcium = bin_calcium(course.t_ms, course.calcium_uM, BIN_MS)
    rest = specimen.dendrite.calcium.rest_uM
    return integrate_calcium(calcium, rest, specimen.rule.integration_ms, BIN_MS).max(axis=0)


def _layers(document: SliceDocument, n: int) -> np.ndarray:
    names = [layer.name for layer in document.layers]
    edges = np.cumsum(list(document.synapse_layers.values()))
    which = np.searchsorted(edges, (np.arange(n) + 0.5) / n)
    return np.array([names.index(name) for name in document.synapse_layers])[which]


def _log_normal(rng: np.random.Generator, cv: float, n: int) -> np.ndarray:
    width = np.sqrt(np.log1p(cv**2))
    return np.exp(width * rng.standard_normal(n) - 0.5 * width**2)


def plasticity_rule(document: SliceDocument) -> ThresholdPlasticity:
    """Return the rule of a document."""
    r = document.rule
    low, high = r("depression_factor"), r("potentiation_factor")
    return ThresholdPlasticity(
        r("integration"),
        low * r("depression_pre"),
        low * r("depression_post"),
        high * r("potentiation_pre"),
        high * r("potentiation_post"),
        r("depression_rate"),
        r("potentiation_rate"),
        tau_s=r("tau"),
    )


def _dendrite(document: SliceDocument, solutions: Potentials, block: str | None, gaba: float) -> SharedDendrite:
    d, value = document, document.number
    layers = d.layers
    cell = PyramidalCell(
        tuple(layer.name for layer in layers),
        tuple(layer.depth_um for layer in layers),
        tuple(layer.capacitance_pF for layer in layers),
        tuple(layer.leak_nS for layer in layers),
        tuple(layer.coupling_nS for layer in layers if layer.coupling_nS is not None),
        value("rest"),
        [layer.name for layer in layers].index("pyramidale"),
        value("threshold"),
        tuple(layer.spike_nS for layer in layers),
        spike_ms=value("spike"),
    )
    inhibition = FeedforwardInhibition(
        int(value("interneuron_cells")), value("interneuron_conductance"), value("interneuron_capacitance"),
        value("interneuron_leak"), value("interneuron_rest"),
        (value("interneuron_threshold_low"), value("interneuron_threshold_high")), value("interneuron_refractory"),
        tuple(layer.gaba_nS * gaba for layer in layers), value("gaba_rise"), value("gaba_decay"),
        value("gaba_reversal"), value("gaba_delay"), value("autoreceptor"), value("autoreceptor_rise"),
        value("autoreceptor_decay"),
    )  # fmt: skip
    return SharedDendrite(
        cell,
        1.0 / value("neck"),
        BLOCKS[d.choices.magnesium_block if block is None else block],
        solutions.magnesium_mM,
        solutions.calcium_mM,
        solutions.reversal_mV["AMPA"],
        solutions.reversal_mV["NMDA"],
        CalciumDynamics.from_kappa(
            value("head_volume"), value("buffer_kappa"), value("calcium_decay"), value("calcium_rest")
        ),
        FixedShare(value("nmda_calcium")),
        FixedShare(solutions.calcium_share["AMPA"], reference_mM=solutions.calcium_mM),
        CalciumChannel(value("channel_conductance")),
        value("channel_reversal"),
        inhibition,
        find_scheme(d.schemes.interneuron),
    )
