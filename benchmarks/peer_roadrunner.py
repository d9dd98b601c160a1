"""libRoadRunner: the scheme as SBML reactions, CVODE with compiled equations, restarted at the end of the pulse."""

import numpy as np
import roadrunner

from . import case
from .timing import once, timed


def sbml() -> str:
    """Return the scheme as SBML; glutamate (uM) is the parameter c."""
    n = case.SCHEME.n
    species = "".join(
        f'<species id="x{i}" compartment="one" initialConcentration="{float(p)!r}" boundaryCondition="false" '
        'hasOnlySubstanceUnits="false" constant="false"/>'
        for i, p in enumerate(case.REST)
    )
    reactions = ""
    for e, (source, target, rate) in enumerate(zip(case.SOURCE, case.TARGET, case.RATES, strict=True)):
        ligand = "<ci>c</ci>" if rate.ligand else ""
        reactions += (
            f'<reaction id="r{e}" reversible="false" fast="false">'
            f'<listOfReactants><speciesReference species="x{source}" stoichiometry="1" constant="true"/>'
            f'</listOfReactants><listOfProducts><speciesReference species="x{target}" stoichiometry="1" '
            'constant="true"/></listOfProducts><kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">'
            f"<apply><times/><cn>{rate.k:.17f}</cn><ci>x{source}</ci>{ligand}</apply></math></kineticLaw></reaction>"
        )
    assert n == len(case.REST)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" '
        'version="1"><model id="receptor"><listOfCompartments><compartment id="one" size="1" spatialDimensions="3" '
        f'constant="true"/></listOfCompartments><listOfSpecies>{species}</listOfSpecies><listOfParameters>'
        '<parameter id="c" value="0" constant="false"/></listOfParameters>'
        f"<listOfReactions>{reactions}</listOfReactions></model></sbml>"
    )


def rows() -> list[dict]:
    """Return the timings."""
    runner, seconds, _ = once(lambda: roadrunner.RoadRunner(sbml()))
    runner.timeCourseSelections = [f"[x{i}]" for i in case.OPEN]
    weights = case.OBSERVE[case.OPEN]
    end = (case.N_SAMPLES - 1) * case.DT_MS

    def run() -> np.ndarray:
        runner.reset()
        runner["c"] = case.GLUTAMATE_UM
        first = np.array(runner.simulate(0, case.PULSE_MS, case.N_PULSE + 1))
        runner["c"] = 0.0
        second = np.array(runner.simulate(case.PULSE_MS, end, case.N_SAMPLES - case.N_PULSE))
        return np.concatenate([first[:-1], second]) @ weights

    found = []
    for tol in (1e-6, 1e-9):
        runner.integrator.relative_tolerance = tol
        runner.integrator.absolute_tolerance = tol
        runner.integrator.stiff = True
        found.append(
            {"name": f"libRoadRunner CVODE {tol:g}", "error": case.error(run()), "compile_s": seconds} | timed(run)
        )
    return found
