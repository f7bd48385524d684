"""The words for each kind of change to a JSON Schema; decides nothing."""

from __future__ import annotations

from typing import Any

from xroad_lite.schema.violations import shortened

CHANGES = {
    "type": "type_narrowed",
    "enum": "values_removed",
    "const": "values_removed",
    "required": "field_required",
    "dependentRequired": "field_required",
    "dependentSchemas": "dependency_added",
    "dependencies": "dependency_added",
    "additionalProperties": "fields_closed",
    "unevaluatedProperties": "fields_closed",
    "patternProperties": "fields_narrowed",
    "propertyNames": "names_narrowed",
    "minProperties": "size_narrowed",
    "maxProperties": "size_narrowed",
    "minItems": "size_narrowed",
    "maxItems": "size_narrowed",
    "uniqueItems": "items_narrowed",
    "items": "items_narrowed",
    "prefixItems": "items_narrowed",
    "additionalItems": "items_narrowed",
    "unevaluatedItems": "items_narrowed",
    "contains": "items_narrowed",
    "minLength": "length_narrowed",
    "maxLength": "length_narrowed",
    "pattern": "pattern_changed",
    "format": "format_changed",
    "contentEncoding": "format_changed",
    "contentMediaType": "format_changed",
    "minimum": "range_narrowed",
    "maximum": "range_narrowed",
    "exclusiveMinimum": "range_narrowed",
    "exclusiveMaximum": "range_narrowed",
    "multipleOf": "range_narrowed",
    "anyOf": "alternatives_narrowed",
    "oneOf": "alternatives_narrowed",
    "not": "excluded",
    "if": "condition_added",
    "closed": "field_forbidden",
    "untyped": "type_dropped",
    "unsatisfiable": "nothing_allowed",
    "undecided": "undecided",
}
ADVICE = {
    "type_narrowed": "Keep the old type as an alternative, or add a new field of the new type.",
    "values_removed": "Keep the old values, and mark them as deprecated in the description.",
    "field_required": "Leave the field optional, and give readers a default.",
    "dependency_added": "Leave the dependent fields optional.",
    "fields_closed": "Leave additional fields allowed, or declare those that are in use.",
    "fields_narrowed": "Leave the pattern as it was, or use another prefix for the new fields.",
    "names_narrowed": "Leave the names as they were.",
    "size_narrowed": "Leave the bounds as wide as they were.",
    "items_narrowed": "Leave the items as they were, or add a new field for the new kind.",
    "length_narrowed": "Leave the lengths as wide as they were.",
    "pattern_changed": "Leave the pattern, or write one that accepts all old texts too.",
    "format_changed": "Leave the format, or add a new field with the new one.",
    "range_narrowed": "Leave the range as wide as it was.",
    "alternatives_narrowed": "Keep every alternative, and make them exclude each other.",
    "excluded": "Leave out what the new version excludes, or exclude less.",
    "condition_added": "Leave the condition out, or make what it asks for optional.",
    "field_forbidden": "Leave the field allowed, and mark it as deprecated.",
    "type_dropped": "State the type: a schema that says nothing stands for an open object.",
    "nothing_allowed": "Write false if nothing is to be accepted; else remove the contradiction.",
    "undecided": "Simplify the alternatives, or register the version as a new subject.",
    "schema_changed": "Widen this part again, or register the version as a new subject.",
}
_MESSAGES = {
    "required": "{writer} may leave out the field {value}, which {reader} requires",
    "additionalProperties": "{writer} may hold fields that {reader} does not allow",
    "unevaluatedProperties": "{writer} may hold fields that {reader} does not allow",
    "closed": "{writer} may hold a value here, where {reader} allows none",
    "schema": "{writer} may hold values here that {reader} refuses",
    "type": "{writer} may hold other types than {value}, the only ones that {reader} accepts",
    "enum": "{writer} may hold other values than {value}, the only ones that {reader} accepts",
    "const": "{writer} may hold other values than {value}, the only one that {reader} accepts",
    "not": "{writer} may hold values that {reader} excludes",
    "anyOf": "{writer} may hold values that fit none of the alternatives of {reader}",
    "oneOf": "{writer} may hold values that fit none, or several, of the alternatives of {reader}",
    "if": "{writer} may hold values that fail the condition of {reader}",
    "untyped": "{reader} says nothing, and so stands for an open object, but {writer} may hold "
    "something that is no object",
    "unsatisfiable": "no value at all fits {reader} or {writer}, though neither is plain false",
    "undecided": "{reader} and {writer} are too complex to compare",
}


def said(keyword: str, value: Any, reader: str, writer: str) -> str:
    """The sentence for one keyword of the reader's schema that fails."""
    if isinstance(value, list):
        value = ", ".join(str(one) for one in value)
    form = _MESSAGES.get(keyword)
    if form is None:
        form = f"{{writer}} may hold values that break {keyword} {{value}} of {{reader}}"
    return form.format(value=shortened(str(value)), reader=reader, writer=writer)
