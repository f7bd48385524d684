"""Under which pseudonyms agreements speak of a person; does not read logs."""

from __future__ import annotations

from collections.abc import Mapping

from xroad_lite.encryption import Holder, pseudonym
from xroad_lite.errors import EncryptionError
from xroad_lite.registry.models import Agreement


def pseudonyms_of(code: str, agreements: Mapping[str, Agreement], keys: Holder) -> dict[str, str]:
    """The pseudonym of the person ``code`` under each agreement, by its IRI.

    ``agreements`` are versions by IRI, of as many snapshots as are wanted. Those without a key, and
    those whose key none of ``keys`` opens, are left out. The same holds for ``userid`` as for
    ``subject``. Where a schema does not mark them as personal, they stand in seals as they are.
    """
    found = {}
    for iri, agreement in agreements.items():
        if agreement.pseudonym_key is not None:
            try:
                key = keys.pseudonym_key(iri, agreement.pseudonym_key)
            except EncryptionError:
                continue
            found[iri] = pseudonym(key, code)
    return found
