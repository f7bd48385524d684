"""Verifies evidence from its bytes alone: the checks of ``report``, one after the other.

Asks nobody and no clock: ``now`` is told, since what no time stamp covers is judged as of today. A
check that finds something does not stop those after it, unless they have nothing to stand on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xroad_lite import times
from xroad_lite.audit import bundle_files, reading
from xroad_lite.audit.identities import Identities
from xroad_lite.audit.opening import Bundle, Evidence, Log, LoneProof, Registry
from xroad_lite.audit.registries import Registries
from xroad_lite.audit.report import Check, Report
from xroad_lite.audit.time_stamps import TimeStamps
from xroad_lite.errors import LogError, XRoadError
from xroad_lite.messagelog import checkpoints
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.evidence import parts
from xroad_lite.messagelog.evidence.containers import Asice
from xroad_lite.messagelog.evidence.parts import Finding, Part
from xroad_lite.messagelog.evidence.tally import Tally
from xroad_lite.messagelog.notes import ED25519, Note, Verifier

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """How to verify; ``now`` is Unix seconds."""

    now: float
    processes: int = 1
    resume: Path | None = None
    root: str | None = None
    """SHA-256 (hex) that the registry's root must have."""
    key: Verifier | None = None
    """The log's key, from elsewhere."""
    authorities: tuple[bytes, ...] = ()
    """Roots of time-stamping authorities, DER, besides those of the registry."""
    progress: Progress = lambda *_: None


def verify(evidence: Evidence, asked: Asked) -> Report:
    """The report; nothing but a wrong use raises."""
    if isinstance(evidence, LoneProof):
        from xroad_lite.audit.lone_proofs import verify_proof

        return verify_proof(evidence, asked.key)
    return _Audit(evidence, asked).run()


@dataclass(slots=True)
class _Audit:
    evidence: Log | Bundle
    asked: Asked
    checks: dict[int, Check] = field(default_factory=dict)
    findings: dict[int, list[Finding]] = field(default_factory=dict)
    keys: list[Verifier] = field(default_factory=list)
    head: Checkpoint | None = None
    note: Note | None = None
    registry: Registry | None = None

    def run(self) -> Report:
        evidence, asked = self.evidence, self.asked
        source = evidence.source
        if isinstance(evidence, Bundle):
            self._files(evidence)
        self._read_head()
        stamps = TimeStamps.of(evidence)
        earlier = list({one.text: one for one in (*stamps.notes, *self._earlier())}.values())
        registries = self._registries()
        tally = Tally(source.size, source.whole)
        try:
            for part in self._parts(stamps.sizes):
                tally.add(part)
        except LogError as error:
            self._find(parts.ENTRIES, "", error)
        tally.finish()
        for one in tally.findings:
            self.findings.setdefault(one.check, []).append(one)
        if registries is not None:
            registries.take(tally)
        proved = stamps.judge(registries, asked.authorities)
        self._head(registries)
        self._entries(tally)
        self._seals(tally)
        self._history(tally, earlier)
        self._time(tally, stamps, proved)
        self._view(registries, earlier)
        self._who(tally, registries, proved)
        self._container(registries)
        return self._report(tally)

    # What the bundle says of itself.

    def _files(self, bundle: Bundle) -> None:
        found = bundle_files.check(bundle, lambda *at: self.asked.progress("files", *at))
        self._add(parts.FILES, f"{len(bundle.paths)} files are as the manifest says", found)
        try:
            keys = [self.asked.key] if self.asked.key else bundle.keys()
            made = bundle_files.check_signed(bundle, keys)
        except XRoadError as error:
            made = [Finding(parts.MADE, "", error.code, error.message)]
        self._add(parts.MADE, f"the log {bundle.manifest.log} signed the manifest", made)

    def _read_head(self) -> None:
        evidence = self.evidence
        try:
            if isinstance(evidence, Bundle):
                self.keys = bundle_files.keys(evidence)
                self.note = evidence.note(bundle_files.CHECKPOINT)
                self.head = bundle_files.head(evidence, self.note)
            else:
                self.keys = list(evidence.keys)
                kept = evidence.checkpoints()
                self.note = kept[-1] if kept else None
                self.head = Checkpoint.read(kept[-1]) if kept else None
            if self.asked.key is not None:
                self.keys = [self.asked.key]
        except XRoadError as error:
            self._find(parts.HEAD, "", error)

    def _earlier(self) -> Iterator[Note]:
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
                self._find(parts.HISTORY, path, error)

    def _registries(self) -> Registries | None:
        others: dict[str, Registries] = {}
        try:
            found = self.registry = self.evidence.registry
            for name, one in self.evidence.trusted.items():
                others[name] = Registries(one.anchor, one.read, line=name)
        except XRoadError as error:
            self._find(parts.REGISTRY, "", error)
            return None
        if found is None:
            return None
        digest = hashlib.sha256(found.anchor).hexdigest()
        if self.asked.root is not None and self.asked.root != digest:
            self.findings.setdefault(parts.REGISTRY, []).append(
                Finding(
                    parts.REGISTRY,
                    "the registry's root",
                    "registry.other_root",
                    f"it has the SHA-256 {digest}: expected {self.asked.root}",
                )
            )
        return Registries(found.anchor, found.read, others=others)

    def _parts(self, stamped: Sequence[int]) -> Iterator[Part]:
        evidence = self.evidence
        if isinstance(evidence, Bundle):
            identity = hashlib.sha256(evidence.manifest.to_json()).hexdigest()
        else:
            identity = f"{evidence.store.size} {evidence.store.root().hex()}"
        yield from reading.read_parts(
            evidence,
            stamped,
            processes=self.asked.processes,
            resume=self.asked.resume,
            identity=identity,
            progress=lambda *at: self.asked.progress("entries", *at),
        )

    # What was found, check by check.

    def _head(self, registries: Registries | None) -> None:
        if self.note is None or self.head is None:
            if isinstance(self.evidence, Bundle):
                self._add(parts.HEAD, "the head", [])
            return
        origin = self.head.origin
        signers = [one for one in self.keys if one.name == origin and _signed(self.note, one)]
        listed = registries.log_keys(self.head.origin) if registries is not None else []
        said = f"{self.head.origin}, {self.head.size} entries"
        found = []
        if not self.keys:
            why = "it says whose it is, but the key is not here: --node, or --key NAME+HASH+KEY"
            found.append(_head_finding("log.no_key", why, wrong=False))
        elif not signers:
            found.append(_head_finding("log.note_signature", "no key of the log has signed it"))
        elif self.asked.key is None and registries is not None and not set(signers) & set(listed):
            found.append(
                _head_finding(
                    "log.key_unlisted",
                    f"it is signed by {signers[0]}, which no snapshot of the registry here lists "
                    f"for {self.head.origin}",
                    wrong=bool(listed),
                )
            )
        elif self.asked.key is None and registries is None and isinstance(self.evidence, Bundle):
            found.append(
                _head_finding(
                    "log.key_unlisted",
                    f"it is signed by {signers[0]}: whose key that is, no registry here says",
                    wrong=False,
                )
            )
        self._add(parts.HEAD, f"signed by a key of the log: {said}", found)

    def _entries(self, tally: Tally) -> None:
        found: list[Finding] = []
        evidence, head = self.evidence, self.head
        if isinstance(evidence, Bundle):
            found += bundle_files.check_entries(evidence, tally, head)
        elif head is not None:
            roots = dict(tally.heads([min(head.size, tally.entries)], evidence.source))
            if roots.get(head.size) != head.root:
                found.append(_entry_finding(head, tally.entries))
        count = tally.entries if tally.whole else len(_chosen(evidence))
        self._add(
            parts.ENTRIES, f"{_many(count, 'entry', 'entries')} well formed, in the log", found
        )

    def _seals(self, tally: Tally) -> None:
        self._add(parts.SEALS, f"{_many(tally.seals, 'seal', 'seals')} with good signatures", [])
        gone = f"; {'; '.join(map(str, tally.gone))}" if tally.gone else ""
        self._add(parts.BODIES, f"{_many(tally.bodies, 'body', 'bodies')}, as sealed{gone}", [])
        if tally.whole:
            self._add(parts.ORDER, "no message to anybody is left out of the log", [])

    def _history(self, tally: Tally, earlier: list[Note]) -> None:
        if not earlier and not isinstance(self.evidence, Bundle):
            return
        found = []
        for note in earlier:
            try:
                self._check_follows(note)
            except XRoadError as error:
                found.append(Finding(parts.HISTORY, _place(note), error.code, error.message))
        try:
            found += self._check_roots(tally, earlier) if tally.whole else ()
        except XRoadError as error:  # an entry that cannot be read, which check 4 tells
            found.append(Finding(parts.HISTORY, "", error.code, error.message))
        self._add(
            parts.HISTORY,
            f"the head follows {_many(len(earlier), 'earlier checkpoint', 'earlier checkpoints')}",
            found,
        )

    def _check_follows(self, note: Note) -> None:
        if self.keys and not any(_signed(note, one) for one in self.keys):
            raise LogError("log.note_signature", "no key of the log has signed it")
        if self.head is None or not isinstance(self.evidence, Bundle):
            return
        size = Checkpoint.read(note).size
        proof = [] if size == self.head.size else bundle_files.consistency(self.evidence, size)
        checkpoints.check_follows(Checkpoint.read(note), self.head, proof)

    def _check_roots(self, tally: Tally, earlier: list[Note]) -> Iterator[Finding]:
        """The entries themselves give the root of each earlier checkpoint."""
        known = {Checkpoint.read(one).size: one for one in earlier}
        sizes = sorted(size for size in known if size <= tally.entries)
        for size, root in tally.heads(sizes, self.evidence.source):
            if Checkpoint.read(known[size]).root != root:
                yield Finding(
                    parts.HISTORY,
                    _place(known[size]),
                    "log.root",
                    "the entries are not those that it was signed over",
                )

    def _time(
        self,
        tally: Tally,
        stamps: TimeStamps,
        proved: Sequence[float | None],
    ) -> None:
        if not stamps.found and not isinstance(self.evidence, Bundle):
            return
        found = [*stamps.findings, *stamps.check_entry_times(tally)]
        if isinstance(self.evidence, Bundle):
            found += bundle_files.check_tokens(self.evidence, tally)
        late = [
            one
            for said, one in tally.said.items()
            if said.stamp >= len(proved) or proved[said.stamp] is None
        ]
        if late:
            count, first = sum(one.count for one in late), min(one.entry for one in late)
            why = "no authority stamped" if not stamps.found else "no good stamp covers"
            found.append(
                Finding(
                    parts.TIME,
                    "",
                    "log.not_stamped",
                    f"{why} {_many(count, 'message', 'messages')}, from entry {first} on: when "
                    "that was there, only the log itself says",
                    wrong=False,
                )
            )
        self._add(parts.TIME, _span(proved, stamps.sizes), found)

    def _view(self, registries: Registries | None, earlier: list[Note]) -> None:
        notes = [*earlier, *([self.note] if self.note else [])]
        keys = [] if registries is None or self.head is None else registries.witnesses(
            self.head.origin
        )  # fmt: skip
        seen, found = {}, []
        for note in notes:
            for key in keys:
                if not note.by(key):
                    continue
                try:
                    at = checkpoints.cosigned_at(note, key)
                    seen[key.name] = (Checkpoint.read(note).size, at)
                except XRoadError as error:
                    found.append(Finding(parts.VIEW, _place(note), error.code, error.message))
        if not seen and not found:
            if not isinstance(self.evidence, Bundle):
                return
            why = "no witness that the registry knows has cosigned a checkpoint: the log may have "
            found.append(
                Finding(parts.VIEW, "", "log.not_cosigned", f"{why}shown others another", False)
            )
        said = "; ".join(f"{name} saw it up to {size} entries" for name, (size, _) in seen.items())
        self._add(parts.VIEW, said, found)

    def _who(
        self,
        tally: Tally,
        registries: Registries | None,
        proved: Sequence[float | None],
    ) -> None:
        if registries is None:
            if isinstance(self.evidence, Bundle):
                self._no_registry()
            return
        names = {one.registry for one in tally.said} | set(tally.judged)
        if isinstance(self.evidence, Bundle):
            registries.findings += bundle_files.check_registry(self.evidence)
        self._add(
            parts.REGISTRY,
            f"{_many(len(names), 'snapshot', 'snapshots')}, signed, and adopted in time",
            registries.findings,
        )
        judge = Identities(registries, self.evidence.source.certificates, proved, self.asked.now)
        count = sum(one.count for one in tally.said.values())
        self._add(
            parts.IDENTITY,
            f"{_many(count, 'seal', 'seals')}, by certificates listed for their senders",
            list(judge.judge(tally)),
        )

    def _container(self, registries: Registries | None) -> None:
        evidence = self.evidence
        if not isinstance(evidence, Bundle) or not isinstance(evidence.container, Asice):
            return
        from xroad_lite.audit import asice

        now, more = self.asked.now, self.asked.authorities
        found = asice.verify(evidence, evidence.container, registries, now, more)
        self._add(parts.CONTAINER, found.said, found.findings)

    def _no_registry(self) -> None:
        why = "there are no files of a registry in the bundle"
        for number in (parts.REGISTRY, parts.IDENTITY):
            self._add(number, "", [Finding(number, "", "registry.missing", why, wrong=False)])

    def _report(self, tally: Tally) -> Report:
        whole = tally.whole and tally.entries == tally.size
        return Report(
            what=str(self.evidence.path),
            log=self.head.origin if self.head else "",
            size=tally.size,
            checks=tuple(self.checks[number] for number in sorted(self.checks)),
            gone=tuple(tally.gone),
            anchors=tuple(self._anchors()),
            counts={
                "entries": tally.entries if tally.whole else len(_chosen(self.evidence)),
                "seals": tally.seals,
                "bodies": tally.bodies,
                "erased": sum(one.count for one in tally.gone),
            },
            root=tally.root().hex() if whole else "",
        )

    def _anchors(self) -> Iterator[str]:
        if self.registry is not None:
            yield f"the registry's root, SHA-256 {hashlib.sha256(self.registry.anchor).hexdigest()}"
        if self.note is not None:
            yield from (f"the log's key {one}" for one in self.keys if _signed(self.note, one))

    def _find(self, number: int, place: str, error: XRoadError) -> None:
        one = Finding(number, place, error.code, error.message)
        self.findings.setdefault(number, []).append(one)

    def _add(self, number: int, said: str, found: Sequence[Finding]) -> None:
        known = self.findings.pop(number, [])
        self.checks[number] = Check(number, said, (*known, *found))


def _signed(note: Note, key: Verifier) -> bool:
    try:
        note.verify(Verifier(key.name, ED25519, key.public))
    except LogError:
        return False
    return True


def _chosen(evidence: Log | Bundle) -> Sequence[int]:
    return (evidence.manifest.entries or ()) if isinstance(evidence, Bundle) else ()


def _place(note: Note) -> str:
    return f"the checkpoint of {Checkpoint.read(note).size} entries"


def _head_finding(code: str, message: str, *, wrong: bool = True) -> Finding:
    return Finding(parts.HEAD, "checkpoint", code, message, wrong)


def _entry_finding(head: Checkpoint, there: int) -> Finding:
    why = f"the first {head.size} entries are not those that it was signed over"
    if there < head.size:
        why = f"it was signed over {head.size} entries: {there} are here"
    return Finding(parts.ENTRIES, "the newest checkpoint", "log.root", why)


def _many(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _span(proved: Sequence[float | None], sizes: Sequence[int]) -> str:
    held = [(size, at) for size, at in zip(sizes, proved, strict=True) if at is not None]
    if not held:
        return "no message needed a time stamp"
    first, last = held[0][1], held[-1][1]
    until = f" to {times.to_text(last)}" if last > first else ""
    return f"stamped over {held[-1][0]} entries, {times.to_text(first)}{until}"
