"""A mixed model fitted again by statsmodels, an optional part."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .mixed_model import MixedModel

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SecondOpinion:
    """The same model fitted by statsmodels.

    Attributes
    ----------
    beta : (p,) array
    variances : (k,) array
    residual : float
    log_likelihood : float
    converged : bool
    warnings : tuple of str
        What statsmodels said.
    """

    beta: Array
    variances: Array
    residual: float
    log_likelihood: float
    converged: bool
    warnings: tuple[str, ...]


def second_opinion(model: MixedModel) -> SecondOpinion:
    """Refit a model with statsmodels' MixedLM (REML).

    Raises
    ------
    UsageError
        statsmodels is not installed, or the model has no random level.

    Notes
    -----
    statsmodels searches unbounded parameters: where a variance is zero it stops nearby, with warnings and a slightly
    lower likelihood, and it has no Kenward-Roger degrees of freedom. Hence it is the second opinion.
    """
    if not model.random:
        raise UsageError("statsmodels fits no mixed model without a random level")
    try:
        from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec
    except ImportError:
        raise UsageError(
            "statsmodels is not installed", why="it is an optional part", do="pip install 'potentiate[statistics]'"
        ) from None
    coarse = np.array(model._groups[0])
    labels = sorted(set(model._groups[0]))  # the order in which statsmodels goes through the groups
    names, columns, matrices = [], [], []
    for level, path in zip(model.random[1:], model._groups[1:], strict=True):
        inside, titles = [], []
        for label in labels:
            own = [p for p, c in zip(path, coarse, strict=True) if c == label]
            kinds = list(dict.fromkeys(own))
            inside.append(np.array([[float(o == kind) for kind in kinds] for o in own]))
            titles.append(kinds)
        names.append(level)
        columns.append(titles)
        matrices.append(inside)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        spec = VCSpec(names, columns, matrices) if names else None
        fitted = MixedLM(model._y, model._design, coarse, np.ones((model._y.size, 1)), exog_vc=spec).fit(reml=True)
    variances = np.array([float(np.asarray(fitted.cov_re)[0, 0]), *map(float, fitted.vcomp)])
    return SecondOpinion(
        np.asarray(fitted.fe_params), variances, float(fitted.scale), float(fitted.llf), bool(fitted.converged),
        tuple(dict.fromkeys(str(w.message) for w in said)),
    )  # fmt: skip
