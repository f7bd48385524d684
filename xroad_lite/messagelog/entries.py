"""The log's leaves: JSON bytes exactly as stored, of five kinds; does not store or hash them.

The form is final (docs/formats.md). Certificates stand in a leaf by digest, bodies lie beside the
log, so that a leaf stays small and a body can be erased while every proof still verifies.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xroad_lite import strict_json, times
from xroad_lite.envelope import Seal, with_certificates, without_certificates
from xroad_lite.errors import LogError

VERSION = 1
MAX_LEAF_BYTES = 65_535
IN, OUT = "in", "out"
HANDLED, DEAD, EXPIRED, DROPPED = "handled", "dead-lettered", "expired", "dropped"
ACCEPTED, DUPLICATE, REFUSED = "accepted", "duplicate", "refused"

_COMMON: dict[str, type] = {"v": int, "kind": str, "time": str}
_SEAL: dict[str, type] = {"header": str, "payload": str, "signature": str}
_MESSAGE: dict[str, type] = {**_COMMON, "direction": str, "registry": str}
_PROVEN = _MESSAGE | _SEAL
_VERDICT: dict[str, type] = {"outcome": str, "checks": list}
_NAMED: dict[str, type] = dict.fromkeys(("id", "source", "type", "sequence", "registry"), str)
_FIELDS: dict[str, dict[str, type]] = {
    "message": {**_MESSAGE, "digest": str, "size": int},
    "outcome": {**_COMMON, "entry": int, "outcome": str, "attempts": int},
    "snapshot": {**_COMMON, "registry": str},
    "token": {**_COMMON, "checkpoint": str, "token": str},
    "erasure": {**_COMMON, "entries": list, "rule": str},
}


class Entry(NamedTuple):
    """One leaf, read: its kind, Unix time, and fields as they stand in its JSON."""

    kind: str
    at: float
    fields: dict[str, Any]

    @property
    def proven(self) -> bool:
        """Whether a message entry holds its seal, and not only a digest of what came."""
        return "payload" in self.fields

    def attributes(self) -> dict[str, str]:
        """The sealed attributes of a message entry, empty if it holds no seal."""
        return dict(strict_json.loads(self.fields["payload"].encode())) if self.proven else {}

    def seal(self, certificates: dict[str, bytes]) -> bytes:
        """The seal's bytes as they travelled, given its certificates by digest."""
        header, payload, signature = (self.fields[name] for name in _SEAL)
        return with_certificates(header, payload, signature, certificates)


def message(
    direction: str,
    at: float,
    opened: Seal,
    *,
    registry: str,
    verdict: dict[str, Any] | None = None,
    mapping: str | None = None,
    reads: str | None = None,
    received: str | None = None,
) -> bytes:
    """A message that was sealed here, or arrived with a signature that holds.

    ``registry`` is this node's own snapshot then. With what arrived go ``verdict``, ``reads`` (the
    IRI of the schema it was read as) and ``mapping`` (the translator's digest); ``received`` is
    the salted digest of a body that is not the sealed one.
    """
    header, payload, signature = without_certificates(opened)
    return _leaf(
        "message",
        at,
        {
            "direction": direction,
            "registry": registry,
            "header": header,
            "payload": payload,
            "signature": signature,
        },
        reads=reads,
        mapping=mapping,
        received=received,
        verdict=verdict,
    )


def unproven(at: float, digest: str, size: int, *, registry: str, verdict: dict[str, Any]) -> bytes:
    """What arrived without a signature that holds: its digest and size, never its content."""
    fields = {"direction": IN, "registry": registry, "digest": digest, "size": size}
    return _leaf("message", at, fields, verdict=verdict)


def outcome(
    at: float, entry: int, result: str, attempts: int, error: dict[str, str] | None = None
) -> bytes:
    """What became of the accepted message at index ``entry``: handled, dead-lettered, expired."""
    fields = {"entry": entry, "outcome": result, "attempts": attempts}
    return _leaf("outcome", at, fields, error=error)


def snapshot(
    at: float, registry: str, root: int | None = None, instance: str | None = None
) -> bytes:
    """That this node adopted a registry snapshot, ``VERSION:SHA256``, under a version of the root.

    ``instance`` is whose registry it is, where that is another instance's, which is trusted.
    What a time stamp proves to have been adopted then, nobody can forge today with an old key.
    """
    return _leaf("snapshot", at, {"registry": registry}, root=root, instance=instance)


def erasure(at: float, entries: list[int], rule: str) -> bytes:
    """That the bodies of these entries were erased, and under which rule."""
    return _leaf("erasure", at, {"entries": entries, "rule": rule})


def token(at: float, checkpoint: str, stamp: str, validation: list[str] | None = None) -> bytes:
    """That a time-stamping authority vouched for a checkpoint (RFC 3161 token, base64url).

    ``validation`` names, by SHA-256 (hex), the lists of revocations that were archived with it.
    """
    fields = {"checkpoint": checkpoint, "token": stamp}
    return _leaf("token", at, fields, validation=validation)


def read(leaf: bytes) -> Entry:
    """Read a leaf; ``LogError`` when it is not one of ours."""
    if len(leaf) > MAX_LEAF_BYTES:
        raise LogError("log.entry", f"an entry of {len(leaf)} bytes: at most {MAX_LEAF_BYTES}")
    try:
        fields = strict_json.loads(leaf)
    except strict_json.StrictJSONError as error:
        raise LogError("log.entry", f"an entry is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise LogError("log.entry", "an entry is not a JSON object")
    _need(fields, _wanted(fields))
    if fields["v"] != VERSION:
        raise LogError("log.entry", f"an entry is not of version {VERSION}")
    try:
        at = times.to_unix(fields["time"])
    except ValueError as error:
        raise LogError("log.entry", f"an entry's time: {error}") from None
    return Entry(fields["kind"], at, fields)


def read_at(index: int, leaf: bytes) -> Entry:
    """Read the leaf of an entry of a log that nobody has verified; the error names it.

    Of a message it is sure then that it has what names it, and, of one that came, a verdict.
    """
    try:
        entry = read(leaf)
        if entry.kind == "message":
            _check_message(entry)
        return entry
    except LogError as error:
        raise LogError(
            error.code,
            f"entry {index}: {error.message}",
            hint="verify it first: xroad-lite log verify",
        ) from None


def _check_message(entry: Entry) -> None:
    direction, verdict = entry.fields["direction"], entry.fields.get("verdict")
    if direction not in (IN, OUT):
        raise LogError("log.entry", f"its direction is {direction!r:.40}")
    if direction == IN:
        _need(verdict if isinstance(verdict, dict) else {}, _VERDICT)
    for name in ("reads", "mapping", "received"):
        if type(entry.fields.get(name, "")) is not str:
            raise LogError("log.entry", f"its {name} is no text")
    if entry.proven:
        try:
            sealed = entry.attributes()
        except (TypeError, ValueError):
            raise LogError("log.entry", "what was sealed is no JSON object") from None
        _need(sealed, _NAMED)
        if not sealed["sequence"].isdecimal() or type(sealed.get("recipient", "")) is not str:
            raise LogError("log.entry", "its sequence is no number, or its recipient no text")


def _wanted(fields: dict[str, Any]) -> dict[str, type]:
    kind = fields.get("kind")
    if kind == "message" and "payload" in fields:
        return _PROVEN
    if isinstance(kind, str) and kind not in _FIELDS:
        raise LogError("log.entry", f"an entry is of the unknown kind {kind!r:.80}")
    return _FIELDS[kind] if isinstance(kind, str) else _COMMON


def _need(fields: dict[str, Any], wanted: dict[str, type]) -> None:
    if [*map(type, map(fields.get, wanted))] == [*wanted.values()]:
        return
    for name, kind in wanted.items():
        if type(fields.get(name)) is not kind:
            raise LogError("log.entry", f"an entry lacks {name}, or it is no {kind.__name__}")


def _leaf(kind: str, at: float, fields: dict[str, Any], **known: object) -> bytes:
    """All of ``fields``, and of the others those that are ``known``."""
    whole = {"v": VERSION, "kind": kind, "time": times.to_text(at), **fields}
    for name, value in known.items():
        if value is not None:
            whole[name] = value  # noqa: PERF403  a comprehension is a call more
    leaf = strict_json.dumps(whole)
    if len(leaf) > MAX_LEAF_BYTES:
        raise LogError("log.entry", f"an entry of {len(leaf)} bytes: at most {MAX_LEAF_BYTES}")
    return leaf
