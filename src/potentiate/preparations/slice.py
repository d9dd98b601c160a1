"""The CA1 slice: a timetable in, the field potential of every test pulse out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import NumericalError, UsageError
from ..exposure.chamber import SUBMERGED, Chamber
from ..exposure.wash_in import SliceExposure, Tissue
from ..kinetics.scheme import Scheme
from ..library.slice_document import SliceDocument, find_slice
from ..library.solution import Potentials, Solution, find_solution, potentials
from ..mechanisms.expression import Route
from ..mechanisms.field import Lamina, PopulationSpike
from ..mechanisms.threshold_plasticity import settle
from ..mechanisms.trafficking import Induction, Trafficking, simulate_trafficking
from ..mechanisms.vesicles import PostTetanic
from ..protocols.timetable import Induce, Timetable
from ..recordings.recording import Recording
from .field_sweep import DT_MS, STIMULUS_MS, field_sweep
from .shared_dendrite import Course
from .slice_drugs import assumed_of, drugs_in
from .slice_specimen import REPEATED_PULSES, Drugs, Specimen, draw_specimen

#: Synapses that are simulated per pathway; from the convergence study in docs/studies.
SYNAPSES = 120

#: Times after a change (min) at which the response is computed; between them sweeps are interpolated.
AFTER_DRUG_MIN = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0, 20.0)
AFTER_BOUT_MIN = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0)

#: How long after a bout its outcome is taken for settled, min.
SETTLED_MIN = 60.0


#: What mechanisms of every slice take for granted; the numbers stand where they are used.
_ASSUMED_ELSEWHERE = (
    f"field potential: {Lamina().cells_per_mm2:g} activated cells per mm2 within {Lamina().radius_um:g} um, and the "
    "depths of the layers: they set its size in mV",
    f"population spike: {PopulationSpike().peak_nA:g} nA per firing cell, its width and its return",
    "post-tetanic potentiation of release: none of its numbers has a source",
    "trafficking: the LTD branch, the persistence and how an induction undoes an earlier one are not in the published "
    "model",
    "rates are those of one temperature, without the warming after the transfer that the timetable shows",
)


@dataclasses.dataclass(frozen=True)
class Slice:
    """A slice preparation: what is fixed before any protocol.

    Attributes
    ----------
    document : SliceDocument
    bath : Solution
    temperature_C : float
    synapses : int
        Simulated per pathway.
    ampa : Scheme or None
        AMPA receptors of the pyramidal cell; None: those of the document.
    magnesium_block, cleft : str or None
        Named mechanisms in place of the document's.
    gaba : float
        Part of the inhibition that is intact.
    drug_on_interneurons : bool
        Whether modulators reach the interneurons' receptors.
    route, changed, enlargement
        How a change of strength is expressed, see :mod:`potentiate.mechanisms.expression`.
    between : bool
        Whether slices differ.
    chamber, tissue : Chamber, Tissue
    noise : bool
    """

    document: SliceDocument
    bath: Solution
    temperature_C: float
    synapses: int = SYNAPSES
    ampa: Scheme | None = None
    magnesium_block: str | None = None
    cleft: str | None = None
    gaba: float = 1.0
    drug_on_interneurons: bool = True
    route: Route = "number"
    changed: Scheme | None = None
    enlargement: float = 1.0
    between: bool = True
    chamber: Chamber = SUBMERGED
    tissue: Tissue = dataclasses.field(default_factory=Tissue)
    noise: bool = True

    def __post_init__(self) -> None:
        if self.synapses < 10:
            raise UsageError(f"{self.synapses} synapses", why="their mean would be noise", do="simulate at least 10")
        if not 0.0 <= self.gaba <= 1.0:
            raise UsageError(f"gaba is {self.gaba!r}", why="it is the intact part of the inhibition", do="0 to 1")
        self.bath.complaints(self.temperature_C)

    @classmethod
    def of(
        cls, name: str = "ca1-slice", *, solution: str | None = None, temperature_C: float | None = None, **options: Any
    ) -> Slice:
        """Return a slice of the library, in its own solution and at its own temperature unless told otherwise."""
        document = find_slice(name)
        bath = find_solution(document.solution if solution is None else solution)
        return cls(document, bath, document.temperature_C if temperature_C is None else temperature_C, **options)

    @property
    def potentials(self) -> Potentials:
        """Reversal potentials, calcium shares and divalent ions that bath and interior set."""
        return potentials(self.bath, find_solution(self.document.interior), self.temperature_C)

    @property
    def assumed(self) -> list[str]:
        """What the slice takes for granted."""
        return [
            *(f"{self.document.id}: {text}" for text in self.document.assumed),
            *self.bath.assumed,
            *self.bath.complaints(self.temperature_C),
            f"{self.synapses} synapses per pathway are simulated for those of one cell; each stands for several",
            "the head of a spine follows its dendrite without delay (its time constant is 4 us)",
            "responses are computed at graded times and interpolated between them",
            "test pulses leave the efficacy alone",
            "one cell stands for the population; a test response is the average over its releases",
            f"of a long slow train {REPEATED_PULSES} pulses are simulated, then repeated",
            *_ASSUMED_ELSEWHERE,
        ]

    def draw(self, seed: int, pathways: int = 1) -> Specimen:
        """Draw one slice."""
        return draw_specimen(
            self.document,
            self.potentials,
            seed,
            synapses=self.synapses,
            temperature_C=self.temperature_C,
            between=self.between,
            ampa=self.ampa,
            magnesium_block=self.magnesium_block,
            cleft=self.cleft,
            gaba=self.gaba,
            pathways=pathways,
            route=self.route,
            changed=self.changed,
            enlargement=self.enlargement,
        )

    def run(
        self,
        timetable: Timetable,
        *,
        seed: int = 1,
        slices: int = 6,
        progress: Callable[[str], None] = lambda text: None,
    ) -> SliceExperiment:
        """Run a timetable on several slices.

        Parameters
        ----------
        timetable : Timetable
        seed : int
            Slice i is drawn with ``seed + i``: the same slices meet every timetable.
        slices : int
        progress : callable

        Returns
        -------
        SliceExperiment
            A slice that could not be computed is kept with its reason.

        Raises
        ------
        UsageError
            A drug acts on nothing that the slice has, or the temperature changes during the recording.
        """
        if slices < 1:
            raise UsageError(f"{slices} slices", do="run at least one")
        if later := [step for step in timetable.temperature_steps() if step[0] > 0.0]:
            raise UsageError(
                f"The timetable sets {later[0][1]:g} degC at {later[0][0]:g} min",
                why="a slice runs at one temperature: a later one would change nothing without a word",
                do="run one slice per temperature (temperature_C)",
            )
        exposure = SliceExposure(timetable, self.chamber, self.tissue)
        drugs_in(dict.fromkeys(timetable.compounds, 1.0))  # refused before anything is computed
        runs: list[SliceRun] = []
        for i in range(slices):
            progress(f"slice {i + 1} of {slices}")
            try:
                runs.append(_run_slice(self, timetable, exposure, seed + i))
            except NumericalError as error:
                runs.append(SliceRun(seed + i, None, error.what))
        assumed = [*self.assumed, *exposure.notes(), *assumed_of(timetable.compounds)]
        set_to = [degC for _, degC in timetable.temperature_steps()]
        if set_to and set_to[-1] != self.temperature_C:
            assumed.append(f"the slice runs at {self.temperature_C:g} degC; its timetable warms it to {set_to[-1]:g}")
        return SliceExperiment(self, timetable, exposure, tuple(runs), tuple(dict.fromkeys(assumed)))


@dataclasses.dataclass(frozen=True)
class Bout:
    """An induction as it went in one slice.

    Attributes
    ----------
    event : Induce
    before, after : array, shape (synapses,)
        Efficacy before the bout and after it has settled.
    pathway : array of int, shape (synapses,)
    course : Course
        Its simulated part.
    """

    event: Induce
    before: np.ndarray
    after: np.ndarray
    pathway: np.ndarray
    course: Course

    def moved(self, pathway: int = 0) -> tuple[float, float]:
        """Return the parts of a pathway's synapses that went up and down."""
        change = (self.after - self.before)[self.pathway == pathway]
        return float(np.mean(change > 0.5)), float(np.mean(change < -0.5))


@dataclasses.dataclass(frozen=True)
class SliceRun:
    """What one slice did.

    Attributes
    ----------
    seed : int
    recording : Recording or None
        Field potential in mV, one sweep per test pulse; None where the slice could not be computed.
    reason : str
        Why not.
    bouts : tuple of Bout
    knots_min : array, shape (knots,)
    strength : array, shape (knots, synapses)
        Of every synapse relative to the start.
    specimen : Specimen or None
    """

    seed: int
    recording: Recording | None
    reason: str = ""
    bouts: tuple[Bout, ...] = ()
    knots_min: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    strength: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 0)))
    specimen: Specimen | None = None


@dataclasses.dataclass(frozen=True)
class SliceExperiment:
    """Several slices under one timetable.

    Attributes
    ----------
    preparation : Slice
    timetable : Timetable
    exposure : SliceExposure
    runs : tuple of SliceRun
    assumed : tuple of str
    """

    preparation: Slice
    timetable: Timetable
    exposure: SliceExposure
    runs: tuple[SliceRun, ...]
    assumed: tuple[str, ...]

    @property
    def done(self) -> list[SliceRun]:
        """The slices that could be computed."""
        return [run for run in self.runs if run.recording is not None]


def _run_slice(preparation: Slice, timetable: Timetable, exposure: SliceExposure, seed: int) -> SliceRun:
    specimen = preparation.draw(seed, len(timetable.pathways))
    # separate streams: a drug must not change which vesicles are released, nor the noise
    release_rng, noise_rng = (np.random.default_rng([seed, k]) for k in range(2))

    def drugs(t_min: float) -> Drugs:
        return drugs_in(exposure.drugs_uM(t_min), on_interneurons=preparation.drug_on_interneurons)

    trafficking = Trafficking(persistence=specimen.persistence, ltd_gain=preparation.document.rule("ltd_gain"))
    efficacy, n = specimen.efficacy, len(specimen.synapses)
    bouts: list[Bout] = []
    inductions: list[Induction] = []
    for event in timetable.inductions:
        pathway = event.stimulation.pathway
        reached, course = specimen.learn(
            event.stimulation,
            efficacy,
            drugs(event.at_min),
            release_rng,
            pathway=timetable.pathways.index(pathway),
            strength=_strength(trafficking, inductions, np.array([event.at_min]), n)[0],
            potentiated=_potentiated(timetable, pathway, event.at_min),
        )
        after = settle(specimen.rule, reached, SETTLED_MIN)
        bouts.append(Bout(event, efficacy, after, specimen.pathway, course))
        if np.any(np.abs(after - efficacy) > 1e-6):
            inductions.append(Induction(event.until_min, np.clip(after - efficacy, -1.0, 1.0)))
        efficacy = after
    knots = knots_min(timetable)
    strength = _strength(trafficking, inductions, knots, n)
    sweeps, times, pathways = [], [], []
    for index, name in enumerate(timetable.pathways):
        waves = [
            field_sweep(
                specimen.respond(
                    timetable.test_strength,
                    drugs(t),
                    pathway=index,
                    strength=strength[k],
                    potentiated=_potentiated(timetable, name, t),
                ),
                specimen,
                timetable.test_strength,
            )
            for k, t in enumerate(knots)
        ]
        at = timetable.test_times_min(name)
        sweeps.append(_between(knots, np.stack(waves), at))
        times.append(at)
        pathways.append(np.full(len(at), index))
    time_min = np.concatenate(times)
    order = np.argsort(time_min, kind="stable")
    v = np.concatenate(sweeps)[order]
    if preparation.noise:
        document = preparation.document
        v = v * (1.0 + document.number("sweep_cv") * noise_rng.standard_normal((len(v), 1)))
        v = v + document.number("sweep_noise") * noise_rng.standard_normal(v.shape)
    metadata: dict[str, np.ndarray] = {"time_min": time_min[order], "pathway": np.concatenate(pathways)[order]}
    for compound in timetable.compounds:
        metadata[f"{compound}_uM"] = np.asarray(exposure.concentration_uM(compound, metadata["time_min"]))
    recording = Recording.from_arrays(
        np.arange(v.shape[1]) * DT_MS,
        v,
        metadata,
        "mV",
        protocol=timetable.as_document(),
        provenance={
            "preparation": preparation.document.id,
            "solution": preparation.bath.id,
            "seed": seed,
            "temperature_degC": preparation.temperature_C,
            "stimulus_ms": STIMULUS_MS,
        },
        name="field potential",
    )
    return SliceRun(seed, recording, "", tuple(bouts), knots, strength, specimen)


def _strength(trafficking: Trafficking, inductions: list[Induction], times_min: np.ndarray, n: int) -> np.ndarray:
    if not inductions:
        return np.ones((len(times_min), n))
    return simulate_trafficking(trafficking, inductions, times_min)


def _potentiated(timetable: Timetable, pathway: str, t_min: float) -> float:
    """Return what earlier bouts on a pathway have left on its release probability (post-tetanic potentiation)."""
    t_ms = 60_000.0 * t_min
    pulses = [
        60_000.0 * event.at_min + pulse
        for event in timetable.inductions
        if event.stimulation.pathway == pathway and event.at_min < t_min
        for pulse in event.stimulation.pulses_ms
    ]
    return float(PostTetanic().factors([*(p for p in pulses if p < t_ms), t_ms])[-1])


def knots_min(timetable: Timetable) -> np.ndarray:
    """Return the times at which responses are computed, min."""
    found = {0.0, timetable.end_min}
    for compound in timetable.compounds:
        for at, _ in timetable.inflow_steps(compound):
            found |= {at + dt for dt in AFTER_DRUG_MIN}
    for event in timetable.inductions:
        found |= {event.at_min - 1e-3} | {event.until_min + dt for dt in AFTER_BOUT_MIN}
    # to the microminute: times that differ by rounding are one
    return np.unique(np.round([t for t in found if 0.0 <= t <= timetable.end_min], 6))


def _between(knots: np.ndarray, waves: np.ndarray, at_min: np.ndarray) -> np.ndarray:
    """Return sweeps at any time by straight lines between computed ones."""
    right = np.clip(np.searchsorted(knots, at_min, side="right"), 1, len(knots) - 1)
    share = np.clip((at_min - knots[right - 1]) / (knots[right] - knots[right - 1]), 0.0, 1.0)[:, None]
    return (1.0 - share) * waves[right - 1] + share * waves[right]
