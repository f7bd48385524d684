"""Who is calling: a token, a client certificate, or anybody where the port is open; no rights.

What a caller may do, its subsystem's agreements say.
"""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from starlette.types import Scope

from xroad_lite.errors import ConfigurationError
from xroad_lite.gateway.headers import every
from xroad_lite.gateway.settings import GatewaySettings
from xroad_lite.gateway.tokens import PREFIX, TokenFile

CERTIFICATE = "xroad_lite.certificate"
"""Under which name the server puts a client's certificate (DER) into the ASGI scope's state."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may speak for ``subsystems``; ``name`` is for logs."""

    name: str
    subsystems: frozenset[str]


class UnknownCallerError(Exception):
    """Nobody that is known; the text says what was shown and what is expected."""


class Callers:
    """Tells callers by the strongest thing they show: token, certificate, nothing."""

    def __init__(
        self,
        settings: GatewaySettings,
        subsystems: Collection[str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``subsystems`` are those of the gateway's nodes. ``ConfigurationError`` for others."""
        self._here = frozenset(subsystems)
        self._clock = clock
        self.tokens = TokenFile(settings.path(settings.tokens))
        self.tokens.list()
        self._anybody = Caller("open", self._here) if settings.open else None
        self._certificates: dict[str, Caller] = {}
        for client in settings.clients:
            if client.subsystem not in self._here:
                raise ConfigurationError(
                    "config.client",
                    f"{client.certificate} speaks for {client.subsystem}, which has no node here",
                )
            pem = settings.path(client.certificate).read_text()
            digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
            name = f"certificate {digest[:16]}"
            known = self._certificates.get(digest)
            speaks = {client.subsystem} | (known.subsystems if known else set())
            self._certificates[digest] = Caller(name, frozenset(speaks))

    def identify(self, scope: Scope) -> Caller:
        """The caller of an HTTP request; ``UnknownCallerError`` if it is nobody."""
        token = token_of(scope)
        if token is not None:
            return self._by_token(token)
        certificate = scope.get("state", {}).get(CERTIFICATE)
        if certificate is not None:
            found = self._certificates.get(hashlib.sha256(certificate).hexdigest())
            if found is None:
                raise UnknownCallerError("the client certificate speaks for no subsystem here")
            return found
        if self._anybody is not None:
            return self._anybody
        raise UnknownCallerError("expected a client certificate, or Authorization: Bearer TOKEN")

    def _by_token(self, shown: str) -> Caller:
        token = self.tokens.find(shown, self._clock())
        if token is None:
            raise UnknownCallerError("the token is unknown, revoked or expired")
        return Caller(f"token {token.name}", self._here & {token.subsystem})


def token_of(scope: Scope) -> str | None:
    """Our own token among a request's headers; other bearers are the provider's business."""
    for shown in every(scope, b"authorization"):
        scheme, _, value = shown.partition(" ")
        if scheme.lower() == "bearer" and value.strip().startswith(PREFIX):
            return value.strip()
    return None
