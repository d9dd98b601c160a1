"""Non-compartmental analysis against what a compartment model gives in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.errors import DataError, UnknownNameError, UsageError
from potentiate.measures.noncompartmental import area_under_curve, noncompartmental, summarise, terminal_line

T = np.array([0.0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 20, 24, 30, 36])


def oral(ka=1.5, cl=3.0, v=30.0, dose=300.0, t=T):
    ke = cl / v
    return dose * ka / (v * (ka - ke)) * (np.exp(-ke * t) - np.exp(-ka * t))


@given(cl=st.floats(0.5, 20), v=st.floats(5, 80))
def test_a_bolus_is_exact(cl, v):
    """A falling exponential is integrated exactly by the logarithmic rule, to infinity as well."""
    t = np.linspace(0, 6 * v / cl, 12)
    found = noncompartmental(t[1:], 100 / v * np.exp(-cl / v * t[1:]), 100.0, route="iv bolus")
    exact = {"Cmax": 100 / v, "AUCinf": 100 / cl, "lambda_z": cl / v, "half-life": math.log(2) * v / cl, "CL": cl,
             "Vz": v, "Vss": v, "MRT": v / cl, "AUMCinf": 100 * v / cl**2}  # fmt: skip
    for name, value in exact.items():
        assert found[name].ok
        assert found[name].value == pytest.approx(value, rel=1e-7), name


def test_an_infusion_has_its_mean_time_without_the_infusion():
    t = np.linspace(0, 40, 4001)
    c = 100 / (2 * 2.0) * -np.expm1(-0.2 * np.minimum(t, 2)) * np.exp(-0.2 * np.maximum(t - 2, 0))
    found = noncompartmental(t, c, 100.0, route="infusion", duration_h=2.0)
    assert found["CL"].value == pytest.approx(2.0, rel=1e-4)
    assert found["MRT"].value == pytest.approx(5.0, rel=1e-3)
    assert found["Vss"].value == pytest.approx(10.0, rel=1e-3)
    with pytest.raises(UsageError, match="duration"):
        noncompartmental(t, c, 100.0, route="infusion")


def test_swallowed_dose():
    found = noncompartmental(T, oral(), 300.0)
    assert found["half-life"].value == pytest.approx(math.log(2) / 0.1, rel=5e-3)
    assert found["AUCinf"].value == pytest.approx(100.0, rel=0.01)
    assert found["CL/F"].value == pytest.approx(3.0, rel=0.01)
    assert found["Vz/F"].value == pytest.approx(30.0, rel=0.01)
    assert found["MRT"].value == pytest.approx(10 + 1 / 1.5, rel=0.02)
    assert found["Tmax"].value == 2.0
    assert found["trough"].status == "refused"
    dense = np.linspace(0, 36, 4001)
    finer = noncompartmental(dense, oral(t=dense), 300.0)
    assert finer["AUCinf"].value == pytest.approx(100.0, rel=1e-3)
    assert finer["Tmax"].value == pytest.approx(math.log(15) / 1.4, abs=0.01)


def test_the_two_rules_differ_as_they_should():
    t, c = [0.0, 1, 2, 4], [0.0, 8, 4, 1]
    assert area_under_curve(t, c, convention="linear") == pytest.approx(4 + 6 + 5)
    assert area_under_curve(t, c) == pytest.approx(4 + 4 / math.log(2) + 3 * 2 / math.log(4))
    with pytest.raises(UnknownNameError):
        area_under_curve(t, c, convention="spline")


@given(st.lists(st.floats(0, 100), min_size=2, max_size=12), st.floats(0.1, 50))
def test_areas_scale_and_the_logarithmic_rule_is_never_larger(values, scale):
    t = np.arange(len(values), dtype=float)
    log, linear = area_under_curve(t, values), area_under_curve(t, values, convention="linear")
    assert log <= linear * (1 + 1e-9) + 1e-9
    assert area_under_curve(t, scale * np.array(values)) == pytest.approx(scale * log, rel=1e-6, abs=1e-9)


def test_terminal_line_prefers_more_points_and_leaves_the_peak_out():
    line = terminal_line(T, oral())
    assert line is not None
    assert min(line.points) > int(np.argmax(oral()))
    assert line.rate == pytest.approx(0.1, rel=5e-3)
    straight = terminal_line([0.0, 1, 2, 3, 4], np.exp(-0.3 * np.arange(5)))
    assert straight is not None
    assert straight.points == (1, 2, 3, 4)
    assert terminal_line([0, 1, 2], [3, 2, 1]) is None


def test_far_extrapolation_is_not_determined():
    t = T[T <= 8]
    found = noncompartmental(t, oral(t=t), 300.0)
    assert found["AUC extrapolated"].value > 20
    for name in ("AUCinf", "CL/F", "Vz/F", "MRT"):
        assert found[name].status == "not determined"
        assert "extrapolated" in str(found[name].reason)
    assert found["half-life"].ok


def test_a_curve_that_still_rises_has_no_half_life():
    t = T[T <= 1.5]
    found = noncompartmental(t, oral(t=t), 300.0)
    assert found["Cmax"].status == "one-sided"
    assert found["half-life"].status == "not determined"
    assert math.isnan(found["CL/F"].value)


def test_steady_state_and_earlier_doses():
    tau = 12.0
    t = np.linspace(0, tau, 400)
    c = 100 / 10 * np.exp(-0.2 * t) / -math.expm1(-0.2 * tau)
    found = noncompartmental(t, c, 100.0, route="iv bolus", tau_h=tau, steady_state=True)
    assert found["CLss"].value == pytest.approx(2.0, rel=1e-6)
    assert found["Cavg"].value == pytest.approx(100 / 2 / tau, rel=1e-6)
    assert found["trough"].value == pytest.approx(c[-1])
    assert found["AUCinf"].status == "refused"
    early = noncompartmental(t, c, 100.0, route="iv bolus", tau_h=tau, earlier_doses=True)
    assert early["CL"].status == "refused"
    assert early["half-life"].ok
    short = noncompartmental(t[t < 8], c[t < 8], 100.0, route="iv bolus", tau_h=tau, steady_state=True)
    assert short["trough"].status == "not resolved"


def test_nothing_measured_is_a_reason_and_no_number():
    for t, c in (([], []), ([1.0], [2.0]), ([1.0, 2.0], [0.0, 0.0])):
        for route in ("oral", "iv bolus"):
            found = noncompartmental(t, c, 100.0, route=route)
            assert {o.status for o in found.observables} == {"not resolved"}
            assert all(math.isnan(o.value) and o.reason for o in found.observables)


@pytest.mark.parametrize(
    ("t", "c", "dose", "error"),
    [
        ([0, 1, 1], [1, 2, 3], 10, DataError), ([0, 1], [1, -2], 10, DataError), ([0, 1], [1, math.nan], 10, DataError),
        ([0, 1, 2], [1, 2], 10, DataError), ([0, 1], [1, 2], 0, UsageError), ([0, 1], [1, 2], math.inf, UsageError),
    ],
)  # fmt: skip
def test_bad_input(t, c, dose, error):
    with pytest.raises(error):
        noncompartmental(t, c, dose)


def test_summary_counts_only_what_is_ok():
    good = noncompartmental(T, oral(), 300.0)
    short = noncompartmental(T[T <= 8], oral(t=T[T <= 8]), 300.0)
    rows = {row["id"]: row for row in summarise([good, short])}
    assert (rows["CL/F"]["n"], rows["CL/F"]["of"]) == (1, 2)
    assert (rows["Cmax"]["n"], rows["Cmax"]["spread_percent"]) == (2, pytest.approx(0.0))
    assert rows["Tmax"]["word"] == "median"
