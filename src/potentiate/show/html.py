"""HTML from plain text: whatever is put in is text, never markup. Elements are built by these functions only."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

#: Control characters that no page may hold.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Markup(str):
    """Text that is HTML already; everything else is escaped where it is put in."""


def text(value: Any) -> Markup:
    """Return any value as escaped text: numbers with four digits, what is not known as a dash.

    Examples
    --------
    >>> text("<b>"), text(0.123456), text(None)
    ('&lt;b&gt;', '0.1235', '–')
    """
    if isinstance(value, Markup):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Markup("–")
    if isinstance(value, bool):
        return Markup("yes" if value else "no")
    if isinstance(value, float):
        return Markup(f"{value:.4g}")
    if isinstance(value, dict):
        return text(", ".join(f"{k} {plain(v)}" for k, v in value.items()) or None)
    if isinstance(value, (list, tuple)):
        return text(", ".join(plain(v) for v in value) or None)
    return Markup(html.escape(CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(value)), quote=True))


def plain(value: Any) -> str:
    """Return a value as `text` shows it, not escaped."""
    return html.unescape(text(value))


def tag(name: str, *inside: Any, **attributes: Any) -> Markup:
    """Return an element; what is inside is escaped unless it is markup.

    A trailing underscore of an attribute's name is dropped (``class_``), other ones become hyphens (``aria_label``).

    Examples
    --------
    >>> tag("p", "a < b", class_="x")
    '<p class="x">a &lt; b</p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(str(value))}"' for key, value in attributes.items()
        if value is not None
    )  # fmt: skip
    return Markup(f"<{name}{given}>{''.join(text(part) for part in inside)}</{name}>")


def join(parts: Iterable[Any]) -> Markup:
    """Return parts one after the other."""
    return Markup("\n".join(text(part) for part in parts))


def items(entries: Iterable[Any], *, none: str = "nothing") -> Markup:
    """Return a list, or a line that says that it is empty."""
    found = [tag("li", entry) for entry in entries]
    return tag("ul", join(found)) if found else tag("p", none)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: Any, id: str | None = None) -> Markup:
    """Return a table that can be scrolled sideways by keyboard; the first cell of a row names the row."""
    numeric = [all(_number(row[i]) for row in rows) and bool(rows) for i in range(len(columns))]
    names = zip(columns, numeric, strict=True)
    head = tag("tr", join(tag("th", name, scope="col", class_=_side(n)) for name, n in names))
    body = []
    for row in rows:
        cells = [tag("th", row[0], scope="row")]
        cells += [tag("td", cell, class_=_side(n)) for cell, n in zip(row[1:], numeric[1:], strict=True)]
        body.append(tag("tr", join(cells)))
    made = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", join(body)), id=id)
    return tag("div", made, class_="wide", role="region", tabindex="0", aria_label=f"Table: {plain(caption)}")


def _side(numeric: bool) -> str | None:
    return "number" if numeric else None


def _number(value: Any) -> bool:
    if isinstance(value, (int, float)) or value is None:
        return not isinstance(value, bool)
    try:
        float(str(value))
    except ValueError:
        return str(value) in ("", "-")
    return True
