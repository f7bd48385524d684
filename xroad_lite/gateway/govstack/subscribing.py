"""GovStack's ``/api/v1/subs``: who wants which events, as far as agreements allow it.

Does not deliver: ``pulling`` and ``pushing`` do.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from xroad_lite.gateway.bodies import read_json
from xroad_lite.gateway.govstack import events
from xroad_lite.gateway.govstack.asking import MAX_DOCUMENT, Asked, told
from xroad_lite.gateway.govstack.proposals import SUBSCRIPTION, Proposals, agreement_draft
from xroad_lite.gateway.govstack.pulling import Pulling
from xroad_lite.gateway.govstack.pushing import Pushing
from xroad_lite.gateway.govstack.subscriptions import PUSH, Subscription, Subscriptions
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.problems import ProblemError


class Subscribing:
    """What a subsystem subscribed, shows, changes and cancels: its own, and nobody else's."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        proposals: Proposals,
        pulling: Pulling,
        pushing: Pushing,
    ) -> None:
        self._subscriptions = subscriptions
        self._proposals = proposals
        self._pulling = pulling
        self._pushing = pushing

    async def listed(self, asked: Asked) -> Response:
        """Those in a room."""
        found = self._subscriptions.of(asked.node.name, events.domain_of(asked.room))
        if not found:
            raise ProblemError(404, "govstack.subscription", "there is no subscription here")
        return told([self._item(asked.node, one) for one in found])

    async def subscribe(self, asked: Asked) -> Response:
        """Events flow once an agreement lets them; until then the wish waits for the steward."""
        node = asked.node
        body = await read_json(asked.request, MAX_DOCUMENT)
        new = Subscription.asked_for(node.name, asked.room, asked.event_type, body)
        self._check_address(new)
        self._subscriptions.check_new(new)
        if events.receives(node, new.type):
            await asyncio.to_thread(node.desk.hold, new.type, holder=new.id)
            self._subscriptions.check_new(new)  # somebody may have been quicker
        else:
            draft = agreement_draft(node.node.snapshot, node.name, new.type)
            path = f"agreements/{draft['agreement']}-1.yaml"
            self._proposals.file(node.name, SUBSCRIPTION, new.type, path, draft)
        self._subscriptions.keep(new)
        return told(self._item(node, new))

    async def show(self, asked: Asked) -> Response:
        """One, and whether an agreement allows it yet."""
        return told(self._item(asked.node, self._own(asked)))

    async def change(self, asked: Asked) -> Response:
        """How and for how long events are delivered, from now on."""
        body = await read_json(asked.request, MAX_DOCUMENT)
        new = self._own(asked).changed(body)
        self._check_address(new)
        self._pulling.give_back(asked.node, new)
        self._subscriptions.keep(new)
        return told(self._item(asked.node, new), 201)

    async def cancel(self, asked: Asked) -> Response:
        """No more events for it; what is here waits for whoever subscribes again."""
        old = self._own(asked)
        await self._pulling.end(asked.node, old)
        await asyncio.to_thread(asked.node.desk.release, old.type, old.id)
        self._proposals.withdraw(old.subsystem, SUBSCRIPTION, old.type)
        return Response(status_code=204)

    def _own(self, asked: Asked) -> Subscription:
        return self._subscriptions.own(asked.node.name, asked.type)

    def _item(self, node: NodeAtWork, one: Subscription) -> dict[str, Any]:
        return one.item(active=events.receives(node, one.type))

    def _check_address(self, one: Subscription) -> None:
        if one.delivery == PUSH and self._pushing.address(*one.key) is None:
            raise ProblemError(
                400,
                "govstack.subscription",
                f"the gateway's settings have no address to push {one.type} to",
                hint="ask its operator for one below subscribers: in gateway.yaml, or use PULL",
            )
