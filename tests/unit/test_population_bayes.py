"""The posterior of a population model: its density in two coordinates, and a small one sampled."""

from __future__ import annotations

import math

import numpy as np
import pytest

from potentiate.errors import UnknownNameError, UsageError
from potentiate.inference.population import fit_population
from potentiate.inference.population_bayes import (
    _log_likelihood,
    default_priors,
    posterior_observations,
    sample_population,
)
from potentiate.inference.population_model import omega_root, population_model
from potentiate.inference.priors import Prior
from potentiate.recordings.pk_table import read_pk_table

pytest.importorskip("numpyro")


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    """16 people, three samples after a bolus."""
    rng = np.random.default_rng(5)
    lines = ["ID,TIME (h),AMT (mg),DV (mg/L)"]
    for k in range(16):
        cl, v = 2.0 * math.exp(rng.normal(0, 0.3)), 30.0 * math.exp(rng.normal(0, 0.2))
        lines.append(f"{k},0,100,.")
        for t in (1.0, 8.0, 20.0):
            lines.append(f"{k},{t},.,{100 / v * math.exp(-cl / v * t) * (1 + 0.1 * rng.normal()):.6g}")
    path = tmp_path_factory.mktemp("pk") / "pk.csv"
    path.write_text("\n".join(lines) + "\n")
    model = population_model("one-compartment-iv", blocks=[["CL", "V"]])
    return fit_population(model, read_pk_table(path), starts=1)


def test_both_coordinates_describe_one_density(fit):
    """Of the etas: standard normal z times the root of Omega, or the etas themselves."""
    import jax

    model, (n, q) = fit.model, fit.etas.shape
    x = fit.x + 0.1
    root = np.asarray(omega_root(model, x))
    sd = np.sqrt(np.diag(np.asarray(omega_root(model, fit.x)) @ np.asarray(omega_root(model, fit.x)).T))
    etas = fit.etas + 0.05
    z, w = np.linalg.solve(root, etas.T).T, etas / sd
    totals = []
    for own, place in ((False, z), (True, w)):
        density = jax.jit(_log_likelihood(fit, np.full(q, own)))
        value = float(density(np.concatenate([x, place.ravel()]), fit.data.arrays))
        totals.append(value - 0.5 * float((place**2).sum()))
    # d eta / d z is L; d eta / d w does not depend on what is sampled, and is left out
    change = n * math.log(np.prod(np.diag(root)))
    assert totals[1] == pytest.approx(totals[0] - change, rel=1e-10)


def test_priors_are_stated_and_can_be_given(fit):
    priors = default_priors(fit)
    assert list(priors) == list(fit.model.names)
    assert priors["omega CL"].centre == pytest.approx(math.log(0.3))
    with pytest.raises(UnknownNameError, match="KA"):
        sample_population(fit, priors={"KA": Prior(0.0, 1.0)})
    with pytest.raises(UsageError, match="at least 10"):
        sample_population(fit, draws=2)


def test_draws(fit, tmp_path):
    """Converged, near the fit, and a narrow prior that was given is obeyed."""
    narrow = Prior(math.log(29.0), 0.01)
    found = sample_population(fit, draws=300, warmup=200, chains=2, priors={"V": narrow})
    assert found.x.shape == (2, 300, 6)
    assert found.etas.shape == (2, 300, 16, 2)
    assert max(m.r_hat for m in found.marginals) < 1.05
    assert found.diverging.mean() < 0.02
    assert found["V"].low > 28.2
    assert found["V"].high < 29.8
    cl = found["CL"]
    assert cl.low < fit["CL"].value < cl.high
    assert 0.3 < (cl.high - cl.low) / (fit["CL"].high - fit["CL"].low) < 3
    assert any("prior of omega CL" in note for note in found.notes)
    observed = fit.data.observed[fit.data.there]
    drawn = posterior_observations(found, 200)
    assert drawn.shape == (200, observed.size)
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    assert 0.8 < np.mean((observed > low) & (observed < high)) <= 1
    import xarray as xr

    with xr.open_dataset(found.save(tmp_path / "posterior.nc"), engine="scipy") as saved:
        assert saved["value"].dims == ("chain", "draw", "parameter")
        assert saved["value"].values == pytest.approx(found.draws)
    assert "CL" in found.summary()
