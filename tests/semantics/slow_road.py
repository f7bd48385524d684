"""The slow road: PyLD expands, facts are reasoned forwards, SPARQL reads and converts.

It shares nothing with the product but the files: contexts are read by PyLD, cells by rdflib, ways
are found by ``slow_reasoning`` from the source onwards and chosen by its own words, values are
found, picked and converted by SPARQL, and the result is read back by the target's own terms.
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
from slow_reasoning import (
    Call,
    Chosen,
    Fact,
    Reasoning,
    Sel,
    Several,
    Template,
    Walk,
    choose,
    counterparts,
    resolved,
)

rdflib.NORMALIZE_LITERALS = False
logging.getLogger("rdflib.term").setLevel(logging.CRITICAL)  # it warns of every unreal date
XSD = "http://www.w3.org/2001/XMLSchema#"
ROOT = "urn:message:"
_NUMBERS = {"integer", "number"}
_GIVES = {"unit": {"number"}}
_CASTS = {
    "string": {"string"},
    "integer": {"integer"},
    "decimal": {"number"},
    "boolean": {"boolean"},
}


class SlowRoad:
    """From what a source schema says to one target schema, for many messages."""

    def __init__(self, reasoning: Reasoning, target: Mapping[str, Any]) -> None:
        self.reasoning, self.knowledge = reasoning, reasoning.knowledge
        self.source, self.target = reasoning.template, Template(target)

    def translate(self, message: Any) -> Any:
        """The message translated; empty arrays and objects left out."""
        one = _Message(self, lifted(message, self.source.schema))
        one.build("", "", URIRef(ROOT), URIRef(ROOT), ())
        return stripped(one.rebuild("", URIRef(ROOT)))

    def check(self) -> None:
        """``Contradiction`` where two cells claim a field alike, whatever a message holds."""
        self.translate(self.source.sample)


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
    schema = resolved(schema, root)
    if isinstance(value, list):
        items = resolved(schema.get("items", {}), root)
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


class _Message:
    """One message on its way: the source's graph, the target's graph."""

    def __init__(self, road: SlowRoad, graph: Graph) -> None:
        self.road, self.graph, self.knowledge = road, graph, road.knowledge
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

    def picked(self, items: Sequence[Any], pick: Chosen) -> list[Any]:
        ranked = []
        for place, item in enumerate(items):
            uses = self.items_of(item, pick.where, False) if pick.where else []
            use = str(uses[0]) if uses else None
            if use not in pick.wanted:
                continue
            if pick.having is not None:
                query = 'ASK { ?s ?p ?v FILTER(!isLiteral(?v) || REGEX(STR(?v), "\\\\S")) }'
                having = {"s": item, "p": URIRef(pick.having)}
                if not self.graph.query(query, initBindings=having).askAnswer:
                    continue
            ranked.append((pick.wanted.index(use), place, item))
        return [min(ranked)[2]] if ranked else []

    def walked(self, nodes: list[Any], here: str, walk: Walk) -> list[Any]:
        for iri, pick in walk.hops:
            here = self.road.source.nodes[here][iri]
            found = []
            for node in nodes:
                items = self.items_of(node, iri, here in self.road.source.lists)
                found.extend(items if pick is None else self.picked(items, pick))
            nodes = found
        return nodes

    def evaluate(self, value: Any, node: Any, here: str) -> list[Any]:
        if isinstance(value, Walk):
            return self.walked([node], here, value)
        if isinstance(value, Call):
            arguments = [self.evaluate(one, node, here) for one in value.arguments]
            return self.call(value.function, arguments)
        found = [self.evaluate(option, node, here) for option in value.options]
        if value.kind == "first":
            return next((one for one in found if one), [])
        return [one for values in found for one in values]

    # converting

    def call(self, function: tuple[Any, ...], arguments: list[list[Any]]) -> list[Any]:
        name, given = function[0], dict(function[1:])
        if name == "join":
            texts = [v for values in arguments for v in values if str(v)]
            if not texts:
                return []
            separator = Literal(given["sep"])
            result = texts[0]
            for text in texts[1:]:
                [result] = self.compute("CONCAT(STR(?a), ?b, STR(?c))", result, separator, text)
            return [Literal(str(result))]
        if name == "template":
            if any(len(values) != 1 for values in arguments):
                return []
            result = Literal(given["pattern"])
            for number, values in enumerate(arguments, 1):
                mark = Literal(f"\\{{{number}\\}}")
                [result] = self.compute("REPLACE(?a, ?b, STR(?c))", result, mark, values[0])
            return [result]
        if name == "constant":
            return [Literal(given["value"])] if arguments[0] else []
        if name == "split":
            return [
                Literal(part)
                for value in arguments[0]
                for part in str(value).split(given["sep"])
                if str(value)
            ]
        return [found for value in arguments[0] for found in self.one(name, given, value)]

    def one(self, name: str, given: Mapping[str, Any], value: Any) -> list[Any]:
        if name == "lookup":
            found = counterparts(self.knowledge, given["from"], given["to"], str(value))
            return [Literal(one) for one in found]
        if name == "dateof":
            head = self.compute(
                'IF(CONTAINS(?a, "T"), STRBEFORE(?a, "T"), ?a)', Literal(str(value))
            )
            return self.date(head[0], "YYYY-MM-DD", "YYYY-MM-DD")
        if name == "dateform":
            return self.date(Literal(str(value)), given["from"], given["to"])
        if name == "unit":
            factor = Literal(str(given["factor"]), datatype=URIRef(XSD + "decimal"))
            number = Literal(str(value), datatype=URIRef(XSD + "decimal"))
            if given.get("inverse"):
                return self.compute("?a / ?b", number, factor)
            return self.compute("?a * ?b", number, factor)
        raise NotImplementedError(name)

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

    # writing

    def build(
        self, pointer: str, here: str, node: Any, place: URIRef, prefix: tuple[Any, ...]
    ) -> None:
        """Make at ``place`` what the target has at ``pointer`` of the source's ``node``."""
        bound = set(self.road.target.nodes[pointer].values())
        for key in self.road.target.facts[pointer]["schema"].get("properties", {}):
            if f"{pointer}/{key}" not in bound:
                self.default(pointer, f"{pointer}/{key}", place)
        for iri, child in self.road.target.nodes[pointer].items():
            said = self.road.target.facts[child]
            leaf = child not in self.road.target.nodes
            path = (*prefix, iri)
            fitting = [f for f in self.road.reasoning.facts(here, path) if self.fits(f, child)]
            fact = choose(fitting, many=said["array"])
            if fact is not None and leaf:
                found = self.evaluate(fact.value, node, here)
                self.write(place, iri, child, [v for v in found if _typed(v, said["types"])])
            elif fact is not None:
                self.nested(fact, child, here, node, place, iri)
            elif not fitting and not leaf:
                self.chained(path, child, here, node, place)
            elif not fitting:
                self.default(pointer, child, place)

    def nested(self, fact: Fact, child: str, here: str, node: Any, place: URIRef, iri: str) -> None:
        several = isinstance(fact.value, Several)
        options = fact.value.options if several else (fact.value,)
        places: list[URIRef] = []
        for walk in options:
            if several and fact.value.kind == "first" and places:
                break
            found = self.walked([node], here, walk)
            if len(found) > 1 and not self.road.target.facts[child]["array"]:
                continue
            for inner in found:
                places.append(URIRef(f"{place}{child[child.rindex('/') :]}/{len(places)}"))
                self.build(child, walk.end, inner, places[-1], ())
        self.write(place, iri, child, places)

    def chained(self, path: Any, child: str, here: str, node: Any, place: URIRef) -> None:
        """An object that the mapping's chains make; items that its selections make."""
        name = f"{place}{child[child.rindex('/') :]}"
        if self.road.target.facts[child]["array"] and (items := self.selections(here, path)):
            places = []
            for index, one in enumerate(items):
                inner = URIRef(f"{name}/{index}")
                self.build(child, here, node, inner, (*path[:-1], one))
                key = self.key_of(child, one.where)
                if (inner, None, None) in self.made:
                    places.append(inner)
                    if key is not None and one.wanted[0] is not None:
                        self.constants[inner, key] = one.wanted[0]
            self.write(place, path[-1], child, places)
            return
        self.build(child, here, node, URIRef(name), path)
        if (URIRef(name), None, None) in self.made:
            self.write(place, path[-1], child, [URIRef(name)])

    def selections(self, here: str, path: Any) -> list[Sel]:
        at = len(path) - 1
        known = self.road.reasoning.known.get(here, {})
        found = {
            other[at]
            for other in known
            if len(other) > at and other[:at] == path[:-1] and isinstance(other[at], Sel)
        }
        return sorted((one for one in found if one.step == path[-1]), key=repr)

    def key_of(self, pointer: str, iri: str) -> str | None:
        child = self.road.target.nodes[pointer].get(iri)
        return None if child is None else child.rpartition("/")[2]

    def default(self, pointer: str, child: str, place: URIRef) -> None:
        said, key = self.road.target.facts[child], child.rpartition("/")[2]
        schema = said["schema"]
        if said["array"] or key not in self.road.target.facts[pointer]["schema"].get(
            "required", ()
        ):
            return
        values = schema.get("enum", [schema["const"]] if "const" in schema else [])
        for value in [
            *(values if len(values) == 1 else []),
            *[schema[k] for k in schema if k == "default"],
        ]:
            if value is not None:
                self.constants.setdefault((place, key), value)

    def fits(self, fact: Fact, child: str) -> bool:
        """Whether what a fact gives may stand there at all."""
        values = fact.value.options if isinstance(fact.value, Several) else (fact.value,)
        return all(self.fits_value(value, child) for value in values)

    def fits_value(self, value: Any, child: str) -> bool:
        said, leaf = self.road.target.facts[child], child not in self.road.target.nodes
        if isinstance(value, Walk):
            theirs = self.road.source.facts[value.end]
            if (value.end not in self.road.source.nodes) != leaf:
                return False
            codes = {theirs.get("codes"), said.get("codes")} - {None}
            return not leaf or (_alike(theirs["types"], said["types"]) and len(codes) < 2)
        name, given = value.function[0], dict(value.function[1:])
        if not leaf or not _alike(_given_types(name, given), said["types"]):
            return False
        if name == "lookup" and said.get("codes") not in (None, given["to"]):
            return False
        return all(self.takes(name, one) for one in value.arguments if isinstance(one, Walk))

    def takes(self, name: str, argument: Walk) -> bool:
        if name == "constant":
            return True
        if argument.end in self.road.source.nodes:
            return False
        types = self.road.source.facts[argument.end]["types"]
        wanted = _NUMBERS if name == "unit" else {"string"}
        return name == "cast" or (
            types <= wanted if name in ("join", "template") else bool(types & wanted)
        )

    def write(self, place: Any, iri: str, child: str, values: list[Any]) -> None:
        if not self.road.target.facts[child]["array"] and len(values) > 1:
            return
        if child in self.road.target.lists and values:
            head = BNode()
            Collection(self.made, head, values)
            values = [head]
        for value in values:
            self.made.add((place, URIRef(iri), value))

    # reading back in the target's terms

    def rebuild(self, pointer: str, node: Any) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for iri, child in self.road.target.nodes[pointer].items():
            values = list(self.made.objects(node, URIRef(iri)))
            if child in self.road.target.lists:
                values = [v for head in values for v in Collection(self.made, head)]
            found = [one for one in (self.value(v, child) for v in values) if one not in (None, {})]
            if found:
                array = self.road.target.facts[child]["array"]
                result[child.rpartition("/")[2]] = found if array else found[0]
        if result or node == URIRef(ROOT):
            for (place, key), value in self.constants.items():
                if place == node:
                    result[key] = value
        return result

    def value(self, value: Any, child: str) -> Any:
        if child in self.road.target.nodes:
            made = self.rebuild(child, value)
            required = self.road.target.facts[child]["schema"].get("required", ())
            return made if all(key in made for key in required) else None
        kind = str(getattr(value, "datatype", "") or "")[len(XSD) :]
        if kind == "boolean":
            return str(value) == "true"
        if kind in ("integer", "double", "decimal"):
            return int(float(value)) if float(value).is_integer() else float(value)
        return str(value)


def _alike(one: set[str], other: set[str]) -> bool:
    return bool(one & other) or bool(one & _NUMBERS and other & _NUMBERS)


def _given_types(name: str, given: Mapping[str, Any]) -> set[str]:
    if name == "cast":
        return _CASTS[str(given["to"]).rpartition("#")[2]]
    if name == "constant":
        value = given["value"]
        kinds = {bool: "boolean", int: "integer", float: "number"}
        return {kinds.get(type(value), "string")}
    return _GIVES.get(name, {"string"})


def _typed(value: Any, types: set[str]) -> bool:
    """Whether a value is of the types that a field takes."""
    kind = str(getattr(value, "datatype", None) or "")[len(XSD) :]
    if kind == "boolean":
        return "boolean" in types
    if kind == "integer":
        return bool(_NUMBERS & types)
    if kind in ("double", "decimal"):
        whole = float(value).is_integer()
        return "number" in types or (whole and "integer" in types)
    return "string" in types


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
