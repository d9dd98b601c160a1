"""The pathway of `potentiate slice`: what flowed from glutamate to the field EPSP, as a figure, a table and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..preparations.slice import SliceRun
    from ..preparations.slice_pathway import Pathway
    from ..preparations.slice_study import SliceStudy


def pathway_files(studies: Mapping[str, SliceStudy]) -> dict[str, tuple[str, Callable[[Path], object]]]:
    """Return the files to be written: name and writer by key; none where no row had an induction.

    Parameters
    ----------
    studies : mapping of label -> SliceStudy
        The control first, then the drug if there is one.

    Raises
    ------
    UsageError
        There is no response whose way could be told.
    """
    first, *others = (study.experiment.runs for study in studies.values())
    second = others[0] if others else None
    if not all(study.experiment.done and study.experiment.timetable.inductions for study in studies.values()):
        return {}
    # read before anything is written: what cannot be read leaves no half of a run folder
    read = _read(first, second)

    def draw(path: Path) -> None:
        from ..show.pathway_diagram import pathway_figure

        pathway_figure(first, second).savefig(path)

    def write_json(path: Path) -> None:
        from ..evidence.pathway_evidence import pathway_table

        path.write_text(json.dumps(pathway_table(*read), indent=1, allow_nan=False), encoding="utf-8")

    def write_text(path: Path) -> None:
        from ..evidence.pathway_evidence import pathway_lines

        path.write_text("\n".join(pathway_lines(*read)) + "\n", encoding="utf-8")

    return {
        "pathway": ("pathway.svg", draw),
        "pathway_data": ("pathway.json", write_json),
        "pathway_table": ("pathway.tsv", write_text),
    }


def _read(first: tuple[SliceRun, ...], second: tuple[SliceRun, ...] | None) -> tuple[Pathway, Pathway | None]:
    from ..preparations.slice_pathway import read_pathway

    return read_pathway(first), None if second is None else read_pathway(second)
