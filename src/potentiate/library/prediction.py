"""Predictions as documents: the question that is asked of the model, the answer that was frozen, data that came later.

A question is written by hand; its outcomes are experiments in the words of findings. A frozen prediction and a
resolution are written by the program into a registry (:mod:`potentiate.library.registry`) and never change.
"""

from __future__ import annotations

import datetime
import functools
import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..errors import UnknownNameError
from .compound_parts import Key, Text
from .document import LIBRARY, Document, load
from .finding import PatchExperiment, SliceExperiment, SubjectExperiment, SynapseExperiment

PREDICTIONS = LIBRARY / "predictions"
#: What the project has frozen.
REGISTRY = PREDICTIONS / "registry"

Scale = Literal["log", "linear"]
Unit = Annotated[str, Field(min_length=1)]


class ReferenceDoc(Document):
    """The forecast to beat: a normal distribution, on the scale of the outcome, of who does not know the model."""

    centre: float
    #: standard deviation; on a log scale that of the natural logarithm
    spread: float = Field(gt=0)
    reason: Text


class ExpressionExperiment(Document):
    """A drug at one synapse before and after potentiation; the fold effect after it over the fold effect before it."""

    preparation: Literal["expression"]
    drug: Key
    concentration: str
    measure: Literal["amplitude", "decay", "charge", "early", "epsp"]
    route: Literal["number", "conductance", "gating", "composition"]
    inserted: str | None = None
    strength: float = Field(default=1.6, gt=1)
    neck_GOhm: float = Field(default=0.5, ge=0)
    assumed: list[str] = []

    @model_validator(mode="after")
    def _complete(self) -> ExpressionExperiment:
        if (self.inserted is None) == (self.route == "composition"):
            raise ValueError("composition needs the scheme that is inserted, and no other route has one")
        return self


Experiment = Annotated[
    PatchExperiment | SynapseExperiment | SliceExperiment | SubjectExperiment | ExpressionExperiment,
    Field(discriminator="preparation"),
]


class OutcomeDoc(Document):
    """One number that an experiment will give.

    Where data of one preparation lie around a model that is right is not known: `discrepancy` is the standard
    deviation that is assumed for it (on a log scale that of the natural logarithm). `kd_factors` are readings of the
    drug's affinity where its source prints no interval.
    """

    id: Key
    statement: Text
    unit: Unit
    scale: Scale
    experiment: Experiment
    reference: ReferenceDoc
    discrepancy: float = Field(gt=0)
    kd_factors: list[Annotated[float, Field(gt=0)]] = [1.0]

    @model_validator(mode="after")
    def _on_scale(self) -> OutcomeDoc:
        if self.scale == "log" and self.reference.centre <= 0:
            raise ValueError("on a log scale the centre of the reference is positive")
        if not self.kd_factors:
            raise ValueError("kd_factors holds at least 1.0")
        return self


class PredictionDocument(Document):
    """A question to the model: what nobody is known to have published, and what would settle it."""

    id: Key
    title: Text
    statement: Text
    why: Text
    settled_by: Text
    assumed: list[Text] = []
    outcomes: list[OutcomeDoc] = Field(min_length=1)

    @model_validator(mode="after")
    def _once(self) -> PredictionDocument:
        if self.id.startswith("resolved-"):
            raise ValueError("names that begin with resolved- are those of resolutions")
        if len({o.id for o in self.outcomes}) != len(self.outcomes):
            raise ValueError("two outcomes have the same id")
        return self

    def outcome(self, name: str) -> OutcomeDoc:
        """Return one outcome."""
        found = {o.id: o for o in self.outcomes}
        if name not in found:
            raise UnknownNameError("outcome", name, found)
        return found[name]


class SampleDoc(Document):
    """What one reading of the model gives, or why it gives nothing."""

    value: float | None
    scheme: str
    variant: str | None = None
    reason: str | None = None

    @model_validator(mode="after")
    def _told(self) -> SampleDoc:
        if self.value is None and not self.reason:
            raise ValueError("a sample without a value needs a reason")
        return self


class FrozenOutcome(Document):
    """The distribution that was predicted: a mixture of normals on its scale, one for each sample."""

    id: Key
    unit: str
    scale: Scale
    median: float
    interval_50: tuple[float, float]
    interval_90: tuple[float, float]
    bandwidth: float = Field(gt=0)
    samples: list[SampleDoc] = Field(min_length=1)

    @property
    def values(self) -> list[float]:
        """Return the samples that have a value."""
        return [s.value for s in self.samples if s.value is not None]

    @model_validator(mode="after")
    def _any(self) -> FrozenOutcome:
        if not self.values or (self.scale == "log" and min(self.values) <= 0):
            raise ValueError("a predicted outcome needs values, on a log scale positive ones")
        return self


class FrozenPrediction(Document):
    """A prediction as it was frozen."""

    format: Literal[1]
    kind: Literal["prediction"]
    id: Key
    registered: datetime.datetime
    question: PredictionDocument
    outcomes: list[FrozenOutcome]
    assumed: list[str]
    seed: int
    versions: dict[str, str]
    documents: dict[str, str]
    command: list[str]

    def outcome(self, name: str) -> FrozenOutcome:
        """Return the distribution of one outcome."""
        found = {o.id: o for o in self.outcomes}
        if name not in found:
            raise UnknownNameError(f"outcome of {self.id}", name, found)
        return found[name]


class MeasuredDoc(Document):
    """The spread that was printed with a measured mean."""

    type: Literal["SD", "SEM", "CI95"]
    #: half of the width, where it is a confidence interval
    value: float = Field(gt=0)


class ResolutionData(Document):
    """Data that were measured after a prediction was frozen."""

    prediction: Key
    outcome: Key
    value: float
    unit: Unit
    uncertainty: MeasuredDoc
    n: int = Field(ge=2)
    n_of: Text
    #: when the last recording was made
    measured: datetime.date
    source: Text
    blind: bool
    note: str | None = None

    @property
    def standard_error(self) -> float:
        """Return the standard error of the mean."""
        u = self.uncertainty
        return u.value / {"SD": math.sqrt(self.n), "SEM": 1.0, "CI95": 1.96}[u.type]


class Resolution(Document):
    """A prediction scored against data."""

    format: Literal[1]
    kind: Literal["resolution"]
    resolved: datetime.datetime
    #: sha256 of the frozen file that was scored
    scored: str
    data: ResolutionData
    log_score: float
    reference_log_score: float
    gain: float
    quantile: float
    inside_50: bool
    inside_90: bool
    versions: dict[str, str]


@functools.cache
def _paths() -> dict[str, Path]:
    return {path.stem: path for path in sorted(PREDICTIONS.glob("*.yaml"))}


def question_ids() -> list[str]:
    """Return the ids of the questions of the library."""
    return list(_paths())


def find_question(name: str) -> PredictionDocument:
    """Return a question of the library, or that of a file.

    Raises
    ------
    UnknownNameError
    DocumentError
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return load(path, PredictionDocument)[0]
    if name not in _paths():
        raise UnknownNameError("prediction", name, _paths(), do=f"give a YAML file, or one of {', '.join(_paths())}")
    question, source = load(_paths()[name], PredictionDocument)
    if question.id != name:
        raise source.error(f"The id is {question.id!r} but the file is {name}.yaml", ("id",))
    return question


def read_resolution_data(path: Path) -> ResolutionData:
    """Read measured data that resolve a prediction.

    Raises
    ------
    DocumentError
    """
    return load(path, ResolutionData)[0]
