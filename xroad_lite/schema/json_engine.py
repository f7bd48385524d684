"""Compiles JSON Schema and checks JSON bodies with it; does not explain what a schema means.

The hot path is jsonschema-rs. Its patterns run on an engine of linear time, so that no body can
make a pattern run for hours; look-around and back references,
which no such engine has, are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from xroad_lite import strict_json
from xroad_lite.errors import SchemaError
from xroad_lite.schema.dialects import URIS
from xroad_lite.schema.expansion import work_of
from xroad_lite.schema.personal import Marks
from xroad_lite.schema.pointers import pointer
from xroad_lite.schema.projection import Fields, kept
from xroad_lite.schema.references import BASE, Documents, Place
from xroad_lite.schema.sentences import View, explained, violation
from xroad_lite.schema.violations import MAX_VIOLATIONS, Violation
from xroad_lite.schema.work import Work

if TYPE_CHECKING:
    import jsonschema_rs

MAX_PATTERNS = 1000
_TOO_MUCH = Violation(
    "",
    "work",
    "got a body that the schema would have to check in millions of ways: expected it to nest less",
)
_PATTERN_MEMORY = 64 << 20


@dataclass(frozen=True, slots=True)
class JSONEngine:
    """Checks values against one JSON Schema."""

    validator: jsonschema_rs.Validator
    marks: Marks
    work: Work | None

    def is_valid(self, value: Any) -> bool:
        """Whether the value breaks nothing."""
        if self.work is not None and self.work.is_too_much(value):
            return False
        return self.validator.is_valid(value)

    def validate(self, value: Any) -> list[Violation]:
        """What the value breaks, at most 20 violations."""
        try:
            if self.is_valid(value):
                return []
        except (ValueError, TypeError, RecursionError) as error:
            return [Violation("", "json", f"this is no JSON value: {error}")]
        if self.work is not None and self.work.is_too_much(value):
            return [_TOO_MUCH]
        errors = islice(self.validator.iter_errors(value), MAX_VIOLATIONS)
        return [violation(error, value, self.marks) for error in errors]

    def decode(self, data: bytes) -> Any:
        """Parse strict JSON."""
        try:
            return strict_json.loads(data)
        except strict_json.StrictJSONError as error:
            raise SchemaError(
                "schema.not_json",
                f"the body cannot be read: {error}",
                hint="send UTF-8 JSON without repeated keys (RFC 7493)",
            ) from None

    def encode(self, value: Any) -> bytes:
        """Write compact JSON."""
        try:
            return strict_json.dumps(value)
        except strict_json.StrictJSONError as error:
            raise SchemaError("schema.not_json", f"the value {error}") from None

    def decode_from(self, data: bytes, writer: JSONEngine) -> Any:
        """Read bytes of another version: in JSON they are read alike."""
        return writer.decode(data)

    def project(self, value: Any, fields: Sequence[str]) -> Any:
        """The value with only the allowed fields."""
        return kept(value, Fields.of(fields))

    def to_json(self, value: Any) -> Any:
        """The value itself."""
        return value

    def from_json(self, value: Any) -> Any:
        """The value itself."""
        return value


def compile_json(document: Any, resources: Mapping[str, Any]) -> JSONEngine:
    """Check a JSON Schema, its metaschema, references and cost; make its validator."""
    if not isinstance(document, dict | bool):
        raise SchemaError(
            "schema.invalid", "a JSON Schema is an object, true or false: got something else"
        )
    documents = Documents(document, resources)
    _check_metaschema(documents.root)
    work = work_of(documents)
    validator = _validator(documents)
    return JSONEngine(validator, Marks(documents), work)


def _validator(documents: Documents) -> jsonschema_rs.Validator:
    import jsonschema_rs

    used = [(uri, place) for uri, place in documents.files.items() if uri]
    for _, place in used:
        _check_metaschema(place)
    if documents.patterns > MAX_PATTERNS:
        raise SchemaError(
            "schema.too_large",
            f"the schema has {documents.patterns:,} patterns: expected at most {MAX_PATTERNS:,}",
        )
    limit = max(1 << 16, min(1 << 20, _PATTERN_MEMORY // max(1, documents.patterns)))
    try:
        return jsonschema_rs.validator_for(
            _with_dialect(documents.root),
            validate_formats=True,
            registry=jsonschema_rs.Registry([(uri, _with_dialect(place)) for uri, place in used]),
            base_uri=BASE,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=limit, dfa_size_limit=limit),
            offline=True,
        )
    except jsonschema_rs.ValidationError as error:
        raise _invalid(error) from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise SchemaError("schema.invalid", f"the schema cannot be compiled: {error}") from None


def _check_metaschema(place: Place) -> None:
    """Check against the standard's own metaschema; a registry's may only leave keywords out."""
    import jsonschema_rs

    if isinstance(place.schema, bool):
        return
    try:
        jsonschema_rs.meta.validate({**place.schema, "$schema": URIS[place.draft]})
    except jsonschema_rs.ValidationError as error:
        raise _invalid(error) from None
    except ValueError as error:
        raise SchemaError("schema.invalid", f"the schema cannot be read: {error}") from None


def _with_dialect(place: Place) -> Any:
    if isinstance(place.schema, bool) or "$schema" in place.schema:
        return place.schema
    return {"$schema": URIS[place.draft], **place.schema}


def _invalid(error: jsonschema_rs.ValidationError) -> SchemaError:
    at = pointer(error.instance_path) or "its root"
    if error.kind.name == "format" and error.kind.as_dict().get("format") == "regex":
        return SchemaError(
            "schema.pattern",
            f"the pattern {str(error.instance)[:80]!r} at {at} cannot be compiled in linear time",
            hint="leave out look-ahead, look-behind and back references, and repeat less",
        )
    reason = explained(error, View(lambda e: e.instance, lambda _: False))
    return SchemaError(
        "schema.invalid",
        f"the schema is wrong at {at}: {reason}",
        hint="see https://json-schema.org/draft/2020-12 for what each keyword takes",
    )
