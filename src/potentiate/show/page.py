"""Self-contained HTML pages: nothing is fetched, every text is escaped, tables carry their headings."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; color: #111; background: #fff; max-width: 72rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .3rem; }
h2 { font-size: 1.1rem; margin-top: 1.8rem; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; font-size: .92rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #bbb;
  overflow-wrap: break-word; }
th { border-bottom: 2px solid #111; }
td:first-child, th:first-child { white-space: nowrap; }
.word { display: inline-block; border: 2px solid #0072B2; padding: .1rem .6rem; font-weight: 600; }
.note { color: #444; font-size: .9rem; }
"""


def text(value: object) -> str:
    """Return anything as escaped text."""
    return html.escape(str(value), quote=True)


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with a caption."""
    head = "".join(f'<th scope="col">{text(c)}</th>' for c in columns)
    body = "".join("<tr>" + "".join(f"<td>{text(v)}</td>" for v in row) + "</tr>\n" for row in rows)
    return f"<table><caption>{text(caption)}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n"


def page_of(title: str, parts: Iterable[str]) -> str:
    """Return a whole page; `parts` are HTML made by this module."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n<h1>{text(title)}</h1>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def paragraph(value: object, kind: str = "") -> str:
    """Return a paragraph of plain text."""
    return f'<p class="{text(kind)}">{text(value)}</p>' if kind else f"<p>{text(value)}</p>"


def section(value: object) -> str:
    """Return a heading."""
    return f"<h2>{text(value)}</h2>"
