"""A slice with other mechanisms, by their names; what that takes for granted."""

from __future__ import annotations

from typing import Any

from ..errors import UnknownNameError, UsageError
from ..library.scheme import find_scheme
from ..library.slice_document import find_slice
from ..mechanisms.cleft import CLEFTS
from ..mechanisms.expression import ROUTES, Route
from ..mechanisms.magnesium_block import BLOCKS
from .expression_study import SPEED, gating_switch
from .slice import SYNAPSES, Slice


def configured_slice(
    name: str = "ca1-slice",
    *,
    solution: str | None = None,
    temperature_C: float | None = None,
    synapses: int = SYNAPSES,
    scheme: str | None = None,
    magnesium_block: str | None = None,
    cleft: str | None = None,
    inhibition: float = 1.0,
    drug_on_interneurons: bool = True,
    express: str = "number",
    inserted: str | None = None,
) -> tuple[Slice, list[str]]:
    """Return a slice of the library with other mechanisms, and what the choices assume.

    Parameters
    ----------
    name : str
    solution : str, optional
        Of the library.
    temperature_C : float, optional
    synapses : int
        Simulated per pathway.
    scheme : str, optional
        AMPA receptors of the pyramidal cell.
    magnesium_block, cleft : str, optional
    inhibition : float
        Part that is intact, 0 to 1.
    drug_on_interneurons : bool
    express : {"number", "conductance", "gating", "composition"}
    inserted : str, optional
        Scheme that ``composition`` inserts.

    Raises
    ------
    UnknownNameError, UsageError
    """
    document = find_slice(name)
    if magnesium_block is not None and magnesium_block not in BLOCKS:
        raise UnknownNameError("magnesium block", magnesium_block, BLOCKS, do=f"use one of {', '.join(BLOCKS)}")
    if cleft is not None and cleft not in CLEFTS:
        raise UnknownNameError("glutamate waveform", cleft, CLEFTS, do=f"use one of {', '.join(CLEFTS)}")
    if express not in ROUTES:
        raise UnknownNameError("route of expression", express, ROUTES, do=f"use one of {', '.join(ROUTES)}")
    if temperature_C is not None and not 0.0 <= temperature_C <= 45.0:
        raise UsageError(f"{temperature_C:g} degC is no temperature of a slice", do="give 0 to 45 degC")
    if (inserted is not None) != (express == "composition"):
        raise UsageError(
            "Expression by composition and the scheme that is inserted go together", do="give both or neither"
        )
    assumed: list[str] = []
    ampa = None if scheme is None else _ampa(scheme)
    if ampa is not None:
        assumed.append(f"{scheme}: as much conductance with all channels open as the resident scheme; its quantal size "
                       "follows from its kinetics")  # fmt: skip
    resident = find_scheme(document.schemes.ampa) if ampa is None else ampa
    changed: dict[str, Any] = {}
    route: Route = next(r for r in ROUTES if r == express)
    if route == "gating":
        faster, gain = gating_switch(
            resident, temperature_C=document.temperature_C if temperature_C is None else temperature_C
        )
        changed = {"changed": faster, "enlargement": gain}
        assumed.append(f"expression by gating: opening and closing x{SPEED:g} (the rates of Ambros-Ingerson & Lynch "
                       f"1993 were not read); one changed receptor responds x{gain:.3g}")  # fmt: skip
    elif inserted is not None:
        changed = {"changed": _ampa(inserted)}
        assumed.append(f"expression by composition: what is inserted is {inserted}, receptor for receptor")
    made = Slice.of(
        name,
        solution=solution,
        temperature_C=temperature_C,
        synapses=synapses,
        ampa=ampa,
        magnesium_block=magnesium_block,
        cleft=cleft,
        gaba=inhibition,
        drug_on_interneurons=drug_on_interneurons,
        route=route,
        **changed,
    )
    if inhibition < 1.0:
        assumed.append(f"{100 * inhibition:g} % of the inhibition is intact (GABA-A; as if blocked from the start)")
    if not drug_on_interneurons:
        assumed.append("the drug does not reach the AMPA receptors of interneurons: it does in tissue (IDRA-21, 1996)")
    resident_law = any(rate.temperature for rate in resident.directed[2])
    if temperature_C is not None and not resident_law:
        assumed.append(f"{resident.name} has no temperature law: its rates are used as written")
    return made, assumed


def _ampa(name: str) -> Any:
    scheme = find_scheme(name)
    if scheme.family != "AMPA":
        raise UsageError(f"{name} is a scheme of {scheme.family} receptors", do="give one of the AMPA family")
    return scheme
