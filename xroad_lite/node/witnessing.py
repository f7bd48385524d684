"""Shows this log's checkpoints to witnesses over the bus, and is a witness for others.

Does not judge a checkpoint: ``messagelog.witness`` does. Whom to ask, and who may ask, agreements
say: a witness's subsystem has a service that is asked by ``xroad.checkpoint``.
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
from xroad_lite.messagelog.checkpoints import Checkpoint, cosign, cosigned_at
from xroad_lite.messagelog.notes import COSIGNATURE, Note, Signature, Verifier
from xroad_lite.messagelog.seen import Seen, SeenTable, SplitView
from xroad_lite.messagelog.witness import Earlier, hear, judge, own_note
from xroad_lite.node.checkpointing import Checkpointing
from xroad_lite.node.desk import Desk
from xroad_lite.node.message import Message
from xroad_lite.node.settings import Witnesses
from xroad_lite.registry import Snapshot

Serve = Callable[[str], Callable[[Callable[[Message], Any]], Any]]
"""``Node.serve``."""
SHOWN, ANSWER = "xroad.checkpoint", "xroad.cosignature"
_PATIENCE_SECONDS = 600.0
_MAX_SEEN, _MAX_PROOFS = 16, 32
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
    """Both sides of witnessing, for one open log."""

    def __init__(
        self,
        checkpoints: Checkpointing,
        me: str,
        desk: Desk,
        serve: Serve,
        settings: Witnesses,
        talk: Callable[[str], object],
    ) -> None:
        self._store = checkpoints.store
        self.seen = SeenTable(self._store)
        self.seen.create()
        self._checkpoints = checkpoints
        self._me = me
        self._desk = desk
        self._serve = serve
        self._settings = settings
        self._talk = talk
        self._snapshot: Snapshot | None = None
        self._serving = False
        self._witnesses: dict[str, _Talk] = {}
        self._now = 0.0

    def pump(self, snapshot: Snapshot, now: float) -> None:
        """Show what is due, and take in what the witnesses answered."""
        self._now = now
        if snapshot is not self._snapshot:
            self._read(snapshot)
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

    def _read(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        before, self._witnesses = self._witnesses, {}
        for name in witnesses(snapshot, self._me, self._now, self._settings):
            self._witnesses[name] = before.get(name, _Talk())
        party = snapshot.party(self._me)
        if party is not None and party.service(SHOWN) is not None and not self._serving:
            self._serving = True
            self._serve(SHOWN)(self._judge)

    # for others

    def _judge(self, message: Message) -> dict[str, Any]:
        """Answer a party that shows a checkpoint of its own log."""
        body, at = message.body, self._now
        for text in body.get("seen", ())[:_MAX_SEEN]:
            self._hear(text, message.source, at)
        try:
            keys = self._keys(url_path(SubsystemId.parse(message.source)))
            shown = Seen(at, message.source, own_note(body["checkpoint"], keys))
            found = judge(self.seen, shown, _proofs(body.get("proofs", ()), keys))
        except LogError as error:
            return {"refused": f"{error.code}: {error.message}"[:1000]}
        if found.split is not None:
            self._alarm(found.split)
            return {"split": [str(found.split.one), str(found.split.other)]}
        if not found.follows:
            return {"known": [str(one) for one in found.known][:_MAX_PROOFS]}
        line = cosign(shown.note, self._checkpoints.signer, int(at))
        return {"cosignature": str(line)}

    def _hear(self, text: str, by: str, at: float) -> None:
        """Take in what another party saw of some log; of this one, it must be what this log is."""
        try:
            origin = Checkpoint.read(notes.read(text.encode())).origin
            told = Seen(at, by, own_note(text, self._keys(origin)))
        except XRoadError:
            self._store.count("witness.not_understood")
            return
        if origin == self._checkpoints.signer.name:
            self._check_own(told)
            return
        view = hear(self.seen, told)
        if view is not None:
            self._alarm(view)

    def _keys(self, origin: str) -> list[Verifier]:
        """The keys that the registry lists for a log."""
        assert self._snapshot is not None
        party = self._snapshot.party(str(SubsystemId.parse(origin)))
        listed = party.subsystem.log_keys if party is not None else []
        return [Verifier.read(one) for one in listed]

    def _alarm(self, view: SplitView) -> None:
        self._talk(
            f"log.split_view: the log of {view.origin} signed two views of its first "
            f"{Checkpoint.read(view.one).size} entries: see xroad-lite log witness status"
        )
        self._store.count("witness.split_views")

    # for this log

    def _show(self, name: str, one: _Talk, now: float) -> None:
        note = self._checkpoints.newest
        if note is None or not self._has_news(one, Checkpoint.read(note).size):
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
        for size in sorted(size for size in sizes if size < shown.size)[-_MAX_PROOFS:]:
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
        return random.sample(found, min(len(found), _MAX_SEEN))

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
            self._hear(text, name, now)
        if body.get("split"):
            one.problem = "it knows two views of this log: see xroad-lite log witness status"
        known = body.get("known", ())[:_MAX_PROOFS]
        if known:
            self._show_again(name, one, known, now)

    def _cosigned(self, name: str, one: _Talk, text: str) -> None:
        assert one.shown is not None
        try:
            line = _line(text)
            at = _verified(one.shown, line, self._keys(url_path(SubsystemId.parse(name))))
        except XRoadError as error:
            one.problem = str(error)
            return
        size = Checkpoint.read(one.shown).size
        self._checkpoints.table.cosign(size, [line])
        one.cosigned, one.proofs, one.rounds = size, {size}, 0
        self._store.count("witness.cosigned")
        one.problem = None if at <= self._now + 300 else f"it cosigned at {times.to_text(at)}"

    def _show_again(self, name: str, one: _Talk, known: Sequence[str], now: float) -> None:
        """Prove what the witness asks for; what it knows must be of this very log."""
        for text in known:
            self._hear(text, name, now)
            try:
                one.proofs.add(Checkpoint.read(notes.read(text.encode())).size)
            except LogError:
                continue
        one.rounds += 1
        if one.rounds < _ROUNDS:
            one.next_at = now
        else:
            one.rounds, one.problem = 0, f"it knows {len(known)} checkpoints that do not fit"

    def _check_own(self, told: Seen) -> None:
        """What this log's key has signed must be what this log is."""
        said, size = told.checkpoint, self._store.size
        if said.size > size:
            self._talk(
                f"log.set_back: {told.by} knows a checkpoint of {said.size} entries of this log, "
                f"which has {size}: it was set back, with its trusted store"
            )
            self._store.count("witness.set_back")
            return
        mine = Checkpoint(said.origin, said.size, merkle.root(said.size, self._store.read_hash))
        if mine.root != said.root:
            note = mine.sign(self._checkpoints.signer)
            view = SplitView(said.origin, told.at, note, told.note)
            if self.seen.split(view):
                self._alarm(view)


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


def _proofs(items: Sequence[dict[str, Any]], keys: Sequence[Verifier]) -> dict[int, Earlier]:
    found = {}
    for item in items[:_MAX_PROOFS]:
        note = own_note(item["checkpoint"], keys)
        hashes = [notes.base64(one) for one in item["hashes"]]
        found[Checkpoint.read(note).size] = Earlier(note, hashes)
    return found


def _line(text: str) -> Signature:
    """One signature line, from a text."""
    return notes.read(f"x\n\n{text}".encode()).signatures[0]


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
