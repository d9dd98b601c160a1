"""Concentration-response example of CVFIT: published Hill fits (bottom 0).

Sets 1-3: parameters. Sets 4 and 5: the published simplex stopped early, so the sum of squares must not be
larger than published and the parameters agree within 2 %.
"""

import json

import numpy as np
import pytest

from potentiate.measures import concentration_response


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
