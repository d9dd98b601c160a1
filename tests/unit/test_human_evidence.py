"""What the schema of human evidence and of arms on a subject refuses."""

import pytest
from pydantic import ValidationError

from potentiate.library.human_evidence import HumanEvidenceDoc
from potentiate.library.subject_arm import SubjectArmDoc

TRIAL = {
    "claim": "some drug: memory",
    "population": "16 healthy elderly",
    "indication": "healthy",
    "outcome": "recall",
    "result": "no benefit",
    "dose": "500 mg by mouth, once",
    "comparator": "placebo",
}
ARM = {"regimen": "caffeine 200 mg po 08:00", "measure": "cmax"}


def test_a_trial_says_whether_it_holds_a_result():
    assert HumanEvidenceDoc.model_validate(TRIAL).found
    assert not HumanEvidenceDoc.model_validate(TRIAL | {"result": "not posted"}).found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"result": "promising"}, "benefit"),
        ({"flaws": ["small"]}, "a flaw starts with"),
        ({"result": "harm"}, "adverse: true"),
        ({"adverse": True}, "no harm seen"),
        ({"certainty": "certain"}, "moderate"),
        ({"p": 0.05}, "Extra"),
    ],
)
def test_human_evidence_refuses(changes, message):
    with pytest.raises(ValidationError, match=message):
        HumanEvidenceDoc.model_validate(TRIAL | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measure": "concentration"}, "needs the time"),
        ({"measure": "occupancy"}, "target"),
        ({"target": "adenosine A1 receptor"}, "target"),
        ({"measure": "time_above"}, "threshold"),
        ({"count": 100}, "distribution"),
        ({"read": "q05"}, "distribution"),
        ({"with_metabolites": True}, "occupancy"),
        ({"window": ["8 h"]}, "2 items"),
        ({"measure": "mood"}, "cmax"),
    ],
)
def test_a_subject_arm_refuses(changes, message):
    with pytest.raises(ValidationError, match=message):
        SubjectArmDoc.model_validate(ARM | changes)
