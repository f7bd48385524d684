"""pika's connection with message frames read by ``frames`` instead; does not reconnect.

pika keeps the handshake, channels, heartbeats and TLS. Deliveries, returns and confirms go straight
to the sink of their channel, and no more of a body is kept than the sink wants.
"""

from __future__ import annotations

import logging
import struct
from typing import Protocol

import pika
from pika import frame, spec
from pika.exceptions import InvalidFrameError, StreamLostError

from xroad_lite.transports.rabbitmq.address import Address
from xroad_lite.transports.rabbitmq.frames import FRAME_MAX, read_content_header

_FRAME = struct.Struct(">BHI")
_CONFIRM = struct.Struct(">QB")
_METHOD_ID = struct.Struct(">I")
_ACK, _NACK = spec.Basic.Ack.INDEX, spec.Basic.Nack.INDEX
_WITH_CONTENT = (spec.Basic.Deliver.INDEX, spec.Basic.Return.INDEX)
_RECEIVE_BYTES = 65_536
_CONNECT_SECONDS = 5.0
_HANDSHAKE_SECONDS = 10.0

# A failed attempt is eight errors to pika. Ours are in the status; for pika's own, set a level.
if logging.getLogger("pika").level == logging.NOTSET:
    logging.getLogger("pika").setLevel(logging.CRITICAL)


class Sink(Protocol):
    """What a channel does with what arrives on it."""

    max_body: int
    """Of a body, one byte more than this is kept."""

    def on_content(self, content: Content) -> None:
        """A whole message has arrived."""
        ...

    def on_confirm(self, tag: int, multiple: bool, taken: bool) -> None:
        """The broker took, or refused, the publishes up to ``tag``, or ``tag`` alone."""
        ...

    def on_read(self) -> None:
        """What arrived at once has been given; called once for many messages or confirms."""
        ...


class BoundedConnection(pika.SelectConnection):  # type: ignore[misc]
    """A connection on which no message can do harm while it is read."""

    def __init__(self, *arguments: object, **settings: object) -> None:
        self.sinks: dict[int, Sink] = {}
        self._rest = b""
        self._content: dict[int, Content] = {}
        super().__init__(*arguments, **settings)

    def emit(self, data: bytes) -> None:
        """Write frames that are already bytes."""
        self._output_marshaled_frames([data])

    def abort(self, reason: str) -> None:
        """Close the stream without asking the broker."""
        self._terminate_stream(StreamLostError(reason))

    @property
    def frame_max(self) -> int:
        """The largest frame that both sides agreed on."""
        return int(self.params.frame_max)

    def _on_stream_connected(self) -> None:
        # pika reads 4 KiB at a time; one system call for many messages is worth having.
        self._transport._MAX_RECV_BYTES = _RECEIVE_BYTES
        super()._on_stream_connected()

    def _on_data_available(self, data_in: bytes) -> None:
        self.bytes_received += len(data_in)
        data = self._rest + data_in if self._rest else data_in
        offset, total = 0, len(data)
        while total - offset >= 8:
            kind, channel, size = _FRAME.unpack_from(data, offset)
            start = offset + 7
            end = start + size
            if size > FRAME_MAX:
                raise InvalidFrameError(f"a frame of {size} bytes")
            if end >= total:
                break
            if data[end] != spec.FRAME_END:
                raise InvalidFrameError("a frame does not end where it says")
            if not self._take(kind, channel, data[start:end]):
                self._give_to_pika(data[offset : end + 1])
            offset = end + 1
        self._rest = data[offset:]
        for sink in self.sinks.values():
            sink.on_read()

    def _take(self, kind: int, channel: int, payload: bytes) -> bool:
        """Whether the frame is for a sink; all others are pika's."""
        sink = self.sinks.get(channel)
        if sink is None or kind == spec.FRAME_HEARTBEAT:
            return False
        if kind == spec.FRAME_METHOD:
            return self._take_method(channel, sink, payload)
        self._take_content(channel, sink, kind, payload)
        return True

    def _take_method(self, channel: int, sink: Sink, payload: bytes) -> bool:
        (method,) = _METHOD_ID.unpack_from(payload)
        if method in _WITH_CONTENT:
            self._content[channel] = Content(payload, sink.max_body + 1)
        elif method in (_ACK, _NACK):
            tag, bits = _CONFIRM.unpack_from(payload, 4)
            sink.on_confirm(tag, bool(bits & 1), method == _ACK)
        else:
            return False
        self.frames_received += 1
        return True

    def _take_content(self, channel: int, sink: Sink, kind: int, payload: bytes) -> None:
        self.frames_received += 1
        content = self._content.get(channel)
        if content is None:
            raise InvalidFrameError("content without a method before it")
        if kind == spec.FRAME_HEADER:
            content.begin(payload)
        else:
            content.add(payload)
        if content.missing == 0:
            del self._content[channel]
            sink.on_content(content)

    def _give_to_pika(self, whole: bytes) -> None:
        _, value = frame.decode_frame(whole)
        if value is not None:
            self._process_frame(value)


class Content:
    """A message that is arriving: payloads of its method and header, and what was read of it."""

    __slots__ = ("_parts", "_room", "header", "method", "missing", "salt", "seal")

    def __init__(self, method: bytes, room: int) -> None:
        self.method = method
        self.header = self.seal = self.salt = b""
        self.missing = -1
        self._room = room
        self._parts: list[bytes] = []

    @property
    def body(self) -> bytes:
        """What was kept of the body."""
        return b"".join(self._parts)

    def begin(self, payload: bytes) -> None:
        """Its header frame is here."""
        self.header = payload
        self.missing, self.seal, self.salt = read_content_header(payload)

    def add(self, payload: bytes) -> None:
        """A frame of its body is here."""
        if len(payload) > self.missing:
            raise InvalidFrameError("more body than its header says")
        self.missing -= len(payload)
        if self._room:
            part = payload[: self._room]
            self._room -= len(part)
            self._parts.append(part)


def parameters(address: Address, host: str, port: int, name: str) -> pika.ConnectionParameters:
    """How to connect to one host of ``address``, once; ``name`` is shown on the broker."""
    tls = None
    if address.tls is not None:
        tls = pika.SSLOptions(address.tls, address.server_name or host)
    credentials = (
        pika.credentials.ExternalCredentials()
        if address.external
        else pika.PlainCredentials(address.user, address.password)
    )
    return pika.ConnectionParameters(
        host=host,
        port=port,
        virtual_host=address.virtual_host,
        credentials=credentials,
        frame_max=FRAME_MAX,
        heartbeat=address.heartbeat,
        ssl_options=tls,
        connection_attempts=1,
        retry_delay=0,
        socket_timeout=_CONNECT_SECONDS,
        stack_timeout=_HANDSHAKE_SECONDS,
        blocked_connection_timeout=None,
        client_properties={"connection_name": name},
    )
