"""The likelihood of a macroscopic current, with the covariance of channel noise and averages over bins.

N independent channels of one scheme carry the current. Successive readings are correlated, because a channel that is
open tends to be so in the next bin, and their variance follows the current; least squares takes them for independent
and alike. Here each reading is predicted from all earlier ones by a Kalman filter of the channel counts, whose means,
covariances and bin averages are exact; only higher moments are closed as Gaussian, which is good where the channels
that move within a bin are many, or the noise is larger than one channel.

References: Moffatt 2007, Biophys J 93:74 (doi:10.1529/biophysj.106.101212); Münch, Paul, Schmauder & Benndorf 2022,
eLife 11:e62714 (doi:10.7554/eLife.62714).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..errors import UsageError
from ..numerics.count_filter import filter_counts, log_density, pack
from ..numerics.interval_average import interval_moments, sample_moments
from ..numerics.low_pass import LowPass
from ..numerics.sample_average import sample_mean_moments
from .bins import BinPlan
from .ensemble import require_float64
from .filtered_current import predict_filtered

Reading = Literal["average", "sample", "mean of samples"]


def bin_noise(samples: Any, white_pA2: Any, floor_pA2: Any = 0.0) -> Any:
    """Return the noise variance of bins that are means of samples.

    Parameters
    ----------
    samples : array
        Samples averaged in each bin.
    white_pA2 : float
        Variance of one sample from noise that is independent between samples.
    floor_pA2 : float
        Variance that does not average out: the same for every bin (1/f noise has about the same power in every octave).

    Returns
    -------
    array
        In pA^2.
    """
    return white_pA2 / samples + floor_pA2


def predict_current(
    plan: BinPlan,
    current_pA: Any,
    generators: Any,
    currents_pA: Any,
    start: Any,
    n_channels: Any,
    noise_pA2: Any,
    *,
    baseline_pA: Any = 0.0,
    reading: Reading = "average",
    open_noise: Any = None,
    low_pass: LowPass | None = None,
    input_noise_pA2_ms: Any = 0.0,
    xp: Any = np,
    squarings: int | None = None,
) -> tuple[Any, Any]:
    """Return mean and variance of each reading, given all readings before it.

    Parameters
    ----------
    plan : BinPlan
        From :func:`potentiate.kinetics.bins.plan_bins`.
    current_pA : array, shape (sweeps, bins)
        The recording; NaN where nothing was recorded. All NaN: mean and variance of the current as such, exactly.
    generators : array, shape (generators, n, n)
        In 1/ms, rows sum to zero.
    currents_pA : array, shape (n,) or (generators, n)
        Current of one channel in each state (conductance times driving force).
    start : array, shape (n,) or (sweeps, n)
        Chance that a channel is in each state at the start of a sweep; the channels are independent.
    n_channels : float or array, shape (sweeps,)
    noise_pA2 : array that broadcasts to (sweeps, bins)
        Variance of each reading that is not due to channels (:func:`bin_noise`).
    baseline_pA : array that broadcasts to (sweeps, bins)
    reading : {"average", "sample", "mean of samples"}
        Whether a reading is the mean over its bin, the value at the end of it, or the mean of the values at the ends of
        its repetitions (a record that was averaged after sampling). The last two are the same without repetitions.
    open_noise : array, shape (n,) or (generators, n), optional
        White noise that an open channel adds: spectral density in pA^2 ms; for unfiltered samples variance in pA^2.
    low_pass : LowPass, optional
        The rig's filter between channels and readings (:mod:`potentiate.numerics.low_pass`). The conditions of the
        first bin are taken to have held before it.
    input_noise_pA2_ms : float
        Spectral density (two-sided) of white noise that passes the filter together with the current; `noise_pA2` is
        added after it. Noise of r pA rms behind the filter has ``r**2 / low_pass.noise_per_ms``.
    xp : module
        ``numpy``, or ``jax.numpy`` to be compiled and differentiated (all arrays but `current_pA`'s NaN).
    squarings : int, optional
        Required under JAX: :meth:`BinPlan.squarings` with the largest rates that a fit may reach (and the filter).
        Results are NaN beyond.

    Returns
    -------
    mean, variance : arrays, shape (sweeps, bins)
        In pA and pA^2.

    Raises
    ------
    UsageError
        Shapes do not fit, readings where the plan has no bin, averages over an empty bin.
    NumericalError
        Under JAX in single precision.
    """
    _check(plan, current_pA, generators, reading)
    if xp is not np:
        require_float64(generators, currents_pA, noise_pA2)
    shape, n = plan.kind.shape, generators.shape[-1]
    start = xp.broadcast_to(xp.asarray(start), (shape[0], n))
    mean = xp.broadcast_to(xp.asarray(n_channels), shape[:1])[:, None] * start
    y = xp.asarray(current_pA) - baseline_pA
    noise = xp.broadcast_to(xp.asarray(noise_pA2, dtype=float), shape)
    if low_pass is not None:
        if reading == "mean of samples":
            raise UsageError("Means of filtered samples are not worked out", do="read every sample behind a filter")
        prediction, variance = predict_filtered(
            plan,
            y,
            generators,
            currents_pA,
            mean,
            start,
            noise,
            low_pass,
            input_noise_pA2_ms,
            average=reading == "average",
            open_noise=open_noise,
            xp=xp,
            squarings=squarings,
        )
        return prediction + baseline_pA, variance
    parts = (plan.part_generator, plan.part_ms, plan.kinds)
    if reading == "mean of samples":
        moments = sample_mean_moments(
            generators, currents_pA, *parts, plan.repeats, variance=open_noise, xp=xp, squarings=squarings
        )
        per_ms = np.ones(len(plan.kind_ms))
    elif reading == "sample":
        moments = sample_moments(generators, currents_pA, *parts, variance=open_noise, xp=xp, squarings=squarings)
        per_ms = np.ones(len(plan.kind_ms))
    else:
        moments = interval_moments(generators, currents_pA, *parts, density=open_noise, xp=xp, squarings=squarings)
        per_ms = 1.0 / np.where(plan.kind_ms > 0, plan.kind_ms, 1.0)
    table = pack(
        moments.transition,
        moments.joint[..., 0] * per_ms[:, None, None],
        moments.second[..., 0, 0] * per_ms[:, None] ** 2,
        xp=xp,
    )
    beyond = -mean[:, :, None] * start[:, None, :]

    def one(kind: Any, y: Any, noise: Any, mean: Any, beyond: Any) -> tuple[Any, Any]:
        return filter_counts(table, kind, y, noise, mean, beyond, xp=xp)

    if xp is np:
        done = [one(*sweep) for sweep in zip(plan.kind, y, noise, mean, beyond, strict=True)]
        prediction, variance = (np.stack(part) for part in zip(*done, strict=True))
    elif shape[0] == 1:
        prediction, variance = (a[None] for a in one(plan.kind[0], y[0], noise[0], mean[0], beyond[0]))
    else:
        import jax

        prediction, variance = jax.vmap(one)(plan.kind, y, noise, mean, beyond)
    return prediction + baseline_pA, variance


def log_likelihood(
    plan: BinPlan,
    current_pA: Any,
    generators: Any,
    currents_pA: Any,
    start: Any,
    n_channels: Any,
    noise_pA2: Any,
    *,
    baseline_pA: Any = 0.0,
    reading: Reading = "average",
    open_noise: Any = None,
    low_pass: LowPass | None = None,
    input_noise_pA2_ms: Any = 0.0,
    xp: Any = np,
    squarings: int | None = None,
) -> Any:
    """Return the log likelihood of a recording (natural logarithm of the density, currents in pA).

    Parameters
    ----------
    plan, current_pA, generators, currents_pA, start, n_channels, noise_pA2, baseline_pA, reading, open_noise, \
low_pass, input_noise_pA2_ms, xp, squarings
        As for :func:`predict_current`.

    Returns
    -------
    float
        Summed over sweeps and recorded bins. NaN where a predicted variance is not positive (the Gaussian closure fails
        with too few channels and too little noise) or where `squarings` is too small.

    Raises
    ------
    UsageError
        As for :func:`predict_current`.

    Examples
    --------
    Two states, 100 channels of -1 pA, three bins of 1 ms, the middle one not recorded:

    >>> import numpy as np
    >>> from potentiate.kinetics.bins import plan_bins
    >>> plan = plan_bins([[[(0, 1.0)]] * 3])
    >>> q = np.array([[[-1.0, 1.0], [1.0, -1.0]]])
    >>> data = np.array([[-50.0, np.nan, -48.0]])
    >>> found = log_likelihood(plan, data, q, np.array([0.0, -1.0]), np.array([0.5, 0.5]), 100.0, 1.0)
    >>> round(float(found), 4)
    -4.6896
    """
    mean, variance = predict_current(
        plan,
        current_pA,
        generators,
        currents_pA,
        start,
        n_channels,
        noise_pA2,
        baseline_pA=baseline_pA,
        reading=reading,
        open_noise=open_noise,
        low_pass=low_pass,
        input_noise_pA2_ms=input_noise_pA2_ms,
        xp=xp,
        squarings=squarings,
    )
    return xp.sum(log_density(xp.asarray(current_pA), mean, variance, xp=xp))


def _check(plan: BinPlan, current_pA: Any, generators: Any, reading: str) -> None:
    if current_pA.shape != plan.kind.shape:
        raise UsageError(
            f"The recording has shape {current_pA.shape}",
            why=f"the plan has (sweeps, bins) {plan.kind.shape}",
            do="give one reading per bin, NaN where nothing was recorded",
        )
    if len(generators) < plan.n_generators:
        raise UsageError(f"{len(generators)} generators", why=f"the plan needs {plan.n_generators}")
    if reading not in ("average", "sample", "mean of samples"):
        raise UsageError(f"Unknown reading {reading!r}", do="use 'average', 'sample' or 'mean of samples'")
    if reading != "mean of samples" and plan.repeats.max() > 1:
        raise UsageError("Bins with repetitions are read as means of samples")
    if not isinstance(current_pA, np.ndarray):
        return  # traced: values cannot be looked at
    absent = np.arange(plan.kind.shape[1]) >= plan.bins[:, None]
    if (absent & ~np.isnan(current_pA)).any():
        raise UsageError("A reading lies beyond the last bin of its sweep", do="fill short sweeps up with NaN")
    if reading == "average" and (~np.isnan(current_pA) & (plan.bin_ms <= 0)).any():
        raise UsageError("An average over an empty bin", do="leave such bins NaN, or read samples")
