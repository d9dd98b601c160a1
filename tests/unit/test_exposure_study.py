"""From a dose to a current: aniracetam by mouth does nothing at the receptor; what is unknown is refused."""

import numpy as np
import pytest

from potentiate.errors import NoPharmacologyError, UsageError
from potentiate.preparations.exposure_study import study_exposure
from potentiate.preparations.subject_effects import plain_exposure


def exposed(peak_uM, compound="aniracetam"):
    t = np.linspace(0.0, 4.0, 9)
    return plain_exposure(t, **{compound: peak_uM * t * np.exp(1.0 - t)})


def test_nanomolar_aniracetam_is_a_null_with_its_gap():
    found = study_exposure(exposed(0.05), "aniracetam", matrix="plasma")
    assert found.effect("patch") == "no effect"
    assert found.gap.value == pytest.approx(4.0)
    assert found.concentration.value == pytest.approx(0.05)
    assert found.at_h == 1.0
    assert found.occupancy.value == pytest.approx(1e-4, rel=1e-3)
    assert any("stands for that in brain" in text for text in found.assumed)
    assert found.patch is not None
    assert found.synapse is None


def test_millimolar_aniracetam_is_an_effect():
    found = study_exposure(exposed(5000.0), "aniracetam", matrix="plasma", at_h=1.0)
    assert found.effect("patch") == "effect"
    assert found.folds["patch"]["tau_deact"].value > 1.5
    assert found.gap.value < 0.0


def test_after_the_drug_there_is_no_gap():
    found = study_exposure(exposed(5.0), "aniracetam", matrix="plasma", at_h=0.0)
    assert found.gap.status == "no response"
    assert found.effect("patch") == "no effect"


def test_synapse_in_the_same_call():
    found = study_exposure(exposed(0.05), "aniracetam", matrix="plasma", preparations=("synapse",), trials=4)
    assert found.effect("synapse") == "no effect"
    assert found.synapse is not None


@pytest.mark.parametrize(
    ("exposure", "compound", "options", "error", "match"),
    [
        (exposed(1.0), "aniracetam", {}, UsageError, "brain"),
        (exposed(1.0), "cx516", {"matrix": "plasma"}, UsageError, "not part"),
        (exposed(1.0, "cx516"), "cx516", {"matrix": "plasma"}, UsageError, "affinity"),
        (exposed(1.0, "caffeine"), "caffeine", {"matrix": "plasma"}, NoPharmacologyError, "No action of caffeine"),
        (exposed(1.0), "aniracetam", {"matrix": "plasma", "preparations": ("network",)}, UsageError, "network"),
        (exposed(1.0), "aniracetam", {"matrix": "plasma", "at_h": 9.0}, UsageError, "not within"),
    ],
)
def test_refusals(exposure, compound, options, error, match):
    with pytest.raises(error, match=match):
        study_exposure(exposure, compound, **options)


def test_people_give_an_interval():
    t = np.linspace(0.0, 2.0, 5)
    many = plain_exposure(t, aniracetam=np.outer([0.02, 0.05, 0.2], t))
    found = study_exposure(many, "aniracetam", matrix="plasma")
    assert found.concentration.interval[0] < found.concentration.value < found.concentration.interval[1]
