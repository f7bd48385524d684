"""Makes a log as it is the trusted one, after a loss that nobody can undo; an operator's last step.

Does not hide the loss: what was trusted before is kept beside, and other parties' witnesses tell.
"""

from __future__ import annotations

from typing import Any

from xroad_lite import times
from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store, merkle
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.lease import Tenancy
from xroad_lite.messagelog.trusted import TrustedStore
from xroad_lite.node.checkpointing import NAME, read_trusted
from xroad_lite.node.evidence import log_keys
from xroad_lite.node.lock import take_lock
from xroad_lite.node.settings import Settings


def trust_log(settings: Settings, now: float, *, really: bool) -> dict[str, Any]:
    """Put a checkpoint over the log as it is into the trusted store; gives both sizes.

    ``LogError`` while a process keeps the log, or when it has no key.
    """
    folder = settings.path(settings.trusted)
    signer = log_keys(settings).signer(lambda _: False)
    if signer is None:
        raise LogError(
            "log.no_key",
            f"there is no key that could sign for this log: expected {settings.log_key_uri}",
            hint="make one with: xroad-lite keys new --use log",
        )
    with take_lock(settings.path(settings.log)):
        tenancy = Tenancy(folder)
        tenancy.take()
        try:
            trusted = TrustedStore(folder / NAME)
            held = trusted.read()
            store = Store(settings.path(settings.log), readonly=not really)
            size = store.size
            note = Checkpoint(signer.name, size, merkle.root(size, store.read_hash)).sign(signer)
            kept = folder / f"{NAME}.until-{times.to_text(now).replace(':', '')}"
            if really:
                if held is not None:
                    TrustedStore(kept).swap(None, held)
                table = CheckpointTable(store)
                table.create()
                table.forget_beyond(size)
                trusted.swap(held, str(note).encode())
                table.add(note, now)
            store.close()
        finally:
            tenancy.give_back()
    before = _size(TrustedStore(kept) if really else trusted)
    return {
        "before": before,
        "after": size,
        "kept": str(kept) if really and held is not None else None,
    }


def _size(trusted: TrustedStore) -> int | None:
    try:
        note = read_trusted(trusted)
        return None if note is None else Checkpoint.read(note).size
    except LogError:
        return None
