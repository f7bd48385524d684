"""Finds what cannot hold together: rings, codes given twice, contradictions. Reads no file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from itertools import combinations
from typing import Final

from xroad_lite.semantics.names import RDFS, SKOS, short
from xroad_lite.semantics.reconcile import namespace
from xroad_lite.semantics.values import EXACT, Cell, shown, step_iri
from xroad_lite.stewardship.checking.findings import Finding, Severity
from xroad_lite.stewardship.vocabularies.reading import Words

_UPWARDS: Final = (
    (SKOS + "broader", SKOS + "narrower", "skos:broader"),
    (RDFS + "subClassOf", None, "rdfs:subClassOf"),
    (RDFS + "subPropertyOf", None, "rdfs:subPropertyOf"),
)
_SHOWN: Final = 5
_SEVERITIES: Final[Mapping[str, Severity]] = {
    "wrong": "wrong",
    "warning": "warning",
    "note": "note",
}


def cycles(words: Words) -> Iterator[Finding]:
    """Every ring of terms each of which is narrower than the next."""
    for predicate, inverse, name in _UPWARDS:
        files: dict[str, str] = {}
        above: dict[str, set[str]] = defaultdict(set)
        for path, upper, lower in _pairs(words, predicate, inverse):
            above[lower].add(upper)
            files.setdefault(lower, path)
        for ring in rings(above):
            first = min(ring)
            some = " → ".join(map(short, ring[:_SHOWN]))
            rest = f" → {len(ring) - _SHOWN:,} more" if len(ring) > _SHOWN else ""
            message = f"{name} leads back to itself: {some}{rest} → {short(ring[0])}"
            hint = "remove one of these statements; for things that are the same, say so"
            yield words.finding(files[first], "cycle", first, message, hint=hint)


def _pairs(words: Words, predicate: str, inverse: str | None) -> Iterator[tuple[str, str, str]]:
    from rdflib import URIRef

    for path, graph in words.graphs.items():
        for lower, upper in graph.subject_objects(URIRef(predicate)):
            if isinstance(lower, URIRef) and isinstance(upper, URIRef):
                yield path, str(upper), str(lower)
        if inverse is not None:
            for upper, lower in graph.subject_objects(URIRef(inverse)):
                if isinstance(lower, URIRef) and isinstance(upper, URIRef):
                    yield path, str(upper), str(lower)


def rings(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that lead back to themselves (Tarjan 1972), without recursion."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    waiting: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in sorted(edges):
        work = [(root, iter(sorted(edges[root])))] if root not in number else []
        while work:
            node, following = work[-1]
            if node not in number:
                number[node] = low[node] = len(number)
                waiting.append(node)
                on_stack.add(node)
            for other in following:
                if other not in number:
                    work.append((other, iter(sorted(edges.get(other, ())))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], number[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    ring = waiting[waiting.index(node) :] if waiting[-1] != node else [node]
                    del waiting[-len(ring) :]
                    on_stack.difference_update(ring)
                    if len(ring) > 1 or node in edges.get(node, ()):
                        found.append(_in_order(ring, edges))
    return found


def _in_order(group: list[str], edges: Mapping[str, set[str]]) -> list[str]:
    """One ring through a group, from its first name, as far as a walk without choices finds it."""
    inside, node = set(group), min(group)
    path = [node]
    while True:
        further = sorted(edges[node] & inside - set(path)) if len(path) <= _SHOWN else []
        if not further:
            break
        node = further[0]
        path.append(node)
    return [*path, *sorted(inside.difference(path))]


def duplicate_notations(words: Words) -> Iterator[Finding]:
    """Every code that two concepts of one scheme have."""
    codes: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for iri, said in words.entries.items():
        for one in said:
            for scheme in one.schemes:
                for notation in one.notations:
                    codes[scheme, notation][iri] = one.file
    for (scheme, notation), concepts in codes.items():
        if len(concepts) > 1:
            first, *others = sorted(concepts)
            message = (
                f"{short(scheme)} has the notation {notation[:40]!r} twice: "
                f"{', '.join(map(short, [first, *others[:_SHOWN]]))}"
            )
            hint = "give each concept a notation of its own"
            file = concepts[others[0]]
            yield words.finding(file, "duplicate_notation", others[0], message, hint=hint)


def odd_values(words: Words) -> Iterator[Finding]:
    """Every value that its datatype does not have."""
    from rdflib import Literal

    for path, graph in words.graphs.items():
        for subject, predicate, value in graph:
            if isinstance(value, Literal) and value.ill_typed:
                name, kind = short(str(predicate)), short(str(value.datatype))
                message = f"{short(str(subject))}: its {name} is no {kind}"
                hint = "correct the value, or its datatype"
                yield words.finding(path, "odd_value", str(subject), message, hint=hint)


def cell_faults(words: Words) -> Iterator[Finding]:
    """Every cell that could not be used, or looks wrong."""
    for fault in words.vocabulary.faults:
        if fault.where in words.vocabulary.notations:
            continue  # a code that is there twice: see duplicate_notations
        message = f"{short(fault.where)}: {fault.detail}"
        severity = _SEVERITIES[fault.severity]
        yield words.finding(fault.file, "fault", fault.where, message, severity)


def contradictions(words: Words) -> Iterator[Finding]:
    """Every two exact cells that one schema can make claim one field, neither before the other."""
    claims: dict[Hashable, list[Cell]] = defaultdict(list)
    for cell in words.vocabulary.cells:
        if cell.relation == EXACT or cell.rank is not None:
            space = namespace(step_iri(cell.sources[0][0]))
            claims[cell.target, space, cell.relation, cell.rank].append(cell)
    for cells in claims.values():
        for one, other in combinations(cells[:_SHOWN], 2):
            if (one.sources, one.function) != (other.sources, other.function) and _together(
                words, one, other
            ):
                message = (
                    f"two cells claim {shown(one.target)} alike: {short(one.name)} from "
                    f"{_sources(one)}, and {short(other.name)} from {_sources(other)} "
                    f"({other.file})"
                )
                hint = "rank them with xm:rank, or weaken one to <"
                yield words.finding(one.file, "contradiction", _plain(one), message, hint=hint)


def _sources(cell: Cell) -> str:
    return " + ".join(map(shown, cell.sources))


def _plain(cell: Cell) -> str:
    return cell.name.removesuffix(" (backwards)")


def _together(words: Words, one: Cell, other: Cell) -> bool:
    """Whether both sources may stand on one object: their domains do not keep them apart."""
    first, second = (_domains(words, step_iri(cell.sources[0][0])) for cell in (one, other))
    return not first or not second or bool(first & second)


def _domains(words: Words, iri: str) -> set[str]:
    return {domain for said in words.entries.get(iri, ()) for domain in said.domains}
