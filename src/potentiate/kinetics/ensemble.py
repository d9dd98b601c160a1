"""Many parameter sets of one scheme, and gradients, in JAX: the algorithm of the NumPy path, other arrays.

Parameters are the logarithms of the base rates of :attr:`Scheme.directed`, shape (2 edges,); conditions are the factors
that multiply them, one row of :meth:`Scheme.factors` per generator of a plan. JAX is imported when it is first needed.
Everything compiled is kept by :class:`Ensemble`: new parameters of the same shape do not compile again.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NumericalError, UsageError
from ..numerics.matrix_exponential import settle
from ..numerics.propagation import sample_rows, sample_sweeps
from ..numerics.sweep_plan import Plan
from .scheme import Scheme

#: Bytes that one chunk of parameter sets may take for its traces and tables.
CHUNK_BYTES = 64_000_000


def enable_compilation_cache(folder: Path | str | None = None) -> Path:
    """Keep compiled programs on disk, so that the next process need not compile them.

    Parameters
    ----------
    folder : path, optional
        Default: ``potentiate/jax`` in the user's cache folder (XDG_CACHE_HOME).

    Returns
    -------
    Path
    """
    import jax

    if folder is None:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "potentiate" / "jax"
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder


def require_float64(*arrays: Any) -> None:
    """Refuse to compute in single precision.

    Raises
    ------
    NumericalError
        JAX runs without 64-bit numbers, or an array is float32: gradients would be wrong by 1e-3.
    """
    import jax

    if not jax.config.read("jax_enable_x64"):
        raise NumericalError(
            "JAX is set to single precision",
            why="rates span many decades; gradients in float32 are wrong by 1e-3",
            do="call use_float64() of this module before the first JAX operation, or set JAX_ENABLE_X64=1",
        )
    for array in arrays:
        dtype = getattr(array, "dtype", np.dtype(float))
        if np.issubdtype(dtype, np.floating) and dtype != np.float64:
            raise NumericalError(f"Parameters are {dtype}", why="fits and gradients need float64")


def use_float64() -> None:
    """Switch JAX to 64-bit numbers; to be called by programs, before their first JAX operation."""
    import jax

    jax.config.update("jax_enable_x64", True)


def rates_to_generators(scheme: Scheme, log_k: Any, factors: Any, *, xp: Any = np) -> Any:
    """Return generators of the rates ``exp(log_k) * factors``.

    Parameters
    ----------
    scheme : Scheme
    log_k : array, shape (..., 2 edges)
        Natural logarithms of base rates, in the order of :attr:`Scheme.directed`.
    factors : array, shape (generators, 2 edges)
        From :meth:`Scheme.factors`.
    xp : module
        ``numpy`` or ``jax.numpy``.

    Returns
    -------
    array, shape (..., generators, n, n)
        In 1/ms; rows sum to zero.
    """
    return assemble(scheme, xp.exp(log_k)[..., None, :] * factors, xp=xp)


def assemble(scheme: Scheme, rates: Any, *, xp: Any = np) -> Any:
    """Return generators of given rates of all transitions, shape (..., 2 edges) -> (..., n, n)."""
    source, target, _ = scheme.directed
    incidence = np.zeros((len(source), scheme.n, scheme.n))
    edge = np.arange(len(source))
    incidence[edge, source, target] += 1.0
    incidence[edge, source, source] -= 1.0
    flat = rates @ xp.asarray(incidence.reshape(len(source), -1))
    return flat.reshape(*rates.shape[:-1], scheme.n, scheme.n)


@dataclasses.dataclass(frozen=True, eq=False)
class Ensemble:
    """One scheme and one plan, for any number of parameter sets.

    Attributes
    ----------
    scheme : Scheme
    plan : Plan
    factors : array, shape (generators, 2 edges)
        What multiplies the rates under each generator of the plan.
    observe : array, shape (n, k) or (generators, n, k)
    start : array, shape (n,) or (sweeps, n), or None
        Occupancy at time zero. None: settled under `rest_factors`, anew for each parameter set.
    rest_factors : array, shape (2 edges,), optional
        Conditions before the sweeps; default: those of generator 0.
    largest_ratio : float
        Rates may exceed those of the scheme by this ratio (all at once) before results become NaN.
    """

    scheme: Scheme
    plan: Plan
    factors: np.ndarray
    observe: np.ndarray
    start: np.ndarray | None = None
    rest_factors: np.ndarray | None = None
    largest_ratio: float = 4.0

    def __post_init__(self) -> None:
        if len(self.factors) < self.plan.n_generators:
            raise UsageError(
                f"{len(self.factors)} rows of factors for {self.plan.n_generators} generators",
                do="give one row of Scheme.factors per generator of the plan",
            )

    @functools.cached_property
    def _squarings(self) -> int:
        q = rates_to_generators(self.scheme, np.log(self.scheme.constants), self.factors)
        exits = -np.min(np.diagonal(q, axis1=-2, axis2=-1), axis=-1)
        # the exponential itself allows a twofold excess
        return self.plan.squarings(exits * self.largest_ratio / 2.0)

    def _sampled(self, sample: Any, log_k: Any, xp: Any) -> Any:
        q = rates_to_generators(self.scheme, log_k, self.factors, xp=xp)
        if self.start is None:
            rest = self.factors[0] if self.rest_factors is None else self.rest_factors
            start = settle(rates_to_generators(self.scheme, log_k, rest[None], xp=xp)[0], xp=xp)
        else:
            start = xp.asarray(self.start)
        start = xp.broadcast_to(start, (len(self.plan.hops), self.scheme.n))
        return sample(self.plan, q, start, xp.asarray(self.observe), xp=xp, squarings=self._squarings)[0]

    def trace(self, log_k: Any, *, xp: Any) -> Any:
        """Return the observables of one parameter set, shape (sweeps, samples, k); to be composed, not compiled."""
        return self._sampled(sample_sweeps, log_k, xp)

    def chunk(self, sets: int | None = None) -> int:
        """Return how many parameter sets are computed at once: up to 25, less if they do not fit CHUNK_BYTES."""
        k = self.observe.shape[-1]
        samples = 3 * len(self.plan.hops) * self.plan.n_samples * k
        matrices = sum((2 * t.squares + 2) * len(t.generators) for t in self.plan.tables) * self.scheme.n**2
        fits = CHUNK_BYTES // (8 * (samples + matrices))
        return int(min(max(1, fits), 25, sets or 25))

    def _mapped(self, function: Any) -> Any:
        import jax

        @functools.partial(jax.jit, static_argnames="chunk")
        def run(log_k: Any, chunk: int) -> Any:
            return jax.lax.map(function, log_k, batch_size=chunk)

        return run

    @functools.cached_property
    def _compiled(self) -> set[tuple[Any, int, int]]:
        return set()

    def _over_sets(self, run: Any, log_k: Any) -> Any:
        """Run a map; on a CPU in one thread per core, because XLA does the small products of one map in turn."""
        import jax

        log_k = _sets(log_k)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        chunk = self.chunk(len(log_k))
        workers = min(cores, len(log_k) // chunk) if jax.default_backend() == "cpu" else 1
        if workers < 2:
            return run(log_k, chunk=chunk)
        share = -(-len(log_k) // workers)  # all shares alike, so that they compile once
        parts = [log_k[np.minimum(np.arange(i * share, (i + 1) * share), len(log_k) - 1)] for i in range(workers)]
        if (run, share, chunk) not in self._compiled:  # once, not once per thread
            run(parts[0], chunk=chunk)
            self._compiled.add((run, share, chunk))
        with ThreadPoolExecutor(workers) as pool:
            done = list(pool.map(lambda part: jax.block_until_ready(run(part, chunk=chunk)), parts))
        return jax.tree.map(lambda *x: np.concatenate(x)[: len(log_k)], *done)

    @functools.cached_property
    def _traces(self) -> Any:
        import jax.numpy as jnp

        return self._mapped(lambda log_k: self.trace(log_k, xp=jnp))

    @functools.cached_property
    def _peak_and_charge(self) -> Any:
        import jax.numpy as jnp

        sweeps, samples = len(self.plan.hops), self.plan.n_samples
        trapezoid = np.full(samples, self.plan.dt_ms)
        trapezoid[[0, -1]] *= 0.5
        held = [at >= 0 for at in self.plan.samples]
        # sweep of each row, and whether a place counts and how much
        owner = np.concatenate([at.max(axis=1) // samples for at in self.plan.samples])
        weights = [np.where(at >= 0, trapezoid[at % samples], 0.0)[..., None] for at in self.plan.samples]

        def reduce(log_k: Any) -> tuple[Any, Any]:
            rows = self._sampled(sample_rows, log_k, jnp)
            peaks = [jnp.max(jnp.where(h[..., None], x, -jnp.inf), axis=1) for h, x in zip(held, rows, strict=True)]
            sums = [jnp.sum(w * x, axis=1) for w, x in zip(weights, rows, strict=True)]
            peak, charge = jnp.concatenate(peaks), jnp.concatenate(sums)  # (rows, k)
            own = [np.flatnonzero(owner == s) for s in range(sweeps)]
            return jnp.stack([peak[o].max(axis=0) for o in own]), jnp.stack([charge[o].sum(axis=0) for o in own])

        return self._mapped(reduce)

    def simulate(self, log_k: Any) -> Any:
        """Return all traces.

        Parameters
        ----------
        log_k : array, shape (sets, 2 edges)

        Returns
        -------
        array, shape (sets, sweeps, samples, k)
        """
        return self._over_sets(self._traces, log_k)

    def peak_and_charge(self, log_k: Any) -> tuple[Any, Any]:
        """Return the largest value and the time integral (trapezoids) of each observable, in bounded memory.

        Traces are reduced where they are computed; only one chunk of them exists at a time.

        Parameters
        ----------
        log_k : array, shape (sets, 2 edges)

        Returns
        -------
        peak, charge : arrays, shape (sets, sweeps, k)
            Unit of the observable, and that times ms.
        """
        return self._over_sets(self._peak_and_charge, log_k)

    @functools.cached_property
    def _value_and_gradient(self) -> Any:
        import jax
        import jax.numpy as jnp

        def misfit(log_k: Any, data: Any, weight: Any) -> Any:
            shape = (len(self.plan.hops) * self.plan.n_samples, self.observe.shape[-1])
            weight = jnp.broadcast_to(weight, data.shape).reshape(shape)
            data, total = data.reshape(shape), 0.0
            for at, x in zip(self.plan.samples, self._sampled(sample_rows, log_k, jnp), strict=True):
                square = jnp.where((at >= 0)[..., None], weight[at] * (x - data[at]) ** 2, 0.0)
                total = total + jnp.sum(square)
            return total

        return jax.jit(jax.value_and_grad(misfit))

    def value_and_gradient(self, log_k: Any, data: Any, weight: Any = 1.0) -> tuple[Any, Any]:
        """Return the weighted sum of squares against data and its derivative in every log rate.

        Parameters
        ----------
        log_k : array, shape (2 edges,)
        data : array, shape (sweeps, samples, k)
        weight : float or array that broadcasts to `data`
            0 leaves samples out.

        Returns
        -------
        value : float
        gradient : array, shape (2 edges,)

        Raises
        ------
        NumericalError
            In single precision.
        """
        require_float64(log_k, data, weight)
        return self._value_and_gradient(np.asarray(log_k), data, weight)


def _sets(log_k: Any) -> Any:
    require_float64(log_k)
    if log_k.ndim != 2:
        raise UsageError(f"Parameter sets have shape {log_k.shape}", do="give (sets, 2 edges); one set is log_k[None]")
    return log_k


def simulate(
    plan: Plan, scheme: Scheme, log_k: Any, factors: Any, start: Any, observe: Any, *, xp: Any = np
) -> np.ndarray:
    """Return the traces of parameter sets with NumPy, one by one, or with JAX, in chunks.

    Parameters
    ----------
    plan : Plan
    scheme : Scheme
    log_k : array, shape (sets, 2 edges)
    factors : array, shape (generators, 2 edges)
    start : array, shape (n,) or (sweeps, n), or None
        None: settled under the conditions of generator 0.
    observe : array, shape (n, k) or (generators, n, k)
    xp : module
        ``numpy`` or ``jax.numpy``. Of the latter keep an :class:`Ensemble` where it is called again.

    Returns
    -------
    array, shape (sets, sweeps, samples, k)
    """
    top = float(np.max(np.exp(log_k - np.log(scheme.constants))))
    ensemble = Ensemble(scheme, plan, factors, observe, start, largest_ratio=max(2.0, top))
    if xp is np:
        return np.stack([ensemble.trace(k, xp=np) for k in log_k])
    return ensemble.simulate(log_k)
