"""Put an SVG file into a page: only what draws is kept, whatever else the file holds.

A figure comes from a file, and a file may come from anybody. What is not on the lists below is left out: scripts, event
handlers, links, foreign elements, style sheets, references to anything outside the figure itself.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from ..errors import DataError
from .html import CONTROL

#: Largest figure that is taken in, bytes.
LARGEST = 20_000_000

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"

_ELEMENTS = frozenset(
    "svg g defs path use clipPath rect circle ellipse line polyline polygon text tspan title desc linearGradient "
    "radialGradient stop pattern marker mask symbol image".split()
)
_ATTRIBUTES = frozenset(
    "id class d x y x1 y1 x2 y2 cx cy r rx ry fx fy dx dy width height points transform viewBox preserveAspectRatio "
    "style fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-dasharray stroke-dashoffset "
    "stroke-linecap stroke-linejoin stroke-miterlimit opacity clip-path clip-rule clipPathUnits mask maskUnits "
    "font-family font-size font-style font-weight text-anchor dominant-baseline textLength lengthAdjust offset "
    "stop-color stop-opacity gradientUnits gradientTransform spreadMethod patternUnits patternTransform "
    "patternContentUnits markerWidth markerHeight markerUnits refX refY orient marker-start marker-mid marker-end "
    "color visibility display".split()
)
_PICTURE = re.compile(r"^data:image/(png|jpeg);base64,[A-Za-z0-9+/=\s]+$")
_LOCAL = re.compile(r"""url\(\s*['"]?#([A-Za-z_][\w.\-:]*)['"]?\s*\)""")
_ID = re.compile(r"^[A-Za-z_][\w.\-:]*$")
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]*>")


def inline_svg(text: str, *, prefix: str, title: str, summary: str, where: str = "figure") -> str:
    """Return an SVG file as an element for a page, with a title and a summary for who cannot see it.

    Parameters
    ----------
    text : str
        The file.
    prefix : str
        Put before every id, so that the figures of a page do not meet; letters, digits and hyphens.
    title, summary : str
        What a screen reader says.
    where : str
        For errors.

    Raises
    ------
    DataError
        No SVG, too large, or one that declares entities.

    Examples
    --------
    >>> bad = '<svg xmlns="http://www.w3.org/2000/svg"><script>x</script><rect width="1" onclick="x"/></svg>'
    >>> made = inline_svg(bad, prefix="a", title="T", summary="S")
    >>> "script" in made, "onclick" in made, '<rect width="1"' in made
    (False, False, True)
    """
    if len(text) > LARGEST:
        raise DataError("The figure is too large", where=where, why=f"more than {LARGEST} bytes")
    plain = _DOCTYPE.sub("", text, count=1)
    if "<!DOCTYPE" in plain or "<!ENTITY" in plain:
        raise DataError("The figure declares entities", where=where, why="they can expand without bound")
    try:
        root = ElementTree.fromstring(plain)  # no document type is left, so no entities
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError("The figure is not SVG", where=where, why=str(error)) from None
    if root.tag != f"{{{SVG}}}svg":
        raise DataError("The figure is not SVG", where=where, why=f"its root is {root.tag[:60]!r}")
    made = _clean(root, prefix)
    for child in [c for c in made if c.tag in ("title", "desc")]:
        made.remove(child)
    for name, said, at in (("desc", summary, 0), ("title", title, 0)):
        child = ElementTree.Element(name, {"id": f"{prefix}-{name}"})
        child.text = CONTROL.sub("\N{REPLACEMENT CHARACTER}", said)
        made.insert(at, child)
    _fit(made)
    made.set("role", "img")
    made.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    made.set("xmlns", SVG)
    return ElementTree.tostring(made, encoding="unicode", short_empty_elements=True)


def _clean(element: ElementTree.Element, prefix: str) -> ElementTree.Element:
    """Return a copy with what is on the lists, its names without namespaces."""
    made = ElementTree.Element(_local(element.tag))
    made.text, made.tail = element.text, element.tail
    for name, value in element.attrib.items():
        if (kept := _attribute(name, value, made.tag, prefix)) is not None:
            made.set(*kept)
    for child in element:
        if not isinstance(child.tag, str):  # comments and processing instructions
            continue
        if child.tag.startswith(f"{{{SVG}}}") and _local(child.tag) in _ELEMENTS:
            if _local(child.tag) == "image" and _href(child) is None:
                continue
            made.append(_clean(child, prefix))
    return made


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _href(element: ElementTree.Element) -> str | None:
    value = element.get(f"{{{XLINK}}}href", element.get("href", ""))
    return value if _PICTURE.match(value) else None


def _attribute(name: str, value: str, tag: str, prefix: str) -> tuple[str, str] | None:
    """Return what is kept of an attribute."""
    if name in ("href", f"{{{XLINK}}}href"):
        if tag == "image":
            return ("href", value) if _PICTURE.match(value) else None
        return ("href", f"#{prefix}-{value[1:]}") if value.startswith("#") and _ID.match(value[1:]) else None
    if name not in _ATTRIBUTES:
        return None
    if name == "id":
        return ("id", f"{prefix}-{value}") if _ID.match(value) else None
    if name == "class":
        return None  # no style sheet of the file is kept, and the page's own must not apply
    if name == "style":
        rules = [r.strip() for r in value.split(";")]
        kept = "; ".join(r for r in rules if r and _safe(r))
        return ("style", _LOCAL.sub(rf"url(#{prefix}-\1)", kept)) if kept else None
    return (name, _LOCAL.sub(rf"url(#{prefix}-\1)", value)) if _safe(value) else None


def _safe(value: str) -> bool:
    """Return whether a value draws and fetches nothing."""
    rest = _LOCAL.sub("", value).lower()
    return not any(word in rest for word in ("url", "expression", "javascript", "import", "\\", "@", "<", "behavior"))


def _fit(root: ElementTree.Element) -> None:
    """Let the figure shrink with the page, and not grow."""
    width, height = (re.match(r"^\s*([\d.]+)\s*(pt|px)?\s*$", root.get(side, "")) for side in ("width", "height"))
    if width and height:
        if not root.get("viewBox"):
            root.set("viewBox", f"0 0 {width[1]} {height[1]}")
        scale = 4.0 / 3.0 if width[2] == "pt" else 1.0
        root.set("style", f"max-width: {scale * float(width[1]):.0f}px")
    for side in ("width", "height"):
        root.attrib.pop(side, None)
    root.set("width", "100%")
