"""The bibliography: works by key, and which works a scheme or a modulator rests on."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..errors import DocumentError, UnknownNameError
from .document import LIBRARY, read_text

BIBLIOGRAPHY = LIBRARY / "references.bib"

_FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*)\},?\s*$")


@dataclass(frozen=True)
class Reference:
    """One entry.

    Attributes
    ----------
    key : str
    kind : str
        BibTeX type, e.g. ``article``.
    fields : mapping of str to str
        As written, without the outer braces.
    """

    key: str
    kind: str
    fields: Mapping[str, str]

    def field(self, name: str) -> str:
        """Return a field as plain text, empty where the entry has none."""
        return re.sub(r"[{}]", "", self.fields.get(name, "").replace("\\", ""))

    @property
    def read(self) -> str:
        """What of the work was read."""
        return self.field("note").removeprefix("read: ")

    def text(self) -> str:
        """Return the entry as one line: authors, year, title, where, identifiers."""
        authors = self.field("author").replace(" and others", " et al.").replace(" and ", ", ")
        year = f"({year})" if (year := self.field("year")) else ""
        parts = [f"{authors} {year}".strip(), self.field("title"), self.field("journal"), self.field("howpublished")]
        parts += [f"doi:{doi}" if (doi := self.field("doi")) else "", f"PMID {p}" if (p := self.field("pmid")) else ""]
        return ". ".join(part.rstrip(".") for part in parts if part) + "."

    def bibtex(self) -> str:
        """Return the entry as BibTeX."""
        body = "".join(f"  {name} = {{{value}}},\n" for name, value in self.fields.items())
        return f"@{self.kind}{{{self.key},\n{body}}}"


def read_bibtex(text: str, where: str) -> dict[str, Reference]:
    """Read the subset of BibTeX that the library writes: one field per line, values in braces.

    Raises
    ------
    DocumentError
        A line that is none of entry, field, end and comment; a key or a field given twice; an open entry.

    Examples
    --------
    >>> read_bibtex("@misc{a,\\n  title = {{T}},\\n}", "x")["a"].text()
    'T.'
    """
    found: dict[str, Reference] = {}
    entry: tuple[str, str, dict[str, str]] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        at = f"{where}:{number}"
        if entry is None:
            start = re.match(r"^@(\w+)\{([^,\s]+),\s*$", line)
            if start is not None:
                entry = (start.group(1), start.group(2), {})
                if entry[1] in found:
                    raise DocumentError(f"Key {entry[1]!r} is given twice", where=at)
            elif line.strip() and not line.startswith("%"):
                raise DocumentError("Not an entry of a bibliography", where=at, why=f"it reads {line[:60]!r}")
        elif line.strip() == "}":
            found[entry[1]] = Reference(entry[1], entry[0], MappingProxyType(entry[2]))
            entry = None
        else:
            field = _FIELD.match(line)
            if field is None or field.group(1) in entry[2]:
                raise DocumentError(f"Bad or repeated field of {entry[1]!r}", where=at, why=f"it reads {line[:60]!r}")
            entry[2][field.group(1)] = field.group(2)
    if entry is not None:
        raise DocumentError(f"Entry {entry[1]!r} does not end", where=where)
    return found


@functools.cache
def bibliography() -> Mapping[str, Reference]:
    """Return every entry of the library by key, sorted."""
    return MappingProxyType(read_bibtex(read_text(BIBLIOGRAPHY), BIBLIOGRAPHY.name))


def reference(key: str) -> Reference:
    """Return one entry.

    Raises
    ------
    UnknownNameError
        No such key; carries the nearest ones.
    """
    entries = bibliography()
    if key not in entries:
        raise UnknownNameError("reference", key, entries, do="list the keys with: potentiate cite --all")
    return entries[key]


def key_of(source: str) -> str:
    """Return the key in a source text of a parameter: what stands before a colon, a comma or a space.

    Examples
    --------
    >>> key_of("partin1996: closing 1500 -> 250 1/s")
    'partin1996'
    """
    return re.split(r"[:,\s]", source.strip(), maxsplit=1)[0]


def references_of_scheme(name: str) -> list[str]:
    """Return the keys that a library scheme rests on, those of the scheme that it corrects included."""
    from .scheme import scheme_document

    document, correction = scheme_document(name)
    return _once([*document.source.keys, *(correction.source.keys if correction is not None else [])])


def references_of_modulator(compound: str) -> list[str]:
    """Return the keys behind the operator parameters of a compound; findings stand for their works."""
    from .modulator import find_action

    action = find_action(compound)
    if action is None:
        return []
    doc = action.document
    numbers = [n for n in (doc.kd, doc.koff, doc.affinity, doc.efficacy, *doc.provenance.values()) if n is not None]
    return references_of_sources([n.source for n in numbers if n.source] + sorted(action.used))


def references_of_sources(sources: Iterable[str]) -> list[str]:
    """Return the keys behind source texts that name an entry or a finding; other texts are left out."""
    from .finding import find_finding, finding_ids

    findings = set(finding_ids())
    keys = []
    for source in sources:
        key = key_of(source)
        if key in findings:
            key = find_finding(key).source.key or ""
        if key in bibliography():
            keys.append(key)
    return _once(keys)


def _once(keys: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(keys))
