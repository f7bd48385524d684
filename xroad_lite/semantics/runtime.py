"""What compiled translators call. Does not know any schema: keys, tables and losses come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from xroad_lite.semantics.plan import Pick
from xroad_lite.semantics.values import Loss

EMPTY: Final[dict[str, Any]] = {}
"""Stands for an absent object, so that reading inside it finds nothing. Never written to."""

_CLASSES: Final = {"string": str, "boolean": bool, "integer": int, "number": float}


def items(value: Any) -> list[Any] | None:
    """The items of an array without nulls, as a new list; None when it is absent."""
    if value is None:
        return None
    if value.__class__ is not list:
        raise TypeError("an array was expected")
    return [item for item in value if item is not None] if None in value else value[:]


def picker(pick: Pick) -> Callable[[Any], dict[str, Any]]:
    """The function that picks by ``pick``; it gives the empty object when nothing fits."""
    rank_of = {wanted: rank for rank, wanted in enumerate(pick.wanted)}.get
    where, having, worst = pick.where, pick.having, len(pick.wanted)

    def choose(values: Any) -> dict[str, Any]:
        if values.__class__ is not list:
            if values.__class__ is not dict:
                raise TypeError("an array of objects was expected")
            values = [values]
        best, found = worst, EMPTY
        for item in values:
            rank = rank_of(item.get(where), worst)
            if rank < best and (having is None or _present(item.get(having))):
                best, found = rank, item
                if not rank:
                    break
        return found

    return choose


def _present(value: Any) -> bool:
    if value.__class__ is str:
        return bool(value) and not value.isspace()
    return value is not None


def guard(types: Iterable[str]) -> Callable[[Any], Any]:
    """A function that lets values of these JSON types pass and gives None for others."""
    classes = {_CLASSES[name] for name in types}
    if float in classes:
        classes.add(int)
    whole = int in classes and float not in classes

    def check(value: Any) -> Any:
        if value.__class__ in classes:
            return value
        if whole and value.__class__ is float and value.is_integer():
            return int(value)
        return None

    return check


def each(
    function: Callable[[Any], Any], values: Sequence[Any], losses: list[Loss], loss: Loss
) -> list[Any]:
    """``function`` of every value; one loss for every value that it has no answer for."""
    found = []
    for value in values:
        result = function(value)
        if result is None:
            losses.append(loss)
        else:
            found.append(result)
    return found


def sole(values: Sequence[Any] | None, losses: list[Loss], loss: Loss) -> Any:
    """The only value; None with a loss when there are several."""
    if not values:
        return None
    if len(values) == 1:
        return values[0]
    losses.append(loss)
    return None


def below(losses: list[Loss], start: int, pointer: str) -> None:
    """Put ``pointer`` before the paths of the losses from ``start`` on."""
    for index in range(start, len(losses)):
        losses[index] = replace(losses[index], path=pointer + losses[index].path)


def lacking(result: Mapping[str, Any], required: Sequence[str]) -> str:
    """What makes an object unusable, or the empty text."""
    if not result:
        return "it has nothing that can be read"
    missing = [key for key in required if key not in result]
    return f"it lacks the required {', '.join(missing)}" if missing else ""


def loop(
    values: Sequence[Any],
    routine: Callable[[Any, list[Loss]], dict[str, Any]],
    losses: list[Loss],
    pointer: str,
    required: Sequence[str],
    source: str,
) -> list[dict[str, Any]]:
    """Every element through ``routine``; those that lack what is required are dropped and named."""
    found: list[dict[str, Any]] = []
    for index, value in enumerate(values):
        start = len(losses)
        result = routine(value, losses)
        if len(losses) != start:
            below(losses, start, f"{pointer}/{len(found)}")
        if reason := lacking(result, required):
            losses.append(Loss(pointer, "dropped", f"item {index} of {source}: {reason}"))
        else:
            found.append(result)
    return found
