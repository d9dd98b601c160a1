"""Clinical doses: listed as evidence, ordered by dose, with a word and no curve."""

import pytest

from potentiate.evidence.clinical_doses import DoseRow, _word, clinical_doses


def by_outcome(compound):
    return {r.outcome: r for r in clinical_doses(compound)}


def test_osavampator_does_not_rise_with_dose():
    found = by_outcome("tak-653")
    assert {r.word for r in found.values()} == {"does not rise with dose"}
    rows = found["MADRS at day 56"].rows
    assert [r.low_mg for r in rows] == [1.0, 3.0]
    assert "benefit (-7.5 points)" in found["MADRS at day 56"].show()


def test_cx717_did_nothing_at_night_at_any_dose_and_cx516_needs_more():
    assert by_outcome("cx717")["performance at night"].word == "no benefit at any dose"
    assert by_outcome("cx516")["delayed recall"].word == "rises with dose"


def test_one_dose_is_no_dose_response():
    assert clinical_doses("farampator") == []


def row(low, high, result="benefit", size=None, unit=""):
    return DoseRow(low, high, f"{low:g} mg", result, size, unit, "x")


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ((row(1, 1, size=2.0), row(2, 2, size=3.0)), "rises with dose"),
        ((row(1, 1, size=-2.0), row(2, 2, size=-3.0)), "rises with dose"),
        ((row(1, 1, size=2.0), row(2, 2, size=2.0)), "does not rise with dose"),
        ((row(1, 1, size=2.0, unit="s"), row(2, 2, size=3.0, unit="ms")), "does not rise with dose"),
        ((row(1, 1, "no benefit"), row(2, 2, "worse")), "no benefit at any dose"),
        ((row(1, 5), row(3, 8)), "not comparable"),
        ((row(1, 1, "worse"), row(2, 2, "no benefit"), row(3, 3)), "rises with dose"),
    ],
)
def test_words(rows, word):
    assert _word(rows) == word
