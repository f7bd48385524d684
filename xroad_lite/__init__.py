"""An interoperability bus for public institutions: typed, sealed, provable messages.

``from xroad_lite import Node`` is all that an adapter needs. Names are loaded at first use, so that
importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xroad_lite.adapting import (
        Columns,
        Harvest,
        Item,
        Progress,
        call_http,
        listen_http,
        open_folder,
        read_rows,
        refuses_content,
        run_adapter,
        write_faults,
    )
    from xroad_lite.errors import RefusedError, RejectedError, RequestError, XRoadError
    from xroad_lite.node import Message, Node, Settings

__all__ = [
    "Columns",
    "Harvest",
    "Item",
    "Message",
    "Node",
    "Progress",
    "RefusedError",
    "RejectedError",
    "RequestError",
    "Settings",
    "XRoadError",
    "__version__",
    "call_http",
    "listen_http",
    "open_folder",
    "read_rows",
    "refuses_content",
    "run_adapter",
    "write_faults",
]

__version__ = "0.1.0"

_HOMES = {
    "Columns": "xroad_lite.adapting",
    "Harvest": "xroad_lite.adapting",
    "Item": "xroad_lite.adapting",
    "Message": "xroad_lite.node",
    "Node": "xroad_lite.node",
    "Progress": "xroad_lite.adapting",
    "RefusedError": "xroad_lite.errors",
    "RejectedError": "xroad_lite.errors",
    "RequestError": "xroad_lite.errors",
    "Settings": "xroad_lite.node",
    "XRoadError": "xroad_lite.errors",
    "call_http": "xroad_lite.adapting",
    "listen_http": "xroad_lite.adapting",
    "open_folder": "xroad_lite.adapting",
    "read_rows": "xroad_lite.adapting",
    "refuses_content": "xroad_lite.adapting",
    "run_adapter": "xroad_lite.adapting",
    "write_faults": "xroad_lite.adapting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'xroad_lite' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
