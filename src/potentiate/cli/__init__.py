"""The command line: thin faces over public functions. `main` is what the shell calls."""

from __future__ import annotations

import os
import sys

# The matrices are small: threads of the linear algebra library cost more than they give. Set before NumPy loads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

#: command -> (module:function, one line of help). Modules are imported only when their command runs.
COMMANDS = {
    "run": ("potentiate.cli.run:run", "Run a compound's battery: model beside published value."),
    "patch": ("potentiate.cli.patch:patch", "Receptor kinetics with and without a drug."),
    "synapse": ("potentiate.cli.synapse:synapse", "Synaptic responses and calcium with and without a drug."),
    "slice": ("potentiate.cli.slice:slice", "Field potentials and LTP of a CA1 slice with and without a drug."),
    "dose": ("potentiate.cli.dose:dose", "What concentration when, and whether it can act."),
    "stack": ("potentiate.cli.stack:stack", "A combination: what it does, meets and promises, and what is known."),
    "membrane": ("potentiate.cli.membrane:membrane", "[3H]AMPA binding with and without a drug."),
    "compound": ("potentiate.cli.compound:compound", "What is known of a compound, and what is not."),
    "measure": ("potentiate.cli.measure:measure", "Measure a recording."),
    "demo": ("potentiate.cli.demo:demo", "A synthetic data set to try everything with."),
    "fit": ("potentiate.cli.fit:fit", "Fit a scheme, and a drug on it, to recordings."),
    "discriminate": ("potentiate.cli.discriminate:discriminate", "Which step a drug changed, what to record next."),
    "validate": ("potentiate.cli.validate:validate", "Score every finding; failures first, with the suspected cause."),
    "evidence": ("potentiate.cli.evidence:evidence", "Findings by compound, level, outcome ...; the sources answered."),
    "claim": ("potentiate.cli.claim:claim", "What is on record about a claim in plain words."),
    "predict": ("potentiate.cli.predict:predict", "Freeze a prediction; score it when data have come."),
    "report": ("potentiate.cli.report:report", "One document from runs."),
    "convert": ("potentiate.cli.convert:convert", "Export a scheme or a recording."),
    "conventions": ("potentiate.cli.conventions:conventions", "How quantities are defined here."),
    "cite": ("potentiate.cli.cite:cite", "The bibliography of a run, a scheme, a compound."),
    "doctor": ("potentiate.cli.doctor:doctor", "Check the installation."),
}

#: (command, kind) whose options are its own: what ``--as`` names is another subject.
KINDS = {("measure", kind): "potentiate.cli.measure_table:measure_table" for kind in ("hill", "groups")}
KINDS |= {
    ("measure", "nca"): "potentiate.cli.measure_nca:measure_nca",
    ("fit", "population"): "potentiate.cli.fit_population:fit_population_table",
}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the code of its outcome.

    Exit codes: 0 done, 2 usage, 3 input data, 4 numerical failure, 5 validation outside tolerance. An error goes to
    stderr in the shape what - where - why - do; a traceback only with ``--debug``.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        from .. import __version__

        print(f"potentiate {__version__}")
        sys.exit(0)
    debug = "--debug" in words
    words = [w for w in words if w != "--debug"]

    from ..errors import PotentiateError

    try:
        code = _dispatch(words)
    except PotentiateError as error:
        if debug:
            raise
        print(f"potentiate: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("potentiate: interrupted; nothing was half-written", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        print(f"potentiate: internal error: {type(error).__name__}: {error}", file=sys.stderr)
        print("  do:    run again with --debug and report it", file=sys.stderr)
        sys.exit(1)
    sys.exit(code)


def _dispatch(words: list[str]) -> int:
    import cyclopts

    from .. import __version__
    from ..errors import UnknownNameError, UsageError

    app = cyclopts.App(
        name="potentiate",
        help="An in-silico laboratory for the pharmacology of the glutamatergic synapse.",
        version=f"potentiate {__version__}",
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for name, (target, line) in COMMANDS.items():
        app.command(KINDS.get((name, _asked_as(words)), target), name=name, help=line)
    _check_out(words)
    _check_signs(words)
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        raise UnknownNameError("command", words[0], COMMANDS, do=f"use one of {', '.join(COMMANDS)}")
    try:
        result = app(words, exit_on_error=False, print_error=False)
    except cyclopts.CycloptsError as error:
        raise UsageError(str(error), do=f"see: potentiate {words[0] if words else ''} --help") from None
    return int(result) if isinstance(result, int) else 0


def _asked_as(words: list[str]) -> str:
    """Return what ``--as`` names, or nothing."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word == "--as":
            return following
        if word.startswith("--as="):
            return word.removeprefix("--as=")
    return ""


def _check_out(words: list[str]) -> None:
    """Refuse a run folder that exists before anything is computed; nothing is ever overwritten."""
    from pathlib import Path

    from ..errors import DataError

    for word, following in zip(words, [*words[1:], ""], strict=False):
        folder = following if word == "--out" else word.removeprefix("--out=") if word.startswith("--out=") else ""
        if folder and Path(folder).exists():
            raise DataError(f"The folder {folder} exists", do="choose another --out; nothing is overwritten")


def _check_signs(words: list[str]) -> None:
    """Say that a concentration or a dose is negative, where the option parser would only see an unknown option."""
    from ..units import parse_concentration

    if words[:1] == ["dose"] and len(words) > 2 and words[2][:1] == "-" and words[2][1:2].isdigit():
        from ..exposure.regimen import parse_regimen

        parse_regimen(words[2], words[1])

    after_conc = False
    for word in words:
        if word.startswith("--"):
            after_conc = word == "--conc"
        elif after_conc and word.startswith("-"):
            parse_concentration(word, where="--conc")
