"""Occupancy by competing ligands: limits, competition, inverse, bad input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.errors import UsageError
from potentiate.mechanisms.occupancy import (
    bound_shares,
    concentration_at,
    log_gap,
    occupied,
)

positive = st.floats(1e-3, 1e4)
several = st.integers(1, 4).flatmap(
    lambda n: st.tuples(st.lists(positive, min_size=n, max_size=n), st.lists(positive, min_size=n, max_size=n))
)


@given(several, st.floats(0.0, 100.0))
def test_shares_with_the_empty_and_the_endogenous_ones_make_one(pair, endogenous):
    c, k = pair
    shares = bound_shares(c, k, endogenous=endogenous)
    free = 1.0 / (1.0 + endogenous + np.sum(np.divide(c, k)))
    assert np.all(shares >= 0.0)
    assert float(shares.sum() + endogenous * free + free) == pytest.approx(1.0)


@given(several)
def test_a_further_ligand_takes_from_the_others_and_adds_in_sum(pair):
    c, k = pair
    before = bound_shares(c, k)
    after = bound_shares([*c, 5.0], [*k, 7.0])
    assert np.all(after[:-1] < before)
    assert after.sum() > before.sum()


@given(st.floats(0.001, 0.999), positive, st.floats(0.0, 50.0))
def test_concentration_at_is_the_inverse(share, constant, endogenous):
    c = concentration_at(share, constant, endogenous=endogenous)
    assert float(occupied([c], [constant], endogenous=endogenous)) == pytest.approx(share)


def test_equal_constants_add_like_one_ligand():
    assert occupied([3.0, 4.0], [10.0, 10.0]) == pytest.approx(7.0 / 17.0)


def test_courses_and_people_keep_their_shape():
    c = np.ones((2, 5, 7))
    assert bound_shares(c, [1.0, 2.0]).shape == (2, 5, 7)
    assert occupied(c, [1.0, 2.0]).shape == (5, 7)


def test_an_unknown_concentration_leaves_the_result_unknown():
    assert math.isnan(float(occupied([1.0, math.nan], [1.0, 1.0])))


def test_gap():
    assert log_gap(1.0, 10.0) == pytest.approx(-1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: bound_shares([1.0], [0.0]),
        lambda: bound_shares([1.0], [math.inf]),
        lambda: bound_shares([-1.0], [1.0]),
        lambda: bound_shares([1.0, 2.0], [1.0]),
        lambda: bound_shares([1.0], [1.0], endogenous=-1.0),
        lambda: concentration_at(1.0, 3.0),
        lambda: log_gap(0.0, 1.0),
    ],
)
def test_bad_input(call):
    with pytest.raises(UsageError):
        call()
