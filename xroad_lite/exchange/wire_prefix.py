"""Confluent's wire prefix before a body: 0x00, and the schema's number in 4 bytes, big-endian.

Does not ask where the number is from: ``registry.schema_ids`` derives it from the schema.
"""

from __future__ import annotations

from typing import Any

from xroad_lite.errors import SchemaError
from xroad_lite.registry import SchemaVersion
from xroad_lite.schema import CompiledSchema

MARK = b"\0"
PREFIX_NOT_ASKED = "schema.prefix_not_asked"
"""The code where a body has the prefix and its subscription did not ask for it."""
_BYTES = 5


def wire_prefix(version: SchemaVersion) -> bytes:
    """The 5 bytes that Confluent's serializers put before bodies of a schema version."""
    return MARK + version.id.to_bytes(4)


def decode_marked(
    compiled: CompiledSchema, version: SchemaVersion, body: bytes, *, asked: bool
) -> Any:
    """Read a body that begins with 0x00: behind its prefix, or whole, since Avro may begin so too.

    ``SchemaError`` ``schema.prefix_not_asked`` where the prefix is there and was not asked for.
    What can be read neither way says which number was got and which expected.
    """
    if body[:_BYTES] == wire_prefix(version):
        if asked:
            return compiled.decode(body[_BYTES:])
        raise SchemaError(
            PREFIX_NOT_ASKED,
            f"the body begins with Confluent's wire prefix, 0x00 and the number {version.id} of "
            f"{version.iri}: expected the body alone",
            hint="subscribe with confluent_prefix=True, or send the body without prefix",
        )
    try:
        return compiled.decode(body)
    except SchemaError as error:
        if len(body) < _BYTES:
            raise
        number = int.from_bytes(body[1:_BYTES])
        raise SchemaError(
            error.code,
            f"{error.message}; read as Confluent's wire prefix, it begins with the schema number "
            f"{number}: expected {version.id}, of {version.iri}",
            hint="serialize with the very schema version that the seal names",
        ) from None
