"""Figures in a page: what draws is kept, whatever else a file holds is not."""

import re
from html import escape
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potentiate.errors import DataError
from potentiate.show.svg_inline import inline_svg

NS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def made(inside, attributes='width="72pt" height="36pt"'):
    return inline_svg(f"<svg {NS} {attributes}>{inside}</svg>", prefix="f", title="<T>", summary="S & s")


def elements(text):
    return [e.tag.rpartition("}")[2] for e in ElementTree.fromstring(text).iter()]


def test_what_draws_is_kept():
    text = made(
        '<defs><clipPath id="c"><rect width="1" height="2"/></clipPath></defs>'
        '<g clip-path="url(#c)"><path d="M 0 0 L 1 1" style="fill: none; stroke: #0072b2; stroke-dasharray: 1,2"/>'
        '<use xlink:href="#c" x="1"/><text x="1">a &lt; b</text></g>'
    )
    assert elements(text) == ["svg", "title", "desc", "defs", "clipPath", "rect", "g", "path", "use", "text"]
    assert 'id="f-c"' in text
    assert 'clip-path="url(#f-c)"' in text
    assert 'href="#f-c"' in text
    assert "stroke-dasharray: 1,2" in text
    assert "a &lt; b" in text


def test_it_is_named_and_shrinks():
    text = made("<rect/>")
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "f-title f-desc"
    assert [child.text for child in root][:2] == ["<T>", "S & s"]
    assert root.get("viewBox") == "0 0 72 36"
    assert root.get("height") is None
    assert root.get("style") == "max-width: 96px"


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        '<a href="https://example.org"><rect/></a>',
        '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml" onload="alert(1)"/></foreignObject>',
        '<rect onclick="alert(1)"/>',
        '<image href="https://example.org/x.png"/>',
        '<image href="data:image/svg+xml;base64,AAAA"/>',
        '<image xlink:href="javascript:alert(1)"/>',
        '<use href="https://example.org/x.svg#a"/>',
        '<use xlink:href="data:image/svg+xml;base64,AAAA"/>',
        '<rect style="fill: url(https://example.org/x)"/>',
        '<rect style="background: url(javascript:alert(1))"/>',
        '<rect fill="url(//example.org/x)"/>',
        "<style>@import 'https://example.org/x.css';</style>",
        '<animate attributeName="href" to="javascript:alert(1)"/>',
        '<set attributeName="onclick" to="alert(1)"/>',
        '<rect style="width: expression(alert(1))"/>',
        '<rect style="f\\75rl: \\75rl(https://example.org)"/>',
        '<rect xmlns:e="x" e:onload="alert(1)" href="javascript:alert(1)"/>',
        '<metadata><script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script></metadata>',
        '<title><script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script></title>',
        "<!-- --><?xml-stylesheet href='https://example.org/x.css'?>",
    ],
)
def test_what_is_hostile_is_gone(inside):
    text = made(inside)
    rest = text.replace("http://www.w3.org/2000/svg", "")
    for word in ("script", "alert", "example.org", "onclick", "onload", "@import", "expression", "http", "<!--", "<?"):
        assert word not in rest


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<html/>", "not SVG"),
        ("<svg/>", "not SVG"),  # without the namespace it is anything
        ("no markup", "not SVG"),
        ("<svg xmlns='http://www.w3.org/2000/svg'><g>", "not SVG"),
        ("<!DOCTYPE svg [<!ENTITY a 'b'>]><svg xmlns='http://www.w3.org/2000/svg'>&a;</svg>", "entities"),
        ("<!DOCTYPE svg><!DOCTYPE svg><svg xmlns='http://www.w3.org/2000/svg'/>", "entities"),
        ("<svg xmlns='http://www.w3.org/2000/svg'>&external;</svg>", "not SVG"),
    ],
)
def test_what_is_refused(text, why):
    with pytest.raises(DataError, match=why):
        inline_svg(text, prefix="f", title="", summary="")


@settings(max_examples=40)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=60))
def test_any_text_stays_text(said):
    """Whatever a figure says, the page holds it as text."""
    text = made(f"<text>{escape(said)}</text>")
    assert elements(text) == ["svg", "title", "desc", "text"]
    assert not re.search(r"<(?!/?(svg|title|desc|text)\b)", text)


def test_ids_of_two_figures_do_not_meet():
    figure = f'<svg {NS}><path id="a"/><use href="#a"/></svg>'
    both = [inline_svg(figure, prefix=p, title="", summary="") for p in ("figure-1", "figure-2")]
    ids = [set(re.findall(r'id="([^"]+)"', text)) for text in both]
    assert not ids[0] & ids[1]
    assert "figure-1-a" in ids[0]
