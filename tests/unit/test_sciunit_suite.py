"""Findings as a SciUnit suite: a SD only, and the same z as the board."""

import math

import pytest

from potentiate.errors import UsageError
from potentiate.evidence import sciunit_suite
from potentiate.evidence.experiment import samples
from potentiate.library.finding import Finding, find_finding, finding_ids


def with_sd():
    data = find_finding("glua1-flip-tau-des-sem").model_dump(mode="python")
    data |= {"id": "made-up", "uncertainty": {"type": "SD", "value": 0.5}, "n": 6}
    return Finding.model_validate(data)


def test_only_a_sd_is_handed_over():
    found, left = sciunit_suite.observations([with_sd(), *map(find_finding, finding_ids())])
    assert found["made-up"] == {"mean": 3.2, "std": 0.5, "n": 6}
    assert set(found) & set(left) == set()
    for name in set(found) - {"made-up"}:
        finding = find_finding(name)
        assert (finding.uncertainty.type, finding.role, finding.effect.kind) == ("SD", "test", "value")
    assert "would take it for a SD" in left["glua1-flip-tau-des-sem"]


def test_a_suite_judges_the_model():
    pytest.importorskip("sciunit", reason="extra: sciunit")
    finding = with_sd()
    matrix = sciunit_suite.suite([finding, find_finding("cx614-deact-8p4")]).judge(sciunit_suite.model())
    value = samples(finding)[0].value
    assert math.isfinite(value)
    assert float(matrix.iloc[0, 0].score) == pytest.approx((value - 3.2) / 0.5)
    assert matrix.shape == (1, 1)


def test_nothing_with_a_sd_is_said():
    pytest.importorskip("sciunit", reason="extra: sciunit")
    with pytest.raises(UsageError, match="No finding has a SD"):
        sciunit_suite.suite([find_finding("cx614-deact-8p4")])


def test_without_sciunit_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sciunit", None)
    with pytest.raises(UsageError) as refused:
        sciunit_suite.suite([with_sd()])
    assert "potentiate[sciunit]" in refused.value.do
