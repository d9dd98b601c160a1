"""How a parameter of a PK model follows a covariate: a small closed grammar, no code is evaluated."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import NumericalError, UsageError

GRAMMAR = (
    "CL~WT (proportional), CL~WT/70, CL~(WT/70)^0.75, CL~(WT/70)^? (exponent estimated), CL~exp(AGE-40) (estimated per "
    "unit), V~APGR<5 (estimated change where true; < <= > >= ==)"
)
_NAME = r"(?P<covariate>[A-Za-z_][A-Za-z0-9_.]*)"
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FORMS = {
    "factor": re.compile(rf"{_NAME}(?:/(?P<reference>{_NUMBER}))?"),
    "power": re.compile(rf"\({_NAME}/(?P<reference>{_NUMBER})\)\^(?P<exponent>\?|-?{_NUMBER})"),
    "exponential": re.compile(rf"exp\({_NAME}-(?P<reference>{_NUMBER})\)"),
    "condition": re.compile(rf"{_NAME}(?P<sign><=|>=|==|<|>)(?P<limit>-?{_NUMBER})"),
}
_COMPARE = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal}


@dataclass(frozen=True)
class Relation:
    """A factor of a parameter that a covariate determines.

    Attributes
    ----------
    text : str
        As written, without blanks: ``V~APGR<5``.
    parameter, covariate : str
    form : {"factor", "power", "exponential", "condition"}
    reference : float
        The covariate counts relative to it.
    exponent : float or None
        Of a power; None where it is estimated.
    sign : str
    limit : float
        Of a condition.
    """

    text: str
    parameter: str
    covariate: str
    form: Literal["factor", "power", "exponential", "condition"]
    reference: float = 1.0
    exponent: float | None = 1.0
    sign: str = ""
    limit: float = math.nan

    @property
    def estimated(self) -> bool:
        """Whether the relation has a coefficient of its own."""
        return self.form in ("exponential", "condition") or self.exponent is None

    @property
    def start(self) -> float:
        """Where the search for the coefficient starts: no effect, or the allometric exponent of a clearance."""
        if self.form == "power":
            return 0.75 if self.parameter in ("CL", "Q", "Q2", "Q3") else 1.0
        return 0.0

    def inward(self, coefficient: float) -> float:
        """Return a coefficient on the scale of the search: log(1 + c) for a condition.

        Raises
        ------
        UsageError
            The factor would not be above 0.
        """
        if self.form != "condition":
            return coefficient
        if not coefficient > -1:
            raise UsageError(f"{self.text} of {coefficient:g}", why="the parameter is multiplied by 1 plus it",
                             do="give more than -1")  # fmt: skip
        return math.log1p(coefficient)

    def outward(self, x: float) -> float:
        """Return the coefficient of a number on the scale of the search."""
        return math.expm1(x) if self.form == "condition" else x

    def slope(self, x: float) -> float:
        """Return d coefficient / d x."""
        return math.exp(x) if self.form == "condition" else 1.0

    def values(self, covariate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what is added to the logarithm of the parameter: a constant, and what the coefficient multiplies.

        Raises
        ------
        NumericalError
            A covariate of zero or less where its logarithm is needed.
        """
        zero = np.zeros_like(covariate)
        if self.form == "condition":
            return zero, _COMPARE[self.sign](covariate, self.limit).astype(float)
        if self.form == "exponential":
            return zero, covariate - self.reference
        if not (covariate > 0).all():
            raise NumericalError(f"{self.covariate} is not above 0 everywhere", where=self.text,
                                 do="use exp(...) for it, or correct the table")  # fmt: skip
        logarithm = np.log(covariate / self.reference)
        return (zero, logarithm) if self.exponent is None else (self.exponent * logarithm, zero)


def parse_relation(text: str) -> Relation:
    """Read a relation.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> parse_relation("CL ~ (WT/70)^0.75").exponent, parse_relation("V~APGR<5").estimated
    (0.75, True)
    """
    plain = re.sub(r"\s+", "", text)
    parameter, tilde, rest = plain.partition("~")
    if tilde and re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", parameter) and len(plain) < 200:
        for form, pattern in _FORMS.items():
            match = pattern.fullmatch(rest)
            if match is None:
                continue
            found = match.groupdict()
            reference = float(found.get("reference") or 1.0)
            if form != "exponential" and not reference > 0:
                raise UsageError(f"Reference {reference:g} in {text!r}", do="give it above 0")
            power = found.get("exponent")
            return Relation(
                plain, parameter.upper(), found["covariate"].upper(), form,  # type: ignore[arg-type]
                reference, None if power == "?" else float(power or 1.0), found.get("sign") or "",
                float(found.get("limit") or math.nan),
            )  # fmt: skip
    raise UsageError(f"Cannot read the covariate relation {text!r}", do=f"write one of: {GRAMMAR}")
