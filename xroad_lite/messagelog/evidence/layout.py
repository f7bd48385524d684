"""Where the files of a bundle lie, and what each is; reads and writes none.

A whole log lies as C2SP's tlog-tiles say (``checkpoint``, ``tile/…``). Chosen entries lie one by
one, each with its proof. A body's file is its salt and the body, one after the other: its SHA-256
is the ``datahash`` that was sealed.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from xroad_lite.errors import LogError
from xroad_lite.messagelog.tiles import Tile, prefixed

CHECKPOINT = "checkpoint"
README = "README.md"
LOG_KEYS = "log.vkeys"
CERTIFICATES = "certificates/"
CHECKPOINTS = "checkpoints/"
CONSISTENCY = "consistency/"
TOKENS = "tokens/"
REGISTRY = "registry/"
TRUSTED = "trusted/"
"""Below it, by instance, the registries of others that the log's own trusts."""
REVOCATION = "revocation/"
BODY = "salted-body"

BIG_BODY_BYTES = 65_536
"""A larger one lies in a file of its own, whatever the others do."""


def entry(index: int) -> str:
    """Of a chosen entry, its bytes as logged."""
    return f"messages/{index:012d}/entry.json"


def proof(index: int) -> str:
    """Of a chosen entry, the proof that it is in the log (C2SP tlog-proof)."""
    return f"messages/{index:012d}/inclusion.tlog-proof"


def seal(index: int) -> str:
    """Of a chosen message, its seal as it travelled, a compact JWS."""
    return f"messages/{index:012d}/seal.jws"


def body(index: int) -> str:
    """A body in a file of its own, after its salt."""
    return f"messages/{index:012d}/{BODY}"


def pack(tile: Tile) -> str:
    """The bodies of the entries of a bundle of entries."""
    return tile.path("bodies").replace("tile/bodies", "bodies", 1)


def certificate(sha256: str) -> str:
    """A certificate, DER, by its SHA-256 (hex)."""
    return f"{CERTIFICATES}{sha256}.der"


def checkpoint(size: int) -> str:
    """An earlier checkpoint of the log."""
    return f"{CHECKPOINTS}{size:012d}"


def consistency(size: int) -> str:
    """The proof that the head of the bundle follows an earlier checkpoint."""
    return f"{CONSISTENCY}{size:012d}"


def token(size: int, number: int) -> str:
    """A time stamp over a checkpoint of a size (RFC 3161, the token alone)."""
    return f"{TOKENS}{size:012d}-{number}.tst"


def stamped(token_path: str) -> str:
    """The bytes that a time stamp is over: a checkpoint as it was then."""
    return token_path.removesuffix(".tst") + ".checkpoint"


def write_hashes(hashes: Sequence[bytes]) -> bytes:
    """Hashes of a proof, in base64, one a line."""
    return "".join(f"{b64encode(one).decode()}\n" for one in hashes).encode()


def write_pack(kept: Sequence[bytes]) -> bytes:
    """Bodies with their salts, each after its length in four bytes; none has the length 0."""
    return b"".join(len(one).to_bytes(4, "big") + one for one in kept)


def read_pack(path: str, data: bytes, width: int) -> list[bytes]:
    """What ``write_pack`` wrote; ``LogError`` unless there are exactly ``width``."""
    found = prefixed(data, 4, width)
    if found is None:
        raise LogError("log.bodies", f"{path} is broken: expected {width} bodies")
    return found
