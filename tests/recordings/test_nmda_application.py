"""NMDA, 2 s at -80 mV, 12 sweeps of which 4 respond (pyABF, MIT). Numbers: expected.json of the curator.

Tolerances are the curator's: peak 2 %, tau 10 % (the fit window matters). Looked at: the agonist arrives at
0.5 s and leaves at 2.5 s; in sweeps 1 and 3 the exchange takes 50 ms. Sweeps 2 and 5 hold a real current of
4 and 6 pA: above the noise, below the floor of 20 pA, so they do not count as responses.
"""

import json

import numpy as np
import pytest

from potentiate.measures import measure_jump
from potentiate.measures.quality import check_quality
from potentiate.recordings import read


@pytest.fixture(scope="module")
def recording(data_dir):
    return read(data_dir / "nmda_application_pyabf" / "File_axon_7.abf")


@pytest.fixture(scope="module")
def expected(data_dir):
    return json.loads((data_dir / "nmda_application_pyabf" / "expected.json").read_text())


@pytest.fixture(scope="module")
def jumps(recording):
    return [measure_jump(recording.time_ms, sweep, 500.0, 2500.0) for sweep in recording.sweeps]


def test_header(recording):
    assert recording.sweeps.shape == (12, 1615)
    assert recording.unit == "pA"
    assert recording.interval_ms == pytest.approx(2.48, rel=1e-3)
    assert "Apl NMDA 2 s -80mV" in recording.provenance["acquisition_protocol"]


def test_exactly_four_sweeps_respond(jumps, expected):
    assert [k for k, jump in enumerate(jumps) if jump.responds] == expected["responder_sweeps_0based"]
    for jump in jumps:
        if not jump.responds:
            assert jump.tau_des.status == "no response"
            assert np.isnan(jump.tau_des.value)
            assert "pA" in jump.reason


def test_quality_control_names_the_non_responders(recording, expected):
    report = check_quality(recording, baseline_ms=(0.0, 450.0), response_ms=(500.0, 2600.0))
    assert list(report.ok) == expected["responder_sweeps_0based"]
    assert len(report.with_status("non-responder")) == 8
    # the two small real currents are told with their size
    assert "-10.9 pA against a limit of 20 pA" in report.sweeps[5].reason


@pytest.mark.parametrize("sweep", [1, 3, 6, 9])
def test_responders_agree_with_the_curator(jumps, expected, sweep):
    jump, want = jumps[sweep], expected["sweeps"][str(sweep)]
    assert jump.peak.amplitude.value == pytest.approx(want["peak"], rel=0.02)
    assert jump.steady_state.value == pytest.approx(want["ss_2.3_2.5s"] / want["peak"], rel=0.02)
    assert jump.tau_des.value == pytest.approx(1e3 * want["tau_desens"], rel=0.10)
    assert jump.tau_off.value == pytest.approx(1e3 * want["tau_off_from_2.62s"], rel=0.10)


@pytest.mark.parametrize("sweep", [1, 3, 6, 9])
def test_responders_lie_in_the_published_ranges(jumps, sweep):
    jump = jumps[sweep]
    assert -667 <= jump.peak.amplitude.value <= -444
    assert 0.475 <= jump.steady_state.value <= 0.665
    assert 405 <= jump.tau_des.value <= 725
    assert 64.5 <= jump.tau_off.value <= 95.5


@pytest.mark.parametrize("sweep", [1, 3, 6, 9])
def test_application_is_found_without_being_told(recording, jumps, sweep):
    blind = measure_jump(recording.time_ms, recording.sweeps[sweep])
    # slow exchange: the current starts up to 60 ms after the valve, and its fall begins within 40 ms
    assert 500 <= blind.on.value <= 560
    assert abs(blind.off.value - 2500) <= 40
    assert blind.steady_state.value == pytest.approx(jumps[sweep].steady_state.value, rel=0.02)
    assert blind.tau_off.value == pytest.approx(jumps[sweep].tau_off.value, rel=0.05)
