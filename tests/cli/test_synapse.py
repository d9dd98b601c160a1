"""`potentiate synapse`: the table, the JSON object, and what it says to bad input."""

import numpy as np
import pytest

FAST = ("--sites", "3", "--trials", "4", "--pulses", "3")


def test_table_figure_and_results(potentiate, tmp_path):
    outcome = potentiate("synapse", "aniracetam", "--conc", "5 mM", *FAST, "--out", "here")
    assert outcome.code == 0, outcome.err
    assert {"table.csv", "figure.svg", "figure.png", "results.json", "recording.nc"} <= {
        p.name for p in (tmp_path / "here").iterdir()
    }
    assert "control" in outcome.words
    assert "x 5 mM" in outcome.words
    assert "post-tetanic" in outcome.words  # assumed, and said


def test_drug_and_blocker_in_current_clamp(potentiate):
    outcome = potentiate(
        "synapse", "cyclothiazide", "--conc", "100uM", "--current-clamp", "--blockers", "D-AP5=50 uM",
        "bicuculline=20 uM", "--train", "100 Hz", "200 Hz",
        "--channel-noise", "--magnesium-block", "Milstein", "--mg", "2mM", "--seed", "3", "--json", *FAST,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    body = outcome.object
    assert body["seed"] == 3
    assert body["inputs"]["blockers_uM"] == {"d-ap5": 50.0}
    assert body["inputs"]["mg_mM"] == 2.0
    assert {"train_ratio", "train_ratio_200_Hz"} <= {o["id"] for o in body["observables"]}
    rows = {(o["id"], o["conditions"]["dose"]): o for o in body["observables"]}
    assert rows["amplitude", "control"]["unit"] == "mV"
    assert rows["amplitude", "100uM"]["value"] > rows["amplitude", "control"]["value"]


def test_a_calyx_without_spines_says_what_it_cannot_tell(potentiate):
    outcome = potentiate(
        "synapse", "gyki-52466", "--conc", "50uM", "--preparation", "nucleus-magnocellularis", "--sites", "9",
        "--trials", "3", "--pulses", "3", "--train", "200 Hz", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    rows = {(o["id"], o["conditions"]["dose"]): o for o in outcome.object["observables"]}
    assert rows["calcium_peak", "control"]["status"] == "not determined"
    assert rows["fold_amplitude", "50uM"]["value"] < 0.5
    assert np.isfinite(rows["train_ratio", "control"]["value"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("aniracetm",), ["closest: aniracetam"]),
        (("caffeine", "--conc", "100 uM"), ["No effect known", "caffeine"]),
        (("aniracetam", "--conc", "5"), ["No unit"]),
        (("--conc", "5 mM"), ["needs a drug"]),
        (("aniracetam", "--preparation", "ca1-spines"), ["closest: ca1-spine"]),
        (("aniracetam", "--cleft", "clement"), ["closest: Clements"]),
        (("aniracetam", "--magnesium-block", "Jahr Stevens"), ["closest: Jahr-Stevens"]),
        (("aniracetam", "--magnesium-block", "Kampa", "--current-clamp"), ["current clamp"]),
        (("aniracetam", "--release", "Kronburg"), ["closest: Kronberg"]),
        (("aniracetam", "--scheme", "Rodrigues2032"), ["closest: Rodrigues2023"]),
        (("aniracetam", "--scheme", "NMDA_Kampa2004"), ["AMPA family"]),
        (("aniracetam", "--voltage", "-70 mV", "--current-clamp"), ["not both"]),
        (("aniracetam", "--voltage", "-700 mV"), ["holding potential"]),
        (("aniracetam", "--probability", "1.5"), ["probability"]),
        (("aniracetam", "--sites", "0"), ["release sites"]),
        (("aniracetam", "--mg", "-1 mM"), ["Negative"]),
        (("aniracetam", "--ca", "1 M"), ["calcium"]),
        (("aniracetam", "--temperature", "80 degC"), ["temperature"]),
        (("aniracetam", "--series", "1 GOhm"), ["eries resistance"]),
        (("aniracetam", "--train", "0 Hz"), ["not positive"]),
        (("aniracetam", "--train", "1e6 Hz"), ["overlap"]),
        (("aniracetam", "--pulses", "1"), ["too few"]),
        (("aniracetam", "--trials", "1"), ["too few"]),
        (("aniracetam", "--blockers", "D-AP5"), ["No concentration"]),
        (("cx516", "--conc", "10 uM"), ["affinity", "saturating"]),
        (("aniracetam", "--preparation", "nucleus-magnocellularis", "--current-clamp"), ["current clamp"]),
        (("aniracetam", "--preparation", "nucleus-magnocellularis", "--at-soma"), ["no dendrite"]),
        (("aniracetam", "--preparation", "nucleus-magnocellularis", "--without-glua2"), ["calcium"]),
    ],
)
def test_bad_input(words, says, monkeypatch, capsys, tmp_path):
    # in this process: thirty interpreters would cost a minute
    from potentiate.cli import main

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["synapse", *words])
    error = capsys.readouterr().err
    assert left.value.code == 2, error
    for text in says:
        assert text in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []
