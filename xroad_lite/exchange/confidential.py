"""Confidential bodies in the pipeline: encrypted before the seal, opened by check 7.

Whether a body is one, the agreement says; whose keys it is encrypted to, the registry. Does not
hold keys: a ``Holder`` opens bodies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from xroad_lite.encryption import BODY, Encrypted, PublicKey, encrypt_body, parties_of
from xroad_lite.errors import EncryptionError, PolicyError, RefusedError
from xroad_lite.exchange.judgement import Judgement, Verdict
from xroad_lite.registry import Agreement, Snapshot


def encrypted(
    plaintext: bytes,
    values: Mapping[str, str | None],
    agreement: Agreement,
    snapshots: Sequence[Snapshot],
    at: float,
) -> Encrypted:
    """The body for its recipient and its sender, each by the key that the registry lists ``at``.

    ``values`` are the attributes to be sealed; of ``snapshots`` the one of its own instance speaks
    for a party. ``RefusedError`` of check 7 where one has no key, or the message is for everybody.
    """
    parties = []
    for name in (values["source"] or "", values["recipient"] or ""):
        key = _key_of(name, snapshots, at)
        if key is None:
            raise RefusedError(
                7,
                "encryption.no_recipient_key",
                f"agreement {agreement.agreement}/{agreement.version} is confidential, and the "
                f"registry lists no encryption key in force of {name or 'everybody'}",
                hint="make one with: xroad-lite keys new --use encryption; and have it listed",
            )
        parties.append((name, key))
    source, recipient = parties
    return encrypt_body(
        plaintext, message_id=values["id"] or "", source=source, recipient=recipient
    )


def _key_of(name: str, snapshots: Sequence[Snapshot], at: float) -> PublicKey | None:
    own = (one.party(name) for one in snapshots if name and one.parties.is_own(name))
    party = next(own, None)
    return None if party is None else party.encryption_key(at)


def opened_body(found: Judgement) -> bytes:
    """What a body says: itself, or decrypted if the agreement says that it is confidential.

    ``EncryptionError`` where the one is not as the other says, or it does not open. With the code
    ``encryption.no_key`` the fault is this node's: a key that is listed for it is not at hand.
    """
    attributes, agreement = found.attributes, found.agreed
    if agreement is None:
        raise PolicyError("policy.no_agreement", f"no agreement {attributes.agreement}")
    if agreement.confidential is not (attributes.datacommit is not None):
        name = f"agreement {agreement.agreement}/{agreement.version}"
        if agreement.confidential:
            raise EncryptionError(
                "encryption.plain_body", f"{name} is confidential: the body is not encrypted"
            )
        raise EncryptionError(
            "encryption.not_agreed", f"the body is encrypted: {name} is not confidential"
        )
    if attributes.datacommit is None:
        return found.body
    try:
        return found.node.holder.open_body(
            found.body,
            message_id=attributes.id,
            source=attributes.source,
            recipient=attributes.recipient or "",
            committed=attributes.datacommit,
        )
    except EncryptionError as error:
        if error.code == "encryption.no_key" and not _listed(found):
            raise EncryptionError(
                "encryption.unlisted_key",
                f"it is encrypted to a key that the registry does not list: {error.message}",
            ) from None
        raise


def _listed(found: Judgement) -> bool:
    """Whether it is encrypted to a key that is listed for this node, then or now."""
    me = found.node.me
    kids = [kid for name, kid in parties_of(found.body, BODY) if name == me]
    snapshots = [one for one in (found.sender_snapshot, found.node.known.current) if one]
    parties = [one.party(me) for one in snapshots]
    return any(one is not None and one.lists_encryption_key(kid) for one in parties for kid in kids)


def veiled(found: Judgement, verdict: Verdict) -> Verdict:
    """The verdict without its words, where they may repeat what a confidential body says."""
    if found.plain is None or found.attributes.datacommit is None:
        return verdict
    return replace(
        verdict,
        message="the body is confidential: what is wrong with it stays out of the log",
        hint="see the body with: xroad-lite log show ENTRY",
    )
