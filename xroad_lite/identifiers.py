"""Names of members, subsystems and groups, as X-Road writes them; does not know who exists.

``INSTANCE/CLASS/MEMBER[/SUBSYSTEM]``, in Unicode normal form C. A slash or a per cent sign inside
a segment is percent-encoded in the text form, so that the text reads back alike.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote_to_bytes

from xroad_lite.errors import IdentifierError
from xroad_lite.randomness import fresh_bytes

MAX_BYTES = 255
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, order=True)
class MemberId:
    """An institution: ``CL/GOV/CIVIL``."""

    instance: str
    member_class: str
    member_code: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; ``IdentifierError`` says what is wrong with it."""
        return cls(*_segments(text, 3, "INSTANCE/CLASS/MEMBER"))

    def __str__(self) -> str:
        return _join(self.instance, self.member_class, self.member_code)


@dataclass(frozen=True, slots=True, order=True)
class SubsystemId:
    """What sends and receives: an information system of a member, ``CL/GOV/CIVIL/births``."""

    instance: str
    member_class: str
    member_code: str
    subsystem_code: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; ``IdentifierError`` says what is wrong with it."""
        return cls(*_segments(text, 4, "INSTANCE/CLASS/MEMBER/SUBSYSTEM"))

    @property
    def member(self) -> MemberId:
        """The institution that answers for this subsystem."""
        return MemberId(self.instance, self.member_class, self.member_code)

    def __str__(self) -> str:
        return _join(self.instance, self.member_class, self.member_code, self.subsystem_code)


@dataclass(frozen=True, slots=True, order=True)
class GroupId:
    """A named group of subsystems: ``group:hospitals`` for the instance, or a subsystem's own,
    ``group:CL/GOV/CIVIL/births/partners``.
    """

    group_code: str
    subsystem: SubsystemId | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; ``IdentifierError`` says what is wrong with it."""
        scheme, _, name = text.partition(":")
        owner, slash, code = name.rpartition("/")
        if scheme != "group" or not _GROUP.fullmatch(code):
            raise IdentifierError(
                "identifier.group",
                f"{_shown(text)} is no group: expected group:CODE, or group:SUBSYSTEM/CODE for a "
                "subsystem's own; a code has letters, digits, '.', '_' and '-', at most 64",
            )
        return cls(code, SubsystemId.parse(owner) if slash else None)

    def __str__(self) -> str:
        owner = f"{self.subsystem}/" if self.subsystem else ""
        return f"group:{owner}{self.group_code}"


def parse_party(text: str) -> MemberId | SubsystemId | GroupId:
    """One side of an agreement: a subsystem, a member (all its subsystems), or a group."""
    if text.startswith("group:"):
        return GroupId.parse(text)
    return MemberId.parse(text) if text.count("/") == 2 else SubsystemId.parse(text)


@dataclass(frozen=True, slots=True, order=True)
class MessageType:
    """What a message is about: ``domain.name``; its schemas are ``domain/name`` with versions."""

    domain: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``domain.name``: lower-case letters, digits and hyphens on each side of one dot."""
        domain, dot, name = text.partition(".")
        if not dot or not _NAME.fullmatch(domain) or not _NAME.fullmatch(name):
            raise IdentifierError(
                "identifier.message_type",
                f"{_shown(text)} is no message type: expected domain.name, "
                "lower-case letters, digits and hyphens, as in citizens.birth-registered",
            )
        return cls(domain, name)

    @property
    def subject(self) -> str:
        """The name of its line of schemas: ``domain/name``."""
        return f"{self.domain}/{self.name}"

    def __str__(self) -> str:
        return f"{self.domain}.{self.name}"


def new_message_id(now: float) -> str:
    """A fresh UUIDv7 (RFC 9562, section 5.7) for Unix time ``now``: ids sort by time.

    So do those of one process within a millisecond (section 6.2, method 1), as far as 12 bits
    reach: who receives them in their order need not look up whether it has had one.
    """
    global _LAST
    drawn, at = fresh_bytes().hex(), int(now * 1000)
    counter = _LAST[1] + 1 if _LAST[0] == at else int(drawn[:3], 16) & _COUNTED_FROM
    _LAST = at, counter & 0xFFF
    time = f"{at:012x}"
    tail = f"{_VARIANT[drawn[3]]}{drawn[4:7]}-{drawn[7:19]}"
    return f"{time[:8]}-{time[8:]}-7{_LAST[1]:03x}-{tail}"


_LAST = (-1, 0)
"""The millisecond of the last id, and the counter in it."""
_COUNTED_FROM = 0x7FF
"""At most: so there is room to count."""


def new_uuid() -> str:
    """A fresh random UUID (RFC 9562, section 5.4)."""
    drawn = fresh_bytes().hex()
    return (
        f"{drawn[:8]}-{drawn[8:12]}-4{drawn[12:15]}-{_VARIANT[drawn[15]]}{drawn[16:19]}"
        f"-{drawn[19:31]}"
    )


_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def percent_encoded(identifier: MemberId | SubsystemId | MessageType) -> str:
    """The form for names on a broker: segments percent-encoded (dots too), then joined by dots.

    No segment can still hold a dot, so an anchored pattern can end at one.
    """
    return ".".join(
        quote(getattr(identifier, name), safe="").replace(".", "%2E")
        for name in identifier.__slots__
    )


def url_path(identifier: MemberId | SubsystemId) -> str:
    """The form in URLs and in checkpoints: segments percent-encoded, joined by slashes."""
    return "/".join(quote(getattr(identifier, name), safe="") for name in identifier.__slots__)


def _segments(text: str, count: int, form: str) -> list[str]:
    parts = text.split("/")
    if len(parts) != count:
        raise IdentifierError(
            "identifier.segments",
            f"got {_shown(text)}: expected {count} segments, as {form}",
        )
    segments = [_segment(part, text) for part in parts]
    if len(_join(*segments).encode()) > MAX_BYTES:
        raise IdentifierError(
            "identifier.too_long", f"{_shown(text)} is longer than {MAX_BYTES} bytes"
        )
    return segments


def _segment(part: str, text: str) -> str:
    try:
        segment = unquote_to_bytes(part).decode("utf-8") if "%" in part else part
        segment = unicodedata.normalize("NFC", segment)
        segment.encode("utf-8")
    except UnicodeError:
        raise IdentifierError("identifier.encoding", f"{_shown(text)} is not UTF-8 text") from None
    if not segment or segment != segment.strip() or segment in (".", ".."):
        raise IdentifierError(
            "identifier.segment",
            f"{_shown(text)} has the segment {_shown(segment)}: "
            "expected text without spaces around it, not empty, and neither '.' nor '..'",
        )
    for character in segment:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
            raise IdentifierError(
                "identifier.character",
                f"{_shown(text)} holds the invisible character U+{ord(character):04X}",
            )
    return segment


def _join(*segments: str) -> str:
    return "/".join(segment.replace("%", "%25").replace("/", "%2F") for segment in segments)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
