"""Curves fitted together: planted parameters come back, sharing is judged, weights matter as they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import UsageError
from potentiate.measures import concentration_response, fit_sets, hill, pool_normalised

C = np.array([1.0, 3, 10, 30, 100, 300, 1000])


def planted(ec50=(30.0, 30.0, 30.0), slope=1.4, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return {
        f"cell {k}": (C, hill(C, 0, 100 * (k + 1), e, slope) + rng.normal(0, noise, C.size)) for k, e in enumerate(ec50)
    }


@settings(max_examples=10, deadline=None)
@given(st.floats(8, 150), st.floats(0.7, 2.5))
def test_shared_parameters_come_back(ec50, slope):
    found = fit_sets(planted((ec50,) * 3, slope), ["EC50", "nH"], convention="3-parameter", intervals=False)
    assert found.status == "ok"
    for k in range(3):
        assert found.parameters[f"cell {k}", "EC50"].value == pytest.approx(ec50, rel=1e-4)
        assert found.parameters[f"cell {k}", "top"].value == pytest.approx(100 * (k + 1), rel=1e-4)
    assert found("cell 1", ec50) == pytest.approx(100, rel=1e-4)


def test_sharing_is_judged():
    true = fit_sets(planted(noise=3.0), ["EC50"], convention="3-parameter")
    assert true.p_sharing > 0.05
    assert true.delta_aicc < 0
    shared = true.parameters["cell 0", "EC50"]
    assert shared is true.parameters["cell 2", "EC50"]
    assert shared.interval[0] < 30 < shared.interval[1]
    assert "shared by all sets" in shared.notes
    alone = concentration_response(*planted(noise=3.0)["cell 0"], convention="3-parameter").ec50
    assert shared.interval[1] / shared.interval[0] < alone.interval[1] / alone.interval[0]
    false = fit_sets(planted((10, 30, 90), noise=3.0), ["EC50"], convention="3-parameter", intervals=False)
    assert false.p_sharing < 1e-6
    assert false.delta_aicc > 10


def test_pooled_curve():
    pooled = pool_normalised(planted(noise=1.0), convention="3-parameter")
    assert pooled.fit.ec50.value == pytest.approx(30, rel=0.05)
    assert (pooled.fit.bottom.notes, pooled.fit.top.value) == (("held",), 1.0)


def test_order_of_sets_does_not_matter():
    sets = planted((20, 30, 45), noise=2.0, seed=4)
    turned = dict(reversed(sets.items()))
    one, two = (fit_sets(s, ["nH"], convention="3-parameter", intervals=False) for s in (sets, turned))
    assert one.ssr == pytest.approx(two.ssr, rel=1e-8)
    assert one.parameters["cell 1", "EC50"].value == pytest.approx(two.parameters["cell 1", "EC50"].value, rel=1e-5)


@settings(max_examples=4, deadline=None)
@given(st.floats(1e-3, 1e3))
def test_only_ratios_of_weights_matter(scale):
    rng = np.random.default_rng(3)
    y = hill(C, 0, 1, 40, 1.2) + rng.normal(0, 0.03, C.size)
    sd = rng.uniform(0.01, 0.1, C.size)
    one, two = (concentration_response(C, y, sd=s, convention="3-parameter") for s in (sd, scale * sd))
    assert one.ec50.value == pytest.approx(two.ec50.value, rel=1e-5)
    assert one.ec50.interval == pytest.approx(two.ec50.interval, rel=1e-3)


def test_a_point_of_huge_sd_is_ignored():
    y = hill(C, 0, 1, 40, 1.2)
    wrong = y.copy()
    wrong[3] = 5.0
    sd = np.full(C.size, 0.01)
    sd[3] = 1e4
    found = concentration_response(C, wrong, sd=sd, convention="3-parameter", intervals=False)
    assert found.ec50.value == pytest.approx(40, rel=1e-3)


def test_bad_requests():
    sets = planted()
    with pytest.raises(UsageError, match="nothing to share"):
        fit_sets({"a": sets["cell 0"]}, ["nH"])
    with pytest.raises(UsageError, match="Unknown parameter"):
        fit_sets(sets, ["Emax"])
    with pytest.raises(UsageError, match="held parameter"):
        fit_sets(sets, ["bottom"], convention="3-parameter")
    with pytest.raises(UsageError, match="differ in number"):
        fit_sets({"a": (C, C[:3]), "b": (C, C)}, ["nH"])
    for sd in ([0.0] * C.size, [np.nan] * C.size, [1.0]):
        with pytest.raises(UsageError, match="standard deviation"):
            concentration_response(C, hill(C, 0, 1, 40, 1.2), sd=sd)
    flat = {**sets, "flat": (C, np.ones(C.size))}
    found = fit_sets(flat, ["nH"], convention="3-parameter", intervals=False)
    assert found.status == "not determined"
    assert "'flat' alone: the response does not change" in found.reason
    with pytest.raises(UsageError, match="'flat' cannot be scaled"):
        pool_normalised(flat, convention="3-parameter")
