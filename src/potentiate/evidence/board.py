"""Views of a validation: the scoreboard by level, laboratories, pairs in tension, the potency ledger, the matrix.

No score is averaged, and none is added over levels. Findings that set the model are counted apart. Records of the same
data are one finding, and a laboratory is counted once, however many findings are its.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

from ..library.finding import Finding, NoExperiment, find_finding, finding_ids
from .validation import WORST_FIRST, Scored, Validation

#: How bad a verdict of a test is.
RANK = {"pass": 0, "near": 1, "fail": 2}
#: One glyph per record; letters, so that they read in any font and in grey.
GLYPHS = {"pass": "P", "near": "n", "fail": "F", "not simulable": ".", "calibration": "c"}
#: Units of a potency.
_TO_UM = {"uM": 1.0, "nM": 1e-3, "mM": 1e3, "M": 1e6}
#: Group in the matrix -> measures that belong to it; where nothing is run, words of the observable.
MEASURES = {
    "potency": ("drug_ec50", "drug_ic50", "ec50", "kon", "koff"),
    "deactivation": ("tau_deact", "decay"),
    "desensitization": ("tau_des", "steady_state_ratio", "percent_desensitization", "steady_state"),
    "recovery": ("tau_rec", "tau"),
    "peak, charge": ("peak", "charge", "emax", "open_probability", "open_fraction", "nmda_open_fraction",
                     "epsc_amplitude", "fepsp_slope", "fepsp_amplitude", "volley", "population_spike",
                     "input_output_slope", "spine_amplification", "inverse_cv2", "cv", "failure_rate"),
    "decay, width": ("decay_weighted", "half_width", "epsc_rise", "fepsp_half_width", "fepsp_decay", "effect_time",
                     "decay_over_deactivation"),
    "trains, pairs": ("ppr", "train_ratio", "burst_area"),
    "NMDA, GABA, Ca": ("nmda_charge", "nmda_amplitude", "nmda_ratio", "calcium_peak", "calcium_share_ampa",
                       "feedforward_ipsp"),
    "LTP, LTD": ("ltp_percent", "ltp_reversed"),
    "exposure": ("cmax", "auc", "auc_per_dose", "trough", "concentration", "fraction_left", "time_above",
                 "metabolite_parent_ratio"),
    "clearance, times": ("cl", "v", "half_life", "tmax", "ka", "lag"),
    "effect in people": ("occupancy", "receptor_density", "pressor_response", "alertness"),
}  # fmt: skip
_WORDS = (
    ("potency", ("ec50", "ic50", "kd", "ki ", "affinity", "potency", "bmax", "binding")),
    ("recovery", ("recovery",)),
    ("LTP, LTD", ("ltp", "ltd", "potentiation of")),
    ("trains, pairs", ("ppr", "paired", "depression", "train", "facilitation")),
    ("desensitization", ("desens", "steady", "plateau")),
    ("deactivation", ("deact", "closing", "open time", "burst length")),
    ("decay, width", ("decay", "half-width")),
    ("NMDA, GABA, Ca", ("nmda", "calcium", "ipsp")),
    ("peak, charge", ("amplitude", "peak", "current", "epsp", "response", "conductance")),
)
#: Columns of the matrix in their order.
GROUPS = (*MEASURES, "animals, people", "other")


@dataclasses.dataclass(frozen=True)
class LevelRow:
    """One level of the scoreboard.

    Attributes
    ----------
    level : str
    counts : dict
        Verdict -> number of findings; records of the same data are one.
    labs : int
        Laboratories behind the tests that were scored.
    labs_clean : int
        Those of which every test passes.
    """

    level: str
    counts: dict[str, int]
    labs: int
    labs_clean: int


def scoreboard(validation: Validation) -> list[LevelRow]:
    """Return one row per level."""
    rows = []
    for level in validation.levels:
        here = [s for s in validation.scored if s.finding.level == level]
        counts: dict[str, int] = dict.fromkeys(WORST_FIRST, 0)
        for group in _same_data(here):
            worst = min((s.verdict.verdict for s in group), key=WORST_FIRST.index)
            counts[worst] += 1
        labs: dict[str, int] = {}
        for s in here:
            if s.verdict.verdict in RANK:
                name = laboratory(s.finding)
                labs[name] = max(labs.get(name, 0), RANK[s.verdict.verdict])
        rows.append(LevelRow(level, counts, len(labs), sum(rank == 0 for rank in labs.values())))
    return rows


def laboratory(finding: Finding) -> str:
    """Return whose finding it is: the declared laboratory, else its paper."""
    source = finding.source
    return finding.same_lab_as or source.key or source.authors or source.title


def _same_data(scored: Sequence[Scored]) -> list[list[Scored]]:
    """Return the findings in groups that record the same measurement."""
    by_id = {s.finding.id: s for s in scored}
    groups: list[list[Scored]] = []
    seen: set[str] = set()
    for s in scored:
        if s.finding.id in seen:
            continue
        group, stack = [], [s.finding.id]
        while stack:
            name = stack.pop()
            if name in seen or name not in by_id:
                continue
            seen.add(name)
            group.append(by_id[name])
            stack += by_id[name].finding.same_data_as
        groups.append(group)
    return groups


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two findings that pull against each other; one of them may be outside the validation."""

    one: Finding
    other: Finding
    verdicts: tuple[Scored | None, Scored | None]

    @property
    def both_simulable(self) -> bool:
        """Return whether both have a value of the model."""
        return all(s is not None and math.isfinite(s.verdict.model) for s in self.verdicts)

    @property
    def says(self) -> str:
        """Return which of the two the model holds."""
        if not self.both_simulable:
            return "not both are simulable: the model takes no side"
        good = [s is not None and s.verdict.miss <= 1 for s in self.verdicts]
        if all(good):
            return "the model holds both within their tolerances"
        if not any(good):
            return "the model holds neither"
        return f"the model holds {(self.one if good[0] else self.other).id}; both cannot hold in one model"


def tensions(validation: Validation) -> list[Pair]:
    """Return every pair in tension of which the validation has at least one, scored ones first."""
    by_id = {s.finding.id: s for s in validation.scored}
    known = set(finding_ids())
    pairs = {}
    for s in validation.scored:
        for other in s.finding.tension:
            if other in by_id or other in known:
                pairs[tuple(sorted((s.finding.id, other)))] = None
    found = []
    for a, b in pairs:
        one, other = (by_id[i].finding if i in by_id else find_finding(i) for i in (a, b))
        found.append(Pair(one, other, (by_id.get(a), by_id.get(b))))
    return sorted(found, key=lambda p: (not p.both_simulable, p.one.id, p.other.id))


@dataclasses.dataclass(frozen=True)
class Potency:
    """One concentration at which a drug was seen to act."""

    scored: Scored
    published_uM: tuple[float, float]
    model_uM: float | None


def potencies(scored: Iterable[Scored]) -> dict[str, list[Potency]]:
    """Return the potency ledger: for each subject every published potency, the strongest first."""
    found: dict[str, list[Potency]] = {}
    for s in scored:
        effect = s.finding.effect
        scale = _TO_UM.get(effect.unit or "")
        if scale is None or group_of(s.finding) != "potency":
            continue
        low, high = (effect.value, effect.value) if effect.value is not None else (effect.low, effect.high)
        if low is None or high is None:
            continue
        model = s.verdict.model * scale if math.isfinite(s.verdict.model) else None
        found.setdefault(s.finding.subject, []).append(Potency(s, (low * scale, high * scale), model))
    for subject in found:
        found[subject].sort(key=lambda p: p.published_uM)
    return {name: found[name] for name in sorted(found)}


def group_of(finding: Finding) -> str:
    """Return the group of observables that a finding belongs to in the matrix."""
    experiment = finding.experiment
    if not isinstance(experiment, NoExperiment):
        arm = experiment.arm
        measure = arm.measure
        if measure == "steady_state" and getattr(arm, "agonist", "glutamate") != "glutamate":
            return "peak, charge"  # a current of an agonist that hardly desensitizes
        return next((name for name, those in MEASURES.items() if measure in those), "other")
    if finding.level in ("human", "rodent"):
        return "animals, people"
    if finding.level == "pk":
        return "exposure"
    for text in (finding.observable.lower(), finding.id.lower()):
        for name, words in _WORDS:
            if any(word in text for word in words):
                return name
    return "other"


def matrix(scored: Iterable[Scored]) -> tuple[list[str], list[str], dict[tuple[str, str], list[Scored]]]:
    """Return subjects, groups of observables, and the findings of each cell, worst first.

    Subjects with most findings come first.
    """
    cells: dict[tuple[str, str], list[Scored]] = {}
    for s in scored:
        cells.setdefault((s.finding.subject, group_of(s.finding)), []).append(s)
    for found in cells.values():
        found.sort(key=lambda s: (WORST_FIRST.index(s.verdict.verdict), s.finding.id))
    number: dict[str, int] = {}
    for (subject, _), found in cells.items():
        number[subject] = number.get(subject, 0) + len(found)
    subjects = sorted(number, key=lambda name: (-number[name], name))
    groups = [name for name in GROUPS if any((subject, name) in cells for subject in subjects)]
    return subjects, groups, cells
