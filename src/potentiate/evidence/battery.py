"""The battery of a compound: every simulable finding of it, scored, with the traces that show what happened."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from ..errors import UsageError
from ..exposure.bath import PLACEMENTS, Bath
from ..library.compound import Compound
from ..library.finding import (
    Finding,
    NoExperiment,
    SliceExperiment,
    SubjectExperiment,
    SynapseExperiment,
    findings_of,
)
from ..library.modulator import Action, find_action
from ..library.scheme import find_scheme
from ..measures.observable import Observable
from ..preparations import assays
from ..preparations.membrane_question import BmaxVerdict, can_slow_dissociation_raise_bmax
from ..preparations.patch import Patch, Rig
from ..preparations.patch_study import PatchStudy, study_patch
from ..protocols.fast_application import slow_application
from ..recordings.recording import Recording
from . import source_003
from .experiment import score_finding
from .scoring import Verdict
from .source_003 import Source003, check_source_003

#: Binding findings on the density of [3H]AMPA sites, which the membrane preparation answers.
DENSITY = ("ani-ampa-bmax", "ani-3h-ampa-low-density")
BASE_SCHEME = "Rodrigues2023"


@dataclasses.dataclass(frozen=True)
class Battery:
    """What a battery found.

    Attributes
    ----------
    compound : str
    scored : tuple of (Finding, Verdict)
        Worst first; calibration ones last.
    silent : tuple of (Finding, reason)
        Findings that no experiment can reproduce here.
    membrane : BmaxVerdict or None
        The answer of the membrane preparation.
    density : tuple of Finding
        The findings that it answers.
    study : PatchStudy or None
        Traces on the base scheme at the concentrations of the findings.
    readings : tuple of (placement, Observable, Observable)
        tau_deact and tau_des at the highest concentration for each placement of the drug.
    assumed : tuple of str
    slow : Recording or None
        Slow application without and with the highest concentration.
    slow_on_ms : float
        When the solution is half exchanged.
    not_run : tuple of Finding
        Findings on whole slices, which take about a minute each and were not asked for.
    evidence : tuple of Finding
        Findings in people and whole animals that are evidence and not simulated.
    guide : Source003 or None
        What the model says to the statements of source 003 on this compound.
    """

    compound: str
    scored: tuple[tuple[Finding, Verdict], ...]
    silent: tuple[tuple[Finding, str], ...]
    membrane: BmaxVerdict | None
    density: tuple[Finding, ...]
    study: PatchStudy | None
    readings: tuple[tuple[str, Observable, Observable], ...]
    assumed: tuple[str, ...]
    slow: Recording | None = None
    slow_on_ms: float = 0.0
    not_run: tuple[Finding, ...] = ()
    evidence: tuple[Finding, ...] = ()
    guide: Source003 | None = None


#: Levels whose findings are evidence where no experiment asks them: a table of them is another command's.
WHOLE = ("pk", "human", "rodent", "network")

_ORDER = {"fail": 0, "near": 1, "pass": 2, "not simulable": 3, "calibration": 4}


def run_battery(
    compound: Compound, progress: Callable[[str], None] = lambda text: None, *, slices: bool = False
) -> Battery:
    """Run every experiment of a compound's findings over the ensemble, and score it.

    Parameters
    ----------
    compound : Compound
    slices : bool
        Whether the findings on whole slices are run as well.
    progress : callable
        Told what runs.

    Raises
    ------
    NoPharmacologyError
        Nothing is on record.
    UsageError
        No finding of the compound can be asked of a preparation.
    """
    compound.require_pharmacology()
    every = findings_of(compound.id)
    evidence = tuple(f for f in every if f.level in WHOLE and isinstance(f.experiment, NoExperiment))
    found = [f for f in every if f not in evidence]
    action = find_action(compound.id)
    if not found and action is None:
        raise UsageError(
            f"There is no battery for {compound.name}",
            why="no finding that an experiment can ask and no receptor parameters are on record",
            do=f"see what is known: potentiate compound {compound.id}",
        )
    scored, silent, not_run = [], [], []
    membrane = None
    for i, finding in enumerate(found):
        if finding.id in DENSITY:
            progress(f"membrane {finding.id}")
            membrane = membrane or _membrane()
            continue
        if isinstance(finding.experiment, NoExperiment):
            silent.append((finding, finding.experiment.none))
            continue
        if isinstance(finding.experiment, SliceExperiment) and not slices:
            not_run.append(finding)
            continue
        progress(f"{i + 1}/{len(found)} {finding.id}")
        verdict = score_finding(finding)
        if verdict.verdict == "not simulable":
            silent.append((finding, verdict.reason or ""))
        else:
            scored.append((finding, verdict))
    scored.sort(key=lambda pair: (_ORDER[pair[1].verdict], pair[0].id))
    guide = None
    if compound.id == source_003.COMPOUND:
        progress("source 003")
        guide = check_source_003()
    progress("traces")
    study = _study(action)
    return Battery(
        compound.id,
        tuple(scored),
        tuple(silent),
        membrane,
        tuple(f for f in found if f.id in DENSITY),
        study,
        _readings(action),
        tuple(dict.fromkeys([*_assumed(action, [f for f, _ in scored]), *(guide.assumed if guide else ())])),
        *_slow(action),
        tuple(not_run),
        evidence,
        guide,
    )


def _membrane() -> BmaxVerdict:
    # only the reference conditions, which the verdict rests on; what it would take elsewhere: `potentiate membrane`
    return can_slow_dissociation_raise_bmax(
        kon_scales=(0.3, 1.0, 3.0), washes_s=(0.0, 10.0), incubations_min=(math.inf,)
    )


def doses_uM(action: Action) -> list[float]:
    """Return concentrations that span the action: around its affinity, up to the end of the valid range."""
    kd = action.kd_uM
    if action.saturating_only:
        return [1000.0 * kd]
    top = action.document.valid_uM[1] if action.document.valid_uM else 10.0 * kd
    top = float(f"{min(top, 30.0 * kd):.2g}")
    return [float(f"{c:.2g}") for c in (0.2 * kd, kd, 2 * kd, 4 * kd) if c < top] + [top]


def _study(action: Action | None) -> PatchStudy | None:
    if action is None or action.kind == "agonist":
        return None
    return study_patch(find_scheme(BASE_SCHEME), action, doses_uM(action))


def _readings(action: Action | None) -> tuple[tuple[str, Observable, Observable], ...]:
    """Measure the drug in both solutions and only in the agonist solution: the two readings of a protocol."""
    if action is None or action.kind != "operator" or action.saturating_only:
        return ()
    patch = Patch(action.apply(find_scheme(BASE_SCHEME)))
    top = doses_uM(action)[-1]
    found = []
    for placement in PLACEMENTS:
        bath = Bath({action.compound: top}, placement)
        found.append(
            (placement, assays.deactivation(patch, bath)["tau_deact"], assays.desensitization(patch, bath)["tau_des"])
        )
    return tuple(found)


def _slow(action: Action | None) -> tuple[Recording | None, float]:
    if action is None or action.kind == "agonist":
        return None, 0.0
    patch = Patch(action.apply(find_scheme(BASE_SCHEME)), rig=Rig(exchange_10_90_ms=20.0), course_tolerance=1e-3)
    protocol = slow_application(patch.scheme.agonist, width_ms=240.0)
    baths = [Bath(), Bath({action.compound: doses_uM(action)[-1]})]
    return patch.run(protocol, baths), protocol.marks["on"]


def _assumed(action: Action | None, findings: list[Finding]) -> list[str]:
    told = list(action.document.assumed) if action is not None else []
    for finding in findings:
        assert not isinstance(finding.experiment, NoExperiment)
        told += finding.experiment.assumed
    return list(dict.fromkeys(told))


def preparation_of(finding: Finding) -> str:
    """Return the preparation that a finding is asked of, or an empty text where none is."""
    experiment = finding.experiment
    if isinstance(experiment, NoExperiment):
        return ""
    if isinstance(experiment, SynapseExperiment):
        return experiment.arm.synapse
    if isinstance(experiment, SubjectExperiment):
        return f"{experiment.arm.species} subject"
    return experiment.arm.slice if isinstance(experiment, SliceExperiment) else experiment.preparation


def model_text(verdict: Verdict) -> str:
    """Return the model's median with its span as short text."""
    if not math.isfinite(verdict.model):
        return "-"
    span = "" if verdict.interval is None else f" ({_number(verdict.interval[0])} to {_number(verdict.interval[1])})"
    return f"{_number(verdict.model)}{span}"


def _number(x: float) -> str:
    """Return three digits; thousands without a power of ten."""
    text = f"{x:.3g}"
    return f"{float(text):.0f}" if 1e3 <= abs(x) < 1e6 else text


def published_text(verdict: Verdict) -> str:
    """Return the published value with its unit as short text."""
    value = verdict.published
    if isinstance(value, tuple):
        text = f"{value[0]:g} to {value[1]:g}"
    else:
        text = value if isinstance(value, str) else f"{value:g}"
    return f"{text} {verdict.unit}" if verdict.unit else text
