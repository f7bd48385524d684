"""``xroad-lite registry serve``: the published registry over HTTP, with Confluent's API."""

from __future__ import annotations

import ipaddress
import logging
import socket
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xroad_lite.cli import options, output, passphrases, role_keys
from xroad_lite.cli.registry import registry_app
from xroad_lite.errors import ConfigurationError, TransportError

if TYPE_CHECKING:
    import uvicorn

    from xroad_lite.stewardship import RoleKeys
    from xroad_lite.stewardship.serving import Newest, Writer
    from xroad_lite.stewardship.serving.application import RegistryApplication

_NEEDED = ("starlette", "uvicorn")
_CLOSING_SECONDS = 3


@registry_app.command("serve")
@output.command
def serve(
    folder: Annotated[Path, typer.Argument(help="The published registry.")],
    host: Annotated[
        str, typer.Option(help="The address to listen on.", envvar="XROAD_LITE_SERVE_HOST")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            help="The port; 0 takes a free one.",
            min=0,
            max=65535,
            envvar="XROAD_LITE_SERVE_PORT",
        ),
    ] = 8081,
    source: Annotated[
        Path | None,
        typer.Option(
            help="Take changes too: the source directory to write them to.",
            envvar="XROAD_LITE_SERVE_SOURCE",
        ),
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(
            help="Who may change it: a file of user:password lines, or tokens.",
            envvar="XROAD_LITE_SERVE_CREDENTIALS",
        ),
    ] = None,
    keys: role_keys.Keys = None,
    passphrase_from: passphrases.From = None,
    owner: Annotated[
        str,
        typer.Option(
            help="The member that new subjects belong to.", envvar="XROAD_LITE_SERVE_OWNER"
        ),
    ] = "",
    certificate: Annotated[
        Path | None,
        typer.Option(
            "--tls-certificate",
            help="PEM of the server's certificate and chain.",
            envvar="XROAD_LITE_SERVE_TLS_CERTIFICATE",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            "--tls-key", help="PEM of its private key.", envvar="XROAD_LITE_SERVE_TLS_KEY"
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Serve a published registry: its files, and Confluent Schema Registry's API."""
    _check_extra()
    _check_safe(host, source, credentials, keys, certificate, key)
    from xroad_lite.stewardship.serving import Credentials, Newest
    from xroad_lite.stewardship.serving.application import RegistryApplication

    newest = Newest(folder)
    writer = None
    if source is not None:
        signing = role_keys.opened(keys, passphrase_from)
        writer = _writer(source, folder, newest, signing, owner)
    allowed = None if credentials is None else Credentials.read(credentials)
    application = RegistryApplication(folder, newest, steward=writer, credentials=allowed)
    server = _server(application, certificate, key)
    with _listening(host, port) as listening:
        name = f"[{host}]" if ":" in host else host
        url = f"{'https' if certificate else 'http'}://{name}:{listening.getsockname()[1]}"
        mode = "READONLY" if writer is None else "READWRITE"
        output.give(
            {"url": url, "mode": mode, "snapshot": newest.catalogue().snapshot.name},
            lambda: output.out.print(f"serving {folder} at {url}, {mode}", highlight=False),
        )
        server.run(sockets=[listening])


def _server(
    application: RegistryApplication, certificate: Path | None, key: Path | None
) -> uvicorn.Server:
    import uvicorn

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=_CLOSING_SECONDS,
    )
    config.load()  # a certificate that is of no use is told before anybody is served
    return uvicorn.Server(config)


def _check_extra() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            "config.missing_extra",
            f"serving a registry needs {' and '.join(missing)}, which are not installed here",
            hint="pip install 'xroad-lite[server]'",
        )


def _check_safe(
    host: str,
    source: Path | None,
    credentials: Path | None,
    keys: list[str] | None,
    certificate: Path | None,
    key: Path | None,
) -> None:
    """Refuse to write for anybody, or to take passwords in the clear from elsewhere."""
    if (certificate is None) is not (key is None):
        raise ConfigurationError(
            "config.tls", "--tls-certificate and --tls-key go together: got only one of them"
        )
    if (source is None) is not (credentials is None) or (source is not None and not keys):
        raise ConfigurationError(
            "config.credentials",
            "--source, --credentials and --key go together: what is changed must be allowed to "
            "somebody, and signed",
            hint="leave --source and --credentials out to serve read-only",
        )
    if source is not None and certificate is None and not _is_loopback(host):
        raise ConfigurationError(
            "config.tls",
            f"{host} is open to other machines: passwords would travel in the clear",
            hint="give --tls-certificate and --tls-key, or listen on 127.0.0.1",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _writer(source: Path, folder: Path, newest: Newest, keys: RoleKeys, owner: str) -> Writer:
    from xroad_lite.stewardship import publish_whole
    from xroad_lite.stewardship.serving import Writer

    return Writer(
        source,
        lambda: publish_whole(source, folder, keys, now=time.time()),
        newest.adopt,
        owner=owner,
    )


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise TransportError(
            "transport.listen",
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            hint="choose another with --port, or --port 0 for a free one",
        ) from None
