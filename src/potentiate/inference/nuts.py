"""The No-U-Turn sampler of numpyro on bounded numbers, in pieces that can be interrupted.

Numbers between two ends are sampled as the logit of their place between them, shifted and turned so that the curvature
at the optimum becomes the unit matrix; the sampler's own mass matrix starts from there.

Reference: Hoffman & Gelman 2014, J Mach Learn Res 15:1593.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import UsageError
from ..kinetics.ensemble import require_float64
from .priors import Prior

#: Transitions between two looks at the keyboard.
CHUNK = 50

#: Energy of a chain that has not moved yet.
UNKNOWN = 1e200

#: Chains start no nearer to an end than this part of the range.
_NEAREST = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Bounded:
    """Numbers with priors, as unbounded coordinates.

    Attributes
    ----------
    priors : tuple of Prior, length p
    """

    priors: tuple[Prior, ...]

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, shape (p,)."""
        return np.array([p.low for p in self.priors]), np.array([p.high for p in self.priors])

    def inward(self, x: np.ndarray) -> np.ndarray:
        """Return the unbounded coordinates of points, shape (..., p)."""
        low, high, cut = self._finite()
        share = np.clip((x - low) / (high - low), _NEAREST, 1 - _NEAREST)
        return np.where(cut, np.log(share) - np.log1p(-share), x)

    def slope(self, z: np.ndarray) -> np.ndarray:
        """Return dx/dz, shape (..., p)."""
        low, high, cut = self._finite()
        share = 1 / (1 + np.exp(-z))
        return np.where(cut, (high - low) * share * (1 - share), 1.0)

    def outward(self, z: Any, xp: Any = np) -> Any:
        """Return the points of unbounded coordinates."""
        low, high, cut = self._finite()
        return xp.where(cut, low + (high - low) / (1 + xp.exp(-xp.where(cut, z, 0.0))), z)

    def log_prior(self, z: Any) -> Any:
        """Return the log density of the priors in the unbounded coordinates, but for a constant; in JAX."""
        import jax
        import jax.numpy as jnp

        _, _, cut = self._finite()
        centre = np.array([p.centre if p.precision else 0.0 for p in self.priors])
        precision = np.array([p.precision for p in self.priors])
        x = self.outward(z, jnp)
        stretch = jax.nn.log_sigmoid(z) + jax.nn.log_sigmoid(-z)
        return jnp.sum(-0.5 * precision * (x - centre) ** 2 + jnp.where(cut, stretch, 0.0))

    def _finite(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        low, high = self.ends
        cut = np.isfinite(low) & np.isfinite(high)
        if np.any(np.isfinite(low) != np.isfinite(high)):
            raise UsageError("A prior is cut off on one side only", do="give both ends, or none")
        return np.where(cut, low, 0.0), np.where(cut, high, 1.0), cut


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """Where the sampler's coordinates have their origin, and their directions.

    Attributes
    ----------
    origin : array, shape (p,)
        In unbounded coordinates.
    axes : array, shape (p, p)
        ``z = origin + axes @ u``.
    """

    origin: np.ndarray
    axes: np.ndarray


def frame_at(bounded: Bounded, optimum: np.ndarray, information: np.ndarray) -> Frame:
    """Return the frame in which the posterior is about a unit normal distribution.

    Parameters
    ----------
    bounded : Bounded
    optimum : array, shape (p,)
    information : array, shape (p, p)
        Of the data alone; that of the priors is added, so it need not have full rank.
    """
    z = bounded.inward(np.asarray(optimum, dtype=float))
    slope = bounded.slope(z)
    low, high, cut = bounded._finite()
    prior = np.array([p.precision for p in bounded.priors])
    prior = np.maximum(prior, np.where(cut, 12.0 / (high - low) ** 2, 0.0))  # at least that of a flat one
    total = (information + np.diag(prior)) * np.outer(slope, slope)
    values, vectors = np.linalg.eigh(total)
    if not np.isfinite(values).all() or values[-1] <= 0:
        raise UsageError("Neither data nor priors say anything", do="give priors with a standard deviation")
    return Frame(z, vectors / np.sqrt(np.maximum(values, 1e-12 * values[-1])))


class Nuts:
    """A compiled sampler.

    Parameters
    ----------
    log_likelihood : callable
        From (x, data), in JAX.
    priors : sequence of Prior
    warmup : int
    chunk : int
        Transitions of one call of :meth:`advance`.
    adapt_mass : bool
        Whether the warm-up learns the mass matrix, or only the step.
    deepest : int
        Largest number of doublings of a trajectory.
    acceptance : float
        Mean chance of acceptance that the step is made for.
    """

    def __init__(
        self,
        log_likelihood: Callable[[Any, Any], Any],
        priors: Sequence[Prior],
        *,
        warmup: int,
        chunk: int = CHUNK,
        adapt_mass: bool = True,
        deepest: int = 10,
        acceptance: float = 0.8,
    ) -> None:
        import jax
        import jax.numpy as jnp

        try:
            from numpyro.infer.hmc import hmc
            from numpyro.infer.util import ParamInfo
        except ModuleNotFoundError:
            raise UsageError(
                "numpyro is not installed", why="it samples posteriors", do="pip install 'potentiate[bayes]'"
            ) from None
        require_float64()
        self.bounded = Bounded(tuple(priors))
        p = len(self.bounded.priors)

        def potential(data: Any, origin: Any, axes: Any) -> Callable[[Any], Any]:
            def energy(u: Any) -> Any:
                z = origin + axes @ u
                return -log_likelihood(self.bounded.outward(z, jnp), data) - self.bounded.log_prior(z)

            return energy

        start, step = hmc(potential_fn_gen=potential, algo="NUTS")

        def init(u: Any, key: Any, *told: Any) -> Any:
            # A start of unknown, huge energy without gradient: the first trajectory leaves it for any place whose
            # energy is a number. Computing its energy here would compile value and gradient once more.
            return start(
                ParamInfo(u, jnp.asarray(UNKNOWN), jnp.zeros(p)),
                warmup,
                inverse_mass_matrix=jnp.eye(p),
                dense_mass=True,
                adapt_mass_matrix=adapt_mass,
                max_tree_depth=deepest,
                target_accept_prob=acceptance,
                model_args=told,
                rng_key=key,
            )

        def advance(state: Any, *told: Any) -> Any:
            def one(state: Any, _: Any) -> tuple[Any, Any]:
                state = step(state, model_args=told)
                return state, (state.z, state.potential_energy, state.diverging, state.num_steps, state.accept_prob)

            return jax.lax.scan(one, state, None, length=chunk)

        self.init, self.advance = jax.jit(init), jax.jit(advance)

    def points(self, u: np.ndarray, frame: Frame) -> np.ndarray:
        """Return draws on the scale of the search, shape (..., p)."""
        return self.bounded.outward(frame.origin + np.asarray(u) @ frame.axes.T)
