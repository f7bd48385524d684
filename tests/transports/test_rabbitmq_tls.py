"""Connections over TLS, with a certificate instead of a password."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from broker import Broker
from certificates import CLIENT
from worlds import LANE, arrivals, parcel, until

from xroad_lite.identifiers import SubsystemId
from xroad_lite.transports.contract import Transport
from xroad_lite.transports.rabbitmq.administration import apply
from xroad_lite.transports.rabbitmq.topology import Route, plan
from xroad_lite.transports.rabbitmq.transport import RabbitTransport

ME = "TLS/GOV/A/main"
FILES = "certfile=tls/client.pem&keyfile=tls/client.key&auth_mechanism=external"


@pytest.fixture
def connected(broker: Broker, request: pytest.FixtureRequest) -> Iterator[Transport]:
    """A transport over TLS whose address has the test's options."""
    uri = f"amqps://127.0.0.1:{broker.tls_port}/?{request.param}"
    transport = RabbitTransport(uri, SubsystemId.parse(ME), base=broker.folder)
    yield transport
    transport.close()


@pytest.mark.parametrize("connected", [f"cacertfile=tls/ca.pem&{FILES}"], indirect=True)
def test_a_certificate_is_enough(broker: Broker, connected: Transport) -> None:
    """EXTERNAL: the broker takes the user's name from the certificate; no password exists."""
    made = plan([Route(ME, ME, LANE)])
    apply(made, broker.url, broker.ctl)
    assert made.users == (CLIENT,)
    connected.listen([LANE])
    connected.send([parcel(1, ME, body=b"x" * 300_000)])
    assert len(arrivals(connected, 1)[0].body) == 300_000
    assert connected.status()["connected"] is True


@pytest.mark.parametrize(
    "connected",
    [f"cacertfile=tls/stranger.pem&{FILES}", FILES, "cacertfile=tls/ca.pem"],
    ids=["another authority", "no authority", "no client certificate"],
    indirect=True,
)
def test_without_trust_there_is_no_connection(connected: Transport) -> None:
    """A server that is not trusted, and a client without certificate, get no further."""
    until(lambda: "SSL" in str(connected.status()["detail"]))
    assert connected.status()["connected"] is False


@pytest.mark.parametrize(
    "connected",
    [f"cacertfile=tls/ca.pem&server_name_indication=other.example&{FILES}"],
    indirect=True,
)
def test_the_server_must_have_the_name(connected: Transport) -> None:
    """A certificate for another name is refused."""
    until(lambda: "SSL" in str(connected.status()["detail"]))
