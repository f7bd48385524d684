"""The checkpoints in a piece of evidence: the head, those before it, and who has signed them.

Does not read entries: what they hash to is told. Nothing that is found raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xroad_lite.audit import bundle_files
from xroad_lite.audit.opening import Bundle, Log
from xroad_lite.audit.registries import Registries
from xroad_lite.errors import LogError, XRoadError
from xroad_lite.messagelog import checkpoints
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.evidence import parts
from xroad_lite.messagelog.evidence.parts import Finding
from xroad_lite.messagelog.evidence.tally import Tally
from xroad_lite.messagelog.notes import ED25519, Note, Verifier

Found = tuple[str, list[Finding]]
"""What a check establishes, as a sentence, and what it finds instead."""


@dataclass(slots=True)
class Heads:
    """What a log, or a bundle of it, says of its own state, and by which keys."""

    evidence: Log | Bundle
    trusted: Verifier | None
    """The log's key, from elsewhere: then no other is believed."""
    keys: list[Verifier] = field(default_factory=list)
    note: Note | None = None
    head: Checkpoint | None = None
    earlier: list[Note] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """What could not be read."""

    @classmethod
    def read(cls, evidence: Log | Bundle, trusted: Verifier | None) -> Heads:
        """All of them."""
        heads = cls(evidence, trusted)
        try:
            heads._read_head()
        except XRoadError as error:
            heads.findings.append(Finding(parts.HEAD, "", error.code, error.message))
        heads.earlier = list(heads._read_earlier())
        return heads

    def add_earlier(self, notes: Sequence[Note]) -> None:
        """Others, found elsewhere, come first; each is there once."""
        self.earlier = list({one.text: one for one in (*notes, *self.earlier)}.values())

    def _read_head(self) -> None:
        evidence = self.evidence
        if isinstance(evidence, Bundle):
            self.keys = bundle_files.keys(evidence)
            self.note = evidence.note(bundle_files.CHECKPOINT)
            self.head = bundle_files.head(evidence, self.note)
        else:
            self.keys = list(evidence.keys)
            kept = evidence.checkpoints()
            self.note = kept[-1] if kept else None
            self.head = Checkpoint.read(kept[-1]) if kept else None
        if self.trusted is not None:
            self.keys = [self.trusted]

    def _read_earlier(self) -> Iterator[Note]:
        evidence = self.evidence
        if isinstance(evidence, Log):
            yield from evidence.checkpoints()[:-1]
            return
        for path in evidence.below(bundle_files.CHECKPOINTS):
            try:
                note = evidence.note(path)
                if path != bundle_files.checkpoint_path(Checkpoint.read(note).size):
                    raise LogError("log.checkpoint", "its name says another size than it does")
                yield note
            except XRoadError as error:
                self.findings.append(Finding(parts.HISTORY, path, error.code, error.message))

    def signers(self) -> list[Verifier]:
        """The keys that signed the head."""
        return [one for one in self.keys if self.note is not None and _signed(self.note, one)]

    def check_signed(self, registries: Registries | None) -> Found | None:
        """Check 3: a key signed it that the registry lists; None where there is none to sign."""
        if self.note is None or self.head is None:
            return ("the head", []) if isinstance(self.evidence, Bundle) else None
        origin = self.head.origin
        signers = [one for one in self.signers() if one.name == origin]
        listed = registries.log_keys(origin) if registries is not None else []
        found = []
        if not self.keys:
            why = "it says whose it is, but the key is not here: --node, or --key NAME+HASH+KEY"
            found.append(_head_finding("log.no_key", why, wrong=False))
        elif not signers:
            found.append(_head_finding("log.note_signature", "no key of the log has signed it"))
        elif self.trusted is None and registries is not None and not set(signers) & set(listed):
            why = f"which no snapshot of the registry here lists for {origin}"
            why = f"it is signed by {signers[0]}, {why}"
            found.append(_head_finding("log.key_unlisted", why, wrong=bool(listed)))
        elif self.trusted is None and registries is None and isinstance(self.evidence, Bundle):
            why = f"it is signed by {signers[0]}: whose key that is, no registry here says"
            found.append(_head_finding("log.key_unlisted", why, wrong=False))
        return f"signed by a key of the log: {origin}, {self.head.size} entries", found

    def check_history(self, tally: Tally) -> Found | None:
        """Check 8: the head follows every earlier one, and each is over these entries."""
        if not self.earlier and not isinstance(self.evidence, Bundle):
            return None
        found = []
        for note in self.earlier:
            try:
                self._check_follows(note)
            except XRoadError as error:
                found.append(Finding(parts.HISTORY, _place(note), error.code, error.message))
        try:
            found += self._check_roots(tally) if tally.whole else ()
        except XRoadError as error:  # an entry that cannot be read, which check 4 tells
            found.append(Finding(parts.HISTORY, "", error.code, error.message))
        many = "checkpoint" if len(self.earlier) == 1 else "checkpoints"
        return f"the head follows {len(self.earlier)} earlier {many}", found

    def _check_follows(self, note: Note) -> None:
        if self.keys and not any(_signed(note, one) for one in self.keys):
            raise LogError("log.note_signature", "no key of the log has signed it")
        if self.head is None or not isinstance(self.evidence, Bundle):
            return
        size = Checkpoint.read(note).size
        proof = [] if size == self.head.size else bundle_files.consistency(self.evidence, size)
        checkpoints.check_follows(Checkpoint.read(note), self.head, proof)

    def _check_roots(self, tally: Tally) -> Iterator[Finding]:
        """The entries themselves give the root of each earlier checkpoint."""
        known = {Checkpoint.read(one).size: one for one in self.earlier}
        sizes = sorted(size for size in known if size <= tally.entries)
        for size, root in tally.heads(sizes, self.evidence.source):
            if Checkpoint.read(known[size]).root != root:
                why = "the entries are not those that it was signed over"
                yield Finding(parts.HISTORY, _place(known[size]), "log.root", why)

    def check_view(self, registries: Registries | None) -> Found | None:
        """Check 10: witnesses that the registry knows have cosigned; None where none did."""
        seen, found = self._seen(registries)
        if not seen and not found:
            if not isinstance(self.evidence, Bundle):
                return None
            why = "no witness that the registry knows has cosigned a checkpoint: the log may have "
            found.append(
                Finding(parts.VIEW, "", "log.not_cosigned", f"{why}shown others another", False)
            )
        return "; ".join(
            f"{name} saw it up to {size} entries" for name, size in seen.items()
        ), found

    def _seen(self, registries: Registries | None) -> tuple[dict[str, int], list[Finding]]:
        """Up to which size each witness saw the log, and which cosignatures do not hold."""
        if registries is None or self.head is None:
            return {}, []
        keys = registries.witnesses(self.head.origin)
        seen: dict[str, int] = {}
        found = []
        for note in (*self.earlier, *([self.note] if self.note else [])):
            for key in (key for key in keys if note.by(key)):
                try:
                    checkpoints.cosigned_at(note, key)
                    seen[key.name] = Checkpoint.read(note).size
                except XRoadError as error:
                    found.append(Finding(parts.VIEW, _place(note), error.code, error.message))
        return seen, found


def _signed(note: Note, key: Verifier) -> bool:
    try:
        note.verify(Verifier(key.name, ED25519, key.public))
    except LogError:
        return False
    return True


def _place(note: Note) -> str:
    return f"the checkpoint of {Checkpoint.read(note).size} entries"


def _head_finding(code: str, message: str, *, wrong: bool = True) -> Finding:
    return Finding(parts.HEAD, "checkpoint", code, message, wrong)
