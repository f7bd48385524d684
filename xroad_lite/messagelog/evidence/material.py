"""What a log's owner has beside the log: checkpoints, stamps, keys; values, read from nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xroad_lite.messagelog import merkle
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.notes import Note, Signer, Verifier


@dataclass(frozen=True, slots=True)
class Stamp:
    """An RFC 3161 token over the text of the checkpoint of a size."""

    size: int
    token: bytes


@dataclass(frozen=True, slots=True)
class Material:
    """What goes into a bundle beside entries and bodies.

    ``head`` is the checkpoint that everything is held against. ``earlier`` are others of the same
    log, with the cosignatures in them; those that were stamped must be there.
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


def stamped_text(note: Note) -> bytes:
    """What a time stamp is over: the three lines of a checkpoint, without signatures."""
    return note.text.encode()


def first_stamped(index: int, stamps: Sequence[Stamp]) -> Stamp | None:
    """The stamp over the smallest tree that holds an entry."""
    return min((one for one in stamps if one.size > index), key=lambda one: one.size, default=None)
