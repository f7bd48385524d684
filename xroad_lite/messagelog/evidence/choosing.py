"""Which entries of a log go into a bundle: the chosen messages, and what the log says about them.

Does not read more than the search columns where they suffice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from xroad_lite import times
from xroad_lite.errors import LogError
from xroad_lite.messagelog import entries
from xroad_lite.messagelog.store import Store


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked for; what is not said is not asked. Times are Unix seconds, the end excluded.

    Nothing said at all means the whole log.
    """

    since: float | None = None
    until: float | None = None
    type: str | None = None
    subject: str | None = None
    ids: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Choice()

    def to_json(self) -> dict[str, Any]:
        """As the manifest says it."""
        said = {
            "from": None if self.since is None else times.to_text(self.since),
            "to": None if self.until is None else times.to_text(self.until),
            "type": self.type,
            "subject": self.subject,
            "ids": list(self.ids) or None,
        }
        return {name: value for name, value in said.items() if value is not None}


def choose(store: Store, size: int, choice: Choice) -> list[int]:
    """The messages asked for, of the first ``size`` entries, and the entries about them.

    About a message are its outcomes, the erasure of its body, and the adoption of the registry's
    snapshots that it and its receiver name. ``LogError`` if there is no such message.
    """
    chosen = sorted(_messages(store, size, choice))
    if not chosen:
        raise LogError(
            "log.nothing_chosen",
            f"no message of the log is {_said(choice)}",
            hint="look for it with: xroad-lite log show, or ask for --all",
        )
    return sorted({*chosen, *_about(store, size, chosen)})


def _said(choice: Choice) -> str:
    said = choice.to_json()
    return ", ".join(f"{name} {value}" for name, value in said.items()) or "there"


def _messages(store: Store, size: int, choice: Choice) -> Iterator[int]:
    where, values = ["idx < ?"], [size]  # type: tuple[list[str], list[object]]
    for column, value in (("type", choice.type), ("subject", choice.subject)):
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)
    if choice.ids:
        where.append(f"id IN ({','.join('?' * len(choice.ids))})")
        values += choice.ids
    timed = choice.since is not None or choice.until is not None
    for (index,) in store.query(
        f"SELECT idx FROM xl_messages WHERE {' AND '.join(where)} ORDER BY idx",  # noqa: S608
        values,
    ):
        if not timed or _in_time(store.entry(index).at, choice):
            yield index


def _in_time(at: float, choice: Choice) -> bool:
    return (choice.since is None or choice.since <= at) and (
        choice.until is None or at < choice.until
    )


def _about(store: Store, size: int, chosen: list[int]) -> Iterator[int]:
    messages = set(chosen)
    named = {name for index in chosen for name in _snapshots(store.entry(index))}
    for index, leaf in store.entries():
        if index >= size:
            break
        if b'"kind":"message"' in leaf[:40]:
            continue
        entry = entries.read(leaf)
        if (
            (entry.kind == "snapshot" and entry.fields["registry"] in named)
            or (entry.kind == "outcome" and entry.fields["entry"] in messages)
            or (entry.kind == "erasure" and messages.intersection(entry.fields["entries"]))
        ):
            yield index


def _snapshots(entry: entries.Entry) -> Iterator[str]:
    yield entry.fields["registry"]
    yield from filter(None, [entry.attributes().get("registry")])
