"""The OpenAPI document of our own API (3.1): every path, parameter and answer; does not serve it.

X-Road's calls below ``/r1/`` are the providers' own: the registry's catalogue describes them.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from xroad_lite.gateway.problems import MEDIA_TYPE

Schema = dict[str, Any]
_TYPE_PATTERN = r"^[a-z][a-z0-9-]{0,62}\.[a-z][a-z0-9-]{0,62}$"
_SUBSYSTEM = r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$"
_TIME = r"^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,6})?Z$"
_TRACE = r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
_TEXT = r"^[!-~]+$"


def document() -> dict[str, object]:
    """The document as a value."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "xroad_lite gateway",
            "version": version("xroad-lite"),
            "description": "Publish, read, ask and answer, through the node beside this gateway.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"certificate": []}, {}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS"},
            },
            "schemas": _SCHEMAS,
        },
    }


def _paths() -> dict[str, Any]:
    messages, entry = "/api/v1/messages/{type}", "/api/v1/messages/{type}/{entry}"
    return {
        messages: {
            "post": _operation(
                "publish",
                "Publish an event to everybody whom an agreement lets have it",
                [_TYPE, *_SAID, _header("ce-subject", _TEXT), *_TIMES],
                {"202": ("It is in the outbox, on disk", "Accepted")},
                (400, 403, 409, 413, 415, 422, 503),
                body=_ANY_BODY,
            ),
            "get": _operation(
                "read",
                "Read messages, waiting for one if there is none; acknowledge each later",
                [_TYPE, _WAIT, _LIMIT, _READS],
                {"200": ("What there is", "Messages"), "204": ("Nothing came in time", None)},
                (400, 403, 406, 503),
            ),
        },
        f"{messages}/events": {
            "get": _operation(
                "stream",
                "Read messages as server-sent events",
                [_TYPE, _READS],
                {"200": ("Events, until one side ends", "stream")},
                (400, 403, 406, 503),
            )
        },
        f"{entry}/acknowledge": {
            "post": _operation(
                "acknowledge",
                "Say that a message was handled",
                [_TYPE, _ENTRY],
                {"204": ("It comes no more", None)},
                (400, 404, 409, 503),
            )
        },
        f"{entry}/reject": {
            "post": _operation(
                "reject",
                "Say that a message cannot be handled: never, or not now",
                [_TYPE, _ENTRY],
                {"204": ("It is a dead letter, or comes again later", None)},
                (400, 404, 409, 413, 415, 503),
                body={"$ref": "#/components/schemas/Rejection"},
            )
        },
        f"{entry}/reply": {
            "post": _operation(
                "reply",
                "Answer a request",
                [_TYPE, _ENTRY],
                {"204": ("The answer is on its way", None)},
                (400, 403, 404, 409, 413, 415, 422, 503),
                body=_ANY_BODY,
            )
        },
        "/api/v1/requests/{instance}/{memberClass}/{memberCode}/{subsystemCode}/{type}": {
            "post": _operation(
                "ask",
                "Ask another subsystem, and wait for its answer",
                [*_RECIPIENT, _TYPE, _TIMEOUT, _READS, *_SAID, _header("ce-subject", _TEXT)],
                {"200": ("The answer", "Message")},
                (400, 403, 404, 406, 409, 413, 415, 422, 502, 503, 504),
                body=_ANY_BODY,
            )
        },
        "/health/live": {"get": _plain("live", "Whether the process is up", "200")},
        "/health/ready": {"get": _plain("ready", "Whether its nodes can work", "200", "503")},
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "Counters and times, for Prometheus",
                "security": [],
                "responses": {"200": {"description": "Text", "content": {"text/plain": {}}}},
            }
        },
    }


def _operation(
    name: str,
    summary: str,
    parameters: list[Schema],
    good: dict[str, tuple[str, str | None]],
    bad: tuple[int, ...],
    *,
    body: Schema | None = None,
) -> Schema:
    """An operation of a known caller: nobody else gets further than 401."""
    responses = {status: _answer(*what) for status, what in good.items()}
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted({401, 403, 503, *bad}):
        responses[str(status)] = {"description": "A problem", "content": problem}
    made: Schema = {
        "operationId": name,
        "summary": summary,
        "parameters": [*parameters, _CLIENT],
        "responses": responses,
    }
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return made


def _answer(description: str, schema: str | None) -> Schema:
    if schema is None:
        return {"description": description}
    if schema == "stream":
        return {"description": description, "content": {"text/event-stream": {}}}
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _plain(name: str, summary: str, *statuses: str) -> Schema:
    content = {"application/json": {"schema": {"type": "object", "required": ["status"]}}}
    return {
        "operationId": name,
        "summary": summary,
        "security": [],
        "responses": {one: {"description": summary, "content": content} for one in statuses},
    }


def _parameter(name: str, where: str, schema: Schema, description: str, required: bool) -> Schema:
    return {
        "name": name,
        "in": where,
        "required": required,
        "description": description,
        "schema": schema,
    }


def _header(name: str, pattern: str, description: str = "") -> Schema:
    schema = {"type": "string", "pattern": pattern, "maxLength": 255}
    return _parameter(name, "header", schema, description or f"Sealed as {name[3:]}.", False)


_TYPE = _parameter(
    "type", "path", {"type": "string", "pattern": _TYPE_PATTERN}, "domain.name", True
)
_ENTRY = _parameter(
    "entry", "path", {"type": "integer", "minimum": 0}, "As it was given by reading.", True
)
_RECIPIENT = [
    _parameter(
        name,
        "path",
        {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,40}$"},
        "Of the one to ask.",
        True,
    )
    for name in ("instance", "memberClass", "memberCode", "subsystemCode")
]
_WAIT = _parameter(
    "wait", "query", {"type": "number", "minimum": 0, "maximum": 60}, "Seconds to wait.", False
)
_LIMIT = _parameter(
    "limit", "query", {"type": "integer", "minimum": 1, "maximum": 100}, "At most so many.", False
)
_TIMEOUT = _parameter(
    "timeout", "query", {"type": "number", "minimum": 0, "maximum": 60}, "Seconds to wait.", False
)
_READS = _header(
    "Accept-Profile", _TEXT, "The schema to read as: a type, type/version, or a schema's IRI."
)
_CLIENT = _header("X-Road-Client", _SUBSYSTEM, "For whom, if the caller speaks for several.")
_SAID = [
    _header("ce-purpose", r"^[a-z]+:[!-~]+$", "IRI of the purpose, if there are several."),
    _header("X-Road-UserId", _TEXT, "Whose action it is; sealed as a pseudonym."),
    _header("X-Road-Issue", _TEXT, "The case it belongs to."),
    _header("X-Road-Represented-Party", _TEXT, "For whom the sender speaks."),
    _header("traceparent", _TRACE, "W3C Trace Context."),
]
_TIMES = [
    _header("ce-time", _TIME, "When it happened."),
    _header("ce-expirytime", _TIME, "From when nobody need have it."),
]
_ANY_BODY: Schema = {"description": "Valid under the newest schema of the type."}
_EVENT: Schema = {
    "type": "object",
    "description": "A CloudEvent with the sealed attributes; data is the body, as it is read.",
    "required": ["specversion", "id", "source", "type", "time", "data", "agreement", "purpose"],
    "properties": {"specversion": {"const": "1.0"}, "data": {}},
}
_LOSSES: Schema = {
    "type": "array",
    "description": "What reading it in these terms has lost.",
    "items": {
        "type": "object",
        "required": ["path", "kind", "detail"],
        "properties": {name: {"type": "string"} for name in ("path", "kind", "detail")},
    },
}
_LEFT_OUT: Schema = {
    "type": "array",
    "description": "Who does not get it though an agreement names them, and by which rule.",
    "items": {
        "type": "object",
        "required": ["recipient", "agreement", "code", "message"],
        "properties": {
            "recipient": {"type": ["string", "null"]},
            **{name: {"type": "string"} for name in ("agreement", "code", "message")},
        },
    },
}
_SCHEMAS: dict[str, Schema] = {
    "Accepted": {
        "type": "object",
        "required": ["id", "left_out"],
        "properties": {"id": {"type": "string", "format": "uuid"}, "left_out": _LEFT_OUT},
    },
    "Message": {
        "type": "object",
        "required": ["message", "losses"],
        "properties": {"message": _EVENT, "losses": _LOSSES},
    },
    "Messages": {
        "type": "object",
        "required": ["messages"],
        "properties": {
            "messages": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "allOf": [{"$ref": "#/components/schemas/Message"}],
                    "required": ["entry", "attempt"],
                    "properties": {
                        "entry": {"type": "integer", "description": "To acknowledge it by."},
                        "attempt": {"type": "integer", "minimum": 1},
                    },
                },
            }
        },
    },
    "Rejection": {
        "type": "object",
        "properties": {
            "code": {"type": "string", "minLength": 1, "maxLength": 255},
            "message": {"type": "string"},
            "retry": {"type": "boolean", "description": "Whether it may come again later."},
        },
    },
    "Problem": {
        "type": "object",
        "description": "Problem details, RFC 9457.",
        "required": ["type", "title", "status", "detail", "instance", "code"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string", "format": "uri"},
            "code": {"type": "string", "description": "Stable; see the error codes."},
            "hint": {"type": "string", "description": "What to do next."},
            "checks": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["number", "name", "verdict"],
                    "properties": {
                        "number": {"type": "integer", "minimum": 1, "maximum": 9},
                        "name": {"type": "string"},
                        "verdict": {"type": "string"},
                    },
                },
            },
            "answer": {"type": "object", "description": "The sealed error that came as answer."},
        },
    },
}
