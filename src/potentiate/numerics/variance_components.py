"""Linear models whose errors come in nested groups: REML estimates, and degrees of freedom after Kenward and Roger.

The covariance is ``V = residual * I + sum(variance_k * G_k)``, with ``G_k[i, j] = 1`` where rows i and j share a group
of level k. A variance may end at its bound of zero; that is an answer, not a failure. Matrices are dense within the
coarsest groups: meant for tables of cells, not for samples of traces.
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


@dataclass(frozen=True)
class _Block:
    """Sets of rows that share no group with other rows: V is block-diagonal, and every sum runs over blocks.

    Blocks of one size are stacked: `y` (block, row), `design` (block, row, p), each of `parts` (block, row, row).
    """

    y: Array
    design: Array
    parts: tuple[Array, ...]

    def across(self, one: Array, other: Array) -> Array:
        """Return the sum over blocks of ``one' other``, for (block, row, ...) arrays."""
        rows = self.y.size
        return one.reshape(rows, -1).T @ other.reshape(rows, -1)


def _blocks(y: Array, design: Array, groups: Sequence[Sequence[object]]) -> list[_Block]:
    """Split rows into sets that are connected by no group."""
    n = y.size
    parent = list(range(n))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    codes = []
    for labels in groups:
        first: dict[object, int] = {}
        for i, label in enumerate(labels):
            parent[root(i)] = root(first.setdefault(label, i))
        number = {label: k for k, label in enumerate(first)}
        codes.append(np.array([number[label] for label in labels]))
    members: dict[int, list[int]] = {}
    for i in range(n):
        members.setdefault(root(i), []).append(i)
    made = []
    for size in sorted({len(rows) for rows in members.values()}):
        rows = np.array([r for r in members.values() if len(r) == size])
        parts = [(code[rows][:, :, None] == code[rows][:, None, :]).astype(float) for code in codes]
        unit = np.broadcast_to(np.eye(size), (len(rows), size, size))
        made.append(_Block(y[rows], design[rows], (*parts, unit)))
    return made


def fit_variances(y: Array, design: Array, groups: Sequence[Sequence[object]]) -> VarianceFit:
    """Fit by restricted maximum likelihood.

    Parameters
    ----------
    y : (n,) array
    design : (n, p) array
        Of full column rank, p < n.
    groups : sequence of (n,) sequences
        One label per row for each level; none gives ordinary least squares.

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
    n, p = design.shape
    if p >= n or np.linalg.matrix_rank(design) < p:
        raise ValueError("the design has not full column rank or leaves no residual")
    blocks = _blocks(y, design, groups)
    relative, reason = np.zeros(len(groups)), ""
    if groups:
        from scipy.optimize import minimize

        runs = [
            minimize(lambda x: _criterion(x, blocks, n - p)[:2], np.full(len(groups), start), jac=True,
                     method="L-BFGS-B", bounds=[(0.0, 1e8)] * len(groups),
                     options={"ftol": 1e-15, "gtol": 1e-7, "maxiter": 500})
            for start in _STARTS
        ]  # fmt: skip
        relative = np.asarray(min(runs, key=lambda run: run.fun).x, dtype=float)
        reason = _not_a_minimum(relative, _criterion(relative, blocks, n - p)[1])
    value, _, rest = _criterion(relative, blocks, n - p)
    if not math.isfinite(value):
        return _failed(p, len(groups), "the residual variance is zero: the fixed effects explain every value")
    residual = rest / (n - p)
    variances = relative * residual
    weights, slopes, plain, adjusted, beta = _kenward_roger(blocks, np.append(variances, residual))
    if not np.isfinite(adjusted).all() or (np.diag(adjusted) <= 0).any():
        reason = reason or "the covariance of the fixed effects is not positive"
    log_likelihood = -0.5 * (value + (n - p) * (1 + math.log(2 * math.pi)))
    return VarianceFit(
        beta,
        adjusted,
        plain,
        variances,
        residual,
        log_likelihood,
        "failed" if reason else "ok",
        reason,
        weights,
        slopes,
    )


def _inverse(block: _Block, variances: Array) -> tuple[Array, float]:
    """Return V^-1 of stacked blocks, and the logarithm of the determinant of them all."""
    v = sum((part * k for part, k in zip(block.parts, variances, strict=True)), np.zeros_like(block.parts[0]))
    half = np.linalg.inv(np.linalg.cholesky(v))
    diagonal = np.diagonal(half, axis1=1, axis2=2)
    return np.swapaxes(half, 1, 2) @ half, -2.0 * float(np.log(diagonal).sum())


def _criterion(relative: Array, blocks: Sequence[_Block], free: int) -> tuple[float, Array, float]:
    """Return twice the negative log-likelihood with the residual profiled out, its gradient, and y' P y."""
    p = blocks[0].design.shape[2]
    inside, right, square, log_det = np.zeros((p, p)), np.zeros(p), 0.0, 0.0
    kept = []
    for block in blocks:
        inverse, determinant = _inverse(block, np.append(relative, 1.0))
        weighted = inverse @ block.design
        inside += block.across(block.design, weighted)
        right += block.across(weighted, block.y)[:, 0]
        square += float(np.sum(block.y * (inverse @ block.y[..., None])[..., 0]))
        log_det += determinant
        kept.append((inverse, weighted))
    phi = np.linalg.inv(inside)
    beta = phi @ right
    rest = 0.0
    slope = np.zeros(relative.size)
    quadratic = np.zeros(relative.size)
    for block, (inverse, weighted) in zip(blocks, kept, strict=True):
        left = block.y - block.design @ beta
        turned = (inverse @ left[..., None])[..., 0]
        rest += float(np.sum(left * turned))
        for k in range(relative.size):
            part = block.parts[k]
            slope[k] += float(np.sum(inverse * part)) - float(np.sum(phi * block.across(weighted, part @ weighted)))
            quadratic[k] += float(np.sum(turned * (part @ turned[..., None])[..., 0]))
    if not rest > 1e-14 * square:
        return math.inf, slope, rest
    value = log_det + float(np.linalg.slogdet(inside)[1]) + free * math.log(rest / free)
    return value, slope - free * quadratic / rest, rest


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


def _kenward_roger(blocks: Sequence[_Block], variances: Array) -> tuple[Array, tuple[Array, ...], Array, Array, Array]:
    """Return W, P_i, Phi and the adjusted Phi, in the symbols of Kenward & Roger (1997), and the fixed effects."""
    size, p = variances.size, blocks[0].design.shape[2]
    inside, right = np.zeros((p, p)), np.zeros(p)
    slopes = np.zeros((size, p, p))
    second = np.zeros((size, size, p, p))
    information = np.zeros((size, size))
    for block in blocks:
        inverse, _ = _inverse(block, variances)
        weighted = inverse @ block.design
        inside += block.across(block.design, weighted)
        right += block.across(weighted, block.y)[:, 0]
        turned = [inverse @ part for part in block.parts]
        seen = [part @ weighted for part in block.parts]
        for i in range(size):
            slopes[i] -= block.across(weighted, seen[i])
            for j in range(size):
                second[i, j] += block.across(seen[i], inverse @ seen[j])
                information[i, j] += 0.5 * float(np.sum(turned[i] * np.swapaxes(turned[j], 1, 2)))
    phi = np.linalg.inv(inside)
    phi = (phi + phi.T) / 2
    for i in range(size):
        for j in range(size):
            information[i, j] += 0.5 * float(np.sum((phi @ slopes[i]) * (slopes[j] @ phi)))
            information[i, j] -= float(np.sum(phi * second[i, j]))
    # levels that cannot be told apart make the information singular; the pseudo-inverse spreads over them
    weights = np.asarray(np.linalg.pinv(information, hermitian=True), dtype=float)
    middle = np.zeros((p, p))
    for i in range(size):
        for j in range(size):
            middle += weights[i, j] * (second[i, j] - slopes[i] @ phi @ slopes[j])
    adjusted = phi + 2 * phi @ middle @ phi
    adjusted = np.asarray((adjusted + adjusted.T) / 2, dtype=float)
    return weights, tuple(slopes), np.asarray(phi, dtype=float), adjusted, phi @ right


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
