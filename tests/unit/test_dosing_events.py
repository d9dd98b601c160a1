"""Dosing events against an independent solver: SciPy's LSODA from event to event, a long past for steady state."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from potentiate.errors import UsageError
from potentiate.exposure.events import Event, course
from potentiate.mechanisms.compartments import compartments

KA, K12, K21, KEL = 1.3, 0.4, 0.3, 0.2
NAMES = ("gut", "central", "peripheral")
READINGS = np.eye(4)[:, :3]
PAST = 100  # intervals that stand for "for ever": the slowest rate is 0.07 per hour


def model(people: int = 1):
    flows = {
        ("gut", "central"): KA,
        ("central", "peripheral"): K12,
        ("peripheral", "central"): K21,
        ("central", "out"): KEL,
    }
    return compartments(NAMES, flows, people)


def slope(_, x, rate):
    gut, central, peripheral = x
    return np.array([
        -KA * gut,
        KA * gut - (K12 + KEL) * central + K21 * peripheral,
        K12 * central - K21 * peripheral,
    ]) + rate  # fmt: skip


@dataclasses.dataclass
class Plain:
    """An input as the solver sees it."""

    start: float
    amount: float
    target: int
    duration: float = 0.0


def solve(inputs: list[Plain], t: np.ndarray, resets: tuple[float, ...] = ()) -> np.ndarray:
    """Integrate from the first input, stopping at everything that happens; readings just after it."""
    edges = {i.start for i in inputs} | {i.start + i.duration for i in inputs} | set(resets) | set(t.tolist())
    edges = sorted(edges)
    x, found, now = np.zeros(3), {}, edges[0]
    dead = -np.inf
    for edge in edges:
        if edge > now:
            rate = np.zeros(3)
            for i in inputs:
                if (
                    i.duration
                    and i.start <= now + 1e-12
                    and edge <= i.start + i.duration + 1e-12
                    and i.start >= dead - 1e-12
                ):
                    rate[i.target] += i.amount / i.duration
            x = solve_ivp(slope, (now, edge), x, args=(rate,), method="LSODA", rtol=1e-10, atol=1e-12).y[:, -1]
            now = edge
        if edge in resets:
            x, dead = np.zeros(3), edge
        for i in inputs:
            if not i.duration and abs(i.start - edge) < 1e-12:
                x = x.copy()
                x[i.target] += i.amount
        found[edge] = x
    return np.array([found[float(s)] for s in t])


GRID = np.linspace(0.0, 60.0, 61)
ODD = np.array([0.3, 1.0, 7.7, 24.0, 33.1, 48.0, 59.9])


def check(events, inputs, *, resets=(), lag=None, share=None, rtol=1e-7):
    from_h = max((e.time_h for e in events if e.steady), default=0.0)  # before its record a steady state is not there
    for t in (GRID[GRID >= from_h], ODD[ODD >= from_h]):
        ours = course(model(), events, t, READINGS, lag_h=lag, bioavailability=share)[0]
        theirs = solve(inputs, t, resets)
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-7)


def test_bolus_and_oral_dose():
    check([Event(2.0, 100.0), Event(12.5, 50.0, "gut")], [Plain(2.0, 100.0, 1), Plain(12.5, 50.0, 0)])


def test_additional_doses():
    check([Event(1.0, 100.0, "gut", additional=4, interval_h=8.0)], [Plain(1.0 + 8 * k, 100.0, 0) for k in range(5)])


def test_infusion_of_fixed_duration_and_of_fixed_rate():
    check([Event(1.0, 100.0, duration_h=5.0)], [Plain(1.0, 100.0, 1, 5.0)])
    check([Event(1.0, 100.0, rate_per_h=20.0)], [Plain(1.0, 100.0, 1, 5.0)])


def test_bioavailability_changes_the_rate_or_the_duration():
    share = {"central": 0.5}
    check([Event(1.0, 100.0, duration_h=5.0)], [Plain(1.0, 50.0, 1, 5.0)], share=share)
    check([Event(1.0, 100.0, rate_per_h=20.0)], [Plain(1.0, 50.0, 1, 2.5)], share=share)


def test_lag_time_delays_absorption_only():
    events = [Event(1.0, 100.0, "gut"), Event(3.0, 10.0)]
    check(events, [Plain(1.75, 100.0, 0), Plain(3.0, 10.0, 1)], lag={"gut": 0.75})


def test_steady_state_of_doses():
    past = [Plain(2.0 - 12 * k, 100.0, 0) for k in range(PAST)]
    check([Event(2.0, 100.0, "gut", interval_h=12.0, steady=1, additional=2)],
          [*past, Plain(14.0, 100.0, 0), Plain(26.0, 100.0, 0)])  # fmt: skip


def test_steady_state_with_lag_time_goes_on_until_the_dose_comes_in():
    past = [Plain(2.0 + 0.5 - 12 * k, 100.0, 0) for k in range(PAST)]
    events = [Event(2.0, 100.0, "gut", interval_h=12.0, steady=1)]
    t = np.array([2.1, 2.5, 3.0, 9.0, 20.0])
    ours = course(model(), events, t, READINGS, lag_h={"gut": 0.5})[0]
    np.testing.assert_allclose(ours, solve(past, t), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("duration", [3.0, 12.0, 20.0, 31.0])
def test_steady_state_of_infusions_that_end_or_overlap(duration):
    past = [Plain(2.0 - 12 * k, 100.0, 1, duration) for k in range(PAST)]
    t = np.array([2.0, 2.5, 5.0, 9.0, 13.9, 30.0, 50.0])
    ours = course(model(), [Event(2.0, 100.0, duration_h=duration, interval_h=12.0, steady=1)], t, READINGS)[0]
    np.testing.assert_allclose(ours, solve(past, t), rtol=1e-7, atol=1e-6)


def test_constant_infusion_at_steady_state_stops():
    level = 7.0 / KEL  # central amount: input over elimination rate
    ours = course(model(), [Event(0.0, rate_per_h=7.0, steady=1)], np.array([0.0, 1.0]), READINGS)[0]
    assert ours[0, 1] == pytest.approx(level)
    assert ours[0, 2] == pytest.approx(level * K12 / K21)
    assert ours[1, 1] < level


def test_steady_state_replaces_what_was_before_and_two_adds_to_it():
    earlier = Event(0.0, 1000.0)
    past = [Plain(10.0 - 12 * k, 100.0, 0) for k in range(PAST)]
    t = np.array([10.0, 15.0, 30.0])
    replaced = course(model(), [earlier, Event(10.0, 100.0, "gut", interval_h=12.0, steady=1)], t, READINGS)[0]
    np.testing.assert_allclose(replaced, solve(past, t), rtol=1e-7, atol=1e-7)
    added = course(model(), [earlier, Event(10.0, 100.0, "gut", interval_h=12.0, steady=2)], t, READINGS)[0]
    np.testing.assert_allclose(added, solve([*past, Plain(0.0, 1000.0, 1)], t), rtol=1e-7, atol=1e-6)


def test_reset_ends_amounts_infusions_and_doses_to_come():
    events = [
        Event(0.0, 100.0, "gut", additional=5, interval_h=8.0),
        Event(2.0, 100.0, duration_h=30.0),
        Event(20.0, reset=True),
    ]
    for t in (GRID, ODD):
        ours = course(model(), events, t, READINGS)[0]
        assert np.all(ours[t >= 20.0] == 0.0)
    inputs = [Plain(8.0 * k, 100.0, 0) for k in range(3)] + [Plain(2.0, 100.0, 1, 30.0)]
    t = np.array([1.0, 10.0, 19.9])
    np.testing.assert_allclose(course(model(), events, t, READINGS)[0], solve(inputs, t), rtol=1e-7, atol=1e-7)


def test_reset_with_a_dose():
    check(
        [Event(0.0, 100.0), Event(20.0, 40.0, reset=True)], [Plain(0.0, 100.0, 1), Plain(20.0, 40.0, 1)], resets=(20.0,)
    )


def test_readings_before_the_dose_of_the_same_moment():
    t = np.array([8.0, 8.0])
    events = [Event(0.0, 100.0), Event(8.0, 100.0)]
    before, after = course(model(), events, t, READINGS, before=np.array([True, False]))[0]
    assert after[1] - before[1] == pytest.approx(100.0)


def test_people_with_their_own_lag_share_one_call():
    lag = np.array([0.0, 0.31, 2.0])
    t = np.linspace(0, 20, 241)
    events = [Event(1.0, 100.0, "gut", additional=1, interval_h=6.3)]
    ours = course(model(3), events, t, READINGS, lag_h={"gut": lag})
    for one, delay in zip(ours, lag, strict=True):
        alone = course(model(), events, t, READINGS, lag_h={"gut": delay})[0]
        np.testing.assert_allclose(one, alone, rtol=1e-10, atol=1e-10)
    check(events, [Plain(1.31, 100.0, 0), Plain(7.61, 100.0, 0)], lag={"gut": 0.31})


@settings(max_examples=25, deadline=None)
@given(
    starts=st.lists(st.floats(0, 20), min_size=1, max_size=4),
    amount=st.floats(0.1, 1e4),
    factor=st.floats(0.1, 10),
    t0=st.floats(0, 5),
    lag=st.floats(0, 3),
)
def test_grid_and_single_times_agree_and_doses_scale(starts, amount, factor, t0, lag):
    t = t0 + np.arange(0, 40) * 0.73
    events = [Event(s, amount, "gut") for s in starts]
    on_grid = course(model(), events, t, READINGS, lag_h={"gut": lag})
    apart = np.concatenate(
        [course(model(), events, t[k : k + 1], READINGS, lag_h={"gut": lag}) for k in range(40)], axis=1
    )
    np.testing.assert_allclose(on_grid, apart, rtol=1e-9, atol=1e-9 * amount)
    more = course(
        model(), [dataclasses.replace(e, amount=amount * factor) for e in events], t, READINGS, lag_h={"gut": lag}
    )
    np.testing.assert_allclose(more, on_grid * factor, rtol=1e-9, atol=1e-9 * amount * factor)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"amount": -1.0}, "negative"),
        ({"amount": 1.0, "duration_h": 1.0, "rate_per_h": 1.0}, "rate and a duration"),
        ({"amount": 1.0, "additional": 2}, "without an interval"),
        ({"amount": 1.0, "steady": 1}, "without an interval"),
        ({"rate_per_h": 1.0, "steady": 1, "additional": 1}, "no additional doses"),
    ],
)
def test_events_that_make_no_sense(arguments, message):
    with pytest.raises(UsageError, match=message):
        Event(0.0, **arguments)
