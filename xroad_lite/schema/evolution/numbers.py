"""When no number can satisfy some statements; does not know schemas.

Numbers are exact fractions: what a schema writes as 0.1 is a tenth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, gcd, lcm

from xroad_lite.schema.evolution.formulas import Literal

_FEW = 500
_HUGE = 4096


@dataclass(slots=True)
class _Range:
    low: Fraction | None = None
    low_out: bool = False
    high: Fraction | None = None
    high_out: bool = False

    def add(self, li: Literal) -> None:
        limit, out = li.args
        if li.name == "least":
            if self.low is None or (limit, out) > (self.low, self.low_out):
                self.low, self.low_out = limit, out
        elif self.high is None or (limit, not out) < (self.high, not self.high_out):
            self.high, self.high_out = limit, out

    def is_empty(self) -> bool:
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.low_out or self.high_out))


def contradictory(literals: Sequence[Literal]) -> bool:
    """Whether surely no number satisfies all of these."""
    among = [li.args[0] for li in literals if li.name == "among" and li.positive]
    if among:
        values = frozenset.intersection(*among)
        return not any(all(_holds(li, value) for li in literals) for value in values)
    within = _Range()
    for li in literals:
        if li.name in ("least", "most"):
            within.add(li)
    if within.is_empty():
        return True
    step = _step([li.args[0] for li in literals if li.name == "multiple" and li.positive])
    denied = [li.args[0] for li in literals if li.name == "multiple" and not li.positive]
    if step is not None and any((step / other).denominator == 1 for other in denied):
        return True
    points = _points(within, step)
    return points is not None and not any(
        all(_holds(li, value) for li in literals) for value in points
    )


def _step(steps: list[Fraction]) -> Fraction | None:
    """The least number of which all are factors; None where there are no factors."""
    if not steps:
        return None
    found = steps[0]
    for other in steps[1:]:
        if max(found.numerator, found.denominator, other.numerator).bit_length() > _HUGE:
            return found  # fewer conditions: still true of all that satisfy more
        top = lcm(found.numerator, other.numerator)
        found = Fraction(top, gcd(found.denominator, other.denominator))
    return found


def _points(within: _Range, step: Fraction | None) -> list[Fraction] | None:
    """All numbers that are left, where they are few."""
    if within.low is None or within.high is None:
        return None
    if within.low == within.high:
        return [within.low]
    if step is None:
        return None
    first, last = ceil(within.low / step), floor(within.high / step)
    if last - first > _FEW:
        return None
    return [step * factor for factor in range(first, last + 1)]


def _holds(li: Literal, value: Fraction) -> bool:
    """Whether a statement holds of one number; what nobody knows counts as holding."""
    match li.name:
        case "least":
            return bool(value >= li.args[0] and not (li.args[1] and value == li.args[0]))
        case "most":
            return bool(value <= li.args[0] and not (li.args[1] and value == li.args[0]))
        case "among":
            return (value in li.args[0]) is li.positive
        case "multiple":
            return ((value / li.args[0]).denominator == 1) is li.positive
    return True
