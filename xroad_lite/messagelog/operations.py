"""The operational record: X-Road's operational monitoring fields of each message, from the log.

Nothing is written for it while messages pass. A field that the log does not know is left out;
whoever sends first is the client, who receives the producer, and the message type is the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from xroad_lite import strict_json
from xroad_lite.errors import XRoadError
from xroad_lite.messagelog import entries
from xroad_lite.messagelog.store import Store

CLIENT, PRODUCER = "Client", "Producer"
_ERROR, _OWN = "xroad.error", "xroad."
_LONGEST, _LONGEST_FAULT = 255, 2048
_PARTY = ("XRoadInstance", "MemberClass", "MemberCode", "SubsystemCode")
_TEXTS = {
    "id": "messageId",
    "userid": "messageUserId",
    "issue": "messageIssue",
    "profile": "messageProtocolVersion",
    "type": "serviceCode",
}
_ENDED_WELL = (entries.HANDLED,)

Record = dict[str, Any]
Progress = Callable[[int, int], None]


def records(
    store: Store,
    since: float,
    until: float,
    *,
    first: int = 0,
    limit: int = 10_000,
    software: str | None = None,
    progress: Progress | None = None,
) -> list[tuple[int, Record]]:
    """The records of messages logged from ``since`` until before ``until`` (Unix seconds).

    In the order of the log, from entry ``first`` on and at most ``limit``, each with its entry;
    replies and outcomes are taken in from wherever they stand after it.
    """
    gathering = _Gathering(store, software, limit)
    tell = progress or (lambda *_: None)
    for index, leaf in store.entries(first):
        if index % 1000 == 0:
            tell(index, store.size)
        try:
            entry = entries.read(leaf)
        except XRoadError:  # for fsck to name
            continue
        gathering.take(index, entry, wanted=since <= entry.at < until)
    return list(gathering.finished())


class _Gathering:
    def __init__(self, store: Store, software: str | None, limit: int) -> None:
        self._store, self._software, self._limit = store, software, limit
        self._sends = bool(store.query("SELECT 1 FROM sqlite_master WHERE name = 'xl_sent'"))
        self._records: dict[int, Record] = {}
        self._replies: dict[int, int] = {}
        """Entries of replies that were sent, by the entry of what they answer."""
        self._asked: dict[tuple[str, str], int] = {}
        """Entries by message id and by who was asked: a reply comes from there."""

    def take(self, index: int, entry: entries.Entry, *, wanted: bool) -> None:
        """Add what one entry tells."""
        if entry.kind == "outcome":
            self._outcome(entry)
        elif entry.kind == "message":
            sealed = entry.attributes()
            if "inreplyto" in sealed:
                self._reply(index, entry, sealed)
            elif wanted and len(self._records) < self._limit and not _is_own(sealed):
                self._records[index] = self._begun(index, entry, sealed)
                if sealed:
                    self._asked[sealed["id"], sealed.get("recipient", "")] = index

    def finished(self) -> Iterator[tuple[int, Record]]:
        """The records, with times of sending; what was sent and awaits no answer went well."""
        for index, record in self._records.items():
            answered = record.pop("_answer", False)
            if record["securityServerType"] == CLIENT:
                sent = self._sent(index)
                if sent is not None:
                    record["requestOutTs"] = _milliseconds(sent)
                    if not answered:
                        record.setdefault("succeeded", True)
            elif index in self._replies:
                sent = self._sent(self._replies[index])
                if sent is not None:
                    record["responseOutTs"] = _milliseconds(sent)
            yield index, record

    def _sent(self, index: int) -> float | None:
        if not self._sends:  # a log of before, opened for reading
            return None
        rows = self._store.query("SELECT at FROM xl_sent WHERE idx = ?", (index,))
        return rows[0][0] if rows else None

    def _begun(self, index: int, entry: entries.Entry, sealed: dict[str, str]) -> Record:
        sent = entry.fields["direction"] == entries.OUT
        record: Record = {
            "monitoringDataTs": int(entry.at),
            "securityServerType": CLIENT if sent else PRODUCER,
            "requestInTs": _milliseconds(entry.at),
        }
        if self._software is not None:
            record["xRoadVersion"] = self._software
        if sealed:
            record |= _described(sealed)
            self._add_size(record, "requestSize", index)
        if sent:
            record["_answer"] = "expirytime" in sealed  # a request: its reply says how it went
        verdict = entry.fields.get("verdict") or {}
        if verdict.get("outcome") == entries.REFUSED:
            _failed(record, verdict.get("code"), verdict.get("message"))
        return record

    def _outcome(self, entry: entries.Entry) -> None:
        record = self._records.get(entry.fields["entry"])
        if record is None:
            return
        record["monitoringDataTs"] = int(entry.at)
        if record["securityServerType"] == PRODUCER:
            record["responseInTs"] = _milliseconds(entry.at)
        if entry.fields["outcome"] in _ENDED_WELL:
            record.setdefault("succeeded", True)
            return
        error = entry.fields.get("error") or {}
        _failed(record, error.get("code", entry.fields["outcome"]), error.get("message"))

    def _reply(self, index: int, entry: entries.Entry, sealed: dict[str, str]) -> None:
        is_error = sealed["type"] == _ERROR
        asked = self._asked.get((sealed["inreplyto"], sealed["source"]))
        record = self._records.get(-1 if asked is None else asked)
        if record is None or (_is_own(sealed) and not is_error):
            return
        refused = (entry.fields.get("verdict") or {}).get("outcome") == entries.REFUSED
        if refused:
            return
        record["monitoringDataTs"] = int(entry.at)
        if record["securityServerType"] == CLIENT:
            record["responseInTs"] = _milliseconds(entry.at)
        else:
            self._replies[asked or 0] = index
        self._add_size(record, "responseSize", index)
        if is_error:
            _failed(record, *self._error(index))
        else:
            record.setdefault("succeeded", True)

    def _error(self, index: int) -> tuple[str, str]:
        stored = self._store.body(index)
        try:
            body = strict_json.loads(stored[1]) if stored else {}
        except strict_json.StrictJSONError:  # an encrypted one
            body = {}
        known = body if isinstance(body, dict) else {}
        return str(known.get("code", _ERROR)), str(known.get("message", ""))

    def _add_size(self, record: Record, name: str, index: int) -> None:
        stored = self._store.body(index)
        if stored is not None:
            record[name] = len(stored[1])


def _described(sealed: dict[str, str]) -> Record:
    """What the seal says of the message and its parties."""
    found = {name: sealed[key] for key, name in _TEXTS.items() if key in sealed}
    found |= _named("client", sealed["source"]) | _named("service", sealed.get("recipient", ""))
    version = sealed["dataschema"].rpartition("/")[2]
    if version.isdecimal():
        found["serviceVersion"] = version
    represented = sealed.get("representedparty", "").split("/")
    if len(represented) >= 2:
        found["representedPartyClass"], found["representedPartyCode"] = represented[-2:]
    return {name: text[:_LONGEST] for name, text in found.items()}


def _named(role: str, party: str) -> Record:
    return {
        f"{role}{part}": value
        for part, value in zip(_PARTY, party.split("/"), strict=False)
        if value
    }


def _failed(record: Record, code: str | None, message: str | None) -> None:
    record["succeeded"] = False
    record["faultCode"] = (code or "unknown")[:_LONGEST]
    if message:
        record["faultString"] = message[:_LONGEST_FAULT]


def _is_own(sealed: dict[str, str]) -> bool:
    """Whether nodes exchange it among themselves: receipts, checkpoints, cosignatures."""
    return sealed.get("type", "").startswith(_OWN)


def _milliseconds(at: float) -> int:
    return round(at * 1000)
