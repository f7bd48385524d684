"""Whether one JSON Schema reads all that another writes, with reasons; sound, not complete.

Where it finds nothing there is no body that the writer's schema accepts and the reader's refuses.
The rules stand in docs/compatibility.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xroad_lite import strict_json
from xroad_lite.schema.evolution.explaining import Explainer
from xroad_lite.schema.evolution.findings import Incompatibility
from xroad_lite.schema.evolution.formulas import ANYTHING
from xroad_lite.schema.evolution.modes import Question
from xroad_lite.schema.evolution.proof import Prover
from xroad_lite.schema.evolution.reading import ANNOTATIONS, Reader
from xroad_lite.schema.json_engine import compile_json
from xroad_lite.schema.references import Documents


@dataclass(slots=True)
class JSONCheck:
    """Answers several questions about the same documents, each compiled and read once."""

    resources: Mapping[str, Any]
    _reader: Reader = field(default_factory=Reader)
    _compiled: dict[int, tuple[Any, Documents]] = field(default_factory=dict)

    def __call__(self, question: Question) -> list[Incompatibility]:
        """What the reader refuses of what the writer may write."""
        reader = self._documents(question.reader)
        if _text(question.reader) == _text(question.writer):
            return []
        return _compared(question, reader, self._documents(question.writer), self._reader)

    def _documents(self, document: Any) -> Documents:
        if id(document) not in self._compiled:
            found = compile_json(document, self.resources).marks.documents
            self._compiled[id(document)] = (document, found)  # kept, so that its id stays its own
        return self._compiled[id(document)][1]


def _compared(
    question: Question, reader: Documents, writer: Documents, schemas: Reader
) -> list[Incompatibility]:
    prover = Prover(schemas)
    wide = prover.reader.number(reader.root, reader)
    narrow = prover.reader.number(writer.root, writer)
    explainer = Explainer(prover, question.reader_name, question.writer_name)
    explainer.explain(frozenset((narrow,)), wide, ())
    if not explainer.found:
        _check_untyped(explainer, question, narrow)
    if not explainer.found:
        _check_satisfiable(explainer, {wide: question.reader, narrow: question.writer})
    return explainer.found


def _text(document: Any) -> bytes:
    try:
        return strict_json.canonical(document)
    except TypeError:  # integers beyond 64 bits
        return repr(document).encode()


def _check_untyped(explainer: Explainer, question: Question, narrow: int) -> None:
    """A reader that says nothing stands for an open object, and cannot replace another type."""
    if _says_nothing(question.reader) and not _says_nothing(question.writer):
        objects = explainer.prover.reader.made({"type": "object"})
        if not explainer.covers(frozenset((narrow,)), objects):
            explainer.add("untyped", (), None)


def _says_nothing(document: Any) -> bool:
    if isinstance(document, bool):
        return document
    return all(word in ANNOTATIONS or word.startswith("x-") for word in document)


def _check_satisfiable(explainer: Explainer, documents: Mapping[int, Any]) -> None:
    """A schema that accepts nothing, and does not say so with ``false``, is a mistake."""
    for number, document in documents.items():
        if document is not False and explainer.covers(frozenset((number,)), -ANYTHING):
            explainer.add("unsatisfiable", (), None)
            return
