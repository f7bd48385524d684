"""Verifies a log from its bytes alone: every entry, seal, body and tree hash; changes nothing.

Does not decide whether a sender was allowed to send: replay does, with the registry of that day.
Without a checkpoint signed elsewhere, an owner of the file who recomputes everything can still drop
entries from its end; what other parties sealed she cannot change in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from xroad_lite.envelope import Seal, data_hash, parse_seal, verify_seal
from xroad_lite.errors import LogError, XRoadError
from xroad_lite.keys import thumbprint
from xroad_lite.messagelog import entries, merkle
from xroad_lite.messagelog.store import Store

MAX_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the log that is not as it was written."""

    entry: int | None
    code: str
    message: str

    def __str__(self) -> str:
        return self.message if self.entry is None else f"entry {self.entry}: {self.message}"


@dataclass(slots=True)
class Verification:
    """What verifying a log found; good when ``findings`` is empty."""

    entries: int = 0
    seals: int = 0
    bodies: int = 0
    erased: int = 0
    root: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.findings


def verify_log(store: Store, progress: Callable[[int], None] | None = None) -> Verification:
    """Verify every entry of an open store; ``progress`` is told how many are done."""
    return _Verifier(store).run(progress or (lambda _: None))


class _Verifier:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._found = Verification()
        self._certificates: dict[str, bytes] = {}
        self._edge: dict[int, bytes] = {}
        self._accepted: set[int] = set()
        self._sent: set[int] = set()
        self._bodiless: set[int] = set()
        self._sequences: dict[str, int] = {}

    def run(self, progress: Callable[[int], None]) -> Verification:
        try:
            self._read_certificates()
            for index, leaf in self._store.entries():
                if index != self._found.entries:
                    self._add(self._found.entries, "log.gap", f"is missing: next is {index}")
                    break
                self._entry(index, leaf)
                self._found.entries += 1
                if index % 256 == 0:
                    progress(index)
                if len(self._found.findings) >= MAX_FINDINGS:
                    break
            self._check_end()
        except XRoadError as error:
            self._add(None, error.code, error.message)
        progress(self._found.entries)
        return self._found

    def _add(self, entry: int | None, code: str, message: str) -> None:
        self._found.findings.append(Finding(entry, code, message))

    def _read_certificates(self) -> None:
        for digest, der in self._store.certificates().items():
            if thumbprint(der) != digest:
                self._add(None, "log.certificate", f"the certificate {digest} was changed")
            self._certificates[digest] = der

    def _entry(self, index: int, leaf: bytes) -> None:
        self._tree(index, leaf)
        try:
            entry = entries.read(leaf)
            if entry.kind == "message":
                self._message(index, entry)
            elif entry.kind == "outcome":
                self._outcome(entry)
            elif entry.kind == "erasure":
                self._erasure(entry)
        except XRoadError as error:
            self._add(index, error.code, error.message)

    def _tree(self, index: int, leaf: bytes) -> None:
        """Compare the stored hash of the leaf, and of every subtree that it completes."""
        level = (index ^ (index + 1)).bit_length() - 1
        stored = self._store.hashes(index)
        if not stored or stored[0] != merkle.leaf_hash(leaf):
            self._add(index, "log.tree", "its bytes are not those that were hashed into the tree")
        hashes = stored[:1] or [
            b""
        ]  # so that one changed entry is one finding, not one per ancestor
        for below in range(level):
            hashes.append(merkle.node_hash(self._edge.pop(below, b""), hashes[-1]))
        self._edge[level] = hashes[-1]
        if stored != hashes:
            self._add(index, "log.tree", "a tree hash above it is not the one of its leaves")

    def _message(self, index: int, entry: entries.Entry) -> None:
        direction = entry.fields["direction"]
        if direction not in (entries.IN, entries.OUT):
            raise LogError("log.entry", f"its direction is {direction!r}")
        if direction == entries.IN and not isinstance(entry.fields.get("verdict"), dict):
            raise LogError("log.entry", "it lacks a verdict")
        if not entry.proven:
            return
        opened = parse_seal(entry.seal(self._certificates))
        verify_seal(opened)
        self._found.seals += 1
        self._check_columns(index, direction, opened)
        if direction == entries.OUT:
            self._check_sequence(opened)
            self._sent.add(index)
        elif entry.fields["verdict"].get("outcome") == entries.ACCEPTED:
            self._accepted.add(index)
        self._check_body(index, entry, opened)

    def _check_columns(self, index: int, direction: str, opened: Seal) -> None:
        rows = self._store.query(
            "SELECT direction, id, source, recipient, type, subject FROM xl_messages WHERE idx = ?",
            (index,),
        )
        sealed = opened.attributes
        expected = (
            direction,
            sealed.id,
            sealed.source,
            sealed.recipient,
            sealed.type,
            sealed.subject,
        )
        if rows != [expected]:
            raise LogError("log.index", "the search columns do not say what the seal says")

    def _check_sequence(self, opened: Seal) -> None:
        peer = opened.attributes.recipient or "*"
        expected = self._sequences.get(peer, 0) + 1
        found = int(opened.attributes.sequence)
        self._sequences[peer] = found
        if found != expected:
            raise LogError("log.sequence", f"number {found} to {peer}: expected {expected}")

    def _check_body(self, index: int, entry: entries.Entry, opened: Seal) -> None:
        stored = self._store.body(index)
        if stored is None:
            self._bodiless.add(index)
            return
        self._found.bodies += 1
        expected = entry.fields.get("received", opened.attributes.datahash)
        if data_hash(*stored) != expected:
            raise LogError("log.body", "its body or salt is not the one whose digest is logged")

    def _outcome(self, entry: entries.Entry) -> None:
        about, expired = entry.fields["entry"], entry.fields["outcome"] == entries.EXPIRED
        if about not in self._accepted and not (expired and about in self._sent):
            raise LogError("log.outcome", f"it is about entry {about}, which was not accepted")

    def _erasure(self, entry: entries.Entry) -> None:
        erased = set(entry.fields["entries"])
        self._found.erased += len(erased & self._bodiless)
        self._bodiless -= erased

    def _check_end(self) -> None:
        for index in sorted(self._bodiless)[:MAX_FINDINGS]:
            self._add(index, "log.body", "its body is gone, and no entry says that it was erased")
        size = self._found.entries
        rows = self._store.query("SELECT count(*), total(length(hashes)) FROM xl_hashes")
        if rows[0] != (size, 32 * merkle.stored_count(size)):
            self._add(None, "log.tree", f"the tree is not the one over {size} entries")
        for table in ("xl_bodies", "xl_messages", "xl_inbox", "xl_outbox"):
            beyond = self._store.query(f"SELECT max(idx) FROM {table}")[0][0]  # noqa: S608
            if beyond is not None and beyond >= size:
                self._add(None, "log.truncated", f"entry {beyond} is missing: the log has {size}")
        for peer, last in self._store.query(
            "SELECT peer, last FROM xl_sequences WHERE direction = 'out'"
        ):
            if last != self._sequences.get(peer, 0):
                self._add(None, "log.truncated", f"the message number {last} to {peer} is missing")
        if not self._found.findings:
            self._found.root = self._store.root().hex()
