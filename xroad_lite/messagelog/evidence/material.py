"""What a log's owner has beside the log: checkpoints, stamps, keys; values, read from nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xroad_lite.envelope.encoding import decode
from xroad_lite.messagelog import merkle, notes
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.entries import Entry
from xroad_lite.messagelog.notes import Note, Signer, Verifier


@dataclass(frozen=True, slots=True)
class Stamp:
    """An RFC 3161 token over the bytes of a checkpoint, the log's signature included."""

    note: Note
    token: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """How many entries were there by then."""
        return Checkpoint.read(self.note).size

    @property
    def data(self) -> bytes:
        """What is stamped."""
        return str(self.note).encode()

    @classmethod
    def of(cls, entry: Entry) -> Stamp:
        """From a token entry of the log; ``LogError`` if it is none."""
        token = decode(entry.fields["token"].encode(), "token")
        stamp = cls(notes.read(entry.fields["checkpoint"].encode()), token)
        Checkpoint.read(stamp.note)
        return stamp


@dataclass(frozen=True, slots=True)
class Material:
    """What goes into a bundle beside entries and bodies.

    ``head`` is the checkpoint that everything is held against. ``earlier`` are others of the same
    log, with the cosignatures in them.
    """

    head: Note
    keys: tuple[Verifier, ...]
    """Of the log: whichever of them signed the head or an earlier checkpoint."""
    earlier: tuple[Note, ...] = ()
    stamps: tuple[Stamp, ...] = ()
    revocation: tuple[tuple[str, bytes], ...] = ()
    """Names and bytes of lists of revocations of the time-stamping authorities."""

    @property
    def checkpoint(self) -> Checkpoint:
        """What the head says."""
        return Checkpoint.read(self.head)


def signed_head(size: int, read: merkle.Read, signer: Signer) -> Note:
    """A checkpoint over the first ``size`` entries, signed now: where the node kept none."""
    return Checkpoint(signer.name, size, merkle.root(size, read)).sign(signer)


def first_stamped(index: int, stamps: Sequence[Stamp]) -> Stamp | None:
    """The stamp over the smallest tree that holds an entry."""
    return min((one for one in stamps if one.size > index), key=lambda one: one.size, default=None)
