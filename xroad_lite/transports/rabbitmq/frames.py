"""Message frames of AMQP 0-9-1, written and read as bytes, in bounded time and memory.

Stands in for pika's header tables, which a hostile message can crash (a timestamp of 2^62, tables
nested thousands deep). Reads ``seal`` and ``salt`` alone and does not interpret any other field.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache

from xroad_lite.envelope import MAX_SEAL_BYTES, SALT_BYTES

FRAME_MAX = 131_072
"""The largest frame that is negotiated, in bytes."""

OVERHEAD = 8
METHOD, HEADER, BODY = 1, 2, 3
"""Kinds of frames."""

MAX_FIELDS = 256
"""A header table with more fields is not read."""

_END = b"\xce"
_FRAME = struct.Struct(">BHI")
_HEADER = struct.Struct(">HHQH")
_LONG = struct.Struct(">I")
_PUBLISH = bytes.fromhex("003c0028") + b"\x00\x00"  # basic.publish, reserved
_ACK = bytes.fromhex("003c0050")
_TAG = struct.Struct(">Q")
_HEADERS = 1 << 13
_OUR_FLAGS = 1 << 15 | _HEADERS | 1 << 12 | 1 << 7 | 1 << 5  # with content_type, mode, id, type
_PERSISTENT = b"\x02"
_WANTED = {b"seal": MAX_SEAL_BYTES + 1, b"salt": SALT_BYTES + 1}
# Field types of fixed width (RabbitMQ's errata table); the others begin with their length.
_FIXED = dict(zip(b"tbBsuUIifLldTDV", (1, 1, 1, 2, 2, 2, 4, 4, 4, 8, 8, 8, 8, 5, 0), strict=True))
_MEASURED = frozenset(b"SxAF")


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """A frame around its payload."""
    return b"%s%s%s" % (_FRAME.pack(kind, channel, len(payload)), payload, _END)


@lru_cache(maxsize=256)
def publish_method(channel: int, exchange: str, key: str, *, mandatory: bool) -> bytes:
    """The frame of ``basic.publish``."""
    payload = _PUBLISH + _short(exchange.encode()) + _short(key.encode()) + bytes([mandatory])
    return frame(METHOD, channel, payload)


def content_header(
    size: int, *, content_type: str, message_id: str, type_: str, table: bytes
) -> bytes:
    """The payload of a content header frame, for a persistent message of ``size`` bytes."""
    return b"".join(
        (
            _HEADER.pack(60, 0, size, _OUR_FLAGS),
            _short(content_type.encode()),
            _LONG.pack(len(table)),
            table,
            _PERSISTENT,
            _short(message_id.encode()),
            _short(type_.encode()),
        )
    )


def header_table(seal: bytes, salt: bytes, mirrored: Mapping[str, str]) -> bytes:
    """``seal`` and ``salt`` as byte strings, then the attributes as text, named ``ce-...``."""
    parts = [b"\x04sealx", _LONG.pack(len(seal)), seal, b"\x04saltx", _LONG.pack(len(salt)), salt]
    for name, value in mirrored.items():
        text = value.encode()
        parts += (_field(name), _LONG.pack(len(text)), text)
    return b"".join(parts)


@lru_cache(maxsize=1024)
def _field(name: str) -> bytes:
    return _short(f"ce-{name}".encode()) + b"S"


def body_frames(channel: int, body: bytes, frame_max: int) -> list[bytes]:
    """The frames of a body; none for an empty one."""
    step = frame_max - OVERHEAD
    return [frame(BODY, channel, body[start : start + step]) for start in range(0, len(body), step)]


def read_content_header(payload: bytes) -> tuple[int, bytes, bytes]:
    """Size of the body, seal and salt, from the payload of a content header frame.

    Whatever is wrong with the properties gives an empty seal and salt, which check 1 refuses; what
    is too large is cut just beyond its limit. Never raises on what a sender can choose.
    """
    size: int = _HEADER.unpack_from(payload)[2]
    try:
        fields = _read_properties(payload)
    except (IndexError, ValueError, struct.error):
        fields = {}
    return size, fields.get(b"seal", b""), fields.get(b"salt", b"")


def read_returned(method: bytes, header: bytes) -> tuple[str, str]:
    """Routing key and message id of a message of ours that came back; empty where unreadable."""
    try:
        offset = 6 + 1 + method[6]  # the method's number and the reply code, then the reply text
        offset += 1 + method[offset]
        key = _text(method, offset)
        offset = _HEADER.size + 1 + header[_HEADER.size]
        (length,) = _LONG.unpack_from(header, offset)
        return key, _text(header, offset + _LONG.size + length + len(_PERSISTENT))
    except (IndexError, UnicodeError, struct.error):
        return "", ""


def _text(data: bytes, offset: int) -> str:
    return data[offset + 1 : offset + 1 + data[offset]].decode()


def read_delivery(method: bytes) -> tuple[str, int]:
    """Consumer tag (of our own choice) and delivery tag of ``basic.deliver``."""
    consumer = _text(method, 4)
    return consumer, _TAG.unpack_from(method, 5 + method[4])[0]


def acknowledgement(channel: int, tag: int, *, multiple: bool) -> bytes:
    """The frame of ``basic.ack``."""
    return frame(METHOD, channel, _ACK + _TAG.pack(tag) + bytes([multiple]))


def _read_properties(payload: bytes) -> dict[bytes, bytes]:
    flags = _HEADER.unpack_from(payload)[3]
    offset = _HEADER.size
    if flags & 1 or not flags & _HEADERS:
        return {}
    for flag in (1 << 15, 1 << 14):  # content_type and content_encoding come before the table
        if flags & flag:
            offset += 1 + payload[offset]
    (length,) = _LONG.unpack_from(payload, offset)
    offset += _LONG.size
    if offset + length > len(payload):
        return {}
    return _read_table(payload, offset, offset + length)


def _read_table(payload: bytes, offset: int, end: int) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for _ in range(MAX_FIELDS):
        if offset == end:
            return found
        start = offset + 1
        offset = start + payload[offset]
        name, kind = payload[start:offset], payload[offset]
        start = offset + 1
        if kind in _MEASURED:
            start += _LONG.size
            offset = start + _LONG.unpack_from(payload, offset + 1)[0]
        else:
            offset = start + _width(kind)
        if offset > end:
            break
        if name in _WANTED:
            if name in found or kind not in b"Sx":
                break
            found[name] = payload[start : min(offset, start + _WANTED[name])]
            if len(found) == len(_WANTED):
                return found
    return {}


def _width(kind: int) -> int:
    if kind not in _FIXED:
        raise ValueError(f"unknown field type {kind}")
    return _FIXED[kind]


def _short(text: bytes) -> bytes:
    if len(text) > 255:
        raise ValueError(f"a short string of {len(text)} bytes")
    return bytes([len(text)]) + text
