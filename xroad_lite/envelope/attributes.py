"""The CloudEvents attributes of a message, and the form that each must have; does not seal them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from xroad_lite import strict_json, times
from xroad_lite.errors import IdentifierError, SealError
from xroad_lite.identifiers import MessageType, SubsystemId

PROFILE = "1"
MAX_TEXT_BYTES = 255
MAX_EXTENSIONS = 16
_DIGEST = (re.compile(r"[A-Za-z0-9_-]{43}"), "43 characters of base64url (a SHA-256)")
_TIME = (
    re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,6})?Z"),
    "RFC 3339 in UTC, as 2026-01-31T12:00:00Z",
)
_UUID = (
    re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    "a UUIDv7 in lower case",
)
_TEXT = (re.compile(r"[^\x00-\x1f\x7f]+"), "text without control characters")
_IRI = (re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f<>\"{}|\\^`]+"), "an absolute IRI")
_RULES: dict[str, tuple[re.Pattern[str], str]] = {
    "specversion": (re.compile(r"1\.0"), "1.0"),
    "profile": (re.compile(re.escape(PROFILE)), PROFILE),
    "id": _UUID,
    "time": _TIME,
    "datacontenttype": (re.compile(r"[a-z]+/[a-z0-9.+-]+"), "a media type without parameters"),
    "dataschema": _IRI,
    "datahash": _DIGEST,
    "datacommit": _DIGEST,
    "eventid": _UUID,
    "sequence": (re.compile(r"[0-9]{16}"), "16 decimal digits"),
    "agreement": _IRI,
    "purpose": _IRI,
    "projection": _DIGEST,
    "registry": (re.compile(r"[1-9][0-9]{0,9}:[A-Za-z0-9_-]{43}"), "VERSION:SHA256"),
    "expirytime": _TIME,
    "inreplyto": _UUID,
    "requesthash": _DIGEST,
    "traceparent": (re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"), "W3C form"),
}
_EXTENSION_NAME = re.compile(r"[a-z0-9]{1,20}")


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """The CloudEvents 1.0 attributes of one message, all of them text of at most 255 bytes.

    ``source`` and ``recipient`` are subsystems; ``type`` is ``domain.name``; ``time`` is when it
    happened (the header's ``iat`` says when it was sealed); ``sequence`` counts per source and
    recipient; ``registry`` names the snapshot that the sender used. Attributes that this version
    does not know survive in ``extensions``. Without slots, so that ``attributes_of`` need not set
    them one by one.
    """

    id: str
    source: str
    type: str
    time: str
    datacontenttype: str
    dataschema: str
    sequence: str
    agreement: str
    purpose: str
    registry: str
    datahash: str = ""
    specversion: str = "1.0"
    profile: str = PROFILE
    subject: str | None = None
    recipient: str | None = None
    datacommit: str | None = None
    eventid: str | None = None
    projection: str | None = None
    expirytime: str | None = None
    inreplyto: str | None = None
    requesthash: str | None = None
    userid: str | None = None
    issue: str | None = None
    representedparty: str | None = None
    traceparent: str | None = None
    endpoint: str | None = None
    extensions: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, str]:
        """All attributes that are present, by name."""
        found = {name: value for name, value in vars(self).items() if value is not None}
        found.update(found.pop("extensions", ()))
        return found

    def to_json(self) -> bytes:
        """The JSON object that is sealed."""
        return strict_json.dumps(self.to_dict())


_NAMES = tuple(one.name for one in fields(Attributes) if one.name != "extensions")
_KNOWN = frozenset(_NAMES)
_REQUIRED = _NAMES[: _NAMES.index("subject")]


def read_object(data: bytes, part: str) -> dict[str, Any]:
    """One JSON object, read strictly; ``part`` names it in errors."""
    try:
        value = strict_json.loads(data)
    except strict_json.StrictJSONError as error:
        raise SealError("envelope.malformed", f"the {part}: {error}") from None
    if not isinstance(value, dict):
        raise SealError("envelope.malformed", f"the {part} is not a JSON object")
    return value


def read_attributes(payload: bytes) -> Attributes:
    """A seal's payload, every attribute checked; ``SealError`` names the one that is wrong."""
    found = read_object(payload, "payload")
    check_values(found)
    return attributes_of(found)


def check_values(found: dict[str, Any]) -> None:
    """Refuse, with ``SealError``, attributes of which one is missing or has not its form."""
    shape = _shape(tuple(found))
    if {*map(type, found.values())} != _TEXTS:
        for name, value in found.items():
            check_attribute(name, value)
    _check_repeated(shape.repeated, shape.pick(found))
    if not shape.fits("\n".join(shape.pick_others(found))):
        for name in shape.others:
            check_attribute(name, found[name])


def attributes_of(found: dict[str, str]) -> Attributes:
    """Attributes of a mapping that ``check_values`` has passed, which they take over."""
    if not found.keys() <= _KNOWN:
        others = tuple((name, value) for name, value in found.items() if name not in _KNOWN)
        found = {name: value for name, value in found.items() if name in _KNOWN}
        return Attributes(**found, extensions=others)
    attributes = object.__new__(Attributes)
    object.__setattr__(attributes, "__dict__", found)  # what is absent has the class's default
    return attributes


_TEXTS = {str}
_REPEATED = frozenset(
    (
        "specversion",
        "profile",
        "source",
        "type",
        "datacontenttype",
        "dataschema",
        "agreement",
        "purpose",
        "registry",
        "recipient",
        "projection",
    )
)
"""Attributes that are alike from message to message, so that their checks are remembered."""
_CERTAIN_TIME = re.compile(
    r"[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
    r"T([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,6})?Z"
)
"""A time on a day that every month has."""
_PLAIN = re.compile(rf"[ -~]{{1,{MAX_TEXT_BYTES}}}")
_FITS = dict.fromkeys(("time", "expirytime"), _CERTAIN_TIME) | {
    name: rule
    for name, (rule, _) in _RULES.items()
    if rule in (_UUID[0], _DIGEST[0]) or name in ("sequence", "traceparent")
}
"""What says at once that an attribute has its form; any other that is plain text needs no more.

None of them takes a line feed, so that one expression says it of all, a line each.
"""


class _Shape(NamedTuple):
    """How to look at attributes of certain names: what of them is repeated, and the others."""

    repeated: tuple[str, ...]
    pick: Callable[[dict[str, str]], tuple[str, ...]]
    others: tuple[str, ...]
    pick_others: Callable[[dict[str, str]], tuple[str, ...]]
    fits: Callable[[str], object]


@lru_cache(maxsize=256)
def _shape(names: tuple[str, ...]) -> _Shape:
    """The shape of attributes of these names, if they may stand together; most messages' is one."""
    for name in _REQUIRED:
        if name not in names:
            raise SealError("envelope.attribute", f"the attribute {name} is missing")
    unknown = [name for name in names if name not in _KNOWN]
    for name in unknown:
        _check_extension(name)
    if len(unknown) > MAX_EXTENSIONS:
        raise SealError("envelope.attribute", f"more than {MAX_EXTENSIONS} unknown attributes")
    repeated = tuple(name for name in names if name in _REPEATED)
    others = tuple(name for name in names if name not in _REPEATED)
    lines = "\n".join(f"(?:{_FITS.get(name, _PLAIN).pattern})" for name in others)
    fits = re.compile(lines).fullmatch
    return _Shape(repeated, itemgetter(*repeated), others, itemgetter(*others), fits)


@lru_cache(maxsize=1024)
def _check_repeated(names: tuple[str, ...], values: tuple[str, ...]) -> None:
    for name, value in zip(names, values, strict=True):
        check_attribute(name, value)


def check_attribute(name: str, value: object) -> None:
    """Refuse, with ``SealError``, one attribute that has not its form."""
    if name not in _KNOWN:
        _check_extension(name)
    if not isinstance(value, str) or not _is_short(value):
        raise SealError(
            "envelope.attribute", f"{name} is not a text of at most {MAX_TEXT_BYTES} bytes"
        )
    if name in _IDENTIFIERS:
        _check_identifier(name, value)
        return
    pattern, expected = _RULES.get(name, _TEXT)
    if not pattern.fullmatch(value):
        raise SealError("envelope.attribute", f"{name} is {value!r:.80}: expected {expected}")
    if name in _TIMES:
        try:
            times.to_unix(value)
        except (ValueError, OverflowError):
            raise SealError("envelope.attribute", f"{name} is {value!r}: no such time") from None


def _check_extension(name: str) -> None:
    if not _EXTENSION_NAME.fullmatch(name) or name in ("data", "extensions"):
        raise SealError(
            "envelope.attribute",
            f"got the attribute name {name!r:.60}: expected up to 20 lower-case letters and digits",
        )


def _is_short(value: str) -> bool:
    try:
        return len(value.encode()) <= MAX_TEXT_BYTES
    except UnicodeEncodeError:  # half a surrogate pair, which no UTF-8 can hold
        return False


_IDENTIFIERS: dict[str, Callable[[str], object]] = {
    "source": SubsystemId.parse,
    "recipient": SubsystemId.parse,
    "type": MessageType.parse,
}
_TIMES = frozenset(("time", "expirytime"))


@lru_cache(maxsize=4096)
def _canonical(name: str, value: str) -> bool:
    return str(_IDENTIFIERS[name](value)) == value


def _check_identifier(name: str, value: str) -> None:
    try:
        canonical = _canonical(name, value)
    except IdentifierError as error:
        raise SealError("envelope.attribute", f"{name}: {error.message}") from None
    if not canonical:
        raise SealError("envelope.attribute", f"{name} is {value!r:.80}: not in canonical form")
