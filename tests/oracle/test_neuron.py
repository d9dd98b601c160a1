"""Exported mechanisms compiled by nrnivmodl and run under CVode, and with fixed steps, give our occupancies."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from peers import COMPILED, Sweep, VOLTAGE_mV, ours, pulse

from potentiate.exchange.naming import ligand_names, state_names
from potentiate.exchange.nmodl import to_nmodl
from potentiate.kinetics.scheme import Scheme
from potentiate.library.scheme import find_scheme

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(400)]

SCHEMES = {**COMPILED, "NMDA_ClarkeJohnson2008_Mg": lambda: find_scheme("NMDA_ClarkeJohnson2008_Mg")}


def beside_python(program: str) -> str | None:
    """Return a program from this environment or the search path."""
    return shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> str:
    """Compile all mechanisms once."""
    compiler = beside_python("nrnivmodl")
    if importlib.util.find_spec("neuron") is None or compiler is None:
        pytest.skip("NEURON is not installed (extra 'oracle')")
    if shutil.which("make") is None or (shutil.which("g++") or shutil.which("c++")) is None:
        pytest.skip("nrnivmodl needs make and a C++ compiler")
    folder = tmp_path_factory.mktemp("neuron")
    for name, build in SCHEMES.items():
        (folder / f"{name}.mod").write_text(to_nmodl(build(), name=f"X_{name}"))
    done = subprocess.run([compiler], cwd=folder, capture_output=True, text=True, timeout=350, check=False)
    built = [p for p in folder.glob("*/*libnrnmech*") if p.suffix in (".so", ".dylib")]
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert built, done.stdout[-2000:]
    return str(built[0])


def run_neuron(library: str, name: str, scheme: Scheme, sweep: Sweep, folder: Path, **how: float) -> dict:
    """Run the peer in a process of its own; return its arrays."""
    exported = dict(zip(scheme.ligands, ligand_names(scheme.ligands), strict=True))
    task = {
        "library": library,
        "mechanism": f"X_{name}",
        "states": state_names(scheme.states),
        "samples_ms": sweep.samples_ms.tolist(),
        "segments": [[d, {exported[n]: c / 1000.0 for n, c in uM.items()}] for d, uM in sweep.segments],
        "set": {"channels" if scheme.conductance_unit == "pS" else "gmax": 0.0},  # no current: V stays
        "voltage_mV": VOLTAGE_mV,
        "output": str(folder / "result.npz"),
        **how,
    }
    peer = Path(__file__).with_name("neuron_peer.py")
    done = subprocess.run(
        [sys.executable, str(peer)], input=json.dumps(task), text=True, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(task["output"]) as result:
        return dict(result)


@pytest.mark.parametrize("duration_ms", [1.0, 100.0])
@pytest.mark.parametrize("name", SCHEMES)
def test_neuron_gives_our_occupancies(library, tmp_path, name, duration_ms):
    scheme = SCHEMES[name]()
    sweep = pulse(scheme, duration_ms)
    mine = ours(scheme, sweep)
    theirs = run_neuron(library, name, scheme, sweep, tmp_path, tolerance=1e-11)
    assert theirs["voltage_mV"] == VOLTAGE_mV
    assert np.abs(theirs["start"] - mine[0]).max() < 1e-6
    difference = np.abs(theirs["occupancy"] - mine).max()
    print(f"{name}, {duration_ms:g} ms: {difference:.1e}")
    assert difference < 1e-6


def test_fixed_steps_converge_with_order_one(library, tmp_path):
    """METHOD sparse is implicit Euler: half the step, half the error."""
    scheme = SCHEMES["RH2003_GluA4"]()
    sweep = pulse(scheme, 1.0)
    mine = ours(scheme, sweep)
    errors = [
        np.abs(run_neuron(library, "RH2003_GluA4", scheme, sweep, tmp_path, step_ms=h)["occupancy"] - mine).max()
        for h in (0.005, 0.0025)
    ]
    print(f"largest errors at 5 and 2.5 us: {errors[0]:.1e}, {errors[1]:.1e}")
    assert errors[1] < 2e-3
    assert 1.8 < errors[0] / errors[1] < 2.2


def test_units_are_consistent(tmp_path):
    program = beside_python("modlunit")
    if program is None:
        pytest.skip("NEURON's modlunit is not installed")
    for name in ("Partin1996_mod", "Balmer2021", "Rodrigues2023", "Nieus2006", "NMDA_ClarkeJohnson2008_Mg"):
        file = tmp_path / f"{name}.mod"
        file.write_text(to_nmodl(find_scheme(name)))
        done = subprocess.run([program, str(file)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
        assert "ERROR" not in done.stdout + done.stderr, (name, done.stdout, done.stderr)
