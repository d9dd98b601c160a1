"""Whatever the text: a document loader returns a document or raises a PotentiateError. Never anything else.

And where it refuses a scheme, it says in which file, on which line and at which place in the document.
"""

import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from potentiate.errors import DocumentError, PotentiateError
from potentiate.library.compound import DIRECTORY, Compound, read_compound
from potentiate.library.disposition import DISPOSITIONS, Disposition
from potentiate.library.document import LIBRARY, MAX_DEPTH, Source, load
from potentiate.library.finding import FINDINGS, Finding
from potentiate.library.modulator import PARAMETERS, ModulatorDocument
from potentiate.library.prediction import PREDICTIONS, PredictionDocument, ResolutionData
from potentiate.library.scheme import SCHEMES, find_scheme, scheme_from_text

MODELS = (Compound, Finding, ModulatorDocument, Disposition, PredictionDocument, ResolutionData)
#: documents of every kind, schemes of every dialect (corrections, voltage, temperature, saturating binding)
REAL = [
    path.read_text()
    for paths, step in (
        (SCHEMES.glob("*/*.yaml"), 3), (DIRECTORY.glob("*.yaml"), 12), (FINDINGS.glob("*/*.yaml"), 25),
        (PARAMETERS.glob("*.yaml"), 3), (DISPOSITIONS.glob("*.yaml"), 5),
        (PREDICTIONS.glob("*.yaml"), 2),
    )
    for path in sorted(paths)[::step]
]  # fmt: skip

HOSTILE = [
    "!!python/object/apply:os.system [ls]", "!!binary '###'", "!!set {a}", "!!omap [a: 1]", "!!timestamp x", "!!bool x",
    "!!int []", "!!merge x", "! x", "2001-99-99", "2001-01-01", "1e999", ".nan", ".inf", "-.inf", "-1", "0",
    "9" * 5000, "0x" + "f" * 5000, ":".join(["59"] * 3000), "null", "[]", "{}", "{? [a] : b}", "{? {a: b} : c}",
    "&a [*a]",
    "*x", "\x00", '"\\ud800"', "\ud800", "1 bananas", "1 1/M/s", "-3 1/ms", "1e400 1/ms", "nan 1/ms", "... 1/ms",
    "1.2.3 1/ms", "e5 1/s", "1e308 M", "9**9**9 mM", "1 mM**99999999", "[" * 3000, "[" * 3000 + "]" * 3000,
    "{{{{", "'", "---",
    "%YAML 9.9", "<<: {a: 1}", "= ", "true", "[1, 2]", "{value: 1}",
]  # fmt: skip

KINDS = ["cut", "value", "swap", "repeat", "drop", "number", "insert", "character", "word"]

relaxed = settings(max_examples=300, suppress_health_check=list(HealthCheck))


def survives(text: str) -> None:
    loaders = [lambda: scheme_from_text(text, "my.yaml")]
    loaders += [lambda model=model: Source(text, "my.yaml").validate(model) for model in MODELS]
    for loader in loaders:
        try:
            loader()
        except PotentiateError as error:
            told = str(error)
        else:
            continue
        assert "my.yaml" in told
        assert len(told) < 5000


@st.composite
def mutated(draw) -> str:
    text = draw(st.sampled_from(REAL))
    for _ in range(draw(st.integers(1, 3))):
        lines = text.split("\n")
        i, j = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        kind = draw(st.sampled_from(KINDS))
        at = draw(st.integers(0, max(len(text) - 1, 0)))
        bad = draw(st.sampled_from(HOSTILE))
        if kind == "cut":
            text = text[:at]
        elif kind == "value":
            lines[i] = re.sub(r"^(\s*-?\s*\w+:\s*).*", lambda m, bad=bad: m.group(1) + bad, lines[i])
        elif kind == "swap":
            lines[i], lines[j] = lines[j], lines[i]
        elif kind == "repeat":
            lines.insert(i, lines[j])
        elif kind == "drop":
            del lines[i]
        elif kind == "number" and (numbers := list(re.finditer(r"-?\d+(\.\d+)?(e[-+]?\d+)?", text))):
            number = draw(st.sampled_from(numbers))
            text = text[: number.start()] + bad + text[number.end() :]
        elif kind == "insert":
            text = text[:at] + bad + text[at:]
        elif kind == "character":
            text = text[:at] + draw(st.characters()) + text[at + 1 :]
        elif kind == "word":
            text = text.replace(draw(st.sampled_from(["forward", "1/s", "from", "id", "kind", "value"])), bad[:40], 1)
        if kind in ("value", "swap", "repeat", "drop"):
            text = "\n".join(lines)
    return text


@relaxed
@given(text=mutated())
def test_mutated_documents(text):
    survives(text)


@relaxed
@given(text=st.text(max_size=400))
def test_random_text(text):
    survives(text)


@relaxed
@given(
    keys=st.lists(
        st.sampled_from(["id", "states", "transitions", "corrects", "rest", "source", "experiment", "x"]), max_size=6
    ),
    values=st.lists(st.sampled_from(HOSTILE), min_size=6, max_size=6),
)
@example(keys=["corrects"], values=["[1]"] * 6)
def test_hostile_values(keys, values):
    survives("\n".join(f"{k}: {v}" for k, v in zip(keys, values, strict=False)))


@pytest.mark.parametrize("value", HOSTILE)
def test_each_hostile_value_alone(value):
    survives(f"id: {value}\ntitle: x")
    survives(value)


@relaxed
@given(body=st.binary(max_size=500))
def test_random_bytes_on_disk(body, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(body)
    for loader in (find_scheme, lambda p: read_compound(path), *(lambda p, m=m: load(path, m) for m in MODELS)):
        with pytest.raises(PotentiateError):
            loader(str(path))


@relaxed
@given(text=mutated())
def test_mutated_compounds_on_disk(text, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    told = "x.yaml"
    try:
        read_compound(path)
    except PotentiateError as error:
        told = str(error)
    assert "x.yaml" in told


# ---- schemes that must be refused, each with file, line and place

SCHEME = """\
id: mine
title: a test
family: AMPA
conditions: {temperature: "22 degC", preparation: none}
source: {topology: t, numbers: n, keys: [k]}
conductance_unit: relative
rest: C0
states:
  - {name: C0, class: rest, bound: 0}
  - {name: C1, class: bound, bound: 1}
  - {name: D1, class: desensitized, bound: 1}
  - {name: O1, class: open, bound: 1, conductance: 1}
transitions:
  - {from: C0, to: C1, role: bind, forward: 1e7 1/M/s, backward: 100 1/s}
  - {from: C1, to: D1, role: desensitize, forward: 50 1/s, backward: 5 1/s}
  - {from: C1, to: O1, role: gate, forward: 2000 1/s, backward: 1000 1/s}
"""


def refused(old: str, new: str) -> DocumentError:
    assert old in SCHEME
    with pytest.raises(DocumentError) as caught:
        scheme_from_text(SCHEME.replace(old, new, 1), "my.yaml")
    return caught.value


def test_the_scheme_itself_is_fine():
    assert scheme_from_text(SCHEME, "my.yaml").n == 4


@pytest.mark.parametrize(
    ("old", "new", "what", "where"),
    [
        (", backward: 5 1/s", "", "required", r"my\.yaml:15: transitions\[1\]\.backward"),
        ("backward: 5 1/s", "backward: 0 1/s", "reverse", r"my\.yaml:15: transitions\[1\]\.backward"),
        ("forward: 50 1/s", "forward: 0 1/s", "reverse", r"my\.yaml:15: transitions\[1\]\.forward"),
        ("backward: 5 1/s", "backward: -5 1/s", "negative", r"my\.yaml:15: transitions\[1\]\.backward"),
        ("backward: 5 1/s", "backward: nan 1/s", "Rate", r"my\.yaml:15: transitions\[1\]\.backward"),
        ("backward: 5 1/s", "backward: ... 1/s", "not a number", r"my\.yaml:15: transitions\[1\]\.backward"),
        ("backward: 5 1/s", "backward: 5e30 1/s", "impossibly fast", r"my\.yaml:15: transitions\[1\]\.backward"),
        ("forward: 2000 1/s", 'forward: "2000"', "no unit", r"my\.yaml:16: transitions\[2\]\.forward"),
        ("forward: 2000 1/s", "forward: 2000", "string", r"my\.yaml:16: transitions\[2\]\.forward"),
        ("forward: 2000 1/s", "forward: 2000 Hz", "Unknown rate unit", r"my\.yaml:16: transitions\[2\]\.forward"),
        ("to: O1", "to: O7", "Unknown state", r"my\.yaml:16: transitions\[2\]\.to"),
        ("rest: C0", "rest: X", "resting state", r"my\.yaml:7: rest"),
        ("name: C1, ", "name: C1, colour: red, ", "Extra inputs", r"my\.yaml:10: states\[1\]\.colour"),
        ("family: AMPA", "family: GABA", "AMPA", r"my\.yaml:3: family"),
        ("class: open", "class: ajar", "open", r"my\.yaml:12: states\[3\]\.class"),
        ("bound: 1, conductance: 1", "bound: 1, conductance: -1", "greater", r"my\.yaml:12: states\[3\]\.conductance"),
        ("rest: C0", "rest: C0\nrest: C1", "given twice", r"my\.yaml:8"),
        ("name: C1", "name: C0", "given twice", r"my\.yaml:8: states"),
        ("rest: C0", "rest: C0\nbath: {glycine: 10 bananas}", "Cannot read", r"my\.yaml:8: bath\.glycine"),
        ("rest: C0", "rest: C0\nbath: {glycine: -1 uM}", "Negative", r"my\.yaml:8: bath\.glycine"),
        ("rest: C0", "rest: C0\ntemperature: {q10: -2, reference_C: 20}", "greater", r"my\.yaml:8: temperature\.q10"),
        ("gate", "gate, voltage: {forward: {zero_mV: 0, slope_mV: 0}}", "slope", r"16: .*voltage\.forward\.slope_mV"),
        ("gate", "gate, voltage: {forward: {zero_mV: -1e9, slope_mV: 1}}", "range of numbers", "13: transitions"),
        ("id: mine", "id: &a mine\nnote: *a", "aliases", r"my\.yaml:2"),
        ("id: mine", "id: !!python/name:os.system x", "tags", r"my\.yaml:1"),
        ("id: mine", "id: mine\n? [a]\n: b", "plain text", r"my\.yaml:2"),
        ("id: mine", "id: mine\nx: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested", r"my\.yaml:2"),
        ("from: C1, to: D1", "from: C1, to: C1", "leads nowhere", r"my\.yaml:15: transitions\[1\]"),
    ],
)  # fmt: skip
def test_refused_with_its_place(old, new, what, where):
    error = refused(old, new)
    assert what in str(error)
    assert re.search(where, error.where), error.where


def test_disconnected_state():
    error = refused("transitions:", "  - {name: X, class: bound, bound: 0}\ntransitions:")
    assert "'X' is disconnected" in error.what
    assert error.where.startswith("my.yaml:8: states")


def test_unbalanced_cycle():
    closing = "  - {from: D1, to: O1, role: gate, forward: 1 1/s, backward: 1 1/s}\n"
    with pytest.raises(DocumentError, match="not balanced") as caught:
        scheme_from_text(SCHEME + closing, "my.yaml")
    assert caught.value.where.startswith("my.yaml:13: transitions")
    assert "unbalanced" in caught.value.do
    # declared, it is let in as read
    assert scheme_from_text(SCHEME + closing + "unbalanced: printed so\n", "my.yaml").imbalances()


def test_too_large(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_text("# " + "x" * 2_100_000)
    with pytest.raises(DocumentError, match="larger"):
        find_scheme(str(path))


def test_library_is_still_accepted():
    for path in sorted(LIBRARY.glob("schemes/*/*.yaml")):
        scheme_from_text(path.read_text(), path.name)
