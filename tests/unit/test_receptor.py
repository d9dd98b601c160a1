"""Receptor compositions: reading them, resolving them, and what passes the pore."""

import dataclasses
import re
import time

import numpy as np
import pytest

from potentiate.errors import DataError, UnknownNameError, UsageError
from potentiate.kinetics.permeation import FractionalCalcium, PolyamineBlock
from potentiate.library import receptor
from potentiate.library.composition import complete, parse_composition
from potentiate.library.scheme import find_scheme


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("GluA1i", "GluA1i"),
        ("GluA2o(Q)", "GluA2o(Q)"),
        ("GluA1i/GluA2i", "GluA1i/GluA2i"),
        ("GluA2i/GluA1i", "GluA1i/GluA2i"),
        ("GluA1/GluA2 flop + gamma-2", "GluA1o/GluA2o + gamma-2"),
        ("GluA1i/GluA2 flop", "GluA1i/GluA2o"),
        ("GluR-B flip (R)", "GluA2i(R)"),
        ("GluR1 flop", "GluA1o"),
        ("glua4o + TARP γ-8", "GluA4o + gamma-8"),
        ("GluA3 + stargazin + cnih2", "GluA3 + CNIH-2 + gamma-2"),
        ("GluA1(Q)", "GluA1"),
    ],
)
def test_reads_what_people_write(text, canonical):
    composition = parse_composition(text)
    assert str(composition) == canonical
    assert parse_composition(str(composition)) == composition


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("GlA1i", UnknownNameError, "GluA1i"),
        ("GluA5", UnknownNameError, "GluA"),
        ("GluA1 + gama-2", UnknownNameError, "gamma-2"),
        ("GluA1 + gamma-9", UnknownNameError, "gamma-"),
        ("GluA1(R)", UsageError, "only GluA2"),
        ("GluA2(X)", UsageError, "(Q) or (R)"),
        ("GluA1i/", UsageError, "missing"),
        ("", UsageError, "missing"),
        ("GluA1i/GluA1o", UsageError, "twice"),
    ],
)
def test_errors_name_the_nearest(text, error, said):
    with pytest.raises(error, match=re.escape(said)):
        parse_composition(text)


def test_what_is_not_said_is_assumed_and_listed():
    composition, assumed = complete(parse_composition("GluA1/GluA2"))
    assert str(composition) == "GluA1i/GluA2i(R)"
    assert len(assumed) == 4  # flip twice, editing, stoichiometry
    assert complete(parse_composition("GluA4o")) == (parse_composition("GluA4o"), ())


def test_published_scheme_is_taken_with_its_misses():
    found = receptor.resolve("GluA1i")
    assert (found.scheme_id, found.status) == ("Rodrigues2023", "published")
    assert [c.observable for c in found.missed] == ["tau_deact_ms", "tau_rec_ms"]
    for c in found.missed:
        assert not c.low <= c.model <= c.high
    assert not found.unjudged
    assert any("flip or flop is not stated" in text for text in found.assumed)


def test_nearest_scheme_is_the_nearest():
    found = receptor.resolve("GluA2i(Q)")
    assert found.status == "nearest"
    gaps = {}
    row, _ = receptor.published_row(found.composition)
    for c in receptor.candidates():
        if "+" not in (c.composition or ""):
            gaps[c.scheme] = receptor.distance(receptor.compare(receptor.model_observables()[c.scheme], row))
    assert found.scheme_id == min(gaps, key=gaps.get)
    assert receptor.distance(found.compared) == min(gaps.values())
    assert found.missed, "no published scheme has the kinetics of GluA2 flip: say so"


def test_auxiliary_subunits():
    assert receptor.resolve("GluA1 + gamma-2").scheme_id == "Coombs2017"
    assert receptor.resolve("GluA1 + gamma-2").status == "published"
    mixed = receptor.resolve("GluA1/GluA2 flop + gamma-2")
    assert (mixed.scheme_id, mixed.status) == ("Coombs2017", "nearest")
    assert set(mixed.unjudged) == set(receptor.OBSERVABLES)
    other = receptor.resolve("GluA1i + CNIH-3")
    assert other.scheme_id == receptor.resolve("GluA1i").scheme_id
    assert any("CNIH-3 left out" in text for text in other.assumed)
    assert not other.compared
    # a scheme with an auxiliary subunit never stands in for a receptor without one
    assert "Coombs2017" not in {
        receptor.resolve(row.composition).scheme_id for row in receptor.published().rows
    }


def test_edited_glua2_decides_block_and_calcium():
    lacking, edited = receptor.resolve("GluA1i"), receptor.resolve("GluA1i/GluA2i(R)")
    unedited = receptor.resolve("GluA1i/GluA2i(Q)")
    assert lacking.rectification is not None
    assert unedited.rectification == lacking.rectification
    assert edited.rectification is None
    assert edited.fractional_ca.fraction == 0.006
    assert lacking.fractional_ca.fraction == pytest.approx(6 * 0.006)
    assert "Nature 2025" in edited.fractional_ca.contested


def test_a_row_of_another_form_is_used_only_with_a_word():
    edited = receptor.resolve("GluA2o(R)")
    assert edited.compared
    assert any("row of GluA2o(Q)" in text for text in edited.assumed)
    assert not any("row of" in text for text in receptor.resolve("GluA2o(Q)").assumed)


def test_rescaled_only_when_asked():
    plain, rescaled = receptor.resolve("GluA2o(Q)"), receptor.resolve("GluA2o(Q)", rescaled=True)
    assert plain.status == "nearest"
    assert not plain.rescaling
    assert rescaled.status == "calibrated"
    assert not rescaled.missed
    base, scheme = find_scheme(rescaled.scheme_id), rescaled.scheme()
    assert scheme.states == base.states
    assert not np.allclose(scheme.constants, base.constants)
    assert receptor.resolve("GluA3/GluA4", rescaled=True).status == "nearest"  # nothing to calibrate on


def test_rescaling_by_role_keeps_cycles_and_refuses_to_break_them():
    scheme = find_scheme("RH2003_GluA4")
    factors = {
        "bind_backward": 2.0,
        "gate_forward": 0.3,
        "desensitize_forward": 5.0,
        "desensitize_backward": 0.1,
    }
    before = {i.edge: i.factor for i in scheme.imbalances(1e-9)}
    after = {i.edge: i.factor for i in receptor.rescale(scheme, factors, "x").imbalances(1e-9)}
    assert after == pytest.approx(before)
    with pytest.raises(DataError, match="unbalances"):
        receptor.rescale(find_scheme("Jonas1993"), {"gate_backward": 0.2}, "x")
    with pytest.raises(UnknownNameError, match="gate_forwards"):
        receptor.rescale(scheme, {"gate_forwards": 2.0}, "x")


def test_conductance_levels_are_those_of_the_scheme_or_assumed():
    assert receptor.resolve("GluA4i").conductance_pS == (8.0, 16.0, 24.0)
    assert receptor.resolve("GluA1 + gamma-2").conductance_pS == (3.7, 16.1, 30.6, 38.6)
    assumed = receptor.resolve("GluA2o(Q)", rescaled=True)
    assert assumed.scheme_id == "RH2003_GluA1_balanced"
    assert any("conductance levels assumed" in text for text in assumed.assumed)


def test_resolving_is_fast_once_read():
    receptor.resolve("GluA1i")
    start = time.perf_counter()
    for text in ("GluA1i", "GluA2o(Q)", "GluA1i/GluA2i", "GluA4o"):
        receptor.resolve(text)
    assert (time.perf_counter() - start) / 4 < 0.05


def test_receptor_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        receptor.resolve("GluA1i").scheme_id = "x"


def test_polyamine_block_by_hand():
    block = receptor.resolve("GluA1i").rectification
    assert block.unblocked(0.0) == pytest.approx(31.32 / (31.32 + 45.0))
    assert block.factor(50.0) == pytest.approx(1.6 * block.unblocked(50.0))
    voltages = np.linspace(-100, 50, 31)
    assert (np.diff(block.unblocked(voltages)) < 0).all()
    assert block.unblocked(-200.0) > 0.999
    assert 0.1 < block.rectification_index() < 0.3
    assert PolyamineBlock(0.0, 31.32, 1.029).rectification_index() == 1.0


def test_the_unit_trap_of_the_block_would_close_the_pore():
    mixed = PolyamineBlock(45.0, 31.32e-6, 1.029)  # uM against M
    assert mixed.unblocked(-60.0) < 1e-4
    assert receptor.resolve("GluA1i").rectification.unblocked(-60.0) > 0.8
    with pytest.raises(DataError):
        PolyamineBlock(45.0, 0.0, 1.0)


def test_fractional_calcium():
    assert FractionalCalcium(0.036).current_pA(-100.0) == pytest.approx(-3.6)
    with pytest.raises(DataError):
        FractionalCalcium(1.5)
