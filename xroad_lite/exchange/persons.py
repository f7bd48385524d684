"""Pseudonyms in place of persons: put in on the way out, looked for on the way in.

Where a schema marks ``subject`` or ``userid`` as personal, the seal holds a keyed hash under the
agreement's key. Does not hold keys: a ``Holder`` opens them.
"""

from __future__ import annotations

from collections.abc import Mapping

from xroad_lite import policy
from xroad_lite.encryption import Holder, is_pseudonym, pseudonym
from xroad_lite.envelope.attributes import check_attribute
from xroad_lite.errors import EncryptionError, KeysError, RefusedError, SchemaError, SealError
from xroad_lite.exchange.judgement import Judgement
from xroad_lite.registry import Agreement
from xroad_lite.schema.persons import Persons

_CODE = "schema.personal_attribute"


def with_pseudonyms(
    values: Mapping[str, str | None],
    marked: Persons,
    iri: str,
    agreement: Agreement,
    holder: Holder,
) -> dict[str, str | None]:
    """``subject`` and ``userid`` as they are sealed under the agreement with this IRI.

    ``RefusedError`` of check 8 where one is personal and the agreement has no key for it;
    ``KeysError`` where this node has not the key at hand that opens it.
    """
    personal = ("subject", marked.subject), ("userid", marked.userid)
    hidden = {name: value for name, is_name in personal if is_name and (value := values[name])}
    if not hidden:
        return {}
    for name, value in hidden.items():
        _check_text(name, value)
    key = _key(iri, agreement, holder, " and ".join(hidden))
    return {name: pseudonym(key, value) for name, value in hidden.items()}


def _check_text(name: str, value: str) -> None:
    """Refuse, by check 1, what could not be sealed in clear either."""
    try:
        check_attribute(name, value)
    except SealError as error:
        raise RefusedError(1, error.code, error.message, hint=error.hint) from None


def _key(iri: str, agreement: Agreement, holder: Holder, what: str) -> bytes:
    name = f"agreement {agreement.agreement}/{agreement.version}"
    if agreement.pseudonym_key is None:
        raise RefusedError(
            8,
            _CODE,
            f"the schema marks {what} as personal, and {name} has no key for pseudonyms",
            hint="have both parties agree on a version with a key: xroad-lite agreement new",
        )
    try:
        return holder.pseudonym_key(iri, agreement.pseudonym_key)
    except EncryptionError as error:
        if error.code == "encryption.no_key":
            raise KeysError(
                "keys.encryption", f"the pseudonym key of {name}: {error.message}", hint=error.hint
            ) from None
        raise RefusedError(
            8, error.code, f"the pseudonym key of {name}: {error.message}", hint=error.hint
        ) from None


def check_pseudonyms(found: Judgement, marked: Persons) -> None:
    """Refuse, by check 8, a person's name in the open where the schema marks it as personal.

    A reply repeats the subject of what it answers, as that was sealed.
    """
    if found.operation == policy.REPLY or not marked.any:
        return
    for name, personal in (("subject", marked.subject), ("userid", marked.userid)):
        value = getattr(found.attributes, name)
        if personal and value is not None and not is_pseudonym(value):
            raise SchemaError(
                _CODE,
                f"the schema marks {name} as personal: expected a pseudonym, got a text in clear",
                hint="the sender's node makes them, by the agreement's pseudonym_key",
            )


def subject_of(found: Judgement, marked: Persons) -> str | None:
    """Whom a message is about: by name where its body has it and it is the sealed one's."""
    sealed = found.attributes.subject
    if sealed is None or not marked.subject:
        return sealed
    name = marked.subject_in(found.value)
    agreement, holder = found.agreement, found.node.holder
    if name is None or name == sealed:
        return sealed
    if agreement is None or agreement.pseudonym_key is None:
        return sealed
    try:
        key = holder.pseudonym_key(found.attributes.agreement, agreement.pseudonym_key)
    except EncryptionError:
        return sealed
    return name if pseudonym(key, name) == sealed else sealed
