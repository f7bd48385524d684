"""What adapters are made of: columns and bodies, rows of files, sources read once, a loop.

Knows no database or protocol: those are the adapters' own (docs/adapters.md).
"""

from xroad_lite.adapting.columns import Columns
from xroad_lite.adapting.folders import open_folder
from xroad_lite.adapting.harvest import Harvest, Item, refuses_content
from xroad_lite.adapting.progress import Progress
from xroad_lite.adapting.rows import Row, read_rows, write_faults
from xroad_lite.adapting.running import read_configuration, run_adapter

__all__ = [
    "Columns",
    "Harvest",
    "Item",
    "Progress",
    "Row",
    "open_folder",
    "read_configuration",
    "read_rows",
    "refuses_content",
    "run_adapter",
    "write_faults",
]
