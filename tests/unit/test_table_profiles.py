"""Which profile of a PK table is analysed, and against the engine of exposure what a table of events means."""

from __future__ import annotations

import math

import numpy as np
import pytest

from potentiate.errors import UsageError
from potentiate.exposure.events import Event, course
from potentiate.inference.population import evaluate_population
from potentiate.inference.population_data import population_data
from potentiate.inference.population_likelihood import Likelihood
from potentiate.inference.population_model import population_model
from potentiate.measures.table_profiles import profiles_of
from potentiate.mechanisms.compartments import compartments
from potentiate.recordings.pk_table import read_pk_table

HEAD = "ID,TIME (h),AMT (mg),DV (mg/L),CMT,RATE,ADDL,II,SS,EVID\n"


def read(tmp_path, rows):
    path = tmp_path / "pk.csv"
    path.write_text(HEAD + rows)
    return read_pk_table(path)


def samples(t, c, offset=0.0):
    return "".join(f"1,{offset + a},.,{b:.9g},2,.,.,.,.,0\n" for a, b in zip(t, c, strict=True))


def test_one_infusion(tmp_path):
    t = np.array([0.5, 1, 2, 3, 5, 8, 12, 18, 24])
    c = 100 / (2 * 2.0) * -np.expm1(-0.2 * np.minimum(t, 2)) * np.exp(-0.2 * np.maximum(t - 2, 0))
    table = read(tmp_path, "1,0,100,.,1,50,.,.,.,1\n" + samples(t, c))
    ((_, found),) = profiles_of(table, route="iv")
    assert found["CL"].value == pytest.approx(2.0, rel=0.01)
    assert found["Vss"].value == pytest.approx(10.0, rel=0.05)
    assert found["trough"].status == "refused"


def test_steady_state_gives_clearance_of_the_interval(tmp_path):
    t = np.array([0.0, 1, 2, 4, 6, 8, 12])
    c = 10 * np.exp(-0.2 * t) / -math.expm1(-2.4)
    table = read(tmp_path, "1,0,100,.,1,.,.,12,1,1\n" + samples(t, c))
    ((_, found),) = profiles_of(table, route="iv")
    assert found["CLss"].value == pytest.approx(2.0, rel=1e-6)
    assert found["trough"].value == pytest.approx(c[-1], rel=1e-6)
    assert found["CL"].status == "refused"


def test_after_earlier_doses_nothing_goes_to_infinity(tmp_path):
    """The interval with the most samples counts; the sample before the dose of its time is no part of it."""
    rows = "1,0,100,.,1,.,.,.,.,1\n" + samples([6.0, 12.0], [3.0, 0.9]) + "1,12,100,.,1,.,.,.,.,1\n"
    table = read(tmp_path, rows + samples([1.0, 4, 8, 12], [9.0, 5.0, 2.2, 1.0], 12.0))
    ((_, found),) = profiles_of(table, route="iv")
    assert found.t_h.tolist() == [0, 1, 4, 8, 12]
    assert found["CL"].status == "refused"
    assert found["half-life"].ok
    assert found["AUClast"].ok
    ((_, told),) = profiles_of(table, route="iv", tau_h=12.0)
    assert told["trough"].value == pytest.approx(1.0)


def test_bolus_and_infusion_at_once_is_for_a_model(tmp_path):
    table = read(tmp_path, "1,0,50,.,1,.,.,.,.,1\n1,0,50,.,1,10,.,.,.,1\n" + samples([1.0, 2], [3.0, 2.0]))
    with pytest.raises(UsageError, match="model"):
        profiles_of(table, route="iv")


# one subject each: rows of the table, and the same as events of the exposure engine
CASES = {
    "bolus": ("1,0,100,.,2,.,.,.,.,1\n", [Event(0, 100.0)]),
    "swallowed, thrice": ("1,0,100,.,1,.,2,8,.,1\n", [Event(0, 100.0, "gut", additional=2, interval_h=8)]),
    "infusions": ("1,0,100,.,2,40,1,12,.,1\n", [Event(0, 100.0, duration_h=2.5, additional=1, interval_h=12)]),
    "steady state, swallowed": ("1,0,100,.,1,.,.,8,1,1\n", [Event(0, 100.0, "gut", interval_h=8, steady=1)]),
    "steady state, infused, then a bolus": (
        "1,0,100,.,2,50,.,12,1,1\n1,5,30,.,2,.,.,.,.,1\n",
        [Event(0, 100.0, duration_h=2.0, interval_h=12, steady=1), Event(5, 30.0)],
    ),
    "steady state ends what was before": (
        "1,0,500,.,2,.,.,.,.,1\n1,4,100,.,2,.,.,8,1,1\n",
        [Event(0, 500.0), Event(4, 100.0, interval_h=8, steady=1)],
    ),
    "steady state added": (
        "1,0,500,.,2,.,.,.,.,1\n1,4,100,.,2,.,.,8,2,1\n",
        [Event(0, 500.0), Event(4, 100.0, interval_h=8, steady=2)],
    ),
    "reset": ("1,0,500,.,2,.,3,4,.,1\n1,5,.,.,2,.,.,.,.,3\n1,6,80,.,1,.,.,.,.,1\n",
              [Event(0, 500.0, additional=3, interval_h=4), Event(5, reset=True), Event(6, 80.0, "gut")]),
    "reset with a dose": ("1,0,500,.,2,.,.,.,.,1\n1,5,80,.,1,.,.,.,.,4\n",
                          [Event(0, 500.0), Event(5, 80.0, "gut", reset=True)]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_events_of_a_table_are_those_of_the_exposure_engine(tmp_path, name):
    """Two programs for one semantics: closed forms summed here, matrix exponentials walked there."""
    rows, events = CASES[name]
    t = np.array([1.0, 3.5, 4.5, 7.0, 9.0, 13.0, 20.0, 31.0])
    doses = [row for row in rows.splitlines() if row]
    records = sorted([(float(row.split(",")[1]), 0, row) for row in doses]
                     + [(a, 1, f"1,{a},.,1.0,2,.,.,.,.,0") for a in t])  # fmt: skip
    other = "2,0,100,.,1,.,.,.,.,1\n2,1,.,1.0,2,.,.,.,.,0\n"
    table = read(tmp_path, "\n".join(row for *_, row in records) + "\n" + other)
    model = population_model("two-compartment-oral", error="additive", etas=["CL"])
    data = population_data(model, table)
    natural = {"KA": 0.7, "CL": 3.0, "V1": 12.0, "Q": 2.0, "V2": 25.0, "omega CL": 0.1, "sigma additive": 1.0}
    x = model.inward(np.array([natural[n] for n in model.names]))
    ours = Likelihood(model, data).predict(x, np.zeros((2, 1, 1)))[0, 0]
    flows = {("gut", "central"): 0.7, ("central", "out"): 3 / 12, ("central", "far"): 2 / 12,
             ("far", "central"): 2 / 25}  # fmt: skip
    body = compartments(("gut", "central", "far"), flows, 1)
    reading = np.zeros((4, 1))
    reading[1] = 1 / 12.0
    theirs = course(body, events, t, reading)[0, :, 0]
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


def test_two_kinds_of_doses_in_one_objective(tmp_path):
    rows = "".join(
        f"{k},0,100,.,{1 + k % 2},.,.,.,.,1\n{k},2,.,{3 + k / 10},2,.,.,.,.,0\n{k},9,.,1.5,2,.,.,.,.,0\n"
        for k in (1, 2, 3)
    )
    values = {"KA": 1.0, "CL": 3.0, "V": 25.0, "F": 0.5, "omega CL": 0.1, "sigma proportional": 0.04}
    model = population_model("one-compartment-oral", parameters=["KA", "CL", "V", "F"], etas=["CL"])
    found = evaluate_population(model, read(tmp_path, rows), values)
    assert math.isfinite(found.objective)
    swallowed = found.by_subject[1]
    doubled = evaluate_population(model, read(tmp_path, rows), {**values, "F": 1.0})
    assert doubled.by_subject[0] == pytest.approx(found.by_subject[0])  # into the blood: F does nothing
    assert doubled.by_subject[1] != pytest.approx(swallowed)
