"""Runs the application on a socket: uvicorn, our bounded protocol, TLS with pinned clients.

Does not build the application.
"""

from __future__ import annotations

import logging
import socket
import ssl

import uvicorn

from xroad_lite.errors import ConfigurationError, TransportError
from xroad_lite.gateway.application import Application
from xroad_lite.gateway.protocol import BoundedProtocol
from xroad_lite.gateway.settings import GatewaySettings

_CLOSING_SECONDS = 10


def server(application: Application, settings: GatewaySettings) -> uvicorn.Server:
    """The server; ``ConfigurationError`` for a certificate or key that is of no use."""
    protocol = type("Bounded", (BoundedProtocol,), {"limits": settings.limits})
    config = uvicorn.Config(
        application,
        http=protocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_CLOSING_SECONDS,
        backlog=2048,
        ssl_context_factory=None if settings.tls is None else lambda *_: tls_context(settings),
    )
    config.load()
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return _Server(config, application)


class _Server(uvicorn.Server):
    """Tells the application first that it ends: streams and long polls would hold it up."""

    def __init__(self, config: uvicorn.Config, application: Application) -> None:
        super().__init__(config)
        self._application = application

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, what is being answered first."""
        await self._application.stop()
        await super().shutdown(sockets)


def tls_context(settings: GatewaySettings) -> ssl.SSLContext:
    """TLS 1.2 and newer; the clients' own certificates are what is trusted, and no authority."""
    assert settings.tls is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL if settings.clients else ssl.CERT_NONE
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    file = settings.path(settings.tls.certificate)
    try:
        context.load_cert_chain(file, settings.path(settings.tls.key))
        for client in settings.clients:
            file = settings.path(client.certificate)
            context.load_verify_locations(file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            "config.tls", f"the certificate {file} cannot be used: {error}"
        ) from None
    return context


def listening(settings: GatewaySettings) -> socket.socket:
    """The open port; ``TransportError`` if somebody else has it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise TransportError(
            "transport.listen",
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}",
            hint="choose another with --port, or --port 0 for a free one",
        ) from None
