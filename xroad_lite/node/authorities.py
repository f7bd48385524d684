"""Time-stamping authorities asked in turn, each answer verified, with their lists of revocations.

Does not decide when, and keeps nothing in the log: ``stamping`` does. A token is no good when a
list that its authority publishes revokes its certificate.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from xroad_lite import timestamps
from xroad_lite.errors import KeysError, TimestampError
from xroad_lite.keys import read_any_certificate, read_certificates
from xroad_lite.messagelog.validation import MAX_LIST_BYTES, addresses, check_list
from xroad_lite.node.asking import ask, fetch
from xroad_lite.registry import Snapshot
from xroad_lite.timestamps import Authorities, Stamp

_AGAIN_SECONDS = 86_400.0
"""How often a list is fetched anew."""


@dataclass(frozen=True, slots=True)
class Authority:
    """One authority, ready to be asked."""

    url: str
    roots: tuple[bytes, ...]
    trusted: Authorities


def authorities(snapshot: Snapshot) -> list[Authority]:
    """Those that the instance names, each trusted by its own root alone."""
    return [
        Authority(one.url, roots, Authorities(roots))
        for one in snapshot.instance.timestamping
        for roots in (read_certificates(snapshot.file(one.certificate)),)
    ]


@dataclass(slots=True)
class Answer:
    """The token of the first authority that gave one, or why none did."""

    token: bytes = b""
    stamp: Stamp | None = None
    authority: str = ""
    ends: float = 0.0
    """When the first of the token's certificates ends, Unix seconds."""
    lists: dict[str, bytes] = field(default_factory=dict)
    """The lists of revocations that were fetched for it, by address."""
    problems: list[str] = field(default_factory=list)


class Lists:
    """The lists of revocations that were fetched of late, by address."""

    def __init__(self) -> None:
        self._fetched: dict[str, tuple[float, bytes]] = {}

    def check(self, answer: Answer, roots: Sequence[bytes], patience: float) -> None:
        """Fetch what is old, and add it to the answer; what cannot be fetched is no obstacle.

        ``TimestampError`` ``timestamp.revoked`` when a list names a certificate of the token.
        """
        certificates = timestamps.certificates(answer.token)
        answer.ends = first_end(certificates)
        for url in addresses(certificates):
            data = self._get(url, answer, patience)
            try:
                revoked = check_list(data, certificates, roots) if data else None
            except KeysError as error:
                answer.problems.append(f"{url}: {error.message}")
                answer.lists.pop(url, None)
                continue
            if revoked is not None:
                raise TimestampError("timestamp.revoked", revoked)

    def forget(self) -> None:
        """Fetch all anew when they are needed next."""
        self._fetched.clear()

    def _get(self, url: str, answer: Answer, patience: float) -> bytes:
        at, data = self._fetched.get(url, (0.0, b""))
        if data and time.monotonic() < at + _AGAIN_SECONDS:
            return data
        try:
            data = fetch(url, patience, MAX_LIST_BYTES)
        except TimestampError as error:
            answer.problems.append(f"{url}: {error.message}")
            return data
        self._fetched[url] = time.monotonic(), data
        answer.lists[url] = data
        return data


def ask_in_turn(
    asked: Sequence[Authority], data: bytes, lists: Lists, *, patience: float
) -> Answer:
    """A stamp over ``data`` from the first authority that gives one that holds.

    ``patience`` is in seconds, for each. Raises nothing that an authority can cause.
    """
    answer = Answer()
    for authority in asked:
        wanted = timestamps.request(data)
        try:
            found = ask(authority.url, wanted.der, patience)
            answer.token, answer.stamp = authority.trusted.read_answer(found, wanted)
            lists.check(answer, authority.roots, patience)
        except TimestampError as error:
            answer.problems.append(f"{authority.url}: {error.message}")
            answer.stamp, answer.lists = None, {}
        else:
            answer.authority = authority.url
            break
    return answer


def first_end(ders: Sequence[bytes]) -> float:
    """When the first of these certificates (DER) ends, Unix seconds."""
    return min(read_any_certificate(der).not_valid_after_utc.timestamp() for der in ders)
