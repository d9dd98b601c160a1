"""Directives ``covariates`` and ``interactions``: tables made from the documents of the library."""

from conventions_table import table
from docutils import nodes
from docutils.parsers.rst import Directive

from potentiate.library.covariate import all_covariates
from potentiate.library.interaction import all_interactions


def _cells(*texts: str) -> tuple[nodes.Node, ...]:
    return tuple(nodes.paragraph(text=text) for text in texts)


def _size(effect) -> str:
    if effect.unknown is not None:
        return f"{effect.direction}, size unknown"
    if effect.decay is not None:
        return f"x{effect.decay.start:g}, back to 1 with a half-life of {effect.decay.half_life_h:g} h"
    return f"x{effect.ratio:g} ({effect.interval[0]:g} to {effect.interval[1]:g})"


def _who(doc, effect) -> str:
    if effect.level or effect.only:
        return effect.level or effect.only
    low = f"from {effect.at_least:g}" if effect.at_least is not None else ""
    high = f"below {effect.below:g}" if effect.below is not None else ""
    return f"{' '.join(t for t in (low, high) if t)} {doc.unit}" if low or high else "all"


class Covariates(Directive):
    """Covariate, who, what changes, by how much, source."""

    def run(self) -> list[nodes.Node]:
        rows = []
        for doc in all_covariates():
            for effect in doc.effects:
                sources = ", ".join(k for k in (effect.source, *effect.also) if k)
                what = f"{effect.compound} {effect.parameter}"
                rows.append(_cells(doc.name, _who(doc, effect), what, _size(effect), sources))
            for choice in doc.variants:
                who = choice.level or ("none" if choice.below is not None else "any")
                rows.append(_cells(doc.name, who, choice.compound, f"numbers of '{choice.variant}'", ""))
            rows += [_cells(doc.name, "", f"{m.compound}: effect only", m.text, m.source) for m in doc.modifies]
        return [table(("covariate", "who", "parameter", "ratio (interval)", "source"), (16, 16, 18, 34, 16), rows)]


class Interactions(Directive):
    """Grade, interaction, size, kind and evidence, model, sources."""

    def run(self) -> list[nodes.Node]:
        rows = (
            _cells(
                f"{doc.grade}/{doc.worst}" if doc.worst else doc.grade, doc.title, doc.size,
                f"{doc.kind}; {doc.evidence}", doc.model, ", ".join(sorted(doc.keys())),
            )
            for doc in sorted(all_interactions(), key=lambda d: (d.grade, d.title))
        )  # fmt: skip
        titles = ("grade", "interaction", "size", "kind; evidence", "model", "source")
        return [table(titles, (6, 22, 32, 16, 10, 14), rows)]


def setup(app):
    app.add_directive("covariates", Covariates)
    app.add_directive("interactions", Interactions)
    return {"parallel_read_safe": True}
