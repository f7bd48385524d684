"""Reads a broker's address; does not connect.

``amqp://USER:PASSWORD@HOST[:PORT][,HOST[:PORT]...][/VHOST][?OPTIONS]``, or ``amqps://`` for TLS.
Options are RabbitMQ's own: ``cacertfile``, ``certfile``, ``keyfile``, ``server_name_indication``,
``auth_mechanism`` (``plain`` or ``external``), ``heartbeat`` (seconds).
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from xroad_lite.errors import ConfigurationError

HEARTBEAT_SECONDS = 10
_PORTS = {"amqp": 5672, "amqps": 5671}
# A list of hosts is no netloc of RFC 3986, and some versions of urlsplit refuse it.
_PARTS = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<netloc>[^/?#\s]*)(?P<path>[^?#\s]*)(?:\?(?P<query>[^#\s]*))?"
)
_FILES = ("cacertfile", "certfile", "keyfile")
_OPTIONS = (*_FILES, "server_name_indication", "auth_mechanism", "heartbeat")
_FORM = "amqp[s]://USER:PASSWORD@HOST[:PORT][,HOST...][/VHOST][?OPTIONS]"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is and who we are there; the hosts are tried in turn."""

    hosts: tuple[tuple[str, int], ...]
    virtual_host: str
    user: str
    password: str = field(repr=False)
    external: bool
    heartbeat: int
    server_name: str | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)


def parse_address(uri: str, *, base: Path = Path()) -> Address:
    """Read ``uri``; files in it are below ``base``. ``ConfigurationError`` says what is wrong.

    A missing user is ``guest``, as everywhere with RabbitMQ. TLS always verifies the server.
    """
    match = _PARTS.fullmatch(uri)
    if match is None or match["scheme"] not in _PORTS:
        raise _refused("the scheme is neither amqp nor amqps, or it has a fragment")
    scheme, query = match["scheme"], match["query"] or ""
    try:
        options = parse_qs(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise _refused(str(error)) from None
    single = _single(options)
    userinfo, _, hosts = match["netloc"].rpartition("@")
    user, _, password = userinfo.partition(":")
    external = _mechanism(single, scheme)
    return Address(
        hosts=tuple(_host(text, _PORTS[scheme]) for text in hosts.split(",")),
        virtual_host=_virtual_host(match["path"]),
        user=unquote(user) or ("" if external else "guest"),
        password=unquote(password) or ("" if user or external else "guest"),
        external=external,
        heartbeat=_heartbeat(single.get("heartbeat", str(HEARTBEAT_SECONDS))),
        server_name=single.get("server_name_indication"),
        tls=_context(single, base) if scheme == "amqps" else None,
    )


def _single(options: Mapping[str, list[str]]) -> dict[str, str]:
    for name, values in options.items():
        if name not in _OPTIONS or len(values) != 1 or not values[0]:
            raise _refused(f"the option {name!r} is unknown, empty or repeated")
    return {name: values[0] for name, values in options.items()}


def _host(text: str, default: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _refused(f"the host {text!r}: {error}") from None
    if not host or parts.path:
        raise _refused(f"{text!r} is no host")
    return host, port or default


def _virtual_host(path: str) -> str:
    if "/" in path[1:]:
        raise _refused("a slash in the virtual host is written %2F")
    return unquote(path[1:]) or "/"


def _mechanism(options: Mapping[str, str], scheme: str) -> bool:
    mechanism = options.get("auth_mechanism", "plain")
    if mechanism not in ("plain", "external"):
        raise _refused(f"auth_mechanism is {mechanism!r}: expected plain or external")
    external = mechanism == "external"
    if external and (scheme != "amqps" or "certfile" not in options):
        raise _refused("auth_mechanism=external needs amqps and a certfile")
    return external


def _heartbeat(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 600:
        raise _refused(f"heartbeat is {text!r}: expected 1 to 600 seconds")
    return int(text)


def _context(options: Mapping[str, str], base: Path) -> ssl.SSLContext:
    files = {name: str(base / options[name]) for name in _FILES if name in options}
    try:
        context = ssl.create_default_context(cafile=files.get("cacertfile"))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if "certfile" in files:
            context.load_cert_chain(files["certfile"], files.get("keyfile"))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            "transport.tls_files",
            f"cannot use the TLS files {sorted(files.values())}: {error}",
            hint="give PEM files that this user may read",
        ) from None
    return context


def _refused(reason: str) -> ConfigurationError:
    return ConfigurationError(
        "transport.address",
        f"the broker's address cannot be read: {reason}",
        hint=f"write it as {_FORM}",
    )
