"""The unreduced synapse: its Jacobian, an independent formulation by SciPy, many spines, the clamp, its drive."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from potentiate.errors import UsageError
from potentiate.kinetics.modulator import Modulator, apply_modulator
from potentiate.library.scheme import find_scheme
from potentiate.mechanisms.calcium import CalciumChannel, CalciumDynamics, FixedShare, GoldmanShare
from potentiate.mechanisms.cleft import (
    BRIEF_PULSE,
    CLEMENTS,
    DIFFUSION,
    DIFFUSION_ENDLESS,
    MILLISECOND_PULSE,
    TRIPLE_EXPONENTIAL,
)
from potentiate.mechanisms.magnesium_block import GRUNDITZ, JAHR_STEVENS
from potentiate.mechanisms.spine import CA1SIM_SPINE, Spine
from potentiate.numerics.rosenbrock import REASONS, integrate
from potentiate.preparations.glutamate_drive import glutamate_drive
from potentiate.preparations.spine_parts import Compartments, KineticBuffer
from potentiate.preparations.spine_receptors import Receptor
from potentiate.preparations.spine_system import SpineSystem

pytestmark = pytest.mark.timeout(120)

DRUG = Modulator("drug", 1, 100.0, 2.0, weights={"open": (4.0,)}, speed={"open": 0.5})
AMPA = Receptor(find_scheme("Partin1996"), 0.6, 0.0, None, FixedShare(0.02))
DRUGGED = Receptor(apply_modulator(find_scheme("Partin1996"), DRUG), 0.6, 0.0, None, FixedShare(0.02), {"drug": 200.0})
NMDA = Receptor(find_scheme("NMDA5_LesterJahr1992"), 0.5, 3.0, JAHR_STEVENS, FixedShare(0.1))
KAMPA = Receptor(find_scheme("NMDA_Kampa2004"), 0.5, 5.0, None, FixedShare(0.1), {"magnesium": 800.0})
ANTONOV = Receptor(find_scheme("NMDA_ClarkeJohnson2008_Mg"), 0.3, 0.0, None, None, {"magnesium": 1000.0})
CELL = Compartments((12.0, 30.0), (1.0, 2.0), (-70.0, -65.0), ((0, 1, 5.0),))
CALCIUM = CalciumDynamics(0.1, 0.1, 12.0, 0.07)
BUFFER, CHANNEL = KineticBuffer(40.0, 0.1, 0.5), CalciumChannel(0.08)

ONE = SpineSystem((DRUGGED, KAMPA), CA1SIM_SPINE, CALCIUM, CELL, buffer=BUFFER, channel=CHANNEL, layer=1)
MANY = SpineSystem(
    (AMPA, NMDA), CA1SIM_SPINE, CALCIUM, CELL, channel=CHANNEL, layer=(1, 0, 1), multiplicity=(1.0, 2.0, 40.0)
)


def solve(system, drive, samples=None, observe=None, **how):
    """Integrate from rest."""
    edges, driven = drive
    run = jax.jit(
        lambda y, e, d: integrate(
            system.system(), y, e, drive=d, parameters=system.parameters(), samples=samples, observe=observe, **how
        )
    )
    found = run(system.start(how.pop("start_mV", None)), edges, driven)
    assert REASONS[int(found.status)] == "ok"
    return found


def flat(y):
    """All components in one vector: the blocks of all spines, then the cell."""
    if isinstance(y, tuple):
        return np.concatenate([np.asarray(y[0]).T.ravel(), np.asarray(y[1])])
    return np.asarray(y)


# --------------------------------------------------------------------------------- Jacobian


@pytest.mark.parametrize("receptors", [(DRUGGED, KAMPA), (AMPA, NMDA, ANTONOV)], ids=["Kampa", "Antonov, three"])
def test_jacobian_and_time_derivative_equal_forward_differentiation(receptors):
    system = SpineSystem(receptors, CA1SIM_SPINE, CALCIUM, CELL, buffer=BUFFER, channel=CHANNEL, layer=1)
    _, drive = system.drive(CLEMENTS, np.array([1.0, 4.0]), 10.0)
    now = jax.tree.map(lambda x: jnp.asarray(x[2]), drive)
    y = jnp.asarray(system.start(-30.0) + 0.05 * np.random.default_rng(1).random(system.size))
    p = system.parameters()
    expected = jax.jit(jax.jacfwd(lambda y: system.rhs(5.0, y, now, p)))(y)
    np.testing.assert_allclose(jax.jit(lambda y: system.dense_jacobian(5.0, y, now, p))(y), expected, atol=1e-10)
    slope = jax.jit(lambda t: jax.jvp(lambda s: system.rhs(s, y, now, p), (t,), (1.0,))[1])(5.0)
    np.testing.assert_allclose(jax.jit(system.time_derivative)(5.0, y, now, p), slope, atol=1e-12)
    assert np.abs(slope).max() > 0.01


# ------------------------------------------------------------- an independent formulation


def independent(system, cleft, releases, end, samples):
    """The same experiment by SciPy: generators of the library at glutamate and head voltage, plain equations."""
    from scipy.integrate import solve_ivp

    layers = np.atleast_1d(system.layer)
    weights = np.ones(len(layers)) if system.multiplicity is None else np.array(system.multiplicity)
    cell, k = system.cell, system.block_size
    sizes = [r.n for r in system.receptors]
    cuts = np.cumsum([0, *sizes])

    def rhs(t, y):
        v = y[-cell.m :]
        out = np.zeros_like(y)
        current = -np.array(cell.leak_nS) * (v - np.array(cell.rest_mV))
        for a, b, g in cell.coupling_nS:
            current[a] += g * (v[b] - v[a])
            current[b] += g * (v[a] - v[b])
        for i, layer in enumerate(layers):
            x = y[i * k : (i + 1) * k]
            names = ["head", "ca", *(["bound"] if system.buffer else []), *(["m", "h"] if system.channel else [])]
            e = dict(zip(names, x[cuts[-1] :], strict=True))
            c = sum(float(cleft.concentration_uM(t - r)) for r in releases[i] if r < t)
            total = into = 0.0
            for r, a, b in zip(system.receptors, cuts, cuts[1:], strict=False):
                ligands = {n: u for n, u in r.ligands_uM.items() if n in r.scheme.ligands}
                q = r.scheme.generator({**ligands, "glutamate": c}, e["head"], r.temperature_C)
                out[i * k + a : i * k + b] = x[a:b] @ q
                g = r.conductance_nS * np.dot(x[a:b], np.array(r.scheme.conductance) / max(r.scheme.conductance))
                if r.block:
                    g /= 1 + system.magnesium_mM / r.block.half_mM * np.exp(-r.block.slope_per_mV * e["head"])
                total += g * (e["head"] - r.reversal_mV)
                if r.calcium:
                    share = r.calcium.share * (-65.0 - r.reversal_mV) / (-65.0 - 40.0)
                    into += share * system.calcium_mM / 2.0 * g * (e["head"] - 40.0)
            d = {}
            if system.channel:
                through = system.channel.conductance_nS * e["m"] ** 2 * e["h"] * (e["head"] - system.calcium_mV)
                total, into = total + through, into + through
                d["m"] = 1 / (1 + np.exp((-5.9 - e["head"]) / 9.5)) - e["m"]
                d["h"] = (1 / (1 + np.exp((-39.0 - e["head"]) / -9.2)) - e["h"]) / 27.0
            neck = (e["head"] - v[layer]) / system.spine.neck_GOhm
            d["head"] = -(total + neck) / system.spine.head_pF
            d["ca"] = -into * system.calcium.per_pA_ms() - (e["ca"] - system.calcium.rest_uM) / system.calcium.decay_ms
            if system.buffer:
                d["bound"] = 0.1 * e["ca"] * (40.0 - e["bound"]) - 0.5 * e["bound"]
                d["ca"] -= d["bound"]
            out[i * k + cuts[-1] : (i + 1) * k] = [d[n] for n in names]
            current[layer] += weights[i] * neck
        out[-cell.m :] = current / np.array(cell.capacitance_pF)
        return out

    width = cleft.pulse[1] if cleft.pulse else 0.0
    times = np.concatenate(releases)
    edges = np.unique(np.concatenate([[0.0, end], times, times + width]))
    y, found = flat(system.start()), []
    for a, b in itertools.pairwise(edges):
        inside = samples[(samples > a) & (samples <= b)]
        # Radau looks a little beyond either end: keep it off the jump of glutamate
        part = solve_ivp(rhs, (a + 1e-9, b - 1e-9), y, "LSODA", np.append(np.minimum(inside, b - 2e-9), b - 1e-9),
                         rtol=1e-8, atol=1e-9, first_step=1e-5)  # fmt: skip
        found += list(part.y.T[:-1])
        y = part.y[:, -1]
    return np.array(found)


@pytest.mark.parametrize(
    ("system", "releases"),
    [(ONE, [np.array([0.5, 3.0])]), (MANY, [np.array([0.5]), np.array([0.5, 2.0]), np.array([])])],
    ids=["one", "many"],
)
def test_scipy_agrees(system, releases):
    samples = np.array([0.6, 0.9, 1.5, 2.5, 3.1, 5.0])
    expected = independent(system, BRIEF_PULSE, releases, 5.0, samples)
    drive = system.drive(BRIEF_PULSE, releases[0] if system.spines is None else releases, 5.0)
    observe = None if system.spines is None else lambda y: jnp.concatenate([y[0].T.ravel(), y[1]])
    found = solve(system, drive, samples, observe, rtol=1e-6, atol=1e-7)
    difference = np.abs(found.values - expected)
    print(f"largest difference {difference.max():.1e}, {found.accepted} steps")
    np.testing.assert_allclose(found.values, expected, rtol=2e-5, atol=2e-5)
    assert np.abs(expected - expected[0]).max() > 3.0  # the voltage moved
    for i in range(len(releases)):  # receptors are neither made nor lost
        block = np.asarray(found.values)[:, i * system.block_size :]
        for r, at in zip(system.receptors, system.offsets, strict=True):
            np.testing.assert_allclose(block[:, at : at + r.n].sum(axis=1), 1.0, atol=1e-9)


# -------------------------------------------------------------------------------- many, lanes


def test_equal_spines_are_one_spine_many_times():
    one = SpineSystem((AMPA, NMDA), CA1SIM_SPINE, CALCIUM, CELL, multiplicity=(30.0,), layer=(0,))
    ten = SpineSystem((AMPA, NMDA), CA1SIM_SPINE, CALCIUM, CELL, multiplicity=(3.0,) * 10, layer=(0,) * 10)
    times = np.array([0.5, 2.0])
    a, b = (solve(s, s.drive(MILLISECOND_PULSE, [times] * s.spines, 5.0), rtol=1e-6, atol=1e-6) for s in (one, ten))
    np.testing.assert_allclose(b.end[1], a.end[1], rtol=1e-6)
    np.testing.assert_allclose(b.end[0], np.repeat(a.end[0], 10, axis=1), rtol=1e-5, atol=1e-8)
    assert abs(int(a.accepted) - int(b.accepted)) <= 2  # steps do not grow with the number of spines


def test_lanes_are_parameter_sets():
    system = SpineSystem((AMPA, NMDA), CA1SIM_SPINE, CALCIUM, CELL)
    edges, drive = system.drive(BRIEF_PULSE, np.array([0.5]), 3.0)
    scale = np.array([0.5, 2.0])
    base = system.parameters()
    lanes = {"rates": tuple(r[:, None] * scale for r in base["rates"]), "nS": tuple(g * scale for g in base["nS"])}
    together = jax.jit(
        lambda p: integrate(
            system.system(lanes=True),
            np.repeat(system.start()[:, None], 2, axis=1),
            edges,
            drive=jax.tree.map(lambda x: np.repeat(x[..., None], 2, axis=-1), drive),
            parameters=p,
            lanes=True,
        )
    )(lanes)
    single = jax.jit(lambda p: integrate(system.system(), system.start(), edges, drive=drive, parameters=p))
    for i, s in enumerate(scale):
        alone = single({"rates": tuple(r * s for r in base["rates"]), "nS": tuple(g * s for g in base["nS"])})
        np.testing.assert_allclose(together.end[:, i], alone.end, rtol=1e-8, atol=1e-12)
        assert int(together.accepted[i]) == int(alone.accepted)


def test_one_piece_changes_nothing_but_the_time():
    system = SpineSystem((AMPA,), CA1SIM_SPINE, CALCIUM, CELL)
    edges, drive = system.drive(BRIEF_PULSE, np.array([0.5]), 3.0)
    times = np.array([0.55, 1.0, 2.9])
    found = [
        jax.jit(
            lambda d, piece=piece: integrate(
                system.system(one_piece=piece), system.start(), edges, drive=d, parameters=system.parameters(),
                samples=times,
            )
        )(drive)
        for piece in (True, False)
    ]  # fmt: skip
    np.testing.assert_allclose(found[0].values, found[1].values, rtol=1e-9, atol=1e-13)
    assert int(found[0].accepted) == int(found[1].accepted)


# ------------------------------------------------------------------------------------ clamp


def test_a_small_epsc_in_voltage_clamp_is_the_open_probability():
    from potentiate.numerics.propagation import sample_sweeps
    from potentiate.numerics.sweep_plan import plan_sweeps

    few = Receptor(AMPA.scheme, 1e-4, 0.0)
    cell = Compartments((5.0,), (0.5,), (-70.0,), (), clamp=(0, 0.005))
    system = SpineSystem((few,), Spine(0.03, 0.8, 0.05), CALCIUM, cell)
    drive = system.drive(MILLISECOND_PULSE, np.array([1.0]), 6.0, command_mV=((0.0, -70.0),))
    times = np.arange(61) * 0.1
    at = 6 + 2
    found = solve(system, drive, times, lambda y: y[at:], rtol=1e-8, atol=1e-9)
    settled = -70.0 + 0.0  # leak and clamp agree at the command
    current = (np.asarray(found.values)[:, 0] - settled) / 0.005
    q = np.stack([AMPA.scheme.generator({"glutamate": c}) for c in (0.0, 1000.0)])
    plan = plan_sweeps([[(0, 1.0), (1, 1.0), (0, 4.0)]], 0.1)
    exact = sample_sweeps(plan, q, few.rest(-70.0)[None], few.weights[:, None])[0][0, :, 0]
    expected = exact * 1e-4 * 70.0
    # the clamp sees the current through R C = 25 us
    lag = np.abs(np.gradient(expected, 0.1)).max() * 0.03
    np.testing.assert_allclose(-current * -1.0, expected, atol=lag + 0.02 * expected.max())
    peak = np.argmax(expected)
    np.testing.assert_allclose(current[peak + 5], expected[peak + 5], rtol=0.03)


def test_current_clamp_and_command_switch():
    empty = Receptor(AMPA.scheme, 0.0, 0.0)
    quiet = SpineSystem((empty,), CA1SIM_SPINE, CALCIUM, Compartments((10.0,), (2.0,), (-70.0,)))
    drive = quiet.drive(BRIEF_PULSE, np.array([]), 40.0, injected_pA=((5.0, 0, 20.0), (30.0, 0, 0.0)))
    found = solve(quiet, drive, np.array([5.0, 10.0, 30.0]), lambda y: y[-1:])
    expected = -70.0 + 10.0 * (1 - np.exp(-np.array([0.0, 1.0, 5.0])))
    np.testing.assert_allclose(found.values[:, 0], expected, atol=0.02)
    clamped = SpineSystem((empty,), CA1SIM_SPINE, CALCIUM, Compartments((10.0,), (2.0,), (-70.0,), (), (0, 0.01)))
    drive = clamped.drive(BRIEF_PULSE, np.array([]), 4.0, command_mV=((0.0, -70.0), (1.0, -30.0)))
    found = solve(clamped, drive, np.array([0.9, 1.1, 4.0]), lambda y: y[-1:])
    steady, rate = (100.0 * -30.0 + 2.0 * -70.0) / 102.0, 102.0 / 10.0
    expected = [-70.0, steady + (-70.0 - steady) * np.exp(-0.1 * rate), steady]
    np.testing.assert_allclose(found.values[:, 0], expected, atol=0.02)


# ------------------------------------------------------------------------------------ drive


@pytest.mark.parametrize("cleft", [BRIEF_PULSE, CLEMENTS, TRIPLE_EXPONENTIAL, DIFFUSION], ids=lambda c: c.name)
def test_the_drive_is_the_sum_of_the_releases(cleft):
    releases, amounts = [np.array([0.0, 0.2, 7.0]), np.array([3.0])], [np.array([1.0, 0.5, 2.0]), np.array([1.0])]
    edges, drive = glutamate_drive(cleft, releases, 12.0, amounts=amounts)
    assert np.all(np.diff(edges) > 0)
    for t in np.random.default_rng(2).uniform(0.001, 12.0, 60):
        i = np.searchsorted(edges, t) - 1
        fade = np.exp(-drive["rate_per_ms"][i] * (t - drive["start_ms"][i]))
        found = drive["pulse_uM"][i] + (drive["amplitude_uM"][i] * fade).sum(axis=0)
        for spine in range(2):
            expected = sum(
                a * float(cleft.concentration_uM(np.asarray(t - r)))
                for r, a in zip(releases[spine], amounts[spine], strict=True)
            )
            np.testing.assert_allclose(found[spine], expected, rtol=1e-6, atol=1e-3)


def test_buffer_is_steady_where_it_says():
    assert abs(BUFFER.rate(0.3, BUFFER.steady(0.3))) < 1e-15


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpineSystem((AMPA,), CA1SIM_SPINE, CALCIUM, CELL, layer=2), "compartment 2"),
        (lambda: Receptor(AMPA.scheme, 1.0, calcium=GoldmanShare(0.1)), "linear share"),
        (lambda: Receptor(KAMPA.scheme, 1.0, block=GRUNDITZ), "binds magnesium itself"),
        (lambda: glutamate_drive(DIFFUSION_ENDLESS, [np.array([1.0])], 5.0), "sum of exponentials"),
        (lambda: glutamate_drive(CLEMENTS, [np.array([6.0])], 5.0), "outside the run"),
    ],
)
def test_bad_input_says_why(make, message):
    with pytest.raises(UsageError, match=message):
        make()
