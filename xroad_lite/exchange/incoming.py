"""Judges one message that arrived, by the nine checks; does not keep, send or fetch anything."""

from __future__ import annotations

from dataclasses import replace

from xroad_lite.envelope import parse_seal
from xroad_lite.errors import SealError, XRoadError
from xroad_lite.exchange.checks import CHECKS, check_signature
from xroad_lite.exchange.confidential import opened_body, veiled
from xroad_lite.exchange.freshness import DuplicateError
from xroad_lite.exchange.judgement import ACCEPTED, Judgement, Outcome, Receiving, Result, Verdict
from xroad_lite.exchange.registries import UndecidedError, known_of

_SIGNATURE = CHECKS.index(check_signature)


def receive(token: bytes, salt: bytes, body: bytes, node: Receiving) -> Judgement:
    """Judge a seal with its salt and body as they arrived. Raises nothing that a sender can cause.

    The verdict holds each check as passed, refused, undecided or not reached. Undecided means that
    ``missing`` must be fetched, or the registry be within reach again, before it can be judged.
    """
    found = Judgement(token, salt, body, node)
    found.verdict = ACCEPTED
    for place, check in enumerate(CHECKS):
        try:
            check(found)
        except XRoadError as error:
            found.verdict = veiled(found, _stopped(found, place, error))
            break
    return found


def _stopped(found: Judgement, place: int, stop: XRoadError) -> Verdict:
    results = [Result.PASSED] * place + [Result.NOT_REACHED] * (len(CHECKS) - place)
    results[place] = _result(stop)
    if found.opened is not None and not found.proven:
        stop = _try_signature(found, results, stop)
    return _verdict(results, stop)


def read_again(
    token: bytes, salt: bytes, body: bytes, node: Receiving, reads: str | None
) -> Judgement:
    """Read a message that was accepted before, in the same terms, without judging it again.

    The sender's snapshot must be known; ``reads`` is the schema that its log entry names. Raises
    what checks 1, 8 and 9 raise, should the log or the registry have been changed; and
    ``EncryptionError`` where the key is not at hand any more that opened it.
    """
    as_then = replace(node, reads=lambda *_: reads, takes_prefix=lambda _: True)
    found = Judgement(token, salt, body, as_then)
    found.opened = parse_seal(token)
    found.attributes = found.opened.attributes
    found.known = known_of(node, found.attributes.source)
    if found.known is not None:
        found.sender_snapshot = found.known.get(found.attributes.registry)
    if found.sender_snapshot is not None:
        found.agreed = found.sender_snapshot.agreement(found.attributes.agreement)
        found.agreement = found.agreed
        found.plain = opened_body(found)
    for check in CHECKS[_SIGNATURE + 4 :]:
        check(found)
    return found


def _result(error: XRoadError) -> Result:
    if isinstance(error, UndecidedError):
        return Result.UNDECIDED
    return Result.PASSED if isinstance(error, DuplicateError) else Result.REFUSED


def _try_signature(found: Judgement, results: list[Result], stop: XRoadError) -> XRoadError:
    """Where check 2 or 3 stopped: what nobody signed is not worth keeping, or waiting for."""
    try:
        check_signature(found)
    except SealError as error:
        if isinstance(stop, UndecidedError):
            results[_SIGNATURE] = Result.REFUSED
            return error
    return stop


def _verdict(results: list[Result], stop: XRoadError) -> Verdict:
    if isinstance(stop, DuplicateError):
        outcome, check = Outcome.DUPLICATE, None
    elif isinstance(stop, UndecidedError):
        outcome, check = Outcome.UNDECIDED, results.index(Result.UNDECIDED) + 1
    else:
        outcome, check = Outcome.REFUSED, results.index(Result.REFUSED) + 1
    return Verdict(outcome, tuple(results), check, stop.code, stop.message, stop.hint)
