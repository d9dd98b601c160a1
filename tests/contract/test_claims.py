"""Claims and sources as documents: they resolve words and hold no verdict; the verdict follows from records."""

from __future__ import annotations

import dataclasses
import re
import shlex

import pytest
import yaml

from potentiate.errors import DocumentError, UnknownNameError
from potentiate.evidence import claim_records
from potentiate.evidence.claim_answer import answer_document
from potentiate.evidence.claim_records import records_of
from potentiate.evidence.claim_verdict import VERDICTS, judge
from potentiate.evidence.concordance import concordance
from potentiate.library.claim import DIRECTORY as CLAIMS
from potentiate.library.claim import Claim, all_claims, claim_ids, find_claim
from potentiate.library.compound import find_compound
from potentiate.library.document import load
from potentiate.library.finding import find_finding, finding_ids
from potentiate.library.finding_index import all_findings
from potentiate.library.references import bibliography
from potentiate.library.rule import rule_ids
from potentiate.library.source import DIRECTORY as SOURCES
from potentiate.library.source import SourceDocument, find_source, source_ids
from potentiate.library.stack import find_stack
from potentiate.library.vocabulary import find_outcome, vocabulary


@pytest.fixture(scope="module")
def answers():
    return {name: answer_document(name) for name in claim_ids()}


class TestClaims:
    @pytest.mark.parametrize("name", claim_ids())
    def test_names_resolve(self, name):
        claim = find_claim(name)
        for subject in (*claim.subject, *((claim.comparator,) if claim.comparator else ())):
            assert find_compound(subject).id == subject
        assert claim.rule is None or claim.rule in rule_ids()
        if claim.cites is not None:
            assert claim.cites.work is None or claim.cites.work in bibliography()
            assert claim.cites.search is None or claim.cites.search in finding_ids()
        assert claim.said

    @pytest.mark.parametrize("name", claim_ids())
    def test_no_document_holds_a_verdict_or_a_record(self, name):
        body = yaml.safe_load((CLAIMS / f"{name}.yaml").read_text())
        assert set(body) <= set(Claim.model_fields)
        assert not set(body) & {"verdict", "records", "findings", "certainty", "answer"}
        words = set(re.findall(r"[\w-]+", str({k: v for k, v in body.items() if k not in ("id", "text", "also")})))
        # "direction: none" and the search that looked for a cited work are no judgement
        assert not words & ({*VERDICTS, *finding_ids()} - {body.get("cites", {}).get("search")})

    def test_a_verdict_cannot_be_written_into_one(self, tmp_path):
        text = (CLAIMS / "caffeine-adenosine.yaml").read_text()
        (tmp_path / "x.yaml").write_text(text + "verdict: supported\n")
        with pytest.raises(DocumentError, match="Extra inputs"):
            load(tmp_path / "x.yaml", Claim)

    def test_every_vendor_claim_of_the_list_is_there(self):
        numbers = {s.number for c in all_claims() for s in c.said if s.by == "vendors"}
        assert numbers == set(range(1, 21))

    def test_every_source_makes_claims(self):
        assert {s.by for c in all_claims() for s in c.said} == {*source_ids(), "vendors"}

    def test_wordings_are_unique(self):
        texts = [t.casefold() for c in all_claims() for t in (c.text, *c.also)]
        assert len(texts) == len(set(texts))

    @pytest.mark.parametrize("name", ["roon", "thesis", "nootrobox", "exercise"])
    def test_what_the_sources_name_beside_compounds_is_an_entity(self, name):
        assert find_compound(name).kind in ("product", "intervention")
        assert any(name in c.subject for c in all_claims())

    def test_unknown_claims_name_the_nearest(self):
        with pytest.raises(UnknownNameError, match="caffeine-adenosine"):
            find_claim("caffeine-adenosin")


class TestVerdictsFollowFromRecords:
    def test_every_verdict_is_of_the_closed_list(self, answers):
        assert {a.judged.verdict for a in answers.values()} <= set(VERDICTS)

    def test_supported_needs_a_direct_record(self, answers):
        for a in answers.values():
            direct = [x for x in a.of("direct") if "for" in x.says.split(" and ")]
            if a.judged.verdict == "supported":
                assert direct, a.claim.id
                assert a.judged.studies > 0

    def test_sellers_hypotheses_and_unposted_trials_decide_nothing(self, answers):
        lines = [x for a in answers.values() for x in a.of("sellers", "hypothesis", "not posted", "pages")]
        assert {x.group for x in lines} == {"sellers", "hypothesis", "not posted", "pages"}
        assert {x.says for x in lines} == {"neither"}

    def test_what_a_source_prints_is_never_evidence(self, answers):
        for a in answers.values():
            for x in a.lines:
                if x.kind == "finding" and x.id in finding_ids():
                    f = find_finding(x.id)
                    if f.read.at.startswith("source 00") or f.design == "vendor":
                        assert x.group == "sellers", x.id

    @pytest.mark.parametrize("name", claim_ids())
    def test_turned_records_turn_the_verdict(self, name, answers):
        found = answers[name]
        turn = {"for": "against", "against": "for"}
        turned = [dataclasses.replace(x, says=turn.get(x.says, x.says)) for x in found.lines]
        other = {"supported": "contradicted", "contradicted": "supported"}
        verdict = judge(found.claim, turned).verdict
        if found.judged.verdict in other:
            assert verdict == other[found.judged.verdict]
        elif found.judged.verdict == "animals or cells only":
            assert verdict in ("not supported", "animals or cells only")
        else:
            assert verdict in (found.judged.verdict, "animals or cells only")

    @pytest.mark.parametrize("name", claim_ids())
    def test_without_records_nothing_is_supported(self, name, answers):
        assert judge(answers[name].claim, []).verdict == "no evidence"

    def test_without_its_findings_a_claim_has_no_evidence(self):
        claim = find_claim("cx717-fatigue")
        assert judge(claim, records_of(claim)).verdict == "contradicted"
        rest = [f for f in all_findings() if "cx717" not in (f.subject, *f.partners)]
        assert judge(claim, records_of(claim, rest)).verdict == "no evidence"

    def test_a_new_trial_changes_the_word(self):
        claim = find_claim("cx717-fatigue")
        old = find_finding("cx717-nightshift-400")
        human = old.human.model_copy(update={"result": "benefit"})
        source = old.source.model_copy(update={"key": "a-new-trial"})
        new = old.model_copy(update={"id": "new", "human": human, "source": source, "same_data_as": []})
        assert judge(claim, records_of(claim, [*all_findings(), new])).verdict == "mixed"

    @pytest.mark.parametrize(
        "name",
        ["imuracetam-effects", "lions-mane-memory-now", "lions-mane-nerves", "noopept-bdnf-people",
         "noopept-bdnf-meta-analysis", "choline-racetam-synergy"],
    )  # fmt: skip
    def test_negative_controls_are_not_supported(self, name, answers):
        assert answers[name].judged.verdict not in ("supported", "mixed")

    def test_the_meta_analysis_that_nobody_found(self, answers):
        found = answers["noopept-bdnf-meta-analysis"]
        assert found.judged.verdict == "unverifiable"
        assert [x.id for x in found.of("searched for")] == ["noo-bdnf-human-none"]

    def test_most_claims_of_sellers_are_not_supported(self, answers):
        vendors = [a for a in answers.values() if any(s.by == "vendors" for s in a.claim.said)]
        assert not [a.claim.id for a in vendors if a.judged.verdict == "supported"]

    def test_every_answer_says_what_would_change_it(self, answers):
        assert all(a.change for a in answers.values())

    def test_certainty_is_never_above_the_curators(self, answers):
        ladder = claim_ladder()
        for a in answers.values():
            graded = [
                ladder.index(x.certainty) for x in a.of("direct") if x.says != "neither" and x.certainty in ladder
            ]
            if graded:
                assert ladder.index(a.judged.certainty) >= min(graded), a.claim.id


def claim_ladder() -> list[str]:
    return ["high", "moderate", "low", "very low"]


class TestVocabulary:
    def test_outcomes_that_claims_use_exist(self):
        assert all(find_outcome(c.outcome) for c in all_claims() if c.outcome)

    def test_families_have_levels(self):
        assert {o.family for o in vocabulary().outcomes} == set(claim_records.LEVELS)

    def test_opposites_are_read_the_other_way(self):
        word = find_outcome("desensitization")
        assert [word.reads(t) for t in ("desensitization rate", "desensitization tau", "EPSC peak")] == [1, -1, 0]


class TestSources:
    def test_there_are_four(self):
        assert source_ids() == ["source-000", "source-001", "source-002", "source-003"]

    @pytest.mark.parametrize("name", source_ids())
    def test_everything_it_names_resolves(self, name):
        source = find_source(name)
        for s in source.statements:
            assert s.claim is None or s.claim in claim_ids(), s.id
            assert s.rule is None or s.rule in rule_ids(), s.id
            assert s.stack is None or find_stack(s.stack), s.id
            assert set(s.findings) <= set(finding_ids()), s.id
        assert all(c.work is None or c.work in bibliography() for c in source.references)
        assert source.faults

    @pytest.mark.parametrize("name", source_ids())
    def test_commands_exist(self, name):
        import cyclopts

        from potentiate.cli import COMMANDS

        app = cyclopts.App()
        for verb, (target, _) in COMMANDS.items():
            app.command(target, name=verb)
        for s in find_source(name).statements:
            for command in s.commands:
                verb, *words = shlex.split(command)
                app.parse_args([verb, *words], exit_on_error=False, print_error=False)
                if words and not words[0].startswith("-"):
                    assert find_stack(words[0]) if verb == "stack" else find_compound(words[0])

    def test_every_claim_of_a_source_is_a_statement_of_it(self):
        made = {s: {x.claim for x in find_source(s).statements} for s in source_ids()}
        for claim in all_claims():
            for said in claim.said:
                if said.by != "vendors":
                    assert claim.id in made[said.by], (claim.id, said.by)

    def test_the_faults_of_the_guides(self):
        faults = " ".join(concordance("001").faults())
        for words in ("imuracetam", "outside-out patches", "bare hosts", "mouse study without effect"):
            assert words in faults

    def test_the_null_paper_does_not_address_what_it_is_cited_for(self):
        source = find_source("001")
        (null,) = [c for c in source.references if c.work == "elston2014"]
        bearings = {c.bearing for s in source.statements for c in s.cites if c.number == null.number}
        assert bearings == {"does not address"}

    def test_bare_hosts_are_unresolvable(self):
        for name in ("001", "003"):
            bare = [c for c in find_source(name).references if re.fullmatch(r"[a-z.-]+\.(net|com|org)", c.printed)]
            assert bare
            assert all(c.unresolvable and c.resolves_to is None for c in bare)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda b: b["statements"].append(dict(id="x", section="ab", kind="claim", says="ab")), "what answers it"),
            (lambda b: b["statements"][1].update(id=b["statements"][0]["id"]), "same id"),
            (lambda b: b["references"].append({"number": "9x", "printed": "ab", "resolves_to": "ab"}), "no statement"),
            (lambda b: b["references"].append({"number": "99", "printed": "ab"}), "resolves to a work"),
        ],
        ids=["no answer", "same id", "never cited", "no work"],
    )  # fmt: skip
    def test_broken_documents_are_refused(self, change, message, tmp_path):
        body = yaml.safe_load((SOURCES / "source-001.yaml").read_text())
        change(body)
        (tmp_path / "source-001.yaml").write_text(yaml.safe_dump(body))
        with pytest.raises(DocumentError, match=message):
            load(tmp_path / "source-001.yaml", SourceDocument)
