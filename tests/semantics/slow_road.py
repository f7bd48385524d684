"""The slow road: PyLD expands, SPARQL reads and converts, the target's own terms are read back.

It shares with the product the plan (which routes were chosen), and nothing of how contexts are
read, values found, picked and converted. Does not choose routes: tables and laws check the choice.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import rdflib
from pyld import jsonld
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.collection import Collection
from rdflib.namespace import RDF

from xroad_lite.semantics import Translator
from xroad_lite.semantics.plan import (
    Apply,
    Chain,
    Constant,
    Expression,
    FirstOf,
    Hop,
    Items,
    Member,
    Nested,
    Pick,
    Read,
    Value,
)

rdflib.NORMALIZE_LITERALS = False
logging.getLogger("rdflib.term").setLevel(logging.CRITICAL)  # it warns of every unreal date
XSD = "http://www.w3.org/2001/XMLSchema#"
ROOT = "urn:message:"


def slow(translator: Translator, source: Mapping[str, Any], knowledge: Graph, message: Any) -> Any:
    """The message translated by the slow road; empty arrays and objects left out."""
    road = _Road(translator, lifted(message, source), knowledge)
    road.build(0, URIRef(ROOT), 0)
    return stripped(road.rebuild(0, URIRef(ROOT)))


def known(files: Mapping[str, bytes]) -> Graph:
    """Vocabularies and mappings as one graph, for the codes in them."""
    graph = Graph()
    for path in sorted(files):
        graph.parse(data=files[path], format="turtle")
    return graph


def lifted(message: Any, schema: Mapping[str, Any]) -> Graph:
    """The message as RDF, by the contexts of its schema and PyLD's expansion."""
    document = _annotated(message, schema, schema, ROOT)
    quads = jsonld.to_rdf(document, {"format": "application/n-quads", "base": "urn:base:"})
    graph = Graph()
    graph.parse(data=quads, format="nt")
    return graph


def _annotated(value: Any, schema: Any, root: Mapping[str, Any], pointer: str) -> Any:
    schema = _resolved(schema, root)
    if isinstance(value, list):
        items = _resolved(schema.get("items", {}), root)
        return [
            _annotated(item, items, root, f"{pointer}/{index}")
            for index, item in enumerate(value)
            if item is not None
        ]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    node: dict[str, Any] = {"@id": pointer}
    if "x-jsonld-context" in schema:
        node["@context"] = schema["x-jsonld-context"]
    for key, inner in value.items():
        if key in properties and not key.startswith("@") and inner is not None:
            node[key] = _annotated(inner, properties[key], root, f"{pointer}/{key}")
    return node


def _resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    while isinstance(schema, dict) and "$ref" in schema:
        node: Any = root
        for part in schema["$ref"].split("/")[1:]:
            node = node[part]
        schema = node
    return schema if isinstance(schema, dict) else {}


class _Road:
    """One message on its way: the source's graph, what is known, the target's graph."""

    def __init__(self, translator: Translator, graph: Graph, knowledge: Graph) -> None:
        self.translator, self.graph, self.knowledge = translator, graph, knowledge
        self.source, self.target = translator.bindings
        self.made = Graph()
        self.constants: dict[tuple[URIRef, str], Any] = {}

    # reading

    def items_of(self, node: Any, iri: str, ordered: bool) -> list[Any]:
        if not ordered:
            query = "SELECT DISTINCT ?v WHERE { ?s ?p ?v }"
            found = self.graph.query(query, initBindings={"s": node, "p": URIRef(iri)})
            return sorted((row[0] for row in found), key=str)
        query = """
            SELECT ?v (COUNT(?before) AS ?place) WHERE {
              ?s ?p ?list . ?list rdf:rest* ?before . ?before rdf:rest* ?cell . ?cell rdf:first ?v
            } GROUP BY ?cell ?v ORDER BY ?place"""
        found = self.graph.query(
            query, initBindings={"s": node, "p": URIRef(iri)}, initNs={"rdf": RDF}
        )
        return [row[0] for row in found]

    def picked(self, items: Sequence[Any], pick: Pick, shape: Any) -> list[Any]:
        iris = {field.key: field.iri for field in shape.fields}
        ranked = []
        for place, item in enumerate(items):
            where = iris.get(pick.where)
            uses = [str(u) for u in self.items_of(item, where, False)] if where else []
            use = uses[0] if uses else None
            if use not in pick.wanted:
                continue
            if pick.having is not None:
                query = 'ASK { ?s ?p ?v FILTER(!isLiteral(?v) || REGEX(STR(?v), "\\\\S")) }'
                having = {"s": item, "p": URIRef(iris[pick.having])}
                if not self.graph.query(query, initBindings=having).askAnswer:
                    continue
            ranked.append((pick.wanted.index(use), place, item))
        return [min(ranked)[2]] if ranked else []

    def read(self, nodes: list[Any], shape: int, hops: tuple[Hop, ...]) -> list[Any]:
        for hop in hops:
            here = self.source.shapes[shape]
            field = next(field for field in here.fields if field.key == hop.key)
            found = []
            for node in nodes:
                items = self.items_of(node, field.iri, field.ordered)
                if hop.pick is not None:
                    items = self.picked(items, hop.pick, self.source.inside(field))
                found.extend(items)
            nodes = found
            shape = field.shape if field.shape is not None else shape
        return nodes

    def evaluate(self, expression: Expression, node: Any, shape: int) -> list[Any]:
        if isinstance(expression, Read):
            return self.read([node], shape, expression.hops)
        if isinstance(expression, FirstOf):
            for option in expression.options:
                if found := self.evaluate(option, node, shape):
                    return found
            return []
        if isinstance(expression, Apply):
            arguments = [self.evaluate(a, node, shape) for a in expression.arguments]
            return self.call(expression, arguments)
        return [v for option in expression.options for v in self.evaluate(option, node, shape)]

    # converting

    def call(self, expression: Apply, arguments: list[list[Any]]) -> list[Any]:
        function = expression.function
        if function.name == "join":
            texts = [v for values in arguments for v in values if str(v)]
            if not texts:
                return []
            separator = Literal(function.text("sep"))
            result = texts[0]
            for text in texts[1:]:
                [result] = self.compute("CONCAT(STR(?a), ?b, STR(?c))", result, separator, text)
            return [Literal(str(result))]
        if function.name == "template":
            if any(len(values) != 1 for values in arguments):
                return []
            result = Literal(function.text("pattern"))
            for number, values in enumerate(arguments, 1):
                mark = Literal(f"\\{{{number}\\}}")
                [result] = self.compute("REPLACE(?a, ?b, STR(?c))", result, mark, values[0])
            return [result]
        if function.name == "constant":
            return [Literal(function["value"])] if arguments[0] else []
        if function.name == "split":
            return [
                Literal(part)
                for value in arguments[0]
                for part in str(value).split(function.text("sep"))
                if str(value)
            ]
        return [found for value in arguments[0] for found in self.one(expression, value)]

    def one(self, expression: Apply, value: Any) -> list[Any]:
        function = expression.function
        if function.name == "lookup":
            return self.counterpart(function.text("from"), function.text("to"), value)
        if function.name == "dateof":
            head = self.compute(
                'IF(CONTAINS(?a, "T"), STRBEFORE(?a, "T"), ?a)', Literal(str(value))
            )
            return self.date(head[0], "YYYY-MM-DD", "YYYY-MM-DD")
        if function.name == "dateform":
            return self.date(Literal(str(value)), function.text("from"), function.text("to"))
        if function.name == "unit":
            factor = Literal(str(function["factor"]), datatype=URIRef(XSD + "decimal"))
            number = Literal(str(value), datatype=URIRef(XSD + "decimal"))
            if dict(function.parameters).get("inverse"):
                return self.compute("?a / ?b", number, factor)
            return self.compute("?a * ?b", number, factor)
        raise NotImplementedError(function.name)

    def date(self, value: Any, source: str, target: str) -> list[Any]:
        order = sorted((source.index(part), part) for part in ("YYYY", "MM", "DD"))
        pattern = source
        replaced = target
        for number, (_, part) in enumerate(order, 1):
            pattern = pattern.replace(part, f"([0-9]{{{len(part)}}})")
            replaced = replaced.replace(part, f"${number}")
        iso = "-".join(f"${[p for _, p in order].index(x) + 1}" for x in ("YYYY", "MM", "DD"))
        query = "IF(REGEX(?a, ?b) && BOUND(?a), REPLACE(?a, ?b, ?c), '')"
        whole = Literal(f"^{pattern}$")
        [checked] = self.compute(query, value, whole, Literal(iso))
        if not str(checked) or str(value).endswith("\n"):
            return []
        literal = Literal(str(checked), datatype=URIRef(XSD + "date"))
        if literal.ill_typed:
            return []
        return self.compute(query, value, whole, Literal(replaced))

    def compute(self, expression: str, *values: Any) -> list[Any]:
        names = dict(zip("abc", values, strict=False))
        query = f"SELECT ({expression} AS ?r) WHERE {{}}"
        return [row[0] for row in Graph().query(query, initBindings=names) if row[0] is not None]

    def counterpart(self, source: str, target: str, value: Any) -> list[Any]:
        for relation in ("skos:exactMatch|^skos:exactMatch", "skos:broadMatch|^skos:narrowMatch"):
            query = f"""
                SELECT DISTINCT ?r WHERE {{
                  ?one skos:inScheme ?from ; skos:notation ?code ; {relation} ?two .
                  ?two skos:inScheme ?to ; skos:notation ?r .
                  FILTER(STR(?code) = ?value) }}"""
            bindings = {
                "from": URIRef(source),
                "to": URIRef(target),
                "value": Literal(str(value)),
            }
            spaces = {"skos": "http://www.w3.org/2004/02/skos/core#"}
            found = list(self.knowledge.query(query, initBindings=bindings, initNs=spaces))
            if found:
                return [found[0][0]] if len(found) == 1 else []
        return []

    # writing

    def build(self, number: int, node: Any, shape: int, made: Any = None) -> None:
        routine = self.translator.routines[number]
        self.members(routine.members, made if made is not None else node, node, routine.source)

    def members(self, members: Sequence[Member], made: Any, node: Any, shape: int) -> None:
        for member in members:
            field = member.field
            if isinstance(member, Constant):
                self.constants[made, field.key] = member.value
            elif isinstance(member, Value):
                values = self.evaluate(member.route.expression, node, shape)
                self.write(made, field, [v for v in values if self.fits(v, field)])
            elif isinstance(member, Nested):
                found = [
                    (routine, inner)
                    for read, routine in zip(member.options, member.routines, strict=True)
                    for inner in self.evaluate(read, node, shape)
                ]
                places = [URIRef(f"{made}/{field.key}/{n}") for n in range(len(found))]
                for place, (routine, inner) in zip(places, found, strict=True):
                    self.build(routine, inner, 0, place)
                self.write(made, field, places)
            elif isinstance(member, Chain):
                place = URIRef(f"{made}/{field.key}")
                self.members(member.members, place, node, shape)
                self.write(made, field, [place])
            elif isinstance(member, Items):
                places = []
                for index, item in enumerate(member.items):
                    place = URIRef(f"{made}/{field.key}/{index}")
                    self.members(item.members, place, node, shape)
                    if (place, None, None) in self.made:
                        places.append(place)
                        for key, constant in item.constants:
                            self.constants[place, key] = constant
                self.write(made, field, places)

    def fits(self, value: Any, field: Any) -> bool:
        if isinstance(value, URIRef):
            return True
        kind = str(value.datatype or "")[len(XSD) :]
        if kind == "boolean":
            return "boolean" in field.types
        if kind == "integer":
            return bool({"integer", "number"} & field.types)
        if kind in ("double", "decimal"):
            whole = float(value) == int(float(value))
            return "number" in field.types or (whole and "integer" in field.types)
        return "string" in field.types

    def write(self, made: Any, field: Any, values: list[Any]) -> None:
        if not field.array and len(values) > 1:
            return
        if field.array and field.ordered and values:
            head = BNode()
            Collection(self.made, head, values)
            values = [head]
        for value in values:
            self.made.add((made, URIRef(field.iri), value))

    # reading back in the target's terms

    def rebuild(self, shape: int, node: Any) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for field in self.target.shapes[shape].fields:
            if field.iri is None:
                continue
            values = list(self.made.objects(node, URIRef(field.iri)))
            if field.array and field.ordered:
                values = [v for head in values for v in Collection(self.made, head)]
            found = [self.value(value, field) for value in values]
            found = [value for value in found if value not in (None, {})]
            if found:
                result[field.key] = found if field.array else found[0]
        if result or node == URIRef(ROOT):
            for (place, key), value in self.constants.items():
                if place == node:
                    result[key] = value
        return result

    def value(self, value: Any, field: Any) -> Any:
        if field.shape is not None:
            made = self.rebuild(field.shape, value)
            required = [f.key for f in self.target.shapes[field.shape].fields if f.required]
            return made if all(key in made for key in required) else None
        kind = str(getattr(value, "datatype", "") or "")[len(XSD) :]
        if kind == "boolean":
            return str(value) == "true"
        if kind in ("integer", "double", "decimal"):
            return json.loads(str(int(float(value)))) if float(value).is_integer() else float(value)
        return str(value)


def stripped(value: Any) -> Any:
    """Without empty arrays and objects, which RDF cannot tell from absent ones."""
    if isinstance(value, dict):
        pairs = {key: stripped(inner) for key, inner in value.items()}
        return {key: inner for key, inner in pairs.items() if inner not in ([], {})}
    return [stripped(item) for item in value] if isinstance(value, list) else value


def comparable(value: Any, binding: Any, shape: int = 0) -> Any:
    """For comparing: empties left out, the items of sets sorted and without duplicates."""
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    fields = {field.key: field for field in binding.shapes[shape].fields}
    for key, inner in stripped(value).items():
        field = fields[key]
        if field.shape is not None and field.iri is not None:
            many = inner if isinstance(inner, list) else [inner]
            parts = [comparable(item, binding, field.shape) for item in many]
            inner = parts if isinstance(inner, list) else parts[0]
        if isinstance(inner, list) and not field.ordered:
            texts = sorted({json.dumps(item, sort_keys=True) for item in inner})
            inner = [json.loads(text) for text in texts]
        result[key] = inner
    return result
