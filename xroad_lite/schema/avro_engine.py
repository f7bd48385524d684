"""Compiles Avro schemas; checks, reads and writes Avro bodies; does not explain what they mean.

Bodies are the plain binary encoding, without file header or schema: the message names its schema.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from xroad_lite.errors import SchemaError
from xroad_lite.schema.avro_forms import Forms, fill_defaults
from xroad_lite.schema.avro_projection import kept_of
from xroad_lite.schema.avro_scan import MAX_DEPTH, Scanner
from xroad_lite.schema.avro_types import AvroDocuments, AvroType
from xroad_lite.schema.avro_values import Checker
from xroad_lite.schema.avro_widths import check_widths
from xroad_lite.schema.limits import deeper_than
from xroad_lite.schema.projection import Fields
from xroad_lite.schema.violations import MAX_VIOLATIONS, Violation, shortened

_INNER = ("type", "items", "values", "fields")
_UNREADABLE = (ValueError, ArithmeticError, TypeError, LookupError, EOFError)


@dataclass(frozen=True, slots=True)
class AvroEngine:
    """Checks, reads and writes values of one Avro schema."""

    root: AvroType
    scanner: Scanner
    parsed: Any
    stored: Any
    """The same without logical types, so that each version applies its own."""

    def is_valid(self, value: Any) -> bool:
        """Whether the value breaks nothing."""
        return not deeper_than(value, MAX_DEPTH) and Checker().fits(self.root, value)

    def validate(self, value: Any) -> list[Violation]:
        """What the value breaks, at most 20 violations."""
        if deeper_than(value, MAX_DEPTH):
            message = f"the body nests deeper than {MAX_DEPTH} levels: no Avro body may"
            return [Violation("", "depth", message)]
        return list(islice(Checker().violations(self.root, value), MAX_VIOLATIONS))

    def decode(self, data: bytes) -> Any:
        """Read one value, exactly."""
        self.scanner.check(data)
        return self._read(data, self.parsed, None)

    def decode_from(self, data: bytes, writer: AvroEngine) -> Any:
        """Read a value written under another version, in the terms of this one."""
        writer.scanner.check(data)
        return Forms().restored(self.root, self._read(data, writer.stored, self.stored))

    def _read(self, data: bytes, writer: Any, reader: Any) -> Any:
        import fastavro
        from fastavro.read import SchemaResolutionError

        try:
            return fastavro.schemaless_reader(io.BytesIO(data), writer, reader)
        except (SchemaResolutionError, *_UNREADABLE) as error:
            raise SchemaError(
                "schema.not_avro" if reader is None else "schema.unresolvable",
                f"the body cannot be read: {shortened(str(error) or type(error).__name__)}",
                hint="check the reader's version against the writer's: they must be compatible",
            ) from None

    def encode(self, value: Any) -> bytes:
        """Write one value; fields that are missing are written with their defaults."""
        import fastavro

        found = self.validate(value)
        if found:
            raise SchemaError("schema.not_avro", f"the value cannot be written: {found[0]}")
        out = io.BytesIO()
        try:
            fastavro.schemaless_writer(out, self.parsed, Forms().datum(self.root, value))
        except _UNREADABLE as error:
            raise SchemaError(
                "schema.not_avro", f"the value cannot be written: {error or type(error).__name__}"
            ) from None
        return out.getvalue()

    def project(self, value: Any, fields: Sequence[str]) -> Any:
        """The value with only the allowed fields."""
        return kept_of(self.root, value, Fields.of(fields))

    def to_json(self, value: Any) -> Any:
        """A value as JSON for people."""
        return Forms().to_json(self.root, value)

    def from_json(self, value: Any) -> Any:
        """The value that JSON for people means."""
        return value if deeper_than(value, MAX_DEPTH) else Forms().from_json(self.root, value)


def compile_avro(document: Any, resources: Mapping[str, Any]) -> AvroEngine:
    """Check an Avro schema and make it ready for bodies."""
    documents = AvroDocuments(resources)
    root = documents.read(document)
    check_widths(root)
    fill_defaults(root)
    plain = [_without_logical(document) for document in documents.order]
    return AvroEngine(
        root,
        Scanner(root),
        _parsed(documents.order, documents.named),
        _parsed(plain, documents.named),
    )


def _without_logical(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_logical(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {word: value for word, value in schema.items() if word != "logicalType"}
    inner = {word: _without_logical(kept[word]) for word in _INNER if word in kept}
    return kept | inner


def _give_values(parsed: Any, named: Mapping[str, AvroType]) -> None:
    """Defaults as values, since fastavro hands out what stands in the schema: text for bytes."""
    pending = [parsed]
    while pending:
        schema = pending.pop()
        if isinstance(schema, list):
            pending.extend(schema)
        elif isinstance(schema, dict):
            pending.extend(schema[word] for word in ("type", "items", "values") if word in schema)
            of = named.get(str(schema.get("name")))
            for item in schema.get("fields", ()):
                pending.append(item["type"])
                if of is not None and "default" in item and item["name"] in of.fields:
                    item["default"] = of.fields[item["name"]].value


def _parsed(documents: list[Any], types: Mapping[str, AvroType]) -> Any:
    """The last of the documents as fastavro knows it, with the names of those before."""
    import fastavro
    from fastavro.schema import SchemaParseException

    named: dict[str, Any] = {}
    parsed: Any = None
    try:
        for document in documents:
            parsed = fastavro.parse_schema(document, named, _force=True, _ignore_default_error=True)
            _give_values(parsed, types)
    except (SchemaParseException, *_UNREADABLE) as error:
        raise SchemaError("schema.invalid", f"the schema is no Avro: {error}") from None
    return parsed
