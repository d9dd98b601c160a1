"""Trafficking of Becker & Tetzlaff 2021: published time courses, beside the digitised LTP they were made for."""

import numpy as np
import pytest

from potentiate.mechanisms.trafficking import Induction, Trafficking, simulate_trafficking

MINUTES = [1, 2, 5, 10, 20, 30, 60, 90, 120]
#: Bound receptors in % of rest, from a run of the published equations: (cooperative, structural) -> values at MINUTES.
PUBLISHED = {
    (False, False): [221, 244, 153, 104, 100, 100, 100, 100, 100],
    (False, True): [211, 228, 154, 117, 111, 110, 106, 103, 102],
    (True, False): [203, 235, 209, 158, 116, 104, 100, 100, 100],
    (True, True): [182, 213, 207, 188, 171, 163, 141, 122, 112],
}
#: fEPSP in % of baseline: early LTP (Barco 2002) and LTP without exocytosis (Penn 2017), as digitised in the public
#: repository MoritzB90/AMPAR-Trafficking-Model (Data/); the last Barco value is at 115 min.
BARCO = {1: 256, 2: 229, 5: 198, 10: 186, 20: 179, 30: 159, 60: 139, 90: 114, 115: 111}
PENN = {2: 153, 5: 109, 8: 89, 17: 84, 23: 82, 35: 65}


def percent(parameters: Trafficking, minutes: list[float]) -> np.ndarray:
    return 100.0 * simulate_trafficking(parameters, Induction(0.0, 1.0), [0.0, *minutes])[1:, 0]


@pytest.mark.parametrize(("cooperative", "structural"), PUBLISHED)
def test_each_variant_follows_its_published_time_course(cooperative, structural):
    found = percent(Trafficking(cooperative=cooperative, structural=structural), MINUTES)
    assert found == pytest.approx(PUBLISHED[cooperative, structural], abs=1.0)


def test_peak_of_the_full_model_is_the_published_one():
    fine = percent(Trafficking(), list(np.arange(0.1, 10.0, 0.1)))
    assert fine.max() == pytest.approx(217.0, abs=1.0)


def deviation(parameters: Trafficking, data: dict[int, int]) -> float:
    found = percent(parameters, [float(t) for t in data])
    return float(np.sqrt(np.mean((found - list(data.values())) ** 2)))


def test_only_both_mechanisms_together_come_near_early_ltp():
    distance = {key: deviation(Trafficking(cooperative=key[0], structural=key[1]), BARCO) for key in PUBLISHED}
    assert min(distance, key=lambda key: distance[key]) == (True, True)
    # the model misses the first minute (182 % against 256 %), which holds most of the rest of its distance
    assert distance[True, True] < 30.0 < min(distance[k] for k in PUBLISHED if k != (True, True))
    late = percent(Trafficking(), [10, 20, 30, 60, 90, 115]) - [186, 179, 159, 139, 114, 111]
    assert np.max(np.abs(late)) < 9.0


def test_ltp_without_exocytosis_decays_below_baseline():
    blocked = Trafficking(exocytosis_blocked_from_min=0.0)
    found = percent(blocked, [float(t) for t in PENN])
    # the model decays later than the data (152 % against 109 % at 5 min), and is at their level from 17 min on
    assert np.all(found[:3] > np.array([PENN[2], PENN[5], PENN[8]]) + 20.0)
    assert found[3:] == pytest.approx([PENN[17], PENN[23], PENN[35]], abs=12.0)
    assert percent(Trafficking(persistence=1.0, exocytosis_blocked_from_min=0.0), [60.0])[0] < 100.0
