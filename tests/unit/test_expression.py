"""Routes of expression: what a strength becomes, faster gating, and the study's arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.errors import UsageError
from potentiate.kinetics.gating import speed_gating
from potentiate.library.modulator import find_action
from potentiate.library.scheme import find_scheme
from potentiate.mechanisms.expression import ROUTES, express
from potentiate.preparations.expression_study import gating_switch, study_expression

ANIRACETAM = find_action("aniracetam")
assert ANIRACETAM is not None


@pytest.mark.parametrize("name", ["RT1995", "Partin1996", "Rodrigues2023", "RH2003_GluA1_balanced"])
def test_faster_gating_keeps_equilibrium_and_balance(name):
    scheme = find_scheme(name)
    fast = speed_gating(scheme, 5.0)
    for glutamate in (1.0, 100.0, 10_000.0):
        assert fast.equilibrium({"glutamate": glutamate}) == pytest.approx(scheme.equilibrium({"glutamate": glutamate}))
    assert len(fast.imbalances()) == len(scheme.imbalances())
    gates = [e.role == "gate" for e in scheme.edges]
    ratio = fast.constants / scheme.constants
    assert ratio == pytest.approx(np.where(gates * 2, 5.0, 1.0))


def test_drug_and_speed_commute():
    scheme = find_scheme("RT1995")
    one = ANIRACETAM.apply(speed_gating(scheme, 3.0)).generator({"glutamate": 1e3, "aniracetam": 1e3})
    other = speed_gating(ANIRACETAM.apply(scheme), 3.0).generator({"glutamate": 1e3, "aniracetam": 1e3})
    assert one == pytest.approx(other)


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan")])
def test_a_speed_must_be_positive(factor):
    with pytest.raises(UsageError, match="not a factor"):
        speed_gating(find_scheme("RT1995"), factor)


@given(st.sampled_from(ROUTES), st.floats(0.0, 4.0), st.floats(0.5, 3.0))
def test_every_route_gives_the_response_that_is_asked_for(route, strength, enlargement):
    made = express(route, np.array([strength, 1.0]), 80.0, enlargement)
    # composition is defined by receptors, all others by the response
    response = made.conductance(1.0, enlargement if route == "gating" else 1.0)
    assert response == pytest.approx([80.0 * strength, 80.0])
    assert np.all(made.resident >= 0.0)
    assert np.all(made.changed >= -1e-9)


def test_gating_turns_receptors_first_and_adds_them_after():
    half = express("gating", 1.5, 100.0, enlargement=2.0)
    assert (half.resident[0], half.changed[0]) == pytest.approx((50.0, 50.0))
    more = express("gating", 3.0, 100.0, enlargement=2.0)
    assert (more.resident[0], more.changed[0]) == pytest.approx((0.0, 150.0))
    # depression removes receptors
    assert express("gating", 0.7, 100.0, enlargement=2.0).resident[0] == pytest.approx(70.0)


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match="no route"):
        express("size", 1.5, 80.0)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="positive number"):
        express("number", [1.0, -0.1], 80.0)
    scheme = find_scheme("RT1995")
    with pytest.raises(UsageError, match="must be positive"):
        study_expression(scheme, ANIRACETAM, 0.0)
    with pytest.raises(UsageError, match="neck_GOhm"):
        study_expression(scheme, ANIRACETAM, 1500.0, neck_GOhm=-1.0)


def test_responses_before_and_after_differ_by_the_strength():
    # RT1995 at speed 5 alone gives more than 1.2-fold: the peak of a mixture must still be exact
    study = study_expression(find_scheme("RT1995"), ANIRACETAM, 1500.0, strength=1.2, speed=5.0)
    for row in study.rows:
        ratio = row.control.measures["amplitude"].value / study.control.measures["amplitude"].value
        assert ratio == pytest.approx(1.2, rel=1e-6)
    mixed = study.row("gating").receptors
    assert 0.0 < mixed.resident[0] < 80.0
    assert mixed.resident[0] + mixed.changed[0] == pytest.approx(80.0)
    assert {r.route for r in study.rows} == {"number", "conductance", "gating"}


def test_the_switch_of_the_slice_says_what_faster_gating_enlarges():
    scheme = find_scheme("Partin1996")
    study = study_expression(scheme, ANIRACETAM, 1500.0, speed=3.0)
    for membrane_ms, measure in ((0.0, "amplitude"), (10.0, "epsp")):
        changed, gain = gating_switch(scheme, speed=3.0, membrane_ms=membrane_ms)
        assert gain == pytest.approx(study.gating_alone[measure].value, rel=1e-6)
        assert changed.constants == pytest.approx(speed_gating(scheme, 3.0).constants)


def test_the_potential_can_be_brought_to_the_strength_instead_of_the_current():
    study = study_expression(find_scheme("Rodrigues2023"), ANIRACETAM, 1500.0, membrane_ms=10.0)
    for row in study.rows:
        ratio = row.control.measures["epsp"].value / study.control.measures["epsp"].value
        assert ratio == pytest.approx(1.6, rel=1e-6)
    # its response gets briefer more than larger, so more than 1.6 times the receptors are needed
    assert study.gating_alone["amplitude"].value > 1.0 > study.gating_alone["epsp"].value
    assert study.row("gating").receptors.changed[0] > 1.6 * 80.0


def test_what_is_inserted_may_be_another_scheme():
    scheme, other = find_scheme("RT1995"), find_scheme("RH2003_GluA1_balanced")
    study = study_expression(scheme, ANIRACETAM, 1500.0, inserted=other)
    row = study.row("composition")
    assert (row.receptors.resident[0], row.receptors.changed[0]) == pytest.approx((80.0, 48.0))
    assert row.waveform_change.value > 0.05
    same = study_expression(scheme, ANIRACETAM, 1500.0, inserted=scheme).row("composition")
    assert same.waveform_change.value == pytest.approx(0.0, abs=1e-12)


def test_without_a_response_there_is_nothing_to_compare():
    with pytest.raises(UsageError, match="does not respond"):
        study_expression(find_scheme("RT1995"), ANIRACETAM, 1500.0, glutamate_uM=0.0)
