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
from xroad_lite.audit.heads import Found, Heads
from xroad_lite.audit.identities import Identities
from xroad_lite.audit.opening import Bundle, Evidence, Log, LoneProof, Registry
from xroad_lite.audit.registries import Registries
from xroad_lite.audit.report import Check, Report
from xroad_lite.audit.time_stamps import TimeStamps
from xroad_lite.errors import LogError, XRoadError
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.evidence import parts
from xroad_lite.messagelog.evidence.containers import Asice
from xroad_lite.messagelog.evidence.parts import Finding, Part
from xroad_lite.messagelog.evidence.tally import Tally
from xroad_lite.messagelog.notes import Verifier

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
    registry: Registry | None = None

    def run(self) -> Report:
        evidence, asked = self.evidence, self.asked
        source = evidence.source
        if isinstance(evidence, Bundle):
            self._files(evidence)
        heads, stamps = Heads.read(evidence, asked.key), TimeStamps.of(evidence)
        heads.add_earlier(stamps.notes)
        registries = self._registries()
        tally = Tally(source.size, source.whole)
        try:
            for part in self._parts(stamps.sizes):
                tally.add(part)
        except LogError as error:
            self._find(parts.ENTRIES, "", error)
        tally.finish()
        for one in (*heads.findings, *tally.findings):
            self.findings.setdefault(one.check, []).append(one)
        if registries is not None:
            registries.take(tally)
        proved = stamps.judge(registries, asked.authorities)
        self._say(parts.HEAD, heads.check_signed(registries))
        self._entries(tally, heads.head)
        self._seals(tally)
        self._say(parts.HISTORY, heads.check_history(tally))
        self._time(tally, stamps, proved)
        self._say(parts.VIEW, heads.check_view(registries))
        self._who(tally, registries, proved)
        self._container(registries)
        return self._report(tally, heads)

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

    def _entries(self, tally: Tally, head: Checkpoint | None) -> None:
        found: list[Finding] = []
        evidence = self.evidence
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

    def _report(self, tally: Tally, heads: Heads) -> Report:
        whole = tally.whole and tally.entries == tally.size
        return Report(
            what=str(self.evidence.path),
            log=heads.head.origin if heads.head else "",
            size=tally.size,
            checks=tuple(self.checks[number] for number in sorted(self.checks)),
            gone=tuple(tally.gone),
            anchors=tuple(self._anchors(heads)),
            counts={
                "entries": tally.entries if tally.whole else len(_chosen(self.evidence)),
                "seals": tally.seals,
                "bodies": tally.bodies,
                "erased": sum(one.count for one in tally.gone),
            },
            root=tally.root().hex() if whole else "",
        )

    def _anchors(self, heads: Heads) -> Iterator[str]:
        if self.registry is not None:
            yield f"the registry's root, SHA-256 {hashlib.sha256(self.registry.anchor).hexdigest()}"
        yield from (f"the log's key {one}" for one in heads.signers())

    def _find(self, number: int, place: str, error: XRoadError) -> None:
        one = Finding(number, place, error.code, error.message)
        self.findings.setdefault(number, []).append(one)

    def _say(self, number: int, found: Found | None) -> None:
        """Of a check that may have nothing to stand on: then it says only what was found before."""
        if found is not None or number in self.findings:
            self._add(number, *(found or ("", [])))

    def _add(self, number: int, said: str, found: Sequence[Finding]) -> None:
        known = self.findings.pop(number, [])
        self.checks[number] = Check(number, said, (*known, *found))


def _chosen(evidence: Log | Bundle) -> Sequence[int]:
    return (evidence.manifest.entries or ()) if isinstance(evidence, Bundle) else ()


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
