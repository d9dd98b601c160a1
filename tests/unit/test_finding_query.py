"""Queries for findings, the index behind them, and what is exported."""

from __future__ import annotations

import csv
import datetime
import io
import json

import pytest
import yaml

from potentiate.errors import DataError, DocumentError, UnknownNameError, UsageError
from potentiate.evidence.finding_query import query, row, show_effect
from potentiate.evidence.nanopublication import check_trig, literal, trig
from potentiate.evidence.record_exports import EXPORTS, export
from potentiate.library.finding import Finding, find_finding, finding_ids
from potentiate.library.finding_index import all_findings, read_all
from potentiate.library.references import read_bibtex


class TestIndex:
    def test_it_is_the_library(self):
        assert [f.id for f in all_findings()] == sorted(finding_ids())
        assert len(all_findings()) >= 170
        for name in ("ani-F", "cx717-nightshift-400", "ani-nm-epsc-cd"):
            assert next(f for f in all_findings() if f.id == name) == find_finding(name)

    def test_a_changed_file_is_read_again_and_a_damaged_cache_forgotten(self, tmp_path):
        folder, cache = tmp_path / "findings", tmp_path / "cache" / "findings.json"
        (folder / "human").mkdir(parents=True)
        path = folder / "human" / "a.yaml"
        path.write_text("id: a\n")
        assert read_all(folder, cache) == {"a": {"id": "a"}}
        body = json.loads(cache.read_text())
        (key,) = body["documents"]
        body["documents"][key] = {"id": "from the cache"}
        cache.write_text(json.dumps(body))
        assert read_all(folder, cache) == {"a": {"id": "from the cache"}}, "the cache is used"
        path.write_text("id: b\n")
        assert read_all(folder, cache) == {"a": {"id": "b"}}
        for rubbish in ("", "[]", '{"version": 0, "documents": {}}', '{"version": 1, "documents": 3}', "[" * 100_000):
            cache.write_text(rubbish)
            assert read_all(folder, cache) == {"a": {"id": "b"}}

    def test_a_folder_that_cannot_be_written_costs_time_only(self, tmp_path):
        (tmp_path / "f" / "x").mkdir(parents=True)
        (tmp_path / "f" / "x" / "a.yaml").write_text("id: a\n")
        (tmp_path / "file").write_text("")
        assert read_all(tmp_path / "f", tmp_path / "file" / "findings.json") == {"a": {"id": "a"}}

    def test_hostile_documents_are_refused(self, tmp_path):
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "a.yaml").write_text("id: !!python/object/apply:os.system [true]\n")
        with pytest.raises(DocumentError, match="tags"):
            read_all(tmp_path, tmp_path / "findings.json")


class TestQuery:
    @pytest.mark.parametrize(
        ("text", "holds"),
        [
            ("aniracetam", lambda f: "aniracetam" in (f.subject, *f.partners)),
            ("lion's mane", lambda f: "lions-mane" in (f.subject, *f.partners)),
            ("compound:racetams level:human", lambda f: f.level == "human"),
            ("design:rct", lambda f: f.design == "RCT"),
            ("population:dementia", lambda f: "ementia" in f.human.indication or "lzheimer" in f.human.indication),
            ("population:monkey", lambda f: "monkey" in f.preparation),
            ("tension:yes", lambda f: f.tension),
            ("tension:ani-sdat-placebo", lambda f: "ani-sdat-placebo" in f.tension),
            ("funding:yes", lambda f: f.funding),
            ("result:worse", lambda f: f.human.result == "worse"),
            ("role:calibration", lambda f: f.role == "calibration"),
            ("lab:trussell simulated:yes", lambda f: "trussell" in f.same_lab_as),
            ("work:arai2000", lambda f: f.source.key == "arai2000"),
            ("id:caf-gum", lambda f: f.id.startswith("caf-gum")),
            ("desensitization level:receptor direction:decrease", lambda f: f.level == "receptor"),
        ],
    )  # fmt: skip
    def test_every_term_holds(self, text, holds):
        found = query(text)
        assert found
        assert len(found) < len(all_findings())
        assert all(holds(f) for f in found)

    def test_fields_by_name_are_the_same(self):
        assert query(compound="cx516", level="human") == query("compound:cx516 level:human")

    def test_little_words_ask_for_nothing(self):
        assert query("caffeine and anxiety") == query("caffeine anxiety")

    def test_a_wider_outcome_holds_its_parts(self):
        assert {f.id for f in query("cx516 outcome:memory")} < {f.id for f in query("cx516 outcome:cognition")}

    def test_direction_is_that_of_the_outcome(self):
        slower = {f.id for f in query("aniracetam outcome:desensitization direction:decrease")}
        assert {"ani-desens-rate", "ani-tang-desens"} <= slower, "a rate down and a time constant up"

    def test_nothing_asked_is_everything_and_nothing_found_is_nothing(self):
        assert len(query()) == len(all_findings())
        assert query("zzzzzz") == []

    @pytest.mark.parametrize(
        ("text", "error", "message"),
        [
            ("compund:x", UnknownNameError, "closest: compound"),
            ("level:humans", UnknownNameError, "closest: human"),
            ("design:RTC", UnknownNameError, "closest: RCT"),
            ("direction:up", UnknownNameError, "increase"),
            ("compound:anirasetam", UnknownNameError, "closest: aniracetam"),
            ("outcome:memori", UnknownNameError, "closest: memory"),
            ('"open', UsageError, "quotation"),
            ("x" * 501, UsageError, "501 letters"),
        ],
    )  # fmt: skip
    def test_what_is_not_known_is_refused(self, text, error, message):
        with pytest.raises(error, match=message):
            query(text)

    def test_values_are_shown_with_their_uncertainty(self):
        assert show_effect(find_finding("ani-nm-ppr-e18")).startswith("0.31 ± 0.05")
        assert show_effect(find_finding("ani-mouse-null-2014")) == "no effect"
        assert show_effect(find_finding("cx717-adhd-registered")) == "not posted"
        assert row(find_finding("ani-F"))[0] == "ani-F"


@pytest.fixture(scope="module")
def found():
    return query("compound:cx614") + query("compound:aniracetam level:human")


class TestExports:
    def test_yaml_is_read_back_as_the_same_findings(self, found):
        assert [Finding.model_validate(b) for b in yaml.safe_load_all(export(found, "yaml"))] == found

    def test_csv_has_a_row_each(self, found):
        rows = list(csv.DictReader(io.StringIO(export(found, "csv"))))
        assert [r["id"] for r in rows] == [f.id for f in found]
        assert all(r["quote"] and r["uncertainty_type"] for r in rows)

    def test_csv_holds_no_formula(self):
        f = find_finding("ani-F")
        evil = f.model_copy(update={"statement": "=HYPERLINK(1)", "observable": "-1+1"})
        (read,) = csv.DictReader(io.StringIO(export([evil], "csv")))
        assert read["statement"] == "'=HYPERLINK(1)"
        assert read["observable"] == "'-1+1"

    def test_bibtex_and_ris_name_every_work_once(self, found):
        keys = {f.source.key for f in found if f.source.key}
        assert set(read_bibtex(export(found, "bibtex"), "x")) == keys
        ris = export(found, "ris")
        assert {x.split("  - ")[1] for x in ris.splitlines() if x.startswith("ID")} == keys
        assert ris.count("TY  - ") == ris.count("ER  - ") == len(keys)

    def test_every_finding_is_a_nanopublication(self):
        assert check_trig(export(all_findings(), "trig")) == len(all_findings())

    def test_another_reader_agrees(self, found):
        rdflib = pytest.importorskip("rdflib")
        data = rdflib.Dataset()
        data.parse(data=export(found, "trig"), format="trig")
        kind = rdflib.URIRef("http://www.nanopub.org/nschema#Nanopublication")
        assert len(list(data.quads((None, rdflib.RDF.type, kind, None)))) == len(found)

    def test_hostile_text_stays_text(self):
        f = find_finding("ani-F")
        evil = f.model_copy(update={"statement": 'a" . } <x> { \\ \n\t'})
        text = trig([evil], datetime.date(2026, 1, 1))
        assert check_trig(text) == 1
        assert literal(evil.statement) in text

    @pytest.mark.parametrize(
        "damage",
        [
            lambda t: t.replace("np:hasProvenance", "np:hasOther", 1),
            lambda t: t.replace("@prefix np:", "@prefix nq:", 1),
            lambda t: t.replace(" .\n", " ;\n", 9),
            lambda t: t.replace('"', "", 1),
            lambda t: t[:-4],
            lambda t: t + "x",
        ],
    )
    def test_damaged_nanopublications_are_refused(self, damage):
        with pytest.raises(DataError):
            check_trig(damage(trig([find_finding("ani-F")], datetime.date(2026, 1, 1))))

    def test_unknown_forms_are_refused(self):
        with pytest.raises(UsageError, match=", ".join(EXPORTS)):
            export([], "endnote")
