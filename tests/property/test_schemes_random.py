"""Random balanced schemes and random operators on states: laws that hold for all of them.

Weights here are built independently of the library: an energy per state gives the equilibrium of every transition, and
the expected equilibrium under an operator is written as a product of those weights and binomial factors.
"""

import functools
import itertools
import math

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from potentiate.errors import DataError
from potentiate.kinetics.modulator import DEFAULT_SPLIT, Modulator, apply_agonist, apply_competitor, apply_modulator
from potentiate.kinetics.rate import Rate
from potentiate.kinetics.scheme import CLASSES, Edge, Scheme
from potentiate.numerics.matrix_exponential import stationary
from potentiate.numerics.propagation import sample_sweeps
from potentiate.numerics.sweep_plan import Plan, plan_sweeps

UNIT_uM = 100.0  # concentration at which a binding step has the equilibrium that its energies say
OTHER_ROLES = ("gate", "desensitize", "block", "convert")
ACTED_ON = tuple(c for c in CLASSES if c != "rest")

small = functools.partial(st.floats, allow_nan=False, allow_infinity=False)


@st.composite
def balanced_schemes(draw, n_states=(3, 6)):
    """Return (scheme, log weight of each state at 100 uM agonist): a random tree, closed by random further edges."""
    n = draw(st.integers(*n_states))
    classes = ("rest", *(draw(st.sampled_from(CLASSES)) for _ in range(n - 1)))
    energy = [0.0, *(draw(small(-4.0, 4.0)) for _ in range(n - 1))]
    bound, pairs = [0], []
    for i in range(1, n):
        parent = draw(st.integers(0, i - 1))
        bound.append(min(4, bound[parent] + draw(st.integers(0, 1))))
        pairs.append((parent, i))
    others = [p for p in itertools.combinations(range(n), 2) if p not in pairs and abs(bound[p[0]] - bound[p[1]]) <= 1]
    if others:
        pairs += draw(st.lists(st.sampled_from(others), unique=True, max_size=4))
    edges = []
    for a, b in pairs:
        if bound[a] > bound[b] or (bound[a] == bound[b] and draw(st.booleans())):
            a, b = b, a
        k = math.exp(draw(small(-3.0, 4.0)))
        back = Rate(k * math.exp(energy[a] - energy[b]))
        if bound[a] != bound[b]:
            edges.append(Edge(a, b, "bind", Rate(k / UNIT_uM, "glutamate"), back))
        else:
            edges.append(Edge(a, b, draw(st.sampled_from(OTHER_ROLES)), Rate(k), back))
    conductance = tuple(draw(small(1.0, 30.0)) if c == "open" else 0.0 for c in classes)
    return Scheme("random", tuple(f"S{i}" for i in range(n)), classes, tuple(bound), conductance, tuple(edges)), energy


@st.composite
def modulators(draw, n_sites=(1, 4), zeros=True):
    """Return a random modulator; weights and speeds may be zero."""
    n = draw(st.integers(*n_sites))
    positive = small(0.05, 20.0)
    value = st.one_of(st.just(0.0), positive) if zeros else positive
    chosen = draw(st.lists(st.sampled_from(ACTED_ON), unique=True))
    weights = {c: tuple(draw(value) for _ in range(n)) for c in chosen}
    split = draw(st.dictionaries(st.sampled_from(("bind", *OTHER_ROLES)), small(-0.5, 1.5)))
    speed = draw(st.dictionaries(st.sampled_from(CLASSES), st.one_of(st.just(0.0), small(0.01, 5.0))))
    return Modulator(
        "drug", n, math.exp(draw(small(0.0, 8.0))), math.exp(draw(small(-5.0, 3.0))), weights, split, speed
    )


@st.composite
def modulated(draw, schemes=None, drugs=None):
    """Return (scheme with modulator, base scheme, energies, modulator)."""
    base, energy = draw(balanced_schemes() if schemes is None else schemes)
    modulator = draw(modulators() if drugs is None else drugs)
    try:
        return apply_modulator(base, modulator), base, energy, modulator
    except DataError:  # zero exchange left a state out of reach: refused, as it should be
        reject()


concentrations = small(0.5, 20_000.0)


def simulate(scheme: Scheme, segments: list, start: np.ndarray, dt_ms: float = 0.25) -> np.ndarray:
    """Return the occupancy at every sample, shape (samples, n)."""
    generators = np.stack([scheme.generator(c) for _, c in segments])
    plan = plan_sweeps([[(i, d) for i, (d, _) in enumerate(segments)]], dt_ms)
    return sample_sweeps(plan, generators, start[None], np.eye(scheme.n))[0][0]


def by_scipy(scheme: Scheme, segments: list, start: np.ndarray, dt_ms: float = 0.25) -> np.ndarray:
    """Return the same, one exponential per sample."""
    borders = np.concatenate([[0.0], np.cumsum([d for d, _ in segments])])
    heads, generators = [start], [scheme.generator(c) for _, c in segments]
    for (duration, _), q in zip(segments, generators, strict=True):
        heads.append(heads[-1] @ scipy.linalg.expm(q * duration))
    out = []
    for t in np.arange(math.floor(borders[-1] / dt_ms + 1e-6) + 1) * dt_ms:
        i = min(int(np.searchsorted(borders, t + 1e-9)) - 1, len(segments) - 1)
        out.append(heads[i] @ scipy.linalg.expm(generators[i] * (t - borders[i])))
    return np.array(out)


def rounding(scheme: Scheme, segments: list) -> float:
    """Return what rounding may amount to: scaling and squaring loses in proportion to rate times time."""
    turns = sum(duration * -scheme.generator(c).min() for duration, c in segments)
    return 1e-12 + 30.0 * np.finfo(float).eps * turns


def boltzmann(log_weights: list[float]) -> np.ndarray:
    """Return normalized weights."""
    weights = np.exp(np.array(log_weights) - max(log_weights))
    return weights / weights.sum()


@given(balanced_schemes(), concentrations)
def test_base_schemes_balance_and_settle_as_their_energies_say(drawn, glutamate_uM):
    scheme, energy = drawn
    assert scheme.imbalances(1e-9) == ()
    expected = boltzmann([g + b * math.log(glutamate_uM / UNIT_uM) for g, b in zip(energy, scheme.bound, strict=True)])
    np.testing.assert_allclose(scheme.equilibrium({"glutamate": glutamate_uM}), expected, rtol=1e-10)


@given(modulated(), concentrations, concentrations)
def test_cycles_balance_and_equilibrium_is_boltzmann(drawn, glutamate_uM, drug_uM):
    scheme, base, energy, modulator = drawn
    assert scheme.imbalances(1e-9) == ()
    logs = []
    for m in range(modulator.sites + 1):
        for s, state_class in enumerate(base.classes):
            w = 1.0 if m == 0 else modulator.weights.get(state_class, (1.0,) * modulator.sites)[m - 1]
            if w > 0:
                agonist = base.bound[s] * math.log(glutamate_uM / UNIT_uM)
                drug = math.log(math.comb(modulator.sites, m)) + m * math.log(drug_uM / modulator.kd_uM)
                logs.append(energy[s] + agonist + drug + math.log(w))
    found = scheme.equilibrium({"glutamate": glutamate_uM, "drug": drug_uM})
    np.testing.assert_allclose(found, boltzmann(logs), rtol=1e-9)


@settings(max_examples=30)
@given(modulated(), concentrations, concentrations)
def test_probability_is_conserved_positive_and_as_scipy_says(drawn, glutamate_uM, drug_uM):
    scheme, *_ = drawn
    segments = [
        (0.6, {"glutamate": 0.0, "drug": drug_uM}),
        (1.0, {"glutamate": glutamate_uM, "drug": drug_uM}),
        (2.4, {"glutamate": 0.0, "drug": 0.0}),
    ]
    start = np.eye(scheme.n)[scheme.rest]
    trace = simulate(scheme, segments, start)
    assert trace.shape == (17, scheme.n)
    assert trace.min() >= 0.0
    tolerance = rounding(scheme, segments)
    np.testing.assert_allclose(trace.sum(axis=1), 1.0, rtol=0, atol=tolerance)
    np.testing.assert_allclose(trace, by_scipy(scheme, segments, start), rtol=0, atol=2 * tolerance)


def closed_classes(generator: np.ndarray) -> int:
    """Return the number of sets of states that are never left."""
    moves = generator > 0
    count, member = connected_components(moves, connection="strong")
    return sum(not moves[member == i][:, member != i].any() for i in range(count))


@settings(max_examples=50)
@given(modulated(), concentrations)
def test_without_the_drug_it_is_the_base_scheme(drawn, glutamate_uM):
    scheme, base, _, _ = drawn
    segments = [(0.5, {"glutamate": 0.0}), (1.5, {"glutamate": glutamate_uM}), (2.0, {"glutamate": 0.0})]
    with_sites = simulate(scheme, segments, np.eye(scheme.n)[scheme.rest])
    without = simulate(base, segments, np.eye(base.n)[base.rest])
    assert not with_sites[:, base.n :].any()
    np.testing.assert_allclose(with_sites[:, : base.n], without, rtol=0, atol=rounding(scheme, segments))
    if closed_classes(scheme.generator({"glutamate": glutamate_uM})) > 1:
        # weights of zero can leave a drug-bound state that is left only by binding more drug: a trap without drug
        with pytest.raises(ZeroDivisionError):
            scheme.equilibrium({"glutamate": glutamate_uM})
        return
    settled = scheme.equilibrium({"glutamate": glutamate_uM})
    np.testing.assert_allclose(settled[: base.n], base.equilibrium({"glutamate": glutamate_uM}), rtol=1e-9)
    assert not settled[base.n :].any()


def site_by_site(base: Scheme, modulator: Modulator, ligands: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return the generator over all 2^n patterns of sites, and the map (patterns x lumped states) of their counts.

    Every site binds with the same rates; what it does depends on how many are occupied.
    """

    def weight(s: int, m: int) -> float:
        return 1.0 if m == 0 else modulator.weights.get(base.classes[s], (1.0,) * modulator.sites)[m - 1]

    full = [
        (s, pattern)
        for pattern in itertools.product((0, 1), repeat=modulator.sites)
        for s in range(base.n)
        if weight(s, sum(pattern)) > 0
    ]
    lumped = [(s, m) for m in range(modulator.sites + 1) for s in range(base.n) if weight(s, m) > 0]
    at = {state: i for i, state in enumerate(full)}
    q = np.zeros((len(full), len(full)))
    for (s, pattern), i in at.items():
        m = sum(pattern)
        for e in base.edges:
            if e.source == s and (e.target, pattern) in at:
                j = at[e.target, pattern]
                ratio = weight(e.target, m) / weight(s, m)
                share = modulator.split.get(e.role, DEFAULT_SPLIT.get(e.role, 1.0))
                q[i, j] = e.forward.k * (ligands["glutamate"] if e.forward.ligand else 1.0) * ratio**share
                q[j, i] = e.backward.k / ratio ** (1.0 - share)
        speed = modulator.speed.get(base.classes[s], 1.0)
        for site in range(modulator.sites):
            other = (s, tuple(1 - o if k == site else o for k, o in enumerate(pattern)))
            if pattern[site] == 0 and other in at:
                off = modulator.koff_per_ms * weight(s, m) / weight(s, m + 1)
                q[i, at[other]] = speed * modulator.koff_per_ms / modulator.kd_uM * ligands["drug"]
                q[at[other], i] = speed * off
    q -= np.diag(q.sum(axis=1))
    counts = np.zeros((len(full), len(lumped)))
    for (s, pattern), i in at.items():
        counts[i, lumped.index((s, sum(pattern)))] = 1.0
    return q, counts


@settings(max_examples=50)
@given(modulated(balanced_schemes((3, 4))), concentrations, concentrations)
def test_equal_sites_reduce_exactly(drawn, glutamate_uM, drug_uM):
    """Kemeny & Snell's condition for lumping: Q_full C = C Q_lumped, so all trajectories agree, not only these."""
    scheme, base, _, modulator = drawn
    ligands = {"glutamate": glutamate_uM, "drug": drug_uM}
    full, counts = site_by_site(base, modulator, ligands)
    reduced = scheme.generator(ligands)
    scale = np.abs(reduced).max()
    np.testing.assert_allclose(full @ counts, counts @ reduced, rtol=1e-10, atol=1e-13 * scale)
    np.testing.assert_allclose(stationary(full) @ counts, stationary(reduced), rtol=1e-9)


@given(balanced_schemes(), concentrations, concentrations, small(0.1, 1000.0))
def test_a_competitor_keeps_balance(drawn, glutamate_uM, antagonist_uM, kd_uM):
    base, energy = drawn
    scheme = apply_competitor(base, "antagonist", kd_uM, 0.05)
    assert scheme.imbalances(1e-9) == ()
    sites, logs = base.agonist_sites, []
    for j in range(sites + 1):
        for s, b in enumerate(base.bound):
            if j == 0 or (j <= sites - b and base.classes[s] in ("rest", "bound")):
                free = math.log(math.comb(sites - b, j)) + j * math.log(antagonist_uM / kd_uM)
                logs.append(energy[s] + b * math.log(glutamate_uM / UNIT_uM) + free)
    found = scheme.equilibrium({"glutamate": glutamate_uM, "antagonist": antagonist_uM})
    np.testing.assert_allclose(found, boltzmann(logs), rtol=1e-9)


@given(balanced_schemes(), concentrations, small(0.01, 100.0), small(0.01, 10.0))
def test_another_agonist_keeps_balance(drawn, agonist_uM, affinity, efficacy):
    base, energy = drawn
    scheme = apply_agonist(base, "kainate", affinity, efficacy)
    assert scheme.imbalances(1e-9) == ()
    logs = []
    for g, b, c in zip(energy, base.bound, base.classes, strict=True):
        opens = math.log(efficacy) if b and c == "open" else 0.0
        logs.append(g + b * math.log(agonist_uM / UNIT_uM * affinity) + opens)
    found = scheme.equilibrium({"kainate": agonist_uM})
    # how much less the agonist desensitizes is the operator's choice; it is one factor for all such states
    desensitized = np.array([b > 0 and c == "desensitized" for b, c in zip(base.bound, base.classes, strict=True)])
    for group in (desensitized, ~desensitized):
        if group.any():
            within = found[group] / found[group].sum()
            np.testing.assert_allclose(within, boltzmann(list(np.array(logs)[group])), rtol=1e-9)


# --------------------------------------------------------------------------------------------------- JAX
# Fixed shapes, one plan and one number of squarings: each program compiles once for all examples.

SEGMENTS_ms = (0.6, 1.0, 2.4)
PLAN: Plan = plan_sweeps([[(i, d) for i, d in enumerate(SEGMENTS_ms)]], 0.25)
FASTEST_PER_ms = 2.0**15


@functools.cache
def jax_trace():
    """Return the compiled sampling program, (generators, start, observe) -> trace."""
    jax = pytest.importorskip("jax")
    squarings = PLAN.squarings(np.full(PLAN.n_generators, FASTEST_PER_ms))

    def trace(generators, start, observe):
        return sample_sweeps(PLAN, generators, start, observe, xp=jax.numpy, squarings=squarings)[0]

    return jax.jit(trace)


@settings(max_examples=8)
@given(modulated(balanced_schemes((4, 4)), modulators((2, 2), zeros=False)), small(1.0, 2000.0), small(1.0, 500.0))
def test_numpy_jax_and_scipy_agree(drawn, glutamate_uM, drug_uM):
    scheme, *_ = drawn
    ligands = [{"glutamate": g, "drug": drug_uM} for g in (0.0, glutamate_uM, 0.0)]
    generators = np.stack([scheme.generator(c) for c in ligands])
    if -generators.min() > FASTEST_PER_ms:
        reject()
    start, observe = np.eye(scheme.n)[[scheme.rest]], np.eye(scheme.n)
    by_numpy, _ = sample_sweeps(PLAN, generators, start, observe)
    by_jax = np.asarray(jax_trace()(generators, start, observe))
    assert by_jax.dtype == np.float64
    np.testing.assert_allclose(by_jax, by_numpy, rtol=0, atol=1e-9)
    reference = by_scipy(scheme, list(zip(SEGMENTS_ms, ligands, strict=True)), start[0])
    np.testing.assert_allclose(by_numpy[0], reference, rtol=0, atol=1e-9)


def generators_from_logs(logs, factors, xp):
    """Return generators whose rate from i to j is ``factors * exp(logs)`` (any pair of states; 0 where no edge)."""
    rates = factors * xp.exp(logs)
    return rates - xp.sum(rates, axis=-1)[..., None] * xp.eye(rates.shape[-1])


@functools.cache
def jax_gradient():
    """Return the compiled gradient of a weighted sum of the trace with respect to the logarithms of the rates."""
    jax = pytest.importorskip("jax")
    squarings = PLAN.squarings(np.full(PLAN.n_generators, FASTEST_PER_ms))

    def loss(logs, factors, start, read):
        generators = generators_from_logs(logs, factors, jax.numpy)
        trace, _ = sample_sweeps(
            PLAN, generators, start, jax.numpy.eye(start.shape[-1]), xp=jax.numpy, squarings=squarings
        )
        return jax.numpy.sum(trace * read)

    return jax.jit(jax.value_and_grad(loss))


@settings(max_examples=8)
@given(balanced_schemes((6, 6)), small(1.0, 2000.0), st.integers(0, 2**32 - 1))
def test_gradients_equal_finite_differences(drawn, glutamate_uM, seed):
    scheme, _ = drawn
    random = np.random.default_rng(seed)
    source, target, _ = scheme.directed
    logs = np.zeros((scheme.n, scheme.n))
    logs[source, target] = np.log(scheme.constants)
    factors = np.zeros((len(SEGMENTS_ms), scheme.n, scheme.n))
    for i, g in enumerate((0.0, glutamate_uM, 0.0)):
        factors[i, source, target] = scheme.factors({"glutamate": g})
    if np.max(np.sum(factors * np.exp(logs), axis=-1)) > FASTEST_PER_ms:
        reject()
    start = np.eye(scheme.n)[[scheme.rest]]
    read = random.normal(size=(1, PLAN.n_samples, scheme.n))

    def loss(values):
        trace, _ = sample_sweeps(PLAN, generators_from_logs(values, factors, np), start, np.eye(scheme.n))
        return float(np.sum(trace * read))

    value, gradient = jax_gradient()(logs, factors, start, read)
    gradient = np.asarray(gradient)
    assert float(value) == pytest.approx(loss(logs), abs=1e-8)
    assert np.isfinite(gradient).all()
    unused = np.ones_like(logs, dtype=bool)
    unused[source, target] = False
    assert not gradient[unused].any()
    scale = max(np.abs(gradient).max(), 1e-3)
    step = 1e-3
    for i, j in zip(source, target, strict=True):
        away = np.zeros_like(logs)
        away[i, j] = step
        # four points: the error of the differences is of order step**4
        near, far = loss(logs + away) - loss(logs - away), loss(logs + 2 * away) - loss(logs - 2 * away)
        assert (8 * near - far) / (12 * step) == pytest.approx(gradient[i, j], rel=1e-5, abs=1e-6 * scale)
