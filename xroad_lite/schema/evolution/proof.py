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

MAX_STEPS = 60_000
_MAX_NESTING = 40
_PATTERN_STEPS = 50
"""What a comparison of patterns counts for: it may take as long as so many other steps."""


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
    _possible: objects.Possible = field(default_factory=dict)

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

    def _refutes(self, formulas: Sequence[Formula], of: str, known: Sequence[Literal]) -> bool:
        """Whether surely no value of one type satisfies all of these."""
        self._step()
        literals = list(known)
        choices: list[tuple[Formula, ...]] = []
        if _sort(formulas, literals, choices):
            return True
        if not choices:
            return self._contradictory(of, literals)
        if len(choices) == 1:
            return all(self._refutes((part,), of, literals) for part in choices[0])
        if self._contradictory(of, literals):
            return True
        return self._refutes_choices(choices, of, literals)

    def _refutes_choices(
        self, choices: list[tuple[Formula, ...]], of: str, literals: list[Literal]
    ) -> bool:
        """The same where several choices are left: first what follows, then the smallest choice."""
        left: list[tuple[Formula, ...]] = []
        for choice in sorted(choices, key=len):
            possible = tuple(part for part in choice if not self._clashes(part, of, literals))
            if not possible:
                return True
            left.append(possible)
        certain = [choice[0] for choice in left if len(choice) == 1]
        open_choices = sorted((choice for choice in left if len(choice) > 1), key=_weakness)
        if certain:
            rest = [Or(choice) for choice in open_choices]
            return self._refutes([*certain, *rest], of, literals)
        first, *others = [Or(choice) for choice in open_choices]
        return all(self._refutes((part, *others), of, literals) for part in first.parts)

    def _clashes(self, part: Formula, of: str, literals: list[Literal]) -> bool:
        """Whether an alternative, by what it says outright, contradicts what is known."""
        self._step()
        together = list(literals)
        return _sort((part,), together, []) or self._contradictory(of, together)

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooComplexError

    def _contradictory(self, of: str, literals: Sequence[Literal]) -> bool:
        said = {(li.args[0], li.positive) for li in literals if li.name == "opaque"}
        if any((text, not positive) in said for text, positive in said):
            return True
        match of:
            case "number":
                return numbers.contradictory(literals)
            case "string":
                self.steps += _PATTERN_STEPS if texts.compares_patterns(literals) else 0
                return texts.contradictory(literals)
            case "array":
                return arrays.contradictory(literals, self.is_empty)
            case "object":
                return objects.contradictory(
                    literals, self.is_empty, self.reader.made, self._possible
                )
            case "boolean":
                return _no_truth(literals)
        return False


def _sort(
    formulas: Sequence[Formula], literals: list[Literal], choices: list[tuple[Formula, ...]]
) -> bool:
    """Take formulas apart into what holds outright and what is a choice; True if one is false."""
    pending = list(formulas)
    while pending:
        formula = pending.pop()
        if isinstance(formula, Literal):
            literals.append(formula)
        elif isinstance(formula, And):
            pending.extend(formula.parts)
        else:
            parts = _flat(formula)
            if any(isinstance(part, And) and not part.parts for part in parts):
                continue  # true
            if not parts:
                return True
            if len(parts) == 1:
                pending.append(parts[0])
            else:
                choices.append(parts)
    return False


def _weakness(choice: tuple[Formula, ...]) -> tuple[bool, int]:
    """Alternatives that say much each come first, then the fewest: both end soonest."""
    return any(isinstance(part, Literal) for part in choice), len(choice)


def _flat(choice: Or) -> tuple[Formula, ...]:
    """The alternatives of a choice, and of the choices among them."""
    found: list[Formula] = []
    pending: list[Formula] = [choice]
    while pending:
        part = pending.pop()
        if isinstance(part, Or):
            pending.extend(reversed(part.parts))
        else:
            found.append(part)
    return tuple(found)


def _no_truth(literals: Sequence[Literal]) -> bool:
    left = {True, False}
    for li in literals:
        if li.name == "among":
            left &= li.args[0] if li.positive else {True, False} - li.args[0]
    return not left
