"""The pipeline again, over a log, under the registry of that day; delivers nothing.

Every message that arrived is judged once more by ``exchange`` at its own time, with the snapshot
that its entry names and with what the log shows was known before it. The verdicts must be the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from xroad_lite import times
from xroad_lite.encryption import Holder
from xroad_lite.envelope import Seal, parse_seal
from xroad_lite.errors import RegistryError
from xroad_lite.exchange import (
    NAMES,
    PREFIX_NOT_ASKED,
    Awaited,
    Judgement,
    OpenRequest,
    Receiving,
    receive,
)
from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.evidence.parts import Source
from xroad_lite.policy import RECEIPT_TYPE, REQUEST
from xroad_lite.registry import KnownSnapshots, RegistryFolder, Snapshot
from xroad_lite.registry.lines import History
from xroad_lite.replay.recorded import Recorded, recorded, source_of

Trusted = Callable[[str, bytes], RegistryFolder]
"""The mirror of an instance's registry that was trusted from a root on: its name, root.json."""

Accepted = Callable[[int, Judgement], None]
"""What is done with a message that was accepted then, and is again: its entry, its judgement."""

_NO_LIMIT = 64 * 1_048_576
_COMPARED = ("outcome", "checks", "check", "code")
_OPENS = NAMES.index("digest")


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry whose verdict is not the logged one any more."""

    entry: int
    logged: str
    replayed: str

    def __str__(self) -> str:
        return f"entry {self.entry}: logged {self.logged}, replayed {self.replayed}"


@dataclass(slots=True)
class Replay:
    """What a replay found; ``equal`` when every judged message got its verdict again."""

    judged: int = 0
    closed: int = 0
    """Confidential messages that no key at hand opens: of these checks 1 to 6 are compared."""
    erased: int = 0
    """Messages whose body is gone, so that they cannot be judged whole."""
    unproven: int = 0
    """Entries that hold only the digest of what came."""
    alone: int = 0
    """Of chosen entries: answers and duplicates, of which what was before is not here."""
    differences: list[Difference] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether no verdict differs."""
        return not self.differences


def replay_log(
    log: Store | Source,
    registry: RegistryFolder,
    me: str,
    progress: Callable[[int], None] | None = None,
    trusted: Trusted | None = None,
    holder: Holder | None = None,
    accepted: Accepted = lambda *_: None,
) -> Replay:
    """Judge every received message of the log of subsystem ``me`` again, or of a bundle of it.

    ``trusted`` gives the mirrors of other instances' registries, for messages that came from there;
    ``holder`` opens confidential bodies. ``accepted`` is called, in the log's order, with every
    message that was accepted then and is again.
    ``RegistryError`` when a snapshot under which the node judged is not in the registry's archive,
    or was never adopted by an entry of this log: with an old key anybody can make one today.
    """
    source = source_of(log)
    past = _Past(source, registry, me, trusted, holder or Holder(me))
    found = Replay()
    for one in recorded(source):
        if one.entry.kind == "snapshot":
            past.adopt(one.entry)
        elif one.entry.kind == "message":
            _replay_entry(past, one, found, accepted)
        if progress is not None and one.index % 64 == 0:
            progress(one.index)
    return found


def _replay_entry(past: _Past, one: Recorded, found: Replay, accepted: Accepted) -> None:
    index, entry, body = one.index, one.entry, one.body
    if not entry.proven:
        found.unproven += 1
        return
    opened = parse_seal(entry.seal(past.certificates))
    if entry.fields["direction"] == entries.OUT:
        past.sent(opened, entry)
        return
    logged = entry.fields["verdict"]
    if past.needs_more(opened, logged):
        found.alone += 1
    elif body is None:
        found.erased += 1
    else:
        judgement = past.judge(opened, *body, entry)
        verdict, mapping = judgement.verdict.to_json(), entry.fields.get("mapping")
        if verdict.get("code") == "encryption.no_key":
            found.closed += 1
            same = verdict["checks"][:_OPENS] == logged["checks"][:_OPENS]
        else:
            found.judged += 1
            same = all(verdict.get(name) == logged.get(name) for name in _COMPARED)
            same &= judgement.mapping == mapping
        if not same:
            said = _said(logged, mapping), _said(verdict, judgement.mapping)
            found.differences.append(Difference(index, *said))
        elif verdict["outcome"] == entries.ACCEPTED:
            accepted(index, judgement)
    if logged["outcome"] == entries.ACCEPTED:
        past.accept(opened)


def _said(verdict: dict[str, object], mapping: str | None) -> str:
    """A verdict with its reason; of what passed, which checks did, and by which mapping."""
    if "check" in verdict:
        reason = f"{verdict.get('code')}: {verdict.get('message')}"
        return f"{verdict['outcome']} by check {verdict['check']} ({reason})"
    passed = sum(one == "passed" for one in cast("list[object]", verdict["checks"]))
    read = "as it was sent" if mapping is None else f"by the mapping {mapping}"
    return f"{verdict['outcome']} ({passed} checks passed, read {read})"


class _Past:
    """What the node knew, entry by entry: the memory that the checks ask."""

    def __init__(
        self,
        source: Source,
        registry: RegistryFolder,
        me: str,
        trusted: Trusted | None,
        holder: Holder,
    ) -> None:
        self._holder = holder
        self._whole = source.whole
        self.certificates = dict(source.certificates)
        self._own = _Followed(registry)
        self._mirrors = trusted
        self._others: dict[str, _Followed] = {}
        self._newest: dict[str, str] = {}
        """What the log says was adopted last of each other registry."""
        self._me = me
        self._accepted: dict[tuple[str, str, str], str] = {}
        self._requests: dict[str, OpenRequest] = {}
        self._awaited: dict[str, Awaited] = {}

    def adopt(self, entry: entries.Entry) -> None:
        """Take in that the node adopted a snapshot, of its own registry or of another's."""
        name, instance = entry.fields["registry"], entry.fields.get("instance")
        if instance is None:
            self._own.adopted.add(name)
        else:
            self._newest[instance] = name

    def needs_more(self, opened: Seal, logged: dict[str, object]) -> bool:
        """Whether its verdict rests on entries that were not chosen."""
        answers = opened.attributes.inreplyto is not None
        return not self._whole and (answers or logged["outcome"] == entries.DUPLICATE)

    def accepted(self, subscription: str, source: str, message_id: str) -> str | None:
        """See ``exchange.Memory``."""
        return self._accepted.get((subscription, source, message_id))

    def open_request(self, message_id: str) -> OpenRequest | None:
        """See ``exchange.Memory``."""
        return self._requests.get(message_id)

    def awaited(self, message_id: str) -> Awaited | None:
        """See ``exchange.Memory``."""
        return self._awaited.get(message_id)

    def accept(self, opened: Seal) -> None:
        """Remember what was accepted; an answer closes its request."""
        sealed = opened.attributes
        self._accepted[(sealed.type, sealed.source, sealed.id)] = opened.identity
        if sealed.inreplyto is not None and sealed.type != RECEIPT_TYPE:
            self._requests.pop(sealed.inreplyto, None)

    def sent(self, opened: Seal, entry: entries.Entry) -> None:
        """Remember a request of ours, and what asks for a receipt."""
        sealed = opened.attributes
        agreement = self._own.at(entry.fields["registry"])[0].current.agreement(sealed.agreement)
        asks = agreement is not None and agreement.receipt and sealed.type != RECEIPT_TYPE
        if asks and sealed.recipient is not None:
            self._awaited[sealed.id] = Awaited(
                sealed.recipient,
                opened.identity,
                sealed.agreement,
                sealed.purpose,
                float(opened.issued_at),
            )
        asks = agreement is not None and agreement.operation == REQUEST
        if asks and sealed.inreplyto is None and sealed.recipient is not None:
            expires = times.to_unix(sealed.expirytime) if sealed.expirytime else 0.0
            self._requests[sealed.id] = OpenRequest(
                sealed.recipient,
                sealed.type,
                opened.identity,
                expires,
                sealed.agreement,
                sealed.purpose,
            )

    def judge(self, opened: Seal, salt: bytes, body: bytes, entry: entries.Entry) -> Judgement:
        """The verdict of that day, again."""
        known, history = self._own.at(entry.fields["registry"])
        known.refreshed = 0.0
        ways = {id(known): (self._own, history)}
        trusted = {}
        for name, followed in self._trusted_at(known.current).items():
            other, way = followed.at(self._newest[name])
            trusted[name], ways[id(other)] = other, (followed, way)
        node = Receiving(
            me=self._me,
            now=entry.at,
            known=known,
            memory=self,
            reads=lambda *_: entry.fields.get("reads"),
            max_body=_NO_LIMIT,
            trusted=trusted,
            holder=self._holder,
            takes_prefix=lambda _: entry.fields["verdict"].get("code") != PREFIX_NOT_ASKED,
        )
        while True:
            found = receive(opened.token, salt, body, node)
            if found.missing is not None:
                assert found.known is not None
                followed, way = ways[id(found.known)]
                followed.look_for(found.missing, found.known, way)
            elif found.behind:  # it was looked at before this was decided
                known.refreshed = float("inf")
            else:
                return found

    def _trusted_at(self, current: Snapshot) -> dict[str, _Followed]:
        """The registries that were trusted then, and of which something was adopted by then."""
        found = {}
        for name, one in current.trusted.items():
            if self._mirrors is None or name not in self._newest:
                continue
            root = current.file(one.root)
            key = f"{name} {hashlib.sha256(root).hexdigest()}"
            if key not in self._others:
                self._others[key] = _Followed(self._mirrors(name, root))
            self._others[key].adopted.add(self._newest[name])
            found[name] = self._others[key]
        return found


class _Followed:
    """One registry, as the node followed it."""

    def __init__(self, folder: RegistryFolder) -> None:
        self._folder = folder
        self.adopted: set[str] = set()
        """The snapshots that the log says the node had adopted so far."""
        self._known: dict[str, tuple[KnownSnapshots, History]] = {}

    def at(self, name: str) -> tuple[KnownSnapshots, History]:
        """What was known when the snapshot ``name`` was the newest adopted, and its past."""
        if name not in self.adopted:
            raise RegistryError(
                "registry.not_adopted", f"no entry of the log says that {name} was adopted"
            )
        if name not in self._known:
            try:
                history = self._folder.history(name)
                current = self._folder.load(self._folder.head(name))
            except RegistryError as error:
                raise RegistryError(
                    "registry.missing_snapshot",
                    f"the log names the snapshot {name}, which this registry does not have whole: "
                    f"{error.message}",
                    hint="replay with the registry that the node used",
                ) from None
            known = KnownSnapshots(current, read=self._read)
            self._known[name] = known, history
        return self._known[name]

    def look_for(self, name: str, known: KnownSnapshots, history: History) -> None:
        """Know an earlier snapshot, or that there was none."""
        head = history.find(name)
        if head is None:
            known.note_never(name)
            return
        known.add(self._folder.load(head))
        for version, published in history.published().items():
            known.note(version, published)

    def _read(self, name: str) -> Snapshot:
        return self._folder.load(self._folder.head(name))
