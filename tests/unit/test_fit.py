"""Fits of synthetic patches: recovery, derivatives, sharing, words, interruption."""

import dataclasses

import numpy as np
import pytest

from potentiate import Bath, Patch, Recording, Rig, find_scheme, protocols, run
from potentiate.errors import DataError, NumericalError, UnknownNameError, UsageError
from potentiate.inference.experiment import Experiment
from potentiate.inference.fit import fit
from potentiate.inference.model import DrugModel, Model
from potentiate.inference.problem import Problem
from potentiate.inference.store import load_estimates, load_fit
from potentiate.kinetics.modulator import Modulator, apply_modulator
from potentiate.kinetics.rate_map import free_rates, with_rates

SCHEME = find_scheme("Partin1996")
FREE = {"closing": ["O->RA2"], "desensitization": ["RA2->RdA2"], "unbinding": ["RA2->RA"]}
PULSE = protocols.jump(width_ms=20.0, after_ms=30.0, dt_ms=0.1)
SHORT = protocols.jump(width_ms=1.0, after_ms=49.0, dt_ms=0.1)


def truth(**factors):
    """The scheme with some rates changed."""
    rate_map = free_rates(SCHEME, FREE)
    theta = rate_map.start + [np.log(factors.get(name, 1.0)) for name in rate_map.names]
    return rate_map.scheme_at(theta)


def record(scheme, noise=0.5, channels=200, seed=1, rig=None, baths=(Bath(),), **options):
    rig = rig or Rig(noise_pA=noise)
    made = []
    for k, protocol in enumerate((SHORT, PULSE)):
        patch = Patch(scheme, channels=channels, rig=rig)
        made.append(Experiment(run(patch, protocol, list(baths), seed=seed + k), protocol, list(baths), **options))
    return made


@pytest.fixture(scope="module")
def problem():
    """Two cells with different amplitude and noise; slower closing, twice the desensitization of the documents."""
    scheme = truth(closing=0.5, desensitization=2.0)
    cells = record(scheme, 0.3, 200, 1, cell="a") + record(scheme, 3.0, 900, 5, cell="b")
    return Problem(Model(SCHEME, FREE), tuple(cells))


@pytest.fixture(scope="module")
def fitted(problem):
    return fit(problem, starts=2, seed=3)


def test_planted_rates_lie_in_their_intervals(fitted):
    planted = {"closing": 0.75, "desensitization": 16.0, "unbinding": 100.0}
    for name, value in planted.items():
        estimate = fitted[name]
        assert estimate.word == "determined"
        assert estimate.low < value < estimate.high
        assert estimate.high / estimate.low < 1.5
    np.testing.assert_allclose(fitted.nuisance["noise_pA"], [0.3, 3.0], rtol=0.05)
    np.testing.assert_allclose(fitted.nuisance["amplitude_nS"], [2.0, 9.0], rtol=0.02)
    assert all(c.status == "ok" for c in fitted.checks)
    assert fitted.correlation_time < 1.5
    assert [d.word for d in fitted.information.directions] == ["stiff", "stiff", "stiff"]


def test_all_starts_find_the_same_end(fitted):
    misfits = [s.misfit for s in fitted.starts]
    assert misfits[0] <= misfits[-1] < misfits[0] + 0.5
    assert fitted.starts[0].iterations < 40


def test_the_derivative_is_that_of_the_projected_residual(problem):
    theta = problem.table.start + np.array([0.2, -0.3, 0.1])
    weight = np.array([2.0, 0.4])
    exact = problem.jacobian(theta, weight)
    for k in range(3):
        step = np.zeros(3)
        step[k] = 1e-5
        difference = (problem.residual(theta + step, weight) - problem.residual(theta - step, weight)) / 2e-5
        np.testing.assert_allclose(exact[:, k], difference, atol=2e-6 * np.abs(exact[:, k]).max())


def test_a_fit_compiles_twice_and_no_more(problem, fitted):
    for compiled in problem._compiled:
        assert compiled._cache_size() == 1


def test_predictions_are_the_currents_of_the_patch():
    """Exchange, filter and a padded shorter sweep: the fit's forward model is that of the preparation."""
    rig = Rig(exchange_10_90_ms=0.4, filter_kHz=2.0)
    experiments = record(SCHEME, rig=rig, exchange_10_90_ms=0.4, filter_kHz=2.0)
    short = experiments[0].recording
    cut = Recording(short.time_ms[:300], short.data[..., :300], short.channels)
    experiments[0] = dataclasses.replace(experiments[0], recording=cut, use=None)
    problem = Problem(Model(SCHEME, FREE), tuple(experiments), leak="none")
    predicted, linear = problem.details(problem.table.start)
    assert linear["amplitude"][0] == pytest.approx(2.0, rel=1e-4)
    rows = {
        row: p for g, ps in zip(problem.groups, predicted, strict=True) for row, p in zip(g.sweeps, ps, strict=True)
    }
    for i, e in enumerate(experiments):
        current = e.recording.sweeps[0]
        np.testing.assert_allclose(rows[i, 0][: current.size], current, atol=2e-4 * np.abs(current).max())


def test_a_drug_is_fitted_through_its_operator():
    drug = Modulator("drug", 1, 500.0, 1.0, {"open": (4.0,)}, {"gate": 0.0})
    baths = (Bath(), Bath({"drug": 500.0}), Bath({"drug": 5000.0}))
    experiments = record(apply_modulator(SCHEME, drug), 0.5, baths=baths)
    start = dataclasses.replace(drug, kd_uM=200.0, weights={"open": (1.5,)})
    model = Model(SCHEME, drugs={"drug": DrugModel(start, ("kd", "w(open)"))})
    found = fit(model, experiments, starts=1, intervals="curvature")
    for name, value in (("drug w(open)", 4.0), ("drug kd", 500.0)):
        assert found[name].low < value < found[name].high
        assert found[name].word == "determined"
    assert found["drug kd"].high / found["drug kd"].low < 1.5


def test_sharing_gives_each_cell_or_drug_its_own():
    experiments = record(truth(closing=0.5), 0.2, cell="a") + record(truth(closing=2.0), 0.2, seed=9, cell="b")
    model = Model(SCHEME, {"closing": ["O->RA2"]}, sharing={"closing": "cell"})
    found = fit(model, experiments, starts=1, intervals="none")
    assert found["closing [a]"].value == pytest.approx(0.75, rel=0.05)
    assert found["closing [b]"].value == pytest.approx(3.0, rel=0.05)
    assert found["closing [a]"].word == "no interval"
    assert [row[2] for row in found.problem.table.rows()] == ["a", "b"]


def test_what_the_data_do_not_hold_is_not_determined():
    """After one pulse of 1 ms nothing tells how fast receptors with one glutamate recover."""
    experiment = record(SCHEME, 5.0, 20)[0]
    found = fit(Model(SCHEME, {"desensitization": ["RA2->RdA2"], "first": ["RdA->RA"]}), experiment, starts=1)
    estimate = found["first"]
    assert estimate.word == "not determined"
    assert "not bounded below or above" in estimate.reason
    assert estimate.observable().status == "not determined"
    assert found.information.directions[-1].word == "sloppy"


def test_samples_that_are_not_numbers_are_left_out():
    clean = record(SCHEME, 0.2)[1]
    data = clean.recording.data.copy()
    data[..., 200:220] = np.nan
    holed = dataclasses.replace(clean, recording=dataclasses.replace(clean.recording, data=data), use=None)
    problem = Problem(Model(SCHEME, FREE), (holed,))
    assert problem.samples[0] == clean.recording.time_ms.size - 20
    assert np.isfinite(problem.residual(problem.table.start, np.ones(1))).all()


def test_rundown_is_solved_for():
    protocol = PULSE
    baths = [Bath()] * 4
    recording = run(Patch(SCHEME, channels=300, rig=Rig(noise_pA=0.1, rundown_per_sweep=0.05)), protocol, baths, seed=1)
    problem = Problem(Model(SCHEME, FREE), (Experiment(recording, protocol),), rundown=True)
    predicted, linear = problem.details(problem.table.start)
    assert linear["slope"][0] / linear["amplitude"][0] == pytest.approx(-0.054, abs=0.004)
    assert np.std(predicted[0] - recording.sweeps) < 0.35


def test_interruption_keeps_the_best_so_far_and_can_be_resumed(problem, tmp_path):
    def stop(what, done, total):
        if what == "starts" and done == 1:
            raise KeyboardInterrupt

    kept = fit(problem, starts=3, progress=stop)
    assert kept.status == "interrupted"
    assert len(kept.starts) == 1
    path = kept.save(tmp_path / "fit.nc")
    again = fit(problem, starts=1, intervals="none", start_at=load_estimates(path))
    assert again.starts[0].iterations <= 6
    assert again.aicc == pytest.approx(kept.aicc, abs=0.1)


def test_interruption_before_anything_was_found_is_passed_on(problem):
    def stop(what, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(problem, progress=stop)


def test_another_level_is_said_and_narrows(problem, fitted, tmp_path):
    half = fit(problem, starts=1, intervals="curvature", level=0.5)
    assert "50 % interval" in half.summary()
    assert "95 % interval" in fitted.summary()
    assert half["closing"].high - half["closing"].low < 0.5 * (fitted["closing"].high - fitted["closing"].low)
    assert load_fit(half.save(tmp_path / "half.nc")).level == 0.5


def test_a_saved_fit_holds_data_prediction_and_estimates(fitted, tmp_path):
    import xarray as xr

    with xr.open_dataset(fitted.save(tmp_path / "fit.nc"), engine="scipy") as found:
        np.testing.assert_allclose(found["estimate"].values, [e.value for e in fitted.estimates])
        residual = found["data_0"] - found["prediction_0"]
        assert float(residual.std()) == pytest.approx(0.3, rel=0.1)
        assert found["amplitude_nS"].attrs["units"] == "nS"
    assert not list(tmp_path.glob("*.part"))
    (tmp_path / "no.nc").write_bytes(b"CDF\x01 nothing")
    with pytest.raises(DataError):
        load_estimates(tmp_path / "no.nc")


def test_bad_requests_say_what_to_do(problem):
    e = problem.experiments[0]
    with pytest.raises(UsageError, match="Nothing is free"):
        fit(Model(SCHEME), e)
    with pytest.raises(UsageError, match="Nothing to fit"):
        fit(Model(SCHEME, FREE))
    with pytest.raises(UsageError, match="says nothing of drug"):
        fit(Model(SCHEME, FREE), _with_drug(e))
    with pytest.raises(UnknownNameError):
        Model(SCHEME, FREE, sharing={"closin": "cell"})
    with pytest.raises(UnknownNameError):
        fit(problem, start_at={"openin": 1.0})
    with pytest.raises(UsageError, match="cannot be told"):
        Problem(Model(SCHEME, FREE), (e,), amplitude="sweep", rundown=True)
    with pytest.raises(UsageError, match="in mV"):
        Experiment(Recording.from_arrays([0.0, 0.1, 0.2], [[0.0, 1.0, 2.0]], unit="mV"), PULSE)
    with pytest.raises(UsageError, match="No sample is left"):
        dataclasses.replace(e, use=np.zeros(e.recording.time_ms.size, dtype=bool))


def test_a_model_that_cannot_be_computed_is_a_numerical_failure(problem):
    absurd = with_rates(SCHEME, SCHEME.constants)
    model = Model(absurd, FREE, bounds={"closing": (1e-3, 1e300)})
    with pytest.raises(NumericalError, match="None of 1 starts"):
        fit(Problem(model, problem.experiments), starts=1, start_at={"closing": 1e200})


def _with_drug(e):
    return dataclasses.replace(e, exposure=Bath({"drug": 1.0}))
