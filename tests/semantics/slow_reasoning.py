"""Which ways lead from a source schema to a term, found forwards: by rewriting what the source has.

The product searches backwards, from the target's term to the source. Here every path of the source
is a fact, and cells, read by rdflib straight from the files, make new facts of facts until there
are none. Shares no code with the product's search, choice, bindings or reading of cells.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import rdflib
from pyld import jsonld
from rdflib import Graph, URIRef
from rdflib.collection import Collection
from rdflib.namespace import OWL, RDF, RDFS, SKOS

ALIGN = rdflib.Namespace("http://knowledgeweb.semanticweb.org/heterogeneity/alignment#")
XM = rdflib.Namespace("https://xroad-lite.example/ns/mapping#")
LEAF, NODE = "urn:leaf:", "urn:node:"
MAX_CELLS = 12


class Contradiction(Exception):  # noqa: N818 - an answer, not a failure
    """Two cells claim one field alike."""


@dataclass(frozen=True)
class Sel:
    """A selection as a mapping has it."""

    step: str
    where: str
    wanted: tuple[str | None, ...]
    having: str | None


@dataclass(frozen=True)
class Rule:
    """A cell in one direction."""

    name: str
    sources: tuple[tuple[Any, ...], ...]
    target: tuple[Any, ...]
    relation: str
    function: tuple[Any, ...] | None = None
    rank: int | None = None
    measure: float = 1.0


@dataclass(frozen=True)
class Chosen:
    """How one item of an array is picked: by the property, in this order, carrying ``having``."""

    where: str | None
    wanted: tuple[str | None, ...]
    having: str | None


@dataclass(frozen=True)
class Walk:
    """Properties followed from a node, each with its pick, to the thing at ``end``."""

    hops: tuple[tuple[str, Chosen | None], ...]
    end: str


@dataclass(frozen=True)
class Call:
    """A function of what its arguments give."""

    function: tuple[Any, ...]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Several:
    """The ``first`` that gives a value, or ``all`` values."""

    kind: str
    options: tuple[Any, ...]


@dataclass(frozen=True)
class Clash:
    """What a function would be given, if two cells did not claim it alike."""

    why: Contradiction = field(compare=False)


@dataclass(frozen=True)
class Fact:
    """From a node, ``path`` is said: how, by which cells, how well.

    ``upto`` has, for each step of the path, how many hops of the walk it takes.
    """

    path: tuple[Any, ...]
    upto: tuple[int, ...]
    value: Any
    relation: str = "="
    ranks: tuple[int, ...] = ()
    measure: float = 1.0
    cells: tuple[str, ...] = ()
    been: frozenset[Any] = frozenset()

    def order(self) -> tuple[Any, ...]:
        """Best first."""
        return (self.relation != "=", self.ranks, -self.measure, len(self.cells), self.cells)

    def by(self, rule: Rule, **changes: Any) -> Fact:
        """What a cell makes of this fact."""
        return replace(
            self,
            relation="<" if "<" in (self.relation, rule.relation) else "=",
            ranks=(*(() if rule.rank is None else (rule.rank,)), *self.ranks),
            measure=min(self.measure, rule.measure),
            cells=(rule.name, *self.cells),
            been=self.been | {self.path},
            **changes,
        )

    def joined(self, other: Fact) -> Fact:
        """This fact, as good as both."""
        return replace(
            self,
            relation="<" if "<" in (self.relation, other.relation) else "=",
            ranks=(*self.ranks, *other.ranks),
            measure=min(self.measure, other.measure),
            cells=(*self.cells, *other.cells),
        )


# schemas, read by PyLD


@dataclass
class Template:
    """A schema as the graph of a message that has everything once."""

    schema: Mapping[str, Any]
    nodes: dict[str, dict[str, str]] = field(default_factory=dict)
    """For each object's pointer: the pointer of what each property leads to."""
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """For each pointer: what its sub-schema says."""
    lists: set[str] = field(default_factory=set)
    sample: Any = None

    def __post_init__(self) -> None:
        self.sample = self._sample(self.schema, "")
        [root] = jsonld.expand(self.sample, {"base": "urn:base:"}) or [{"@id": NODE}]
        self._read(root)

    def _sample(self, schema: Any, pointer: str) -> Any:
        schema = resolved(schema, self.schema)
        types = schema.get("type", "object" if "properties" in schema else "string")
        types = {types} if isinstance(types, str) else set(types)
        said = self.facts.setdefault(pointer, {"array": False})
        if "array" in types:
            said["array"] = True
            return [self._sample(schema.get("items", {}), pointer)]
        said.update(types=types - {"null"}, codes=schema.get("x-codelist"), schema=schema)
        if "object" not in types:
            return LEAF + pointer
        node: dict[str, Any] = {"@id": NODE + pointer}
        if "x-jsonld-context" in schema:
            node["@context"] = schema["x-jsonld-context"]
        for key, inner in schema.get("properties", {}).items():
            if not key.startswith("@"):
                node[key] = self._sample(inner, f"{pointer}/{key}")
        return node

    def _read(self, node: Mapping[str, Any]) -> None:
        here = self.nodes.setdefault(node["@id"][len(NODE) :], {})
        for iri, values in node.items():
            for value in values if not iri.startswith("@") else ():
                inner = value["@list"][0] if "@list" in value else value
                name = str(inner.get("@value", inner.get("@id")))
                pointer = name.removeprefix(LEAF).removeprefix(NODE)
                here[iri] = pointer
                if "@list" in value:
                    self.lists.add(pointer)
                if name.startswith(NODE):
                    self._read(inner)

    def paths(self, node: str) -> Iterator[tuple[tuple[str, ...], str]]:
        """Every path from a node, with the pointer of where it ends."""
        for iri, end in self.nodes.get(node, {}).items():
            yield (iri,), end
            for path, inner in self.paths(end):
                yield (iri, *path), inner


def resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The sub-schema, ``$ref`` followed."""
    while isinstance(schema, dict) and "$ref" in schema:
        node: Any = root
        for part in schema["$ref"].split("/")[1:]:
            node = node[part]
        schema = node
    return schema if isinstance(schema, dict) else {}


# cells, read by rdflib


def _turned(name: str) -> str:
    return name[:-1] if name.endswith("~") else name + "~"


_INVERSE = {"join": "split", "split": "join"}
_SHORT = {
    OWL.equivalentProperty: "=",
    SKOS.exactMatch: "=",
    RDFS.subPropertyOf: "<",
    SKOS.broadMatch: "<",
    SKOS.narrowMatch: ">",
}


def rules(knowledge: Graph) -> list[Rule]:
    """Every cell of the graph in every direction in which it may be read."""
    said = [
        _stated(knowledge, cell) for cell in sorted(set(knowledge.subjects(ALIGN.entity2)), key=str)
    ]
    codes = set(knowledge.subjects(SKOS.inScheme))
    for predicate, relation in _SHORT.items():
        for left, right in knowledge.subject_objects(predicate):
            if not (left in codes and right in codes):
                one = Rule(f"{left} {right}", ((str(left),),), (str(right),), relation)
                said.append((one, False))
    return [
        found for rule, definitional in agreed(said) for found in _directions(rule, definitional)
    ]


def agreed(said: Iterable[tuple[Rule, bool]]) -> Iterator[tuple[Rule, bool]]:
    """One rule for all that state the same pair: what every one of them grants, no more.

    A relation grants reading forwards, backwards or both; what only some grant is not granted,
    and what is granted one way alone is broader.
    """
    pairs: dict[Any, list[tuple[Rule, bool]]] = defaultdict(list)
    for rule, definitional in said:
        one = _in_order(rule)
        pairs[one.sources, one.target, one.function, one.rank].append((one, definitional))
    for same in pairs.values():
        ways = set.intersection(*({"=": {"<", ">"}}.get(r.relation, {r.relation}) for r, _ in same))
        if ways:
            relation = "=" if len(ways) == 2 else ways.pop()
            measure = min(rule.measure for rule, _ in same)
            whole = replace(same[0][0], relation=relation, measure=measure)
            yield whole, all(definitional for _, definitional in same)


def _in_order(rule: Rule) -> Rule:
    """A rule between two terms, written from the one that sorts first; others as they are."""
    left, right = rule.sources[0], rule.target
    terms = [end[0] for end in (left, right) if len(end) == 1 and isinstance(end[0], str)]
    bare = len(rule.sources) == 1 and rule.function is None and rule.rank is None
    if not bare or len(terms) < 2 or terms[0] <= terms[1]:
        return rule
    turned = rule.relation.translate(str.maketrans("<>", "><"))
    return replace(rule, sources=(right,), target=left, relation=turned)


_RULES: dict[int, list[Rule]] = {}


def _cached_rules(knowledge: Graph) -> list[Rule]:
    """The rules of a graph, read once for as long as it is the one asked for."""
    if id(knowledge) not in _RULES:
        _RULES.clear()
        _RULES[id(knowledge)] = rules(knowledge)
    return _RULES[id(knowledge)]


def _stated(graph: Graph, cell: Any) -> tuple[Rule, bool]:
    """A cell as it is written, and whether it is marked as definitional."""
    several = graph.value(cell, XM.args)
    if several is not None:
        sources = tuple(_path(graph, one) for one in Collection(graph, several))
    else:
        sources = (_path(graph, graph.value(cell, ALIGN.entity1)),)
    body, rank = graph.value(cell, XM.fn), graph.value(cell, XM.rank)
    rule = Rule(
        name=str(cell),
        sources=sources,
        target=_path(graph, graph.value(cell, ALIGN.entity2)),
        relation=str(graph.value(cell, ALIGN.relation)),
        function=None if body is None else _function(graph, body),
        rank=None if rank is None else int(rank),
        measure=float(graph.value(cell, ALIGN.measure) or 1.0),
    )
    return rule, str(graph.value(cell, XM.definitional)) == "true"


def _path(graph: Graph, node: Any) -> tuple[Any, ...]:
    many = (node, RDF.first, None) in graph
    return tuple(_step(graph, one) for one in (Collection(graph, node) if many else [node]))


def _step(graph: Graph, node: Any) -> Any:
    step = graph.value(node, XM.step)
    if step is None:
        return str(node)
    wanted = [
        None if one == XM.absent else str(one)
        for one in Collection(graph, graph.value(node, XM["in"]))
    ]
    having = graph.value(node, XM.having)
    return Sel(
        str(step), str(graph.value(node, XM.where)), tuple(wanted), str(having) if having else None
    )


def _function(graph: Graph, body: Any) -> tuple[Any, ...]:
    given = {
        str(p)[len(XM) :]: (o.toPython() if isinstance(o, rdflib.Literal) else str(o))
        for _, p, o in graph.triples((body, None, None))
        if p != RDF.type
    }
    return (str(graph.value(body, RDF.type))[len(XM) :], *sorted(given.items()))


def _directions(rule: Rule, definitional: bool) -> Iterator[Rule]:
    if rule.relation != ">":
        yield rule
    chain = len(rule.sources[0]) > 1 or len(rule.target) > 1
    if len(rule.sources) > 1 or rule.rank is not None or rule.relation == "<":
        return
    if chain and not definitional:
        return
    function = rule.function
    if function is not None:
        function = _inverse(function)
        if function is None:
            return
    yield replace(
        rule,
        name=_turned(rule.name),
        sources=(rule.target,),
        target=rule.sources[0],
        relation="=" if rule.relation == "=" else "<",
        function=function,
    )


def _inverse(function: tuple[Any, ...]) -> tuple[Any, ...] | None:
    name, given = function[0], dict(function[1:])
    if name in _INVERSE:
        return (_INVERSE[name], *function[1:]) if given["sep"] else None
    parts = {
        side: {p for p in ("YYYY", "MM", "DD") if p in str(given.get(side))}
        for side in ("from", "to")
    }
    if name == "lookup" or (name == "dateform" and parts["from"] == parts["to"]):
        return (name, ("from", given["to"]), ("to", given["from"]))
    if name == "unit":
        flag = {**given, "inverse": not given.get("inverse", False)}
        return (name, *sorted(flag.items()))
    return None


# facts


class Reasoning:
    """All facts about the nodes of a template, by the cells of a graph of knowledge."""

    def __init__(self, template: Template, knowledge: Graph) -> None:
        self.template, self.knowledge = template, knowledge
        self.rules: dict[str, list[Rule]] = defaultdict(list)
        self.several: list[Rule] = []
        for rule in _cached_rules(knowledge):
            first = rule.sources[0][0]
            if len(rule.sources) > 1:
                self.several.append(rule)
            else:
                self.rules[first.step if isinstance(first, Sel) else first].append(rule)
        self.known: dict[str, dict[tuple[Any, ...], dict[Any, Fact]]] = {}
        for node in sorted(template.nodes, key=len, reverse=True):  # inner nodes first
            self._close(node)

    def facts(self, node: str, path: tuple[Any, ...]) -> list[Fact]:
        """What is known of a path; where the source says it itself, that alone."""
        found = list(self.known.get(node, {}).get(path, {}).values())
        own = [fact for fact in found if not fact.cells]
        return own or sorted(found, key=Fact.order)

    def _close(self, node: str) -> None:
        said = [
            Fact(path, tuple(range(1, len(path) + 1)), self._walk(node, path, end))
            for path, end in self.template.paths(node)
        ]
        made: list[Fact] = []
        for _ in range(MAX_CELLS):  # until what several paths make of all facts is among them
            known = self.known[node] = defaultdict(dict)
            fresh = [*said, *made]
            while fresh:
                kept = [fact for fact in fresh if self._keep(known, fact)]
                fresh = [new for fact in kept for new in self._rewritten(node, fact)]
            before, made = made, list(self._several(node, known))
            if made == before:
                return

    def _walk(self, node: str, path: tuple[str, ...], end: str) -> Walk:
        return Walk(tuple((iri, None) for iri in path), end)

    def _keep(self, known: dict[Any, Any], fact: Fact) -> bool:
        slot = known[fact.path]
        if any(not other.cells for other in slot.values()):
            return False  # the source says it itself
        before = slot.get(fact.value)
        if before is not None and before.order() <= fact.order():
            return False
        slot[fact.value] = fact
        return True

    def _rewritten(self, node: str, fact: Fact) -> Iterator[Fact]:
        for at, step in enumerate(fact.path if len(fact.cells) < MAX_CELLS else ()):
            for rule in self.rules.get(step.step if isinstance(step, Sel) else step, ()):
                yield from self._apply(node, fact, rule, at)

    def _apply(self, node: str, fact: Fact, rule: Rule, at: int) -> Iterator[Fact]:
        source = rule.sources[0]
        after = at + len(source)
        last = after == len(fact.path)
        if after > len(fact.path) or (rule.function is not None and not last):
            return
        path = (*fact.path[:at], *rule.target, *fact.path[after:])
        if path in fact.been or path == fact.path:
            return
        start = fact.upto[at - 1] if at else 0
        made = [start] * (len(rule.target) - 1)
        upto = (*fact.upto[:at], *made, fact.upto[after - 1], *fact.upto[after:])
        for picked in self._matched(node, fact, source, at):
            value = picked.value
            if rule.function is not None:
                if _turned(rule.name) in fact.cells:
                    continue  # there and back by one cell adds nothing
                value = Call(rule.function, (value,))
            yield picked.by(rule, path=path, upto=upto, value=value)

    def _matched(self, node: str, fact: Fact, source: tuple[Any, ...], at: int) -> Iterator[Fact]:
        """The fact, with the picks that the source path's selections put into its walk."""
        found = [fact]
        for offset, step in enumerate(source):
            place = at + offset
            if isinstance(step, str) or fact.path[place] == step:
                found = [one for one in found if one.path[place] == step]
            elif fact.path[place] == step.step:
                found = [new for one in found for new in self._picked(node, one, step, place)]
            else:
                return
        yield from found

    def _picked(self, node: str, fact: Fact, step: Sel, place: int) -> Iterator[Fact]:
        before = fact.upto[place - 1] if place else 0
        if not isinstance(fact.value, Walk) or fact.upto[place] != before + 1:
            return
        hops = fact.value.hops
        item = self._at(node, [iri for iri, _ in hops[: before + 1]])
        if item is None or hops[before][1] is not None:
            return
        for where, wanted, cost in self._where(item, step):
            for having, more in self._having(item, step):
                pick = Chosen(where, wanted, having)
                changed = (*hops[:before], (hops[before][0], pick), *hops[before + 1 :])
                walk = Walk(changed, fact.value.end)
                joined = replace(fact, value=walk)
                for extra in (cost, more):
                    joined = joined.joined(extra) if extra is not None else joined
                yield joined

    def _at(self, node: str, iris: Iterable[str]) -> str | None:
        for iri in iris:
            node = self.template.nodes.get(node, {}).get(iri, "?")
        return node if node in self.template.nodes else None

    def _where(self, item: str, step: Sel) -> Iterator[tuple[str | None, Any, Fact | None]]:
        """The property of the items that stands for the selection's, and its values."""
        found = False
        for fact in self.facts(item, (step.where,)):
            value, wanted = fact.value, list(step.wanted)
            while isinstance(value, Call) and value.function[0] == "lookup":
                given = dict(value.function[1:])
                wanted = [
                    code
                    for want in wanted
                    for code in (
                        [None] if want is None else self._codes(given["from"], given["to"], want)
                    )
                ]
                value = value.arguments[0]
            single = isinstance(value, Walk) and len(value.hops) == 1 and wanted
            if single and not self.template.facts[value.end]["array"]:
                found = True
                yield value.hops[0][0], tuple(wanted), fact if fact.cells else None
        if not found and None in step.wanted:
            yield None, step.wanted, None

    def _codes(self, source: str, target: str, wanted: str) -> list[str]:
        """The codes of ``source`` that read as ``wanted`` in ``target``."""
        found = []
        for concept in self.knowledge.subjects(SKOS.inScheme, URIRef(source)):
            for code in self.knowledge.objects(concept, SKOS.notation):
                others = counterparts(self.knowledge, source, target, str(code))
                if others == [wanted]:
                    found.append(str(code))
        return sorted(found)

    def _having(self, item: str, step: Sel) -> Iterator[tuple[str | None, Fact | None]]:
        if step.having is None:
            yield None, None
            return
        for fact in self.facts(item, (step.having,)):
            if isinstance(fact.value, Walk) and len(fact.value.hops) == 1:
                yield fact.value.hops[0][0], fact if fact.cells else None

    def _several(self, node: str, known: dict[Any, Any]) -> Iterator[Fact]:
        """Facts by cells of several paths that share a beginning."""
        prefixes = sorted({path[:at] for path in known for at in range(len(path))}, key=repr)
        for rule in self.several:
            for prefix in prefixes:
                paths = [(*prefix, *source) for source in rule.sources]
                parts = [self._argument(node, path, rule) for path in paths]
                if rule.function is None or not any(parts):
                    continue
                if not all(parts) and rule.function[0] != "join":
                    continue
                there = [part for part in parts if part is not None]
                path = (*prefix, *rule.target)
                start = there[0].upto[len(prefix) - 1] if prefix else 0
                upto = (*[start] * (len(path) - 1), start)
                whole = Fact(path, upto, Call(rule.function, tuple(p.value for p in there)))
                for part in there:
                    whole = whole.joined(part)
                whole = replace(whole, ranks=())  # theirs have chosen the arguments
                yield whole.by(rule, path=path)

    def _argument(self, node: str, path: tuple[Any, ...], rule: Rule) -> Fact | None:
        """The best of a path, but for what the rule made of itself."""
        facts = [fact for fact in self.facts(node, path) if rule.name not in fact.cells]
        try:
            return choose(facts, many=True)
        except Contradiction as why:  # of no account unless a field of the target comes to it
            return replace(facts[0], value=Clash(why))


def choose(facts: Iterable[Fact], *, many: bool) -> Fact | None:
    """By the order that the documentation states; ``Contradiction`` where two claim it alike."""
    kept: dict[Any, Fact] = {}
    for fact in sorted(facts, key=Fact.order):
        kept.setdefault(fact.value, fact)
    found = list(kept.values())
    if not found:
        return None
    for fact in found:
        _raise_clash(fact.value)
    best = found[0]
    if best.ranks:
        ranked = [fact for fact in found if fact.ranks]
        for one, other in itertools.pairwise(ranked):
            if (one.ranks, one.relation) == (other.ranks, other.relation):
                raise Contradiction(one.cells, other.cells)
        return _together("first", ranked) if len(ranked) > 1 else best
    rest = [fact for fact in found if not fact.ranks and fact.relation == best.relation]
    if best.relation == "=":
        if len(rest) > 1:
            raise Contradiction(rest[0].cells, rest[1].cells)
        return best
    tied = [fact for fact in rest if fact.measure == best.measure]
    if len(tied) == 1:
        return best
    return _together("all", tied) if many else None


def _raise_clash(value: Any) -> None:
    if isinstance(value, Clash):
        raise value.why
    for argument in value.arguments if isinstance(value, Call) else ():
        _raise_clash(argument)


def _together(kind: str, facts: list[Fact]) -> Fact:
    worst = "<" if any(fact.relation == "<" for fact in facts) else "="
    return replace(
        facts[0], value=Several(kind, tuple(fact.value for fact in facts)), relation=worst
    )


def counterparts(knowledge: Graph, source: str, target: str, value: str) -> list[str]:
    """What a code reads as in another scheme: by exact matches, else by broader ones."""
    for relation in ("skos:exactMatch|^skos:exactMatch", "skos:broadMatch|^skos:narrowMatch"):
        query = f"""
            SELECT DISTINCT ?r WHERE {{
              ?one skos:inScheme ?from ; skos:notation ?code ; {relation} ?two .
              ?two skos:inScheme ?to ; skos:notation ?r .
              FILTER(STR(?code) = ?value) }}"""
        bindings = {
            "from": URIRef(source),
            "to": URIRef(target),
            "value": rdflib.Literal(value),
        }
        spaces = {"skos": str(SKOS)}
        found = [
            str(row[0]) for row in knowledge.query(query, initBindings=bindings, initNs=spaces)
        ]
        if found:
            return found if len(found) == 1 else []
    return []
