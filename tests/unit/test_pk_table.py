"""PK tables: what is read, and what is refused with its line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.errors import DataError, PotentiateError, UnknownNameError
from potentiate.recordings.pk_table import read_pk_table

HEAD = "ID,TIME (h),AMT (mg),DV (mg/L),WT (kg)\n"
ROWS = "1,0,100,.,70\n1,1,.,5.5,70\n1,2,.,4.5,70\n2,0,50,.,60\n2,1,.,2.5,60\n"


def read(tmp_path, text, **told):
    path = tmp_path / "pk.csv"
    path.write_text(text)
    return read_pk_table(path, **told)


def test_what_is_in_a_table(tmp_path):
    table = read(tmp_path, HEAD + ROWS)
    assert [s.id for s in table.subjects] == ["1", "2"]
    first = table.subjects[0]
    assert first.t_h.tolist() == [1, 2]
    assert first.concentration.tolist() == [5.5, 4.5]
    assert first.lines == (3, 4)
    assert (first.doses[0].amount, first.doses[0].t_h, first.doses[0].line) == (100, 0, 2)
    assert table.covariate("WT").tolist() == [70, 60]
    assert (table.amount_unit, table.concentration_unit, table.volume_unit) == ("mg", "mg/L", "L")
    assert table.observations == 3
    assert len(table.sha256) == 64


@pytest.mark.parametrize("mark", ["\t", ";", " "])
def test_separators_units_by_the_caller_and_a_row_of_units(tmp_path, mark):
    bare = "ID,TIME,AMT,DV,WT\n"
    told = {"TIME": "min", "AMT": "g", "DV": "ng/mL"}
    table = read(tmp_path, (bare + ROWS).replace(",", mark), units=told)
    assert table.subjects[0].t_h == pytest.approx([1 / 60, 2 / 60])
    assert table.subjects[0].doses[0].amount == pytest.approx(1e5)
    assert table.subjects[0].concentration == pytest.approx([5.5e-3, 4.5e-3])
    below = read(tmp_path, (bare + ".,day,ug,mg/L,kg\n" + ROWS).replace(",", mark))
    assert below.subjects[0].t_h.tolist() == [24, 48]
    assert below.units["WT"] == "kg"


def test_molar_mass_joins_mass_and_moles(tmp_path):
    text = (HEAD + ROWS).replace("DV (mg/L)", "DV (uM)")
    with pytest.raises(DataError, match="Doses in mg and concentrations in uM"):
        read(tmp_path, text)
    table = read(tmp_path, text, molar_mass_g_mol=200.0)
    assert table.concentration_unit == "mg/L"
    assert table.subjects[0].concentration == pytest.approx([1.1, 0.9])


def test_infusions_additional_doses_steady_state_and_resets(tmp_path):
    text = (
        "ID,TIME (h),AMT (mg),DV (mg/L),RATE,ADDL,II,SS,EVID\n"
        "1,0,100,.,50,2,12,0,1\n1,30,.,4,.,.,.,.,0\n1,36,80,.,0,0,12,1,1\n1,37,.,6,.,.,.,.,0\n"
        "1,0,60,.,0,0,0,0,4\n1,1,.,3,.,.,.,.,0\n1,1,.,9,.,.,.,.,2\n"
    )  # fmt: skip
    (subject,) = read(tmp_path, text).subjects
    assert [d.t_h for d in subject.doses] == [0, 12, 24, 36, 37]
    assert [d.duration_h for d in subject.doses] == [2, 2, 2, 0, 0]
    assert [d.interval_h for d in subject.doses] == [0, 0, 0, 12, 0]
    assert subject.t_h.tolist() == [30, 37, 38]  # a reset starts the clock again
    assert subject.counts().tolist() == [
        [True] * 3 + [False] * 2, [False] * 3 + [True, False], [False] * 4 + [True]
    ]  # fmt: skip


def test_a_sample_before_the_dose_of_its_time_does_not_see_it(tmp_path):
    text = HEAD + "1,0,100,.,70\n1,12,.,2.0,70\n1,12,100,.,70\n1,13,.,7,70\n"
    (subject,) = read(tmp_path, text).subjects
    assert subject.counts().tolist() == [[True, False], [True, True]]
    assert subject.counts_at(np.array([12.0, 13.0])).tolist() == [[True, True], [True, True]]


def test_what_is_told_in_notes(tmp_path):
    text = HEAD + "1,-1,.,0,70\n1,0,100,.,70\n1,1,.,5,71\n1,2,.,BLQ,70\n1,3,.,<0.05,70\n1,4,50,.,70\n2,0,100,.,60\n"
    table = read(tmp_path, text)
    notes = "\n".join(table.notes)
    for fragment in (
        "1 subject without observations left out: 2", "1 dose after the last observation",
        "1 observation before the first dose", "1 observation of exactly 0", "2 observations below the limit",
        "change over time (not usable in a model): WT",
    ):  # fmt: skip
        assert fragment in notes
    with pytest.raises(DataError, match="WT changes within subject 1"):
        table.covariate("WT")
    with pytest.raises(UnknownNameError, match="AGE"):
        table.covariate("AGE")


BAD = {
    "no unit": ("ID,TIME,AMT,DV\n1,0,1,.\n1,1,.,2\n", ["No unit of TIME, AMT, DV", "line 1", "never guessed"]),
    "no column": ("ID,TIME (h),CONC (mg/L)\n1,0,1\n", ["No column AMT, DV", "line 1", "CONC"]),
    "twice at one time": (HEAD + "1,0,9,.,70\n1,1,.,5,70\n1,1,.,6,70\n", ["Two observations", "line 4 and line 3"]),
    "unsorted": (HEAD + "1,0,9,.,70\n1,2,.,5,70\n1,1,.,6,70\n", ["runs backwards", "line 4", "1 after 2", "EVID 3"]),
    "scattered": (HEAD + "1,0,9,.,70\n1,2,.,5,70\n2,0,9,.,70\n1,3,.,5,70\n", ["appears again", "line 5", "line 2"]),
    "no dose": (HEAD + "1,0,.,5,70\n", ["has observations and no dose", "line 2"]),
    "no observation": (HEAD + "1,0,5,.,70\n", ["No observations"]),
    "text": (HEAD + "1,0,9,.,70\n1,1,.,high,70\n", ["Not a number: 'high'", "line 3", "column DV"]),
    "decimal comma": ("ID;TIME (h);AMT (mg);DV (mg/L)\n1;0;9;.\n1;1;.;4,5\n", ["line 3", "decimal point"]),
    "clock": (HEAD + "1,08:30,9,.,70\n", ["'08:30'", "line 2", "clock times"]),
    "date": ("ID,DATE,TIME (h),AMT (mg),DV (mg/L)\n1,2,0,1,.\n", ["Dates are not understood"]),
    "infinite": (HEAD + "1,0,9,.,70\n1,1,.,inf,70\n", ["'inf'", "line 3"]),
    "negative dose": (HEAD + "1,0,-9,.,70\n", ["A dose of -9", "line 2"]),
    "negative concentration": (HEAD + "1,0,9,.,70\n1,1,.,-2,70\n", ["Negative concentration", "line 3"]),
    "dose and observation": ("ID,TIME (h),AMT (mg),DV (mg/L),EVID\n1,0,9,5,0\n", ["dose and observation", "line 2"]),
    "event": ("ID,TIME (h),AMT (mg),DV (mg/L),EVID\n1,0,9,5,7\n", ["EVID 7", "line 2"]),
    "modelled rate": ("ID,TIME (h),AMT (mg),DV (mg/L),RATE\n1,0,9,.,-2\n1,1,0,5,0\n", ["RATE -2", "line 2"]),
    "no interval": ("ID,TIME (h),AMT (mg),DV (mg/L),ADDL\n1,0,9,.,3\n1,1,.,5,.\n", ["ADDL without an interval"]),
    "endless": ("ID,TIME (h),AMT (mg),DV (mg/L),ADDL,II\n1,0,9,.,1e9,1\n1,1,.,5,.,.\n", ["ADDL 1e+09", "line 2"]),
    "ragged": (HEAD + "1,0,9,.\n", ["wrong number of cells", "line 2", "4 cells where the header has 5"]),
    "no header": ("1,0,9,.\n1,1,.,5\n", ["No header"]),
    "header only": (HEAD, ["No records"]),
    "empty": ("", ["empty"]),
    "unknown unit": (HEAD.replace("(h)", "(fortnight)") + ROWS, ["Unknown unit of time 'fortnight'"]),
    "unit of another kind": (HEAD.replace("(mg/L)", "(mV)") + ROWS, ["Unknown unit of concentration 'mV'"]),
    "twice a column": ("ID,TIME (h),AMT (mg),DV (mg/L),DV (mg/L)\n1,0,1,2,3\n", ["Two columns are called DV"]),
    "two kinds": ("ID,TIME (h),AMT (mg),DV (mg/L),DVID\n1,0,9,.,0\n1,1,.,5,1\n1,1,.,50,2\n", ["DVID 1, 2", "observed"]),
    "quotes": (HEAD + '1,0,"9,.,70\n', ["Cannot read the line"]),
    "no subject": (HEAD + ".,0,9,.,70\n", ["No subject", "line 2"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_refused_with_the_line(tmp_path, name):
    text, fragments = BAD[name]
    with pytest.raises(DataError) as error:
        read(tmp_path, text)
    for fragment in fragments:
        assert fragment in str(error.value)


def test_told_units_must_fit(tmp_path):
    with pytest.raises(UnknownNameError, match="CONC"):
        read(tmp_path, HEAD + ROWS, units={"CONC": "mg/L"})
    with pytest.raises(DataError, match="DV is in mg/L by the table"):
        read(tmp_path, HEAD + ROWS, units={"DV": "ug/L"})


def test_kinds_of_observations_can_be_chosen(tmp_path):
    text, _ = BAD["two kinds"]
    table = read(tmp_path, text, observed=2)
    assert table.subjects[0].concentration.tolist() == [50]
    with pytest.raises(DataError, match="DVID 3"):
        read(tmp_path, text, observed=3)


def test_not_text(tmp_path):
    path = tmp_path / "pk.csv"
    for content, message in ((b"ID\0TIME", "zero bytes"), (b"\xff\xfe\x00", "Not a text table")):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_pk_table(path)
    with pytest.raises(DataError, match="Cannot read"):
        read_pk_table(tmp_path / "absent.csv")


@given(st.text(max_size=60) | st.lists(
    st.sampled_from(["ID", "TIME (h)", "AMT (mg)", "DV (mg/L)", "\n", ",", ",", "1", "0", ".", "-", "9e99", "(", "\t"]),
    max_size=40,
).map("".join))  # fmt: skip
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_text(HEAD + text, encoding="utf-8", errors="replace", newline="")
    try:
        table = read_pk_table(path)
    except PotentiateError:
        return
    assert table.observations > 0
