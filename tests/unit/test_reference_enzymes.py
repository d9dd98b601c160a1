"""Calmodulin, CaMKII and calcineurin: what is conserved, and what the readout does with them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from potentiate.mechanisms.calmodulin import (
    ACTIVE_CAMKII,
    ACTIVE_CAN,
    IONS,
    SPECIES,
    TOTALS,
    EnzymeRates,
    enzyme_rates,
    unloaded,
)
from potentiate.mechanisms.geometrical_readout import Readout, inside, weight_change_percent
from potentiate.mechanisms.sigmoid import Sigmoid

amounts = st.lists(st.floats(0.0, 50.0), min_size=len(SPECIES), max_size=len(SPECIES)).map(np.array)


@given(amounts, st.floats(0.0, 100.0), st.floats(20.0, 38.0))
def test_molecules_and_calcium_are_conserved(enzymes, free_uM, temperature_C):
    enzymes = enzymes + 1e-3  # some CaMKII, so that its active part is defined
    slope, uptake = enzyme_rates(enzymes, np.float64(free_uM), EnzymeRates.at(temperature_C))
    scale = np.abs(slope).max() + 1e-12
    for row in TOTALS.values():
        assert abs(row @ slope) < 1e-12 * scale * len(SPECIES)
    # calcium that the lobes take up is the calcium that the species hold
    assert IONS @ slope == pytest.approx(uptake, rel=1e-9, abs=1e-9 * scale)


def test_without_calcium_and_calmodulin_kinase_nothing_is_loaded():
    slope, uptake = enzyme_rates(unloaded(camkii_uM=1e-9), np.float64(0.0), EnzymeRates())
    assert uptake == 0.0
    assert np.abs(slope).max() < 1e-9


def test_a_pulse_of_calcium_activates_the_kinase_before_calcineurin_and_it_stays():
    """Calcineurin needs all four ions and holds them for minutes; CaMKII falls within tens of seconds."""
    rates = EnzymeRates.at(35.0)

    def active(times_s, calcium):
        solution = solve_ivp(
            lambda t, y: enzyme_rates(y, np.float64(calcium(t)), rates)[0], (0, times_s[-1] * 1e3), unloaded(),
            method="LSODA", rtol=1e-6, atol=1e-9, t_eval=np.array(times_s) * 1e3, max_step=500.0,
        )  # fmt: skip
        return ACTIVE_CAN @ solution.y, ACTIVE_CAMKII @ solution.y

    can, camkii = active([0.5, 1.0, 30.0, 60.0], lambda t: 5.0 if t < 1000.0 else 0.1)
    assert camkii[1] > 15.0 > can[1]
    assert camkii[3] < 0.5 * camkii[1]
    assert can[3] > 0.5 * can[1]


def test_more_calcium_more_of_both():
    rates = EnzymeRates.at(35.0)
    found = []
    for calcium in (0.2, 0.5, 1.0, 2.0):
        s = solve_ivp(
            lambda t, y, c=calcium: enzyme_rates(y, np.float64(c), rates)[0], (0, 3e5), unloaded(), method="LSODA"
        )
        found.append((ACTIVE_CAN @ s.y[:, -1], ACTIVE_CAMKII @ s.y[:, -1]))
    assert (np.diff(np.array(found), axis=0) > 0).all()


def test_temperature_acts_on_the_chain_and_on_calcineurin_only():
    cold, warm = EnzymeRates.at(25.0), EnzymeRates.at(35.0)
    assert cold.lobe_C == warm.lobe_C
    assert cold.phosphorylate == warm.phosphorylate
    assert warm.dephosphorylate > cold.dephosphorylate
    assert warm.can_off > cold.can_off


def test_regions_of_the_plane():
    readout = Readout()
    points = np.array([[7.0, 10.0], [4.0, 10.0], [6.35, 10.0], [11.0, 10.0], [2.0, 5.0], [0.1, 0.1], [2.5, 28.0]])
    expected = [[0, 1], [1, 0], [1, 1], [0, 0], [0, 0], [0, 0], [0, 0]]
    np.testing.assert_array_equal(readout.indicators(points[:, 0], points[:, 1]), expected)
    # every corner belongs to its region, and the corners run counter-clockwise
    for corners in (readout.depression, readout.potentiation):
        x, y = np.array(corners).T
        assert inside(corners, x, y).all()
        assert (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() > 0


def test_readout_follows_its_equations():
    readout = Readout()

    def slope(t, y, part):
        a, p = y[:2], y[2:]
        da = np.array(readout.enter) * part - np.array(readout.fade) * a * (1.0 - part)
        down, up = a**2 / (a**2 + np.array(readout.half) ** 2) / np.array(readout.slowest_ms)
        low, rest, high = p
        fall, climb = down * rest - up * low, up * rest - down * high
        return [*da, fall, -fall - climb, climb]

    activation, units = np.zeros(2), np.array([0.0, 1.0, 0.0])
    y = np.array([0.0, 0.0, 0.0, 1.0, 0.0])
    for part, duration in ((np.array([1.0, 0.0]), 60e3), (np.array([0.0, 1.0]), 80e3), (np.zeros(2), 100e3)):
        y = solve_ivp(slope, (0, duration), y, args=(part,), rtol=1e-9, atol=1e-9, max_step=500.0).y[:, -1]
        for _ in range(int(duration / 100)):
            activation, units = readout.advance(activation, units, part, 100.0)
    np.testing.assert_allclose(activation, y[:2], rtol=1e-9)
    np.testing.assert_allclose(units, y[2:], atol=1e-4)
    assert units.sum() == pytest.approx(1.0)
    assert weight_change_percent(units) == pytest.approx(100.0 * (units[2] - units[0]))


def test_sigmoid_rises_with_a_negative_slope():
    law = Sigmoid(-0.5, 30.0, 2.0, 1.0)
    assert law.at(30.0) == pytest.approx(2.0)
    assert law.at(20.0) < law.at(30.0) < law.at(40.0) < 3.0
