"""The marginal likelihood of a population model: first-order conditional estimation, Laplace, adaptive quadrature.

For each subject the etas at the mode of the joint density are found by Newton's method; around it the density is taken
for Gaussian. FOCE with interaction takes the expected curvature (first derivatives of the model), Laplace the whole,
adaptive Gauss-Hermite quadrature sums over nodes laid out by it. The objective is that of NONMEM: minus twice the log
likelihood without the constant n log(2 pi).

Gradients are total derivatives: the modes move with the parameters, d eta / d x = -H^-1 d^2 joint / d eta d x. With
FOCE they are exact; Laplace would need third derivatives of the model, and takes central differences with the modes
found anew, as quadrature does. JAX gives the first and second derivatives of the model; all else is batched linear
algebra.

Sources: Lindstrom & Bates 1990, Biometrics 46:673 (FOCE); Wang 2007, J Pharmacokinet Pharmacodyn 34:575 (interaction,
Laplace); Almquist, Leander & Jirstrand 2015, J Pharmacokinet Pharmacodyn 42:191 (gradients); Pinheiro & Bates 1995,
J Comput Graph Stat 4:12 (quadrature).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Literal

import numpy as np

from ..kinetics.ensemble import require_float64
from ..mechanisms.pk_closed_forms import GivenDoses, concentration
from .population_data import PopulationData
from .population_model import PopulationModel, omega_of
from .residual_error import ResidualError, residual_error

Method = Literal["focei", "laplace", "quadrature"]

#: Newton steps towards the modes, at most; one that promises to change the joint density by less is the last.
MOST_STEPS = 80
ENOUGH = 1e-15
#: With more subjects than this, those whose mode is still sought after a few steps go on in a group of theirs.
MANY, FEW_STEPS, GROUPS = 256, 8, (64, 256, 1024)
#: Numbers in an array of predictions; more subjects follow one after the other.
MOST_NUMBERS = 2e6
#: Half the width of central differences on the scale of the search.
STEP = 2e-4


@dataclasses.dataclass(frozen=True, eq=False)
class _Modes:
    """Where the joint densities are largest, and the model there; N subjects, q etas, P parameters, J observations."""

    eta: np.ndarray  # (N, q)
    joint: np.ndarray  # (N,), half of minus twice the log density
    f: np.ndarray  # (N, J)
    fu: np.ndarray  # (N, J, P), along the logarithms of the parameters
    fuu: np.ndarray  # (N, J, P, P)
    curvature: np.ndarray  # (N, q, q), whole


class Likelihood:
    """The functions of one model and data set; derivatives of the model are compiled on first use.

    Parameters
    ----------
    model : PopulationModel
    data : PopulationData
    method : {"focei", "laplace", "quadrature"}
    nodes : int
        Per eta, for quadrature.
    """

    def __init__(
        self, model: PopulationModel, data: PopulationData, method: Method = "focei", nodes: int = 9
    ) -> None:  # fmt: skip
        require_float64()
        self.model, self.data, self.nodes = model, data, nodes
        self.method: Method = method
        self._index = np.array([model.parameters.index(name) for name in model.etas])
        self.there = data.there.astype(float)
        self._arrays = data.arrays

    def evaluate(
        self, x: np.ndarray, start: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return objective (N,), its gradient (N, p) and etas (N, q) of the subjects at a point of the search.

        The modes are sought from etas of 0, or from `start` (N, q).
        """
        x = np.asarray(x, dtype=float)
        try:
            with np.errstate(all="ignore"):
                return self._evaluated(x, start)
        except np.linalg.LinAlgError:  # a curvature without inverse: no number, and the search goes elsewhere
            n, q = len(self.there), len(self._index)
            return np.full(n, np.nan), np.full((n, x.size), np.nan), np.zeros((n, q))

    def _evaluated(
        self, x: np.ndarray, start: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
        modes = self._modes(x, start)
        value = self._value(x, modes)
        if self.method == "focei":
            return value, self._gradient(x, modes), modes.eta
        columns = []
        for k in range(x.size):
            ends = []
            for side in (STEP, -STEP):
                moved = x.copy()
                moved[k] += side
                ends.append(self._value(moved, self._modes(moved, modes.eta)))
            columns.append((ends[0] - ends[1]) / (2 * STEP))
        return value, np.stack(columns, axis=1), modes.eta

    def details(self, x: np.ndarray, etas: np.ndarray) -> dict[str, np.ndarray]:
        """Return prediction ``f`` (N, J), its ``variance``, and ``slope`` along the etas (N, J, q) for etas (N, q)."""
        f, fu, _ = self._model(self._logs(x, etas))
        return {"f": f, "variance": residual_error(self.model, x, f, self.data).v, "slope": fu[..., self._index]}

    def predict(self, x: np.ndarray, etas: np.ndarray) -> np.ndarray:
        """Return concentrations (N, K, J) for K sets of etas (N, K, q)."""
        typical = self._logs(x, np.zeros((len(self.there), len(self._index))))
        n, samples, count = self.data.doses.counts.shape
        made = np.empty((n, etas.shape[1], samples))
        size = max(1, int(MOST_NUMBERS // (etas.shape[1] * samples * count)))
        for begin in range(0, n, size):
            part = slice(begin, begin + size)
            logs = np.repeat(typical[part, None], etas.shape[1], axis=1)
            logs[..., self._index] += etas[part]
            p = {name: np.exp(logs[..., k]) for k, name in enumerate(self.model.parameters)}
            doses = GivenDoses(*(
                np.asarray(getattr(self.data.doses, name))[part, None] for name in GivenDoses.__dataclass_fields__
            ))  # fmt: skip
            made[part] = concentration(
                self.model.structure, p, self.data.t_h[part, None], doses, kinds=self.data.kinds
            )
        return made

    # -------------------------------------------------------------------------------------------------- the model

    def _logs(self, x: np.ndarray, etas: np.ndarray) -> np.ndarray:
        """Return logarithms of the parameters, shape (N, P)."""
        logs = self.data.offset + self.data.design @ np.asarray(x)[: self.model.fixed_effects]
        logs[:, self._index] += etas
        return logs

    def _model(self, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found = _derivatives(self.model.structure, self.model.parameters, self.data.kinds)(logs, self._arrays)
        return tuple(np.asarray(a) for a in found)  # type: ignore[return-value]

    # -------------------------------------------------------------------------------------------------- the modes

    def _modes(self, x: np.ndarray, start: np.ndarray | None = None, *, regroup: bool = True) -> _Modes:
        """Return the modes: Newton's method, steps quartered where they do not lead downhill.

        Among many subjects those that take long go on in a group of their own, where `regroup`.
        """
        regroup = regroup and len(self.there) > MANY
        n, q = len(self.there), len(self._index)
        inverse = np.linalg.inv(omega_of(self.model, x))
        log_det = float(np.linalg.slogdet(inverse)[1])
        best: _Modes | None = None
        step, length, hope = np.zeros((n, q)), np.ones(n), np.full(n, np.inf)
        eta = np.zeros((n, q)) if start is None else start
        trial = eta
        going = np.ones(n, dtype=bool)
        for _ in range(FEW_STEPS if regroup else MOST_STEPS):
            f, fu, fuu = self._model(self._logs(x, trial))
            e = residual_error(self.model, x, f, self.data)
            joint = 0.5 * ((self.there * e.m).sum(axis=1) + np.einsum("ni,ij,nj->n", trial, inverse, trial) - log_det)
            joint = np.where(np.isfinite(joint), joint, np.inf)
            z = fu[..., self._index]
            slope = 0.5 * np.einsum("nj,njk->nk", self.there * e.m1, z) + trial @ inverse
            whole = 0.5 * (
                np.einsum("nj,njk,njl->nkl", self.there * e.m2, z, z)
                + np.einsum("nj,njkl->nkl", self.there * e.m1, fuu[..., self._index[:, None], self._index])
            ) + inverse  # fmt: skip
            if best is None:
                better = going
                best = _Modes(trial, joint, f, fu, fuu, whole)
            else:
                # the last step changes the density by less than its rounding: it is taken without asking
                better = going & ((joint <= best.joint) | ((hope < 1e-8) & (joint <= best.joint + 1e-7)))
                best = _merged(better, _Modes(trial, joint, f, fu, fuu, whole), best)
            newton, promised = self._steps(whole, slope, e, z, inverse)
            length = np.where(better, 1.0, 0.25 * length)
            step = np.where(better[:, None], newton, step)
            hope = np.where(better, promised, hope)
            done = (better & (promised < ENOUGH)) | (length < 1e-9) | ~np.isfinite(step).all(axis=1)
            going = going & ~done
            if not going.any():
                break
            trial = np.where(going[:, None], best.eta + length[:, None] * step, best.eta)
        assert best is not None
        return self._finished(x, best, np.flatnonzero(going)) if regroup and going.any() else best

    def _finished(self, x: np.ndarray, modes: _Modes, left: np.ndarray) -> _Modes:
        """Return the modes after those that are left went on, filled up to a size that is compiled once."""
        size = next((g for g in GROUPS if g >= left.size), left.size)
        rows = np.concatenate([left, np.full(size - left.size, left[0])])
        group = Likelihood(self.model, self.data.take(rows), self.method, self.nodes)
        found = group._modes(x, modes.eta[rows], regroup=False)
        made = {}
        for field in dataclasses.fields(_Modes):
            whole = getattr(modes, field.name).copy()
            whole[left] = getattr(found, field.name)[: left.size]
            made[field.name] = whole
        return _Modes(**made)

    def _steps(
        self, whole: np.ndarray, slope: np.ndarray, e: ResidualError, z: np.ndarray, inverse: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return Newton's steps, and what they promise; the expected curvature leads where the whole is not convex."""
        lowest = np.where(np.isfinite(whole).all(axis=(1, 2)), 1.0, np.nan)
        values = np.linalg.eigvalsh(np.where(np.isfinite(whole), whole, 0.0))[:, 0] * lowest
        use = np.where((values > 0)[:, None, None], whole, self._expected(e, z, inverse))
        use = np.where(np.isfinite(use), use, np.eye(use.shape[-1]))
        step = -np.linalg.solve(use, slope[..., None])[..., 0]
        return step, -np.einsum("nk,nk->n", step, slope)

    def _expected(self, e: ResidualError, z: np.ndarray, inverse: np.ndarray) -> np.ndarray:
        return np.einsum("nj,njk,njl->nkl", self.there * e.w, z, z) + inverse

    # ---------------------------------------------------------------------------------------------- the objective

    def _value(self, x: np.ndarray, modes: _Modes) -> np.ndarray:
        """Return the objective of each subject, NaN where the curvature at the mode is not positive."""
        e = residual_error(self.model, x, modes.f, self.data)
        inverse = np.linalg.inv(omega_of(self.model, x))
        curvature = modes.curvature if self.method == "laplace" else self._expected(
            e, modes.fu[..., self._index], inverse
        )  # fmt: skip
        sign, log_det = np.linalg.slogdet(np.where(np.isfinite(curvature), curvature, 0.0))
        value = np.where((sign > 0) & np.isfinite(modes.joint), 2 * modes.joint + log_det, np.nan)
        if self.method != "quadrature" or self.nodes == 1 or not np.isfinite(value).all():
            return value
        z, log_weights = _nodes(self.nodes, len(self._index))
        lower = np.linalg.cholesky(curvature)
        spread = np.linalg.solve(np.swapaxes(lower, 1, 2), np.broadcast_to(z.T, (len(lower), *z.T.shape)))
        eta = modes.eta[:, None, :] + np.swapaxes(spread, 1, 2)
        f = self.predict(x, eta)
        m = residual_error(self.model, x, f, self.data, wide=True).m
        log_omega = -float(np.linalg.slogdet(inverse)[1])
        joint = 0.5 * (
            (self.there[:, None] * m).sum(axis=-1) + np.einsum("nki,ij,nkj->nk", eta, inverse, eta) + log_omega
        )  # fmt: skip
        logs = -joint + log_weights + 0.5 * (z**2).sum(axis=1)
        top = logs.max(axis=1)
        return -2 * (top + np.log(np.exp(logs - top[:, None]).sum(axis=1))) + log_det

    def _gradient(self, x: np.ndarray, modes: _Modes) -> np.ndarray:
        """Return the total derivative of the objective of FOCE, shape (N, p)."""
        index, there, design = self._index, self.there, self.data.design
        e = residual_error(self.model, x, modes.f, self.data)
        fu, fuu, eta = modes.fu, modes.fuu, modes.eta
        z = fu[..., index]
        omega = omega_of(self.model, x)
        inverse = np.linalg.inv(omega)
        bent = np.linalg.inv(self._expected(e, z, inverse))
        # along the logarithm of each parameter: of the misfit, of the slope of the joint density, of log det
        along = np.einsum("nj,njp->np", there * e.m1, fu)
        cross = 0.5 * (
            np.einsum("nj,njk,njp->nkp", there * e.m2, z, fu)
            + np.einsum("nj,njkp->nkp", there * e.m1, fuu[..., index, :])
        )  # fmt: skip
        turned = np.einsum("nkl,njl->njk", bent, z)
        size = np.einsum("njk,njk->nj", z, turned)
        log_det = np.einsum("nj,njp->np", there * e.w1 * size, fu) + 2 * np.einsum(
            "nj,njpk,njk->np", there * e.w, fuu[..., index], turned
        )
        direct = [np.einsum("np,npb->nb", along + log_det, design)]
        mixed = [np.einsum("nkp,npb->nkb", cross, design)]
        for change in _omega_slopes(self.model, x):
            of_inverse = -inverse @ change @ inverse
            direct.append((
                np.einsum("ni,ij,nj->n", eta, of_inverse, eta) + np.trace(inverse @ change)
                + np.einsum("nij,ji->n", bent, of_inverse)
            )[:, None])  # fmt: skip
            mixed.append((eta @ of_inverse)[..., None])
        for k in range(len(e.dm)):
            direct.append(((there * e.dm[k]).sum(axis=1) + (there * e.dw[k] * size).sum(axis=1))[:, None])
            mixed.append(0.5 * np.einsum("nj,njk->nk", there * e.dm1[k], z)[..., None])
        mode_moves = -np.linalg.solve(modes.curvature, np.concatenate(mixed, axis=2))
        return np.concatenate(direct, axis=1) + np.einsum("nk,nkb->nb", log_det[:, index], mode_moves)


def _merged(new: np.ndarray, a: _Modes, b: _Modes) -> _Modes:
    """Return `a` where new, else `b`."""
    made = {}
    for field in dataclasses.fields(_Modes):
        left, right = getattr(a, field.name), getattr(b, field.name)
        made[field.name] = np.where(new.reshape((-1, *[1] * (left.ndim - 1))), left, right)
    return _Modes(**made)


def _omega_slopes(model: PopulationModel, x: np.ndarray) -> list[np.ndarray]:
    """Return d Omega / d x for each of its numbers, by the complex step (exact to rounding)."""
    first = model.fixed_effects
    found = []
    for k in range(first, first + len(model.etas) + len(model.correlated)):
        moved = x.astype(complex)
        moved[k] += 1e-30j
        found.append(omega_of(model, moved).imag / 1e-30)
    return found


@functools.cache
def _derivatives(structure: str, parameters: tuple[str, ...], kinds: Any) -> Any:
    """Return what gives the model, its slope and curvature along log parameters (N, P), compiled."""
    import jax
    import jax.numpy as jnp

    def of_one(logs: Any, d: dict[str, Any]) -> tuple[Any, Any, Any]:
        doses = GivenDoses(d["dose_t"], d["amount"], d["duration"], d["depot"], d["interval"], d["counts"])

        def f(u: Any) -> Any:
            p = {name: jnp.exp(u[k]) for k, name in enumerate(parameters)}
            return concentration(structure, p, d["t"], doses, kinds=kinds, xp=jnp)

        def slope(u: Any) -> tuple[Any, Any]:
            def twice(v: Any) -> tuple[Any, Any]:
                value = f(v)
                return value, value

            first, value = jax.jacfwd(twice, has_aux=True)(u)
            return first, (value, first)

        second, (value, first) = jax.jacfwd(slope, has_aux=True)(logs)
        return value, first, second

    return jax.jit(jax.vmap(of_one))


@functools.cache
def _nodes(count: int, q: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes (K, q) and log weights (K,) of a product rule for the standard normal density (weights sum to 1)."""
    x, w = np.polynomial.hermite_e.hermegauss(count)
    grid = np.stack(np.meshgrid(*[x] * q, indexing="ij"), axis=-1).reshape(-1, q)
    weights = np.stack(np.meshgrid(*[w / np.sqrt(2 * np.pi)] * q, indexing="ij"), axis=-1).reshape(-1, q)
    return grid, np.log(weights).sum(axis=1)
