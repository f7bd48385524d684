"""Errors as problem details (RFC 9457): the code, what to do next, and how each check went.

Does not decide what is wrong. A bug's text stays in the log: it may hold what is nobody's business.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from xroad_lite import strict_json
from xroad_lite.errors import (
    ConfigurationError,
    IdentifierError,
    KeysError,
    LogError,
    PolicyError,
    RefusedError,
    RegistryError,
    RequestError,
    SchemaError,
    SemanticsError,
    TransportError,
    XRoadError,
)
from xroad_lite.exchange import NAMES

MEDIA_TYPE = "application/problem+json"
_TITLES = {
    400: "The request cannot be read",
    401: "Who are you?",
    403: "No agreement allows it",
    404: "There is no such thing here",
    405: "Not this method",
    406: "It cannot be read in these terms",
    408: "The request took too long",
    409: "It is not in the state for that",
    413: "Too large",
    414: "The address is too long",
    415: "Not this media type",
    422: "The message is not valid",
    429: "Too many at once",
    431: "The headers are too large",
    500: "A bug in this gateway",
    502: "The other side refused",
    503: "Not now",
    504: "No answer in time",
}
_BY_CHECK = {1: 422, 2: 503, 3: 503, 6: 403, 8: 422, 9: 422}
_BY_CODE = {
    "transport.too_large": 413,
    "request.timeout": 504,
    "request.refused": 502,
    "request.not_taken": 409,
    "config.service": 404,
    "config.subscription": 404,
    "config.reads": 406,
}
_BY_KIND: tuple[tuple[type[XRoadError], int], ...] = (
    (IdentifierError, 400),
    (PolicyError, 403),
    (SchemaError, 422),
    (SemanticsError, 406),
    (TransportError, 503),
    (RegistryError, 503),
    (KeysError, 503),
    (LogError, 503),
    (RequestError, 503),
    (ConfigurationError, 400),
)


class ProblemError(Exception):
    """Something is wrong with a request, by HTTP's own rules."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        hint: str = "",
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.hint = hint
        self.headers = headers or {}
        self.more = more


def problem_of(error: Exception) -> ProblemError:
    """Any exception as a problem; what is none of ours tells nothing of itself."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, XRoadError):
        status = status_of(error)
        headers = {"Retry-After": "1"} if status == 503 else {}
        more: dict[str, Any] = {}
        if isinstance(error, RefusedError):
            name = NAMES[error.check - 1]
            more["checks"] = [{"number": error.check, "name": name, "verdict": "refused"}]
        if isinstance(error, RequestError) and error.answer is not None:
            more["answer"] = error.answer
        return ProblemError(
            status, error.code, error.message, hint=error.hint, headers=headers, **more
        )
    return ProblemError(500, "bug", "a bug in this gateway: its operator finds it in the log")


def status_of(error: XRoadError) -> int:
    """The HTTP status that says best what an error of ours means for a caller."""
    if isinstance(error, RefusedError):
        return _BY_CHECK.get(error.check, 409)
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    return next((status for kind, status in _BY_KIND if isinstance(error, kind)), 500)


def problem_response(problem: ProblemError, request_id: str) -> Response:
    """The answer; ``instance`` is the request's id, under which the log has it too."""
    value: dict[str, Any] = {
        "type": f"urn:xroad-lite:problem:{problem.code}",
        "title": _TITLES.get(problem.status, "Something is wrong"),
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:uuid:{request_id}",
        "code": problem.code,
        **({"hint": problem.hint} if problem.hint else {}),
        **problem.more,
    }
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(strict_json.dumps(value), problem.status, headers, media_type=MEDIA_TYPE)
