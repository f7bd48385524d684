"""One message's proof by itself: a small bundle, or a single file with entry and proof.

Held against the smallest checkpoint that an authority stamped and that has the entry, so that one
proof says both that it is in the log, and since when. Does not hold the registry: a bundle does.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from xroad_lite.audit import expert
from xroad_lite.audit.exporting import Exported, example_of
from xroad_lite.audit.opening import PROOF_ENDING
from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store, checkpoints
from xroad_lite.messagelog.evidence import layout, writing
from xroad_lite.messagelog.evidence.containers import occupied, sink
from xroad_lite.messagelog.evidence.material import Material, first_stamped
from xroad_lite.messagelog.notes import Signer


def entry_of(store: Store, text: str) -> int:
    """The entry of a message by its id, or by its number; ``LogError`` if there is none."""
    if text.isdecimal() and len(text) < 16:
        store.leaf(int(text))
        return int(text)
    rows = store.query("SELECT idx FROM xl_messages WHERE id = ? ORDER BY idx", (text,))
    if not rows:
        raise LogError(
            "log.no_message",
            f"the log has no message {text}",
            hint="look for it with: xroad-lite log show",
        )
    return int(rows[0][0])


def prove(
    place: Path, store: Store, material: Material, index: int, *, signer: Signer | None
) -> Exported:
    """Write the proof of one entry; ``LogError`` when no checkpoint covers it yet."""
    one = _narrowed(material, index)
    if place.suffix == PROOF_ENDING:
        return _alone(place, store, one, index)
    with sink(place) as opened:
        bundle = writing.Bundle(opened)
        writing.write_log(bundle, store, one, [index])
        for named in expert.tools():
            bundle.add(*named)
        made = writing.describe(one, [index], {"entry": index})
        made = replace(made, files=bundle.files)
        text = expert.page(made, example_of(store, index), [], [])
        bundle.add(layout.README, text.encode(), "how to verify this with tools of others")
        bundle.close(replace(made, files=bundle.files), signer)
    size = sum(each.length for each in bundle.files)
    return Exported(1, len(bundle.files), size, signed=signer is not None)


def _narrowed(material: Material, index: int) -> Material:
    """With the first stamped checkpoint that has the entry as head, or else the newest."""
    if index >= material.checkpoint.size:
        raise LogError(
            "log.not_covered",
            f"entry {index} is newer than the newest checkpoint, of {material.checkpoint.size}",
            hint="try again once the node has signed its next checkpoint",
        )
    stamp = first_stamped(index, material.stamps)
    head = material.head if stamp is None else stamp.note
    stamps = () if stamp is None else (stamp,)
    return replace(material, head=head, earlier=(), stamps=stamps, revocation=())


def _alone(place: Path, store: Store, material: Material, index: int) -> Exported:
    if place.exists():
        raise occupied(place)
    leaf = store.leaf(index)
    proof = checkpoints.prove(index, material.head, store.read_hash, extra=leaf)
    data = str(proof).encode()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return Exported(1, 1, len(data), signed=True)
