"""Files of CSV, NDJSON and XML as rows, in bounded memory; a bad row does not spoil the others.

XML may hold no document type, so there are no entities to expand or fetch. Does not publish.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO
from xml.parsers import expat

from xroad_lite import strict_json
from xroad_lite.errors import ConfigurationError, RejectedError

MAX_LINE = 1_048_576
"""Bytes of a line, and characters of the text of an XML row: beyond them a file is refused."""
_MAX_DEPTH = 64
_CHUNK = 65_536
OURS = "#"
"""Columns whose names begin so are not read: the reasons beside bad rows are written in them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it begins at, its values by name, and what is wrong with it, if anything.

    Of XML, an element is its text, or a dict of its children and attributes (``@name``, its own
    text ``#``), or a list where several of one name stand together.
    """

    line: int
    values: dict[str, Any]
    problem: str | None = None


def read_rows(
    stream: BinaryIO,
    form: str,
    *,
    encoding: str = "utf-8",
    separator: str = ",",
    element: str | None = None,
) -> Iterator[Row]:
    """The rows of a file: ``csv`` with a header, ``ndjson``, or ``xml`` with a row per ``element``.

    An empty field of CSV is None. ``encoding`` is for CSV alone: JSON is UTF-8, XML says it itself.
    Where the rest of the file cannot be read, a last row says why.
    """
    if form == "csv":
        rows = _csv(stream, encoding, separator)
    elif form == "ndjson":
        rows = _ndjson(stream)
    elif form == "xml" and element is not None:
        rows = _xml(stream, element)
    else:
        text = f"got {form} with element {element}: expected csv, ndjson, or xml with an element"
        raise ConfigurationError("config.form", text)
    return _to_the_end(rows)


def write_faults(faults: Sequence[Row], form: str, *, separator: str = ",") -> tuple[str, str]:
    """Rows with their problems as text, and its form: ``csv`` for CSV, else ``ndjson``.

    Lines and problems stand in columns that are not read: a corrected file can be read as it is.
    """
    rows = [{"#line": one.line, "#reason": one.problem} | one.values for one in faults]
    if form != "csv":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "ndjson"
    text = io.StringIO(newline="")
    header = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, header, delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue(), "csv"


def _to_the_end(rows: Iterator[Row]) -> Iterator[Row]:
    last = 0
    try:
        for row in rows:
            last = row.line
            yield row
    except RejectedError as error:
        yield Row(last, {}, f"{error}; what follows this line was not read")


def _csv(stream: BinaryIO, encoding: str, separator: str) -> Iterator[Row]:
    encoding = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    text = io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline="")
    reader = csv.reader(_lines(text.readline), delimiter=separator, strict=True)
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise RejectedError("rows.header", f"the header cannot be read: {error}") from None
    if header is None:
        return
    if len(set(header)) != len(header):
        raise RejectedError("rows.header", f"a column stands twice in the header: {header}")
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            yield Row(line, {}, str(error))
            continue
        if fields is None:
            return
        if fields:
            yield _csv_row(line, header, fields, encoding)


def _csv_row(line: int, header: list[str], fields: list[str], encoding: str) -> Row:
    values = {
        name: value or None
        for name, value in zip(header, fields, strict=False)
        if not name.startswith(OURS)
    }
    problem = None
    if len(fields) != len(header):
        problem = f"the row has {len(fields)} fields: the header has {len(header)}"
    elif any("\udc80" <= letter <= "\udcff" for value in fields for letter in value):
        problem = f"the row is not {encoding.removesuffix('-sig')} text"
        values = {name: value and _shown(value) for name, value in values.items()}
    return Row(line, values, problem)


def _shown(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _ndjson(stream: BinaryIO) -> Iterator[Row]:
    for number, line in enumerate(_lines(stream.readline), 1):
        if not line.strip():
            continue
        try:
            value = strict_json.loads(line)
        except strict_json.StrictJSONError as error:
            yield Row(number, {"": line.decode("utf-8", "backslashreplace")}, str(error))
            continue
        if isinstance(value, dict):
            yield Row(number, {name: one for name, one in value.items() if name[:1] != OURS})
        else:
            yield Row(number, {"": value}, "expected a JSON object")


def _lines(readline: Callable[[int], Any]) -> Iterator[Any]:
    while line := readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise RejectedError("rows.line", f"a line is longer than {MAX_LINE} bytes")
        yield line


def _xml(stream: BinaryIO, element: str) -> Iterator[Row]:
    reader = _XmlReader(element)
    try:
        while chunk := stream.read(_CHUNK):
            reader.parser.Parse(chunk, False)
            yield from reader.taken()
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        yield from reader.taken()
        raise RejectedError("rows.xml", f"not well-formed XML: {error}") from None
    yield from reader.taken()


class _XmlReader:
    """Takes rows out of a stream of XML events; names are local names, attributes begin with @."""

    def __init__(self, element: str) -> None:
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.CharacterDataHandler = self._text
        self.parser.EndElementHandler = self._end
        self._element = element
        self._depth = self._size = self._line = 0
        self._open: list[tuple[str, dict[str, list[Any]], list[str]]] = []
        self._rows: list[Row] = []

    def taken(self) -> list[Row]:
        """The rows that have ended since this was last asked."""
        rows, self._rows = self._rows, []
        return rows

    @staticmethod
    def _refuse(*_: object) -> None:
        raise RejectedError("rows.doctype", "a document type is declared: expected XML without one")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition("}")[2]
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise RejectedError("rows.depth", f"nested deeper than {_MAX_DEPTH} elements")
        if not self._open and local != self._element:
            return
        if not self._open:
            self._size, self._line = 0, self.parser.CurrentLineNumber
        named = {f"@{one.rpartition('}')[2]}": [value] for one, value in attributes.items()}
        self._open.append((local, named, []))
        self._grow(len(name) + sum(map(len, attributes.values())))

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1][2].append(text)
            self._grow(len(text))

    def _grow(self, by: int) -> None:
        self._size += by
        if self._size > MAX_LINE:
            raise RejectedError("rows.line", f"a row is longer than {MAX_LINE} characters")

    def _end(self, _: str) -> None:
        self._depth -= 1
        if not self._open:
            return
        local, children, text = self._open.pop()
        content = "".join(text).strip() or None
        if children and content:
            children["#"] = [content]
        value = {name: many if many[1:] else many[0] for name, many in children.items()}
        if self._open:
            self._open[-1][1].setdefault(local, []).append(value or content)
        else:
            self._rows.append(Row(self._line, value))
