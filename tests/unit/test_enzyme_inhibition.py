"""Inhibition, inactivation, induction: closed forms, limits, and an independent integrator."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

from potentiate.mechanisms.enzyme_inhibition import (
    MutualInhibition,
    Turnover,
    activity_left,
    auc_ratio,
    least_fraction,
    left_under_decaying_inhibitor,
    left_under_steps,
)

WITH_BOTH = Turnover(kdeg_per_h=0.02, kinact_per_h=0.5, ki_inact=3.0, emax=4.0, ec50=2.0)


def test_static_model_of_one_pathway() -> None:
    assert auc_ratio(0.9, activity_left(5.0, 1.0)) == pytest.approx(1 / (0.9 / 6 + 0.1))
    assert auc_ratio(1.0, 0.5, gut_escape=0.4, gut_activity=0.0) == pytest.approx(2 / 0.4)
    assert auc_ratio(0.0, 0.0) == 1.0


@given(st.floats(0, 1), st.floats(0.01, 10), st.floats(0.05, 1), st.floats(0.01, 10))
def test_inhibitors_raise_and_inducers_lower_exposure(fm: float, activity: float, escape: float, gut: float) -> None:
    ratio = auc_ratio(fm, activity, gut_escape=escape, gut_activity=gut)
    assert ratio > 0
    if activity <= 1 and gut <= 1:
        assert ratio >= 1 - 1e-12
        assert ratio <= 1 / (1 - fm) / escape * (1 + 1e-9) if fm < 1 else True
    if activity >= 1 and gut >= 1:
        assert ratio <= 1 + 1e-12


def test_the_least_fraction_undoes_the_static_model() -> None:
    for ratio in (1.0, 2.0, 11.5):
        assert auc_ratio(least_fraction(ratio), 0.0) == pytest.approx(ratio)


@pytest.mark.parametrize(
    "enzyme", [WITH_BOTH, Turnover(0.02, kinact_per_h=0.5, ki_inact=3.0), Turnover(0.02, emax=4, ec50=2)]
)
def test_steady_levels_are_where_the_course_ends_and_where_nothing_changes(enzyme: Turnover) -> None:
    for concentration in (0.0, 0.3, 10.0):
        steady = enzyme.steady(concentration)
        synthesis, loss = enzyme.rates(concentration)
        assert enzyme.kdeg_per_h * synthesis - loss * steady == pytest.approx(0, abs=1e-15)
        assert enzyme.course(np.array([0.0, 5000.0]), np.array([concentration]))[-1] == pytest.approx(steady)
    assert enzyme.steady(0.0) == 1.0


def test_enzyme_course_against_an_integrator() -> None:
    edges = np.linspace(0, 96, 97)
    middle = 0.5 * (edges[1:] + edges[:-1])
    concentration = 5 * np.exp(-0.1 * middle)

    def slope(t: float, e: np.ndarray) -> np.ndarray:
        synthesis, loss = WITH_BOTH.rates(concentration[min(int(t), 95)])
        return WITH_BOTH.kdeg_per_h * synthesis - loss * e

    found = WITH_BOTH.course(edges, concentration)
    value = np.array([1.0])
    for i in (0, 1, 2):  # piece by piece: the right-hand side jumps at the edges
        value = solve_ivp(slope, (edges[i], edges[i + 1] - 1e-9), value, rtol=1e-10, atol=1e-12).y[:, -1]
        assert found[i + 1] == pytest.approx(value[0], rel=1e-7)
    many = WITH_BOTH.course(edges, np.stack([concentration, 0 * concentration]))
    assert many[0] == pytest.approx(found)
    assert many[1] == pytest.approx(np.ones(97))


def test_recovery_has_the_half_life_of_the_enzyme() -> None:
    enzyme = Turnover(math.log(2) / 38.6, kinact_per_h=1.0, ki_inact=1.0)
    course = enzyme.course(np.array([0.0, 38.6, 77.2]), np.zeros(2), start=0.2)
    assert course == pytest.approx([0.2, 0.6, 0.8])


@given(st.floats(0.05, 1.0), st.floats(0.0, 100.0), st.floats(0.05, 2.0), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_closed_form_under_a_decaying_inhibitor(k: float, x: float, rate: float, fraction: float) -> None:
    t = 7.0
    hazard = quad(
        lambda s: k * (fraction / (1 + x * math.exp(-rate * s)) + 1 - fraction), 0, t, epsabs=1e-12, limit=200
    )[0]
    assert left_under_decaying_inhibitor(np.array([t]), k, x, rate, fraction)[0] == pytest.approx(
        math.exp(-hazard), rel=1e-9
    )


def test_steps_converge_to_the_closed_form() -> None:
    k, x, rate = 0.13, 20.0, 0.5
    errors = []
    for m in (50, 100, 200):
        edges = np.linspace(0, 24, m + 1)
        middle = 0.5 * (edges[1:] + edges[:-1])
        steps = left_under_steps(edges, k / (1 + x * np.exp(-rate * middle)))
        errors.append(np.abs(steps - left_under_decaying_inhibitor(edges, k, x, rate)).max())
    assert errors[-1] < 1e-4
    assert errors[0] / errors[2] == pytest.approx(16, rel=0.1)  # second order
    assert left_under_decaying_inhibitor(np.array([1e4]), 1e-3, 1.0, 1.0) == pytest.approx(
        math.exp(-10) * 2**1e-3, rel=1e-9
    )


def test_a_reversible_inhibitor_with_a_short_half_life_cannot_change_a_late_half_life() -> None:
    # methylliberine has a half-life of 1.4 h (nutraingredients2022), caffeine of 7.2 h in that study: up to 30 times
    # Ki, the drug falls nearly at its own rate again from 12 h on
    k, rate = math.log(2) / 7.2, math.log(2) / 1.4
    t = np.array([12.0, 24.0])
    for x in (1.0, 10.0, 30.0):
        left = left_under_decaying_inhibitor(t, k, x, rate)
        late = math.log(2) * 12 / math.log(left[0] / left[1])
        assert late < 7.2 * 1.25, x


def test_two_drugs_that_inhibit_each_other() -> None:
    system = MutualInhibition((4.0, 2.0), (3.0, 5.0), (0.02, 0.01), Turnover(0.02, kinact_per_h=0.3, ki_inact=4.0))
    t = np.linspace(0, 24, 49)
    found = system.run((10.0, 8.0), t)
    other = solve_ivp(
        lambda _, y: system.derivative(y), (0, 24), [10, 8, 1], method="DOP853", t_eval=t, rtol=1e-11, atol=1e-13
    )
    assert np.abs(found - other.y).max() < 1e-6
    # without the second drug the first follows Michaelis-Menten: K log(a0/a) + a0 - a = V t
    alone = MutualInhibition((4.0, 0.0), (3.0, 5.0), (0.0, 0.0), Turnover(0.02)).run((10.0, 0.0), t)
    a = alone[0][:8]
    assert 3.0 * np.log(10 / a) + 10 - a == pytest.approx(4.0 * t[:8], rel=1e-6, abs=1e-9)
    assert alone[2] == pytest.approx(np.ones(49))
    # far below both Km nothing is mutual: two exponentials
    thin = MutualInhibition((4.0, 2.0), (3.0, 5.0), (0.1, 0.2), Turnover(0.02)).run((1e-6, 1e-6), t)
    assert thin[0] / 1e-6 == pytest.approx(np.exp(-(4 / 3 + 0.1) * t), abs=1e-6)
