"""The published modulator-bound scheme is the state-weight operator with one site."""

import numpy as np
import pytest

from potentiate.exposure.bath import Bath
from potentiate.kinetics.modulator import Modulator, apply_modulator
from potentiate.library.scheme import find_scheme
from potentiate.preparations import assays
from potentiate.preparations.patch import Patch

PARTIN = Modulator("modulator", 1, 500.0, 5.0, {"open": (6.0,)}, {"gate": 0.0}, {"desensitized": 0.01, "open": 0.0})
SAME_STATE = {"R+1": "RM", "RA+1": "RMA", "RA2+1": "RMA2", "RdA+1": "RdMA", "RdA2+1": "RdMA2", "O+1": "OM"}


def test_rates_equal_the_published_scheme():
    operator = apply_modulator(find_scheme("Partin1996"), PARTIN)
    published = find_scheme("Partin1996_mod")
    order = [published.states.index(SAME_STATE.get(s, s)) for s in operator.states]
    for conditions in ({"glutamate": 1e4, "modulator": 5e3}, {"glutamate": 37.0, "modulator": 0.0}):
        ours, theirs = operator.generator(conditions), published.generator(conditions)[np.ix_(order, order)]
        assert np.max(np.abs(ours - theirs)) <= 1e-12 * np.max(np.abs(theirs))
    assert operator.bound == tuple(published.bound[i] for i in order)


# Calculated by another program. mM: peak Po, tau_deact, tau_des, EC50 of the peak, tau_rec, PPR
TABLE = {
    0.1: (0.680, 1.24, 4.37, 905, 134, 0.360),
    0.5: (0.703, 2.92, 9.96, 731, 134, 0.406),
    1.0: (0.715, 3.90, 12.86, 646, 134, 0.427),
    2.0: (0.725, 4.51, 14.85, 585, 134, 0.442),
    5.0: (0.734, 4.89, 16.34, 538, 134, 0.453),
}


@pytest.mark.parametrize("mM", TABLE)
def test_table_2_3(mM):
    patch = Patch(apply_modulator(find_scheme("Partin1996"), PARTIN))
    bath = Bath({"modulator": mM * 1000.0})
    grid = np.geomspace(1.0, 1e5, 101)
    pair = assays.paired_peaks(patch, np.array([10.0]), bath, "glutamate", 1e4, 1.0, test_ms=20.0)
    found = (
        assays.open_probability(patch, bath).value,
        assays.deactivation(patch, bath)["tau_deact"].value,
        assays.desensitization(patch, bath)["tau_des"].value,
        assays.agonist_curve(patch, bath, concentrations_uM=grid, given_uM=1e5)["ec50"].value,
        assays.recovery(patch, bath)["tau_rec"].value,
        pair[1][0] / pair[0],
    )
    assert found == pytest.approx(TABLE[mM], rel=0.03)


def test_exchange_on_the_open_state_is_an_assumption_that_matters():
    """Addenda: with exchange on the open state tau_deact at 0.1 mM is 1.78 ms instead of 1.24; two sites give 1.39."""
    base = find_scheme("Partin1996")
    exchanging = Modulator("modulator", 1, 500.0, 5.0, {"open": (6.0,)}, {"gate": 0.0}, {"desensitized": 0.01})
    two = Modulator("modulator", 2, 500.0, 5.0, {"open": (6.0**0.5, 6.0)}, {"gate": 0.0}, {"desensitized": 0.01})
    bath = Bath({"modulator": 100.0})
    taus = [assays.deactivation(Patch(apply_modulator(base, m)), bath)["tau_deact"].value for m in (exchanging, two)]
    assert taus == pytest.approx([1.78, 1.39], rel=0.03)


def test_drug_only_in_the_agonist_solution():
    """Addenda: 4.6 ms without exchange on the open state, 4.9 ms with drug in both solutions, 5 mM."""
    patch = Patch(apply_modulator(find_scheme("Partin1996"), PARTIN))
    taus = {
        placement: assays.deactivation(patch, Bath({"modulator": 5000.0}, placement))["tau_deact"].value
        for placement in ("both", "agonist")
    }
    assert taus["both"] == pytest.approx(4.9, rel=0.03)
    assert taus["agonist"] == pytest.approx(4.6, rel=0.03)


def test_operator_keeps_cycles_that_factors_on_edges_break():
    """Addenda: a factor on closing unbalances Jonas' C2-O-C5-C4 cycle six-fold; a weight on the open state does not."""
    base = find_scheme("Jonas1993")
    assert not apply_modulator(base, PARTIN).imbalances(0.01)
