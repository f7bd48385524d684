"""What adapters are made of: columns and bodies, rows of files, sources read once, a loop.

Knows no database and no API: those are the adapters' own (docs/adapters.md).
"""

from xroad_lite.adapting.columns import Columns
from xroad_lite.adapting.folders import open_folder
from xroad_lite.adapting.harvest import Harvest
from xroad_lite.adapting.http import Answer, call_http
from xroad_lite.adapting.items import Item, refuses_content
from xroad_lite.adapting.listening import listen_http
from xroad_lite.adapting.progress import Progress
from xroad_lite.adapting.rows import Row, read_rows, write_faults
from xroad_lite.adapting.running import read_configuration, run_adapter

__all__ = [
    "Answer",
    "Columns",
    "Harvest",
    "Item",
    "Progress",
    "Row",
    "call_http",
    "listen_http",
    "open_folder",
    "read_configuration",
    "read_rows",
    "refuses_content",
    "run_adapter",
    "write_faults",
]
