"""Who looked at a person's data: from a log, with purpose and legal basis in words; prints nothing.

Does not need bodies: what is sealed says it, also after they were erased. The values are those that
Estonia's data tracker asks for (``findUsage``: when, who, which service, why).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from xroad_lite.encryption import Holder
from xroad_lite.errors import RegistryError
from xroad_lite.messagelog import Store
from xroad_lite.messagelog.search import Criteria, Found, Index, search
from xroad_lite.policy import PUBLISH, REPLY, REQUEST
from xroad_lite.registry import Agreement, RegistryClient, Snapshot
from xroad_lite.registry.models import Texts
from xroad_lite.registry.pseudonyms import pseudonyms_of

EVERYBODY = "everybody"
_PAGE = 1000

Snapshots = Callable[[str], Snapshot | None]
"""The snapshot with a name, ``VERSION:SHA256``, as entries hold it; None if it is not at hand."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One message about a person: who got to see something, when, and by which right."""

    entry: int
    at: float
    """When this node logged it, Unix seconds."""
    direction: str
    """``in`` or ``out``, seen from this node."""
    operation: str
    who: str
    """Who got the data: the recipient; of a request, who asked; or everybody."""
    source: str
    recipient: str | None
    type: str
    service: str | None
    """The code of the service that was asked, or answers."""
    outcome: str
    """``sent``; of what came in the verdict, or what became of it: refused ones told nothing."""
    purpose: str
    purpose_title: Texts
    """By language; empty where the registry has no words for it."""
    agreement: str
    legal_basis: Texts
    legal_basis_iri: str | None
    id: str
    in_reply_to: str | None
    user_id: str | None
    issue: str | None


def names_of(code: str, snapshot: Snapshot, holder: Holder) -> set[str]:
    """What stands for a person in seals: the code itself, and each agreement's pseudonym of it."""
    agreements = {snapshot.agreement_iri(one): one for one in snapshot.agreements}
    return {code, *pseudonyms_of(code, agreements, holder).values()}


def kept_snapshots(client: RegistryClient) -> tuple[Snapshot | None, Snapshots]:
    """The newest that a node has adopted, and what gives others by name."""
    kept = client.kept()
    current = kept.snapshot if kept else None

    def by_name(name: str) -> Snapshot | None:
        if current is not None and name == current.name:
            return current
        try:
            return client.mirror.load(client.mirror.head(name))
        except RegistryError:
            return current  # its agreements' versions never change

    return current, by_name


def find_usage(
    store: Store,
    names: Iterable[str],
    snapshots: Snapshots,
    *,
    since: float | None = None,
    until: float | None = None,
) -> list[Usage]:
    """Every message about the person with these names, the oldest first.

    ``since`` and ``until`` are Unix seconds, the latter not included. Brings the log's search index
    up to date first; ``LogError`` if the log cannot be read.
    """
    index = Index.of(store)
    try:
        found = [one for name in set(names) for one in _about(index, name, since, until)]
    finally:
        index.close()
    cached = _Cached(snapshots)
    return [_usage(store, one, cached) for one in sorted(found, key=lambda one: one.entry)]


def _about(index: Index, name: str, since: float | None, until: float | None) -> Iterator[Found]:
    criteria, before = Criteria(subject=name, since=since, until=until), None
    while True:
        page = search(index, criteria, _PAGE, before)
        yield from page.found
        before = page.next
        if before is None:
            return


class _Cached:
    """Snapshots by name, each asked for once."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self._known: dict[str, Snapshot | None] = {}

    def __call__(self, name: str) -> Snapshot | None:
        if name not in self._known:
            self._known[name] = self._snapshots(name)
        return self._known[name]


def _usage(store: Store, found: Found, snapshots: _Cached) -> Usage:
    entry = store.entry(found.entry)
    sealed = entry.attributes()
    snapshot = snapshots(sealed["registry"]) or snapshots(entry.fields["registry"])
    agreement = snapshot.agreement(sealed["agreement"]) if snapshot else None
    operation = _operation(agreement, sealed)
    source, recipient = sealed["source"], sealed.get("recipient")
    return Usage(
        entry=found.entry,
        at=found.at,
        direction=found.direction,
        operation=operation,
        who=source if operation == REQUEST else recipient or EVERYBODY,
        source=source,
        recipient=recipient,
        type=sealed["type"],
        service=_service(snapshot, operation, sealed),
        outcome=found.ended or found.verdict,
        purpose=sealed["purpose"],
        purpose_title=snapshot.purposes.titles.get(sealed["purpose"], {}) if snapshot else {},
        agreement=sealed["agreement"],
        legal_basis=agreement.legal_basis.text if agreement else {},
        legal_basis_iri=agreement.legal_basis.iri if agreement else None,
        id=sealed["id"],
        in_reply_to=sealed.get("inreplyto"),
        user_id=sealed.get("userid"),
        issue=sealed.get("issue"),
    )


def _operation(agreement: Agreement | None, sealed: Mapping[str, str]) -> str:
    if "inreplyto" in sealed:
        return REPLY
    asks = agreement.operation == REQUEST if agreement else "expirytime" in sealed
    return REQUEST if asks else PUBLISH


def _service(snapshot: Snapshot | None, operation: str, sealed: Mapping[str, str]) -> str | None:
    provider = sealed.get("recipient") if operation == REQUEST else sealed["source"]
    party = snapshot.party(provider) if snapshot and provider and operation != PUBLISH else None
    for one in party.subsystem.services if party else ():
        if sealed["type"] == (one.request if operation == REQUEST else one.response):
            return one.code
    return None
