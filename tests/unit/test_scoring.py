"""Scoring rules: what passes, what is near, what must fail, and what is never called a pass."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potentiate.evidence.scoring import Sample, as_json, score
from potentiate.library.finding import Finding, find_finding

SCHEMES = ("Partin1996", "Rodrigues2023", "RT1995", "Jonas1993", "Geiger1999", "RH2003_GluA4", "Momiyama2003")
RANK = {"pass": 0, "near": 1, "fail": 2}


def finding(effect, tolerance, compare="ratio", *, uncertainty=None, n=None, role="test", **experiment):
    arm = {"protocol": "deactivation", "measure": "tau_deact", "drug": "aniracetam", "concentration": "5 mM"}
    if tolerance.get("kind") == "order":
        experiment["larger_arm"] = arm
    return Finding.model_validate(
        {
            "id": "made-up",
            "statement": "A made-up finding.",
            "subject": "aniracetam",
            "level": "receptor",
            "preparation": "patch",
            "protocol": "jump",
            "observable": "tau",
            "effect": effect,
            "uncertainty": uncertainty or {"type": "none"},
            "n": n,
            "design": "in-vitro",
            "source": {"title": "A paper", "authors": "Doe J", "year": 2000, "journal": "J 1:1"},
            "read": {"at": "here", "quote": "a quote"},
            "role": role,
            "experiment": {
                "preparation": "patch",
                "base_scheme": "Partin1996",
                "arm": arm,
                "compare": compare,
                "tolerance": tolerance,
                **experiment,
            },
        }
    )


def ensemble(*values, reason=None):
    """Return one sample per scheme; further values are further variants."""
    return [
        Sample(v, SCHEMES[i % len(SCHEMES)], f"v{i}", None if math.isfinite(v) else reason or "no value")
        for i, v in enumerate(values)
    ]


def word(finding_, *values):
    return score(finding_, ensemble(*values)).verdict


def same(x, times=7):
    return [x] * times


FOLD = finding({"kind": "value", "value": 2.0, "unit": "fold"}, {"kind": "factor", "value": 1.5})


# ---- value with a factor


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (2.0, "pass"),
        (2.99, "pass"),
        (1.34, "pass"),
        (3.1, "near"),
        (4.4, "near"),
        (4.6, "fail"),
        (0.5, "fail"),
        (0.0, "fail"),
        (-2.0, "fail"),
    ],
)
def test_factor(model, expected):
    assert word(FOLD, *same(model)) == expected


def test_factor_is_symmetric_in_the_logarithm():
    up, down = score(FOLD, ensemble(*same(2.6))), score(FOLD, ensemble(*same(4.0 / 2.6)))
    assert up.miss == pytest.approx(down.miss)
    assert up.score.startswith("log ratio 0.262, allowed 0.405")


def test_exactly_at_the_tolerance_passes_and_at_twice_fails():
    effect = {"kind": "value", "value": 10.0, "unit": "ms"}
    absolute = finding(effect, {"kind": "absolute", "value": 2.0}, "value")
    assert word(absolute, *same(12.0)) == "pass"
    assert word(absolute, *same(13.9)) == "near"
    assert word(absolute, *same(14.0)) == "fail"


def test_percent_changes_are_compared_as_folds():
    percent = finding(
        {"kind": "value", "value": 250.0, "unit": "%"}, {"kind": "factor", "value": 1.5}, "difference_percent"
    )
    assert word(percent, *same(140.0)) == "pass"  # 3.5 against 2.4
    assert word(percent, *same(0.0)) == "fail"
    assert word(percent, *same(-100.0)) == "fail"


def test_verdict_is_that_of_the_median_with_the_span_shown():
    verdict = score(FOLD, ensemble(2.0, 2.0, 2.0, 2.0, 2.0, 9.0, 1.0))
    assert verdict.verdict == "pass"
    assert verdict.model == 2.0
    assert verdict.interval == (1.0, 9.0)
    assert verdict.worst == "RH2003_GluA4 (v5)"
    assert verdict.schemes == 7


def test_many_samples_show_quantiles():
    low, high = score(FOLD, ensemble(*[2.0] * 99, 1000.0)).interval
    assert (low, high) == (2.0, 2.0)


# ---- z


def z_finding(kind, error=1.0, n=None):
    return finding(
        {"kind": "value", "value": 10.0, "unit": "ms"},
        {"kind": "z", "value": 2.0},
        "value",
        uncertainty={"type": kind, "value": error},
        n=n,
    )


def test_sd_is_the_spread_of_cells():
    verdict = score(z_finding("SD", n=4), ensemble(*same(11.5)))
    assert verdict.verdict == "pass"
    assert "z_cell 1.5" in verdict.score
    assert "z_mean 3 not judged" in verdict.score
    assert word(z_finding("SD"), *same(13.0)) == "near"
    assert word(z_finding("SD"), *same(14.5)) == "fail"


def test_sem_with_n_becomes_a_sd():
    assert word(z_finding("SEM", n=9), *same(15.9)) == "pass"
    assert "from SEM" in score(z_finding("SEM", n=9), ensemble(*same(15.0))).score
    assert word(z_finding("SEM"), *same(15.9)) == "fail"
    assert "n unknown" in score(z_finding("SEM"), ensemble(*same(15.0))).score


def test_ambiguous_needs_both_readings():
    ambiguous = z_finding("ambiguous", n=9)
    assert word(ambiguous, *same(11.9)) == "pass"
    assert word(ambiguous, *same(15.0)) == "near"  # SEM passes, SD does not
    assert word(ambiguous, *same(17.0)) == "fail"
    text = score(ambiguous, ensemble(*same(15.0))).score
    assert "read as SD) 5" in text
    assert "read as SEM) 1.67" in text


def test_confidence_interval():
    assert word(z_finding("CI95", error=1.96), *same(11.9)) == "pass"
    assert word(z_finding("CI95", error=1.96), *same(14.1)) == "fail"


# ---- range

RANGE = finding({"kind": "range", "low": 0.5, "high": 0.7, "unit": "fold"}, {"kind": "factor", "value": 1.2})


@pytest.mark.parametrize(
    ("model", "expected"),
    [(0.5, "pass"), (0.6, "pass"), (0.7, "pass"), (0.83, "pass"), (0.9, "near"), (1.2, "fail"), (0.3, "fail"),
     (-0.6, "fail")],
)  # fmt: skip
def test_range(model, expected):
    assert word(RANGE, *same(model)) == expected


def test_range_that_begins_at_zero():
    effect = {"kind": "range", "low": 0.0, "high": 0.01, "unit": "ratio"}
    below = finding(effect, {"kind": "factor", "value": 1.2}, "value")
    assert word(below, *same(0.0)) == "pass"
    assert word(below, *same(0.0118)) == "pass"
    assert word(below, *same(0.05)) == "fail"
    assert word(below, *same(-0.001)) == "fail"


# ---- direction and order

UP = finding({"kind": "direction", "direction": "increase"}, {"kind": "sign"})
DOWN = finding({"kind": "direction", "direction": "decrease"}, {"kind": "sign"})
ORDER = finding({"kind": "order"}, {"kind": "order"}, "value")


def test_direction():
    assert word(UP, *same(1.4)) == "pass"
    assert word(DOWN, *same(1.4)) == "fail"
    assert word(DOWN, *same(0.8)) == "pass"


def test_no_effect_has_no_direction():
    assert word(UP, *same(1.0)) == "fail"
    assert word(DOWN, *same(1.0)) == "fail"
    assert word(UP, *same(1.0 + 1e-9)) == "fail"


def test_direction_of_percent_changes_and_of_values():
    percent = finding({"kind": "direction", "direction": "decrease"}, {"kind": "sign"}, "difference_percent")
    assert word(percent, *same(-20.0)) == "pass"
    assert word(percent, *same(0.9)) == "fail"
    value = finding({"kind": "direction", "direction": "increase"}, {"kind": "sign"}, "value")
    assert word(value, *same(1e-6)) == "pass"
    assert word(value, *same(0.0)) == "fail"


@pytest.mark.parametrize("rule", [UP, ORDER], ids=["direction", "order"])
@pytest.mark.parametrize(
    ("against", "of", "expected"),
    [(0, 7, "pass"), (1, 7, "near"), (2, 7, "fail"), (1, 10, "near"), (2, 10, "fail"), (1, 11, "pass"),
     (2, 21, "pass"), (3, 30, "near")],
)  # fmt: skip
def test_share_of_the_ensemble(rule, against, of, expected):
    assert word(rule, *([0.5] * against + [1.5] * (of - against))) == expected


def test_worst_scheme_of_a_direction_is_the_one_against_it():
    assert score(UP, ensemble(1.5, 1.5, 0.7, 1.5, 1.5)).worst == "RT1995 (v2)"


def test_equal_arms_are_no_order():
    assert word(ORDER, *same(1.0)) == "fail"


# ---- null

NULL = finding({"kind": "null", "direction": "none"}, {"kind": "factor", "value": 1.25})


def test_null_is_equivalence_of_the_whole_interval():
    assert word(NULL, 0.9, 0.95, 1.0, 1.1, 1.2) == "pass"
    assert word(NULL, 1.0, 1.0, 1.0, 1.0, 1.3) == "near"  # one scheme outside is enough
    assert word(NULL, 1.0, 1.0, 1.0, 1.0, 2.0) == "fail"
    assert word(NULL, 0.4, 1.0, 1.0, 1.0, 1.0) == "fail"


def test_null_does_not_pass_because_the_mean_is_null():
    assert word(NULL, 0.5, 2.0, 0.5, 2.0, 1.0) == "fail"


def test_null_with_an_absolute_margin():
    null = finding({"kind": "null"}, {"kind": "absolute", "value": 10.0}, "difference_percent")
    assert word(null, *same(-9.0)) == "pass"
    assert word(null, *same(25.0)) == "fail"


# ---- ensemble, missing values, roles


def test_four_schemes_are_at_most_near():
    verdict = score(FOLD, ensemble(*same(2.0, 4)))
    assert verdict.verdict == "near"
    assert "4 of at least 5" in verdict.reason


def test_variants_of_one_scheme_are_not_several_schemes():
    verdict = score(FOLD, [Sample(2.0, "RT1995", f"v{i}") for i in range(12)])
    assert (verdict.verdict, verdict.schemes) == ("near", 1)


def test_few_schemes_do_not_improve_a_failure():
    assert word(FOLD, *same(50.0, 2)) == "fail"


def test_a_specific_receptor_is_judged_by_its_own_scheme():
    specific = finding(
        {"kind": "value", "value": 2.0, "unit": "fold"}, {"kind": "factor", "value": 1.5}, specific=True
    )
    verdict = score(specific, ensemble(2.0, 99.0, 99.0, 99.0, 99.0))
    assert (verdict.verdict, verdict.model, verdict.schemes) == ("pass", 2.0, 1)
    other = score(specific, [Sample(2.0, "RT1995")])
    assert other.verdict == "not simulable"
    assert "Partin1996" in other.reason


def test_missing_values_are_named_not_dropped():
    verdict = score(FOLD, ensemble(2.0, 2.0, 2.0, 2.0, 2.0, math.nan, reason="not steady"))
    assert verdict.verdict == "pass"
    assert verdict.reason == "1 of 6 without a value: not steady"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_nothing_finite_is_not_simulable(bad):
    verdict = score(FOLD, ensemble(*same(bad), reason="no operator for the drug"))
    assert verdict.verdict == "not simulable"
    assert verdict.reason == "no operator for the drug"
    assert math.isnan(verdict.model)
    assert score(FOLD, []).verdict == "not simulable"


def test_calibration_is_never_a_pass():
    fitted = finding(
        {"kind": "value", "value": 2.0, "unit": "fold"}, {"kind": "factor", "value": 1.5}, role="calibration"
    )
    for value in (2.0, 40.0):
        verdict = score(fitted, ensemble(*same(value)))
        assert (verdict.verdict, verdict.model) == ("calibration", value)
    assert score(fitted, []).verdict == "calibration"


def test_a_number_the_model_was_given_is_no_test():
    assert score(FOLD, ensemble(*same(2.0)), used=True).verdict == "calibration"


@pytest.mark.parametrize("name", ["ani-dimer-site", "ca1-ca3-conductance", "ani-3h-kd", "per-ic50-ca"])
def test_without_experiment(name):
    verdict = score(find_finding(name), ensemble(*same(1.0)))
    assert verdict.verdict == "not simulable"
    assert verdict.reason == find_finding(name).experiment.none


# ---- JSON


def test_json_entry():
    entry = json.loads(json.dumps(as_json(score(FOLD, ensemble(*same(2.0)))), allow_nan=False))
    assert {"id", "verdict", "model", "published", "unit", "source"} <= set(entry)
    assert (entry["model"], entry["published"], entry["unit"]) == (2.0, 2.0, "fold")
    assert entry["source"] == "Doe J., 2000, J 1:1"


def test_json_of_a_range_and_of_nothing():
    entry = as_json(score(RANGE, []))
    assert (entry["model"], entry["miss"], entry["interval"]) == (None, None, None)
    assert entry["published"] == [0.5, 0.7]
    json.dumps(entry, allow_nan=False)
    fails = as_json(score(FOLD, ensemble(*same(-1.0))))  # an infinite distance
    json.dumps(fails, allow_nan=False)


# ---- properties

RULES = {
    "factor": (FOLD, 2.0, "log"),
    "absolute": (
        finding({"kind": "value", "value": 10.0, "unit": "ms"}, {"kind": "absolute", "value": 2.0}, "value"),
        10.0,
        "linear",
    ),
    "SD": (z_finding("SD", 0.8), 10.0, "linear"),
    "ambiguous": (z_finding("ambiguous", 0.4, 6), 10.0, "linear"),
    "range": (RANGE, 0.6, "log"),
    "null": (NULL, 1.0, "log"),
    "direction": (UP, 4.0, "log"),
    "order": (ORDER, 4.0, "log"),
}


@pytest.mark.parametrize("rule", RULES)
@given(
    logs=st.lists(st.floats(-3, 3), min_size=1, max_size=40),
    share=st.floats(0, 1),
)
def test_moving_the_model_closer_never_worsens_the_verdict(rule, logs, share):
    found, goal, scale = RULES[rule]

    def at(x):
        return goal * math.exp(x) if scale == "log" else goal + 3.0 * x

    def rank(factor):
        return RANK[score(found, ensemble(*[at(x * factor) for x in logs])).verdict]

    assert rank(share) <= rank(1.0)


@given(values=st.lists(st.floats(0.01, 100), min_size=5, max_size=30), seed=st.randoms())
def test_the_order_of_the_samples_does_not_matter(values, seed):
    samples = ensemble(*values)
    before = score(FOLD, samples)
    seed.shuffle(samples)
    after = score(FOLD, samples)
    assert (before.verdict, before.miss, before.interval) == (after.verdict, after.miss, after.interval)


@pytest.mark.parametrize("rule", RULES)
@given(values=st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=12))
def test_any_numbers_give_a_verdict(rule, values):
    verdict = score(RULES[rule][0], ensemble(*values))
    finite = [v for v in values if math.isfinite(v)]
    assert (verdict.verdict == "not simulable") == (not finite)
    assert verdict.verdict != "pass" or verdict.schemes >= 5
    json.dumps(as_json(verdict), allow_nan=False)
