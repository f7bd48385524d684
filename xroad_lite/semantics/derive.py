"""Derives the plan of a translator from two bound schemas. Does not compile or run it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from xroad_lite.semantics.binding import Binding, Field, Shape
from xroad_lite.semantics.choice import Chosen, chosen, joined
from xroad_lite.semantics.functions import result_types
from xroad_lite.semantics.plan import (
    Apply,
    Chain,
    Constant,
    Expression,
    FirstOf,
    Gather,
    Item,
    Items,
    Member,
    Missing,
    Nested,
    Read,
    Route,
    Routine,
    Value,
    reads,
)
from xroad_lite.semantics.routes import Search, unordered
from xroad_lite.semantics.values import Function, Path, Selection, step_iri
from xroad_lite.semantics.vocabulary import Vocabulary

_NUMBERS = frozenset({"integer", "number"})


@dataclass(slots=True)
class Derivation:
    """The routines from source objects to target objects; number 0 makes the whole document."""

    source: Binding
    target: Binding
    vocabulary: Vocabulary
    routines: list[Routine | None] = field(default_factory=list)
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    search: Search = field(init=False)

    def __post_init__(self) -> None:
        self.search = Search(self.source, self.vocabulary)

    def derive(self) -> tuple[Routine, ...]:
        """Every routine, the root's first."""
        self._routine(0, 0)
        return tuple(routine for routine in self.routines if routine is not None)

    def _routine(self, target: int, source: int) -> int:
        pair = (target, source)
        if pair not in self.numbers:
            number = self.numbers[pair] = len(self.routines)
            self.routines.append(None)
            members = self._members(self.target.shapes[target], source, (), (target,))
            self.routines[number] = Routine(target, source, members)
        return self.numbers[pair]

    def _members(
        self, shape: Shape, source: int, prefix: Path, inside: tuple[int, ...]
    ) -> tuple[Member, ...]:
        return tuple(self._member(item, shape, source, prefix, inside) for item in shape.fields)

    def _member(
        self, item: Field, shape: Shape, source: int, prefix: Path, inside: tuple[int, ...]
    ) -> Member:
        if item.iri is None:
            return _fallback(item, "unbound", item.note)
        path = (*prefix, item.iri)
        where = f"{shape.pointer}/{item.key}"
        routes = self.search.routes(source, path)
        fitting = [route for route in routes if not _misfit(route.expression, item)]
        choice = _choice(fitting, item, where)
        if choice.route is not None:
            return self._taken(item, _spoken(choice.route, item))
        if not item.leaf and not choice.tied:
            return self._made(item, source, path, inside)
        return _fallback(item, *_why(choice, routes, item))

    def _taken(self, item: Field, route: Route) -> Member:
        _check_order(route.expression)
        if item.leaf:
            return Value(item, route)
        ends = [read.end for read in reads(route.expression)]
        routines = tuple(self._routine(_number(item), _number(end)) for end in ends)
        return Nested(item, route, routines, self._required(item))

    def _made(self, item: Field, source: int, path: Path, inside: tuple[int, ...]) -> Member:
        """An object that no source object becomes: items of selections, or a chain's node."""
        number = _number(item)
        if number in inside:
            return Missing(item, "missing", "no route, and the shape contains itself")
        deeper = (*inside, number)
        if item.array and (items := self._items(item, source, path, deeper)):
            return Items(item, items, self._required(item))
        members = self._members(self.target.shapes[number], source, path, deeper)
        if not any(map(_gives, members)):
            return _fallback(item, "missing", "no route to it or to anything inside it")
        return Chain(item, members, self._required(item))

    def _items(
        self, item: Field, source: int, path: Path, inside: tuple[int, ...]
    ) -> tuple[Item, ...]:
        shape = self.target.inside(item)
        found = []
        for selection in self._selections(path):
            members = self._members(shape, source, (*path[:-1], selection), inside)
            constants = _constants(shape, selection)
            keys = {key for key, _ in constants}
            members = tuple(member for member in members if member.field.key not in keys)
            if any(map(_gives, members)):
                found.append(Item(constants, members))
        if found and not item.ordered:
            raise unordered(item.key, "made from selections")
        return tuple(found)

    def _selections(self, path: Path) -> Iterator[Selection]:
        found: dict[Selection, None] = {}
        last = path[-1]
        for cell in self.vocabulary.cells_into(str(last)):
            if isinstance(cell.target[0], Selection):
                found.setdefault(cell.target[0])
        first = step_iri(path[0])
        for cell in self.vocabulary.cells_into(first) if len(path) > 1 else ():
            step = cell.target[len(path) - 1] if len(cell.target) >= len(path) else None
            ours = isinstance(step, Selection) and step.step == last
            if ours and cell.target[: len(path) - 1] == path[:-1] and isinstance(step, Selection):
                found.setdefault(step)
        yield from sorted(found, key=repr)

    def _required(self, item: Field) -> tuple[str, ...]:
        return tuple(inner.key for inner in self.target.inside(item).fields if inner.required)


def _choice(routes: Sequence[Route], item: Field, where: str) -> Chosen:
    """One route; where texts by language are wanted, one for each language that is read."""
    if item.languages is None:
        return chosen(routes, many=item.array, where=where)
    groups: dict[str, list[Route]] = {}
    for route in routes:
        groups.setdefault(_language(route.expression), []).append(route)
    choices = [chosen(groups[tag], many=False, where=where) for tag in sorted(groups)]
    taken = [choice.route for choice in choices if choice.route is not None]
    tied = tuple(route for choice in choices for route in choice.tied)
    return Chosen(joined(Gather, taken) if len(taken) > 1 else next(iter(taken), None), tied)


def _language(expression: Expression) -> str:
    """The language of the texts that are read; empty for texts by language."""
    return next((read.end.language or "" for read in reads(expression)), "")


def _spoken(route: Route, item: Field) -> Route:
    """The route, with what passes between texts and texts by language put into it."""
    return replace(route, expression=_in_language(route.expression, item))


def _in_language(expression: Expression, item: Field) -> Expression:
    if isinstance(expression, (FirstOf, Gather)):
        options = tuple(_in_language(option, item) for option in expression.options)
        return type(expression)(options)
    if isinstance(expression, Read) and expression.end.languages is not None:
        if item.languages is not None:
            function = Function("languages", (("only", ",".join(item.languages)),))
        elif item.array and item.language is None:
            function = Function("alltexts")
        else:
            function = Function("intext", (("language", item.language or ""),))
        return Apply(function, (expression,))
    if item.languages is not None:
        function = Function("bylanguage", (("language", _language(expression)),))
        return Apply(function, (expression,))
    return expression


def _language_misfit(end: Field, item: Field) -> str:
    if item.languages is None:
        both = end.languages is None and end.language and item.language
        different = both and end.language != item.language
        return f"its texts are in {end.language}, the field's in {item.language}" * bool(different)
    if end.languages is not None:
        return ""
    if not end.language:
        return "its texts name no language, the field takes texts by language"
    known = [tag.lower() for tag in item.languages]
    return (
        f"the field takes no texts in {end.language}" if known and end.language not in known else ""
    )


def _number(item: Field) -> int:
    if item.shape is None:
        raise ValueError(f"{item.key} is no object")
    return item.shape


def _misfit(expression: Expression, item: Field) -> str:
    """Why a value cannot stand in a field, or the empty text."""
    if isinstance(expression, Read):
        if expression.end.leaf != item.leaf:
            return "one of them is an object, the other is not"
        if not item.leaf:
            return ""
        return (
            _type_misfit(expression.end.types, item)
            or _code_misfit(expression.end.codes, item)
            or _language_misfit(expression.end, item)
        )
    if not item.leaf:
        return "a function gives no object"
    if isinstance(expression, Apply):
        if item.languages is not None:
            return "a function gives a text without a language"
        to = expression.function.text("to") if expression.function.name == "lookup" else None
        return (
            _type_misfit(result_types(expression.function), item)
            or _code_misfit(to, item)
            or _argument_misfit(expression)
        )
    return next(filter(None, (_misfit(option, item) for option in expression.options)), "")


def _type_misfit(types: frozenset[str], item: Field) -> str:
    if types & item.types or (types & _NUMBERS and item.types & _NUMBERS):
        return ""
    return f"its values are {_listed(types)}, the field takes {_listed(item.types)}: cast it"


def _code_misfit(codes: str | None, item: Field) -> str:
    if codes is None or item.codes is None or codes == item.codes:
        return ""
    return f"its codes are of {codes}, the field's of {item.codes}: a lookup must stand between"


def _argument_misfit(expression: Apply) -> str:
    name = expression.function.name
    for argument in expression.arguments:
        if isinstance(argument, Read):
            if name != "constant" and (not argument.end.leaf or argument.end.languages is not None):
                return f"{name} takes texts or numbers, not an object"
            wanted = _NUMBERS if name == "unit" else frozenset({"string"})
            whole = name in ("join", "template") and not argument.end.types <= wanted
            if name not in ("constant", "cast") and (whole or not argument.end.types & wanted):
                return f"{name} takes {_listed(wanted)}, not {_listed(argument.end.types)}"
    return ""


def _listed(types: frozenset[str]) -> str:
    return " or ".join(sorted(types))


def _check_order(expression: Expression) -> None:
    """Arrays that are joined must be lists."""
    if isinstance(expression, Read):
        return
    if isinstance(expression, Apply):
        for argument in expression.arguments:
            if expression.function.name == "join" and isinstance(argument, Read):
                end = argument.end
                if end.array and not end.ordered:
                    raise unordered(end.key, "joined")
            _check_order(argument)
        return
    for option in expression.options:
        _check_order(option)


def _why(choice: Chosen, routes: tuple[Route, ...], item: Field) -> tuple[str, str]:
    if choice.tied:
        names = "; ".join(" then ".join(c.name for c in route.cells) for route in choice.tied)
        return "ambiguous", f"{len(choice.tied)} broader cells tie: {names}"
    misfits = [_misfit(route.expression, item) for route in routes]
    return "missing", misfits[0] if misfits else "no cell leads here from the source"


def _fallback(item: Field, kind: str, reason: str) -> Member:
    if item.required and kind != "ambiguous":
        proposed = item.values if item.values is not None and len(item.values) == 1 else ()
        for value in (*proposed, *item.default):
            if isinstance(value, (str, int, float, bool)) and not item.array:
                return Constant(item, value)
    return Missing(item, kind, reason)


def _gives(member: Member) -> bool:
    return isinstance(member, (Value, Nested, Chain, Items))


def _constants(shape: Shape, selection: Selection) -> tuple[tuple[str, str], ...]:
    where = shape.by_iri(selection.where)
    first = selection.wanted[0]
    return ((where.key, first),) if where is not None and first is not None else ()
