"""Drug on evoked EPSCs, 19 cells of 18 animals: the t tests, means and percent changes of patchclampplotteR.

The reference analysis counts cells. Here that is allowed only where every cell has an animal of its own, or where
the animals are not told; both are shown. Not compared: expected_sEPSC_t_test_df.csv, whose input is only in an R data
file.
"""

import csv

import pytest
import scipy.stats

from potentiate.measures import compare, difference_test, read_table

INTERVALS = ("t0to5", "t5to10", "t10to15", "t15to20", "t20to25")
LATER = INTERVALS[1:]


@pytest.fixture(scope="module")
def folder(data_dir):
    return data_dir / "eepsc_drug_timecourse_patchclampplotteR"


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def table(folder):
    """Five-minute means of each cell, in percent of its baseline."""
    return read_table(folder / "expected_summary_5min.csv", units={"mean_P1_transformed": "%", "mean_P1_raw": "pA"})


def rounded(value, digits=2):
    return pytest.approx(value, abs=0.501 * 10.0**-digits)


@pytest.mark.parametrize("treatment", ["Control", "HNMPA", "PPP", "PPP_and_HNMPA"])
def test_paired_t_tests(table, folder, treatment):
    """t, df, p and p after Holm, as printed (t to 0.01, p to 0.001; the inputs are rounded too)."""
    published = [r for r in rows_of(folder / "expected_eEPSC_t_test_df.csv") if r["treatment"] == treatment]
    assert len(published) == 4
    cells = table.where_is("treatment", [treatment]).without("animal")  # as the reference: cells, animals not told
    found = compare(
        cells, "mean_P1_transformed", "interval", unit="letter", paired=True, reference="t0to5", interval="t"
    )
    assert any("cannot be checked" in note for note in found.notes)
    by_group = {d.group: d for d in found.differences}
    for row in published:
        difference = by_group[row["group2"]]
        # they give first minus second, here it is second minus first
        assert -difference.test.statistic == pytest.approx(float(row["statistic"]), abs=0.0101)
        assert difference.test.df == float(row["df"])
        assert difference.test.value == pytest.approx(float(row["p"]), abs=0.00051)
        assert difference.adjusted.value == pytest.approx(float(row["p.adj"]), abs=0.00051 * 4)
        assert difference.test.n == (int(row["n1"]),)
        assert difference.effect.estimate.unit_of_n == "letter"


def test_cells_of_one_animal_are_not_counted(table):
    """HB and HC come from animal 100: five cells are four animals."""
    both = table.where_is("treatment", ["PPP_and_HNMPA"])
    asked = {"by": "interval", "paired": True, "reference": "t0to5"}
    refused = compare(both, "mean_P1_transformed", unit="letter", **asked)
    assert "5 letters from 4 animals" in refused.differences[0].test.reason
    assert all(d.effect.estimate.status == "refused" for d in refused.differences)
    animals = compare(both, "mean_P1_transformed", unit="animal", repeats="mean", **asked)
    assert {d.test.n for d in animals.differences} == {(4,)}
    # every control cell has its own animal, so cells may be counted
    control = compare(table.where_is("treatment", ["Control"]), "mean_P1_transformed", unit="letter", **asked)
    assert control.sampling.status == "ok"
    assert all(d.test.ok for d in control.differences)


def test_means_and_standard_errors(table, folder):
    """Raw amplitudes by treatment and sex, at the baseline and at the end."""
    published = rows_of(folder / "expected_mean_SE.csv")
    assert len(published) == 8
    for row in published:
        some = table.where_is("treatment", [row["treatment"]]).where_is("sex", [row["sex"]])
        found = compare(
            some.where_is("interval", ["t0to5", "t20to25"]).without("animal"), "mean_P1_raw", "interval", unit="letter",
            paired=True, reference="t0to5",
        )  # fmt: skip
        for group, name in zip(found.groups, ("baseline", "ending"), strict=True):
            assert group.mean.value == pytest.approx(float(row[f"mean_{name}_raw_P1"]), abs=1e-9)
            assert group.mean.n == (int(row["n"]),)
            if row[f"se_{name}_raw_P1"]:
                assert group.sem.value == pytest.approx(float(row[f"se_{name}_raw_P1"]), rel=1e-9)
            else:
                assert group.sem.status == "not determined"
                assert found.differences[0].effect.estimate.status == "not determined"


def test_percent_change(table, folder):
    """Last five minutes in percent of the first five: from rounded means, so 0.02 points."""
    values, _ = table.values("mean_P1_raw")
    where = {(c, i): v for c, i, v in zip(table.labels("letter"), table.labels("interval"), values, strict=True)}
    published = rows_of(folder / "expected_percent_change.csv")
    assert len(published) == 19
    for row in published:
        change = 100 * where[row["letter"], "t20to25"] / where[row["letter"], "t0to5"]
        assert change == pytest.approx(float(row["percent_change"]), abs=0.02)


@pytest.mark.parametrize("quantity", ["amplitude", "frequency"])
def test_spontaneous_currents(folder, quantity):
    """Seven cells, one per animal: percent change from the interval means, and its table as a paired comparison."""
    path = folder / f"expected_sEPSC_percent_change_{quantity}.csv"
    units = dict.fromkeys((*INTERVALS, "percent_change"), "pA" if quantity == "amplitude" else "Hz")
    wide = read_table(path, units=units)
    change = 100 * wide.numbers("t20to25") / wide.numbers("t0to5")
    # means are printed to 0.01, which is up to 0.5 % of the smallest
    assert change == pytest.approx(wide.numbers("percent_change"), rel=0.006)
    first, last = wide.numbers("t0to5"), wide.numbers("t20to25")
    ours, theirs = difference_test(first, last, paired=True, unit_of_n="cell"), scipy.stats.ttest_rel(last, first)
    assert (ours.statistic, ours.value) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert ours.n == (7,)
    assert (last < first).sum() == (7 if quantity == "amplitude" else 5)
