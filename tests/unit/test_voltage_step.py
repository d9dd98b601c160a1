"""The test pulse: a planted cell comes back out."""

import numpy as np
import pytest

from potentiate.errors import UsageError
from potentiate.measures import find_voltage_step, measure_voltage_step

T = np.arange(0.0, 300.0, 0.05)
RS, RM, CM = 15.0, 400.0, 60.0  # MOhm, MOhm, pF
STEP = -5.0


def cell(sd=1.0, seed=1, sweeps=8):
    """The current of a cell with one compartment, step from 100 to 200 ms."""
    tau = CM * 1e-3 / (1 / RS + 1 / RM)
    peak, steady = 1e3 * STEP / RS, 1e3 * STEP / (RS + RM)

    def answer(x):
        return np.where(x >= 0, steady + (peak - steady) * np.exp(-np.clip(x, 0, None) / tau), 0.0)

    clean = -30.0 + answer(T - 100.0) - answer(T - 200.0)
    return clean + np.random.default_rng(seed).normal(0, sd, (sweeps, T.size))


def test_a_planted_cell_comes_back():
    found = measure_voltage_step(T, cell(), 100.0, 200.0, STEP)
    assert found.series.value == pytest.approx(RS, rel=0.03)
    assert found.membrane.value == pytest.approx(RM, rel=0.05)
    assert found.membrane.interval is not None
    assert found.membrane.interval[0] < RM < found.membrane.interval[1]
    assert found.capacitance.value == pytest.approx(CM, rel=0.03)
    assert found.holding.value == pytest.approx(-30.0, abs=0.5)
    assert found.tau.value == pytest.approx(CM * 1e-3 / (1 / RS + 1 / RM), rel=0.02)


def test_the_step_is_found():
    assert find_voltage_step(T, cell()) == pytest.approx((100.0, 200.0), abs=0.1)
    assert find_voltage_step(T, np.random.default_rng(2).normal(0, 1, (4, T.size))) is None


def test_no_step_no_numbers():
    found = measure_voltage_step(T, np.random.default_rng(2).normal(0, 1, (4, T.size)), 100.0, 200.0, STEP)
    assert found.series.status == "not determined"
    assert "transient" in (found.series.reason or "")
    assert np.isnan(found.membrane.value)
    for on, off, height, fragment in (
        (100.0, 101.0, -5.0, "lasts"),
        (100.0, 200.0, 0.0, "0 mV"),
        (0.0, 50.0, -5.0, "baseline"),
    ):
        with pytest.raises(UsageError, match=fragment):
            measure_voltage_step(T, cell(), on, off, height)
