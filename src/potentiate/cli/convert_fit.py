"""`potentiate convert fit.nc OUT.petab`: a fitted problem for other programs."""

from __future__ import annotations

from pathlib import Path

from .output import Result


def convert_fit(source: Path, target: Path) -> Result:
    """Write a saved fit as PEtab; the posterior beside it goes along.

    Raises
    ------
    DataError
        Not a fit, or the folder exists.
    UsageError
        PEtab cannot hold it.
    """
    from ..exchange.petab import to_petab
    from ..inference.posterior_store import load_posterior
    from ..inference.store import load_fit

    fit = load_fit(source)
    beside = source.with_name("posterior.nc")
    posterior = load_posterior(beside) if beside.is_file() else None
    folder = to_petab(fit, target, posterior=posterior)
    files = {path.stem: str(path) for path in sorted(folder.iterdir())}
    readme = (folder / "README.txt").read_text(encoding="utf-8")
    differs = [line.removeprefix("- ").rstrip(";.") for line in readme.splitlines() if line.startswith("- ")]
    draws = "none beside the fit"
    if posterior is not None:
        draws = str(int(posterior["draws"].shape[0]) * int(posterior["draws"].shape[1]))
    rows = [
        ["scheme", fit.problem.model.scheme.name],
        ["objective of the fit", fit.objective],
        ["free numbers", str(len(fit.estimates))],
        ["samples", str(fit.n_samples)],
        ["posterior draws", draws],
        *[["not the same", line] for line in differs],
    ]
    return Result(
        "convert", source.stem, {"what": str(source), "to": "petab"}, ["PEtab", folder.name], rows,
        extra={"files": files, "not_expressed": differs},
    )  # fmt: skip
