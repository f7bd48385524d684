"""What the registry of now says of this node: its keys, services and planned times; keeps nothing.

Does not decide what follows from it.
"""

from __future__ import annotations

from typing import Any

from xroad_lite.errors import ConfigurationError
from xroad_lite.node.registries import Registries
from xroad_lite.registry import Party
from xroad_lite.registry.models import Maintenance


class Registered:
    """A subsystem as its own registry has it at the moment of each question."""

    def __init__(self, registry: Registries, me: str) -> None:
        self._registry = registry
        self._me = me

    @property
    def party(self) -> Party | None:
        """The subsystem, if it is registered."""
        return self._registry.current.party(self._me)

    def certificate(self, sha256: str) -> bool:
        """Whether a certificate, by its digest in hexadecimal, is listed and not revoked."""
        party = self.party
        entry = party.certificate(sha256) if party is not None else None
        return entry is not None and entry.revoked is None

    def log_key(self, vkey: str) -> bool:
        """Whether a key, as a verifier key of C2SP's signed notes, is listed for its log."""
        party = self.party
        return party is not None and vkey in party.subsystem.log_keys

    def answer_type(self, request_type: str) -> str | None:
        """By which type a service of it answers that is asked by ``request_type``."""
        party = self.party
        service = party.service(request_type) if party is not None else None
        return None if service is None else service[1]

    def service(self, request_type: str) -> str:
        """As ``answer_type``; ``ConfigurationError`` if there is no such service."""
        found = self.answer_type(request_type)
        if found is None:
            raise ConfigurationError(
                "config.service",
                f"the registry lists no service of {self._me} that is asked by {request_type}",
                hint="add it to the member's services in the registry",
            )
        return found

    def maintenance(self, now: float) -> Maintenance | None:
        """The planned time that the whole subsystem is in, if it is in one."""
        party = self.party
        planned = party.maintenance() if party is not None else ()
        return next((one for one in planned if one.covers(now)), None)

    def planned(self, now: float) -> dict[str, Any] | None:
        """The same, for people and monitoring."""
        found = self.maintenance(now)
        return None if found is None else {"until": found.until, "message": found.message}
