"""Input as users type it: the exit code, what - where - why - do on stderr, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

PATCH = ("patch", "aniracetam", "--conc")

#: words -> exit code 2 and what the message must hold
USAGE = {
    "command": (("ptach", "aniracetam"), ["'ptach'", "closest: patch", "use one of run"]),
    "option": (("compound", "--lsit"), ["--lsit", "--list", "compound --help"]),
    "argument missing": (("measure",), ["FILE", "measure --help"]),
    "nothing to look up": (("compound",), ["potentiate compound aniracetam"]),
    "kind": (("compound", "--list", "--kind", "drug"), ["drug", "extract"]),
    "compound": (("compound", "anircetam"), ["'anircetam'", "closest: aniracetam", "CAS"]),
    "compound of patch": (("patch", "anircetam", "--conc", "5mM"), ["closest: aniracetam"]),
    "compound of convert": (("convert", "cx641", "--to", "nmodl"), ["'cx641'", "cx614"]),
    "scheme of patch": ((*PATCH, "1mM", "--scheme", "Rodrigues2022"), ["closest: Rodrigues2023", "--schemes"]),
    "scheme of convert": (("convert", "cx614", "--to", "mmt", "--scheme", "Partin"), ["'Partin'", "Partin1996"]),
    "variant": (("convert", "cx614", "--to", "mmt", "--variant", "strong"), ["'strong'", "strongest"]),
    "format": (("convert", "cx614", "--to", "nmod"), ["nmod", "nmodl"]),
    "no format": (("convert", "cx614"), ["--to nmodl"]),
    "nothing known": (("convert", "caffeine", "--to", "mmt"), ["Caffeine", "aniracetam"]),
    "convention": (("conventions", "rice"), ["'rice'", "closest: rise"]),
    "reference": (("cite", "partin1995"), ["'partin1995'", "partin1996", "cite --all"]),
    "no concentration unit": ((*PATCH, "5"), ["No unit in '5'", "--conc", "'5 mM'"]),
    "unknown unit": ((*PATCH, "5 mMolar"), ["'5 mMolar'", "'5 mM'"]),
    "other dimension": ((*PATCH, "5 kg"), ["'5 kg'", "concentration", "'5 mM'"]),
    "negative": ((*PATCH[:2], "--conc=-5mM"), ["Negative", "'-5mM'", "--conc"]),
    "negative, as two words": ((*PATCH, "-5mM"), ["-5mM"]),
    "not a number": ((*PATCH, "nan mM"), ["'nan mM'", "'5 mM'"]),
    "bare nan": ((*PATCH, "nan"), ["'nan'", "'5 mM'"]),
    "infinite": ((*PATCH, "inf mM"), ["'inf mM'"]),
    "absurd": ((*PATCH, "1e9 M"), ["'1e9 M'", "above 1 M", "check the unit"]),
    "huge exponent": ((*PATCH, "1e999 mM"), ["1e999 mM"]),
    "no drug": (("patch", "--conc", "1mM"), ["needs a drug"]),
    "unknown pharmacology": (("patch", "imuracetam", "--conc", "1mM"), ["No pharmacology on record", "'aniracetam'"]),
    "unknown pharmacology in a run": (("run", "imuracetam"), ["No pharmacology on record"]),
    "unknown pharmacology in an export": (("convert", "imuracetam", "--to", "mmt"), ["No pharmacology on record"]),
}


def refused(outcome, code, fragments, folder: Path, before: set[Path]) -> None:
    """The contract of every error."""
    assert outcome.code == code, outcome.err or outcome.out
    assert outcome.err.startswith("potentiate: ")
    assert "Traceback" not in outcome.err
    assert "internal error" not in outcome.err
    assert outcome.out == ""
    for fragment in fragments:
        assert fragment in outcome.err
    assert set(folder.rglob("*")) == before, "something was left behind"


@pytest.mark.parametrize("name", USAGE)
def test_a_wrong_request_is_refused_with_what_to_do(name, potentiate, tmp_path):
    words, fragments = USAGE[name]
    refused(potentiate(*words), 2, fragments, tmp_path, set())


#: options of measure that do not fit the recording
MEASURE = {
    "channel": (("--channel", "3"), ["No channel 3", "0 to 0"]),
    "channel name": (("--channel", "Vm"), ["'Vm'"]),
    "sweep": (("--sweeps", "7"), ["sweeps are 0 to 2"]),
    "sweep text": (("--sweeps", "1..3"), ["'1..3'", "1,3-5"]),
    "backward range": (("--sweeps", "3-1"), ["'3-1'"]),
    "no time unit": (("--on", "200"), ["No unit in '200'", "--on"]),
    "on after off": (("--on", "700ms", "--off", "200ms"), ["before"]),
    "outside": (("--on", "9s", "--off", "10s"), ["9000 to 10000"]),
    "no stimuli": (("--as", "train"), ["No stimulus", "--stimuli"]),
    "negative floor": (("--minimum=-5 pA",), ["Negative"]),
    "kind": (("--as", "trian"), ["trian", "train"]),
    "contradiction": (("--on", "1ms", "--as", "train"), ["application"]),
}


@pytest.mark.parametrize("name", MEASURE)
def test_options_that_do_not_fit_the_recording(name, potentiate, application, tmp_path):
    words, fragments = MEASURE[name]
    refused(potentiate("measure", application.name, *words), 2, fragments, tmp_path, {application})


#: content of a file -> what the message must hold; every one is exit code 3
FILES = {
    "empty.abf": (b"", ["is empty", "empty.abf"]),
    "short.abf": (b"ABF2" + bytes(40), ["short.abf"]),
    "noise.abf": (bytes(range(256)) * 64, ["noise.abf", "disagree"]),
    "table.abf": (b"time (ms),I (pA)\n0,1\n1,2\n", ["disagree"]),
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(64), ["PNG"]),
    "sheet.xlsx": (b"PK\x03\x04" + bytes(64), ["Excel", "time (ms), I (pA)"]),
    "nounits.csv": (
        b"time,I\n0,-1\n1,-200\n2,-3\n",
        ["Units missing", "nounits.csv", "likely header: time (ms), I (pA)"],
    ),
    "halfunits.csv": (b"time (ms),I\n0,-1\n1,-200\n", ['column 2 "I" has no unit', 'rename it "I (pA)"']),
    "noheader.csv": (b"0,-1\n1,-200\n2,-3\n", ["no header row", "time (ms), I (pA)"]),
    "strange.csv": (b"time (ms),I (furlong)\n0,1\n1,2\n", ["furlong", "pA"]),
    "headeronly.csv": (b"time (ms),I (pA)\n", ["headeronly.csv"]),
    "ragged.csv": (b"time (ms),I (pA)\n0,1\n1\n", ["ragged.csv line 3"]),
    "words.csv": (b"time (ms),I (pA)\n0,one\n", ["words.csv line 2 column 2", "'one'"]),
    "decimalcomma.csv": (b"time (ms),I (pA)\n0,1,5\n", ["decimal point"]),
    "backward.csv": (b"time (ms),I (pA)\n0,1\n2,1\n1,1\n", ["does not increase"]),
    "onecolumn.csv": (b"I (pA)\n0\n1\n", ["One column only"]),
    "broken.nc": (b"CDF\x01" + bytes(64), ["broken.nc"]),
    "binary.csv": (bytes(range(128, 256)), ["Not a text file"]),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_recording_is_refused(name, potentiate, tmp_path):
    content, fragments = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    refused(potentiate("measure", name), 3, fragments, tmp_path, {path})


def test_missing_file_and_folder(potentiate, tmp_path):
    refused(potentiate("measure", "not-here.abf"), 3, ["not-here.abf", "No such file"], tmp_path, set())
    refused(potentiate("measure", "."), 3, ["folder"], tmp_path, set())


def test_a_truncated_real_recording(potentiate, data_dir, tmp_path):
    whole = (data_dir / "nmda_application_pyabf" / "File_axon_7.abf").read_bytes()
    path = tmp_path / "cut.abf"
    path.write_bytes(whole[: len(whole) // 2])
    refused(potentiate("measure", "cut.abf"), 3, ["cut.abf"], tmp_path, {path})


def test_voltage_is_not_measured_as_current(potentiate, tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("time (ms),V (mV)\n0,-70\n1,-70\n2,-69\n")
    refused(potentiate("measure", "v.csv"), 2, ["No channel is a current", "--unit pA"], tmp_path, {path})


def test_an_existing_folder_or_file_is_not_overwritten(potentiate, application, tmp_path):
    (tmp_path / "here").mkdir()
    before = set(tmp_path.rglob("*"))
    refused(potentiate("measure", application.name, "--out", "here"), 3, ["here", "--out"], tmp_path, before)
    text = application.read_bytes()
    words = ("convert", application.name, application.name)
    refused(potentiate(*words), 3, ["exists", "--force"], tmp_path, before)
    assert application.read_bytes() == text


def test_writing_where_nothing_can_be_written(potentiate, application, tmp_path):
    before = set(tmp_path.rglob("*"))
    out = f"{application.name}/run"
    refused(potentiate("measure", application.name, "--out", out), 3, ["Cannot write"], tmp_path, before)
    words = ("convert", "Partin1996", "--to", "mmt", "-o", "no/such/folder/a.mmt")
    refused(potentiate(*words), 3, ["Cannot write", "-o"], tmp_path, before)


def test_results_that_are_none(potentiate, tmp_path):
    (tmp_path / "run").mkdir()
    refused(potentiate("cite", "run"), 3, ["results.json"], tmp_path, {tmp_path / "run"})
    path = tmp_path / "run" / "results.json"
    for text in ("", "[]", "{}", '{"inputs": 3}', '{"inputs": {}, "findings": [1]}', '{"inputs": {}, "references": 3}'):
        path.write_text(text)
        refused(potentiate("cite", "run"), 3, ["results.json"], tmp_path, {tmp_path / "run", path})


def test_only_debug_shows_a_traceback(potentiate):
    plain, debug = potentiate("compound", "anircetam"), potentiate("compound", "anircetam", "--debug")
    assert "Traceback" not in plain.err
    assert "Traceback" in debug.err
    assert debug.code != 0
