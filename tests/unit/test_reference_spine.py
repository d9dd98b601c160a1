"""The reference spine: its pieces against independent solutions, its drugs, its refusals."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from potentiate.errors import NumericalError, UsageError
from potentiate.exposure.bath import Bath
from potentiate.library.scheme import find_scheme
from potentiate.mechanisms.docked_release import DockedRelease, draw_docked_releases
from potentiate.mechanisms.reference_spine import CALCIUM, FAST, quiet_start, spine_rates
from potentiate.mechanisms.somatic_spike import injected_pA, linoid
from potentiate.mechanisms.spine_calcium_channels import calcium_drive
from potentiate.numerics.rosenbrock_grid import linked_solver, rosenbrock_step
from potentiate.preparations.flicker_engine import FlickerRule, segment_steps
from potentiate.preparations.reference_drive import driven_conductance, scheme_generators
from potentiate.preparations.reference_grid import PULSE_STEPS, GridRule, time_grid
from potentiate.preparations.reference_protocols import coded_theta_burst, doublets, published_inductions
from potentiate.preparations.reference_spine import LEAD_MS, ReferenceSpine
from potentiate.protocols.stimulation import Stimulation, stdp

#: One number of runs in all tests: the loop is compiled once for each.
RUNS = 2


# ------------------------------------------------------------------------------------------------ numerics
def test_steps_have_order_three_and_keep_invariants():
    def rate(y, u):
        flux = 4.0 * y[0] * y[1] - 3.0 * y[2]
        return jnp.stack([-flux, -flux + u[0] * y[2], flux - u[0] * y[2]])

    start, forcing = jnp.array([[1.0, 2.0, 0.0]]), jnp.array([[0.3]])

    step = jax.jit(lambda y, h: rosenbrock_step(rate, y, forcing, h)[0])

    def end(n):
        y = start
        for _ in range(n):
            y = step(y, 1.0 / n)
        return np.asarray(y)[0]

    fine = end(640)
    errors = [np.abs(end(n) - fine).max() for n in (20, 40, 80)]
    assert errors[0] / errors[1] > 6.0
    assert errors[1] / errors[2] > 6.0
    assert end(20)[1:].sum() == pytest.approx(2.0, abs=1e-13)


def test_a_step_of_zero_changes_nothing():
    step = jax.jit(lambda y: rosenbrock_step(lambda y, u: -y, y, jnp.zeros((1, 1)), 0.0))
    y, error = step(jnp.ones((1, 2)))
    assert (np.asarray(y) == 1.0).all()
    assert (np.asarray(error) == 0.0).all()


def test_linked_blocks_are_solved_as_one_system():
    rng = np.random.default_rng(3)
    matrix = 6.0 * np.eye(7) + rng.normal(size=(4, 7, 7))
    matrix[:, :3, 3:] *= np.arange(4) == 1
    matrix[:, 3:, :3] *= (np.arange(4) == 1)[:, None]
    right = rng.normal(size=(4, 7))
    found = jax.jit(lambda m, r: linked_solver(m, 3, 1)(r))(jnp.asarray(matrix), jnp.asarray(right))
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right[..., None])[..., 0], rtol=1e-10)


def test_the_spine_is_two_blocks_linked_by_calcium():
    k = ReferenceSpine().constants
    state = quiet_start() + 0.01
    varied = state + 0.1 * np.eye(len(state))
    jacobian = (spine_rates(varied, np.full(4, 0.1), k) - spine_rates(state, np.full(4, 0.1), k)).T
    upper, lower = jacobian[:CALCIUM, CALCIUM:], jacobian[CALCIUM:, :CALCIUM]
    assert np.abs(upper[:, 1:]).max() == 0.0
    assert np.abs(lower[1:]).max() == 0.0
    assert np.abs(upper[:, 0]).max() > 0


def test_grid_resolves_events_and_is_coarse_elsewhere():
    rule = GridRule()
    grid = time_grid([100.0, 300.0], 1.0, [110.0], 2.0, 5000.0, rule)
    steps = np.diff(grid)
    assert (steps > 0).all()
    assert grid[0] == 0.0
    assert grid[-1] == 5000.0
    for t in (100.0, 101.0, 300.0, 301.0, 110.0 - 0.3):
        assert np.abs(grid - t).min() < 1e-9
    inside = (grid[:-1] >= 110.0) & (grid[:-1] < 117.0)
    assert steps[inside].max() < 1.6 * rule.spike_ms
    assert steps[np.searchsorted(grid, 100.0) :][:PULSE_STEPS] == pytest.approx(1.0 / PULSE_STEPS)
    assert steps.max() > 5.0
    assert len(grid) < 900


# ------------------------------------------------------------------------------------------------- pieces
@pytest.mark.parametrize("scheme_id", ["Rodrigues2023", "NMDA_Rodrigues_GluN2B", "RT1992"])
def test_driven_conductance_is_that_of_the_master_equation(scheme_id):
    scheme = find_scheme(scheme_id)
    g = np.array(scheme.conductance)
    generators = scheme_generators(scheme, {}, 35.0)
    grid = time_grid([5.0, 25.0], 1.0, [], 2.0, 60.0, GridRule())
    glutamate = np.array([[1000.0, 0.0], [300.0, 700.0]])
    found = driven_conductance(generators, g, grid, np.array([5.0, 25.0]), 1.0, glutamate)
    middle = 0.5 * (grid[1:] + grid[:-1])
    p = scheme.equilibrium({"glutamate": 0.0}, temperature_C=35.0)
    for run in range(2):
        state, t = p, 0.0
        for stop, c in ((5.0, 0.0), (6.0, glutamate[run, 0]), (25.0, 0.0), (26.0, glutamate[run, 1]), (60.0, 0.0)):
            q = generators(np.array(c))
            at = middle[(middle > t) & (middle < stop)]
            s = solve_ivp(
                lambda t, y, q=q: y @ q, (t, stop), state, method="LSODA", jac=lambda t, y, q=q: q.T,
                t_eval=[*at, stop], rtol=1e-8, atol=1e-11,
            )  # fmt: skip
            seen = found[(middle > t) & (middle < stop), run]
            np.testing.assert_allclose(seen, g @ s.y[:, :-1], atol=2e-5 * max(g))
            state, t = s.y[:, -1], stop


def test_release_draws():
    rng = np.random.default_rng(1)
    terminal = DockedRelease.at(2500.0)
    found = draw_docked_releases([1000.0 * i for i in range(40)], terminal, 400, rng)
    first = (found.transmitter_uM[:, 0] > 0).mean()
    expected = 1.0 / (1.0 + terminal.half**2)
    assert abs(first - expected) < 4.0 * np.sqrt(expected * (1 - expected) / 400)
    released = found.transmitter_uM[found.transmitter_uM > 0]
    assert released.mean() == pytest.approx(1000.0, rel=0.03)
    assert released.std() / released.mean() == pytest.approx(0.5, rel=0.05)
    assert (found.docked >= 0).all()
    assert found.docked[:, -1].mean() < terminal.docked
    again = draw_docked_releases([1000.0 * i for i in range(40)], terminal, 400, np.random.default_rng(1))
    assert (again.transmitter_uM == found.transmitter_uM).all()


def test_less_external_calcium_less_release():
    halves = [DockedRelease.at(ca).half for ca in (1000.0, 1800.0, 2500.0)]
    assert halves[0] > halves[1] > halves[2]


def test_trains_evoke_more_spikes_than_single_stimuli():
    rng = np.random.default_rng(2)
    slow = draw_docked_releases([1000.0 * i for i in range(20)], DockedRelease(), 50, rng).spikes.mean()
    fast = draw_docked_releases([20.0 * i for i in range(20)], DockedRelease(), 50, rng).spikes.mean()
    assert fast > 3.0 * slow


def test_singular_expressions_are_finite():
    assert linoid(np.array([0.0, 1e-9]), 7.2) == pytest.approx(7.2)
    near = calcium_drive(np.array([-1e-5, 0.0, 1e-5]), 0.1, 2500.0, 35.0)
    assert np.ptp(near) < 1e-4 * abs(near[1])
    assert near[1] > 0  # inward
    assert injected_pA(np.array([-100.0, 1.0, 100.0]), 2.0, 1000.0) == pytest.approx([0.0, 1000.0, 0.0])


# -------------------------------------------------------------------------------------------------- the spine
def test_one_pairing_against_an_independent_solver():
    """Grid, linked steps and the forcing in the middle of each step, against LSODA with a continuous forcing."""
    spine = ReferenceSpine(injected_pA=2000.0)
    pair = Stimulation("pair", (0.0,), 100.0, (10.0,))
    found = spine.run(pair, runs=RUNS, seed=3, after_ms=300.0, bin_ms=0.5)
    releases = draw_docked_releases([0.0], DockedRelease.at(2500.0), RUNS, np.random.default_rng(3))
    fine = np.concatenate([[0.0], np.linspace(500.0, 501.0, PULSE_STEPS + 1), 501.0 + np.geomspace(1e-3, 299.0, 3000)])
    drive = spine._drive(fine, np.array([500.0]), 1.0, releases.transmitter_uM, Bath())
    middle = 0.5 * (fine[1:] + fine[:-1])
    run = int(np.argmax(releases.transmitter_uM[:, 0]))
    slope = jax.jit(lambda y, u: spine_rates(y, u, spine.constants, xp=jnp))

    def forcing(t):
        u = [np.interp(t, middle, drive[:, run, j]) for j in range(3)]
        return np.array([*u, float(injected_pA(t - 510.0, 2.0, 2000.0))])

    y, peak = spine.rest(), 0.0
    for a, b in ((500.0, 501.0), (501.0, 509.0), (509.0, 514.0), (514.0, 800.0)):
        s = solve_ivp(lambda t, y: np.asarray(slope(y, forcing(t))), (a, b), y, method="LSODA", rtol=1e-6, atol=1e-8)
        y, peak = s.y[:, -1], max(peak, s.y[CALCIUM].max())
    assert found.calcium_uM[run].max() == pytest.approx(peak, rel=5e-3)
    assert found.can_uM[run, -1] == pytest.approx(y[len(FAST) + 5], rel=1e-2)
    assert found.error_uM < 0.3


@pytest.fixture(scope="module")
def eight():
    """Eight pairings without a drug."""
    return ReferenceSpine(injected_pA=2000.0).run(stdp(8, 10, 5, 2), runs=RUNS, seed=1, after_ms=1000.0)


def test_a_modulator_acts_through_the_scheme(eight):
    """No drug in the bath: the base scheme. Drug: receptors stay open longer, the spine takes up more calcium."""
    spine = ReferenceSpine(injected_pA=2000.0).with_compound("aniracetam")
    assert spine.ampa.n > find_scheme("Rodrigues2023").n
    shape = dict(runs=RUNS, seed=1, after_ms=1000.0)
    without = spine.run(stdp(8, 10, 5, 2), Bath({"aniracetam": 0.0}), **shape)
    assert without.camkii_uM == pytest.approx(eight.camkii_uM, rel=1e-6)
    treated = spine.run(stdp(8, 10, 5, 2), Bath({"aniracetam": 1500.0}), **shape)
    assert (treated.can_uM[:, -1] > 1.001 * eight.can_uM[:, -1]).all()
    assert (treated.released == eight.released).all()


def test_a_seed_is_a_result_and_another_seed_another(eight):
    spine = ReferenceSpine(injected_pA=2000.0)
    again = spine.run(stdp(8, 10, 5, 2), runs=RUNS, seed=1, after_ms=1000.0)
    assert (again.can_uM == eight.can_uM).all()
    other = spine.run(stdp(8, 10, 5, 2), runs=RUNS, seed=2, after_ms=1000.0)
    assert (other.can_uM != eight.can_uM).any()
    assert eight.seed == 1
    by_id = {o.id: o for o in eight.observables()}
    assert by_id["weight_change"].value == pytest.approx(eight.weight_change_percent.mean())
    assert by_id["calcium_peak"].unit == "uM"
    assert any("deterministic" in a for a in eight.assumed)


def test_calcium_from_elsewhere_is_read():
    """Given calcium on an uneven grid, the enzymes follow their own equations."""
    from potentiate.mechanisms.calmodulin import ACTIVE_CAMKII, EnzymeRates, enzyme_rates
    from potentiate.preparations.reference_spine import enzymes_at_rest

    spine = ReferenceSpine()
    t = np.unique(np.concatenate([np.linspace(0.0, 400.0, 401), np.geomspace(400.0, 5_000.0, 200)]))
    pulse = 0.12 + 6.0 * np.exp(-(((t - 200.0) / 40.0) ** 2))
    traces = np.stack([pulse, np.full_like(t, 0.12)])
    found = spine.read(t, traces, bin_ms=50.0)
    rates = EnzymeRates.at(35.0)
    s = solve_ivp(
        lambda x, y: enzyme_rates(y, np.interp(x, t, pulse), rates)[0], (0, t[-1]), enzymes_at_rest(pulse[0], rates),
        method="LSODA", rtol=1e-6, atol=1e-9, max_step=20.0, t_eval=[400.0, t[-1]],
    )  # fmt: skip
    at_400 = np.searchsorted(found.time_ms, 400.0, side="right") - 1
    assert found.time_ms[at_400] == pytest.approx(400.0, abs=1.0)
    assert found.camkii_uM[0, at_400] == pytest.approx(ACTIVE_CAMKII @ s.y[:, 0], rel=5e-3)
    assert found.camkii_uM[0, -1] == pytest.approx(ACTIVE_CAMKII @ s.y[:, 1], rel=5e-3)
    assert np.ptp(found.camkii_uM[1]) < 1e-3
    assert found.direction() == "none"


def test_long_high_calcium_potentiates_and_moderate_depresses():
    """Two plateaus: one leaves the enzymes in the one region, one in the other."""
    spine = ReferenceSpine()
    t = np.arange(0.0, 400_000.0, 100.0)
    during = (t > 1000.0) & (t < 200_000.0)
    values = []
    for pair in np.geomspace(0.3, 1.2, 12).reshape(-1, RUNS):
        traces = np.where(during, pair[:, None], 0.1)
        values.extend(spine.read(t, traces).weight_change_percent)
    assert min(values) < -20.0
    assert max(values) > 20.0
    assert int(np.argmin(values)) < int(np.argmax(values))


def test_a_run_that_fails_is_kept_as_nan_with_its_reason(monkeypatch):
    from potentiate.preparations import reference_spine

    real = reference_spine.run_loop

    def one_fails(*arguments):
        found = real(*arguments)
        found["state"] = found["state"].copy()
        found["state"][0] = np.nan
        return found

    monkeypatch.setattr(reference_spine, "run_loop", one_fails)
    t = np.linspace(0.0, 1000.0, 50)
    found = ReferenceSpine().read(t, np.full((RUNS, 50), 0.1))
    assert np.isnan(found.weight_change_percent[0])
    assert np.isfinite(found.weight_change_percent[1])
    assert found.status[0] != "ok"
    assert found.status[1] == "ok"
    monkeypatch.setattr(reference_spine, "run_loop", lambda *a: one_fails(*a) | {"state": np.full((RUNS, 17), np.nan)})
    with pytest.raises(NumericalError, match="range of numbers"):
        ReferenceSpine().read(t, np.full((RUNS, 50), 0.1))


def test_protocols_have_the_coded_times():
    by_name = {p.name: p for p in published_inductions()}
    pair = by_name["Tigaret 2Post1Pre50"].stimulation
    assert pair.spikes_ms[:2] == (0.0, 10.0)
    assert pair.pulses_ms[:2] == (50.0, 250.0)
    assert doublets(50, 3, 3).pulses_ms[1] == 50.0
    assert coded_theta_burst().pulses_ms[4] == 230.0
    assert len(by_name["Dudek & Bear 900 x 1 Hz"].stimulation.pulses_ms) == 900
    low = by_name["Inglebert +10 ms, 1.8 mM Ca"].spine()
    assert low.magnesium_mM == pytest.approx(1.2)


# -------------------------------------------------------------------------------------------------- drawn channels
def test_short_steps_with_expected_channels_are_the_rosenbrock_solution():
    """The loop that draws channels, told not to draw: another integrator, another treatment of every channel."""
    spine = ReferenceSpine(injected_pA=2000.0)
    bout = stdp(2, 10, 20, 2)
    accurate = spine.run(bout, runs=RUNS, seed=1, after_ms=300.0)
    releases = draw_docked_releases(bout.pulses_ms, DockedRelease.at(2500.0), RUNS, np.random.default_rng(1))
    pulses = np.array(bout.pulses_ms) + LEAD_MS
    who = [(t + LEAD_MS, np.ones(RUNS)) for t in bout.spikes_ms]
    end = max(bout.spikes_ms) + LEAD_MS + 300.0
    found, ends = spine._run_drawn(pulses, releases.transmitter_uM, who, end, Bath(), 1, stochastic=False)
    assert ends[-1] == pytest.approx(end, abs=2.0)
    assert found["calcium_uM"].max(axis=0) == pytest.approx(accurate.calcium_uM.max(axis=1), rel=0.01)
    assert found["can_uM"][-1] == pytest.approx(accurate.can_uM[:, -1], rel=0.02)
    assert found["camkii_uM"][-1] == pytest.approx(accurate.camkii_uM[:, -1], rel=0.01)


def test_drawn_channels_scatter_from_run_to_run_and_a_seed_repeats_them():
    """One spike, no transmitter: with expected channels all runs are the same, with drawn ones calcium scatters around
    the expected peak."""
    spine = ReferenceSpine(channels="drawn")
    spike = Stimulation("one spike", (), 100.0, (50.0,))
    found = spine.run(spike, runs=RUNS, seed=5, after_ms=10.0)
    others = [spine.run(spike, runs=RUNS, seed=s, after_ms=10.0) for s in (6, 7)]
    peaks = np.concatenate([o.calcium_uM.max(axis=1) for o in (found, *others)])
    expected = dataclasses.replace(spine, channels="expected").run(spike, runs=RUNS, seed=5, after_ms=10.0)
    assert np.ptp(expected.calcium_uM.max(axis=1)) < 1e-9
    assert peaks.std() > 0.1 * peaks.mean()
    assert 0.5 < peaks.mean() / expected.calcium_uM.max() < 2.5
    assert any("drawn" in a for a in found.assumed)
    again = spine.run(spike, runs=RUNS, seed=5, after_ms=10.0)
    assert (again.can_uM == found.can_uM).all()


def test_steps_near_events_are_short():
    rule = FlickerRule()
    steps = segment_steps(10.0, 300.0, np.array([100.0, 310.0]), rule)
    assert steps.sum() == pytest.approx(290.0)
    starts = 10.0 + np.cumsum(steps) - steps
    near = (starts > 100.0) & (starts < 100.0 + rule.near_after_ms - 0.1)
    assert steps[near] == pytest.approx(rule.near_ms, rel=1e-3)
    assert steps[starts < 90.0] == pytest.approx(rule.far_ms, rel=1e-2)


# -------------------------------------------------------------------------------------------------- refusals
def test_refusals():
    spine = ReferenceSpine()
    with pytest.raises(UsageError, match="is on record"):
        spine.with_compound("caffeine")
    with pytest.raises(UsageError, match="Channels"):
        dataclasses.replace(spine, channels="some").run(Stimulation("x", (0.0,), 10.0))
    clamp = Stimulation("clamped", (0.0,), 100.0, holding_mV=0.0)
    with pytest.raises(UsageError, match="not voltage-clamped"):
        spine.run(clamp)
    with pytest.raises(UsageError, match="acts on no receptor"):
        spine.run(Stimulation("x", (0.0,), 10.0), Bath({"caffeine": 10.0}))
    blocked = dataclasses.replace(spine, glun2a=find_scheme("NMDA_Kampa2004"))
    with pytest.raises(UsageError, match="voltage"):
        blocked.run(Stimulation("x", (0.0,), 10.0), runs=1)


@pytest.mark.parametrize(
    ("time", "calcium"),
    [([0.0, 1.0], [1.0]), ([1.0, 0.0], [0.1, 0.1]), ([0.0, 1.0], [0.1, np.nan]), ([0.0, 1.0], [0.1, -1.0])],
)
def test_calcium_that_cannot_be_read(time, calcium):
    with pytest.raises(UsageError):
        ReferenceSpine().read(np.array(time), np.array(calcium))


def test_a_calcium_trace_with_a_long_gap_is_read_as_one_with_many_points():
    spine = ReferenceSpine()
    t = np.concatenate([np.arange(0.0, 400.0, 2.0), [400.0, 60_400.0]])
    calcium = np.where(t < 400.0, 0.05 + 3.0 * np.exp(-t / 150.0), 0.05)
    dense = np.concatenate([np.arange(0.0, 400.0, 2.0), np.arange(400.0, 60_400.1, 50.0)])
    sparse, fine = spine.read(t, calcium), spine.read(dense, np.interp(dense, t, calcium))
    np.testing.assert_allclose(sparse.units, fine.units, atol=1e-4)
    assert np.all((sparse.units >= -1e-9) & (sparse.units <= 1.0 + 1e-9))
