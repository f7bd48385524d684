"""What a proposed registry would have changed of the messages of a log; changes nothing itself.

Schemas, mappings and agreements are asked about one at a time, each of the registry that has them:
of another instance's only that one's proposal can tell. A body that is erased, or that no key at
hand opens, is counted as such: nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from xroad_lite import policy, times
from xroad_lite.encryption import Holder
from xroad_lite.envelope import Attributes, parse_seal
from xroad_lite.errors import EncryptionError, RegistryError, XRoadError
from xroad_lite.exchange.calls import sealed_call
from xroad_lite.exchange.compiled import compiled_schema, compiled_translator
from xroad_lite.exchange.wire_prefix import MARK, decode_marked
from xroad_lite.messagelog import entries
from xroad_lite.messagelog.evidence.parts import Source
from xroad_lite.registry import Agreement, SchemaVersion, Snapshot
from xroad_lite.registry.agreements import Force
from xroad_lite.registry.trusted import instance_of
from xroad_lite.replay.days import Days
from xroad_lite.replay.recorded import Recorded, recorded

SCHEMA, MAPPING, AGREEMENT = "schema", "mapping", "agreement"
MAX_CHANGES = 500
_MEANING, _POLICY = 9, 6
_ACCEPTED = (entries.ACCEPTED, entries.DUPLICATE)


@dataclass(slots=True)
class Change:
    """What would have become of some messages of a type, in words; ``entry`` is one of them."""

    type: str
    said: str
    count: int
    entry: int
    id: str


@dataclass(slots=True)
class Counts:
    """The messages of a type: each is in one of the numbers."""

    same: int = 0
    changed: int = 0
    erased: int = 0
    closed: int = 0
    """Confidential, and no key at hand opens them."""
    foreign: int = 0
    """Of whose schema, mapping or agreement another instance's registry would tell."""
    unread: int = 0
    """Of which the registry of their day is not here, or which it does not read."""


@dataclass(slots=True)
class Forecast:
    """What would have changed, by type."""

    types: dict[str, Counts] = field(default_factory=dict)
    changes: dict[tuple[str, str], Change] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """How many messages would have fared otherwise."""
        return sum(one.changed for one in self.types.values())

    def add(self, type_: str, said: str, one: Recorded, id: str) -> None:
        """Count a message that would have fared otherwise."""
        known = self.changes.get((type_, said))
        if known is not None:
            known.count += 1
        elif len(self.changes) < MAX_CHANGES:
            self.changes[type_, said] = Change(type_, said, 1, one.index, id)


class Proposal(Snapshot):
    """A proposed registry: its agreements are asked as if both parties had approved them."""

    def force(self, agreement: Agreement) -> Force | str:
        """See ``Snapshot``."""
        found = super().force(agreement)
        if isinstance(found, Force):
            return found
        start, until = (
            times.to_unix(one) for one in (agreement.period.start, agreement.period.until)
        )
        return Force(start, until, until + times.duration(agreement.drain), "its period")


class _ErasedError(Exception):
    """The body that would tell is not kept any more."""


class _ForeignError(Exception):
    """Another instance's registry would tell."""


@dataclass(slots=True)
class Tomorrow:
    """A proposed registry, the registries of the messages' days, and the keys at hand."""

    kind: str
    proposed: Proposal
    days: Days
    holder: Holder
    now: float
    """When a proposed agreement is asked, Unix seconds: it may be in force from today on."""

    def foresee(self, source: Source, progress: Callable[[int], None] = lambda _: None) -> Forecast:
        """Hold every message of a log that passed against what is proposed.

        And of those that did not, the ones that what is proposed might have let pass.
        """
        found, certificates = Forecast(), dict(source.certificates)
        for one in recorded(source):
            if one.entry.kind == "snapshot":
                self.days.adopt(one.entry)
            elif one.entry.kind == "message" and one.entry.proven and self._matters(one):
                self._take(one, certificates, found)
            progress(one.index)
        return found

    def _matters(self, one: Recorded) -> bool:
        fields = one.entry.fields
        verdict = fields.get("verdict") or {}
        passed = fields["direction"] == entries.OUT or verdict.get("outcome") in _ACCEPTED
        if self.kind == MAPPING:
            return "reads" in fields and (passed or verdict.get("check") == _MEANING)
        return passed or (self.kind == AGREEMENT and verdict.get("check") == _POLICY)

    def _take(self, one: Recorded, certificates: dict[str, bytes], found: Forecast) -> None:
        sealed = parse_seal(one.entry.seal(certificates)).attributes
        counts = found.types.setdefault(sealed.type, Counts())
        try:
            said = list(dict.fromkeys(self._asked(one, sealed)))
        except _ErasedError:
            counts.erased += 1
            return
        except _ForeignError:
            counts.foreign += 1
            return
        except EncryptionError:
            counts.closed += 1
            return
        except XRoadError:
            counts.unread += 1
            return
        counts.changed += bool(said)
        counts.same += not said
        for text in said:
            found.add(sealed.type, text, one, sealed.id)

    def _asked(self, one: Recorded, sealed: Attributes) -> Iterator[str]:
        ask = {SCHEMA: self._schema, MAPPING: self._mapping, AGREEMENT: self._agreement}
        return ask[self.kind](one, sealed)

    # a schema

    def _schema(self, one: Recorded, sealed: Attributes) -> Iterator[str]:
        written, day = self.days.written(one.entry, sealed)
        self._check_of(day.instance.instance)
        version = self.proposed.latest_schema(sealed.type)
        if version is None:
            yield "no version of it would be in use"
            return
        if (version.iri, version.sha256) == (written.iri, written.sha256):
            return
        compiled, writer = compiled_schema(self.proposed, version), compiled_schema(day, written)
        if version.kind != written.kind:
            yield f"it would be {version.kind}, and was {written.kind}"
            return
        plain = self._plain(one)
        try:
            if plain.startswith(MARK):
                value = decode_marked(writer, written, plain, asked=True)
            else:
                value = compiled.decode_from(plain, writer)
        except XRoadError as error:
            yield f"would be refused by version {version.version}: {error.message}"
            return
        for each in compiled.validate(value):
            where = _general(each.path) or "the body"
            yield f"would be refused by version {version.version}: {where}: {each.message}"

    # a mapping

    def _mapping(self, one: Recorded, sealed: Attributes) -> Iterator[str]:
        written, _ = self.days.written(one.entry, sealed)
        then = self.days.here(one.entry)
        self._check_of(then.instance.instance)
        target = then.schema(one.entry.fields["reads"])
        if target is None:
            raise RegistryError("registry.missing_schema", "the schema that it was read as is gone")
        later = self.proposed.schema(target.iri)
        if later is None:
            yield f"could not be read: there would be no {target.iri}"
            return
        before = compiled_translator(then, written, target)
        after = compiled_translator(self.proposed, written, later)
        if before.digest == after.digest and target.sha256 == later.sha256:
            return
        value = self._value(one, sealed)
        old, why_old = _translated(before, value, then, target)
        new, why_new = _translated(after, value, self.proposed, later)
        if why_new and not why_old:
            yield f"could not be read any more: {why_new}"
        elif why_old and not why_new:
            yield f"could be read, and was not: {why_old}"
        elif not why_new:
            yield from _compared(old, new)

    # an agreement

    def _agreement(self, one: Recorded, sealed: Attributes) -> Iterator[str]:
        here = self.days.here(one.entry)
        parties = {instance_of(sealed.source), instance_of(sealed.recipient or "")} - {""}
        self._check_of(here.instance.instance, *parties)
        old = self.days.senders(one.entry, sealed).agreement(sealed.agreement)
        verdict = one.entry.fields.get("verdict") or {}
        refused = verdict.get("check") == _POLICY
        try:
            self._check_trusted(parties)
            new = self._decided(sealed, old)
        except XRoadError as error:
            if not refused:
                yield f"would be refused ({error.code}): {error.message}"
            return
        if refused:
            yield f"was refused ({verdict.get('code')}), and would pass"
            return
        fields = new.fields_.get(sealed.type)
        if fields is None or (old is not None and old.fields_.get(sealed.type) == fields):
            return
        value, (written, day) = self._value(one, sealed), self.days.written(one.entry, sealed)
        kept = compiled_schema(day, written).project(value, fields)
        for path in dict.fromkeys(_general(path) for path in _paths(value, kept)):
            yield f"the field {path} would be left out"

    def _decided(self, sealed: Attributes, old: Agreement | None) -> Agreement:
        """The newest version of its agreement that is proposed, if that lets it pass.

        One that begins later is asked on its first day.
        """
        iri = self._named(sealed, old)
        new = self.proposed.agreement(iri)
        at = self.now if new is None else max(self.now, times.to_unix(new.period.start))
        movement = policy.Movement(
            _operation(sealed, old),
            sealed.source,
            sealed.recipient,
            sealed.type,
            sealed.purpose,
            at,
            at,
            sealed_call(sealed),
        )
        return policy.decide(self.proposed, iri, movement)

    def _named(self, sealed: Attributes, old: Agreement | None) -> str:
        """The newest proposed version of the agreement that the seal names."""
        if old is None:
            return sealed.agreement
        versions = [one for one in self.proposed.agreements if one.agreement == old.agreement]
        if not versions:
            return sealed.agreement
        return self.proposed.agreement_iri(max(versions, key=lambda one: one.version))

    def _check_trusted(self, instances: set[str]) -> None:
        own = self.proposed.instance.instance
        for name in sorted(instances - {own, *self.proposed.trusted}):
            raise RegistryError("registry.untrusted_instance", f"{own} would not trust {name}")

    # what it was

    def _check_of(self, *instances: str) -> None:
        """That the proposed registry is of one of these instances."""
        if self.proposed.instance.instance not in instances:
            raise _ForeignError

    def _plain(self, one: Recorded) -> bytes:
        if one.body is None:
            raise _ErasedError
        return self.holder.logged_body(one.entry.attributes(), one.body[1])

    def _value(self, one: Recorded, sealed: Attributes) -> Any:
        plain, (written, day) = self._plain(one), self.days.written(one.entry, sealed)
        compiled = compiled_schema(day, written)
        if plain.startswith(MARK):
            return decode_marked(compiled, written, plain, asked=True)
        return compiled.decode(plain)


def _operation(sealed: Attributes, agreement: Agreement | None) -> str:
    if sealed.type == policy.RECEIPT_TYPE:
        return policy.RECEIPT
    if agreement is None or agreement.operation != policy.REQUEST:
        return policy.PUBLISH
    return policy.REPLY if sealed.inreplyto is not None else policy.REQUEST


def _translated(
    by: Any, value: Any, snapshot: Snapshot, target: SchemaVersion
) -> tuple[Any, str | None]:
    """The value in the target's terms, or why it is not readable in them."""
    result = by.apply(value)
    broken = compiled_schema(snapshot, target).validate(result.value)
    if not broken:
        return result.value, None
    return None, f"{_general(broken[0].path) or 'the body'}: {broken[0].message}"


def _compared(old: Any, new: Any) -> Iterator[str]:
    for path in dict.fromkeys(_general(path) for path in _paths(old, new)):
        yield f"{path} would be read otherwise"


def _paths(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """Where two values differ, as JSON pointers."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            if name in old and name in new:
                yield from _paths(old[name], new[name], f"{at}/{name}")
            else:
                yield f"{at}/{name}"
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _paths(one, other, f"{at}/{number}")
    elif old != new:
        yield at or "the body"


def _general(path: str) -> str:
    """A pointer without positions: what is said of one element is said of all."""
    return "/".join("*" if step.isdecimal() else step for step in path.split("/"))
