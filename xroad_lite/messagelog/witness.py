"""Does a checkpoint that a log shows follow all that is known of it here; keeps what was found.

Does not send, and does not know whose key is whose: verified notes come in. A checkpoint of another
size is not believed without a proof from the one known to the one shown, and with the proof the log
signs again what it was at the earlier size: so a split view always ends as two notes of one size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from xroad_lite.errors import LogError
from xroad_lite.messagelog import merkle, notes
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.notes import Note, Verifier
from xroad_lite.messagelog.seen import Seen, SeenTable, SplitView


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a log says that it was, and the proof that it has grown from there (RFC 6962, 2.1.2)."""

    note: Note
    hashes: Sequence[bytes]


Proofs = Mapping[int, Earlier]
"""By the earlier size."""


@dataclass(slots=True)
class Judged:
    """What a witness found: whether it may cosign; else what it knows, or the split view."""

    follows: bool = False
    known: list[Note] = field(default_factory=list)
    """From these the log must prove that it has grown to what it shows."""
    split: SplitView | None = None


def own_note(data: str, keys: Sequence[Verifier]) -> Note:
    """A checkpoint's note with the log's own signature alone, verified; ``LogError`` if wrong."""
    note = notes.read(data.encode())
    for key in keys:
        lines = note.by(key)
        if lines:
            note.verify(key)
            if Checkpoint.read(note).origin != key.name:
                raise LogError("log.checkpoint", f"it is of another log than {key.name}")
            return replace(note, signatures=(lines[0],))
    raise LogError("log.note_unsigned", "no key that is listed for its log signed the checkpoint")


def judge(table: SeenTable, shown: Seen, proofs: Proofs) -> Judged:
    """Hold what a log shows of itself, if it follows all that is known of it.

    What was told by others counts like what was held, so a log that shows two parties two views
    must prove the impossible to one of them.
    """
    checkpoint = shown.checkpoint
    newest = table.newest(checkpoint.origin)
    known = [*table.told(checkpoint.origin), *([newest] if newest else [])]
    found = Judged()
    for one in known:
        other = _other_view(one.checkpoint, shown, proofs)
        if other is not None:
            view = SplitView(checkpoint.origin, shown.at, one.note, other)
            found.split = found.split or view
            table.split(view)
        elif not _follows(one.checkpoint, checkpoint, proofs):
            found.known.append(one.note)
    if not found.known and found.split is None:
        for one in known:
            table.proved(one)
        table.hold(shown)
        found.follows = True
    return found


def hear(table: SeenTable, told: Seen) -> SplitView | None:
    """Take in what another party saw of a log: nothing new, a split view, or to be proved."""
    checkpoint = told.checkpoint
    for one in (*table.held(checkpoint.origin), *table.told(checkpoint.origin)):
        if one.checkpoint == checkpoint:
            return None
        if one.checkpoint.size == checkpoint.size:
            view = SplitView(checkpoint.origin, told.at, one.note, told.note)
            table.split(view)
            return view
    table.tell(told)
    return None


def _other_view(known: Checkpoint, shown: Seen, proofs: Proofs) -> Note | None:
    """A note of the very size that is known, with another root."""
    earlier = proofs.get(known.size)
    for note in (shown.note, *([earlier.note] if earlier else [])):
        said = Checkpoint.read(note)
        if (said.origin, said.size) == (known.origin, known.size) and said.root != known.root:
            return note
    return None


def _follows(known: Checkpoint, shown: Checkpoint, proofs: Proofs) -> bool:
    if known == shown:
        return True
    earlier = proofs.get(known.size)
    if known.size >= shown.size or earlier is None:
        return False
    try:
        hashes = earlier.hashes
        merkle.verify_consistency(known.size, shown.size, hashes, known.root, shown.root)
    except LogError:
        return False
    return True
