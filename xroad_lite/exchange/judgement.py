"""The words in which the pipeline speaks: verdicts, and what a node is at one moment.

Holds values only; does not check anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from xroad_lite.encryption import Holder
from xroad_lite.envelope import Attributes, Seal
from xroad_lite.exchange.compiled import Wording
from xroad_lite.registry import Agreement, KnownSnapshots, SchemaVersion, Snapshot
from xroad_lite.semantics import Loss

NAMES = (
    "form",
    "registry",
    "identity",
    "signature",
    "freshness",
    "policy",
    "digest",
    "schema",
    "meaning",
)


class Result(Enum):
    """What one check said."""

    PASSED = "passed"
    REFUSED = "refused"
    UNDECIDED = "undecided"
    NOT_REACHED = "not reached"


class Outcome(Enum):
    """What all checks together mean for a message."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of every check, and, where one did not pass, which and why."""

    outcome: Outcome
    results: tuple[Result, ...]
    check: int | None = None
    code: str = ""
    message: str = ""
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """As a log entry and ``--json`` hold it."""
        return dict(_ACCEPTED_JSON) if self is ACCEPTED else _verdict_json(self)


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    found: dict[str, Any] = {
        "outcome": verdict.outcome.value,
        "checks": [result.value for result in verdict.results],
    }
    if verdict.check is not None:
        found |= {"check": verdict.check, "code": verdict.code, "message": verdict.message[:1000]}
    return found


ACCEPTED = Verdict(Outcome.ACCEPTED, (Result.PASSED,) * len(NAMES))
"""The one verdict of all that pass."""
_ACCEPTED_JSON = _verdict_json(ACCEPTED)


class OpenRequest(NamedTuple):
    """A request of ours that waits for its answer."""

    recipient: str
    type: str
    identity: str
    expires: float
    agreement: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Awaited:
    """A message of ours for which its recipient owes us a receipt; sealed at Unix seconds."""

    recipient: str
    identity: str
    agreement: str
    purpose: str
    sealed: float


class Memory(Protocol):
    """What the checks ask of this node's past."""

    def accepted(self, subscription: str, source: str, message_id: str) -> str | None:
        """The identity of the seal accepted under this id, if one was."""
        ...

    def open_request(self, message_id: str) -> OpenRequest | None:
        """Our request with this id, if it still waits."""
        ...

    def awaited(self, message_id: str) -> Awaited | None:
        """Our message with this id, if its agreement asks for receipts."""
        ...


NOBODY = Holder("")
"""Holds no keys."""


@dataclass(slots=True)
class Course:
    """How messages are read that are alike, and answer requests of one type if they answer any."""

    agreement: Agreement
    wording: Wording | None = None


@dataclass(slots=True)
class Alike:
    """What holds of all messages that are alike at one moment, found out from the first of them."""

    known: KnownSnapshots
    snapshot: Snapshot
    """The sender's."""
    agreed: Agreement | None
    """The agreement as its sender knew it."""
    remembered_until: float
    good_until: float
    """When they are as old as the instance, and the agreement too, lets them be; Unix seconds."""
    stands: bool = False
    """Whether their certificate may speak for their source."""
    operation: str | None = None
    """Of those that answer nothing."""
    courses: dict[tuple[str, str | None, float | None], Course] = field(default_factory=dict)
    """By operation, by the type of the request that is answered, and by when was sealed, Unix
    seconds, what a receipt is for."""


LIKENESS = attrgetter(
    "source",
    "recipient",
    "type",
    "agreement",
    "purpose",
    "registry",
    "dataschema",
    "datacontenttype",
    "projection",
    "endpoint",
)
"""The attributes by which messages are alike; also their certificates, and when they were sealed.

Checks 2, 3 and 6, and in part 5 and 8, ask nothing else of a message: so at one moment they say of
all that are alike what they said of the first.
"""


@dataclass(frozen=True, slots=True)
class Receiving:
    """This node at one moment: who it is, what it knows, and in which terms it reads.

    ``reads`` gives the IRI of the schema that a message is read as, from its type and, for a
    reply, the id of the request; None for the message's own. ``takes_prefix`` says of which types
    bodies may have Confluent's wire prefix. ``trusted`` is what is known of other instances'
    registries, by instance: which are trusted, this instance's own snapshot says.
    """

    me: str
    now: float
    known: KnownSnapshots
    memory: Memory
    reads: Callable[[str, str | None], str | None]
    max_body: int
    takes_prefix: Callable[[str], bool] = lambda _: False
    trusted: Mapping[str, KnownSnapshots] = field(default_factory=dict)
    holder: Holder = NOBODY
    """Opens what was encrypted to this node, with its private keys."""
    proved_at: float | None = None
    """In an audit: when a time stamp proves that the seal existed, Unix seconds."""
    seals: Mapping[bytes, tuple[Seal, bool]] = field(default_factory=dict, repr=False)
    """Those that came together, by token, and whether their signatures hold."""
    alike: dict[object, Alike] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What passed at this moment; to be cleared where something is learned in the midst of it."""


@dataclass(slots=True)
class Judgement:
    """One message as it came, and what the checks found out on their way to the verdict."""

    token: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    body: bytes = field(repr=False)
    node: Receiving = field(repr=False)
    verdict: Verdict = field(init=False)
    opened: Seal | None = None
    holds: bool | None = None
    """Whether its signature does, where that was found out with others'."""
    attributes: Attributes = field(init=False)
    """The sealed ones; only once the form has passed."""
    alike: Alike | None = field(default=None, repr=False)
    proven: bool = False
    """Whether the signature holds: only then is anything in the seal worth keeping."""
    operation: str = ""
    agreement: Agreement | None = None
    agreed: Agreement | None = None
    """The agreement as its sender knew it when it sealed: that decides how a body travels."""
    course: Course | None = field(default=None, repr=False)
    request: OpenRequest | None = None
    awaited: Awaited | None = None
    """What a receipt is for."""
    known: KnownSnapshots | None = None
    """What is known of the registry of the sender's instance."""
    sender_snapshot: Snapshot | None = None
    schema: SchemaVersion | None = None
    plain: bytes | None = field(default=None, repr=False)
    """What the body says: itself, or decrypted by check 7."""
    subject: str | None = None
    """Whom it is about: by name where the body says it, else as sealed."""
    value: Any = field(default=None, repr=False)
    """The body as its sender wrote it."""
    reading: Any = field(default=None, repr=False)
    """The body in this node's terms."""
    losses: tuple[Loss, ...] = ()
    reads: str | None = None
    mapping: str | None = None
    missing: str | None = None
    """The snapshot that must be fetched, of the sender's registry, before this can be judged."""
    behind: bool = False
    """Whether this instance's own registry must be looked at anew before this can be judged."""
