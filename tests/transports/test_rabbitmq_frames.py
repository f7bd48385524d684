"""Message frames: pika is the second opinion, hypothesis the hostile sender."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from xroad_lite.envelope import MAX_SEAL_BYTES, SALT_BYTES
from xroad_lite.transports.rabbitmq import frames
from xroad_lite.transports.rabbitmq.consumer import Acknowledged

TEXT = st.text(max_size=60)


def header_payload(table: bytes, *, before: bytes = b"", flags: int = 1 << 13) -> bytes:
    """The payload of a content header frame with this header table, length included."""
    return struct.pack(">HHQH", 60, 0, 5, flags) + before + table


def table(content: bytes) -> bytes:
    """A header table with its length."""
    return struct.pack(">I", len(content)) + content


def entry(name: bytes, kind: bytes, value: bytes) -> bytes:
    """A field of a header table."""
    return bytes([len(name)]) + name + kind + value


def long_string(value: bytes) -> bytes:
    """A value with its length of four bytes."""
    return struct.pack(">I", len(value)) + value


SEAL = entry(b"seal", b"x", long_string(b"the seal"))
SALT = entry(b"salt", b"x", long_string(b"the salt"))


@given(
    seal=st.binary(max_size=300),
    salt=st.binary(max_size=SALT_BYTES),
    mirrored=st.dictionaries(TEXT, TEXT, max_size=5),
    texts=st.tuples(TEXT, TEXT, TEXT),
    size=st.integers(0, 2**40),
)
def test_pika_reads_what_we_write(
    seal: bytes, salt: bytes, mirrored: dict[str, str], texts: tuple[str, str, str], size: int
) -> None:
    """A content header of ours means to pika what it means to us."""
    content_type, message_id, type_ = texts
    payload = frames.content_header(
        size,
        content_type=content_type,
        message_id=message_id,
        type_=type_,
        table=frames.header_table(seal, salt, mirrored),
    )
    written = frames.frame(frames.HEADER, 3, payload)
    length, header = frame.decode_frame(written)
    assert (length, header.channel_number, header.body_size) == (len(written), 3, size)
    read = header.properties
    assert (read.content_type, read.message_id, read.type) == texts
    assert read.delivery_mode == 2
    expected = {"seal": seal, "salt": salt} | {f"ce-{k}": v for k, v in mirrored.items()}
    assert read.headers == expected
    assert frames.read_content_header(payload) == (size, seal, salt)


@given(exchange=TEXT, key=TEXT, mandatory=st.booleans(), tag=st.integers(0, 2**64 - 1))
def test_pika_reads_our_methods(exchange: str, key: str, mandatory: bool, tag: int) -> None:
    """Publish and acknowledge are what pika takes them for."""
    _, read = frame.decode_frame(frames.publish_method(2, exchange, key, mandatory=mandatory))
    method = read.method
    assert isinstance(method, spec.Basic.Publish)
    assert (method.exchange, method.routing_key, method.mandatory) == (exchange, key, mandatory)
    _, read = frame.decode_frame(frames.acknowledgement(2, tag, multiple=mandatory))
    assert (read.method.delivery_tag, read.method.multiple) == (tag, mandatory)


def test_we_read_what_pika_writes() -> None:
    """A client that uses pika, with all properties and a long string as seal, is understood."""
    properties = spec.BasicProperties(
        content_type="text/plain",
        content_encoding="gzip",
        headers={"a": [1, {"b": None}], "seal": "text", "n": 2**40, "salt": b"s", "z": True},
        priority=3,
        correlation_id="c",
        reply_to="r",
        expiration="60000",
        message_id="m",
        timestamp=1,
    )
    payload = frame.Header(1, 9, properties).marshal()[7:-1]
    assert frames.read_content_header(payload) == (9, b"text", b"s")


def test_we_read_what_comes_back() -> None:
    """Key and message id of a returned message are found again."""
    header = frames.content_header(
        0,
        content_type="a/b",
        message_id="the id",
        type_="t",
        table=frames.header_table(b"", b"", {}),
    )
    method = b"".join(spec.Basic.Return(312, "NO_ROUTE", "exchange", "the.key").encode())
    returned = struct.pack(">I", spec.Basic.Return.INDEX) + method
    assert frames.read_returned(returned, header) == ("the.key", "the id")
    assert frames.read_returned(b"", b"") == ("", "")


def test_a_delivery_is_read() -> None:
    """Consumer tag and delivery tag are where the protocol has them."""
    method = b"".join(spec.Basic.Deliver("lane.one", 77, True, "exchange", "key").encode())
    assert frames.read_delivery(struct.pack(">I", spec.Basic.Deliver.INDEX) + method) == (
        "lane.one",
        77,
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a timestamp of 2^62", entry(b"t", b"T", struct.pack(">Q", 2**62)) + SEAL + SALT),
        ("a decimal", entry(b"t", b"D", b"\xff\x7f\xff\xff\xff") + SEAL + SALT),
        ("nothing", entry(b"t", b"V", b"") + SEAL + SALT),
        ("a name that is no text", entry(b"\xff\xfe", b"t", b"\x01") + SEAL + SALT),
        ("broken tables inside", entry(b"t", b"F", long_string(b"\xff" * 50)) + SEAL + SALT),
        ("broken lists inside", entry(b"t", b"A", long_string(b"?" * 50)) + SEAL + SALT),
    ],
)
def test_what_does_not_concern_us_is_passed_over(name: str, content: bytes) -> None:
    """Other fields may hold what they like."""
    read = frames.read_content_header(header_payload(table(content)))
    assert read == (5, b"the seal", b"the salt"), name


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("no headers", header_payload(b"", flags=0)),
        ("a second flag word", header_payload(table(SEAL), flags=1 << 13 | 1)),
        ("an unknown type", header_payload(table(entry(b"t", b"?", b"") + SEAL))),
        ("a field beyond the table", header_payload(table(entry(b"t", b"S", b"\xff\xff\xff\xff")))),
        ("a seal beyond the table", header_payload(table(b"\x04sealx\x00\x00\x00\x09short"))),
        ("a table beyond the frame", header_payload(b"\xff\xff\xff\xff" + SEAL)),
        ("a name beyond the frame", header_payload(table(b"\xffx"))),
        ("a cut length", header_payload(b"\x00\x00")),
        ("a seal twice", header_payload(table(SEAL + SEAL))),
        ("a seal of another type", header_payload(table(entry(b"seal", b"l", b"\x00" * 8) + SALT))),
        ("too many fields", header_payload(table(entry(b"", b"V", b"") * 30_000 + SEAL))),
    ],
)
def test_what_is_broken_has_no_seal(name: str, payload: bytes) -> None:
    """Malformed properties give an empty seal and salt, and no exception."""
    assert frames.read_content_header(payload) == (5, b"", b""), name


def test_what_is_too_large_is_cut() -> None:
    """Seal and salt are kept up to one byte beyond their limits."""
    content = entry(b"seal", b"S", long_string(b"s" * 100_000))
    content += entry(b"salt", b"x", long_string(b"s" * 1000))
    _, seal, salt = frames.read_content_header(header_payload(table(content)))
    assert (len(seal), len(salt)) == (MAX_SEAL_BYTES + 1, SALT_BYTES + 1)


def test_nested_tables_cost_nothing() -> None:
    """5,000 tables inside one another are stepped over, not into."""
    inner = b""
    for _ in range(5_000):
        inner = entry(b"", b"F", long_string(inner))
    payload = header_payload(table(inner + SEAL))
    begun = time.perf_counter()
    assert frames.read_content_header(payload)[1] == b"the seal"
    assert time.perf_counter() - begun < 0.01


@given(st.binary(max_size=200), st.integers(0, 2**16 - 1))
def test_any_bytes_are_read_without_exception(content: bytes, flags: int) -> None:
    """Whatever follows the size of the body, something comes out."""
    size, seal, salt = frames.read_content_header(header_payload(content, flags=flags))
    assert size == 5
    assert len(seal) <= len(content)
    assert len(salt) <= len(content)


@given(st.integers(0, 400), st.integers(0, 255))
def test_one_changed_byte_is_read_without_exception(position: int, value: int) -> None:
    """A header of ours with any byte of its properties changed is still read."""
    whole = frames.content_header(
        5,
        content_type="a/b",
        message_id="id",
        type_="t.t",
        table=frames.header_table(b"s" * 200, b"t" * 32, {"id": "x" * 40}),
    )
    changed = bytearray(whole)
    changed[12 + position % (len(whole) - 12)] = value
    assert frames.read_content_header(bytes(changed))[0] == 5


@given(st.lists(st.lists(st.integers(1, 60)), max_size=12))
def test_each_tag_is_acknowledged_exactly_once(calls: list[list[int]]) -> None:
    """However acknowledgements come, what the broker is told covers them all and nothing else."""
    acknowledged, told, asked = Acknowledged(), set[int](), set[int]()
    for call in calls:
        asked |= set(call)
        upto, single = acknowledged.add(sorted(set(call)))
        covered = {tag for tag in range(1, upto + 1) if tag not in told}
        assert not told & set(single)
        assert not covered & set(single)
        told |= covered | set(single)
        assert told == asked
