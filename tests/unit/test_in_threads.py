"""Runs in threads: order, results, nothing to do."""

import jax
import numpy as np
import pytest

from potentiate.numerics.in_threads import in_threads

pytestmark = pytest.mark.timeout(30)


def test_results_come_in_order_from_one_compiled_program():
    traced = []

    @jax.jit
    def program(x, y):
        traced.append(1)
        return {"sum": x + y}

    found = in_threads(program, [(np.float64(i), np.float64(2 * i)) for i in range(9)], workers=3)
    assert [float(f["sum"]) for f in found] == [3.0 * i for i in range(9)]
    assert len(traced) == 1
    assert in_threads(program, []) == []
