"""Schemes in the languages of other simulators.

>>> from potentiate.library.scheme import find_scheme
>>> print(export(find_scheme("Partin1996"), "nmodl").splitlines()[0])
: Partin1996: Markov scheme with 6 states, 6 reversible transitions
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import MappingProxyType

from ..errors import UnknownNameError
from ..kinetics.scheme import Scheme
from .mmt import to_mmt
from .nmodl import to_nmodl
from .sbml import to_sbml

__all__ = ["FORMATS", "Format", "export", "to_mmt", "to_nmodl", "to_sbml"]


@dataclasses.dataclass(frozen=True)
class Format:
    """A format to export to: name of the tool, ending of its files, writer."""

    tool: str
    ending: str
    write: Callable[[Scheme], str]


#: Formats by the name that `export` and the command line take.
FORMATS = MappingProxyType(
    {
        "nmodl": Format("NEURON", ".mod", lambda scheme: to_nmodl(scheme)),
        "mmt": Format("Myokit", ".mmt", lambda scheme: to_mmt(scheme)),
        "sbml": Format("SBML", ".xml", lambda scheme: to_sbml(scheme)),
    }
)


def export(scheme: Scheme, format: str) -> str:
    """Return a scheme as text in another tool's language.

    Parameters
    ----------
    scheme : Scheme
    format : str
        A key of :data:`FORMATS`.

    Returns
    -------
    str

    Raises
    ------
    UnknownNameError
        No such format; carries the nearest names.
    UsageError
        The format cannot express the scheme.
    """
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS, do=f"use one of: {', '.join(FORMATS)}")
    return FORMATS[format].write(scheme)
