"""Table 1 of source 003, statement by statement, and its sentence on calcium through AMPA receptors.

The table says what 1.5 mM aniracetam does to the field EPSP before and after long-term potentiation. Here one synapse
stands for the field: the peak of its current as a membrane filters it for the amplitude, charge over amplitude for the
decay, under each route by which potentiation may be expressed. The same cells asked of whole slices are the findings
``ani-guide3-amplitude-*`` and ``ani-guide3-decay-*``.
"""

from __future__ import annotations

import dataclasses
import math

from ..exposure.bath import NO_DRUG, Bath
from ..library.modulator import Action, find_action
from ..library.scheme import find_scheme
from ..measures.observable import Observable
from ..mechanisms.expression import ROUTES
from ..preparations import synapse_assays
from ..preparations.expression_study import UNAFFECTED, ExpressionStudy, study_expression
from ..preparations.synapse import Synapse

COMPOUND = "aniracetam"
DOSE_UM = 1500.0
SCHEME = "Rodrigues2023"
#: Neck of a CA1 spine (Harnett 2012: about 500 MOhm).
NECK_GOHM = 0.5
#: A route of calcium that carries less than this share of it is not called a contribution. Assumed.
CONTRIBUTES = 0.05
#: Stimuli of one tetanus that are followed for calcium: after them glutamate, voltage and calcium have settled.
PULSES, RATE_HZ = 10, 100.0
SEED, TRIALS = 1, 4


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell of the table under one route of expression.

    Attributes
    ----------
    measure : {"amplitude", "decay"}
    column : {"before", "after"}
        Of long-term potentiation.
    statement : str
        As the table prints it.
    route : str or None
        Of the expression of potentiation; None before it.
    fold : float
        Drug over control.
    change : float
        Relative change of that fold by potentiation; NaN before it.
    holds : str
        ``yes``, ``no`` or ``not determined``, with the reading where the statement has two.
    """

    measure: str
    column: str
    statement: str
    route: str | None
    fold: float
    change: float
    holds: str


@dataclasses.dataclass(frozen=True)
class CalciumShare:
    """Share of calcium that enters the spine through AMPA receptors during a tetanus.

    Attributes
    ----------
    glua2 : bool
        Whether the receptors hold GluA2.
    drug_uM : float
    share : Observable
        Of the calcium charge of all routes.
    ampa_fC : Observable
        Per spine.
    peak : Observable
        Free calcium above rest, uM.
    """

    glua2: bool
    drug_uM: float
    share: Observable
    ampa_fC: Observable
    peak: Observable


@dataclasses.dataclass(frozen=True)
class Source003:
    """What the model says to the two statements.

    Attributes
    ----------
    cells : tuple of Cell
    calcium : tuple of CalciumShare
    calcium_verdict : str
    assumed : tuple of str
    """

    cells: tuple[Cell, ...]
    calcium: tuple[CalciumShare, ...]
    calcium_verdict: str
    assumed: tuple[str, ...]


def check_source_003(*, scheme: str = SCHEME, neck_GOhm: float = NECK_GOHM) -> Source003:
    """Hold table 1 of source 003 and its sentence on calcium against the model."""
    action = find_action(COMPOUND)
    assert action is not None
    study = study_expression(find_scheme(scheme), action, DOSE_UM, neck_GOhm=neck_GOhm)
    shares = tuple(calcium_shares(action))
    assumed = (
        *study.assumed,
        f"source 003, table 1: a synapse on a neck of {neck_GOhm:g} GOhm with {scheme} stands for the field",
        f"calcium: {PULSES} stimuli at {RATE_HZ:g} Hz, free cell; a contribution is {CONTRIBUTES:.0%} of it or more",
    )
    return Source003(tuple(_cells(study)), shares, _calcium_verdict(shares), assumed)


def _cells(study: ExpressionStudy) -> list[Cell]:
    found = []
    for measure, name in (("amplitude", "epsp"), ("decay", "decay")):
        before = study.fold[name].value
        found.append(Cell(measure, "before", "Increase", None, before, math.nan, _yes(before > 1.0 + UNAFFECTED)))
        for route in ROUTES:
            row = next((r for r in study.rows if r.route == route), None)
            if row is None:
                continue
            fold, change = row.fold[name].value, row.change[name].value
            if measure == "amplitude":
                statement, holds = "Potentiation by aniracetam is unaffected", _yes(abs(change) < UNAFFECTED)
            else:
                statement = "Further increase in decay time"
                still, more = fold > 1.0 + UNAFFECTED, change > UNAFFECTED
                holds = f"{_yes(still)} (the drug still lengthens it), {_yes(more)} (more than before)"
            found.append(Cell(measure, "after", statement, route, fold, change, holds))
    return found


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def calcium_shares(action: Action, dose_uM: float = DOSE_UM) -> list[CalciumShare]:
    """Measure the calcium that AMPA receptors carry, with and without GluA2, with and without drug."""
    whole = synapse_assays.free(Synapse.from_document("ca1-spine"))
    found = []
    for glua2, synapse in ((True, whole), (False, whole.without_glua2())):
        for dose in (0.0, dose_uM):
            bath = Bath({action.compound: dose}) if dose else NO_DRUG
            made = synapse_assays.stimulate_train(
                synapse, bath, RATE_HZ, PULSES, seed=SEED, trials=TRIALS, after_ms=60.0, dt_ms=0.1
            )
            read = synapse_assays.calcium(made.recording)
            found.append(
                CalciumShare(
                    glua2, dose, read["calcium_share_AMPA"], read["calcium_AMPA receptors"], read["calcium_peak"]
                )
            )
    return found


def _calcium_verdict(shares: tuple[CalciumShare, ...]) -> str:
    if not all(s.share.known for s in shares):
        return "not determined"
    at = {(s.glua2, s.drug_uM > 0): s.share.value for s in shares}
    edited, lacking = max(at[True, False], at[True, True]), max(at[False, False], at[False, True])
    told = f"{at[True, False]:.1%} of the calcium without drug and {at[True, True]:.1%} with it"
    without = f"without GluA2 {at[False, False]:.0%} and {at[False, True]:.0%}"
    if edited >= CONTRIBUTES:
        return f"borne out: AMPA receptors with GluA2 carry {told}; {without}"
    word = "not borne out at synapses with GluA2" if lacking >= CONTRIBUTES else "not borne out"
    return f"{word}: there AMPA receptors carry {told}; {without}"


def lines(found: Source003) -> list[str]:
    """Return the comparison as lines of text."""
    text = ["Source 003, table 1 (its reference is a bare host and cannot be resolved), one synapse for the field:"]
    for cell in found.cells:
        where = cell.column if cell.route is None else f"{cell.column} LTP by {cell.route}"
        change = "" if math.isnan(cell.change) else f", {cell.change:+.0%} against before"
        text.append(f"  {cell.measure} {where}: says {cell.statement!r}; model x{cell.fold:.3g}{change}: {cell.holds}")
    text.append(f"'Enhanced Ca influx through AMPA receptors contributes': {found.calcium_verdict}")
    return text


def as_json(found: Source003) -> dict[str, object]:
    """Return the comparison as plain data."""
    cells = [
        {k: (None if isinstance(v, float) and math.isnan(v) else v) for k, v in dataclasses.asdict(c).items()}
        for c in found.cells
    ]
    shares = [
        {"glua2": s.glua2, "drug_uM": s.drug_uM, "share": s.share.value, "ampa_fC": s.ampa_fC.value}
        for s in found.calcium
    ]
    return {"table_1": cells, "calcium": shares, "calcium_verdict": found.calcium_verdict}
