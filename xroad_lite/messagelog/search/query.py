"""Asks a search index: which messages, page by page, the newest first."""

from __future__ import annotations

from dataclasses import dataclass

from xroad_lite.messagelog.search.index import Index

_ALL = "SELECT number FROM names"
_FOUND = (
    "SELECT idx, at, direction, id, t.name, s.name, r.name, subject, verdict, code, ended"
    " FROM (SELECT * FROM messages WHERE {} ORDER BY at DESC, idx DESC LIMIT ?) m"
    " LEFT JOIN names t ON t.number = m.type LEFT JOIN names s ON s.number = m.source"
    " LEFT JOIN names r ON r.number = m.recipient ORDER BY at DESC, idx DESC"
)


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is asked for; what is left out does not matter. Times are Unix seconds.

    ``type`` and ``party`` may hold ``*``. A party is the one at the other end, or here; a member
    means its subsystems too. ``verdict`` is ``sent``, ``accepted`` or ``refused``, the code of a
    refusal, or what became of a message: ``handled``, ``dead-lettered``, ``expired``, ``dropped``.
    """

    id: str | None = None
    type: str | None = None
    party: str | None = None
    subject: str | None = None
    verdict: str | None = None
    direction: str | None = None
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One message."""

    entry: int
    at: float
    direction: str
    id: str | None
    type: str | None
    source: str | None
    recipient: str | None
    subject: str | None
    verdict: str
    code: str | None
    ended: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what was found; ``next`` is the entry before which the next page begins."""

    found: tuple[Found, ...]
    next: int | None


def search(index: Index, criteria: Criteria, limit: int = 50, before: int | None = None) -> Page:
    """The newest messages that meet all criteria, at most ``limit``, logged before one of them."""
    where, values = _where(index, criteria)
    if before is not None:
        where.append("(at, idx) < (SELECT at, idx FROM messages WHERE idx = ?)")
        values.append(before)
    rows = index.query(_FOUND.format(" AND ".join(where) or "1"), (*values, limit + 1))
    found = tuple(Found(*row) for row in rows[:limit])
    return Page(found, found[-1].entry if len(rows) > limit else None)


def _where(index: Index, criteria: Criteria) -> tuple[list[str], list[object]]:
    where: list[str] = []
    values: list[object] = []

    def add(sql: str, *given: object) -> None:
        where.append(sql)
        values.extend(given)

    if criteria.id is not None:
        add("id = ?", criteria.id)
    if criteria.subject is not None:
        add("subject = ?", criteria.subject)
    if criteria.direction is not None:
        add("direction = ?", criteria.direction)
    if criteria.type is not None:
        add(f"type IN ({_ALL} WHERE name GLOB ?)", _pattern(criteria.type))
    if criteria.party is not None and not _is_me(index, criteria.party):
        pattern = _pattern(criteria.party)
        add(f"peer IN ({_ALL} WHERE name GLOB ? OR name GLOB ?)", pattern, f"{pattern}/*")
    if criteria.verdict is not None:
        column = "code" if "." in criteria.verdict else "verdict"
        column = column if criteria.verdict in _VERDICTS or column == "code" else "ended"
        add(f"{column} = ?", criteria.verdict)
    if criteria.since is not None:
        add("at >= ?", criteria.since)
    if criteria.until is not None:
        add("at < ?", criteria.until)
    return where, values


_VERDICTS = ("sent", "accepted", "refused")


def _is_me(index: Index, party: str) -> bool:
    me, pattern = index.meta("me"), _pattern(party)
    return bool(index.query("SELECT ? GLOB ? OR ? GLOB ?", (me, pattern, me, f"{pattern}/*"))[0][0])


def _pattern(text: str) -> str:
    """A glob in which only ``*`` has a meaning."""
    return text.replace("[", "[[]").replace("?", "[?]")
