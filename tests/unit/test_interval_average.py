"""Moments of readings over an interval: against quadrature, composition, limits."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from potentiate.errors import UsageError
from potentiate.kinetics.bins import cut_bins, plan_bins
from potentiate.numerics.interval_average import interval_moments, sample_moments

RNG = np.random.default_rng(3)


def generator(n, scale):
    q = scale * np.exp(RNG.normal(size=(n, n)))
    np.fill_diagonal(q, 0.0)
    np.fill_diagonal(q, -q.sum(axis=1))
    return q


Q = np.stack([generator(4, 0.3), generator(4, 3.0)])
I = np.array([[0.0, -1.0, -2.5, 0.3], [0.0, -2.0, -5.0, 0.6]])  # noqa: E741
DENSITY = np.array([0.0, 0.2, 0.5, 0.0])
# two filter states, a pair of complex poles
A, B = np.array([[-1.0, 2.0], [-2.0, -1.5]]), np.array([1.0, 0.5])
PLAN = plan_bins([[[(0, 0.7)], [(0, 0.3), (1, 0.45)], [(1, 0.02)], [(1, 0.4), (0, 0.0), (1, 0.1), (0, 0.6)]]])
PARTS = (PLAN.part_generator, PLAN.part_ms, PLAN.kinds)


def pieces(kind):
    return [(PLAN.part_generator[p], PLAN.part_ms[p]) for p in PLAN.kinds[kind] if p >= 0]


EIGEN = [(*np.linalg.eig(q), np.linalg.inv(np.linalg.eig(q)[1])) for q in Q]


def through(parts, start, stop):
    """The transition matrix from one time to another within an interval."""
    p, t = np.eye(4), 0.0
    for g, ms in parts:
        values, vectors, inverse = EIGEN[g]
        inside = min(stop, t + ms) - max(start, t)
        p = p @ (vectors * np.exp(values * inside) @ inverse) if inside > 0 else p
        t += ms
    return np.real(p)


def by_quadrature(parts, a, b, nodes=11):
    """P, U and V from their definitions: integrals over the times at which the chain is looked at."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    borders = np.concatenate([[0.0], np.cumsum([ms for _, ms in parts])])
    total, m = borders[-1], len(b)
    p, u, v = through(parts, 0, total), np.zeros((4, 4, m)), np.zeros((4, m, m))

    def weight(t):
        return scipy.linalg.expm(a * (total - t)) @ b

    def grid(low, high):
        return [(low + (high - low) * (s + 1) / 2, (high - low) * r / 2) for s, r in zip(x, w, strict=True)]

    for first, (g, _) in enumerate(parts):
        for t, dt in grid(borders[first], borders[first + 1]):
            u += dt * np.einsum("jk,k,kl,a->jla", through(parts, 0, t), I[g], through(parts, t, total), weight(t))
            v += dt * np.einsum("jk,k,a,b->jab", through(parts, 0, t), DENSITY, weight(t), weight(t))
            for second in range(first, len(parts)):
                for s, ds in grid(max(t, borders[second]), borders[second + 1]):
                    pair = through(parts, 0, t) * I[g] @ through(parts, t, s) @ I[parts[second][0]]
                    one = dt * ds * pair[:, None, None] * np.outer(weight(t), weight(s))
                    v += one + np.swapaxes(one, 1, 2)
    return p, u, v


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("filtered", [None, (A, B)], ids=["integral", "filter"])
def test_moments_are_their_integrals(kind, filtered):
    got = interval_moments(Q, I, *PARTS, density=DENSITY, filtered=filtered)
    a, b = (np.zeros((1, 1)), np.ones(1)) if filtered is None else filtered
    p, u, v = by_quadrature(pieces(kind), a, b)
    np.testing.assert_allclose(got.transition[kind], p, atol=1e-13)
    np.testing.assert_allclose(got.joint[kind], u, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(got.second[kind], v, rtol=1e-11, atol=1e-13)


def test_jax_agrees_and_too_few_squarings_are_nan():
    squarings = PLAN.squarings(-np.min(np.diagonal(Q, axis1=-2, axis2=-1), axis=-1))
    want = interval_moments(Q, I, *PARTS, density=DENSITY)
    run = jax.jit(
        lambda q: dataclasses.astuple(interval_moments(q, I, *PARTS, density=DENSITY, xp=jnp, squarings=squarings))
    )
    got = run(Q)
    for ours, theirs in zip(got, dataclasses.astuple(want), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-15)
    assert all(np.isnan(x).any() for x in run(64 * Q))


def test_a_unit_of_current_is_only_a_unit():
    """Femtoamperes and microamperes give the same moments: nothing in the series depends on the scale."""
    plain = interval_moments(Q, I, *PARTS, density=DENSITY)
    for unit in (1e-12, 1e12):
        scaled = interval_moments(Q, unit * I, *PARTS, density=unit**2 * DENSITY)
        np.testing.assert_allclose(scaled.joint / unit, plain.joint, rtol=1e-12)
        np.testing.assert_allclose(scaled.second / unit**2, plain.second, rtol=1e-12)


def test_samples_are_read_at_the_end():
    got = sample_moments(Q, I, *PARTS, variance=DENSITY)
    for kind in range(4):
        p = through(pieces(kind), 0.0, PLAN.kind_ms[kind])
        current = I[pieces(kind)[-1][0]]
        np.testing.assert_allclose(got.joint[kind, :, :, 0], p * current, atol=1e-14)
        np.testing.assert_allclose(got.second[kind, :, 0, 0], p @ (current**2 + DENSITY), atol=1e-14)


def test_a_short_average_is_a_sample():
    plan = plan_bins([[[(1, 1e-7)]]])
    parts = (plan.part_generator, plan.part_ms, plan.kinds)
    average, sample = interval_moments(Q, I, *parts), sample_moments(Q, I, *parts)
    np.testing.assert_allclose(average.joint / 1e-7, sample.joint, atol=1e-5)
    np.testing.assert_allclose(average.second / 1e-14, sample.second, atol=1e-4)


def test_bins_of_a_sweep_are_cut_where_told():
    segments = [(0, 1.0), (1, 0.4), (0, 2.6)]
    bins = cut_bins(segments, [0.0, 0.0, 0.5, 1.2, 1.3, 4.0])
    assert bins == [((0, 0.0),), ((0, 0.5),), ((0, 0.5), (1, 0.2)), ((1, 0.1),), ((1, 0.1), (0, 2.6))]
    plan = plan_bins([bins, bins[:2]])
    assert plan.bins.tolist() == [5, 2]
    np.testing.assert_allclose(plan.bin_ms[0], [0.0, 0.5, 0.7, 0.1, 2.7])


def test_equal_bins_are_one_kind_however_late():
    """Times of 100 s are not exact in their ninth decimal of a ms; that makes no new kinds."""
    plan = plan_bins([cut_bins([(0, 2e5)], 1e5 + 0.02 * np.arange(2000))])
    assert len(plan.kinds) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: cut_bins([(0, 1.0)], [0.0, 2.0]),
        lambda: cut_bins([(0, 1.0)], [0.5, 0.2]),
        lambda: plan_bins([]),
        lambda: plan_bins([[[]]]),
        lambda: plan_bins([[[(0, -1.0)]]]),
        lambda: plan_bins([[[(0, float("nan"))]]]),
    ],
)
def test_bins_that_make_no_sense(call):
    with pytest.raises(UsageError):
        call()
