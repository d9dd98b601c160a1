"""Fisher information of a fit: which combinations of parameters the data know, and which they do not."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..numerics.least_squares import triangle

#: A combination known to within less than this factor (on a log scale, one standard deviation) is called stiff.
STIFF_BELOW = 0.1
#: Known worse than e-fold: sloppy.
SLOPPY_ABOVE = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class Direction:
    """A combination of parameters on the scale of the search.

    Attributes
    ----------
    loadings : array, shape (p,)
        Unit vector; its largest entry is positive.
    sd : float
        Standard deviation along it; on a log scale 0.1 is about 10 %.
    word : {"stiff", "middling", "sloppy"}
    """

    loadings: np.ndarray
    sd: float
    word: str

    def describe(self, names: tuple[str, ...]) -> str:
        """Return the parameters that make up the direction, largest first."""
        order = np.argsort(-np.abs(self.loadings))
        parts = [f"{self.loadings[i]:+.2f} {names[i]}" for i in order if abs(self.loadings[i]) >= 0.2]
        return f"{self.word} (sd {self.sd:.2g}): {', '.join(parts)}"


@dataclasses.dataclass(frozen=True, eq=False)
class Information:
    """Fisher information on the scale of the search (log for rates).

    Attributes
    ----------
    matrix : array, shape (p, p)
    directions : tuple of Direction
        Best known first.
    """

    matrix: np.ndarray
    directions: tuple[Direction, ...]

    @property
    def covariance(self) -> np.ndarray:
        """Inverse of the information; infinite along directions that the data do not know at all."""
        loadings = np.stack([d.loadings for d in self.directions], axis=1)
        variances = np.array([d.sd**2 for d in self.directions])
        if not np.isfinite(variances).all():
            finite = np.isfinite(variances)
            covariance = (loadings[:, finite] * variances[finite]) @ loadings[:, finite].T
            touched = np.any(np.abs(loadings[:, ~finite]) > 1e-6, axis=1)
            covariance[touched] = np.inf
            covariance[:, touched] = np.inf
            return covariance
        return (loadings * variances) @ loadings.T

    @property
    def correlation(self) -> np.ndarray:
        """Correlation of the estimates, shape (p, p); NaN where a parameter is not known."""
        c = self.covariance
        with np.errstate(invalid="ignore", divide="ignore"):
            sd = np.sqrt(np.diag(c))
            return c / np.outer(sd, sd)


def information(jacobian: np.ndarray, correlation_time: float = 1.0) -> Information:
    """Return the Fisher information of residuals that are scaled to unit noise.

    Parameters
    ----------
    jacobian : array, shape (samples, p)
        Of residuals divided by their standard deviation.
    correlation_time : float
        Samples that count as one, because their noise is correlated.

    Notes
    -----
    Directions come from the singular values of the Jacobian, so their ratio is good to 1e15, not to 1e8 as from the
    product. The words follow the sloppy-model literature in kind (Gutenkunst et al. 2007, PLoS Comput Biol 3:e189);
    the borders are ours.
    """
    root = triangle(jacobian) / np.sqrt(correlation_time)
    _, s, vt = np.linalg.svd(root)
    p = jacobian.shape[1]
    s = np.concatenate([s, np.zeros(p - s.size)])
    directions = []
    for value, loadings in zip(s, vt, strict=True):
        loadings = loadings * np.sign(loadings[np.argmax(np.abs(loadings))] or 1.0)
        known = value > s[0] * 1e-13 and value > 0
        sd = 1.0 / value if known else np.inf
        word = "stiff" if sd < STIFF_BELOW else "sloppy" if sd > SLOPPY_ABOVE else "middling"
        directions.append(Direction(loadings, float(sd), word))
    return Information(root.T @ root, tuple(directions))
