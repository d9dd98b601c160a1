"""What an exposure costs, in counts: matrix exponentials, not times, so that a slow machine does not fail."""

from __future__ import annotations

import numpy as np
import pytest

from potentiate.exposure.expose import expose
from potentiate.exposure.people import People
from potentiate.exposure.regimen import parse_regimen
from potentiate.mechanisms import compartments

STACK = "; ".join(
    f"{name} {mg} mg pouch 08:00 daily x{{days}}"
    for name, mg in {"caffeine": 80, "l-theanine": 60, "methylliberine": 25, "theacrine": 5}.items()
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of matrices in each call of the exponential."""
    found: list[int] = []
    original = compartments.transition_matrix

    def counted(generator: np.ndarray, t: np.ndarray) -> np.ndarray:
        found.append(int(np.broadcast(np.empty(generator.shape[:-2]), t).size))
        return original(generator, t)

    monkeypatch.setattr(compartments, "transition_matrix", counted)
    return found


def exponentials(calls: list[int], people: int, days: int, step_h: float) -> tuple[int, int]:
    """Return calls and matrices of one exposure."""
    calls.clear()
    t = 8.0 + step_h * np.arange(round(24 * days / step_h) + 1)
    expose(parse_regimen(STACK.format(days=days)), People(n=people, variability=True), t_h=t)
    return len(calls), sum(calls)


def test_exponentials_grow_with_people_and_not_with_doses_or_samples(calls: list[int]) -> None:
    few = exponentials(calls, 10, 1, 1.0)
    assert few[0] > 0
    assert exponentials(calls, 10, 7, 1.0) == few, "seven doses share the course of one"
    assert exponentials(calls, 10, 1, 1 / 12) == few, "a finer grid is a product, not more exponentials"
    more, most = (exponentials(calls, n, 1, 1.0) for n in (40, 70))
    assert more[0] == most[0] == few[0], "people are a batch"
    assert most[1] - more[1] == more[1] - few[1], "one matrix each"
    # two for each compound and way in (to the first sample, over one step), and those of two reference peaks
    assert few[0] <= 2 * 2 * 4 + 2 * 2 * 2
