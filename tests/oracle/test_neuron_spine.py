"""The unreduced spine against NEURON: EPSC in voltage clamp, and voltages in current clamp, to 1e-3 of the peak."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from potentiate.exchange.nmodl import to_nmodl
from potentiate.library.scheme import find_scheme
from potentiate.mechanisms.calcium import CalciumDynamics
from potentiate.mechanisms.cleft import MILLISECOND_PULSE
from potentiate.mechanisms.magnesium_block import JAHR_STEVENS
from potentiate.mechanisms.spine import CA1SIM_SPINE
from potentiate.numerics.rosenbrock import REASONS, integrate
from potentiate.preparations.spine_parts import Compartments
from potentiate.preparations.spine_receptors import Receptor
from potentiate.preparations.spine_system import SpineSystem

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(400)]

AMPA, PLAIN, KINETIC = "RH2003_GluA4", "NMDA5_LesterJahr1992", "NMDA_Kampa2004"
MAGNESIUM_mM = 1.2
CELL = [(12.0, 1.0, -70.0), (60.0, 4.0, -70.0)]
COUPLING_nS = 8.0
PULSES_ms = (5.0, 17.0)
SAMPLES_ms = np.arange(0.0, 45.0, 0.05)


def beside_python(program: str) -> str | None:
    """Return a program from this environment or the search path."""
    return shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> str:
    """Compile the receptors; the block by magnesium is written into the current of the plain NMDA receptor."""
    compiler = beside_python("nrnivmodl")
    if importlib.util.find_spec("neuron") is None or compiler is None:
        pytest.skip("NEURON is not installed (extra 'oracle')")
    if shutil.which("make") is None or (shutil.which("g++") or shutil.which("c++")) is None:
        pytest.skip("nrnivmodl needs make and a C++ compiler")
    folder = tmp_path_factory.mktemp("neuron")
    for name in (AMPA, PLAIN, KINETIC):
        text = to_nmodl(find_scheme(name), name=f"X_{name}")
        if name == PLAIN:
            current = "i = g * (v - e)"
            assert current in text
            half, slope = JAHR_STEVENS.half_mM, JAHR_STEVENS.slope_per_mV
            text = text.replace(current, f"{current} / (1 + {MAGNESIUM_mM} / {half} * exp(-{slope} * v))")
        (folder / f"{name}.mod").write_text(text)
    done = subprocess.run([compiler], cwd=folder, capture_output=True, text=True, timeout=350, check=False)
    built = [p for p in folder.glob("*/*libnrnmech*") if p.suffix in (".so", ".dylib")]
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert built, done.stdout[-2000:]
    return str(built[0])


def neuron(library: str, nmda: str, clamp: list | None, start: float, folder: Path) -> np.ndarray:
    """Return voltages of head, dendrite and soma, shape (samples, 3)."""
    gmax = "channels" if find_scheme(AMPA).conductance_unit == "pS" else "gmax"
    # a scheme in pS is counted in channels of its own conductance
    ampa = 600.0 / max(find_scheme(AMPA).conductance) if gmax == "channels" else 6e-4
    magnesium = {"C_magnesium": MAGNESIUM_mM} if nmda == KINETIC else {}
    task = {
        "library": library,
        "receptors": [[f"X_{AMPA}", {gmax: ampa, "e": 0.0}], [f"X_{nmda}", {"gmax": 5e-4, "e": 3.0, **magnesium}]],
        "head": [0.5, 0.5],
        "neck_GOhm": CA1SIM_SPINE.neck_GOhm,
        "cell": CELL,
        "coupling_nS": [COUPLING_nS],
        "clamp": clamp,
        "start_mV": start,
        "pulses": [[t, t + 1.0, 1.0] for t in PULSES_ms],
        "samples_ms": SAMPLES_ms.tolist(),
        "tolerance": 1e-9,
        "output": str(folder / "out.npz"),
    }
    peer = Path(__file__).with_name("neuron_spine_peer.py")
    done = subprocess.run(
        [sys.executable, str(peer)], input=json.dumps(task), text=True, capture_output=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(task["output"]) as result:
        return result["voltage_mV"]


def ours(nmda: str, clamp: tuple[int, float] | None, command: float, start: float) -> np.ndarray:
    """Return the same voltages by the stiff integrator."""
    ampa = Receptor(find_scheme(AMPA), 0.6, 0.0)
    if nmda == KINETIC:
        slow = Receptor(find_scheme(KINETIC), 0.5, 3.0, None, None, {"magnesium": 1e3 * MAGNESIUM_mM})
    else:
        slow = Receptor(find_scheme(PLAIN), 0.5, 3.0, JAHR_STEVENS)
    cell = Compartments(*(tuple(x) for x in zip(*CELL, strict=True)), ((0, 1, COUPLING_nS),), clamp)
    calcium = CalciumDynamics(0.1, 0.1, 12.0, 0.07)
    system = SpineSystem((ampa, slow), CA1SIM_SPINE, calcium, cell, magnesium_mM=MAGNESIUM_mM)
    end = SAMPLES_ms[-1] + 1.0
    edges, drive = system.drive(MILLISECOND_PULSE, np.array(PULSES_ms), end, command_mV=((0.0, command),))
    wanted = np.array([system.index["head"], system.block_size, system.block_size + 1])
    found = jax.jit(
        lambda d: integrate(
            system.system(), system.start(start), edges, drive=d, parameters=system.parameters(),
            samples=SAMPLES_ms, observe=lambda y: y[wanted], rtol=1e-6, atol=1e-7,
        )
    )(drive)  # fmt: skip
    assert REASONS[int(found.status)] == "ok"
    return np.asarray(found.values)


@pytest.mark.parametrize("nmda", [PLAIN, KINETIC])
@pytest.mark.parametrize("command", [-70.0, 30.0])
def test_epsc_in_voltage_clamp(library, tmp_path, nmda, command):
    series = 0.01
    theirs = neuron(library, nmda, [1, series, command], command, tmp_path)
    mine = ours(nmda, (1, series), command, command)
    # the soma and its leak settle after the start; what the pulses add is compared from the first pulse on
    currents = [(command - v[:, 2]) / series for v in (theirs, mine)]
    after = SAMPLES_ms >= PULSES_ms[0]
    peak = np.abs(currents[0][after] - currents[0][after][0]).max()
    difference = np.abs(currents[1] - currents[0])[after].max()
    print(f"{nmda} at {command:g} mV: EPSC {peak:.1f} pA, difference {difference / peak:.1e} of it")
    assert peak > 2.0
    assert difference < 1e-3 * peak


@pytest.mark.parametrize("nmda", [PLAIN, KINETIC])
def test_spine_in_current_clamp(library, tmp_path, nmda):
    theirs = neuron(library, nmda, None, -70.0, tmp_path)
    mine = ours(nmda, None, -70.0, -70.0)
    for k, name in enumerate(("head", "dendrite", "soma")):
        peak = np.abs(theirs[:, k] - theirs[0, k]).max()
        difference = np.abs(mine[:, k] - theirs[:, k]).max()
        print(f"{nmda}, {name}: EPSP {peak:.2f} mV, difference {difference / peak:.1e} of it")
        assert peak > 0.1
        assert difference < 1e-3 * peak
