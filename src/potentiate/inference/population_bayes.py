"""The posterior of a population model by NUTS: thetas, variances and every person's etas together, no approximation.

Where people have few samples (large shrinkage) etas are sampled as independent standard normal numbers z with
eta = L z, L the root of Omega; where each person's samples say what its eta is, the etas themselves are sampled. Either
choice alone is slow in the other case (Betancourt & Girolami 2015, arXiv:1312.0906).
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import NumericalError, UnknownNameError, UsageError
from ..mechanisms.pk_closed_forms import GivenDoses, concentration
from .convergence import ess_bulk, ess_tail, r_hat
from .nuts import CHUNK, UNKNOWN, Nuts, frame_at
from .population import PopulationFit, Progress
from .population_model import ERRORS, omega_of, omega_root
from .posterior import Marginal, _against_prior, _not_converged, _sd
from .priors import LOG_SD, Prior
from .residual_error import residual_error

if TYPE_CHECKING:
    import xarray as xr

#: Prior of a standard deviation between people: log-normal, median 0.3, one standard deviation a factor of 3. Assumed.
OMEGA_PRIOR = (0.3, 3.0)
#: Prior of a proportional error: median 0.2 of the prediction, a factor of 3. Assumed.
PROPORTIONAL_PRIOR = (0.2, 3.0)
#: Prior of an additive error: median a tenth of the median observation, a factor of 10. Assumed.
ADDITIVE_PRIOR = (0.1, 10.0)
#: Prior of a coefficient of a covariate on the scale of the search: normal around no effect. Assumed.
COEFFICIENT_SD = 1.0
#: Etas are sampled themselves where their shrinkage is below this (in %).
OWN = 30.0
#: Chance of acceptance that the step is made for.
ACCEPTANCE = 0.9
#: Of the atanh of a partial correlation: close to a flat one of the correlation. Assumed.
CORRELATION_SD = 0.9


@dataclasses.dataclass(frozen=True, eq=False)
class PopulationPosterior:
    """Draws from the posterior of a population model.

    Attributes
    ----------
    fit : PopulationFit
        Where the chains started.
    priors : tuple of Prior, length p
        On the scale of the search.
    x : array, shape (chain, draw, p)
        On the scale of the search.
    etas : array, shape (chain, draw, N, q)
    diverging : bool array, shape (chain, draw)
    marginals : tuple of Marginal
        Of thetas, variances and error, natural numbers.
    worst_eta : (float, float)
        Largest R-hat and fewest effective draws among the etas.
    seconds : mapping of str -> float
    warmup, seed : int
    status : {"ok", "not converged"}
    notes : tuple of str
    """

    fit: PopulationFit
    priors: tuple[Prior, ...]
    x: np.ndarray
    etas: np.ndarray
    diverging: np.ndarray
    marginals: tuple[Marginal, ...]
    worst_eta: tuple[float, float]
    seconds: Mapping[str, float]
    warmup: int
    seed: int
    status: str
    notes: tuple[str, ...] = ()

    @property
    def draws(self) -> np.ndarray:
        """Natural numbers, shape (chain, draw, p)."""
        flat = self.x.reshape(-1, self.x.shape[-1])
        return np.stack([self.fit.model.outward(x) for x in flat]).reshape(self.x.shape)

    def __getitem__(self, name: str) -> Marginal:
        """Return the marginal of a number by name."""
        for marginal in self.marginals:
            if marginal.name == name:
                return marginal
        raise UnknownNameError("sampled number", name, [m.name for m in self.marginals])

    def summary(self) -> str:
        """Return the table of marginals as text."""
        lines = [f"{'number':24} {'median':>11} {'95 % interval':>25} {'R-hat':>6} {'ESS':>6}  word"]
        for m in self.marginals:
            span = f"{m.low:.4g} to {m.high:.4g}"
            word = f"{m.word}: {m.reason}" if m.reason else m.word
            lines.append(f"{m.name:24} {m.median:11.4g} {span:>25} {m.r_hat:6.3f} {m.ess_bulk:6.0f}  {word}")
        return "\n".join(lines)

    def dataset(self) -> xr.Dataset:
        """Return the draws as a labelled data set with dims chain, draw, parameter, subject, eta."""
        import xarray as xr

        model = self.fit.model
        return xr.Dataset(
            {
                "value": (("chain", "draw", "parameter"), self.draws),
                "eta": (("chain", "draw", "subject", "varies"), self.etas),
                "diverging": (("chain", "draw"), self.diverging.astype(np.int8)),
            },
            {"parameter": list(model.names), "subject": [s.id for s in self.fit.data.table.subjects],
             "varies": list(model.etas)},
            {"model": model.describe(), "warmup": self.warmup, "seed": self.seed, "status": self.status,
             "notes": "\n".join(self.notes)},
        )  # fmt: skip

    def save(self, path: str | Path) -> Path:
        """Write the draws as NetCDF, to a temporary name first.

        Raises
        ------
        DataError
            The file cannot be written.
        """
        from .store import save

        return save(self.dataset(), path)


def sample_population(
    fit: PopulationFit, *, draws: int = 1000, warmup: int = 500, chains: int = 2, seed: int = 1,
    priors: Mapping[str, Prior] | None = None, progress: Progress | None = None,
) -> PopulationPosterior:  # fmt: skip
    """Sample the posterior of a population model.

    Parameters
    ----------
    fit : PopulationFit
        Chains start around it, scattered by the expected information of everything that is sampled.
    draws, warmup, chains : int
        Per chain.
    seed : int
    priors : mapping of str -> Prior, optional
        On the scale of the search, instead of :func:`default_priors`.
    progress : callable, optional
        Called with (what, done, total).

    Raises
    ------
    UsageError
        numpyro is not installed; fewer than 10 draws; an unknown name; numbers were fixed in the fit.
    NumericalError
        A chain cannot leave its start.
    """
    import jax

    if draws < 10 or chains < 1 or warmup < 10:
        raise UsageError(f"{draws} draws after {warmup} in {chains} chains", do="at least 10, 10 and 1")
    if any(e.word == "fixed" for e in fit.estimates):
        raise UsageError("Numbers are fixed", why="the posterior is of all", do="fit without --fix, or give priors")
    default = default_priors(fit)
    for name in priors or {}:
        if name not in default:
            raise UnknownNameError("number of the model", name, default)
    chosen = tuple((priors or {}).get(name, prior) for name, prior in default.items())
    n, q = fit.etas.shape
    p = len(chosen)
    chunk = math.gcd(math.gcd(draws, warmup), CHUNK)
    everything = (*chosen, *[Prior(0.0, 1.0)] * (n * q))
    own = _own(fit)
    sampler = Nuts(
        _log_likelihood(fit, own), everything, warmup=warmup, chunk=chunk, adapt_mass=False, acceptance=ACCEPTANCE
    )
    optimum, information = _expected_information(fit, own)
    frame = frame_at(sampler.bounded, optimum, information)
    told = (fit.data.arrays, frame.origin, frame.axes)
    rng = np.random.default_rng(seed)
    keys = jax.random.split(jax.random.key(seed), chains)
    seconds = {"compile": 0.0, "warmup": 0.0, "draws": 0.0}
    began = time.perf_counter()
    kept: list[list[np.ndarray]] = []
    diverging: list[list[np.ndarray]] = []
    for chain in range(chains):
        state = sampler.init(rng.standard_normal(p + n * q), keys[chain], *told)
        kept.append([])
        diverging.append([])
        done = 0
        while done < warmup + draws:
            state, answer = sampler.advance(state, *told)
            done += chunk
            if float(answer[1][-1]) >= UNKNOWN:
                raise NumericalError("A chain cannot leave its start", why="the density is not a number there",
                                     do="look at the fit first: variances at the ends of the search")  # fmt: skip
            if done > warmup:
                kept[-1].append(np.asarray(answer[0]))
                diverging[-1].append(np.asarray(answer[2]))
            now = time.perf_counter()
            part = "compile" if chain == 0 and done == chunk else "warmup" if done <= warmup else "draws"
            seconds[part] += now - began
            began = now
            if progress:
                progress("draws", chain * (warmup + draws) + done, chains * (warmup + draws))
    points = sampler.points(np.stack([np.concatenate(c) for c in kept]), frame)
    apart = np.stack([np.concatenate(c) for c in diverging]).astype(bool)
    return _collected(fit, own, chosen, points, apart, seconds, warmup, seed)


def default_priors(fit: PopulationFit) -> dict[str, Prior]:
    """Return the priors of everything about which nothing was said, on the scale of the search.

    Thetas are log-normal around where the fit started, one standard deviation a factor of ten.
    """
    model, found = fit.model, {}
    for k, name in enumerate(model.names):
        if k < len(model.parameters):
            found[name] = Prior(math.log(fit.estimates[k].start), LOG_SD)
    for relation in model.coefficients:
        spread = COEFFICIENT_SD
        if relation.form == "exponential":
            spread /= float(np.std(fit.data.table.covariate(relation.covariate)))
        found[relation.text] = Prior(relation.inward(relation.start), spread)
    for name in model.etas:
        found[f"omega {name}"] = Prior(math.log(OMEGA_PRIOR[0]), math.log(OMEGA_PRIOR[1]))
    for i, j in model.correlated:
        found[f"omega {model.etas[j]},{model.etas[i]}"] = Prior(0.0, CORRELATION_SD)
    size = float(np.median(fit.data.observed[fit.data.there]))
    for name in ERRORS[model.error]:
        median, factor = PROPORTIONAL_PRIOR if name == "proportional" else (ADDITIVE_PRIOR[0] * size, ADDITIVE_PRIOR[1])
        found[f"sigma {name}"] = Prior(math.log(median), math.log(factor))
    return found


def posterior_observations(posterior: PopulationPosterior, simulations: int = 200, seed: int = 1) -> np.ndarray:
    """Return observations of new people with the doses, times and covariates of the data, shape (simulations, n).

    Each simulation takes one draw of the posterior: the spread holds what is not known of the numbers as well.
    """
    fit = posterior.fit
    rng = np.random.default_rng(seed)
    flat = posterior.x.reshape(-1, posterior.x.shape[-1])
    rows = []
    for x in flat[rng.choice(len(flat), simulations, replace=simulations > len(flat))]:
        etas = rng.standard_normal((len(fit.etas), 1, len(fit.model.etas))) @ np.asarray(omega_root(fit.model, x)).T
        f = fit.likelihood.predict(x, etas)
        v = residual_error(fit.model, x, f, fit.data, wide=True).v
        rows.append((f + np.sqrt(v) * rng.standard_normal(f.shape))[:, 0][fit.data.there])
    return np.stack(rows)


# ----------------------------------------------------------------------------------------------- the target


def _own(fit: PopulationFit) -> np.ndarray:
    """Return which etas are sampled themselves, bool (q,); those that are correlated are treated alike."""
    from .population_diagnostics import diagnostics

    shrinkage = diagnostics(fit).eta_shrinkage
    inside = {name: block for block in fit.model.blocks for name in block}
    return np.array([all(shrinkage[n] < OWN for n in inside.get(name, (name,))) for name in fit.model.etas])


def _log_likelihood(fit: PopulationFit, own: np.ndarray) -> Any:
    """Return the log density of all observations given (numbers, coordinates of everybody's etas), in JAX.

    The sampler takes every coordinate for standard normal; for etas that are sampled themselves (in units of their
    fitted standard deviation) that is taken back, and their density under Omega put in.
    """
    import jax
    import jax.numpy as jnp

    model, kinds = fit.model, fit.data.kinds
    p, q = len(model.names), len(model.etas)
    names = ERRORS[model.error]
    place = {name: k for k, name in enumerate(model.etas)}
    sd = np.sqrt(np.diag(omega_of(model, fit.x)))

    def log_likelihood(whole: Any, arrays: dict[str, Any]) -> Any:
        x, z = whole[:p], whole[p:].reshape(-1, q)
        root = omega_root(model, x, xp=jnp)
        etas = jnp.where(own, z * sd, z @ root.T)
        scaled = jax.scipy.linalg.solve_triangular(root, etas.T, lower=True).T
        change = jnp.where(own, 0.5 * z**2 - 0.5 * scaled**2 - jnp.log(jnp.diag(root)), 0.0)
        sigma = dict(zip(names, jnp.exp(2.0 * x[-len(names) :]), strict=True))

        def one(eta: Any, d: dict[str, Any]) -> Any:
            logs = d["offset"] + d["design"] @ x[: model.fixed_effects]
            values = {
                name: jnp.exp(logs[k] + (eta[place[name]] if name in place else 0.0))
                for k, name in enumerate(model.parameters)
            }
            doses = GivenDoses(d["dose_t"], d["amount"], d["duration"], d["depot"], d["interval"], d["counts"])
            f = concentration(model.structure, values, d["t"], doses, kinds=kinds, xp=jnp)
            variance = sigma.get("proportional", 0.0) * f**2 + sigma.get("additive", 0.0)
            variance = jnp.where(d["there"], variance, 1.0)
            left = jnp.where(d["there"], d["y"] - f, 0.0)
            return -0.5 * jnp.sum(jnp.where(d["there"], jnp.log(variance), 0.0) + left**2 / variance)

        return jnp.sum(jax.vmap(one)(etas, arrays)) + jnp.sum(change)

    return log_likelihood


def _expected_information(fit: PopulationFit, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where chains start (numbers and coordinates of etas), and the expected information there."""
    model, data = fit.model, fit.data
    n, q = fit.etas.shape
    p = len(model.names)
    root = np.asarray(omega_root(model, fit.x))
    sd = np.sqrt(np.diag(root @ root.T))
    z = np.where(own, fit.etas / sd, np.linalg.solve(root, fit.etas.T).T)
    there = data.there.astype(float)

    def predict(x: np.ndarray) -> np.ndarray:
        etas = np.where(own, fit.etas, z @ np.asarray(omega_root(model, x)).T)
        return fit.likelihood.predict(x, etas[:, None])[:, 0]

    slopes = np.zeros((n, data.t_h.shape[1], p))
    moves = np.zeros_like(slopes)
    step = 1e-5
    for k in range(p):
        up, down = fit.x.copy(), fit.x.copy()
        up[k] += step
        down[k] -= step
        above, below = predict(up), predict(down)
        slopes[..., k] = (above - below) / (2 * step)
        v_above = residual_error(model, up, above, data).v
        v_below = residual_error(model, down, below, data).v
        moves[..., k] = np.log(v_above / v_below) / (2 * step)
    found = fit.likelihood.details(fit.x, fit.etas)
    along_z = np.where(own, found["slope"] * sd, found["slope"] @ root)
    e = residual_error(model, fit.x, found["f"], data)
    proportional = np.exp(2 * fit.x[-len(ERRORS[model.error])]) if model.error != "additive" else 0.0
    change = np.where(data.there, 2 * proportional * found["f"] / e.v, 0.0)
    moves_z = change[..., None] * along_z
    information = np.zeros((p + n * q, p + n * q))
    for i in range(n):
        place = np.concatenate([np.arange(p), p + i * q + np.arange(q)])
        a = np.concatenate([slopes[i], along_z[i]], axis=1)
        b = np.concatenate([moves[i], moves_z[i]], axis=1)
        weight = there[i] / e.v[i]
        information[np.ix_(place, place)] += (a.T * weight) @ a + 0.5 * (b.T * there[i]) @ b
    # etas that are sampled themselves speak for Omega: 2 N for the log of a standard deviation, N for a correlation
    first = model.fixed_effects
    for k in np.flatnonzero(own):
        information[first + k, first + k] += 2 * n
    for k, (i, _) in enumerate(model.correlated):
        information[first + q + k, first + q + k] += n * own[i]
    return np.concatenate([fit.x, z.ravel()]), information


def _collected(
    fit: PopulationFit, own: np.ndarray, priors: tuple[Prior, ...], points: np.ndarray, diverging: np.ndarray,
    seconds: Mapping[str, float], warmup: int, seed: int,
) -> PopulationPosterior:  # fmt: skip
    model = fit.model
    n, q = fit.etas.shape
    p = len(priors)
    x, z = points[..., :p], points[..., p:].reshape(*points.shape[:2], n, q)
    flat = x.reshape(-1, p)
    roots = np.stack([np.asarray(omega_root(model, row)) for row in flat]).reshape(*x.shape[:2], q, q)
    natural = np.stack([model.outward(row) for row in flat]).reshape(x.shape)
    etas = np.where(own, z * np.sqrt(np.diag(omega_of(model, fit.x))), np.einsum("cdkl,cdnl->cdnk", roots, z))
    share = float(diverging.mean())
    hats = [r_hat(etas[:, :, i, k]) for i in range(n) for k in range(q)]
    sizes = [ess_bulk(etas[:, :, i, k]) for i in range(n) for k in range(q)]
    marginals = []
    for k, (e, prior) in enumerate(zip(fit.estimates, priors, strict=True)):
        low, median, high = np.quantile(natural[..., k], [0.025, 0.5, 0.975])
        rhat, bulk, tail = r_hat(x[..., k]), ess_bulk(x[..., k]), ess_tail(x[..., k])
        word, reason = _against_prior(prior, x[..., k].ravel())
        trouble = _not_converged(rhat, min(bulk, tail), x.shape[0], share)
        if trouble:
            word, reason = "not converged", trouble
        marginals.append(Marginal(
            e.name, e.unit, float(natural[..., k].mean()), float(natural[..., k].std(ddof=1)), float(median),
            float(low), float(high), rhat, bulk, tail, float(x[..., k].std(ddof=1)) / _sd(prior), word, reason,
            _describe(fit, k, prior), "all",
        ))  # fmt: skip
    status = "not converged" if any(m.word == "not converged" for m in marginals) else "ok"
    notes = [f"prior of {m.name}: {m.prior}" for m in marginals]
    if share:
        notes.append(f"{int(diverging.sum())} of {diverging.size} transitions diverged")
    return PopulationPosterior(
        fit, priors, x, etas, diverging, tuple(marginals), (max(hats), min(sizes)), seconds, warmup, seed, status,
        tuple(notes),
    )  # fmt: skip


def _describe(fit: PopulationFit, k: int, prior: Prior) -> str:
    model = fit.model
    first = model.fixed_effects
    unit = fit.estimates[k].unit
    if k < len(model.parameters):
        return f"log-normal, {math.exp(prior.centre):.4g} {unit} times or over {math.exp(prior.sd):.3g}"
    if k < first:
        log = model.coefficients[k - len(model.parameters)].form == "condition"
        return f"normal, {prior.centre:g} +- {prior.sd:.3g}{', of log(1 + it)' if log else ''}"
    if first + len(model.etas) <= k < first + len(model.etas) + len(model.correlated):
        return f"atanh of the partial correlation normal, {prior.centre:g} +- {prior.sd:.3g}"
    return f"its square root log-normal, {math.exp(prior.centre):.3g} times or over {math.exp(prior.sd):.3g}"
