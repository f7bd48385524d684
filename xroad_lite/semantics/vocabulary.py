"""Vocabularies and the mappings between them, from bytes. Does not open files or fetch imports."""

from __future__ import annotations

import base64
import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics.cells import CellReader
from xroad_lite.semantics.names import CLASS_KINDS, RDF, RDFS, SKOS, TERM_CLASSES, short
from xroad_lite.semantics.reconcile import by_target, named, namespace, nearly_alike, reconciled
from xroad_lite.semantics.tabular import TableReader
from xroad_lite.semantics.values import Cell, Fault, Term

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

MAX_BYTES: Final = 24 * 1024 * 1024
"""Of all files together: some 90,000 codes in three languages, and 2 GB of memory to read them."""
_SMALL: Final = 64 * 1024
"""Up to which size a file's graph is remembered: of larger ones a few would fill a process."""
_NEAR: Final = 0.6
_SYNTAX: Final = re.compile(r"at line (\d+) of <[^>]*>: Bad syntax \((.*?)\) at \^")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Terms, code lists and mapping cells, and the faults that were found in reading them.

    ``cells`` holds every cell in the direction in which it may be read, inverses included.
    ``notations`` are the codes of each scheme with their concepts; ``matches`` maps a pair of
    concepts to ``=`` or ``<``. ``borrowed`` are terms that cells name in namespaces for which no
    vocabulary is loaded: they count as known. ``digest`` is SHA-256, base64url, over the
    sorted paths and bytes.
    """

    digest: str
    terms: Mapping[str, Term]
    cells: tuple[Cell, ...]
    notations: Mapping[str, Mapping[str, str]]
    matches: Mapping[str, Mapping[str, str]]
    faults: tuple[Fault, ...]
    borrowed: frozenset[str] = frozenset()
    _by_target: Mapping[str, tuple[Cell, ...]] = field(repr=False, default_factory=dict)

    def cells_into(self, iri: str) -> tuple[Cell, ...]:
        """The cells whose target path begins with this property."""
        return self._by_target.get(iri, ())

    def unknown(self, iri: str) -> str | None:
        """None for a declared term, else a sentence with the nearest known one."""
        if iri in self.terms or iri in self.borrowed:
            return None
        near = self.nearest(iri)
        return f"unknown term {iri}" + (f"; the nearest known one is {near}" if near else "")

    def nearest(self, iri: str) -> str | None:
        """The known term most like this one, first among those of its own namespace."""
        name = short(iri)
        space = iri[: len(iri) - len(name)]
        for candidates in ([t for t in self.terms if t.startswith(space)], list(self.terms)):
            names: dict[str, str] = {}
            for term in sorted(candidates):
                names.setdefault(short(term), term)
            if found := difflib.get_close_matches(name, sorted(names), 1, _NEAR):
                return names[found[0]]
        return None

    def counterparts(self, source: str, target: str) -> dict[str, tuple[str, str]]:
        """For each code (and concept) of ``source``: the one of ``target``, and ``=`` or ``<``.

        A code with two counterparts of the same strength has none.
        """
        codes = self.notations.get(target, {})
        wanted = {concept: notation for notation, concept in codes.items()}
        table: dict[str, tuple[str, str]] = {}
        for notation, concept in self.notations.get(source, {}).items():
            found = self._counterpart(concept, wanted, same=source == target)
            if found is not None:
                other, relation = found
                table[notation] = (wanted[other], relation)
                table[concept] = (other, relation)
        return table

    def _counterpart(
        self, concept: str, wanted: Mapping[str, str], *, same: bool
    ) -> tuple[str, str] | None:
        if same:
            return concept, "="
        matches = self.matches.get(concept, {})
        for relation in ("=", "<"):
            found = [other for other, kind in matches.items() if kind == relation]
            found = [other for other in found if other in wanted]
            if found:
                return (found[0], relation) if len(found) == 1 else None
        return None


def load_vocabulary(files: Mapping[str, bytes]) -> Vocabulary:
    """Load Turtle vocabularies, and mappings in Turtle or SSSOM TSV, given as ``{path: bytes}``.

    Raises ``SemanticsError`` for bytes that are no Turtle; what is Turtle but cannot be used
    becomes a fault. Nothing depends on the order of files or triples.
    """
    total = sum(map(len, files.values()))
    if total > MAX_BYTES:
        raise SemanticsError(
            "semantics.too_large", f"vocabularies of {total} bytes: expected at most {MAX_BYTES}"
        )
    return _loaded(tuple(files.items()))


@lru_cache(maxsize=2)  # the nodes and checks of one process mostly ask for the same one
def _loaded(items: tuple[tuple[str, bytes], ...]) -> Vocabulary:
    files = dict(items)
    graphs = {path: parsed(path, files[path]) for path in sorted(files) if path.endswith(".ttl")}
    return vocabulary_of(files, graphs)


def vocabulary_of(files: Mapping[str, bytes], graphs: Mapping[str, Graph]) -> Vocabulary:
    """The vocabulary in ``files`` whose Turtle is already ``parsed``, by path."""
    loader = _Loader()
    tables = {path: _table(path, files[path]) for path in sorted(files) if path.endswith(".tsv")}
    graphs = dict(sorted(graphs.items()))
    for path, graph in graphs.items():
        loader.declare(graph, path)
    for path, graph in graphs.items():
        loader.match(graph)
        reader = CellReader(graph, path, frozenset(loader.concepts))
        loader.take(reader)
    for table in tables.values():
        loader.take(table)
    return loader.vocabulary(digest_of(files))


def digest_of(files: Mapping[str, bytes]) -> str:
    """SHA-256 over sorted paths and bytes, lengths prefixed, as base64url text."""
    state = hashlib.sha256()
    for path in sorted(files):
        for part in (path.encode(), files[path]):
            state.update(len(part).to_bytes(8, "big"))
            state.update(part)
    return base64.urlsafe_b64encode(state.digest()).rstrip(b"=").decode()


def _table(path: str, data: bytes) -> TableReader:
    try:
        return TableReader(data.decode("utf-8-sig"), path)
    except UnicodeDecodeError:
        raise SemanticsError("semantics.sssom", f"{path} is not UTF-8 text") from None


def parsed(path: str, data: bytes) -> Graph:
    """The graph of one Turtle file, to be read only; ``SemanticsError`` when it is none."""
    return _remembered(path, data) if len(data) <= _SMALL else _parsed(path, data)


@lru_cache(maxsize=32)  # a publication, its check and a replay read the same few files in turn
def _remembered(path: str, data: bytes) -> Graph:
    return _parsed(path, data)


def _parsed(path: str, data: bytes) -> Graph:
    from rdflib import Graph

    graph = Graph()
    try:
        graph.parse(data=data, format="turtle", publicID=f"urn:file:{path}")
    except (Exception, RecursionError) as error:  # noqa: BLE001 - rdflib raises what it likes
        reason = _reason(error, data)
        raise SemanticsError("semantics.turtle", f"{path} is not Turtle: {reason}") from None
    return graph


def _reason(error: BaseException, data: bytes) -> str:
    """What rdflib means: the line, where it says one, and what is wrong there."""
    said = " ".join(str(error).split())[:300]
    if found := _SYNTAX.search(said):
        return f"line {found[1]}: bad syntax ({found[2]})"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, IndexError):
        return f"line {len(data.rstrip().splitlines())}: the file ends within a statement"
    return said


@dataclass(slots=True)
class _Loader:
    terms: dict[str, Term] = field(default_factory=dict)
    concepts: set[str] = field(default_factory=set)
    notations: dict[str, dict[str, str]] = field(default_factory=dict)
    matches: dict[str, dict[str, str]] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def declare(self, graph: Graph, path: str) -> None:
        from rdflib import URIRef

        for kind in sorted(TERM_CLASSES):
            for subject in graph.subjects(URIRef(RDF + "type"), URIRef(kind)):
                if isinstance(subject, URIRef):
                    self._declare_term(graph, subject, kind, path)
        for concept, scheme in graph.subject_objects(URIRef(SKOS + "inScheme")):
            self.concepts.add(str(concept))
            for notation in graph.objects(concept, URIRef(SKOS + "notation")):
                self._declare_code(str(scheme), str(notation), str(concept), path)

    def _declare_term(self, graph: Graph, subject: Node, kind: str, path: str) -> None:
        iri = str(subject)
        known = self.terms.get(iri)
        kinds = frozenset({kind}) | (known.kinds if known else frozenset())
        labels = set(known.labels) if known else set()
        labels.update(_labels(graph, subject))
        file = min(path, known.file) if known else path
        self.terms[iri] = Term(iri, kinds, tuple(sorted(labels)), file)
        if kind == SKOS + "Concept":
            self.concepts.add(iri)

    def _declare_code(self, scheme: str, notation: str, concept: str, path: str) -> None:
        codes = self.notations.setdefault(scheme, {})
        if codes.setdefault(notation, concept) != concept:
            codes[notation] = min(codes[notation], concept)
            self.faults.append(Fault(path, scheme, f"two concepts have the notation {notation}"))

    def match(self, graph: Graph) -> None:
        for predicate, forward, backward in _MATCHES:
            for left, right in _pairs(graph, SKOS + predicate):
                if left in self.concepts and right in self.concepts and left != right:
                    self._match(left, right, forward)
                    self._match(right, left, backward)

    def take(self, reader: CellReader | TableReader) -> None:
        """Keep the cells of a file; those between two codes are matches of codes."""
        for cell in reader.cells():
            left, right = cell.sources[0][0], cell.target[0]
            ends = len(cell.sources) == len(cell.sources[0]) == len(cell.target) == 1
            if ends and left in self.concepts and right in self.concepts:
                forward, backward = _BOTH_WAYS[cell.relation]
                self._match(str(left), str(right), forward)
                self._match(str(right), str(left), backward)
            else:
                self.cells.append(cell)
        self.faults.extend(reader.faults)

    def _match(self, left: str, right: str, relation: str | None) -> None:
        if relation is None:
            return
        row = self.matches.setdefault(left, {})
        row[right] = "<" if row.get(right, relation) == "<" else relation

    def vocabulary(self, digest: str) -> Vocabulary:
        cells, faults = reconciled(self.cells)
        classes = {iri for iri, term in self.terms.items() if term.kinds & CLASS_KINDS}
        self.faults.extend(faults)
        self.faults.extend(_class_faults(cells, classes, self.terms))
        self.faults.extend(nearly_alike(cells, self.terms))
        return Vocabulary(
            digest=digest,
            terms=dict(sorted(self.terms.items())),
            cells=cells,
            notations={key: dict(sorted(row.items())) for key, row in self.notations.items()},
            matches={key: dict(sorted(row.items())) for key, row in self.matches.items()},
            faults=tuple(sorted(set(self.faults), key=lambda f: (f.file, f.where, f.detail))),
            borrowed=_borrowed(cells, self.terms),
            _by_target=by_target(cells),
        )


_BOTH_WAYS: Final = {"=": ("=", "="), "<": ("<", None), ">": (None, "<")}
_MATCHES: Final = (
    ("exactMatch", "=", "="),
    ("broadMatch", "<", None),
    ("narrowMatch", None, "<"),
)


def _pairs(graph: Graph, predicate: str) -> Iterable[tuple[str, str]]:
    from rdflib import URIRef

    for left, right in graph.subject_objects(URIRef(predicate)):
        yield str(left), str(right)


def _labels(graph: Graph, subject: Node) -> Iterable[tuple[str, str]]:
    from rdflib import Literal, URIRef

    for predicate in (RDFS + "label", SKOS + "prefLabel"):
        for label in graph.objects(subject, URIRef(predicate)):
            if isinstance(label, Literal):
                yield label.language or "", str(label)


def _borrowed(cells: Iterable[Cell], terms: Iterable[str]) -> frozenset[str]:
    owned = {namespace(term) for term in terms}
    return frozenset(iri for cell in cells for iri in named(cell) if namespace(iri) not in owned)


def _class_faults(
    cells: Iterable[Cell], classes: set[str], terms: Mapping[str, Term]
) -> Iterable[Fault]:
    for cell in cells:
        source, target = cell.sources[0][-1], cell.target[-1]
        if isinstance(source, str) and isinstance(target, str):
            both_known = source in terms and target in terms
            if both_known and (source in classes) != (target in classes):
                yield Fault(cell.file, cell.name, "it maps a class to a property")
