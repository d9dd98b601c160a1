"""Findings as a SciUnit test suite, for those that judge models there: numbers with a SD only.

SciUnit's z score divides by the ``std`` of an observation and cannot know whether it is one: a standard error there
makes every model look terrible. So only findings whose page says SD are handed over; the others are listed with the
reason.
Importing SciUnit writes its settings into the user's home; it happens only when a suite is made.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import UsageError
from ..library.finding import Finding, NoExperiment
from .experiment import samples


def observations(findings: Iterable[Finding]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return what SciUnit calls observations, and why the other findings have none.

    Parameters
    ----------
    findings : iterable of Finding

    Returns
    -------
    dict of dict
        By finding: ``mean``, ``std`` and, where the page has it, ``n``; in the unit of the finding.
    dict of str
        By finding: the reason.

    Examples
    --------
    >>> from potentiate.library.finding import find_finding
    >>> observations([find_finding("glua1-flip-tau-des-sem")])[1]["glua1-flip-tau-des-sem"]
    'its uncertainty is SEM: SciUnit would take it for a SD'
    """
    found: dict[str, dict[str, Any]] = {}
    left: dict[str, str] = {}
    for finding in findings:
        effect, error = finding.effect, finding.uncertainty
        if isinstance(finding.experiment, NoExperiment):
            left[finding.id] = f"no experiment: {finding.experiment.none}"
        elif finding.role == "calibration":
            left[finding.id] = "it set the model, so it is no test"
        elif effect.kind != "value" or effect.value is None:
            left[finding.id] = f"a finding of kind {effect.kind} is no mean"
        elif error.type != "SD" or error.value is None:
            left[finding.id] = f"its uncertainty is {error.type}: SciUnit would take it for a SD"
        else:
            found[finding.id] = {"mean": effect.value, "std": error.value} | ({"n": finding.n} if finding.n else {})
    return found, left


def suite(findings: Iterable[Finding], name: str = "potentiate") -> Any:
    """Return a ``sciunit.TestSuite`` with one z-score test per finding with a SD; judge :func:`model` by it.

    Parameters
    ----------
    findings : iterable of Finding
    name : str

    Raises
    ------
    UsageError
        SciUnit is not installed, or no finding has a SD.
    """
    sciunit = _sciunit()
    by_id = {f.id: f for f in findings}
    found, left = observations(by_id.values())
    if not found:
        raise UsageError("No finding has a SD", why="; ".join(dict.fromkeys(left.values())))

    class FindingTest(sciunit.Test):
        """The median of the ensemble against a published mean, in SDs of the published cells or people."""

        score_type = sciunit.scores.ZScore
        # numbers are in the unit of the finding, so they are plain here
        observation_schema: Mapping[str, Any] = {
            "mean": {"required": True, "type": "number"},
            "std": {"required": True, "type": "number", "min": 0},
            "n": {"type": "integer", "min": 1},
        }

        def generate_prediction(self, model: Any) -> dict[str, float]:
            return {"mean": model.predict(self.params["finding"])}

    tests = []
    for i, observation in found.items():
        test = FindingTest(observation, name=i, finding=by_id[i])
        test.description = f"{by_id[i].statement} ({by_id[i].effect.unit})"
        tests.append(test)
    return sciunit.TestSuite(tests, name=name)


def model() -> Any:
    """Return this model as a ``sciunit.Model``: it predicts the median of the ensemble, in the finding's unit.

    Raises
    ------
    UsageError
        SciUnit is not installed.
    """
    sciunit = _sciunit()

    class Potentiate(sciunit.Model):
        """The ensemble of potentiate."""

        def predict(self, finding: Finding) -> float:
            values = [s.value for s in samples(finding) if math.isfinite(s.value)]
            return float(np.median(values)) if values else math.nan

    return Potentiate("potentiate")


def _sciunit() -> Any:
    try:
        importlib.import_module("sciunit.scores")
        return importlib.import_module("sciunit")
    except ImportError:
        raise UsageError(
            "SciUnit is not installed", why="suites are made by it", do='pip install "potentiate[sciunit]"'
        ) from None
