"""Writes a plan as plain Python and makes it run. Does not search or choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xroad_lite.semantics import languages, runtime
from xroad_lite.semantics.expressions import ExpressionWriter, Program
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
    Nested,
    Read,
    Routine,
    Value,
    is_many,
)
from xroad_lite.semantics.values import Loss


def written(program: Program, routines: Sequence[Routine]) -> str:
    """All routines as source, one function each."""
    return "\n\n".join(
        _Writer(program).write(number, routine) for number, routine in enumerate(routines)
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
        "together": languages.together,
        "loop": runtime.loop,
        "Loss": Loss,
        **constants,
    }
    exec(compile(source, "<translator>", "exec"), names)  # noqa: S102 - our own text, see above
    made: Callable[[Any, list[Loss]], dict[str, Any]] = names["r0"]
    return made


@dataclass(slots=True)
class _Writer(ExpressionWriter):
    """Writes one function: what becomes of each target field."""

    def write(self, number: int, routine: Routine) -> str:
        self.line("t = {}")
        self.members(routine.members, "t", "")
        self.line("return t")
        return f"def r{number}(s, losses):\n" + "\n".join(self.lines)

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
        if item.languages is None:
            result = self.guarded(member, result, many, pointer)
        if many and item.languages is not None:
            whole = self.fresh()
            self.line(f"{whole} = together({result})")
            result, many = whole, False
        if many and not item.array:
            detail = f"{self.described(member.route.expression)} has several values, one is taken"
            loss = self.program.loss(pointer, "narrowed", detail)
            single = self.fresh()
            self.line(f"{single} = sole({result}, losses, {loss})")
            result, many = single, False
        scope = item.scope
        if item.coercion == "@vocab" and scope is not None:
            write = self.program.constant("W", scope, lambda: scope.value_term)
            result = self.applied(write, result, many, "None")
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

    def nested(self, member: Nested, into: str, pointer: str) -> None:
        gather = isinstance(member.route.expression, Gather)
        pairs = zip(member.options, member.routines, strict=True)
        for number, (read, routine) in enumerate(pairs):
            if gather or (member.field.array and read.many):
                self.nested_many(member, read, routine, into, pointer, first=not number)
            elif not number:
                self.nested_one(member, read, routine, into, pointer)
            else:
                with self.block(f"if {member.field.key!r} not in {into}:"):
                    self.nested_one(member, read, routine, into, pointer)

    def nested_many(
        self, member: Nested, read: Read, routine: int, into: str, pointer: str, *, first: bool
    ) -> None:
        key, ranked = member.field.key, isinstance(member.route.expression, FirstOf)
        value = self.fresh()
        self.line(f"{value} = {self.listed(read, pointer)}")
        before = "" if first else f"{into}.get({key!r}, []) + "
        made = f"loop({value}, r{routine}, losses, {pointer!r}, {member.required!r}, "
        test = (
            f"{value} is not None"
            if first or not ranked
            else f"{value} and not {into}.get({key!r})"
        )
        self.line(f"if {test}: {into}[{key!r}] = {before}{made}{read.pointer!r})")

    def nested_one(self, member: Nested, read: Read, routine: int, into: str, pointer: str) -> None:
        value = self.expression(read, pointer)
        if read.many:
            detail = f"{read.pointer} has several items, one is taken"
            loss = self.program.loss(pointer, "narrowed", detail)
            value = f"sole({value}, losses, {loss})"
        result, inner = self.fresh(), self.fresh()
        self.line(f"{result} = {value}")
        with self.block(f"if {result}:"):
            self.line(f"n{inner} = len(losses)")
            self.line(f"{inner} = r{routine}({result}, losses)")
            at = pointer + ("/0" if member.field.array else "")
            self.line(f"if len(losses) != n{inner}: below(losses, n{inner}, {at!r})")
            self.keep(member, inner, into, pointer, read.pointer)

    def keep(self, member: Nested | Chain, made: str, into: str, pointer: str, source: str) -> None:
        key, required = member.field.key, member.required
        value = f"[{made}]" if member.field.array else made
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
        self.keep(member, made, into, pointer, "")

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
