"""Directives ``dispositions``, ``disposition-numbers`` and ``no-dispositions``: tables made from the library."""

from collections.abc import Iterator

from conventions_table import table
from docutils import nodes
from docutils.parsers.rst import Directive

from potentiate.library.compound import all_compounds
from potentiate.library.disposition import (
    DISPOSITIONS,
    Disposition,
    PkNumber,
    disposition_ids,
    find_disposition,
    read_disposition,
)


def _cells(*texts: str) -> tuple[nodes.Node, ...]:
    return tuple(nodes.paragraph(text=text) for text in texts)


def _documents() -> Iterator[Disposition]:
    for identifier in disposition_ids():
        yield read_disposition(DISPOSITIONS / f"{identifier}.yaml")


def _value(number: PkNumber) -> str:
    if number.value is None:
        low_high = f", {number.interval[0]:g} to {number.interval[1]:g}" if number.interval else ""
        return f"unknown{low_high}"
    unit = "" if number.unit == "1" else f" {number.unit}"
    interval = f" ({number.interval[0]:g} to {number.interval[1]:g})" if number.interval else ""
    return f"{number.value:g}{unit}{interval}"


def _standing(number: PkNumber) -> str:
    if number.value is None:
        return "unknown"
    return f"{number.status}, secondary" if number.secondary else number.status


def _unknown(document: Disposition) -> list[str]:
    """Return the names of what no source gives, of the first variant."""
    found = [name for name, number in document.numbers() if number.value is None]
    # three routes through the mouth lack the same fraction
    return list(dict.fromkeys(name.rpartition(".")[2] if "mouth" in name else name for name in found))


class Dispositions(Directive):
    """Compound, species, scale, variants, routes, what is unknown."""

    def run(self) -> list[nodes.Node]:
        rows = []
        for document in _documents():
            counts = [sum(_standing(n).startswith(s) for _, n in document.numbers()) for s in ("reported", "computed")]
            assumed = sum(n.status == "assumed" and n.value is not None for _, n in document.numbers())
            scale = f"{document.scale}, apparent" if document.apparent else document.scale
            rows.append(
                _cells(
                    document.compound, document.species, scale, "; ".join(v.name for v in document.variants),
                    ", ".join(document.routes_of()), f"{counts[0]} / {counts[1]} / {assumed}",
                    ", ".join(_unknown(document)) or "nothing",
                )
            )  # fmt: skip
        titles = ("compound", "species", "scale", "variants", "routes", "read / computed / assumed", "unknown")
        return [table(titles, (16, 8, 12, 20, 18, 12, 20), rows)]


class DispositionNumbers(Directive):
    """Every number: name, value, spread between people, standing, source, how it came about."""

    def run(self) -> list[nodes.Node]:
        found: list[nodes.Node] = []
        for document in _documents():
            section = nodes.section(ids=[f"disposition-{document.id}"])
            section += nodes.title(text=f"{document.compound}, {document.species}")
            rows = []
            for variant in document.variants:
                for name, number in document.numbers(variant.name):
                    # what all variants share stands with the first
                    if variant is not document.variants[0] and (name, number) in list(document.numbers()):
                        continue
                    spread = "" if number.omega2 is None else f"{number.omega2:g}"
                    why = number.unknown or number.reason or ""
                    rows.append(
                        _cells(variant.name, name, _value(number), spread, _standing(number), number.source or "", why)
                    )
            titles = ("variant", "number", "value (interval)", "variance", "standing", "source", "how, or why not")
            section += table(titles, (12, 18, 18, 8, 12, 14, 40), rows)
            if document.remarks:
                section += nodes.bullet_list(
                    "", *(nodes.list_item("", nodes.paragraph(text=r)) for r in document.remarks)
                )
            found.append(section)
        return found


class NoDispositions(Directive):
    """Compound, species, why there is no time course."""

    def run(self) -> list[nodes.Node]:
        rows = [
            _cells(compound.name, species, block.unknown)
            for compound in all_compounds()
            for species, block in compound.pharmacokinetics.items()
            if block.unknown and find_disposition(compound.id, species) is None
        ]
        return [table(("compound", "species", "why there is no time course"), (20, 10, 70), rows)]


def setup(app):
    app.add_directive("dispositions", Dispositions)
    app.add_directive("disposition-numbers", DispositionNumbers)
    app.add_directive("no-dispositions", NoDispositions)
    return {"parallel_read_safe": True}
