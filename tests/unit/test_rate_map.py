"""Free rates as a linear map: detailed balance holds at every point of a search."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.errors import DataError, UnknownNameError, UsageError
from potentiate.kinetics.modulator import Modulator, apply_modulator
from potentiate.kinetics.rate import Rate, Voltage
from potentiate.kinetics.rate_map import RateParameter, cycle_constraints, free_rates, map_of, with_rates
from potentiate.kinetics.scheme import Edge, Scheme
from potentiate.library.scheme import find_scheme, scheme_ids

CYCLIC = ["Partin1996", "Jonas1993", "Rodrigues2023", "EONS_AMPA16v8_balanced", "NMDA_Kampa2004"]


@pytest.mark.parametrize("scheme_id", scheme_ids())
def test_the_start_gives_the_scheme_back(scheme_id):
    scheme = find_scheme(scheme_id)
    rate_map = free_rates(scheme)
    np.testing.assert_allclose(np.exp(rate_map.log_rates(rate_map.start)), scheme.constants, rtol=1e-12)
    assert len(rate_map.parameters) + len(cycle_constraints(scheme)) == 2 * len(scheme.edges)


@given(st.sampled_from(CYCLIC), st.integers(0, 2**31))
def test_every_point_keeps_the_products_around_every_cycle(scheme_id, seed):
    scheme = find_scheme(scheme_id)
    rate_map = free_rates(scheme)
    theta = rate_map.start + np.random.default_rng(seed).normal(0, 3, len(rate_map.start))
    moved = rate_map.scheme_at(theta)
    cycles = cycle_constraints(scheme)
    np.testing.assert_allclose(cycles @ np.log(moved.constants), cycles @ np.log(scheme.constants), atol=1e-9)
    if not scheme.imbalances():
        assert not moved.imbalances()


def test_a_free_rate_in_a_cycle_takes_another_along():
    scheme = find_scheme("Partin1996")
    rate_map = free_rates(scheme, {"desensitization": ["RA2->RdA2"]})
    assert rate_map.balancing == ("RdA2->RdA",)
    doubled = rate_map.scheme_at(rate_map.start + np.log(2.0))
    ratio = doubled.constants / scheme.constants
    np.testing.assert_allclose(sorted(ratio), [0.5, *[1.0] * 10, 2.0])
    assert not doubled.imbalances()


def test_a_group_moves_together_and_is_named_by_its_first_rate():
    scheme = find_scheme("Partin1996")
    rate_map = free_rates(scheme, {"kon": ["R->RA", "RA->RA2"]})
    assert rate_map.parameters[0].start == pytest.approx(0.02)
    moved = rate_map.scheme_at(rate_map.start + 1.0)
    np.testing.assert_allclose(moved.constants[[0, 2]] / scheme.constants[[0, 2]], np.e)


def test_rates_that_balance_ties_are_refused():
    scheme = find_scheme("Partin1996")
    cycle = ["RA->RdA", "RdA->RA", "RA->RA2", "RA2->RA", "RA2->RdA2", "RdA2->RA2", "RdA->RdA2", "RdA2->RdA"]
    with pytest.raises(UsageError, match="balance ties"):
        free_rates(scheme, cycle)
    assert not free_rates(scheme, cycle[:-1]).scheme_at(np.zeros(7)).imbalances()


def test_names_are_checked():
    scheme = find_scheme("Partin1996")
    with pytest.raises(UnknownNameError, match="O->RA3"):
        free_rates(scheme, ["O->RA3"])
    with pytest.raises(UsageError, match="two parameters"):
        free_rates(scheme, {"a": ["O->RA2"], "b": ["O->RA2"]})
    with pytest.raises(UsageError, match="does not depend on voltage"):
        free_rates(scheme, ["O->RA2 slope"])
    with pytest.raises(UsageError, match="positive"):
        RateParameter("k", "1/ms", 0.0)


@given(st.integers(1, 3), st.floats(0.1, 30), st.floats(0.05, 1.5), st.floats(1, 1e4), st.floats(0.0, 1.0))
def test_a_drug_is_linear_in_its_logarithms(sites, w_open, w_des, kd, split):
    scheme = find_scheme("Jonas1993")

    def build(values):
        weights = {"open": tuple(values["wo"] ** m for m in range(1, sites + 1)),
                   "desensitized": tuple(values["wd"] ** m for m in range(1, sites + 1))}  # fmt: skip
        modulator = Modulator("drug", sites, values["kd"], 1.0, weights, {"gate": split})
        return apply_modulator(scheme, modulator)

    parameters = [RateParameter("wo", "", w_open), RateParameter("wd", "", w_des), RateParameter("kd", "uM", kd)]
    rate_map = map_of(build, parameters)
    values = {"wo": 2.0, "wd": 0.3, "kd": 77.0}
    theta = np.log([values[p.name] for p in parameters])
    np.testing.assert_allclose(np.exp(rate_map.log_rates(theta)), build(values).constants, rtol=1e-9)
    assert not rate_map.scheme_at(theta).imbalances()


def test_a_construction_that_is_not_linear_is_refused():
    scheme = find_scheme("Partin1996")

    def build(values):
        constants = scheme.constants.copy()
        constants[0] = values["a"] + 1.0
        return with_rates(scheme, constants)

    with pytest.raises(DataError, match="not exponential"):
        map_of(build, [RateParameter("a", "", 1.0)])


def _gate(slope_mV=20.0):
    rates = Rate(0.1, voltage=Voltage(0.0, slope_mV)), Rate(0.05, voltage=Voltage(0.0, -30.0))
    return Scheme("gate", ("C", "O"), ("rest", "open"), (0, 0), (0.0, 1.0), (Edge(0, 1, "gate", *rates),), "none")


def test_a_voltage_slope_is_free_as_its_inverse():
    scheme = _gate()
    rate_map = free_rates(scheme, {"k": ["C->O"], "z": ["C->O slope"]})
    assert rate_map.parameters[1].unit == "1/mV"
    voltages = np.array([-80.0, 0.0, 40.0])
    factors = rate_map.condition_factors({}, voltages)
    for theta, truth in ((rate_map.start, scheme), (np.array([np.log(0.1), 1 / 35.0]), _gate(35.0))):
        for voltage, row in zip(voltages, factors, strict=True):
            q = truth.generator({}, voltage)
            rates = np.exp(rate_map.log_rates(theta, voltage)) * row
            np.testing.assert_allclose(rates, [q[0, 1], q[1, 0]], rtol=1e-12)
    with pytest.raises(UsageError, match="no single set"):
        rate_map.scheme_at(rate_map.start)


@pytest.mark.parametrize("scheme_id", ["NMDA_ClarkeJohnson2008_Mg", "NMDA_Kampa2004", "Rodrigues2023"])
def test_conditions_give_the_generator_of_the_scheme(scheme_id):
    scheme = find_scheme(scheme_id)
    rate_map = free_rates(scheme)
    ligands = {scheme.agonist: 500.0, "glycine": 10.0, "magnesium": 1000.0}
    voltages, temperature = np.array([-70.0, -20.0]), scheme.temperature_C
    factors = rate_map.condition_factors(ligands, voltages, temperature)
    for voltage, row in zip(voltages, factors, strict=True):
        expected = scheme.constants * scheme.factors(ligands, voltage, temperature)
        np.testing.assert_allclose(np.exp(rate_map.log_rates(rate_map.start)) * row, expected, rtol=1e-12)


def test_unbalanced_schemes_stay_as_unbalanced_as_they_were_read():
    scheme = find_scheme("Geiger1999_asread")
    found = [i.factor for i in scheme.imbalances()]
    rate_map = free_rates(scheme)
    moved = rate_map.scheme_at(rate_map.start + 0.5 * np.sin(np.arange(len(rate_map.start))))
    np.testing.assert_allclose([i.factor for i in moved.imbalances()], found, rtol=1e-9)
