"""`potentiate slice`: table, figure, JSON object, curves, and what it says to bad input."""

import json

import pytest

from potentiate.cli import main
from potentiate.cli.slice_asked import _drug
from potentiate.errors import NumericalError
from potentiate.preparations import slice as preparation

#: One small slice: everything runs, nothing is averaged.
SMALL = ("--slices", "1", "--synapses", "10")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Run in an empty folder; responses are computed at few times."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preparation, "AFTER_DRUG_MIN", (0.0, 4.0))
    monkeypatch.setattr(preparation, "AFTER_BOUT_MIN", (0.0, 3.0, 60.0))
    return tmp_path


def call(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main(["slice", *words])
    printed = capsys.readouterr()
    return left.value.code, printed.out, printed.err


def test_drug_and_control_side_by_side(here, capsys):
    code, out, err = call(capsys, "aniracetam", "--conc", "1.5 mM", "--protocol", "tbs", "--bursts", "2", *SMALL,
                          "--out", "run")  # fmt: skip
    assert code == 0, err
    words = " ".join(out.split())
    assert "control" in words
    assert "drug-free baseline 0 to 20 min" in words
    assert "more, all in results.json" in words
    names = {p.name for p in (here / "run").iterdir()}
    assert {"table.csv", "figure.svg", "figure.png", "results.json", "recording.nc", "control_seed1.nc"} <= names
    minutes = (here / "run" / "time_course.csv").read_text().splitlines()
    assert len(minutes) > 200
    assert minutes[1].startswith("control,test,0.5,")
    flows = {row["id"]: row for row in json.loads((here / "run" / "pathway.json").read_text())}
    assert flows["ampa_mean"]["drug"] > flows["ampa_mean"]["control"] > 0
    assert len((here / "run" / "pathway.tsv").read_text().splitlines()) == len(flows) + 1
    assert {"pathway.svg", "timetable.svg"} <= set(names)
    body = json.loads((here / "run" / "results.json").read_text())
    assert len(body["assumed"]) > 20
    rows = {(o["id"], o["conditions"]["row"]): o for o in body["observables"]}
    assert rows["drug_amplitude", "aniracetam 1.5 mM"]["value"] > 120.0
    assert rows["drug_half_width", "aniracetam 1.5 mM"]["value"] > 1.2
    control = rows["drug_amplitude", "control"]
    assert (control["value"], control["reason"]) == (None, "no drug before the induction")
    # the same slice: without drug nothing differs
    base = [rows["baseline_slope", row]["value"] for row in ("control", "aniracetam 1.5 mM")]
    assert base[0] == base[1]
    assert rows["ltp", "control"]["conditions"]["n"] == 1
    assert rows["ltp", "control"]["conditions"]["sem"] is None


def test_stimulus_that_recruits_nothing(here, capsys):
    code, out, err = call(capsys, "--strength", "0", "--json", *SMALL)
    assert code == 0, err
    body = json.loads(out)
    slope = next(o for o in body["observables"] if o["id"] == "baseline_slope")
    assert slope["value"] is None
    assert "No response" in slope["reason"]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (("aniracetam", "--curve", "threshold", "--protocol", "tbs", "--bursts", "2"), {"ltp", "up", "spikes"}),
        (("aniracetam", "--curve", "concentration", "--conc", "0.3 mM", "1.5 mM"), {"amplitude", "half_width"}),
        (("aniracetam", "--curve", "sensitivity", "--protocol", "tbs", "--bursts", "1"), {"ltp", "epsc_duration"}),
        (("--curve", "io"), {"slope", "volley", "half_maximal_stimulus"}),
    ],
)
def test_curves(words, ids, here, capsys):
    code, out, err = call(capsys, *words, *SMALL, "--json")
    assert code == 0, err
    body = json.loads(out)
    assert ids <= {o["id"] for o in body["observables"]}
    assert "figure" in body["files"]


def test_map_and_pairs(here, capsys, monkeypatch):
    from potentiate.preparations import slice_curves

    for name, short in (("potentiation_map", {"strengths": (0.2, 0.6)}), ("paired_pulse_curve", {"trials": 1})):
        whole = getattr(slice_curves, name)
        monkeypatch.setattr(slice_curves, name, lambda *a, whole=whole, short=short, **k: whole(*a, **{**k, **short}))
    code, out, err = call(capsys, "aniracetam", "--curve", "map", "--conc", "1.5mM", "--protocol", "tbs", "--bursts",
                          "1", "--json", *SMALL)  # fmt: skip
    assert code == 0, err
    cells = [o for o in json.loads(out)["observables"] if o["id"] == "up"]
    assert len(cells) == 4
    code, out, err = call(capsys, "--curve", "ppr", "--json", *SMALL)
    assert code == 0, err
    assert all(o["value"] > 0 for o in json.loads(out)["observables"])


def test_as_a_process_of_its_own(potentiate):
    outcome = potentiate("slice", "--curve", "io", *SMALL)
    assert outcome.code == 0, outcome.err
    assert "fibres recruited" in outcome.words


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("aniracetm",), ["closest: aniracetam"]),
        (("caffeine", "--conc", "100 uM"), ["no effect known", "caffeine"]),
        (("aniracetam", "--conc", "5"), ["No unit"]),
        (("aniracetam", "--conc", "0 mM"), ["no drug"]),
        (("--conc", "5 mM"), ["needs a drug"]),
        (("aniracetam", "--conc", "1 mM", "5 mM"), ["one concentration"]),
        (("aniracetam", "--protocol", "5x100Hz"), ["Unknown induction", "1x100Hz"]),
        (("aniracetam", "--protocol", "lfs", "--bursts", "3"), ["no bursts"]),
        (("aniracetam", "--protocol", "tbs", "--bursts", "0"), ["Bursts"]),
        (("aniracetam", "--strength", "40"), ["not between 0 and 1"]),
        (("aniracetam", "--strength", "strong"), ["no part"]),
        (("aniracetam", "--when", "never"), ["before, after, throughout"]),
        (("aniracetam", "--solution", "source-3"), ["closest: source-003"]),
        (("aniracetam", "--preparation", "ca1-slices"), ["closest: ca1-slice"]),
        (("aniracetam", "--mg-block", "Jahr Stevens"), ["closest: Jahr-Stevens"]),
        (("aniracetam", "--cleft", "clement"), ["closest: Clements"]),
        (("aniracetam", "--scheme", "Rodrigues2032"), ["closest: Rodrigues2023"]),
        (("aniracetam", "--scheme", "NMDA_Kampa2004"), ["AMPA family"]),
        (("aniracetam", "--temperature", "80 degC"), ["temperature"]),
        (("aniracetam", "--express", "nothing"), ["number, conductance, gating, composition"]),
        (("aniracetam", "--express", "composition"), ["go together"]),
        (("aniracetam", "--inhibition", "some"), ["no part"]),
        (("aniracetam", "--blockers", "D-AP5"), ["No concentration"]),
        (("aniracetam", "--blockers", "aniracetam 1 mM"), ["name it once"]),
        (("aniracetam", "--blockers", "caffeine 1 uM"), ["no effect known"]),
        (("aniracetam", "--slices", "0"), ["at least one"]),
        (("aniracetam", "--synapses", "3"), ["at least 10"]),
        (("aniracetam", "--curve", "volley"), ["Unknown curve"]),
        (("--curve", "map"), ["needs a drug"]),
        (("d-ap5", "--conc", "50 uM", "--curve", "sensitivity"), ["no modulator"]),
        (("aniracetam", "--curve", "io", "--two-pathway"), ["belong to a timetable"]),
    ],
)
def test_bad_input(words, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, *words)
    assert code == 2, err
    for text in says:
        assert text in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_drug_of_unknown_affinity_is_saturating_by_name(capsys, here):
    assumed = []
    name, _, labels = _drug("cx516", None, None, assumed)
    assert (name, labels) == ("cx516", ["saturating"])
    assert any("stands for saturating" in text for text in assumed)
    code, _, err = call(capsys, "cx516", "--conc", "10 uM")
    assert code == 2
    assert "saturating" in err


def test_one_slice_of_two_that_fails_is_kept_with_its_reason(capsys, here, monkeypatch):
    whole = preparation._run_slice

    def run(made, timetable, exposure, seed):
        if seed == 2:
            raise NumericalError("the step size went to zero")
        return whole(made, timetable, exposure, seed)

    monkeypatch.setattr(preparation, "_run_slice", run)
    words = ("--protocol", "tbs", "--bursts", "1", "--synapses", "10", "--json")
    code, out, err = call(capsys, "--slices", "2", *words)
    assert code == 0, err
    ltp = next(o for o in json.loads(out)["observables"] if o["id"] == "ltp")
    assert ltp["value"] is not None
    assert "n = 1 of 2 slices" in ltp["notes"]
    code, _, err = call(capsys, "--slices", "1", "--seed", "2", *words)
    assert code == 4
    assert "the step size went to zero" in err


def test_interrupted(capsys, here, monkeypatch):
    def run(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(preparation, "_run_slice", run)
    code, _, err = call(capsys, *SMALL)
    assert code == 130
    assert "nothing was half-written" in err
    assert list(here.iterdir()) == []
