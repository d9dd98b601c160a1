"""What a user may get wrong with a synapse preparation, and what its documents must say."""

import dataclasses

import numpy as np
import pytest

from potentiate.errors import DocumentError, UnknownNameError, UsageError
from potentiate.exposure.bath import Bath
from potentiate.library.preparation import PREPARATIONS, find_preparation, synapse_ids
from potentiate.library.references import bibliography, key_of
from potentiate.preparations import run
from potentiate.preparations.synapse import Synapse
from potentiate.protocols.fast_application import jump
from potentiate.protocols.stimulation import low_frequency, pairing, stdp
from potentiate.protocols.stimulation import test_pulse as pulse

CA1 = Synapse.from_document("ca1-spine")
CALYX = Synapse.from_document("nucleus-magnocellularis")
ANIRACETAM = Bath({"aniracetam": 5000.0})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: CA1.run(pulse(), Bath({"caffeine": 100.0}), seed=1), "No effect known"),
        (lambda: CALYX.run(pulse(), Bath({"d-ap5": 50.0}), seed=1), "No effect known"),
        (lambda: CA1.run(stdp(1, 10.0, 1.0), seed=1), "no spikes"),
        (lambda: CA1.run(pulse(), seed=1, trials=0), "0 trials"),
        (lambda: run(CA1, pulse()), "seed"),
        (lambda: CA1.run(low_frequency(), seed=1), "memory"),
        (lambda: run(CA1, pulse(), [Bath(), ANIRACETAM], seed=1), "one exposure"),
        (lambda: run(CA1, jump(), seed=1), "stimulated"),
        (lambda: dataclasses.replace(CA1, sites=0), "0 release sites"),
        (lambda: dataclasses.replace(CA1, probability=1.5), "probability"),
        (lambda: dataclasses.replace(CA1, magnesium_mM=-1.0), "magnesium"),
        (lambda: dataclasses.replace(CALYX, holding_mV=None), "current clamp"),
        (lambda: dataclasses.replace(CALYX, at_soma=True), "no dendrite"),
        (lambda: CALYX.without_glua2(), "no calcium"),
        (lambda: CA1.with_scheme("NMDA_Kampa2004"), "NMDA"),
    ],
)
def test_refused(make, text):
    with pytest.raises(UsageError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "near"),
    [
        (lambda: Synapse.from_document("ca1-spin"), "ca1-spine"),
        (lambda: CA1.with_cleft("clement"), "Clements"),
        (lambda: CA1.with_block("Jahr Stevens"), "Jahr-Stevens"),
        (lambda: CA1.with_law("Kronburg"), "Kronberg"),
        (lambda: CA1.with_calcium_law("Goldmann"), "Goldman"),
    ],
)
def test_unknown_names_come_with_the_nearest(make, near):
    with pytest.raises(UnknownNameError, match=near):
        make()


def test_a_holding_potential_of_the_stimulation_takes_precedence():
    run = CA1.run(dataclasses.replace(pulse(after_ms=10.0), holding_mV=40.0), seed=1, trials=1)
    np.testing.assert_allclose(run.channel("dendrite").sweeps, 40.0)
    assert pairing().holding_mV == 0.0


@pytest.mark.parametrize("name", synapse_ids())
def test_every_number_of_a_preparation_says_where_it_comes_from(name):
    document = find_preparation(name).document
    assert document.id == name
    assert len(document.numbers()) > 10
    for text in document.sources():
        key = key_of(text)
        assert key in bibliography() or key.startswith(("source-", "assumed")), text


def test_documents_refuse_wrong_units_and_unsourced_numbers(tmp_path):
    text = (PREPARATIONS / "ca1-spine.yaml").read_text()
    for old, new in (
        ("kappa: {value: 24, source:", "kappa: {value: 24, because:"),
        ("head_length: {value: 0.5, unit: um,", "head_length: {value: 0.5, unit: nm,"),
        ("law: Kronberg", "law: Kronburg"),
        ("decay: {value: 14, unit: ms", "decay: {value: 0, unit: ms"),
        ("soma_leak: {value: 3, unit: nS", "soma_leak: {value: -3, unit: nS"),
        ("sites: {value: 20,", "sites: {value: .nan,"),
        ("magnesium_block: Jahr-Stevens", "magnesium_block: Jahr"),
        ("scheme: Rodrigues2023", "scheme: Rodriguez2023"),
        ("waveform: brief pulse", "waveform: brief"),
    ):
        assert old in text
        path = tmp_path / "bad.yaml"
        path.write_text(text.replace(old, new))
        with pytest.raises((DocumentError, UnknownNameError)):
            Synapse.from_document(str(path))
