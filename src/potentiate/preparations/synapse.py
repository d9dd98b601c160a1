"""Synapses: release at many sites, receptors by scheme, spines, voltage or current clamp, calcium by route."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import UnknownNameError, UsageError
from ..exposure.bath import NO_DRUG, Bath
from ..library.block import find_block, release_left
from ..library.compound_terms import Target
from ..library.modulator import find_action
from ..library.preparation import find_preparation
from ..library.receptor_documents import permeation
from ..library.scheme import find_scheme
from ..mechanisms.calcium import FixedShare, GoldmanShare, SaturatingShare
from ..mechanisms.cleft import CLEFTS, Cleft, DiffusionCleft
from ..mechanisms.magnesium_block import BLOCKS, MagnesiumBlock
from ..mechanisms.release import PLASTICITIES, ReleaseLaw, calcium_factor, draw_vesicles
from ..mechanisms.spine import Spine
from ..mechanisms.vesicles import QuantalVariation
from ..protocols.stimulation import Stimulation
from ..recordings.channel import Channel
from ..recordings.recording import Recording
from .synaptic_channels import drawn_conductance_nS
from .synaptic_glutamate import Glutamate, Residual
from .synaptic_membrane import Cell, HeadCalcium, Site, follow
from .synaptic_receptors import SiteReceptors, conductance_nS

#: Kinetic block: magnesium is a ligand of the NMDA scheme, which takes the place of the preparation's own.
KINETIC_BLOCKS = {"Kampa": "NMDA_Kampa2004"}

#: Receptor family -> what compounds call it.
TARGETS = {"AMPA": Target.AMPA, "NMDA": Target.NMDA}

#: Open-channel conductance taken for NMDA schemes with relative conductances (75.5 pS, Rodrigues 2023 at 2.5 mM Ca).
UNITARY_NMDA_PS = 75.5

#: Channels of the recording: key of the run -> (name, unit). The clamp current comes first.
CHANNELS = {
    "clamp": ("clamp current", "pA"),
    "synaptic": ("synaptic current", "pA"),
    "ampa": ("AMPA current", "pA"),
    "nmda": ("NMDA current", "pA"),
    "head": ("spine head", "mV"),
    "dendrite": ("dendrite", "mV"),
    "soma": ("soma", "mV"),
    "calcium": ("free calcium", "uM"),
    "calcium nmda": ("calcium through NMDA receptors", "pA"),
    "calcium ampa": ("calcium through AMPA receptors", "pA"),
    "calcium channels": ("calcium through channels", "pA"),
}

#: Largest run: trials x sites x samples; each conductance then takes 0.8 GB.
MOST_SAMPLES = 10**8

#: Recorded before the first stimulus.
BEFORE_MS = 5.0


@dataclasses.dataclass(frozen=True)
class PresynapticDrug:
    """A compound that multiplies the release probability by ``1 + (limit - 1) C / (C + half_uM)``."""

    half_uM: float
    limit: float

    def factor(self, uM: float) -> float:
        """Return the factor at a concentration."""
        return 1.0 + (self.limit - 1.0) * uM / (uM + self.half_uM)


@dataclasses.dataclass(frozen=True)
class Synapse:
    """Release sites with receptors on a postsynaptic cell. Make one with :meth:`from_document`.

    Attributes
    ----------
    name : str
    receptors : tuple of SiteReceptors
    sites : int
    law : ShortTermPlasticity or CalciumRelease
    probability : float
        Release probability at rest at `reference_calcium_mM`.
    quantum : QuantalVariation
    cleft : Cleft or DiffusionCleft
    residual : Residual or None
    block : MagnesiumBlock or None
        None where magnesium is a ligand of the NMDA scheme.
    magnesium_mM, calcium_mM, reference_calcium_mM : float
        Outside.
    temperature_C : float
    holding_mV : float or None
        None: current clamp.
    series_GOhm : float
    spine : Spine or None
    cell : Cell or None
    calcium : HeadCalcium or None
        Its external calcium is that of the synapse.
    presynaptic : mapping of compound -> PresynapticDrug
    assumed : tuple of str
    at_soma : bool
        In voltage clamp: the electrode is on the soma, and the dendrite with its spines escapes the clamp.
    channel_noise : bool
        Draw the receptors one by one instead of their expectation (slower).
    """

    name: str
    receptors: tuple[SiteReceptors, ...]
    sites: int
    law: ReleaseLaw
    probability: float
    quantum: QuantalVariation
    cleft: Cleft | DiffusionCleft
    residual: Residual | None
    block: MagnesiumBlock | None
    magnesium_mM: float
    calcium_mM: float
    reference_calcium_mM: float
    temperature_C: float
    holding_mV: float | None
    series_GOhm: float
    spine: Spine | None
    cell: Cell | None
    calcium: HeadCalcium | None
    presynaptic: Mapping[str, PresynapticDrug]
    assumed: tuple[str, ...] = ()
    at_soma: bool = False
    channel_noise: bool = False

    @classmethod
    def from_document(cls, name: str = "ca1-spine") -> Synapse:
        """Return a preparation of the library, or of a document file."""
        from .synapse_document import built

        return built(find_preparation(name))

    def __post_init__(self) -> None:
        if self.sites < 1:
            raise UsageError(f"{self.sites} release sites", do="give one or more")
        if not 0.0 < self.probability <= 1.0:
            raise UsageError(f"Release probability {self.probability:g}", do="give more than 0, up to 1")
        for ion in ("calcium_mM", "magnesium_mM"):
            if not 0.0 <= getattr(self, ion) <= 20.0:
                raise UsageError(f"External {ion[:-3]} {getattr(self, ion):g} mM", do="give 0 to 20 mM")
        if self.holding_mV is None and self.cell is None:
            raise UsageError(
                f"{self.name} cannot be run in current clamp", why="its document describes no cell", do="give a voltage"
            )
        if self.at_soma and self.cell is None:
            raise UsageError(f"{self.name} has no dendrite", why="its sites are on the soma", do="leave --at-soma out")
        if (self.holding_mV is None or self.at_soma) and any(r.blocks_by_itself for r in self.receptors):
            raise UsageError(
                "Kinetic magnesium block in current clamp, or with a dendrite that escapes the clamp",
                why="its rates depend on voltage, so receptors and membrane must be solved together",
                do="use voltage clamp, or an instantaneous block",
            )

    def with_block(self, name: str) -> Synapse:
        """Return the synapse with another magnesium block.

        Raises
        ------
        UnknownNameError
        """
        if name in BLOCKS:
            return dataclasses.replace(self, block=BLOCKS[name])
        if name not in KINETIC_BLOCKS:
            raise UnknownNameError("magnesium block", name, [*BLOCKS, *KINETIC_BLOCKS])
        scheme = find_scheme(KINETIC_BLOCKS[name])
        nmda = [r for r in self.receptors if r.family == "NMDA"]
        if not nmda:
            return dataclasses.replace(self, block=None)
        total = sum(r.number for r in nmda)
        one = dataclasses.replace(nmda[0], name=scheme.name, scheme=scheme, number=total, unitary_pS=UNITARY_NMDA_PS)
        others = tuple(r for r in self.receptors if r.family != "NMDA")
        note = (
            f"kinetic block: all NMDA receptors follow {scheme.name}, {UNITARY_NMDA_PS:g} pS, at the holding potential"
        )
        return dataclasses.replace(self, receptors=(*others, one), block=None, assumed=(*self.assumed, note))

    def with_cleft(self, name: str) -> Synapse:
        """Return the synapse with another waveform of glutamate."""
        if name not in CLEFTS:
            raise UnknownNameError("cleft waveform", name, CLEFTS)
        return dataclasses.replace(self, cleft=CLEFTS[name])

    def with_law(self, name: str) -> Synapse:
        """Return the synapse with another law of release, at that law's own probability."""
        if name not in PLASTICITIES:
            raise UnknownNameError("law of release", name, PLASTICITIES)
        law = PLASTICITIES[name]
        return dataclasses.replace(self, law=dataclasses.replace(law, tetanic=self.law.tetanic), probability=law.p0)

    def with_scheme(self, name: str) -> Synapse:
        """Return the synapse with another AMPA-receptor scheme, at the same peak conductance of one release."""
        from .synapse_quantum import match_quantum

        return match_quantum(self, find_scheme(name))

    def without_glua2(self) -> Synapse:
        """Return the synapse with the calcium share of AMPA receptors that lack GluA2 (without their rectification)."""
        if self.calcium is None:
            raise UsageError(f"{self.name} has no calcium handling")
        share = FixedShare(permeation().calcium.lacking)
        return dataclasses.replace(self, calcium=dataclasses.replace(self.calcium, ampa=share))

    def with_calcium_law(self, name: str) -> Synapse:
        """Return the synapse with another law of the calcium that NMDA receptors carry.

        Parameters
        ----------
        name : {"fixed", "Goldman", "GluSynapse"}
            A fixed share of the current; the Goldman-Hodgkin-Katz equation through the same share; GluSynapse's
            saturation with external calcium.
        """
        if self.calcium is None:
            raise UsageError(f"{self.name} has no calcium handling")
        fixed = self.calcium.nmda
        share = fixed.share if isinstance(fixed, FixedShare | GoldmanShare) else 0.1
        laws = {"fixed": FixedShare(share), "Goldman": GoldmanShare(share), "GluSynapse": SaturatingShare()}
        if name not in laws:
            raise UnknownNameError("calcium law", name, laws)
        return dataclasses.replace(self, calcium=dataclasses.replace(self.calcium, nmda=laws[name]))

    def release_probability(self, bath: Bath = NO_DRUG) -> float:
        """Return the resting release probability in the external calcium and under presynaptic drugs."""
        p = self.probability * calcium_factor(self.calcium_mM, self.reference_calcium_mM)
        for drug, uM in bath.drugs_uM.items():
            p *= self._release_factor(drug, uM)
        return min(max(p, 1e-9), 1.0)

    def _release_factor(self, drug: str, uM: float) -> float:
        if drug in self.presynaptic:
            return self.presynaptic[drug].factor(uM)
        return release_left(drug, uM)[0]

    def under(self, bath: Bath, variant: str | None = None) -> tuple[SiteReceptors, ...]:
        """Return the receptors with the drugs of a bath: as further ligands, or fewer of them where it only blocks.

        Raises
        ------
        UsageError
            A drug has no known action on any target that is present.
        """
        receptors = self.receptors
        for drug, uM in bath.drugs_uM.items():
            if uM > 0:
                receptors, met = _with_drug(receptors, drug, uM, variant)
                if not met and self._release_factor(drug, uM) == 1.0 and self._channels_left(drug, uM) == 1.0:
                    present = ", ".join([*dict.fromkeys(f"{r.family} receptors" for r in self.receptors), "release"])
                    raise UsageError(
                        f"No effect known: {drug} at {self.name}",
                        why=f"nothing is on record that could be computed for what is present: {present}",
                        do=f"see what is known: potentiate compound {drug}",
                    )
        return receptors

    def _channels_left(self, drug: str, uM: float) -> float:
        """Return the part of the calcium channels of the head that a drug leaves."""
        block = None if self.calcium is None else find_block(drug, Target.CAV)
        return 1.0 if block is None or block.constant_uM is None else float(block.left(uM))

    def run(
        self,
        stimulation: Stimulation,
        exposure: Bath = NO_DRUG,
        *,
        seed: int | None,
        trials: int = 50,
        dt_ms: float = 0.05,
        variant: str | None = None,
        vesicles: np.ndarray | None = None,
    ) -> Recording:
        """Stimulate and record; one sweep per trial.

        Parameters
        ----------
        stimulation : Stimulation
            Its pulses start 5 ms into the sweep; a holding potential of its own takes precedence.
        exposure : Bath
            Drugs, equilibrated before the first pulse.
        seed : int
            Of release and quanta. The same seed draws the same random numbers with and without drug.
        trials : int
        dt_ms : float
            Sample interval; stimuli are moved to the nearest sample.
        variant : str, optional
            Of a drug's operator.
        vesicles : array of int, shape (trials, sites, pulses), optional
            Released vesicles instead of draws (all ones: every site releases).

        Returns
        -------
        Recording
            Channels :data:`CHANNELS` as far as the preparation has them; trials that the solver lost are NaN.
        """
        if not isinstance(stimulation, Stimulation):
            raise UsageError(
                "A synapse is stimulated", do="give a Stimulation, e.g. protocols.stimulation.test_pulse()"
            )
        if stimulation.spikes_ms:
            raise UsageError("A synapse has no spikes of its own", do="use a slice, or stimulate without spikes")
        if seed is None:
            raise UsageError("Release is random and needs a seed", do="give seed=1")
        if not isinstance(exposure, Bath):
            raise UsageError("A synapse takes one exposure", do="run it once for each, with the same seed")
        if trials < 1:
            raise UsageError(f"{trials} trials", do="give one or more")
        pulses = np.round((np.array(stimulation.pulses_ms) + BEFORE_MS) / dt_ms) * dt_ms
        samples = round((stimulation.duration_ms + BEFORE_MS) / dt_ms) + 1
        if trials * self.sites * samples > MOST_SAMPLES:
            raise UsageError(
                f"{trials} trials x {self.sites} sites x {samples} samples do not fit into memory",
                why=f"at most {MOST_SAMPLES:g} together",
                do="run fewer trials or sites, a shorter bout, or a longer sample interval",
            )
        receptors = self.under(exposure, variant)
        draws = np.random.default_rng(seed)
        if vesicles is None:
            p0 = self.release_probability(exposure)
            vesicles = draw_vesicles(self.law, list(pulses), self.sites, trials, draws, p0)
        content = self.quantum.factors()[
            self.quantum.draw(vesicles.shape, np.random.default_rng([seed, 1]))
        ]  # a stream of its own: the same contents whatever the release probability
        glutamate = Glutamate(self.cleft, pulses, vesicles * content, self.residual)
        holding = stimulation.holding_mV if stimulation.holding_mV is not None else self.holding_mV
        ligands = {**exposure.drugs_uM, "magnesium": 1000.0 * self.magnesium_mM}
        per_site = self.spine is not None
        total: dict[str, np.ndarray] = {}
        for i, r in enumerate(receptors):
            conduct: Any = conductance_nS
            if self.channel_noise:
                conduct = functools.partial(drawn_conductance_nS, rng=np.random.default_rng([seed, 2, i]))
            g = conduct(
                r, glutamate, samples, dt_ms,
                ligands=ligands, voltage_mV=holding if holding is not None else -70.0,
                temperature_C=self.temperature_C, per_site=per_site,
            )  # fmt: skip
            total[r.family] = total[r.family] + g if r.family in total else g
        zero = np.zeros_like(next(iter(total.values())))
        found = follow(
            total.get("AMPA", zero), total.get("NMDA", zero), dt_ms, self._site(exposure),
            holding_mV=holding, series_GOhm=self.series_GOhm, cell=self.cell, at_soma=self.at_soma,
        )  # fmt: skip
        return self._recorded(found, dt_ms, stimulation, exposure, seed, pulses, vesicles)

    def _site(self, bath: Bath) -> Site:
        reversals = {r.family: r.reversal_mV for r in self.receptors}
        block, magnesium = self.block, self.magnesium_mM
        calcium = self.calcium
        if calcium is not None:
            left = math.prod(self._channels_left(drug, uM) for drug, uM in bath.drugs_uM.items())
            channel = dataclasses.replace(calcium.channel, conductance_nS=calcium.channel.conductance_nS * left)
            calcium = dataclasses.replace(
                calcium, external_mM=self.calcium_mM, temperature_C=self.temperature_C, channel=channel
            )
        return Site(
            self.spine.neck_nS if self.spine is not None else np.inf,
            reversals.get("AMPA", 0.0),
            reversals.get("NMDA", 0.0),
            (lambda v: np.ones_like(v)) if block is None else (lambda v: block.unblocked(v, magnesium)),
            calcium,
        )

    def _recorded(
        self, found: dict[str, np.ndarray], dt_ms: float, stimulation: Stimulation, exposure: Bath, seed: int,
        pulses: np.ndarray, vesicles: np.ndarray,
    ) -> Recording:  # fmt: skip
        kept = {k: found[k] for k in CHANNELS if k in found and (k not in ("head", "dendrite", "soma") or self.cell)}
        channels = tuple(Channel(*CHANNELS[k], CHANNELS[k][1]) for k in kept)
        trials = len(vesicles)
        metadata: dict[str, Any] = {
            "released": vesicles[:, :, 0].sum(axis=1) if vesicles.shape[2] else np.zeros(trials),
            **{f"{drug}_uM": np.full(trials, uM) for drug, uM in exposure.drugs_uM.items()},
        }
        lost = int(np.isnan(found["synaptic"]).any(axis=1).sum())
        return Recording(
            np.arange(found["synaptic"].shape[1]) * dt_ms,
            np.stack([found[k] for k in kept]),
            channels,
            metadata,
            "simulated",
            stimulation.as_document(),
            {
                "preparation": self.name,
                "receptors": {r.name: r.scheme.name for r in self.receptors},
                "stimuli_ms": [float(t) for t in pulses],
                "clamp": "current" if self.holding_mV is None else f"{self.holding_mV:g} mV",
                "seed": seed,
                **({"notes": [f"{lost} trials lost: no balance of currents was found"]} if lost else {}),
            },
        )


def _with_drug(
    receptors: tuple[SiteReceptors, ...], drug: str, uM: float, variant: str | None
) -> tuple[tuple[SiteReceptors, ...], bool]:
    """Return the receptors under a drug, and whether it does anything to them."""
    action = find_action(drug)
    if action is not None and action.kind == "agonist":
        action = None
    found, met = [], False
    for r in receptors:
        if action is not None and r.family == action.document.family:
            chosen = variant if len(action.variants) > 1 else None
            found.append(dataclasses.replace(r, scheme=action.apply(r.scheme, chosen)))
            met = True
            continue
        block = find_block(drug, TARGETS[r.family])
        if block is not None and block.constant_uM is not None:
            found.append(dataclasses.replace(r, number=r.number * float(block.left(uM))))
            met = True
        else:
            found.append(r)
    return tuple(found), met
