"""Reads sample data as a steward has it: a JSON array, lines of JSON, or CSV; infers nothing.

Values of CSV are texts: a column is read as numbers or truth values where all of it can be.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from xroad_lite import strict_json
from xroad_lite.errors import SchemaError

MAX_BYTES = 64 * 1_048_576
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,15})?")
_TRUTH = {"true": True, "false": False}


def read_samples(name: str, data: bytes) -> Iterator[Any]:
    """The samples of a file, by the ending of its name, else by its first character.

    ``SchemaError`` ``schema.samples`` names the line that cannot be read.
    """
    if len(data) > MAX_BYTES:
        raise _bad(f"{name} has {len(data):,} bytes: expected at most {MAX_BYTES:,}")
    ending = name.rpartition(".")[2].lower()
    if ending in ("csv", "tsv"):
        return _table(name, data, "\t" if ending == "tsv" else "")
    if ending in ("ndjson", "jsonl"):
        return _lines(name, data)
    start = data.lstrip()[:1]
    if start == b"[":
        return iter(_array(name, data))
    if start == b"{":
        return _lines(name, data) if _has_lines(data) else iter([_one(name, data)])
    return _table(name, data, "")


def _has_lines(data: bytes) -> bool:
    """Whether each line is an object, rather than one object over several lines."""
    first = data.strip().split(b"\n", 1)[0].rstrip()
    return first.startswith(b"{") and first.endswith(b"}")


def _one(name: str, data: bytes) -> Any:
    try:
        return strict_json.loads(data)
    except strict_json.StrictJSONError as error:
        raise _bad(f"{name}: {error}") from None


def _array(name: str, data: bytes) -> list[Any]:
    found = _one(name, data)
    if not isinstance(found, list):
        raise _bad(f"{name} is no JSON array")
    return found


def _lines(name: str, data: bytes) -> Iterator[Any]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            yield _one(f"{name}, line {number}", line)


def _table(name: str, data: bytes, delimiter: str) -> Iterator[dict[str, Any]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _bad(f"{name} is neither JSON nor UTF-8 text") from None
    head = text.partition("\n")[0]
    delimiter = delimiter or max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        names = next(rows, [])
        table = [row for row in rows if row]
    except csv.Error as error:
        raise _bad(f"{name}, line {rows.line_num}: {error}") from None
    if not names or len(set(names)) < len(names) or not all(names):
        raise _bad(f"{name}: the first line names the columns, each once: got {head[:80]!r}")
    readers = [_reader([row[at] for row in table if at < len(row)]) for at in range(len(names))]
    for number, row in enumerate(table, start=2):
        if len(row) > len(names):
            raise _bad(f"{name}: row {number} has {len(row)} values, expected {len(names)}")
        pairs = zip(names, readers, row, strict=False)
        yield {column: read(text) for column, read, text in pairs if text != ""}


def _reader(texts: list[str]) -> Any:
    given = [text for text in texts if text]
    if given and all(_INTEGER.fullmatch(text) for text in given):
        return int
    if given and all(_NUMBER.fullmatch(text) for text in given):
        return float
    if given and all(text in _TRUTH for text in given):
        return _TRUTH.__getitem__
    return str


def _bad(message: str) -> SchemaError:
    return SchemaError(
        "schema.samples",
        message,
        hint="give a JSON array, one JSON object a line, or CSV with a first line of names",
    )
