"""Parcels in the form in which they go to a broker; does not send them.

Written once, before they wait for their turn, so that what cannot be sent is refused at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xroad_lite.envelope import MAX_SEAL_BYTES, MAX_TEXT_BYTES, SALT_BYTES
from xroad_lite.errors import TransportError
from xroad_lite.transports.contract import Parcel
from xroad_lite.transports.rabbitmq import frames, names

MAX_HEADER_BYTES = 32_768


@dataclass(slots=True)
class Letter:
    """A parcel, written; ``sent_at`` is seconds of the monotonic clock."""

    tag: int
    key: str
    mandatory: bool
    message_id: str
    header: bytes = field(repr=False)
    """Payload of its content header frame."""
    body: bytes = field(repr=False)
    sent_at: float = 0.0
    returned: bool = False

    def frames(self, channel: int, exchange: str, frame_max: int) -> list[bytes]:
        """All frames of its publication on a channel."""
        return [
            frames.publish_method(channel, exchange, self.key, mandatory=self.mandatory),
            frames.frame(frames.HEADER, channel, self.header),
            *frames.body_frames(channel, self.body, frame_max),
        ]


def written(parcel: Parcel, max_body: int) -> Letter:
    """Write a parcel, as docs/rabbitmq.md describes it; ``transport.too_large`` if it must not."""
    attributes = dict(parcel.attributes())
    _check(parcel, "body", len(parcel.body), max_body)
    _check(parcel, "seal", len(parcel.seal), MAX_SEAL_BYTES)
    _check(parcel, "salt", len(parcel.salt), SALT_BYTES)
    _check(parcel, "attribute", max(map(_length, attributes.items()), default=0), MAX_TEXT_BYTES)
    content_type = attributes.pop("datacontenttype", "application/octet-stream")
    message_id = attributes.get("id", str(parcel.tag))
    header = frames.content_header(
        len(parcel.body),
        content_type=content_type,
        message_id=message_id,
        type_=attributes.get("type", parcel.lane),
        table=frames.header_table(parcel.seal, parcel.salt, attributes),
    )
    _check(parcel, "header", len(header), MAX_HEADER_BYTES)
    key = names.routing_key(parcel.recipient, parcel.lane)
    return Letter(parcel.tag, key, parcel.recipient is not None, message_id, header, parcel.body)


def _check(parcel: Parcel, name: str, size: int, limit: int) -> None:
    if size > limit:
        raise TransportError(
            "transport.too_large",
            f"parcel {parcel.tag}: the {name} has {size} bytes: at most {limit}",
        )


def _length(attribute: tuple[str, str]) -> int:
    """At least the bytes of its name, with ``ce-`` before it, and of its value."""
    name, value = attribute
    if name.isascii() and value.isascii():
        return max(len(name) + 3, len(value))
    return max(len(name.encode()) + 3, len(value.encode()))
