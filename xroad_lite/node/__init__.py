"""What an institution runs: publish, subscribe, request, serve."""

from __future__ import annotations

from xroad_lite.node.effects import Effects
from xroad_lite.node.message import Message
from xroad_lite.node.node import Node
from xroad_lite.node.settings import Retry, Settings

__all__ = ["Effects", "Message", "Node", "Retry", "Settings"]
