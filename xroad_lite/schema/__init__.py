"""Schemas: compiled, validated against, evolved; does not know registries, logs or transports.

JSON Schema (2020-12 and draft-07) and Avro. Bytes and parsed documents come in, values go out.
"""

from xroad_lite.schema.compiled import CompiledSchema, compile_schema
from xroad_lite.schema.evolution import Incompatibility, check_compatibility
from xroad_lite.schema.projection import missing_for_projection, project
from xroad_lite.schema.violations import Violation

__all__ = [
    "CompiledSchema",
    "Incompatibility",
    "Violation",
    "check_compatibility",
    "compile_schema",
    "missing_for_projection",
    "project",
]
