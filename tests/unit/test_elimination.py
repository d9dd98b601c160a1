"""Linear solvers of the integrator against NumPy, and the work of the block-arrow solver."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from potentiate.library.scheme import find_scheme
from potentiate.numerics.block_arrow import BlockArrow
from potentiate.numerics.elimination import Dense, DenseLanes, Pattern, Sparse
from potentiate.numerics.level_elimination import Levels

pytestmark = pytest.mark.timeout(60)
RNG = np.random.default_rng(5)


def constant(matrix):
    """A Jacobian that is the same everywhere."""
    return lambda t, y, drive, parameters: matrix


@pytest.mark.parametrize("lanes", [(), (3,), (2, 3)])
def test_dense_elimination_exchanges_rows(lanes):
    n = 5
    jacobian = RNG.normal(size=(n, n, *lanes))
    jacobian[0, 0] = 7.0  # I s - J has a zero where elimination would start
    b, shift = RNG.normal(size=(n, *lanes)), 7.0
    solver = (DenseLanes if lanes else Dense)(constant(jnp.asarray(jacobian)))
    found = jax.jit(lambda: solver.solve(solver.factor(shift, 0.0, b, None, None), b))()
    matrices = np.moveaxis(shift * np.eye(n).reshape(n, n, *[1] * len(lanes)) - jacobian, (0, 1), (-2, -1))
    expected = np.moveaxis(np.linalg.solve(matrices, np.moveaxis(b, 0, -1)[..., None])[..., 0], -1, 0)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def filled(pattern):
    """Entries of the factors."""
    return set(pattern.factor([RNG.random() + 1.0 for _ in pattern.places], 50.0))


@pytest.mark.parametrize("name", ["Coombs2017", "NMDA_Kampa2004", "EONS_NMDA_v6_3"])
def test_pattern_of_a_scheme(name):
    scheme = find_scheme(name)
    q = scheme.generator({"glutamate": 1000.0, "glycine": 10.0, "magnesium": 1000.0}, -60.0)
    pattern = Pattern.of(q.T != 0)
    values = [q.T[place] for place in pattern.places]
    b = RNG.normal(size=scheme.n)
    levels = Levels(pattern)
    solve = jax.jit(lambda v, shift, b: levels.solve(levels.factor(v, shift), b))
    for shift in (1e-3, 1.0, 1e4):
        found = pattern.solve(pattern.factor(values, shift), list(b))
        np.testing.assert_allclose(found, np.linalg.solve(shift * np.eye(scheme.n) - q.T, b), rtol=1e-8, atol=1e-12)
        together = solve(np.array(values), shift, b)
        np.testing.assert_allclose(together, found, rtol=1e-9, atol=1e-13)
    assert set(levels.filled) == filled(pattern)
    assert len(levels.levels) < 0.8 * scheme.n
    assert sorted(pattern.order) == list(range(scheme.n))
    assert len(filled(pattern)) < 0.45 * scheme.n**2


def test_a_tree_is_eliminated_without_fill():
    n = 30
    occupied = np.zeros((n, n), bool)
    for i in range(1, n):
        j = RNG.integers(0, i)
        occupied[i, j] = occupied[j, i] = True
    pattern = Pattern.of(occupied)
    assert filled(pattern) == set(pattern.places)


def test_rows_of_zeros_cost_nothing():
    pattern = Pattern.of(np.eye(4, dtype=bool) | (np.arange(4)[:, None] == 1))
    factors = pattern.factor([1.0] * len(pattern.places), 5.0)
    found = pattern.solve(factors, [None, None, 2.0, None])
    dense = 5.0 * np.eye(4) - np.array([[float((i, j) in pattern.places) for j in range(4)] for i in range(4)])
    expected = np.linalg.solve(dense, [0, 0, 2.0, 0])
    assert [x is None for x in found] == (expected == 0).tolist()
    np.testing.assert_allclose([x or 0.0 for x in found], expected)


def arrow(blocks, seed=1):
    """A random arrow: its solver, and its matrix in full."""
    rng = np.random.default_rng(seed)
    k, m = 6, 2
    pattern = Pattern.of(rng.random((k, k)) < 0.3)
    outward, inward = ((1, 0), (4, 1), (5, 0)), ((0, 1), (1, 1), (1, 3))
    own = [(-3.0 * (a == b) + 0.3) * rng.random(blocks) for a, b in pattern.places]
    out = [rng.random(blocks) for _ in outward]
    into = [rng.random(blocks) for _ in inward]
    shared = rng.normal(size=(m, m))
    full = np.zeros((k * blocks + m, k * blocks + m))
    full[-m:, -m:] = shared
    for i in range(blocks):
        for (a, b), v in zip(pattern.places, own, strict=True):
            full[i * k + a, i * k + b] = v[i]
        for (a, j), v in zip(outward, out, strict=True):
            full[i * k + a, k * blocks + j] = v[i]
        for (j, b), v in zip(inward, into, strict=True):
            full[k * blocks + j, i * k + b] = v[i]
    parts = (jnp.stack([jnp.asarray(v) for v in own]), out, into, [list(row) for row in shared])
    return BlockArrow(pattern, outward, inward, m, constant(parts)), full


@pytest.mark.parametrize("blocks", [1, 4])
def test_arrow_equals_the_dense_solution(blocks):
    solver, full = arrow(blocks)
    b = (RNG.normal(size=(6, blocks)), RNG.normal(size=2))
    found = jax.jit(lambda: solver.solve(solver.factor(2.5, 0.0, b, None, None), b))()
    flat = np.concatenate([b[0].T.ravel(), b[1]])
    expected = np.linalg.solve(2.5 * np.eye(len(flat)) - full, flat)
    np.testing.assert_allclose(found[0].T.ravel(), expected[:-2], rtol=1e-9)
    np.testing.assert_allclose(found[1], expected[-2:], rtol=1e-9)


def test_work_of_the_arrow_is_linear_in_the_blocks():
    def operations(blocks):
        solver, _ = arrow(blocks)
        b = (np.ones((6, blocks)), np.ones(2))
        traced = jax.make_jaxpr(lambda y: solver.solve(solver.factor(2.5, 0.0, y, None, None), y))(b)
        return sum(v.aval.size for eqn in traced.eqns for v in eqn.outvars)

    counts = {n: operations(n) for n in (50, 100, 200)}
    assert counts[200] - counts[100] == 2 * (counts[100] - counts[50])
    assert counts[200] < 4 * counts[50]


def test_sparse_solver_takes_lanes():
    n, lanes = 4, 3
    pattern = Pattern.of(np.triu(np.ones((n, n)), -1) > 0)
    values = RNG.normal(size=(len(pattern.places), lanes))
    full = np.zeros((lanes, n, n))
    for (i, j), v in zip(pattern.places, values, strict=True):
        full[:, i, j] = v
    b = RNG.normal(size=(n, lanes))
    solver = Sparse(pattern, constant(jnp.asarray(values)))
    found = jax.jit(lambda: solver.solve(solver.factor(jnp.full(lanes, 20.0), None, None, None, None), b))()
    np.testing.assert_allclose(found.T[..., None], np.linalg.solve(20.0 * np.eye(n) - full, b.T[..., None]), rtol=1e-9)
