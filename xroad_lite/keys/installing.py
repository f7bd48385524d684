"""Checks what an authority answered to a certificate request; does not write it anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from cryptography import x509

from xroad_lite.errors import KeysError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys.certificates import MALFORMED, read_any_certificate, read_certificate
from xroad_lite.keys.chains import Trust, day
from xroad_lite.keys.requests import named_subsystems
from xroad_lite.keys.signers import PublicKey


def check_answer(
    answer: Sequence[bytes],
    key: PublicKey,
    subsystem: SubsystemId,
    *,
    now: float,
    trust: Trust | None = None,
) -> tuple[bytes, ...]:
    """The chain to install, from DER certificates in any order: ours, then intermediates, no root.

    ``KeysError`` when none is of ``key``, or ours has ended (Unix seconds), may not sign, names
    another subsystem, or leads to no authority of ``trust``.
    """
    mine = [der for der in answer if is_of(der, key)]
    if not mine:
        raise KeysError(
            "keys.mismatch",
            f"none of the {len(answer)} certificates is of this node's key",
            hint="is it the answer to this node's request? see: xroad-lite keys list",
        )
    leaf = read_certificate(mine[0])
    if now > leaf.not_after:
        raise KeysError(
            "keys.not_valid_then",
            f"the certificate ended at {day(leaf.not_after)}: now it is {day(now)}",
        )
    if not leaf.signs:
        raise KeysError(
            "keys.usage",
            "the certificate may not sign data: expected the key usage digitalSignature or "
            "nonRepudiation, and no authority",
            hint="ask the authority for a certificate for signatures (an e-seal)",
        )
    others = [one for one in named_subsystems(leaf.x509) if one != subsystem]
    if others:
        raise KeysError(
            "keys.identifier", f"the certificate names {others[0]}: this node is {subsystem}"
        )
    chain = (leaf.der, *_intermediates(leaf.x509, answer))
    if trust is not None:
        trust.check(chain, max(now, leaf.not_before))
    return chain


def is_of(der: bytes, key: PublicKey) -> bool:
    """Whether a certificate, in DER, is of this key; what cannot be read is of none."""
    try:
        return read_any_certificate(der).public_key() == key
    except (KeysError, *MALFORMED):
        return False


def _intermediates(leaf: x509.Certificate, answer: Sequence[bytes]) -> list[bytes]:
    """Those that lead upwards from ours, in order, without the root; others are left out."""
    found: list[bytes] = []
    above = leaf
    by_name = dict(_named(answer))
    while above.issuer in by_name and above.issuer != above.subject:
        der = by_name.pop(above.issuer)
        above = read_any_certificate(der)
        if above.issuer != above.subject:
            found.append(der)
    return found


def _named(answer: Sequence[bytes]) -> Iterator[tuple[x509.Name, bytes]]:
    for der in answer:
        with suppress(KeysError, *MALFORMED):  # whatever else an authority sends along
            one = read_any_certificate(der)
            _ = one.issuer
            yield one.subject, der
