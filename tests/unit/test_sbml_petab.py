"""Schemes as SBML and fits as PEtab: valid, complete, and honest about what they leave out. Numbers: tests/oracle."""

import csv
import dataclasses
import math
import sys
import warnings

import numpy as np
import pytest

from potentiate import Bath, Patch, Rig, find_action, find_scheme, protocols, run
from potentiate.errors import DataError, UsageError
from potentiate.exchange.petab import to_petab
from potentiate.exchange.sbml import solutions_of, to_sbml
from potentiate.inference.experiment import Experiment
from potentiate.inference.information import information
from potentiate.inference.model import DrugModel, Model
from potentiate.inference.problem import Problem
from potentiate.inference.residuals import check_sweep
from potentiate.inference.result import Estimate, Fit, Start
from potentiate.inference.store import load_fit
from potentiate.kinetics.modulator import Modulator, apply_modulator
from potentiate.protocols.protocol import Protocol, Segment, Transient

libsbml = pytest.importorskip("libsbml", reason="libsbml is not installed (extra 'sbml')")

SCHEME = find_scheme("Partin1996")
DRUG = Modulator("drug", 1, 100.0, 1.0, {"open": (3.0,)}, {"gate": 0.0})
PULSE = protocols.jump(width_ms=1.0, after_ms=7.0, dt_ms=0.1)
PAIR = protocols.paired_pulses(3.0, dt_ms=0.1, after_ms=4.0)


def fit_at_start(problem: Problem) -> Fit:
    """A fit that never searched: everything as at the start, so that no test here compiles anything."""
    theta = problem.table.start
    predicted, linear = problem.details(theta)
    left, cells = zip(problem.groups, predicted, strict=True), problem.sample_cells()
    joined = np.concatenate([(g.data_pA - p)[g.used] for g, p in left])
    residuals = [joined[cells == c] for c in range(len(problem.cells))]
    noise = np.array([np.sqrt(np.mean(r**2)) for r in residuals])
    likelihood = -0.5 * float(np.sum(problem.samples * (np.log(2 * math.pi * noise**2) + 1)))
    numbers = [n.parameter for n in problem.table.numbers]
    estimates = tuple(
        Estimate(n.name, p.unit, p.start, p.start / 2, math.inf, "one-sided", "not bounded above", "all", p.start,
                 p.low, p.high)
        for n, p in zip(problem.table.numbers, numbers, strict=True)
    )  # fmt: skip
    nuisance = {"amplitude_nS": linear["amplitude"], "noise_pA": noise}
    jacobian = np.random.default_rng(1).normal(size=(50, len(numbers)))
    return Fit(
        problem, "least squares", theta, estimates, nuisance, likelihood, int(problem.samples.sum()), 9, 0.0,
        information(jacobian), (Start(tuple(theta), 1.0, "ok", 3),), (check_sweep(residuals[0], 0, 0),), 1.0,
        {"search": 0.0}, 1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def problem():
    """Two cells, control and drug in the agonist solution, one and two pulses; closing is one of each cell."""
    patch = Patch(apply_modulator(SCHEME, DRUG), channels=300, rig=Rig(noise_pA=0.5))
    made = []
    for cell, protocol, level in (("a 1", PULSE, 0.0), ("a 1", PULSE, 50.0), ("b", PAIR, 50.0)):
        bath = Bath({"drug": level} if level else {}, "agonist" if level else "both")
        made.append(Experiment(run(patch, protocol, bath, seed=len(made)), protocol, bath, cell=cell))
    model = Model(
        SCHEME, {"closing": ["O->RA2"], "binding": ["R->RA", "RA->RA2"]}, {"drug": DrugModel(DRUG, ("kd", "w(open)"))},
        {"closing": "cell", "drug kd": "drug"},
    )  # fmt: skip
    return Problem(model, tuple(made))


@pytest.fixture(scope="module")
def fitted(problem):
    return fit_at_start(problem)


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines(), delimiter="\t"))


# ------------------------------------------------------------------------------------------------- SBML


@pytest.mark.parametrize(
    "name",
    ["Partin1996", "Rodrigues2023", "Saftenku_Jonas_GrC", "NMDA_Kampa2004", "NMDA_ClarkeJohnson2008_Mg",
     "EONS_NMDA_v6_3"],
)  # fmt: skip
def test_schemes_are_valid_sbml(name):
    """Rates with ligands, occupancies, temperature laws, voltage laws: read back without an error."""
    scheme = find_scheme(name)
    document = libsbml.readSBMLFromString(to_sbml(scheme, PULSE))
    assert document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) == 0
    document.checkConsistency()
    assert document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) == 0
    model = document.getModel()
    assert model.getNumSpecies() == scheme.n
    assert model.getNumReactions() == len(scheme.edges)
    assert sum(model.getSpecies(i).getInitialAmount() for i in range(scheme.n)) == pytest.approx(1.0)
    assert "Not expressed here" in model.getNotesString()
    assert "numbers:" in model.getNotesString()  # where the rates come from


def test_units_of_a_plain_scheme_are_consistent():
    document = libsbml.readSBMLFromString(to_sbml(SCHEME, PULSE, exchange_10_90_ms=0.3))
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, False)
    document.checkConsistency()
    log = document.getErrorLog()
    said = [log.getError(i).getMessage() for i in range(log.getNumErrors())]
    # numbers without a unit (powers, shares) leave some expressions unchecked; none may be wrong
    assert not [text for text in said if "unit" in text.lower() and "cannot be fully checked" not in text]


def test_solutions_of_protocols():
    found = solutions_of(PAIR, Bath({"drug": 50.0}, "control"))
    assert found.pulses_ms == [(2.0, 3.0), (6.0, 7.0)]
    assert found.control_mM == {"drug": 0.05}
    assert found.other_mM == {"glutamate": 10.0, "drug": 0.0}
    slow = solutions_of(protocols.slow_application())
    assert slow.pulses_ms == [(60.0, 1e9)]
    transient = Protocol("t", (Segment(5.0, transients=(Transient("glutamate", 1.0, 1.0),)),), {"control": {}}, {})
    with pytest.raises(UsageError, match="cannot be written"):
        solutions_of(transient)


def test_without_libsbml_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "libsbml", None)
    with pytest.raises(UsageError, match="needs libsbml") as caught:
        to_sbml(SCHEME)
    assert "potentiate[sbml]" in caught.value.do


# ------------------------------------------------------------------------------------------------ PEtab


def test_petab_passes_its_own_linter(fitted, tmp_path):
    petab = pytest.importorskip("petab.v1", reason="petab is not installed (extra 'test')")
    folder = to_petab(fitted, tmp_path / "out.petab")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # petab calls pandas in ways that pandas gives up
        assert not petab.lint_problem(petab.Problem.from_yaml(str(folder / "problem.yaml")))


def test_petab_holds_parameters_conditions_and_data(fitted, tmp_path):
    folder = to_petab(fitted, tmp_path / "out.petab")
    parameters = {r["parameterName"]: r for r in rows(folder / "parameters.tsv")}
    for e in fitted.estimates:
        r = parameters[e.name]
        assert float(r["nominalValue"]) == e.value
        assert (float(r["lowerBound"]), float(r["upperBound"])) == (e.lowest, e.highest)
        assert (r["parameterScale"], r["estimate"], r["word"]) == ("log10", "1", "one-sided")
    for k, cell in enumerate(fitted.problem.cells):
        assert float(parameters[f"noise of {cell}"]["nominalValue"]) == fitted.nuisance["noise_pA"][k]
        assert float(parameters[f"amplitude of {cell}"]["nominalValue"]) == fitted.nuisance["amplitude_nS"][k]
    measured = rows(folder / "measurements.tsv")
    assert len(measured) == fitted.n_samples
    conditions = {r["conditionId"]: r for r in rows(folder / "conditions.tsv")}
    used = {r["simulationConditionId"] for r in measured}
    assert len(used) == 3
    assert {c["x_closing"] for c in conditions.values()} == {
        parameters["closing [a 1]"]["parameterId"], parameters["closing [b]"]["parameterId"]
    }  # fmt: skip
    pair = next(c for name, c in conditions.items() if name in used and float(c["on_2"]) < 100)
    assert [float(pair[k]) for k in ("on_1", "off_1", "on_2", "off_2")] == [2.0, 3.0, 6.0, 7.0]
    assert (float(pair["C_drug_control"]), float(pair["C_drug_pulse"])) == (0.0, 0.05)
    resting = {r["preequilibrationConditionId"] for r in measured}
    assert all(float(conditions[name]["on_1"]) == 1e9 for name in resting)


def test_petab_takes_the_posterior_along(fitted, tmp_path):
    import xarray as xr

    names = list(fitted.problem.table.names)
    draws = np.arange(2 * 3 * len(names), dtype=float).reshape(2, 3, -1)
    posterior = xr.Dataset({"draws": (("chain", "draw", "parameter"), draws)}, {"parameter": names})
    folder = to_petab(fitted, tmp_path / "out.petab", posterior=posterior)
    found = rows(folder / "posterior.tsv")
    assert len(found) == 6
    ids = [r["parameterId"] for r in rows(folder / "parameters.tsv")][: len(names)]
    assert [float(found[4][id]) for id in ids] == draws[1, 1].tolist()
    with pytest.raises(DataError, match="other parameters"):
        to_petab(fitted, tmp_path / "no.petab", posterior=posterior.assign_coords(parameter=[n + "x" for n in names]))
    assert not (tmp_path / "no.petab").exists()


def test_petab_refuses_what_it_cannot_hold(problem, fitted, tmp_path):
    with pytest.raises(DataError, match="exists"):
        to_petab(fitted, tmp_path)
    e = problem.experiments[0]
    moving = dataclasses.replace(e, voltage_mV=np.linspace(-60, -50, e.recording.time_ms.size), use=None)
    faster = dataclasses.replace(e, filter_kHz=2.0, use=None)
    other = dataclasses.replace(e, exposure=Bath({"other": 1.0}), use=None)
    both = dataclasses.replace(problem.model, drugs={**problem.model.drugs, "other": DrugModel(
        dataclasses.replace(DRUG, ligand="other"), ())})  # fmt: skip
    for experiments, model, what in (
        ((moving,), Model(SCHEME, problem.model.free), "voltage that changes"),
        ((e, faster), Model(SCHEME, problem.model.free), "different filters"),
        ((problem.experiments[1], other), both, "Several drugs"),
    ):
        broken = dataclasses.replace(fitted, problem=Problem(model, experiments))
        with pytest.raises(UsageError, match=what):
            to_petab(broken, tmp_path / "no.petab")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------ saved fits


def test_a_saved_fit_comes_back_whole(fitted, tmp_path):
    again = load_fit(fitted.save(tmp_path / "fit.nc"))
    for name in ("estimates", "starts", "checks", "objective", "n_samples", "aicc", "log_likelihood", "seed", "notes"):
        assert getattr(again, name) == getattr(fitted, name)
    assert again.problem.table.rows() == fitted.problem.table.rows()
    for ours, theirs in zip(fitted.predictions(), again.predictions(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(again.information.matrix, fitted.information.matrix)


@pytest.mark.parametrize("change", ["version", "edge", "data", "law", "parameter"])
def test_a_damaged_description_is_refused(fitted, tmp_path, change):
    import json

    from potentiate.inference.store import save

    dataset = fitted.dataset()
    document = json.loads(dataset.attrs["document"])
    if change == "version":
        document["version"] = 99
    elif change == "edge":
        document["model"]["scheme"]["edges"][0]["target"] = 77
    elif change == "data":
        document["experiments"] += [document["experiments"][0]]
    elif change == "law":
        document["model"]["scheme"]["edges"][0]["forward"]["voltage"] = {"law": "__import__", "zero_mV": 1.0}
    else:
        document["model"]["free"]["opening"] = document["model"]["free"].pop("closing")
        document["model"]["sharing"].pop("closing")
    dataset.attrs["document"] = json.dumps(document)
    path = save(dataset, tmp_path / "fit.nc")
    with pytest.raises(DataError):
        load_fit(path)


def test_laws_of_voltage_and_temperature_survive():
    from potentiate.inference.fit_document import _scheme, scheme_document

    for name in ("NMDA_ClarkeJohnson2008_Mg", "Rodrigues2023", "NMDA_Kampa2004"):
        scheme = find_scheme(name)
        assert _scheme(scheme_document(scheme)) == scheme
    modulated = find_action("aniracetam").apply(SCHEME)
    assert _scheme(scheme_document(modulated)) == modulated
