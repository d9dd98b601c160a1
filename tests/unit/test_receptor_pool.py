"""Receptor pool: exact steady state, conservation, competition and down-regulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from potentiate.errors import UsageError
from potentiate.mechanisms.receptor_pool import (
    DownRegulation,
    Potentiation,
    ReceptorPool,
    fast_equilibrium,
    simulate_down_regulation,
    simulate_pool,
    steady_state,
)

DAY = 1440.0


@given(st.floats(0.05, 0.98), st.floats(0.1, 10.0))
def test_at_rest_the_chosen_filling_and_pool_hold(filling, size):
    pool = ReceptorPool(filling=filling, relative_size=size)
    bound, free = steady_state(pool)
    assert bound == pytest.approx(filling * pool.rest_slots)
    assert free == pytest.approx(size * bound.sum())


@settings(max_examples=10, deadline=None)
@given(st.floats(0.3, 3.0), st.floats(0.3, 3.0), st.floats(0.3, 3.0), st.floats(0.3, 3.0))
def test_scipy_relaxes_to_the_exact_steady_state(slots, insertion, production, removal):
    pool = ReceptorPool()
    factors = np.array([slots, 1.0, 1.0, 1.0]), np.array([1.0, insertion, 1.0, 1.0])
    bound, free = steady_state(pool, slots=factors[0], insertion=factors[1], production=production, removal=removal)

    def slope(t, y):
        into = factors[1] * pool.insertion_per_min * y[4] * (factors[0] * pool.rest_slots - y[:4])
        out = pool.unbinding_per_min * y[:4]
        made, lost = production * pool.production_per_min, removal * pool.removal_per_min * y[4]
        return [*(into - out), (out - into).sum() - lost + made]

    y = solve_ivp(slope, (0, 2000), [*steady_state(pool)[0], steady_state(pool)[1]], "LSODA", rtol=1e-9, atol=1e-9).y
    assert y[:4, -1] == pytest.approx(bound, rel=1e-5)
    assert y[4, -1] == pytest.approx(free, rel=1e-5)


def test_receptors_are_conserved_without_production_and_removal():
    # removal so slow that nothing leaves within the run
    pool = ReceptorPool(removal_per_min=1e-12)
    times = np.linspace(0.0, 25.0, 26)
    bound, free = simulate_pool(pool, times, Potentiation((1,), 2.0))
    assert bound.sum(1) + free == pytest.approx(bound[0].sum() + free[0], rel=1e-7)
    assert bound[10, 1] > 1.5 * bound[0, 1]


def test_after_a_change_of_slots_the_fast_equilibrium_holds():
    pool = ReceptorPool(removal_per_min=1e-12)
    kept = Potentiation((1,), 0.0, peak_volume=2.0, sustained_volume=2.0, insertion=1.0)
    bound, free = simulate_pool(pool, [0.0, 40.0], kept)
    slots = pool.rest_slots.sum() + 40.0 * (2.0 ** (2.0 / 3.0) - 1.0)
    total = float(bound[0].sum() + free[0])
    assert bound[1].sum() == pytest.approx(fast_equilibrium(pool, total, slots), rel=1e-6)
    # every slot is then filled alike, and less than before: the neighbours pay
    filling = bound[1] / (pool.rest_slots * [1.0, 2.0 ** (2.0 / 3.0), 1.0, 1.0])
    assert filling == pytest.approx(np.full(4, filling[0]), rel=1e-6)
    assert filling[0] < pool.filling


def published_slope(t, y, pool):
    """Write the published LTP run of synapses 1 and 2 once more, from t = 2 min."""
    since, chosen = t - 2.0, np.array([0.0, 1.0, 1.0, 0.0])
    if since < 0:
        volume = 1.0
    elif since < 1.5:
        volume = 1 + 3 / (1 + np.exp(-8 * (since - 0.75)))
    else:
        volume = 2 + 2 * np.exp(-(since - 1.5) / 5)
    faster = 1 + 3 * (since / 0.1 if since < 0.1 else max(0.0, 1 - (since - 0.1) / 2)) if since > 0 else 1.0
    slots = pool.rest_slots * np.where(chosen, volume ** (2 / 3), 1.0)
    alpha = pool.insertion_per_min * np.where(chosen, faster, 1.0)
    net = alpha * y[4] * (slots - y[:4]) - 60 / 43 * y[:4]
    return [*net, -net.sum() - y[4] / 14 + pool.production_per_min]


def test_the_published_ltp_run_agrees_with_scipy():
    pool, times = ReceptorPool(), np.linspace(0.0, 25.0, 251)
    bound, free = simulate_pool(pool, times, Potentiation((1, 2), 2.0))
    y0 = [*(0.9 * pool.rest_slots), 0.9 * 200 * 2.67]
    oracle = solve_ivp(
        published_slope, (0, 25), y0, "LSODA", times, args=(pool,), rtol=1e-10, atol=1e-10, max_step=0.01
    ).y
    assert bound == pytest.approx(oracle[:4].T, rel=1e-5)
    assert free == pytest.approx(oracle[4], rel=1e-5)
    relative = bound / bound[0] - 1.0
    assert relative[:, 1].max() > 1.5
    assert -0.05 < relative[:, 0].min() < -0.02


def test_neighbours_lose_more_the_emptier_the_slots():
    times = np.linspace(0.0, 12.0, 121)
    loss = []
    for filling in (0.5, 0.7, 0.9):
        bound, _ = simulate_pool(ReceptorPool(filling=filling), times, Potentiation((1, 2), 1.0))
        loss.append(1.0 - bound[:, 0].min() / bound[0, 0])
    assert loss[0] > loss[1] > loss[2] > 0.0


def test_down_regulation_lowers_all_synapses_alike_and_short_daily_exposure_little():
    hours = 60.0 * np.arange(0.0, 97.0, 1.0)
    once = DownRegulation(((0.0, DAY),), 0.8)
    daily = DownRegulation(tuple((d * DAY, d * DAY + 180.0) for d in range(4)), 0.8)
    bound, _ = simulate_down_regulation(ReceptorPool(), hours, once)
    relative = bound / bound[0]
    assert np.ptp(relative, axis=1) == pytest.approx(np.zeros(97), abs=1e-12)
    assert relative[24, 0] < 0.9
    assert relative[24, 0] == pytest.approx(relative.min(), abs=1e-3)
    assert relative[96, 0] == pytest.approx(1.0, abs=2e-3)
    short = simulate_down_regulation(ReceptorPool(), hours, daily)[0]
    assert (short / short[0]).min() > 0.97


@pytest.mark.parametrize("route", ["production", "removal"])
def test_slow_reduction_agrees_with_the_full_run(route):
    exposed = DownRegulation(((60.0, 240.0),), 0.6, half_time_min=120.0, route=route)
    times = np.arange(0.0, 601.0, 60.0)
    full, reduced = (
        simulate_pool(ReceptorPool(), times, (), exposed),
        simulate_down_regulation(ReceptorPool(), times, exposed),
    )
    assert reduced[0] == pytest.approx(full[0], rel=2e-3)
    assert reduced[1] == pytest.approx(full[1], rel=2e-2)


def test_signal_rises_and_falls_with_its_half_time():
    down = DownRegulation(((0.0, 720.0), (2160.0, 2880.0)), 0.5)
    assert [down.signal(t) for t in (-1.0, 0.0, 720.0, 1440.0)] == pytest.approx([0.0, 0.0, 0.5, 0.25])
    assert down.signal(2880.0) == pytest.approx(1.0 - (1.0 - 0.125) / 2.0)
    assert DownRegulation(((5.0, 10.0),), 0.5).factors(0.0) == (1.0, 1.0)


def test_bad_input_is_refused():
    for bad in ({"filling": 1.0}, {"relative_size": 0.0}, {"slots": [10.0, 0.0]}):
        with pytest.raises(UsageError):
            ReceptorPool(**bad)
    with pytest.raises(UsageError, match="overlap"):
        DownRegulation(((0.0, 10.0), (5.0, 20.0)), 0.5)
    with pytest.raises(UsageError, match="depth"):
        DownRegulation(((0.0, 10.0),), 1.0)
    with pytest.raises(UsageError, match="does not exist"):
        simulate_pool(ReceptorPool(), [0.0, 1.0], Potentiation((4,)))
    with pytest.raises(UsageError, match="do not increase"):
        simulate_pool(ReceptorPool(), [1.0, 0.0])
