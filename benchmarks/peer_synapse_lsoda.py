"""The stiff case by SciPy's LSODA (odeint), with and without the analytic Jacobian."""

from . import synapse_case as case


def rows() -> list[dict]:
    """Return the timings."""
    equations = case.Equations()
    return [
        {"name": f"SciPy LSODA, {how}"} | case.at_equal_error(lambda tol, a=a: case.lsoda(equations, tol, analytic=a))
        for a, how in ((True, "analytic Jacobian"), (False, "its own Jacobian"))
    ]
