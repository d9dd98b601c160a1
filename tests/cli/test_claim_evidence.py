"""`potentiate claim` and `potentiate evidence` as a user calls them."""

from __future__ import annotations

import csv
import html.parser

import pytest

from potentiate.cli import main


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not any(name.startswith("on") or name == "src" for name, _ in attrs)
        assert all(value.startswith("#") for name, value in attrs if name == "href"), "links stay on the page"

    def handle_data(self, data):
        self.text += data


def test_a_claim_is_answered_on_one_screen(potentiate, tmp_path):
    outcome = potentiate("claim", "Aniracetam improves memory in healthy people")
    assert outcome.code == 0, outcome.err
    for words in ("NOT SUPPORTED", "none on record", "ani-mouse-null-2014", "not by the parent", "very low",
                  "not medical advice", "would change it"):  # fmt: skip
        assert words in outcome.words
    assert len(outcome.out.splitlines()) <= 48
    assert not [p for p in tmp_path.iterdir()], "an answer writes nothing unless asked"


def test_files_of_a_claim_and_hostile_text(potentiate, tmp_path):
    text = "Aniracetam improves memory <script>steal(1)</script> & \"'"
    outcome = potentiate("claim", text, "--json", "--out", "run")
    assert outcome.code == 0, outcome.err
    body = outcome.object
    assert body["answer"]["verdict"] == "not supported"
    assert {"table", "figure", "results", "page"} <= set(body["files"])
    page = (tmp_path / "run" / "claim.html").read_text()
    read = Tags()
    read.feed(page)
    assert "script" not in read.tags
    assert "<script>steal(1)" not in page
    assert "steal(1)" in read.text
    assert (tmp_path / "run" / "figure.png").stat().st_size > 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("claim",), 2, "No claim given"),
        (("claim", ""), 2, "empty"),
        (("claim", "El aniracetam mejora la memoria en los adultos"), 2, "not in English"),
        (("claim", "Anirasetam improves memory"), 2, "closest: aniracetam"),
        (("claim", "Piracetam improves memory and mood"), 2, "--outcome memory"),
        (("claim", "x", "--list"), 2, "not both"),
        (("claim", "--list", "--said-by", "nobody"), 2, "source-000"),
        (("evidence", "compund:x"), 2, "closest: compound"),
        (("evidence", "aniracetam", "--export", "endnote"), 2, "No export"),
        (("evidence", "--source", "007"), 2, "Unknown source"),
        (("evidence", "aniracetam", "--source", "001"), 2, "not both"),
        (("evidence", "--source", "001", "--export", "ris"), 2, "csv, html"),
    ],
)  # fmt: skip
def test_bad_input(words, code, message, capsys):
    with pytest.raises(SystemExit) as end:
        main([*words])
    printed = capsys.readouterr()
    assert end.value.code == code
    assert message in printed.err
    assert printed.out == ""
    assert "internal error" not in printed.err


def test_the_claims_of_sellers(potentiate):
    body = potentiate("claim", "--list", "--said-by", "vendors", "--json").object
    assert len(body["claims"]) >= 20
    assert "supported" not in {c["verdict"] for c in body["claims"]}


def test_findings_are_listed(potentiate):
    outcome = potentiate("evidence", "cx516", "level:human", "outcome:memory")
    assert outcome.code == 0, outcome.err
    assert "cx516-recall-young" in outcome.words
    nothing = potentiate("evidence", "zzzz")
    assert nothing.code == 0
    assert "Nothing on record" in nothing.words


def test_findings_with_files(potentiate, tmp_path):
    outcome = potentiate("evidence", "--compound", "cx614", "--json", "--out", "run")
    body = outcome.object
    assert {"yaml", "csv", "ris", "bibtex", "trig", "figure", "table", "results"} == set(body["files"])
    assert all((tmp_path / p).stat().st_size > 0 for p in body["files"].values())
    assert all("cx614" in (r["subject"], *r.get("partners", [])) for r in body["records"])


def test_a_source_as_table_csv_and_html(potentiate):
    table = potentiate("evidence", "--source", "001")
    assert table.code == 0, table.err
    assert "answered 20" in table.words
    assert "Fault:" in table.out
    rows = list(csv.reader(potentiate("evidence", "--source", "001", "--export", "csv").out.splitlines()))
    assert rows[0][0] == "source"
    assert rows[1][0] == "id"
    page = Tags()
    page.feed(potentiate("evidence", "--source", "001", "--export", "html").out)
    assert page.tags.count("table") == 2
    assert "does not address" in page.text
