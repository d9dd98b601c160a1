"""What each step from glutamate to the field EPSP rests on: numbers of the preparation, findings of the library."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from ..library.finding import Finding, find_finding, finding_ids
from ..library.slice_document import SliceDocument, find_slice
from ..preparations.slice_pathway import QUANTITIES, STEPS, Pathway

#: Of a number: from a source (a measurement or a published model), fitted to findings, or assumed.
Grade = Literal["sourced", "calibrated", "assumed"]

#: Subjects of findings that hold with and without a drug.
GENERAL = ("glutamatergic synapse", "synaptic plasticity")


@dataclasses.dataclass(frozen=True)
class Basis:
    """Where to look for the evidence of a step.

    Attributes
    ----------
    numbers : tuple of str
        Names of numbers of the slice document (its plasticity included).
    measures : tuple of str
        Findings whose experiment reads one of these are about the step.
    words : tuple of str
        So are findings whose observable holds one of these.
    """

    numbers: tuple[str, ...]
    measures: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


#: By id of the step.
BASES = {
    "release": Basis(("fibres", "release_probability", "release_cv"), words=("glutamate", "1/CV^2")),
    "ampa": Basis(
        ("ampa_conductance", "receptor_cv"), ("open_fraction", "epsc_amplitude", "decay_weighted"),
        ("AMPA receptors per synapse", "AMPA-receptor content"),
    ),
    "inhibition": Basis(
        (
            "interneuron_cells", "interneuron_conductance", "interneuron_threshold_low", "interneuron_threshold_high",
            "gaba_rise", "gaba_decay", "gaba_reversal", "gaba_delay", "autoreceptor",
        ),
        ("feedforward_ipsp", "monosynaptic_ipsp"),
    ),
    "depolarization": Basis(
        ("rest", "threshold", "spike", "neck"), ("spine_amplification", "burst_area", "fepsp_half_width"), ("neck",)
    ),
    "unblock": Basis(("nmda_conductance", "glun2b"), ("nmda_charge", "nmda_open_fraction"), ("NMDA-receptor content",)),
    "calcium NMDA": Basis(("nmda_calcium", "head_volume", "buffer_kappa", "calcium_decay"), ("calcium_peak",)),
    "calcium AMPA": Basis(("head_volume", "buffer_kappa", "calcium_decay"), ("calcium_share_ampa",)),
    "calcium VGCC": Basis(("channel_conductance", "channel_reversal", "head_volume", "buffer_kappa", "calcium_decay")),
    "thresholds": Basis(
        ("integration", "depression_pre", "depression_post", "depression_factor", "potentiation_pre",
         "potentiation_post", "potentiation_factor"),
        ("threshold_bursts",),
    ),
    "kinases": Basis(("depression_rate", "potentiation_rate", "tau", "initially_up", "up_over_down")),
    "insertion": Basis(("persistence", "ltd_gain"), ("ltp_percent",), ("unitary conductance",)),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class StepEvidence:
    """What one step rests on.

    Attributes
    ----------
    step : str
    grades : mapping of number -> grade
        Of the numbers of the preparation.
    findings : tuple of Finding
        About the step, calibration ones first.
    """

    step: str
    grades: dict[str, Grade]
    findings: tuple[Finding, ...]

    @property
    def grade(self) -> Grade:
        """The weakest grade of its numbers: assumed before calibrated before sourced."""
        found = set(self.grades.values())
        return "assumed" if "assumed" in found else "calibrated" if "calibrated" in found else "sourced"

    @property
    def counts(self) -> str:
        """How many numbers have which grade, e.g. ``2 sourced, 1 assumed``."""
        order: tuple[Grade, ...] = ("sourced", "calibrated", "assumed")
        values = list(self.grades.values())
        return ", ".join(f"{values.count(grade)} {grade}" for grade in order if grade in values)

    @property
    def sources(self) -> tuple[str, ...]:
        """Short names of the works that the findings are from; the id of a finding whose work has none."""
        return tuple(dict.fromkeys(f.source.key or f.id for f in self.findings))

    def text(self) -> str:
        """Return the evidence in one line."""
        found = f"findings of {', '.join(self.sources)}" if self.findings else "no finding in the library"
        return f"{self.counts}; {found}"


@functools.cache
def _findings() -> tuple[Finding, ...]:
    return tuple(f for f in map(find_finding, finding_ids()) if f.level in ("synapse", "slice"))


def step_evidence(step: str, preparation: str = "ca1-slice", compounds: Iterable[str] = ()) -> StepEvidence:
    """Look up what a step rests on.

    Parameters
    ----------
    step : str
        Id of one of :data:`~potentiate.preparations.slice_pathway.STEPS`.
    preparation : str
        Id of the slice document.
    compounds : iterable of str
        Findings about them count as well.
    """
    basis, subjects = BASES[step], {*GENERAL, *compounds}
    document = find_slice(preparation)
    grades: dict[str, Grade] = {name: _grade(document, name) for name in basis.numbers}
    found = [f for f in _findings() if f.subject in subjects and _about(f, basis)]
    return StepEvidence(step, grades, tuple(sorted(found, key=lambda f: (f.role != "calibration", f.id))))


def _grade(document: SliceDocument, name: str) -> Grade:
    status = {**document.numbers, **document.plasticity}[name].status
    assert status != "unknown", name
    return "sourced" if status == "read" else status


def _about(finding: Finding, basis: Basis) -> bool:
    measure = getattr(getattr(finding.experiment, "arm", None), "measure", None)
    return measure in basis.measures or any(word in finding.observable for word in basis.words)


def pathway_table(control: Pathway, drug: Pathway | None = None) -> list[dict[str, Any]]:
    """Return the pathway as rows: what flowed, without and with drug, and what each step rests on.

    Parameters
    ----------
    control, drug : Pathway

    Returns
    -------
    list of dict
        One per quantity, ready for JSON: ``step``, ``from``, ``to``, ``id``, ``quantity``, ``unit``, a value (None
        where it could not be determined, then with a ``reason``) per pathway, and ``evidence``.
    """
    both = [control] if drug is None else [control, drug]
    compounds = {c for p in both for c in p.compounds}
    rows = []
    for step in STEPS:
        evidence = step_evidence(step.id, control.slice, compounds)
        for name in step.quantities:
            unit, text = QUANTITIES[name]
            row: dict[str, Any] = {"step": step.id, "from": step.source, "to": step.target, "id": name,
                                   "quantity": text, "unit": unit}  # fmt: skip
            for key, pathway in zip(("control", "drug"), both, strict=False):
                observable = pathway.fluxes[name]
                row[key] = observable.value if observable.known else None
                if not observable.ok:
                    row["reason"] = observable.reason
            row["evidence"] = {
                "grade": evidence.grade,
                "numbers": dict(evidence.grades),
                "findings": [{"id": f.id, "source": f.source.key, "role": f.role} for f in evidence.findings],
            }
            rows.append(row)
    return rows


def pathway_lines(control: Pathway, drug: Pathway | None = None) -> list[str]:
    """Return the same table as lines of tab-separated text, a heading first."""
    both: Sequence[Pathway] = [control] if drug is None else [control, drug]
    keys = ("control", "drug")[: len(both)]
    compounds = {c for p in both for c in p.compounds}
    lines = ["\t".join(["step", "quantity", "unit", *(p.label for p in both), "rests on"])]
    for row in pathway_table(control, drug):
        values = ["-" if row[key] is None else f"{row[key]:.3g}" for key in keys]
        evidence = step_evidence(row["step"], control.slice, compounds).text()
        lines.append("\t".join([f"{row['from']} -> {row['to']}", row["quantity"], row["unit"], *values, evidence]))
    return lines
