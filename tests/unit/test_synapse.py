"""Synapse preparations: receptors, membrane and calcium against independent solutions; what a user may do wrong."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from potentiate.errors import UsageError
from potentiate.exposure.bath import Bath
from potentiate.kinetics.modulator import apply_modulator
from potentiate.library.modulator import find_action
from potentiate.library.scheme import find_scheme
from potentiate.mechanisms.cleft import CLEFTS, CLEMENTS, Cleft
from potentiate.numerics.matrix_exponential import transition_matrix
from potentiate.preparations.synapse import Synapse
from potentiate.preparations.synapse_assays import amplitudes, response
from potentiate.preparations.synapse_quantum import quantal_conductance
from potentiate.preparations.synaptic_channels import drawn_conductance_nS
from potentiate.preparations.synaptic_glutamate import Glutamate, Residual
from potentiate.preparations.synaptic_membrane import Cell, Site, follow
from potentiate.preparations.synaptic_receptors import SiteReceptors, conductance_nS
from potentiate.protocols.stimulation import paired_pulses, train
from potentiate.protocols.stimulation import test_pulse as pulse

CA1 = Synapse.from_document("ca1-spine")
CALYX = Synapse.from_document("nucleus-magnocellularis")
ANIRACETAM = Bath({"aniracetam": 5000.0})
AP5 = {"d-ap5": 50.0}
#: One spine, quanta alike: one trial is the answer.
ONE = dataclasses.replace(CA1, sites=1, quantum=dataclasses.replace(CA1.quantum, content_cv=0.0))


def _ode(scheme, ligands, concentration, read, t, breaks):
    """Solve a scheme under a varying glutamate with an ODE solver that is restarted at the kinks."""
    rest = scheme.generator({**ligands, "glutamate": 0.0}, -70.0, 35.0)
    slope = scheme.generator({**ligands, "glutamate": 1.0}, -70.0, 35.0) - rest
    p, found = scheme.equilibrium({**ligands, "glutamate": 0.0}, -70.0, 35.0), np.empty(len(t))
    edges = [t[0], *breaks, t[-1]]
    for a, b in itertools.pairwise(edges):
        inside = (t >= a - 1e-9) & (t <= b + 1e-9)
        solved = solve_ivp(
            lambda x, y: y @ (rest + slope * concentration(x)), (a, b), p, "LSODA",
            np.clip(t[inside], a, b), rtol=1e-9, atol=1e-12,
        )  # fmt: skip
        found[inside], p = read @ solved.y[:, : inside.sum()], solved.y[:, -1]
    return found


@pytest.mark.parametrize(
    "cleft", [Cleft("pulse", pulse=(1000.0, 0.3)), CLEMENTS, Cleft("two", decays=((2000.0, 0.1), (100.0, 2.0)))]
)
def test_conductance_agrees_with_an_ode_solver(cleft):
    scheme = apply_modulator(find_scheme("Rodrigues2023"), find_action("aniracetam").modulator())
    receptors = SiteReceptors("AMPA", "AMPA", scheme, 14, 10.0, 0.0)
    pulses = np.array([1.0, 6.0])
    glutamate = Glutamate(cleft, pulses, np.array([[[1.0, 0.7]]]))
    ours = conductance_nS(receptors, glutamate, 301, 0.05, ligands={"aniracetam": 800.0}, temperature_C=35.0)[0, 0]
    t = np.arange(301) * 0.05

    def concentration(x):
        return float(sum(a * cleft.concentration_uM(x - p) for a, p in zip((1.0, 0.7), pulses, strict=True)))

    breaks = sorted({x for p in pulses for x in (p, p + 0.3)})
    # the solver must not see the value at the kink itself
    truth = _ode(scheme, {"aniracetam": 800.0}, concentration, receptors.conductances_nS, t, breaks)
    assert np.abs(ours - truth).max() < 1e-3 * truth.max()


def test_a_table_of_propagators_and_exact_ones_agree():
    receptors = CA1.receptors[0]
    rng = np.random.default_rng(1)
    amounts = rng.uniform(0.2, 2.0, (40, 1, 2))  # 40 concentrations in a step: the table
    pulses = np.array([1.0, 4.0])
    many = conductance_nS(receptors, Glutamate(CLEMENTS, pulses, amounts), 201, 0.05, temperature_C=35.0)
    few = conductance_nS(receptors, Glutamate(CLEMENTS, pulses, amounts[:8]), 201, 0.05, temperature_C=35.0)
    assert np.abs(many[:8] - few).max() < 2e-4 * few.max()


@pytest.mark.parametrize("cleft", [Cleft("pulse", pulse=(1000.0, 0.3)), CLEMENTS], ids=["pulse", "Clements"])
def test_drawn_channels_have_the_expected_mean_and_the_binomial_variance(cleft):
    receptors = SiteReceptors("AMPA", "AMPA", find_scheme("MilsteinCA1Sim"), 10, 20.0, 0.0)  # one open level
    glutamate = Glutamate(cleft, np.array([1.0]), np.ones((1500, 1, 1)))
    drawn = drawn_conductance_nS(receptors, glutamate, 120, 0.05, np.random.default_rng(1), temperature_C=35.0)[:, 0]
    expected = conductance_nS(receptors, glutamate, 120, 0.05, temperature_C=35.0)[0, 0]
    variance = 10 * 0.02**2 * (expected / 0.2) * (1 - expected / 0.2)
    assert np.abs(drawn.mean(axis=0) - expected).max() < 5 * np.sqrt(variance.max() / 1500)
    peak = expected.argmax()
    assert drawn[:, peak].var() == pytest.approx(variance[peak], rel=0.2)
    np.testing.assert_allclose(np.round(drawn / 0.02), drawn / 0.02, atol=1e-9)  # whole channels
    if cleft.pulse:  # what one sample tells of the next, after glutamate has gone: the chance to be open again
        scheme = receptors.scheme
        (at,) = np.flatnonzero(scheme.conductance)
        again = transition_matrix(scheme.generator({"glutamate": 0.0}, -70.0, 35.0), 0.05)[at, at]
        p, q = expected[30] / 0.2, expected[31] / 0.2
        together = (p * again - p * q) / np.sqrt(p * (1 - p) * q * (1 - q))
        assert np.corrcoef(drawn[:, 30], drawn[:, 31])[0, 1] == pytest.approx(together, abs=0.08)


def test_drawn_channels_sum_over_sites_and_follow_the_seed():
    noisy = dataclasses.replace(CALYX, channel_noise=True, sites=5)
    first, again = (noisy.run(pulse(after_ms=3.0), seed=2, trials=2).sweeps for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = noisy.run(pulse(after_ms=3.0), seed=3, trials=2).sweeps
    assert np.abs(first - other).max() > 0


def test_sites_add_up_and_share_residual_glutamate():
    amounts = np.array([[[1.0], [0.0], [2.0]]])
    receptors = CALYX.receptors[0]
    glutamate = Glutamate(CALYX.cleft, np.array([1.0]), amounts, Residual(100.0, 4.0))
    each = conductance_nS(receptors, glutamate, 101, 0.05)
    together = conductance_nS(receptors, glutamate, 101, 0.05, per_site=False)
    np.testing.assert_allclose(each.sum(axis=1), together[:, 0], rtol=1e-10)
    assert each[0, 1].max() > 0  # the silent site sees what the others released
    alone = dataclasses.replace(glutamate, residual=None)
    assert conductance_nS(receptors, alone, 101, 0.05)[0, 1].max() == 0


def test_voltage_clamp_through_neck_and_series_resistance_is_ohms_law():
    ampa = np.abs(np.sin(np.arange(50.0)))[None, None] * np.array([0.2, 0.5])[None, :, None]
    site = Site(2.0, 0.0, 0.0, lambda v: np.ones_like(v), None)
    plain = follow(ampa, 0 * ampa, 0.05, site, holding_mV=-60.0)
    seen = (2.0 * ampa / (2.0 + ampa)).sum(axis=1)
    np.testing.assert_allclose(plain["synaptic"], seen * -60.0)
    np.testing.assert_allclose(plain["head"], (-120.0 / (2.0 + ampa)).mean(axis=1), atol=1e-5)
    series = follow(ampa, 0 * ampa, 0.05, site, holding_mV=-60.0, series_GOhm=0.01)
    np.testing.assert_allclose(series["dendrite"], -60.0 - 0.01 * series["synaptic"], atol=1e-6)


def test_a_lost_trial_is_nan_and_leaves_the_others_alone():
    ampa = np.full((3, 2, 20), 0.2)
    nmda = np.full((3, 2, 20), 0.3)
    nmda[1, 0, 10:] = np.nan

    def unblocked(v):
        # a block that depends on the voltage so steeply that the third trial's balance jumps to and fro
        steep = np.where(np.arange(len(v))[:, None] == 2, np.where(v > -50.0, 0.0, 50.0), 0.5)
        return steep + 0.0 * v

    for how in ({"holding_mV": -60.0, "series_GOhm": 1e-3}, {"cell": Cell(-70.0, 25.0, 1.25, 60.0, 3.0, 3.0)}):
        site = Site(2.0, 0.0, 0.0, unblocked, None)
        found = follow(ampa, nmda, 0.05, site, **how)
        assert np.isfinite(found["synaptic"][0]).all()
        assert np.isnan(found["synaptic"][1, 10:]).all()
        assert np.isfinite(found["synaptic"][1, :10]).all()
        assert np.isnan(found["synaptic"][2]).any()


def test_lost_trials_are_told_and_left_out_of_the_mean():
    made = CA1.run(pulse(after_ms=3.0), seed=1, trials=3)
    data = np.array(made.data)
    data[:, 1] = np.nan
    broken = dataclasses.replace(made, data=data)
    kept, unit = response(broken)
    assert (kept.shape[0], unit) == (2, "pA")
    np.testing.assert_array_equal(kept, made.sweeps[[0, 2]])
    with pytest.raises(UsageError, match="No trial"):
        response(dataclasses.replace(made, data=np.full_like(data, np.nan)))


@settings(deadline=None, max_examples=8)
@given(
    st.lists(st.floats(0.2, 6.0), min_size=0, max_size=4),
    st.floats(0.0, 3.0),
    st.sampled_from(list(CLEFTS.values())),
)
def test_conductance_stays_between_none_and_all_open(gaps, amount, cleft):
    pulses = np.round(np.cumsum([1.0, *gaps]) / 0.1) * 0.1
    amounts = np.full((1, 1, len(pulses)), amount)
    receptors = CA1.receptors[0]
    g = conductance_nS(receptors, Glutamate(cleft, pulses, amounts), 120, 0.1, temperature_C=35.0)
    assert g.min() > -1e-12
    assert g.max() < receptors.conductances_nS.max()
    if amount > 0.05:
        assert g.max() > 1e-6
    if amount == 0:
        assert g.max() == pytest.approx(g[0, 0, 0], abs=1e-9)


def test_current_clamp_agrees_with_an_ode_solver():
    cell = Cell(-70.0, 60.0, 3.0, 140.0, 7.0, 7.0)
    block = CA1.block
    site = Site(1.96, 0.0, 0.0, lambda v: block.unblocked(v, 1.0), None)
    dt = 0.05
    t = np.arange(800) * dt

    def conductances(x):
        s = max(x - 2.0, 0.0)
        return 8.0 * s * np.exp(-s / 1.0), 3.0 * s * np.exp(-s / 8.0)

    table = np.array([conductances(x) for x in t]).T
    ours = follow(table[0][None, None], table[1][None, None], dt, site, cell=cell)

    def head(v, a, n):
        low, high = v - 1e-9, 1e-9
        for _ in range(60):
            mid = 0.5 * (low + high)
            u = n * block.unblocked(mid, 1.0)
            low, high = (mid, high) if 1.96 * (v - mid) - (a + u) * mid > 0 else (low, mid)
        return 0.5 * (low + high)

    def rhs(x, y):
        a, n = conductances(x)
        inward = 1.96 * (head(y[0], a, n) - y[0])
        return [
            (3.0 * (-70.0 - y[0]) + 7.0 * (y[1] - y[0]) + inward) / 60.0,
            (7.0 * (-70.0 - y[1]) + 7.0 * (y[0] - y[1])) / 140.0,
        ]

    truth = solve_ivp(rhs, (0, t[-1]), [-70.0, -70.0], "LSODA", t, rtol=1e-8, atol=1e-9, max_step=1.0).y
    for name, y in (("dendrite", truth[0]), ("soma", truth[1])):
        assert np.abs(ours[name][0] - y).max() < 1e-3 * (y.max() + 70.0)


def test_an_electrode_on_the_soma_sees_the_same_charge_later():
    ones = np.ones((1, 1, 1), int)
    ideal = ONE.run(pulse(after_ms=80.0), Bath(AP5), seed=1, trials=1, vesicles=ones)
    t = ideal.time_ms
    for series in (0.0, 0.01):
        patched = dataclasses.replace(ONE, at_soma=True, series_GOhm=series)
        run = patched.run(pulse(after_ms=80.0), Bath(AP5), seed=1, trials=1, vesicles=ones)
        seen, synaptic = run.channel("clamp current").sweeps[0], run.channel("synaptic current").sweeps[0]
        # the network of conductances: dendrite d, coupling c, soma s, electrode e
        c, d, s = CA1.cell.coupling_nS, CA1.cell.dendrite_nS, CA1.cell.soma_nS
        part = c / (c + d) if not series else c / series / ((c + d) * (1 / series + s + c) - c * c)
        assert np.trapezoid(seen, t) / np.trapezoid(synaptic, t) == pytest.approx(part, rel=1e-3)
        assert t[seen.argmin()] > t[synaptic.argmin()] + 1.0
        assert np.ptp(run.channel("dendrite").sweeps) > 0.1
        if not series:
            assert np.ptp(run.channel("soma").sweeps) == 0.0


def test_calcium_that_entered_has_left_in_the_end():
    recording = ONE.run(pulse(after_ms=150.0), seed=1, trials=1, vesicles=np.ones((1, 1, 1), int))
    free = recording.channel("free calcium").sweeps[0]
    routes = ["calcium through NMDA receptors", "calcium through AMPA receptors", "calcium through channels"]
    entered = -sum(np.trapezoid(recording.channel(r).sweeps[0], recording.time_ms) for r in routes)
    dynamics = ONE.calcium.dynamics
    left = np.trapezoid(free - 0.07, recording.time_ms) / dynamics.decay_ms
    # what is still inside at the end
    assert left + free[-1] - 0.07 == pytest.approx(entered * dynamics.per_pA_ms(), rel=1e-4)
    assert free[0] == pytest.approx(0.07)


def test_one_release_has_the_calibrated_size():
    # 0.31 nS: CA1Sim's product; 6.19 nA: the example cell of PMC6762601
    assert quantal_conductance(ONE).max() == pytest.approx(0.31, rel=0.05)
    epsc = CALYX.run(pulse(after_ms=20.0), seed=1, trials=8).sweeps.mean(axis=0)
    assert epsc.min() == pytest.approx(-6190, rel=0.1)


def test_one_release_makes_a_fifth_of_a_millivolt_at_the_soma():
    free = dataclasses.replace(ONE, holding_mV=None)
    soma = free.run(pulse(after_ms=30.0), seed=1, trials=1, vesicles=np.ones((1, 1, 1), int)).channel("soma").sweeps[0]
    assert soma.max() + 70.0 == pytest.approx(0.2, rel=0.1)  # CA1Sim


def test_same_seed_same_releases_with_and_without_drug():
    bout = paired_pulses(10.0, after_ms=10.0)
    control = CA1.run(bout, seed=3, trials=6)
    drug = CA1.run(bout, ANIRACETAM, seed=3, trials=6)
    np.testing.assert_array_equal(control.sweep_metadata["released"], drug.sweep_metadata["released"])
    assert drug.sweeps.min() < control.sweeps.min()
    again = CA1.run(bout, seed=3, trials=6)
    np.testing.assert_array_equal(again.data, control.data)


def test_antagonists_act_where_they_should():
    def peaks(bath):
        run = CA1.run(pulse(after_ms=20.0), bath, seed=1, trials=4)
        return [np.abs(run.channel(c).sweeps).max() for c in ("AMPA current", "NMDA current")]

    control, nbqx = peaks(Bath()), peaks(Bath({"nbqx": 10.0}))
    assert nbqx[0] < 0.05 * control[0]
    assert nbqx[1] == pytest.approx(control[1], rel=0.05)
    ap5 = peaks(Bath({"d-ap5": 50.0}))
    assert ap5[0] == pytest.approx(control[0], rel=0.05)
    assert ap5[1] < 0.01 * control[1]


def test_cadmium_lowers_release_and_calcium_outside_raises_it():
    p = CALYX.release_probability()
    assert CALYX.release_probability(Bath({"cadmium-ion": 20.0})) == pytest.approx(p * 0.84 / 6.19, rel=0.05)
    assert dataclasses.replace(CA1, calcium_mM=4.0).release_probability() > CA1.release_probability()
    assert dataclasses.replace(CA1, calcium_mM=1.0).release_probability() < CA1.release_probability()


def test_a_calyx_matures_as_described():
    # abstract of PMC6763922: after hatching trains depress less and their steady state is larger
    hatched = Synapse.from_document("nucleus-magnocellularis-hatched")
    young, old = (amplitudes(s.run(train(200.0, 6, after_ms=5.0), seed=1, trials=4)) for s in (CALYX, hatched))
    assert old[-2:].mean() > young[-2:].mean()
    assert old[-2:].mean() / old[0] > young[-2:].mean() / young[0]


def test_another_scheme_keeps_the_quantal_peak():
    other = ONE.with_scheme("Partin1996")
    assert quantal_conductance(other).max() == pytest.approx(quantal_conductance(ONE).max(), rel=1e-6)
    assert "Partin1996" in other.assumed[-1]


def test_laws_of_nmda_calcium_differ_where_they_should():
    def entered(synapse, ca):
        made = dataclasses.replace(synapse, calcium_mM=ca)
        run = made.run(pulse(after_ms=20.0), seed=1, trials=1, vesicles=np.ones((1, 1, 1), int))
        return -np.trapezoid(run.channel("calcium through NMDA receptors").sweeps[0], run.time_ms)

    growth = {law: entered(ONE.with_calcium_law(law), 4.0) / entered(ONE.with_calcium_law(law), 2.0)
              for law in ("fixed", "Goldman", "GluSynapse")}  # fmt: skip
    assert growth["fixed"] == pytest.approx(2.0, rel=1e-3)
    assert growth["Goldman"] == pytest.approx(2.0, rel=1e-2)
    assert growth["GluSynapse"] < 1.95
    without = ONE.without_glua2().run(pulse(after_ms=20.0), seed=1, trials=1, vesicles=np.ones((1, 1, 1), int))
    edited = ONE.run(pulse(after_ms=20.0), seed=1, trials=1, vesicles=np.ones((1, 1, 1), int))
    name = "calcium through AMPA receptors"
    assert without.channel(name).sweeps.min() / edited.channel(name).sweeps.min() == pytest.approx(6.0, rel=1e-6)


def test_kinetic_block_needs_a_clamp():
    kinetic = ONE.with_block("Kampa")
    run = kinetic.run(pulse(after_ms=20.0), seed=1, trials=1, vesicles=np.ones((1, 1, 1), int))
    assert np.abs(run.channel("NMDA current").sweeps).max() > 0
    with pytest.raises(UsageError, match="current clamp"):
        dataclasses.replace(kinetic, holding_mV=None)
