"""Writes the expressions of a plan as Python. Does not write the fields that take their values.

Every value that a message could influence stays a value: keys and texts enter the source through
``repr``, functions, tables and losses as constants by number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from xroad_lite.semantics import runtime
from xroad_lite.semantics.binding import Field
from xroad_lite.semantics.functions import implementation, why_missing
from xroad_lite.semantics.names import pointer_part
from xroad_lite.semantics.plan import (
    Apply,
    Expression,
    FirstOf,
    Hop,
    Read,
    is_many,
)
from xroad_lite.semantics.values import Loss

_INDENT: Final = "    "


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


@dataclass(slots=True)
class ExpressionWriter:
    """Writes lines of one function; ``shared`` holds what has been read already, by its hops."""

    program: Program
    lines: list[str] = field(default_factory=list)
    level: int = 1
    count: int = 0
    shared: dict[tuple[Hop, ...], str] = field(default_factory=dict)

    def line(self, text: str) -> None:
        """One line at the present depth."""
        self.lines.append(_INDENT * self.level + text)

    def fresh(self) -> str:
        """A name that nothing has yet."""
        self.count += 1
        return f"v{self.count}"

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """What is written inside stands under ``head``; names made there are forgotten after it."""
        self.line(head)
        self.level += 1
        known = dict(self.shared)
        yield
        self.shared = known
        self.level -= 1

    def applied(self, function: str, argument: str, many: bool, loss: str) -> str:
        """``function`` of a value, or of each of many, with a loss where it has no answer."""
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
        """The place in the source that people are told."""
        if isinstance(expression, Read):
            return expression.pointer
        parts = expression.arguments if isinstance(expression, Apply) else expression.options
        return self.described(parts[0])

    def expression(self, expression: Expression, pointer: str) -> str:
        """Write what gives the value; the name that holds it."""
        if isinstance(expression, Read):
            return self._read(expression.hops, pointer, expression.end, leaf=expression.end.leaf)
        if isinstance(expression, Apply):
            return self._function(expression, pointer)
        if isinstance(expression, FirstOf):
            return self._first_of(expression, pointer)
        return self._gathered([self.listed(part, pointer) for part in expression.options])

    def _first_of(self, expression: FirstOf, pointer: str) -> str:
        many = is_many(expression)
        result = self.fresh()
        part = self.listed if many else self.expression
        self.line(f"{result} = {part(expression.options[0], pointer)}")
        for option in expression.options[1:]:
            with self.block(f"if {'not ' + result if many else result + ' is None'}:"):
                self.line(f"{result} = {part(option, pointer)}")
        return result

    def listed(self, expression: Expression, pointer: str) -> str:
        """The same, as a list, or None."""
        value = self.expression(expression, pointer)
        if is_many(expression):
            return value
        return f"([{value}] if {value} is not None else None)"

    def _gathered(self, parts: Sequence[str]) -> str:
        result = self.fresh()
        self.line(f"{result} = [{', '.join(f'*({part} or ())' for part in parts)}] or None")
        return result

    def _function(self, expression: Apply, pointer: str) -> str:
        function = expression.function
        make = self.program.constant(
            "F", function, lambda: implementation(function, self.program.tables)
        )
        if function.name == "join":
            return self._join(expression, make, pointer)
        if function.name == "template":
            return self._template(expression, make, pointer)
        argument = self.expression(expression.arguments[0], pointer)
        many = is_many(expression.arguments[0])
        loss = self.program.loss(pointer, "missing", why_missing(function))
        if function.name == "constant":
            result = self.fresh()
            test = argument if many else f"{argument} is not None"
            self.line(f"{result} = {function['value']!r} if {test} else None")
            return result
        if function.name in ("split", "alltexts"):
            return self._split(make, argument, many)
        return self.applied(make, argument, many, loss)

    def _split(self, make: str, argument: str, many: bool) -> str:
        result = self.fresh()
        if many:
            self.line(f"{result} = [p for x in {argument} or () for p in {make}(x) or ()] or None")
        else:
            self.line(f"{result} = {make}({argument}) if {argument} is not None else None")
        return result

    def _join(self, expression: Apply, make: str, pointer: str) -> str:
        parts = [self.listed(part, pointer) for part in expression.arguments]
        values = parts[0] if len(parts) == 1 else self._gathered(parts)
        result = self.fresh()
        self.line(f"{result} = {make}({values}) if {values} is not None else None")
        return result

    def _template(self, expression: Apply, make: str, pointer: str) -> str:
        parts = []
        for part in expression.arguments:
            value = self.expression(part, pointer)
            if is_many(part):
                detail = f"{self.described(part)} has several values, one is taken"
                loss = self.program.loss(pointer, "narrowed", detail)
                value = f"sole({value}, losses, {loss})"
            parts.append(value)
        result = self.fresh()
        given = [self.fresh() for _ in parts]
        for name, text in zip(given, parts, strict=True):
            self.line(f"{name} = {text}")
        self.line(f"{result} = {make}([{', '.join(given)}])")
        loss = self.program.loss(pointer, "missing", "a part of the template is absent")
        some = " or ".join(f"{name} is not None" for name in given)
        self.line(f"if {result} is None and ({some}): losses.append({loss})")
        return result

    def _read(self, hops: tuple[Hop, ...], pointer: str, end: Field, *, leaf: bool) -> str:
        if hops in self.shared:
            return self.shared[hops]
        before = hops[:-1]
        outer = self._read(before, pointer, end, leaf=False) if before else "s"
        many = any(hop.array and hop.pick is None for hop in before)
        hop = hops[-1]
        if hop.pick is not None:
            result = self._picked(hops, hop, outer, many, pointer)
        elif many:
            result = self._read_each(hop, outer)
        else:
            result = self.fresh()
            get = f"{outer}.get({hop.key!r})"
            if hop.array:
                get = f"items({get})"
            elif not leaf:
                get += " or E"
            self.line(f"{result} = {get}")
        if leaf and end.scope is not None:
            result = self._resolved(end, result, many or hop.array, pointer)
        self.shared[hops] = result
        return result

    def _resolved(self, end: Field, value: str, many: bool, pointer: str) -> str:
        """Texts that stand for IRIs, as the IRIs of their own context."""
        scope, coercion = end.scope, end.coercion or ""
        if scope is None:
            raise ValueError("a field without a context")
        make = self.program.constant(
            "I", (scope, coercion), lambda: lambda text: scope.value_iri(text, coercion)
        )
        loss = self.program.loss(pointer, "missing", "the text stands for no IRI")
        return self.applied(make, value, many, loss)

    def _read_each(self, hop: Hop, outer: str) -> str:
        result = self.fresh()
        if hop.array:
            inner = f"y for x in {outer} or () for y in items(x.get({hop.key!r})) or ()"
        else:
            inner = f"y for x in {outer} or () if (y := x.get({hop.key!r})) is not None"
        self.line(f"{result} = [{inner}] or None")
        return result

    def _picked(self, hops: tuple[Hop, ...], hop: Hop, outer: str, many: bool, pointer: str) -> str:
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
