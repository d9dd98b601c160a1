"""The operator on states reproduces a published modulator model, rate by rate."""

import numpy as np
import pytest
from peers import partin_with_modulator

from potentiate.library.scheme import find_scheme

#: States of the document, by the names that the operator gives.
AS_READ = {
    **{s: s for s in ("R", "RA", "RA2", "RdA", "RdA2", "O")},
    **{"R+1": "RM", "RA+1": "RMA", "RA2+1": "RMA2", "RdA+1": "RdMA", "RdA2+1": "RdMA2", "O+1": "OM"},
}


@pytest.mark.parametrize("glutamate_uM", [0.0, 10_000.0])
@pytest.mark.parametrize("modulator_uM", [0.0, 500.0])
def test_operator_equals_the_modulator_of_partin_1996(glutamate_uM, modulator_uM):
    built, read = partin_with_modulator(), find_scheme("Partin1996_mod")
    order = [read.states.index(AS_READ[s]) for s in built.states]
    ligands = {"glutamate": glutamate_uM, "modulator": modulator_uM}
    expected = read.generator(ligands)[np.ix_(order, order)]
    np.testing.assert_allclose(built.generator(ligands), expected, rtol=1e-12, atol=0)
    assert [built.classes[i] for i in range(built.n)] == [read.classes[j] for j in order]
    assert [built.bound[i] for i in range(built.n)] == [read.bound[j] for j in order]
    assert [built.conductance[i] for i in range(built.n)] == [read.conductance[j] for j in order]
