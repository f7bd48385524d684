"""``decide()``: one table of who may say what to whom, when, for what, and which rule says no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import agreement_books as registry
import pytest
from agreement_books import (
    BASE,
    CIVIL,
    DAY,
    DPV,
    HEALTH,
    LEGAL,
    NOW,
    OBLIGATION,
    TAX,
    Books,
    approval,
    period,
)

from xroad_lite import times
from xroad_lite.errors import PolicyError
from xroad_lite.policy import (
    ERROR_TYPE,
    RECEIPT_TYPE,
    Call,
    Movement,
    decide,
    explain,
    explain_all,
    find,
)

PUBLISH = Movement("publish", HEALTH, CIVIL, "health.birth", OBLIGATION, NOW)
REQUEST = Movement("request", HEALTH, CIVIL, "citizens.person-query", OBLIGATION, NOW)
REPLY = Movement("reply", CIVIL, HEALTH, "citizens.person", OBLIGATION, NOW)
RECEIPT = Movement("receipt", CIVIL, HEALTH, RECEIPT_TYPE, OBLIGATION, NOW)
FILE = "agreements/births-1.yaml"
END = "agreements/births-1.ended.yaml"
Change = Callable[[Books], object]


class Row(NamedTuple):
    """What is changed in the books, what is tried under which agreement, and what refuses it."""

    what: str
    changes: tuple[Change, ...]
    movement: Movement
    refused: str | None = None
    agreement: str = "births/1"


def does(verb: str, /, *arguments: Any, **more: Any) -> Change:
    """A call of a method of ``Books``."""
    return lambda books: getattr(books, verb)(*arguments, **more)


def agree(**changed: Any) -> tuple[Change, ...]:
    """Births, changed."""
    return (does("agree", **changed),)


def at(seconds: float, sealed: float | None = None, movement: Movement = PUBLISH) -> Movement:
    """A movement so many seconds from now, sealed then or earlier."""
    return movement._replace(at=NOW + seconds, sealed=None if sealed is None else NOW + sealed)


def to(recipient: str | None, sender: str = HEALTH) -> Movement:
    """A birth from one to another."""
    return PUBLISH._replace(sender=sender, recipient=recipient)


def back(sender: str, recipient: str) -> Movement:
    """A receipt from one to another."""
    return RECEIPT._replace(sender=sender, recipient=recipient)


def purpose(name: str) -> Movement:
    """A birth for one of DPV's purposes."""
    return PUBLISH._replace(purpose=DPV + name)


def forge(path: str, by: str) -> Change:
    """An approval by somebody else's key."""

    def change(files: dict[str, bytes]) -> None:
        files[f"{path}.consumer.jws"] = approval(files[path], by)

    return does("tamper", change)


def revoked(subsystem: str) -> Change:
    """A party's approving key was revoked."""
    entry = {"sha256": registry.KEYS[subsystem].sha256, "revoked": {"at": times.to_text(NOW - 1)}}
    return does("member", subsystem, agreement_certificates=[entry])


def touched(files: dict[str, bytes]) -> None:
    """A blank after the approval."""
    files[FILE] += b"\n"


SHORT = agree(period=period(0, 60), drain="PT10S")
NEXT = (does("agree", version=2, period=period(100, 9 * DAY), fields={"health.birth": ["/id"]}),)
WAITING = (*NEXT, does("unapprove", "agreements/births-2.yaml", "consumer"))
SUSPENDED = "suspended"
ASKS = (does("agree", "persons", receipt=True),)
OFFICES = does("group", "offices", TAX, "DEMO/GOV/CIVIL")
OTHERS = "policy.parties"
LATE, OVER, NOT = "policy.not_in_force", "policy.drained", "policy.not_approved"
REST = (
    does(
        "agree",
        "persons",
        endpoints={
            "api": [
                {"method": "GET", "path": "/persons/*"},
                {"method": "*", "path": "/open/**"},
            ]
        },
    ),
)


def calls(service: str, method: str, path: str) -> Movement:
    """A request of a REST service."""
    return REQUEST._replace(call=Call(service, method, path))


TABLE = [
    Row("what is agreed", (), PUBLISH),
    Row("a request", (), REQUEST, None, "persons/1"),
    Row("its reply", (), REPLY, None, "persons/1"),
    Row("its error", (), REPLY._replace(type=ERROR_TYPE), None, "persons/1"),
    # receipts, where the agreement asks
    Row("a receipt", agree(receipt=True), RECEIPT),
    Row("a receipt nobody asks for", (), RECEIPT, "policy.type"),
    Row("a receipt by its other party: check 5 asks for what", agree(receipt=True),
        back(HEALTH, CIVIL)),
    Row("a stranger's receipt", agree(receipt=True), back(TAX, HEALTH), "policy.parties"),
    Row("a receipt to a stranger", agree(receipt=True), back(CIVIL, TAX), "policy.parties"),
    Row("a receipt for a request", ASKS, back(CIVIL, HEALTH), None, "persons/1"),
    Row("a receipt for a reply", ASKS, back(HEALTH, CIVIL), None, "persons/1"),
    Row("another type as a receipt", agree(receipt=True),
        RECEIPT._replace(type="health.birth"), "policy.type"),
    Row("a receipt as a publication", agree(receipt=True),
        PUBLISH._replace(type=RECEIPT_TYPE), "policy.type"),
    Row("a receipt for another purpose", agree(receipt=True),
        RECEIPT._replace(purpose=DPV + "Marketing"), "policy.purpose"),
    Row("a suspended member's receipt",
        (*agree(receipt=True), does("member", CIVIL, status="suspended")),
        RECEIPT, "policy.member"),
    # deny by default
    Row("no such agreement", (), PUBLISH, "policy.no_agreement", "deaths/1"),
    Row("no such version", (), PUBLISH, "policy.no_agreement", "births/2"),
    Row("another operation", (), REQUEST, "policy.operation"),
    Row("the other way round", (), to(HEALTH, CIVIL), OTHERS),
    Row("a stranger receives", (), to(TAX), OTHERS),
    Row("a stranger sends", (), to(CIVIL, TAX), OTHERS),
    Row("everybody receives", (), to(None), OTHERS),
    Row("another type", (), PUBLISH._replace(type="health.death"), "policy.type"),
    Row("a type that begins alike", (), PUBLISH._replace(type="health.birth-x"), "policy.type"),
    Row("no service of that type", (does("member", CIVIL, subsystems=[{"code": "registry"}]),),
        REQUEST, "policy.type", "persons/1"),
    # the period's edges
    Row("before it begins", SHORT, at(-0.001), LATE),
    Row("as it begins", SHORT, at(0)),
    Row("just before it ends", SHORT, at(59.999)),
    Row("as it ends", SHORT, at(60), LATE),
    Row("sealed in time, drains", SHORT, at(69.999, 59.999)),
    Row("sealed in time, drained", SHORT, at(70, 59.999), OVER),
    Row("sealed as it ended", SHORT, at(61, 60), LATE),
    Row("sealed before it began", SHORT, at(30, -1), LATE),
    Row("without any drain", agree(period=period(0, 60), drain="PT0S"), at(60, 59), OVER),
    # ended by a party
    Row("before its consumer's end", (does("end", "consumer", 50),), at(49.999)),
    Row("from its consumer's end", (does("end", "consumer", 50),), at(50), LATE),
    Row("from its provider's end", (does("end", "provider", 50),), at(50), LATE),
    Row("drains after an end", (does("end", "provider", 50),), at(DAY, 49)),
    Row("drained after an end", (does("end", "provider", 50),), at(DAY + 50, 49), OVER),
    Row("an end that nobody approved",
        (does("end", "consumer", -50), does("unapprove", END, "consumer")), PUBLISH),
    Row("an end that the other approved",
        (does("end", "consumer", -50), does("unapprove", END, "consumer", "provider"),
         forge(END, HEALTH)), PUBLISH),
    Row("an end beyond the period", (*SHORT, does("end", "provider", 900)), at(60), LATE),
    Row("the end of another agreement",
        (does("end", "provider", -50, name="persons"),), PUBLISH),
    # approvals
    Row("the provider has not approved", (does("unapprove", FILE, "provider"),), PUBLISH, NOT),
    Row("the consumer has not approved", (does("unapprove", FILE, "consumer"),), PUBLISH, NOT),
    Row("nobody has approved", (does("unapprove", FILE, "provider", "consumer"),), PUBLISH, NOT),
    Row("somebody else has approved", (forge(FILE, TAX),), PUBLISH, NOT),
    Row("the other party has approved twice", (forge(FILE, HEALTH),), PUBLISH, NOT),
    Row("a blank more than was approved", (does("tamper", touched),), PUBLISH, NOT),
    Row("approved by a revoked key", (revoked(CIVIL),), PUBLISH, NOT),
    Row("rubbish as approval",
        (does("tamper", lambda files: files.update({f"{FILE}.consumer.jws": b"a..b"})),),
        PUBLISH, NOT),
    Row("open data, approved by its provider", agree(consumer=None, open=True), to(None)),
    Row("open data to somebody", agree(consumer=None, open=True), to(CIVIL), OTHERS),
    # versions that follow
    Row("the first, until the second begins", NEXT, at(99)),
    Row("the first, from then on", NEXT, at(100), LATE),
    Row("the first drains", NEXT, at(DAY, 99)),
    Row("the second, before it begins", NEXT, at(99), LATE, "births/2"),
    Row("the second", NEXT, at(100), None, "births/2"),
    Row("a second that is not approved ends nothing", WAITING, at(100)),
    Row("a second that is not approved", WAITING, at(100), NOT, "births/2"),
    Row("the first is not revived by the second's end",
        (*NEXT, does("end", "provider", 200, version=2)), at(300), LATE),
    # purposes, by DPV's hierarchy
    Row("a narrower purpose", (), purpose("LegalCompliance")),
    Row("a broader purpose", agree(purposes=[LEGAL]), PUBLISH, "policy.purpose"),
    Row("a sibling", agree(purposes=[LEGAL]), purpose("RightsFulfillment"), "policy.purpose"),
    Row("a purpose two steps down", agree(purposes=[DPV + "EnforceSecurity"]),
        purpose("CounterMoneyLaundering")),
    Row("one of two purposes", agree(purposes=[LEGAL, DPV + "EnforceSecurity"]),
        purpose("AgeVerification")),
    Row("another purpose", (), purpose("RecordManagement"), "policy.purpose"),
    Row("a purpose that nobody lists", (), purpose("Unheard"), "policy.purpose"),
    Row("one's own purpose, listed by none", agree(purposes=["https://x.example/own"]),
        PUBLISH._replace(purpose="https://x.example/own")),
    Row("no purpose", (), PUBLISH._replace(purpose=""), "policy.purpose"),
    # members and groups
    Row("its member receives", agree(consumer="DEMO/GOV/CIVIL"), PUBLISH),
    Row("another member's", agree(consumer="DEMO/GOV/CIVIL"), to(TAX), OTHERS),
    Row("one of a group", (OFFICES, *agree(consumer="group:offices")), to(TAX)),
    Row("one of a member of a group", (OFFICES, *agree(consumer="group:offices")), PUBLISH),
    Row("a group sends", (OFFICES, *agree(provider="group:offices")), to(CIVIL, TAX)),
    Row("nobody opposite itself", (OFFICES, *agree(provider="group:offices")),
        to(CIVIL, CIVIL), OTHERS),
    Row("not in the group", (OFFICES, *agree(provider="group:offices")), PUBLISH, OTHERS),
    Row("a group that is not there", agree(consumer="group:nobody"), PUBLISH, OTHERS),
    # suspended
    Row("the sender is suspended", (does("member", HEALTH, status=SUSPENDED),), PUBLISH,
        "policy.member"),
    Row("the recipient is suspended", (does("member", CIVIL, status=SUSPENDED),), PUBLISH,
        "policy.member"),
    Row("who is asked is suspended", (does("member", CIVIL, status=SUSPENDED),), REQUEST,
        "policy.member", "persons/1"),
    Row("a third is suspended", (does("member", TAX, status=SUSPENDED),), PUBLISH),
    # overlapping agreements: the one that is named decides, whatever others say
    Row("another allows it", (does("agree", "more", purposes=[DPV + "RecordManagement"]),),
        purpose("RecordManagement"), "policy.purpose"),
    Row("the other is named", (does("agree", "more", purposes=[DPV + "RecordManagement"]),),
        purpose("RecordManagement"), None, "more/1"),
    # REST services, by method and path
    Row("a listed path", REST, calls("api", "GET", "/persons/1"), None, "persons/1"),
    Row("another method", REST, calls("api", "DELETE", "/persons/1"), "policy.endpoint",
        "persons/1"),
    Row("a segment more", REST, calls("api", "GET", "/persons/1/x"), "policy.endpoint",
        "persons/1"),
    Row("any method, any depth", REST, calls("api", "PUT", "/open/a/b/c"), None, "persons/1"),
    Row("a way round", REST, calls("api", "GET", "/open/%2e%2e/persons"), "policy.endpoint",
        "persons/1"),
    Row("a service without an entry", REST, calls("other", "GET", "/persons/1"),
        "policy.endpoint", "persons/1"),
]  # fmt: skip


def refusal(row: Row) -> str | None:
    """The code of the rule that refuses; asked twice, since answers are remembered."""
    books = Books()
    for change in row.changes:
        change(books)
    snapshot, codes = books.snapshot(), []
    for _ in range(2):
        try:
            decide(snapshot, BASE + row.agreement, row.movement)
            codes.append(None)
        except PolicyError as error:
            codes.append(error.code)
    assert codes[0] == codes[1]
    if codes[0] != "policy.no_agreement":
        steps = explain(snapshot, BASE + row.agreement, row.movement)
        assert all(step.holds for step in steps) is (codes[0] is None)
        assert all(step.sentence for step in steps if step.holds is not None)
    return codes[0]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.what)
def test_the_table(row: Row) -> None:
    """What is allowed, and for each way to go beyond it the rule that says no."""
    assert refusal(row) == row.refused


def test_the_table_is_as_long_as_it_should_be() -> None:
    """Sixty at least, each once."""
    assert len({row.what for row in TABLE}) == len(TABLE) >= 60


def test_overlapping_agreements_are_all_told() -> None:
    """A sender's message goes under the first by name; ``explain_all`` tells of all."""
    books = Books()
    books.agree("also", purposes=[LEGAL])
    snapshot, movement = books.snapshot(), purpose("LegalCompliance")
    assert find(snapshot, movement, movement.purpose).messages == [(CIVIL, f"{BASE}also/1", LEGAL)]
    told = explain_all(snapshot, movement)
    assert [one.iri for one in told if one.allowed] == [f"{BASE}also/1", f"{BASE}births/1"]
