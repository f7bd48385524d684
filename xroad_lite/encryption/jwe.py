"""One form of JWE, written and read: general JSON serialization (RFC 7516, section 7.2.1).

Exactly ECDH-ES+A256KW and A256GCM, one key wrap per party, no ``zip``, nothing else in it. Does
not know what it holds, or who may open it.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from xroad_lite import strict_json
from xroad_lite.encryption.party_keys import MEMBERS, PrivateKey, PublicKey
from xroad_lite.errors import EncryptionError, KeysError
from xroad_lite.keys import base64url

if TYPE_CHECKING:
    from joserfc.jwe import JWERegistry

BODY = "xroad-lite-body+jwe"
KEY = "xroad-lite-key+jwe"
_ALGORITHM, _CIPHER = "ECDH-ES+A256KW", "A256GCM"
_PARTS = {"protected", "recipients", "iv", "ciphertext", "tag"}
_HEADER = {"kid", "apu", "apv", "epk"}
_COORDINATE = re.compile(r"[A-Za-z0-9_-]{43}")
_MAX_PARTIES = {BODY: 8, KEY: 1000}
"""A body has two parties; an agreement's key as many as stand under its groups."""


def encrypt(
    plaintext: bytes, *, kind: str, producer: str, parties: Sequence[tuple[str, PublicKey]]
) -> bytes:
    """A JWE of type ``kind`` that each of ``parties`` can open.

    Each wrap is bound to ``producer`` and its party's name (``apu`` and ``apv`` of RFC 7518,
    section 4.6.1), so that a wrap moved to another place does not open.
    """
    from joserfc import jwe

    message = jwe.GeneralJSONEncryption(_protected(kind), plaintext)
    for name, key in parties:
        header = {"kid": key.kid, "apu": _text(producer), "apv": _text(name)}
        message.add_recipient(header, key.jwk)
    return strict_json.canonical(jwe.encrypt_json(message, None, registry=_registry()))


def decrypt(
    data: bytes,
    *,
    kind: str,
    producer: str,
    me: str,
    keys: Mapping[str, PrivateKey],
    parties: Sequence[str] | None = None,
) -> bytes:
    """Open a JWE that ``encrypt`` made for ``me``; raises ``EncryptionError`` and nothing else.

    Given ``parties``, it must be encrypted to these names in this order, and to nobody else.
    """
    value = read(data, kind)
    wraps = [one for one in value["recipients"] if one["header"]["apv"] == _text(me)]
    mine = [one for one in wraps if one["header"]["kid"] in keys]
    if not wraps:
        raise EncryptionError("encryption.not_for_me", f"it is not encrypted to {me}")
    if not mine:
        got = ", ".join(one["header"]["kid"] for one in wraps)
        raise EncryptionError(
            "encryption.no_key",
            f"no key of {me} opens it: it is encrypted to {got:.500}, here are "
            f"{', '.join(keys) or 'none'}",
            hint="keep earlier encryption keys until what was encrypted to them is erased",
        )
    if mine[0]["header"]["apu"] != _text(producer):
        raise EncryptionError("encryption.producer", f"it was not encrypted by {producer}")
    names = [_name(one["header"]["apv"]) for one in value["recipients"]]
    if parties is not None and names != list(parties):
        raise EncryptionError(
            "encryption.parties",
            f"it is encrypted to {', '.join(names):.500}: expected {', then '.join(parties)}, "
            "and nobody else",
        )
    return _opened(value | {"recipients": mine[:1]}, keys[mine[0]["header"]["kid"]])


def parties_of(data: bytes, kind: str) -> list[tuple[str, str]]:
    """To whom a JWE is encrypted: name and ``kid`` of each wrap, in its order."""
    recipients = read(data, kind)["recipients"]
    return [(_name(one["header"]["apv"]), one["header"]["kid"]) for one in recipients]


def producers_of(data: bytes, kind: str) -> set[str]:
    """By whom a JWE says that it was encrypted; one, in what ``encrypt`` made."""
    return {_name(one["header"]["apu"]) for one in read(data, kind)["recipients"]}


def read(data: bytes, kind: str) -> dict[str, Any]:
    """The members of a JWE of this very form, else ``EncryptionError``; opens nothing."""
    try:
        value = strict_json.loads(data)
        protected = strict_json.loads(_bytes(value["protected"]))
        well = set(value) == _PARTS
        parties = value["recipients"]
        well = well and 1 <= len(parties) <= _MAX_PARTIES[kind] and all(map(_is_party, parties))
    except (KeyError, TypeError, ValueError, AttributeError):
        well = False
    if not well:
        raise EncryptionError(
            "encryption.malformed",
            f"expected a JWE of type {kind} in general JSON form, with nothing else in it",
        )
    if protected != _protected(kind):
        raise EncryptionError(
            "encryption.algorithm",
            f"got the protected header {protected!r:.200}: expected exactly {_protected(kind)}",
        )
    found: dict[str, Any] = value
    return found


def _is_party(party: dict[str, Any]) -> bool:
    """Whether a wrap has the one form; whether its point is on the curve is seen on opening."""
    header = party["header"]
    point = header["epk"]
    texts = [party["encrypted_key"], *(header[one] for one in ("kid", "apu", "apv"))]
    return (
        set(party) == {"header", "encrypted_key"}
        and set(header) == _HEADER
        and set(point) == set(MEMBERS)
        and (point["kty"], point["crv"]) == ("EC", "P-256")
        and all(_COORDINATE.fullmatch(point[one]) is not None for one in ("x", "y"))
        and all(isinstance(one, str) for one in texts)
        and all(_name(header[one]) for one in ("apu", "apv"))
    )


def _opened(value: dict[str, Any], key: PrivateKey) -> bytes:
    from joserfc import jwe
    from joserfc.errors import JoseError

    try:
        opened = jwe.decrypt_json(cast(Any, value), key.jwk, registry=_registry())
    except KeysError as error:  # its token is away: as if the key were not here
        raise EncryptionError("encryption.no_key", error.message, hint=error.hint) from None
    except (JoseError, ValueError, TypeError) as error:
        raise EncryptionError(
            "encryption.failed", f"it does not open: {type(error).__name__}"
        ) from None
    return opened.plaintext or b""


@cache
def _registry() -> JWERegistry:
    """The two algorithms; how long a ciphertext may be is for check 1 to say, before this."""
    from joserfc import jwe

    class Registry(jwe.JWERegistry):
        max_ciphertext_length = 1 << 30

    return Registry(algorithms=[_ALGORITHM, _CIPHER], verify_all_recipients=False)


def _protected(kind: str) -> dict[str, str]:
    return {"typ": kind, "alg": _ALGORITHM, "enc": _CIPHER}


def _text(name: str) -> str:
    return base64url(name.encode())


def _name(text: str) -> str:
    return _bytes(text).decode()


def _bytes(text: str) -> bytes:
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64url(data) != text:
        raise ValueError("stray bits")
    return data
