"""The registry: what is frozen stays as it is, and whatever was changed shows."""

import datetime
import json
import shutil
from pathlib import Path

import pytest

from potentiate.errors import DataError, DocumentError, UnknownNameError
from potentiate.evidence.prediction import freeze, resolve
from potentiate.library.prediction import PredictionDocument, ResolutionData
from potentiate.library.registry import CHAIN, START, Registry

EXPERIMENT = {
    "preparation": "patch",
    "base_scheme": "Partin1996",
    "specific": True,
    "arm": {"protocol": "deactivation", "measure": "tau_deact", "drug": "aniracetam", "concentration": "5 mM",
            "receptor_variant": "reference"},
    "tolerance": {"kind": "factor", "value": 1.3},
}  # fmt: skip


def question(name="ask", **changes):
    outcome = {
        "id": "slower", "statement": "how much slower", "unit": "ratio", "scale": "log", "experiment": EXPERIMENT,
        "reference": {"centre": 1.0, "spread": 0.5, "reason": "no effect"}, "discrepancy": 0.1,
        "kd_factors": [0.5, 1.0, 2.0], **changes,
    }  # fmt: skip
    return PredictionDocument(
        id=name, title="A title", statement="A statement", why="Because", settled_by="Patches", outcomes=[outcome]
    )


def data(**changes):
    given = {
        "prediction": "ask", "outcome": "slower", "value": 6.0, "unit": "ratio", "n": 9, "n_of": "patches",
        "uncertainty": {"type": "SD", "value": 0.9}, "source": "a later work", "blind": True,
        "measured": datetime.date.today() + datetime.timedelta(days=400), **changes,
    }  # fmt: skip
    return ResolutionData.model_validate(given)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "registry"
    registry = Registry(folder)
    freeze(question(), registry)
    freeze(question("other"), registry)
    return folder


@pytest.fixture
def registry(made, tmp_path):
    """A copy that may be spoiled."""
    shutil.copytree(made, tmp_path / "registry")
    return Registry(tmp_path / "registry")


def test_what_is_frozen_reads_back(registry):
    assert registry.faults() == []
    frozen, link = registry.find("ask")
    assert frozen.question == question()
    assert (link.n, link.previous) == (1, START)
    assert [p.id for p in registry.predictions()] == ["ask", "other"]
    outcome = frozen.outcome("slower")
    low, high = outcome.interval_90
    assert low < outcome.interval_50[0] < outcome.median < outcome.interval_50[1] < high
    # Partin 1996: closing goes from 1500 to 250 per s, so the drug slows deactivation several-fold
    assert 2.0 < outcome.median < 6.0
    assert {s.variant for s in outcome.samples} == {
        "reference", "reference, affinity constant x 0.5", "reference, affinity constant x 2",
    }  # fmt: skip
    values = {s.variant: s.value for s in outcome.samples}
    weaker, stronger = (values[f"reference, affinity constant x {f}"] for f in ("2", "0.5"))
    assert weaker < values["reference"] < stronger


def test_the_same_question_gives_the_same_numbers(registry):
    one, other = (registry.find(name)[0] for name in ("ask", "other"))
    assert one.outcomes == other.outcomes


def test_nothing_is_frozen_twice(registry):
    with pytest.raises(DataError, match="'ask' is registered"):
        freeze(question(), registry)


def change_number(folder):
    path = folder / "ask.json"
    path.write_text(path.read_text().replace('"median": ', '"median": 1'))


def change_link(folder):
    path = folder / CHAIN
    lines = path.read_text().splitlines()
    entry = json.loads(lines[0])
    entry["sha256"] = "0" * 64
    path.write_text("\n".join([json.dumps(entry), *lines[1:]]) + "\n")


def remove_first_link(folder):
    path = folder / CHAIN
    path.write_text(path.read_text().splitlines()[1] + "\n")
    (folder / "ask.json").unlink()


def swap_links(folder):
    path = folder / CHAIN
    path.write_text("\n".join(reversed(path.read_text().splitlines())) + "\n")


def remove_file(folder):
    (folder / "other.json").unlink()


def add_file(folder):
    (folder / "late.json").write_text("{}")


def point_outside(folder):
    path = folder / CHAIN
    path.write_text(path.read_text().replace('"ask.json"', '"../ask.json"'))


def no_link(folder):
    (folder / CHAIN).write_text("<script>\n")


def half_a_link(folder):
    path = folder / CHAIN
    path.write_text(path.read_text()[:-40])


@pytest.mark.parametrize(
    "spoil",
    [
        change_number, change_link, remove_first_link, swap_links, remove_file, add_file, point_outside, no_link,
        half_a_link,
    ],
)
def test_a_change_shows(registry, spoil):
    spoil(registry.folder)
    assert registry.faults()
    with pytest.raises((DataError, DocumentError)):
        freeze(question("third"), registry)


def test_a_rewritten_chain_has_another_head(registry, tmp_path):
    other = Registry(tmp_path / "again")
    freeze(question("other"), other)
    assert other.faults() == []
    assert other.head != registry.head


def test_resolving_leaves_the_prediction_alone(registry):
    before = (registry.folder / "ask.json").read_bytes()
    frozen, link = registry.find("ask")
    resolution = resolve(data(), frozen, link.sha256)
    written = registry.add(resolution)
    assert (registry.folder / "ask.json").read_bytes() == before
    assert registry.faults() == []
    assert written.file == "resolved-003-ask.json"
    assert registry.resolutions() == [resolution]
    assert resolution.data.standard_error == pytest.approx(0.3)
    assert len(registry.predictions()) == 2


def test_a_value_at_the_median_is_inside_and_gains(registry):
    frozen, link = registry.find("ask")
    median = frozen.outcome("slower").median
    found = resolve(data(value=median, uncertainty={"type": "SEM", "value": 0.01}), frozen, link.sha256)
    assert found.inside_50
    assert found.gain > 0
    assert found.quantile == pytest.approx(0.5, abs=0.02)
    far = resolve(data(value=median * 4, uncertainty={"type": "SEM", "value": 0.01}), frozen, link.sha256)
    assert not far.inside_90
    assert far.log_score < found.log_score


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"measured": datetime.date(2001, 1, 1)}, "measured on 2001"),
        ({"unit": "ms"}, "'ms'"),
        ({"value": -2.0}, "-2"),
    ],
)
def test_data_that_resolve_nothing(registry, changes, said):
    frozen, link = registry.find("ask")
    with pytest.raises(DataError, match=said):
        resolve(data(**changes), frozen, link.sha256)


def test_data_on_the_day_of_the_prediction_are_no_later_data(registry):
    frozen, link = registry.find("ask")
    with pytest.raises(DataError, match="was frozen on"):
        resolve(data(measured=frozen.registered.date()), frozen, link.sha256)


def test_unknown_names(registry):
    with pytest.raises(UnknownNameError):
        registry.find("asks")
    with pytest.raises(UnknownNameError):
        registry.find("ask")[0].outcome("faster")


@pytest.mark.parametrize("kind", ["SD", "SEM", "CI95"])
def test_standard_errors(kind):
    expected = {"SD": 0.3, "SEM": 0.9, "CI95": 0.9 / 1.96}[kind]
    assert data(uncertainty={"type": kind, "value": 0.9}).standard_error == pytest.approx(expected)


def test_readings_of_the_affinity_need_a_concentration():
    arm = {**EXPERIMENT["arm"], "concentration": "saturating"}
    with pytest.raises(DataError, match="readings of its affinity"):
        freeze(question(experiment={**EXPERIMENT, "arm": arm}), Registry(Path("nowhere")))
