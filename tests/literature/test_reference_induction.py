"""The reference induction engine against what Rodrigues et al. 2023 print (facts/plasticity.md, section 1.4)."""

import numpy as np
import pytest

from potentiate.library.scheme import find_scheme


@pytest.mark.parametrize(
    ("scheme_id", "forward", "backward"),
    [("NMDA_Rodrigues_GluN2A", 7.514, 4.865), ("NMDA_Rodrigues_GluN2B", 7.514, 4.865), ("Rodrigues2023", 8.477, 4.627)],
)
def test_temperature_factors_at_35_degrees(scheme_id, forward, backward):
    scheme = find_scheme(scheme_id)
    at = scheme.factors({"glutamate": 1.0}, temperature_C=35.0)[[0, len(scheme.edges)]]
    assert at == pytest.approx([forward, backward], rel=2e-4)


def test_nmda_rates_of_the_two_subunits():
    """GluN2B is GluN2A with every forward rate times 0.25 and every reverse rate times 0.23; without a temperature both
    are the rates that an earlier document of the library holds."""
    a, b = find_scheme("NMDA_Rodrigues_GluN2A"), find_scheme("NMDA_Rodrigues_GluN2B")
    assert a.constants == pytest.approx(find_scheme("NMDA_GluN2A_linear_Popescu2004").constants)
    assert b.constants / a.constants == pytest.approx(np.repeat([0.25, 0.23], len(a.edges)))
    assert max(a.conductance) == pytest.approx(75.5, abs=0.05)
