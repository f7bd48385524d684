"""Proves that no value fits some schemas at once; where it finds no proof it says nothing.

That all of A fits B is the same as that nothing fits A and the complement of B. The search assumes
what it is in the middle of proving: a smallest value that fits would have a smaller one inside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xroad_lite.schema.evolution import arrays, numbers, objects, texts
from xroad_lite.schema.evolution.formulas import (
    ANYTHING,
    TYPES,
    And,
    Formula,
    Literal,
    Or,
)
from xroad_lite.schema.evolution.reading import Reader

MAX_STEPS = 40_000
_MAX_NESTING = 40


class TooComplexError(Exception):
    """The search took more steps than it may; nothing was proved."""


@dataclass(slots=True)
class Prover:
    """Answers questions about schemas that a reader numbered; remembers the answers."""

    reader: Reader
    steps: int = 0
    _answers: dict[frozenset[int], bool] = field(default_factory=dict)
    _proving: dict[frozenset[int], bool] = field(default_factory=dict)
    _trail: list[frozenset[int]] = field(default_factory=list)

    def covers(self, wide: int, *narrow: int) -> bool:
        """Whether surely every value that fits all the narrow schemas fits the wide one."""
        return self.is_empty(frozenset((*narrow, -wide)))

    def is_empty(self, numbers: frozenset[int]) -> bool:
        """Whether surely no value fits all of these schemas."""
        numbers -= {ANYTHING}
        if any(-number in numbers for number in numbers) or -ANYTHING in numbers:
            return True
        self.steps += 1
        if numbers in self._answers:
            return self._answers[numbers]
        if numbers in self._proving:
            self._proving[numbers] = True  # assumed
            return True
        if len(self._proving) >= _MAX_NESTING:
            return False
        return self._prove(numbers)

    def _prove(self, numbers: frozenset[int]) -> bool:
        before = len(self._trail)
        self._proving[numbers] = False
        proved = all(
            self._refutes([self.reader.formula(number, of) for number in numbers], of, [])
            for of in TYPES
        )
        if self._proving.pop(numbers) and not proved:
            for assumed in self._trail[before:]:  # what leant on the assumption is open again
                self._answers.pop(assumed, None)
            del self._trail[before:]
        self._answers[numbers] = proved
        if proved:
            self._trail.append(numbers)
        return proved

    def _refutes(self, formulas: list[Formula], of: str, literals: list[Literal]) -> bool:
        """Whether surely no value of one type satisfies all of these."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooComplexError
        literals = list(literals)
        choices: list[Or] = []
        pending = list(formulas)
        while pending:
            formula = pending.pop()
            if isinstance(formula, Literal):
                literals.append(formula)
            elif isinstance(formula, And):
                pending.extend(formula.parts)
            elif len(formula.parts) == 1:
                pending.append(formula.parts[0])
            elif not formula.parts:
                return True
            else:
                choices.append(formula)
        if not choices:
            return self._contradictory(of, literals)
        if len(choices) > 1 and self._contradictory(of, literals):
            return True
        choices.sort(key=lambda choice: len(choice.parts))
        first, *others = choices
        return all(self._refutes([part, *others], of, literals) for part in first.parts)

    def _contradictory(self, of: str, literals: Sequence[Literal]) -> bool:
        said = {(li.args[0], li.positive) for li in literals if li.name == "opaque"}
        if any((text, not positive) in said for text, positive in said):
            return True
        match of:
            case "number":
                return numbers.contradictory(literals)
            case "string":
                return texts.contradictory(literals)
            case "array":
                return arrays.contradictory(literals, self.is_empty)
            case "object":
                return objects.contradictory(literals, self.is_empty, self.reader.made)
            case "boolean":
                return _no_truth(literals)
        return False


def _no_truth(literals: Sequence[Literal]) -> bool:
    left = {True, False}
    for li in literals:
        if li.name == "among":
            left &= li.args[0] if li.positive else {True, False} - li.args[0]
    return not left
