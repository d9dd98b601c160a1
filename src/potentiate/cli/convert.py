"""`potentiate convert`: schemes to other simulators, recordings to text."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ..errors import DataError, UnknownNameError, UsageError
from .convert_recording import convert_recording
from .output import Result, finish

if TYPE_CHECKING:
    from ..library.modulator import Action

#: endings of recordings that can be written, and of all that are read
WRITTEN = (".abf", ".nwb", ".csv", ".tsv", ".nc")
RECORDED = (*WRITTEN, ".txt", ".axgr", ".axgd", ".axgx", ".wcp", ".dat", ".ibw", ".bwav", ".pxp", ".h5", ".hdf5")


#: ending -> language of a scheme
LANGUAGES: dict[str, Literal["nmodl", "mmt", "sbml"]] = {
    ".mod": "nmodl", ".mmt": "mmt", ".xml": "sbml", ".sbml": "sbml",
}  # fmt: skip


def convert(
    what: str,
    target: Path | None = None,
    /,
    *,
    to: Literal["nmodl", "mmt", "sbml"] | None = None,
    scheme: str | None = None,
    variant: str | None = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    unit: str | None = None,
    channel: Annotated[tuple[str, ...], Parameter(name="--channel", negative="")] = (),
    part: str | None = None,
    reader: Literal["both", "neo", "pyabf"] = "both",
    check: Annotated[bool, Parameter(negative="")] = False,
    yes: Annotated[bool, Parameter(negative="")] = False,
    force: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Write a scheme for NEURON, Myokit or as SBML; a recording as ABF1, NWB, CSV or NetCDF; a fit as PEtab.

    Parameters
    ----------
    what
        A compound, a scheme, the file of a recording, or the fit.nc of a fit.
    target
        The file to write: .abf (ABF1), .nwb, .csv, .tsv or .nc for recordings; .mod, .mmt or .xml for schemes; a folder
        that ends in .petab for a fit (with its posterior.nc beside it, if there is one).
    to
        Language of a scheme: nmodl (NEURON), mmt (Myokit) or sbml; default: by the ending of the file.
    scheme
        Base scheme of a compound; default: that of most of its findings.
    variant
        Variant of the compound's operator.
    output
        The file to write; default: the name of the scheme in this folder.
    unit
        True unit of the only (or only chosen) channel of a recording, where the file's is wrong or missing.
    channel
        Channel of the recording to write, by number (from 0) or name; repeat for several; all otherwise.
    part
        Which part of a file that holds several experiments: pattern of NWB series or Igor waves, HEKA GROUP.SERIES.
    reader
        For ABF: both compares two readers and stops where their scales disagree.
    check
        Read the file back and compare: values, units, sweeps, time axis, label; say what the format cannot express.
        Nothing is written, and the exit code is 3, where they differ.
    yes
        Accept a scale that no amplifier can have recorded.
    force
        Replace the file if it exists.
    json
        Print one JSON object.
    """
    if target is not None and output is not None:
        raise UsageError("Two files to write", why=f"{target} and {output}", do="give one of them")
    target = target or output
    if target is not None and target.suffix.lower() == ".petab":
        from .convert_fit import convert_fit

        return finish(convert_fit(Path(what), target), as_json=json, files=False)
    if to is None and target is not None:
        to = LANGUAGES.get(target.suffix.lower())
    if Path(what).suffix.lower() in RECORDED or (target is not None and target.suffix.lower() in WRITTEN):
        if to or scheme or variant:
            raise UsageError("--to, --scheme and --variant are for schemes", why=f"{what} is a recording")
        result = convert_recording(
            Path(what), target, unit=unit, channels=channel, part=part, reader=reader, yes=yes, force=force, check=check
        )
        return finish(result, as_json=json, files=False)
    if to is None:
        raise UsageError("No format given", do="add --to nmodl (NEURON), --to mmt (Myokit) or --to sbml")
    if unit or yes or channel or part or check:
        raise UsageError(
            "--unit, --channel, --part, --check and --yes are for recordings",
            why=f"{what} names no file of a recording",
        )
    return finish(_scheme(what, to, scheme, variant, target, force), as_json=json, files=False)


def _scheme(what: str, to: str, base: str | None, variant: str | None, target: Path | None, force: bool) -> Result:
    from ..exchange import FORMATS, export
    from ..library.references import references_of_modulator, references_of_scheme
    from ..library.scheme import find_scheme, scheme_ids
    from ..units import show_concentration

    compound, name = None, next((s for s in scheme_ids() if s.lower() == what.lower()), None)
    if name is not None and (base or variant):
        raise UsageError("--scheme and --variant go with a compound", why=f"{what!r} is a scheme")
    notes, assumed = [], []
    if name is None:
        compound, name, action = _acting(what, base, assumed)
        scheme = action.apply(find_scheme(name), variant)
        if action.kind == "operator" and variant is None:
            assumed.append(f"variant {action.variants[0][0]!r} of {', '.join(v for v, _ in action.variants)}")
        if action.saturating_only:
            notes.append(f"The affinity of {compound} is unknown: only a saturating concentration means anything.")
    else:
        scheme = find_scheme(name)
    text = export(scheme, to)
    path = target or Path(re.sub(r"[^\w.-]+", "_", scheme.name) + FORMATS[to].ending)
    _replace(path, force, lambda part: part.write_text(text, encoding="utf-8"))
    keys = list(dict.fromkeys([*references_of_scheme(name), *(references_of_modulator(compound) if compound else [])]))
    bath = dict(scheme.bath_uM)
    rows = [
        ["scheme", scheme.name], ["states", str(scheme.n)], ["transitions", str(len(scheme.edges))],
        *[[f"concentration of {name}", show_concentration(bath.get(name, 0.0))] for name in scheme.ligands],
        *[["not expressed", line] for line in left_out(text)],
    ]  # fmt: skip
    inputs = {"what": what, "to": to, "scheme": name, "compound": compound, "variant": variant}
    return Result(
        "convert", scheme.name, inputs, [FORMATS[to].tool, path.name], rows, assumed=assumed, notes=notes,
        extra={"references": keys, "not_expressed": left_out(text), "files": {"export": str(path)}},
    )  # fmt: skip


def _acting(what: str, base: str | None, assumed: list[str]) -> tuple[str, str, Action]:
    """Return compound id, scheme id and action."""
    from ..library.compound import compound_ids, find_compound
    from ..library.finding import ExperimentDoc, findings_of
    from ..library.modulator import find_action, modulator_ids
    from ..library.scheme import scheme_ids

    try:
        compound = find_compound(what)
    except UnknownNameError:
        do = "list them with: potentiate compound --list"
        raise UnknownNameError("compound or scheme", what, [*compound_ids(), *scheme_ids()], do=do) from None
    compound.require_pharmacology()
    action = find_action(compound.id)
    if action is None:
        why = f"no action of {compound.name} on AMPA receptors is parameterised"
        do = f"compounds that have parameters: {', '.join(modulator_ids())}"
        raise UsageError("Nothing to convert", where=what, why=why, do=do)
    if base is not None:
        known = {s.lower(): s for s in scheme_ids()}
        if base.lower() not in known:
            raise UnknownNameError("scheme", base, scheme_ids())
        return compound.id, known[base.lower()], action
    schemes = Counter(
        f.experiment.base_scheme for f in findings_of(compound.id) if isinstance(f.experiment, ExperimentDoc)
    )
    name = schemes.most_common(1)[0][0] if schemes else "Partin1996"
    assumed.append(
        f"base scheme {name} ({'that of most of its findings' if schemes else 'no finding names one'}; --scheme)"
    )
    return compound.id, name, action


def left_out(text: str) -> list[str]:
    """Return what an exported file says that it does not express."""
    # notes of SBML are paragraphs; the other languages have comments
    lines = iter(re.sub(r" *<p>(.*)</p>", r": \1", text).splitlines())
    for line in lines:
        if line.endswith("Not expressed here:"):
            break
    found = []
    for line in lines:
        if not re.match(r"^[:#] {3}\S", line):
            break
        found.append(line[4:])
    return found


def _replace(path: Path, force: bool, write: Callable[[Path], object]) -> None:
    """Write to a temporary name beside the file, then rename."""
    if path.exists() and not force:
        raise DataError(f"{path} exists", do="choose another name with -o, or add --force")
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        write(part)
        os.replace(part, path)
    except OSError as error:
        raise DataError(f"Cannot write {path}", why=error.strerror or str(error), do="choose another -o") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
