"""Population fits: the model description, derivatives against differences, recovery of simulated people, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.errors import DataError, NumericalError, UnknownNameError, UsageError
from potentiate.inference.covariate_relation import parse_relation
from potentiate.inference.population import evaluate_population, fit_population
from potentiate.inference.population_data import population_data
from potentiate.inference.population_diagnostics import (
    curve,
    diagnostics,
    individual_parameters,
    predictive_check,
    simulate_observations,
)
from potentiate.inference.population_likelihood import Likelihood
from potentiate.inference.population_model import omega_of, population_model
from potentiate.recordings.pk_table import read_pk_table

TRUTH = {"CL": 2.0, "V": 30.0, "omega CL": 0.09, "omega V": 0.04, "sigma proportional": 0.01}


def write_people(path, *, people=30, seed=2, weight=True, dose_h=(0.0, 12.0)):
    """A bolus twice, six samples; clearance and volume in proportion to the weight (relative to 70 kg)."""
    rng = np.random.default_rng(seed)
    lines = ["ID,TIME (h),AMT (mg),DV (mg/L),WT (kg)"]
    for k in range(people):
        kg = rng.uniform(50, 100)
        size = kg / 70 if weight else 1.0
        cl = 2.0 * size * math.exp(rng.normal(0, 0.3))
        v = 30.0 * size * math.exp(rng.normal(0, 0.2))
        records = [(t, 0, f"{k + 1},{t},100,.,{kg:.4g}") for t in dose_h]
        for t in (0.5, 3.0, 11.0, 13.0, 18.0, 30.0):
            c = sum(100 / v * math.exp(-cl / v * (t - d)) for d in dose_h if d <= t)
            records.append((t, 1, f"{k + 1},{t},.,{c * (1 + 0.1 * rng.normal()):.6g},{kg:.4g}"))
        lines += [text for *_, text in sorted(records)]
    path.write_text("\n".join(lines) + "\n")
    return read_pk_table(path)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("pk") / "people.csv")


@pytest.fixture(scope="module")
def model():
    return population_model("one-compartment-iv", covariates=["CL~WT/70", "V~WT/70"])


@pytest.fixture(scope="module")
def fit(model, people):
    return fit_population(model, people, starts=2)


# --------------------------------------------------------------------------------------------- the description


@pytest.mark.parametrize(
    ("text", "value", "factor"),
    [
        ("CL~WT", 50.0, 50.0), ("CL ~ WT/70", 35.0, 0.5), ("CL~(WT/70)^0.75", 35.0, 0.5**0.75),
        ("CL~(WT/70)^-0.25", 35.0, 0.5**-0.25),
    ],
)  # fmt: skip
def test_relations_with_a_given_size(text, value, factor):
    relation = parse_relation(text)
    constant, slope = relation.values(np.array([value]))
    assert not relation.estimated
    assert np.exp(constant) == pytest.approx(factor)
    assert slope == 0


def test_relations_with_a_coefficient():
    power, exponential, condition = (parse_relation(t) for t in ("V~(WT/70)^?", "CL~exp(AGE-40)", "V~APGR<5"))
    assert [r.estimated for r in (power, exponential, condition)] == [True] * 3
    assert power.values(np.array([35.0]))[1] == pytest.approx(math.log(0.5))
    assert exponential.values(np.array([50.0]))[1] == 10
    assert condition.values(np.array([4.0, 5.0]))[1].tolist() == [1, 0]
    assert condition.outward(condition.inward(0.16)) == pytest.approx(0.16)
    with pytest.raises(UsageError, match="more than -1"):
        condition.inward(-1.0)


@pytest.mark.parametrize(
    "text", ["CL", "CL~", "CL=WT", "CL~WT*2", "CL~__import__('os')", "CL~(WT/70)^", "CL~WT/0", "CL~exp(WT)", "CL~WT<x",
             "CL~" + "W" * 300]
)  # fmt: skip
def test_other_relations_are_refused(text):
    with pytest.raises(UsageError):
        parse_relation(text)


def test_names_are_checked():
    for told, error in (
        ({"structure": "one-compartment"}, UnknownNameError), ({"parameters": ["KA", "CL", "V"]}, UsageError),
        ({"etas": ["KA"]}, UnknownNameError), ({"blocks": [["CL", "KA"]]}, UnknownNameError),
        ({"blocks": [["CL"]]}, UsageError), ({"etas": ["CL"], "blocks": [["CL", "V"]]}, UnknownNameError),
        ({"blocks": [["CL", "V"], ["V", "CL"]]}, UsageError), ({"covariates": ["KA~WT"]}, UnknownNameError),
        ({"covariates": ["CL~WT", "CL ~ WT"]}, UsageError), ({"error": "poisson"}, UnknownNameError),
    ):  # fmt: skip
        with pytest.raises(error):
            population_model(**{"structure": "one-compartment-iv", **told})


@given(
    st.lists(st.floats(0.05, 3), min_size=8, max_size=8), st.lists(st.floats(-0.9, 0.9), min_size=3, max_size=3)
)
def test_natural_numbers_and_back(sizes, partial):
    """Every point of the search is a covariance matrix, and comes back."""
    model = population_model(
        "one-compartment-oral", blocks=[["KA", "CL", "V"]], covariates=["V~AGE>60"], error="combined"
    )
    x = np.array([*np.log(sizes[:3]), 0.1, *np.log(sizes[3:6]), *np.arctanh(partial), *np.log(sizes[6:8])])
    natural = model.outward(x)
    assert np.linalg.eigvalsh(omega_of(model, x)).min() > 0
    assert model.inward(natural) == pytest.approx(x, abs=1e-6)
    assert len(model.names) == natural.size == 12


def test_correlations_that_cannot_be_are_refused():
    model = population_model("one-compartment-iv", blocks=[["CL", "V"]])
    with pytest.raises(UsageError, match="positive definite"):
        model.inward(np.array([1, 1, 0.1, 0.1, 0.2, 0.1]))
    with pytest.raises(UsageError, match="omega V of -1"):
        model.inward(np.array([1, 1, 0.1, -1, 0.0, 0.1]))


# ---------------------------------------------------------------------------------------------- the objective


@pytest.mark.parametrize("error", ["proportional", "additive", "combined"])
def test_gradient_against_differences(people, error):
    """The total derivative, the modes included, of FOCE with correlated etas and an estimated exponent."""
    model = population_model(
        "one-compartment-iv", blocks=[["CL", "V"]], covariates=["CL~(WT/70)^?", "V~WT<75"], error=error
    )
    likelihood = Likelihood(model, population_data(model, people))
    sigma = {"proportional": [-2.2], "additive": [-1.5], "combined": [-2.2, -2.0]}[error]
    x = np.array([0.6, 3.5, 0.6, 0.1, -1.3, -1.5, 0.3, *sigma])
    value, slope, etas = likelihood.evaluate(x)
    assert value.shape == (30,)
    assert etas.shape == (30, 2)
    step = 1e-4
    for k in range(x.size):
        up, down = x.copy(), x.copy()
        up[k] += step
        down[k] -= step
        difference = (likelihood.evaluate(up)[0] - likelihood.evaluate(down)[0]) / (2 * step)
        assert slope[:, k] == pytest.approx(difference, rel=1e-5, abs=1e-5), model.names[k]


def test_laplace_is_quadrature_with_one_node_and_quadrature_converges(people, model):
    """With 15 nodes the sum is the integral; FOCE and Laplace are near it."""
    values = {**TRUTH}

    def at(method, nodes=9):
        return evaluate_population(model, people, values, method=method, nodes=nodes).objective

    exact = at("quadrature", 15)
    assert at("quadrature", 9) == pytest.approx(exact, abs=0.01)
    assert at("quadrature", 1) == at("focei")
    assert at("focei") == pytest.approx(exact, abs=2)
    assert at("laplace") == pytest.approx(exact, abs=2)


def test_the_integral_by_brute_force(people, model):
    """Of one subject, on a fine grid of etas: what the quadrature approximates."""
    found = evaluate_population(model, people, TRUTH, method="quadrature", nodes=15)
    s = people.subjects[0]
    size = s.covariates["WT"] / 70
    a, b = np.meshgrid(np.linspace(-1.8, 1.8, 401), np.linspace(-1.2, 1.2, 401), indexing="ij")
    cl, v = 2.0 * size * np.exp(a), 30.0 * size * np.exp(b)
    f = sum(np.where(s.t_h >= d, 100 / v[..., None] * np.exp(-(cl / v)[..., None] * (s.t_h - d)), 0)
            for d in (0.0, 12.0))  # fmt: skip
    variance = 0.01 * f**2
    logs = -0.5 * (np.log(variance) + (s.concentration - f) ** 2 / variance).sum(-1) - 0.5 * (a**2 / 0.09 + b**2 / 0.04)
    cell = (a[1, 0] - a[0, 0]) * (b[0, 1] - b[0, 0])
    integral = np.log(np.exp(logs - logs.max()).sum() * cell) + logs.max() - np.log(2 * np.pi * 0.3 * 0.2)
    assert found.by_subject[0] == pytest.approx(-2 * integral, abs=1e-5)


# --------------------------------------------------------------------------------------------------- the fit


def test_recovers_simulated_people(fit):
    """30 people: every number within three of its standard errors, and most intervals hold the truth."""
    inside = 0
    for name, truth in TRUTH.items():
        e = fit[name]
        assert abs(e.value - truth) < 3 * e.se
        inside += e.low <= truth <= e.high
    assert inside >= 4
    assert all(e.word == "determined" for e in fit.estimates)
    assert fit.starts[0].objective == pytest.approx(fit.objective, abs=1e-6)
    assert fit.uncertainty.condition_number < 50
    assert fit["CL"].observable().status == "ok"
    with pytest.raises(UnknownNameError):
        fit["KA"]


def test_standard_errors_by_both_ways_agree_in_size(fit):
    for e in fit.estimates:
        assert 0.3 < e.se / e.se_hessian < 3


def test_profiles_agree_with_curvature(model, people, fit):
    other = fit_population(model, people, starts=1, start=fit.values, intervals="profile")
    for e in other.estimates:
        assert e.word == "determined"
        assert e.low == pytest.approx(fit[e.name].low, rel=0.15)
        assert e.high == pytest.approx(fit[e.name].high, rel=0.15)


def test_fixed_numbers_stay_and_no_interval_means_none(model, people):
    found = fit_population(model, people, starts=1, start={"V": 33.0, "CL": 2.0}, fix=["V"], intervals="none")
    assert found["V"].value == pytest.approx(33.0)
    assert found["V"].word == "fixed"
    assert math.isnan(found["V"].se)
    assert found["CL"].word == "no interval"
    assert found.free == 4


def test_residuals_predictions_and_shrinkage(fit):
    found = diagnostics(fit)
    assert found.cwres.size == 180
    assert abs(found.cwres.mean()) < 0.2
    assert 0.85 < found.cwres.std() < 1.15
    assert np.corrcoef(found.ipred, found.observed)[0, 1] > np.corrcoef(found.pred, found.observed)[0, 1]
    assert all(-5 < s < 30 for s in found.eta_shrinkage.values())
    own = individual_parameters(fit)
    person = fit.data.table.subjects[4]
    assert own["CL"].shape == (30,)
    assert curve(fit, 4, person.t_h) == pytest.approx(found.ipred[found.subject == 4])
    assert curve(fit, 4, person.t_h, typical=True) == pytest.approx(found.pred[found.subject == 4])


def test_predictive_check_of_the_true_model(fit):
    check = predictive_check(fit, simulations=100)
    assert check.observed.shape == (3, check.middle.size)
    assert check.simulated.shape == (3, 3, check.middle.size)
    assert (np.diff(check.simulated, axis=1) >= 0).all()
    assert check.outside <= 0.25
    again = predictive_check(fit, simulations=100)
    assert np.array_equal(check.simulated, again.simulated)
    drawn = simulate_observations(fit, 60, seed=3)
    assert drawn.shape == (60, 180)
    wrong = predictive_check(fit, simulations=100, corrected=False, bins=3)
    assert wrong.middle.size == 3
    with pytest.raises(UsageError):
        predictive_check(fit, simulations=5)


def test_nothing_that_varies_ends_at_the_bound(tmp_path):
    """People who do not differ in volume: omega V is one-sided, and said so."""
    rng = np.random.default_rng(1)
    lines = ["ID,TIME (h),AMT (mg),DV (mg/L)"]
    for k in range(12):
        cl = 2.0 * math.exp(rng.normal(0, 0.3))
        lines.append(f"{k},0,100,.")
        for t in (1.0, 6.0, 12.0):
            lines.append(f"{k},{t},.,{100 / 30 * math.exp(-cl / 30 * t) * (1 + 0.1 * rng.normal()):.6g}")
    path = tmp_path / "alike.csv"
    path.write_text("\n".join(lines) + "\n")
    found = fit_population(population_model("one-compartment-iv"), read_pk_table(path), starts=1)
    assert found["omega V"].word in ("one-sided", "not determined")
    assert found["omega V"].reason
    assert found["CL"].word == "determined"


# ------------------------------------------------------------------------------------------------- refusals


def test_what_cannot_be_fitted_says_why(people, model, tmp_path):
    with pytest.raises(UnknownNameError, match="KA"):
        fit_population(model, people, start={"KA": 1.0})
    with pytest.raises(UsageError, match="without a value"):
        fit_population(model, people, fix=["V"])
    with pytest.raises(UsageError, match="starts"):
        fit_population(model, people, starts=0)
    with pytest.raises(UnknownNameError, match="saem"):
        fit_population(model, people, method="saem")
    with pytest.raises(UsageError, match="No value for V"):
        evaluate_population(model, people, {"CL": 1.0})
    with pytest.raises(UnknownNameError, match="AGE"):
        fit_population(population_model("one-compartment-iv", covariates=["CL~AGE"]), people)
    with pytest.raises(DataError, match="tells no two subjects apart"):
        fit_population(population_model("one-compartment-iv", covariates=["CL~WT<5"]), people)


def test_what_the_table_does_not_allow(tmp_path):
    path = tmp_path / "pk.csv"
    model = population_model("one-compartment-iv")

    def read(rows):
        path.write_text("ID,TIME (h),AMT (mg),DV (mg/L),CMT\n" + rows)
        return read_pk_table(path)

    with pytest.raises(UsageError, match="no population"):
        fit_population(model, read("1,0,9,.,1\n1,1,.,5,1\n"))
    second = "2,0,9,.,1\n2,1,.,5,1\n"
    with pytest.raises(DataError, match="compartment 2"):
        fit_population(model, read("1,0,9,.,2\n1,1,.,5,1\n" + second))
    with pytest.raises(NumericalError, match="before any dose"):
        fit_population(model, read("1,-1,.,5,1\n1,0,9,.,1\n1,1,.,5,1\n" + second))


def test_the_faster_outer_compartment_is_the_second():
    from potentiate.inference.population_start import _ordered

    model = population_model("three-compartment-iv")
    slow_first = np.log([5.0, 10.0, 3.0, 100.0, 20.0, 30.0])
    assert np.exp(_ordered(model, slow_first)).tolist() == pytest.approx([5, 10, 20, 30, 3, 100])
    assert _ordered(model, _ordered(model, slow_first)).tolist() == _ordered(model, slow_first).tolist()
    related = population_model("three-compartment-iv", covariates=["V3~WT/70"])
    assert _ordered(related, slow_first) is slow_first


def test_absorption_slower_than_elimination_is_said(tmp_path):
    """One curve, two pairs of rates: the fit says so where it names the slower one absorption."""
    rng = np.random.default_rng(3)
    lines = ["ID,TIME (h),AMT (mg),DV (mg/L)"]
    for k in range(6):
        ka, ke = 0.1 * math.exp(rng.normal(0, 0.2)), 0.8
        lines.append(f"{k},0,100,.")
        for t in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0):
            c = 100 * ka / 10 / (ka - ke) * (math.exp(-ke * t) - math.exp(-ka * t))
            lines.append(f"{k},{t},.,{c * (1 + 0.05 * rng.normal()):.6g}")
    path = tmp_path / "slow.csv"
    path.write_text("\n".join(lines) + "\n")
    model = population_model("one-compartment-oral", parameters=["KA", "KE", "V"], etas=["KA"])
    start = {"KA": 0.1, "KE": 0.8, "V": 10.0}
    found = fit_population(model, read_pk_table(path), start=start, starts=1, intervals="none")
    assert found["KA"].value == pytest.approx(0.1, rel=0.3)
    assert any("flip-flop" in note for note in found.notes)


def test_many_people_are_those_that_few_are(people, model, monkeypatch):
    """Stragglers among many subjects go on in a group of their own; a start elsewhere finds the same modes."""
    from potentiate.inference import population_likelihood

    data = population_data(model, people)
    x = model.inward(np.array([TRUTH[n] for n in model.names])) + 0.3
    value, slope, etas = Likelihood(model, data).evaluate(x)
    monkeypatch.setattr(population_likelihood, "MANY", 10)
    monkeypatch.setattr(population_likelihood, "FEW_STEPS", 3)
    monkeypatch.setattr(population_likelihood, "GROUPS", (30,))
    finished = []
    original = Likelihood._finished

    def counted(self, x, modes, left):
        finished.append(left.size)
        return original(self, x, modes, left)

    monkeypatch.setattr(Likelihood, "_finished", counted)
    other = Likelihood(model, data).evaluate(x)
    assert finished
    for a, b in zip(other, (value, slope, etas), strict=True):
        assert a == pytest.approx(b, abs=1e-7)
    warm = Likelihood(model, data).evaluate(x, etas + 0.1)
    assert warm[0] == pytest.approx(value, abs=1e-8)


@pytest.mark.parametrize(
    ("amount", "value", "error"),
    [("1e300", "3", NumericalError), ("100", "1e-300", NumericalError), ("100", "0", DataError)],
)
def test_absurd_numbers_end_in_a_sentence(tmp_path, amount, value, error):
    """No warning, no traceback of the linear algebra."""
    path = tmp_path / "pk.csv"
    rows = "".join(f"{k},0,{amount},.\n{k},1,.,{value}\n{k},4,.,{value}\n" for k in (1, 2, 3))
    path.write_text("ID,TIME (h),AMT (mg),DV (mg/L)\n" + rows)
    with pytest.raises(error):
        fit_population(population_model("one-compartment-iv"), read_pk_table(path), starts=1)


def test_people_who_are_the_same_have_variances_that_may_be_zero(tmp_path):
    path = tmp_path / "pk.csv"
    rows = "".join(f"{k},0,100,.\n{k},1,.,3.1\n{k},4,.,1.9\n{k},9,.,1.1\n" for k in range(5))
    path.write_text("ID,TIME (h),AMT (mg),DV (mg/L)\n" + rows)
    found = fit_population(population_model("one-compartment-iv"), read_pk_table(path), starts=1)
    assert {found["omega CL"].word, found["omega V"].word} == {"one-sided"}
    assert found["omega CL"].low == 0
    assert math.isfinite(diagnostics(found).cwres.std())
