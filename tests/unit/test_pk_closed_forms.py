"""Closed forms of compartment models against an independent integrator, and what must hold for any parameters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from potentiate.errors import UsageError
from potentiate.mechanisms.pk_closed_forms import (
    STRUCTURES,
    GivenDoses,
    concentration,
    disposition,
    kinds_of,
    parameter_set,
)

P = {"KA": 1.1, "CL": 2.0, "V": 10.0, "V1": 10.0, "Q": 3.0, "V2": 20.0, "Q2": 3.0, "Q3": 0.8, "V3": 45.0}
TIMES = np.array([0.1, 0.5, 1.0, 1.9, 2.0, 2.1, 4.0, 9.0, 30.0])


def doses(t, amount, duration=None, depot=None, interval=None, samples=TIMES.size):
    t = np.atleast_1d(np.asarray(t, dtype=float))
    zero = np.zeros(t.size)
    return GivenDoses(
        t, np.broadcast_to(np.asarray(amount, dtype=float), t.shape),
        zero if duration is None else np.asarray(duration, dtype=float),
        np.zeros(t.size, dtype=bool) if depot is None else np.asarray(depot, dtype=bool),
        zero if interval is None else np.asarray(interval, dtype=float), np.ones((samples, t.size), dtype=bool),
    )  # fmt: skip


def integrated(structure, swallowed, bolus, rate, stop):
    """The same by solving the differential equations: a dose of each kind at time 0."""
    several = not structure.startswith("one")
    v = P["V1" if several else "V"]
    q2, q3 = P["Q"] if several else 0.0, P["Q3"] if structure.startswith("three") else 0.0

    def slope(t, y, infused):
        gut, central, second, third = y
        to2, to3 = q2 * (central / v - second / P["V2"]), q3 * (central / v - third / P["V3"])
        absorbed = P["KA"] * gut
        return [-absorbed, absorbed + infused - P["CL"] * central / v - to2 - to3, to2, to3]

    first = solve_ivp(
        slope, (0, stop), [swallowed, bolus, 0, 0], args=(rate,), rtol=1e-11, atol=1e-12, dense_output=True
    )
    then = solve_ivp(slope, (stop, 40), first.y[:, -1], args=(0.0,), rtol=1e-11, atol=1e-12, dense_output=True)
    return np.where(stop > TIMES, first.sol(TIMES)[1], then.sol(TIMES)[1]) / v


@pytest.mark.parametrize("structure", STRUCTURES)
def test_against_an_integrator(structure):
    oral = structure.endswith("oral")
    given_ = doses([0, 0, 0], [100.0, 50.0, 60.0], [0, 0, 2.0], [oral, False, False])
    expected = integrated(structure, 100.0 if oral else 0.0, 50.0 if oral else 150.0, 30.0, 2.0)
    p = {name: P[name] for name in STRUCTURES[structure][0]}
    assert concentration(structure, p, TIMES, given_) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("kind", [{}, {"duration": [3.0]}, {"depot": [True]}])
def test_steady_state_is_the_sum_of_many_doses(kind):
    p = {name: P[name] for name in STRUCTURES["two-compartment-oral"][0]}
    many = {name: value * 400 for name, value in kind.items()}
    one = concentration("two-compartment-oral", p, TIMES, doses([0.0], 100.0, interval=[12.0], **kind))
    sum_ = concentration("two-compartment-oral", p, TIMES, doses(-12.0 * np.arange(400), 100.0, **many))
    early = TIMES < 12
    assert one[early] == pytest.approx(sum_[early], rel=1e-12)


@given(st.lists(st.floats(0.02, 50), min_size=6, max_size=6))
def test_three_compartments_for_any_numbers(values):
    """The sum of the coefficients is the bolus itself; the area under the curve is dose over clearance."""
    p = dict(zip(STRUCTURES["three-compartment-iv"][0], values, strict=True))
    coefficients, rates = disposition("three-compartment-iv", p)
    assert min(rates) > 0
    gaps = np.abs(np.diff(sorted(rates))) / max(rates)
    if gaps.min() > 1e-4:  # roots that nearly coincide lose digits, not sense
        assert sum(coefficients) * p["V1"] == pytest.approx(1.0, abs=1e-6)
        area = sum(c / r for c, r in zip(coefficients, rates, strict=True))
        assert area == pytest.approx(1 / p["CL"], rel=1e-6)


def test_every_parameterisation_is_the_same_model():
    p = {**P, "KE": 0.2, "K12": 0.3, "K21": 0.15}
    for structure, sets in STRUCTURES.items():
        oral = structure.endswith("oral")
        found = [concentration(structure, {n: p[n] for n in names}, TIMES, doses([0.0], 100.0, depot=[oral]))
                 for names in sets]  # fmt: skip
        for other in found[1:]:
            assert other == pytest.approx(found[0], rel=1e-12)


def test_lag_and_bioavailability():
    p = {"KA": 1.1, "CL": 2.0, "V": 10.0}
    late = concentration("one-compartment-oral", {**p, "TLAG": 0.5, "F": 0.4}, TIMES, doses([0.0], 100.0, depot=[True]))
    plain = concentration("one-compartment-oral", p, TIMES - 0.5, doses([0.0], 100.0, depot=[True]))
    assert late == pytest.approx(0.4 * plain)
    assert late[0] == 0


@given(
    ka=st.floats(0.01, 20), ratio=st.sampled_from([1.0, 1 + 1e-12, 1 + 1e-7, 1.001, 0.3, 8.0]), v=st.floats(0.1, 500)
)
def test_no_jump_where_absorption_is_as_fast_as_elimination(ka, ratio, v):
    """Positive, and equal to the textbook formula where that one is safe."""
    ke = ka * ratio
    found = concentration("one-compartment-oral", {"KA": ka, "KE": ke, "V": v}, TIMES, doses([0.0], 50.0, depot=[True]))
    assert (found >= 0).all()
    if abs(ratio - 1) > 0.1:
        expected = 50 * ka / (v * (ka - ke)) * (np.exp(-ke * TIMES) - np.exp(-ka * TIMES))
    else:
        expected = 50 * ka / v * TIMES * np.exp(-0.5 * (ka + ke) * TIMES)
    assert found == pytest.approx(expected, rel=2e-3 if ratio == 1.001 else 1e-9, abs=1e-30 * 50 / v + 1e-300)


@given(st.lists(st.floats(0, 25), min_size=1, max_size=4), st.floats(0.1, 3.0))
def test_linear_in_the_dose_and_superposed(times, scale):
    p = {name: P[name] for name in STRUCTURES["two-compartment-iv"][0]}
    whole = concentration("two-compartment-iv", p, TIMES, doses(times, 10.0))
    parts = sum(concentration("two-compartment-iv", p, TIMES, doses([t], 10.0)) for t in times)
    assert whole == pytest.approx(parts, abs=1e-12)
    assert concentration("two-compartment-iv", p, TIMES, doses(times, 10.0 * scale)) == pytest.approx(scale * whole)


def test_jax_agrees_and_its_gradient_at_equal_rates_is_a_number():
    import jax
    import jax.numpy as jnp

    given_ = doses([0.0, 12.0], 100.0, depot=[True, True])
    kinds = kinds_of(given_)

    def f(u):
        p = {"KA": jnp.exp(u[0]), "CL": jnp.exp(u[1]), "V": jnp.exp(u[2])}
        return concentration("one-compartment-oral", p, TIMES, given_, kinds=kinds, xp=jnp)

    f, slopes = jax.jit(f), jax.jit(jax.jacfwd(f))
    u = np.log([0.2, 2.0, 10.0])  # KA equals CL/V
    assert np.asarray(f(u)) == pytest.approx(
        concentration("one-compartment-oral", {"KA": 0.2, "CL": 2.0, "V": 10.0}, TIMES, given_)
    )
    slope = np.asarray(slopes(u))
    step = 1e-5
    for k in range(3):
        up, down = u.copy(), u.copy()
        up[k] += step
        down[k] -= step
        assert slope[:, k] == pytest.approx(np.asarray(f(up) - f(down)) / (2 * step), rel=1e-6, abs=1e-8)


def test_names_are_checked():
    assert parameter_set("one-compartment-oral", ("V", "CL", "TLAG", "KA")) == ("KA", "CL", "V", "TLAG")
    with pytest.raises(UsageError, match="do not describe"):
        parameter_set("one-compartment-iv", ("KA", "CL", "V"))
    with pytest.raises(UsageError, match="do not describe"):
        parameter_set("one-compartment-iv", ("CL", "V", "TLAG"))
