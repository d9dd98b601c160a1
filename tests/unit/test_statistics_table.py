"""Tables: units in headers, labels, blank cells, and every error with its place."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import DataError, UnknownNameError
from potentiate.measures import Table, read_table

GOOD = "cell,animal,drug,amplitude (pA)\na,1,control,10\na,1,CX546,12.5\nb,1.0,control,NA\n"


def write(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_table_is_read(tmp_path):
    table = read_table(write(tmp_path, "# a comment, with a comma\n" + GOOD))
    values, unit = table.values("amplitude")
    assert unit == "pA"
    assert values == pytest.approx([10, 12.5, math.nan], nan_ok=True)
    assert table.labels("animal") == ("1", "1", "1")  # 1 and 1.0 are one animal
    assert table.levels("drug") == ("control", "CX546")
    assert table.notes == ("blank cells: 1 in 'amplitude'",)
    assert table.column("Amplitude").name == "amplitude"
    assert len(table.where_is("drug", ["CX546"])) == 1
    assert "animal" not in table.without("animal")


@pytest.mark.parametrize("mark", ["\t", ";", ","])
def test_separators_quotes_and_line_ends(mark, tmp_path):
    text = mark.join(['"cell"', '"note"', "rise [us]"]) + "\r\n" + mark.join(["a", '"one, two; three"', "5"]) + "\r\n"
    table = read_table(write(tmp_path, text))
    assert table.values("rise")[1] == "us"
    assert table.labels("note") == ("one, two; three",)


def test_a_first_column_may_be_called_number(tmp_path):
    table = read_table(write(tmp_path, "#\tgroup\tpeak (pA)\n1\t+\t3\n2\t-\t4\n"))
    assert table.names == ("#", "group", "peak")
    assert table.levels("group") == ("+", "-")


def test_units_may_be_told(tmp_path):
    path = write(tmp_path, "cell,peak\na,3\n")
    table = read_table(path)
    with pytest.raises(DataError, match="no unit") as error:
        table.values("peak")
    assert 'rename it "peak (pA)"' in error.value.do
    assert read_table(path, units={"peak": "µA"}).values("peak")[1] == "uA"
    with pytest.raises(UnknownNameError, match="peek"):
        read_table(path, units={"peek": "pA"})
    with pytest.raises(DataError, match="has the unit"):
        read_table(write(tmp_path, GOOD), units={"amplitude": "nA"})


def test_a_pure_number_says_so(tmp_path):
    assert read_table(write(tmp_path, "cell,PPR (1)\na,1.5\n")).values("PPR")[1] == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("cell,x (pA)\n", "no rows"),
        ("1,2\n3,4\n", "no header"),
        ("cell,x (pA)\na,1\nb\n", "wrong number of cells"),
        ("cell,x (pA)\na,1,5\n", "wrong number of cells"),
        ("cell,x (pA)\na,lost\n", "Text in a column of numbers"),
        ("cell;x (pA)\na;1,5\n", "Text in a column of numbers"),
        ("cell,x (pA)\na,inf\n", "Text in a column of numbers"),
        ("cell,cell\na,b\n", "same title"),
        ("cell,\na,b\n", "no title"),
        ('cell,x (pA)\n"a,1\n', "Cannot read"),
        (b"cell,x\n\x00,1\n", "Not a text"),
        (b"\xff\xfe\xfa", "Not a text"),
    ],
)
def test_bad_tables_are_refused(text, words, tmp_path):
    with pytest.raises(DataError, match=words) as error:
        read_table(write(tmp_path, text, "bad.csv"))
    assert "bad.csv" in error.value.where


def test_text_among_numbers_names_its_line(tmp_path):
    with pytest.raises(DataError) as error:
        read_table(write(tmp_path, "# comment\ncell,x (pA)\na,1\nb,2\nc,lost seal\n"))
    assert "line 5" in error.value.where
    assert "lost seal" in str(error.value)


def test_missing_files_and_columns(tmp_path):
    with pytest.raises(DataError, match="Cannot read"):
        read_table(tmp_path / "nowhere.csv")
    table = read_table(write(tmp_path, GOOD))
    with pytest.raises(UnknownNameError, match="amplitud"):
        table.column("amplitud")
    with pytest.raises(UnknownNameError, match="CX516"):
        table.where_is("drug", ["CX516"])
    with pytest.raises(DataError, match="differ in length"):
        Table.from_columns({"a": [1], "b": [1, 2]})


@settings(deadline=None)
@given(
    values=st.lists(st.floats(-1e12, 1e12) | st.none(), min_size=1, max_size=30),
    words=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12),
)
def test_python_values_survive(values, words):
    table = Table.from_columns({"x (pA)": values, "drug": [words] * len(values)})
    got, _ = table.values("x")
    wanted = np.array([math.nan if v is None else v for v in values])
    assert np.array_equal(got, wanted, equal_nan=True)


@settings(deadline=None)
@given(noise=st.binary(max_size=300))
def test_bytes_never_crash_the_reader(noise, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "noise.csv"
    path.write_bytes(b"cell,x (pA)\n" + noise)
    try:
        table = read_table(path)
    except (DataError, UnknownNameError):
        return
    assert np.isfinite(table.numbers("x")).sum() + sum(c is None for c in table.column("x").cells) == len(table)
