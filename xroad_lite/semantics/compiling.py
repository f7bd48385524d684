"""Writes a plan as plain Python. Does not search or choose; what it writes is in ``source``.

Every value that a message could influence stays a value: keys and texts enter the source through
``repr``, functions, tables and losses as constants by number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from xroad_lite.semantics import runtime
from xroad_lite.semantics.functions import implementation, why_missing
from xroad_lite.semantics.plan import (
    Apply,
    Chain,
    Constant,
    Expression,
    FirstOf,
    Gather,
    Hop,
    Items,
    Member,
    Nested,
    Read,
    Routine,
    Value,
    is_many,
    pointer_part,
)
from xroad_lite.semantics.values import Loss

_INDENT = "    "


@dataclass(slots=True)
class Program:
    """The text of a translator, and the constants that it names."""

    tables: Callable[[str, str], Mapping[str, str]]
    constants: dict[str, Any] = field(default_factory=dict)
    names: dict[tuple[str, object], str] = field(default_factory=dict)

    def constant(self, letter: str, key: object, make: Callable[[], Any]) -> str:
        """The name of a constant, made once for each ``key``."""
        if (letter, key) not in self.names:
            name = self.names[letter, key] = f"{letter}{len(self.names)}"
            self.constants[name] = make()
        return self.names[letter, key]

    def loss(self, path: str, kind: str, detail: str) -> str:
        """The name of a loss."""
        made = Loss(path, kind, detail)
        return self.constant("L", made, lambda: made)

    def text(self, routines: Sequence[Routine]) -> str:
        """All routines, one Python function each."""
        return "\n\n".join(
            _Writer(self).write(number, routine) for number, routine in enumerate(routines)
        )


def compiled(
    source: str, constants: Mapping[str, Any]
) -> Callable[[Any, list[Loss]], dict[str, Any]]:
    """The first function of ``source``, ready to run with nothing but what it needs."""
    names: dict[str, Any] = {
        "__builtins__": {"len": len, "list": list},
        "E": runtime.EMPTY,
        "items": runtime.items,
        "each": runtime.each,
        "sole": runtime.sole,
        "below": runtime.below,
        "lacking": runtime.lacking,
        "loop": runtime.loop,
        "Loss": Loss,
        **constants,
    }
    exec(compile(source, "<translator>", "exec"), names)  # noqa: S102 - our own text, see above
    made: Callable[[Any, list[Loss]], dict[str, Any]] = names["r0"]
    return made


@dataclass(slots=True)
class _Writer:
    """Writes one function."""

    program: Program
    lines: list[str] = field(default_factory=list)
    level: int = 1
    count: int = 0
    shared: dict[tuple[Hop, ...], str] = field(default_factory=dict)

    def write(self, number: int, routine: Routine) -> str:
        self.line("t = {}")
        self.members(routine.members, "t", "")
        self.line("return t")
        return f"def r{number}(s, losses):\n" + "\n".join(self.lines)

    def line(self, text: str) -> None:
        self.lines.append(_INDENT * self.level + text)

    def fresh(self) -> str:
        self.count += 1
        return f"v{self.count}"

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        self.line(head)
        self.level += 1
        known = dict(self.shared)
        yield
        self.shared = known
        self.level -= 1

    def members(self, members: Sequence[Member], into: str, at: str) -> None:
        for member in members:
            pointer = f"{at}/{pointer_part(member.field.key)}"
            if isinstance(member, Value):
                self.value(member, into, pointer)
            elif isinstance(member, Nested):
                self.nested(member, into, pointer)
            elif isinstance(member, Chain):
                self.chain(member, into, pointer)
            elif isinstance(member, Items):
                self.items(member, into, pointer)
        for member in members:
            if isinstance(member, Constant):
                self.default(member, into)

    def default(self, member: Constant, into: str) -> None:
        name = self.program.constant("C", repr(member.value), lambda: member.value)
        target = f"{into}[{member.field.key!r}] = {name}"
        self.line(target if into == "t" else f"if {into}: {target}")

    def value(self, member: Value, into: str, pointer: str) -> None:
        item = member.field
        result = self.expression(member.route.expression, pointer)
        many = is_many(member.route.expression)
        result = self.guarded(member, result, many, pointer)
        if many and not item.array:
            detail = f"{self.described(member.route.expression)} has several values, one is taken"
            loss = self.program.loss(pointer, "narrowed", detail)
            single = self.fresh()
            self.line(f"{single} = sole({result}, losses, {loss})")
            result, many = single, False
        wrapped = f"[{result}]" if item.array and not many else result
        self.line(f"if {result} is not None: {into}[{item.key!r}] = {wrapped}")

    def guarded(self, member: Value, result: str, many: bool, pointer: str) -> str:
        types = _expression_types(member.route.expression)
        wanted = set(member.field.types) | (
            {"integer"} if "number" in member.field.types else set()
        )
        if types is None or types <= wanted:
            return result
        kinds = tuple(sorted(member.field.types))
        check = self.program.constant("G", kinds, lambda: runtime.guard(kinds))
        loss = self.program.loss(
            pointer, "missing", f"the value is not of the type {' or '.join(kinds)}"
        )
        return self.applied(check, result, many, loss)

    def applied(self, function: str, argument: str, many: bool, loss: str) -> str:
        result = self.fresh()
        if many:
            call = f"each({function}, {argument}, losses, {loss})"
            self.line(f"{result} = {call} if {argument} is not None else None")
            return result
        self.line(f"{result} = None")
        with self.block(f"if {argument} is not None:"):
            self.line(f"{result} = {function}({argument})")
            self.line(f"if {result} is None: losses.append({loss})")
        return result

    def described(self, expression: Expression) -> str:
        if isinstance(expression, Read):
            return expression.pointer
        parts = expression.arguments if isinstance(expression, Apply) else expression.options
        return self.described(parts[0])

    def expression(self, expression: Expression, pointer: str) -> str:
        if isinstance(expression, Read):
            return self.read(expression.hops, pointer, leaf=expression.end.leaf)
        if isinstance(expression, Apply):
            return self.function(expression, pointer)
        if isinstance(expression, FirstOf):
            return self.first_of(expression, pointer)
        return self.gathered([self.listed(part, pointer) for part in expression.options])

    def first_of(self, expression: FirstOf, pointer: str) -> str:
        many = is_many(expression)
        result = self.fresh()
        part = self.listed if many else self.expression
        self.line(f"{result} = {part(expression.options[0], pointer)}")
        for option in expression.options[1:]:
            with self.block(f"if {'not ' + result if many else result + ' is None'}:"):
                self.line(f"{result} = {part(option, pointer)}")
        return result

    def listed(self, expression: Expression, pointer: str) -> str:
        value = self.expression(expression, pointer)
        if is_many(expression):
            return value
        return f"([{value}] if {value} is not None else None)"

    def gathered(self, parts: Sequence[str]) -> str:
        result = self.fresh()
        self.line(f"{result} = [{', '.join(f'*({part} or ())' for part in parts)}] or None")
        return result

    def function(self, expression: Apply, pointer: str) -> str:
        function = expression.function
        make = self.program.constant(
            "F", function, lambda: implementation(function, self.program.tables)
        )
        if function.name == "join":
            return self.join(expression, make, pointer)
        if function.name == "template":
            return self.template(expression, make, pointer)
        argument = self.expression(expression.arguments[0], pointer)
        many = is_many(expression.arguments[0])
        loss = self.program.loss(pointer, "missing", why_missing(function))
        if function.name == "constant":
            result = self.fresh()
            test = argument if many else f"{argument} is not None"
            self.line(f"{result} = {function['value']!r} if {test} else None")
            return result
        if function.name == "split":
            return self.split(make, argument, many)
        return self.applied(make, argument, many, loss)

    def split(self, make: str, argument: str, many: bool) -> str:
        result = self.fresh()
        if many:
            self.line(f"{result} = [p for x in {argument} or () for p in {make}(x) or ()] or None")
        else:
            self.line(f"{result} = {make}({argument}) if {argument} is not None else None")
        return result

    def join(self, expression: Apply, make: str, pointer: str) -> str:
        parts = [self.listed(part, pointer) for part in expression.arguments]
        values = parts[0] if len(parts) == 1 else self.gathered(parts)
        result = self.fresh()
        self.line(f"{result} = {make}({values}) if {values} is not None else None")
        return result

    def template(self, expression: Apply, make: str, pointer: str) -> str:
        parts = []
        for part in expression.arguments:
            value = self.expression(part, pointer)
            if is_many(part):
                detail = f"{self.described(part)} has several values, one is taken"
                loss = self.program.loss(pointer, "narrowed", detail)
                value = f"sole({value}, losses, {loss})"
            parts.append(value)
        result = self.fresh()
        self.line(f"{result} = {make}([{', '.join(parts)}])")
        return result

    def read(self, hops: tuple[Hop, ...], pointer: str, *, leaf: bool) -> str:
        if hops in self.shared:
            return self.shared[hops]
        before = hops[:-1]
        outer = self.read(before, pointer, leaf=False) if before else "s"
        many = any(hop.array and hop.pick is None for hop in before)
        hop = hops[-1]
        if hop.pick is not None:
            result = self.picked(hops, hop, outer, many, pointer)
        elif many:
            result = self.read_each(hop, outer)
        else:
            result = self.fresh()
            get = f"{outer}.get({hop.key!r})"
            if hop.array:
                get = f"items({get})"
            elif not leaf:
                get += " or E"
            self.line(f"{result} = {get}")
        self.shared[hops] = result
        return result

    def read_each(self, hop: Hop, outer: str) -> str:
        result = self.fresh()
        if hop.array:
            inner = f"y for x in {outer} or () for y in items(x.get({hop.key!r})) or ()"
        else:
            inner = f"y for x in {outer} or () if (y := x.get({hop.key!r})) is not None"
        self.line(f"{result} = [{inner}] or None")
        return result

    def picked(self, hops: tuple[Hop, ...], hop: Hop, outer: str, many: bool, pointer: str) -> str:
        pick = hop.pick
        if pick is None:
            raise ValueError("a hop without a selection")
        choose = self.program.constant("P", pick, lambda: runtime.picker(pick))
        result = self.fresh()
        if many:
            inner = (
                f"y for x in {outer} or () if (y := {choose}(x.get({hop.key!r}) or [])) is not E"
            )
            self.line(f"{result} = [{inner}] or None")
            return result
        place = "".join(f"/{pointer_part(step.key)}" for step in hops)
        wanted = ", ".join("absent" if value is None else value for value in pick.wanted)
        none = self.program.loss(
            pointer, "missing", f"no item of {place} has the {pick.where} {wanted}"
        )
        several = self.program.loss(
            pointer, "narrowed", f"{place} has several items, one is read, by {pick.where}"
        )
        values = self.fresh()
        self.line(f"{values} = {outer}.get({hop.key!r})")
        self.line(f"{result} = E")
        with self.block(f"if {values}:"):
            self.line(f"{result} = {choose}({values})")
            self.line(f"if {result} is E: losses.append({none})")
            if hop.array:
                self.line(f"elif len({values}) > 1: losses.append({several})")
        return result

    def nested(self, member: Nested, into: str, pointer: str) -> None:
        expression = member.route.expression
        read = expression if isinstance(expression, Read) else None
        source = read.pointer if read else ""
        key = member.field.key
        result = self.fresh()
        if isinstance(expression, Gather) or (member.field.array and is_many(expression)):
            value = self.expression(expression, pointer)
            arguments = f"{value}, r{member.routine}, losses, {pointer!r}, {member.required!r}"
            self.line(f"if {value} is not None: {into}[{key!r}] = loop({arguments}, {source!r})")
            return
        value = self.expression(expression, pointer)
        if is_many(expression):
            detail = f"{source} has several items, one is taken"
            loss = self.program.loss(pointer, "narrowed", detail)
            value = f"sole({value}, losses, {loss})"
        self.line(f"{result} = {value}")
        inner = self.fresh()
        with self.block(f"if {result}:"):
            self.line(f"n{inner} = len(losses)")
            self.line(f"{inner} = r{member.routine}({result}, losses)")
            at = pointer + ("/0" if member.field.array else "")
            self.line(f"if len(losses) != n{inner}: below(losses, n{inner}, {at!r})")
            self.keep(member.field.array, member.required, member, inner, into, pointer, source)

    def keep(
        self,
        array: bool,
        required: tuple[str, ...],
        member: Nested | Chain,
        made: str,
        into: str,
        pointer: str,
        source: str,
    ) -> None:
        key = member.field.key
        value = f"[{made}]" if array else made
        test = " and ".join([made, *(f"{name!r} in {made}" for name in required)])
        self.line(f"if {test}: {into}[{key!r}] = {value}")
        if required:
            about = f"the object made from {source}: " if source else "the object: "
            reason = f"{about!r} + lacking({made}, {required!r})"
            self.line(f"elif {made}: losses.append(Loss({pointer!r}, 'dropped', {reason}))")

    def chain(self, member: Chain, into: str, pointer: str) -> None:
        made = self.fresh()
        self.line(f"{made} = {{}}")
        inner = pointer + ("/0" if member.field.array else "")
        self.members(member.members, made, inner)
        self.keep(member.field.array, member.required, member, made, into, pointer, "")

    def items(self, member: Items, into: str, pointer: str) -> None:
        made = self.fresh()
        self.line(f"{made} = []")
        for item in member.items:
            one = self.fresh()
            self.line(f"{one} = {{}}")
            self.members(item.members, one, f"{pointer}/0")
            constants = "".join(f"{key!r}: {value!r}, " for key, value in item.constants)
            required = [key for key in member.required if key not in dict(item.constants)]
            test = " and ".join([one, *(f"{name!r} in {one}" for name in required)])
            self.line(f"if {test}: {made}.append({{{constants}**{one}}})")
        self.line(f"if {made}: {into}[{member.field.key!r}] = {made}")


def _expression_types(expression: Expression) -> frozenset[str] | None:
    """The JSON types that the source admits for what is read; None where a function decides."""
    if isinstance(expression, Read):
        return expression.end.types
    if isinstance(expression, Apply):
        return frozenset({"number"}) if expression.function.name == "unit" else None
    parts = [_expression_types(option) for option in expression.options]
    return frozenset().union(*(part for part in parts if part is not None))
