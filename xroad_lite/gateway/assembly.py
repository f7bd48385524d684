"""The gateway put together: which interfaces there are, and in which order they are asked.

Another interface is a module of its own that is added here, before those that claim more.
"""

from __future__ import annotations

from xroad_lite.gateway.application import Application, Gateway
from xroad_lite.gateway.govstack.interface import GovStack
from xroad_lite.gateway.messages import Messages
from xroad_lite.gateway.nodes import Nodes
from xroad_lite.gateway.openapi import document
from xroad_lite.gateway.operations import Operations
from xroad_lite.gateway.settings import GatewaySettings
from xroad_lite.gateway.xroad.consumer import Consumer
from xroad_lite.gateway.xroad.provider import Providers


def assembled(settings: GatewaySettings, nodes: Nodes) -> Application:
    """The application over these nodes."""
    gateway = Gateway.of(settings, nodes)
    messages, providers, govstack = Messages(gateway), Providers(gateway), GovStack(gateway)
    return Application(
        gateway,
        [Operations(gateway, document()), messages, govstack, Consumer(gateway)],
        [messages, providers, govstack.pushing],
    )
