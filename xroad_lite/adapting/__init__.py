"""What adapters are made of: columns and bodies, sources read once, a configuration, a loop.

Knows no database, file format or protocol: those are the adapters' own (docs/adapters.md).
"""

from xroad_lite.adapting.columns import Columns
from xroad_lite.adapting.harvest import Harvest, Item, refuses_content
from xroad_lite.adapting.running import read_configuration, run_adapter

__all__ = [
    "Columns",
    "Harvest",
    "Item",
    "read_configuration",
    "refuses_content",
    "run_adapter",
]
