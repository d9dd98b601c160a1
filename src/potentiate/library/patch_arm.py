"""One arm of an experiment on receptors in a patch or in a membrane suspension: what a finding asks of it."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from .document import Document

Protocol = Literal[
    "deactivation",
    "desensitization",
    "recovery",
    "paired_pulses",
    "slow_application",
    "steady_state",
    "agonist_curve",
    "agonist_free",
    "wash_out",
    "block_onset",
    "synaptic_transient",
]
Measure = Literal[
    "tau_deact",
    "tau_des",
    "tau_rec",
    "steady_state_ratio",
    "percent_desensitization",
    "peak",
    "steady_state",
    "charge",
    "decay",
    "ppr",
    "ec50",
    "emax",
    "open_probability",
    "tau",
    "kon",
    "koff",
    "drug_ec50",
    "drug_ic50",
]


class ArmDoc(Document):
    """One arm of an experiment: what is around the receptor, under which protocol, and what is measured.

    `measure` is read on this arm and, where `compare` asks for it, on the same arm without drug. ``tau`` is
    the 63 % time of the change that the protocol causes (``block_onset``, ``wash_out``); ``koff`` is
    ``1 / tau_off`` and ``kon`` is ``(1 / tau - 1 / tau_off) / concentration``.
    """

    protocol: Protocol
    measure: Measure
    #: the measure whose concentration dependence is read (of the drug, or for ec50 / emax of the agonist)
    of: Measure | None = None
    agonist: str = "glutamate"  # or a compound id
    agonist_concentration: str | None = None
    width: str | None = None
    interval: str | None = None
    rise: str | None = None  # 10-90 % rise of the solution
    drug: str | None = None
    concentration: str | None = None  # "1 mM", or "saturating"
    placement: Literal["both", "agonist", "control"] = "both"
    receptor_variant: str | None = None  # a named variant of the drug's operator, e.g. "flop"

    @model_validator(mode="after")
    def _complete(self) -> ArmDoc:
        if self.measure in ("drug_ec50", "drug_ic50"):
            if self.of is None or self.drug is None or self.concentration is not None:
                raise ValueError(f"{self.measure} needs `of` and `drug`, and no concentration: it is varied")
        elif (self.drug is None) != (self.concentration is None):
            raise ValueError("a drug needs a concentration, and a concentration a drug")
        return self

    def without_drug(self) -> ArmDoc:
        """Return the control of this arm."""
        return self.model_copy(update={"drug": None, "concentration": None, "receptor_variant": None})
