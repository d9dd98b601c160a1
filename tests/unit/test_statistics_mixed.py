"""Mixed models: exact cases, statsmodels as the oracle, invariances, and what cannot be fitted."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import DataError, UnknownNameError, UsageError
from potentiate.measures import Table, mixed_model, second_opinion
from potentiate.numerics.variance_components import f_test, fit_variances


def made(animals=6, slices=2, pairs=3, effect=0.5, sd=(0.5, 0.3, 0.2, 0.2), seed=0, drop=0):
    """Rows of pairs (with and without drug) in slices in animals, two genotypes."""
    rng = np.random.default_rng(seed)
    rows = []
    for a in range(animals):
        base = rng.normal(0, sd[0])
        for s in range(slices):
            level = base + rng.normal(0, sd[1])
            for p in range(pairs):
                cell = level + rng.normal(0, sd[2])
                for drug in ("no", "yes"):
                    genotype = "WT" if a % 2 else "KO"
                    x = 3 + cell + effect * (drug == "yes") + rng.normal(0, sd[3])
                    rows.append((f"m{a}", f"s{s}", f"p{p}", genotype, drug, math.exp(x)))
    rows = rows[drop:]
    names = ("animal", "slice", "pair", "genotype", "drug", "x (pA)")
    return Table.from_columns({name: [row[k] for row in rows] for k, name in enumerate(names)})


LEVELS = ("animal", "slice", "pair")


def test_balanced_paired_design_is_the_paired_t_test():
    """With one random level and every unit in both groups REML, Kenward-Roger and the t test are one."""
    rng = np.random.default_rng(2)
    a = rng.normal(10, 3, 9)
    b = a + 1 + rng.normal(0, 1, 9)
    table = Table.from_columns(
        {"cell": [f"c{k}" for k in range(9)] * 2, "drug": ["no"] * 9 + ["yes"] * 9, "x (pA)": [*a, *b]}
    )
    found = mixed_model(table, "x", ["drug"], ["cell"]).against("drug", "yes", "no")
    theirs = scipy.stats.ttest_rel(b, a)
    assert found.effect.value == pytest.approx((b - a).mean())
    assert (found.test.statistic, found.test.df, found.test.value) == pytest.approx(
        (theirs.statistic, 8, theirs.pvalue), rel=1e-5
    )
    assert found.effect.interval == pytest.approx(tuple(theirs.confidence_interval()), rel=1e-5)


def test_without_random_levels_it_is_analysis_of_variance():
    rng = np.random.default_rng(3)
    groups = [rng.normal(m, 1, n) for m, n in ((0, 5), (1, 8), (3, 6))]
    table = Table.from_columns(
        {"g": [k for k, v in zip("abc", groups, strict=True) for _ in v], "x (mV)": list(np.concatenate(groups))}
    )
    ((name, test),) = mixed_model(table, "x", ["g"]).f_tests()
    theirs = scipy.stats.f_oneway(*groups)
    assert name == "g"
    assert (test.statistic, test.value, test.df) == pytest.approx((theirs.statistic, theirs.pvalue, 16))


def test_nested_balanced_design_is_the_test_on_animal_means():
    """A factor between animals, balanced: F is that of the animals' means, with their degrees of freedom."""
    table = made(animals=8, seed=4)
    model = mixed_model(table, "x", ["genotype", "drug"], LEVELS, log=True)
    assert min(model.fit.variances) > 0  # where a variance is zero the equality does not hold
    x, animal = np.log(table.numbers("x")), np.array(table.labels("animal"))
    genotype = dict(zip(table.labels("animal"), table.labels("genotype"), strict=True))
    means = {m: x[animal == m].mean() for m in genotype}
    theirs = scipy.stats.ttest_ind(*[[means[m] for m in means if genotype[m] == g] for g in ("KO", "WT")])
    found = model.against("genotype", "KO", "WT")
    assert found.test.df == pytest.approx(6, rel=1e-3)
    assert found.test.statistic == pytest.approx(theirs.statistic, rel=1e-3)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_statsmodels_agrees_where_it_converges(seed):
    model = mixed_model(made(seed=seed, drop=3), "x", ["genotype", "drug"], LEVELS, log=True)
    theirs = second_opinion(model)
    assert model.status == "ok"
    # ours is never the lower likelihood
    assert model.fit.log_likelihood >= theirs.log_likelihood - 1e-6
    if theirs.converged and not theirs.warnings:
        assert model.fit.log_likelihood == pytest.approx(theirs.log_likelihood, abs=1e-4)
        assert model.fit.beta == pytest.approx(theirs.beta, abs=2e-3)
        assert model.fit.variances == pytest.approx(theirs.variances, abs=4e-3)


@settings(max_examples=8, deadline=None)
@given(scale=st.floats(1e-3, 1e3), order=st.randoms(use_true_random=False))
def test_units_order_and_names_do_not_matter(scale, order):
    table = made(drop=2, seed=8)
    index = list(range(len(table)))
    order.shuffle(index)
    other = table.keep(np.array(index))
    columns = {name: [f"!{label}" for label in other.labels(name)] for name in LEVELS}
    columns |= {name: list(other.labels(name)) for name in ("genotype", "drug")}
    columns |= {"x (pA)": list(scale * other.numbers("x"))}
    tables = (table, Table.from_columns(columns))
    one, two = (mixed_model(t, "x", ["genotype", "drug"], LEVELS, log=True) for t in tables)
    first, second = (m.against("drug", "yes", "no", genotype="KO") for m in (one, two))
    assert first.effect.value == pytest.approx(second.effect.value, rel=1e-5)
    assert first.effect.interval == pytest.approx(second.effect.interval, rel=1e-4)
    assert first.test.df == pytest.approx(second.test.df, rel=1e-3)
    assert two.mean(genotype="WT").value == pytest.approx(scale * one.mean(genotype="WT").value, rel=1e-5)
    assert dict(one.f_tests())["genotype"].value == pytest.approx(dict(two.f_tests())["genotype"].value, rel=1e-3)


def test_coding_of_the_design_does_not_matter():
    """The same tests from cell means and from any invertible recoding."""
    rng = np.random.default_rng(5)
    animal = np.repeat(np.arange(7), [3, 4, 5, 2, 6, 3, 4])
    group = rng.integers(0, 3, animal.size)
    y = rng.normal(0, 1, 7)[animal] + rng.normal(0, 1, animal.size) + group
    cell_means = np.eye(3)[group]
    recode = rng.normal(size=(3, 3)) + 3 * np.eye(3)
    contrast = np.array([[1.0, -1, 0], [0, 1, -1]])
    plain, coded = fit_variances(y, cell_means, [list(animal)]), fit_variances(y, cell_means @ recode, [list(animal)])
    one, two = f_test(plain, contrast), f_test(coded, contrast @ recode)
    assert (one.f, one.df_error, one.p) == pytest.approx((two.f, two.df_error, two.p), rel=1e-4)


def test_intervals_cover():
    """200 data sets of 5 animals per group, an interval between animals: 3 standard errors are 4.6 points."""
    held = 0
    for seed in range(200):
        table = made(animals=10, slices=1, pairs=2, seed=seed)
        found = mixed_model(table, "x", ["genotype", "drug"], ["animal", "pair"], log=True)
        low, high = found.against("genotype", "KO", "WT").effect.interval
        held += low <= 1.0 <= high
    assert held / 200 == pytest.approx(0.95, abs=0.046)


def test_numbers_carry_the_unit_of_n():
    model = mixed_model(made(), "x", ["genotype", "drug"], LEVELS, log=True)
    effect = model.against("drug", "yes", "no", genotype="WT").effect
    assert (effect.n, effect.unit_of_n, effect.id) == ((3,), "animal", "ratio")
    assert dict(model.shares())["slice"].n == (12,)
    assert sum(share.value for _, share in model.shares()) == pytest.approx(1)
    assert effect.as_dict("data")["unit_of_n"] == "animal"


def test_additive_model():
    table = made(drop=1)
    model = mixed_model(table, "x", ["genotype", "drug"], LEVELS, log=True, interaction=False)
    ratios = [model.against("drug", "yes", "no", genotype=g).effect.value for g in ("WT", "KO")]
    assert ratios[0] == pytest.approx(ratios[1])
    assert [name for name, _ in model.f_tests()] == ["genotype", "drug"]


def test_an_empty_cell_is_not_extrapolated():
    table = made()
    gone = np.array([g == "KO" and d == "yes" for g, d in
                     zip(table.labels("genotype"), table.labels("drug"), strict=True)])  # fmt: skip
    rest = table.keep(~gone)
    model = mixed_model(rest, "x", ["genotype", "drug"], ["animal", "slice"], log=True)
    assert model.mean(genotype="KO", drug="yes").reason == "nothing was measured at KO yes"
    assert model.mean(genotype="KO", drug="no").ok
    assert dict(model.f_tests())["genotype:drug"].status == "not determined"
    additive = mixed_model(rest, "x", ["genotype", "drug"], ["animal", "slice"], log=True, interaction=False)
    assert additive.mean(genotype="KO", drug="yes").ok


def test_a_failure_is_a_status():
    """Values that the fixed factors explain exactly have no residual variance."""
    table = Table.from_columns({"animal": list("aabbccdd"), "g": ["x", "y"] * 4, "v (pA)": [1.0, 2.0] * 4})
    model = mixed_model(table, "v", ["g"], ["animal"])
    assert model.status == "solver"
    for statistic in (
        model.mean(g="x"),
        model.against("g", "y", "x").test,
        model.f_tests()[0][1],
        model.shares()[0][1],
    ):
        assert (statistic.status, math.isnan(statistic.value)) == ("solver", True)
        assert "residual variance is zero" in statistic.reason


def test_what_cannot_be_fitted():
    table = made()
    numbered = {name: list(table.labels(name)) for name in table.names if name != "x"}
    numbered |= {"x (pA)": list(table.numbers("x")), "row_id": list(range(len(table)))}
    with pytest.raises(UsageError, match="Every row_id has one row"):
        mixed_model(Table.from_columns(numbered), "x", ["drug"], ["animal", "row_id"])
    one = table.where_is("animal", ["m1"])
    with pytest.raises(UsageError, match="One animal only"):
        mixed_model(one, "x", ["drug"], ["animal"])
    with pytest.raises(UsageError, match="cannot be told apart"):
        mixed_model(table.where_is("slice", ["s0"]), "x", ["drug"], ["animal", "slice"])
    with pytest.raises(DataError, match="1 level"):
        mixed_model(table.where_is("drug", ["no"]), "x", ["drug"], ["animal"])
    with pytest.raises(UsageError, match="No fixed factor"):
        mixed_model(table, "x", [], ["animal"])
    with pytest.raises(UsageError, match="named twice"):
        mixed_model(table, "x", ["animal"], ["animal"])
    with pytest.raises(DataError, match="not positive"):
        mixed_model(Table.from_columns({"g": list("aabb"), "v (pA)": [1.0, -1, 2, 3]}), "v", ["g"], log=True)
    with pytest.raises(DataError, match="Too few rows"):
        mixed_model(Table.from_columns({"g": list("ab"), "v (pA)": [1.0, 2]}), "v", ["g"])
    model = mixed_model(table, "x", ["genotype", "drug"], LEVELS, log=True)
    with pytest.raises(UnknownNameError):
        model.mean(drug="maybe")
    with pytest.raises(UnknownNameError):
        model.mean(dose="1")
    with pytest.raises(UnknownNameError):
        model.means("dose")
    with pytest.raises(UsageError, match="sum to zero"):
        model.contrast([1, 0, 0, 0])
    with pytest.raises(UsageError, match="random level"):
        second_opinion(mixed_model(table, "x", ["drug"]))


def test_a_missing_library_names_the_extra(monkeypatch):
    import sys

    model = mixed_model(made(), "x", ["drug"], ["animal"], log=True)
    monkeypatch.setitem(sys.modules, "statsmodels.regression.mixed_linear_model", None)
    with pytest.raises(UsageError, match="statsmodels is not installed") as error:
        second_opinion(model)
    assert "potentiate[statistics]" in error.value.do
