"""The patch preparation: exchange, filter, series resistance, channels, placements."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from potentiate.errors import UsageError
from potentiate.exposure.bath import Bath
from potentiate.kinetics.modulator import apply_agonist, apply_competitor
from potentiate.library.modulator import find_action
from potentiate.library.scheme import find_scheme
from potentiate.preparations import antagonist_assays, assays
from potentiate.preparations.patch import Patch, Rig, low_pass
from potentiate.preparations.solution_exchange import pieces
from potentiate.protocols.fast_application import jump, paired_pulses, synaptic_transient, train

GLUA1 = find_scheme("RH2003_GluA1_balanced")


def test_ideal_exchange_is_piecewise_constant():
    found = pieces(jump(width_ms=1.0), Bath())
    assert [p.ligands["glutamate"] for p in found] == [0.0, 1e4, 0.0]
    assert sum(p.end_ms - p.start_ms for p in found) == pytest.approx(103.0)


def test_exchange_has_the_stated_10_90_time():
    found = pieces(jump(width_ms=20.0), Bath(), exchange_10_90_ms=0.3)
    course = next(p.course for p in found if p.course is not None)
    t = np.linspace(1.5, 2.5, 20001)
    c = np.array([course(x)["glutamate"] for x in t])
    assert np.interp(9e3, c, t) - np.interp(1e3, c, t) == pytest.approx(0.3, rel=1e-3)


@pytest.mark.parametrize(("protocol", "rig"), [(synaptic_transient(), Rig()), (jump(), Rig(exchange_10_90_ms=0.2))])
def test_varying_ligand_agrees_with_an_ode_solver(protocol, rig):
    patch = Patch(GLUA1, rig=rig)
    ours = patch.occupancy(protocol)
    parts = pieces(protocol, Bath(), rig.exchange_10_90_ms)
    rest = GLUA1.generator({"glutamate": 0.0})
    slope = GLUA1.generator({"glutamate": 1.0}) - rest

    def concentration(t):
        for p in parts:
            if p.start_ms <= t <= p.end_ms:
                return p.ligands["glutamate"] if p.ligands is not None else p.course(t)["glutamate"]
        return 0.0

    # restarted at the borders of the pieces, where the course has kinks
    p, worst = patch.rest({"glutamate": 0.0}), 0.0
    for part in parts:
        if part.start_ms >= 10.0:
            break
        end = min(part.end_ms, 10.0)
        at = [k * protocol.dt_ms for k in range(math.ceil(part.start_ms / protocol.dt_ms), int(end / protocol.dt_ms))]
        solved = solve_ivp(
            lambda t, x: x @ (rest + slope * concentration(t)),
            (part.start_ms, end),
            p,
            method="Radau",
            rtol=1e-9,
            atol=1e-11,
            t_eval=[*at[::25], end],
            max_step=0.05,
            jac=lambda t, x: (rest + slope * concentration(t)).T,
        )
        samples = [round(t / protocol.dt_ms) for t in solved.t[:-1]]
        if samples:
            worst = max(worst, float(np.max(np.abs(solved.y.T[:-1] - ours[samples]))))
        p = solved.y[:, -1]
    assert worst < 1e-6


def test_series_resistance_shrinks_the_current_and_never_reverses_it():
    plain = Patch(GLUA1, channels=10_000).run(jump()).sweeps[0]
    dropped = Patch(GLUA1, channels=10_000, rig=Rig(series_GOhm=0.02)).run(jump()).sweeps[0]
    g = plain / -60.0
    assert dropped == pytest.approx(plain / (1 + g * 0.02), rel=1e-12)
    assert np.abs(dropped).max() < np.abs(plain).max()


def test_leak_and_rundown():
    leaky = Patch(GLUA1, rig=Rig(leak_nS=0.5)).run(jump()).sweeps[0]
    assert leaky[0] == pytest.approx(-30.0)
    faded = Patch(GLUA1, rig=Rig(rundown_per_sweep=0.1)).run(jump(), [Bath(), Bath()]).sweeps
    assert faded[1].min() / faded[0].min() == pytest.approx(0.9)


@pytest.mark.parametrize("kind", ["bessel", "gaussian"])
def test_filter_corner(kind):
    """A sine at the corner frequency comes out at -3 dB."""
    t = np.arange(20_000) * 0.01
    out = low_pass(np.sin(2 * np.pi * 5.0 * t), 0.01, 5.0, kind)[5000:15000]
    assert np.std(out) / np.std(np.sin(2 * np.pi * 5.0 * t)[5000:15000]) == pytest.approx(2**-0.5, rel=0.02)


@pytest.mark.parametrize(("corner", "dt"), [(5.0, 0.05), (2.0, 0.1), (1.0, 0.02)])
def test_the_filter_is_the_analogue_one_at_any_sampling(corner, dt):
    """Straight lines between samples through a four-pole Bessel filter, as an ODE solver of fine steps has it."""
    from scipy import signal

    t = np.arange(0.0, 20.0, dt)
    pulse = np.where(t > 5, (t - 5) * np.exp(-(t - 5) / 0.4), 0.0)
    fine = np.arange(0.0, t[-1], dt / 50)
    b, a = signal.bessel(4, 2 * np.pi * corner, analog=True, norm="mag")
    _, out, _ = signal.lsim((b, a), np.interp(fine, t, pulse), fine)
    found = low_pass(pulse, dt, corner)
    np.testing.assert_allclose(found[:-1], out[::50][: t.size - 1], atol=2e-6 * pulse.max())


def test_filter_must_lie_below_nyquist():
    with pytest.raises(UsageError, match="half the sampling rate"):
        low_pass(np.zeros(100), 0.02, 30.0)


def test_noise_needs_a_seed_and_is_reproducible():
    noisy = Patch(GLUA1, rig=Rig(noise_pA=2.0))
    with pytest.raises(UsageError, match="seed"):
        noisy.run(jump())
    assert np.array_equal(noisy.run(jump(), seed=3).sweeps, noisy.run(jump(), seed=3).sweeps)
    assert not np.array_equal(noisy.run(jump(), seed=3).sweeps, noisy.run(jump(), seed=4).sweeps)


def test_stochastic_channels_scatter_around_the_mean():
    mean = Patch(GLUA1, channels=2000).run(jump(after_ms=20.0)).sweeps[0]
    drawn = Patch(GLUA1, channels=2000, stochastic=True).run(jump(after_ms=20.0), [Bath()] * 40, seed=1).sweeps
    z = (drawn.mean(axis=0) - mean)[110:400] / (drawn.std(axis=0, ddof=1)[110:400] / np.sqrt(40))
    assert np.sqrt(np.mean(z**2)) < 1.5


def test_train_marks_and_depression():
    protocol = train(100.0, 5)
    current = -Patch(GLUA1).run(protocol).sweeps[0]
    peaks = [
        current[int(protocol.marks[m] / 0.02) : int(protocol.marks[m] / 0.02) + 100].max() for m in ("on", "on2", "on5")
    ]
    assert peaks[0] > peaks[1] > peaks[2] > 0


def test_unknown_drug_is_refused_not_ignored():
    with pytest.raises(UsageError, match="does not act on scheme"):
        Patch(GLUA1).run(jump(), Bath({"aniracetam": 1000.0}))


def test_negative_or_absurd_concentrations_are_refused():
    for value in (-1.0, math.nan, 1e9):
        with pytest.raises(UsageError):
            Bath({"aniracetam": value})


def test_competitor_shifts_the_curve_and_is_surmounted():
    """Schild: with Kd = 1 uM, 9 uM multiplies the EC50 of a non-desensitizing response by about 10."""
    base = find_scheme("MilsteinCA1Sim")
    blocked = apply_competitor(base, "x", 1.0, 1.0)
    assert not blocked.imbalances(1e-9)
    grid = np.geomspace(1e-2, 1e6, 161)
    plain = assays.agonist_steady(Patch(base), grid, Bath(), "glutamate")
    shifted = assays.agonist_steady(Patch(blocked), grid, Bath({"x": 9.0}), "glutamate")
    half = [np.interp(0.5 * y[-1], y, grid) for y in (plain, shifted)]
    assert half[1] / half[0] == pytest.approx(10.0, rel=0.01)
    assert shifted[-1] == pytest.approx(plain[-1], rel=1e-3)


def test_noncompetitive_block_is_not_surmounted_and_spares_desensitization():
    action = find_action("perampanel")
    patch = Patch(action.apply(GLUA1))
    found = [assays.desensitization(patch, Bath({"perampanel": c})) for c in (0.0, 3.87)]
    assert found[1]["peak"].value / found[0]["peak"].value == pytest.approx(0.5, abs=0.03)
    assert found[1]["tau_des"].value == pytest.approx(found[0]["tau_des"].value, rel=0.2)
    onset = antagonist_assays.block_onset(patch, "perampanel", 3.0, 100.0)["tau"].value
    # 1 / (kon c + koff) = 0.97 s where every state binds; only closed states do, most are desensitized (closed)
    assert onset == pytest.approx(970.0, rel=0.15)


def test_a_partial_agonist_of_full_efficacy_only_changes_affinity():
    same = apply_agonist(GLUA1, "x", 1.0, 1.0)
    np.testing.assert_allclose(same.constants, GLUA1.constants)
    stronger = apply_agonist(GLUA1, "x", 10.0, 1.0)
    a = assays.agonist_curve(Patch(GLUA1), of="steady_state")["ec50"].value
    b = assays.agonist_curve(Patch(stronger), of="steady_state")["ec50"].value
    assert a / b == pytest.approx(10.0, rel=0.05)


def test_kainate_is_weak_and_hardly_desensitizes():
    action = find_action("kainate")
    found = assays.desensitization(Patch(action.apply(GLUA1)), concentration_uM=10_000.0)
    control = assays.desensitization(Patch(GLUA1))
    assert abs(found["peak"].value) < abs(control["peak"].value)
    assert found["steady_state_ratio"].value > 20 * control["steady_state_ratio"].value


def test_drug_alone_opens_nothing():
    """No current without glutamate: an operator on states cannot open an unliganded receptor."""
    for drug in ("aniracetam", "cyclothiazide", "cx614"):
        action = find_action(drug)
        patch = Patch(action.apply(GLUA1))
        assert assays.agonist_free(patch, Bath({drug: 300.0})).value == 0.0


def test_placements_differ_as_they_must():
    action = find_action("aniracetam")
    patch = Patch(action.apply(GLUA1))
    tau = {
        p: assays.deactivation(patch, Bath({"aniracetam": 5000.0}, p))["tau_deact"].value
        for p in ("both", "agonist", "control")
    }
    control = assays.deactivation(patch)["tau_deact"].value
    assert control < tau["agonist"] < tau["both"]


def test_paired_pulse_interval_runs_from_end_to_start():
    protocol = paired_pulses(10.0)
    assert protocol.marks["on2"] - protocol.marks["off"] == pytest.approx(10.0)


def test_a_receptor_without_edited_glua2_rectifies():
    from potentiate.library.receptor import resolve

    lacking, containing = resolve("GluA1i"), resolve("GluA1i/GluA2i")
    assert lacking.rectification is not None
    assert containing.rectification is None
    current = {}
    for voltage in (-60.0, 40.0):
        patch = Patch(lacking.scheme(), voltage_mV=voltage, pore=lacking.rectification)
        current[voltage] = assays.deactivation(patch)["peak"].value
    chord = (current[40.0] / 40.0) / (current[-60.0] / -60.0)
    assert chord == pytest.approx(lacking.rectification.rectification_index(), rel=1e-6)
    assert chord < 0.5


def test_a_receptor_sets_conductance_levels():
    from potentiate.library.receptor import resolve

    receptor = resolve("GluA1i", rescaled=True)
    scheme = receptor.scheme()
    assert scheme.conductance_unit == "pS"
    assert sorted({g for g in scheme.conductance if g}) == pytest.approx(list(receptor.conductance_pS))


def test_a_series_holds_what_the_bench_was_told():
    """Voltage, channels and agonist concentration reach every protocol; none is capped or dropped in silence."""
    from potentiate.preparations.patch_series import PROTOCOLS, run_series

    for name in PROTOCOLS:
        if name in ("standard", "bracket", "agonist-free", "agonist-series"):
            continue
        peak = {
            voltage: run_series(name, Patch(GLUA1, channels=50, voltage_mV=voltage), None, []).rows[0][1]["peak"].value
            for voltage in (-60.0, 30.0)
        }
        assert peak[30.0] / peak[-60.0] == pytest.approx(-0.5, rel=1e-6), name
    slow = [
        run_series("slow", Patch(GLUA1), None, [], agonist_uM=c).rows[0][1]["steady_state"].value
        for c in (10.0, 5000.0)
    ]
    assert abs(slow[0]) != pytest.approx(abs(slow[1]), rel=0.05)
