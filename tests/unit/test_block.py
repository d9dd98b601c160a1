"""Blockers: what is on record, what a concentration leaves, and that silence is never taken for a null."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.errors import NoPharmacologyError, UnknownNameError, UsageError
from potentiate.library.block import SLICE_TARGETS, Block, actions_on, find_block, release_left, targets_left
from potentiate.library.compound import all_compounds


@pytest.mark.parametrize(
    ("compound", "target", "concentration_uM", "most"),
    [
        # used concentrations: facts/plasticity.md (AP5) and the pages of the documents
        ("D-AP5", "NMDA receptor", 50.0, 0.01),
        ("MK-801", "NMDA receptor", 10.0, 0.01),
        ("bicuculline", "GABA-A receptor", 20.0, 0.05),
        ("picrotoxin", "GABA-A receptor", 100.0, 0.1),
        ("CGP 52432", "GABA-B receptor", 5.0, 0.05),
        ("2-hydroxysaclofen", "GABA-B receptor", 200.0, 0.25),
        ("cadmium ion", "voltage-gated calcium channels", 20.0, 0.2),
    ],
)
def test_blockers_block_at_the_concentrations_of_the_bench(
    compound: str, target: str, concentration_uM: float, most: float
) -> None:
    block = find_block(compound, target)
    assert block is not None
    assert block.left(0.0) == 1.0
    assert 0.0 < block.left(concentration_uM) < most
    assert block.source


def test_constants_come_from_the_documents() -> None:
    bicuculline = find_block("bicuculline", "GABA-A receptor")
    assert bicuculline is not None
    # the Schild pA2 of the document: 6.24 and 6.10
    assert bicuculline.interval_uM == pytest.approx((10 ** (6 - 6.24), 10 ** (6 - 6.10)), rel=0.02)
    assert bicuculline.constant_uM == pytest.approx(10 ** (6 - 6.17), rel=0.02)
    assert any("computed" in text for text in bicuculline.assumed)
    ap5 = find_block("APV", "NMDA receptor")
    assert ap5 is not None
    assert ap5.sites == 2
    assert ap5.left(1.4) == pytest.approx(0.25)


@given(k=st.floats(1e-4, 1e4), sites=st.integers(1, 2), c=st.floats(0.0, 1e5), factor=st.floats(1.01, 10.0))
def test_block_grows_with_concentration(k: float, sites: int, c: float, factor: float) -> None:
    block = Block("x", "y", "antagonist", k, None, "Kd", sites, "s")
    assert 0.0 < block.left(c) <= 1.0
    assert block.left(c * factor) <= block.left(c)
    assert block.left(k) == pytest.approx(0.5**sites)


def test_no_number_is_never_a_number() -> None:
    gabazine = find_block("gabazine", "GABA-A receptor")
    assert gabazine is not None
    assert gabazine.constant_uM is None
    with pytest.raises(UsageError, match="not on record"):
        gabazine.left(5.0)
    assert gabazine.left(5.0, assume_complete=True) == 0.0
    assert gabazine.left(0.0, assume_complete=True) == 1.0
    with pytest.raises(UsageError, match="not on record"):
        targets_left({"gabazine": 5.0})
    assert targets_left({"gabazine": 5.0}, assume_complete=True)["GABA-A receptor"] == 0.0


@pytest.mark.parametrize("c", [-1.0, math.nan, math.inf])
def test_impossible_concentrations_are_refused(c: float) -> None:
    block = find_block("D-AP5", "NMDA receptor")
    assert block is not None
    with pytest.raises(UsageError):
        block.left(c)
    with pytest.raises(UsageError):
        release_left("cadmium ion", c)


def test_modulators_and_antagonists_of_ampa_receptors_act_by_scheme() -> None:
    for compound in ("aniracetam", "CX516", "NBQX", "CNQX", "GYKI 52466", "cyclothiazide"):
        found = {effect.target: effect for effect in actions_on(compound).effects}
        assert found["AMPA receptor"].how == "scheme"
        assert found["AMPA receptor"].block is None
        assert targets_left({compound: 10.0})["AMPA receptor"] == 1.0, "not scaled twice"
    nulls = {e.target: e.how for e in actions_on("aniracetam").effects}
    assert nulls["NMDA receptor"] == "none"


def test_a_drug_without_a_target_here_says_so() -> None:
    caffeine = actions_on("caffeine")
    assert not caffeine.acts
    (note,) = caffeine.notes()
    assert "No effect of Caffeine on any target that is present is known" in note
    assert "adenosine A1 receptor" in note
    piracetam = actions_on("piracetam")
    assert not piracetam.acts
    assert any("not modelled" in note for note in piracetam.notes())
    mpep = actions_on("MPEP")
    assert [e.how for e in mpep.effects] == ["none", "none"]
    assert "group I mGluR" in mpep.notes()[-1]
    assert actions_on("MPEP", [*SLICE_TARGETS, "group I mGluR"]).acts
    with pytest.raises(NoPharmacologyError):
        actions_on("imuracetam")
    with pytest.raises(UnknownNameError):
        actions_on("D-AP6")
    with pytest.raises(UnknownNameError, match="NMDA receptr"):
        find_block("D-AP5", "NMDA receptr")


def test_every_compound_says_something() -> None:
    for compound in all_compounds():
        if compound.no_pharmacology is None:
            effects = actions_on(compound.id)
            assert effects.notes()
            assert effects.acts == any(e.how in ("scheme", "block") for e in effects.effects)


def test_cadmium_lowers_release_and_nothing_else_does_by_accident() -> None:
    factor, note = release_left("Cd2+", 20.0)
    assert factor == pytest.approx(0.84 / 6.19, rel=0.05)
    assert note.startswith("assumed")
    assert release_left("Cd2+", 0.0)[0] == 1.0
    assert release_left("Cd2+", 40.0)[0] < factor
    none, said = release_left("aniracetam", 5000.0)
    assert none == 1.0
    assert "on record" in said


def test_blockers_multiply() -> None:
    both = targets_left({"D-AP5": 10.0, "MK-801": 0.001})
    one, other = (targets_left({k: v})["NMDA receptor"] for k, v in (("D-AP5", 10.0), ("MK-801", 0.001)))
    assert both["NMDA receptor"] == pytest.approx(one * other)
    assert both["GABA-A receptor"] == 1.0
