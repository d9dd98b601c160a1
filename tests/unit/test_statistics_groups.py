"""Estimation, tests and the unit of n: against scipy, invariances, coverage, and refusals with their numbers."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from potentiate.errors import DataError, UnknownNameError, UsageError
from potentiate.measures import Table, compare, difference_test, holm, mean_difference, unit_of_n

samples = st.lists(st.floats(-100, 100).map(lambda v: round(v, 3)), min_size=3, max_size=15)
positive = st.lists(st.floats(0.5, 100).map(lambda v: round(v, 3)), min_size=3, max_size=15)


def spread(*groups):
    return all(np.ptp(np.asarray(g)) > 1e-2 for g in groups)


class TestAgainstScipy:
    @settings(deadline=None)
    @given(samples, samples)
    def test_welch(self, a, b):
        assume(spread(a, b))
        ours, theirs = difference_test(a, b), scipy.stats.ttest_ind(b, a, equal_var=False)
        assert (ours.statistic, ours.df, ours.value) == pytest.approx(
            (theirs.statistic, theirs.df, theirs.pvalue), rel=1e-9, abs=1e-300
        )
        t = mean_difference(a, b, convention="t").estimate
        assert t.interval == pytest.approx(tuple(theirs.confidence_interval()), rel=1e-9, abs=1e-9)

    @settings(deadline=None)
    @given(samples, st.data())
    def test_paired(self, a, data):
        b = data.draw(st.lists(st.floats(-100, 100), min_size=len(a), max_size=len(a)))
        assume(spread(np.subtract(b, a)))
        ours, theirs = difference_test(a, b, paired=True), scipy.stats.ttest_rel(b, a)
        assert (ours.statistic, ours.df) == pytest.approx((theirs.statistic, theirs.df), rel=1e-9)
        assert ours.value == pytest.approx(theirs.pvalue, rel=1e-9, abs=1e-300)

    @settings(max_examples=30, deadline=None)
    @given(positive, positive)
    def test_ratio_of_geometric_means(self, a, b):
        assume(spread(a, b))
        ours = mean_difference(a, b, log=True, resamples=200).estimate
        assert ours.value == pytest.approx(scipy.stats.gmean(b) / scipy.stats.gmean(a))

    @pytest.mark.parametrize("paired", [True, False])
    @pytest.mark.parametrize("method", ["BCa", "percentile"])
    def test_bootstrap(self, paired, method):
        rng = np.random.default_rng(5)
        a, b = rng.exponential(1, 14), rng.exponential(2, 14)
        mine = mean_difference(a, b, paired=paired, convention=method, resamples=40_000).estimate.interval
        if paired:
            data, value = (b - a,), np.mean
        else:
            data, value = (b, a), lambda x, y, axis=-1: np.mean(x, axis=axis) - np.mean(y, axis=axis)
        theirs = scipy.stats.bootstrap(
            data, value, n_resamples=40_000, method=method, rng=np.random.default_rng(2), vectorized=True, axis=-1
        ).confidence_interval
        assert mine == pytest.approx((theirs.low, theirs.high), abs=0.03 * (theirs.high - theirs.low))

    def test_ranks(self):
        rng = np.random.default_rng(3)
        a, b = rng.normal(0, 1, 9), rng.normal(0.7, 1, 9)
        assert difference_test(a, b, convention="rank").value == scipy.stats.mannwhitneyu(b, a).pvalue
        paired = difference_test(a, b, convention="rank", paired=True)
        assert paired.value == scipy.stats.wilcoxon(b - a).pvalue
        assert paired.convention == "Wilcoxon signed rank"

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
    def test_holm_is_the_closure_of_bonferroni(self, p):
        """Marcus, Peritz & Gabriel 1976: reject where every intersection that holds the hypothesis is rejected."""
        sets = [s for size in range(1, len(p) + 1) for s in itertools.combinations(range(len(p)), size)]
        closed = [min(1.0, max(len(s) * min(p[j] for j in s) for s in sets if i in s)) for i in range(len(p))]
        assert holm(p) == pytest.approx(closed, abs=1e-15)


class TestInvariances:
    @settings(max_examples=25, deadline=None)
    @given(positive, positive, st.floats(1e-3, 1e3))
    def test_units_scale_the_difference_and_leave_ratio_and_p(self, a, b, scale):
        assume(spread(a, b))
        x, y = np.array(a), np.array(b)
        before = mean_difference(x, y, resamples=300).estimate
        after = mean_difference(scale * x, scale * y, resamples=300).estimate
        assert after.value == pytest.approx(scale * before.value, rel=1e-6, abs=1e-9 * scale)
        assert after.interval == pytest.approx([scale * end for end in before.interval], rel=1e-6, abs=1e-6 * scale)
        ratio = [mean_difference(s * x, s * y, log=True, resamples=300).estimate for s in (1, scale)]
        assert ratio[0].interval == pytest.approx(ratio[1].interval, rel=1e-6)
        assert difference_test(x, y).value == pytest.approx(difference_test(scale * x, scale * y).value, rel=1e-6)

    @settings(max_examples=25, deadline=None)
    @given(samples, samples)
    def test_swapping_groups_turns_the_sign(self, a, b):
        assume(spread(a, b))
        one, other = (mean_difference(*pair, convention="t").estimate for pair in ((a, b), (b, a)))
        assert one.value == pytest.approx(-other.value, abs=1e-9)
        assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]), abs=1e-9)
        assert difference_test(a, b).value == pytest.approx(difference_test(b, a).value)

    @settings(max_examples=20, deadline=None)
    @given(st.permutations(range(12)), st.permutations(list("abcdef")))
    def test_order_of_rows_and_names_of_cells_do_not_matter(self, order, letters):
        rng = np.random.default_rng(7)
        columns = {
            "cell": [c for c in "abcdef" for _ in range(2)],
            "drug": ["no", "yes"] * 6,
            "x (pA)": list(rng.normal(10, 2, 12)),
        }
        renamed = dict(zip("abcdef", letters, strict=True))
        shuffled = {name: [cells[i] for i in order] for name, cells in columns.items()}
        shuffled["cell"] = [renamed[c] for c in shuffled["cell"]]
        found = [
            compare(Table.from_columns(c), "x", "drug", paired=True, reference="no", interval="t").differences[0]
            for c in (columns, shuffled)
        ]
        assert found[0].effect.estimate.value == pytest.approx(found[1].effect.estimate.value)
        assert found[0].effect.estimate.interval == pytest.approx(found[1].effect.estimate.interval)
        assert found[0].test.value == pytest.approx(found[1].test.value)


def coverage(n, method, trials=600, log=False):
    """Share of intervals that hold the truth, for skewed (lognormal) or normal values."""
    rng = np.random.default_rng(20)
    held = 0
    for k in range(trials):
        a, b = rng.normal(0, 1, (2, n))
        if log:
            a, b = np.exp(a), np.exp(b + 1)
        low, high = mean_difference(
            a, b, log=log, convention=method, seed=k, resamples=400
        ).estimate.interval  # fmt: skip
        held += low <= (math.e if log else 0.0) <= high
    return held / trials


class TestCoverage:
    """Binomial bounds: 3 standard errors of 600 trials at 95 % are 2.7 points."""

    def test_t_interval_holds_its_promise(self):
        assert coverage(6, "t") == pytest.approx(0.95, abs=0.027)

    def test_bootstrap_with_enough_values(self):
        assert coverage(25, "BCa") == pytest.approx(0.945, abs=0.03)
        assert coverage(25, "BCa", log=True) == pytest.approx(0.945, abs=0.03)

    def test_bootstrap_of_few_values_is_too_narrow_and_says_so(self):
        share = coverage(5, "BCa")
        assert 0.80 < share < 0.925
        note = mean_difference([1.0, 2, 3, 4, 6], [2.0, 4, 3, 5, 8]).estimate.notes[-1]
        assert "too narrow; t interval" in note


class TestWithheld:
    def test_too_few_and_constant(self):
        few = mean_difference([1.0, 2], [3.0, 4]).estimate
        assert (few.status, few.value, few.interval) == ("not determined", 2.0, None)
        assert mean_difference([1.0] * 4, [2.0] * 4).estimate.status == "not determined"
        assert mean_difference([1.0, 2, 3], []).estimate.reason == "a group has no values"
        assert difference_test([1.0], [2.0, 3]).status == "not determined"
        assert difference_test([1.0, 1], [2.0, 2]).status == "not determined"
        assert math.isnan(difference_test([1.0, 1], [2.0, 2]).value)

    def test_no_logarithm(self):
        refused = mean_difference([1.0, -2, 0], [3.0, 4, 5], log=True).estimate
        assert refused.status == "refused"
        assert refused.reason.startswith("2 values are not positive")
        assert difference_test([1.0, -2], [3.0, 4], log=True).status == "refused"

    def test_bad_arrays(self):
        for function in (mean_difference, difference_test):
            with pytest.raises(UsageError, match="missing"):
                function([1.0, math.nan], [1.0, 2])
            with pytest.raises(UsageError, match="equal numbers"):
                function([1.0, 2], [1.0, 2, 3], paired=True)
        assert all(math.isnan(p) for p in holm([math.nan]))
        assert holm([]) == []


def nested(cells_per_animal=(5, 5, 5, 5, 4), **more):
    """24 cells from 5 animals, with and without drug in every cell."""
    rng = np.random.default_rng(1)
    rows = [(f"m{a}", f"c{a}{c}", d) for a, n in enumerate(cells_per_animal) for c in range(n) for d in ("no", "yes")]
    return Table.from_columns(
        {"animal": [r[0] for r in rows], "cell": [r[1] for r in rows], "drug": [r[2] for r in rows],
         "x (pA)": list(rng.normal(10, 1, len(rows))), **more}
    )  # fmt: skip


class TestUnitOfN:
    def test_cells_are_not_animals(self):
        found = compare(nested(), "x", "drug", unit="cell", paired=True)
        (difference,) = found.differences
        for statistic in (difference.effect.estimate, difference.test, difference.adjusted):
            assert statistic.status == "refused"
            assert "24 cells from 5 animals" in statistic.reason
            assert math.isnan(statistic.value)
        assert found.groups[0].mean.ok
        assert found.groups[0].sem.status == "refused"

    def test_animals_are_counted_by_default(self):
        table = nested()
        found = compare(table, "x", "drug", paired=True)
        estimate = found.differences[0].effect.estimate
        assert (estimate.n, estimate.unit_of_n) == ((5,), "animal")
        x, where = table.numbers("x"), np.array(table.labels("drug"))
        animal = np.array(table.labels("animal"))
        by_hand = [x[(animal == f"m{a}") & (where == "yes")].mean() - x[(animal == f"m{a}") & (where == "no")].mean()
                   for a in range(5)]  # fmt: skip
        assert estimate.value == pytest.approx(np.mean(by_hand))
        entry = estimate.as_dict("data")
        assert (entry["n"], entry["unit_of_n"]) == ([5], "animal")

    def test_one_cell_per_animal_may_be_counted(self):
        found = unit_of_n(nested((1, 1, 1, 1)), "cell")
        assert (found.status, found.n) == ("ok", 4)

    def test_without_animals_it_cannot_be_checked(self):
        found = unit_of_n(nested().without("animal"))
        assert (found.unit, found.n, found.status) == ("cell", 24, "ok")
        assert "cannot be checked" in found.notes[0]
        assert unit_of_n(nested().without("animal", "cell")).unit == "row"

    def test_slices_count_within_animals(self):
        table = Table.from_columns(
            {"mouse": ["1", "1", "2", "2"], "slice": ["1", "2", "1", "2"], "x (pA)": [1.0, 2, 3, 4]}
        )
        found = unit_of_n(table, "slice")
        assert (found.n, found.status) == (4, "refused")  # slice 1 of mouse 1 is not slice 1 of mouse 2
        assert "4 slices from 2 mice" in found.reason

    def test_numbering_that_restarts(self):
        table = Table.from_columns({"animal": ["1", "2", "1", "2"], "genotype": ["WT", "WT", "KO", "KO"],
                                    "x (pA)": [1.0, 2, 3, 4]})  # fmt: skip
        assert unit_of_n(table).n == 2
        assert "same animal" in unit_of_n(table).notes[0]
        assert unit_of_n(table, nested_in="genotype").n == 4
        refused = compare(table, "x", "genotype")
        assert "2 of 2 animals occur in more than one group" in refused.differences[0].test.reason
        assert "numbering of animals restarts" in refused.differences[0].test.reason
        assert compare(table, "x", "genotype", nested_in="genotype").differences[0].test.ok

    def test_a_coarser_unit_than_the_animal(self):
        table = Table.from_columns({"litter": ["a", "a", "b", "b"], "animal": ["1", "2", "3", "4"],
                                    "x (pA)": [1.0, 2, 3, 4]})  # fmt: skip
        assert (unit_of_n(table, "litter").n, unit_of_n(table, "litter").status) == (2, "ok")

    def test_blank_animals_are_not_guessed(self):
        table = Table.from_columns({"animal": ["1", None], "cell": ["a", "b"], "x (pA)": [1.0, 2]})
        assert "animal is blank in 1 row" in unit_of_n(table, "cell").reason
        assert "left out" in unit_of_n(table, "animal").notes[0]

    @settings(deadline=None)
    @given(st.lists(st.integers(1, 4), min_size=2, max_size=6))
    def test_refused_exactly_where_an_animal_has_several_cells(self, cells):
        found = unit_of_n(nested(cells), "cell")
        assert (found.status == "refused") == (max(cells) > 1)


class TestCompare:
    def test_duplicates_are_an_error(self):
        table = Table.from_columns({"cell": ["a", "b", "a", "a"], "drug": ["no", "no", "yes", "yes"],
                                    "x (pA)": [1.0, 2, 3, 4]})  # fmt: skip
        with pytest.raises(DataError, match="cell a occurs twice in drug 'yes'") as error:
            compare(table, "x", "drug")
        assert "lines 3 and 4" in error.value.where
        found = compare(table, "x", "drug", repeats="mean", paired=True)
        assert found.differences[0].effect.estimate.value == pytest.approx(2.5)
        assert "1 cell without both 'no' and 'yes' left out" in found.notes

    def test_pairs_of_animals_use_the_same_cells(self):
        """A cell that was lost before the drug does not shift its animal; different cells are another design."""
        columns = {"animal": list("1112233"), "cell": list("abaccdd"), "x (pA)": [1.0, 100, 2, 3, 5, 4, 7],
                   "drug": ["no", "no", "yes", "no", "yes", "no", "yes"]}  # fmt: skip
        found = compare(Table.from_columns(columns), "x", "drug", paired=True)
        assert found.differences[0].effect.estimate.value == pytest.approx(2.0)
        assert "1 cell without both 'no' and 'yes' left out" in found.notes
        apart = columns | {"cell": list("abcdefg")}
        found = compare(Table.from_columns(apart), "x", "drug", paired=True)
        assert found.differences[0].effect.estimate.n == (3,)
        assert found.differences[0].effect.estimate.value == pytest.approx((2 - 50.5 + 2 + 3) / 3)

    def test_holm_over_the_groups(self):
        rng = np.random.default_rng(9)
        table = Table.from_columns(
            {
                "dose": ["0"] * 8 + ["1"] * 8 + ["10"] * 8,
                "x (mV)": list(rng.normal(0, 1, 8)) + list(rng.normal(1, 1, 16)),
            }
        )
        found = compare(table, "x", "dose", reference="0", interval="percentile")
        p = [d.test.value for d in found.differences]
        assert [d.adjusted.value for d in found.differences] == pytest.approx(holm(p))
        assert [d.group for d in found.differences] == ["1", "10"]
        assert found.differences[0].effect.estimate.convention == "percentile"

    def test_geometric(self):
        table = Table.from_columns({"g": ["a"] * 3 + ["b"] * 3, "x (pA)": [1.0, 10, 100, 2, 20, 200]})
        found = compare(table, "x", "g", log=True)
        assert found.groups[0].mean.value == pytest.approx(10)
        assert found.differences[0].effect.estimate.value == pytest.approx(2)
        negative = Table.from_columns({"g": ["a"] * 3 + ["b"] * 3, "x (pA)": [1.0, 10, -1, 2, 20, 200]})
        refused = compare(negative, "x", "g", log=True)
        assert refused.differences[0].effect.estimate.status == "refused"
        assert refused.groups[0].mean.status == "refused"
        assert refused.groups[1].mean.ok
        assert refused.differences[0].test.reason == "1 value is not positive in 'a': no logarithm"

    def test_bad_requests(self):
        table = nested()
        with pytest.raises(UnknownNameError, match="drog"):
            compare(table, "x", "drog")
        with pytest.raises(UnknownNameError, match="maybe"):
            compare(table, "x", "drug", reference="maybe")
        with pytest.raises(UnknownNameError, match="z"):
            compare(table, "x", "drug", convention="z")
        with pytest.raises(DataError, match="1 group"):
            compare(table.where_is("drug", ["no"]), "x", "drug")
