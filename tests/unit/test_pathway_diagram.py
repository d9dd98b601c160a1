"""The pathway diagram is read off runs: what blocks a step shows in it, and its evidence is the library's."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest

from potentiate.errors import UsageError
from potentiate.evidence.pathway_evidence import BASES, pathway_lines, pathway_table, step_evidence
from potentiate.library.finding import find_finding
from potentiate.library.slice_document import find_slice
from potentiate.preparations import slice as slice_module
from potentiate.preparations.slice import Slice, SliceRun
from potentiate.preparations.slice_pathway import QUANTITIES, STEPS, read_pathway
from potentiate.protocols.stimulation import tetanus
from potentiate.protocols.timetable import Event, Induce, Timetable, WashIn
from potentiate.recordings.recording import Recording
from potentiate.show.pathway_diagram import pathway_figure

pytestmark = pytest.mark.timeout(120)


def table(*events: Event) -> Timetable:
    return Timetable("a train", 2.0, 24.0, (*events, Induce(tetanus(1), 12.0)), recovery_min=0.0, interval_s=60.0)


@pytest.fixture(scope="module")
def runs():
    with pytest.MonkeyPatch.context() as patch:
        # responses at few times
        patch.setattr(slice_module, "AFTER_DRUG_MIN", (0.0, 9.0))
        patch.setattr(slice_module, "AFTER_BOUT_MIN", (0.0, 3.0))
        return run_both()


def run_both():
    preparation = Slice.of("ca1-slice", synapses=10, noise=False)
    blocked = table(WashIn("D-AP5", 50.0, 2.0))
    return [preparation.run(timetable, slices=1).runs[0] for timetable in (table(), blocked)]


@pytest.fixture(scope="module")
def pathways(runs):
    return [read_pathway(run) for run in runs]


def test_what_blocks_nmda_receptors_shows_in_every_later_step(runs, pathways) -> None:
    control, blocked = ({k: o.value for k, o in p.fluxes.items()} for p in pathways)
    assert set(control) == set(QUANTITIES)
    assert pathways[0].label == "control"
    assert "d-ap5" in pathways[1].label.lower()
    assert blocked["released"] == control["released"]
    assert blocked["calcium_NMDA"] < 0.2 * control["calcium_NMDA"]
    assert blocked["up"] < control["up"]
    assert blocked["receptors"] < control["receptors"]
    assert blocked["field"] < control["field"]
    # values are those of the run
    assert control["ampa_peak"] == runs[0].bouts[0].course.ampa_nS.max()
    assert control["up"] == pytest.approx(100 * runs[0].bouts[0].moved()[0])
    np.testing.assert_allclose(control["calcium_NMDA"], runs[0].bouts[0].course.routes_uM[:, 0].mean())


def test_a_bath_that_changes_afterwards_is_no_part_of_the_change(runs) -> None:
    recording = runs[1].recording
    at = np.asarray(recording.sweep_metadata["time_min"])
    early = at < 17.0
    other = np.where(early, recording.sweep_metadata["D-AP5_uM"], 0.0)
    changed = dataclasses.replace(recording, sweep_metadata={**recording.sweep_metadata, "D-AP5_uM": other})
    field = read_pathway(dataclasses.replace(runs[1], recording=changed)).fluxes["field"]
    assert (field.status, field.known) == ("not determined", False)
    assert "bath of the bout" in str(field.reason)


def test_a_stimulus_that_recruits_nothing_is_said(runs) -> None:
    recording = runs[0].recording
    noise = np.random.default_rng(1).normal(0.0, 0.01, recording.sweeps.shape)
    silent = Recording.from_arrays(
        recording.time_ms, noise, recording.sweep_metadata, "mV", protocol=recording.protocol,
        provenance=recording.provenance,
    )  # fmt: skip
    pathway = read_pathway(dataclasses.replace(runs[0], recording=silent))
    assert pathway.fluxes["field"].status == "no response"
    assert pathway_table(pathway)[-1]["control"] is None


def test_evidence_comes_from_the_library() -> None:
    assert set(BASES) == {step.id for step in STEPS}
    document = find_slice("ca1-slice")
    for step in STEPS:
        found = step_evidence(step.id)
        for name, grade in found.grades.items():
            status = {**document.numbers, **document.plasticity}[name].status
            assert grade == {"read": "sourced"}.get(status, status)
        assert all(find_finding(f.id) is f for f in found.findings)
    # a drug's findings count only where there is the drug
    without, with_drug = step_evidence("ampa"), step_evidence("ampa", compounds=("aniracetam",))
    assert {f.id for f in without.findings} < {f.id for f in with_drug.findings}
    assert "ltp-2x100hz-mouse" in [f.id for f in step_evidence("insertion").findings]


def test_table_is_plain_data_and_text(pathways) -> None:
    rows = json.loads(json.dumps(pathway_table(*pathways), allow_nan=False))
    assert [row["id"] for row in rows] == [name for step in STEPS for name in step.quantities]
    assert rows[0]["control"] == rows[0]["drug"] > 0
    assert len(pathway_lines(*pathways)) == len(rows) + 1


def test_figure_says_what_the_runs_say(runs, pathways) -> None:
    pages = []
    for _ in range(2):
        buffer = io.BytesIO()
        pathway_figure(*runs).savefig(buffer, format="svg")
        pages.append(buffer.getvalue())
    assert pages[0] == pages[1]
    figure = pathway_figure(*runs)
    texts = [t.get_text() for ax in figure.axes for t in ax.texts]
    assert any("(blocks)" in text for text in texts)
    assert not any("(blocks)" in t.get_text() for ax in pathway_figure(runs[0]).axes for t in ax.texts)


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(UsageError, match="No slice"):
        pathway_figure(SliceRun(1, None, "the voltage is not finite"))
