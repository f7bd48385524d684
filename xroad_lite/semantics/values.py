"""The values that semantics is made of: terms, steps, cells, losses. Does not read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from xroad_lite.semantics.names import short


@dataclass(frozen=True, slots=True)
class Selection:
    """One item of a list: the first whose ``where`` comes earliest in ``wanted``.

    ``None`` in ``wanted`` stands for an absent value. ``having`` names a property that an item must
    carry, not blank, to be a candidate at all.
    """

    step: str
    where: str
    wanted: tuple[str | None, ...]
    having: str | None = None


Step: TypeAlias = str | Selection
Path: TypeAlias = tuple[Step, ...]


def step_iri(step: Step) -> str:
    """The property that a step follows."""
    return step if isinstance(step, str) else step.step


@dataclass(frozen=True, slots=True)
class Function:
    """One of the closed list, with its parameters in a fixed order of names."""

    name: str
    parameters: tuple[tuple[str, str | int | float | bool], ...] = ()

    def __getitem__(self, name: str) -> str | int | float | bool:
        return dict(self.parameters)[name]

    def text(self, name: str) -> str:
        """A parameter as text."""
        return str(self[name])


EXACT: Final = "="
BROADER: Final = "<"
NARROWER: Final = ">"


@dataclass(frozen=True, slots=True)
class Cell:
    """Reads ``sources`` as ``target``; ``name`` is its IRI or a name made from its content."""

    name: str
    sources: tuple[Path, ...]
    target: Path
    relation: str = EXACT
    function: Function | None = None
    rank: int | None = None
    measure: float = 1.0
    definitional: bool = False
    file: str = field(default="", compare=False)


class Term(NamedTuple):
    """A class, property, concept or scheme that is declared; a tuple, since there are many."""

    iri: str
    kinds: frozenset[str]
    labels: tuple[tuple[str, str], ...]
    file: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a file that could not be used, with the cell or term it stands in.

    ``severity`` is ``wrong`` for what was meant to be used and is not, ``warning`` for what is used
    but looks wrong, ``note`` for what is for readers alone.
    """

    file: str
    where: str
    detail: str
    severity: str = "warning"


@dataclass(frozen=True, slots=True)
class Loss:
    """What one message lost on its way: a JSON pointer in the target, a kind, the reason.

    Kinds: missing, narrowed, dropped. The detail never repeats the value, which may be personal.
    """

    path: str
    kind: str
    detail: str


class Translation(NamedTuple):
    """A document in the target's words, and what it lost; a tuple, since millions are made."""

    value: object
    losses: tuple[Loss, ...] = ()


def shown(path: Path, name: Callable[[str], str] = short) -> str:
    """A path for people: names joined by slashes, selections in brackets."""
    parts = []
    for step in path:
        if isinstance(step, str):
            parts.append(name(step))
        else:
            wanted = ", ".join("absent" if w is None else w for w in step.wanted)
            parts.append(f"{name(step.step)}[{name(step.where)} in {wanted}]")
    return "/".join(parts)
