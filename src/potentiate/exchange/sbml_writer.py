"""SBML Level 3 by small pieces: units, parameters, rules, events; every call is checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import DataError, UsageError

#: unit id -> factors (SBML kind, exponent, scale)
UNITS: dict[str, tuple[tuple[str, int, int], ...]] = {
    "ms": (("second", 1, -3),),
    "mM": (("mole", 1, -3), ("litre", -1, 0)),
    "mV": (("volt", 1, -3),),
    "pA": (("ampere", 1, -12),),
    "nS": (("siemens", 1, -9),),
    "pS": (("siemens", 1, -12),),
    "per_ms": (("second", -1, -3),),
    "per_mV": (("volt", -1, -3),),
    "per_ms_per_mM": (("second", -1, -3), ("mole", -1, -3), ("litre", 1, 0)),
}


class Writer:
    """A model under construction.

    Parameters
    ----------
    name : str
        Id of the model.

    Raises
    ------
    UsageError
        libsbml is not installed.
    """

    def __init__(self, name: str) -> None:
        try:
            import libsbml
        except ImportError:
            raise UsageError(
                "SBML needs libsbml", why="it is not installed", do="pip install 'potentiate[sbml]'"
            ) from None
        self._lib = libsbml
        self.document = libsbml.SBMLDocument(3, 1)
        self.model = self.document.createModel()
        self._check(self.model.setId(name), name)
        self.model.setTimeUnits("ms")
        for kind in ("Substance", "Extent", "Volume"):
            getattr(self.model, f"set{kind}Units")("dimensionless")
        for unit, factors in UNITS.items():
            definition = self.model.createUnitDefinition()
            definition.setId(unit)
            for kind, exponent, scale in factors:
                part = definition.createUnit()
                part.setKind(libsbml.UnitKind_forName(kind))
                part.setExponent(exponent)
                part.setScale(scale)
                part.setMultiplier(1.0)
        compartment = self.model.createCompartment()
        compartment.setId("patch")
        compartment.setConstant(True)
        compartment.setSize(1.0)
        compartment.setSpatialDimensions(3)
        compartment.setUnits("dimensionless")
        self._settings = libsbml.L3ParserSettings()
        self._settings.setParseUnits(libsbml.L3P_PARSE_UNITS)

    def _check(self, code: int | None, what: str) -> None:
        if code not in (None, self._lib.LIBSBML_OPERATION_SUCCESS):
            raise DataError(f"libsbml refuses {what!r}", why=self._lib.OperationReturnValue_toString(code))

    def math(self, text: str) -> Any:
        """Return a formula as a tree.

        Raises
        ------
        DataError
            It cannot be read.
        """
        tree = self._lib.parseL3FormulaWithSettings(text, self._settings)
        if tree is None:
            raise DataError(f"libsbml cannot read {text!r}", why=self._lib.getLastParseL3Error().splitlines()[-1])
        return tree

    def parameter(self, id: str, value: float | None, unit: str = "dimensionless", *, constant: bool = True,
                  name: str = "") -> str:  # fmt: skip
        """Add a parameter; without a value a rule or a condition gives it one."""
        p = self.model.createParameter()
        self._check(p.setId(id), id)
        if name:
            p.setName(name)
        if value is not None:
            p.setValue(float(value))
        if unit:
            self._check(p.setUnits(unit), unit)
        p.setConstant(constant)
        return id

    def species(self, id: str, name: str, amount: float) -> str:
        """Add a state of the receptor; its amount is an occupancy."""
        s = self.model.createSpecies()
        self._check(s.setId(id), id)
        s.setName(name)
        s.setCompartment("patch")
        s.setHasOnlySubstanceUnits(True)
        s.setSubstanceUnits("dimensionless")
        s.setBoundaryCondition(False)
        s.setConstant(False)
        s.setInitialAmount(amount)
        return id

    def reaction(self, id: str, source: str, target: str, law: str) -> None:
        """Add a reversible transition with its net flux."""
        r = self.model.createReaction()
        self._check(r.setId(id), id)
        r.setReversible(True)
        r.setFast(False)
        for side, species in ((r.createReactant(), source), (r.createProduct(), target)):
            side.setSpecies(species)
            side.setStoichiometry(1.0)
            side.setConstant(True)
        self._check(r.createKineticLaw().setMath(self.math(law)), law)

    def rule(self, variable: str, formula: str) -> None:
        """Let a parameter follow a formula."""
        rule = self.model.createAssignmentRule()
        self._check(rule.setVariable(variable), variable)
        self._check(rule.setMath(self.math(formula)), formula)

    def rate(self, variable: str, formula: str) -> None:
        """Let the derivative of a parameter follow a formula."""
        rule = self.model.createRateRule()
        self._check(rule.setVariable(variable), variable)
        self._check(rule.setMath(self.math(formula)), formula)

    def start(self, symbol: str, formula: str) -> None:
        """Give a start by a formula."""
        assignment = self.model.createInitialAssignment()
        self._check(assignment.setSymbol(symbol), symbol)
        self._check(assignment.setMath(self.math(formula)), formula)

    def event(self, id: str, trigger: str, changes: Mapping[str, str]) -> None:
        """Change parameters when a condition becomes true."""
        event = self.model.createEvent()
        self._check(event.setId(id), id)
        event.setUseValuesFromTriggerTime(True)
        begin = event.createTrigger()
        begin.setInitialValue(True)
        begin.setPersistent(True)
        self._check(begin.setMath(self.math(trigger)), trigger)
        for variable, formula in changes.items():
            assignment = event.createEventAssignment()
            self._check(assignment.setVariable(variable), variable)
            self._check(assignment.setMath(self.math(formula)), formula)

    def function(self, id: str, definition: str) -> None:
        """Define a function, written ``lambda(x, ...)``."""
        made = self.model.createFunctionDefinition()
        self._check(made.setId(id), id)
        self._check(made.setMath(self.math(definition)), definition)

    def notes(self, lines: list[str]) -> None:
        """Write paragraphs of notes."""
        text = "".join(f"<p>{_escaped(line)}</p>" for line in lines)
        body = f'<body xmlns="http://www.w3.org/1999/xhtml">{text}</body>'
        self._check(self.model.setNotes(body), "notes")

    def text(self) -> str:
        """Return the document as XML.

        Raises
        ------
        DataError
            It breaks a rule of SBML.
        """
        self.document.setConsistencyChecks(self._lib.LIBSBML_CAT_MODELING_PRACTICE, False)
        self.document.checkConsistency()
        log = self.document.getErrorLog()
        faults = [log.getError(i) for i in range(log.getNumErrors())]
        wrong = [f for f in faults if f.getSeverity() >= self._lib.LIBSBML_SEV_ERROR]
        if wrong:
            raise DataError("The SBML breaks a rule", why=" ".join(wrong[0].getMessage().split())[:200])
        return self._lib.writeSBMLToString(self.document)


def _escaped(text: str) -> str:
    plain = re.sub(r"[^\x20-\x7e]+", "?", text)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
