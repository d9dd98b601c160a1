"""Findings: observables that somebody published, and the experiment that would reproduce them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field, model_validator

from ..errors import UnknownNameError
from .document import LIBRARY, Document, load
from .human_evidence import HumanEvidenceDoc
from .patch_arm import ArmDoc
from .slice_arm import SliceArmDoc
from .subject_arm import SubjectArmDoc
from .synapse_arm import SynapseArmDoc

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
    """Where and as what the number was read.

    `verbatim` is false where the curator's reading note is at hand, but not the words of the page.
    """

    at: str
    quote: str
    secondary: bool = False
    verbatim: bool = True

    @model_validator(mode="after")
    def _short(self) -> ReadDoc:
        if len(self.quote.split()) > 15:
            raise ValueError("a quote has at most 15 words")
        return self


class EffectDoc(Document):
    """What was found; a `registration` is a trial on record whose outcome was not posted or not read."""

    kind: Literal["value", "range", "direction", "null", "order", "structure", "constant", "registration"]
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
        if self.kind in ("value", "range") and self.unit is None:
            raise ValueError("a number needs a unit ('ratio' for a plain one)")
        return self


class UncertaintyDoc(Document):
    """Uncertainty as printed; `ambiguous` where the page does not say SD or SEM."""

    type: Literal["SD", "SEM", "CI95", "range", "p_only", "ambiguous", "none"]
    value: float | None = None
    text: str | None = None


class ToleranceDoc(Document):
    """How near is near enough: a factor either way, an absolute difference, or a margin around no effect.

    ``sem`` compares means: that of the model's slices with the published one, in published standard errors; `sem`
    is used where the page prints none.
    """

    kind: Literal["factor", "absolute", "z", "sem", "sign", "order"]
    value: float | None = None
    sem: float | None = None
    reason: str = "proposed by the curator"

    @model_validator(mode="after")
    def _complete(self) -> ToleranceDoc:
        if self.kind in ("factor", "absolute", "z", "sem") and (self.value is None or self.value <= 0):
            raise ValueError(f"a tolerance of kind {self.kind!r} needs a positive value")
        if self.kind == "factor" and self.value is not None and self.value <= 1:
            raise ValueError("a tolerance factor is larger than 1")
        if self.sem is not None and (self.kind != "sem" or self.sem <= 0):
            raise ValueError("a standard error is positive and belongs to the tolerance kind sem")
        return self


Arm = TypeVar("Arm", bound=ArmDoc | SynapseArmDoc | SliceArmDoc | SubjectArmDoc)
DrugArm = TypeVar("DrugArm", bound=ArmDoc | SynapseArmDoc | SliceArmDoc)


class ComparisonDoc(Document, Generic[Arm]):
    """The in-silico experiment: arms that are measured, and what one sample of the finding is.

    `compare` says what one sample is: the measure itself (``value``, in the unit of the effect), drug over
    control (``ratio``), control over drug (``inverse_ratio``: a rate from a time constant, a leftward shift
    from an EC50), or ``100 (drug / control - 1)`` (``difference_percent``). Control is the same arm without
    drug, or `reference`. For findings of kind order, a sample is the so compared `larger_arm` divided by the
    so compared `arm`; for a null that compares two effects, the so compared `other_arm` divided by that of `arm`.
    """

    #: why agreement is no test: the model cannot miss it, or a number of the preparation was set with it in view
    no_test: str | None = None
    arm: Arm
    compare: Literal["ratio", "inverse_ratio", "value", "difference_percent"] = "ratio"
    reference: Arm | None = None
    larger_arm: Arm | None = None
    other_arm: Arm | None = None
    tolerance: ToleranceDoc
    assumed: list[str] = []

    @model_validator(mode="after")
    def _comparable(self) -> ComparisonDoc[Arm]:
        arms = [arm for arm in (self.arm, self.larger_arm, self.other_arm) if arm is not None]
        if self.compare == "value":
            if self.reference is not None:
                raise ValueError("compare: value uses no reference arm")
        elif self.reference is None and any(isinstance(arm, SubjectArmDoc) or arm.drug is None for arm in arms):
            raise ValueError(f"compare: {self.compare} needs a drug or a reference arm")
        if (self.larger_arm is not None) != (self.tolerance.kind == "order"):
            raise ValueError("an order needs a larger arm, and a larger arm the tolerance kind order")
        if self.other_arm is not None and self.tolerance.kind != "factor":
            raise ValueError("two effects are compared by a factor")
        return self

    @property
    def arms(self) -> list[Arm]:
        """Return every arm that is given, the arm itself first."""
        return [a for a in (self.arm, self.reference, self.larger_arm, self.other_arm) if a is not None]


class ExperimentDoc(ComparisonDoc[DrugArm], Generic[DrugArm]):
    """An experiment on receptors, a synapse or a slice: it rests on a scheme of the AMPA receptor."""

    base_scheme: str
    #: the finding is about the receptor of `base_scheme` only; otherwise the ensemble of schemes is asked
    specific: bool = False


class PatchExperiment(ExperimentDoc[ArmDoc]):
    """Receptors in a patch or in a membrane suspension."""

    preparation: Literal["patch", "membrane"]


class SynapseExperiment(ExperimentDoc[SynapseArmDoc]):
    """A single synapse or a calyx; `base_scheme` is that of its AMPA receptors."""

    preparation: Literal["synapse"]


class SliceExperiment(ExperimentDoc[SliceArmDoc]):
    """A slice; `base_scheme` is that of the AMPA receptors of its pyramidal cells."""

    preparation: Literal["slice"]


class SubjectExperiment(ComparisonDoc[SubjectArmDoc]):
    """A person or an animal that takes doses."""

    preparation: Literal["subject"]
    #: readings of the compound's disposition that are samples; empty: every one, where nothing chooses
    variants: list[str] = []


AnyExperiment = Annotated[
    PatchExperiment | SynapseExperiment | SliceExperiment | SubjectExperiment, Field(discriminator="preparation")
]


class NoExperiment(Document):
    """Why a finding is not simulable (now or ever)."""

    none: str


class ConditionsDoc(Document):
    """Species, age, solution, temperature and stimulation, each as the page gives it or "not on the page"."""

    species: str
    age: str
    solution: str
    temperature: str
    train: str


#: Kinds of tolerance that a kind of finding can be scored with.
TOLERANCES = {
    "value": ("factor", "absolute", "z", "sem"),
    "range": ("factor", "absolute"),
    "direction": ("sign",),
    "null": ("factor", "absolute"),
    "order": ("order",),
    "structure": (),
    "constant": (),
    "registration": (),
}


class Finding(Document):
    """A published observable."""

    id: str
    statement: str
    subject: str
    #: further compounds that the finding is about, e.g. the partner of an interaction
    partners: list[str] = []
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
    #: findings that pull the other way (symmetric; may name findings of levels not yet in the library)
    tension: list[str] = []
    #: records of the same measurement (symmetric): together they are one finding
    same_data_as: list[str] = []
    same_lab_as: str | None = None
    caveat: str | None = None
    #: levels synapse and slice: what the page says of the preparation, "not on the page" where it does not
    conditions: ConditionsDoc | None = None
    #: what was tried in whom, against what, and how it ended: the row of an evidence table
    human: HumanEvidenceDoc | None = None
    experiment: Annotated[AnyExperiment | NoExperiment, Field(union_mode="left_to_right")]

    @model_validator(mode="after")
    def _scorable(self) -> Finding:
        if isinstance(self.experiment, NoExperiment):
            return self
        kind, tolerance = self.effect.kind, self.experiment.tolerance.kind
        if tolerance not in TOLERANCES[kind]:
            allowed = ", ".join(TOLERANCES[kind]) or "no experiment"
            raise ValueError(f"a finding of kind {kind!r} takes {allowed}, not the tolerance {tolerance!r}")
        if kind == "null" and self.experiment.compare == "value" and tolerance == "factor":
            raise ValueError("no factor leads away from zero: a null of a value needs an absolute margin")
        if tolerance == "z" and (
            self.uncertainty.value is None or self.uncertainty.type not in ("SD", "SEM", "CI95", "ambiguous")
        ):
            raise ValueError("a z score needs an uncertainty with its value")
        if tolerance == "sem" and self.experiment.tolerance.sem is None and self.uncertainty.type != "SEM":
            raise ValueError("means are compared by a standard error: the page's, or an assumed one (sem)")
        if self.experiment.other_arm is not None and kind != "null":
            raise ValueError("two effects that are said to be equal are a finding of kind 'null'")
        return self


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
    return _naming(f"\nsubject: {subject}\n", lambda f: f.subject == subject)


def findings_about(compound: str) -> list[Finding]:
    """Return all findings whose subject or partner is a compound id, calibration ones last."""
    return _naming(compound, lambda f: f.subject == compound or compound in f.partners)


@functools.cache
def _texts() -> dict[str, str]:
    return {identifier: path.read_text(encoding="utf-8") for identifier, path in _paths().items()}


def _naming(text: str, wanted: Callable[[Finding], bool]) -> list[Finding]:
    # only the documents that name the compound are validated: a lookup must not cost the whole library
    found = [find_finding(identifier) for identifier, document in _texts().items() if text in document]
    return sorted((f for f in found if wanted(f)), key=lambda f: (f.role == "calibration", f.id))
