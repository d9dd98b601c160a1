"""Exported text, read back by a reader written here, gives the generator that it was made from."""

import dataclasses
import math
import re

import numpy as np
import pytest

from potentiate.errors import UnknownNameError, UsageError
from potentiate.exchange import FORMATS, export, to_mmt, to_nmodl
from potentiate.exchange.naming import ligand_names, model_name, state_names, unique_names
from potentiate.kinetics.modulator import Modulator, apply_competitor, apply_modulator
from potentiate.kinetics.rate import Rate
from potentiate.kinetics.scheme import Edge, Scheme
from potentiate.library.scheme import find_scheme, scheme_ids
from potentiate.protocols.protocol import Protocol, Segment, Transient

V = -41.5
DRUG = Modulator("CX-546", 2, 300.0, 0.4, weights={"open": (2.0, 5.0), "desensitized": (0.5, 0.0)})


def evaluate(text: str, names: dict[str, float]) -> float:
    """Evaluate an infix expression after taking its units away."""
    text = re.sub(r"(?<=\d) (\((?:mM|mV|pS|degC|/degC)\)|\[[^]]*\])", "", text).replace("^", "**")
    text = re.sub(r"\b[A-Za-z]\w*\.(?=[A-Za-z])", "", text)  # component names of Myokit
    return eval(text, {"__builtins__": {}, "exp": math.exp}, names)


def split_at_comma(text: str) -> tuple[str, str]:
    """Split at the comma outside all brackets."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            return text[:i], text[i + 1 :]
    raise AssertionError(text)


def block(text: str, head: str) -> list[str]:
    """Return the lines of a block of an NMODL file."""
    return re.search(rf"^{head} \{{\n(.*?)^\}}", text, re.S | re.M).group(1).splitlines()


def read_nmodl(text: str, set_to: dict[str, float]) -> tuple[np.ndarray, list[str]]:
    """Return the generator and the state names of a mechanism."""
    names: dict[str, float] = {"v": V}
    for line in block(text, "PARAMETER"):
        name, value = re.match(r"\s*(\w+) = (\S+)", line).groups()
        names[name] = float(value)
    assert set(set_to) <= set(names)
    names.update(set_to)
    states = [line.split()[0] for line in block(text, "STATE")]
    q = np.zeros((len(states),) * 2)
    for line in block(text, "KINETIC kinetics"):
        if found := re.match(r"\s*~ (\w+) <-> (\w+) \((.*)\) : \w+$", line):
            a, b = states.index(found[1]), states.index(found[2])
            forward, backward = split_at_comma(found[3])
            q[a, b] += evaluate(forward, names)
            q[b, a] += evaluate(backward, names)
    assert f"CONSERVE {' + '.join(states)} = 1" in text
    q[np.diag_indices(len(q))] = -q.sum(axis=1)
    return q, states


def read_mmt(text: str, set_to: dict[str, float]) -> tuple[np.ndarray, list[str]]:
    """Return the generator and the state names of a Myokit model: the derivatives at each corner of the simplex."""
    states = re.findall(r"^receptor\.(\w+) =", text, re.M)
    definitions = re.findall(r"^(\w+|dot\(\w+\)) = ([^#\n]*?)(?: in \[[^]]*\])?(?: bind \w+)?\s*(?:#.*)?$", text, re.M)
    rows = []
    for corner in np.eye(len(states)):
        names = {**dict(zip(states, corner, strict=True)), "engine": 0.0}
        slope = {}
        for name, expression in definitions:
            if name.startswith("dot("):
                slope[name[4:-1]] = evaluate(expression, names)
            else:
                names[name] = evaluate(expression, names)
                names[name] = set_to.get(name, names[name])
        assert set(set_to) <= set(names)
        rows.append([slope[s] for s in states])
    return np.array(rows), states


def schemes() -> list[Scheme]:
    """All schemes of the library, and one of each operator."""
    base = [find_scheme(name) for name in scheme_ids()]
    jonas = find_scheme("Jonas1993")
    return [*base, apply_modulator(jonas, DRUG), apply_competitor(jonas, "NBQX", 0.1, 0.02)]


@pytest.mark.parametrize("scheme", schemes(), ids=lambda s: s.name)
def test_text_read_back_gives_the_generator(scheme):
    exported = dict(zip(scheme.ligands, ligand_names(scheme.ligands), strict=True))
    concentrations = {name: 17.0 * (i + 1) ** 3 for i, name in enumerate(scheme.ligands)}
    mM = {exported[n]: c / 1000.0 for n, c in concentrations.items()}
    expected = scheme.generator(concentrations, V)
    for reader, text in ((read_nmodl, to_nmodl(scheme)), (read_mmt, to_mmt(scheme, voltage_mV=V))):
        q, states = reader(text, mM)
        assert states == state_names(scheme.states)
        np.testing.assert_allclose(q, expected, rtol=1e-12, atol=1e-15)
        # what is not set is as in the bath
        agonist = {exported[scheme.agonist]: 0.25}
        expected_bath = scheme.generator({scheme.agonist: 250.0}, V)
        np.testing.assert_allclose(reader(text, agonist)[0], expected_bath, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "name", ["Rodrigues2023", "NMDA_Rodrigues_GluN2B", "Balmer2021", "NMDA_Kampa2004", "Saftenku2005_DCO"]
)
def test_temperature_laws_are_exported(name):
    scheme = find_scheme(name)
    expected = scheme.generator({"glutamate": 1000.0}, V, 30.0)
    q, _ = read_nmodl(to_nmodl(scheme, temperature_C=30.0), {"C_glutamate": 1.0})
    np.testing.assert_allclose(q, expected, rtol=1e-12, atol=1e-15)
    q, _ = read_mmt(to_mmt(scheme, temperature_C=30.0, voltage_mV=V), {"C_glutamate": 1.0})
    np.testing.assert_allclose(q, expected, rtol=1e-12, atol=1e-15)


def test_myokit_start_is_the_equilibrium():
    scheme = find_scheme("EONS_NMDA_v6_3")
    text = to_mmt(scheme)
    start = [float(v) for v in re.findall(r"^receptor\.\w+ = (\S+)", text, re.M)]
    np.testing.assert_allclose(start, scheme.equilibrium({"glutamate": 0.0}, -60.0), rtol=0, atol=1e-15)


def test_trapped_blocker_starts_at_rest_and_says_so():
    scheme = find_scheme("NMDA_ClarkeJohnson2008_Mg")  # without agonist, block is for ever: two equilibria
    for text in (to_nmodl(scheme), to_mmt(scheme)):
        assert "trapped blocker" in text
    assert "STEADYSTATE" not in to_nmodl(scheme)
    assert re.search(r"^receptor\.p_R_ = 1\.0$", to_mmt(scheme), re.M)


def test_names_do_not_collide():
    # NEURON derives DR and R0 from R; s1 from s1 and s10
    names = state_names(["R", "DR", "R0", "R+1", "R_plus1", "r"])
    assert len({n.lower() for n in names}) == len(names)
    derived = {f"D{n}" for n in names} | {f"{n}0" for n in names}
    assert not derived & set(names)
    assert not any(n[-1].isdigit() for n in names)
    assert unique_names(["a", "a"] * 40, "p_", "_")[-1] == "p_a_ca_"
    assert model_name(None, "2AR + drug (x)") == "M_2AR_plus_drug_x"
    with pytest.raises(UsageError, match="cannot name"):
        to_nmodl(find_scheme("RT1992"), name="2 bad")


def test_header_names_source_and_faults_and_cannot_be_left():
    text = to_nmodl(find_scheme("RH2003_GluA1"))
    assert "cycle closed by D0-D1" in text
    assert "keys: " in text
    hostile = dataclasses.replace(find_scheme("RT1992"), name="x\nENDCOMMENT\nVERBATIM\n#include <a.h>\n[[model]]")
    assert "x ENDCOMMENT VERBATIM" in to_nmodl(hostile)
    for text in (to_nmodl(hostile), to_mmt(hostile)):
        assert not re.search(r"^(ENDCOMMENT|VERBATIM|#include)", text, re.M)
        assert text.isascii()
    assert to_mmt(hostile).count("\n[[model]]") == 0


def test_current_is_weighted_by_conductance():
    assert "g = (1e-6) * channels * (8.0 (pS) * p_O2_ + 16.0 (pS) * p_O3_ + 24.0 (pS) * p_O4_)" in to_nmodl(
        find_scheme("RH2003_GluA4")
    )
    assert "g = gmax * (p_O_)" in to_nmodl(find_scheme("Partin1996"))
    assert "e = 5.0 (mV)" in to_nmodl(find_scheme("Partin1996"), reversal_mV=5)


def test_protocols():
    scheme = find_scheme("Partin1996")
    by_hand = to_mmt(scheme, [(10.0, 1.0, 10.0), (50.0, 100.0, 5)])
    assert by_hand.endswith("10.0  10.0  1.0  0  0\n5.0  50.0  100.0  0  0\n")
    solutions = {"control": {}, "glu": {"glutamate": 10_000.0}, "low": {"glutamate": 5000.0}}
    segments = (Segment(10.0), Segment(1.0, "glu"), Segment(39.0), Segment(100.0, "low"), Segment(5.0))
    assert to_mmt(scheme, Protocol("two", segments, solutions, {})) == by_hand
    with pytest.raises(UsageError, match="cannot be used"):
        to_mmt(scheme, [(10.0, 5.0, 1.0), (12.0, 1.0, 1.0)])
    transient = Protocol("t", (Segment(5.0, transients=(Transient("glutamate", 1000.0, 1.0),)),), {"control": {}}, {})
    two = Protocol("v", (Segment(5.0), Segment(5.0, "b")), {"control": {}, "b": {"zinc": 1.0}}, {})
    for protocol in (transient, two):
        with pytest.raises(UsageError, match="pacing"):
            to_mmt(scheme, protocol)


def test_export_knows_its_formats():
    scheme = find_scheme("Partin1996")
    assert export(scheme, "nmodl") == to_nmodl(scheme)
    assert export(scheme, "mmt") == to_mmt(scheme)
    assert {f.ending for f in FORMATS.values()} == {".mod", ".mmt", ".xml"}
    with pytest.raises(UnknownNameError, match="nmodll") as caught:
        export(scheme, "nmodll")
    assert caught.value.nearest == ["nmodl"]


def test_what_cannot_be_written_is_refused():
    class Table:
        """A voltage law that exporters do not know."""

        def factor(self, voltage_mV):
            return 1.0

    rate = Rate(1.0, voltage=Table())
    scheme = Scheme("odd", ("R", "O"), ("rest", "open"), (0, 0), (0.0, 1.0), (Edge(0, 1, "gate", rate, Rate(1.0)),))
    for write in (to_nmodl, to_mmt):
        with pytest.raises(UsageError, match="cannot be exported"):
            write(scheme)
        with pytest.raises(UsageError, match="negative"):
            write(find_scheme("RT1992"), channels=-1.0)
