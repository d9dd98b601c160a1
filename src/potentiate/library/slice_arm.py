"""One arm of an experiment on a slice: solution, induction, timetable, drug and its time, what is measured."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .document import Document


class TetanusDoc(Document):
    """High-frequency trains; `interval` from the start of one to the start of the next."""

    kind: Literal["tetanus"]
    trains: int = Field(default=1, ge=1, le=20)
    rate: str = "100 Hz"
    duration: str = "1 s"
    interval: str = "20 s"


class ThetaDoc(Document):
    """Theta bursts: `bursts` per train, onset to onset `spacing` apart."""

    kind: Literal["theta_burst"]
    bursts: int = Field(default=10, ge=1, le=200)
    pulses: int = Field(default=4, ge=1, le=20)
    rate: str = "100 Hz"
    spacing: str = "200 ms"
    trains: int = Field(default=1, ge=1, le=10)
    interval: str = "10 s"


class LowFrequencyDoc(Document):
    """Low-frequency stimulation."""

    kind: Literal["low_frequency"]
    pulses: int = Field(default=900, ge=1, le=10_000)
    rate: str = "1 Hz"


class PairingDoc(Document):
    """Brief tetani at the end of a long depolarization in voltage clamp."""

    kind: Literal["pairing"]
    trains: int = Field(default=3, ge=1)
    pulses: int = Field(default=50, ge=1)
    rate: str = "100 Hz"
    interval: str = "3 s"
    depolarization: str = "30 s"
    holding: str = "0 mV"


class SpikeTimingDoc(Document):
    """Pairs of a stimulus and postsynaptic spikes; `delta` is positive where the stimulus comes first."""

    kind: Literal["stdp"]
    pairs: int = Field(ge=1)
    delta: str
    rate: str
    spikes: int = Field(default=1, ge=1)


class BoutDoc(Document):
    """One induction: its stimulation, and how long after the one before it (or after baseline and drug) it starts."""

    bout: Annotated[
        TetanusDoc | ThetaDoc | LowFrequencyDoc | PairingDoc | SpikeTimingDoc, Field(discriminator="kind")
    ]
    wait: str = "0 min"


SliceMeasure = Literal[
    "fepsp_slope",
    "fepsp_amplitude",
    "fepsp_half_width",
    "fepsp_decay",
    "ltp_percent",
    "ltp_reversed",
    "volley",
    "input_output_slope",
    "population_spike",
    "burst_area",
    "effect_time",
    "feedforward_ipsp",
    "drug_ec50",
]

#: Measures of what an induction did: without one they have no meaning.
AFTER_INDUCTION = ("ltp_percent", "ltp_reversed")


class SliceArmDoc(Document):
    """One arm on a slice.

    ``ltp_percent`` is the change of the field slope `at` a time after the end of the last induction, in per cent of
    baseline (mean of the `window` that ends there). ``ltp_reversed`` is what the last induction took back, in points
    of baseline, from the level just before it. ``effect_time`` is the time after the stimulus at which the drug adds
    most. ``burst_area`` is the area of the dendritic response to burst number `burst` of the first train.
    ``feedforward_ipsp`` is the peak conductance that the interneurons open. ``input_output_slope`` is the slope of the
    field EPSP per volley over stimulus strengths. ``drug_ec50`` varies the drug and reads `of`. The other measures are
    read on test pulses: at the end, or before the induction where there is none. A drug given `before` stays to the
    end, and LTP is related to the response just before its induction.
    """

    #: a document of library/preparations
    slice: str
    measure: SliceMeasure
    of: SliceMeasure | None = None
    solution: str | None = None  # null: that of the preparation document
    temperature: str | None = None
    #: fraction of fibres that the test pulse recruits; null: that of the preparation document
    strength: float | None = Field(default=None, gt=0, le=1)
    induction: list[BoutDoc] = []
    baseline: str = "20 min"
    test_interval: str = "30 s"
    at: str | None = None
    window: str = "10 min"
    burst: int | None = Field(default=None, ge=1)
    drug: str | None = None
    concentration: str | None = None  # "1.5 mM", or "saturating"
    when: Literal["before", "after_induction", "throughout"] | None = None
    #: whether modulators reach the AMPA receptors of interneurons (in the model only: no experiment can keep them off)
    on_interneurons: bool = True
    receptor_variant: str | None = None
    blockers: dict[str, str] = {}
    blocked_processes: list[Literal["exocytosis"]] = []
    #: how LTP is expressed; null: the default of the preparation
    expression: Literal["number", "conductance", "gating"] | None = None
    slices: int = Field(default=12, ge=1, le=200)
    stands_for: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> SliceArmDoc:
        if self.measure == "drug_ec50":
            if self.of in (None, "drug_ec50") or self.drug is None or self.concentration is not None:
                raise ValueError("drug_ec50 needs `of` and `drug`, and no concentration: it is varied")
        elif (self.drug is None) != (self.concentration is None):
            raise ValueError("a drug needs a concentration, and a concentration a drug")
        if (self.drug is None) != (self.when is None):
            raise ValueError("a drug needs `when`, and `when` a drug")
        if self.when == "after_induction" and not self.induction:
            raise ValueError("a drug after the induction needs an induction")
        if self.measure in AFTER_INDUCTION and (not self.induction or self.at is None):
            raise ValueError(f"{self.measure} needs an induction and the time `at` which it is read")
        if self.measure == "ltp_reversed" and len(self.induction) < 2:
            raise ValueError("ltp_reversed needs two inductions: what potentiates, and what takes it back")
        if (self.measure == "burst_area") != (self.burst is not None):
            raise ValueError("burst_area needs `burst`, and `burst` burst_area")
        if self.drug is not None and self.drug in self.blockers:
            raise ValueError(f"{self.drug} is the drug and a blocker")
        return self

    def without_drug(self) -> SliceArmDoc:
        """Return the control of this arm."""
        return self.model_copy(
            update={"drug": None, "concentration": None, "when": None, "receptor_variant": None, "stands_for": None}
        )
