"""Checks the public keys of the logs: their form, whose they are, and that none is shared."""

from __future__ import annotations

from collections.abc import Iterator

from xroad_lite.errors import LogError, XRoadError
from xroad_lite.identifiers import SubsystemId, url_path
from xroad_lite.messagelog.notes import ED25519, Verifier
from xroad_lite.registry.models import Subsystem
from xroad_lite.registry.yaml_values import Path
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import Reading

_HINT = "take the line that this prints at the node: xroad-lite keys list"


def check_log_keys(reading: Reading) -> Iterator[Finding]:
    """Each is a C2SP vkey under the name of its own log; no two logs have the same."""
    met: dict[bytes, str] = {}
    for path, member in reading.members:
        for index, subsystem in enumerate(member.subsystems):
            at: Path = ("subsystems", index, "log_keys")
            yield from _of(path, member.member, subsystem, at, met)


def _of(
    path: str, member: str, subsystem: Subsystem, at: Path, met: dict[bytes, str]
) -> Iterator[Finding]:
    for number, text in enumerate(subsystem.log_keys):
        here: Path = (*at, number)
        try:
            code = subsystem.code.replace("%", "%25").replace("/", "%2F")
            name = url_path(SubsystemId.parse(f"{member}/{code}"))
            key = Verifier.read(text)
            if key.kind != ED25519:
                raise LogError("log.note_key", "is a witness's key: expected the log's own")
        except XRoadError as error:
            yield Finding(path, "registry.log_key", error.message, hint=_HINT, at=here)
            continue
        if key.name != name:
            message = f"the log key is of {key.name}: expected one of {name}"
            yield Finding(path, "registry.log_key", message, hint=_HINT, at=here)
        other = met.setdefault(key.public, f"{name} #{number}")
        if other != f"{name} #{number}":
            message = f"the log key is that of {other.rpartition(' #')[0]} too"
            yield Finding(path, "registry.log_key", message, hint=_HINT, at=here)
