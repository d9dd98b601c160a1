"""Exported SBML run by libRoadRunner gives our currents, and PEtab our objective."""

import dataclasses
import math
import warnings

import numpy as np
import pytest

from potentiate import Bath, Patch, Rig, find_scheme, protocols, run
from potentiate.exchange.petab import to_petab
from potentiate.exchange.sbml import to_sbml
from potentiate.inference.experiment import Experiment
from potentiate.inference.information import information
from potentiate.inference.model import DrugModel, Model
from potentiate.inference.problem import Problem
from potentiate.inference.result import Estimate, Fit, Start
from potentiate.kinetics.modulator import Modulator, apply_modulator

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(240)]
roadrunner = pytest.importorskip("roadrunner", reason="libRoadRunner is not installed (extra 'oracle')")
pytest.importorskip("libsbml", reason="libsbml is not installed (extra 'sbml')")

DRUG = Modulator("drug", 1, 100.0, 1.0, {"open": (3.0,), "desensitized": (0.5,)}, {"gate": 0.0})
PARTIN = find_scheme("Partin1996")
PULSE = protocols.jump(width_ms=1.0, after_ms=12.0, dt_ms=0.1)
PAIR = protocols.paired_pulses(5.0, dt_ms=0.1, after_ms=10.0)


def load(source):
    model = roadrunner.RoadRunner(source)
    model.integrator.absolute_tolerance, model.integrator.relative_tolerance = 1e-11, 1e-9
    return model


@pytest.mark.parametrize(
    ("scheme", "protocol", "bath", "exchange", "tolerance"),
    [
        (PARTIN, PULSE, Bath(), 0.0, 1e-7),
        (PARTIN, PULSE, Bath(), 0.3, 1e-5),  # our own exchange follows in steps
        (apply_modulator(PARTIN, DRUG), PAIR, Bath({"drug": 200.0}, "agonist"), 0.2, 1e-5),
        (apply_modulator(PARTIN, DRUG), PULSE, Bath({"drug": 200.0}, "control"), 0.0, 1e-7),
        (find_scheme("NMDA_Kampa2004"), PULSE, Bath(), 0.0, 1e-7),
    ],
    ids=["step", "exchange", "drug in the pulses", "pre-incubated", "voltage-dependent"],
)
def test_roadrunner_gives_our_current(scheme, protocol, bath, exchange, tolerance):
    relative = scheme.conductance_unit == "relative"
    patch = Patch(scheme, channels=200, rig=Rig(exchange_10_90_ms=exchange), voltage_mV=-40.0)
    ours = run(patch, protocol, bath).sweeps[0]
    text = to_sbml(
        scheme, protocol, bath, exchange_10_90_ms=exchange, voltage_mV=-40.0, channels=200,
        conductance_nS=200 * patch.unitary_pS / 1000 if relative else 1.0,
    )  # fmt: skip
    theirs = load(text).simulate(0, (ours.size - 1) * protocol.dt_ms, ours.size, ["current"])[:, 0]
    assert np.abs(theirs - ours).max() < tolerance * np.abs(ours).max()
    assert np.abs(ours).max() > 0.1


def fit_at_start(problem):
    """A fit that never searched: only its numbers matter here."""
    theta = problem.table.start
    predicted, linear = problem.details(theta)
    left = [(g.data_pA - p)[g.used] for g, p in zip(problem.groups, predicted, strict=True)]
    cells = problem.sample_cells()
    joined = np.concatenate(left)
    noise = np.array([np.sqrt(np.mean(joined[cells == c] ** 2)) for c in range(len(problem.cells))])
    value = -0.5 * float(np.sum(problem.samples * (np.log(2 * math.pi * noise**2) + 1)))
    numbers = [(n.name, n.parameter) for n in problem.table.numbers]
    estimates = tuple(
        Estimate(name, p.unit, p.start, 0.0, math.inf, "no interval", "", "", p.start, p.low, p.high)
        for name, p in numbers
    )  # fmt: skip
    nuisance = {"amplitude_nS": linear["amplitude"], "noise_pA": noise}
    known = information(np.eye(len(theta)))
    return Fit(
        problem, "least squares", theta, estimates, nuisance, value, int(problem.samples.sum()), 9, 0.0, known,
        (Start(tuple(theta), 1.0, "ok", 1),), (), 1.0, {}, 1,
    )  # fmt: skip


class Theirs:
    """A PEtab problem simulated by libRoadRunner at its nominal values."""

    def __init__(self, folder, dt_ms):
        self.petab = pytest.importorskip("petab.v1", reason="petab is not installed (extra 'test')")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # petab calls pandas in ways that pandas gives up
            self.problem = self.petab.Problem.from_yaml(str(folder / "problem.yaml"))
        self.nominal = self.problem.parameter_df["nominalValue"].to_dict()
        self.model, self.dt_ms = load(str(folder / "model.xml")), dt_ms
        self.known = set(self.model.model.getGlobalParameterIds())
        self.states = [*self.model.model.getFloatingSpeciesIds(), *(n for n in self.known if n.startswith("filter_"))]

    def set_up(self, condition):
        self.model.resetToOrigin()
        row = self.problem.condition_df.loc[condition].to_dict()
        for name, value in {**self.nominal, **row}.items():
            if name in self.known:
                self.model[name] = float(self.nominal.get(value, value))

    def seen(self, rest, condition, last_ms):
        """Return what is seen at every sample of a sweep that begins settled."""
        self.set_up(rest)
        self.model.simulate(0, 1e6, 2)
        settled = {name: self.model[name] for name in self.states}
        self.set_up(condition)
        for name, value in settled.items():
            self.model[name] = value
        steps = round(last_ms / self.dt_ms)
        return self.model.simulate(0, steps * self.dt_ms, steps + 1, ["seen"])[:, 0]

    def log_likelihood(self):
        """Return the objective by PEtab's own rules."""
        measured = self.problem.measurement_df
        simulated = measured.rename(columns={"measurement": "simulation"})
        for (rest, condition), part in measured.groupby(["preequilibrationConditionId", "simulationConditionId"]):
            seen = self.seen(rest, condition, part["time"].max())
            at = np.rint(part["time"].to_numpy() / self.dt_ms).astype(int)
            told = [[self.nominal[n] if n in self.nominal else float(n) for n in text.split(";")]
                    for text in part["observableParameters"]]  # fmt: skip
            scale = np.array([t[0] + (t[2] * t[3] if len(t) > 2 else 0.0) for t in told])
            simulated.loc[part.index, "simulation"] = scale * seen[at] + np.array([t[1] for t in told])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.petab.calculate_llh(measured, simulated, self.problem.observable_df, self.problem.parameter_df)


def test_petab_has_our_objective(tmp_path):
    """Two cells with rates of their own, a drug in the agonist solution, paired pulses, run-down."""
    patch = Patch(apply_modulator(PARTIN, DRUG), channels=300, rig=Rig(noise_pA=0.5))
    made = []
    for cell, protocol, level in (("a", PULSE, 0.0), ("a", PULSE, 50.0), ("b", PAIR, 50.0)):
        bath = Bath({"drug": level} if level else {}, "agonist" if level else "both")
        recording = run(patch, protocol, [bath, bath], seed=len(made) + 1)
        made.append(Experiment(recording, protocol, bath, cell=cell))
    start = dataclasses.replace(DRUG, kd_uM=80.0)
    model = Model(
        PARTIN, {"closing": ["O->RA2"], "binding": ["R->RA", "RA->RA2"]}, {"drug": DrugModel(start, ("kd", "w(open)"))},
        {"closing": "cell", "drug kd": "drug"},
    )  # fmt: skip
    fit = fit_at_start(Problem(model, tuple(made), rundown=True))
    theirs = Theirs(to_petab(fit, tmp_path / "out.petab"), 0.1).log_likelihood()
    print(f"log likelihood {theirs:.6f}, ours {fit.log_likelihood:.6f}, {fit.n_samples} samples")
    assert theirs == pytest.approx(fit.log_likelihood, abs=1e-3)


@pytest.mark.parametrize(("corner", "off"), [(1.0, 1e-3), (5.0, 1e-2)])
def test_the_filter_is_that_of_the_rig(tmp_path, corner, off):
    """Both analogue; in the fit the input is straight between samples: 6e-4 and 6e-3 of the peak at a sharp onset."""
    protocol = protocols.jump(width_ms=1.0, after_ms=8.0, dt_ms=0.02)
    recording = run(Patch(PARTIN, channels=300, rig=Rig(noise_pA=0.5, filter_kHz=corner)), protocol, seed=1)
    problem = Problem(Model(PARTIN, {"closing": ["O->RA2"]}), (Experiment(recording, protocol, filter_kHz=corner),))
    theirs = Theirs(to_petab(fit_at_start(problem), tmp_path / "out.petab"), 0.02)
    ours = problem.open_conductance(problem.groups[0], problem.table.start, xp=np)[0]
    seen = theirs.seen("rest_2", "sweep_1", 0.02 * (ours.size - 1))
    assert np.abs(seen - ours).max() < off * np.abs(ours).max()
    assert "straight between samples" in (tmp_path / "out.petab" / "README.txt").read_text()
