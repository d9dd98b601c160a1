"""One arm of an experiment on a person or an animal that takes doses: what a finding asks of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .document import Document

SubjectMeasure = Literal[
    "cmax",
    "tmax",
    "auc",
    "half_life",
    "trough",
    "concentration",
    "cl",
    "v",
    "auc_per_dose",
    "ka",
    "lag",
    "fraction_left",
    "time_above",
    "occupancy",
    "metabolite_parent_ratio",
    "receptor_density",
    "pressor_response",
]

#: Measures that are read at a time, so that they need `at`.
AT_A_TIME = ("concentration", "fraction_left")
#: Measures of an effect, so that they need `target`.
EFFECTS = ("occupancy", "receptor_density")
#: Measures that look at one dose, so that a regimen with several says nothing.
ONE_DOSE = ("cl", "v", "ka", "lag")


class SubjectArmDoc(Document):
    """One arm in a subject: who takes what, and what is measured.

    Times (`at`, `window`) count from the first dose. ``cl`` is dose / AUC to infinity (CL/F after an oral dose), ``v``
    is ``cl`` over the terminal rate (V/F), ``auc`` runs to infinity unless `window` says otherwise, ``auc_per_dose``
    divides it by the dose: its ratio between two routes is the relative bioavailability. ``trough`` is the lowest
    concentration after the last dose, or within `window`. ``fraction_left`` is the concentration `at` over the peak.
    ``time_above`` counts the hours above `threshold`. ``occupancy`` of `target` is read `at`, or at its peak where `at`
    is null. ``metabolite_parent_ratio`` is the peak of the analyte over that of its parent, by mass, or their ratio
    `at`. ``receptor_density`` is its change in per cent of that before the first dose. ``pressor_response`` is a share
    of the largest possible one. ``ka`` and ``lag`` are those of the disposition: a course alone does not give them.
    """

    #: doses in plain text, with the compounds' names: "caffeine 200 mg po 08:00"
    regimen: str
    #: the compound whose concentration is read; null: that of the first dose
    analyte: str | None = None
    measure: SubjectMeasure
    species: str = "human"
    #: who the person is, in plain text: "smoker, 70 kg"; empty: the typical person
    people: str = ""
    #: a named reading of the compound's disposition, e.g. "abstinent"; null: every reading is a sample
    variant: str | None = None
    #: whether partners change each other's clearance; false: each as if alone
    interactions: bool = True
    at: str | None = None
    window: list[str] | None = Field(default=None, min_length=2, max_length=2)
    threshold: str | None = None
    target: str | None = None
    #: where the concentration is read
    matrix: Literal["plasma", "free", "csf", "brain"] = "plasma"
    #: further compounds whose occupancy of the target is counted, e.g. active metabolites
    with_metabolites: bool = False
    #: drawn people, and what is read of their distribution; one: the typical person
    count: int = Field(default=1, ge=1, le=5000)
    read: Literal["typical", "mean", "median", "q05", "q95"] = "typical"

    @model_validator(mode="after")
    def _complete(self) -> SubjectArmDoc:
        if self.measure in AT_A_TIME and self.at is None:
            raise ValueError(f"{self.measure} needs the time `at` which it is read")
        if (self.measure in EFFECTS) != (self.target is not None):
            raise ValueError("occupancy and receptor_density need a target, and a target one of them")
        if (self.measure == "time_above") != (self.threshold is not None):
            raise ValueError("time_above needs a threshold, and a threshold time_above")
        if (self.count == 1) != (self.read == "typical"):
            raise ValueError("one person is typical; a distribution needs several people (count)")
        if self.with_metabolites and self.measure != "occupancy":
            raise ValueError("metabolites are counted in an occupancy")
        return self
