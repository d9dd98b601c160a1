"""Is what a fit leaves over noise? Correlation, runs and the size of the residuals, sweep by sweep."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

#: Correlations below this end the sum that makes a correlation time.
_SMALLEST_CORRELATION = 0.02


@dataclasses.dataclass(frozen=True)
class ResidualCheck:
    """Residuals of one sweep, divided by the noise of their cell.

    Attributes
    ----------
    experiment, sweep : int
    sd : float
        One where the fit is good and the noise is even.
    lag1 : float
        Correlation of neighbouring samples.
    correlation_time : float
        Samples that count as one.
    runs_z : float
        Excess of runs of one sign over what independent signs would give, in standard deviations (negative: too few);
        judged on samples one correlation time apart.
    status : {"ok", "misfit", "uneven noise"}
    reason : str
    """

    experiment: int
    sweep: int
    sd: float
    lag1: float
    correlation_time: float
    runs_z: float
    status: str
    reason: str


def correlation_time(residuals: np.ndarray) -> float:
    """Return how many neighbouring samples count as one: one plus twice the sum of the autocorrelations.

    Parameters
    ----------
    residuals : array, shape (samples,)

    Notes
    -----
    The sum ends at the first correlation below 0.02 (initial sequence). 1.0 for white noise.
    """
    r = residuals - residuals.mean()
    n = r.size
    power = float(r @ r)
    if n < 8 or power == 0:
        return 1.0
    size = 2 ** math.ceil(math.log2(2 * n))
    spectrum = np.fft.rfft(r, size)
    rho = np.fft.irfft(spectrum * spectrum.conj(), size)[: n // 2] / power
    below = np.flatnonzero(rho < max(_SMALLEST_CORRELATION, 2.0 / math.sqrt(n)))
    stop = int(below[0]) if below.size else rho.size
    return float(max(1.0, 1.0 + 2.0 * rho[1:stop].sum()))


def runs_z(residuals: np.ndarray) -> float:
    """Return the Wald-Wolfowitz statistic of the signs; NaN with fewer than 20 samples or one sign only."""
    positive = residuals > np.median(residuals)
    a, b = int(positive.sum()), int((~positive).sum())
    n = a + b
    if n < 20 or a == 0 or b == 0:
        return math.nan
    runs = 1 + int(np.count_nonzero(positive[1:] != positive[:-1]))
    mean = 1 + 2 * a * b / n
    variance = (mean - 1) * (mean - 2) / (n - 1)
    return (runs - mean) / math.sqrt(variance)


def check_sweep(residuals: np.ndarray, experiment: int, sweep: int, noise_time: float = 1.0) -> ResidualCheck:
    """Return the check of one sweep.

    Parameters
    ----------
    residuals : array, shape (samples,)
        Divided by the noise.
    experiment, sweep : int
    noise_time : float
        Correlation time of the noise where nothing happens (filter); more than that is misfit or channel noise.
    """
    sd = float(residuals.std())
    time = correlation_time(residuals)
    r = residuals - residuals.mean()
    lag1 = float(r[1:] @ r[:-1] / max(float(r @ r), 1e-300))
    z = runs_z(residuals[:: max(1, round(noise_time))])
    if time > 3 * max(noise_time, 1.0) and z < -3:
        status, reason = "misfit", f"residuals keep their sign for {time:.0f} samples (noise: {noise_time:.0f})"
    elif sd > 1.5 or sd < 0.6:
        status, reason = "uneven noise", f"standard deviation {sd:.2f} of that of the cell"
    else:
        status, reason = "ok", ""
    return ResidualCheck(experiment, sweep, sd, lag1, time, z, status, reason)
