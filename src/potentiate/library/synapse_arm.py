"""One arm of an experiment on a single synapse (or a calyx of many release sites): what a finding asks of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .document import Document


class SingleDoc(Document):
    """One stimulus."""

    kind: Literal["single"] = "single"


class PairDoc(Document):
    """Two stimuli, onset to onset."""

    kind: Literal["paired_pulses"]
    interval: str


class TrainDoc(Document):
    """Equally spaced stimuli."""

    kind: Literal["train"]
    rate: str
    pulses: int = Field(ge=2, le=1000)


class ClampDoc(Document):
    """How the postsynaptic cell is held: in voltage clamp at `holding`, or free (current clamp)."""

    mode: Literal["voltage", "current"] = "voltage"
    holding: str | None = "-70 mV"

    @model_validator(mode="after")
    def _complete(self) -> ClampDoc:
        if (self.mode == "voltage") != (self.holding is not None):
            raise ValueError("voltage clamp needs a holding potential, current clamp has none (holding: null)")
        return self


SynapseMeasure = Literal[
    "epsc_amplitude",
    "epsc_rise",
    "decay_weighted",
    "half_width",
    "charge",
    "ppr",
    "cv",
    "inverse_cv2",
    "failure_rate",
    "train_ratio",
    "nmda_charge",
    "nmda_amplitude",
    "nmda_ratio",
    "open_fraction",
    "nmda_open_fraction",
    "calcium_peak",
    "calcium_share_ampa",
    "spine_amplification",
    "decay_over_deactivation",
    "drug_ec50",
]

#: Measures that are read on the postsynaptic voltage, so that they need a free cell.
FREE_CELL = ("calcium_peak", "calcium_share_ampa", "spine_amplification")


class SynapseArmDoc(Document):
    """One arm on a synapse: its document, what it receives, how it is held, what is in the bath, what is measured.

    ``train_ratio`` is response `pulse` over the first (the last one where `pulse` is null), ``ppr`` the second over
    the first. ``inverse_cv2`` is 1 / CV^2 of the amplitudes over trials. ``decay_weighted`` is the amplitude-weighted
    time constant. ``decay_over_deactivation`` divides it by the deactivation of the same receptors after 1 ms of
    10 mM glutamate. ``drug_ec50`` varies the drug and reads `of`. ``nmda_*`` are read with AMPA receptors blocked.
    """

    #: a document of library/preparations
    synapse: str
    measure: SynapseMeasure
    of: SynapseMeasure | None = None
    stimulation: Annotated[SingleDoc | PairDoc | TrainDoc, Field(discriminator="kind")] = SingleDoc()
    #: the response of the train that is read, counted from 1; null: the last
    pulse: int | None = Field(default=None, ge=2)
    clamp: ClampDoc = ClampDoc()
    drug: str | None = None
    concentration: str | None = None  # "5 mM", or "saturating"
    receptor_variant: str | None = None
    #: compound -> concentration, present in control too
    blockers: dict[str, str] = {}
    calcium: str | None = None  # external; null: that of the preparation document
    magnesium: str | None = None
    #: the drug whose parameters are used because this one has none
    stands_for: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> SynapseArmDoc:
        if self.measure == "drug_ec50":
            if self.of in (None, "drug_ec50") or self.drug is None or self.concentration is not None:
                raise ValueError("drug_ec50 needs `of` and `drug`, and no concentration: it is varied")
        elif (self.drug is None) != (self.concentration is None):
            raise ValueError("a drug needs a concentration, and a concentration a drug")
        kind = self.stimulation.kind
        if self.measure == "ppr" and kind != "paired_pulses":
            raise ValueError("ppr needs paired pulses")
        if self.measure == "train_ratio" and kind != "train":
            raise ValueError("train_ratio needs a train")
        given = self.stimulation.pulses if isinstance(self.stimulation, TrainDoc) else 0
        if self.pulse is not None and self.pulse > given:
            raise ValueError("`pulse` is a response of the train")
        if self.measure in FREE_CELL and self.clamp.mode != "current":
            raise ValueError(f"{self.measure} needs a free cell (clamp: {{mode: current, holding: null}})")
        if self.drug is not None and self.drug in self.blockers:
            raise ValueError(f"{self.drug} is the drug and a blocker")
        return self

    def without_drug(self) -> SynapseArmDoc:
        """Return the control of this arm."""
        return self.model_copy(
            update={"drug": None, "concentration": None, "receptor_variant": None, "stands_for": None}
        )
