"""What answers a request, as it is sent and as it is read; does not decide what the answer is."""

from __future__ import annotations

from typing import Any

from xroad_lite import times
from xroad_lite.errors import RefusedError, RequestError, TransportError
from xroad_lite.exchange import Draft, Judgement, Verdict
from xroad_lite.node.effects import Effects, Writer
from xroad_lite.node.message import Message
from xroad_lite.policy import ERROR_TYPE, REPLY


def reply_draft(found: Judgement, type_: str, body: Any) -> Draft:
    """The answer to a request, under the agreement and purpose of what it answers."""
    assert found.opened is not None
    asked = found.attributes
    return Draft(
        operation=REPLY,
        type=type_,
        body=body,
        recipient=asked.source,
        purpose=asked.purpose,
        agreement=asked.agreement,
        subject=asked.subject,
        in_reply_to=asked.id,
        request_hash=found.opened.identity,
        expires=None if asked.expirytime is None else times.to_unix(asked.expirytime),
        traceparent=asked.traceparent,
    )


def answer_error(writer: Writer, found: Judgement, error: dict[str, Any]) -> None:
    """Tell the asker what was wrong, in the open transaction, if it can be told."""
    effects = Effects(writer)
    try:
        effects.add(reply_draft(found, ERROR_TYPE, error))
        effects.write()
    except (RefusedError, TransportError):  # no agreement for it, or the outbox is full
        writer.store.count("errors.not_answered")


def refusal(verdict: Verdict) -> dict[str, Any]:
    """The body of the error that tells of a refusal: which check it was, and how each one went."""
    return {
        "code": verdict.code,
        "message": verdict.message[:500],
        "check": verdict.check,
        "checks": [
            {"number": number, "verdict": result.value}
            for number, result in enumerate(verdict.results, 1)
        ],
    }


def read_answer(found: Judgement, index: int) -> Message:
    """The answer at log entry ``index``; ``RequestError`` ``request.refused`` for an error."""
    if found.attributes.type == ERROR_TYPE:
        error = found.value
        refused = RequestError("request.refused", f"{error['code']}: {error['message']}", hint="")
        refused.answer = error
        raise refused
    return Message(
        found.reading,
        found.value,
        found.attributes,
        found.losses,
        index,
        subject=found.subject,
    )
