"""What ``xroad-lite doctor`` says of receipts; a line where some should have come and did not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from xroad_lite import times

if TYPE_CHECKING:
    from pathlib import Path

    from xroad_lite.node import Settings


def receipt_rows(settings: Settings, folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """What, state, what was found and how to look further, if this node's log awaits receipts."""
    from xroad_lite.messagelog import Store
    from xroad_lite.messagelog.receipts import ReceiptTables

    file = settings.path(settings.log)
    if not file.is_file():
        return
    store = Store(file, readonly=True)
    try:
        found = ReceiptTables(store).status(time.time() - settings.receipt_within)
    finally:
        store.close()
    missing, awaited = found["missing"], found["awaited"]
    if missing:
        since = times.to_text(float(str(found["oldest_missing"])))[:19].replace("T", " ")
        look = f"xroad-lite log receipts --missing --node {folder}"
        yield "receipts", "optional", f"{missing} missing, the oldest of {since}", look
    elif awaited:
        yield "receipts", "good", f"{awaited} on their way", ""
