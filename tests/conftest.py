"""Settings of every test: float64, one platform, no display, repeatable random examples."""

import os

# before anything imports JAX or matplotlib
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis

hypothesis.settings.register_profile(
    "potentiate",
    derandomize=True,
    deadline=None,  # the first example compiles; the time limit is pytest's
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("potentiate")
