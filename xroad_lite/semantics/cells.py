"""Reads mapping cells out of RDF graphs, faults with their cell. Does not choose between cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from xroad_lite.semantics import functions
from xroad_lite.semantics.names import ALIGN, OWL, RDF, RDFS, SKOS, XM, short
from xroad_lite.semantics.values import (
    BROADER,
    EXACT,
    NARROWER,
    Cell,
    Fault,
    Function,
    Path,
    Selection,
    Step,
    shown,
)

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

ABSENT: Final = XM + "absent"
MAX_LIST: Final = 64
RELATIONS: Final = {EXACT, BROADER, NARROWER}
SHORTHAND: Final = {
    OWL + "equivalentProperty": EXACT,
    OWL + "equivalentClass": EXACT,
    RDFS + "subPropertyOf": BROADER,
    RDFS + "subClassOf": BROADER,
    SKOS + "exactMatch": EXACT,
    SKOS + "broadMatch": BROADER,
    SKOS + "narrowMatch": NARROWER,
}
"""Triples that stand for cells; ``skos:closeMatch`` is none, since it never composes."""


class _Unusable(Exception):  # noqa: N818 - never leaves this module
    """A cell that cannot be used, with the reason."""

    severity = "wrong"


class _Proposed(_Unusable):
    """A cell that waits for a steward."""

    severity = "note"


@dataclass(slots=True)
class CellReader:
    """Reads one file's graph; faults gather in ``faults``."""

    graph: Graph
    file: str
    concepts: frozenset[str]
    faults: list[Fault] = field(default_factory=list)

    def cells(self) -> Iterator[Cell]:
        """Every usable cell of the file, those written as triples too."""
        listed = {node for _, _, node in self._triples(ALIGN + "map")}
        for node in self._cell_nodes():
            name = self._name(node)
            if listed and node not in listed:
                self._fault(name, "the cell is missing from align:map; it is used all the same")
            try:
                yield self._cell(node, name)
            except _Unusable as reason:
                self._fault(name, f"{reason}; the cell is not used", reason.severity)
        for node in sorted(listed, key=str):
            if not self._values(node, ALIGN + "entity1"):
                self._fault(self._name(node), "align:map names a cell that is not there")
        yield from self._shorthand()
        yield from self._chains()

    def _cell_nodes(self) -> list[Node]:
        from rdflib import URIRef

        nodes = set(self.graph.subjects(URIRef(RDF + "type"), URIRef(ALIGN + "Cell")))
        nodes |= {node for node, _, _ in self._triples(ALIGN + "entity1")}
        return sorted(nodes, key=lambda node: (self._name(node), str(node)))

    def _cell(self, node: Node, name: str) -> Cell:
        if str(self._maybe(node, XM + "proposed")) == "true":
            raise _Proposed("it is proposed, and no steward has adopted it (xm:proposed)")
        sources = self._sources(node)
        target = self._path(self._one(node, ALIGN + "entity2", "a second entity"))
        relation = self._relation(node, name)
        function = self._function(node, len(sources))
        if len(sources) > 1 and function is None:
            raise _Unusable(f"{len(sources)} paths without a function to put them together")
        if relation == NARROWER and (function or len(sources) > 1):
            raise _Unusable("the relation > holds only between terms without a function")
        cell = Cell(
            name=name,
            sources=sources,
            target=target,
            relation=relation,
            function=function,
            rank=self._rank(node),
            measure=self._measure(node),
            definitional=str(self._maybe(node, XM + "definitional")) == "true",
            file=self.file,
        )
        return cell if name else replace(cell, name=_content_name(cell))

    def _relation(self, node: Node, name: str) -> str:
        """The relation; where the cell is annotated with another one, the weaker."""
        relation = str(self._one(node, ALIGN + "relation", "a relation"))
        if relation not in RELATIONS:
            raise _Unusable(f"the relation {relation[:40]!r} is none of =, <, >")
        for annotated in map(str, self._values(node, OWL + "annotatedProperty")):
            if annotated == SKOS + "closeMatch":
                raise _Unusable("it is annotated as closeMatch, which never composes")
            other = SHORTHAND.get(annotated, relation)
            if relation == EXACT and other != EXACT:
                self._fault(
                    name, f"it says = but is annotated as {short(annotated)}: {other} holds"
                )
                return other
        return relation

    def _sources(self, node: Node) -> tuple[Path, ...]:
        arguments = self._maybe(node, XM + "args")
        if arguments is not None:
            paths = tuple(self._path(item) for item in self._list(arguments))
            if not paths:
                raise _Unusable("its list of paths is empty (args)")
            return paths
        return (self._path(self._one(node, ALIGN + "entity1", "a first entity")),)

    def _path(self, node: Node) -> Path:
        if self._is_list(node):
            steps = tuple(self._step(item) for item in self._list(node))
            if not steps:
                raise _Unusable("a path has no steps")
            return steps
        return (self._step(node),)

    def _step(self, node: Node) -> Step:
        step = self._maybe(node, XM + "step")
        if step is None:
            return self._iri(node)
        wanted = self._list(self._one(node, XM + "in", "a list of what is wanted"))
        if not wanted:
            raise _Unusable("a selection wants nothing")
        having = self._maybe(node, XM + "having")
        return Selection(
            step=self._iri(step),
            where=self._iri(self._one(node, XM + "where", "a property to select by")),
            wanted=tuple(None if str(item) == ABSENT else str(item) for item in wanted),
            having=None if having is None else self._iri(having),
        )

    def _function(self, node: Node, arguments: int) -> Function | None:
        body = self._maybe(node, XM + "fn")
        if body is None:
            return None
        kind = self._one(body, RDF + "type", "a kind of function")
        parameters = []
        for _, predicate, value in self.graph.triples((body, None, None)):
            if str(predicate) != RDF + "type" and str(predicate).startswith(XM):
                parameters.append((str(predicate)[len(XM) :], _plain(value)))
        name = str(kind)[len(XM) :] if str(kind).startswith(XM) else str(kind)
        function = Function(name, tuple(sorted(parameters)))
        if reason := functions.fault(function, arguments):
            raise _Unusable(reason)
        return function

    def _shorthand(self) -> Iterator[Cell]:
        for predicate, relation in sorted(SHORTHAND.items()):
            for subject, _, target in self._triples(predicate):
                left, right = str(subject), str(target)
                if _blank(subject) or _blank(target) or left == right:
                    continue
                if left in self.concepts and right in self.concepts:
                    continue
                name = f"{short(left)} {short(predicate)} {short(right)}"
                yield Cell(name, ((left,),), (right,), relation, file=self.file)

    def _chains(self) -> Iterator[Cell]:
        for subject, _, chain in self._triples(OWL + "propertyChainAxiom"):
            name = f"{short(str(subject))} propertyChainAxiom"
            try:
                path, target = self._path(chain), (self._iri(subject),)
            except _Unusable as reason:
                self._fault(name, f"{reason}; the chain is not used", reason.severity)
                continue
            defined = str(self._maybe(subject, XM + "definitional")) == "true"
            relation = EXACT if defined else BROADER
            yield Cell(name, (path,), target, relation, definitional=defined, file=self.file)

    def _triples(self, predicate: str) -> list[tuple[Node, Node, Node]]:
        from rdflib import URIRef

        return sorted(self.graph.triples((None, URIRef(predicate), None)), key=_text_order)

    def _values(self, node: Node, predicate: str) -> list[Node]:
        from rdflib import URIRef

        return sorted(self.graph.objects(node, URIRef(predicate)), key=str)

    def _maybe(self, node: Node, predicate: str) -> Node | None:
        values = self._values(node, predicate)
        if len(values) > 1:
            raise _Unusable(f"{short(predicate)} is said {len(values)} times: expected once")
        return values[0] if values else None

    def _one(self, node: Node, predicate: str, what: str) -> Node:
        value = self._maybe(node, predicate)
        if value is None:
            raise _Unusable(f"it lacks {what} ({short(predicate)})")
        return value

    def _is_list(self, node: Node) -> bool:
        return str(node) == RDF + "nil" or bool(self._values(node, RDF + "first"))

    def _list(self, node: Node) -> list[Node]:
        items: list[Node] = []
        while str(node) != RDF + "nil":
            items.append(self._one(node, RDF + "first", "an item of a list"))
            node = self._one(node, RDF + "rest", "the rest of a list")
            if len(items) > MAX_LIST:
                raise _Unusable(f"a list has no end within {MAX_LIST} items")
        return items

    def _iri(self, node: Node) -> str:
        from rdflib import URIRef

        if not isinstance(node, URIRef):
            raise _Unusable("a step is neither an IRI nor a selection")
        return str(node)

    def _rank(self, node: Node) -> int | None:
        value = self._maybe(node, XM + "rank")
        try:
            return None if value is None else int(str(value))
        except ValueError:
            raise _Unusable("rank is no whole number") from None

    def _measure(self, node: Node) -> float:
        value = self._maybe(node, ALIGN + "measure")
        try:
            measure = 1.0 if value is None else float(str(value))
        except ValueError:
            raise _Unusable("measure is no number") from None
        if not 0.0 <= measure <= 1.0:
            raise _Unusable("measure does not lie between 0 and 1")
        return measure

    def _name(self, node: Node) -> str:
        return "" if _blank(node) else str(node)

    def _fault(self, where: str, detail: str, severity: str = "warning") -> None:
        self.faults.append(Fault(self.file, where or "a cell without a name", detail, severity))


def _text_order(triple: tuple[Node, Node, Node]) -> tuple[str, str, str]:
    return (str(triple[0]), str(triple[1]), str(triple[2]))


def _blank(node: Node) -> bool:
    from rdflib import URIRef

    return not isinstance(node, URIRef)


def _plain(node: Node) -> str | int | float | bool:
    from rdflib import Literal

    if isinstance(node, Literal) and node.datatype is not None:
        kind = short(str(node.datatype))
        if kind == "boolean":
            return str(node) in ("true", "1")
        try:
            if kind == "integer":
                return int(str(node))
            if kind in ("decimal", "double", "float"):
                return float(str(node))
        except ValueError:
            return str(node)
    return str(node)


def _content_name(cell: Cell) -> str:
    return f"{' + '.join(map(shown, cell.sources))} {cell.relation} {shown(cell.target)}"
