"""Trafficking: rest, accuracy, limits, inductions that follow one another, and bad input."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from potentiate.errors import NumericalError, UsageError
from potentiate.mechanisms.trafficking import (
    LTD_GAIN,
    Induction,
    Trafficking,
    area_um2,
    receptors,
    rest,
    simulate_trafficking,
    stimulus_response,
)
from potentiate.numerics.dormand_prince import integrate

FULL = Induction(0.0, 1.0)


def slope_again(t, y, coop, structural, persistence=0.0):
    """Write the published equations once more, for one spine of 0.08 um3 after full LTP."""
    mobile, bound, size = y

    def f(b, c):
        norm = (b / c) ** (c / (c - b)) - (b / c) ** (b / (c - b))
        return (np.exp(-t / b) - np.exp(-t / c)) / norm

    area0 = 4 * np.pi * (3 * 0.08 / (4 * np.pi)) ** (2 / 3)
    lasting = (299 * np.exp(-0.08 / 0.102) - 0.9) / 100
    volume = 0.08
    if structural:
        volume *= 1 + (1 + 1.75 * lasting) * f(250, 5) + lasting * f(3000, 500)
    area = 4 * np.pi * (3 * volume / (4 * np.pi)) ** (2 / 3)
    p = 70.0

    def factors(b):
        return (24.6 / (12.5 + p) * b**0.8 + 1, (0.9 * p + 15.5) / (0.6 * p + 9.3 + b) - 0.5) if coop else (1, 1)

    up0, down0 = factors(20.0)
    k_ub = 0.1 * down0 * 20 / ((p - 20) * up0 * 10) * area0 * (1 + (5 if coop else 30) * f(5, 60))
    k_endo = (0.0018 * 13 + 0.2) * area0 / 10 - 0.018
    k_exo = 0.0018 * (1 + 5 * f(25, 60))
    up, down = factors(bound)
    net = k_ub * up * (p - bound) * mobile / area - 0.1 * down * bound
    return [
        k_exo * size + 0.2 - (k_endo + 0.018) * mobile / area - net,
        net,
        0.1 - 0.1 * 0.08 / 13 * size / volume,
    ]


@pytest.mark.parametrize("coop", [False, True])
@pytest.mark.parametrize("structural", [False, True])
def test_integration_agrees_with_scipy(coop, structural):
    minutes = np.array([0.0, 0.5, 1, 2, 5, 10, 30, 60, 120])
    found = receptors(Trafficking(cooperative=coop, structural=structural), FULL, minutes)[:, :, 0]
    oracle = solve_ivp(
        slope_again, (0, 7200), [10, 20, 13], "LSODA", 60 * minutes, args=(coop, structural), rtol=1e-11, atol=1e-11
    ).y
    assert found == pytest.approx(oracle, rel=1e-6)


def test_reference_rates_are_the_published_ones():
    published = {"cooperative": 0.0005048, "independent": 0.003591}
    assert Trafficking().binding_um2_per_s == pytest.approx(published["cooperative"], rel=1e-3)
    assert Trafficking(cooperative=False).binding_um2_per_s == pytest.approx(published["independent"], rel=1e-3)
    assert Trafficking().endocytosis_um2_per_s == pytest.approx(0.002058, rel=1e-3)
    assert Trafficking().endosomes_out_um3_per_s == pytest.approx(0.000615, rel=1e-3)


@settings(max_examples=10, deadline=None)
@given(
    st.floats(20, 200),
    st.floats(0.01, 0.5),
    st.booleans(),
)
def test_rest_is_a_fixed_point(slots, volume, coop):
    parameters = Trafficking(cooperative=coop, slots=slots, volume_um3=volume)
    start = np.stack(rest(parameters))[:, 0]
    later = receptors(parameters, Induction(0.0, 0.0), [0.0, 30.0])[:, -1, 0]
    assert later == pytest.approx(start, rel=1e-6)
    assert 0.0 < start[1] < slots


def test_without_time_nothing_has_changed_and_before_an_induction_all_is_at_rest():
    drive = np.array([-1.0, 0.0, 0.5, 1.0])
    found = simulate_trafficking(Trafficking(), Induction(10.0, drive), [-5.0, 0.0, 10.0, 11.0])
    assert found.shape == (4, 4)
    assert np.all(found[:3] == 1.0)
    assert np.all(np.diff(found[3]) > 0.0)
    assert simulate_trafficking(Trafficking(), [], [0.0, 60.0])[:, 0] == pytest.approx([1.0, 1.0])


def test_synapses_do_not_see_each_other():
    volumes, drives = np.array([0.03, 0.08, 0.3]), np.array([0.3, 1.0, -0.4])
    together = simulate_trafficking(Trafficking(volume_um3=volumes), Induction(0.0, drives), [0.0, 5.0, 60.0])
    for i in range(3):
        alone = simulate_trafficking(Trafficking(volume_um3=volumes[i]), Induction(0.0, drives[i]), [0.0, 5.0, 60.0])
        assert together[:, i] == pytest.approx(alone[:, 0], rel=1e-5)


@settings(max_examples=3, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_one_hour_strength_grows_with_drive_and_persistence(drive, persistence):
    parameters = Trafficking(persistence=persistence)
    low, high = simulate_trafficking(parameters, Induction(0.0, np.array([0.9 * drive, drive])), [0.0, 60.0])[1]
    assert 1.0 - 1e-6 <= low <= high + 1e-6
    more = dataclasses.replace(parameters, persistence=min(1.0, persistence + 0.1))
    assert simulate_trafficking(more, Induction(0.0, drive), [0.0, 60.0])[1, 0] >= high - 1e-6


def test_persistence_zero_decays_and_one_stays():
    late = [0.0, 60.0, 200.0, 300.0]
    assert simulate_trafficking(Trafficking(), FULL, late)[-1, 0] == pytest.approx(1.0, abs=2e-2)
    kept = simulate_trafficking(Trafficking(persistence=1.0), FULL, late)[:, 0]
    assert kept[-1] == pytest.approx(kept[-2], rel=1e-2)
    assert kept[-1] > 1.5


@pytest.mark.parametrize(("route", "coop"), LTD_GAIN)
def test_ltd_reaches_its_calibration_target_and_a_plateau(route, coop):
    parameters = Trafficking(cooperative=coop, ltd_route=route)
    course = simulate_trafficking(parameters, Induction(0.0, -1.0), [0.0, 5.0, 20.0, 60.0, 120.0])[:, 0]
    assert course[3] == pytest.approx(0.728, abs=1e-4)
    assert np.all(np.diff(course[:4]) < 0.0)
    assert course[4] == pytest.approx(course[3], abs=2e-3)


def test_depotentiation_removes_persistent_ltp_and_ltp_removes_ltd():
    parameters = Trafficking(persistence=0.5)
    times = [0.0, 30.0, 90.0]
    kept = simulate_trafficking(parameters, FULL, times)[2, 0]
    erased = simulate_trafficking(parameters, [FULL, Induction(30.0, -1.0)], times)[2, 0]
    half = simulate_trafficking(parameters, [FULL, Induction(30.0, -0.5)], times)[2, 0]
    assert kept > half > erased
    # what was potentiated goes back to the start, not below it, and the other way round
    assert erased == pytest.approx(1.0, abs=0.02)
    again = simulate_trafficking(parameters, [Induction(0.0, -1.0), Induction(30.0, 1.0)], times)[2, 0]
    assert again == pytest.approx(1.0, abs=0.02)
    beyond = [Induction(0.0, 0.5), Induction(30.0, -1.0)]
    assert simulate_trafficking(parameters, beyond, times)[2, 0] < 0.95


def test_repeated_inductions_saturate():
    once = simulate_trafficking(Trafficking(persistence=1.0), FULL, [0.0, 90.0])[1, 0]
    trains = [Induction(t / 3.0, 1.0) for t in range(4)]
    assert simulate_trafficking(Trafficking(persistence=1.0), trains, [0.0, 90.0])[1, 0] == pytest.approx(once)


def test_exocytosis_block_at_rest_and_at_induction_differ_in_their_baseline():
    always = Trafficking(exocytosis_blocked_from_min=-np.inf)
    assert rest(always)[1][0] < rest(Trafficking())[1][0]
    assert simulate_trafficking(always, [], [0.0, 60.0])[1, 0] == pytest.approx(1.0)
    later = simulate_trafficking(Trafficking(exocytosis_blocked_from_min=10.0), [], [0.0, 10.0, 40.0])[:, 0]
    assert later[1] == pytest.approx(1.0)
    assert later[2] < 0.8


def test_a_block_after_ltp_leaves_the_enlarged_spine_and_one_before_it_prevents_it():
    times = [0.0, 30.0, 30.01, 60.0]
    after = receptors(Trafficking(persistence=1.0, exocytosis_blocked_from_min=30.0), FULL, times)
    free = receptors(Trafficking(persistence=1.0), FULL, times)
    assert after[:, 2] == pytest.approx(free[:, 2], rel=1e-2)
    # the pool of endosomes still has the volume of the enlarged spine
    assert after[2, 3, 0] == pytest.approx(free[2, 3, 0], rel=1e-5)
    before = receptors(Trafficking(persistence=1.0, exocytosis_blocked_from_min=0.0), FULL, times)
    assert before[2, 3, 0] == pytest.approx(13.0, rel=5e-2)


@settings(max_examples=30, deadline=None)
@given(st.floats(1.0, 1e4), st.floats(1.1, 20.0))
def test_stimulus_response_peaks_at_one(fall, ratio):
    rise = fall / ratio
    t = np.linspace(0.0, 5.0 * fall, 2001)
    response = stimulus_response(t, (fall, rise))
    assert response[0] == pytest.approx(0.0, abs=1e-12)
    assert response.max() == pytest.approx(1.0, abs=1e-3)
    # the two constants may be given in either order
    assert stimulus_response(t, (rise, fall)) == pytest.approx(response)


def test_area_is_that_of_a_sphere():
    assert area_um2(4.0 / 3.0 * np.pi) == pytest.approx(4.0 * np.pi)


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match=r"persistence is 1\.5"):
        Trafficking(persistence=1.5)
    with pytest.raises(UsageError, match="needs the enlargement"):
        Trafficking(persistence=0.5, structural=False)
    with pytest.raises(UsageError, match="ltd_gain"):
        Trafficking(ltd_gain=float("nan"))
    with pytest.raises(UsageError, match="route"):
        Trafficking(ltd_route="exocytosis")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no volume"):
        Trafficking(volume_um3=0.0)
    with pytest.raises(UsageError, match="drive"):
        Induction(0.0, [0.0, 1.2])
    with pytest.raises(UsageError, match="do not increase"):
        simulate_trafficking(Trafficking(), FULL, [0.0, 0.0])
    with pytest.raises(UsageError, match="backwards"):
        simulate_trafficking(Trafficking(), [Induction(5.0, 1.0), FULL], [0.0, 10.0])
    with pytest.raises(UsageError, match="disagree"):
        simulate_trafficking(Trafficking(slots=[60.0, 70.0, 80.0]), Induction(0.0, [1.0, 1.0]), [0.0, 1.0])


def test_integrator_reports_stiffness_and_blow_up():
    with pytest.raises(NumericalError, match="too many steps"):
        integrate(lambda t, y: -1e6 * y, np.ones(1), [0.0, 1.0], max_steps=100)
    with pytest.raises(NumericalError, match="too small"), np.errstate(over="ignore", invalid="ignore"):
        integrate(lambda t, y: y**2, np.ones(1), [0.0, 2.0])


def test_integrator_ends_steps_where_the_right_hand_side_jumps():
    # y' = 1 before 1, -1 after
    y = integrate(lambda t, y: np.where(t < 1.0, 1.0, -1.0) + 0 * y, np.zeros(1), [0.0, 1.5, 2.0], breaks=[1.0])
    assert y[:, 0] == pytest.approx([0.0, 0.5, 0.0], abs=1e-8)
