"""GovStack's paths below ``/r1/…``, told from X-Road's by the header X-GovStack-Client.

Answers with the statuses that GovStack's document lists for an operation: what it has no status for
is told by the nearest. Does not know what the operations do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from xroad_lite.gateway.application import REQUEST_ID, Gateway
from xroad_lite.gateway.govstack import publishing
from xroad_lite.gateway.govstack.asking import Asked, read, shape
from xroad_lite.gateway.govstack.event_types import EventTypes
from xroad_lite.gateway.govstack.proposals import Proposals
from xroad_lite.gateway.govstack.pulling import Pulling
from xroad_lite.gateway.govstack.pushing import Pushing
from xroad_lite.gateway.govstack.subscribing import Subscribing
from xroad_lite.gateway.govstack.subscriptions import Subscriptions
from xroad_lite.gateway.headers import by_name
from xroad_lite.gateway.problems import ProblemError, problem_response

CLIENT, _CLIENT = "x-govstack-client", b"x-govstack-client"
FILE = "govstack/subscriptions.json"
_DOCUMENTED = "xroad_lite.govstack"
_Operation = tuple[Callable[[Asked], Awaitable[Response]], tuple[int, ...]]


class GovStack:
    """Publish, subscribe, pull and acknowledge, as a GovStack building block does."""

    name = "govstack"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        subscriptions = Subscriptions(gateway.settings.path(FILE))
        proposals = Proposals.beside(gateway.settings.folder)
        self.pushing = Pushing(gateway, subscriptions)
        types = EventTypes(proposals)
        pulling = Pulling(subscriptions, gateway.settings.limits.lease_seconds)
        wishes = Subscribing(subscriptions, proposals, pulling, self.pushing)
        self._operations: dict[tuple[str, int], dict[str, _Operation]] = {
            ("types", 0): {
                "GET": (types.listed, (200, 204)),
                "POST": (types.propose, (200, 400, 409)),
            },
            ("types", 1): {
                "GET": (types.show, (200, 204)),
                "DELETE": (types.retire, (204, 404)),
            },
            ("publish", 1): {"POST": (publishing.publish, (201, 400, 404))},
            ("publish", 2): {
                "GET": (publishing.show, (200, 404)),
                "DELETE": (publishing.stop, (204, 404)),
            },
            ("subscriptions", 0): {"GET": (wishes.listed, (200, 404))},
            ("subscriptions", 1): {
                "POST": (wishes.subscribe, (200, 400, 409)),
                "GET": (wishes.show, (200, 404)),
                "PATCH": (wishes.change, (201, 400, 404)),
                "DELETE": (wishes.cancel, (204, 404)),
            },
            ("pull", 1): {"GET": (pulling.pull, (200, 404, 409))},
            ("pull", 2): {"DELETE": (pulling.confirm, (204, 404, 409))},
        }

    def claims(self, scope: Scope) -> bool:
        """Whatever has its header, and its own paths where nobody says to be X-Road's client."""
        if not scope["path"].startswith("/r1/"):
            return False
        names = by_name(scope)
        if _CLIENT in names:
            return True
        return b"x-road-client" not in names and shape(scope) in self._operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of a known caller."""
        request = Request(scope, receive)
        caller = self._gateway.caller(scope)
        operations = self._operations.get(shape(scope))
        if operations is None:
            raise ProblemError(404, "http.no_such_path", "there is nothing at this path")
        operation = operations.get(request.method)
        if operation is None:
            allowed = ", ".join(sorted(operations))
            raise ProblemError(
                405, "http.method", f"expected {allowed}", headers={"Allow": allowed}
            )
        do, scope["state"][_DOCUMENTED] = operation
        named = request.headers.getlist(CLIENT)
        if len(named) != 1:
            raise ProblemError(
                400,
                "govstack.client",
                f"got {len(named)} headers X-GovStack-Client: expected one",
                hint="X-GovStack-Client: INSTANCE/CLASS/MEMBER/SUBSYSTEM",
            )
        node = self._gateway.node(caller, named[0])
        response = await do(read(request, node))
        await response(scope, receive, send)

    def refusal(self, scope: Scope, problem: ProblemError) -> Response:
        """As problem details, with the nearest status that GovStack's document has."""
        status = _nearest(problem.status, scope["state"].get(_DOCUMENTED, ()))
        if status == 204:  # nothing is there, for whoever asks so
            return Response(status_code=204, headers={"X-Road-Error": problem.code})
        problem.status = status
        return problem_response(problem, scope["state"][REQUEST_ID])


def _nearest(status: int, documented: tuple[int, ...]) -> int:
    """The documented status that says best what another would."""
    if status in (401, 405) or status >= 500:
        return status
    wanted = (status, 404, 400, 409) if status in (403, 404) else (status, 400, 409, 404)
    return next((one for one in (*wanted, 204) if one in documented), status)
