"""Drafts of schemas to begin with: empty, or from samples; registers nothing.

A draft keeps the house rules as far as they can be kept without knowing; what only the steward
knows says TODO, and lint finds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from xroad_lite.errors import SchemaError
from xroad_lite.identifiers import MessageType
from xroad_lite.schema.inference import Inference
from xroad_lite.stewardship.lint_words import PERSONAL, words

TODO = "TODO"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def empty(type_: str, kind: str, languages: Sequence[str]) -> dict[str, Any]:
    """A schema of a message type with one field, to be filled in."""
    name = MessageType.parse(type_)
    if kind == "avro":
        field = {"name": "identifier", "type": "string", **_named("Identifier", "doc", languages)}
        record = "".join(part.capitalize() for part in name.name.split("-"))
        space = name.domain.replace("-", "_")
        about = _named(_title(name.name), "doc", languages)
        return {"type": "record", "name": record, "namespace": space, **about, "fields": [field]}
    return {
        "$schema": _DIALECT,
        "$id": f"{name.subject}/1",
        **_named(_title(name.name), "description", languages),
        "type": "object",
        "additionalProperties": False,
        "required": ["identifier"],
        "properties": {
            "identifier": {
                **_named("Identifier", "description", languages),
                "type": "string",
                "minLength": 1,
                "maxLength": 64,
            }
        },
    }


def inferred(samples: Iterable[Any], title: str, languages: Sequence[str]) -> dict[str, Any]:
    """A JSON Schema that accepts all samples; ``SchemaError`` where there are none."""
    inference = Inference()
    if not inference.see(samples):
        raise SchemaError("schema.samples", "there are no samples: expected one at least")
    draft = inference.draft()
    return {
        "$schema": _DIALECT,
        **_named(_title(title), "description", languages),
        **_with_titles(draft, languages),
    }


def _with_titles(draft: dict[str, Any], languages: Sequence[str]) -> dict[str, Any]:
    """The same schema with titles of fields by their names, and marks on what looks personal."""
    found = dict(draft)
    if isinstance(found.get("items"), dict):
        found["items"] = _with_titles(found["items"], languages)
    if isinstance(found.get("additionalProperties"), dict):
        found["additionalProperties"] = _with_titles(found["additionalProperties"], languages)
    if "properties" in found:
        found["properties"] = {
            name: {
                **_named(_title(name), "description", languages),
                **({"x-personal": True} if words(name) & PERSONAL else {}),
                **_with_titles(inner, languages),
            }
            for name, inner in found["properties"].items()
        }
    return found


def _named(title: str, description: str, languages: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"title": title}
    others = dict.fromkeys(languages[1:], TODO)
    if others:
        found["x-title"] = {languages[0]: title, **others}
    found[description] = TODO
    if others:
        found["x-description"] = {languages[0]: TODO, **others}
    return found


def _title(name: str) -> str:
    """``dateOfBirth``, ``date_of_birth`` and ``date-of-birth`` as people write it."""
    found = " ".join(part if part.isupper() else part.lower() for part in _PART.findall(name))
    return found[:1].upper() + found[1:] if found else name
