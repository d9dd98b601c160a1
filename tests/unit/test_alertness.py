"""The Unified Model of Performance: against an independent integrator, over schedules, limits, bad input."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from potentiate.errors import UsageError
from potentiate.mechanisms.alertness import (
    UnifiedModel,
    caffeine_factor,
    circadian,
    habitual_state,
    homeostat,
    sleep_inertia,
    with_caffeine,
)

#: constants as the code of FIPS has them (facts 2.1)
FIPS = UnifiedModel(24.12, 40.0, 1.0, 4.06 * 24.0, 4.13, 2.02, (0.97, 0.22, 0.07, 0.03, 0.0001), 1.14, 0.46)


def integrated(t, sleeps, s0=0.0, l0=0.0):
    """Integrate the differential equations piece by piece with scipy."""
    edges = sorted({t[0], t[-1], *[x for pair in sleeps for x in pair if t[0] < x < t[-1]]})
    state, out = np.array([s0, l0]), np.full((2, t.size), np.nan)
    for a, b in itertools.pairwise(edges):
        asleep = any(x <= 0.5 * (a + b) < y for x, y in sleeps)

        def slope(_, y, asleep=asleep):
            s, low = y
            if asleep:
                return [-(s - low) / 1.0, -(low + 2 * 24.12) / 97.44]
            return [(24.12 - s) / 40.0, (24.12 - low) / 97.44]

        inside = (t >= a) & (t <= b)
        found = solve_ivp(slope, (a, b), state, t_eval=np.unique([*t[inside], b]), rtol=1e-11, atol=1e-12)
        out[:, inside] = found.y[:, : inside.sum()]
        state = found.y[:, -1]
    return out


def test_72_h_without_sleep_are_those_of_an_integrator():
    t = np.arange(7.0, 79.0 + 1e-9, 0.5)
    own = homeostat(FIPS, t)
    s, low = integrated(t, [])
    assert own.pressure == pytest.approx(s, abs=1e-8)
    assert own.floor == pytest.approx(low, abs=1e-8)
    lapses = own.pressure + FIPS.circadian * circadian(FIPS, t)
    # the model's shape: worse after each night, worst in the small hours, better by day
    assert 1.0 < lapses[0] < 3.0
    night = [lapses[(t >= 24 * d + 3) & (t <= 24 * d + 7)].max() for d in (1, 2, 3)]
    assert night == sorted(night)
    assert lapses[t == 24 + 20].item() < lapses[t == 24 + 4].item()


@pytest.mark.parametrize(
    "sleeps", [[(23.0, 31.0)], [(2.0, 3.5), (23.0, 28.0), (47.5, 55.0)], [(7.0, 9.0)], [(5.0, 9.0), (30.0, 31.0)]]
)
def test_any_schedule_is_that_of_an_integrator(sleeps):
    t = np.arange(7.0, 60.0, 0.25)
    own = homeostat(FIPS, t, sleeps, pressure=5.0, floor=-2.0)
    s, low = integrated(t, sleeps, 5.0, -2.0)
    assert own.pressure == pytest.approx(s, abs=1e-7)
    assert own.floor == pytest.approx(low, abs=1e-7)
    assert not own.awake[[i for i, x in enumerate(t) if any(a <= x < b for a, b in sleeps)]].any()


def test_times_may_be_any_and_may_start_later():
    fine, coarse = np.arange(7.0, 60.0, 0.1), np.array([20.0, 33.3, 59.9])
    sleeps = [(23.0, 30.0)]
    a = homeostat(FIPS, fine, sleeps).pressure
    b = homeostat(FIPS, coarse, sleeps, start_h=7.0)
    assert b.pressure == pytest.approx(np.interp(coarse, fine, a), abs=1e-3)
    assert b.since_wake_h == pytest.approx([13.0, 3.3, 29.9])


@given(st.floats(1.0, 23.0))
def test_habit_is_a_fixed_point(hours):
    s, low = habitual_state(FIPS, hours)
    day = homeostat(FIPS, [0.0, 24.0], [(24.0 - hours, 24.0)], pressure=s, floor=low)
    assert day.pressure[-1] == pytest.approx(s, abs=1e-8)
    assert day.floor[-1] == pytest.approx(low, abs=1e-8)


def test_less_sleep_is_worse():
    states = [habitual_state(FIPS, h) for h in (8.0, 7.0, 6.0, 5.0)]
    assert states == sorted(states)


def test_circadian_has_a_period_of_a_day_and_no_mean():
    t = np.linspace(0.0, 24.0, 481)
    assert circadian(FIPS, t) == pytest.approx(circadian(FIPS, t + 24.0))
    assert np.mean(circadian(FIPS, t[:-1])) == pytest.approx(0.0, abs=1e-12)


def test_inertia_only_after_waking():
    lapses = sleep_inertia(FIPS, [math.nan, 0.0, 1.0, 24.0])
    assert lapses[0] == 0.0
    assert lapses[1] == pytest.approx(1.14)
    assert lapses[2] == pytest.approx(1.14 * math.exp(-0.46))
    assert lapses[3] < 1e-4


@given(st.floats(0.0, 500.0), st.floats(0.0, 20.0), st.floats(0.1, 100.0))
def test_caffeine_takes_lapses_away_and_never_adds(c, amplitude, half):
    g = float(caffeine_factor(c, amplitude, half))
    assert 1.0 / (1.0 + amplitude) - 1e-12 <= g <= 1.0
    assert float(caffeine_factor(c + 1.0, amplitude, half)) <= g + 1e-15
    assert float(with_caffeine(10.0, g)) <= 10.0
    assert float(with_caffeine(-1.0, g)) == -1.0


def test_no_caffeine_no_effect():
    assert float(caffeine_factor(0.0, 5.0, 3.0)) == 1.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: homeostat(FIPS, [8.0, 7.0]),
        lambda: homeostat(FIPS, [7.0, 8.0], start_h=9.0),
        lambda: homeostat(FIPS, [7.0, 8.0], [(9.0, 8.0)]),
        lambda: homeostat(FIPS, [7.0, 8.0], [(8.0, 12.0), (11.0, 13.0)]),
        lambda: habitual_state(FIPS, 24.0),
        lambda: caffeine_factor(1.0, -1.0, 1.0),
        lambda: UnifiedModel(24.0, 40.0, 1.0, 1.0, 4.0, 2.0, (1.0,)),
    ],
)
def test_bad_input(call):
    with pytest.raises(UsageError):
        call()
