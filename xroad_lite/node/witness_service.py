"""Is a witness for other logs: answers a party that shows a checkpoint of its own; asks nobody.

Takes in, too, what others saw of any log. Of this node's own log they must have seen what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xroad_lite.errors import LogError, XRoadError
from xroad_lite.identifiers import SubsystemId, url_path
from xroad_lite.messagelog import merkle, notes
from xroad_lite.messagelog.checkpoints import Checkpoint, cosign
from xroad_lite.messagelog.notes import Verifier
from xroad_lite.messagelog.seen import Seen, SeenTable, SplitView
from xroad_lite.messagelog.witness import Earlier, hear, judge, own_note
from xroad_lite.node.checkpointing import Checkpointing
from xroad_lite.node.message import Message
from xroad_lite.registry import Snapshot

MAX_SEEN, MAX_PROOFS = 16, 32
"""Of what one message may bring."""


class WitnessService:
    """What this node saw of other logs, and its answers to those who show theirs."""

    def __init__(self, checkpoints: Checkpointing, talk: Callable[[str], object]) -> None:
        self.seen = SeenTable(checkpoints.store)
        self.seen.create()
        self.now = 0.0
        self.snapshot: Snapshot | None = None
        """By whose keys notes are believed; it changes with the registry."""
        self._store = checkpoints.store
        self._checkpoints = checkpoints
        self._talk = talk

    def answer(self, message: Message) -> dict[str, Any]:
        """Answer a party that shows a checkpoint of its own log (``xroad.cosignature``)."""
        body, source = message.body, message.source
        for text in body.get("seen", ())[:MAX_SEEN]:
            self.hear(text, source)
        try:
            keys = self.keys(url_path(SubsystemId.parse(source)))
            shown = Seen(self.now, source, own_note(body["checkpoint"], keys))
            found = judge(self.seen, shown, _proofs(body.get("proofs", ()), keys))
        except LogError as error:
            return {"refused": f"{error.code}: {error.message}"[:1000]}
        if found.split is not None:
            self._alarm(found.split)
            return {"split": [str(found.split.one), str(found.split.other)]}
        if not found.follows:
            return {"known": [str(one) for one in found.known][:MAX_PROOFS]}
        return {"cosignature": str(cosign(shown.note, self._checkpoints.signer, int(self.now)))}

    def hear(self, text: str, by: str) -> None:
        """Take in a note that another party saw, of whatever log; what is no note is counted."""
        try:
            origin = Checkpoint.read(notes.read(text.encode())).origin
            told = Seen(self.now, by, own_note(text, self.keys(origin)))
        except XRoadError:
            self._store.count("witness.not_understood")
            return
        if origin == self._checkpoints.signer.name:
            self._check_own(told)
            return
        view = hear(self.seen, told)
        if view is not None:
            self._alarm(view)

    def keys(self, origin: str) -> list[Verifier]:
        """The keys that the registry lists for a log."""
        assert self.snapshot is not None
        party = self.snapshot.party(str(SubsystemId.parse(origin)))
        listed = party.subsystem.log_keys if party is not None else []
        return [Verifier.read(one) for one in listed]

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

    def _alarm(self, view: SplitView) -> None:
        self._talk(
            f"log.split_view: the log of {view.origin} signed two views of its first "
            f"{Checkpoint.read(view.one).size} entries: see xroad-lite log witness status"
        )
        self._store.count("witness.split_views")


def _proofs(items: Sequence[dict[str, Any]], keys: Sequence[Verifier]) -> dict[int, Earlier]:
    found = {}
    for item in items[:MAX_PROOFS]:
        note = own_note(item["checkpoint"], keys)
        hashes = [notes.base64(one) for one in item["hashes"]]
        found[Checkpoint.read(note).size] = Earlier(note, hashes)
    return found
