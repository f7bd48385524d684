"""X-Road's errors: their types, their two forms, and which of ours is which of theirs.

Since version 7.8 types are in snake case, as ``server.serverproxy.access_denied``. Does not raise
for a provider's own errors: those pass as they are.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from starlette.responses import Response

from xroad_lite import strict_json
from xroad_lite.errors import (
    KeysError,
    LogError,
    PolicyError,
    RefusedError,
    RegistryError,
    RequestError,
    SchemaError,
    SealError,
    TransportError,
    XRoadError,
)
from xroad_lite.gateway.problems import ProblemError

CONSUMER, PROVIDER = "server.clientproxy", "server.serverproxy"
ERROR_HEADER = "X-Road-Error"
_XML_TYPES = {"text/xml": "text/xml", "text/*": "text/xml", "application/xml": "application/xml"}
_BY_CODE = {
    "policy.call": f"{CONSUMER}.bad_request",
    "policy.maintenance_mode": f"{PROVIDER}.maintenance_mode",
    "transport.too_large": "client.message_too_large",
    "http.body_too_large": "client.message_too_large",
    "http.unknown_caller": f"{CONSUMER}.ssl_authentication_failed",
    "http.other_subsystem": f"{CONSUMER}.ssl_authentication_failed",
    "http.which_subsystem": f"{CONSUMER}.missing_header",
    "http.too_many": f"{CONSUMER}.overloaded",
    "service.failed": f"{PROVIDER}.service_failed",
}
_BY_CHECK = {
    1: "client.bad_request",
    2: f"{CONSUMER}.outdated_global_conf",
    3: f"{CONSUMER}.cannot_create_signature",
    6: f"{PROVIDER}.access_denied",
    8: "client.bad_request",
}
_BY_KIND: tuple[tuple[type[XRoadError], str], ...] = (
    (PolicyError, f"{PROVIDER}.access_denied"),
    (SchemaError, "client.bad_request"),
    (SealError, "client.bad_request"),
    (TransportError, f"{CONSUMER}.network_error"),
    (RegistryError, f"{CONSUMER}.outdated_global_conf"),
    (KeysError, f"{CONSUMER}.cannot_create_signature"),
    (LogError, f"{CONSUMER}.logging_failed"),
)


class FaultError(XRoadError):
    """An error of X-Road's, its ``code`` the type."""


def fault_of(error: Exception) -> FaultError:
    """Any error as X-Road's."""
    if isinstance(error, FaultError):
        return error
    if isinstance(error, RequestError):
        return _unanswered(error)
    if isinstance(error, XRoadError):
        kinds = (type_ for kind, type_ in _BY_KIND if isinstance(error, kind))
        found = _BY_CODE.get(error.code)
        if found is None and isinstance(error, RefusedError):
            found = _BY_CHECK.get(error.check)
        type_ = found or next(kinds, f"{CONSUMER}.internal_error")
        return FaultError(type_, _sentence(error.message, error.hint))
    if isinstance(error, ProblemError):
        fallback = "client.bad_request" if error.status < 500 else f"{CONSUMER}.internal_error"
        return FaultError(_BY_CODE.get(error.code, fallback), _sentence(error.detail, error.hint))
    return FaultError(f"{CONSUMER}.internal_error", "a bug in this gateway")


def _sentence(text: str, hint: str) -> str:
    """What is wrong and what to do: X-Road's errors have one text for both."""
    return f"{text} ({hint})" if hint else text


def _unanswered(error: RequestError) -> FaultError:
    """A request without an answer, or with a sealed error, which says where it went wrong."""
    if error.answer is None:
        type_ = "network_error" if error.code == "request.timeout" else "internal_error"
        return FaultError(f"{CONSUMER}.{type_}", error.message)
    code, message = str(error.answer["code"]), str(error.answer["message"])
    if code.startswith((f"{PROVIDER}.", "client.")):
        return FaultError(code, message)
    if code.startswith("policy.") or code in _BY_CODE:
        return FaultError(_BY_CODE.get(code, f"{PROVIDER}.access_denied"), message)
    return FaultError(f"{PROVIDER}.service_failed", f"{code}: {message}")


def fault_response(fault: FaultError, accept: str, detail: str) -> Response:
    """The answer, in the form that ``Accept`` asks for; ``detail`` is a UUID, as in the log.

    Section 4.6: 500 where a server failed, 400 where the client did.
    """
    status = 500 if fault.code.startswith("server.") else 400
    said = {"type": fault.code, "message": fault.message, "detail": detail}
    headers = {ERROR_HEADER: fault.code, "Cache-Control": "no-store"}
    xml = xml_type(accept)
    if xml is None:
        data = strict_json.dumps(said)
        return Response(data, status, {**headers, "Content-Type": "application/json"})
    parts = "".join(f"<{name}>{_text(text)}</{name}>" for name, text in said.items())
    text = f'<?xml version="1.0" encoding="utf-8"?><error>{parts}</error>'
    return Response(text, status, {**headers, "Content-Type": f"{xml};charset=utf-8"})


def xml_type(accept: str) -> str | None:
    """The first XML media type that is accepted, as security servers ask it; None for JSON."""
    accepted = (part.partition(";")[0].strip().lower() for part in accept.split(","))
    return next((_XML_TYPES[one] for one in accepted if one in _XML_TYPES), None)


def _text(text: str) -> str:
    """Text for XML, which has no place for most controls."""
    kept = "".join(one for one in text if one >= " " or one in "\t\n\r")
    return escape(kept.replace("\ufffe", "").replace("\uffff", ""))
