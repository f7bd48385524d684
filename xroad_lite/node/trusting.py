"""Makes a log as it is the trusted one, after a loss that nobody can undo; an operator's last step.

Does not hide the loss: what was trusted before is kept beside, and other parties' witnesses tell.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from xroad_lite import times
from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store, merkle
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.lease import Tenancy
from xroad_lite.messagelog.notes import Note
from xroad_lite.messagelog.trusted import TrustedStore
from xroad_lite.node.checkpointing import NAME, read_trusted
from xroad_lite.node.evidence import log_keys
from xroad_lite.node.lock import take_lock
from xroad_lite.node.settings import Settings


@dataclass(frozen=True, slots=True)
class Trusted:
    """How many entries were trusted, and are now; where what was trusted before is kept."""

    before: int | None
    after: int
    kept: Path | None


def trust_log(settings: Settings, now: float, *, really: bool) -> Trusted:
    """Put a checkpoint over the log as it is into the trusted store; only look unless ``really``.

    ``LogError`` while a process keeps the log, or when it has no key.
    """
    signer = log_keys(settings).signer(lambda _: False)
    if signer is None:
        raise LogError(
            "log.no_key",
            f"there is no key that could sign for this log: expected {settings.log_key_uri}",
            hint="make one with: xroad-lite keys new --use log",
        )
    folder, log = settings.path(settings.trusted), settings.path(settings.log)
    with ExitStack() as undo:
        undo.enter_context(take_lock(log))
        tenancy = Tenancy(folder)
        tenancy.take()
        undo.callback(tenancy.give_back)
        trusted = TrustedStore(folder / NAME)
        before = _size(trusted)
        store = undo.enter_context(closing(Store(log, readonly=not really)))
        root = merkle.root(store.size, store.read_hash)
        note = Checkpoint(signer.name, store.size, root).sign(signer)
        kept = _replace(trusted, store, note, now) if really else None
        return Trusted(before, store.size, kept)


def _replace(trusted: TrustedStore, store: Store, note: Note, now: float) -> Path | None:
    """Keep what was trusted beside, then trust the note; gives where it is kept."""
    held, kept = trusted.read(), None
    if held is not None:
        kept = trusted.path.with_name(f"{NAME}.until-{times.to_text(now).replace(':', '')}")
        TrustedStore(kept).swap(None, held)
    table = CheckpointTable(store)
    table.create()
    table.forget_beyond(store.size)
    trusted.swap(held, str(note).encode())
    table.add(note, now)
    return kept


def _size(trusted: TrustedStore) -> int | None:
    try:
        note = read_trusted(trusted)
        return None if note is None else Checkpoint.read(note).size
    except LogError:  # bytes that are none: they are what is to be replaced
        return None
