"""Options that the commands on PK tables share, parsed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError

if TYPE_CHECKING:
    from ..recordings.pk_table import PkTable


def read_table(file: Path, units: str | None, molar_mass: str | None, repeats: Any, observed: int | None) -> PkTable:
    """Read a PK table as asked on the command line."""
    from ..recordings.pk_table import read_pk_table

    mass = None
    if molar_mass is not None:
        match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*g/mol\s*", molar_mass)
        if match is None:
            raise UsageError(f"Cannot read the molar mass {molar_mass!r}", where="--molar-mass",
                             do='write it like "194.19 g/mol"')  # fmt: skip
        mass = float(match.group(1))
    told = pairs(units, "--units", "TIME=h,AMT=mg,DV=mg/L") if units else {}
    return read_pk_table(file, units=told, molar_mass_g_mol=mass, repeats=repeats, observed=observed)


def pairs(text: str, option: str, example: str) -> dict[str, str]:
    """Return ``{"TIME": "h"}`` of ``TIME=h``; the name may hold = signs, as conditions do (the last one counts)."""
    found: dict[str, str] = {}
    for part in re.split(r"[,;](?![^=]*$)", text):
        name, equals, value = part.rpartition("=")
        if not (equals and name.strip() and value.strip()):
            raise UsageError(f"Cannot read {part.strip()!r}", where=option, do=f"write it like {example}")
        found[name.strip()] = value.strip()
    return found


def words(text: str | None) -> list[str]:
    """Return the parts between commas."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def table_inputs(file: Path, table: PkTable) -> dict[str, Any]:
    """Return what a run records about its table."""
    return {
        "file": str(file), "sha256": table.sha256, "units": dict(table.units), "subjects": len(table.subjects),
        "observations": table.observations,
    }  # fmt: skip
