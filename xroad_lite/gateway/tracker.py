"""Estonia's data tracker, protocol v2: heartbeat, usagePeriod and findUsage from the node's log.

A REST service that a portal calls through X-Road: agreement, seal and log are those of any call.
Does not know whether the person is who the portal says: the portal vouches for that.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from xroad_lite import strict_json, times
from xroad_lite.errors import IdentifierError, XRoadError
from xroad_lite.gateway.http_client import Answer, Headers
from xroad_lite.gateway.logs import log
from xroad_lite.gateway.nodes import NodeAtWork
from xroad_lite.gateway.settings import Tracker as Settings
from xroad_lite.gateway.xroad.calls import last
from xroad_lite.gateway.xroad.faults import PROVIDER, FaultError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.node.usage import Usage, find_usage, kept_snapshots
from xroad_lite.policy import REPLY
from xroad_lite.registry.models import Texts

MOST = 1000
"""How many usages are told at once, also when none are asked for by number."""
_LARGEST = 2**31 - 1
_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?", re.ASCII | re.IGNORECASE
)
_PARAMETERS = frozenset(("userCode", "periodStart", "periodEnd", "offset", "limit"))


class _WrongError(Exception):
    """A question that is not as the protocol has it: status 400."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What ``findUsage`` asks. Times are Unix seconds."""

    code: str
    since: float | None
    until: float | None
    offset: int
    limit: int


class Tracker:
    """Answers calls as an HTTP service would, but from here; see ``HttpClient.call``."""

    def __init__(self, node: NodeAtWork, settings: Settings) -> None:
        self._node = node
        self._settings = settings
        self._alone = asyncio.Lock()
        """Held while the log is searched: one question at a time."""
        self._paths: dict[str, Callable[[Headers, str], Any]] = {
            "/heartbeat": self._heartbeat,
            "/usagePeriod": self._usage_period,
            "/findUsage": self._find_usage,
        }

    async def call(
        self, method: str, path: str, query: str | None, headers: Headers, content: bytes
    ) -> Answer:
        """The answer to a call; ``FaultError`` for whoever is not one of its clients."""
        self._check_client(headers)
        do = self._paths.get(path)
        if do is None:
            return _answer(404, {"message": f"there is nothing at {path:.80}"})
        if method != "GET" or content:
            return _answer(405, {"message": "expected GET, without a body"}, ("Allow", "GET"))
        try:
            async with self._alone:
                return _answer(200, await asyncio.to_thread(do, headers, query or ""))
        except _WrongError as wrong:
            return _answer(400, {"message": str(wrong)})
        except XRoadError as error:
            log.warning("tracker", subsystem=self._node.name, error=str(error))
            return _answer(500, {"message": "the log cannot be read now: its operator knows why"})

    def close(self) -> None:
        """There is nothing to close."""

    def _check_client(self, headers: Headers) -> None:
        named = last(headers, "x-road-client") or ""
        try:
            client = str(SubsystemId.parse(named))
        except IdentifierError:
            client = ""
        if client not in self._settings.clients:
            raise FaultError(
                f"{PROVIDER}.access_denied", f"{named:.255} is no client of the data tracker"
            )

    def _heartbeat(self, _: Headers, __: str) -> dict[str, Any]:
        trouble = self._node.trouble()
        if trouble is not None:
            return {"status": "FAIL", "message": "the node cannot exchange messages now"}
        return {"status": "OK", "message": "usages can be asked for"}

    def _usage_period(self, _: Headers, __: str) -> dict[str, Any]:
        """Since the log's first entry: entries are never deleted."""
        store = self._node.node.store
        first = store.entry(0).at if store.size else time.time()
        return {"periodStart": times.to_text(first)}

    def _find_usage(self, headers: Headers, query: str) -> dict[str, Any]:
        """Each use once, the latest first."""
        asked = self._asked(headers, query)
        node = self._node.node
        _, snapshots = kept_snapshots(node.settings.registry_client())
        codes = {asked.code, asked.code.removeprefix(self._settings.prefix)} - {""}
        names = {name for code in codes for name in node.names(code)}
        usages = find_usage(node.store, names, snapshots, since=asked.since, until=asked.until)
        told = _each_once(usages)
        shown = told[asked.offset : asked.offset + asked.limit]
        return {"totalUsages": len(told), "usages": [self._shown(one) for one in shown]}

    def _asked(self, headers: Headers, query: str) -> _Question:
        """``_WrongError`` says what is wrong with it."""
        given = _parameters(query)
        code, asking = given.get("userCode", ""), last(headers, "x-road-userid") or ""
        if not asking:
            raise _WrongError("expected the header X-Road-UserId: who is asking?")
        if not code or len(code) > 255:
            raise _WrongError("expected userCode: about whom?")
        if code != asking and not self._settings.representation:
            raise _WrongError("userCode is not who asks: representation is not allowed here")
        return _Question(
            code,
            _moment(given, "periodStart"),
            _moment(given, "periodEnd"),
            _number(given, "offset", 0),
            min(_number(given, "limit", MOST), MOST),
        )

    def _shown(self, one: Usage) -> dict[str, str]:
        """A usage in the protocol's fields."""
        party = self._node.node.snapshot.party(one.who)
        told = {
            "logtime": times.to_text(one.at),
            "action": f"{self._words(one.purpose_title) or one.purpose} "
            f"({one.service or one.type})",
            "receiverCode": one.who,
            "receiverSystem": one.who,
        }
        if party is not None:
            named = SubsystemId.parse(one.who)
            told["receiverCode"] = named.member_code
            told["receiverName"] = self._words(party.member.name) or named.member_code
            told["receiverSystem"] = self._words(party.subsystem.title) or named.subsystem_code
        return told

    def _words(self, texts: Texts) -> str:
        return texts.get(self._settings.language) or next(iter(texts.values()), "")


def _each_once(usages: list[Usage]) -> list[Usage]:
    """The latest first, without what was refused, which told nobody anything, and without answers
    to questions that are there themselves.
    """
    told = [one for one in usages if one.outcome != "refused"]
    questions = {one.id for one in told}
    return [
        one
        for one in reversed(told)
        if not (one.operation == REPLY and one.in_reply_to in questions)
    ]


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=16)
    except ValueError:
        raise _WrongError("the query cannot be read") from None
    given = dict(pairs)
    if len(given) != len(pairs):
        raise _WrongError("a parameter is given twice")
    if given.keys() - _PARAMETERS:
        raise _WrongError(f"expected no parameter but {', '.join(sorted(_PARAMETERS))}")
    return given


def _moment(given: dict[str, str], name: str) -> float | None:
    """Unix seconds of a date-time; without a zone it is in UTC."""
    text = given.get(name)
    if text is None:
        return None
    try:
        if not _TIME.fullmatch(text):
            raise ValueError
        moment = datetime.fromisoformat(text.upper())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise _WrongError(f"{name}: expected a date-time, as 2026-01-31T12:00:00Z") from None


def _number(given: dict[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > _LARGEST:
        raise _WrongError(f"{name}: expected a number from 0 to {_LARGEST}")
    return int(text)


def _answer(status: int, value: dict[str, Any], *headers: tuple[str, str]) -> Answer:
    given = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers]
    return Answer(status, given, strict_json.dumps(value))
