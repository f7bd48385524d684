"""Whatever is delivered was allowed when it was sealed, and says nothing more than was allowed.

A machine of hypothesis: agreements are made, approved by one or both, ended; sender and receiver
learn of it at different times; messages are sealed honestly and dishonestly, and wait for days.
What must hold is said again here, from the documents' own dates, without asking ``policy``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from judging import BIRTH, BIRTHS, DAY, HEALTH, NOW, Instance, judged

from xroad_lite import strict_json, times
from xroad_lite.envelope import Sealed, seal
from xroad_lite.errors import RefusedError
from xroad_lite.exchange import Draft, Outcome, prepare, seal_ready
from xroad_lite.identifiers import new_message_id
from xroad_lite.policy import projection
from xroad_lite.registry import Snapshot
from xroad_lite.registry.agreements import agreement_path, approval_path, ending_path

HOUR = 3600.0
NEEDED = ("resourceType", "identifier", "birthDate")
FIELDS = (None, NEEDED, (*NEEDED, "name"), (*NEEDED, "gender"), (*NEEDED, "name", "gender"))
PARTIES = frozenset({"provider", "consumer"})
PLAIN = "20" if os.environ.get("CI") == "true" else "8"
ROUNDS = int(os.environ.get("XROAD_LITE_ROUNDS", PLAIN))


@dataclass(frozen=True)
class Terms:
    """One version of births: what its documents say; times are Unix seconds."""

    begins: float
    until: float
    drain: float
    fields: tuple[str, ...] | None
    approved: frozenset[str]
    ended: float | None = None

    @property
    def holds(self) -> bool:
        """Whether both have approved it."""
        return self.approved == PARTIES


@dataclass(frozen=True)
class State:
    """A published state of the registry, and what it says of each version."""

    snapshot: Snapshot
    terms: tuple[Terms, ...]

    def allows(self, version: int, sealed: float, now: float, said: set[str]) -> bool:
        """Whether a body of these fields, sealed then, may be received now."""
        if version > len(self.terms) or not (terms := self.terms[version - 1]).holds:
            return False
        later = [one.begins for one in self.terms[version:] if one.holds]
        own_end = terms.until if terms.ended is None else min(terms.until, terms.ended)
        until = min([own_end, *later])
        allowed = terms.fields is None or said <= set(terms.fields)
        return terms.begins <= sealed < until and now < until + terms.drain and allowed


class Registry:
    """Makes states of the registry of terms."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._plain = yaml.safe_load(instance.documents[BIRTHS])

    def state(self, version: int, terms: Sequence[Terms], now: float) -> State:
        """The documents of these terms, approved as they say, published now."""
        files = {path: one for path, one in self.instance.documents.items() if "births" not in path}
        for number, one in enumerate(terms, 1):
            files[agreement_path("births", number)] = self._written(number, one)
            if one.ended is not None:
                end = {"agreement": "births", "version": number, "by": "consumer"}
                files[ending_path("births", number)] = yaml.safe_dump(
                    end | {"at": times.to_text(one.ended)}
                ).encode()
        files |= self.instance.approvals(files)
        for number, one in enumerate(terms, 1):
            for role in PARTIES - one.approved:
                del files[approval_path(agreement_path("births", number), role)]
        snapshot = Snapshot.draft(files, version=version, published=now, expires=NOW + 900 * DAY)
        return State(snapshot, tuple(terms))

    def _written(self, number: int, one: Terms) -> bytes:
        document = self._plain | {
            "version": number,
            "period": {"from": times.to_text(one.begins), "until": times.to_text(one.until)},
            "drain": f"PT{one.drain:.0f}S",
        }
        if one.fields is not None:
            document["fields"] = {"health.birth": [f"/{name}" for name in one.fields]}
        return yaml.safe_dump(document).encode()


HEARD = st.sampled_from(["both", "both", "sender", "receiver", "nobody"])


class InTime(RuleBasedStateMachine):
    """Two nodes, each with its own newest state, and a clock for both."""

    registry: Registry

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        first = Terms(NOW - HOUR, NOW + DAY, 2 * HOUR, None, PARTIES)
        self.terms = [first]
        self.history = [self.registry.state(1, self.terms, NOW)]
        self.sender = self.receiver = 0
        self.waiting: list[tuple[Sealed, int, int]] = []

    @rule(hours=st.sampled_from([0.01, 1, 11, 23, 30, 70]))
    def time_passes(self, hours: float) -> None:
        """Minutes or days; then what waited longest comes."""
        self.now += hours * HOUR
        for which in range(min(3, len(self.waiting))):
            self.delivered(which, True)

    @precondition(lambda self: len(self.terms) < 4)
    @rule(
        begins=st.sampled_from([-1, 0, 2, 30]),
        days=st.sampled_from([1, 3, 40]),
        drain=st.sampled_from([0.0, HOUR, DAY]),
        fields=st.sampled_from(FIELDS),
        approved=st.sampled_from([PARTIES, PARTIES, frozenset({"provider"})]),
        heard=HEARD,
    )
    def another_version(
        self,
        begins: int,
        days: int,
        drain: float,
        fields: tuple[str, ...] | None,
        approved: frozenset[str],
        heard: str,
    ) -> None:
        """That begins soon, or already has."""
        start = self.now + begins * HOUR
        self.terms.append(Terms(start, start + days * DAY, drain, fields, approved))
        self._publish(heard)

    @rule(which=st.integers(0, 3), hours=st.sampled_from([0, 1, 30]), heard=HEARD)
    def ended(self, which: int, hours: float, heard: str) -> None:
        """By the consumer, now or soon."""
        which %= len(self.terms)
        if self.terms[which].ended is None:
            self.terms[which] = replace(self.terms[which], ended=self.now + hours * HOUR)
            self._publish(heard)

    @rule(which=st.integers(0, 3), heard=HEARD)
    def approved_at_last(self, which: int, heard: str) -> None:
        """The other party approves too."""
        which %= len(self.terms)
        if not self.terms[which].holds:
            self.terms[which] = replace(self.terms[which], approved=PARTIES)
            self._publish(heard)

    def _publish(self, heard: str) -> None:
        self.history.append(self.registry.state(len(self.history) + 1, self.terms, self.now))
        self.news_arrives(heard in ("sender", "both"), heard in ("receiver", "both"))

    @rule(sender=st.booleans(), receiver=st.booleans())
    def news_arrives(self, sender: bool, receiver: bool) -> None:
        """At one of the two, or both."""
        self.sender = len(self.history) - 1 if sender else self.sender
        self.receiver = len(self.history) - 1 if receiver else self.receiver

    @rule(body=st.sampled_from(FIELDS))
    def honestly(self, body: tuple[str, ...] | None) -> None:
        """Under whatever agreement the sender's own state allows it."""
        draft = Draft("publish", "health.birth", self._record(body), subject="s-1")
        snapshot = self.history[self.sender].snapshot
        try:
            (ready,) = prepare(draft, snapshot, HEALTH, self.now, new_message_id(self.now))
        except RefusedError:
            return
        sealed = seal_ready([(ready, 1)], self._key(), now=self.now)[0]
        version = int(ready.attributes["agreement"].rpartition("/")[2])
        said = set(strict_json.loads(sealed.body))
        state = self.history[self.sender]
        assert state.allows(version, float(int(self.now)), self.now, said), (version, said)
        self.waiting.append((sealed, version, self.sender))
        self.delivered(len(self.waiting) - 1, True)

    @precondition(lambda self: self.waiting)
    @rule(version=st.integers(1, 4), body=st.sampled_from(FIELDS), early=st.sampled_from([0, HOUR]))
    def dishonestly(self, version: int, body: tuple[str, ...] | None, early: float) -> None:
        """By somebody with the sender's key: another version, more fields, an earlier time."""
        like, _, _ = self.waiting[-1]
        at = self.now - early
        snapshot = self.history[self.sender].snapshot
        iri = f"{self.registry.instance.base}agreements/births/{version}"
        agreement = snapshot.agreement(iri)
        changed = {
            "agreement": iri,
            "projection": projection(agreement, "health.birth") if agreement else None,
            "id": new_message_id(at),
            "time": times.to_text(at),
            "registry": snapshot.name,
        }
        attributes = replace(like.opened.attributes, **changed)
        content = strict_json.dumps(self._record(body))
        sealed = seal(attributes, content, self._key(), issued_at=int(at))
        self.waiting.append((sealed, version, self.sender))
        self.delivered(len(self.waiting) - 1, True)

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 50), keep=st.booleans())
    def delivered(self, which: int, keep: bool) -> None:
        """Only what both states allowed when it was sealed, and no field more."""
        which %= len(self.waiting)
        sealed, version, sender = self.waiting[which]
        if not keep:
            del self.waiting[which]
        learnt = [one.snapshot for one in self.history[: self.receiver + 1]]
        found = judged(sealed, *learnt, now=self.now, refreshed=self.now)
        said, at = set(strict_json.loads(sealed.body)), float(sealed.opened.issued_at)
        mine, theirs = self.history[self.receiver], self.history[sender]
        allowed = mine.allows(version, at, self.now, said) and theirs.allows(version, at, at, said)
        if found.verdict.outcome is Outcome.ACCEPTED:
            assert allowed, (version, said, found.verdict)
        elif found.verdict.check == 6 and "projection" not in found.verdict.code:
            assert not allowed, (version, said, found.verdict)

    def _record(self, fields: tuple[str, ...] | None) -> dict[str, Any]:
        return {name: one for name, one in BIRTH.items() if fields is None or name in fields}

    def _key(self) -> Any:
        return self.registry.instance.signers[HEALTH]


def test_whatever_is_delivered_was_allowed_when_it_was_sealed(instance: Instance) -> None:
    """And what check 6 refuses was not; in registries that two nodes learn of at other times."""
    InTime.registry = Registry(instance)
    run_state_machine_as_test(
        InTime,
        settings=settings(
            max_examples=ROUNDS,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("fields", FIELDS)
def test_an_agreement_in_force_delivers(fields: tuple[str, ...] | None, instance: Instance) -> None:
    """The machine is not true because nothing ever arrives."""
    InTime.registry = Registry(instance)
    machine = InTime()
    machine.another_version(0, 3, HOUR, fields, PARTIES, "both")
    machine.honestly(None)
    sealed, version, _ = machine.waiting[0]
    assert version == 2
    assert set(strict_json.loads(sealed.body)) == set(fields or BIRTH)
    found = judged(sealed, *(one.snapshot for one in machine.history))
    assert found.verdict.outcome is Outcome.ACCEPTED, found.verdict
