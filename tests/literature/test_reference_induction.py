"""The reference induction engine against what Rodrigues et al. 2023 print (facts/plasticity.md, section 1.4)."""

import numpy as np
import pytest

from potentiate.exposure.bath import Bath
from potentiate.library.scheme import find_scheme
from potentiate.mechanisms.docked_release import DockedRelease
from potentiate.mechanisms.reference_spine import STATE, glun2b_over_glun2a, nmda_conductance_nS, nmda_receptors
from potentiate.preparations.reference_grid import GridRule, time_grid
from potentiate.preparations.reference_protocols import published_inductions
from potentiate.preparations.reference_spine import ReferenceSpine


@pytest.mark.parametrize(
    ("scheme_id", "forward", "backward"),
    [("NMDA_Rodrigues_GluN2A", 7.514, 4.865), ("NMDA_Rodrigues_GluN2B", 7.514, 4.865), ("Rodrigues2023", 8.477, 4.627)],
)
def test_temperature_factors_at_35_degrees(scheme_id, forward, backward):
    scheme = find_scheme(scheme_id)
    at = scheme.factors({"glutamate": 1.0}, temperature_C=35.0)[[0, len(scheme.edges)]]
    assert at == pytest.approx([forward, backward], rel=2e-4)


def test_nmda_rates_of_the_two_subunits():
    """GluN2B is GluN2A with every forward rate times 0.25 and every reverse rate times 0.23; without a temperature both
    are the rates that an earlier document of the library holds."""
    a, b = find_scheme("NMDA_Rodrigues_GluN2A"), find_scheme("NMDA_Rodrigues_GluN2B")
    assert a.constants == pytest.approx(find_scheme("NMDA_GluN2A_linear_Popescu2004").constants)
    assert b.constants / a.constants == pytest.approx(np.repeat([0.25, 0.23], len(a.edges)))
    assert max(a.conductance) == pytest.approx(75.5, abs=0.05)


def test_derived_numbers_of_the_spine():
    k = ReferenceSpine().constants
    assert k.neck_nS == pytest.approx(3.93, abs=0.005)
    assert 1e3 / k.neck_nS == pytest.approx(254.0, abs=1.0)  # MOhm
    assert glun2b_over_glun2a(20.0) == pytest.approx(1.11, abs=0.005)
    assert glun2b_over_glun2a(60.0) == pytest.approx(0.54, abs=0.005)
    assert sum(nmda_receptors(60.0)) == 15
    assert 1e3 * nmda_conductance_nS(2500.0) == pytest.approx(75.5, abs=0.05)
    assert DockedRelease.at(2500.0).half == pytest.approx(0.7, abs=0.005)


def test_rest_is_near_the_published_initial_state():
    """src/UtilsData.jl, above 30 degrees: a mean over the flicker of single channels, so not the same numbers. Calcium,
    buffer, kinase agree; calcineurin, which feels the fourth power of calcium, is half of it without the flicker."""
    state = dict(zip(STATE, ReferenceSpine().rest(), strict=True))
    published = {
        "calcium_uM": 0.1143, "buffer_uM": 3.399, "CaM": 25.15, "CaMKII": 62.32, "K": 0.846, "P": 1.668, "P2": 1.343,
        "CaN": 19.87,
    }  # fmt: skip
    for name, value in published.items():
        assert state[name] == pytest.approx(value, rel=0.2), name
    assert 0.3 < state["CaN_CaM4"] / 0.1344 < 0.7
    assert state["spine_mV"] == pytest.approx(-70.03, abs=0.1)


def test_glutamate_of_a_vesicle_opens_the_published_receptors():
    """1 mM for 1 ms at 35 degrees: a 2.6 nS AMPA peak, falling with 1.3 ms (facts, section 2.1)."""
    spine = ReferenceSpine()
    grid = time_grid([1.0], 1.0, [], 2.0, 20.0, GridRule())
    drive = spine._drive(grid, np.array([1.0]), 1.0, np.array([[1000.0]]), Bath())[:, 0, 0]
    assert drive.max() == pytest.approx(2.63, rel=0.05)


@pytest.mark.slow
def test_order_of_stimulus_and_spikes_decides():
    """Tigaret & Mellor 2016, 300 pairings at 5 Hz: potentiation if two spikes follow the stimulus by 10 ms, none if
    they come first. (All protocols, with drawn channels too: docs/studies/reference_induction.md.)"""
    by_name = {p.name: p for p in published_inductions()}
    for name in ("Tigaret 1Pre2Post10", "Tigaret 2Post1Pre50"):
        p = by_name[name]
        found = p.spine().run(p.stimulation, runs=2, seed=1)
        assert found.direction() == p.published, name
        assert found.status == ("ok", "ok")
