"""Salines: ions, osmolality, charge, pH, and the potentials that they set."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.errors import DocumentError, UnknownNameError, UsageError
from potentiate.library import solution as room
from potentiate.library.compound import SOURCE_DOCUMENTS, bibliography_keys
from potentiate.library.solution import find_solution, potentials, solution_ids
from potentiate.mechanisms import electrolyte as salts
from potentiate.mechanisms import permeation_potential as pot

SOURCE_003 = {"NaCl": 124, "KCl": 2.5, "NaH2PO4": 1.25, "MgSO4": 2, "CaCl2": 2, "NaHCO3": 26, "glucose": 10}


def test_source_003_is_the_saline_of_the_facts() -> None:
    saline = find_solution("source-003")
    assert dict(saline.contents_mM) == SOURCE_003
    assert saline.ideal_osmolality_mOsm == pytest.approx(327.0, abs=1.0)
    assert salts.charge_mEq(saline.ions_mM) == pytest.approx(0.0, abs=1e-9)
    assert saline.ions_mM["Na"] == pytest.approx(151.25)
    assert saline.ions_mM["Cl"] == pytest.approx(130.5)
    assert 7.3 < saline.pH_at(31.0) < 7.5
    assert saline.complaints(31.0) == []
    assert saline.complaints(22.0) == ["used at 30-32 degC, here 22 degC"]


@pytest.mark.parametrize("name", ["measured-295", "interface"])
def test_osmolality_and_pH_are_near_what_was_measured(name: str) -> None:
    saline = find_solution(name)
    measured = saline.document.measured
    assert measured is not None
    assert measured.osmolality_mOsm is not None
    assert saline.osmolality_mOsm == pytest.approx(measured.osmolality_mOsm, rel=0.02)
    ideal_error = abs(saline.ideal_osmolality_mOsm - measured.osmolality_mOsm)
    assert ideal_error > abs(saline.osmolality_mOsm - measured.osmolality_mOsm)
    pH = measured.pH if isinstance(measured.pH, float) else sum(measured.pH or ()) / 2
    assert saline.pH_at(24.0 if name == "measured-295" else 32.0) == pytest.approx(pH, abs=0.15)


@pytest.mark.parametrize("name", solution_ids())
def test_every_document_loads_and_cites(name: str) -> None:
    saline = find_solution(name)
    assert saline.document.source in bibliography_keys() | set(SOURCE_DOCUMENTS)
    assert all("net charge" not in text for text in saline.complaints(31.0))
    assert (saline.document.status == "assumed") <= bool(saline.assumed)


def test_pH_is_that_of_henderson_and_hasselbalch_without_phosphate() -> None:
    ions = salts.ions_mM({"NaCl": 126.0, "NaHCO3": 25.0})
    pH = salts.equilibrium_pH(ions, 0.05, 37.0)
    dissolved = 0.0307 * 0.05 * (760.0 - 47.0)
    assert pH == pytest.approx(salts.apparent_pk(37.0, pH) + math.log10(25.0 / dissolved), abs=2e-3)
    assert pH == pytest.approx(6.1 + math.log10(25.0 / dissolved), abs=0.02)


@given(
    bicarbonate=st.floats(5.0, 60.0),
    co2=st.floats(0.01, 0.2),
    temperature=st.floats(15.0, 38.0),
    phosphate=st.floats(0.0, 2.0),
)
def test_pH_follows_bicarbonate_and_co2(bicarbonate: float, co2: float, temperature: float, phosphate: float) -> None:
    def pH(b: float, c: float) -> float:
        return salts.equilibrium_pH(salts.ions_mM({"NaCl": 120.0, "NaHCO3": b, "NaH2PO4": phosphate}), c, temperature)

    here = pH(bicarbonate, co2)
    assert pH(1.2 * bicarbonate, co2) > here
    assert pH(bicarbonate, 1.2 * co2) < here
    ions = salts.ions_mM({"NaCl": 120.0, "NaHCO3": bicarbonate, "NaH2PO4": phosphate})
    share = 1.0 / (1.0 + 10.0 ** (salts.PHOSPHATE_PK - here))
    buffers = salts.bicarbonate_mM(here, co2, temperature) + phosphate * (1.0 + share)
    assert buffers == pytest.approx(salts.strong_ion_difference_mEq(ions), rel=1e-9)


@pytest.mark.parametrize(
    ("contents", "word"),
    [
        ({**SOURCE_003, "NaCl": -1.0}, "cannot be negative"),
        ({**SOURCE_003, "NaCl": math.nan}, "cannot be negative"),
        ({"NaCl": 50.0, "glucose": 10.0}, "burst"),
        ({**SOURCE_003, "NaCl": 224.0}, "shrink"),
    ],
)
def test_impossible_solutions_are_refused(contents: dict, word: str) -> None:
    with pytest.raises(UsageError) as error:
        salts.complaints(contents, 7.4)
    assert word in error.value.why


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"NaCl": 90.0}, "osmolality"),
        ({"sucrose": 50.0}, "osmolality"),
        ({"NaHCO3": 5.0, "NaCl": 145.0}, "pH"),
        ({"CaCl2": 8.0}, "precipitate"),
        ({"NaOH": 5.0}, "net charge"),
    ],
)
def test_unusual_solutions_are_told(change: dict, word: str) -> None:
    saline = find_solution("source-003").changed(**change)
    assert any(word in text for text in saline.complaints(31.0))


def test_requests_that_make_no_sense() -> None:
    saline = find_solution("source-003")
    with pytest.raises(UnknownNameError, match="NaCL"):
        saline.changed(NaCL=3.0)
    with pytest.raises(UnknownNameError, match="source-03"):
        find_solution("source-03")
    with pytest.raises(UsageError, match="CO2 fraction"):
        salts.equilibrium_pH(saline.ions_mM, 0.0, 31.0)
    with pytest.raises(UsageError, match="no bicarbonate left"):
        salts.equilibrium_pH({"Na": 140.0, "Cl": 150.0}, 0.05, 31.0)
    with pytest.raises(UsageError, match="outside and"):
        potentials(saline, saline, 31.0)
    with pytest.raises(UsageError, match="given by its ions"):
        _ = find_solution("ca1-interior").osmolality_mOsm
    with pytest.raises(UsageError, match="absent"):
        pot.nernst_mV(2.5, 0.0, 1, 31.0)


def test_a_broken_document_names_its_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(room, "DIRECTORY", tmp_path)
    (tmp_path / "x.yaml").write_text(
        "id: x\nname: x\nuse: bath\ncontents_mM: {NaCl: 10}\nco2_fraction: 0.05\npreparation: none\n"
        "status: read\nsource: source-003\n"
    )
    room.solution_ids.cache_clear()
    try:
        with pytest.raises(DocumentError, match=r"x\.yaml"):
            find_solution("x")
    finally:
        room.solution_ids.cache_clear()


CONCENTRATION = st.floats(0.01, 200.0)


@given(
    out=CONCENTRATION, inside=CONCENTRATION, temperature=st.floats(5.0, 40.0), ion=st.sampled_from(["Na", "Cl", "Ca"])
)
def test_a_channel_for_one_ion_reverses_at_its_nernst_potential(
    out: float, inside: float, temperature: float, ion: str
) -> None:
    expected = pot.nernst_mV(out, inside, salts.CHARGE[ion], temperature)
    found = pot.ghk_reversal_mV({ion: 1.0}, {ion: out}, {ion: inside}, temperature)
    assert found == pytest.approx(expected, abs=1e-6)


@given(na=CONCENTRATION, k=CONCENTRATION, p=st.floats(0.001, 100.0), na_in=CONCENTRATION, k_in=CONCENTRATION)
def test_monovalent_reversal_is_goldmans(na: float, k: float, p: float, na_in: float, k_in: float) -> None:
    found = pot.ghk_reversal_mV({"Na": p, "K": 1.0}, {"Na": na, "K": k}, {"Na": na_in, "K": k_in}, 31.0)
    goldman = pot.thermal_mV(31.0) * math.log((p * na + k) / (p * na_in + k_in))
    assert found == pytest.approx(goldman, abs=1e-6)


@given(voltage=st.floats(-0.01, 0.01))
def test_the_flux_is_smooth_through_zero(voltage: float) -> None:
    flux = pot.ghk_flux(2, voltage, 2.0, 1.0, 31.0)
    assert flux == pytest.approx(2.0 * (1.0 - 2.0), abs=0.01)


def test_calcium_raises_reversal_and_share() -> None:
    inside = find_solution("ca1-interior")
    low, high = (potentials(find_solution("source-003").changed(CaCl2=c), inside, 31.0) for c in (1.0, 4.0))
    for channel in ("AMPA", "NMDA"):
        assert high.reversal_mV[channel] > low.reversal_mV[channel]
        ratio = high.calcium_share[channel] / low.calcium_share[channel]
        assert 3.0 < ratio < 4.0, "nearly in proportion, less where calcium already carries much"
    at_reference = potentials(find_solution("source-003"), inside, 31.0)
    assert at_reference.calcium_share["NMDA"] == pytest.approx(0.1)
    assert at_reference.nernst_mV["K"] == pytest.approx(-105.5, abs=0.1)
    assert -75.0 < at_reference.reversal_mV["GABA-A"] < -65.0
    assert at_reference.magnesium_mM == 2.0
