"""Says before any message what a translation keeps, widens and loses. Does not see messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from xroad_lite.semantics.binding import Binding, Field
from xroad_lite.semantics.functions import KINDS
from xroad_lite.semantics.links import cell_sentence
from xroad_lite.semantics.names import pointer_part
from xroad_lite.semantics.plan import (
    Apply,
    Chain,
    Constant,
    Expression,
    FirstOf,
    Gather,
    Items,
    Member,
    Missing,
    Nested,
    Read,
    Route,
    Routine,
    Value,
    is_many,
    reads,
)
from xroad_lite.semantics.values import EXACT, Function
from xroad_lite.semantics.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class TargetField:
    """What becomes of one field of the target.

    ``status``: exact, reversible (for some values), broadened, narrowed, ambiguous, defaulted,
    missing or unbound. ``pointer`` has ``*`` for the items of arrays; ``reasoning`` says step by
    step which terms, cells and functions lead from the source to it.
    """

    pointer: str
    iri: str | None
    status: str
    required: bool
    sources: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceField:
    """What becomes of one field of the source: kept, dropped or unbound."""

    pointer: str
    iri: str | None
    status: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole prospect of a translation; ``notes`` are about classes."""

    target: tuple[TargetField, ...]
    source: tuple[SourceField, ...]
    notes: tuple[str, ...] = ()

    def field(self, pointer: str) -> TargetField:
        """The entry of one target field; ``KeyError`` when there is none."""
        for entry in self.target:
            if entry.pointer == pointer:
                return entry
        raise KeyError(pointer)

    def to_json(self) -> dict[str, Any]:
        """Plain objects and arrays."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Place:
    """A member of a plan with where it writes, and where the source object is that it reads."""

    member: Member
    pointer: str
    base: str
    inside: tuple[str, ...] = ()


def places(routines: Sequence[Routine]) -> Iterator[Place]:
    """Every member of a plan, nested ones too; a routine inside itself is entered once."""
    yield from _places(routines, routines[0].members, "", "", frozenset({0}))


def _places(
    routines: Sequence[Routine],
    members: Sequence[Member],
    pointer: str,
    base: str,
    inside: frozenset[int],
) -> Iterator[Place]:
    for member in members:
        here = f"{pointer}/{pointer_part(member.field.key)}"
        yield Place(member, here, base)
        below = here + ("/*" if member.field.array else "")
        if isinstance(member, Nested):
            for read, number in zip(member.options, member.routines, strict=True):
                deeper = base + source_pointer(read, whole=True)
                if number not in inside:
                    nested = routines[number].members
                    yield from _places(routines, nested, below, deeper, inside | {number})
        elif isinstance(member, Chain):
            yield from _places(routines, member.members, below, base, inside)
        elif isinstance(member, Items):
            for item in member.items:
                yield from _places(routines, item.members, below, base, inside)


def source_pointer(read: Read, *, whole: bool = False) -> str:
    """Where a read ends, with ``*`` for items on the way (and at the end, if ``whole``)."""
    parts = []
    for number, hop in enumerate(read.hops):
        parts.append("/" + pointer_part(hop.key))
        if hop.array and (whole or number < len(read.hops) - 1):
            parts.append("/*")
    return "".join(parts)


def prospect(
    routines: Sequence[Routine],
    backwards: Sequence[Routine] | None,
    source: Binding,
    target: Binding,
    vocabulary: Vocabulary,
) -> Report:
    """The report on a plan; ``backwards`` is the plan of the way back, or None if there is none."""
    inverse = _ends(backwards) if backwards is not None else {}
    entries: dict[str, TargetField] = {}
    kept: set[str] = set()
    for place in places(routines):
        entry = _within(entries, _entry(place, inverse, vocabulary))
        kept.update(entry.sources)
        entries.setdefault(entry.pointer, entry)
    return Report(
        tuple(entries.values()),
        tuple(_sources(source, kept, set(_choosers(routines)))),
        tuple(_class_notes(routines, source, target, vocabulary)),
    )


def _within(entries: Mapping[str, TargetField], entry: TargetField) -> TargetField:
    """The entry, no better than reversible inside an object that is not exact itself."""
    around = entries.get(entry.pointer.rpartition("/")[0].removesuffix("/*"))
    if entry.status == "exact" and around is not None and around.status != "exact":
        return replace(entry, status="reversible")
    return entry


def _choosers(routines: Sequence[Routine]) -> Iterator[str]:
    """Fields that selections look at, to choose an item by them."""
    for place in places(routines):
        if not isinstance(place.member, (Value, Nested)):
            continue
        for read in reads(place.member.route.expression):
            for number, hop in enumerate(read.hops, 1):
                around = replace(read, hops=read.hops[:number])
                for key in (hop.pick.where, hop.pick.having) if hop.pick is not None else ():
                    if key is not None:
                        pointer = place.base + source_pointer(around, whole=True)
                        yield f"{pointer}/{pointer_part(key)}"


def _ends(routines: Sequence[Routine]) -> dict[str, set[str]]:
    """For every field that the way back writes exactly: the one that it reads."""
    found: dict[str, set[str]] = {}
    for place in places(routines):
        if isinstance(place.member, (Value, Nested)) and place.member.route.relation == EXACT:
            for read in reads(place.member.route.expression):
                found.setdefault(place.pointer, set()).add(place.base + source_pointer(read))
    return found


def _entry(place: Place, inverse: Mapping[str, set[str]], vocabulary: Vocabulary) -> TargetField:
    member = place.member
    item = member.field
    if isinstance(member, Missing):
        return TargetField(
            place.pointer, item.iri, member.kind, item.required, (), (member.reason,)
        )
    if isinstance(member, Constant):
        reason = "required, without a route: the one value that the schema admits or proposes"
        return TargetField(place.pointer, item.iri, "defaulted", item.required, (), (reason,))
    if isinstance(member, (Chain, Items)):
        how = "made by the chain" if isinstance(member, Chain) else "made from selections"
        return TargetField(place.pointer, item.iri, "reversible", item.required, (), (how,))
    pointers = tuple(
        dict.fromkeys(place.base + source_pointer(r) for r in reads(member.route.expression))
    )
    status = _status(member, vocabulary)
    returns = any(inverse.get(pointer) == {place.pointer} for pointer in pointers)
    if status == "exact" and not returns:
        status = "reversible"
    return TargetField(
        place.pointer,
        item.iri,
        status,
        item.required,
        pointers,
        reasoning(member.route, place.base),
    )


def _status(member: Value | Nested, vocabulary: Vocabulary) -> str:
    expression, item = member.route.expression, member.field
    kinds = set(_function_kinds(expression, vocabulary))
    if "narrowed" in kinds or (is_many(expression) and not item.array):
        return "narrowed"
    if member.route.relation != EXACT or isinstance(expression, Gather) or "broadened" in kinds:
        return "broadened"
    picks = any(hop.pick is not None for read in reads(expression) for hop in read.hops)
    one_way = isinstance(expression, FirstOf) or item.array != is_many(expression)
    if picks or one_way or kinds - {"exact"} or _guarded(expression, item):
        return "reversible"
    return "exact" if _same_words(expression, item) else "reversible"


def _same_words(expression: Expression, item: Field) -> bool:
    """Whether texts stand for the same on both sides: one language, one context of IRIs."""
    if not isinstance(expression, Read):
        return True
    end = expression.end
    return end.language == item.language and end.scope is None and item.scope is None


def _guarded(expression: Expression, item: Field) -> bool:
    """Whether the source admits values that the target's type does not."""
    if not isinstance(expression, Read) or not item.leaf:
        return False
    wanted = item.types | ({"integer"} if "number" in item.types else set())
    return not expression.end.types <= wanted


def _function_kinds(expression: Expression, vocabulary: Vocabulary) -> Iterator[str]:
    if isinstance(expression, Read):
        return
    if isinstance(expression, Apply):
        yield _function_kind(expression, vocabulary)
        parts = expression.arguments
    else:
        parts = expression.options
    for part in parts:
        yield from _function_kinds(part, vocabulary)


def _function_kind(expression: Apply, vocabulary: Vocabulary) -> str:
    function = expression.function
    argument = expression.arguments[0]
    end = argument.end if isinstance(argument, Read) else None
    if lossy := KINDS[function.name].lossy:
        return lossy
    if KINDS[function.name].derived:
        return _spoken_kind(function, end)
    if function.name == "lookup":
        table = vocabulary.counterparts(function.text("from"), function.text("to"))
        return _lookup_kind(table, end)
    if function.name == "dateform" and end is not None and end.format == "date":
        return "exact" if function["from"] == "YYYY-MM-DD" else "reversible"
    if function.name == "cast" and end is not None and end.types == {"boolean"}:
        return "exact"
    return "reversible"


def _spoken_kind(function: Function, end: Field | None) -> str:
    """Of what passes between texts and texts by language: exact when no language can be lost."""
    if function.name == "bylanguage":
        return "exact"
    tags = {tag.lower() for tag in end.languages or ()} if end is not None else set()
    if function.name == "intext":
        kept = {function.text("language")}
    else:
        kept = {tag.lower() for tag in function.text("only").split(",") if tag}
    return "exact" if not kept or (tags and tags <= kept) else "narrowed"


def _lookup_kind(table: Mapping[str, tuple[str, str]], end: Field | None) -> str:
    used = set(end.values) if end is not None and end.values is not None else set(table)
    found = [table[code] for code in used if code in table]
    if any(relation != EXACT for _, relation in found):
        return "broadened"
    one_to_one = len({other for other, _ in found}) == len(found)
    return "exact" if one_to_one and len(found) == len(used) else "reversible"


def reasoning(route: Route, base: str = "") -> tuple[str, ...]:
    """The steps of a route as sentences: what is read, and each cell from the source onwards.

    ``base`` is the pointer of the source object that the route begins at.
    """
    said = [f"read {base}{source_pointer(read)}" for read in reads(route.expression)]
    said.extend(f"{cell_sentence(cell)} ({cell.name})" for cell in reversed(route.cells))
    return tuple(said)


def _sources(source: Binding, kept: set[str], choosers: set[str]) -> Iterator[SourceField]:
    for pointer, item in source.everywhere():
        if item.iri is None:
            yield SourceField(pointer, None, "unbound", item.note)
        elif item.leaf and pointer in kept:
            yield SourceField(pointer, item.iri, "kept")
        elif item.leaf:
            note = "read to choose an item by it, not carried over" if pointer in choosers else ""
            yield SourceField(pointer, item.iri, "dropped", note)


def _class_notes(
    routines: Sequence[Routine], source: Binding, target: Binding, vocabulary: Vocabulary
) -> Iterator[str]:
    for routine in routines:
        ours = target.shapes[routine.target].classes
        theirs = set(source.shapes[routine.source].classes)
        if not ours or not theirs or theirs & _broader_sources(ours, vocabulary):
            continue
        yield (
            f"class mismatch: {', '.join(sorted(theirs))} is read as {', '.join(ours)}, "
            "and no cell says that it is one"
        )


def _broader_sources(classes: Sequence[str], vocabulary: Vocabulary) -> set[str]:
    """Every class whose members belong to one of these, by way of cells."""
    found, open_ = set(classes), list(classes)
    while open_:
        for cell in vocabulary.cells_into(open_.pop()):
            step = cell.sources[0][0]
            if len(cell.target) == 1 and isinstance(step, str) and step not in found:
                found.add(step)
                open_.append(step)
    return found
