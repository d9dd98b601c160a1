"""A voltage-dependent scheme fitted to a real current: hERG, sine-wave protocol, cell 5.

Data and published optimum: Beattie et al. 2018 (J Physiol 596:1813); Clerx et al. 2019 (Biophys J 117:2420).
"""

import json
import zipfile

import numpy as np
import pytest

from potentiate import Recording
from potentiate.inference.experiment import Experiment
from potentiate.inference.fit import fit
from potentiate.inference.model import Model
from potentiate.inference.problem import Problem
from potentiate.kinetics.rate import Rate, Voltage
from potentiate.kinetics.scheme import Edge, Scheme
from potentiate.protocols.protocol import Protocol, Segment

#: Two independent gates as one scheme of four states; pairs of equal rates move together.
FREE = {
    "p1": ["C->O", "IC->I"], "p2": ["C->O slope", "IC->I slope"],
    "p3": ["O->C", "I->IC"], "p4": ["O->C slope", "I->IC slope"],
    "p5": ["C->IC", "O->I"], "p6": ["C->IC slope", "O->I slope"],
    "p7": ["IC->C", "I->O"], "p8": ["IC->C slope", "I->O slope"],
}  # fmt: skip


def herg(p):
    k1, k2, k3, k4 = (
        Rate(p[i], voltage=Voltage(0.0, sign / p[i + 1])) for i, sign in ((0, 1), (2, -1), (4, 1), (6, -1))
    )
    return Scheme(
        "hERG", ("C", "O", "IC", "I"), ("rest", "open", "desensitized", "desensitized"), (0, 0, 0, 0),
        (0.0, 1.0, 0.0, 0.0),
        (Edge(0, 1, "gate", k1, k2), Edge(2, 3, "gate", k1, k2),
         Edge(0, 2, "desensitize", k3, k4), Edge(1, 3, "desensitize", k3, k4)),
        "none", family="hERG",
    )  # fmt: skip


@pytest.fixture(scope="module")
def cell(data_dir):
    folder = data_dir / "gating_fit_herg_fourways"
    expected = json.loads((folder / "expected.json").read_text())
    with zipfile.ZipFile(folder / "sine-wave-cell-5.zip") as archive:
        t, v, current = np.frombuffer(archive.read("data.bin"), "<f8").reshape(3, -1)
    v, use = v.copy(), np.ones(t.size, dtype=bool)
    for step in expected["step_times_ms"]:
        use &= ~((t >= step) & (t < step + expected["mask_ms"]))
        k = int(np.argmin(np.abs(t - step)))
        v[k] = v[k + 1]  # the log holds the voltage before the step at the very time of the step
    recording = Recording.from_arrays(t, 1000.0 * current, label="data")
    protocol = Protocol("sine wave", (Segment(float(t[-1])),), {"control": {}}, {}, 0.1)
    experiment = Experiment(recording, protocol, voltage_mV=v, reversal_mV=expected["E_mV"], use=use)
    return experiment, expected, 1000.0 * np.ptp(current[use])


def error(problem, theta, span):
    return float(np.sqrt(np.mean(problem.residual(theta, np.ones(1)) ** 2))) / span


def test_published_parameters_give_the_published_error(cell):
    experiment, expected, span = cell
    problem = Problem(Model(herg(expected["params"]), FREE), (experiment,), leak="none")
    _, linear = problem.details(problem.table.start)
    assert linear["amplitude"][0] == pytest.approx(1000.0 * expected["params"][8], rel=2e-3)
    assert error(problem, problem.table.start, span) == pytest.approx(expected["error_recomputed"], rel=1e-3)


@pytest.mark.timeout(400)
def test_a_fit_from_elsewhere_reaches_the_published_optimum(cell):
    experiment, expected, span = cell
    elsewhere = np.array(expected["params"]) * [1.5, 0.7, 3.0, 0.75, 1.15, 2.0, 1.6, 0.95, 1.0]
    problem = Problem(Model(herg(elsewhere), FREE), (experiment,), leak="none")
    assert error(problem, problem.table.start, span) > 2.0 * expected["error_published"]
    found = fit(problem, starts=1, intervals="curvature")
    assert error(problem, found.theta, span) <= expected["error_published"]
    np.testing.assert_allclose(np.abs(list(found.values.values())), expected["params"][:8], rtol=0.02)
    assert found.starts[0].iterations < 40
