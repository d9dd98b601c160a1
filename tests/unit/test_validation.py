"""The board of findings: selection, cache, pool, baseline, diagnosis, views; what a user's file may not say."""

import json
import math
import multiprocessing

import pytest
import yaml

from potentiate.errors import DataError, DocumentError, UnknownNameError, UsageError
from potentiate.evidence import baseline, score_cache, scoring_pool, structure
from potentiate.evidence.board import group_of, matrix, potencies, scoreboard, tensions
from potentiate.evidence.diagnosis import diagnose
from potentiate.evidence.experiment import judge, samples
from potentiate.evidence.scoring import Sample
from potentiate.evidence.validation import COLUMNS, Scored, Validation, expand, row, select, validate
from potentiate.kinetics.scheme import Scheme
from potentiate.library.board import StructureDoc, fast_slices
from potentiate.library.finding import Finding, SliceExperiment, find_finding, finding_ids
from potentiate.library.finding_file import read_findings
from potentiate.library.finding_rules import repeated
from potentiate.library.scheme import find_scheme

QUICK = ["per-onset-tau", "per-koff", "ani-deact-tau", "cx614-jin-deact", "cx614-deact-8p4", "ani-dimer-site"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def found(*names):
    return [find_finding(name) for name in names]


def scored(name, *values):
    """Return a finding scored on made-up values, one per scheme."""
    finding = find_finding(name)
    made = [Sample(v, f"scheme {i}") for i, v in enumerate(values)]
    verdict = judge(finding, made)
    return Scored(finding, verdict, diagnose(finding, made, verdict))


# ---- selection


def test_levels_and_their_group():
    assert expand(["dose", "pk"]) == ["pk", "human"]
    with pytest.raises(UnknownNameError, match="receptr"):
        expand(["receptr"])


def test_the_fast_run_keeps_a_fixed_few_slices():
    asked, left = select(fast=True)
    assert {f.id for f in asked + left} == set(finding_ids())
    assert {f.id for f in asked if isinstance(f.experiment, SliceExperiment)} == set(fast_slices())
    assert all(isinstance(f.experiment, SliceExperiment) for f in left)


def test_a_drug_is_known_by_any_of_its_names():
    assert {f.id for f in select("Ro 13-5057")[0]} == {f.id for f in select("aniracetam")[0]}


def test_nothing_on_record_is_said():
    with pytest.raises(UsageError, match="No finding of perampanel"):
        select("perampanel", ["slice"])


# ---- cache and pool


def test_a_second_run_reads_what_the_first_has_kept(monkeypatch):
    asked = found(*QUICK)
    first = validate(asked, workers=1)
    assert len(list(score_cache.folder().glob("*.json"))) == len(QUICK) - 1, "a finding without experiment runs nothing"
    monkeypatch.setattr(scoring_pool, "compute", lambda finding: pytest.fail(f"{finding.id} ran again"))
    assert validate(asked, workers=1).verdicts() == first.verdicts()


def test_the_key_is_that_of_what_is_run():
    finding = find_finding("cx614-jin-deact")
    data = finding.model_dump(mode="json")
    data["experiment"]["tolerance"]["value"] = 1.9
    data["experiment"]["assumed"] = []
    assert score_cache.key(Finding.model_validate(data)) == score_cache.key(finding)
    data["experiment"]["arm"]["width"] = "2 ms"
    assert score_cache.key(Finding.model_validate(data)) != score_cache.key(finding)
    assert score_cache.key(find_finding("ani-dimer-site")) is None


def test_the_key_changes_with_code_and_with_a_drug(monkeypatch):
    finding = find_finding("cx614-jin-deact")
    before = score_cache.key(finding)
    monkeypatch.setattr(score_cache, "_compound_hash", lambda name: f"another {name}")
    assert score_cache.key(finding) != before
    monkeypatch.undo()
    monkeypatch.setattr(score_cache, "code", lambda: "another version")
    assert score_cache.key(finding) != before


@pytest.mark.parametrize("text", ["", "{", "[[1]]", '[["x", "a", null, null]]', "[1, 2]", "null"])
def test_a_spoilt_entry_is_computed_again(text):
    score_cache.folder().mkdir(parents=True)
    (score_cache.folder() / "k.json").write_text(text)
    assert score_cache.load("k") is None


def test_samples_survive_the_disk():
    kept = [Sample(1 / 3, "RT1995", "flop"), Sample(math.nan, "RT1992", None, "not steady")]
    score_cache.save("k", kept)
    again = score_cache.load("k")
    assert again[0] == kept[0]
    assert math.isnan(again[1].value)
    assert again[1].reason == "not steady"


def test_an_interruption_keeps_what_is_finished(monkeypatch):
    asked, count = found(*QUICK[:3]), []

    def stops(finding):
        if count:
            raise KeyboardInterrupt
        count.append(finding.id)
        return compute(finding)

    compute = scoring_pool.compute
    monkeypatch.setattr(scoring_pool, "compute", stops)
    result = validate(asked, workers=1)
    assert result.interrupted
    assert [s.finding.id for s in result.scored] == count
    assert [f.id for f in result.not_run] == [f.id for f in asked if f.id not in count]
    assert len(list(score_cache.folder().glob("*.json"))) == 1


def test_processes_give_what_one_gives():
    asked, told = found("per-onset-tau", "per-koff", "per-kon"), []
    alone = validate(asked, workers=1).verdicts()
    for path in score_cache.folder().glob("*.json"):
        path.unlink()
    assert validate(asked, workers=2, progress=told.append).verdicts() == alone
    assert (told[0].done, told[-1].done, told[-1].of) == (0, 3, 3)
    assert not multiprocessing.active_children()


# ---- structure


def test_every_scheme_of_the_ensemble_desensitizes_from_a_closed_state():
    verdict = judge(find_finding("ampar-desens-closed"), samples(find_finding("ampar-desens-closed")))
    assert (verdict.verdict, verdict.model) == ("pass", 1.0)


def test_a_scheme_without_the_structure_is_found_out():
    asked = StructureDoc(role="desensitize", leaves=["rest", "bound"], reason="x")
    whole = find_scheme("RT1995")
    only_open = Scheme(
        "made up", whole.states, whole.classes, whole.bound, whole.conductance,
        tuple(e for e in whole.edges if e.role != "desensitize")
        + tuple(e.__class__(e.source, e.target, "convert", e.forward, e.backward) for e in whole.edges
                if e.role == "desensitize"),
    )  # fmt: skip
    assert structure.has(whole, asked)
    assert not structure.has(only_open, asked)
    finding = find_finding("ampar-desens-closed")
    word = judge(finding, [Sample(1.0, "a"), Sample(1.0, "b"), Sample(0.0, "c")])
    assert (word.verdict, word.worst) == ("fail", "c")
    assert judge(find_finding("pepa-flop"), []).verdict == "not simulable"


# ---- diagnosis


def test_a_miss_says_on_which_side_and_how_many():
    s = scored("cx614-jin-deact", 8.0, 9.0, 7.0, 30.0, 8.5)
    assert (s.diagnosis.members, s.diagnosis.passing, s.diagnosis.side) == (5, 1, "low")
    assert "1 of 5 members pass" in s.diagnosis.reason
    assert s.diagnosis.cause.startswith("one weight of the open state")
    assert scored("cx614-jin-deact", *[27.0] * 5).diagnosis.cause == "", "a pass has no cause"


def test_the_two_parts_of_the_spread_are_told_apart():
    finding = find_finding("cx614-jin-deact")
    made = [Sample(8.0, "RT1995"), Sample(9.0, "RT1992"), Sample(2.0, "RT1995", "weakest")]
    d = diagnose(finding, made, judge(finding, made))
    assert d.over_schemes == (8.0, 9.0)
    assert d.over_parameters == (2.0, 8.0)


# ---- views


def test_records_of_the_same_data_are_one_and_a_laboratory_counts_once():
    same = next(f for f in map(find_finding, finding_ids()) if f.same_data_as and f.role == "test")
    other = same.same_data_as[0]
    board = scoreboard(Validation((scored(same.id), scored(other))))
    assert sum(sum(r.counts.values()) for r in board) == (1 if same.level == find_finding(other).level else 2)
    lab = [scored("cx614-flop-ec50", *[30.0] * 5), scored("cx516-25", *[200.0] * 5)]
    (level,) = scoreboard(Validation(tuple(lab)))
    assert (level.labs, level.labs_clean) == (1, 0), "both are of one laboratory, and one of them fails"


def test_calibration_is_counted_apart():
    (level,) = scoreboard(Validation((scored("cx614-deact-8p4", *[8.4] * 5),)))
    assert level.counts["calibration"] == 1
    assert level.counts["pass"] == 0
    assert level.labs == 0


def test_a_pair_in_tension_stands_side_by_side():
    pair = next(
        p for p in tensions(Validation((scored("cx614-deact-8p4", *[8.4] * 5), scored("cx614-jin-deact", *[8.4] * 5))))
        if p.both_simulable
    )  # fmt: skip
    assert pair.says == "the model holds cx614-deact-8p4; both cannot hold in one model"
    neither = tensions(Validation((scored("cx614-deact-8p4", *[99.0] * 5), scored("cx614-jin-deact", *[1.0] * 5))))
    assert any(p.says == "the model holds neither" for p in neither)


def test_the_ledger_puts_potencies_in_one_unit():
    ledger = potencies([scored("ani-3h-kd"), scored("cx614-flop-ec50", *[37.0] * 5), scored("scn-ec50", *[3.0] * 5)])
    assert list(ledger) == sorted(ledger)
    assert ledger["aniracetam"][0].published_uM[0] == pytest.approx(0.07)
    assert ledger["aniracetam"][0].model_uM is None
    assert ledger["cx614"][0].published_uM == (19.0, 37.0)
    assert ledger["thiocyanate"][0].model_uM == pytest.approx(3000.0)


def test_every_finding_has_a_place_in_the_matrix():
    names = [group_of(find_finding(i)) for i in finding_ids()]
    assert names.count("other") < 0.1 * len(names)
    _, groups, cells = matrix([scored("cx614-jin-deact", *[8.0] * 5), scored("cx614-flop-ec50", *[30.0] * 5)])
    assert groups == ["potency", "deactivation"]
    assert {k: [s.verdict.verdict for s in v] for k, v in cells.items()} == {
        ("cx614", "deactivation"): ["fail"],
        ("cx614", "potency"): ["pass"],
    }


def test_a_row_has_every_column_and_no_nan():
    for s in (scored("cx614-jin-deact", 8.0, 9.0), scored("ani-dimer-site")):
        assert set(COLUMNS) <= set(row(s))
        json.dumps(row(s), allow_nan=False)


# ---- baseline


def test_a_worse_verdict_is_a_regression(tmp_path):
    path = tmp_path / "b.json"
    good, bad = scored("cx614-flop-ec50", *[30.0] * 5).verdict, scored("cx614-flop-ec50", *[300.0] * 5).verdict
    gone = scored("cx614-flop-ec50").verdict
    assert baseline.write([good], path) == 1
    held = baseline.read(path)
    assert baseline.compare([good], held) == []
    (change,) = baseline.compare([bad], held)
    assert (change.before, change.now, change.worse) == ("pass", "fail", True)
    assert baseline.compare([gone], held)[0].worse, "a finding that is no longer simulable is lost"
    baseline.write([bad], path)
    assert not baseline.compare([good], baseline.read(path))[0].worse
    baseline.write([scored("cx516-25", *[25.0] * 5).verdict], path)
    assert set(baseline.read(path)) == {"cx614-flop-ec50", "cx516-25"}, "the rest of a baseline is kept"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"verdicts": {"a": 1}}', '{"verdicts": {"a": {"verdict": 2}}}'])
def test_a_file_that_is_no_baseline(tmp_path, text):
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(DataError, match="baseline"):
        baseline.read(path)


# ---- a user's findings


def own(**changes):
    data = find_finding("cx614-jin-deact").model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    data |= {"id": "my-cx614", "tension": []}
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = data
        for key in parents:
            node = node[key]
        if value is ...:
            node.pop(last, None)
        else:
            node[last] = value
    return data


def written(tmp_path, data):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_own_findings_are_read(tmp_path):
    (one,) = read_findings(written(tmp_path, own()))
    assert one.id == "my-cx614"
    assert len(read_findings(written(tmp_path, {"findings": [own(), own(id="my-second")]}))) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "cx614-jin-deact"}, "has a finding"),
        ({"experiment__base_scheme": "Jonas1994"}, r"unknown base scheme 'Jonas1994' \(closest: Jonas1993\)"),
        ({"experiment__arm__drug": "cx641"}, "unknown compound 'cx641'"),
        ({"experiment__arm__measure": "tau_deactivation"}, "tau_deact"),
        ({"experiment__preparation": "petri dish"}, "patch"),
        ({"experiment__tolerance": {"kind": "factor", "value": 2.5}}, "wider than x/÷2"),
        ({"experiment__tolerance": {"kind": "absolute", "value": 20.0}}, "wider than x/÷2"),
        ({"effect": {"kind": "range", "low": 0.8, "high": 9.0, "unit": "fold", "direction": "increase"}}, "no effect"),
        ({"uncertainty": {"type": "CI95", "value": 26.5}}, "no effect"),
        ({"uncertainty": {"type": "SD"}}, "without its value"),
        ({"uncertainty": ...}, "required"),
        ({"read": ...}, "required"),
        ({"read__at": " "}, "read.at is empty"),
        ({"read__quote": ""}, "read.quote is empty"),
    ],
)
def test_own_findings_that_are_refused(tmp_path, changes, message):
    with pytest.raises(DocumentError) as refused:
        read_findings(written(tmp_path, own(**changes)))
    import re

    assert re.search(message, str(refused.value)), str(refused.value)
    assert refused.value.exit_code == 3


def test_an_unknown_preparation_names_the_nearest(tmp_path):
    data = find_finding("ani-nm-depression").model_dump(mode="json", exclude_none=True)
    data["id"] = "mine"
    data["experiment"]["arm"]["synapse"] = "nucleus-magnocelularis"
    with pytest.raises(DocumentError, match="nucleus-magnocellularis"):
        read_findings(written(tmp_path, data))


def test_the_same_id_twice(tmp_path):
    assert repeated(["a", "b", "a", "a"]) == ["a"]
    with pytest.raises(DocumentError, match="given twice"):
        read_findings(written(tmp_path, {"findings": [own(), own()]}))
    with pytest.raises(DocumentError, match="no finding"):
        read_findings(written(tmp_path, {"findings": []}))
