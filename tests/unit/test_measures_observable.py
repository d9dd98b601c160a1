"""An observable never hides a failure, and the convention table is complete."""

import inspect
import math
import subprocess
import sys

import pytest

from potentiate import measures
from potentiate.errors import UnknownNameError, UsageError
from potentiate.measures import CONVENTIONS, Observable, convention
from potentiate.measures.conventions import chosen


def test_nan_needs_a_reason():
    with pytest.raises(UsageError, match="claims to be ok"):
        Observable("tau", math.nan, "ms")
    with pytest.raises(UsageError, match="needs a reason"):
        Observable("tau", 1.0, "ms", "not steady")
    with pytest.raises(UsageError, match="Unknown status"):
        Observable("tau", 1.0, "ms", "fine", "because")


def test_results_entry_is_json():
    import json

    entry = Observable("EC50", 5.0, "uM", "one-sided", "no plateau", (2.0, math.inf), "4-parameter").as_dict(
        "model", {"compound": "aniracetam"}
    )
    assert entry["interval"] == [2.0, None]
    assert entry["conditions"] == {"compound": "aniracetam"}
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry
    missing = Observable("tau", math.nan, "ms", "solver", "diverged").as_dict("data")
    assert missing["value"] is None


@pytest.mark.parametrize("entry", CONVENTIONS, ids=lambda entry: entry.quantity)
def test_every_convention_is_served_by_a_function(entry):
    function = getattr(measures, entry.function)
    assert callable(function)
    assert entry.definition
    assert entry.guard
    assert entry.citation
    if entry.alternatives:
        assert "convention" in inspect.signature(function).parameters
    for name in (None, entry.default, *entry.alternatives):
        assert chosen(entry.function, name) == (name or entry.default)


def test_unknown_convention_names_the_nearest():
    assert convention("SS/peak") is convention("steady_state_ratio")
    with pytest.raises(UnknownNameError, match="deactivation"):
        convention("deactivaton")
    with pytest.raises(UnknownNameError, match="20-80"):
        chosen("rise", "20-8")


def test_default_path_stays_light():
    """Peak to charge on arrays: no scipy, xarray, neo, pyabf, pandas, pint or jax."""
    code = """
import sys, numpy as np
from potentiate.measures import *
t = np.arange(0, 100, 0.05); y = np.where(t >= 10, -90 * np.exp(-(t - 10) / 3) - 10 * np.exp(-(t - 10) / 20), 0.0)
at = peak(t, y); rise(t, y, at); d = decay(t, y, at); weighted_tau(t, y, at, fitted=d); charge(t, y, at)
s = steady_state_ratio(t, y, at, (10, 80)); desensitization(t, y, at, 80, s); deactivation(t, y, at, 11)
import potentiate.recordings
potentiate.recordings.Recording.from_arrays(t, y)
heavy = {"scipy", "xarray", "neo", "pyabf", "pandas", "pint", "jax", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
