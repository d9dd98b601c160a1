"""Reports: whatever a run holds is text, every section is there, and a broken run is refused."""

import itertools
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from potentiate.errors import DataError
from potentiate.library.references import reference
from potentiate.show.html import table, tag, text
from potentiate.show.page import LINK, MUTED, PANEL, PAPER, TEXT
from potentiate.show.report import Bibliography, report, summary
from potentiate.show.run_folder import read_run

HOSTILE = "<script>alert(1)</script>\"' onload=x &lt;b&gt; \x00 <img src=https://example.org/x>"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="10pt" height="10pt"><script>alert(1)</script>'
    '<rect id="r" width="1" onclick="alert(1)"/></svg>'
)
VOID = {"meta", "link", "img", "br", "hr"}


class Reader(HTMLParser):
    """A page as a browser reads it: elements, attributes, ids, headings, text."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements, self.attributes, self.ids, self.targets, self.open, self.text = [], [], [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        given = dict(attrs)
        if "id" in given:
            self.ids.append(given["id"])
        if tag in ("a", "use") and given.get("href", "").startswith("#"):
            self.targets.append(given["href"][1:])
        if "aria-labelledby" in given:
            self.targets += given["aria-labelledby"].split()
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def body(**changes):
    return {
        "potentiate": "0.1.0", "command": ["potentiate", "patch", "aniracetam"], "inputs": {"compound": "aniracetam"},
        "assumed": ["22 degC"], "seed": 1,
        "observables": [
            {"id": "tau", "value": 2.5, "unit": "ms", "interval": [2.0, None], "status": "one-sided",
             "reason": "no plateau", "label": "prediction", "conditions": {"scheme": "RT1992", "dose": "1 mM"}},
            {"id": "tau", "value": None, "unit": "ms", "interval": None, "status": "solver", "reason": "it failed",
             "label": "model", "conditions": {"scheme": "RT1992", "dose": "2 mM"}},
        ],
        "findings": [
            {"id": "a-pass", "verdict": "pass", "model": 2.0, "interval": [1.5, 2.5], "published": 2.1, "unit": "fold",
             "source": "Somebody, 1999", "reason": None, "miss": 0.2},
            {"id": "a-fail", "verdict": "fail", "model": 9.0, "interval": None, "published": [1.0, 2.0], "unit": "ms",
             "source": "Somebody, 1999", "reason": "too slow", "miss": 4.0},
            {"id": "a-null", "verdict": "not simulable", "model": None, "published": "increase", "unit": None,
             "source": "Somebody, 1999", "reason": "a whole animal"},
        ],
        "files": {}, **changes,
    }  # fmt: skip


def write(folder, figure=SVG, table="C,tau (ms)\n0,1.2345678\n1 mM,2.5\n", **changes):
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(body(**changes)))
    (folder / "table.csv").write_text(table)
    (folder / "command.txt").write_text("potentiate patch aniracetam\n")
    if figure is not None:
        (folder / "figure.svg").write_text(figure)
    return read_run(folder)


WORKS = Bibliography([reference("partin1996")], ["a text that names no work"])


@pytest.fixture
def page(tmp_path):
    return report([write(tmp_path / "one"), write(tmp_path / "two")], WORKS)


def test_every_section_in_order(page):
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
    assert headings == [
        "Question", "Model card", "Protocol", "Assumed", "Results", "Figures", "Agreement with the literature",
        "What this cannot tell", "Every number", "Provenance", "Bibliography",
    ]  # fmt: skip


def test_the_page_is_well_made(page):
    read = Reader(page)
    assert len(read.ids) == len(set(read.ids))
    assert set(read.targets) <= set(read.ids)
    assert ("html", "lang", "en") in read.attributes
    levels = [int(name[1]) for name in read.elements if re.fullmatch(r"h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert read.elements.count("main") == 1
    figures = read.elements.count("figure")
    assert figures == read.elements.count("figcaption") == read.elements.count("svg") == 4
    assert sum(a == ("svg", "role", "img") for a in read.attributes) == 4
    assert read.elements.count("caption") == read.elements.count("table")


def test_nothing_is_fetched_or_run(page):
    read = Reader(page)
    assert not {"script", "iframe", "object", "embed", "link", "form", "base", "audio", "video"} & set(read.elements)
    for name, key, value in read.attributes:
        assert not key.startswith("on")
        if key in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            assert value.startswith(("#", "data:application/x-bibtex;base64,")), (name, key, value)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page


def test_the_same_runs_give_the_same_bytes(tmp_path, page):
    assert report([read_run(tmp_path / "one"), read_run(tmp_path / "two")], WORKS) == page


def test_failures_stand_first_and_limits_are_told(page):
    agreement = page[page.index('id="agreement"') : page.index('id="limits"')]
    assert agreement.index("a-fail") < agreement.index("a-pass") < agreement.index("a-null")
    words = " ".join(Reader(page).text)
    assert "a-null cannot be simulated: a whole animal" in words
    assert "solver: it failed" in words
    assert "2 to not bounded" in words
    assert "one-sided: no plateau" in words
    assert "1 of 2 numbers are predictions" in words


def test_figures_have_words_and_a_table(tmp_path):
    run = write(tmp_path / "one")
    assert summary(run) == (
        "patch aniracetam: 2 rows, from 0 to 1 mM; tau (ms) 1.23 to 2.5. Findings: fail 1, pass 1, not simulable 1."
    )
    page = report([run], WORKS)
    assert "<desc id=\"figure-1-desc\">patch aniracetam: 2 rows" in page
    assert '<a href="#table-1">Table 1a</a>' in page


def test_hostile_text_stays_text(tmp_path):
    entry = {k: HOSTILE for k in ("id", "verdict", "unit", "source", "reason", "published", "model", "label", "status")}
    run = write(
        tmp_path / "<script>alert(1)<", command=["potentiate", HOSTILE, HOSTILE], assumed=[HOSTILE, {"a": HOSTILE}],
        inputs={HOSTILE: HOSTILE, "compound": HOSTILE, "scheme": [HOSTILE]}, seed=HOSTILE, potentiate=HOSTILE,
        observables=[{**entry, "interval": [HOSTILE, 2], "conditions": {HOSTILE: HOSTILE}}],
        findings=[{**entry, "interval": [HOSTILE, 2]}, {**entry, "id": "x", "verdict": "fail", "miss": HOSTILE}],
        table='"<script>alert(1)</script>",b\n"<img src=x onerror=alert(1)>",1\n',
    )  # fmt: skip
    page = report([run], Bibliography([], [HOSTILE]), title=HOSTILE, question=HOSTILE)
    read = Reader(page)
    assert not {"script", "img", "b"} & set(read.elements)
    assert not any(key.startswith("on") for _, key, _ in read.attributes)
    assert "\x00" not in page
    assert any("<script>alert(1)</script>" in part for part in read.text)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("results.json", '{"potentiate": "0.1.0", "comm', "not whole"),
        ("results.json", "[]", "not a JSON object"),
        ("results.json", "{}", "'potentiate' is missing"),
        ("results.json", json.dumps(body(observables={})), "'observables' is a dict"),
        ("results.json", json.dumps(body(findings=["x"])), "no object with an id"),
        ("results.json", "[" * 100_000, "nested too deep|not whole"),
        ("table.csv", "", "different lengths"),
        ("table.csv", "a,b\n1\n", "different lengths"),
        ("table.csv", 'a,b\n1,"2', "not whole"),
        ("table.csv", "a,b\n\xff,2", None),
    ],
)
def test_a_broken_run_is_refused(tmp_path, name, content, said):
    write(tmp_path / "run")
    (tmp_path / "run" / name).write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match=said):
        read_run(tmp_path / "run")


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(DataError, match="no results"):
        read_run(tmp_path)
    with pytest.raises(DataError, match="no such run"):
        read_run(tmp_path / "nowhere")


def test_a_figure_that_is_none(tmp_path):
    run = write(tmp_path / "run", figure="<html><script>alert(1)</script></html>")
    with pytest.raises(DataError, match="not SVG"):
        report([run], WORKS)


def test_a_run_without_figure_findings_and_numbers(tmp_path):
    run = write(tmp_path / "run", figure=None, observables=[], findings=[], assumed=[], table="a\n")
    words = " ".join(Reader(report([run], Bibliography([], []))).text)
    assert "This run has no figure." in words
    assert "compares nothing with published values" in words


def test_a_command_that_was_changed_shows(tmp_path):
    write(tmp_path / "run")
    (tmp_path / "run" / "command.txt").write_text("potentiate patch cx614\n")
    page = report([read_run(tmp_path / "run")], WORKS)
    assert "The results name another command: potentiate patch aniracetam" in page


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "value", "unit", "interval", "status", "reason", "label", "conditions", "verdict", "model", "published", "miss",
)  # fmt: skip
ENTRY = st.fixed_dictionaries({"id": st.text(max_size=8)}, optional=dict.fromkeys(FIELDS, ANY))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_results_make_a_page_or_are_refused(tmp_path, data):
    """Whatever JSON stands in the results of a run, the page is well made and holds no element of it."""
    entries = st.lists(ENTRY, max_size=3)
    changes = {
        "observables": data.draw(entries), "findings": data.draw(entries),
        "assumed": data.draw(st.lists(ANY, max_size=2)),
        "inputs": data.draw(st.dictionaries(st.sampled_from(["compound", "scheme", "stack", "x"]), ANY, max_size=3)),
        "seed": data.draw(ANY), "command": data.draw(st.lists(ANY, max_size=4)),
    }  # fmt: skip
    folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
    try:
        page = report([write(folder, **changes)], WORKS)
    except DataError:
        return
    read = Reader(page)
    assert not {"script", "img"} & set(read.elements)
    assert len(read.ids) == len(set(read.ids))
    assert set(read.targets) <= set(read.ids)
    assert page.encode("utf-8")


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [TEXT, MUTED, LINK])
@pytest.mark.parametrize("behind", [PAPER, PANEL])
def test_contrast(colour, behind):
    light, dark = luminance(behind), luminance(colour)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_markup_is_built_of_text():
    assert tag("p", "<", tag("b", "&")) == "<p>&lt;<b>&amp;</b></p>"
    assert text(float("nan")) == "–"
    assert text([1.0, None]) == "1, –"
    made = table(["a", "n"], [["x", 1.5], ["y", None]], caption="C <")
    assert '<th scope="row">x</th>' in made
    assert 'aria-label="Table: C &lt;"' in made
    assert made.count('class="number"') == 3
