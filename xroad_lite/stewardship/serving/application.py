"""The registry as an ASGI application: paths, limits and headers; knows no rule of the API.

Confluent's clients encode the slash in a subject, so paths are read as they came (``raw_path``).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from xroad_lite import strict_json
from xroad_lite.stewardship.confluent import Answer, Refusal, Request, Steward, answer
from xroad_lite.stewardship.serving.credentials import Credentials
from xroad_lite.stewardship.serving.newest import Newest
from xroad_lite.stewardship.serving.published_files import PublishedFile, read_file

MAX_BODY = 4 * 1_048_576
"""Bytes of a request: a schema of 1 MiB with every character escaped still fits."""
MAX_PATH = 8192
FOLDERS = ("metadata", "targets", "archive")
"""What of a published folder is for everybody: what waits for signatures is not."""
_MAX_PARAMETERS = 100
_MEDIA_TYPES = (
    "application/vnd.schemaregistry.v1+json",
    "application/vnd.schemaregistry+json",
    "application/json",
)
_TAKEN = (*_MEDIA_TYPES, "application/octet-stream", "")
_NEW_FIELDS = "confluent-accept-unknown-properties"
_IMMUTABLE, _ASK_AGAIN = "public, max-age=31536000, immutable", "no-cache"


class RegistryApplication:
    """Serves one published folder; with a steward and credentials it also takes changes."""

    def __init__(
        self,
        folder: Path,
        newest: Newest,
        *,
        steward: Steward | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self._folder = folder
        self._newest = newest
        self._steward = steward if credentials is not None else None
        self._credentials = credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            request = HTTPRequest(scope, receive)
            try:
                response = await self._respond(request)
            except Refusal as refusal:
                response = _written(refusal.answer, request)
            except ClientDisconnect:
                return
            except Exception:  # the last place where a bug is told from an answer
                logging.getLogger("xroad_lite").exception("a bug in answering %s", request.method)
                response = _written(
                    Refusal(500, "a bug in this server: see its log").answer, request
                )
            await response(scope, receive, send)

    async def _respond(self, request: HTTPRequest) -> Response:
        path = _path(request.scope)
        if path and path[0] in FOLDERS:
            return await run_in_threadpool(self._file, request, path)
        asked = Request(
            method=request.method,
            path=path,
            query=_query(request.scope["query_string"]),
            body=await _body(request),
            is_steward=self._is_steward(request),
            takes_new_fields=request.headers.get(_NEW_FIELDS, "").lower() == "true",
        )
        return _written(await run_in_threadpool(self._answer, asked), request)

    def _answer(self, asked: Request) -> Answer:
        return answer(asked, self._newest.catalogue(), self._steward)

    def _is_steward(self, request: HTTPRequest) -> bool:
        shown = request.headers.get("authorization", "")
        return self._credentials is not None and self._credentials.allow(shown)

    def _file(self, request: HTTPRequest, path: tuple[str, ...]) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise Refusal(405, "HTTP 405 Method Not Allowed", {"Allow": "GET, HEAD"})
        found = read_file(self._folder, path)
        if found is None:
            return Response("not found\n", 404, media_type="text/plain")
        return _file_response(found, request)


def _path(scope: Scope) -> tuple[str, ...]:
    """The decoded segments of a path, without the empty one after a last slash."""
    raw = scope.get("raw_path") or scope["path"].encode()
    raw = raw.split(b"?", 1)[0]
    if len(raw) > MAX_PATH:
        raise Refusal(414, f"the path is longer than {MAX_PATH} bytes")
    try:
        path = tuple(unquote_to_bytes(one).decode("utf-8") for one in raw.split(b"/")[1:])
    except UnicodeDecodeError:
        raise Refusal(400, "the path is not UTF-8 text") from None
    return path[:-1] if path and not path[-1] else path


def _query(raw: bytes) -> Mapping[str, str]:
    try:
        text = raw.decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError:  # UnicodeDecodeError too
        raise Refusal(400, "the query is not UTF-8 text, or has too many parameters") from None
    return dict(pairs)


async def _body(request: HTTPRequest) -> bytes:
    if request.method not in ("POST", "PUT"):
        return b""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _TAKEN:
        raise Refusal(415, f"HTTP 415 Unsupported Media Type: expected {_MEDIA_TYPES[0]}")
    too_large = Refusal(413, f"the body is larger than {MAX_BODY} bytes")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:20]) > MAX_BODY:
        raise too_large
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise too_large
    return bytes(data)


def _written(found: Answer, request: HTTPRequest) -> Response:
    headers = {"Vary": "Accept", "X-Content-Type-Options": "nosniff", **found.headers}
    data = b"" if request.method == "HEAD" else strict_json.dumps(found.value)
    return Response(data, found.status, headers, media_type=_media_type(request))


def _media_type(request: HTTPRequest) -> str:
    """The first of ours that is accepted; who accepts none gets the first all the same."""
    accepted = [
        one.partition(";")[0].strip().lower()
        for one in request.headers.get("accept", "").split(",")
    ]
    return next((one for one in accepted if one in _MEDIA_TYPES), _MEDIA_TYPES[0])


def _file_response(found: PublishedFile, request: HTTPRequest) -> Response:
    headers: dict[str, Any] = {
        "ETag": found.etag,
        "Cache-Control": _IMMUTABLE if found.is_immutable else _ASK_AGAIN,
        "X-Content-Type-Options": "nosniff",
    }
    known = request.headers.get("if-none-match", "")
    if found.etag in [one.strip().removeprefix("W/") for one in known.split(",")] or known == "*":
        return Response(status_code=304, headers=headers)
    headers["Content-Length"] = str(len(found.data))
    data = b"" if request.method == "HEAD" else found.data
    return Response(data, headers=headers, media_type=found.content_type)
