"""Shows this log's checkpoints to witnesses over the bus, and keeps their cosignatures.

Does not answer those who show theirs: ``witness_service`` does. Whom to ask, and who may ask,
agreements say: a witness's subsystem has a service that is asked by ``xroad.checkpoint``.
"""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from xroad_lite import policy, times
from xroad_lite.errors import LogError, XRoadError
from xroad_lite.identifiers import SubsystemId, url_path
from xroad_lite.messagelog import merkle, notes
from xroad_lite.messagelog.checkpoints import Checkpoint, cosigned_at
from xroad_lite.messagelog.notes import COSIGNATURE, Note, Signature, Verifier
from xroad_lite.node.checkpointing import Checkpointing
from xroad_lite.node.desk import Desk
from xroad_lite.node.message import Message
from xroad_lite.node.settings import Witnesses
from xroad_lite.node.witness_service import MAX_PROOFS, MAX_SEEN, WitnessService
from xroad_lite.registry import Snapshot

Serve = Callable[[str], Callable[[Callable[[Message], Any]], Any]]
"""``Node.serve``."""
SHOWN, ANSWER = "xroad.checkpoint", "xroad.cosignature"
_PATIENCE_SECONDS = 600.0
_FIRST_SECONDS, _LOOK_SECONDS = 30.0, 5.0
"""A process that ends soon asks nobody; how often is looked whether there is news."""
_SKEW_SECONDS = 300.0
_ROUNDS = 3
"""How often one checkpoint is shown to a witness that asks for more proofs."""


@dataclass(slots=True)
class _Talk:
    """What goes on with one witness."""

    next_at: float = 0.0
    shown: Note | None = None
    answer: Future[Message] | None = None
    proofs: set[int] = field(default_factory=set)
    """The sizes that it holds of this log."""
    rounds: int = 0
    cosigned: int = 0
    problem: str | None = None


class Witnessing:
    """What goes on with the witnesses of one open log."""

    def __init__(
        self,
        checkpoints: Checkpointing,
        me: str,
        desk: Desk,
        serve: Serve,
        settings: Witnesses,
        talk: Callable[[str], object],
    ) -> None:
        self.service = WitnessService(checkpoints, talk)
        self.seen = self.service.seen
        self._store = checkpoints.store
        self._checkpoints = checkpoints
        self._me = me
        self._desk = desk
        self._serve = serve
        self._settings = settings
        self._serving = False
        self._witnesses: dict[str, _Talk] = {}

    def pump(self, snapshot: Snapshot, now: float) -> None:
        """Show what is due, and take in what the witnesses answered."""
        self.service.now = now
        if snapshot is not self.service.snapshot:
            self._read(snapshot, now)
        for name, one in self._witnesses.items():
            if one.answer is not None and one.answer.done():
                answer, one.answer = one.answer, None
                self._answered(name, one, answer, now)
            if one.answer is None and not now < one.next_at:
                self._show(name, one, now)

    def status(self) -> dict[str, Any]:
        """What people and monitoring want to know of it."""
        return {
            "asked": {
                name: {"cosigned": one.cosigned, "problem": one.problem}
                for name, one in self._witnesses.items()
            },
            "split_views": len(self.seen.views()),
        }

    def _read(self, snapshot: Snapshot, now: float) -> None:
        self.service.snapshot = snapshot
        before, self._witnesses = self._witnesses, {}
        for name in witnesses(snapshot, self._me, now, self._settings):
            self._witnesses[name] = before.get(name) or self._begun(name, now)
        party = snapshot.party(self._me)
        if party is not None and party.service(SHOWN) is not None and not self._serving:
            self._serving = True
            self._serve(SHOWN)(self.service.answer)

    def _begun(self, name: str, now: float) -> _Talk:
        """What went on with a witness before this process, as far as the log knows."""
        last = self._checkpoints.table.last_by(url_path(SubsystemId.parse(name)))
        soon = now + _FIRST_SECONDS
        if last is None:
            return _Talk(soon)
        size, line = last
        at = int.from_bytes(line.data[:8], "big")
        return _Talk(max(soon, at + self._settings.seconds), proofs={size}, cosigned=size)

    def _show(self, name: str, one: _Talk, now: float) -> None:
        note = self._checkpoints.newest
        if note is None or not self._has_news(one, Checkpoint.read(note).size):
            one.next_at = now + _LOOK_SECONDS
            return
        one.next_at, one.shown = now + self._settings.seconds, note
        body = {
            "checkpoint": str(note),
            "proofs": self._proofs(one.proofs, Checkpoint.read(note)),
            "seen": self._others(),
        }
        try:
            one.answer = self._desk.ask(name, SHOWN, body, timeout=_PATIENCE_SECONDS)
        except XRoadError as error:
            one.problem = str(error)

    def _has_news(self, one: _Talk, size: int) -> bool:
        """Whether anything but witnesses' own messages, and tokens, came since it cosigned."""
        if size <= one.cosigned:
            return False
        rows = self._store.query(
            "SELECT 1 FROM xl_messages WHERE idx >= ? AND idx < ? AND type NOT IN (?, ?) LIMIT 1",
            (one.cosigned, size, SHOWN, ANSWER),
        )
        return bool(rows) or one.cosigned == 0

    def _proofs(self, sizes: set[int], shown: Checkpoint) -> list[dict[str, Any]]:
        signer, read = self._checkpoints.signer, self._store.read_hash
        found = []
        for size in sorted(size for size in sizes if size < shown.size)[-MAX_PROOFS:]:
            earlier = Checkpoint(shown.origin, size, merkle.root(size, read)).sign(signer)
            hashes = merkle.consistency_proof(size, shown.size, read)
            found.append(
                {
                    "checkpoint": str(earlier),
                    "hashes": [b64encode(one).decode() for one in hashes],
                }
            )
        return found

    def _others(self) -> list[str]:
        """The newest of other logs, some of them where they are many."""
        found = [str(one.note) for one in self.seen.newest_of_all()]
        return random.sample(found, min(len(found), MAX_SEEN))

    def _answered(self, name: str, one: _Talk, answer: Future[Message], now: float) -> None:
        try:
            body = answer.result().body
        except XRoadError as error:
            one.problem = str(error)
            return
        one.problem = body.get("refused")
        if "cosignature" in body:
            self._cosigned(name, one, body["cosignature"])
        for text in body.get("split", ()):
            self.service.hear(text, name)
        if body.get("split"):
            one.problem = "it knows two views of this log: see xroad-lite log witness status"
        known = body.get("known", ())[:MAX_PROOFS]
        if known:
            self._show_again(name, one, known, now)

    def _cosigned(self, name: str, one: _Talk, text: str) -> None:
        assert one.shown is not None
        try:
            line = notes.read_line(text)
            at = _verified(one.shown, line, self.service.keys(url_path(SubsystemId.parse(name))))
        except XRoadError as error:
            one.problem = str(error)
            return
        size = Checkpoint.read(one.shown).size
        self._checkpoints.table.cosign(size, [line])
        one.cosigned, one.proofs, one.rounds = size, {size}, 0
        self._store.count("witness.cosigned")
        one.problem = (
            None if at <= self.service.now + 300 else f"it cosigned at {times.to_text(at)}"
        )

    def _show_again(self, name: str, one: _Talk, known: Sequence[str], now: float) -> None:
        """Prove what the witness asks for; what it knows must be of this very log."""
        for text in known:
            self.service.hear(text, name)
            try:
                one.proofs.add(Checkpoint.read(notes.read(text.encode())).size)
            except LogError:
                continue
        one.rounds += 1
        if one.rounds < _ROUNDS:
            one.next_at = now
        else:
            one.rounds, one.problem = 0, f"it knows {len(known)} checkpoints that do not fit"


def witnesses(snapshot: Snapshot, me: str, now: float, settings: Witnesses) -> list[str]:
    """Whom agreements let ``me`` show checkpoints to: the same few every time, by chance."""
    found = []
    for name in snapshot.subsystems:
        party = snapshot.party(name)
        if name == me or party is None or party.service(SHOWN) is None:
            continue
        movement = policy.Movement(policy.REQUEST, me, name, SHOWN, "", now)
        try:
            policy.find(snapshot, movement, None)
        except XRoadError:
            continue
        found.append(name)
    chance = random.Random(me)  # noqa: S311  spreads the load, hides nothing
    return sorted(chance.sample(sorted(found), min(len(found), settings.most)))


def _verified(shown: Note, line: Signature, keys: Sequence[Verifier]) -> int:
    """When it was cosigned, by one of a witness's keys; ``LogError`` if by none."""
    note = shown.with_signatures([line])
    for key in keys:
        as_witness = Verifier(key.name, COSIGNATURE, key.public)
        if note.by(as_witness):
            return cosigned_at(note, as_witness)
    raise LogError(
        "log.not_cosigned", "the cosignature is by no key that is listed for the witness"
    )
