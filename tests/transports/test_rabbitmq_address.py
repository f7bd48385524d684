"""Addresses of brokers, read without connecting."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from worlds import parcel

from xroad_lite.errors import ConfigurationError, TransportError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.transports.rabbitmq.address import parse_address
from xroad_lite.transports.rabbitmq.transport import RabbitTransport

ME = SubsystemId.parse("CL/GOV/CIVIL/births")


def test_a_whole_address() -> None:
    """User, password, hosts in order, virtual host and options."""
    read = parse_address("amqp://CL.GOV%2520x:p%40ss@one:1,two,[::1]:3/prod%2Fcl?heartbeat=20")
    assert (read.user, read.password, read.virtual_host) == ("CL.GOV%20x", "p@ss", "prod/cl")
    assert read.hosts == (("one", 1), ("two", 5672), ("::1", 3))
    assert (read.heartbeat, read.external, read.tls) == (20, False, None)


def test_what_is_left_out() -> None:
    """Guest on the default virtual host, ports by scheme."""
    read = parse_address("amqp://localhost")
    assert (read.user, read.password, read.virtual_host) == ("guest", "guest", "/")
    assert parse_address("amqps://localhost/").hosts == (("localhost", 5671),)
    assert parse_address("amqps://localhost").tls is not None


def test_a_password_is_not_shown() -> None:
    """Neither ``repr`` nor an error tells it."""
    assert "secret" not in repr(parse_address("amqp://me:secret@localhost"))
    with pytest.raises(ConfigurationError) as refused:
        parse_address("amqp://me:secret@localhost/?x=1")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://localhost",
        "amqp://",
        "amqp://user:pass@",
        "amqp://one,,two",
        "amqp://one:x",
        "amqp://one:70000",
        "amqp://[::1",
        "amqp://one/a/b",
        "amqp://one#two",
        "amqp://one/?heartbeat=0",
        "amqp://one/?heartbeat=x",
        "amqp://one/?heartbeat=5&heartbeat=6",
        "amqp://one/?heartbeat",
        "amqp://one/?verify=verify_none",
        "amqp://one/?auth_mechanism=external",
        "amqps://one/?auth_mechanism=external",
        "amqps://one/?auth_mechanism=anonymous",
        "amqps://one/?cacertfile=missing.pem",
    ],
)
def test_addresses_that_cannot_work(uri: str, tmp_path: Path) -> None:
    """Each is refused when it is read, with the form that is expected or the file that is not."""
    with pytest.raises(ConfigurationError) as refused:
        parse_address(uri, base=tmp_path)
    assert refused.value.code in ("transport.address", "transport.tls_files")
    assert refused.value.hint


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("body", {"body": b"x" * 101}),
        ("seal", {"seal": b"x" * 16_385}),
        ("salt", {"salt": b"x" * 33}),
        ("attribute", {"attributes": lambda: {"subject": "ñ" * 128}}),
        ("header", {"attributes": lambda: {f"a{n}": "x" * 255 for n in range(130)}}),
    ],
)
def test_what_is_too_large_is_not_sent(name: str, content: dict[str, object]) -> None:
    """The batch is refused before any of it goes out, and the error says what is too large."""
    transport = RabbitTransport("amqp://127.0.0.1:1", ME, max_body=100)
    try:
        with pytest.raises(TransportError, match=f"the {name} has") as refused:
            transport.send([parcel(1, str(ME)), parcel(2, str(ME), **content)])
        assert refused.value.code == "transport.too_large"
        assert transport.status()["unconfirmed"] == 0
        assert transport.outcomes() == []
    finally:
        transport.close()


def test_pika_is_not_loaded_before_it_is_used() -> None:
    """The contract, the topology and addresses do without it."""
    code = (
        "import sys, xroad_lite.transports, xroad_lite.transports.rabbitmq.topology,"
        " xroad_lite.transports.rabbitmq.address, xroad_lite.transports.rabbitmq.drift;"
        "sys.exit('pika' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0
