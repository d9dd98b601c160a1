"""The page around a document: one file, system fonts, nothing fetched, readable on screen, paper and by ear."""

from __future__ import annotations

from .html import Markup, join, tag, text

#: A page fetches nothing and runs nothing, even where something hostile got past the escaping.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

#: Text colours on their background: all at a contrast of 4.5:1 or more (a test computes it).
TEXT, MUTED, LINK, PAPER, PANEL = "#1a1a1a", "#555555", "#00527f", "#ffffff", "#f4f6f8"

#: Okabe-Ito, darkened where it stands behind nothing but a line: verdicts are told by their word as well.
EDGES = {
    "fail": "#D55E00", "near": "#E69F00", "pass": "#009E73", "calibration": "#56B4E9", "not simulable": "#BDBDBD",
    "not run": "#BDBDBD", "not explained": "#CC79A7",
}  # fmt: skip

_STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; color: {TEXT}; background: {PAPER}; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Noto Sans", "DejaVu Sans", sans-serif; }}
main, header, nav {{ max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }}
header {{ padding-top: 1.5rem; }}
h1 {{ font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5rem; }}
h2 {{ font-size: 1.3rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem; border-bottom: 2px solid {TEXT}; }}
h3 {{ font-size: 1.05rem; margin: 1.3rem 0 .4rem; }}
p, li {{ max-width: 50rem; overflow-wrap: anywhere; }}
ul {{ padding-left: 1.2rem; }}
li {{ margin: .2rem 0; }}
a {{ color: {LINK}; }}
a:focus, [tabindex]:focus, summary:focus {{ outline: 3px solid {LINK}; outline-offset: 2px; }}
.skip {{ position: absolute; left: -999rem; }}
.skip:focus {{ left: 1rem; top: 1rem; background: {PAPER}; padding: .5rem; }}
.muted {{ color: {MUTED}; }}
.lead {{ font-size: 1.05rem; }}
nav ol {{ display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; padding: .5rem 0; margin: 0;
  border-top: 1px solid #cccccc; border-bottom: 1px solid #cccccc; }}
.wide {{ overflow-x: auto; margin: .6rem 0 1.2rem; }}
table {{ border-collapse: collapse; font-size: .86rem; line-height: 1.4; min-width: 40%; }}
caption {{ text-align: left; font-weight: 600; padding: .3rem 0; }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #dddddd;
  max-width: 26rem; overflow-wrap: break-word; font-weight: normal; }}
thead th {{ font-weight: 600; border-bottom: 2px solid {TEXT}; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
figure {{ margin: 1rem 0; padding: 1rem; background: {PAPER}; border: 1px solid #cccccc; }}
figure svg {{ display: block; margin: 0 auto; height: auto; }}
figure svg * {{ stroke-linejoin: round; stroke-linecap: butt; }}
figcaption {{ margin-top: .8rem; font-size: .92rem; }}
.word {{ border-left: .45rem solid #bdbdbd; padding-left: .4rem; white-space: nowrap; font-weight: 600; }}
{"".join(f".v-{name.replace(' ', '-')} {{ border-color: {colour}; }}{chr(10)}" for name, colour in EDGES.items())}
.box {{ background: {PANEL}; padding: .6rem 1rem; border-left: .3rem solid {LINK}; }}
code, pre {{ font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; font-size: .85em;
  overflow-wrap: anywhere; }}
pre {{ white-space: pre-wrap; background: {PANEL}; padding: .6rem; }}
@media (prefers-reduced-motion: no-preference) {{ html {{ scroll-behavior: smooth; }} }}
@media (prefers-reduced-motion: reduce) {{ * {{ animation: none !important; transition: none !important; }} }}
@media print {{
  @page {{ size: A4; margin: 16mm 14mm; }}
  body {{ font-size: 10pt; }}
  main, header {{ max-width: none; padding: 0; }}
  nav, .skip, .screen {{ display: none; }}
  h2, h3, caption, thead {{ break-after: avoid; }}
  tr, li {{ break-inside: avoid; }}
  figure {{ border: 0; padding: 0; break-inside: avoid; }}
  figure svg {{ max-height: 210mm; }}
  thead {{ display: table-header-group; }}
  .wide {{ overflow: visible; }}
  table {{ font-size: 7.5pt; width: 100%; }}
  th, td {{ max-width: none; overflow-wrap: break-word; padding-right: .4rem; }}
  td, th {{ hyphens: auto; }}
  a {{ color: inherit; text-decoration: none; }}
}}
"""


def page(title: str, lead: str, sections: list[tuple[str, str, Markup]]) -> str:
    """Return the whole page.

    Parameters
    ----------
    title, lead : str
    sections : list of (id, heading, content)
    """
    links = join(tag("li", tag("a", heading, href=f"#{id}")) for id, heading, _ in sections)
    main = join(
        tag("section", tag("h2", heading, id=f"{id}-heading"), content, id=id, aria_labelledby=f"{id}-heading")
        for id, heading, content in sections
    )
    head = (
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{text(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{text(title)}</title>\n<style>{_STYLE}</style>"
    )
    body = join([
        tag("a", "To the content", href="#content", class_="skip"),
        tag("header", tag("h1", title), tag("p", lead, class_="lead")),
        tag("nav", tag("ol", links), aria_label="Sections"),
        tag("main", main, id="content"),
    ])  # fmt: skip
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'
