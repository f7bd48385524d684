"""Health, readiness, metrics and the OpenAPI document: for operators and programs, without names.

Does not tell of messages; from other machines metrics are best kept away by a firewall.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from xroad_lite import strict_json
from xroad_lite.gateway.application import REQUEST_ID, Gateway
from xroad_lite.gateway.metrics import MEDIA_TYPE
from xroad_lite.gateway.problems import ProblemError, problem_response


class Operations:
    """``/health/live``, ``/health/ready``, ``/metrics``, ``/openapi.json``."""

    name = "operations"

    def __init__(self, gateway: Gateway, openapi: dict[str, object]) -> None:
        self._gateway = gateway
        self._openapi = strict_json.dumps(openapi)
        self._paths = {
            "/health/live": self._live,
            "/health/ready": self._ready,
            "/metrics": self._metrics,
            "/openapi.json": self._document,
        }

    def claims(self, scope: Scope) -> bool:
        """Its own paths."""
        return scope["path"] in self._paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, in a thread: a node may be writing to its disk."""
        if scope["method"] not in ("GET", "HEAD"):
            raise ProblemError(
                405, "http.method", "expected GET or HEAD", headers={"Allow": "GET, HEAD"}
            )
        response = await run_in_threadpool(self._paths[scope["path"]])
        await response(scope, receive, send)

    def refusal(self, scope: Scope, problem: ProblemError) -> Response:
        """As problem details."""
        return problem_response(problem, scope["state"][REQUEST_ID])

    def _live(self) -> Response:
        return _json({"status": "up"}, 200)

    def _ready(self) -> Response:
        troubles = {name: one.trouble() for name, one in self._gateway.nodes.items()}
        ready = not any(troubles.values())
        nodes = {name: trouble or "ready" for name, trouble in troubles.items()}
        return _json({"status": "ready" if ready else "not ready", "nodes": nodes}, ready)

    def _metrics(self) -> Response:
        return Response(self._gateway.metrics.text(), media_type=MEDIA_TYPE)

    def _document(self) -> Response:
        return Response(self._openapi, media_type="application/json")


def _json(value: dict[str, object], good: int | bool) -> Response:
    headers = {"Cache-Control": "no-store"}
    data = strict_json.dumps(value)
    return Response(data, 200 if good else 503, headers, media_type="application/json")
