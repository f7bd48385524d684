"""Whether a message comes in time, to whom it is for, for the first time, and as what: check 5.

Does not ask whether it is allowed: check 6 does.
"""

from __future__ import annotations

from xroad_lite import policy, times
from xroad_lite.errors import RefusedError, XRoadError
from xroad_lite.exchange.judgement import Judgement


class DuplicateError(XRoadError):
    """The very message that was accepted before."""


def check_freshness(found: Judgement) -> None:
    """Check 5, which also says what operation it is: to publish, ask, answer or receipt."""
    node, alike = found.node, found.alike
    assert found.opened is not None
    assert alike is not None
    attributes, instance = found.attributes, node.known.current.instance
    sealed_at, skew = found.opened.issued_at, times.duration(instance.clock_skew)
    if max(sealed_at, times.to_unix(attributes.time)) > node.now + skew:
        raise RefusedError(
            5,
            "freshness.from_the_future",
            f"sealed at {times.to_text(sealed_at)}, time {attributes.time}: "
            f"more than {instance.clock_skew} after now, {times.to_text(node.now)}",
            hint="set the clocks of both machines by NTP",
        )
    _check_recipient(found)
    if node.now <= alike.remembered_until:  # beyond it age decides, in a replay too
        _check_first_time(found)
    ends = alike.good_until
    if attributes.expirytime is not None:
        ends = min(ends, times.to_unix(attributes.expirytime))
    if node.now > ends:
        raise RefusedError(
            5,
            "freshness.expired",
            f"it was good until {times.to_text(ends)}: now it is {times.to_text(node.now)}",
        )
    _check_answers(found)
    found.operation = _operation(found)
    if found.operation == policy.REQUEST and attributes.expirytime is None:
        raise RefusedError(
            5, "freshness.no_expiry", "a request must say with expirytime how long it waits"
        )


def _check_recipient(found: Judgement) -> None:
    node, recipient = found.node, found.attributes.recipient
    if recipient is None and (found.agreed is None or not found.agreed.open):
        raise RefusedError(
            5,
            "freshness.no_recipient",
            "the seal names no recipient, and its agreement is not open to everybody",
        )
    if recipient not in (None, node.me):
        raise RefusedError(
            5, "freshness.other_recipient", f"it is for {recipient}: this is {node.me}"
        )


def _check_first_time(found: Judgement) -> None:
    node = found.node
    assert found.opened is not None
    attributes = found.attributes
    before = node.memory.accepted(attributes.type, attributes.source, attributes.id)
    if before is None:
        return
    if before == found.opened.identity:
        raise DuplicateError("freshness.duplicate", "the very same message was accepted before")
    raise RefusedError(
        5,
        "freshness.id_reused",
        f"another message was accepted under the id {attributes.id}: both seals are kept",
    )


def _check_answers(found: Judgement) -> None:
    node = found.node
    attributes = found.attributes
    if attributes.type == policy.RECEIPT_TYPE:
        _check_receipt(found)
        return
    if attributes.inreplyto is None:
        return
    request = node.memory.open_request(attributes.inreplyto)
    open_here = request is not None and node.now <= request.expires
    if request is None or not open_here or request.recipient != attributes.source:
        raise RefusedError(
            5,
            "freshness.no_open_request",
            f"no request {attributes.inreplyto} to {attributes.source} waits for an answer here",
        )
    if request.identity != attributes.requesthash:
        raise RefusedError(
            5, "freshness.other_request", "it answers another request than the one sent"
        )
    found.request = request


def _check_receipt(found: Judgement) -> None:
    attributes = found.attributes
    sent = found.node.memory.awaited(attributes.inreplyto or "")
    if sent is None or sent.recipient != attributes.source:
        raise RefusedError(
            5,
            "freshness.no_receipt_due",
            f"no message {attributes.inreplyto} went from here to {attributes.source} under an "
            "agreement that asks for receipts",
        )
    if sent.identity != attributes.requesthash:
        raise RefusedError(
            5, "freshness.other_message", "it is a receipt for another message than the one sent"
        )
    found.awaited = sent


def _operation(found: Judgement) -> str:
    if found.awaited is not None:
        return policy.RECEIPT
    if found.request is not None:
        return policy.REPLY
    assert found.alike is not None
    if found.alike.operation is None:
        found.alike.operation = _asked_or_told(found)
    return found.alike.operation


def _asked_or_told(found: Judgement) -> str:
    node = found.node
    party = node.known.current.party(node.me)
    agreement = node.known.current.agreement(found.attributes.agreement)
    asked = party is not None and party.service(found.attributes.type) is not None
    if asked and agreement is not None and agreement.operation == policy.REQUEST:
        return policy.REQUEST
    return policy.PUBLISH
