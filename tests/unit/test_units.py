"""The one unit table."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate import units
from potentiate.errors import UsageError


@pytest.mark.parametrize("dimension", units._PLAIN)
def test_plain_spellings_agree_with_the_unit_library(dimension):
    registry = units._registry()
    inside = units._PINT_NAME.get(units.INTERNAL[dimension], units.INTERNAL[dimension])
    for unit, factor in units._PLAIN[dimension].items():
        name = {"uM": "micromolar", "MOhm": "megaohm", "GOhm": "gigaohm"}.get(unit, unit)
        assert registry.Quantity(1.0, name).to(inside).magnitude == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("5 mM", "concentration", 5000.0),
        ("5mM", "concentration", 5000.0),
        ("1e-3 M", "concentration", 1000.0),
        ("5 µM", "concentration", 5.0),
        ("0.5 s", "time", 500.0),
        ("45 min", "time", 2_700_000.0),
        ("-60 mV", "voltage", -60.0),
        ("22 degC", "temperature", 22.0),
        ("37 °C", "temperature", 37.0),
        ("10 MOhm", "resistance", 0.01),
        ("1 mmol/L", "concentration", 1000.0),
    ],
)
def test_texts(text, dimension, value):
    assert units.parse(text, dimension) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["5", "nan mM", "inf mM", "mM", "5 furlongs", "5 mV", "", "5 mM; rm", "__import__('os')", "1e999 mM"]
)
def test_bad_texts_are_refused(text):
    with pytest.raises(UsageError):
        units.parse(text, "concentration")


@given(st.text(max_size=30))
def test_any_text_is_parsed_or_refused(text):
    try:
        value = units.parse(text, "concentration")
    except UsageError:
        return
    assert math.isfinite(value)


@pytest.mark.parametrize("text", ["-1 mM", "2 M"])
def test_absurd_concentrations(text):
    with pytest.raises(UsageError):
        units.parse_concentration(text)


def test_rates():
    assert units.parse_rate("2e7 1/M/s") == (0.02, 1)
    assert units.parse_rate("300 1/s") == (0.3, 0)
    for bad in ("300", "300 1/h", "-1 1/s", "1.2.3 1/ms", "... 1/ms", "nan 1/s"):
        with pytest.raises(UsageError):
            units.parse_rate(bad)


@given(st.floats(1e-9, 1e6))
def test_shown_concentrations_read_back(uM):
    assert units.parse(units.show_concentration(float(f"{uM:.6g}")), "concentration") == pytest.approx(uM, rel=1e-5)
