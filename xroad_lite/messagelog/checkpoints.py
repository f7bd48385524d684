"""What a log says of itself at a size, signed, and what witnesses add to it (C2SP).

A checkpoint is a signed note of origin, size and root (tlog-checkpoint); a cosignature says that a
witness saw it follow all that it saw before (tlog-cosignature); a proof holds one entry against it
(tlog-proof). Does not store, exchange or time-stamp them.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

from xroad_lite.errors import LogError
from xroad_lite.messagelog import merkle, notes
from xroad_lite.messagelog.notes import COSIGNATURE, Note, Signature, Signer, Verifier

PROOF = "c2sp.org/tlog-proof@v1"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_HASH = re.compile(r"[A-Za-z0-9+/]{43}=")
_MAX_PROOF_HASHES = 64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's head: its name, how many entries, and the root hash over them."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    def sign(self, signer: Signer) -> Note:
        """The signed note; the key's name must be the origin."""
        if signer.name != self.origin:
            raise ValueError(f"the key of {signer.name} cannot sign for {self.origin}")
        return notes.sign(str(self), signer)

    @classmethod
    def read(cls, note: Note) -> Checkpoint:
        """From a note's text, unverified; ``LogError`` if it has not exactly these three lines."""
        lines = note.text.split("\n")
        if (
            len(lines) != 4
            or not lines[0]
            or not _NUMBER.fullmatch(lines[1])
            or not _HASH.fullmatch(lines[2])
        ):
            raise LogError(
                "log.checkpoint", "a checkpoint is three lines: origin, size, root in base64"
            )
        return cls(lines[0], int(lines[1]), notes.base64(lines[2]))

    @classmethod
    def open(cls, data: bytes, verifier: Verifier) -> Checkpoint:
        """From a note's bytes, signed by the log itself; ``LogError`` says what does not hold."""
        note = notes.read(data)
        note.verify(verifier)
        found = cls.read(note)
        if found.origin != verifier.name:
            raise LogError(
                "log.checkpoint", f"it is of {found.origin}: expected one of {verifier.name}"
            )
        return found


def cosign(note: Note, witness: Signer, at: int) -> Signature:
    """A witness's line over a checkpoint; ``at`` is Unix seconds.

    The witness must have verified that the checkpoint follows the one that it cosigned before.
    """
    return witness.sign(_cosigned(note, at), COSIGNATURE, before=at.to_bytes(8, "big"))


def cosigned_at(note: Note, witness: Verifier) -> int:
    """When a witness cosigned, Unix seconds, the latest if often; ``LogError`` if never."""
    times = [_verified(note, one, witness) for one in note.by(witness)]
    if not times:
        raise LogError("log.not_cosigned", f"{witness.name} has not cosigned this checkpoint")
    return max(times)


def _verified(note: Note, line: Signature, witness: Verifier) -> int:
    at = int.from_bytes(line.data[:8], "big")
    if len(line.data) != 72 or at >> 63 or not witness.verifies(line.data[8:], _cosigned(note, at)):
        raise LogError("log.cosignature", f"the cosignature of {witness.name} is wrong")
    return at


def _cosigned(note: Note, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{note.text}".encode()


@dataclass(frozen=True, slots=True)
class Proof:
    """That one entry is in a log, held against a checkpoint of it."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: Note
    extra: bytes = field(default=b"", repr=False)
    """What goes with it and is not authenticated by it, as the entry itself."""

    def __str__(self) -> str:
        lines = [PROOF, f"extra {b64encode(self.extra).decode()}"][: 2 if self.extra else 1]
        hashes = [b64encode(one).decode() for one in self.hashes]
        return "\n".join([*lines, f"index {self.index}", *hashes, "", str(self.checkpoint)])

    @classmethod
    def read(cls, data: bytes) -> Proof:
        """Read a proof's form; ``LogError`` if it has another."""
        head, blank, note = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            lines = []
        extra = (
            notes.base64(lines.pop(1)[6:]) if len(lines) > 1 and lines[1][:6] == "extra " else b""
        )
        well = bool(blank) and len(lines) >= 2 and lines[0] == PROOF and lines[1][:6] == "index "
        well = well and _NUMBER.fullmatch(lines[1][6:]) is not None
        well = well and len(lines) - 2 <= _MAX_PROOF_HASHES and all(map(_HASH.fullmatch, lines[2:]))
        if not well:
            raise LogError("log.proof", f"this is no proof: expected the form {PROOF}")
        hashes = tuple(map(notes.base64, lines[2:]))
        return cls(int(lines[1][6:]), hashes, notes.read(note), extra)

    def verify(self, leaf: bytes, log: Verifier) -> Checkpoint:
        """The checkpoint, signed by ``log``, in which ``leaf`` is; ``LogError`` if it is not."""
        self.checkpoint.verify(log)
        found = Checkpoint.read(self.checkpoint)
        if found.origin != log.name:
            raise LogError("log.checkpoint", f"it is of {found.origin}: expected {log.name}")
        merkle.verify_inclusion(
            self.index, found.size, merkle.leaf_hash(leaf), self.hashes, found.root
        )
        return found


def prove(index: int, checkpoint: Note, read: merkle.Read, *, extra: bytes = b"") -> Proof:
    """The proof of one entry against a checkpoint, from a store's hashes."""
    size = Checkpoint.read(checkpoint).size
    return Proof(index, tuple(merkle.inclusion_proof(index, size, read)), checkpoint, extra)


def check_follows(earlier: Checkpoint, later: Checkpoint, proof: Sequence[bytes]) -> None:
    """Raise ``LogError`` unless ``later`` holds all of ``earlier``: no other view, no way back."""
    if earlier.origin != later.origin:
        raise LogError("log.checkpoint", f"{later.origin} is another log than {earlier.origin}")
    if later.size < earlier.size:
        raise LogError(
            "log.set_back", f"the log had {earlier.size} entries and now says {later.size}"
        )
    if later.size == earlier.size and later.root != earlier.root:
        raise LogError(
            "log.split_view", f"the log says two things of its first {later.size} entries"
        )
    merkle.verify_consistency(earlier.size, later.size, proof, earlier.root, later.root)
