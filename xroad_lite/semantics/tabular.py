"""Reads SSSOM mappings in TSV, each row a cell, each fault with its row. Does not fetch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics.cells import SHORTHAND
from xroad_lite.semantics.names import OWL, RDFS, SKOS
from xroad_lite.semantics.values import Cell, Fault

_COLUMNS: Final = ("subject_id", "predicate_id", "object_id")
_KNOWN_PREFIXES: Final[Mapping[str, str]] = {"skos": SKOS, "owl": OWL, "rdfs": RDFS}


@dataclass(slots=True)
class TableReader:
    """One SSSOM file: a header of comment lines with the ``curie_map``, then a table."""

    text: str
    file: str
    prefixes: dict[str, str] = field(default_factory=lambda: dict(_KNOWN_PREFIXES))
    faults: list[Fault] = field(default_factory=list)

    def cells(self) -> Iterator[Cell]:
        """A cell for every row with a relation; ``confidence`` is its measure."""
        lines = self.text.splitlines()
        self._read_header([line[1:] for line in lines if line.startswith("#")])
        rows = [line for line in lines if line.strip() and not line.startswith("#")]
        names = rows[0].split("\t") if rows else []
        if missing := [name for name in _COLUMNS if name not in names]:
            raise SemanticsError(
                "semantics.sssom", f"{self.file} lacks the columns {', '.join(missing)}"
            )
        for number, line in enumerate(rows[1:], 1):
            row = dict(zip(names, line.split("\t"), strict=False))
            if (cell := self._cell(row, f"row {number}")) is not None:
                yield cell

    def _read_header(self, lines: list[str]) -> None:
        inside = False
        for line in lines:
            name, _, value = line.strip().partition(":")
            if not value.strip():
                inside = name == "curie_map"
            elif inside and line[:1] in " \t":
                self.prefixes[name.strip()] = value.strip().strip("\"'")

    def _cell(self, row: Mapping[str, str], name: str) -> Cell | None:
        subject, predicate, target = (self._iri(row.get(key, "")) for key in _COLUMNS)
        measure = _confidence(row)
        reason, severity = "", "note"
        if row.get("predicate_modifier", "").strip():
            reason = "the row negates its relation"
        elif predicate is not None and predicate not in SHORTHAND:
            reason = f"{row['predicate_id']} never composes"
        elif measure is None:
            reason, severity = "confidence does not lie between 0 and 1", "wrong"
        elif subject is None or predicate is None or target is None:
            reason, severity = "an identifier is empty or has an undeclared prefix", "wrong"
        if reason or not (subject and predicate and target) or measure is None:
            self.faults.append(Fault(self.file, name, f"{reason}; the row is not used", severity))
            return None
        title = f"{row['subject_id']} {row['predicate_id']} {row['object_id']}"
        relation = SHORTHAND[predicate]
        return Cell(title, ((subject,),), (target,), relation, measure=measure, file=self.file)

    def _iri(self, text: str) -> str | None:
        text = text.strip()
        prefix, colon, rest = text.partition(":")
        if prefix in self.prefixes and not rest.startswith("//"):
            return self.prefixes[prefix] + rest
        return text if colon and rest.startswith("//") else None


def _confidence(row: Mapping[str, str]) -> float | None:
    try:
        measure = float(row.get("confidence") or 1.0)
    except ValueError:
        return None
    return measure if 0.0 <= measure <= 1.0 else None
