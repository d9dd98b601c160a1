"""What several doses of a compound did in people, outcome by outcome: evidence, and never a curve.

A curve through clinical doses needs a mechanism. Where results do not rise with dose they contradict a curve that
saturates, and the word of the outcome says so.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from typing import Literal

from ..library.compound import find_compound
from .human_record import HumanRecord, human_records

_DOSE = re.compile(r"(\d+(?:\.\d+)?)(?:\s*(?:to|-)\s*(\d+(?:\.\d+)?))?\s*(mg|g)\b")
#: Rank of a result where no sizes can be compared.
_RANK = {"worse": -1, "no benefit": 0, "benefit": 1}

Word = Literal["rises with dose", "does not rise with dose", "no benefit at any dose", "not comparable"]


@dataclasses.dataclass(frozen=True)
class DoseRow:
    """One dose and what it did.

    Attributes
    ----------
    low_mg, high_mg : float
        As printed; equal where it is one dose.
    text, result : str
    size : float or None
        In `unit`; None where the page gives no number.
    unit : str
    finding : str
        Id.
    """

    low_mg: float
    high_mg: float
    text: str
    result: str
    size: float | None
    unit: str
    finding: str


@dataclasses.dataclass(frozen=True)
class DoseResponse:
    """One outcome of a compound at two doses or more.

    Attributes
    ----------
    compound, claim, outcome : str
    rows : tuple of DoseRow
        By dose.
    word : str
        Whether the results rise with dose: by sizes in one unit, else by benefit, none or worse.
    """

    compound: str
    claim: str
    outcome: str
    rows: tuple[DoseRow, ...]
    word: Word

    def show(self) -> str:
        """Return one line: the doses with their results, and the word."""
        parts = [f"{r.text}: {r.result}{'' if r.size is None else f' ({r.size:g} {r.unit})'}" for r in self.rows]
        return f"{self.outcome}: {'; '.join(parts)} - {self.word}"


def clinical_doses(compound: str) -> list[DoseResponse]:
    """Return the outcomes of a compound that were seen at two doses or more.

    Parameters
    ----------
    compound : str
        Name or id.

    Returns
    -------
    list of DoseResponse
        Findings in which it was given with something else, and adverse effects, are left out.

    Examples
    --------
    >>> [r.word for r in clinical_doses("tak-653") if r.outcome == "MADRS at day 56"]
    ['does not rise with dose']
    """
    name = find_compound(compound).id
    grouped: dict[tuple[str, str], list[DoseRow]] = {}
    for record in human_records([name]):
        if record.compounds != {name} or record.human.adverse or (row := _row(record)) is None:
            continue
        grouped.setdefault((record.human.claim, record.human.outcome), []).append(row)
    found = []
    for (claim, outcome), rows in sorted(grouped.items()):
        ordered = tuple(sorted(rows, key=lambda r: (r.low_mg + r.high_mg, r.finding)))
        if len({(r.low_mg, r.high_mg) for r in ordered}) > 1:
            found.append(DoseResponse(name, claim, outcome, ordered, _word(ordered)))
    return found


def _row(record: HumanRecord) -> DoseRow | None:
    human, effect = record.human, record.finding.effect
    doses = _DOSE.findall(human.dose)
    if human.result not in _RANK or len(doses) != 1:
        return None
    low, high, unit = doses[0]
    factor = 1000.0 if unit == "g" else 1.0
    a, b = float(low) * factor, float(high or low) * factor
    return DoseRow(a, b, human.dose, human.result, effect.value, effect.unit or "", record.finding.id)


def _word(rows: tuple[DoseRow, ...]) -> Word:
    if all(r.result != "benefit" for r in rows):
        return "no benefit at any dose"
    if any(a.high_mg >= b.low_mg and a.high_mg != b.high_mg for a, b in itertools.pairwise(rows)):
        return "not comparable"
    if len({r.unit for r in rows}) == 1 and all(r.size is not None for r in rows):
        steps = [abs(r.size or 0.0) for r in rows]
    else:
        steps = [_RANK[r.result] for r in rows]
    rising = all(b >= a for a, b in itertools.pairwise(steps)) and steps[-1] > steps[0]
    return "rises with dose" if rising else "does not rise with dose"
