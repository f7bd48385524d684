"""Checks lists of revocations (CRLs) that lie in ``crls/``; does not apply them: check 3 does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from xroad_lite import times
from xroad_lite.errors import KeysError, XRoadError
from xroad_lite.keys import RevocationList, read_revocation_list
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import Reading

_SOON_SECONDS: Final = 2 * 86_400
_RENEW: Final = "fetch the authority's newest list, and publish it"


def check_revocation_lists(reading: Reading) -> Iterator[Finding]:
    """That each can be read, is signed by an authority known here, and is not overdue."""
    for path, data in reading.files.items():
        if not path.startswith("crls/") or not path.endswith(".crl"):
            continue
        try:
            found = read_revocation_list(data)
        except KeysError as error:
            hint = "expected a CRL, PEM or DER, as openssl ca -gencrl writes"
            yield Finding(path, error.code, error.message, hint=hint)
            continue
        yield from _signed(reading, path, found)
        yield from _in_time(path, found, reading.now)


def _signed(reading: Reading, path: str, found: RevocationList) -> Iterator[Finding]:
    try:
        vouched = reading.trust.vouches_for(found)
    except XRoadError:
        return  # the authorities themselves are faulty, which is told where they are
    if not vouched:
        yield Finding(
            path,
            "registry.crl_signer",
            f"no authority known here signed the list of {found.name!r:.120}: it would revoke "
            "nothing",
            hint="name its certificate in the authorities or intermediates of instance.yaml",
        )


def _in_time(path: str, found: RevocationList, now: float) -> Iterator[Finding]:
    """An old list still revokes what it names: it may lack the newest, which people must know."""
    if found.next_update is None or found.next_update > now + _SOON_SECONDS:
        return
    when = "was" if found.next_update <= now else "is"
    yield Finding(
        path,
        "registry.crl_overdue",
        f"the next list of {found.name!r:.120} {when} due at {times.to_text(found.next_update)}",
        "warning",
        hint=_RENEW,
    )
