"""Writes logs of real messages for tests of the store: sealed, with bodies and outcomes."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from xroad_lite import times
from xroad_lite.envelope import Attributes, Sealed, seal
from xroad_lite.identifiers import new_message_id
from xroad_lite.keys import KeySigner
from xroad_lite.messagelog import Inbox, Store, entries
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.notes import Note, Signer
from xroad_lite.testing import CIVIL, HEALTH, PURPOSE

BASE = "https://demo.xroad-lite.example/"
REGISTRY = "1:" + "A" * 43
ATTRIBUTES = Attributes(
    id=new_message_id(0),
    source=HEALTH,
    recipient=CIVIL,
    type="health.birth",
    time=times.to_text(0),
    datacontenttype="application/json",
    dataschema=f"{BASE}schemas/health/birth/1",
    sequence=f"{1:016d}",
    agreement=f"{BASE}agreements/births/1",
    purpose=PURPOSE,
    registry=REGISTRY,
)
LOG_KEY = Signer("DEMO/GOV/HEALTH/births", Ed25519PrivateKey.from_private_bytes(b"\x05" * 32))
ACCEPTED = {"outcome": "accepted", "checks": ["passed"] * 9}
REFUSED = {
    "outcome": "refused",
    "checks": ["passed"] * 5 + ["refused"] + ["not reached"] * 3,
    "check": 6,
    "code": "policy.no_agreement",
    "message": "no agreement",
}


class Scribe:
    """One log and one key, with which every message in it is sealed."""

    def __init__(self, store: Store, signer: KeySigner) -> None:
        self.store, self.signer = store, signer

    def sealed(self, at: float, body: bytes, **attributes: str | None) -> Sealed:
        """A message of Health's, sealed at ``at``."""
        values = {"id": new_message_id(at), "time": times.to_text(at)} | attributes
        made = replace(ATTRIBUTES, **values)
        return seal(made, body, self.signer, issued_at=int(at))

    def send(self, at: float, body: bytes = b"{}", **attributes: str | None) -> int:
        """Log a message as sent, with its sequence number; gives its entry."""
        with self.store.transaction():
            peer = attributes.get("recipient", CIVIL) or "*"
            number = self.store.next_sequence(entries.OUT, peer)
            made = self.sealed(at, body, sequence=f"{number:016d}", **attributes)
            leaf = entries.message(entries.OUT, at, made.opened, registry=REGISTRY)
            return self.store.append_message(
                leaf, made.opened, direction=entries.OUT, salt=made.salt, body=made.body
            )

    def receive(
        self,
        at: float,
        body: bytes = b"{}",
        verdict: dict[str, object] | None = None,
        keep_until: float | None = None,
        **attributes: str | None,
    ) -> int:
        """Log a message as received, queued for its handler if it was accepted; gives its entry."""
        made, said = self.sealed(at, body, **attributes), verdict or ACCEPTED
        sealed, outcome = made.opened.attributes, str(said["outcome"])
        leaf = entries.message(entries.IN, at, made.opened, registry=REGISTRY, verdict=said)
        with self.store.transaction():
            index = self.store.append_message(
                leaf,
                made.opened,
                direction=entries.IN,
                salt=made.salt,
                body=made.body,
                result=outcome,
                keep_until=keep_until,
            )
            if outcome == entries.ACCEPTED:
                self.store.note_sequence(entries.IN, sealed.source, int(sealed.sequence))
                Inbox(self.store).add(index, sealed.type, sealed.source, sealed.subject, None)
        return index

    def handled(self, at: float, index: int) -> int:
        """Log that a handler has handled an entry; gives the outcome's entry."""
        with self.store.transaction():
            Inbox(self.store).done(index)
            return self.store.append(entries.outcome(at, index, entries.HANDLED, 1))

    def checkpoint(self, size: int | None = None) -> Note:
        """The signed head of the log."""
        from xroad_lite.messagelog import merkle

        size = self.store.size if size is None else size
        root = merkle.root(size, self.store.read_hash)
        return Checkpoint(LOG_KEY.name, size, root).sign(LOG_KEY)
