"""The marginal likelihood of a population model: first-order conditional estimation, Laplace, adaptive quadrature.

For each subject the etas at the mode of the joint density are found by Newton's method; around it the density is taken
for Gaussian. FOCE with interaction takes the expected curvature (first derivatives of the model), Laplace the whole,
adaptive Gauss-Hermite quadrature sums over nodes laid out by it. The objective is that of NONMEM: minus twice the log
likelihood without the constant n log(2 pi).

Gradients are total derivatives: the modes move with the parameters (one Newton step from the mode carries their
derivative, as the implicit function theorem has it).

Sources: Lindstrom & Bates 1990, Biometrics 46:673 (FOCE); Wang 2007, J Pharmacokinet Pharmacodyn 34:575 (interaction,
Laplace); Almquist, Leander & Jirstrand 2015, J Pharmacokinet Pharmacodyn 42:191 (gradients); Pinheiro & Bates 1995,
J Comput Graph Stat 4:12 (quadrature).
"""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np

from ..kinetics.ensemble import require_float64
from ..mechanisms.pk_closed_forms import GivenDoses, Kinds, concentration
from .population_model import ERRORS, PopulationModel, omega_root

Method = Literal["focei", "laplace", "quadrature"]

#: Newton steps towards a mode, at most; a step that promises less than this is the last.
MOST_STEPS = 60
ENOUGH = 1e-18

#: Grid of step lengths that are tried at once.
LENGTHS = 0.5 ** np.arange(9)


class Likelihood:
    """The functions of one model, compiled on first use; data of the same shapes do not compile again.

    Parameters
    ----------
    model : PopulationModel
    kinds : Kinds
        Of the doses.
    method : {"focei", "laplace", "quadrature"}
    nodes : int
        Per eta, for quadrature.
    """

    def __init__(self, model: PopulationModel, kinds: Kinds, method: Method = "focei", nodes: int = 9) -> None:
        import jax

        require_float64()
        self.model, self.kinds, self.method, self.nodes = model, kinds, method, nodes
        one = jax.value_and_grad(self._objective, has_aux=True)
        self._evaluate = jax.jit(jax.vmap(one, in_axes=(None, 0)))
        self._details = jax.jit(jax.vmap(self._detail, in_axes=(None, 0, 0)))

    def evaluate(self, x: np.ndarray, arrays: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return objective (N,), gradient (N, p) and etas (N, q) of the subjects at a point of the search."""
        (value, etas), slope = self._evaluate(np.asarray(x, dtype=float), arrays)
        return np.asarray(value), np.asarray(slope), np.asarray(etas)

    def details(self, x: np.ndarray, etas: np.ndarray, arrays: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return prediction (N, J), its variance, and its slope along the etas (N, J, q), for given etas (N, q)."""
        found = self._details(np.asarray(x, dtype=float), np.asarray(etas, dtype=float), arrays)
        return {name: np.asarray(value) for name, value in zip(("f", "variance", "slope"), found, strict=True)}

    # ------------------------------------------------------------------------------------------- one subject

    def predict(self, x: Any, eta: Any, d: dict[str, Any]) -> Any:
        """Return the concentrations of one subject, shape (J,), in JAX."""
        import jax.numpy as jnp

        model = self.model
        beta = x[: model.fixed_effects]
        logs = d["offset"] + d["design"] @ beta
        place = {name: k for k, name in enumerate(model.etas)}
        p = {
            name: jnp.exp(logs[k] + (eta[place[name]] if name in place else 0.0))
            for k, name in enumerate(model.parameters)
        }
        doses = GivenDoses(d["dose_t"], d["amount"], d["duration"], d["depot"], d["interval"], d["counts"])
        return concentration(model.structure, p, d["t"], doses, kinds=self.kinds, xp=jnp)

    def variance(self, x: Any, f: Any) -> Any:
        """Return the variance of observations around predictions."""
        import jax.numpy as jnp

        names = ERRORS[self.model.error]
        sigma = dict(zip(names, jnp.exp(2.0 * x[-len(names) :]), strict=True))
        return sigma.get("proportional", 0.0) * f**2 + sigma.get("additive", 0.0)

    def misfit(self, x: Any, eta: Any, d: dict[str, Any]) -> Any:
        """Return minus twice the log density of the observations of one subject given its etas, without constant."""
        import jax.numpy as jnp

        f = self.predict(x, eta, d)
        variance = jnp.where(d["there"], self.variance(x, f), 1.0)
        residual = jnp.where(d["there"], d["y"] - f, 0.0)
        return jnp.sum(jnp.where(d["there"], jnp.log(variance), 0.0) + residual**2 / variance)

    def _joint(self, eta: Any, x: Any, d: dict[str, Any]) -> Any:
        """Return half of minus twice the log joint density (of observations and etas)."""
        import jax.numpy as jnp
        from jax.scipy.linalg import solve_triangular

        root = omega_root(self.model, x, xp=jnp)
        scaled = solve_triangular(root, eta, lower=True)
        log_det = 2.0 * jnp.sum(jnp.log(jnp.diag(root)))
        return 0.5 * (self.misfit(x, eta, d) + jnp.sum(scaled**2) + log_det)

    def _expected(self, eta: Any, x: Any, d: dict[str, Any]) -> Any:
        """Return the expected curvature of the joint density at etas, shape (q, q)."""
        import jax
        import jax.numpy as jnp
        from jax.scipy.linalg import cho_solve

        def both(e: Any) -> tuple[Any, Any]:
            f = self.predict(x, e, d)
            return f, f

        slope, f = jax.jacfwd(both, has_aux=True)(eta)
        variance = jnp.where(d["there"], self.variance(x, f), 1.0)
        names = ERRORS[self.model.error]
        proportional = jnp.exp(2.0 * x[-len(names)]) if "proportional" in names else 0.0
        change = 2.0 * proportional * f / variance  # d log variance / d f
        weight = jnp.where(d["there"], 1.0 / variance + 0.5 * change**2, 0.0)
        root = omega_root(self.model, x, xp=jnp)
        inverse = cho_solve((root, True), jnp.eye(eta.size))
        return inverse + slope.T @ (weight[:, None] * slope)

    def _mode(self, x: Any, d: dict[str, Any]) -> Any:
        """Return the etas at the mode of the joint density, shape (q,): Newton's method with a search of the step."""
        import jax
        import jax.numpy as jnp

        q = len(self.model.etas)
        value_and_slope = jax.value_and_grad(self._joint)
        hessian = jax.hessian(self._joint)

        def go(state: Any) -> Any:
            eta, value, slope, count, _ = state
            whole = hessian(eta, x, d)
            root = jnp.linalg.cholesky(whole)
            # where the density is not concave yet, the expected curvature leads downhill
            root = jnp.where(jnp.isfinite(root).all(), root, jnp.linalg.cholesky(self._expected(eta, x, d)))
            step = -jax.scipy.linalg.cho_solve((root, True), slope)
            promised = -jnp.dot(step, slope)
            tried = eta + LENGTHS[:, None] * step
            values = jax.vmap(lambda e: self._joint(e, x, d))(tried)
            values = jnp.where(jnp.isfinite(values), values, jnp.inf)
            best = jnp.argmin(values)
            better = values[best] < value
            new = jnp.where(better, tried[best], eta)
            value, slope = value_and_slope(new, x, d)
            return new, value, slope, count + 1, better & (promised > ENOUGH)

        start = jnp.zeros(q)
        first, slope = value_and_slope(start, x, d)
        state = (start, first, slope, 0, jnp.isfinite(first))
        return jax.lax.while_loop(lambda s: s[4] & (s[3] < MOST_STEPS), go, state)[0]

    def _objective(self, x: Any, d: dict[str, Any]) -> tuple[Any, Any]:
        """Return the objective of one subject, and its etas."""
        import jax
        import jax.numpy as jnp

        still = jax.lax.stop_gradient
        found = still(self._mode(still(x), d))
        whole = still(jax.hessian(self._joint)(found, still(x), d))
        # One Newton step from the mode: nothing but its derivative, d eta / d x = -H^-1 d2 joint / d eta dx.
        step = jnp.linalg.solve(whole, jax.grad(self._joint)(found, x, d))
        eta = found - jnp.where(jnp.isfinite(step).all(), step, 0.0)
        curvature = self._expected(eta, x, d) if self.method != "laplace" else jax.hessian(self._joint)(eta, x, d)
        root = jnp.linalg.cholesky(curvature)
        log_det = 2.0 * jnp.sum(jnp.log(jnp.diag(root)))
        if self.method != "quadrature" or self.nodes == 1:
            return 2.0 * self._joint(eta, x, d) + log_det, found
        offsets, log_weights = _nodes(self.nodes, eta.size)
        spread = jax.scipy.linalg.solve_triangular(root, offsets.T, lower=True, trans="T").T
        logs = jax.vmap(lambda z: -self._joint(eta + z, x, d))(spread) + log_weights + 0.5 * (offsets**2).sum(axis=1)
        return -2.0 * jax.scipy.special.logsumexp(logs) + log_det, found

    def _detail(self, x: Any, eta: Any, d: dict[str, Any]) -> tuple[Any, Any, Any]:
        import jax

        f = self.predict(x, eta, d)
        return f, self.variance(x, f), jax.jacfwd(lambda e: self.predict(x, e, d))(eta)


@functools.cache
def _nodes(count: int, q: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes (K, q) and log weights (K,) of a product rule for the standard normal density (weights sum to 1)."""
    x, w = np.polynomial.hermite_e.hermegauss(count)
    grid = np.stack(np.meshgrid(*[x] * q, indexing="ij"), axis=-1).reshape(-1, q)
    weights = np.stack(np.meshgrid(*[w / np.sqrt(2 * np.pi)] * q, indexing="ij"), axis=-1).reshape(-1, q)
    return grid, np.log(weights).sum(axis=1)
