"""Signed notes (C2SP signed-note v1): text that one or more Ed25519 keys vouch for, read and made.

Does not say what the text means, or whose key is whose: checkpoints and the registry do.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from xroad_lite.errors import LogError

MAX_NOTE_BYTES = 32_768
MAX_SIGNATURES = 64
ED25519, COSIGNATURE = 0x01, 0x04
"""Signature types: of a note's text, and of a witness over a checkpoint at a time."""

_NAME = re.compile(r"[^\s+]+")
_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose it says to be, and the bytes, unverified."""

    name: str
    key_id: bytes
    data: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"— {self.name} {b64encode(self.key_id + self.data).decode()}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under a name, for one type of signature; its text form is a C2SP vkey."""

    name: str
    kind: int
    public: bytes
    """32 bytes, as RFC 8032 writes them."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise LogError("log.note_key", f"{self.name!r:.80} cannot name a key: no space, no +")

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell the key among those of its name."""
        start = self.name.encode() + b"\n" + bytes([self.kind])
        return hashlib.sha256(start + self.public).digest()[:4]

    def __str__(self) -> str:
        encoded = b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def read(cls, text: str) -> Verifier:
        """From a vkey, ``NAME+HASH+KEY``; ``LogError`` if it is none or its hash is another's."""
        name, _, rest = text.partition("+")
        identity, _, encoded = rest.partition("+")
        data = base64(encoded)
        if len(data) == 33 and data[0] in (ED25519, COSIGNATURE):
            found = cls(name, data[0], data[1:])
            if found.key_id.hex() == identity:
                return found
        raise LogError(
            "log.note_key", f"{text!r:.120} is no key: expected NAME+HASH+KEY of Ed25519 (C2SP)"
        )

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether 64 bytes are this key's over ``message``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key under a name, for notes and, as a witness, for cosignatures."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)

    def verifier(self, kind: int = ED25519) -> Verifier:
        """The public side for one type of signature."""
        return Verifier(self.name, kind, self.key.public_key().public_bytes_raw())

    def sign(self, message: bytes, kind: int = ED25519, before: bytes = b"") -> Signature:
        """A signature line over ``message``; ``before`` goes in front of the 64 bytes."""
        return Signature(self.name, self.verifier(kind).key_id, before + self.key.sign(message))


@dataclass(frozen=True, slots=True)
class Note:
    """A text, ending in a newline, with its signature lines."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"

    def by(self, verifier: Verifier) -> list[Signature]:
        """The lines that this key's name and id stand on, unverified."""
        wanted = (verifier.name, verifier.key_id)
        return [one for one in self.signatures if (one.name, one.key_id) == wanted]

    def verify(self, verifier: Verifier) -> None:
        """Raise ``LogError`` unless this key signed the text, and no line of its own is wrong."""
        lines = self.by(verifier)
        if not lines:
            raise LogError("log.note_unsigned", f"the note is not signed by {verifier}")
        if not all(verifier.verifies(one.data, self.text.encode()) for one in lines):
            raise LogError("log.note_signature", f"the signature of {verifier.name} is wrong")

    def with_signatures(self, more: Iterable[Signature]) -> Note:
        """The note with more signature lines, each once."""
        return replace(self, signatures=tuple(dict.fromkeys((*self.signatures, *more))))


def sign(text: str, *signers: Signer) -> Note:
    """A note over ``text``, which must end in a newline."""
    if not text.endswith("\n") or _has_controls(text):
        raise ValueError("the text of a note ends in a newline and has no control characters")
    return Note(text, tuple(one.sign(text.encode()) for one in signers))


def read(data: bytes) -> Note:
    """Read a note's form; whether anybody signed it is ``verify``'s to say. Raises ``LogError``."""
    if len(data) > MAX_NOTE_BYTES:
        raise LogError("log.note", f"a note of {len(data)} bytes: at most {MAX_NOTE_BYTES}")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise LogError("log.note", "a note is UTF-8: got other bytes") from None
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or _has_controls(whole):
        raise LogError("log.note", "a note is text, an empty line and signature lines")
    signatures = lines[:-1].split("\n")
    if len(signatures) > MAX_SIGNATURES:
        raise LogError("log.note", f"a note has at most {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(map(_signature, signatures)))


def read_line(text: str) -> Signature:
    """Read one signature line, with its newline; ``LogError`` if it is none."""
    return _signature(text.removesuffix("\n"))


def _signature(line: str) -> Signature:
    match = _LINE.fullmatch(line)
    data = base64(match[2]) if match else b""
    if match is None or len(data) < 5:
        raise LogError("log.note", f"{line!r:.80} is no signature line: expected '— NAME BASE64'")
    return Signature(match[1], data[:4], data[4:])


def base64(text: str) -> bytes:
    """The bytes of canonical standard base64 (RFC 4648, section 4); none if it is not that."""
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return b""
    return data if b64encode(data).decode() == text else b""


def _has_controls(text: str) -> bool:
    return any(character < " " and character != "\n" for character in text)
