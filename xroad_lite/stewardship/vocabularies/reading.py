"""Reads vocabularies and mappings file by file, so that one fault hides no other. Judges nothing.

No import is followed and no address is opened: what is not in the files is not known.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics.lexicon import Entry, entries
from xroad_lite.semantics.names import OWL, RDF, short
from xroad_lite.semantics.reconcile import namespace
from xroad_lite.semantics.vocabulary import (
    MAX_BYTES,
    Vocabulary,
    load_vocabulary,
    parsed,
    vocabulary_of,
)
from xroad_lite.stewardship.checking.findings import Finding, Severity

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

FOLDER: Final = "vocabularies/"
DCT_TITLE: Final = "http://purl.org/dc/terms/title"
_SUFFIXES: Final = (".ttl", ".tsv")
_MAX_MESSAGE: Final = 500
_LINE: Final = re.compile(r": line (\d+): ")
_PREFIX: Final = re.compile(rb"^(?:@prefix|PREFIX)[ \t]+([\w-]*):[ \t]*<([^>\s]*)>", re.M | re.I)
_SUBJECT: Final = re.compile(rb"^(?:<([^>\s]*)>|([\w-]*):([^\s;,]+))(?=\s)", re.M)


@dataclass(frozen=True)  # not slotted: what is asked for is made once, then kept
class Words:
    """Vocabularies and mappings by path: their bytes, graphs, and all of them as one vocabulary.

    ``broken`` has a finding for each file that could not be read; the others are here.
    """

    files: Mapping[str, bytes] = field(repr=False)
    graphs: Mapping[str, Graph] = field(repr=False)
    vocabulary: Vocabulary = field(repr=False)
    broken: tuple[Finding, ...] = ()
    _lines: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

    @cached_property
    def entries(self) -> dict[str, tuple[Entry, ...]]:
        """What each file says of a term, by IRI."""
        found: dict[str, list[Entry]] = defaultdict(list)
        for path, graph in self.graphs.items():
            for one in entries(graph, path):
                found[one.iri].append(one)
        return {iri: tuple(said) for iri, said in found.items()}

    @cached_property
    def titles(self) -> dict[str, tuple[str, frozenset[str]]]:
        """The file and the languages of the title of each vocabulary, by IRI."""
        from rdflib import Literal, URIRef

        return {
            str(one): (
                path,
                frozenset(
                    title.language or ""
                    for title in graph.objects(one, URIRef(DCT_TITLE))
                    if isinstance(title, Literal)
                ),
            )
            for path, graph in self.graphs.items()
            for one in graph.subjects(URIRef(RDF + "type"), URIRef(OWL + "Ontology"))
        }

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages in which the vocabularies have titles; if none has, those of labels."""
        spoken = {tag for _, tags in self.titles.values() for tag in tags if tag}
        if not spoken:
            labels = (tag for one in self.vocabulary.terms.values() for tag, _ in one.labels)
            spoken = {tag for tag in labels if tag}
        return tuple(sorted(spoken))

    @cached_property
    def spaces(self) -> frozenset[str]:
        """The namespaces that belong to vocabularies here: a term in them must be declared."""
        return frozenset(map(namespace, self.vocabulary.terms))

    def finding(
        self,
        path: str,
        code: str,
        iri: str,
        message: str,
        severity: Severity = "wrong",
        hint: str = "",
    ) -> Finding:
        """A finding about a term in a file, with the line on which the term is declared."""
        line = self._lines_of(path).get(iri, 0)
        return Finding(
            path,
            f"semantics.{code}",
            message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]}…",
            severity,
            hint,
            near="" if line else short(iri),
            line=line,
            column=1 if line else 0,
        )

    def _lines_of(self, path: str) -> dict[str, int]:
        if path not in self._lines:
            self._lines[path] = _subjects(self.files.get(path, b""))
        return self._lines[path]


def read_words(files: Mapping[str, bytes]) -> Words:
    """Read the files below ``vocabularies/``; files that are no Turtle or SSSOM are ``broken``."""
    wanted = {p: data for p, data in files.items() if p.startswith(FOLDER)}
    wanted = {p: data for p, data in sorted(wanted.items()) if p.endswith(_SUFFIXES)}
    total = sum(map(len, wanted.values()))
    if total > MAX_BYTES:
        message = f"the vocabularies have {total:,} bytes: expected at most {MAX_BYTES:,}"
        fault = Finding(FOLDER, "semantics.too_large", message, hint="leave out what is not used")
        return Words({}, {}, load_vocabulary({}), (fault,))
    return _read(tuple(wanted.items()))


@lru_cache(maxsize=1)  # a source is checked again and again while something else in it changes
def _read(wanted: tuple[tuple[str, bytes], ...]) -> Words:
    graphs: dict[str, Graph] = {}
    broken: dict[str, Finding] = {}
    for path, data in wanted:
        try:
            if path.endswith(".ttl"):
                with _quiet():
                    graphs[path] = parsed(path, data)
            else:
                load_vocabulary({path: data})
        except SemanticsError as error:
            broken[path] = _refused(path, error)
    good = {path: data for path, data in wanted if path not in broken}
    return Words(good, graphs, vocabulary_of(good, graphs), tuple(broken.values()))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what rdflib prints of odd values: they are found, see ``odd_values``."""
    logger = logging.getLogger("rdflib.term")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _refused(path: str, error: SemanticsError) -> Finding:
    message = error.message.removeprefix(f"{path} ")
    found = _LINE.search(message)
    line = int(found[1]) if found else 0
    return Finding(
        path,
        error.code,
        _LINE.sub(": ", message, count=1),
        hint=error.hint,
        line=line,
        column=1 if line else 0,
    )


def _subjects(data: bytes) -> dict[str, int]:
    """The line on which each term stands at the beginning, as files are usually written."""
    prefixes = dict(_PREFIX.findall(data))
    found: dict[str, int] = {}
    line, end = 1, 0
    for match in _SUBJECT.finditer(data):
        line += data.count(b"\n", end, match.start())
        end = match.start()
        iri, prefix, local = match.groups()
        whole = iri if iri is not None else prefixes.get(prefix, prefix + b":") + local
        found.setdefault(whole.decode("utf-8", "replace"), line)
    return found


def iris(nodes: Iterable[Node]) -> Iterable[str]:
    """The IRIs among some nodes of a graph."""
    from rdflib import URIRef

    return (str(node) for node in nodes if isinstance(node, URIRef))
