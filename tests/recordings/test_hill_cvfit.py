"""Concentration-response example of CVFIT: published Hill fits (bottom 0).

Sets 1-3: parameters. Sets 4 and 5: the published simplex stopped early, so the sum of squares must not be
larger than published and the parameters agree within 3 % (nH of set 4 is 2.9 % away at the true minimum).

The published pooled fit (EC50 567.867, nH 1.15672) is not the least-squares fit of the pooled points: it is what comes
out when concentrations and responses are each sorted before they are paired. Paired as measured the answer is 555.7
and 1.118, with a smaller sum of squares.
"""

import json

import numpy as np
import pytest

from potentiate.measures import concentration_response, fit_sets, hill, pool_normalised


def read_sets(path):
    """The five (concentration, response) column pairs; line ends are mixed, blank cells missing."""
    lines = [line for line in path.read_text().replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    rows = [[float(cell) if cell.strip() else np.nan for cell in line.split(",")] for line in lines]
    width = max(map(len, rows))
    table = np.array([row + [np.nan] * (width - len(row)) for row in rows])
    return [(table[:, 2 * k], table[:, 2 * k + 1]) for k in range(5)]


@pytest.fixture(scope="module")
def folder(data_dir):
    return data_dir / "dose_response_cvfit"


@pytest.mark.parametrize("k", range(5))
def test_published_fits(folder, k):
    expected = json.loads((folder / "expected.json").read_text())
    fit = concentration_response(*read_sets(folder / "Example.csv")[k], convention="3-parameter")
    got = [fit.top.value, fit.ec50.value, fit.slope.value]
    assert got == pytest.approx(expected["fits"][k], rel=2e-4 if k < 3 else 0.03)
    # published numbers are rounded to 1
    assert fit.ssr <= expected["ssd_published"][k] + 1
    assert fit.ssr == pytest.approx(expected["ssd_curator"][k], rel=1e-6)
    assert fit.word == "determined"
    assert fit.ec50.interval[0] < fit.ec50.value < fit.ec50.interval[1]


def test_data_that_stop_below_the_plateau_are_one_sided(folder):
    c, y = read_sets(folder / "Example.csv")[0]
    low = c <= 300
    fit = concentration_response(c[low], y[low], convention="3-parameter")
    assert fit.top.status in ("one-sided", "not determined")
    assert fit.ec50.status in ("one-sided", "not determined")
    assert fit.ec50.interval is None or fit.ec50.interval[1] is None


@pytest.fixture(scope="module")
def sets(folder):
    return {f"set {k + 1}": pair for k, pair in enumerate(read_sets(folder / "Example.csv"))}


def test_pooled_normalised_fit(sets):
    pooled = pool_normalised(sets, convention="3-parameter", concentration_unit="nM")
    c, y = pooled.concentration, pooled.response
    assert c.size == 65
    published = float(((hill(c, 0, 1, 567.867, 1.15672) - y) ** 2).sum())
    assert pooled.fit.ssr < published  # the published curve is not the best through the points
    # where the published numbers come from: the pairing of concentration and response is lost in sorting
    unpaired = concentration_response(np.sort(c), np.sort(y), bottom=0.0, top=1.0, intervals=False)
    assert (unpaired.ec50.value, unpaired.slope.value) == pytest.approx((567.867, 1.15672), rel=3e-3)
    assert pooled.fit.word == "determined"
    assert pooled.fit.ec50.value == pytest.approx(555.7, rel=0.005)
    assert pooled.fit.slope.value == pytest.approx(1.118, rel=0.005)


def test_published_averages_lost_the_pairing(sets, folder):
    """Mean responses per concentration in the published report equal those of separately sorted columns.

    To 0.4 %: their tops of sets 4 and 5 are not the optimum.
    """
    report = (folder / "Example_fit_report.md").read_text().replace("\0", "").rsplit("Fitting accuracy", 1)[1]
    rows = [[float(cell) for cell in line.split("|")[1:4]] for line in report.splitlines() if line.count(".") >= 3]
    pooled = pool_normalised(sets, convention="3-parameter", intervals=False)
    c, y = pooled.concentration, pooled.response
    assert [row[0] for row in rows] == list(np.unique(c))
    for concentration, mean, _ in rows:
        assert np.sort(y)[np.sort(c) == concentration].mean() == pytest.approx(mean, rel=4e-3)
    assert y[c == 600].mean() != pytest.approx(rows[3][1], rel=0.05)


def test_shared_slope(sets):
    own = fit_sets(sets, convention="3-parameter", intervals=False)
    assert own.ssr == pytest.approx(sum(fit.ssr for fit in own.separate.values()), rel=1e-9)
    common = fit_sets(sets, ["nH"], convention="3-parameter", concentration_unit="nM", intervals=False)
    assert common.n_parameters == own.n_parameters - 4
    assert common.ssr > own.ssr
    slopes = [fit.slope.value for fit in common.separate.values()]
    assert min(slopes) < common.parameters["set 1", "nH"].value < max(slopes)
    # five cells do not share one EC50: 420 against 770 nM
    one = fit_sets(sets, ["EC50", "nH"], convention="3-parameter", intervals=False)
    assert one.p_sharing < 0.001
    assert one.delta_aicc > 5


def test_weights_from_sd(folder):
    """ACh and TMA open probability: x, y, sd triples."""
    from scipy.optimize import curve_fit

    lines = (folder / "WTAChPopen.csv").read_text().splitlines()[1:]
    rows = np.array([[float(cell) if cell.strip() else np.nan for cell in line.split(",")] for line in lines if line])
    for k, word in ((0, "one-sided"), (1, "determined"), (2, "determined"), (3, "one-sided")):
        c, y, sd = (rows[:, 3 * k + j][~np.isnan(rows[:, 3 * k])] for j in range(3))
        fit = concentration_response(c, y, sd=sd, convention="3-parameter")
        theirs, _ = curve_fit(
            lambda c, top, log_ec50, n: hill(c, 0, top, np.exp(log_ec50), n),
            c, y, p0=[fit.top.value, np.log(fit.ec50.value), fit.slope.value], sigma=sd,
        )  # fmt: skip
        assert fit.ec50.value == pytest.approx(np.exp(theirs[1]), rel=2e-3)
        assert fit.top.value == pytest.approx(theirs[0], rel=2e-3)
        assert fit.word == word
        assert any("weighted by 1/SD^2" in note for note in fit.ec50.notes)
