"""What a log keeps beside its entries, gathered for a bundle: checkpoints, time stamps, keys.

Does not sign, unless a signer is given for a log that keeps no checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.messagelog.evidence.material import Material, Stamp, signed_head
from xroad_lite.messagelog.notes import Note, Signer, Verifier
from xroad_lite.messagelog.validation import ValidationTable


def material_of(
    store: Store, keys: Sequence[Verifier], *, signer: Signer | None = None
) -> Material:
    """All of it, held against the newest checkpoint.

    Where the log keeps none, ``signer`` signs one; ``LogError`` when there is none either.
    """
    kept = [one.note for one in CheckpointTable(store).all()]
    stamps = [one for one in stamps_of(store) if one.size <= store.size]
    head = kept[-1] if kept else _signed(store, signer)
    more = [] if signer is None else [signer.verifier()]
    used = [one for one in dict.fromkeys((*keys, *more)) if _signs(one, [head, *kept])]
    lists = tuple((one.name, one.data) for one in ValidationTable(store).all())
    return Material(head, tuple(used), tuple(kept[:-1]), tuple(stamps), lists)


def stamps_of(store: Store) -> Iterator[Stamp]:
    """The time stamps that stand in the log."""
    for _, leaf in store.entries():
        if b'"kind":"token"' in leaf[:40]:
            yield Stamp.of(entries.read(leaf))


def _signed(store: Store, signer: Signer | None) -> Note:
    if signer is None:
        raise LogError(
            "log.no_checkpoint",
            "the log keeps no checkpoint, and there is no key to sign one with",
            hint="name the node with --node, or a key with --key; a new one: keys new --use log",
        )
    return signed_head(store.size, store.read_hash, signer)


def _signs(key: Verifier, notes: Sequence[Note]) -> bool:
    return any(one.by(key) for one in notes)
