"""Linear models whose errors come in nested groups: REML estimates, and degrees of freedom after Kenward and Roger.

The covariance is ``V = residual * I + sum(variance_k * G_k)``, with ``G_k[i, j] = 1`` where rows i and j share a group
of level k. A variance may end at its bound of zero; that is an answer, not a failure. Dense matrices: meant for tables
of cells (up to a few thousand rows), not for samples of traces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Relative variances (to the residual) from which the search starts.
_STARTS = (0.1, 1.0)
#: A minimum is believed when a step of the search space changes twice the log-likelihood by less than this.
_FLAT = 1e-3


@dataclass(frozen=True)
class VarianceFit:
    """REML estimates of a linear model with grouped errors.

    Attributes
    ----------
    beta : (p,) array
        Fixed effects.
    covariance : (p, p) array
        Of `beta`, with the correction of Kenward and Roger for estimated variances.
    plain_covariance : (p, p) array
        ``(X' V^-1 X)^-1``.
    variances : (k,) array
        Of the levels, in the order given.
    residual : float
        Residual variance.
    log_likelihood : float
        Restricted, with all constants.
    status : {"ok", "failed"}
    reason : str
        Empty when ok.
    """

    beta: Array
    covariance: Array
    plain_covariance: Array
    variances: Array
    residual: float
    log_likelihood: float
    status: Literal["ok", "failed"]
    reason: str
    _weights: Array
    _slopes: tuple[Array, ...]


@dataclass(frozen=True)
class FTest:
    """A Wald F test of linear contrasts.

    Attributes
    ----------
    f : float
        Scaled F statistic; for one contrast the square of t.
    df : int
        Numerator degrees of freedom.
    df_error : float
        Denominator degrees of freedom after Kenward and Roger.
    p : float
    """

    f: float
    df: int
    df_error: float
    p: float


def same_group(labels: Sequence[object]) -> Array:
    """Return the (n, n) matrix that is 1 where two rows carry the same label.

    Examples
    --------
    >>> same_group(["a", "b", "a"]).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    """
    code = {label: k for k, label in enumerate(dict.fromkeys(labels))}
    index = np.array([code[label] for label in labels])
    return (index[:, None] == index[None, :]).astype(float)


def fit_variances(y: Array, design: Array, groups: Sequence[Array]) -> VarianceFit:
    """Fit by restricted maximum likelihood.

    Parameters
    ----------
    y : (n,) array
    design : (n, p) array
        Of full column rank, p < n.
    groups : sequence of (n, n) arrays
        One matrix per level (see :func:`same_group`); none gives ordinary least squares.

    Returns
    -------
    VarianceFit

    Raises
    ------
    ValueError
        The design has not full rank, or leaves no residual.

    Notes
    -----
    The residual variance is profiled out and the relative variances are found by L-BFGS-B with the exact gradient,
    bounded by zero, from two starts. Restricted likelihood: Patterson & Thompson 1971, Biometrika 58:545. Covariance
    correction: Kenward & Roger 1997, Biometrics 53:983 (expected information; linear V, so no second derivatives).
    """
    from scipy.optimize import minimize

    n, p = design.shape
    if p >= n or np.linalg.matrix_rank(design) < p:
        raise ValueError("the design has not full column rank or leaves no residual")
    identity = np.eye(n)

    def parts(relative: Array) -> tuple[float, Array, Array, float]:
        """Twice the negative profiled log-likelihood, its gradient, H^-1 and the residual quadratic form."""
        h = identity + sum((g * k for g, k in zip(groups, relative, strict=True)), np.zeros((n, n)))
        root = np.linalg.cholesky(h)
        half = np.linalg.solve(root, np.column_stack([identity, design]))
        inverse = half[:, :n].T @ half[:, :n]
        q, r = np.linalg.qr(half[:, n:])
        across = half[:, :n].T @ q
        projection = inverse - across @ across.T
        py = projection @ y
        rest = float(y @ py)
        if not rest > 0:
            return math.inf, np.zeros(len(groups)), inverse, rest
        value = (
            2 * np.log(np.diag(root)).sum() + 2 * np.log(np.abs(np.diag(r))).sum() + (n - p) * math.log(rest / (n - p))
        )
        slope = np.array([np.sum(projection * g) - (n - p) * float(py @ g @ py) / rest for g in groups])
        return float(value), slope, inverse, rest

    relative, reason = np.zeros(len(groups)), ""
    if groups:
        runs = [
            minimize(lambda x: parts(x)[:2], np.full(len(groups), start), jac=True, method="L-BFGS-B",
                     bounds=[(0.0, 1e8)] * len(groups), options={"ftol": 1e-15, "gtol": 1e-7, "maxiter": 500})
            for start in _STARTS
        ]  # fmt: skip
        relative = np.asarray(min(runs, key=lambda run: run.fun).x, dtype=float)
        reason = _not_a_minimum(relative, parts(relative)[1])
    value, _, inverse, rest = parts(relative)
    if not math.isfinite(value):
        return _failed(p, len(groups), "the residual variance is zero: the fixed effects explain every value")
    residual = rest / (n - p)
    weights, slopes, plain, adjusted = _kenward_roger(inverse / residual, design, [*groups, identity])
    if not np.isfinite(adjusted).all() or (np.diag(adjusted) <= 0).any():
        reason = reason or "the covariance of the fixed effects is not positive"
    beta = plain @ design.T @ (inverse / residual) @ y
    log_likelihood = -0.5 * (value + (n - p) * (1 + math.log(2 * math.pi)))
    return VarianceFit(
        beta, adjusted, plain, relative * residual, residual, log_likelihood, "failed" if reason else "ok", reason,
        weights, slopes,
    )  # fmt: skip


def _not_a_minimum(x: Array, slope: Array) -> str:
    """Return why the end of the search is no minimum, or nothing."""
    if (x > 1e7).any():
        return "a variance grows without bound against the residual"
    free = np.where((x <= 0) & (slope > 0), 0.0, slope)
    if np.max(np.abs(free) * np.maximum(x, 0.01)) > _FLAT:
        return "the search for the variances did not converge"
    return ""


def _failed(p: int, k: int, reason: str) -> VarianceFit:
    square = np.full((p, p), np.nan)
    return VarianceFit(
        np.full(p, np.nan), square, square, np.full(k, np.nan), math.nan, math.nan, "failed", reason,
        np.full((k + 1, k + 1), np.nan), (square,) * (k + 1),
    )  # fmt: skip


def _kenward_roger(
    precision: Array, design: Array, parts: Sequence[Array]
) -> tuple[Array, tuple[Array, ...], Array, Array]:
    """Return W, P_i, Phi and the adjusted Phi, in the symbols of Kenward & Roger (1997)."""
    size = len(parts)
    weighted = precision @ design
    phi = np.linalg.inv(design.T @ weighted)
    phi = (phi + phi.T) / 2
    turned = [precision @ part for part in parts]
    slopes = tuple(-(weighted.T @ part @ weighted) for part in parts)
    second = [[weighted.T @ parts[i] @ turned[j] @ weighted for j in range(size)] for i in range(size)]
    information = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            information[i, j] = 0.5 * (
                np.sum(turned[i] * turned[j].T)
                - 2 * np.sum(phi * second[i][j])
                + np.sum((phi @ slopes[i]) * (slopes[j] @ phi))
            )
    # levels that cannot be told apart make the information singular; the pseudo-inverse spreads over them
    weights = np.linalg.pinv(information, hermitian=True)
    middle = sum(
        (weights[i, j] * (second[i][j] - slopes[i] @ phi @ slopes[j]) for i in range(size) for j in range(size)),
        np.zeros_like(phi),
    )
    adjusted = phi + 2 * phi @ middle @ phi
    return weights, slopes, phi, (adjusted + adjusted.T) / 2


def f_test(fit: VarianceFit, contrasts: Array) -> FTest:
    """Test that contrasts of the fixed effects are zero.

    Parameters
    ----------
    fit : VarianceFit
    contrasts : (q, p) or (p,) array
        Linearly independent rows.

    Returns
    -------
    FTest
        All NaN where the fit failed, or where the moments of F do not exist (fewer than two degrees of freedom).

    Notes
    -----
    Kenward & Roger 1997, Biometrics 53:983, section 3: F is scaled and its denominator degrees of freedom chosen so
    that the first two moments match, and exact tests (balanced designs, Hotelling's T) come out exact.
    """
    from scipy.special import fdtrc

    rows = np.atleast_2d(np.asarray(contrasts, dtype=float))
    q = rows.shape[0]
    if fit.status != "ok":
        return FTest(math.nan, q, math.nan, math.nan)
    phi, weights = fit.plain_covariance, fit._weights
    theta = rows.T @ np.linalg.solve(rows @ phi @ rows.T, rows)
    turned = [theta @ phi @ slope @ phi for slope in fit._slopes]
    traces = np.array([np.trace(m) for m in turned])
    a1 = float(traces @ weights @ traces)
    a2 = float(sum(weights[i, j] * np.sum(turned[i] * turned[j].T)
                   for i in range(len(turned)) for j in range(len(turned))))  # fmt: skip
    df_error, scale = _moments(q, a1, a2)
    if not (df_error > 2 or (q == 1 and df_error > 0)) or not math.isfinite(scale if q > 1 else 1.0):
        return FTest(math.nan, q, math.nan, math.nan)
    scale = 1.0 if q == 1 else scale  # exactly 1 in theory; the difference of large numbers is not
    effect = rows @ fit.beta
    f = scale * float(effect @ np.linalg.solve(rows @ fit.covariance @ rows.T, effect)) / q
    return FTest(f, q, df_error, float(fdtrc(q, df_error, f)))


def _moments(q: int, a1: float, a2: float) -> tuple[float, float]:
    """Return the denominator degrees of freedom and the scale of F from the two traces."""
    b = (a1 + 6 * a2) / (2 * q)
    g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2)
    base = 3 * q + 2 * (1 - g)
    c1, c2, c3 = g / base, (q - g) / base, (q + 2 - g) / base
    mean = 1 / (1 - a2 / q)
    variance = 2 / q * (1 + c1 * b) / ((1 - c2 * b) ** 2 * (1 - c3 * b))
    ratio = variance / (2 * mean**2)
    df_error = 4 + (q + 2) / (q * ratio - 1)
    return df_error, df_error / (mean * (df_error - 2))
