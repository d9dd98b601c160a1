"""Tolerance: the slow state against an independent integrator, limits of each form, bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from potentiate.errors import UsageError
from potentiate.mechanisms.tolerance import Attenuation, Moderator, UpRegulation, follow

T = np.arange(0.0, 240.0, 0.5)


@given(st.floats(0.001, 5.0), st.floats(0.0, 3.0), st.floats(0.0, 2.0))
def test_a_constant_drive_is_approached_exponentially(rate, level, start):
    x = follow(T, np.full(T.shape, level), rate, start)
    assert x == pytest.approx(level + (start - level) * np.exp(-rate * T))


def test_a_course_of_doses_against_scipy():
    t = np.sort(np.concatenate([np.linspace(0, 48, 60), [7.3, 7.9]]))
    drive = np.maximum(np.sin(t / 3.0), 0.0) * 40.0
    own = follow(t, drive, 0.07)
    other = solve_ivp(
        lambda s, x: 0.07 * (np.interp(s, t, drive) - x), (0, 48), [0.0], t_eval=t, rtol=1e-10, atol=1e-12,
        max_step=0.1,
    )  # fmt: skip
    assert own == pytest.approx(other.y[0], rel=1e-6, abs=1e-8)


def test_people_are_filtered_alike():
    drive = np.vstack([np.ones_like(T), 2.0 * np.ones_like(T)])
    x = follow(T, drive, 0.1)
    assert x.shape == drive.shape
    assert x[1] == pytest.approx(2.0 * x[0])


@given(st.floats(0.01, 0.2), st.floats(0.1, 1.0))
def test_attenuation_stays_within_its_maximum_and_has_no_rebound(rate, maximum):
    c = np.where(T < 120.0, 30.0, 0.0)
    lost = Attenuation(rate, 5.0, maximum).lost(T, c)
    assert np.all((lost >= 0.0) & (lost <= maximum))
    assert np.all(np.diff(lost[T > 121.0]) <= 0.0)


def test_an_opponent_cancels_the_drug_and_outlasts_it():
    drive = np.where(T < 168.0, 1.0, 0.0)
    effect = Moderator(1 / 24.0).effect(T, drive)
    assert effect[0] == 1.0
    assert abs(effect[T < 168.0][-1]) < 0.01
    assert effect[T > 169.0][0] < -0.9


def test_receptors_appear_only_above_the_threshold():
    little, much = np.full(T.shape, 4.0), np.full(T.shape, 20.0)
    model = UpRegulation(np.log(2) / 168.0, 0.05, threshold=5.0)
    assert np.all(model.receptors(T, little) == 1.0)
    course = model.receptors(T, much)
    assert course[0] == 1.0
    assert np.all(np.diff(course) >= 0.0)
    assert course[-1] > 1.1
    assert np.all(UpRegulation(0.1, 0.05).receptors(T, little)[1:] > 1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: follow([0.0, 0.0], [1.0, 1.0], 1.0),
        lambda: follow([0.0, 1.0], [1.0], 1.0),
        lambda: follow([0.0, 1.0], [1.0, 1.0], 0.0),
        lambda: Attenuation(1.0, 0.0),
        lambda: Attenuation(1.0, 1.0, 1.5),
    ],
)
def test_bad_input(call):
    with pytest.raises(UsageError):
        call()
