"""Base64url as a compact JWS has it (RFC 7515, section 2): without padding, one text per content.

Does not know what it encodes.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

from xroad_lite.errors import SealError

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/\0\0\0")
_ENDS = {1: b"", 2: b"AQgw", 3: b"AEIMQUYcgkosw048"}
"""By the length modulo 4, the last characters that leave no bits over (RFC 4648, section 3.5)."""


def encode(data: bytes) -> bytes:
    """Base64url without padding."""
    return b2a_base64(data, newline=False).translate(_TO_URL, b"=")


def decode(text: bytes, part: str) -> bytes:
    """The bytes, not empty, that ``encode`` makes ``text`` of; ``SealError`` names the ``part``."""
    over = len(text) % 4
    try:
        data = a2b_base64(text.translate(_FROM_URL) + b"=" * (-over % 4), strict_mode=True)
    except (Base64Error, ValueError):
        data = b""
    if not data or (over and text[-1] not in _ENDS[over]):
        raise SealError(
            "envelope.malformed",
            f"the {part} is not base64url without padding and stray bits (RFC 7515, section 2)",
        )
    return data
