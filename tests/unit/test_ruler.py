"""The concentration ruler: every mark is a record or an unknown with its reason; the gap is arithmetic on marks."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.errors import UnknownNameError, UsageError
from potentiate.evidence.marks import MATRICES, Mark, leading_concentration, to_uM
from potentiate.evidence.ruler import ruler, span
from potentiate.library.compound import bibliography_keys, compound_ids
from potentiate.library.finding import finding_ids


def test_aniracetam_lies_four_to_five_orders_below_its_ampa_effect() -> None:
    found = ruler("aniracetam")
    assert found.target == "AMPA receptor"
    # 15 ug/L over 219.24 g/mol is 68 nM; the lowest measured effect is at 1 mM, the highest at 5 mM
    assert found.gap.value == pytest.approx(math.log10(1000.0 / (15.0 / 219.24)), abs=1e-6)
    assert found.widest.value == pytest.approx(math.log10(5000.0 / (5.0 / 219.24)), abs=1e-6)
    assert 4.0 < found.gap.value < found.widest.value < 5.5


def test_aniracetam_shows_what_does_not_fit() -> None:
    text = " ".join(ruler("aniracetam").tensions)
    assert "70 nM" in text
    assert "haniracetam1995" in text
    assert "10 nM to 100 nM" in text
    assert "satoh1986" in text


def test_metabolites_have_marks_of_their_own() -> None:
    found = ruler("aniracetam").of_metabolites()
    plasma = [m for m in found if m.compound == "n-anisoyl-gaba" and m.kind == "exposure" and m.known]
    assert {(m.matrix, m.standing) for m in plasma} == {("plasma", "reported"), ("plasma", "secondary")}
    assert not ruler("aniracetam", metabolites=False).of_metabolites()


def test_cx717_plasma_is_unknown_and_so_is_its_gap() -> None:
    found = ruler("cx717")
    plasma = [m for m in found.own("exposure") if m.matrix == "plasma" and m.species == "human"]
    assert [m.unknown for m in plasma] == ["no absolute plasma concentration was found"]
    assert math.isnan(found.gap.value)
    assert "no absolute plasma concentration" in str(found.gap.reason)
    assert any(m.known and (m.low_uM, m.high_uM) == (50.0, 150.0) for m in found.own("effect"))


def test_caffeine_reaches_its_receptor() -> None:
    found = ruler("caffeine")
    assert found.target == "adenosine A1 receptor"
    assert abs(found.gap.value) < 0.5  # 10 mg/L in plasma, half of the receptors at 13 mg/L
    assert {m.species for m in found.own("exposure") if m.matrix == "brain" and m.known} == {"mouse"}


def test_weak_displacement_of_theanine_is_computed_from_its_ratio_to_glutamate() -> None:
    found = [m for m in ruler("l-theanine").own("binding") if m.known]
    assert [(round(m.low_uM, 2), round(m.high_uM)) for m in found] == [(80 * 0.272, round(30000 * 0.373))]
    assert found[0].standing == "computed"
    assert found[0].sources == ("kakuda2002", "giberti1991")


def test_bound_drug_is_compared_as_it_is_free_too() -> None:
    found = ruler("perampanel")
    free = max(m.high_uM for m in found.own("exposure") if m.matrix == "free plasma" and m.known)
    total = max(m.high_uM for m in found.exposures)
    assert free < 0.1 * total  # 95 % of it is bound
    assert found.free_gap.value == pytest.approx(found.gap.value + math.log10(total / free))
    assert "total plasma" in str(ruler("caffeine").free_gap.reason)


def test_a_peak_of_a_metabolite_is_no_mark_of_its_parent() -> None:
    plasma = [m for m in ruler("vinpocetine", metabolites=False).own("exposure") if m.matrix == "plasma"]
    assert plasma
    assert not any(m.known for m in plasma)


def test_every_matrix_is_answered_for_every_compound() -> None:
    cited = bibliography_keys() | set(finding_ids()) | {"source-000", "source-001", "source-002", "source-003"}
    for identifier in compound_ids():
        found = ruler(identifier, metabolites=False)
        assert {m.matrix for m in found.own("exposure") if m.species == "human"} >= set(MATRICES), identifier
        assert found.own("effect") or found.own("binding"), identifier
        for m in found.marks:
            assert m.known or len(m.unknown or "") > 3
            assert m.standing in ("assumed", "unknown", "simulated", "calibrated") or m.sources, (identifier, m)
            assert set(m.sources) <= cited, (identifier, m.sources)


def test_a_target_by_its_short_name_and_a_wrong_one() -> None:
    assert ruler("caffeine", target="A2A").target == "adenosine A2A receptor"
    assert ruler("aniracetam", target="ampa").target == "AMPA receptor"
    with pytest.raises(UnknownNameError, match="target of Caffeine"):
        ruler("caffeine", target="AMPA receptor")
    with pytest.raises(UnknownNameError) as error:
        ruler("anircetam")
    assert error.value.nearest[0].lower() == "aniracetam"


def test_a_mark_is_a_place_or_a_reason() -> None:
    with pytest.raises(UsageError):
        Mark("x", "effect", "in vitro", "both", 1.0, 1.0, unknown="no")
    with pytest.raises(UsageError):
        Mark("x", "effect", "in vitro", "neither")
    with pytest.raises(UsageError):
        Mark("x", "effect", "in vitro", "zero", 0.0, 1.0)


@given(st.floats(1e-3, 1e6), st.floats(50.0, 1000.0))
def test_mass_and_molar_concentrations_agree(value: float, molar_mass: float) -> None:
    in_mg = to_uM(value, "mg/L", molar_mass)
    assert in_mg is not None
    assert in_mg * molar_mass * 1e-3 == pytest.approx(value)
    assert to_uM(value, "ug/L", molar_mass) == pytest.approx(in_mg * 1e-3)
    assert to_uM(value, "mg/L", None) is None
    assert to_uM(value, "mg", molar_mass) is None


def test_only_a_concentration_at_the_start_is_read() -> None:
    assert leading_concentration("5 mM, chick nucleus magnocellularis") == (5000.0, 5000.0)
    for text in ("glutamate 1 mM", "micromolar", "100 mg/kg p.o., rat", "saturating", "2 mMol"):
        assert leading_concentration(text) is None


def test_figure(tmp_path: Path) -> None:
    from potentiate.show.ruler_figure import ruler_figure

    for name in ("aniracetam", "imuracetam"):
        figure = ruler_figure(ruler(name))
        figure.savefig(tmp_path / f"{name}.svg")
        texts = [t.get_text() for t in figure.axes[0].texts]
        assert any(t.startswith("unknown: ") for t in texts)
    assert span(ruler("caffeine").own("exposure")[0]).endswith("M")
