"""`potentiate report RUN...`: one self-contained document from runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import DataError, NumericalError, UsageError
from .output import Result, finish

#: Programs that print a page to PDF, in the order in which they are looked for.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
#: A longer print has hung.
PRINT_S = 180
_NO_PDF = "The PDF was not printed"


def report(
    *runs: Path,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("report.html"),
    title: str | None = None,
    question: str | None = None,
    pdf: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Write one document from the folders of runs.

    Parameters
    ----------
    runs
        Folders that commands have written.
    output
        The HTML file; must not exist.
    title, question
        In your own words.
    pdf
        Also print it to PDF, with Chromium or a browser of its family.
    json
        Print one JSON object.
    """
    from ..library.references import reference
    from ..show.report import Bibliography
    from ..show.report import report as write_report
    from ..show.run_folder import read_run
    from .cite import SOFTWARE, keys_of

    if not runs:
        raise UsageError("No run is given", do="give the folders that commands have written: potentiate report runs/*")
    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{output} is no HTML file", do="end its name in .html")
    printed = output.with_suffix(".pdf")
    for path in [output, *([printed] if pdf else [])]:
        if path.exists():
            raise DataError(f"The file {path} exists", do="choose another --output; nothing is overwritten")
    browser = _browser() if pdf else None
    read = [read_run(folder) for folder in runs]
    unlisted: list[str] = []
    keys = [key for folder in runs for key in keys_of(str(folder), unlisted)]
    works = [*(reference(key) for key in dict.fromkeys(keys)), SOFTWARE]
    page = write_report(read, Bibliography(works, list(dict.fromkeys(unlisted))), title=title, question=question)
    _write(output, page)
    files = {"report": str(output)}
    if browser is not None:
        _print(browser, output, printed)
        files["pdf"] = str(printed)
    rows = [[run.about, len(run.rows), len(run.parts("observables")), len(run.parts("findings")),
             len(run.body["assumed"]), "yes" if run.figure is not None else "no"] for run in read]  # fmt: skip
    return finish(
        Result(
            "report", output.stem, {"runs": [str(folder) for folder in runs], "output": str(output), "pdf": pdf},
            ["run", "rows", "numbers", "findings", "assumed", "figure"], rows,
            notes=[f"{len(works)} works"], extra={"files": files},
        ),
        as_json=json, files=False,
    )  # fmt: skip


def _write(path: Path, page: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=".part-", suffix=".html", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(page)
            Path(part).chmod(0o644)
            Path(part).replace(path)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"Cannot write {path}", why=str(error), do="choose another --output") from None


def _browser() -> str:
    """Return a program that prints to PDF.

    Raises
    ------
    UsageError
        None is installed.
    """
    for name in BROWSERS:
        if (found := shutil.which(name)) is not None:
            return found
    raise UsageError(
        "No browser that prints to PDF is installed", why=f"looked for {', '.join(BROWSERS)}",
        do="install Chromium, or leave out --pdf and print the HTML file from any browser",
    )  # fmt: skip


def _print(browser: str, page: Path, pdf: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="potentiate-") as profile:
        part = Path(profile) / "report.pdf"
        words = [
            browser, "--headless", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={profile}/profile",
            f"--print-to-pdf={part}", page.resolve().as_uri(),
        ]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            words.insert(1, "--no-sandbox")  # it refuses to start as root otherwise; the page itself may fetch nothing
        try:
            done = subprocess.run(words, capture_output=True, timeout=PRINT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NumericalError(_NO_PDF, where=browser, why=str(error), do="print the HTML") from None
        if done.returncode != 0 or not part.is_file():
            why = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it wrote no file"]
            raise NumericalError(_NO_PDF, where=browser, why=why[0], do="print the HTML")
        shutil.copyfile(part, pdf)
