"""Directives ``conventions`` and ``statuses``: tables made from the code that measures."""

from collections.abc import Iterable

from docutils import nodes
from docutils.parsers.rst import Directive

from potentiate.measures.conventions import CONVENTIONS
from potentiate.measures.observable import STATUSES


def table(titles: Iterable[str], widths: Iterable[int], rows: Iterable[Iterable[nodes.Node]]) -> nodes.table:
    group = nodes.tgroup()
    group.extend(nodes.colspec(colwidth=width) for width in widths)
    head, body = nodes.thead(), nodes.tbody()
    head += _row(nodes.paragraph(text=title) for title in titles)
    body.extend(_row(cells) for cells in rows)
    group += [head, body]
    # docutils wants the number of columns on the group
    group["cols"] = len(head[0])
    return nodes.table("", group)


def _row(cells: Iterable[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", cell) for cell in cells))


def _names(default: str, alternatives: Iterable[str]) -> nodes.paragraph:
    text = nodes.paragraph("", "", nodes.strong(text=default))
    for name in alternatives:
        text += [nodes.Text(", "), nodes.Text(name)]
    return text


class Conventions(Directive):
    """Quantity, conventions (default first), definition, guard, source."""

    def run(self) -> list[nodes.Node]:
        titles = ("quantity", "conventions (default first)", "definition", "guard", "source")
        rows = (
            (
                nodes.paragraph(text=entry.quantity),
                _names(entry.default, entry.alternatives),
                nodes.paragraph(text=entry.definition),
                nodes.paragraph(text=entry.guard),
                nodes.paragraph(text=entry.citation),
            )
            for entry in CONVENTIONS
        )
        return [table(titles, (14, 18, 34, 22, 12), rows)]


class Statuses(Directive):
    """Status and what it means."""

    def run(self) -> list[nodes.Node]:
        rows = (
            (nodes.paragraph("", "", nodes.literal(text=name)), nodes.paragraph(text=text))
            for name, text in STATUSES.items()
        )
        return [table(("status", "meaning"), (20, 80), rows)]


def setup(app):
    app.add_directive("conventions", Conventions)
    app.add_directive("statuses", Statuses)
    return {"parallel_read_safe": True}
