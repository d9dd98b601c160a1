"""Findings: observables that somebody published, and the experiment that would reproduce them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..errors import UnknownNameError
from .document import LIBRARY, Document, load

FINDINGS = LIBRARY / "findings"


class SourceDoc(Document):
    """The work; what is null was not on the page read."""

    title: str
    authors: str | None = None
    year: int | None = None
    journal: str | None = None
    pmid: int | None = None
    doi: str | None = None
    key: str | None = Field(default=None, description="entry of references.bib")
    complete: bool = False


class ReadDoc(Document):
    """Where and as what the number was read."""

    at: str
    quote: str
    secondary: bool = False

    @model_validator(mode="after")
    def _short(self) -> ReadDoc:
        if len(self.quote.split()) > 15:
            raise ValueError("a quote has at most 15 words")
        return self


class EffectDoc(Document):
    """What was found."""

    kind: Literal["value", "range", "direction", "null", "order", "structure", "constant"]
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str | None = None
    direction: Literal["increase", "decrease", "none", "unspecified"] = "unspecified"

    @model_validator(mode="after")
    def _complete(self) -> EffectDoc:
        if self.kind == "value" and self.value is None:
            raise ValueError("a finding of kind 'value' needs a value")
        if self.kind == "range" and (self.low is None or self.high is None or self.low > self.high):
            raise ValueError("a finding of kind 'range' needs low <= high")
        if self.kind == "direction" and self.direction not in ("increase", "decrease"):
            raise ValueError("a finding of kind 'direction' needs increase or decrease")
        return self


class UncertaintyDoc(Document):
    """Uncertainty as printed; `ambiguous` where the page does not say SD or SEM."""

    type: Literal["SD", "SEM", "CI95", "range", "p_only", "ambiguous", "none"]
    value: float | None = None
    text: str | None = None


class ToleranceDoc(Document):
    """How near is near enough: a factor either way, an absolute difference, or a margin around no effect."""

    kind: Literal["factor", "absolute", "z", "sign", "order"]
    value: float | None = None
    reason: str = "proposed by the curator"

    @model_validator(mode="after")
    def _complete(self) -> ToleranceDoc:
        if self.kind in ("factor", "absolute", "z") and (self.value is None or self.value <= 0):
            raise ValueError(f"a tolerance of kind {self.kind!r} needs a positive value")
        return self


class ArmDoc(Document):
    """One arm of an experiment: what is around the receptor, under which protocol, and what is measured.

    `measure` is read on the drug arm and, where `compare` asks for it, on the same arm without drug.
    """

    protocol: Literal[
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
    measure: Literal[
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
        "drug_ec50",
        "drug_ic50",
    ]
    #: for drug_ec50 / drug_ic50: the measure whose concentration dependence is read
    of: str | None = None
    agonist: str = "glutamate"
    agonist_concentration: str | None = None
    width: str | None = None
    interval: str | None = None
    drug: str | None = None
    concentration: str | None = None  # "1 mM", or "saturating"
    placement: Literal["both", "agonist", "control"] = "both"
    receptor_variant: str | None = None  # a named variant of the drug's operator, e.g. "flop"


class ExperimentDoc(Document):
    """The in-silico experiment, or the reason why none can exist."""

    preparation: Literal["patch", "membrane"]
    base_scheme: str
    arm: ArmDoc
    compare: Literal["ratio", "value", "difference_percent", "shift"] = "ratio"
    #: for findings of kind order: the second arm, whose measure must be larger than the first's
    larger_arm: ArmDoc | None = None
    tolerance: ToleranceDoc
    assumed: list[str] = []


class NoExperiment(Document):
    """Why a finding is not simulable (now or ever)."""

    none: str


class Finding(Document):
    """A published observable."""

    id: str
    statement: str
    subject: str
    level: Literal["receptor", "binding", "synapse", "slice", "network", "rodent", "human", "pk"]
    preparation: str
    protocol: str
    concentration: str | None = None
    observable: str
    effect: EffectDoc
    uncertainty: UncertaintyDoc
    n: int | None = None
    design: Literal["in-vitro", "animal", "human-obs", "RCT", "meta-analysis", "review", "vendor", "hypothesis"]
    funding: str | None = None
    source: SourceDoc
    read: ReadDoc
    role: Literal["calibration", "test"]
    tension: list[str] = []
    same_lab_as: str | None = None
    caveat: str | None = None
    experiment: Annotated[ExperimentDoc | NoExperiment, Field(union_mode="left_to_right")]


@functools.cache
def _paths() -> dict[str, Path]:
    return {path.stem: path for path in sorted(FINDINGS.glob("*/*.yaml"))}


def finding_ids() -> list[str]:
    """Return the ids of all findings of the library."""
    return list(_paths())


@functools.cache
def find_finding(name: str) -> Finding:
    """Return one finding.

    Raises
    ------
    UnknownNameError
    DocumentError
    """
    if name not in _paths():
        raise UnknownNameError("finding", name, _paths())
    finding, source = load(_paths()[name], Finding)
    if finding.id != name:
        raise source.error(f"The id is {finding.id!r} but the file is {name}.yaml", ("id",))
    return finding


def findings_of(subject: str) -> list[Finding]:
    """Return all findings whose subject is a compound id, calibration ones last."""
    found = [find_finding(i) for i in _paths()]
    return sorted((f for f in found if f.subject == subject), key=lambda f: (f.role == "calibration", f.id))
