"""A client that writes what no honest one would; holds no test."""

from __future__ import annotations

import struct
from typing import Any

from pika import spec


class RawProperties(spec.BasicProperties):  # type: ignore[misc]
    """Content properties given as bytes: flags and what follows them."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.raw = raw

    def encode(self) -> list[bytes]:
        """The bytes, as they are."""
        return [self.raw]


def with_table(content: bytes) -> RawProperties:
    """Properties that have this header table alone."""
    return RawProperties(struct.pack(">HI", 1 << 13, len(content)) + content)


def nested(depth: int) -> bytes:
    """A header table with so many tables inside one another."""
    inner = b""
    for _ in range(depth):
        inner = b"\x01tF" + struct.pack(">I", len(inner)) + inner
    return inner


def garbage() -> dict[str, tuple[Any, bytes]]:
    """Properties and bodies by what is wrong with them; each passes RabbitMQ 3.10."""
    stamp = b"\x01tT" + struct.pack(">Q", 2**62)
    seal = b"\x04sealx" + struct.pack(">I", 100_000) + b"s" * 100_000
    return {
        "nothing at all": (None, b""),
        "a timestamp of 2^62": (with_table(stamp), b"x"),
        "the property timestamp of 2^64-1": (
            RawProperties(struct.pack(">HQ", 1 << 6, 2**64 - 1)),
            b"x",
        ),
        "tables nested 5,000 deep": (with_table(nested(5_000)), b"x"),
        "headers of 131,000 bytes": (
            with_table(b"\x01tS" + struct.pack(">I", 130_900) + b"h" * 130_900),
            b"",
        ),
        "a seal of 100,000 bytes": (with_table(seal), b"x" * 100),
        "a seal that is a number": (with_table(b"\x04seall" + b"\x7f" * 8), b""),
        "names that are no text": (with_table(b"\x02\xff\xfet\x01"), b"\xff" * 500),
        "thirty thousand fields": (with_table(b"\x00V" * 30_000), b""),
        "a body of five million bytes": (None, b"b" * 5_000_000),
    }
