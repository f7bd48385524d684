"""A recorded message in the form in which it is shown again; does not say who may see it.

A mark stands where the seal would be, and the seal behind it. So nobody can read the one without
the other: who knows nothing of replays finds no seal at all. The seal itself is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from xroad_lite import strict_json
from xroad_lite.envelope.attributes import Attributes
from xroad_lite.envelope.sealing import (
    MAX_SEAL_BYTES,
    Seal,
    parse_seal,
    verify_body,
    verify_seal,
)
from xroad_lite.errors import SealError

MARK = b"xroad-lite-replay "
"""No seal begins so: base64url has no space. What follows is JSON (docs/formats.md)."""
MAX_MARKED_BYTES = MAX_SEAL_BYTES + 8192
"""The largest seal with its mark, and the verdict in it."""
_FIELDS: dict[str, type] = {
    "of": str,
    "log": str,
    "entry": int,
    "received": str,
    "verdict": dict,
    "replayed": str,
    "seal": str,
}


@dataclass(frozen=True, slots=True)
class Replayed:
    """A message as a log recorded it: where, when and with which verdict; seal, salt and body.

    ``log`` is the subsystem whose log it is, ``received`` and ``replayed`` are times in RFC 3339.
    The body is as it was sent, encrypted where it was confidential.
    """

    log: str
    entry: int
    received: str
    verdict: dict[str, Any]
    replayed: str
    opened: Seal = field(repr=False)
    salt: bytes = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def seal(self) -> bytes:
        """The very seal."""
        return self.opened.token

    @property
    def attributes(self) -> Attributes:
        """The sealed attributes."""
        return self.opened.attributes

    def check(self) -> None:
        """``SealError`` unless the signature holds and the body is the one that was sealed.

        Whose key it is, and whether it might seal, the log's owner judged then: ``verdict``.
        """
        verify_seal(self.opened)
        verify_body(self.opened, self.salt, self.body)

    def marked(self) -> bytes:
        """What travels in the seal's place."""
        said = {
            "of": self.attributes.id,
            "log": self.log,
            "entry": self.entry,
            "received": self.received,
            "verdict": self.verdict,
            "replayed": self.replayed,
            "seal": self.seal.decode(),
        }
        return MARK + strict_json.dumps(said)


def is_replay(token: bytes) -> bool:
    """Whether a mark stands where a seal should be."""
    return token.startswith(MARK)


def read_replay(token: bytes, salt: bytes, body: bytes) -> Replayed:
    """A replay as it came from a queue; ``SealError`` if it has not its form."""
    if not is_replay(token):
        raise SealError("envelope.malformed", f"no replay: it does not begin with {MARK.decode()}")
    if len(token) > MAX_MARKED_BYTES:
        raise SealError(
            "envelope.too_large", f"the replay's mark has over {MAX_MARKED_BYTES} bytes"
        )
    try:
        said = strict_json.loads(token.removeprefix(MARK))
    except strict_json.StrictJSONError as error:
        raise SealError("envelope.malformed", f"the replay's mark: {error}") from None
    if not isinstance(said, dict) or any(
        type(said.get(name)) is not kind for name, kind in _FIELDS.items()
    ):
        raise SealError(
            "envelope.malformed",
            f"the replay's mark must say {', '.join(_FIELDS)}, each in its form",
        )
    kept = ("log", "entry", "received", "verdict", "replayed")
    found = Replayed(
        **{name: said[name] for name in kept},
        opened=parse_seal(said["seal"].encode()),
        salt=salt,
        body=body,
    )
    if found.attributes.id != said["of"]:
        raise SealError("envelope.malformed", f"a replay of {said['of']} holds another's seal")
    return found
