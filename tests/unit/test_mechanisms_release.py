"""Release: laws against their published ratios, pools, quanta."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.mechanisms.release import (
    KRONBERG,
    MILSTEIN,
    MILSTEIN_POOL,
    RODRIGUES,
    calcium_factor,
    draw_releases,
    draw_vesicles,
)
from potentiate.mechanisms.vesicles import RODRIGUES_POOL, PostTetanic, QuantalVariation

TRAIN = np.arange(100) * 10.0
SLOW = np.arange(900) * 1000.0


@pytest.mark.parametrize(
    ("law", "ratios"),
    [
        (MILSTEIN, {10: 2.25, 20: 2.09, 50: 1.71, 100: 1.34, 200: 1.08}),
        (KRONBERG, {10: 0.73, 20: 1.01, 50: 1.37, 100: 1.31, 200: 0.96}),
    ],
)
def test_paired_pulse_ratios_of_the_ca1_laws(law, ratios):
    # arithmetic on the published parameters (facts of the project, section 2.2); Kronberg there with d3 = 0.98
    for interval, ratio in ratios.items():
        assert law.relative([0.0, interval])[1] == pytest.approx(ratio, rel=0.025)


def test_milstein_saturates_at_100_hz_and_its_pool_does_not_let_it():
    p = MILSTEIN.probabilities(TRAIN)
    np.testing.assert_allclose(p[:6], [0.20, 0.45, 0.62, 0.73, 0.81, 0.87], atol=0.006)
    rng = np.random.default_rng(1)
    drawn = draw_vesicles(MILSTEIN_POOL, TRAIN, 1, 400, rng).mean(axis=(0, 1))
    assert drawn[80:].mean() < 0.4 * p[-1]


def test_kronberg_serves_a_tetanus_and_low_frequency_stimulation():
    # with the fitted d3, the burst and the train of the facts of the project
    fitted = dataclasses.replace(KRONBERG, depression=(*KRONBERG.depression, (0.98, 120_000.0))).relative(TRAIN)
    np.testing.assert_allclose(fitted[:4], [1, 0.73, 0.46, 0.32], atol=0.005)
    assert fitted[9] == pytest.approx(0.175, rel=0.01)
    assert KRONBERG.relative(TRAIN)[-1] == pytest.approx(0.33, abs=0.005)
    assert KRONBERG.relative(SLOW)[-1] > 0.9


def test_the_vesicle_law_serves_a_tetanus_and_low_frequency_stimulation():
    assert RODRIGUES.probabilities([0.0])[0] == pytest.approx(1 / 1.49)
    rng = np.random.default_rng(1)
    fast = draw_vesicles(RODRIGUES, TRAIN, 1, 200, rng).mean(axis=(0, 1))
    slow = draw_vesicles(RODRIGUES, SLOW, 1, 50, rng).mean(axis=(0, 1))
    assert fast[-20:].mean() < 0.4 * fast[:5].mean()
    assert slow[-100:].mean() > 0.8 * slow[:10].mean()


def test_refilling_returns_a_pool_to_rest_and_keeps_it_there():
    full = np.array([float(RODRIGUES_POOL.docked)]), np.array([float(RODRIGUES_POOL.reserve)])
    np.testing.assert_allclose(np.array(RODRIGUES_POOL.refill(*full, 5e4)), np.array(full))
    docked, reserve = RODRIGUES_POOL.refill(np.zeros(1), np.zeros(1), 3e6)
    assert docked[0] == pytest.approx(25, rel=0.02)
    assert reserve[0] == pytest.approx(30, rel=0.02)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(0.5, 5e3), min_size=1, max_size=60), st.booleans(), st.floats(0.01, 0.99))
def test_no_site_releases_more_than_it_has(gaps, multivesicular, p0):
    law = dataclasses.replace(RODRIGUES, multivesicular=multivesicular)
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    drawn = draw_vesicles(law, times, 3, 4, np.random.default_rng(0), p0)
    pool = RODRIGUES_POOL
    most = pool.docked + pool.reserve + times[-1] * (pool.reserve / pool.refill_ms) + 1
    assert drawn.min() >= 0
    assert drawn.sum(axis=2).max() <= most


def test_multivesicular_release_keeps_the_probability_of_the_first_pulse():
    law = dataclasses.replace(RODRIGUES, multivesicular=True)
    drawn = draw_vesicles(law, [0.0], 1, 20_000, np.random.default_rng(2), 0.3)
    assert (drawn > 0).mean() == pytest.approx(0.3, abs=0.015)
    assert drawn.max() > 1


def test_draws_have_the_asked_probability():
    drawn = draw_releases(np.array([0.1, 0.9]), 50, np.random.default_rng(3), 200)
    np.testing.assert_allclose(drawn.mean(axis=(0, 1)), [0.1, 0.9], atol=0.01)


def test_external_calcium_follows_the_published_form():
    # h = 0.70 at 2.5 mM is the value in the published code; p = 1 / (1 + h^2)
    assert calcium_factor(2.5) == 1.0
    assert 1 / 1.49 * calcium_factor(1.0) == pytest.approx(0.21, abs=0.01)
    assert 1 / 1.49 * calcium_factor(3.0) == pytest.approx(0.70, abs=0.01)


def test_post_tetanic_term_is_silent_at_rest_and_fades_after_a_tetanus():
    term = PostTetanic()
    assert term.factors([0.0, 50.0])[1] == 1.0
    np.testing.assert_array_equal(term.factors(SLOW), 1.0)
    after = term.factors([*TRAIN, 2_000.0, 62_000.0, 362_000.0])[-3:] - 1
    assert after[0] > 0.5
    assert after[1] / after[0] == pytest.approx(np.exp(-1), rel=1e-3)
    assert after[2] < 0.01


def test_quantal_levels_have_the_mean_and_nearly_the_spread():
    quantum = QuantalVariation(0.5, levels=64)
    factors = quantum.factors()
    assert factors.mean() == pytest.approx(1.0, abs=1e-12)
    assert factors.std() == pytest.approx(quantum.cv, rel=0.06)
    assert quantum.cv**2 == pytest.approx(0.25 * (58 + 36) / 58)
    assert QuantalVariation().factors().tolist() == [1.0]
