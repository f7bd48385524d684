"""A schema made ready to check, read and write bodies; does not know where schemas are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from xroad_lite.schema.violations import Violation

if TYPE_CHECKING:
    from xroad_lite.schema.avro_engine import AvroEngine
    from xroad_lite.schema.json_engine import JSONEngine

Kind = Literal["json", "avro"]


@dataclass(frozen=True, slots=True)
class CompiledSchema:
    """A checked schema with the means to check bodies; safe to share between threads."""

    kind: Kind
    content_type: str
    document: Any
    _engine: JSONEngine | AvroEngine = field(repr=False, compare=False)

    def validate(self, value: Any) -> list[Violation]:
        """What the value breaks, at most 20 violations; empty when it is valid."""
        return self._engine.validate(value)

    def is_valid(self, value: Any) -> bool:
        """Whether the value breaks nothing: the fast answer, without reasons."""
        return self._engine.is_valid(value)

    def decode(self, data: bytes) -> Any:
        """Read a body's bytes into a value, without validating it.

        ``SchemaError`` with ``schema.not_json`` or ``schema.not_avro`` where they cannot be read.
        """
        return self._engine.decode(data)

    def encode(self, value: Any) -> bytes:
        """The bytes of a body; ``SchemaError`` where the value cannot be written."""
        return self._engine.encode(value)

    def decode_from(self, data: bytes, writer: CompiledSchema) -> Any:
        """Read a body that was written under another version, in the terms of this one.

        In Avro what the writer lacks takes this schema's defaults, what this schema lacks is left
        out, names follow aliases (specification, "Schema Resolution"); ``schema.unresolvable``
        where the two do not go together. JSON is read as it stands.
        """
        if writer.kind != self.kind:
            raise ValueError(f"a body of kind {writer.kind} cannot be read as {self.kind}")
        return self._engine.decode_from(data, cast("Any", writer._engine))

    def project(self, value: Any, fields: Sequence[str]) -> Any:
        """The value with only the allowed fields: ``project`` without reading the schema anew."""
        return self._engine.project(value, fields)

    def to_json(self, value: Any) -> Any:
        """A value as JSON for people: in Avro dates and decimals become text, bytes base64."""
        return self._engine.to_json(value)

    def from_json(self, value: Any) -> Any:
        """The value that JSON for people means; what cannot be converted stays, for validation."""
        return self._engine.from_json(value)


_KINDS = {
    "json-schema": "json",
    "jsonschema": "json",
    "json": "json",
    "avro": "avro",
    "avsc": "avro",
}


def compile_schema(
    document: Any, kind: str, *, resources: Mapping[str, Any] | None = None
) -> CompiledSchema:
    """Check a schema and make it ready; ``kind`` is ``json`` or ``avro``, or a name for these.

    ``resources`` are the other files of the registry that it may refer to, by the IRI or path that
    a ``$ref`` names (Avro: by any name; the types they define count). Nothing else is looked up.
    ``SchemaError`` says what is wrong with the schema, ``ValueError`` that the kind is unknown.
    """
    kind = _KINDS.get(kind.lower(), kind)
    if kind == "json":
        from xroad_lite.schema.json_engine import compile_json

        return CompiledSchema(
            "json", "application/json", document, compile_json(document, resources or {})
        )
    if kind == "avro":
        from xroad_lite.schema.avro_engine import compile_avro

        return CompiledSchema(
            "avro", "avro/binary", document, compile_avro(document, resources or {})
        )
    raise ValueError(f"unknown kind of schema {kind!r}: expected 'json' or 'avro'")
