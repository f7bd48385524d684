"""An instance of two agencies, and its registry in as many states as a test needs; holds no test.

Snapshots are made from the documents of a development instance, edited, so that a case is a
function over documents and one over attributes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from xroad_lite import times
from xroad_lite.envelope import Attributes, Sealed, parse_seal, read_seals, seal
from xroad_lite.exchange import (
    Awaited,
    Draft,
    Judgement,
    OpenRequest,
    Outcome,
    Receiving,
    Result,
    prepare,
    receive,
    seal_ready,
)
from xroad_lite.identifiers import SubsystemId, new_message_id
from xroad_lite.keys import KeySigner, base64url, open_signer
from xroad_lite.registry import KnownSnapshots, Snapshot, read_source
from xroad_lite.stewardship import Authority, Identity
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, PURPOSE, two_agency_instance

NOW = 1_790_000_000.0
DAY = 86_400.0
BIRTHS, PERSONS = "agreements/births-1.yaml", "agreements/persons-1.yaml"
HEALTH_MEMBER, CIVIL_MEMBER = "members/health.yaml", "members/civil.yaml"
QUERY = {"codigoPersonal": "EX-1"}

Edit = Callable[[dict[str, Any]], Any]

_BEFORE: deque[Sealed] = deque(maxlen=6)
"""What was judged of late, by whatever test."""


@dataclass
class Past:
    """What a receiver remembers: ids that it accepted, and requests that wait."""

    ids: dict[tuple[str, str, str], str] = field(default_factory=dict)
    requests: dict[str, OpenRequest] = field(default_factory=dict)
    sent: dict[str, Awaited] = field(default_factory=dict)

    def accepted(self, subscription: str, source: str, message_id: str) -> str | None:
        """See ``exchange.Memory``."""
        return self.ids.get((subscription, source, message_id))

    def open_request(self, message_id: str) -> OpenRequest | None:
        """See ``exchange.Memory``."""
        return self.requests.get(message_id)

    def awaited(self, message_id: str) -> Awaited | None:
        """See ``exchange.Memory``."""
        return self.sent.get(message_id)


class Instance:
    """The documents, the keys, and what can be made of them."""

    def __init__(self, folder: Path) -> None:
        made = two_agency_instance(folder, now=NOW - 2 * DAY, domains=None)
        self.approvals = made.approvals
        self.authority: Authority = made.authority
        self.base = made.base
        self.documents = read_source(made.source)
        self.signers = {
            name: open_signer(
                f"file:{made.node_folder(name)}/key.pem",
                made.node_folder(name) / "certificates.pem",
            )
            for name in (HEALTH, CIVIL)
        }
        self.first = self.snapshot(1)

    def snapshot(
        self,
        version: int,
        edits: dict[str, Edit] | None = None,
        *,
        published: float = NOW - 3600,
        expires: float = NOW + 365 * DAY,
    ) -> Snapshot:
        """The documents, some edited, as the snapshot of a version."""
        documents = dict(self.documents)
        for path, edit in (edits or {}).items():
            value = yaml.safe_load(documents[path])
            edited = edit(value)
            documents[path] = yaml.safe_dump(value if edited is None else edited).encode()
        documents |= self.approvals(documents)
        return Snapshot.draft(documents, version=version, published=published, expires=expires)

    def identity(self, subsystem: str = HEALTH, **options: Any) -> Identity:
        """Another key and certificate for a subsystem, by the same authority unless said."""
        authority = options.pop("authority", self.authority)
        options.setdefault("now", NOW - 2 * DAY)
        return authority.issue(SubsystemId.parse(subsystem), **options)

    def birth(
        self,
        snapshot: Snapshot | None = None,
        *,
        signer: KeySigner | None = None,
        at: float = NOW,
        body: bytes | None = None,
        **changed: Any,
    ) -> Sealed:
        """A birth of Health's to the Civil Registry, as Health would seal it, some changed."""
        draft = Draft(operation="publish", type="health.birth", body=BIRTH, subject="s-1")
        return self.said(draft, HEALTH, snapshot, signer=signer, at=at, body=body, **changed)

    def question(self, snapshot: Snapshot | None = None, **changed: Any) -> Sealed:
        """A question of Health's about a person."""
        expires = NOW + 30
        draft = Draft(
            operation="request",
            type="citizens.person-query",
            body=QUERY,
            recipient=CIVIL,
            expires=expires,
        )
        return self.said(draft, HEALTH, snapshot, **changed)

    def answer(self, question: Sealed, body: Any, **changed: Any) -> Sealed:
        """The Civil Registry's answer to a question; an error unless a person."""
        asked = question.opened.attributes
        draft = Draft(
            operation="reply",
            type="citizens.person" if "codigoPersonal" in body else "xroad.error",
            body=body,
            recipient=HEALTH,
            purpose=asked.purpose,
            agreement=asked.agreement,
            in_reply_to=asked.id,
            request_hash=question.opened.identity,
        )
        return self.said(draft, CIVIL, None, **changed)

    def said(
        self,
        draft: Draft,
        speaker: str,
        snapshot: Snapshot | None,
        *,
        signer: KeySigner | None = None,
        at: float = NOW,
        body: bytes | None = None,
        **changed: Any,
    ) -> Sealed:
        """Prepare honestly under the first snapshot, change the attributes, then seal."""
        snapshot = snapshot or self.first
        (ready,) = prepare(draft, self.first, speaker, NOW, new_message_id(at))
        signer = signer or self.signers[speaker]
        honest = seal_ready([(ready, 1)], signer, now=at)[0]
        attributes = replace(honest.opened.attributes, **{"registry": snapshot.name, **changed})
        content = honest.body if body is None else body
        return seal(attributes, content, signer, issued_at=int(at))

    def signed(self, attributes: Attributes, like: Sealed) -> Sealed:
        """Exactly these attributes, ``datahash`` too, under the header of another seal."""
        header = like.seal.split(b".")[0]
        signing_input = header + b"." + base64url(attributes.to_json()).encode()
        signature = self.signers[attributes.source].sign(signing_input)
        token = signing_input + b"." + base64url(signature).encode()
        return Sealed(token, like.salt, like.body, parse_seal(token))


def known(*snapshots: Snapshot) -> KnownSnapshots:
    """What a node knows that adopted these, one after the other."""
    found = KnownSnapshots(snapshots[0])
    for one in snapshots[1:]:
        found.adopt(one)
    return found


def judged(
    sealed: Sealed,
    *snapshots: Snapshot,
    me: str = CIVIL,
    now: float = NOW,
    past: Past | None = None,
    reads: str | None = None,
    max_body: int = 1_048_576,
    never: tuple[str, ...] = (),
    refreshed: float = NOW,
    prefixed: bool = False,
    trusted: dict[str, KnownSnapshots] | None = None,
    seal: bytes | None = None,
    salt: bytes | None = None,
    body: bytes | None = None,
    among_others: bool = True,
) -> Judgement:
    """The judgement of a node that adopted ``snapshots``, over a message as it arrived.

    It is the same ``among_others`` that came before, each of which is judged again.
    """
    learnt = known(*snapshots)
    learnt.refreshed = refreshed
    for name in never:
        learnt.note_never(name)
    node = Receiving(
        me=me,
        now=now,
        known=learnt,
        memory=past or Past(),
        reads=lambda *_: reads,
        max_body=max_body,
        trusted=trusted or {},
        takes_prefix=lambda _: prefixed,
    )
    content = (
        sealed.seal if seal is None else seal,
        sealed.salt if salt is None else salt,
        sealed.body if body is None else body,
    )
    found = receive(*content, node)
    _BEFORE.append(sealed)
    if among_others:
        together = [content[0], *(one.seal for one in _BEFORE)]
        _assert_alone(found, replace(node, seals=read_seals(together)))
    return found


def _assert_alone(found: Judgement, moment: Receiving) -> None:
    """Whatever else is judged at the same moment, of one message they say the same."""
    for other in _BEFORE:
        receive(other.seal, other.salt, other.body, moment)
    for _ in range(2):
        again = receive(found.token, found.salt, found.body, moment)
        assert again.verdict == found.verdict
        assert again.operation == found.operation
        assert (again.known, again.sender_snapshot) == (found.known, found.sender_snapshot)
        assert (again.agreed, again.agreement) == (found.agreed, found.agreement)
        assert (again.schema, again.value) == (found.schema, found.value)
        assert (again.subject, again.reading) == (found.subject, found.reading)


def assert_accepted(found: Judgement) -> None:
    """All nine checks passed."""
    assert found.verdict.outcome is Outcome.ACCEPTED, found.verdict
    assert found.verdict.results == (Result.PASSED,) * 9


def assert_refused(found: Judgement, check: int, code: str) -> None:
    """The check with this number refused; those before it passed, those after were not reached."""
    verdict = found.verdict
    assert (verdict.outcome, verdict.check, verdict.code) == (Outcome.REFUSED, check, code), verdict
    wanted = [Result.PASSED] * (check - 1) + [Result.REFUSED]
    assert verdict.results == (*wanted, *[Result.NOT_REACHED] * (9 - check))
    assert verdict.message
    written = verdict.to_json()
    assert (written["outcome"], written["check"], written["code"]) == ("refused", check, code)


def assert_undecided(found: Judgement, code: str) -> None:
    """Check 2 could not say, and nothing after it did."""
    verdict = found.verdict
    assert (verdict.outcome, verdict.check, verdict.code) == (Outcome.UNDECIDED, 2, code), verdict
    assert verdict.results == (Result.PASSED, Result.UNDECIDED, *[Result.NOT_REACHED] * 7)


def since(moment: float) -> str:
    """A time as documents write it."""
    return times.to_text(moment)


__all__ = [
    "BIRTH",
    "BIRTHS",
    "CIVIL",
    "CIVIL_MEMBER",
    "DAY",
    "HEALTH",
    "HEALTH_MEMBER",
    "NOW",
    "PERSONS",
    "PURPOSE",
    "QUERY",
    "Instance",
    "Past",
    "assert_accepted",
    "assert_refused",
    "assert_undecided",
    "judged",
    "known",
    "since",
]
