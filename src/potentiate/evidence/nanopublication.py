"""Findings as nanopublications: assertion, provenance and publication information, each a small graph (TriG).

The form is that of the nanopublication guidelines: a head graph names the three others. `check_trig` reads a text back
with the same strictness that a reader of the format needs; where rdflib is installed the tests read it with that too.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

from .. import __version__
from ..errors import DataError
from ..library.finding import Finding
from ..library.references import bibliography

BASE = "https://w3id.org/potentiate/"
PREFIXES = {
    "np": "http://www.nanopub.org/nschema#", "prov": "http://www.w3.org/ns/prov#",
    "dcterms": "http://purl.org/dc/terms/", "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#", "pot": f"{BASE}terms/", "finding": f"{BASE}finding/",
    "compound": f"{BASE}compound/",
}  # fmt: skip


def trig(findings: Sequence[Finding], date: datetime.date) -> str:
    """Return nanopublications of findings.

    Parameters
    ----------
    findings : sequence of Finding
    date : datetime.date
        Of the export, in the publication information.
    """
    head = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    return head + "".join("\n" + _one(f, date) for f in findings)


def _one(f: Finding, date: datetime.date) -> str:
    iri = f"{BASE}np/{f.id}"
    head, assertion, provenance, info = (f"<{iri}#{part}>" for part in ("head", "assertion", "provenance", "pubinfo"))
    me = f"<{iri}>"
    return (
        f"{head} {{\n  {me} a np:Nanopublication ;\n    np:hasAssertion {assertion} ;\n"
        f"    np:hasProvenance {provenance} ;\n    np:hasPublicationInfo {info} .\n}}\n"
        f"{assertion} {{\n{_triples(f'finding:{f.id}', _asserted(f))}}}\n"
        f"{provenance} {{\n{_triples(assertion, _provenance(f))}}}\n"
        f"{info} {{\n{_triples(me, _published(f, date))}}}\n"
    )


def _triples(subject: str, pairs: list[tuple[str, str]]) -> str:
    body = " ;\n    ".join(f"{verb} {value}" for verb, value in pairs)
    return f"  {subject} {body} .\n"


def _asserted(f: Finding) -> list[tuple[str, str]]:
    pairs = [("a", "pot:Finding"), ("rdfs:label", literal(f.statement, "en")), ("pot:subject", _compound(f.subject))]
    pairs += [("pot:partner", _compound(p)) for p in f.partners]
    pairs += [("pot:level", literal(f.level)), ("pot:observable", literal(f.observable, "en")),
              ("pot:preparation", literal(f.preparation, "en")), ("pot:effectKind", literal(f.effect.kind)),
              ("pot:direction", literal(f.effect.direction))]  # fmt: skip
    for name, value in (("value", f.effect.value), ("low", f.effect.low), ("high", f.effect.high)):
        if value is not None:
            pairs.append((f"pot:{name}", f'"{value!r}"^^xsd:double'))
    if f.effect.unit:
        pairs.append(("pot:unit", literal(f.effect.unit)))
    pairs.append(("pot:uncertaintyType", literal(f.uncertainty.type)))
    if f.uncertainty.value is not None:
        pairs.append(("pot:uncertainty", f'"{f.uncertainty.value!r}"^^xsd:double'))
    if f.n is not None:
        pairs.append(("pot:n", f'"{f.n}"^^xsd:integer'))
    if f.human is not None:
        pairs += [("pot:population", literal(f.human.population, "en")), ("pot:result", literal(f.human.result))]
    pairs += [("pot:inTensionWith", f"finding:{t}") for t in f.tension]
    return pairs


def _provenance(f: Finding) -> list[tuple[str, str]]:
    pairs = [("pot:design", literal(f.design)), ("pot:quote", literal(f.read.quote, "en")),
             ("pot:readAt", literal(f.read.at)),
             ("pot:secondHand", f'"{str(f.read.secondary).lower()}"^^xsd:boolean')]  # fmt: skip
    entry = bibliography().get(f.source.key or "")
    doi = f.source.doi or (entry.field("doi") if entry else "")
    pmid = f.source.pmid or (entry.field("pmid") if entry else "")
    if doi:
        pairs.append(("prov:wasDerivedFrom", f"<https://doi.org/{_iri(doi)}>"))
    if pmid:
        pairs.append(("prov:wasDerivedFrom", f"<https://pubmed.ncbi.nlm.nih.gov/{pmid}>"))
    pairs.append(("dcterms:source", literal(entry.text() if entry else f.source.title)))
    if f.funding:
        pairs.append(("pot:fundedBy", literal(f.funding, "en")))
    if f.same_lab_as:
        pairs.append(("pot:laboratory", literal(f.same_lab_as)))
    return pairs


def _published(f: Finding, date: datetime.date) -> list[tuple[str, str]]:
    told = literal("A short record of a published observation; not advice", "en")
    return [("dcterms:created", f'"{date.isoformat()}"^^xsd:date'),
            ("prov:wasGeneratedBy", literal(f"potentiate {__version__}")), ("pot:role", literal(f.role)),
            ("dcterms:description", told)]  # fmt: skip


def _compound(name: str) -> str:
    return f"compound:{name}" if re.fullmatch(r"[a-z0-9][a-z0-9-]*", name) else literal(name)


def _iri(text: str) -> str:
    """Return text with what may not stand in an IRI percent-encoded."""
    return re.sub(r'[\x00-\x20<>"{}|^`\\]', lambda m: "".join(f"%{b:02X}" for b in m.group(0).encode()), text)


def literal(text: str, language: str = "") -> str:
    """Return a string literal, escaped.

    Examples
    --------
    >>> literal('a "b"')
    '"a \\\\"b\\\\""'
    """
    escaped = text
    for raw, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        escaped = escaped.replace(raw, written)
    return f'"{escaped}"' + (f"@{language}" if language else "")


_TOKEN = re.compile(
    r"""\s*(?:(?P<prefix>@prefix)\b|(?P<iri><[^<>"{}|^`\\\x00-\x20]*>)|(?P<literal>"(?:[^"\\\n]|\\[tbnrf"'\\])*")"""
    r"""(?P<tag>@[a-z]+|\^\^[a-z]+:[A-Za-z]+)?|(?P<name>[a-z]*:[A-Za-z0-9][\w-]*|[a-z]+:|a\b)|(?P<mark>[{};.]))"""
)


def check_trig(text: str) -> int:
    """Read nanopublications back and return how many there are.

    Raises
    ------
    DataError
        A token that the format does not have, a prefix that was not declared, a graph that is not a list of triples, or
        a nanopublication without exactly one assertion, provenance and publication information.
    """
    tokens = _tokens(text)
    declared: set[str] = set()
    graphs: dict[str, list[tuple[str, str, str]]] = {}
    i = 0
    while i < len(tokens):
        if tokens[i] == "@prefix":
            if len(tokens) < i + 4 or not tokens[i + 2].startswith("<") or tokens[i + 3] != ".":
                raise DataError("A prefix is not declared by name and address")
            declared.add(tokens[i + 1])
            i += 4
            continue
        name = tokens[i]
        if i + 1 >= len(tokens) or tokens[i + 1] != "{" or name in graphs:
            raise DataError("A graph does not start with its own name and a brace", where=name[:80])
        try:
            end = tokens.index("}", i)
        except ValueError:
            raise DataError("A graph does not end", where=name[:80]) from None
        graphs[name] = _triples_in(tokens[i + 2 : end], name)
        i = end + 1
    for token in tokens:
        if re.match(r"^[a-z]+:", token) and f"{token.split(':')[0]}:" not in declared:
            raise DataError(f"The prefix of {token[:60]!r} is not declared")
    return _count_publications(graphs)


def _tokens(text: str) -> list[str]:
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            line = text.count("\n", 0, at) + 1
            raise DataError("Not TriG", where=f"line {line}", why=f"it reads {text[at : at + 40].strip()!r}")
        found.append(match.group(0).strip())
        at = match.end()
    return found


def _triples_in(tokens: Sequence[str], name: str) -> list[tuple[str, str, str]]:
    found = []
    i = 0
    while i < len(tokens):
        subject, i = tokens[i], i + 1
        while True:
            if i + 2 >= len(tokens) or tokens[i + 2] not in (";", "."):
                raise DataError("A triple is not subject, verb and object", where=name[:80])
            if tokens[i].startswith('"') or subject.startswith('"'):
                raise DataError("A literal stands where only a name may stand", where=name[:80])
            found.append((subject, tokens[i], tokens[i + 1]))
            i += 3
            if tokens[i - 1] == ".":
                break
    return found


def _count_publications(graphs: dict[str, list[tuple[str, str, str]]]) -> int:
    heads = [s for triples in graphs.values() for s, v, o in triples if (v, o) == ("a", "np:Nanopublication")]
    objects: dict[tuple[str, str], list[str]] = {}
    for triples in graphs.values():
        for s, v, o in triples:
            if v.startswith("np:has"):
                objects.setdefault((s, v), []).append(o)
    for me in heads:
        for verb in ("np:hasAssertion", "np:hasProvenance", "np:hasPublicationInfo"):
            named = objects.get((me, verb), [])
            if len(named) != 1 or not graphs.get(named[0]):
                raise DataError(f"A nanopublication needs exactly one graph for {verb}", where=me[:80])
    return len(heads)
